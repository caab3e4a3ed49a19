//! What a journal says of a run that an earlier process began: a fold over its events.
//!
//! It is all that recovery needs: what was planned, what ended, what was
//! being asked, and how much of the time is used up.

use std::time::Duration;

use jiff::Timestamp;

use super::meter::Bill;
use super::track;
use crate::event::Asked;
use crate::event::Body;
use crate::event::Cost;
use crate::event::Event;
use crate::event::Passage;
use crate::event::Phase;
use crate::event::QueryCompleted;
use crate::event::RunStarted;
use crate::event::RunWarning;
use crate::event::Usage;
use crate::failure::Failure;
use crate::id::QueryName;
use crate::id::RunId;
use crate::store::Store;
use crate::store::StoreError;

/// A run as its journal left it.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Its first event, if it is there.
    pub started: Option<RunStarted>,
    /// Number of its last event.
    pub seq: u64,
    /// Time since it was accepted, but for the time in which nobody wrote it.
    pub elapsed: Duration,
    /// When its last event was written, on the wall clock.
    pub at: Option<Timestamp>,
    /// Whether it asked a simulated provider.
    pub simulated: bool,
    /// Whether the findings of the checks were told.
    pub checked: bool,
    /// The passages that were told.
    pub passages: Option<Vec<Passage>>,
    /// What it warned of.
    pub warnings: Vec<RunWarning>,
    /// Its queries, as it planned them.
    pub queries: Vec<PastQuery>,
    /// How long it was paused, not counting a pause that goes on.
    paused: Duration,
    /// Since when it is paused.
    paused_at: Option<Duration>,
}

/// A query as the journal left it.
#[derive(Clone, Debug)]
pub struct PastQuery {
    /// Its name.
    pub name: QueryName,
    /// When it was first heard of, since the run was accepted.
    pub ready: Option<Duration>,
    /// Whether somebody may have been asked.
    pub started: bool,
    /// The highest attempt that was announced.
    pub attempts: u32,
    /// Who was asked last.
    pub asked: Option<Asked>,
    /// How far it was shown to be.
    pub progress: u8,
    /// When that was shown in the last second, oldest first.
    pub told: Vec<Duration>,
    /// Whether the last attempt's request was on its way.
    pub sent: bool,
    /// Text of the last attempt that was shown.
    pub text: String,
    /// Tokens of the attempts before it.
    pub usage: Option<Usage>,
    /// What they cost.
    pub cost: Option<Cost>,
    /// Why its first attempt failed.
    pub first_failure: Option<Failure>,
    /// How it ended.
    pub end: Option<QueryCompleted>,
    /// When, in the time that counts for its run's limit.
    pub ended: Option<Duration>,
}

impl PastQuery {
    fn planned(name: QueryName) -> PastQuery {
        PastQuery {
            name,
            ready: None,
            started: false,
            attempts: 0,
            asked: None,
            progress: 0,
            told: Vec::new(),
            sent: false,
            text: String::new(),
            usage: None,
            cost: None,
            first_failure: None,
            end: None,
            ended: None,
        }
    }

    /// Whether an answer may be on its way that nobody will hear.
    pub fn is_in_doubt(&self) -> bool {
        self.started && self.end.is_none()
    }

    /// Code points of the last attempt that were shown.
    pub fn points(&self) -> u64 {
        self.text.chars().count() as u64
    }

    /// What is known of what it has used.
    pub fn bill(&self) -> Bill {
        match &self.end {
            Some(end) => Bill { usage: end.usage, cost: end.cost },
            None => Bill { usage: self.usage, cost: self.cost },
        }
    }
}

/// Most events that one read brings.
const PAGE: usize = 512;

impl Past {
    /// Reads a run's journal to its end.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn read(store: &dyn Store, run: &RunId) -> Result<Past, StoreError> {
        let mut past = Past::default();
        loop {
            let entries = store.read(run, past.seq, PAGE).await?;
            let Some(last) = entries.last() else { return Ok(past) };
            past.seq = last.seq;
            for entry in &entries {
                past.apply(&entry.read().map_err(|_| StoreError::Damaged)?);
            }
        }
    }

    /// Whether it waits to be resumed.
    pub fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }

    /// How much of its limit is used up: pauses do not count.
    pub fn active(&self) -> Duration {
        let pausing = self.paused_at.map_or(Duration::ZERO, |since| self.elapsed - since);
        self.elapsed.saturating_sub(self.paused + pausing)
    }

    /// Whether every planned query has ended.
    pub fn is_answered(&self) -> bool {
        self.started.is_some() && self.queries.iter().all(|query| query.end.is_some())
    }

    /// What is known of a query.
    pub fn query(&self, name: &QueryName) -> Option<&PastQuery> {
        self.queries.iter().find(|query| query.name == *name)
    }

    /// Whether it waits for a place.
    pub fn is_queued(&self) -> bool {
        self.seq == 1 && self.started.as_ref().is_some_and(|started| started.queued)
    }

    fn apply(&mut self, event: &Event) {
        let now = Duration::from_millis(event.stamp.elapsed_ms);
        self.elapsed = self.elapsed.max(now);
        self.at = Some(event.stamp.at);
        self.simulated |= event.stamp.simulated;
        match &event.body {
            Body::RunStarted(started) => {
                let names = started.queries.iter().map(|planned| planned.query.clone());
                self.queries = names.map(PastQuery::planned).collect();
                self.started = Some(started.clone());
            }
            Body::ChecksCompleted(_) => self.checked = true,
            Body::PassagesFound(found) => self.passages = Some(found.passages.clone()),
            Body::RunWarning(warning) => self.warnings.push(warning.clone()),
            Body::RunPaused(_) => self.paused_at = Some(now),
            Body::RunResumed(_) => {
                let since = self.paused_at.take().unwrap_or(now);
                self.paused += now.saturating_sub(since);
            }
            Body::QueryStarted(started) => self.change(&started.query, now, |query| {
                query.started = true;
                query.attempts = query.attempts.max(started.attempt);
                let (provider, model) = (started.provider.clone(), started.model.clone());
                query.asked = Some(Asked { provider, model });
            }),
            Body::QueryProgress(progress) => self.change(&progress.query, now, |query| {
                query.progress = progress.progress;
                query.told.retain(|at| *at + track::SECOND > now);
                query.told.push(now);
                // A query in the queue has made no attempt yet.
                if progress.phase != Phase::Queued {
                    query.attempts = query.attempts.max(progress.attempt);
                    query.sent = progress.phase != Phase::Connecting;
                }
            }),
            Body::QueryDelta(delta) => self.change(&delta.query, now, |query| {
                query.text.push_str(&delta.text);
            }),
            Body::QueryRetrying(retrying) => self.change(&retrying.query, now, |query| {
                let bill = query.bill().plus(Bill { usage: retrying.usage, cost: retrying.cost });
                (query.usage, query.cost) = (bill.usage, bill.cost);
                query.text.clear();
                query.sent = false;
                query.attempts = query.attempts.max(retrying.attempt);
                query.asked = Some(retrying.to.clone());
                query.first_failure.get_or_insert_with(|| retrying.reason.clone());
            }),
            Body::QueryCompleted(completed) => {
                let ended = self.active();
                self.change(&completed.query, now, |query| {
                    query.end = Some((**completed).clone());
                    query.ended = Some(ended);
                });
            }
            Body::FinalResult(_) => {}
        }
    }

    fn change(&mut self, name: &QueryName, now: Duration, change: impl FnOnce(&mut PastQuery)) {
        if let Some(query) = self.queries.iter_mut().find(|query| query.name == *name) {
            query.ready.get_or_insert(now);
            change(query);
        }
    }
}
