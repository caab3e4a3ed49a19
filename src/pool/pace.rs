//! The shortest time between two calls of an endpoint.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio::time::sleep_until;

/// Keeps calls apart. Those who wait stand in line; one who leaves it costs the others nothing.
pub struct Pace {
    interval: Duration,
    /// When the last call went out; held by whoever is next.
    last: Arc<Mutex<Option<Instant>>>,
}

/// The head of the line: nobody follows before this call is on its way, or given up.
pub struct Head(OwnedMutexGuard<Option<Instant>>);

impl Pace {
    /// No call has been made yet.
    pub fn new(interval: Duration) -> Pace {
        Pace { interval, last: Arc::default() }
    }

    /// What `permit` gives, when the call may be made.
    pub async fn turn<T>(&self, permit: impl Future<Output = T>) -> (T, Head) {
        let mut last = Arc::clone(&self.last).lock_owned().await;
        let permit = permit.await;
        if let Some(last) = *last {
            sleep_until(last + self.interval).await;
        }
        *last = Some(Instant::now());
        (permit, Head(last))
    }
}

impl Head {
    /// The call is on its way: the time until the next one begins.
    pub fn sent(mut self) {
        *self.0 = Some(Instant::now());
    }
}
