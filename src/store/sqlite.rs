//! Keeps runs in one file of the data directory, through SQLite.
//!
//! One thread writes, in commits that take what has queued; a few connections
//! read. An append returns when its commit does: it outlives the process at
//! once, and a power cut unless it holds only pieces of text and progress.
//! Every row that matters carries a checksum: what does not fit it is shown
//! to nobody and hides its own run only.

mod books;
mod events;
mod keys;
mod list;
mod lock;
mod look;
mod open;
mod readers;
mod retention;
mod row;
mod salvage;
mod schema;
mod spool;
mod trouble;
mod writer;

use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::OptionalExtension;

use super::Batch;
use super::Change;
use super::Claim;
use super::Created;
use super::Found;
use super::Health;
use super::IdempotencyKey;
use super::Lease;
use super::Listed;
use super::NewRun;
use super::Record;
use super::Store;
use super::StoreError;
use super::Taken;
use super::Wanted;
use crate::event::Entry;
use crate::id::RunId;
use books::Books;
use books::Prepared;
use keys::HashedKey;
use lock::Lock;
use readers::Readers;
use row::RunRow;
use salvage::suffixed;
use spool::Spool;
use spool::Waiting;
use trouble::Trouble;
use writer::Kind;
use writer::Writer;

pub use look::Kept;
pub use look::Seen;
pub use look::look;
pub use open::OnCorrupt;
pub use open::OpenError;
pub use retention::Keep;

/// Name of the file in the data directory.
pub const FILE: &str = "askstream.db";
/// Free bytes below which no new run is made.
const LEAST_FREE: u64 = 64 << 20;

/// The store in a file.
pub struct Sqlite {
    // In the order in which they end: the writer finishes its work, then the directory is free.
    writer: Writer,
    readers: Readers,
    shared: Arc<Shared>,
    keep: Keep,
    _lock: Lock,
}

/// What everybody around the file knows.
pub struct Shared {
    path: PathBuf,
    spool: Spool,
    /// Why the last commit failed, until one succeeds.
    trouble: Mutex<Option<String>>,
    /// What was lost before.
    lost: Option<String>,
}

impl Sqlite {
    /// Opens the store of a data directory, or makes it; nobody else can have it then.
    ///
    /// # Errors
    /// [`OpenError`], a sentence for the operator.
    pub fn open(dir: &Path, keep: Keep, on_corrupt: OnCorrupt) -> Result<Sqlite, OpenError> {
        let refused = |error| OpenError::Directory { path: dir.to_owned(), error };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(dir).map_err(refused)?;
        let lock = Lock::take(dir)?;
        let path = dir.join(FILE);
        salvage::finish(&path);
        // Asks are nobody else's business; the files that SQLite puts beside it take its mode over.
        let mut file = std::fs::OpenOptions::new();
        file.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(refused)?;
        let (connection, lost) = open::open(&path, on_corrupt)?;
        let shared =
            Arc::new(Shared { path: path.clone(), spool: Spool::default(), trouble: Mutex::default(), lost });
        let writer = Writer::start(Books::new(connection, Arc::clone(&shared))).map_err(refused)?;
        Ok(Sqlite { writer, readers: Readers::of(&path), shared, keep, _lock: lock })
    }

    /// Removes the events of runs that left, a little at a time.
    async fn erase(&self) -> Result<(), StoreError> {
        while self.writer.run(Kind::Durable(1), retention::erase).await? {}
        Ok(())
    }
}

impl Shared {
    /// Whether there is too little room for a new run.
    fn is_nearly_full(&self) -> bool {
        // A system that does not say is not full.
        rustix::fs::statvfs(&self.path)
            .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < LEAST_FREE)
    }

    /// Whether the last commit succeeded and nothing waits.
    fn is_well(&self) -> bool {
        self.spool.is_empty() && self.trouble().is_none()
    }

    fn wrote(&self) {
        if let Some(error) = self.trouble().take() {
            tracing::info!(%error, "the store can be written again");
        }
    }

    fn failed(&self, error: &rusqlite::Error) {
        if trouble::is_damage(error) {
            schema::suspect(&self.path);
        }
        if self.trouble().replace(error.to_string()).is_none() {
            tracing::error!(%error, "the store cannot be written");
        }
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a run that nobody learnt of taken back.
struct Unclaimed<'a> {
    writer: &'a Writer,
    run: Option<RunId>,
}

impl Drop for Unclaimed<'_> {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            self.writer.leave(move |books| books.drop_run(&run, Timestamp::now()));
        }
    }
}

/// How a batch is committed: pieces of text and progress cost nothing to repeat.
fn kind(batch: &Batch) -> Kind {
    let is_light = |entry: &Entry| matches!(entry.name, Entry::DELTA | "query_progress");
    match batch.standing.is_none() && batch.entries.iter().all(is_light) {
        true => Kind::Light(batch.entries.len()),
        false => Kind::Durable(batch.entries.len()),
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn create(&self, new: NewRun) -> Result<Created, StoreError> {
        // Whoever asked may leave before the answer: then nobody would ever write the run.
        let mut unclaimed = Unclaimed { writer: &self.writer, run: Some(new.run.clone()) };
        let prepared = Prepared::of(new);
        let created = self.writer.run(Kind::Durable(1), move |books| books.create(&prepared)).await;
        unclaimed.run = None;
        created
    }

    async fn taken(&self, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Taken>, StoreError> {
        let key = HashedKey::of(key);
        let shared = Arc::clone(&self.shared);
        let look = move |connection: &Connection| {
            let found = key.lookup(connection, now)?;
            let is_over = |run: &RunId| {
                let waiting = shared.spool.of(run);
                key.is_live() && waiting.and_then(|waiting| waiting.standing).is_some_and(|s| s.end.is_some())
            };
            Ok(found.filter(|(row, _)| !is_over(&row.run)).map(|(_, taken)| taken))
        };
        self.readers.read(look).await
    }

    async fn append(&self, lease: &Lease, batch: Batch) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.writer.run(kind(&batch), move |books| books.append(&lease, &batch)).await
    }

    async fn spool(&self, lease: &Lease, batch: Batch) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.writer.run(Kind::InMemory, move |books| Ok(books.spool(&lease, &batch)?)).await
    }

    async fn read(&self, run: &RunId, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let waiting = self.shared.spool.of(run).unwrap_or_default();
        let run = run.clone();
        let look = move |connection: &Connection| {
            let row = RunRow::find(connection, &run)?;
            let mut entries = events::read(connection, &row, after, limit)?;
            let head = entries.last().map_or(after, |entry| entry.seq);
            let more = waiting.entries.into_iter().filter(|entry| entry.seq > head);
            entries.extend(more.take(limit - entries.len()));
            Ok(entries)
        };
        self.readers.read(look).await
    }

    async fn find(&self, run: &RunId) -> Result<Found, StoreError> {
        let waiting = self.shared.spool.of(run).unwrap_or_default();
        let run = run.clone();
        self.readers.read(move |connection| find(connection, &run, waiting)).await
    }

    async fn list(&self, wanted: &Wanted) -> Result<Vec<Listed>, StoreError> {
        let wanted = wanted.clone();
        let mut waiting = HashMap::new();
        for run in self.shared.spool.runs() {
            let standing = self.shared.spool.of(&run).and_then(|waiting| waiting.standing);
            waiting.extend(standing.map(|standing| (run, standing)));
        }
        self.readers.read(move |connection| list::list(connection, &wanted, &waiting)).await
    }

    async fn note(&self, run: &RunId, change: Change) -> Result<(), StoreError> {
        let run = run.clone();
        self.writer.run(Kind::Durable(1), move |books| books.note(&run, &change)).await
    }

    async fn purge(&self, run: &RunId) -> Result<(), StoreError> {
        let run = run.clone();
        self.writer.run(Kind::Durable(1), move |books| books.drop_run(&run, Timestamp::now())).await?;
        // What fails here is done by the next sweep.
        let _ = self.erase().await;
        Ok(())
    }

    async fn orphans(&self) -> Result<Vec<RunId>, StoreError> {
        self.writer.run(Kind::Light(1), Books::orphans).await
    }

    async fn claim(&self, run: &RunId) -> Result<Claim, StoreError> {
        let run = run.clone();
        self.writer.run(Kind::Durable(1), move |books| books.claim(&run)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.writer.run(Kind::Durable(1), move |books| books.release(&lease)).await
    }

    async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        if !self.writer.run(Kind::Durable(1), move |books| retention::is_sane(books, now)).await? {
            return Ok(());
        }
        let keep = self.keep;
        while self.writer.run(Kind::Durable(1), move |books| retention::step(books, keep, now)).await? {}
        Ok(())
    }

    fn health(&self) -> Health {
        if self.shared.is_nearly_full() {
            return Health::Full(
                "less than 64 MiB are free for the data directory: no new runs are made".into(),
            );
        }
        let trouble = self.shared.trouble().clone();
        match (trouble, &self.shared.lost) {
            (Some(why), _) => {
                Health::Degraded(format!("the store cannot be written, events wait in memory: {why}"))
            }
            (None, Some(lost)) => Health::Degraded(lost.clone()),
            (None, None) => Health::Good,
        }
    }
}

fn find(connection: &Connection, run: &RunId, waiting: Waiting) -> Result<Found, Trouble> {
    let row = match RunRow::find(connection, run) {
        Err(Trouble::Refused(StoreError::Missing)) => {
            let sql = "SELECT 1 FROM tombstones WHERE run = ?1";
            let left = connection.prepare_cached(sql)?.query_row([run.as_str()], |_| Ok(())).optional()?;
            return Ok(if left.is_some() { Found::Expired } else { Found::Unknown });
        }
        found => found?,
    };
    let written = match row.facts.ended() {
        true => row.facts.head,
        false => events::head(connection, row.id)?,
    };
    Ok(Found::Run(Box::new(Record {
        ask: Arc::new(row::read_ask(connection, row.id)?),
        panel: row.panel,
        created_at: row.facts.created_at,
        head: waiting.head().unwrap_or(written),
        standing: waiting.standing.unwrap_or(row.facts.standing),
        about: row.facts.about,
    })))
}

#[cfg(test)]
mod tests;
