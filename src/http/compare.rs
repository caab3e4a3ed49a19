//! `GET /api/v1/runs/compare?a=&b=`: two ended runs side by side.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::Door;
use super::problem::Code;
use super::problem::Problem;
use super::request;
use super::request::Parameters;
use super::runs::no_store;
use super::runs::snapshot_of;
use crate::ask::AskFault;
use crate::report::compare::Comparison;
use crate::report::compare::Side;
use crate::runs::snapshot::Snapshot;

/// What a comparison answers.
#[derive(Serialize)]
struct Compared<'a> {
    a: Run<'a>,
    b: Run<'a>,
    #[serde(flatten)]
    findings: Comparison,
}

/// One of the two runs, its times and costs.
#[derive(Serialize)]
struct Run<'a> {
    run_id: &'a str,
    title: &'a str,
    created_at: &'a str,
    status: &'a Value,
    panel: &'a Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    verdict: &'a Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    ruleset: &'a Value,
    performance: &'a Value,
}

impl<'a> Run<'a> {
    fn of(snapshot: &'a Snapshot, result: &'a Value) -> Run<'a> {
        Run {
            run_id: snapshot.run_id.as_str(),
            title: &snapshot.title,
            created_at: &snapshot.created_at,
            status: &result["status"],
            panel: &result["panel"],
            verdict: &result["verdict"],
            ruleset: &result["ruleset"],
            performance: &result["performance"],
        }
    }
}

/// Which findings are gone, which came, which stayed; times and costs.
pub async fn compare(State(door): State<Arc<Door>>, uri: Uri) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["a", "b"])?;
    let (a, b) = (ended(&door, &parameters, "a").await?, ended(&door, &parameters, "b").await?);
    let none = Value::Null;
    let results = [&a, &b].map(|snapshot| snapshot.result.as_ref().unwrap_or(&none));
    let findings = crate::report::compare::compare(
        Side { result: results[0], positions: a.positions() },
        Side { result: results[1], positions: b.positions() },
    );
    let compared = Compared { a: Run::of(&a, results[0]), b: Run::of(&b, results[1]), findings };
    Ok((no_store(), Json(compared)).into_response())
}

async fn ended(door: &Door, parameters: &Parameters, name: &str) -> Result<Snapshot, Problem> {
    let Some(id) = parameters.get(name) else {
        let detail = "expected the id of an ended run".to_owned();
        return Err(Problem::invalid(vec![AskFault { pointer: format!("/{name}"), detail }]));
    };
    let attached = door.runs.attach(&request::run_id(id)?).await?;
    if !attached.journal.head().ended {
        let detail = "the run has not ended; compare it when it has";
        return Err(Problem::new(Code::RunNotFinished, detail).run(&attached.run));
    }
    snapshot_of(door, &attached).await
}
