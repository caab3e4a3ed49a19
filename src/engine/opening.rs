//! Where a query is asked next: the first of its targets that is not closed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;

use super::clocks::Clocks;
use crate::failure::Code;
use crate::failure::Failure;
use crate::pool::Admitted;
use crate::pool::Endpoint;
use crate::pool::Shut;
use crate::pool::Target;
use crate::pool::Turn;
use crate::pool::care::Closed;

/// The longest pause of a provider that a query waits for, rather than ask elsewhere.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An endpoint of a target that may be asked.
pub struct Opening {
    /// The target's place among the query's.
    pub at: usize,
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The right to ask it; not yet there while it must be waited for.
    pub admitted: Option<Admitted>,
    /// How long the provider asked us to wait.
    wait: Duration,
}

impl Opening {
    /// Where a query begins: the first of its targets from place `from` on that can be asked within `left`.
    /// When all are closed one is asked now and then all the same.
    ///
    /// # Errors
    /// Why none can be asked, from the one that opens first.
    pub fn first(targets: &[(Target, Clocks)], from: usize, left: Duration) -> Result<Opening, Failure> {
        let last_resort = |(at, (target, _)): (usize, &(Target, Clocks))| {
            Some(Opening::admitted(at, target.group.admit_as_last_resort()?))
        };
        Opening::find(targets, from, left)
            .or_else(|closed| targets.iter().enumerate().skip(from).find_map(last_resort).ok_or(closed))
    }

    /// The first of the targets from place `from` on that can be asked within `left`.
    ///
    /// # Errors
    /// Why none can be asked, from the one that opens first.
    pub fn find(targets: &[(Target, Clocks)], from: usize, left: Duration) -> Result<Opening, Failure> {
        let mut soonest: Option<Shut> = None;
        for (at, (target, _)) in targets.iter().enumerate().skip(from) {
            match target.group.admit(left) {
                Ok(admitted) => return Ok(Opening::admitted(at, admitted)),
                Err(Shut { endpoint, why: Closed::Cooling(wait) }) if can_wait(wait, left) => {
                    return Ok(Opening { at, endpoint, admitted: None, wait });
                }
                Err(shut) => {
                    if soonest.as_ref().is_none_or(|sooner| shut.why.opens_before(sooner.why)) {
                        soonest = Some(shut);
                    }
                }
            }
        }
        Err(match soonest {
            Some(shut) => shut.failure(),
            None => Failure::new(Code::BreakerOpen, "No model is left to ask."),
        })
    }

    /// Another endpoint of the target at place `at`, if one is open.
    pub fn beside(targets: &[(Target, Clocks)], at: usize, but: &Arc<Endpoint>) -> Option<Opening> {
        let endpoint = targets[at].0.group.other(but)?;
        Some(Opening { at, endpoint, admitted: None, wait: Duration::ZERO })
    }

    fn admitted(at: usize, admitted: Admitted) -> Opening {
        let endpoint = Arc::clone(admitted.endpoint());
        Opening { at, endpoint, admitted: Some(admitted), wait: Duration::ZERO }
    }

    /// The same, for a query that waits for this long anyway.
    pub fn after(mut self, delay: Duration) -> Opening {
        self.wait = self.wait.saturating_sub(delay);
        self
    }

    /// When it may be asked.
    pub fn turn(&self) -> Turn {
        let endpoint = Arc::clone(&self.endpoint);
        if self.wait.is_zero() {
            return endpoint.turn();
        }
        let wait = self.wait;
        let wait = async move {
            sleep(wait).await;
            endpoint.turn().permit().await
        };
        Turn::Later { ahead: 0, wait: wait.boxed() }
    }
}

/// Whether a query that has `left` waits for a provider, rather than ask elsewhere.
pub fn can_wait(wait: Duration, left: Duration) -> bool {
    wait <= LONGEST_PAUSE && wait <= left / 4
}
