//! Takes a folder in, or out: what is new is read, what is as before stays, what is gone leaves.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Transaction;
use rusqlite::TransactionBehavior;
use rusqlite::params;
use sha2::Digest;
use sha2::Sha256;

use super::Index;
use super::Trouble;
use super::chunk;
use super::folder;
use super::folder::Found;
use super::folder::NoFolder;
use super::folder::Skipped;
use super::schema;
use crate::crash;
use crate::crash::Point;

/// Most bytes of text of one folder.
const MOST_BYTES: u64 = 256 << 20;

/// What came of taking a folder in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Documents that are in the index now.
    pub files: u64,
    /// Their passages.
    pub passages: u64,
    /// Of these, documents that were not there before.
    pub new: u64,
    /// Those that have changed.
    pub changed: u64,
    /// Documents that left.
    pub gone: u64,
    /// What was left out, by name.
    pub skipped: Vec<Skipped>,
}

/// Why nothing was taken in; the index is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The folder cannot be indexed.
    #[error(transparent)]
    Folder(#[from] NoFolder),
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] Trouble),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Refused {
        Refused::Index(error.into())
    }
}

/// A document of the index.
struct Known {
    id: i64,
    hash: Vec<u8>,
}

impl Index {
    /// Makes the index hold what the folder holds now, in one step: whoever dies in the middle has changed nothing.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub fn add(&self, folder: &Path) -> Result<Added, Refused> {
        let unreadable = |error: std::io::Error| NoFolder::Unreadable(error.kind());
        let folder = folder.canonicalize().map_err(unreadable)?;
        let path = folder.to_str().ok_or(NoFolder::OddPath)?;
        let (found, skipped) = folder::look(&folder)?;
        let mut connection = schema::open(&self.path)?;
        let adding = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = enter(&adding, path, &folder)?;
        let mut taking = Taking { known: known(&adding, id)?, to: &adding, folder: id, bytes: 0 };
        let mut added = Added { skipped, ..Added::default() };
        for found in found {
            taking.take(found, &mut added)?;
        }
        added.gone = taking.known.len() as u64;
        for gone in taking.known.into_values() {
            forget(&adding, gone.id)?;
        }
        let count = "SELECT count(*) FROM chunks JOIN files ON files.id = chunks.file WHERE folder = ?1";
        added.passages = adding.query_row(count, [id], |row| row.get::<_, u32>(0))?.into();
        added.skipped.sort_by(|a, b| a.name.cmp(&b.name));
        adding.commit()?;
        Ok(added)
    }

    /// Takes a folder out; `false` when it is not in. It need not exist any more.
    ///
    /// # Errors
    /// [`Trouble`] when the index cannot be used.
    pub fn remove(&self, folder: &Path) -> Result<bool, Trouble> {
        // Without a file nothing is made.
        drop(schema::open_to_read(&self.path)?);
        let mut connection = schema::open(&self.path)?;
        let removing = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let whole = folder.canonicalize().or_else(|_| std::path::absolute(folder));
        let path = whole.as_deref().unwrap_or(folder).to_string_lossy().into_owned();
        let select = "SELECT id FROM folders WHERE path = ?1";
        let Some(id) = removing.query_row(select, [path], |row| row.get::<_, i64>(0)).optional()? else {
            return Ok(false);
        };
        for file in known(&removing, id)?.into_values() {
            forget(&removing, file.id)?;
        }
        removing.execute("DELETE FROM folders WHERE id = ?1", [id])?;
        removing.commit()?;
        Ok(true)
    }
}

/// The folder's number; its name is what its documents are called after.
fn enter(adding: &Transaction<'_>, path: &str, folder: &Path) -> Result<i64, rusqlite::Error> {
    let name = folder.file_name().map_or_else(|| "/".into(), |name| name.to_string_lossy());
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    adding.query_row(
        "INSERT INTO folders (path, name, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (path) DO UPDATE SET at = excluded.at RETURNING id",
        params![path, name, Timestamp::now().as_second()],
        |row| row.get(0),
    )
}

/// The documents of a folder by name.
fn known(connection: &Connection, folder: i64) -> Result<HashMap<String, Known>, rusqlite::Error> {
    let mut select = connection.prepare("SELECT name, id, hash FROM files WHERE folder = ?1")?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, Known { id: row.get(1)?, hash: row.get(2)? }));
    select.query_map([folder], row)?.collect()
}

/// Takes a document and its passages out.
fn forget(connection: &Connection, file: i64) -> Result<(), rusqlite::Error> {
    let delete = [
        "DELETE FROM words WHERE rowid IN (SELECT id FROM chunks WHERE file = ?1)",
        "DELETE FROM chunks WHERE file = ?1",
        "DELETE FROM files WHERE id = ?1",
    ];
    delete.into_iter().try_for_each(|sql| connection.prepare_cached(sql)?.execute([file]).map(drop))
}

/// A folder that is being taken in.
struct Taking<'a> {
    to: &'a Transaction<'a>,
    folder: i64,
    /// What was there before and has not been met yet.
    known: HashMap<String, Known>,
    bytes: u64,
}

impl Taking<'_> {
    fn take(&mut self, found: Found, added: &mut Added) -> Result<(), Refused> {
        let text = match folder::read(&found) {
            Ok(text) => text,
            Err(why) => {
                added.skipped.push(Skipped { name: found.name, why });
                return Ok(());
            }
        };
        self.bytes += text.len() as u64;
        if self.bytes > MOST_BYTES {
            return Err(NoFolder::TooMuch(format!("{} MiB of text", MOST_BYTES >> 20)).into());
        }
        added.files += 1;
        let hash = Sha256::digest(text.as_bytes());
        match self.known.remove(&found.name) {
            Some(known) if known.hash == hash[..] => return Ok(()),
            Some(known) => {
                forget(self.to, known.id)?;
                added.changed += 1;
            }
            None => added.new += 1,
        }
        Ok(self.keep(&found, &text, &hash)?)
    }

    fn keep(&self, found: &Found, text: &str, hash: &[u8]) -> Result<(), rusqlite::Error> {
        let insert = "INSERT INTO files (folder, name, hash) VALUES (?1, ?2, ?3) RETURNING id";
        let file: i64 = self
            .to
            .prepare_cached(insert)?
            .query_row(params![self.folder, found.name, hash], |row| row.get(0))?;
        for chunk in chunk::chunks(text, found.form) {
            let headings = chunk.headings.join("\n");
            let own = &text[chunk.place.clone()];
            let insert = "INSERT INTO chunks (file, headings, first, last, text) VALUES (?1, ?2, ?3, ?4, ?5)";
            let (first, last) = (chunk.lines.start as i64, chunk.lines.end as i64 - 1);
            self.to.prepare_cached(insert)?.execute(params![file, headings, first, last, own])?;
            let insert = "INSERT INTO words (rowid, name, headings, text) VALUES (?1, ?2, ?3, ?4)";
            let id = self.to.last_insert_rowid();
            self.to.prepare_cached(insert)?.execute(params![id, found.name, headings, own])?;
        }
        crash::at(Point::DocumentTaken);
        Ok(())
    }
}
