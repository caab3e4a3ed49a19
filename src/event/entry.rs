//! An event in its journal: its stamp, and its bytes on the wire.
//!
//! Rendered once, when it is appended: LF only, one `data` line, every line
//! break that any client knows escaped.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use super::Body;
use crate::id::Cursor;
use crate::id::RunId;

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

    /// The entry that a store kept apart: its run, its number, its name and its JSON; `None` for a name that
    /// this version does not know. Its bytes are those that were rendered.
    pub fn restore(run: &RunId, seq: u64, name: &str, json: &[u8]) -> Option<Entry> {
        let name = Body::NAMES.into_iter().find(|known| *known == name)?;
        let cursor = Cursor { run: run.clone(), seq };
        let mut block = format!("id: {cursor}\nevent: {name}\n").into_bytes();
        let head = block.len();
        for part in [b"data: ".as_slice(), json, b"\n\n"] {
            block.extend_from_slice(part);
        }
        Some(Entry { seq, name, block: Bytes::from(block), head })
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

    /// The same event with another JSON object, for clients that cannot take this one.
    pub fn with_json(&self, json: &[u8]) -> Entry {
        let mut block = self.block[..self.head].to_vec();
        block.extend_from_slice(b"data: ");
        let start = block.len();
        block.extend_from_slice(json);
        escape_line_breaks(&mut block, start);
        block.extend_from_slice(b"\n\n");
        Entry { block: Bytes::from(block), ..self.clone() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::QueryCompleted;
    use crate::event::QueryDelta;
    use crate::event::QueryStatus;
    use crate::failure::Code;
    use crate::failure::Failure;
    use serde_json::Value;

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
        let lines = include_str!("../../tests/fixtures/events.jsonl").lines();
        let mut names = std::collections::BTreeSet::new();
        for (line, seq) in lines.zip(1..) {
            let json: Value = serde_json::from_str(line).unwrap();
            // The page knows these already; here nothing makes them yet.
            if ["run_paused", "run_resumed"].contains(&json["type"].as_str().unwrap()) {
                continue;
            }
            let event: Event = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
            assert_eq!(event.stamp.seq, seq);
            let entry = Entry::render(&event.stamp, &event.body);
            let rendered: Value = serde_json::from_slice(&entry.json()).unwrap();
            assert_eq!(rendered, json, "seq {seq}");
            names.insert(entry.name);
        }
        assert_eq!(names.len(), 10, "every kind of event: {names:?}");
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
            cost: None,
            result: None,
            default: None,
            partial_result: None,
            error: Some(Failure::new(Code::Cancelled, "Cancelled.")),
            warnings: vec![],
            carried_over: false,
            recovered: false,
        };
        let entry = Entry::render(&stamp(2), &Body::QueryCompleted(Box::new(completed.clone())));
        let json = entry.json();
        assert!(!std::str::from_utf8(&json).unwrap().contains("null"));
        assert_eq!(entry.read().unwrap().body, Body::QueryCompleted(Box::new(completed)));
    }

    #[test]
    fn a_restored_entry_is_the_one_that_was_rendered() {
        let stamp = stamp(7);
        let entry = Entry::render(&stamp, &delta("a\u{2028}b\r\n"));
        let restored = Entry::restore(&stamp.run_id, entry.seq, entry.name, &entry.json()).unwrap();
        assert_eq!((restored.block(), restored.json()), (entry.block(), entry.json()));
        assert!(Entry::restore(&stamp.run_id, 1, "of_a_later_version", b"{}").is_none());
    }
}
