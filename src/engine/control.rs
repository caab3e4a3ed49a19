//! How others reach into a run: to cancel it, hold it, or end it with what is there.
//!
//! A run's task is its only owner. Others give it orders and hear when they
//! have been carried out, or why not; a cancel is heard before any order.

use std::sync::Arc;
use std::sync::OnceLock;

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::event::CancelReason;
use crate::id::QueryName;

/// Orders that may wait; a run takes them at once unless its store is slow.
const WAITING: usize = 16;

/// A handle on a run; clones reach the same run.
#[derive(Clone)]
pub struct Control {
    cancel: Cancel,
    orders: mpsc::Sender<Given>,
}

/// The other end, for the run itself.
pub struct Orders {
    cancel: Cancel,
    orders: mpsc::Receiver<Given>,
    /// Given before the run could obey.
    early: Vec<Given>,
}

#[derive(Clone, Default)]
struct Cancel {
    token: CancellationToken,
    reason: Arc<OnceLock<CancelReason>>,
}

/// What a run can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Start no query until [`Order::Resume`].
    Pause,
    /// Go on.
    Resume,
    /// End now, with what is there.
    Finish,
    /// Cancel one query.
    CancelQuery(QueryName),
    /// Stop without an end: the next process goes on.
    StandDown,
    /// The same as soon as it is paused and nothing of it is under way.
    Drain,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was carried out.
    Now,
    /// Things stood so already.
    Already,
}

/// Why an order was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The run has ended, or ended meanwhile.
    Over,
    /// There is nothing that it could be finished with.
    NothingSucceeded,
    /// The run has no such query.
    UnknownQuery,
}

/// An order with the way back.
pub struct Given {
    /// The order.
    pub order: Order,
    /// Who waits for it.
    pub answer: oneshot::Sender<Result<Done, Refused>>,
}

/// What a run hears.
pub enum Heard {
    /// Somebody cancelled it.
    Cancelled(CancelReason),
    /// Somebody gave it an order.
    Order(Given),
}

impl Control {
    /// Both ends for one run.
    pub fn open() -> (Control, Orders) {
        let cancel = Cancel::default();
        let (sender, orders) = mpsc::channel(WAITING);
        (Control { cancel: cancel.clone(), orders: sender }, Orders { cancel, orders, early: Vec::new() })
    }

    /// Cancels the run; the first reason stands.
    pub fn cancel(&self, reason: CancelReason) {
        self.cancel.reason.get_or_init(|| reason);
        self.cancel.token.cancel();
    }

    /// Gives an order and waits until it is carried out.
    ///
    /// # Errors
    /// [`Refused`] when it was not.
    pub async fn order(&self, order: Order) -> Result<Done, Refused> {
        let (answer, answered) = oneshot::channel();
        let given = self.orders.send(Given { order, answer }).await;
        given.map_err(|_| Refused::Over)?;
        // A run that ends drops what it has not answered.
        answered.await.unwrap_or(Err(Refused::Over))
    }
}

impl Cancel {
    fn reason(&self) -> CancelReason {
        // Set before the token.
        self.reason.get().copied().unwrap_or(CancelReason::Client)
    }
}

impl Orders {
    /// Why the run was cancelled, if it was.
    pub fn cancelled(&self) -> Option<CancelReason> {
        self.cancel.token.is_cancelled().then(|| self.cancel.reason())
    }

    /// Waits until somebody cancels the run.
    pub async fn until_cancelled(&self) {
        self.cancel.token.cancelled().await;
    }

    /// Keeps orders for when the run can obey.
    pub fn put_back(&mut self, early: Vec<Given>) {
        self.early = early;
    }

    /// The orders that were kept.
    pub fn take_early(&mut self) -> Vec<Given> {
        std::mem::take(&mut self.early)
    }

    /// Waits for somebody to reach into the run.
    pub async fn next(&mut self) -> Heard {
        let Orders { cancel, orders, .. } = self;
        tokio::select! {
            biased;
            () = cancel.token.cancelled() => Heard::Cancelled(cancel.reason()),
            // An order is taken out of the channel only when this arm wins.
            Some(given) = orders.recv() => Heard::Order(given),
        }
    }
}
