//! What the lab does with one request: steps, and an end.
//!
//! A [`Play`] is a value; performing it is the business of `perform`. A
//! [`Reel`] makes plays that look like answers: asked for a stream it sends
//! events, asked for one body it collects the text and sends half or all of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::cue::Cue;
use super::wire::Finish;
use super::wire::Form;
use super::wire::Meta;
use super::wire::Usage;
use super::wire::Whole;

/// What happens on one connection, from a request to the next or to the end.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

/// One thing that happens.
#[derive(Debug)]
pub(super) enum Step {
    /// These bytes go out.
    Send(Bytes),
    /// Nothing happens.
    Wait(Duration),
    /// The same bytes again and again, with a pause after each time.
    Repeat { bytes: Bytes, times: u64, pause: Duration },
    /// A text, each piece of it rendered when its time has come.
    Say(Box<Say>),
}

/// A text told in pieces.
#[derive(Debug)]
pub(super) struct Say {
    pub(super) form: Form,
    pub(super) meta: Arc<Meta>,
    /// The block it stands in.
    pub(super) at: usize,
    pub(super) text: Arc<str>,
    pub(super) pieces: usize,
    pub(super) over: Duration,
}

/// How a play ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The connection waits for the next request.
    Keep,
    /// It waits so long, and is then closed.
    KeepFor(Duration),
    /// It is closed with a FIN.
    Fin,
    /// It is closed with a RST.
    Reset,
    /// It stays open and silent until the client leaves.
    Stay,
}

impl Play {
    /// Only an end.
    pub(super) fn end(end: End) -> Play {
        Play { steps: Vec::new(), end }
    }

    /// These bytes as they are, and an end.
    pub(super) fn raw(bytes: impl Into<Bytes>, end: End) -> Play {
        Play { steps: vec![Step::Send(bytes.into())], end }
    }

    /// A status with headers and a body of its true length.
    pub(super) fn status(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Play {
        let length = body.len().to_string();
        let mut all = headers.to_vec();
        if !matches!(status, 100..=199 | 204 | 304) {
            all.push(("content-length", &length));
        }
        Play::raw([head(status, &all).as_slice(), body].concat(), End::Keep)
    }

    /// A JSON body under a status.
    pub(super) fn json(status: u16, headers: &[(&str, &str)], body: &Value) -> Play {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        Play::status(status, &all, body.to_string().as_bytes())
    }

    /// The same play after a silence.
    pub(super) fn after(mut self, wait: Duration) -> Play {
        self.steps.insert(0, Step::Wait(wait));
        self
    }

    /// The same play with another end.
    pub(super) fn then(self, end: End) -> Play {
        Play { end, ..self }
    }
}

/// The head of an answer.
pub(super) fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} {}\r\naccess-control-allow-origin: *\r\n", reason(status));
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    head.into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Lab",
    }
}

/// One chunk of a chunked body; nothing for no bytes, since an empty chunk ends the body.
pub(super) fn chunk(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// The end of a chunked body.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

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
            steps.push(Step::Send(stream_head(cue, &[]).into()));
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
        let chunk = chunk(bytes.as_ref());
        if self.cue.stream && !chunk.is_empty() {
            self.steps.push(Step::Send(chunk.into()));
        }
        self
    }

    /// The same bytes of the stream, again and again; a single body has only their pauses.
    pub(super) fn again(mut self, bytes: impl AsRef<[u8]>, times: u64, pause: Duration) -> Reel<'a> {
        let bytes = if self.cue.stream { chunk(bytes.as_ref()) } else { Vec::new() };
        self.steps.push(Step::Repeat { bytes: bytes.into(), times, pause });
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
        match self.cue.stream {
            true => self.steps.push(Step::Send(LAST_CHUNK.into())),
            false => {
                let body = self.body();
                self.steps.push(Step::Send([body_head(&body), body].concat().into()));
            }
        }
        Play { steps: self.steps, end: End::Keep }
    }

    /// The answer breaks off here: a single body after its first half.
    pub(super) fn cut(mut self, end: End) -> Play {
        if !self.cue.stream {
            let body = self.body();
            let half = &body[..body.len() / 2];
            self.steps.push(Step::Send([body_head(&body).as_slice(), half].concat().into()));
        }
        if end == End::Reset {
            // A reset overtakes bytes that the client has not read.
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
pub(super) fn stream_head(cue: &Cue, more: &[(&str, &str)]) -> Vec<u8> {
    let mut headers = vec![("content-type", cue.form.stream_type()), ("cache-control", "no-cache")];
    headers.extend(more);
    headers.push(("transfer-encoding", "chunked"));
    head(200, &headers)
}

fn body_head(body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    head(200, &[("content-type", "application/json"), ("content-length", &length)])
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

    #[test]
    fn chunks_have_their_length_in_hex() {
        assert_eq!(chunk(b"0123456789abcdef"), b"10\r\n0123456789abcdef\r\n");
        assert_eq!(chunk(b""), b"");
    }
}
