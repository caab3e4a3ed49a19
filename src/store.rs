//! Keeps runs: their asks, their journals, their idempotency keys.
//!
//! An append returns when it is durable, as durable as the store is. Events
//! of a run are written by one holder of its [`Lease`] only, in order. Every
//! store passes the same conformance suite, [`conformance`].

#[cfg(test)]
pub mod conformance;
pub mod memory;
pub mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::ask::Ask;
use crate::event::Entry;
use crate::event::RunStatus;
use crate::event::Standing;
use crate::id::PanelName;
use crate::id::RunId;

pub use memory::Memory;
pub use sqlite::Sqlite;

/// Where runs are kept.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes a run, and in the same step its idempotency key point at it, and the run it retries point at it.
    ///
    /// # Errors
    /// [`StoreError`] when nothing was written.
    async fn create(&self, run: NewRun) -> Result<Created, StoreError>;

    /// The run that a key leads to; `None` while it is free.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    async fn taken(&self, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Taken>, StoreError>;

    /// Appends events whose numbers follow the last one; durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the lease is no longer the run's. [`StoreError::is_passing`] errors leave
    /// nothing behind: the same batch may be appended or spooled then.
    async fn append(&self, lease: &Lease, batch: Batch) -> Result<(), StoreError>;

    /// Takes events that could not be appended: kept in this process, readable like all others, and written
    /// as soon as that is possible again. A crash before that loses them.
    ///
    /// # Errors
    /// As [`Store::append`], and [`StoreError::Full`] when too much waits already.
    async fn spool(&self, lease: &Lease, batch: Batch) -> Result<(), StoreError>;

    /// At most `limit` events after `after`, in order; empty at the end. Numbers are missing where
    /// [`About::trimmed`] says that pieces of text were dropped.
    ///
    /// # Errors
    /// [`StoreError`] when the run cannot be read.
    async fn read(&self, run: &RunId, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// What is known of a run.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    async fn find(&self, run: &RunId) -> Result<Found, StoreError>;

    /// Runs, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    async fn list(&self, wanted: &Wanted) -> Result<Vec<Listed>, StoreError>;

    /// Changes what people wrote about a run.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such run.
    async fn note(&self, run: &RunId, change: Change) -> Result<(), StoreError>;

    /// Erases an ended run and remembers it as expired.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such run.
    async fn purge(&self, run: &RunId) -> Result<(), StoreError>;

    /// Runs without a last event that nobody holds: their process is gone. Oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    async fn orphans(&self) -> Result<Vec<RunId>, StoreError>;

    /// Takes over a run that nobody holds; older leases are stale from then on.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such run, [`StoreError::Stale`] when somebody holds it.
    async fn claim(&self, run: &RunId) -> Result<Claim, StoreError>;

    /// Gives a run up on purpose, for the next process to claim: no crash.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the lease is no longer the run's.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Drops what is older than it is to be kept.
    ///
    /// # Errors
    /// [`StoreError`] when that failed; the next sweep goes on.
    async fn sweep(&self, now: Timestamp) -> Result<(), StoreError>;

    /// How the store is.
    fn health(&self) -> Health;

    /// Whether its runs outlive the process.
    fn outlives_process(&self) -> bool {
        true
    }
}

/// A run to be made.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id.
    pub run: RunId,
    /// What was asked.
    pub ask: Arc<Ask>,
    /// Its panel.
    pub panel: PanelName,
    /// When it was accepted, for people and for retention.
    pub created_at: Timestamp,
    /// The key that makes a second equal request find it.
    pub key: Option<IdempotencyKey>,
    /// The run whose failed queries it asks again.
    pub retry_of: Option<RunId>,
    /// Whether a simulated provider may be asked.
    pub simulated: bool,
}

/// Events that are written together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The events, in order.
    pub entries: Vec<Entry>,
    /// Where the run stands after them, if they change that.
    pub standing: Option<Standing>,
}

/// Makes equal requests one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key, with whatever tells callers apart.
    pub key: String,
    /// The JSON value that was asked with it; order and spacing do not count.
    pub body: Value,
    /// How long the key leads to its run.
    pub scope: KeyScope,
}

/// How long a key leads to its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScope {
    /// While the run is kept, for a day.
    Day,
    /// Until the run has ended: joins repeated `GET`s of a browser.
    WhileLive,
}

/// What became of [`Store::create`].
#[derive(Clone, Debug)]
pub enum Created {
    /// The run is there; only the holder of this lease may append to it.
    New(Lease),
    /// Nothing was made: the key leads to an earlier run.
    Taken(Taken),
}

/// An earlier run that an idempotency key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was made from the same body.
    Same(RunId),
    /// It was made from another body.
    Other(RunId),
}

/// The right to append to a run. A later lease of the same run has a higher epoch.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Grows with each holder.
    pub epoch: u64,
}

/// What is known of a run.
#[derive(Clone, Debug)]
pub enum Found {
    /// It is kept.
    Run(Box<Record>),
    /// It was kept once and its time is over.
    Expired,
    /// It was never here, or too long ago.
    Unknown,
}

/// A kept run.
#[derive(Clone, Debug)]
pub struct Record {
    /// What was asked.
    pub ask: Arc<Ask>,
    /// Its panel.
    pub panel: PanelName,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Number of its last event, 0 before the first.
    pub head: u64,
    /// Where it stands.
    pub standing: Standing,
    /// What is known besides.
    pub about: About,
}

impl Record {
    /// Whether its last event is `final_result`.
    pub fn ended(&self) -> bool {
        self.standing.end.is_some()
    }
}

/// What is known of a run besides its events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// The title that somebody gave it.
    pub title: Option<String>,
    /// What somebody noted.
    pub note: Option<String>,
    /// Whether lists leave it out.
    pub hidden: bool,
    /// What somebody decided about its findings, by their ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub decisions: BTreeMap<String, Decision>,
    /// The run that it retries.
    pub retry_of: Option<RunId>,
    /// The latest run that retries it.
    pub retried_by: Option<RunId>,
    /// Whether pieces of text were dropped.
    pub trimmed: bool,
    /// Whether a simulated provider may be asked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

/// A change to what people wrote about a run; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Its title; empty for none.
    pub title: Option<String>,
    /// Its note; empty for none.
    pub note: Option<String>,
    /// Whether lists leave it out.
    pub hidden: Option<bool>,
    /// A finding's id and what was decided about it; `None` takes a decision back.
    pub decision: Option<(String, Option<Decision>)>,
}

/// What somebody decided about a finding.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decision {
    /// What is to become of it.
    pub decision: Choice,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When.
    pub at: Timestamp,
}

/// What is to become of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// It is right, and will be put right.
    Fix,
    /// It is right, and stays as it is.
    Accept,
    /// It is wrong.
    Dispute,
}

impl Choice {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Choice::Fix => "fix",
            Choice::Accept => "accept",
            Choice::Dispute => "dispute",
        }
    }
}

impl About {
    /// Takes a change over.
    pub fn apply(&mut self, change: Change) {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        self.title = change.title.map_or_else(|| self.title.take(), given);
        self.note = change.note.map_or_else(|| self.note.take(), given);
        self.hidden = change.hidden.unwrap_or(self.hidden);
        match change.decision {
            Some((finding, Some(decision))) => drop(self.decisions.insert(finding, decision)),
            Some((finding, None)) => drop(self.decisions.remove(&finding)),
            None => {}
        }
    }
}

/// Which runs a list shows.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only these statuses; all when empty.
    pub statuses: Vec<RunStatus>,
    /// Only this panel.
    pub panel: Option<PanelName>,
    /// Only runs with this text in title, question or note, whatever its case.
    pub text: Option<String>,
    /// Only runs older than this one.
    pub before: Option<RunId>,
    /// Most runs.
    pub limit: usize,
}

/// A run in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The run.
    pub run: RunId,
    /// Its panel.
    pub panel: PanelName,
    /// Its given title, else that of its ask.
    pub title: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Where it stands.
    pub standing: Standing,
    /// Whether a simulated provider may be asked.
    pub simulated: bool,
}

/// A run that was taken over.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The right to go on with it.
    pub lease: Lease,
    /// How often it was taken over after a crash, this time among them.
    pub crashes: u32,
}

/// How a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Good,
    /// It works, with something lost or at risk; a sentence for the operator.
    Degraded(String),
    /// It takes no new runs; a sentence for the operator.
    Full(String),
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else holds the run now.
    #[error("another writer holds the run")]
    Stale,
    /// The run is not there.
    #[error("the run is not in the store")]
    Missing,
    /// The events do not follow the last one; an error of ours.
    #[error("event {found} does not follow {head}")]
    OutOfOrder {
        /// Number of the last event.
        head: u64,
        /// Number of the event that was to follow it.
        found: u64,
    },
    /// There is no room.
    #[error("the store is full")]
    Full,
    /// The store cannot be written or read; what the engine below said.
    #[error("the store failed: {0}")]
    Failed(String),
    /// What was read is not what was written: this run cannot be shown.
    #[error("the run is damaged")]
    Damaged,
}

impl StoreError {
    /// Whether the same may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, StoreError::Full | StoreError::Failed(_))
    }
}
