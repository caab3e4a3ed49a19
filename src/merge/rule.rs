//! The rules themselves: from claims to one value.

use serde_json::Map;
use serde_json::Number;
use serde_json::Value;
use serde_json::json;

use super::Claim;
use super::Conflict;
use super::Merged;
use crate::panel::rules::Rule;

/// What a rule makes of the claims; nothing of none.
pub(super) fn apply<'a>(rule: &Rule, claims: &[Claim<'a>]) -> Option<Merged<'a>> {
    let first = claims.first()?;
    Some(match rule {
        Rule::First => chosen(*first, claims),
        Rule::Concat => listed(claims, None, false),
        Rule::Union { key } => listed(claims, key.as_deref(), true),
        Rule::Worst { order } => {
            let rank = |claim: &Claim<'_>| order.iter().position(|value| value == claim.value);
            // Of equals the first; what the order does not know never goes before what it does.
            let mut worst = *first;
            for claim in claims {
                if rank(claim) > rank(&worst) {
                    worst = *claim;
                }
            }
            chosen(worst, claims)
        }
        Rule::Majority => {
            let votes = |claim: &Claim<'_>| claims.iter().filter(|other| other.value == claim.value).count();
            let mut most = *first;
            for claim in claims {
                if votes(claim) > votes(&most) {
                    most = *claim;
                }
            }
            chosen(most, claims)
        }
        Rule::Lines => lines(claims),
        Rule::Sum => counted(claims, |numbers| number(plain(numbers.iter().sum()))),
        Rule::Mean => counted(claims, |numbers| number(mean(numbers))),
        Rule::Spread => counted(claims, |numbers| {
            let (least, greatest) = (numbers.first().copied(), numbers.last().copied());
            json!({"min": least.map(number), "max": greatest.map(number), "mean": number(mean(numbers))})
        }),
    })
}

/// One claim as it is, from all who make it; a conflict when others differ.
fn chosen<'a>(chosen: Claim<'a>, claims: &[Claim<'a>]) -> Merged<'a> {
    let agreeing = claims.iter().filter(|claim| claim.value == chosen.value).map(|claim| claim.query);
    let queries: Vec<&str> = agreeing.collect();
    let differs = queries.len() < claims.len();
    let conflict = || Conflict { place: String::new(), claims: claims.to_vec() };
    Merged { value: chosen.value.clone(), queries, conflicts: differs.then(conflict).into_iter().collect() }
}

/// The items of all claims in one list; `once` leaves out what is there already.
fn listed<'a>(claims: &[Claim<'a>], key: Option<&str>, once: bool) -> Merged<'a> {
    let mut items: Vec<Value> = Vec::new();
    let mut conflicts = Vec::new();
    let all = claims.iter().flat_map(|claim| {
        let items = match claim.value {
            Value::Array(items) => items.iter().collect(),
            single => vec![single],
        };
        items.into_iter().map(|value| Claim { query: claim.query, value })
    });
    for claim in all {
        if once && items.contains(claim.value) {
            continue;
        }
        let id = key.and_then(|key| Some((key, claim.value.get(key)?)));
        let same = |item: &&mut Value| id.is_some_and(|(key, id)| item.get(key) == Some(id));
        match (items.iter_mut().find(same), id) {
            (Some(Value::Object(item)), Some((key, id))) => {
                conflicts.extend(complete(item, &format!("[{key}={id}]"), claim));
            }
            _ => items.push(claim.value.clone()),
        }
    }
    Merged {
        value: Value::Array(items),
        queries: claims.iter().map(|claim| claim.query).collect(),
        conflicts: conflicts.into_iter().map(|place| Conflict { place, claims: claims.to_vec() }).collect(),
    }
}

/// Adds what an object lacks; the places where the two say different things.
fn complete(item: &mut Map<String, Value>, place: &str, claim: Claim<'_>) -> Vec<String> {
    let mut differing = Vec::new();
    for (name, value) in claim.value.as_object().into_iter().flatten() {
        match item.get(name) {
            None => {
                item.insert(name.clone(), value.clone());
            }
            Some(there) if there == value => {}
            Some(_) => differing.push(format!("{place}.{name}")),
        }
    }
    differing
}

/// The texts of all claims, each once, a line each; other claims are a conflict.
fn lines<'a>(claims: &[Claim<'a>]) -> Merged<'a> {
    let mut lines: Vec<&str> = Vec::new();
    for text in claims.iter().filter_map(|claim| claim.value.as_str()) {
        if !lines.contains(&text) {
            lines.push(text);
        }
    }
    let queries: Vec<&str> =
        claims.iter().filter(|claim| claim.value.is_string()).map(|claim| claim.query).collect();
    let differs = queries.len() < claims.len();
    let value = if queries.is_empty() { Value::Null } else { Value::from(lines.join("\n")) };
    let conflict = || Conflict { place: String::new(), claims: claims.to_vec() };
    Merged { value, queries, conflicts: differs.then(conflict).into_iter().collect() }
}

/// What is made of the numbers among the claims, least first; other claims are a conflict.
fn counted<'a>(claims: &[Claim<'a>], make: impl FnOnce(&[f64]) -> Value) -> Merged<'a> {
    let mut numbers: Vec<f64> = claims.iter().filter_map(|claim| claim.value.as_f64()).collect();
    // In one order whatever order they came in: sums of floats depend on it.
    numbers.sort_unstable_by(f64::total_cmp);
    let queries = claims.iter().filter(|claim| claim.value.is_number()).map(|claim| claim.query).collect();
    let differs = numbers.len() < claims.len();
    let value = if numbers.is_empty() { Value::Null } else { make(&numbers) };
    let conflict = || Conflict { place: String::new(), claims: claims.to_vec() };
    Merged { value, queries, conflicts: differs.then(conflict).into_iter().collect() }
}

/// Each part is divided first: the sum of the greatest floats is none.
fn mean(numbers: &[f64]) -> f64 {
    let sum: f64 = numbers.iter().sum();
    let count = numbers.len() as f64;
    if sum.is_finite() { sum / count } else { numbers.iter().map(|number| number / count).sum() }
}

/// A sum without the noise of binary fractions.
fn plain(sum: f64) -> f64 {
    const FINE: f64 = 1e6;
    if sum.abs() < 1e9 { (sum * FINE).round() / FINE } else { sum }
}

/// A whole number without a point.
fn number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
