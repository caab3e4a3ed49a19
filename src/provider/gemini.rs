//! Providers that speak Google's Gemini API: `generateContent` and its stream.
//!
//! JSON is asked for as `application/json` with the query's schema as
//! `responseJsonSchema`; where a model refuses that as any JSON, and where it
//! refuses that by the prompt alone. Summaries of the thoughts are asked for,
//! since a model that thinks unseen looks dead to a clock.

mod reading;
mod request;

use self::reading::Generation;
use self::request::Shape;
use super::Call;
use super::upstream::Url;
use super::upstream::refusal::Refusal;
use super::upstream::server::StructuredOutput;
use super::upstream::vendor::Vendor;

/// The Gemini API.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gemini;

impl Gemini {
    /// Where the vendor's own API begins.
    pub const BASE_URL: &str = "https://generativelanguage.googleapis.com/v1beta";
}

impl Vendor for Gemini {
    type Shape = Shape;
    type Dialect = Generation;

    fn path(&self) -> &str {
        ""
    }

    fn url(&self, url: &Url, model: &str, stream: bool) -> Url {
        let mut url = url.clone();
        let (collection, name) = match model.split_once('/') {
            Some((collection @ ("models" | "tunedModels"), name)) => (collection, name),
            _ => ("models", model),
        };
        let method = if stream { "streamGenerateContent" } else { "generateContent" };
        // A model's name is one segment, whatever stands in it. Only http and https get here, which have segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(collection).push(&format!("{name}:{method}"));
        }
        if stream {
            url.query_pairs_mut().append_pair("alt", "sse");
        }
        url
    }

    fn models(&self) -> Option<&'static str> {
        Some("/models?pageSize=1000")
    }

    /// In a header: an address ends up in logs.
    fn key(&self, key: &str) -> (&'static str, String) {
        ("x-goog-api-key", key.to_owned())
    }

    fn first(&self, output: StructuredOutput, _: &str) -> Shape {
        Shape::first(output)
    }

    fn after(&self, shape: Shape, refusal: &Refusal, output: StructuredOutput) -> Option<Shape> {
        shape.after(refusal, output)
    }

    fn body(&self, shape: Shape, call: &Call, _: &str, stream: bool) -> Vec<u8> {
        shape.body(call, stream)
    }
}

#[cfg(test)]
mod tests;
