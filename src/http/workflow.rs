//! Runs in the words of workflow orchestrators: status and figures.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::Door;
use super::problem::Problem;
use super::request::NoParameters;
use super::request::OfRun;
use super::runs::no_store;
use super::runs::snapshot_of;
use crate::id::QueryName;
use crate::id::RunId;
use crate::runs::snapshot::QueryState;
use crate::runs::snapshot::Snapshot;

/// A snapshot with the names that workflow orchestrators use.
#[derive(Serialize)]
struct Workflow {
    workflow_id: RunId,
    /// The first of the queries that are being asked.
    current_step: Option<String>,
    completed_steps: Vec<QueryName>,
    failed_steps: Vec<QueryName>,
    started_at: String,
    metadata: Value,
    #[serde(flatten)]
    snapshot: Snapshot,
}

/// `GET /api/workflow/{id}/status`.
pub async fn status(
    State(door): State<Arc<Door>>,
    OfRun(run): OfRun,
    _: NoParameters,
) -> Result<Response, Problem> {
    let attached = door.runs.attach(&run).await?;
    let snapshot = snapshot_of(&door, &attached).await?;
    let metadata = door.runs.record(&run).await?.ask.metadata.clone();
    let named = |wanted: &[QueryState]| -> Vec<QueryName> {
        let queries = snapshot.queries.iter().filter(|view| wanted.contains(&view.status));
        queries.map(|view| view.planned.query.clone()).collect()
    };
    let running = named(&[QueryState::Running]);
    let workflow = Workflow {
        workflow_id: run,
        current_step: running.first().map(ToString::to_string),
        completed_steps: named(&[QueryState::Succeeded]),
        failed_steps: named(&[QueryState::Failed]),
        started_at: snapshot.created_at.clone(),
        metadata: Value::Object(metadata),
        snapshot,
    };
    Ok((no_store(), Json(workflow)).into_response())
}

/// `GET /api/workflow/metrics`.
pub async fn metrics(State(door): State<Arc<Door>>, _: NoParameters) -> Response {
    (no_store(), Json(door.runs.metrics().figures())).into_response()
}
