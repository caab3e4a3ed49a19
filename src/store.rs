//! Keeps runs: their asks, their journals, their idempotency keys.
//!
//! An append returns when it is durable, as durable as the store is. Events
//! of a run are written by one holder of its [`Lease`] only, in order. Every
//! store passes the same conformance suite, [`conformance`].

#[cfg(test)]
pub mod conformance;
pub mod memory;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use crate::ask::Ask;
use crate::event::Entry;
use crate::id::RunId;

pub use memory::Memory;

/// Where runs are kept.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes a run, and in the same step its idempotency key point at it.
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
    /// [`StoreError::Stale`] when the lease is no longer the run's.
    async fn append(&self, lease: &Lease, entries: &[Entry]) -> Result<(), StoreError>;

    /// At most `limit` events after `after`, in order; empty at the end.
    ///
    /// # Errors
    /// [`StoreError`] when the run cannot be read.
    async fn read(&self, run: &RunId, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// What is known of a run.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    async fn find(&self, run: &RunId) -> Result<Found, StoreError>;
}

/// A run to be made.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id.
    pub run: RunId,
    /// What was asked.
    pub ask: Arc<Ask>,
    /// When it was accepted, for people and for retention.
    pub created_at: Timestamp,
    /// The key that makes a second equal request find it.
    pub key: Option<IdempotencyKey>,
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
    Run(Record),
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
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Number of its last event, 0 before the first.
    pub head: u64,
    /// Whether its last event is `final_result`.
    pub ended: bool,
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
}
