//! Reaching into a run: cancel, pause, resume, finish, retry.

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;

use super::Door;
use super::ask;
use super::problem::Code;
use super::problem::Problem;
use super::request;
use super::request::NoParameters;
use super::request::OfRun;
use super::runs::no_store;
use super::runs::snapshot_of;
use super::stream;
use crate::engine::Done;
use crate::engine::Order;
use crate::event::CancelReason;
use crate::event::RunStatus;
use crate::id::RunId;
use crate::runs::Absent;
use crate::runs::NotDone;
use crate::runs::NotRetried;

/// `POST /api/v1/runs/{id}/cancel`: idempotent.
pub async fn cancel(
    State(door): State<Arc<Door>>,
    OfRun(run): OfRun,
    _: NoParameters,
) -> Result<Response, Problem> {
    let active = door.runs.cancel(&run, CancelReason::Client);
    shown(&door, &run, if active { StatusCode::ACCEPTED } else { StatusCode::OK }).await
}

/// `POST /api/v1/runs/{id}/pause`: starts no new query.
pub async fn pause(door: State<Arc<Door>>, run: OfRun, _: NoParameters) -> Result<Response, Problem> {
    order(door, run, Order::Pause).await
}

/// `POST /api/v1/runs/{id}/resume`: goes on.
pub async fn resume(door: State<Arc<Door>>, run: OfRun, _: NoParameters) -> Result<Response, Problem> {
    order(door, run, Order::Resume).await
}

/// `POST /api/v1/runs/{id}/finish`: ends with what is there.
pub async fn finish(door: State<Arc<Door>>, run: OfRun, _: NoParameters) -> Result<Response, Problem> {
    order(door, run, Order::Finish).await
}

/// `POST /api/v1/runs/{id}/queries/{query}/cancel`: the rest goes on.
pub async fn cancel_query(
    door: State<Arc<Door>>,
    path: Result<Path<(String, String)>, PathRejection>,
    _: NoParameters,
) -> Result<Response, Problem> {
    let Path((run, query)) = path.map_err(|_| Problem::from(Absent::Unknown))?;
    let run = request::run_id(&run)?;
    let query = query.parse().map_err(|_| not_done(NotDone::UnknownQuery, &run))?;
    order(door, OfRun(run), Order::CancelQuery(query)).await
}

async fn order(State(door): State<Arc<Door>>, OfRun(run): OfRun, order: Order) -> Result<Response, Problem> {
    let done = door.runs.order(&run, order).await.map_err(|why| not_done(why, &run))?;
    let status = match done {
        Done::Now => StatusCode::ACCEPTED,
        Done::Already => StatusCode::OK,
    };
    shown(&door, &run, status).await
}

/// `POST /api/v1/runs/{id}/retry`: what did not succeed is asked again in a linked run.
pub async fn retry(
    State(door): State<Arc<Door>>,
    OfRun(run): OfRun,
    _: NoParameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = serde_json::json!({"retry_of": run});
    let key = ask::idempotency_key(&headers)?.map(|key| ask::key_of(key, &asked));
    let attached = door.runs.retry(&run, key).await.map_err(|why| not_retried(why, &run))?;
    let snapshot = snapshot_of(&door, &attached).await?;
    let mut response = (StatusCode::ACCEPTED, no_store(), Json(snapshot)).into_response();
    stream::name_run(&mut response, &attached.run, attached.created);
    Ok(response)
}

/// The run's snapshot under this status.
async fn shown(door: &Door, run: &RunId, status: StatusCode) -> Result<Response, Problem> {
    let attached = door.runs.attach(run).await?;
    Ok((status, no_store(), Json(snapshot_of(door, &attached).await?)).into_response())
}

fn not_done(why: NotDone, run: &RunId) -> Problem {
    let problem = match why {
        NotDone::Absent(absent) => return absent.into(),
        NotDone::Ended(status) => illegal(status, "it has ended"),
        NotDone::Left => Problem::new(Code::Draining, "the run goes on when the server has started again"),
        NotDone::NothingSucceeded(status) => illegal(status, "no query has succeeded yet; cancel it instead"),
        NotDone::UnknownQuery => Problem::not_found("the run has no such query"),
    };
    problem.run(run)
}

fn not_retried(why: NotRetried, run: &RunId) -> Problem {
    let problem = match why {
        NotRetried::Absent(absent) => return absent.into(),
        NotRetried::Active(status) => illegal(status, "cancel or finish it first"),
        NotRetried::NothingFailed(status) => illegal(status, "every query succeeded; ask anew instead"),
        NotRetried::Refused(refusal) => return refusal.into(),
    };
    problem.run(run)
}

/// What cannot be done with a run of this status.
pub fn illegal(status: RunStatus, why: &str) -> Problem {
    Problem::new(Code::IllegalTransition, format!("the run is {}: {why}", status.as_str()))
}
