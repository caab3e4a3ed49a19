//! From bytes or pasted text to one table.

use crate::sheet::decode;
use crate::sheet::decode::Encoding;
use crate::sheet::delimited;
use crate::sheet::delimited::Separator;
use crate::sheet::fault::Other;
use crate::sheet::fault::Unread;
use crate::sheet::grid::Grid;
use crate::sheet::grid::MAX_BYTES;
use crate::sheet::hints::Hints;
use crate::sheet::html;
use crate::sheet::kind;
use crate::sheet::kind::Kind;
use crate::sheet::layout::Layout;
use crate::sheet::warning::Warning;
use crate::sheet::xlsx::Workbook;

/// Where a bill comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A file, whatever its name says.
    File {
        /// Its name, for messages alone.
        name: &'a str,
        /// What it holds.
        bytes: &'a [u8],
    },
    /// What was copied in another program.
    Pasted {
        /// As text.
        text: &'a str,
        /// As a table of a page.
        html: &'a str,
    },
}

/// A guess, and how sure it is, from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess<T> {
    /// What it seems to be.
    pub value: T,
    /// How sure that is.
    pub confidence: f64,
}

/// One table with its columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its cells.
    pub grid: Grid,
    /// The sheet it is on.
    pub sheet: Option<Guess<String>>,
    /// All sheets that are not hidden.
    pub sheets: Vec<String>,
    /// What separates its cells.
    pub separator: Option<Guess<Separator>>,
    /// How its text was written.
    pub encoding: Option<Guess<Encoding>>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// Sheets that are looked at for the one with the bill.
const SHEETS: usize = 12;
/// A sheet that looks so much like a bill is the one.
const SURE: f64 = 3.0;

/// Reads the table that the source holds.
///
/// # Errors
/// Why there is none.
pub fn read(source: Source, hints: &Hints) -> Result<(Table, Layout), Unread> {
    match source {
        Source::Pasted { text, html } => {
            let table = pasted(text, html, hints)?;
            let layout = Layout::find(&table.grid, hints)?;
            Ok((table, layout))
        }
        Source::File { bytes, .. } if bytes.len() > MAX_BYTES => Err(Unread::Bytes(bytes.len())),
        Source::File { name, bytes } => match kind::of(bytes) {
            Kind::Workbook => workbook(bytes, hints),
            Kind::Other(other) => Err(Unread::NotATable(name.to_owned(), other)),
            Kind::Text => {
                let table = text(bytes, hints)?;
                let layout = Layout::find(&table.grid, hints)?;
                // A page of prose has no columns; that is no bill whatever its name says.
                if table.grid.columns < 2 && !table.grid.is_blank() {
                    return Err(Unread::NotATable(name.to_owned(), Other::Unknown));
                }
                Ok((table, layout))
            }
        },
    }
}

fn text(bytes: &[u8], hints: &Hints) -> Result<Table, Unread> {
    let decoded = decode::decode(bytes, hints.encoding);
    let start = decoded.text.trim_start().get(..15).unwrap_or_default().to_ascii_lowercase();
    if (start.starts_with("<html") || start.starts_with("<table") || start.starts_with("<!doctype html"))
        && let Some(grid) = html::read(&decoded.text)?
    {
        return Ok(Table { grid, ..Table::default() });
    }
    let read = delimited::read(&decoded.text, hints.separator)?;
    Ok(Table {
        grid: read.grid,
        separator: Some(Guess { value: read.separator, confidence: read.confidence }),
        encoding: Some(Guess { value: decoded.encoding, confidence: decoded.confidence }),
        ..Table::default()
    })
}

fn pasted(text: &str, html: &str, hints: &Hints) -> Result<Table, Unread> {
    if text.len() + html.len() > MAX_BYTES {
        return Err(Unread::Bytes(text.len() + html.len()));
    }
    let beside = html::read(html)?;
    if text.trim().is_empty()
        && let Some(grid) = beside
    {
        return Ok(Table { grid, ..Table::default() });
    }
    let read = delimited::read(text, hints.separator)?;
    let rows = |grid: &Grid| grid.lines.iter().filter(|line| !line.is_blank()).count();
    let mut warnings = Vec::new();
    if let Some(beside) = beside {
        let (ours, theirs) = ((rows(&read.grid), read.grid.columns), (rows(&beside), beside.columns));
        if ours != theirs {
            let message = format!(
                "The pasted text reads as {} rows and {} columns, the table that came with it has {} and {}: \
                 compare before you go on.",
                ours.0, ours.1, theirs.0, theirs.1
            );
            warnings.push(Warning::new("paste_differs", message));
        }
    }
    let separator = Some(Guess { value: read.separator, confidence: read.confidence });
    Ok(Table { grid: read.grid, separator, warnings, ..Table::default() })
}

/// The sheet that was named, else the first that is surely a bill, else the one most like it.
fn workbook(bytes: &[u8], hints: &Hints) -> Result<(Table, Layout), Unread> {
    let mut book = Workbook::open(bytes)?;
    let shown: Vec<_> = book.sheets().iter().filter(|sheet| !sheet.hidden || hints.hidden).cloned().collect();
    let names: Vec<String> = shown.iter().map(|sheet| sheet.name.clone()).collect();
    if let Some(name) = &hints.sheet {
        let sheet = book.sheets().iter().find(|sheet| sheet.name == *name).cloned();
        let sheet = sheet.ok_or_else(|| Unread::NoSheet(name.clone(), names.clone()))?;
        let grid = book.grid(&sheet)?;
        let layout = Layout::find(&grid, hints)?;
        let sheet = Some(Guess { value: sheet.name, confidence: 1.0 });
        return Ok((Table { grid, sheet, sheets: names, ..Table::default() }, layout));
    }
    let mut best: Option<(f64, String, Grid, Layout)> = None;
    let (mut fault, mut elsewhere) = (None, None);
    for sheet in shown.iter().take(SHEETS) {
        let found = book.grid(sheet).and_then(|grid| Layout::find(&grid, hints).map(|layout| (grid, layout)));
        let (grid, layout) = match found {
            Ok(found) => found,
            // What was said of the bill need not be true of the sheets beside it.
            Err(why @ (Unread::NoRow(..) | Unread::NoColumn(..))) => {
                elsewhere.get_or_insert(why);
                continue;
            }
            Err(why) => {
                fault.get_or_insert(why);
                continue;
            }
        };
        let likeness = if grid.is_blank() { 0.0 } else { layout.likeness() };
        if best.as_ref().is_none_or(|(most, ..)| likeness > *most) {
            best = Some((likeness, sheet.name.clone(), grid, layout));
        }
        if likeness > SURE {
            break;
        }
    }
    // A sheet that cannot be read may be the bill: another one is no answer.
    match (best, fault) {
        (Some((likeness, name, grid, layout)), fault) if fault.is_none() || likeness > SURE => {
            let confidence = if names.len() == 1 { 1.0 } else { (likeness / 4.0).clamp(0.3, 0.95) };
            let sheet = Some(Guess { value: name, confidence });
            Ok((Table { grid, sheet, sheets: names, ..Table::default() }, layout))
        }
        (_, Some(fault)) => Err(fault),
        (_, None) => {
            if let Some(fault) = elsewhere {
                return Err(fault);
            }
            let layout = Layout::find(&Grid::default(), &Hints::default())?;
            Ok((Table { sheets: names, ..Table::default() }, layout))
        }
    }
}
