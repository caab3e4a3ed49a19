//! Chat completions.

use serde_json::Value;
use serde_json::json;

use super::Finish;
use super::Meta;
use super::Usage;
use super::Whole;
use super::Wire;

/// Chat completions.
pub(super) struct OpenAi;

impl OpenAi {
    fn chunk(&self, meta: &Meta, delta: &Value, finish: Option<Finish>) -> String {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason(finish)});
        let mut chunk = base(meta, "chat.completion.chunk", &json!([choice]));
        if meta.with_usage {
            chunk["usage"] = Value::Null;
        }
        self.event(&chunk)
    }
}

impl Wire for OpenAi {
    fn opening(&self, meta: &Meta) -> String {
        self.chunk(meta, &json!({"role": "assistant", "content": "", "refusal": null}), None)
    }

    fn text(&self, meta: &Meta, _: usize, text: &str) -> String {
        self.chunk(meta, &json!({"content": text}), None)
    }

    fn thought(&self, meta: &Meta, _: usize, text: &str) -> String {
        // The vendor itself hides its thoughts; servers that do not have settled on this name.
        self.chunk(meta, &json!({"reasoning_content": text}), None)
    }

    fn tool_call(&self, meta: &Meta, _: usize) -> String {
        let function = json!({"name": "look_up", "arguments": "{\"word\":\"slab\"}"});
        let call = json!({"index": 0, "id": "call_lab", "type": "function", "function": function});
        self.chunk(meta, &json!({"tool_calls": [call]}), None)
    }

    fn empty(&self, meta: &Meta) -> String {
        self.chunk(meta, &json!({"content": ""}), None)
    }

    fn closing(&self, meta: &Meta, finish: Option<Finish>, usage: &Usage) -> String {
        let mut out = match finish {
            Some(Finish::Refusal) => {
                self.chunk(meta, &json!({"refusal": "I cannot help with that."}), None)
                    + &self.chunk(meta, &json!({}), finish)
            }
            Some(_) => self.chunk(meta, &json!({}), finish),
            None => String::new(),
        };
        if meta.with_usage && !matches!(usage, Usage::Missing) {
            let mut chunk = base(meta, "chat.completion.chunk", &json!([]));
            chunk["usage"] = counts(meta, usage);
            out += &self.event(&chunk);
        }
        out
    }

    fn end_mark(&self) -> String {
        "data: [DONE]\n\n".into()
    }

    fn whole(&self, meta: &Meta, whole: &Whole<'_>) -> Value {
        let refused = (whole.finish == Some(Finish::Refusal)).then_some("I cannot help with that.");
        let content = if refused.is_some() { Value::Null } else { whole.text.into() };
        let mut message =
            json!({"role": "assistant", "content": content, "refusal": refused, "annotations": []});
        if !whole.thought.is_empty() {
            message["reasoning_content"] = whole.thought.into();
        }
        let choice = json!({
            "index": 0, "message": message, "logprobs": null, "finish_reason": reason(whole.finish),
        });
        let mut body = base(meta, "chat.completion", &json!([choice]));
        if !matches!(whole.usage, Usage::Missing) {
            body["usage"] = counts(meta, whole.usage);
        }
        body
    }

    fn error(&self, status: u16, message: &str) -> Value {
        let (kind, code) = match status {
            400 => ("invalid_request_error", None),
            401 => ("invalid_request_error", Some("invalid_api_key")),
            402 => ("insufficient_quota", Some("insufficient_quota")),
            403 => ("invalid_request_error", Some("unsupported_country_region_territory")),
            404 => ("invalid_request_error", Some("model_not_found")),
            429 => ("requests", Some("rate_limit_exceeded")),
            500.. => ("server_error", None),
            _ => ("invalid_request_error", None),
        };
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
    }

    fn event(&self, value: &Value) -> String {
        format!("data: {value}\n\n")
    }
}

fn base(meta: &Meta, object: &str, choices: &Value) -> Value {
    json!({
        "id": format!("chatcmpl-lab{}", meta.number), "object": object, "created": meta.created,
        "model": meta.model, "service_tier": "default", "system_fingerprint": "fp_lab", "choices": choices,
    })
}

fn counts(meta: &Meta, usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input(meta), "completion_tokens": usage.output(), "total_tokens": usage.total(meta),
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}

fn reason(finish: Option<Finish>) -> Value {
    match finish {
        None => Value::Null,
        Some(Finish::Stop | Finish::Refusal) => "stop".into(),
        Some(Finish::Length) => "length".into(),
        Some(Finish::Filter) => "content_filter".into(),
    }
}
