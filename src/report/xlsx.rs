//! An outline as a workbook: a sheet for each part, numbers as numbers.

use jiff::Timestamp;
use rust_xlsxwriter::DocProperties;
use rust_xlsxwriter::ExcelDateTime;
use rust_xlsxwriter::Format;
use rust_xlsxwriter::FormatAlign;
use rust_xlsxwriter::Workbook;
use rust_xlsxwriter::Worksheet;
use rust_xlsxwriter::XlsxError;

use super::Cell;
use super::Outline;
use super::Section;
use super::Sheet;
use super::Table;

/// Characters of a cell that a spreadsheet program takes.
const LONGEST_CELL: usize = 32_000;
/// Rows of a sheet that a spreadsheet program takes.
const LAST_ROW: u32 = 1_048_575;
/// Widest and narrowest column, in characters.
const WIDTHS: (usize, usize) = (6, 60);

/// The document as an XLSX file, dated `at`.
///
/// # Errors
/// [`XlsxError`] when the library cannot write it.
pub fn xlsx(outline: &Outline, at: Timestamp) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let comment = match &outline.mark {
        Some(mark) => format!("{} {mark}", outline.run),
        None => outline.run.clone(),
    };
    let mut properties = DocProperties::new().set_title(&outline.title).set_comment(&comment);
    if let Ok(date) = ExcelDateTime::from_timestamp(at.as_second()) {
        properties = properties.set_creation_datetime(&date);
    }
    book.set_properties(&properties);
    for sheet in Sheet::ALL {
        let sections: Vec<&Section> =
            outline.sections.iter().filter(|section| section.sheet == sheet).collect();
        if sections.is_empty() {
            continue;
        }
        let page = book.add_worksheet();
        page.set_name(sheet.title())?;
        Page { page, formats: &Formats::new(), next: 0, widths: Vec::new() }.fill(outline, &sections)?;
    }
    book.save_to_buffer()
}

struct Formats {
    title: Format,
    head: Format,
    text: Format,
    risky: Format,
    mark: Format,
}

impl Formats {
    fn new() -> Formats {
        let text = Format::new().set_text_wrap().set_align(FormatAlign::Top);
        Formats {
            title: Format::new().set_bold().set_font_size(14),
            head: Format::new().set_bold().set_text_wrap(),
            risky: text.clone().set_quote_prefix(),
            text,
            mark: Format::new().set_bold().set_font_color("B0201A"),
        }
    }
}

/// A sheet that is being written from the top.
struct Page<'a> {
    page: &'a mut Worksheet,
    formats: &'a Formats,
    next: u32,
    widths: Vec<usize>,
}

impl Page<'_> {
    fn fill(mut self, outline: &Outline, sections: &[&Section]) -> Result<(), XlsxError> {
        if let Some(mark) = &outline.mark {
            self.line(mark, &self.formats.mark)?;
        }
        for (index, section) in sections.iter().enumerate() {
            // Where a sheet holds one table, its heading is all the title it needs.
            if sections.len() > 1 || !section.notes.is_empty() {
                self.next += u32::from(index > 0);
                self.line(&section.title, &self.formats.title)?;
            }
            for note in &section.notes {
                self.line(note, &Format::new())?;
            }
            if let Some(table) = &section.table {
                self.table(table, index == 0)?;
            }
        }
        for (column, width) in self.widths.iter().enumerate() {
            let width = (*width).clamp(WIDTHS.0, WIDTHS.1) as f64 + 2.0;
            self.page.set_column_width(column as u16, width)?;
        }
        Ok(())
    }

    fn line(&mut self, text: &str, format: &Format) -> Result<(), XlsxError> {
        self.page.write_string_with_format(self.next, 0, cut(text), format)?;
        self.next += 1;
        Ok(())
    }

    fn table(&mut self, table: &Table, is_first: bool) -> Result<(), XlsxError> {
        let head = self.next;
        for (column, title) in table.columns.iter().enumerate() {
            self.page.write_string_with_format(head, column as u16, &title.title, &self.formats.head)?;
            self.widen(column, title.title.chars().count());
        }
        self.next += 1;
        for row in &table.rows {
            if self.next > LAST_ROW {
                break;
            }
            for (column, cell) in row.iter().enumerate() {
                self.cell(column, cell)?;
            }
            self.next += 1;
        }
        // One filter and one frozen heading is all that a sheet can have.
        let last = table.columns.len().saturating_sub(1) as u16;
        if is_first && self.next > head + 1 {
            self.page.autofilter(head, 0, self.next - 1, last)?;
            self.page.set_freeze_panes(head + 1, 0)?;
        }
        Ok(())
    }

    fn cell(&mut self, column: usize, cell: &Cell) -> Result<(), XlsxError> {
        let at = (self.next, column as u16);
        match cell {
            Cell::Empty => return Ok(()),
            Cell::Number(number) => drop(self.page.write_number(at.0, at.1, *number)?),
            Cell::Text(text) => {
                let format = if cell.is_risky() { &self.formats.risky } else { &self.formats.text };
                self.page.write_string_with_format(at.0, at.1, cut(text), format)?;
            }
        }
        self.widen(column, cell.text().chars().take(WIDTHS.1).count());
        Ok(())
    }

    fn widen(&mut self, column: usize, width: usize) {
        if self.widths.len() <= column {
            self.widths.resize(column + 1, 0);
        }
        self.widths[column] = self.widths[column].max(width);
    }
}

/// As much of a text as fits into a cell.
fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(LONGEST_CELL).collect();
    if cut.len() < text.len() {
        cut.push_str(" [...]");
    }
    cut
}
