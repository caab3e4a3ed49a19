//! What the writer does: every change of the file, and who holds which run.
//!
//! Each piece of work first refuses what is not to be done and writes then,
//! within the transaction of its group. What it changes in memory is undone
//! when the group is lost.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::params;

use super::super::Batch;
use super::super::Change;
use super::super::Claim;
use super::super::Created;
use super::super::Lease;
use super::super::NewRun;
use super::super::StoreError;
use super::Shared;
use super::events;
use super::keys::HashedKey;
use super::row;
use super::row::Facts;
use super::row::RunRow;
use super::trouble::Trouble;
use crate::event::Entry;
use crate::event::Standing;
use crate::id::RunId;

/// The writer's connection and what it knows by heart.
pub struct Books {
    pub connection: Connection,
    pub shared: Arc<Shared>,
    /// Runs that somebody of this process writes.
    held: HashMap<RunId, Held>,
    /// What `held` was before this transaction, latest last.
    before: Vec<(RunId, Option<Held>)>,
    /// Runs of which nothing waits any more once this transaction is committed.
    flushed: Vec<RunId>,
    /// Whether the connection syncs each commit.
    syncs: bool,
    /// Rows that were changed before this transaction.
    changes: u64,
}

/// A run that somebody of this process writes.
#[derive(Clone, Copy, Debug)]
struct Held {
    id: i64,
    epoch: u64,
    /// Number of its last event, those that wait among them.
    head: u64,
    ended: bool,
}

/// A run to be made, with what takes time worked out before the writer's time begins.
pub struct Prepared {
    new: NewRun,
    key: Option<HashedKey>,
    ask: Vec<u8>,
    words: String,
}

impl Prepared {
    /// Of a new run.
    pub fn of(new: NewRun) -> Prepared {
        let key = new.key.as_ref().map(HashedKey::of);
        Prepared { key, ask: row::json(&*new.ask), words: new.ask.question.to_lowercase(), new }
    }
}

impl Books {
    /// Over a connection that nobody else writes with.
    pub fn new(connection: Connection, shared: Arc<Shared>) -> Books {
        Books {
            connection,
            shared,
            held: HashMap::new(),
            before: Vec::new(),
            flushed: Vec::new(),
            syncs: false,
            changes: 0,
        }
    }

    /// Begins a transaction; `syncs` when its commit is to outlive a power cut.
    ///
    /// # Errors
    /// When the database fails.
    pub fn begin(&mut self, syncs: bool) -> rusqlite::Result<()> {
        if syncs != self.syncs {
            let word = if syncs { "FULL" } else { "NORMAL" };
            self.connection.execute_batch(&format!("PRAGMA synchronous = {word}"))?;
            self.syncs = syncs;
        }
        self.changes = self.connection.total_changes();
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    /// Commits what was done since [`Books::begin`].
    ///
    /// # Errors
    /// When the database fails; then [`Books::undo`] is due.
    pub fn commit(&mut self) -> rusqlite::Result<()> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.before.clear();
        for run in self.flushed.drain(..) {
            self.shared.spool.clear(&run);
        }
        Ok(())
    }

    /// Leaves nothing of what was done since [`Books::begin`].
    pub fn undo(&mut self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "could not roll back");
        }
        for (run, before) in std::mem::take(&mut self.before).into_iter().rev() {
            self.put(run, before);
        }
        self.flushed.clear();
    }

    /// Whether the last transaction changed anything.
    pub fn has_written(&self) -> bool {
        self.connection.total_changes() > self.changes
    }

    /// Writes something of no meaning, to find out whether that works.
    ///
    /// # Errors
    /// When it does not.
    pub fn probe(&mut self) -> rusqlite::Result<()> {
        let sql = "INSERT INTO meta VALUES ('probe', 1) ON CONFLICT DO UPDATE SET value = 1 - value";
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    fn put(&mut self, run: RunId, held: Option<Held>) -> Option<Held> {
        match held {
            Some(held) => self.held.insert(run, held),
            None => self.held.remove(&run),
        }
    }

    fn hold(&mut self, run: &RunId, held: Option<Held>) {
        let before = self.put(run.clone(), held);
        self.before.push((run.clone(), before));
    }

    /// Makes a run, unless its key leads to an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the disk is nearly full.
    pub fn create(&mut self, prepared: &Prepared) -> Result<Created, Trouble> {
        let Prepared { new, key, ask, words } = prepared;
        if let Some(key) = key
            && let Some((earlier, taken)) = key.lookup(&self.connection, new.created_at)?
            && !(key.is_live() && self.held.get(&earlier.run).is_some_and(|held| held.ended))
        {
            return Ok(Created::Taken(taken));
        }
        if self.shared.is_nearly_full() {
            return Err(StoreError::Full.into());
        }
        let mut facts = Facts {
            created_at: new.created_at,
            title: new.ask.title(),
            standing: Standing::NEW,
            head: 0,
            about: Default::default(),
            epoch: 1,
            released: false,
            crashes: 0,
        };
        facts.about.retry_of = new.retry_of.clone();
        facts.about.simulated = new.simulated;
        let row = RunRow::insert(&self.connection, &new.run, &new.panel, facts)?;
        row::insert_ask(&self.connection, row.id, ask, words)?;
        if let Some(key) = key {
            key.save(&self.connection, row.id, new.created_at)?;
        }
        if let Some(Ok(mut retried)) = new.retry_of.as_ref().map(|run| RunRow::find(&self.connection, run)) {
            retried.facts.about.retried_by = Some(new.run.clone());
            retried.save(&self.connection)?;
        }
        self.hold(&new.run, Some(Held { id: row.id, epoch: 1, head: 0, ended: false }));
        Ok(Created::New(Lease { run: new.run.clone(), epoch: 1 }))
    }

    /// Appends events, and before them those of the run that wait.
    ///
    /// # Errors
    /// As [`super::super::Store::append`].
    pub fn append(&mut self, lease: &Lease, batch: &Batch) -> Result<(), Trouble> {
        let held = self.held(lease)?;
        let next = follow(held, &batch.entries)?;
        let waiting = self.shared.spool.of(&lease.run);
        let earlier = waiting.iter().flat_map(|waiting| &waiting.entries);
        for entry in earlier.chain(&batch.entries) {
            events::insert(&self.connection, held.id, &lease.run, entry)?;
        }
        let earlier = waiting.as_ref().and_then(|waiting| waiting.standing.as_ref());
        if let Some(standing) = batch.standing.as_ref().or(earlier) {
            let mut row = RunRow::by_id(&self.connection, held.id)?;
            (row.facts.standing, row.facts.head) = (standing.clone(), next.head);
            row.save(&self.connection)?;
        }
        if waiting.is_some() {
            self.flushed.push(lease.run.clone());
        }
        self.hold(&lease.run, Some(next).filter(|next| !next.ended));
        Ok(())
    }

    /// Keeps events in memory. Not part of a transaction.
    ///
    /// # Errors
    /// As [`super::super::Store::spool`].
    pub fn spool(&mut self, lease: &Lease, batch: &Batch) -> Result<(), StoreError> {
        let held = self.held(lease).map_err(Trouble::of_reading)?;
        let next = follow(held, &batch.entries)?;
        self.shared.spool.push(&lease.run, batch)?;
        self.held.insert(lease.run.clone(), next);
        Ok(())
    }

    /// Writes what waits of a run.
    ///
    /// # Errors
    /// When the database fails.
    pub fn flush(&mut self, run: &RunId) -> Result<(), Trouble> {
        match self.held.get(run).map(|held| held.epoch) {
            Some(epoch) => self.append(&Lease { run: run.clone(), epoch }, &Batch::default()),
            None => {
                // Purged meanwhile.
                self.flushed.push(run.clone());
                Ok(())
            }
        }
    }

    /// The run that a lease is of, if it still is.
    fn held(&self, lease: &Lease) -> Result<Held, Trouble> {
        match self.held.get(&lease.run) {
            Some(held) if held.epoch == lease.epoch => Ok(*held),
            Some(_) => Err(StoreError::Stale.into()),
            None => {
                RunRow::find(&self.connection, &lease.run)?;
                Err(StoreError::Stale.into())
            }
        }
    }

    /// Changes what people wrote about a run.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such run.
    pub fn note(&mut self, run: &RunId, change: &Change) -> Result<(), Trouble> {
        let mut row = RunRow::find(&self.connection, run)?;
        row.facts.about.apply(change.clone());
        Ok(row.save(&self.connection)?)
    }

    /// Takes a run off the books and remembers it; its events are left for [`super::retention`].
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such run.
    pub fn drop_run(&mut self, run: &RunId, now: Timestamp) -> Result<(), Trouble> {
        let find = "SELECT id FROM runs WHERE run = ?1";
        let id = self.connection.prepare_cached(find)?.query_row([run.as_str()], |row| row.get(0));
        let id: i64 = id.map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Trouble::Refused(StoreError::Missing),
            other => other.into(),
        })?;
        for sql in [
            "DELETE FROM runs WHERE id = ?1",
            "DELETE FROM asks WHERE id = ?1",
            "DELETE FROM keys WHERE run = ?1",
            "INSERT OR IGNORE INTO gone VALUES (?1)",
        ] {
            self.connection.prepare_cached(sql)?.execute([id])?;
        }
        let tombstone = "INSERT OR REPLACE INTO tombstones VALUES (?1, ?2)";
        self.connection.prepare_cached(tombstone)?.execute(params![run.as_str(), now.as_microsecond()])?;
        self.flushed.push(run.clone());
        self.hold(run, None);
        Ok(())
    }

    /// Runs without a last event that nobody holds, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn orphans(&mut self) -> Result<Vec<RunId>, Trouble> {
        let sql = format!("SELECT {} FROM runs WHERE ended = 0 ORDER BY run", row::COLUMNS);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([], |found| Ok(row::read(found)))?;
        let mut orphans = Vec::new();
        for row in rows {
            // What is damaged cannot go on.
            let Ok(row) = row? else { continue };
            if !self.held.contains_key(&row.run) {
                orphans.push(row.run);
            }
        }
        Ok(orphans)
    }

    /// Takes over a run that nobody holds.
    ///
    /// # Errors
    /// As [`super::super::Store::claim`].
    pub fn claim(&mut self, run: &RunId) -> Result<Claim, Trouble> {
        let mut row = RunRow::find(&self.connection, run)?;
        if self.held.contains_key(run) || row.facts.ended() {
            return Err(StoreError::Stale.into());
        }
        row.facts.crashes += u32::from(!std::mem::take(&mut row.facts.released));
        row.facts.epoch += 1;
        let head = events::head(&self.connection, row.id)?;
        row.save(&self.connection)?;
        self.hold(run, Some(Held { id: row.id, epoch: row.facts.epoch, head, ended: false }));
        let lease = Lease { run: run.clone(), epoch: row.facts.epoch };
        Ok(Claim { lease, crashes: row.facts.crashes })
    }

    /// Gives a run up on purpose.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the lease is no longer the run's.
    pub fn release(&mut self, lease: &Lease) -> Result<(), Trouble> {
        let held = self.held(lease)?;
        // What waits goes with it; the next holder must find it written.
        self.append(lease, &Batch::default())?;
        let mut row = RunRow::by_id(&self.connection, held.id)?;
        row.facts.released = true;
        row.save(&self.connection)?;
        self.hold(&lease.run, None);
        Ok(())
    }
}

/// Where a run is after these events, if they follow its last one.
fn follow(held: Held, entries: &[Entry]) -> Result<Held, StoreError> {
    let mut next = held;
    for entry in entries {
        if entry.seq != next.head + 1 || next.ended {
            return Err(StoreError::OutOfOrder { head: next.head, found: entry.seq });
        }
        next = Held { head: entry.seq, ended: entry.is_final(), ..next };
    }
    Ok(next)
}
