//! The request body, and what is left out of it where a model refuses a parameter.

use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use super::schema;
use crate::provider::Call;
use crate::provider::upstream::refusal::Refusal;
use crate::provider::upstream::server::StructuredOutput;
use crate::provider::upstream::speech::Speech;

/// Tokens of an answer when the query sets no limit; the API wants one, and thinking counts.
const MAX_TOKENS: u32 = 8192;

/// Which optional parameters a model is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    temperature: bool,
    thinking: bool,
    /// Whether JSON is asked for by schema; else by the prompt alone.
    schema: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    messages: Vec<Value>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<Value>,
}

impl Shape {
    /// What is tried first.
    pub fn first(output: StructuredOutput, host: &str) -> Shape {
        // "Any object" is no form of this API; the prompt says it.
        let schema = matches!(output, StructuredOutput::Auto | StructuredOutput::JsonSchema);
        Shape { temperature: host != "api.anthropic.com", thinking: true, schema }
    }

    /// The body of a call.
    pub fn body(&self, call: &Call, model: &str, stream: bool) -> Vec<u8> {
        let Speech { system, user } = Speech::of(&call.messages);
        let schema = call.schema.as_ref().filter(|_| self.schema).and_then(|schema| schema::closed(schema));
        let body = Body {
            model,
            max_tokens: call.max_tokens.unwrap_or(MAX_TOKENS),
            system,
            messages: user.iter().map(|text| json!({"role": "user", "content": text})).collect(),
            stream,
            // The scale ends at 1 here and at 2 elsewhere; more would be refused.
            temperature: call.temperature.filter(|_| self.temperature).map(|value| value.min(1.0)),
            // Without a stream nobody would see the summary.
            thinking: (stream && self.thinking).then(|| json!({"type": "adaptive", "display": "summarized"})),
            output_config: schema.map(|schema| json!({"format": {"type": "json_schema", "schema": schema}})),
        };
        // Strings, numbers and JSON values always serialize.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// What to send after this refusal; none if it is not about a parameter that can go.
    pub fn after(self, refusal: &Refusal, output: StructuredOutput) -> Option<Shape> {
        // Where thinking and a temperature exclude each other, the query's own wish stays.
        if self.thinking && refusal.mentions(&["thinking"]) {
            return Some(Shape { thinking: false, ..self });
        }
        if self.temperature && refusal.mentions(&["temperature"]) {
            return Some(Shape { temperature: false, ..self });
        }
        let of_schema = refusal.mentions(&["output_config", "schema", "grammar", "structured output"]);
        if self.schema && output == StructuredOutput::Auto && of_schema {
            return Some(Shape { schema: false, ..self });
        }
        None
    }
}
