//! What one part of a generation says.

use serde_json::Value;

use crate::provider::upstream::reading::Dialect;
use crate::provider::upstream::reading::Reason;
use crate::provider::upstream::reading::Told;

/// A generation, in pieces or whole; the pieces have the form of the whole.
#[derive(Default)]
pub struct Generation;

impl Dialect for Generation {
    fn read(&mut self, part: &Value, told: &mut Told) {
        if let Some(usage) = part.get("usageMetadata") {
            read_usage(usage, told);
        }
        if let Some(feedback) = part.get("promptFeedback") {
            let reason = text(feedback, "blockReason");
            if !matches!(reason, "" | "BLOCK_REASON_UNSPECIFIED" | "BLOCKED_REASON_UNSPECIFIED") {
                told.says(first(text(feedback, "blockReasonMessage"), reason));
                told.stops(Reason::Declined);
            }
        }
        for candidate in part.get("candidates").and_then(Value::as_array).into_iter().flatten() {
            match candidate.get("index").and_then(Value::as_i64).unwrap_or(0) {
                0 => read_candidate(candidate, told),
                _ => told.passes_over(),
            }
        }
    }
}

fn read_candidate(candidate: &Value, told: &mut Told) {
    let parts = candidate.get("content").and_then(|content| content.get("parts"));
    for part in parts.and_then(Value::as_array).into_iter().flatten() {
        match part.get("thought").and_then(Value::as_bool) {
            _ if part.get("functionCall").is_some_and(Value::is_object) => told.calls_tool(),
            Some(true) => told.thinks(),
            _ => told.text(text(part, "text")),
        }
    }
    let word = text(candidate, "finishReason");
    let Some(reason) = reason(word) else { return };
    if matches!(reason, Reason::Declined | Reason::Failed) {
        told.says(first(text(candidate, "finishMessage"), word));
    }
    told.stops(reason);
}

fn reason(reason: &str) -> Option<Reason> {
    Some(match reason {
        "" | "FINISH_REASON_UNSPECIFIED" => return None,
        "STOP" => Reason::Stop,
        // The second could be continued by another request, which is not done.
        "MAX_TOKENS" | "CONTINUATION" => Reason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "LANGUAGE"
        | "ESCALATION"
        | "PUP_LIMITED_DISABLED"
        | "MODEL_ARMOR" => Reason::Declined,
        // Images and tools were not asked for; a model that tries them has not answered.
        "OTHER"
        | "MALFORMED_RESPONSE"
        | "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE" => Reason::Failed,
        _ if reason.starts_with("IMAGE_") => Reason::Declined,
        _ => Reason::Other,
    })
}

/// Running totals. Thoughts are paid for as output; a count that is zero is left out.
fn read_usage(usage: &Value, told: &mut Told) {
    let optional = |key: &str| match usage.get(key) {
        None => Some(0),
        Some(_) => Told::count(usage, key),
    };
    let output = optional("candidatesTokenCount").zip(optional("thoughtsTokenCount"));
    told.counts(Told::count(usage, "promptTokenCount"), output.map(|(said, thought)| said + thought));
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn first<'a>(one: &'a str, other: &'a str) -> &'a str {
    if one.is_empty() { other } else { one }
}

#[cfg(test)]
mod tests;
