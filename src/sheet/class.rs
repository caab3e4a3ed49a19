//! What kind of line each row is: item, heading, sum or remark.

use crate::sheet::grid::Cell;
use crate::sheet::grid::Grid;
use crate::sheet::grid::Line;
use crate::sheet::hints::Hints;
use crate::sheet::infer::is_number;
use crate::sheet::layout::Again;
use crate::sheet::layout::Layout;
use crate::sheet::layout::heads_again;
use crate::sheet::unit::Kind;
use crate::sheet::unit::Unit;
use crate::sheet::words::Role;
use crate::sheet::words::RowWord;
use crate::sheet::words::SumWord;
use crate::sheet::words::is_remark;
use crate::sheet::words::kind_of;
use crate::sheet::words::sum_of;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Something to be done.
    Item,
    /// Heads those below.
    Heading,
    /// The sum of a part.
    Subtotal,
    /// The sum of all, or the tax.
    Total,
    /// A remark, a title.
    Note,
    /// Nothing.
    Empty,
}

impl Class {
    /// The class as answers write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Item => "item",
            Class::Heading => "heading",
            Class::Subtotal => "subtotal",
            Class::Total => "total",
            Class::Note => "note",
            Class::Empty => "empty",
        }
    }

    /// The class of this name.
    pub fn named(name: &str) -> Option<Class> {
        let all = [Class::Item, Class::Heading, Class::Subtotal, Class::Total, Class::Note, Class::Empty];
        all.into_iter().find(|class| class.as_str() == name)
    }
}

/// What a row is as far as it tells alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Alone {
    /// Surely this.
    Is(Class),
    /// Words without numbers: heads a part, or remarks.
    Words,
    /// Words and the price of a row: heads a part with its sum, or is a lump sum.
    Lump,
    /// A sum by its name.
    Sum(SumWord),
    /// Numbers without a word.
    Number,
}

/// Longest text that heads a part.
const LONGEST: usize = 120;

/// Looks at each row alone.
pub struct Rows<'a> {
    layout: &'a Layout,
    hints: &'a Hints,
    grid: &'a Grid,
    /// Where another table begins, from which on nothing is read.
    pub second_table: Option<usize>,
}

impl<'a> Rows<'a> {
    /// Rows of this table.
    pub fn of(grid: &'a Grid, layout: &'a Layout, hints: &'a Hints) -> Rows<'a> {
        Rows { layout, hints, grid, second_table: None }
    }

    /// The cell of a role, unless its column is hidden.
    pub fn cell(&self, line: &'a Line, role: Role) -> &'a Cell {
        match self.layout.column(role) {
            Some(column) if self.hints.hidden || !self.grid.hidden_columns.contains(&column) => {
                line.cell(column)
            }
            _ => &Cell::Empty,
        }
    }

    /// What the row says of itself: its description, else its first words.
    pub fn name(&self, line: &'a Line) -> String {
        let described = self.cell(line, Role::Description).shown();
        if !described.trim().is_empty() {
            return described;
        }
        let columns = line.cells.iter().enumerate();
        let shown = columns.filter(|(at, _)| self.hints.hidden || !self.grid.hidden_columns.contains(at));
        let words =
            shown.filter(|(at, _)| !matches!(self.layout.columns[*at].role, Some(Role::Unit | Role::Kind)));
        let mut texts =
            words.filter_map(|(_, cell)| cell.as_text()).filter(|text| text.chars().any(char::is_alphabetic));
        texts.next().map(str::to_owned).unwrap_or_default()
    }

    /// What a row is as far as it tells alone.
    pub fn alone(&mut self, line: &'a Line) -> Alone {
        if line.is_blank() {
            return Alone::Is(Class::Empty);
        }
        // "(EUR)" below the headings is part of them.
        if line.cells.iter().all(|cell| cell.is_empty() || cell.as_text().is_some_and(is_currency)) {
            return Alone::Is(Class::Note);
        }
        let last = self.layout.header.map_or(0, |(_, last)| last);
        if line.number <= last || self.second_table.is_some() {
            return match line.number <= last {
                // A sum may stand above the table.
                true if line.number < self.layout.header.map_or(0, |(first, _)| first) => self.above(line),
                _ => Alone::Is(Class::Note),
            };
        }
        match heads_again(self.layout, line) {
            Some(Again::Same) => return Alone::Is(Class::Note),
            Some(Again::Other) => {
                self.second_table = Some(line.number);
                return Alone::Is(Class::Note);
            }
            None => {}
        }
        if let Some(word) = self.cell(line, Role::Kind).as_text().and_then(kind_of) {
            match word {
                RowWord::Heading => return Alone::Is(Class::Heading),
                RowWord::Note => return Alone::Is(Class::Note),
                RowWord::Item if !self.name(line).is_empty() => return Alone::Is(Class::Item),
                RowWord::Item => {}
            }
        }
        self.by_cells(line)
    }

    fn above(&self, line: &'a Line) -> Alone {
        match sum_of(&self.name(line)) {
            Some(word) if line.cells.iter().any(is_number) => Alone::Sum(word),
            _ => Alone::Is(Class::Note),
        }
    }

    fn by_cells(&self, line: &'a Line) -> Alone {
        let says = |role: Role| is_said(self.cell(line, role));
        let name = self.name(line);
        let unit = self.cell(line, Role::Unit).as_text().map(Unit::read);
        let no_measure = unit.as_ref().is_none_or(|unit| unit.kind == Some(Kind::Percent));
        if let Some(word) = sum_of(&name).filter(|_| no_measure && (!says(Role::Quantity) || unit.is_some()))
        {
            return Alone::Sum(word);
        }
        // A code, or anything else in words, may stand for a missing description.
        let is_named = !name.is_empty();
        match (says(Role::Quantity), unit.is_some() || says(Role::UnitPrice), says(Role::TotalPrice)) {
            (true, _, _) if is_named && !is_remark(&name) => Alone::Is(Class::Item),
            (true, true, _) => Alone::Is(Class::Item),
            (true, ..) => Alone::Is(Class::Note),
            (false, true, _) if is_named => Alone::Is(Class::Item),
            (false, false, true) if is_named => Alone::Lump,
            (false, _, true) => Alone::Number,
            (false, ..) if is_named => self.words(line, &name),
            (false, ..) => Alone::Is(Class::Note),
        }
    }

    fn words(&self, line: &Line, name: &str) -> Alone {
        let begins_low =
            name.starts_with(|c: char| c.is_lowercase() || matches!(c, '-' | '–' | '(' | '=' | '*' | '•'));
        let has_number = [Role::No, Role::Code].iter().any(|role| !self.cell_of(line, *role).is_empty());
        match is_remark(name) || name.chars().count() > LONGEST || (begins_low && !has_number) {
            true => Alone::Is(Class::Note),
            false => Alone::Words,
        }
    }

    fn cell_of<'l>(&self, line: &'l Line, role: Role) -> &'l Cell {
        self.layout.column(role).map_or(&Cell::Empty, |column| line.cell(column))
    }
}

/// Whether a cell holds nothing but a currency, perhaps in brackets.
fn is_currency(text: &str) -> bool {
    let inner = text.trim_matches(|c: char| c.is_whitespace() || "()[]".contains(c));
    !inner.is_empty() && crate::sheet::number::bare(inner).is_empty()
}

/// Whether a cell of numbers says anything; a dash says that there is nothing.
fn is_said(cell: &Cell) -> bool {
    match cell {
        Cell::Empty => false,
        Cell::Text(text) => !text.chars().all(|c| matches!(c, '-' | '–' | '—')),
        _ => true,
    }
}

/// What rows are together; `totals` are the prices of the rows, where they have one.
pub fn together(alone: &[Alone], totals: &[Option<f64>]) -> Vec<Class> {
    let is_item = |at: &usize| matches!(alone[*at], Alone::Is(Class::Item) | Alone::Lump);
    let first = (0..alone.len()).find(is_item);
    let last = (0..alone.len()).rev().find(is_item);
    let mut classes: Vec<Class> = (0..alone.len()).map(|at| one(alone, totals, at, last)).collect();
    let is_whole = |at: usize| first.is_none_or(|first| at < first) || last.is_none_or(|last| at > last);
    let sums = Sums::of(&classes, totals);
    for at in 0..alone.len() {
        classes[at] = match alone[at] {
            Alone::Sum(SumWord::Subtotal) => Class::Subtotal,
            Alone::Sum(SumWord::Total) if !is_whole(at) => Class::Subtotal,
            Alone::Sum(SumWord::Total) if sums.is_of_part(at, totals[at]) => Class::Subtotal,
            Alone::Sum(_) => Class::Total,
            Alone::Number if sums.is_of_all(at, totals[at]) => Class::Total,
            Alone::Number => Class::Note,
            _ => classes[at],
        };
    }
    classes
}

fn one(alone: &[Alone], totals: &[Option<f64>], at: usize, last: Option<usize>) -> Class {
    match alone[at] {
        Alone::Is(class) => class,
        Alone::Words if last.is_some_and(|last| at < last) => Class::Heading,
        Alone::Words => Class::Note,
        Alone::Lump if is_sum_of_next(alone, totals, at) => Class::Heading,
        Alone::Lump => Class::Item,
        Alone::Sum(_) | Alone::Number => Class::Note,
    }
}

/// Parts below that a heading may add up.
const PARTS: usize = 64;

/// Whether a price is what the rows below it add up to, up to the end of some part.
fn is_sum_of_next(alone: &[Alone], totals: &[Option<f64>], at: usize) -> bool {
    let Some(price) = totals[at] else { return false };
    let (mut sum, mut parts, mut rows) = (0.0, 0, 0);
    for next in at + 1..alone.len() {
        match alone[next] {
            Alone::Is(Class::Item) => {
                sum += totals[next].unwrap_or(0.0);
                rows += 1;
                continue;
            }
            Alone::Is(Class::Note | Class::Empty) => continue,
            _ => {}
        }
        parts += 1;
        if rows > 0 && agree(sum, price, rows) {
            return true;
        }
        if parts > PARTS {
            return false;
        }
    }
    rows > 0 && agree(sum, price, rows)
}

/// Whether two sums are the same but for rounding.
pub fn agree(one: f64, other: f64, rows: usize) -> bool {
    (one - other).abs() <= (0.005 * rows as f64).max(1.0)
}

/// Sums of items up to each row: of all, and of the part that the row is in.
struct Sums {
    all: Vec<(f64, usize)>,
    part: Vec<f64>,
    whole: f64,
}

impl Sums {
    fn of(classes: &[Class], totals: &[Option<f64>]) -> Sums {
        let (mut all, mut part, mut rows) = (0.0, 0.0, 0);
        let mut sums = Sums { all: Vec::new(), part: Vec::new(), whole: 0.0 };
        for (class, total) in classes.iter().zip(totals) {
            match class {
                Class::Item => {
                    all += total.unwrap_or(0.0);
                    part += total.unwrap_or(0.0);
                    rows += 1;
                }
                Class::Heading => part = 0.0,
                _ => {}
            }
            sums.all.push((all, rows));
            sums.part.push(part);
        }
        sums.whole = all;
        sums
    }

    /// Whether a sum is that of its part and not that of all.
    fn is_of_part(&self, at: usize, sum: Option<f64>) -> bool {
        let rows = self.all[at].1;
        sum.is_some_and(|sum| rows > 0 && agree(sum, self.part[at], rows) && !agree(sum, self.whole, rows))
    }

    fn is_of_all(&self, at: usize, sum: Option<f64>) -> bool {
        let (all, rows) = self.all[at];
        sum.is_some_and(|sum| rows > 1 && agree(sum, all, rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_tell_what_a_row_is() {
        use Alone::*;
        let rows = [
            (Words, None, Class::Heading),
            (Is(Class::Item), Some(100.0), Class::Item),
            (Sum(SumWord::Total), Some(100.0), Class::Subtotal),
            (Lump, Some(70.0), Class::Heading),
            (Is(Class::Item), Some(50.0), Class::Item),
            (Is(Class::Item), Some(20.0), Class::Item),
            (Lump, Some(45.0), Class::Item),
            (Words, None, Class::Note),
            (Sum(SumWord::Total), Some(215.0), Class::Total),
            (Sum(SumWord::Tax), Some(45.15), Class::Total),
            (Number, Some(7.0), Class::Note),
        ];
        let alone: Vec<Alone> = rows.iter().map(|row| row.0).collect();
        let totals: Vec<Option<f64>> = rows.iter().map(|row| row.1).collect();
        let expected: Vec<Class> = rows.iter().map(|row| row.2).collect();
        assert_eq!(together(&alone, &totals), expected);
    }
}
