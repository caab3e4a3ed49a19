//! One server of a vendor: its settings, and a call to it from request to last chunk.
//!
//! Parameters that a model refuses are left out, and that is remembered.
//! Otherwise nothing is asked twice here: when to ask again is the engine's
//! business.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use reqwest::header::ACCEPT_ENCODING;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use secrecy::SecretString;

use super::Client;
use super::Url;
use super::address;
use super::answering::Answering;
use super::asking::Asking;
use super::offered;
use super::secrets::Secrets;
use super::vendor::Vendor;
use crate::crash;
use crate::crash::Point;
use crate::failure::Failure;
use crate::id::ProviderName;
use crate::provider::Call;
use crate::provider::Chunk;
use crate::provider::Chunks;
use crate::provider::Place;
use crate::provider::Provider;
use crate::provider::tap::Tap;

/// How to reach one server, as the configuration says it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The provider's name.
    pub name: ProviderName,
    /// Where the API begins, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// Sent in the vendor's own header.
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

impl Settings {
    /// Settings with every default.
    pub fn new(name: ProviderName, base_url: impl Into<String>) -> Settings {
        Settings {
            name,
            base_url: base_url.into(),
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

/// One server that speaks a vendor's protocol.
pub struct Server<V: Vendor>(Arc<Inner<V>>);

/// What all calls to one server share.
pub(super) struct Inner<V: Vendor> {
    pub(super) vendor: V,
    pub(super) settings: Settings,
    pub(super) url: Url,
    place: Place,
    pub(super) headers: HeaderMap,
    pub(super) secrets: Secrets,
    pub(super) client: Client,
    /// What models were found to accept.
    pub(super) shapes: Mutex<HashMap<String, V::Shape>>,
}

impl<V: Vendor> Server<V> {
    /// A server; `client` may be shared with others. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BadSettings`] where the address or a header cannot be used.
    pub fn new(vendor: V, settings: Settings, client: Client) -> Result<Server<V>, BadSettings> {
        let url = address::url(&settings.base_url, vendor.path())?;
        let headers = headers(&vendor, &settings)?;
        let own = settings.headers.iter().map(|(_, value)| value.clone());
        let secrets = Secrets::new(own.chain(settings.api_key.clone()));
        let place = address::place(&url);
        let shapes = Mutex::default();
        Ok(Server(Arc::new(Inner { vendor, settings, url, place, headers, secrets, client, shapes })))
    }
}

impl<V: Vendor> Provider for Server<V> {
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
        chunks(Asking::new(self.0.clone(), call))
    }

    fn ask_tapped(&self, call: Call, tap: Tap) -> Chunks {
        chunks(Asking::new(self.0.clone(), call).tapped(tap))
    }

    fn offered(&self) -> Option<BoxFuture<'static, Result<Vec<String>, Failure>>> {
        let path = self.0.vendor.models()?;
        let server = Arc::clone(&self.0);
        Some(Box::pin(async move { offered::ask(&server, path).await }))
    }
}

fn chunks<V: Vendor>(mut asking: Asking<V>) -> Chunks {
    Box::pin(async_stream::stream! {
        let mut is_first = true;
        let reply = loop {
            let mut sending = asking.send();
            if let Err(failure) = sending.connected().await {
                yield Err(asking.mark(failure));
                return;
            }
            yield Ok(if std::mem::take(&mut is_first) { Chunk::Sent } else { Chunk::Alive });
            crash::at(Point::RequestSent);
            let reply = match sending.reply().await {
                Ok(reply) => {
                    crash::at(Point::HeadersReceived);
                    asking.judge(reply).await
                }
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

fn headers<V: Vendor>(vendor: &V, settings: &Settings) -> Result<HeaderMap, BadSettings> {
    let mut headers = vendor.headers();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Whoever says nothing accepts any encoding.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(key) = &settings.api_key {
        let (name, value) = vendor.key(key.expose_secret());
        headers.insert(name, secret(&value).ok_or(BadSettings::Key)?);
    }
    for (name, value) in &settings.headers {
        let bad = || BadSettings::Header(name.clone());
        let key = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
        headers.insert(key, secret(value.expose_secret()).ok_or_else(bad)?);
    }
    Ok(headers)
}

fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
