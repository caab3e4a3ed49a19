//! Areas against dimensions: GEO-AREA.
//!
//! A row in square metres that states two sizes, or three of which one is
//! clearly a thickness. Formwork has rules of its own, mesh has laps, and
//! a small size in a name is that of a tile or a board, not of the work.

use crate::audit::Project;
use crate::audit::elements::Element;
use crate::audit::elements::Shape;
use crate::audit::elements::Work;
use crate::audit::finding::Finding;
use crate::audit::finding::readable;
use crate::audit::geometry::Measure;
use crate::audit::row::Row;
use crate::audit::scan::scan;
use crate::audit::text;
use crate::sheet::Dimensions;
use crate::sheet::Position;
use crate::sheet::unit::Kind;

/// A size in a name is one of the work from this length on, in metres.
const OF_THE_WORK: f64 = 2.0;
/// A side that is this many times shorter than the next is a thickness.
const THIN: f64 = 5.0;
/// Up to so many times the stated area it may be so many pieces of that size.
const PIECES: f64 = 9.5;

const MEASURE: Measure = Measure { rule: "GEO-AREA", what: "area", unit: "m2" };

/// Checks every row that states an area and sizes.
pub fn check(project: &Project) -> Vec<Finding> {
    let finding = |(index, row): (usize, &Row)| {
        let position = &project.positions[index];
        if position.unit.kind != Some(Kind::M2) || row.work == Some(Work::Formwork) || row.is_mesh {
            return None;
        }
        // Of what stands upright both faces may be meant, and nobody says so.
        let upright = |element: &Element| !matches!(element.shape, None | Some(Shape::Slab | Shape::Raft));
        if row.elements.iter().any(|element| upright(element) && !element.plain) {
            return None;
        }
        let found = position.quantity.value().filter(|area| *area > 0.0)?;
        let (sides, count) = given(position).or_else(|| named(position, found))?;
        let [a, b] = sides;
        let expected = a * b * count;
        let pieces = if count == 1.0 { String::new() } else { format!("{} x ", readable(count)) };
        let formula = format!("{pieces}{} x {}", readable(a), readable(b));
        Some(MEASURE.against(found, expected, &formula).rows(project, &[index]))
    };
    project.items().filter_map(finding).collect()
}

/// The sides by the fields of the row.
fn given(position: &Position) -> Option<([f64; 2], f64)> {
    let Dimensions { length, width, height, diameter: None } = position.dimensions else { return None };
    let sides: Vec<f64> = [length, width, height].into_iter().flatten().collect();
    Some((two(&sides)?, position.count))
}

/// The sides by the name of the row.
fn named(position: &Position, found: f64) -> Option<([f64; 2], f64)> {
    let sizes = text::sizes(&scan(&position.name))?;
    let sides = two(&sizes.factors).filter(|sides| sides.iter().all(|side| *side >= OF_THE_WORK))?;
    let ratio = found / (sides[0] * sides[1]);
    let whole = (ratio - ratio.round()).abs() < 1e-3 && (1.5..PIECES).contains(&ratio);
    let count = match sizes.count {
        Some(count) => count,
        None if whole => return None,
        None => 1.0,
    };
    Some((sides, count * position.count))
}

/// Two sides as they are; of three the two long ones, when the third is a thickness.
fn two(sides: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = sides.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted[..] {
        [a, b] => Some([b, a]),
        [thin, a, b] if thin * THIN <= a => Some([b, a]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;
    use crate::audit::finding::Severity;

    fn severity(row: Value) -> Option<Severity> {
        let project = Project::read("", "en", &json!({ "positions": [row] }));
        check(&project).first().map(|finding| finding.severity)
    }

    #[test]
    fn areas_have_the_bands_of_volumes() {
        for (area, expected) in [
            (96.0, Some(Severity::Info)),
            (100.0, Some(Severity::Info)),
            (104.0, Some(Severity::Medium)),
            (110.0, Some(Severity::High)),
            (960.0, Some(Severity::Critical)),
        ] {
            let row = json!({"item_name": "Waterproofing", "quantity": area, "unit": "m2",
                "dimensions_m": {"length": 12, "width": 8}});
            assert_eq!(severity(row), expected, "{area}");
        }
    }

    #[test]
    fn a_size_in_a_name_is_one_of_the_work_only_when_it_must_be() {
        let row =
            |name: &str, area: f64| severity(json!({"item_name": name, "quantity": area, "unit": "m2"}));
        assert_eq!(row("Hydroizolace 12 x 8 m", 120.0), Some(Severity::High));
        assert_eq!(row("Podkladní beton 12,0 x 8,0 m tl. 100 mm", 96.0), Some(Severity::Info));
        for (name, area) in [
            ("Dlažba 300x300 mm", 120.0),
            ("Deska 2,0 x 3,0 m", 42.0),
            ("Bednění stěn 12 x 8 m", 192.0),
            ("Síť KARI 3 x 2 m", 130.0),
            ("Nátěr stěn 12 x 3 m", 72.0),
            ("Omítka", 5.0),
        ] {
            assert_eq!(row(name, area), None, "{name}");
        }
    }
}
