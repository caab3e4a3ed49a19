//! The list of runs, and what people write about one.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::Door;
use super::body;
use super::control;
use super::problem::Code;
use super::problem::Problem;
use super::request::NoParameters;
use super::request::OfRun;
use super::request::Parameters;
use super::runs::no_store;
use super::runs::snapshot_of;
use crate::ask::AskFault;
use crate::event::Cost;
use crate::event::RunStatus;
use crate::id::RunId;
use crate::store::Change;
use crate::store::Listed;
use crate::store::Wanted;

/// Runs of a page when nobody says how many.
const PAGE: usize = 50;
/// Most runs of a page.
const LONGEST_PAGE: usize = 200;
/// Most characters of a title, and of a note.
const TITLE: usize = 200;
const NOTE: usize = 10_000;

/// A page of the list.
#[derive(Serialize)]
struct Page {
    runs: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<RunId>,
}

/// A run in the list.
#[derive(Serialize)]
struct Row {
    run_id: RunId,
    status: RunStatus,
    panel: String,
    title: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_time_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queries_successful: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queries_executed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    simulated: bool,
}

/// `GET /api/v1/runs`: newest first.
pub async fn list(State(door): State<Arc<Door>>, uri: Uri) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["status", "panel", "q", "limit", "cursor"])?;
    let wanted = wanted(&parameters)?;
    let limit = wanted.limit;
    // One more than shown tells whether others follow.
    let mut found = door.runs.list(&Wanted { limit: limit + 1, ..wanted }).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|last| last.run.clone());
    let page = Page { runs: found.into_iter().map(Row::from).collect(), next_cursor };
    Ok((no_store(), Json(page)).into_response())
}

fn wanted(parameters: &Parameters) -> Result<Wanted, Problem> {
    let fault =
        |name: &str, detail: String| Problem::invalid(vec![AskFault { pointer: format!("/{name}"), detail }]);
    let status = |word: &str| {
        let known = RunStatus::ALL.map(RunStatus::as_str).join(", ");
        let unknown = || fault("status", format!("`{word}` is no status; known are {known}"));
        RunStatus::from_word(word.trim()).ok_or_else(unknown)
    };
    let statuses = parameters.get("status").map(|words| words.split(',').map(status).collect());
    let panel =
        parameters.get("panel").map(|name| name.parse().map_err(|why| fault("panel", format!("{why}"))));
    let cursor = |text: &str| {
        text.parse().map_err(|_| {
            Problem::new(Code::BadCursor, "expected `next_cursor` of the page before, as it was sent")
        })
    };
    let limit = |text: &str| {
        let number = text.parse().ok().filter(|limit| (1..=LONGEST_PAGE).contains(limit));
        number.ok_or_else(|| fault("limit", format!("expected a number from 1 to {LONGEST_PAGE}")))
    };
    Ok(Wanted {
        statuses: statuses.transpose()?.unwrap_or_default(),
        panel: panel.transpose()?,
        text: parameters.get("q").map(str::to_owned),
        before: parameters.get("cursor").map(cursor).transpose()?,
        limit: parameters.get("limit").map(limit).transpose()?.unwrap_or(PAGE),
    })
}

impl From<Listed> for Row {
    fn from(listed: Listed) -> Row {
        let end = listed.standing.end.as_ref();
        Row {
            status: listed.standing.status,
            panel: listed.panel.to_string(),
            title: listed.title,
            created_at: format!("{:.3}", listed.created_at),
            ended_at: end.map(|end| format!("{:.3}", end.at)),
            total_time_ms: end.map(|end| end.total_time_ms),
            queries_successful: end.map(|end| end.queries_successful),
            queries_executed: end.map(|end| end.queries_executed),
            cost: end.and_then(|end| end.cost),
            simulated: listed.simulated,
            run_id: listed.run,
        }
    }
}

/// `PATCH /api/v1/runs/{id}`: its title and note; an empty one takes it away.
pub async fn patch(
    State(door): State<Arc<Door>>,
    OfRun(run): OfRun,
    _: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let change = read_change(body::json(&headers, body, &door.settings).await?)?;
    door.runs.note(&run, change).await?;
    let attached = door.runs.attach(&run).await?;
    Ok((no_store(), Json(snapshot_of(&door, &attached).await?)).into_response())
}

fn read_change(body: Value) -> Result<Change, Problem> {
    let Value::Object(body) = body else {
        let detail = "expected an object with `title` or `note`".to_owned();
        return Err(Problem::invalid(vec![AskFault { pointer: String::new(), detail }]));
    };
    let mut change = Change::default();
    let mut faults = Vec::new();
    for (key, value) in body {
        let (place, most) = match key.as_str() {
            "title" => (&mut change.title, TITLE),
            "note" => (&mut change.note, NOTE),
            _ => {
                let detail = "unknown; known are title, note".to_owned();
                faults.push(AskFault { pointer: format!("/{key}"), detail });
                continue;
            }
        };
        match value {
            Value::String(text) if text.chars().count() <= most => *place = Some(text.trim().to_owned()),
            Value::Null => *place = Some(String::new()),
            _ => {
                let detail = format!("expected text of at most {most} characters");
                faults.push(AskFault { pointer: format!("/{key}"), detail });
            }
        }
    }
    if faults.is_empty() { Ok(change) } else { Err(Problem::invalid(faults)) }
}

/// `DELETE /api/v1/runs/{id}`: takes an ended run out of the lists; `?purge=true` erases it.
pub async fn delete(State(door): State<Arc<Door>>, OfRun(run): OfRun, uri: Uri) -> Result<Response, Problem> {
    let purge = Parameters::read(&uri, &["purge"])?.flag("purge")?.unwrap_or(false);
    let record = door.runs.record(&run).await?;
    if !record.ended() {
        return Err(control::illegal(record.standing.status, "cancel it first").run(&run));
    }
    match purge {
        true => door.runs.purge(&run).await?,
        false => door.runs.note(&run, Change { hidden: Some(true), ..Change::default() }).await?,
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
