//! What a server says when it does not answer, and what that means.
//!
//! Error objects are told apart by their shape and their words, not by whom
//! we asked: gateways pass on those of the vendors behind them.

use std::time::Duration;

use serde_json::Value;

use super::secrets::Secrets;
use super::status;
use crate::failure::Code;
use crate::failure::Failure;

/// An error object, in whichever shape it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    message: String,
    /// `code`, `type`, `status` and the reasons among the details, in lower case.
    kinds: Vec<String>,
    param: String,
    /// A status inside the object.
    status: Option<u16>,
    /// How long to wait, as the details say it.
    retry_after: Option<Duration>,
    /// Whether it came as an object; a stranger's error page does not.
    is_object: bool,
}

/// Who refused whom, for the sentence.
#[derive(Clone, Copy)]
pub(super) struct Whom<'a> {
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    pub(super) has_key: bool,
    pub(super) secrets: &'a Secrets,
}

impl Refusal {
    /// The body of an answer with a bad status; text that is no error object is taken as the message.
    pub(super) fn from_body(body: &[u8]) -> Refusal {
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            // One vendor wraps its error objects into a list.
            let value = value.get(0).unwrap_or(&value);
            if let Some(refusal) = Refusal::in_answer(value).or_else(|| Refusal::bare(value)) {
                return refusal;
            }
        }
        Refusal::from_text(&String::from_utf8_lossy(body))
    }

    /// A text that is all there is.
    pub fn from_text(text: &str) -> Refusal {
        let is_page = text.trim_start().starts_with('<');
        let message = if is_page { title(text).unwrap_or_default() } else { text };
        Refusal { message: message.to_owned(), ..Refusal::default() }
    }

    /// The error object in something that came with a good status; none if it holds none.
    pub(super) fn in_answer(value: &Value) -> Option<Refusal> {
        match value.get("error") {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(Value::String(text)) => {
                return Some(Refusal { is_object: true, ..Refusal::from_text(text) });
            }
            Some(error) => return Some(Refusal::object(error)),
        }
        (value.get("object")?.as_str()? == "error").then(|| Refusal::object(value))
    }

    /// What the `error` event of a stream carries.
    pub(super) fn from_event(data: &str) -> Refusal {
        match serde_json::from_str::<Value>(data) {
            Ok(value) if value.is_object() => {
                Refusal::in_answer(&value).unwrap_or_else(|| Refusal::object(&value))
            }
            _ => Refusal::from_text(data),
        }
    }

    fn bare(value: &Value) -> Option<Refusal> {
        if let Some(Value::String(text)) = value.get("detail") {
            return Some(Refusal { is_object: true, ..Refusal::from_text(text) });
        }
        if let Some(detail) = value.get("detail") {
            // A list of field errors: their text names the fields.
            return Some(Refusal { message: detail.to_string(), is_object: true, ..Refusal::default() });
        }
        value.get("message").map(|_| Refusal::object(value))
    }

    fn object(error: &Value) -> Refusal {
        let text = |key: &str| match error.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let status = [text("code"), text("status")].iter().find_map(|code| code.parse().ok());
        let details = || error.get("details").and_then(Value::as_array).into_iter().flatten();
        let detail = |key: &'static str| details().filter_map(move |detail| detail.get(key)?.as_str());
        let kinds = ["code", "type", "status"].map(text).into_iter();
        let kinds = kinds.chain(detail("reason").map(str::to_owned));
        Refusal {
            message: text("message"),
            kinds: kinds.map(|kind| kind.to_lowercase()).filter(|kind| !kind.is_empty()).collect(),
            param: text("param"),
            status: status.filter(|status| (400..600).contains(status)),
            // A duration as its vendor writes them: seconds and an "s".
            retry_after: detail("retryDelay").find_map(|delay| status::seconds(delay.strip_suffix('s')?)),
            is_object: true,
        }
    }

    /// Whether its message holds one of these lower-case words.
    pub fn mentions(&self, words: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        words.iter().any(|word| message.contains(word))
    }

    /// Whether it is about this parameter.
    pub fn names(&self, parameter: &str) -> bool {
        if self.param.is_empty() {
            return self.message.contains(parameter);
        }
        self.param == parameter
            || self.param.strip_prefix(parameter).is_some_and(|rest| rest.starts_with('.'))
    }

    /// Whether it says that something is not supported, rather than that a value is wrong.
    pub fn is_about_support(&self) -> bool {
        const WORDS: &[&str] = &[
            "unsupported",
            "not support",
            "n't support",
            "unrecognized",
            "unknown",
            "unexpected",
            "not permitted",
            "not allowed",
            "extra inputs",
            "extra fields",
            "deprecated",
            "instead",
        ];
        let in_kind = |word: &&str| self.kinds.iter().any(|kind| kind.contains(word));
        self.mentions(WORDS) || WORDS.iter().any(in_kind)
    }

    /// The failure that it is, under the status it came with.
    pub(super) fn failure(&self, http: u16, whom: Whom<'_>) -> Failure {
        let in_answer = http == 200;
        let status = if in_answer { self.status } else { Some(http) };
        let (code, retryable) = self.meaning(status);
        let mut failure = Failure::new(code, self.sentence(code, http, whom));
        failure.retryable = retryable;
        failure.retry_after = self.retry_after;
        failure.provider = Some(whom.provider.to_owned());
        failure.http_status = Some(http);
        failure.hint = self.hint(code, http, whom);
        failure.said(&whom.secrets.redact(&self.message))
    }

    fn meaning(&self, status: Option<u16>) -> (Code, bool) {
        let kinds = || self.kinds.iter().filter_map(|kind| kind_code(kind));
        let kind = kinds().find(|(_, says)| matches!(says, Says::Always)).or_else(|| kinds().next());
        let code = match (kind, status) {
            // Said so exactly that the status cannot mean anything else.
            (Some((code, Says::Always)), _) => code,
            (_, None | Some(400 | 413 | 422 | 500)) if self.is_about_length() => Code::ContextTooLong,
            (_, None | Some(400 | 403 | 429)) if self.is_about_credit() => Code::NoCredit,
            (_, Some(status)) => return status::meaning(status),
            (Some((code, Says::WithoutStatus)), None) => code,
            (None, None) => Code::ProviderError,
        };
        (code, code.is_retryable())
    }

    fn is_about_length(&self) -> bool {
        self.mentions(&[
            "context length",
            "context size",
            "context window",
            "context limit",
            "maximum context",
            "prompt is too long",
            "exceeds the maximum number of tokens",
        ])
    }

    fn is_about_credit(&self) -> bool {
        self.mentions(&["credit balance is too low", "reached your specified api usage limits"])
    }

    fn sentence(&self, code: Code, http: u16, whom: Whom<'_>) -> String {
        let Whom { provider, model, .. } = whom;
        let model: String = model.chars().take(100).collect();
        match code {
            Code::CredentialsRefused if whom.has_key => format!("{provider} refused the key ({http})."),
            Code::CredentialsRefused => format!("{provider} asks for a key ({http})."),
            Code::NoCredit => format!("{provider} reports no credit ({http})."),
            Code::ModelNotFound if self.is_object => {
                format!("{provider} does not know the model \"{model}\" ({http}).")
            }
            Code::ModelNotFound => {
                format!("{provider} has nothing at this address for the model \"{model}\" ({http}).")
            }
            Code::RateLimited => format!("{provider} asked us to slow down ({http})."),
            Code::Overloaded => format!("{provider} is overloaded ({http})."),
            Code::ContextTooLong => {
                format!("The prompt is longer than the model \"{model}\" of {provider} reads ({http}).")
            }
            Code::ContentRefused => format!("{provider} declined to answer (content filter)."),
            Code::RequestRefused => format!("{provider} refused the request ({http})."),
            Code::UnreadableAnswer => format!("{provider} answered with status {http}, which is no answer."),
            _ if http == 200 => format!("{provider} sent an error inside its answer, after 200."),
            _ if (300..400).contains(&http) => {
                format!("{provider} answered with a redirect ({http}): redirect refused.")
            }
            _ => format!("{http} from {provider}."),
        }
    }

    fn hint(&self, code: Code, http: u16, whom: Whom<'_>) -> Option<String> {
        let provider = whom.provider;
        Some(match code {
            Code::CredentialsRefused if whom.has_key => {
                format!("Check the key of this provider; `askstream doctor {provider}`.")
            }
            Code::CredentialsRefused => format!("Set api_key in [providers.{provider}]."),
            Code::NoCredit => "Top up or switch provider. Not a model fault.".into(),
            Code::ModelNotFound if self.is_object => "Change panel or provider file.".into(),
            Code::ModelNotFound => "Check base_url of the provider; most end in /v1.".into(),
            Code::ContextTooLong => "Choose a model that reads more, or send less.".into(),
            Code::ProviderError if (300..400).contains(&http) => {
                "Put the address that answers into base_url.".into()
            }
            _ => return None,
        })
    }
}

/// How much a kind's name says.
#[derive(Clone, Copy)]
enum Says {
    /// It outweighs any status.
    Always,
    /// It counts where no status does.
    WithoutStatus,
}

fn kind_code(kind: &str) -> Option<(Code, Says)> {
    Some(match kind {
        "insufficient_quota"
        | "billing_hard_limit_reached"
        | "billing_not_active"
        | "billing_error"
        | "insufficient_balance" => (Code::NoCredit, Says::Always),
        "context_length_exceeded" | "exceed_context_size_error" => (Code::ContextTooLong, Says::Always),
        "content_policy_violation" | "content_filter" | "responsibleaipolicyviolation" => {
            (Code::ContentRefused, Says::Always)
        }
        "model_not_found" | "deploymentnotfound" => (Code::ModelNotFound, Says::Always),
        "api_key_invalid" => (Code::CredentialsRefused, Says::Always),
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "rate_limited"
        | "too_many_requests"
        | "resource_exhausted" => (Code::RateLimited, Says::WithoutStatus),
        "overloaded" | "overloaded_error" | "server_overloaded" | "service_unavailable" | "unavailable" => {
            (Code::Overloaded, Says::WithoutStatus)
        }
        "invalid_api_key"
        | "authentication_error"
        | "permission_error"
        | "unauthenticated"
        | "permission_denied" => (Code::CredentialsRefused, Says::WithoutStatus),
        "not_found_error" => (Code::ModelNotFound, Says::WithoutStatus),
        "invalid_request_error"
        | "badrequesterror"
        | "request_too_large"
        | "invalid_argument"
        | "failed_precondition" => (Code::RequestRefused, Says::WithoutStatus),
        _ => return None,
    })
}

fn title(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<title>")?;
    rest.split_once("</title>").map(|(title, _)| title.trim())
}
