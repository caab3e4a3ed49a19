//! The tables, and how an older file becomes one of this version.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::OptionalExtension;

use super::trouble::is_damage;

/// Marks the file as ours: "ask1".
const APPLICATION: i64 = 0x6173_6b31;
/// The version that this program writes: how many of [`MIGRATIONS`] have been done.
pub const VERSION: i64 = MIGRATIONS.len() as i64;
/// Files up to this size are checked whole at start, which takes about a second per GiB from memory; of larger
/// ones only the tables of runs and keys, since each event carries a checksum.
const CHECKED_WHOLE: u64 = 256 << 20;
/// No file of ours is shorter than a page.
const LEAST: u64 = 4096;
/// A file beside it with this ending has it checked whole at the next start, however large it is.
const SUSPECT: &str = "suspect";

/// From each version to the next. What was released is never changed, only followed.
const MIGRATIONS: [&str; 1] = ["
    -- What lists show; `facts` is the truth, the other columns are there to be searched.
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run TEXT NOT NULL UNIQUE,
        panel TEXT NOT NULL,
        status TEXT NOT NULL,
        ended INTEGER NOT NULL,
        hidden INTEGER NOT NULL,
        words TEXT NOT NULL,
        facts BLOB NOT NULL,
        checksum INTEGER NOT NULL,
        settled INTEGER,
        slim INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX runs_by_age ON runs (settled, id);
    CREATE TABLE asks (id INTEGER PRIMARY KEY, ask BLOB NOT NULL, words TEXT NOT NULL, checksum INTEGER NOT NULL);
    -- id = runs.id * 2^32 + seq: unique, and a run's events lie side by side.
    CREATE TABLE events (id INTEGER PRIMARY KEY, name TEXT NOT NULL, json BLOB NOT NULL, checksum INTEGER NOT NULL);
    CREATE TABLE keys (
        key TEXT PRIMARY KEY,
        run INTEGER NOT NULL,
        body BLOB NOT NULL,
        live INTEGER NOT NULL,
        since INTEGER NOT NULL,
        checksum INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX keys_by_run ON keys (run);
    CREATE TABLE tombstones (run TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
    -- Runs that left and whose events are still to be removed.
    CREATE TABLE gone (id INTEGER PRIMARY KEY);
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"];

/// Why a file cannot be used as it is.
#[derive(Debug)]
pub enum Unfit {
    /// A later version wrote it.
    Newer(i64),
    /// It is not what was written; what the check said.
    Corrupt(String),
    /// The system below failed.
    Failed(rusqlite::Error),
    /// A new file could not take its place.
    Moving(String),
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Unfit {
        match is_damage(&error) {
            true => Unfit::Corrupt(error.to_string()),
            false => Unfit::Failed(error),
        }
    }
}

/// The connection that writes; makes the file if there is none.
///
/// # Errors
/// [`Unfit`] when the file cannot be used.
pub fn open(path: &Path) -> Result<Connection, Unfit> {
    // SQLite takes the first bytes of a page for an empty file and would write over them.
    if matches!(std::fs::metadata(path), Ok(found) if (1..LEAST).contains(&found.len())) {
        return Err(Unfit::Corrupt("it is cut short".into()));
    }
    let mut connection = Connection::open_with_flags(path, plain_flags() | OpenFlags::SQLITE_OPEN_CREATE)?;
    prepare(&connection)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        // Before the first table; later it would need a whole copy of the file.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864")?;
    let version = version(&connection, tables == 0)?;
    if !is_ours(&connection, version)? {
        return Err(Unfit::Corrupt("its tables are not askstream's".into()));
    }
    check(&connection, path)?;
    migrate(&mut connection, &MIGRATIONS, version)?;
    Ok(connection)
}

/// The version of a file that nobody has open and whose log is empty, if it is sound. Writes nothing.
///
/// # Errors
/// [`Unfit`] when the file cannot be used.
pub fn look(path: &Path) -> Result<i64, Unfit> {
    let size = std::fs::metadata(path).map_or(0, |found| found.len());
    if size < LEAST {
        return Err(Unfit::Corrupt("it is cut short".into()));
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(unchanging(path), flags)?;
    prepare(&connection)?;
    let version = version(&connection, false)?;
    if !is_ours(&connection, version)? {
        return Err(Unfit::Corrupt("its tables are not askstream's".into()));
    }
    if size <= CHECKED_WHOLE {
        let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if said != "ok" {
            return Err(Unfit::Corrupt(said));
        }
    }
    Ok(version)
}

/// The file as one that does not change, so that nothing is put beside it.
fn unchanging(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let escaped: String = path.as_os_str().as_bytes().iter().map(|byte| format!("%{byte:02x}")).collect();
    format!("file:{escaped}?immutable=1")
}

/// A connection that only reads.
///
/// # Errors
/// When the file cannot be opened.
pub fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, plain_flags())?;
    prepare(&connection)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

/// Not followed by `CREATE`: a file that is gone stays gone for readers.
fn plain_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Whether the tables are those of this version and lie where they lie in every file of ours. Nothing else would
/// tell that the name of a column has changed.
///
/// # Errors
/// When the file cannot be read.
pub fn is_ours(connection: &Connection, version: i64) -> rusqlite::Result<bool> {
    let mut model = Connection::open_in_memory()?;
    model.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    let steps = usize::try_from(version).unwrap_or_default();
    migrate(&mut model, &MIGRATIONS[..steps.min(MIGRATIONS.len())], 0)?;
    let tables = |connection: &Connection| -> rusqlite::Result<Vec<String>> {
        let told = "SELECT concat_ws(' ', type, name, tbl_name, rootpage, sql) FROM sqlite_schema";
        let mut statement = connection.prepare(told)?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    Ok(tables(connection)? == tables(&model)?)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    // The file is not trusted: nothing in it may run.
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA secure_delete = FAST;
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192",
    )
}

/// The file's version. Written twice, so that a flipped bit is not taken for a later version.
fn version(connection: &Connection, empty: bool) -> Result<i64, Unfit> {
    if empty {
        return Ok(0);
    }
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let second = connection.query_row("SELECT value FROM meta WHERE name = 'schema'", [], |row| row.get(0));
    let second: Option<i64> = second.optional().map_err(|error| Unfit::Corrupt(error.to_string()))?;
    match (application, second) {
        (APPLICATION, Some(second)) if second == version && version > VERSION => Err(Unfit::Newer(version)),
        (APPLICATION, Some(second)) if second == version => Ok(version),
        _ => Err(Unfit::Corrupt("its header is not askstream's".into())),
    }
}

/// Looks for damage: see [`CHECKED_WHOLE`].
fn check(connection: &Connection, path: &Path) -> Result<(), Unfit> {
    let size = std::fs::metadata(path).map_or(0, |found| found.len());
    let suspect = path.with_extension(SUSPECT);
    let checks: &[&str] = match size <= CHECKED_WHOLE || suspect.exists() {
        true => &["quick_check(1)", "integrity_check(runs)", "integrity_check(keys)"],
        false => &["integrity_check(runs)", "integrity_check(keys)"],
    };
    let known = connection.table_exists(None, "runs")?;
    for check in checks.iter().filter(|check| known || check.starts_with("quick")) {
        let said: String = connection.query_row(&format!("PRAGMA {check}"), [], |row| row.get(0))?;
        if said != "ok" {
            return Err(Unfit::Corrupt(said));
        }
    }
    // Mostly there is none.
    let _ = std::fs::remove_file(suspect);
    Ok(())
}

/// Has the file checked whole at the next start.
pub fn suspect(path: &Path) {
    // If that fails, a large file is checked by its rows only, as always.
    let _ = std::fs::write(path.with_extension(SUSPECT), "");
}

fn migrate(connection: &mut Connection, migrations: &[&str], from: i64) -> rusqlite::Result<()> {
    for (migration, version) in migrations.iter().zip(1..).filter(|(_, version)| *version > from) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.execute(
            "INSERT INTO meta VALUES ('schema', ?1) ON CONFLICT DO UPDATE SET value = ?1",
            [version],
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
