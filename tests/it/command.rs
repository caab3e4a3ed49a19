//! The command line: exit codes, what stands on which output, signals, and secrets that stay secret.

use std::io::Read;
use std::process::Stdio;
use std::time::Instant;

use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::eventually;
use crate::harness::fake::compliance;
use crate::harness::fake::comprehensive;
use crate::harness::ms;
use crate::harness::server::CANARY;
use crate::harness::server::Ran;
use crate::harness::server::command;
use crate::harness::temp::Temp;

const STRIP: &str = "examples/01-foundation-strip.json";

#[test]
fn an_ask_prints_the_report_and_nothing_else() {
    let ran = Setup::default().run(&["ask", "-f", STRIP]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with('#') && ran.stdout.contains("54.96"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stdout.contains("INFO"));
    assert!(ran.stderr.contains("run started") && ran.stderr.contains("comprehensive_analysis"));
    let quiet = Setup::default().run(&["ask", "-f", STRIP, "--quiet", "--json"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
    let result: serde_json::Value = serde_json::from_str(&quiet.stdout).unwrap();
    assert_eq!(result["status"], "completed");
}

#[test]
fn the_exit_code_says_what_the_result_is_worth() {
    let refused = || Answer::status(400, "{}");
    for (first, second, args, code) in [
        (comprehensive(), compliance(), vec![], 0),
        (refused(), compliance(), vec![], 3),
        (comprehensive(), refused(), vec![], 3),
        (comprehensive(), refused(), vec!["--partial-ok"], 0),
        (refused(), refused(), vec![], 1),
    ] {
        let fake = Fake::audit(first, second);
        let args = [vec!["ask", "-f", STRIP, "--config", "{config}"], args].concat();
        let ran = Setup::asking(&fake).run(&args);
        assert_eq!(ran.code, code, "{args:?} {}", ran.stderr);
        assert_eq!(fake.calls().len(), 2);
    }
}

#[test]
fn a_deadline_without_a_result_has_its_own_exit_code() {
    let fake = Fake::always(Answer::silent());
    let files = Temp::new();
    let body = json!({"panel": "one", "question": "x", "options": {"run_timeout_ms": 300}});
    let file = files.write("ask.json", &body.to_string()).display().to_string();
    let setup = Setup::asking(&fake).panel(Panel::of("one", 1));
    let ran = setup.run(&["ask", "-f", &file, "--config", "{config}"]);
    assert_eq!(ran.code, 124, "{}", ran.stderr);
}

#[test]
fn wrong_usage_is_told_and_nobody_is_asked() {
    let files = Temp::new();
    let file = |text: &str| files.write("ask.json", text).display().to_string();
    for (text, told) in [
        ("{", "not JSON"),
        ("{\"question\":\"x\",\"question\":\"y\"}", "stands twice"),
        ("{\"question\":\"\"}", "empty"),
        ("{\"question\":\"x\",\"colour\":1}", "colour"),
        ("{\"question\":\"x\",\"panel\":\"nope\"}", "no panel `nope`"),
    ] {
        let ran = Setup::default().run(&["ask", "-f", &file(text)]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{text}");
        assert!(ran.stderr.contains(told), "{text}: {}", ran.stderr);
    }
    for args in [&["ask"][..], &["ask", "-f", "/nowhere.json"], &["frobnicate"], &["--port", "x"]] {
        assert_eq!(Setup::default().run(args).code, 2, "{args:?}");
    }
}

#[test]
fn a_faulty_panel_is_shown_with_line_and_caret() {
    let sound = Setup::default().run(&["panels", "check", "panels/audit"]);
    assert_eq!(sound.code, 0, "{}", sound.stderr);
    assert!(sound.stdout.contains("audit") && sound.stdout.contains("ok"));
    let files = Temp::new();
    Panel::new("faulty").query("a", "needs = [\"bee\"]").query("b", "temprature = 1").write(&files, ".");
    let folder = files.path().join("faulty").display().to_string();
    let ran = Setup::default().run(&["panels", "check", &folder]);
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""));
    assert!(ran.stderr.contains("panel.toml:") && ran.stderr.contains("^^^"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("temprature") && ran.stderr.contains("bee"),
        "all faults at once: {}",
        ran.stderr
    );
    let server = Setup::default().panel(Panel::new("faulty").query("a", "needs = [\"bee\"]")).run(&[
        "--port",
        "0",
        "--print-url",
    ]);
    assert_eq!((server.code, server.stdout.as_str()), (5, ""), "a server does not start with it");
}

#[test]
fn a_faulty_configuration_is_shown_with_line_and_caret() {
    let setup = Setup::default()
        .server("heartbeet = \"1s\"")
        .limits("per_query = 30")
        .table("[providers.local]\nkind = \"openai\"\n");
    let ran = setup.run(&["--port", "0", "--print-url", "--config", "{config}"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""));
    for told in ["test.toml:", "^^^", "heartbeet", "heartbeat", "per_query", "base_url", "3 errors"] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    let missing = Setup::default().run(&["--port", "0", "--config", "/nowhere.toml"]);
    assert_eq!(missing.code, 5);
}

#[test]
fn a_port_in_use_and_an_open_address_are_refused() {
    let server = Setup::default().start();
    let port = server.addr.port().to_string();
    let ran = Setup::default().run(&["--port", &port, "--no-open", "--print-url"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, ""));
    assert!(ran.stderr.contains("in use") && ran.stderr.contains("--port 0"), "{}", ran.stderr);
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8787"] {
        let ran = Setup::default().run(&["--listen", listen, "--print-url"]);
        assert_eq!(ran.code, 5, "{listen}: {}", ran.stderr);
        assert!(ran.stderr.contains("refusing to listen"), "{}", ran.stderr);
    }
}

#[test]
fn an_interrupted_ask_is_cancelled_and_says_so() {
    let fake = Fake::always(Answer::silent());
    let home = Temp::new();
    let config =
        format!("[providers.fake]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"m\"\n", fake.url());
    let config = home.write("test.toml", &config);
    Panel::of("one", 1).write(&home, "config/askstream/panels");
    let child = command(&home)
        .args(["ask", "-p", "one", "x", "--config"])
        .arg(config)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    fake.until_calls(1);
    let sent = Instant::now();
    let pid = child.id().to_string();
    std::process::Command::new("kill").args(["-s", "INT", &pid]).status().unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(sent.elapsed() < ms(1500));
    assert!(fake.left_after(sent) < ms(500));
}

#[test]
fn an_idle_server_stops_at_once_even_with_a_connection_open() {
    for signal in ["INT", "TERM"] {
        let mut server = Setup::default().start();
        let _idle = server.keep_alive();
        server.signal(signal);
        let (code, took) = server.ended(ms(1500));
        assert_eq!(code, 0);
        assert!(took < ms(1000), "{took:?}");
    }
}

#[test]
fn a_server_that_has_shown_its_address_stops_cleanly() {
    for _ in 0..5 {
        let mut server = Setup::default().start();
        server.signal("INT");
        assert_eq!(server.ended(ms(1500)).0, 0);
    }
}

#[test]
fn a_stopping_server_lets_runs_end_and_takes_no_new_ones() {
    let fake = Fake::always(Answer::text("late").after(600));
    let mut server = Setup::asking(&fake).server("drain = \"5s\"").panel(Panel::of("one", 1)).start();
    let body = json!({"panel": "one", "question": "x"});
    let stream = server.ask(&body);
    fake.until_calls(1);
    server.signal("TERM");
    eventually("it says that it is stopping", ms(500), || server.get("/readyz").status() == 503);
    server.get("/readyz").problem(503, "draining");
    server.post("/ask-stream", &body).problem(503, "draining");
    assert_eq!(stream.events().last().unwrap().data["status"], "completed");
    assert_eq!(server.ended(ms(1500)).0, 0);
}

#[test]
fn a_run_that_takes_longer_than_the_server_waits_goes_on_in_the_next_one() {
    let fake = Fake::new(|call| match call.nth {
        1 => Answer::silent(),
        _ => Answer::text("late"),
    });
    let mut server = Setup::asking(&fake).server("drain = \"200ms\"").panel(Panel::of("one", 1)).start();
    let stream =
        server.ask(&json!({"panel": "one", "question": "x", "options": {"on_disconnect": "continue"}}));
    let run = stream.run();
    fake.until_calls(1);
    server.signal("TERM");
    let events = stream.rest();
    let closing = events.last().unwrap();
    assert_eq!(
        (closing.name.as_str(), &closing.data["reason"]),
        ("stream_closing", &json!("server_shutdown"))
    );
    assert_eq!(server.ended(ms(2000)).0, 0);
    server.restart();
    let events = server.follow(&run).events();
    assert_eq!(events.last().unwrap().data["status"], "completed");
    assert_eq!(completed(&events, "q1")["recovered"], true);
}

#[test]
fn a_run_in_memory_that_takes_longer_than_the_server_waits_is_cancelled() {
    let fake = Fake::always(Answer::silent());
    let server = "drain = \"200ms\"";
    let setup = Setup::asking(&fake).server(server).table("[store]\nurl = \"memory\"\n");
    let mut server = setup.panel(Panel::of("one", 1)).start();
    let stream = server.ask(&json!({"panel": "one", "question": "x"}));
    fake.until_calls(1);
    server.signal("TERM");
    let last = stream.events().last().unwrap().data.clone();
    assert_eq!((&last["status"], &last["reason"]), (&json!("cancelled"), &json!("shutdown")));
    assert_eq!(server.ended(ms(2000)).0, 0);
}

#[test]
fn a_second_signal_does_not_wait() {
    let fake = Fake::always(Answer::silent());
    let mut server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let _stream = server.ask(&json!({"panel": "one", "question": "x"}));
    fake.until_calls(1);
    server.signal("INT");
    eventually("it says that it is stopping", ms(500), || server.get("/readyz").status() == 503);
    server.signal("INT");
    let (code, took) = server.ended(ms(2500));
    assert!(code == 0 && took < ms(2000), "{code} {took:?}");
}

#[test]
fn keys_questions_and_answers_never_reach_the_log() {
    let said = format!("{{\"error\":{{\"message\":\"Incorrect API key provided: {CANARY}.\"}}}}");
    let fake = Fake::new(move |call| match call.query.as_str() {
        "q1" => Answer::status(401, &said),
        _ => Answer::text("ANSWER-CANARY"),
    });
    let server = Setup::asking(&fake).panel(Panel::of("two", 2)).env("RUST_LOG", "trace").start();
    let stream = server.ask(&json!({"panel": "two", "question": "QUESTION-CANARY"}));
    let run = stream.run();
    let events = stream.events();
    for event in &events {
        assert!(!event.block.contains(CANARY), "{}", event.block);
    }
    for path in ["/health", &format!("/api/v1/runs/{run}")] {
        assert!(!server.get(path).text().contains(CANARY), "{path}");
    }
    let log = server.log();
    assert!(log.contains(&run), "it does log");
    for secret in [CANARY, "QUESTION-CANARY", "ANSWER-CANARY"] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn a_key_in_the_configuration_is_never_shown() {
    let config = format!(
        "[providers.local]\nkind = \"openai\"\nbase_url = \"nonsense\"\napi_key = \"{CANARY}\"\nheaders = {{ x-key = \"{CANARY}\" }}\nmodel = 5\n"
    );
    // `Ran` looks for the key in all that was printed.
    let ran = Setup::default().table(&config).run(&["--port", "0", "--print-url", "--config", "{config}"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    let server =
        Server::start(&config.replace("nonsense", "http://127.0.0.1:9/v1").replace("model = 5", ""), &[]);
    assert!(!server.get("/health").text().contains(CANARY));
}

#[test]
fn the_banner_prints_a_line_that_works_when_pasted() {
    let home = Temp::new();
    let mut child = command(&home).args(["--port", "0", "--no-open"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut said = String::new();
    let mut buffer = [0; 4096];
    while !said.contains("Ctrl+C") {
        let n = stderr.read(&mut buffer).unwrap();
        assert!(n > 0, "{said}");
        said += std::str::from_utf8(&buffer[..n]).unwrap();
    }
    let line = said.lines().find(|line| line.trim().starts_with("curl")).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let pasted = std::process::Command::new("sh").args(["-c", line]).env("PATH", path).output();
    child.kill().unwrap();
    child.wait().unwrap();
    let pasted = pasted.unwrap();
    let stream = String::from_utf8(pasted.stdout).unwrap();
    // Without curl on this machine there is nothing to paste it into.
    if pasted.status.code() != Some(127) {
        assert!(
            stream.contains("event: run_started\n") && stream.contains("event: final_result\n"),
            "{stream}"
        );
    }
}
