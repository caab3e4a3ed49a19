//! Kept runs: what is known of them, lists, what people write, erasing.

use super::Absent;
use super::Runs;
use crate::id::RunId;
use crate::store::Change;
use crate::store::Found;
use crate::store::Listed;
use crate::store::Record;
use crate::store::StoreError;
use crate::store::Wanted;

impl Runs {
    /// What is known of a run besides its events.
    ///
    /// # Errors
    /// [`Absent`] when nothing is.
    pub async fn record(&self, run: &RunId) -> Result<Record, Absent> {
        match self.store.find(run).await {
            Ok(Found::Run(record)) => Ok(*record),
            Ok(Found::Expired) => Err(Absent::Expired),
            Ok(Found::Unknown) => Err(Absent::Unknown),
            Err(error) => Err(Absent::Store(error)),
        }
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    pub async fn list(&self, wanted: &Wanted) -> Result<Vec<Listed>, StoreError> {
        self.store.list(wanted).await
    }

    /// Changes what people wrote about a run.
    ///
    /// # Errors
    /// [`Absent`] when nothing changed.
    pub async fn note(&self, run: &RunId, change: Change) -> Result<(), Absent> {
        let noted = self.store.note(run, change).await;
        self.told(run, noted).await
    }

    /// Erases an ended run.
    ///
    /// # Errors
    /// [`Absent`] when there was none to erase.
    pub async fn purge(&self, run: &RunId) -> Result<(), Absent> {
        let purged = self.store.purge(run).await;
        self.told(run, purged).await
    }

    /// A run that is missing was never there, or its time is over.
    async fn told(&self, run: &RunId, done: Result<(), StoreError>) -> Result<(), Absent> {
        match done {
            Err(StoreError::Missing) => Err(self.record(run).await.err().unwrap_or(Absent::Unknown)),
            done => done.map_err(Absent::Store),
        }
    }
}
