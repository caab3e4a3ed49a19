//! One call up to a usable reply, and what is told when there is none.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;

use super::Post;
use super::Reply;
use super::Sending;
use super::reading::Trouble;
use super::refusal::Refusal;
use super::refusal::Whom;
use super::server::Inner;
use super::status;
use super::vendor::Vendor;
use crate::failure::Code;
use crate::failure::Failure;
use crate::provider::Call;
use crate::provider::tap::Tap;

/// One call up to a usable reply.
pub(super) struct Asking<V: Vendor> {
    server: Arc<Inner<V>>,
    call: Call,
    model: String,
    shape: V::Shape,
    changes: u32,
    tap: Option<Tap>,
}

impl<V: Vendor> Asking<V> {
    /// How often one call may be asked again with other parameters.
    const MAX_CHANGES: u32 = 4;
    /// Models whose parameters are remembered.
    const MAX_MODELS: usize = 64;
    /// Most of an error's body that is read, and how long.
    const EXCERPT: (usize, Duration) = (16 * 1024, Duration::from_secs(5));

    pub(super) fn new(server: Arc<Inner<V>>, call: Call) -> Asking<V> {
        let default = server.settings.default_model.as_ref().filter(|_| call.model.is_empty());
        let model = default.unwrap_or(&call.model).clone();
        let host = server.url.host_str().unwrap_or_default();
        let known = server.shapes.lock().unwrap_or_else(PoisonError::into_inner).get(&model).copied();
        let shape = known.unwrap_or_else(|| server.vendor.first(server.settings.structured_output, host));
        Asking { server, call, model, shape, changes: 0, tap: None }
    }

    /// The same, with what goes over the wire taken down.
    pub(super) fn tapped(self, tap: Tap) -> Asking<V> {
        Asking { tap: Some(tap), ..self }
    }

    pub(super) fn send(&self) -> Sending {
        let server = &self.server;
        let stream = server.settings.stream;
        let url = server.vendor.url(&server.url, &self.model, stream);
        let body = Bytes::from(server.vendor.body(self.shape, &self.call, &self.model, stream));
        let post = Post { url, headers: server.headers.clone(), body };
        let recording = self.tap.as_ref().map(|tap| tap.begin(&post, &server.secrets));
        server.client.send(post).recorded(recording)
    }

    /// A reply to read; none if the request is to be sent again in its new shape.
    pub(super) async fn judge(&mut self, mut reply: Reply) -> Result<Option<Reply>, Failure> {
        let status = reply.status();
        let encoding = encoding(&reply);
        if status == 200 {
            if let Some(encoding) = encoding {
                let why = format!("it is compressed ({encoding}), which nobody asked for");
                return Err(self.trouble(Trouble::Unreadable(why)));
            }
            let is_page = reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
            return if is_page { Err(self.web_page(&mut reply).await) } else { Ok(Some(reply)) };
        }
        let refusal = match encoding {
            // Its status is all that it says.
            Some(_) => Refusal::default(),
            None => Refusal::from_body(&reply.excerpt(Self::EXCERPT.0, Self::EXCERPT.1).await),
        };
        if matches!(status, 400 | 422) && self.change(&refusal) {
            return Ok(None);
        }
        let mut failure = refusal.failure(status, self.whom());
        failure.retryable = status::should_retry(&reply).unwrap_or(failure.retryable);
        failure.retry_after = status::retry_after(&reply).or(failure.retry_after);
        if let (Code::RateLimited, Some(wait)) = (failure.code, failure.retry_after) {
            let name = &self.server.settings.name;
            failure.message = format!("{name} asked us to wait {} s ({status}).", wait.as_secs_f64().ceil());
        }
        Err(failure)
    }

    /// Leaves out what the refusal names, for this call and the model's later ones.
    fn change(&mut self, refusal: &Refusal) -> bool {
        let output = self.server.settings.structured_output;
        let next = self.server.vendor.after(self.shape, refusal, output);
        let Some(shape) = next.filter(|_| self.changes < Self::MAX_CHANGES) else {
            return false;
        };
        self.shape = shape;
        self.changes += 1;
        let mut shapes = self.server.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        if shapes.len() >= Self::MAX_MODELS && !shapes.contains_key(&self.model) {
            // Forgetting costs one more refusal a model; nobody configures so many.
            shapes.clear();
        }
        shapes.insert(self.model.clone(), shape);
        true
    }

    async fn web_page(&self, reply: &mut Reply) -> Failure {
        let page = reply.excerpt(800, Self::EXCERPT.1).await;
        let page: String = String::from_utf8_lossy(&page).chars().take(200).collect();
        let page = self.server.secrets.redact(&page);
        tracing::debug!(provider = %self.server.settings.name, page, "web page instead of an answer");
        self.trouble(Trouble::Unreadable("it is a web page".into()))
    }

    fn whom(&self) -> Whom<'_> {
        let server = &self.server;
        Whom {
            provider: server.settings.name.as_str(),
            model: &self.model,
            has_key: server.settings.api_key.is_some() || !server.settings.headers.is_empty(),
            secrets: &server.secrets,
        }
    }

    pub(super) fn mark(&self, mut failure: Failure) -> Failure {
        failure.provider = Some(self.server.settings.name.to_string());
        failure
    }

    pub(super) fn trouble(&self, trouble: Trouble) -> Failure {
        let name = &self.server.settings.name;
        let failure = match trouble {
            Trouble::Refused(refusal) => return refusal.failure(200, self.whom()),
            Trouble::Declined(words) => {
                Failure::new(Code::ContentRefused, format!("{name} declined to answer (content filter)."))
                    .said(&self.server.secrets.redact(&words))
            }
            Trouble::Unreadable(why) => {
                Failure::new(Code::UnreadableAnswer, format!("The answer of {name} cannot be read: {why}."))
            }
            Trouble::ToolCall => {
                Failure::new(Code::InvalidOutput, format!("{name} called a tool where text was asked."))
                    .hint("No tool was offered; another model may do as it is asked.")
            }
            Trouble::Cut => {
                Failure::new(Code::CutMidAnswer, format!("The answer of {name} ended in the middle."))
            }
            Trouble::Empty { at_limit: false } => {
                Failure::new(Code::EmptyAnswer, format!("The answer of {name} has no text."))
            }
            Trouble::Empty { at_limit: true } => {
                let message = format!("{name} used up max_tokens before the first word of the answer.");
                Failure::new(Code::EmptyAnswer, message).hint("Raise max_tokens of the query.")
            }
            Trouble::TooLarge => {
                Failure::new(Code::AnswerTooLarge, format!("The answer of {name} is larger than 16 MiB."))
            }
        };
        let mut failure = self.mark(failure);
        failure.http_status = Some(200);
        failure
    }
}

/// How a body is compressed, if it is; nothing here unpacks it.
fn encoding(reply: &Reply) -> Option<String> {
    let name = reply.header("content-encoding")?.trim();
    let is_plain = name.is_empty() || name.eq_ignore_ascii_case("identity");
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | ',' | ' ');
    (!is_plain).then(|| name.chars().filter(is_safe).take(40).collect())
}
