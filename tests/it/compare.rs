//! One question to all configured models: the panel that compares them, and the language that it is written in.

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::assert_contract;
use crate::harness::fake::Call;
use crate::harness::named;

/// What a call of the panel is for, by its instructions.
fn purpose(call: &Call) -> &'static str {
    let prompt = call.prompt();
    match () {
        () if prompt.contains("You review answers") => "review",
        () if prompt.contains("You make one text") => "synthesis",
        () => "answer",
    }
}

/// A model that says `name` in all that it answers.
fn model(name: &'static str) -> Fake {
    Fake::new(move |call| Answer::text(&format!("{} of {name}", purpose(call))))
}

/// Three models, asked in this order.
fn three(c: Fake) -> ([Fake; 3], Server) {
    let fakes = [model("alpha"), model("beta"), c];
    let price = "price.m = { in = 0.25, out = 2.00, per = \"1M tokens\", currency = \"USD\" }";
    let server = Setup::default()
        .provider("beta", &fakes[1], "")
        .provider("alpha", &fakes[0], price)
        .provider("gamma", &fakes[2], "")
        .start();
    (fakes, server)
}

fn ask(server: &Server, input: Value) -> Vec<Event> {
    let events = server.ask(&json!({"panel": "compare", "question": "Is it safe?", "input": input})).events();
    assert_contract(&events, false);
    events
}

fn prompts(fake: &Fake, purpose_: &str) -> Vec<String> {
    fake.calls().iter().filter(|call| purpose(call) == purpose_).map(Call::prompt).collect()
}

#[test]
fn all_configured_models_are_asked_and_stand_side_by_side() {
    let (fakes, server) = three(model("gamma"));
    let events = ask(&server, json!({}));
    let planned: Vec<&str> = events[0].data["queries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|query| query["of"] == "answer")
        .map(|query| query["query"].as_str().unwrap())
        .collect();
    assert_eq!(
        planned,
        ["answer-beta-m", "answer-alpha-m", "answer-gamma-m"],
        "in the configuration's order"
    );
    let last = &events.last().unwrap().data;
    assert_eq!(last["status"], "completed", "{last}");
    let result = &last["result"];
    assert_eq!((&result["query"], &result["rag_context_used"]), (&json!("Is it safe?"), &json!(false)));
    let responses = result["responses"].as_array().unwrap();
    for (response, name) in responses.iter().zip(["beta", "alpha", "gamma"]) {
        assert_eq!((&response["provider"], &response["model"]), (&json!(name), &json!("m")));
        assert_eq!(response["answer"], format!("answer of {name}"));
        assert!(response["response_time"].is_f64() && response["success"] == true, "{response}");
    }
    assert!(responses[1]["cost"]["amount"].as_f64().unwrap() > 0.0, "{}", responses[1]);
    assert_eq!((&result["success_count"], &result["total_fighters"]), (&json!(3), &json!(3)));
    assert_eq!((&result["synthesis"], &result["synthesis_method"]), (&Value::Null, &json!("none")));
    assert!(result.get("reviews").is_none(), "nobody wanted any: {result}");
    assert!(fakes.iter().all(|fake| fake.calls().len() == 1), "nothing is asked that nobody wanted");
}

#[test]
fn each_model_reviews_the_answers_of_the_others_and_never_its_own() {
    let (fakes, server) = three(model("gamma"));
    let events = ask(&server, json!({"review": true, "synthesis": true}));
    let last = &events.last().unwrap().data;
    assert_eq!(last["status"], "completed", "{last}");
    let names = ["alpha", "beta", "gamma"];
    let mut letters = Vec::new();
    for (fake, own) in fakes.iter().zip(names) {
        let [prompt] = &prompts(fake, "review")[..] else { panic!("one review each") };
        for name in names {
            assert_eq!(prompt.contains(&format!("answer of {name}")), name != own, "{own}:\n{prompt}");
            assert!(!prompt.contains(&format!("answer-{name}")), "no name stands in it:\n{prompt}");
        }
        letters.push(prompt.matches("Answer ").count());
    }
    let [synthesis] = &prompts(&fakes[1], "synthesis")[..] else { panic!("the default model sums up") };
    for name in names {
        assert!(synthesis.contains(&format!("answer of {name}")), "{synthesis}");
        assert!(synthesis.contains(&format!("review of {name}")), "{synthesis}");
    }
    let result = &last["result"];
    let reviews: Vec<&Value> =
        result["reviews"].as_array().unwrap().iter().map(|review| &review["provider"]).collect();
    assert_eq!(reviews, ["beta", "alpha", "gamma"]);
    assert_eq!(
        (&result["synthesis"], &result["synthesis_method"]),
        (&json!("synthesis of beta"), &json!("model"))
    );
}

#[test]
fn a_model_that_fails_is_an_error_and_reaches_no_other_prompt() {
    let (fakes, server) = three(Fake::always(Answer::status(400, "{\"error\": \"CANNOT\"}")));
    let events = ask(&server, json!({"review": true, "synthesis": true}));
    let last = &events.last().unwrap().data;
    assert_eq!(last["status"], "partial", "{last}");
    let failed = &last["result"]["responses"][2];
    assert_eq!((&failed["success"], &failed["answer"]), (&json!(false), &Value::Null));
    assert_eq!(failed["error"]["code"], "request_refused");
    assert_eq!((&last["result"]["success_count"], &last["result"]["total_fighters"]), (&json!(2), &json!(3)));
    for fake in &fakes[..2] {
        for prompt in prompts(fake, "review").iter().chain(&prompts(fake, "synthesis")) {
            assert!(!prompt.contains("CANNOT") && !prompt.to_lowercase().contains("error"), "{prompt}");
        }
    }
    assert_eq!(prompts(&fakes[1], "synthesis").len(), 1, "the others are summed up all the same");
}

#[test]
fn when_no_model_answers_the_run_has_failed_and_names_every_cause() {
    let bad = || Fake::always(Answer::status(400, "{}"));
    let (a, b) = (bad(), Fake::always(Answer::status(401, "{}")));
    let server = Setup::default().provider("a", &a, "").provider("b", &b, "").start();
    let events = ask(&server, json!({"synthesis": true}));
    let last = &events.last().unwrap().data;
    assert_eq!((&last["status"], last.get("result")), (&json!("failed"), None));
    let message = last["error"]["message"].as_str().unwrap();
    assert!(message.contains("answer-a-m") && message.contains("answer-b-m"), "{message}");
    assert_eq!(last["queries"]["answer-b-m"]["error"]["code"], "credentials_refused");
    assert_eq!(last["queries"]["synthesis"]["status"], "skipped");
}

#[test]
fn without_a_model_nothing_begins_and_a_simulation_still_runs() {
    let server = Setup::default().start();
    let body = json!({"panel": "compare", "question": "x"});
    for path in ["/ask-stream", "/ask", "/api/v1/runs"] {
        let problem = server.post(path, &body).problem(503, "no_providers");
        assert!(problem["hint"].as_str().unwrap().contains("OPENAI_API_KEY"), "{problem}");
    }
    let simulated = json!({
        "panel": "compare", "question": "x",
        "input": {"review": true, "synthesis": true}, "options": {"model": "scripted"}
    });
    let events = server.ask(&simulated).events();
    assert_contract(&events, false);
    let last = &events.last().unwrap().data;
    assert_eq!((&last["status"], &last["simulated"]), (&json!("completed"), &json!(true)), "{last}");
    let result = &last["result"];
    assert_eq!(result["total_fighters"], 3);
    assert_eq!(result["agreement"]["level"], "split", "{}", result["agreement"]);
    assert_eq!(result["agreement"]["groups"], json!([["answer-1", "answer-2"], ["answer-3"]]));
    assert_eq!(result["reviews"].as_array().unwrap().len(), 3);
}

/// Three models, one of which fails, for a panel that needs so many.
fn with_need(need: &str) -> Value {
    let bad = Fake::always(Answer::status(400, "{}"));
    let (a, b) = (model("a"), model("b"));
    let panel = Panel::new("mine")
        .query("view", "for_each = \"model\"\non_fail = \"continue\"")
        .tail(&format!("[merge]\nneed = {need}\nreport = \"members\""));
    let server = Setup::default()
        .provider("a", &a, "")
        .provider("bad", &bad, "")
        .provider("b", &b, "")
        .panel(panel)
        .start();
    server.ask(&json!({"panel": "mine", "question": "x"})).events().pop().unwrap().data
}

#[test]
fn a_panel_says_how_many_of_the_models_must_answer() {
    assert_eq!(with_need("\"2 of view\"")["status"], "partial");
    let failed = with_need("\"3 of view\"");
    assert_eq!((&failed["status"], failed.get("result")), (&json!("failed"), None));
}

#[test]
fn a_model_beside_the_providers_own_is_asked_as_well_and_the_command_shows_all() {
    let fake = model("only");
    let setup = || Setup::default().top("default_model = \"fake/Big.2\"").provider("fake", &fake, "");
    let shown = setup().run(&["panels", "show", "compare", "--config", "{config}"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    for line in
        ["answer-fake-m", "answer-fake-big-2", "review-fake-m", "asks fake/Big.2", "is answer for one"]
    {
        assert!(shown.stdout.contains(line), "{line}:\n{}", shown.stdout);
    }
    let server = setup().start();
    let events = ask(&server, json!({}));
    let models: Vec<Value> = fake.calls().iter().map(|call| call.body["model"].clone()).collect();
    assert!(models.contains(&json!("m")) && models.contains(&json!("Big.2")), "{models:?}");
    assert_eq!(named(&events, "query_started").len(), 2);
}
