//! Numbers as people write them in bills.
//!
//! "1 234,56", "1.234,56", "1,234.56", "12,5", "-", "cca 12". One cell alone
//! cannot always say whether "1,234" is a thousand; its column often can.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

/// What a cell says.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Nothing stands there, or a dash.
    Missing,
    /// A number.
    Number {
        /// Its value.
        value: f64,
        /// Whether the writer said "about".
        approximate: bool,
    },
    /// Three digits after a single separator: either this or a thousand times that.
    Ambiguous {
        /// The value if the separator is a decimal one.
        decimal: f64,
        /// The value if it groups thousands.
        grouped: f64,
    },
    /// Something that is no number, as written.
    Unreadable(String),
}

impl Reading {
    /// An exact number.
    pub fn exact(value: f64) -> Reading {
        Reading::Number { value, approximate: false }
    }

    /// The number, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Reading::Number { value, .. } => Some(*value),
            _ => None,
        }
    }
}

/// Reads one cell alone.
pub fn read_value(value: Option<&Value>) -> Reading {
    match value {
        None | Some(Value::Null) => Reading::Missing,
        Some(Value::Number(number)) => match number.as_f64().filter(|value| value.is_finite()) {
            Some(value) => Reading::exact(value),
            None => Reading::Unreadable(number.to_string()),
        },
        Some(Value::String(text)) => read(text),
        Some(other) => Reading::Unreadable(other.to_string()),
    }
}

/// What stands around amounts and is no part of them.
const AROUND: [&str; 13] = ["Kč", "KČ", "Kc", "CZK", "EUR", "€", "USD", "$", "£", "GBP", "CHF", "%", "SKK"];

/// An amount without its currency or per-cent sign.
pub fn bare(text: &str) -> String {
    // Most amounts are plain, and a bill has tens of thousands.
    let mut clean: String = if text.is_ascii() { text.to_owned() } else { text.nfkc().collect() };
    if let Some(crowns) = whole(clean.trim_end()) {
        clean = crowns;
    }
    let mut rest = clean.trim();
    for sign in AROUND {
        rest = rest.strip_suffix(sign).unwrap_or(rest).trim_end();
        rest = rest.strip_prefix(sign).unwrap_or(rest).trim_start();
    }
    whole(rest).unwrap_or_else(|| rest.to_owned())
}

/// "1.234,-" and "450,--" are whole crowns: what stands before the dash is the decimal mark.
fn whole(text: &str) -> Option<String> {
    let end = text.trim_end_matches(['-', '–', '—', '=']);
    (end.len() < text.len() && end.ends_with([',', '.'])).then(|| format!("{end}0"))
}

/// Reads one text alone.
pub fn read(text: &str) -> Reading {
    let clean = bare(text);
    let mut rest = clean.trim();
    let mut approximate = false;
    let lower = rest.to_lowercase();
    for about in ["cca.", "cca", "ca.", "ca", "asi", "about", "approx.", "approx", "etwa", "~", "≈"] {
        if lower.starts_with(about) && rest.is_char_boundary(about.len()) {
            rest = rest[about.len()..].trim();
            approximate = true;
            break;
        }
    }
    if rest.is_empty() || rest.chars().all(|c| matches!(c, '-' | '–' | '—')) {
        return Reading::Missing;
    }
    let (negative, digits) = match rest.strip_prefix(['-', '−', '–']) {
        Some(after) => (true, after.trim()),
        None => (false, rest.strip_prefix('+').unwrap_or(rest).trim()),
    };
    let sign = if negative { -1.0 } else { 1.0 };
    match magnitude(digits) {
        Some(Reading::Number { value, .. }) => Reading::Number { value: sign * value, approximate },
        Some(Reading::Ambiguous { decimal, grouped }) => {
            Reading::Ambiguous { decimal: sign * decimal, grouped: sign * grouped }
        }
        _ => Reading::Unreadable(text.trim().to_owned()),
    }
}

/// An unsigned number with whatever separators it has.
fn magnitude(text: &str) -> Option<Reading> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == ',' || c == '.')
        || !text.ends_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let spaced = text.contains(|c: char| c.is_whitespace() || matches!(c, '\'' | '’'));
    if spaced && !is_grouped(text) {
        return None;
    }
    let bare: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '’')).collect();
    if bare.chars().any(|c| !c.is_ascii_digit() && c != ',' && c != '.') {
        // "1.5e3" is how a program writes, not a person.
        return bare.parse().ok().filter(|value: &f64| value.is_finite()).map(Reading::exact);
    }
    let commas = bare.matches(',').count();
    let dots = bare.matches('.').count();
    match (commas, dots) {
        (0, 0) => plain(&bare),
        (1, 0) => one_separator(&bare, ',', spaced),
        (0, 1) => one_separator(&bare, '.', spaced),
        (_, 0) => groups(&bare, ',').and_then(|whole| plain(&whole)),
        (0, _) => groups(&bare, '.').and_then(|whole| plain(&whole)),
        _ => both_separators(&bare),
    }
}

fn plain(text: &str) -> Option<Reading> {
    text.parse().ok().map(Reading::exact)
}

/// Spaces and apostrophes stand before groups of three digits only.
fn is_grouped(text: &str) -> bool {
    let whole = text.split([',', '.']).next().unwrap_or(text);
    let mut groups = whole.split(|c: char| c.is_whitespace() || matches!(c, '\'' | '’'));
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len())
        && groups.all(|group| group.len() == 3)
        && !text[whole.len()..].contains(char::is_whitespace)
}

fn one_separator(text: &str, separator: char, spaced: bool) -> Option<Reading> {
    let (whole, fraction) = text.split_once(separator)?;
    let decimal: f64 = format!("{whole}.{fraction}").parse().ok()?;
    let settled =
        fraction.len() != 3 || whole.is_empty() || whole.starts_with('0') || whole.len() > 3 || spaced;
    if settled {
        return Some(Reading::exact(decimal));
    }
    let grouped = format!("{whole}{fraction}").parse().ok()?;
    Some(Reading::Ambiguous { decimal, grouped })
}

/// The digits without the separator, if it groups thousands.
fn groups(text: &str, separator: char) -> Option<String> {
    let mut parts = text.split(separator);
    let first = parts.next()?;
    let fits = (1..=3).contains(&first.len()) && parts.all(|part| part.len() == 3);
    fits.then(|| text.chars().filter(|c| *c != separator).collect())
}

fn both_separators(text: &str) -> Option<Reading> {
    let last = text.rfind([',', '.'])?;
    let decimal = text[last..].chars().next()?;
    let group = if decimal == ',' { '.' } else { ',' };
    if text.matches(decimal).count() != 1 {
        return None;
    }
    let whole = groups(&text[..last], group)?;
    plain(&format!("{whole}.{}", &text[last + 1..]))
}

/// What a column as a whole says about its separators.
#[derive(Clone, Copy, Debug, Default)]
pub struct Column {
    comma: Use,
    dot: Use,
    all_three: bool,
}

/// How a separator is used elsewhere in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Use {
    #[default]
    Unknown,
    Decimal,
    Grouping,
    Both,
}

impl Column {
    /// Learns from all cells of a column.
    pub fn of<'a>(cells: impl Iterator<Item = &'a Value>) -> Column {
        let mut column = Column::default();
        let (mut separated, mut three) = (0, 0);
        for text in cells.filter_map(Value::as_str) {
            let clean: String = bare(text).chars().filter(|c| !c.is_whitespace()).collect();
            let is_separated = clean.contains([',', '.']);
            separated += usize::from(is_separated);
            match read(text) {
                Reading::Ambiguous { .. } => three += 1,
                Reading::Number { .. } if is_separated => column.learn(&clean),
                _ => {}
            }
        }
        column.all_three = three > 1 && three == separated;
        column
    }

    fn learn(&mut self, text: &str) {
        let Some(last) = text.rfind([',', '.']) else { return };
        let is_comma = text[last..].starts_with(',');
        let grouping = text.matches(if is_comma { ',' } else { '.' }).count() > 1;
        let seen = if grouping { Use::Grouping } else { Use::Decimal };
        let slot = if is_comma { &mut self.comma } else { &mut self.dot };
        *slot = if *slot == Use::Unknown || *slot == seen { seen } else { Use::Both };
        let other = text.contains(if is_comma { '.' } else { ',' });
        let slot = if is_comma { &mut self.dot } else { &mut self.comma };
        if other {
            *slot = if matches!(*slot, Use::Unknown | Use::Grouping) { Use::Grouping } else { Use::Both };
        }
    }

    /// Reads a cell of this column.
    pub fn read(&self, cell: Option<&Value>) -> Reading {
        let reading = read_value(cell);
        let Reading::Ambiguous { decimal, grouped } = reading else { return reading };
        let comma = cell.and_then(Value::as_str).is_some_and(|text| text.contains(','));
        let (this, other) = if comma { (self.comma, self.dot) } else { (self.dot, self.comma) };
        match (this, other) {
            (Use::Decimal, _) | (Use::Unknown, Use::Grouping) => Reading::exact(decimal),
            (Use::Grouping, _) | (Use::Unknown, Use::Decimal) => Reading::exact(grouped),
            // Thousands everywhere and never a smaller number: a column with three decimals.
            (Use::Unknown, Use::Unknown) if self.all_three => Reading::exact(decimal),
            _ => reading,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_of_bills_are_read() {
        for (text, value) in [
            ("1 234,56", 1234.56),
            ("1\u{a0}234,56", 1234.56),
            ("1\u{202f}234", 1234.0),
            ("1 234,567", 1234.567),
            ("1.234,56", 1234.56),
            ("1,234.56", 1234.56),
            ("1,234,567", 1_234_567.0),
            ("1.234.567", 1_234_567.0),
            ("1'234.5", 1234.5),
            ("12,5", 12.5),
            ("12,6000", 12.6),
            ("0,600", 0.6),
            ("1234,567", 1234.567),
            ("-3,2", -3.2),
            ("−3", -3.0),
            ("1234", 1234.0),
        ] {
            assert_eq!(read(text), Reading::exact(value), "{text}");
        }
        assert_eq!(read("cca 12"), Reading::Number { value: 12.0, approximate: true });
        assert_eq!(read("1,234"), Reading::Ambiguous { decimal: 1.234, grouped: 1234.0 });
        for text in ["", "-", "–", "  "] {
            assert_eq!(read(text), Reading::Missing, "{text:?}");
        }
        for text in ["abc", "1 2", "12 m", "1,2,3", "1.2.3,4,5", "12 34", "ca", "1e999"] {
            assert!(!matches!(read(text), Reading::Number { .. }), "{text}");
        }
    }

    #[test]
    fn a_column_settles_three_digits() {
        for (others, cell, value) in [
            (vec!["12,5"], "1,234", Some(1.234)),
            (vec!["12.5"], "1,234", Some(1234.0)),
            (vec!["1.234,5"], "2,345", Some(2.345)),
            (vec!["2,345"], "1,234", Some(1.234)),
            (vec!["7"], "1,234", None),
        ] {
            let cells: Vec<Value> = others.into_iter().chain([cell]).map(Value::from).collect();
            assert_eq!(Column::of(cells.iter()).read(Some(&json!(cell))).value(), value, "{cells:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".*") {
            let _ = read(&text);
        }

        #[test]
        fn what_is_written_with_a_comma_reads_back(value in 0u32..1_000_000) {
            let text = format!("{},{:02}", value / 100, value % 100);
            proptest::prop_assert_eq!(read(&text), Reading::exact(f64::from(value) / 100.0));
        }
    }
}
