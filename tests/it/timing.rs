//! All queries run side by side: the slowest one is the price of all.

use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Setup;
use crate::harness::Stream;
use crate::harness::fake::compliance;
use crate::harness::fake::comprehensive;
use crate::harness::ms;
use crate::harness::named;

/// A busy machine may take a quarter more, never the sum.
const SLOWEST: Duration = ms_(600 + 150);

const fn ms_(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[track_caller]
fn assert_side_by_side(stream: Stream, sent: Instant) -> Vec<Event> {
    let events = stream.events();
    let total = events.last().unwrap().at - sent;
    assert!(total >= ms(590) && total < SLOWEST, "took {total:?}");
    let reported = events.last().unwrap().data["performance"]["total_time_ms"].as_u64().unwrap();
    assert!((590..750).contains(&reported), "{reported}");
    let ends: Vec<Instant> = named(&events, "query_completed").iter().map(|event| event.at).collect();
    let gap = *ends.last().unwrap() - ends[0];
    assert!(gap > ms(220) && gap < ms(430), "the faster is told {gap:?} before the slower");
    assert!(ends[0] - sent < ms(450), "the faster is told at once");
    events
}

#[test]
fn two_providers_of_300_and_600_ms_take_600() {
    let fast = Fake::always(Answer::text("fast").after(300));
    let slow = Fake::always(Answer::text("slow").after(600));
    let panel = Panel::new("two").query("slow", "models = [\"slow\"]").query("fast", "models = [\"fast\"]");
    let server =
        Setup::default().provider("fast", &fast, "").provider("slow", &slow, "").panel(panel).start();
    let sent = Instant::now();
    let events = assert_side_by_side(server.ask(&json!({"panel": "two", "question": "x"})), sent);
    let order: Vec<&str> = named(&events, "query_completed").iter().map(|event| event.query()).collect();
    assert_eq!(order, ["fast", "slow"], "in the order in which it happens, not in the panel's");
    assert!(events.last().unwrap().data["performance"]["parallel_efficiency"].as_f64().unwrap() > 115.0);
}

#[test]
fn the_audit_takes_as_long_as_its_slower_query() {
    let fake = Fake::audit(comprehensive().after(600), compliance().after(300));
    let server = Setup::asking(&fake).start();
    let sent = Instant::now();
    let events = assert_side_by_side(server.ask(&json!({"question": "Foundation strip"})), sent);
    assert_eq!(named(&events, "query_completed")[0].query(), "compliance_risks");
    assert_eq!(events.last().unwrap().data["status"], "completed");
}

#[test]
fn four_and_ten_queries_take_as_long_as_the_slowest() {
    let slow = |call: &crate::harness::fake::Call| {
        let n: usize = call.query[1..].parse().unwrap();
        Answer::text(&call.query).after(if n % 2 == 0 { 300 } else { 600 })
    };
    let fake = Fake::new(slow);
    let server = Setup::default()
        .provider("fake", &fake, "max_in_flight = 10")
        .panel(Panel::of("four", 4))
        .panel(Panel::of("ten", 10))
        .start();
    for (panel, count) in [("four", 4), ("ten", 10)] {
        let sent = Instant::now();
        let events = assert_side_by_side(server.ask(&json!({"panel": panel, "question": "x"})), sent);
        assert_eq!(named(&events, "query_completed").len(), count);
        assert_eq!(events.last().unwrap().data["status"], "completed");
    }
    assert_eq!(fake.most_at_once(), 10);
}

#[test]
fn the_first_event_leaves_at_once() {
    let fake = Fake::always(Answer::silent());
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let sent = Instant::now();
    let mut stream = server.ask(&json!({"panel": "one", "question": "x"}));
    let first = stream.next().unwrap();
    assert_eq!(first.name, "run_started");
    assert!(first.at - sent < ms(100), "{:?}", first.at - sent);
    let started = stream.until("query_started");
    assert!(started.at - sent < ms(150), "{:?}", started.at - sent);
}
