//! A run's journal as Server-Sent Events or as lines of JSON.
//!
//! Sends the journal's own bytes from a cursor on. Heartbeats are a comment
//! line without a blank line, which no client takes for an event.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use bytes::Bytes;
use rand::RngExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio::time::timeout_at;

use super::Settings;
use super::gap::Gap;
use super::gap::Lookout;
use super::shorten::shorten;
use crate::config::BasePath;
use crate::event::Entry;
use crate::id::RunId;
use crate::journal::Journal;
use crate::runs::Attached;
use crate::runs::Watch;
use crate::store::StoreError;

/// How a stream shows a journal.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Number of the last event that the client has.
    pub after: u64,
    /// Whether pieces of text are sent.
    pub deltas: bool,
    /// Its form.
    pub form: Form,
    /// How it says that it is alive.
    pub heartbeat: Heartbeat,
    /// Most bytes of a block that carries an answer.
    pub max_event_bytes: usize,
}

/// How a silent stream says that it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// A comment, invisible to every client.
    Comment,
    /// A named event without id, for pages that want to notice a dead socket.
    Event,
}

/// The forms of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Server-Sent Events.
    Sse,
    /// One JSON object a line.
    Ndjson,
}

/// What a client is told to wait before it comes back, in milliseconds.
const RETRY_MS: u64 = 2000;
const HEARTBEAT: Bytes = Bytes::from_static(b": keep-alive\n");

/// The response that follows `attached` as `view` says.
pub fn respond(attached: Attached, view: View, settings: &Settings, slot: OwnedSemaphorePermit) -> Response {
    let (watch, lookout) = (attached.watch(), Lookout::new(&attached, view.deltas));
    let Attached { run, created, journal, .. } = attached;
    let source = Source {
        journal,
        view,
        first: true,
        lookout,
        heartbeat: settings.heartbeat,
        base: settings.base.clone(),
        _watch: watch,
        _slot: Arc::new(slot),
    };
    let max_age = settings.stream_max_age;
    let body = Body::from_stream(async_stream::stream! {
        let mut source = source;
        let mut silent_since = Instant::now();
        let closing = Instant::now() + max_age;
        loop {
            let wake = closing.min(silent_since + source.heartbeat);
            // Reading changes nothing: a read that is given up for a heartbeat is made again.
            match timeout_at(wake, source.next()).await {
                Ok(Next::Blocks(blocks)) => {
                    for block in blocks {
                        silent_since = Instant::now();
                        yield Ok::<_, std::convert::Infallible>(block);
                    }
                }
                Ok(Next::Nothing) => {}
                Ok(Next::End(blocks)) => {
                    for block in blocks {
                        yield Ok(block);
                    }
                    break;
                }
                Err(_) if Instant::now() >= closing => {
                    yield Ok(source.closing("max_age"));
                    break;
                }
                Err(_) => {
                    silent_since = Instant::now();
                    if let Some(beat) = source.beat() {
                        yield Ok(beat);
                    }
                }
            }
        }
    });
    let mut response = Response::new(body);
    headers(&mut response, &run, created, view.form);
    response
}

/// What a stream reads from.
struct Source {
    journal: Journal,
    view: View,
    first: bool,
    lookout: Lookout,
    heartbeat: Duration,
    base: BasePath,
    _watch: Option<Watch>,
    _slot: Arc<OwnedSemaphorePermit>,
}

enum Next {
    Blocks(Vec<Bytes>),
    /// Only events that this stream leaves out.
    Nothing,
    End(Vec<Bytes>),
}

impl Source {
    async fn next(&mut self) -> Next {
        // The store lost the run: the client comes back and is told so by a status.
        let Ok((gap, entries)) = self.read().await else { return Next::End(Vec::new()) };
        // Nothing will follow though the run has not ended: another process goes on with it.
        let Some(last) = entries.last() else { return Next::End(self.stood_down()) };
        self.view.after = last.seq;
        let ended = last.is_final();
        let mut blocks: Vec<Bytes> = gap.map(|gap| self.gap(gap)).into_iter().collect();
        for entry in &entries {
            if self.view.deltas || !entry.is_delta() {
                blocks.push(self.block(entry));
            }
        }
        match (ended, blocks.is_empty()) {
            (true, _) => Next::End(blocks),
            (false, true) => Next::Nothing,
            (false, false) => Next::Blocks(blocks),
        }
    }

    async fn read(&mut self) -> Result<(Option<Gap>, Vec<Entry>), StoreError> {
        let after = self.view.after;
        let entries = self.journal.after(after).await?;
        Ok((self.lookout.gap(&self.journal, after, &entries).await?, entries))
    }

    fn block(&mut self, entry: &Entry) -> Bytes {
        let entry = &shorten(self.journal.run(), entry, self.view.max_event_bytes, &self.base);
        match self.view.form {
            Form::Ndjson => [&entry.json()[..], b"\n"].concat().into(),
            Form::Sse if std::mem::take(&mut self.first) => entry.block_with_retry(RETRY_MS),
            Form::Sse => entry.block(),
        }
    }

    /// The unnumbered event before the first one that comes after a hole.
    fn gap(&mut self, gap: Gap) -> Bytes {
        let json = serde_json::json!(gap);
        match self.view.form {
            Form::Ndjson => format!("{json}\n").into(),
            Form::Sse => {
                let first = std::mem::take(&mut self.first);
                let retry = if first { format!("retry: {RETRY_MS}\n") } else { String::new() };
                format!("event: stream_gap\n{retry}data: {json}\n\n").into()
            }
        }
    }

    fn stood_down(&self) -> Vec<Bytes> {
        match self.journal.head().ended {
            true => Vec::new(),
            false => vec![self.closing("server_shutdown")],
        }
    }

    /// What is sent after a silence; lines of JSON have no word for it.
    fn beat(&self) -> Option<Bytes> {
        match (self.view.form, self.view.heartbeat) {
            (Form::Ndjson, _) => None,
            (Form::Sse, Heartbeat::Comment) => Some(HEARTBEAT),
            (Form::Sse, Heartbeat::Event) => {
                let at = jiff::Timestamp::now();
                let json = format!("{{\"type\":\"heartbeat\",\"at\":\"{at:.3}\"}}");
                Some(format!("event: heartbeat\ndata: {json}\n\n").into())
            }
        }
    }

    /// The unnumbered event before a stream that will be opened again.
    fn closing(&self, reason: &str) -> Bytes {
        let json = format!("{{\"type\":\"stream_closing\",\"reason\":\"{reason}\"}}");
        match self.view.form {
            Form::Ndjson => format!("{json}\n").into(),
            Form::Sse => {
                let retry = rand::rng().random_range(1000..=5000);
                format!("event: stream_closing\nretry: {retry}\ndata: {json}\n\n").into()
            }
        }
    }
}

/// The headers of the contract, section 4.
fn headers(response: &mut Response, run: &RunId, created: bool, form: Form) {
    let content_type = match form {
        Form::Sse => "text/event-stream; charset=utf-8",
        Form::Ndjson => "application/x-ndjson; charset=utf-8",
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    name_run(response, run, created);
    *response.status_mut() = StatusCode::OK;
}

/// Says which run a response is about, and whether the request made it.
pub fn name_run(response: &mut Response, run: &RunId, created: bool) {
    let this = format!("/api/v1/runs/{run}");
    let link = format!("<{this}/events>; rel=\"events\", <{this}/cancel>; rel=\"cancel\"");
    let created = if created { "true" } else { "false" };
    let named = [
        ("run-id", run.as_str()),
        ("run-created", created),
        ("location", &this),
        ("link", &link),
        ("api-version", "1"),
    ];
    for (name, value) in named {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}
