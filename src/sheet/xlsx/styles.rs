//! Which cells show days and which show per cent: all that a bill needs of styles.

use std::collections::HashMap;

use jiff::ToSpan;
use jiff::civil::Date;

use super::parts::Parts;
use super::walk::Event;
use super::walk::attribute;
use super::walk::walk;
use crate::sheet::fault::Unread;

/// Most formats that are looked at.
const MAX_FORMATS: usize = 100_000;

/// How a number is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As a number.
    #[default]
    Plain,
    /// As per cent.
    Percent,
    /// As a day or a time.
    Date,
}

/// The formats of a workbook's cells.
#[derive(Debug, Default)]
pub struct Styles {
    formats: Vec<Format>,
    days_from_1904: bool,
}

impl Styles {
    /// Reads the part of styles.
    ///
    /// # Errors
    /// A part that cannot be read.
    pub fn read(parts: &mut Parts, path: &str) -> Result<Styles, Unread> {
        let mut own: HashMap<u32, Format> = HashMap::new();
        let mut formats = Vec::new();
        let mut of_cells = false;
        let Some(part) = parts.part(path)? else { return Ok(Styles::default()) };
        walk(part, |event| {
            match event {
                Event::Open("cellXfs", _) => of_cells = true,
                Event::Close("cellXfs") => of_cells = false,
                Event::Open("numFmt", tag) if own.len() < MAX_FORMATS => {
                    let id = attribute(tag, "numFmtId").and_then(|id| id.parse().ok());
                    if let (Some(id), Some(code)) = (id, attribute(tag, "formatCode")) {
                        own.insert(id, of_code(&code));
                    }
                }
                Event::Open("xf", tag) if of_cells && formats.len() < MAX_FORMATS => {
                    let id = attribute(tag, "numFmtId").and_then(|id| id.parse().ok()).unwrap_or(0);
                    formats.push(own.get(&id).copied().unwrap_or_else(|| built_in(id)));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(Styles { formats, days_from_1904: false })
    }

    /// The same, counting days from 1904 if it is so.
    pub fn counting_from_1904(self, days_from_1904: bool) -> Styles {
        Styles { days_from_1904, ..self }
    }

    /// The format of this style.
    pub fn format(&self, style: usize) -> Format {
        self.formats.get(style).copied().unwrap_or_default()
    }

    /// The day of a number, as 2026-11-21; a number without a whole day is told as a time.
    pub fn day(&self, serial: f64) -> String {
        let days = serial.floor();
        // 1900 counts as a leap year in these files; days before its March are off by one.
        let first = match (self.days_from_1904, days < 60.0) {
            (true, _) => Date::new(1904, 1, 1),
            (false, true) => Date::new(1899, 12, 31),
            (false, false) => Date::new(1899, 12, 30),
        };
        let date = first.ok().filter(|_| (0.0..3_000_000.0).contains(&days));
        let date = date.and_then(|first| first.checked_add((days as i64).days()).ok());
        match date {
            Some(date) => date.to_string(),
            None => format!("day {serial}"),
        }
    }
}

fn built_in(id: u32) -> Format {
    match id {
        9 | 10 => Format::Percent,
        14..=22 | 27..=36 | 45..=47 | 50..=58 => Format::Date,
        _ => Format::Plain,
    }
}

/// What a written format makes of a number; texts in quotes, colours and escapes say nothing.
fn of_code(code: &str) -> Format {
    let mut format = Format::Plain;
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => drop(chars.by_ref().find(|c| *c == '"')),
            '[' => {
                let inner: String = chars.by_ref().take_while(|c| *c != ']').collect();
                if matches!(inner.to_ascii_lowercase().as_str(), "h" | "hh" | "m" | "mm" | "s" | "ss") {
                    return Format::Date;
                }
            }
            '\\' | '_' | '*' => drop(chars.next()),
            // The rest is for negative numbers and texts.
            ';' => break,
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' => return Format::Date,
            'G' | 'g' if chars.as_str().to_ascii_lowercase().starts_with("eneral") => {
                let _ = chars.nth(5);
            }
            '%' => format = Format::Percent,
            _ => {}
        }
    }
    format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        for (code, format) in [
            ("General", Format::Plain),
            ("#,##0.00", Format::Plain),
            ("#,##0.00\\ \"Kč\"", Format::Plain),
            ("[Red]#,##0.00;[Blue]d", Format::Plain),
            ("_-* #,##0.00\\ [$€-407]_-", Format::Plain),
            ("0.0%", Format::Percent),
            ("d.m.yyyy", Format::Date),
            ("[h]:mm", Format::Date),
            ("\"d\" 0", Format::Plain),
        ] {
            assert_eq!(of_code(code), format, "{code}");
        }
    }

    #[test]
    fn days_are_those_that_excel_shows() {
        let styles = Styles::default();
        for (serial, day) in
            [(1.0, "1900-01-01"), (59.0, "1900-02-28"), (61.0, "1900-03-01"), (45_658.0, "2025-01-01")]
        {
            assert_eq!(styles.day(serial), day);
        }
        assert_eq!(Styles::default().counting_from_1904(true).day(1.0), "1904-01-02");
        for serial in [-1.0, 1e300, f64::NAN] {
            assert!(styles.day(serial).starts_with("day "));
        }
    }
}
