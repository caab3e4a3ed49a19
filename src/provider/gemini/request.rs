//! The request body, and what is left out of it where a model refuses a parameter.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::provider::Call;
use crate::provider::upstream::refusal::Refusal;
use crate::provider::upstream::server::StructuredOutput;
use crate::provider::upstream::speech::Speech;

/// Tokens of an answer when the query sets no limit; thinking counts.
const MAX_TOKENS: u32 = 8192;

/// Which optional parameters a model is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    temperature: bool,
    thoughts: bool,
    /// Whether instructions stand apart; else before the first message.
    system: bool,
    format: Format,
}

/// How JSON is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Schema,
    Object,
    /// By the prompt alone.
    Prompt,
}

impl Shape {
    /// What is tried first.
    pub fn first(output: StructuredOutput) -> Shape {
        let format = match output {
            StructuredOutput::Auto | StructuredOutput::JsonSchema => Format::Schema,
            StructuredOutput::JsonObject => Format::Object,
            StructuredOutput::Off => Format::Prompt,
        };
        Shape { temperature: true, thoughts: true, system: true, format }
    }

    /// The body of a call.
    pub fn body(&self, call: &Call, stream: bool) -> Vec<u8> {
        let Speech { system, mut user } = Speech::of(&call.messages);
        let mut body = Map::new();
        match system {
            Some(text) if self.system => {
                body.insert("systemInstruction".into(), json!({"parts": [{"text": text}]}));
            }
            Some(text) => user.insert(0, text),
            None => {}
        }
        let parts: Vec<Value> = user.iter().map(|text| json!({"text": text})).collect();
        body.insert("contents".into(), json!([{"role": "user", "parts": parts}]));
        body.insert("generationConfig".into(), Value::Object(self.config(call, stream)));
        // Strings, numbers and JSON values always serialize.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    fn config(&self, call: &Call, stream: bool) -> Map<String, Value> {
        let mut config = Map::new();
        let mut set = |key: &str, value: Value| config.insert(key.to_owned(), value);
        if let Some(temperature) = call.temperature.filter(|_| self.temperature) {
            set("temperature", json!(temperature));
        }
        set("maxOutputTokens", json!(call.max_tokens.unwrap_or(MAX_TOKENS)));
        if let Some(schema) = &call.schema {
            if self.format != Format::Prompt {
                set("responseMimeType", json!("application/json"));
            }
            if self.format == Format::Schema {
                set("responseJsonSchema", Value::clone(schema));
            }
        }
        // Without a stream nobody would see them.
        if stream && self.thoughts {
            set("thinkingConfig", json!({"includeThoughts": true}));
        }
        config
    }

    /// What to send after this refusal; none if it is not about a parameter that can go.
    pub fn after(self, refusal: &Refusal, output: StructuredOutput) -> Option<Shape> {
        if self.thoughts && refusal.mentions(&["thinking", "thought"]) {
            return Some(Shape { thoughts: false, ..self });
        }
        if self.system
            && refusal.mentions(&["developer instruction", "system instruction", "system_instruction"])
        {
            return Some(Shape { system: false, ..self });
        }
        if self.temperature && refusal.mentions(&["temperature"]) && refusal.is_about_support() {
            return Some(Shape { temperature: false, ..self });
        }
        if output != StructuredOutput::Auto {
            return None;
        }
        // The last is all that is said of some schemas that are too complex.
        let of_schema = refusal.mentions(&["schema", "request contains an invalid argument"]);
        let of_json = refusal.mentions(&["json mode", "mimetype", "mime_type", "mime type"]);
        match self.format {
            Format::Schema if of_json => Some(Shape { format: Format::Prompt, ..self }),
            Format::Schema if of_schema => Some(Shape { format: Format::Object, ..self }),
            Format::Object if of_json || of_schema => Some(Shape { format: Format::Prompt, ..self }),
            _ => None,
        }
    }
}
