//! Providers as an operator sees them: states as caused, endpoints in turn, a test, a reset.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::eventually;
use crate::harness::ms;
use crate::harness::named;
use crate::harness::server::CANARY;

/// A provider `pool` with an endpoint for each of these.
fn pool(fakes: &[&Fake], more: &str) -> Setup {
    let endpoint =
        |fake: &&Fake| format!("{{ base_url = \"{}\", api_key = {{ env = \"FAKE_KEY\" }} }}", fake.url());
    let endpoints: Vec<_> = fakes.iter().map(endpoint).collect();
    Setup::default().table(&format!(
        "[providers.pool]\nkind = \"openai\"\nmodel = \"m\"\n{more}\nendpoints = [{}]\n",
        endpoints.join(", ")
    ))
}

fn ask(server: &Server, panel: &str) -> Value {
    server.ask(&json!({"panel": panel, "question": "x"})).events().pop().unwrap().data
}

fn breaker(server: &Server, name: &str) -> Value {
    server.get("/api/circuit-breakers/status").json()["breakers"][name].clone()
}

fn provider(server: &Server, name: &str) -> Value {
    let reply = server.get("/api/v1/providers");
    assert_eq!(reply.status(), 200);
    assert!(!reply.text().contains(CANARY), "the key was shown");
    let providers = reply.json()["providers"].as_array().unwrap().clone();
    providers.into_iter().find(|provider| provider["name"] == name).unwrap()
}

#[test]
fn what_is_in_this_process_has_no_limit_and_nothing_under_way() {
    let fake = Fake::always(Answer::text("yes"));
    let server = Setup::asking(&fake).start();
    for name in ["rules", "scripted"] {
        let endpoint = &provider(&server, name)["endpoints"][0];
        assert_eq!((&endpoint["in_flight"], endpoint.get("max_in_flight")), (&json!(0), None), "{endpoint}");
    }
}

fn test(server: &Server, name: &str) -> Value {
    let reply = server.post(&format!("/api/v1/providers/{name}/test"), &json!({}));
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert!(!reply.text().contains(CANARY), "the key was shown");
    reply.json()
}

#[test]
fn queries_are_spread_over_the_endpoints_of_a_provider() {
    let fakes = [(); 3].map(|()| Fake::always(Answer::text("yes").after(30)));
    let server = pool(&[&fakes[0], &fakes[1], &fakes[2]], "").panel(Panel::of("six", 6)).start();
    let events = server.ask(&json!({"panel": "six", "question": "x"})).events();
    assert_eq!(events.last().unwrap().data["status"], "completed");
    assert_eq!([0, 1, 2].map(|n| fakes[n].calls().len()), [2, 2, 2]);
    assert_eq!(events[0].data["queries"][0]["models"], json!(["pool/m"]));
    assert_eq!(completed(&events, "q2")["provider"], "pool");
}

#[test]
fn the_turn_goes_on_after_a_restart_and_with_fewer_endpoints() {
    let fakes = [(); 3].map(|()| Fake::always(Answer::text("yes")));
    let mut server = pool(&[&fakes[0], &fakes[1], &fakes[2]], "").panel(Panel::of("one", 1)).start();
    let asked = || fakes.each_ref().map(|fake| fake.calls().len());
    ask(&server, "one");
    assert_eq!(asked(), [1, 0, 0]);
    server.signal("TERM");
    assert_eq!(server.ended(PATIENCE).0, 0);
    server.restart();
    ask(&server, "one");
    assert_eq!(asked(), [1, 1, 0], "not the first again");
    let third = format!(", {{ base_url = \"{}\", api_key = {{ env = \"FAKE_KEY\" }} }}", fakes[2].url());
    server.configure(|text| text.replace(&third, ""));
    server.signal("HUP");
    eventually("it has read that", PATIENCE, || server.log().contains("read the configuration again"));
    ask(&server, "one");
    ask(&server, "one");
    assert_eq!(asked(), [2, 2, 0], "two are left, and each has its turn");
}

#[test]
fn a_failing_endpoint_is_named_and_another_one_answers() {
    let (bad, good) = (Fake::always(Answer::status(500, "{}")), Fake::always(Answer::text("yes")));
    let server = pool(&[&bad, &good], "").panel(Panel::of("one", 1)).start();
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    assert_eq!(completed(&events, "q1")["attempts"], 2);
    let retrying = &named(&events, "query_retrying")[0].data;
    assert_eq!(retrying["reason"]["endpoint"], "pool.1");
    assert_eq!((&retrying["to"]["provider"], &retrying["delay_ms"]), (&json!("pool"), &json!(0)));
    assert_eq!((bad.calls().len(), good.calls().len()), (1, 1));
    let shown = provider(&server, "pool");
    assert_eq!(shown["state"], "ready", "one failure is none: {shown}");
    let [first, second] = [0, 1].map(|n| &shown["endpoints"][n]);
    assert_eq!((&first["success_share"], &first["reason"]), (&json!(0.0), &json!("provider_error")));
    assert_eq!((&second["success_share"], &second["calls"]), (&json!(1.0), &json!(1)));
    assert!(first.get("total").is_none() && second["total"]["p95_ms"].is_u64(), "{shown}");
    assert!(second["first_content"]["p50_ms"].is_u64(), "{shown}");
}

#[test]
fn a_breaker_is_shown_as_it_was_caused_and_a_reset_closes_it() {
    let fake = Fake::new(|call| match call.nth {
        ..=3 => Answer::status(500, "{}"),
        _ => Answer::text("yes"),
    });
    let more = "retry = { attempts = 1 }\nbreaker = { failures = 3, open_for = \"10m\" }";
    let server = Setup::default().provider("fake", &fake, more).panel(Panel::of("one", 1)).start();
    let closed = json!({
        "state": "closed", "failure_count": 0, "failure_threshold": 3, "recovery_timeout_ms": 600_000,
    });
    assert_eq!(breaker(&server, "fake"), closed);
    for n in 1..=3 {
        assert_eq!(ask(&server, "one")["error"]["code"], "provider_error");
        assert_eq!(breaker(&server, "fake")["failure_count"], n);
    }
    let open = breaker(&server, "fake");
    assert_eq!((&open["state"], &open["reason"]), (&json!("open"), &json!("provider_error")));
    let wait = open["retry_after_ms"].as_u64().unwrap();
    assert!((400_000..=720_000).contains(&wait), "{open}");
    assert!(open["last_failure_at"].as_str().unwrap().ends_with('Z'), "{open}");
    let shown = provider(&server, "fake");
    assert_eq!((&shown["state"], &shown["endpoints"][0]["breaker"]), (&json!("open"), &json!("open")));
    assert!(shown["endpoints"][0]["until"].as_str().is_some());
    let refused = ask(&server, "one");
    assert_eq!((&refused["error"]["code"], fake.calls().len()), (&json!("breaker_open"), 3));
    let reset = server.post("/api/circuit-breakers/fake/reset", &json!({}));
    assert_eq!((reset.status(), &reset.json()["breakers"]["fake"]), (200, &closed));
    assert_eq!(ask(&server, "one")["status"], "completed");
    assert_eq!(breaker(&server, "fake")["state"], "closed");
}

#[test]
fn a_reset_is_of_one_endpoint_or_of_all() {
    let fakes = [(); 2].map(|()| Fake::always(Answer::status(401, "{}")));
    let server = pool(&[&fakes[0], &fakes[1]], "").panel(Panel::of("one", 1)).start();
    assert_eq!(ask(&server, "one")["error"]["code"], "credentials_refused");
    let states = || {
        let shown = provider(&server, "pool");
        [0, 1].map(|n| shown["endpoints"][n]["state"].as_str().unwrap().to_owned())
    };
    assert_eq!(states(), ["out_of_service", "out_of_service"]);
    assert!(breaker(&server, "pool.2")["retry_after_ms"].as_u64().unwrap() > 30_000);
    let reset = |name: &str| server.post(&format!("/api/circuit-breakers/{name}/reset"), &json!({}));
    assert_eq!(reset("pool.2").json()["breakers"].as_object().unwrap().len(), 1);
    assert_eq!(
        (states(), provider(&server, "pool")["state"].as_str()),
        (["out_of_service".into(), "ready".into()], Some("degraded"))
    );
    assert_eq!(reset("pool").json()["breakers"].as_object().unwrap().len(), 2);
    assert_eq!(states(), ["ready", "ready"]);
    for name in ["pool.3", "nobody", "%2e%2e"] {
        reset(name).problem(404, "not_found");
    }
    server.get("/api/circuit-breakers/pool/reset").problem(405, "method_not_allowed");
}

#[test]
fn other_sites_can_neither_test_nor_reset() {
    let fake = Fake::always(Answer::text("ok"));
    let server = Setup::asking(&fake).start();
    for path in ["/api/v1/providers/fake/test", "/api/circuit-breakers/fake/reset"] {
        let request = server.request("POST", path).header("origin", "https://evil.example");
        request.send().problem(403, "bad_origin");
    }
    assert!(fake.calls().is_empty());
}

#[test]
fn a_test_is_one_small_authorised_call() {
    let fake = Fake::always(Answer::text("ok"));
    let server = Setup::asking(&fake).start();
    let told = test(&server, "fake");
    assert_eq!((&told["ok"], &told["model"], &told["endpoint"]), (&json!(true), &json!("m"), &json!("fake")));
    assert!(told["ms"].is_u64() && told.get("error").is_none(), "{told}");
    let [call] = &fake.calls()[..] else { panic!("one call") };
    assert!(call.head.contains(CANARY), "it is authorised");
    let most = call.body.get("max_tokens").or(call.body.get("max_completion_tokens"));
    assert!(most.and_then(Value::as_u64).is_some_and(|most| most <= 5), "{}", call.body);
    assert_eq!(provider(&server, "fake")["endpoints"][0]["calls"], 0, "it is no figure");
    server.post("/api/v1/providers/nobody/test", &json!({})).problem(404, "not_found");
    for built_in in ["rules", "scripted"] {
        assert_eq!(test(&server, built_in)["ok"], true);
    }
}

#[test]
fn a_test_tells_what_is_wrong_and_brings_an_endpoint_back() {
    let works = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&works);
    let fake = Fake::new(move |_| match switch.load(Ordering::SeqCst) {
        false => Answer::status(401, &format!("{{\"error\":{{\"message\":\"Incorrect key {CANARY}\"}}}}")),
        true => Answer::text("yes"),
    });
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let told = test(&server, "fake");
    assert_eq!((&told["ok"], &told["error"]["code"]), (&json!(false), &json!("credentials_refused")));
    assert!(told["error"]["message"].as_str().is_some());
    assert_eq!(provider(&server, "fake")["state"], "out_of_service");
    assert_eq!(ask(&server, "one")["error"]["code"], "breaker_open");
    assert_eq!(
        (&test(&server, "fake")["ok"], fake.calls().len()),
        (&json!(false), 2),
        "a test asks all the same"
    );
    works.store(true, Ordering::SeqCst);
    assert_eq!(test(&server, "fake")["ok"], true);
    assert_eq!(provider(&server, "fake")["state"], "ready");
    assert_eq!(ask(&server, "one")["status"], "completed");
}

#[test]
fn a_provider_that_wants_a_pause_is_not_tested() {
    let fake = Fake::always(Answer::status(429, "{}").header("retry-after", "600"));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    ask(&server, "one");
    let shown = provider(&server, "fake");
    assert_eq!(shown["state"], "cooling");
    assert!(shown["endpoints"][0]["retry_after_ms"].as_u64().unwrap() > 500_000, "{shown}");
    assert_eq!(test(&server, "fake")["error"]["code"], "rate_limited");
    assert_eq!(fake.calls().len(), 1);
}

#[test]
fn one_test_of_a_provider_at_a_time() {
    let fake = Fake::always(Answer::silent());
    let server = Setup::asking(&fake).start();
    let path = "/api/v1/providers/fake/test";
    std::thread::scope(|threads| {
        let mut first = server.connect();
        threads.spawn(move || {
            let head = format!("POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\r\n", server.addr);
            first.write(head.as_bytes());
            fake.until_calls(1);
            server.post(path, &json!({})).problem(429, "rate_limited");
            drop(first);
            eventually("who leaves ends his test", ms(5000), || fake.open() == 0);
            assert_eq!(fake.calls().len(), 1);
        });
    });
}

#[test]
fn what_is_under_way_and_what_waits_is_shown() {
    let fake = Fake::always(Answer::silent());
    let server =
        Setup::default().provider("fake", &fake, "max_in_flight = 2").panel(Panel::of("five", 5)).start();
    let _stream = server.ask(&json!({"panel": "five", "question": "x"}));
    fake.until_calls(2);
    let endpoint = provider(&server, "fake")["endpoints"][0].clone();
    let shown = ["in_flight", "max_in_flight", "waiting"].map(|key| endpoint[key].as_u64().unwrap());
    assert_eq!(shown, [2, 2, 3]);
    assert_eq!(
        (&endpoint["place"], endpoint["host"].as_str().unwrap().split(':').next()),
        (&json!("local"), Some("127.0.0.1"))
    );
}

#[test]
fn a_provider_without_its_key_is_shown_as_such() {
    let fake = Fake::always(Answer::text("yes"));
    let missing = format!(
        "[providers.vendor]\nkind = \"openai\"\nbase_url = \"https://llm.example/v1\"\nmodel = \"big\"\n\
         api_key = {{ env = \"NOT_SET\" }}\n[providers.half]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"m\"\n\
         endpoints = [{{ api_key = {{ env = \"FAKE_KEY\" }} }}, {{ api_key = {{ file = \"/nowhere/key\" }} }}]\n",
        fake.url()
    );
    let server = Setup::asking(&fake).table(&missing).start();
    let vendor = provider(&server, "vendor");
    assert_eq!((&vendor["state"], &vendor["place"]), (&json!("not_configured"), &json!("vendor")));
    let endpoint = &vendor["endpoints"][0];
    assert_eq!((&endpoint["host"], &endpoint["missing"]), (&json!("llm.example"), &json!("NOT_SET")));
    let told = test(&server, "vendor");
    assert_eq!((&told["ok"], &told["error"]["code"]), (&json!(false), &json!("credentials_refused")));
    let half = provider(&server, "half");
    assert_eq!(half["state"], "degraded");
    assert_eq!(half["endpoints"][1]["missing"], "api_key", "paths stay here");
    assert_eq!(half["endpoints"][1]["name"], "half.2");
    let reply = server.get("/api/v1/providers").json();
    assert_eq!(reply["default_model"], "fake/m");
    let names =
        reply["providers"].as_array().unwrap().iter().map(|provider| provider["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["fake", "half", "rules", "scripted", "vendor"]);
}

#[test]
fn calls_keep_the_distance_that_is_configured() {
    let fake = Fake::always(Answer::text("yes"));
    let more = "min_interval = \"300ms\"";
    let server = Setup::default().provider("fake", &fake, more).panel(Panel::of("four", 4)).start();
    assert_eq!(ask(&server, "four")["status"], "completed");
    let calls = fake.calls();
    for pair in calls.windows(2) {
        // The fake's threads may see one call later than the next.
        let apart = pair[1].at - pair[0].at;
        assert!(apart >= ms(270), "{apart:?}");
    }
    assert!(calls[3].at - calls[0].at >= ms(870));
}

#[test]
fn a_provider_is_asked_as_often_as_is_configured() {
    let fake = Fake::new(|call| if call.nth < 4 { Answer::status(500, "{}") } else { Answer::text("yes") });
    let more = "retry = { attempts = 4, base = \"60ms\", max = \"60ms\" }";
    let server = Setup::default().provider("fake", &fake, more).panel(Panel::of("one", 1)).start();
    let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
    assert_eq!(completed(&events, "q1")["attempts"], 4);
    for retrying in named(&events, "query_retrying") {
        assert!((50..=60).contains(&retrying.data["delay_ms"].as_u64().unwrap()), "{}", retrying.data);
    }
}
