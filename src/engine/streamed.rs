//! What has come of one attempt's answer, and what is left of it when it is cut.

use serde_json::Map;
use serde_json::Value;
use tokio::time::Instant;

use super::meter;
use crate::answer::sections::Sections;

/// What has come of one attempt.
#[derive(Default)]
pub struct Streamed {
    /// Code points told.
    pub points: u64,
    /// Text that was not told yet.
    pub joined: String,
    /// When it is due.
    pub flush_at: Option<Instant>,
    /// The complete top-level parts of the answer, by name.
    pub sections: Vec<String>,
    scanner: Sections,
    /// All of it, where parts of it are wanted.
    text: String,
}

/// The complete parts of an answer that was cut.
pub type Parts = Map<String, Value>;

impl Streamed {
    /// A piece came; with `keep` its parts may be wanted later.
    pub fn push(&mut self, piece: &str, keep: bool) {
        self.joined.push_str(piece);
        let complete = self.scanner.push(piece);
        self.sections.extend(complete);
        if keep {
            self.text.push_str(piece);
        }
    }

    /// A piece that was told by an earlier process.
    pub fn restore(&mut self, text: &str, keep: bool) {
        self.push(text, keep);
        self.points = self.joined.chars().count() as u64;
        self.joined.clear();
    }

    /// Tokens so far, estimated.
    pub fn tokens(&self) -> u64 {
        meter::tokens(self.points + self.joined.chars().count() as u64)
    }

    /// The parts of it that are complete, if there are any.
    pub fn parts(&self) -> Option<Parts> {
        self.scanner.values(&self.text)
    }
}

/// Of several answers that were cut the one with the most parts, of equals the latest.
pub fn best(before: Option<Parts>, now: Option<Parts>) -> Option<Parts> {
    let count = |parts: &Option<Parts>| parts.as_ref().map_or(0, Map::len);
    if count(&now) >= count(&before) { now } else { before }
}
