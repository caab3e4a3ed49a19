//! Compliance by rules: limits checked, risks, questions.
//!
//! Each risk names its finding, so a report that lists findings can leave it out.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::json;

use crate::audit::Project;
use crate::audit::advice::advice;
use crate::audit::answers::NOT_ASSESSED;
use crate::audit::cover::needed;
use crate::audit::cover::structural_class;
use crate::audit::exposure::compared;
use crate::audit::finding::Checks;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::standards::obsolete;
use crate::audit::standards::standards;
use crate::audit::subject::Subject;
use crate::audit::subject::subjects;
use crate::audit::verdict::Status;
use crate::audit::verdict::compliance_status;

/// The answer to `compliance_risks`.
pub(super) fn answer(project: &Project, checks: &Checks) -> Value {
    let status = compliance_status(checks);
    json!({
        "compliance_status": {"overall": status.as_str(), "summary": summary(status, checks)},
        "standards_checked": standards_checked(project),
        "compliance_checks": compliance_checks(project, checks),
        "risks_identified": risks(checks),
        "document_issues": issues(checks),
        "rfi_items": questions(project, checks),
        "assumptions_made": ["Built-in rules only: no judgement, no calculation of loads."],
        "recommendations": recommendations(checks),
        "reviewer": "built-in rules",
    })
}

fn summary(status: Status, checks: &Checks) -> String {
    let count = |severity| checks.findings.iter().filter(|finding| finding.severity == severity).count();
    let (critical, high, medium) =
        (count(Severity::Critical), count(Severity::High), count(Severity::Medium));
    let counted = format!("{critical} critical, {high} high and {medium} medium findings");
    match status {
        Status::NonCompliant => format!("Limits are broken: {counted}."),
        Status::Conditional => format!("Something must be settled first: {counted}."),
        Status::Compliant => format!("Every limit that could be assessed holds in {}.", checks.ruleset.name),
        Status::Unknown => "Not assessable: what decides is not stated. See the questions.".to_owned(),
    }
}

fn standards_checked(project: &Project) -> Vec<Value> {
    let ruleset = project.ruleset;
    let issues: Vec<&String> = ruleset.unsure.iter().collect();
    let mut list = vec![json!({
        "standard": ruleset.edition, "year": null, "title": ruleset.name, "status": "verified", "issues": issues,
    })];
    for (name, _) in standards(project) {
        let row = obsolete(&name);
        let status = if row.is_some() { "obsolete" } else { NOT_ASSESSED };
        let issues: Vec<String> = row.iter().map(|row| format!("superseded: use {}", row.instead)).collect();
        list.push(json!({"standard": name, "year": year(&name), "title": NOT_ASSESSED, "status": status, "issues": issues}));
    }
    list
}

/// Four digits that can be a year.
fn year(name: &str) -> Option<u32> {
    let parts = name.split(|c: char| !c.is_ascii_digit()).filter(|part| part.len() == 4);
    parts.filter_map(|part| part.parse().ok()).rfind(|year| (1950..=2100).contains(year))
}

fn item(check: &str, required: &str, found: &str, pass: bool) -> Value {
    json!({"check": check, "required": required, "found": found, "status": if pass { "PASS" } else { "FAIL" }})
}

/// Limits of mix and cover, passed and failed; then what findings judged.
fn compliance_checks(project: &Project, checks: &Checks) -> Vec<Value> {
    let subjects = subjects(project);
    let mix: Vec<Value> = subjects
        .iter()
        .flat_map(|subject| compared(project, subject))
        .map(|one| item(&one.name, &one.required, &one.found, one.pass))
        .collect();
    let cover: Vec<Value> = subjects.iter().filter_map(|subject| cover_check(project, subject)).collect();
    let judged = |prefixes: &[&str]| -> Vec<Value> {
        let meant = |finding: &&Finding| prefixes.iter().any(|prefix| finding.rule.starts_with(prefix));
        checks.findings.iter().filter(meant).map(judged_item).collect()
    };
    let categories = [
        ("concrete mix", mix),
        ("cover", cover),
        ("chemical attack", judged(&["EXP-XA"])),
        ("partial factors", judged(&["SAFETY"])),
        ("quantities", judged(&["GEO-", "RATIO-"])),
    ];
    let category = |(category, items): (&str, Vec<Value>)| json!({"category": category, "items": items});
    categories.into_iter().filter(|(_, items)| !items.is_empty()).map(category).collect()
}

fn judged_item(finding: &Finding) -> Value {
    let title = advice(&finding.rule).map_or(finding.rule.as_str(), |advice| advice.title.as_str());
    item(
        &format!("{title} ({})", finding.rule),
        &shown(&finding.expected),
        &shown(&finding.found),
        finding.severity >= Severity::Low,
    )
}

/// What a finding found or expected, for a person.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => readable(number.as_f64().unwrap_or_default()),
        Value::Null => NOT_ASSESSED.to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| format!("{key} {}", shown(value));
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
    }
}

fn cover_check(project: &Project, subject: &Subject) -> Option<Value> {
    let found = subject.cover_mm.filter(|_| subject.is_reinforced)?;
    let needed = needed(&structural_class(project), &subject.exposures, subject.bar_mm)?;
    let check = format!("Nominal cover for {} at {}", needed.class, needed.structural_class);
    let millimetres = |value| format!("{} mm", readable(value));
    Some(item(&check, &millimetres(needed.nominal_mm), &millimetres(found), found >= needed.nominal_mm))
}

fn graver_than(checks: &Checks, limit: Severity) -> Vec<&Finding> {
    let mut list: Vec<&Finding> =
        checks.findings.iter().filter(|finding| finding.severity <= limit).collect();
    list.sort_by_key(|finding| finding.severity);
    list
}

fn risks(checks: &Checks) -> Vec<Value> {
    let risk = |(at, finding): (usize, &Finding)| {
        let advice = advice(&finding.rule);
        json!({
            "id": format!("RISK-{:03}", at + 1),
            "severity": finding.severity,
            "category": advice.map_or("documentation", |advice| advice.category.as_str()),
            "title": advice.map_or(finding.rule.as_str(), |advice| advice.title.as_str()),
            "description": finding.message,
            "impact": NOT_ASSESSED,
            "recommendation": advice.map_or(NOT_ASSESSED, |advice| advice.remedy.as_str()),
            "estimated_effort": NOT_ASSESSED,
            "can_proceed": finding.severity > Severity::High,
            "finding": finding.id,
        })
    };
    graver_than(checks, Severity::Medium).into_iter().enumerate().map(risk).collect()
}

/// What kind of fault of the documents a rule finds; nothing for a fault of the design.
fn issue_type(rule: &str) -> Option<&'static str> {
    const TYPES: [(&str, &[&str]); 4] = [
        (
            "inconsistency",
            &["CLASS-CONFLICT", "DOC-", "DUP", "GEO-", "PRICE-MUL", "PRICE-SUM", "COST-", "PIPE-SDR"],
        ),
        ("missing", &["RFI-", "QTY-MISSING", "REBAR-MISSING", "FORM-MISSING"]),
        ("ambiguous", &["PARSE-", "SPEC-AMBIG", "UNIT-UNKNOWN", "STD-INCOMPLETE", "CLASS-UNKNOWN"]),
        ("incompatible", &["UNIT-CAT", "EXP-INVALID", "GOST-MARK", "STD-OBSOLETE"]),
    ];
    let begins = |list: &[&str]| list.iter().any(|prefix| rule.starts_with(prefix));
    TYPES.iter().find(|(_, list)| begins(list)).map(|(name, _)| *name)
}

/// Faults of the documents; each names its finding, as the risks do.
fn issues(checks: &Checks) -> Vec<Value> {
    let issue = |finding: &Finding| {
        let advice = advice(&finding.rule);
        Some(json!({
            "type": issue_type(&finding.rule)?,
            "severity": finding.severity,
            "location": location(finding),
            "description": finding.message,
            "impact": NOT_ASSESSED,
            "recommendation": advice.map_or(NOT_ASSESSED, |advice| advice.remedy.as_str()),
            "finding": finding.id,
        }))
    };
    graver_than(checks, Severity::Low).into_iter().filter_map(issue).collect()
}

/// The rows of a finding as people count them, else where it was read.
fn location(finding: &Finding) -> String {
    match finding.rows.len() {
        0 => "specifications and description".to_owned(),
        1 => format!("row {}", listed(&finding.rows)),
        _ => format!("rows {}", listed(&finding.rows)),
    }
}

/// Rows that a question or a place names at most.
const LISTED: usize = 10;

fn listed(rows: &[usize]) -> String {
    let mut texts: Vec<String> = rows.iter().take(LISTED).map(|row| (row + 1).to_string()).collect();
    if rows.len() > LISTED {
        texts.push(format!("and {} more", rows.len() - LISTED));
    }
    texts.join(", ")
}

/// Rules whose findings ask somebody.
const ASKING: [&str; 18] = [
    "RFI-",
    "EXP-MISSING-XC2",
    "EXP-XF-PLAUS",
    "EXP-SR",
    "EXP-INCOMPLETE",
    "EXP-INVALID",
    "CLASS-",
    "QTY-",
    "PARSE-NUM",
    "UNIT-UNKNOWN",
    "SPEC-AMBIG",
    "REBAR-MISSING",
    "FORM-MISSING",
    "DOC-",
    "STD-INCOMPLETE",
    "GOST-MARK",
    "LIFE-100",
    "RATIO-",
];

/// Questions that findings raise, one for each thing to ask, and those that rules cannot answer at all.
fn questions(project: &Project, checks: &Checks) -> Vec<Value> {
    let mut asked: Vec<(String, &Finding, Vec<usize>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let asks = |finding: &&Finding| ASKING.iter().any(|prefix| finding.rule.starts_with(prefix));
    for finding in graver_than(checks, Severity::Low).into_iter().filter(asks) {
        let Some(question) = question(finding) else { continue };
        let at = *places.entry(question.clone()).or_insert_with(|| {
            asked.push((question, finding, Vec::new()));
            asked.len() - 1
        });
        asked[at].2.extend(&finding.rows);
    }
    let mut list: Vec<Value> = Vec::new();
    for (question, finding, mut rows) in asked {
        rows.sort_unstable();
        rows.dedup();
        let place = match rows.len() {
            0 => String::new(),
            1 => format!(" (row {})", listed(&rows)),
            _ => format!(" (rows {})", listed(&rows)),
        };
        let priority = match finding.severity {
            Severity::Critical => "critical",
            Severity::High => "high",
            _ => "medium",
        };
        let (to, title) = advice(&finding.rule)
            .map_or(("designer", ""), |advice| (advice.to.as_str(), advice.title.as_str()));
        let needed_for = format!("{title} ({})", finding.rule);
        list.push(rfi(list.len(), [priority, to, &format!("{question}?{place}"), &needed_for]));
    }
    if project.has_concrete() {
        let loads =
            "Which permanent and variable loads were assumed, and which strength does the calculation give?";
        list.push(rfi(list.len(), ["medium", "designer", loads, "structural analysis"]));
    }
    list
}

/// What a finding asks, without its rows.
fn question(finding: &Finding) -> Option<String> {
    let advice = advice(&finding.rule)?;
    let items = finding.expected.as_array().filter(|_| finding.rule.starts_with("RFI-"));
    let names: Vec<&str> = items.into_iter().flatten().filter_map(Value::as_str).collect();
    let what = match names[..] {
        [] => String::new(),
        _ => format!(": {}", names.join(", ").replace('_', " ")),
    };
    Some(format!("{}{what}", advice.remedy))
}

fn rfi(before: usize, [priority, to, question, needed_for]: [&str; 4]) -> Value {
    json!({"id": format!("RFI-{:03}", before + 1), "priority": priority, "to": to, "question": question,
        "needed_for": needed_for, "deadline": NOT_ASSESSED})
}

/// What to do about each rule that found something, once per rule.
fn recommendations(checks: &Checks) -> Vec<Value> {
    let mut rules: Vec<(&str, Severity, Vec<&str>)> = Vec::new();
    for finding in graver_than(checks, Severity::Low) {
        match rules.iter_mut().find(|(rule, ..)| *rule == finding.rule) {
            Some((_, _, ids)) => ids.push(&finding.id),
            None => rules.push((&finding.rule, finding.severity, vec![&finding.id])),
        }
    }
    let recommendation = |(rule, severity, ids): (&str, Severity, Vec<&str>)| {
        let priority = match severity {
            Severity::Critical | Severity::High => "must",
            Severity::Medium => "should",
            Severity::Low | Severity::Info => "consider",
        };
        let advice = advice(rule)?;
        let reason = format!("{rule}: {}", ids.join(", "));
        Some(json!({"priority": priority, "item": advice.remedy, "reason": reason, "effort": NOT_ASSESSED}))
    };
    rules.into_iter().filter_map(recommendation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::check;

    fn of(input: Value) -> Value {
        let project = Project::read("", "en", &input);
        answer(&project, &check(&project))
    }

    #[test]
    fn faults_of_documents_have_their_kind_and_place() {
        let answer = of(json!({"positions": [
            {"item_name": "Beton stěn C30/35 XC4", "quantity": 5, "unit": "m2"},
            {"item_name": "Výkop", "quantity": null, "unit": "m3"},
            {"item_name": "Rýha", "quantity": 4, "unit": "m3"},
            {"item_name": "Rýha", "quantity": 4, "unit": "m3"},
        ]}));
        let issues = answer["document_issues"].as_array().unwrap();
        let of = |kind: &str, place: &str| {
            issues.iter().any(|one| one["type"] == kind && one["location"] == place)
        };
        assert!(of("incompatible", "row 1") && of("ambiguous", "row 1"), "{issues:#?}");
        assert!(of("missing", "row 2") && of("inconsistency", "rows 3, 4"), "{issues:#?}");
    }

    #[test]
    fn one_thing_is_asked_once_with_all_its_rows() {
        let row = |at: usize| json!({"item_name": format!("Výkop {at}"), "quantity": null, "unit": "m3"});
        let answer = of(json!({"positions": (0..14).map(row).collect::<Vec<_>>()}));
        let questions = answer["rfi_items"].as_array().unwrap();
        assert_eq!(questions.len(), 1, "{questions:#?}");
        let question = questions[0]["question"].as_str().unwrap();
        assert!(question.ends_with("(rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, and 4 more)"), "{question}");
    }
}
