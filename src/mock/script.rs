//! Scripts of a person's own: what a model does, attempt by attempt, from a TOML file.
//!
//! An attempt is a model of the catalogue, or written out: status, headers,
//! pieces of the body with pauses, and how it closes. All faults are told at
//! once. After the last attempt the last is played again.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use toml::de::DeValue;

use super::model::Behaviour;
use super::play::End;
use super::play::Framing;
use super::play::Head;
use super::play::Piece;
use super::play::Play;
use super::play::Step;
use crate::fault::Fault;
use crate::fault::Faults;
use crate::fault::Source;
use crate::fault::reader::Reader;

/// What models do, by their names.
#[derive(Clone, Debug, Default)]
pub struct Script(HashMap<String, Vec<Turn>>);

/// What one attempt is answered.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// As this model of the catalogue.
    Like(Box<Behaviour>),
    /// As written out.
    Written(Written),
}

/// An answer that is written out.
#[derive(Clone, Debug)]
pub(super) struct Written {
    status: u16,
    headers: Vec<(String, String)>,
    frame: Frame,
    pieces: Vec<Part>,
    end: End,
}

#[derive(Clone, Debug)]
enum Part {
    Bytes(Bytes),
    Wait(Duration),
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// In chunks.
    Chunked,
    /// By its length.
    Length,
    /// By the end of the connection.
    None,
    /// The pieces hold the head as well.
    Raw,
}

impl Script {
    /// Reads a script; `file` is its name for people.
    pub fn parse(file: &str, text: &str) -> Result<Script, Vec<Fault>> {
        let source = Source { file: file.to_owned(), text: text.to_owned() };
        let faults = Faults::default();
        let script = Reader::open(&source, &faults).map(read);
        let faults = faults.into_vec();
        match script {
            Some(script) if faults.is_empty() => Ok(script),
            _ => Err(faults),
        }
    }

    /// What a model does at this attempt, from 1.
    pub(super) fn turn(&self, model: &str, attempt: u64) -> Option<&Turn> {
        let turns = self.0.get(model)?;
        let at = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        turns.get(at).or(turns.last())
    }
}

fn read(mut top: Reader<'_>) -> Script {
    let mut script = Script::default();
    top.require(&["models"]);
    if let Some(mut models) = top.take_table("models") {
        for name in models.keys() {
            let Some(mut model) = models.take_table(name.get_ref()) else { continue };
            model.require(&["attempts"]);
            let turns = attempts(&mut model);
            model.finish();
            script.0.insert(name.into_inner(), turns);
        }
    }
    top.finish();
    script
}

fn attempts(model: &mut Reader<'_>) -> Vec<Turn> {
    let Some(value) = model.take("attempts") else { return Vec::new() };
    let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
        model.expected(&value, "a list of attempts");
        return Vec::new();
    };
    let turn = |item: &toml::Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(name) => match Behaviour::find(name) {
            // How often is said by the script, not by the name.
            Ok(found) => Some(Turn::Like(Box::new(found.every_time()))),
            Err(message) => {
                model.fault(item.span(), message);
                None
            }
        },
        DeValue::Table(_) => Some(Turn::Written(written(model.table("attempts", item.clone())?))),
        _ => {
            model.expected(item, "a model of the catalogue, or a table");
            None
        }
    };
    list.iter().filter_map(turn).collect()
}

fn written(mut table: Reader<'_>) -> Written {
    let status = table.take_count("status").map(|status| (status.span(), status.into_inner()));
    let status = match status {
        Some((span, number)) => {
            u16::try_from(number).ok().filter(|status| (100..=999).contains(status)).unwrap_or_else(|| {
                table.fault(span, "a status has three digits");
                200
            })
        }
        None => 200,
    };
    let headers = headers(&mut table);
    let frames =
        [("chunked", Frame::Chunked), ("length", Frame::Length), ("none", Frame::None), ("raw", Frame::Raw)];
    let frame = table.take_word("framing", &frames).map_or(Frame::Chunked, toml::Spanned::into_inner);
    let ends = [("keep", End::Keep), ("fin", End::Fin), ("reset", End::Reset), ("stay", End::Stay)];
    let end = table.take_word("close", &ends).map(toml::Spanned::into_inner);
    let by_close = matches!(frame, Frame::None | Frame::Raw);
    let end = end.unwrap_or(if by_close { End::Fin } else { End::Keep });
    let pieces = pieces(&mut table);
    table.finish();
    Written { status, headers, frame, pieces, end }
}

fn headers(table: &mut Reader<'_>) -> Vec<(String, String)> {
    let Some(mut headers) = table.take_table("headers") else {
        return vec![("content-type".into(), "text/event-stream".into())];
    };
    let names = headers.keys();
    let value = |name: toml::Spanned<String>| {
        let value = headers.take_text(name.get_ref())?;
        Some((name.into_inner(), value.into_inner()))
    };
    names.into_iter().filter_map(value).collect()
}

fn pieces(table: &mut Reader<'_>) -> Vec<Part> {
    let Some(value) = table.take("body") else { return Vec::new() };
    let Some(list) = value.get_ref().as_array() else {
        table.expected(&value, "a list of texts and pauses");
        return Vec::new();
    };
    let piece = |item: &toml::Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(text) => Some(Part::Bytes(Bytes::from(text.to_string()))),
        DeValue::Table(_) => {
            let mut piece = table.table("body", item.clone())?;
            let wait = piece.take_duration("wait").map(|wait| Part::Wait(wait.into_inner()));
            let bytes = piece.take_text("hex").and_then(|text| {
                let bytes = unhex(text.get_ref());
                if bytes.is_none() {
                    piece.fault(text.span(), "expected bytes in hex, such as \"ff fe\"");
                }
                bytes.map(|bytes| Part::Bytes(bytes.into()))
            });
            piece.finish();
            wait.or(bytes)
        }
        _ => {
            table.expected(item, "a text, { wait = \"1s\" } or { hex = \"ff\" }");
            None
        }
    };
    list.iter().filter_map(piece).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    let whole = pairs.remainder().is_empty();
    whole.then(|| pairs.map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

impl Written {
    /// As a play.
    pub(super) fn play(&self) -> Play {
        let mut steps = Vec::new();
        if let Some(framing) = self.framing() {
            let mut headers = self.headers.clone();
            if framing == Framing::None {
                headers.push(("connection".into(), "close".into()));
            }
            steps.push(Step::Send(Piece::Head(Head { status: self.status, headers, framing })));
        }
        steps.extend(self.pieces.iter().map(|part| match part {
            Part::Wait(time) => Step::Wait(*time),
            Part::Bytes(bytes) if self.frame == Frame::Raw => Step::raw(bytes.clone()),
            Part::Bytes(bytes) => Step::body(bytes.clone()),
        }));
        match (self.frame, self.end) {
            (_, End::Reset) => steps.push(Step::Wait(Duration::from_millis(30))),
            // A reset or a silence is to cut the body off; all else ends it as HTTP wants.
            (Frame::Chunked | Frame::Length | Frame::None, End::Keep | End::Fin) => {
                steps.push(Step::Send(Piece::Over));
            }
            _ => {}
        }
        Play { steps, end: self.end }
    }

    /// How its body is framed; none if the pieces hold the head as well.
    fn framing(&self) -> Option<Framing> {
        let length = |part: &Part| match part {
            Part::Bytes(bytes) => bytes.len(),
            Part::Wait(_) => 0,
        };
        match self.frame {
            Frame::Chunked => Some(Framing::Chunked),
            Frame::Length => Some(Framing::Length(self.pieces.iter().map(length).sum())),
            Frame::None => Some(Framing::None),
            Frame::Raw => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_and_its_last_attempt_repeats() {
        let text = r#"
            [models.mine]
            attempts = ["u10-reset", { status = 503, headers = { retry-after = "1" }, framing = "length", body = ["no"] }]
            [models."a/b"]
            attempts = [{ body = ["data: x\n\n", { wait = "1s" }, { hex = "ff fe" }], close = "reset" }]
        "#;
        let script = Script::parse("lab.toml", text).unwrap();
        assert!(matches!(script.turn("mine", 1), Some(Turn::Like(found)) if found.row == 10));
        for attempt in [2, 3, 99] {
            let Some(Turn::Written(written)) = script.turn("mine", attempt) else { panic!("{attempt}") };
            let play = written.play();
            let Step::Send(Piece::Head(head)) = &play.steps[0] else { panic!() };
            assert_eq!((head.status, head.framing), (503, Framing::Length(2)));
            assert_eq!(head.headers, [("retry-after".to_owned(), "1".to_owned())]);
        }
        let Some(Turn::Written(written)) = script.turn("a/b", 1) else { panic!() };
        assert_eq!((written.pieces.len(), written.play().end), (3, End::Reset));
        assert!(script.turn("other", 1).is_none());
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = "[models.a]\nattempts = [\"u25-rest\", { status = 42 }, { body = [1, {}] , colour = 1 }, 3]\n\
            [models.b]\n[models.c]\nattempts = []\n[modles]\n";
        let faults = Script::parse("lab.toml", text).unwrap_err();
        let lines: Vec<_> = faults.iter().map(|fault| (fault.line(), fault.message.as_str())).collect();
        assert!(lines.iter().any(|(line, message)| *line == 2 && message.contains("u25-rest")), "{lines:?}");
        assert!(lines.iter().any(|(_, message)| message.contains("three digits")), "{lines:?}");
        assert!(lines.iter().any(|(_, message)| message.contains("colour")), "{lines:?}");
        assert!(lines.iter().any(|(_, message)| message.contains("missing key \"attempts\"")), "{lines:?}");
        assert!(lines.iter().any(|(_, message)| message.contains("modles")), "{lines:?}");
        assert!(lines.len() >= 7, "{lines:?}");
    }

    #[test]
    fn hex_is_pairs() {
        assert_eq!(unhex("ff 0a"), Some(vec![255, 10]));
        assert_eq!(unhex("f"), None);
        assert_eq!(unhex("xx"), None);
    }
}
