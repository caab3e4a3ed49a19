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
const NAME: &str = "lock";

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
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Without the number the sentence is still true.
                let _ = file.take(32).read_to_string(&mut pid);
                let pid = pid.trim().parse().ok();
                return Err(OpenError::Held { path: dir.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // A full disk must not keep the server from its runs: the number is for people.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }
}
