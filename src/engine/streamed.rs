//! What has come of one attempt's answer, and what is left of it when it is cut.

use serde_json::Map;
use serde_json::Value;
use tokio::time::Instant;

use super::asking::Success;
use super::meter;
use crate::answer::sections::Sections;
use crate::event::Warning;
use crate::id::QueryName;

/// Tokens that an answer without sections is expected to have when the panel does not say.
const EXPECTED_TOKENS: u64 = 1000;

/// What an answer's progress is measured against.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// So many top-level keys.
    Sections(usize),
    /// So many tokens.
    Tokens(u64),
}

impl Expected {
    /// From the answer's schema, else from the panel's token limit.
    pub fn of(schema: Option<&serde_json::Value>, max_tokens: Option<u32>) -> Expected {
        let keys = schema.and_then(|schema| schema["properties"].as_object()).map_or(0, serde_json::Map::len);
        match keys {
            0 => Expected::Tokens(max_tokens.map_or(EXPECTED_TOKENS, u64::from).max(1)),
            keys => Expected::Sections(keys),
        }
    }
}

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

/// What a reader should know of an answer, or of what is left of one.
pub fn warnings(query: &QueryName, success: Option<&Success>, parts: Option<&Parts>) -> Vec<Warning> {
    let warning = |code: &str, message: String| Warning {
        source: query.to_string(),
        severity: "warning".into(),
        code: code.into(),
        message,
    };
    let notes = success.into_iter().flat_map(|success| &success.answer.notes);
    let kept = parts.map(|parts| {
        let message =
            format!("The answer was cut; {} of its parts are complete and kept, unchecked.", parts.len());
        warning("partial_result", message)
    });
    notes.map(|note| warning(note.code(), note.message())).chain(kept).collect()
}
