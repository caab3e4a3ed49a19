//! A configured provider: its endpoints, taken in turn.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio::time::timeout;

use super::care::Closed;
use super::endpoint::Admitted;
use super::endpoint::Endpoint;
use super::offered::Offered;
use crate::backoff::Retries;
use crate::failure::Failure;
use crate::id::ProviderName;
use crate::money::Prices;
use crate::panel::Limits;
use crate::provider::Place;

/// A provider's endpoints; they answer for the same models.
pub struct Group {
    /// The model it is asked for when none is named.
    pub default_model: Option<String>,
    /// Clocks that the configuration wrote for it.
    pub limits: Limits,
    /// How often it is asked.
    pub retries: Retries,
    /// What its models cost.
    pub prices: Prices,
    name: ProviderName,
    /// Never empty.
    endpoints: Vec<Arc<Endpoint>>,
    /// Counts choices; the rest of a division says whose turn it is, however many there are then.
    turn: AtomicUsize,
    trial: Arc<Semaphore>,
    heard: Mutex<Heard>,
}

/// What a provider has told of its models.
#[derive(Default)]
struct Heard {
    asked: Option<Instant>,
    list: Option<Arc<Offered>>,
}

/// No endpoint of a provider may be asked now: the one that opens first, and why it is closed.
pub struct Shut {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Why it is closed.
    pub why: Closed,
}

impl Shut {
    /// What is told of a query that could not be asked for it.
    pub fn failure(&self) -> Failure {
        self.endpoint.mark(self.why.failure(self.endpoint.provider.name().as_str()))
    }
}

impl Group {
    /// A provider with this endpoint, and those that follow.
    pub fn new(first: Endpoint, others: impl IntoIterator<Item = Endpoint>) -> Group {
        let name = first.provider.name().clone();
        let endpoints = std::iter::once(first).chain(others).map(Arc::new).collect();
        Group {
            default_model: None,
            limits: Limits::default(),
            retries: Retries::default(),
            prices: Prices::default(),
            name,
            endpoints,
            turn: AtomicUsize::new(0),
            trial: Arc::new(Semaphore::new(1)),
            heard: Mutex::default(),
        }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &ProviderName {
        &self.name
    }

    /// Its endpoints, in the order of the configuration; never empty.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// The right to ask the endpoint whose turn it is among those that are open. Every choice is the next one's
    /// turn, so that over any sequence without failures no two differ by more than one call.
    ///
    /// # Errors
    /// [`Shut`] when none may be asked.
    pub fn admit(&self, lease: Duration) -> Result<Admitted, Shut> {
        let now = Instant::now();
        let (mut order, closed): (Vec<_>, Vec<_>) =
            self.endpoints.iter().partition(|endpoint| endpoint.is_open(now));
        self.rotate(&mut order);
        let mut shut: Option<Shut> = None;
        // One that has opened or closed this very moment answers for itself.
        for endpoint in order.into_iter().chain(closed) {
            let why = match endpoint.admit(lease) {
                Ok(admitted) => return Ok(admitted),
                Err(why) => why,
            };
            if shut.as_ref().is_none_or(|sooner| why.opens_before(sooner.why)) {
                shut = Some(Shut { endpoint: Arc::clone(endpoint), why });
            }
        }
        Err(shut.expect("a provider has an endpoint"))
    }

    /// The endpoint whose turn it is among those that are open, `but` for one.
    pub fn other(&self, but: &Arc<Endpoint>) -> Option<Arc<Endpoint>> {
        let mut others: Vec<_> = self.others(but).collect();
        self.rotate(&mut others);
        others.first().map(|endpoint| Arc::clone(endpoint))
    }

    /// Whether an endpoint is open `but` for one.
    pub fn has_other(&self, but: &Arc<Endpoint>) -> bool {
        self.others(but).next().is_some()
    }

    fn others<'a>(&'a self, but: &'a Arc<Endpoint>) -> impl Iterator<Item = &'a Arc<Endpoint>> {
        let now = Instant::now();
        self.endpoints.iter().filter(move |endpoint| !Arc::ptr_eq(endpoint, but) && endpoint.is_open(now))
    }

    fn rotate(&self, endpoints: &mut [&Arc<Endpoint>]) {
        if endpoints.len() > 1 {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            endpoints.rotate_left(turn % endpoints.len());
        }
    }

    /// Whose turn it is: a count of choices.
    pub fn turn(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }

    /// Goes on with the next endpoint where this provider stopped in an earlier configuration, or process; it
    /// may have had more or fewer of them.
    pub fn go_on_at(&self, turn: usize) {
        self.turn.store(turn, Ordering::Relaxed);
    }

    /// The right to ask one although all are closed and nobody else can answer.
    pub fn admit_as_last_resort(&self) -> Option<Admitted> {
        self.endpoints.iter().find_map(Endpoint::admit_as_last_resort)
    }

    /// Whether one runs on this computer, where a model may load for minutes.
    pub fn is_loopback(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.is_loopback())
    }

    /// Whether it asks no model: the rules in this program.
    pub fn is_built_in(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.provider.place() == Place::BuiltIn)
    }

    /// Whether one runs on another computer.
    pub fn is_remote(&self) -> bool {
        self.endpoints.iter().any(|endpoint| matches!(endpoint.provider.place(), Place::Remote { .. }))
    }

    /// The right to try it by hand; one at a time.
    pub fn begin_trial(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.trial).try_acquire_owned().ok()
    }

    /// The models that it offers, as it last told.
    pub fn offered(&self) -> Option<Arc<Offered>> {
        self.heard().list.clone()
    }

    /// Asks it which models it offers, unless it was asked less than `fresh` ago, and waits for the answer at
    /// most `limit`. Who tells nothing is not known better than before; that is no failure of his.
    pub async fn look_up(&self, fresh: Duration, limit: Duration) -> Option<Arc<Offered>> {
        let now = Instant::now();
        let is_due = |asked: Instant| now - asked >= fresh;
        if self.heard().asked.is_none_or(is_due)
            && let Some(asking) = self.endpoints.iter().find_map(|endpoint| endpoint.provider.offered())
        {
            // Noted before the answer: others who come meanwhile, or find it silent, do not wait as well.
            self.heard().asked = Some(now);
            if let Ok(Ok(models)) = timeout(limit, asking).await {
                self.heard().list = Some(Arc::new(Offered { models }));
            }
        }
        self.offered()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use futures_util::future::BoxFuture;

    use super::*;
    use crate::breaker::Outcome;
    use crate::failure::Code;
    use crate::provider::Call;
    use crate::provider::Chunks;
    use crate::provider::Provider;
    use crate::provider::rules::Rules;

    const LEASE: Duration = Duration::from_secs(15);

    fn group(count: usize) -> Group {
        let endpoint =
            |n: usize| Endpoint::new(Arc::new(Rules::default()), 8).named(char::from(b'a' + n as u8));
        Group::new(endpoint(0), (1..count).map(endpoint))
    }

    /// Lists what it is told to, after a while, and counts how often it was asked.
    struct Lists {
        name: ProviderName,
        asked: Arc<AtomicUsize>,
        after: Duration,
    }

    impl Provider for Lists {
        fn name(&self) -> &ProviderName {
            &self.name
        }

        fn place(&self) -> Place {
            Place::Loopback { host: "h".into() }
        }

        fn ask(&self, _: Call) -> Chunks {
            Box::pin(futures_util::stream::empty())
        }

        fn offered(&self) -> Option<BoxFuture<'static, Result<Vec<String>, Failure>>> {
            let nth = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            let after = self.after;
            Some(Box::pin(async move {
                tokio::time::sleep(after).await;
                Ok(vec![format!("m-{nth}")])
            }))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_of_models_is_asked_for_when_it_is_old_and_nobody_waits_twice_for_silence() {
        let (fresh, limit) = (Duration::from_secs(10), Duration::from_millis(300));
        let lists = |after: u64| {
            let asked = Arc::new(AtomicUsize::new(0));
            let after = Duration::from_millis(after);
            let provider = Lists { name: "l".parse().unwrap(), asked: Arc::clone(&asked), after };
            (Group::new(Endpoint::new(Arc::new(provider), 1), []), asked)
        };
        let (group, asked) = lists(100);
        let told = async |group: &Group| {
            let began = Instant::now();
            let told = group.look_up(fresh, limit).await.map(|offered| offered.models[0].clone());
            (told, began.elapsed().as_millis())
        };
        assert_eq!(told(&group).await, (Some("m-1".into()), 100));
        assert_eq!(told(&group).await, (Some("m-1".into()), 0), "it is fresh");
        tokio::time::advance(fresh).await;
        assert_eq!(told(&group).await, (Some("m-2".into()), 100));
        assert_eq!(asked.load(Ordering::Relaxed), 2);

        let (silent, asked) = lists(5000);
        assert_eq!(told(&silent).await, (None, 300));
        assert_eq!(told(&silent).await, (None, 0), "who comes next does not wait as well");
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    fn chosen(group: &Group) -> String {
        let admitted = group.admit(LEASE).ok().unwrap();
        let name = admitted.endpoint().name().to_owned();
        admitted.succeeded(None);
        name
    }

    fn close(group: &Group, at: usize) {
        let admitted = group.endpoints()[at].admit(LEASE).ok().unwrap();
        admitted.failed(&Failure::new(Code::CredentialsRefused, "x"));
    }

    /// How much the most asked exceeds the least asked.
    fn spread(chosen: impl IntoIterator<Item = String>, count: usize) -> usize {
        let mut calls: BTreeMap<String, usize> = BTreeMap::new();
        chosen.into_iter().for_each(|name| *calls.entry(name).or_default() += 1);
        let least = if calls.len() < count { 0 } else { *calls.values().min().unwrap() };
        calls.values().max().unwrap_or(&0) - least
    }

    #[test]
    fn they_are_asked_in_the_order_of_the_configuration() {
        let group = group(3);
        let order: String = (0..6).map(|_| chosen(&group)).collect();
        assert_eq!(order, "abcabc");
    }

    proptest! {
        #[test]
        fn no_sequence_favours_anybody(count in 1usize..9, calls in 0usize..60, start: usize) {
            let group = group(count);
            // The count of choices is of no use to who reads it: it may wrap, and the list may have shrunk.
            group.turn.store(start.min(usize::MAX - 60), Ordering::Relaxed);
            prop_assert!(spread((0..calls).map(|_| chosen(&group)), count) <= 1);
        }

        #[test]
        fn callers_at_the_same_time_share_fairly(count in 1usize..6, each in 1usize..40) {
            let group = group(count);
            let chosen = std::thread::scope(|threads| {
                let caller = || threads.spawn(|| (0..each).map(|_| chosen(&group)).collect::<Vec<_>>());
                let callers: Vec<_> = (0..4).map(|_| caller()).collect();
                callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
            });
            prop_assert_eq!(chosen.len(), 4 * each);
            prop_assert!(spread(chosen, count) <= 1);
        }

        #[test]
        fn the_others_share_fairly_what_closed_ones_leave(closed in 0usize..5, calls in 0usize..40) {
            let group = group(5);
            chosen(&group);
            (0..closed).for_each(|at| close(&group, at));
            let chosen: Vec<_> = (0..calls).map(|_| chosen(&group)).collect();
            prop_assert!(chosen.iter().all(|name| usize::from(name.as_bytes()[0] - b'a') >= closed));
            prop_assert!(spread(chosen, 5 - closed) <= 1);
        }

        #[test]
        fn a_turn_beyond_every_list_is_somebodys(turn: usize, count in 1usize..9) {
            let group = group(count);
            group.turn.store(turn, Ordering::Relaxed);
            chosen(&group);
        }
    }

    #[test]
    fn a_new_configuration_goes_on_with_the_next_one_and_may_have_fewer() {
        let before = group(3);
        (0..4).for_each(|_| drop(chosen(&before)));
        for (count, next) in [(3, "bca"), (4, "abc"), (2, "aba"), (1, "aaa")] {
            let after = group(count);
            after.go_on_at(before.turn());
            let order: String = (0..3).map(|_| chosen(&after)).collect();
            assert_eq!(order, next, "of {count}");
        }
    }

    #[test]
    fn another_one_is_another_one_and_open() {
        let group = group(3);
        let first = Arc::clone(&group.endpoints()[0]);
        let others: String = (0..4).map(|_| group.other(&first).unwrap().name().to_owned()).collect();
        assert_eq!(others, "bcbc");
        close(&group, 1);
        assert_eq!(group.other(&first).unwrap().name(), "c");
        close(&group, 2);
        assert!(!group.has_other(&first) && group.other(&first).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_are_closed_the_one_that_opens_first_is_told() {
        let group = group(2);
        close(&group, 0);
        let admitted = group.endpoints()[1].admit(LEASE).ok().unwrap();
        let wait = Duration::from_secs(7);
        admitted.failed(&Failure { retry_after: Some(wait), ..Failure::new(Code::RateLimited, "x") });
        let shut = group.admit(LEASE).err().unwrap();
        assert_eq!((shut.endpoint.name(), shut.why), ("b", Closed::Cooling(wait)));
        tokio::time::advance(wait).await;
        assert_eq!(chosen(&group), "b");
        let probe = group.endpoints()[0].care().admit_by_hand(Instant::now()).unwrap();
        let chance = 0.0;
        let success = super::super::care::Effect::Counts(Outcome::Success);
        group.endpoints()[0].care().report(probe, success, Instant::now(), chance);
        assert_eq!(spread((0..6).map(|_| chosen(&group)), 2), 0, "a success brings it back");
    }
}
