//! The last event of a run: pure, from how its queries ended.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::parts;
use super::parts::Whole;
use crate::ask::Ask;
use crate::audit;
use crate::audit::Checked;
use crate::event::CancelReason;
use crate::event::Cost;
use crate::event::FinalResult;
use crate::event::Links;
use crate::event::Performance;
use crate::event::QueryCompleted;
use crate::event::QueryStatus;
use crate::event::RunOutcome;
use crate::event::Validation;
use crate::event::Warning;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::PanelName;
use crate::id::QueryName;
use crate::id::RunId;
use crate::merge;
use crate::merge::members;
use crate::merge::members::Round;
use crate::merge::members::Voice;
use crate::panel::Members;
use crate::panel::Merge;
use crate::panel::Panel;
use crate::panel::Query;
use crate::panel::Report;

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Every query ended by itself.
    Done,
    /// The run's time was over.
    RunTimeout,
    /// Somebody cancelled it.
    Cancelled(CancelReason),
    /// Somebody wanted what was there.
    Finished,
    /// The server was down for too long to go on.
    Interrupted,
    /// It cannot go on at all: whatever succeeded, it failed.
    Lost(Loss),
    /// There was no place for it in time.
    Shed,
    /// The server stops and the next one goes on: no end.
    StandDown,
}

/// Why a run cannot go on at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It was there each time that the server died.
    Poison,
    /// It cannot be planned any more as it was.
    Changed,
    /// Its own task failed.
    Broken,
}

impl Loss {
    /// As it is told.
    pub fn code(self) -> Code {
        match self {
            Loss::Poison => Code::PoisonRun,
            Loss::Changed | Loss::Broken => Code::Interrupted,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Loss::Poison => "The server stopped several times while this ran; it is not tried again.",
            Loss::Changed => "The server stopped while this ran, and its panel or its models have changed.",
            Loss::Broken => "The server failed inside this run; what had ended before is kept.",
        }
    }
}

impl Stop {
    /// What is told of a query that the server's own end has cost.
    pub fn interruption(self) -> Failure {
        match self {
            Stop::Lost(loss) => Failure::new(loss.code(), loss.message()),
            _ => {
                let message = "The server stopped while this ran, and was away for too long to go on.";
                Failure::new(Code::Interrupted, message)
            }
        }
    }
}

/// What was asked, for reports that say it again.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The panel, which says who its queries are.
    pub panel: &'a Panel,
    /// The ask.
    pub ask: &'a Ask,
    /// In which mode the panel was asked.
    pub validation: Option<&'a Validation>,
    /// Whether prompts saw passages of own documents.
    pub has_passages: bool,
}

/// What the last event is made of.
pub struct Ended<'a> {
    /// The run.
    pub run: &'a RunId,
    /// Its panel.
    pub panel: &'a PanelName,
    /// How its answers become one result.
    pub merge: &'a Merge,
    /// Every query, in the panel's order.
    pub queries: &'a [QueryCompleted],
    /// The queries as they were planned, which say what is a part of what.
    pub plan: &'a [Arc<Query>],
    /// What the checks read and found, if the panel has checks.
    pub checked: Option<&'a Checked>,
    /// What was asked; nothing of a run that cannot be planned any more.
    pub told: Option<Told<'a>>,
    /// Warnings of the run itself.
    pub warnings: Vec<Warning>,
    /// How it came to its end.
    pub stop: Stop,
    /// How long it took.
    pub total: Duration,
}

impl Ended<'_> {
    /// The payload of `final_result`.
    pub fn result(self) -> FinalResult {
        let status = self.status();
        let error = (status == RunOutcome::Failed).then(|| self.error());
        let wholes = parts::wholes(self.plan, self.queries);
        let warnings = self.all_warnings(&wholes);
        let mut result = None;
        let mut flattened = Map::new();
        let mut warnings_out = warnings.clone();
        let output = self.output(status, &wholes, &warnings);
        let findings_only = output.is_none() && self.checked.is_some();
        match output {
            Some(mut output) if self.merge.flatten => {
                if let Some(Value::Array(merged)) = output.remove("warnings") {
                    warnings_out = merged;
                }
                flattened = output;
            }
            Some(output) => result = Some(Value::Object(output)),
            None => {}
        }
        if let Some(checked) = self.checked.filter(|_| findings_only) {
            flattened.insert("findings".into(), json!(checked.checks.findings));
        }
        FinalResult {
            terminal: true,
            status,
            reason: match self.stop {
                Stop::Cancelled(reason) => Some(reason),
                _ => None,
            },
            panel: self.panel.clone(),
            error,
            warnings: warnings_out,
            performance: self.performance(),
            queries: self.queries.iter().map(|query| (query.query.to_string(), summary(query))).collect(),
            result,
            result_ref: Links::of(self.run).result,
            findings_only,
            durable: None,
            flattened,
        }
    }

    fn count(&self, status: QueryStatus) -> usize {
        self.queries.iter().filter(|query| query.status == status).count()
    }

    fn status(&self) -> RunOutcome {
        let succeeded = self.count(QueryStatus::Succeeded);
        // What no condition wanted is not missing.
        let wanted = || self.queries.iter().filter(|query| !query.is_unwanted());
        let counted = wanted().filter(|query| self.merge.counts(self.whole(&query.query)));
        // An ask for some of the queries cannot need more than it asked for.
        let need = self.merge.need.min(self.wholes_of(counted.clone())).max(1);
        let met = self.wholes_of(counted.filter(|query| query.status == QueryStatus::Succeeded)) >= need;
        match self.stop {
            Stop::Cancelled(_) => RunOutcome::Cancelled,
            Stop::Lost(_) => RunOutcome::Failed,
            _ if succeeded == wanted().count() && met => RunOutcome::Completed,
            _ if met => RunOutcome::Partial,
            _ => RunOutcome::Failed,
        }
    }

    /// How many queries of the panel these are: parts count as one.
    fn wholes_of<'q>(&self, queries: impl Iterator<Item = &'q QueryCompleted>) -> usize {
        queries.map(|query| self.whole(&query.query).as_str()).collect::<BTreeSet<_>>().len()
    }

    /// The query of the panel that this one is, or is a part of.
    fn whole<'n>(&'n self, name: &'n QueryName) -> &'n QueryName {
        self.plan.iter().find(|query| query.name == *name).map_or(name, |query| query.whole())
    }

    /// Code and cause of each query that failed, under the code of the first.
    fn error(&self) -> Failure {
        let failed: Vec<_> =
            self.queries.iter().filter_map(|query| Some((query, query.error.as_ref()?))).collect();
        let code = match self.stop {
            Stop::RunTimeout => Code::RunTimeout,
            Stop::Lost(loss) => loss.code(),
            // What ended the run says more than what one of its queries met before.
            _ if failed.iter().any(|(_, failure)| failure.code == Code::CostLimit) => Code::CostLimit,
            _ => failed.first().map_or(Code::ProviderError, |(_, failure)| failure.code),
        };
        let causes: Vec<String> =
            failed.iter().map(|(query, failure)| format!("{}: {}", query.query, failure.message)).collect();
        let what = match self.count(QueryStatus::Succeeded) {
            // It may have had all answers.
            n if n == self.queries.len() => self.stop.interruption().message,
            0 => "No query succeeded.".to_owned(),
            n => format!("{n} of {} queries succeeded, {} are needed.", self.queries.len(), self.merge.need),
        };
        let message = format!("{what} {}", causes.join(" "));
        Failure {
            hint: failed.first().and_then(|(_, failure)| failure.hint.clone()),
            ..Failure::new(code, message)
        }
    }

    /// The run's warnings, then each query's: why it failed, what is to be known of its answer.
    fn all_warnings(&self, wholes: &[Whole<'_>]) -> Vec<Value> {
        let failed = self.queries.iter().filter_map(|query| {
            let failure = query.error.as_ref()?;
            let mut warning = json!(Warning {
                source: query.query.to_string(),
                severity: if query.is_unwanted() { "info" } else { "warning" }.into(),
                code: String::new(),
                message: failure.message.clone(),
            });
            warning["code"] = json!(failure.code);
            Some(warning)
        });
        let answered =
            self.queries.iter().flat_map(|query| query.warnings.iter().map(|warning| json!(warning)));
        let joined = wholes.iter().filter_map(Whole::warning).map(|warning| json!(warning));
        let own = self.warnings.iter().map(|warning| json!(warning));
        own.chain(failed).chain(answered).chain(joined).collect()
    }

    /// The merged result; none of a run that failed.
    fn output(
        &self,
        status: RunOutcome,
        wholes: &[Whole<'_>],
        warnings: &[Value],
    ) -> Option<Map<String, Value>> {
        let has_answer = self.count(QueryStatus::Succeeded) > 0;
        if status == RunOutcome::Failed || (status == RunOutcome::Cancelled && !has_answer) {
            return None;
        }
        match (&self.merge.report, self.checked, self.told) {
            (Some(Report::Construction), Some(checked), _) => {
                let parts: Vec<_> = wholes.iter().filter_map(part).collect();
                audit::report(&parts, &checked.project, &checked.checks, warnings)
            }
            (Some(Report::Members(who)), _, Some(told)) => {
                Some(members::report(&told.round(who, self.queries)))
            }
            _ if !self.merge.fields.is_empty() => {
                let parts: Vec<_> = wholes.iter().filter_map(said).collect();
                Some(merge::merge(&self.merge.fields, &parts))
            }
            _ => {
                let answers = wholes.iter().filter_map(said);
                let answers: Map<_, _> =
                    answers.map(|part| (part.query.to_owned(), part.answer.clone())).collect();
                Some(Map::from_iter([("answers".to_owned(), Value::Object(answers))]))
            }
        }
    }

    fn performance(&self) -> Performance {
        let total = self.total.as_millis() as u64;
        let sum: u64 = self.queries.iter().map(|query| query.time_ms).sum();
        let tokens = self.queries.iter().filter_map(|query| query.usage).map(|usage| usage.total_tokens);
        let (successful, failed) = (self.count(QueryStatus::Succeeded), self.count(QueryStatus::Failed));
        let cancelled = self.count(QueryStatus::Cancelled);
        Performance {
            total_time_ms: total,
            query_times: self
                .queries
                .iter()
                .map(|query| (query.query.to_string(), query.time_ms.into()))
                .collect(),
            parallel_efficiency: (sum as f64 / total.max(1) as f64 * 1000.0).round() / 10.0,
            tokens_total: tokens.fold(0, u64::saturating_add),
            cost: Cost::sum(self.queries.iter().map(|query| (query.usage, query.cost))),
            queries_executed: successful + failed + cancelled,
            queries_successful: successful,
            queries_failed: failed,
            queries_cancelled: cancelled,
            queries_skipped: self.count(QueryStatus::Skipped),
        }
    }
}

impl<'a> Told<'a> {
    /// The members' answers and what was made of them.
    fn round(self, who: &'a Members, ends: &'a [QueryCompleted]) -> Round<'a> {
        let language = &self.ask.language;
        let voice = |end: &'a QueryCompleted| {
            let query = self.panel.queries.iter().find(|query| query.name == end.query)?;
            Some(Voice {
                name: query.title.in_language(language),
                icon: query.icon.as_deref(),
                role: query.role.as_ref().map(|role| role.in_language(language)),
                is_member: query.needs.is_empty(),
                end,
            })
        };
        Round {
            question: &self.ask.question,
            validation: self.validation,
            has_passages: self.has_passages,
            // Whom no condition wanted has not been asked.
            voices: ends.iter().filter(|end| !end.is_unwanted()).filter_map(voice).collect(),
            who,
        }
    }
}

/// What a query says to the merge: its answer, or what stands in its place.
fn said<'a>(whole: &'a Whole<'_>) -> Option<merge::Part<'a>> {
    let query = &*whole.end;
    let answer = query.result.as_ref().or(query.default.as_ref())?;
    Some(merge::Part { query: query.query.as_str(), answer, is_default: query.result.is_none() })
}

fn part<'a>(whole: &'a Whole<'_>) -> Option<audit::Part<'a>> {
    let query = &*whole.end;
    let outcome = match (&query.result, &query.error) {
        (Some(answer), _) => Ok(answer),
        (None, Some(failure)) => Err(failure),
        (None, None) => return None,
    };
    let asked = query.asked.as_ref();
    Some(audit::Part {
        query: query.query.as_str(),
        provider: asked.map(|asked| asked.provider.as_str()),
        model: asked.map(|asked| asked.model.as_str()),
        outcome,
        unread: &whole.unread,
    })
}

/// How a query ended, without its answer.
fn summary(query: &QueryCompleted) -> Value {
    let mut summary = json!({"status": query.status, "time_ms": query.time_ms, "attempts": query.attempts});
    let asked = query.asked.as_ref();
    let extra = [
        ("provider", asked.map(|asked| json!(asked.provider))),
        ("model", asked.map(|asked| json!(asked.model))),
        ("usage", query.usage.map(|usage| json!(usage))),
        ("cost", query.cost.map(|cost| json!(cost))),
        ("error", query.error.as_ref().map(|failure| json!(failure))),
        ("default", query.default.as_ref().map(|_| json!(true))),
    ];
    for (key, value) in extra {
        if let Some(value) = value {
            summary[key] = value;
        }
    }
    summary
}
