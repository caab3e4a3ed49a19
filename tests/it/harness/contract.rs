//! What the contract says of any whole stream, checked in one place.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::json;

use super::Event;

/// All events of this name.
pub fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.name == name).collect()
}

/// The `query_completed` of a query.
#[track_caller]
pub fn completed<'a>(events: &'a [Event], query: &str) -> &'a Value {
    let found = events.iter().find(|event| event.is("query_completed", query));
    &found.unwrap_or_else(|| panic!("no query_completed of {query}")).data
}

/// Checks a whole stream from its first event to its last against sections 5 and 6 of the contract.
#[track_caller]
pub fn assert_contract(events: &[Event], deltas: bool) {
    let numbered: Vec<&Event> = events.iter().filter(|event| event.id.is_some()).collect();
    for event in events.iter().filter(|event| event.id.is_none()) {
        assert!(
            ["heartbeat", "stream_gap", "stream_closing"].contains(&event.name.as_str()),
            "{}",
            event.block
        );
    }
    let gap = events.iter().find(|event| event.name == "stream_gap");
    stamps(&numbered, deltas, gap.map_or(1, first_available));
    // Where pieces of text were dropped, the rest is no text.
    let deltas = deltas && gap.is_none();
    holds(&numbered);
    let first = numbered[0];
    assert_eq!(first.name, "run_started");
    assert_eq!(first.seq(), 1);
    assert_eq!(events[0].retry, Some(2000), "the first block carries the retry");
    assert!(events[1..].iter().all(|event| event.retry.is_none()), "and no other");
    let last = numbered[numbered.len() - 1];
    assert_eq!(last.name, "final_result");
    assert_eq!(last.data["terminal"], true);
    assert_eq!(named(events, "final_result").len(), 1);
    assert_eq!(named(events, "run_started").len(), 1);
    let planned = first.data["queries"].as_array().unwrap();
    for query in planned {
        one_query(&numbered, query, deltas);
    }
    let names: Vec<&str> = planned.iter().map(|query| query["query"].as_str().unwrap()).collect();
    for event in &numbered {
        assert!(event.query().is_empty() || names.contains(&event.query()), "{}", event.block);
    }
    starts_before_completions(&numbered, planned);
    the_result(&numbered, &names);
}

/// Keys that `final_result` itself may have.
const OWN: [&str; 10] = [
    "reason",
    "panel",
    "status",
    "error",
    "warnings",
    "performance",
    "queries",
    "result",
    "result_ref",
    "simulated",
];

/// From where on a stream that tells of a gap has no holes.
fn first_available(gap: &Event) -> u64 {
    let number = |key: &str| gap.data[key].as_u64().unwrap();
    assert!(number("requested") < number("first_available"), "{}", gap.block);
    number("first_available")
}

/// A paused run starts no query.
fn holds(events: &[&Event]) {
    let mut paused = false;
    for event in events {
        match event.name.as_str() {
            "run_paused" | "run_resumed" => {
                assert_eq!(paused, event.name == "run_resumed", "{}", event.block);
                assert_eq!(event.data["by"], "client");
                paused = !paused;
            }
            "query_started" => assert!(!paused, "started while paused: {}", event.block),
            _ => {}
        }
    }
}

fn stamps(events: &[&Event], deltas: bool, whole_from: u64) {
    let run = events[0].data["run_id"].as_str().unwrap();
    assert!(run.len() == 30 && run.starts_with("run_"), "{run}");
    let mut before = (0, 0);
    for event in events {
        let data = &event.data;
        assert_eq!(event.id.as_deref(), Some(format!("{run}.{}", event.seq()).as_str()));
        assert_eq!(data["run_id"], run);
        let elapsed = data["elapsed_ms"].as_u64().unwrap();
        assert!(elapsed >= before.1, "time goes back: {}", event.block);
        match deltas {
            true if event.seq() > whole_from => {
                assert_eq!(event.seq(), before.0 + 1, "a hole: {}", event.block)
            }
            true => assert!(event.seq() > before.0, "{}", event.block),
            false => assert!(event.seq() > before.0 && event.name != "query_delta", "{}", event.block),
        }
        before = (event.seq(), elapsed);
        let at = data["at"].as_str().unwrap();
        let shape: String = at.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000Z");
        let keys: Vec<&str> = data.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys[..5], ["type", "run_id", "seq", "at", "elapsed_ms"]);
        // A flattened result is the models' own: there null is an answer.
        let own = |key: &str| event.name != "final_result" || OWN.contains(&key);
        let null = data.as_object().unwrap().iter().find(|(key, value)| value.is_null() && own(key));
        assert!(null.is_none(), "absent means missing: {}", event.block);
    }
}

fn one_query(events: &[&Event], planned: &Value, deltas: bool) {
    let name = planned["query"].as_str().unwrap();
    let own: Vec<&&Event> = events.iter().filter(|event| event.query() == name).collect();
    let ends: Vec<&&&Event> = own.iter().filter(|event| event.name == "query_completed").collect();
    assert_eq!(ends.len(), 1, "{name} completes exactly once");
    let end = &ends[0].data;
    let after: Vec<_> = own.iter().skip_while(|event| event.name != "query_completed").skip(1).collect();
    assert!(after.iter().all(|event| event.name == "run_warning"), "{name}: something follows its end");
    let starts: Vec<_> = own.iter().filter(|event| event.name == "query_started").collect();
    assert!(starts.len() <= 1, "{name} starts at most once");
    let status = end["status"].as_str().unwrap();
    if end["carried_over"] == true {
        assert_eq!(own.len(), 1, "{name}: what is carried over is not asked");
        assert_eq!(
            (&end["status"], &end["attempts"], &end["time_ms"]),
            (&json!("succeeded"), &json!(0), &json!(0))
        );
        assert!(events[0].data["retry_of"].is_string() && end.get("result").is_some(), "{end}");
        return;
    }
    if end["recovered"] == true {
        let lost = own.iter().any(|event| event.data["reason"]["code"] == "interrupted");
        assert!(lost, "{name}: its loss was not announced");
    }
    match status {
        "succeeded" => {
            let left_behind = end["result_truncated"] == true && end["result_ref"].is_string();
            let answered = left_behind != end.get("result").is_some();
            assert!(end.get("error").is_none() && answered && starts.len() == 1, "{end}")
        }
        "failed" | "skipped" | "cancelled" => {
            assert!(end.get("result").is_none(), "{end}");
            let error = &end["error"];
            assert!(
                error["code"].is_string() && error["message"].is_string() && error["retryable"].is_boolean(),
                "{end}"
            );
            assert_eq!(
                error["code"] == "timeout",
                error["which"].is_string() && error["limit_ms"].is_u64(),
                "{end}"
            );
        }
        other => panic!("{other}"),
    }
    assert!(status != "skipped" || (starts.is_empty() && end["attempts"] == 0), "a skipped one never starts");
    if let Some(start) = starts.first() {
        assert_eq!(start.data["attempt"], 1);
        for need in planned["depends_on"].as_array().unwrap() {
            let done =
                events.iter().find(|event| event.is("query_completed", need.as_str().unwrap())).unwrap();
            assert!(done.seq() < start.seq(), "{name} started before {need} completed");
            let plan = events[0].data["queries"].as_array().unwrap();
            let needed = plan.iter().find(|other| other["query"] == *need).unwrap();
            assert!(done.data["status"] == "succeeded" || needed.get("on_fail").is_some(), "{}", done.block);
        }
        let before = own.iter().take_while(|event| event.name != "query_started");
        for event in before {
            assert_eq!(event.data["phase"], "queued", "before its start a query only waits: {}", event.block);
        }
    }
    progress(&own);
    attempts(&own, end);
    assert!(status != "succeeded" || end.get("partial_result").is_none(), "{end}");
    let tokens = |event: &Value| event["usage"]["total_tokens"].as_u64().unwrap_or(0);
    let retries = own.iter().filter(|event| event.name == "query_retrying");
    let given_up: u64 = retries.map(|event| tokens(&event.data)).sum();
    assert!(given_up <= tokens(end), "{name}: all attempts count: {end}");
    if deltas {
        text(&own, end);
    }
}

fn progress(own: &[&&Event]) {
    let mut before = 0;
    let mut times: Vec<u64> = Vec::new();
    for event in own.iter().filter(|event| event.name == "query_progress") {
        let progress = event.data["progress"].as_u64().unwrap();
        assert!((before..=100).contains(&progress), "progress falls: {}", event.block);
        before = progress;
        let phase = event.data["phase"].as_str().unwrap();
        assert!(["queued", "connecting", "waiting", "streaming", "validating"].contains(&phase), "{phase}");
        assert_eq!(phase == "queued", event.data.get("ahead").is_some());
        times.push(event.data["elapsed_ms"].as_u64().unwrap());
    }
    for window in times.windows(11) {
        assert!(window[10] - window[0] >= 1000, "more than 10 progress events in a second: {times:?}");
    }
}

fn attempts(own: &[&&Event], end: &Value) {
    let retries: Vec<_> = own.iter().filter(|event| event.name == "query_retrying").collect();
    for (nth, retry) in retries.iter().enumerate() {
        assert_eq!(retry.data["attempt"], nth + 2, "{}", retry.block);
        assert!(retry.data["reason"]["code"].is_string() && retry.data["delay_ms"].is_u64());
        assert!(retry.data["from"]["provider"].is_string() && retry.data["to"]["model"].is_string());
        assert!(retry.data["discarded"].is_u64());
    }
    let made = end["attempts"].as_u64().unwrap();
    let announced = retries.len() as u64;
    // One that was announced is not made when the query ends in the wait before it.
    assert!(made == announced + 1 || (end["status"] != "succeeded" && made == announced), "{end}");
}

fn text(own: &[&&Event], end: &Value) {
    let mut attempt = 1;
    let mut text = String::new();
    for event in own {
        match event.name.as_str() {
            "query_delta" => {
                assert_eq!(event.data["attempt"], attempt, "{}", event.block);
                assert_eq!(event.data["offset"], text.chars().count(), "{}", event.block);
                text += event.data["text"].as_str().unwrap();
            }
            "query_retrying" => {
                let discarded = event.data["discarded"].as_u64().unwrap();
                assert_eq!(discarded, text.chars().count() as u64, "{}", event.block);
                text.clear();
                attempt += 1;
            }
            _ => {}
        }
    }
    match &end["result"] {
        Value::Null => {}
        Value::String(result) => assert_eq!(text.trim(), result),
        result => {
            // What had to be taken out of prose, or repaired, is noted as a warning.
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                assert_eq!(value, *result);
            }
        }
    }
}

/// Rule 4: all that are ready at once announce their start before any completes, unless they queue.
fn starts_before_completions(events: &[&Event], planned: &[Value]) {
    let ends = |event: &&&Event| event.name == "query_completed" && event.data["carried_over"] != true;
    let Some(first_end) = events.iter().find(ends) else { return };
    for query in planned.iter().filter(|query| query["depends_on"].as_array().unwrap().is_empty()) {
        let name = query["query"].as_str().unwrap();
        let queued = events.iter().any(|event| event.query() == name && event.data["phase"] == "queued");
        let start = events.iter().find(|event| event.is("query_started", name));
        if let Some(start) = start.filter(|_| !queued) {
            assert!(start.seq() < first_end.seq(), "{name} started after another had completed");
        }
    }
}

fn the_result(events: &[&Event], names: &[&str]) {
    let last = &events[events.len() - 1].data;
    let ends: HashMap<&str, &Value> = events
        .iter()
        .filter(|event| event.name == "query_completed")
        .map(|event| (event.query(), &event.data))
        .collect();
    let listed = last["queries"].as_object().unwrap();
    assert_eq!(listed.keys().map(String::as_str).collect::<Vec<_>>(), names, "in the panel's order");
    let count = |status: &str| ends.values().filter(|end| end["status"] == status).count();
    for (name, summary) in listed {
        assert_eq!(summary["status"], ends[name.as_str()]["status"]);
        assert_eq!(summary["time_ms"], ends[name.as_str()]["time_ms"]);
    }
    let performance = &last["performance"];
    let number = |key: &str| performance[key].as_u64().unwrap_or(0) as usize;
    assert_eq!(number("queries_successful"), count("succeeded"));
    assert_eq!(number("queries_failed"), count("failed"));
    assert_eq!(number("queries_cancelled"), count("cancelled"));
    assert_eq!(number("queries_skipped"), count("skipped"));
    assert_eq!(number("queries_executed"), names.len() - count("skipped"));
    assert!(performance.get("queries_failed").is_some());
    let total = performance["total_time_ms"].as_u64().unwrap();
    let sum: u64 =
        performance["query_times"].as_object().unwrap().values().map(|time| time.as_u64().unwrap()).sum();
    let efficiency = performance["parallel_efficiency"].as_f64().unwrap();
    let expected = sum as f64 / total.max(1) as f64 * 100.0;
    assert!((efficiency - expected).abs() < 0.1, "{efficiency} is not {expected}");
    let status = last["status"].as_str().unwrap();
    let unwanted = ends.values().filter(|end| end["error"]["code"] == "condition_false").count();
    let all = count("succeeded") + unwanted == names.len();
    match status {
        "completed" => assert!(all, "{last}"),
        "partial" => assert!(!all && count("succeeded") > 0, "{last}"),
        "failed" => assert!(last["error"]["code"].is_string() && last.get("result").is_none(), "{last}"),
        "cancelled" => {
            assert!(["client", "disconnect", "shutdown"].contains(&last["reason"].as_str().unwrap()))
        }
        other => panic!("{other}"),
    }
    money(performance, &ends);
    assert!(last["warnings"].is_array());
    assert!(last["result_ref"].as_str().unwrap().ends_with("/result"));
}

/// What the run used and cost is what its queries did.
fn money(performance: &Value, ends: &HashMap<&str, &Value>) {
    let tokens = |end: &&Value| end["usage"]["total_tokens"].as_u64().unwrap_or(0);
    let sum: u64 = ends.values().map(tokens).sum();
    assert_eq!(performance["tokens_total"].as_u64().unwrap(), sum);
    let costs: Vec<&Value> = ends.values().filter_map(|end| end.get("cost")).collect();
    let Some(whole) = performance.get("cost") else {
        assert!(costs.is_empty(), "the sum is missing: {performance}");
        return;
    };
    let amount = |cost: &Value| cost["amount"].as_f64().unwrap();
    let sum: f64 = costs.iter().map(|cost| amount(cost)).sum();
    assert!((amount(whole) - sum).abs() <= 1e-12 * sum.max(1.0), "{whole} is not {sum}");
    assert!(costs.iter().all(|cost| cost["currency"] == whole["currency"]), "one currency");
    // Who used something and does not say what it cost has no price.
    let known = |end: &&Value| match end.get("cost") {
        Some(cost) => end["usage"].is_object() && cost["complete"] == true,
        None => end.get("usage").is_none(),
    };
    assert_eq!(whole["complete"], ends.values().all(known), "{whole}");
    let estimated = costs.iter().any(|cost| cost["estimated"] == true);
    assert_eq!(whole.get("estimated").is_some(), estimated, "{whole}");
}
