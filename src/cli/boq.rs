//! `askstream boq`: bills of quantities read and checked in this process; nobody is asked.

use std::fmt::Write as _;
use std::io::Read;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use serde_json::json;

use super::Exit;
use crate::audit;
use crate::audit::Checks;
use crate::audit::Finding;
use crate::audit::Project;
use crate::audit::Severity;
use crate::http::boq::shown;
use crate::sheet::Bill;
use crate::sheet::Class;
use crate::sheet::Hints;
use crate::sheet::Source;
use crate::sheet::Unread;
use crate::sheet::decimal::Decimal;
use crate::sheet::decode::Encoding;
use crate::sheet::delimited::Separator;
use crate::sheet::grid::MAX_BYTES;
use crate::sheet::words::Role;

/// Examples of `boq check`.
pub const EXAMPLES: &str = "Examples:\n  askstream boq check rozpocet.xlsx\n  \
    askstream boq check rozpocet.xlsx --sheet \"SO 201\" --column quantity=F\n  \
    askstream boq check - --decimal , --json < bill.csv\n\n\
    Exit codes: 0 nothing of medium severity or above but questions (RFI); 2 the bill could not be read; 4 something was flagged.";

/// How a bill is to be read, where it says otherwise.
#[derive(Args, Clone, Debug, Default)]
pub struct BillArgs {
    /// The sheet of a workbook [default: the one that looks most like a bill].
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// The row that heads the columns, from 1; 0 where none does.
    #[arg(long, value_name = "ROW")]
    pub header_row: Option<usize>,
    /// Which column holds what: ROLE=HEADING, letters or number; again for each column.
    #[arg(long = "column", value_name = "ROLE=COLUMN", value_parser = Hints::column)]
    pub columns: Vec<(Role, String)>,
    /// The decimal mark: `,` or `.`.
    #[arg(long, value_name = "MARK", value_parser = decimal)]
    pub decimal: Option<Decimal>,
    /// What separates cells: `;`, `,`, `|` or `tab`.
    #[arg(long, value_name = "MARK", value_parser = separator)]
    pub separator: Option<Separator>,
    /// How the text was written, for example windows-1250.
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    pub encoding: Option<Encoding>,
    /// Read hidden sheets, rows and columns as well.
    #[arg(long)]
    pub hidden: bool,
}

/// What `boq check` takes.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The bill; `-` reads standard input.
    file: PathBuf,
    #[command(flatten)]
    bill: BillArgs,
    /// The table of limiting values.
    #[arg(long, value_name = "NAME", default_value = "en", value_parser = ["en", "cz", "cz-rail"])]
    ruleset: String,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

fn decimal(text: &str) -> Result<Decimal, String> {
    Decimal::named(text).ok_or_else(|| "expected `,` or `.`".to_owned())
}

fn separator(text: &str) -> Result<Separator, String> {
    Separator::named(text).ok_or_else(|| "expected `;`, `,`, `|` or `tab`".to_owned())
}

fn encoding(text: &str) -> Result<Encoding, String> {
    Encoding::named(text)
        .ok_or_else(|| format!("expected one of {}", Encoding::ALL.map(Encoding::as_str).join(", ")))
}

impl BillArgs {
    /// The same as hints.
    pub fn hints(&self) -> Hints {
        Hints {
            sheet: self.sheet.clone(),
            header_row: self.header_row,
            decimal: self.decimal,
            separator: self.separator,
            encoding: self.encoding,
            columns: self.columns.clone(),
            hidden: self.hidden,
        }
    }
}

/// The bytes of a file, or of standard input for `-`; not more than one too many.
///
/// # Errors
/// Why they cannot be read.
pub fn bytes_of(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().take(limit as u64 + 1).read_to_end(&mut bytes),
        false => {
            std::fs::File::open(path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes))
        }
    };
    read.map(|_| bytes).map_err(|error| format!("error: cannot read {}: {error}", path.display()))
}

/// How messages name a file.
pub fn name_of(path: &Path) -> String {
    match path.as_os_str() == "-" {
        true => "standard input".to_owned(),
        false => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// Reads a bill that must have quantities.
///
/// # Errors
/// What is wrong with it, where, and what to do.
pub fn read(path: &Path, bytes: &[u8], args: &BillArgs) -> Result<Bill, String> {
    let name = name_of(path);
    if bytes.len() > MAX_BYTES {
        // Not more than one byte too many was read.
        let length = std::fs::metadata(path).ok().and_then(|about| usize::try_from(about.len()).ok());
        let length = length.filter(|length| *length > MAX_BYTES).unwrap_or(bytes.len());
        return Err(refused(&name, &Unread::Bytes(length)));
    }
    let bill = Bill::read(Source::File { name: &name, bytes }, &args.hints())
        .map_err(|fault| refused(&name, &fault))?;
    if bill.table.grid.is_blank() {
        return Err(nothing(&name, &bill));
    }
    if bill.layout.column(Role::Quantity).is_none() {
        return Err(no_quantity(path, &name, &bill));
    }
    Ok(bill)
}

fn refused(name: &str, fault: &Unread) -> String {
    let told = fault.to_string();
    let told = if told.contains(name) { told } else { format!("{name}: {told}") };
    plain(&format!("error: {told}\n  fix      {}", fault.remedy()))
}

fn nothing(name: &str, bill: &Bill) -> String {
    let fix = match &bill.table.sheets[..] {
        [] | [_] => "Save the bill again in the program that made it, or choose another file.".to_owned(),
        sheets => format!("Name the sheet with the bill, --sheet NAME: {}.", sheets.join(", ")),
    };
    plain(&format!("error: {name}: there is nothing in this table\n  fix      {fix}"))
}

fn no_quantity(path: &Path, name: &str, bill: &Bill) -> String {
    let sheet =
        bill.table.sheet.as_ref().map(|sheet| format!("sheet \"{}\", ", sheet.value)).unwrap_or_default();
    let header =
        bill.layout.header.map_or("no header row".to_owned(), |(row, _)| format!("header row {row}"));
    let columns: Vec<&str> = bill.layout.columns.iter().map(|column| column.name.as_str()).collect();
    let last = columns.last().copied().unwrap_or("C");
    plain(&format!(
        "error: {name}: no column looks like quantities ({sheet}{header})\n  columns  {}\n  fix      askstream boq check {} --column \"quantity={last}\"",
        columns.join(" | "),
        path.display()
    ))
}

/// Reads, checks and says what was found.
pub fn check(args: &CheckArgs) -> Exit {
    let read = bytes_of(&args.file, MAX_BYTES).and_then(|bytes| read(&args.file, &bytes, &args.bill));
    let bill = match read {
        Ok(bill) => bill,
        Err(why) => {
            eprintln!("{why}");
            return Exit::Usage;
        }
    };
    let positions = bill.positions();
    let input = json!({"positions": positions, "specifications": {"ruleset": args.ruleset}});
    let checks = audit::check(&Project::read("", "en", &input));
    let text = match args.json {
        true => as_json(&bill, &checks),
        false => plain(&report(&name_of(&args.file), &bill, &checks)),
    };
    let mut out = std::io::stdout();
    // A reader that has left has what it wanted.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    let adds_up = !bill.warnings.iter().any(|warning| warning.code.ends_with("_differs"));
    match !adds_up || checks.findings.iter().any(is_flag) {
        true => Exit::Flagged,
        false => Exit::Complete,
    }
}

/// Whether something is wrong with the bill; a question for what no bill says, such as cover, is none.
fn is_flag(finding: &Finding) -> bool {
    finding.severity <= Severity::Medium && !finding.rule.starts_with("RFI-")
}

fn as_json(bill: &Bill, checks: &Checks) -> String {
    let answer = json!({
        "schema": "askstream.boq/1", "bill": shown(bill), "findings": checks.findings, "coverage": checks.coverage,
        "ruleset": checks.ruleset,
    });
    format!("{}\n", serde_json::to_string_pretty(&answer).unwrap_or_default())
}

/// The findings for a person at a terminal.
fn report(name: &str, bill: &Bill, checks: &Checks) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{name}  {}", settings(bill).join(", "));
    let counts = [
        (Class::Item, "items"),
        (Class::Heading, "headings"),
        (Class::Subtotal, "subtotals"),
        (Class::Total, "totals"),
    ];
    let counts = counts.map(|(class, word)| format!("{} {word}", bill.count(class)));
    let _ = writeln!(out, "{}", counts.join(", "));
    if let Some(sum) = bill.sum {
        let stated = bill.stated.as_ref().map(|stated| {
            let word = if crate::sheet::class::agree(sum, stated.value, bill.rows.len()) {
                "match"
            } else {
                "DIFFERENT"
            };
            format!("    sum in the file {:.2} (cell {})    {word}", stated.value, stated.cell)
        });
        let _ = writeln!(out, "sum read {sum:.2}{}", stated.unwrap_or_default());
    }
    for warning in &bill.warnings {
        let _ = writeln!(out, "note: {}", warning.message);
    }
    out.push('\n');
    let rows: Vec<usize> = bill.positioned().map(|row| row.number).collect();
    let told = |finding: &&Finding| finding.severity < Severity::Info;
    for finding in checks.findings.iter().filter(told) {
        let _ = writeln!(
            out,
            "{:<9} {:<10} {:<13} {}",
            finding.severity.as_str(),
            place(&rows, finding),
            finding.rule,
            finding.message
        );
    }
    let _ = writeln!(out, "{}", summary(checks));
    out
}

fn settings(bill: &Bill) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(bill.table.sheet.as_ref().map(|sheet| format!("sheet \"{}\"", sheet.value)));
    said.push(bill.layout.header.map_or("no header row".to_owned(), |(row, _)| format!("header row {row}")));
    said.extend(
        bill.table.separator.as_ref().map(|separator| format!("separator {}", separator.value.as_str())),
    );
    said.extend(bill.decimal.map(|decimal| format!("decimals {}", decimal.as_str())));
    said.extend(bill.table.encoding.as_ref().map(|encoding| encoding.value.as_str().to_owned()));
    said
}

/// The rows of a finding as the file numbers them; `rows` are those of the positions.
fn place(rows: &[usize], finding: &Finding) -> String {
    let rows: Vec<usize> = finding.rows.iter().filter_map(|at| rows.get(*at).copied()).collect();
    match rows[..] {
        [] => "-".to_owned(),
        [one] => format!("row {one}"),
        [first, second] => format!("row {first},{second}"),
        [first, ..] => format!("row {first}+{}", rows.len() - 1),
    }
}

fn summary(checks: &Checks) -> String {
    let all = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];
    let count =
        |severity: Severity| checks.findings.iter().filter(|finding| finding.severity == severity).count();
    let counts: Vec<String> = all
        .into_iter()
        .filter(|severity| count(*severity) > 0)
        .map(|severity| format!("{} {}", count(severity), severity.as_str()))
        .collect();
    let counts = if counts.is_empty() { "nothing found".to_owned() } else { counts.join(", ") };
    format!(
        "{counts}; checks without AI, ruleset {}. Arithmetic and consistency only: a qualified person decides.",
        checks.ruleset.name
    )
}

/// The bill as the input of an ask.
pub fn input(bill: &Bill) -> Value {
    json!({"positions": bill.positions()})
}

/// Text without what would move a cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}
