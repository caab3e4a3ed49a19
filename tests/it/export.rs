//! The report as a file, decisions about findings, two runs side by side.

use std::io::Cursor;

use calamine::Data;
use calamine::Range;
use calamine::Reader;
use calamine::Xlsx;
use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Reply;
use crate::harness::Server;
use crate::harness::Setup;

/// What a spreadsheet would take for formulas, beside what it must not touch.
const ITEMS: [&str; 4] = ["Concrete C30/37", "=HYPERLINK(\"http://x\")", "@SUM(1)", "-2+3"];

fn bill() -> Value {
    let rows = ITEMS.iter().enumerate().map(|(at, item)| {
        json!({"item_name": item, "quantity": 22.5 - at as f64 * 20.0, "unit": "m3", "no": format!("{}", at + 1)})
    });
    let question = "Foundation strip 45 m x 0.8 m x 0.6 m, groundwater pH 6.2";
    json!({"question": question, "input": {"positions": rows.collect::<Vec<_>>()}})
}

/// An audited bill by the built-in rules.
fn audited(server: &Server, body: &Value) -> String {
    server.ask(body).events()[0].data["run_id"].as_str().unwrap().to_owned()
}

fn export(server: &Server, run: &str, query: &str) -> Reply {
    let reply = server.get(&format!("/api/v1/runs/{run}/export?format={query}"));
    assert_eq!(reply.status(), 200, "{query}: {:?}", reply.text());
    reply
}

fn findings(server: &Server, run: &str) -> Vec<Value> {
    server.snapshot(run)["result"]["findings"].as_array().unwrap().clone()
}

fn sheet(bytes: &[u8], name: &str) -> Range<Data> {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes.to_vec())).unwrap();
    book.worksheet_range(name).unwrap()
}

/// The cells of the column with this heading.
fn column(sheet: &Range<Data>, title: &str) -> Vec<Data> {
    let at = sheet.rows().next().unwrap().iter().position(|cell| *cell == title).expect(title);
    sheet.rows().skip(1).map(|row| row[at].clone()).collect()
}

#[test]
fn a_workbook_holds_every_finding_and_row_and_no_formula() {
    let server = Setup::default().start();
    let run = audited(&server, &bill());
    let reply = server.get(&format!("/api/v1/runs/{run}/export?format=xlsx"));
    assert_eq!(reply.status(), 200);
    assert_eq!(
        reply.header("content-disposition"),
        Some(format!("attachment; filename=\"{run}.xlsx\"").as_str())
    );
    let found = findings(&server, &run);
    assert!(found.len() > 3, "{found:?}");
    let mut ids: Vec<String> =
        column(&sheet(&reply.body, "Findings"), "Id").iter().map(ToString::to_string).collect();
    ids.sort();
    assert_eq!(ids, found.iter().map(|finding| finding["id"].as_str().unwrap()).collect::<Vec<_>>());
    let positions = sheet(&reply.body, "Positions");
    let items: Vec<String> = column(&positions, "Description").iter().map(ToString::to_string).collect();
    assert_eq!(items, ITEMS);
    assert_eq!(column(&positions, "Quantity")[1], Data::Float(2.5));
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(reply.body.clone())).unwrap();
    for name in book.sheet_names() {
        let formulas = book.worksheet_formula(&name).unwrap();
        assert_eq!(formulas.used_cells().count(), 0, "{name}");
    }
}

#[test]
fn a_csv_file_is_for_one_spreadsheet_or_the_other() {
    let server = Setup::default().start();
    let run = audited(&server, &bill());
    let plain = export(&server, &run, "csv&table=positions");
    let lines: Vec<&str> = plain.text().split("\r\n").collect();
    assert!(lines[0].starts_with("Run,Row,No.,Description,Quantity,Unit"), "{}", lines[0]);
    assert!(lines[1].starts_with(&format!("{run},1,1,Concrete C30/37,22.5,m3")), "{}", lines[1]);
    assert!(lines[2].contains("\"'=HYPERLINK(\"\"http://x\"\")\",2.5,"), "{}", lines[2]);
    assert!(lines[3].contains(",'@SUM(1),-17.5,") && lines[4].contains(",'-2+3,-37.5,"), "{lines:?}");
    let european = export(&server, &run, "csv&table=positions&style=european");
    assert!(european.body.starts_with("\u{feff}Run;Row;".as_bytes()), "{:?}", european.text());
    assert!(european.text().contains(";Concrete C30/37;22,5;m3"), "{:?}", european.text());
    let rows = export(&server, &run, "csv").text().matches("\r\n").count();
    assert_eq!(rows, findings(&server, &run).len() + 1, "findings are what is exported by default");
}

#[test]
fn every_form_names_its_run_and_its_findings() {
    let server = Setup::default().start();
    let run = audited(&server, &bill());
    let found = findings(&server, &run);
    for form in ["md", "html", "csv", "json", "ndjson"] {
        let reply = export(&server, &run, form);
        assert!(reply.text().contains(&run), "{form}");
        for finding in &found {
            let rule = finding["rule"].as_str().unwrap();
            assert!(reply.text().contains(rule), "{form}: {rule}");
        }
    }
    let events = export(&server, &run, "ndjson");
    let numbers: Vec<u64> = events
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let page = export(&server, &run, "html");
    assert!(!page.text().contains("<a ") && !page.text().contains("src="), "nothing is linked or loaded");
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("sandbox")));
}

#[test]
fn what_was_simulated_says_so_in_every_file() {
    let server = Setup::default().start();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/01-foundation-strip.json");
    let mut body: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    body["options"] = json!({"model": "scripted/demo"});
    let run = audited(&server, &body);
    for form in ["md", "html", "csv"] {
        assert!(export(&server, &run, form).text().contains("SIMULATED"), "{form}");
    }
    let book = server.get(&format!("/api/v1/runs/{run}/export?format=xlsx"));
    let summary = sheet(&book.body, "Summary");
    assert!(summary.get_value((0, 0)).unwrap().to_string().contains("SIMULATED"), "{summary:?}");
}

#[test]
fn what_cannot_be_exported_is_refused_with_the_reason() {
    let fake = Fake::always(Answer::silent());
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let mut stream = server.ask(&json!({"panel": "one", "question": "x"}));
    let run = stream.run();
    let refused = server.get(&format!("/api/v1/runs/{run}/export?format=md"));
    assert_eq!(refused.problem_code(409), "run_not_finished");
    server.cancel(&run);
    stream.until("final_result");
    for (query, place) in [
        ("", "/format"),
        ("?format=pdf", "/format"),
        ("?format=csv&table=x", "/table"),
        ("?format=csv&style=x", "/style"),
        ("?format=md&style=european", "/style"),
        ("?format=md&page=2", "/page"),
    ] {
        let refused = server.get(&format!("/api/v1/runs/{run}/export{query}"));
        assert_eq!(refused.problem(422, "validation_failed")["errors"][0]["pointer"], place, "{query}");
    }
    for form in ["md", "html", "csv", "xlsx", "json", "ndjson"] {
        let reply = server.get(&format!("/api/v1/runs/{run}/export?format={form}"));
        assert_eq!(reply.status(), 200, "a cancelled run has a report as well: {form}");
    }
}

#[test]
fn a_decision_is_kept_over_a_restart_and_exported() {
    let mut server = Setup::default().start();
    let run = audited(&server, &bill());
    let id = findings(&server, &run)[0]["id"].as_str().unwrap().to_owned();
    let decide = |server: &Server, finding: &str, body: &Value| {
        server.request("PUT", &format!("/api/v1/runs/{run}/decisions/{finding}")).json(body).send()
    };
    let accepted = json!({"decision": "accept", "note": "agreed with the designer"});
    assert_eq!(decide(&server, &id, &accepted).status(), 200);
    assert_eq!(decide(&server, "F-999", &accepted).problem_code(404), "not_found");
    for (body, place) in [
        (json!({"decision": "maybe"}), "/decision"),
        (json!({}), "/decision"),
        (json!({"decision": "fix", "note": 7}), "/note"),
        (json!({"decision": "fix", "why": ""}), "/why"),
        (json!([]), ""),
    ] {
        let refused = decide(&server, &id, &body);
        assert_eq!(refused.problem(422, "validation_failed")["errors"][0]["pointer"], place, "{body}");
    }
    server.restart();
    assert_eq!(server.snapshot(&run)["decisions"][&id]["decision"], "accept");
    for form in ["md", "html", "csv", "json"] {
        assert!(export(&server, &run, form).text().contains("agreed with the designer"), "{form}");
    }
    assert_eq!(decide(&server, &id, &json!({"decision": null})).status(), 200);
    assert_eq!(server.snapshot(&run)["decisions"], Value::Null);
}

#[test]
fn two_runs_are_compared_by_what_their_findings_are_about() {
    let server = Setup::default().start();
    let before = audited(&server, &bill());
    let mut corrected = bill();
    // A row moves to the end, and what was negative is not any more.
    let rows = corrected["input"]["positions"].as_array_mut().unwrap();
    rows.rotate_left(1);
    rows.iter_mut().for_each(|row| row["quantity"] = json!(22.5));
    let after = audited(&server, &corrected);
    let seen = server.get(&format!("/api/v1/runs/compare?a={before}&b={after}")).json();
    let rules = |list: &str| -> Vec<String> {
        let list = seen[list].as_array().unwrap().iter();
        list.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
    };
    assert!(rules("resolved").contains(&"QTY-NEG".to_owned()), "{seen}");
    assert!(!rules("new").contains(&"QTY-NEG".to_owned()), "{seen}");
    assert!(rules("unchanged").contains(&"EXP-XA-PH".to_owned()), "{seen}");
    assert_eq!((&seen["a"]["run_id"], &seen["b"]["run_id"]), (&json!(before), &json!(after)));
    assert!(seen["b"]["performance"]["total_time_ms"].is_u64());
    let same = server.get(&format!("/api/v1/runs/compare?a={after}&b={after}")).json();
    assert_eq!((&same["resolved"], &same["new"]), (&json!([]), &json!([])));
    assert_eq!(same["unchanged"].as_array().unwrap().len(), findings(&server, &after).len());
    let refused = server.get(&format!("/api/v1/runs/compare?a={after}"));
    assert_eq!(refused.problem(422, "validation_failed")["errors"][0]["pointer"], "/b");
    let unknown =
        server.get("/api/v1/runs/compare?a=run_01jd0000000000000000000000&b=run_01jd0000000000000000000000");
    assert_eq!(unknown.problem_code(404), "not_found");
}
