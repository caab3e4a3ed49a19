//! What the lab does with one request: steps, and an end.
//!
//! A [`Play`] is a value that knows no version of HTTP; performing it is the
//! business of `perform`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use serde_json::Value;

use super::seen::Version;
use super::wire::Form;
use super::wire::Meta;

/// What happens on one connection, from a request to the next or to the end.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

/// One thing that happens.
#[derive(Debug)]
pub(super) enum Step {
    /// This goes out.
    Send(Piece),
    /// Nothing happens.
    Wait(Duration),
    /// The same again and again, with a pause after each time.
    Repeat { piece: Piece, times: u64, pause: Duration },
    /// A text, each piece of it rendered when its time has come.
    Say(Box<Say>),
}

/// Something that goes out.
#[derive(Debug)]
pub(super) enum Piece {
    /// The head of an answer, or one that only announces it (a status of 1xx).
    Head(Head),
    /// A part of the body.
    Body(Bytes),
    /// The end of the body.
    Over,
    /// Bytes as they are, whatever they make of the framing.
    Raw(Bytes),
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) framing: Framing,
}

/// How the body is told from what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// In chunks, the last of them empty.
    Chunked,
    /// By so many bytes, true or not.
    Length(usize),
    /// Not at all: there is no body, or the connection ends with it.
    None,
}

/// A text told in pieces.
#[derive(Debug)]
pub(super) struct Say {
    pub(super) form: Form,
    pub(super) meta: Arc<Meta>,
    /// The block it stands in.
    pub(super) at: usize,
    pub(super) text: Arc<str>,
    pub(super) pieces: usize,
    pub(super) over: Duration,
}

/// How a play ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The connection waits for the next request.
    Keep,
    /// It waits so long, and is then closed.
    KeepFor(Duration),
    /// It is closed with a FIN.
    Fin,
    /// It is closed with a RST.
    Reset,
    /// It stays open and silent until the client leaves.
    Stay,
    /// HTTP/2 tells the client to go away for this reason, and closes the connection.
    GoAway(Reason),
    /// HTTP/2 resets the stream for this reason; the connection stays.
    ResetStream(Reason),
}

impl Play {
    /// Only an end.
    pub(super) fn end(end: End) -> Play {
        Play { steps: Vec::new(), end }
    }

    /// These bytes as they are, and an end.
    pub(super) fn raw(bytes: impl Into<Bytes>, end: End) -> Play {
        Play { steps: vec![Step::raw(bytes)], end }
    }

    /// A status with headers and a body of its true length.
    pub(super) fn status(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Play {
        let framing = match status {
            100..=199 | 204 | 304 => Framing::None,
            _ => Framing::Length(body.len()),
        };
        let head = Head::new(status, headers, framing);
        let steps = vec![Step::Send(Piece::Head(head)), Step::body(body.to_vec()), Step::Send(Piece::Over)];
        Play { steps, end: End::Keep }
    }

    /// A JSON body under a status.
    pub(super) fn json(status: u16, headers: &[(&str, &str)], body: &Value) -> Play {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        Play::status(status, &all, body.to_string().as_bytes())
    }

    /// The same play after a silence.
    pub(super) fn after(mut self, wait: Duration) -> Play {
        self.steps.insert(0, Step::Wait(wait));
        self
    }

    /// The same play with another end.
    pub(super) fn then(self, end: End) -> Play {
        Play { end, ..self }
    }

    /// The one version of HTTP that it can be performed over; none if it can be over any.
    pub(super) fn only(&self) -> Option<Version> {
        let is_raw = |step: &Step| {
            matches!(step, Step::Send(Piece::Raw(_)) | Step::Repeat { piece: Piece::Raw(_), .. })
        };
        match self.end {
            End::GoAway(_) | End::ResetStream(_) => Some(Version::Http2),
            _ => self.steps.iter().any(is_raw).then_some(Version::Http1),
        }
    }
}

impl Piece {
    /// Whether it sends nothing.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Piece::Body(bytes) | Piece::Raw(bytes) if bytes.is_empty())
    }
}

impl Step {
    /// A part of the body.
    pub(super) fn body(bytes: impl Into<Bytes>) -> Step {
        Step::Send(Piece::Body(bytes.into()))
    }

    /// Bytes as they are.
    pub(super) fn raw(bytes: impl Into<Bytes>) -> Step {
        Step::Send(Piece::Raw(bytes.into()))
    }
}

impl Head {
    pub(super) fn new(status: u16, headers: &[(&str, &str)], framing: Framing) -> Head {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Head { status, headers: headers.iter().map(owned).collect(), framing }
    }
}
