//! Modes: who is asked, and when, in a cascade.

use serde_json::Value;
use serde_json::json;

use super::gaps::Hearing;
use super::*;
use crate::event::ChosenBy;
use crate::event::Validation;

fn query(id: &str, more: &str) -> String {
    format!("[[query]]\nid = \"{id}\"\nprompt = \"p.md\"\n{more}\n")
}

/// `one`, `two` and `three` are members, `sum` needs them; what a failure of `two` means is said by its panel.
fn cascade(two: &str) -> Arc<Panel> {
    let go_on = "on_fail = \"continue\"";
    let text = [
        query("one", go_on),
        query("two", two),
        query("three", go_on),
        query("sum", "needs = [\"one\", \"two\", \"three\"]"),
        "[mode]\ndefault = \"careful\"\n".to_owned(),
        "[mode.careful]\ntitle = \"One first\"\nfirst = [\"one\"]\ndoubt = \"answers.one is hedging\"\n"
            .to_owned(),
        "[mode.alone]\nask = [\"one\"]\n".to_owned(),
        "[merge]\nneed = \"1 of 3\"\nreport = \"members\"\nsynthesis = \"sum\"\n".to_owned(),
    ];
    panel(&text.concat())
}

/// `one` answers like this after 300 ms, `two` after 250 ms, `three` after 200 ms, the sum after 100 ms.
fn saying(one: Script) -> Arc<Hearing> {
    Hearing::new(scripted(&[
        ("one", one.after(300)),
        ("two", script().answer("two says").after(250)),
        ("three", script().answer("three says").after(200)),
        ("sum", script().answer("all").after(100)),
    ]))
}

fn sure() -> Arc<Hearing> {
    saying(script().answer("The slab is safe."))
}

fn hedging() -> Arc<Hearing> {
    saying(script().answer("It depends on the load."))
}

async fn outcome(panel: &Arc<Panel>, provider: &Arc<Hearing>) -> Events {
    begin(panel, &provider.pool()).await.run().await
}

fn codes(events: &Events) -> Vec<(&str, QueryStatus, Option<Code>)> {
    let code = |end: &QueryCompleted| end.error.as_ref().map(|failure| failure.code);
    events.ends().map(|(_, end)| (end.query.as_str(), end.status, code(end))).collect()
}

fn started(events: &Events) -> &crate::event::RunStarted {
    let Body::RunStarted(started) = &events.0[0].body else { panic!("{:?}", events.0[0]) };
    started
}

#[tokio::test(start_paused = true)]
async fn a_sure_answer_is_enough_and_nothing_is_missing() {
    // Not even where a failure of one of them would have others skipped.
    for two in ["on_fail = \"continue\"", "on_fail = \"skip\""] {
        let events = outcome(&cascade(two), &sure()).await;
        assert_eq!(events.starts(), [(0, "one")]);
        let unwanted = |query| (query, QueryStatus::Skipped, Some(Code::ConditionFalse));
        let ends = codes(&events);
        assert_eq!(ends[0], ("one", QueryStatus::Succeeded, None));
        assert_eq!(ends[1..], [unwanted("two"), unwanted("three"), unwanted("sum")], "{two}");
        let (at, last) = events.last();
        assert_eq!((at, last.status), (300, RunOutcome::Completed));
        let result = last.result.as_ref().unwrap();
        assert_eq!((&result["total_fighters"], &result["synthesis_method"]), (&json!(1), &json!("none")));
        assert_eq!(
            result["validation"],
            json!({"mode": "careful", "title": "One first", "chosen_by": "default", "reasons": []})
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedging_answer_has_the_others_asked_together_and_they_do_not_see_it() {
    let provider = hedging();
    let events = outcome(&cascade("on_fail = \"continue\""), &provider).await;
    assert_eq!(events.starts(), [(0, "one"), (300, "two"), (300, "three"), (550, "sum")]);
    assert!(!provider.heard("two").contains("depends") && provider.heard("sum").contains("depends"));
    let (at, last) = events.last();
    assert_eq!((at, last.status), (650, RunOutcome::Completed), "the critical path and nothing more");
    let result = last.result.as_ref().unwrap();
    let order: Vec<&Value> =
        result["responses"].as_array().unwrap().iter().map(|one| &one["query"]).collect();
    assert_eq!(order, ["one", "two", "three"], "the panel's order, not that of their ends");
    let after = |query: &str| {
        let planned =
            started(&events).queries.iter().find(|planned| planned.query.as_str() == query).unwrap();
        (planned.after.clone(), planned.depends_on.len())
    };
    let one = vec!["one".parse().unwrap()];
    assert_eq!([after("one"), after("two"), after("sum")], [(vec![], 0), (one, 1), (vec![], 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_first_answer_that_fails_is_doubt_enough() {
    let provider = saying(script().fails(Code::RequestRefused));
    let events = outcome(&cascade("on_fail = \"continue\""), &provider).await;
    assert_eq!(events.starts()[1..], [(300, "two"), (300, "three"), (550, "sum")]);
    assert_eq!(events.last().1.status, RunOutcome::Partial);
}

#[tokio::test(start_paused = true)]
async fn a_mode_asks_its_own_and_the_rest_is_not_planned() {
    let provider = sure();
    let mut ask = Ask::new("x");
    ask.input.insert("mode".into(), json!("alone"));
    let Begun { writer, orders, journal, control: _control, .. } =
        begin(&cascade("on_fail = \"continue\""), &provider.pool()).await;
    let offer = Offer::new(cascade("on_fail = \"continue\"").as_ref().clone()).unwrap();
    let job = Job::plan(&offer, Arc::new(ask), &provider.pool(), &Defaults::default()).unwrap();
    drive(job, writer, orders).await.unwrap();
    let events = Events::of(&journal).await;
    let told = started(&events);
    assert_eq!(told.queries.len(), 1);
    let Some(Validation { mode, chosen_by, .. }) = &told.validation else { panic!("{told:?}") };
    assert_eq!((mode.as_str(), *chosen_by), ("alone", ChosenBy::Caller));
    let (_, last) = events.last();
    assert_eq!((last.status, last.performance.queries_skipped), (RunOutcome::Completed, 0));
    assert!(last.warnings.is_empty(), "{:?}", last.warnings);
}

#[tokio::test(start_paused = true)]
async fn the_first_leaves_time_for_those_that_may_follow() {
    let begun = begin(&cascade("on_fail = \"continue\""), &sure().pool()).await;
    let limit = |query: &str| {
        begun.job.queries.iter().find(|planned| planned.query.name.as_str() == query).unwrap().later.stages
    };
    assert_eq!([limit("one"), limit("two"), limit("sum")], [2, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_next_process_goes_on_with_the_cascade_where_it_was() {
    let panel = cascade("on_fail = \"continue\"");
    for (at, asked) in [(100, 5), (310, 6), (580, 5)] {
        let provider = hedging();
        let cut = super::recovery::cut_pool(&panel, provider.pool(), at).await;
        let events = cut.go_on().await;
        assert_eq!(events.last().1.status, RunOutcome::Completed, "{at}");
        assert_eq!(events.end("sum").1.result, Some(json!("all")), "{at}");
        assert_eq!(provider.0.calls(), asked, "{at}: what is there is not asked for again");
    }
    let events = super::recovery::cut_pool(&panel, sure().pool(), 100).await.go_on().await;
    assert_eq!(events.end("two").1.error.as_ref().unwrap().code, Code::ConditionFalse);
}

#[tokio::test(start_paused = true)]
async fn a_retry_decides_over_the_answer_that_is_there() {
    let panel = cascade("on_fail = \"continue\"");
    let saying = |two: Script| {
        Hearing::new(scripted(&[
            ("one", script().answer("It depends.")),
            ("two", two),
            ("three", script().answer("three says")),
            ("sum", script().answer("all")),
        ]))
    };
    let provider = saying(script().fails(Code::RequestRefused));
    let first = begin(&panel, &provider.pool()).await;
    let of = first.journal.run().clone();
    let ends: Vec<QueryCompleted> = first.run().await.ends().map(|(_, end)| end.clone()).collect();
    let provider = saying(script().answer("two at last"));
    let mut second = begin(&panel, &provider.pool()).await;
    second.job.carry_over(of, ends);
    let events = second.run().await;
    assert!(events.end("one").1.carried_over && events.end("three").1.carried_over);
    assert_eq!(events.end("two").1.result, Some(json!("two at last")), "it is asked, for one hedges");
    assert_eq!(events.starts().iter().map(|(_, query)| *query).collect::<Vec<_>>(), ["two", "sum"]);
}

#[tokio::test(start_paused = true)]
async fn a_doubt_that_cannot_be_decided_fails_those_that_would_follow() {
    let text = [
        query("one", ""),
        query("two", ""),
        "[mode]\ndefault = \"m\"\n[mode.m]\nfirst = [\"one\"]\ndoubt = \"answers.one.risk.deep > 3\"\n"
            .to_owned(),
    ];
    let events = outcome(&panel(&text.concat()), &sure()).await;
    assert_eq!(codes(&events)[1], ("two", QueryStatus::Failed, Some(Code::RequestRefused)));
}
