//! Keeps runs in this process; they are gone when it ends.
//!
//! Bounded: ended runs leave, oldest first, when there are too many or when
//! they hold too many bytes. A run that left is remembered as expired.

use std::collections::BTreeMap;
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

use super::About;
use super::Batch;
use super::Change;
use super::Claim;
use super::Created;
use super::Found;
use super::Health;
use super::IdempotencyKey;
use super::KeyScope;
use super::Lease;
use super::Listed;
use super::NewRun;
use super::Record;
use super::Store;
use super::StoreError;
use super::Taken;
use super::Wanted;
use crate::ask::Ask;
use crate::event::Entry;
use crate::event::Standing;
use crate::id::PanelName;
use crate::id::RunId;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    runs: BTreeMap<RunId, Kept>,
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
    panel: PanelName,
    created_at: Timestamp,
    entries: Vec<Entry>,
    standing: Standing,
    about: About,
    key: Option<String>,
    epoch: u64,
    /// Whether a writer of this process has it.
    held: bool,
    /// Whether its last writer gave it up on purpose.
    released: bool,
    crashes: u32,
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

    fn is_wanted(&self, wanted: &Wanted) -> bool {
        let has = |text: &str| {
            let of_people = [self.about.title.as_deref(), self.about.note.as_deref()];
            let texts = of_people.into_iter().flatten().chain([self.ask.question.as_str()]);
            texts.into_iter().any(|found| found.to_lowercase().contains(text))
        };
        !self.about.hidden
            && (wanted.statuses.is_empty() || wanted.statuses.contains(&self.standing.status))
            && wanted.panel.as_ref().is_none_or(|panel| *panel == self.panel)
            && wanted.text.as_ref().is_none_or(|text| has(&text.to_lowercase()))
    }

    fn listed(&self, run: &RunId) -> Listed {
        Listed {
            run: run.clone(),
            panel: self.panel.clone(),
            title: self.about.title.clone().unwrap_or_else(|| self.ask.title()),
            created_at: self.created_at,
            standing: self.standing.clone(),
            simulated: self.about.simulated,
        }
    }
}

/// How long a key of scope [`KeyScope::Day`] leads to its run.
const KEY_TIME: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

impl Memory {
    /// An empty store that keeps this much.
    pub fn new(bounds: Bounds) -> Memory {
        Memory { bounds, state: Mutex::default() }
    }

    /// As if the process had died: nobody holds a run any more.
    #[cfg(test)]
    pub fn lose_holders(&self) {
        for kept in self.state().runs.values_mut() {
            kept.held = false;
        }
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

    /// The run that a lease is of, if it still is.
    fn held(&mut self, lease: &Lease) -> Result<&mut Kept, StoreError> {
        let kept = self.runs.get_mut(&lease.run).ok_or(StoreError::Missing)?;
        match kept.held && kept.epoch == lease.epoch {
            true => Ok(kept),
            false => Err(StoreError::Stale),
        }
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
        if let Some(retried) = new.retry_of.as_ref().and_then(|run| state.runs.get_mut(run)) {
            retried.about.retried_by = Some(new.run.clone());
        }
        let key = new.key.map(|IdempotencyKey { key, body, scope }| {
            let entry = Key { run: new.run.clone(), body, scope, since: new.created_at };
            state.keys.insert(key.clone(), entry);
            key
        });
        let kept = Kept {
            ask: new.ask,
            panel: new.panel,
            created_at: new.created_at,
            entries: Vec::new(),
            standing: Standing::NEW,
            about: About { retry_of: new.retry_of, simulated: new.simulated, ..About::default() },
            key,
            epoch: 1,
            held: true,
            released: false,
            crashes: 0,
        };
        state.runs.insert(new.run.clone(), kept);
        Ok(Created::New(Lease { run: new.run, epoch: 1 }))
    }

    async fn taken(&self, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Taken>, StoreError> {
        Ok(self.state().by_key(key, now))
    }

    async fn append(&self, lease: &Lease, batch: Batch) -> Result<(), StoreError> {
        let mut state = self.state();
        let kept = state.held(lease)?;
        let mut head = kept.entries.len() as u64;
        for entry in &batch.entries {
            if entry.seq != head + 1 || kept.ended() {
                return Err(StoreError::OutOfOrder { head, found: entry.seq });
            }
            head = entry.seq;
        }
        kept.entries.extend(batch.entries);
        kept.standing = batch.standing.unwrap_or_else(|| kept.standing.clone());
        if kept.ended() {
            state.end(&lease.run, self.bounds);
        }
        Ok(())
    }

    async fn spool(&self, lease: &Lease, batch: Batch) -> Result<(), StoreError> {
        self.append(lease, batch).await
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
            Some(kept) => Found::Run(Box::new(Record {
                ask: Arc::clone(&kept.ask),
                panel: kept.panel.clone(),
                created_at: kept.created_at,
                head: kept.entries.len() as u64,
                standing: kept.standing.clone(),
                about: kept.about.clone(),
            })),
            None if state.left_set.contains(run) => Found::Expired,
            None => Found::Unknown,
        })
    }

    async fn list(&self, wanted: &Wanted) -> Result<Vec<Listed>, StoreError> {
        let state = self.state();
        let newest = state.runs.iter().rev();
        let older = newest.filter(|(run, _)| wanted.before.as_ref().is_none_or(|before| *run < before));
        let shown = older.filter(|(_, kept)| kept.is_wanted(wanted)).take(wanted.limit);
        Ok(shown.map(|(run, kept)| kept.listed(run)).collect())
    }

    async fn note(&self, run: &RunId, change: Change) -> Result<(), StoreError> {
        let mut state = self.state();
        state.runs.get_mut(run).ok_or(StoreError::Missing)?.about.apply(change);
        Ok(())
    }

    async fn purge(&self, run: &RunId) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.runs.contains_key(run) {
            return Err(StoreError::Missing);
        }
        if let Some(at) = state.ended.iter().position(|(ended, _)| ended == run)
            && let Some((_, size)) = state.ended.remove(at)
        {
            state.ended_bytes -= size;
        }
        state.forget(run.clone(), self.bounds);
        Ok(())
    }

    async fn orphans(&self) -> Result<Vec<RunId>, StoreError> {
        let state = self.state();
        let alone = |kept: &Kept| !kept.ended() && !kept.held;
        Ok(state.runs.iter().filter(|(_, kept)| alone(kept)).map(|(run, _)| run.clone()).collect())
    }

    async fn claim(&self, run: &RunId) -> Result<Claim, StoreError> {
        let mut state = self.state();
        let kept = state.runs.get_mut(run).ok_or(StoreError::Missing)?;
        if std::mem::replace(&mut kept.held, true) {
            return Err(StoreError::Stale);
        }
        kept.crashes += u32::from(!std::mem::take(&mut kept.released));
        kept.epoch += 1;
        Ok(Claim { lease: Lease { run: run.clone(), epoch: kept.epoch }, crashes: kept.crashes })
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut state = self.state();
        let kept = state.held(lease)?;
        (kept.held, kept.released) = (false, true);
        Ok(())
    }

    async fn sweep(&self, _: Timestamp) -> Result<(), StoreError> {
        // Runs leave when others end.
        Ok(())
    }

    fn health(&self) -> Health {
        Health::Good
    }

    fn outlives_process(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::*;

    #[tokio::test]
    async fn it_keeps_what_every_store_keeps() {
        let restarted = |store: Arc<Memory>| {
            store.lose_holders();
            store
        };
        conformance::check(|| Arc::new(Memory::default()), restarted).await;
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
