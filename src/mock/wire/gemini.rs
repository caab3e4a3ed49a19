//! `generateContent`: every piece of a stream has the form of a whole answer.

use serde_json::Value;
use serde_json::json;

use super::Finish;
use super::Meta;
use super::Usage;
use super::Whole;
use super::Wire;

/// A stream of events.
pub(super) struct Events;

/// A stream that is one JSON array.
pub(super) struct Array;

/// How a stream's pieces are put together.
trait Pieces: Sync {
    fn piece(&self, value: &Value) -> String;
    fn last(&self, value: &Value) -> String;
    fn opening(&self) -> &'static str;
}

impl Pieces for Events {
    fn piece(&self, value: &Value) -> String {
        format!("data: {value}\r\n\r\n")
    }

    fn last(&self, value: &Value) -> String {
        self.piece(value)
    }

    fn opening(&self) -> &'static str {
        ""
    }
}

impl Pieces for Array {
    fn piece(&self, value: &Value) -> String {
        format!("{value},\r\n")
    }

    fn last(&self, value: &Value) -> String {
        format!("{value}]")
    }

    fn opening(&self) -> &'static str {
        "["
    }
}

impl<P: Pieces> Wire for P {
    fn opening(&self, _: &Meta) -> String {
        Pieces::opening(self).into()
    }

    fn text(&self, meta: &Meta, _: usize, text: &str) -> String {
        self.piece(&body(meta, vec![json!({"text": text})], None, &Usage::Counted(super::tokens(text))))
    }

    fn thought(&self, meta: &Meta, _: usize, text: &str) -> String {
        let parts = vec![json!({"text": text, "thought": true})];
        self.piece(&body(meta, parts, None, &Usage::Counted(super::tokens(text))))
    }

    fn tool_call(&self, meta: &Meta, _: usize) -> String {
        let part = json!({"functionCall": {"name": "look_up", "args": {"word": "slab"}}});
        self.piece(&body(meta, vec![part], None, &Usage::Counted(1)))
    }

    fn empty(&self, meta: &Meta) -> String {
        self.piece(&body(meta, vec![json!({"text": ""})], None, &Usage::Counted(0)))
    }

    fn closing(&self, meta: &Meta, finish: Option<Finish>, usage: &Usage) -> String {
        if finish.is_none() && matches!(usage, Usage::Missing) {
            return String::new();
        }
        self.last(&finished(meta, vec![json!({"text": ""})], finish, usage))
    }

    fn end_mark(&self) -> String {
        String::new()
    }

    fn whole(&self, meta: &Meta, whole: &Whole<'_>) -> Value {
        let mut parts = Vec::new();
        if !whole.thought.is_empty() {
            parts.push(json!({"text": whole.thought, "thought": true}));
        }
        parts.push(json!({"text": whole.text}));
        finished(meta, parts, whole.finish, whole.usage)
    }

    fn error(&self, status: u16, message: &str) -> Value {
        let name = match status {
            400 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            409 => "ABORTED",
            429 => "RESOURCE_EXHAUSTED",
            501 => "UNIMPLEMENTED",
            503 => "UNAVAILABLE",
            504 => "DEADLINE_EXCEEDED",
            500.. => "INTERNAL",
            _ => "FAILED_PRECONDITION",
        };
        json!({"error": {"code": status, "message": message, "status": name}})
    }

    fn event(&self, value: &Value) -> String {
        self.piece(value)
    }
}

/// The last piece; a prompt that is declined has no candidate at all.
fn finished(meta: &Meta, parts: Vec<Value>, finish: Option<Finish>, usage: &Usage) -> Value {
    let mut body = body(meta, parts, finish, usage);
    if finish == Some(Finish::Refusal)
        && let Some(fields) = body.as_object_mut()
    {
        fields.remove("candidates");
        fields.insert("promptFeedback".into(), json!({"blockReason": "PROHIBITED_CONTENT"}));
    }
    body
}

fn body(meta: &Meta, parts: Vec<Value>, finish: Option<Finish>, usage: &Usage) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    let reason = finish.map(|finish| match finish {
        Finish::Stop | Finish::Refusal => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Filter => "SAFETY",
    });
    if let Some(reason) = reason {
        candidate["finishReason"] = reason.into();
    }
    let mut body = json!({"candidates": [candidate]});
    if !matches!(usage, Usage::Missing) {
        body["usageMetadata"] = json!({
            "promptTokenCount": usage.input(meta), "candidatesTokenCount": usage.output(),
            "totalTokenCount": usage.total(meta),
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input(meta)}],
        });
    }
    body["modelVersion"] = meta.model.as_str().into();
    body["responseId"] = format!("lab{}", meta.number).into();
    body
}
