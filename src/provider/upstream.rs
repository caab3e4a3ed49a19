//! What all providers share that are asked over HTTP: the client, and from a call to its chunks.
//!
//! A vendor's adapter is a [`Vendor`](vendor::Vendor); a
//! [`Server`](server::Server) makes a provider of it. Of the client: one request goes out; what comes back is handed on piece by piece and capped.
//! A caller learns when the connection stands, before an answer arrives. No
//! redirect is followed, no proxy is taken from the environment, nothing is
//! decompressed and no clock runs here: clocks are the engine's, and dropping
//! a [`Sending`] or a [`Reply`] closes the connection.

pub mod address;
mod answering;
mod asking;
mod offered;
pub mod reading;
pub mod refusal;
pub mod secrets;
pub mod server;
pub mod speech;
pub mod sse;
pub mod status;
mod trouble;
pub mod vendor;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::Frame;
use http_body::SizeHint;
use reqwest::header::HeaderMap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::OnceCell;
use tokio::sync::oneshot;

use crate::failure::Code;
use crate::failure::Failure;
use crate::provider::tap::Recording;

pub use reqwest::Url;

/// The client; clones share connections. Made when first used, because its roots are read from disk.
#[derive(Clone, Default)]
pub struct Client {
    made: Arc<OnceCell<reqwest::Client>>,
    authorities: Authorities,
}

/// Authorities that are trusted beside those of the system.
#[derive(Clone, Default)]
pub struct Authorities(Vec<reqwest::Certificate>);

/// A file of authorities that holds none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAuthorities {
    /// Not certificates as PEM writes them.
    #[error("holds something that is no certificate in PEM form")]
    Unreadable,
    /// Nothing between a BEGIN and an END.
    #[error("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    Empty,
}

impl Authorities {
    /// Reads one or more certificates in PEM form.
    ///
    /// # Errors
    /// [`BadAuthorities`] where there is none, or one that cannot be read.
    pub fn read(pem: &[u8]) -> Result<Authorities, BadAuthorities> {
        let found = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| BadAuthorities::Unreadable)?;
        let mut roots = rustls::RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(pem) {
            // The client would find out when it is first used, which is late.
            let authority = authority.map_err(|_| BadAuthorities::Unreadable)?;
            roots.add(authority).map_err(|_| BadAuthorities::Unreadable)?;
        }
        if found.is_empty() { Err(BadAuthorities::Empty) } else { Ok(Authorities(found)) }
    }
}

/// A request to send.
pub struct Post {
    /// Where to; its query may hold secrets and is never shown.
    pub url: Url,
    /// Headers beside the usual ones; secret ones marked sensitive.
    pub headers: HeaderMap,
    /// The body, sent with its length.
    pub body: Bytes,
}

impl Client {
    /// A client of its own that trusts these authorities as well.
    pub fn trusting(authorities: Authorities) -> Client {
        Client { made: Arc::default(), authorities }
    }

    /// The request under way; nothing happens until the result is polled.
    pub fn send(&self, post: Post) -> Sending {
        let (signal, begun) = oneshot::channel();
        let client = self.clone();
        let answer = Box::pin(async move {
            let host: Arc<str> = address::host(&post.url).into();
            let body = Announcing { bytes: Some(post.body), signal: Some(signal) };
            let request =
                client.open().await?.post(post.url).headers(post.headers).body(reqwest::Body::wrap(body));
            match request.send().await {
                Ok(response) => Ok(Reply { response, host, recording: None }),
                Err(error) => Err(trouble::before_an_answer(&host, &error)),
            }
        });
        Sending { answer, begun, early: None, recording: None }
    }

    /// The answer to a GET of `url`.
    pub async fn get(&self, url: Url, headers: HeaderMap) -> Result<Reply, Failure> {
        let host: Arc<str> = address::host(&url).into();
        let sent = self.open().await?.get(url).headers(headers).send().await;
        let response = sent.map_err(|error| trouble::before_an_answer(&host, &error))?;
        Ok(Reply { response, host, recording: None })
    }

    async fn open(&self) -> Result<&reqwest::Client, Failure> {
        let make = || async {
            let authorities = self.authorities.clone();
            tokio::task::spawn_blocking(|| build(authorities)).await.map_err(unmade)?
        };
        self.made.get_or_try_init(make).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// How long a connection of HTTP/2 with calls under way may be silent before it is asked whether it lives, and
/// for the answer: a dead one would otherwise be handed call after call.
const ALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

fn build(authorities: Authorities) -> Result<reqwest::Client, Failure> {
    // Whoever was first is right: main installs the same provider before anything else.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    let roots: Result<Vec<_>, _> = roots.iter().map(|der| reqwest::Certificate::from_der(der)).collect();
    reqwest::Client::builder()
        .user_agent(concat!("askstream/", env!("CARGO_PKG_VERSION")))
        // Bundled roots beside the system's: a slim container has none.
        .tls_certs_merge(roots.map_err(unmade)?.into_iter().chain(authorities.0))
        .dns_resolver(address::Resolver)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(64)
        // Fixed windows: with adaptive ones a burst of streams over one connection failed.
        .http2_initial_stream_window_size(1024 * 1024)
        .http2_initial_connection_window_size(16 * 1024 * 1024)
        .http2_keep_alive_interval(ALIVE.0)
        .http2_keep_alive_timeout(ALIVE.1)
        .build()
        .map_err(unmade)
}

fn unmade(error: impl fmt::Display) -> Failure {
    let failure = Failure::new(Code::TlsFailed, format!("The HTTP client cannot be made: {error}."));
    failure.hint("Are the system's root certificates readable?")
}

/// A request on its way.
pub struct Sending {
    answer: BoxFuture<'static, Result<Reply, Failure>>,
    begun: oneshot::Receiver<()>,
    early: Option<Reply>,
    recording: Option<Recording>,
}

impl Sending {
    /// Waits until the connection stands and the request is being sent.
    pub async fn connected(&mut self) -> Result<(), Failure> {
        // If the answer wins, it is kept for `reply`; a signal that never comes leaves it to the answer.
        tokio::select! {
            biased;
            answer = &mut self.answer => {
                self.early = Some(answer?);
                Ok(())
            }
            Ok(()) = &mut self.begun => Ok(()),
        }
    }

    /// Waits for the head of the answer. Called once, after `connected` succeeded.
    pub async fn reply(self) -> Result<Reply, Failure> {
        let reply = match self.early {
            Some(reply) => reply,
            None => self.answer.await?,
        };
        if let Some(recording) = &self.recording {
            recording.head(&reply.response);
        }
        Ok(Reply { recording: self.recording, ..reply })
    }

    /// The same, with what comes back taken down.
    pub fn recorded(self, recording: Option<Recording>) -> Sending {
        Sending { recording, ..self }
    }
}

/// An answer whose head is there and whose body is still to be read.
pub struct Reply {
    response: reqwest::Response,
    host: Arc<str>,
    recording: Option<Recording>,
}

impl Reply {
    /// The status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A header's value, if it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.response.headers().get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// The next piece of the body; none at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let piece = self.response.chunk().await.map_err(|error| trouble::in_an_answer(&self.host, &error))?;
        if let (Some(recording), Some(piece)) = (&self.recording, &piece) {
            recording.piece(piece);
        }
        Ok(piece)
    }

    /// The rest of the body after `begun`, refused beyond `most` bytes.
    pub async fn rest(&mut self, begun: Bytes, most: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::from(begun);
        while let Some(piece) = self.chunk().await? {
            if body.len() + piece.len() > most {
                let message = format!("The answer of {} is larger than {} MiB.", self.host, most >> 20);
                return Err(Failure::new(Code::AnswerTooLarge, message));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// The beginning of an error's body: what arrives within `limit`, cut at `most` bytes.
    pub async fn excerpt(&mut self, most: usize, limit: Duration) -> Vec<u8> {
        let mut body = Vec::new();
        // Half a body explains more than none, so neither the clock nor a broken connection is an error here.
        let _ = tokio::time::timeout(limit, async {
            while let Ok(Some(piece)) = self.chunk().await {
                body.extend_from_slice(&piece[..piece.len().min(most - body.len())]);
                if body.len() == most {
                    break;
                }
            }
        })
        .await;
        body
    }
}

/// A body that says when it is first asked for, which is when the connection stands.
struct Announcing {
    bytes: Option<Bytes>,
    signal: Option<oneshot::Sender<()>>,
}

impl http_body::Body for Announcing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(signal) = self.signal.take() {
            // Nobody listens once the answer came first.
            let _ = signal.send(());
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
