//! One answer from those to the parts of one question.
//!
//! What no rule names comes from the first part that has it, object by
//! object, and lists hold what any part has, so that the joined answer has the
//! shape of each. Lists keep their ids apart: a later part's `RISK-001` gets
//! the next free number.

use std::collections::HashMap;
use std::collections::HashSet;

use serde_json::Map;
use serde_json::Value;

use super::Claim;
use super::rule;
use crate::panel::rules::FieldRule;

/// What several answers become.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// The one answer.
    pub answer: Value,
    /// The fields in which they differ and one of them stands, by their paths.
    pub differing: Vec<String>,
}

/// Joins the answers of parts, in their order; nothing of none.
pub fn join(rules: &[FieldRule], answers: &[&Value]) -> Option<Joined> {
    let first = (*answers.first()?).clone();
    let mut joined = Joined { answer: first, differing: Vec::new() };
    if answers.iter().all(|answer| answer.is_string()) {
        let texts: Vec<&str> = answers.iter().filter_map(|answer| answer.as_str()).collect();
        joined.answer = Value::from(texts.join("\n\n"));
        return Some(joined);
    }
    let named = |path: &str| rules.iter().any(|rule| rule.field == path);
    for answer in &answers[1..] {
        fill(&mut joined.answer, answer, ("", &named), &mut joined.differing);
    }
    for rule in rules {
        let values = answers.iter().filter_map(|answer| at(answer, &rule.field));
        let given = values.filter(|value| !value.is_null());
        let claims: Vec<Claim<'_>> = given.map(|value| Claim { query: "", value }).collect();
        let Some(mut merged) = rule::apply(&rule.rule, &claims) else { continue };
        if let Value::Array(items) = &mut merged.value {
            number_apart(items);
        }
        if !merged.conflicts.is_empty() && !rule.rule.decides() {
            joined.differing.push(rule.field.clone());
        }
        put(&mut joined.answer, &rule.field, merged.value);
    }
    joined.differing.sort();
    joined.differing.dedup();
    Some(joined)
}

/// Adds what `own` lacks of `other`, but for what a rule makes; notes where they differ.
fn fill(
    own: &mut Value,
    other: &Value,
    (path, named): (&str, &dyn Fn(&str) -> bool),
    differing: &mut Vec<String>,
) {
    if named(path) || other.is_null() {
        return;
    }
    match (own, other) {
        (Value::Object(own), Value::Object(other)) => {
            for (key, value) in other {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                fill(own.entry(key.clone()).or_insert(Value::Null), value, (&path, named), differing);
            }
        }
        (Value::Array(own), Value::Array(other)) => {
            let known: HashSet<&Value> = own.iter().collect();
            let more: Vec<Value> = other.iter().filter(|item| !known.contains(item)).cloned().collect();
            own.extend(more);
            number_apart(own);
        }
        (own @ Value::Null, other) => *own = other.clone(),
        (own, other) if own != other => differing.push(path.to_owned()),
        _ => {}
    }
}

/// The value at a path with dots.
fn at<'a>(answer: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(answer, |value, key| value.get(key))
}

/// Puts a value at a path with dots, where objects lead to it.
fn put(answer: &mut Value, path: &str, value: Value) {
    let mut place = answer;
    for key in path.split('.') {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(key).or_insert(Value::Null);
    }
    *place = value;
}

/// Gives items whose `id` another one has the next free number of the same kind.
fn number_apart(items: &mut [Value]) {
    let id = |item: &Value| item.get("id").and_then(Value::as_str).map(str::to_owned);
    let mut all: HashSet<String> = items.iter().filter_map(id).collect();
    let mut seen = HashSet::new();
    // Where to look on, by kind: what was taken stays taken.
    let mut next: HashMap<String, u64> = HashMap::new();
    for item in items {
        let Some(own) = id(item) else { continue };
        if seen.insert(own.clone()) {
            continue;
        }
        let kind = own.trim_end_matches(|c: char| c.is_ascii_digit());
        let width = own.len() - kind.len();
        let next = next.entry(kind.to_owned()).or_insert(1);
        let free = loop {
            let name = format!("{kind}{next:0width$}");
            *next += 1;
            if !all.contains(&name) {
                break name;
            }
        };
        item["id"] = Value::from(free.as_str());
        all.insert(free.clone());
        seen.insert(free);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::panel::rules::Rule;

    fn rule(field: &str, rule: Rule) -> FieldRule {
        FieldRule { field: field.into(), rule, from: None, default: None }
    }

    #[test]
    fn parts_become_one_answer_of_the_same_shape() {
        let order = ["UNKNOWN", "COMPLIANT", "CONDITIONAL"].map(Value::from).to_vec();
        let rules = [
            rule("status.overall", Rule::Worst { order }),
            rule("status.summary", Rule::Lines),
            rule("risks", Rule::Concat),
            rule("cost.concrete.total", Rule::Sum),
            rule("absent", Rule::Concat),
        ];
        let one = json!({"status": {"overall": "COMPLIANT", "summary": "Fine."}, "risks": [{"id": "RISK-001"}, {"id": "RISK-002"}],
            "cost": {"concrete": {"total": 0.1, "price": 7}}, "by": {"XC4": 1}, "note": null, "element": "wall", "odd": [1]});
        let two = json!({"status": {"overall": "CONDITIONAL", "summary": "Not quite."}, "risks": [{"id": "RISK-001"}, {"id": "R", "x": 1}],
            "cost": {"concrete": {"total": 0.2, "price": 7}}, "by": {"XF3": 2}, "note": "n", "element": "slab", "odd": [1, 2]});
        let joined = join(&rules, &[&one, &two]).unwrap();
        assert_eq!(
            joined.answer,
            json!({"status": {"overall": "CONDITIONAL", "summary": "Fine.\nNot quite."},
                "risks": [{"id": "RISK-001"}, {"id": "RISK-002"}, {"id": "RISK-003"}, {"id": "R", "x": 1}],
                "cost": {"concrete": {"total": 0.3, "price": 7}}, "by": {"XC4": 1, "XF3": 2}, "note": "n", "element": "wall", "odd": [1, 2]})
        );
        assert_eq!(joined.differing, ["element"]);
    }

    #[test]
    fn one_part_stays_as_it_is_and_texts_follow_each_other() {
        let one = json!({"risks": [{"id": "RISK-001"}, {"id": "RISK-001"}], "n": 1});
        assert_eq!(join(&[], &[&one]).unwrap(), Joined { answer: one.clone(), differing: vec![] });
        assert_eq!(join(&[], &[&json!("a"), &json!("b")]).unwrap().answer, "a\n\nb");
        assert_eq!(
            join(&[rule("n", Rule::Sum)], &[&one, &json!({"n": null}), &json!([])]).unwrap().answer["n"],
            1
        );
        assert_eq!(join(&[], &[]), None);
    }
}
