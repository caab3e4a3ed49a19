//! The other doors: one document, a run in the background, a snapshot; and asks that are the same ask.

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::eventually;
use crate::harness::ms;
use crate::harness::named;

fn server(answer: Answer) -> (Fake, Server) {
    let fake = Fake::always(answer);
    let server = Setup::default()
        .provider("fake", &fake, "max_in_flight = 100")
        .panel(Panel::of("one", 1))
        .panel(Panel::of("two", 2))
        .start();
    (fake, server)
}

fn one() -> Value {
    json!({"panel": "one", "question": "x"})
}

#[test]
fn one_document_answers_who_does_not_stream() {
    let (_fake, server) = server(Answer::text("yes"));
    for path in ["/ask", "/api/v1/multi-role/ask"] {
        let reply = server.post(path, &one());
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let document = reply.json();
        assert_eq!((&document["type"], &document["status"]), (&json!("final_result"), &json!("completed")));
        let run = reply.header("run-id").unwrap();
        assert_eq!(server.get(&format!("/api/v1/runs/{run}/result")).json(), document);
        assert_eq!(server.follow(run).events().last().unwrap().data, document);
    }
    let wants_json =
        server.request("POST", "/ask-stream").json(&one()).header("accept", "application/json").send();
    assert_eq!(wants_json.json()["status"], "completed");
}

#[test]
fn a_failed_run_answers_502_and_says_why() {
    let (_fake, server) = server(Answer::status(400, "{\"error\":{\"message\":\"no\"}}"));
    let reply = server.post("/ask", &one());
    assert_eq!(reply.status(), 502);
    let document = reply.json();
    assert_eq!(
        (&document["status"], &document["error"]["code"]),
        (&json!("failed"), &json!("request_refused"))
    );
}

#[test]
fn a_run_in_the_background_is_followed_by_its_id() {
    let (_fake, server) = server(Answer::text("one two three four").after(150).over(300));
    let reply = server.post("/api/v1/runs", &one());
    assert_eq!(reply.status(), 202);
    let snapshot = reply.json();
    let run = snapshot["run_id"].as_str().unwrap();
    assert_eq!(reply.header("location"), Some(format!("/api/v1/runs/{run}").as_str()));
    assert_eq!(snapshot["status"], "running");
    assert_eq!(snapshot["queries"][0]["query"], "q1");
    let early = server.get(&format!("/api/v1/runs/{run}/result"));
    assert_eq!(early.problem(409, "run_not_finished")["run_id"], run);
    let mut stream = server.follow(run);
    stream.until("query_delta");
    let partial = server.snapshot(run);
    assert_eq!(partial["status"], "running");
    let text = partial["queries"][0]["text"].as_str().unwrap();
    assert!(!text.is_empty() && "one two three four".starts_with(text), "{text:?}");
    assert_eq!(partial["queries"][0]["status"], "running");
    let events = stream.events();
    assert_eq!(events[0].data["on_disconnect"], "continue");
    let ended = server.snapshot(run);
    let last = events.last().unwrap();
    assert_eq!(ended["status"], "completed");
    assert_eq!(ended["last_event_id"], last.id.as_deref().unwrap());
    assert_eq!(ended["result"], last.data);
    assert_eq!(ended["queries"][0]["status"], "succeeded");
    let result = server.get(&format!("/api/v1/runs/{run}/result"));
    assert_eq!((result.status(), result.json()), (200, last.data.clone()));
}

#[test]
fn a_snapshot_that_is_known_is_not_sent_again() {
    let (_fake, server) = server(Answer::text("yes"));
    let stream = server.ask(&one());
    let path = format!("/api/v1/runs/{}", stream.run());
    stream.events();
    let etag = server.get(&path).header("etag").unwrap().to_owned();
    let again = server.request("GET", &path).header("if-none-match", &etag).send();
    assert_eq!((again.status(), again.body.len()), (304, 0));
    let other = server.request("GET", &path).header("if-none-match", "\"other\"").send();
    assert_eq!(other.status(), 200);
}

#[test]
fn older_names_of_the_question_and_its_parts_are_understood() {
    let (fake, server) = server(Answer::text("yes"));
    for name in ["question", "project_description", "prompt", "query"] {
        let reply = server.post("/ask", &json!({"panel": "one", name: "by another name"}));
        assert_eq!(reply.json()["status"], "completed", "{name}");
        assert!(fake.calls().last().unwrap().prompt().contains("by another name"));
    }
}

#[test]
fn some_of_the_queries_can_be_asked_alone() {
    let (fake, server) = server(Answer::text("yes"));
    let body = json!({"panel": "two", "question": "x", "options": {"queries": ["q2"]}});
    let events = server.ask(&body).events();
    assert_eq!(events[0].data["queries"].as_array().unwrap().len(), 1);
    assert_eq!(events.last().unwrap().data["status"], "completed");
    assert_eq!(fake.calls().len(), 1);
}

#[test]
fn c27_a_key_leads_to_its_run_and_to_no_other_body() {
    let (fake, server) = server(Answer::text("yes"));
    let ask = |body: &[u8]| server.request("POST", "/ask").body(body).header("idempotency-key", "k-1").send();
    let first = ask(br#"{"panel":"one","question":"x","metadata":{"a":1,"b":2}}"#);
    let same = ask(br#" { "metadata" : {"b":2, "a":1}, "question":"\u0078", "panel":"one" } "#);
    assert_eq!(same.header("run-id"), first.header("run-id"));
    assert_eq!((first.header("run-created"), same.header("run-created")), (Some("true"), Some("false")));
    assert_eq!(first.json(), same.json());
    let other = ask(br#"{"panel":"one","question":"y"}"#).problem(422, "idempotency_conflict");
    assert_eq!(other["run_id"], first.header("run-id").unwrap());
    assert_eq!(fake.calls().len(), 1);
}

#[test]
fn an_address_with_a_key_is_one_run_for_ever() {
    let (fake, server) = server(Answer::text("yes"));
    let path = "/ask-stream?panel=one&question=x&key=k-1";
    let first = server.request("GET", path).open();
    let run = first.run();
    first.events();
    let again = server.request("GET", path).open();
    assert_eq!((again.run(), again.head.header("run-created")), (run.clone(), Some("false")));
    again.events();
    let changed = server.get("/ask-stream?panel=one&question=y&key=k-1").problem(422, "idempotency_conflict");
    assert_eq!(changed["run_id"], run);
    assert_eq!(fake.calls().len(), 1);
}

#[test]
fn c3_the_same_address_joins_the_live_run_only() {
    let (fake, server) = server(Answer::text("yes").after(200));
    let path = "/api/v1/multi-role/ask-stream?panel=one&question=x";
    let first = server.request("GET", path).open();
    let second = server.request("GET", path).open();
    let run = first.run();
    assert_eq!((second.run(), second.head.header("run-created")), (run.clone(), Some("false")));
    assert_eq!(first.events().len(), second.events().len());
    let third = server.request("GET", path).open();
    assert_ne!(third.run(), run);
    third.events();
    assert_eq!(fake.calls().len(), 2);
}

#[test]
fn a_snapshot_grows_with_its_run() {
    let (_fake, server) = server(Answer::text("yes").after(100));
    let run = server.post("/api/v1/runs", &json!({"panel": "two", "question": "first line\nsecond"})).json();
    let run = run["run_id"].as_str().unwrap().to_owned();
    eventually("it ends", ms(3000), || server.snapshot(&run)["status"] == "completed");
    let snapshot = server.snapshot(&run);
    assert_eq!(snapshot["title"], "first line");
    assert_eq!(snapshot["question"], "first line\nsecond");
    assert_eq!(snapshot["queries"].as_array().unwrap().len(), 2);
    assert_eq!(named(&server.follow(&run).events(), "query_completed").len(), 2);
}
