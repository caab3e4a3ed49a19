//! Whether the server lives and can take runs, and where questions would go.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use super::Door;
use super::problem::Code;
use super::problem::Problem;
use crate::provider::Place;

/// `GET /health`: alive, and what is configured.
pub async fn health(State(door): State<Arc<Door>>) -> Response {
    let panels: Vec<Value> =
        door.runs.panels().map(|panel| json!({"name": panel.name, "queries": panel.queries.len()})).collect();
    let body = json!({
        "status": if door.runs.is_draining() { "draining" } else { "ok" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_ms": door.since.elapsed().as_millis() as u64,
        "active_runs": door.runs.active(),
        "store": "memory",
        "panels": panels,
        "models": models(&door),
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// The default model and, by panel, where a question would go.
fn models(door: &Door) -> Value {
    let pool = door.runs.pool();
    let default = pool.default_target(true).map(|target| target.to_string()).ok();
    let mut destinations: Vec<Value> = Vec::new();
    for panel in door.runs.panels() {
        for choice in panel.queries.iter().flat_map(|query| &query.models) {
            let Ok(target) = pool.target(choice, panel.checks.is_some()) else { continue };
            let (host, local) = match target.endpoint.provider.place() {
                Place::Remote { host } => (host, false),
                Place::Loopback { host } => (host, true),
                Place::BuiltIn | Place::Simulated => continue,
            };
            let to = json!({"provider": target.endpoint.provider.name(), "model": target.model, "host": host, "local": local, "panel": panel.name});
            if !destinations.contains(&to) {
                destinations.push(to);
            }
        }
    }
    json!({"default": default, "destinations": destinations})
}

/// `GET /readyz`: whether new runs are taken.
pub async fn ready(State(door): State<Arc<Door>>) -> Response {
    match door.runs.is_draining() {
        true => Problem::new(Code::Draining, "the server is stopping").into_response(),
        false => (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")], Json(json!({"status": "ready"})))
            .into_response(),
    }
}
