//! What happens in a run, as typed events, and their bytes on the wire.
//!
//! An event is rendered once, when it is appended: [`Entry`] holds the very
//! bytes that every stream sends. Names are those of the contract, section 6.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::failure::Failure;
use crate::id::Cursor;
use crate::id::PanelName;
use crate::id::QueryName;
use crate::id::RunId;

/// Version of the wire contract.
pub const API_VERSION: u32 = 1;

/// What happened, without its place in a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// The run was accepted; always the first event.
    RunStarted(RunStarted),
    /// The checks without AI are done.
    ChecksCompleted(ChecksCompleted),
    /// A query holds its first permit.
    QueryStarted(QueryStarted),
    /// A query moved on.
    QueryProgress(QueryProgress),
    /// A piece of an answer.
    QueryDelta(QueryDelta),
    /// An attempt was given up and another begins.
    QueryRetrying(QueryRetrying),
    /// A query is over.
    QueryCompleted(Box<QueryCompleted>),
    /// Something worth knowing that ends nothing.
    RunWarning(RunWarning),
    /// The run is over; always the last event.
    FinalResult(Box<FinalResult>),
}

/// Payload of `run_started`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The panel.
    pub panel: PanelName,
    /// Which state of its files.
    pub panel_revision: String,
    /// [`API_VERSION`].
    pub api_version: u32,
    /// What will be asked, in the panel's order.
    pub queries: Vec<PlannedQuery>,
    /// Limits of the whole run.
    pub timeouts: RunTimeouts,
    /// What happens when nobody watches.
    pub on_disconnect: OnDisconnect,
    /// Where to go from here.
    pub links: Links,
}

/// A query as `run_started` announces it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedQuery {
    /// Its name.
    pub query: QueryName,
    /// Its title in the ask's language.
    pub title: String,
    /// What it waits for.
    pub depends_on: Vec<QueryName>,
    /// Who is asked, `provider/model` in fallback order.
    pub models: Vec<String>,
    /// Longest time with all attempts, in milliseconds.
    pub timeout_ms: u64,
}

/// Limits of the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTimeouts {
    /// From acceptance to the last event, in milliseconds.
    pub run_ms: u64,
}

/// What happens to a run when nobody watches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDisconnect {
    /// Cancelled when nobody has watched for a while.
    Grace,
    /// Goes on.
    Continue,
    /// Cancelled at once.
    Cancel,
}

/// Where a run's resources are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "links")]
pub struct Links {
    /// Its snapshot.
    #[serde(rename = "self")]
    pub this: String,
    /// Its journal.
    pub events: String,
    /// Its whole result.
    pub result: String,
    /// Where to cancel it.
    pub cancel: String,
    /// Its page.
    pub page: String,
}

impl Links {
    /// The links of `run`.
    pub fn of(run: &RunId) -> Links {
        let this = format!("/api/v1/runs/{run}");
        Links {
            events: format!("{this}/events"),
            result: format!("{this}/result"),
            cancel: format!("{this}/cancel"),
            page: format!("/runs/{run}"),
            this,
        }
    }
}

/// Payload of `checks_completed`; its parts are the panel's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChecksCompleted {
    /// How long the checks took.
    pub time_ms: u64,
    /// What they found.
    pub findings: Value,
    /// What they looked at.
    pub coverage: Value,
    /// Which tables they used.
    pub ruleset: Value,
}

/// Payload of `query_started`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryStarted {
    /// The query.
    pub query: QueryName,
    /// Who is asked first.
    pub provider: String,
    /// With which model.
    pub model: String,
    /// Always 1.
    pub attempt: u32,
    /// How long it waited for its turn.
    pub queued_ms: u64,
}

/// Where a running query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for its turn at the provider.
    Queued,
    /// The connection is being made.
    Connecting,
    /// The request is out, no content yet.
    Waiting,
    /// Content arrives.
    Streaming,
    /// The answer is read and checked.
    Validating,
}

/// Payload of `query_progress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryProgress {
    /// The query.
    pub query: QueryName,
    /// 0 to 100; never falls.
    pub progress: u8,
    /// Where it is.
    pub phase: Phase,
    /// Calls before it in the provider's queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<usize>,
    /// Tokens of this attempt's answer so far, estimated from its length.
    pub tokens_out: u64,
    /// Top-level keys of the answer that are complete.
    pub sections: Vec<String>,
    /// The attempt.
    pub attempt: u32,
}

/// Payload of `query_delta`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryDelta {
    /// The query.
    pub query: QueryName,
    /// The attempt whose text this is.
    pub attempt: u32,
    /// Code points of this attempt before it.
    pub offset: u64,
    /// The piece.
    pub text: String,
}

/// A provider and its model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
}

/// Payload of `query_retrying`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryRetrying {
    /// The query.
    pub query: QueryName,
    /// Number of the attempt to come.
    pub attempt: u32,
    /// Why the last one was given up.
    pub reason: Failure,
    /// How long we wait before it.
    pub delay_ms: u64,
    /// Who failed.
    pub from: Asked,
    /// Who is asked next.
    pub to: Asked,
    /// Code points of the last attempt that no longer count.
    pub discarded: u64,
}

/// How a query ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryStatus {
    /// It has an answer.
    Succeeded,
    /// It has none.
    Failed,
    /// It was never asked.
    Skipped,
    /// Somebody stopped it.
    Cancelled,
}

/// Tokens of one or more calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Their sum.
    pub total_tokens: u64,
    /// Whether we estimated them because the provider did not say.
    pub estimated: bool,
}

/// Payload of `query_completed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryCompleted {
    /// The query.
    pub query: QueryName,
    /// How it ended.
    pub status: QueryStatus,
    /// Wall time with waiting and retries.
    pub time_ms: u64,
    /// Attempts made.
    pub attempts: u32,
    /// Who was asked last.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// Tokens of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Its answer: a string for a text answer, the JSON value otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What a reader should know of the answer.
    pub warnings: Vec<Warning>,
}

/// Something a reader should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The query or part it concerns.
    pub source: String,
    /// `warning` or `info`.
    pub severity: String,
    /// Its kind.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
}

/// Payload of `run_warning`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunWarning {
    /// Its kind.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
    /// The query it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<QueryName>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every query succeeded.
    Completed,
    /// Enough succeeded, something is missing.
    Partial,
    /// Not enough succeeded.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// Who stopped a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// A client asked for it.
    Client,
    /// Nobody watched any more.
    Disconnect,
    /// The server stops.
    Shutdown,
}

/// Times and counts of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// From acceptance to the end.
    pub total_time_ms: u64,
    /// Wall time of each query, in the panel's order.
    pub query_times: Map<String, Value>,
    /// Sum of the query times over the total time, in percent.
    pub parallel_efficiency: f64,
    /// Tokens of all answers.
    pub tokens_total: u64,
    /// Succeeded, failed and cancelled ones.
    pub queries_executed: usize,
    /// With an answer.
    pub queries_successful: usize,
    /// Without one.
    pub queries_failed: usize,
    /// Stopped.
    #[serde(default)]
    pub queries_cancelled: usize,
    /// Never asked.
    #[serde(default)]
    pub queries_skipped: usize,
}

/// Payload of `final_result`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinalResult {
    /// Always true.
    pub terminal: bool,
    /// How the run ended.
    pub status: RunOutcome,
    /// Who stopped it, if it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CancelReason>,
    /// The panel.
    pub panel: PanelName,
    /// Why it failed, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What a reader should know, of all queries and parts.
    pub warnings: Vec<Value>,
    /// Times and counts.
    pub performance: Performance,
    /// How each query ended, in the panel's order.
    pub queries: Map<String, Value>,
    /// The result of a panel that does not flatten it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Where the whole result is.
    pub result_ref: String,
    /// Whether only the checks' findings are left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub findings_only: bool,
    /// The keys of a flattened result.
    #[serde(flatten)]
    pub flattened: Map<String, Value>,
}

impl FinalResult {
    /// Keys of the event itself, which a flattened result must not have.
    pub const RESERVED: [&str; 17] = [
        "type",
        "run_id",
        "seq",
        "at",
        "elapsed_ms",
        "simulated",
        "terminal",
        "status",
        "reason",
        "panel",
        "error",
        "warnings",
        "performance",
        "queries",
        "result",
        "result_ref",
        "findings_only",
    ];
}

impl Body {
    /// The event's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Body::RunStarted(_) => "run_started",
            Body::ChecksCompleted(_) => "checks_completed",
            Body::QueryStarted(_) => "query_started",
            Body::QueryProgress(_) => "query_progress",
            Body::QueryDelta(_) => Entry::DELTA,
            Body::QueryRetrying(_) => "query_retrying",
            Body::QueryCompleted(_) => "query_completed",
            Body::RunWarning(_) => "run_warning",
            Body::FinalResult(_) => Entry::FINAL,
        }
    }
}

/// Where and when an event stands in its journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    /// The run.
    pub run_id: RunId,
    /// Number in the journal, from 1.
    pub seq: u64,
    /// Wall-clock time, for people.
    #[serde(serialize_with = "to_milliseconds")]
    pub at: Timestamp,
    /// Monotonic time since the run was accepted.
    pub elapsed_ms: u64,
    /// Whether the run asked a simulated provider.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

/// RFC 3339 in UTC, always with three digits of a second.
fn to_milliseconds<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.3}"))
}

/// An event as it reads from the wire.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Event {
    /// Its place.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// A rendered event: what the journal keeps and every stream sends.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Number in the journal, from 1.
    pub seq: u64,
    /// The event's name.
    pub name: &'static str,
    block: Bytes,
    head: usize,
}

impl Entry {
    /// Name of the events that a stream leaves out unless it asked for them.
    pub const DELTA: &str = "query_delta";
    /// Name of the last event.
    pub const FINAL: &str = "final_result";

    /// The event's bytes: LF only, one `data` line, all line breaks of any client escaped.
    pub fn render(stamp: &Stamp, body: &Body) -> Entry {
        let name = body.name();
        let cursor = Cursor { run: stamp.run_id.clone(), seq: stamp.seq };
        let mut block = format!("id: {cursor}\nevent: {name}\n").into_bytes();
        let head = block.len();
        block.extend_from_slice(b"data: ");
        push_json(&mut block, stamp, body);
        block.extend_from_slice(b"\n\n");
        Entry { seq: stamp.seq, name, block: Bytes::from(block), head }
    }

    /// Whether it is the run's last event.
    pub fn is_final(&self) -> bool {
        self.name == Entry::FINAL
    }

    /// Whether it is a piece of text that a stream may leave out.
    pub fn is_delta(&self) -> bool {
        self.name == Entry::DELTA
    }

    /// The whole SSE block.
    pub fn block(&self) -> Bytes {
        self.block.clone()
    }

    /// The whole SSE block with a `retry` line, as the first block of a stream has it.
    pub fn block_with_retry(&self, retry_ms: u64) -> Bytes {
        let (head, data) = self.block.split_at(self.head);
        [head, format!("retry: {retry_ms}\n").as_bytes(), data].concat().into()
    }

    /// The JSON object alone.
    pub fn json(&self) -> Bytes {
        self.block.slice(self.head + "data: ".len()..self.block.len() - 2)
    }

    /// Bytes it holds.
    pub fn size(&self) -> usize {
        self.block.len()
    }

    /// The event behind the bytes.
    ///
    /// # Errors
    /// When the bytes are not an event of this version.
    pub fn read(&self) -> Result<Event, serde_json::Error> {
        serde_json::from_slice(&self.json())
    }
}

/// Appends the event as compact JSON: type first, then the stamp, then the payload.
fn push_json(out: &mut Vec<u8>, stamp: &Stamp, body: &Body) {
    let start = out.len();
    // Our own types with string keys always serialize; the fallback keeps the journal readable all the same.
    let head = serde_json::to_string(stamp).unwrap_or_else(|_| "{}".into());
    let payload = serde_json::to_string(body).unwrap_or_else(|_| "{}".into());
    let tag = format!("{{\"type\":\"{}\"", body.name());
    out.extend_from_slice(tag.as_bytes());
    out.push(b',');
    out.extend_from_slice(&head.as_bytes()[1..head.len() - 1]);
    // The payload begins with the same tag and ends with the closing brace.
    out.extend_from_slice(payload.get(tag.len()..).unwrap_or("}").as_bytes());
    escape_line_breaks(out, start);
}

/// Escapes U+0085, U+2028 and U+2029 from `start` on: several clients split lines there. They can stand in strings only.
fn escape_line_breaks(out: &mut Vec<u8>, start: usize) {
    let Ok(text) = std::str::from_utf8(&out[start..]) else { return };
    if !text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return;
    }
    let escaped =
        text.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    out.truncate(start);
    out.extend_from_slice(escaped.as_bytes());
}

/// A title in `language`, else in English, else whatever there is.
pub fn in_language<'a>(titles: &'a BTreeMap<String, String>, language: &str) -> &'a str {
    titles
        .get(language)
        .or_else(|| titles.get("en"))
        .or_else(|| titles.values().next())
        .map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Code;

    fn stamp(seq: u64) -> Stamp {
        Stamp {
            run_id: "run_01jd0000000000000000000000".parse().unwrap(),
            seq,
            at: "2026-11-20T14:02:09.120Z".parse().unwrap(),
            elapsed_ms: 12,
            simulated: false,
        }
    }

    fn delta(text: &str) -> Body {
        Body::QueryDelta(QueryDelta { query: "a".parse().unwrap(), attempt: 1, offset: 0, text: text.into() })
    }

    #[test]
    fn a_block_has_the_bytes_of_the_contract() {
        let entry = Entry::render(&stamp(7), &delta("x"));
        let expected = "id: run_01jd0000000000000000000000.7\nevent: query_delta\ndata: {\"type\":\"query_delta\",\
            \"run_id\":\"run_01jd0000000000000000000000\",\"seq\":7,\"at\":\"2026-11-20T14:02:09.120Z\",\
            \"elapsed_ms\":12,\"query\":\"a\",\"attempt\":1,\"offset\":0,\"text\":\"x\"}\n\n";
        assert_eq!(std::str::from_utf8(&entry.block()).unwrap(), expected);
        let first = entry.block_with_retry(2000);
        let expected = expected.replace("\ndata:", "\nretry: 2000\ndata:");
        assert_eq!(std::str::from_utf8(&first).unwrap(), expected);
    }

    /// The journal that the page's tests read as well: the wire changes there first.
    #[test]
    fn the_common_journal_reads_and_renders_the_same() {
        let lines = include_str!("../tests/fixtures/events.jsonl").lines();
        let mut names = std::collections::BTreeSet::new();
        for (line, seq) in lines.zip(1..) {
            let mut json: Value = serde_json::from_str(line).unwrap();
            // The page knows these already; here nothing makes them yet.
            if ["passages_found", "run_paused", "run_resumed"].contains(&json["type"].as_str().unwrap()) {
                continue;
            }
            let event: Event = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
            assert_eq!(event.stamp.seq, seq);
            let entry = Entry::render(&event.stamp, &event.body);
            let rendered: Value = serde_json::from_slice(&entry.json()).unwrap();
            // Nor are prices known here.
            json.as_object_mut().unwrap().remove("cost");
            json.pointer_mut("/performance")
                .and_then(|part| part.as_object_mut())
                .map(|part| part.remove("cost"));
            assert_eq!(rendered, json, "seq {seq}");
            names.insert(entry.name);
        }
        assert_eq!(names.len(), 9, "every kind of event: {names:?}");
    }

    #[test]
    fn awkward_text_stays_on_one_line_and_reads_back() {
        let text = "a\r\nb\0\u{85}\u{2028}\u{2029}😀\u{7f}\ndata: {}\n\nevent: final_result";
        let entry = Entry::render(&stamp(1), &delta(text));
        let block = entry.block();
        let block = std::str::from_utf8(&block).unwrap();
        assert_eq!(block.matches('\n').count(), 4);
        assert!(!block.contains(['\r', '\0', '\u{85}', '\u{2028}', '\u{2029}']));
        assert_eq!(entry.read().unwrap().body, delta(text));
    }

    #[test]
    fn absent_parts_are_missing() {
        let completed = QueryCompleted {
            query: "a".parse().unwrap(),
            status: QueryStatus::Failed,
            time_ms: 3,
            attempts: 0,
            asked: None,
            usage: None,
            result: None,
            error: Some(Failure::new(Code::Cancelled, "Cancelled.")),
            warnings: vec![],
        };
        let entry = Entry::render(&stamp(2), &Body::QueryCompleted(Box::new(completed.clone())));
        let json = entry.json();
        assert!(!std::str::from_utf8(&json).unwrap().contains("null"));
        assert_eq!(entry.read().unwrap().body, Body::QueryCompleted(Box::new(completed)));
    }
}
