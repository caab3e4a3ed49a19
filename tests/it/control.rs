//! Reaching into a run: pause, resume, finish, cancel one query, retry; and what a restart leaves of that.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Reply;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::eventually;
use crate::harness::named;

/// `POST /api/v1/runs/{run}/{what}`.
fn order(server: &Server, run: &str, what: &str) -> Reply {
    server.request("POST", &format!("/api/v1/runs/{run}/{what}")).send()
}

#[track_caller]
fn assert_illegal(reply: &Reply, run: &str, status: &str) {
    let problem = reply.problem(409, "illegal_transition");
    assert_eq!(problem["run_id"], run);
    assert!(problem["detail"].as_str().unwrap().starts_with(&format!("the run is {status}: ")), "{problem}");
}

fn statuses(events: &[Event]) -> Vec<(String, String)> {
    let ends = named(events, "query_completed").into_iter();
    let mut ends: Vec<_> =
        ends.map(|end| (end.query().to_owned(), end.data["status"].as_str().unwrap().to_owned())).collect();
    ends.sort();
    ends
}

fn last(events: &[Event]) -> &Value {
    &events.last().unwrap().data
}

#[test]
fn c28_a_paused_run_starts_nothing_and_its_limit_stands_still() {
    let fake = Fake::always(Answer::text("yes").after(300));
    let server =
        Setup::default().provider("fake", &fake, "max_in_flight = 1").panel(Panel::of("three", 3)).start();
    let options = json!({"run_timeout_ms": 4000});
    let mut stream = server.ask(&json!({"panel": "three", "question": "x", "options": options}));
    let run = stream.run();
    fake.until_calls(1);
    let paused = order(&server, &run, "pause");
    assert_eq!((paused.status(), &paused.json()["status"]), (202, &json!("paused")));
    assert_eq!(server.request("POST", &format!("/api/workflow/{run}/pause")).send().status(), 200);
    // What is being asked is let be.
    assert_eq!(stream.until_query("query_completed", "q1").data["status"], "succeeded");
    eventually("more time passes than the run has", PATIENCE, || {
        server.snapshot(&run)["elapsed_ms"].as_u64().unwrap() > 4500
    });
    assert_eq!(server.snapshot(&run)["status"], "paused");
    let listed = server.get("/api/v1/runs?status=paused").json();
    assert_eq!(listed["runs"][0]["run_id"], run.as_str());
    assert_eq!(fake.calls().len(), 1, "those in the queue stay there");
    let resumed = order(&server, &run, "resume");
    assert_eq!((resumed.status(), &resumed.json()["status"]), (202, &json!("running")));
    assert_eq!(order(&server, &run, "resume").status(), 200);
    let events = stream.events();
    let last = last(&events);
    assert_eq!(last["status"], "completed");
    assert!(last["performance"]["total_time_ms"].as_u64().unwrap() > 4500);
    assert_eq!((named(&events, "run_paused").len(), named(&events, "run_resumed").len()), (1, 1));
    assert_eq!(fake.calls().len(), 3);
    for what in ["pause", "resume", "finish", "queries/q1/cancel"] {
        assert_illegal(&order(&server, &run, what), &run, "completed");
    }
    assert_eq!(server.follow(&run).events().len(), server.snapshot(&run)["result"]["seq"]);
}

#[test]
fn a_pause_outlives_the_process() {
    let fake = Fake::always(Answer::text("yes").after(300));
    let mut server =
        Setup::default().provider("fake", &fake, "max_in_flight = 1").panel(Panel::of("two", 2)).start();
    let run = server.post("/api/v1/runs", &json!({"panel": "two", "question": "x"})).json()["run_id"].clone();
    let run = run.as_str().unwrap();
    fake.until_calls(1);
    assert_eq!(order(&server, run, "pause").status(), 202);
    let mut stream = server.follow(run);
    stream.until_query("query_completed", "q1");
    server.restart();
    assert_eq!(server.snapshot(run)["status"], "paused");
    assert_eq!((order(&server, run, "pause").status(), order(&server, run, "resume").status()), (200, 202));
    let events = server.follow(run).events();
    assert_eq!((&last(&events)["status"], fake.calls().len()), (&json!("completed"), 2));
}

#[test]
fn a_run_is_finished_with_what_is_there() {
    let fake = Fake::new(|call| match call.query.as_str() {
        "q1" => Answer::text("one").after(400),
        _ => Answer::silent(),
    });
    for (need, status) in [(1, "partial"), (2, "failed")] {
        let panel = Panel::of("some", 2).tail(&format!("[merge]\nneed = {need}"));
        let server = Setup::asking(&fake).panel(panel).start();
        let before = fake.calls().len();
        let mut stream = server.ask(&json!({"panel": "some", "question": "x"}));
        let run = stream.run();
        fake.until_calls(before + 2);
        assert_illegal(&order(&server, &run, "finish"), &run, "running");
        assert_eq!(order(&server, &run, "pause").status(), 202);
        assert_illegal(&order(&server, &run, "finish"), &run, "paused");
        stream.until_query("query_completed", "q1");
        let finished = order(&server, &run, "finish");
        assert_eq!((finished.status(), &finished.json()["status"]), (202, &json!(status)));
        eventually("the provider is left", PATIENCE, || {
            fake.calls_of("q2").iter().all(|call| call.closed.is_some())
        });
        let events = stream.events();
        assert_eq!(last(&events)["status"], status);
        assert_eq!(completed(&events, "q2")["error"]["code"], "cancelled");
        if need == 1 {
            assert_eq!(last(&events)["result"]["answers"], json!({"q1": "one"}));
        }
        assert_illegal(&order(&server, &run, "finish"), &run, status);
    }
}

#[test]
fn one_query_is_cancelled_and_the_rest_goes_on() {
    let fake = Fake::new(|call| match call.query.as_str() {
        "q1" => Answer::text("one two three four").stall(),
        _ => Answer::text("two").after(600),
    });
    let panel = Panel::of("some", 2).query("q3", "needs = [\"q1\"]").tail("[merge]\nneed = 1");
    let server = Setup::asking(&fake).panel(panel).start();
    let mut stream = server.ask(&json!({"panel": "some", "question": "x"}));
    let run = stream.run();
    stream.until_phase("q1", "streaming");
    fake.until_calls(2);
    let cancelled = order(&server, &run, "queries/q1/cancel");
    assert_eq!((cancelled.status(), &cancelled.json()["queries"][0]["status"]), (202, &json!("cancelled")));
    eventually("the provider is left", PATIENCE, || fake.calls_of("q1")[0].closed.is_some());
    assert_eq!(order(&server, &run, "queries/q1/cancel").status(), 200);
    for unknown in ["q9", "Q%201", "%20"] {
        order(&server, &run, &format!("queries/{unknown}/cancel")).problem(404, "not_found");
    }
    let events = stream.events();
    let expected = [("q1", "cancelled"), ("q2", "succeeded"), ("q3", "skipped")];
    assert_eq!(statuses(&events), expected.map(|(query, end)| (query.to_owned(), end.to_owned())));
    assert_eq!((&last(&events)["status"], fake.calls_of("q3").len()), (&json!("partial"), 0));
}

/// A panel whose `q2` is refused so often before it is answered; `q3` needs it.
fn refusing(times: usize) -> (Fake, Server) {
    let fake = Fake::new(move |call| match call.query.as_str() {
        "q2" if call.nth <= times => Answer::status(400, "{}"),
        query => Answer::text(query),
    });
    let panel = Panel::of("some", 2).query("q3", "needs = [\"q2\"]").tail("[merge]\nneed = 1");
    let server = Setup::asking(&fake).panel(panel).start();
    (fake, server)
}

fn counts(fake: &Fake) -> [usize; 3] {
    ["q1", "q2", "q3"].map(|query| fake.calls_of(query).len())
}

#[test]
fn what_did_not_succeed_is_asked_again_in_a_linked_run() {
    let (fake, server) = refusing(1);
    let old = server.ask(&json!({"panel": "some", "question": "x", "metadata": {"a": 1}})).events();
    let old = old[0].data["run_id"].as_str().unwrap().to_owned();
    let retry = || server.request("POST", &format!("/api/v1/runs/{old}/retry"));
    let first = retry().header("idempotency-key", "again").send();
    assert_eq!((first.status(), first.header("run-created")), (202, Some("true")));
    let run = first.header("run-id").unwrap().to_owned();
    assert_eq!(first.header("location"), Some(format!("/api/v1/runs/{run}").as_str()));
    assert_eq!((&first.json()["run_id"], &first.json()["retry_of"]), (&json!(run), &json!(old)));
    let events = server.follow(&run).events();
    assert_eq!(events[0].data["retry_of"], old.as_str());
    assert_eq!(events[0].data["on_disconnect"], "continue");
    assert_eq!(events[0].data["queries"].as_array().unwrap().len(), 3, "the plan lists all queries");
    assert!(events[1].is("query_completed", "q1"), "what is carried over completes at once");
    assert_eq!((&events[1].data["carried_over"], &events[1].data["result"]), (&json!(true), &json!("q1")));
    assert_eq!(last(&events)["status"], "completed");
    assert_eq!(last(&events)["result"]["answers"], json!({"q1": "q1", "q2": "q2", "q3": "q3"}));
    assert_eq!(counts(&fake), [1, 2, 1]);
    assert_eq!(server.snapshot(&old)["retried_by"], run.as_str());
    assert_eq!(server.snapshot(&run)["queries"][0]["carried_over"], true);
    // The same key is the same run; without one it is another, and the latest counts.
    let again = retry().header("idempotency-key", "again").send();
    assert_eq!((again.status(), again.header("run-created")), (202, Some("false")));
    assert_eq!(again.header("run-id"), Some(run.as_str()));
    let other = retry().send().header("run-id").unwrap().to_owned();
    assert_ne!(other, run);
    server.follow(&other).events();
    assert_eq!(server.snapshot(&old)["retried_by"], other.as_str());
    assert_illegal(&order(&server, &run, "retry"), &run, "completed");
    let third = server.ask(&json!({"panel": "some", "question": "y"})).events();
    let path = format!("/api/v1/runs/{}/retry", third[0].data["run_id"].as_str().unwrap());
    assert_eq!(last(&third)["status"], "completed");
    server.request("POST", &path).header("idempotency-key", "again").send().problem_code(409);
    retry().header("idempotency-key", "a b").send().problem(422, "validation_failed");
}

#[test]
fn a_key_of_one_retry_is_no_key_of_another() {
    let (_fake, server) = refusing(9);
    let runs = ["x", "y"].map(|question| {
        let events = server.ask(&json!({"panel": "some", "question": question})).events();
        events[0].data["run_id"].as_str().unwrap().to_owned()
    });
    let retry = |run: &str| server.request("POST", &format!("/api/v1/runs/{run}/retry"));
    assert_eq!(retry(&runs[0]).header("idempotency-key", "k").send().status(), 202);
    retry(&runs[1]).header("idempotency-key", "k").send().problem(422, "idempotency_conflict");
}

#[test]
fn a_run_under_way_is_not_retried() {
    let fake = Fake::always(Answer::silent());
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let mut stream = server.ask(&json!({"panel": "one", "question": "x"}));
    let run = stream.run();
    stream.until("query_started");
    assert_illegal(&order(&server, &run, "retry"), &run, "running");
    server.cancel(&run);
    assert_eq!(last(&stream.events())["status"], "cancelled");
    let new = order(&server, &run, "retry");
    assert_eq!(new.status(), 202, "what was cancelled may be asked again");
    server.cancel(new.header("run-id").unwrap());
}

#[test]
fn a_retry_is_retried_and_a_restart_changes_nothing_of_it() {
    let (fake, mut server) = refusing(2);
    let old = server.ask(&json!({"panel": "some", "question": "x"})).events();
    let old = old[0].data["run_id"].as_str().unwrap().to_owned();
    server.restart();
    let second = order(&server, &old, "retry").header("run-id").unwrap().to_owned();
    assert_eq!(last(&server.follow(&second).events())["status"], "partial");
    server.restart();
    let third = order(&server, &second, "retry").header("run-id").unwrap().to_owned();
    let events = server.follow(&third).events();
    assert_eq!((&last(&events)["status"], counts(&fake)), (&json!("completed"), [1, 3, 1]));
    assert_eq!(events[0].data["retry_of"], second.as_str());
    server.restart();
    let linked = |run: &str, key: &str| server.snapshot(run)[key].clone();
    assert_eq!((linked(&old, "retried_by"), linked(&second, "retry_of")), (json!(second), json!(old)));
    assert_eq!((linked(&second, "retried_by"), linked(&third, "retry_of")), (json!(third), json!(second)));
    let blocks = |events: &[Event]| events.iter().map(|event| event.block.clone()).collect::<Vec<_>>();
    assert_eq!(blocks(&server.follow(&third).events()), blocks(&events));
}

#[test]
fn a_retry_that_was_killed_asks_nothing_again_that_was_carried_over() {
    let fake = Fake::new(|call| match (call.query.as_str(), call.nth) {
        ("q2", 1) => Answer::status(400, "{}"),
        ("q2", 2) => Answer::text("lost in the middle").stall(),
        _ => Answer::text("found"),
    });
    let panel = Panel::of("some", 2).tail("[merge]\nneed = 1");
    let mut server = Setup::asking(&fake).panel(panel).start();
    let old = server.ask(&json!({"panel": "some", "question": "x"})).events();
    let run = order(&server, old[0].data["run_id"].as_str().unwrap(), "retry");
    let run = run.header("run-id").unwrap().to_owned();
    server.follow(&run).until("query_delta");
    server.restart();
    let events = server.follow(&run).events();
    assert_eq!((fake.calls_of("q1").len(), fake.calls_of("q2").len()), (1, 3));
    assert_eq!(completed(&events, "q2")["recovered"], true);
    assert_eq!(named(&events, "query_retrying")[0].data["reason"]["code"], "interrupted");
    assert_eq!(server.snapshot(&run)["queries"][1]["recovered"], true);
    assert_eq!(last(&events)["status"], "completed");
}

#[test]
fn what_leaving_means_holds_over_a_restart() {
    let restarted = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&restarted);
    let fake = Fake::new(move |call| match seen.load(Ordering::SeqCst) {
        true if call.prompt().contains("answered") => Answer::text("yes").after(1500),
        _ => Answer::silent(),
    });
    let mut server = Setup::asking(&fake).panel(Panel::of("one", 1)).server("grace = \"700ms\"").start();
    let asks = [("continue", "answered"), ("grace", "left"), ("cancel", "left"), ("grace", "answered")];
    let streams = asks.map(|(policy, question)| {
        let options = json!({"on_disconnect": policy});
        let mut stream = server.ask(&json!({"panel": "one", "question": question, "options": options}));
        stream.until("query_started");
        stream
    });
    fake.until_calls(4);
    let runs = streams.each_ref().map(|stream| stream.run());
    restarted.store(true, Ordering::SeqCst);
    server.restart();
    // Somebody comes back to the last one, and stays.
    let back = server.follow(&runs[3]);
    let ended = |run: &String| {
        eventually("the run ends", PATIENCE, || server.snapshot(run)["result"].is_object());
        let result = server.snapshot(run)["result"].clone();
        (result["status"].as_str().unwrap().to_owned(), result["reason"].as_str().unwrap_or("").to_owned())
    };
    let left = ("cancelled".to_owned(), "disconnect".to_owned());
    let answered = ("completed".to_owned(), String::new());
    assert_eq!(runs.each_ref().map(ended), [answered.clone(), left.clone(), left, answered]);
    back.events();
}
