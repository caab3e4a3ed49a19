//! Reading a bill of quantities before anything is asked: nothing is stored, no model sees it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::Uri;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;
use serde_json::json;

use super::Door;
use super::body;
use super::problem::Code;
use super::problem::Problem;
use super::request::Parameters;
use super::runs::no_store;
use crate::ask::AskFault;
use crate::sheet::Bill;
use crate::sheet::Class;
use crate::sheet::Hints;
use crate::sheet::Source;
use crate::sheet::Unread;
use crate::sheet::bill::number_json;
use crate::sheet::decimal::Decimal;
use crate::sheet::decode::Encoding;
use crate::sheet::delimited::Separator;
use crate::sheet::grid::Cell;
use crate::sheet::grid::MAX_BYTES;

const PARAMETERS: [&str; 8] =
    ["filename", "sheet", "header_row", "decimal", "separator", "encoding", "columns", "hidden"];

/// What was copied in another program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pasted {
    #[serde(default)]
    text: String,
    #[serde(default)]
    html: String,
}

/// A bill as it came.
enum Came {
    File { name: String, bytes: Vec<u8> },
    Pasted(Pasted),
}

/// `POST /api/v1/boq/preview`: what a bill says and how that was found out.
pub async fn preview(
    State(door): State<Arc<Door>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &PARAMETERS)?;
    let hints = hints(&parameters)?;
    let (seat, body) = door.seat(body).await?;
    let came = came(&headers, body, (&door, &parameters)).await?;
    let reading = door.bench.work(seat, move || {
        let source = match &came {
            Came::File { name, bytes } => Source::File { name, bytes },
            Came::Pasted(pasted) => Source::Pasted { text: &pasted.text, html: &pasted.html },
        };
        Bill::read(source, &hints).map(|bill| serde_json::to_vec(&shown(&bill)).unwrap_or_default())
    });
    let read = reading.await?;
    let bytes = read.map_err(|fault| refused(&fault))?;
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((no_store(), json, bytes).into_response())
}

async fn came(headers: &HeaderMap, body: Body, place: (&Door, &Parameters)) -> Result<Came, Problem> {
    let (door, parameters) = place;
    let settings = super::Settings { body_limit: MAX_BYTES, ..door.settings.clone() };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind.starts_with("multipart/") || kind == "application/x-www-form-urlencoded" {
        return Err(Problem::new(Code::UnsupportedMediaType, "forms are not read").hint(
            "Send the file itself as the body: curl --data-binary @bill.xlsx -H 'content-type: application/octet-stream'",
        ));
    }
    let bytes = body::bytes(headers, body, &settings).await?;
    if kind != "application/json" {
        return Ok(Came::File { name: parameters.get("filename").unwrap_or_default().to_owned(), bytes });
    }
    serde_json::from_slice(&bytes).map(Came::Pasted).map_err(|error| match error.classify() {
        Category::Data => {
            Problem::invalid(vec![AskFault { pointer: String::new(), detail: error.to_string() }])
                .hint("What was pasted is an object such as {\"text\": \"...\", \"html\": \"...\"}.")
        }
        _ => Problem::new(Code::InvalidJson, format!("the body is not JSON: {error}")),
    })
}

/// The corrections of an address.
fn hints(parameters: &Parameters) -> Result<Hints, Problem> {
    let mut faults = Vec::new();
    let mut fault =
        |name: &str, detail: String| faults.push(AskFault { pointer: format!("/{name}"), detail });
    let mut hints = Hints { hidden: parameters.flag("hidden")?.unwrap_or(false), ..Hints::default() };
    hints.sheet = parameters.get("sheet").map(str::to_owned);
    if let Some(row) = parameters.get("header_row") {
        hints.header_row = row.parse().ok();
        if hints.header_row.is_none() {
            fault("header_row", "expected the number of a row, or 0 where nothing heads the columns".into());
        }
    }
    if let Some(mark) = parameters.get("decimal") {
        hints.decimal = Decimal::named(mark);
        if hints.decimal.is_none() {
            fault("decimal", "expected `,` or `.`".into());
        }
    }
    if let Some(separator) = parameters.get("separator") {
        hints.separator = Separator::named(separator);
        if hints.separator.is_none() {
            fault("separator", "expected `;`, `,`, `|` or `tab`".into());
        }
    }
    if let Some(encoding) = parameters.get("encoding") {
        hints.encoding = Encoding::named(encoding);
        if hints.encoding.is_none() {
            let known = Encoding::ALL.map(Encoding::as_str).join(", ");
            fault("encoding", format!("expected one of {known}"));
        }
    }
    match Hints::columns(parameters.get("columns").unwrap_or_default()) {
        Ok(columns) => hints.columns = columns,
        Err(detail) => fault("columns", detail),
    }
    if faults.is_empty() { Ok(hints) } else { Err(Problem::invalid(faults)) }
}

fn refused(fault: &Unread) -> Problem {
    let at = |pointer: &str| {
        Problem::invalid(vec![AskFault { pointer: pointer.to_owned(), detail: fault.to_string() }])
    };
    let problem = match fault {
        Unread::NotATable(..) => Problem::new(Code::UnsupportedMediaType, fault.to_string()),
        Unread::Bytes(_) | Unread::Rows(_) | Unread::Columns(_) | Unread::Text | Unread::Bomb(_) => {
            Problem::new(Code::PayloadTooLarge, fault.to_string())
        }
        Unread::Damaged(_) => at(""),
        Unread::NoSheet(..) => at("/sheet"),
        Unread::NoRow(..) => at("/header_row"),
        Unread::NoColumn(..) => at("/columns"),
    };
    problem.hint(fault.remedy())
}

/// A bill as the contract has it.
pub fn shown(bill: &Bill) -> Value {
    let rows = &bill.rows;
    let mut shown = json!({
        "rows": rows.iter().filter(|row| row.class != Class::Empty).count(),
        "items": rows.iter().map(|row| item(bill, row)).collect::<Vec<_>>(),
        "columns": columns(bill),
        "detected": detected(bill),
        "hidden": {"rows": bill.hidden.0, "columns": bill.hidden.1},
        "warnings": warnings(bill),
        "positions": bill.positions(),
    });
    if let Some(sum) = bill.sum {
        shown["sum"] = number_json(sum);
    }
    if let Some(stated) = &bill.stated {
        shown["stated_sum"] = number_json(stated.value);
        shown["stated_cell"] = json!(stated.cell);
    }
    shown
}

/// A row with its class, the fields of its position and its cells as they stand.
fn item(bill: &Bill, row: &crate::sheet::bill::Row) -> Value {
    let mut item = bill.position(row);
    item.insert("class".into(), json!(row.class.as_str()));
    let cells = &bill.table.grid.lines[row.line].cells;
    item.insert("cells".into(), cells.iter().map(Cell::shown).collect());
    Value::Object(item)
}

fn columns(bill: &Bill) -> Vec<Value> {
    let columns = bill.layout.columns.iter().map(|column| {
        let role = column.role.map(crate::sheet::words::Role::as_str);
        json!({"name": column.name, "role": role, "confidence": rounded(column.confidence)})
    });
    columns.collect()
}

fn detected(bill: &Bill) -> Value {
    let guess = |value: Value, confidence: f64| json!({"value": value, "confidence": rounded(confidence)});
    let header = bill.layout.header.map(|(first, _)| first);
    let mut detected = json!({"header_row": guess(json!(header), bill.layout.confidence)});
    if let Some((first, last)) = bill.layout.header.filter(|(first, last)| first != last) {
        detected["header_row"]["rows"] = json!(last - first + 1);
    }
    if let Some(sheet) = &bill.table.sheet {
        detected["sheet"] = guess(json!(sheet.value), sheet.confidence);
        detected["sheet"]["choices"] = json!(bill.table.sheets);
    }
    if let Some(separator) = &bill.table.separator {
        detected["separator"] = guess(json!(separator.value.as_str()), separator.confidence);
    }
    if let Some(encoding) = &bill.table.encoding {
        detected["encoding"] = guess(json!(encoding.value.as_str()), encoding.confidence);
    }
    if let Some(decimal) = bill.decimal {
        detected["decimal"] = guess(json!(decimal.as_str()), bill.decimal_confidence);
        if let Some([comma, dot]) = bill.readings {
            detected["decimal"]["readings"] =
                json!([{"value": ",", "sum": number_json(comma)}, {"value": ".", "sum": number_json(dot)}]);
        }
    }
    detected
}

fn warnings(bill: &Bill) -> Vec<Value> {
    let warnings = bill.warnings.iter().map(|warning| {
        let mut shown = json!({"code": warning.code, "message": warning.message});
        if !warning.rows.is_empty() {
            shown["rows"] = json!(warning.rows);
        }
        shown
    });
    warnings.collect()
}

fn rounded(confidence: f64) -> f64 {
    (confidence * 100.0).round() / 100.0
}
