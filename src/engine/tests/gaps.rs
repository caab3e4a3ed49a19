//! Queries that go on although what they need did not succeed.

use std::sync::Mutex;

use serde_json::json;

use super::recovery::Cut;
use super::*;
use crate::provider::Message;

/// Notes what it is told.
pub struct Hearing(pub Scripted, Mutex<Vec<(QueryName, Vec<Message>)>>);

impl Hearing {
    pub fn new(provider: Scripted) -> Arc<Hearing> {
        Arc::new(Hearing(provider, Mutex::default()))
    }

    /// The last prompt of a query.
    pub fn heard(&self, query: &str) -> String {
        let heard = self.1.lock().unwrap();
        let (_, messages) = heard.iter().rfind(|(name, _)| name.as_str() == query).unwrap();
        messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n")
    }

    pub fn pool(self: &Arc<Hearing>) -> Pool {
        pool(vec![Arc::clone(self) as Arc<dyn Provider>], 8)
    }
}

impl Provider for Hearing {
    fn name(&self) -> &ProviderName {
        self.0.name()
    }

    fn place(&self) -> Place {
        Place::Simulated
    }

    fn ask(&self, call: Call) -> Chunks {
        self.1.lock().unwrap().push((call.query.clone(), call.messages.clone()));
        self.0.ask(call)
    }
}

/// Queries `q1` and `q2`, of which the first says what its failure means, and `sum` that needs both.
pub fn summing_up(first: &str, second: &str) -> Arc<Panel> {
    panel(&format!(
        "[[query]]\nid = \"q1\"\nprompt = \"p.md\"\n{first}\n[[query]]\nid = \"q2\"\nprompt = \"p.md\"\n{second}\n\
         [[query]]\nid = \"sum\"\nprompt = \"p.md\"\nneeds = [\"q1\", \"q2\"]\n"
    ))
}

/// `q1` fails at 100 ms, `q2` answers at 300 ms.
pub fn one_fails() -> Scripted {
    scripted(&[
        ("q1", script().fails(Code::RequestRefused).after(100)),
        ("q2", script().answer("two").after(300)),
        ("sum", script().answer("all").after(50)),
    ])
}

#[tokio::test(start_paused = true)]
async fn a_query_goes_on_without_what_may_be_missing_and_is_told_so() {
    let provider = Hearing::new(one_fails());
    let events = begin(&summing_up("on_fail = \"continue\"", ""), &provider.pool()).await.run().await;
    assert_eq!(events.starts(), [(0, "q1"), (0, "q2"), (300, "sum")]);
    assert_eq!(events.end("sum").1.status, QueryStatus::Succeeded);
    let heard = provider.heard("sum");
    assert!(heard.contains("[answer of q1 - no answer: request_refused]"), "{heard}");
    assert!(heard.contains(" answer of q2\ntwo\n"), "{heard}");
    let (_, last) = events.last();
    assert_eq!((last.status, last.performance.queries_successful), (RunOutcome::Partial, 2));
    assert_eq!(last.result, Some(json!({"answers": {"q2": "two", "sum": "all"}})));
}

#[tokio::test(start_paused = true)]
async fn a_default_stands_in_the_place_of_an_answer_and_says_so() {
    let provider = Hearing::new(one_fails());
    let default = "on_fail = \"default\"\ndefault = \"none given\"";
    let events = begin(&summing_up(default, ""), &provider.pool()).await.run().await;
    let (_, end) = events.end("q1");
    assert_eq!((end.status, &end.result), (QueryStatus::Failed, &None));
    assert_eq!(
        (end.default.as_ref(), end.warnings[0].code.as_str()),
        (Some(&json!("none given")), "default_used")
    );
    let heard = provider.heard("sum");
    assert!(heard.contains(" default of q1, which gave no answer\nnone given\n"), "{heard}");
    let (_, last) = events.last();
    assert_eq!((last.status, last.performance.queries_successful), (RunOutcome::Partial, 2));
    assert_eq!(last.result, Some(json!({"answers": {"q1": "none given", "q2": "two", "sum": "all"}})));
    assert_eq!(last.queries["q1"]["default"], true);
    assert!(last.queries["q2"].get("default").is_none());
    assert!(
        last.warnings.iter().any(|warning| warning["code"] == "default_used" && warning["source"] == "q1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_default_is_no_success() {
    let failing = scripted(&[("q1", script().fails(Code::RequestRefused))]);
    let panel =
        panel("[[query]]\nid = \"q1\"\nprompt = \"p.md\"\non_fail = \"default\"\ndefault = \"none\"\n");
    let events = run(&panel, &failing).await;
    let (_, last) = events.last();
    assert_eq!((last.status, &last.result), (RunOutcome::Failed, &None));
}

#[tokio::test(start_paused = true)]
async fn who_needs_others_is_skipped_when_none_of_them_has_an_answer() {
    let rows = [
        ("", "on_fail = \"continue\"", "needs `q1`, which did not succeed"),
        (
            "on_fail = \"continue\"",
            "on_fail = \"continue\"",
            "none of the queries that it needs has an answer",
        ),
    ];
    for (first, second, why) in rows {
        let provider = scripted(&[
            ("q1", script().fails(Code::RequestRefused)),
            ("q2", script().fails(Code::RequestRefused).after(300)),
            ("sum", script().answer("never asked")),
        ]);
        let events = run(&summing_up(first, second), &provider).await;
        let (at, end) = events.end("sum");
        assert_eq!((at, end.status), (if first.is_empty() { 0 } else { 300 }, QueryStatus::Skipped));
        let failure = end.error.as_ref().unwrap();
        assert_eq!(failure.code, Code::DependencyFailed);
        assert!(failure.message.contains(why), "{}", failure.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_skipped_query_may_be_done_without_as_well() {
    let query = |id: &str, more: &str| format!("[[query]]\nid = \"{id}\"\nprompt = \"p.md\"\n{more}\n");
    let text = [
        query("a", ""),
        query("b", "needs = [\"a\"]\non_fail = \"default\"\ndefault = \"unknown\""),
        query("c", "needs = [\"b\"]"),
    ];
    let provider = scripted(&[
        ("a", script().fails(Code::RequestRefused).after(100)),
        ("b", script().answer("never asked")),
        ("c", script().answer("done").after(50)),
    ]);
    let events = run(&panel(&text.concat()), &provider).await;
    assert_eq!(events.starts(), [(0, "a"), (100, "c")]);
    assert_eq!(events.end("b").1.status, QueryStatus::Skipped);
    assert_eq!(events.last().0, 150);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_up_for_a_run_that_was_cancelled() {
    let provider = scripted(&[
        ("q1", script().hangs()),
        ("q2", script().answer("two").after(300)),
        ("sum", script().answer("never asked")),
    ]);
    let default = "on_fail = \"default\"\ndefault = \"none given\"";
    let begun = begin(&summing_up(default, ""), &pool(vec![Arc::new(provider)], 8)).await;
    let Begun { job, writer, control, orders, journal, .. } = begun;
    let driving = drive(job, writer, orders);
    tokio::pin!(driving);
    tokio::select! {
        ended = &mut driving => panic!("{ended:?}"),
        () = sleep_until(Instant::now() + Duration::from_secs(1)) => control.cancel(CancelReason::Client),
    }
    driving.await.unwrap();
    let events = Events::of(&journal).await;
    assert_eq!((events.end("q1").1.status, &events.end("q1").1.default), (QueryStatus::Cancelled, &None));
    assert_eq!(events.last().1.result, Some(json!({"answers": {"q2": "two"}})));
}

#[tokio::test(start_paused = true)]
async fn the_next_process_goes_on_over_gaps_and_defaults() {
    for first in ["on_fail = \"continue\"", "on_fail = \"default\"\ndefault = \"none given\""] {
        let provider = Hearing::new(one_fails());
        let panel = summing_up(first, "");
        // After `q1` has failed, after `sum` has started.
        for at in [200, 320] {
            let cut: Cut = super::recovery::cut_pool(&panel, provider.pool(), at).await;
            let events = cut.go_on().await;
            assert_eq!(events.end("sum").1.status, QueryStatus::Succeeded, "{first} {at}");
            let told =
                if first.contains("continue") { "no answer: request_refused" } else { "default of q1" };
            assert!(provider.heard("sum").contains(told), "{first} {at}: {}", provider.heard("sum"));
            assert_eq!(events.end("q1").1.attempts, 1, "{first} {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_made_without_an_answer_is_made_again_when_that_is_asked_for() {
    let provider = Hearing::new(one_fails());
    let panel = summing_up("on_fail = \"continue\"", "");
    let first = begin(&panel, &provider.pool()).await;
    let of = first.journal.run().clone();
    let events = first.run().await;
    let ends: Vec<QueryCompleted> = events.ends().map(|(_, end)| end.clone()).collect();
    let mended = Hearing::new(scripted(&[
        ("q1", script().answer("one").after(100)),
        ("sum", script().answer("really all").after(50)),
    ]));
    let mut second = begin(&panel, &mended.pool()).await;
    second.job.carry_over(of, ends);
    let events = second.run().await;
    assert_eq!(events.starts(), [(0, "q1"), (100, "sum")]);
    assert!(events.end("q2").1.carried_over);
    assert!(mended.heard("sum").contains(" answer of q1\none\n"));
    assert_eq!(events.last().1.status, RunOutcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn reviews_see_the_others_under_the_same_labels_and_never_their_own() {
    let query = |id: &str, prompt: &str, needs: &str| {
        format!("[[query]]\nid = \"{id}\"\nprompt = \"{prompt}\"\nneeds = [{needs}]\n")
    };
    let text = [
        query("x", "p.md", ""),
        query("y", "p.md", ""),
        query("z", "p.md", ""),
        query("review_x", "r.md", "\"y\", \"z\""),
        query("review_y", "r.md", "\"x\", \"z\""),
    ];
    let toml = format!("title = \"T\"\n{}", text.concat());
    let review = "{% for other in others %}{{ other.label }}={{ other.answer }}\n{% endfor %}x";
    let file = |path: &str| match path {
        "panel.toml" => Some(toml.clone().into_bytes()),
        "p.md" => Some(b"{{ question }}".to_vec()),
        "r.md" => Some(review.as_bytes().to_vec()),
        _ => None,
    };
    let panel = Arc::new(Panel::parse("test".parse().unwrap(), &file).unwrap());
    let says = |words: &str| script().answer(words).after(100);
    let scripts = [
        ("x", says("of x")),
        ("y", says("of y")),
        ("z", says("of z")),
        ("review_x", says("1")),
        ("review_y", says("2")),
    ];
    let provider = Hearing::new(scripted(&scripts));
    begin(&panel, &provider.pool()).await.run().await;
    let label = |review: &str, answer: &str| {
        let heard = provider.heard(review);
        let at = heard.find(&format!("\nof {answer}\n"))?;
        let head = heard[..at].rfind("=<<<data").unwrap();
        let label = heard[head - 1..head].to_owned();
        assert!(heard[head..at].ends_with(&format!(" answer {label}")), "{heard}");
        assert!("ABC".contains(&label), "{heard}");
        Some(label)
    };
    assert_eq!((label("review_x", "x"), label("review_y", "y")), (None, None));
    assert!(label("review_x", "z").is_some() && label("review_x", "z") == label("review_y", "z"));
    assert_ne!(label("review_x", "y"), label("review_y", "x"));
}
