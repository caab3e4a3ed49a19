//! Messages: named events, and blocks that are opened and closed.

use serde_json::Value;
use serde_json::json;

use super::Finish;
use super::Meta;
use super::Usage;
use super::Whole;
use super::Wire;

/// Messages.
pub(super) struct Anthropic;

impl Wire for Anthropic {
    fn opening(&self, meta: &Meta) -> String {
        let mut message = message(meta, &json!([]), None);
        message["usage"] = json!({
            "input_tokens": meta.input_tokens, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0, "output_tokens": 1, "service_tier": "standard",
        });
        self.event(&json!({"type": "message_start", "message": message})) + &self.empty(meta)
    }

    fn begin_text(&self, at: usize) -> String {
        let block = json!({"type": "text", "text": ""});
        self.event(&json!({"type": "content_block_start", "index": at, "content_block": block}))
    }

    fn text(&self, _: &Meta, at: usize, text: &str) -> String {
        self.delta(at, &json!({"type": "text_delta", "text": text}))
    }

    fn begin_thought(&self, at: usize) -> String {
        let block = json!({"type": "thinking", "thinking": "", "signature": ""});
        self.event(&json!({"type": "content_block_start", "index": at, "content_block": block}))
    }

    fn thought(&self, _: &Meta, at: usize, text: &str) -> String {
        self.delta(at, &json!({"type": "thinking_delta", "thinking": text}))
    }

    fn end_block(&self, at: usize) -> String {
        self.event(&json!({"type": "content_block_stop", "index": at}))
    }

    fn tool_call(&self, _: &Meta, at: usize) -> String {
        let block = json!({"type": "tool_use", "id": "toolu_lab", "name": "look_up", "input": {}});
        self.event(&json!({"type": "content_block_start", "index": at, "content_block": block}))
            + &self.delta(at, &json!({"type": "input_json_delta", "partial_json": "{\"word\":\"slab\"}"}))
            + &self.end_block(at)
    }

    fn empty(&self, _: &Meta) -> String {
        self.event(&json!({"type": "ping"}))
    }

    fn closing(&self, meta: &Meta, finish: Option<Finish>, usage: &Usage) -> String {
        if finish.is_none() && matches!(usage, Usage::Missing) {
            return String::new();
        }
        let mut event = json!({
            "type": "message_delta",
            "delta": {"stop_reason": reason(finish), "stop_sequence": null},
        });
        if !matches!(usage, Usage::Missing) {
            event["usage"] = json!({
                "input_tokens": usage.input(meta), "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0, "output_tokens": usage.output(),
            });
        }
        self.event(&event)
    }

    fn end_mark(&self) -> String {
        self.event(&json!({"type": "message_stop"}))
    }

    fn whole(&self, meta: &Meta, whole: &Whole<'_>) -> Value {
        let mut content = Vec::new();
        if !whole.thought.is_empty() {
            content.push(json!({"type": "thinking", "thinking": whole.thought, "signature": "bGFi"}));
        }
        if !matches!(whole.finish, Some(Finish::Refusal)) {
            content.push(json!({"type": "text", "text": whole.text}));
        }
        let mut body = message(meta, &content.into(), whole.finish);
        if !matches!(whole.usage, Usage::Missing) {
            body["usage"] = json!({
                "input_tokens": whole.usage.input(meta), "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0, "output_tokens": whole.usage.output(),
                "service_tier": "standard",
            });
        }
        body
    }

    fn error(&self, status: u16, message: &str) -> Value {
        let kind = match status {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            409 => "conflict_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 529 => "overloaded_error",
            504 => "timeout_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_lab"})
    }

    fn event(&self, value: &Value) -> String {
        // Every value names its kind, and the event is called as its kind.
        let kind = value.get("type").and_then(Value::as_str).unwrap_or("message");
        format!("event: {kind}\ndata: {value}\n\n")
    }
}

impl Anthropic {
    fn delta(&self, at: usize, delta: &Value) -> String {
        self.event(&json!({"type": "content_block_delta", "index": at, "delta": delta}))
    }
}

fn message(meta: &Meta, content: &Value, finish: Option<Finish>) -> Value {
    json!({
        "id": format!("msg_lab{}", meta.number), "type": "message", "role": "assistant", "model": meta.model,
        "content": content, "stop_reason": reason(finish), "stop_sequence": null,
    })
}

fn reason(finish: Option<Finish>) -> Value {
    match finish {
        None => Value::Null,
        Some(Finish::Stop) => "end_turn".into(),
        Some(Finish::Length) => "max_tokens".into(),
        Some(Finish::Filter | Finish::Refusal) => "refusal".into(),
    }
}
