//! The numbers of a bill under one decimal mark.

use crate::sheet::class::Alone;
use crate::sheet::class::Class;
use crate::sheet::decimal::Decimal;
use crate::sheet::decimal::Evidence;
use crate::sheet::decimal::Votes;
use crate::sheet::decimal::evidence;
use crate::sheet::decimal::under;
use crate::sheet::grid::Cell;
use crate::sheet::grid::tidy;
use crate::sheet::number;
use crate::sheet::number::Reading;

/// The cells of a row that are numbers: quantity, price of one, price of the row.
pub type Three<'a> = [&'a Cell; 3];

/// A row with its number and its cells of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a> {
    /// Its number in the file.
    pub row: usize,
    /// Whether it is surely an item.
    pub is_item: bool,
    /// Its cells.
    pub cells: Three<'a>,
}

impl<'a> Numbers<'a> {
    /// The cells of a row that is so much alone.
    pub fn of(row: usize, alone: Alone, cells: Three<'a>) -> Numbers<'a> {
        let is_item = matches!(alone, Alone::Is(Class::Item) | Alone::Lump);
        Numbers { row, is_item, cells }
    }
}

/// How the cells are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Amounts {
    /// The mark of each of the three columns; none where that stays open.
    marks: [Option<Decimal>; 3],
    /// The mark of the bill, if any cell has one.
    pub decimal: Option<Decimal>,
    /// From 0 to 1.
    pub confidence: f64,
    /// What all cells say together.
    pub votes: Votes,
    /// Cells that stay open.
    pub open: usize,
}

impl Amounts {
    /// Decides how the cells are read; what was said goes before everything.
    pub fn decide(rows: &[Numbers], said: Option<Decimal>) -> Amounts {
        let columns = [0, 1, 2].map(|at| votes(rows, at));
        let mut votes = Votes::default();
        columns.iter().for_each(|column| votes.merge(column));
        let proved = votes.proved();
        let by_product = || by_product(rows);
        let mark = |at: usize| {
            let column: &Votes = &columns[at];
            let own = said.or_else(|| column.proved()).or(proved);
            let three = || by_kind(&columns, at);
            if column.open_count() == 0 { own } else { own.or_else(by_product).or_else(three) }
        };
        let marks = [mark(0), mark(1), mark(2)];
        let open = (0..3).filter(|at| marks[*at].is_none()).map(|at| columns[at].open_count()).sum();
        let likely = if votes.open.0.count >= votes.open.1.count { Decimal::Comma } else { Decimal::Dot };
        let found = marks.iter().flatten().copied().next();
        let confidence = match () {
            () if said.is_some() => 1.0,
            () if votes.is_mixed() => 0.5,
            () if open > 0 => 0.3,
            () if proved.is_some() && votes.marked > 2 => 0.95,
            () if proved.is_some() => 0.85,
            () if found.is_some() && by_product().is_some() => 0.85,
            () => 0.6,
        };
        let decimal = said.or(proved).or(found).or((votes.marked > 0).then_some(likely));
        Amounts { marks, decimal, confidence, votes, open }
    }

    /// Reads a cell of the column, from 0 for the quantity.
    pub fn read(&self, at: usize, cell: &Cell) -> Reading {
        match cell {
            Cell::Empty | Cell::NoValue => Reading::Missing,
            Cell::Number(value) => Reading::exact(*value),
            // A quantity of 3 % is three of its unit.
            Cell::Percent(value) if at == 0 => Reading::exact(tidy(value * 100.0)),
            Cell::Percent(value) => Reading::exact(*value),
            Cell::Date(text) => Reading::Unreadable(text.to_string()),
            Cell::Text(text) => match (number::read(text), self.marks[at]) {
                (reading @ Reading::Ambiguous { .. }, Some(mark)) => {
                    under(&reading, text, mark).map_or(Reading::Missing, Reading::exact)
                }
                (reading, _) => reading,
            },
        }
    }

    /// What the items add up to if `mark` is the decimal one.
    pub fn sum_under(rows: &[Numbers], mark: Decimal) -> Option<f64> {
        let values: Vec<[Option<f64>; 3]> = rows
            .iter()
            .filter(|row| row.is_item)
            .map(|row| row.cells.map(|cell| value(cell, mark)))
            .collect();
        let price =
            |[quantity, price, total]: &[Option<f64>; 3]| total.or_else(|| Some((*quantity)? * (*price)?));
        let prices: Vec<f64> = values.iter().filter_map(price).collect();
        let sum: f64 = match prices.is_empty() {
            false => prices.iter().sum(),
            true => values.iter().filter_map(|[quantity, ..]| *quantity).sum(),
        };
        (!values.is_empty()).then(|| tidy(sum))
    }
}

/// Where each cell has three digits: quantities have thousandths, prices have none. If both write the
/// same mark so, it stays open.
fn by_kind(columns: &[Votes; 3], at: usize) -> Option<Decimal> {
    let [quantity, price, total] = columns.each_ref().map(Votes::all_three);
    let disagree = quantity.is_some() && (price == quantity || total == quantity);
    let mark = match at {
        0 => quantity,
        1 => price.map(Decimal::other),
        _ => total.map(Decimal::other),
    };
    mark.filter(|_| !disagree)
}

fn votes(rows: &[Numbers], at: usize) -> Votes {
    let mut votes = Votes::default();
    for row in rows {
        if let Cell::Text(text) = row.cells[at] {
            votes.add(row.row, text);
        }
    }
    votes
}

fn value(cell: &Cell, mark: Decimal) -> Option<f64> {
    match cell {
        Cell::Number(value) | Cell::Percent(value) => Some(*value),
        Cell::Text(text) => under(&number::read(text), text, mark),
        Cell::Empty | Cell::Date(_) | Cell::NoValue => None,
    }
}

/// The mark under which more rows have quantity x price = total.
fn by_product(rows: &[Numbers]) -> Option<Decimal> {
    let is_open =
        |cell: &Cell| matches!(cell, Cell::Text(text) if matches!(evidence(text), Evidence::Open(_)));
    let open: Vec<&Numbers> =
        rows.iter().filter(|row| row.is_item && row.cells.iter().any(|cell| is_open(cell))).collect();
    let fits = |mark: Decimal| {
        let right = open.iter().filter(|row| {
            let [quantity, price, total] = row.cells.map(|cell| value(cell, mark));
            match (quantity, price, total) {
                (Some(quantity), Some(price), Some(total)) => {
                    (quantity * price - total).abs()
                        <= (0.005 * quantity.abs()).max(0.005 * price.abs()).max(0.01 * total.abs())
                }
                _ => false,
            }
        });
        right.count()
    };
    let (comma, dot) = (fits(Decimal::Comma), fits(Decimal::Dot));
    match comma.cmp(&dot) {
        std::cmp::Ordering::Greater => Some(Decimal::Comma),
        std::cmp::Ordering::Less => Some(Decimal::Dot),
        std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(rows: &[[&str; 3]]) -> (Amounts, Vec<Option<f64>>) {
        let cells: Vec<[Cell; 3]> = rows.iter().map(|row| row.map(Cell::text)).collect();
        let numbers: Vec<Numbers> = cells
            .iter()
            .enumerate()
            .map(|(at, [quantity, price, total])| Numbers {
                row: at + 2,
                is_item: true,
                cells: [quantity, price, total],
            })
            .collect();
        let amounts = Amounts::decide(&numbers, None);
        let values = cells.iter().map(|row| amounts.read(0, &row[0]).value()).collect();
        (amounts, values)
    }

    #[test]
    fn what_one_cell_leaves_open_others_settle() {
        /// Rows; the mark, how sure that is, the first quantity.
        type Case<'a> = (&'a [[&'a str; 3]], Option<Decimal>, f64, Option<f64>);
        let rows: [Case; 7] = [
            (&[["1.234", "", ""], ["5", "", ""]], Some(Decimal::Dot), 0.3, None),
            (&[["1.234", "", ""], ["0.5", "", ""]], Some(Decimal::Dot), 0.85, Some(1.234)),
            (&[["1.234", "12,50", ""]], Some(Decimal::Comma), 0.85, Some(1234.0)),
            (&[["1.234", "10", "12.340"]], Some(Decimal::Dot), 0.3, None),
            (&[["1.500", "10", "15"]], Some(Decimal::Dot), 0.85, Some(1.5)),
            (&[["1,250", "", ""], ["2,375", "", ""]], Some(Decimal::Comma), 0.6, Some(1.25)),
            (&[["7", "3", "21"]], None, 0.6, Some(7.0)),
        ];
        for (cells, mark, confidence, first) in rows {
            let (amounts, values) = decided(cells);
            assert_eq!(
                (amounts.decimal, amounts.confidence, values[0]),
                (mark, confidence, first),
                "{cells:?}"
            );
        }
    }

    #[test]
    fn either_reading_has_its_sum() {
        let cells = [Cell::text("1.234"), Cell::text("5")];
        let rows: Vec<Numbers> = cells
            .iter()
            .map(|cell| Numbers { row: 1, is_item: true, cells: [cell, &Cell::Empty, &Cell::Empty] })
            .collect();
        assert_eq!(Amounts::sum_under(&rows, Decimal::Dot), Some(6.234));
        assert_eq!(Amounts::sum_under(&rows, Decimal::Comma), Some(1239.0));
    }
}
