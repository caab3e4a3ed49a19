//! From the bytes of an answer to chunks; knows no network and no clock.
//!
//! Lenient in what it reads (a stream or one JSON body, whatever was asked;
//! fields it does not know; counts that make no sense) and strict about the
//! end: without an end mark an answer is cut, without text it is empty, and a
//! part that cannot be read is never skipped, since it might have held words.

use std::collections::VecDeque;

use serde_json::Value;

use super::refusal::Refusal;
use crate::event::Usage;
use crate::provider::Chunk;
use crate::provider::Finish;
use crate::provider::upstream::sse;
use crate::provider::upstream::sse::Item;

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// An error object where an answer was promised.
    Refused(Refusal),
    /// The model or a filter declined, with what it said.
    Declined(String),
    /// Not what the protocol promises, and why.
    Unreadable(String),
    /// The stream ended without its end mark.
    Cut,
    /// No text.
    Empty {
        /// Whether the token limit was used up before the first word.
        at_limit: bool,
    },
    /// One body larger than [`MAX_BODY`].
    TooLarge,
}

/// Largest JSON body of an answer that does not stream.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// Longest blank beginning of a body.
const MAX_BLANK: usize = 64 * 1024;
/// Most of a refusal's own words that are kept.
const MAX_REFUSAL: usize = 2048;
/// Counts of tokens beyond this are nonsense.
const MAX_TOKENS: u64 = 1_000_000_000;

/// The state of one answer.
#[derive(Default)]
pub(super) struct Reading {
    body: Body,
    items: VecDeque<Item>,
    has_text: bool,
    /// Whether anything but comments came.
    has_events: bool,
    reason: Option<Reason>,
    refusal: String,
    usage: Option<Usage>,
    is_done: bool,
}

/// What the body is, told by its first byte: servers' content types are not to be relied on.
enum Body {
    Blank(Vec<u8>),
    Stream(sse::Reader),
    Json(Vec<u8>),
}

impl Default for Body {
    fn default() -> Body {
        Body::Blank(Vec::new())
    }
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Stop,
    Length,
    Declined,
    Failed,
    Other,
}

impl Reading {
    /// Reads on. Chunks that came before a trouble are in `out`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<Chunk>) -> Result<(), Trouble> {
        match &mut self.body {
            Body::Blank(blank) => {
                blank.extend_from_slice(bytes);
                let Some(start) = blank.iter().position(|byte| !b" \t\r\n\xef\xbb\xbf".contains(byte)) else {
                    let sane = blank.len() <= MAX_BLANK;
                    return if sane { Ok(()) } else { Err(Trouble::Unreadable("it begins blank".into())) };
                };
                let mut begun = std::mem::take(blank);
                self.body = match begun[start] {
                    b'{' | b'[' => {
                        begun.drain(..start);
                        Body::Json(Vec::new())
                    }
                    b'<' => return Err(Trouble::Unreadable("it is a web page".into())),
                    _ => Body::Stream(sse::Reader::default()),
                };
                self.push(&begun, out)
            }
            Body::Json(body) => {
                if body.len() + bytes.len() > MAX_BODY {
                    return Err(Trouble::TooLarge);
                }
                body.extend_from_slice(bytes);
                Ok(())
            }
            Body::Stream(reader) => {
                let read = reader.push(bytes, &mut self.items);
                while !self.is_done
                    && let Some(item) = self.items.pop_front()
                {
                    self.item(item, out)?;
                }
                // What follows the end mark is nobody's business.
                if self.is_done { Ok(()) } else { read.map_err(|why| Trouble::Unreadable(why.to_string())) }
            }
        }
    }

    /// Whether `[DONE]` was read; nothing after it counts.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Whether the model is done, so that only counts and the end mark can follow.
    pub(super) fn is_finished(&self) -> bool {
        self.reason.is_some()
    }

    /// What was counted so far; once.
    pub(super) fn take_usage(&mut self) -> Option<Usage> {
        self.usage.take()
    }

    /// The body is over.
    pub(super) fn end(&mut self, out: &mut Vec<Chunk>) -> Result<Finish, Trouble> {
        if let Body::Json(body) = &mut self.body {
            let body = std::mem::take(body);
            let value: Value = serde_json::from_slice(&body).map_err(|error| {
                // Cut in the middle is another matter than wrong.
                if error.is_eof() { Trouble::Cut } else { Trouble::Unreadable("it is not JSON".into()) }
            })?;
            self.object(&value, out)?;
            self.is_done = true;
        }
        self.finish()
    }

    fn finish(&mut self) -> Result<Finish, Trouble> {
        let declined = !self.refusal.is_empty() && !self.has_text;
        match self.reason {
            Some(Reason::Declined) => return Err(Trouble::Declined(std::mem::take(&mut self.refusal))),
            Some(Reason::Failed) => return Err(Trouble::Refused(Refusal::default())),
            _ if declined => return Err(Trouble::Declined(std::mem::take(&mut self.refusal))),
            None if !self.is_done && self.has_events => return Err(Trouble::Cut),
            reason if !self.has_text => {
                return Err(Trouble::Empty { at_limit: reason == Some(Reason::Length) });
            }
            _ => {}
        }
        Ok(match self.reason {
            Some(Reason::Stop) => Finish::Stop,
            Some(Reason::Length) => Finish::Length,
            _ => Finish::Unknown,
        })
    }

    fn item(&mut self, item: Item, out: &mut Vec<Chunk>) -> Result<(), Trouble> {
        let Item::Event { name, data } = item else {
            alive(out);
            return Ok(());
        };
        if name == "error" {
            return Err(Trouble::Refused(Refusal::from_event(&data)));
        }
        match data.trim() {
            "" => alive(out),
            "[DONE]" => self.is_done = true,
            data => {
                self.has_events = true;
                let value: Value = serde_json::from_str(data)
                    .map_err(|_| Trouble::Unreadable("a part of the stream is not JSON".into()))?;
                self.object(&value, out)?;
            }
        }
        Ok(())
    }

    /// One event of a stream, or the body of an answer that does not stream.
    fn object(&mut self, value: &Value, out: &mut Vec<Chunk>) -> Result<(), Trouble> {
        if let Some(refusal) = Refusal::in_answer(value) {
            return Err(Trouble::Refused(refusal));
        }
        if !value.is_object() {
            return Err(Trouble::Unreadable("a part of it is not an object".into()));
        }
        self.usage = value.get("usage").and_then(usage).or(self.usage.take());
        let mut said = false;
        for choice in value.get("choices").and_then(Value::as_array).into_iter().flatten() {
            if choice.get("index").and_then(Value::as_i64).unwrap_or(0) == 0 {
                said |= self.choice(choice, out);
            }
        }
        if !said {
            alive(out);
        }
        Ok(())
    }

    /// Whether the choice holds anything that counts as progress.
    fn choice(&mut self, choice: &Value, out: &mut Vec<Chunk>) -> bool {
        let said = ["delta", "message"].iter().find_map(|key| choice.get(key)).unwrap_or(&Value::Null);
        let thought = ["reasoning_content", "reasoning"].iter().any(|key| !text(said.get(key)).is_empty());
        if thought && out.last() != Some(&Chunk::Reasoning) {
            out.push(Chunk::Reasoning);
        }
        let content = match said.get("content") {
            None | Some(Value::Null) => text(choice.get("text")),
            content => text(content),
        };
        let progress = thought || !content.is_empty();
        if !content.is_empty() {
            self.has_text |= !content.trim().is_empty();
            match out.last_mut() {
                Some(Chunk::Text(before)) => before.push_str(&content),
                _ => out.push(Chunk::Text(content)),
            }
        }
        let refusal = text(said.get("refusal"));
        if self.refusal.len() < MAX_REFUSAL {
            self.refusal.push_str(&refusal);
        }
        self.reason = choice.get("finish_reason").and_then(Value::as_str).and_then(reason).or(self.reason);
        progress
    }
}

fn alive(out: &mut Vec<Chunk>) {
    if out.last() != Some(&Chunk::Alive) {
        out.push(Chunk::Alive);
    }
}

/// A string, or the texts of a list of parts.
fn text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    }
}

fn reason(reason: &str) -> Option<Reason> {
    Some(match reason.to_ascii_lowercase().as_str() {
        "" | "null" => return None,
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "tool_calls" | "function_call" => {
            Reason::Stop
        }
        "length" | "max_tokens" | "model_length" => Reason::Length,
        "content_filter" | "refusal" | "safety" => Reason::Declined,
        "error" => Reason::Failed,
        _ => Reason::Other,
    })
}

/// The counts, if they are counts.
fn usage(usage: &Value) -> Option<Usage> {
    let count = |key: &str| usage.get(key)?.as_u64().filter(|tokens| *tokens <= MAX_TOKENS);
    let (input_tokens, output_tokens) = (count("prompt_tokens")?, count("completion_tokens")?);
    Some(Usage { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens, estimated: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSCRIPTS: [&str; 3] = [
        include_str!("../../../tests/fixtures/openai/openai.txt"),
        include_str!("../../../tests/fixtures/openai/azure.txt"),
        include_str!("../../../tests/fixtures/openai/reasoning.txt"),
    ];
    const TEXT: &str = "Šířka pásu 0,6 m – OK 😀";

    /// The text, the counts and the end of a body that comes in these pieces.
    fn read(pieces: &[&[u8]]) -> (String, Option<Usage>, Result<Finish, Trouble>) {
        let mut reading = Reading::default();
        let mut out = Vec::new();
        let end = pieces.iter().try_for_each(|piece| reading.push(piece, &mut out));
        let end = end.and_then(|()| reading.end(&mut out));
        let text = out.iter().filter_map(|chunk| match chunk {
            Chunk::Text(text) => Some(text.as_str()),
            _ => None,
        });
        (text.collect(), reading.take_usage(), end)
    }

    fn end(body: &str) -> Result<Finish, Trouble> {
        read(&[body.as_bytes()]).2
    }

    fn delta(text: &str) -> String {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    }

    fn finish(reason: &str) -> String {
        format!("data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\n")
    }

    const DONE: &str = "data: [DONE]\n\n";

    #[test]
    fn a_stream_reads_the_same_wherever_it_is_cut() {
        let usage = Usage { input_tokens: 19, output_tokens: 12, total_tokens: 31, estimated: false };
        for transcript in TRANSCRIPTS {
            for text in
                [transcript.to_owned(), transcript.replace('\n', "\r\n"), transcript.replace('\n', "\r")]
            {
                let bytes = text.as_bytes();
                for at in 0..=bytes.len() {
                    let (said, counted, end) = read(&[&bytes[..at], &bytes[at..]]);
                    assert_eq!(
                        (said.as_str(), counted, end),
                        (TEXT, Some(usage), Ok(Finish::Stop)),
                        "cut at {at}"
                    );
                }
                let single: Vec<&[u8]> = bytes.chunks(1).collect();
                assert_eq!(read(&single).0, TEXT);
            }
        }
    }

    #[test]
    fn a_stream_that_ends_early_is_never_whole() {
        let bytes = TRANSCRIPTS[0].as_bytes();
        let finish = TRANSCRIPTS[0].find("\"stop\"").unwrap();
        for at in 0..finish {
            let end = read(&[&bytes[..at]]).2.unwrap_err();
            assert!(matches!(end, Trouble::Cut | Trouble::Empty { .. }), "{end:?} when cut at {at}");
        }
    }

    #[test]
    fn ends_are_told_apart() {
        let cases = [
            (delta("a") + &finish("stop") + DONE, Ok(Finish::Stop)),
            (delta("a") + &finish("stop"), Ok(Finish::Stop)),
            (delta("a") + &finish("length") + DONE, Ok(Finish::Length)),
            (delta("a") + DONE, Ok(Finish::Unknown)),
            (delta("a") + &finish("") + DONE, Ok(Finish::Unknown)),
            (delta("a") + &finish("something new"), Ok(Finish::Unknown)),
            (delta("a"), Err(Trouble::Cut)),
            (delta("a") + "data: [DO", Err(Trouble::Cut)),
            (delta("") + &delta(" \\n") + &finish("stop") + DONE, Err(Trouble::Empty { at_limit: false })),
            (finish("length") + DONE, Err(Trouble::Empty { at_limit: true })),
            (finish("tool_calls") + DONE, Err(Trouble::Empty { at_limit: false })),
            (DONE.into(), Err(Trouble::Empty { at_limit: false })),
            (": ping\n\n".into(), Err(Trouble::Empty { at_limit: false })),
            (String::new(), Err(Trouble::Empty { at_limit: false })),
            (delta("a") + &finish("content_filter") + DONE, Err(Trouble::Declined(String::new()))),
            (
                "data: {\"choices\":[{\"delta\":{\"refusal\":\"No.\"},\"finish_reason\":\"stop\"}]}\n\n"
                    .into(),
                Err(Trouble::Declined("No.".into())),
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(end(&body), expected, "{body}");
        }
    }

    #[test]
    fn one_body_is_read_like_a_stream() {
        let whole = |message: &str, reason: &str| {
            format!(
                "\u{feff} {{\"choices\":[{{\"index\":0,\"message\":{message},\"finish_reason\":\"{reason}\"}}]}}"
            )
        };
        let empty = || Err(Trouble::Empty { at_limit: false });
        assert_eq!(read(&[whole("{\"content\":\"a\"}", "stop").as_bytes()]).0, "a");
        assert_eq!(
            read(&[whole("{\"content\":[{\"type\":\"text\",\"text\":\"b\"}]}", "stop").as_bytes()]).0,
            "b"
        );
        assert_eq!(end(&whole("{\"content\":\"a\"}", "length")), Ok(Finish::Length));
        assert_eq!(end(&whole("{\"content\":null}", "stop")), empty());
        assert_eq!(end("{}"), empty());
        assert_eq!(end("{\"choices\":[]}"), empty());
        assert_eq!(end("{\"choices\":["), Err(Trouble::Cut));
        for unreadable in ["{]", "[1]", "{\"choices\":[]} x", "<html>", "data: {\n\n", "data: 1\n\n"] {
            assert!(matches!(end(unreadable), Err(Trouble::Unreadable(_))), "{unreadable}");
        }
    }

    #[test]
    fn an_error_inside_an_answer_is_no_answer() {
        let shapes = [
            "data: {\"error\":{\"message\":\"m\",\"code\":429}}\n\n",
            "data: {\"error\":\"m\"}\n\n",
            "data: {\"object\":\"error\",\"message\":\"m\",\"code\":429}\n\n",
            "event: error\ndata: {\"message\":\"m\"}\n\n",
            "event: error\ndata: m\n\n",
        ];
        for shape in shapes {
            for body in [shape.to_owned(), delta("a") + shape, delta("a") + &finish("stop") + shape] {
                assert!(matches!(end(&body), Err(Trouble::Refused(_))), "{body}");
            }
        }
        assert!(matches!(end("{\"error\":{\"message\":\"m\"}}"), Err(Trouble::Refused(_))));
        assert_eq!(end(&(delta("a") + "data: {\"error\":null}\n\n" + DONE)), Ok(Finish::Unknown));
    }

    #[test]
    fn counts_that_make_no_sense_are_ignored() {
        for usage in [
            "null",
            "{}",
            "{\"prompt_tokens\":-1,\"completion_tokens\":2}",
            "\"many\"",
            "{\"prompt_tokens\":\"7\",\"completion_tokens\":2}",
            "{\"prompt_tokens\":1,\"completion_tokens\":1e300}",
            "{\"prompt_tokens\":18446744073709551615,\"completion_tokens\":18446744073709551615}",
        ] {
            let body = delta("a") + &finish("stop") + &format!("data: {{\"usage\":{usage}}}\n\n") + DONE;
            let (text, counted, end) = read(&[body.as_bytes()]);
            assert_eq!((text.as_str(), counted, end), ("a", None, Ok(Finish::Stop)), "{usage}");
        }
    }
}
