//! Bills of quantities over the wire and on the command line.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::client::Request;
use crate::harness::server::Ran;
use crate::harness::server::command;
use crate::harness::temp::Temp;

const PREVIEW: &str = "/api/v1/boq/preview";

fn bill(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bills").join(name)).unwrap()
}

fn request<'a>(server: &'a Server, parameters: &str, body: &[u8]) -> Request<'a> {
    let path = format!("{PREVIEW}{parameters}");
    let request = server.request("POST", &path).body(body).without("content-type");
    request.header("content-type", "application/octet-stream")
}

fn preview(server: &Server, parameters: &str, body: &[u8]) -> Reply {
    request(server, parameters, body).send()
}

/// What a bill is made to hold, as the answer says it.
fn assert_answer(name: &str, answer: &Value) {
    let control: Value = serde_json::from_slice(&bill(&format!("{name}.expected.json"))).unwrap();
    let items: Vec<&Value> =
        answer["items"].as_array().unwrap().iter().filter(|item| item["class"] == "item").collect();
    let field = |key: &str| items.iter().map(|item| item[key].clone()).collect::<Value>();
    for (key, expected) in control.as_object().unwrap() {
        let found = match key.as_str() {
            "items" => json!(items.len()),
            "rows" => field("row"),
            "quantities" => field("quantity"),
            "objects" => field("object"),
            "names" => field("item_name"),
            "sum" | "stated_sum" | "stated_cell" => answer[key].clone(),
            "encoding" | "separator" | "decimal" | "sheet" | "header_row" => {
                answer["detected"][key]["value"].clone()
            }
            _ => continue,
        };
        assert_eq!(found, *expected, "{name}: {key}");
    }
}

#[test]
fn a_bill_is_shown_as_it_was_understood() {
    let server = Setup::default().start();
    let names = [
        "windows-1250-titles.csv",
        "german.csv",
        "plain.xlsx",
        "merged-headings.xlsx",
        "sums-and-tax.csv",
        "kinds-of-rows.csv",
    ];
    for name in names {
        let reply = preview(&server, &format!("?filename={name}"), &bill(name));
        assert_eq!(reply.status(), 200, "{}", reply.text());
        let answer = reply.json();
        assert_answer(name, &answer);
        for (guess, value) in answer["detected"].as_object().unwrap() {
            let confidence = value["confidence"].as_f64().unwrap();
            assert!((0.3..=1.0).contains(&confidence), "{name}: {guess} {confidence}");
        }
    }
    let pasted: Value = serde_json::from_slice(&bill("pasted.json")).unwrap();
    let reply = server.post(PREVIEW, &pasted);
    assert_eq!(reply.status(), 200);
    assert_answer("pasted.json", &reply.json());
    // Nothing was stored.
    assert_eq!(server.get("/api/v1/runs").json()["runs"], json!([]));
}

#[test]
fn its_positions_are_those_of_a_run() {
    let server = Setup::default().start();
    let answer = preview(&server, "", &bill("sums-and-tax.csv")).json();
    let body = json!({"question": "Základy a stěny", "input": {"positions": answer["positions"]}});
    let reply = server.post("/ask", &body);
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let result = reply.json();
    let rules: Vec<&str> = result["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect();
    assert!(!rules.contains(&"PRICE-SUM") && !rules.contains(&"PARSE-NUM"), "{rules:?}");
    let wrong = preview(&server, "", &bill("wrong-sums.csv")).json();
    let result =
        server.post("/ask", &json!({"question": "x", "input": {"positions": wrong["positions"]}})).json();
    let sums = result["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == "PRICE-SUM");
    assert!(sums.count() > 0, "{result}");
}

#[test]
fn guesses_are_corrected_by_parameters() {
    let server = Setup::default().start();
    let quantities = |parameters: &str, name: &str| -> Value {
        let answer = preview(&server, parameters, &bill(name)).json();
        let items = answer["items"].as_array().unwrap().iter().filter(|item| item["class"] == "item");
        items.map(|item| item["quantity"].clone()).collect()
    };
    let open = preview(&server, "", &bill("ambiguous.csv")).json();
    let readings = json!([{"value": ",", "sum": 1290}, {"value": ".", "sum": 57.234}]);
    assert_eq!(open["detected"]["decimal"]["readings"], readings);
    assert_eq!(open["warnings"][0]["code"], "ambiguous_decimals");
    assert_eq!(quantities("?decimal=,", "ambiguous.csv"), json!([1234, 56]));
    assert_eq!(quantities("?decimal=.", "ambiguous.csv"), json!([1.234, 56]));
    assert_eq!(quantities("?columns=quantity:C", "no-quantity.xlsx"), json!([7, 3]));
    assert_eq!(quantities("?hidden=true", "hidden-rows.xlsx"), json!([22.5, 2.25, 99, 10]));
    assert_eq!(quantities("?header_row=5", "two-tables.csv"), json!([3]));
    assert_eq!(quantities("?sheet=Nov%C3%A1", "hidden-sheet.xlsx"), json!([22.5]));
    assert_eq!(
        quantities("?encoding=windows-1250&separator=%3B", "windows-1250-titles.csv"),
        json!([22.5, 2.25])
    );
}

#[test]
fn what_is_no_bill_is_refused_with_place_thing_and_remedy() {
    let server = Setup::default().start();
    let long = vec![b'x'; (10 << 20) + 1];
    let rows: String = (0..20_001).map(|row| format!("Beton {row};m3;1\n")).collect();
    for (parameters, body, status, code, told) in [
        (
            "?filename=drawing.dwg",
            bill("drawing.dwg"),
            415,
            "unsupported_media_type",
            "\"drawing.dwg\" is not a table",
        ),
        ("", bill("old.xls"), 415, "unsupported_media_type", "old or binary Excel format"),
        ("", bill("zip-bomb.xlsx"), 413, "payload_too_large", "times larger than in the file"),
        ("", bill("entities.xlsx"), 413, "payload_too_large", "document type"),
        ("", long, 413, "payload_too_large", "at most 10485760 bytes"),
        ("", rows.into_bytes(), 413, "payload_too_large", "the bill has 20001 rows; at most 20000"),
        ("", bill("torn.xlsx"), 422, "validation_failed", "damaged"),
        (
            "?sheet=x",
            bill("plain.xlsx"),
            422,
            "validation_failed",
            "/sheet: there is no sheet `x`; there are Rozpočet",
        ),
        ("?header_row=99", bill("plain.xlsx"), 422, "validation_failed", "/header_row: there is no row 99"),
        ("?columns=unit:Z", bill("plain.xlsx"), 422, "validation_failed", "/columns: there is no column `Z`"),
        ("?decimal=x", bill("plain.xlsx"), 422, "validation_failed", "/decimal: expected"),
        ("?columns=colour:A", bill("plain.xlsx"), 422, "validation_failed", "no column can be `colour`"),
        ("?colour=x", bill("plain.xlsx"), 422, "validation_failed", "unknown parameter"),
    ] {
        let problem = preview(&server, parameters, &body).problem(status, code);
        assert!(problem["detail"].as_str().unwrap().contains(told), "{parameters}: {problem}");
    }
    let form = server
        .request("POST", PREVIEW)
        .body(b"--x")
        .without("content-type")
        .header("content-type", "multipart/form-data; boundary=x");
    form.send().problem(415, "unsupported_media_type");
    let packed = request(&server, "", b"x").header("content-encoding", "gzip");
    packed.send().problem(415, "unsupported_media_type");
    server.post(PREVIEW, &json!({"text": "a", "colour": 1})).problem(422, "validation_failed");
    server.request("GET", PREVIEW).send().problem(405, "method_not_allowed");
}

#[test]
fn the_answer_is_as_the_description_says() {
    let server = Setup::default().start();
    let description = server.get("/openapi.json").json();
    let described =
        &description["paths"][PREVIEW]["post"]["responses"]["200"]["content"]["application/json"]["schema"];
    let schema = jsonschema::validator_for(described).unwrap();
    for name in
        ["plain.xlsx", "ambiguous.csv", "empty.csv", "wrong-sums.csv", "no-quantity.xlsx", "dates.xlsx"]
    {
        let answer = preview(&server, "", &bill(name)).json();
        let faults: Vec<String> =
            schema.iter_errors(&answer).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
    }
}

#[test]
fn many_bills_at_once_are_read_or_sent_away() {
    let server = Setup::default().start();
    let rows: String = (0..400).map(|row| format!("Beton základů {row};m3;{row},5;100\n")).collect();
    let body = format!("Popis;MJ;Množství;J. cena\n{rows}");
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..24).map(|_| scope.spawn(|| preview(&server, "", body.as_bytes()))).collect();
        for reply in asked {
            let reply = reply.join().unwrap();
            assert!(reply.status() == 200 || reply.status() == 503, "{}", reply.text());
        }
    });
    assert_eq!(preview(&server, "", body.as_bytes()).status(), 200);
}

fn path_of(name: &str) -> String {
    format!("tests/fixtures/bills/{name}")
}

#[test]
fn a_bill_is_checked_at_the_terminal() {
    let good = Setup::default().run(&["boq", "check", &path_of("several-sheets.xlsx")]);
    assert!(good.stdout.contains("sheet \"Rozpočet\"") && good.stdout.contains("2 items"), "{}", good.stdout);
    let wrong = Setup::default().run(&["boq", "check", &path_of("wrong-sums.csv")]);
    assert_eq!(wrong.code, 4, "{}{}", wrong.stdout, wrong.stderr);
    for told in ["DIFFERENT", "row 5", "PRICE-SUM", "high", "qualified person", "cell G9 says 96500"] {
        assert!(wrong.stdout.contains(told), "{told}: {}", wrong.stdout);
    }
    assert!(!wrong.stdout.contains('\u{1b}') && wrong.stderr.is_empty());
    let files = Temp::new();
    let clean = files
        .write("ok.csv", "Popis;MJ;Množství\nHloubení jam;m3;12,5\nOdvoz zeminy;m3;2,5\n")
        .display()
        .to_string();
    let ran = Setup::default().run(&["boq", "check", &clean]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let concrete = files
        .write("concrete.csv", "Popis;MJ;Množství\nBeton základů C25/30;m3;12,5\n")
        .display()
        .to_string();
    let ran = Setup::default().run(&["boq", "check", &concrete]);
    assert!(ran.code == 0 && ran.stdout.contains("RFI-MISSING"), "a question is no flag: {}", ran.stdout);
    let as_json =
        Setup::default().run(&["boq", "check", &path_of("wrong-sums.csv"), "--json", "--ruleset", "cz"]);
    let answer: Value = serde_json::from_str(&as_json.stdout).unwrap();
    assert_eq!(
        (as_json.code, &answer["ruleset"]["name"], &answer["bill"]["sum"]),
        (4, &json!("Czech national table to ČSN EN 206-1"), &json!(95500))
    );
}

#[test]
fn what_cannot_be_checked_is_told_with_a_remedy() {
    for (args, told) in [
        (
            vec![path_of("no-quantity.xlsx")],
            "no column looks like quantities (sheet \"List1\", header row 1)\n  columns  Popis | Druhá sazba | První sazba\n  fix      askstream boq check",
        ),
        (vec![path_of("drawing.dwg")], "\"drawing.dwg\" is not a table\n  fix      CSV, TSV or XLSX work."),
        (vec![path_of("empty.csv")], "there is nothing in this table"),
        (vec![path_of("none.csv")], "cannot read tests/fixtures/bills/none.csv"),
        (vec![path_of("plain.xlsx"), "--sheet".into(), "x".into()], "there is no sheet `x`"),
        (vec![path_of("plain.xlsx"), "--column".into(), "colour=B".into()], "no column can be `colour`"),
        (vec![path_of("plain.xlsx"), "--decimal".into(), "x".into()], "expected `,` or `.`"),
    ] {
        let args: Vec<&str> = ["boq", "check"].into_iter().chain(args.iter().map(String::as_str)).collect();
        let ran = Setup::default().run(&args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}");
        assert!(ran.stderr.contains(told), "{args:?}: {}", ran.stderr);
    }
    let fixed = Setup::default().run(&[
        "boq",
        "check",
        &path_of("no-quantity.xlsx"),
        "--column",
        "quantity=První sazba",
    ]);
    assert!(fixed.stdout.contains("2 items"), "{}{}", fixed.stdout, fixed.stderr);
}

#[test]
fn a_bill_comes_from_standard_input_as_well() {
    let home = Temp::new();
    let mut child = command(&home)
        .args(["boq", "check", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bill("plain.xlsx")).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    assert_answer("plain.xlsx", &answer["bill"]);
}

#[test]
fn an_ask_takes_a_bill_for_its_file() {
    let ran = Setup::default().run(&["ask", "Opěrná zeď", "-f", &path_of("wrong-sums.csv"), "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let result: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(result["coverage"]["positions_total"], 10, "{result}");
    assert!(ran.stderr.contains("note: The items add up to 95500, but cell G9 says 96500"), "{}", ran.stderr);
}
