//! The index's file: its tables, and how it is opened.
//!
//! What it holds was made from documents and can be made again, so a file of
//! another version is refused rather than carried over.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::OpenFlags;

use super::Trouble;

/// Marks the file as ours: "askk".
const APPLICATION: i64 = 0x6173_6b6b;
/// The version of the tables and of how texts are cut.
const VERSION: i64 = 1;
/// How long one writer waits for another.
const PATIENCE: Duration = Duration::from_secs(60);

/// `words` keeps no text of its own: it is built over what `chunks` holds. Letters are folded and lose their
/// marks, so *zaklad* finds *základ*.
const TABLES: &str = "
    CREATE TABLE folders (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        at INTEGER NOT NULL
    );
    CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        folder INTEGER NOT NULL,
        name TEXT NOT NULL,
        hash BLOB NOT NULL,
        UNIQUE (folder, name)
    );
    CREATE TABLE chunks (
        id INTEGER PRIMARY KEY,
        file INTEGER NOT NULL,
        headings TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        text TEXT NOT NULL
    );
    CREATE INDEX chunks_by_file ON chunks (file);
    CREATE VIRTUAL TABLE words USING fts5 (
        name, headings, text,
        content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
    );
";

/// The connection that writes; makes the file if there is none.
pub fn open(path: &Path) -> Result<Connection, Trouble> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|error| Trouble::Failed(error.to_string()))?;
    }
    // What it holds is as private as the documents.
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.map_err(|error| Trouble::Failed(error.to_string()))?;
    let mut connection = Connection::open_with_flags(path, flags())?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let making = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if is_empty(&making)? {
        making.execute_batch(TABLES)?;
        making.pragma_update(None, "application_id", APPLICATION)?;
        making.pragma_update(None, "user_version", VERSION)?;
    }
    check(&making)?;
    making.commit()?;
    Ok(connection)
}

/// A connection that reads what is there.
pub fn open_to_read(path: &Path) -> Result<Connection, Trouble> {
    if !path.exists() {
        return Err(Trouble::NoIndex);
    }
    let connection = Connection::open_with_flags(path, flags())?;
    connection.busy_timeout(Duration::from_secs(1))?;
    connection.pragma_update(None, "query_only", true)?;
    // Between its making and its first tables.
    if is_empty(&connection)? {
        return Err(Trouble::NoIndex);
    }
    check(&connection)?;
    Ok(connection)
}

/// Readers too may have to make the files that lie beside the index.
fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn is_empty(connection: &Connection) -> Result<bool, Trouble> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0)
}

fn check(connection: &Connection) -> Result<(), Trouble> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION, VERSION) => Ok(()),
        (APPLICATION, _) => Err(Trouble::OtherVersion),
        _ => Err(Trouble::Damaged),
    }
}
