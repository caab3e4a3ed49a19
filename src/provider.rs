//! One call to one endpoint: a [`Call`] in, [`Chunk`]s or a [`Failure`] out.
//!
//! A provider knows its vendor's protocol and nothing of clocks, retries or
//! runs: the engine watches the chunks, and dropping the stream closes the
//! connection. Every kind passes the same conformance tests.

pub mod anthropic;
#[cfg(test)]
mod fake;
pub mod gemini;
pub mod openai;
pub mod rules;
pub mod scripted;
pub mod tap;
pub mod upstream;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde::Serialize;
use serde_json::Value;

use crate::event::Usage;
use crate::failure::Failure;
use crate::id::PanelName;
use crate::id::ProviderName;
use crate::id::QueryName;
use tap::Tap;

/// A configured endpoint that answers calls.
pub trait Provider: Send + Sync + 'static {
    /// Its name in the configuration.
    fn name(&self) -> &ProviderName;

    /// What kind of place answers; decides clocks and what people are told.
    fn place(&self) -> Place;

    /// Whether answers arrive piece by piece; a whole call has one clock instead of two.
    fn streams(&self) -> bool {
        true
    }

    /// The call under way. Nothing happens until the stream is polled; dropping it closes the connection.
    fn ask(&self, call: Call) -> Chunks;

    /// The same, with what goes over the wire taken down; nothing does where none is used.
    fn ask_tapped(&self, call: Call, _: Tap) -> Chunks {
        self.ask(call)
    }

    /// Asks for the names of the models that it offers, which costs nothing; none where nobody could tell.
    /// Nothing happens until the future is polled, and no clock runs in it.
    fn offered(&self) -> Option<BoxFuture<'static, Result<Vec<String>, Failure>>> {
        None
    }
}

/// The chunks of one answer: `Sent` first, `End` last, or a failure last.
pub type Chunks = BoxStream<'static, Result<Chunk, Failure>>;

/// Where answers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this process, without AI.
    BuiltIn,
    /// In this process, from a script; every event of the run says so.
    Simulated,
    /// A server on this computer.
    Loopback {
        /// Host, and port where it is not the scheme's own.
        host: String,
    },
    /// A server elsewhere.
    Remote {
        /// Host, and port where it is not the scheme's own.
        host: String,
    },
}

/// One call: everything a provider may know of a query.
#[derive(Clone, Debug)]
pub struct Call {
    /// The panel, for scripts and rules.
    pub panel: PanelName,
    /// The query, for scripts and rules.
    pub query: QueryName,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// The model, as the provider calls it.
    pub model: String,
    /// What is said to the model.
    pub messages: Vec<Message>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Most tokens of the answer.
    pub max_tokens: Option<u32>,
    /// JSON Schema of the answer; without one the answer is text.
    pub schema: Option<Arc<Value>>,
    /// What the built-in checks read and found, for the built-in rules.
    pub checked: Option<Arc<crate::audit::Checked>>,
}

/// One message to a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions of the panel.
    System,
    /// The ask and its data.
    User,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Chunk {
    /// The connection stands and the request is on its way.
    Sent,
    /// Bytes arrived that carry no content (comments, empty deltas): the endpoint lives.
    Alive,
    /// The model thinks aloud; counts as progress, is not part of the answer.
    Reasoning,
    /// Text of the answer.
    Text(String),
    /// What the provider counted.
    Usage(Usage),
    /// What was strange about the answer; at most once, before its end.
    Strange(Strange),
    /// The answer is whole.
    End(Finish),
}

/// What was strange about an answer that can be read all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strange {
    /// Parts of answers beside the first, which nobody asked for and nobody reads.
    pub others: u64,
    /// Pieces that came twice in a row; they are kept, as a model may say a word twice.
    pub twice: u64,
}

/// How a whole answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    Stop,
    /// The answer hit the token limit and is kept, marked.
    Length,
    /// The stream had its end mark but no reason.
    Unknown,
}
