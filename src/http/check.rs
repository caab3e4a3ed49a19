//! The checks without AI alone: no run, nothing kept, nobody asked.

use std::sync::Arc;

use axum::extract::Request;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use super::Door;
use super::body;
use super::problem::Code;
use super::problem::Problem;
use super::request::NoParameters;
use super::runs::no_store;
use crate::ask::AskFault;
use crate::audit;
use crate::audit::Project;
use crate::runs::Catalogue;

/// What the checks read.
const KNOWN: [&str; 6] =
    ["question", "project_description", "language", "positions", "totals", "specifications"];

/// `POST /api/v1/audit/check`: what the checks find in a project, of which any part may be missing.
pub async fn check(
    State(door): State<Arc<Door>>,
    _: NoParameters,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (seat, body) = door.seat(body).await?;
    let input = body::json(&parts.headers, body, &door.settings).await?;
    let catalogue = door.runs.catalogue();
    let found = door.bench.work(seat, move || found(&catalogue, &input)).await??;
    Ok((no_store(), [(header::CONTENT_TYPE, "application/json")], found).into_response())
}

/// What the checks find in an input, as JSON; to be called where a thread may be kept busy.
fn found(catalogue: &Catalogue, input: &Value) -> Result<String, Problem> {
    let faults = faults(catalogue, input)?;
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let word = |key: &str| input.get(key).and_then(Value::as_str);
    let language = word("language").unwrap_or("en");
    let project = Project::read(word("question").unwrap_or_default(), language, input);
    let checks = audit::check(&project);
    let status = audit::compliance_status(&checks);
    let verdict = audit::verdict(&checks.findings, status, &[], &[]);
    let found = json!({
        "findings": checks.findings,
        "verdict": verdict,
        "compliance_status": {"overall": status},
        "coverage": checks.coverage,
        "ruleset": checks.ruleset,
    });
    Ok(found.to_string())
}

/// What is wrong with an input, as it would be in a run.
fn faults(catalogue: &Catalogue, input: &Value) -> Result<Vec<AskFault>, Problem> {
    let Value::Object(fields) = input else {
        let detail = "expected an object with positions, specifications or a description".to_owned();
        return Ok(vec![AskFault { pointer: String::new(), detail }]);
    };
    let unknown = fields.keys().filter(|key| !KNOWN.contains(&key.as_str())).map(|key| AskFault {
        pointer: format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        detail: format!("unknown field `{key}`; known are {}", KNOWN.join(", ")),
    });
    let offer = catalogue.checking().ok_or_else(|| {
        let problem = Problem::new(Code::UnknownPanel, "no panel of this server has checks");
        problem.hint("Write checks = \"construction\" in a panel.")
    })?;
    Ok(unknown.chain(offer.faults(input)).collect())
}
