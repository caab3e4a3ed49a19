//! How an endpoint is treated after what it did: asked, let rest, or left alone.
//!
//! Three things can close it: its breaker, a provider that asked for a wait
//! (it *cools*, for everybody), and a refusal of our credentials (it is *out
//! of service* until a probe). Retries have a budget, so that an outage is
//! not answered with twice the load.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::breaker;
use crate::breaker::Breaker;
use crate::breaker::Outcome;
use crate::breaker::Settings;
use crate::failure::Clock;
use crate::failure::Code;
use crate::failure::Failure;

/// How long an endpoint that refused our credentials is left alone.
const OUT_OF_SERVICE: Duration = Duration::from_secs(60);
/// No endpoint cools for longer, whatever it asks for.
const LONGEST_COOLING: Duration = Duration::from_secs(3600);
/// How far back calls count for the budget of retries.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
/// Retries under way that are always allowed.
const BUDGET_FLOOR: usize = 3;
/// Calls within the window for which one retry is allowed whatever is under way.
const CALLS_PER_RETRY: usize = 5;

/// What is known of an endpoint's health.
#[derive(Debug)]
pub struct Care {
    breaker: Breaker,
    cools_until: Option<Instant>,
    out: Option<OutOfService>,
    isolated: bool,
    calls: VecDeque<Instant>,
    retries: VecDeque<Instant>,
    retrying: usize,
    /// Why it was last closed.
    reason: Option<Code>,
}

#[derive(Clone, Copy, Debug)]
struct OutOfService {
    until: Instant,
}

/// The right to make one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    breaker: breaker::Pass,
    /// Whether the call finds out if our credentials are taken again.
    probes: bool,
}

/// Why an endpoint is not asked now, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It asked for a wait.
    Cooling(Duration),
    /// It refused our credentials.
    OutOfService(Duration),
    /// Its breaker is open.
    Broken(Duration),
    /// The operator took it out.
    Isolated,
}

/// What a failure says about the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is counted by the breaker.
    Counts(Outcome),
    /// It asked for a wait.
    Cools(Duration),
    /// It does not take our credentials.
    Refuses,
}

impl Effect {
    /// What `failure` says about the endpoint that it came from.
    pub fn of(failure: &Failure) -> Effect {
        match failure.code {
            Code::CredentialsRefused | Code::NoCredit => Effect::Refuses,
            // A certificate that does not fit will not fit in a moment; a broken handshake may.
            Code::TlsFailed if !failure.retryable => Effect::Refuses,
            Code::RateLimited | Code::Overloaded if failure.retry_after.is_some() => {
                Effect::Cools(failure.retry_after.unwrap_or_default())
            }
            Code::RateLimited => Effect::Counts(Outcome::Neutral),
            Code::ProviderError if matches!(failure.http_status, Some(408 | 409 | 425)) => {
                Effect::Counts(Outcome::Neutral)
            }
            Code::ProviderError if failure.retryable => Effect::Counts(Outcome::Failure),
            Code::Timeout if failure.which != Some(Clock::Query) => Effect::Counts(Outcome::Failure),
            Code::ConnectFailed
            | Code::TlsFailed
            | Code::Overloaded
            | Code::CutMidAnswer
            | Code::UnreadableAnswer
            | Code::EmptyAnswer => Effect::Counts(Outcome::Failure),
            _ => Effect::Counts(Outcome::Neutral),
        }
    }
}

impl Closed {
    /// How long it stays so, if that is known.
    pub fn wait(self) -> Option<Duration> {
        match self {
            Closed::Cooling(wait) | Closed::OutOfService(wait) | Closed::Broken(wait) => Some(wait),
            Closed::Isolated => None,
        }
    }

    /// Whether it opens before another one.
    pub fn opens_before(self, other: Closed) -> bool {
        let time = |closed: Closed| closed.wait().unwrap_or(Duration::MAX);
        time(self) < time(other)
    }

    /// What is told of a query that could not be asked for it.
    pub fn failure(self, provider: &str) -> Failure {
        let seconds = |wait: Duration| wait.as_secs_f64().ceil();
        let (code, message) = match self {
            Closed::Cooling(wait) => {
                (Code::RateLimited, format!("{provider} asked for a pause; it ends in {} s.", seconds(wait)))
            }
            Closed::OutOfService(wait) => (
                Code::BreakerOpen,
                format!("{provider} refused our credentials; it is tried again in {} s.", seconds(wait)),
            ),
            Closed::Broken(wait) => (
                Code::BreakerOpen,
                format!(
                    "{provider} keeps failing and is left alone; it is tried again in {} s.",
                    seconds(wait)
                ),
            ),
            Closed::Isolated => {
                (Code::BreakerOpen, format!("{provider} was taken out of service by the operator."))
            }
        };
        let failure = Failure { retry_after: self.wait(), ..Failure::new(code, message) };
        Failure { provider: Some(provider.to_owned()), ..failure }
    }
}

impl Care {
    /// Nothing is known yet.
    pub fn new(settings: Settings) -> Care {
        Care {
            breaker: Breaker::new(settings),
            cools_until: None,
            out: None,
            isolated: false,
            calls: VecDeque::new(),
            retries: VecDeque::new(),
            retrying: 0,
            reason: None,
        }
    }

    /// Whether a call of at most `lease` may go out now.
    ///
    /// # Errors
    /// [`Closed`] when it may not.
    pub fn admit(&mut self, now: Instant, lease: Duration) -> Result<Pass, Closed> {
        if let Some(closed) = self.closed(now) {
            return Err(closed);
        }
        let pass = self.breaker.admit(now, lease).map_err(Closed::Broken)?;
        if let Some(out) = &mut self.out {
            // One probe; others wait until it has told.
            out.until = now + lease;
        }
        forget(&mut self.calls, now);
        self.calls.push_back(now);
        Ok(Pass { breaker: pass, probes: self.out.is_some() })
    }

    /// Whether one call may go out although the breaker is open, because nobody else can answer.
    pub fn admit_as_last_resort(&mut self, now: Instant) -> Option<Pass> {
        if self.closed(now).is_some() {
            return None;
        }
        let pass = self.breaker.admit_as_last_resort(now)?;
        Some(Pass { breaker: pass, probes: false })
    }

    /// The right to a call that somebody makes by hand although the breaker may be open.
    ///
    /// # Errors
    /// [`Closed`] while the provider wants a pause, or the operator has taken it out.
    pub fn admit_by_hand(&mut self, now: Instant) -> Result<Pass, Closed> {
        match self.closed(now) {
            Some(closed @ (Closed::Cooling(_) | Closed::Isolated)) => Err(closed),
            _ => Ok(Pass { breaker: self.breaker.trial(), probes: false }),
        }
    }

    /// What closes it besides the breaker.
    fn closed(&self, now: Instant) -> Option<Closed> {
        let left = |until: Instant| Some(until - now).filter(|_| until > now);
        if self.isolated {
            return Some(Closed::Isolated);
        }
        let cooling = self.cools_until.and_then(left).map(Closed::Cooling);
        cooling.or_else(|| self.out.and_then(|out| left(out.until)).map(Closed::OutOfService))
    }

    /// Takes in how a call ended.
    pub fn report(&mut self, pass: Pass, effect: Effect, now: Instant, chance: f64) {
        let outcome = match effect {
            Effect::Counts(outcome) => {
                if outcome == Outcome::Success {
                    self.out = None;
                }
                outcome
            }
            Effect::Cools(wait) => {
                let until = now + wait.min(LONGEST_COOLING);
                self.cools_until = Some(self.cools_until.map_or(until, |before| before.max(until)));
                Outcome::Neutral
            }
            Effect::Refuses => {
                self.out = Some(OutOfService { until: now + OUT_OF_SERVICE });
                Outcome::Neutral
            }
        };
        if let (Outcome::Neutral, Some(out)) = (outcome, &mut self.out)
            && pass.probes
            && !matches!(effect, Effect::Refuses)
        {
            // The probe told nothing: the next one may try.
            out.until = now;
        }
        self.breaker.report(pass.breaker, outcome, now, chance);
    }

    /// Remembers why a call failed, for people.
    pub fn remember(&mut self, code: Code) {
        self.reason = Some(code);
    }

    /// Whether a call may be made once more; counts it until [`retried`](Care::retried) if so.
    pub fn may_retry(&mut self, now: Instant) -> bool {
        forget(&mut self.calls, now);
        forget(&mut self.retries, now);
        let may = self.retrying < BUDGET_FLOOR || self.retries.len() < self.calls.len() / CALLS_PER_RETRY;
        if may {
            self.retries.push_back(now);
            self.retrying += 1;
        }
        may
    }

    /// A call that was made once more is over.
    pub fn retried(&mut self) {
        self.retrying = self.retrying.saturating_sub(1);
    }

    /// Closes the breaker and takes it back into service, by hand.
    pub fn reset(&mut self) {
        self.breaker.reset();
        (self.cools_until, self.out, self.isolated, self.reason) = (None, None, false, None);
    }

    /// Takes it out until it is reset, by hand.
    pub fn isolate(&mut self) {
        self.isolated = true;
    }

    /// Its breaker, for people.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Why it is closed now, and for how long.
    pub fn why_closed(&self, now: Instant) -> Option<Closed> {
        let broken = Some(self.breaker.refuses_for(now)).filter(|wait| !wait.is_zero()).map(Closed::Broken);
        self.closed(now).or(broken)
    }

    /// Why a call last failed.
    pub fn reason(&self) -> Option<Code> {
        self.reason
    }
}

fn forget(times: &mut VecDeque<Instant>, now: Instant) {
    while times.front().is_some_and(|at| *at + BUDGET_WINDOW < now) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(15);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn effect(code: Code, change: impl FnOnce(&mut Failure)) -> Effect {
        let mut failure = Failure::new(code, "x");
        change(&mut failure);
        Effect::of(&failure)
    }

    #[test]
    fn each_class_has_its_effect() {
        let (failure, neutral) = (Effect::Counts(Outcome::Failure), Effect::Counts(Outcome::Neutral));
        for code in [
            Code::ConnectFailed,
            Code::CutMidAnswer,
            Code::UnreadableAnswer,
            Code::EmptyAnswer,
            Code::ProviderError,
            Code::Overloaded,
            Code::Timeout,
        ] {
            assert_eq!(effect(code, |_| {}), failure, "{code:?}");
        }
        for code in [
            Code::InvalidOutput,
            Code::RequestRefused,
            Code::ContextTooLong,
            Code::ContentRefused,
            Code::ModelNotFound,
            Code::AnswerTooLarge,
            Code::RateLimited,
        ] {
            assert_eq!(effect(code, |_| {}), neutral, "{code:?}");
        }
        assert_eq!(effect(Code::ProviderError, |failure| failure.http_status = Some(409)), neutral);
        assert_eq!(effect(Code::Timeout, |failure| failure.which = Some(Clock::Query)), neutral);
        assert_eq!(effect(Code::ProviderError, |failure| failure.retryable = false), neutral, "501, 3xx");
        assert_eq!(effect(Code::TlsFailed, |failure| failure.retryable = true), failure);
        for code in [Code::TlsFailed, Code::CredentialsRefused, Code::NoCredit] {
            assert_eq!(effect(code, |_| {}), Effect::Refuses, "{code:?}");
        }
        for code in [Code::RateLimited, Code::Overloaded] {
            let cools = effect(code, |failure| failure.retry_after = Some(seconds(3)));
            assert_eq!(cools, Effect::Cools(seconds(3)));
        }
    }

    #[test]
    fn a_cooling_endpoint_is_closed_for_everybody_until_then() {
        let (mut care, now) = (Care::new(Settings::default()), Instant::now());
        let pass = care.admit(now, LEASE).unwrap();
        care.report(pass, Effect::Cools(seconds(3)), now, 0.0);
        care.report(pass, Effect::Cools(seconds(1)), now, 0.0);
        assert_eq!(care.admit(now, LEASE), Err(Closed::Cooling(seconds(3))), "the longer wait holds");
        assert!(care.admit_as_last_resort(now).is_none(), "it was asked not to be");
        assert!(care.admit(now + seconds(3), LEASE).is_ok());
        care.report(pass, Effect::Cools(seconds(90_000)), now, 0.0);
        assert_eq!(care.admit(now, LEASE), Err(Closed::Cooling(seconds(3600))));
    }

    #[test]
    fn refused_credentials_are_probed_once_a_minute() {
        let (mut care, now) = (Care::new(Settings::default()), Instant::now());
        let pass = care.admit(now, LEASE).unwrap();
        care.report(pass, Effect::Refuses, now, 0.0);
        assert_eq!(care.admit(now, LEASE), Err(Closed::OutOfService(seconds(60))));
        let later = now + seconds(60);
        let probe = care.admit(later, LEASE).unwrap();
        assert_eq!(care.admit(later, LEASE), Err(Closed::OutOfService(LEASE)), "one probe");
        care.report(probe, Effect::Counts(Outcome::Neutral), later, 0.0);
        let probe = care.admit(later, LEASE).unwrap();
        care.report(probe, Effect::Refuses, later, 0.0);
        assert_eq!(care.admit(later, LEASE), Err(Closed::OutOfService(seconds(60))));
        let probe = care.admit(later + seconds(60), LEASE).unwrap();
        care.report(probe, Effect::Counts(Outcome::Success), later + seconds(60), 0.0);
        assert!(care.admit(later + seconds(60), LEASE).is_ok());
        assert!(care.admit(later + seconds(60), LEASE).is_ok());
    }

    #[test]
    fn only_the_probe_may_give_its_place_up() {
        let (mut care, now) = (Care::new(Settings::default()), Instant::now());
        let (refused, straggler) = (care.admit(now, LEASE).unwrap(), care.admit(now, LEASE).unwrap());
        care.report(refused, Effect::Refuses, now, 0.0);
        care.report(straggler, Effect::Counts(Outcome::Neutral), now, 0.0);
        assert_eq!(care.admit(now, LEASE), Err(Closed::OutOfService(seconds(60))));
        let by_hand = care.admit_by_hand(now).unwrap();
        care.report(by_hand, Effect::Counts(Outcome::Success), now, 0.0);
        assert!(care.admit(now, LEASE).is_ok());
    }

    #[test]
    fn what_the_operator_took_out_stays_out_until_it_is_reset() {
        let (mut care, now) = (Care::new(Settings::default()), Instant::now());
        care.isolate();
        assert_eq!(care.admit(now + seconds(9999), LEASE), Err(Closed::Isolated));
        care.reset();
        assert!(care.admit(now, LEASE).is_ok());
    }

    #[test]
    fn retries_are_a_fifth_of_the_calls_or_three_at_once() {
        let (mut care, now) = (Care::new(Settings::default()), Instant::now());
        let retries = |care: &mut Care, now| (0..100).filter(|_| care.may_retry(now)).count();
        assert_eq!(retries(&mut care, now), 3);
        assert_eq!(retries(&mut care, now + seconds(11)), 0, "three are under way");
        care.retried();
        assert_eq!(retries(&mut care, now + seconds(11)), 1);
        let later = now + seconds(30);
        for _ in 0..100 {
            care.admit(later, LEASE).unwrap();
        }
        assert_eq!(retries(&mut care, later), 20);
        assert_eq!(retries(&mut care, later + seconds(11)), 0, "the window has gone by");
    }
}
