//! Plays that look like answers.
//!
//! Asked for a stream a [`Reel`] sends events, asked for one body it collects
//! the text and sends half or all of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::cue::Cue;
use super::play::End;
use super::play::Framing;
use super::play::Head;
use super::play::Piece;
use super::play::Play;
use super::play::Say;
use super::play::Step;
use super::wire::Finish;
use super::wire::Usage;
use super::wire::Whole;

/// The block that content stands in at present.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Thought,
    Text,
}

/// Makes plays that look like answers.
pub(super) struct Reel<'a> {
    cue: &'a Cue,
    steps: Vec<Step>,
    block: Block,
    /// Number of the block.
    at: usize,
    text: String,
    thought: String,
    finish: Option<Finish>,
    usage: Option<Usage>,
}

impl<'a> Reel<'a> {
    /// An answer that has begun: head, and what comes before content.
    pub(super) fn begin(cue: &'a Cue) -> Reel<'a> {
        Reel::bare(cue).raw(cue.form.wire().opening(&cue.meta))
    }

    /// An answer of which only the head is there.
    pub(super) fn bare(cue: &'a Cue) -> Reel<'a> {
        let mut steps = Vec::new();
        if cue.stream {
            steps.push(stream_head(cue, &[]));
        }
        let (text, thought) = (String::new(), String::new());
        Reel { cue, steps, block: Block::None, at: 0, text, thought, finish: None, usage: None }
    }

    /// Silence.
    pub(super) fn wait(mut self, wait: Duration) -> Reel<'a> {
        if !wait.is_zero() {
            self.steps.push(Step::Wait(wait));
        }
        self
    }

    /// Bytes of the stream as they are; a single body has no place for them.
    pub(super) fn raw(mut self, bytes: impl AsRef<[u8]>) -> Reel<'a> {
        let bytes = bytes.as_ref();
        if self.cue.stream && !bytes.is_empty() {
            self.steps.push(Step::body(bytes.to_vec()));
        }
        self
    }

    /// The same bytes of the stream, again and again; a single body has only their pauses.
    pub(super) fn again(mut self, bytes: impl AsRef<[u8]>, times: u64, pause: Duration) -> Reel<'a> {
        let bytes = if self.cue.stream { bytes.as_ref().to_vec() } else { Vec::new() };
        self.steps.push(Step::Repeat { piece: Piece::Body(bytes.into()), times, pause });
        self
    }

    /// Text in one piece.
    pub(super) fn say(mut self, text: &str) -> Reel<'a> {
        self = self.open(Block::Text);
        self.text += text;
        let piece = self.cue.form.wire().text(&self.cue.meta, self.at, text);
        self.raw(piece)
    }

    /// Text in so many pieces, the last of them `over` after the first.
    pub(super) fn say_over(mut self, text: &Arc<str>, pieces: usize, over: Duration) -> Reel<'a> {
        self = self.open(Block::Text);
        self.text += text;
        if self.cue.stream {
            let (form, meta) = (self.cue.form, self.cue.meta.clone());
            let say = Say { form, meta, at: self.at, text: text.clone(), pieces, over };
            self.steps.push(Step::Say(Box::new(say)));
            return self;
        }
        self.wait(over)
    }

    /// Thinking aloud, in so many pieces of one word.
    pub(super) fn think(mut self, pieces: u64, pause: Duration) -> Reel<'a> {
        self = self.open(Block::Thought);
        self.thought += "hmm ";
        let piece = self.cue.form.wire().thought(&self.cue.meta, self.at, "hmm ");
        self.again(piece, pieces, pause)
    }

    /// Why the model stopped.
    pub(super) fn finish(mut self, finish: Finish) -> Reel<'a> {
        self.finish = Some(finish);
        self
    }

    /// These counts instead of the true ones.
    pub(super) fn usage(mut self, usage: Usage) -> Reel<'a> {
        self.usage = Some(usage);
        self
    }

    /// The reason and the counts as the vendor tells them; whatever is missing is left out.
    pub(super) fn close(mut self) -> Reel<'a> {
        self = self.shut();
        let usage = self.counted();
        let closing = self.cue.form.wire().closing(&self.cue.meta, self.finish, &usage);
        self.raw(closing)
    }

    /// The end mark, after whatever came before.
    pub(super) fn mark(self) -> Reel<'a> {
        let mark = self.cue.form.wire().end_mark();
        self.raw(mark)
    }

    /// The answer is whole: reason, counts, end mark, end of the body.
    pub(super) fn done(self) -> Play {
        self.close().mark().over()
    }

    /// The end of the body, as HTTP wants it.
    pub(super) fn over(mut self) -> Play {
        if !self.cue.stream {
            let body = self.body();
            self.steps.extend([body_head(body.len()), Step::body(body)]);
        }
        self.steps.push(Step::Send(Piece::Over));
        Play { steps: self.steps, end: End::Keep }
    }

    /// The answer breaks off here: a single body after its first half.
    pub(super) fn cut(mut self, end: End) -> Play {
        if !self.cue.stream {
            let mut body = self.body();
            self.steps.push(body_head(body.len()));
            body.truncate(body.len() / 2);
            self.steps.push(Step::body(body));
        }
        if matches!(end, End::Reset | End::GoAway(_) | End::ResetStream(_)) {
            // It overtakes bytes that the client has not read.
            self.steps.push(Step::Wait(Duration::from_millis(30)));
        }
        Play { steps: self.steps, end }
    }

    fn counted(&self) -> Usage {
        self.usage.clone().unwrap_or_else(|| Usage::of(&self.text))
    }

    fn body(&self) -> Vec<u8> {
        let usage = self.counted();
        let whole = Whole { text: &self.text, thought: &self.thought, finish: self.finish, usage: &usage };
        self.cue.form.wire().whole(&self.cue.meta, &whole).to_string().into_bytes()
    }

    fn open(mut self, block: Block) -> Reel<'a> {
        if self.block == block {
            return self;
        }
        self = self.shut();
        self.block = block;
        let wire = self.cue.form.wire();
        let begin = match block {
            Block::Text => wire.begin_text(self.at),
            Block::Thought => wire.begin_thought(self.at),
            Block::None => String::new(),
        };
        self.raw(begin)
    }

    fn shut(mut self) -> Reel<'a> {
        if self.block == Block::None {
            return self;
        }
        let end = self.cue.form.wire().end_block(self.at);
        self.block = Block::None;
        self.at += 1;
        self.raw(end)
    }
}

/// The head of a stream, chunked.
pub(super) fn stream_head(cue: &Cue, more: &[(&str, &str)]) -> Step {
    let headers = [("content-type", cue.form.stream_type()), ("cache-control", "no-cache")];
    let headers = [&headers, more].concat();
    Step::Send(Piece::Head(Head::new(200, &headers, Framing::Chunked)))
}

/// The head of one body of so many bytes.
fn body_head(length: usize) -> Step {
    let headers = [("content-type", "application/json")];
    Step::Send(Piece::Head(Head::new(200, &headers, Framing::Length(length))))
}

/// A clean stream's body, in so many pieces of text and without any framing.
pub(super) fn stream_text(cue: &Cue, pieces: usize) -> String {
    let (wire, meta) = (cue.form.wire(), &cue.meta);
    let mut out = wire.opening(meta) + &wire.begin_text(0);
    for piece in split(&cue.text, pieces) {
        out += &wire.text(meta, 0, piece);
    }
    out += &wire.end_block(0);
    out + &wire.closing(meta, Some(Finish::Stop), &Usage::of(&cue.text)) + &wire.end_mark()
}

/// A clean answer with this text as one body.
pub(super) fn whole_body(cue: &Cue, text: &str) -> Value {
    let (thought, finish, usage) = ("", Some(Finish::Stop), &Usage::of(text));
    cue.form.wire().whole(&cue.meta, &Whole { text, thought, finish, usage })
}

/// The text in so many pieces of about the same length; characters stay whole.
pub(super) fn split(text: &str, pieces: usize) -> impl Iterator<Item = &str> {
    let pieces = pieces.max(1);
    let bound = move |at: usize| {
        let near = text.len() * at / pieces;
        (near..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
    };
    (0..pieces).map(move |at| &text[bound(at)..bound(at + 1)]).filter(|piece| !piece.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_loses_nothing_and_keeps_characters_whole() {
        for text in ["", "a", "Šířka pásu 0,6 m – OK 😀", "one two three"] {
            for pieces in 0..40 {
                assert_eq!(split(text, pieces).collect::<String>(), text, "{pieces}");
            }
        }
        assert_eq!(split("abcdef", 3).collect::<Vec<_>>(), ["ab", "cd", "ef"]);
    }
}
