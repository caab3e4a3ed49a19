//! Connections that are slow, silent, too many or never read: the rows of clients that concern sockets.

use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::ms;

/// The clocks of these tests; those of the program are ten and thirty times as long.
const CLOCK: Duration = Duration::from_millis(600);

fn quick() -> Server {
    let fake = Fake::always(Answer::text("yes"));
    let clocks = "header_timeout = \"600ms\"\nbody_timeout = \"600ms\"";
    Setup::asking(&fake).panel(Panel::of("one", 1)).server(clocks).start()
}

/// What came until the server closed, which it does when its clock says so and not long before or after.
#[track_caller]
fn closed_by_its_clock(server: &Server, say: impl FnOnce(&mut crate::harness::client::Socket)) -> String {
    let mut socket = server.connect();
    let begun = Instant::now();
    say(&mut socket);
    let (bytes, _) = socket.to_end();
    let time = begun.elapsed();
    assert!(time >= CLOCK - ms(100) && time < CLOCK * 8, "closed after {time:?}");
    String::from_utf8(bytes).unwrap()
}

#[test]
fn c11_whoever_sends_its_headers_slowly_is_closed() {
    let server = quick();
    for begun in ["", "P", "POST /ask HTTP/1.1\r\nhost: localhost\r\nx-slow: "] {
        let told = closed_by_its_clock(&server, |socket| {
            socket.write(begun.as_bytes());
        });
        eprintln!("{begun:?} -> {told:?}");
    }
    assert_eq!(server.get("/health").status(), 200);
}

#[test]
fn c11_headers_that_drip_do_not_move_the_clock() {
    let server = quick();
    closed_by_its_clock(&server, |socket| {
        for byte in "GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: aaaaaaaa".bytes() {
            std::thread::sleep(ms(20));
            if !socket.write(&[byte]) {
                break;
            }
        }
    });
}

#[test]
fn c11_a_kept_connection_that_is_idle_is_closed() {
    let server = quick();
    let begun = Instant::now();
    let mut socket = server.keep_alive();
    std::thread::sleep(CLOCK / 2);
    socket.write(format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", server.addr).as_bytes());
    assert_eq!(socket.reply().status(), 200, "each request gets the whole time");
    let again = Instant::now();
    let (rest, _) = socket.to_end();
    assert_eq!(rest, b"");
    assert!(again.elapsed() >= CLOCK - ms(100), "{:?}", again.elapsed());
    assert!(begun.elapsed() < CLOCK * 8);
}

#[test]
fn c11_a_body_that_drips_is_answered_and_closed() {
    let server = quick();
    let head = format!(
        "POST /ask HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n",
        server.addr
    );
    let told = closed_by_its_clock(&server, |socket| {
        socket.write(head.as_bytes());
        for _ in 0..10 {
            std::thread::sleep(ms(50));
            socket.write(b"{");
        }
    });
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(told.to_lowercase().contains("\r\nconnection: close\r\n"), "{told}");
    let body: serde_json::Value = serde_json::from_str(told.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["code"], "request_timeout");
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    assert_eq!(events.last().unwrap().data["status"], "completed");
}
