//! Queries whose bill is longer than a prompt: planned in parts, and at the end taken together again.
//!
//! The panel that runs has the parts in the place of their query. So each is a
//! planned query like any other, with its own clocks, retries and end.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::job::Job;
use super::job::Planned;
use crate::ask::Ask;
use crate::audit;
use crate::audit::Checked;
use crate::audit::Unread;
use crate::event::QueryCompleted;
use crate::event::Warning;
use crate::merge::join;
use crate::panel::Panel;
use crate::panel::Query;
use crate::panel::parts::List;

/// The panel and its queries with each in parts that needs them; only models have a longest prompt.
pub fn split(panel: Arc<Panel>, ask: &Ask, queries: Vec<Planned>) -> (Arc<Panel>, Vec<Planned>) {
    let mut positions: Option<Vec<Range<usize>>> = None;
    let mut parts: Vec<Arc<Query>> = Vec::new();
    let mut split = |planned: Planned| {
        let Some(wanted) = planned.query.parts.as_ref().filter(|_| planned.asks_models_only()) else {
            return vec![planned];
        };
        let cuts = match wanted.of {
            List::Positions => positions.get_or_insert_with(|| audit::cuts(&ask.input)),
        };
        let own = planned.query.in_parts(cuts);
        parts.extend(own.iter().cloned());
        own.into_iter().map(|query| planned.asking(query)).collect()
    };
    let queries: Vec<Planned> = queries.into_iter().flat_map(&mut split).collect();
    let is_cut = parts.iter().any(|query| query.slice.is_some());
    let panel = if is_cut { Arc::new(panel.in_parts(&parts)) } else { panel };
    (panel, queries)
}

/// How many rows of the bill the models get, by the panel's queries.
pub fn positions_sent(job: &Job, checked: &Checked) -> BTreeMap<String, usize> {
    let mut sent = BTreeMap::new();
    for planned in job.queries.iter().filter(|planned| planned.asks_a_model()) {
        let rows =
            planned.query.slice.as_ref().map_or(checked.brief.positions_sent, |slice| slice.rows.len());
        *sent.entry(planned.query.whole().to_string()).or_default() += rows;
    }
    sent
}

/// How a query of the panel ended, its parts taken together.
pub struct Whole<'a> {
    /// Its end under its own name: an answer if any part has one.
    pub end: Cow<'a, QueryCompleted>,
    /// What the parts without an answer leave open, if another one has an answer.
    pub unread: Vec<Unread<'a>>,
    /// Where the parts' answers differ and the first stands.
    differing: Vec<String>,
}

/// Most fields that a warning names.
const NAMED: usize = 10;

impl Whole<'_> {
    /// What a reader should know of an answer that was made of several.
    pub fn warning(&self) -> Option<Warning> {
        let named: Vec<&str> = self.differing.iter().take(NAMED).map(String::as_str).collect();
        let more = if self.differing.len() > NAMED { " and more" } else { "" };
        (!named.is_empty()).then(|| Warning {
            source: self.end.query.to_string(),
            severity: "info".into(),
            code: "parts_differ".into(),
            message: format!(
                "The answers to parts of the bill differ in {}{more}; the first one stands.",
                named.join(", ")
            ),
        })
    }
}

/// The queries of the panel as they ended, in its order; `plan` are those that ran.
pub fn wholes<'a>(plan: &'a [Arc<Query>], ends: &'a [QueryCompleted]) -> Vec<Whole<'a>> {
    let mut wholes: Vec<Whole<'a>> = Vec::new();
    let query_of = |end: &QueryCompleted| plan.iter().find(|query| query.name == end.query);
    for end in ends {
        let Some(query) = query_of(end).filter(|query| query.slice.is_some()) else {
            wholes.push(Whole { end: Cow::Borrowed(end), unread: Vec::new(), differing: Vec::new() });
            continue;
        };
        if wholes.iter().any(|whole| whole.end.query == *query.whole()) {
            continue;
        }
        let is_part = |(other, _): &(&Arc<Query>, &QueryCompleted)| other.whole() == query.whole();
        let parts: Vec<_> =
            ends.iter().filter_map(|end| Some((query_of(end)?, end))).filter(is_part).collect();
        wholes.push(together(query, &parts));
    }
    wholes
}

/// One end from those of all parts of a query.
fn together<'a>(query: &Query, parts: &[(&'a Arc<Query>, &'a QueryCompleted)]) -> Whole<'a> {
    let answers: Vec<&Value> = parts.iter().filter_map(|(_, end)| end.result.as_ref()).collect();
    let rules = query.parts.as_ref().map(|parts| parts.join.as_slice()).unwrap_or_default();
    let joined = join::join(rules, &answers);
    let open = |(part, end): &(&'a Arc<Query>, &'a QueryCompleted)| {
        let rows = part.slice.as_ref()?.rows.clone();
        Some(Unread { query: end.query.as_str(), rows, failure: end.error.as_ref()? })
    };
    let unread = parts.iter().filter(|_| joined.is_some()).filter_map(open).collect();
    // Who answered, or the first of those that did not, tells the rest.
    let told = parts.iter().find(|(_, end)| end.result.is_some()).or(parts.first());
    let mut end = told.map(|(_, end)| QueryCompleted::clone(end)).expect("a query has at least one part");
    end.query = query.whole().clone();
    let (answer, differing) = joined.map(|joined| (joined.answer, joined.differing)).unzip();
    end.result = answer;
    Whole { end: Cow::Owned(end), unread, differing: differing.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::engine::finish::Ended;
    use crate::engine::finish::Stop;
    use crate::event::FinalResult;
    use crate::event::RunOutcome;
    use crate::id::RunId;

    /// Query `a` in three parts, and `b` as one.
    fn panel(need: usize) -> Panel {
        let query = |id: &str, more: &str| format!("[[query]]\nid = \"{id}\"\nprompt = \"p.md\"\n{more}");
        let parts = "[query.parts]\nof = \"positions\"\njoin = { list = \"concat\", odd = \"first\" }\n";
        let queries = format!("{}{}", query("a", parts), query("b", ""));
        let toml = format!("title = \"T\"\nchecks = \"construction\"\n{queries}[merge]\nneed = {need}\n");
        let files = |path: &str| match path {
            "panel.toml" => Some(toml.clone().into_bytes()),
            "p.md" => Some(b"{{ question }}".to_vec()),
            _ => None,
        };
        let panel = Panel::parse("p".parse().unwrap(), &files).unwrap();
        let parts = panel.queries[0].in_parts(&[0..5, 5..9, 9..12]);
        panel.in_parts(&parts)
    }

    fn end(query: &str, answer: Option<Value>) -> QueryCompleted {
        let mut end =
            json!({"query": query, "status": "succeeded", "time_ms": 1, "attempts": 1, "warnings": []});
        match answer {
            Some(answer) => end["result"] = answer,
            None => {
                end["status"] = json!("failed");
                end["error"] =
                    json!({"code": "timeout", "message": format!("{query} is silent."), "retryable": true});
            }
        }
        serde_json::from_value(end).unwrap()
    }

    fn ended(panel: &Panel, ends: &[QueryCompleted]) -> FinalResult {
        let ended = Ended {
            run: &RunId::generate(),
            panel: &panel.name,
            merge: &panel.merge,
            queries: ends,
            plan: &panel.queries,
            checked: None,
            told: None,
            warnings: Vec::new(),
            stop: Stop::Done,
            total: Duration::from_secs(1),
        };
        ended.result()
    }

    #[test]
    fn parts_end_as_one_query_with_what_they_left_open() {
        let panel = panel(1);
        let names: Vec<&str> = panel.queries.iter().map(|query| query.name.as_str()).collect();
        assert_eq!(names, ["a-1", "a-2", "a-3", "b"]);
        let one = json!({"list": [1], "odd": 1});
        let three = json!({"list": [1], "odd": 3});
        let ends =
            [end("a-1", Some(one)), end("a-2", None), end("a-3", Some(three)), end("b", Some(json!("yes")))];
        let wholes = wholes(&panel.queries, &ends);
        let names: Vec<&str> = wholes.iter().map(|whole| whole.end.query.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(wholes[0].end.result, Some(json!({"list": [1, 1], "odd": 1})));
        let unread: Vec<_> = wholes[0].unread.iter().map(|part| (part.query, part.rows.clone())).collect();
        assert_eq!(unread, [("a-2", 5..9)]);
        assert!(wholes[0].warning().unwrap().message.contains("differ in odd;"));
        let last = ended(&panel, &ends);
        assert_eq!(last.status, RunOutcome::Partial);
        assert_eq!(last.result.unwrap()["answers"], json!({"a": {"list": [1, 1], "odd": 1}, "b": "yes"}));
    }

    #[test]
    fn parts_count_as_one_towards_what_is_needed() {
        let yes = || Some(json!({"list": []}));
        for (need, a, b, status) in [
            (1, [yes(), yes(), yes()], None, RunOutcome::Partial),
            (2, [yes(), yes(), yes()], None, RunOutcome::Failed),
            (2, [None, None, yes()], yes(), RunOutcome::Partial),
            (2, [yes(), yes(), yes()], yes(), RunOutcome::Completed),
            (1, [None, None, None], yes(), RunOutcome::Partial),
            (1, [None, None, None], None, RunOutcome::Failed),
        ] {
            let panel = panel(need);
            let mut ends: Vec<_> = (1..).zip(a).map(|(nth, a)| end(&format!("a-{nth}"), a)).collect();
            ends.push(end("b", b));
            assert_eq!(ended(&panel, &ends).status, status, "{need} {ends:?}");
            let wholes = wholes(&panel.queries, &ends);
            assert_eq!(wholes[0].end.result.is_some(), wholes[0].end.error.is_none());
        }
    }
}
