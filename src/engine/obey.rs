//! What a run does when somebody reaches into it.

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Run;
use super::control::Done;
use super::control::Given;
use super::control::Order;
use super::control::Refused;
use super::finish::Stop;
use super::track::Track;
use crate::event::Actor;
use crate::event::Body;
use crate::event::Held;
use crate::event::QueryStatus;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::QueryName;

/// What became of an order, and who waits to hear it.
pub struct Answer {
    to: oneshot::Sender<Result<Done, Refused>>,
    done: Result<Done, Refused>,
}

impl Run {
    /// Carries an order out; how the run stops, if it does.
    pub(super) fn obey(&mut self, given: Given, out: &mut Vec<Body>) -> Option<Stop> {
        let done = match &given.order {
            Order::StandDown => return Some(Stop::StandDown),
            Order::Drain => {
                self.draining = true;
                Ok(Done::Now)
            }
            Order::Pause => Ok(self.pause(out)),
            Order::Resume => Ok(self.resume(out)),
            Order::CancelQuery(query) => self.cancel_query(query, out),
            Order::Finish if self.has_answer() => Ok(Done::Now),
            Order::Finish => Err(Refused::NothingSucceeded),
        };
        let finished = given.order == Order::Finish && done.is_ok();
        self.answers.push(Answer { to: given.answer, done });
        finished.then_some(Stop::Finished)
    }

    /// Tells those who gave orders that they are carried out, now that the events of it are written.
    pub(super) fn answer(&mut self) {
        for Answer { to, done } in self.answers.drain(..) {
            // Whoever gave the order may have left.
            let _ = to.send(done);
        }
    }

    /// Whether it need not be waited for: the server ends, and nothing happens here before it is resumed.
    pub(super) fn may_rest(&self) -> bool {
        let is_under_way = |track: &Track| track.is_ready() && track.end.is_none();
        self.draining && self.paused.is_some() && !self.tracks.iter().any(is_under_way)
    }

    fn pause(&mut self, out: &mut Vec<Body>) -> Done {
        if self.paused.is_some() {
            return Done::Already;
        }
        self.paused = Some(Instant::now());
        for index in 0..self.tracks.len() {
            // Those in a queue would be started by whoever leaves before them.
            if self.tracks[index].is_queued() {
                self.tasks.abort(index);
                self.tracks[index].leave_queue();
            }
        }
        out.push(Body::RunPaused(Held { by: Actor::Client }));
        Done::Now
    }

    fn resume(&mut self, out: &mut Vec<Body>) -> Done {
        let Some(since) = self.paused.take() else { return Done::Already };
        self.deadline += since.elapsed();
        self.put_off_grace(since.elapsed());
        out.push(Body::RunResumed(Held { by: Actor::Client }));
        Done::Now
    }

    fn cancel_query(&mut self, query: &QueryName, out: &mut Vec<Body>) -> Result<Done, Refused> {
        let index = self.tracks.iter().position(|track| track.name() == query);
        let index = index.ok_or(Refused::UnknownQuery)?;
        if self.tracks[index].end.is_some() {
            return Ok(Done::Already);
        }
        self.tasks.abort(index);
        let failure = Failure::new(Code::Cancelled, "The query was cancelled.");
        self.tracks[index].stop(QueryStatus::Cancelled, failure, Instant::now(), out);
        Ok(Done::Now)
    }

    fn has_answer(&self) -> bool {
        let ends = self.tracks.iter().filter_map(|track| track.end.as_ref());
        ends.into_iter().any(|end| end.status == QueryStatus::Succeeded)
    }
}
