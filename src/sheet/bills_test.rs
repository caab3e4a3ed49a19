//! Every bill of `tests/fixtures/bills` against its control, and what must hold of any bill.

use std::path::Path;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use crate::sheet::Bill;
use crate::sheet::Class;
use crate::sheet::Hints;
use crate::sheet::Source;
use crate::sheet::Unread;
use crate::sheet::bill::Row;
use crate::sheet::bill::number_json;
use crate::sheet::decimal::Decimal;
use crate::sheet::decode::Encoding;
use crate::sheet::delimited::Separator;
use crate::sheet::grid::Cell;
use crate::sheet::words::Role;
use crate::sheet::xlsx::Workbook;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bills")
}

/// The bills with their controls.
fn bills() -> Vec<(String, Vec<u8>, Value)> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut bills: Vec<_> = files
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(".expected.json")?.to_owned();
            let control = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            Some((name.clone(), std::fs::read(folder().join(name)).unwrap(), control))
        })
        .collect();
    bills.sort_by(|one, other| one.0.cmp(&other.0));
    bills
}

fn read(name: &str, bytes: &[u8], hints: &Hints) -> Result<Bill, Unread> {
    if name.ends_with(".json") {
        let pasted: Value = serde_json::from_slice(bytes).unwrap();
        let part = |key: &str| pasted[key].as_str().unwrap();
        return Bill::read(Source::Pasted { text: part("text"), html: part("html") }, hints);
    }
    Bill::read(Source::File { name, bytes }, hints)
}

/// What was read of one key of a control.
fn found(bill: &Bill, key: &str) -> Value {
    let items: Vec<&Row> = bill.rows.iter().filter(|row| row.class == Class::Item).collect();
    let positions: Vec<Value> = items.iter().map(|row| Value::Object(bill.position(row))).collect();
    let field = |name: &str| {
        positions.iter().map(|position| position.get(name).cloned().unwrap_or(Value::Null)).collect::<Value>()
    };
    match key {
        "encoding" => json!(bill.table.encoding.as_ref().map(|guess| guess.value.as_str())),
        "separator" => json!(bill.table.separator.as_ref().map(|guess| guess.value.as_str())),
        "decimal" => json!(bill.decimal.map(Decimal::as_str)),
        "header_row" => json!(bill.layout.header.map(|(first, _)| first)),
        "sheet" => json!(bill.table.sheet.as_ref().map(|guess| &guess.value)),
        "sheets" => json!(bill.table.sheets),
        "columns" => json!(bill.table.grid.columns),
        "items" => json!(items.len()),
        "headings" => json!(bill.count(Class::Heading)),
        "subtotals" => json!(bill.count(Class::Subtotal)),
        "totals" => json!(bill.count(Class::Total)),
        "notes" => json!(bill.count(Class::Note)),
        "sum" => bill.sum.map_or(Value::Null, number_json),
        "stated_sum" => bill.stated.as_ref().map_or(Value::Null, |stated| number_json(stated.value)),
        "stated_cell" => json!(bill.stated.as_ref().map(|stated| &stated.cell)),
        "hidden" => json!([bill.hidden.0, bill.hidden.1]),
        "readings" => bill.readings.map_or(Value::Null, |both| both.map(number_json).to_vec().into()),
        "warnings" => {
            let mut codes: Vec<&str> = bill.warnings.iter().map(|warning| warning.code).collect();
            codes.sort_unstable();
            json!(codes)
        }
        "rows" => field("row"),
        "quantities" => field("quantity"),
        "unit_prices" => field("unit_price"),
        "objects" => field("object"),
        "units" => field("unit"),
        "codes" => field("code"),
        "names" => field("item_name"),
        other => panic!("a control says {other}, which nothing reads"),
    }
}

#[test]
fn every_bill_is_read_as_its_control_says() {
    let mut wrong = Vec::new();
    let bills = bills();
    assert!(bills.len() >= 50, "{}", bills.len());
    for (name, bytes, control) in bills {
        match (read(&name, &bytes, &Hints::default()), control["fault"].as_str()) {
            (Err(fault), Some(expected)) if fault.to_string().contains(expected) => {
                assert!(!fault.remedy().is_empty())
            }
            (Err(fault), _) => wrong.push(format!("{name}: {fault}")),
            (Ok(_), Some(expected)) => wrong.push(format!("{name}: was read, but {expected}")),
            (Ok(bill), None) => {
                for (key, expected) in control.as_object().unwrap() {
                    let found = found(&bill, key);
                    if found != *expected {
                        wrong.push(format!("{name}: {key} is {found}, expected {expected}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn corrections_go_before_guesses() {
    let bytes = |name: &str| std::fs::read(folder().join(name)).unwrap();
    let quantities =
        |name: &str, hints: &Hints| found(&read(name, &bytes(name), hints).unwrap(), "quantities");
    let decimal = Hints { decimal: Some(Decimal::Comma), ..Hints::default() };
    assert_eq!(quantities("ambiguous.csv", &decimal), json!([1234, 56]));
    let column = Hints { columns: vec![(Role::Quantity, "První sazba".into())], ..Hints::default() };
    assert_eq!(quantities("no-quantity.xlsx", &column), json!([7, 3]));
    for name in ["B", "2"] {
        let column = Hints { columns: vec![(Role::Quantity, name.into())], ..Hints::default() };
        assert_eq!(quantities("no-quantity.xlsx", &column), json!([2.5, 1]));
    }
    let hidden = Hints { hidden: true, ..Hints::default() };
    assert_eq!(quantities("hidden-rows.xlsx", &hidden), json!([22.5, 2.25, 99, 10]));
    let sheet = Hints { sheet: Some("Stará verze".into()), ..Hints::default() };
    assert_eq!(quantities("hidden-sheet.xlsx", &sheet), json!([22.5, 2.25]));
    let second = Hints { header_row: Some(5), ..Hints::default() };
    assert_eq!(quantities("two-tables.csv", &second), json!([3]));
    let none = Hints { header_row: Some(0), ..Hints::default() };
    assert_eq!(quantities("no-header.csv", &none), json!([12.5, 1.25, 40]));
    let wrong =
        Hints { separator: Separator::named(","), encoding: Some(Encoding::Windows1252), ..Hints::default() };
    let bill = read("thin-spaces.csv", &bytes("thin-spaces.csv"), &wrong).unwrap();
    assert_eq!((found(&bill, "separator"), found(&bill, "encoding")), (json!(","), json!("windows-1252")));
    for (hints, told) in [
        (Hints { sheet: Some("x".into()), ..Hints::default() }, "there is no sheet `x`; there are Rozpočet"),
        (
            Hints { header_row: Some(40), ..Hints::default() },
            "there is no row 40 to take headings from; the last row is 4",
        ),
        (
            Hints { columns: vec![(Role::Unit, "Nic".into())], ..Hints::default() },
            "there is no column `Nic`; there are PČ | Kód | Popis",
        ),
    ] {
        let fault = read("plain.xlsx", &bytes("plain.xlsx"), &hints).unwrap_err().to_string();
        assert!(fault.starts_with(told), "{fault}");
    }
}

#[test]
fn another_reader_sees_the_same_cells() {
    use calamine::Data;
    use calamine::Reader;
    for (name, bytes, control) in bills() {
        if !bytes.starts_with(b"PK") || control["fault"].is_string() || name == "far-corner.xlsx" {
            continue;
        }
        let mut theirs = calamine::Xlsx::new(std::io::Cursor::new(&bytes)).unwrap();
        let mut ours = Workbook::open(&bytes).unwrap();
        for sheet in ours.sheets().to_vec() {
            let range = theirs.worksheet_range(&sheet.name).unwrap();
            let grid = ours.grid(&sheet).unwrap();
            for (row, column, cell) in range.used_cells() {
                let (top, left) = range.start().unwrap();
                let line =
                    grid.line(top as usize + row + 1).unwrap_or_else(|| panic!("{name}: no row {row}"));
                let own = line.cell(left as usize + column);
                let same = match (cell, own) {
                    (Data::Float(theirs), Cell::Number(ours) | Cell::Percent(ours)) => theirs == ours,
                    (Data::String(theirs), Cell::Text(ours)) => theirs.trim() == &**ours,
                    (Data::DateTime(_), Cell::Date(_)) => true,
                    _ => false,
                };
                assert!(same, "{name}: {cell:?} is {own:?}");
            }
        }
    }
}

#[test]
fn limits_name_the_number_found() {
    let rows = |count: usize| (0..count).map(|row| format!("Beton {row};m3;1\n")).collect::<String>();
    // What stands above the positions is none of them.
    let most = format!("Rozpočet\n\nStavba: hala\nPopis;MJ;Množství\n{}", rows(20_000));
    let bill = read("big.csv", most.as_bytes(), &Hints::default()).unwrap();
    assert_eq!(bill.positions().len(), 20_000);
    let (one_more, long_table) =
        (format!("Popis;MJ;Množství\n{}", rows(20_001)), format!("a\nb\n{}", rows(20_060)));
    let wide = format!("Popis;MJ;Množství{}\n", ";x".repeat(70));
    let long = vec![b'x'; (10 << 20) + 1];
    for (bytes, told) in [
        (rows(20_001).as_bytes(), "the bill has 20001 rows; at most 20000 are read"),
        (one_more.as_bytes(), "the bill has 20001 rows; at most 20000 are read"),
        (long_table.as_bytes(), "the bill has 20062 rows; at most 20000 are read"),
        (wide.as_bytes(), "the bill has 73 columns; at most 64 are read"),
        (&long, "the bill has 10485761 bytes; at most 10485760 (10 MB) are read"),
    ] {
        let fault = read("big.csv", bytes, &Hints::default()).unwrap_err();
        assert_eq!(fault.to_string(), told);
    }
}

/// A position as a test makes it.
#[derive(Clone, Debug)]
struct Made {
    name: String,
    unit: &'static str,
    quantity: i64,
    price: i64,
}

impl Made {
    /// Hundredths with a mark, thousands apart.
    fn written(hundredths: i64, mark: &str, thousands: &str) -> String {
        let whole = (hundredths / 100).abs().to_string();
        let groups: Vec<&str> =
            whole.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
        let sign = if hundredths < 0 { "-" } else { "" };
        format!("{sign}{}{mark}{:02}", groups.join(thousands), (hundredths % 100).abs())
    }
}

/// Whether a letter of the name is a sign in another table, where a sign may stand: "ř 12" is "ø 12", "9 ž" is "9 ¾".
/// With few other letters nothing in a file tells which.
fn may_be_sign(name: &str) -> bool {
    let words: Vec<&str> = name.split(' ').collect();
    let digit = |word: Option<&&str>| word.is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    (0..words.len()).any(|at| {
        let letters = words[at].trim_matches(|c: char| !c.is_alphanumeric());
        (letters == "ř" && digit(words.get(at + 1)))
            || ["ř", "ž"].iter().any(|sign| {
                letters.chars().any(|c| c.is_ascii_digit())
                    && letters.split(|c: char| !c.is_alphabetic()).any(|run| run == *sign)
            })
    })
}

fn made() -> impl Strategy<Value = Made> {
    let name = "[A-Za-zčřžáíé]{3,12}( [a-z0-9čřžáíé;,\"|]{2,9}){0,3}"
        .prop_filter("a remark or a sum", |name| {
            !crate::sheet::words::is_remark(name) && crate::sheet::words::sum_of(name).is_none()
        })
        .prop_filter("a letter that may be a sign", |name| !may_be_sign(name));
    let unit = prop::sample::select(vec!["m3", "m2", "t", "kg", "ks", "h"]);
    (name, unit, 1i64..99_999_999, 1i64..9_999_999).prop_map(|(name, unit, quantity, price)| Made {
        name,
        unit,
        quantity,
        price,
    })
}

/// The bill as a file, written by somebody else's code.
fn file(rows: &[Made], separator: u8, mark: &str, encoding: &'static encoding_rs::Encoding) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
    writer.write_record(["Popis", "MJ", "Množství", "Jednotková cena"]).unwrap();
    for row in rows {
        let [quantity, price] = [row.quantity, row.price]
            .map(|number| Made::written(number, mark, if mark == "," { " " } else { "'" }));
        writer.write_record([&row.name, row.unit, &quantity, &price]).unwrap();
    }
    let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    encoding.encode(&text).0.into_owned()
}

/// What was read of the rows, without their numbers.
fn contents(bill: &Bill) -> Vec<(String, Value, Value, Value)> {
    let items = bill.rows.iter().filter(|row| row.class == Class::Item).map(|row| bill.position(row));
    let field = |position: &serde_json::Map<String, Value>, key: &str| {
        position.get(key).cloned().unwrap_or(Value::Null)
    };
    items
        .map(|position| {
            let name = position["item_name"].as_str().unwrap().to_owned();
            (name, field(&position, "unit"), field(&position, "quantity"), field(&position, "unit_price"))
        })
        .collect()
}

fn expected(rows: &[Made]) -> Vec<(String, Value, Value, Value)> {
    let number = |hundredths: i64| number_json(format!("{hundredths}e-2").parse().unwrap());
    rows.iter()
        .map(|row| (row.name.trim().to_owned(), json!(row.unit), number(row.quantity), number(row.price)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(300), ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), name in ".{0,12}") {
        let _ = Bill::read(Source::File { name: &name, bytes: &bytes }, &Hints::default());
    }

    #[test]
    fn no_text_makes_it_panic(
        cells in prop::collection::vec("([a-zA-Zčř;,.\"\n\t<>& 0-9%#-]{0,12}|Množství|MJ|Popis|Celkem|1[.,]234)", 0..80),
        html in "(<t[dr]( colspan=[0-9]{0,9})?>|</t[dr]>|<table>|&[a-z#0-9]{0,9};?|[a-z<>]{0,5}){0,20}",
        mark in "[;,\t|]",
    ) {
        let text: String = cells.chunks(5).map(|row| row.join(&mark) + "\n").collect();
        let read = Bill::read(Source::Pasted { text: &text, html: &html }, &Hints::default());
        if let Ok(bill) = read {
            prop_assert!(bill.rows.windows(2).all(|pair| pair[0].number < pair[1].number));
        }
    }

    #[test]
    fn no_torn_workbook_makes_it_panic(at in 0usize..4000, bytes in prop::collection::vec(any::<u8>(), 1..30)) {
        let mut book = std::fs::read(folder().join("merged-headings.xlsx")).unwrap();
        let at = at % book.len();
        let end = (at + bytes.len()).min(book.len());
        book[at..end].copy_from_slice(&bytes[..end - at]);
        let _ = Bill::read(Source::File { name: "x.xlsx", bytes: &book }, &Hints::default());
    }

    #[test]
    fn what_is_written_is_read_back(
        rows in prop::collection::vec(made(), 3..20),
        separator in prop::sample::select(vec![b';', b'\t', b'|']),
        mark in prop::sample::select(vec![",", "."]),
        encoding in prop::sample::select(vec![encoding_rs::UTF_8, encoding_rs::WINDOWS_1250, encoding_rs::ISO_8859_2]),
    ) {
        let bytes = file(&rows, separator, mark, encoding);
        let bill = Bill::read(Source::File { name: "x.csv", bytes: &bytes }, &Hints::default()).unwrap();
        prop_assert_eq!(contents(&bill), expected(&rows));
    }

    #[test]
    fn the_order_of_rows_changes_none(rows in prop::collection::vec(made(), 3..20), turn in 0usize..20) {
        let read = |rows: &[Made]| {
            let bytes = file(rows, b';', ",", encoding_rs::UTF_8);
            Bill::read(Source::File { name: "x.csv", bytes: &bytes }, &Hints::default()).unwrap()
        };
        let mut turned = rows.clone();
        turned.rotate_left(turn % rows.len());
        let mut back = contents(&read(&turned));
        back.rotate_right(turn % rows.len());
        prop_assert_eq!(back, contents(&read(&rows)));
    }
}
