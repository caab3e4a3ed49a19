//! The doctor: what it finds, what its exit code says, whom it asks, and that no key is ever written.

use std::net::TcpListener;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Lab;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Setup;
use crate::harness::server::CANARY;
use crate::harness::server::Ran;
use crate::harness::temp::Temp;

/// Runs the doctor in a world where its usual address is free.
fn doctor(setup: Setup, args: &[&str]) -> Ran {
    let setup = setup.server("listen = \"127.0.0.1:0\"");
    let ran = setup.run(&[&["doctor", "--config", "{config}"], args].concat());
    assert_eq!(ran.stderr, "", "{}", ran.stdout);
    ran
}

/// The line about something, and those below it.
fn about(ran: &Ran, name: &str) -> String {
    let is_of = |line: &&str| line.starts_with(name);
    let lines = ran.stdout.lines().skip_while(|line| !is_of(line));
    let rest = lines.clone().skip(1).take_while(|line| line.starts_with(' '));
    lines.take(1).chain(rest).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_endpoint_that_answers_is_told_with_its_model_and_the_place_of_its_key() {
    let fake = Fake::always(Answer::text("ok"));
    let ran = doctor(Setup::asking(&fake), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    let line = about(&ran, "fake");
    let host = fake.url().replace("http://", "").replace("/v1", "");
    for told in ["fake       ok", &host, ", m,", "answered in ", "key from FAKE_KEY"] {
        assert!(line.contains(told), "{told}: {line}");
    }
    for ok in ["config     ok", "data dir   ok", "address    ok", "panels     ok    audit (2 queries)"] {
        assert!(ran.stdout.contains(ok), "{ok}: {}", ran.stdout);
    }
    assert!(ran.stdout.ends_with("5 checks: 5 ok, 0 warnings, 0 failures   exit 0\n"), "{}", ran.stdout);
    let [call] = &fake.calls()[..] else { panic!("asked once") };
    assert_eq!(call.body["max_tokens"], 5);
    assert_eq!(call.body["messages"], json!([{"role": "user", "content": "Say: ok"}]));
}

#[test]
fn what_does_not_work_is_told_in_words_and_by_the_exit_code() {
    let refusing = Fake::always(Answer::status(401, "{\"error\":{\"message\":\"Incorrect API key\"}}"));
    let silent = Fake::always(Answer::silent());
    let provider =
        |lines: &str| Setup::default().table(&format!("[providers.p]\nkind = \"openai\"\n{lines}"));
    let gone = "base_url = \"https://askstream-test.invalid/v1\"\nmodel = \"m\"";
    let keyless = "base_url = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\napi_key = { env = \"NOT_THERE\" }";
    let cases = [
        (
            Setup::default().provider("p", &refusing, ""),
            1,
            vec!["refused", "401", "said \"Incorrect API key\""],
        ),
        (Setup::default().provider("p", &silent, ""), 6, vec!["No answer within 1 s"]),
        (provider(gone), 6, vec!["askstream-test.invalid", "cannot be resolved", "fix:", "base_url"]),
        (provider(keyless), 5, vec!["no key: NOT_THERE is missing", "fix: set NOT_THERE"]),
        (provider("base_url = \"http://127.0.0.1:1/v1\""), 0, vec!["warn", "no model", "fix: write model"]),
    ];
    for (setup, code, words) in cases {
        let begun = Instant::now();
        let ran = doctor(setup, &["p", "--timeout", "1"]);
        assert!(begun.elapsed() < PATIENCE);
        assert_eq!(ran.code, code, "{}", ran.stdout);
        let told = about(&ran, "p ");
        assert!(words.iter().all(|word| told.contains(word)), "{words:?}: {}", ran.stdout);
    }
    assert_eq!((refusing.calls().len(), silent.calls().len()), (1, 1), "nobody is asked twice");
}

#[test]
fn all_endpoints_are_asked_at_the_same_time_and_each_has_its_line() {
    let lab = Lab::start(&[]);
    let url = &lab.url;
    let silent = Fake::always(Answer::silent());
    let table = format!(
        "[providers.one]\nkind = \"openai\"\nmodel = \"echo\"\n\
         endpoints = [{{ base_url = \"{url}/v1\" }}, {{ base_url = \"http://127.0.0.1:1/v1\" }}]\n\
         [providers.two]\nkind = \"anthropic\"\nbase_url = \"{url}/v1\"\nmodel = \"echo\"\n\
         [providers.three]\nkind = \"gemini\"\nbase_url = \"{url}/v1beta\"\nmodel = \"u21-stall\"\n"
    );
    let setup = (0..4)
        .fold(Setup::default().table(&table), |setup, n| setup.provider(&format!("silent-{n}"), &silent, ""));
    let begun = Instant::now();
    let ran = doctor(setup, &["--timeout", "2"]);
    assert!(begun.elapsed().as_secs() < 8, "five that are silent for 2 s: {:?}", begun.elapsed());
    assert_eq!(ran.code, 6, "{}", ran.stdout);
    for (name, word) in [("one.1", "ok"), ("one.2", "FAIL"), ("two", "ok"), ("three", "FAIL")] {
        assert!(about(&ran, name).contains(word), "{name}: {}", ran.stdout);
    }
    let one = doctor(Setup::default().table(&table), &["one.1"]);
    assert!(one.code == 0 && about(&one, "one.2").is_empty(), "{}", one.stdout);
}

#[test]
fn offline_asks_nobody_and_tells_which_keys_are_there() {
    let fake = Fake::always(Answer::text("ok"));
    let lacking = "[providers.other]\nkind = \"gemini\"\napi_key = { env = \"NOT_THERE\" }";
    let ran = doctor(Setup::asking(&fake).table(lacking), &["--offline"]);
    assert_eq!(ran.code, 5, "{}", ran.stdout);
    assert!(about(&ran, "fake").contains("key from FAKE_KEY; not asked"), "{}", ran.stdout);
    assert!(about(&ran, "other").contains("NOT_THERE is missing"), "{}", ran.stdout);
    // With one that was asked, it is not true that nothing was sent.
    assert_eq!(doctor(Setup::asking(&fake).table(lacking), &["--live"]).code, 1);
    assert_eq!(fake.calls().len(), 1);
}

#[test]
fn programs_get_one_json_object() {
    let fake = Fake::always(Answer::status(401, "{}"));
    let ran = doctor(Setup::asking(&fake), &["--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["schema"], &told["exit"], ran.code), (&json!("askstream.doctor/1"), &json!(1), 1));
    let checks = told["checks"].as_array().unwrap();
    let words: Vec<_> = checks.iter().map(|check| (&check["name"], &check["status"])).collect();
    assert!(words.contains(&(&json!("config"), &json!("ok"))), "{told}");
    assert!(words.contains(&(&json!("fake"), &json!("fail"))), "{told}");
}

#[test]
fn wrong_usage_is_told_and_nobody_is_asked() {
    let fake = Fake::always(Answer::text("ok"));
    for args in [&["nobody"][..], &["--offline", "--transcript", "x"], &["--timeout", "0"], &["rules"]] {
        let args = [&["doctor", "--config", "{config}"], args].concat();
        let ran = Setup::asking(&fake).run(&args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(fake.calls().len(), 0);
}

#[test]
fn a_faulty_configuration_is_shown_and_nobody_is_asked() {
    let fake = Fake::always(Answer::text("ok"));
    let setup = Setup::asking(&fake).server("heartbeet = \"1s\"").panel(Panel::of("one", 1));
    let ran = doctor(setup, &[]);
    assert_eq!(ran.code, 5, "{}", ran.stdout);
    for told in ["config     FAIL", "test.toml:", "^^^", "heartbeet", "fix:", "1 failure"] {
        assert!(ran.stdout.contains(told), "{told}: {}", ran.stdout);
    }
    let faulty = Panel::new("faulty").query("a", "needs = [\"bee\"]");
    assert_eq!(doctor(Setup::asking(&fake).panel(faulty), &[]).code, 5);
    assert_eq!(fake.calls().len(), 0);
}

#[test]
fn the_store_of_a_running_server_is_left_alone_and_its_holder_named() {
    let (fake, data) = (Fake::always(Answer::text("ok")), Temp::new());
    let mut server = Setup::asking(&fake).panel(Panel::of("one", 1)).data(data.path()).start();
    let body = json!({"panel": "one", "question": "x"});
    server.ask(&body).events();
    let dir = data.path().display().to_string();
    let listen = format!("listen = \"{}\"", server.addr);
    let examine = || {
        let args = ["doctor", "--offline", "--config", "{config}", "--data-dir", &dir];
        Setup::default().server(&listen).run(&args)
    };
    let ran = examine();
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    let pid = format!("process {}", server.pid());
    assert!(about(&ran, "data dir   warn").contains(&pid), "{}", ran.stdout);
    assert!(about(&ran, "address    ok").contains("a server runs"), "{}", ran.stdout);
    assert_eq!(server.ask(&body).events().last().unwrap().data["status"], "completed");
    server.kill();
    assert!(server.dies_within(PATIENCE));
    let before = files(data.path());
    let ran = examine();
    assert!(about(&ran, "data dir   ok").contains("the next one goes on"), "{}", ran.stdout);
    assert_eq!(files(data.path()), before, "a look leaves nothing and changes nothing");
    server.restart();
    server.signal("TERM");
    server.ended(PATIENCE);
    let before = files(data.path());
    let ran = examine();
    assert!(about(&ran, "data dir   ok").contains("schema 1"), "{}", ran.stdout);
    assert_eq!(files(data.path()), before);
}

/// The files of a directory with their bytes.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let mut read: Vec<_> =
        files.map(|file| (file.display().to_string(), std::fs::read(&file).unwrap())).collect();
    read.sort();
    read
}

#[test]
fn an_address_and_a_directory_that_cannot_be_had_are_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen = \"{}\"", taken.local_addr().unwrap());
    let ran = Setup::default().server(&listen).run(&["doctor", "--config", "{config}"]);
    assert_eq!(ran.code, 7, "{}", ran.stdout);
    assert!(about(&ran, "address    FAIL").contains("--port"), "{}", ran.stdout);
    let home = Temp::new();
    let file = home.write("file", "").display().to_string();
    let ran = doctor(Setup::default(), &["--data-dir", &file]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    let told = about(&ran, "data dir   FAIL");
    assert!(told.contains(&file) && told.contains("--data-dir"), "{}", ran.stdout);
    let memory = doctor(Setup::default().table("[store]\nurl = \"memory\""), &["--data-dir", &file]);
    assert_eq!(memory.code, 0, "{}", memory.stdout);
}

/// Another secret, with characters that are escaped in JSON and in URLs.
const TOKEN: &str = "tok/canary+99&more";

#[test]
fn a_transcript_holds_what_went_over_the_wire_and_no_secret() {
    let escaped = TOKEN.replace('/', "\\/");
    let echo = format!(
        "{{\"error\":{{\"message\":\"Key {CANARY} of {TOKEN} ({escaped}, tok%2Fcanary%2B99%26more) and {}... refused\"}}}}",
        &CANARY[..14]
    );
    let echoing = Fake::always(Answer::status(401, &echo).header("set-cookie", "sid=private"));
    let text = "{\"error\":{\"message\":\"Žádný kredit\\n\"}}\r\n";
    let plain = Fake::always(Answer::status(402, text).header("x-ratelimit-left", "7"));
    let (home, headers) = (Temp::new(), format!("headers = {{ x-team = \"Bearer {TOKEN}\" }}"));
    let dir = home.path().join("new/dir");
    let setup = Setup::default().provider("echoing", &echoing, &headers).provider("plain", &plain, "");
    let ran = doctor(setup, &["--transcript", &dir.display().to_string()]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(echoing.calls()[0].head.contains(TOKEN), "it was sent");
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let head = read("echoing.http");
    let lines =
        ["POST /v1/chat/completions\n", "\nauthorization: ***\n", "\nx-team: ***\n", "Say: ok", " 401\n"];
    assert!(lines.iter().all(|line| head.contains(line)), "{head}");
    assert_eq!(
        read("echoing.txt"),
        "{\"error\":{\"message\":\"Key [redacted] of [redacted] ([redacted], [redacted]) and [redacted]... refused\"}}"
    );
    assert_eq!(read("plain.txt"), text, "what is no secret stays as it came");
    assert!(read("plain.http").contains("\nx-ratelimit-left: 7\n"));
    for (name, bytes) in files(&dir) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("canary") && !text.contains("private"), "{name}: {text}");
    }
    assert!(!ran.stdout.contains("canary"), "{}", ran.stdout);
}

#[test]
fn a_call_that_is_made_again_with_other_parameters_has_two_transcripts() {
    let refusal = "{\"error\":{\"message\":\"Unsupported parameter\",\"param\":\"max_tokens\",\"code\":\"unsupported_parameter\"}}";
    let fake = Fake::new(move |call| match call.nth {
        1 => Answer::status(400, refusal),
        _ => Answer::text("ok"),
    });
    let home = Temp::new();
    let dir = home.path().display().to_string();
    let ran = doctor(Setup::asking(&fake), &["fake", "--transcript", &dir]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
    assert!(read("fake.http").contains("\"max_tokens\"") && read("fake.http").contains(" 400\n"));
    assert!(!read("fake-2.http").contains("\"max_tokens\"") && read("fake-2.http").contains(" 200\n"));
    assert_eq!(read("fake.txt"), refusal);
    assert!(read("fake-2.txt").starts_with("data: ") && read("fake-2.txt").contains("data: [DONE]"));
}

#[test]
fn transcripts_that_cannot_be_written_are_told_before_anybody_is_asked() {
    let fake = Fake::always(Answer::text("ok"));
    let home = Temp::new();
    let file = home.write("file", "").display().to_string();
    let ran = Setup::asking(&fake).run(&["doctor", "fake", "--config", "{config}", "--transcript", &file]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("cannot write transcripts"), "{}", ran.stderr);
    assert_eq!(fake.calls().len(), 0);
}
