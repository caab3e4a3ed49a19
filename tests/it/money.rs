//! What runs cost, as the stream, the snapshot and the list tell it, and runs that may cost only so much.

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::ms;

/// A quarter of a dollar for a million tokens read, two for a million written.
const PRICE: &str = "price.m = { in = 0.25, out = 2.00, per = \"1M tokens\", currency = \"USD\" }";
/// A dollar a token.
const DEAR: &str = "price.m = { in = 1000, out = 1000, per = \"1K tokens\", currency = \"USD\" }";

fn server(fake: &Fake, price: &str, queries: usize) -> Server {
    Setup::default().provider("fake", fake, price).panel(Panel::of("some", queries)).start()
}

fn listed(server: &Server) -> Value {
    server.get("/api/v1/runs?limit=1").json()["runs"][0].clone()
}

#[test]
fn what_a_run_costs_stands_in_the_stream_the_snapshot_and_the_list() {
    let fake = Fake::always(Answer::text("yes"));
    let server = server(&fake, PRICE, 2);
    let events = server.ask(&json!({"panel": "some", "question": "x"})).events();
    // 11 tokens read and 7 written, by the provider's own count.
    let one = json!({"amount": 0.00001675, "currency": "USD", "complete": true});
    let both = json!({"amount": 0.0000335, "currency": "USD", "complete": true});
    for query in ["q1", "q2"] {
        assert_eq!(completed(&events, query)["cost"], one);
    }
    let last = &events.last().unwrap().data;
    assert_eq!((&last["performance"]["cost"], &last["queries"]["q1"]["cost"]), (&both, &one));
    let run = last["run_id"].as_str().unwrap();
    let snapshot = server.snapshot(run);
    assert_eq!((&snapshot["cost"], &snapshot["queries"][0]["cost"]), (&both, &one));
    assert_eq!(listed(&server)["cost"], both);
    let result = server.get(&format!("/api/v1/runs/{run}/result")).json();
    assert_eq!(result["performance"]["cost"], both);
}

#[test]
fn a_model_on_this_computer_costs_nothing_unless_a_price_says_so() {
    let fake = Fake::always(Answer::text("yes"));
    let server = server(&fake, "", 1);
    server.ask(&json!({"panel": "some", "question": "x"})).events();
    assert_eq!(listed(&server)["cost"], json!({"amount": 0, "currency": "USD", "complete": true}));
}

#[test]
fn attempts_that_were_given_up_are_paid_for_and_refused_ones_are_not() {
    let fake = Fake::new(|call| match call.nth {
        1 => Answer::status(503, "{}"),
        2 => Answer::text("sixteen letters!").cut(),
        _ => Answer::text("yes"),
    });
    let panel = Panel::new("some").query("q1", "models = [\"fake/m\", \"fake/n\"]");
    let prices = format!("{DEAR}\n{}", DEAR.replace("price.m", "price.n"));
    let server = Setup::default().provider("fake", &fake, &prices).panel(panel).start();
    let events = server.ask(&json!({"panel": "some", "question": "x"})).events();
    let retries: Vec<_> = events.iter().filter(|event| event.name == "query_retrying").collect();
    assert_eq!(retries.len(), 2);
    assert!(retries[0].data.get("usage").is_none(), "a 503 is not billed: {}", retries[0].block);
    let lost = &retries[1].data;
    assert_eq!((&lost["usage"]["output_tokens"], &lost["usage"]["estimated"]), (&json!(2), &json!(true)));
    let end = completed(&events, "q1");
    let dollars = lost["usage"]["total_tokens"].as_u64().unwrap() + 18;
    assert_eq!(
        end["cost"],
        json!({"amount": dollars, "currency": "USD", "complete": true, "estimated": true})
    );
}

/// Ends in the middle of its answer, and the provider notices.
fn assert_stopped(server: &Server, fake: &Fake, options: &Value) {
    let events = server.ask(&json!({"panel": "some", "question": "x", "options": options})).events();
    let end = completed(&events, "q1");
    assert_eq!((&end["status"], &end["error"]["code"]), (&json!("failed"), &json!("cost_limit")));
    assert_eq!(end["error"]["message"], "The cap of USD 60.00 per run is reached.");
    let ended = events.iter().find(|event| event.is("query_completed", "q1")).unwrap();
    assert!(fake.left_after(ended.at) < ms(1000), "the provider's socket is closed");
    assert!(end["time_ms"].as_u64().unwrap() < 20_000, "{end}");
    let last = &events.last().unwrap().data;
    assert_eq!((&last["status"], &last["error"]["code"]), (&json!("failed"), &json!("cost_limit")));
    let spent = last["performance"]["cost"]["amount"].as_f64().unwrap();
    assert!(spent > 60.0 && spent < 150.0, "{spent}");
}

#[test]
fn a_run_is_stopped_in_the_middle_when_its_cap_is_reached() {
    let long = Answer::text(&"word ".repeat(800)).over(30_000).pieces(200).no_usage();
    let fake = Fake::always(long.clone());
    assert_stopped(&server(&fake, DEAR, 1), &fake, &json!({"max_cost": "60 USD"}));
    let fake = Fake::always(long);
    let setup = Setup::default().provider("fake", &fake, DEAR).limits("max_cost_per_run = \"60 USD\"");
    let server = setup.panel(Panel::of("some", 1)).start();
    assert_stopped(&server, &fake, &json!({}));
    assert_stopped(&server, &fake, &json!({"max_cost": "99 USD"}));
}

#[test]
fn a_cap_that_cannot_hold_is_refused_before_there_is_a_run() {
    let fake = Fake::always(Answer::text("yes"));
    let far = "[providers.far]\nkind = \"openai\"\nbase_url = \"https://llm.invalid/v1\"\nmodel = \"m\"";
    let server =
        Setup::default().provider("fake", &fake, PRICE).table(far).panel(Panel::of("some", 1)).start();
    let rows = [
        (json!({"max_cost": "1 EUR"}), "prices here are in USD, not in EUR"),
        (json!({"max_cost": "1 USD", "model": "far/m"}), "no model of this run has a price"),
        (json!({"max_cost": "-1 USD"}), "expected a number such as 0.50"),
        (json!({"max_cost": "1"}), "\"0.50 USD\""),
        (json!({"max_cost": 1}), "expected a string"),
    ];
    for (options, told) in rows {
        let body = json!({"panel": "some", "question": "x", "options": options});
        let problem = server.post("/ask-stream", &body).problem(422, "validation_failed");
        let error = &problem["errors"][0];
        assert_eq!(error["pointer"], "/options/max_cost");
        assert!(error["detail"].as_str().unwrap().contains(told), "{error}");
    }
    assert_eq!(server.get("/api/v1/runs").json()["runs"], json!([]));
    assert_eq!(fake.calls().len(), 0);
}

#[test]
fn what_is_complete_of_an_answer_that_was_cut_is_kept() {
    let schema = r#"{"type":"object","properties":{"a":{},"b":{},"c":{}},"required":["a","b","c"]}"#;
    let answer = json!({"a": [1, 2], "b": "text", "c": "this part is longer than all the others before"});
    let fake = Fake::always(Answer::json(answer).cut());
    let server = Setup::default()
        .provider("fake", &fake, "")
        .panel(Panel::new("some").json_query("q1", schema, ""))
        .start();
    let events = server.ask(&json!({"panel": "some", "question": "x"})).events();
    let end = completed(&events, "q1");
    let kept = json!({"a": [1, 2], "b": "text"});
    assert_eq!((&end["status"], &end["partial_result"]), (&json!("failed"), &kept));
    assert_eq!(end["warnings"][0]["code"], "partial_result");
    let last = &events.last().unwrap().data;
    assert!(last["status"] == "failed" && last.get("result").is_none());
    let run = last["run_id"].as_str().unwrap();
    assert_eq!(server.snapshot(run)["queries"][0]["partial_result"], kept);
    let short =
        server.request("GET", &format!("/api/v1/runs/{run}/events?max_event_bytes=4096")).open().events();
    assert_eq!(completed(&short, "q1"), end, "it fits");
}

#[test]
fn kept_parts_that_are_too_large_for_a_client_stay_in_the_snapshot() {
    let schema = r#"{"type":"object","properties":{"a":{},"b":{}},"required":["a","b"]}"#;
    let answer = json!({"a": "x".repeat(9000), "b": "y".repeat(9100)});
    let fake = Fake::always(Answer::json(answer).cut());
    let panel = Panel::new("some").json_query("q1", schema, "");
    let server = Setup::default().provider("fake", &fake, "").panel(panel).start();
    let run = server.ask(&json!({"panel": "some", "question": "x"})).run();
    server.follow(&run).events();
    let short =
        server.request("GET", &format!("/api/v1/runs/{run}/events?max_event_bytes=4096")).open().events();
    let end = completed(&short, "q1");
    assert!(end["partial_truncated"] == true && end.get("partial_result").is_none());
    let kept = &server.snapshot(&run)["queries"][0]["partial_result"];
    assert_eq!(kept["a"].as_str().map(str::len), Some(9000));
}
