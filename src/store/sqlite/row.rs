//! A run's row: what is known of it besides its events, with a checksum over all of it.

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use serde::Deserialize;
use serde::Serialize;

use super::super::About;
use super::super::StoreError;
use super::trouble::Trouble;
use crate::ask::Ask;
use crate::event::Standing;
use crate::id::PanelName;
use crate::id::RunId;

/// A run as its row tells it.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Number of the row.
    pub id: i64,
    /// The run.
    pub run: RunId,
    /// Its panel.
    pub panel: PanelName,
    /// Everything else.
    pub facts: Facts,
}

/// What is kept as one JSON object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The title of its ask.
    pub title: String,
    /// Where it stands.
    pub standing: Standing,
    /// Number of its last event when the row was written; the last of all once it has ended.
    pub head: u64,
    /// What is known besides.
    pub about: About,
    /// The epoch of its last lease.
    pub epoch: u64,
    /// Whether its last writer gave it up on purpose.
    pub released: bool,
    /// How often it was taken over after a crash.
    pub crashes: u32,
}

impl Facts {
    /// Whether the last event is written.
    pub fn ended(&self) -> bool {
        self.standing.end.is_some()
    }
}

/// The columns that [`read`] takes, in its order.
pub const COLUMNS: &str =
    "runs.id, runs.run, runs.panel, runs.status, runs.ended, runs.hidden, runs.facts, runs.checksum";

/// The run behind a row of [`COLUMNS`].
///
/// # Errors
/// [`StoreError::Damaged`] when it is not what was written.
pub fn read(row: &Row<'_>) -> Result<RunRow, StoreError> {
    read_checked(row).ok_or(StoreError::Damaged)
}

fn read_checked(row: &Row<'_>) -> Option<RunRow> {
    let id: i64 = row.get(0).ok()?;
    let run = row.get_ref(1).ok()?.as_str().ok()?;
    let panel = row.get_ref(2).ok()?.as_str().ok()?;
    let status = row.get_ref(3).ok()?.as_str().ok()?;
    let (ended, hidden): (bool, bool) = (row.get(4).ok()?, row.get(5).ok()?);
    let facts = row.get_ref(6).ok()?.as_blob().ok()?;
    let sum: u32 = row.get(7).ok()?;
    if checksum(&Summed { id, run, panel, status, ended, hidden, facts }) != sum {
        return None;
    }
    let facts = serde_json::from_slice(facts).ok()?;
    Some(RunRow { id, run: run.parse().ok()?, panel: panel.parse().ok()?, facts })
}

struct Summed<'a> {
    id: i64,
    run: &'a str,
    panel: &'a str,
    status: &'a str,
    ended: bool,
    hidden: bool,
    facts: &'a [u8],
}

fn checksum(row: &Summed<'_>) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&row.id.to_be_bytes());
    for part in [row.run, row.panel, row.status] {
        sum.update(part.as_bytes());
        sum.update(&[0]);
    }
    sum.update(&[u8::from(row.ended), u8::from(row.hidden)]);
    sum.update(row.facts);
    sum.finalize()
}

impl RunRow {
    /// The row of a run.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none, [`StoreError::Damaged`] when it is not what was written.
    pub fn find(connection: &Connection, run: &RunId) -> Result<RunRow, Trouble> {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE run = ?1");
        let found =
            connection.prepare_cached(&sql)?.query_row([run.as_str()], |row| Ok(read(row))).optional()?;
        let row = found.ok_or(StoreError::Missing)??;
        // An index that is not what was written may lead elsewhere.
        match row.run == *run {
            true => Ok(row),
            false => Err(StoreError::Damaged.into()),
        }
    }

    /// The row with this number.
    ///
    /// # Errors
    /// As [`RunRow::find`].
    pub fn by_id(connection: &Connection, id: i64) -> Result<RunRow, Trouble> {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE id = ?1");
        let found = connection.prepare_cached(&sql)?.query_row([id], |row| Ok(read(row))).optional()?;
        Ok(found.ok_or(StoreError::Missing)??)
    }

    /// Writes it as it is now.
    ///
    /// # Errors
    /// When the database fails.
    pub fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        let facts = json(&self.facts);
        let (status, ended, hidden) =
            (self.facts.standing.status.as_str(), self.facts.ended(), self.facts.about.hidden);
        let sum = checksum(&Summed {
            id: self.id,
            run: self.run.as_str(),
            panel: self.panel.as_str(),
            status,
            ended,
            hidden,
            facts: &facts,
        });
        let about = &self.facts.about;
        let words =
            [about.title.as_deref(), about.note.as_deref()].map(Option::unwrap_or_default).join("\u{1f}");
        let sql =
            "UPDATE runs SET status = ?2, ended = ?3, hidden = ?4, words = ?5, facts = ?6, checksum = ?7
            WHERE id = ?1";
        connection.prepare_cached(sql)?.execute(params![
            self.id,
            status,
            ended,
            hidden,
            words.to_lowercase(),
            facts,
            sum
        ])?;
        Ok(())
    }

    /// Makes a row and the ask beside it; what it returns knows its number.
    ///
    /// # Errors
    /// When the database fails.
    pub fn insert(
        connection: &Connection,
        run: &RunId,
        panel: &PanelName,
        facts: Facts,
    ) -> rusqlite::Result<RunRow> {
        let sql = "INSERT INTO runs (run, panel, status, ended, hidden, words, facts, checksum)
            VALUES (?1, ?2, '', 0, 0, '', x'', 0)";
        let id = connection.prepare_cached(sql)?.insert(params![run.as_str(), panel.as_str()])?;
        let row = RunRow { id, run: run.clone(), panel: panel.clone(), facts };
        row.save(connection)?;
        Ok(row)
    }
}

/// Writes what was asked beside its run.
///
/// # Errors
/// When the database fails.
pub fn insert_ask(connection: &Connection, id: i64, ask: &[u8], words: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO asks (id, ask, words, checksum) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![id, ask, words, ask_checksum(id, ask)])?;
    Ok(())
}

/// What was asked.
///
/// # Errors
/// [`StoreError::Damaged`] when it is not what was written.
pub fn read_ask(connection: &Connection, id: i64) -> Result<Ask, Trouble> {
    let mut statement = connection.prepare_cached("SELECT ask, checksum FROM asks WHERE id = ?1")?;
    let ask = statement.query_row([id], |row| {
        let (ask, sum) = (row.get_ref(0)?.as_blob()?, row.get::<_, u32>(1)?);
        Ok(if sum == ask_checksum(id, ask) { serde_json::from_slice(ask).ok() } else { None })
    });
    Ok(ask.optional()?.flatten().ok_or(StoreError::Damaged)?)
}

fn ask_checksum(id: i64, ask: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&id.to_be_bytes());
    sum.update(ask);
    sum.finalize()
}

/// Compact JSON of one of our own types, which always serialize.
pub fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
