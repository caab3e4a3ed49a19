//! Requests that cannot be served: each is told as the contract's problem, and the server lives.

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Reply;
use crate::harness::Server;
use crate::harness::Setup;

const ASKING: [&str; 5] =
    ["/ask-stream", "/api/v1/multi-role/ask-stream", "/ask", "/api/v1/multi-role/ask", "/api/v1/runs"];

fn server() -> (Fake, Server) {
    let fake = Fake::always(Answer::text("yes"));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    (fake, server)
}

/// Nobody was asked, no run was made, and the next good request is served.
#[track_caller]
fn assert_unharmed(fake: &Fake, server: &Server) {
    assert_eq!(fake.calls().len(), 0, "somebody was asked");
    let health = server.get("/health");
    assert_eq!(health.status(), 200);
    assert_eq!(health.json()["active_runs"], 0);
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    assert_eq!(events.last().unwrap().data["status"], "completed");
}

fn pointer(problem: &Value) -> &str {
    problem["errors"][0]["pointer"].as_str().unwrap_or("none")
}

#[test]
fn c13_bodies_that_are_not_json_are_refused_with_their_place() {
    let (fake, server) = server();
    let deep =
        format!("{{\"question\":\"x\",\"input\":{{\"a\":{}1{}}}}}", "[".repeat(5000), "]".repeat(5000));
    let bodies: [&[u8]; 15] = [
        b"",
        b"{",
        b"{\"question\":\"x\"",
        b"{\"question\":\"x\" // or y\n}",
        b"/* why */ {\"question\":\"x\"}",
        b"{\n\"question\":\"x\"\n}\n{\"question\":\"x\"}",
        b"{\"question\":\"x\",}",
        b"{'question':'x'}",
        b"{\"question\":\"x\"} {}",
        b"{\"question\":\"\xff\xfe\"}",
        b"\xef\xbb\xbf{\"question\":\"x\"}",
        b"{\"question\":\"\\ud800\"}",
        b"{\"question\":\"x\",\"input\":{\"n\":NaN}}",
        b"{\"question\":\"x\",\"input\":{\"n\":1e999}}",
        deep.as_bytes(),
    ];
    for path in ASKING {
        for body in bodies {
            let problem = server.request("POST", path).body(body).send().problem(400, "invalid_json");
            let detail = problem["detail"].as_str().unwrap();
            let place = if std::str::from_utf8(body).is_ok() { "line " } else { "(byte " };
            assert!(detail.contains(place), "{detail}");
            assert!(place == "(byte " || detail.contains(" column "), "{detail}");
        }
        let problem = server.request("POST", path).body(b"{\n  \"question\": \"x\",\n}").send();
        let problem = problem.problem(400, "invalid_json");
        assert!(problem["detail"].as_str().unwrap().ends_with("at line 3 column 1"), "{problem}");
    }
    assert_unharmed(&fake, &server);
}

#[test]
fn c33_bodies_that_say_the_wrong_thing_are_refused_with_their_place() {
    let (fake, server) = server();
    let rows = [
        (json!([]), ""),
        (json!("x"), ""),
        (json!(null), ""),
        (json!({}), "/question"),
        (json!({"question": ""}), "/question"),
        (json!({"question": " \n\t"}), "/question"),
        (json!({"question": 5}), "/question"),
        (json!({"question": null}), "/question"),
        (json!({"question": ["x"]}), "/question"),
        (json!({"project_description": ""}), "/project_description"),
        (json!({"question": "x", "prompt": "y"}), "/prompt"),
        (json!({"question": "x", "panel": 5}), "/panel"),
        (json!({"question": "x", "panel": "../../etc"}), "/panel"),
        (json!({"question": "x", "input": []}), "/input"),
        (json!({"question": "x", "options": []}), "/options"),
        (json!({"question": "x", "metadata": "m"}), "/metadata"),
        (json!({"question": "x", "colour": "red"}), "/colour"),
        (json!({"question": "x", "api_key": "k"}), "/api_key"),
        (json!({"question": "x", "base_url": "http://evil.example"}), "/base_url"),
        (json!({"question": "x", "options": {"timeout": 5}}), "/options/timeout"),
        (json!({"question": "x", "options": {"run_timeout_ms": -5}}), "/options/run_timeout_ms"),
        (json!({"question": "x", "options": {"run_timeout_ms": 1.5}}), "/options/run_timeout_ms"),
        (json!({"question": "x", "options": {"run_timeout_ms": 999_999_999}}), "/options/run_timeout_ms"),
        (json!({"question": "x", "options": {"query_timeout_ms": 999_999_999}}), "/options/query_timeout_ms"),
        (json!({"question": "x", "options": {"on_disconnect": "never"}}), "/options/on_disconnect"),
        (json!({"question": "x", "options": {"deltas": "yes"}}), "/options/deltas"),
        (json!({"question": "x", "options": {"queries": []}}), "/options/queries"),
        (json!({"question": "x", "options": {"queries": vec!["Q"; 65]}}), "/options/queries"),
        (json!({"panel": "one", "question": "x", "options": {"queries": ["q9"]}}), "/options/queries/0"),
        (json!({"panel": "one", "question": "x", "options": {"model": "nobody/m"}}), "/options/model"),
        (
            json!({"panel": "one", "question": "x", "options": {"model": "http://evil.example"}}),
            "/options/model",
        ),
    ];
    for path in ASKING {
        for (body, place) in &rows {
            let problem = server.post(path, body).problem(422, "validation_failed");
            assert_eq!(pointer(&problem), *place, "{body} {problem}");
        }
        let twice = b"{\"question\":\"x\",\"question\":\"y\"}";
        let problem = server.request("POST", path).body(twice).send().problem(422, "validation_failed");
        assert_eq!(pointer(&problem), "/question");
        let problem =
            server.post(path, &json!({"panel": "nope", "question": "x"})).problem(422, "unknown_panel");
        assert!(problem["hint"].as_str().unwrap().contains("audit"));
        let audit = json!({"question": "x", "positions": "all of them"});
        let problem = server.post(path, &audit).problem(422, "validation_failed");
        assert_eq!(pointer(&problem), "/input/positions");
    }
    assert_unharmed(&fake, &server);
}

#[test]
fn c14_a_body_of_9_mib_is_too_large_however_it_comes() {
    let (fake, server) = server();
    let body = format!("{{\"question\":\"{}\"}}", "x".repeat(9 << 20));
    for path in ["/ask-stream", "/ask", "/api/v1/runs"] {
        server.request("POST", path).body(body.as_bytes()).send().problem(413, "payload_too_large");
    }
    let head = format!(
        "POST /ask-stream HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        server.addr
    );
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut pieces: Vec<&[u8]> = vec![head.as_bytes()];
    pieces.extend(std::iter::repeat_n(chunk.as_bytes(), 144));
    pieces.push(b"0\r\n\r\n");
    server.raw(&pieces).problem(413, "payload_too_large");
    // Who asks first is told before he sends anything.
    let asks = format!(
        "POST /ask-stream HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n\
         content-length: 9437184\r\n\r\n",
        server.addr
    );
    server.raw(&[asks.as_bytes()]).problem(413, "payload_too_large");
    assert_unharmed(&fake, &server);
}

#[test]
fn c23_methods_are_explicit_and_head_never_runs_anything() {
    let (fake, server) = server();
    for path in ["/ask-stream", "/api/v1/multi-role/ask-stream"] {
        let query = format!("{path}?panel=one&question=x");
        let head = server.request("HEAD", &query).send();
        assert_eq!((head.status(), head.body.len()), (405, 0));
        assert!(head.header("allow").unwrap().contains("POST"));
    }
    let stream = server.ask(&json!({"panel": "one", "question": "x"}));
    let run = stream.run();
    stream.events();
    let calls = fake.calls().len();
    for (path, allowed) in [
        ("/ask-stream".to_owned(), vec!["GET", "POST"]),
        ("/ask".to_owned(), vec!["POST"]),
        ("/api/v1/runs".to_owned(), vec!["GET", "POST"]),
        (format!("/api/v1/runs/{run}/events"), vec!["GET"]),
        (format!("/api/v1/runs/{run}/result"), vec!["GET"]),
        (format!("/api/v1/runs/{run}/cancel"), vec!["POST"]),
        ("/health".to_owned(), vec!["GET"]),
    ] {
        for method in ["PUT", "DELETE", "PATCH", "BREW", "OPTIONS"] {
            let reply = server.request(method, &path).send();
            reply.problem(405, "method_not_allowed");
            let allow = reply.header("allow").unwrap_or_else(|| panic!("no Allow for {method} {path}"));
            for method in &allowed {
                assert!(allow.contains(method), "{path}: {allow}");
            }
        }
    }
    let put = server.request("PUT", &format!("/api/v1/runs/{run}")).send();
    put.problem(405, "method_not_allowed");
    for method in ["GET", "PATCH", "DELETE"] {
        assert!(put.header("allow").unwrap().contains(method), "{:?}", put.header("allow"));
    }
    server.get("/ask").problem(405, "method_not_allowed");
    let head = server.request("HEAD", &format!("/api/v1/runs/{run}/events")).send();
    assert_eq!(head.header("allow"), Some("GET"));
    assert_eq!((head.status(), head.body.len()), (405, 0));
    assert_eq!(fake.calls().len(), calls);
}

#[test]
fn c24_types_that_are_not_ours_are_refused() {
    let (fake, server) = server();
    let body = json!({"panel": "one", "question": "x"});
    for kind in
        ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "json", ""]
    {
        for path in ASKING {
            let request = server.request("POST", path).json(&body).header("content-type", kind);
            request.send().problem(415, "unsupported_media_type");
        }
    }
    server
        .request("POST", "/ask")
        .json(&body)
        .without("content-type")
        .send()
        .problem(415, "unsupported_media_type");
    let packed = server.request("POST", "/ask").json(&body).header("content-encoding", "gzip");
    packed.send().problem(415, "unsupported_media_type");
    for accept in ["image/png", "text/event-stream;q=0", "application/xml, text/csv"] {
        let request = server.request("POST", "/ask-stream").json(&body).header("accept", accept);
        request.send().problem(406, "not_acceptable");
        let get = server.request("GET", "/ask-stream?panel=one&question=x").header("accept", accept);
        get.send().problem(406, "not_acceptable");
    }
    assert_unharmed(&fake, &server);
    let request =
        server.request("POST", "/ask").json(&body).header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(request.send().status(), 200);
}

#[test]
fn c21_other_hosts_and_other_sites_reach_nothing() {
    let (fake, server) = server();
    let body = json!({"panel": "one", "question": "x"});
    let post = || server.request("POST", "/ask-stream").json(&body);
    let get = || server.request("GET", "/ask-stream?panel=one&question=x");
    for host in ["evil.example", "evil.example:8787", "127.0.0.1.evil.example", "a@localhost", "10.0.0.1"] {
        post().header("host", host).send().problem(400, "bad_host");
        get().header("host", host).send().problem(400, "bad_host");
        server.request("GET", "/health").header("host", host).send().problem(400, "bad_host");
    }
    post().without("host").send().problem(400, "bad_host");
    for origin in ["http://evil.example", "https://localhost.evil.example", "null", "http://localhost:1"] {
        post().header("origin", origin).send().problem(403, "bad_origin");
        get().header("origin", origin).send().problem(403, "bad_origin");
        let cancel = server.request("POST", "/api/v1/runs/run_01jd0000000000000000000000/cancel");
        cancel.header("origin", origin).send().problem(403, "bad_origin");
    }
    for site in ["cross-site", "same-site"] {
        post().header("sec-fetch-site", site).send().problem(403, "bad_origin");
        get().header("sec-fetch-site", site).send().problem(403, "bad_origin");
    }
    get().header("sec-purpose", "prefetch;prerender").send().problem(403, "forbidden");
    let bar = get().header("accept", "text/html,application/xhtml+xml,*/*;q=0.8").send();
    bar.problem(403, "forbidden");
    assert_unharmed(&fake, &server);
    let own = format!("http://{}", server.addr);
    assert_eq!(
        post().header("origin", &own).header("sec-fetch-site", "same-origin").open().events().len(),
        8
    );
}

#[test]
fn addresses_that_ask_wrongly_are_refused() {
    let (fake, server) = server();
    let long = "x".repeat(4097);
    for (query, status, code) in [
        ("", 422, "validation_failed"),
        ("question=", 422, "validation_failed"),
        ("question=x&question=y", 422, "validation_failed"),
        ("question=x&prompt=y", 422, "validation_failed"),
        ("question=x&colour=red", 422, "validation_failed"),
        ("panel=nope&question=x", 422, "unknown_panel"),
        ("panel=%2e%2e&question=x", 422, "validation_failed"),
        ("panel=one&question=%ff%fe", 400, "invalid_json"),
        ("panel=one&question=x&deltas=maybe", 422, "validation_failed"),
        ("panel=one&question=x&heartbeat=drum", 422, "validation_failed"),
        ("panel=one&question=x&key=%20", 422, "validation_failed"),
        ("run_id=run_01jd0000000000000000000000", 404, "not_found"),
        ("run_id=x", 404, "not_found"),
        (&format!("panel=one&question={long}"), 422, "validation_failed"),
        (&format!("panel=one&question={}", "x".repeat(9000)), 414, "uri_too_long"),
    ] {
        server.get(&format!("/ask-stream?{query}")).problem(status, code);
    }
    for key in ["", "a b", &"k".repeat(256), "é"] {
        let request = server.request("POST", "/ask").json(&json!({"panel": "one", "question": "x"}));
        request.header("idempotency-key", key).send().problem(422, "validation_failed");
    }
    for path in ["/api/v1/runs/x", "/api/v1/runs/%C3%A9", "/api/v1/runs/x/events", "/api/nothing", "/api/"] {
        server.get(path).problem(404, "not_found");
    }
    assert_unharmed(&fake, &server);
}

#[test]
fn c19_headers_beyond_the_limit_are_refused() {
    let (fake, server) = server();
    let big = server.request("GET", "/health").header("x-big", &"x".repeat(70 * 1024)).send();
    big.problem(431, "headers_too_large");
    let mut many = server.request("GET", "/health");
    for n in 0..120 {
        many = many.header(&format!("x-{n}"), "x");
    }
    assert_eq!(many.send().status(), 431);
    for garbage in
        [&b"GARBAGE\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET / HTTP/9.9\r\n\r\n"]
    {
        let mut socket = std::net::TcpStream::connect(server.addr).unwrap();
        std::io::Write::write_all(&mut socket, garbage).unwrap();
    }
    assert_unharmed(&fake, &server);
}

#[test]
fn a_request_keeps_the_id_that_its_sender_gave() {
    let (_fake, server) = server();
    let reply = |id: &str| server.request("GET", "/api/nothing").header("x-request-id", id).send();
    assert_eq!(reply("abc-123").problem(404, "not_found")["request_id"], "abc-123");
    for forged in ["a b", &"x".repeat(129), "é"] {
        let id: Reply = reply(forged);
        assert!(id.json()["request_id"].as_str().unwrap().starts_with("req_"));
    }
}

/// A small random number generator, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

#[test]
fn no_broken_request_is_ever_an_error_of_ours() {
    let (_fake, server) = server();
    let sound = br#"{"panel":"one","question":"x","input":{"a":[1,{"b":null}]},"options":{"deltas":true,"queries":["q1"]}}"#;
    let mut dice = Dice(7);
    for _ in 0..300 {
        let mut body = sound.to_vec();
        for _ in 0..=dice.roll(3) {
            let at = dice.roll(body.len());
            match dice.roll(4) {
                0 => body[at] = dice.roll(256) as u8,
                1 => body.truncate(at.max(1)),
                2 => body.insert(at, b"{}[]\",:0-e"[dice.roll(10)]),
                _ => drop(body.remove(at)),
            }
        }
        let reply = server.request("POST", "/ask").body(&body).send();
        match reply.status() {
            200 => assert_eq!(reply.json()["status"], "completed"),
            400 => drop(reply.problem(400, "invalid_json")),
            _ => assert!(["validation_failed", "unknown_panel"].contains(&reply.problem_code(422).as_str())),
        }
        let query: String =
            (0..dice.roll(40)).map(|_| b"a=&%+2fquestion;#panel?:/"[dice.roll(25)] as char).collect();
        let status = server.get(&format!("/ask-stream?{query}")).status();
        assert!([200, 400, 422].contains(&status), "{query}: {status}");
    }
    assert_eq!(server.get("/health").status(), 200);
}
