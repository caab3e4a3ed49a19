//! Every rule of the list: inputs on which it speaks, and how gravely, and inputs on which it is silent.
//!
//! The numbers are those of the tables of the standards as the rulesets'
//! sources print them; none is taken from what the code says.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::audit::Project;
use crate::audit::Severity;
use crate::audit::check;

use Severity::Critical;
use Severity::High;
use Severity::Info;
use Severity::Low;
use Severity::Medium;

/// The ids of the rules.
const IDS: [&str; 62] = [
    "PARSE-NUM",
    "PARSE-UNIT",
    "UNIT-UNKNOWN",
    "UNIT-CAT",
    "QTY-NEG",
    "QTY-MISSING",
    "DUP",
    "PRICE-MUL",
    "PRICE-SUM",
    "PRICE-OUTLIER",
    "GEO-VOL",
    "GEO-FORM",
    "GEO-AREA",
    "RATIO-REBAR",
    "RATIO-FORM",
    "REBAR-MISSING",
    "FORM-MISSING",
    "EXP-STRENGTH",
    "EXP-WC",
    "EXP-CEM",
    "EXP-AIR",
    "EXP-SR",
    "EXP-INVALID",
    "EXP-INCOMPLETE",
    "EXP-XF-PLAUS",
    "EXP-MISSING-XC2",
    "EXP-XA-PH",
    "EXP-XA-SO4",
    "EXP-XA-CO2",
    "EXP-XA-NH4",
    "EXP-XA-MG",
    "EXP-XA-ACID",
    "EXP-XA-ESC",
    "RFI-XA-DATA",
    "COVER",
    "COVER-GROUND",
    "LIFE-100",
    "CLASS-UNKNOWN",
    "CLASS-CONFLICT",
    "SPEC-AMBIG",
    "STD-OBSOLETE",
    "STD-INCOMPLETE",
    "SAFETY",
    "DOC-DIM",
    "DOC-REV",
    "PIPE-SDR",
    "COST-SUM",
    "COST-VAT",
    "COST-BREAK",
    "GOST-MARK",
    "COVERAGE",
    "EXP-TABLE",
    "EXP-TABLE-NATIONAL",
    "RFI-MISSING",
    "EXTRACT",
    // The same rules under rulesets and surroundings that change their weight.
    "EXP-STRENGTH cz",
    "EXP-STRENGTH cz-rail",
    "EXP-STRENGTH inferred",
    "STD-OBSOLETE existing",
    "RATIO-REBAR plain",
    "COVER 100",
    "GEO-VOL round",
];

/// One case: an input and the gravest finding of the rule on it.
type Case = (Value, Option<Severity>);

/// A bill of these rows: name, quantity, unit.
fn bill<const N: usize>(rows: [(&str, Value, &str); N]) -> Value {
    let row = |(name, quantity, unit): &(&str, Value, &str)| json!({"item_name": name, "quantity": quantity, "unit": unit});
    json!({"positions": rows.iter().map(row).collect::<Vec<_>>()})
}

fn item(name: &str, quantity: Value, unit: &str) -> Value {
    bill([(name, quantity, unit)])
}

fn spec(specifications: Value) -> Value {
    json!({ "specifications": specifications })
}

fn text(description: &str) -> Value {
    json!({ "project_description": description })
}

/// A priced row of a bill and its totals.
fn priced(quantity: f64, price: f64, total: f64, totals: Value) -> Value {
    json!({"positions": [{"item_name": "Výkop", "quantity": quantity, "unit": "m3", "unit_price": price, "total_price": total}],
        "totals": totals})
}

fn sized(name: &str, quantity: f64, unit: &str, sizes: [f64; 3]) -> Value {
    let [length, width, height] = sizes;
    json!({"item_name": name, "quantity": quantity, "unit": unit,
        "dimensions_m": {"length": length, "width": width, "height": height}})
}

/// A foundation in ground water of this chemistry.
fn water(chemistry: Value) -> Value {
    spec(
        json!({"element": "raft", "concrete_class": "C35/45", "exposure_classes": ["XC2"], "groundwater": chemistry}),
    )
}

fn soil(chemistry: Value) -> Value {
    spec(
        json!({"element": "raft", "concrete_class": "C35/45", "exposure_classes": ["XC2"], "soil": chemistry}),
    )
}

/// A mix under an exposure class.
fn mix(ruleset: &str, class: &str, exposures: &[&str], more: Value) -> Value {
    let mut fields = json!({"ruleset": ruleset, "concrete_class": class, "exposure_classes": exposures});
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec(fields)
}

fn numbers_and_units() -> Vec<(&'static str, Vec<Case>)> {
    let number = |text: &str| item("Výkop", json!(text), "m3");
    let unit = |unit: &str| item("Výkop", json!(5), unit);
    vec![
        (
            "PARSE-NUM",
            vec![
                (number("dle PD"), Some(High)),
                (number("12,5 m2"), Some(High)),
                (number("12,5 m3"), None),
                (item("Výkop", json!("12,5 m3"), ""), None),
                (number("12 34"), Some(High)),
                (number("1,234"), Some(Medium)),
                (number("cca 12"), Some(Info)),
                (number("1 234,56"), None),
                (number("1.234,56"), None),
                (number("12,5"), None),
                (bill([("Výkop", json!("1,234"), "m3"), ("Zásyp", json!("2,5"), "m3")]), None),
                // SO3 x 1.2 is SO4.
                (water(json!({"so4_mg_l": 450, "so3_mg_l": 375, "ph": 7})), None),
                (water(json!({"so4_mg_l": 375, "so3_mg_l": 450, "ph": 7})), Some(High)),
                (water(json!({"ph": 62})), Some(High)),
            ],
        ),
        ("PARSE-UNIT", vec![(unit("m 3"), Some(Info)), (unit("m³"), None), (unit("m3"), None)]),
        (
            "UNIT-UNKNOWN",
            vec![
                (unit("hrst"), Some(Medium)),
                (unit("MJ"), Some(Medium)),
                (unit("m.j."), Some(Medium)),
                (unit(""), Some(Medium)),
                (unit("ks"), None),
                (unit("bm"), None),
                (unit("Stck"), None),
                (unit("psch"), None),
                (unit("PA"), None),
                (unit("měsíc"), None),
                (unit("ha"), None),
                (unit("item"), None),
            ],
        ),
        (
            "UNIT-CAT",
            vec![
                (item("Beton stěn C25/30", json!(5), "m2"), Some(High)),
                (item("Výztuž stěn", json!(5), "m3"), Some(High)),
                (item("Schalung der Wand", json!(5), "m3"), Some(High)),
                (item("Reinforcement of columns", json!(5), "m2"), Some(High)),
                (item("Výztuž ze sítí KARI", json!(5), "m2"), None),
                (item("Podkladní beton C12/15", json!(5), "m2"), None),
                (item("Beton stěn C25/30", json!(5), "m3"), None),
                (item("Bewehrung der Wand", json!(5), "kg"), None),
                (item("Stahlbetonwand", json!(5), "m2"), Some(High)),
                // Made of concrete, or done to it, and measured as it is.
                (item("Betonová mazanina tl. 60 mm", json!(5), "m2"), None),
                (item("Potrubí PE100 RC, SDR 11", json!(5), "m"), None),
                (item("Vrty do betonu D 20 mm", json!(5), "m"), None),
                (item("Penetrace betonu", json!(5), "m2"), None),
                (item("Beton asfaltový ACO 11", json!(5), "m2"), None),
                (item("Ochrana výztuže", json!(5), "m2"), None),
                (item("Betonpflaster 8 cm", json!(5), "m2"), None),
                (item("Asphalt concrete surface course", json!(5), "m2"), None),
                (item("Concrete blockwork wall 140 mm", json!(5), "m2"), None),
                (item("Power float concrete slab", json!(5), "m2"), None),
                // Counted by their length, as no steel and no formwork is.
                (item("Vylamovací výztuž v lištách", json!(5), "m"), None),
                (item("Spacers for reinforcement", json!(5), "m"), None),
                (item("Bewehrungsanschluss, Rückbiegeanschluss", json!(5), "m"), None),
                (item("Bednění dilatační spáry", json!(5), "m"), None),
                (item("Výztuž základových desek", json!(5), "m"), Some(High)),
                (item("Bednění stěn", json!(5), "m"), Some(High)),
            ],
        ),
        (
            "QTY-NEG",
            vec![
                (number("-5"), Some(Critical)),
                (item("Odpočet otvorů", json!(-5), "m2"), Some(Medium)),
                (item("Méněpráce", json!(-5), "m2"), Some(Medium)),
                (item("Abzug Öffnungen", json!(-5), "m2"), Some(Medium)),
                (item("Less openings", json!(-5), "m2"), Some(Medium)),
                (number("5"), None),
            ],
        ),
        (
            "QTY-MISSING",
            vec![
                (item("Výkop", json!(0), "m3"), Some(Medium)),
                (item("Výkop", json!(null), "m3"), Some(Medium)),
                (number("-"), Some(Medium)),
                (number("5"), None),
            ],
        ),
    ]
}

fn rows_and_prices() -> Vec<(&'static str, Vec<Case>)> {
    let code = |prices: &[f64]| {
        let row = |(at, price): (usize, &f64)| json!({"item_name": format!("Rýha {at}"), "code": "132201", "quantity": at + 1, "unit": "m3", "unit_price": price});
        json!({"positions": prices.iter().enumerate().map(row).collect::<Vec<_>>()})
    };
    let sum = |total: f64| {
        json!({"positions": [{"item_name": "a", "quantity": 1, "unit": "m", "total_price": 100},
            {"item_name": "b", "quantity": 1, "unit": "m", "total_price": 200}, {"item_name": "Celkem", "total_price": total}]})
    };
    let amounts = |price: &str, total: &str| json!({"positions": [{"item_name": "Výkop", "quantity": 12.5, "unit": "m3", "unit_price": price, "total_price": total}]});
    // A sum, its tax, and both.
    let taxed = |tax: f64, total: f64| {
        json!({"positions": [{"item_name": "a", "quantity": 1, "unit": "m", "total_price": 1000},
            {"item_name": "Celkem bez DPH", "total_price": 1000}, {"item_name": "DPH 21 %", "total_price": tax},
            {"item_name": "Celkem vč. DPH", "total_price": total}]})
    };
    vec![
        (
            "DUP",
            vec![
                (bill([("Rýha", json!(5), "m3"), ("rýha ", json!("5,0"), "m³")]), Some(High)),
                (bill([("Rýha", json!(5), "m3"), ("Rýha", json!(6), "m3")]), None),
                (
                    json!({"positions": [{"item_name": "Rýha", "quantity": 5, "unit": "m3", "object": "SO 1"},
                        {"item_name": "Rýha", "quantity": 5, "unit": "m3", "object": "SO 2"}]}),
                    None,
                ),
            ],
        ),
        (
            "PRICE-MUL",
            vec![
                (priced(50.0, 2300.0, 115_000.0, json!({})), None),
                (priced(50.0, 2300.0, 115_011.0, json!({})), None),
                (priced(50.0, 2300.0, 115_500.0, json!({})), Some(Low)),
                (priced(50.0, 2300.0, 125_000.0, json!({})), Some(High)),
                (amounts("250,00 Kč", "3 125,00 Kč"), None),
                (amounts("€ 250.00", "€ 31 250.00"), Some(High)),
            ],
        ),
        ("PRICE-SUM", vec![(sum(300.0), None), (sum(350.0), Some(High))]),
        (
            "PRICE-OUTLIER",
            vec![
                (code(&[100.0, 100.0, 126.0]), Some(Low)),
                (code(&[100.0, 100.0, 124.0]), None),
                (code(&[100.0, 200.0]), None),
            ],
        ),
        (
            "COST-SUM",
            vec![
                (priced(1.0, 100.0, 100.0, json!({"sum": 100})), None),
                (priced(1.0, 100.0, 100.0, json!({"sum": 103})), Some(High)),
                (priced(1.0, 100.0, 100.0, json!({"sum": 100, "vat": 21, "total": 100})), Some(High)),
                (priced(1.0, 100.0, 100.0, json!({"sum": 100, "vat": 21, "total": 121})), None),
                (taxed(210.0, 1210.0), None),
                (taxed(210.0, 1120.0), Some(High)),
            ],
        ),
        (
            "COST-VAT",
            vec![
                (priced(1.0, 1000.0, 1000.0, json!({"sum": 1000, "vat_percent": 21, "vat": 210})), None),
                (priced(1.0, 1000.0, 1000.0, json!({"sum": 1000, "vat_percent": 12})), None),
                (
                    priced(1.0, 1000.0, 1000.0, json!({"sum": 1000, "vat_percent": 21, "vat": 200})),
                    Some(High),
                ),
                (priced(1.0, 1000.0, 1000.0, json!({"sum": 1000, "vat_percent": 15})), Some(High)),
                (taxed(210.0, 1210.0), None),
                (taxed(150.0, 1150.0), Some(High)),
            ],
        ),
        (
            "COST-BREAK",
            vec![
                (priced(1.0, 100.0, 100.0, json!({"direct_costs": 100})), None),
                (priced(1.0, 100.0, 100.0, json!({"direct_costs": 130})), Some(High)),
                (priced(1.0, 100.0, 100.0, json!({"direct_costs": 130, "site_overheads": 30})), None),
            ],
        ),
    ]
}

fn geometry() -> Vec<(&'static str, Vec<Case>)> {
    let volume = |quantity: f64| json!({"positions": [sized("Concrete", quantity, "m3", [10.0, 2.0, 0.5])]});
    let wall = |area: f64| {
        json!({"positions": [sized("Wall concrete", 9.0, "m3", [10.0, 0.3, 3.0]),
            {"item_name": "Wall formwork", "quantity": area, "unit": "m2"}]})
    };
    let area = |quantity: f64| {
        json!({"positions": [{"item_name": "Waterproofing", "quantity": quantity, "unit": "m2",
            "dimensions_m": {"length": 12, "width": 8}}]})
    };
    let steel = |element: &str, tonnes: f64| {
        let (concrete, steel) = (format!("{element}, beton C30/37"), format!("{element}, výztuž"));
        bill([(concrete.as_str(), json!(10), "m3"), (steel.as_str(), json!(tonnes), "t")])
    };
    let loose = |tonnes: f64| {
        bill([
            ("Základové pasy C25/30", json!(20), "m3"),
            ("Stěny C25/30", json!(40), "m3"),
            ("Podkladní beton C12/15", json!(4), "m3"),
            ("Betonářská ocel B500B", json!(tonnes), "t"),
        ])
    };
    let form = |element: &str, area: f64| {
        let (concrete, form) = (format!("Beton {element} C30/37"), format!("Bednění {element}"));
        bill([(concrete.as_str(), json!(10), "m3"), (form.as_str(), json!(area), "m2")])
    };
    let pile = |quantity: f64| item("Beton pilot ø 900 mm, dl. 12 m, 8 ks, C25/30", json!(quantity), "m3");
    vec![
        (
            "GEO-VOL",
            vec![
                (volume(10.0), Some(Info)),
                (volume(10.6), Some(Info)),
                (volume(9.9), Some(Info)),
                (volume(10.7), Some(Medium)),
                (volume(9.8), Some(Medium)),
                (volume(11.1), Some(High)),
                (volume(8.9), Some(High)),
                (volume(100.0), Some(Critical)),
                (volume(0.01), Some(Critical)),
                (item("Concrete", json!(10), "m3"), None),
                // A strength class says that it is concrete.
                (item("Stropní deska 8,20 x 6,40 m, tl. 220 mm, C25/30", json!("11,55"), "m3"), Some(Info)),
                (item("Stropní deska 8,20 x 6,40 m, tl. 220 mm, C25/30", json!("13,85"), "m3"), Some(High)),
                (
                    item("Stropní deska 8,20 x 6,40 m, tl. 220 mm, C25/30", json!("115,5"), "m3"),
                    Some(Critical),
                ),
                (item("Patky 6 ks á 1,2 x 1,2 x 0,8 m, C25/30", json!("6,91"), "m3"), Some(Info)),
                (item("Patky 6 ks á 1,2 x 1,2 x 0,8 m, C25/30", json!("1,15"), "m3"), Some(High)),
                (item("Základový pas 2× (12,0 × 0,6 × 0,8) m, C25/30", json!("11,52"), "m3"), Some(Info)),
                (item("Pads 1.2 m x 1.2 m x 0.8 m deep (6 nr), C25/30", json!(6.91), "m3"), Some(Info)),
                // 0.294 written with two decimals.
                (json!({"positions": [sized("Column concrete", 0.29, "m3", [0.35, 0.3, 2.8])]}), Some(Info)),
            ],
        ),
        ("GEO-VOL round", vec![(pile(61.1), Some(Info)), (pile(71.0), Some(High))]),
        (
            "GEO-FORM",
            vec![
                (wall(61.8), Some(Info)),
                (wall(60.0), Some(Info)),
                (wall(123.6), Some(High)),
                (wall(30.0), Some(High)),
                (wall(80.0), Some(Medium)),
                (wall(45.0), Some(Medium)),
                (wall(250.0), Some(High)),
                (bill([("Wall concrete", json!(9), "m3"), ("Wall formwork", json!(60), "m2")]), None),
            ],
        ),
        (
            "GEO-AREA",
            vec![
                (area(96.0), Some(Info)),
                (area(104.0), Some(Medium)),
                (area(120.0), Some(High)),
                (area(0.96), Some(Critical)),
                (item("Waterproofing", json!(96), "m2"), None),
            ],
        ),
        (
            "RATIO-REBAR",
            vec![
                (steel("Stěny", 0.8), Some(Info)),
                (steel("Stěny", 1.6), Some(Medium)),
                (steel("Stěny", 3.2), Some(High)),
                (steel("Stěny", 8.0), Some(Critical)),
                (steel("Stěny", 0.08), Some(Critical)),
                (steel("Stěny", 6.5), Some(Critical)),
                (steel("Sloupy", 1.6), Some(Info)),
                (steel("Sloupy", 3.5), Some(Medium)),
                (steel("Sloupy", 5.5), Some(High)),
                (steel("Piloty", 0.6), Some(Info)),
                (steel("Piloty", 1.5), Some(Medium)),
                (steel("Schodiště", 1.3), Some(Info)),
                (steel("Opěrné zdi", 1.65), Some(Medium)),
                (steel("Nádrže", 0.5), Some(Medium)),
                (steel("Průvlaky", 4.6), Some(High)),
                (item("Beton stěn", json!(10), "m3"), None),
                // Each wall and slab of a German bill by itself: 102 and 11 kg/m3.
                (
                    bill([
                        ("Bodenplatte Stahlbeton C30/37", json!(93), "m3"),
                        ("Kelleraußenwände Stahlbeton C30/37", json!(48), "m3"),
                        ("Betonstahl Bodenplatte", json!("10,2"), "t"),
                        ("Betonstahl Kelleraußenwände", json!("4,3"), "t"),
                    ]),
                    Some(Info),
                ),
                (
                    bill([
                        ("Bodenplatte Stahlbeton C30/37", json!(93), "m3"),
                        ("Kelleraußenwände Stahlbeton C30/37", json!(48), "m3"),
                        ("Betonstahl Bodenplatte", json!("1,02"), "t"),
                        ("Betonstahl Kelleraußenwände", json!("4,3"), "t"),
                    ]),
                    Some(Critical),
                ),
                (steel("Column bases", 0.9), Some(Info)),
                // Steel of no element is for all of them.
                (loose(4.8), Some(Info)),
                (loose(48.0), Some(Critical)),
                (loose(0.8), Some(High)),
                // What is paid on top of steel is no steel.
                (
                    bill([
                        ("Beton stěn C25/30", json!(10), "m3"),
                        ("Výztuž stěn B500B", json!(0.9), "t"),
                        ("Příplatek za výztuž stěn v oblouku", json!(0.9), "t"),
                    ]),
                    Some(Info),
                ),
            ],
        ),
        (
            "RATIO-REBAR plain",
            vec![
                (steel("Podkladní vrstva blinding", 0.15), Some(Low)),
                (steel("Podkladní vrstva blinding", 0.3), Some(Medium)),
            ],
        ),
        (
            "RATIO-FORM",
            vec![
                (form("stěn", 100.0), None),
                (form("stěn", 160.0), Some(Low)),
                (form("stěn", 30.0), Some(Low)),
                (form("sloupů", 120.0), None),
                (form("sloupů", 50.0), Some(Low)),
                (form("stropních desek", 60.0), None),
                (form("stropních desek", 90.0), Some(Low)),
                (form("základových pasů", 30.0), None),
                (form("základových pasů", 60.0), Some(Low)),
                (form("průvlaků", 20.0), Some(Low)),
                (form("opěr", 20.0), None),
            ],
        ),
        (
            "REBAR-MISSING",
            vec![
                (
                    bill([
                        ("Beton stěn C25/30", json!(10), "m3"),
                        ("Výztuž stěn", json!(0.9), "t"),
                        ("Beton desky C25/30", json!(9), "m3"),
                    ]),
                    Some(Medium),
                ),
                (
                    bill([
                        ("Beton stěn C25/30", json!(10), "m3"),
                        ("Výztuž stěn", json!(0.9), "t"),
                        ("Beton desky C25/30 vč. výztuže", json!(9), "m3"),
                    ]),
                    None,
                ),
                (
                    bill([("Beton stěn C25/30", json!(10), "m3"), ("Beton desky C25/30", json!(9), "m3")]),
                    None,
                ),
                (
                    bill([
                        ("Beton stěn C25/30", json!(10), "m3"),
                        ("Výztuž stěn", json!(0.9), "t"),
                        ("Podkladní beton C12/15", json!(9), "m3"),
                    ]),
                    None,
                ),
            ],
        ),
        (
            "FORM-MISSING",
            vec![
                (
                    bill([
                        ("Beton stěn C25/30", json!(10), "m3"),
                        ("Bednění stěn", json!(90), "m2"),
                        ("Beton sloupů C25/30", json!(9), "m3"),
                    ]),
                    Some(Medium),
                ),
                (
                    bill([
                        ("Beton stěn C25/30", json!(10), "m3"),
                        ("Bednění stěn", json!(90), "m2"),
                        ("Beton sloupů C25/30 včetně bednění", json!(9), "m3"),
                    ]),
                    None,
                ),
                (
                    bill([("Beton stěn C25/30", json!(10), "m3"), ("Beton sloupů C25/30", json!(9), "m3")]),
                    None,
                ),
            ],
        ),
    ]
}

fn exposure() -> Vec<(&'static str, Vec<Case>)> {
    let none = json!({});
    let strength = |ruleset: &str, class: &str, exposures: &[&str]| mix(ruleset, class, exposures, json!({}));
    let w_c = |exposures: &[&str], value: f64| mix("en", "C35/45", exposures, json!({"w_c_ratio": value}));
    let cement =
        |exposures: &[&str], value: f64| mix("en", "C35/45", exposures, json!({"cement_kg_m3": value}));
    let air = |exposures: &[&str], value: f64| {
        mix("en", "C35/45", exposures, json!({"air_content_percent": value}))
    };
    let sr = |kind: &str, chemistry: Value| {
        mix(
            "en",
            "C35/45",
            &["XC2", "XA2"],
            json!({"element": "raft", "cement_type": kind, "groundwater": chemistry}),
        )
    };
    let buried = |exposures: &[&str]| mix("cz", "C30/37", exposures, json!({"element": "základová patka"}));
    vec![
        (
            "EXP-STRENGTH",
            vec![
                (strength("en", "C25/30", &["XC4"]), Some(Critical)),
                (strength("en", "C30/37", &["XC4"]), None),
                (strength("en", "C30/37", &["XD3"]), Some(Critical)),
                (strength("en", "C35/45", &["XD3"]), None),
                (strength("en", "C30/37", &["XS2"]), Some(Critical)),
                (strength("en", "C25/30", &["XF1", "XC2"]), Some(Critical)),
                (strength("en", "C25/30", &["XF2", "XC2"]), None),
                (strength("en", "C20/25", &["XC1"]), None),
                (strength("en", "C16/20", &["XC1"]), Some(Critical)),
            ],
        ),
        (
            "EXP-STRENGTH cz",
            vec![
                (strength("cz", "C16/20", &["XC2"]), None),
                (strength("cz", "C20/25", &["XC4"]), Some(Critical)),
                (strength("cz", "C25/30", &["XF3", "XC4"]), None),
                (strength("cz", "C25/30", &["XF4", "XC4"]), Some(Critical)),
                (strength("cz", "C25/30", &["XM1", "XC4"]), Some(Medium)),
            ],
        ),
        (
            "EXP-STRENGTH cz-rail",
            vec![
                (strength("cz-rail", "C16/20", &["XC4"]), Some(Medium)),
                (strength("cz-rail", "C25/30", &["XC4"]), None),
            ],
        ),
        (
            "EXP-STRENGTH inferred",
            vec![
                (
                    mix("en", "C25/30", &["XC2"], json!({"element": "raft", "groundwater": {"ph": 6.2}})),
                    Some(High),
                ),
                (mix("en", "C30/37", &["XC2"], json!({"element": "raft", "groundwater": {"ph": 6.2}})), None),
            ],
        ),
        (
            "EXP-WC",
            vec![
                (w_c(&["XC4"], 0.50), None),
                (w_c(&["XC4"], 0.51), Some(Critical)),
                (w_c(&["XC3"], 0.55), None),
                (w_c(&["XD3", "XC4"], 0.46), Some(Critical)),
                (w_c(&["XF4", "XC4"], 0.45), None),
            ],
        ),
        (
            "EXP-CEM",
            vec![
                (cement(&["XC4"], 300.0), None),
                (cement(&["XC4"], 290.0), Some(Critical)),
                (cement(&["XF3", "XC4"], 315.0), Some(Critical)),
                (cement(&["XS3", "XC4"], 340.0), None),
            ],
        ),
        (
            "EXP-AIR",
            vec![
                (air(&["XF4", "XC4"], 3.5), Some(Critical)),
                (air(&["XF4", "XC4"], 4.0), None),
                (air(&["XF1", "XC4"], 0.0), None),
            ],
        ),
        (
            "EXP-SR",
            vec![
                (sr("CEM I 42,5 R", json!({"so4_mg_l": 700})), Some(High)),
                (sr("CEM I 42,5 R", json!({"ph": 5.0})), Some(Low)),
                (sr("CEM III/B-SR 32,5 N", json!({"so4_mg_l": 700})), None),
                (sr("CEM I 42,5 R SVC", json!({"so4_mg_l": 700})), None),
            ],
        ),
        (
            "EXP-INVALID",
            vec![
                (strength("en", "C35/45", &["XC5"]), Some(High)),
                (strength("en", "C35/45", &["XD1", "XS1", "XC4"]), Some(High)),
                (
                    json!({"project_description": "Outdoor wall", "specifications": {"element": "wall", "exposure_classes": ["X0"], "concrete_class": "C25/30"}}),
                    Some(High),
                ),
                (strength("en", "C35/45", &["XC4", "XF1"]), None),
                (strength("cz", "C35/45", &["XC4", "XM2"]), None),
            ],
        ),
        (
            "EXP-INCOMPLETE",
            vec![
                (strength("en", "C35/45", &["XF3"]), Some(Low)),
                (strength("en", "C35/45", &["XA1"]), Some(Low)),
                (strength("en", "C35/45", &["XC4", "XF3"]), None),
            ],
        ),
        (
            "EXP-XF-PLAUS",
            vec![
                (buried(&["XC2", "XF3"]), Some(Low)),
                (buried(&["XC2", "XF1"]), None),
                (mix("en", "C35/45", &["XC4", "XF3"], json!({"element": "wall"})), None),
            ],
        ),
        (
            "EXP-MISSING-XC2",
            vec![
                (buried(&["XC4", "XF1"]), Some(Low)),
                (buried(&["XC2", "XF1"]), None),
                (buried(&["XC1"]), None),
            ],
        ),
        (
            "EXP-TABLE",
            vec![
                (strength("cz", "C25/30", &["XC4"]), Some(Info)),
                (strength("en", "C25/30", &["XC4"]), None),
                (none.clone(), None),
            ],
        ),
        (
            "EXP-TABLE-NATIONAL",
            vec![
                (strength("cz", "C25/30", &["XC4"]), Some(Info)),
                (strength("en", "C25/30", &["XC4"]), Some(Info)),
                (strength("en", "C30/37", &["XC4"]), None),
            ],
        ),
    ]
}

fn chemistry() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        (
            "EXP-XA-PH",
            vec![
                (water(json!({"ph": 6.6})), None),
                (water(json!({"ph": 6.5})), Some(High)),
                (water(json!({"ph": 4.6})), Some(High)),
                (water(json!({"ph": 3.8})), Some(High)),
                (
                    mix(
                        "en",
                        "C35/45",
                        &["XC2", "XA1"],
                        json!({"element": "raft", "groundwater": {"ph": 6.2}}),
                    ),
                    Some(Info),
                ),
                // Above the ground no ground water reaches it.
                (
                    mix("en", "C35/45", &["XC1"], json!({"element": "column", "groundwater": {"ph": 6.2}})),
                    None,
                ),
            ],
        ),
        (
            "EXP-XA-SO4",
            vec![
                (water(json!({"so4_mg_l": 199})), None),
                (water(json!({"so4_mg_l": 200})), Some(High)),
                (water(json!({"so3_mg_l": 160})), None),
                (water(json!({"so3_mg_l": 170})), Some(High)),
                (soil(json!({"so4_mg_kg": 1999})), None),
                (soil(json!({"so4_mg_kg": 2000})), Some(High)),
                (soil(json!({"s_mg_kg": 700})), Some(High)),
            ],
        ),
        (
            "EXP-XA-CO2",
            vec![
                (water(json!({"co2_aggressive_mg_l": 14})), None),
                (water(json!({"co2_aggressive_mg_l": 15})), Some(High)),
            ],
        ),
        (
            "EXP-XA-NH4",
            vec![(water(json!({"nh4_mg_l": 14})), None), (water(json!({"nh4_mg_l": 30})), Some(High))],
        ),
        (
            "EXP-XA-MG",
            vec![(water(json!({"mg_mg_l": 299})), None), (water(json!({"mg_mg_l": 300})), Some(High))],
        ),
        (
            "EXP-XA-ACID",
            vec![
                (soil(json!({"acidity_ml_kg": 200})), None),
                (soil(json!({"acidity_ml_kg": 201})), Some(High)),
            ],
        ),
        (
            "EXP-XA-ESC",
            vec![
                (water(json!({"ph": 6.2, "so4_mg_l": 300})), Some(High)),
                (water(json!({"ph": 6.2, "so4_mg_l": 700})), None),
                (water(json!({"ph": 6.2, "so4_mg_l": 100})), None),
                (
                    mix(
                        "en",
                        "C35/45",
                        &["XC2", "XA2"],
                        json!({"element": "raft", "groundwater": {"ph": 6.2, "so4_mg_l": 300}}),
                    ),
                    None,
                ),
            ],
        ),
        (
            "RFI-XA-DATA",
            vec![
                (water(json!({"ph": 7})), Some(Medium)),
                (mix("en", "C35/45", &["XC2", "XA1"], json!({"element": "raft"})), Some(High)),
                (mix("en", "C35/45", &["XC2"], json!({"element": "raft"})), None),
                (
                    water(
                        json!({"ph": 7, "so4_mg_l": 1, "co2_aggressive_mg_l": 1, "nh4_mg_l": 1, "mg_mg_l": 1}),
                    ),
                    None,
                ),
            ],
        ),
    ]
}

fn cover_and_life() -> Vec<(&'static str, Vec<Case>)> {
    let cover = |exposures: &[&str], mm: f64, more: Value| {
        let mut fields = json!({"concrete_class": "C35/45", "exposure_classes": exposures, "cover_mm": mm});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec(fields)
    };
    let none = || json!({});
    let life = |years: u32, ruleset: &str| json!({"design_life_years": years, "ruleset": ruleset});
    vec![
        (
            "COVER",
            vec![
                (cover(&["XC4"], 40.0, none()), Some(Info)),
                (cover(&["XC4"], 35.0, none()), Some(Medium)),
                (cover(&["XC4"], 30.0, none()), Some(Critical)),
                (cover(&["XC1"], 25.0, none()), Some(Info)),
                (cover(&["XC3"], 30.0, none()), Some(Medium)),
                (cover(&["XD3", "XF4", "XC4"], 54.0, none()), Some(Medium)),
                (cover(&["XD3", "XF4", "XC4"], 45.0, none()), Some(Critical)),
                (cover(&["XS2", "XC4"], 50.0, json!({"structural_class": "S4"})), Some(Info)),
                (cover(&["XC4"], 35.0, json!({"structural_class": "S3"})), Some(Info)),
                (cover(&["XF4"], 10.0, none()), None),
            ],
        ),
        (
            "COVER 100",
            vec![
                (cover(&["XC4"], 50.0, life(100, "en")), Some(Info)),
                (cover(&["XC4"], 40.0, life(100, "en")), Some(Critical)),
            ],
        ),
        (
            "COVER-GROUND",
            vec![
                (cover(&["XC2"], 35.0, json!({"element": "raft"})), Some(Medium)),
                (cover(&["XC2"], 40.0, json!({"element": "raft"})), None),
                (
                    json!({"project_description": "Raft cast directly against soil.", "specifications": {"element": "raft", "concrete_class": "C35/45", "exposure_classes": ["XC2"], "cover_mm": 60}}),
                    Some(Medium),
                ),
                (cover(&["XC1"], 25.0, json!({"element": "column"})), None),
            ],
        ),
        (
            "LIFE-100",
            vec![
                (cover(&["XC4"], 40.0, life(100, "en")), Some(Medium)),
                (cover(&["XC4"], 50.0, life(100, "en")), None),
                (cover(&["XC4"], 50.0, life(100, "cz")), Some(Medium)),
                (cover(&["XC4"], 40.0, life(50, "cz")), None),
            ],
        ),
    ]
}

fn documents() -> Vec<(&'static str, Vec<Case>)> {
    let concrete = |class: &str| item(&format!("Beton stěn {class}"), json!(5), "m3");
    let standard =
        |name: &str, construction: &str| spec(json!({"standards": [name], "construction": construction}));
    let factors = |g: f64, q: f64| spec(json!({"loads": {"gamma_g": g, "gamma_q": q}}));
    let strip = |length: f64| {
        json!({"project_description": "Foundation strip 45 m x 0.8 m x 0.6 m",
            "specifications": {"element": "strip", "dimensions_m": {"length": length, "width": 0.8, "height": 0.6}}})
    };
    vec![
        (
            "CLASS-UNKNOWN",
            vec![
                (concrete("C30/35"), Some(Medium)),
                (concrete("C25/35"), Some(Medium)),
                (concrete("B25"), Some(Medium)),
                (concrete("M250"), Some(Medium)),
                (concrete("C30/37"), None),
                (concrete("C 30 / 37"), None),
                (concrete("LC25/28"), None),
                (concrete("C-/7,5"), None),
            ],
        ),
        (
            "CLASS-CONFLICT",
            vec![
                (
                    bill([("Beton stěn C25/30", json!(5), "m3"), ("Beton stěn C30/37", json!(6), "m3")]),
                    Some(Medium),
                ),
                (bill([("Beton stěn C25/30", json!(5), "m3"), ("Beton desky C30/37", json!(6), "m3")]), None),
                (
                    bill([
                        ("Blinding C12/15 under base slab", json!(5), "m3"),
                        ("Base slab C30/37", json!(6), "m3"),
                    ]),
                    None,
                ),
            ],
        ),
        (
            "SPEC-AMBIG",
            vec![
                (item("Beton", json!(5), "m3"), Some(Medium)),
                (item("Steel", json!(5), "t"), Some(Medium)),
                (item("Stahl", json!(5), "t"), Some(Medium)),
                (item("Beton C25/30", json!(5), "m3"), None),
                (
                    json!({"positions": [{"item_name": "Beton", "quantity": 5, "unit": "m3", "element": "stěna"}]}),
                    None,
                ),
            ],
        ),
        (
            "STD-OBSOLETE",
            vec![
                (standard("SNiP 2.03.01-84", "new"), Some(Critical)),
                (standard("ČSN 73 1201:1986", "new"), Some(Critical)),
                (standard("BS 8110", "new"), Some(Critical)),
                (standard("BS8110", "new"), Some(Critical)),
                (standard("ČSN 731201:1986", "new"), Some(Critical)),
                (standard("СНиП 2.03.01-84", "new"), Some(Critical)),
                (standard("DIN 1045:1988", "new"), Some(Critical)),
                (standard("EN 206-1", "new"), Some(Low)),
                (standard("EN 206+A2", "new"), None),
                (standard("EN 1992-1-1", "new"), None),
                (standard("ČSN 73 1201:2010", "new"), None),
            ],
        ),
        ("STD-OBSOLETE existing", vec![(standard("SNiP 2.03.01-84", "existing"), Some(Low))]),
        (
            "STD-INCOMPLETE",
            vec![
                (standard("dle ČSN", "new"), Some(Low)),
                (text("Concrete works per EN."), Some(Low)),
                (standard("ČSN EN 206+A2", "new"), None),
            ],
        ),
        (
            "SAFETY",
            vec![
                (factors(1.2, 1.5), Some(Critical)),
                (factors(1.35, 1.4), Some(Critical)),
                (factors(1.35, 1.5), Some(Info)),
                (
                    json!({"project_description": "Combination 6.10b.", "specifications": {"loads": {"gamma_g": 1.15, "gamma_q": 1.5}}}),
                    Some(Info),
                ),
                (spec(json!({"safety_factor": 1.42})), None),
            ],
        ),
        ("DOC-DIM", vec![(strip(45.0), None), (strip(54.0), Some(High))]),
        (
            "DOC-REV",
            vec![
                (
                    spec(json!({"drawing_revision_referenced": "C", "drawing_revision_supplied": "B"})),
                    Some(Medium),
                ),
                (spec(json!({"drawing_revision_referenced": "C", "drawing_revision_supplied": "c"})), None),
            ],
        ),
        (
            "PIPE-SDR",
            vec![
                (item("Pipe PE SDR11 Ø90, wall 5.4 mm", json!(5), "m"), Some(High)),
                (item("Pipe PE SDR11 Ø90, wall 8.2 mm", json!(5), "m"), None),
                (item("Potrubí PE SDR 17 Ø90x5,4", json!(5), "m"), None),
                (item("Potrubí PE100 RC SDR 11, 110 x 10,0 mm", json!(5), "m"), None),
                (item("Potrubí PE100 SDR 11, 110 x 6,6 mm", json!(5), "m"), Some(High)),
                (item("Potrubí PE d90x5,4 SDR11", json!(5), "m"), Some(High)),
                (item("Rohr PE-HD da 90 x 5,4 SDR 17", json!(5), "m"), None),
            ],
        ),
        (
            "GOST-MARK",
            vec![
                (concrete("C25/30 F150"), Some(Medium)),
                (concrete("C25/30 W6"), Some(Medium)),
                (spec(json!({"concrete_class": "C25/30", "waterproofing": "W8"})), Some(Medium)),
                (text("Concrete C25/30 F150 W6"), Some(Medium)),
                (text("Window W6 beside concrete C25/30"), None),
                (concrete("C25/30 XF3"), None),
            ],
        ),
        ("COVERAGE", vec![(concrete("C25/30"), Some(Info)), (text("Slab"), None)]),
        (
            "RFI-MISSING",
            vec![
                (concrete("C25/30"), Some(Medium)),
                (text("Garage floor slab 6 m x 9 m, 200 mm thick, C25/30."), Some(Medium)),
                (
                    spec(json!({"concrete_class": "C30/37", "exposure_classes": ["XC4"], "cover_mm": 40})),
                    None,
                ),
                (item("Výkop", json!(5), "m3"), None),
            ],
        ),
        (
            "EXTRACT",
            vec![
                (text("Slab 6 m x 9 m, 200 mm thick, C25/30."), Some(Info)),
                (text("Podzemní voda pH 6,2"), Some(Info)),
                (text("A garage."), None),
            ],
        ),
    ]
}

fn tables() -> Vec<(&'static str, Vec<Case>)> {
    [
        numbers_and_units(),
        rows_and_prices(),
        geometry(),
        exposure(),
        chemistry(),
        cover_and_life(),
        documents(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The gravest finding of a rule on an input.
fn gravest(rule: &str, input: &Value) -> Option<Severity> {
    let project = Project::read(input["project_description"].as_str().unwrap_or_default(), "en", input);
    let findings = check(&project).findings;
    findings.into_iter().filter(|finding| finding.rule == rule).map(|finding| finding.severity).min()
}

#[test]
fn each_rule_speaks_where_it_must_and_is_silent_elsewhere() {
    let mut wrong = Vec::new();
    for (id, cases) in tables() {
        let rule = id.split_whitespace().next().unwrap();
        for (input, expected) in cases {
            let found = gravest(rule, &input);
            if found != expected {
                wrong.push(format!("{id}: {found:?} instead of {expected:?} for {input}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_that_finds_something_says_what_to_do() {
    let told = |id: &str| matches!(id, "COVERAGE" | "EXTRACT" | "EXP-TABLE" | "EXP-TABLE-NATIONAL");
    for id in IDS.into_iter().filter(|id| !told(id)) {
        let rule = id.split_whitespace().next().unwrap();
        let advice = crate::audit::advice::advice(rule).unwrap_or_else(|| panic!("no advice for {rule}"));
        assert!(!advice.remedy.is_empty() && !advice.to.is_empty(), "{rule}");
    }
}

#[test]
fn every_rule_of_the_list_has_its_table() {
    let mut seen: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for (id, cases) in tables() {
        let place = seen.entry(id.split_whitespace().next().unwrap()).or_default();
        place.0 |= cases.iter().any(|(_, expected)| expected.is_some());
        place.1 |= cases.iter().any(|(_, expected)| expected.is_none());
    }
    let ids: BTreeSet<&str> = tables().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, BTreeSet::from(IDS));
    let one_sided: Vec<_> = seen.iter().filter(|(_, sides)| **sides != (true, true)).collect();
    assert!(one_sided.is_empty(), "{one_sided:?}");
}
