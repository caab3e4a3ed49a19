//! Cuts a text into passages that can be found and read on their own.
//!
//! A passage is a stretch of its text as it stands there. It begins at a
//! heading, a paragraph or, inside a long paragraph, at a line, a sentence or
//! a word; it never crosses a heading. Two that follow each other under one
//! heading overlap, so that what is said across a border is found whole.
//! Everything but blanks is in at least one passage.

mod section;

use std::ops::Range;

use section::Section;

/// Most characters that a passage has of its own: about 300 tokens, a paragraph or two. Several of them fit
/// beside any prompt, and one holds a statement with its conditions.
pub const SIZE: usize = 1200;
/// Most characters that it repeats of the one before: two or three sentences.
pub const OVERLAP: usize = 200;

/// Whether headings mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `#` and underlines make headings.
    Markdown,
    /// Nothing does.
    Text,
}

/// A passage of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The headings it stands under, outermost first.
    pub headings: Vec<String>,
    /// Its lines, counted from 1.
    pub lines: Range<usize>,
    /// Where it stands in the text, in bytes.
    pub place: Range<usize>,
}

/// The passages of a text whose lines end with `\n`, in its order.
pub fn chunks(text: &str, form: Form) -> Vec<Chunk> {
    let lines = Lines::of(text);
    let mut chunks = Vec::new();
    for Section { headings, place } in section::sections(text, form) {
        let places = pack(text, &pieces(text, place));
        chunks.extend(places.into_iter().map(|place| {
            let (first, last) = (lines.number(place.start), lines.number(place.end - 1));
            Chunk { headings: headings.clone(), lines: first..last + 1, place }
        }));
    }
    chunks
}

/// Joins pieces while they fit, and takes back what fits of the end of the one before.
fn pack(text: &str, pieces: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut packed: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(first) = pieces.get(at) {
        let fits = |piece: &&Range<usize>| text[first.start..piece.end].chars().count() <= SIZE;
        let last = at + pieces[at..].iter().take_while(fits).count().max(1) - 1;
        let start =
            packed.last().map_or(first.start, |before| back(text, before, &pieces[..at], first.start));
        packed.push(start..pieces[last].end);
        at = last + 1;
    }
    packed
}

/// Where a passage begins whose own text begins at `own`, after these pieces: at the earliest border in reach
/// of the one before.
fn back(text: &str, before: &Range<usize>, pieces: &[Range<usize>], own: usize) -> usize {
    let last = text[before.start..own].char_indices().rev().take(OVERLAP).last();
    let reach = last.map_or(own, |(at, _)| before.start + at);
    let in_reach = |start: &usize| *start >= reach && *start > before.start;
    let border = pieces.iter().rev().map(|piece| piece.start).take_while(in_reach).last();
    // Inside a long piece a word is border enough.
    border.or_else(|| next_word(&text[reach..own]).map(|at| reach + at)).unwrap_or(own)
}

/// Where the first word begins that is whole.
fn next_word(text: &str) -> Option<usize> {
    let blank = text.find(char::is_whitespace)?;
    Some(blank + text[blank..].find(|c: char| !c.is_whitespace())?)
}

/// The paragraphs of a stretch, long ones cut; none has more than [`SIZE`] characters or blanks at its ends.
fn pieces(text: &str, place: Range<usize>) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut open: Option<Range<usize>> = None;
    let mut at = place.start;
    for line in text[place].split_inclusive('\n') {
        let end = at + line.trim_end().len();
        match line.trim().is_empty() {
            true => pieces.extend(open.take()),
            false => {
                let begin = at + line.len() - line.trim_start().len();
                open = Some(open.map_or(begin, |open| open.start)..end);
            }
        }
        at += line.len();
    }
    pieces.extend(open);
    pieces.into_iter().flat_map(|paragraph| cut(text, paragraph)).collect()
}

/// A paragraph in parts of at most [`SIZE`] characters.
fn cut(text: &str, mut rest: Range<usize>) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    while let Some((most, _)) = text[rest.clone()].char_indices().nth(SIZE) {
        let end = rest.start + border(&text[rest.clone()][..most]);
        let part = text[rest.start..end].trim_end();
        parts.push(rest.start..rest.start + part.len());
        let blanks = text[end..rest.end].len() - text[end..rest.end].trim_start().len();
        rest.start = end + blanks;
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

/// Where to cut this text at the latest: after a line, else a sentence, else a word of its second half.
fn border(text: &str) -> usize {
    let half = text.char_indices().nth(SIZE / 2).map_or(0, |(at, _)| at);
    let tail = &text[half..];
    let line = || tail.rfind('\n').map(|at| at + 1);
    let sentence = || {
        let ends = tail.char_indices().zip(tail.chars().skip(1));
        let ends = ends.filter(|((_, c), next)| matches!(c, '.' | '!' | '?' | ';') && next.is_whitespace());
        ends.last().map(|((at, _), _)| at + 1)
    };
    // The blank itself, which may be longer than a byte, is taken off later.
    let word = || tail.rfind(char::is_whitespace).filter(|at| half + at > 0);
    line().or_else(sentence).or_else(word).map_or(text.len(), |at| half + at)
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The number of the line that this byte is in, from 1.
    fn number(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }
}

#[cfg(test)]
mod tests;
