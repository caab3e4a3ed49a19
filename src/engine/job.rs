//! A job: an ask, its panel and who will be asked, all checked before the run begins.

use std::sync::Arc;
use std::time::Duration;

use super::asking::asked;
use super::budget::Budget;
use super::clocks;
use super::clocks::Clocks;
use super::clocks::Defaults;
use super::clocks::Later;
use super::clocks::Stage;
use super::mode;
use super::offer::Offer;
use super::parts;
use super::past::Past;
use crate::answer::Schema;
use crate::ask::Ask;
use crate::ask::AskFault;
use crate::event::Asked;
use crate::event::Body;
use crate::event::GoOn;
use crate::event::Links;
use crate::event::OnDisconnect;
use crate::event::PlannedPart;
use crate::event::PlannedQuery;
use crate::event::QueryCompleted;
use crate::event::RunStarted;
use crate::event::RunTimeouts;
use crate::event::Validation;
use crate::id::QueryName;
use crate::id::RunId;
use crate::knowledge::Knowledge;
use crate::money::Currency;
use crate::money::Rate;
use crate::panel::ModelChoice;
use crate::panel::OnFail;
use crate::panel::Panel;
use crate::panel::Query;
use crate::panel::parts::Slice;
use crate::pool::NoTarget;
use crate::pool::Pool;
use crate::pool::Target;
use crate::provider::Place;

/// Everything a run needs to know.
pub struct Job {
    /// The panel as it runs: with those who take part in its mode, and parts in the places of their queries.
    pub panel: Arc<Panel>,
    /// In which mode it is asked, if it has several.
    pub validation: Option<Validation>,
    /// What was asked.
    pub ask: Arc<Ask>,
    /// What will be asked of whom, in the panel's order.
    pub queries: Vec<Planned>,
    /// The run's limit.
    pub limit: Duration,
    /// What it may spend.
    pub budget: Budget,
    /// Own documents, for a panel that searches them.
    pub knowledge: Knowledge,
    /// What happens when nobody watches.
    pub on_disconnect: OnDisconnect,
    /// What it takes over from the run that it retries.
    pub retry: Option<Retry>,
}

/// A run whose failed queries are asked again.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The run.
    pub of: RunId,
    /// Its answers, which are not asked for again.
    pub carried: Vec<QueryCompleted>,
}

/// One query with its targets.
pub struct Planned {
    /// The query.
    pub query: Arc<Query>,
    /// Who is asked, in order, under which clocks; never empty.
    pub targets: Arc<[(Target, Clocks)]>,
    /// Its limit with all attempts.
    pub limit: Duration,
    /// What follows it.
    pub later: Later,
    /// What its answer must fit.
    pub schema: Option<Schema>,
}

impl Planned {
    /// Who is asked first.
    pub fn first(&self) -> Asked {
        asked(&self.targets[0].0)
    }

    /// Whether any of its targets is a model.
    pub fn asks_a_model(&self) -> bool {
        self.places().any(|place| matches!(place, Place::Loopback { .. } | Place::Remote { .. }))
    }

    /// Whether all of its targets are models.
    pub fn asks_models_only(&self) -> bool {
        self.places().all(|place| matches!(place, Place::Loopback { .. } | Place::Remote { .. }))
    }

    /// The same targets and clocks for another query.
    pub fn asking(&self, query: Arc<Query>) -> Planned {
        let (targets, schema) = (Arc::clone(&self.targets), self.schema.clone());
        Planned { query, targets, limit: self.limit, later: self.later, schema }
    }

    /// Which part of a query of the panel it is, as it is told.
    pub fn part(&self) -> Option<PlannedPart> {
        let part = |slice: &Slice| PlannedPart {
            of: slice.of.clone(),
            number: slice.nth,
            count: slice.count,
            first_row: slice.rows.start,
            last_row: slice.rows.end.saturating_sub(1),
        };
        self.query.slice.as_ref().map(part)
    }

    /// Where it may be asked.
    fn places(&self) -> impl Iterator<Item = Place> {
        let endpoints = self.targets.iter().flat_map(|(target, _)| target.group.endpoints());
        endpoints.map(|endpoint| endpoint.provider.place())
    }
}

/// Why an ask cannot become a job.
#[derive(Debug, PartialEq, Eq)]
pub enum CannotRun {
    /// The ask does not fit the panel.
    Faults(Vec<AskFault>),
    /// Nobody can answer this query.
    NoTarget(QueryName, NoTarget),
}

impl Job {
    /// Plans `ask` over the panel of `offer`.
    ///
    /// # Errors
    /// [`CannotRun`] when the ask does not fit the panel, a limit is too long or nobody can answer.
    pub fn plan(offer: &Offer, ask: Arc<Ask>, pool: &Pool, defaults: &Defaults) -> Result<Job, CannotRun> {
        let (panel, validation) = held_to(offer, &ask, defaults)?;
        let planner = Planner { offer, ask: &ask, pool, defaults, instead: instead_of_all(&ask)? };
        let is_wanted = |query: &&Arc<Query>| {
            ask.options.queries.as_ref().is_none_or(|names| names.contains(&query.name))
        };
        let wanted = panel.queries.iter().filter(is_wanted);
        let queries = wanted.map(|query| planner.query(query)).collect::<Result<Vec<_>, _>>()?;
        let (panel, mut queries) = parts::split(panel, &ask, queries);
        let firsts = queries.iter().map(|planned| &planned.targets[0].0);
        let limit = ask.options.run_timeout.unwrap_or_else(|| clocks::run(defaults, &panel, firsts));
        keep_back(defaults, &panel, &mut queries, limit);
        let budget = budget(&ask, pool, defaults, &queries)?;
        let on_disconnect = ask.options.on_disconnect.unwrap_or(OnDisconnect::Continue);
        Ok(Job {
            panel,
            validation,
            ask,
            queries,
            limit,
            budget,
            knowledge: Knowledge::default(),
            on_disconnect,
            retry: None,
        })
    }

    /// Takes over the answers of an earlier run of the same ask that still fit, instead of asking again; `ends`
    /// are how its queries ended. What was made without an answer that is asked for now is asked for as well.
    pub fn carry_over(&mut self, of: RunId, ends: Vec<QueryCompleted>) {
        let fits = |end: &QueryCompleted| {
            let planned = self.queries.iter().find(|planned| planned.query.name == end.query);
            let schema = planned.map(|planned| planned.schema.as_ref());
            match (schema, &end.result) {
                (Some(Some(schema)), Some(answer)) => schema.faults(answer).is_empty(),
                (Some(None), Some(_)) => true,
                _ => end.is_unwanted(),
            }
        };
        let mut kept: Vec<QueryCompleted> = ends.into_iter().filter(fits).collect();
        self.drop_unfounded(&mut kept);
        let carried = kept.into_iter().filter(|end| end.result.is_some()).map(|end| QueryCompleted {
            time_ms: 0,
            attempts: 0,
            usage: None,
            cost: None,
            carried_over: true,
            recovered: false,
            ..end
        });
        self.retry = Some(Retry { of, carried: carried.collect() });
    }

    /// Leaves out what needs a query that will be asked, and then what needs that.
    fn drop_unfounded(&self, kept: &mut Vec<QueryCompleted>) {
        loop {
            let there: Vec<QueryName> = kept.iter().map(|end| end.query.clone()).collect();
            let is_founded = |end: &QueryCompleted| {
                let planned = self.queries.iter().find(|planned| planned.query.name == end.query);
                planned.is_some_and(|planned| planned.query.needs.iter().all(|need| there.contains(need)))
            };
            kept.retain(is_founded);
            if kept.len() == there.len() {
                return;
            }
        }
    }

    /// How the queries of an earlier run ended that are asked here over the same rows: a bill that is cut
    /// elsewhere by now is another question.
    pub fn still_asked(&self, past: Past) -> Vec<QueryCompleted> {
        let told = past.started.map(|started| started.queries).unwrap_or_default();
        let is_same = |end: &QueryCompleted| {
            told.iter().any(|told| told.query == end.query && self.asks_the_same(told))
        };
        past.queries.into_iter().filter_map(|query| query.end).filter(is_same).collect()
    }

    /// Whether it has this query, over the same rows.
    fn asks_the_same(&self, told: &PlannedQuery) -> bool {
        let ours = self.queries.iter().find(|planned| planned.query.name == told.query);
        ours.is_some_and(|planned| planned.part() == told.part)
    }

    /// Holds the job to what an earlier process announced; `false` when that cannot be done any more because
    /// the panel has changed.
    pub fn hold_to(&mut self, started: &RunStarted) -> bool {
        let same_queries = self.queries.len() == started.queries.len()
            && started.queries.iter().all(|told| self.asks_the_same(told))
            && self.queries.iter().zip(&started.queries).all(|(ours, told)| ours.query.name == told.query);
        let mode = |validation: &Option<Validation>| validation.as_ref().map(|told| told.mode.clone());
        let same_mode = mode(&started.validation) == mode(&self.validation);
        if started.panel_revision != self.panel.revision || !same_queries || !same_mode {
            return false;
        }
        self.limit = Duration::from_millis(started.timeouts.run_ms);
        self.on_disconnect = started.on_disconnect;
        for (ours, told) in self.queries.iter_mut().zip(&started.queries) {
            ours.limit = Duration::from_millis(told.timeout_ms);
        }
        true
    }

    /// Whether a simulated provider may be asked.
    pub fn is_simulated(&self) -> bool {
        self.queries.iter().flat_map(Planned::places).any(|place| place == Place::Simulated)
    }

    /// The run's first event.
    pub fn started(&self, run: &RunId, queued: bool) -> Body {
        let query = |planned: &Planned| PlannedQuery {
            query: planned.query.name.clone(),
            title: planned.query.title.in_language(&self.ask.language).to_owned(),
            icon: planned.query.icon.clone(),
            role: planned.query.role.as_ref().map(|role| role.in_language(&self.ask.language).to_owned()),
            of: planned.query.of.clone(),
            depends_on: self.panel.waits_for(&planned.query).cloned().collect(),
            after: self.panel.comes_after(&planned.query).cloned().collect(),
            on_fail: match planned.query.on_fail {
                OnFail::Skip => None,
                OnFail::Default(_) => Some(GoOn::Default),
                OnFail::Continue => Some(GoOn::Continue),
            },
            models: planned.targets.iter().map(|(target, _)| target.to_string()).collect(),
            timeout_ms: planned.limit.as_millis() as u64,
            part: planned.part(),
        };
        Body::RunStarted(RunStarted {
            panel: self.panel.name.clone(),
            panel_revision: self.panel.revision.clone(),
            api_version: crate::event::API_VERSION,
            queries: self.queries.iter().map(query).collect(),
            validation: self.validation.clone(),
            timeouts: RunTimeouts { run_ms: self.limit.as_millis() as u64 },
            on_disconnect: self.on_disconnect,
            links: Links::of(run),
            retry_of: self.retry.as_ref().map(|retry| retry.of.clone()),
            queued,
        })
    }
}

/// Finds out who is asked, and for how long.
struct Planner<'a> {
    offer: &'a Offer,
    ask: &'a Ask,
    pool: &'a Pool,
    defaults: &'a Defaults,
    /// The one model that the ask puts in the place of all.
    instead: Option<ModelChoice>,
}

impl Planner<'_> {
    fn query(&self, query: &Arc<Query>) -> Result<Planned, CannotRun> {
        let (panel, defaults) = (&self.offer.panel, self.defaults);
        let targets = self.targets(query)?;
        let limit = clocks::query(defaults, panel, query, targets.first());
        let last = targets.len() - 1;
        let clocks =
            |(at, target): (usize, &Target)| clocks::attempt(defaults, panel, query, target, at == last);
        let clocks: Vec<Clocks> = targets.iter().enumerate().map(clocks).collect();
        Ok(Planned {
            query: Arc::clone(query),
            targets: targets.into_iter().zip(clocks).collect(),
            limit: self.ask.options.query_timeout.unwrap_or(limit),
            later: Later::default(),
            schema: self.offer.output(&query.name),
        })
    }

    fn targets(&self, query: &Query) -> Result<Vec<Target>, CannotRun> {
        let choices = self.instead.as_ref().map_or(query.models.as_slice(), std::slice::from_ref);
        let has_rules = self.offer.panel.checks.is_some();
        let targets = choices.iter().map(|choice| self.pool.target(choice, has_rules));
        targets.collect::<Result<_, _>>().map_err(|why| match self.instead {
            Some(_) => fault("/options/model", why),
            None => CannotRun::NoTarget(query.name.clone(), why),
        })
    }
}

/// Leaves time for those that need others, and shortens what would take it, or more than the run has.
fn keep_back(defaults: &Defaults, panel: &Panel, queries: &mut [Planned], run: Duration) {
    let stage =
        |planned: &'_ Planned| planned.targets.iter().map(|(target, _)| target.clone()).collect::<Vec<_>>();
    let targets: Vec<Vec<Target>> = queries.iter().map(stage).collect();
    let stages = queries.iter().zip(&targets);
    let stages = stages.map(|(planned, targets)| Stage {
        name: &planned.query.name,
        waits_for: panel.waits_for(&planned.query).collect(),
        targets: targets.iter().collect(),
    });
    let later = Later::of(defaults, &stages.collect::<Vec<_>>(), run);
    for (planned, later) in queries.iter_mut().zip(later) {
        planned.later = later;
        planned.limit = planned.limit.min(run).min(later.limit(run, run));
    }
}

/// What the run may spend: the lower of what the caller and the configuration allow.
fn budget(ask: &Ask, pool: &Pool, defaults: &Defaults, queries: &[Planned]) -> Result<Budget, CannotRun> {
    let wanted = ask.options.max_cost;
    let own = wanted.map(|cap| cap.currency);
    let currency = pool.currency().or(own).unwrap_or(Currency::USD);
    if let Some(cap) = wanted {
        let pointer = "/options/max_cost";
        if cap.currency != currency {
            return Err(fault(pointer, format!("prices here are in {currency}, not in {}", cap.currency)));
        }
        let mut targets = queries.iter().flat_map(|planned| planned.targets.iter());
        if targets.all(|(target, _)| target.rate() == Rate::Unknown) {
            let detail =
                "no model of this run has a price in the configuration, so its cost cannot be limited";
            return Err(fault(pointer, detail));
        }
    }
    let caps = [wanted, defaults.max_cost];
    Ok(Budget { currency, cap: caps.into_iter().flatten().map(|cap| cap.amount).min() })
}

fn fault(pointer: &str, detail: impl ToString) -> CannotRun {
    CannotRun::Faults(vec![AskFault { pointer: pointer.into(), detail: detail.to_string() }])
}

/// The one model that the ask puts in the place of all.
fn instead_of_all(ask: &Ask) -> Result<Option<ModelChoice>, CannotRun> {
    let Some(text) = &ask.options.model else { return Ok(None) };
    text.parse().map(Some).map_err(|why| fault("/options/model", why))
}

/// The panel in the mode of the ask, which fits it.
fn held_to(
    offer: &Offer,
    ask: &Ask,
    defaults: &Defaults,
) -> Result<(Arc<Panel>, Option<Validation>), CannotRun> {
    let mut faults = offer.input_faults(ask);
    // Only an input that fits says which mode is meant.
    let chosen = match faults.is_empty() {
        true => mode::choose(&offer.panel, ask),
        false => Ok((Arc::clone(&offer.panel), None)),
    };
    let chosen = chosen.map_err(|fault| CannotRun::Faults(vec![fault]))?;
    faults.extend(option_faults(&chosen, ask, defaults));
    if faults.is_empty() { Ok(chosen) } else { Err(CannotRun::Faults(faults)) }
}

fn option_faults(
    (panel, validation): &(Arc<Panel>, Option<Validation>),
    ask: &Ask,
    defaults: &Defaults,
) -> Vec<AskFault> {
    let mut faults = Vec::new();
    let mut fault = |pointer: String, detail: String| faults.push(AskFault { pointer, detail });
    let most = [
        ("/options/run_timeout_ms", ask.options.run_timeout, defaults.max_overall),
        ("/options/query_timeout_ms", ask.options.query_timeout, defaults.max_per_query),
    ];
    for (pointer, wanted, most) in most {
        if wanted.is_some_and(|wanted| wanted > most) {
            fault(pointer.into(), format!("at most {} is allowed here", most.as_millis()));
        }
    }
    let wanted = ask.options.queries.as_deref().unwrap_or_default();
    for (index, name) in wanted.iter().enumerate() {
        let pointer = format!("/options/queries/{index}");
        match panel.queries.iter().find(|query| query.name == *name) {
            None => {
                let mode =
                    validation.as_ref().map_or(String::new(), |told| format!(" in mode `{}`", told.mode));
                fault(pointer, format!("panel `{}` has no query `{name}`{mode}", panel.name));
            }
            Some(query) => {
                if let Some(missing) = query.needs.iter().find(|need| !wanted.contains(need)) {
                    fault(pointer, format!("`{name}` needs `{missing}`; name it too"));
                }
            }
        }
    }
    faults
}
