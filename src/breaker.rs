//! Circuit breaker: stops asking an endpoint that keeps failing.
//!
//! Closed lets calls pass. After [`IN_A_ROW`] failures in a row, or when half
//! of the newest calls failed, it opens and refuses for a while that grows
//! with the outage. Then, half-open, it lets one probe pass at a time; enough
//! successes close it. Time and chance are passed in, so a test needs neither.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it, unless the configuration says otherwise.
pub const IN_A_ROW: u32 = 5;
/// How far back outcomes count.
const WINDOW: Duration = Duration::from_secs(60);
/// Outcomes within the window from which on their share decides.
const ENOUGH: usize = 10;
/// Outcomes that are remembered at most.
const REMEMBERED: usize = 1000;
/// An outage that is older is looked after less often.
const LONG_OUTAGE: Duration = Duration::from_secs(180);
/// How long it must have been closed for its history to be forgotten.
const FORGIVEN: Duration = Duration::from_secs(60);
/// Time between two probes when nobody else can answer.
const LAST_RESORT: Duration = Duration::from_secs(5);

/// How a breaker behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Failures in a row that open it.
    pub in_a_row: u32,
    /// How long it stays open; then one success closes it. Without it the time grows with the outage.
    pub open_for: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { in_a_row: IN_A_ROW, open_for: None }
    }
}

/// A breaker of one endpoint.
#[derive(Debug)]
pub struct Breaker {
    settings: Settings,
    state: State,
    /// Counts transitions; what began before the last one is not heard any more.
    generation: u64,
    /// Failures since the last success.
    in_a_row: u32,
    /// When calls ended, and whether they failed.
    outcomes: VecDeque<(Instant, bool)>,
    /// Since when the outage lasts that goes on, or ended a moment ago.
    outage: Option<Instant>,
    last_failure: Option<Instant>,
    last_resort: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { since: Option<Instant> },
    Open { until: Instant },
    HalfOpen { successes: u32, probe: Option<Instant> },
}

/// The right to make one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    generation: u64,
    probe: bool,
}

/// How a call ended, for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint did its work.
    Success,
    /// The endpoint did not.
    Failure,
    /// It says nothing about the endpoint.
    Neutral,
}

/// The breaker as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Calls pass.
    Closed,
    /// Calls are refused.
    Open,
    /// One probe at a time passes.
    HalfOpen,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: Settings) -> Breaker {
        Breaker {
            settings,
            state: State::Closed { since: None },
            generation: 0,
            in_a_row: 0,
            outcomes: VecDeque::new(),
            outage: None,
            last_failure: None,
            last_resort: None,
        }
    }

    /// Whether a call may go out now, one that takes at most `lease`.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn admit(&mut self, now: Instant, lease: Duration) -> Result<Pass, Duration> {
        match self.state {
            State::Closed { .. } => Ok(self.pass(false)),
            State::Open { until } if now < until => Err(until - now),
            State::Open { .. } => {
                self.enter(State::HalfOpen { successes: 0, probe: Some(now + lease) });
                Ok(self.pass(true))
            }
            State::HalfOpen { probe: Some(until), .. } if now < until => Err(until - now),
            State::HalfOpen { successes, probe } => {
                // The probe has a time of its own: one that never reports must not keep the breaker half-open,
                // and one that reports after that must not free the place of the next.
                self.generation += u64::from(probe.is_some());
                self.state = State::HalfOpen { successes, probe: Some(now + lease) };
                Ok(self.pass(true))
            }
        }
    }

    /// Whether a call may go out although it is open, because nobody else can answer: seldom.
    pub fn admit_as_last_resort(&mut self, now: Instant) -> Option<Pass> {
        let recent = self.last_resort.is_some_and(|last| now < last + LAST_RESORT);
        if recent || !matches!(self.state, State::Open { .. }) {
            return None;
        }
        self.last_resort = Some(now);
        Some(self.pass(true))
    }

    /// Takes in how a call ended. `chance` between -1 and 1 spreads the times of many breakers.
    pub fn report(&mut self, pass: Pass, outcome: Outcome, now: Instant, chance: f64) {
        if outcome == Outcome::Failure {
            self.last_failure = Some(now);
        }
        if pass.generation != self.generation {
            return;
        }
        match (self.state, outcome) {
            (State::HalfOpen { successes, .. }, Outcome::Neutral) => {
                self.state = State::HalfOpen { successes, probe: None };
            }
            (_, Outcome::Neutral) => {}
            (State::Closed { .. }, Outcome::Success) => {
                self.in_a_row = 0;
                self.remember(now, false);
            }
            (State::Closed { .. }, Outcome::Failure) => {
                self.in_a_row += 1;
                self.remember(now, true);
                if self.in_a_row >= self.settings.in_a_row || self.half_failed() {
                    self.open(now, chance);
                }
            }
            (State::HalfOpen { successes, .. }, Outcome::Success) => self.recover(successes + 1, now),
            // Asked as a last resort, or by hand: it works again.
            (State::Open { .. }, Outcome::Success) => self.recover(1, now),
            (State::HalfOpen { .. }, Outcome::Failure) => self.open(now, chance),
            (State::Open { .. }, Outcome::Failure) => {}
        }
    }

    /// After so many probes in a row that succeeded.
    fn recover(&mut self, successes: u32, now: Instant) {
        let enough = if self.settings.open_for.is_some() { 1 } else { 2 };
        match (successes >= enough, self.state) {
            (true, _) => self.close(now),
            (false, State::HalfOpen { .. }) => self.state = State::HalfOpen { successes, probe: None },
            (false, _) => self.enter(State::HalfOpen { successes, probe: None }),
        }
    }

    /// A call that somebody makes by hand, whatever the state; it is reported like any other.
    pub fn trial(&self) -> Pass {
        self.pass(true)
    }

    /// Closes it by hand and forgets what was.
    pub fn reset(&mut self) {
        let generation = self.generation + 1;
        *self = Breaker { generation, ..Breaker::new(self.settings) };
    }

    /// The state as people see it, at `now`.
    pub fn shown(&self) -> Shown {
        match self.state {
            State::Closed { .. } => Shown::Closed,
            State::Open { .. } => Shown::Open,
            State::HalfOpen { .. } => Shown::HalfOpen,
        }
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.in_a_row
    }

    /// Failures in a row that open it.
    pub fn threshold(&self) -> u32 {
        self.settings.in_a_row
    }

    /// When a call last failed.
    pub fn last_failure(&self) -> Option<Instant> {
        self.last_failure
    }

    /// How long calls are still refused; zero when they are not.
    pub fn refuses_for(&self, now: Instant) -> Duration {
        match self.state {
            State::Open { until } | State::HalfOpen { probe: Some(until), .. } => {
                until.saturating_duration_since(now)
            }
            _ => Duration::ZERO,
        }
    }

    /// How long it stays open the next time, before chance.
    pub fn open_time(&self, now: Instant) -> Duration {
        let grown = || match self.outage(now) {
            None => Duration::from_secs(10),
            Some(since) if now.saturating_duration_since(since) >= LONG_OUTAGE => Duration::from_secs(60),
            Some(_) => Duration::from_secs(20),
        };
        self.settings.open_for.unwrap_or_else(grown)
    }

    /// Since when the outage lasts, unless it has been closed for long enough.
    fn outage(&self, now: Instant) -> Option<Instant> {
        let is_over = matches!(self.state, State::Closed { since: Some(since) } if since + FORGIVEN <= now);
        self.outage.filter(|_| !is_over)
    }

    fn pass(&self, probe: bool) -> Pass {
        Pass { generation: self.generation, probe }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }

    fn open(&mut self, now: Instant, chance: f64) {
        let time = self.open_time(now).mul_f64(1.0 + 0.2 * chance.clamp(-1.0, 1.0));
        self.outage = self.outage(now).or(Some(now));
        // It has failed this very moment: that was a probe as good as any.
        self.last_resort = Some(now);
        self.enter(State::Open { until: now + time });
    }

    fn close(&mut self, now: Instant) {
        self.in_a_row = 0;
        self.outcomes.clear();
        self.enter(State::Closed { since: Some(now) });
    }

    fn remember(&mut self, now: Instant, failed: bool) {
        self.outcomes.push_back((now, failed));
        while self.outcomes.len() > REMEMBERED
            || self.outcomes.front().is_some_and(|(at, _)| *at + WINDOW < now)
        {
            self.outcomes.pop_front();
        }
    }

    fn half_failed(&self) -> bool {
        let failed = self.outcomes.iter().filter(|(_, failed)| *failed).count();
        // Who tolerates more failures in a row does so when they are not in a row as well.
        let enough = ENOUGH.max(self.settings.in_a_row as usize);
        self.outcomes.len() >= enough && failed * 2 >= self.outcomes.len()
    }
}

impl Pass {
    /// Whether it is a probe of an endpoint that was given up.
    pub fn is_probe(self) -> bool {
        self.probe
    }
}

#[cfg(test)]
mod model_test;

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(15);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// A breaker on a clock of its own.
    struct Bench {
        breaker: Breaker,
        now: Instant,
    }

    impl Bench {
        fn new(settings: Settings) -> Bench {
            Bench { breaker: Breaker::new(settings), now: Instant::now() }
        }

        fn call(&mut self, outcome: Outcome) {
            let pass = self.breaker.admit(self.now, LEASE).unwrap();
            self.breaker.report(pass, outcome, self.now, 0.0);
        }

        fn fail(&mut self, times: usize) {
            (0..times).for_each(|_| self.call(Outcome::Failure));
        }

        fn refused(&mut self) -> Option<Duration> {
            self.breaker.admit(self.now, LEASE).err()
        }

        fn wait(&mut self, time: Duration) {
            self.now += time;
        }
    }

    #[test]
    fn failures_in_a_row_open_it_and_successes_between_do_not() {
        let mut bench = Bench::new(Settings::default());
        for _ in 0..2 {
            bench.fail(4);
            bench.call(Outcome::Success);
        }
        assert_eq!(bench.breaker.shown(), Shown::Closed);
        bench.wait(seconds(61));
        bench.fail(2);
        bench.call(Outcome::Neutral);
        bench.fail(3);
        assert_eq!(bench.refused(), Some(seconds(10)));
    }

    #[test]
    fn half_of_many_failing_opens_it_and_old_ones_do_not_count() {
        let mut bench = Bench::new(Settings::default());
        for _ in 0..4 {
            bench.fail(1);
            bench.call(Outcome::Success);
        }
        bench.call(Outcome::Success);
        bench.wait(seconds(61));
        for _ in 0..4 {
            bench.fail(1);
            bench.call(Outcome::Success);
        }
        assert_eq!(bench.breaker.shown(), Shown::Closed);
        bench.call(Outcome::Success);
        bench.fail(1);
        assert_eq!(bench.breaker.shown(), Shown::Open, "5 of 10");
    }

    #[test]
    fn two_probes_in_a_row_close_it_one_at_a_time() {
        let mut bench = Bench::new(Settings::default());
        bench.fail(5);
        bench.wait(seconds(10));
        let probe = bench.breaker.admit(bench.now, LEASE).unwrap();
        assert!(probe.is_probe());
        assert_eq!(bench.refused(), Some(LEASE), "one probe at a time");
        bench.breaker.report(probe, Outcome::Success, bench.now, 0.0);
        assert_eq!(bench.breaker.shown(), Shown::HalfOpen);
        bench.call(Outcome::Success);
        assert_eq!(bench.breaker.shown(), Shown::Closed);
        bench.fail(4);
        assert_eq!(bench.breaker.shown(), Shown::Closed, "it begins anew");
    }

    #[test]
    fn a_failed_probe_opens_it_for_longer_and_a_quiet_minute_forgives() {
        let mut bench = Bench::new(Settings::default());
        bench.fail(5);
        for expected in [20, 20, 20, 20, 20, 20, 20, 20, 20, 60, 60] {
            let wait = bench.refused().unwrap();
            bench.wait(wait);
            bench.fail(1);
            assert_eq!(bench.refused(), Some(seconds(expected)));
        }
        bench.wait(seconds(60));
        bench.call(Outcome::Success);
        bench.call(Outcome::Success);
        bench.fail(5);
        assert_eq!(bench.refused(), Some(seconds(60)), "the outage was over for no time at all");
        bench.wait(seconds(60));
        bench.call(Outcome::Success);
        bench.call(Outcome::Success);
        bench.wait(seconds(60));
        bench.call(Outcome::Success);
        bench.fail(5);
        assert_eq!(bench.refused(), Some(seconds(10)));
    }

    #[test]
    fn a_cancelled_probe_frees_its_place_a_hundred_times() {
        let mut bench = Bench::new(Settings::default());
        bench.fail(5);
        bench.wait(seconds(10));
        for _ in 0..100 {
            bench.call(Outcome::Neutral);
        }
        bench.call(Outcome::Success);
        bench.call(Outcome::Success);
        assert_eq!(bench.breaker.shown(), Shown::Closed);
    }

    #[test]
    fn a_probe_that_never_reports_gives_way_when_its_time_is_over() {
        let mut bench = Bench::new(Settings::default());
        bench.fail(5);
        bench.wait(seconds(10));
        let lost = bench.breaker.admit(bench.now, LEASE).unwrap();
        bench.wait(LEASE);
        assert_eq!(bench.refused(), None);
        let _ = lost;
    }

    #[test]
    fn stragglers_are_not_heard() {
        let mut bench = Bench::new(Settings::default());
        let before = bench.breaker.admit(bench.now, LEASE).unwrap();
        bench.fail(5);
        bench.wait(seconds(10));
        let probe = bench.breaker.admit(bench.now, LEASE).unwrap();
        bench.breaker.report(before, Outcome::Success, bench.now, 0.0);
        bench.breaker.report(before, Outcome::Failure, bench.now, 0.0);
        assert_eq!(bench.breaker.shown(), Shown::HalfOpen);
        bench.breaker.report(probe, Outcome::Success, bench.now, 0.0);
        bench.call(Outcome::Success);
        assert_eq!(bench.breaker.shown(), Shown::Closed);
    }

    #[test]
    fn a_given_time_is_kept_and_one_success_closes() {
        let mut bench = Bench::new(Settings { in_a_row: 3, open_for: Some(seconds(120)) });
        bench.fail(3);
        assert_eq!(bench.refused(), Some(seconds(120)));
        bench.wait(seconds(120));
        bench.fail(1);
        assert_eq!(bench.refused(), Some(seconds(120)));
        bench.wait(seconds(120));
        bench.call(Outcome::Success);
        assert_eq!(bench.breaker.shown(), Shown::Closed);
    }

    #[test]
    fn who_tolerates_more_in_a_row_tolerates_as_many_in_all() {
        let mut bench = Bench::new(Settings { in_a_row: 20, ..Settings::default() });
        for _ in 0..9 {
            bench.fail(1);
            bench.call(Outcome::Success);
        }
        bench.fail(1);
        assert_eq!(bench.breaker.shown(), Shown::Closed);
        bench.fail(1);
        assert_eq!(bench.breaker.shown(), Shown::Open, "11 of 20");
    }

    #[test]
    fn a_trial_by_hand_counts_as_a_probe_and_as_nothing_when_it_fails() {
        for (open_for, after) in [(None, Shown::HalfOpen), (Some(seconds(120)), Shown::Closed)] {
            let mut bench = Bench::new(Settings { in_a_row: 3, open_for });
            bench.fail(3);
            let before = bench.refused();
            let trial = bench.breaker.trial();
            bench.breaker.report(trial, Outcome::Failure, bench.now, 0.0);
            assert_eq!((bench.breaker.shown(), bench.refused()), (Shown::Open, before));
            let trial = bench.breaker.trial();
            bench.breaker.report(trial, Outcome::Success, bench.now, 0.0);
            assert_eq!((bench.breaker.shown(), bench.refused()), (after, None));
        }
    }

    #[test]
    fn chance_moves_the_time_by_a_fifth_at_most() {
        for (chance, expected) in [(-1.0, 8), (1.0, 12), (7.0, 12)] {
            let mut bench = Bench::new(Settings::default());
            bench.fail(4);
            let pass = bench.breaker.admit(bench.now, LEASE).unwrap();
            bench.breaker.report(pass, Outcome::Failure, bench.now, chance);
            assert_eq!(bench.refused(), Some(seconds(expected)));
        }
    }

    #[test]
    fn a_last_resort_is_tried_seldom_and_may_end_the_outage() {
        let mut bench = Bench::new(Settings { open_for: Some(seconds(60)), ..Settings::default() });
        assert!(bench.breaker.admit_as_last_resort(bench.now).is_none(), "it is closed");
        bench.fail(5);
        assert!(bench.breaker.admit_as_last_resort(bench.now).is_none(), "it has just failed");
        bench.wait(seconds(5));
        let first = bench.breaker.admit_as_last_resort(bench.now).unwrap();
        assert!(bench.breaker.admit_as_last_resort(bench.now).is_none());
        bench.breaker.report(first, Outcome::Failure, bench.now, 0.0);
        assert_eq!(bench.breaker.shown(), Shown::Open);
        bench.wait(seconds(4));
        assert!(bench.breaker.admit_as_last_resort(bench.now).is_none());
        bench.wait(seconds(1));
        let second = bench.breaker.admit_as_last_resort(bench.now).unwrap();
        bench.breaker.report(second, Outcome::Success, bench.now, 0.0);
        assert_eq!((bench.breaker.shown(), bench.refused()), (Shown::Closed, None));
    }

    #[test]
    fn a_reset_forgets_everything() {
        let mut bench = Bench::new(Settings::default());
        bench.fail(4);
        let late = bench.breaker.admit(bench.now, LEASE).unwrap();
        bench.fail(1);
        bench.breaker.reset();
        bench.breaker.report(late, Outcome::Failure, bench.now, 0.0);
        bench.fail(4);
        assert_eq!(bench.breaker.shown(), Shown::Closed);
    }
}
