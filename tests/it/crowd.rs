//! Many clients at once: rows C6 and C8 to C10, by the hundreds and the thousand.

use std::thread;
use std::time::Duration;
use std::time::Instant;

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

const CROWD: usize = 1000;

/// A run that says nothing for as long as a test takes.
fn silence(more: &str) -> (Fake, Server, String) {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let fake = Fake::new(|call| match call.query.as_str() {
        "q1" => Answer::text("yes").after(20),
        _ => Answer::silent(),
    });
    let panel = Panel::new("silent").query("waits", "");
    let limits = "per_query = \"60s\"\nfirst_content = \"60s\"\noverall = \"100s\"";
    let server =
        Setup::asking(&fake).panel(panel).panel(Panel::of("one", 1)).server(more).limits(limits).start();
    let body = json!({"panel": "silent", "question": "x", "options": {"on_disconnect": "continue"}});
    let run = server.post("/api/v1/runs", &body).json()["run_id"].as_str().unwrap().to_owned();
    fake.until_calls(1);
    (fake, server, run)
}

/// Somebody who reads the run.
fn reader(server: &Server, run: &str) -> Socket {
    let mut socket = server.connect();
    let request =
        format!("GET /api/v1/runs/{run}/events?deltas=true HTTP/1.1\r\nhost: {}\r\n\r\n", server.addr);
    assert!(socket.write(request.as_bytes()));
    socket
}

fn median_of_new_runs(server: &Server) -> Duration {
    let mut times: Vec<Duration> = (0..21)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(server.post("/ask", &json!({"panel": "one", "question": "x"})).status(), 200);
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[10]
}

#[test]
fn c6_readers_that_have_stopped_cost_no_more_than_a_cursor() {
    // More than the kernel holds for one connection.
    let fake = Fake::always(Answer::text(&"word ".repeat(250_000)).over(400).pieces(200));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let body =
        json!({"panel": "one", "question": "x", "options": {"deltas": true, "on_disconnect": "continue"}});
    let run = server.ask(&body).run();
    let stopped: Vec<Socket> = (0..200).map(|_| reader(&server, &run)).collect();
    let events = server.follow(&run).events();
    assert_eq!(events.last().unwrap().data["status"], "completed", "the run goes on");
    let before = server.most_memory();
    let more: Vec<Socket> = (0..200).map(|_| reader(&server, &run)).collect();
    thread::sleep(ms(500));
    if let (Some(before), Some(after)) = (before, server.most_memory()) {
        // The run has more than 1.5 MiB; each of them would be shown all of it.
        assert!(after - before < 110, "{} readers took {} MiB", more.len(), after - before);
    }
    drop((stopped, more));
}

#[test]
fn c8_a_thousand_idle_streams_hear_heartbeats_and_hold_nobody_up() {
    let (_fake, server, run) = silence("heartbeat = \"1s\"");
    let alone = median_of_new_runs(&server);
    let mut streams: Vec<Socket> = (0..CROWD).map(|_| reader(&server, &run)).collect();
    let among = median_of_new_runs(&server);
    assert!(among < alone * 3 + ms(20), "a new run took {alone:?} alone, {among:?} among {CROWD}");
    for stream in &mut streams {
        for _ in 0..2 {
            stream.until(b": keep-alive\n").unwrap();
        }
    }
}

#[test]
fn c9_a_thousand_streams_that_drop_at_once_leave_nothing() {
    let (_fake, server, run) = silence("");
    let files = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).map_or(0, Iterator::count);
    let before = files();
    let streams: Vec<Socket> = (0..CROWD).map(|_| reader(&server, &run)).collect();
    eventually("all are open", PATIENCE, || files() >= before + CROWD);
    drop(streams);
    let begun = Instant::now();
    assert_eq!(server.get("/health").status(), 200);
    assert!(begun.elapsed() < ms(1000), "{:?}", begun.elapsed());
    eventually("all are given back", ms(5000), || files() <= before + 5);
    assert_eq!(server.snapshot(&run)["status"], "running");
}

#[test]
fn c10_a_crowd_that_comes_back_to_a_new_server_is_served() {
    let (fake, mut server, run) = silence("");
    let watchers: Vec<Socket> = (0..200).map(|_| reader(&server, &run)).collect();
    server.restart();
    drop(watchers);
    let all_back = || {
        let mut socket = reader(&server, &run);
        socket.until(b"\r\n\r\n").unwrap().starts_with(b"HTTP/1.1 200 ")
    };
    thread::scope(|scope| {
        let back: Vec<_> = (0..200).map(|_| scope.spawn(all_back)).collect();
        assert!(back.into_iter().all(|back| back.join().unwrap()));
    });
    fake.until_calls(2);
    assert_eq!(server.snapshot(&run)["status"], "running", "its query is asked again");
}
