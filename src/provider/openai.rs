//! Providers that speak OpenAI's chat completions, which most servers do.
//!
//! Base URL, path and headers are settings, so one adapter serves OpenAI,
//! Azure, OpenRouter, LM Studio, Ollama, llama.cpp and vLLM.

mod reading;
mod request;

use self::reading::Completion;
use self::request::Shape;
use super::Call;
use super::upstream::refusal::Refusal;
use super::upstream::server::StructuredOutput;
use super::upstream::vendor::Vendor;

/// Chat completions below some path.
#[derive(Clone, Debug)]
pub struct OpenAi {
    /// Where they are below the base URL; may carry a query such as `?api-version=...`.
    pub path: String,
}

impl Default for OpenAi {
    fn default() -> OpenAi {
        OpenAi { path: "/chat/completions".into() }
    }
}

impl Vendor for OpenAi {
    type Shape = Shape;
    type Dialect = Completion;

    fn path(&self) -> &str {
        &self.path
    }

    fn models(&self) -> Option<&'static str> {
        // Whoever has a path of his own has deployments, and lists something else there.
        (self.path == OpenAi::default().path).then_some("/models")
    }

    fn key(&self, key: &str) -> (&'static str, String) {
        ("authorization", format!("Bearer {key}"))
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
