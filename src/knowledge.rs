//! Own documents, cut into passages that a question finds.
//!
//! An [`Index`] is one SQLite file of its own with a full-text table (bm25).
//! What it holds was made from documents and can be made again: whatever is
//! wrong with it costs a run its passages, never the run. Each change is one
//! transaction, so a reader, also one in another process, sees the state
//! before it or after it. [`Knowledge`] is the index as a server uses it.

mod add;
mod chunk;
mod folder;
mod kept;
mod schema;
mod search;
mod words;

use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::ErrorCode;

pub use add::Added;
pub use add::Refused;
pub use folder::Skipped;
pub use folder::Why;
pub use kept::Knowledge;
pub use kept::State;

/// Name of the file in the data directory.
pub const FILE: &str = "knowledge.db";

/// The index in a data directory; nothing is opened before it is needed.
#[derive(Clone, Debug, Default)]
pub struct Index {
    path: PathBuf,
}

/// A folder in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where it was.
    pub path: PathBuf,
    /// Documents of it.
    pub files: u64,
    /// Their passages.
    pub passages: u64,
    /// When it was read last.
    pub at: Timestamp,
}

/// Why the index cannot be used. The sentences name no path: they are shown to strangers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// There is none yet.
    #[error("no documents have been added yet")]
    NoIndex,
    /// It is not what was written.
    #[error("the index of documents is damaged")]
    Damaged,
    /// Another version of the program wrote it.
    #[error("the index of documents is of another version of askstream")]
    OtherVersion,
    /// It took too long.
    #[error("the search in the documents took too long")]
    TooSlow,
    /// The system failed.
    #[error("the index of documents cannot be used: {0}")]
    Failed(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        use rusqlite::Error as E;
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Trouble::Damaged,
            Some(ErrorCode::OperationInterrupted) => Trouble::TooSlow,
            // The names of its tables and the like say nothing to a stranger.
            Some(code) => Trouble::Failed(format!("{code:?}")),
            None if matches!(error, E::Utf8Error(..) | E::InvalidColumnType(..)) => Trouble::Damaged,
            None => Trouble::Failed("the database failed".into()),
        }
    }
}

impl Index {
    /// The index of this data directory.
    pub fn within(data_dir: &Path) -> Index {
        Index { path: data_dir.join(FILE) }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it, by path.
    ///
    /// # Errors
    /// [`Trouble`] when it cannot be read.
    pub fn folders(&self) -> Result<Vec<Folder>, Trouble> {
        let connection = schema::open_to_read(&self.path)?;
        let mut select = connection.prepare(
            "SELECT path, at,
                (SELECT count(*) FROM files WHERE folder = folders.id),
                (SELECT count(*) FROM chunks JOIN files ON files.id = chunks.file WHERE folder = folders.id)
             FROM folders ORDER BY path",
        )?;
        let folder = |row: &rusqlite::Row<'_>| {
            Ok(Folder {
                path: PathBuf::from(row.get::<_, String>(0)?),
                at: Timestamp::from_second(row.get(1)?).unwrap_or_default(),
                files: u64::from(row.get::<_, u32>(2)?),
                passages: u64::from(row.get::<_, u32>(3)?),
            })
        };
        let folders = select.query_map([], folder)?.collect::<Result<_, _>>()?;
        Ok(folders)
    }
}

#[cfg(test)]
mod tests;
