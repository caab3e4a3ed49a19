//! Passages of own documents that a run found for its question.

use serde::Deserialize;
use serde::Serialize;

/// Payload of `passages_found`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassagesFound {
    /// The best first; none when nothing fits.
    pub passages: Vec<Passage>,
}

/// A passage of a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The document: its folder's name and its path below that.
    pub source: String,
    /// Where in it, as people would say it: of a text file its lines, such as `12-31`.
    pub page: String,
    /// The headings it stands under, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headings: Vec<String>,
    /// How well it fits the question: more is better, within one search only.
    pub score: f64,
    /// What it says.
    pub text: String,
}
