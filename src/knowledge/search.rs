//! Finds the passages that fit a question best.

use std::time::Duration;

use rusqlite::Connection;
use rusqlite::InterruptHandle;
use rusqlite::params;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Index;
use super::Trouble;
use super::schema;
use super::words;
use crate::event::Passage;

/// How long a search may take; a run's queries wait for it.
const LIMIT: Duration = Duration::from_secs(2);

/// A word in a document's name or a heading counts twice.
const SELECT: &str = "
    SELECT folders.name || '/' || files.name, first, last, chunks.headings, chunks.text,
        bm25(words, 2.0, 2.0, 1.0) AS distance
    FROM words
    JOIN chunks ON chunks.id = words.rowid
    JOIN files ON files.id = chunks.file
    JOIN folders ON folders.id = files.folder
    WHERE words MATCH ?1 ORDER BY distance, chunks.id LIMIT ?2";

impl Index {
    /// The `top` passages that fit the question best, the best first; none when no word of it occurs.
    ///
    /// # Errors
    /// [`Trouble`] when the index cannot be searched, or not in time.
    pub async fn search(&self, question: &str, top: usize) -> Result<Vec<Passage>, Trouble> {
        let (index, question) = (self.clone(), question.to_owned());
        let (handle, mut opened) = oneshot::channel();
        let searching = tokio::task::spawn_blocking(move || index.look_up(&question, top, handle));
        match timeout(LIMIT, searching).await {
            Ok(searched) => searched.unwrap_or_else(|_| Err(Trouble::Failed("it panicked".into()))),
            Err(_) => {
                // The thread must not go on for a run that does not wait any more.
                if let Ok(handle) = opened.try_recv() {
                    handle.interrupt();
                }
                Err(Trouble::TooSlow)
            }
        }
    }

    fn look_up(
        &self,
        question: &str,
        top: usize,
        opened: oneshot::Sender<InterruptHandle>,
    ) -> Result<Vec<Passage>, Trouble> {
        let connection = schema::open_to_read(&self.path)?;
        // Nobody waits for a thread that comes this late.
        opened.send(connection.get_interrupt_handle()).map_err(|_| Trouble::TooSlow)?;
        match words::query(question) {
            Some(query) => find(&connection, &query, top),
            None => Ok(Vec::new()),
        }
    }
}

fn find(connection: &Connection, query: &str, top: usize) -> Result<Vec<Passage>, Trouble> {
    let mut select = connection.prepare(SELECT)?;
    let passage = |row: &rusqlite::Row<'_>| {
        let (first, last): (i64, i64) = (row.get(1)?, row.get(2)?);
        let headings: String = row.get(3)?;
        let distance: f64 = row.get(5)?;
        Ok(Passage {
            source: row.get(0)?,
            page: if first == last { first.to_string() } else { format!("{first}-{last}") },
            headings: headings.lines().map(str::to_owned).collect(),
            // SQLite's is less for what fits better.
            score: (-distance * 1e6).round() / 1e6,
            text: row.get(4)?,
        })
    };
    let found = select.query_map(params![query, top as i64], passage)?;
    Ok(found.collect::<Result<_, _>>()?)
}
