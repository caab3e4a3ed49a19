//! Goes on with a run that an earlier process began, or ends it for good.
//!
//! What ended is never asked again. What was being asked is asked once more,
//! as the next attempt, with its loss announced first. What cannot go on
//! ends with the answers that are there.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Run;
use super::asking;
use super::asking::Earlier;
use super::control::Orders;
use super::finish::Ended;
use super::finish::Loss;
use super::finish::Stop;
use super::job::Job;
use super::meter::Bill;
use super::opening::Opening;
use super::passages::Passages;
use super::past::Past;
use super::past::PastQuery;
use super::track::Track;
use crate::crash;
use crate::crash::Point;
use crate::event::API_VERSION;
use crate::event::Asked;
use crate::event::Body;
use crate::event::Cost;
use crate::event::Links;
use crate::event::OnDisconnect;
use crate::event::QueryCompleted;
use crate::event::QueryStatus;
use crate::event::RunStarted;
use crate::event::RunTimeouts;
use crate::event::Warning;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::PanelName;
use crate::journal::Writer;
use crate::panel::Merge;
use crate::store::StoreError;

/// What happens to runs that a process left behind.
#[derive(Clone, Copy, Debug)]
pub struct Recovery {
    /// A run that nobody wrote for longer is ended with what is there.
    pub within: Duration,
    /// Whether a query that was being asked is asked again; it may be billed twice then.
    pub asks_again: bool,
}

impl Default for Recovery {
    /// The values of the sample configuration.
    fn default() -> Recovery {
        Recovery { within: Duration::from_secs(600), asks_again: true }
    }
}

/// Crashes that a run may have seen and still be gone on with.
const CRASHES: u32 = 3;

/// Whether a run can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    GoOn,
    /// It ends with what is there: its time is over.
    Conclude,
    /// It failed: it may be what brings the server down.
    GiveUp,
}

impl Recovery {
    /// What becomes of a run that was taken over after so many crashes, `now` on the wall clock.
    pub fn verdict(&self, past: &Past, crashes: u32, limit: Duration, now: Timestamp) -> Verdict {
        // A clock that went back says nothing about how long it was.
        let down = past.at.map_or(Duration::ZERO, |at| now.duration_since(at).try_into().unwrap_or_default());
        match past.is_answered() {
            _ if crashes > CRASHES => Verdict::GiveUp,
            true => Verdict::GoOn,
            false if down > self.within || past.active() >= limit => Verdict::Conclude,
            false => Verdict::GoOn,
        }
    }
}

/// Goes on where the journal ends.
///
/// # Errors
/// [`StoreError`] when the store no longer takes the run's events.
pub async fn go_on(job: Job, writer: Writer, past: Past, how: (Recovery, Orders)) -> Result<(), StoreError> {
    let (recovery, orders) = how;
    let (mut run, ear) = Run::new(job, writer);
    run.restore(&past).await?;
    run.carry_over().await?;
    crash::at(Point::Recovering);
    run.ask_again(&past, recovery).await?;
    run.go(ear, orders).await
}

/// Ends a run whose time is over with what is there.
///
/// # Errors
/// [`StoreError`] when the store no longer takes the run's events.
pub async fn conclude(job: Job, writer: Writer, past: Past) -> Result<(), StoreError> {
    let (mut run, _) = Run::new(job, writer);
    run.restore(&past).await?;
    run.finish(Stop::Interrupted).await
}

/// Ends a run that cannot be planned any more, or should not be tried again.
///
/// # Errors
/// [`StoreError`] when the store no longer takes the run's events.
pub async fn give_up(panel: PanelName, mut writer: Writer, past: Past, loss: Loss) -> Result<(), StoreError> {
    let stop = Stop::Lost(loss);
    let mut out = Vec::new();
    if past.started.is_none() {
        out.push(unplanned(&panel, &writer));
    }
    let mut ends = Vec::new();
    for query in past.queries {
        ends.push(query.end.clone().unwrap_or_else(|| {
            let end = lost(query, past.elapsed, stop.interruption());
            out.push(Body::QueryCompleted(Box::new(end.clone())));
            end
        }));
    }
    writer.append(&out).await?;
    let merge = Merge::needing(ends.len());
    let ended = Ended {
        run: writer.run(),
        panel: &panel,
        merge: &merge,
        queries: &ends,
        plan: &[],
        checked: None,
        told: None,
        warnings: Vec::new(),
        stop,
        total: writer.elapsed(),
    };
    let mut last = ended.result();
    if ends.is_empty() {
        last.error = Some(stop.interruption());
    }
    writer.append(&[Body::FinalResult(Box::new(last))]).await
}

/// The first event of a run of which nothing else is known.
fn unplanned(panel: &PanelName, writer: &Writer) -> Body {
    Body::RunStarted(RunStarted {
        panel: panel.clone(),
        panel_revision: String::new(),
        api_version: API_VERSION,
        queries: Vec::new(),
        validation: None,
        timeouts: RunTimeouts { run_ms: 0 },
        on_disconnect: OnDisconnect::Continue,
        links: Links::of(writer.run()),
        retry_of: None,
        queued: false,
    })
}

fn lost(query: PastQuery, elapsed: Duration, failure: Failure) -> QueryCompleted {
    QueryCompleted {
        query: query.name,
        status: QueryStatus::Failed,
        time_ms: query.ready.map_or(0, |ready| elapsed.saturating_sub(ready).as_millis() as u64),
        attempts: query.attempts,
        asked: query.asked,
        usage: query.usage,
        // What was being asked is lost, and its cost with it.
        cost: query.cost.map(|cost| Cost { complete: cost.complete && !query.sent, ..cost }),
        result: None,
        default: None,
        partial_result: None,
        error: Some(failure),
        warnings: Vec::new(),
        carried_over: false,
        recovered: false,
    }
}

impl Run {
    /// Brings the run to where its journal ends.
    async fn restore(&mut self, past: &Past) -> Result<(), StoreError> {
        self.deadline = Instant::now() + self.job.limit.saturating_sub(past.active());
        self.paused = past.is_paused().then(Instant::now);
        for (track, planned) in self.tracks.iter_mut().zip(&self.job.queries) {
            if let Some(query) = past.query(track.name()) {
                *track = Track::restore(query, past.elapsed, planned, self.job.budget.currency);
            }
        }
        self.restore_quorum(past);
        self.checks_told = past.checked;
        self.passages = Passages::restore(past);
        let told = past.warnings.iter().filter(|warning| warning.query.is_none());
        self.warnings = told
            .map(|warning| Warning {
                source: "run".into(),
                severity: "warning".into(),
                code: warning.code.clone(),
                message: warning.message.clone(),
            })
            .collect();
        if past.started.is_none() {
            self.begin(false).await?;
        }
        self.warn_of_prices().await?;
        // They are pure: what they read is needed again, what they found is told once.
        self.check().await?;
        self.count_lost(past);
        Ok(())
    }

    /// Counts what was being asked when the server stopped: it was billed all the same.
    fn count_lost(&mut self, past: &Past) {
        for index in 0..self.tracks.len() {
            let query = past.query(self.tracks[index].name()).filter(|query| query.is_in_doubt());
            let Some(query) = query else { continue };
            // Without its prompt nothing is known of it.
            if let Ok(asking) = self.asking(index, Earlier::default()) {
                let call = asking.calling(self.target(index, query), None);
                self.tracks[index].lose(query, call);
            }
        }
    }

    /// Asks again what was being asked, or gives it up.
    async fn ask_again(&mut self, past: &Past, recovery: Recovery) -> Result<(), StoreError> {
        let mut out = Vec::new();
        let mut asked = Vec::new();
        for index in 0..self.tracks.len() {
            let query = past.query(self.tracks[index].name()).filter(|query| query.is_in_doubt());
            let Some(query) = query else { continue };
            let before = query.ready.map_or(Duration::ZERO, |ready| past.elapsed.saturating_sub(ready));
            let (last, planned) = (self.target(index, query), &self.job.queries[index]);
            let opening = Opening::first(&planned.targets, last, planned.limit.saturating_sub(before));
            let earlier = Earlier {
                time: before,
                attempts: query.attempts,
                first_failure: query.first_failure.clone(),
            };
            let asking = opening.and_then(|opening| Ok((self.asking(index, earlier)?, opening)));
            let track = &mut self.tracks[index];
            match (recovery.asks_again, asking) {
                (true, Ok((asking, opening))) => {
                    let to = asking::asked(&self.job.queries[index].targets[opening.at].0);
                    track.recover(query, before, to, &mut out);
                    asked.push((index, asking, opening));
                }
                (true, Err(failure)) => {
                    track.stop(QueryStatus::Failed, failure, Instant::now(), &mut out);
                }
                (false, _) => {
                    let message = "The server stopped while this was being asked; it is not asked again.";
                    let end = lost(query.clone(), past.elapsed, Failure::new(Code::Interrupted, message));
                    let (Bill { usage, cost }, partial_result) = track.remains();
                    track.carry(QueryCompleted { usage, cost, partial_result, ..end }, &mut out);
                }
            }
        }
        self.writer.append(&out).await?;
        for (index, asking, opening) in asked {
            let turn = opening.turn();
            self.tasks.spawn(index, asking, opening, turn);
        }
        Ok(())
    }

    /// The place of the target that was asked last.
    fn target(&self, index: usize, query: &PastQuery) -> usize {
        let targets = &self.job.queries[index].targets;
        let last = |asked: &Asked| targets.iter().position(|(target, _)| asking::asked(target) == *asked);
        query.asked.as_ref().and_then(last).unwrap_or(0)
    }
}
