//! Requests whose frame is odd: rows C14, C19, C20, C21 and C36, byte by byte.
//!
//! What hyper refuses before a request exists has a status and no body, so
//! neither a problem nor an `X-Request-ID`.

use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::ms;

fn server() -> (Fake, Server) {
    let fake = Fake::always(Answer::text("yes"));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    (fake, server)
}

/// The statuses that these bytes are answered with, and a good request after them if it is still read.
fn statuses(server: &Server, bytes: &[u8]) -> Vec<u16> {
    let mut socket = server.connect();
    socket.write(bytes);
    let host = server.addr;
    socket.write(format!("GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes());
    let (answer, _) = socket.rest();
    let text = String::from_utf8(answer).unwrap();
    text.split("HTTP/1.").skip(1).map(|rest| rest[2..5].parse().unwrap()).collect()
}

/// A body that is understood and refused: 422 says that it was read as it stands here.
const BODY: &str = "{\"question\":\"\"}";
const CHUNKED: &str = "f\r\n{\"question\":\"\"}\r\n0\r\n\r\n";

#[test]
fn c20_smuggling_shapes_are_refused_or_read_one_way() {
    let (fake, server) = server();
    let host = server.addr;
    let head = format!("POST /ask HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n");
    let length = "content-length: 15";
    let coded = "transfer-encoding: chunked";
    // Headers and body, what is answered in all, and why. One status: the connection is closed after it.
    let rows: [(&str, String, &[u16]); 27] = [
        // RFC 9112, 6.3: the coding counts, the length does not, and the connection is closed.
        ("length, then coding", format!("{length}\r\n{coded}\r\n\r\n{CHUNKED}"), &[422]),
        ("coding, then length", format!("{coded}\r\n{length}\r\n\r\n{CHUNKED}"), &[422]),
        (
            "a request in what the length hides",
            format!("content-length: 4\r\n{coded}\r\n\r\n0\r\n\r\n"),
            &[400],
        ),
        // RFC 9112, 6.3: lengths that differ are an error that cannot be mended.
        ("two lengths", format!("{length}\r\ncontent-length: 3\r\n\r\n{BODY}"), &[400]),
        // RFC 9110, 8.6: the same length twice may be taken as one.
        ("the same length twice", format!("{length}\r\n{length}\r\n\r\n{BODY}"), &[422, 200]),
        ("a list of lengths", format!("{length}, 15\r\n\r\n{BODY}"), &[400]),
        ("a signed length", format!("content-length: +15\r\n\r\n{BODY}"), &[400]),
        ("a negative length", format!("content-length: -1\r\n\r\n{BODY}"), &[400]),
        ("a hexadecimal length", format!("content-length: 0x0f\r\n\r\n{BODY}"), &[400]),
        ("a length without end", format!("content-length: 99999999999999999999\r\n\r\n{BODY}"), &[400]),
        // RFC 9112, 6.1: chunked comes last and once; another coding is not understood.
        ("packed, then chunked", format!("transfer-encoding: gzip, chunked\r\n\r\n{CHUNKED}"), &[400]),
        ("chunked, then packed", format!("transfer-encoding: chunked, gzip\r\n\r\n{CHUNKED}"), &[400]),
        ("chunked twice", format!("{coded}\r\n{coded}\r\n\r\n{CHUNKED}"), &[400]),
        ("chunked twice in one", format!("{coded}, chunked\r\n\r\n{CHUNKED}"), &[400]),
        ("a coding that looks like it", format!("transfer-encoding: xchunked\r\n\r\n{CHUNKED}"), &[400]),
        // RFC 9112, 5.2 and 5.1: refused.
        ("a folded header", format!("x-a: b\r\n c\r\n{length}\r\n\r\n{BODY}"), &[400]),
        ("a blank before the colon", format!("content-length : 15\r\n\r\n{BODY}"), &[400]),
        ("a blank before the name", format!(" {length}\r\n\r\n{BODY}"), &[400]),
        ("no name", format!(": x\r\n{length}\r\n\r\n{BODY}"), &[400]),
        // RFC 9112, 2.2: a bare CR is refused; a bare LF may end a line, which every line here does.
        ("a bare CR", format!("x-a: b\rc\r\n{length}\r\n\r\n{BODY}"), &[400]),
        ("a bare LF", format!("x-a: b\n{length}\n\n{BODY}"), &[422, 200]),
        ("a NUL", format!("x-a: b\0c\r\n{length}\r\n\r\n{BODY}"), &[400]),
        // RFC 9112, 7.1.1: extensions of chunks are left out; a line break in one is an attack.
        ("a chunk's extension", format!("{coded}\r\n\r\n{}", CHUNKED.replace("f\r", "f;a=b\r")), &[422, 200]),
        ("a line break in it", format!("{coded}\r\n\r\n{}", CHUNKED.replace("f\r", "f;a\nb\r")), &[400]),
        ("no size", format!("{coded}\r\n\r\n{}", CHUNKED.replace("f\r", "zz\r")), &[400]),
        ("a size without end", format!("{coded}\r\n\r\nfffffffffffffffff\r\n{BODY}\r\n0\r\n\r\n"), &[400]),
        ("a size that lies", format!("{coded}\r\n\r\n3\r\n{BODY}\r\n0\r\n\r\n"), &[400]),
    ];
    for (name, rest, expected) in rows {
        assert_eq!(statuses(&server, format!("{head}{rest}").as_bytes()), expected, "{name}");
    }
    // RFC 9112, 6.1: HTTP/1.0 knows no chunks, so its frame is not to be trusted.
    let old = head.replace("1.1", "1.0");
    assert_eq!(statuses(&server, format!("{old}{coded}\r\n\r\n{CHUNKED}").as_bytes()), [400]);
    assert_eq!(fake.calls().len(), 0);
}

#[test]
fn c21_a_host_is_ours_or_nothing_is_routed() {
    let (fake, server) = server();
    let host = server.addr;
    let port = host.port();
    let ask = "/ask-stream?panel=one&question=x";
    let mut rows: Vec<(String, String)> = [
        "".to_owned(),
        format!("host: {host}\r\nhost: {host}\r\n"),
        format!("host: {host}\r\nhost: evil.example\r\n"),
        "host: evil.example\r\n".into(),
        format!("host: evil.example:{port}\r\n"),
        format!("host: a@localhost:{port}\r\n"),
        "host: localhost@evil.example\r\n".into(),
        "host: localhost:99999\r\n".into(),
        "host: localhost:\r\n".into(),
        "host: localhost:abc\r\n".into(),
        "host: [2001:db8::1]\r\n".into(),
        "host: [::1\r\n".into(),
        "host: \r\n".into(),
        "host: localhost evil.example\r\n".into(),
        "host: localhost/x\r\n".into(),
        "host: 2130706433\r\n".into(),
        "host: loc\u{e4}lhost\r\n".into(),
    ]
    .map(|headers| (ask.to_owned(), headers))
    .into();
    // RFC 9112, 3.2.2: the host of an absolute address counts, whatever the header says.
    for address in ["http://evil.example", "http://a@localhost", "ftp://localhost"] {
        rows.push((format!("{address}{ask}"), format!("host: {host}\r\n")));
    }
    rows.push((format!("http://{host}{ask}"), "host: evil.example\r\n".into()));
    for (target, headers) in rows {
        let reply = server.raw(&[format!("GET {target} HTTP/1.1\r\n{headers}\r\n").as_bytes()]);
        reply.problem(400, "bad_host");
    }
    for good in ["localhost", "LOCALHOST.", "127.0.0.1:1", "[::1]:8787", "a.localhost"] {
        let reply = server.raw(&[format!("GET /health HTTP/1.1\r\nhost: {good}\r\n\r\n").as_bytes()]);
        assert_eq!(reply.status(), 200, "{good}");
    }
    let absolute = format!("GET http://{host}/health HTTP/1.1\r\nhost: {host}\r\n\r\n");
    assert_eq!(server.raw(&[absolute.as_bytes()]).status(), 200);
    assert_eq!(fake.calls().len(), 0);
}

#[test]
fn c19_a_bomb_of_headers_is_refused() {
    let (_fake, server) = server();
    let host = server.addr;
    let request = |headers: String| format!("GET /health HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n");
    let lines = |count: usize| (0..count).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    for (bomb, expected) in [
        (request(lines(1000)), 431),
        (request(format!("x: {}\r\n", "y".repeat(1 << 20))), 431),
        (request(format!("x: {}\r\n", "y".repeat(70 << 10))), 431),
        (format!("GET /{} HTTP/1.1\r\nhost: {host}\r\n\r\n", "y".repeat(70_000)), 414),
        (request(lines(90)), 200),
    ] {
        assert_eq!(statuses(&server, bomb.as_bytes())[0], expected);
    }
}

#[test]
fn c14_a_body_without_end_and_lengths_that_lie_are_refused() {
    let (fake, server) = server();
    let head = format!("POST /ask HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n", server.addr);
    // More than is read for the sake of who sends too much, and no last chunk.
    let endless = format!("{head}transfer-encoding: chunked\r\n\r\n");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut pieces = vec![endless.as_bytes()];
    pieces.extend(std::iter::repeat_n(chunk.as_bytes(), 560));
    server.raw(&pieces).problem(413, "payload_too_large");
    let mut short = server.connect();
    short.write(format!("{head}content-length: 1500\r\n\r\n{BODY}").as_bytes());
    short.no_more();
    short.reply().problem(400, "invalid_json");
    let long = format!("{head}content-length: 3\r\n\r\n{BODY}");
    assert_eq!(statuses(&server, long.as_bytes()), [400, 400], "the rest is no request");
    assert_eq!(fake.calls().len(), 0);
}

#[test]
fn c36_http_1_0_is_served_without_chunks_and_closed() {
    let (_fake, server) = server();
    let host = server.addr;
    let ask = |target: &str| {
        let mut socket = server.connect();
        socket.write(format!("GET {target} HTTP/1.0\r\nhost: {host}\r\n\r\n").as_bytes());
        String::from_utf8(socket.rest().0).unwrap()
    };
    assert!(ask("/health").starts_with("HTTP/1.0 200 "));
    let stream = ask("/ask-stream?panel=one&question=x");
    let (head, body) = stream.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    assert!(body.starts_with("id: run_") && body.contains("\nevent: final_result\n"), "{body}");
    assert!(body.ends_with("}\n\n"));
}

#[test]
fn c36_pipelined_requests_are_answered_in_order() {
    let (_fake, server) = server();
    let host = server.addr;
    let request = |line: &str| format!("{line} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let lines = ["GET /health", "GET /api/nothing", "POST /health", "GET /readyz", "GET /ask"];
    let all: String = lines.map(request).concat();
    assert_eq!(statuses(&server, all.as_bytes()), [200, 404, 405, 200, 405, 200]);
}

#[test]
fn c36_who_asks_before_sending_is_told_to_go_on_or_why_not() {
    let (_fake, server) = server();
    let body = json!({"panel": "one", "question": "x"}).to_string();
    let head = |kind: &str, expect: &str| {
        format!(
            "POST /ask HTTP/1.1\r\nhost: {}\r\ncontent-type: {kind}\r\nexpect: {expect}\r\ncontent-length: {}\r\n\r\n",
            server.addr,
            body.len()
        )
    };
    let mut socket = server.connect();
    socket.write(head("application/json", "100-continue").as_bytes());
    assert_eq!(socket.interim(), "HTTP/1.1 100 Continue");
    socket.write(body.as_bytes());
    assert_eq!(socket.reply().json()["status"], "completed");
    let refused = server.raw(&[head("text/plain", "100-continue").as_bytes()]);
    refused.problem(415, "unsupported_media_type");
    // An expectation that nobody knows is not ours to meet (RFC 9110, 10.1.1, lets us go on).
    let other = server.raw(&[head("application/json", "200-maybe").as_bytes(), body.as_bytes()]);
    assert_eq!(other.status(), 200);
}

#[test]
fn c36_an_upgrade_is_not_taken() {
    let (_fake, server) = server();
    let host = server.addr;
    for upgrade in
        ["upgrade: websocket\r\nsec-websocket-key: eA==\r\nsec-websocket-version: 13", "upgrade: h2c"]
    {
        let request =
            format!("GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\n{upgrade}\r\n\r\n");
        assert_eq!(statuses(&server, request.as_bytes()), [200, 200], "{upgrade}");
    }
    // HTTP/2 without being asked for: closed, and at once.
    let mut socket = server.connect();
    let begun = std::time::Instant::now();
    socket.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(socket.rest().0, b"");
    assert!(begun.elapsed() < ms(5000));
}
