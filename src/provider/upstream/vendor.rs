//! What a vendor's adapter knows that no other does.
//!
//! The rest is [`Server`](super::server::Server): connecting, sending, asking
//! again without what a model refused, and telling failures.

use reqwest::header::HeaderMap;

use super::Url;
use super::reading::Dialect;
use super::refusal::Refusal;
use super::server::StructuredOutput;
use crate::provider::Call;

/// The protocol of one vendor.
pub trait Vendor: Send + Sync + 'static {
    /// Which optional parameters a model is sent; a refusal that names one makes the next shape.
    type Shape: Copy + Send + Sync + 'static;
    /// How its answers are read.
    type Dialect: Dialect;

    /// Where calls go below the base URL; may carry a query.
    fn path(&self) -> &str;

    /// Where this call goes; `url` is that of [`Vendor::path`].
    fn url(&self, url: &Url, model: &str, stream: bool) -> Url {
        let _ = (model, stream);
        url.clone()
    }

    /// Where the names of its models are below the base URL; none where they are nowhere.
    fn models(&self) -> Option<&'static str> {
        None
    }

    /// The name and the value of the header that carries the key.
    fn key(&self, key: &str) -> (&'static str, String);

    /// Headers of every call beside the key and the content type.
    fn headers(&self) -> HeaderMap {
        HeaderMap::new()
    }

    /// What a model is tried with first.
    fn first(&self, output: StructuredOutput, host: &str) -> Self::Shape;

    /// What to send after this refusal; none if it is not about a parameter that can go.
    fn after(&self, shape: Self::Shape, refusal: &Refusal, output: StructuredOutput) -> Option<Self::Shape>;

    /// The body of a call.
    fn body(&self, shape: Self::Shape, call: &Call, model: &str, stream: bool) -> Vec<u8>;
}
