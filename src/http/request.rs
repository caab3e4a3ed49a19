//! Reading requests: parameters, cursors, what is accepted.

use axum::extract::FromRequestParts;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::http::Uri;
use axum::http::header;
use axum::http::request::Parts;

use super::problem::Code;
use super::problem::Problem;
use crate::ask::AskFault;
use crate::id::Cursor;
use crate::id::RunId;

/// The parameters of an address, decoded.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameters of `uri`.
    ///
    /// # Errors
    /// A [`Problem`] when one stands twice or is none of `known`.
    pub fn read(uri: &Uri, known: &[&str]) -> Result<Parameters, Problem> {
        let query = uri.query().unwrap_or_default();
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let fault =
                |detail: String| Problem::invalid(vec![AskFault { pointer: format!("/{name}"), detail }]);
            if !known.contains(&name.as_ref()) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(fault(format!("unknown parameter `{name}`; known are {known}")));
            }
            if pairs.iter().any(|(seen, _)| *seen == name) {
                return Err(fault(format!("the parameter `{name}` stands twice")));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Parameters(pairs))
    }

    /// A parameter's value; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(seen, _)| seen == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A parameter that is `true` or `false`.
    ///
    /// # Errors
    /// A [`Problem`] when it is neither.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => {
                let detail = "expected true or false".to_owned();
                Err(Problem::invalid(vec![AskFault { pointer: format!("/{name}"), detail }]))
            }
        }
    }
}

/// A request whose address has no parameters.
pub struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<NoParameters, Problem> {
        Parameters::read(&parts.uri, &[]).map(|_| NoParameters)
    }
}

/// The cursor of a request: its header, else its parameter; empty counts as absent.
///
/// # Errors
/// [`BadCursor`] when there is one and it is malformed.
pub fn cursor(headers: &HeaderMap, parameters: &Parameters) -> Result<Option<Cursor>, BadCursor> {
    let header = headers.get("last-event-id").filter(|value| !value.is_empty());
    let text = match header {
        Some(value) => value.to_str().map_err(|_| BadCursor)?,
        None => match parameters.get("last_event_id").or_else(|| parameters.get("lastEventId")) {
            Some(text) => text,
            None => return Ok(None),
        },
    };
    text.parse().map(Some).map_err(|_| BadCursor)
}

/// A cursor that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCursor;

impl From<BadCursor> for Problem {
    fn from(_: BadCursor) -> Problem {
        Problem::new(Code::BadCursor, "expected an event's id such as run_01jd….12, as the stream sent it")
    }
}

/// The run that a path names; anything else names no run.
pub struct OfRun(pub RunId);

impl<S: Send + Sync> FromRequestParts<S> for OfRun {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<OfRun, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => run_id(&text).map(OfRun),
            // What is not UTF-8 is no id either.
            Err(_) => Err(crate::runs::Absent::Unknown.into()),
        }
    }
}

/// A run's id in an address; anything else names no run.
///
/// # Errors
/// A not-found [`Problem`].
pub fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| crate::runs::Absent::Unknown.into())
}

/// What a client accepts, in the forms that a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// `text/event-stream`, `*/*` or nothing.
    Sse,
    /// `application/x-ndjson`.
    Ndjson,
    /// `application/json`.
    Json,
}

/// The form that the `Accept` header asks for.
///
/// # Errors
/// A [`Problem`] when none of ours is accepted.
pub fn accepted(headers: &HeaderMap) -> Result<Accepted, Problem> {
    let values: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().map(|value| value.to_str().unwrap_or("?")).collect();
    let all = values.join(",");
    if all.trim().is_empty() {
        return Ok(Accepted::Sse);
    }
    let refused =
        |range: &str| range.split(';').skip(1).any(|p| p.trim().trim_start_matches("q=").parse() == Ok(0.0));
    let kinds: Vec<String> = all
        .split(',')
        .filter(|range| !refused(range))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .collect();
    let has = |wanted: &[&str]| kinds.iter().any(|kind| wanted.contains(&kind.as_str()));
    match () {
        () if has(&["text/event-stream", "text/*", "*/*"]) => Ok(Accepted::Sse),
        () if has(&["application/x-ndjson"]) => Ok(Accepted::Ndjson),
        () if has(&["application/json", "application/*"]) => Ok(Accepted::Json),
        () => Err(Problem::new(
            Code::NotAcceptable,
            "offered are text/event-stream, application/x-ndjson and application/json",
        )),
    }
}
