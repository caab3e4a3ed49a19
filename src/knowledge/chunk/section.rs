//! Sections of a text: what stands under one heading.

use std::ops::Range;

use super::Form;

/// Longest heading that is kept with a passage, in characters.
const LONGEST_HEADING: usize = 120;
/// Deepest level of a heading.
const DEEPEST: usize = 6;

/// What stands under a heading, with the heading itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its headings, outermost first.
    pub headings: Vec<String>,
    /// Where it stands in the text, in bytes.
    pub place: Range<usize>,
}

/// The sections of a text in its order; together they are the whole text. A heading with nothing under it
/// stands at the beginning of the next section.
pub fn sections(text: &str, form: Form) -> Vec<Section> {
    let headings = match form {
        Form::Markdown => headings(text),
        Form::Text => Vec::new(),
    };
    let mut sections = Vec::new();
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut begun = 0;
    let mut open = 0;
    for Heading { level, title, place } in headings {
        // What is between two headings, or before the first.
        if !text[open..place.start].trim().is_empty() {
            sections.push(Section { headings: titles(&path), place: begun..place.start });
            begun = place.start;
        }
        path.retain(|(above, _)| *above < level);
        path.push((level, title));
        open = place.end;
    }
    if !text[begun..].trim().is_empty() {
        sections.push(Section { headings: titles(&path), place: begun..text.len() });
    }
    sections
}

fn titles(path: &[(usize, String)]) -> Vec<String> {
    path.iter().map(|(_, title)| title.clone()).collect()
}

struct Heading {
    level: usize,
    title: String,
    place: Range<usize>,
}

/// The headings outside of fenced code.
fn headings(text: &str) -> Vec<Heading> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    let mut at = 0;
    // A line that may be the heading above an underline: one that stands alone.
    let mut alone: Option<Range<usize>> = None;
    let mut after_blank = true;
    for line in text.split_inclusive('\n') {
        let place = at..at + line.len();
        at = place.end;
        let words = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|mark| words.starts_with(mark));
        let above = alone.take();
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, Some(mark)) => fence = Some(mark),
            (None, None) => match (hashes(words), underline(words), above) {
                (Some((level, title)), ..) => found.push(Heading { level, title: short(title), place }),
                (None, Some(level), Some(above)) => {
                    let title = short(text[above.clone()].trim());
                    found.push(Heading { level, title, place: above.start..place.end });
                }
                _ if after_blank && !words.is_empty() => alone = Some(place),
                _ => {}
            },
        }
        after_blank = words.is_empty();
    }
    found
}

/// `## Title`.
fn hashes(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    let is_heading = (1..=DEEPEST).contains(&level) && (title.is_empty() || title.starts_with([' ', '\t']));
    is_heading.then(|| (level, title.trim().trim_end_matches('#').trim_end()))
}

/// The level that a line of `=` or `-` gives to the line above it.
fn underline(line: &str) -> Option<usize> {
    let all = |c: char| line.len() >= 3 && line.chars().all(|other| other == c);
    match (all('='), all('-')) {
        (true, _) => Some(1),
        (_, true) => Some(2),
        _ => None,
    }
}

fn short(title: &str) -> String {
    title.chars().take(LONGEST_HEADING).collect()
}
