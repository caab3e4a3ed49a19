//! Takes over the runs that an earlier process left behind.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::Opened;
use super::Runs;
use crate::engine;
use crate::engine::Job;
use crate::engine::Order;
use crate::engine::Past;
use crate::engine::Verdict;
use crate::event::CancelReason;
use crate::event::OnDisconnect;
use crate::failure::Code;
use crate::id::RunId;
use crate::journal::Writer;
use crate::store::Found;
use crate::store::Record;
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
        let simulated = job.as_ref().is_some_and(Job::is_simulated);
        let writer = unwritten.begin(claim.lease, simulated, past.elapsed);
        let recovery = self.settings.recovery;
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
        self.tend(&live, returning(policy), place, driving);
        Ok(())
    }

    /// The job as it was announced; `None` when it cannot be had any more.
    async fn replan(&self, record: &Record, past: &Past) -> Option<Job> {
        let mut ask = (*record.ask).clone();
        ask.panel = Some(record.panel.clone());
        let mut job = self.plan(&Arc::new(ask)).ok()?;
        if let Some(of) = &record.about.retry_of {
            // The run that it retries may have left meanwhile: then all that has not ended is asked.
            job.carry_over(of.clone(), self.answers(of).await.unwrap_or_default());
        }
        past.started.as_ref().is_none_or(|started| job.hold_to(started)).then_some(job)
    }

    /// Stops all runs: those that the store keeps go on in the next process, the others end here.
    pub async fn stand_down(&self) {
        let controls: Vec<_> = self.live().values().map(|live| live.control.clone()).collect();
        match self.store.outlives_process() {
            true => drop(join_all(controls.iter().map(|control| control.order(Order::StandDown))).await),
            false => controls.iter().for_each(|control| control.cancel(CancelReason::Shutdown)),
        }
    }
}

async fn give_up(verdict: Verdict, record: Record, writer: Writer, past: Past) -> Result<(), StoreError> {
    let code = if verdict == Verdict::GiveUp { Code::PoisonRun } else { Code::Interrupted };
    engine::give_up(record.panel, writer, past, code).await
}

/// Watchers of the earlier process need time to come back.
fn returning(policy: OnDisconnect) -> OnDisconnect {
    match policy {
        OnDisconnect::Continue => OnDisconnect::Continue,
        OnDisconnect::Grace | OnDisconnect::Cancel => OnDisconnect::Grace,
    }
}
