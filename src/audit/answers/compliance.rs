//! Compliance by rules: limits checked, risks, questions.
//!
//! Each risk names its finding, so a report that lists findings can leave it out.

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
        "document_issues": [],
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

/// Questions that findings raise, and those that rules cannot answer at all.
fn questions(project: &Project, checks: &Checks) -> Vec<Value> {
    let asks = [
        "RFI-",
        "EXP-MISSING-XC2",
        "EXP-XF-PLAUS",
        "EXP-SR",
        "EXP-INCOMPLETE",
        "CLASS-",
        "QTY-MISSING",
        "PARSE-NUM",
    ];
    let mut list: Vec<Value> = Vec::new();
    let mut push = |priority: &str, to: &str, question: String, needed_for: &str| {
        let same = list.iter().any(|one| one["question"] == question.as_str());
        if !same {
            let id = format!("RFI-{:03}", list.len() + 1);
            list.push(json!({"id": id, "priority": priority, "to": to, "question": question,
                "needed_for": needed_for, "deadline": NOT_ASSESSED}));
        }
    };
    for finding in graver_than(checks, Severity::Low) {
        let Some(advice) =
            advice(&finding.rule).filter(|_| asks.iter().any(|ask| finding.rule.starts_with(ask)))
        else {
            continue;
        };
        let priority = match finding.severity {
            Severity::Critical => "critical",
            Severity::High => "high",
            _ => "medium",
        };
        let list = finding
            .expected
            .as_array()
            .map(|items| items.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        let what = match list.filter(|_| finding.rule.starts_with("RFI-")) {
            Some(items) if !items.is_empty() => format!(": {}", items.join(", ").replace('_', " ")),
            _ => String::new(),
        };
        push(
            priority,
            &advice.to,
            format!("{}{what}?", advice.remedy),
            &format!("{} ({})", advice.title, finding.rule),
        );
    }
    if project.has_concrete() {
        let loads =
            "Which permanent and variable loads were assumed, and which strength does the calculation give?";
        push("medium", "designer", loads.to_owned(), "structural analysis");
    }
    list
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
