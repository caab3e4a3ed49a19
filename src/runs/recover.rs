//! Takes over the runs that an earlier process left behind.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::Opened;
use super::Runs;
use super::Tended;
use crate::engine;
use crate::engine::Job;
use crate::engine::Loss;
use crate::engine::Order;
use crate::engine::Past;
use crate::engine::Verdict;
use crate::event::CancelReason;
use crate::event::OnDisconnect;
use crate::id::PanelName;
use crate::id::RunId;
use crate::journal::Journal;
use crate::journal::Writer;
use crate::store::Found;
use crate::store::Lease;
use crate::store::Record;
use crate::store::Store;
use crate::store::StoreError;

impl Runs {
    /// Goes on with every run that nobody holds, or ends it; how many there were. To be called before the
    /// first request is answered: a run that is not listed looks as if it were over.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot say which runs there are.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        let orphans = self.store.orphans().await?;
        for run in &orphans {
            // One run that cannot be read must not keep the others from going on.
            if let Err(error) = self.take_over(run).await {
                tracing::error!(%run, %error, "could not go on with a run");
            }
        }
        Ok(orphans.len())
    }

    async fn take_over(&self, run: &RunId) -> Result<(), StoreError> {
        let Found::Run(record) = self.store.find(run).await? else { return Err(StoreError::Missing) };
        let record = *record;
        let past = Past::read(&*self.store, run).await?;
        let claim = self.store.claim(run).await?;
        let opened = self.open(run.clone(), past.seq, usize::MAX).ok_or(StoreError::Stale)?;
        let Opened { unwritten, orders, live, place } = opened;
        let job = self.replan(&record, &past).await;
        let simulated = job.as_ref().map_or(past.simulated, Job::is_simulated);
        let tended = Tended { lease: claim.lease.clone(), panel: record.panel.clone(), live, place };
        let writer = unwritten.begin(claim.lease, simulated, past.elapsed).queued(past.is_queued());
        let recovery = self.catalogue().settings.recovery;
        let limit = job.as_ref().map_or(Duration::ZERO, |job| job.limit);
        let verdict = recovery.verdict(&past, claim.crashes, limit, Timestamp::now());
        tracing::info!(%run, ?verdict, crashes = claim.crashes, "took over a run");
        let policy = job.as_ref().map_or(OnDisconnect::Continue, |job| job.on_disconnect);
        let driving = async move {
            match (verdict, job) {
                (Verdict::GoOn, Some(job)) => engine::go_on(job, writer, past, (recovery, orders)).await,
                (Verdict::Conclude, Some(job)) => engine::conclude(job, writer, past).await,
                (verdict, _) => give_up(verdict, record, writer, past).await,
            }
        };
        self.tend(tended, returning(policy), driving);
        Ok(())
    }

    /// The job as it was announced; `None` when it cannot be had any more.
    async fn replan(&self, record: &Record, past: &Past) -> Option<Job> {
        let mut ask = (*record.ask).clone();
        ask.panel = Some(record.panel.clone());
        let mut job = self.catalogue().plan(&Arc::new(ask)).ok()?;
        if let Some(of) = &record.about.retry_of {
            // The run that it retries may have left meanwhile: then all that has not ended is asked.
            let ends = job.still_asked(Past::read(&*self.store, of).await.unwrap_or_default());
            job.carry_over(of.clone(), ends);
        }
        past.started.as_ref().is_none_or(|started| job.hold_to(started)).then_some(job)
    }

    /// Has paused runs stop as soon as nothing of them is under way: nobody need wait for them. Those that a
    /// store does not keep would be lost, and are waited for like all others.
    pub async fn let_go_of_paused(&self) {
        if self.store.outlives_process() {
            self.order_all(&Order::Drain).await;
        }
    }

    /// Gives all runs an order and waits until each has obeyed or ended.
    async fn order_all(&self, order: &Order) {
        let controls: Vec<_> = self.live().values().map(|live| live.control.clone()).collect();
        join_all(controls.iter().map(|control| control.order(order.clone()))).await;
    }

    /// Stops all runs: those that the store keeps go on in the next process, the others end here.
    pub async fn stand_down(&self) {
        match self.store.outlives_process() {
            true => self.order_all(&Order::StandDown).await,
            false => self.live().values().for_each(|live| live.control.cancel(CancelReason::Shutdown)),
        }
    }
}

async fn give_up(verdict: Verdict, record: Record, writer: Writer, past: Past) -> Result<(), StoreError> {
    let loss = if verdict == Verdict::GiveUp { Loss::Poison } else { Loss::Changed };
    engine::give_up(record.panel, writer, past, loss).await
}

/// Ends a run whose own task is gone: whatever felled it would do so again.
pub(super) async fn bury(
    store: &Arc<dyn Store>,
    lease: &Lease,
    panel: PanelName,
) -> Result<Journal, StoreError> {
    store.release(lease).await?;
    let claim = store.claim(&lease.run).await?;
    let past = Past::read(&**store, &lease.run).await?;
    let (unwritten, journal) = Journal::open(lease.run.clone(), Arc::clone(store), past.seq);
    let writer = unwritten.begin(claim.lease, past.simulated, past.elapsed);
    engine::give_up(panel, writer, past, Loss::Broken).await?;
    Ok(journal)
}

/// Watchers of the earlier process need time to come back.
fn returning(policy: OnDisconnect) -> OnDisconnect {
    match policy {
        OnDisconnect::Continue => OnDisconnect::Continue,
        OnDisconnect::Grace | OnDisconnect::Cancel => OnDisconnect::Grace,
    }
}
