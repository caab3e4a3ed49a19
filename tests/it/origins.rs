//! Pages of other origins: named ones may ask and read, the others neither; and a request's own id.

use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Reply;
use crate::harness::Server;
use crate::harness::Setup;

const NAMED: &str = "https://app.example";
const OTHERS: [&str; 7] = [
    "https://evil.example",
    "http://app.example",
    "https://app.example:8443",
    "https://app.example.evil.example",
    "https://APP.example",
    "null",
    "*",
];

fn server(line: &str) -> (Fake, Server) {
    let fake = Fake::always(Answer::text("yes"));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).server(line).start();
    (fake, server)
}

fn named() -> (Fake, Server) {
    server("allow_origins = [\"https://app.example\", \"http://localhost:5173\"]")
}

fn preflight(server: &Server, origin: &str, path: &str) -> Reply {
    let request = server.request("OPTIONS", path).header("origin", origin);
    request.header("access-control-request-method", "POST").header("sec-fetch-site", "cross-site").send()
}

#[track_caller]
fn assert_unreadable(reply: &Reply) {
    let told = reply.head.headers.iter().find(|(name, _)| name.starts_with("access-control-"));
    assert_eq!(told, None);
}

#[test]
fn a_named_origin_asks_and_reads() {
    let (fake, server) = named();
    let body = json!({"panel": "one", "question": "x"});
    let post = server.request("POST", "/ask-stream").json(&body);
    let stream = post.header("origin", NAMED).header("sec-fetch-site", "cross-site").open();
    assert_eq!(stream.head.header("access-control-allow-origin"), Some(NAMED));
    assert_eq!(stream.head.header("vary"), Some("origin"));
    assert_eq!(stream.head.header("access-control-allow-credentials"), None);
    let exposed = stream.head.header("access-control-expose-headers").unwrap().to_owned();
    for name in ["run-id", "run-created", "location", "link", "api-version", "x-request-id", "retry-after"] {
        assert!(exposed.split(", ").any(|told| told == name), "{name} in {exposed}");
    }
    stream.events();
    let get = server.request("GET", "/ask-stream?panel=one&question=x").header("origin", NAMED);
    let stream = get.header("sec-fetch-site", "same-site").open();
    assert_eq!(stream.head.header("access-control-allow-origin"), Some(NAMED));
    stream.events();
    assert_eq!(fake.calls().len(), 2);
    // Mistakes can be read as well, whoever finds them.
    for (method, path, status) in [
        ("GET", "/api/v1/runs/x", 404),
        ("POST", "/ask", 415),
        ("PUT", "/ask", 405),
        ("GET", "/health?%ff", 400),
    ] {
        let reply = server.request(method, path).header("origin", "http://localhost:5173").send();
        assert_eq!(reply.status(), status);
        assert_eq!(reply.header("access-control-allow-origin"), Some("http://localhost:5173"));
    }
}

#[test]
fn a_named_origin_may_ask_before_it_sends() {
    let (fake, server) = named();
    for path in ["/ask-stream", "/ask", "/api/v1/runs"] {
        let reply = preflight(&server, NAMED, path);
        assert_eq!((reply.status(), reply.body.len()), (204, 0));
        assert_eq!(reply.header("access-control-allow-origin"), Some(NAMED));
        assert_eq!(reply.header("access-control-allow-methods"), Some("GET, POST, PATCH, DELETE"));
        let allowed = reply.header("access-control-allow-headers").unwrap();
        for name in ["content-type", "idempotency-key", "last-event-id", "prefer", "x-request-id"] {
            assert!(allowed.split(", ").any(|told| told == name), "{name} in {allowed}");
        }
        assert_eq!(reply.header("vary"), Some("origin"));
    }
    // Without the question it is a method like any other.
    let reply = server.request("OPTIONS", "/ask").header("origin", NAMED).send();
    reply.problem(405, "method_not_allowed");
    assert_eq!(fake.calls().len(), 0);
}

#[test]
fn any_other_origin_is_refused_and_never_repeated() {
    let (fake, server) = named();
    for origin in OTHERS {
        let refused = preflight(&server, origin, "/ask-stream");
        refused.problem(403, "bad_origin");
        assert_unreadable(&refused);
        let get = server.request("GET", "/ask-stream?panel=one&question=x").header("origin", origin).send();
        get.problem(403, "bad_origin");
        assert_unreadable(&get);
        let body = json!({"panel": "one", "question": "x"});
        let post = server.request("POST", "/api/v1/runs").json(&body).header("origin", origin).send();
        post.problem(403, "bad_origin");
        assert_unreadable(&post);
        let read = server.request("GET", "/health").header("origin", origin).send();
        assert_eq!((read.status(), read.header("vary")), (200, Some("origin")));
        assert_unreadable(&read);
    }
    // An image of a named site sends no Origin: nobody vouches for it.
    let image =
        server.request("GET", "/ask-stream?panel=one&question=x").header("sec-fetch-site", "cross-site");
    image.send().problem(403, "bad_origin");
    let guarded = server.request("GET", "/ask-stream?panel=one&question=x").header("origin", NAMED);
    guarded.header("sec-purpose", "prefetch").send().problem(403, "forbidden");
    assert_eq!(fake.calls().len(), 0);
}

#[test]
fn without_named_origins_there_is_no_header_of_theirs() {
    let (_fake, server) = server("");
    for origin in [NAMED, "null"] {
        let reply = preflight(&server, origin, "/ask-stream");
        reply.problem(403, "bad_origin");
        assert_unreadable(&reply);
        let reply = server.request("GET", "/health").header("origin", origin).send();
        assert_eq!((reply.status(), reply.header("vary")), (200, None));
        assert_unreadable(&reply);
    }
}

#[test]
fn origins_that_cannot_be_exact_stop_the_start() {
    for (origin, told) in [
        ("*", "would let pages in that nobody chose"),
        ("https://*.app.example", "would let pages in that nobody chose"),
        ("null", "sandboxed frames"),
        ("app.example", "expected http or https, host"),
        ("https://app.example/", "expected http or https, host"),
        ("https://app.example:443", "browsers send this origin as https://app.example"),
    ] {
        let setup = Setup::default().server(&format!("allow_origins = [\"{origin}\"]"));
        let ran = setup.run(&["serve", "--port", "0", "--no-open", "--config", "{config}"]);
        assert_eq!(ran.code, 5, "{}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
}

#[test]
fn every_answer_has_the_requests_id() {
    let (_fake, server) = named();
    let body = json!({"panel": "one", "question": "x"});
    let stream = server.request("POST", "/ask-stream").json(&body).header("x-request-id", "mine-1").open();
    assert_eq!(stream.head.header("x-request-id"), Some("mine-1"));
    let last = stream.events().last().unwrap().id.clone().unwrap();
    let run = last.split('.').next().unwrap().to_owned();
    let rows = [
        ("GET", "/health".to_owned(), 200),
        ("HEAD", "/health".to_owned(), 200),
        ("HEAD", "/ask-stream".to_owned(), 405),
        ("GET", format!("/ask-stream?run_id={run}&last_event_id={last}"), 204),
        ("GET", format!("/api/v1/runs/{run}/result"), 200),
        ("GET", format!("/api/v1/runs/{run}/events?colour=red"), 422),
        ("GET", "/api/v1/runs/%ff".to_owned(), 400),
        ("GET", format!("/{}", "x".repeat(9000)), 414),
        ("POST", "/ask".to_owned(), 415),
        ("CONNECT", "localhost:1".to_owned(), 405),
    ];
    for (method, path, status) in rows {
        let reply = server.request(method, &path).header("x-request-id", "mine-2").send();
        assert_eq!((reply.status(), reply.header("x-request-id")), (status, Some("mine-2")), "{path}");
        let ours = server.request(method, &path).send();
        assert!(ours.header("x-request-id").unwrap().starts_with("req_"), "{path}");
    }
    let foreign = server.request("GET", "/health").header("host", "evil.example");
    assert_eq!(foreign.header("x-request-id", "mine-3").send().header("x-request-id"), Some("mine-3"));
    let asked = server.request("OPTIONS", "/ask").header("origin", NAMED).header("x-request-id", "mine-4");
    let asked = asked.header("access-control-request-method", "POST").send();
    assert_eq!((asked.status(), asked.header("x-request-id")), (204, Some("mine-4")));
    let large = server.request("GET", "/health").header("x-big", &"x".repeat(70 << 10));
    assert_eq!(large.header("x-request-id", "mine-5").send().header("x-request-id"), Some("mine-5"));
}
