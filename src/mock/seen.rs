//! What the lab saw: a line per attempt and per connection, and counts per model.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;

use super::line::Left;

/// Most models that are counted by name.
const MAX_MODELS: usize = 10_000;
/// Longest name that is kept, in characters.
const MAX_NAME: usize = 200;
/// Under which name the models are counted that are too many.
const OTHERS: &str = "(others)";

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The connection stays.
    Kept,
    /// The lab closed it with a FIN.
    LabFin,
    /// The lab closed it with a RST.
    LabReset,
    /// The client closed it with a FIN.
    ClientFin,
    /// The client closed it with a RST.
    ClientReset,
    /// The lab reset a stream of HTTP/2; its connection stays.
    LabStreamReset,
    /// The lab told the client to go away, as HTTP/2 does, and closed.
    LabGoAway,
    /// The client reset a stream of HTTP/2; its connection stays.
    ClientStreamReset,
}

impl Close {
    /// Who closed, and how.
    fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Close::Kept => ("nobody", None),
            Close::LabFin => ("lab", Some("fin")),
            Close::LabReset => ("lab", Some("rst")),
            Close::ClientFin => ("client", Some("fin")),
            Close::ClientReset => ("client", Some("rst")),
            Close::LabStreamReset => ("lab", Some("rst_stream")),
            Close::LabGoAway => ("lab", Some("goaway")),
            Close::ClientStreamReset => ("client", Some("rst_stream")),
        }
    }

    /// Whether the client closed.
    pub fn is_by_client(self) -> bool {
        matches!(self, Close::ClientFin | Close::ClientReset | Close::ClientStreamReset)
    }
}

impl From<Left> for Close {
    fn from(left: Left) -> Close {
        match left {
            Left::Fin => Close::ClientFin,
            Left::Reset => Close::ClientReset,
        }
    }
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// As it follows the slash.
    pub fn name(self) -> &'static str {
        match self {
            Version::Http1 => "1.1",
            Version::Http2 => "2",
        }
    }
}

/// One attempt, or the end of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Number of the connection, from 1.
    pub connection: u64,
    /// The attempt; none for the end of the connection.
    pub attempt: Option<Attempt>,
    /// When it began, since the lab did.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// How it ended.
    pub close: Close,
}

/// What was asked at one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number for this model, from 1.
    pub number: u64,
    /// The model as the request named it.
    pub model: String,
    /// The row of the fault matrix, 0 for none.
    pub row: u8,
    /// The vendor's form.
    pub form: &'static str,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The version of HTTP that it came over.
    pub version: Version,
}

impl Seen {
    /// As one line of JSON.
    pub fn line(&self) -> String {
        let (by, how) = self.close.words();
        let millis = |time: Duration| time.as_millis() as u64;
        let mut line = json!({
            "seen": if self.attempt.is_some() { "attempt" } else { "connection" },
            "connection": self.connection,
        });
        if let Some(attempt) = &self.attempt {
            line["model"] = attempt.model.as_str().into();
            line["attempt"] = attempt.number.into();
            if attempt.row > 0 {
                line["row"] = format!("U{}", attempt.row).into();
            }
            line["form"] = attempt.form.into();
            line["stream"] = attempt.stream.into();
            line["http"] = attempt.version.name().into();
        }
        line["at_ms"] = millis(self.at).into();
        line["ms"] = millis(self.took).into();
        line["bytes_in"] = self.bytes_in.into();
        line["bytes_out"] = self.bytes_out.into();
        line["closed_by"] = by.into();
        if let Some(how) = how {
            line["how"] = how.into();
        }
        line.to_string()
    }
}

/// What was counted for one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests.
    pub attempts: u64,
    /// Requests under way.
    pub open: u64,
    /// Requests that came over HTTP/2.
    pub http2: u64,
    /// Most requests that were under way at once.
    pub most_open: u64,
    /// Requests that the client left before their end.
    pub closed_by_client: u64,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
}

#[derive(Debug, Default)]
struct Inner {
    connections: u64,
    open: u64,
    answers: u64,
    models: BTreeMap<String, (Counts, Option<Instant>)>,
}

/// All counts of a lab.
#[derive(Debug, Default)]
pub struct Stats(Mutex<Inner>);

impl Stats {
    /// What was counted for a model.
    pub fn of(&self, model: &str) -> Counts {
        self.inner().models.get(model).map_or(Counts::default(), |(counts, _)| *counts)
    }

    /// Connections so far, and those that are open.
    pub fn connections(&self) -> (u64, u64) {
        let inner = self.inner();
        (inner.connections, inner.open)
    }

    /// Forgets the models, and with them how often each was asked; what is under way stays counted.
    pub fn reset(&self) {
        self.inner().models.retain(|_, (counts, first)| {
            *counts = Counts { open: counts.open, most_open: counts.open, ..Counts::default() };
            *first = None;
            counts.open > 0
        });
    }

    /// As the body of `GET /stats`.
    pub fn json(&self) -> Value {
        let inner = self.inner();
        let models: serde_json::Map<String, Value> = inner
            .models
            .iter()
            .map(|(name, (counts, _))| {
                let counts = json!({
                    "attempts": counts.attempts, "open": counts.open, "most_open": counts.most_open,
                    "http2": counts.http2,
                    "closed_by_client": counts.closed_by_client,
                    "bytes_in": counts.bytes_in, "bytes_out": counts.bytes_out,
                });
                (name.clone(), counts)
            })
            .collect();
        json!({"connections": inner.connections, "open_connections": inner.open, "models": models})
    }

    /// A connection came; its number.
    pub(super) fn connected(&self) -> u64 {
        let mut inner = self.inner();
        inner.connections += 1;
        inner.open += 1;
        inner.connections
    }

    /// A connection is gone.
    pub(super) fn disconnected(&self) {
        self.inner().open -= 1;
    }

    /// A number for an answer that no other has.
    pub(super) fn answer(&self) -> u64 {
        let mut inner = self.inner();
        inner.answers += 1;
        inner.answers
    }

    /// Attempts at a model so far.
    pub(super) fn attempts(&self, model: &str) -> u64 {
        self.of(&short(model)).attempts
    }

    /// An attempt begins: its number, and the time since the model's first.
    pub(super) fn begin(&self, model: &str, version: Version) -> (u64, Duration) {
        let mut inner = self.inner();
        let name = name(&inner, model);
        let (counts, first) = inner.models.entry(name).or_default();
        counts.attempts += 1;
        counts.http2 += u64::from(version == Version::Http2);
        counts.open += 1;
        counts.most_open = counts.most_open.max(counts.open);
        let first = *first.get_or_insert_with(Instant::now);
        (counts.attempts, first.elapsed())
    }

    /// An attempt is over.
    pub(super) fn end(&self, model: &str, bytes_in: u64, bytes_out: u64, close: Close) {
        let mut inner = self.inner();
        let name = name(&inner, model);
        let (counts, _) = inner.models.entry(name).or_default();
        counts.open = counts.open.saturating_sub(1);
        counts.closed_by_client += u64::from(close.is_by_client());
        counts.bytes_in += bytes_in;
        counts.bytes_out += bytes_out;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name that a model is counted under.
fn name(inner: &Inner, model: &str) -> String {
    let name = short(model);
    let is_known = inner.models.contains_key(&name) || inner.models.len() < MAX_MODELS;
    if is_known { name } else { OTHERS.to_owned() }
}

/// A name as far as it is kept.
pub(super) fn short(model: &str) -> String {
    model.chars().take(MAX_NAME).collect()
}
