//! Workbooks of Office Open XML, with bounded memory and time.
//!
//! One pass over a sheet's XML tells values, hidden rows and columns, merged
//! cells, days, and formulas whose result was not stored. Values are read,
//! not what a format makes of them. Nothing is computed, and nothing is kept
//! of what lies beyond the limits of [`super::grid`].

mod cells;
mod parts;
mod styles;
mod walk;

use std::sync::Arc;

use crate::sheet::fault::Unread;
use crate::sheet::grid::Grid;
use parts::Parts;
use styles::Styles;
use walk::Event;
use walk::attribute;
use walk::walk;

/// Most sheets that are named.
const MAX_SHEETS: usize = 256;
/// Most texts that a workbook shares.
const MAX_SHARED: usize = 2_000_000;

/// An open workbook.
pub struct Workbook<'a> {
    parts: Parts<'a>,
    sheets: Vec<Sheet>,
    shared: Vec<Arc<str>>,
    styles: Styles,
}

/// A sheet by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// Whether it is hidden.
    pub hidden: bool,
    path: String,
}

impl<'a> Workbook<'a> {
    /// Opens a workbook; sheets are read when they are asked for.
    ///
    /// # Errors
    /// What is wrong with the archive or its parts, or which limit it exceeds.
    pub fn open(bytes: &'a [u8]) -> Result<Workbook<'a>, Unread> {
        let mut parts = Parts::open(bytes)?;
        let book = parts.workbook()?;
        let links = links(&mut parts, &book)?;
        let (sheets, days_from_1904) = sheets(&mut parts, &book, &links)?;
        let shared = match links.of_kind("sharedStrings").map(str::to_owned) {
            Some(path) => shared(&mut parts, &path)?,
            None => Vec::new(),
        };
        let styles = match links.of_kind("styles").map(str::to_owned) {
            Some(path) => Styles::read(&mut parts, &path)?,
            None => Styles::default(),
        }
        .counting_from_1904(days_from_1904);
        Ok(Workbook { parts, sheets, shared, styles })
    }

    /// Its sheets, in their order.
    pub fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    /// One of its sheets.
    ///
    /// # Errors
    /// What is wrong with its part, or which limit it exceeds.
    pub fn grid(&mut self, sheet: &Sheet) -> Result<Grid, Unread> {
        let Some(part) = self.parts.part(&sheet.path)? else { return Ok(Grid::default()) };
        cells::read(part, &self.shared, &self.styles)
    }
}

/// What the workbook refers to: id, kind and path.
struct Links(Vec<(String, String, String)>);

impl Links {
    fn of_kind(&self, kind: &str) -> Option<&str> {
        self.0.iter().find(|(_, own, _)| own == kind).map(|(.., path)| path.as_str())
    }

    fn path(&self, id: &str) -> Option<&str> {
        self.0.iter().find(|(own, ..)| own == id).map(|(.., path)| path.as_str())
    }
}

fn links(parts: &mut Parts, book: &str) -> Result<Links, Unread> {
    let (folder, file) = book.rsplit_once('/').unwrap_or(("", book));
    let Some(part) = parts.part(&format!("{folder}/_rels/{file}.rels"))? else {
        return Err(Unread::Damaged("nothing says where its sheets are".to_owned()));
    };
    let mut links = Vec::new();
    walk(part, |event| {
        let Event::Open("Relationship", tag) = event else { return Ok(()) };
        let (Some(id), Some(kind), Some(target)) =
            (attribute(tag, "Id"), attribute(tag, "Type"), attribute(tag, "Target"))
        else {
            return Ok(());
        };
        let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
        let path = match target.strip_prefix('/') {
            Some(path) => path.to_owned(),
            None => format!("{folder}/{target}"),
        };
        if links.len() < 4 * MAX_SHEETS {
            links.push((id, kind, path));
        }
        Ok(())
    })?;
    Ok(Links(links))
}

/// The sheets, and whether days are counted from 1904.
fn sheets(parts: &mut Parts, book: &str, links: &Links) -> Result<(Vec<Sheet>, bool), Unread> {
    let mut sheets = Vec::new();
    let mut days_from_1904 = false;
    let Some(part) = parts.part(book)? else { return Ok((sheets, days_from_1904)) };
    walk(part, |event| {
        match event {
            Event::Open("workbookPr", tag) => {
                days_from_1904 = matches!(attribute(tag, "date1904").as_deref(), Some("1" | "true"));
            }
            Event::Open("sheet", tag) if sheets.len() < MAX_SHEETS => {
                let path = attribute(tag, "id").and_then(|id| links.path(&id).map(str::to_owned));
                if let (Some(name), Some(path)) = (attribute(tag, "name"), path) {
                    let hidden = attribute(tag, "state").is_some_and(|state| state != "visible");
                    sheets.push(Sheet { name, hidden, path });
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((sheets, days_from_1904))
}

/// The texts that cells refer to; how they sound (`rPh`) is no part of them.
fn shared(parts: &mut Parts, path: &str) -> Result<Vec<Arc<str>>, Unread> {
    let mut texts: Vec<Arc<str>> = Vec::new();
    let Some(part) = parts.part(path)? else { return Ok(texts) };
    let mut text = String::new();
    let (mut within, mut sounds) = (false, false);
    walk(part, |event| {
        match event {
            Event::Open("si", _) => text.clear(),
            Event::Open("rPh", _) => sounds = true,
            Event::Close("rPh") => sounds = false,
            Event::Open("t", _) => within = !sounds,
            Event::Close("t") => within = false,
            Event::Text(piece) if within => text.push_str(piece),
            Event::Close("si") => texts.push(text.trim().into()),
            _ => {}
        }
        if texts.len() > MAX_SHARED { Err(Unread::Text) } else { Ok(()) }
    })?;
    Ok(texts)
}
