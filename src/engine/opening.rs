//! Where a query is asked next: the first of its targets that is not closed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;

use super::clocks::Clocks;
use crate::failure::Code;
use crate::failure::Failure;
use crate::pool::Admitted;
use crate::pool::Target;
use crate::pool::Turn;
use crate::pool::care::Closed;

/// The longest pause of a provider that a query waits for, rather than ask elsewhere.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A target that may be asked.
pub struct Opening {
    /// Its place among the query's targets.
    pub at: usize,
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
            let admitted = target.endpoint.admit_as_last_resort()?;
            Some(Opening { at, admitted: Some(admitted), wait: Duration::ZERO })
        };
        Opening::find(targets, from, left)
            .or_else(|closed| targets.iter().enumerate().skip(from).find_map(last_resort).ok_or(closed))
    }

    /// The first of the targets from place `from` on that can be asked within `left`.
    ///
    /// # Errors
    /// Why none can be asked, from the one that opens first.
    pub fn find(targets: &[(Target, Clocks)], from: usize, left: Duration) -> Result<Opening, Failure> {
        let mut soonest: Option<(Closed, &Target)> = None;
        for (at, (target, _)) in targets.iter().enumerate().skip(from) {
            match target.endpoint.admit(left) {
                Ok(admitted) => return Ok(Opening { at, admitted: Some(admitted), wait: Duration::ZERO }),
                Err(Closed::Cooling(wait)) if can_wait(wait, left) => {
                    return Ok(Opening { at, admitted: None, wait });
                }
                Err(closed) => {
                    let time = |closed: Closed| closed.wait().unwrap_or(Duration::MAX);
                    if soonest.is_none_or(|(other, _)| time(closed) < time(other)) {
                        soonest = Some((closed, target));
                    }
                }
            }
        }
        Err(match soonest {
            Some((closed, target)) => closed.failure(target.endpoint.provider.name().as_str()),
            None => Failure::new(Code::BreakerOpen, "No model is left to ask."),
        })
    }

    /// The same, for a query that waits for this long anyway.
    pub fn after(mut self, delay: Duration) -> Opening {
        self.wait = self.wait.saturating_sub(delay);
        self
    }

    /// When it may be asked.
    pub fn turn(&self, targets: &[(Target, Clocks)]) -> Turn {
        let endpoint = Arc::clone(&targets[self.at].0.endpoint);
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
