//! Retention: what is older than it is to be kept leaves, a little at a time.
//!
//! A run's age counts from the first sweep that found it ended, so that a
//! wall clock that was wrong for a while makes no run older than it is.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;

use super::books::Books;
use super::events;
use super::keys::KEY_TIME;
use super::row::RunRow;
use super::trouble::Trouble;
use crate::event::Entry;
use crate::id::RunId;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How long ended runs are kept.
    pub runs: Duration,
    /// How long the pieces of text of ended runs are kept.
    pub deltas: Duration,
    /// Most ended runs.
    pub most: usize,
}

impl Default for Keep {
    /// A quarter of a year, a day, 10,000.
    fn default() -> Keep {
        let day = Duration::from_secs(24 * 3600);
        Keep { runs: 90 * day, deltas: day, most: 10_000 }
    }
}

/// Rows that one transaction removes: appends wait for no more than that.
const SLICE: u32 = 500;
/// Pages that one transaction gives back to the system.
const PAGES: i64 = 256;
/// No server that wrote a file of ours ran before this.
const FIRST_SANE: Timestamp = Timestamp::constant(1_577_836_800, 0);
/// Longest time from one sweep to the next before the clock is doubted.
const LONGEST_REST: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How far a sane clock may be set back.
const SET_BACK: SignedDuration = SignedDuration::from_hours(-24);
/// How long a doubted clock must go on steadily before it is believed.
const PROBATION: SignedDuration = SignedDuration::from_hours(24);

/// Whether the wall clock may be believed; remembers what it said.
///
/// # Errors
/// When the database fails.
pub fn is_sane(books: &Books, now: Timestamp) -> Result<bool, Trouble> {
    let connection = &books.connection;
    let since = |name| -> rusqlite::Result<Option<SignedDuration>> {
        let value = connection
            .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
            .query_row([name], |row| row.get::<_, i64>(0))
            .optional()?;
        Ok(value.map(|then| SignedDuration::from_micros(now.as_microsecond().saturating_sub(then))))
    };
    let steady = |since: SignedDuration| since > SET_BACK && since < LONGEST_REST;
    if now < FIRST_SANE {
        return Ok(false);
    }
    if since("swept")?.is_none_or(steady) {
        set(connection, "swept", now)?;
        connection.execute("DELETE FROM meta WHERE name = 'doubted'", [])?;
        return Ok(true);
    }
    match since("doubted")? {
        Some(doubted) if steady(doubted) && doubted >= PROBATION => {
            set(connection, "swept", now)?;
            Ok(true)
        }
        Some(doubted) if steady(doubted) => Ok(false),
        _ => {
            tracing::warn!(%now, "the wall clock has jumped: nothing is dropped until it is steady for a day");
            set(connection, "doubted", now)?;
            Ok(false)
        }
    }
}

fn set(connection: &Connection, name: &str, at: Timestamp) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2";
    connection.prepare_cached(sql)?.execute(params![name, at.as_microsecond()])?;
    Ok(())
}

/// A kind of work: does a piece of it and says whether there was one.
type Step = fn(&mut Books, Keep, Timestamp) -> Result<bool, Trouble>;

/// Does one bounded piece of the work; whether there may be more.
///
/// # Errors
/// When the database fails.
pub fn step(books: &mut Books, keep: Keep, now: Timestamp) -> Result<bool, Trouble> {
    let steps: [Step; 6] = [settle, forget, drop_old, drop_many, trim, |books, _, _| erase(books)];
    for step in steps {
        if step(books, keep, now)? {
            return Ok(true);
        }
    }
    give_back(books)
}

/// From when on ended runs age.
fn settle(books: &mut Books, _: Keep, now: Timestamp) -> Result<bool, Trouble> {
    let sql = "UPDATE runs SET settled = ?1 WHERE id IN
        (SELECT id FROM runs WHERE settled IS NULL AND ended = 1 LIMIT ?2)";
    let changed = books.connection.prepare_cached(sql)?.execute(params![now.as_microsecond(), SLICE])?;
    Ok(changed > 0)
}

/// Keys and tombstones go after a day.
fn forget(books: &mut Books, _: Keep, now: Timestamp) -> Result<bool, Trouble> {
    let before = (now - KEY_TIME).as_microsecond();
    let mut changed = 0;
    for sql in [
        "DELETE FROM tombstones WHERE run IN (SELECT run FROM tombstones WHERE at < ?1 LIMIT ?2)",
        "DELETE FROM keys WHERE key IN (SELECT key FROM keys WHERE since < ?1
            AND (live = 0 OR NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = keys.run AND ended = 0)) LIMIT ?2)",
    ] {
        changed += books.connection.prepare_cached(sql)?.execute(params![before, SLICE])?;
    }
    Ok(changed > 0)
}

/// Runs beyond their time.
fn drop_old(books: &mut Books, keep: Keep, now: Timestamp) -> Result<bool, Trouble> {
    let sql = "SELECT run FROM runs WHERE settled < ?1 ORDER BY settled, id LIMIT 20";
    drop_all(books, sql, before(now, keep.runs), now)
}

/// The oldest runs beyond the greatest number.
fn drop_many(books: &mut Books, keep: Keep, now: Timestamp) -> Result<bool, Trouble> {
    let sql = "SELECT run FROM runs WHERE settled IS NOT NULL ORDER BY settled, id
        LIMIT max(0, min(20, (SELECT count(*) FROM runs WHERE settled IS NOT NULL) - ?1))";
    drop_all(books, sql, i64::try_from(keep.most).unwrap_or(i64::MAX), now)
}

fn drop_all(books: &mut Books, sql: &str, bound: i64, now: Timestamp) -> Result<bool, Trouble> {
    let runs: Vec<String> = books
        .connection
        .prepare_cached(sql)?
        .query_map([bound], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut dropped = false;
    for run in runs.iter().filter_map(|run| run.parse::<RunId>().ok()) {
        books.drop_run(&run, now)?;
        dropped = true;
    }
    Ok(dropped)
}

/// Pieces of text of runs that ended long enough ago.
fn trim(books: &mut Books, keep: Keep, now: Timestamp) -> Result<bool, Trouble> {
    let connection = &books.connection;
    let sql = "SELECT id FROM runs WHERE settled < ?1 AND slim = 0 ORDER BY settled, id LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row([before(now, keep.deltas)], |row| row.get(0));
    let Some(id): Option<i64> = found.optional()? else { return Ok(false) };
    let (first, last) = events::range(id, 0);
    let sql = "DELETE FROM events WHERE id IN
        (SELECT id FROM events WHERE id > ?1 AND id <= ?2 AND name = ?3 LIMIT ?4)";
    let dropped = connection.prepare_cached(sql)?.execute(params![first, last, Entry::DELTA, SLICE])?;
    if dropped < SLICE as usize {
        connection.prepare_cached("UPDATE runs SET slim = 1 WHERE id = ?1")?.execute([id])?;
    }
    // A damaged row stays one: nobody reads its run.
    if dropped > 0
        && let Ok(mut row) = RunRow::by_id(connection, id)
        && !row.facts.about.trimmed
    {
        row.facts.about.trimmed = true;
        row.save(connection)?;
    }
    Ok(true)
}

/// Events of runs that left.
///
/// # Errors
/// When the database fails.
pub fn erase(books: &mut Books) -> Result<bool, Trouble> {
    let connection = &books.connection;
    let found = connection.prepare_cached("SELECT id FROM gone LIMIT 1")?.query_row([], |row| row.get(0));
    let Some(id): Option<i64> = found.optional()? else { return Ok(false) };
    let (first, last) = events::range(id, 0);
    let sql = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id >= ?1 AND id <= ?2 LIMIT ?3)";
    let erased = connection.prepare_cached(sql)?.execute(params![first, last, SLICE])?;
    if erased < SLICE as usize {
        connection.prepare_cached("DELETE FROM gone WHERE id = ?1")?.execute([id])?;
    }
    Ok(true)
}

/// Free pages go back to the system, but for some that are soon needed again.
fn give_back(books: &mut Books) -> Result<bool, Trouble> {
    let free: i64 = books.connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free <= 2 * PAGES {
        return Ok(false);
    }
    books.connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    Ok(true)
}

fn before(now: Timestamp, time: Duration) -> i64 {
    let time = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    now.as_microsecond().saturating_sub(time)
}
