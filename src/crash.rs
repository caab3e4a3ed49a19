//! Named points at which a test build dies, as under `kill -9`, so that recovery can be shown point by point.
//!
//! A build without the feature `crash-points` has none of them. `config`
//! reads which one it is; it is set once, before the first run.

use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

/// Whether this build can be told to die: tests switch that on, nothing that is shipped does.
pub const ENABLED: bool = cfg!(feature = "crash-points");

/// A point on a run's way, in about the order in which it passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A run is about to be made.
    BeforeCreate,
    /// It is made, and nobody was told.
    AfterCreate,
    /// Queries announced their start, and nobody is connected to.
    Announced,
    /// A request is being sent.
    RequestSent,
    /// The head of an answer is there.
    HeadersReceived,
    /// A piece of text came.
    Text,
    /// An answer is whole, and not written.
    Answered,
    /// Events are about to be written.
    BeforeCommit,
    /// Events are written, and nobody sees them.
    AfterCommit,
    /// A query's end is written, and what needs it has not started.
    BetweenQueries,
    /// All queries have ended, and their answers become one result.
    Merging,
    /// The last event is about to be written.
    BeforeEnd,
    /// The last event is written.
    AfterEnd,
    /// A run of an earlier process was taken over and is about to go on.
    Recovering,
    /// One of the documents of a folder is in the index, and the folder is not.
    DocumentTaken,
}

impl Point {
    const NAMED: [(&str, Point); 15] = [
        ("before_create", Point::BeforeCreate),
        ("after_create", Point::AfterCreate),
        ("announced", Point::Announced),
        ("request_sent", Point::RequestSent),
        ("headers_received", Point::HeadersReceived),
        ("text", Point::Text),
        ("answered", Point::Answered),
        ("before_commit", Point::BeforeCommit),
        ("after_commit", Point::AfterCommit),
        ("between_queries", Point::BetweenQueries),
        ("merging", Point::Merging),
        ("before_end", Point::BeforeEnd),
        ("after_end", Point::AfterEnd),
        ("recovering", Point::Recovering),
        ("document_taken", Point::DocumentTaken),
    ];
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// The process is gone.
    Abort,
    /// The task that came by panics.
    Panic,
}

/// A death that was asked for: `point`, `point:nth` or `point:nth:panic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    point: Point,
    nth: u32,
    how: How,
}

/// A text that names no crash.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected point, point:nth or point:nth:panic")]
pub struct NoCrash;

impl FromStr for Crash {
    type Err = NoCrash;

    fn from_str(text: &str) -> Result<Crash, NoCrash> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let (_, point) = Point::NAMED.into_iter().find(|(known, _)| *known == name).ok_or(NoCrash)?;
        let nth = parts.next().map_or(Ok(1), str::parse).map_err(|_| NoCrash)?;
        let how = match parts.next() {
            None => How::Abort,
            Some("panic") => How::Panic,
            Some(_) => return Err(NoCrash),
        };
        match parts.next() {
            None => Ok(Crash { point, nth, how }),
            Some(_) => Err(NoCrash),
        }
    }
}

static ASKED_FOR: OnceLock<Crash> = OnceLock::new();
static PASSED: AtomicU32 = AtomicU32::new(0);

impl Crash {
    /// Has the process die there; the first one counts.
    pub fn set(self) {
        let _ = ASKED_FOR.set(self);
    }
}

/// Dies here if that was asked for.
#[inline(always)]
pub fn at(point: Point) {
    if ENABLED {
        pass(point);
    }
}

#[allow(clippy::panic)]
fn pass(point: Point) {
    let Some(crash) = ASKED_FOR.get().filter(|crash| crash.point == point) else { return };
    if PASSED.fetch_add(1, Ordering::SeqCst) + 1 == crash.nth {
        match crash.how {
            How::Abort => std::process::abort(),
            How::Panic => panic!("asked to panic at {point:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_names_a_point_and_how_often_it_is_passed() {
        let crash = |point, nth, how| Ok(Crash { point, nth, how });
        for (text, read) in [
            ("merging", crash(Point::Merging, 1, How::Abort)),
            ("text:3", crash(Point::Text, 3, How::Abort)),
            ("answered:1:panic", crash(Point::Answered, 1, How::Panic)),
            ("nowhere", Err(NoCrash)),
            ("text:x", Err(NoCrash)),
            ("text:1:softly", Err(NoCrash)),
            ("text:1:panic:2", Err(NoCrash)),
            ("", Err(NoCrash)),
        ] {
            assert_eq!(text.parse(), read, "{text}");
        }
    }
}
