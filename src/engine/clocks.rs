//! Which limit holds where: pure.
//!
//! The query's word goes before the panel's, that before the provider's,
//! that before the profile of this computer's own endpoints, that before the
//! configuration. Whatever is inherited is clamped to what encloses it.

use std::time::Duration;

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
