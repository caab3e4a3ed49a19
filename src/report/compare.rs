//! Two runs side by side: which findings are gone, which came, which stayed.
//!
//! A finding is the same when the same rule speaks of the same rows of the
//! bill, known by their text and unit: their numbers shift as soon as somebody
//! inserts a row, and their quantities are what one corrects. A finding about
//! the project as a whole is known by its sentence without the figures. What a
//! rule objected to before and finds in order now is resolved, and the other way round.

use std::collections::HashMap;
use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

/// One of the two runs.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its final result.
    pub result: &'a Value,
    /// The rows of its bill.
    pub positions: &'a [Value],
}

/// What became of the findings.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Only in the first run.
    pub resolved: Vec<Value>,
    /// Only in the second.
    pub new: Vec<Value>,
    /// In both.
    pub unchanged: Vec<Kept>,
}

/// A finding of both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kept {
    /// As the second run has it.
    #[serde(flatten)]
    pub finding: Value,
    /// What the first run said otherwise.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub before: Map<String, Value>,
}

/// Fields of a finding whose change is worth telling.
const TOLD: [&str; 4] = ["severity", "found", "expected", "message"];

/// The findings of `a` and `b` side by side, in the order of their runs.
pub fn compare(a: Side, b: Side) -> Comparison {
    let mut earlier: HashMap<String, VecDeque<&Value>> = HashMap::new();
    for finding in findings(a) {
        earlier.entry(identity(finding, a)).or_default().push_back(finding);
    }
    let mut comparison = Comparison::default();
    for finding in findings(b) {
        match earlier.get_mut(&identity(finding, b)).and_then(VecDeque::pop_front) {
            None => comparison.new.push(finding.clone()),
            // It was looked at both times, and says now that nothing is wrong, or something.
            Some(before) if asks(before) && !asks(finding) => comparison.resolved.push(before.clone()),
            Some(before) if !asks(before) && asks(finding) => comparison.new.push(finding.clone()),
            Some(before) => {
                let changed = TOLD.iter().filter(|key| before[**key] != finding[**key]);
                let before = changed.map(|key| ((*key).to_owned(), before[*key].clone())).collect();
                comparison.unchanged.push(Kept { finding: finding.clone(), before });
            }
        }
    }
    for finding in findings(a) {
        let left = earlier
            .get_mut(&identity(finding, a))
            .filter(|left| left.front().is_some_and(|first| std::ptr::eq(*first, finding)));
        comparison.resolved.extend(left.and_then(VecDeque::pop_front).cloned());
    }
    comparison
}

/// Whether somebody has to do something about it.
fn asks(finding: &Value) -> bool {
    finding["severity"] != "info"
}

fn findings(side: Side<'_>) -> impl Iterator<Item = &Value> {
    side.result["findings"].as_array().into_iter().flatten()
}

fn identity(finding: &Value, side: Side) -> String {
    let mut parts = vec![finding["rule"].as_str().unwrap_or_default().to_owned()];
    let rows = finding["rows"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    let mut of_rows: Vec<String> =
        rows.map(|row| side.positions.get(row as usize).map_or_else(|| row.to_string(), subject)).collect();
    of_rows.sort_unstable();
    if of_rows.is_empty() {
        let message = finding["message"].as_str().unwrap_or_default();
        parts.push(message.chars().filter(|c| !c.is_ascii_digit()).collect());
    }
    parts.extend(of_rows);
    parts.join("\u{1f}")
}

/// What a row is about, whatever its number and quantity.
fn subject(position: &Value) -> String {
    let name = position["description"].as_str().or_else(|| position["item_name"].as_str());
    let words = [name, position["unit"].as_str(), position["object"].as_str()].map(Option::unwrap_or_default);
    words.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()).join("\u{1e}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bill(rows: &[(&str, f64)]) -> Vec<Value> {
        rows.iter()
            .map(|(name, quantity)| json!({"item_name": name, "quantity": quantity, "unit": "m3"}))
            .collect()
    }

    fn said(findings: &[(&str, &[usize], &str)]) -> Value {
        let all: Vec<Value> = findings
            .iter()
            .map(|(rule, rows, message)| json!({"rule": rule, "rows": rows, "message": message, "severity": "high"}))
            .collect();
        json!({ "findings": all })
    }

    fn rules(findings: &[Value]) -> Vec<&str> {
        findings.iter().filter_map(|finding| finding["rule"].as_str()).collect()
    }

    #[test]
    fn a_row_that_moved_is_still_the_same_row() {
        let (before, after) =
            (bill(&[("Slab", 1.0), ("Wall", 2.0)]), bill(&[("New", 9.0), ("Slab", 1.5), ("wall ", 2.0)]));
        let a = said(&[("GEO-VOL", &[0], "1 against 2"), ("DUP", &[0, 1], "twice")]);
        let b = said(&[("DUP", &[1, 2], "twice"), ("GEO-VOL", &[1], "1.5 against 2")]);
        let seen = compare(Side { result: &a, positions: &before }, Side { result: &b, positions: &after });
        assert_eq!((seen.resolved.len(), seen.new.len(), seen.unchanged.len()), (0, 0, 2));
        assert_eq!(seen.unchanged[0].before, Map::new());
        assert_eq!(seen.unchanged[1].before["message"], "1 against 2");
    }

    #[test]
    fn what_went_and_what_came_is_told_apart() {
        let rows = bill(&[("Slab", 1.0), ("Wall", 2.0)]);
        let a = said(&[
            ("GEO-VOL", &[0], ""),
            ("SAFETY", &[], "gamma 1.2"),
            ("COVER", &[0], ""),
            ("COVER", &[0], ""),
        ]);
        let b = said(&[("GEO-VOL", &[1], ""), ("SAFETY", &[], "gamma 1.3"), ("COVER", &[0], "")]);
        let seen = compare(Side { result: &a, positions: &rows }, Side { result: &b, positions: &rows });
        assert_eq!(rules(&seen.resolved), ["GEO-VOL", "COVER"]);
        assert_eq!(rules(&seen.new), ["GEO-VOL"]);
        assert_eq!(seen.unchanged.len(), 2);
    }

    #[test]
    fn what_a_rule_finds_in_order_now_is_resolved() {
        let rows = bill(&[("Formwork", 108.0)]);
        let with = |severity: &str| json!({"findings": [{"rule": "GEO-FORM", "rows": [0], "message": "", "severity": severity}]});
        let (bad, good, worse) = (with("high"), with("info"), with("critical"));
        let side = |result| Side { result, positions: &rows };
        let counts = |seen: Comparison| (seen.resolved.len(), seen.new.len(), seen.unchanged.len());
        let mended = compare(side(&bad), side(&good));
        assert_eq!(mended.resolved[0]["severity"], "high");
        assert_eq!(counts(mended), (1, 0, 0));
        assert_eq!(counts(compare(side(&good), side(&bad))), (0, 1, 0));
        assert_eq!(counts(compare(side(&bad), side(&worse))), (0, 0, 1));
        assert_eq!(counts(compare(side(&good), side(&good))), (0, 0, 1));
    }

    #[test]
    fn nothing_is_compared_with_nothing() {
        let none = json!({});
        let side = Side { result: &none, positions: &[] };
        assert_eq!(compare(side, side), Comparison::default());
    }
}
