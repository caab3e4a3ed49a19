//! What can be had before a run: the checks without AI, and what a run would send and cost.

use std::thread;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::eventually;

const CHECK: &str = "/api/v1/audit/check";
const DRY: &str = "/api/v1/runs?dry_run=true";
/// A dollar for a token read, ten for one written.
const DEAR: &str = "price.m = { in = 1000, out = 10000, per = \"1K tokens\", currency = \"USD\" }";

fn strip() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/01-foundation-strip.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn rows(count: usize) -> Value {
    let row = |n: usize| {
        let name = format!("Concrete C30/37, strip {n}");
        json!({"no": n, "item_name": name, "quantity": "12,5", "unit": "m3", "unit_price": 3450, "total_price": 50_000})
    };
    json!({"language": "en", "positions": (0..count).map(row).collect::<Vec<_>>()})
}

fn no_runs(server: &Server) {
    assert_eq!(server.get("/api/v1/runs").json()["runs"], json!([]));
}

#[test]
fn the_checks_answer_alone_what_a_run_of_the_same_input_finds() {
    let server = Setup::default().start();
    let reply = server.post(CHECK, &strip());
    assert_eq!((reply.status(), reply.header("cache-control")), (200, Some("no-store")));
    let found = reply.json();
    no_runs(&server);
    let last = server.ask(&strip()).events().pop().unwrap().data;
    for key in ["findings", "ruleset"] {
        assert_eq!(found[key], last[key], "{key}");
    }
    assert!(found["findings"].as_array().unwrap().iter().any(|one| one["rule"] == "GEO-FORM"));
    assert_eq!(found["coverage"]["positions_checked"], 3);
    assert_eq!(found["verdict"]["word"], last["verdict"]["word"]);
    assert_eq!(found["compliance_status"]["overall"], last["compliance_status"]["overall"]);
}

#[test]
fn any_part_of_a_project_may_be_missing() {
    let server = Setup::default().start();
    for body in
        [json!({}), json!({"question": ""}), json!({"positions": []}), json!({"specifications": null})]
    {
        let reply = server.post(CHECK, &body);
        assert_eq!(reply.status(), 200, "{body}: {}", reply.text());
        assert_eq!(reply.json()["verdict"]["word"], "unknown");
    }
}

#[test]
fn what_the_checks_refuse_is_named_by_its_place() {
    let server = Setup::default().start();
    for (body, pointer) in [
        (json!({"positions": {}}), "/positions"),
        (json!({"positions": [{"item_name": "a"}, {"quantity": 1}]}), "/positions/1"),
        (json!({"positions": [{"item_name": "a", "quantity": true}]}), "/positions/0/quantity"),
        (json!({"specifications": {"ruleset": "us"}}), "/specifications/ruleset"),
        (json!({"language": "xx"}), "/language"),
        (json!({"question": 3}), "/question"),
        (json!({"postions": []}), "/postions"),
        (json!({"input": {"positions": []}}), "/input"),
        (json!([]), ""),
    ] {
        let problem = server.post(CHECK, &body).problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    server
        .request("POST", CHECK)
        .header("content-type", "application/json")
        .body(b"{")
        .send()
        .problem(400, "invalid_json");
    server
        .request("POST", CHECK)
        .body(b"a;b")
        .header("content-type", "text/csv")
        .send()
        .problem(415, "unsupported_media_type");
    server.post(&format!("{CHECK}?sheet=1"), &json!({})).problem(422, "validation_failed");
    assert_eq!(server.get(CHECK).status(), 405);
    let twice = br#"{"language":"en","language":"cs"}"#;
    let reply = server.request("POST", CHECK).body(twice).send();
    assert_eq!(reply.problem(422, "validation_failed")["errors"][0]["pointer"], "/language");
}

#[test]
fn the_longest_bill_is_checked_and_a_longer_one_refused() {
    let server = Setup::default().start();
    let reply = server.post(CHECK, &rows(20_000));
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.json()["coverage"]["positions_checked"], 20_000);
    assert!(reply.json()["findings"].as_array().unwrap().len() >= 20_000, "each row's product is wrong");
    let problem = server.post(CHECK, &rows(20_001)).problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/positions");
    let small = Setup::default().server("body_limit = \"64 KiB\"").start();
    small.post(CHECK, &rows(2000)).problem(413, "payload_too_large");
}

#[test]
fn a_crowd_is_sent_away_in_time_and_the_server_goes_on() {
    let server = Setup::default().start();
    let body = rows(3000);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = || server.post(CHECK, &body).status();
        let asked: Vec<_> = (0..64).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
    assert_eq!(server.get("/health").status(), 200);
    eventually("seats are free again", PATIENCE, || server.post(CHECK, &json!({})).status() == 200);
}

#[test]
fn who_leaves_gives_the_seat_back() {
    let server = Setup::default().start();
    let body = rows(2000).to_string();
    for _ in 0..100 {
        let mut socket = server.connect();
        let head = format!(
            "POST {CHECK} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            server.addr,
            body.len()
        );
        socket.write(head.as_bytes());
        socket.write(body.as_bytes());
    }
    eventually("seats are free again", PATIENCE, || server.post(CHECK, &json!({})).status() == 200);
}

#[test]
fn a_dry_run_tells_what_would_go_where_and_makes_nothing() {
    let fake = Fake::always(Answer::text("yes"));
    let server = Setup::default().provider("fake", &fake, DEAR).start();
    let reply = server.post(DRY, &strip());
    assert_eq!((reply.status(), reply.header("run-id")), (200, None));
    let told = reply.json();
    assert_eq!((&told["dry_run"], &told["panel"]), (&json!(true), &json!("audit")));
    let queries = told["queries"].as_array().unwrap();
    assert_eq!(queries.len(), 2);
    let host = fake.url().split('/').nth(2).unwrap().to_owned();
    let to = json!({"provider": "fake", "model": "m", "place": "local", "host": host, "local": true});
    assert_eq!((&told["destinations"], &queries[0]["targets"]), (&json!([to]), &json!([to])));
    let sum = |key: &str| queries.iter().map(|query| query[key].as_u64().unwrap()).sum::<u64>();
    let (read, written) = (sum("input_tokens"), sum("output_tokens_max"));
    assert_eq!(written, 2 * 8192);
    assert!(sum("prompt_bytes") > 3 * read, "{told}");
    let cost = json!({"at_least": read, "at_most": read + 10 * written, "currency": "USD", "complete": true});
    assert_eq!(told["cost"], cost);
    assert_eq!(
        told["coverage"]["positions_sent"],
        json!({"comprehensive_analysis": 3, "compliance_risks": 3})
    );
    no_runs(&server);
    assert_eq!(fake.calls().len(), 0);
    // What the run then sends is what was told.
    let run = server.ask(&strip()).run();
    fake.until_calls(2);
    let call = &fake.calls_of("comprehensive_analysis")[0];
    let points: usize = call.body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["content"].as_str().unwrap().chars().count())
        .sum();
    assert_eq!(queries[0]["input_tokens"], points.div_ceil(4));
    server.cancel(&run);
}

#[test]
fn a_dry_run_refuses_what_the_run_would_be_refused_for() {
    let fake = Fake::always(Answer::text("yes"));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    for (body, code, pointer) in [
        (json!({"question": " "}), "validation_failed", "/question"),
        (json!({"question": "x", "positions": [3]}), "validation_failed", "/input/positions/0"),
        (
            json!({"question": "x", "options": {"run_timeout_ms": 99_999_999}}),
            "validation_failed",
            "/options/run_timeout_ms",
        ),
        (json!({"question": "x", "options": {"model": "nobody/x"}}), "validation_failed", "/options/model"),
        (json!({"question": "x", "panel": "two"}), "unknown_panel", ""),
    ] {
        let problem = server.post(DRY, &body).problem(422, code);
        let run = server.post("/api/v1/runs", &body).problem(422, code);
        assert_eq!((&problem["errors"], &problem["detail"]), (&run["errors"], &run["detail"]));
        assert_eq!(problem["errors"][0]["pointer"].as_str().unwrap_or_default(), pointer);
    }
    server.post("/api/v1/runs?dry_run=perhaps", &strip()).problem(422, "validation_failed");
    server.post("/api/v1/runs?dryrun=true", &strip()).problem(422, "validation_failed");
    no_runs(&server);
}

#[test]
fn an_estimate_says_what_it_cannot_know() {
    let fake = Fake::always(Answer::text("yes"));
    let chain = Panel::new("chain").query("q1", "max_tokens = 100").query("q2", "needs = [\"q1\"]");
    let priced = Setup::default().provider("fake", &fake, DEAR).panel(chain).start();
    let told = priced.post(DRY, &json!({"panel": "chain", "question": "x"})).json();
    let (first, second) = (&told["queries"][0], &told["queries"][1]);
    assert_eq!(first["input_tokens"], first["input_tokens_max"]);
    let read = second["input_tokens"].as_u64().unwrap();
    assert_eq!(second["input_tokens_max"], read + 100, "with the longest answer that it waits for");
    assert_eq!(second.get("output_tokens_max"), None);
    assert_eq!((told["cost"].get("at_most"), &told["cost"]["complete"]), (None, &json!(true)));
    // What runs here is free; what answers without a model asks nobody.
    let free = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let told = free.post(DRY, &json!({"panel": "one", "question": "x"})).json();
    assert_eq!((&told["cost"]["at_most"], told.get("coverage")), (&json!(0), None));
    let rules = Setup::default().start().post(DRY, &strip()).json();
    assert_eq!(rules["destinations"], json!([]));
    assert_eq!(rules["coverage"]["positions_sent"], json!({}));
}
