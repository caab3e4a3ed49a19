//! One word for the whole: compliance by the rules, and the verdict.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::audit::finding::Checks;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;

/// Whether the project complies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Everything assessed passes.
    Compliant,
    /// Something must be settled first.
    Conditional,
    /// A limit is broken.
    NonCompliant,
    /// Nothing applicable could be assessed.
    Unknown,
}

impl Status {
    /// As answers write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Compliant => "COMPLIANT",
            Status::Conditional => "CONDITIONAL",
            Status::NonCompliant => "NON_COMPLIANT",
            Status::Unknown => "UNKNOWN",
        }
    }

    /// What an answer says; anything else is unknown.
    pub fn read(text: &str) -> Status {
        let all = [Status::Compliant, Status::Conditional, Status::NonCompliant];
        all.into_iter()
            .find(|status| text.trim().eq_ignore_ascii_case(status.as_str()))
            .unwrap_or(Status::Unknown)
    }

    /// The worse of two claims; unknown is no claim.
    pub fn worse(self, other: Status) -> Status {
        let rank = |status| match status {
            Status::Unknown => 0,
            Status::Compliant => 1,
            Status::Conditional => 2,
            Status::NonCompliant => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// One mark, one word, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// A sign for older readers.
    pub mark: String,
    /// `critical`, `not_compliant`, `unknown`, `attention` or `ok`.
    pub word: String,
    /// Why, shortly.
    pub reasons: Vec<String>,
}

/// Rules whose critical findings break a limit.
const NORMATIVE: [&str; 4] = ["EXP", "COVER", "SAFETY", "STD"];
/// Rules that show that a limit was looked at, even if it passed.
const ASSESSING: [&str; 9] = [
    "EXP-TABLE",
    "EXP-STRENGTH",
    "EXP-WC",
    "EXP-CEM",
    "EXP-AIR",
    "EXP-XA",
    "COVER",
    "SAFETY",
    "STD-OBSOLETE",
];

/// What the rules alone say of compliance. Never compliant by silence.
pub fn compliance_status(checks: &Checks) -> Status {
    let findings = &checks.findings;
    let begins =
        |finding: &Finding, list: &[&str]| list.iter().any(|prefix| finding.rule.starts_with(prefix));
    let worst = findings.iter().map(|finding| finding.severity).min().unwrap_or(Severity::Info);
    if findings.iter().any(|one| one.severity == Severity::Critical && begins(one, &NORMATIVE)) {
        Status::NonCompliant
    } else if worst <= Severity::High {
        Status::Conditional
    } else if !findings.iter().any(|one| begins(one, &ASSESSING)) {
        Status::Unknown
    } else if worst == Severity::Medium {
        Status::Conditional
    } else {
        Status::Compliant
    }
}

/// The verdict over findings, status, risks and warnings; the first that applies.
pub fn verdict(findings: &[Finding], status: Status, risks: &[Value], warnings: &[Value]) -> Verdict {
    let critical = told(findings, |severity| severity == Severity::Critical);
    let grave = told(findings, |severity| matches!(severity, Severity::High | Severity::Medium));
    let risks: Vec<&str> = risks
        .iter()
        .filter(|risk| risk["severity"] == "critical")
        .map(|risk| risk["title"].as_str().unwrap_or("a critical risk"))
        .collect();
    // Parts of a bill may warn of the same thing.
    let serious = warnings.iter().filter(|warning| warning["severity"] != "info");
    let serious = serious.map(|warning| warning["message"].as_str()).collect::<BTreeSet<_>>().len();
    let mut reasons = Vec::new();
    reasons.extend(critical.map(|told| format!("Critical: {told}.")));
    if !risks.is_empty() {
        reasons.push(format!("Critical risks: {}.", counted(&risks)));
    }
    let (mark, word) = match status {
        _ if !reasons.is_empty() => ("\u{1f6a8}", "critical"),
        Status::NonCompliant => ("\u{274c}", "not_compliant"),
        Status::Unknown => ("\u{2753}", "unknown"),
        Status::Conditional => ("\u{26a0}\u{fe0f}", "attention"),
        Status::Compliant if serious > 0 => ("\u{26a0}\u{fe0f}", "attention"),
        Status::Compliant => ("\u{2705}", "ok"),
    };
    match word {
        "not_compliant" => reasons.push("A limit is broken.".to_owned()),
        "unknown" => reasons.push("Nothing applicable could be assessed.".to_owned()),
        "ok" => reasons.push("Everything assessed passes.".to_owned()),
        _ => {}
    }
    reasons.extend(grave.map(|told| format!("To be settled: {told}.")));
    if serious > 0 {
        reasons.push(format!("{serious} {}.", if serious == 1 { "warning" } else { "warnings" }));
    }
    if reasons.is_empty() {
        reasons.push("The compliance status is conditional.".to_owned());
    }
    Verdict { mark: mark.to_owned(), word: word.to_owned(), reasons }
}

/// Most bytes of a finding in a reason: the findings have a list of their own.
const SHORT: usize = 100;

/// The first of these findings in a clause, and how many more there are.
fn told(findings: &[Finding], is_meant: impl Fn(Severity) -> bool) -> Option<String> {
    let mut meant = findings.iter().filter(|finding| is_meant(finding.severity));
    let first = meant.next()?;
    let more = match meant.count() {
        0 => String::new(),
        count => format!("; and {count} more"),
    };
    Some(format!("{} ({}){more}", clause(&first.message), first.rule))
}

/// As much of a sentence as is short, up to where a clause ends.
fn clause(message: &str) -> &str {
    let whole = message.trim_end_matches('.');
    if whole.len() <= SHORT {
        return whole;
    }
    let ends = [". ", ": ", "; ", ", "].into_iter().flat_map(|end| whole.match_indices(end));
    let end = ends.map(|(at, _)| at).filter(|at| *at <= SHORT).max();
    &whole[..end.unwrap_or_else(|| whole.floor_char_boundary(SHORT))]
}

/// Each name once, with its number if it comes several times.
fn counted(names: &[&str]) -> String {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    for name in names {
        match seen.iter_mut().find(|(own, _)| own == name) {
            Some((_, count)) => *count += 1,
            None => seen.push((name, 1)),
        }
    }
    let text = |(name, count): &(&str, usize)| {
        if *count > 1 { format!("{name} ({count})") } else { (*name).to_owned() }
    };
    seen.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::finding::Coverage;
    use crate::audit::ruleset::Ruleset;

    fn status(findings: &[(&str, Severity)]) -> Status {
        let findings = findings.iter().map(|(rule, severity)| Finding::new(rule, *severity, "")).collect();
        compliance_status(&Checks {
            findings,
            coverage: Coverage::default(),
            ruleset: Ruleset::named(None).title(),
        })
    }

    #[test]
    fn silence_is_never_compliance() {
        for (findings, expected) in [
            (vec![], Status::Unknown),
            (vec![("GEO-VOL", Severity::Info)], Status::Unknown),
            (vec![("RFI-MISSING", Severity::Medium)], Status::Unknown),
            (vec![("EXP-TABLE", Severity::Info)], Status::Compliant),
            (vec![("EXP-TABLE", Severity::Info), ("QTY-MISSING", Severity::Medium)], Status::Conditional),
            (vec![("QTY-NEG", Severity::Critical)], Status::Conditional),
            (vec![("DUP", Severity::High)], Status::Conditional),
            (vec![("EXP-WC", Severity::Critical)], Status::NonCompliant),
            (vec![("STD-OBSOLETE", Severity::Critical)], Status::NonCompliant),
        ] {
            assert_eq!(status(&findings), expected, "{findings:?}");
        }
    }

    #[test]
    fn the_first_that_applies_is_the_verdict() {
        let critical = [Finding::new("DUP", Severity::Critical, "")];
        let risk = [json!({"severity": "critical", "title": "x"})];
        let warning = [json!({"severity": "warning"})];
        for (findings, status, risks, warnings, word) in [
            (&critical[..], Status::Compliant, &[][..], &[][..], "critical"),
            (&[], Status::Compliant, &risk[..], &[], "critical"),
            (&[], Status::NonCompliant, &[], &[], "not_compliant"),
            (&[], Status::Unknown, &[], &warning[..], "unknown"),
            (&[], Status::Conditional, &[], &[], "attention"),
            (&[], Status::Compliant, &[], &warning[..], "attention"),
            (&[], Status::Compliant, &[], &[], "ok"),
        ] {
            let verdict = verdict(findings, status, risks, warnings);
            assert_eq!(verdict.word, word);
            assert!(!verdict.reasons.is_empty() && !verdict.mark.is_empty());
        }
    }
    #[test]
    fn a_reason_says_what_is_wrong() {
        let of = |severity, message: &str| Finding::new("EXP-WC", severity, message);
        let long = "Cover 30 mm against 55 mm for XD3 at S4: it is 25 mm short. The reduction for slabs (S3) would \
                    give 50 mm; it is not applied here.";
        let findings = [
            of(Severity::Critical, "w/c 0.55 is too high: XD3 allows at most 0.45."),
            of(Severity::Critical, "More."),
            of(Severity::High, long),
            of(Severity::Low, "Nothing much."),
        ];
        let reasons = verdict(&findings, Status::NonCompliant, &[], &[]).reasons;
        let told = [
            "Critical: w/c 0.55 is too high: XD3 allows at most 0.45 (EXP-WC); and 1 more.",
            "To be settled: Cover 30 mm against 55 mm for XD3 at S4: it is 25 mm short (EXP-WC).",
        ];
        assert_eq!(reasons, told);
        let endless = format!("{}ž", "ž".repeat(400));
        let reasons = verdict(&[of(Severity::High, &endless)], Status::Conditional, &[], &[]).reasons;
        assert_eq!(reasons, [format!("To be settled: {} (EXP-WC).", "ž".repeat(50))]);
    }
}
