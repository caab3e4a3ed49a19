//! What a run knows of one of its queries, and the events that come of it.
//!
//! Text becomes a delta at once unless one was sent within [`JOIN`]; then it
//! is joined. Progress follows from phases, complete sections and tokens,
//! never from a timer.

mod earlier;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::asking::Said;
use super::asking::Success;
use super::job::Planned;
use super::meter::Bill;
use super::meter::Ending;
use super::meter::Meter;
use super::serial::Times;
use super::streamed;
use super::streamed::Expected;
use super::streamed::Parts;
use super::streamed::Streamed;
use crate::event::Asked;
use crate::event::Body;
use crate::event::Phase;
use crate::event::QueryCompleted;
use crate::event::QueryDelta;
use crate::event::QueryProgress;
use crate::event::QueryRetrying;
use crate::event::QueryStarted;
use crate::event::QueryStatus;
use crate::event::Warning;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::QueryName;
use crate::money::Currency;

/// The shortest time between two deltas of a query; text that comes earlier is joined.
pub const JOIN: Duration = Duration::from_millis(50);
/// The shortest time between two progress events of a query that is in the same phase.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// Over which progress events are counted.
pub(super) const SECOND: Duration = Duration::from_secs(1);
/// Most progress events of a query in a second: the contract's promise.
const PROGRESS_A_SECOND: usize = 10;

/// A query as its run sees it.
pub struct Track {
    name: QueryName,
    /// What stands in its place when it ends without an answer.
    default: Option<Arc<Value>>,
    /// How it ended, once it has.
    pub end: Option<QueryCompleted>,
    /// When things happened to it in this process.
    pub times: Times,
    started: Option<Instant>,
    since: Option<Instant>,
    /// Its time in an earlier process.
    before: Duration,
    /// Whether an attempt was lost with an earlier process.
    recovered: bool,
    asked: Option<Asked>,
    attempts: u32,
    /// The number of the attempt that was announced last.
    announced: u32,
    /// What its answer's progress is measured against.
    expected: Expected,
    progress: u8,
    phase: Phase,
    last_progress: Option<Instant>,
    /// When the newest progress events were sent, oldest first.
    told: VecDeque<Instant>,
    /// When a progress event that came too early is due.
    tell_at: Option<Instant>,
    last_delta: Option<Instant>,
    attempt: Streamed,
    /// The parts of an answer that was cut.
    kept: Option<Parts>,
    /// What its calls use and cost.
    pub meter: Meter,
}

impl Track {
    /// A query that has not started.
    pub fn new(planned: &Planned, currency: Currency) -> Track {
        let query = &planned.query;
        Track {
            name: query.name.clone(),
            default: query.on_fail.default_value().cloned(),
            end: None,
            times: Times::default(),
            started: None,
            since: None,
            before: Duration::ZERO,
            recovered: false,
            asked: None,
            attempts: 0,
            announced: 0,
            expected: Expected::of(query.output.as_deref(), query.max_tokens),
            progress: 0,
            phase: Phase::Queued,
            last_progress: None,
            told: VecDeque::new(),
            tell_at: None,
            last_delta: None,
            attempt: Streamed::default(),
            kept: None,
            meter: Meter::new(currency),
        }
    }

    /// Whether parts of an answer that is cut can be kept.
    fn keeps_text(&self) -> bool {
        matches!(self.expected, Expected::Sections(_))
    }

    /// Whether it waits for a permit and nobody has been asked.
    pub fn is_queued(&self) -> bool {
        self.since.is_some() && self.started.is_none() && self.end.is_none()
    }

    /// Gives its place in the queue up; it becomes ready again later.
    pub fn leave_queue(&mut self) {
        self.since = None;
    }

    /// The query's name.
    pub fn name(&self) -> &QueryName {
        &self.name
    }

    /// Whether it was handed to a task.
    pub fn is_ready(&self) -> bool {
        self.since.is_some()
    }

    /// Its inputs are there and `first` will be asked first.
    pub fn ready(&mut self, first: Asked, now: Instant) {
        self.since = Some(now);
        self.times.ready = Some(now);
        self.asked = Some(first);
    }

    /// It waits behind so many others.
    pub fn queue(&mut self, ahead: usize, out: &mut Vec<Body>) {
        self.times.queued = true;
        out.push(self.progress_event(Phase::Queued, Some(ahead)));
    }

    /// Tells how far it is, now or as soon as that may be told.
    fn tell(&mut self, now: Instant, out: &mut Vec<Body>) {
        while self.told.front().is_some_and(|at| *at + SECOND <= now) {
            self.told.pop_front();
        }
        match self.told.front() {
            Some(oldest) if self.told.len() >= PROGRESS_A_SECOND => self.tell_at = Some(*oldest + SECOND),
            _ => {
                self.tell_at = None;
                self.told.push_back(now);
                self.last_progress = Some(now);
                out.push(self.progress_event(self.phase, None));
            }
        }
    }

    /// It holds its first permit; later ones change nothing.
    pub fn start(&mut self, now: Instant, out: &mut Vec<Body>) {
        let (Some(since), Some(asked), None) = (self.since, self.asked.clone(), self.started) else { return };
        (self.started, self.announced) = (Some(now), 1);
        out.push(Body::QueryStarted(QueryStarted {
            query: self.name.clone(),
            provider: asked.provider,
            model: asked.model,
            attempt: 1,
            queued_ms: (now - since).as_millis() as u64,
        }));
    }

    /// When something that was held back is due.
    pub fn due(&self) -> Option<Instant> {
        self.attempt.flush_at.into_iter().chain(self.tell_at).min()
    }

    /// Tells what was held back and is due.
    pub fn catch_up(&mut self, now: Instant, out: &mut Vec<Body>) {
        if self.attempt.flush_at.is_some_and(|at| at <= now) {
            self.flush(now, out);
        }
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell(now, out);
        }
    }

    /// Takes in what the query's task said.
    pub fn hear(&mut self, said: Said, now: Instant, out: &mut Vec<Body>) {
        if self.end.is_some() {
            return;
        }
        match said {
            Said::Phase(phase) => self.enter(phase, now, out),
            Said::Text(text) => self.text(&text, now, out),
            // The run itself lets calls in.
            Said::Calling { .. } => {}
            Said::Used(usage) => self.meter.told(usage),
            Said::Called(ending) => self.over(ending),
            Said::Retrying { reason, delay, to, discarded } => {
                self.flush(now, out);
                self.retry(*reason, delay, to, discarded, out);
            }
            Said::Ended(outcome) => {
                let (status, success, error) = match *outcome {
                    Ok(success) => (QueryStatus::Succeeded, Some(success), None),
                    Err(failure) => (QueryStatus::Failed, None, Some(failure)),
                };
                self.complete(status, success, error, now, out);
            }
        }
    }

    fn enter(&mut self, phase: Phase, now: Instant, out: &mut Vec<Body>) {
        self.flush(now, out);
        match phase {
            Phase::Connecting => {
                self.attempts += 1;
                (self.times.called, self.times.content) = (Some(now), None);
            }
            Phase::Waiting => self.meter.sent(),
            Phase::Streaming => {
                self.meter.content();
                self.times.content = Some(now);
            }
            Phase::Queued | Phase::Validating => {}
        }
        self.phase = phase;
        let reached = match phase {
            Phase::Queued | Phase::Connecting => 0,
            Phase::Waiting => 5,
            Phase::Streaming => 10,
            Phase::Validating => 95,
        };
        self.progress = self.progress.max(reached);
        self.tell(now, out);
    }

    fn text(&mut self, text: &str, now: Instant, out: &mut Vec<Body>) {
        self.attempt.push(text, self.keeps_text());
        self.meter.text(text.chars().count() as u64);
        let due = self.last_delta.map_or(now, |last| last + JOIN);
        if due <= now {
            self.flush(now, out);
        } else {
            self.attempt.flush_at = Some(due);
        }
        if self.last_progress.is_none_or(|last| now - last >= PROGRESS_EVERY) {
            self.progress = self.progress.max(self.streamed_progress());
            self.tell(now, out);
        }
    }

    /// 10 to 90: the share of the answer that has come.
    fn streamed_progress(&self) -> u8 {
        let (have, want) = match self.expected {
            Expected::Sections(want) => (self.attempt.sections.len() as u64, want as u64),
            Expected::Tokens(want) => (self.attempt.tokens(), want),
        };
        10 + (80 * have.min(want) / want.max(1)) as u8
    }

    fn progress_event(&self, phase: Phase, ahead: Option<usize>) -> Body {
        Body::QueryProgress(QueryProgress {
            query: self.name.clone(),
            progress: self.progress,
            phase,
            ahead,
            tokens_out: self.attempt.tokens(),
            sections: self.attempt.sections.clone(),
            attempt: self.attempts.max(1),
        })
    }

    /// Turns the joined text into a delta.
    fn flush(&mut self, now: Instant, out: &mut Vec<Body>) {
        self.attempt.flush_at = None;
        if self.attempt.joined.is_empty() {
            return;
        }
        self.last_delta = Some(now);
        let text = std::mem::take(&mut self.attempt.joined);
        let offset = self.attempt.points;
        self.attempt.points += text.chars().count() as u64;
        let (query, attempt) = (self.name.clone(), self.attempts.max(1));
        out.push(Body::QueryDelta(QueryDelta { query, attempt, offset, text }));
    }

    /// A call is over. What is complete of an answer that was cut is kept; what was declined is not.
    fn over(&mut self, ending: Ending) {
        self.meter.end(ending);
        if !matches!(ending, Ending::Whole | Ending::Failed(Code::ContentRefused)) {
            self.kept = streamed::best(self.kept.take(), self.attempt.parts());
        }
    }

    /// What is left when nothing more comes: what was used, and the parts of a cut answer.
    pub fn remains(&mut self) -> (Bill, Option<Parts>) {
        if self.meter.is_open() {
            self.over(Ending::Dropped);
        }
        self.meter.forget_promise();
        (self.meter.total(), self.kept.take())
    }

    fn retry(&mut self, reason: Failure, delay: Duration, to: Asked, discarded: u64, out: &mut Vec<Body>) {
        self.attempt = Streamed::default();
        // What was held back is of the attempt that no longer counts.
        self.tell_at = None;
        let from = self.asked.replace(to.clone()).unwrap_or_else(|| to.clone());
        if self.started.is_none() {
            // It has only waited; its start will tell who is asked.
            return;
        }
        // No number is given twice, also when who was to be asked closed before that.
        self.attempts = self.attempts.max(self.announced);
        self.announced = self.attempts + 1;
        let Bill { usage, cost } = self.meter.take_last();
        out.push(Body::QueryRetrying(QueryRetrying {
            query: self.name.clone(),
            attempt: self.announced,
            reason,
            delay_ms: delay.as_millis() as u64,
            from,
            to,
            discarded,
            usage,
            cost,
        }));
    }

    /// Ends the query without an answer, unless it has ended.
    pub fn stop(&mut self, status: QueryStatus, failure: Failure, now: Instant, out: &mut Vec<Body>) {
        if self.end.is_none() {
            self.complete(status, None, Some(failure), now, out);
        }
    }

    fn complete(
        &mut self,
        status: QueryStatus,
        success: Option<Success>,
        error: Option<Failure>,
        now: Instant,
        out: &mut Vec<Body>,
    ) {
        self.flush(now, out);
        self.tell_at = None;
        self.times.ended = Some(now);
        let (Bill { usage, cost }, kept) = self.remains();
        let partial_result = kept.filter(|_| success.is_none());
        let warnings = streamed::warnings(&self.name, success.as_ref(), partial_result.as_ref());
        let mut completed = QueryCompleted {
            query: self.name.clone(),
            status,
            time_ms: self.since.map_or(0, |since| (self.before + (now - since)).as_millis() as u64),
            attempts: self.attempts,
            asked: self.asked.clone().filter(|_| self.started.is_some()),
            usage,
            cost,
            result: success.map(|success| success.answer.value),
            default: None,
            partial_result,
            error,
            warnings,
            carried_over: false,
            recovered: self.recovered,
        };
        self.stand_in(&mut completed);
        out.push(Body::QueryCompleted(Box::new(completed.clone())));
        self.end = Some(completed);
    }

    /// Puts the panel's default in the place of an answer that is not there, and says so.
    fn stand_in(&self, completed: &mut QueryCompleted) {
        let Some(default) = self.default.as_ref().filter(|_| completed.result.is_none()) else { return };
        completed.default = Some(default.as_ref().clone());
        completed.warnings.push(Warning {
            source: self.name.to_string(),
            severity: "warning".into(),
            code: "default_used".into(),
            message: "The panel's default stands in the place of this answer.".into(),
        });
    }

    /// Nothing will stand in its place: its run has no use for it.
    pub fn forget_default(&mut self) {
        self.default = None;
    }
}
