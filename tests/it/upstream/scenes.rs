//! Rows that take more than runs of one query: each tells in words what happened.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread::scope;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use super::bench::Bench;
use super::bench::Case;
use crate::harness::Event;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::completed;
use crate::harness::eventually;
use crate::harness::named;

/// Asks twice; the second run's outcome, and whether it had a connection of its own.
pub fn asked_again(bench: &Bench, case: &Case) -> String {
    asked_after(bench, case, |_| {})
}

/// The same, once the lab has closed the idle connection.
pub fn idle_close(bench: &Bench, case: &Case) -> String {
    asked_after(bench, case, |connection| bench.lab_of(case).closed(connection))
}

/// One run over HTTP/2; the lab that speaks it counts.
pub fn over_http2(bench: &Bench, case: &Case) -> String {
    // All such rows share a connection, and what cuts one would cut its neighbours.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let events = bench.ask(&case.name, 1);
    let outcome = bench.outcome(case, &events);
    let (_, fallback) = outcome.counted;
    let seen = bench.http2().seen(&case.model(), (outcome.attempts - fallback) as usize);
    outcome.counted(seen.len() as u64, fallback).to_string()
}

fn asked_after(bench: &Bench, case: &Case, meanwhile: impl Fn(u64)) -> String {
    bench.ask(&case.name, 1);
    meanwhile(bench.lab_of(case).seen(&case.model(), 1)[0].connection);
    let events = bench.ask(&case.name, 1);
    let seen = bench.lab_of(case).seen(&case.model(), 2);
    let same = seen[0].connection == seen[1].connection;
    format!("{}; {} connection", bench.outcome(case, &events), if same { "the same" } else { "another" })
}

/// A second run begins while the first one waits as it was told to.
pub fn asked_during_the_wait(bench: &Bench, case: &Case) -> String {
    let model = case.model();
    scope(|threads| {
        let first = threads.spawn(|| bench.ask(&case.name, 1));
        bench.lab_of(case).seen(&model, 1);
        bench.ask(&case.name, 1);
        first.join().unwrap();
    });
    let seen = bench.lab_of(case).seen(&model, 3);
    let told_to_wait = seen[0].at + seen[0].took;
    let during = seen[1..].iter().filter(|seen| seen.at < told_to_wait + 1900).count();
    match during {
        0 => "the other query waits, too".into(),
        _ => "the other query asks at once".into(),
    }
}

/// 50 runs at a provider that wants a second of rest.
pub fn storm(bench: &Bench, case: &Case) -> String {
    bench.ask_at_once(&case.name, 50);
    let seen = bench.lab_of(case).seen(&case.model(), 50);
    let told_to_wait = seen[0].at + seen[0].took;
    // What was under way cannot be called back: 8 at once are allowed.
    let during = seen.iter().filter(|seen| seen.at < told_to_wait + 950).count();
    match during {
        0..=8 => "nobody asks during the announced wait".into(),
        _ => "calls go on during the announced wait".into(),
    }
}

/// How much of a long error is told.
pub fn kept_words(bench: &Bench, case: &Case) -> String {
    let events = bench.ask(&case.name, 1);
    let error = &completed(&events, "q1")["error"];
    let words = error["provider_message"].as_str().unwrap_or_default().len();
    assert!(words > 0 && named(&events, "query_retrying").len() == 1);
    let most = if words <= 2048 { "2048" } else { "many more" };
    format!("{}, {most} bytes at most", text(&error["code"]))
}

/// One run after the other until the first target answers again.
pub fn flap(bench: &Bench, case: &Case) -> String {
    let begun = Instant::now();
    let (mut runs, mut complete) = (0, 0);
    let mut back = false;
    while !back && begun.elapsed() < PATIENCE * 2 {
        let events = bench.ask(&case.name, 1);
        runs += 1;
        complete += u32::from(events.last().unwrap().data["status"] == "completed");
        back = completed(&events, "q1")["provider"] == case.name.as_str();
    }
    let calls = bench.lab_of(case).count(&case.model(), "attempts");
    // Five failures open a breaker, and then a probe in 10 s is enough.
    let rests = if calls <= 8 { "it rests during the outage" } else { "asked by every run of the outage" };
    let all = if complete == runs { "all runs complete" } else { "some runs fail" };
    format!("{all}; {rests}; {}", if back { "back" } else { "not back" })
}

/// 40 runs at a target that fails 30 of 100 times.
pub fn brown_out(bench: &Bench, case: &Case) -> String {
    let runs: Vec<Vec<Event>> = (0..10).flat_map(|_| bench.ask_at_once(&case.name, 4)).collect();
    let complete = runs.iter().filter(|events| events.last().unwrap().data["status"] == "completed").count();
    let calls = bench.lab_of(case).count(&case.model(), "attempts");
    let left_out = if calls >= 40 { "it is never left out" } else { "it is left out" };
    format!("{complete} of 40 runs complete; {left_out}")
}

/// Five runs; whether one of them told its progress too often. The contract's check would end the row.
pub fn hasty_progress(bench: &Bench, case: &Case) -> String {
    let body = json!({"panel": case.name, "question": "x"});
    let is_hasty = |_| {
        let events = bench.server.ask(&body).rest();
        assert_eq!(events.last().unwrap().data["status"], "completed");
        let told = named(&events, "query_progress");
        let times: Vec<u64> = told.iter().map(|event| event.data["elapsed_ms"].as_u64().unwrap()).collect();
        times.windows(11).any(|window| window[10] - window[0] < 1000)
    };
    match (0..5).any(is_hasty) {
        true => "more than 10 progress events a second".into(),
        false => "never more than 10 progress events a second".into(),
    }
}

/// Two targets, and both refuse connections.
pub fn both_closed(case: &Case) -> Vec<Panel> {
    let (first, fallback) = case.targets();
    vec![Panel::new(&case.name).query("q1", &format!("models = [{first:?}, {fallback:?}]"))]
}

/// The fifth run, which finds both targets known to be down.
pub fn last_of_five(bench: &Bench, case: &Case) -> String {
    (0..4).for_each(|_| drop(bench.ask(&case.name, 1)));
    let events = bench.ask(&case.name, 1);
    let end = completed(&events, "q1");
    format!("failed {}, attempts {}", text(&end["error"]["code"]), end["attempts"])
}

/// Five failures open the breaker; the probe that follows is cancelled, and then one more run is made.
pub fn cancelled_probe(bench: &Bench, case: &Case) -> String {
    (0..5).for_each(|_| drop(bench.ask(&case.name, 1)));
    let breaker = || bench.server.get("/api/circuit-breakers/status").json()["breakers"][&case.name].clone();
    assert_eq!(breaker()["state"], "open");
    eventually("a probe is due", PATIENCE, || breaker().get("retry_after_ms").is_none());
    let mut probe = bench.server.ask(&json!({"panel": case.name, "question": "x"}));
    probe.until_phase("q1", "waiting");
    assert_eq!(breaker()["state"], "half_open");
    bench.server.cancel(&probe.run());
    assert_eq!(probe.rest().pop().unwrap().data["status"], "cancelled");
    let events = bench.ask(&case.name, 1);
    format!("the next query is the probe: {}, {}", ended(&events, "q1"), text(&breaker()["state"]))
}

/// One query that fails and one that does not.
pub fn two_queries(case: &Case) -> Vec<Panel> {
    let (first, fallback) = case.targets();
    let failing = match case.row.number {
        78 => format!("{}/u69-503#{}", case.name, case.name),
        _ => first,
    };
    let panel = Panel::new(&case.name);
    vec![panel.query("q1", &models(&failing)).query("q2", &models(&fallback))]
}

/// Two queries that fail.
pub fn two_failing(case: &Case) -> Vec<Panel> {
    let failing = models(&format!("{}/u69-503#{}", case.name, case.name));
    vec![Panel::new(&case.name).query("q1", &failing).query("q2", &failing)]
}

fn models(target: &str) -> String {
    format!("models = [{target:?}]")
}

/// How each of two queries ended.
pub fn beside(bench: &Bench, case: &Case) -> String {
    let events = bench.ask(&case.name, 1);
    let last = &events.last().unwrap().data;
    let mut told: Vec<String> = ["q1", "q2"].map(|query| ended(&events, query)).into();
    let warnings = last["warnings"].as_array().unwrap();
    told.extend(warnings.iter().map(|warning| format!("warned of {}", text(&warning["source"]))));
    format!("{}: {}", text(&last["status"]), told.join(", "))
}

/// The same where the first query's endpoint is overloaded.
pub fn one_of_two(bench: &Bench, case: &Case) -> String {
    beside(bench, case)
}

/// Six queries of which five are silent, and one that needs them all.
pub fn five_slow(case: &Case) -> Vec<Panel> {
    let (_, fallback) = case.targets();
    let silent = models(&format!("{}/u9-silent#{}", case.name, case.name));
    let without = format!("{silent}\non_fail = \"continue\"");
    let head = "[limits]\nper_query = \"1500ms\"\noverall = \"2s\"";
    let panel = Panel::new(&case.name).head(head).query("p1", &models(&fallback));
    let panel = (2..=6).fold(panel, |panel, n| panel.query(&format!("p{n}"), &without));
    let needs = "needs = [\"p1\", \"p2\", \"p3\", \"p4\", \"p5\", \"p6\"]";
    vec![panel.query("sum", &format!("{}\n{needs}", models(&fallback)))]
}

/// What became of the query that sums up.
pub fn summing_up(bench: &Bench, case: &Case) -> String {
    let events = bench.ask(&case.name, 1);
    format!("{}, {}", text(&events.last().unwrap().data["status"]), ended(&events, "sum"))
}

fn ended(events: &[Event], query: &str) -> String {
    let end = completed(events, query);
    let code = end["error"]["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
    format!("{query} {}{code}", text(&end["status"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
