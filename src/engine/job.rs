//! A job: an ask, its panel and who will be asked, all checked before the run begins.

use std::sync::Arc;
use std::time::Duration;

use super::clocks;
use super::clocks::Clocks;
use super::clocks::Defaults;
use super::query::asked;
use crate::answer::Schema;
use crate::ask::Ask;
use crate::ask::AskFault;
use crate::event::Asked;
use crate::event::Body;
use crate::event::Links;
use crate::event::OnDisconnect;
use crate::event::PlannedQuery;
use crate::event::RunStarted;
use crate::event::RunTimeouts;
use crate::id::QueryName;
use crate::id::RunId;
use crate::panel::ModelChoice;
use crate::panel::Panel;
use crate::panel::Query;
use crate::pool::NoTarget;
use crate::pool::Pool;
use crate::pool::Target;
use crate::provider::Place;

/// Everything a run needs to know.
pub struct Job {
    /// The panel.
    pub panel: Arc<Panel>,
    /// What was asked.
    pub ask: Arc<Ask>,
    /// What will be asked of whom, in the panel's order.
    pub queries: Vec<Planned>,
    /// The run's limit.
    pub limit: Duration,
    /// What happens when nobody watches.
    pub on_disconnect: OnDisconnect,
}

/// One query with its targets.
pub struct Planned {
    /// The query.
    pub query: Arc<Query>,
    /// Who is asked, in order, under which clocks; never empty.
    pub targets: Arc<[(Target, Clocks)]>,
    /// Its limit with all attempts.
    pub limit: Duration,
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
        let is_model = |place| matches!(place, Place::Loopback { .. } | Place::Remote { .. });
        self.targets.iter().any(|(target, _)| is_model(target.endpoint.provider.place()))
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
    /// Plans `ask` over `panel`.
    ///
    /// # Errors
    /// [`CannotRun`] when a query of the ask is unknown, a limit is too long or nobody can answer.
    pub fn plan(
        panel: Arc<Panel>,
        ask: Arc<Ask>,
        pool: &Pool,
        defaults: &Defaults,
    ) -> Result<Job, CannotRun> {
        check_options(&panel, &ask, defaults)?;
        let wanted = |query: &&Arc<Query>| {
            ask.options.queries.as_ref().is_none_or(|names| names.contains(&query.name))
        };
        let instead = instead_of_all(&ask)?;
        let mut queries = Vec::new();
        for query in panel.queries.iter().filter(wanted) {
            queries.push(plan_query(&panel, query, instead.as_ref(), pool, defaults, &ask)?);
        }
        let firsts = queries.iter().map(|planned| &planned.targets[0].0);
        let limit = ask.options.run_timeout.unwrap_or_else(|| clocks::run(defaults, &panel, firsts));
        let on_disconnect = ask.options.on_disconnect.unwrap_or(OnDisconnect::Continue);
        Ok(Job { panel, ask, queries, limit, on_disconnect })
    }

    /// Whether a simulated provider may be asked.
    pub fn is_simulated(&self) -> bool {
        let mut targets = self.queries.iter().flat_map(|planned| planned.targets.iter());
        targets.any(|(target, _)| target.endpoint.provider.place() == Place::Simulated)
    }

    /// The run's first event.
    pub fn started(&self, run: &RunId) -> Body {
        let query = |planned: &Planned| PlannedQuery {
            query: planned.query.name.clone(),
            title: planned.query.title.in_language(&self.ask.language).to_owned(),
            depends_on: planned.query.needs.clone(),
            models: planned.targets.iter().map(|(target, _)| target.to_string()).collect(),
            timeout_ms: planned.limit.as_millis() as u64,
        };
        Body::RunStarted(RunStarted {
            panel: self.panel.name.clone(),
            panel_revision: self.panel.revision.clone(),
            api_version: crate::event::API_VERSION,
            queries: self.queries.iter().map(query).collect(),
            timeouts: RunTimeouts { run_ms: self.limit.as_millis() as u64 },
            on_disconnect: self.on_disconnect,
            links: Links::of(run),
        })
    }
}

fn plan_query(
    panel: &Panel,
    query: &Arc<Query>,
    instead: Option<&ModelChoice>,
    pool: &Pool,
    defaults: &Defaults,
    ask: &Ask,
) -> Result<Planned, CannotRun> {
    let choices = instead.map_or(query.models.as_slice(), std::slice::from_ref);
    let no_target = |why| match (instead, why) {
        (Some(_), why) => fault("/options/model", why),
        (None, why) => CannotRun::NoTarget(query.name.clone(), why),
    };
    let targets: Vec<Target> = choices
        .iter()
        .map(|choice| pool.target(choice, panel.checks.is_some()))
        .collect::<Result<_, _>>()
        .map_err(no_target)?;
    let limit = clocks::query(defaults, panel, query, targets.first());
    let limit = ask.options.query_timeout.unwrap_or(limit);
    let last = targets.len() - 1;
    let clocks = |(at, target): (usize, &Target)| clocks::attempt(defaults, panel, query, target, at == last);
    let clocks: Vec<Clocks> = targets.iter().enumerate().map(clocks).collect();
    let schema = query.output.as_deref().map(Schema::compile).transpose();
    let schema = schema.map_err(|why| fault("/panel", why))?;
    Ok(Planned {
        query: Arc::clone(query),
        targets: targets.into_iter().zip(clocks).collect(),
        limit,
        schema,
    })
}

fn fault(pointer: &str, detail: impl ToString) -> CannotRun {
    CannotRun::Faults(vec![AskFault { pointer: pointer.into(), detail: detail.to_string() }])
}

/// The one model that the ask puts in the place of all.
fn instead_of_all(ask: &Ask) -> Result<Option<ModelChoice>, CannotRun> {
    let Some(text) = &ask.options.model else { return Ok(None) };
    text.parse().map(Some).map_err(|why| fault("/options/model", why))
}

fn check_options(panel: &Panel, ask: &Ask, defaults: &Defaults) -> Result<(), CannotRun> {
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
            None => fault(pointer, format!("panel `{}` has no query `{name}`", panel.name)),
            Some(query) => {
                if let Some(missing) = query.needs.iter().find(|need| !wanted.contains(need)) {
                    fault(pointer, format!("`{name}` needs `{missing}`; name it too"));
                }
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(CannotRun::Faults(faults)) }
}
