//! The rules themselves: from claims to one value.

use std::collections::HashMap;
use std::collections::HashSet;

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

/// An item of a list, as one or several say it.
enum Item<'a> {
    Plain(&'a Value),
    /// Objects with the same id.
    Keyed(Vec<Claim<'a>>),
}

/// The items of all claims in one list; `once` leaves out what is there already. Answers may hold items by the
/// hundred thousand, so none is compared with all others.
fn listed<'a>(claims: &[Claim<'a>], key: Option<&str>, once: bool) -> Merged<'a> {
    let mut items: Vec<Item<'a>> = Vec::new();
    let (mut seen, mut places) = (HashSet::new(), HashMap::new());
    for claim in claims {
        for value in claim.value.as_array().map_or(std::slice::from_ref(claim.value), Vec::as_slice) {
            let said = Claim { query: claim.query, value };
            let id = key.and_then(|key| value.get(key));
            match id.map(|id| *places.entry(id).or_insert(items.len())) {
                None if once && !seen.insert(value) => {}
                None => items.push(Item::Plain(value)),
                Some(at) => match items.get_mut(at) {
                    Some(Item::Keyed(all)) => all.push(said),
                    _ => items.push(Item::Keyed(vec![said])),
                },
            }
        }
    }
    let mut conflicts = Vec::new();
    let value = items.iter().map(|item| match item {
        Item::Plain(value) => (*value).clone(),
        Item::Keyed(claims) => together(claims, key.unwrap_or_default(), &mut conflicts),
    });
    let value = value.collect();
    Merged { value, queries: claims.iter().map(|claim| claim.query).collect(), conflicts }
}

/// One object with the fields of all; of a field the first value, and a conflict where others differ.
fn together<'a>(claims: &[Claim<'a>], key: &str, conflicts: &mut Vec<Conflict<'a>>) -> Value {
    let mut whole: Map<String, Value> = Map::new();
    let fields = claims.iter().filter_map(|claim| claim.value.as_object()).flatten();
    for (name, value) in fields {
        if whole.contains_key(name) {
            continue;
        }
        whole.insert(name.clone(), value.clone());
        let said = |claim: &Claim<'a>| Some(Claim { query: claim.query, value: claim.value.get(name)? });
        let said: Vec<Claim<'a>> = claims.iter().filter_map(said).collect();
        if said.iter().any(|other| other.value != value) {
            let id = claims[0].value.get(key).unwrap_or(&Value::Null);
            conflicts.push(Conflict { place: format!("[{key}={id}].{name}"), claims: said });
        }
    }
    Value::Object(whole)
}

/// The texts of all claims, each once, a line each; other claims are a conflict.
fn lines<'a>(claims: &[Claim<'a>]) -> Merged<'a> {
    let mut seen = HashSet::new();
    let texts = claims.iter().filter_map(|claim| claim.value.as_str());
    let lines: Vec<&str> = texts.filter(|text| seen.insert(*text)).collect();
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
