//! A peer that vanishes without a word: row C7.
//!
//! The thread of the test, its server and its provider get a network of their own, whose only link is then
//! taken down: from that moment on every packet is lost, in both directions. That needs root.

use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use nix::sched::CloneFlags;
use nix::sched::unshare;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::eventually;

fn link(state: &str) {
    let ip = Command::new("ip").args(["link", "set", "lo", state]).status();
    assert!(ip.expect("ip of iproute2 is needed").success(), "the link cannot be set {state}");
}

/// Connections that the server's side of the network still holds.
fn held(server: &Server, port: u16) -> usize {
    let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", server.pid())).unwrap();
    let own = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    // The fourth word is the state: 01 is established.
    rows.filter(|row| row[1].ends_with(&own) && row[3] == "01").count()
}

#[test]
fn c7_a_peer_that_vanished_without_a_word_is_freed_within_45_seconds() {
    if let Err(why) = unshare(CloneFlags::CLONE_NEWNET) {
        eprintln!("C7 is not played here: no network of its own can be had ({why})");
        return;
    }
    link("up");
    let fake = Fake::always(Answer::silent());
    let slow = "models = [\"fake\"]\ntimeout = \"2m\"\nfirst_content = \"2m\"";
    let server = Setup::asking(&fake).panel(Panel::new("slow").query("q1", slow)).start();
    let port = server.addr.port();
    let mut stream = server.ask(&json!({"panel": "slow", "question": "x"}));
    stream.until("query_started");
    fake.until_calls(1);
    let with_the_stream = held(&server, port);
    assert!(with_the_stream >= 1);
    link("down");
    let vanished = Instant::now();
    eventually("the connection is given up", Duration::from_secs(45), || held(&server, port) == 0);
    eprintln!("given up after {:?}", vanished.elapsed());
    assert!(vanished.elapsed() > Duration::from_secs(20), "it was not given up for its silence");
    link("up");
    // Its provider has vanished as well, which ends the run; the server lives.
    let run = stream.run();
    eventually("the run has ended", Duration::from_secs(10), || server.snapshot(&run)["status"] == "failed");
    assert_eq!(server.get("/health").json()["active_runs"], 0);
}
