//! `PUT /api/v1/runs/{id}/decisions/{finding}`: what somebody decided about a finding.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::Door;
use super::body;
use super::problem::Problem;
use super::request;
use super::request::NoParameters;
use super::runs::no_store;
use super::runs::snapshot_of;
use crate::ask::AskFault;
use crate::runs::Absent;
use crate::runs::snapshot::Snapshot;
use crate::store::Change;
use crate::store::Choice;
use crate::store::Decision;

/// Most characters of a note.
const NOTE: usize = 1000;

/// Keeps a decision with its run; `{"decision": null}` takes it back.
pub async fn decide(
    State(door): State<Arc<Door>>,
    path: Result<Path<(String, String)>, PathRejection>,
    _: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path((run, finding)) = path.map_err(|_| Problem::from(Absent::Unknown))?;
    let attached = door.runs.attach(&request::run_id(&run)?).await?;
    let decision = read(body::json(&headers, body, &door.settings).await?)?;
    if !has(&snapshot_of(&door, &attached).await?, &finding) {
        return Err(Problem::not_found("the run has no such finding").run(&attached.run));
    }
    let told = json!({"run_id": attached.run, "finding": finding, "decision": decision});
    let change = Change { decision: Some((finding, decision)), ..Change::default() };
    door.runs.note(&attached.run, change).await?;
    Ok((no_store(), Json(told)).into_response())
}

fn has(snapshot: &Snapshot, finding: &str) -> bool {
    let of_checks = snapshot.checks.as_ref().and_then(|checks| checks.findings.as_array());
    let of_result = snapshot.result.as_ref().and_then(|result| result["findings"].as_array());
    of_checks.into_iter().chain(of_result).flatten().any(|known| known["id"] == finding)
}

fn read(body: Value) -> Result<Option<Decision>, Problem> {
    let fault = |name: &str, detail: String| {
        Err(Problem::invalid(vec![AskFault { pointer: format!("/{name}"), detail }]))
    };
    let Value::Object(body) = body else {
        return Err(Problem::invalid(vec![AskFault {
            pointer: String::new(),
            detail: "expected an object with `decision` and perhaps `note`".to_owned(),
        }]));
    };
    if let Some(key) = body.keys().find(|key| !["decision", "note"].contains(&key.as_str())) {
        return fault(key, "unknown; known are decision, note".into());
    }
    let decision = match body.get("decision") {
        Some(Value::Null) => return Ok(None),
        Some(word) => serde_json::from_value::<Choice>(word.clone()).ok(),
        None => None,
    };
    let Some(decision) = decision else {
        return fault("decision", "expected fix, accept, dispute or null".into());
    };
    let note = match body.get("note") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(note)) if note.chars().count() <= NOTE => note.trim().to_owned(),
        Some(_) => return fault("note", format!("expected text of at most {NOTE} characters")),
    };
    Ok(Some(Decision { decision, note, at: Timestamp::now() }))
}
