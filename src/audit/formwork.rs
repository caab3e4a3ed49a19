//! Formwork against contact area and volume: GEO-FORM, RATIO-FORM.
//!
//! Where dimensions are known the contact area decides; only where they are
//! not does the ratio of formwork to concrete say whether to ask.

use crate::audit::Project;
use crate::audit::elements::Element;
use crate::audit::elements::Shape;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::geometry::Bodies;
use crate::audit::geometry::Body;
use crate::audit::geometry::EXACT;
use crate::audit::geometry::group_volume;
use crate::audit::group::Group;
use crate::audit::ruleset::shared;
use crate::sheet::unit::Kind;

const SOURCE: &str = "geometry: contact area of the given dimensions";

/// Checks the formwork of all groups.
pub fn check(project: &Project, groups: &[Group]) -> Vec<Finding> {
    let bodies = Bodies::of(project, groups);
    let finding = |group: &Group| {
        let [element] = group.elements[..] else { return None };
        let found = square_metres(project, &group.formwork)?;
        let areas = bodies.body(project, group).and_then(|body| areas(element.shape?, &body));
        let finding = match areas {
            Some(areas) => contact(element, found, &areas),
            None => return ratio(project, group, element, found),
        };
        Some(finding.rows(project, &group.formwork))
    };
    groups.iter().filter_map(finding).collect()
}

/// The area of these rows, when all of them are measured so.
fn square_metres(project: &Project, rows: &[usize]) -> Option<f64> {
    let square = |index: &usize| {
        let position = &project.positions[*index];
        (position.unit.kind == Some(Kind::M2)).then(|| position.quantity.value()).flatten()
    };
    let all: Option<Vec<f64>> = rows.iter().map(square).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.iter().sum())
}

/// Areas that formwork of this shape may have, the usual one first.
fn areas(shape: Shape, body: &Body) -> Option<Vec<(f64, String)>> {
    if let (Shape::Column, Some(d)) = (shape, body.dimensions.diameter) {
        let height = body.dimensions.height.or(body.dimensions.length)?;
        let text = format!("{} x pi x {} x {}", readable(body.count), readable(d), readable(height));
        return Some(vec![(std::f64::consts::PI * d * height * body.count, text)]);
    }
    let (l, w, h) = body.dimensions.all()?;
    let [lt, wt, ht] = [l, w, h].map(readable);
    let sides = || (2.0 * (l + w) * h, format!("2 x ({lt} + {wt}) x {ht}"));
    let faces = |ends: f64, text: &str| (2.0 * l * h + ends * w * h, format!("2 x {lt} x {ht}{text}"));
    let mut list = match shape {
        Shape::Footing | Shape::Raft | Shape::Column => vec![sides()],
        Shape::Slab => {
            let (edges, text) = sides();
            vec![(l * w + edges, format!("{lt} x {wt} + {text}")), (l * w, format!("{lt} x {wt}"))]
        }
        Shape::Wall => vec![faces(2.0, &format!(" + 2 x {wt} x {ht}")), faces(0.0, "")],
        Shape::Wing => vec![faces(1.0, &format!(" + {wt} x {ht}")), faces(0.0, "")],
        Shape::Beam => vec![(l * (w + 2.0 * h), format!("{lt} x ({wt} + 2 x {ht})"))],
    };
    for (area, text) in &mut list {
        *area *= body.count;
        if body.count != 1.0 {
            *text = format!("{} x ({text})", readable(body.count));
        }
    }
    Some(list)
}

fn contact(element: &Element, found: f64, areas: &[(f64, String)]) -> Finding {
    let agrees = |expected: f64| (0.9 - EXACT..=1.15 + EXACT).contains(&(found / expected));
    let fitting = areas.iter().find(|(area, _)| agrees(*area)).unwrap_or(&areas[0]);
    let (expected, formula) = fitting;
    let ratio = found / expected;
    let (severity, why) = match ratio {
        _ if agrees(*expected) => (Severity::Info, "it agrees"),
        _ if (1.8..=2.2).contains(&ratio) => {
            (Severity::High, "twice the contact area: erection and removal added together, or counted double")
        }
        _ if (0.45..0.55).contains(&ratio) => (Severity::High, "half the contact area: one face only"),
        _ if ratio >= 1.8 => (Severity::High, "far more than the contact area"),
        _ if ratio < 0.55 => (Severity::High, "far less than the contact area"),
        _ if ratio > 1.0 => (Severity::Medium, "more than the contact area"),
        _ => (Severity::Medium, "less than the contact area"),
    };
    let message = format!(
        "Formwork {} m2 against {} m2 of the {} (ratio {}): {why}.",
        readable(found),
        readable(*expected),
        element.name,
        readable(ratio)
    );
    Finding::new("GEO-FORM", severity, message)
        .found(rounded(found))
        .expected(rounded(*expected))
        .formula(format!("{formula} = {} m2", readable(*expected)))
        .source(SOURCE)
}

/// RATIO-FORM: square metres of formwork to a cubic metre, where no dimensions say more.
fn ratio(project: &Project, group: &Group, element: &Element, found: f64) -> Option<Finding> {
    let table = &shared().formwork;
    let (low, high) = table.ratio.get(&element.id).copied()?;
    let volume = group_volume(project, group)?;
    let ratio = found / volume;
    if (low..=high).contains(&ratio) {
        return None;
    }
    let rows: Vec<usize> = group.concrete.iter().chain(&group.formwork).copied().collect();
    let usual = format!("{}-{} m2/m3", readable(low), readable(high));
    let message =
        format!("{} m2/m3 of formwork for the {}: usual are {usual}.", readable(ratio), element.name);
    let finding = Finding::new("RATIO-FORM", Severity::Low, message)
        .rows(project, &rows)
        .found(rounded(ratio))
        .expected(usual)
        .formula(format!("{} m2 / {} m3", readable(found), readable(volume)))
        .source(table.source.as_str());
    Some(finding.doubt(Some(&table.unsure)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::group::told;

    fn findings(rows: serde_json::Value) -> Vec<(String, Severity)> {
        told(rows, check)
    }

    #[test]
    fn a_wall_may_have_one_face_only() {
        let rows = |area: f64| {
            json!([{"item_name": "Wall concrete", "quantity": 9, "unit": "m3", "dimensions_m": {"length": 10, "width": 0.3, "height": 3}},
                   {"item_name": "Wall formwork", "quantity": area, "unit": "m2"}])
        };
        let severity =
            |area| findings(rows(area)).into_iter().find(|(rule, _)| rule == "GEO-FORM").map(|(_, s)| s);
        assert_eq!(severity(60.0), Some(Severity::Info));
        assert_eq!(severity(61.8), Some(Severity::Info));
        assert_eq!(severity(30.0), Some(Severity::High));
        assert_eq!(severity(80.0), Some(Severity::Medium));
    }
}
