//! Takes down what goes over the wire in one call, for a transcript.
//!
//! Calls are made without one but for those of a person who wants to see
//! them. What was taken down is shown with every secret of the endpoint
//! replaced, wherever it stands.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use bytes::Bytes;
use reqwest::Response;
use reqwest::Url;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;

use super::upstream::Post;
use super::upstream::secrets::Secrets;

/// Most bytes of an answer that are taken down.
const MOST: usize = 1 << 20;
/// What stands for a value that is not shown.
const HIDDEN: &str = "***";
/// Headers of an answer that say something about the protocol; the others may say who asked.
const SHOWN: [&str; 8] = [
    "content-type",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "server",
];

/// Takes down the exchanges of one call; more than one where a parameter was refused.
#[derive(Clone, Default)]
pub struct Tap(Arc<Mutex<Vec<Exchange>>>);

/// A request and its answer, as they may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// The request, then the head of the answer.
    pub head: String,
    /// The bytes of the answer's body, none if there was no answer.
    pub body: Option<Vec<u8>>,
}

/// One request on its way into a tap.
pub struct Recording {
    tap: Tap,
    at: usize,
}

struct Exchange {
    secrets: Secrets,
    request: String,
    body: Bytes,
    answer: Option<Answer>,
}

struct Answer {
    head: String,
    body: Vec<u8>,
    cut: bool,
}

impl Tap {
    /// A request is about to be sent; `secrets` must not be shown.
    pub fn begin(&self, post: &Post, secrets: &Secrets) -> Recording {
        let query = post.url.query_pairs().map(|(_, value)| value.into_owned());
        let exchange = Exchange {
            secrets: secrets.and(query),
            request: format!("POST {}\n{}", path(&post.url), headers(&post.headers, |_| true)),
            body: post.body.clone(),
            answer: None,
        };
        let mut exchanges = self.exchanges();
        exchanges.push(exchange);
        Recording { tap: self.clone(), at: exchanges.len() - 1 }
    }

    /// What was taken down, in the order of the requests.
    pub fn transcripts(&self) -> Vec<Transcript> {
        self.exchanges().iter().map(Exchange::shown).collect()
    }

    fn exchanges(&self) -> MutexGuard<'_, Vec<Exchange>> {
        // A panic cannot happen between two writes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    /// The head of the answer is there.
    pub fn head(&self, response: &Response) {
        let shown = |name: &str| SHOWN.contains(&name) || name.contains("ratelimit");
        let head = format!(
            "{:?} {}\n{}",
            response.version(),
            response.status().as_u16(),
            headers(response.headers(), shown)
        );
        self.change(|exchange| exchange.answer = Some(Answer { head, body: Vec::new(), cut: false }));
    }

    /// A piece of the body came.
    pub fn piece(&self, piece: &[u8]) {
        self.change(|exchange| {
            let Some(answer) = &mut exchange.answer else { return };
            let fits = piece.len().min(MOST - answer.body.len());
            answer.body.extend_from_slice(&piece[..fits]);
            answer.cut |= fits < piece.len();
        });
    }

    fn change(&self, change: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = self.tap.exchanges().get_mut(self.at) {
            change(exchange);
        }
    }
}

impl Exchange {
    fn shown(&self) -> Transcript {
        let mut head = format!("{}\n{}\n\n", self.request, String::from_utf8_lossy(&self.body));
        match &self.answer {
            None => head += "No answer came.\n",
            Some(answer) => head += &answer.head,
        }
        if self.answer.as_ref().is_some_and(|answer| answer.cut) {
            head += &format!("\nThe answer is longer; its first {} MiB were taken down.\n", MOST >> 20);
        }
        let body = self.answer.as_ref().map(|answer| self.secrets.redact_bytes(&answer.body));
        Transcript { head: self.secrets.redact(&head), body }
    }
}

/// The path with the names of its parameters; their values may be secret.
fn path(url: &Url) -> String {
    let names: Vec<_> = url.query_pairs().map(|(name, _)| format!("{name}={HIDDEN}")).collect();
    match names.is_empty() {
        true => url.path().to_owned(),
        false => format!("{}?{}", url.path(), names.join("&")),
    }
}

/// A line for each header that is wanted.
fn headers(headers: &HeaderMap, wanted: impl Fn(&str) -> bool) -> String {
    let value = |value: &HeaderValue| match value.is_sensitive() {
        true => HIDDEN.to_owned(),
        false => String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    let wanted = headers.iter().filter(|(name, _)| wanted(name.as_str()));
    wanted.map(|(name, shown)| format!("{name}: {}\n", value(shown))).collect()
}
