//! The three examples give exactly what is expected of them, and move with their numbers and words.

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use crate::audit::Checks;
use crate::audit::Project;
use crate::audit::Severity;
use crate::audit::check;

const STRIP: &str = include_str!("../../examples/01-foundation-strip.json");
const DECK: &str = include_str!("../../examples/03-parking-deck-violation.json");
const MINIMAL: &str = include_str!("../../examples/06-minimal.json");
const EXPECTED: &str = include_str!("../../tests/fixtures/audit/expected-findings.json");

pub(super) fn examples() -> Vec<(&'static str, Value)> {
    [
        ("01-foundation-strip.json", STRIP),
        ("03-parking-deck-violation.json", DECK),
        ("06-minimal.json", MINIMAL),
    ]
    .into_iter()
    .map(|(name, text)| (name, serde_json::from_str(text).unwrap()))
    .collect()
}

pub(super) fn read(input: &Value) -> Project {
    Project::read(input["project_description"].as_str().unwrap_or_default(), "en", input)
}

/// What a test compares: rule, severity and rows of everything medium or above.
fn grave(checks: &Checks) -> Vec<(String, Severity, Vec<usize>)> {
    let grave = checks.findings.iter().filter(|finding| finding.severity <= Severity::Medium);
    let mut list: Vec<_> = grave.map(|one| (one.rule.clone(), one.severity, one.rows.clone())).collect();
    list.sort();
    list
}

/// Whether a number, or each number of an object, is the same.
fn agrees(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| found.get(key).is_some_and(|own| agrees(own, value)))
        }
        (found, expected) => match (found.as_f64(), expected.as_f64()) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-6,
            _ => found == expected,
        },
    }
}

#[test]
fn each_example_gives_its_expected_findings() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    for (name, input) in examples() {
        let checks = check(&read(&input));
        let list = expected[name].as_array().unwrap();
        for one in list {
            let severity = one.get("severity").cloned().unwrap_or(json!("info"));
            let fits = |finding: &&crate::audit::Finding| {
                let own = serde_json::to_value(finding).unwrap();
                own["rule"] == one["rule"]
                    && own["severity"] == severity
                    && ["positions", "found", "expected"]
                        .into_iter()
                        .all(|key| one.get(key).is_none_or(|value| agrees(&own[key], value)))
            };
            let same: Vec<_> = checks.findings.iter().filter(|finding| finding.rule == one["rule"]).collect();
            assert!(same.iter().any(fits), "{name}: {one} in {same:#?}");
        }
        for finding in checks.findings.iter().filter(|finding| finding.severity <= Severity::Medium) {
            assert!(list.iter().any(|one| one["rule"] == finding.rule), "{name}: {finding:#?}");
        }
        assert_eq!(json!(crate::audit::compliance_status(&checks)), expected["_status"][name], "{name}");
        assert_eq!(checks.coverage.positions_checked, input["positions"].as_array().map_or(0, Vec::len));
    }
}

#[test]
fn the_messages_of_the_strip_say_it_in_numbers() {
    let checks = check(&read(&examples()[0].1));
    let all: Vec<&str> = checks.findings.iter().map(|finding| finding.message.as_str()).collect();
    let all = all.join("\n").to_lowercase();
    for text in [
        "formwork 108 m2 against 54.96 m2",
        "volume 22.5 against 21.6 m3 (+4.2 %)",
        "ph 6.2 is xa1",
        "100 kg/m3 of steel is plausible",
    ] {
        assert!(all.contains(text), "{text} in {all}");
    }
}

/// Names that mean the same, by the first word of the original.
const SYNONYMS: [(&str, [&str; 3]); 5] = [
    ("Concrete", ["Beton", "Concrete, supply and place", "Ortbeton"]),
    ("Reinforcement", ["Výztuž", "Rebar", "Bewehrung"]),
    ("Formwork", ["Bednění", "Shuttering", "Schalung"]),
    ("Soffit formwork", ["Bednění spodku", "Shuttering of soffit", "Schalung unten"]),
    ("Edge formwork", ["Bednění boků", "Shuttering of edges", "Randschalung"]),
];

const ELEMENTS: [(&str, [&str; 3]); 3] = [
    ("foundation_strip", ["základový pas", "strip footing", "Streifenfundament"]),
    ("slab", ["stropní deska", "slab", "Geschossdecke"]),
    ("drainage", ["odvodnění", "drains", "Entwässerung"]),
];

const UNITS: [(&str, [&str; 3]); 6] = [
    ("m³", ["m3", "m 3", "cbm"]),
    ("m3", ["m³", "M3", "m^3"]),
    ("m²", ["m2", "M2", "sqm"]),
    ("m2", ["m²", "m 2", "qm"]),
    ("t", ["T", "tun", "to"]),
    ("m", ["bm", "lm", "lfm"]),
];

/// The example in another language: names, elements and units by synonyms.
fn renamed(input: &Value, language: usize) -> Value {
    let mut input = input.clone();
    let swap = |value: &mut Value, table: &[(&str, [&str; 3])]| {
        if let Some((_, words)) = table.iter().find(|(word, _)| value == word) {
            *value = json!(words[language]);
        }
    };
    if let Some(element) = input.pointer_mut("/specifications/element") {
        swap(element, &ELEMENTS);
    }
    for row in input["positions"].as_array_mut().into_iter().flatten() {
        let name = row["item_name"].as_str().unwrap().to_owned();
        // The longest beginning: "Soffit formwork" before "Formwork".
        if let Some((word, words)) =
            SYNONYMS.iter().filter(|(word, _)| name.starts_with(word)).max_by_key(|(word, _)| word.len())
        {
            row["item_name"] = json!(name.replacen(word, words[language], 1));
        }
        swap(&mut row["unit"], &UNITS);
        if row.get("element").is_some() {
            swap(&mut row["element"], &ELEMENTS);
        }
    }
    input
}

#[test]
fn other_words_for_the_same_give_the_same() {
    for (name, input) in examples() {
        let original = grave(&check(&read(&input)));
        for language in 0..3 {
            assert_eq!(grave(&check(&read(&renamed(&input, language)))), original, "{name} {language}");
        }
    }
}

#[test]
fn the_minimal_example_is_understood_in_other_languages() {
    for text in [
        "Podlahová deska garáže 6 m × 9 m, tl. 200 mm, C25/30, venkovní.",
        "Bodenplatte einer Garage 6 m × 9 m, 200 mm dick, C25/30, im Freien.",
    ] {
        let checks = check(&read(&json!({ "project_description": text })));
        let extract = checks.findings.iter().find(|finding| finding.rule == "EXTRACT").unwrap();
        assert!(agrees(&extract.expected["volume_m3"], &json!(10.8)), "{extract:?}");
        assert_eq!(grave(&checks), [("RFI-MISSING".to_owned(), Severity::Medium, vec![])], "{text}");
    }
}

/// All lengths of the fields times k, and quantities as the geometry asks.
fn scaled(input: &Value, k: f64) -> Value {
    let mut input = input.clone();
    let scale = |value: Option<&mut Value>, by: f64| {
        if let Some(number) = value.as_ref().and_then(|value| value.as_f64()) {
            *value.unwrap() = json!(number * by);
        }
    };
    // The description says the sizes as well, and would contradict them.
    let told = format!("{}m × {}m × {}m", 45.0 * k, 0.8 * k, 0.6 * k);
    let description = input["project_description"].as_str().unwrap().replace("45m × 0.8m × 0.6m", &told);
    input["project_description"] = json!(description);
    for side in ["length", "width", "height"] {
        scale(input.pointer_mut(&format!("/specifications/dimensions_m/{side}")), k);
    }
    for row in input["positions"].as_array_mut().into_iter().flatten() {
        for side in ["length", "width", "height"] {
            scale(row.pointer_mut(&format!("/dimensions_m/{side}")), k);
        }
        let power = match row["unit"].as_str().unwrap() {
            "m³" | "m3" | "t" => 3,
            "m²" | "m2" => 2,
            _ => 1,
        };
        scale(row.get_mut("quantity"), k.powi(power));
        scale(row.get_mut("total_price"), k.powi(power));
    }
    input
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn findings_move_with_the_numbers(k in 0.2f64..5.0) {
        for (name, input) in examples() {
            let (before, after) = (check(&read(&input)), check(&read(&scaled(&input, k))));
            prop_assert_eq!(grave(&after), grave(&before), "{}", name);
            let powers = [("GEO-VOL", 3), ("GEO-FORM", 2), ("RATIO-REBAR", 0)];
            for (rule, power) in powers {
                let of = |checks: &Checks| checks.findings.iter().find(|finding| finding.rule == rule).cloned();
                let (Some(before), Some(after)) = (of(&before), of(&after)) else { continue };
                for (one, other) in [(&before.found, &after.found), (&before.expected, &after.expected)] {
                    let (Some(one), Some(other)) = (one.as_f64(), other.as_f64()) else { continue };
                    prop_assert!((other / (one * k.powi(power)) - 1.0).abs() < 1e-2, "{rule} {one} {other} {k}");
                }
            }
        }
    }

    #[test]
    fn longer_dimensions_alone_break_the_volume(k in 1.2f64..4.0) {
        let mut input = examples().swap_remove(0).1;
        input["specifications"]["dimensions_m"]["length"] = json!(45.0 * k);
        let finding = check(&read(&input)).findings.into_iter().find(|finding| finding.rule == "GEO-VOL").unwrap();
        prop_assert!(finding.severity <= Severity::High);
        prop_assert!((finding.expected.as_f64().unwrap() - 21.6 * k).abs() < 1e-3);
    }

    #[test]
    fn rows_may_stand_in_any_order(order in Just(vec![0usize, 1, 2, 3, 4]).prop_shuffle()) {
        for (name, input) in examples() {
            let Some(rows) = input["positions"].as_array() else { continue };
            let order: Vec<usize> = order.iter().copied().filter(|at| *at < rows.len()).collect();
            let mut shuffled = input.clone();
            shuffled["positions"] = order.iter().map(|at| rows[*at].clone()).collect();
            let mut back = check(&read(&shuffled));
            for finding in &mut back.findings {
                finding.rows = finding.rows.iter().map(|row| order[*row]).collect();
                finding.rows.sort_unstable();
            }
            prop_assert_eq!(grave(&back), grave(&check(&read(&input))), "{}", name);
        }
    }

    #[test]
    fn any_input_is_checked_without_panic(text in ".{0,60}", quantity in ".{0,8}", unit in ".{0,4}") {
        let input = json!({"project_description": text, "positions": [{"item_name": text, "quantity": quantity, "unit": unit}]});
        let _ = check(&read(&input));
    }
}

#[test]
fn defects_far_down_a_long_bill_are_found() {
    let mut rows: Vec<Value> = Vec::new();
    for part in 0..62 {
        let object = format!("SO {part}");
        let row = |name: &str, quantity: Value, unit: &str| {
            json!({"no": format!("{part}.{unit}"), "item_name": name, "quantity": quantity, "unit": unit, "object": object,
                "element": "wall", "concrete_class": if unit == "m3" { json!("C30/37") } else { Value::Null }})
        };
        rows.push(row("Beton stěn", json!(format!("{},5", part + 10)), "m3"));
        rows.push(row("Výztuž stěn", json!((f64::from(part) + 10.5) * 0.09), "t"));
        rows.push(row("Bednění stěn", json!(f64::from(part) * 7.0 + 70.0), "m2"));
        rows.push(row("Odstranění bednění stěn", json!(f64::from(part) * 7.0 + 70.0), "m2"));
    }
    let specifications = json!({"ruleset": "cz", "exposure_classes": ["XC4", "XF1"], "cover_mm": 40});
    let clean = read(&json!({"positions": rows, "specifications": specifications}));
    assert_eq!(grave(&check(&clean)), []);
    rows[101]["quantity"] = json!(rows[101]["quantity"].as_f64().unwrap() * 10.0);
    rows[144]["quantity"] = json!(-3);
    rows[202]["unit"] = json!("kg");
    rows.push(rows[240].clone());
    let project = read(&json!({"positions": rows, "specifications": specifications}));
    let mut rules: Vec<_> = grave(&check(&project)).into_iter().map(|(rule, _, rows)| (rule, rows)).collect();
    rules.sort();
    let expected = [
        ("DUP", vec![240, 248]),
        ("QTY-NEG", vec![144]),
        ("RATIO-REBAR", vec![100, 101]),
        ("UNIT-CAT", vec![202]),
    ];
    let mut expected: Vec<(String, Vec<usize>)> =
        expected.into_iter().map(|(rule, rows)| (rule.to_owned(), rows)).collect();
    // The doubled concrete halves the steel content of its wall, still plausible enough to ask only.
    rules.retain(|(rule, rows)| rule != "RATIO-REBAR" || rows[0] == 100);
    expected.sort();
    assert_eq!(rules, expected);
}

#[test]
fn ground_water_in_a_description_alone_is_judged() {
    let rules = |question: &str| {
        let checks = check(&Project::read(question, "en", &json!({})));
        checks
            .findings
            .into_iter()
            .filter(|one| one.severity <= Severity::High)
            .map(|one| one.rule)
            .collect::<Vec<_>>()
    };
    assert_eq!(rules("Foundation strip 45 m x 0.8 m x 0.6 m, ground water pH 6.2"), ["EXP-XA-PH"]);
    assert_eq!(rules("Základový pas 45 m x 0,8 m x 0,6 m, podzemní voda pH 5,0"), ["EXP-XA-PH"]);
    assert_eq!(rules("Foundation strip 45 m x 0.8 m x 0.6 m, ground water pH 7.2"), Vec::<String>::new());
    assert_eq!(rules("pH 6.2"), Vec::<String>::new(), "of what?");
}
