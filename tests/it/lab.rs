//! The server asks the fault lab over TLS: who is trusted, which version is spoken, how a cut is told.

use std::fs::File;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::harness::Event;
use crate::harness::Lab;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::eventually;
use crate::harness::named;
use crate::harness::server::command;
use crate::harness::temp::Temp;

/// A provider of each kind that asks the lab for this model; with the lab's authority trusted or not.
fn providers(lab: &Lab, model: &str, trusting: bool) -> Setup {
    let kinds = [("openai", "/v1"), ("anthropic", "/v1"), ("gemini", "/v1beta")];
    kinds.into_iter().fold(Setup::default(), |setup, (kind, path)| {
        let ca_file = if trusting { format!("ca_file = {:?}", lab.ca_file()) } else { String::new() };
        setup.table(&format!(
            "[providers.lab-{kind}]\nkind = \"{kind}\"\nbase_url = \"{}{path}\"\n\
             api_key = {{ env = \"FAKE_KEY\" }}\nmodel = \"{model}\"\n{ca_file}",
            lab.url
        ))
    })
}

/// The events of a run that asks each provider one query, called by its kind.
fn asked(setup: Setup) -> Vec<Event> {
    let kinds = ["openai", "anthropic", "gemini"];
    let panel = kinds
        .into_iter()
        .fold(Panel::new("each"), |panel, kind| panel.query(kind, &format!("models = [\"lab-{kind}\"]")));
    let server = setup.panel(panel).start();
    server.ask(&json!({"panel": "each", "question": "Is it safe?"})).events()
}

fn versions(attempts: &[Value]) -> Vec<&str> {
    attempts.iter().map(|attempt| attempt["http"].as_str().unwrap()).collect()
}

#[test]
fn a_lab_whose_authority_is_trusted_answers_over_http2() {
    let lab = Lab::start(&["--tls", "valid"]);
    let events = asked(providers(&lab, "echo", true));
    for kind in ["openai", "anthropic", "gemini"] {
        let end = completed(&events, kind);
        assert_eq!(end["status"], "succeeded", "{end}");
        assert!(end["result"].as_str().unwrap().contains("Is it safe?"), "{end}");
    }
    assert_eq!(versions(&lab.attempts(3)), ["2", "2", "2"]);
}

#[test]
fn http2_is_not_spoken_where_only_http1_is_offered() {
    let lab = Lab::start(&["--tls", "valid", "--http1-only"]);
    let events = asked(providers(&lab, "echo", true));
    assert_eq!(events.last().unwrap().data["status"], "completed");
    assert_eq!(versions(&lab.attempts(3)), ["1.1", "1.1", "1.1"]);
}

#[test]
fn an_authority_that_nobody_trusts_is_never_asked() {
    let lab = Lab::start(&["--tls", "valid"]);
    let events = asked(providers(&lab, "echo", false));
    for kind in ["openai", "anthropic", "gemini"] {
        let end = completed(&events, kind);
        assert_eq!(end["error"]["code"], "tls_failed", "{end}");
    }
    assert_eq!(lab.attempts(0), [Value::Null; 0]);
}

#[test]
fn a_stream_that_http2_resets_or_sends_away_is_asked_again() {
    for model in ["u17-goaway-once", "u17-rst-stream-once", "u17-rst-stream-no-error-once"] {
        let lab = Lab::start(&["--tls", "valid"]);
        let setup =
            providers(&lab, model, true).panel(Panel::new("one").query("q", "models = [\"lab-openai\"]"));
        let server = setup.start();
        let events = server.ask(&json!({"panel": "one", "question": "x"})).events();
        let retrying = &named(&events, "query_retrying")[0].data;
        assert_eq!(retrying["reason"]["code"], "cut_mid_answer", "{retrying}");
        let end = completed(&events, "q");
        assert_eq!((&end["status"], &end["attempts"]), (&json!("succeeded"), &json!(2)), "{end}");
        let attempts = lab.attempts(2);
        assert_eq!(attempts[0]["closed_by"], "lab", "{model}");
        assert_eq!(attempts[1]["closed_by"], "nobody", "{model}");
    }
}

#[test]
fn cancelling_a_run_resets_its_streams_at_the_provider() {
    let lab = Lab::start(&["--tls", "valid"]);
    let server = providers(&lab, "u21-stall", true)
        .panel(Panel::new("one").query("q", "models = [\"lab-openai\"]"))
        .start();
    let mut stream = server.ask(&json!({"panel": "one", "question": "x", "options": {"deltas": true}}));
    stream.until("query_delta");
    assert_eq!(server.cancel(&stream.run()).status(), 202);
    let events = stream.events();
    assert_eq!(completed(&events, "q")["error"]["code"], "cancelled");
    let attempt = &lab.attempts(1)[0];
    assert_eq!(
        (&attempt["closed_by"], &attempt["how"]),
        (&json!("client"), &json!("rst_stream")),
        "{attempt}"
    );
}

#[test]
fn a_file_of_authorities_that_cannot_be_read_is_refused_at_start() {
    let setup = Setup::default().table(
        "[providers.lab]\nkind = \"openai\"\nbase_url = \"https://127.0.0.1:1/v1\"\nca_file = \"gone.pem\"",
    );
    let ran = setup.run(&["--port", "0", "--print-url", "--config", "{config}"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""));
    for told in ["test.toml:", "^^^", "providers.lab", "gone.pem", "PEM"] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
}

#[test]
fn addresses_stand_on_standard_output_although_a_log_is_written() {
    let files = Temp::new();
    let (said, log) = (files.path().join("said"), files.path().join("log.jsonl"));
    let mut lab = command(&files)
        .args(["mock", "--port", "0", "--print-url", "--closed-port", "--log"])
        .arg(&log)
        .stdout(File::create(&said).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let read = || std::fs::read_to_string(&said).unwrap();
    eventually("the lab tells its addresses", PATIENCE, || read().lines().count() == 2);
    let _ = lab.kill();
    let _ = lab.wait();
    assert!(read().starts_with("http://127.0.0.1:") && read().contains("closed_port"), "{}", read());
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "");
}
