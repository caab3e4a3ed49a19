//! A damaged file: what can be read of it goes into a new one, the old one is moved aside.
//!
//! Rows are copied as they are, but only those whose checksum fits. A new
//! file takes the old one's place when it is complete, so that a server that
//! is killed meanwhile begins again.

use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::events;
use super::row;
use super::row::RunRow;
use super::schema;
use super::schema::Unfit;

/// What became of a damaged file.
#[derive(Debug)]
pub struct Salvaged {
    /// Where it is now.
    pub aside: PathBuf,
    /// Runs that were saved, some of which may lack events.
    pub runs: usize,
    /// Rows of runs that could not be read.
    pub lost: usize,
}

/// Bytes of a page, as SQLite makes them unless told otherwise.
const PAGE: usize = 4096;

/// Puts a new file with what can be read in the place of `path`.
///
/// # Errors
/// When the new file cannot be written; the old one is where it was.
pub fn salvage(path: &Path, now: Timestamp) -> Result<Salvaged, Unfit> {
    let (fresh, patched) = (beside(path, "salvaged"), beside(path, "patched"));
    remove(&fresh);
    let mut into = schema::open(&fresh)?;
    // The checkpoint at the end syncs what counts.
    into.execute_batch("PRAGMA synchronous = NORMAL")?;
    let copied = match legible(path) {
        Some(from) => copy(&from, &mut into)?,
        // The first page says where everything else is, and is the same in every file of ours.
        None => match patch(path, &fresh, &patched, &into).ok().and_then(|()| legible(&patched)) {
            Some(from) => copy(&from, &mut into)?,
            None => (0, 0),
        },
    };
    remove(&patched);
    into.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    into.close().map_err(|(_, error)| error)?;
    let stamp = now.strftime("%Y%m%dT%H%M%S");
    let names = (0..).map(|nth| match nth {
        0 => beside(path, &format!("corrupt-{stamp}")),
        nth => beside(path, &format!("corrupt-{stamp}-{nth}")),
    });
    let aside = names.into_iter().find(|name| !name.exists()).unwrap_or_else(|| beside(path, "corrupt"));
    let moved = std::fs::rename(path, &aside).and_then(|()| {
        // What had not reached the file yet belongs to it.
        let _ = std::fs::rename(suffixed(path, "-wal"), suffixed(&aside, "-wal"));
        let _ = std::fs::remove_file(suffixed(path, "-shm"));
        std::fs::rename(&fresh, path)
    });
    moved.map_err(|error| Unfit::Moving(error.to_string()))?;
    Ok(Salvaged { aside, runs: copied.0, lost: copied.1 })
}

/// Ends what a server that was killed between the two renames had begun.
pub fn finish(path: &Path) {
    let fresh = beside(path, "salvaged");
    if !path.exists() && fresh.exists() && std::fs::rename(&fresh, path).is_err() {
        tracing::error!("what was salvaged could not be put into its place");
    }
}

/// The path with something behind its last letter.
pub fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn beside(path: &Path, word: &str) -> PathBuf {
    suffixed(path, &format!(".{word}"))
}

/// Removes a file with what SQLite puts beside it.
fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        // Mostly there is none.
        let _ = std::fs::remove_file(suffixed(path, suffix));
    }
}

/// A connection to the damaged file, if its tables are where they were.
fn legible(path: &Path) -> Option<Connection> {
    let connection = schema::open_to_read(path).ok()?;
    let ours = schema::is_ours(&connection, schema::VERSION).is_ok_and(|ours| ours);
    ours.then_some(connection)
}

/// A copy of the damaged file under the first page of a new one.
fn patch(path: &Path, fresh: &Path, patched: &Path, into: &Connection) -> std::io::Result<()> {
    // Only then the new file itself holds its first page.
    into.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(std::io::Error::other)?;
    let mut bytes = std::fs::read(path)?;
    let first = std::fs::read(fresh)?;
    let (Some(place), Some(first)) = (bytes.get_mut(..PAGE), first.get(..PAGE)) else {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    place.copy_from_slice(first);
    let pages = u32::try_from(bytes.len() / PAGE).unwrap_or(u32::MAX);
    bytes[28..32].copy_from_slice(&pages.to_be_bytes());
    // No free pages: nothing is written to this copy.
    bytes[32..40].fill(0);
    // The version that the number of pages is valid for is the file's own.
    let change: [u8; 4] = [bytes[24], bytes[25], bytes[26], bytes[27]];
    bytes[92..96].copy_from_slice(&change);
    remove(patched);
    std::fs::write(patched, bytes)?;
    let wal = suffixed(path, "-wal");
    if wal.exists() {
        std::fs::copy(wal, suffixed(patched, "-wal"))?;
    }
    Ok(())
}

/// Copies what is whole; how many runs, and how many could not be read.
fn copy(from: &Connection, into: &mut Connection) -> rusqlite::Result<(usize, usize)> {
    let (mut saved, mut lost) = (0, 0);
    let mut ids = Vec::new();
    scan(from, "SELECT id FROM runs", (i64::MIN, i64::MAX), |row| row.get(0).map(|id| ids.push(id)))?;
    // An index knows rows that their own table no longer leads to.
    let by_age = from.prepare("SELECT id FROM runs INDEXED BY runs_by_age");
    if let Ok(mut statement) = by_age
        && let Ok(rows) = statement.query_map([], |row| row.get::<_, i64>(0))
    {
        ids.extend(rows.map_while(Result::ok));
    }
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        match RunRow::by_id(from, id) {
            Ok(row) => {
                let transaction = into.transaction()?;
                copy_run(from, &transaction, &row)?;
                transaction.commit()?;
                saved += 1;
            }
            Err(_) => lost += 1,
        }
    }
    for (table, columns) in [("keys", 6), ("tombstones", 2), ("gone", 1)] {
        let transaction = into.transaction()?;
        copy_rows(from, &transaction, &format!("SELECT * FROM {table}"), (table, columns))?;
        transaction.commit()?;
    }
    Ok((saved, lost))
}

fn copy_run(from: &Connection, into: &Connection, row: &RunRow) -> rusqlite::Result<()> {
    let id = row.id;
    copy_rows(from, into, &format!("SELECT * FROM runs WHERE id = {id}"), ("runs", 11))?;
    if row::read_ask(from, id).is_ok() {
        copy_rows(from, into, &format!("SELECT * FROM asks WHERE id = {id}"), ("asks", 4))?;
    }
    let mut insert = into.prepare_cached("INSERT OR IGNORE INTO events VALUES (?1, ?2, ?3, ?4)")?;
    let (before, last) = events::range(id, 0);
    scan(from, "SELECT id, name, json, checksum FROM events", (before, last), |found| {
        if matches!(events::read_one(found, &row.run), Ok(Some(_))) {
            insert.execute(params_from_iter(values(found, 4)?))?;
        }
        Ok(())
    })
}

/// Copies rows until one cannot be read.
fn copy_rows(
    from: &Connection,
    into: &Connection,
    select: &str,
    (table, columns): (&str, usize),
) -> rusqlite::Result<()> {
    let places = vec!["?"; columns].join(", ");
    let mut insert = into.prepare_cached(&format!("INSERT OR IGNORE INTO {table} VALUES ({places})"))?;
    let Ok(mut statement) = from.prepare(select) else { return Ok(()) };
    let Ok(mut rows) = statement.query([]) else { return Ok(()) };
    while let Ok(Some(found)) = rows.next() {
        if let Ok(values) = values(found, columns) {
            // A value of a kind that the table does not take is none of ours.
            let _ = insert.execute(params_from_iter(values));
        }
    }
    Ok(())
}

fn values(row: &Row<'_>, columns: usize) -> rusqlite::Result<Vec<Value>> {
    (0..columns).map(|column| row.get(column)).collect()
}

/// Visits the rows between two ids, both ends excluded but for the last, from below and then from above, as far
/// as they can be read. What visiting a row says of that row is passed over.
fn scan(
    from: &Connection,
    select: &str,
    (before, last): (i64, i64),
    mut visit: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    for order in ["ASC", "DESC"] {
        let sql = format!("{select} WHERE id > {before} AND id <= {last} ORDER BY id {order}");
        let Ok(mut statement) = from.prepare_cached(&sql) else { return Ok(()) };
        let Ok(mut rows) = statement.query([]) else { return Ok(()) };
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    let visited = visit(row);
                    if let Err(error) = visited
                        && error.sqlite_error_code().is_some_and(|code| code == rusqlite::ErrorCode::DiskFull)
                    {
                        return Err(error);
                    }
                }
                Ok(None) => return Ok(()),
                Err(_) => break,
            }
        }
    }
    Ok(())
}
