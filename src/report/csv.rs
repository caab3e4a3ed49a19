//! A sheet of an outline as comma-separated values (RFC 4180).

use csv::QuoteStyle;
use csv::Terminator;
use csv::WriterBuilder;

use super::Cell;
use super::Outline;
use super::Sheet;

/// For whose spreadsheet a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Commas and decimal points.
    #[default]
    International,
    /// What a European Excel opens by a double click: a byte order mark, semicolons and decimal commas.
    European,
}

/// The tables of a sheet, the run's id in the first column of each row; `None` when the sheet is empty.
///
/// # Errors
/// Never in memory; whatever the writer says.
pub fn csv(outline: &Outline, sheet: Sheet, style: Style) -> Result<Option<Vec<u8>>, csv::Error> {
    let mut tables = outline.sections.iter().filter(|section| section.sheet == sheet);
    let Some(table) = tables.find_map(|section| section.table.as_ref()) else { return Ok(None) };
    let (delimiter, mark) = match style {
        Style::International => (b',', ""),
        Style::European => (b';', "\u{feff}"),
    };
    let mut writer = WriterBuilder::new()
        .delimiter(delimiter)
        .quote_style(QuoteStyle::Necessary)
        .terminator(Terminator::CRLF)
        .from_writer(mark.as_bytes().to_vec());
    let run = match &outline.mark {
        Some(mark) => format!("{} {mark}", outline.run),
        None => outline.run.clone(),
    };
    writer
        .write_record(["Run"].into_iter().chain(table.columns.iter().map(|column| column.title.as_str())))?;
    for row in &table.rows {
        writer.write_field(&run)?;
        for cell in row {
            writer.write_field(field(cell, style))?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.into_inner().map(Some).map_err(|error| error.into_error().into())
}

/// A cell as no spreadsheet computes it.
fn field(cell: &Cell, style: Style) -> String {
    let text = cell.text();
    match cell {
        Cell::Number(_) if style == Style::European => text.replace('.', ","),
        cell if cell.is_risky() => format!("'{text}"),
        _ => text,
    }
}
