//! From the bytes of an answer to chunks; knows no network and no clock.
//!
//! Lenient in what it reads (a stream or one JSON body, whatever was asked;
//! fields it does not know; counts that make no sense) and strict about the
//! end: without an end mark an answer is cut, without text it is empty, and a
//! part that cannot be read is never skipped, since it might have held words.
//! What a part says is the vendor's [`Dialect`].

use std::collections::VecDeque;

use serde_json::Value;

use super::refusal::Refusal;
use super::sse;
use super::sse::Item;
use crate::event::Usage;
use crate::provider::Chunk;
use crate::provider::Finish;
use crate::provider::Strange;

/// How a vendor's answers are read.
pub trait Dialect: Default + Send + 'static {
    /// Whether a stream is whole only with its end mark, even where the reason is known.
    const NEEDS_END_MARK: bool = false;

    /// Whether this data, which is no JSON, is the end mark.
    fn is_end_mark(data: &str) -> bool {
        let _ = data;
        false
    }

    /// One event of a stream, or the body of an answer that does not stream; an object without an error.
    fn read(&mut self, part: &Value, told: &mut Told);
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// An error object where an answer was promised.
    Refused(Refusal),
    /// The model or a filter declined, with what it said.
    Declined(String),
    /// Not what the protocol promises, and why.
    Unreadable(String),
    /// The stream ended without its end mark.
    Cut,
    /// No text.
    Empty {
        /// Whether the token limit was used up before the first word.
        at_limit: bool,
    },
    /// A tool was called and nothing was said.
    ToolCall,
    /// One body larger than 16 MiB.
    TooLarge,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was done.
    Stop,
    /// The token limit.
    Length,
    /// It, or a filter, declined.
    Declined,
    /// Something broke.
    Failed,
    /// A reason that is not known here.
    Other,
}

/// What an answer has told so far.
#[derive(Default)]
pub struct Told {
    chunks: Vec<Chunk>,
    /// Whether the part that is being read brought anything but counts.
    spoke: bool,
    /// Whether it brought text.
    wrote: bool,
    has_text: bool,
    called_tool: bool,
    strange: Strange,
    /// Pieces of text so far.
    pieces: u64,
    /// Whether anything but comments came.
    has_events: bool,
    reason: Option<Reason>,
    /// What was said instead of an answer.
    words: String,
    usage: Option<Usage>,
    is_done: bool,
}

impl Told {
    /// Most of a refusal's own words that are kept.
    const MAX_WORDS: usize = 2048;
    /// Counts of tokens beyond this are nonsense.
    const MAX_TOKENS: u64 = 1_000_000_000;

    /// Text of the answer.
    pub fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        (self.spoke, self.wrote) = (true, true);
        self.has_text |= !text.trim().is_empty();
        match self.chunks.last_mut() {
            Some(Chunk::Text(before)) => before.push_str(text),
            _ => self.chunks.push(Chunk::Text(text.to_owned())),
        }
    }

    /// The model thinks.
    pub fn thinks(&mut self) {
        self.spoke = true;
        if self.chunks.last() != Some(&Chunk::Reasoning) {
            self.chunks.push(Chunk::Reasoning);
        }
    }

    /// The model calls a tool; none was offered, so that is no answer, and no harm beside one.
    pub fn calls_tool(&mut self) {
        self.called_tool = true;
    }

    /// A part of another answer than the first; it is passed over.
    pub fn passes_over(&mut self) {
        self.strange.others += 1;
    }

    /// Why the model stopped; the last word counts.
    pub fn stops(&mut self, reason: Reason) {
        self.reason = Some(reason);
    }

    /// Words that stand instead of an answer: a refusal, or what broke.
    pub fn says(&mut self, words: &str) {
        if self.words.len() < Told::MAX_WORDS {
            self.words.push_str(words);
        }
    }

    /// What was counted; counts are running totals, so the last ones count.
    pub fn counts(&mut self, input: Option<u64>, output: Option<u64>) {
        if let (Some(input_tokens), Some(output_tokens)) = (input, output) {
            let total_tokens = input_tokens + output_tokens;
            self.usage = Some(Usage { input_tokens, output_tokens, total_tokens, estimated: false });
        }
    }

    /// A count of tokens, if it is one.
    pub fn count(value: &Value, key: &str) -> Option<u64> {
        value.get(key)?.as_u64().filter(|tokens| *tokens <= Told::MAX_TOKENS)
    }

    /// The end mark: nothing after it counts.
    pub fn ends(&mut self) {
        self.is_done = true;
    }

    fn lives(&mut self) {
        if self.chunks.last() != Some(&Chunk::Alive) {
            self.chunks.push(Chunk::Alive);
        }
    }
}

/// The state of one answer.
#[derive(Default)]
pub struct Reading<D: Dialect> {
    body: Body,
    items: VecDeque<Item>,
    dialect: D,
    told: Told,
    /// The event that brought text last.
    last_piece: String,
}

/// What the body is, told by its first byte: servers' content types are not to be relied on.
enum Body {
    Blank(Vec<u8>),
    Stream(sse::Reader),
    Json(Vec<u8>),
}

impl Default for Body {
    fn default() -> Body {
        Body::Blank(Vec::new())
    }
}

impl<D: Dialect> Reading<D> {
    /// Largest JSON body of an answer that does not stream.
    const MAX_BODY: usize = 16 * 1024 * 1024;
    /// Fewer pieces that came twice say nothing.
    const MANY: u64 = 3;
    /// Longest blank beginning of a body.
    const MAX_BLANK: usize = 64 * 1024;

    /// Reads on. Chunks that came before a trouble can still be taken.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        match &mut self.body {
            Body::Blank(blank) => {
                blank.extend_from_slice(bytes);
                let Some(start) = blank.iter().position(|byte| !b" \t\r\n\xef\xbb\xbf".contains(byte)) else {
                    let sane = blank.len() <= Self::MAX_BLANK;
                    return if sane { Ok(()) } else { Err(Trouble::Unreadable("it begins blank".into())) };
                };
                let mut begun = std::mem::take(blank);
                self.body = match begun[start] {
                    b'{' | b'[' => {
                        begun.drain(..start);
                        Body::Json(Vec::new())
                    }
                    b'<' => return Err(Trouble::Unreadable("it is a web page".into())),
                    _ => Body::Stream(sse::Reader::default()),
                };
                self.push(&begun)
            }
            Body::Json(body) => {
                if body.len() + bytes.len() > Self::MAX_BODY {
                    return Err(Trouble::TooLarge);
                }
                body.extend_from_slice(bytes);
                Ok(())
            }
            Body::Stream(reader) => {
                let read = reader.push(bytes, &mut self.items);
                while !self.told.is_done
                    && let Some(item) = self.items.pop_front()
                {
                    self.item(item)?;
                }
                // What follows the end mark is nobody's business.
                if self.told.is_done {
                    Ok(())
                } else {
                    read.map_err(|why| Trouble::Unreadable(why.to_string()))
                }
            }
        }
    }

    /// What became readable since the last time.
    pub fn take_chunks(&mut self) -> Vec<Chunk> {
        std::mem::take(&mut self.told.chunks)
    }

    /// Whether the end mark was read; nothing after it counts.
    pub fn is_done(&self) -> bool {
        self.told.is_done
    }

    /// Whether the model is done, so that only counts and the end mark can follow.
    pub fn is_finished(&self) -> bool {
        self.told.reason.is_some()
    }

    /// What was strange about it, if anything was.
    pub fn strange(&self) -> Option<Strange> {
        let Strange { others, twice } = self.told.strange;
        // Models repeat a word now and then; a server that doubles its events doubles them all.
        let doubled = twice >= Self::MANY && twice * 3 >= self.told.pieces;
        let strange = Strange { others, twice: if doubled { twice } else { 0 } };
        Some(strange).filter(|strange| *strange != Strange::default())
    }

    /// What was counted so far; once.
    pub fn take_usage(&mut self) -> Option<Usage> {
        self.told.usage.take()
    }

    /// The body is over.
    pub fn end(&mut self) -> Result<Finish, Trouble> {
        if let Body::Json(body) = &mut self.body {
            let body = std::mem::take(body);
            let value: Value = serde_json::from_slice(&body).map_err(|error| {
                // Cut in the middle is another matter than wrong.
                if error.is_eof() { Trouble::Cut } else { Trouble::Unreadable("it is not JSON".into()) }
            })?;
            // Where events are asked for and none are spoken, a list holds what they would have said.
            match value.as_array() {
                Some(parts) => parts.iter().try_for_each(|part| self.part(part))?,
                None => self.part(&value)?,
            }
            self.told.is_done = true;
        }
        self.finish()
    }

    fn finish(&mut self) -> Result<Finish, Trouble> {
        let told = &mut self.told;
        let words = std::mem::take(&mut told.words);
        match told.reason {
            Some(Reason::Declined) => return Err(Trouble::Declined(words)),
            Some(Reason::Failed) => return Err(Trouble::Refused(Refusal::from_text(&words))),
            _ if !words.is_empty() && !told.has_text => return Err(Trouble::Declined(words)),
            reason if !told.is_done && told.has_events && (D::NEEDS_END_MARK || reason.is_none()) => {
                return Err(Trouble::Cut);
            }
            _ if !told.has_text && told.called_tool => return Err(Trouble::ToolCall),
            reason if !told.has_text => {
                return Err(Trouble::Empty { at_limit: reason == Some(Reason::Length) });
            }
            _ => {}
        }
        Ok(match told.reason {
            Some(Reason::Stop) => Finish::Stop,
            Some(Reason::Length) => Finish::Length,
            _ => Finish::Unknown,
        })
    }

    fn item(&mut self, item: Item) -> Result<(), Trouble> {
        let Item::Event { name, data } = item else {
            self.told.lives();
            return Ok(());
        };
        if name == "error" {
            return Err(Trouble::Refused(Refusal::from_event(&data)));
        }
        match data.trim() {
            "" => self.told.lives(),
            data if D::is_end_mark(data) => self.told.ends(),
            data => {
                self.told.has_events = true;
                let value: Value = serde_json::from_str(data)
                    .map_err(|_| Trouble::Unreadable("a part of the stream is not JSON".into()))?;
                self.part(&value)?;
                self.compare(data);
            }
        }
        Ok(())
    }

    /// Counts pieces of text, and those that are the very same event again.
    fn compare(&mut self, data: &str) {
        if !self.told.wrote {
            return;
        }
        self.told.pieces += 1;
        if self.last_piece == data {
            self.told.strange.twice += 1;
            // A third one is a new pair's first.
            self.last_piece.clear();
        } else {
            data.clone_into(&mut self.last_piece);
        }
    }

    fn part(&mut self, value: &Value) -> Result<(), Trouble> {
        if let Some(refusal) = Refusal::in_answer(value) {
            return Err(Trouble::Refused(refusal));
        }
        if !value.is_object() {
            return Err(Trouble::Unreadable("a part of it is not an object".into()));
        }
        (self.told.spoke, self.told.wrote) = (false, false);
        self.dialect.read(value, &mut self.told);
        if !self.told.spoke {
            self.told.lives();
        }
        Ok(())
    }
}
