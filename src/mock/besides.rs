//! What can be asked of the lab besides answers: its counts, its models, what it is.

use serde_json::Value;
use serde_json::json;

use super::play::Play;
use super::request::Request;
use super::rows;
use super::seen::Stats;
use super::wire::Form;

/// What the lab says to a request that is none for an answer.
pub(super) fn besides(stats: &Stats, request: &Request) -> Play {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/stats") => Play::json(200, &[], &stats.json()),
        ("DELETE", "/stats") => {
            stats.reset();
            Play::status(204, &[], b"")
        }
        ("GET", "/v1/models" | "/models" | "/v1beta/models") => {
            Play::json(200, &[], &models(vendor(request)))
        }
        // So that a page of any origin can try its luck with the lab.
        ("OPTIONS", _) => Play::status(
            204,
            &[
                ("access-control-allow-methods", "GET, POST, DELETE"),
                ("access-control-allow-headers", "*, authorization"),
                ("access-control-max-age", "600"),
            ],
            b"",
        ),
        ("GET", "/") => Play::status(200, &[("content-type", "text/plain; charset=utf-8")], ABOUT.as_bytes()),
        _ => {
            let message = "The fault lab knows POST /v1/chat/completions, /v1/messages, \
                /v1beta/models/{model}:generateContent and :streamGenerateContent with a JSON object, \
                GET /v1/models and /stats.";
            Play::json(404, &[], &json!({"error": {"message": message, "type": "not_found"}}))
        }
    }
}

const ABOUT: &str = "This is the fault lab of askstream: a provider that misbehaves on purpose.\n\
    The model name picks what it does; GET /v1/models names them, GET /stats counts.\n";

/// Whose library asks for the list of models: they share a path.
fn vendor(request: &Request) -> Form {
    if request.header("anthropic-version").is_some() {
        return Form::Anthropic;
    }
    let is_gemini = request.path.starts_with("/v1beta") || request.header("x-goog-api-key").is_some();
    if is_gemini { Form::Gemini { events: true } } else { Form::OpenAi }
}

/// The catalogue as a vendor lists its models.
fn models(vendor: Form) -> Value {
    let names: Vec<&str> = rows::all().filter(|entry| entry.make.is_some()).map(|entry| entry.name).collect();
    let entry = |name: &&str| match vendor {
        Form::OpenAi => {
            json!({"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "fault-lab"})
        }
        Form::Anthropic => json!({
            "id": name, "type": "model", "display_name": name, "lifecycle": "active",
            "created_at": "2026-01-01T00:00:00Z",
        }),
        Form::Gemini { .. } => json!({
            "name": format!("models/{name}"), "displayName": name,
            "supportedGenerationMethods": ["generateContent"],
        }),
    };
    let list: Vec<Value> = names.iter().map(entry).collect();
    match vendor {
        Form::OpenAi => json!({"object": "list", "data": list}),
        Form::Anthropic => {
            json!({"data": list, "has_more": false, "first_id": names.first(), "last_id": names.last()})
        }
        Form::Gemini { .. } => json!({"models": list}),
    }
}
