//! The exact bytes: blocks, heartbeats, headers, and text that would break a careless stream.

use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::ms;

fn one(answer: Answer) -> (Fake, Server) {
    let fake = Fake::always(answer);
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).server("heartbeat = \"200ms\"").start();
    (fake, server)
}

#[test]
fn a_stream_has_exactly_the_contracts_headers() {
    let (_fake, server) = one(Answer::text("yes").after(50));
    let mut request = server.request("POST", "/ask-stream").json(&json!({"panel": "one", "question": "x"}));
    request = request.header("accept-encoding", "gzip, br, deflate, zstd");
    let stream = request.open();
    let run = stream.run();
    let this = format!("/api/v1/runs/{run}");
    let link = format!("<{this}/events>; rel=\"events\", <{this}/cancel>; rel=\"cancel\"");
    for (name, value) in [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
        ("run-id", &run),
        ("run-created", "true"),
        ("location", &this),
        ("link", &link),
        ("api-version", "1"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(stream.head.header(name), Some(value), "{name}");
    }
    for name in ["content-length", "content-encoding", "connection", "keep-alive", "upgrade", "trailer"] {
        assert_eq!(stream.head.header(name), None, "{name}");
    }
    stream.events();
}

#[test]
fn every_block_and_every_chunk_has_the_contracts_bytes() {
    let (_fake, server) = one(Answer::text("one two three four").after(50).over(300).pieces(6));
    let mut stream = server.ask(&json!({"panel": "one", "question": "x", "options": {"deltas": true}}));
    while stream.next().is_some() {}
    let text = std::str::from_utf8(&stream.raw).unwrap();
    assert!(!text.contains('\r'));
    let run = stream.run();
    assert!(text.starts_with(&format!(
        "id: {run}.1\nevent: run_started\nretry: 2000\ndata: {{\"type\":\"run_started\","
    )));
    assert_eq!(text.matches("retry: ").count(), 1);
    let blocks: String = text.replace(": keep-alive\n", "");
    for (nth, block) in blocks.strip_suffix("\n\n").unwrap().split("\n\n").enumerate() {
        let fields: Vec<&str> = block.lines().map(|line| line.split_once(": ").unwrap().0).collect();
        match nth {
            0 => assert_eq!(fields, ["id", "event", "retry", "data"]),
            _ => assert_eq!(fields, ["id", "event", "data"]),
        }
    }
    crate::harness::assert_contract(&stream.seen, true);
}

#[test]
fn a_silent_stream_shows_that_it_is_alive() {
    let (_fake, server) = one(Answer::text("late").after(1100));
    let mut stream = server.ask(&json!({"panel": "one", "question": "x"}));
    while stream.next().is_some() {}
    assert!((2..=5).contains(&stream.beats.len()), "{} heartbeats in 1.1 s of silence", stream.beats.len());
    for pair in stream.beats.windows(2) {
        let gap = pair[1] - pair[0];
        assert!(gap > ms(150) && gap < ms(600), "{gap:?}");
    }
    assert!(String::from_utf8_lossy(&stream.raw).contains("\n\n: keep-alive\n: keep-alive\n"));
}

#[test]
fn a_heartbeat_can_be_an_event_without_an_id() {
    let (_fake, server) = one(Answer::text("late").after(500));
    let mut stream = server
        .request("POST", "/ask-stream?heartbeat=event")
        .json(&json!({"panel": "one", "question": "x"}))
        .open();
    let beat = stream.until("heartbeat");
    assert_eq!(beat.id, None);
    assert_eq!(stream.beats.len(), 0);
    stream.events();
}

#[test]
fn lines_of_json_carry_the_same_events() {
    let (_fake, server) = one(Answer::text("yes"));
    let body = json!({"panel": "one", "question": "x"});
    let reply =
        server.request("POST", "/ask-stream").json(&body).header("accept", "application/x-ndjson").send();
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson; charset=utf-8"));
    let run = reply.header("run-id").unwrap().to_owned();
    let lines: Vec<&str> = reply.text().lines().collect();
    let events = server.request("GET", &format!("/api/v1/runs/{run}/events")).open().events();
    let sse: Vec<String> = events.iter().map(|event| event.data.to_string()).collect();
    assert_eq!(lines, sse);
    let page = server
        .request("GET", &format!("/api/v1/runs/{run}/events"))
        .header("accept", "application/json")
        .send();
    let page = page.json();
    assert_eq!(page["terminal"], true);
    let paged: Vec<String> = page["events"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(paged, sse);
}

#[test]
fn c35_awkward_text_passes_as_data() {
    let awkward = "a\r\nb\rc\nd\0e\u{85}f\u{2028}g\u{2029}h\u{feff}i😀j\ndata: {\"type\":\"final_result\"}\n\n\
        event: final_result\nid: run_x.9\nretry: 1\ndata: {\"type\":\"final_result\",\"terminal\":true}\n\n: c\nend";
    let (fake, server) = one(Answer::text(awkward).over(100).pieces(30));
    let stream = server.ask(&json!({"panel": "one", "question": awkward, "options": {"deltas": true}}));
    let run = stream.run();
    let events = stream.events();
    assert_eq!(completed(&events, "q1")["result"], awkward);
    assert_eq!(server.snapshot(&run)["question"], awkward);
    let prompt = fake.calls()[0].prompt();
    assert!(prompt.contains("\u{2028}g") && prompt.contains("😀"), "{prompt:?}");
    let end = events.last().unwrap();
    assert_eq!(end.data["result"]["answers"]["q1"], awkward);
    assert_eq!(server.get(&format!("/api/v1/runs/{run}/result")).json(), end.data);
}

#[test]
fn the_body_ends_with_the_last_event() {
    let (_fake, server) = one(Answer::text("yes"));
    let mut stream = server.ask(&json!({"panel": "one", "question": "x"}));
    let last = stream.until("final_result");
    assert!(stream.next().is_none());
    assert!(last.at.elapsed() < ms(100), "{:?}", last.at.elapsed());
}

#[test]
fn an_answer_that_is_too_large_stays_behind_with_its_checksum() {
    let long = "x\u{2028}y".repeat(5000);
    let answer = long.clone();
    let fake = Fake::new(move |_| Answer::text(&answer));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    let run = events[0].data["run_id"].as_str().unwrap().to_owned();
    // Not compared by `assert_eq`, which would print all of it.
    assert!(completed(&events, "q1")["result"] == *long, "it fits the usual 256 KiB");
    let get = |path: &str| server.get(&format!("/api/v1/runs/{run}{path}"));
    get("/events?max_event_bytes=100").problem(422, "validation_failed");
    let small =
        server.request("GET", &format!("/api/v1/runs/{run}/events?max_event_bytes=4096")).open().rest();
    for (name, body) in [("query_completed", get("/queries/q1/result")), ("final_result", get("/result"))] {
        let short = &small.iter().find(|event| event.name == name).unwrap().data;
        assert_eq!(short["result_truncated"], true);
        assert!(short.get("result").is_none(), "{name}");
        assert_eq!(short["result_bytes"], body.body.len());
        assert_eq!(short["result_sha256"], sha256(&body.body));
        assert!(body.json().to_string().contains(&long), "{name} is whole there");
    }
    assert_eq!(small.len(), events.len());
    get("/queries/q2/result").problem(404, "not_found");
}

fn sha256(body: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}
