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
use tokio::time::Instant;

use super::Door;
use super::page;
use super::problem::Code;
use super::problem::Problem;
use crate::knowledge::State as Documents;
use crate::pool::Endpoint;
use crate::pool::Pool;
use crate::provider::Place;
use crate::runs::Catalogue;
use crate::store::Health;
use crate::store::StoreError;

/// `GET /health`: alive, and what is configured.
pub async fn health(State(door): State<Arc<Door>>) -> Response {
    let catalogue = door.runs.catalogue();
    let panels: Vec<Value> =
        catalogue.panels().map(|panel| json!({"name": panel.name, "queries": panel.queries.len()})).collect();
    let (status, detail) = store(&door);
    let mut body = json!({
        "status": if door.runs.is_draining() { "draining" } else { status },
        "version": env!("CARGO_PKG_VERSION"),
        "page": page::build(),
        "uptime_ms": door.since.elapsed().as_millis() as u64,
        "active_runs": door.runs.active(),
        "queued_runs": catalogue.queued(),
        "store": {"status": status, "detail": detail},
        "panels": panels,
        "models": models(&catalogue),
        "providers": providers(catalogue.pool()),
    });
    if let Some(documents) = catalogue.settings.knowledge.state() {
        let (status, detail) = match documents {
            Documents::Good => ("ok", None),
            Documents::Reading => ("reading", None),
            Documents::Failed(why) => ("failed", Some(why)),
        };
        body["knowledge"] = json!({"status": status, "detail": detail});
    }
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// How the store is, in a word and a sentence.
fn store(door: &Door) -> (&'static str, Option<String>) {
    match door.store.health() {
        Health::Good => ("ok", None),
        Health::Degraded(why) => ("degraded", Some(why)),
        Health::Full(why) => ("full", Some(why)),
    }
}

/// How many providers there are beside what is built in, and how many of them can be asked now.
fn providers(pool: &Pool) -> Value {
    let now = Instant::now();
    let asked = |endpoint: &Arc<Endpoint>| {
        matches!(endpoint.provider.place(), Place::Remote { .. } | Place::Loopback { .. })
    };
    let all: Vec<_> = pool.groups().filter(|group| group.endpoints().iter().any(asked)).collect();
    let ready =
        all.iter().filter(|group| group.endpoints().iter().any(|endpoint| endpoint.is_open(now))).count();
    json!({"ready": ready, "configured": all.len()})
}

/// The default model and, by panel, where a question would go.
fn models(catalogue: &Catalogue) -> Value {
    let pool = catalogue.pool();
    let default = pool.default_target(true).map(|target| target.to_string()).ok();
    let mut destinations: Vec<Value> = Vec::new();
    for panel in catalogue.panels() {
        for choice in panel.queries.iter().flat_map(|query| &query.models) {
            let Ok(target) = pool.target(choice, panel.checks.is_some()) else { continue };
            for endpoint in target.group.endpoints() {
                let (host, local) = match endpoint.provider.place() {
                    Place::Remote { host } => (host, false),
                    Place::Loopback { host } => (host, true),
                    Place::BuiltIn | Place::Simulated => continue,
                };
                let to = json!({"provider": target.group.name(), "model": target.model, "host": host, "local": local, "panel": panel.name});
                if !destinations.contains(&to) {
                    destinations.push(to);
                }
            }
        }
    }
    json!({"default": default, "destinations": destinations})
}

/// What the API is, for machines.
const OPENAPI: &str = include_str!("openapi.json");

/// `GET /openapi.json`: this API for machines, and below which path it is.
pub async fn openapi(State(door): State<Arc<Door>>) -> Response {
    let servers = format!("{{\n \"servers\": [{{\"url\": \"{}\"}}],", door.settings.base);
    let text = OPENAPI.replacen('{', &servers, 1);
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}

/// `GET /readyz`: whether new runs are taken.
pub async fn ready(State(door): State<Arc<Door>>) -> Response {
    let status = match store(&door).0 {
        _ if door.runs.is_draining() => {
            return Problem::new(Code::Draining, "the server is stopping").into_response();
        }
        "full" => return Problem::from(StoreError::Full).into_response(),
        "degraded" => "degraded",
        _ => "ready",
    };
    (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")], Json(json!({"status": status}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_names_its_version_and_refers_to_what_it_has() {
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
        let mut open = vec![&description];
        while let Some(value) = open.pop() {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                assert!(description.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
            }
            match value {
                Value::Object(map) => open.extend(map.values()),
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
    }

    /// The routes stand in the router's own text; the page's are not of the API.
    #[test]
    fn every_route_of_the_api_is_described() {
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        let router = include_str!("../http.rs");
        let routes = router.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let page = ["/", "/runs", "/runs/compare", "/runs/{id}", "/providers", "/help", "/assets/{*path}"];
        let mut routes: Vec<&str> = routes.filter(|route| !page.contains(route)).collect();
        let mut described: Vec<&str> =
            description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        routes.sort_unstable();
        described.sort_unstable();
        assert_eq!(routes, described);
    }
}
