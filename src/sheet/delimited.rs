//! Text with separators: which one, and the cells between.
//!
//! Written here because the rows of a bill keep the numbers that they have
//! in the file, empty ones included, and because a quotation mark in the
//! middle of a cell (5" pipe) is a mark and not a fault.

use crate::sheet::fault::Unread;
use crate::sheet::grid::Cell;
use crate::sheet::grid::Gathering;
use crate::sheet::grid::Grid;
use crate::sheet::grid::Line;
use crate::sheet::grid::MAX_COLUMNS;

/// What stands between two cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separator(u8);

impl Separator {
    /// A tabulator, as spreadsheets copy.
    pub const TAB: Separator = Separator(b'\t');

    /// What is tried, in this order.
    const ALL: [Separator; 4] = [Separator::TAB, Separator(b';'), Separator(b','), Separator(b'|')];

    /// The separator as a setting writes it.
    pub fn as_str(self) -> &'static str {
        match self.0 {
            b'\t' => "tab",
            b';' => ";",
            b',' => ",",
            _ => "|",
        }
    }

    /// The separator of this setting.
    pub fn named(name: &str) -> Option<Separator> {
        let own = Separator::ALL.into_iter().find(|own| own.as_str() == name.trim().to_ascii_lowercase());
        own.or((name == "\t").then_some(Separator::TAB))
    }
}

/// A table, what separates its cells, and how sure that is.
#[derive(Clone, Debug, PartialEq)]
pub struct Separated {
    /// The table.
    pub grid: Grid,
    /// What separates its cells.
    pub separator: Separator,
    /// From 0 to 1.
    pub confidence: f64,
}

/// Rows that the choice of a separator looks at.
const SAMPLE: usize = 200;

/// Reads a text; `said` goes before what it looks like.
///
/// # Errors
/// The limit that it exceeds.
pub fn read(text: &str, said: Option<Separator>) -> Result<Separated, Unread> {
    // Excel's own first line goes before any statistics.
    let (announced, body) = announced(text);
    let (separator, confidence) = match said.or(announced) {
        Some(separator) => (separator, 1.0),
        None => guess(body),
    };
    let mut gathering = Gathering::default();
    let skipped = usize::from(announced.is_some());
    for (at, cells) in Records::new(body, separator).enumerate() {
        gathering.add(Line { number: at + 1 + skipped, cells, hidden: false });
    }
    Ok(Separated { grid: gathering.finish()?, separator, confidence })
}

/// `sep=;` on a line of its own.
fn announced(text: &str) -> (Option<Separator>, &str) {
    let line = text.lines().next().unwrap_or_default();
    let separator = line.strip_prefix("sep=").and_then(Separator::named);
    match separator {
        Some(separator) => (
            Some(separator),
            text[line.len()..].trim_start_matches('\r').strip_prefix('\n').unwrap_or_default(),
        ),
        None => (None, text),
    }
}

/// The separator under which most rows have the same number of cells.
fn guess(text: &str) -> (Separator, f64) {
    let scores = Separator::ALL.map(|separator| consistency(text, separator));
    let mut best = 0;
    for at in 1..scores.len() {
        if scores[at] > scores[best] {
            best = at;
        }
    }
    if scores[best] == 0.0 {
        // One column, or nothing at all: whatever stands there most.
        let count = |separator: &Separator| text.bytes().take(4096).filter(|c| *c == separator.0).count();
        let most = Separator::ALL.into_iter().rev().max_by_key(count).unwrap_or(Separator::TAB);
        return (most, 0.3);
    }
    let next = (0..scores.len()).filter(|at| *at != best).map(|at| scores[at]).fold(0.0, f64::max);
    (Separator::ALL[best], (0.5 + (scores[best] - next) / 2.0).clamp(0.3, 1.0))
}

/// The share of rows that have the most frequent number of cells, if that is two or more.
fn consistency(text: &str, separator: Separator) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    let (mut rows, mut within_numbers, mut all) = (0usize, 0usize, 0usize);
    for cells in
        Records::new(text, separator).filter(|cells| cells.iter().any(|cell| !cell.is_empty())).take(SAMPLE)
    {
        rows += 1;
        *counts.entry(cells.len()).or_insert(0usize) += 1;
        for pair in cells.windows(2) {
            all += 1;
            let ends =
                |cell: &Cell| cell.as_text().is_some_and(|text| text.ends_with(|c: char| c.is_ascii_digit()));
            let begins = |cell: &Cell| {
                cell.as_text().is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()))
            };
            within_numbers += usize::from(ends(&pair[0]) && begins(&pair[1]));
        }
    }
    let Some((width, same)) =
        counts.into_iter().max_by_key(|(width, same)| (*same * usize::from(*width > 1), *width))
    else {
        return 0.0;
    };
    if width < 2 {
        return 0.0;
    }
    let share = same as f64 / rows.max(1) as f64;
    // A comma between digits is more often a decimal one.
    let doubt = if separator.0 == b',' { 0.5 * within_numbers as f64 / all.max(1) as f64 } else { 0.0 };
    // More columns count for more among equals: a list has one comma per row by chance.
    (share - doubt).max(0.0) * (1.0 - 0.5 / width as f64)
}

/// The rows of a text, one after another.
struct Records<'a> {
    text: &'a str,
    separator: u8,
}

impl<'a> Records<'a> {
    fn new(text: &'a str, separator: Separator) -> Records<'a> {
        Records { text, separator: separator.0 }
    }

    /// A cell in quotation marks, from behind the first one; its end, and whether it has one.
    fn quoted(&self) -> Option<(String, usize)> {
        let bytes = self.text.as_bytes();
        let (mut cell, mut from, mut at) = (String::new(), 1, 1);
        while at < bytes.len() {
            if bytes[at] == b'"' {
                cell.push_str(&self.text[from..at]);
                if bytes.get(at + 1) == Some(&b'"') {
                    cell.push('"');
                    at += 1;
                } else {
                    let rest = &bytes[at + 1..];
                    let ends =
                        rest.first().is_none_or(|c| *c == self.separator || matches!(c, b'\r' | b'\n'));
                    // A mark that nothing follows as it should was meant as one.
                    return ends.then_some((cell, at + 1));
                }
                from = at + 1;
            }
            at += 1;
        }
        None
    }
}

impl Iterator for Records<'_> {
    type Item = Vec<Cell>;

    fn next(&mut self) -> Option<Vec<Cell>> {
        if self.text.is_empty() {
            return None;
        }
        let mut cells = Vec::new();
        let mut width = 0;
        loop {
            let quoted = if self.text.starts_with('"') { self.quoted() } else { None };
            let (cell, end) = match quoted {
                Some((cell, end)) => (Cell::text(&cell), end),
                None => {
                    let is_end = |c: &u8| *c == self.separator || matches!(c, b'\r' | b'\n');
                    let end = self.text.bytes().position(|c| is_end(&c)).unwrap_or(self.text.len());
                    (Cell::text(&self.text[..end]), end)
                }
            };
            width += 1;
            // One beyond the limit tells that there is more; the rest is counted by its last cell.
            if cells.len() <= MAX_COLUMNS || !cell.is_empty() {
                cells.resize(width - 1, Cell::Empty);
                cells.push(cell);
            }
            let rest = &self.text[end..];
            self.text = match rest.as_bytes() {
                [] => "",
                [b'\r', b'\n', ..] => &rest[2..],
                [b'\r' | b'\n', ..] => &rest[1..],
                _ => {
                    self.text = &rest[1..];
                    continue;
                }
            };
            return Some(cells);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, separator: Separator) -> Vec<Vec<String>> {
        Records::new(text, separator).map(|cells| cells.iter().map(Cell::shown).collect()).collect()
    }

    #[test]
    fn cells_are_cut_where_the_writer_cut_them() {
        let table: [(&str, &[&[&str]]); 9] = [
            ("a;b\nc;d", &[&["a", "b"], &["c", "d"]]),
            ("a;b\r\n\r\nc;d\r\n", &[&["a", "b"], &[""], &["c", "d"]]),
            ("\"a;b\";c", &[&["a;b", "c"]]),
            ("\"a\nb\";c", &[&["a\nb", "c"]]),
            ("\"say \"\"so\"\"\";c", &[&["say \"so\"", "c"]]),
            ("5\" pipe;c", &[&["5\" pipe", "c"]]),
            ("\"DN\" 90;c", &[&["\"DN\" 90", "c"]]),
            ("\"open;c\nd;e", &[&["\"open", "c"], &["d", "e"]]),
            (";;", &[&["", "", ""]]),
        ];
        for (text, expected) in table {
            assert_eq!(rows(text, Separator(b';')), expected, "{text:?}");
        }
    }

    #[test]
    fn the_separator_is_the_consistent_one() {
        for (text, separator) in [
            ("Popis;MJ;Množství\nBeton;m3;12,5\nOcel;t;1,25\n", ";"),
            ("Item,Unit,Qty\nConcrete,m3,12.5\nSteel,t,1.25\n", ","),
            ("Popis\tMJ\tMnožství\nBeton, C25/30\tm3\t12,5\nOcel\tt\t1,25\n", "tab"),
            ("Item|Unit|Qty\nConcrete|m3|12.5\n", "|"),
            ("Rozpočet\n\nPopis;MJ;Množství;Cena\nBeton;m3;12,5;10,5\nOcel;t;1,2;10,5\n", ";"),
            ("sep=;\na,b;c,d\n", ";"),
        ] {
            assert_eq!(read(text, None).unwrap().separator.as_str(), separator, "{text}");
        }
        assert_eq!(read("a,b\n", Separator::named(";")).unwrap().grid.columns, 1);
    }

    #[test]
    fn rows_keep_their_numbers() {
        let grid = read("sep=;\na;b\n\n\"c\nd\";e\n", None).unwrap().grid;
        let numbers: Vec<usize> =
            grid.lines.iter().filter(|line| !line.is_blank()).map(|line| line.number).collect();
        assert_eq!(numbers, [2, 4]);
    }

    #[test]
    fn more_columns_than_the_limit_are_counted() {
        let text = format!("{}\n", vec!["x"; 70].join(";"));
        assert_eq!(read(&text, None), Err(Unread::Columns(70)));
        let trailing = format!("a;b{}\n", ";".repeat(500));
        assert_eq!(read(&trailing, None).map(|read| read.grid.columns), Ok(2));
    }
}
