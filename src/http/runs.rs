//! Runs by id: snapshot, events, result, cancel; and making one in the background.

use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::Request;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::json;
use serde_json::value::RawValue;
use serde_json::value::to_raw_value;
use tokio::time::timeout;

use super::Door;
use super::ask;
use super::base;
use super::estimate;
use super::gap::Lookout;
use super::prefer::Prefer;
use super::prefer::Told;
use super::problem::Code;
use super::problem::Problem;
use super::request;
use super::request::Accepted;
use super::request::NoParameters;
use super::request::OfRun;
use super::request::Parameters;
use super::stream;
use crate::event::Entry;
use crate::event::OnDisconnect;
use crate::id::RunId;
use crate::runs::Absent;
use crate::runs::Attached;
use crate::runs::snapshot;
use crate::runs::snapshot::QueryState;
use crate::runs::snapshot::Snapshot;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// `POST /api/v1/runs`: makes a run in the background, and waits for its end if that is preferred.
pub async fn create(State(door): State<Arc<Door>>, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::read(request.uri(), &["dry_run"])?;
    if parameters.flag("dry_run")?.unwrap_or(false) {
        return estimate::answer(&door, request).await;
    }
    let (parts, body) = request.into_parts();
    let prefer = Prefer::read(&parts.headers);
    let (mut asked, key) = ask::read_ask(&door, &parts.headers, body).await?;
    let policy = *asked.options.on_disconnect.get_or_insert(OnDisconnect::Continue);
    let attached = door.runs.start(asked, key).await?;
    let last = match prefer.wait {
        Some(time) => wait(&attached, policy, time).await?,
        None => None,
    };
    let status = if last.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = match (prefer.told, last) {
        (Some(Told::Minimal), _) => Json(json!({"run_id": attached.run})).into_response(),
        (_, Some(last)) => as_json(&door, &last),
        (_, None) => Json(snapshot_of(&door, &attached).await?).into_response(),
    };
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().extend(prefer.applied().map(|applied| (PREFERENCE_APPLIED, applied)));
    stream::name_run(&mut response, &attached.run, attached.created);
    Ok(response)
}

/// The run's last event, if it comes in time.
async fn wait(attached: &Attached, policy: OnDisconnect, time: Duration) -> Result<Option<Entry>, Problem> {
    // Who waits keeps a run of `grace`. One of `cancel` is ended by those who watch it: an answer in time
    // would end it.
    let _watch = if policy == OnDisconnect::Grace { attached.watch() } else { None };
    // The end is waited for, and then read: a run that has ended is told of however short the wait.
    match timeout(time, attached.journal.end()).await {
        Ok(_) => Ok(Some(attached.journal.last().await?.ok_or_else(|| lost(&attached.run))?)),
        Err(_) => Ok(None),
    }
}

fn lost(run: &RunId) -> Problem {
    Problem::new(Code::Internal, "the run was lost").run(run)
}

/// An event as a document of its own.
fn as_json(door: &Door, entry: &Entry) -> Response {
    let entry = base::shown(&door.settings.base, entry);
    ([(header::CONTENT_TYPE, "application/json")], Body::from(entry.json())).into_response()
}

/// `GET /api/v1/runs/{id}`: the run at a glance.
pub async fn show(
    State(door): State<Arc<Door>>,
    OfRun(run): OfRun,
    _: NoParameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let attached = door.runs.attach(&run).await?;
    let head = attached.journal.head();
    let about = door.runs.record(&run).await?.about;
    // A snapshot changes with the journal and with what people write, but for the clocks it shows.
    let mut hasher = DefaultHasher::new();
    about.hash(&mut hasher);
    let etag = format!("W/\"{}.{}.{:x}\"", attached.run, head.seq, hasher.finish());
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == etag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let snapshot = snapshot_of(&door, &attached).await?;
    Ok(([(header::ETAG, etag), (header::CACHE_CONTROL, "no-cache".into())], Json(snapshot)).into_response())
}

/// `GET /api/v1/runs/{id}/events`: the journal.
pub async fn events(
    State(door): State<Arc<Door>>,
    OfRun(run): OfRun,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &ask::OF_STREAM)?;
    let accepted = request::accepted(&headers)?;
    let cursor = request::cursor(&headers, &parameters)?;
    let attached = door.runs.attach(&run).await?;
    let after = match &cursor {
        Some(cursor) if cursor.run != run => return Err(ask::mismatch(&cursor.run)),
        Some(cursor) if ask::at_end(&attached, cursor)? => return Ok(StatusCode::NO_CONTENT.into_response()),
        Some(cursor) => cursor.seq,
        None => 0,
    };
    match accepted {
        Accepted::Json => page(&door, attached, after, parameters.flag("deltas")?.unwrap_or(false)).await,
        _ => ask::follow(&door, attached, after, &parameters, accepted).await,
    }
}

/// A page of events as one JSON document.
async fn page(door: &Door, attached: Attached, after: u64, deltas: bool) -> Result<Response, Problem> {
    let entries = attached.journal.page(after).await?;
    let gap = Lookout::new(&attached, deltas).gap(&attached.journal, after, &entries).await?;
    let next = entries.last().map_or(after, |last| last.seq);
    let shown = entries.iter().filter(|entry| deltas || !entry.is_delta());
    let shown = shown.map(|entry| base::shown(&door.settings.base, entry).json());
    let shown = shown.filter_map(|json| serde_json::from_slice(&json).ok());
    let events = gap.map(|gap| to_raw_value(&gap)).transpose();
    let events: Vec<Box<RawValue>> = events.unwrap_or_default().into_iter().chain(shown).collect();
    let cursor = (next > 0).then(|| format!("{}.{next}", attached.run));
    let terminal = entries.last().is_some_and(Entry::is_final);
    let page = Page { events, next_cursor: cursor, terminal };
    Ok((no_store(), Json(page)).into_response())
}

#[derive(serde::Serialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    terminal: bool,
}

/// `GET /api/v1/runs/{id}/result`: the whole final result.
pub async fn result(
    State(door): State<Arc<Door>>,
    OfRun(run): OfRun,
    _: NoParameters,
) -> Result<Response, Problem> {
    let attached = door.runs.attach(&run).await?;
    if !attached.journal.head().ended {
        let detail = "the run has not ended; follow its events or ask again later";
        return Err(Problem::new(Code::RunNotFinished, detail).run(&attached.run));
    }
    let last = attached.journal.last().await?;
    let last = last.ok_or_else(|| lost(&attached.run))?;
    Ok(([(header::CACHE_CONTROL, "no-cache")], as_json(&door, &last)).into_response())
}

/// `GET /api/v1/runs/{id}/queries/{query}/result`: one query's whole answer.
pub async fn query_result(
    State(door): State<Arc<Door>>,
    path: Result<Path<(String, String)>, PathRejection>,
    _: NoParameters,
) -> Result<Response, Problem> {
    let Path((run, query)) = path.map_err(|_| Problem::from(Absent::Unknown))?;
    let attached = door.runs.attach(&request::run_id(&run)?).await?;
    let snapshot = snapshot_of(&door, &attached).await?;
    let view = snapshot.queries.into_iter().find(|view| view.planned.query.as_str() == query);
    let view = view.ok_or_else(|| Problem::not_found("the run has no such query").run(&attached.run))?;
    match (view.result, view.status) {
        (Some(result), _) => Ok(([(header::CACHE_CONTROL, "no-cache")], Json(result)).into_response()),
        (None, QueryState::Pending | QueryState::Running) => {
            Err(Problem::new(Code::RunNotFinished, "the query has not ended").run(&attached.run))
        }
        (None, _) => Err(Problem::not_found("the query ended without an answer").run(&attached.run)),
    }
}

/// The snapshot of an attached run.
pub async fn snapshot_of(door: &Door, attached: &Attached) -> Result<Snapshot, Problem> {
    // A run shows what it will ask from its first event on, which is written as soon as it is made.
    attached.journal.after(0).await?;
    let record = door.runs.record(&attached.run).await?;
    let snapshot = snapshot::take(&attached.run, &record, &attached.journal).await?;
    Ok(base::of_snapshot(&door.settings.base, snapshot))
}

/// What must be asked for each time.
pub fn no_store() -> [(header::HeaderName, &'static str); 1] {
    [(header::CACHE_CONTROL, "no-store")]
}
