//! What a request asks of the lab: the form it speaks, and what it says.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::model::Dials;
use super::request::Request;
use super::request::peek;
use super::wire::Form;
use super::wire::Meta;
use super::wire::tokens;

/// The text of answers that have nothing better to say.
pub(super) const PLAIN: &str = "This answer comes from the fault lab. No model was asked, and nothing in it is \
    meant. It has some words of middling length, a number or two such as 42 and 3.14, and letters that need \
    more than one byte: Příliš žluťoučký kůň, 漢字, 😀. That is all there is to say.";

/// Answers that fit the audit's two queries.
const COMPREHENSIVE: &str = include_str!("../../panels/audit/simulated/comprehensive.json");
const COMPLIANCE: &str = include_str!("../../panels/audit/simulated/compliance.json");

/// Everything that decides an answer.
#[derive(Debug)]
pub(super) struct Cue {
    pub(super) form: Form,
    /// Whether pieces were asked for.
    pub(super) stream: bool,
    pub(super) meta: Arc<Meta>,
    /// What a clean answer says.
    pub(super) text: Arc<str>,
    /// The messages that came, for echoes.
    pub(super) echo: Arc<str>,
    /// Whether the answer must be JSON.
    pub(super) is_json: bool,
    pub(super) dials: Dials,
    /// Number of this attempt at the model, from 1.
    pub(super) attempt: u64,
    /// Since the model's first attempt.
    pub(super) since_first: Duration,
    /// The key that came with the request.
    pub(super) key: String,
    /// The path that was asked for.
    pub(super) path: String,
    /// Where the lab listens.
    pub(super) here: String,
}

/// What was asked for, before the model's name is looked at.
pub(super) struct Asked {
    pub(super) form: Form,
    pub(super) stream: bool,
    pub(super) model: String,
    pub(super) body: Value,
}

impl Asked {
    /// Reads a request; none if its path or its body is not one of an answer.
    pub(super) fn of(request: &Request) -> Option<Asked> {
        let (forced, path) = match request.path.strip_prefix("/as/").and_then(|rest| rest.split_once('/')) {
            Some((model, rest)) => (Some(model.to_owned()), format!("/{rest}")),
            None => (None, request.path.clone()),
        };
        let body = match request.is_whole {
            true => serde_json::from_slice::<Value>(&request.body).ok().filter(Value::is_object)?,
            // Only the model is known of a request that is answered before it is whole.
            false => serde_json::json!({"model": peek(&request.body, &path), "stream": true}),
        };
        let named = || body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
        let streams = body.get("stream") == Some(&Value::Bool(true));
        let (form, stream, model) = match path.as_str() {
            "/v1/chat/completions" | "/chat/completions" => (Form::OpenAi, streams, named()),
            "/v1/messages" | "/messages" => (Form::Anthropic, streams, named()),
            path => {
                let (_, model) = path.rsplit_once("/models/")?;
                let (model, verb) = model.rsplit_once(':')?;
                let events = request.query.split('&').any(|pair| pair == "alt=sse");
                let stream = match verb {
                    "streamGenerateContent" => true,
                    "generateContent" => false,
                    _ => return None,
                };
                (Form::Gemini { events }, stream, model.to_owned())
            }
        };
        Some(Asked { form, stream, model: forced.unwrap_or(model), body })
    }

    /// The temperature, wherever the form has it.
    fn temperature(&self) -> Option<f64> {
        let place = |pointer| self.body.pointer(pointer).and_then(Value::as_f64);
        place("/temperature").or_else(|| place("/generationConfig/temperature"))
    }

    fn wants_json(&self) -> bool {
        let format = self.body.pointer("/response_format/type").and_then(Value::as_str);
        let mime = self.body.pointer("/generationConfig/responseMimeType").and_then(Value::as_str);
        format.is_some_and(|format| format.starts_with("json"))
            || mime == Some("application/json")
            || self.body.get("output_config").is_some_and(|config| config.get("format").is_some())
    }

    /// The audit's answer to this request, if it is one of the audit's two queries.
    ///
    /// Keys named in the prompt or the schema tell them apart; failing that, the temperature.
    pub(super) fn audit(&self) -> Option<&'static str> {
        let text = self.body.to_string();
        let names = |keys: [&str; 2]| keys.iter().all(|key| text.contains(key));
        if names(["compliance_status", "risks_identified"]) {
            return Some(COMPLIANCE);
        }
        if names(["project_summary", "exposure_analysis"]) {
            return Some(COMPREHENSIVE);
        }
        None
    }

    /// As [`Asked::audit`], for a model that answers nothing else.
    pub(super) fn audit_anyway(&self) -> &'static str {
        let low = self.temperature().is_some_and(|temperature| temperature < 0.25);
        self.audit().unwrap_or(if low { COMPLIANCE } else { COMPREHENSIVE })
    }

    /// What a clean answer says, and whether it is JSON.
    pub(super) fn text(&self) -> (Arc<str>, bool) {
        match self.audit() {
            Some(answer) => (answer.into(), true),
            None if self.wants_json() => (r#"{"answer":"simulated by the fault lab"}"#.into(), true),
            None => (PLAIN.into(), false),
        }
    }

    /// The messages, as text or as JSON.
    pub(super) fn echo(&self) -> Arc<str> {
        let messages = messages(&self.body);
        if self.wants_json() {
            let list: Vec<Value> = messages
                .iter()
                .map(|(role, text)| serde_json::json!({"role": role, "content": text}))
                .collect();
            return serde_json::json!({ "messages": list }).to_string().into();
        }
        let lines: Vec<String> = messages.iter().map(|(role, text)| format!("{role}: {text}")).collect();
        lines.join("\n\n").into()
    }

    /// Tokens of the messages.
    pub(super) fn input_tokens(&self) -> u64 {
        messages(&self.body).iter().map(|(_, text)| tokens(text)).sum::<u64>().max(1)
    }

    /// Whether a stream is to end with counts.
    pub(super) fn with_usage(&self) -> bool {
        self.body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true))
    }
}

/// Role and text of every message, in whichever form.
fn messages(body: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (key, role) in
        [("system", "system"), ("systemInstruction", "system"), ("system_instruction", "system")]
    {
        if let Some(value) = body.get(key) {
            found.push((role.to_owned(), text(value)));
        }
    }
    for key in ["messages", "contents"] {
        for message in body.get(key).and_then(Value::as_array).into_iter().flatten() {
            let role = message.get("role").and_then(Value::as_str).unwrap_or("user");
            found.push((role.to_owned(), text(message)));
        }
    }
    found
}

/// All text of a message, its parts joined.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text).collect(),
        Value::Object(fields) => {
            ["content", "parts", "text"].iter().find_map(|key| fields.get(*key)).map(text).unwrap_or_default()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_found_in_every_form() {
        let expected = [("system".to_owned(), "a".to_owned()), ("user".to_owned(), "bc".to_owned())];
        let bodies = [
            json!({"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "bc"}]}),
            json!({"system": "a", "messages": [{"role": "user", "content": [{"type": "text", "text": "b"}, {"text": "c"}]}]}),
            json!({"systemInstruction": {"parts": [{"text": "a"}]}, "contents": [{"parts": [{"text": "b"}, {"text": "c"}]}]}),
        ];
        for body in bodies {
            assert_eq!(messages(&body), expected, "{body}");
        }
    }

    #[test]
    fn the_audit_queries_are_told_apart() {
        let asked = |body| Asked { form: Form::OpenAi, stream: false, model: "audit".into(), body };
        let by_prompt = |words: &str| json!({"messages": [{"role": "system", "content": words}]});
        let cases = [
            (by_prompt("compliance_status {..} risks_identified"), COMPLIANCE),
            (by_prompt("project_summary {..} exposure_analysis"), COMPREHENSIVE),
            (json!({"temperature": 0.2}), COMPLIANCE),
            (json!({"temperature": 0.3}), COMPREHENSIVE),
            (json!({"generationConfig": {"temperature": 0.2}}), COMPLIANCE),
            (json!({}), COMPREHENSIVE),
        ];
        for (body, expected) in cases {
            assert_eq!(asked(body.clone()).audit_anyway(), expected, "{body}");
        }
        for (answer, schema) in [
            (COMPLIANCE, include_str!("../../panels/audit/schema/compliance.json")),
            (COMPREHENSIVE, include_str!("../../panels/audit/schema/comprehensive.json")),
        ] {
            let (answer, schema) =
                (serde_json::from_str(answer).unwrap(), serde_json::from_str(schema).unwrap());
            assert!(jsonschema::is_valid(&schema, &answer));
        }
    }
}
