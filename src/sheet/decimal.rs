//! The decimal mark of a bill: what whole columns say, never a cell alone.
//!
//! A cell that can be read in one way only is read so. Three digits after a
//! single separator can be thousands; that is settled by the column, then by
//! the other columns, then by quantity x price = total. What stays open is
//! told with what either reading would add up to.

use crate::sheet::number;
use crate::sheet::number::Reading;
use crate::sheet::number::bare;

/// What stands before the tenths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimal {
    /// "1.234,5".
    Comma,
    /// "1,234.5".
    Dot,
}

impl Decimal {
    /// The mark.
    pub fn as_str(self) -> &'static str {
        match self {
            Decimal::Comma => ",",
            Decimal::Dot => ".",
        }
    }

    /// The mark of a setting.
    pub fn named(name: &str) -> Option<Decimal> {
        match name.trim() {
            "," | "comma" => Some(Decimal::Comma),
            "." | "dot" | "point" => Some(Decimal::Dot),
            _ => None,
        }
    }

    /// The other one.
    pub fn other(self) -> Decimal {
        match self {
            Decimal::Comma => Decimal::Dot,
            Decimal::Dot => Decimal::Comma,
        }
    }
}

/// What one text says about the mark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Evidence {
    /// Only this mark makes it a number.
    For(Decimal),
    /// Either this mark is decimal, or it groups thousands.
    Open(Decimal),
    /// It has no mark, or is no number.
    None,
}

/// What a text says about the mark.
pub fn evidence(text: &str) -> Evidence {
    let bare = bare(text);
    let mark = |c: char| if c == ',' { Decimal::Comma } else { Decimal::Dot };
    let Some(last) = bare.chars().rev().find(|c| matches!(c, ',' | '.')) else { return Evidence::None };
    match number::read(&bare) {
        Reading::Ambiguous { .. } => Evidence::Open(mark(last)),
        Reading::Number { .. } if bare.matches(last).count() > 1 => Evidence::For(mark(last).other()),
        Reading::Number { .. } => Evidence::For(mark(last)),
        _ => Evidence::None,
    }
}

/// A text's value under a mark; what can be read in one way only is read so.
pub fn under(reading: &Reading, text: &str, decimal: Decimal) -> Option<f64> {
    match reading {
        Reading::Ambiguous { decimal: small, grouped } => match evidence(text) {
            Evidence::Open(mark) if mark == decimal => Some(*small),
            _ => Some(*grouped),
        },
        reading => reading.value(),
    }
}

/// What a set of cells says together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Votes {
    /// Rows and texts that need a comma; the first one is kept.
    pub comma: Vote,
    /// The same for a dot.
    pub dot: Vote,
    /// Cells that leave it open, by the mark that they have.
    pub open: (Vote, Vote),
    /// Cells with a mark of any kind.
    pub marked: usize,
}

/// How often, and where first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vote {
    /// Cells.
    pub count: usize,
    /// The first one's row and text.
    pub first: Option<(usize, String)>,
}

impl Vote {
    fn add(&mut self, row: usize, text: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| (row, text.to_owned()));
    }
}

impl Votes {
    /// Counts one more cell.
    pub fn add(&mut self, row: usize, text: &str) {
        let slot = match evidence(text) {
            Evidence::For(Decimal::Comma) => &mut self.comma,
            Evidence::For(Decimal::Dot) => &mut self.dot,
            Evidence::Open(Decimal::Comma) => &mut self.open.0,
            Evidence::Open(Decimal::Dot) => &mut self.open.1,
            Evidence::None => return,
        };
        slot.add(row, text);
        self.marked += 1;
    }

    /// Adds another column's.
    pub fn merge(&mut self, other: &Votes) {
        let pairs = [
            (&mut self.comma, &other.comma),
            (&mut self.dot, &other.dot),
            (&mut self.open.0, &other.open.0),
            (&mut self.open.1, &other.open.1),
        ];
        for (one, more) in pairs {
            one.count += more.count;
            if let Some(first) = &more.first
                && one.first.as_ref().is_none_or(|own| first.0 < own.0)
            {
                one.first = Some(first.clone());
            }
        }
        self.marked += other.marked;
    }

    /// The mark that was proved, by most cells if they disagree.
    pub fn proved(&self) -> Option<Decimal> {
        match (self.comma.count, self.dot.count) {
            (0, 0) => None,
            (comma, dot) if comma >= dot => Some(Decimal::Comma),
            _ => Some(Decimal::Dot),
        }
    }

    /// Whether cells disagree.
    pub fn is_mixed(&self) -> bool {
        self.comma.count > 0 && self.dot.count > 0
    }

    /// Cells that leave it open.
    pub fn open_count(&self) -> usize {
        self.open.0.count + self.open.1.count
    }

    /// The mark of a column in which each cell with a mark has three digits after it.
    pub fn all_three(&self) -> Option<Decimal> {
        match (self.open.0.count, self.open.1.count) {
            (comma, 0) if comma > 1 && comma == self.marked => Some(Decimal::Comma),
            (0, dot) if dot > 1 && dot == self.marked => Some(Decimal::Dot),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_without_their_signs() {
        for (text, value) in [
            ("1 234,50 Kč", 1234.5),
            ("€ 12.50", 12.5),
            ("1.234,- Kč", 1234.0),
            ("450,-", 450.0),
            ("12,--", 12.0),
            ("21 %", 21.0),
            ("CHF 1'234.50", 1234.5),
            ("1\u{202f}234,5\u{a0}CZK", 1234.5),
        ] {
            assert_eq!(number::read(text), Reading::exact(value), "{text}");
        }
        assert_eq!(number::read("-"), Reading::Missing);
        assert_eq!(number::read("####"), Reading::Unreadable("####".into()));
    }

    #[test]
    fn a_text_says_what_it_can_about_the_mark() {
        use Decimal::Comma;
        use Decimal::Dot;
        for (text, said) in [
            ("12,5", Evidence::For(Comma)),
            ("0,600", Evidence::For(Comma)),
            ("1.234,5", Evidence::For(Comma)),
            ("1.234.567", Evidence::For(Comma)),
            ("1 234,567", Evidence::For(Comma)),
            ("1,234.5", Evidence::For(Dot)),
            ("12.5", Evidence::For(Dot)),
            ("1.234", Evidence::Open(Dot)),
            ("1,234 Kč", Evidence::Open(Comma)),
            ("1 234", Evidence::None),
            ("abc, def.", Evidence::None),
        ] {
            assert_eq!(evidence(text), said, "{text}");
        }
        let reading = number::read("1.234");
        assert_eq!(
            (under(&reading, "1.234", Dot), under(&reading, "1.234", Comma)),
            (Some(1.234), Some(1234.0))
        );
    }

    #[test]
    fn columns_vote() {
        let votes = |cells: &[&str]| {
            let mut votes = Votes::default();
            cells.iter().enumerate().for_each(|(row, text)| votes.add(row + 1, text));
            votes
        };
        assert_eq!(votes(&["1,5", "2,234", "7"]).proved(), Some(Decimal::Comma));
        let mixed = votes(&["1,5", "2.5", "2.75"]);
        assert!(mixed.is_mixed() && mixed.proved() == Some(Decimal::Dot));
        assert_eq!(mixed.comma.first, Some((1, "1,5".into())));
        assert_eq!(
            (votes(&["1,250", "7", "2,375"]).all_three(), votes(&["1,250", "7"]).all_three()),
            (Some(Decimal::Comma), None)
        );
        assert_eq!(votes(&["1,250", "2.375"]).all_three(), None);
    }
}
