//! From a final result to an outline: what stands where, and what it is called.
//!
//! What was not checked stands before everything that was.

mod checks;

use serde_json::Map;
use serde_json::Value;

use super::About;
use super::Cell;
use super::Column;
use super::Outline;
use super::Place;
use super::Section;
use super::Sheet;
use super::Table;
use super::value::Columns;
use super::value::cell;
use super::value::column;
use super::value::filled;
use super::value::plain;
use super::value::table;
use super::value::text;
use super::value::tree;
use super::value::words;

/// The whole document of a `final_result`.
pub fn outline(result: &Value, about: About) -> Outline {
    let mut sections = vec![summary(result, about)];
    let mut add = |section: Option<Section>| sections.extend(section);
    add(of_list("Not checked", Sheet::Summary, &result["not_checked"], NOT_CHECKED));
    add(checks::fix_first(result, about));
    add(checks::findings(result, about));
    add(checks::compliance(result));
    // They qualify what models say further down.
    add(conflicts(result));
    add(of_list("Standards", Sheet::Compliance, &result["standards_checked"], STANDARDS));
    add(checks::risks(result));
    add(of_list("Document issues", Sheet::Risks, &result["document_issues"], ISSUES));
    add(of_list("Questions", Sheet::Risks, &result["rfi_items"], QUESTIONS));
    add(of_list("Recommendations", Sheet::Risks, &result["recommendations"], RECOMMENDATIONS));
    add(checks::positions(result, about));
    for (key, title) in BLOCKS {
        add(of_tree(title, &result[*key]));
    }
    rest(result).into_iter().for_each(|section| add(Some(section)));
    add(of_list("Warnings", Sheet::Details, &result["warnings"], WARNINGS));
    add(of_list("Assumptions", Sheet::Details, &result["assumptions"], ASSUMPTIONS));
    add(Some(cost(result)));
    let simulated = result["simulated"] == true;
    Outline {
        title: plain(about.title),
        run: text(&result["run_id"]),
        mark: simulated.then(|| "SIMULATED, no model was asked".to_owned()),
        sections,
        disclaimer: result["disclaimer"].as_str().map(plain).unwrap_or_default(),
    }
}

const NOT_CHECKED: Columns = &[
    ("section", "Section", Place::Head),
    ("reason", "Reason", Place::Head),
    ("query", "Query", Place::Left),
];
const STANDARDS: Columns = &[
    ("standard", "Standard", Place::Head),
    ("status", "Status", Place::Head),
    ("year", "Year", Place::Left),
    ("title", "Title", Place::Left),
    ("issues", "Issues", Place::Below),
];
const ISSUES: Columns = &[
    ("severity", "Severity", Place::Head),
    ("type", "Type", Place::Head),
    ("description", "Description", Place::Head),
    ("location", "Where", Place::Below),
    ("impact", "Impact", Place::Left),
    ("recommendation", "Measure", Place::Below),
];
const QUESTIONS: Columns = &[
    ("priority", "Priority", Place::Head),
    ("id", "Id", Place::Head),
    ("question", "Question", Place::Head),
    ("to", "To", Place::Below),
    ("needed_for", "Needed for", Place::Left),
    ("deadline", "Deadline", Place::Left),
];
const RECOMMENDATIONS: Columns = &[
    ("priority", "Priority", Place::Head),
    ("item", "Recommendation", Place::Head),
    ("reason", "Reason", Place::Below),
    ("effort", "Effort", Place::Left),
];
const CONFLICTS: Columns = &[
    ("field", "Field", Place::Head),
    ("resolution", "What stands", Place::Head),
    ("claims", "Claims", Place::Below),
];
const WARNINGS: Columns = &[
    ("source", "Source", Place::Head),
    ("message", "Message", Place::Head),
    ("severity", "Severity", Place::Left),
    ("recommendation", "Measure", Place::Below),
];
const ASSUMPTIONS: Columns = &[("source", "Source", Place::Head), ("message", "Assumption", Place::Head)];

/// Blocks of an audit that are shown as they are.
const BLOCKS: &[(&str, &str)] = &[
    ("project_summary", "Project"),
    ("exposure_analysis", "Exposure"),
    ("structural_analysis", "Structure"),
    ("durability_analysis", "Durability"),
    ("final_specification", "Specification"),
    ("materials_breakdown", "Materials"),
    ("cost_summary", "Cost of the works"),
    ("value_engineering", "Value engineering"),
    ("otskp_codes", "OTSKP codes"),
];
/// What is shown elsewhere, or only machines read.
const SHOWN: &[&str] = &[
    "type",
    "run_id",
    "seq",
    "at",
    "elapsed_ms",
    "terminal",
    "simulated",
    "status",
    "panel",
    "reason",
    "error",
    "warnings",
    "performance",
    "queries",
    "result",
    "result_ref",
    "durable",
    "findings",
    "findings_only",
    "compliance_status",
    "standards_checked",
    "compliance_checks",
    "risks_identified",
    "document_issues",
    "rfi_items",
    "recommendations",
    "conflicts",
    "assumptions",
    "confidence",
    "coverage",
    "not_checked",
    "verdict",
    "ruleset",
    "sections",
    "disclaimer",
    "note",
    "asked_models",
];

fn of_list(title: &str, sheet: Sheet, list: &Value, columns: Columns) -> Option<Section> {
    let items: Vec<&Value> = filled(list)?.iter().collect();
    Some(Section { title: title.into(), sheet, notes: Vec::new(), table: Some(table(&items, columns)) })
}

/// Where sources differ, each claim as "rules: C35/45".
fn conflicts(result: &Value) -> Option<Section> {
    let told = |conflict: &Value| {
        let mut told = conflict.clone();
        let claims = filled(&conflict["claims"]).into_iter().flatten();
        let claims = claims.map(|claim| format!("{}: {}", text(&claim["source"]), text(&claim["value"])));
        told["claims"] = claims.collect::<Vec<_>>().join("; ").into();
        told
    };
    let conflicts: Vec<Value> =
        filled(&result["conflicts"])?.iter().filter(|one| one.is_object()).map(told).collect();
    of_list("Disagreements", Sheet::Details, &conflicts.into(), CONFLICTS)
}

fn of_tree(title: &str, block: &Value) -> Option<Section> {
    let table = Some(block).filter(|block| !block.is_null()).and_then(tree)?;
    Some(Section { title: title.into(), table: Some(table), ..Section::default() })
}

/// What the run is and how it ended.
fn summary(result: &Value, about: About) -> Section {
    let mut notes = Vec::new();
    if let Some(error) = result["error"].as_object() {
        notes.push(format!("No result. {}", field(error, "message")));
        notes.extend(error.get("hint").map(text));
    }
    notes.extend(filled(&result["verdict"]["reasons"]).into_iter().flatten().map(text));
    notes.extend(result["note"].as_str().map(plain));
    let mut rows = vec![
        fact("Status", text(&result["status"])),
        fact("Panel", format!("{}, revision {}", text(&result["panel"]), about.revision)),
        fact("Started", about.created_at.to_owned()),
        fact("Run", text(&result["run_id"])),
        fact("Answered by", answered_by(result)),
    ];
    if let Some(word) = result["verdict"]["word"].as_str() {
        rows.insert(1, fact("Verdict", words(word)));
    }
    let ruleset = &result["ruleset"];
    if ruleset.is_object() {
        rows.push(fact("Ruleset", format!("{}, {}", text(&ruleset["name"]), text(&ruleset["edition"]))));
        rows.extend(ruleset["unsure"].as_str().map(|doubt| fact("Doubt about it", plain(doubt))));
    }
    let coverage = &result["coverage"];
    if coverage.is_object() {
        let (checked, total) = (text(&coverage["positions_checked"]), text(&coverage["positions_total"]));
        rows.push(fact("Rows checked", format!("{checked} of {total}")));
        for (query, sent) in coverage["positions_sent"].as_object().into_iter().flatten() {
            rows.push(fact(&format!("Rows sent to {}", plain(query)), format!("{} of {total}", text(sent))));
        }
    }
    if let Some(findings) = result["findings"].as_array() {
        rows.push(fact("Findings", counted(findings)));
    }
    rows.extend(filled(&result["not_checked"]).map(|gaps| fact("Not checked", gaps.len().to_string())));
    if !about.decisions.is_empty() {
        rows.push(fact("Decided", about.decisions.len().to_string()));
    }
    let columns = vec![column("", Place::Head), column("Value", Place::Head)];
    Section { title: "Summary".into(), sheet: Sheet::Summary, notes, table: Some(Table { columns, rows }) }
}

pub(super) fn columns(of: &[(&str, Place)]) -> Vec<Column> {
    of.iter().map(|(title, place)| column(title, *place)).collect()
}

fn fact(name: &str, value: String) -> Vec<Cell> {
    vec![Cell::Text(name.to_owned()), Cell::Text(value)]
}

fn field(map: &Map<String, Value>, key: &str) -> String {
    map.get(key).map(text).unwrap_or_default()
}

/// "1 critical, 2 high".
fn counted(findings: &[Value]) -> String {
    let count = |word: &str| findings.iter().filter(|finding| finding["severity"] == word).count();
    let parts: Vec<String> = checks::SEVERITIES
        .iter()
        .map(|word| (count(word), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

/// Who answered, each once.
fn answered_by(result: &Value) -> String {
    let mut names: Vec<String> = Vec::new();
    for (_, end) in result["queries"].as_object().into_iter().flatten() {
        let name = answerer(end);
        if end["status"] == "succeeded" && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "nobody".into() } else { names.join(", ") }
}

fn answerer(end: &Value) -> String {
    match (end["provider"].as_str(), end["model"].as_str()) {
        (Some(provider), Some(model)) if provider == model => plain(model),
        (Some(provider), Some(model)) => plain(&format!("{provider}/{model}")),
        _ => "nobody".into(),
    }
}

/// Answers that no merge put in order, and what nobody knows here.
fn rest(result: &Value) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut add = |key: &str, value: &Value| match value {
        Value::String(answer) => sections.push(Section {
            title: words(key),
            notes: answer.lines().map(plain).collect(),
            ..Section::default()
        }),
        other => sections.extend(of_tree(&words(key), other)),
    };
    for (key, value) in result["result"].as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("answers", Value::Object(answers)) => {
                answers.iter().for_each(|(query, answer)| add(query, answer))
            }
            _ => add(key, value),
        }
    }
    let is_shown = |key: &&str| SHOWN.contains(key) || BLOCKS.iter().any(|(block, _)| block == key);
    for (key, value) in result.as_object().into_iter().flatten() {
        if !is_shown(&key.as_str()) {
            add(key, value);
        }
    }
    sections
}

/// Who answered, when and for how much.
fn cost(result: &Value) -> Section {
    let seconds = |value: &Value| value.as_f64().map_or(Cell::Empty, |ms| Cell::Number(ms / 1000.0));
    let row = |(query, end): (&String, &Value)| {
        vec![
            Cell::Text(plain(query)),
            cell(&end["status"]),
            Cell::Text(answerer(end)),
            seconds(&end["time_ms"]),
            cell(&end["attempts"]),
            cell(&end["usage"]["input_tokens"]),
            cell(&end["usage"]["output_tokens"]),
            cell(&end["cost"]["amount"]),
            cell(&end["cost"]["currency"]),
            cell(&end["error"]["message"]),
        ]
    };
    let titles = columns(&[
        ("Query", Place::Head),
        ("Status", Place::Head),
        ("Answered by", Place::Head),
        ("Seconds", Place::Below),
        ("Attempts", Place::Left),
        ("Tokens in", Place::Left),
        ("Tokens out", Place::Left),
        ("Cost", Place::Left),
        ("Currency", Place::Left),
        ("Reason", Place::Below),
    ]);
    let rows = result["queries"].as_object().into_iter().flatten().map(row).collect();
    Section {
        title: "Cost and time".into(),
        sheet: Sheet::Cost,
        notes: speed(&result["performance"]).into_iter().collect(),
        table: Some(Table { columns: titles, rows }),
    }
}

/// How much faster it was than one query after the other.
fn speed(performance: &Value) -> Option<String> {
    let times = performance["query_times"].as_object()?;
    let sum: u64 = times.values().filter_map(Value::as_u64).sum();
    let total = performance["total_time_ms"].as_u64()?;
    (times.len() > 1 && total > 0 && sum >= total).then(|| {
        format!(
            "One after the other would have taken {:.1} s; side by side it took {:.1} s.",
            sum as f64 / 1000.0,
            total as f64 / 1000.0
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::report::Decided;
    use crate::report::html::html;
    use crate::report::markdown::markdown;
    use crate::report::text;
    use serde_json::json;

    fn of(result: &Value) -> Outline {
        let decided = Decided { word: "accept", note: "as drawn".into() };
        let decisions = BTreeMap::from([("F-001".to_owned(), decided)]);
        let positions =
            [json!({"item_name": "=cmd()", "quantity": 2.5}), json!({"description": "Wall", "code": "x"})];
        let about = About {
            title: "Hall",
            created_at: "2026-11-20T14:02:00Z",
            revision: "1",
            positions: &positions,
            decisions: &decisions,
        };
        outline(result, about)
    }

    fn section<'a>(outline: &'a Outline, title: &str) -> Option<&'a Section> {
        outline.sections.iter().find(|section| section.title == title)
    }

    #[test]
    fn what_is_absent_has_no_heading() {
        let seen =
            of(&json!({"status": "completed", "risks_identified": [], "queries": {}, "performance": {}}));
        let titles: Vec<&str> = seen.sections.iter().map(|section| section.title.as_str()).collect();
        assert_eq!(titles, ["Summary", "Positions", "Cost and time"]);
        assert!(!text::text(&seen).contains("null"));
    }

    #[test]
    fn a_gap_is_shown_as_a_gap_and_not_as_a_risk() {
        let page = text::text(&of(&json!({
            "status": "partial", "performance": {}, "queries": {},
            "not_checked": [{"section": "Compliance", "reason": "The model did not answer."}],
            "risks_identified": [{"id": "RISK-000", "kind": "system", "title": "Compliance check failed"}],
        })));
        assert!(page.contains("Compliance: The model did not answer."), "{page}");
        assert!(!page.contains("Compliance check failed"), "{page}");
    }

    #[test]
    fn a_failed_run_says_why_and_shows_the_findings() {
        let page = text::text(&of(&json!({
            "status": "failed", "performance": {}, "queries": {"a": {"status": "failed", "time_ms": 15000,
            "error": {"code": "timeout", "message": "No first token within 15 s."}}},
            "error": {"code": "timeout", "message": "No query succeeded."},
            "findings": [{"severity": "high", "rule": "GEO-FORM", "message": "108 m2 against 54.96 m2", "rows": [2, 4], "positions": ["A1", 4]}],
        })));
        for part in ["No query succeeded.", "No first token within 15 s.", "GEO-FORM", "row: 3, 5"] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }

    #[test]
    fn disagreements_stand_before_what_they_qualify() {
        let page = text::text(&of(&json!({
            "status": "completed", "queries": {}, "final_specification": {"concrete_class": "C30/37"},
            "conflicts": [{"field": "final_specification.concrete_class", "resolution": "the stricter stands: C35/45",
                "claims": [{"source": "lab", "value": "C30/37"}, {"source": "rules", "value": "C35/45"}]}],
        })));
        assert!(page.contains("claims: lab: C30/37; rules: C35/45"), "{page}");
        assert!(page.find("## Disagreements") < page.find("## Specification"), "{page}");
    }

    #[test]
    fn text_cannot_move_the_cursor() {
        let page = text::text(&of(
            &json!({"status": "completed", "result": {"answers": {"a": "x\u{1b}[2Jy\nz"}}, "queries": {}}),
        ));
        assert!(page.contains("x [2Jy\nz") && !page.contains('\u{1b}'), "{page}");
    }

    #[test]
    fn no_field_of_an_answer_is_lost() {
        let seen = of(&json!({
            "status": "completed", "queries": {}, "cranes": {"count": 2, "kind": {"name": "tower"}},
            "risks_identified": [{"severity": "high", "title": "Ground", "colour": "brown"}],
            "result": {"answers": {"a": {"deep": [1, 2]}}, "agreement": "high"},
        }));
        let page = markdown(&seen);
        for part in ["tower", "brown", "1, 2", "agreement", "high"] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }

    #[test]
    fn a_row_carries_its_gravest_flag_and_its_decision() {
        let seen = of(&json!({
            "status": "completed", "queries": {},
            "findings": [
                {"id": "F-002", "severity": "low", "rule": "B", "message": "ask.", "rows": [0]},
                {"id": "F-001", "severity": "high", "rule": "A", "message": "wrong.", "rows": [0]},
                {"id": "F-003", "severity": "info", "rule": "C", "message": "read.", "rows": [1]},
            ],
        }));
        let table = section(&seen, "Positions").unwrap().table.as_ref().unwrap();
        let shown: Vec<Vec<String>> =
            table.rows.iter().map(|row| row.iter().map(Cell::text).collect()).collect();
        assert_eq!(shown[0], ["1", "", "=cmd()", "2.5", "", "", "", "high", "A, B", "wrong. ask.", ""]);
        assert_eq!(shown[1], ["2", "", "Wall", "", "", "", "", "", "", "", "x"]);
        let first = &section(&seen, "What to fix first").unwrap().table.as_ref().unwrap().rows[0];
        assert_eq!((first[6].text(), first[7].text()), ("accept".into(), "as drawn".into()));
    }

    #[test]
    fn nothing_in_an_answer_is_markup() {
        let hostile = "<script>alert(1)</script> ![x](http://e) | a\n# b";
        let seen = of(&json!({"status": "completed", "queries": {}, "result": {"answers": {"a": hostile}}}));
        assert!(!html(&seen).contains("<script"), "{}", html(&seen));
        let page = markdown(&seen);
        assert!(page.contains("\\<script") && !page.contains("![") && page.contains("\\# b"), "{page}");
    }
}
