//! Asking: `/ask-stream` and `/ask`, by POST and by GET.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Door;
use super::base;
use super::body;
use super::problem::Code;
use super::problem::Problem;
use super::request;
use super::request::Accepted;
use super::request::NoParameters;
use super::request::Parameters;
use super::shorten;
use super::stream;
use super::stream::Form;
use super::stream::Heartbeat;
use super::stream::View;
use crate::ask::Ask;
use crate::ask::AskFault;
use crate::event::OnDisconnect;
use crate::event::RunOutcome;
use crate::id::Cursor;
use crate::id::RunId;
use crate::runs::Absent;
use crate::runs::Attached;
use crate::store::IdempotencyKey;
use crate::store::KeyScope;

/// Names of the question in an address.
const QUESTION: [&str; 4] = ["question", "project_description", "prompt", "query"];
/// Parameters of an asking GET.
const KNOWN: [&str; 13] = [
    "panel",
    "question",
    "project_description",
    "prompt",
    "query",
    "key",
    "run_id",
    "last_event_id",
    "lastEventId",
    "deltas",
    "heartbeat",
    "max_event_bytes",
    "language",
];
/// Parameters of a POST: those of its stream.
pub const OF_STREAM: [&str; 5] = ["last_event_id", "lastEventId", "deltas", "heartbeat", "max_event_bytes"];
/// Longest question in an address, in bytes.
const MAX_GET_QUESTION: usize = 4096;

/// `POST /ask-stream`: makes a run and streams it; with a cursor it attaches and makes none.
pub async fn post(State(door): State<Arc<Door>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let parameters = Parameters::read(&parts.uri, &OF_STREAM)?;
    let accepted = request::accepted(&parts.headers)?;
    if let Some(cursor) = request::cursor(&parts.headers, &parameters)? {
        return attach_post(&door, &cursor, &parameters, accepted).await;
    }
    let (mut ask, key) = read_ask(&door, &parts.headers, body).await?;
    ask.options.on_disconnect.get_or_insert(OnDisconnect::Grace);
    ask.options.deltas |= parameters.flag("deltas")?.unwrap_or(false);
    let deltas = ask.options.deltas;
    start(&door, ask, key, stream_view(&parameters, accepted, deltas)?).await
}

/// `POST /ask`: makes a run, waits and answers with its final result.
pub async fn wait(
    State(door): State<Arc<Door>>,
    _: NoParameters,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (mut ask, key) = read_ask(&door, &parts.headers, body).await?;
    ask.options.on_disconnect.get_or_insert(OnDisconnect::Grace);
    let attached = door.runs.start(ask, key).await?;
    wait_for_result(&door, attached).await
}

/// `GET /ask-stream`: the form of a native `EventSource`.
pub async fn get(State(door): State<Arc<Door>>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &KNOWN)?;
    let accepted = request::accepted(&headers)?;
    // A native EventSource stops only when it is not answered with 200: an unknown or finished cursor is 204.
    match request::cursor(&headers, &parameters) {
        Ok(Some(cursor)) => return attach_get(&door, &cursor, &parameters, accepted).await,
        Err(_) => return Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(None) => {}
    }
    if let Some(run) = parameters.get("run_id") {
        let attached = door.runs.attach(&request::run_id(run)?).await?;
        return follow(&door, attached, 0, &parameters, accepted).await;
    }
    refuse_foreign_get(&headers)?;
    let ask = ask_of(&parameters)?;
    let key = get_key(&uri, &parameters);
    let deltas = ask.options.deltas;
    start(&door, ask, Some(key), stream_view(&parameters, accepted, deltas)?).await
}

/// Makes a run, or joins one, and answers in the form that was asked for.
async fn start(
    door: &Door,
    ask: Ask,
    key: Option<IdempotencyKey>,
    view: Option<View>,
) -> Result<Response, Problem> {
    // Whatever can be refused is refused before a run is made.
    let slot = door.slot()?;
    let attached = door.runs.start(ask, key).await?;
    match view {
        Some(view) => Ok(stream::respond(attached, view, &door.settings, slot)),
        None => wait_for_result(door, attached).await,
    }
}

/// The ask of a request's body, and the key that makes it one run.
pub async fn read_ask(
    door: &Door,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Ask, Option<IdempotencyKey>), Problem> {
    let key = idempotency_key(headers)?;
    if key.is_none() {
        // Before anything is read: in a storm most are sent away, and that must cost little. Who has a key
        // may join a run that is there.
        door.runs.has_room()?;
    }
    let body = body::json(headers, body, &door.settings).await?;
    let key = key.map(|key| key_of(key, &body));
    Ok((Ask::from_json(body).map_err(Problem::invalid)?, key))
}

/// A caller's key for what was asked with it.
pub fn key_of(key: String, body: &Value) -> IdempotencyKey {
    IdempotencyKey { key: format!("key:{key}"), body: body.clone(), scope: KeyScope::Day }
}

/// The key that makes equal requests one run.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if is_key(key) => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(
            Code::ValidationFailed,
            "Idempotency-Key: expected 1 to 255 visible ASCII characters",
        )),
    }
}

fn is_key(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|c| c.is_ascii_graphic())
}

/// Joins a GET to the run of its `key`, else to a live run of the very same address.
fn get_key(uri: &Uri, parameters: &Parameters) -> IdempotencyKey {
    let body = |names: &[&str]| names.iter().map(|name| json!(parameters.get(name))).collect();
    match parameters.get("key") {
        Some(key) => {
            let asked = ["panel", "language"].into_iter().chain(QUESTION).collect::<Vec<_>>();
            IdempotencyKey { key: format!("get:{key}"), body: body(&asked), scope: KeyScope::Day }
        }
        None => IdempotencyKey { key: format!("url:{uri}"), body: Value::Null, scope: KeyScope::WhileLive },
    }
}

/// The ask that an address means.
fn ask_of(parameters: &Parameters) -> Result<Ask, Problem> {
    let mut body = Map::new();
    for name in QUESTION.into_iter().chain(["panel", "language"]) {
        if let Some(value) = parameters.get(name) {
            body.insert(name.to_owned(), value.into());
        }
    }
    let fault =
        |pointer: &str, detail: String| Problem::invalid(vec![AskFault { pointer: pointer.into(), detail }]);
    let question = QUESTION.iter().find_map(|name| parameters.get(name)).unwrap_or_default();
    if question.len() > MAX_GET_QUESTION {
        let detail =
            format!("an address holds at most {MAX_GET_QUESTION} bytes of question; use POST for more");
        return Err(fault("/question", detail));
    }
    if parameters.get("key").is_some_and(|key| !is_key(key)) {
        return Err(fault("/key", "expected 1 to 255 visible ASCII characters".into()));
    }
    let mut ask = Ask::from_json(Value::Object(body)).map_err(Problem::invalid)?;
    ask.options.deltas = parameters.flag("deltas")?.unwrap_or(false);
    ask.options.on_disconnect = Some(OnDisconnect::Grace);
    Ok(ask)
}

/// A GET that makes a run is refused when another site, a prefetch or an address bar may have sent it.
fn refuse_foreign_get(headers: &HeaderMap) -> Result<(), Problem> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if value("sec-purpose").contains("prefetch") {
        return Err(Problem::new(Code::Forbidden, "a prefetch does not start a run"));
    }
    if value(header::ACCEPT.as_str()).contains("text/html") {
        return Err(Problem::new(Code::Forbidden, "an address bar does not start a run")
            .hint("Open the page at / or use an EventSource."));
    }
    Ok(())
}

/// How a stream of these parameters shows its journal; `None` when one JSON document is wanted instead.
fn stream_view(parameters: &Parameters, accepted: Accepted, deltas: bool) -> Result<Option<View>, Problem> {
    let heartbeat = match parameters.get("heartbeat") {
        None | Some("comment") => Heartbeat::Comment,
        Some("event") => Heartbeat::Event,
        Some(_) => {
            let detail = "expected `event` or `comment`".to_owned();
            return Err(Problem::invalid(vec![AskFault { pointer: "/heartbeat".into(), detail }]));
        }
    };
    let form = match accepted {
        Accepted::Sse => Form::Sse,
        Accepted::Ndjson => Form::Ndjson,
        Accepted::Json => return Ok(None),
    };
    let max_event_bytes = max_event_bytes(parameters)?;
    Ok(Some(View { after: 0, deltas, form, heartbeat, max_event_bytes }))
}

fn max_event_bytes(parameters: &Parameters) -> Result<usize, Problem> {
    let Some(text) = parameters.get("max_event_bytes") else { return Ok(shorten::DEFAULT) };
    text.parse().ok().filter(|bytes| shorten::ALLOWED.contains(bytes)).ok_or_else(|| {
        let detail = format!("expected {} to {}", shorten::ALLOWED.start(), shorten::ALLOWED.end());
        Problem::invalid(vec![AskFault { pointer: "/max_event_bytes".into(), detail }])
    })
}

async fn attach_get(
    door: &Door,
    cursor: &Cursor,
    parameters: &Parameters,
    accepted: Accepted,
) -> Result<Response, Problem> {
    if parameters.get("run_id").is_some_and(|run| run != cursor.run.as_str()) {
        return Err(mismatch(&cursor.run));
    }
    match door.runs.attach(&cursor.run).await {
        Ok(attached) if at_end(&attached, cursor)? => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(attached) => follow(door, attached, cursor.seq, parameters, accepted).await,
        Err(Absent::Unknown | Absent::Expired) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(absent) => Err(absent.into()),
    }
}

async fn attach_post(
    door: &Door,
    cursor: &Cursor,
    parameters: &Parameters,
    accepted: Accepted,
) -> Result<Response, Problem> {
    let attached = door.runs.attach(&cursor.run).await?;
    // A client of fetch stops only at the end of a 200: it gets the last event again.
    let after = if at_end(&attached, cursor)? { cursor.seq - 1 } else { cursor.seq };
    follow(door, attached, after, parameters, accepted).await
}

/// Whether the client has everything there will be.
///
/// # Errors
/// A [`Problem`] when it claims to have more than there is.
pub fn at_end(attached: &Attached, cursor: &Cursor) -> Result<bool, Problem> {
    let head = attached.journal.head();
    match cursor.seq > head.seq {
        true => {
            Err(Problem::new(Code::CursorAhead, format!("the journal ends at {}", head.seq))
                .run(&attached.run))
        }
        false => Ok(head.ended && cursor.seq == head.seq),
    }
}

/// The problem of a cursor of another run.
pub fn mismatch(run: &RunId) -> Problem {
    Problem::new(Code::CursorMismatch, "the cursor belongs to another run").run(run)
}

/// Streams an attached run as its parameters say.
pub async fn follow(
    door: &Door,
    attached: Attached,
    after: u64,
    parameters: &Parameters,
    accepted: Accepted,
) -> Result<Response, Problem> {
    let deltas = parameters.flag("deltas")?.unwrap_or(false);
    match stream_view(parameters, accepted, deltas)? {
        Some(view) => Ok(stream::respond(attached, View { after, ..view }, &door.settings, door.slot()?)),
        None => wait_for_result(door, attached).await,
    }
}

/// Waits for a run's last event and answers with it.
async fn wait_for_result(door: &Door, attached: Attached) -> Result<Response, Problem> {
    let _watch = attached.watch();
    let Attached { run, created, journal, .. } = attached;
    let last = journal.last().await?;
    let last = last.ok_or_else(|| Problem::new(Code::Internal, "the run was lost").run(&run))?;
    let result: Value = serde_json::from_slice(&base::shown(&door.settings.base, &last).json())
        .map_err(|_| Problem::new(Code::Internal, "the result could not be read").run(&run))?;
    let status = match result["status"] == json!(RunOutcome::Failed) {
        true => StatusCode::BAD_GATEWAY,
        false => StatusCode::OK,
    };
    let mut response = (status, [(header::CACHE_CONTROL, "no-store")], Json(result)).into_response();
    stream::name_run(&mut response, &run, created);
    Ok(response)
}
