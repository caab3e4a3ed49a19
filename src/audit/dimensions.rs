//! Sizes that documents state twice: DOC-DIM.
//!
//! The description against the specifications, a row's name against its own
//! fields, the specifications against the one row they mean. Only what is
//! surely about one body is compared: the same element, or two sizes alike.

use crate::audit::Project;
use crate::audit::elements::Work;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::group::Group;
use crate::audit::row::Row;
use crate::audit::scan::scan;
use crate::audit::specification::same;
use crate::audit::text;
use crate::sheet::Dimensions;

/// What two statements of one size may differ by.
const TOLERANCE: f64 = 0.01;

/// Compares sizes that are stated in two places.
pub fn check(project: &Project, groups: &[Group]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = described(project).into_iter().collect();
    findings.extend(project.items().filter_map(|(index, row)| named(project, index, row)));
    findings.extend(specified(project, groups));
    findings
}

/// The description against the fields of the specifications.
fn described(project: &Project) -> Option<Finding> {
    let spec = &project.spec;
    let fields = sides(&spec.dimensions);
    let told = text::sizes(&scan(&project.question))?.three()?;
    let one_element = match (spec.element, spec.text_element) {
        (Some(one), Some(other)) => same(one, other),
        _ => false,
    };
    contradiction(&told, &fields, one_element)
        .map(|finding| said(finding, "The description", "the specifications"))
}

/// The name of a row against its own fields.
fn named(project: &Project, index: usize, row: &Row) -> Option<Finding> {
    let position = &project.positions[index];
    let fields = sides(&position.dimensions);
    if fields.is_empty() {
        return None;
    }
    let told = text::sizes(&scan(&position.name))?.three()?;
    // Mesh, boards and pipes have other sizes in their names than those of the work.
    if !row.is(Work::Concrete) {
        return None;
    }
    contradiction(&told, &fields, true)
        .map(|finding| said(finding, "The name", "the dimensions of the row").rows(project, &[index]))
}

/// The specifications against the only row of concrete of their element.
fn specified(project: &Project, groups: &[Group]) -> Option<Finding> {
    let element = project.spec.element?;
    let mut rows = groups
        .iter()
        .filter(|group| group.elements.iter().any(|own| same(own, element)))
        .flat_map(|group| group.concrete.iter().copied());
    let (index, None) = (rows.next()?, rows.next()) else { return None };
    let fields = sides(&project.spec.dimensions);
    let own = sides(&project.rows[index].dimensions);
    let [a, b, c] = own[..] else { return None };
    contradiction(&[a, b, c], &fields, true)
        .map(|finding| said(finding, "The row", "the specifications").rows(project, &[index]))
}

fn sides(dimensions: &Dimensions) -> Vec<f64> {
    match dimensions {
        Dimensions { length, width, height, diameter: None } => {
            [*length, *width, *height].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// What differs, when both speak of one body; nothing for fewer than two sizes.
fn contradiction(told: &[f64; 3], fields: &[f64], one_body: bool) -> Option<(String, String)> {
    let mut left = told.to_vec();
    let alike = |one: f64, other: f64| (one / other - 1.0).abs() <= TOLERANCE;
    let mut agreeing = 0;
    for field in fields {
        if let Some(at) = left.iter().position(|own| alike(*own, *field)) {
            left.remove(at);
            agreeing += 1;
        }
    }
    let differs = fields.len() >= 2 && agreeing < fields.len() && (one_body || agreeing >= 2);
    let text = |sizes: &[f64]| sizes.iter().map(|size| readable(*size)).collect::<Vec<_>>().join(" x ");
    differs.then(|| (text(told), text(fields)))
}

fn said((told, fields): (String, String), one: &str, other: &str) -> Finding {
    Finding::new("DOC-DIM", Severity::High, format!("{one} says {told} m, {other} say {fields} m."))
        .found(told)
        .expected(fields)
        .source("the documents against each other")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;
    use crate::audit::group::groups;

    fn count(question: &str, input: Value) -> usize {
        let project = Project::read(question, "en", &input);
        check(&project, &groups(&project)).len()
    }

    #[test]
    fn the_description_and_the_fields_are_compared() {
        let spec = |element: &str, length: f64| {
            json!({"specifications": {"element": element,
            "dimensions_m": {"length": length, "width": 0.8, "height": 0.6}}})
        };
        let text = "Foundation strip 45 m x 0.8 m x 0.6 m";
        assert_eq!(count(text, spec("strip", 45.0)), 0);
        assert_eq!(count(text, spec("strip", 54.0)), 1);
        assert_eq!(count("Hall 60 m x 30 m x 8 m", spec("strip", 45.0)), 0, "another body");
        assert_eq!(count("Trench 40 m x 0.8 m x 0.6 m", spec("strip", 45.0)), 1, "two sizes alike");
    }

    #[test]
    fn a_row_is_compared_with_itself_and_with_the_specifications() {
        let row = |name: &str| {
            json!({"item_name": name, "quantity": 21.6, "unit": "m3",
            "dimensions_m": {"length": 45, "width": 0.8, "height": 0.6}})
        };
        assert_eq!(count("", json!({"positions": [row("Beton pasů 45 x 0,8 x 0,6 m")]})), 0);
        assert_eq!(count("", json!({"positions": [row("Beton pasů 45 x 0,6 x 0,6 m")]})), 1);
        let both = |height: f64| {
            json!({"positions": [row("Beton pasů")], "specifications": {"element": "pas",
            "dimensions_m": {"length": 45, "width": 0.8, "height": height}}})
        };
        assert_eq!((count("", both(0.6)), count("", both(0.5))), (0, 1));
    }
}
