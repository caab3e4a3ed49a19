//! Steel per cubic metre and what is missing beside concrete.
//!
//! RATIO-REBAR, REBAR-MISSING, FORM-MISSING.

use std::collections::HashMap;

use crate::audit::Project;
use crate::audit::elements::Element;
use crate::audit::elements::Shape;
use crate::audit::elements::Work;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::geometry::group_volume;
use crate::audit::group::Group;
use crate::audit::ruleset::SteelContent;
use crate::audit::ruleset::shared;
use crate::audit::specification::same;
use crate::sheet::unit::Kind;

/// Checks steel contents and what lacks steel or formwork.
pub fn check(project: &Project, groups: &[Group]) -> Vec<Finding> {
    let loose = loose(project, groups);
    let mut findings: Vec<Finding> =
        groups.iter().chain(&loose).filter_map(|group| ratio(project, group)).collect();
    findings.extend(missing(project, groups, Work::Steel));
    findings.extend(missing(project, groups, Work::Formwork));
    findings
}

/// Steel of no element beside all the concrete of its object, where none of that has steel of its own.
fn loose(project: &Project, groups: &[Group]) -> Vec<Group> {
    let is_loose = |group: &&Group| {
        group.elements.is_empty() && group.other_element.is_none() && group.concrete.is_empty()
    };
    let beside = |steel: &Group| {
        let others = || groups.iter().filter(|group| group.object == steel.object && !is_loose(group));
        let cast = || others().filter(|group| !group.concrete.is_empty());
        let knows = |group: &Group| {
            let includes = |row: &usize| project.rows[*row].includes_others;
            !group.elements.is_empty() && !group.concrete.iter().any(includes)
        };
        if others().any(|group| !group.steel.is_empty()) || !cast().all(knows) {
            return None;
        }
        let reinforced =
            || cast().filter(|group| !group.concrete.iter().all(|row| project.rows[*row].is_unreinforced()));
        let mut elements: Vec<&'static Element> =
            reinforced().flat_map(|group| group.elements.iter().copied()).collect();
        elements.sort_by_key(|element| element.id.as_str());
        elements.dedup_by_key(|element| element.id.as_str());
        Some(Group {
            object: steel.object.clone(),
            elements,
            other_element: None,
            concrete: reinforced().flat_map(|group| group.concrete.iter().copied()).collect(),
            steel: steel.steel.clone(),
            formwork: Vec::new(),
        })
    };
    groups.iter().filter(is_loose).filter(|group| !group.steel.is_empty()).filter_map(beside).collect()
}

/// The usual steel content of the group's element; of several, the range of all.
pub fn content(group: &Group) -> Option<SteelContent> {
    let rows: Vec<&SteelContent> = group
        .elements
        .iter()
        .filter_map(|element| shared().rebar.row.iter().find(|row| row.element == element.id))
        .collect();
    let first = rows.first()?;
    let low =
        |of: fn(&SteelContent) -> (f64, f64)| rows.iter().map(|row| of(row).0).fold(f64::INFINITY, f64::min);
    let high = |of: fn(&SteelContent) -> (f64, f64)| rows.iter().map(|row| of(row).1).fold(0.0, f64::max);
    Some(SteelContent {
        element: first.element.clone(),
        typical: rows.iter().map(|row| row.typical).sum::<f64>() / rows.len() as f64,
        usual: (low(|row| row.usual), high(|row| row.usual)),
        warn: (low(|row| row.warn), high(|row| row.warn)),
        error: (low(|row| row.error), high(|row| row.error)),
    })
}

/// Kilograms of steel in these rows, when all of them can be weighed.
pub fn kilograms(project: &Project, rows: &[usize]) -> Option<f64> {
    let weigh = |index: &usize| {
        let position = &project.positions[*index];
        let quantity = position.quantity.value().filter(|quantity| *quantity > 0.0)?;
        match position.unit.kind {
            Some(Kind::T) => Some(quantity * 1000.0),
            Some(Kind::Kg) => Some(quantity),
            _ => None,
        }
    };
    let all: Option<Vec<f64>> = rows.iter().map(weigh).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.iter().sum())
}

fn ratio(project: &Project, group: &Group) -> Option<Finding> {
    let steel = kilograms(project, &group.steel)?;
    let volume = group_volume(project, group)?;
    let ratio = steel / volume;
    let rows: Vec<usize> = group.concrete.iter().chain(&group.steel).copied().collect();
    let rebar = &shared().rebar;
    let per = format!("{} kg/m3 of steel", readable(ratio));
    let name = group.name();
    let finding = if group.concrete.iter().all(|index| project.rows[*index].is_unreinforced()) {
        let severity = if ratio > 20.0 { Severity::Medium } else { Severity::Low };
        Finding::new("RATIO-REBAR", severity, format!("{per} in {name}, which has none as a rule: ask."))
            .expected(0)
    } else if let Some(content) = content(group) {
        let (severity, why) = judge(ratio, &content, rebar.impossible_kg_m3);
        let usual = format!("{}-{} kg/m3", readable(content.usual.0), readable(content.usual.1));
        let message =
            format!("{per} is {why} for {name}: usual are {usual}, typical {}.", readable(content.typical));
        Finding::new("RATIO-REBAR", severity, message).expected(usual)
    } else if ratio > rebar.impossible_kg_m3 {
        let message = format!("{per} cannot be placed: {} is the most.", readable(rebar.impossible_kg_m3));
        Finding::new("RATIO-REBAR", Severity::Critical, message)
            .expected(format!("<= {} kg/m3", rebar.impossible_kg_m3))
    } else {
        return None;
    };
    let formula = format!("{} kg / {} m3", readable(steel), readable(volume));
    let finding = finding.rows(project, &rows).found(rounded(ratio)).formula(formula);
    Some(finding.source(rebar.source.as_str()).doubt(Some(&rebar.unsure)))
}

fn judge(ratio: f64, content: &SteelContent, impossible: f64) -> (Severity, String) {
    let outside = |(low, high): (f64, f64)| ratio < low || ratio > high;
    let decade = [10.0, 0.1, 0.01]
        .into_iter()
        .find(|decade| outside(content.error) && (ratio / (decade * content.typical) - 1.0).abs() <= 0.35);
    if let Some(decade) = decade {
        let why = match decade {
            10.0 => "ten times what is typical (factor ten, a decimal or unit slip)",
            0.1 => "a tenth of what is typical (factor ten, a decimal or unit slip)",
            _ => "a hundredth of what is typical (factor hundred, a decimal or unit slip)",
        };
        return (Severity::Critical, why.to_owned());
    }
    match ratio {
        _ if ratio > 1000.0 => (Severity::Critical, "impossible (kilograms taken for tonnes?)".to_owned()),
        _ if ratio > impossible => {
            (Severity::Critical, format!("more than can be placed ({} kg/m3)", readable(impossible)))
        }
        _ if outside(content.error) => (Severity::High, "far outside of what is usual".to_owned()),
        _ if outside(content.warn) => (Severity::Medium, "outside of what is usual".to_owned()),
        _ => (Severity::Info, "plausible".to_owned()),
    }
}

/// Concrete without its steel or formwork, in a bill that has such rows at all.
fn missing(project: &Project, groups: &[Group], work: Work) -> Vec<Finding> {
    let rows_of = |group: &Group| match work {
        Work::Steel => group.steel.len(),
        _ => group.formwork.len(),
    };
    let somewhere = groups.iter().any(|group| rows_of(group) > 0);
    // Rows of no element may be for any of them.
    let unassigned = groups.iter().any(|group| rows_of(group) > 0 && group.elements.is_empty());
    if !somewhere || unassigned {
        return Vec::new();
    }
    let served = Served::of(groups.iter().filter(|group| rows_of(group) > 0));
    let lacks = |group: &&Group| {
        !group.concrete.is_empty()
            && is_expected(group, work)
            && !group.concrete.iter().any(|index| excuses(project, *index, work))
            && !group.elements.iter().any(|element| served.has(group.object.as_deref(), element))
    };
    let finding = |group: &Group| {
        let (rule, what) = match work {
            Work::Steel => ("REBAR-MISSING", "reinforcement"),
            _ => ("FORM-MISSING", "formwork"),
        };
        let message = format!(
            "Concrete of the {} has no {what} in the bill, and none is said to be included.",
            group.name()
        );
        Finding::new(rule, Severity::Medium, message).rows(project, &group.concrete).expected(what)
    };
    groups.iter().filter(lacks).map(finding).collect()
}

/// Which elements of which objects have rows of a work.
struct Served<'a> {
    by_object: HashMap<Option<&'a str>, Elements>,
    anywhere: Elements,
}

/// Kinds of elements, each once, and whether none of their rows stands beside concrete of its own.
type Elements = Vec<(&'static Element, bool)>;

impl<'a> Served<'a> {
    fn of(groups: impl Iterator<Item = &'a Group>) -> Served<'a> {
        let mut served = Served { by_object: HashMap::new(), anywhere: Vec::new() };
        for group in groups {
            let own = served.by_object.entry(group.object.as_deref()).or_default();
            for element in &group.elements {
                let is_loose = group.concrete.is_empty();
                for list in [&mut *own, &mut served.anywhere] {
                    match list.iter_mut().find(|(known, _)| known.id == element.id) {
                        Some((_, loose)) => *loose &= is_loose,
                        None => list.push((element, is_loose)),
                    }
                }
            }
        }
        served
    }

    /// Rows of no object may be for any; "foundation" may stand for each of the foundations, and "wall" for each
    /// kind of wall where the bill has no concrete of other walls.
    fn has(&self, object: Option<&str>, element: &Element) -> bool {
        let is_wider = |own: &Element| element.kind_of.as_deref() == Some(own.id.as_str());
        let serves = |(own, loose): &(&Element, bool)| same(own, element) || (*loose && is_wider(own));
        let holds = |list: &Elements| list.iter().any(serves);
        match object {
            None => holds(&self.anywhere),
            Some(_) => [object, None].iter().any(|object| self.by_object.get(object).is_some_and(holds)),
        }
    }
}

fn is_expected(group: &Group, work: Work) -> bool {
    !group.elements.is_empty()
        && group.elements.iter().all(|element| {
            !element.plain
                && match work {
                    // Slabs on the ground often have no edges worth a row.
                    Work::Formwork => element.shape.is_some_and(|shape| shape != Shape::Raft),
                    _ => true,
                }
        })
}

fn excuses(project: &Project, index: usize, work: Work) -> bool {
    let row = &project.rows[index];
    row.includes_others || (work == Work::Steel && row.is_unreinforced())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::group::told;

    fn findings(rows: &[(&str, f64, &str)]) -> Vec<(String, Severity)> {
        let row = |(name, quantity, unit): &(&str, f64, &str)| json!({"item_name": name, "quantity": quantity, "unit": unit});
        told(rows.iter().map(row).collect(), check)
    }

    #[test]
    fn steel_content_of_a_wall() {
        for (tonnes, severity) in [
            (0.8, Severity::Info),
            (1.6, Severity::Medium),
            (3.2, Severity::High),
            (0.085, Severity::Critical),
            (8.0, Severity::Critical),
            (6.4, Severity::Critical),
            (0.3, Severity::Medium),
        ] {
            let rows = [("Wall concrete C30/37", 10.0, "m3"), ("Wall reinforcement", tonnes, "t")];
            assert_eq!(findings(&rows), [("RATIO-REBAR".to_owned(), severity)], "{tonnes}");
        }
    }

    #[test]
    fn what_is_missing_is_asked_only_where_others_have_it() {
        let rules =
            |rows: &[(&str, f64, &str)]| findings(rows).into_iter().map(|(rule, _)| rule).collect::<Vec<_>>();
        let wall = ("Beton stěn C25/30", 10.0, "m3");
        let steel = ("Výztuž stěn", 0.9, "t");
        let slab = ("Beton desky C25/30", 10.0, "m3");
        assert_eq!(rules(&[wall, slab]), Vec::<String>::new());
        assert_eq!(rules(&[wall, steel, slab]), ["RATIO-REBAR", "REBAR-MISSING"]);
        assert_eq!(rules(&[wall, steel, ("Beton desky C25/30 vč. výztuže", 10.0, "m3")]), ["RATIO-REBAR"]);
        assert_eq!(rules(&[wall, steel, ("Podkladní beton C12/15", 1.0, "m3")]), ["RATIO-REBAR"]);
        assert_eq!(rules(&[wall, slab, ("Výztuž stěn a desek", 2.0, "t")]), Vec::<String>::new());
    }

    #[test]
    fn rows_of_walls_stand_for_each_kind_of_wall() {
        let rules = |concrete: &str, formwork: &str| {
            let rows = [(concrete, 10.0, "m3"), (formwork, 60.0, "m2")];
            findings(&rows).into_iter().map(|(rule, _)| rule).collect::<Vec<_>>()
        };
        for (concrete, formwork) in [
            ("Stützwand Beton C30/37", "Schalung für Wände"),
            ("Beton opěrné zdi C30/37", "Bednění stěn"),
            ("Concrete of basement walls C30/37", "Formwork of walls"),
        ] {
            assert_eq!(rules(concrete, formwork), [""; 0], "{concrete}");
        }
        let both = [
            ("Beton opěrné zdi C30/37", 10.0, "m3"),
            ("Beton stěn C30/37", 10.0, "m3"),
            ("Bednění stěn", 60.0, "m2"),
        ];
        assert_eq!(findings(&both), [("FORM-MISSING".to_owned(), Severity::Medium)], "the other walls' own");
        assert_eq!(rules("Beton opěrné zdi C30/37", "Bednění desky"), ["FORM-MISSING"]);
        assert_eq!(rules("Beton stěn C30/37", "Bednění opěrné zdi"), ["FORM-MISSING"], "another wall's");
    }
}
