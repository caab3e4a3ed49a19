//! What goes wrong at a provider: asked again, asked elsewhere or told; never taken for an answer.

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::named;

/// Asks one query that a fake answers in its own way each time.
fn ask_one(fake: &Fake) -> Vec<Event> {
    ask_with(fake, "")
}

fn ask_with(fake: &Fake, more: &str) -> Vec<Event> {
    let server = Setup::default().provider("fake", fake, more).panel(Panel::of("one", 1)).start();
    server.ask(&json!({"panel": "one", "question": "x", "options": {"deltas": true}})).events()
}

/// First this, then a sound answer.
fn first(answer: Answer) -> Fake {
    Fake::new(move |call| if call.nth == 1 { answer.clone() } else { Answer::text("sound answer").over(60) })
}

#[test]
fn a_transient_failure_is_followed_by_a_second_attempt() {
    let oops = "{\"error\":{\"message\":\"SECRET-ERROR-TEXT\"}}";
    for (answer, code) in [
        (Answer::status(500, oops), "provider_error"),
        (Answer::status(503, oops), "overloaded"),
        (Answer::status(529, oops), "overloaded"),
        (Answer::text("DISCARDED words that break off in the middle").over(100).cut(), "cut_mid_answer"),
        (Answer::text(""), "empty_answer"),
        (Answer::status(200, "this is no completion"), "empty_answer"),
        (Answer::status(200, oops), "provider_error"),
    ] {
        let fake = first(answer);
        let events = ask_one(&fake);
        let retrying = &named(&events, "query_retrying")[0].data;
        assert_eq!(retrying["reason"]["code"], code, "{retrying}");
        let end = completed(&events, "q1");
        assert_eq!(
            (&end["status"], &end["attempts"], &end["result"]),
            (&json!("succeeded"), &json!(2), &json!("sound answer"))
        );
        assert_eq!(fake.calls().len(), 2);
        let last = events.last().unwrap().data.to_string();
        assert!(!last.contains("SECRET-ERROR-TEXT") && !last.contains("DISCARDED"), "{last}");
    }
}

#[test]
fn a_wait_that_the_provider_asks_for_is_kept() {
    let fake = first(Answer::status(429, "{}").header("retry-after", "1"));
    let events = ask_one(&fake);
    let retrying = &named(&events, "query_retrying")[0].data;
    assert_eq!(retrying["reason"]["code"], "rate_limited");
    assert!((1000..=1100).contains(&retrying["delay_ms"].as_u64().unwrap()), "{retrying}");
    let calls = fake.calls();
    let gap = calls[1].at - calls[0].at;
    assert!(gap.as_millis() >= 1000 && gap.as_millis() < 2000, "{gap:?}");
    assert_eq!(completed(&events, "q1")["attempts"], 2);
}

#[test]
fn a_refusal_is_told_and_not_repeated() {
    let said = |status: u16| Answer::status(status, "{\"error\":{\"message\":\"because of this\"}}");
    for (answer, code) in [
        (said(400), "request_refused"),
        (said(401), "credentials_refused"),
        (said(402), "no_credit"),
        (said(404), "model_not_found"),
        (said(422), "request_refused"),
        (said(500).header("x-should-retry", "false"), "provider_error"),
    ] {
        let fake = Fake::always(answer);
        let events = ask_one(&fake);
        let end = completed(&events, "q1");
        assert_eq!(
            (&end["status"], &end["error"]["code"], &end["attempts"]),
            (&json!("failed"), &json!(code), &json!(1))
        );
        assert_eq!(end["error"]["provider_message"], "because of this");
        assert_eq!(fake.calls().len(), 1, "{code}");
        let last = &events.last().unwrap().data;
        assert_eq!((&last["status"], &last["error"]["code"]), (&json!("failed"), &json!(code)));
        assert_eq!(last.get("result"), None);
    }
}

#[test]
fn two_attempts_at_one_provider_and_the_next_one_is_asked() {
    let broken = Fake::always(Answer::status(500, "{}"));
    let sound = Fake::always(Answer::text("from the second"));
    let panel = Panel::new("one").query("q1", "models = [\"broken/a\", \"sound/b\"]");
    let server =
        Setup::default().provider("broken", &broken, "").provider("sound", &sound, "").panel(panel).start();
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    assert_eq!(events[0].data["queries"][0]["models"], json!(["broken/a", "sound/b"]));
    let retries = named(&events, "query_retrying");
    assert_eq!(retries.len(), 2);
    assert_eq!(retries[1].data["from"], json!({"provider": "broken", "model": "a"}));
    assert_eq!(retries[1].data["to"], json!({"provider": "sound", "model": "b"}));
    assert_eq!(retries[1].data["delay_ms"], 0);
    let end = completed(&events, "q1");
    assert_eq!(
        (&end["provider"], &end["model"], &end["attempts"]),
        (&json!("sound"), &json!("b"), &json!(3))
    );
    assert_eq!((broken.calls().len(), sound.calls().len()), (2, 1));
    assert_eq!(sound.calls()[0].body["model"], "b");
}

#[test]
fn a_fallback_that_fails_too_does_not_hide_the_first_reason() {
    let broken = Fake::always(Answer::status(401, "{}"));
    let worse = Fake::always(Answer::status(400, "{}"));
    let panel = Panel::new("one").query("q1", "models = [\"broken\", \"worse\"]");
    let server =
        Setup::default().provider("broken", &broken, "").provider("worse", &worse, "").panel(panel).start();
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    let error = &completed(&events, "q1")["error"];
    assert_eq!((&error["code"], &error["provider"]), (&json!("credentials_refused"), &json!("broken")));
}

#[test]
fn a_provider_that_is_not_there_is_told_as_such() {
    let gone = Fake::always(Answer::silent());
    let setup = Setup::default().provider("fake", &gone, "");
    drop(gone);
    let server = setup.panel(Panel::of("one", 1)).start();
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    let end = completed(&events, "q1");
    assert_eq!((&end["error"]["code"], &end["attempts"]), (&json!("connect_failed"), &json!(2)));
}

#[test]
fn silence_is_given_up_at_its_own_clock() {
    let rows = [
        (Answer::silent(), "first_content = \"300ms\"", "first_content", 300),
        (Answer::text("one two three four").stall(), "idle = \"250ms\"", "idle", 250),
        (Answer::silent(), "stream = false\nper_call = \"350ms\"", "attempt", 350),
        (Answer::silent(), "per_query = \"400ms\"", "first_content", 400),
        (Answer::text(&"word ".repeat(200)).over(20_000).pieces(200), "per_query = \"450ms\"", "query", 450),
    ];
    for (answer, clock, which, limit) in rows {
        let fake = Fake::always(answer);
        let events = ask_with(&fake, clock);
        let end = completed(&events, "q1");
        let error = &end["error"];
        assert_eq!((&end["status"], &error["code"]), (&json!("failed"), &json!("timeout")), "{clock} {end}");
        assert!(error["which"] == which || (limit == 400 && error["which"] == "query"), "{clock} {error}");
        assert_eq!(error["limit_ms"], limit);
        let time = end["time_ms"].as_u64().unwrap();
        assert!((limit..limit + 500).contains(&time), "{clock} took {time}");
        assert_eq!(end["attempts"], 1, "a silent endpoint is not asked again");
        fake.left_after(events[0].at);
    }
}

#[test]
fn the_runs_own_limit_ends_every_open_query() {
    let fake = Fake::new(|call| if call.query == "q1" { Answer::text("in time") } else { Answer::silent() });
    let server = Setup::asking(&fake).panel(Panel::of("three", 3)).start();
    let body = json!({"panel": "three", "question": "x", "options": {"run_timeout_ms": 400}});
    let events = server.ask(&body).events();
    let last = &events.last().unwrap().data;
    assert_eq!(last["status"], "partial");
    assert!((400..1000).contains(&last["performance"]["total_time_ms"].as_u64().unwrap()));
    for query in ["q2", "q3"] {
        assert_eq!(completed(&events, query)["error"]["code"], "run_timeout");
    }
    assert_eq!(last["result"]["answers"], json!({"q1": "in time"}));
}

#[test]
fn an_answer_that_does_not_fit_its_schema_is_asked_for_again_with_the_reason() {
    let schema = r#"{"type":"object","properties":{"score":{"type":"number"}},"required":["score"]}"#;
    let panel = || Panel::new("one").json_query("q1", schema, "");
    let fake = Fake::new(|call| match call.nth {
        1 => Answer::text("{\"verdict\":\"fine\"}"),
        _ => Answer::text("```json\n{\"score\":7}\n```"),
    });
    let server = Setup::asking(&fake).panel(panel()).start();
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    assert_eq!(named(&events, "query_retrying")[0].data["reason"]["code"], "invalid_output");
    let end = completed(&events, "q1");
    assert_eq!((&end["result"], &end["attempts"]), (&json!({"score": 7}), &json!(2)));
    assert_eq!(end["warnings"][0]["code"], "answer_extracted");
    let calls = fake.calls();
    assert!(
        calls[1].prompt().contains("score")
            && calls[1].body["messages"].as_array().unwrap().len()
                > calls[0].body["messages"].as_array().unwrap().len()
    );
    let fake = Fake::always(Answer::text("I am sorry, I cannot help with that."));
    let server = Setup::asking(&fake).panel(panel()).start();
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    assert_eq!(
        completed(&events, "q1")["error"]["code"],
        "unreadable_answer",
        "prose is not an answer where JSON was asked"
    );
}

#[test]
fn tokens_are_counted_as_told_or_estimated() {
    let fake = Fake::always(Answer::text("four"));
    let usage = completed(&ask_one(&fake), "q1")["usage"].clone();
    assert_eq!(
        usage,
        json!({"input_tokens": 11, "output_tokens": 7, "total_tokens": 18, "estimated": false})
    );
    let fake = Fake::always(Answer::text("four").no_usage());
    let usage = completed(&ask_one(&fake), "q1")["usage"].clone();
    assert_eq!((&usage["estimated"], &usage["output_tokens"]), (&json!(true), &json!(1)));
}

#[test]
fn a_parameter_that_a_model_refuses_is_left_out() {
    let fake = Fake::new(|call| match call.body.get("temperature") {
        Some(Value::Null) | None => Answer::text("yes"),
        Some(_) => Answer::status(
            400,
            r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0.5 with this model.","param":"temperature","code":"unsupported_value"}}"#,
        ),
    });
    let panel = Panel::new("one").query("q1", "temperature = 0.5");
    let server = Setup::asking(&fake).panel(panel).start();
    for calls in [2, 3] {
        let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
        assert_eq!(completed(&events, "q1")["attempts"], 1, "one call in two shapes");
        assert_eq!(fake.calls().len(), calls, "and remembered");
    }
}

#[test]
fn an_answer_without_end_is_cut_off_at_its_limit() {
    let fake = Fake::always(Answer::text(&"word ".repeat(1_000_000)).pieces(100));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    let end = completed(&events, "q1");
    assert_eq!((&end["error"]["code"], &end["attempts"]), (&json!("answer_too_large"), &json!(1)));
}
