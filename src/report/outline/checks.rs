//! What the checks found, what complies, what is at risk, and the bill with its flags.

use std::collections::BTreeMap;

use serde_json::Value;

use super::columns;
use crate::report::About;
use crate::report::Cell;
use crate::report::Place;
use crate::report::Section;
use crate::report::Sheet;
use crate::report::Table;
use crate::report::value::Columns;
use crate::report::value::cell;
use crate::report::value::column;
use crate::report::value::filled;
use crate::report::value::plain;
use crate::report::value::table;
use crate::report::value::text;
use crate::report::value::words;

/// Gravest first.
pub const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];
/// What should be looked at.
const GRAVE: [&str; 3] = ["critical", "high", "medium"];

const RISKS: Columns = &[
    ("severity", "Severity", Place::Head),
    ("id", "Id", Place::Head),
    ("title", "Risk", Place::Head),
    ("category", "Category", Place::Left),
    ("description", "Description", Place::Below),
    ("impact", "Impact", Place::Below),
    ("recommendation", "Measure", Place::Below),
    ("estimated_effort", "Effort", Place::Left),
    ("can_proceed", "Can proceed", Place::Left),
    ("assumption", "Assumption", Place::Left),
];

fn rank(severity: &Value) -> usize {
    SEVERITIES.iter().position(|known| severity == known).unwrap_or(SEVERITIES.len())
}

fn sorted(findings: &Value) -> Vec<&Value> {
    let mut sorted: Vec<&Value> = filled(findings).into_iter().flatten().collect();
    sorted.sort_by_key(|finding| rank(&finding["severity"]));
    sorted
}

/// Risks, without the entry that older readers need to see that something was not checked.
fn real_risks(result: &Value) -> Vec<&Value> {
    sorted(&result["risks_identified"]).into_iter().filter(|risk| risk["kind"] != "system").collect()
}

/// The rows of a finding as people count them, from 1.
fn rows(finding: &Value) -> Cell {
    let numbers: Vec<String> = filled(&finding["rows"])
        .into_iter()
        .flatten()
        .filter_map(|row| Some((row.as_u64()? + 1).to_string()))
        .collect();
    match numbers.as_slice() {
        [] => Cell::Empty,
        [one] => one.parse().map_or(Cell::Empty, Cell::Number),
        many => Cell::Text(many.join(", ")),
    }
}

fn decided(finding: &Value, about: About) -> [Cell; 2] {
    let decided = finding["id"].as_str().and_then(|id| about.decisions.get(id));
    let note = decided.map(|decided| plain(&decided.note)).filter(|note| !note.is_empty());
    [
        decided.map_or(Cell::Empty, |decided| Cell::Text(decided.word.into())),
        note.map_or(Cell::Empty, Cell::Text),
    ]
}

/// Findings from medium on and grave risks, gravest first.
pub fn fix_first(result: &Value, about: About) -> Option<Section> {
    let is_grave = |item: &&Value, words: &[&str]| words.iter().any(|word| item["severity"] == *word);
    let findings = sorted(&result["findings"]).into_iter().filter(|item| is_grave(item, &GRAVE));
    let risks = real_risks(result).into_iter().filter(|item| is_grave(item, &GRAVE[..2]));
    let mut items: Vec<(usize, Vec<Cell>)> = findings
        .map(|item| {
            let [decision, note] = decided(item, about);
            let head = [cell(&item["severity"]), cell(&item["rule"]), cell(&item["message"]), rows(item)];
            let found = [cell(&item["found"]), cell(&item["expected"]), decision, note];
            (rank(&item["severity"]), head.into_iter().chain(found).collect())
        })
        .collect();
    items.extend(risks.map(|item| {
        let what = format!("{}: {}", text(&item["title"]), text(&item["recommendation"]));
        let head = [cell(&item["severity"]), cell(&item["id"]), Cell::Text(what)];
        (rank(&item["severity"]), head.into_iter().chain((0..5).map(|_| Cell::Empty)).collect())
    }));
    if items.is_empty() {
        return None;
    }
    items.sort_by_key(|(rank, _)| *rank);
    let titles = columns(&[
        ("Severity", Place::Head),
        ("Rule or risk", Place::Head),
        ("What", Place::Head),
        ("Row", Place::Below),
        ("Found", Place::Left),
        ("Expected", Place::Left),
        ("Decision", Place::Below),
        ("Note", Place::Below),
    ]);
    let table = Table { columns: titles, rows: items.into_iter().map(|(_, row)| row).collect() };
    Some(Section {
        title: "What to fix first".into(),
        sheet: Sheet::FixFirst,
        notes: Vec::new(),
        table: Some(table),
    })
}

/// All findings, gravest first.
pub fn findings(result: &Value, about: About) -> Option<Section> {
    let sorted = sorted(&result["findings"]);
    if sorted.is_empty() {
        return None;
    }
    let row = |finding: &&Value| {
        let [decision, note] = decided(finding, about);
        let cells = ["severity", "id", "rule", "message"].map(|key| cell(&finding[key]));
        let further = ["found", "expected", "formula", "source", "doubt"].map(|key| cell(&finding[key]));
        cells.into_iter().chain([rows(finding)]).chain(further).chain([decision, note]).collect()
    };
    let titles = columns(&[
        ("Severity", Place::Head),
        // Recommendations and decisions name findings by it.
        ("Id", Place::Head),
        ("Rule", Place::Head),
        ("What", Place::Head),
        ("Row", Place::Below),
        ("Found", Place::Left),
        ("Expected", Place::Left),
        ("Computed", Place::Below),
        ("Source", Place::Left),
        ("Doubt", Place::Below),
        ("Decision", Place::Left),
        ("Note", Place::Left),
    ]);
    Some(Section {
        title: "Checks without AI".into(),
        sheet: Sheet::Findings,
        notes: Vec::new(),
        table: Some(Table { columns: titles, rows: sorted.iter().map(row).collect() }),
    })
}

pub fn compliance(result: &Value) -> Option<Section> {
    let status = &result["compliance_status"];
    if !status.is_object() {
        return None;
    }
    let mut rows = Vec::new();
    for group in filled(&result["compliance_checks"]).into_iter().flatten() {
        for item in filled(&group["items"]).into_iter().flatten() {
            let word = match item["status"].as_str() {
                Some("PASS") => "met".into(),
                Some("FAIL") => "not met".into(),
                Some(other) => words(other).to_lowercase(),
                None => String::new(),
            };
            let cells = [&group["category"], &item["check"], &item["required"], &item["found"]].map(cell);
            rows.push([Cell::Text(word)].into_iter().chain(cells).collect());
        }
    }
    let titles = columns(&[
        ("Status", Place::Head),
        ("Category", Place::Head),
        ("Check", Place::Head),
        ("Required", Place::Below),
        ("Found", Place::Below),
    ]);
    let overall = words(&text(&status["overall"])).to_lowercase();
    Some(Section {
        title: "Compliance".into(),
        sheet: Sheet::Compliance,
        notes: vec![format!("Overall: {overall}. {}", text(&status["summary"]))],
        table: (!rows.is_empty()).then_some(Table { columns: titles, rows }),
    })
}

pub fn risks(result: &Value) -> Option<Section> {
    let risks = real_risks(result);
    (!risks.is_empty()).then(|| Section {
        title: "Risks".into(),
        sheet: Sheet::Risks,
        notes: Vec::new(),
        table: Some(table(&risks, RISKS)),
    })
}

const POSITIONS: Columns = &[
    ("no", "No.", Place::Left),
    ("description", "Description", Place::Left),
    ("quantity", "Quantity", Place::Left),
    ("unit", "Unit", Place::Left),
    ("unit_price", "Unit price", Place::Left),
    ("total_price", "Total", Place::Left),
];

/// The bill with what was found about each row.
pub fn positions(result: &Value, about: About) -> Option<Section> {
    if about.positions.is_empty() {
        return None;
    }
    let mut flags: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for finding in sorted(&result["findings"]).into_iter().filter(|finding| finding["severity"] != "info") {
        for row in filled(&finding["rows"]).into_iter().flatten().filter_map(Value::as_u64) {
            flags.entry(row).or_default().push(finding);
        }
    }
    let described: Vec<Value> = about.positions.iter().map(described).collect();
    let mut table = table(&described.iter().collect::<Vec<_>>(), POSITIONS);
    let at = POSITIONS.len();
    for (index, row) in table.rows.iter_mut().enumerate() {
        let found = flags.get(&(index as u64)).map(Vec::as_slice).unwrap_or_default();
        let joined = |key: &str, by: &str| match found {
            [] => Cell::Empty,
            found => Cell::Text(found.iter().map(|one| text(&one[key])).collect::<Vec<_>>().join(by)),
        };
        let worst = found.first().map_or(Cell::Empty, |finding| cell(&finding["severity"]));
        row.splice(at..at, [worst, joined("rule", ", "), joined("message", " ")]);
        row.insert(0, Cell::Number(index as f64 + 1.0));
    }
    let titles = ["Flag", "Rules", "Why"].map(|title| column(title, Place::Left));
    table.columns.splice(at..at, titles);
    table.columns.insert(0, column("Row", Place::Left));
    Some(Section {
        title: "Positions".into(),
        sheet: Sheet::Positions,
        notes: Vec::new(),
        table: Some(table),
    })
}

/// A position under one name for its text, whichever its author took.
fn described(position: &Value) -> Value {
    let mut position = position.clone();
    if let Value::Object(map) = &mut position
        && !map.contains_key("description")
        && let Some(name) = map.remove("item_name")
    {
        map.insert("description".into(), name);
    }
    position
}
