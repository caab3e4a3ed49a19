//! What the scripted provider plays for a query: its attempts, one after the other.
//!
//! The words of `simulated.toml`; playing them is the provider's business.

use std::sync::Arc;
use std::time::Duration;

use crate::failure::Code;

/// One attempt of a script. After the last one, the last is played again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptStep {
    /// Silence before anything comes.
    pub wait: Duration,
    /// How long the answer takes to arrive after that.
    pub over: Duration,
    /// Characters (code points) in a chunk; at least 1.
    pub chunk: usize,
    /// How it ends.
    pub outcome: ScriptOutcome,
}

/// How a scripted attempt ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptOutcome {
    /// With this text.
    Answer(Arc<str>),
    /// With a failure.
    Fail {
        /// Its kind.
        code: Code,
        /// How long the provider asks us to wait.
        retry_after: Option<Duration>,
    },
}

/// The failures a script can play: those that a provider can cause. Clocks are for `wait` to exceed.
pub const FAILURES: [(&str, Code); 15] = [
    ("connect_failed", Code::ConnectFailed),
    ("tls_failed", Code::TlsFailed),
    ("rate_limited", Code::RateLimited),
    ("overloaded", Code::Overloaded),
    ("provider_error", Code::ProviderError),
    ("credentials_refused", Code::CredentialsRefused),
    ("no_credit", Code::NoCredit),
    ("model_not_found", Code::ModelNotFound),
    ("request_refused", Code::RequestRefused),
    ("context_too_long", Code::ContextTooLong),
    ("content_refused", Code::ContentRefused),
    ("cut_mid_answer", Code::CutMidAnswer),
    ("unreadable_answer", Code::UnreadableAnswer),
    ("empty_answer", Code::EmptyAnswer),
    ("answer_too_large", Code::AnswerTooLarge),
];
