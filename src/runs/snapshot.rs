//! A run at a glance: a fold over its events.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::event::Asked;
use crate::event::Body;
use crate::event::ChecksCompleted;
use crate::event::Cost;
use crate::event::Entry;
use crate::event::Event;
use crate::event::Links;
use crate::event::OnDisconnect;
use crate::event::Passage;
use crate::event::Phase;
use crate::event::PlannedQuery;
use crate::event::QueryCompleted;
use crate::event::QueryStatus;
use crate::event::RunStarted;
use crate::event::RunStatus;
use crate::event::RunTimeouts;
use crate::event::Usage;
use crate::event::Validation;
use crate::event::Warning;
use crate::failure::Failure;
use crate::id::Cursor;
use crate::id::RunId;
use crate::journal::Journal;
use crate::report;
use crate::report::Decided;
use crate::report::Outline;
use crate::store::Decision;
use crate::store::Record;
use crate::store::StoreError;

/// A run as `GET /api/v1/runs/{id}` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// The run.
    pub run_id: RunId,
    /// Where it is.
    pub status: RunStatus,
    /// Its panel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panel: Option<String>,
    /// Which state of the panel's files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panel_revision: Option<String>,
    /// The title that somebody gave it, else the first line of its question.
    pub title: String,
    /// What somebody noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What somebody decided about its findings, by their ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub decisions: BTreeMap<String, Decision>,
    /// The run that it retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
    /// The latest run that retries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retried_by: Option<RunId>,
    /// What was asked.
    pub question: String,
    /// The panel's input.
    pub input: Value,
    /// When it was accepted.
    pub created_at: String,
    /// When its last event was written.
    pub updated_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Time from acceptance to its end or to now.
    pub elapsed_ms: u64,
    /// The server's clock.
    pub now: String,
    /// Whether a simulated provider was asked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
    /// Id of its last event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event_id: Option<String>,
    /// What happens when nobody watches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disconnect: Option<OnDisconnect>,
    /// Its limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<RunTimeouts>,
    /// Where to go from here.
    pub links: Links,
    /// What the checks without AI found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<ChecksCompleted>,
    /// What own documents say of the question, the best first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passages: Option<Vec<Passage>>,
    /// In which mode its panel is asked, if that has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// Its queries, in the panel's order.
    pub queries: Vec<QueryView>,
    /// What it cost so far, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Warnings of the run itself.
    pub warnings: Vec<Value>,
    /// The whole `final_result`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

/// A query at a glance.
#[derive(Clone, Debug, Serialize)]
pub struct QueryView {
    /// As the run announced it.
    #[serde(flatten)]
    pub planned: PlannedQuery,
    /// Where it is.
    pub status: QueryState,
    /// Where its attempt is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// 0 to 100.
    pub progress: u8,
    /// Its attempt, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Who is asked.
    #[serde(flatten)]
    pub asked: Option<Asked>,
    /// When it started, since the run was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<u64>,
    /// Tokens of its answer so far, estimated.
    pub tokens_out: u64,
    /// Top-level keys of its answer that are complete.
    pub sections: Vec<String>,
    /// Its answer's text so far; the result takes its place.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Wall time with waiting and retries, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// Attempts made, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Tokens of its attempts that were billed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What they cost, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What its panel puts in the answer's place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The parts of an answer that was cut which were complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_result: Option<Map<String, Value>>,
    /// Why it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What a reader should know of its answer.
    pub warnings: Vec<Warning>,
    /// Whether its answer is that of the run which this one retries.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub carried_over: bool,
    /// Whether an attempt was lost with the server's process.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recovered: bool,
}

/// Where a query is; the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryState {
    /// Not started.
    Pending,
    /// Under way.
    Running,
    /// It has an answer.
    Succeeded,
    /// It has none.
    Failed,
    /// It was never asked.
    Skipped,
    /// Somebody stopped it.
    Cancelled,
}

/// The snapshot of a run from its record and its journal.
///
/// # Errors
/// [`StoreError`] when the journal cannot be read.
pub async fn take(run: &RunId, record: &Record, journal: &Journal) -> Result<Snapshot, StoreError> {
    let mut snapshot = Snapshot::before(run, record);
    let mut cursor = 0;
    loop {
        let page = journal.page(cursor).await?;
        let Some(last) = page.last() else { break };
        cursor = last.seq;
        for entry in &page {
            snapshot.apply(entry);
        }
    }
    Ok(snapshot)
}

impl Snapshot {
    /// The rows of the bill that was asked about.
    pub fn positions(&self) -> &[Value] {
        self.input["positions"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The run as a document; `None` before its end.
    pub fn outline(&self) -> Option<Outline> {
        let decided =
            |decision: &Decision| Decided { word: decision.decision.as_str(), note: decision.note.clone() };
        let decisions: BTreeMap<_, _> =
            self.decisions.iter().map(|(finding, made)| (finding.clone(), decided(made))).collect();
        let about = report::About {
            title: &self.title,
            created_at: &self.created_at,
            revision: self.panel_revision.as_deref().unwrap_or_default(),
            positions: self.positions(),
            decisions: &decisions,
        };
        Some(report::outline::outline(self.result.as_ref()?, about))
    }

    fn before(run: &RunId, record: &Record) -> Snapshot {
        let now = jiff::Timestamp::now();
        let elapsed = now.duration_since(record.created_at).as_millis();
        Snapshot {
            run_id: run.clone(),
            status: RunStatus::Queued,
            panel: None,
            panel_revision: None,
            title: record.about.title.clone().unwrap_or_else(|| record.ask.title()),
            note: record.about.note.clone(),
            decisions: record.about.decisions.clone(),
            retry_of: record.about.retry_of.clone(),
            retried_by: record.about.retried_by.clone(),
            question: record.ask.question.clone(),
            input: Value::Object(record.ask.input.clone()),
            created_at: format!("{:.3}", record.created_at),
            updated_at: format!("{:.3}", record.created_at),
            ended_at: None,
            elapsed_ms: u64::try_from(elapsed).unwrap_or(0),
            now: format!("{now:.3}"),
            simulated: false,
            last_event_id: None,
            on_disconnect: None,
            timeouts: None,
            links: Links::of(run),
            checks: None,
            passages: None,
            validation: None,
            queries: Vec::new(),
            cost: None,
            warnings: Vec::new(),
            result: None,
        }
    }

    fn apply(&mut self, entry: &Entry) {
        self.last_event_id = Some(Cursor { run: self.run_id.clone(), seq: entry.seq }.to_string());
        // An event of a later version is skipped here as clients skip it.
        let Ok(Event { stamp, body }) = entry.read() else { return };
        self.simulated |= stamp.simulated;
        self.updated_at = format!("{:.3}", stamp.at);
        if self.status == RunStatus::Queued {
            // It has a place as soon as something happens.
            self.status = RunStatus::Running;
        }
        match body {
            Body::RunStarted(started) => self.start(started),
            Body::ChecksCompleted(checks) => self.checks = Some(checks),
            Body::PassagesFound(found) => self.passages = Some(found.passages),
            Body::QueryStarted(started) => self.query(&started.query.clone(), |view| {
                view.status = QueryState::Running;
                view.phase = Some(Phase::Connecting);
                view.attempt = Some(started.attempt);
                view.started_ms = Some(stamp.elapsed_ms);
                view.asked = Some(Asked { provider: started.provider, model: started.model });
            }),
            Body::QueryProgress(progress) => self.query(&progress.query.clone(), |view| {
                view.phase = Some(progress.phase);
                view.progress = progress.progress;
                view.tokens_out = progress.tokens_out;
                view.sections = progress.sections;
                view.attempt = Some(progress.attempt);
            }),
            Body::QueryDelta(delta) => self.query(&delta.query, |view| view.text.push_str(&delta.text)),
            Body::QueryRetrying(retrying) => self.query(&retrying.query.clone(), |view| {
                view.attempt = Some(retrying.attempt);
                view.asked = Some(retrying.to);
                view.text.clear();
                view.sections.clear();
                view.tokens_out = 0;
                view.spend(retrying.usage, retrying.cost);
            }),
            Body::QueryCompleted(completed) => {
                self.query(&completed.query.clone(), |view| view.complete(*completed));
            }
            Body::RunPaused(_) => self.status = RunStatus::Paused,
            Body::RunResumed(_) => self.status = RunStatus::Running,
            Body::RunWarning(warning) => self.warnings.push(serde_json::json!(warning)),
            Body::FinalResult(last) => {
                self.status = last.status.into();
                self.elapsed_ms = stamp.elapsed_ms;
                self.ended_at = Some(format!("{:.3}", stamp.at));
                self.cost = last.performance.cost;
                self.result = serde_json::from_slice(&entry.json()).ok();
            }
        }
    }

    fn start(&mut self, started: RunStarted) {
        self.status = if started.queued { RunStatus::Queued } else { RunStatus::Running };
        self.panel = Some(started.panel.to_string());
        self.panel_revision = Some(started.panel_revision);
        self.validation = started.validation;
        self.on_disconnect = Some(started.on_disconnect);
        self.timeouts = Some(started.timeouts);
        self.queries = started.queries.into_iter().map(QueryView::pending).collect();
    }

    fn query(&mut self, name: &crate::id::QueryName, change: impl FnOnce(&mut QueryView)) {
        if let Some(view) = self.queries.iter_mut().find(|view| view.planned.query == *name) {
            change(view);
        }
        self.cost = Cost::sum(self.queries.iter().map(|view| (view.usage, view.cost)));
    }
}

impl QueryView {
    fn pending(planned: PlannedQuery) -> QueryView {
        QueryView {
            planned,
            status: QueryState::Pending,
            phase: None,
            progress: 0,
            attempt: None,
            asked: None,
            started_ms: None,
            tokens_out: 0,
            sections: Vec::new(),
            text: String::new(),
            time_ms: None,
            attempts: None,
            usage: None,
            cost: None,
            result: None,
            default: None,
            partial_result: None,
            error: None,
            warnings: Vec::new(),
            carried_over: false,
            recovered: false,
        }
    }

    /// An attempt was given up, but not for nothing.
    fn spend(&mut self, usage: Option<Usage>, cost: Option<Cost>) {
        let calls = [(self.usage, self.cost), (usage, cost)];
        self.cost = Cost::sum(calls.into_iter());
        self.usage = calls.into_iter().filter_map(|(usage, _)| usage).reduce(Usage::plus);
    }

    fn complete(&mut self, completed: QueryCompleted) {
        self.status = match completed.status {
            QueryStatus::Succeeded => QueryState::Succeeded,
            QueryStatus::Failed => QueryState::Failed,
            QueryStatus::Skipped => QueryState::Skipped,
            QueryStatus::Cancelled => QueryState::Cancelled,
        };
        self.phase = None;
        self.progress = if completed.status == QueryStatus::Succeeded { 100 } else { self.progress };
        self.time_ms = Some(completed.time_ms);
        self.attempts = Some(completed.attempts);
        self.asked = completed.asked.or(self.asked.take());
        self.usage = completed.usage;
        self.cost = completed.cost;
        // The text of an answer is in its result; that of a broken one is all there is.
        if completed.result.is_some() {
            self.text.clear();
        }
        self.result = completed.result;
        self.default = completed.default;
        self.partial_result = completed.partial_result;
        self.error = completed.error;
        self.warnings = completed.warnings;
        self.carried_over = completed.carried_over;
        self.recovered = completed.recovered;
    }
}
