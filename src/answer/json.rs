//! One JSON value out of a model's text.
//!
//! Strictly if it is one; else the one object that stands in a fence or in
//! prose; else repaired. Nothing here recurses deeper than [`MAX_DEPTH`] or
//! looks at a byte more than a few times.

use std::fmt;

use serde::de::Deserialize;
use serde::de::Deserializer;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;

/// Deepest nesting of an answer.
pub(super) const MAX_DEPTH: usize = 64;
/// Longer texts are not repaired.
const MAX_REPAIR: usize = 256 * 1024;
/// Texts with longer runs of white space are not repaired: the repairer looks ahead from each of them.
const MAX_BLANKS: usize = 200;

/// Why a text is not one JSON value, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) why: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The text as one value, without any leniency.
pub(super) fn parse(text: &str) -> Result<Value, Wrong> {
    check_depth(text)?;
    serde_json::from_str::<Strict>(text).map(|strict| strict.0).map_err(|error| {
        let told = error.to_string();
        let why = told.split(" at line ").next().unwrap_or_default().to_owned();
        Wrong { why, line: error.line(), column: error.column() }
    })
}

/// What looking for an object inside a text gave.
pub(super) enum Found {
    /// Exactly one.
    One(Value),
    /// More than one; nobody knows which was meant.
    Several(usize),
    /// None that parses.
    None,
}

/// The only object (or list of objects) inside prose or a code fence.
pub(super) fn extract(text: &str) -> Found {
    let mut found = Vec::new();
    for region in regions(text) {
        if let Region::Closed(part) = region
            && let Ok(value) = parse(part)
            && holds_objects(&value)
        {
            found.push(value);
        }
    }
    match found.len() {
        0 => Found::None,
        1 => found.pop().map_or(Found::None, Found::One),
        several => Found::Several(several),
    }
}

/// The value that was probably meant; a last resort.
pub(super) fn repair(text: &str) -> Option<Value> {
    let broken = regions(text)
        .into_iter()
        .map(|region| match region {
            Region::Closed(part) | Region::Open(part) => part,
        })
        .max_by_key(|part| part.len())?;
    if broken.len() > MAX_REPAIR || longest_blank(broken) > MAX_BLANKS || most_brackets(broken) > MAX_DEPTH {
        return None;
    }
    let escaped = escape_raw_breaks(broken);
    if let Ok(value) = parse(&escaped) {
        return Some(value);
    }
    let options =
        llm_json::RepairOptions { skip_json_loads: true, ensure_ascii: false, ..Default::default() };
    let repaired = llm_json::repair_json(&escaped, &options).ok()?;
    parse(&repaired).ok().filter(holds_objects)
}

fn holds_objects(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_object),
        _ => false,
    }
}

enum Region<'a> {
    /// From a bracket to the one that closes it.
    Closed(&'a str),
    /// From a bracket that nothing closes to the end.
    Open(&'a str),
}

/// The bracketed parts of a text, one after the other; brackets in JSON strings do not count.
fn regions(text: &str) -> Vec<Region<'_>> {
    let mut regions = Vec::new();
    let mut walk = Walk::default();
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        let before = walk.depth;
        walk.step(byte);
        match (before, walk.depth) {
            (0, 1) => start = at,
            (1, 0) => regions.push(Region::Closed(&text[start..=at])),
            _ => {}
        }
    }
    if walk.depth > 0 {
        regions.push(Region::Open(&text[start..]));
    }
    regions
}

/// Depth and strings along a text; quotes count only inside brackets.
#[derive(Default)]
struct Walk {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Walk {
    fn step(&mut self, byte: u8) {
        if self.in_string {
            let ends = byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            self.in_string = !ends;
            return;
        }
        match byte {
            b'"' => self.in_string = self.depth > 0,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

fn check_depth(text: &str) -> Result<(), Wrong> {
    let mut walk = Walk::default();
    let (mut line, mut column) = (1, 0);
    for byte in text.bytes() {
        walk.step(byte);
        if byte == b'\n' {
            (line, column) = (line + 1, 0);
        } else {
            column += 1;
        }
        if walk.depth > MAX_DEPTH {
            return Err(Wrong { why: format!("nested deeper than {MAX_DEPTH} levels"), line, column });
        }
    }
    Ok(())
}

fn longest_blank(text: &str) -> usize {
    text.split(|c: char| !c.is_whitespace()).map(str::len).max().unwrap_or(0)
}

/// An upper bound of the nesting however the quotes are read.
fn most_brackets(text: &str) -> usize {
    let mut depth = 0usize;
    let mut most = 0;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

/// The text with the raw line breaks and other control characters of its strings escaped.
fn escape_raw_breaks(text: &str) -> String {
    let mut walk = Walk::default();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let inside = walk.in_string;
        // Every byte of a character beyond ASCII means the same to the walk: nothing.
        walk.step(u8::try_from(c).unwrap_or(b'x'));
        match c {
            '\n' if inside => out.push_str("\\n"),
            '\r' if inside => out.push_str("\\r"),
            '\t' if inside => out.push_str("\\t"),
            c if inside && c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// A value none of whose objects has a key twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                let short: String = key.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("the key {short:?} stands there twice")));
            }
            let Strict(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
