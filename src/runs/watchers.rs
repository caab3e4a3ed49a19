//! Who watches a run, and what it means when the last one leaves.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::event::OnDisconnect;

/// Counts a run's watchers; clones count together.
#[derive(Clone)]
pub struct Watchers(Arc<watch::Sender<Count>>);

/// One watcher, until it is dropped.
pub struct Watch(Arc<watch::Sender<Count>>);

#[derive(Clone, Copy, Default)]
struct Count {
    now: usize,
    ever: usize,
}

impl Default for Watchers {
    fn default() -> Watchers {
        Watchers(Arc::new(watch::Sender::new(Count::default())))
    }
}

impl Watchers {
    /// One watcher more.
    pub fn watch(&self) -> Watch {
        self.0.send_modify(|count| *count = Count { now: count.now + 1, ever: count.ever + 1 });
        Watch(Arc::clone(&self.0))
    }

    /// Waits until leaving means that the run ends.
    pub fn all_left(
        &self,
        policy: OnDisconnect,
        grace: Duration,
    ) -> impl Future<Output = ()> + Send + 'static {
        let mut count = self.0.subscribe();
        // Somebody holds a sender as long as this future lives: the run's entry does.
        let held = Arc::clone(&self.0);
        async move {
            let _held = held;
            match policy {
                OnDisconnect::Continue => std::future::pending().await,
                OnDisconnect::Cancel => {
                    let _ = count.wait_for(|count| count.ever > 0 && count.now == 0).await;
                }
                OnDisconnect::Grace => loop {
                    let _ = count.wait_for(|count| count.now == 0).await;
                    if timeout(grace, count.wait_for(|count| count.now > 0)).await.is_err() {
                        return;
                    }
                },
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.send_modify(|count| count.now -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use tokio::time::advance;

    const GRACE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn grace_begins_again_with_every_return() {
        let watchers = Watchers::default();
        let first = watchers.watch();
        let left = watchers.all_left(OnDisconnect::Grace, GRACE);
        tokio::pin!(left);
        assert!(poll!(&mut left).is_pending());
        drop(first);
        assert!(poll!(&mut left).is_pending());
        advance(GRACE - Duration::from_millis(1)).await;
        assert!(poll!(&mut left).is_pending());
        let second = watchers.watch();
        assert!(poll!(&mut left).is_pending());
        advance(GRACE * 2).await;
        assert!(poll!(&mut left).is_pending());
        drop(second);
        assert!(poll!(&mut left).is_pending());
        advance(GRACE + Duration::from_millis(1)).await;
        assert!(poll!(&mut left).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn each_policy_has_its_meaning() {
        for (policy, over) in [(OnDisconnect::Continue, false), (OnDisconnect::Cancel, true)] {
            let watchers = Watchers::default();
            let left = watchers.all_left(policy, GRACE);
            tokio::pin!(left);
            assert!(poll!(&mut left).is_pending(), "nobody has watched yet");
            drop(watchers.watch());
            assert_eq!(poll!(&mut left).is_ready(), over, "{policy:?}");
        }
    }
}
