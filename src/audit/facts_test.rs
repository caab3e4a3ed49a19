//! The tables of the standards, cell by cell, against what the checks say at each limit and just past it.
//!
//! The numbers are typed from the tables themselves; none is read from the
//! rulesets.

use serde_json::Value;
use serde_json::json;

use crate::audit::Project;
use crate::audit::Severity;
use crate::audit::check;

/// A class with its lowest strength, highest w/c, least cement and least air.
type Limits = (&'static str, &'static str, Option<f64>, Option<f64>, Option<f64>);

const EN: [Limits; 18] = [
    ("X0", "C12/15", None, None, None),
    ("XC1", "C20/25", Some(0.65), Some(260.0), None),
    ("XC2", "C25/30", Some(0.60), Some(280.0), None),
    ("XC3", "C30/37", Some(0.55), Some(280.0), None),
    ("XC4", "C30/37", Some(0.50), Some(300.0), None),
    ("XS1", "C30/37", Some(0.50), Some(300.0), None),
    ("XS2", "C35/45", Some(0.45), Some(320.0), None),
    ("XS3", "C35/45", Some(0.45), Some(340.0), None),
    ("XD1", "C30/37", Some(0.55), Some(300.0), None),
    ("XD2", "C30/37", Some(0.55), Some(300.0), None),
    ("XD3", "C35/45", Some(0.45), Some(320.0), None),
    ("XF1", "C30/37", Some(0.55), Some(300.0), None),
    ("XF2", "C25/30", Some(0.55), Some(300.0), Some(4.0)),
    ("XF3", "C30/37", Some(0.50), Some(320.0), Some(4.0)),
    ("XF4", "C30/37", Some(0.45), Some(340.0), Some(4.0)),
    ("XA1", "C30/37", Some(0.55), Some(300.0), None),
    ("XA2", "C30/37", Some(0.50), Some(320.0), None),
    ("XA3", "C35/45", Some(0.45), Some(360.0), None),
];

const CZ: [Limits; 18] = [
    ("X0", "C12/15", None, None, None),
    ("XC1", "C16/20", Some(0.65), Some(260.0), None),
    ("XC2", "C16/20", Some(0.60), Some(280.0), None),
    ("XC3", "C20/25", Some(0.55), Some(280.0), None),
    ("XC4", "C25/30", Some(0.50), Some(300.0), None),
    ("XS1", "C30/37", Some(0.50), Some(300.0), None),
    ("XS2", "C35/45", Some(0.45), Some(320.0), None),
    ("XS3", "C35/45", Some(0.45), Some(340.0), None),
    ("XD1", "C25/30", Some(0.55), Some(300.0), None),
    ("XD2", "C25/30", Some(0.55), Some(300.0), None),
    ("XD3", "C30/37", Some(0.45), Some(320.0), None),
    ("XF1", "C25/30", Some(0.55), Some(300.0), None),
    ("XF2", "C25/30", Some(0.55), Some(300.0), Some(4.0)),
    ("XF3", "C25/30", Some(0.50), Some(320.0), Some(4.0)),
    ("XF4", "C30/37", Some(0.45), Some(340.0), Some(4.0)),
    ("XA1", "C25/30", Some(0.55), Some(300.0), None),
    ("XA2", "C25/30", Some(0.50), Some(320.0), None),
    ("XA3", "C30/37", Some(0.45), Some(360.0), None),
];

const CZ_RAIL: [Limits; 15] = [
    ("X0", "C16/20", None, Some(260.0), None),
    ("XC1", "C16/20", Some(0.65), Some(260.0), None),
    ("XC2", "C20/25", Some(0.60), Some(280.0), None),
    ("XC3", "C25/30", Some(0.55), Some(280.0), None),
    ("XC4", "C25/30", Some(0.50), Some(300.0), None),
    ("XD1", "C25/30", Some(0.55), Some(300.0), None),
    ("XD2", "C30/37", Some(0.50), Some(300.0), None),
    ("XD3", "C30/37", Some(0.45), Some(320.0), None),
    ("XF1", "C25/30", Some(0.55), Some(300.0), None),
    ("XF2", "C25/30", Some(0.55), Some(300.0), Some(4.0)),
    ("XF3", "C30/37", Some(0.50), Some(320.0), Some(4.0)),
    ("XF4", "C25/30", Some(0.45), Some(340.0), Some(4.0)),
    ("XA1", "C25/30", Some(0.55), Some(300.0), None),
    ("XA2", "C30/37", Some(0.50), Some(320.0), None),
    ("XA3", "C30/37", Some(0.45), Some(360.0), None),
];

const STRENGTHS: [&str; 7] = ["C8/10", "C12/15", "C16/20", "C20/25", "C25/30", "C30/37", "C35/45"];

/// Rules and severities from medium on, but for what asks for more data.
fn grave(specifications: &Value) -> Vec<(String, Severity)> {
    let project = Project::read("", "en", &json!({ "specifications": specifications }));
    let told = check(&project).findings.into_iter().filter(|finding| {
        finding.severity <= Severity::Medium && !matches!(&*finding.rule, "RFI-MISSING" | "RFI-XA-DATA")
    });
    told.map(|finding| (finding.rule, finding.severity)).collect()
}

fn with(base: &Value, key: &str, value: Value) -> Value {
    let mut changed = base.clone();
    changed[key] = value;
    changed
}

#[test]
fn each_cell_of_the_limits_passes_at_its_value_and_fails_past_it() {
    let mut wrong = Vec::new();
    let tables = [
        ("en", &EN[..], Severity::Critical),
        ("cz", &CZ, Severity::Critical),
        ("cz-rail", &CZ_RAIL, Severity::Medium),
    ];
    for (ruleset, table, severity) in tables {
        for (class, strength, w_c, cement, air) in table {
            let base = json!({"ruleset": ruleset, "exposure_classes": [class], "concrete_class": strength,
                "w_c_ratio": w_c, "cement_kg_m3": cement, "air_content_percent": air, "cover_mm": 80});
            let weaker = STRENGTHS[STRENGTHS.iter().position(|own| own == strength).unwrap() - 1];
            let past = [
                ("EXP-STRENGTH", "concrete_class", Some(json!(weaker))),
                ("EXP-WC", "w_c_ratio", w_c.map(|limit| json!(limit + 0.01))),
                ("EXP-CEM", "cement_kg_m3", cement.map(|limit| json!(limit - 1.0))),
                ("EXP-AIR", "air_content_percent", air.map(|limit| json!(limit - 0.1))),
            ];
            let mut expect = |input: &Value, expected: Vec<(String, Severity)>| {
                let found = grave(input);
                if found != expected {
                    wrong.push(format!("{ruleset} {class}: {found:?} instead of {expected:?} for {input}"));
                }
            };
            expect(&base, Vec::new());
            for (rule, key, value) in past {
                let Some(value) = value else { continue };
                expect(&with(&base, key, value), vec![(rule.to_owned(), severity)]);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_cell_of_the_cover_passes_at_its_value_and_fails_below_it() {
    let columns: [&[&str]; 7] =
        [&["X0"], &["XC1"], &["XC2", "XC3"], &["XC4"], &["XD1", "XS1"], &["XD2", "XS2"], &["XD3", "XS3"]];
    let table = [
        ("S1", [10, 10, 10, 15, 20, 25, 30]),
        ("S2", [10, 10, 15, 20, 25, 30, 35]),
        ("S3", [10, 10, 20, 25, 30, 35, 40]),
        ("S4", [10, 15, 25, 30, 35, 40, 45]),
        ("S5", [15, 20, 30, 35, 40, 45, 50]),
        ("S6", [20, 25, 35, 40, 45, 50, 55]),
    ];
    for (structural, row) in table {
        for (classes, durable) in columns.iter().zip(row) {
            for class in *classes {
                let base = json!({"element": "slab", "structural_class": structural, "concrete_class": "C40/50",
                    "exposure_classes": [class]});
                let at = |cover: i32| grave(&with(&base, "cover_mm", json!(cover)));
                let nominal = durable + 10;
                let short = |severity| vec![("COVER".to_owned(), severity)];
                assert_eq!(at(nominal), [], "{structural} {class}");
                assert_eq!(at(nominal - 1), short(Severity::Medium), "{structural} {class}");
                assert_eq!(at(nominal - 10), short(Severity::Critical), "{structural} {class}");
            }
        }
    }
}

#[test]
fn each_edge_of_chemical_attack_belongs_to_its_class() {
    let water = |field: &str, value: f64| {
        let mut agents =
            json!({"ph": 7.2, "so4_mg_l": 50, "co2_aggressive_mg_l": 5, "nh4_mg_l": 2, "mg_mg_l": 20});
        agents[field] = json!(value);
        json!({ "groundwater": agents })
    };
    let soil = |field: &str, value: f64| json!({"soil": {field: value}});
    type Case<'a> = (&'a str, &'a str, &'a dyn Fn(&str, f64) -> Value, &'a [(f64, usize)]);
    // The class from 1 to 3; 4 is beyond the table.
    let cases: [Case; 7] = [
        (
            "SO4",
            "so4_mg_l",
            &water,
            &[
                (199.0, 0),
                (200.0, 1),
                (600.0, 1),
                (601.0, 2),
                (3000.0, 2),
                (3001.0, 3),
                (6000.0, 3),
                (6001.0, 4),
            ],
        ),
        (
            "PH",
            "ph",
            &water,
            &[(6.6, 0), (6.5, 1), (5.5, 1), (5.49, 2), (4.5, 2), (4.49, 3), (4.0, 3), (3.9, 4)],
        ),
        (
            "CO2",
            "co2_aggressive_mg_l",
            &water,
            &[(14.9, 0), (15.0, 1), (40.0, 1), (41.0, 2), (100.0, 2), (101.0, 3), (5000.0, 3)],
        ),
        (
            "NH4",
            "nh4_mg_l",
            &water,
            &[(14.0, 0), (15.0, 1), (30.0, 1), (31.0, 2), (60.0, 2), (61.0, 3), (100.0, 3), (101.0, 4)],
        ),
        (
            "MG",
            "mg_mg_l",
            &water,
            &[(299.0, 0), (300.0, 1), (1000.0, 1), (1001.0, 2), (3000.0, 2), (3001.0, 3), (50_000.0, 3)],
        ),
        (
            "SO4",
            "so4_mg_kg",
            &soil,
            &[
                (1999.0, 0),
                (2000.0, 1),
                (3000.0, 1),
                (3001.0, 2),
                (12_000.0, 2),
                (12_001.0, 3),
                (24_000.0, 3),
                (24_001.0, 4),
            ],
        ),
        ("ACID", "acidity_ml_kg", &soil, &[(200.0, 0), (201.0, 1)]),
    ];
    for (agent, field, made, edges) in cases {
        for (value, class) in edges {
            let mut input = json!({"element": "raft", "concrete_class": "C35/45", "exposure_classes": ["XC2"],
                "cover_mm": 60, "w_c_ratio": 0.45, "cement_kg_m3": 360});
            input.as_object_mut().unwrap().extend(made(field, *value).as_object().unwrap().clone());
            let project = Project::read("", "en", &json!({ "specifications": input }));
            let found = check(&project).findings.into_iter().find(|finding| {
                finding.rule == format!("EXP-XA-{agent}") && finding.severity == Severity::High
            });
            let said = found.map(|finding| format!("{} {}", finding.expected, finding.message));
            let fits = match (&said, class) {
                (said, 0) => said.is_none(),
                (Some(said), 4) => said.contains("special study"),
                (Some(said), class) => said.contains(&format!("XA{class}")),
                (None, _) => false,
            };
            assert!(fits, "{field} {value}: {said:?} instead of class {class}");
        }
    }
}
