//! Events as rows: their number holds their place, and a checksum that they are what was written.

use rusqlite::Connection;
use rusqlite::params;

use super::super::StoreError;
use super::row::RunRow;
use super::trouble::Trouble;
use crate::event::Entry;
use crate::id::RunId;

/// Most events of a run, and most runs of a file.
const SEQ_BITS: u32 = 32;
/// The highest number of an event.
const MAX_SEQ: u64 = (1 << SEQ_BITS) - 1;

/// The rows of a run after event `after`: first and last number.
pub fn range(id: i64, after: u64) -> (i64, i64) {
    let first = id << SEQ_BITS;
    (first | after.min(MAX_SEQ) as i64, first | MAX_SEQ as i64)
}

/// Writes one event.
///
/// # Errors
/// When the database fails.
pub fn insert(connection: &Connection, id: i64, run: &RunId, entry: &Entry) -> rusqlite::Result<()> {
    let json = entry.json();
    let sql = "INSERT INTO events (id, name, json, checksum) VALUES (?1, ?2, ?3, ?4)";
    let (place, _) = range(id, entry.seq);
    let sum = checksum(run, entry.seq, entry.name, &json);
    connection.prepare_cached(sql)?.execute(params![place, entry.name, &*json, sum])?;
    Ok(())
}

/// Number of the last event that is written, 0 before the first.
///
/// # Errors
/// When the database fails.
pub fn head(connection: &Connection, id: i64) -> rusqlite::Result<u64> {
    let (before, last) = range(id, 0);
    let sql = "SELECT max(id) FROM events WHERE id > ?1 AND id <= ?2";
    let found: Option<i64> =
        connection.prepare_cached(sql)?.query_row(params![before, last], |row| row.get(0))?;
    Ok(found.map_or(0, |found| found as u64 & MAX_SEQ))
}

/// At most `limit` events after `after`, each checked, none left out that was not trimmed.
///
/// # Errors
/// [`StoreError::Damaged`] when that is not what was written.
pub fn read(connection: &Connection, row: &RunRow, after: u64, limit: usize) -> Result<Vec<Entry>, Trouble> {
    let (before, last) = range(row.id, after);
    let sql = "SELECT id, name, json, checksum FROM events WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![before, last, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut entries = Vec::new();
    let mut head = after;
    while let Some(found) = rows.next()? {
        let entry = read_one(found, &row.run)?.ok_or(StoreError::Damaged)?;
        let follows = entry.seq == head + 1 || (row.facts.about.trimmed && entry.seq > head);
        if !follows {
            return Err(StoreError::Damaged.into());
        }
        head = entry.seq;
        entries.push(entry);
    }
    let is_all = !row.facts.ended() || head >= row.facts.head || entries.len() == limit;
    if is_all { Ok(entries) } else { Err(StoreError::Damaged.into()) }
}

/// The event of one row of id, name, JSON and checksum; `None` when it is not what was written.
///
/// # Errors
/// When the database fails.
pub fn read_one(row: &rusqlite::Row<'_>, run: &RunId) -> rusqlite::Result<Option<Entry>> {
    let seq = row.get::<_, i64>(0)? as u64 & MAX_SEQ;
    let (name, json) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_blob()?);
    let sum: u32 = row.get(3)?;
    let whole = sum == checksum(run, seq, name, json);
    Ok(if whole { Entry::restore(run, seq, name, json) } else { None })
}

fn checksum(run: &RunId, seq: u64, name: &str, json: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(run.as_str().as_bytes());
    sum.update(&seq.to_be_bytes());
    sum.update(name.as_bytes());
    sum.update(&[0]);
    sum.update(json);
    sum.finalize()
}
