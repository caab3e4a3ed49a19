//! Requests that no client would send, by the thousand: the server refuses them, lives and grows no fatter.
//!
//! Good requests with something wrong: other methods, paths and headers, bodies that are no longer JSON or another
//! one, bytes that were changed, lost or doubled anywhere. 3,000 of them, and 100,000 with `ASKSTREAM_LONG`.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Reply;
use crate::harness::Server;
use crate::harness::Setup;

/// Clients at once.
const CLIENTS: usize = 4;
/// How much of the requests warm the server up.
const WARM_UP: usize = 5;
/// Most MiB that it may take after that.
const GROWTH: u64 = 20;

/// A request, good or not, with a body of the length that it says.
#[derive(Clone, Debug)]
struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            head += &format!("host: {host}\r\n");
        }
        self.headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        head += &format!("content-length: {}\r\n\r\n", self.body.len());
        [head.as_bytes(), &self.body].concat()
    }
}

/// One of these.
fn one<'a, T>(rng: &mut StdRng, all: &'a [T]) -> &'a T {
    &all[rng.random_range(0..all.len())]
}

/// Somewhere in this many.
fn place(rng: &mut StdRng, length: usize) -> usize {
    rng.random_range(0..length.max(1)).min(length)
}

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO", "get"];

const PATHS: [&str; 34] = [
    "/ask-stream",
    "/ask-stream?question=x&panel=nope",
    "/api/v1/multi-role/ask-stream",
    "/ask",
    "/api/v1/multi-role/ask",
    "/api/v1/runs",
    "/api/v1/runs?limit=5&status=failed",
    "/api/v1/runs/RUN",
    "/api/v1/runs/RUN/events?deltas=true",
    "/api/v1/runs/RUN/events?after=2",
    "/api/v1/runs/RUN/result",
    "/api/v1/runs/RUN/queries/q1/result",
    "/api/v1/runs/RUN/queries/q1/cancel",
    "/api/v1/runs/RUN/cancel",
    "/api/v1/runs/RUN/pause",
    "/api/v1/runs/RUN/resume",
    "/api/v1/runs/RUN/finish",
    "/api/v1/panels",
    "/api/v1/panels/one",
    "/api/v1/boq/preview?header_row=2",
    "/api/v1/providers",
    "/api/circuit-breakers/status",
    "/api/circuit-breakers/fake/reset",
    "/api/workflow/metrics",
    "/api/workflow/RUN/status",
    "/health",
    "/readyz",
    "/openapi.json",
    "/",
    "/runs/RUN",
    "/assets/../../etc/passwd",
    "/api/v1/runs/..%2f..%2fetc",
    "*",
    "//",
];

const HEADERS: [(&str, &str); 16] = [
    ("accept", "text/event-stream"),
    ("accept", "application/x-ndjson;q=0.1, */*"),
    ("accept", ";;q=9,,/"),
    ("content-type", "text/plain"),
    ("content-type", "application/json; charset=utf-16"),
    ("host", "evil.example"),
    ("host", ""),
    ("origin", "http://evil.example"),
    ("origin", "null"),
    ("last-event-id", "99999999999999999999"),
    ("last-event-id", "-1"),
    ("prefer", "wait=1, return=minimal, wait=;;"),
    ("idempotency-key", "\"a\\\""),
    ("x-request-id", "\t\u{7f}"),
    ("expect", "100-continue"),
    ("cookie", "a=b; a=b; \u{e9}"),
];

const KEYS: [&str; 12] = [
    "question",
    "panel",
    "input",
    "options",
    "metadata",
    "deltas",
    "queries",
    "run_timeout_ms",
    "on_disconnect",
    "max_cost",
    "positions",
    "a",
];

fn json(rng: &mut StdRng, depth: u32) -> Value {
    match rng.random_range(0..if depth == 0 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => json!(rng.random_bool(0.5)),
        2 => json!(rng.random_range(-5..1_000_000_000_000_i64)),
        3 => json!(rng.random_range(-1e300..1e300)),
        4 => json!(one(rng, &["", "x", "one", "nope", "cancel", "../..", "\u{0}\u{2028}ř😀", "1 USD"])),
        5 => json!("long ".repeat(rng.random_range(0..2000))),
        6 => (0..rng.random_range(0..6)).map(|_| json(rng, depth - 1)).collect(),
        _ => {
            let entry = |rng: &mut StdRng| ((*one(rng, &KEYS)).to_owned(), json(rng, depth - 1));
            Value::Object((0..rng.random_range(0..6)).map(|_| entry(rng)).collect())
        }
    }
}

/// Bytes that were changed, lost or doubled.
fn spoil(rng: &mut StdRng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..4) {
        let (at, length) = (place(rng, bytes.len()), rng.random_range(0..12));
        let end = (at + length).min(bytes.len());
        match rng.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.extend_from_within(at..end),
            3 => bytes.insert(at, rng.random()),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.random_range(0..8)),
        }
    }
}

/// A good request with something wrong about it, framed as it should be.
fn request(rng: &mut StdRng, run: &str) -> Request {
    let question = if rng.random_bool(0.1) { "one" } else { "nope" };
    let good =
        json!({"panel": question, "question": "x", "options": {"deltas": true}, "input": {"a": [1, "b"]}});
    let mut request = Request {
        method: if rng.random_bool(0.5) { "POST" } else { *one(rng, &METHODS) }.to_owned(),
        path: one(rng, &PATHS).replace("RUN", run),
        headers: vec![("content-type".into(), "application/json".into())],
        body: good.to_string().into_bytes(),
    };
    for _ in 0..rng.random_range(0..3) {
        match rng.random_range(0..5) {
            0 => {
                let (name, value) = *one(rng, &HEADERS);
                request.headers.retain(|(given, _)| rng.random_bool(0.5) || given != name);
                request.headers.push((name.to_owned(), value.to_owned()));
            }
            1 => {
                let junk =
                    *one(rng, &["%", "%zz", "%00", "?", "?a=%ff&a", "&limit=-1", "/", "//", ";", "ř", "#"]);
                let at = (0..=request.path.len()).rev().nth(place(rng, request.path.len())).unwrap();
                let at = request.path.floor_char_boundary(at);
                request.path.insert_str(at, junk);
            }
            2 => request.body = json(rng, 4).to_string().into_bytes(),
            _ => spoil(rng, &mut request.body),
        }
    }
    request
}

/// Nothing is the server's fault but that it has too much to do.
fn assert_refused(status: u16, what: impl FnOnce() -> String) {
    assert!((100..500).contains(&status) || status == 503, "{status} for {}", what());
}

/// Sends bytes that may be anything after a good request, and says no more; the statuses of all answers.
fn shout(server: &Server, bytes: &[u8]) -> Vec<u16> {
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let first = format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", server.addr);
    // Who has been refused need not be heard to the end.
    let _ = stream.write_all(&[first.as_bytes(), bytes].concat());
    let _ = stream.shutdown(Shutdown::Write);
    let (mut said, mut buffer) = (Vec::new(), [0; 65536]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => said.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}: no end after {:?}", String::from_utf8_lossy(bytes)),
        }
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    let status = |rest: &str| rest.get(..3).and_then(|status| status.parse().ok());
    said.split("HTTP/1.1 ").skip(1).filter_map(status).collect()
}

/// What one client did: requests and those that were refused.
#[derive(Default)]
struct Done {
    sent: usize,
    refused: usize,
}

fn client(server: &Server, run: &str, seed: u64, count: usize) -> Done {
    let (mut rng, host) = (StdRng::seed_from_u64(seed), server.addr.to_string());
    let (mut socket, mut done) = (server.keep_alive(), Done::default());
    for nth in 0..count {
        let request = request(&mut rng, run);
        let mut bytes = request.bytes(&host);
        done.sent += 1;
        if rng.random_bool(0.3) {
            spoil(&mut rng, &mut bytes);
            for status in shout(server, &bytes) {
                let what = || format!("seed {seed}, {nth}: {:?}", String::from_utf8_lossy(&bytes));
                assert_refused(status, what);
                done.refused += usize::from(status >= 400);
            }
            continue;
        }
        // The server may close when it has answered before it has read a body.
        let on_kept = if socket.write(&bytes) { socket.reply_or_lost().ok() } else { None };
        let reply = on_kept.unwrap_or_else(|| {
            socket = server.keep_alive();
            assert!(socket.write(&bytes));
            socket.reply()
        });
        assert_refused(reply.status(), || format!("seed {seed}, {nth}: {request:?}: {}", reply.text()));
        if reply.status() >= 400 {
            done.refused += 1;
            // A head that is no head is refused before anybody of ours sees it; the page has pages.
            let is_ours = ["/api/", "/ask"].iter().any(|path| request.path.starts_with(path));
            if is_ours && !reply.body.is_empty() {
                reply.problem_code(reply.status());
            }
        }
        if is_over(&reply) {
            socket = server.keep_alive();
        }
    }
    done
}

fn is_over(reply: &Reply) -> bool {
    reply.header("connection") == Some("close")
}

fn clients(server: &Server, run: &str, seed: u64, count: usize) -> Done {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS as u64)
            .map(|n| scope.spawn(move || client(server, run, seed + n, count / CLIENTS)))
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).fold(Done::default(), |all, one| Done {
            sent: all.sent + one.sent,
            refused: all.refused + one.refused,
        })
    })
}

#[test]
fn no_nonsense_is_the_servers_fault_or_makes_it_grow() {
    let is_long = std::env::var_os("ASKSTREAM_LONG").is_some();
    let (count, seed) = if is_long { (100_000, rand::random_range(0..1 << 40)) } else { (3000, 1) };
    let fake = Fake::always(Answer::text("yes"));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let run = server.ask(&json!({"panel": "one", "question": "x"})).run();
    let begun = Instant::now();
    let first = clients(&server, &run, seed, count / WARM_UP);
    let before = server.most_memory();
    let then = clients(&server, &run, seed + CLIENTS as u64, count - count / WARM_UP);
    let (sent, refused) = (first.sent + then.sent, first.refused + then.refused);
    let after = server.most_memory();
    eprintln!("{sent} in {:?}, {refused} refused, {before:?} then {after:?} MiB", begun.elapsed());
    assert!(refused * 2 > sent, "{refused} of {sent}: too many made sense");
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after - before < GROWTH, "from {before} to {after} MiB");
    }
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    assert_eq!(events.last().unwrap().data["status"], "completed");
}
