//! What can go wrong inside the store, before it becomes a [`StoreError`].

use rusqlite::ErrorCode;

use super::super::StoreError;

/// Why a piece of work was not done.
#[derive(Debug)]
pub enum Trouble {
    /// It is not to be done; nothing was written.
    Refused(StoreError),
    /// The database failed; the transaction is lost.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        Trouble::Sql(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::Refused(error)
    }
}

impl Trouble {
    /// What a reader is told: what cannot be read is damaged.
    pub fn of_reading(self) -> StoreError {
        match self {
            Trouble::Refused(error) => error,
            Trouble::Sql(error) if is_damage(&error) => StoreError::Damaged,
            Trouble::Sql(error) => of_writing(&error),
        }
    }
}

/// What a writer is told: everything passes, since the answers are paid for and can wait in memory.
pub fn of_writing(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Failed(error.to_string()),
    }
}

/// Whether the file holds something else than was written.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    match error {
        E::SqliteFailure(failure, _) => {
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        }
        E::FromSqlConversionFailure(..) | E::InvalidColumnType(..) | E::IntegralValueOutOfRange(..) => true,
        E::Utf8Error(..) => true,
        _ => false,
    }
}
