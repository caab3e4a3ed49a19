//! One server for a data directory: a locked file that names its holder.
//!
//! The system drops the lock with the process, so a file that a killed
//! server left behind is no obstacle.

use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::OpenError;

/// Name of the file.
pub const NAME: &str = "lock";

/// The directory is ours while it lives.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the directory.
    ///
    /// # Errors
    /// [`OpenError::Held`] when another process has it, [`OpenError::Directory`] when it cannot be written.
    pub fn take(dir: &Path) -> Result<Lock, OpenError> {
        let failed = |error| OpenError::Directory { path: dir.to_owned(), error };
        let mut options = OpenOptions::new();
        let opened =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(dir.join(NAME));
        let mut file = opened.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(dir, file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // A full disk must not keep the server from its runs: the number is for people.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }
}

/// Whether nobody has the directory. It is shared for the moment of the look, in which no server could start.
///
/// # Errors
/// [`OpenError::Held`] when another process has it, [`OpenError::Directory`] when that cannot be told.
pub fn look(dir: &Path) -> Result<(), OpenError> {
    let failed = |error| OpenError::Directory { path: dir.to_owned(), error };
    let file = match File::open(dir.join(NAME)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(held(dir, file)),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn held(dir: &Path, file: File) -> OpenError {
    let mut pid = String::new();
    // Without the number the sentence is still true.
    let _ = file.take(32).read_to_string(&mut pid);
    OpenError::Held { path: dir.to_owned(), pid: pid.trim().parse().ok() }
}
