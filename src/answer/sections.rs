//! Which parts of a JSON answer are complete while it still streams.
//!
//! A scanner, not a parser: it costs a few comparisons a byte, keeps nothing
//! but the name under way, and tells the names of the answer's top-level keys
//! as their values end. What precedes the first `{` (prose, a fence) is
//! skipped. Whether the text is JSON at all is for [`super::read`] to say.

use std::ops::Range;

use serde_json::Map;
use serde_json::Value;

/// Follows the text of one answer.
#[derive(Clone, Debug, Default)]
pub struct Sections {
    depth: usize,
    slot: Slot,
    string: InString,
    /// The key under way between its quotes, escapes as written.
    key: Vec<u8>,
    name: Option<String>,
    seen: usize,
    over: bool,
    /// Bytes read.
    at: usize,
    /// The top-level object up to the end of its last complete value.
    whole: Range<usize>,
}

/// What the scanner stands at inside the top-level object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Slot {
    #[default]
    Key,
    Colon,
    Value,
    Scalar,
    Comma,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum InString {
    #[default]
    No,
    Yes,
    Escaped,
}

impl Sections {
    /// Longer names are not reported.
    pub const MAX_NAME: usize = 256;
    /// More names than this are not reported.
    pub const MAX_NAMES: usize = 256;

    /// Reads on; the names of the sections that this piece completes.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        let mut complete = Vec::new();
        for byte in text.bytes() {
            if self.over {
                break;
            }
            self.byte(byte, &mut complete);
            self.at += 1;
        }
        complete
    }

    /// The sections of `text` that are complete, if it was all that was read and they are JSON.
    pub fn values(&self, text: &str) -> Option<Map<String, Value>> {
        let whole = text.get(self.whole.clone()).filter(|whole| !whole.is_empty())?;
        let values = serde_json::from_str(&format!("{whole}}}")).ok();
        values.filter(|values: &Map<String, Value>| !values.is_empty())
    }

    fn byte(&mut self, byte: u8, complete: &mut Vec<String>) {
        if self.string != InString::No {
            return self.string_byte(byte, complete);
        }
        match byte {
            b'"' if self.depth > 0 => self.string = InString::Yes,
            b'{' if self.depth == 0 => {
                self.depth = 1;
                self.whole = self.at..self.at;
            }
            b'{' | b'[' if self.depth > 0 => self.depth += 1,
            b'}' | b']' if self.depth > 1 => {
                self.depth -= 1;
                if self.depth == 1 {
                    self.value_ends(self.at + 1, complete);
                }
            }
            b'}' if self.depth == 1 => self.object_ends(complete),
            b',' if self.depth == 1 => {
                if self.slot == Slot::Scalar {
                    self.value_ends(self.at, complete);
                }
                self.slot = Slot::Key;
            }
            b':' if self.depth == 1 && self.slot == Slot::Colon => self.slot = Slot::Value,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ if self.depth == 1 && self.slot == Slot::Value => self.slot = Slot::Scalar,
            _ => {}
        }
    }

    fn string_byte(&mut self, byte: u8, complete: &mut Vec<String>) {
        match (self.string, byte) {
            (InString::Yes, b'"') => {
                self.string = InString::No;
                match self.slot {
                    Slot::Key if self.depth == 1 => self.key_ends(),
                    Slot::Value if self.depth == 1 => self.value_ends(self.at + 1, complete),
                    _ => {}
                }
                return;
            }
            (InString::Yes, b'\\') => self.string = InString::Escaped,
            _ => self.string = InString::Yes,
        }
        if self.depth == 1 && self.slot == Slot::Key && self.key.len() <= Sections::MAX_NAME {
            self.key.push(byte);
        }
    }

    fn key_ends(&mut self) {
        let key = std::mem::take(&mut self.key);
        let fits = key.len() <= Sections::MAX_NAME;
        let quoted = [b"\"", key.as_slice(), b"\""].concat();
        self.name = if fits { serde_json::from_slice(&quoted).ok() } else { None };
        self.slot = Slot::Colon;
    }

    fn value_ends(&mut self, at: usize, complete: &mut Vec<String>) {
        self.slot = Slot::Comma;
        self.whole.end = at;
        if let Some(name) = self.name.take()
            && self.seen < Sections::MAX_NAMES
        {
            self.seen += 1;
            complete.push(name);
        }
    }

    fn object_ends(&mut self, complete: &mut Vec<String>) {
        if self.slot == Slot::Scalar {
            self.value_ends(self.at, complete);
        }
        // Braces in the prose before the answer, as in "fill {x} in", hold no section.
        self.over = self.seen > 0;
        self.depth = 0;
        self.slot = Slot::Key;
        self.name = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What JSON and prose are made of.
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        ":",
        ",",
        " ",
        "\n",
        "a",
        "\"a\"",
        "\"b\":",
        "1",
        "null",
        "\\u00e9",
        "\\ud800",
        "ř",
        "😀",
        "\0",
        "```json\n",
        "{\"a\":1,",
        "[[{",
    ];

    const CASES: &[(&str, &[&str])] = &[
        (r#"{"a":1,"b":"x","c":[1,{"d":2}],"e":{}}"#, &["a", "b", "c", "e"]),
        (r#"{"a":1"#, &[]),
        (r#"{"a":"unfinished"#, &[]),
        (r#"{"a":"x","b":[1,2"#, &["a"]),
        (r#"{"q\"k\u00e9":"a \" , \\","b":"}{"}"#, &["q\"ké", "b"]),
        (r#"{ "risks" : { "a" : [ ] } , "b" : null }"#, &["risks", "b"]),
        ("Here {it} is:\n```json\n{\"a\": true}\n```\nand {\"b\":1}", &["a"]),
        (r#"{"ř":"čaj","漢":"字😀"}"#, &["ř", "漢"]),
        ("no json at all, \"not even\" here", &[]),
        ("", &[]),
        ("}}]]{\"a\":1}", &["a"]),
    ];

    #[test]
    fn complete_sections_are_named_however_the_text_is_cut() {
        for (text, names) in CASES {
            assert_eq!(&Sections::default().push(text), names, "{text}");
            for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let mut sections = Sections::default();
                let mut told = sections.push(&text[..at]);
                told.extend(sections.push(&text[at..]));
                assert_eq!(&told, names, "{text} cut at {at}");
            }
        }
    }

    #[test]
    fn the_complete_sections_of_a_cut_answer_can_be_read() {
        let answer = r#"Here {it} is: {"a": {"b": [1, "}"]}, "n": 12, "t": "x\"y", "ok": true}"#;
        let cuts = [
            (r#""n""#, Some(r#"{"a":{"b":[1,"}"]}}"#)),
            (r#"2, "t""#, Some(r#"{"a":{"b":[1,"}"]}}"#)),
            (r#" "t""#, Some(r#"{"a":{"b":[1,"}"]},"n":12}"#)),
            (r#"ue}"#, Some(r#"{"a":{"b":[1,"}"]},"n":12,"t":"x\"y"}"#)),
            (r#""]}, "n""#, None),
            ("it}", None),
        ];
        let read = |text: &str| {
            let mut sections = Sections::default();
            text.split_inclusive(' ').for_each(|piece| drop(sections.push(piece)));
            sections.values(text).map(|values| Value::Object(values).to_string())
        };
        for (mark, values) in cuts {
            let cut = answer.split_once(mark).unwrap().0;
            assert_eq!(read(cut).as_deref(), values, "{cut}");
        }
        assert_eq!(read(answer).unwrap(), r#"{"a":{"b":[1,"}"]},"n":12,"t":"x\"y","ok":true}"#);
        assert_eq!(read(r#"{"a": nonsense, "b": 1"#), None);
    }

    #[test]
    fn a_section_is_told_with_the_byte_that_ends_it() {
        let mut sections = Sections::default();
        assert_eq!(sections.push(r#"{"a":"x"#), [""; 0]);
        assert_eq!(sections.push(r#"""#), ["a"]);
        assert_eq!(sections.push(r#","n":12"#), [""; 0]);
        assert_eq!(sections.push(","), ["n"]);
    }

    #[test]
    fn names_are_bounded_in_length_and_number() {
        let long = format!("{{\"{}\":1,\"b\":2}}", "x".repeat(100_000));
        assert_eq!(Sections::default().push(&long), ["b"]);
        let many: String = (0..1000).map(|n| format!("\"k{n}\":1,")).collect();
        assert_eq!(Sections::default().push(&format!("{{{many}")).len(), Sections::MAX_NAMES);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_cut_matters(
            pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40),
            at in any::<prop::sample::Index>(),
        ) {
            let text = pieces.concat();
            let at = text.floor_char_boundary(at.index(text.len() + 1));
            let (mut whole, mut cut) = (Sections::default(), Sections::default());
            let names = whole.push(&text);
            prop_assert_eq!(&names, &[cut.push(&text[..at]), cut.push(&text[at..])].concat());
            let values = whole.values(&text);
            prop_assert_eq!(&values, &cut.values(&text));
            // What can be read was told.
            prop_assert!(values.iter().flat_map(|values| values.keys()).all(|name| names.contains(name)));
        }
    }
}
