//! The panels that can be asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use super::Door;
use super::problem::Problem;
use super::request::NoParameters;
use super::runs::no_store;
use crate::panel::Panel;
use crate::panel::mode::Mode;
use crate::runs::Catalogue;

/// `GET /api/v1/panels`: all of them.
pub async fn list(State(door): State<Arc<Door>>, _: NoParameters) -> Response {
    let catalogue = door.runs.catalogue();
    let panels: Vec<Value> = catalogue.panels().map(|panel| summary(&catalogue, panel)).collect();
    (no_store(), Json(json!({"panels": panels}))).into_response()
}

/// `GET /api/v1/panels/{name}`: one, with the JSON Schema of its input.
pub async fn show(
    State(door): State<Arc<Door>>,
    name: Result<Path<String>, PathRejection>,
    _: NoParameters,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("there is no such panel; GET /api/v1/panels lists them");
    let Path(name) = name.map_err(|_| unknown())?;
    let catalogue = door.runs.catalogue();
    let panel = catalogue.panels().find(|panel| panel.name.as_str() == name).ok_or_else(unknown)?;
    let mut shown = summary(&catalogue, panel);
    if let Some(input) = &panel.input {
        shown["input_schema"] = (**input).clone();
    }
    Ok((no_store(), Json(shown)).into_response())
}

fn summary(catalogue: &Catalogue, panel: &Panel) -> Value {
    let queries = panel.queries.iter().map(|query| {
        let models: Vec<String> = query.models.iter().map(ToString::to_string).collect();
        let mut shown = json!({
            "query": query.name,
            "title": query.title.in_language("en"),
            "depends_on": query.needs,
            "models": models,
        });
        let extra = [
            ("icon", query.icon.as_deref()),
            ("role", query.role.as_ref().map(|role| role.in_language("en"))),
            ("of", query.of.as_ref().map(|of| of.as_str())),
        ];
        extra
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .for_each(|(key, value)| shown[key] = json!(value));
        shown
    });
    let mut shown = json!({
        "panel": panel.name,
        "title": panel.title.in_language("en"),
        "revision": panel.revision,
        "default": catalogue.settings.default_panel == panel.name,
        "checks": panel.checks.is_some(),
        "need": panel.merge.need,
        "queries": queries.collect::<Vec<_>>(),
    });
    if let Some(modes) = &panel.modes {
        shown["modes"] = modes.all.iter().map(mode).collect();
        shown["default_mode"] = json!(modes.default());
        shown["auto"] = json!(!modes.rules.is_empty());
    }
    shown
}

fn mode(mode: &Mode) -> Value {
    let mut shown = json!({"mode": mode.name, "title": mode.title.in_language("en"), "queries": mode.asks});
    if let Some(cascade) = &mode.cascade {
        shown["first"] = json!(cascade.first);
        shown["doubt"] = json!(cascade.doubt.text());
    }
    shown
}
