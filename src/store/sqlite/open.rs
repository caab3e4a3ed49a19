//! Opening the file: what it is refused for, and what happens when it is damaged.

use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::Connection;

use super::salvage;
use super::salvage::Salvaged;
use super::schema;
use super::schema::Unfit;

/// What happens at the start when the file is damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCorrupt {
    /// It is moved aside, and what can be read of it goes into a new one.
    #[default]
    Salvage,
    /// The server does not start.
    Fail,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses the directory.
    #[error("{} is in use by another askstream{}", path.display(), pid.map(|pid| format!(", process {pid}")).unwrap_or_default())]
    Held {
        /// The directory.
        path: PathBuf,
        /// The process, if it could be read.
        pid: Option<u32>,
    },
    /// The directory cannot be made or written.
    #[error("cannot keep runs in {}: {error}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A later version wrote the file.
    #[error("{} was written by a later version of askstream (schema {found}; this one knows {})", path.display(), schema::VERSION)]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// The file is damaged, and the configuration says to stop then.
    #[error("{} is damaged: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the check said.
        why: String,
    },
    /// The file cannot be used.
    #[error("cannot use {}: {why}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

/// Why a file cannot be used, for the operator.
pub fn told(path: &Path, unfit: Unfit) -> OpenError {
    let path = path.to_owned();
    match unfit {
        Unfit::Newer(found) => OpenError::Newer { path, found },
        Unfit::Corrupt(why) => OpenError::Corrupt { path, why },
        Unfit::Failed(error) => OpenError::Failed { path, why: error.to_string() },
        Unfit::Moving(why) => OpenError::Failed { path, why },
    }
}

/// The connection that writes, and what was lost of a damaged file.
///
/// # Errors
/// [`OpenError`] when there is none.
pub fn open(path: &Path, on_corrupt: OnCorrupt) -> Result<(Connection, Option<String>), OpenError> {
    let told = |unfit| told(path, unfit);
    let why = match schema::open(path) {
        Ok(connection) => return Ok((connection, None)),
        Err(Unfit::Corrupt(why)) if on_corrupt == OnCorrupt::Salvage => why,
        Err(unfit) => return Err(told(unfit)),
    };
    tracing::error!(file = %path.display(), why, "the store is damaged; saving what can be read");
    let Salvaged { aside, runs, lost } = salvage::salvage(path, Timestamp::now()).map_err(told)?;
    let aside = aside.file_name().unwrap_or_default().display().to_string();
    let lost = match lost {
        0 => String::new(),
        n => format!(", {n} could not be read"),
    };
    let lost = format!("the store was damaged: {runs} runs were saved{lost}; the old file is {aside}");
    tracing::error!("{lost}");
    Ok((schema::open(path).map_err(told)?, Some(lost)))
}
