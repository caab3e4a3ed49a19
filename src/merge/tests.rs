//! Tables of the rules, and what holds whatever models answer.

use proptest::prelude::*;

use super::*;
use crate::panel::rules::Rule;

fn rule(field: &str, rule: Rule) -> FieldRule {
    FieldRule { field: field.into(), rule, from: None, default: None }
}

fn of(rules: &[FieldRule], answers: &[(&str, Value)]) -> Value {
    let parts: Vec<Part<'_>> =
        answers.iter().map(|(query, answer)| Part { query, answer, is_default: false }).collect();
    Value::Object(merge(rules, &parts))
}

fn three(rule_: Rule, a: Value, b: Value, c: Value) -> Value {
    of(&[rule("x", rule_)], &[("a", json!({"x": a})), ("b", json!({"x": b})), ("c", json!({"x": c}))])
}

#[test]
fn each_rule_makes_one_value_and_tells_who_and_where_they_differ() {
    let worst = || Rule::Worst { order: vec![json!("ok"), json!("risk"), json!("fail")] };
    let union = || Rule::Union { key: None };
    // Rule, three claims, the value, whom it comes from, conflicts.
    let rows = [
        (Rule::First, [json!(1), json!(1), json!(2)], json!(1), json!(["a", "b"]), 1),
        (Rule::First, [json!(null), json!("u"), json!("u")], json!("u"), json!(["b", "c"]), 0),
        (Rule::Concat, [json!([1, 2]), json!(2), json!([])], json!([1, 2, 2]), json!(["a", "b", "c"]), 0),
        (union(), [json!([1, 2]), json!([2, 3]), json!(1)], json!([1, 2, 3]), json!(["a", "b", "c"]), 0),
        (worst(), [json!("ok"), json!("fail"), json!("risk")], json!("fail"), json!(["b"]), 1),
        (worst(), [json!("huh"), json!("ok"), json!("ok")], json!("ok"), json!(["b", "c"]), 1),
        (worst(), [json!("huh"), json!(null), json!("huh")], json!("huh"), json!(["a", "c"]), 0),
        (Rule::Majority, [json!(1), json!(2), json!(2)], json!(2), json!(["b", "c"]), 1),
        (Rule::Majority, [json!(3), json!(2), json!(1)], json!(3), json!(["a"]), 1),
        (Rule::Mean, [json!(1), json!(2.5), json!(4)], json!(2.5), json!(["a", "b", "c"]), 0),
        (Rule::Mean, [json!(1), json!("n/a"), json!(3)], json!(2), json!(["a", "c"]), 1),
        (Rule::Mean, [json!("?"), json!(null), json!(null)], json!(null), json!([]), 1),
        (Rule::Mean, [json!(f64::MAX), json!(f64::MAX), json!(null)], json!(f64::MAX), json!(["a", "b"]), 0),
        (
            Rule::Spread,
            [json!(5), json!(1), json!(3)],
            json!({"min": 1, "max": 5, "mean": 3}),
            json!(["a", "b", "c"]),
            0,
        ),
    ];
    for (rule, [a, b, c], value, queries, conflicts) in rows {
        let name = format!("{rule:?} {a} {b} {c}");
        let merged = three(rule, a, b, c);
        assert_eq!((&merged["x"], &merged["provenance"]["x"]["queries"]), (&value, &queries), "{name}");
        assert_eq!(merged["conflicts"].as_array().unwrap().len(), conflicts, "{name}: {merged}");
        assert!(merged.get("rest").is_none(), "{name}: {merged}");
    }
}

#[test]
fn a_conflict_has_every_claim() {
    let merged = three(Rule::First, json!("go"), json!("stop"), json!("go"));
    let claims = json!([{"query": "a", "value": "go"}, {"query": "b", "value": "stop"}, {"query": "c", "value": "go"}]);
    assert_eq!(merged["conflicts"], json!([{"field": "x", "rule": "first", "claims": claims}]));
}

#[test]
fn objects_with_one_key_are_one_and_differ_in_the_open() {
    let key = || Rule::Union { key: Some("id".into()) };
    let merged = three(
        key(),
        json!([{"id": 1, "risk": "low"}, {"note": "no id"}]),
        json!([{"id": 1, "risk": "high", "page": 3}, {"id": 2}]),
        json!([{"id": 2}, {"note": "no id"}]),
    );
    assert_eq!(merged["x"], json!([{"id": 1, "risk": "low", "page": 3}, {"note": "no id"}, {"id": 2}]));
    let fields: Vec<&Value> =
        merged["conflicts"].as_array().unwrap().iter().map(|one| &one["field"]).collect();
    assert_eq!(fields, ["x[id=1].risk"]);
    let claims = json!([{"query": "a", "value": "low"}, {"query": "b", "value": "high"}]);
    assert_eq!(merged["conflicts"][0]["claims"], claims, "what they say there, and nothing else");
}

#[test]
fn every_claim_about_an_item_is_told_at_the_place_where_they_differ() {
    let key = || Rule::Union { key: Some("id".into()) };
    let item = |risk: &str| json!([{"id": "R", "risk": risk, "page": 1}]);
    let merged = three(key(), item("low"), item("high"), item("high"));
    assert_eq!(merged["x"], item("low"));
    let [conflict] = &merged["conflicts"].as_array().unwrap()[..] else { panic!("{merged}") };
    assert_eq!(conflict["field"], "x[id=\"R\"].risk");
    let values: Vec<&Value> =
        conflict["claims"].as_array().unwrap().iter().map(|claim| &claim["value"]).collect();
    assert_eq!(values, ["low", "high", "high"]);
}

/// Tens of thousands of items each, which takes no time unless each is compared with all.
#[test]
fn long_lists_are_no_burden() {
    let many = |from: u32, text: &str| -> Value {
        (from..from + 30_000).map(|n| json!({"id": n, "text": text})).collect()
    };
    let key = || Rule::Union { key: Some("id".into()) };
    let (a, b) = (json!({"x": many(0, "a")}), json!({"x": many(15_000, "b")}));
    let merged = of(&[rule("x", key())], &[("a", a.clone()), ("b", b.clone())]);
    assert_eq!(merged["x"].as_array().unwrap().len(), 45_000);
    assert_eq!(merged["conflicts"].as_array().unwrap().len(), 15_000);
    let merged = of(&[rule("x", Rule::Union { key: None })], &[("a", a.clone()), ("b", b.clone())]);
    assert_eq!(merged["x"].as_array().unwrap().len(), 60_000);
    let same: Value = (0..30_000).map(|n| json!({"id": "R-1", "n": n})).collect();
    let joined = join::join(&[], &[&a["x"], &b["x"], &same]).unwrap();
    assert_eq!(joined.answer.as_array().unwrap().len(), 90_000);
}

#[test]
fn what_no_rule_names_stands_in_the_rest() {
    let rules = [FieldRule { from: Some(vec!["a".parse().unwrap()]), ..rule("x", Rule::First) }];
    let merged =
        of(&rules, &[("a", json!({"x": 1, "y": 2})), ("b", json!({"x": 3})), ("c", json!("a text"))]);
    assert_eq!(merged["x"], 1);
    assert_eq!(merged["rest"], json!({"a": {"y": 2}, "b": {"x": 3}, "c": "a text"}));
}

#[test]
fn a_default_stands_only_where_no_answer_does() {
    let rules = [FieldRule { default: Some(json!("none")), ..rule("x", Rule::First) }];
    assert_eq!(of(&rules, &[("a", json!({}))])["provenance"]["x"]["default"], true);
    assert_eq!(of(&rules, &[("a", json!({}))])["x"], "none");
    let (made_up, said) = (json!({"x": "made up"}), json!({"x": "said"}));
    let part = |query, answer, is_default| Part { query, answer, is_default };
    let both = merge(&rules, &[part("a", &made_up, true), part("b", &said, false)]);
    assert_eq!((&both["x"], both["provenance"]["x"].get("default")), (&json!("said"), None));
    let alone = merge(&rules, &[part("a", &made_up, true)]);
    assert_eq!(alone["provenance"]["x"], json!({"rule": "first", "queries": ["a"], "default": true}));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        (-1e6..1e6f64).prop_map(Value::from),
        prop_oneof![Just("ok"), Just("risk"), Just("fail")].prop_map(Value::from),
    ];
    prop_oneof![leaf.clone(), prop::collection::vec(leaf, 0..4).prop_map(Value::from)]
}

fn answer() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-e]", value(), 0..5)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

fn rules() -> Vec<FieldRule> {
    let order = vec![json!("ok"), json!("risk"), json!("fail")];
    let rules = [Rule::Worst { order }, Rule::Mean, Rule::Spread, Rule::Union { key: None }];
    ["a", "b", "c", "d"].into_iter().zip(rules).map(|(field, made)| rule(field, made)).collect()
}

proptest! {
    #[test]
    fn no_field_is_lost(answers in prop::collection::vec(answer(), 1..5)) {
        let names = ["q1", "q2", "q3", "q4"];
        let answers: Vec<(&str, Value)> = names.into_iter().zip(answers).collect();
        let merged = of(&rules(), &answers);
        for (query, answer) in &answers {
            for (field, value) in answer.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()) {
                let told = match rules().iter().any(|rule| rule.field == *field) {
                    true => merged.get(field).is_some(),
                    false => merged["rest"][query][field] == *value,
                };
                prop_assert!(told, "{query}.{field} of {merged}");
            }
        }
    }

    #[test]
    fn worst_mean_and_spread_do_not_depend_on_the_order(answers in prop::collection::vec(answer(), 1..5)) {
        let names = ["q1", "q2", "q3", "q4"];
        let mut answers: Vec<(&str, Value)> = names.into_iter().zip(answers).collect();
        // What the order of `worst` does not know is chosen by place.
        answers.iter_mut().for_each(|(_, answer)| if !answer["a"].is_string() { answer["a"] = Value::Null });
        let forth = of(&rules(), &answers);
        answers.reverse();
        let back = of(&rules(), &answers);
        for field in ["a", "b", "c"] {
            prop_assert_eq!(forth.get(field), back.get(field));
        }
        let items = |merged: &Value| {
            let mut items: Vec<String> = merged["d"].as_array().into_iter().flatten().map(Value::to_string).collect();
            items.sort();
            items
        };
        prop_assert_eq!(items(&forth), items(&back));
    }
}
