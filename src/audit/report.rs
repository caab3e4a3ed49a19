//! The report: one pure function of the answers, the findings and the failures.
//!
//! A query that failed leaves its sections absent and named, never invented.
//! No field of an answer is lost: what nobody knows is kept under its name.

use std::ops::Range;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::audit::Project;
use crate::audit::answers::ANALYSIS;
use crate::audit::answers::COMPLIANCE;
use crate::audit::conflict::conflicts;
use crate::audit::conflict::failed_after_all;
use crate::audit::conflict::settled_status;
use crate::audit::evidence;
use crate::audit::finding::Checks;
use crate::audit::finding::rounded;
use crate::audit::verdict::Status;
use crate::audit::verdict::compliance_status;
use crate::audit::verdict::verdict;
use crate::event::FinalResult;
use crate::failure::Failure;

/// One query's part in the report.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The query.
    pub query: &'a str,
    /// Who answered it.
    pub provider: Option<&'a str>,
    /// With which model.
    pub model: Option<&'a str>,
    /// The answer, or why there is none.
    pub outcome: Result<&'a Value, &'a Failure>,
    /// Rows of the bill that the answer leaves out.
    pub unread: &'a [Unread<'a>],
}

/// Rows of the bill that nobody has read for a query that was asked in parts.
#[derive(Clone, Debug)]
pub struct Unread<'a> {
    /// The query that had them.
    pub query: &'a str,
    /// The rows, counted from 0.
    pub rows: Range<usize>,
    /// Why they were not read.
    pub failure: &'a Failure,
}

/// The provider that asks no model.
pub const RULES: &str = "rules";

const ANALYSIS_SECTIONS: [&str; 9] = [
    "project_summary",
    "exposure_analysis",
    "structural_analysis",
    "durability_analysis",
    "final_specification",
    "materials_breakdown",
    "cost_summary",
    "value_engineering",
    "otskp_codes",
];
const COMPLIANCE_SECTIONS: [&str; 7] = [
    "compliance_status",
    "standards_checked",
    "compliance_checks",
    "risks_identified",
    "document_issues",
    "rfi_items",
    "recommendations",
];
/// Fields of an answer that become one list or number of the report.
const MERGED: [&str; 4] = ["warnings", "assumptions", "assumptions_made", "confidence"];
/// Names that the report itself uses, beside those of the event.
const RESERVED: [&str; 11] = [
    "findings",
    "conflicts",
    "evidence",
    "coverage",
    "not_checked",
    "verdict",
    "ruleset",
    "disclaimer",
    "sections",
    "asked_models",
    "note",
];
const DISCLAIMER: &str = "Orientation, not a guarantee: a qualified person decides.";
const NO_MODEL: &str = "No model was asked: the built-in rules wrote this report.";

/// The sections that a query of the panel fills.
fn sections_of(query: &str) -> &'static [&'static str] {
    match query {
        ANALYSIS => &ANALYSIS_SECTIONS,
        COMPLIANCE => &COMPLIANCE_SECTIONS,
        _ => &[],
    }
}

/// The report; nothing when no part succeeded.
///
/// `warnings` are the run's, already of the report's shape.
pub fn report(
    parts: &[Part<'_>],
    project: &Project,
    checks: &Checks,
    warnings: &[Value],
) -> Option<Map<String, Value>> {
    if !parts.iter().any(|part| part.outcome.is_ok()) {
        return None;
    }
    let mut report = Report { keys: Map::new(), sections: Map::new(), not_checked: Vec::new() };
    for part in parts {
        match part.outcome {
            Ok(answer) => report.take(part, answer),
            Err(failure) => report.miss(part, failure),
        }
        report.not_checked.extend(part.unread.iter().map(left_open));
    }
    report.system_risk(parts);
    let evidence = evidence::evidence(parts, project, checks);
    let mut warnings = merged_warnings(parts, warnings);
    warnings.extend(evidence::warnings(&evidence));
    let conflicts = conflicts(parts, project, checks);
    let status = settled_status(parts, checks);
    report.settle_status(status, compliance_status(checks));
    report.settle_checks(&conflicts);
    let overall = match status.unwrap_or(Status::Unknown) {
        // A query that failed says nothing; the rules still do.
        Status::Unknown => compliance_status(checks),
        known => known,
    };
    let risks = report.keys.get("risks_identified").and_then(Value::as_array).cloned().unwrap_or_default();
    let verdict = verdict(&checks.findings, overall, &risks, &warnings);
    let Report { mut keys, sections, not_checked } = report;
    let mut put = |key: &str, value: Value| keys.insert(key.to_owned(), value);
    put("findings", json!(checks.findings));
    put("conflicts", Value::from(conflicts));
    if !evidence.is_empty() {
        put("evidence", Value::from(evidence));
    }
    put("warnings", Value::from(warnings));
    put("assumptions", Value::from(assumptions(parts)));
    if let Some(confidence) = confidence(parts) {
        put("confidence", confidence);
    }
    put("coverage", json!(checks.coverage));
    put("not_checked", Value::from(not_checked));
    put("verdict", json!(verdict));
    put("ruleset", json!(checks.ruleset));
    put("sections", Value::Object(sections));
    put("disclaimer", Value::from(DISCLAIMER));
    if parts.iter().all(|part| part.outcome.is_err() || part.provider == Some(RULES)) {
        put("asked_models", Value::from(false));
        put("note", Value::from(NO_MODEL));
    }
    Some(keys)
}

/// The report as it grows.
struct Report {
    keys: Map<String, Value>,
    sections: Map<String, Value>,
    not_checked: Vec<Value>,
}

impl Report {
    /// Takes over every field of an answer, known sections in their own order first.
    fn take(&mut self, part: &Part<'_>, answer: &Value) {
        let Some(fields) = answer.as_object() else { return self.put(part, part.query, answer.clone()) };
        let known = sections_of(part.query);
        for section in known {
            match fields.get(*section) {
                Some(value) => self.put(part, section, without_listed(part, section, value)),
                None => self.not_checked.push(json!({
                    "section": section, "reason": "the answer has no such section", "query": part.query,
                })),
            }
        }
        if part.provider == Some(RULES) {
            self.leave_to_judgement(part, known, fields);
        }
        let rest = fields
            .iter()
            .filter(|(key, _)| !known.contains(&key.as_str()) && !MERGED.contains(&key.as_str()));
        for (key, value) in rest {
            let others =
                ANALYSIS_SECTIONS.contains(&key.as_str()) || COMPLIANCE_SECTIONS.contains(&key.as_str());
            let reserved = RESERVED.contains(&key.as_str()) || FinalResult::RESERVED.contains(&key.as_str());
            let taken = reserved || others || self.keys.contains_key(key);
            let name = if taken { format!("{}.{key}", part.query) } else { key.clone() };
            self.put(part, &name, value.clone());
        }
        // A list that merges only texts and objects must not swallow another shape.
        for key in MERGED {
            if let Some(odd) = fields.get(key).filter(|value| !is_mergeable(key, value)) {
                self.put(part, &format!("{}.{key}", part.query), odd.clone());
            }
        }
    }

    fn put(&mut self, part: &Part<'_>, key: &str, value: Value) {
        let mut origin = json!({"query": part.query});
        for (name, text) in [("provider", part.provider), ("model", part.model)] {
            if let Some(text) = text {
                origin[name] = json!(text);
            }
        }
        self.sections.insert(key.to_owned(), origin);
        self.keys.insert(key.to_owned(), value);
    }

    /// Names what rules cannot assess: judgement, loads, prices that nobody gave.
    fn leave_to_judgement(&mut self, part: &Part<'_>, known: &[&str], fields: &Map<String, Value>) {
        let unpriced = fields.get("cost_summary").is_some_and(|costs| costs["direct_costs_czk"].is_null());
        for section in known {
            let reason = match *section {
                "structural_analysis" | "value_engineering" => "not assessed by the built-in rules",
                "cost_summary" if unpriced => "no prices are given",
                _ => continue,
            };
            self.not_checked.push(json!({"section": section, "reason": reason, "query": part.query}));
        }
    }

    /// Names what a failed query leaves open.
    fn miss(&mut self, part: &Part<'_>, failure: &Failure) {
        for section in sections_of(part.query) {
            let reason = failure.message.as_str();
            self.not_checked.push(json!({"section": section, "reason": reason, "query": part.query}));
        }
        match part.query {
            ANALYSIS => {
                let error = json!({"error": "Comprehensive analysis failed"});
                self.keys.insert("project_summary".to_owned(), error);
            }
            COMPLIANCE => {
                let summary = format!("Not checked: {}", failure.message);
                let status = json!({"overall": Status::Unknown.as_str(), "summary": summary});
                self.keys.insert("compliance_status".to_owned(), status);
            }
            _ => {}
        }
    }

    /// Older readers look for a failed compliance query among the risks.
    fn system_risk(&mut self, parts: &[Part<'_>]) {
        let failed = parts.iter().find(|part| part.query == COMPLIANCE).and_then(|part| part.outcome.err());
        if let Some(failure) = failed {
            let risk = json!({
                "id": "RISK-001", "kind": "system", "severity": "high", "category": "documentation",
                "title": "Compliance check failed", "description": failure.message, "can_proceed": false,
            });
            self.keys.insert("risks_identified".to_owned(), json!([risk]));
        }
    }

    /// A check that the rules or its own values say has failed is no passed one.
    fn settle_checks(&mut self, conflicts: &[Value]) {
        let Some(groups) = self.keys.get_mut("compliance_checks") else { return };
        for path in failed_after_all(conflicts) {
            let place = path.trim_start_matches("/compliance_checks");
            if let Some(item) = groups.pointer_mut(place).and_then(Value::as_object_mut) {
                item.insert("status".to_owned(), json!("FAIL"));
                item.insert("claimed_status".to_owned(), json!("PASS"));
            }
        }
    }

    /// The worse of what the answer and the rules say stands, and the summary says who said what.
    fn settle_status(&mut self, status: Option<Status>, of_rules: Status) {
        let (Some(status), Some(section)) = (status, self.keys.get_mut("compliance_status")) else { return };
        let Some(section) = section.as_object_mut() else { return };
        let claimed = section.insert("overall".to_owned(), json!(status.as_str()));
        let Some(Value::String(claimed)) = claimed else { return };
        if Status::read(&claimed) == status {
            return;
        }
        let said = section.get("summary").and_then(Value::as_str).unwrap_or_default();
        let who =
            if of_rules == status { "The checks without AI say" } else { "The checks that failed mean" };
        let summary = format!("{who} {}. The model said {claimed}: {said}", status.as_str());
        section.insert("summary".to_owned(), json!(summary));
        section.insert("claimed_overall".to_owned(), json!(claimed));
    }
}

/// What a part of the bill leaves open that nobody has read.
fn left_open(unread: &Unread<'_>) -> Value {
    let (first, last) = (unread.rows.start, unread.rows.end.saturating_sub(1));
    let reason = format!("rows {first} to {last} were not read: {}", unread.failure.message);
    json!({"section": "positions", "reason": reason, "query": unread.query, "first_row": first, "last_row": last})
}

/// The rules' risks and issues that name a finding are that finding, and findings have a list of their own.
fn without_listed(part: &Part<'_>, section: &str, value: &Value) -> Value {
    match value {
        Value::Array(items) if LISTED.contains(&section) && part.provider == Some(RULES) => {
            items.iter().filter(|item| !is_own_finding(item)).cloned().collect()
        }
        other => other.clone(),
    }
}

/// Sections of the rules whose items are findings told again.
const LISTED: [&str; 2] = ["risks_identified", "document_issues"];

fn is_own_finding(item: &Value) -> bool {
    item["finding"].as_str().is_some_and(|id| id.starts_with("F-"))
}

fn is_mergeable(key: &str, value: &Value) -> bool {
    match key {
        "confidence" => value.is_number(),
        _ => value
            .as_array()
            .is_some_and(|items| items.iter().all(|item| item.is_string() || item["message"].is_string())),
    }
}

/// The run's warnings, each failed query's cause once, then those of the answers.
fn merged_warnings(parts: &[Part<'_>], run: &[Value]) -> Vec<Value> {
    let mut list: Vec<Value> = run.to_vec();
    for part in parts {
        match part.outcome {
            Err(failure) => {
                let code = json!(failure.code);
                let told = list.iter().any(|one| one["source"] == part.query && one["code"] == code);
                if !told {
                    list.push(json!({"source": part.query, "severity": "warning", "code": code, "message": failure.message}));
                }
            }
            Ok(answer) => {
                let items =
                    answer["warnings"].as_array().filter(|_| is_mergeable("warnings", &answer["warnings"]));
                list.extend(items.into_iter().flatten().map(|item| warning(part.query, item)));
            }
        }
    }
    list
}

/// A warning of an answer in the report's shape; its other fields stay.
fn warning(query: &str, item: &Value) -> Value {
    let mut shaped = Map::new();
    shaped.insert("source".to_owned(), json!(query));
    let level = item["level"].as_str().or(item["severity"].as_str()).unwrap_or("warning");
    shaped.insert("severity".to_owned(), json!(level));
    match item {
        Value::Object(fields) => {
            let rest =
                fields.iter().filter(|(key, _)| !matches!(key.as_str(), "level" | "severity" | "source"));
            shaped.extend(rest.map(|(key, value)| (key.clone(), value.clone())));
        }
        text => {
            shaped.insert("message".to_owned(), text.clone());
        }
    }
    Value::Object(shaped)
}

/// Assumptions of all answers, each with its query.
fn assumptions(parts: &[Part<'_>]) -> Vec<Value> {
    let mut list = Vec::new();
    for part in parts {
        let Ok(answer) = part.outcome else { continue };
        for key in ["assumptions", "assumptions_made"] {
            let items = answer[key].as_array().filter(|_| is_mergeable(key, &answer[key]));
            let shaped = |item: &Value| match item {
                Value::Object(fields) => {
                    let mut shaped = fields.clone();
                    shaped.insert("source".to_owned(), json!(part.query));
                    Value::Object(shaped)
                }
                text => json!({"source": part.query, "message": text}),
            };
            list.extend(items.into_iter().flatten().map(shaped));
        }
    }
    list
}

/// The mean of the confidences that answers give.
fn confidence(parts: &[Part<'_>]) -> Option<Value> {
    let given: Vec<f64> = parts.iter().filter_map(|part| part.outcome.ok()?["confidence"].as_f64()).collect();
    (!given.is_empty()).then(|| rounded(given.iter().sum::<f64>() / given.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::answers::answer;
    use crate::audit::check;
    use crate::audit::examples_test::examples;
    use crate::audit::examples_test::read;
    use crate::failure::Code;

    struct Case {
        project: Project,
        checks: Checks,
    }

    fn case(at: usize) -> Case {
        let project = read(&examples()[at].1);
        let checks = check(&project);
        Case { project, checks }
    }

    fn analysis() -> Value {
        json!({"project_summary": {"element": "strip"}, "exposure_analysis": {"exposure_classes": ["XC4", "XF3", "XA1"]},
            "final_specification": {"concrete_class": "C30/37"}, "confidence": 0.8, "assumptions": ["a"],
            "warnings": [{"level": "info", "category": "cost", "message": "w", "recommendation": "r"}],
            "extra": 1, "status": "odd"})
    }

    fn compliance(overall: &str) -> Value {
        json!({"compliance_status": {"overall": overall, "summary": "s"}, "risks_identified": [{"severity": "low", "title": "t"}],
            "confidence": 0.6, "assumptions_made": ["b"], "reviewer": "x"})
    }

    fn made(
        case: &Case,
        one: Result<&Value, &Failure>,
        other: Result<&Value, &Failure>,
        by: &str,
    ) -> Option<Value> {
        let part =
            |query, outcome| Part { query, provider: Some(by), model: Some("m"), outcome, unread: &[] };
        let parts = [part(ANALYSIS, one), part(COMPLIANCE, other)];
        report(&parts, &case.project, &case.checks, &[]).map(Value::Object)
    }

    #[test]
    fn two_answers_make_one_report() {
        let report = made(&case(0), Ok(&analysis()), Ok(&compliance("CONDITIONAL")), "p").unwrap();
        assert_eq!(report["confidence"], 0.7);
        assert_eq!(report["assumptions"].as_array().unwrap().len(), 2);
        assert_eq!(report["assumptions"][1], json!({"source": COMPLIANCE, "message": "b"}));
        assert_eq!(report["warnings"][0]["severity"], "info");
        assert_eq!((&report["extra"], &report["comprehensive_analysis.status"]), (&json!(1), &json!("odd")));
        assert_eq!(report["reviewer"], "x");
        assert_eq!(
            report["sections"]["project_summary"],
            json!({"query": ANALYSIS, "provider": "p", "model": "m"})
        );
        assert_eq!(report["conflicts"], json!([]));
        assert_eq!(report["verdict"]["word"], "attention");
        assert!(report.get("asked_models").is_none() && report.get("status").is_none());
        assert!(report["not_checked"].as_array().unwrap().iter().any(|one| one["section"] == "cost_summary"));
    }

    #[test]
    fn a_failed_analysis_leaves_its_sections_absent() {
        let failure = Failure::new(Code::Timeout, "No answer in time.");
        let report = made(&case(0), Err(&failure), Ok(&compliance("CONDITIONAL")), "p").unwrap();
        assert_eq!(report["project_summary"], json!({"error": "Comprehensive analysis failed"}));
        assert!(report.get("cost_summary").is_none());
        let missing = report["not_checked"].as_array().unwrap();
        assert!(missing.contains(
            &json!({"section": "cost_summary", "reason": "No answer in time.", "query": ANALYSIS})
        ));
        assert_eq!(report["warnings"][0]["code"], "timeout");
        assert_eq!(report["warnings"][0]["source"], ANALYSIS);
    }

    #[test]
    fn a_failed_compliance_query_is_unknown() {
        let failure = Failure::new(Code::Timeout, "No answer in time.");
        let report = made(&case(1), Ok(&analysis()), Err(&failure), "p").unwrap();
        assert_eq!(report["compliance_status"]["overall"], "UNKNOWN");
        let risk = &report["risks_identified"][0];
        assert_eq!(
            (&risk["kind"], &risk["severity"], &risk["title"]),
            (&json!("system"), &json!("high"), &json!("Compliance check failed"))
        );
        assert_eq!(report["verdict"]["word"], "critical");
        assert!(report["not_checked"].as_array().unwrap().iter().any(|one| one["section"] == "rfi_items"));
    }

    #[test]
    fn nothing_answered_is_no_report() {
        let failure = Failure::new(Code::Timeout, "No answer in time.");
        assert_eq!(made(&case(0), Err(&failure), Err(&failure), "p"), None);
    }

    #[test]
    fn a_model_that_says_compliant_does_not_win() {
        let report = made(&case(1), Ok(&analysis()), Ok(&compliance("COMPLIANT")), "p").unwrap();
        assert_eq!(report["compliance_status"]["overall"], "NON_COMPLIANT");
        let conflict = &report["conflicts"][0];
        assert_eq!(conflict["field"], "compliance_status.overall");
        assert_eq!(conflict["claims"][0], json!({"source": "p", "value": "COMPLIANT"}));
        assert_eq!(conflict["claims"][1], json!({"source": "rules", "value": "NON_COMPLIANT"}));
        assert_eq!(report["verdict"]["word"], "critical");
        let status = &report["compliance_status"];
        assert_eq!(status["claimed_overall"], "COMPLIANT");
        assert_eq!(status["summary"], "The checks without AI say NON_COMPLIANT. The model said COMPLIANT: s");
    }

    #[test]
    fn rules_alone_list_each_finding_once() {
        for (at, word) in [(0, "attention"), (1, "critical"), (2, "unknown")] {
            let case = case(at);
            let (one, other) = (
                answer(ANALYSIS, &case.project, &case.checks).unwrap(),
                answer(COMPLIANCE, &case.project, &case.checks).unwrap(),
            );
            let report = made(&case, Ok(&one), Ok(&other), RULES).unwrap();
            assert_eq!(report["asked_models"], false);
            assert_eq!(report["conflicts"], json!([]));
            assert_eq!(report["verdict"]["word"], word);
            let text = report.to_string();
            for finding in &case.checks.findings {
                assert_eq!(text.matches(&finding.message).count(), 1, "{}", finding.message);
            }
        }
    }

    #[test]
    fn no_field_of_an_answer_is_lost() {
        let odd = json!({"project_summary": 1, "warnings": "text", "confidence": "high", "findings": [1], "risks_identified": 2});
        let report = made(&case(2), Ok(&odd), Ok(&compliance("COMPLIANT")), "p").unwrap();
        for (key, value) in [
            ("warnings", json!("text")),
            ("confidence", json!("high")),
            ("findings", json!([1])),
            ("risks_identified", json!(2)),
        ] {
            assert_eq!(report[format!("{ANALYSIS}.{key}")], value, "{key}");
        }
        assert_eq!(report["project_summary"], 1);
    }
}
