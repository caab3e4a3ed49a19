//! Connections that are slow, silent, too many or never read: rows C5, C11 and C12; crowds are in `crowd.rs`.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::Socket;
use crate::harness::eventually;
use crate::harness::ms;

/// The clocks of these tests; those of the program are ten and thirty times as long.
const CLOCK: Duration = Duration::from_millis(600);

fn quick() -> (Fake, Server) {
    let fake = Fake::always(Answer::text("yes").after(900));
    let clocks = "header_timeout = \"600ms\"\nbody_timeout = \"600ms\"";
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).server(clocks).start();
    (fake, server)
}

/// What came until the server closed, which it does when its clock says so, not before and not long after.
#[track_caller]
fn closed_by_its_clock(server: &Server, say: impl FnOnce(&mut Socket)) -> String {
    let mut socket = server.connect();
    let begun = Instant::now();
    say(&mut socket);
    let (bytes, _) = socket.rest();
    let time = begun.elapsed();
    assert!(time >= CLOCK - ms(100) && time < CLOCK * 8, "closed after {time:?}");
    String::from_utf8(bytes).unwrap()
}

fn post(server: &Server, length: usize) -> String {
    let json = "content-type: application/json";
    format!("POST /ask HTTP/1.1\r\nhost: {}\r\n{json}\r\ncontent-length: {length}\r\n\r\n", server.addr)
}

#[test]
fn c11_whoever_does_not_finish_its_headers_is_closed() {
    let (_fake, server) = quick();
    for begun in ["", "P", "POST /ask HTTP/1.1\r\nhost: localhost\r\nx-slow: "] {
        let told = closed_by_its_clock(&server, |socket| assert!(socket.write(begun.as_bytes())));
        assert_eq!(told, "", "{begun:?}");
    }
    assert_eq!(server.get("/health").status(), 200);
}

#[test]
fn c11_headers_that_drip_do_not_move_the_clock() {
    let (_fake, server) = quick();
    let head = b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let told = closed_by_its_clock(&server, |socket| socket.drip(head, ms(15)));
    assert_eq!(told, "");
}

#[test]
fn c11_a_kept_connection_gets_the_clock_anew_after_each_answer() {
    let (_fake, server) = quick();
    let mut socket = server.keep_alive();
    let body = json!({"panel": "one", "question": "x"}).to_string();
    let begun = Instant::now();
    socket.write((post(&server, body.len()) + &body).as_bytes());
    assert_eq!(socket.reply().json()["status"], "completed");
    assert!(begun.elapsed() > CLOCK, "the answer took longer than the clock");
    let idle = Instant::now();
    assert_eq!(socket.rest(), (Vec::new(), false));
    assert!(idle.elapsed() >= CLOCK - ms(100) && idle.elapsed() < CLOCK * 8, "{:?}", idle.elapsed());
}

#[test]
fn c11_a_body_that_drips_is_answered_and_closed() {
    let (fake, server) = quick();
    let told = closed_by_its_clock(&server, |socket| {
        socket.write(post(&server, 100).as_bytes());
        socket.drip(b"{{{{{{{{{{", ms(50));
    });
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("\r\nconnection: close"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(body).unwrap()["code"], "request_timeout");
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    assert_eq!(events.last().unwrap().data["status"], "completed");
    assert_eq!(fake.calls().len(), 1);
}

#[test]
fn c12_when_files_run_out_accepting_rests_and_open_streams_go_on() {
    let fake = Fake::always(Answer::text("one two three four").over(2500).pieces(25));
    let setup = Setup::asking(&fake).panel(Panel::of("one", 1)).server("header_timeout = \"1s\"");
    let server = setup.files(48).start();
    let mut stream = server.ask(&json!({"panel": "one", "question": "x", "options": {"deltas": true}}));
    stream.until("query_delta");
    let flood: Vec<Socket> = (0..120).map(|_| server.connect()).collect();
    let refused = "could not accept a connection";
    eventually("the files run out", PATIENCE, || server.log().contains(refused));
    let before = stream.seen.len();
    stream.until("query_delta");
    assert!(stream.seen.len() > before);
    // Who waits is taken as soon as the silent ones have been closed.
    assert_eq!(server.get("/health").status(), 200);
    assert_eq!(stream.events().last().unwrap().data["status"], "completed");
    drop(flood);
    eventually("all is well again", PATIENCE, || server.log().contains("accepting connections again"));
    assert!(
        server.log().matches(refused).count() < 20,
        "it is told once, not at each try:\n{}",
        server.log()
    );
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    assert_eq!(events.last().unwrap().data["status"], "completed");
}

/// More than the kernel holds for one connection.
fn flood(more: &str) -> (Fake, Server) {
    let fake = Fake::always(Answer::text(&"word ".repeat(250_000)).over(400).pieces(200));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).server(more).start();
    (fake, server)
}

#[test]
fn c5_a_reader_that_takes_nothing_is_closed_and_nobody_else() {
    let (_fake, server) = flood("stalled_after = \"500ms\"");
    let mut stopped = server.ask(&json!({"panel": "one", "question": "x", "options": {"deltas": true}}));
    let first = stopped.next().unwrap();
    let run = stopped.run();
    thread::scope(|scope| {
        let others: Vec<_> = (0..3).map(|_| scope.spawn(|| server.follow(&run).events())).collect();
        eventually("the server closes it", PATIENCE, || stopped.is_reset());
        let seen: Vec<_> = others.into_iter().map(|other| other.join().unwrap()).collect();
        let all = &seen[0];
        assert_eq!(all.last().unwrap().data["status"], "completed", "the run goes on");
        assert!(seen.iter().all(|events| events.len() == all.len()));
        let path = format!("/api/v1/runs/{run}/events?deltas=true");
        let back = server.request("GET", &path).last_event_id(first.id.as_deref().unwrap()).open().rest();
        let blocks = |events: &[crate::harness::Event]| -> Vec<String> {
            events.iter().map(|event| event.block.clone()).collect()
        };
        assert!(blocks(&back) == blocks(&all[1..]), "its cursor brings the rest");
    });
}

#[test]
fn c5_a_slow_reader_that_takes_something_is_kept() {
    let (_fake, server) = flood("stalled_after = \"1500ms\"");
    let run = server.ask(&json!({"panel": "one", "question": "x"})).run();
    let mut slow = server.connect();
    let begun = Instant::now();
    slow.write(
        format!(
            "GET /api/v1/runs/{run}/events?deltas=true HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            server.addr
        )
        .as_bytes(),
    );
    let bytes = slow.sip(32 * 1024, ms(60));
    assert!(bytes.ends_with(b"\r\n0\r\n\r\n"), "it has the end");
    assert!(begun.elapsed() > ms(1500), "and took longer than the clock: {:?}", begun.elapsed());
}
