//! What one event of a message, or a whole message, says.

use serde_json::Value;

use crate::provider::upstream::reading::Dialect;
use crate::provider::upstream::reading::Reason;
use crate::provider::upstream::reading::Told;

/// A message, in events or whole.
#[derive(Default)]
pub struct Message {
    /// Tokens read; told at the beginning, and at the end only where it changed.
    input: Option<u64>,
    output: Option<u64>,
}

impl Dialect for Message {
    const NEEDS_END_MARK: bool = true;

    fn read(&mut self, part: &Value, told: &mut Told) {
        match part.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message_start" => self.message(part.get("message").unwrap_or(&Value::Null), told),
            "content_block_start" => {
                // A block may begin with what it holds.
                part.get("content_block").into_iter().for_each(|block| read_block(block, told));
            }
            "content_block_delta" => {
                part.get("delta").into_iter().for_each(|delta| read_delta(delta, told));
            }
            "message_delta" => {
                self.usage(part, told);
                part.get("delta").into_iter().for_each(|delta| read_stop(delta, told));
            }
            "message_stop" => told.ends(),
            "message" => self.message(part, told),
            // A ping, the end of a block, or an event that is not known here.
            _ => {}
        }
    }
}

impl Message {
    fn message(&mut self, message: &Value, told: &mut Told) {
        for block in message.get("content").and_then(Value::as_array).into_iter().flatten() {
            read_block(block, told);
        }
        self.usage(message, told);
        read_stop(message, told);
    }

    fn usage(&mut self, part: &Value, told: &mut Told) {
        let Some(usage) = part.get("usage") else { return };
        if let Some(input) = Told::count(usage, "input_tokens") {
            // What a cache held was read as well.
            let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"];
            let cached = cached.iter().filter_map(|key| Told::count(usage, key)).sum::<u64>();
            self.input = Some(input + cached);
        }
        self.output = Told::count(usage, "output_tokens").or(self.output);
        told.counts(self.input, self.output);
    }
}

/// A block of a whole message, or the beginning of one.
fn read_block(block: &Value, told: &mut Told) {
    match block.get("type").and_then(Value::as_str).unwrap_or_default() {
        "text" => told.text(text(block, "text")),
        // Redacted or with its text left out, it still is thinking.
        "thinking" | "redacted_thinking" => told.thinks(),
        "tool_use" => told.calls_tool(),
        _ => {}
    }
}

fn read_delta(delta: &Value, told: &mut Told) {
    match delta.get("type").and_then(Value::as_str).unwrap_or_default() {
        "text_delta" => told.text(text(delta, "text")),
        "thinking_delta" => told.thinks(),
        _ => {}
    }
}

fn read_stop(part: &Value, told: &mut Told) {
    let reason = match text(part, "stop_reason") {
        "" => return,
        "end_turn" | "stop_sequence" | "tool_use" => Reason::Stop,
        "max_tokens" | "model_context_window_exceeded" => Reason::Length,
        "refusal" => {
            told.says(part.get("stop_details").map(|why| text(why, "explanation")).unwrap_or_default());
            Reason::Declined
        }
        _ => Reason::Other,
    };
    told.stops(reason);
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
