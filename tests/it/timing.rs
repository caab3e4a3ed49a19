//! All queries run side by side: the slowest one is the price of all.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Setup;
use crate::harness::Stream;
use crate::harness::fake::Call;
use crate::harness::fake::compliance;
use crate::harness::fake::comprehensive;
use crate::harness::ms;
use crate::harness::named;

/// The issue's own figure: the slowest query and 50 ms.
const SLOWEST: Duration = Duration::from_millis(650);
/// Other work on this machine may spoil a measurement, but not each of so many.
const TRIES: usize = 8;
/// The audit's own work, in a build for tests, takes its share.
const SLOWEST_AUDIT: Duration = Duration::from_millis(750);

/// Asks until a measurement shows that the queries ran side by side; the last one must.
#[track_caller]
fn assert_side_by_side(slowest: Duration, ask: impl Fn() -> Stream) -> Vec<Event> {
    let mut told = String::new();
    for _ in 0..TRIES {
        let sent = Instant::now();
        let events = ask().events();
        match times(&events, sent, slowest) {
            Ok(()) => return events,
            Err(why) => told += &format!("{why}\n"),
        }
    }
    panic!("never side by side:\n{told}");
}

/// Why these queries of 300 and 600 ms did not run side by side.
fn times(events: &[Event], sent: Instant, slowest: Duration) -> Result<(), String> {
    let total = events.last().unwrap().at - sent;
    let reported = ms(events.last().unwrap().data["performance"]["total_time_ms"].as_u64().unwrap());
    assert!(total >= ms(590) && reported >= ms(590), "faster than its slowest query: {total:?}");
    let ends: Vec<Instant> = named(events, "query_completed").iter().map(|event| event.at).collect();
    let gap = *ends.last().unwrap() - ends[0];
    let faster = ends[0] - sent;
    let sound = total < slowest
        && reported < slowest
        && (ms(250)..ms(350)).contains(&gap)
        && faster < slowest - ms(270);
    if sound {
        Ok(())
    } else {
        Err(format!("total {total:?}, first after {faster:?}, last {gap:?} after it"))
    }
}

#[test]
fn two_providers_of_300_and_600_ms_take_600() {
    let fast = Fake::always(Answer::text("fast").after(300));
    let slow = Fake::always(Answer::text("slow").after(600));
    let panel = Panel::new("two").query("slow", "models = [\"slow\"]").query("fast", "models = [\"fast\"]");
    let server =
        Setup::default().provider("fast", &fast, "").provider("slow", &slow, "").panel(panel).alone().start();
    let events = assert_side_by_side(SLOWEST, || server.ask(&json!({"panel": "two", "question": "x"})));
    let order: Vec<&str> = named(&events, "query_completed").iter().map(|event| event.query()).collect();
    assert_eq!(order, ["fast", "slow"], "in the order in which it happens, not in the panel's");
    assert!(events.last().unwrap().data["performance"]["parallel_efficiency"].as_f64().unwrap() > 115.0);
}

#[test]
fn the_audit_takes_as_long_as_its_slower_query() {
    let fake = Fake::audit(comprehensive().after(600), compliance().after(300));
    let server = Setup::asking(&fake).alone().start();
    let events = assert_side_by_side(SLOWEST_AUDIT, || server.ask(&json!({"question": "Foundation strip"})));
    assert_eq!(named(&events, "query_completed")[0].query(), "compliance_risks");
    assert_eq!(events.last().unwrap().data["status"], "completed");
}

#[test]
fn four_and_ten_queries_take_as_long_as_the_slowest() {
    let slow = |call: &Call| {
        let n: usize = call.query[1..].parse().unwrap();
        Answer::text(&call.query).after(if n.is_multiple_of(2) { 300 } else { 600 })
    };
    let fake = Fake::new(slow);
    let server = Setup::default()
        .provider("fake", &fake, "max_in_flight = 10")
        .panel(Panel::of("four", 4))
        .panel(Panel::of("ten", 10))
        .alone()
        .start();
    for (panel, count) in [("four", 4), ("ten", 10)] {
        let events = assert_side_by_side(SLOWEST, || server.ask(&json!({"panel": panel, "question": "x"})));
        assert_eq!(named(&events, "query_completed").len(), count);
        assert_eq!(events.last().unwrap().data["status"], "completed");
    }
    assert_eq!(fake.most_at_once(), 10);
}

#[test]
fn the_first_event_leaves_at_once() {
    let fake = Fake::always(Answer::silent());
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).alone().start();
    let first_events = || {
        let sent = Instant::now();
        let mut stream = server.ask(&json!({"panel": "one", "question": "x"}));
        let first = stream.next().unwrap();
        assert_eq!(first.name, "run_started");
        (first.at - sent, stream.until("query_started").at - sent)
    };
    let seen: Vec<_> = (0..TRIES).map(|_| first_events()).collect();
    assert!(seen.iter().any(|(first, started)| *first < ms(100) && *started < ms(120)), "{seen:?}");
}

/// What a provider can do to a run's time: each query of each run meets another of these.
fn dawdles(call: &Call) -> Answer {
    let number = |text: &str| {
        text.bytes().filter(u8::is_ascii_digit).fold(0, |n, digit| n * 10 + usize::from(digit - b'0'))
    };
    let prompt = call.prompt();
    let run = prompt.lines().find(|line| line.starts_with("run ")).map_or(0, number);
    let long = "word ".repeat(200);
    match (run + number(&call.query)) % 6 {
        0 => Answer::silent(),
        1 => Answer::text("too late").after(5000),
        2 => Answer::text(&long).over(20_000).pieces(200),
        3 => Answer::text(&long).over(600).stall(),
        4 => Answer::text(&long).over(600).cut(),
        _ => Answer::text("in time").after(100),
    }
}

#[test]
fn two_hundred_runs_with_a_second_each_end_in_time_whatever_their_providers_do() {
    const LIMIT: u64 = 1000;
    let fake = Fake::new(dawdles);
    let limits = |name: &str, limits: &str| Panel::of(name, 3).head(&format!("[limits]\n{limits}"));
    let server = Setup::default()
        .provider("fake", &fake, "max_in_flight = 100\nbreaker = { failures = 1000 }")
        .panel(limits("run", "overall = \"1s\""))
        .panel(limits("query", "per_query = \"1s\"\nfirst_content = \"1s\""))
        .alone()
        .start();
    let ask = |n: usize| {
        let panel = if n.is_multiple_of(2) { "run" } else { "query" };
        let events = server.ask(&json!({"panel": panel, "question": format!("run {n}")})).events();
        let last = &events.last().unwrap().data;
        let status = if (2..5).contains(&(n % 6)) { "partial" } else { "failed" };
        assert_eq!(last["status"], status, "{n}: {last}");
        last["elapsed_ms"].as_u64().unwrap()
    };
    let asker = |from: usize| move || (from..200).step_by(40).map(ask).collect::<Vec<_>>();
    let mut times: Vec<u64> = thread::scope(|scope| {
        let askers: Vec<_> = (0..40).map(|from| scope.spawn(asker(from))).collect();
        askers.into_iter().flat_map(|asker| asker.join().unwrap()).collect()
    });
    times.sort_unstable();
    eprintln!("ended after {} ms, 95 of 100 by {} ms, all by {} ms", times[100], times[190], times[199]);
    assert!(times[0] >= LIMIT - 100, "each has a query that takes all its time: {times:?}");
    // The rest is what other work on this machine may take.
    assert!(times[100] <= LIMIT + 250 && times[199] <= LIMIT + 2000, "{times:?}");
}
