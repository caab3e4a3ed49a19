//! A table as it was written: rows with their numbers, cells with their values.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::sheet::fault::Unread;

/// Most bytes of a file.
pub const MAX_BYTES: usize = 10 << 20;
/// Most positions of a bill: items, headings and sums.
pub const MAX_ROWS: usize = 20_000;
/// Most rows of a table with what stands above a bill and beside it: titles, headings of columns, remarks.
const MAX_LINES: usize = MAX_ROWS + 60;
/// Most columns that say something.
pub const MAX_COLUMNS: usize = 64;
/// Most bytes of all texts together: a shared text counts wherever it stands.
pub const MAX_TEXT: usize = 24 << 20;

/// What a cell holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// Nothing.
    #[default]
    Empty,
    /// Words, or a number that was typed as text.
    Text(Arc<str>),
    /// A number.
    Number(f64),
    /// A number that is shown as per cent: 0.21 is 21 %.
    Percent(f64),
    /// A number that is shown as a day.
    Date(Arc<str>),
    /// A formula whose result was not stored.
    NoValue,
}

impl Cell {
    /// A text cell; blank text is no text.
    pub fn text(text: &str) -> Cell {
        match text.trim() {
            "" => Cell::Empty,
            text => Cell::Text(text.into()),
        }
    }

    /// Whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        *self == Cell::Empty
    }

    /// Whether a number stands there that needs no reading.
    pub fn is_number(&self) -> bool {
        matches!(self, Cell::Number(_) | Cell::Percent(_))
    }

    /// The words.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The cell for a person to read.
    pub fn shown(&self) -> String {
        match self {
            Cell::Empty | Cell::NoValue => String::new(),
            Cell::Text(text) | Cell::Date(text) => text.to_string(),
            Cell::Number(value) => value.to_string(),
            Cell::Percent(value) => format!("{} %", tidy(value * 100.0)),
        }
    }
}

/// A number without the noise beyond 15 digits, which no spreadsheet shows either.
pub fn tidy(value: f64) -> f64 {
    format!("{value:.14e}").parse().unwrap_or(value)
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its cells from the first column on; what follows is empty.
    pub cells: Vec<Cell>,
    /// Whether it is hidden.
    pub hidden: bool,
}

impl Line {
    /// A cell, also beyond the last.
    pub fn cell(&self, column: usize) -> &Cell {
        self.cells.get(column).unwrap_or(&Cell::Empty)
    }

    /// Whether no cell says anything.
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(Cell::is_empty)
    }
}

/// Cells that are shown as one; both corners belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// First and last row, from 1.
    pub rows: (usize, usize),
    /// First and last column, from 0.
    pub columns: (usize, usize),
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// Rows that say something or stand between such, in order.
    pub lines: Vec<Line>,
    /// Columns up to the last that says something.
    pub columns: usize,
    /// Columns that are hidden.
    pub hidden_columns: BTreeSet<usize>,
    /// Merged cells.
    pub merges: Vec<Merge>,
}

impl Grid {
    /// The row of this number.
    pub fn line(&self, number: usize) -> Option<&Line> {
        let at = self.lines.binary_search_by_key(&number, |line| line.number).ok()?;
        self.lines.get(at)
    }

    /// Whether there is nothing.
    pub fn is_blank(&self) -> bool {
        self.lines.iter().all(Line::is_blank)
    }
}

/// Takes rows one by one and holds them to the limits; what is too much is counted, not kept.
#[derive(Debug, Default)]
pub struct Gathering {
    grid: Grid,
    rows: usize,
    columns: usize,
    text: usize,
}

impl Gathering {
    /// One more row, after all earlier ones.
    pub fn add(&mut self, mut line: Line) {
        let width = line.cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        self.columns = self.columns.max(width);
        line.cells.truncate(width.min(MAX_COLUMNS));
        line.cells.shrink_to_fit();
        if width > 0 {
            self.rows += 1;
        }
        let texts = line.cells.iter().filter_map(Cell::as_text);
        self.text += texts.map(str::len).sum::<usize>();
        if !self.is_full() {
            self.grid.lines.push(line);
        }
    }

    /// Notes that a column beyond those that are kept says something.
    pub fn reaches(&mut self, column: usize) {
        self.columns = self.columns.max(column + 1);
    }

    fn is_full(&self) -> bool {
        self.rows > MAX_LINES || self.text > MAX_TEXT || self.grid.lines.len() > 2 * MAX_ROWS
    }

    /// The table.
    ///
    /// # Errors
    /// The limit that it exceeds, with the number found.
    pub fn finish(mut self) -> Result<Grid, Unread> {
        if self.rows > MAX_LINES {
            return Err(Unread::Rows(self.rows));
        }
        if self.columns > MAX_COLUMNS {
            return Err(Unread::Columns(self.columns));
        }
        if self.is_full() {
            return Err(Unread::Text);
        }
        let last = self.grid.lines.iter().rposition(|line| !line.is_blank()).map_or(0, |last| last + 1);
        self.grid.lines.truncate(last);
        self.grid.columns = self.columns;
        Ok(self.grid)
    }
}

/// A column's letters: 0 is A, 26 is AA.
pub fn letters(column: usize) -> String {
    let mut left = column + 1;
    let mut letters = Vec::new();
    while left > 0 {
        letters.push(char::from(b'A' + ((left - 1) % 26) as u8));
        left = (left - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// The column of these letters.
pub fn column_of(letters: &str) -> Option<usize> {
    if letters.is_empty() || letters.len() > 3 || !letters.bytes().all(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    let number = letters.bytes().fold(0, |sum, c| sum * 26 + usize::from(c.to_ascii_uppercase() - b'A') + 1);
    Some(number - 1)
}

/// Column from 0 and row from 1 of a cell's name, "F431".
pub fn place_of(name: &str) -> Option<(usize, usize)> {
    let digits = name.find(|c: char| c.is_ascii_digit())?;
    let row = name[digits..].parse().ok().filter(|row| (1..=1 << 20).contains(row))?;
    Some((column_of(&name[..digits])?, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (63, "BL"), (702, "AAA")] {
            assert_eq!((letters(column).as_str(), column_of(name)), (name, Some(column)));
        }
        assert_eq!(place_of("BL20000"), Some((63, 20_000)));
        for name in ["", "A", "1", "A0", "ABCD1", "A1B", "Á1", "A99999999999999999999"] {
            assert_eq!(place_of(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_too_much_is_counted_and_not_kept() {
        let line = |number, width| Line { number, cells: vec![Cell::Number(1.0); width], hidden: false };
        let mut wide = Gathering::default();
        wide.add(line(1, MAX_COLUMNS + 6));
        assert_eq!(wide.finish(), Err(Unread::Columns(70)));
        let mut long = Gathering::default();
        (1..=MAX_LINES + 7).for_each(|number| long.add(line(number, 1)));
        assert!(long.grid.lines.len() <= MAX_LINES);
        assert_eq!(long.finish(), Err(Unread::Rows(MAX_LINES + 7)));
        let mut enough = Gathering::default();
        (1..=MAX_LINES).for_each(|number| enough.add(line(number, MAX_COLUMNS)));
        assert_eq!(enough.finish().map(|grid| grid.lines.len()), Ok(MAX_LINES));
    }

    #[test]
    fn numbers_lose_their_noise() {
        assert_eq!(tidy(0.1 + 0.2), 0.3);
        assert_eq!(Cell::Percent(0.21).shown(), "21 %");
        assert_eq!(Cell::Number(22.5).shown(), "22.5");
    }
}
