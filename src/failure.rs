//! Why an attempt, a query or a run did not succeed.
//!
//! A failure is a value with a code of the contract and a sentence for a
//! person. It is never an answer and never reaches a merge or a prompt.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

/// The failure codes of the contract, section 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A clock ran out; `which` says which one.
    Timeout,
    /// No connection: refused, unreachable, reset or closed before an answer began, name not found.
    ConnectFailed,
    /// The TLS handshake failed or the certificate was not accepted.
    TlsFailed,
    /// The provider asked us to slow down (429).
    RateLimited,
    /// The provider said that it is overloaded (503, 529).
    Overloaded,
    /// The provider failed otherwise (5xx, an error object in an answer).
    ProviderError,
    /// The key was refused (401, 403).
    CredentialsRefused,
    /// The account has no credit (402).
    NoCredit,
    /// The provider does not know the model.
    ModelNotFound,
    /// The provider refused the request as wrong (400, 422).
    RequestRefused,
    /// The prompt is longer than the model reads.
    ContextTooLong,
    /// The provider declined to answer (content filter, refusal).
    ContentRefused,
    /// The connection broke after the answer had begun, or the stream ended without its end mark.
    CutMidAnswer,
    /// The answer is not what the protocol promises, or not JSON where JSON was asked.
    UnreadableAnswer,
    /// The answer has no text.
    EmptyAnswer,
    /// The answer does not fit the query's schema.
    InvalidOutput,
    /// The answer is larger than the limit.
    AnswerTooLarge,
    /// The endpoint is not asked at present because it kept failing.
    BreakerOpen,
    /// A query that this one needs did not succeed.
    DependencyFailed,
    /// The query's condition was false.
    ConditionFalse,
    /// The run's cost limit was reached.
    CostLimit,
    /// Somebody cancelled the query or the run.
    Cancelled,
    /// The run's time was over.
    RunTimeout,
    /// The server accepted the run and had to drop it from its queue.
    OverloadedHere,
    /// The server stopped during this query.
    Interrupted,
    /// The run was recovered too often.
    PoisonRun,
    /// The store lost the run.
    StoreLost,
    /// The run made no progress.
    Stale,
}

/// Which clock ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Name look-up, TCP and TLS.
    Connect,
    /// From the request to the first content.
    FirstContent,
    /// Between two pieces of content.
    Idle,
    /// A whole call that does not stream.
    Attempt,
    /// The query with all its attempts.
    Query,
}

/// Why an attempt or a query did not succeed, as it stands in events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind of failure.
    pub code: Code,
    /// A sentence for a person.
    pub message: String,
    /// Whether asking again may help.
    pub retryable: bool,
    /// The provider that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Its endpoint, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The provider's HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The clock, if a clock ran out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub which: Option<Clock>,
    /// That clock's limit in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
    /// What the provider said, sanitised, at most 2 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_message: Option<String>,
    /// What a person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// How long the provider asked us to wait.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Longest `provider_message` in bytes.
    pub const MAX_PROVIDER_MESSAGE: usize = 2048;

    /// A failure of this kind, retryable as the kind is.
    pub fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
            retryable: code.is_retryable(),
            provider: None,
            endpoint: None,
            http_status: None,
            which: None,
            limit_ms: None,
            provider_message: None,
            hint: None,
            retry_after: None,
        }
    }

    /// A clock that ran out.
    pub fn timeout(which: Clock, limit: Duration, message: impl Into<String>) -> Failure {
        Failure {
            which: Some(which),
            limit_ms: Some(limit.as_millis() as u64),
            ..Failure::new(Code::Timeout, message)
        }
    }

    /// The same failure with what the provider said: control characters out, cut at 2 KiB.
    pub fn said(mut self, text: &str) -> Failure {
        let mut clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if clean.len() > Failure::MAX_PROVIDER_MESSAGE {
            let mut end = Failure::MAX_PROVIDER_MESSAGE;
            while !clean.is_char_boundary(end) {
                end -= 1;
            }
            clean.truncate(end);
        }
        let clean = clean.trim();
        self.provider_message = (!clean.is_empty()).then(|| clean.to_owned());
        self
    }

    /// The same failure with what a person can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

/// The word of the contract.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Code {
    /// Whether a second call of the same kind may succeed.
    pub fn is_retryable(self) -> bool {
        match self {
            Code::Timeout
            | Code::ConnectFailed
            | Code::RateLimited
            | Code::Overloaded
            | Code::ProviderError
            | Code::CutMidAnswer
            | Code::UnreadableAnswer
            | Code::EmptyAnswer
            | Code::InvalidOutput
            | Code::BreakerOpen
            | Code::OverloadedHere
            | Code::Interrupted
            | Code::RunTimeout
            | Code::Stale => true,
            Code::TlsFailed
            | Code::CredentialsRefused
            | Code::NoCredit
            | Code::ModelNotFound
            | Code::RequestRefused
            | Code::ContextTooLong
            | Code::ContentRefused
            | Code::AnswerTooLarge
            | Code::DependencyFailed
            | Code::ConditionFalse
            | Code::CostLimit
            | Code::Cancelled
            | Code::PoisonRun
            | Code::StoreLost => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_says_is_cut_and_cleaned() {
        let failure =
            Failure::new(Code::ProviderError, "x").said(&format!("a\r\n\u{1b}[31m{}", "é".repeat(3000)));
        let said = failure.provider_message.unwrap();
        assert!(said.len() <= Failure::MAX_PROVIDER_MESSAGE);
        assert!(said.starts_with("a") && !said.contains(['\r', '\n', '\u{1b}']));
    }

    #[test]
    fn a_code_is_written_as_on_the_wire() {
        assert_eq!(Code::CutMidAnswer.to_string(), "cut_mid_answer");
    }

    #[test]
    fn absent_fields_are_missing_not_null() {
        let json = serde_json::to_string(&Failure::new(Code::Cancelled, "Cancelled by you.")).unwrap();
        assert_eq!(json, r#"{"code":"cancelled","message":"Cancelled by you.","retryable":false}"#);
    }
}
