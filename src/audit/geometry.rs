//! Volumes against dimensions: GEO-VOL.
//!
//! A row with sizes of its own is checked alone; the project's dimensions
//! are checked against the whole of the one part they describe.

use std::collections::HashMap;

use crate::audit::Project;
use crate::audit::elements::Element;
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
/// What binary fractions may be off at the edge of a band.
pub(super) const EXACT: f64 = 1e-9;
/// Quantities are written with two decimals.
const ROUNDING: f64 = 0.005;
/// Up to this share both are the same.
const AGREES: f64 = 0.01;
const DECADES: [f64; 6] = [10.0, 100.0, 1000.0, 0.1, 0.01, 0.001];

/// Checks the volumes of all groups.
pub fn check(project: &Project, groups: &[Group]) -> Vec<Finding> {
    let bodies = Bodies::of(project, groups);
    let mut findings = Vec::new();
    for group in groups {
        let (alone, rest): (Vec<usize>, Vec<usize>) =
            group.concrete.iter().partition(|index| own_volume(project, **index).is_some());
        findings.extend(alone.iter().filter_map(|index| volume_of_row(project, *index)));
        if let (Some(body), true) = (bodies.body(project, group), alone.is_empty()) {
            findings.extend(volume_of_group(project, &rest, &body));
        }
    }
    findings
}

/// What a part looks like: the size of one piece, and how many there are.
pub struct Body {
    /// Sizes of one piece.
    pub dimensions: Dimensions,
    /// Pieces.
    pub count: f64,
}

/// Which groups the project's own dimensions may mean.
pub struct Bodies {
    meant: Option<&'static Element>,
    /// How many groups have concrete, by the ids of their elements.
    cast: HashMap<Vec<&'static str>, usize>,
    all_cast: usize,
}

impl Bodies {
    /// Counts the groups once, so that asking for each is quick.
    pub fn of(project: &Project, groups: &[Group]) -> Bodies {
        let mut cast = HashMap::new();
        let mut all_cast = 0;
        for group in groups.iter().filter(|group| !group.concrete.is_empty()) {
            *cast.entry(group.ids()).or_insert(0) += 1;
            all_cast += 1;
        }
        Bodies { meant: project.spec.element.or(project.spec.text_element), cast, all_cast }
    }

    /// Sizes of the group's only concrete row that has some, else those of the project if they mean this group.
    pub fn body(&self, project: &Project, group: &Group) -> Option<Body> {
        let sized = |index: &&usize| !project.rows[**index].dimensions.is_empty();
        if let Some(index) = group.concrete.iter().chain(&group.formwork).find(sized) {
            // Several sized rows are several bodies: nobody says which one the formwork is for.
            let several = group.concrete.iter().filter(sized).count() > 1;
            let row = &project.rows[*index];
            return (!several).then_some(Body { dimensions: row.dimensions, count: row.count });
        }
        let (meant, alike) = match self.meant {
            Some(element) => (
                group.elements.iter().any(|own| same(own, element)),
                self.cast.get(&group.ids()).copied().unwrap_or(0),
            ),
            None => (true, self.all_cast),
        };
        let spec = &project.spec;
        let fits = meant && alike <= 1 && !spec.dimensions.is_empty();
        let fits = fits && !group.elements.iter().any(|own| own.plain);
        fits.then_some(Body { dimensions: spec.dimensions, count: spec.count })
    }
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
    Measure { rule: "GEO-VOL", what: "concrete volume", unit: "m3" }.against(found, expected, &formula)
}

/// A quantity that dimensions give as well.
pub(super) struct Measure {
    /// The rule that compares it.
    pub rule: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// In which unit.
    pub unit: &'static str,
}

impl Measure {
    /// The finding for what was found against what dimensions give.
    pub fn against(&self, found: f64, expected: f64, formula: &str) -> Finding {
        let ratio = found / expected;
        let compared = format!(
            "{} {} against {} {} ({})",
            self.what,
            readable(found),
            readable(expected),
            self.unit,
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
            // Two decimals of a small quantity say no more.
            None if (ratio - 1.0).abs() > AGREES + EXACT && (found - expected).abs() <= ROUNDING + EXACT => {
                (Severity::Info, format!("{compared}: it agrees but for rounding"))
            }
            None => band(ratio, &compared),
        };
        Finding::new(self.rule, severity, capital(&format!("{said}.")))
            .found(rounded(found))
            .expected(rounded(expected))
            .formula(format!("{formula} = {} {}", readable(expected), self.unit))
            .source(SOURCE)
    }
}

fn band(ratio: f64, compared: &str) -> (Severity, String) {
    let share = ratio - 1.0;
    match share {
        _ if share.abs() <= AGREES + EXACT => (Severity::Info, format!("{compared}: it agrees")),
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
}
