//! From several answers to one result, field by field.
//!
//! Each field of the panel's rules says whom it comes from (`provenance`) and
//! where the answers disagreed (`conflicts`, with every claim). What no rule
//! names stands in `rest` under its query as it came, so no field is lost. A
//! default never goes before an answer. Pure: the same answers in the same
//! order make the same result.

pub mod agreement;
mod claim;
pub mod join;
pub mod members;
mod rule;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::panel::rules::FieldRule;

/// What one query has to say.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The query.
    pub query: &'a str,
    /// Its answer, or what stands in its place.
    pub answer: &'a Value,
    /// Whether that is the panel's default.
    pub is_default: bool,
}

/// One answer's value for a field.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The query.
    pub query: &'a str,
    /// The value.
    pub value: &'a Value,
}

/// What became of the claims of one field.
#[derive(Debug)]
struct Merged<'a> {
    value: Value,
    /// The queries it comes from.
    queries: Vec<&'a str>,
    /// Where they disagreed, below the field.
    conflicts: Vec<Conflict<'a>>,
}

/// A disagreement.
#[derive(Debug)]
struct Conflict<'a> {
    /// Where below the field, empty for the field itself.
    place: String,
    claims: Vec<Claim<'a>>,
}

/// The merged result of `parts`, which are in the panel's order.
pub fn merge(rules: &[FieldRule], parts: &[Part<'_>]) -> Map<String, Value> {
    let mut result = Map::new();
    let (mut provenance, mut conflicts) = (Map::new(), Vec::new());
    for rule in rules {
        let (claims, is_default) = claims(rule, parts);
        let Some(merged) = rule::apply(&rule.rule, &claims) else {
            if let Some(default) = &rule.default {
                result.insert(rule.field.clone(), default.clone());
                provenance.insert(
                    rule.field.clone(),
                    json!({"rule": rule.rule.name(), "queries": [], "default": true}),
                );
            }
            continue;
        };
        for conflict in &merged.conflicts {
            let claim = |claim: &Claim<'_>| json!({"query": claim.query, "value": claim.value});
            let claims: Vec<Value> = conflict.claims.iter().map(claim).collect();
            let field = format!("{}{}", rule.field, conflict.place);
            conflicts.push(json!({"field": field, "rule": rule.rule.name(), "claims": claims}));
        }
        let mut from = json!({"rule": rule.rule.name(), "queries": merged.queries});
        if is_default {
            from["default"] = json!(true);
        }
        provenance.insert(rule.field.clone(), from);
        result.insert(rule.field.clone(), merged.value);
    }
    let rest: Map<String, Value> = parts.iter().filter_map(|part| rest(rules, part)).collect();
    result.insert("provenance".into(), Value::Object(provenance));
    result.insert("conflicts".into(), Value::Array(conflicts));
    if !rest.is_empty() {
        result.insert("rest".into(), Value::Object(rest));
    }
    result
}

/// Who claims something for a field, and whether that are defaults: they count only where no answer does.
fn claims<'a>(rule: &FieldRule, parts: &[Part<'a>]) -> (Vec<Claim<'a>>, bool) {
    let claims = |defaults: bool| -> Vec<Claim<'a>> {
        let counts = |part: &&Part<'a>| part.is_default == defaults && concerns(rule, part.query);
        let claim = |part: &Part<'a>| {
            let value = part.answer.get(&rule.field).filter(|value| !value.is_null())?;
            Some(Claim { query: part.query, value })
        };
        parts.iter().filter(counts).filter_map(claim).collect()
    };
    match claims(false) {
        answers if answers.is_empty() => (claims(true), true),
        answers => (answers, false),
    }
}

fn concerns(rule: &FieldRule, query: &str) -> bool {
    rule.from.as_ref().is_none_or(|from| from.iter().any(|name| name.as_str() == query))
}

/// What no rule names of an answer; all of one that has no fields.
fn rest(rules: &[FieldRule], part: &Part<'_>) -> Option<(String, Value)> {
    let Value::Object(fields) = part.answer else {
        return Some((part.query.to_owned(), part.answer.clone()));
    };
    let is_named = |field: &str| rules.iter().any(|rule| rule.field == field && concerns(rule, part.query));
    let left: Map<String, Value> = fields
        .iter()
        .filter(|(field, _)| !is_named(field))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    (!left.is_empty()).then(|| (part.query.to_owned(), Value::Object(left)))
}

#[cfg(test)]
mod tests;
