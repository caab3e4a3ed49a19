//! The text files of a folder, and why the others are left out.
//!
//! Symbolic links are not followed, hidden files and folders are not looked
//! at, and everything has a limit: a mistaken path must not read a whole disk.

use std::fmt;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::OFlags;

use super::chunk::Form;

/// Largest file that is read.
pub const LARGEST_FILE: u64 = 4 << 20;
/// Most text files of a folder.
pub const MOST_FILES: usize = 10_000;
/// Most entries that are looked at in search of them.
const MOST_ENTRIES: usize = 200_000;
/// Deepest folder below the one that is indexed.
const DEEPEST: usize = 32;

/// A text file that was found, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its path below the folder, with `/`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// How it is written.
    pub form: Form,
}

/// A file that is not in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its path below the folder, fit to be shown.
    pub name: String,
    /// Why.
    pub why: Why,
}

/// Why a file is not in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its name ends like neither Markdown nor text.
    OtherKind,
    /// It is a symbolic link.
    Link,
    /// It stands below too many folders.
    TooDeep,
    /// It is too large; how many bytes it has.
    TooLarge(u64),
    /// It holds zero bytes.
    Binary,
    /// It is not UTF-8 from this line on.
    NotUtf8(usize),
    /// Its name cannot be shown.
    OddName,
    /// The system does not give it.
    Unreadable(io::ErrorKind),
}

impl Why {
    /// Whether a text is missing from the index that belongs there.
    pub fn is_loss(&self) -> bool {
        !matches!(self, Why::OtherKind | Why::Link)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::OtherKind => f.write_str("neither Markdown (.md, .markdown) nor text (.txt, .text)"),
            Why::Link => f.write_str("a symbolic link; they are not followed"),
            Why::TooDeep => write!(f, "deeper than {DEEPEST} folders"),
            Why::TooLarge(bytes) => {
                write!(f, "{:.1} MiB; at most {} MiB are read", *bytes as f64 / 1048576.0, LARGEST_FILE >> 20)
            }
            Why::Binary => f.write_str("not text: it holds zero bytes; save it as UTF-8"),
            Why::NotUtf8(line) => write!(f, "not UTF-8 (line {line}); save it as UTF-8"),
            Why::OddName => f.write_str("its name is not UTF-8 or holds control characters"),
            Why::Unreadable(kind) => write!(f, "cannot be read: {kind}"),
        }
    }
}

/// Why a folder cannot be indexed at all.
#[derive(Debug, thiserror::Error)]
pub enum NoFolder {
    /// The system does not give it.
    #[error("the folder cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    /// It is something else.
    #[error("that is no folder")]
    NotAFolder,
    /// Its path is not UTF-8.
    #[error("its path is not UTF-8")]
    OddPath,
    /// It holds more than may be.
    #[error("the folder holds more than {0}; add the subfolders that matter")]
    TooMuch(String),
}

/// The text files below `folder`, by name, and what is left out.
///
/// # Errors
/// [`NoFolder`] when it cannot be indexed.
pub fn look(folder: &Path) -> Result<(Vec<Found>, Vec<Skipped>), NoFolder> {
    let mut seen = Seen::default();
    let mut open = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = open.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(unreadable(&error)),
            Err(error) => {
                seen.skip(prefix, Why::Unreadable(error.kind()));
                continue;
            }
        };
        for entry in entries.flatten() {
            seen.count()?;
            open.extend(seen.entry(&entry, &prefix, depth));
        }
        if seen.found.len() > MOST_FILES {
            return Err(NoFolder::TooMuch(format!("{MOST_FILES} text files")));
        }
    }
    seen.found.sort_by(|a, b| a.name.cmp(&b.name));
    seen.skipped.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((seen.found, seen.skipped))
}

fn unreadable(error: &io::Error) -> NoFolder {
    match error.kind() {
        io::ErrorKind::NotADirectory => NoFolder::NotAFolder,
        kind => NoFolder::Unreadable(kind),
    }
}

#[derive(Default)]
struct Seen {
    entries: usize,
    found: Vec<Found>,
    skipped: Vec<Skipped>,
}

impl Seen {
    fn count(&mut self) -> Result<(), NoFolder> {
        self.entries += 1;
        match self.entries > MOST_ENTRIES {
            true => Err(NoFolder::TooMuch(format!("{MOST_ENTRIES} entries"))),
            false => Ok(()),
        }
    }

    fn skip(&mut self, name: String, why: Why) {
        self.skipped.push(Skipped { name: name.trim_end_matches('/').to_owned(), why });
    }

    /// Sorts an entry in; a folder to look into, if it is one.
    fn entry(
        &mut self,
        entry: &std::fs::DirEntry,
        prefix: &str,
        depth: usize,
    ) -> Option<(PathBuf, String, usize)> {
        let own = entry.file_name();
        if own.as_encoded_bytes().starts_with(b".") {
            return None;
        }
        let shown = format!("{prefix}{}", own.to_string_lossy().escape_debug());
        let Some(own) = own.to_str().filter(|own| !own.contains(char::is_control)) else {
            self.skip(shown, Why::OddName);
            return None;
        };
        let (name, path) = (format!("{prefix}{own}"), entry.path());
        match entry.file_type() {
            Err(error) => self.skip(shown, Why::Unreadable(error.kind())),
            Ok(kind) if kind.is_symlink() => self.skip(name, Why::Link),
            Ok(kind) if kind.is_dir() && depth + 1 > DEEPEST => self.skip(name, Why::TooDeep),
            Ok(kind) if kind.is_dir() => return Some((path, format!("{name}/"), depth + 1)),
            Ok(kind) => match form(&path).filter(|_| kind.is_file()) {
                Some(form) => self.found.push(Found { name, path, form }),
                None => self.skip(name, Why::OtherKind),
            },
        }
        None
    }
}

/// How a file is written, by the end of its name.
fn form(path: &Path) -> Option<Form> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "md" | "markdown" => Some(Form::Markdown),
        "txt" | "text" => Some(Form::Text),
        _ => None,
    }
}

/// The text of a file, its lines ended by `\n`.
///
/// # Errors
/// [`Why`] it is left out.
pub fn read(found: &Found) -> Result<String, Why> {
    let bytes = bytes(&found.path).map_err(|error| Why::Unreadable(error.kind()))?;
    if bytes.len() as u64 > LARGEST_FILE {
        let size = std::fs::metadata(&found.path).map_or(0, |about| about.len());
        return Err(Why::TooLarge(size.max(bytes.len() as u64)));
    }
    if bytes.contains(&0) {
        return Err(Why::Binary);
    }
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}'),
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            return Err(Why::NotUtf8(before.iter().filter(|byte| **byte == b'\n').count() + 1));
        }
    };
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// One byte more than is allowed at most. What became a link or a pipe meanwhile is neither followed nor
/// waited for.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file: File =
        OpenOptions::new().read(true).custom_flags(flags.try_into().unwrap_or_default()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
