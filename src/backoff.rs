//! How long to wait before asking again.
//!
//! Full jitter: anything between a short floor and a bound that doubles with
//! every failure, so that calls which failed together do not return together.
//! A provider that says when to come back is believed, and never early.
//! Pure: the randomness is passed in, and nothing here sleeps.

use std::time::Duration;

use rand::Rng;
use rand::RngExt;

/// The bounds of the waits between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Longest wait after the first failure; doubles with every further one.
    pub base: Duration,
    /// No wait is longer than this, unless the provider asked for it.
    pub max: Duration,
}

/// How often one target is asked, and how long is waited in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Most attempts of one query at it.
    pub attempts: u32,
    /// The waits between them.
    pub waits: Backoff,
}

impl Default for Retries {
    fn default() -> Retries {
        Retries { attempts: 2, waits: Backoff::default() }
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { base: Duration::from_millis(500), max: Duration::from_secs(8) }
    }
}

impl Backoff {
    /// No wait is shorter than this.
    pub const MIN: Duration = Duration::from_millis(50);

    /// The wait before the next attempt after attempt number `attempt` (from 1) failed.
    ///
    /// With `retry_after` it is that and up to a tenth more.
    pub fn wait(&self, attempt: u32, retry_after: Option<Duration>, rng: &mut impl Rng) -> Duration {
        match retry_after {
            Some(asked) => between(asked, asked.saturating_add(asked / 10), rng),
            None => between(Backoff::MIN, self.bound(attempt), rng),
        }
    }

    fn bound(&self, attempt: u32) -> Duration {
        // 2^31 times any useful base is past every maximum; more would overflow.
        let doublings = attempt.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.max)
    }
}

fn between(least: Duration, most: Duration, rng: &mut impl Rng) -> Duration {
    if most <= least {
        return least;
    }
    rng.random_range(least..=most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_stays_within_its_bounds(attempt: u32, seed: u64) {
            let wait = Backoff::default().wait(attempt, None, &mut StdRng::seed_from_u64(seed));
            let bound = 0.5 * 2f64.powf(f64::from(attempt.max(1)) - 1.0);
            prop_assert!(wait >= Backoff::MIN);
            prop_assert!(wait.as_secs_f64() <= bound.min(8.0));
        }

        #[test]
        fn what_the_provider_asked_is_a_floor(attempt: u32, millis in 0u64..3_600_000, seed: u64) {
            let asked = Duration::from_millis(millis);
            let wait = Backoff::default().wait(attempt, Some(asked), &mut StdRng::seed_from_u64(seed));
            prop_assert!(wait >= asked && wait <= asked + asked / 10);
        }

        #[test]
        fn no_setting_panics(base: Duration, max: Duration, attempt: u32, asked: Option<Duration>, seed: u64) {
            Backoff { base, max }.wait(attempt, asked, &mut StdRng::seed_from_u64(seed));
        }
    }

    #[test]
    fn calls_that_failed_together_spread_out() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut waits: Vec<Duration> = (0..50).map(|_| Backoff::default().wait(1, None, &mut rng)).collect();
        waits.sort();
        assert!(waits[49] - waits[0] > Duration::from_millis(270), "{waits:?}");
    }
}
