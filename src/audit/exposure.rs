//! Exposure classes and the limiting values of the ruleset.
//!
//! EXP-STRENGTH, EXP-WC, EXP-CEM, EXP-AIR against the strictest value of each
//! property; EXP-SR; EXP-TABLE and EXP-TABLE-NATIONAL; and whether the
//! classes themselves make sense.

use crate::audit::Project;
use crate::audit::chemistry::Attack;
use crate::audit::chemistry::BEYOND;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::ruleset::Limits;
use crate::audit::ruleset::Ruleset;
use crate::audit::strength;
use crate::audit::strength::Strength;
use crate::audit::subject::Subject;
use crate::audit::text::is_known_exposure;

/// A property that the table limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// Strength class.
    Strength,
    /// Water-cement ratio.
    WaterCement,
    /// Cement content.
    Cement,
    /// Air content.
    Air,
}

const PROPERTIES: [Property; 4] =
    [Property::Strength, Property::WaterCement, Property::Cement, Property::Air];

impl Property {
    fn rule(self) -> &'static str {
        match self {
            Property::Strength => "EXP-STRENGTH",
            Property::WaterCement => "EXP-WC",
            Property::Cement => "EXP-CEM",
            Property::Air => "EXP-AIR",
        }
    }

    /// A row's limit as a number; strength by its cylinder.
    fn limit(self, row: &Limits, steps: usize) -> Option<f64> {
        match self {
            Property::Strength => {
                strength::class(&strength::stepped(&row.min_class, steps)).map(|class| class.cylinder)
            }
            Property::WaterCement => row.max_w_c,
            Property::Cement => row.min_cement_kg_m3,
            Property::Air => row.min_air_percent,
        }
    }

    fn found(self, subject: &Subject) -> Option<f64> {
        match self {
            Property::Strength => subject.strength.as_ref().map(|class: &Strength| class.cylinder),
            Property::WaterCement => subject.w_c,
            Property::Cement => subject.cement,
            Property::Air => subject.air,
        }
    }

    /// Whether `one` asks for more than `other`.
    pub fn is_stricter(self, one: f64, other: f64) -> bool {
        if self == Property::WaterCement { one < other } else { one > other }
    }
}

/// The strictest limit of a property, and the row that sets it.
pub struct Limit {
    /// The limit; strength by its cylinder.
    pub value: f64,
    /// The row it stands in.
    pub row: &'static Limits,
    steps: usize,
}

impl Limit {
    /// The lowest strength class as its name.
    pub fn class(&self) -> String {
        strength::stepped(&self.row.min_class, self.steps)
    }
}

/// The strictest limit of these classes in a table.
pub fn strictest(
    ruleset: &'static Ruleset,
    classes: &[String],
    property: Property,
    steps: usize,
) -> Option<Limit> {
    let rows = classes.iter().filter_map(|class| ruleset.row(class));
    let limits = rows.filter_map(|row| Some(Limit { value: property.limit(row, steps)?, row, steps }));
    limits.reduce(|best, next| if property.is_stricter(next.value, best.value) { next } else { best })
}

/// By how many strength classes a long life raises the table.
pub fn life_steps(project: &Project, ruleset: &Ruleset) -> usize {
    if project.spec.life_years.is_some_and(|years| years >= 100.0) { ruleset.life_100_steps } else { 0 }
}

/// Checks every subject.
pub fn check(project: &Project, subjects: &[Subject]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for subject in subjects {
        let failures: Vec<Finding> =
            PROPERTIES.into_iter().filter_map(|property| failure(project, subject, property)).collect();
        findings.extend(tables(project, subject, failures.is_empty()));
        findings.extend(failures);
        findings.extend(sulfate_resistance(project, subject));
        findings.extend(classes(project, subject));
    }
    findings
}

/// What stands against the strictest limit, if it fails.
fn failure(project: &Project, subject: &Subject, property: Property) -> Option<Finding> {
    let found = property.found(subject)?;
    let ruleset = project.ruleset;
    let steps = life_steps(project, ruleset);
    let limit = strictest(ruleset, &subject.effective(), property, steps)?;
    if !property.is_stricter(limit.value, found) {
        return None;
    }
    let stated = strictest(ruleset, &subject.exposures, property, steps);
    let named = stated.is_some_and(|stated| property.is_stricter(stated.value, found));
    let severity = if named { Severity::Critical } else { Severity::Critical.lower() };
    let severity = limit.row.at_most.map_or(severity, |most| severity.at_most(most));
    let class = &limit.row.class;
    let finding = |message: String| {
        let message = if named {
            message
        } else {
            format!("{message} {class} follows from the chemistry, it is not stated.")
        };
        Finding::new(property.rule(), severity, message)
            .rows(project, &subject.rows)
            .formula(format!("strictest of {}: {class}", subject.effective().join("+")))
            .source(format!("{}, {}", limit.row.source, limit.row.edition))
            .doubt(limit.row.unsure.as_deref())
    };
    let at_most = readable(limit.value);
    Some(match property {
        Property::Strength => {
            let name = subject.strength.as_ref().map(|class| class.name.clone()).unwrap_or_default();
            let expected = strength_expected(project, subject, &limit);
            finding(format!(
                "Concrete {name} is too weak for {class}, which needs at least {}.",
                limit.class()
            ))
            .found(name)
            .expected(expected)
        }
        Property::WaterCement => {
            finding(format!("w/c {} is too high: {class} allows at most {at_most}.", readable(found)))
                .found(found)
                .expected(format!("<= {at_most}"))
        }
        Property::Cement => {
            finding(format!("{} kg/m3 of cement are too few: {class} needs {at_most}.", readable(found)))
                .found(crate::audit::finding::rounded(found))
                .expected(format!(">= {at_most} ({class})"))
        }
        Property::Air => {
            let performance = "without entrained air a performance test must show frost resistance";
            finding(format!(
                "{} % of air are too few: {class} needs {:.1} %; {performance}.",
                readable(found),
                limit.value
            ))
            .found(crate::audit::finding::rounded(found))
            .expected(format!(">= {:.1} % ({class})", limit.value))
        }
    })
}

/// "C35/45", or both tables when they differ.
fn strength_expected(project: &Project, subject: &Subject, limit: &Limit) -> String {
    let other = Ruleset::named(Some(&project.ruleset.other));
    let theirs = strictest(other, &subject.effective(), Property::Strength, life_steps(project, other));
    match theirs.map(|limit| limit.class()).filter(|class| *class != limit.class()) {
        Some(class) => format!("{} ({}) / {class} ({})", limit.class(), project.ruleset.id, other.id),
        None => limit.class(),
    }
}

/// Which properties can be compared in a table, and whether all pass.
fn passes(project: &Project, subject: &Subject, ruleset: &'static Ruleset) -> Option<bool> {
    let mut compared = PROPERTIES.into_iter().filter_map(|property| {
        let limit = strictest(ruleset, &subject.effective(), property, life_steps(project, ruleset))?;
        Some(!property.is_stricter(limit.value, property.found(subject)?))
    });
    let first = compared.next()?;
    Some(first && compared.all(|pass| pass))
}

/// One property against its limit, in words.
pub struct Compared {
    /// What is compared, and for which class.
    pub name: String,
    /// The limit.
    pub required: String,
    /// What is stated.
    pub found: String,
    /// Whether it holds.
    pub pass: bool,
}

/// Every property of a subject that can be compared with the project's table.
pub fn compared(project: &Project, subject: &Subject) -> Vec<Compared> {
    let compare = |property: Property| {
        let found = property.found(subject)?;
        let limit =
            strictest(project.ruleset, &subject.effective(), property, life_steps(project, project.ruleset))?;
        let (name, unit) = match property {
            Property::Strength => ("Strength class", ""),
            Property::WaterCement => ("Water-cement ratio", ""),
            Property::Cement => ("Cement content", " kg/m3"),
            Property::Air => ("Air content", " %"),
        };
        let sign = if property == Property::WaterCement { "<=" } else { ">=" };
        let (required, found_text) = match property {
            Property::Strength => (limit.class(), subject.strength.as_ref()?.name.clone()),
            _ => (readable(limit.value), readable(found)),
        };
        Some(Compared {
            name: format!("{name} for {}", limit.row.class),
            required: format!("{sign} {required}{unit}"),
            found: format!("{found_text}{unit}"),
            pass: !property.is_stricter(limit.value, found),
        })
    };
    PROPERTIES.into_iter().filter_map(compare).collect()
}

/// EXP-TABLE and EXP-TABLE-NATIONAL: which table was applied, and whether the other one disagrees.
fn tables(project: &Project, subject: &Subject, passed: bool) -> Vec<Finding> {
    let other = Ruleset::named(Some(&project.ruleset.other));
    let (ours, theirs) = (passes(project, subject, project.ruleset), passes(project, subject, other));
    let classes = subject.effective().join("+");
    let finding = |rule: &str, message: String| {
        let doubt = project.ruleset.unsure.as_deref();
        let source = format!("{}, {}", project.ruleset.source, project.ruleset.edition);
        Finding::new(rule, Severity::Info, message).rows(project, &subject.rows).source(source).doubt(doubt)
    };
    let mut findings = Vec::new();
    // Beyond the table nothing can be said to hold by it.
    let covered = subject.inferred_xa.is_none_or(|level| level < BEYOND);
    if ours == Some(true) && passed && covered {
        let both = if theirs == Some(true) { format!("; `{}` as well", other.id) } else { String::new() };
        let message =
            format!("{} holds for {classes} (ruleset `{}`){both}.", given(subject), project.ruleset.id);
        findings.push(finding("EXP-TABLE", message).found(given(subject)).expected(classes.clone()));
    }
    if let (Some(ours), Some(theirs)) = (ours, theirs)
        && ours != theirs
    {
        let word = |pass| if pass { "passes" } else { "fails" };
        let message = format!(
            "{} {} in `{}` and {} in `{}` for {classes}: the national table decides.",
            given(subject),
            word(ours),
            project.ruleset.id,
            word(theirs),
            other.id
        );
        findings.push(finding("EXP-TABLE-NATIONAL", message));
    }
    findings
}

/// What is given of a mix, "C30/37, w/c 0.5, cement 320 kg/m3, air 5 %".
fn given(subject: &Subject) -> String {
    let parts = [
        subject.strength.as_ref().map(|class| class.name.clone()),
        subject.w_c.map(|value| format!("w/c {}", readable(value))),
        subject.cement.map(|value| format!("cement {} kg/m3", readable(value))),
        subject.air.map(|value| format!("air {} %", readable(value))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Sulfate in XA2 and XA3 needs sulfate-resisting cement.
fn sulfate_resistance(project: &Project, subject: &Subject) -> Option<Finding> {
    let class = subject.effective().into_iter().find(|class| matches!(class.as_str(), "XA2" | "XA3"))?;
    let cement = subject.cement_type.as_deref()?;
    if is_sulfate_resisting(cement) {
        return None;
    }
    let by_sulfate = subject.is_reached && Attack::of(&project.spec.measured).sulfate >= 2;
    let (severity, message) = if by_sulfate {
        (Severity::High, format!("{cement} is not sulfate resisting, and sulfate makes {class}."))
    } else {
        (
            Severity::Low,
            format!("{cement} is not sulfate resisting: needed if sulfate is what makes {class}."),
        )
    };
    let finding = Finding::new("EXP-SR", severity, message)
        .rows(project, &subject.rows)
        .found(cement)
        .expected("sulfate-resisting cement (CEM I-SR 0/3/5, CEM III/B-SR, III/C-SR, IV/A-SR, IV/B-SR)")
        .source("EN 206 table F.1, note; EN 197-1");
    Some(finding)
}

fn is_sulfate_resisting(cement: &str) -> bool {
    crate::audit::elements::fold(cement)
        .iter()
        .any(|word| matches!(word.as_str(), "sr" | "sr0" | "sr3" | "sr5" | "svc"))
}

/// Whether the classes themselves make sense.
fn classes(project: &Project, subject: &Subject) -> Vec<Finding> {
    let stated = subject.exposures_text();
    let finding = |rule: &str, severity, message: String| {
        Finding::new(rule, severity, message)
            .rows(project, &subject.rows)
            .found(stated.clone())
            .source("EN 206 table 1; usual combinations")
    };
    let mut findings = Vec::new();
    for class in &subject.exposures {
        if !is_known_exposure(class) {
            let message = format!("`{class}` is no exposure class of EN 206.");
            findings.push(finding("EXP-INVALID", Severity::High, message));
        } else if class.starts_with("XM") && project.ruleset.row(class).is_none() {
            let message =
                format!("`{class}` is a national class, the ruleset `{}` has none.", project.ruleset.id);
            findings.push(finding("EXP-INVALID", Severity::Low, message));
        }
    }
    if subject.has("XD") && subject.has("XS") {
        let message =
            format!("{stated}: chlorides from salt (XD) and from sea water (XS) exclude each other.");
        findings.push(finding("EXP-INVALID", Severity::High, message));
    }
    if subject.has("X0") && subject.is_reinforced && (project.speaks_of("outdoors") || subject.is_in_ground())
    {
        let message = "X0 must not be used with reinforcement outdoors or in the ground.".to_owned();
        findings.push(finding("EXP-INVALID", Severity::High, message).expected("XC classes"));
    }
    findings.extend(plausibility(subject, &finding));
    findings
}

fn plausibility(subject: &Subject, finding: &dyn Fn(&str, Severity, String) -> Finding) -> Vec<Finding> {
    let mut findings = Vec::new();
    let stated = subject.exposures_text();
    let carbonation = subject.has("XC") || subject.has("XD") || subject.has("XS");
    if subject.has("XF") && !subject.has("XC") {
        let message = format!("{stated}: a frost class stands beside an XC class.");
        findings.push(finding("EXP-INCOMPLETE", Severity::Low, message).expected("an XC class"));
    } else if !subject.exposures.is_empty() && !carbonation && !subject.has("X0") && subject.is_reinforced {
        let message = format!("{stated}: reinforced concrete needs an XC, XD or XS class.");
        findings.push(finding("EXP-INCOMPLETE", Severity::Low, message).expected("an XC class"));
    }
    if subject.is_buried() && !subject.exposures.is_empty() && !subject.has("XC1") && !subject.has("XC2") {
        let message = format!(
            "{stated}: for a buried foundation XC2 is expected, beside or instead of what is stated."
        );
        findings.push(finding("EXP-MISSING-XC2", Severity::Low, message).expected("XC2"));
    }
    let frost = ["XF2", "XF3", "XF4"].into_iter().find(|class| subject.has(class));
    if let Some(frost) = frost.filter(|_| subject.is_buried()) {
        let message = format!(
            "{frost} is for highly saturated or salted faces; buried faces in the frost zone are normally XF1: ask."
        );
        findings.push(finding("EXP-XF-PLAUS", Severity::Low, message).expected("XF1"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::subject::subjects;

    fn findings(specifications: serde_json::Value) -> Vec<(String, Severity)> {
        let project = Project::read("", "en", &json!({ "specifications": specifications }));
        check(&project, &subjects(&project))
            .into_iter()
            .map(|finding| (finding.rule, finding.severity))
            .collect()
    }

    fn of(rule: &str, specifications: serde_json::Value) -> Option<Severity> {
        findings(specifications).into_iter().find(|(own, _)| own == rule).map(|(_, severity)| severity)
    }

    #[test]
    fn the_strictest_class_decides_each_property() {
        let spec = |class, w_c, cement, air| {
            json!({"concrete_class": class, "exposure_classes": ["XC4", "XD3", "XF4"], "w_c_ratio": w_c,
                "cement_kg_m3": cement, "air_content_percent": air})
        };
        assert_eq!(findings(spec("C35/45", 0.45, 340, 4.0)), [("EXP-TABLE".to_owned(), Severity::Info)]);
        assert_eq!(of("EXP-STRENGTH", spec("C30/37", 0.45, 340, 4.0)), Some(Severity::Critical));
        assert_eq!(of("EXP-WC", spec("C35/45", 0.46, 340, 4.0)), Some(Severity::Critical));
        assert_eq!(of("EXP-CEM", spec("C35/45", 0.45, 330, 4.0)), Some(Severity::Critical));
        assert_eq!(of("EXP-AIR", spec("C35/45", 0.45, 340, 3.0)), Some(Severity::Critical));
    }

    #[test]
    fn an_inferred_class_weighs_one_step_less() {
        let spec =
            json!({"concrete_class": "C25/30", "exposure_classes": ["XC2"], "groundwater": {"ph": 6.2}});
        assert_eq!(of("EXP-STRENGTH", spec), Some(Severity::High));
    }

    #[test]
    fn doubtful_tables_are_at_most_medium() {
        let spec =
            |ruleset| json!({"ruleset": ruleset, "concrete_class": "C16/20", "exposure_classes": ["XC4"]});
        assert_eq!(of("EXP-STRENGTH", spec("cz-rail")), Some(Severity::Medium));
        assert_eq!(of("EXP-STRENGTH", spec("cz")), Some(Severity::Critical));
    }

    #[test]
    fn tables_may_disagree() {
        let spec = json!({"ruleset": "cz", "concrete_class": "C25/30", "exposure_classes": ["XC4"]});
        assert_eq!(of("EXP-TABLE-NATIONAL", spec.clone()), Some(Severity::Info));
        assert_eq!(of("EXP-TABLE", spec), Some(Severity::Info));
    }

    #[test]
    fn sulfate_asks_for_its_cement() {
        let spec = |cement, water| json!({"exposure_classes": ["XC2", "XA2"], "cement_type": cement, "groundwater": water});
        assert_eq!(of("EXP-SR", spec("CEM I 42.5 R", json!({"so4_mg_l": 700}))), Some(Severity::High));
        assert_eq!(of("EXP-SR", spec("CEM I 42.5 R", json!({"ph": 5.0}))), Some(Severity::Low));
        assert_eq!(of("EXP-SR", spec("CEM I-SR 3 42.5", json!({"so4_mg_l": 700}))), None);
        assert_eq!(of("EXP-SR", spec("CEM III/B 32.5 N-SVC", json!({"so4_mg_l": 700}))), None);
    }

    #[test]
    fn classes_that_make_no_sense_are_told() {
        for (classes, rule, severity) in [
            (json!(["XC5"]), "EXP-INVALID", Severity::High),
            (json!(["XC4", "XD1", "XS1"]), "EXP-INVALID", Severity::High),
            (json!(["XC4", "XM1"]), "EXP-INVALID", Severity::Low),
            (json!(["XF3"]), "EXP-INCOMPLETE", Severity::Low),
            (json!(["XA1"]), "EXP-INCOMPLETE", Severity::Low),
        ] {
            assert_eq!(of(rule, json!({ "exposure_classes": classes })), Some(severity), "{classes}");
        }
    }
}
