//! One address with one key: its permits, its pace, its health.
//!
//! Permits are handed out in the order in which they were asked for.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::care::Care;
use super::care::Closed;
use super::care::Effect;
use super::care::Pass;
use super::pace::Head;
use super::pace::Pace;
use super::recent::Ended;
use super::recent::Figures;
use super::recent::Recent;
use crate::breaker;
use crate::breaker::Outcome;
use crate::breaker::Shown;
use crate::failure::Code;
use crate::failure::Failure;
use crate::provider::Place;
use crate::provider::Provider;

/// A provider's address with its permits.
pub struct Endpoint {
    /// Who answers.
    pub provider: Arc<dyn Provider>,
    /// Its own name, where its provider has several.
    name: Option<String>,
    key: Option<String>,
    permits: Arc<Semaphore>,
    places: usize,
    waiting: AtomicUsize,
    pace: Option<Pace>,
    care: Mutex<Care>,
    recent: Mutex<Recent>,
}

/// The right to make one call; tells the endpoint's breaker how it ended. Dropped untold it counts for nothing.
pub struct Admitted {
    endpoint: Arc<Endpoint>,
    pass: Pass,
    since: Instant,
    by_hand: bool,
    told: bool,
}

impl Admitted {
    /// Where the call may be made.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The call goes out now.
    pub fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// The call brought what was asked for, its first content after so long.
    pub fn succeeded(self, first_content: Option<Duration>) {
        self.ended(Ended::Succeeded { first_content, total: self.since.elapsed() });
        self.tell(Effect::Counts(Outcome::Success));
    }

    /// The call failed.
    pub fn failed(self, failure: &Failure) {
        self.ended(Ended::Failed);
        self.endpoint.care().remember(failure.code);
        self.tell(Effect::of(failure));
    }

    /// The call was cut short by a clock that is not its own, after `own` at most: who was silent for half of
    /// his own time is not excused.
    pub fn cut_short(self, own: Duration) {
        let outcome = if self.since.elapsed() * 2 >= own { Outcome::Failure } else { Outcome::Neutral };
        self.tell(Effect::Counts(outcome));
    }

    fn ended(&self, ended: Ended) {
        // A call of one word says nothing about others.
        if !self.by_hand {
            self.endpoint.recent().add(ended);
        }
    }

    fn tell(mut self, effect: Effect) {
        self.told = true;
        self.report(effect);
    }

    fn report(&self, effect: Effect) {
        let chance = rand::random_range(-1.0..=1.0);
        let now = Instant::now();
        self.endpoint.change(now, |care| care.report(self.pass, effect, now, chance));
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if !self.told {
            self.report(Effect::Counts(Outcome::Neutral));
        }
    }
}

/// The right to make a call once more; counts until it is dropped.
pub struct Retry(Arc<Endpoint>);

impl Drop for Retry {
    fn drop(&mut self) {
        self.0.care().retried();
    }
}

/// The right to one call; returned when dropped.
pub struct Permit {
    _place: OwnedSemaphorePermit,
    head: Option<Head>,
}

impl Permit {
    /// The call is on its way, so that another may follow in due time.
    pub fn sent(&mut self) {
        if let Some(head) = self.head.take() {
            head.sent();
        }
    }
}

/// When a call may be made.
pub enum Turn {
    /// At once.
    Now(Option<Permit>),
    /// When those before it are done; dropping it leaves the queue.
    Later {
        /// Calls before it in the queue.
        ahead: usize,
        /// The permit, once it is its turn.
        wait: BoxFuture<'static, Option<Permit>>,
    },
}

impl Turn {
    /// The permit, once it is its turn.
    pub async fn permit(self) -> Option<Permit> {
        match self {
            Turn::Now(permit) => permit,
            Turn::Later { wait, .. } => wait.await,
        }
    }
}

impl Endpoint {
    /// An endpoint that takes at most `max_in_flight` calls at once.
    pub fn new(provider: Arc<dyn Provider>, max_in_flight: usize) -> Endpoint {
        let permits = Arc::new(Semaphore::new(max_in_flight.min(Semaphore::MAX_PERMITS)));
        Endpoint {
            provider,
            name: None,
            key: None,
            permits,
            places: max_in_flight,
            waiting: AtomicUsize::new(0),
            pace: None,
            care: Mutex::new(Care::new(breaker::Settings::default())),
            recent: Mutex::default(),
        }
    }

    /// The same endpoint under a name of its own, since its provider has several.
    pub fn named(mut self, name: impl Into<String>) -> Endpoint {
        self.name = Some(name.into());
        self
    }

    /// The same endpoint, whose key comes from there: a variable or a file, by name.
    pub fn with_key(mut self, origin: Option<String>) -> Endpoint {
        self.key = origin;
        self
    }

    /// The same endpoint with a breaker of its own making.
    pub fn with_breaker(mut self, settings: breaker::Settings) -> Endpoint {
        self.care = Mutex::new(Care::new(settings));
        self
    }

    /// The same endpoint with this much time between two calls.
    pub fn with_interval(mut self, interval: Duration) -> Endpoint {
        self.pace = (!interval.is_zero()).then(|| Pace::new(interval));
        self
    }

    /// Its name: its provider's where it is the only one.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.provider.name().as_str())
    }

    /// Where its key comes from, for people; none if it has none.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The same failure with its name, where its provider has several.
    pub fn mark(&self, failure: Failure) -> Failure {
        Failure { endpoint: self.name.clone(), ..failure }
    }

    /// Whether a call of at most `lease` may be made now.
    ///
    /// # Errors
    /// [`Closed`] when it may not.
    pub fn admit(self: &Arc<Self>, lease: Duration) -> Result<Admitted, Closed> {
        let now = Instant::now();
        let pass = self.change(now, |care| care.admit(now, lease))?;
        Ok(self.admitted(pass, now))
    }

    /// Whether one call may be made although the breaker is open, because nobody else can answer.
    pub fn admit_as_last_resort(self: &Arc<Self>) -> Option<Admitted> {
        let now = Instant::now();
        let pass = self.care().admit_as_last_resort(now)?;
        Some(self.admitted(pass, now))
    }

    /// Whether a call may be made by hand, to find out whether it works.
    ///
    /// # Errors
    /// [`Closed`] when it may not.
    pub fn admit_by_hand(self: &Arc<Self>) -> Result<Admitted, Closed> {
        let now = Instant::now();
        let pass = self.care().admit_by_hand(now)?;
        let mut admitted = self.admitted(pass, now);
        admitted.by_hand = true;
        Ok(admitted)
    }

    fn admitted(self: &Arc<Self>, pass: Pass, since: Instant) -> Admitted {
        Admitted { endpoint: Arc::clone(self), pass, since, by_hand: false, told: false }
    }

    /// The right to make a call once more, unless too many are made so.
    pub fn retry(self: &Arc<Self>) -> Option<Retry> {
        self.care().may_retry(Instant::now()).then(|| Retry(Arc::clone(self)))
    }

    /// Its health; nobody keeps this for long.
    pub fn care(&self) -> MutexGuard<'_, Care> {
        // A panic cannot happen between two writes that belong together.
        self.care.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes its health, and tells the log when its breaker opens, half opens or closes by that.
    fn change<T>(&self, now: Instant, change: impl FnOnce(&mut Care) -> T) -> T {
        let (changed, before, after, reason, open_for) = {
            let mut care = self.care();
            let before = care.breaker().shown();
            let changed = change(&mut care);
            let breaker = care.breaker();
            (changed, before, breaker.shown(), care.reason(), breaker.refuses_for(now))
        };
        if after != before {
            self.tell(after, reason, open_for);
        }
        changed
    }

    fn tell(&self, breaker: Shown, reason: Option<Code>, open_for: Duration) {
        let endpoint = self.name();
        let reason = reason.map(tracing::field::display);
        match breaker {
            Shown::Open => {
                let open_for_ms = open_for.as_millis() as u64;
                tracing::warn!(endpoint, reason, open_for_ms, "breaker opened");
            }
            Shown::HalfOpen => tracing::info!(endpoint, reason, "breaker half-open: one call finds out"),
            Shown::Closed => tracing::info!(endpoint, "breaker closed"),
        }
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        // As above.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How its newest calls went.
    pub fn figures(&self) -> Figures {
        self.recent().figures()
    }

    /// Whether a call may be made now, as far as one can tell without making it.
    pub fn is_open(&self, now: Instant) -> bool {
        self.care().why_closed(now).is_none()
    }

    /// Calls under way, and the most there may be.
    pub fn in_flight(&self) -> (usize, usize) {
        let permits = self.places.min(Semaphore::MAX_PERMITS);
        (permits.saturating_sub(self.permits.available_permits()), self.places)
    }

    /// Calls that wait for their turn.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A permit, or a place in the queue behind those who came before.
    pub fn turn(self: &Arc<Self>) -> Turn {
        let ahead = self.waiting.load(Ordering::Relaxed);
        let endpoint = Arc::clone(self);
        let mut wait = async move {
            let _place = QueuePlace::take(&endpoint.waiting);
            // The semaphore is never closed; without a permit the call simply is not counted.
            let place = Arc::clone(&endpoint.permits).acquire_owned();
            let (place, head) = match &endpoint.pace {
                None => (place.await, None),
                Some(pace) => {
                    let (place, head) = pace.turn(place).await;
                    (place, Some(head))
                }
            };
            place.ok().map(|_place| Permit { _place, head })
        }
        .boxed();
        // Asked once, here: that takes the place, whoever waits for the rest and when.
        match (&mut wait).now_or_never() {
            Some(permit) => Turn::Now(permit),
            None => Turn::Later { ahead, wait },
        }
    }

    /// Whether it runs on this computer, where a model may load for minutes.
    pub fn is_loopback(&self) -> bool {
        matches!(self.provider.place(), Place::Loopback { .. })
    }
}

/// A place in the queue, given back when the waiting ends or is given up.
struct QueuePlace<'a>(&'a AtomicUsize);

impl<'a> QueuePlace<'a> {
    fn take(waiting: &'a AtomicUsize) -> QueuePlace<'a> {
        waiting.fetch_add(1, Ordering::Relaxed);
        QueuePlace(waiting)
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::rules::Rules;

    #[tokio::test]
    async fn turns_come_in_the_order_in_which_they_were_asked_for() {
        let endpoint = Arc::new(Endpoint::new(Arc::new(Rules::default()), 1));
        let Turn::Now(first) = endpoint.turn() else { panic!("one is free") };
        let (Turn::Later { ahead: 0, wait: second }, Turn::Later { ahead: 1, wait: third }) =
            (endpoint.turn(), endpoint.turn())
        else {
            panic!("none is free")
        };
        // Whoever is polled first, the place counts.
        tokio::pin!(second, third);
        drop(first);
        assert!(futures_util::poll!(&mut third).is_pending());
        let permit = second.await;
        assert!(futures_util::poll!(&mut third).is_pending());
        drop(permit);
        assert!(third.await.is_some());
    }

    #[tokio::test]
    async fn who_leaves_the_queue_holds_nobody_up() {
        let endpoint = Arc::new(Endpoint::new(Arc::new(Rules::default()), 1));
        let first = endpoint.turn();
        let left = endpoint.turn();
        let Turn::Later { ahead: 1, wait } = endpoint.turn() else { panic!("two are before it") };
        drop(left);
        assert!(matches!(endpoint.turn(), Turn::Later { ahead: 1, .. }));
        drop(first);
        assert!(wait.await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_keep_their_distance_and_who_leaves_costs_no_time() {
        let interval = Duration::from_millis(500);
        let rules = Arc::new(Rules::default());
        let endpoint = Arc::new(Endpoint::new(rules, 8).with_interval(interval));
        let begun = Instant::now();
        assert!(matches!(endpoint.turn(), Turn::Now(_)), "and its call is given up");
        let Turn::Later { ahead: 0, wait: second } = endpoint.turn() else { panic!("it is too early") };
        let Turn::Later { ahead: 1, wait: left } = endpoint.turn() else { panic!("one is before it") };
        let Turn::Later { ahead: 2, wait: third } = endpoint.turn() else { panic!("two are before it") };
        drop(left);
        let reached = |turn: BoxFuture<'static, Option<Permit>>| async move {
            turn.await.map(|_permit| begun.elapsed()).unwrap()
        };
        let both = tokio::join!(reached(third), reached(second));
        assert_eq!(both, (interval * 2, interval));
        assert_eq!(endpoint.waiting(), 0);
        tokio::time::advance(interval).await;
        assert!(matches!(endpoint.turn(), Turn::Now(_)), "it has been long enough");
    }

    #[tokio::test(start_paused = true)]
    async fn the_distance_is_counted_from_when_a_call_was_sent_or_given_up() {
        let interval = Duration::from_millis(500);
        let endpoint = Arc::new(Endpoint::new(Arc::new(Rules::default()), 8).with_interval(interval));
        let begun = Instant::now();
        let Turn::Now(Some(mut first)) = endpoint.turn() else { panic!() };
        tokio::time::sleep(Duration::from_millis(700)).await;
        let Turn::Later { wait, .. } = endpoint.turn() else { panic!("the first is not yet on its way") };
        first.sent();
        let second = wait.await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_millis(1200));
        drop(second);
        assert!(endpoint.turn().permit().await.is_some());
        assert_eq!(begun.elapsed(), Duration::from_millis(1700), "it was let go, so it may have been sent");
    }
}
