//! Keeps runs in this process; they are gone when it ends.
//!
//! Bounded: ended runs leave, oldest first, when there are too many or when
//! they hold too many bytes. A run that left is remembered as expired.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::Created;
use super::Found;
use super::IdempotencyKey;
use super::KeyScope;
use super::Lease;
use super::NewRun;
use super::Record;
use super::Store;
use super::StoreError;
use super::Taken;
use crate::ask::Ask;
use crate::event::Entry;
use crate::id::RunId;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most ended runs.
    pub runs: usize,
    /// Most bytes of ended runs.
    pub bytes: usize,
}

impl Default for Bounds {
    /// 10,000 runs as the configuration's default, and an eighth of a small server's memory.
    fn default() -> Bounds {
        Bounds { runs: 10_000, bytes: 256 << 20 }
    }
}

/// The store in memory.
#[derive(Default)]
pub struct Memory {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runs: HashMap<RunId, Kept>,
    keys: HashMap<String, Key>,
    /// Ended runs, oldest end first, with what they hold.
    ended: VecDeque<(RunId, usize)>,
    ended_bytes: usize,
    /// Runs that left, oldest first.
    left: VecDeque<RunId>,
    left_set: HashSet<RunId>,
}

struct Kept {
    ask: Arc<Ask>,
    created_at: Timestamp,
    entries: Vec<Entry>,
    key: Option<String>,
}

struct Key {
    run: RunId,
    body: Value,
    scope: KeyScope,
    since: Timestamp,
}

impl Kept {
    fn ended(&self) -> bool {
        self.entries.last().is_some_and(Entry::is_final)
    }

    fn size(&self) -> usize {
        self.ask.question.len() + self.entries.iter().map(Entry::size).sum::<usize>()
    }
}

/// How long a key of scope [`KeyScope::Day`] leads to its run.
const KEY_TIME: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

impl Memory {
    /// An empty store that keeps this much.
    pub fn new(bounds: Bounds) -> Memory {
        Memory { bounds, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot happen between two writes that belong together; the state stays whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What an earlier request with this key makes of a new one.
    fn by_key(&self, wanted: &IdempotencyKey, now: Timestamp) -> Option<Taken> {
        let key = self.keys.get(&wanted.key)?;
        let kept = self.runs.get(&key.run)?;
        let valid = match key.scope {
            KeyScope::Day => now.duration_since(key.since) < KEY_TIME,
            KeyScope::WhileLive => !kept.ended(),
        };
        valid.then(|| match key.body == wanted.body {
            true => Taken::Same(key.run.clone()),
            false => Taken::Other(key.run.clone()),
        })
    }

    fn end(&mut self, run: &RunId, bounds: Bounds) {
        let Some(kept) = self.runs.get(run) else { return };
        let size = kept.size();
        self.ended.push_back((run.clone(), size));
        self.ended_bytes += size;
        while self.ended.len() > bounds.runs || (self.ended_bytes > bounds.bytes && self.ended.len() > 1) {
            let Some((oldest, size)) = self.ended.pop_front() else { return };
            self.ended_bytes -= size;
            self.forget(oldest, bounds);
        }
    }

    fn forget(&mut self, run: RunId, bounds: Bounds) {
        let key = self.runs.remove(&run).and_then(|kept| kept.key);
        if let Some(key) = key.filter(|key| self.keys.get(key).is_some_and(|entry| entry.run == run)) {
            self.keys.remove(&key);
        }
        self.left_set.insert(run.clone());
        self.left.push_back(run);
        if self.left.len() > bounds.runs
            && let Some(oldest) = self.left.pop_front()
        {
            self.left_set.remove(&oldest);
        }
    }
}

#[async_trait]
impl Store for Memory {
    async fn create(&self, new: NewRun) -> Result<Created, StoreError> {
        let mut state = self.state();
        if let Some(earlier) = new.key.as_ref().and_then(|key| state.by_key(key, new.created_at)) {
            return Ok(Created::Taken(earlier));
        }
        let key = new.key.map(|IdempotencyKey { key, body, scope }| {
            let entry = Key { run: new.run.clone(), body, scope, since: new.created_at };
            state.keys.insert(key.clone(), entry);
            key
        });
        let kept = Kept { ask: new.ask, created_at: new.created_at, entries: Vec::new(), key };
        state.runs.insert(new.run.clone(), kept);
        Ok(Created::New(Lease { run: new.run, epoch: 1 }))
    }

    async fn taken(&self, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Taken>, StoreError> {
        Ok(self.state().by_key(key, now))
    }

    async fn append(&self, lease: &Lease, entries: &[Entry]) -> Result<(), StoreError> {
        let mut state = self.state();
        let kept = state.runs.get_mut(&lease.run).ok_or(StoreError::Missing)?;
        // Runs of this store never change hands.
        if lease.epoch != 1 {
            return Err(StoreError::Stale);
        }
        for (entry, expected) in entries.iter().zip(kept.entries.len() as u64 + 1..) {
            if entry.seq != expected || kept.ended() {
                return Err(StoreError::OutOfOrder { head: expected - 1, found: entry.seq });
            }
            kept.entries.push(entry.clone());
        }
        if kept.ended() {
            state.end(&lease.run, self.bounds);
        }
        Ok(())
    }

    async fn read(&self, run: &RunId, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let state = self.state();
        let kept = state.runs.get(run).ok_or(StoreError::Missing)?;
        let from = usize::try_from(after).unwrap_or(usize::MAX).min(kept.entries.len());
        Ok(kept.entries[from..].iter().take(limit).cloned().collect())
    }

    async fn find(&self, run: &RunId) -> Result<Found, StoreError> {
        let state = self.state();
        Ok(match state.runs.get(run) {
            Some(kept) => Found::Run(Record {
                ask: Arc::clone(&kept.ask),
                created_at: kept.created_at,
                head: kept.entries.len() as u64,
                ended: kept.ended(),
            }),
            None if state.left_set.contains(run) => Found::Expired,
            None => Found::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::*;

    #[tokio::test]
    async fn it_keeps_what_every_store_keeps() {
        conformance::check(|| Arc::new(Memory::default())).await;
    }

    #[tokio::test]
    async fn the_oldest_ended_runs_leave_and_are_remembered() {
        let store = Memory::new(Bounds { runs: 2, bytes: usize::MAX });
        let live = conformance::begin(&store, None).await;
        let mut ended = Vec::new();
        for _ in 0..5 {
            let lease = conformance::begin(&store, None).await;
            conformance::finish(&store, &lease).await;
            ended.push(lease.run);
        }
        assert!(matches!(store.find(&live.run).await, Ok(Found::Run(_))));
        assert!(matches!(store.find(&ended[4]).await, Ok(Found::Run(_))));
        assert!(matches!(store.find(&ended[2]).await, Ok(Found::Expired)));
        assert!(
            matches!(store.find(&ended[0]).await, Ok(Found::Unknown)),
            "even the memory of it is bounded"
        );
    }

    #[tokio::test]
    async fn bytes_are_bounded_but_the_last_run_stays() {
        let store = Memory::new(Bounds { runs: 100, bytes: 1 });
        let first = conformance::begin(&store, None).await;
        conformance::finish(&store, &first).await;
        let second = conformance::begin(&store, None).await;
        conformance::finish(&store, &second).await;
        assert!(matches!(store.find(&first.run).await, Ok(Found::Expired)));
        assert!(matches!(store.find(&second.run).await, Ok(Found::Run(_))));
    }
}
