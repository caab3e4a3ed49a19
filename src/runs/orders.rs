//! Reaching into runs: cancel, pause, resume, finish, retry.

use std::sync::Arc;

use super::Absent;
use super::Attached;
use super::Refusal;
use super::Runs;
use crate::engine::Done;
use crate::engine::Order;
use crate::engine::Past;
use crate::engine::Refused;
use crate::event::CancelReason;
use crate::event::OnDisconnect;
use crate::event::QueryStatus;
use crate::event::RunStatus;
use crate::id::RunId;
use crate::store::IdempotencyKey;

/// Why an order was not carried out.
#[derive(Debug)]
pub enum NotDone {
    /// There is no such run.
    Absent(Absent),
    /// The run has ended so.
    Ended(RunStatus),
    /// It is this process no longer that goes on with the run.
    Left,
    /// There is nothing that the run could be finished with; it is under way, so.
    NothingSucceeded(RunStatus),
    /// The run has no such query.
    UnknownQuery,
}

/// Why a run was not retried.
#[derive(Debug)]
pub enum NotRetried {
    /// There is no such run.
    Absent(Absent),
    /// It is still under way, so.
    Active(RunStatus),
    /// Every query of it succeeded; it ended so.
    NothingFailed(RunStatus),
    /// The new run was not started.
    Refused(Refusal),
}

impl Runs {
    /// Cancels a run; whether it was under way.
    pub fn cancel(&self, run: &RunId, reason: CancelReason) -> bool {
        let live = self.live();
        // A run that has told its end may still be putting its things away.
        let found = live.get(run).filter(|live| !live.journal.head().ended);
        if let Some(live) = found {
            live.control.cancel(reason);
        }
        found.is_some()
    }

    /// Gives a run an order and waits until its events are written.
    ///
    /// # Errors
    /// [`NotDone`] when nothing changed.
    pub async fn order(&self, run: &RunId, order: Order) -> Result<Done, NotDone> {
        let control = self.live().get(run).map(|live| live.control.clone());
        let refused = match control {
            Some(control) => match control.order(order).await {
                Ok(done) => return Ok(done),
                Err(refused) => refused,
            },
            None => Refused::Over,
        };
        let record = self.record(run).await.map_err(NotDone::Absent)?;
        Err(match refused {
            Refused::Over if record.ended() => NotDone::Ended(record.standing.status),
            Refused::Over => NotDone::Left,
            Refused::NothingSucceeded => NotDone::NothingSucceeded(record.standing.status),
            Refused::UnknownQuery => NotDone::UnknownQuery,
        })
    }

    /// Asks what did not succeed in an ended run again, in a run that is linked to it.
    ///
    /// # Errors
    /// [`NotRetried`]; then nothing was started.
    pub async fn retry(&self, run: &RunId, key: Option<IdempotencyKey>) -> Result<Attached, NotRetried> {
        let record = self.record(run).await.map_err(NotRetried::Absent)?;
        if !record.ended() {
            return Err(NotRetried::Active(record.standing.status));
        }
        let past = Past::read(&*self.store, run).await;
        let past = past.map_err(|error| NotRetried::Absent(Absent::Store(error)))?;
        let mut ends = past.queries.iter().filter_map(|query| query.end.as_ref());
        if ends.all(|end| end.status == QueryStatus::Succeeded || end.is_unwanted()) {
            return Err(NotRetried::NothingFailed(record.standing.status));
        }
        let mut ask = (*record.ask).clone();
        // Whoever retries has an address to follow it by, not a stream that could be left.
        ask.options.on_disconnect = Some(OnDisconnect::Continue);
        ask.panel = Some(record.panel);
        let mut job = self.catalogue().plan(&Arc::new(ask)).map_err(NotRetried::Refused)?;
        let ends = job.still_asked(past);
        job.carry_over(run.clone(), ends);
        self.start_job(job, key).await.map_err(NotRetried::Refused)
    }
}
