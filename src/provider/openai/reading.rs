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
                let Some(first) = blank.iter().find(|byte| !b" \t\r\n\xef\xbb\xbf".contains(byte)) else {
                    let sane = blank.len() <= MAX_BLANK;
                    return if sane { Ok(()) } else { Err(Trouble::Unreadable("it begins blank".into())) };
                };
                self.body = match first {
                    b'{' | b'[' => Body::Json(Vec::new()),
                    b'<' => return Err(Trouble::Unreadable("it is a web page".into())),
                    _ => Body::Stream(sse::Reader::default()),
                };
                let Body::Blank(begun) = std::mem::replace(&mut self.body, Body::Blank(Vec::new())) else {
                    return Ok(());
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
