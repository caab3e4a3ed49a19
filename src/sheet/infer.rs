//! What columns hold, by their cells alone, where no heading tells.

use crate::sheet::grid::Cell;
use crate::sheet::grid::Grid;
use crate::sheet::grid::Line;
use crate::sheet::hints::Hints;
use crate::sheet::layout::Layout;
use crate::sheet::number;
use crate::sheet::number::Reading;
use crate::sheet::unit::Unit;
use crate::sheet::words::Role;

/// Rows that are looked at.
const SAMPLE: usize = 300;
/// How sure a guess from cells is.
const GUESS: f64 = 0.6;

/// Whether a cell holds a number, also one that was typed as text.
pub fn is_number(cell: &Cell) -> bool {
    match cell {
        Cell::Number(_) | Cell::Percent(_) | Cell::NoValue => true,
        Cell::Text(text) => matches!(number::read(text), Reading::Number { .. } | Reading::Ambiguous { .. }),
        Cell::Empty | Cell::Date(_) => false,
    }
}

fn value(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Number(value) => Some(*value),
        Cell::Text(text) => match number::read(text) {
            Reading::Ambiguous { decimal, .. } => Some(decimal),
            reading => reading.value(),
        },
        _ => None,
    }
}

/// What the cells of a column are like.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    filled: usize,
    numbers: usize,
    units: usize,
    letters: usize,
}

impl Kinds {
    fn of(lines: &[&Line], column: usize) -> Kinds {
        let mut kinds = Kinds::default();
        for cell in lines.iter().map(|line| line.cell(column)).filter(|cell| !cell.is_empty()) {
            kinds.filled += 1;
            kinds.numbers += usize::from(is_number(cell));
            if let Some(text) = cell.as_text() {
                kinds.units += usize::from(Unit::read(text).kind.is_some());
                kinds.letters += text.chars().filter(|c| c.is_alphabetic()).count().min(200);
            }
        }
        kinds
    }

    fn are_numbers(&self) -> bool {
        self.filled > 0 && self.numbers * 10 >= self.filled * 7
    }

    fn are_units(&self) -> bool {
        self.filled > 0 && self.units * 10 >= self.filled * 6
    }
}

/// Gives roles to columns that have none, as far as their cells tell.
pub fn complete(layout: &mut Layout, grid: &Grid, hints: &Hints) {
    let last = layout.header.map_or(0, |(_, last)| last);
    let shown = |line: &&Line| line.number > last && !line.is_blank() && (hints.hidden || !line.hidden);
    let lines: Vec<&Line> = grid.lines.iter().filter(shown).take(SAMPLE).collect();
    let kinds: Vec<Kinds> = (0..grid.columns).map(|column| Kinds::of(&lines, column)).collect();
    let is_said_absent = |role: Role| hints.columns.iter().any(|(own, name)| *own == role && name == "-");
    let give = |layout: &mut Layout, role: Role, at: Option<usize>| {
        if let Some(at) = at.filter(|_| layout.column(role).is_none() && !is_said_absent(role)) {
            (layout.columns[at].role, layout.columns[at].confidence) = (Some(role), GUESS);
        }
    };
    let is_free = |layout: &Layout, at: usize| {
        layout.columns[at].role.is_none() && (hints.hidden || !grid.hidden_columns.contains(&at))
    };
    let free = |layout: &Layout| (0..grid.columns).filter(|at| is_free(layout, *at)).collect::<Vec<_>>();
    let units =
        free(layout).into_iter().filter(|at| kinds[*at].are_units()).max_by_key(|at| kinds[*at].units);
    give(layout, Role::Unit, units);
    let words = free(layout).into_iter().rev().max_by_key(|at| kinds[*at].letters);
    let words =
        words.filter(|at| kinds[*at].letters > 3 * kinds[*at].filled.max(1) && !kinds[*at].are_numbers());
    give(layout, Role::Description, words);
    let quantity = quantity(layout, &free(layout), &kinds);
    give(layout, Role::Quantity, quantity);
    if layout.header.is_none()
        && let Some(quantity) = layout.column(Role::Quantity)
    {
        let prices = prices(&lines, quantity, &free(layout));
        give(layout, Role::UnitPrice, prices.map(|(price, _)| price));
        give(layout, Role::TotalPrice, prices.map(|(_, total)| total));
        let first = free(layout).first().copied().filter(|at| counts_up(&lines, *at));
        give(layout, Role::No, first);
    }
}

/// The only column of numbers beside the unit, right of it before left of it.
fn quantity(layout: &Layout, free: &[usize], kinds: &[Kinds]) -> Option<usize> {
    let unit = layout.column(Role::Unit)?;
    let numbers = |at: &usize| kinds[*at].are_numbers() && free.contains(at);
    let right = (unit + 1..kinds.len()).find(|at| kinds[*at].filled > 0).filter(numbers);
    right.or_else(|| (0..unit).rev().find(|at| kinds[*at].filled > 0).filter(|at| *at > 0 && numbers(at)))
}

/// Two columns of which one is the other times the quantity.
fn prices(lines: &[&Line], quantity: usize, free: &[usize]) -> Option<(usize, usize)> {
    let fits = |price: usize, total: usize| {
        let rows = lines.iter().filter_map(|line| {
            let (quantity, price) = (value(line.cell(quantity))?, value(line.cell(price))?);
            let total = value(line.cell(total))?;
            Some((quantity * price - total).abs() <= (0.005 * total.abs()).max(1.0) && total != 0.0)
        });
        let (all, right) = rows.fold((0, 0), |(all, right), fits| (all + 1, right + usize::from(fits)));
        all > 0 && right * 10 >= all * 7
    };
    let pairs = free.iter().flat_map(|price| free.iter().map(move |total| (*price, *total)));
    pairs.filter(|(price, total)| price != total).find(|(price, total)| fits(*price, *total))
}

/// Whether the column numbers the rows.
fn counts_up(lines: &[&Line], column: usize) -> bool {
    let numbers: Vec<f64> = lines.iter().filter_map(|line| value(line.cell(column))).collect();
    numbers.len() > 1
        && numbers.iter().all(|value| value.fract() == 0.0)
        && numbers.windows(2).all(|pair| pair[0] < pair[1])
}
