//! The list of runs, what people write about one, panels, workflows; what is refused alike, and what was trimmed.

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::eventually;

/// A run of this panel and question that has ended.
fn ended(server: &Server, panel: &str, question: &str) -> String {
    let events = server.ask(&json!({"panel": panel, "question": question})).events();
    events[0].data["run_id"].as_str().unwrap().to_owned()
}

fn answering() -> (Fake, Server) {
    let fake = Fake::always(Answer::text("one two three four"));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).panel(Panel::of("two", 2)).start();
    (fake, server)
}

fn listed(server: &Server, query: &str) -> Vec<String> {
    let page = server.get(&format!("/api/v1/runs{query}"));
    assert_eq!((page.status(), page.header("cache-control")), (200, Some("no-store")));
    let page = page.json();
    let runs = page["runs"].as_array().unwrap().iter();
    runs.map(|run| run["run_id"].as_str().unwrap().to_owned()).collect()
}

fn patch(server: &Server, run: &str, change: &Value) -> crate::harness::Reply {
    server.request("PATCH", &format!("/api/v1/runs/{run}")).json(change).send()
}

fn delete(server: &Server, run: &str, query: &str) -> crate::harness::Reply {
    server.request("DELETE", &format!("/api/v1/runs/{run}{query}")).send()
}

#[test]
fn the_list_is_newest_first_in_pages_that_fit_together() {
    let (_fake, server) = answering();
    let mut runs: Vec<String> = (0..7).map(|n| ended(&server, "one", &format!("number {n}"))).collect();
    runs.reverse();
    assert_eq!(listed(&server, ""), runs);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for size in [3, 3, 1] {
        let page = server.get(&format!("/api/v1/runs?limit=3&cursor={cursor}")).json();
        let rows = page["runs"].as_array().unwrap();
        assert_eq!(rows.len(), size);
        seen.extend(rows.iter().map(|row| row["run_id"].as_str().unwrap().to_owned()));
        // What begins meanwhile is in no later page.
        runs.insert(0, ended(&server, "one", "new"));
        cursor = page["next_cursor"].as_str().unwrap_or_default().to_owned();
        assert_eq!(cursor.is_empty(), size == 1, "{page}");
    }
    assert_eq!(seen, runs[3..]);
    let row = server.get("/api/v1/runs?limit=1").json()["runs"][0].clone();
    let result = &server.snapshot(&runs[0])["result"];
    let performance = &result["performance"];
    for key in ["total_time_ms", "queries_successful", "queries_executed"] {
        assert_eq!(row[key], performance[key], "{key}: {row}");
    }
    assert_eq!(
        (&row["status"], &row["panel"], &row["title"]),
        (&json!("completed"), &json!("one"), &json!("new"))
    );
    assert_eq!(row["ended_at"], result["at"]);
    assert_eq!(row["created_at"], server.snapshot(&runs[0])["created_at"]);
}

#[test]
fn the_list_shows_what_is_looked_for() {
    let fake = Fake::new(|call| match call.prompt().contains("silent") {
        true => Answer::silent(),
        false if call.prompt().contains("refused") => Answer::status(400, "{}"),
        false => Answer::text("yes"),
    });
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).panel(Panel::of("two", 2)).start();
    let concrete = ended(&server, "one", "Žlutý BETON, základový pás\nsecond line with Ocel");
    let refused = ended(&server, "two", "refused");
    let under_way = server.ask(&json!({"panel": "two", "question": "silent"}));
    let live = under_way.run();
    patch(&server, &refused, &json!({"note": "Příliš drahé"}));
    for (query, expected) in [
        ("?status=running", vec![&live]),
        ("?status=failed", vec![&refused]),
        ("?status=failed,completed", vec![&refused, &concrete]),
        ("?status=cancelled", vec![]),
        ("?panel=two", vec![&live, &refused]),
        ("?panel=two&status=failed", vec![&refused]),
        ("?panel=none", vec![]),
        ("?q=%C5%BDLUT%C3%9D", vec![&concrete]),
        ("?q=%C5%BElut%C3%BD+beton", vec![&concrete]),
        ("?q=ocel", vec![&concrete]),
        ("?q=P%C5%98%C3%8DLI%C5%A0", vec![&refused]),
        ("?q=100%25", vec![]),
        ("?q=_", vec![]),
        ("?q=", vec![&live, &refused, &concrete]),
    ] {
        assert_eq!(listed(&server, query).iter().collect::<Vec<_>>(), expected, "{query}");
    }
    for bad in [
        "?status=done",
        "?status=",
        "?limit=0",
        "?limit=201",
        "?limit=x",
        "?panel=A%20B",
        "?order=asc",
        "?q=a&q=b",
    ] {
        let reply = server.get(&format!("/api/v1/runs{bad}"));
        match bad {
            "?status=" => assert_eq!(reply.status(), 200, "empty counts as absent"),
            _ => drop(reply.problem(422, "validation_failed")),
        }
    }
    server.get("/api/v1/runs?cursor=3").problem(400, "bad_cursor");
    server.cancel(&live);
}

#[test]
fn what_people_write_is_kept_and_changes_the_tag() {
    let (_fake, mut server) = answering();
    let run = ended(&server, "one", "The question");
    let path = format!("/api/v1/runs/{run}");
    let tag = |server: &Server| server.get(&path).header("etag").unwrap().to_owned();
    let first = tag(&server);
    let known = |server: &Server, tag: &str| {
        server.request("GET", &path).header("if-none-match", tag).send().status()
    };
    assert_eq!(known(&server, &first), 304);
    let changed = patch(&server, &run, &json!({"title": " Základy ", "note": "a\nb"}));
    assert_eq!((changed.status(), &changed.json()["title"]), (200, &json!("Základy")));
    let second = tag(&server);
    assert_ne!(first, second);
    assert_eq!((known(&server, &first), known(&server, &second)), (200, 304));
    assert_eq!(server.get("/api/v1/runs").json()["runs"][0]["title"], "Základy");
    server.restart();
    assert_eq!(
        (&server.snapshot(&run)["title"], &server.snapshot(&run)["note"]),
        (&json!("Základy"), &json!("a\nb"))
    );
    assert_eq!(known(&server, &second), 304, "the tag of what did not change");
    let cleared = patch(&server, &run, &json!({"title": "", "note": null})).json();
    assert_eq!((&cleared["title"], cleared.get("note")), (&json!("The question"), None));
    assert_eq!(patch(&server, &run, &json!({})).status(), 200);
    let long = |count: usize| "ř".repeat(count);
    assert_eq!(patch(&server, &run, &json!({"title": long(200), "note": long(10_000)})).status(), 200);
    for (body, pointer) in [
        (json!({"title": long(201)}), "/title"),
        (json!({"note": long(10_001)}), "/note"),
        (json!({"title": 3}), "/title"),
        (json!({"status": "completed"}), "/status"),
        (json!([]), ""),
    ] {
        let problem = patch(&server, &run, &body).problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let raw = |body: &[u8]| server.request("PATCH", &path).body(body).send();
    raw(b"{").problem(400, "invalid_json");
    raw(b"{\"title\":\"a\",\"title\":\"b\"}").problem(422, "validation_failed");
    server.request("PATCH", &path).body(b"{}").header("content-type", "text/plain").send().problem_code(415);
    assert_eq!(server.snapshot(&run)["title"], long(200).as_str(), "what is refused changes nothing");
}

/// Every way to a run.
const WAYS: [(&str, &str); 15] = [
    ("GET", "/api/v1/runs/{}"),
    ("GET", "/api/v1/runs/{}/events"),
    ("GET", "/api/v1/runs/{}/result"),
    ("GET", "/api/v1/runs/{}/queries/q1/result"),
    ("GET", "/ask-stream?run_id={}"),
    ("PATCH", "/api/v1/runs/{}"),
    ("DELETE", "/api/v1/runs/{}"),
    ("DELETE", "/api/v1/runs/{}?purge=true"),
    ("POST", "/api/v1/runs/{}/cancel"),
    ("POST", "/api/v1/runs/{}/pause"),
    ("POST", "/api/v1/runs/{}/finish"),
    ("POST", "/api/v1/runs/{}/retry"),
    ("POST", "/api/v1/runs/{}/queries/q1/cancel"),
    ("GET", "/api/workflow/{}/status"),
    ("POST", "/api/workflow/{}/resume"),
];

fn by(server: &Server, (method, path): (&str, &str), run: &str) -> crate::harness::Reply {
    let request = server.request(method, &path.replace("{}", run));
    if method == "PATCH" { request.body(b"{}").send() } else { request.send() }
}

#[test]
fn a_run_that_is_not_there_is_told_alike_on_every_way() {
    let (_fake, server) = answering();
    let purged = ended(&server, "one", "x");
    assert_eq!(delete(&server, &purged, "?purge=true").status(), 204);
    let unknown = "run_01jd0000000000000000000000";
    for (run, status, code) in
        [(unknown, 404, "not_found"), ("nonsense", 404, "not_found"), (&purged, 410, "run_expired")]
    {
        let mut bodies: Vec<Value> =
            WAYS.iter().map(|way| by(&server, *way, run).problem(status, code)).collect();
        for body in &mut bodies {
            body["request_id"].take();
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "{bodies:#?}");
    }
    assert!(listed(&server, "").is_empty());
}

#[test]
fn a_run_leaves_the_lists_and_only_then_for_good() {
    let (fake, server) = answering();
    let (kept, run) = (ended(&server, "one", "kept"), ended(&server, "one", "x"));
    assert_eq!(delete(&server, &run, "").status(), 204);
    assert_eq!(delete(&server, &run, "?purge=false").status(), 204, "idempotent");
    assert_eq!((listed(&server, ""), listed(&server, "?q=x")), (vec![kept], vec![]));
    assert_eq!(server.snapshot(&run)["status"], "completed", "it stays readable by its id");
    delete(&server, &run, "?purge=maybe").problem(422, "validation_failed");
    delete(&server, &run, "?hard=true").problem(422, "validation_failed");
    let purged = delete(&server, &run, "?purge=true");
    assert_eq!((purged.status(), purged.body.len()), (204, 0));
    server.get(&format!("/api/v1/runs/{run}")).problem(410, "run_expired");
    let cursor = server.request("GET", "/ask-stream").last_event_id(&format!("{run}.2")).send();
    assert_eq!(cursor.status(), 204);
    assert_eq!(fake.calls().len(), 2);
    let silent = Fake::always(Answer::silent());
    let server = Setup::asking(&silent).panel(Panel::of("one", 1)).start();
    let mut stream = server.ask(&json!({"panel": "one", "question": "x"}));
    stream.until("query_started");
    let live = stream.run();
    for query in ["", "?purge=true"] {
        let problem = delete(&server, &live, query).problem(409, "illegal_transition");
        assert!(problem["detail"].as_str().unwrap().contains("running"), "{problem}");
    }
}

#[test]
fn a_key_of_a_purged_run_is_free_again() {
    let (_fake, server) = answering();
    let make = || {
        let request = server.request("POST", "/api/v1/runs").header("prefer", "wait=20");
        request.header("idempotency-key", "k").json(&json!({"panel": "one", "question": "x"})).send()
    };
    let first = make();
    let run = first.header("run-id").unwrap();
    assert_eq!(delete(&server, run, "?purge=true").status(), 204);
    let second = make();
    assert_eq!((second.status(), second.header("run-created")), (200, Some("true")));
    assert_ne!(second.header("run-id"), Some(run));
}

#[test]
fn the_catalogue_tells_what_a_panel_takes() {
    let (_fake, server) = answering();
    let catalogue = server.get("/api/v1/panels").json();
    let panels = catalogue["panels"].as_array().unwrap();
    let names: Vec<_> = panels.iter().map(|panel| panel["panel"].as_str().unwrap()).collect();
    assert!(names.contains(&"audit") && names.contains(&"two"), "{names:?}");
    assert_eq!(panels.iter().filter(|panel| panel["default"] == true).count(), 1);
    for panel in panels {
        let shown = server.get(&format!("/api/v1/panels/{}", panel["panel"].as_str().unwrap())).json();
        for (key, value) in panel.as_object().unwrap() {
            assert_eq!(shown[key], *value, "{key}");
        }
    }
    let two = server.get("/api/v1/panels/two").json();
    assert_eq!(
        two["queries"],
        json!([
            {"query": "q1", "title": two["queries"][0]["title"], "depends_on": [], "models": two["queries"][0]["models"]},
            {"query": "q2", "title": two["queries"][1]["title"], "depends_on": [], "models": two["queries"][1]["models"]},
        ])
    );
    // The schema is the one that asks are held to.
    let audit = server.get("/api/v1/panels/audit").json();
    let schema = jsonschema::validator_for(&audit["input_schema"]).unwrap();
    for (input, fits) in [
        (json!({"positions": [{"item_name": "Concrete C30/37", "quantity": 22.5, "unit": "m3"}]}), true),
        (json!({"positions": 3}), false),
    ] {
        assert_eq!(schema.is_valid(&input), fits);
        let reply = server.post("/api/v1/runs", &json!({"question": "x", "input": input}));
        assert_eq!(reply.status(), if fits { 202 } else { 422 }, "{}", reply.text());
    }
    for unknown in ["none", "AUDIT", "%20", "a%2Fb"] {
        server.get(&format!("/api/v1/panels/{unknown}")).problem(404, "not_found");
    }
    server.get("/api/v1/panels?x=1").problem(422, "validation_failed");
}

#[test]
fn a_workflow_is_a_run_in_other_words() {
    let fake = Fake::new(|call| match call.query.as_str() {
        "q1" => Answer::text("one"),
        "q2" => Answer::status(400, "{}"),
        _ => Answer::silent(),
    });
    let server = Setup::asking(&fake).panel(Panel::of("three", 3).tail("[merge]\nneed = 1")).start();
    let ask = json!({"panel": "three", "question": "x", "metadata": {"project": "demo"}});
    let mut stream = server.ask(&ask);
    let run = stream.run();
    stream.until_query("query_completed", "q1");
    let path = format!("/api/workflow/{run}/status");
    eventually("two have ended", PATIENCE, || server.get(&path).json()["failed_steps"] == json!(["q2"]));
    let reply = server.get(&path);
    let status = reply.json();
    assert_eq!(reply.text().matches("\"updated_at\":").count(), 1, "a key stands once");
    assert_eq!((&status["workflow_id"], &status["run_id"]), (&json!(run), &json!(run)));
    assert_eq!((&status["status"], &status["current_step"]), (&json!("running"), &json!("q3")));
    assert_eq!(
        (&status["completed_steps"], &status["metadata"]),
        (&json!(["q1"]), &json!({"project": "demo"}))
    );
    assert_eq!(status["started_at"], status["created_at"]);
    assert!(status["updated_at"].as_str() >= status["started_at"].as_str(), "{status}");
    let cancel =
        |server: &Server| server.request("POST", &format!("/api/workflow/{run}/cancel")).send().status();
    assert_eq!(cancel(&server), 202);
    stream.rest();
    assert_eq!(cancel(&server), 200);
    let status = server.get(&path).json();
    assert_eq!((&status["status"], &status["current_step"]), (&json!("cancelled"), &Value::Null));
}

#[test]
fn the_figures_add_up() {
    let fake = Fake::new(|call| match call.query.as_str() {
        "q1" if call.nth == 1 => Answer::status(503, "{}"),
        "q2" if call.prompt().contains("refused") => Answer::status(400, "{}"),
        _ if call.prompt().contains("silent") => Answer::silent(),
        _ => Answer::text("yes"),
    });
    let server = Setup::asking(&fake).panel(Panel::of("two", 2)).start();
    let figures = || server.get("/api/workflow/metrics").json();
    assert_eq!(
        figures(),
        json!({
            "total_workflows": 0, "successful_workflows": 0, "failed_workflows": 0, "cancelled_workflows": 0,
            "success_rate": 0.0, "step_metrics": {}, "warnings": {},
        })
    );
    let first = ended(&server, "two", "x");
    ended(&server, "two", "y");
    let failed = ended(&server, "two", "refused");
    let status = server.snapshot(&failed)["status"].clone();
    let cancelled = server.ask(&json!({"panel": "two", "question": "silent"}));
    fake.until_calls(9);
    server.cancel(&cancelled.run());
    cancelled.events();
    eventually("all four count", PATIENCE, || figures()["total_workflows"] == 4);
    let figures = figures();
    let failed = u64::from(status == "failed");
    assert_eq!(figures["failed_workflows"], failed);
    assert_eq!(figures["successful_workflows"], 3 - failed);
    assert_eq!(figures["cancelled_workflows"], 1);
    assert_eq!(figures["success_rate"], (3 - failed) as f64 / 3.0);
    let step = &figures["step_metrics"]["two.q1"];
    assert_eq!((&step["count"], &step["retries"]), (&json!(4), &json!(1)));
    assert_eq!(figures["step_metrics"]["two.q2"]["retries"], 0);
    let slowest = server.snapshot(&first)["queries"][0]["time_ms"].as_u64().unwrap();
    assert!(step["p95_ms"].as_u64().unwrap() >= slowest.min(step["p50_ms"].as_u64().unwrap()));
    assert!(
        step["avg_duration_ms"].as_f64().unwrap() > 0.0 && step["p50_ms"].as_u64() <= step["p95_ms"].as_u64()
    );
}

#[test]
fn another_site_changes_nothing() {
    let (fake, server) = answering();
    let run = ended(&server, "one", "x");
    let ways = WAYS.iter().filter(|(method, _)| *method != "GET");
    for (method, path) in ways {
        for (name, value) in
            [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
        {
            let request = server.request(method, &path.replace("{}", &run)).header(name, value);
            request.body(b"{\"title\":\"theirs\"}").send().problem(403, "bad_origin");
        }
    }
    assert_eq!((listed(&server, ""), fake.calls().len()), (vec![run.clone()], 1));
    assert_eq!(server.snapshot(&run)["title"], "x");
    let own = server.request("PATCH", &format!("/api/v1/runs/{run}"));
    let own = own.header("origin", &format!("http://{}", server.addr)).json(&json!({"title": "ours"})).send();
    assert_eq!(own.json()["title"], "ours");
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let (_fake, server) = answering();
    let run = ended(&server, "one", "x");
    for (method, path, allowed) in [
        ("PUT", "/api/v1/runs", "GET HEAD POST"),
        ("DELETE", "/api/v1/runs", "GET HEAD POST"),
        ("PUT", "/api/v1/runs/{}", "DELETE GET HEAD PATCH"),
        ("POST", "/api/v1/runs/{}", "DELETE GET HEAD PATCH"),
        ("PATCH", "/api/v1/runs/{}/result", "GET HEAD"),
        ("GET", "/api/v1/runs/{}/pause", "POST"),
        ("HEAD", "/api/v1/runs/{}/retry", "POST"),
        ("DELETE", "/api/v1/runs/{}/finish", "POST"),
        ("PUT", "/api/v1/runs/{}/queries/q1/cancel", "POST"),
        ("POST", "/api/v1/panels", "GET HEAD"),
        ("PUT", "/api/v1/panels/audit", "GET HEAD"),
        ("POST", "/api/workflow/{}/status", "GET HEAD"),
        ("GET", "/api/workflow/{}/cancel", "POST"),
        ("DELETE", "/api/workflow/metrics", "GET HEAD"),
    ] {
        let reply = server.request(method, &path.replace("{}", &run)).send();
        assert_eq!(reply.status(), 405, "{method} {path}");
        let mut told: Vec<&str> = reply.header("allow").unwrap().split(',').map(str::trim).collect();
        told.sort_unstable();
        assert_eq!(told.join(" "), allowed, "{method} {path}");
    }
}

#[test]
fn answers_are_as_the_description_says() {
    let fake = Fake::new(|call| match call.query.as_str() {
        "q2" if call.nth == 1 => Answer::status(400, "{}"),
        _ => Answer::text("yes"),
    });
    let server = Setup::asking(&fake).panel(Panel::of("two", 2).tail("[merge]\nneed = 1")).start();
    let description = server.get("/openapi.json").json();
    let run = ended(&server, "two", "x");
    let check = |method: &str, path: &str, at: &str| {
        let reply = by(&server, (method, at), &run);
        let described = &description["paths"][path][method.to_ascii_lowercase()]["responses"];
        let described = &described[reply.status().to_string()]["content"];
        let kind = reply.header("content-type").unwrap().split(';').next().unwrap();
        let schema = json!({"allOf": [described[kind]["schema"]], "components": description["components"]});
        assert!(described[kind]["schema"].is_object(), "{method} {at}: {} {kind}", reply.status());
        let schema = jsonschema::validator_for(&schema).unwrap();
        let body = reply.json();
        let faults: Vec<_> =
            schema.iter_errors(&body).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{method} {at}: {faults:#?}\n{body:#}");
    };
    check("POST", "/api/v1/runs/{id}/retry", "/api/v1/runs/{}/retry");
    for (method, path) in [
        ("GET", "/api/v1/runs"),
        ("GET", "/api/v1/runs/{id}"),
        ("PATCH", "/api/v1/runs/{id}"),
        ("GET", "/api/v1/runs/{id}/result"),
        ("POST", "/api/v1/runs/{id}/cancel"),
        ("POST", "/api/v1/runs/{id}/pause"),
        ("POST", "/api/v1/runs/{id}/finish"),
        ("GET", "/api/v1/panels"),
        ("GET", "/api/workflow/{id}/status"),
        ("POST", "/api/workflow/{id}/resume"),
        ("GET", "/api/workflow/metrics"),
    ] {
        check(method, path, &path.replace("{id}", "{}"));
    }
    check("GET", "/api/v1/panels/{name}", "/api/v1/panels/audit");
    check("GET", "/api/v1/panels/{name}", "/api/v1/panels/none");
    check("GET", "/api/v1/runs", "/api/v1/runs?limit=0");
}

fn gap(reply: &crate::harness::Reply) -> Option<(u64, u64)> {
    let first = reply.json()["events"][0].clone();
    let number = |key: &str| first[key].as_u64().unwrap();
    (first["type"] == "stream_gap").then(|| (number("requested"), number("first_available")))
}

#[test]
fn pieces_that_were_dropped_leave_no_silent_hole() {
    let fake = Fake::new(|call| match call.query.as_str() {
        "q1" => Answer::text("one two three four five").over(300).pieces(5),
        _ => Answer::text("six").after(500),
    });
    let mut server =
        Setup::asking(&fake).panel(Panel::of("two", 2)).table("[store]\nkeep_deltas = \"1ms\"").start();
    let ask = json!({"panel": "two", "question": "x", "options": {"deltas": true}});
    let whole = server.ask(&ask).events();
    let run = whole[0].data["run_id"].as_str().unwrap().to_owned();
    let events = format!("/api/v1/runs/{run}/events");
    let page = |server: &Server, query: &str| {
        server.request("GET", &format!("{events}{query}")).header("accept", "application/json").send()
    };
    // A server that starts sweeps: one finds the run ended, a later one drops its pieces.
    eventually("the pieces are dropped", PATIENCE, || {
        server.restart();
        gap(&page(&server, "?deltas=true")).is_some()
    });
    let kept: Vec<_> = whole.iter().filter(|event| event.name != "query_delta").collect();
    let last_piece = whole.iter().rfind(|event| event.name == "query_delta").unwrap().seq();
    let first_piece = whole.iter().find(|event| event.name == "query_delta").unwrap().seq();
    let blocks: Vec<_> = kept.iter().map(|event| &event.block).collect();

    let stream = server.follow(&run).events();
    assert_eq!((stream[0].name.as_str(), &stream[0].id, stream[0].retry), ("stream_gap", &None, Some(2000)));
    assert_eq!(
        stream[0].data,
        json!({"type": "stream_gap", "requested": 1, "first_available": last_piece + 1})
    );
    assert_eq!(stream[1..].iter().map(|event| &event.block).collect::<Vec<_>>(), blocks);

    // From a cursor in the middle of them, and from one behind them.
    let from = |seq: u64, deltas: bool| {
        let request = server.request("GET", &format!("{events}?deltas={deltas}"));
        request.last_event_id(&format!("{run}.{seq}")).open().rest()
    };
    assert_eq!(from(first_piece, true)[0].data["requested"], first_piece + 1);
    assert_eq!(from(last_piece, true)[0].seq(), last_piece + 1);
    // Who wants no pieces misses none.
    assert_eq!(from(first_piece, false)[0].name, kept.iter().find(|e| e.seq() > first_piece).unwrap().name);
    let plain = server.request("GET", &events).open().events();
    assert_eq!(plain.iter().map(|event| &event.block).collect::<Vec<_>>(), blocks);

    assert_eq!(gap(&page(&server, "?deltas=true")), Some((1, last_piece + 1)));
    assert_eq!(page(&server, "?deltas=true").json()["events"].as_array().unwrap().len(), kept.len() + 1);
    assert_eq!(gap(&page(&server, "")), None);
    let lines = |query: &str| {
        let request = server.request("GET", &format!("{events}{query}"));
        request.header("accept", "application/x-ndjson").send().text().to_owned()
    };
    let expected =
        format!("{{\"type\":\"stream_gap\",\"requested\":1,\"first_available\":{}}}", last_piece + 1);
    assert_eq!(lines("?deltas=true").lines().next(), Some(expected.as_str()));
    assert!(!lines("").contains("stream_gap"));
}
