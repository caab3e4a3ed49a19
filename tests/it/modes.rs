//! Modes of a panel over real connections: what chooses them, who is asked in which, and a cascade that is killed.

use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::council::MEMBERS;
use crate::council::ask;
use crate::council::council;
use crate::council::prompt_of;
use crate::council::who;
use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Setup;
use crate::harness::assert_contract;
use crate::harness::completed;
use crate::harness::fake::Call;
use crate::harness::ms;
use crate::harness::named;
use crate::harness::server::CRASH_AT;

fn asked(fake: &Fake) -> Vec<&'static str> {
    fake.calls().iter().map(who).collect()
}

const LONG: &str = "We have a strip below two storeys of brick, a raft below the lift, and a slab on the ground between \
                    them. Which order of pours needs the fewest joints?";

#[test]
fn e18_the_question_chooses_the_mode_and_the_result_says_why() {
    let rows = [
        ("en", "How thick is the slab?", "fast", "The question is short: 22 characters.", 1),
        ("en", "Is it SAFE, or a risk?", "council", "The question speaks of danger: safe, risk.", 7),
        ("cs", "Není to nebezpečné?", "council", "Otázka mluví o nebezpečí: nebezpečné.", 7),
        ("en", LONG, "cascade", "A long question (151 characters) without a word of danger.", 1),
    ];
    for (language, question, mode, reason, calls) in rows {
        let (fake, server) = council(|who| Answer::text(&format!("This is what {who} says.")));
        let more = json!({"question": question, "language": language, "input": {"mode": "auto"}});
        let (events, last) = ask(&server, more);
        assert_eq!((&last["status"], fake.calls().len()), (&json!("completed"), calls), "{question}");
        let told = &last["result"]["validation"];
        assert_eq!(
            (&told["mode"], &told["chosen_by"], &told["reasons"]),
            (&json!(mode), &json!("auto"), &json!([reason])),
            "{question}"
        );
        assert!(told["title"].as_str().is_some_and(|title| !title.is_empty()));
        assert_eq!(&events[0].data["validation"], told, "it is told before anybody is asked");
        let run = last["run_id"].as_str().unwrap();
        assert_eq!(&server.get(&format!("/api/v1/runs/{run}")).json()["validation"], told);
    }
}

#[test]
fn whoever_chooses_is_named_and_only_modes_can_be_chosen() {
    let (_fake, server) = council(Answer::text);
    for (input, mode, by) in [
        (json!({}), "council", "default"),
        (json!({"mode": "fast"}), "fast", "caller"),
        (json!({"mode": "council"}), "council", "caller"),
    ] {
        let told = ask(&server, json!({"input": input})).1["result"]["validation"].clone();
        assert_eq!(
            (&told["mode"], &told["chosen_by"], &told["reasons"]),
            (&json!(mode), &json!(by), &json!([]))
        );
    }
    let runs = |more: Value| {
        let mut body = json!({"panel": "council", "question": "x"});
        more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        server.post("/api/v1/runs", &body).problem(422, "validation_failed")
    };
    let slow = runs(json!({"input": {"mode": "slow"}}));
    assert_eq!(slow["errors"][0]["pointer"], "/input/mode", "{slow}");
    let absent = runs(json!({"input": {"mode": "fast"}, "options": {"queries": ["engineer"]}}));
    let detail = absent["errors"][0]["detail"].as_str().unwrap();
    assert_eq!(detail, "panel `council` has no query `engineer` in mode `fast`");
    let shown = server.get("/api/v1/panels/council").json();
    let names: Vec<&str> =
        shown["modes"].as_array().unwrap().iter().map(|mode| mode["mode"].as_str().unwrap()).collect();
    assert_eq!(names, ["fast", "cascade", "council", "deep"]);
    assert_eq!((&shown["default_mode"], &shown["auto"]), (&json!("council"), &json!(true)));
    assert_eq!(
        shown["input_schema"]["properties"]["mode"]["enum"],
        json!(["fast", "cascade", "council", "deep", "auto"])
    );
    assert!(server.get("/api/v1/panels/compare").json().get("modes").is_none());
}

#[test]
fn e18_deep_has_the_answers_examined_before_they_are_summed_up() {
    let (fake, server) = council(|who| Answer::text(&format!("This is what {who} says.")));
    let (events, last) = ask(&server, json!({"input": {"mode": "deep"}}));
    assert_eq!((&last["status"], fake.calls().len()), (&json!("completed"), 8), "{last}");
    let examiner = prompt_of(&fake, "examiner");
    assert!(MEMBERS.iter().all(|member| examiner.contains(&format!("what {member} says"))), "{examiner}");
    let synthesis = prompt_of(&fake, "synthesis");
    assert!(synthesis.contains("what examiner says") && synthesis.contains("it is no view"), "{synthesis}");
    assert_eq!(completed(&events, "synthesis")["status"], "succeeded");
    let result = &last["result"];
    assert_eq!((&result["total_fighters"], &result["reviews"][0]["query"]), (&json!(6), &json!("examiner")));
    let (fake, server) = council(Answer::text);
    ask(&server, json!({}));
    assert!(!asked(&fake).contains(&"examiner") && !prompt_of(&fake, "synthesis").contains("no view"));
}

#[test]
fn e19_a_hedging_answer_has_the_others_asked_and_a_sure_one_is_enough() {
    let cascade = json!({"input": {"mode": "cascade"}});
    let sure = "The class is XA1. There is no doubt: the limit is 6.5.";
    let (fake, server) = council(move |_| Answer::text(sure));
    let (events, last) = ask(&server, cascade.clone());
    assert_eq!((&last["status"], asked(&fake)), (&json!("completed"), vec!["authority"]));
    assert_eq!(last["result"]["total_fighters"], 1);
    let (end, planned) = (completed(&events, "sentinel"), &events[0].data["queries"]);
    assert_eq!((&end["status"], &end["error"]["code"]), (&json!("skipped"), &json!("condition_false")));
    assert!(end["error"]["message"].as_str().unwrap().contains("leave no doubt"), "{end}");
    assert_eq!(
        (&planned[0]["after"], &planned[0]["depends_on"]),
        (&json!(["authority"]), &json!(["authority"]))
    );
    assert_eq!((planned[1].get("after"), planned[6].get("after")), (None, None), "{planned}");

    for hedge in ["I am not sure; the sulfate is missing.", "Nelze říci, chybí údaje o síranech."] {
        let (fake, server) = council(move |who| match who {
            "authority" => Answer::text(hedge).after(200),
            who => Answer::text(&format!("This is what {who} says.")).after(200),
        });
        let sent = Instant::now();
        let (events, last) = ask(&server, cascade.clone());
        assert!(sent.elapsed() >= ms(600), "three stages, one after the other");
        assert_eq!((&last["status"], asked(&fake).len()), (&json!("completed"), 7), "{last}");
        assert_eq!(asked(&fake)[0], "authority");
        // The others come together, after it, and know nothing of its answer.
        let order: Vec<&str> = named(&events, "query_started").iter().map(|event| event.query()).collect();
        assert_eq!(
            order,
            ["authority", "coordinator", "strategist", "sentinel", "engineer", "advocate", "synthesis"]
        );
        assert!(
            !prompt_of(&fake, "engineer").contains(hedge) && prompt_of(&fake, "synthesis").contains(hedge)
        );
        let total = last["performance"]["total_time_ms"].as_u64().unwrap();
        assert!(total < 7 * 200, "the critical path, not the sum: {total}");
    }

    let (fake, server) = council(|who| match who {
        "authority" => Answer::status(400, "{}"),
        who => Answer::text(who),
    });
    let (_, last) = ask(&server, cascade);
    assert_eq!(
        (&last["status"], asked(&fake).len()),
        (&json!("partial"), 7),
        "without an answer there is doubt"
    );
}

/// `one` first, then the others if it hedges.
fn careful() -> Panel {
    Panel::new("careful")
        .query("one", "on_fail = \"continue\"")
        .query("two", "on_fail = \"continue\"")
        .query("three", "on_fail = \"continue\"")
        .tail("[mode]\ndefault = \"m\"\n[mode.m]\nfirst = [\"one\"]\ndoubt = \"answers.one is hedging\"")
}

/// Dies right after the first answer was written, before anybody decided what follows from it.
fn dies_after_the_first(answer: &'static str) -> (Fake, Vec<Event>) {
    let says = move |call: &Call| Answer::text(if call.query == "one" { answer } else { "Yes." });
    let fake = Fake::new(says);
    let mut server = Setup::asking(&fake).panel(careful()).env(CRASH_AT, "between_queries:1").start();
    let body = json!({"panel": "careful", "question": "x", "options": {"on_disconnect": "continue"}});
    let run = server.post("/api/v1/runs", &body).json()["run_id"].as_str().unwrap().to_owned();
    assert!(server.dies_within(PATIENCE));
    server.crash_at("");
    server.restart();
    let events = server.request("GET", &format!("/api/v1/runs/{run}/events")).open().events();
    assert_contract(&events, false);
    (fake, events)
}

#[test]
fn a_cascade_goes_on_after_a_crash_with_the_answer_that_is_there() {
    let (fake, events) = dies_after_the_first("It depends.");
    let asked: Vec<String> = fake.calls().iter().map(|call| call.query.clone()).collect();
    assert_eq!((asked.len(), asked[0].as_str()), (3, "one"), "{asked:?}");
    assert_eq!(events.last().unwrap().data["status"], "completed");
    let (fake, events) = dies_after_the_first("Yes.");
    assert_eq!(fake.calls().len(), 1);
    assert_eq!(completed(&events, "two")["error"]["code"], "condition_false");
    assert_eq!(events.last().unwrap().data["status"], "completed");
}

#[test]
fn a_retry_of_a_cascade_asks_what_failed_and_nobody_whom_nobody_wanted() {
    let says = |call: &Call| match (call.query.as_str(), call.nth) {
        ("one", _) => Answer::text("It depends."),
        ("two", 1) => Answer::status(400, "{}"),
        _ => Answer::text("Yes."),
    };
    let fake = Fake::new(says);
    let server = Setup::asking(&fake).panel(careful()).start();
    let first = server.ask(&json!({"panel": "careful", "question": "x"})).events();
    assert_eq!(first.last().unwrap().data["status"], "partial");
    let run = first[0].data["run_id"].as_str().unwrap();
    let again = server.post(&format!("/api/v1/runs/{run}/retry"), &json!({})).json();
    let path = format!("/api/v1/runs/{}/events", again["run_id"].as_str().unwrap());
    let events = server.request("GET", &path).open().events();
    assert_eq!(events.last().unwrap().data["status"], "completed");
    assert_eq!(fake.calls().len(), 4, "only what failed");
    assert_eq!(completed(&events, "one")["carried_over"], true);
}

#[test]
fn the_command_shows_the_modes_and_what_chooses() {
    let fake = Fake::always(Answer::text("x"));
    let shown = Setup::asking(&fake).run(&["panels", "show", "council", "--config", "{config}"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    for line in [
        "mode fast                    asks authority\n",
        "mode council (default)       asks coordinator, authority, strategist, sentinel, engineer, advocate, synthesis\n",
        "authority first, the others if answers.authority is hedging\n",
        "mode auto                    is council where a word begins with risk, ",
        "else is fast when question|length <= 120\n",
        "else is cascade\n",
    ] {
        assert!(shown.stdout.contains(line), "{line}:\n{}", shown.stdout);
    }
}

#[test]
fn without_a_key_every_mode_is_shown_by_its_scripts() {
    let server = Setup::default().start();
    std::thread::scope(|scope| {
        for (mode, executed) in [("fast", 1), ("cascade", 7), ("council", 7), ("deep", 8), ("auto", 1)] {
            let more = json!({"input": {"mode": mode}, "options": {"model": "scripted"}});
            let server = &server;
            scope.spawn(move || {
                let (_, last) = ask(server, more);
                let told = (&last["status"], &last["simulated"], &last["performance"]["queries_executed"]);
                assert_eq!(told, (&json!("completed"), &json!(true), &json!(executed)), "{mode}: {last}");
            });
        }
    });
}
