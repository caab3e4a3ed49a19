//! A final result as Markdown: what the command line prints.
//!
//! Shows what is there and nothing else; what was not checked stands first.
//! Works for any panel: a result without a report shows its answers.

use serde_json::Map;
use serde_json::Value;

/// The whole report of a `final_result`.
pub fn report(result: &Value) -> String {
    let mut page = Page::default();
    page.head(result);
    page.not_checked(result);
    page.findings(result);
    page.compliance(result);
    page.risks(result);
    page.issues(result);
    page.questions(result);
    page.recommendations(result);
    for (key, title) in TABLES {
        page.table_of(title, &result[*key]);
    }
    page.answers(result);
    page.notes(result);
    page.performance(result);
    if let Some(disclaimer) = result["disclaimer"].as_str() {
        page.line("---");
        page.line(&plain(disclaimer));
    }
    page.text
}

/// Blocks that are objects of values, in the order of the report.
const TABLES: &[(&str, &str)] = &[
    ("project_summary", "Project"),
    ("exposure_analysis", "Exposure"),
    ("structural_analysis", "Structure"),
    ("durability_analysis", "Durability"),
    ("final_specification", "Specification"),
    ("materials_breakdown", "Materials"),
    ("cost_summary", "Cost"),
    ("value_engineering", "Value engineering"),
    ("otskp_codes", "OTSKP codes"),
    ("standards_checked", "Standards"),
    ("conflicts", "Disagreements"),
];

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn section(&mut self, title: &str) {
        self.line(&format!("\n## {title}\n"));
    }

    fn head(&mut self, result: &Value) {
        let simulated = if result["simulated"] == true { " (SIMULATED, no model was asked)" } else { "" };
        self.line(&format!("# Audit: {}{simulated}\n", text(&result["status"])));
        if let Some(error) = result["error"].as_object() {
            self.line(&format!("**No result.** {}", text_of(error, "message")));
            if let Some(hint) = error.get("hint") {
                self.line(&format!("\n{}", text(hint)));
            }
        }
        let verdict = &result["verdict"];
        if verdict.is_object() {
            self.line(&format!("**Verdict: {}**\n", text(&verdict["word"])));
            self.bullets(&verdict["reasons"], text);
        }
        if let Some(note) = result["note"].as_str() {
            self.line(&format!("\n{}", plain(note)));
        }
    }

    fn not_checked(&mut self, result: &Value) {
        let Some(items) = filled(&result["not_checked"]) else { return };
        self.section("Not checked");
        for item in items {
            self.line(&format!("- {}: {}", text(&item["section"]), text(&item["reason"])));
        }
    }

    fn findings(&mut self, result: &Value) {
        let Some(findings) = filled(&result["findings"]) else { return };
        self.section("Checks without AI");
        let mut sorted: Vec<&Value> = findings.iter().collect();
        let order = |severity: &Value| SEVERITIES.iter().position(|known| severity == known);
        sorted.sort_by_key(|finding| order(&finding["severity"]).unwrap_or(SEVERITIES.len()));
        for finding in sorted {
            let rows = rows(&finding["rows"]);
            let doubt = finding["doubt"]
                .as_str()
                .map(|doubt| format!(" Doubt: {}", plain(doubt)))
                .unwrap_or_default();
            self.line(&format!(
                "- {} `{}` {}{rows}{doubt}",
                text(&finding["severity"]),
                text(&finding["rule"]),
                text(&finding["message"])
            ));
        }
        let coverage = &result["coverage"];
        if coverage.is_object() {
            let (checked, total) = (text(&coverage["positions_checked"]), text(&coverage["positions_total"]));
            self.line(&format!("\n{checked} of {total} positions were checked."));
            for (query, sent) in coverage["positions_sent"].as_object().into_iter().flatten() {
                self.line(&format!("{} of {total} positions were sent to {}.", text(sent), plain(query)));
            }
        }
    }

    fn compliance(&mut self, result: &Value) {
        let status = &result["compliance_status"];
        if !status.is_object() {
            return;
        }
        self.section("Compliance");
        self.line(&format!("**{}** {}\n", text(&status["overall"]), text(&status["summary"])));
        for group in result["compliance_checks"].as_array().into_iter().flatten() {
            for item in group["items"].as_array().into_iter().flatten() {
                self.line(&format!(
                    "- {} {}: {}, required {}, found {}",
                    text(&item["status"]),
                    text(&group["category"]),
                    text(&item["check"]),
                    text(&item["required"]),
                    text(&item["found"])
                ));
            }
        }
    }

    fn risks(&mut self, result: &Value) {
        // An entry that older readers need says that something was not checked; it is no risk.
        let risks: Vec<&Value> = filled(&result["risks_identified"])
            .into_iter()
            .flatten()
            .filter(|risk| risk["kind"] != "system")
            .collect();
        if risks.is_empty() {
            return;
        }
        self.section("Risks");
        for risk in risks {
            let head = format!("{} {} {}", text(&risk["id"]), text(&risk["severity"]), text(&risk["title"]));
            self.line(&format!("- {head}: {}", text(&risk["description"])));
            self.indented("impact", &risk["impact"]);
            self.indented("do", &risk["recommendation"]);
        }
    }

    fn issues(&mut self, result: &Value) {
        let Some(issues) = filled(&result["document_issues"]) else { return };
        self.section("Document issues");
        for issue in issues {
            let head = format!("{} {}", text(&issue["severity"]), text(&issue["type"]));
            self.line(&format!("- {head}, {}: {}", text(&issue["location"]), text(&issue["description"])));
            self.indented("do", &issue["recommendation"]);
        }
    }

    fn questions(&mut self, result: &Value) {
        let Some(items) = filled(&result["rfi_items"]) else { return };
        self.section("Questions");
        for item in items {
            let head = format!("{} {}", text(&item["id"]), text(&item["priority"]));
            self.line(&format!("- {head}, to {}: {}", text(&item["to"]), text(&item["question"])));
        }
    }

    fn recommendations(&mut self, result: &Value) {
        let Some(items) = filled(&result["recommendations"]) else { return };
        self.section("Recommendations");
        for item in items {
            self.line(&format!(
                "- {} {}: {}",
                text(&item["priority"]),
                text(&item["item"]),
                text(&item["reason"])
            ));
        }
    }

    fn table_of(&mut self, title: &str, block: &Value) {
        let has_content = match block {
            Value::Object(map) => !map.is_empty(),
            Value::Array(list) => !list.is_empty(),
            _ => false,
        };
        if has_content {
            self.section(title);
            self.nested(block, 0);
        }
    }

    /// Any value as a nested list.
    fn nested(&mut self, value: &Value, depth: usize) {
        let indent = "  ".repeat(depth);
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let key = plain(key).replace('_', " ");
                    match is_flat(value) {
                        true => self.line(&format!("{indent}- {key}: {}", text(value))),
                        false => {
                            self.line(&format!("{indent}- {key}:"));
                            self.nested(value, depth + 1);
                        }
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    match item {
                        Value::Object(map) if map.values().all(is_flat) => {
                            let fields: Vec<String> = map
                                .iter()
                                .map(|(key, value)| {
                                    format!("{}: {}", plain(key).replace('_', " "), text(value))
                                })
                                .collect();
                            self.line(&format!("{indent}- {}", fields.join("; ")));
                        }
                        item if is_flat(item) => self.line(&format!("{indent}- {}", text(item))),
                        item => self.nested(item, depth + 1),
                    }
                }
            }
            other => self.line(&format!("{indent}- {}", text(other))),
        }
    }

    fn answers(&mut self, result: &Value) {
        for (query, answer) in result["result"]["answers"].as_object().into_iter().flatten() {
            self.section(&plain(query));
            match answer {
                Value::String(answer) => self.line(&lines(answer)),
                other => self.nested(other, 0),
            }
        }
    }

    fn notes(&mut self, result: &Value) {
        if let Some(warnings) = filled(&result["warnings"]) {
            self.section("Warnings");
            for warning in warnings {
                self.line(&format!("- {}: {}", text(&warning["source"]), text(&warning["message"])));
                self.indented("do", &warning["recommendation"]);
            }
        }
        if let Some(assumptions) = filled(&result["assumptions"]) {
            self.section("Assumptions");
            for assumption in assumptions {
                self.line(&format!("- {}: {}", text(&assumption["source"]), text(&assumption["message"])));
            }
        }
    }

    fn performance(&mut self, result: &Value) {
        self.section("Time");
        for (query, end) in result["queries"].as_object().into_iter().flatten() {
            let model = match (end["provider"].as_str(), end["model"].as_str()) {
                (Some(provider), Some(model)) if provider == model => plain(model),
                (Some(provider), Some(model)) => plain(&format!("{provider}/{model}")),
                _ => "nobody".into(),
            };
            let reason =
                end["error"]["message"].as_str().map(|why| format!(": {}", plain(why))).unwrap_or_default();
            let seconds = seconds(&end["time_ms"]);
            self.line(&format!(
                "- {}: {} by {model} in {seconds} s{reason}",
                plain(query),
                text(&end["status"])
            ));
        }
        let performance = &result["performance"];
        let times = performance["query_times"].as_object();
        let sum: u64 = times.into_iter().flatten().filter_map(|(_, time)| time.as_u64()).sum();
        let total = performance["total_time_ms"].as_u64().unwrap_or(0);
        if times.is_some_and(|times| times.len() > 1) && total > 0 && sum >= total {
            self.line(&format!(
                "\nOne after the other would have taken {:.1} s; side by side it took {:.1} s.",
                sum as f64 / 1000.0,
                total as f64 / 1000.0
            ));
        }
    }

    fn indented(&mut self, name: &str, value: &Value) {
        if !value.is_null() {
            self.line(&format!("  {name}: {}", text(value)));
        }
    }

    fn bullets(&mut self, list: &Value, show: impl Fn(&Value) -> String) {
        for item in list.as_array().into_iter().flatten() {
            self.line(&format!("- {}", show(item)));
        }
    }
}

const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];

fn filled(value: &Value) -> Option<&Vec<Value>> {
    value.as_array().filter(|items| !items.is_empty())
}

fn is_flat(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(items) => items.iter().all(|item| !item.is_object() && !item.is_array()),
        _ => true,
    }
}

fn text_of(map: &Map<String, Value>, key: &str) -> String {
    map.get(key).map(text).unwrap_or_default()
}

/// The rows of a finding as people count them, from 1.
fn rows(indexes: &Value) -> String {
    let numbers: Vec<String> = indexes
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| Some((row.as_u64()? + 1).to_string()))
        .collect();
    match numbers.as_slice() {
        [] => String::new(),
        [one] => format!(" (row {one})"),
        many => format!(" (rows {})", many.join(", ")),
    }
}

/// A flat value on one line.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => plain(&other.to_string()),
    }
}

/// One line without control characters: model text must not move a terminal's cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Lines without control characters.
fn lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

fn seconds(value: &Value) -> String {
    format!("{:.1}", value.as_f64().unwrap_or(0.0) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_absent_has_no_heading() {
        let page =
            report(&json!({"status": "completed", "risks_identified": [], "queries": {}, "performance": {}}));
        assert!(
            !page.contains("## Risks") && !page.contains("## Not checked") && !page.contains("null"),
            "{page}"
        );
    }

    #[test]
    fn a_gap_is_shown_as_a_gap_and_not_as_a_risk() {
        let page = report(&json!({
            "status": "partial", "performance": {}, "queries": {},
            "not_checked": [{"section": "Compliance", "reason": "The model did not answer."}],
            "risks_identified": [{"id": "RISK-000", "kind": "system", "title": "Compliance check failed"}],
        }));
        assert!(page.contains("Compliance: The model did not answer."), "{page}");
        assert!(!page.contains("Compliance check failed"), "{page}");
    }

    #[test]
    fn a_failed_run_says_why_and_shows_the_findings() {
        let page = report(&json!({
            "status": "failed", "performance": {}, "queries": {"a": {"status": "failed", "time_ms": 15000,
            "error": {"code": "timeout", "message": "No first token within 15 s."}}},
            "error": {"code": "timeout", "message": "No query succeeded."},
            "findings": [{"severity": "high", "rule": "GEO-FORM", "message": "108 m2 against 54.96 m2", "rows": [2, 4], "positions": ["A1", 4]}],
        }));
        for part in ["No query succeeded.", "No first token within 15 s.", "GEO-FORM", "(rows 3, 5)"] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }

    #[test]
    fn text_cannot_move_the_cursor() {
        let page = report(
            &json!({"status": "completed", "result": {"answers": {"a": "x\u{1b}[2Jy\nz"}}, "queries": {}}),
        );
        assert!(page.contains("x [2Jy\nz") && !page.contains('\u{1b}'), "{page}");
    }
}
