//! What is odd about a bill, and where.

/// Rows that a warning names.
const NAMED: usize = 20;

/// Something that somebody should look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    /// What it is, for programs.
    pub code: &'static str,
    /// The same for people.
    pub message: String,
    /// The rows, as numbered in the file; the first ones if there are many.
    pub rows: Vec<usize>,
}

impl Warning {
    /// A warning about the bill as a whole.
    pub fn new(code: &'static str, message: impl Into<String>) -> Warning {
        Warning { code, message: message.into(), rows: Vec::new() }
    }

    /// The same about these rows.
    pub fn rows(mut self, rows: &[usize]) -> Warning {
        self.rows = rows.iter().copied().take(NAMED).collect();
        self
    }
}

/// "row 7", "rows 7, 9", "rows 7, 9 and 31 more".
pub fn told(rows: &[usize]) -> String {
    let few: Vec<String> = rows.iter().take(5).map(ToString::to_string).collect();
    match rows.len() {
        1 => format!("row {}", few[0]),
        n if n <= 5 => format!("rows {}", few.join(", ")),
        n => format!("rows {} and {} more", few.join(", "), n - 5),
    }
}
