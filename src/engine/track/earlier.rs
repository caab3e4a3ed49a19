//! What an earlier process, or the run that this one retries, has done for a query.

use std::time::Duration;

use tokio::time::Instant;

use super::Track;
use crate::engine::job::Planned;
use crate::engine::meter::Calling;
use crate::engine::meter::Ending;
use crate::engine::meter::Meter;
use crate::engine::past::PastQuery;
use crate::event::Asked;
use crate::event::Body;
use crate::event::QueryCompleted;
use crate::failure::Code;
use crate::failure::Failure;
use crate::money::Currency;

impl Track {
    /// A query as an earlier process left it when its run was `elapsed` old.
    pub fn restore(past: &PastQuery, elapsed: Duration, planned: &Planned, currency: Currency) -> Track {
        let now = Instant::now();
        let mut track = Track::new(planned, currency);
        track.end = past.end.clone();
        track.progress = past.progress;
        track.told = past.told.iter().filter_map(|at| now.checked_sub(elapsed.saturating_sub(*at))).collect();
        (track.attempts, track.announced) = (past.attempts, past.attempts);
        track.attempt.restore(&past.text, track.keeps_text());
        track.meter = Meter::before(currency, past.bill());
        track
    }

    /// A call was lost with an earlier process.
    pub fn lose(&mut self, past: &PastQuery, call: Calling) {
        self.meter.begin(call);
        if past.sent {
            self.meter.sent();
        }
        self.meter.text(past.points());
        self.over(Ending::Dropped);
    }

    /// An attempt was lost with an earlier process, after `before`; it is asked again, at `to`.
    pub fn recover(&mut self, past: &PastQuery, before: Duration, to: Asked, out: &mut Vec<Body>) {
        let now = Instant::now();
        (self.since, self.started) = (Some(now), Some(now));
        (self.before, self.recovered) = (before, true);
        self.asked = past.asked.clone();
        let message = "The server stopped while this was being asked; it is asked again.";
        let reason = Failure::new(Code::Interrupted, message);
        self.retry(reason, Duration::ZERO, to, past.points(), out);
    }

    /// Ends as it ended elsewhere: with the answer of the run that this one retries, or lost.
    pub fn carry(&mut self, mut completed: QueryCompleted, out: &mut Vec<Body>) {
        if self.end.is_none() {
            self.stand_in(&mut completed);
            out.push(Body::QueryCompleted(Box::new(completed.clone())));
            self.end = Some(completed);
        }
    }
}
