//! The newest events of a run under way, for the readers that keep up with it.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use super::PAGE;
use crate::event::Entry;

/// Most bytes that a run keeps at hand, but for its newest event.
const BYTES: usize = 64 << 10;

/// A run's newest events, without a hole.
#[derive(Default)]
pub struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Recent {
    /// Keeps events that follow those kept.
    pub fn push(&self, entries: Vec<Entry>) {
        let mut kept = self.kept();
        for entry in entries {
            kept.bytes += entry.size();
            kept.entries.push_back(entry);
        }
        while kept.entries.len() > PAGE || (kept.bytes > BYTES && kept.entries.len() > 1) {
            let Some(oldest) = kept.entries.pop_front() else { return };
            kept.bytes -= oldest.size();
        }
    }

    /// The events after `seq` up to `head`; `None` when some of them are not kept.
    pub fn after(&self, seq: u64, head: u64) -> Option<Vec<Entry>> {
        let kept = self.kept();
        let first = kept.entries.front().map(|entry| entry.seq).filter(|first| *first <= seq + 1)?;
        let from = usize::try_from(seq + 1 - first).ok()?;
        Some(kept.entries.iter().skip(from).take_while(|entry| entry.seq <= head).cloned().collect())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing between the lock and its end can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunId;
    use crate::store::conformance::entry;

    #[test]
    fn what_is_kept_is_bounded_and_has_no_hole() {
        let recent = Recent::default();
        let run = RunId::generate();
        assert!(recent.after(0, 9).is_none(), "nothing is kept yet");
        for seq in 1..=1000 {
            recent.push(vec![entry(&run, seq)]);
            assert_eq!(recent.after(seq - 1, seq).map(|entries| entries[0].seq), Some(seq));
        }
        assert!(recent.kept().entries.len() <= PAGE && recent.kept().bytes <= BYTES);
        let first = recent.kept().entries[0].seq;
        assert!(recent.after(first - 2, 1000).is_none(), "one before the first kept is missing");
        let all = recent.after(first - 1, 1000).unwrap();
        assert!(all.iter().map(|entry| entry.seq).eq(first..=1000));
        let seqs = |entries: Vec<Entry>| entries.iter().map(|entry| entry.seq).collect::<Vec<_>>();
        assert_eq!(recent.after(997, 999).map(seqs), Some(vec![998, 999]), "not beyond what is visible");
    }
}
