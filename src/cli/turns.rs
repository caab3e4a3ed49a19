//! Whose turn it is among the endpoints of a provider, kept from one process to the next.
//!
//! It is written when the server ends. After a crash the turn is that of the
//! end before: fairness over days is no matter of one call.

use std::io;
use std::path::PathBuf;

use crate::config::Settings;
use crate::config::StoreKind;
use crate::pool::Turns;

const NAME: &str = "turns.json";

/// Where turns are kept, if they are.
pub struct File(Option<PathBuf>);

impl File {
    /// In the data directory, unless nothing is kept there.
    pub fn of(settings: &Settings) -> File {
        let keeps = settings.store.kind == StoreKind::Sqlite;
        File(keeps.then(|| settings.data_dir.join(NAME)))
    }

    /// What was written last; nothing if that cannot be read.
    pub fn read(&self) -> Turns {
        let text = self.0.as_ref().and_then(|path| std::fs::read(path).ok());
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Writes it for the next process, if any provider has turns.
    pub fn write(&self, turns: &Turns) {
        let Some(path) = self.0.as_ref().filter(|_| !turns.is_empty()) else { return };
        let written = || -> io::Result<()> {
            let new = path.with_extension("new");
            std::fs::write(&new, serde_json::to_vec(turns)?)?;
            std::fs::rename(new, path)
        };
        if let Err(error) = written() {
            tracing::warn!(%error, "could not keep whose turn it is; the next start begins with the first");
        }
    }
}
