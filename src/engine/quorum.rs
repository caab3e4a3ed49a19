//! When enough have answered, the others get a grace and no more.
//!
//! Counted are the successes that the panel's `need` counts; who may be late
//! are the queries that need no other. The grace stands still while the run is
//! paused, and goes on in the next process where it was.

use std::time::Duration;

use tokio::time::Instant;

use super::Run;
use super::past::Past;
use crate::event::Body;
use crate::event::QueryStatus;
use crate::failure::Code;
use crate::failure::Failure;

/// Where a run is on its way to enough answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// Not there yet, or its panel lets everybody answer.
    Open,
    /// Reached: who has not answered then is cancelled.
    Reached(Instant),
    /// The grace is over.
    Closed,
}

impl Run {
    /// When those that are late are cancelled; never while the run is paused.
    pub(super) fn grace_ends(&self) -> Option<Instant> {
        match self.quorum {
            Quorum::Reached(until) if self.paused.is_none() => Some(until),
            _ => None,
        }
    }

    /// Begins the grace once enough have answered.
    pub(super) fn count_answers(&mut self) {
        let Some(grace) = self.job.panel.merge.grace.filter(|_| self.quorum == Quorum::Open) else { return };
        let ends = self.tracks.iter().filter_map(|track| track.end.as_ref());
        let counted = ends.filter(|end| end.status == QueryStatus::Succeeded);
        if counted.filter(|end| self.job.panel.merge.counts(&end.query)).count() >= self.job.panel.merge.need
        {
            // What is left of it begins when the pause ends.
            self.quorum = Quorum::Reached(self.paused.unwrap_or_else(Instant::now) + grace);
        }
    }

    /// The grace of a run that an earlier process left.
    pub(super) fn restore_quorum(&mut self, past: &Past) {
        let merge = &self.job.panel.merge;
        let Some(grace) = merge.grace else { return };
        let mut answered: Vec<Duration> = past
            .queries
            .iter()
            .filter(|query| merge.counts(&query.name))
            .filter(|query| query.end.as_ref().is_some_and(|end| end.status == QueryStatus::Succeeded))
            .filter_map(|query| query.ended)
            .collect();
        answered.sort_unstable();
        if let Some(reached) = merge.need.checked_sub(1).and_then(|last| answered.get(last)) {
            let spent = past.active().saturating_sub(*reached);
            self.quorum = Quorum::Reached(Instant::now() + grace.saturating_sub(spent));
        }
    }

    /// The run was paused for so long: the grace is as much later.
    pub(super) fn put_off_grace(&mut self, paused: Duration) {
        if let Quorum::Reached(until) = &mut self.quorum {
            *until += paused;
        }
    }

    /// Cancels who is late.
    pub(super) fn close_quorum(&mut self, out: &mut Vec<Body>) {
        self.quorum = Quorum::Closed;
        let (need, grace) = (self.job.panel.merge.need, self.job.panel.merge.grace.unwrap_or_default());
        let message =
            format!("Cancelled: {need} have answered, and {} s more have passed.", grace.as_secs_f64());
        for index in 0..self.tracks.len() {
            if self.tracks[index].end.is_none() && self.job.queries[index].query.needs.is_empty() {
                self.tasks.abort(index);
                let failure = Failure::new(Code::Cancelled, message.clone());
                self.tracks[index].stop(QueryStatus::Cancelled, failure, Instant::now(), out);
            }
        }
    }
}
