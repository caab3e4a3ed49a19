//! Quantities against dimensions: GEO-VOL, GEO-FORM, GEO-AREA's bands.
//!
//! A row with sizes of its own is checked alone; the project's dimensions
//! are checked against the whole of the one part they describe.

use crate::audit::Project;
use crate::audit::elements::Element;
use crate::audit::elements::Shape;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::percent;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::group::Group;
use crate::audit::specification::same;
use crate::sheet::Dimensions;
use crate::sheet::unit::Kind;

const SOURCE: &str = "geometry: the given dimensions";
const FORMWORK_SOURCE: &str = "geometry: contact area of the given dimensions";
/// What binary fractions may be off at the edge of a band.
const EXACT: f64 = 1e-9;
const DECADES: [f64; 6] = [10.0, 100.0, 1000.0, 0.1, 0.01, 0.001];

/// Checks volumes and formwork areas of all groups.
pub fn check(project: &Project, groups: &[Group]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in groups {
        let (alone, rest): (Vec<usize>, Vec<usize>) =
            group.concrete.iter().partition(|index| own_volume(project, **index).is_some());
        findings.extend(alone.iter().filter_map(|index| volume_of_row(project, *index)));
        let body = body(project, groups, group);
        if let (Some(body), true) = (&body, alone.is_empty()) {
            findings.extend(volume_of_group(project, &rest, body));
        }
        findings.extend(formwork(project, group, body));
    }
    findings
}

/// What a part looks like: the size of one piece, and how many there are.
pub struct Body {
    dimensions: Dimensions,
    count: f64,
}

/// Sizes of the group's only concrete row that has some, else those of the project if they mean this group.
pub fn body(project: &Project, groups: &[Group], group: &Group) -> Option<Body> {
    let mut sized = group.concrete.iter().chain(&group.formwork).map(|index| &project.rows[*index]);
    if let Some(row) = sized.find(|row| !row.dimensions.is_empty()) {
        // Several sized rows are several bodies: nobody says which one the formwork is for.
        let several =
            group.concrete.iter().filter(|index| !project.rows[**index].dimensions.is_empty()).count() > 1;
        return (!several).then_some(Body { dimensions: row.dimensions, count: row.count });
    }
    let spec = &project.spec;
    let meant = match spec.element.or(spec.text_element) {
        Some(element) => group.elements.iter().any(|own| same(own, element)),
        None => true,
    };
    let alike = |other: &&Group| {
        !other.concrete.is_empty()
            && other.elements.iter().map(|e| &e.id).eq(group.elements.iter().map(|e| &e.id))
    };
    let only = match spec.element.or(spec.text_element) {
        Some(_) => groups.iter().filter(alike).count() <= 1,
        None => groups.iter().filter(|other| !other.concrete.is_empty()).count() <= 1,
    };
    let fits = meant && only && !spec.dimensions.is_empty() && !group.elements.iter().any(|own| own.plain);
    fits.then_some(Body { dimensions: spec.dimensions, count: spec.count })
}

/// Expected volume of a row by its own sizes, and how it comes about.
fn own_volume(project: &Project, index: usize) -> Option<(f64, String)> {
    let row = &project.rows[index];
    if let (Some(area), Some(length)) = (project.positions[index].cross_section_m2, row.dimensions.length) {
        return Some((area * length * row.count, times(&[area, length], row.count)));
    }
    volume(&Body { dimensions: row.dimensions, count: row.count })
}

/// Volume of a body, and how it comes about.
pub fn volume(body: &Body) -> Option<(f64, String)> {
    let one = body.dimensions.volume().filter(|volume| *volume > 1e-9)?;
    let formula = match (body.dimensions.diameter, body.dimensions.all()) {
        (None, Some((length, width, height))) => times(&[length, width, height], body.count),
        _ => format!("pi d2 / 4 x length x {}", readable(body.count)),
    };
    Some((one * body.count, formula))
}

fn times(factors: &[f64], count: f64) -> String {
    let mut texts: Vec<String> = factors.iter().map(|factor| readable(*factor)).collect();
    if count != 1.0 {
        texts.insert(0, readable(count));
    }
    texts.join(" x ")
}

fn cubic_metres(project: &Project, index: usize) -> Option<f64> {
    let position = &project.positions[index];
    (position.unit.kind == Some(Kind::M3))
        .then(|| position.quantity.value())
        .flatten()
        .filter(|volume| *volume > 0.0)
}

fn volume_of_row(project: &Project, index: usize) -> Option<Finding> {
    let (expected, formula) = own_volume(project, index)?;
    Some(volume_finding(cubic_metres(project, index)?, expected, formula).rows(project, &[index]))
}

fn volume_of_group(project: &Project, rows: &[usize], body: &Body) -> Option<Finding> {
    let (expected, formula) = volume(body)?;
    let volumes: Vec<f64> = rows.iter().filter_map(|index| cubic_metres(project, *index)).collect();
    let complete = !volumes.is_empty() && volumes.len() == rows.len();
    complete.then(|| volume_finding(volumes.iter().sum(), expected, formula).rows(project, rows))
}

fn volume_finding(found: f64, expected: f64, formula: String) -> Finding {
    let ratio = found / expected;
    let compared = format!(
        "concrete volume {} against {} m3 ({})",
        readable(found),
        readable(expected),
        percent(ratio - 1.0)
    );
    let decade = DECADES.into_iter().find(|decade| (ratio / decade - 1.0).abs() <= 0.03);
    let (severity, said) = match decade {
        Some(decade) => (
            Severity::Critical,
            format!(
                "{compared}: a factor of {}, so a decimal or unit slip (mm or cm read as m)",
                readable(decade)
            ),
        ),
        None => band(ratio, &compared),
    };
    Finding::new("GEO-VOL", severity, capital(&format!("{said}.")))
        .found(rounded(found))
        .expected(rounded(expected))
        .formula(format!("{formula} = {} m3", readable(expected)))
        .source(SOURCE)
}

fn band(ratio: f64, compared: &str) -> (Severity, String) {
    let share = ratio - 1.0;
    match share {
        _ if share.abs() <= 0.01 + EXACT => (Severity::Info, format!("{compared}: it agrees")),
        _ if (-0.01 - EXACT..=0.06 + EXACT).contains(&share) => {
            (Severity::Info, format!("{compared}: waste is included"))
        }
        _ if share.abs() <= 0.10 + EXACT => {
            (Severity::Medium, format!("{compared}: more than waste explains"))
        }
        _ => (Severity::High, format!("{compared}: quantity and dimensions contradict each other")),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Areas that formwork of this shape may have, the usual one first.
fn areas(shape: Shape, body: &Body) -> Option<Vec<(f64, String)>> {
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

/// The formwork area expected of an element of these sizes.
pub fn formwork_area(element: &Element, body: &Body) -> Option<(f64, String)> {
    areas(element.shape?, body)?.into_iter().next()
}

fn formwork(project: &Project, group: &Group, body: Option<Body>) -> Option<Finding> {
    let (body, [element]) = (body?, &group.elements[..]) else { return None };
    let squares = |index: &usize| {
        let position = &project.positions[*index];
        (position.unit.kind == Some(Kind::M2)).then(|| position.quantity.value()).flatten()
    };
    let found: Vec<f64> = group.formwork.iter().filter_map(squares).collect();
    if found.is_empty() || found.len() < group.formwork.len() {
        return None;
    }
    let found: f64 = found.iter().sum();
    let areas = areas(element.shape?, &body)?;
    let agrees = |expected: f64| (0.9 - EXACT..=1.15 + EXACT).contains(&(found / expected));
    let (expected, formula) = areas.iter().find(|(area, _)| agrees(*area)).or(areas.first())?.clone();
    let ratio = found / expected;
    let (severity, why) = match ratio {
        _ if agrees(expected) => (Severity::Info, "it agrees"),
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
        readable(expected),
        element.name,
        readable(ratio)
    );
    let finding = Finding::new("GEO-FORM", severity, message)
        .rows(project, &group.formwork)
        .found(rounded(found))
        .expected(rounded(expected))
        .formula(format!("{formula} = {} m2", readable(expected)))
        .source(FORMWORK_SOURCE);
    Some(finding)
}

/// Whether concrete rows of a group give a volume for ratios.
pub fn group_volume(project: &Project, group: &Group) -> Option<f64> {
    let volumes: Option<Vec<f64>> =
        group.concrete.iter().map(|index| cubic_metres(project, *index)).collect();
    let sum: f64 = volumes?.into_iter().sum();
    (sum > 0.0).then_some(sum)
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
    fn bands_of_volume() {
        for (quantity, severity) in [
            (10.0, Severity::Info),
            (10.5, Severity::Info),
            (9.95, Severity::Info),
            (10.8, Severity::Medium),
            (9.2, Severity::Medium),
            (11.5, Severity::High),
            (8.0, Severity::High),
            (100.0, Severity::Critical),
            (0.01, Severity::Critical),
        ] {
            let row = json!([{"item_name": "Concrete", "quantity": quantity, "unit": "m3",
                "dimensions_m": {"length": 10, "width": 2, "height": 0.5}}]);
            assert_eq!(findings(row), [("GEO-VOL".to_owned(), severity)], "{quantity}");
        }
    }

    #[test]
    fn sizes_in_a_czech_name_count() {
        let row = json!([{"item_name": "Beton základových patek 2 ks 12,60 x 4,20 x 1,20 m", "quantity": "127,01", "unit": "m3"}]);
        assert_eq!(findings(row), [("GEO-VOL".to_owned(), Severity::Info)]);
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
