//! The request body, and what is left out of it where a model refuses a parameter.
//!
//! Servers that speak this protocol differ in the parameters they accept, and
//! say so only when asked. A refusal that names one makes the next [`Shape`].

use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::provider::Call;
use crate::provider::Message;
use crate::provider::upstream::refusal::Refusal;
use crate::provider::upstream::server::StructuredOutput;

/// Tokens of an answer when the query sets no limit; none is never sent.
const MAX_TOKENS: u32 = 4096;

/// Which optional parameters a model is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub(super) temperature: bool,
    pub(super) limit: Limit,
    /// Whether the limit's other name was refused already.
    pub(super) renamed: bool,
    pub(super) format: Format,
    pub(super) usage: bool,
}

/// How the token limit is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    MaxTokens,
    MaxCompletionTokens,
    /// Not sent, since both names were refused.
    Unnamed,
}

/// How JSON is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Schema,
    Object,
    /// By the prompt alone.
    Prompt,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [Message],
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
}

impl Shape {
    /// What is tried first.
    pub(super) fn first(output: StructuredOutput, host: &str) -> Shape {
        let format = match output {
            StructuredOutput::Auto | StructuredOutput::JsonSchema => Format::Schema,
            StructuredOutput::JsonObject => Format::Object,
            StructuredOutput::Off => Format::Prompt,
        };
        let limit = if host == "api.openai.com" { Limit::MaxCompletionTokens } else { Limit::MaxTokens };
        Shape { temperature: true, limit, renamed: false, format, usage: true }
    }

    /// The body of a call.
    pub(super) fn body(&self, call: &Call, model: &str, stream: bool) -> Vec<u8> {
        let tokens = Some(call.max_tokens.unwrap_or(MAX_TOKENS));
        let body = Body {
            model,
            messages: &call.messages,
            stream,
            stream_options: (stream && self.usage).then(|| json!({"include_usage": true})),
            temperature: call.temperature.filter(|_| self.temperature),
            max_tokens: tokens.filter(|_| self.limit == Limit::MaxTokens),
            max_completion_tokens: tokens.filter(|_| self.limit == Limit::MaxCompletionTokens),
            response_format: call.schema.as_ref().and_then(|schema| self.response_format(call, schema)),
        };
        // Strings, numbers and JSON values always serialize.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    fn response_format(&self, call: &Call, schema: &Value) -> Option<Value> {
        match self.format {
            Format::Schema => Some(json!({
                "type": "json_schema",
                "json_schema": {"name": call.query.as_str(), "strict": false, "schema": schema},
            })),
            Format::Object => Some(json!({"type": "json_object"})),
            Format::Prompt => None,
        }
    }

    /// What to send after this refusal; none if it is not about a parameter that can go.
    pub(super) fn after(self, refusal: &Refusal, output: StructuredOutput) -> Option<Shape> {
        let names = |word: &str| refusal.names(word);
        if self.usage && names("stream_options") {
            return Some(Shape { usage: false, ..self });
        }
        let of_format = ["response_format", "json_schema", "json_object"].into_iter().any(names);
        if output == StructuredOutput::Auto && of_format {
            match self.format {
                Format::Schema => return Some(Shape { format: Format::Object, ..self }),
                Format::Object => return Some(Shape { format: Format::Prompt, ..self }),
                Format::Prompt => {}
            }
        }
        if !refusal.is_about_support() {
            return None;
        }
        if self.temperature && names("temperature") {
            return Some(Shape { temperature: false, ..self });
        }
        let limit = match self.limit {
            Limit::MaxTokens if !names("max_tokens") => return None,
            Limit::MaxCompletionTokens if !names("max_completion_tokens") => return None,
            Limit::Unnamed => return None,
            _ if self.renamed => Limit::Unnamed,
            Limit::MaxTokens => Limit::MaxCompletionTokens,
            Limit::MaxCompletionTokens => Limit::MaxTokens,
        };
        Some(Shape { limit, renamed: true, ..self })
    }
}
