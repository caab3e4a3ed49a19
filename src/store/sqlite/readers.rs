//! A few connections that only read, used on threads that may block.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::super::StoreError;
use super::schema;
use super::trouble::Trouble;
use super::trouble::is_damage;

/// Most connections that read at once.
const CONNECTIONS: usize = 4;

/// The connections; each is opened when it is first needed.
#[derive(Clone)]
pub struct Readers {
    path: PathBuf,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// Readers of this file.
    pub fn of(path: &Path) -> Readers {
        Readers { path: path.to_owned(), places: Arc::new(Semaphore::new(CONNECTIONS)), idle: Arc::default() }
    }

    /// Reads within one snapshot of the file.
    ///
    /// # Errors
    /// [`StoreError`] as [`Trouble::of_reading`] tells it.
    pub async fn read<T, F>(&self, look: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let readers = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _place = place;
            readers.with_one(look).map_err(Trouble::of_reading)
        });
        reading.await.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string())))
    }

    fn with_one<T>(&self, look: impl FnOnce(&Connection) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_to_read(&self.path)?,
        };
        connection.prepare_cached("BEGIN")?.execute([])?;
        let seen = look(&connection);
        let ended = connection.prepare_cached("COMMIT").and_then(|mut end| end.execute([]));
        if ended.is_ok() {
            self.idle().push(connection);
        }
        if matches!(&seen, Err(Trouble::Sql(error)) if is_damage(error)) {
            schema::suspect(&self.path);
        }
        seen
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
