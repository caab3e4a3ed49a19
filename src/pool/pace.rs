//! The shortest time between two calls of an endpoint.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::sleep_until;

/// Keeps calls apart. Those who wait stand in line; one who leaves it costs the others nothing.
pub struct Pace {
    interval: Duration,
    /// Held by whoever is next.
    line: tokio::sync::Mutex<()>,
    last: Mutex<Option<Instant>>,
}

impl Pace {
    /// No call has been made yet.
    pub fn new(interval: Duration) -> Pace {
        Pace { interval, line: tokio::sync::Mutex::default(), last: Mutex::default() }
    }

    /// What `permit` gives, when the call may be made.
    pub async fn turn<T>(&self, permit: impl Future<Output = T>) -> T {
        let _next = self.line.lock().await;
        let permit = permit.await;
        // While it sleeps, the call before it may go out later than it was let go.
        while let Some(due) = self.due() {
            sleep_until(due).await;
        }
        self.begins(Instant::now());
        permit
    }

    /// A call goes out now.
    pub fn begins(&self, now: Instant) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// When the next call may go out, if that is not now.
    fn due(&self) -> Option<Instant> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.map(|last| last + self.interval).filter(|due| *due > Instant::now())
    }
}
