//! Events that wait in memory until the file can be written again.
//!
//! Readers take what waits before they look into the file: what is written
//! between the two looks is seen twice and told apart by its number, never lost.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use super::super::Batch;
use super::super::StoreError;
use crate::event::Entry;
use crate::event::Standing;
use crate::id::RunId;

/// Most bytes that wait.
pub const LIMIT: usize = 64 << 20;

/// What waits, of all runs.
#[derive(Default)]
pub struct Spool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runs: HashMap<RunId, Waiting>,
    bytes: usize,
}

/// What waits of one run.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    /// Its events, in order.
    pub entries: Vec<Entry>,
    /// Where it stands after them, if they change that.
    pub standing: Option<Standing>,
}

impl Waiting {
    /// Number of the last event that waits.
    pub fn head(&self) -> Option<u64> {
        self.entries.last().map(|entry| entry.seq)
    }
}

impl Spool {
    /// What waits of a run.
    pub fn of(&self, run: &RunId) -> Option<Waiting> {
        self.state().runs.get(run).cloned()
    }

    /// The runs of which something waits.
    pub fn runs(&self) -> Vec<RunId> {
        self.state().runs.keys().cloned().collect()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.state().runs.is_empty()
    }

    /// Keeps events that follow those that wait already.
    ///
    /// # Errors
    /// [`StoreError::Full`] when too much waits.
    pub fn push(&self, run: &RunId, batch: &Batch) -> Result<(), StoreError> {
        let mut state = self.state();
        let bytes = state.bytes + size(&batch.entries);
        if bytes > LIMIT {
            return Err(StoreError::Full);
        }
        state.bytes = bytes;
        let waiting = state.runs.entry(run.clone()).or_default();
        waiting.entries.extend(batch.entries.iter().cloned());
        waiting.standing = batch.standing.clone().or(waiting.standing.take());
        Ok(())
    }

    /// Forgets what waits of a run: it is written, or the run is gone.
    pub fn clear(&self, run: &RunId) {
        let mut state = self.state();
        if let Some(waiting) = state.runs.remove(run) {
            state.bytes -= size(&waiting.entries);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No panic can happen between two writes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(entries: &[Entry]) -> usize {
    entries.iter().map(Entry::size).sum()
}
