//! Why a bill could not be read, in words for the one who has it.

use crate::sheet::grid::MAX_BYTES;
use crate::sheet::grid::MAX_COLUMNS;
use crate::sheet::grid::MAX_ROWS;

/// Why there is no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Something else than a table.
    #[error("{}", told(.0, .1))]
    NotATable(String, Other),
    /// A workbook that breaks the rules of its format.
    #[error("the workbook is damaged ({0})")]
    Damaged(String),
    /// A workbook that would take far more room than its file.
    #[error("the workbook is refused: {0}")]
    Bomb(String),
    /// More bytes than the limit.
    #[error("the bill has {0} bytes; at most {MAX_BYTES} (10 MB) are read")]
    Bytes(usize),
    /// More rows than the limit.
    #[error("the bill has {0} rows; at most {MAX_ROWS} are read")]
    Rows(usize),
    /// More columns than the limit.
    #[error("the bill has {0} columns; at most {MAX_COLUMNS} are read")]
    Columns(usize),
    /// More text than the limit.
    #[error("the cells hold more text than the 24 MB that are read")]
    Text,
    /// A sheet that is not there.
    #[error("there is no sheet `{0}`; there are {known}", known = .1.join(", "))]
    NoSheet(String, Vec<String>),
    /// A row that is not there.
    #[error("there is no row {0} to take headings from; the last row is {1}")]
    NoRow(usize, usize),
    /// A column that is not there.
    #[error("there is no column `{0}`; there are {known}", known = .1.join(" | "))]
    NoColumn(String, Vec<String>),
}

/// What a file is that is no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// Some bytes.
    Unknown,
    /// A document to be printed.
    Pdf,
    /// A workbook of Excel 97 to 2003, or one of its binary form.
    OldExcel,
    /// A workbook behind a password.
    Locked,
    /// A spreadsheet of OpenDocument.
    OpenDocument,
    /// An archive without a workbook.
    Archive,
    /// Text without any table in it.
    Markup,
}

impl Other {
    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Other::Unknown | Other::Markup => "CSV, TSV or XLSX work.",
            Other::Pdf => "Export the bill as XLSX or CSV from the program that made the PDF.",
            Other::OldExcel => "Open it and save it as an Excel workbook (.xlsx) or as CSV.",
            Other::Locked => "Save it without a password.",
            Other::OpenDocument => "Save it as an Excel workbook (.xlsx) or as CSV.",
            Other::Archive => "Unpack it and give the table itself: CSV, TSV or XLSX.",
        }
    }
}

fn told(name: &str, other: &Other) -> String {
    let name = if name.is_empty() { "this".to_owned() } else { format!("\"{name}\"") };
    match other {
        Other::Unknown | Other::Markup => format!("{name} is not a table"),
        Other::Pdf => format!("{name} is not a table, it is a PDF document"),
        Other::OldExcel => {
            format!("{name} is a workbook of an old or binary Excel format, which is not read")
        }
        Other::Locked => format!("{name} is protected by a password"),
        Other::OpenDocument => format!("{name} is an OpenDocument file, which is not read yet"),
        Other::Archive => format!("{name} is an archive without a workbook in it"),
    }
}

impl Unread {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Unread::NotATable(_, other) => other.remedy(),
            Unread::Damaged(_) => "Open it in a spreadsheet program and save it again, or save it as CSV.",
            Unread::Bomb(_) => "Copy the bill alone into a new workbook, or save it as CSV.",
            Unread::Bytes(_) | Unread::Rows(_) | Unread::Text => {
                "Split the bill, or delete sheets and rows that do not belong to it."
            }
            Unread::Columns(_) => "Delete the columns that do not belong to the bill.",
            Unread::NoSheet(..) => "Name one of them.",
            Unread::NoRow(..) => {
                "Give the number of a row of the file, or 0 where nothing heads the columns."
            }
            Unread::NoColumn(..) => "Name a column by its heading or by its letter.",
        }
    }
}
