//! The catalogue: every name that can be asked, with the row of the fault matrix that it plays.

mod body;
mod connection;
mod status;
mod stream;

use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;

use super::cue::Cue;
use super::cue::PLAIN;
use super::model::Make;
use super::play::Play;
use super::reel::Reel;
use super::wire::Finish;

/// One name and what it does.
pub(super) struct Entry {
    /// The row, without its letter; 0 for what is no fault.
    pub(super) row: u8,
    pub(super) name: &'static str,
    /// One sentence; for what a server alone cannot play, why not and what does.
    pub(super) what: &'static str,
    /// None if a server alone cannot play it.
    pub(super) make: Option<Make>,
    /// Attempts that misbehave unless the name says otherwise.
    pub(super) times: Option<u64>,
}

impl Entry {
    const fn new(row: u8, name: &'static str, what: &'static str, make: Make) -> Entry {
        Entry { row, name, what, make: Some(make), times: None }
    }

    /// Misbehaves at so many attempts only, unless the name says otherwise.
    const fn times(self, times: u64) -> Entry {
        Entry { times: Some(times), ..self }
    }

    const fn elsewhere(row: u8, name: &'static str, what: &'static str) -> Entry {
        Entry { row, name, what, make: None, times: None }
    }

    /// Whether it answers before the request is whole.
    pub(super) fn is_early(&self) -> bool {
        matches!(self.row, 11 | 12)
    }
}

/// Answers that are in order.
static CLEAN: [Entry; 4] = [
    Entry::new(0, "echo", "answers with the messages that it got; takes -first- -total- -tokens-", echo),
    Entry::new(
        0,
        "audit",
        "answers the two queries of the panel audit with JSON that fits; takes -first- -total- -tokens-",
        clean,
    ),
    Entry::new(
        0,
        "timing",
        "first-300-total-600-tokens-50: first token after 300 ms, all 50 within 600 ms",
        timing,
    ),
    Entry::new(
        0,
        "status",
        "status-503, status-429-retry-2: this status, with Retry-After if asked",
        status::any,
    ),
];

/// Every name, in the order of the rows.
pub(super) fn all() -> impl Iterator<Item = &'static Entry> {
    static ALL: LazyLock<Vec<&'static Entry>> = LazyLock::new(|| {
        let parts: [&'static [Entry]; 5] =
            [&CLEAN, &connection::ENTRIES, &stream::ENTRIES, &body::ENTRIES, &status::ENTRIES];
        let mut entries: Vec<&'static Entry> = parts.into_iter().flatten().collect();
        // Stable: the variants of a row keep their order.
        entries.sort_by_key(|entry| entry.row);
        entries
    });
    ALL.iter().copied()
}

/// The entry of this name; a row alone means its first variant.
pub(super) fn find(base: &str) -> Option<&'static Entry> {
    let row = base.strip_prefix('u').and_then(|number| number.parse::<u8>().ok()).filter(|row| *row > 0);
    all().find(|entry| entry.name == base || Some(entry.row) == row)
}

/// Whether a name is meant to be one of the catalogue, so that a slip of the pen is not taken for another model.
pub(super) fn looks_like_one(name: &str) -> bool {
    let first = name.split(['-', '#']).next().unwrap_or_default();
    let is_row = first.strip_prefix('u').is_some_and(|number| number.parse::<u8>().is_ok());
    is_row || super::model::KEYS.contains(&first) || CLEAN.iter().any(|entry| entry.name == first)
}

/// An answer in order: the text of the cue, at the pace of its dials.
pub(super) fn clean(cue: &Cue) -> Play {
    paced(cue, &cue.text)
}

fn echo(cue: &Cue) -> Play {
    paced(cue, &cue.echo)
}

fn timing(cue: &Cue) -> Play {
    let Some(tokens) = cue.dials.tokens.filter(|_| !cue.is_json) else {
        return clean(cue);
    };
    let words: String = PLAIN.split_inclusive(' ').cycle().take(tokens).collect();
    paced(cue, &words.into())
}

fn paced(cue: &Cue, text: &Arc<str>) -> Play {
    let first = cue.dials.first.unwrap_or_default();
    let over = cue.dials.total.unwrap_or_default().saturating_sub(first);
    let pieces = cue.dials.tokens.unwrap_or(12);
    Reel::begin(cue).wait(first).say_over(text, pieces, over).finish(Finish::Stop).done()
}

/// The first half of the answer; the rest is for a fault to withhold.
fn half(cue: &Cue) -> &str {
    let middle = cue.text.len() / 2;
    let middle = (middle..=cue.text.len()).find(|at| cue.text.is_char_boundary(*at));
    &cue.text[..middle.unwrap_or(cue.text.len())]
}

/// An answer of which the first half was told.
fn begun(cue: &Cue) -> Reel<'_> {
    Reel::begin(cue).wait(cue.dials.first.unwrap_or_default()).say(half(cue))
}

/// The dial `every`, or so many milliseconds.
fn every(cue: &Cue, millis: u64) -> Duration {
    cue.dials.every.unwrap_or(Duration::from_millis(millis))
}

/// A time to hold something up: `first`, or so many milliseconds.
fn first(cue: &Cue, millis: u64) -> Duration {
    cue.dials.first.unwrap_or(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_upstream_row_stands_in_the_catalogue_once_a_name() {
        let rows: BTreeSet<u8> = all().map(|entry| entry.row).collect();
        assert_eq!(rows, (0..=79).collect());
        let names: BTreeSet<&str> = all().map(|entry| entry.name).collect();
        assert_eq!(names.len(), all().count());
        for entry in all().filter(|entry| entry.row > 0) {
            let number = format!("u{}", entry.row);
            assert!(entry.name == number || entry.name.starts_with(&format!("{number}-")), "{}", entry.name);
            assert!(entry.what.len() < 140 && !entry.what.ends_with('.'), "{}", entry.name);
        }
    }

    #[test]
    fn every_name_finds_itself() {
        for entry in all().filter(|entry| entry.make.is_some()) {
            let name = match entry.name {
                "status" => "status-503",
                "timing" => "total-100",
                name => name,
            };
            let found = crate::mock::model::Behaviour::find(name);
            assert!(found.is_ok_and(|found| found.row == entry.row), "{name}");
            assert_eq!(find(entry.name).map(|found| found.name), Some(entry.name));
        }
    }
}
