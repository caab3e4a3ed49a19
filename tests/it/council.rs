//! Six views of one question: who is asked what, what comes of it, and what it says when somebody fails.

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::assert_contract;
use crate::harness::eventually;
use crate::harness::fake::Call;
use crate::harness::named;
use crate::harness::temp::Temp;

pub const MEMBERS: [&str; 6] = ["coordinator", "authority", "strategist", "sentinel", "engineer", "advocate"];
const FACES: [&str; 7] = [
    "You are the coordinator",
    "You are the technical authority",
    "You are the strategist",
    "You are the risk sentinel",
    "You are the practical engineer",
    "You are the devil's advocate",
    "You are the cross-examiner",
];

/// Who is asked, by the instructions that came.
pub fn who(call: &Call) -> &'static str {
    let prompt = call.prompt();
    let face = FACES.iter().position(|face| prompt.contains(face));
    face.map_or("synthesis", |at| MEMBERS.get(at).copied().unwrap_or("examiner"))
}

/// A council whose members answer as `says` wants.
pub fn council(says: impl Fn(&'static str) -> Answer + Send + Sync + 'static) -> (Fake, Server) {
    let fake = Fake::new(move |call| says(who(call)));
    let server = Setup::asking(&fake).start();
    (fake, server)
}

pub fn ask(server: &Server, more: Value) -> (Vec<Event>, Value) {
    let mut body = json!({"panel": "council", "question": "Which class follows from a pH of 6.2?"});
    more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
    let events = server.ask(&body).events();
    assert_contract(&events, false);
    let last = events.last().unwrap().data.clone();
    (events, last)
}

pub fn prompt_of(fake: &Fake, member: &str) -> String {
    fake.calls().iter().find(|call| who(call) == member).unwrap().prompt()
}

#[test]
fn six_members_are_asked_at_once_each_in_its_own_way() {
    let (fake, server) = council(|who| Answer::text(&format!("This is what {who} says.")).after(150));
    let (events, last) = ask(&server, json!({}));
    assert_eq!(last["status"], "completed", "{last}");
    let calls: Vec<Call> = fake.calls().into_iter().filter(|call| who(call) != "synthesis").collect();
    let first = calls.iter().map(|call| call.at).min().unwrap();
    let latest = calls.iter().map(|call| call.at - first).max().unwrap();
    assert!(calls.len() == 6 && latest < Duration::from_millis(140), "all before one ended: {latest:?}");
    assert_eq!(fake.most_at_once(), 6);
    let ways: BTreeSet<String> = calls
        .iter()
        .map(|call| format!("{} {}", call.body["temperature"], call.body["max_completion_tokens"]))
        .collect();
    assert!(ways.len() >= 5, "each has a temperature of its own: {ways:?}");
    // Name, sign and role are announced, and stand in the result in the panel's order.
    let plan = &events[0].data["queries"];
    let responses = last["result"]["responses"].as_array().unwrap();
    assert_eq!(responses.len(), 6);
    for (at, (response, member)) in responses.iter().zip(MEMBERS).enumerate() {
        assert_eq!((&response["query"], &plan[at]["query"]), (&json!(member), &json!(member)));
        assert_eq!(response["answer"], format!("This is what {member} says."));
        for (told, shown) in [("title", "fighter"), ("icon", "emoji"), ("role", "role")] {
            assert!(response[shown].as_str().is_some_and(|text| !text.is_empty()), "{response}");
            assert_eq!(response[shown], plan[at][told]);
        }
        assert!(
            response["success"] == true && response["response_time"].as_f64().unwrap() >= 0.14,
            "{response}"
        );
    }
    let result = &last["result"];
    assert_eq!(result["query"], "Which class follows from a pH of 6.2?");
    assert_eq!((&result["success_count"], &result["total_fighters"]), (&json!(6), &json!(6)));
    assert_eq!(
        (&result["synthesis"], &result["synthesis_method"]),
        (&json!("This is what synthesis says."), &json!("model"))
    );
    assert_eq!(result["dissent"]["query"], "advocate");
    assert_eq!(result["dissent"]["answer"], "This is what advocate says.");
}

#[test]
fn in_czech_the_members_have_czech_names() {
    let (_fake, server) = council(Answer::text);
    let (_, last) = ask(&server, json!({"language": "cs"}));
    assert_eq!(last["result"]["dissent"]["fighter"], "Ďáblova advokátka", "{last}");
}

#[test]
fn passages_are_the_same_for_all_and_without_any_there_is_no_heading() {
    let (fake, server) = council(Answer::text);
    let (_, last) = ask(&server, json!({"options": {"use_rag": false}}));
    assert_eq!(last["result"]["rag_context_used"], false);
    for call in fake.calls().iter().filter(|call| who(call) != "synthesis") {
        let prompt = call.prompt();
        assert!(!prompt.contains("CONTEXT") && prompt.contains("pH of 6.2"), "{prompt}");
    }
    let temp = Temp::new();
    let planted = "Ground water with a pH of 5.5 to 6.5 is slightly aggressive: class XA1.";
    temp.write("docs/exposure.md", &format!("# Exposure\n\n{planted}\n"));
    temp.write("docs/frost.md", "# Frost\n\nHorizontal faces that are saturated belong to class XF3.\n");
    let fake = Fake::new(|call| Answer::text(who(call)));
    let docs = temp.path().join("docs").display().to_string();
    let server = Setup::asking(&fake).table(&format!("[knowledge]\ndir = \"{docs}\"")).start();
    eventually("the documents are read", PATIENCE, || {
        let (events, _) = ask(&server, json!({"input": {"mode": "fast"}}));
        !named(&events, "passages_found").is_empty_of_passages()
    });
    let before = fake.calls().len();
    let (events, last) = ask(&server, json!({}));
    let found = named(&events, "passages_found")[0].data["passages"].clone();
    assert!(found[0]["text"].as_str().unwrap().contains("XA1"), "{found}");
    assert!(found[0]["source"].as_str().unwrap().contains("exposure.md"), "{found}");
    assert_eq!(last["result"]["rag_context_used"], true);
    let asked: Vec<Call> = fake.calls().split_off(before);
    assert_eq!(asked.len(), 7);
    for call in asked.iter().filter(|call| who(call) != "synthesis") {
        let prompt = call.prompt();
        assert!(prompt.contains("CONTEXT") && prompt.contains(planted), "{prompt}");
    }
}

/// Whether an event told of nothing.
trait Passages {
    fn is_empty_of_passages(&self) -> bool;
}

impl Passages for Vec<&Event> {
    fn is_empty_of_passages(&self) -> bool {
        self.iter().all(|event| event.data["passages"].as_array().is_none_or(Vec::is_empty))
    }
}

#[test]
fn a_failed_member_is_in_no_prompt_and_the_others_are_summed_up() {
    let (fake, server) = council(|who| match who {
        "sentinel" => Answer::status(400, "{\"error\": {\"message\": \"BROKEN\"}}"),
        who => Answer::text(&format!("This is what {who} says.")),
    });
    let (_, last) = ask(&server, json!({}));
    assert_eq!(last["status"], "partial");
    let prompt = prompt_of(&fake, "synthesis");
    for member in MEMBERS {
        let says = format!("This is what {member} says.");
        assert_eq!(prompt.contains(&says), member != "sentinel", "{member}:\n{prompt}");
    }
    assert!(!prompt.contains("BROKEN") && !prompt.contains("sentinel"), "{prompt}");
    let failed = &last["result"]["responses"][3];
    assert_eq!(
        (&failed["query"], &failed["success"], &failed["answer"]),
        (&json!("sentinel"), &json!(false), &Value::Null)
    );
    assert!(
        failed["fighter"] == "Risk sentinel"
            && failed["role"].is_string()
            && failed["response_time"].is_f64()
    );
    assert_eq!((&last["result"]["success_count"], &last["result"]["total_fighters"]), (&json!(5), &json!(6)));
}

#[test]
fn without_a_synthesis_there_are_headed_excerpts_and_it_says_so() {
    let (_fake, server) = council(|who| match who {
        "synthesis" => Answer::status(500, "{}"),
        "engineer" => Answer::status(400, "{}"),
        who => Answer::text(&format!("This is what {who} says.")),
    });
    let (_, last) = ask(&server, json!({}));
    assert_eq!(
        (&last["status"], &last["result"]["synthesis_method"]),
        (&json!("partial"), &json!("fallback"))
    );
    let text = last["result"]["synthesis"].as_str().unwrap();
    assert_eq!(text.matches("## ").count(), 5, "{text}");
    assert!(
        text.contains("## Strategist\n\nThis is what strategist says.") && !text.contains("engineer"),
        "{text}"
    );
}

#[test]
fn agreement_is_about_what_is_said_and_not_about_how_many_answered() {
    let yes = "Yes, the strip is safe. The cover of 40 mm is sufficient for class XA1.";
    let no = "No, the strip is not safe. The cover of 40 mm is insufficient for class XA1.";
    let (_fake, server) = council(move |_| Answer::text(yes));
    assert_eq!(ask(&server, json!({})).1["result"]["agreement"]["level"], "high");
    let (_fake, server) = council(move |who| {
        Answer::text(if ["authority", "sentinel", "advocate"].contains(&who) { no } else { yes })
    });
    let agreement = ask(&server, json!({})).1["result"]["agreement"].clone();
    assert_eq!(agreement["level"], "split");
    let groups = json!([["coordinator", "strategist", "engineer"], ["authority", "sentinel", "advocate"]]);
    assert_eq!(agreement["groups"], groups);
    // Three answers of six that say the same agree: a failure is no opinion.
    let (_fake, server) = council(move |who| match who {
        "authority" | "sentinel" | "advocate" => Answer::status(400, "{}"),
        _ => Answer::text(yes),
    });
    assert_eq!(ask(&server, json!({})).1["result"]["agreement"]["level"], "high");
    let (_fake, server) = council(|who| Answer::text(&format!("Something else altogether about the {who}.")));
    assert_eq!(ask(&server, json!({})).1["result"]["agreement"]["level"], "unknown");
}

#[test]
fn fast_asks_one_and_nothing_is_missing() {
    let (fake, server) = council(|who| Answer::text(&format!("This is what {who} says.")));
    let (_, last) = ask(&server, json!({"input": {"mode": "fast"}}));
    assert_eq!((&last["status"], fake.calls().len()), (&json!("completed"), 1), "{last}");
    let result = &last["result"];
    assert_eq!((&result["success_count"], &result["total_fighters"]), (&json!(1), &json!(1)));
    assert_eq!(result["responses"][0]["query"], "authority");
    assert_eq!((&result["synthesis_method"], &result["dissent"]), (&json!("none"), &Value::Null));
    server
        .post("/api/v1/runs", &json!({"panel": "council", "question": "x", "input": {"mode": "slow"}}))
        .problem(422, "validation_failed");
}

#[test]
fn one_place_makes_a_queue_that_is_seen_and_the_result_says_so() {
    let fake = Fake::new(|call| Answer::text(who(call)).after(120));
    let server = Setup::default().provider("local", &fake, "max_in_flight = 1").start();
    let (events, last) = ask(&server, json!({}));
    assert_eq!((&last["status"], fake.most_at_once()), (&json!("completed"), 1));
    let queued: BTreeSet<&str> = named(&events, "query_progress")
        .iter()
        .filter(|event| event.data["phase"] == "queued" && event.data["ahead"].is_u64())
        .map(|event| event.query())
        .collect();
    assert_eq!(queued.len(), 5, "{queued:?}");
    let waits: Vec<u64> = named(&events, "query_started")
        .iter()
        .filter(|event| event.query() != "synthesis")
        .map(|event| event.data["queued_ms"].as_u64().unwrap())
        .collect();
    assert!(waits.windows(2).all(|pair| pair[1] >= pair[0] + 100), "waiting times rise: {waits:?}");
    assert!(last["performance"]["total_time_ms"].as_u64().unwrap() >= 7 * 120);
    let warnings = last["warnings"].as_array().unwrap();
    let told = warnings.iter().find(|warning| warning["code"] == "one_after_another");
    let told = told.unwrap_or_else(|| panic!("{warnings:?}"));
    assert!(told["message"].as_str().unwrap().contains("local"), "{told}");
}

/// A pause that depends on who is asked and how often, and on nothing that could be awaited.
fn pause(who: &str, seed: u64) -> u64 {
    let mut state =
        who.bytes().fold(seed, |state, byte| state.wrapping_mul(6_364_136_223_846_793_005) ^ u64::from(byte));
    state ^= state >> 29;
    400 + state % 1200
}

#[test]
fn whatever_time_they_think_a_run_takes_its_critical_path_and_little_more() {
    const TRIES: u64 = 6;
    let mut told = Vec::new();
    for seed in 1..=TRIES {
        let fake = Fake::new(move |call| Answer::text("x").after(pause(who(call), seed)));
        let server = Setup::asking(&fake).alone().start();
        let sent = Instant::now();
        let (_, last) = ask(&server, json!({}));
        let total = sent.elapsed().as_secs_f64();
        let slowest = MEMBERS.iter().map(|member| pause(member, seed)).max().unwrap();
        let path = (slowest + pause("synthesis", seed)) as f64 / 1000.0;
        let sum: u64 = MEMBERS.iter().chain(&["synthesis"]).map(|member| pause(member, seed)).sum();
        let reported = last["performance"]["total_time_ms"].as_u64().unwrap() as f64 / 1000.0;
        assert!(reported >= path * 0.98, "faster than its critical path: {reported} < {path}");
        let efficiency = last["performance"]["parallel_efficiency"].as_f64().unwrap();
        let expected = sum as f64 / 10.0 / path;
        told.push(format!(
            "path {path:.3}, took {total:.3}, reported {reported:.3}, {efficiency} of {expected:.0} %"
        ));
        if total < path * 1.25 && efficiency > expected * 0.8 {
            return;
        }
    }
    panic!("never near its critical path: {told:#?}");
}

#[test]
fn a_server_that_dies_in_the_middle_fails_softly_and_leaves_nothing_behind() {
    let (fake, server) = council(|who| match who {
        "authority" => Answer::text("This came in time."),
        "synthesis" => Answer::text("A sum."),
        // Later than the answer that comes in time: a success among failures would begin their count anew.
        _ => Answer::text(&"half an answer ".repeat(20)).after(500).cut(),
    });
    let (_, last) = ask(&server, json!({"options": {"query_timeout_ms": 5000}}));
    assert_eq!(last["status"], "partial", "{last}");
    assert_eq!(last["result"]["success_count"], 1);
    // What keeps failing is left alone, so nobody is asked for a sum.
    assert_eq!(last["result"]["synthesis_method"], "fallback", "{last}");
    let text = last["result"]["synthesis"].as_str().unwrap();
    assert!(text.contains("This came in time.") && !text.contains("half an answer"), "{text}");
    assert!(fake.calls().iter().all(|call| who(call) != "synthesis"));
    let providers = server.get("/api/v1/providers").json().to_string();
    assert!(!providers.contains("\"in_flight\":1"), "{providers}");
}

#[test]
fn a_hundred_councils_leave_no_socket_and_no_memory_behind() {
    let (fake, server) = council(|who| Answer::text(&format!("This is what {who} says.")));
    let rounds = |count: usize| {
        (0..count).for_each(|_| assert_eq!(ask(&server, json!({})).1["status"], "completed"));
    };
    // Caches and pools fill first.
    rounds(40);
    let (memory, sockets) = (server.memory(), fake.open());
    rounds(100);
    let (after, open) = (server.memory(), fake.open());
    assert!(open <= sockets + 2, "{open} sockets, {sockets} before");
    if let (Some(memory), Some(after)) = (memory, after) {
        assert!(after <= memory + memory / 4, "{after} KiB, {memory} before");
    }
}

#[test]
fn without_a_key_the_council_is_shown_by_its_scripts() {
    let server = Setup::default().start();
    server.post("/ask", &json!({"panel": "council", "question": "x"})).problem(503, "no_providers");
    let (_, last) = ask(&server, json!({"options": {"model": "scripted"}}));
    assert_eq!((&last["status"], &last["simulated"]), (&json!("completed"), &json!(true)), "{last}");
    let result = &last["result"];
    assert_eq!((&result["success_count"], &result["dissent"]["query"]), (&json!(6), &json!("advocate")));
    let agreement = &result["agreement"];
    assert_eq!(agreement["level"], "split", "{agreement}");
    assert_eq!(
        agreement["groups"][0],
        json!(["coordinator", "authority", "strategist", "engineer"]),
        "{agreement}"
    );
    assert_eq!(
        (&agreement["groups"][1], &agreement["undecided"]),
        (&json!(["advocate"]), &json!(["sentinel"]))
    );
}
