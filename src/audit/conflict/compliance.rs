//! The compliance answer: checks it calls passed, standards it calls valid.

use serde_json::Value;

use super::Conflict;
use crate::audit::Project;
use crate::audit::elements::fold;
use crate::audit::finding::Checks;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::scan::Token;
use crate::audit::scan::scan;
use crate::audit::standards::obsolete;
use crate::audit::strength;

/// Words of a check's title, all of one line needed, and the rule that judges the same.
const TOPICS: [(&[&str], &str); 16] = [
    (&["water", "cement"], "EXP-WC"),
    (&["w", "c"], "EXP-WC"),
    (&["vodni", "soucinitel"], "EXP-WC"),
    (&["cover"], "COVER"),
    (&["kryti"], "COVER"),
    (&["air"], "EXP-AIR"),
    (&["vzduch*"], "EXP-AIR"),
    (&["cement", "content"], "EXP-CEM"),
    (&["obsah", "cementu"], "EXP-CEM"),
    (&["formwork"], "GEO-FORM"),
    (&["bedneni"], "GEO-FORM"),
    (&["volume"], "GEO-VOL"),
    (&["objem*"], "GEO-VOL"),
    (&["partial", "factor*"], "SAFETY"),
    (&["sdr*"], "PIPE-SDR"),
    (&["chemical"], "EXP-XA"),
];

/// Whether the answer itself has a check that failed.
pub(super) fn has_failed_check(answer: &Value) -> bool {
    items(answer).any(|(_, _, item)| item["status"] == "FAIL")
}

/// Every check of the answer with its category and its place.
fn items(answer: &Value) -> impl Iterator<Item = (String, &str, &Value)> {
    let groups = answer["compliance_checks"].as_array().into_iter().flatten().enumerate();
    groups.flat_map(|(group, checks)| {
        let category = checks["category"].as_str().unwrap_or_default();
        let items = checks["items"].as_array().into_iter().flatten().enumerate();
        items.map(move |(at, item)| (format!("/compliance_checks/{group}/items/{at}"), category, item))
    })
}

pub(super) fn conflicts(answer: &Value, project: &Project, checks: &Checks) -> Vec<Conflict> {
    let passed = items(answer).filter(|(_, _, item)| item["status"] == "PASS");
    let failed = passed.filter_map(|(path, category, item)| {
        let against = judged(item, checks).or_else(|| compared(item))?;
        let claim = format!("{}: PASS", item["check"].as_str().unwrap_or_default());
        let field = format!("compliance_checks.{category}");
        Some(Conflict::new(&field, claim, against).so("the worse stands: FAIL").at(path))
    });
    failed.chain(standards(answer, project)).collect()
}

/// What a rule says against it, when it surely judged the same thing.
fn judged(item: &Value, checks: &Checks) -> Option<String> {
    let words = fold(item["check"].as_str()?);
    let said = |word: &&str| match word.strip_suffix('*') {
        Some(start) => words.iter().any(|own| own.starts_with(start)),
        None => words.iter().any(|own| own == word),
    };
    let (_, rule) = TOPICS.iter().find(|(topic, _)| topic.iter().all(said))?;
    let own =
        |finding: &&Finding| finding.rule == *rule || (*rule == "EXP-XA" && finding.rule.starts_with(rule));
    let mut failed =
        checks.findings.iter().filter(own).filter(|finding| finding.severity <= Severity::Medium);
    let found = item["found"].as_str().map(str::to_owned).unwrap_or_else(|| item["found"].to_string());
    let numbers = numbers(&found);
    let same = |finding: &&Finding| match finding.found.as_f64() {
        Some(value) => numbers.iter().any(|own| (own - value).abs() < 1e-6),
        None => false,
    };
    failed.find(same).map(|finding| format!("{}: {}", finding.rule, finding.message))
}

fn numbers(text: &str) -> Vec<f64> {
    let number = |token: Token| match token {
        Token::Number(value, _) => Some(value),
        _ => None,
    };
    scan(text).into_iter().filter_map(number).collect()
}

/// What the check's own two values say against it.
fn compared(item: &Value) -> Option<String> {
    let (required, found) = (item["required"].as_str()?, item["found"].as_str()?);
    if let (Some(least), Some(class)) = (only_class(required), only_class(found)) {
        return (class.cylinder < least.cylinder).then(|| format!("{} is below {}", class.name, least.name));
    }
    let ([limit], [value]) = (&numbers(required)[..], &numbers(found)[..]) else { return None };
    let words = fold(required);
    let says = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let most = required.contains(['<', '≤']) || says(&["max", "maximum", "most", "nejvyse", "hochstens"]);
    let least = required.contains(['>', '≥']) || says(&["min", "minimum", "least", "nejmene", "mindestens"]);
    let broken = (most && !least && value > limit) || (least && !most && value < limit);
    let sign = if most { "at most" } else { "at least" };
    broken.then(|| format!("{} is not {sign} {}", readable(*value), readable(*limit)))
}

/// The strength class of a text that names nothing else in numbers.
fn only_class(text: &str) -> Option<strength::Strength> {
    match &strength::named_in(&scan(text))[..] {
        [only] => only.known().cloned(),
        _ => None,
    }
}

/// Standards that are called verified and no longer hold.
fn standards(answer: &Value, project: &Project) -> Vec<Conflict> {
    let list = answer["standards_checked"].as_array().into_iter().flatten();
    let outdated = |one: &Value| {
        let name = one["standard"].as_str().filter(|_| one["status"] == "verified")?;
        let year = one["year"].as_u64().map(|year| format!(":{year}")).unwrap_or_default();
        let row = obsolete(&format!("{name}{year}")).filter(|row| !row.minor && !project.is_existing())?;
        let rules = format!("no longer holds; use {}", row.instead);
        Some(
            Conflict::new(&format!("standards_checked.{name}"), "verified", rules)
                .so("the worse stands: obsolete"),
        )
    };
    list.filter_map(outdated).collect()
}
