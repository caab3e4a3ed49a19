//! Reads Server-Sent Events from bytes that arrive in any pieces.
//!
//! Follows the HTML standard ("interpreting an event stream"), with caps and
//! without I/O: bytes in, items out, the same items however the bytes are cut.
//! An event that its blank line does not end is not an event. `id` and `retry`
//! are of no use here and are skipped.

use std::collections::VecDeque;

/// What a stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event with its name (empty for an ordinary message) and its data.
    Event {
        /// The `event` field.
        name: String,
        /// The `data` fields, joined by line feeds.
        data: String,
    },
    /// A comment line: the sender lives.
    Comment,
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A line or an event passes [`Reader::MAX`].
    #[error("a line or an event is longer than 1 MiB")]
    TooLong,
    /// A field is not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
}

/// The state of one stream.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    name: String,
    /// Data of the event under way; a line feed precedes every line but the first.
    data: Option<String>,
    begun: bool,
    after_cr: bool,
}

const BOM: &[u8] = "\u{feff}".as_bytes();

impl Reader {
    /// Longest line and longest event, in bytes.
    pub const MAX: usize = 1024 * 1024;

    /// Reads on and appends what became whole. After a failure the stream is of no use.
    pub fn push(&mut self, mut bytes: &[u8], items: &mut VecDeque<Item>) -> Result<(), Unreadable> {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend(&bytes[..end])?;
            self.line_ends(items)?;
            let rest = &bytes[end + 1..];
            // A lone CR ends a line at once; whether an LF belongs to it shows later.
            bytes = match (bytes[end], rest.first()) {
                (b'\r', Some(b'\n')) => &rest[1..],
                (b'\r', None) => {
                    self.after_cr = true;
                    rest
                }
                _ => rest,
            };
        }
        self.extend(bytes)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        if self.line.len() + bytes.len() > Reader::MAX {
            return Err(Unreadable::TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn line_ends(&mut self, items: &mut VecDeque<Item>) -> Result<(), Unreadable> {
        let line = std::mem::take(&mut self.line);
        // Only the stream's first line may carry a byte order mark.
        let later = std::mem::replace(&mut self.begun, true);
        let content = if later { &line } else { line.strip_prefix(BOM).unwrap_or(&line) };
        let result = self.field(content, items);
        self.line = line;
        self.line.clear();
        result
    }

    fn field(&mut self, line: &[u8], items: &mut VecDeque<Item>) -> Result<(), Unreadable> {
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            _ if line.is_empty() => {
                self.dispatch(items);
                return Ok(());
            }
            Some(0) => {
                items.push_back(Item::Comment);
                return Ok(());
            }
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &line[line.len()..]),
        };
        match field {
            b"data" => self.append(text(value)?),
            b"event" => {
                self.name = text(value)?.to_owned();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn append(&mut self, value: &str) -> Result<(), Unreadable> {
        let Some(data) = &mut self.data else {
            self.data = Some(value.to_owned());
            return Ok(());
        };
        if data.len() + 1 + value.len() > Reader::MAX {
            return Err(Unreadable::TooLong);
        }
        data.push('\n');
        data.push_str(value);
        Ok(())
    }

    fn dispatch(&mut self, items: &mut VecDeque<Item>) {
        let name = std::mem::take(&mut self.name);
        if let Some(data) = self.data.take() {
            items.push_back(Item::Event { name, data });
        }
    }
}

fn text(value: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(value).map_err(|_| Unreadable::NotUtf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<Item>, Unreadable> {
        let mut reader = Reader::default();
        let mut items = VecDeque::new();
        for piece in pieces {
            reader.push(piece, &mut items)?;
        }
        Ok(items.into())
    }

    fn event(name: &str, data: &str) -> Item {
        Item::Event { name: name.into(), data: data.into() }
    }

    fn cases() -> Vec<(&'static str, Vec<Item>)> {
        let message = |data| event("", data);
        vec![
            ("data: a\n\n", vec![message("a")]),
            ("data: a\r\n\r\n", vec![message("a")]),
            ("data: a\r\r", vec![message("a")]),
            ("data: a\r\n\ndata: b\n\r\n", vec![message("a"), message("b")]),
            ("\u{feff}data: a\n\n", vec![message("a")]),
            ("\u{feff}\u{feff}data: a\n\n", vec![]),
            ("data: a\n\n\u{feff}data: b\n\n", vec![message("a")]),
            ("data:a\ndata: b\ndata:  c\n\n", vec![message("a\nb\n c")]),
            ("data\n\ndata\ndata\n\ndata:", vec![message(""), message("\n")]),
            (": ping\n\n:\ndata: a\n\n", vec![Item::Comment, Item::Comment, message("a")]),
            ("event: error\ndata: x\n\ndata: y\n\n", vec![event("error", "x"), message("y")]),
            ("event: lost\n\ndata: y\n\n", vec![message("y")]),
            ("id: 1\nretry: 50\nnonsense: x\nnonsense\ndata: a\n\n", vec![message("a")]),
            ("data: Příčka 漢字 😀\n\n", vec![message("Příčka 漢字 😀")]),
            (
                "data: {\"a\":\"b: c\"}\n\ndata: [DONE]\n\n",
                vec![message("{\"a\":\"b: c\"}"), message("[DONE]")],
            ),
            ("data: cut", vec![]),
            ("data: a\n\ndata: no blank line\n", vec![message("a")]),
            ("Data: a\ndata : b\n\n", vec![]),
            ("", vec![]),
            ("\n\n\r\n\r", vec![]),
        ]
    }

    #[test]
    fn every_split_gives_the_same_items() {
        for (text, items) in cases() {
            let bytes = text.as_bytes();
            assert_eq!(read(&[bytes]).unwrap(), items, "{text:?}");
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read(&single).unwrap(), items, "{text:?} byte by byte");
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    assert_eq!(read(&pieces).unwrap(), items, "{text:?} cut at {first} and {second}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_no_cut_matters(
            bytes in prop::collection::vec(prop::sample::select(b"data: \r\n\xef\xbb\xbfx\xff".to_vec()), 0..60),
            at in 0usize..60,
        ) {
            let at = at.min(bytes.len());
            prop_assert_eq!(read(&[&bytes]), read(&[&bytes[..at], &bytes[at..]]));
        }
    }

    #[test]
    fn long_lines_and_long_events_are_refused() {
        let line = [b"data: ".as_slice(), &vec![b'x'; Reader::MAX]].concat();
        assert_eq!(read(&[&line]), Err(Unreadable::TooLong));
        let short = [b"data: ".as_slice(), &vec![b'x'; 600_000], b"\n"].concat();
        assert_eq!(read(&[&short, &short]), Err(Unreadable::TooLong));
        assert_eq!(read(&[&short, b"\n", &short, b"\n"]).unwrap().len(), 2);
    }

    #[test]
    fn broken_utf8_is_refused_where_it_matters() {
        assert_eq!(read(&[b"data: \xff\n"]), Err(Unreadable::NotUtf8));
        assert_eq!(read(&[b"event: \xc3\n"]), Err(Unreadable::NotUtf8));
        assert_eq!(read(&[b": \xff\n"]), Ok(vec![Item::Comment]));
    }
}
