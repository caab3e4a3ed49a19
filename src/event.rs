//! What happens in a run, as typed events.

use serde::Deserialize;
use serde::Serialize;

/// Tokens of one or more calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Usage {
    /// Tokens of the prompt.
    #[cfg_attr(test, ts(type = "number"))]
    pub input_tokens: u64,
    /// Tokens of the answer.
    #[cfg_attr(test, ts(type = "number"))]
    pub output_tokens: u64,
    /// Their sum.
    #[cfg_attr(test, ts(type = "number"))]
    pub total_tokens: u64,
    /// Whether we estimated them because the provider did not say.
    pub estimated: bool,
}
