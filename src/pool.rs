//! The configured providers: who can be asked, and how many calls at once.
//!
//! A [`Target`] is one model of one endpoint. Its permits are handed out in
//! the order in which they were asked for.

pub mod care;

use std::collections::BTreeMap;
use std::fmt;
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

use crate::breaker;
use crate::breaker::Outcome;
use crate::breaker::Pass;
use crate::failure::Failure;
use crate::id::ProviderName;
use crate::money::Currency;
use crate::money::Prices;
use crate::money::Rate;
use crate::panel::Limits;
use crate::panel::ModelChoice;
use crate::provider::Place;
use crate::provider::Provider;
use care::Care;
use care::Closed;
use care::Effect;

/// A provider with its permits.
pub struct Endpoint {
    /// Who answers.
    pub provider: Arc<dyn Provider>,
    /// The model it is asked for when none is named.
    pub default_model: Option<String>,
    /// Clocks that the configuration wrote for it.
    pub limits: Limits,
    /// What its models cost.
    pub prices: Prices,
    permits: Arc<Semaphore>,
    places: usize,
    waiting: AtomicUsize,
    care: Mutex<Care>,
}

/// The right to make one call; tells the endpoint's breaker how it ended. Dropped untold it counts for nothing.
pub struct Admitted {
    endpoint: Arc<Endpoint>,
    pass: Pass,
    since: Instant,
    told: bool,
}

impl Admitted {
    /// The call brought what was asked for.
    pub fn succeeded(self) {
        self.tell(Effect::Counts(Outcome::Success));
    }

    /// The call failed.
    pub fn failed(self, failure: &Failure) {
        self.endpoint.care().remember(failure.code);
        self.tell(Effect::of(failure));
    }

    /// The call was cut short by a clock that is not its own, after `own` at most: who was silent for half of
    /// his own time is not excused.
    pub fn cut_short(self, own: Duration) {
        let outcome = if self.since.elapsed() * 2 >= own { Outcome::Failure } else { Outcome::Neutral };
        self.tell(Effect::Counts(outcome));
    }

    fn tell(mut self, effect: Effect) {
        self.told = true;
        self.report(effect);
    }

    fn report(&self, effect: Effect) {
        let chance = rand::random_range(-1.0..=1.0);
        self.endpoint.care().report(self.pass, effect, Instant::now(), chance);
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
pub type Permit = OwnedSemaphorePermit;

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
            default_model: None,
            limits: Limits::default(),
            prices: Prices::default(),
            permits,
            places: max_in_flight,
            waiting: AtomicUsize::new(0),
            care: Mutex::new(Care::new(breaker::Settings::default())),
        }
    }

    /// The same endpoint with a breaker of its own making.
    pub fn with_breaker(mut self, settings: breaker::Settings) -> Endpoint {
        self.care = Mutex::new(Care::new(settings));
        self
    }

    /// Whether a call of at most `lease` may be made now.
    ///
    /// # Errors
    /// [`Closed`] when it may not.
    pub fn admit(self: &Arc<Self>, lease: Duration) -> Result<Admitted, Closed> {
        let now = Instant::now();
        let pass = self.care().admit(now, lease)?;
        Ok(Admitted { endpoint: Arc::clone(self), pass, since: now, told: false })
    }

    /// Whether one call may be made although the breaker is open, because nobody else can answer.
    pub fn admit_as_last_resort(self: &Arc<Self>) -> Option<Admitted> {
        let now = Instant::now();
        let pass = self.care().admit_as_last_resort(now)?;
        Some(Admitted { endpoint: Arc::clone(self), pass, since: now, told: false })
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

    /// Calls under way, and the most there may be.
    pub fn in_flight(&self) -> (usize, usize) {
        (self.places.saturating_sub(self.permits.available_permits()), self.places)
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
            Arc::clone(&endpoint.permits).acquire_owned().await.ok()
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

/// One model of one endpoint.
#[derive(Clone)]
pub struct Target {
    /// Where it is asked.
    pub endpoint: Arc<Endpoint>,
    /// The model, as the provider calls it.
    pub model: String,
}

impl Target {
    /// What it costs: as configured, else nothing unless it is somewhere else.
    pub fn rate(&self) -> Rate {
        match (self.endpoint.prices.models.get(&self.model), self.endpoint.provider.place()) {
            (Some(price), _) => Rate::Known(*price),
            (None, Place::Remote { .. }) => Rate::Unknown,
            (None, _) => Rate::Free,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let provider = self.endpoint.provider.name();
        match provider.as_str() == self.model {
            true => f.write_str(&self.model),
            false => write!(f, "{provider}/{}", self.model),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a model cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// Nothing is configured that could answer.
    #[error("no model is configured")]
    NoDefault,
    /// The provider is not configured.
    #[error("provider `{0}` is not configured")]
    UnknownProvider(String),
    /// Neither the choice nor the provider names a model.
    #[error("provider `{0}` has no default model; name one as {0}/MODEL")]
    NoModel(String),
}

/// All configured endpoints.
#[derive(Default)]
pub struct Pool {
    endpoints: BTreeMap<ProviderName, Arc<Endpoint>>,
    default: Option<Target>,
    rules: Option<Target>,
}

impl Pool {
    /// Adds an endpoint under its provider's name.
    pub fn add(&mut self, endpoint: Endpoint) -> Arc<Endpoint> {
        let endpoint = Arc::new(endpoint);
        if endpoint.provider.place() == Place::BuiltIn {
            let model =
                endpoint.default_model.clone().unwrap_or_else(|| endpoint.provider.name().to_string());
            self.rules = Some(Target { endpoint: Arc::clone(&endpoint), model });
        }
        self.endpoints.insert(endpoint.provider.name().clone(), Arc::clone(&endpoint));
        endpoint
    }

    /// Makes a model the default.
    pub fn set_default(&mut self, target: Target) {
        self.default = Some(target);
    }

    /// The model that answers where a panel says `default`; the rules only where the panel has them.
    ///
    /// # Errors
    /// [`NoTarget::NoDefault`] when there is neither.
    pub fn default_target(&self, has_rules: bool) -> Result<Target, NoTarget> {
        let rules = self.rules.as_ref().filter(|_| has_rules);
        self.default.as_ref().or(rules).cloned().ok_or(NoTarget::NoDefault)
    }

    /// The target that a panel's choice means.
    ///
    /// # Errors
    /// [`NoTarget`] when it cannot be asked.
    pub fn target(&self, choice: &ModelChoice, has_rules: bool) -> Result<Target, NoTarget> {
        let (provider, model) = match choice {
            ModelChoice::Default => return self.default_target(has_rules),
            ModelChoice::Named { provider, model } => (provider, model),
        };
        let unknown = || NoTarget::UnknownProvider(provider.to_string());
        let endpoint = self.endpoints.get(provider).ok_or_else(unknown)?;
        let model = model.clone().or_else(|| endpoint.default_model.clone());
        let model = model.ok_or_else(|| NoTarget::NoModel(provider.to_string()))?;
        Ok(Target { endpoint: Arc::clone(endpoint), model })
    }

    /// The currency of all prices, if there are any.
    pub fn currency(&self) -> Option<Currency> {
        let mut prices = self.endpoints.values().flat_map(|endpoint| endpoint.prices.models.values());
        prices.next().map(|price| price.currency)
    }

    /// All endpoints, by name.
    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.endpoints.values()
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
}
