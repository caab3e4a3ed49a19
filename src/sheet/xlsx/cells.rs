//! The cells of one sheet, as its XML has them.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::sync::Arc;

use quick_xml::events::BytesStart;

use super::styles::Format;
use super::styles::Styles;
use super::walk::Event;
use super::walk::attribute;
use super::walk::walk;
use crate::sheet::fault::Unread;
use crate::sheet::grid::Cell;
use crate::sheet::grid::Gathering;
use crate::sheet::grid::Grid;
use crate::sheet::grid::Line;
use crate::sheet::grid::MAX_COLUMNS;
use crate::sheet::grid::Merge;
use crate::sheet::grid::place_of;
use crate::sheet::grid::tidy;

/// Most merged areas that are kept.
const MAX_MERGES: usize = 20_000;
/// Columns of any sheet.
const ALL_COLUMNS: usize = 16_384;

/// A sheet on its way.
struct Sheet<'a> {
    shared: &'a [Arc<str>],
    styles: &'a Styles,
    gathering: Gathering,
    line: Line,
    column: usize,
    cell: Raw,
    merges: Vec<Merge>,
    hidden_columns: BTreeSet<usize>,
}

/// A cell on its way.
#[derive(Default)]
struct Raw {
    kind: String,
    style: usize,
    text: String,
    is_formula: bool,
    within: Within,
}

/// Whose text comes.
#[derive(Clone, Copy, Default, PartialEq)]
enum Within {
    #[default]
    Nothing,
    Value,
    Sound,
}

/// Reads a sheet.
///
/// # Errors
/// Broken XML, or a limit that is exceeded.
pub fn read(part: impl BufRead, shared: &[Arc<str>], styles: &Styles) -> Result<Grid, Unread> {
    let mut sheet = Sheet {
        shared,
        styles,
        gathering: Gathering::default(),
        line: Line::default(),
        column: 0,
        cell: Raw::default(),
        merges: Vec::new(),
        hidden_columns: BTreeSet::new(),
    };
    walk(part, |event| {
        match event {
            Event::Open(name, tag) => sheet.open(name, tag)?,
            Event::Close(name) => sheet.close(name),
            Event::Text(text) if sheet.cell.within == Within::Value => sheet.cell.text.push_str(text),
            Event::Text(_) => {}
        }
        Ok(())
    })?;
    let mut grid = sheet.gathering.finish()?;
    grid.merges = sheet.merges;
    grid.hidden_columns = sheet.hidden_columns;
    Ok(grid)
}

impl Sheet<'_> {
    fn open(&mut self, name: &str, tag: &BytesStart) -> Result<(), Unread> {
        match name {
            "row" => return self.row(tag),
            "c" => {
                let place = attribute(tag, "r").and_then(|name| place_of(&name));
                // A cell without a name stands right of the one before.
                self.column = place.map_or(self.column, |(column, _)| column);
                self.cell = Raw {
                    kind: attribute(tag, "t").unwrap_or_default(),
                    style: attribute(tag, "s").and_then(|style| style.parse().ok()).unwrap_or(0),
                    ..Raw::default()
                };
            }
            "v" | "t" if self.cell.within != Within::Sound => self.cell.within = Within::Value,
            "rPh" => self.cell.within = Within::Sound,
            "f" => self.cell.is_formula = true,
            "col" => self.columns(tag),
            "mergeCell" => self.merge(tag),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str) {
        match name {
            "row" => {
                let number = self.line.number;
                let line = std::mem::replace(&mut self.line, Line { number, ..Line::default() });
                if !line.cells.is_empty() {
                    self.gathering.add(line);
                }
            }
            "c" => self.keep(),
            "rPh" => self.cell.within = Within::Nothing,
            "v" | "t" if self.cell.within == Within::Value => self.cell.within = Within::Nothing,
            _ => {}
        }
    }

    fn row(&mut self, tag: &BytesStart) -> Result<(), Unread> {
        let before = self.line.number;
        let number = attribute(tag, "r").and_then(|number| number.parse().ok()).unwrap_or(before + 1);
        if number <= before {
            return Err(Unread::Damaged(format!("row {number} stands below row {before}")));
        }
        let is_hidden = attribute(tag, "hidden").is_some_and(|hidden| hidden == "1" || hidden == "true");
        // A row of no height is hidden as well.
        let is_flat = attribute(tag, "ht").and_then(|height| height.parse().ok()) == Some(0.0);
        self.line = Line { number, cells: Vec::new(), hidden: is_hidden || is_flat };
        self.column = 0;
        Ok(())
    }

    fn keep(&mut self) {
        let column = self.column;
        self.column += 1;
        let value = self.value();
        if value.is_empty() || column >= ALL_COLUMNS {
            return;
        }
        if column >= MAX_COLUMNS {
            self.gathering.reaches(column);
            return;
        }
        if self.line.cells.len() <= column {
            self.line.cells.resize(column + 1, Cell::Empty);
        }
        self.line.cells[column] = value;
    }

    fn value(&mut self) -> Cell {
        let raw = std::mem::take(&mut self.cell);
        let text = raw.text.trim();
        if text.is_empty() {
            return if raw.is_formula && raw.kind != "str" { Cell::NoValue } else { Cell::Empty };
        }
        match raw.kind.as_str() {
            "s" => match text.parse().ok().and_then(|at: usize| self.shared.get(at)) {
                Some(text) if !text.is_empty() => Cell::Text(Arc::clone(text)),
                _ => Cell::Empty,
            },
            "d" => Cell::Date(text.into()),
            "" | "n" => match text.parse::<f64>().ok().filter(|value| value.is_finite()) {
                Some(value) => self.number(value, raw.style),
                None => Cell::text(text),
            },
            // A text, a truth or an error such as #REF!.
            _ => Cell::text(text),
        }
    }

    fn number(&self, value: f64, style: usize) -> Cell {
        match self.styles.format(style) {
            Format::Plain => Cell::Number(tidy(value)),
            Format::Percent => Cell::Percent(tidy(value)),
            Format::Date => Cell::Date(self.styles.day(value).into()),
        }
    }

    fn columns(&mut self, tag: &BytesStart) {
        let number = |name| attribute(tag, name).and_then(|number| number.parse::<usize>().ok());
        let is_hidden = attribute(tag, "hidden").is_some_and(|hidden| hidden == "1" || hidden == "true")
            || attribute(tag, "width").and_then(|width| width.parse().ok()) == Some(0.0);
        if let (true, Some(first), Some(last)) = (is_hidden, number("min"), number("max")) {
            self.hidden_columns.extend((first.max(1) - 1)..last.min(MAX_COLUMNS));
        }
    }

    fn merge(&mut self, tag: &BytesStart) {
        let area = attribute(tag, "ref").unwrap_or_default();
        let corners = area.split_once(':').and_then(|(one, other)| Some((place_of(one)?, place_of(other)?)));
        if let Some(((left, top), (right, bottom))) = corners.filter(|_| self.merges.len() < MAX_MERGES) {
            self.merges.push(Merge { rows: (top, bottom), columns: (left, right.min(MAX_COLUMNS)) });
        }
    }
}
