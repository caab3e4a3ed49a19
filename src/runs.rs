//! All runs: start, join, find, cancel; owns their tasks.
//!
//! A run belongs to nobody who watches it: streams come and go, and what
//! their going means is the run's own `on_disconnect`.

mod catalogue;
mod kept;
mod orders;
mod recover;
pub mod snapshot;
mod watchers;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ask::Ask;
use crate::ask::AskFault;
use crate::crash;
use crate::crash::Point;
use crate::engine;
use crate::engine::Control;
use crate::engine::Job;
use crate::engine::Orders;
use crate::engine::Recovery;
use crate::engine::clocks::Defaults;
use crate::event::CancelReason;
use crate::event::OnDisconnect;
use crate::id::PanelName;
use crate::id::QueryName;
use crate::id::RunId;
use crate::journal::Journal;
use crate::journal::Unwritten;
use crate::knowledge::Knowledge;
use crate::metrics::Metrics;
use crate::pool::NoTarget;
use crate::store::Created;
use crate::store::IdempotencyKey;
use crate::store::Lease;
use crate::store::NewRun;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::Taken;
use watchers::Watchers;

pub use catalogue::Catalogue;
pub use orders::NotDone;
pub use orders::NotRetried;
pub use watchers::Watch;

/// How runs are run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The panel of an ask that names none.
    pub default_panel: PanelName,
    /// Clocks that nobody else wrote.
    pub clocks: Defaults,
    /// Own documents.
    pub knowledge: Knowledge,
    /// How long a run of [`crate::event::OnDisconnect::Grace`] goes on unwatched.
    pub grace: Duration,
    /// What happens to runs that an earlier process left behind.
    pub recovery: Recovery,
    /// Most runs at once.
    pub active_runs: usize,
    /// Most runs that wait for a place.
    pub queued_runs: usize,
}

/// All runs of this process.
pub struct Runs {
    store: Arc<dyn Store>,
    catalogue: RwLock<Arc<Catalogue>>,
    live: Arc<Mutex<HashMap<RunId, Live>>>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
    draining: CancellationToken,
}

/// A run under way.
#[derive(Clone)]
struct Live {
    journal: Journal,
    control: Control,
    watchers: Watchers,
}

/// A run that somebody reads.
pub struct Attached {
    /// Its id.
    pub run: RunId,
    /// Whether this request made it.
    pub created: bool,
    /// Its events.
    pub journal: Journal,
    /// Whether pieces of its text were dropped.
    pub trimmed: bool,
    watchers: Option<Watchers>,
}

impl Attached {
    fn live(run: RunId, created: bool, live: Live) -> Attached {
        // Only ended runs are trimmed.
        Attached { run, created, journal: live.journal, trimmed: false, watchers: Some(live.watchers) }
    }

    /// Counts as a watcher while it lives; `None` when the run has ended.
    pub fn watch(&self) -> Option<Watch> {
        self.watchers.as_ref().map(Watchers::watch)
    }
}

/// Why a run was not started.
#[derive(Debug)]
pub enum Refusal {
    /// The panel does not exist; these do.
    UnknownPanel(String, Vec<PanelName>),
    /// The ask does not fit the panel.
    Faults(Vec<AskFault>),
    /// Nobody can answer this query.
    NoProvider(QueryName, NoTarget),
    /// The idempotency key belongs to another body.
    Conflict(RunId),
    /// Too many runs are under way.
    Overloaded,
    /// The server is stopping.
    Draining,
    /// The store failed.
    Store(StoreError),
}

/// Why a run cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// There is no such run.
    Unknown,
    /// Its time is over.
    Expired,
    /// The store failed.
    Store(StoreError),
}

impl Runs {
    /// No runs yet, over this store.
    pub fn new(store: Arc<dyn Store>, catalogue: Catalogue) -> Runs {
        Runs {
            store,
            catalogue: RwLock::new(Arc::new(catalogue)),
            live: Arc::default(),
            metrics: Arc::default(),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
        }
    }

    /// Starts a run of `ask`, or joins the one its key leads to.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing was started.
    pub async fn start(&self, ask: Ask, key: Option<IdempotencyKey>) -> Result<Attached, Refusal> {
        let job = self.catalogue().plan(&Arc::new(ask))?;
        self.start_job(job, key).await
    }

    /// Whether one more run would be let in now.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] when it would not.
    pub fn has_room(&self) -> Result<(), Refusal> {
        match self.live().len() < self.catalogue().most_runs() {
            true => Ok(()),
            false => Err(Refusal::Overloaded),
        }
    }

    async fn start_job(&self, job: Job, key: Option<IdempotencyKey>) -> Result<Attached, Refusal> {
        let created_at = Timestamp::now();
        // A repeated request makes no new run: it is let in even when none may be made.
        if let Some(key) = &key
            && let Some(taken) = self.store.taken(key, created_at).await.map_err(Refusal::Store)?
        {
            return self.join(taken).await;
        }
        if self.draining.is_cancelled() {
            return Err(Refusal::Draining);
        }
        let run = RunId::generate();
        // Listed before it is made: whoever finds it by its key must find it under way.
        let catalogue = self.catalogue();
        let opened = self.open(run.clone(), 0, catalogue.most_runs()).ok_or(Refusal::Overloaded)?;
        let new = NewRun {
            run,
            ask: Arc::clone(&job.ask),
            panel: job.panel.name.clone(),
            created_at,
            key,
            retry_of: job.retry.as_ref().map(|retry| retry.of.clone()),
            simulated: job.is_simulated(),
        };
        crash::at(Point::BeforeCreate);
        match self.store.create(new).await.map_err(Refusal::Store)? {
            Created::New(lease) => {
                crash::at(Point::AfterCreate);
                Ok(self.launch(job, lease, (opened, catalogue.place())))
            }
            Created::Taken(taken) => self.join(taken).await,
        }
    }

    /// Lists a run as under way, its journal standing at `seq`, if fewer than `most` are.
    fn open(&self, run: RunId, seq: u64, most: usize) -> Option<Opened> {
        let (unwritten, journal) = Journal::open(run.clone(), Arc::clone(&self.store), seq);
        let (control, orders) = Control::open();
        let live = Live { journal, control, watchers: Watchers::default() };
        let mut all = self.live();
        if all.len() >= most {
            return None;
        }
        all.insert(run.clone(), live.clone());
        let place = Place { run, live: Arc::clone(&self.live) };
        Some(Opened { unwritten, orders, live, place })
    }

    /// Reads the run that a key leads to.
    async fn join(&self, taken: Taken) -> Result<Attached, Refusal> {
        match taken {
            Taken::Same(run) => self.attach(&run).await.map_err(|absent| match absent {
                Absent::Store(error) => Refusal::Store(error),
                Absent::Unknown | Absent::Expired => Refusal::Store(StoreError::Missing),
            }),
            Taken::Other(run) => Err(Refusal::Conflict(run)),
        }
    }

    fn launch<P: Send + 'static>(
        &self,
        job: Job,
        lease: Lease,
        (opened, place_to_run): (Opened, impl Future<Output = P> + Send + 'static),
    ) -> Attached {
        let Opened { unwritten, orders, live, place } = opened;
        let (run, policy) = (lease.run.clone(), job.on_disconnect);
        let attached = Attached::live(run, true, live.clone());
        let tended = Tended { lease: lease.clone(), panel: job.panel.name.clone(), live, place };
        let writer = unwritten.begin(lease, job.is_simulated(), Duration::ZERO);
        self.tend(tended, policy, engine::enter(job, writer, orders, place_to_run));
        attached
    }

    /// Owns a run's task: cancels the run when everybody has left, ends it when the task panics, counts its
    /// end and gives its place free.
    fn tend(
        &self,
        tended: Tended,
        policy: OnDisconnect,
        driving: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) {
        let Tended { lease, panel, live, place } = tended;
        let leaving = live.watchers.all_left(policy, self.catalogue().settings.grace);
        let Live { mut journal, control, .. } = live;
        let (metrics, store) = (Arc::clone(&self.metrics), Arc::clone(&self.store));
        self.tasks.spawn(async move {
            let _place = place;
            // Nothing that the task shared is used again but the store, which does its work elsewhere.
            let driven = AssertUnwindSafe(supervise(driving, control, leaving)).catch_unwind().await;
            let driven = match driven {
                Ok(driven) => driven,
                // It panicked after its last event: there is nothing to mend.
                Err(_) if journal.head().ended => Ok(()),
                Err(_) => {
                    tracing::error!(run = %journal.run(), "a run panicked");
                    recover::bury(&store, &lease, panel).await.map(|buried| journal = buried)
                }
            };
            let run = journal.run();
            match (driven, journal.last().await) {
                (Ok(()), Ok(Some(last))) => metrics.ended(&last),
                (Ok(()), _) => tracing::info!(%run, "run left to the next process"),
                (Err(error), _) => tracing::error!(%run, %error, "the store failed the run"),
            }
        });
    }

    /// A run to be read.
    ///
    /// # Errors
    /// [`Absent`] when there is nothing to read.
    pub async fn attach(&self, run: &RunId) -> Result<Attached, Absent> {
        if let Some(live) = self.live().get(run) {
            return Ok(Attached::live(run.clone(), false, live.clone()));
        }
        let record = self.record(run).await?;
        let journal = Journal::closed(run.clone(), Arc::clone(&self.store), record.head);
        let trimmed = record.about.trimmed;
        Ok(Attached { run: run.clone(), created: false, journal, trimmed, watchers: None })
    }

    /// How many runs are under way.
    pub fn active(&self) -> usize {
        self.live().len()
    }

    /// What can be run now.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// New runs are of this catalogue; runs under way keep theirs.
    pub fn replace(&self, catalogue: Catalogue) {
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
    }

    /// Figures about the runs that have ended.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Takes no new runs from now on.
    pub fn drain(&self) {
        self.draining.cancel();
        self.tasks.close();
    }

    /// Waits until somebody calls [`Runs::drain`].
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Whether it takes no new runs.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Waits until every run has ended. Needs [`Runs::drain`] first.
    pub async fn ended(&self) {
        self.tasks.wait().await;
    }

    fn live(&self) -> MutexGuard<'_, HashMap<RunId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a run besides its task.
struct Tended {
    lease: Lease,
    panel: PanelName,
    live: Live,
    place: Place,
}

/// A run that is listed and that nobody drives yet.
struct Opened {
    unwritten: Unwritten,
    orders: Orders,
    live: Live,
    place: Place,
}

/// Drives the run; cancels it when everybody has left.
async fn supervise(
    driving: impl Future<Output = Result<(), StoreError>>,
    control: Control,
    leaving: impl Future<Output = ()>,
) -> Result<(), StoreError> {
    tokio::pin!(driving);
    tokio::select! {
        driven = &mut driving => driven,
        // The run goes on until it has written its end.
        () = leaving => {
            control.cancel(CancelReason::Disconnect);
            driving.await
        }
    }
}

/// Takes the run off the list of live ones, however its task ends.
struct Place {
    run: RunId,
    live: Arc<Mutex<HashMap<RunId, Live>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run);
    }
}
