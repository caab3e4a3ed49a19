//! What `POST /api/v1/runs` does of a client's wishes (RFC 7240), and of its parameters.

use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Reply;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::eventually;
use crate::harness::ms;

fn server(answer: Answer, more: &str) -> (Fake, Server) {
    let fake = Fake::always(answer);
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).server(more).start();
    (fake, server)
}

fn one() -> Value {
    json!({"panel": "one", "question": "x"})
}

fn create(server: &Server, prefer: &str) -> Reply {
    server.request("POST", "/api/v1/runs").json(&one()).header("prefer", prefer).send()
}

#[track_caller]
fn assert_named(reply: &Reply) -> String {
    let run = reply.header("run-id").unwrap().to_owned();
    assert_eq!(reply.header("location"), Some(format!("/api/v1/runs/{run}").as_str()));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    run
}

#[test]
fn who_waits_gets_the_whole_result() {
    let (_fake, server) = server(Answer::text("yes").after(200), "");
    let reply = create(&server, "respond-async, wait=60");
    assert_eq!((reply.status(), reply.header("preference-applied")), (200, Some("wait=60")));
    let run = assert_named(&reply);
    let result = server.get(&format!("/api/v1/runs/{run}/result"));
    assert_eq!(reply.body, result.body);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json()["type"], "final_result");
}

#[test]
fn a_failed_run_is_a_result_too() {
    let (_fake, server) = server(Answer::status(400, "{\"error\":{\"message\":\"no\"}}"), "");
    let reply = create(&server, "wait=60");
    assert_eq!((reply.status(), &reply.json()["status"]), (200, &json!("failed")));
}

#[test]
fn when_time_is_up_the_run_goes_on() {
    let (_fake, server) = server(Answer::text("yes").after(1500), "");
    let begun = Instant::now();
    let reply = create(&server, "wait=1");
    assert!(begun.elapsed() >= ms(990), "{:?}", begun.elapsed());
    assert_eq!((reply.status(), reply.header("preference-applied")), (202, Some("wait=1")));
    assert_eq!(reply.json()["status"], "running");
    let run = assert_named(&reply);
    assert_eq!(server.follow(&run).events().last().unwrap().data["status"], "completed");
    assert_eq!(create(&server, "wait=0").status(), 202);
}

#[test]
fn little_is_told_to_who_wants_little() {
    let (_fake, server) = server(Answer::text("yes").after(300), "");
    let reply = create(&server, "return=minimal");
    assert_eq!((reply.status(), reply.header("preference-applied")), (202, Some("return=minimal")));
    let run = assert_named(&reply);
    assert_eq!(reply.json(), json!({"run_id": run}));
    let reply = create(&server, "return=minimal, wait=60");
    assert_eq!((reply.status(), reply.header("preference-applied")), (200, Some("wait=60, return=minimal")));
    assert_eq!(reply.json(), json!({"run_id": assert_named(&reply)}));
    let reply = create(&server, "return=representation");
    assert_eq!((reply.status(), reply.header("preference-applied")), (202, Some("return=representation")));
    assert_eq!(reply.json()["queries"][0]["query"], "q1");
}

#[test]
fn wishes_that_cannot_be_read_are_none() {
    let (_fake, server) = server(Answer::text("yes").after(300), "");
    for prefer in ["wait=soon", "wait=-1", "return=all", "wait", "\"", "wait=\"5", ",;=,", "handling=strict"]
    {
        let reply = create(&server, prefer);
        assert_eq!((reply.status(), reply.header("preference-applied")), (202, None), "{prefer}");
        assert_eq!(reply.json()["run_id"], assert_named(&reply));
    }
}

#[test]
fn a_key_makes_a_repeated_wait_one_run() {
    let (fake, server) = server(Answer::text("yes").after(200), "");
    let ask = |prefer: &str| {
        let request = server.request("POST", "/api/v1/runs").json(&one()).header("idempotency-key", "k");
        request.header("prefer", prefer).send()
    };
    let (first, second, third) = (ask("return=minimal"), ask("wait=60"), ask("wait=0"));
    assert_eq!((first.status(), second.status(), third.status()), (202, 200, 200));
    assert_eq!(second.header("run-id"), first.header("run-id"));
    let created = [&first, &second, &third].map(|reply| reply.header("run-created").unwrap());
    assert_eq!(created, ["true", "false", "false"]);
    assert_eq!(fake.calls().len(), 1);
    let other = server.request("POST", "/api/v1/runs").json(&json!({"panel": "one", "question": "y"}));
    other.header("idempotency-key", "k").send().problem(422, "idempotency_conflict");
}

#[test]
fn who_waits_watches() {
    let (fake, server) = server(Answer::text("yes").after(900), "grace = \"200ms\"");
    let body = json!({"panel": "one", "question": "x", "options": {"on_disconnect": "grace"}});
    let ask =
        |prefer: &str| server.request("POST", "/api/v1/runs").json(&body).header("prefer", prefer).send();
    assert_eq!(ask("wait=60").json()["status"], "completed");
    let run = assert_named(&ask("return=minimal"));
    eventually("nobody watches it", ms(5000), || server.snapshot(&run)["status"] == "cancelled");
    assert_eq!(fake.calls().len(), 2);
}

#[test]
fn parameters_that_nobody_knows_are_refused_everywhere() {
    let (fake, server) = server(Answer::text("yes"), "");
    let run = server.ask(&one()).run();
    let calls = fake.calls().len();
    for (method, path) in [
        ("POST", "/ask".to_owned()),
        ("POST", "/ask-stream".to_owned()),
        ("POST", "/api/v1/runs".to_owned()),
        ("GET", format!("/api/v1/runs/{run}")),
        ("GET", format!("/api/v1/runs/{run}/events")),
        ("GET", format!("/api/v1/runs/{run}/result")),
        ("GET", format!("/api/v1/runs/{run}/queries/q1/result")),
        ("POST", format!("/api/v1/runs/{run}/cancel")),
    ] {
        let request = server.request(method, &format!("{path}?colour=red")).json(&one());
        let problem = request.send().problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/colour", "{method} {path}");
    }
    assert_eq!(fake.calls().len(), calls);
    assert_eq!(server.get("/health?probe=1").status(), 200, "who only looks may say what he likes");
}
