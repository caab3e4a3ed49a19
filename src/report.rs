//! A run's result as a document: one outline, and every form it goes out in.
//!
//! Works for any panel. What a construction audit calls its fields stands in
//! [`outline`]; what nobody knows here is shown at the end, so that no field
//! of an answer is lost.

pub mod compare;
pub mod csv;
pub mod html;
pub mod markdown;
pub mod outline;
pub mod text;
mod value;
pub mod xlsx;

use std::collections::BTreeMap;

use serde_json::Value;

/// What a document tells of a run beside its result.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its title.
    pub title: &'a str,
    /// When it was accepted, as people read it.
    pub created_at: &'a str,
    /// Which state of the panel's files.
    pub revision: &'a str,
    /// The rows of the bill that was asked about.
    pub positions: &'a [Value],
    /// What was decided about findings, by their ids.
    pub decisions: &'a BTreeMap<String, Decided>,
}

/// What somebody decided about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The decision in a word.
    pub word: &'static str,
    /// Why.
    pub note: String,
}

/// A document: what it is about, and its sections in reading order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    /// What it is about.
    pub title: String,
    /// The run's id, which stands in every form.
    pub run: String,
    /// What must not be overlooked, as "SIMULATED, no model was asked".
    pub mark: Option<String>,
    /// Its sections.
    pub sections: Vec<Section>,
    /// The sentence that stands below.
    pub disclaimer: String,
}

/// A section: paragraphs, then a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// The sheet of a workbook that it stands on.
    pub sheet: Sheet,
    /// Its paragraphs, one line each.
    pub notes: Vec<String>,
    /// Its table.
    pub table: Option<Table>,
}

/// The sheets of a workbook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sheet {
    /// What the run is, how it ended, what was not checked.
    Summary,
    /// What to fix first.
    FixFirst,
    /// All findings of the checks.
    Findings,
    /// Compliance and standards.
    Compliance,
    /// Risks, document issues, questions, recommendations.
    Risks,
    /// The rows of the bill with their flags.
    Positions,
    /// Who answered, when and for how much.
    Cost,
    /// Everything else.
    #[default]
    Details,
}

impl Sheet {
    /// All sheets, in a workbook's order.
    pub const ALL: [Sheet; 8] = [
        Sheet::Summary,
        Sheet::FixFirst,
        Sheet::Findings,
        Sheet::Compliance,
        Sheet::Risks,
        Sheet::Positions,
        Sheet::Cost,
        Sheet::Details,
    ];

    /// Its name on the tab.
    pub fn title(self) -> &'static str {
        match self {
            Sheet::Summary => "Summary",
            Sheet::FixFirst => "Fix first",
            Sheet::Findings => "Findings",
            Sheet::Compliance => "Compliance",
            Sheet::Risks => "Risks",
            Sheet::Positions => "Positions",
            Sheet::Cost => "Cost",
            Sheet::Details => "Details",
        }
    }

    /// Its name in an address.
    pub fn word(self) -> &'static str {
        match self {
            Sheet::Summary => "summary",
            Sheet::FixFirst => "fix_first",
            Sheet::Findings => "findings",
            Sheet::Compliance => "compliance",
            Sheet::Risks => "risks",
            Sheet::Positions => "positions",
            Sheet::Cost => "cost",
            Sheet::Details => "details",
        }
    }
}

/// A table with as many cells in each row as it has columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The same without columns that hold nothing: on paper they take the place of words.
    fn filled(&self) -> Table {
        let is_filled = |at: usize| self.rows.iter().any(|row| row[at] != Cell::Empty);
        let kept: Vec<usize> = (0..self.columns.len()).filter(|at| is_filled(*at)).collect();
        Table {
            columns: kept.iter().map(|at| self.columns[*at].clone()).collect(),
            rows: self.rows.iter().map(|row| kept.iter().map(|at| row[*at].clone()).collect()).collect(),
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// Where a terminal shows it.
    pub place: Place,
}

/// Where a terminal, which has no room for tables, shows a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the row's own line.
    Head,
    /// On a line of its own below, if it is not empty.
    Below,
    /// Nowhere.
    Left,
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// One line of text without control characters.
    Text(String),
    /// A number.
    Number(f64),
}

impl Cell {
    /// The cell as text, with a point for decimals.
    pub fn text(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
        }
    }

    /// Whether a spreadsheet might take its text for a formula.
    pub fn is_risky(&self) -> bool {
        let Cell::Text(text) = self else { return false };
        text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_could_be_a_formula_is_risky() {
        for risky in ["=1+1", "+cmd", "-2+3", "@sum", "\tx", "-"] {
            assert!(Cell::Text(risky.into()).is_risky(), "{risky}");
        }
        for plain in ["", "-2.5", "+4", "a=b", "C30/37", " =x"] {
            assert!(!Cell::Text(plain.into()).is_risky(), "{plain}");
        }
    }
}
