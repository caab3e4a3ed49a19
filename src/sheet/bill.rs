//! A bill, read: rows with their classes, settings with their confidence, sums, and positions for the audit.

use std::sync::Arc;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::sheet::amounts::Amounts;
use crate::sheet::amounts::Numbers;
use crate::sheet::class::Alone;
use crate::sheet::class::Class;
use crate::sheet::class::Rows;
use crate::sheet::class::together;
use crate::sheet::decimal::Decimal;
use crate::sheet::fault::Unread;
use crate::sheet::grid::Cell;
use crate::sheet::grid::MAX_ROWS;
use crate::sheet::grid::letters;
use crate::sheet::grid::tidy;
use crate::sheet::hints::Hints;
use crate::sheet::layout::Layout;
use crate::sheet::number::Reading;
use crate::sheet::oddities;
use crate::sheet::source;
use crate::sheet::source::Source;
use crate::sheet::source::Table;
use crate::sheet::unit::Unit;
use crate::sheet::warning::Warning;
use crate::sheet::words::Role;
use crate::sheet::words::SumWord;

/// The columns that are numbers, in the order of [`Row::numbers`].
pub const NUMBERS: [Role; 3] = [Role::Quantity, Role::UnitPrice, Role::TotalPrice];
/// Longest text of a field that the audit takes besides the name.
const LONGEST: usize = 250;

/// A bill.
#[derive(Clone, Debug)]
pub struct Bill {
    /// The table and where it was found.
    pub table: Table,
    /// Where it begins and what its columns hold.
    pub layout: Layout,
    /// Its rows, without headings of columns.
    pub rows: Vec<Row>,
    /// The decimal mark, if any cell has one.
    pub decimal: Option<Decimal>,
    /// How sure that is.
    pub decimal_confidence: f64,
    /// What the items add up to under a comma and under a dot, where that is not the same.
    pub readings: Option<[f64; 2]>,
    /// What the prices of the items add up to.
    pub sum: Option<f64>,
    /// What the bill says that they add up to.
    pub stated: Option<Stated>,
    /// Rows and columns that are hidden and were left out.
    pub hidden: (usize, usize),
    /// What somebody should look at.
    pub warnings: Vec<Warning>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its place in the grid.
    pub line: usize,
    /// What it is.
    pub class: Class,
    /// Its name.
    pub name: String,
    /// Quantity, price of one, price of all.
    pub numbers: [Reading; 3],
    /// The heading above it, or its own column's.
    pub object: Option<Arc<str>>,
}

impl Row {
    /// Whether it is an item, a heading or a sum, and no remark.
    fn is_position(&self) -> bool {
        !matches!(self.class, Class::Note | Class::Empty)
    }
}

/// A sum that the bill states.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// The sum.
    pub value: f64,
    /// Its cell, "F431".
    pub cell: String,
    /// Its row.
    pub row: usize,
}

impl Bill {
    /// Reads a bill; every guess yields to a hint.
    ///
    /// # Errors
    /// Why there is no table.
    pub fn read(source: Source, hints: &Hints) -> Result<Bill, Unread> {
        let (mut table, layout) = source::read(source, hints)?;
        let mut warnings = std::mem::take(&mut table.warnings);
        let read = Read::of(&table, &layout, hints);
        warnings.extend(oddities::of_cells(&table, &layout, &read));
        let Read { rows, alone, amounts, readings, hidden, second_table, .. } = read;
        let count = rows.iter().filter(|row| row.is_position()).count();
        if count > MAX_ROWS {
            return Err(Unread::Rows(count));
        }
        let sum = sum(&rows);
        let stated = stated(&table, &layout, &rows, (&alone, sum));
        warnings.extend(oddities::of_numbers(&amounts, readings));
        warnings.extend(oddities::of_rows(&rows, sum, stated.as_ref(), second_table));
        warnings.extend(oddities::of_layout(&table, &layout, hidden));
        Ok(Bill {
            decimal: amounts.decimal,
            decimal_confidence: amounts.confidence,
            table,
            layout,
            rows,
            readings,
            sum,
            stated,
            hidden,
            warnings,
        })
    }

    /// Rows of a class.
    pub fn count(&self, class: Class) -> usize {
        self.rows.iter().filter(|row| row.class == class).count()
    }

    /// The positions as `input.positions` takes them: items, headings and sums, each with its row.
    pub fn positions(&self) -> Vec<Value> {
        self.positioned().map(|row| Value::Object(self.position(row))).collect()
    }

    /// The rows that are positions, in their order.
    pub fn positioned(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.is_position())
    }

    /// One row as a position.
    pub fn position(&self, row: &Row) -> Map<String, Value> {
        let mut position = Map::new();
        position.insert("row".into(), json!(row.number));
        if row.class != Class::Item {
            position.insert("class".into(), json!(row.class.as_str()));
        }
        let is_item = row.class == Class::Item;
        if let Some(no) = self.number_of(row).filter(|_| is_item) {
            position.insert("no".into(), no);
        }
        position.insert("item_name".into(), json!(row.name));
        if !is_item {
            if let (Class::Subtotal | Class::Total, Some(total)) = (row.class, value_of(&row.numbers[2])) {
                position.insert("total_price".into(), total);
            }
            return position;
        }
        let texts = [Role::Code, Role::Unit, Role::Element, Role::ConcreteClass, Role::ExposureClasses];
        for role in texts {
            if let Some(text) = self.text(row, role) {
                position.insert(role.as_str().into(), json!(text));
            }
        }
        for (role, number) in NUMBERS.iter().zip(&row.numbers) {
            if let Some(value) = value_of(number) {
                position.insert(role.as_str().into(), value);
            }
        }
        // "12,5 m3" in a cell is the unit as well.
        if !position.contains_key("unit")
            && let Some(unit) =
                self.text(row, Role::Quantity).and_then(|text| Some(Unit::behind(&text, &Unit::read(""))?.1))
        {
            position.insert("unit".into(), json!(unit.raw));
        }
        if let Some(object) = &row.object {
            position.insert("object".into(), json!(&**object));
        }
        position
    }

    fn cell(&self, row: &Row, role: Role) -> &Cell {
        self.layout.column(role).map_or(&Cell::Empty, |column| self.table.grid.lines[row.line].cell(column))
    }

    fn text(&self, row: &Row, role: Role) -> Option<String> {
        let text = self.cell(row, role).shown();
        (!text.is_empty()).then(|| text.chars().take(LONGEST).collect())
    }

    fn number_of(&self, row: &Row) -> Option<Value> {
        match self.cell(row, Role::No) {
            Cell::Number(number) => Some(number_json(*number)),
            _ => self.text(row, Role::No).map(Value::from),
        }
    }
}

/// A number as JSON writes it: whole ones without a point.
pub fn number_json(value: f64) -> Value {
    match value.fract() == 0.0 && value.abs() < 9e15 {
        true => json!(value as i64),
        false => json!(value),
    }
}

/// What a position says of a number: itself, or the text that could not be read for sure.
fn value_of(reading: &Reading) -> Option<Value> {
    match reading {
        Reading::Missing => None,
        Reading::Number { value, approximate: false } => Some(number_json(*value)),
        Reading::Number { value, approximate: true } => Some(json!(format!("cca {value}"))),
        Reading::Ambiguous { decimal, .. } => Some(json!(format!("{decimal:.3}"))),
        Reading::Unreadable(text) => Some(json!(text.chars().take(LONGEST).collect::<String>())),
    }
}

/// The rows on their way.
pub struct Read<'a> {
    /// The rows.
    pub rows: Vec<Row>,
    /// What each is alone.
    pub alone: Vec<Alone>,
    /// How numbers are read.
    pub amounts: Amounts,
    /// What either reading adds up to.
    pub readings: Option<[f64; 2]>,
    /// Rows and columns that were left out.
    pub hidden: (usize, usize),
    /// Where another table begins.
    pub second_table: Option<usize>,
    /// The cells of numbers.
    pub numbers: Vec<Numbers<'a>>,
}

impl<'a> Read<'a> {
    fn of(table: &'a Table, layout: &Layout, hints: &Hints) -> Read<'a> {
        let grid = &table.grid;
        let (first, last) = layout.header.unwrap_or((0, 0));
        let mut looking = Rows::of(grid, layout, hints);
        let mut read: Vec<(usize, Alone, String)> = Vec::new();
        let mut numbers = Vec::new();
        let mut hidden = 0;
        for (at, line) in grid.lines.iter().enumerate() {
            if (first..=last).contains(&line.number) {
                continue;
            }
            if line.hidden && !hints.hidden {
                hidden += usize::from(!line.is_blank());
                continue;
            }
            let alone = looking.alone(line);
            let column = |role: Role| {
                layout.column(role).filter(|at| hints.hidden || !grid.hidden_columns.contains(at))
            };
            let cell = |role: Role| column(role).map_or(&Cell::Empty, |column| line.cell(column));
            numbers.push(Numbers::of(line.number, alone, NUMBERS.map(cell)));
            read.push((at, alone, looking.name(line)));
        }
        let second_table = looking.second_table;
        // Remarks hold numbers that are none of the bill.
        let counted: Vec<Numbers> = numbers
            .iter()
            .zip(&read)
            .filter(|(_, (_, alone, _))| !matches!(alone, Alone::Is(Class::Note | Class::Empty)))
            .map(|(numbers, _)| *numbers)
            .collect();
        let amounts = Amounts::decide(&counted, hints.decimal);
        let under = |mark| Amounts::sum_under(&counted, mark).unwrap_or(0.0);
        let sums = [under(Decimal::Comma), under(Decimal::Dot)];
        let is_open = hints.decimal.is_none()
            && (amounts.open > 0 || amounts.votes.is_mixed() || amounts.confidence < 0.7);
        let readings = Some(sums).filter(|sums| is_open && (sums[0] != sums[1] || amounts.votes.is_mixed()));
        let rows = rows(read.as_slice(), &numbers, &amounts, (table, layout));
        let alone = read.iter().map(|(_, alone, _)| *alone).collect();
        let columns = if hints.hidden {
            0
        } else {
            grid.hidden_columns.iter().filter(|at| **at < grid.columns).count()
        };
        Read { rows, alone, amounts, readings, hidden: (hidden, columns), second_table, numbers }
    }
}

/// The rows with their classes, their numbers, and the headings above them.
fn rows(
    read: &[(usize, Alone, String)],
    numbers: &[Numbers],
    amounts: &Amounts,
    place: (&Table, &Layout),
) -> Vec<Row> {
    let (table, layout) = place;
    let unit_of = |line: usize| {
        let cell = layout.column(Role::Unit).map(|column| table.grid.lines[line].cell(column));
        Unit::read(&cell.unwrap_or(&Cell::Empty).shown())
    };
    let readings: Vec<[Reading; 3]> = numbers
        .iter()
        .zip(read)
        .map(|(row, (line, ..))| {
            let mut readings = [0, 1, 2].map(|at| amounts.read(at, row.cells[at]));
            if let Reading::Unreadable(text) = &readings[0]
                && let Some((number, _)) = Unit::behind(text, &unit_of(*line))
            {
                readings[0] = amounts.read(0, &Cell::text(number));
            }
            readings
        })
        .collect();
    let alone: Vec<Alone> = read.iter().map(|(_, alone, _)| *alone).collect();
    let totals: Vec<Option<f64>> = readings.iter().map(price).collect();
    let classes = together(&alone, &totals);
    let own = layout.column(Role::Object);
    let mut heading: Option<Arc<str>> = None;
    let mut rows = Vec::with_capacity(read.len());
    for (((line, _, name), class), readings) in read.iter().zip(classes).zip(readings) {
        let grid_line = &table.grid.lines[*line];
        if class == Class::Heading {
            heading = Some(name.chars().take(LONGEST).collect::<String>().into());
        }
        let object = own.and_then(|column| grid_line.cell(column).as_text()).map(Arc::from);
        rows.push(Row {
            number: grid_line.number,
            line: *line,
            class,
            name: name.clone(),
            numbers: readings,
            object: object.or_else(|| heading.clone()).filter(|_| class == Class::Item),
        });
    }
    rows
}

/// The price of a row, stated or computed.
fn price([quantity, price, total]: &[Reading; 3]) -> Option<f64> {
    let value = |reading: &Reading| match reading {
        Reading::Ambiguous { decimal, .. } => Some(*decimal),
        reading => reading.value(),
    };
    value(total).or_else(|| Some(value(quantity)? * value(price)?))
}

fn sum(rows: &[Row]) -> Option<f64> {
    let prices: Vec<f64> =
        rows.iter().filter(|row| row.class == Class::Item).filter_map(|row| price(&row.numbers)).collect();
    (!prices.is_empty()).then(|| tidy(prices.iter().sum()))
}

/// The sum that the bill states: one that agrees before one that does not, without the tax before with it.
fn stated(table: &Table, layout: &Layout, rows: &[Row], known: (&[Alone], Option<f64>)) -> Option<Stated> {
    let (alone, sum) = known;
    let is_sum = |at: &usize| {
        matches!(rows[*at].class, Class::Subtotal | Class::Total) && alone[*at] != Alone::Sum(SumWord::Tax)
    };
    let candidates = (0..rows.len()).filter(is_sum).filter_map(|at| {
        let row = &rows[at];
        let line = &table.grid.lines[row.line];
        let column = layout.column(Role::TotalPrice).filter(|_| row.numbers[2].value().is_some());
        let (column, value) = match column {
            Some(column) => (column, row.numbers[2].value()?),
            None => line.cells.iter().enumerate().rev().find_map(|(at, cell)| Some((at, plain(cell)?)))?,
        };
        let agrees = sum.is_some_and(|sum| crate::sheet::class::agree(sum, value, rows.len()));
        let with_tax = alone[at] == Alone::Sum(SumWord::WithTax);
        // The sum of a part is that of all only if it agrees, and so is one with the tax.
        if !agrees && (with_tax || row.class == Class::Subtotal) {
            return None;
        }
        let stated = Stated { value, cell: format!("{}{}", letters(column), row.number), row: row.number };
        Some(((agrees, !with_tax), stated))
    });
    candidates.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, stated)| stated)
}

fn plain(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Number(value) => Some(*value),
        Cell::Text(text) => crate::sheet::number::read(text).value(),
        _ => None,
    }
}
