//! A look at a data directory from outside, for people.
//!
//! Nothing of a store is written, and that of a running server is not even
//! opened: its holder is named instead.

use std::fs::OpenOptions;
use std::path::Path;

use super::FILE;
use super::LEAST_FREE;
use super::OpenError;
use super::lock;
use super::open::told;
use super::schema;
use super::suffixed;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What is kept there.
    pub kept: Kept,
    /// Free bytes on its disk, if the system tells.
    pub free: Option<u64>,
}

/// What a data directory keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The directory is not there; a server would make it.
    NoDirectory,
    /// No runs.
    Nothing,
    /// A sound file of this schema.
    Schema(i64),
    /// A file that was not closed; the next server goes on with it.
    Unclosed,
}

impl Seen {
    /// Whether no new run would be taken for want of room.
    pub fn is_full(&self) -> bool {
        self.free.is_some_and(|free| free < LEAST_FREE)
    }
}

/// Looks at a data directory.
///
/// # Errors
/// [`OpenError`] for what a server would be refused for, [`OpenError::Held`] where one runs.
pub fn look(dir: &Path) -> Result<Seen, OpenError> {
    // What is not there yet is made in the nearest directory that is.
    let there = dir.ancestors().find(|above| above.symlink_metadata().is_ok());
    let there = there.filter(|there| !there.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if there == dir {
        lock::look(dir)?;
    }
    probe(there).map_err(|error| OpenError::Directory { path: dir.to_owned(), error })?;
    let kept = if there == dir { kept(&dir.join(FILE))? } else { Kept::NoDirectory };
    let disk = rustix::fs::statvfs(there).ok();
    Ok(Seen { kept, free: disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)) })
}

/// Makes a file and removes it: nothing else tells whether one can be made.
fn probe(dir: &Path) -> std::io::Result<()> {
    let file = dir.join(format!(".askstream-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&file)?;
    std::fs::remove_file(file)
}

fn kept(path: &Path) -> Result<Kept, OpenError> {
    let is_empty = |path: &Path| path.metadata().is_ok_and(|found| found.len() == 0);
    if !path.exists() || is_empty(path) {
        return Ok(Kept::Nothing);
    }
    let log = suffixed(path, "-wal");
    if log.exists() && !is_empty(&log) {
        // Without its log the file may be older than what it refers to; with it it would have to be written.
        return Ok(Kept::Unclosed);
    }
    schema::look(path).map(Kept::Schema).map_err(|unfit| told(path, unfit))
}

#[cfg(test)]
mod tests {
    use super::super::Keep;
    use super::super::OnCorrupt;
    use super::super::Sqlite;
    use super::*;

    /// A directory of its own, gone with the test.
    struct Dir(std::path::PathBuf);

    impl Dir {
        fn new(name: &str) -> Dir {
            let dir = std::env::temp_dir().join(format!("askstream look #{name}?{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&dir);
            Dir(dir)
        }

        fn files(&self) -> Vec<String> {
            let files = std::fs::read_dir(&self.0).unwrap();
            let mut names: Vec<_> =
                files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn a_look_tells_what_is_there_and_leaves_nothing() {
        let dir = Dir::new("whole");
        assert_eq!(look(&dir.0).unwrap().kept, Kept::NoDirectory);
        assert!(!dir.0.exists());
        let store = Sqlite::open(&dir.0, Keep::default(), OnCorrupt::Fail).unwrap();
        let held = look(&dir.0).unwrap_err();
        assert!(matches!(held, OpenError::Held { pid, .. } if pid == Some(std::process::id())), "{held}");
        drop(store);
        let before = dir.files();
        assert_eq!(look(&dir.0).unwrap().kept, Kept::Schema(schema::VERSION));
        assert_eq!(dir.files(), before);
    }

    #[test]
    fn what_a_server_would_refuse_is_told() {
        let dir = Dir::new("faulty");
        std::fs::create_dir(&dir.0).unwrap();
        assert_eq!(look(&dir.0).unwrap().kept, Kept::Nothing);
        let file = dir.0.join(FILE);
        std::fs::write(&file, "nonsense").unwrap();
        assert!(matches!(look(&dir.0), Err(OpenError::Corrupt { .. })));
        std::fs::write(&file, "nonsense".repeat(4096)).unwrap();
        assert!(matches!(look(&dir.0), Err(OpenError::Corrupt { .. })));
        std::fs::write(suffixed(&file, "-wal"), "x").unwrap();
        assert_eq!(look(&dir.0).unwrap().kept, Kept::Unclosed);
        assert!(matches!(look(&file), Err(OpenError::Directory { .. })));
        assert!(matches!(look(&file.join("below")), Err(OpenError::Directory { .. })));
    }
}
