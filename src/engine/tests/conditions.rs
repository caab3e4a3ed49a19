//! Queries that are asked only if something holds.

use serde_json::json;

use super::gaps::Hearing;
use super::*;

fn query(id: &str, more: &str) -> String {
    format!("[[query]]\nid = \"{id}\"\nprompt = \"p.md\"\n{more}\n")
}

/// `risk` answers, `deep` is asked if it says so, `sum` needs both.
fn deepening(when: &str, on_fail: &str) -> Arc<Panel> {
    let text = [
        query("risk", ""),
        query("deep", &format!("needs = [\"risk\"]\nwhen = \"{when}\"\n{on_fail}")),
        query("sum", "needs = [\"risk\", \"deep\"]"),
    ];
    panel(&text.concat())
}

fn provider() -> Arc<Hearing> {
    Hearing::new(scripted(&[
        ("risk", script().answer("high").after(100)),
        ("deep", script().answer("very deep").after(100)),
        ("sum", script().answer("all").after(100)),
    ]))
}

async fn outcome(panel: &Arc<Panel>) -> (Events, Arc<Hearing>) {
    let provider = provider();
    (begin(panel, &provider.pool()).await.run().await, provider)
}

#[tokio::test(start_paused = true)]
async fn a_query_is_asked_only_if_its_condition_holds() {
    let (events, _) = outcome(&deepening("answers.risk == 'high'", "")).await;
    assert_eq!(events.starts(), [(0, "risk"), (100, "deep"), (200, "sum")]);
    assert_eq!(events.last().1.status, RunOutcome::Completed);
    let (events, _) = outcome(&deepening("answers.risk == 'low'", "")).await;
    assert_eq!(events.starts(), [(0, "risk")]);
    let (at, end) = events.end("deep");
    assert_eq!((at, end.status, end.attempts, end.time_ms), (100, QueryStatus::Skipped, 0, 0));
    assert_eq!(end.error.as_ref().unwrap().code, Code::ConditionFalse);
    let (_, sum) = events.end("sum");
    assert_eq!(
        (sum.status, sum.error.as_ref().unwrap().code),
        (QueryStatus::Skipped, Code::DependencyFailed)
    );
    assert_eq!(events.last().1.status, RunOutcome::Partial, "the sum is missing");
}

#[tokio::test(start_paused = true)]
async fn what_no_condition_wanted_is_not_missing() {
    let (events, provider) = outcome(&deepening("answers.risk == 'low'", "on_fail = \"continue\"")).await;
    assert_eq!(events.starts(), [(0, "risk"), (100, "sum")]);
    assert!(provider.heard("sum").contains("[answer of deep - no answer: condition_false]"));
    let (_, last) = events.last();
    assert_eq!((last.status, last.performance.queries_skipped), (RunOutcome::Completed, 1));
    assert_eq!(last.result, Some(json!({"answers": {"risk": "high", "sum": "all"}})));
    let warning = last.warnings.iter().find(|warning| warning["source"] == "deep").unwrap();
    assert_eq!((&warning["code"], &warning["severity"]), (&json!("condition_false"), &json!("info")));
}

#[tokio::test(start_paused = true)]
async fn a_run_without_any_answer_has_failed_whatever_the_conditions_say() {
    let (events, _) = outcome(&panel(&query("risk", "when = \"language == 'xx'\""))).await;
    assert_eq!(events.last().1.status, RunOutcome::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_cannot_be_decided_fails_its_query_alone() {
    let (events, _) = outcome(&deepening("answers.risk.level.deep > 3", "on_fail = \"continue\"")).await;
    let (_, end) = events.end("deep");
    assert_eq!((end.status, end.error.as_ref().unwrap().code), (QueryStatus::Failed, Code::RequestRefused));
    assert_eq!(events.end("sum").1.status, QueryStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn the_next_process_decides_the_same() {
    let panel = deepening("answers.risk == 'low'", "on_fail = \"continue\"");
    for at in [50, 150] {
        let provider = provider();
        let events = super::recovery::cut_pool(&panel, provider.pool(), at).await.go_on().await;
        assert_eq!(events.end("deep").1.error.as_ref().unwrap().code, Code::ConditionFalse, "{at}");
        assert_eq!(events.last().1.status, RunOutcome::Completed, "{at}");
    }
}
