//! Bills that are longer than a prompt: asked in parts, joined into one report, with every gap named.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::fake::Call;
use crate::harness::fake::compliance;
use crate::harness::fake::comprehensive;
use crate::harness::named;

const QUERIES: [&str; 2] = ["comprehensive_analysis", "compliance_risks"];

/// So many rows; the last one has a negative quantity.
fn bill(rows: usize) -> Value {
    let row = |at: usize| {
        let quantity = if at + 1 == rows { -5.0 } else { 12.5 };
        json!({"no": at, "item_name": format!("Beton základových pasů C30/37 XC4, úsek číslo {at} u severní stěny"),
            "quantity": quantity, "unit": "m3", "unit_price": 3500.5})
    };
    json!({"question": "Strip foundation", "positions": (0..rows).map(row).collect::<Vec<_>>()})
}

/// Which part of how many a call is, its first and its last row.
fn part(call: &Call) -> Option<[usize; 4]> {
    let prompt = call.prompt();
    let (_, line) = prompt.split_once("\n(part ")?;
    let line = line.lines().next()?;
    let numbers: Vec<usize> = line
        .split(|c: char| !c.is_ascii_digit())
        .filter(|text| !text.is_empty())
        .map(|text| text.parse().unwrap())
        .collect();
    Some([numbers[0], numbers[1], numbers[2], numbers[3]])
}

/// The rows that a call holds.
fn rows(call: &Call) -> Vec<usize> {
    let prompt = call.prompt();
    let row = |line: &str| line.split_once(" | ").and_then(|(row, _)| row.parse().ok());
    prompt.lines().filter_map(row).collect()
}

/// What a part is answered: a risk that names its rows, and one cubic metre.
fn answer(call: &Call) -> Answer {
    let [nth, _, first, last] = part(call).expect("a part of the bill");
    match call.query.as_str() {
        "compliance_risks" => Answer::json(json!({
            "compliance_status": {"overall": if nth == 2 { "NON_COMPLIANT" } else { "COMPLIANT" }, "summary": format!("Part {nth}.")},
            "risks_identified": [{"id": "RISK-001", "severity": "low", "title": format!("rows {first} to {last}")}],
            "confidence": 0.5,
        })),
        _ => Answer::json(json!({
            "project_summary": {"element": format!("strip {nth}"), "location": "not stated", "complexity": "standard"},
            "exposure_analysis": {"conditions": ["outdoor"], "exposure_classes": ["XC4"], "most_stringent": "XC4"},
            "final_specification": {"concrete_class": "C30/37", "reasoning": "as given"},
            "materials_breakdown": {"concrete": {"volume_m3": 1}}, "confidence": 1,
        })),
    }
}

fn last(events: &[Event]) -> &Value {
    &events.last().unwrap().data
}

fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap()).collect()
}

#[test]
fn each_row_reaches_one_part_and_the_report_holds_what_all_parts_found() {
    let fake = Fake::new(answer);
    let server = Setup::asking(&fake).start();
    let body = bill(2000);
    let estimate = server.post("/api/v1/runs?dry_run=true", &body).json();
    assert!(fake.calls().is_empty());
    let events = server.ask(&body).events();

    let mut counts = BTreeMap::new();
    for query in QUERIES {
        let calls = fake.calls_of(query);
        let mut reached: Vec<usize> = calls.iter().flat_map(rows).collect();
        reached.sort_unstable();
        assert_eq!(reached, (0..2000).collect::<Vec<_>>(), "{query}");
        let parts: Vec<_> = calls.iter().filter_map(part).collect();
        assert!(parts.len() > 2 && parts.iter().all(|[_, count, ..]| *count == parts.len()), "{parts:?}");
        counts.insert(query, parts.len());
    }
    let count = counts[QUERIES[0]];
    let planned = events[0].data["queries"].as_array().unwrap().clone();
    assert_eq!(planned.len(), 2 * count);
    let second = &planned[count + 1];
    assert_eq!(
        (&second["query"], &second["title"]),
        (&json!("compliance_risks-2"), &json!(format!("Compliance and risks (2/{count})")))
    );
    assert_eq!((&second["part"]["of"], &second["part"]["number"]), (&json!(QUERIES[1]), &json!(2)));
    assert_eq!(
        second["part"]["first_row"].as_u64(),
        planned[count]["part"]["last_row"].as_u64().map(|row| row + 1)
    );
    assert_eq!(estimate["parts"], json!(counts));
    assert_eq!(estimate["queries"][count + 1]["part"], second["part"]);

    let last = last(&events);
    assert_eq!(
        (&last["status"], &last["not_checked"].to_string().contains("rows")),
        (&json!("completed"), &false)
    );
    let sent = json!({QUERIES[0]: 2000, QUERIES[1]: 2000});
    assert_eq!(
        (&last["coverage"]["positions_sent"], &estimate["coverage"]["positions_sent"]),
        (&sent, &sent)
    );
    let risks = &last["risks_identified"];
    let expected: Vec<String> = (1..=count).map(|nth| format!("RISK-{nth:03}")).collect();
    assert_eq!(texts(risks, "id"), expected);
    assert!(texts(risks, "title")[count - 1].ends_with("to 1999"), "{risks}");
    assert_eq!(last["compliance_status"]["overall"], "NON_COMPLIANT");
    assert_eq!(last["materials_breakdown"]["concrete"]["volume_m3"], json!(count));
    let findings = last["findings"].as_array().unwrap();
    assert!(findings.iter().any(|one| one["rule"] == "QTY-NEG" && one["rows"] == json!([1999])));
    assert!(named(&events, "run_warning").iter().all(|event| event.data["code"] != "positions_left_out"));
    let differ =
        last["warnings"].as_array().unwrap().iter().find(|one| one["code"] == "parts_differ").unwrap();
    assert!(
        differ["severity"] == "info"
            && differ["message"].as_str().unwrap().contains("project_summary.element")
    );
}

#[test]
fn a_bill_that_fits_is_asked_as_one() {
    let fake = Fake::audit(comprehensive(), compliance());
    let server = Setup::asking(&fake).start();
    let events = server.ask(&bill(100)).events();
    let calls = fake.calls();
    assert!(calls.len() == 2 && calls.iter().all(|call| part(call).is_none() && rows(call).len() == 100));
    assert!(!events[0].data.to_string().contains("\"part\""));
    let estimate = server.post("/api/v1/runs?dry_run=true", &bill(100)).json();
    assert_eq!(estimate.get("parts"), None);
}

#[test]
fn a_part_that_fails_is_a_named_gap_and_alone_asked_again() {
    let is_second = |call: &Call| call.query == QUERIES[1] && part(call).is_some_and(|[nth, ..]| nth == 2);
    let refused = std::sync::atomic::AtomicBool::new(false);
    let fake = Fake::new(move |call| {
        if is_second(call) && !refused.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return Answer::status(400, "{\"error\":{\"message\":\"no\"}}");
        }
        answer(call)
    });
    let server = Setup::asking(&fake).start();
    let events = server.ask(&bill(2000)).events();
    let end = last(&events);
    assert_eq!(end["status"], "partial");
    let planned = events[0].data["queries"].as_array().unwrap();
    let second = planned.iter().find(|query| query["query"] == "compliance_risks-2").unwrap();
    let (first, final_row) = (&second["part"]["first_row"], &second["part"]["last_row"]);
    let gaps: Vec<_> =
        end["not_checked"].as_array().unwrap().iter().filter(|gap| gap["section"] == "positions").collect();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(
        (&gaps[0]["query"], &gaps[0]["first_row"], &gaps[0]["last_row"]),
        (&json!("compliance_risks-2"), first, final_row)
    );
    let reason = gaps[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("rows {first} to {final_row} were not read: ")), "{reason}");
    let count = fake.calls_of(QUERIES[1]).len();
    assert_eq!(texts(&end["risks_identified"], "id").len(), count - 1);
    assert_ne!(
        end["compliance_status"]["overall"], "NON_COMPLIANT",
        "the part that said so has not answered"
    );
    assert!(end["verdict"]["word"] != "ok");

    let before = fake.calls().len();
    let run = end["run_id"].as_str().unwrap();
    let new = server.request("POST", &format!("/api/v1/runs/{run}/retry")).send().json();
    let events = server.follow(new["run_id"].as_str().unwrap()).events();
    assert_eq!(fake.calls().len(), before + 1, "only what failed");
    assert_eq!(last(&events)["status"], "completed");
    assert_eq!(texts(&last(&events)["risks_identified"], "id").len(), count);
    assert_eq!(completed(&events, "compliance_risks-1")["carried_over"], true);
}

#[test]
fn a_server_that_dies_between_parts_asks_none_again_that_was_answered() {
    let fake = Fake::new(|call| if call.nth < 3 { answer(call) } else { answer(call).after(150) });
    let mut server = Setup::default().provider("fake", &fake, "max_in_flight = 1").start();
    let mut stream = server.ask(&bill(2000));
    let mut seen = vec![stream.until("run_started")];
    let run = seen[0].data["run_id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        seen.push(stream.until("query_completed"));
    }
    server.kill();
    let answered: Vec<String> = seen[1..].iter().map(|event| event.query().to_owned()).collect();
    server.restart();
    let events = server.follow(&run).events();
    assert_eq!(last(&events)["status"], "completed");
    assert_eq!(events[0].data["queries"], seen[0].data["queries"]);
    let mut ends: Vec<&str> = named(&events, "query_completed").iter().map(|event| event.query()).collect();
    ends.sort_unstable();
    let all = ends.len();
    ends.dedup();
    assert_eq!((all, all), (ends.len(), events[0].data["queries"].as_array().unwrap().len()));
    for name in answered {
        let (query, nth) = name.rsplit_once('-').unwrap();
        let nth: usize = nth.parse().unwrap();
        let calls = fake.calls_of(query);
        let again = calls.iter().filter_map(part).filter(|[own, ..]| *own == nth).count();
        assert_eq!(again, 1, "{name}");
    }
}

#[test]
fn what_is_beyond_the_most_parts_is_counted_and_named() {
    let fake = Fake::new(answer);
    let server = Setup::asking(&fake).start();
    let events = server.ask(&bill(6000)).events();
    let last = last(&events);
    let calls = fake.calls_of(QUERIES[1]);
    let sent = calls.iter().flat_map(rows).count();
    assert!(calls.len() == 8 && sent > 2000 && sent < 6000, "{} {sent}", calls.len());
    assert_eq!(last["coverage"]["positions_sent"][QUERIES[1]], json!(sent));
    assert_eq!(last["coverage"]["positions_checked"], 6000);
    let warning =
        named(&events, "run_warning").into_iter().find(|event| event.data["code"] == "positions_left_out");
    let message = warning.unwrap().data["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with(&format!("{sent} of 6000 positions were sent")), "{message}");
}
