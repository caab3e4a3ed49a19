//! Says that pieces of text of a run are gone, so that no hole is silent.
//!
//! Pieces of text of an ended run are dropped some day; everything else of it
//! stays. Who asks for pieces is told first from where on none is missing.

use serde::Serialize;

use crate::event::Entry;
use crate::journal::Journal;
use crate::runs::Attached;
use crate::store::StoreError;

/// The unnumbered event `stream_gap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "stream_gap")]
pub struct Gap {
    /// Number of the event that was asked for.
    requested: u64,
    /// Number of the event from which on none is missing.
    first_available: u64,
}

/// Looks for a gap once, before the first event that a reader of pieces gets.
#[derive(Clone, Copy, Debug)]
pub struct Lookout {
    /// Whether the run was trimmed before it was read.
    trimmed: bool,
    done: bool,
}

impl Lookout {
    /// For a reader of this run; `deltas` says whether it reads pieces of text.
    pub fn new(attached: &Attached, deltas: bool) -> Lookout {
        Lookout { trimmed: attached.trimmed, done: !deltas }
    }

    /// What is missing after event `after`, which `entries` follow.
    ///
    /// # Errors
    /// [`StoreError`] when the journal cannot be read; then it may be asked again.
    pub async fn gap(
        &mut self,
        journal: &Journal,
        after: u64,
        entries: &[Entry],
    ) -> Result<Option<Gap>, StoreError> {
        // A run may also be trimmed while it is being read.
        if self.done || !(self.trimmed || has_hole(after, entries)) {
            return Ok(None);
        }
        let first_available = journal.whole_from(after).await?;
        self.done = true;
        let requested = after + 1;
        Ok((first_available > requested).then_some(Gap { requested, first_available }))
    }
}

fn has_hole(after: u64, entries: &[Entry]) -> bool {
    entries.last().is_some_and(|last| last.seq - after > entries.len() as u64)
}
