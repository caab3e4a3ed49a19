//! The table that a spreadsheet puts beside the text it copies.
//!
//! It is no XML: tags stay open and attributes go without quotation marks.
//! Only what a table needs is understood; everything else is passed over.

use crate::sheet::fault::Unread;
use crate::sheet::grid::Cell;
use crate::sheet::grid::Gathering;
use crate::sheet::grid::Grid;
use crate::sheet::grid::Line;
use crate::sheet::grid::MAX_COLUMNS;

/// A table on its way.
#[derive(Default)]
struct Table {
    gathering: Gathering,
    rows: usize,
    row: Option<Vec<Cell>>,
    cell: Option<String>,
    /// Columns that the cell stretches over.
    span: usize,
}

/// Reads the first table of a fragment; nothing where there is none.
///
/// # Errors
/// The limit that it exceeds.
pub fn read(html: &str) -> Result<Option<Grid>, Unread> {
    let mut table = Table::default();
    let mut rest = html;
    let mut begun = false;
    while let Some(at) = rest.find('<') {
        table.text(&rest[..at]);
        let (tag, after) = tag(&rest[at..]);
        rest = after;
        let name = tag.split(|c: char| c.is_whitespace() || c == '/').find(|part| !part.is_empty());
        let name = name.unwrap_or_default().to_ascii_lowercase();
        let closes = tag.starts_with('/');
        match (name.as_str(), closes) {
            ("table", false) => begun = true,
            ("table", true) if begun => break,
            ("tr", false) if begun => table.open_row(),
            ("td" | "th", false) if begun => table.open_cell(tag),
            ("td" | "th", true) => table.close_cell(),
            ("tr", true) => table.close_row(),
            ("br", _) => table.text("\n"),
            ("style" | "script", false) => rest = past(rest, &name),
            _ => {}
        }
    }
    table.close_row();
    if !begun {
        return Ok(None);
    }
    table.gathering.finish().map(Some)
}

/// The inside of a tag or comment, and what follows it.
fn tag(text: &str) -> (&str, &str) {
    let (inside, end) = match text.strip_prefix("<!--") {
        Some(comment) => (comment, "-->"),
        None => (&text[1..], ">"),
    };
    match inside.split_once(end) {
        Some((_, rest)) if end == "-->" => ("", rest),
        Some((tag, rest)) => (tag, rest),
        None => ("", ""),
    }
}

fn past<'a>(text: &'a str, name: &str) -> &'a str {
    let end = text.match_indices("</").find(|(at, _)| {
        text.get(at + 2..at + 2 + name.len()).is_some_and(|own| own.eq_ignore_ascii_case(name))
    });
    end.map_or("", |(at, _)| &text[at..])
}

impl Table {
    fn open_row(&mut self) {
        self.close_row();
        self.row = Some(Vec::new());
    }

    fn open_cell(&mut self, tag: &str) {
        self.close_cell();
        let span = tag.to_ascii_lowercase().split_once("colspan=").map(|(_, rest)| {
            rest.trim_start_matches(['"', '\'']).chars().take_while(char::is_ascii_digit).collect::<String>()
        });
        self.span = span.and_then(|span| span.parse().ok()).unwrap_or(1).clamp(1, MAX_COLUMNS);
        self.cell = Some(String::new());
    }

    fn text(&mut self, text: &str) {
        if let Some(cell) = &mut self.cell {
            cell.push_str(&plain(text));
        }
    }

    fn close_cell(&mut self) {
        let Some(text) = self.cell.take() else { return };
        let row = self.row.get_or_insert_default();
        if row.len() <= 4 * MAX_COLUMNS {
            row.push(Cell::text(&text));
            row.extend((1..self.span).map(|_| Cell::Empty));
        }
    }

    fn close_row(&mut self) {
        self.close_cell();
        if let Some(cells) = self.row.take() {
            self.rows += 1;
            self.gathering.add(Line { number: self.rows, cells, hidden: false });
        }
    }
}

/// Text without entities; line breaks of the source are spaces.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|c| c == b';');
        match end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    if text == "\n" { out } else { out.replace(['\r', '\n'], " ") }
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        "sup2" => Some('²'),
        "sup3" => Some('³'),
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(html: &str) -> Option<Vec<Vec<String>>> {
        let grid = read(html).unwrap()?;
        Some(grid.lines.iter().map(|line| line.cells.iter().map(Cell::shown).collect()).collect())
    }

    #[test]
    fn a_table_is_read_as_browsers_have_it() {
        let html = "<html><style>td {x: y}</style><body><!--StartFragment--><table border=0><tr><td colspan=2>Bill</td></tr>\
            <tr class=x><td>A&amp;B<br>C</td><TD align=right>1&nbsp;234,5</TD><tr><td>m<sup>3</sup></td><td></td></tr></table>\
            <table><tr><td>no</td></tr></table>";
        let expected = [vec!["Bill"], vec!["A&B\nC", "1\u{a0}234,5"], vec!["m3"]];
        assert_eq!(rows(html).unwrap(), expected);
        assert_eq!(rows("<p>no table</p>"), None);
        for broken in ["<table", "<table><tr><td>a", "<", "<!--", "<table><td>&#x110000;&;", "<style>"] {
            let _ = rows(broken);
        }
    }
}
