//! Standards and partial factors: STD-OBSOLETE, STD-INCOMPLETE, SAFETY.

use serde_json::Map;

use crate::audit::Project;
use crate::audit::elements::fold;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::ruleset::Obsolete;
use crate::audit::ruleset::shared;
use crate::audit::scan::Token;
use crate::audit::scan::scan;
use crate::sheet::number_of;
use crate::sheet::text_of;

/// Checks the standards that are named and the partial factors that are given.
pub fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: Vec<&Obsolete> = Vec::new();
    for (standard, is_field) in standards(project) {
        match obsolete(&standard) {
            Some(row) if !seen.iter().any(|other| std::ptr::eq(*other, row)) => {
                seen.push(row);
                findings.push(obsolete_finding(project, &standard, row));
            }
            Some(_) => {}
            None if is_field && !standard.contains(|c: char| c.is_ascii_digit()) => {
                let message = format!("`{standard}` names no standard: which number and year?");
                findings.push(Finding::new("STD-INCOMPLETE", Severity::Low, message).found(standard));
            }
            None => {}
        }
    }
    findings.extend(unnamed(project));
    findings.extend(safety(project));
    findings
}

/// "per ČSN" in the description, with no number behind it.
fn unnamed(project: &Project) -> Option<Finding> {
    const BY: [&str; 5] = ["dle", "podle", "per", "nach", "gemass"];
    const BODIES: [&str; 6] = ["csn", "en", "iso", "din", "bs", "eurocode"];
    let tokens = scan(&project.question);
    let is_name = |token: &Token| token.is_one_of(&BODIES);
    let by = |at: usize| {
        let according = at > 0 && tokens[at - 1].is_one_of(&["according", "acc", "conforming"]);
        tokens[at].is_one_of(&BY) || (tokens[at].is("to") && according)
    };
    let at = (0..tokens.len().saturating_sub(1)).find(|at| by(*at) && is_name(&tokens[at + 1]))?;
    let name: Vec<&Token> = tokens[at + 1..].iter().take_while(|token| is_name(token)).collect();
    let after = tokens.get(at + 1 + name.len());
    let numbered = match after {
        Some(Token::Number(..)) => true,
        Some(Token::Word(word)) => word.contains(|c: char| c.is_ascii_digit()) || word == "p",
        _ => false,
    };
    let words: Vec<String> = name.iter().filter_map(|token| token.word()).map(str::to_uppercase).collect();
    let message = format!("`{}` names no standard: which number and year?", words.join(" "));
    (!numbered).then(|| Finding::new("STD-INCOMPLETE", Severity::Low, message).found(words.join(" ")))
}

/// The row of the list that this standard is.
pub fn obsolete(standard: &str) -> Option<&'static Obsolete> {
    let words = fold(standard);
    shared().obsolete.iter().find(|row| {
        // "BS8110" and "ČSN 731201" are written without a space as often as with one.
        let name = row.words.concat();
        (1..=row.words.len()).any(|len| words.windows(len).any(|window| window.concat() == name))
            && (row.years.is_empty() || words.iter().any(|word| row.years.contains(word)))
    })
}

/// Standards of the fields, then those that the description names.
pub fn standards(project: &Project) -> Vec<(String, bool)> {
    let mut found: Vec<(String, bool)> =
        project.spec.standards.iter().map(|name| (name.clone(), true)).collect();
    let words: Vec<&str> = project.question.split_whitespace().collect();
    for len in [4, 3, 2, 1] {
        for window in words.windows(len) {
            let text = window.join(" ");
            let text = text.trim_matches(|c: char| matches!(c, ',' | '.' | ';' | '(' | ')'));
            // The shortest window that still holds the whole name, from its first word on.
            let Some(row) = obsolete(text) else { continue };
            let starts = fold(text).concat().starts_with(&row.words.concat());
            let known = found.iter().any(|(name, _)| fold(name) == fold(text));
            if starts && !known && text.contains(|c: char| c.is_ascii_digit()) && !text.contains(", ") {
                found.push((text.to_owned(), false));
            }
        }
    }
    // Longer windows repeat shorter ones with words behind; the shortest is the name.
    let shortest = |one: &(String, bool)| {
        one.1 || !found.iter().any(|other| !other.1 && other.0 != one.0 && one.0.starts_with(&other.0))
    };
    found.iter().filter(|one| shortest(one)).cloned().collect()
}

fn obsolete_finding(project: &Project, standard: &str, row: &Obsolete) -> Finding {
    let existing = project.is_existing();
    let said = text_of(project.specifications.get("construction")).is_some() || project.speaks_of("new");
    let severity = if row.minor || existing { Severity::Low } else { Severity::Critical };
    let of = if existing { "existing" } else { "new" };
    let doubt = (!said && !existing && !row.minor)
        .then_some("nobody says whether the construction is new; it is taken as new");
    let message = format!("{standard} no longer holds for {of} construction; use {}.", row.instead);
    Finding::new("STD-OBSOLETE", severity, message)
        .found(standard)
        .expected(row.instead.as_str())
        .source(row.source.as_str())
        .doubt(doubt)
}

/// Partial factors below those of EN 1990; an overall factor is no rule of it.
fn safety(project: &Project) -> Option<Finding> {
    let safety = &shared().safety;
    let loads = project.specifications.get("loads")?.as_object()?;
    let reduced = loads.values().filter_map(|value| text_of(Some(value))).chain([project.question.clone()]);
    let uses_xi = reduced.into_iter().any(|text| text.to_lowercase().contains("6.10b"));
    let (mut found, mut expected, mut parts) = (Map::new(), Map::new(), Vec::new());
    let mut given = 0;
    for (key, needed) in [("gamma_g", safety.gamma_g), ("gamma_q", safety.gamma_q)] {
        let Some(value) = number_of(loads.get(key)) else { continue };
        given += 1;
        let least = if key == "gamma_g" && uses_xi { needed * safety.xi } else { needed };
        if value < least - 0.005 {
            found.insert(key.to_owned(), rounded(value));
            expected.insert(key.to_owned(), rounded(needed));
            parts.push(format!("{key} {} against {}", readable(value), readable(needed)));
        }
    }
    if given == 0 {
        return None;
    }
    let overall = number_of(project.specifications.get("safety_factor"))
        .map(|factor| format!(" An overall factor of {} is no rule of the Eurocodes.", readable(factor)))
        .unwrap_or_default();
    let finding = if found.is_empty() {
        Finding::new(
            "SAFETY",
            Severity::Info,
            format!("The partial factors given are those of EN 1990.{overall}"),
        )
    } else {
        let message = format!(
            "Partial factors too low: {} (6.10b would reduce gamma_g by {}).{overall}",
            parts.join(", "),
            readable(safety.xi)
        );
        Finding::new("SAFETY", Severity::Critical, message).found(found).expected(expected)
    };
    Some(finding.source(safety.source.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;

    fn findings(question: &str, specifications: Value) -> Vec<(String, Severity, Value)> {
        let project = Project::read(question, "en", &json!({ "specifications": specifications }));
        check(&project).into_iter().map(|finding| (finding.rule, finding.severity, finding.found)).collect()
    }

    #[test]
    fn old_standards_are_found_in_fields_and_text() {
        let one = |question: &str, spec| {
            findings(question, spec)
                .into_iter()
                .map(|(_, severity, found)| (severity, found))
                .collect::<Vec<_>>()
        };
        let new = |standard: &str| json!({"standards": [standard], "construction": "new"});
        for (standard, severity) in [
            ("SNiP 2.03.01-84", Some(Severity::Critical)),
            ("ČSN 73 1201:1986", Some(Severity::Critical)),
            ("BS 8110-1:1997", Some(Severity::Critical)),
            ("DIN 1045:1988", Some(Severity::Critical)),
            ("ČSN EN 206-1", Some(Severity::Low)),
            ("ČSN 73 1201:2010", None),
            ("EN 1992-1-1:2004", None),
            ("ČSN EN 206+A2", None),
        ] {
            let found = one("", new(standard)).into_iter().map(|(severity, _)| severity).next();
            assert_eq!(found, severity, "{standard}");
        }
        let text = "New. Design report uses SNiP 2.03.01-84, overall factor 1.42.";
        assert_eq!(one(text, json!({})), [(Severity::Critical, json!("SNiP 2.03.01-84"))]);
        assert_eq!(one(text, new("SNiP 2.03.01-84")).len(), 1);
        let existing = json!({"standards": ["SNiP 2.03.01-84"], "construction": "existing"});
        assert_eq!(one("", existing)[0].0, Severity::Low);
        assert_eq!(findings("", new("dle ČSN"))[0].0, "STD-INCOMPLETE");
        assert_eq!(findings("Beton dle ČSN EN, nová stavba", json!({}))[0].0, "STD-INCOMPLETE");
        assert_eq!(findings("Beton dle ČSN EN 206+A2 a podle ČSN P 73 2404", json!({})), []);
    }

    #[test]
    fn partial_factors_are_those_of_en_1990() {
        let loads = |g: f64, q: f64| json!({"loads": {"gamma_g": g, "gamma_q": q}, "safety_factor": 1.42});
        assert_eq!(
            findings("", loads(1.2, 1.5)),
            [("SAFETY".to_owned(), Severity::Critical, json!({"gamma_g": 1.2}))]
        );
        assert_eq!(findings("", loads(1.35, 1.5))[0].1, Severity::Info);
        assert_eq!(findings("by 6.10b", loads(1.15, 1.5))[0].1, Severity::Info);
        assert_eq!(findings("", json!({"safety_factor": 1.42})), []);
    }
}
