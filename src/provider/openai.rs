//! Providers that speak OpenAI's chat completions, which most servers do.
//!
//! Base URL, path and headers are settings, so one adapter serves OpenAI,
//! Azure, OpenRouter, LM Studio, Ollama, llama.cpp and vLLM. Parameters that
//! a model refuses are left out, and that is remembered. Otherwise nothing is
//! asked twice here: when to ask again is the engine's business.

mod answering;
mod reading;
mod refusal;
mod request;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::AUTHORIZATION;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use secrecy::SecretString;

use self::answering::Answering;
use self::reading::Trouble;
use self::refusal::Refusal;
use self::refusal::Whom;
use self::request::Shape;
use super::Call;
use super::Chunk;
use super::Chunks;
use super::Place;
use super::Provider;
use super::upstream::Client;
use super::upstream::Post;
use super::upstream::Reply;
use super::upstream::Url;
use super::upstream::address;
use super::upstream::secrets::Secrets;
use super::upstream::status;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::ProviderName;

/// How to reach one server, as the configuration says it.
#[derive(Clone, Debug)]
pub struct OpenAiSettings {
    /// The provider's name.
    pub name: ProviderName,
    /// Where the API begins, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The chat completions below it; may carry a query such as `?api-version=...`.
    pub path: String,
    /// Sent as `Authorization: Bearer`.
    pub api_key: Option<SecretString>,
    /// More headers.
    pub headers: Vec<(String, SecretString)>,
    /// Whether answers are streamed.
    pub stream: bool,
    /// How JSON is asked for.
    pub structured_output: StructuredOutput,
    /// The model of calls that name none.
    pub default_model: Option<String>,
}

impl OpenAiSettings {
    /// Settings with every default.
    pub fn new(name: ProviderName, base_url: impl Into<String>) -> OpenAiSettings {
        OpenAiSettings {
            name,
            base_url: base_url.into(),
            path: "/chat/completions".into(),
            api_key: None,
            headers: Vec::new(),
            stream: true,
            structured_output: StructuredOutput::Auto,
            default_model: None,
        }
    }
}

/// How JSON is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StructuredOutput {
    /// By schema; where that is refused as any object; where that is refused by the prompt alone.
    #[default]
    Auto,
    /// Always by schema.
    JsonSchema,
    /// Always as any object.
    JsonObject,
    /// By the prompt alone.
    Off,
}

/// Settings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    /// The address.
    #[error("base_url {0}")]
    Address(#[from] address::BadAddress),
    /// The key; it is not shown.
    #[error("api_key holds characters that a header cannot carry, such as a line break")]
    Key,
    /// A header, by name; its value is not shown.
    #[error("header `{0}` cannot be sent")]
    Header(String),
}

/// One server that speaks chat completions.
#[derive(Clone)]
pub struct OpenAi(Arc<Server>);

struct Server {
    settings: OpenAiSettings,
    url: Url,
    place: Place,
    headers: HeaderMap,
    secrets: Secrets,
    client: Client,
    /// What models were found to accept.
    shapes: Mutex<HashMap<String, Shape>>,
}

impl OpenAi {
    /// A server; `client` may be shared with others. Nothing is connected yet.
    pub fn new(settings: OpenAiSettings, client: Client) -> Result<OpenAi, BadSettings> {
        let url = address::url(&settings.base_url, &settings.path)?;
        let headers = headers(&settings)?;
        let own = settings.headers.iter().map(|(_, value)| value.clone());
        let secrets = Secrets::new(own.chain(settings.api_key.clone()));
        let place = address::place(&url);
        let shapes = Mutex::default();
        Ok(OpenAi(Arc::new(Server { settings, url, place, headers, secrets, client, shapes })))
    }
}

impl Provider for OpenAi {
    fn name(&self) -> &ProviderName {
        &self.0.settings.name
    }

    fn place(&self) -> Place {
        self.0.place.clone()
    }

    fn streams(&self) -> bool {
        self.0.settings.stream
    }

    fn ask(&self, call: Call) -> Chunks {
        let mut asking = Asking::new(self.0.clone(), call);
        Box::pin(async_stream::stream! {
            let mut is_first = true;
            let reply = loop {
                let mut sending = asking.send();
                if let Err(failure) = sending.connected().await {
                    yield Err(asking.mark(failure));
                    return;
                }
                yield Ok(if std::mem::take(&mut is_first) { Chunk::Sent } else { Chunk::Alive });
                let reply = match sending.reply().await {
                    Ok(reply) => asking.judge(reply).await,
                    Err(failure) => Err(asking.mark(failure)),
                };
                match reply {
                    Ok(Some(reply)) => break reply,
                    Ok(None) => {}
                    Err(failure) => {
                        yield Err(failure);
                        return;
                    }
                }
            };
            let mut answer = Answering::new(asking, reply);
            while let Some(chunk) = answer.next().await {
                yield chunk;
            }
        })
    }
}

fn headers(settings: &OpenAiSettings) -> Result<HeaderMap, BadSettings> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(key) = &settings.api_key {
        let value = format!("Bearer {}", key.expose_secret());
        let mut value = HeaderValue::try_from(value).map_err(|_| BadSettings::Key)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    for (name, value) in &settings.headers {
        let bad = || BadSettings::Header(name.clone());
        let key = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
        let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// One call up to a usable reply.
struct Asking {
    server: Arc<Server>,
    call: Call,
    model: String,
    shape: Shape,
    changes: u32,
}

impl Asking {
    /// How often one call may be asked again with other parameters.
    const MAX_CHANGES: u32 = 4;
    /// Models whose parameters are remembered.
    const MAX_MODELS: usize = 64;
    /// Most of an error's body that is read, and how long.
    const EXCERPT: (usize, Duration) = (16 * 1024, Duration::from_secs(5));

    fn new(server: Arc<Server>, call: Call) -> Asking {
        let default = server.settings.default_model.as_ref().filter(|_| call.model.is_empty());
        let model = default.unwrap_or(&call.model).clone();
        let host = server.url.host_str().unwrap_or_default();
        let known = server.shapes.lock().unwrap_or_else(PoisonError::into_inner).get(&model).copied();
        let shape = known.unwrap_or_else(|| Shape::first(server.settings.structured_output, host));
        Asking { server, call, model, shape, changes: 0 }
    }

    fn send(&self) -> super::upstream::Sending {
        let server = &self.server;
        let body = Bytes::from(self.shape.body(&self.call, &self.model, server.settings.stream));
        server.client.send(Post { url: server.url.clone(), headers: server.headers.clone(), body })
    }

    /// A reply to read; none if the request is to be sent again in its new shape.
    async fn judge(&mut self, mut reply: Reply) -> Result<Option<Reply>, Failure> {
        let status = reply.status();
        if status == 200 {
            let is_page = reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
            return if is_page { Err(self.web_page(&mut reply).await) } else { Ok(Some(reply)) };
        }
        let (most, limit) = Asking::EXCERPT;
        let refusal = Refusal::from_body(&reply.excerpt(most, limit).await);
        if matches!(status, 400 | 422) && self.change(&refusal) {
            return Ok(None);
        }
        let mut failure = refusal.failure(status, self.whom());
        failure.retryable = status::should_retry(&reply).unwrap_or(failure.retryable);
        failure.retry_after = status::retry_after(&reply);
        if let (Code::RateLimited, Some(wait)) = (failure.code, failure.retry_after) {
            let name = &self.server.settings.name;
            failure.message = format!("{name} asked us to wait {} s ({status}).", wait.as_secs_f64().ceil());
        }
        Err(failure)
    }

    /// Leaves out what the refusal names, for this call and the model's later ones.
    fn change(&mut self, refusal: &Refusal) -> bool {
        let next = self.shape.after(refusal, self.server.settings.structured_output);
        let Some(shape) = next.filter(|_| self.changes < Asking::MAX_CHANGES) else {
            return false;
        };
        self.shape = shape;
        self.changes += 1;
        let mut shapes = self.server.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        if shapes.len() >= Asking::MAX_MODELS && !shapes.contains_key(&self.model) {
            // Forgetting costs one more refusal a model; nobody configures so many.
            shapes.clear();
        }
        shapes.insert(self.model.clone(), shape);
        true
    }

    async fn web_page(&self, reply: &mut Reply) -> Failure {
        let page = reply.excerpt(800, Asking::EXCERPT.1).await;
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

    fn mark(&self, mut failure: Failure) -> Failure {
        failure.provider = Some(self.server.settings.name.to_string());
        failure
    }

    fn trouble(&self, trouble: Trouble) -> Failure {
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

#[cfg(test)]
mod tests;
