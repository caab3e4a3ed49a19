//! Which limit holds where: pure.
//!
//! The query's word goes before the panel's, that before the provider's,
//! that before the profile of this computer's own endpoints, that before the
//! configuration. Whatever is inherited is clamped to what encloses it.

use std::time::Duration;

use crate::id::QueryName;
use crate::money::Money;
use crate::panel::Limits;
use crate::panel::Panel;
use crate::panel::Query;
use crate::panel::Scope;
use crate::pool::Target;

/// The limits that the configuration sets, with the most that a caller may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Name look-up, TCP and TLS.
    pub connect: Duration,
    /// To the first content when another target can follow; `None` leaves the last target the query's time.
    pub first_content: Option<Duration>,
    /// Between two pieces of content.
    pub idle: Duration,
    /// A whole call that does not stream.
    pub per_call: Duration,
    /// A query with all its attempts.
    pub per_query: Duration,
    /// The whole run.
    pub overall: Duration,
    /// The longest query a caller may ask for.
    pub max_per_query: Duration,
    /// The longest run a caller may ask for.
    pub max_overall: Duration,
    /// Kept back for each model that is asked when others have answered.
    pub stage_reserve: Duration,
    /// Most that a run may cost.
    pub max_cost: Option<Money>,
}

impl Default for Defaults {
    /// The values of the sample configuration.
    fn default() -> Defaults {
        Defaults {
            connect: Duration::from_secs(5),
            first_content: None,
            idle: Duration::from_secs(15),
            per_call: Duration::from_secs(30),
            per_query: Duration::from_secs(60),
            overall: Duration::from_secs(120),
            max_per_query: Duration::from_secs(600),
            max_overall: Duration::from_secs(1800),
            stage_reserve: Duration::from_secs(30),
            max_cost: None,
        }
    }
}

/// To the first content where nobody said otherwise and another target can follow.
const FIRST_CONTENT: Duration = Duration::from_secs(10);

/// Endpoints on this computer: models load for minutes and prompts are read slowly.
const LOOPBACK: Limits = Limits {
    connect: Some(Duration::from_secs(2)),
    first_content: Some(Duration::from_secs(120)),
    idle: Some(Duration::from_secs(60)),
    per_call: Some(Duration::from_secs(300)),
    per_query: Some(Duration::from_secs(300)),
    overall: Some(Duration::from_secs(600)),
    scope: Scope::Any,
};

/// The clocks of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Name look-up, TCP and TLS.
    pub connect: Duration,
    /// From the request to the first content.
    pub first_content: Duration,
    /// Between two pieces of content.
    pub idle: Duration,
    /// The whole call, if it does not stream.
    pub per_call: Duration,
}

/// The files that may have written a limit, most specific first.
struct Layers<'a>([Option<&'a Limits>; 4]);

impl<'a> Layers<'a> {
    fn of(query: Option<&'a Query>, panel: &'a Panel, target: Option<&'a Target>) -> Layers<'a> {
        let loopback = target.is_some_and(|target| target.group.is_loopback());
        let panel = Some(&panel.limits).filter(|limits| !(loopback && limits.scope == Scope::Remote));
        let provider = target.map(|target| &target.group.limits);
        Layers([query.map(|query| &query.limits), panel, provider, loopback.then_some(&LOOPBACK)])
    }

    fn first(&self, limit: impl Fn(&Limits) -> Option<Duration>) -> Option<Duration> {
        self.0.iter().flatten().find_map(|limits| limit(limits))
    }
}

/// The clocks of an attempt at `target`; `is_last` when no other target follows it.
pub fn attempt(defaults: &Defaults, panel: &Panel, query: &Query, target: &Target, is_last: bool) -> Clocks {
    let layers = Layers::of(Some(query), panel, Some(target));
    let whole = self::query(defaults, panel, query, Some(target));
    let first_content = layers
        .first(|limits| limits.first_content)
        .or(defaults.first_content)
        .unwrap_or(if is_last { whole } else { FIRST_CONTENT });
    Clocks {
        connect: layers.first(|limits| limits.connect).unwrap_or(defaults.connect).min(whole),
        first_content: first_content.min(whole),
        idle: layers.first(|limits| limits.idle).unwrap_or(defaults.idle).min(whole),
        per_call: layers.first(|limits| limits.per_call).unwrap_or(defaults.per_call).min(whole),
    }
}

/// The limit of a query whose first target is `target`.
pub fn query(defaults: &Defaults, panel: &Panel, query: &Query, target: Option<&Target>) -> Duration {
    Layers::of(Some(query), panel, target).first(|limits| limits.per_query).unwrap_or(defaults.per_query)
}

/// The limit of a run that asks these targets: the longest that one of them may need.
pub fn run<'a>(defaults: &Defaults, panel: &Panel, targets: impl Iterator<Item = &'a Target>) -> Duration {
    let limit =
        |target| Layers::of(None, panel, target).first(|limits| limits.overall).unwrap_or(defaults.overall);
    targets.map(|target| limit(Some(target))).max().unwrap_or_else(|| limit(None))
}

/// A model on this computer answers a query that needs others no faster than any other.
const LOOPBACK_STAGE: Duration = Duration::from_secs(60);
/// Kept back at most to merge and to write the last events, where anything is kept back.
const FINALIZE: Duration = Duration::from_secs(1);

/// What follows a query in its run: the longest chain of models that wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Later {
    /// How many.
    pub stages: u32,
    /// What is kept back for them.
    pub time: Duration,
}

/// A query of a run, for what follows it.
pub struct Stage<'a> {
    /// It.
    pub name: &'a QueryName,
    /// What it waits for.
    pub waits_for: Vec<&'a QueryName>,
    /// Who is asked.
    pub targets: Vec<&'a Target>,
}

impl Stage<'_> {
    /// What is kept back for it; nothing where no model is asked.
    fn reserve(&self, defaults: &Defaults, run: Duration) -> Option<Duration> {
        self.targets.iter().find(|target| !target.group.is_built_in())?;
        let loopback = self.targets.first().is_some_and(|target| target.group.is_loopback());
        Some(if loopback { LOOPBACK_STAGE } else { defaults.stage_reserve }.min(run / 5))
    }
}

impl Later {
    /// What follows each of these queries in a run of this limit.
    pub fn of(defaults: &Defaults, stages: &[Stage<'_>], run: Duration) -> Vec<Later> {
        let mut later = vec![Later::default(); stages.len()];
        // A chain is no longer than there are queries.
        for _ in stages {
            for (at, stage) in stages.iter().enumerate() {
                let own = stage.reserve(defaults, run);
                let with = Later {
                    stages: later[at].stages + u32::from(own.is_some()),
                    time: later[at].time + own.unwrap_or_default(),
                };
                let is_needed = |(_, other): &(usize, &Stage<'_>)| stage.waits_for.contains(&other.name);
                for (needed, _) in stages.iter().enumerate().filter(is_needed) {
                    let before = later[needed];
                    later[needed] =
                        Later { stages: before.stages.max(with.stages), time: before.time.max(with.time) };
                }
            }
        }
        later
    }

    /// The longest that a query may take when this much of its run is left: what follows gets its reserve, or
    /// an equal share where less is left.
    pub fn limit(&self, left: Duration, run: Duration) -> Duration {
        if self.time.is_zero() {
            return Duration::MAX;
        }
        let finalize = FINALIZE.min(run / 20);
        let share = left / (self.stages + 1) * self.stages;
        left - (self.time + finalize).min(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_gets_its_reserve_or_an_equal_share() {
        let seconds = Duration::from_secs;
        let rows = [
            (0, 0, 100, None),
            (1, 20, 100, Some(79)),
            (1, 20, 30, Some(15)),
            (1, 20, 0, Some(0)),
            (2, 40, 100, Some(59)),
            (5, 100, 120, Some(20)),
        ];
        for (stages, time, left, limit) in rows {
            let later = Later { stages, time: seconds(time) };
            let expected = limit.map_or(Duration::MAX, seconds);
            assert_eq!(later.limit(seconds(left), seconds(120)), expected, "{later:?} {left}");
        }
        let later = Later { stages: 1, time: seconds(2) };
        assert_eq!(later.limit(seconds(10), seconds(10)), Duration::from_millis(7500), "5 % to finalize");
    }
}
