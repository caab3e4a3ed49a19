//! Providers that speak Anthropic's Messages API, in its version of 2026-10-21.
//!
//! That version has no temperature, so none is sent to the vendor itself.
//! Other servers get it until they refuse it; a header of the configuration
//! goes before ours, for one that wants an older version.
//!
//! JSON is asked for as a structured output (`output_config.format`), where
//! the query's schema can be said in the subset that the API takes; else, and
//! where a model refuses it, by the prompt alone. A forced tool is not used:
//! models that think refuse it, and the current ones think by default.
//!
//! Thinking is asked for as `adaptive`, which those models do anyway, with its
//! summary shown: otherwise they are silent for so long that a clock takes
//! them for dead. Models that do not know it refuse it and are asked without.

mod reading;
mod request;
mod schema;

use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;

use self::reading::Message;
use self::request::Shape;
use super::Call;
use super::upstream::refusal::Refusal;
use super::upstream::server::StructuredOutput;
use super::upstream::vendor::Vendor;

/// The Messages API.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anthropic;

impl Anthropic {
    /// Where the vendor's own API begins.
    pub const BASE_URL: &str = "https://api.anthropic.com/v1";
}

impl Vendor for Anthropic {
    type Shape = Shape;
    type Dialect = Message;

    fn path(&self) -> &str {
        "/messages"
    }

    fn models(&self) -> Option<&'static str> {
        Some("/models?limit=1000")
    }

    fn key(&self, key: &str) -> (&'static str, String) {
        ("x-api-key", key.to_owned())
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("anthropic-version", HeaderValue::from_static("2026-10-21"));
        headers
    }

    fn first(&self, output: StructuredOutput, host: &str) -> Shape {
        Shape::first(output, host)
    }

    fn after(&self, shape: Shape, refusal: &Refusal, output: StructuredOutput) -> Option<Shape> {
        shape.after(refusal, output)
    }

    fn body(&self, shape: Shape, call: &Call, model: &str, stream: bool) -> Vec<u8> {
        shape.body(call, model, stream)
    }
}

#[cfg(test)]
mod tests;
