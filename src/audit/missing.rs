//! What the text gave, what nobody gave, what is out of date: EXTRACT, RFI-MISSING, DOC-REV, COVERAGE.

use serde_json::Value;

use crate::audit::Project;
use crate::audit::elements::Ground;
use crate::audit::elements::Work;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::subject::Subject;
use crate::sheet::text_of;

/// Says what was read from the text and asks for what is missing.
pub fn check(project: &Project, subjects: &[Subject]) -> Vec<Finding> {
    [extracted(project), missing(project, subjects), revision(project)].into_iter().flatten().collect()
}

/// DOC-REV: another drawing than the one referred to.
fn revision(project: &Project) -> Option<Finding> {
    let given = |key: &str| text_of(project.specifications.get(key));
    let referenced = given("drawing_revision_referenced")?;
    let supplied = given("drawing_revision_supplied")?;
    let differ = !referenced.eq_ignore_ascii_case(&supplied);
    let message = format!("Revision {referenced} of the drawing is referred to, {supplied} was supplied.");
    differ.then(|| Finding::new("DOC-REV", Severity::Medium, message).found(supplied).expected(referenced))
}

/// COVERAGE: how much was looked at, and by what rows only their numbers were.
pub fn covered(project: &Project) -> Option<Finding> {
    let total = project.positions.len();
    let (mut items, mut known) = (0, 0);
    for (_, row) in project.items() {
        items += 1;
        known += usize::from(row.work.is_some());
    }
    let others = match items - known {
        0 => String::new(),
        others => format!(
            "; of {others} that are no concrete, reinforcement or formwork only numbers, units and prices"
        ),
    };
    let message = format!("All {total} positions were checked, {items} of them as items{others}.");
    let finding = Finding::new("COVERAGE", Severity::Info, message).found(total).expected(total);
    (total > 0).then_some(finding)
}

fn extracted(project: &Project) -> Option<Finding> {
    let read = &project.spec.extracted;
    if read.is_empty() {
        return None;
    }
    let text = |value: &Value| match (value.as_f64(), value) {
        (Some(number), _) => readable(number),
        (None, Value::String(text)) => text.clone(),
        (None, Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("+"),
        (None, other) => other.to_string(),
    };
    let parts: Vec<String> = read.iter().map(|(key, value)| format!("{key} {}", text(value))).collect();
    let message = format!("Read from the description: {}.", parts.join(", "));
    let finding =
        Finding::new("EXTRACT", Severity::Info, message).found("description").expected(read.clone());
    Some(finding.source("the description"))
}

/// Exposure classes that the element and its surroundings suggest.
pub fn candidates(project: &Project) -> Vec<&'static str> {
    let salt = project.speaks_of("salt");
    let mut classes = Vec::new();
    match project.element().and_then(|element| element.ground) {
        Some(Ground::Foundation) => classes.extend(["XC2", "XF1"]),
        Some(Ground::Beside) => classes.extend(["XC2", "XC4", "XF1"]),
        None if project.speaks_of("outdoors") => classes.extend(["XC4", "XF1", "XF3"]),
        None => classes.extend(["XC1", "XC3", "XC4"]),
    }
    if project.speaks_of("outdoors") && salt {
        classes.extend(["XF2", "XF4", "XD1", "XD3"]);
    } else if salt {
        classes.extend(["XD1", "XD3"]);
    }
    if project.speaks_of("sea") {
        classes.extend(["XS1", "XS3"]);
    }
    classes.sort_unstable();
    classes
}

fn missing(project: &Project, subjects: &[Subject]) -> Option<Finding> {
    let reinforced = subjects.iter().any(|subject| subject.is_reinforced);
    let lacks_exposure = |subject: &Subject| subject.exposures.is_empty();
    let lacks_class = |subject: &Subject| {
        let named = subject.rows.iter().any(|index| !project.rows[*index].strengths.is_empty());
        subject.strength.is_none() && !named && project.spec.strength.is_none()
    };
    let mut missing = Vec::new();
    if subjects.iter().any(lacks_exposure) {
        missing.push(("exposure_classes", "exposure classes"));
    }
    if subjects.iter().any(lacks_class) {
        missing.push(("concrete_class", "strength class"));
    }
    if reinforced && subjects.iter().all(|subject| subject.cover_mm.is_none()) {
        missing.push(("cover_mm", "cover"));
    }
    if missing.is_empty() || subjects.is_empty() {
        return None;
    }
    if reinforced && project.of(Work::Steel).is_empty() && project.positions.is_empty() {
        missing.push(("reinforcement", "reinforcement"));
    }
    let suggestion = match missing.iter().any(|(key, _)| *key == "exposure_classes") {
        true => format!(" What is said of the place suggests some of {}.", candidates(project).join(", ")),
        false => String::new(),
    };
    let names: Vec<&str> = missing.iter().map(|(_, name)| *name).collect();
    let keys: Vec<&str> = missing.iter().map(|(key, _)| *key).collect();
    let rows: Vec<usize> = subjects
        .iter()
        .filter(|subject| lacks_exposure(subject) || lacks_class(subject))
        .flat_map(|subject| subject.rows.iter().copied())
        .collect();
    let message = format!("Not stated for the concrete: {}.{suggestion}", names.join(", "));
    let finding = Finding::new("RFI-MISSING", Severity::Medium, message).rows(project, &rows).expected(keys);
    Some(finding.source("what decides durability: exposure classes, strength class, cover"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::subject::subjects;

    #[test]
    fn another_revision_is_told() {
        let rules = |referenced: &str, supplied: &str| {
            let spec =
                json!({"drawing_revision_referenced": referenced, "drawing_revision_supplied": supplied});
            check(&Project::read("", "en", &json!({ "specifications": spec })), &[]).len()
        };
        assert_eq!((rules("B", "A"), rules("B", "b")), (1, 0));
    }

    #[test]
    fn what_decides_is_asked_for_once() {
        let rows = |name: &str| json!({"positions": [{"item_name": name, "quantity": 1, "unit": "m3"}]});
        let asked = |input: &Value| {
            let project = Project::read("", "en", input);
            check(&project, &subjects(&project))
                .into_iter()
                .map(|finding| finding.expected)
                .collect::<Vec<_>>()
        };
        assert_eq!(asked(&rows("Beton stěn")), [json!(["exposure_classes", "concrete_class", "cover_mm"])]);
        assert_eq!(asked(&rows("Beton stěn C25/30 XC4")), [json!(["cover_mm"])]);
        assert_eq!(asked(&rows("Podkladní beton C12/15")), Vec::<Value>::new());
        assert_eq!(asked(&rows("Výkop")), Vec::<Value>::new());
    }
}
