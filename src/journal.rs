//! One run's events: append, read after a cursor, wait for more.
//!
//! One [`Writer`] appends. Everyone else holds a [`Journal`] and pulls: an
//! event is shown only after the store committed it, history and live are
//! read the same way, and a slow reader delays only itself. The newest
//! events of a run under way are kept at hand, so that readers who keep up
//! ask the store for nothing.

mod log;
mod recent;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::crash;
use crate::crash::Point;
use crate::event::Body;
use crate::event::Entry;
use crate::event::FinalResult;
use crate::event::Stamp;
use crate::event::Standing;
use crate::id::RunId;
use crate::store::Batch;
use crate::store::Lease;
use crate::store::Store;
use crate::store::StoreError;
use recent::Recent;

/// A run's events, to be read.
#[derive(Clone)]
pub struct Journal {
    run: RunId,
    store: Arc<dyn Store>,
    head: watch::Receiver<Head>,
    recent: Arc<Recent>,
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
    /// The journal of a run that somebody is about to write after event `seq`, to be read before that.
    pub fn open(run: RunId, store: Arc<dyn Store>, seq: u64) -> (Unwritten, Journal) {
        let (head, watched) = watch::channel(Head { seq, ended: false });
        let recent = Arc::<Recent>::default();
        let unwritten = Unwritten { store: Arc::clone(&store), head, recent: Arc::clone(&recent) };
        (unwritten, Journal { run, store, head: watched, recent })
    }

    /// The journal of a run that nobody writes any more.
    pub fn closed(run: RunId, store: Arc<dyn Store>, head: u64) -> Journal {
        let (_, head) = watch::channel(Head { seq: head, ended: true });
        Journal { run, store, head, recent: Arc::default() }
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

    /// Waits until nothing more will follow; the number of the event after which that is so.
    pub async fn end(&self) -> u64 {
        let mut head = self.head.clone();
        match head.wait_for(|head| head.ended).await {
            Ok(head) => head.seq,
            // The writer is gone.
            Err(_) => self.head().seq,
        }
    }

    /// The run's last event, once it is there; `None` when the run was lost without one.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn last(&self) -> Result<Option<Entry>, StoreError> {
        let seq = self.end().await;
        let entries = self.page(seq.saturating_sub(1)).await?;
        Ok(entries.into_iter().next().filter(Entry::is_final))
    }

    /// Number of the first event after `seq` from which on none is missing: pieces of text may have been
    /// dropped.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn whole_from(&self, seq: u64) -> Result<u64, StoreError> {
        let (mut cursor, mut first) = (seq, seq + 1);
        loop {
            let entries = self.page(cursor).await?;
            if entries.is_empty() {
                return Ok(first);
            }
            for entry in entries {
                if entry.seq > cursor + 1 {
                    first = entry.seq;
                }
                cursor = entry.seq;
            }
        }
    }

    /// The events after `seq` that are visible now, some at a time.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn page(&self, seq: u64) -> Result<Vec<Entry>, StoreError> {
        // The store may know more than is visible yet.
        let head = self.head().seq;
        if head <= seq {
            return Ok(Vec::new());
        }
        if let Some(entries) = self.recent.after(seq, head) {
            return Ok(entries);
        }
        let mut entries = self.store.read(&self.run, seq, PAGE).await?;
        entries.retain(|entry| entry.seq <= head);
        Ok(entries)
    }
}

/// A journal that waits for the lease of its run.
pub struct Unwritten {
    store: Arc<dyn Store>,
    head: watch::Sender<Head>,
    recent: Arc<Recent>,
}

impl Unwritten {
    /// The writer of a run whose events say if it is simulated, and that was under way for `before` when its
    /// last writer was lost: nothing for a new one.
    pub fn begin(self, lease: Lease, simulated: bool, before: Duration) -> Writer {
        let Unwritten { store, head, recent } = self;
        Writer { store, lease, begun: Instant::now(), before, simulated, queued: false, head, recent }
    }
}

/// The only one that appends to a run's journal.
pub struct Writer {
    store: Arc<dyn Store>,
    lease: Lease,
    begun: Instant,
    before: Duration,
    simulated: bool,
    /// Whether its last event said that it waits for a place.
    queued: bool,
    head: watch::Sender<Head>,
    recent: Arc<Recent>,
}

impl Writer {
    /// The same for a run of which an earlier writer said last that it waits for a place.
    pub fn queued(self, queued: bool) -> Writer {
        Writer { queued, ..self }
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.lease.run
    }

    /// Time since the run was accepted, but for the time in which nobody wrote it.
    pub fn elapsed(&self) -> Duration {
        self.before + self.begun.elapsed()
    }

    /// Number of the last event.
    pub fn seq(&self) -> u64 {
        self.head.borrow().seq
    }

    /// Appends what happened; visible when it returns. What the store cannot take for now is spooled: the
    /// answers are paid for, and the last event says that a crash would lose them.
    ///
    /// # Errors
    /// [`StoreError`] when the store did not take it at all; then nothing of it is visible.
    pub async fn append(&mut self, bodies: &[Body]) -> Result<(), StoreError> {
        if bodies.is_empty() {
            return Ok(());
        }
        let batch = self.render(bodies);
        crash::at(Point::BeforeCommit);
        let entries = match self.store.append(&self.lease, batch.clone()).await {
            Ok(()) => batch.entries,
            Err(error) if error.is_passing() => {
                tracing::warn!(run = %self.lease.run, %error, "events wait in memory");
                let batch = self.render(&bodies.iter().map(not_durable).collect::<Vec<_>>());
                self.store.spool(&self.lease, batch.clone()).await?;
                batch.entries
            }
            Err(error) => return Err(error),
        };
        let Some(last) = entries.last() else { return Ok(()) };
        crash::at(Point::AfterCommit);
        self.queued = waits(bodies);
        let head = Head { seq: last.seq, ended: last.is_final() };
        // At hand first: whoever sees the head move finds them there.
        self.recent.push(entries);
        self.head.send_replace(head);
        log::tell(&self.lease.run, bodies);
        Ok(())
    }

    /// Gives the run up for the next process.
    ///
    /// # Errors
    /// [`StoreError`] when the store did not hear of it; then it counts as a crash.
    pub async fn release(&self) -> Result<(), StoreError> {
        self.store.release(&self.lease).await
    }

    fn render(&self, bodies: &[Body]) -> Batch {
        let mut batch = Batch { standing: self.queued.then_some(Standing::RUNNING), ..Batch::default() };
        for (body, seq) in bodies.iter().zip(self.seq() + 1..) {
            let stamp = self.stamp(seq);
            batch.standing = Standing::after(&stamp, body).or(batch.standing);
            batch.entries.push(Entry::render(&stamp, body));
        }
        batch
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

/// Whether a run waits for a place after these.
fn waits(bodies: &[Body]) -> bool {
    matches!(bodies.last(), Some(Body::RunStarted(started)) if started.queued)
}

/// The event as it reads when it is not on disk yet.
fn not_durable(body: &Body) -> Body {
    match body {
        Body::FinalResult(result) => {
            Body::FinalResult(Box::new(FinalResult { durable: Some(false), ..(**result).clone() }))
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunWarning;
    use crate::store::Memory;
    use crate::store::Sqlite;
    use crate::store::conformance;
    use crate::store::sqlite::Keep;
    use crate::store::sqlite::OnCorrupt;
    use tokio::task::JoinSet;

    fn something(n: u64) -> Body {
        Body::RunWarning(RunWarning { code: "n".into(), message: n.to_string(), query: None })
    }

    async fn begin() -> (Writer, Journal) {
        let store = Arc::new(Memory::default());
        let lease = conformance::begin(&*store, None).await;
        let (unwritten, journal) = Journal::open(lease.run.clone(), store, 0);
        (unwritten.begin(lease, false, Duration::ZERO), journal)
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

    /// A directory that is gone with the test.
    struct Dir(std::path::PathBuf);

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// What a reader that joins after `cursor` is shown, until it has seen three events.
    async fn join(journal: Journal, cursor: u64) -> Vec<Entry> {
        let mut seen: Vec<Entry> = Vec::new();
        while seen.len() < 3
            && let Ok(entries) = journal.after(seen.last().map_or(cursor, |entry| entry.seq)).await
            && !entries.is_empty()
        {
            seen.extend(entries);
        }
        assert!(seen.iter().map(|entry| entry.seq).eq(cursor + 1..=cursor + seen.len() as u64));
        seen.truncate(3);
        seen
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn ten_thousand_joins_at_the_commit_seam_miss_nothing_and_double_nothing() {
        const EVENTS: u64 = 2000;
        let dir = std::env::temp_dir().join(format!("askstream-seam-{:016x}", rand::random::<u64>()));
        let dir = Dir(dir);
        let store = Arc::new(Sqlite::open(&dir.0, Keep::default(), OnCorrupt::Salvage).unwrap());
        let lease = conformance::begin(&*store, None).await;
        let (unwritten, journal) = Journal::open(lease.run.clone(), store, 0);
        let mut writer = unwritten.begin(lease, false, Duration::ZERO);
        let mut joined = JoinSet::new();
        for n in 1..=EVENTS {
            let mut readers = Vec::new();
            for back in 0..5 {
                // At the head, which moves meanwhile, just behind it, or far behind, out of the store alone.
                let head = journal.head().seq;
                let cursor = if back == 4 { head / 2 } else { head.saturating_sub(back) };
                readers.push((journal.clone(), cursor));
            }
            for (journal, cursor) in readers {
                joined.spawn(async move { (cursor, join(journal, cursor).await) });
            }
            writer.append(&[something(n)]).await.unwrap();
        }
        drop(writer);
        let mut whole = Vec::new();
        while let Ok(page) = journal.page(whole.len() as u64).await
            && !page.is_empty()
        {
            whole.extend(page);
        }
        assert_eq!(whole.len() as u64, EVENTS);
        let mut joins = 0;
        while let Some(reader) = joined.join_next().await {
            let (cursor, seen) = reader.unwrap();
            let kept = whole.iter().skip(cursor as usize).take(3).map(Entry::block);
            assert!(seen.iter().map(Entry::block).eq(kept), "after {cursor}");
            joins += 1;
        }
        assert_eq!(joins, 10_000);
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
