//! The behaviours of several models side by side (A) and of a council (E), row by row.
//!
//! [`ROWS`] says which tests stand behind each row; those that had none of
//! their own are below, named by their number.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Lab;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::assert_contract;
use crate::harness::completed;
use crate::harness::eventually;
use crate::harness::ms;

/// Row and the tests that hold it.
const ROWS: [(&str, &[&str]); 46] = [
    (
        "A1",
        &[
            "four_and_ten_queries_take_as_long_as_the_slowest",
            "six_members_are_asked_at_once_each_in_its_own_way",
        ],
    ),
    (
        "A2",
        &[
            "two_providers_of_300_and_600_ms_take_600",
            "whatever_time_they_think_a_run_takes_its_critical_path_and_little_more",
        ],
    ),
    ("A3", &["silence_is_given_up_at_its_own_clock", "each_clock_ends_its_query_alone_and_exactly"]),
    ("A4", &["the_runs_own_limit_ends_every_open_query"]),
    ("A5", &["a5_a_call_that_takes_too_long_is_closed_at_the_provider"]),
    ("A6", &["a_model_that_fails_is_an_error_and_reaches_no_other_prompt"]),
    ("A7", &["a_model_that_fails_is_an_error_and_reaches_no_other_prompt"]),
    (
        "A8",
        &[
            "without_a_model_nothing_begins_and_a_simulation_still_runs",
            "a8_without_a_model_the_panel_with_rules_still_works",
        ],
    ),
    ("A9", &["when_no_model_answers_the_run_has_failed_and_names_every_cause"]),
    ("A10", &["a10_a_model_that_nobody_has_configured_is_refused_at_start"]),
    ("A11", &["a_run_with_a_retry_tells_one_line_for_each_end_and_nothing_that_was_said"]),
    ("A12", &["a12_the_program_says_which_version_it_is_wherever_it_is_asked"]),
    ("A13", &["a13_the_shape_of_the_last_event_stays_what_it_is"]),
    ("A14", &["a14_the_lab_shows_one_two_and_three_models_and_bad_ones_among_them"]),
    ("A15", &["every_fault_of_a_panel_is_told_where_it_stands"]),
    (
        "A16",
        &[
            "a_wait_that_the_provider_asks_for_is_kept",
            "a_pause_that_a_provider_asks_for_holds_for_every_query",
        ],
    ),
    ("A17", &["no_provider_is_asked_more_at_once_than_it_allows", "runs_share_the_places_of_a_provider"]),
    ("A18", &["two_attempts_at_one_provider_and_the_next_one_is_asked"]),
    ("A19", &["each_model_reviews_the_answers_of_the_others_and_never_its_own"]),
    (
        "A20",
        &[
            "a_dry_run_tells_what_would_go_where_and_makes_nothing",
            "a_run_is_stopped_in_the_middle_when_its_cap_is_reached",
        ],
    ),
    ("A21", &["a_request_keeps_the_id_that_its_sender_gave"]),
    ("A22", &["a_panel_says_how_many_of_the_models_must_answer"]),
    ("E1", &["six_members_are_asked_at_once_each_in_its_own_way"]),
    (
        "E2",
        &[
            "six_members_are_asked_at_once_each_in_its_own_way",
            "e2_one_to_twelve_personas_are_asked_each_with_its_own_values",
        ],
    ),
    ("E3", &["passages_are_the_same_for_all_and_without_any_there_is_no_heading"]),
    ("E4", &["a_failed_member_is_in_no_prompt_and_the_others_are_summed_up"]),
    (
        "E5",
        &[
            "a_failed_member_is_in_no_prompt_and_the_others_are_summed_up",
            "fast_asks_one_and_nothing_is_missing",
        ],
    ),
    (
        "E6",
        &[
            "passages_are_the_same_for_all_and_without_any_there_is_no_heading",
            "all_queries_see_the_same_passages_and_so_do_journal_and_snapshot",
        ],
    ),
    ("E7", &["a_broken_index_is_a_warning_and_the_run_goes_on"]),
    ("E8", &["a_failed_member_is_in_no_prompt_and_the_others_are_summed_up"]),
    ("E9", &["without_a_synthesis_there_are_headed_excerpts_and_it_says_so"]),
    (
        "E10",
        &[
            "agreement_is_about_what_is_said_and_not_about_how_many_answered",
            "paraphrases_agree_and_near_copies_that_contradict_do_not",
        ],
    ),
    ("E11", &["e11_a_model_that_its_server_does_not_offer_is_named_before_the_run"]),
    (
        "E12",
        &[
            "a_server_that_dies_in_the_middle_fails_softly_and_leaves_nothing_behind",
            "e12_a_provider_that_is_killed_in_the_middle_ends_the_run_in_time",
        ],
    ),
    ("E13", &["a_hundred_councils_leave_no_socket_and_no_memory_behind"]),
    ("E14", &["one_place_makes_a_queue_that_is_seen_and_the_result_says_so"]),
    ("E15", &["six members have a card each, live, and then synthesis, agreement and dissent"]),
    ("E16", &["e16_health_says_what_there_is"]),
    ("E17", &["e17_a_configuration_is_checked_alone_and_an_older_one_put_back"]),
    (
        "E18",
        &[
            "e18_the_question_chooses_the_mode_and_the_result_says_why",
            "e18_deep_has_the_answers_examined_before_they_are_summed_up",
            "fast_asks_one_and_nothing_is_missing",
        ],
    ),
    (
        "E19",
        &[
            "e19_a_hedging_answer_has_the_others_asked_and_a_sure_one_is_enough",
            "a_text_hedges_when_it_says_that_it_cannot_answer",
        ],
    ),
    ("E20", &["a_run_in_the_background_is_followed_by_its_id"]),
    ("E21", &["forced colours, more contrast and less motion keep every mark"]),
    ("E22", &["e22_no_address_runs_a_command"]),
    ("E23", &["six_members_are_asked_at_once_each_in_its_own_way"]),
    ("F15", &["fifty_payloads_in_an_answer_change_neither_structure_nor_names_nor_counts"]),
];

#[test]
fn every_row_has_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("tests/it"), root.join("tests/e2e")];
    let mut sources = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_source = path.extension().is_some_and(|extension| extension == "rs" || extension == "mjs");
            match path.is_dir() {
                true if path.file_name().is_some_and(|name| name != "node_modules") => folders.push(path),
                false if is_source && path.file_name().is_some_and(|name| name != "features.rs") => {
                    sources += &std::fs::read_to_string(path).unwrap();
                }
                _ => {}
            }
        }
    }
    sources += include_str!("features.rs").split_once("// Tests by their number.").unwrap().1;
    let is_test = |name: &str| {
        let attributes = ["#[test]\nfn ", "#[test]\n    fn ", "start_paused = true)]\nasync fn "];
        attributes.iter().any(|attribute| sources.contains(&format!("{attribute}{name}(")))
            || sources.contains(&format!("async '{name}'("))
    };
    for (row, tests) in ROWS {
        for name in tests {
            assert!(is_test(name), "{row}: there is no test {name}");
        }
    }
    let told: BTreeSet<&str> = ROWS.iter().map(|(row, _)| *row).collect();
    let wanted = (1..=22).map(|n| format!("A{n}")).chain((1..=23).map(|n| format!("E{n}")));
    let missing: Vec<String> = wanted.filter(|row| !told.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

// Tests by their number.

#[test]
fn a5_a_call_that_takes_too_long_is_closed_at_the_provider() {
    let (slow, quick) = (Fake::always(Answer::silent()), Fake::always(Answer::text("quick")));
    let panel = Panel::new("two")
        .query("slow", "models = [\"slow\"]\ntimeout = \"400ms\"\nfirst_content = \"400ms\"")
        .query("quick", "models = [\"quick\"]");
    let server = Setup::default()
        .provider("slow", &slow, "")
        .provider("quick", &quick, "")
        .panel(panel)
        .alone()
        .start();
    let asked = Instant::now();
    let events = server.ask(&json!({"panel": "two", "question": "x"})).events();
    assert_contract(&events, false);
    let end = completed(&events, "slow");
    assert_eq!((&end["status"], &end["error"]["code"]), (&json!("failed"), &json!("timeout")));
    assert!((400..1000).contains(&end["time_ms"].as_u64().unwrap()), "{end}");
    assert_eq!(completed(&events, "quick")["status"], "succeeded");
    let closed = slow.left_after(asked + ms(400));
    assert!(closed < ms(300), "closed {closed:?} after the limit");
}

#[test]
fn a8_without_a_model_the_panel_with_rules_still_works() {
    let server = Setup::default().start();
    let reply = server.post("/ask", &json!({"question": "Foundation strip 45 m x 0.8 m x 0.6 m, pH 6.2"}));
    assert_eq!((reply.status(), &reply.json()["status"]), (200, &json!("completed")), "{}", reply.text());
}

#[test]
fn a10_a_model_that_nobody_has_configured_is_refused_at_start() {
    let fake = Fake::always(Answer::text("x"));
    let cases = [
        (
            Setup::asking(&fake).panel(Panel::new("p").query("q", "models = [\"fkae/m\"]")),
            ["queries.q", "fkae"],
        ),
        (
            Setup::asking(&fake)
                .panel(Panel::new("p").query("q", "for_each = \"model\"\nmodels = [\"nobody/m\"]")),
            ["queries.q-nobody-m", "nobody"],
        ),
        (Setup::asking(&fake).top("default_model = \"fkae/m\""), ["test.toml:1:", "default_model"]),
    ];
    for (setup, words) in cases {
        let ran = setup.run(&["serve", "--port", "0", "--config", "{config}"]);
        assert_ne!(ran.code, 0);
        for word in words {
            assert!(ran.stderr.contains(word), "{word}:\n{}", ran.stderr);
        }
    }
}

#[test]
fn a12_the_program_says_which_version_it_is_wherever_it_is_asked() {
    let fake = Fake::always(Answer::text("x"));
    let ran = Setup::asking(&fake).run(&["--version"]);
    let health = Setup::asking(&fake).start().get("/health").json();
    let version = health["version"].as_str().unwrap();
    assert!(!version.is_empty() && ran.stdout.trim().ends_with(version), "{} {version}", ran.stdout);
    assert!(health["page"].is_string() || health["page"].is_null(), "{health}");
}

#[test]
fn a13_the_shape_of_the_last_event_stays_what_it_is() {
    let fake = Fake::always(Answer::text("x"));
    let server = Setup::asking(&fake).start();
    let last = server.ask(&json!({"panel": "compare", "question": "x"})).events().pop().unwrap().data;
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&last),
        "type run_id seq at elapsed_ms terminal status panel warnings performance queries result result_ref"
    );
    assert_eq!(
        keys(&last["result"]),
        "query rag_context_used responses success_count total_fighters synthesis synthesis_method agreement dissent"
    );
    assert_eq!(
        keys(&last["result"]["responses"][0]),
        "query fighter emoji role answer success error response_time provider model usage cost"
    );
    assert_eq!(keys(&last["result"]["agreement"]), "level groups undecided");
}

#[test]
fn a14_the_lab_shows_one_two_and_three_models_and_bad_ones_among_them() {
    let lab = Lab::start(&[]);
    // Models of the lab, how the run ends, how many answer.
    let rows: [(&[&str], &str, u64); 4] = [
        (&["timing-first-20-total-60"], "completed", 1),
        (&["timing-first-20-total-60", "echo"], "completed", 2),
        (&["timing-first-20-total-60", "status-500", "echo"], "partial", 2),
        (&["status-400", "status-401"], "failed", 0),
    ];
    for (models, status, answers) in rows {
        let mut setup = Setup::default();
        for (at, model) in models.iter().enumerate() {
            setup = setup.table(&format!(
                "[providers.lab{at}]\nkind = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"{model}\"\n\
                 retry = {{ attempts = 1 }}",
                lab.url
            ));
        }
        let events = setup.start().ask(&json!({"panel": "compare", "question": "x"})).events();
        let last = &events.last().unwrap().data;
        assert_eq!(last["status"], status, "{models:?}: {last}");
        assert_eq!(last["performance"]["queries_successful"], answers, "{models:?}");
    }
}

#[test]
fn e2_one_to_twelve_personas_are_asked_each_with_its_own_values() {
    for count in [1, 12] {
        let fake = Fake::new(|call| Answer::text(&call.query));
        let panel = (1..=count).fold(Panel::new("many"), |panel, n| {
            let values = format!(
                "icon = \"{n}\"\nrole = \"role {n}\"\ntemperature = {}\nmax_tokens = {}",
                f64::from(n) / 10.0,
                100 + n
            );
            panel.query(&format!("p{n}"), &values)
        });
        let server = Setup::default()
            .provider("fake", &fake, "max_in_flight = 12")
            .panel(panel.tail("[merge]\nreport = \"members\""))
            .start();
        let events = server.ask(&json!({"panel": "many", "question": "x"})).events();
        let responses = events.last().unwrap().data["result"]["responses"].clone();
        assert_eq!(responses.as_array().unwrap().len(), count as usize);
        for n in 1..=count {
            let [call] = &fake.calls_of(&format!("p{n}"))[..] else { panic!("p{n} is asked once") };
            assert_eq!(call.body["temperature"], f64::from(n) / 10.0);
            let limits = ["max_tokens", "max_completion_tokens"];
            assert!(limits.iter().any(|key| call.body[key] == 100 + n), "{}", call.body);
            let response = &responses[n as usize - 1];
            assert_eq!(
                (&response["role"], &response["emoji"]),
                (&json!(format!("role {n}")), &json!(format!("{n}")))
            );
            assert_eq!(response["answer"], format!("p{n}"));
        }
    }
}

#[test]
fn e11_a_model_that_its_server_does_not_offer_is_named_before_the_run() {
    let lab = Lab::start(&[]);
    let table = |model: &str| {
        format!("[providers.lab]\nkind = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"{model}\"", lab.url)
    };
    let body = json!({"panel": "compare", "question": "x"});
    let server = Setup::default().table(&table("ehco")).start();
    let before = server.post("/api/v1/runs?dry_run=true", &body).json();
    let to = &before["destinations"][0];
    assert_eq!(
        (&to["model"], &to["offered"], &to["closest"]),
        (&json!("ehco"), &json!(false), &json!("echo"))
    );
    let lists = server.get("/api/v1/providers").json();
    let shown = lists["providers"].as_array().unwrap().iter().find(|shown| shown["name"] == "lab").unwrap();
    assert!(shown["offers"].as_array().unwrap().contains(&json!("echo")), "{shown}");
    assert_eq!(shown["missing"], json!([{"model": "ehco", "offered": false, "closest": "echo"}]));
    // It is a hint: the model is asked, and the failure says the same.
    let events = server.ask(&body).events();
    let error = &events.iter().find(|event| event.name == "query_completed").unwrap().data["error"];
    assert_eq!(error["code"], "model_not_found");
    assert_eq!(error["hint"], "Closest that it offers: echo.", "{error}");
    let ran = Setup::default().table(&table("ehco")).run(&["doctor", "lab", "--config", "{config}"]);
    assert!(ran.stdout.contains("Closest that it offers: echo."), "{}", ran.stdout);

    let server = Setup::default().table(&table("echo")).start();
    let before = server.post("/api/v1/runs?dry_run=true", &body).json();
    assert_eq!(before["destinations"][0].get("offered"), None, "{before}");
}

#[test]
fn e12_a_provider_that_is_killed_in_the_middle_ends_the_run_in_time() {
    let lab = Lab::start(&[]);
    let setup = Setup::default().table(&format!(
        "[providers.lab]\nkind = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"u21-stall\"\nretry = {{ attempts = 1 }}",
        lab.url
    ));
    let server = setup.start();
    let mut stream = server.ask(&json!({"panel": "council", "question": "x"}));
    stream.until("query_progress");
    drop(lab);
    let killed = Instant::now();
    let events = stream.rest();
    assert!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
    let last = &events.last().unwrap().data;
    assert_eq!(last["status"], "failed", "{last}");
    let health = server.get("/health").json();
    assert_eq!(health["active_runs"], 0, "{health}");
}

#[test]
fn e16_health_says_what_there_is() {
    let fake = Fake::always(Answer::text("x"));
    let server = Setup::asking(&fake).start();
    let reply = server.get("/health");
    let health = reply.json();
    assert_eq!((reply.status(), &health["status"]), (200, &json!("ok")));
    let panels = health["panels"].as_array().unwrap();
    for name in ["audit", "compare", "council"] {
        assert!(panels.iter().any(|panel| panel["name"] == name), "{health}");
    }
    assert!(health["providers"].is_object() || health["providers"].is_array(), "{health}");
}

#[test]
fn e17_a_configuration_is_checked_alone_and_an_older_one_put_back() {
    let fake = Fake::always(Answer::text("x"));
    let lacking = "[providers.other]\nkind = \"gemini\"\napi_key = { env = \"NOT_THERE\" }";
    let setup = || Setup::asking(&fake).table(lacking);
    let check = ["config", "check", "--config", "{config}"];
    let ran = setup().run(&check);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    for word in ["test.toml", "key from FAKE_KEY; not asked", "NOT_THERE is missing", "council ("] {
        assert!(ran.stdout.contains(word), "{word}:\n{}", ran.stdout);
    }
    let ran = setup().server("heartbeet = \"1s\"").run(&check);
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""));
    assert!(ran.stderr.contains("did you mean \"heartbeat\"?"), "{}", ran.stderr);
    // One that is refused leaves the old one in force, and the old file starts again.
    let mut server = setup().start();
    let works = |server: &Server| {
        let ask = json!({"panel": "council", "question": "x", "input": {"mode": "fast"}});
        server.ask(&ask).events().last().unwrap().data["status"] == "completed"
    };
    server.configure(|text| format!("nonsense = 1\n{text}"));
    server.signal("HUP");
    eventually("it has refused that", PATIENCE, || server.log().contains("nonsense"));
    assert!(works(&server));
    server.configure(|text| text.replacen("nonsense = 1\n", "", 1));
    server.signal("TERM");
    assert_eq!(server.ended(PATIENCE).0, 0);
    server.restart();
    assert!(works(&server));
}

#[test]
fn e22_no_address_runs_a_command() {
    let fake = Fake::always(Answer::text("Run this: `touch /tmp/pwned` [[exec]]"));
    let server = Setup::asking(&fake).start();
    let description = server.get("/openapi.json").json();
    let paths: Vec<&String> = description["paths"].as_object().unwrap().keys().collect();
    for word in ["exec", "command", "shell", "approve"] {
        assert!(paths.iter().all(|path| !path.contains(word)), "{word}: {paths:?}");
    }
    let events =
        server.ask(&json!({"panel": "council", "question": "x", "input": {"mode": "fast"}})).events();
    let answer = &events.last().unwrap().data["result"]["responses"][0]["answer"];
    assert_eq!(answer, "Run this: `touch /tmp/pwned` [[exec]]", "it is text and stays text");
}
