//! Rows that belong together: concrete, steel and formwork of one part.
//!
//! A group is an object and an element; where every row of it names its part
//! before a dash, each part is a group of its own.

use std::collections::HashMap;

use crate::audit::Project;
use crate::audit::elements::Element;
use crate::audit::elements::Work;

/// Indices of the rows of one part, by work.
#[derive(Debug)]
pub struct Group {
    /// The part of the works.
    pub object: Option<String>,
    /// Its elements; several for `a+b`, none when nobody says.
    pub elements: Vec<&'static Element>,
    /// An element that no list knows.
    pub other_element: Option<String>,
    /// Rows of concrete.
    pub concrete: Vec<usize>,
    /// Rows of reinforcement.
    pub steel: Vec<usize>,
    /// Rows of formwork put up; those that only take it away are left out.
    pub formwork: Vec<usize>,
}

impl Group {
    /// How reports call it.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.elements.iter().map(|element| element.name.as_str()).collect();
        match (&names[..], &self.other_element) {
            ([], Some(other)) => other.clone(),
            ([], None) => "the works".to_owned(),
            _ => names.join(" + "),
        }
    }

    /// The ids of its elements.
    pub fn ids(&self) -> Vec<&'static str> {
        self.elements.iter().map(|element| element.id.as_str()).collect()
    }

    fn all(&self) -> Vec<(Work, usize)> {
        let of =
            |work: Work, rows: &[usize]| rows.iter().map(move |index| (work, *index)).collect::<Vec<_>>();
        let works = [
            of(Work::Concrete, &self.concrete),
            of(Work::Steel, &self.steel),
            of(Work::Formwork, &self.formwork),
        ];
        works.into_iter().flatten().collect()
    }
}

/// What rows of one group share: object, element ids, an element of no list.
type Key = (Option<String>, Vec<&'static str>, Option<String>);

/// The groups of a bill, in the order of their first rows.
pub fn groups(project: &Project) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    for (index, row) in project.items() {
        let Some(work) = row.work else { continue };
        if work == Work::Formwork && row.is_removal {
            continue;
        }
        let object = project.positions[index].object.clone();
        let ids = row.elements.iter().map(|element| element.id.as_str()).collect();
        let at = *places.entry((object.clone(), ids, row.other_element.clone())).or_insert_with(|| {
            groups.push(Group {
                object,
                elements: row.elements.clone(),
                other_element: row.other_element.clone(),
                concrete: Vec::new(),
                steel: Vec::new(),
                formwork: Vec::new(),
            });
            groups.len() - 1
        });
        groups[at].push(work, index);
    }
    groups.into_iter().flat_map(|group| split(project, group)).collect()
}

impl Group {
    fn push(&mut self, work: Work, index: usize) {
        match work {
            Work::Concrete => self.concrete.push(index),
            Work::Steel => self.steel.push(index),
            Work::Formwork => self.formwork.push(index),
        }
    }
}

/// One group per part before a dash, if every row has one and two works share one.
fn split(project: &Project, group: Group) -> Vec<Group> {
    let part = |index: usize| project.rows[index].part.as_deref();
    let mut parts: Vec<Group> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (work, index) in group.all() {
        let Some(name) = part(index) else { return vec![group] };
        let at = *places.entry(name).or_insert_with(|| {
            parts.push(Group {
                object: group.object.clone(),
                elements: group.elements.clone(),
                other_element: group.other_element.clone(),
                concrete: Vec::new(),
                steel: Vec::new(),
                formwork: Vec::new(),
            });
            parts.len() - 1
        });
        parts[at].push(work, index);
    }
    let shared =
        |part: &Group| !(part.concrete.is_empty() || (part.steel.is_empty() && part.formwork.is_empty()));
    if parts.len() < 2 || !parts.iter().any(shared) { vec![group] } else { parts }
}

/// What a check of groups says of these positions, for its table tests.
#[cfg(test)]
pub(super) fn told(
    positions: serde_json::Value,
    check: fn(&Project, &[Group]) -> Vec<super::Finding>,
) -> Vec<(String, super::Severity)> {
    let project = Project::read("", "en", &serde_json::json!({ "positions": positions }));
    let findings = check(&project, &groups(&project));
    findings.into_iter().map(|finding| (finding.rule, finding.severity)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shapes(rows: &[(&str, &str)]) -> Vec<(Vec<usize>, Vec<usize>, Vec<usize>)> {
        let rows: Vec<_> =
            rows.iter().map(|(name, unit)| json!({"item_name": name, "quantity": 1, "unit": unit})).collect();
        let project = Project::read("", "en", &json!({"positions": rows}));
        groups(&project).into_iter().map(|group| (group.concrete, group.steel, group.formwork)).collect()
    }

    #[test]
    fn parts_before_a_dash_split_a_group() {
        let rows = [
            ("Opěra 1 - beton C30/37", "m3"),
            ("Opěra 1 - výztuž", "t"),
            ("Opěra 2 - beton C30/37", "m3"),
            ("Opěra 2 - výztuž", "t"),
        ];
        assert_eq!(shapes(&rows), [(vec![0], vec![1], vec![]), (vec![2], vec![3], vec![])]);
        let rows = [("Wall - concrete", "m3"), ("Wall reinforcement", "t"), ("Wall - second concrete", "m3")];
        assert_eq!(shapes(&rows), [(vec![0, 2], vec![1], vec![])]);
    }

    #[test]
    fn removal_is_no_second_formwork() {
        let rows = [("Bednění stěn zřízení", "m2"), ("Bednění stěn odstranění", "m2")];
        assert_eq!(shapes(&rows), [(vec![], vec![], vec![0])]);
    }
}
