//! Between history and live, and between equal requests: one journal, one run.

use std::thread;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::ms;

/// Equal requests, or readers, at once.
const CROWD: usize = 50;

fn blocks(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.block.clone()).collect()
}

fn two(after: u64) -> (Fake, Server) {
    let fake =
        Fake::always(Answer::text("one two three four five six seven").after(after).over(300).pieces(7));
    let server =
        Setup::default().provider("fake", &fake, "max_in_flight = 1000").panel(Panel::of("two", 2)).start();
    (fake, server)
}

fn question() -> Value {
    json!({"panel": "two", "question": "x", "options": {"deltas": true, "on_disconnect": "continue"}})
}

/// The whole journal after each of its events, read by a reader of its own.
fn from_every_cursor(server: &Server, journal: &[Event]) {
    thread::scope(|scope| {
        for k in 0..journal.len() - 1 {
            scope.spawn(move || {
                let cursor = journal[k].id.as_deref().unwrap();
                let run = cursor.split('.').next().unwrap();
                let path = format!("/api/v1/runs/{run}/events?deltas=true");
                let rest = server.request("GET", &path).last_event_id(cursor).open().rest();
                assert_eq!(blocks(&rest), blocks(&journal[k + 1..]), "after {}", k + 1);
            });
        }
    });
}

#[test]
fn c31_a_live_run_is_joined_after_every_event_at_the_moment_it_comes() {
    let (fake, server) = two(50);
    let mut stream = server.ask(&question());
    let (server, run) = (&server, stream.run());
    let run = run.as_str();
    thread::scope(|scope| {
        let mut joined = Vec::new();
        while let Some(event) = stream.next() {
            if event.name == "final_result" {
                break;
            }
            joined.push(scope.spawn(move || {
                let path = format!("/api/v1/runs/{run}/events?deltas=true");
                let cursor = event.id.as_deref().unwrap();
                (event.seq(), server.request("GET", &path).last_event_id(cursor).open().rest())
            }));
        }
        assert!(joined.len() > 12, "{}", joined.len());
        for joined in joined {
            let (k, rest) = joined.join().unwrap();
            assert_eq!(blocks(&rest), blocks(&stream.seen[k as usize..]), "after {k}");
        }
    });
    assert_eq!(fake.calls().len(), 2);
}

#[test]
fn an_ended_run_reads_the_same_after_every_event_and_in_every_process() {
    let (fake, mut server) = two(10);
    let journal = server.ask(&question()).events();
    from_every_cursor(&server, &journal);
    server.restart();
    from_every_cursor(&server, &journal);
    assert_eq!(fake.calls().len(), 2);
}

#[test]
fn c30_a_hundred_readers_that_join_at_any_time_see_the_same_bytes() {
    let (fake, server) = two(200);
    let first = server.ask(&question());
    let (server, run) = (&server, first.run());
    let run = run.as_str();
    let mut rng = StdRng::seed_from_u64(7);
    let seen: Vec<Vec<String>> = thread::scope(|scope| {
        let join = |after: u64| {
            scope.spawn(move || {
                thread::sleep(ms(after));
                blocks(&server.follow(run).events())
            })
        };
        let joined: Vec<_> = (0..100).map(|_| join(rng.random_range(0..700))).collect();
        joined.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let journal = blocks(&first.events());
    assert!(seen.iter().all(|blocks| *blocks == journal));
    assert_eq!(fake.calls().len(), 2);
}

/// How a crowd asks the same.
#[derive(Clone, Copy, Debug)]
enum Form {
    Post,
    Get,
    Background,
}

impl Form {
    /// The run that it led to, and whether this request made it.
    fn ask(self, server: &Server, key: &str) -> (String, bool) {
        let head = match self {
            Form::Post => {
                server
                    .request("POST", "/ask-stream")
                    .json(&question())
                    .header("idempotency-key", key)
                    .open()
                    .head
            }
            Form::Get => {
                let path = format!("/ask-stream?panel=two&question=x&deltas=true&key={key}");
                server.request("GET", &path).open().head
            }
            Form::Background => {
                let request = server.request("POST", "/api/v1/runs").json(&question());
                let reply = request.header("idempotency-key", key).send();
                assert!(matches!(reply.status(), 200 | 202), "{}", reply.text());
                reply.head
            }
        };
        (head.header("run-id").unwrap().to_owned(), head.header("run-created") == Some("true"))
    }

    /// All of a crowd, at once.
    fn crowd(self, server: &Server, key: &str) -> Vec<(String, bool)> {
        thread::scope(|scope| {
            let asked: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| self.ask(server, key))).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        })
    }
}

#[test]
fn c26_fifty_equal_requests_make_one_run_in_flight_ended_and_after_a_restart() {
    for form in [Form::Post, Form::Get, Form::Background] {
        let (fake, mut server) = two(300);
        let key = format!("{form:?}");
        let at_once = form.crowd(&server, &key);
        let run = at_once[0].0.clone();
        assert!(at_once.iter().all(|(other, _)| *other == run), "{form:?}");
        assert_eq!(at_once.iter().filter(|(_, created)| *created).count(), 1, "{form:?}");
        let in_flight = form.crowd(&server, &key);
        server.kill();
        server.restart();
        // The run goes on there; the same again joins it.
        let restarted = form.crowd(&server, &key);
        let events = server.follow(&run).events();
        assert_eq!(events.last().unwrap().data["status"], "completed");
        let calls = fake.calls().len();
        let ended = form.crowd(&server, &key);
        server.restart();
        let later = form.crowd(&server, &key);
        for (other, created) in in_flight.iter().chain(&restarted).chain(&ended).chain(&later) {
            assert!(*other == run && !created, "{form:?}: {other} {created}");
        }
        assert!(calls <= 4, "{form:?}: each query once, and once more after the crash: {calls}");
        assert_eq!(fake.calls().len(), calls, "an ended run asks nobody");
    }
}
