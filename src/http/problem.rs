//! Problems: the HTTP bodies that say why a request was not done (RFC 9457).
//!
//! Only this file knows which status belongs to what.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use crate::ask::AskFault;
use crate::id::RunId;
use crate::pool::NoTarget;
use crate::runs::Absent;
use crate::runs::Refusal;
use crate::store::StoreError;

/// Kinds of problems; the names are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Not JSON, or not even text.
    InvalidJson,
    /// Not an event's id.
    BadCursor,
    /// A host that is not this computer.
    BadHost,
    /// A GET that must not start a run.
    Forbidden,
    /// From another site.
    BadOrigin,
    /// Nothing here.
    NotFound,
    /// Another method is.
    MethodNotAllowed,
    /// The body came too slowly.
    RequestTimeout,
    /// No form of ours is accepted.
    NotAcceptable,
    /// There is no result yet.
    RunNotFinished,
    /// A cursor of another run.
    CursorMismatch,
    /// A cursor past the end.
    CursorAhead,
    /// Not from the state that the run is in.
    IllegalTransition,
    /// The run was kept once.
    RunExpired,
    /// More bytes than the limit.
    PayloadTooLarge,
    /// A longer address than the limit.
    UriTooLong,
    /// Not `application/json`.
    UnsupportedMediaType,
    /// Places that are wrong are listed.
    ValidationFailed,
    /// No such panel.
    UnknownPanel,
    /// A key of another body.
    IdempotencyConflict,
    /// No place for one more stream.
    TooManyStreams,
    /// One after another.
    RateLimited,
    /// More bytes than the limit.
    HeadersTooLarge,
    /// An error of ours.
    Internal,
    /// Nobody can answer.
    NoProviders,
    /// Too many runs.
    Overloaded,
    /// The server is stopping.
    Draining,
    /// The disk is full.
    StorageFull,
}

impl Code {
    /// The code, its status and its title.
    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Code::InvalidJson => ("invalid_json", S::BAD_REQUEST, "The request could not be read"),
            Code::BadCursor => ("bad_cursor", S::BAD_REQUEST, "The cursor is malformed"),
            Code::BadHost => ("bad_host", S::BAD_REQUEST, "This server does not answer to that host"),
            Code::Forbidden => ("forbidden", S::FORBIDDEN, "This request may not start a run"),
            Code::BadOrigin => ("bad_origin", S::FORBIDDEN, "The request comes from another site"),
            Code::NotFound => ("not_found", S::NOT_FOUND, "There is nothing here"),
            Code::MethodNotAllowed => {
                ("method_not_allowed", S::METHOD_NOT_ALLOWED, "The method is not allowed here")
            }
            Code::RequestTimeout => {
                ("request_timeout", S::REQUEST_TIMEOUT, "The request took too long to arrive")
            }
            Code::NotAcceptable => {
                ("not_acceptable", S::NOT_ACCEPTABLE, "None of the accepted types is offered")
            }
            Code::RunNotFinished => ("run_not_finished", S::CONFLICT, "The run has not ended"),
            Code::CursorMismatch => ("cursor_mismatch", S::CONFLICT, "The cursor belongs to another run"),
            Code::CursorAhead => ("cursor_ahead", S::CONFLICT, "The cursor is ahead of the journal"),
            Code::IllegalTransition => {
                ("illegal_transition", S::CONFLICT, "The run's state does not allow that")
            }
            Code::RunExpired => ("run_expired", S::GONE, "The run is no longer kept"),
            Code::PayloadTooLarge => ("payload_too_large", S::PAYLOAD_TOO_LARGE, "The body is too large"),
            Code::UriTooLong => ("uri_too_long", S::URI_TOO_LONG, "The address is too long"),
            Code::UnsupportedMediaType => {
                ("unsupported_media_type", S::UNSUPPORTED_MEDIA_TYPE, "The body's type is not supported")
            }
            Code::ValidationFailed => {
                ("validation_failed", S::UNPROCESSABLE_ENTITY, "The request is not valid")
            }
            Code::UnknownPanel => ("unknown_panel", S::UNPROCESSABLE_ENTITY, "The panel does not exist"),
            Code::IdempotencyConflict => {
                ("idempotency_conflict", S::UNPROCESSABLE_ENTITY, "The key was used with another body")
            }
            Code::TooManyStreams => ("too_many_streams", S::TOO_MANY_REQUESTS, "Too many streams are open"),
            Code::RateLimited => ("rate_limited", S::TOO_MANY_REQUESTS, "Too many requests at once"),
            Code::HeadersTooLarge => {
                ("headers_too_large", S::REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large")
            }
            Code::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "The server failed"),
            Code::NoProviders => ("no_providers", S::SERVICE_UNAVAILABLE, "No model can answer"),
            Code::Overloaded => ("overloaded", S::SERVICE_UNAVAILABLE, "The server is busy"),
            Code::Draining => ("draining", S::SERVICE_UNAVAILABLE, "The server is stopping"),
            Code::StorageFull => ("storage_full", S::SERVICE_UNAVAILABLE, "There is no room for a new run"),
        }
    }
}

/// Why a request was not done.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    errors: Vec<AskFault>,
    hint: Option<String>,
    run: Option<RunId>,
    closes: bool,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), errors: Vec::new(), hint: None, run: None, closes: false }
    }

    /// The same problem with the places that are wrong.
    pub fn errors(mut self, errors: Vec<AskFault>) -> Problem {
        self.errors = errors;
        self
    }

    /// The same problem with what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem with the run it concerns.
    pub fn run(mut self, run: &RunId) -> Problem {
        self.run = Some(run.clone());
        self
    }

    /// The same problem, after which nothing more is read from the connection.
    pub fn close(mut self) -> Problem {
        self.closes = true;
        self
    }

    /// Faults of an ask.
    pub fn invalid(errors: Vec<AskFault>) -> Problem {
        let detail = match errors.as_slice() {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} faults", many.len()),
        };
        Problem::new(Code::ValidationFailed, detail).errors(errors)
    }

    /// Nothing at this address.
    pub fn not_found(what: impl Into<String>) -> Problem {
        Problem::new(Code::NotFound, what)
    }

    /// The body, once the request's id is known.
    pub fn body(&self, request_id: &str) -> Value {
        let (code, status, title) = self.code.facts();
        let mut body = json!({
            "type": format!("/problems/{code}"), "title": title, "status": status.as_u16(), "detail": self.detail,
            "code": code, "request_id": request_id,
        });
        let optional = [
            ("errors", (!self.errors.is_empty()).then(|| json!(self.errors))),
            ("hint", self.hint.as_ref().map(|hint| json!(hint))),
            ("retry_after_ms", self.retry_after().map(|seconds| json!(seconds * 1000))),
            ("run_id", self.run.as_ref().map(|run| json!(run))),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                body[key] = value;
            }
        }
        body
    }

    /// Seconds after which asking again makes sense.
    fn retry_after(&self) -> Option<u64> {
        match self.code {
            Code::RateLimited => Some(1),
            // Not all at the same moment.
            Code::TooManyStreams | Code::Overloaded | Code::Draining => Some(rand::random_range(4..=6)),
            Code::NoProviders | Code::StorageFull => Some(60),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    /// Carries itself to [`super::door`], which knows the request's id and writes the body.
    fn into_response(self) -> Response {
        let (_, status, _) = self.code.facts();
        let mut response = (status, Json(Value::Null)).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.closes {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::UnknownPanel(name, known) => {
                let known: Vec<_> = known.iter().map(|name| name.as_str()).collect();
                Problem::new(Code::UnknownPanel, format!("there is no panel `{name}`"))
                    .hint(format!("Known panels: {}.", known.join(", ")))
            }
            Refusal::Faults(faults) => Problem::invalid(faults),
            Refusal::NoProvider(query, why @ NoTarget::NoDefault) => {
                Problem::new(Code::NoProviders, format!("queries.{query}: {why}"))
                    .hint("Set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, or add a provider to the configuration.")
            }
            Refusal::NoProvider(query, why) => {
                Problem::new(Code::NoProviders, format!("queries.{query}: {why}"))
                    .hint("Add the provider to the configuration, or change the panel's models.")
            }
            Refusal::Conflict(run) => {
                let detail = "this Idempotency-Key was used with another body; use a new key for a new ask";
                Problem::new(Code::IdempotencyConflict, detail).run(&run)
            }
            Refusal::Overloaded => {
                Problem::new(Code::Overloaded, "too many runs are under way; ask again soon")
            }
            Refusal::Draining => Problem::new(Code::Draining, "the server is stopping and takes no new runs"),
            Refusal::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        if error == StoreError::Missing {
            return Absent::Unknown.into();
        }
        tracing::error!(%error, "the store failed");
        match error {
            StoreError::Full => {
                Problem::new(Code::StorageFull, "the server's disk is nearly full; ask again later")
            }
            StoreError::Damaged => {
                Problem::new(Code::Internal, "the run is damaged on disk and cannot be shown")
            }
            _ => Problem::new(Code::Internal, "the run could not be read or written"),
        }
    }
}

impl From<Absent> for Problem {
    fn from(absent: Absent) -> Problem {
        match absent {
            Absent::Unknown => Problem::not_found("there is no such run; it may have been deleted"),
            Absent::Expired => Problem::new(Code::RunExpired, "the run's retention time is over"),
            Absent::Store(error) => error.into(),
        }
    }
}
