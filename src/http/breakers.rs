//! The breakers of all endpoints: how they stand, and closing one by hand.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;

use super::Door;
use super::problem::Problem;
use super::request::NoParameters;
use super::runs::no_store;
use crate::breaker::Shown;
use crate::pool::Endpoint;

/// `GET /api/circuit-breakers/status`.
pub async fn status(State(door): State<Arc<Door>>, _: NoParameters) -> Response {
    shown(door.runs.catalogue().pool().endpoints())
}

/// `POST /api/circuit-breakers/{name}/reset`: of one endpoint, or of all that a provider has.
pub async fn reset(
    State(door): State<Arc<Door>>,
    name: Result<Path<String>, PathRejection>,
    _: NoParameters,
) -> Result<Response, Problem> {
    let unknown =
        || Problem::not_found("there is no such breaker; GET /api/circuit-breakers/status lists them");
    let Path(name) = name.map_err(|_| unknown())?;
    let meant =
        |endpoint: &&Arc<Endpoint>| endpoint.name() == name || endpoint.provider.name().as_str() == name;
    let catalogue = door.runs.catalogue();
    let endpoints: Vec<_> = catalogue.pool().endpoints().filter(meant).collect();
    if endpoints.is_empty() {
        return Err(unknown());
    }
    for endpoint in &endpoints {
        endpoint.care().reset();
        tracing::info!(endpoint = endpoint.name(), "reset by hand");
    }
    Ok(shown(endpoints.into_iter()))
}

fn shown<'a>(endpoints: impl Iterator<Item = &'a Arc<Endpoint>>) -> Response {
    let breakers: Map<_, _> =
        endpoints.map(|endpoint| (endpoint.name().to_owned(), breaker(endpoint))).collect();
    (no_store(), Json(json!({"breakers": breakers}))).into_response()
}

fn breaker(endpoint: &Endpoint) -> Value {
    let now = Instant::now();
    let care = endpoint.care();
    let breaker = care.breaker();
    let mut shown = json!({
        "state": state(breaker.shown()),
        "failure_count": breaker.failures(),
        "failure_threshold": breaker.threshold(),
        "recovery_timeout_ms": breaker.open_time(now).as_millis() as u64,
    });
    let wait = care.why_closed(now).and_then(|why| why.wait());
    let optional = [
        ("last_failure_at", breaker.last_failure().map(|at| json!(wall(now, at)))),
        ("retry_after_ms", wait.map(|wait| json!(wait.as_millis() as u64))),
        ("reason", care.reason().map(|code| json!(code))),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            shown[key] = value;
        }
    }
    shown
}

/// The word for a state.
pub fn state(shown: Shown) -> &'static str {
    match shown {
        Shown::Closed => "closed",
        Shown::Open => "open",
        Shown::HalfOpen => "half_open",
    }
}

/// A moment as the wall clock has it, for display.
pub fn wall(now: Instant, at: Instant) -> String {
    let apart = |time: Duration| jiff::SignedDuration::try_from(time).unwrap_or_default();
    let moment = Timestamp::now() - apart(now.saturating_duration_since(at));
    format!("{:.3}", moment + apart(at.saturating_duration_since(now)))
}
