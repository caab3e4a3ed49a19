//! The files of a panel's folder, each read once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::PatternOptions;
use jsonschema::Validator;
use serde_json::Value;
use toml::Spanned;

use crate::fault::Fault;
use crate::fault::Faults;
use crate::fault::Source;
use crate::fault::reader::Reader;

/// A panel's folder.
pub(super) struct Folder<'a> {
    files: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    faults: &'a Faults,
    /// The text of what has been read; `None` for a file whose fault has been told.
    read: RefCell<BTreeMap<String, Option<Arc<str>>>>,
}

impl<'a> Folder<'a> {
    /// Largest file in bytes.
    const LARGEST: usize = 1 << 20;

    pub(super) fn new(files: &'a dyn Fn(&str) -> Option<Vec<u8>>, faults: &'a Faults) -> Folder<'a> {
        Folder { files, faults, read: RefCell::default() }
    }

    /// A file that has to be there.
    pub(super) fn source(&self, path: &str) -> Option<Source> {
        let found = self.optional(path);
        if found.is_none() && !self.read.borrow().contains_key(path) {
            self.faults.add(Fault::of_file(path, "the file is missing"));
        }
        found
    }

    /// A file that may be missing.
    pub(super) fn optional(&self, path: &str) -> Option<Source> {
        let known = self.read.borrow().get(path).cloned();
        let text = match known {
            Some(text) => text,
            None => {
                let bytes = (self.files)(path)?;
                let text = self.text(path, bytes);
                self.read.borrow_mut().insert(path.to_owned(), text.clone());
                text
            }
        };
        text.map(|text| Source { file: path.to_owned(), text: text.to_string() })
    }

    /// A file that a TOML file names; a fault of the path is told there.
    pub(super) fn named(&self, table: &Reader<'_>, path: &Spanned<String>) -> Option<Source> {
        let name = path.get_ref();
        if let Err(why) = check_path(name) {
            table.fault(
                path.span(),
                format!("{why}: paths are relative to the panel's folder and stay in it"),
            );
            return None;
        }
        let found = self.optional(name);
        if found.is_none() && !self.read.borrow().contains_key(name) {
            table.fault(path.span(), format!("there is no file \"{name}\" in the panel's folder"));
        }
        found
    }

    /// A JSON Schema that a TOML file names.
    pub(super) fn schema(&self, table: &Reader<'_>, path: &Spanned<String>) -> Option<Arc<Value>> {
        let source = self.named(table, path)?;
        let schema = self.json(&source)?;
        if !schema.is_object() {
            self.faults.add(source.fault(0..1, "a JSON Schema is an object"));
            return None;
        }
        match validator(&schema) {
            Ok(_) => Some(Arc::new(schema)),
            Err(why) => {
                self.faults.add(Fault::of_file(&source.file, format!("not a JSON Schema: {why}")));
                None
            }
        }
    }

    /// The JSON in a file.
    pub(super) fn json(&self, source: &Source) -> Option<Value> {
        let error = match serde_json::from_str(&source.text) {
            Ok(json) => return Some(json),
            Err(error) => error,
        };
        // Columns count bytes from 1; at the end of a file there is no character to point at.
        let at = source.line_start(error.line()) + error.column().saturating_sub(1);
        let whole = error.to_string();
        let what = whole.split(" at line ").next().unwrap_or_default();
        self.faults.add(source.fault(at..at + 1, format!("not JSON: {what}")));
        None
    }

    /// Adds a fault.
    pub(super) fn fault(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Twelve hexadecimal digits that change with any byte of any file that was read.
    pub(super) fn revision(&self) -> String {
        // FNV-1a: short, and the same in every build; nobody forges panel files.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut add = |bytes: &[u8]| {
            for byte in bytes.iter().chain(&(bytes.len() as u64).to_le_bytes()) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for (path, text) in self.read.borrow().iter() {
            add(path.as_bytes());
            add(text.as_deref().unwrap_or_default().as_bytes());
        }
        format!("{:012x}", (hash >> 48 ^ hash) & 0xffff_ffff_ffff)
    }

    fn text(&self, path: &str, bytes: Vec<u8>) -> Option<Arc<str>> {
        if bytes.len() > Folder::LARGEST {
            self.faults.add(Fault::of_file(path, "the file is larger than 1 MiB"));
            return None;
        }
        match String::from_utf8(bytes) {
            Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(&text).into()),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let source = Source { file: path.to_owned(), text };
                self.faults.add(source.fault(at..at + 1, "the file is not UTF-8"));
                None
            }
        }
    }
}

/// A compiled schema: no file or network is asked for references, and patterns take linear time.
pub(super) fn validator(schema: &Value) -> Result<Validator, String> {
    let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
    options.build(schema).map_err(|error| match error.instance_path().as_str() {
        "" => error.to_string(),
        path => format!("{error}, at {path}"),
    })
}

fn check_path(path: &str) -> Result<(), &'static str> {
    let drive = path.as_bytes().get(1) == Some(&b':');
    if path.is_empty() {
        Err("an empty path")
    } else if path.starts_with('/') || drive {
        Err("an absolute path")
    } else if path.contains('\\') || path.contains('\0') {
        Err("a path with \\")
    } else if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Err("a path with \".\", \"..\" or an empty part")
    } else {
        Ok(())
    }
}
