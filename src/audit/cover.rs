//! Concrete cover: COVER, COVER-GROUND, LIFE-100.

use crate::audit::Project;
use crate::audit::exposure::life_steps;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::ruleset::shared;
use crate::audit::subject::Subject;

/// What cover a subject needs.
pub struct Needed {
    /// Nominal cover.
    pub nominal_mm: f64,
    /// Least cover for durability.
    pub c_min_dur_mm: f64,
    /// The class that decides.
    pub class: String,
    /// The structural class applied.
    pub structural_class: String,
}

/// The structural class: given, else S4, and two more for 100 years.
pub fn structural_class(project: &Project) -> String {
    let table = &shared().cover.c_min_dur_mm;
    let given = project.spec.structural_class.as_ref().filter(|class| table.contains_key(*class));
    match given {
        Some(class) => class.clone(),
        None if is_for_100_years(project) => "S6".to_owned(),
        None => "S4".to_owned(),
    }
}

fn is_for_100_years(project: &Project) -> bool {
    project.spec.life_years.is_some_and(|years| years >= 100.0)
}

/// The nominal cover that these classes and bars need; nothing when no class has a column.
pub fn needed(structural_class: &str, classes: &[String], bar_mm: Option<f64>) -> Option<Needed> {
    let cover = &shared().cover;
    let by_class =
        classes.iter().filter_map(|class| Some((cover.c_min_dur(structural_class, class)?, class)));
    let (c_min_dur_mm, class) = by_class.max_by(|one, other| one.0.total_cmp(&other.0))?;
    let least = c_min_dur_mm.max(bar_mm.unwrap_or(0.0)).max(cover.floor_mm);
    Some(Needed {
        nominal_mm: least + cover.delta_dev_mm,
        c_min_dur_mm,
        class: class.clone(),
        structural_class: structural_class.to_owned(),
    })
}

/// Checks every reinforced subject.
pub fn check(project: &Project, subjects: &[Subject]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for subject in subjects.iter().filter(|subject| subject.is_reinforced) {
        findings.extend(durability(project, subject));
        findings.extend(ground(project, subject));
    }
    let short = findings.iter().any(|finding| finding.rule == "COVER" && finding.severity != Severity::Info);
    findings.extend(long_life(project, subjects, short));
    findings
}

fn durability(project: &Project, subject: &Subject) -> Option<Finding> {
    let found = subject.cover_mm?;
    let needed = needed(&structural_class(project), &subject.exposures, subject.bar_mm)?;
    let cover = &shared().cover;
    let short = needed.nominal_mm - found;
    let severity = match short {
        short if short <= 0.0 => Severity::Info,
        short if short >= 10.0 => Severity::Critical,
        _ => Severity::Medium,
    };
    let severity = match project.ruleset.at_most {
        Some(most) if severity != Severity::Info => severity.at_most(most),
        _ => severity,
    };
    let verdict =
        if short <= 0.0 { "it is enough".to_owned() } else { format!("it is {} mm short", readable(short)) };
    let message = format!(
        "Cover {} mm against {} mm for {} at {}: {verdict}.{}",
        readable(found),
        readable(needed.nominal_mm),
        needed.class,
        needed.structural_class,
        reductions(project, subject, &needed, short)
    );
    let bar = subject.bar_mm.map(|bar| format!("bar {}", readable(bar))).unwrap_or_else(|| "bar".to_owned());
    let formula = format!(
        "max({bar}, c_min,dur {}, {}) + {} = {} mm",
        readable(needed.c_min_dur_mm),
        readable(cover.floor_mm),
        readable(cover.delta_dev_mm),
        readable(needed.nominal_mm)
    );
    let finding = Finding::new("COVER", severity, message)
        .rows(project, &subject.rows)
        .found(rounded(found))
        .expected(rounded(needed.nominal_mm))
        .formula(formula)
        .source(format!("{}, {}", cover.source, cover.edition));
    Some(finding.doubt(project.ruleset.unsure.as_deref().filter(|_| project.ruleset.at_most.is_some())))
}

/// What the reductions, which are never applied, would give.
fn reductions(project: &Project, subject: &Subject, needed: &Needed, short: f64) -> String {
    let slab =
        subject.elements.iter().any(|element| element.shape == Some(crate::audit::elements::Shape::Slab));
    let class: usize = needed.structural_class.trim_start_matches('S').parse().unwrap_or(4);
    if short <= 0.0 || !slab || class < 2 || project.spec.structural_class.is_none() && class != 4 {
        return String::new();
    }
    let lower = format!("S{}", class - 1);
    match self::needed(&lower, &subject.exposures, subject.bar_mm) {
        Some(reduced) => format!(
            " The reduction for slabs ({lower}) would give {} mm; it is not applied here.",
            readable(reduced.nominal_mm)
        ),
        None => String::new(),
    }
}

fn ground(project: &Project, subject: &Subject) -> Option<Finding> {
    let found = subject.cover_mm.filter(|_| subject.is_in_ground())?;
    let cover = &shared().cover;
    let (needed, against) = if project.speaks_of("against_soil") {
        (cover.against_soil_mm, "directly against soil (k2)")
    } else {
        (cover.against_blinding_mm, "against prepared ground or blinding (k1)")
    };
    if found >= needed {
        return None;
    }
    let message = format!("Cover {} mm against {} mm cast {against}.", readable(found), readable(needed));
    let finding = Finding::new("COVER-GROUND", Severity::Medium, message)
        .rows(project, &subject.rows)
        .found(rounded(found))
        .expected(rounded(needed))
        .source(format!("{} 4.4.1.3(4)", cover.edition));
    Some(finding.doubt(Some(&cover.ground_unsure)))
}

/// 100 years: only when something falls short, or no table can say.
fn long_life(project: &Project, subjects: &[Subject], short: bool) -> Option<Finding> {
    let years = project.spec.life_years.filter(|years| *years >= 100.0)?;
    let ruleset = project.ruleset;
    let unknown =
        ruleset.life_100.as_deref().filter(|_| subjects.iter().any(|one| !one.exposures.is_empty()));
    if !short && unknown.is_none() {
        return None;
    }
    let steps = life_steps(project, ruleset);
    let why = match (short, unknown) {
        (_, Some(unknown)) => unknown.to_owned(),
        (_, None) => format!("the structural class rises by two, to {}", structural_class(project)),
    };
    let raised = if steps > 0 { " and the strength class by one step" } else { "" };
    let message = format!(
        "A design life of {} years: {why}{raised}; the values for 50 years are not enough.",
        readable(years)
    );
    let finding = Finding::new("LIFE-100", Severity::Medium, message)
        .found(rounded(years))
        .expected(structural_class(project))
        .source(format!("{} table 4.3N", shared().cover.edition));
    Some(finding.doubt(ruleset.unsure.as_deref()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::subject::subjects;

    fn findings(
        question: &str,
        specifications: serde_json::Value,
    ) -> Vec<(String, Severity, serde_json::Value)> {
        let project = Project::read(question, "en", &json!({ "specifications": specifications }));
        let found = check(&project, &subjects(&project));
        found.into_iter().map(|finding| (finding.rule, finding.severity, finding.expected)).collect()
    }

    #[test]
    fn cover_follows_the_table() {
        for (class, cover, severity, expected) in [
            ("XC4", 40, Severity::Info, 40),
            ("XC4", 35, Severity::Medium, 40),
            ("XC4", 30, Severity::Critical, 40),
            ("XD3", 30, Severity::Critical, 55),
            ("XC1", 25, Severity::Info, 25),
        ] {
            let spec = json!({"exposure_classes": [class, "XF4"], "cover_mm": cover});
            assert_eq!(
                findings("", spec),
                [("COVER".to_owned(), severity, json!(expected))],
                "{class} {cover}"
            );
        }
    }

    #[test]
    fn ground_asks_for_more() {
        let spec = |cover| json!({"element": "raft", "exposure_classes": ["XC2"], "cover_mm": cover});
        let ground = |question: &str, cover| {
            findings(question, spec(cover))
                .into_iter()
                .find(|found| found.0 == "COVER-GROUND")
                .map(|found| found.2)
        };
        assert_eq!(ground("", 35), Some(json!(40)));
        assert_eq!(ground("", 40), None);
        assert_eq!(ground("cast directly against soil", 40), Some(json!(75)));
    }

    #[test]
    fn a_long_life_raises_the_structural_class() {
        let spec = |cover, class: Option<&str>| json!({"exposure_classes": ["XC4"], "cover_mm": cover, "design_life_years": 100, "structural_class": class});
        let rules = |spec| findings("", spec).into_iter().map(|found| (found.0, found.2)).collect::<Vec<_>>();
        assert_eq!(rules(spec(50, None)), [("COVER".to_owned(), json!(50))]);
        assert_eq!(
            rules(spec(45, None)),
            [("COVER".to_owned(), json!(50)), ("LIFE-100".to_owned(), json!("S6"))]
        );
        assert_eq!(rules(spec(40, Some("S4"))), [("COVER".to_owned(), json!(40))]);
    }
}
