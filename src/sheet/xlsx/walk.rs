//! XML in small steps: no document types, no deep nesting, no entities but the five.

use std::borrow::Cow;
use std::io::BufRead;
use std::io::ErrorKind;

use quick_xml::Error;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::BytesRef;
use quick_xml::events::BytesStart;
use quick_xml::events::Event as Raw;

use super::parts::inflated_too_far;
use crate::sheet::fault::Unread;

/// Deepest nesting; sheets need about eight.
const MAX_DEPTH: usize = 64;

/// A step.
pub enum Event<'a> {
    /// A tag opens: its name without prefix, and itself for its attributes.
    Open(&'a str, &'a BytesStart<'a>),
    /// A tag closes; also one that was empty.
    Close(&'a str),
    /// A piece of text.
    Text(&'a str),
}

/// Reads one part from its beginning to its end and shows each step.
///
/// # Errors
/// Broken XML, a document type, deep nesting, more bytes than the archive may hold, or what `see` says.
pub fn walk(part: impl BufRead, mut see: impl FnMut(Event) -> Result<(), Unread>) -> Result<(), Unread> {
    let mut reader = Reader::from_reader(part);
    reader.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    let mut depth = 0usize;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| fault(&error))? {
            Raw::Start(tag) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Unread::Bomb(format!("its XML is nested more than {MAX_DEPTH} deep")));
                }
                see(Event::Open(tag.local_name().into_inner(), &tag))?;
            }
            Raw::End(tag) => {
                depth = depth.saturating_sub(1);
                see(Event::Close(tag.local_name().into_inner()))?;
            }
            Raw::Text(text) => see(Event::Text(&text.xml10_content()))?,
            Raw::CData(text) => see(Event::Text(&text.xml10_content()))?,
            Raw::GeneralRef(name) => see(Event::Text(&character(&name)?))?,
            Raw::DocType(_) => return Err(Unread::Bomb("its XML declares a document type".to_owned())),
            Raw::Eof => return Ok(()),
            Raw::Empty(_) | Raw::Comment(_) | Raw::Decl(_) | Raw::PI(_) => {}
        }
    }
}

/// `&amp;` and `&#8203;`; what only a document type could define is an error.
fn character(name: &BytesRef) -> Result<String, Unread> {
    if let Some(c) = name.resolve_char_ref().map_err(|error| Unread::Damaged(error.to_string()))? {
        return Ok(c.to_string());
    }
    match resolve_predefined_entity(name) {
        Some(text) => Ok(text.to_owned()),
        None => Err(Unread::Damaged("it uses an entity that is not defined".to_owned())),
    }
}

fn fault(error: &Error) -> Unread {
    match error {
        Error::Io(io) if io.kind() == ErrorKind::FileTooLarge => inflated_too_far(),
        other => Unread::Damaged(other.to_string()),
    }
}

/// An attribute's value, by its name without prefix.
pub fn attribute(tag: &BytesStart, name: &str) -> Option<String> {
    let found = tag.attributes().with_checks(false).flatten().find(|attribute| {
        let key: &str = attribute.key.as_ref();
        key == name || key.rsplit_once(':').is_some_and(|(_, local)| local == name)
    })?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(Cow::into_owned)
}
