//! Lost connections: whoever comes back gets the rest, each event once, and nobody is asked twice.

use std::thread;

use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::Stream;
use crate::harness::named;

const WAYS: [Way; 3] = [Way::Events, Way::Get, Way::Post];

/// The three ways back.
#[derive(Clone, Copy, Debug)]
enum Way {
    Events,
    Get,
    Post,
}

impl Way {
    fn back<'a>(self, server: &'a Server, cursor: &str, deltas: bool) -> crate::harness::client::Request<'a> {
        let run = cursor.split('.').next().unwrap();
        let request = match self {
            Way::Events => server.request("GET", &format!("/api/v1/runs/{run}/events?deltas={deltas}")),
            Way::Get => server.request("GET", &format!("/api/v1/multi-role/ask-stream?deltas={deltas}")),
            // The body is ignored, whatever it is.
            Way::Post => server.request("POST", &format!("/ask-stream?deltas={deltas}")).body(b"{not json"),
        };
        request.last_event_id(cursor)
    }

    fn open(self, server: &Server, cursor: &str, deltas: bool) -> Stream {
        self.back(server, cursor, deltas).open()
    }
}

fn blocks(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.block.clone()).collect()
}

fn two_queries() -> (Fake, Server) {
    let fake = Fake::new(|call| match call.query.as_str() {
        "q1" => Answer::text("one two three four five six").after(40).over(160).pieces(5),
        _ => Answer::text("seven eight").after(80).over(60).pieces(3),
    });
    let server =
        Setup::default().provider("fake", &fake, "max_in_flight = 1000").panel(Panel::of("two", 2)).start();
    (fake, server)
}

fn question(deltas: bool) -> serde_json::Value {
    json!({"panel": "two", "question": "x", "options": {"deltas": deltas}})
}

/// Reads `k` events of a new run, loses the connection, comes back and reads the rest.
fn cut_and_return(server: &Server, k: usize, way: Way, deltas: bool) {
    let mut stream = server.ask(&question(deltas));
    let run = stream.run();
    let mut seen: Vec<Event> = Vec::new();
    while seen.len() < k
        && let Some(event) = stream.next()
    {
        seen.push(event);
    }
    stream.cut();
    let last = seen.last().unwrap();
    if last.name != "final_result" {
        let back = way.open(server, last.id.as_deref().unwrap(), deltas);
        assert_eq!(back.run(), run);
        assert_eq!(back.head.header("run-created"), Some("false"));
        let rest = back.rest();
        assert_eq!(rest[0].retry, Some(2000), "the first block of any stream");
        seen.extend(rest);
    }
    let journal =
        server.request("GET", &format!("/api/v1/runs/{run}/events?deltas={deltas}")).open().events();
    assert_eq!(blocks(&seen), blocks(&journal), "cut after {k}, back by {way:?}");
}

#[test]
fn whoever_is_cut_off_after_any_event_gets_the_rest_once() {
    let (fake, server) = two_queries();
    let whole = server.ask(&question(true)).events().len();
    let mut runs = 1;
    thread::scope(|scope| {
        for (nth, k) in (1..=whole).enumerate() {
            for deltas in [true, false] {
                let (server, way) = (&server, WAYS[nth % 3]);
                scope.spawn(move || cut_and_return(server, k, way, deltas));
                runs += 1;
            }
        }
    });
    assert_eq!(fake.calls().len(), 2 * runs, "no call is made twice");
}

#[test]
fn an_ended_run_is_replayed_from_any_cursor() {
    let (fake, server) = two_queries();
    let stream = server.ask(&question(true));
    let run = stream.run();
    let events = stream.events();
    for deltas in [true, false] {
        let shown: Vec<Event> =
            events.iter().filter(|event| deltas || event.name != "query_delta").cloned().collect();
        for way in WAYS {
            for event in &events[..events.len() - 1] {
                let rest = way.open(&server, event.id.as_deref().unwrap(), deltas).rest();
                let expected: Vec<_> =
                    shown.iter().filter(|shown| shown.seq() > event.seq()).cloned().collect();
                assert_eq!(blocks(&rest), blocks(&expected), "{way:?} after {}", event.seq());
            }
        }
    }
    assert_eq!(blocks(&server.follow(&run).events()), blocks(&events), "without a cursor it begins at 1");
    assert_eq!(fake.calls().len(), 2);
}

#[test]
fn c4_at_the_end_each_way_stops_its_own_kind_of_client() {
    let (_fake, server) = two_queries();
    let events = server.ask(&question(false)).events();
    let last = events.last().unwrap();
    let cursor = last.id.as_deref().unwrap();
    for way in [Way::Events, Way::Get] {
        let reply = way.back(&server, cursor, false).send();
        assert_eq!((reply.status(), reply.body.len()), (204, 0), "{way:?}");
        assert_eq!(reply.header("content-type"), None);
    }
    let again = Way::Post.open(&server, cursor, false).rest();
    assert_eq!(blocks(&again).concat(), last.block);
}

#[test]
fn a_live_run_is_joined_from_any_cursor_and_from_none() {
    let fake = Fake::always(Answer::text("a b c d").after(100).over(300));
    let server = Setup::asking(&fake).panel(Panel::of("two", 2)).start();
    let mut first = server.ask(&question(true));
    let run = first.run();
    let started = first.until("query_started");
    let replayed = server.follow(&run);
    let followed = WAYS.map(|way| way.open(&server, started.id.as_deref().unwrap(), true));
    let journal = first.events();
    assert_eq!(blocks(&replayed.events()), blocks(&journal));
    let expected: Vec<_> = journal.iter().filter(|event| event.seq() > started.seq()).cloned().collect();
    for stream in followed {
        assert_eq!(blocks(&stream.rest()), blocks(&expected));
    }
    assert_eq!(fake.calls().len(), 2);
}

#[test]
fn c32_expired_and_unknown_runs_are_told_as_each_client_understands() {
    let fake = Fake::always(Answer::text("yes"));
    let server = Setup::asking(&fake)
        .panel(Panel::of("two", 2))
        .table("[store]\nurl = \"memory\"\nmax_runs = 2")
        .start();
    let cursors: Vec<String> =
        (0..6).map(|_| server.ask(&question(false)).events()[0].id.clone().unwrap()).collect();
    let unknown = "run_01jd0000000000000000000000.3".to_owned();
    for (cursor, events, get, post) in [
        (&cursors[3], (410, "run_expired"), 204, (410, "run_expired")),
        (&unknown, (404, "not_found"), 204, (404, "not_found")),
    ] {
        let run = cursor.split('.').next().unwrap();
        Way::Events.back(&server, cursor, false).send().problem(events.0, events.1);
        server.get(&format!("/api/v1/runs/{run}/events")).problem(events.0, events.1);
        server.get(&format!("/api/v1/runs/{run}")).problem(events.0, events.1);
        server.get(&format!("/api/v1/runs/{run}/result")).problem(events.0, events.1);
        server.cancel(run).problem(events.0, events.1);
        assert_eq!(Way::Get.back(&server, cursor, false).send().status(), get);
        Way::Post.back(&server, cursor, false).send().problem(post.0, post.1);
    }
    assert_eq!(named(&Way::Events.open(&server, &cursors[5], false).rest(), "final_result").len(), 1);
}

#[test]
fn c25_cursors_that_fit_nowhere_are_refused() {
    let (fake, server) = two_queries();
    let events = server.ask(&question(false)).events();
    let run = events[0].data["run_id"].as_str().unwrap().to_owned();
    let other = server.ask(&question(false)).events()[0].id.clone().unwrap();
    let mismatch = server.request("GET", &format!("/api/v1/runs/{run}/events")).last_event_id(&other).send();
    mismatch.problem(409, "cursor_mismatch");
    let mismatch = server.request("GET", &format!("/ask-stream?run_id={run}")).last_event_id(&other).send();
    mismatch.problem(409, "cursor_mismatch");
    for way in WAYS {
        way.back(&server, &format!("{run}.9999"), false).send().problem(409, "cursor_ahead");
    }
    let long = format!("{run}.{}", "1".repeat(10 * 1024));
    let malformed = [
        "x".to_owned(),
        run.clone(),
        format!("{run}."),
        format!("{run}.0"),
        format!("{run}.01"),
        format!("{run}.-1"),
        format!("{run}.1 2"),
        format!("{run}.99999999999999999999"),
        format!("{}.1", run.to_uppercase()),
        format!("{run}.1.1"),
        "é.1".to_owned(),
        long.clone(),
    ];
    for cursor in &malformed {
        let reply = server.request("GET", &format!("/api/v1/runs/{run}/events")).last_event_id(cursor).send();
        reply.problem(400, "bad_cursor");
        let reply = server.request("GET", "/ask-stream?panel=two&question=x").last_event_id(cursor).send();
        assert_eq!((reply.status(), reply.body.len()), (204, 0), "{cursor}");
        let post = server.request("POST", "/ask-stream").json(&question(false)).last_event_id(cursor);
        post.send().problem(400, "bad_cursor");
    }
    server.get(&format!("/api/v1/runs/{run}/events?last_event_id={long}")).problem(414, "uri_too_long");
    assert_eq!(fake.calls().len(), 4, "nothing of this asked anybody");
}

#[test]
fn the_header_wins_over_the_parameter_and_empty_means_none() {
    let (_fake, server) = two_queries();
    let events = server.ask(&question(false)).events();
    let run = events[0].data["run_id"].as_str().unwrap();
    let (third, fifth) = (events[2].id.as_deref().unwrap(), events[4].id.as_deref().unwrap());
    let path = format!("/api/v1/runs/{run}/events?last_event_id={third}");
    let by_header = server.request("GET", &path).last_event_id(fifth).open().rest();
    assert_eq!(by_header[0].block, events[5].block);
    let by_parameter = server.request("GET", &path).last_event_id("").open().rest();
    assert_eq!(by_parameter[0].block, events[3].block);
    let path = format!("/api/v1/runs/{run}/events?lastEventId={third}");
    assert_eq!(server.request("GET", &path).open().rest()[0].block, events[3].block);
    let path = format!("/api/v1/runs/{run}/events?last_event_id=");
    assert_eq!(server.request("GET", &path).open().events().len(), events.len());
    let path = format!("/ask-stream?run_id={run}");
    assert_eq!(blocks(&server.request("GET", &path).open().events()), blocks(&events));
}

#[test]
fn many_watchers_see_the_same_bytes() {
    let fake = Fake::always(Answer::text("a b c d e f").after(100).over(300).pieces(6));
    let server = Setup::asking(&fake).panel(Panel::of("two", 2)).start();
    let first = server.ask(&question(true));
    let run = first.run();
    let seen: Vec<Vec<String>> = thread::scope(|scope| {
        let watching: Vec<_> =
            (0..30).map(|_| scope.spawn(|| blocks(&server.follow(&run).events()))).collect();
        watching.into_iter().map(|watcher| watcher.join().unwrap()).collect()
    });
    let journal = blocks(&first.events());
    assert!(seen.iter().all(|blocks| *blocks == journal));
}

#[test]
fn a_reader_that_takes_nothing_delays_nobody() {
    let text = "word ".repeat(250_000);
    let fake = Fake::always(Answer::text(&text).pieces(200));
    let server = Setup::asking(&fake).panel(Panel::of("two", 1)).start();
    let idle = server.ask(&question(true));
    let run = idle.run();
    let events = server.follow(&run).events();
    assert_eq!(events.last().unwrap().data["status"], "completed");
    // The harness itself gives up when nothing comes for long.
    assert_eq!(blocks(&idle.events()), blocks(&events), "and it reads the same when it does read");
}
