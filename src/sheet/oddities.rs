//! What a person should look at before believing what was read.

use crate::sheet::amounts::Amounts;
use crate::sheet::bill::NUMBERS;
use crate::sheet::bill::Read;
use crate::sheet::bill::Row;
use crate::sheet::bill::Stated;
use crate::sheet::class::Class;
use crate::sheet::class::agree;
use crate::sheet::grid::Cell;
use crate::sheet::layout::Layout;
use crate::sheet::number::Reading;
use crate::sheet::source::Table;
use crate::sheet::warning::Warning;
use crate::sheet::warning::told;
use crate::sheet::words::Role;

/// Rows of which something holds, told in one sentence.
struct Told {
    code: &'static str,
    sentence: fn(&str) -> String,
    rows: Vec<usize>,
}

impl Told {
    fn new(code: &'static str, sentence: fn(&str) -> String) -> Told {
        Told { code, sentence, rows: Vec::new() }
    }

    fn warning(self) -> Option<Warning> {
        (!self.rows.is_empty())
            .then(|| Warning::new(self.code, (self.sentence)(&told(&self.rows))).rows(&self.rows))
    }
}

/// Cells that hold something else than a number where one should be.
pub fn of_cells(table: &Table, layout: &Layout, read: &Read) -> Vec<Warning> {
    let mut narrow = Told::new("narrow_column", |rows| {
        format!("\"####\" in {rows}: the column was too narrow in Excel; widen it and copy again.")
    });
    let mut formulas = Told::new("formula_without_value", |rows| {
        format!(
            "Formulas without a stored result in {rows}: open the file in a spreadsheet program and save it."
        )
    });
    let mut dates = Told::new("date_in_quantity", |rows| {
        format!("The quantity is stored as a date in {rows}: give the cells a number format.")
    });
    let mut percents = Told::new("percent_quantity", |rows| {
        format!("The quantity is a percentage in {rows}: 3 % was read as 3.")
    });
    let mut unreadable =
        Told::new("unreadable_quantity", |rows| format!("The quantity is no number in {rows}."));
    let quantity = layout.column(Role::Quantity);
    for (row, numbers) in read.rows.iter().zip(&read.numbers) {
        let line = &table.grid.lines[row.line];
        let is_read = !matches!(row.class, Class::Note | Class::Empty);
        if line.cells.iter().any(is_narrow) {
            narrow.rows.push(row.number);
        }
        if is_read && line.cells.contains(&Cell::NoValue) {
            formulas.rows.push(row.number);
        }
        match numbers.cells[0] {
            _ if !is_read || quantity.is_none() => {}
            Cell::Date(_) => dates.rows.push(row.number),
            Cell::Percent(_) => percents.rows.push(row.number),
            cell if is_narrow(cell) => {}
            _ if matches!(row.numbers[0], Reading::Unreadable(_)) => unreadable.rows.push(row.number),
            _ => {}
        }
    }
    [narrow, formulas, dates, percents, unreadable].into_iter().filter_map(Told::warning).collect()
}

fn is_narrow(cell: &Cell) -> bool {
    cell.as_text().is_some_and(|text| text.len() > 1 && text.bytes().all(|c| c == b'#'))
}

/// What the decimal mark leaves open.
pub fn of_numbers(amounts: &Amounts, readings: Option<[f64; 2]>) -> Option<Warning> {
    let [comma, dot] = readings?;
    let choice = format!("Choose one: [1.234,5] sum {comma}, [1,234.5] sum {dot}");
    let votes = &amounts.votes;
    match (&votes.comma.first, &votes.dot.first) {
        (Some((comma_row, comma)), Some((dot_row, dot))) => {
            let message =
                format!("Row {comma_row} uses \"{comma}\" and row {dot_row} uses \"{dot}\". {choice}");
            Some(Warning::new("mixed_decimals", message).rows(&[*comma_row, *dot_row]))
        }
        _ => {
            let (row, text) = votes.open.0.first.as_ref().or(votes.open.1.first.as_ref())?;
            let message = format!("\"{text}\" in row {row} can be thousands or thousandths. {choice}");
            Some(Warning::new("ambiguous_decimals", message).rows(&[*row]))
        }
    }
}

/// Sums that do not add up, and a second table.
pub fn of_rows(
    rows: &[Row],
    sum: Option<f64>,
    stated: Option<&Stated>,
    second: Option<usize>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let (Some(sum), Some(stated)) = (sum, stated)
        && !agree(sum, stated.value, rows.len())
    {
        let message = format!("The items add up to {sum}, but cell {} says {}.", stated.cell, stated.value);
        warnings.push(Warning::new("sum_differs", message).rows(&[stated.row]));
    }
    warnings.extend(subtotals(rows));
    if let Some(row) = second {
        let message = format!(
            "Another table begins in row {row} and was not read: choose header row {row} to read it instead."
        );
        warnings.push(Warning::new("second_table", message).rows(&[row]));
    }
    warnings
}

/// Sums of parts against the rows above, up to their heading or the sum before.
fn subtotals(rows: &[Row]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let (mut part, mut since, mut all, mut count) = (0.0, 0.0, 0.0, 0);
    for row in rows {
        let price = row.numbers[2].value();
        match (row.class, price) {
            (Class::Item, Some(price)) => {
                part += price;
                since += price;
                all += price;
                count += 1;
            }
            (Class::Heading, _) => part = 0.0,
            (Class::Subtotal, Some(stated)) => {
                if count > 0 && ![part, since, all].into_iter().any(|sum| agree(sum, stated, count)) {
                    let expected = crate::sheet::grid::tidy(part);
                    let message = format!(
                        "The rows above row {} add up to {expected}, but it says {stated}.",
                        row.number
                    );
                    warnings.push(Warning::new("subtotal_differs", message).rows(&[row.number]));
                }
                since = 0.0;
            }
            _ => {}
        }
    }
    warnings
}

/// Columns that are missing and what was left out.
pub fn of_layout(table: &Table, layout: &Layout, hidden: (usize, usize)) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if table.grid.is_blank() {
        warnings.push(Warning::new("empty", "There is nothing in this table."));
        return warnings;
    }
    if layout.column(Role::Quantity).is_none() {
        let message = "We could not tell which column holds quantities. Choose it in the table header.";
        warnings.push(Warning::new("no_quantity_column", message));
    }
    if layout.column(Role::Description).is_none() {
        let message = "We could not tell which column describes the items. Choose it in the table header.";
        warnings.push(Warning::new("no_description_column", message));
    }
    if hidden.0 > 0 {
        let rows: Vec<usize> = table
            .grid
            .lines
            .iter()
            .filter(|line| line.hidden && !line.is_blank())
            .map(|line| line.number)
            .collect();
        let message = format!("Hidden in the file and left out: {}.", told(&rows));
        warnings.push(Warning::new("hidden_rows", message).rows(&rows));
    }
    if hidden.1 > 0 {
        let shown = |at: &usize| layout.columns.get(*at).map(|column| format!("\"{}\"", column.name));
        let names: Vec<String> = table.grid.hidden_columns.iter().filter_map(shown).collect();
        let message = format!(
            "Hidden in the file and left out: {} {}.",
            if names.len() == 1 { "column" } else { "columns" },
            names.join(", ")
        );
        warnings.push(Warning::new("hidden_columns", message));
    }
    let doubtful =
        NUMBERS.iter().filter_map(|role| layout.column(*role)).any(|at| layout.columns[at].confidence < 0.5);
    if doubtful {
        warnings.push(Warning::new(
            "doubtful_columns",
            "Some columns were guessed from their cells: check their headings.",
        ));
    }
    warnings
}
