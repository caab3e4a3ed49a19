//! The vendors' forms: how one answer looks as events of a stream and as one body.
//!
//! What a vendor's own library accepts is what counts here; `scripts/lab-sdks`
//! asks them. Nothing in here misbehaves: faults are made from these pieces.

mod anthropic;
mod gemini;
mod openai;

use serde_json::Value;

/// Which vendor's protocol a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Chat completions.
    OpenAi,
    /// Messages.
    Anthropic,
    /// `generateContent`; streams are events, or the elements of one JSON array.
    Gemini {
        /// Whether the request asked for events (`alt=sse`).
        events: bool,
    },
}

/// What all pieces of one answer share.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    /// Number of this answer; ids are made from it.
    pub(super) number: u64,
    /// The model as the request named it.
    pub(super) model: String,
    /// Seconds since 1970.
    pub(super) created: i64,
    /// Tokens of the request.
    pub(super) input_tokens: u64,
    /// Whether a stream is to end with counts; one vendor sends them only then.
    pub(super) with_usage: bool,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    Length,
    Filter,
    Refusal,
}

/// What was counted: numbers, or what a broken server takes for them.
#[derive(Clone, Debug)]
pub(super) enum Usage {
    /// Tokens of the answer.
    Counted(u64),
    /// This instead of every number.
    Instead(Value),
    /// No counts.
    Missing,
}

impl Usage {
    /// Tokens of a text, at four characters each.
    pub(super) fn of(text: &str) -> Usage {
        Usage::Counted(tokens(text))
    }

    fn output(&self) -> Value {
        match self {
            Usage::Counted(tokens) => (*tokens).into(),
            Usage::Instead(value) => value.clone(),
            Usage::Missing => Value::Null,
        }
    }

    fn input(&self, meta: &Meta) -> Value {
        match self {
            Usage::Instead(value) => value.clone(),
            _ => meta.input_tokens.into(),
        }
    }

    fn total(&self, meta: &Meta) -> Value {
        match self {
            Usage::Counted(tokens) => (meta.input_tokens + tokens).into(),
            other => other.output(),
        }
    }
}

/// Tokens of a text, at four characters each.
pub(super) fn tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// One answer without streaming.
pub(super) struct Whole<'a> {
    pub(super) text: &'a str,
    pub(super) thought: &'a str,
    pub(super) finish: Option<Finish>,
    pub(super) usage: &'a Usage,
}

/// One vendor's pieces; each is the text of zero or more events.
pub(super) trait Wire: Sync {
    /// What comes before any content.
    fn opening(&self, meta: &Meta) -> String;
    /// Opens the block that text stands in.
    fn begin_text(&self, _at: usize) -> String {
        String::new()
    }
    /// A piece of text.
    fn text(&self, meta: &Meta, at: usize, text: &str) -> String;
    /// Opens the block that thoughts stand in.
    fn begin_thought(&self, _at: usize) -> String {
        String::new()
    }
    /// A piece of thinking aloud.
    fn thought(&self, meta: &Meta, at: usize, text: &str) -> String;
    /// Closes a block.
    fn end_block(&self, _at: usize) -> String {
        String::new()
    }
    /// A call of a tool that nobody offered.
    fn tool_call(&self, meta: &Meta, at: usize) -> String;
    /// An event without content.
    fn empty(&self, meta: &Meta) -> String;
    /// Why the model stopped, and the counts.
    fn closing(&self, meta: &Meta, finish: Option<Finish>, usage: &Usage) -> String;
    /// The end mark; some vendors have none.
    fn end_mark(&self) -> String;
    /// The answer as one body.
    fn whole(&self, meta: &Meta, whole: &Whole<'_>) -> Value;
    /// An error as the body of a status.
    fn error(&self, status: u16, message: &str) -> Value;
    /// One value as an event of a stream.
    fn event(&self, value: &Value) -> String;
}

impl Form {
    /// The pieces of this form.
    pub(super) fn wire(self) -> &'static dyn Wire {
        match self {
            Form::OpenAi => &openai::OpenAi,
            Form::Anthropic => &anthropic::Anthropic,
            Form::Gemini { events: true } => &gemini::Events,
            Form::Gemini { events: false } => &gemini::Array,
        }
    }

    /// Its name in logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Form::OpenAi => "openai",
            Form::Anthropic => "anthropic",
            Form::Gemini { .. } => "gemini",
        }
    }

    /// The content type of a stream.
    pub(super) fn stream_type(self) -> &'static str {
        match self {
            Form::OpenAi | Form::Anthropic => "text/event-stream; charset=utf-8",
            Form::Gemini { events: true } => "text/event-stream",
            Form::Gemini { events: false } => "application/json; charset=UTF-8",
        }
    }
}
