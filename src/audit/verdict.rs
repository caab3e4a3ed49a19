//! One word for the whole: compliance by the rules, and the verdict.

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
    let critical: Vec<&str> = findings
        .iter()
        .filter(|one| one.severity == Severity::Critical)
        .map(|one| one.rule.as_str())
        .collect();
    let risks: Vec<&str> = risks
        .iter()
        .filter(|risk| risk["severity"] == "critical")
        .map(|risk| risk["title"].as_str().unwrap_or("a critical risk"))
        .collect();
    let serious = warnings.iter().filter(|warning| warning["severity"] != "info").count();
    let mut reasons = Vec::new();
    if !critical.is_empty() {
        reasons.push(format!("Critical findings: {}.", counted(&critical)));
    }
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
    let grave: Vec<&str> = findings
        .iter()
        .filter(|one| matches!(one.severity, Severity::High | Severity::Medium))
        .map(|one| one.rule.as_str())
        .collect();
    if !grave.is_empty() {
        reasons.push(format!("To be settled: {}.", counted(&grave)));
    }
    if serious > 0 {
        reasons.push(format!("{serious} {}.", if serious == 1 { "warning" } else { "warnings" }));
    }
    if reasons.is_empty() {
        reasons.push("The compliance status is conditional.".to_owned());
    }
    Verdict { mark: mark.to_owned(), word: word.to_owned(), reasons }
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
}
