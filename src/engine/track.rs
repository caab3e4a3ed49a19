//! What a run knows of one of its queries, and the events that come of it.
//!
//! Text becomes a delta at once unless one was sent within [`JOIN`]; then it
//! is joined. Progress follows from phases, complete sections and tokens,
//! never from a timer.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::past::PastQuery;
use super::query::Said;
use super::query::Success;
use super::serial::Times;
use crate::answer::sections::Sections;
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

/// The shortest time between two deltas of a query; text that comes earlier is joined.
pub const JOIN: Duration = Duration::from_millis(50);
/// The shortest time between two progress events of a query that is in the same phase.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
const SECOND: Duration = Duration::from_secs(1);
/// Most progress events of a query in a second: the contract's promise.
const PROGRESS_A_SECOND: usize = 10;
/// Tokens that an answer without sections is expected to have when the panel does not say.
const EXPECTED_TOKENS: u64 = 1000;

/// A query as its run sees it.
pub struct Track {
    name: QueryName,
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
}

/// What an answer's progress is measured against.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// So many top-level keys.
    Sections(usize),
    /// So many tokens.
    Tokens(u64),
}

impl Expected {
    /// From the answer's schema, else from the panel's token limit.
    pub fn of(schema: Option<&serde_json::Value>, max_tokens: Option<u32>) -> Expected {
        let keys = schema.and_then(|schema| schema["properties"].as_object()).map_or(0, serde_json::Map::len);
        match keys {
            0 => Expected::Tokens(max_tokens.map_or(EXPECTED_TOKENS, u64::from).max(1)),
            keys => Expected::Sections(keys),
        }
    }
}

/// What has come of one attempt.
#[derive(Default)]
struct Streamed {
    points: u64,
    joined: String,
    flush_at: Option<Instant>,
    scanner: Sections,
    sections: Vec<String>,
}

impl Track {
    /// A query that has not started.
    pub fn new(name: QueryName, expected: Expected) -> Track {
        Track {
            name,
            end: None,
            times: Times::default(),
            started: None,
            since: None,
            before: Duration::ZERO,
            recovered: false,
            asked: None,
            attempts: 0,
            expected,
            progress: 0,
            phase: Phase::Queued,
            last_progress: None,
            told: VecDeque::new(),
            tell_at: None,
            last_delta: None,
            attempt: Streamed::default(),
        }
    }

    /// A query as an earlier process left it.
    pub fn restore(past: &PastQuery, expected: Expected) -> Track {
        let mut track = Track::new(past.name.clone(), expected);
        track.end = past.end.clone();
        track.progress = past.progress;
        track
    }

    /// An attempt was lost with an earlier process, after `before`; it is asked again, at `to`.
    pub fn recover(&mut self, past: &PastQuery, before: Duration, to: Asked, out: &mut Vec<Body>) {
        let now = Instant::now();
        (self.since, self.started) = (Some(now), Some(now));
        (self.before, self.recovered) = (before, true);
        self.attempts = past.attempts;
        self.asked = past.asked.clone();
        let message = "The server stopped while this was being asked; it is asked again.";
        let reason = Failure::new(Code::Interrupted, message);
        self.retry(reason, Duration::ZERO, to, past.points, out);
    }

    /// Ends as it ended elsewhere: with the answer of the run that this one retries, or lost.
    pub fn carry(&mut self, completed: QueryCompleted, out: &mut Vec<Body>) {
        if self.end.is_none() {
            out.push(Body::QueryCompleted(Box::new(completed.clone())));
            self.end = Some(completed);
        }
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

    /// It holds its first permit.
    pub fn start(&mut self, now: Instant, out: &mut Vec<Body>) {
        let (Some(since), Some(asked)) = (self.since, self.asked.clone()) else { return };
        self.started = Some(now);
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
            Said::Started => self.start(now, out),
            Said::Phase(phase) => self.enter(phase, now, out),
            Said::Text(text) => self.text(&text, now, out),
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
        if phase == Phase::Connecting {
            self.attempts += 1;
            (self.times.called, self.times.content) = (Some(now), None);
        }
        if phase == Phase::Streaming {
            self.times.content = Some(now);
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
        self.attempt.joined.push_str(text);
        let complete = self.attempt.scanner.push(text);
        self.attempt.sections.extend(complete);
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
            Expected::Tokens(want) => (self.tokens(), want),
        };
        10 + (80 * have.min(want) / want.max(1)) as u8
    }

    fn tokens(&self) -> u64 {
        (self.attempt.points + self.attempt.joined.chars().count() as u64).div_ceil(4)
    }

    fn progress_event(&self, phase: Phase, ahead: Option<usize>) -> Body {
        Body::QueryProgress(QueryProgress {
            query: self.name.clone(),
            progress: self.progress,
            phase,
            ahead,
            tokens_out: self.tokens(),
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

    fn retry(&mut self, reason: Failure, delay: Duration, to: Asked, discarded: u64, out: &mut Vec<Body>) {
        self.attempt = Streamed::default();
        // What was held back is of the attempt that no longer counts.
        self.tell_at = None;
        let from = self.asked.replace(to.clone()).unwrap_or_else(|| to.clone());
        out.push(Body::QueryRetrying(QueryRetrying {
            query: self.name.clone(),
            attempt: self.attempts + 1,
            reason,
            delay_ms: delay.as_millis() as u64,
            from,
            to,
            discarded,
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
        let warnings = success.as_ref().map(|success| self.warnings(success)).unwrap_or_default();
        let completed = QueryCompleted {
            query: self.name.clone(),
            status,
            time_ms: self.since.map_or(0, |since| (self.before + (now - since)).as_millis() as u64),
            attempts: self.attempts,
            asked: self.asked.clone().filter(|_| self.started.is_some()),
            usage: success.as_ref().map(|success| success.usage),
            result: success.map(|success| success.answer.value),
            error,
            warnings,
            carried_over: false,
            recovered: self.recovered,
        };
        out.push(Body::QueryCompleted(Box::new(completed.clone())));
        self.end = Some(completed);
    }

    fn warnings(&self, success: &Success) -> Vec<Warning> {
        let warning = |code: &str, message: String| Warning {
            source: self.name.to_string(),
            severity: "warning".into(),
            code: code.into(),
            message,
        };
        success.answer.notes.iter().map(|note| warning(note.code(), note.message().to_owned())).collect()
    }
}
