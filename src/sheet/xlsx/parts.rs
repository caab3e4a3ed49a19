//! The parts of the archive, and what they may cost together.

use std::cell::Cell;
use std::io;
use std::io::BufReader;
use std::io::Cursor;
use std::io::Read;

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::walk::Event;
use super::walk::attribute;
use super::walk::walk;
use crate::sheet::fault::Unread;

/// Most files in the archive.
const MAX_ENTRIES: usize = 4096;
/// Most bytes that all parts say they have, pictures included.
const MAX_DECLARED: u64 = 512 << 20;
/// Most bytes that are really taken out of it.
const MAX_INFLATED: u64 = 96 << 20;
/// How many times larger than in the archive a part may be, from [`SMALL`] on.
const MAX_RATIO: u64 = 250;
/// What any part may have.
const SMALL: u64 = 4 << 20;

/// An archive that may be read so far and no further.
pub struct Parts<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    left: Cell<u64>,
}

/// A part, whose bytes count.
pub type Part<'p, 'a> = BufReader<Counted<'p, ZipFile<'p, Cursor<&'a [u8]>>>>;

impl<'a> Parts<'a> {
    /// Looks at the directory of the archive alone.
    ///
    /// # Errors
    /// A damaged archive, or one that says that it holds too much.
    pub fn open(bytes: &'a [u8]) -> Result<Parts<'a>, Unread> {
        let entries = entries(bytes);
        if entries > MAX_ENTRIES {
            return Err(Unread::Bomb(format!("it has {entries} parts; at most {MAX_ENTRIES} are read")));
        }
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
        let mut declared = 0u64;
        for at in 0..archive.len() {
            let part = archive.by_index_raw(at).map_err(|error| damaged(&error))?;
            let (size, packed) = (part.size(), part.compressed_size());
            if size > SMALL && size / packed.max(1) > MAX_RATIO {
                let times = size / packed.max(1);
                return Err(Unread::Bomb(format!("a part is {times} times larger than in the file")));
            }
            declared = declared.saturating_add(size);
        }
        if declared > MAX_DECLARED {
            return Err(Unread::Bomb(format!("its parts have {} MB", declared >> 20)));
        }
        Ok(Parts { archive, left: Cell::new(MAX_INFLATED) })
    }

    /// A part by its path, whatever its case.
    ///
    /// # Errors
    /// A part that cannot be read.
    pub fn part(&mut self, path: &str) -> Result<Option<Part<'_, 'a>>, Unread> {
        let path = path.trim_start_matches('/').to_lowercase();
        let at = (0..self.archive.len()).find(|at| {
            let name = self.archive.name_for_index(*at).and_then(Result::ok);
            name.is_some_and(|name| name.replace('\\', "/").to_lowercase() == path)
        });
        let Some(at) = at else { return Ok(None) };
        let part = self.archive.by_index(at).map_err(|error| damaged(&error))?;
        Ok(Some(BufReader::with_capacity(64 << 10, Counted { inner: part, left: &self.left })))
    }

    /// The path of the workbook itself.
    ///
    /// # Errors
    /// An archive without one.
    pub fn workbook(&mut self) -> Result<String, Unread> {
        let mut path = "xl/workbook.xml".to_owned();
        let Some(part) = self.part("_rels/.rels")? else { return Ok(path) };
        walk(part, |event| {
            if let Event::Open("Relationship", tag) = event
                && attribute(tag, "Type").is_some_and(|kind| kind.ends_with("/officeDocument"))
                && let Some(target) = attribute(tag, "Target")
            {
                path = target.trim_start_matches('/').to_owned();
            }
            Ok(())
        })?;
        Ok(path)
    }
}

/// How many files the end of the archive announces, before anything is made of them.
fn entries(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub((1 << 16) + 22);
    let Some(end) = bytes[tail..].windows(4).rposition(|mark| mark == b"PK\x05\x06") else { return 0 };
    let end = tail + end;
    let number = |at: usize, length: usize| {
        let bytes = bytes.get(at..at + length)?;
        Some(bytes.iter().rev().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte)))
    };
    let short = number(end + 10, 2).unwrap_or(0);
    let locator = end.checked_sub(20).filter(|at| bytes[*at..].starts_with(b"PK\x06\x07"));
    let long = locator.and_then(|at| number(number(at + 8, 8)? as usize + 32, 8)).unwrap_or(0);
    usize::try_from(short.max(long)).unwrap_or(usize::MAX)
}

fn damaged(error: &ZipError) -> Unread {
    match error {
        ZipError::Io(io) if io.kind() == io::ErrorKind::FileTooLarge => inflated_too_far(),
        ZipError::UnsupportedArchive(why) => Unread::Damaged((*why).to_string()),
        _ => Unread::Damaged("its archive cannot be opened".to_owned()),
    }
}

/// The fault of an archive that holds more than it may.
pub fn inflated_too_far() -> Unread {
    Unread::Bomb(format!("its parts have more than {} MB", MAX_INFLATED >> 20))
}

/// Bytes that are taken from what is left.
pub struct Counted<'p, R> {
    inner: R,
    left: &'p Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.get().checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::ErrorKind::FileTooLarge.into()),
        }
        Ok(read)
    }
}
