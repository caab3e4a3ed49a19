//! A mistake in a file, shown with file, line, column, caret and remedy.
//!
//! Everything that reads a file collects its faults in [`Faults`] and goes on,
//! so that a person sees all of them at once. [`reader::Reader`] walks TOML.

pub mod reader;

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// One mistake in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, in lower case and without a final dot.
    pub message: String,
    /// The file, as the person knows it.
    pub file: String,
    /// Where in the file: nowhere (the file itself), one place, or the places of a cycle.
    pub marks: Vec<Mark>,
    /// What to do, printed beside the carets.
    pub help: Option<String>,
    /// What is good to know, printed last.
    pub note: Option<String>,
}

/// A marked place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line as far as it is shown: tabs are blanks, a long line is cut around the place.
    pub source_line: String,
    /// Where the carets begin in `source_line`, in characters from 0, and how many there are.
    pub caret: (usize, usize),
}

impl Fault {
    /// A fault of the file as a whole.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault { message: message.into(), file: file.into(), marks: Vec::new(), help: None, note: None }
    }

    /// The same fault with what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }

    /// The same fault asking for the candidate nearest to `word`, if one is near.
    pub fn suggest<'a>(self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Fault {
        match nearest(word, candidates) {
            Some(near) => self.help(format!("did you mean \"{near}\"?")),
            None => self,
        }
    }

    /// The same fault with a last line.
    pub fn note(mut self, note: impl Into<String>) -> Fault {
        self.note = Some(note.into());
        self
    }

    /// The same fault with its file named from further up, `panels/audit` for example.
    pub fn within(mut self, folder: &str) -> Fault {
        self.file = format!("{}/{}", folder.trim_end_matches('/'), self.file);
        self
    }

    /// The place and what is wrong, in one line.
    pub fn in_a_line(&self) -> String {
        match self.marks.first() {
            Some(mark) => format!("{}:{}:{}: {}", self.file, mark.line, mark.column, self.message),
            None => format!("{}: {}", self.file, self.message),
        }
    }

    /// The line of its first mark, 0 without one.
    pub fn line(&self) -> usize {
        self.marks.first().map_or(0, |mark| mark.line)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.line().to_string().len().max(2);
        match self.marks.as_slice() {
            [] => {
                write!(f, "error: {}\n{:width$}--> {}", self.message, "", self.file)?;
                if let Some(help) = &self.help {
                    write!(f, "\n{:width$} = {help}", "")?;
                }
            }
            [mark] => self.fmt_mark(f, mark, width)?,
            [first, others @ ..] => {
                write!(f, "error: {}   ({}:{}", self.message, self.file, first.line)?;
                for mark in others {
                    write!(f, ", :{}", mark.line)?;
                }
                f.write_str(")")?;
            }
        }
        match &self.note {
            Some(note) => write!(f, "\n{:width$} = {note}", ""),
            None => Ok(()),
        }
    }
}

impl Fault {
    fn fmt_mark(&self, f: &mut fmt::Formatter<'_>, mark: &Mark, width: usize) -> fmt::Result {
        let (start, len) = mark.caret;
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{:width$}--> {}:{}:{}", "", self.file, mark.line, mark.column)?;
        writeln!(f, "{:width$} |", "")?;
        writeln!(f, "{:>width$} | {}", mark.line, mark.source_line)?;
        write!(f, "{:width$} | {:start$}{}", "", "", "^".repeat(len.max(1)))?;
        match &self.help {
            Some(help) => write!(f, " {help}"),
            None => Ok(()),
        }
    }
}

/// Collects faults, so that reading goes on after one.
#[derive(Debug, Default)]
pub struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    /// Adds one.
    pub fn add(&self, fault: Fault) {
        self.0.borrow_mut().push(fault);
    }

    /// Whether there is none so far.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// All of them: by file in the order of their first fault, in a file from top to bottom.
    pub fn into_vec(self) -> Vec<Fault> {
        let mut faults = self.0.into_inner();
        let mut files: Vec<String> = Vec::new();
        for fault in &faults {
            if !files.contains(&fault.file) {
                files.push(fault.file.clone());
            }
        }
        let place = |fault: &Fault| fault.marks.first().map_or((0, 0), |mark| (mark.line, mark.column));
        faults.sort_by_cached_key(|fault| (files.iter().position(|file| *file == fault.file), place(fault)));
        faults
    }
}

/// The text of a file, for marking places in it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, as the person knows it.
    pub file: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Longest line that is shown whole, in characters.
    const WIDEST: usize = 120;

    /// The place that these bytes take. A place of several lines is marked to the end of its first.
    pub fn mark(&self, span: Range<usize>) -> Mark {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        let head = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let tail = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let line = self.text[..start].matches('\n').count() + 1;
        let before = self.text[head..start].chars().count();
        let len = self.text[start..end.min(tail).max(start)].trim_end().chars().count().max(1);
        let whole: Vec<char> = self.text[head..tail].trim_end().chars().collect();
        // A long line is shown from a little before the place.
        let skip = if whole.len() > Source::WIDEST { before.saturating_sub(Source::WIDEST / 3) } else { 0 };
        let shown: Vec<char> = whole.iter().skip(skip).take(Source::WIDEST).copied().collect();
        let len = len.min(Source::WIDEST.saturating_sub(before - skip)).max(1);
        let plain = |c: &char| if c.is_control() { ' ' } else { *c };
        Mark {
            line,
            column: before + 1,
            source_line: shown.iter().map(plain).collect(),
            caret: (before - skip, len),
        }
    }

    /// A fault at the place that these bytes take.
    pub fn fault(&self, span: Range<usize>, message: impl Into<String>) -> Fault {
        Fault { marks: vec![self.mark(span)], ..Fault::of_file(&self.file, message) }
    }

    /// The byte at which a line begins; lines count from 1.
    pub fn line_start(&self, line: usize) -> usize {
        let ends = self.text.match_indices('\n').map(|(at, _)| at + 1);
        std::iter::once(0).chain(ends).nth(line.saturating_sub(1)).unwrap_or(self.text.len())
    }

    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// The candidate nearest to a word, if it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = 1 + word.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= most && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { file: "a.toml".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_fault_is_shown_with_a_caret() {
        let source = source("[providers.openai]\nmax_inflight = 8\n");
        let fault = source
            .fault(19..31, "unknown key \"max_inflight\" in [providers.openai]")
            .suggest("max_inflight", ["kind", "max_in_flight"])
            .note("known keys: kind, max_in_flight");
        let shown = "\
error: unknown key \"max_inflight\" in [providers.openai]
  --> conf/a.toml:2:1
   |
 2 | max_inflight = 8
   | ^^^^^^^^^^^^ did you mean \"max_in_flight\"?
   = known keys: kind, max_in_flight";
        assert_eq!(fault.within("conf").to_string(), shown);
    }

    #[test]
    fn the_gutter_grows_with_the_line_number() {
        let text = format!("{}x = 1", "\n".repeat(998));
        let at = text.len() - 5;
        let shown = source(&text).fault(at..at + 1, "m").to_string();
        assert_eq!(shown, "error: m\n   --> a.toml:999:1\n    |\n999 | x = 1\n    | ^");
    }

    #[test]
    fn places_are_counted_in_characters_and_long_lines_are_cut() {
        let text = "ž\tž = 1\r\nb";
        let mark = source(text).mark(3..5);
        assert_eq!(
            (mark.line, mark.column, mark.source_line.as_str(), mark.caret),
            (1, 3, "ž ž = 1", (2, 1))
        );
        let long = format!("{}here{}", "a".repeat(500), "b".repeat(500));
        let mark = source(&long).mark(500..504);
        assert_eq!((mark.column, mark.source_line.chars().count()), (501, Source::WIDEST));
        assert!(mark.source_line.chars().skip(mark.caret.0).collect::<String>().starts_with("here"));
        // Any span at all can be marked.
        for start in 0..text.len() + 3 {
            for end in 0..text.len() + 3 {
                source(text).mark(start..end);
            }
        }
    }

    #[test]
    fn a_cycle_and_a_missing_file_take_few_lines() {
        let source = source("a\nb\n");
        let cycle = Fault {
            marks: vec![source.mark(0..1), source.mark(2..3)],
            ..source.fault(0..1, "cycle: a -> b -> a")
        };
        assert_eq!(cycle.to_string(), "error: cycle: a -> b -> a   (a.toml:1, :2)");
        assert_eq!(
            Fault::of_file("a.toml", "the file is missing").to_string(),
            "error: the file is missing\n  --> a.toml"
        );
    }

    #[test]
    fn only_near_words_are_suggested() {
        let known = ["first_content", "idle", "per_query", "id"];
        for (word, near) in [("first_contents", Some("first_content")), ("perquery", Some("per_query"))] {
            assert_eq!(nearest(word, known), near, "{word}");
        }
        for word in ["x", "colour", "on_fail"] {
            assert_eq!(nearest(word, known), None, "{word}");
        }
    }
}
