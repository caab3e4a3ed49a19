//! What the log tells an operator: how each query and each run ended, and when a breaker moved.

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::eventually;

/// The lines with this message, once the one with which everything ends is there.
fn told(server: &Server, last: &str) -> Vec<Value> {
    let read = || -> Vec<Value> {
        let log = server.log();
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    eventually(last, PATIENCE, || read().iter().any(|line| line["message"] == last));
    read()
}

/// The line without what changes with each run.
fn without_times(line: &Value) -> Value {
    let mut line = line.clone();
    let fields = line.as_object_mut().unwrap();
    assert!(fields["ms"].as_u64().unwrap() < 60_000);
    for key in ["timestamp", "target", "run", "ms"] {
        assert!(fields.remove(key).is_some(), "{key}");
    }
    line
}

#[test]
fn a_run_with_a_retry_tells_one_line_for_each_end_and_nothing_that_was_said() {
    let fake = Fake::new(|call| match (call.query.as_str(), call.nth) {
        ("q1", 1) => Answer::status(503, "{\"error\":{\"message\":\"SAID-CANARY\"}}"),
        ("q1", _) => Answer::text("ANSWER-CANARY"),
        _ => Answer::status(400, "{\"error\":{\"message\":\"SAID-CANARY\"}}"),
    });
    let retry = "retry = { base = \"20ms\", max = \"20ms\" }";
    let setup = Setup::default().provider("fake", &fake, retry).panel(Panel::of("two", 2));
    let server = setup.arg("--log-format").arg("json").start();
    let stream = server.ask(&json!({"panel": "two", "question": "QUESTION-CANARY"}));
    let run = stream.run();
    assert_eq!(stream.events().last().unwrap().data["status"], "partial");
    let lines = told(&server, "run ended");
    let mut lines: Vec<Value> = lines.into_iter().filter(|line| line["run"] == run.as_str()).collect();
    let last = lines.pop().unwrap();
    assert_eq!(
        without_times(&last),
        json!({
            "level": "INFO", "message": "run ended", "panel": "two", "status": "partial", "ok": 1, "all": 2
        })
    );
    let mut lines: Vec<Value> = lines.iter().map(without_times).collect();
    lines.sort_by_key(|line| format!("{} {}", line["query"], line["message"]));
    let failed = |query: &str, code: &str, status: u16| {
        json!({
            "level": "INFO", "message": "attempt failed", "query": query, "attempt": 1, "provider": "fake",
            "endpoint": "fake", "code": code, "http_status": status
        })
    };
    let ended = |query: &str, status: &str, attempts: u32| {
        json!({
            "level": "INFO", "message": "query ended", "query": query, "provider": "fake", "model": "m",
            "attempts": attempts, "status": status
        })
    };
    let mut refused = ended("q2", "failed", 1);
    refused["code"] = json!("request_refused");
    let expected = [
        failed("q1", "overloaded", 503),
        ended("q1", "succeeded", 2),
        failed("q2", "request_refused", 400),
        refused,
    ];
    assert_eq!(lines, expected);
    for said in ["QUESTION-CANARY", "ANSWER-CANARY", "SAID-CANARY"] {
        assert!(!server.log().contains(said), "{said}");
    }
}

#[test]
fn an_attempt_that_the_querys_time_cuts_short_is_told() {
    let fake = Fake::always(Answer::silent());
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).arg("--log-format").arg("json").start();
    let options = json!({"query_timeout_ms": 300});
    let body = json!({"panel": "one", "question": "x", "options": options});
    assert_eq!(server.ask(&body).events().last().unwrap().data["status"], "failed");
    let lines = told(&server, "run ended");
    let told: Vec<_> = lines.iter().filter(|line| line["code"] == "timeout").collect();
    let messages: Vec<_> = told.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["attempt failed", "query ended", "run ended"]);
    assert!(told.iter().all(|line| line["ms"].as_u64().unwrap() >= 200), "{told:?}");
}

#[test]
fn a_breaker_that_opens_and_closes_tells_each_step_once() {
    let fake = Fake::new(|call| match call.nth {
        1 | 2 => Answer::status(500, "{}"),
        _ => Answer::text("fine"),
    });
    let breaker = "breaker = { failures = 2, open_for = \"300ms\" }\nretry = { attempts = 1 }";
    let setup = Setup::default().provider("fake", &fake, breaker).panel(Panel::of("one", 1));
    let server = setup.arg("--log-format").arg("json").start();
    let ask = || server.ask(&json!({"panel": "one", "question": "x"})).events();
    eventually("it works again", PATIENCE, || ask().last().unwrap().data["status"] == "completed");
    let lines = told(&server, "breaker closed");
    let of = |message: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["message"].as_str().unwrap().starts_with(message)).collect()
    };
    let [opened] = of("breaker opened")[..] else { panic!("{lines:?}") };
    assert_eq!((&opened["level"], &opened["endpoint"]), (&json!("WARN"), &json!("fake")));
    assert_eq!(opened["reason"], "provider_error");
    assert!((240..=360).contains(&opened["open_for_ms"].as_u64().unwrap()), "{opened}");
    assert_eq!((of("breaker half-open").len(), of("breaker closed").len()), (1, 1));
}
