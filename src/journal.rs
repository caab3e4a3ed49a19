//! One run's events: append, read after a cursor, wait for more.
//!
//! One [`Writer`] appends. Everyone else holds a [`Journal`] and pulls: an
//! event is shown only after the store committed it, history and live are
//! read the same way, and a slow reader delays only itself.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::event::Body;
use crate::event::Entry;
use crate::event::Stamp;
use crate::id::RunId;
use crate::store::Lease;
use crate::store::Store;
use crate::store::StoreError;

/// A run's events, to be read.
#[derive(Clone)]
pub struct Journal {
    run: RunId,
    store: Arc<dyn Store>,
    head: watch::Receiver<Head>,
}

/// How far a journal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last visible event, 0 before the first.
    pub seq: u64,
    /// Whether it is the last there will be.
    pub ended: bool,
}

/// Most events that one read brings.
const PAGE: usize = 256;

impl Journal {
    /// The journal of a run that is about to be made, to be read before its first event.
    pub fn open(run: RunId, store: Arc<dyn Store>) -> (Unwritten, Journal) {
        let (head, watched) = watch::channel(Head { seq: 0, ended: false });
        (Unwritten { store: Arc::clone(&store), head }, Journal { run, store, head: watched })
    }

    /// The journal of a run that nobody writes any more.
    pub fn closed(run: RunId, store: Arc<dyn Store>, head: u64) -> Journal {
        let (_, head) = watch::channel(Head { seq: head, ended: true });
        Journal { run, store, head }
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// How far it goes now.
    pub fn head(&self) -> Head {
        *self.head.borrow()
    }

    /// The events after `seq`, some at a time; waits until there is one. Empty only when nothing will follow.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn after(&self, seq: u64) -> Result<Vec<Entry>, StoreError> {
        let mut head = self.head.clone();
        // The writer is gone without a last event only when the store failed it: then nothing follows either.
        let _ = head.wait_for(|head| head.seq > seq || head.ended).await;
        self.page(seq).await
    }

    /// The run's last event, once it is there; `None` when the run was lost without one.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn last(&self) -> Result<Option<Entry>, StoreError> {
        let mut head = self.head.clone();
        let seq = match head.wait_for(|head| head.ended).await {
            Ok(head) => head.seq,
            Err(_) => self.head().seq,
        };
        let entries = self.page(seq.saturating_sub(1)).await?;
        Ok(entries.into_iter().next().filter(Entry::is_final))
    }

    /// The events after `seq` that are visible now, some at a time.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn page(&self, seq: u64) -> Result<Vec<Entry>, StoreError> {
        // The store may know more than is visible yet.
        let visible = usize::try_from(self.head().seq.saturating_sub(seq)).unwrap_or(PAGE);
        match visible {
            0 => Ok(Vec::new()),
            n => self.store.read(&self.run, seq, n.min(PAGE)).await,
        }
    }
}

/// A journal that waits for the lease of its run.
pub struct Unwritten {
    store: Arc<dyn Store>,
    head: watch::Sender<Head>,
}

impl Unwritten {
    /// The writer of a new run, accepted now, whose events say if it is simulated.
    pub fn begin(self, lease: Lease, simulated: bool) -> Writer {
        Writer { store: self.store, lease, accepted: Instant::now(), simulated, head: self.head }
    }
}

/// The only one that appends to a run's journal.
pub struct Writer {
    store: Arc<dyn Store>,
    lease: Lease,
    accepted: Instant,
    simulated: bool,
    head: watch::Sender<Head>,
}

impl Writer {
    /// The run.
    pub fn run(&self) -> &RunId {
        &self.lease.run
    }

    /// When the run was accepted.
    pub fn accepted(&self) -> Instant {
        self.accepted
    }

    /// Time since the run was accepted.
    pub fn elapsed(&self) -> Duration {
        self.accepted.elapsed()
    }

    /// Appends what happened; visible when it returns.
    ///
    /// # Errors
    /// [`StoreError`] when the store did not take it; then nothing of it is visible.
    pub async fn append(&mut self, bodies: &[Body]) -> Result<(), StoreError> {
        let Head { seq, .. } = *self.head.borrow();
        let entries: Vec<Entry> =
            bodies.iter().zip(seq + 1..).map(|(body, seq)| Entry::render(&self.stamp(seq), body)).collect();
        let Some(last) = entries.last() else { return Ok(()) };
        let head = Head { seq: last.seq, ended: last.is_final() };
        self.store.append(&self.lease, &entries).await?;
        self.head.send_replace(head);
        Ok(())
    }

    fn stamp(&self, seq: u64) -> Stamp {
        Stamp {
            run_id: self.lease.run.clone(),
            seq,
            at: Timestamp::now(),
            elapsed_ms: self.elapsed().as_millis() as u64,
            simulated: self.simulated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunWarning;
    use crate::store::Memory;
    use crate::store::conformance;
    use tokio::task::JoinSet;

    fn something(n: u64) -> Body {
        Body::RunWarning(RunWarning { code: "n".into(), message: n.to_string(), query: None })
    }

    async fn begin() -> (Writer, Journal) {
        let store = Arc::new(Memory::default());
        let lease = conformance::begin(&*store, None).await;
        let (unwritten, journal) = Journal::open(lease.run.clone(), store);
        (unwritten.begin(lease, false), journal)
    }

    async fn read_all(journal: Journal, from: u64) -> Vec<u64> {
        let mut seen = Vec::new();
        let mut cursor = from;
        while let Ok(entries) = journal.after(cursor).await
            && let Some(last) = entries.last()
        {
            cursor = last.seq;
            seen.extend(entries.iter().map(|entry| entry.seq));
        }
        seen
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn readers_that_join_at_any_time_see_the_same_once() {
        let (mut writer, journal) = begin().await;
        let mut readers = JoinSet::new();
        for n in 1..=500 {
            if n % 5 == 1 {
                readers.spawn(read_all(journal.clone(), 0));
            }
            writer.append(&[something(n)]).await.unwrap();
        }
        drop(writer);
        let expected: Vec<u64> = (1..=500).collect();
        while let Some(seen) = readers.join_next().await {
            assert_eq!(seen.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_reader_waits_for_what_follows_its_cursor() {
        let (mut writer, journal) = begin().await;
        writer.append(&[something(1), something(2)]).await.unwrap();
        assert_eq!(journal.after(1).await.unwrap().len(), 1);
        let waiting = journal.after(2);
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        writer.append(&[something(3)]).await.unwrap();
        assert_eq!(waiting.await.unwrap()[0].seq, 3);
    }
}
