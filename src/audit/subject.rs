//! What limits apply to: concrete of one element, class and exposure.
//!
//! The specification stands for every row it can mean; a row that states its
//! own classes stands for itself. Blinding is nothing unless it says so.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::audit::Project;
use crate::audit::chemistry::Attack;
use crate::audit::chemistry::Level;
use crate::audit::elements::Element;
use crate::audit::elements::Ground;
use crate::audit::elements::Work;
use crate::audit::row::Row;
use crate::audit::specification::same;
use crate::audit::strength::Strength;

/// Concrete of one kind and the rows it stands in.
#[derive(Debug)]
pub struct Subject {
    /// Its elements; none when nobody says.
    pub elements: Vec<&'static Element>,
    /// Its rows of concrete; none when only the specification speaks of it.
    pub rows: Vec<usize>,
    /// Its strength class, if it is a known one.
    pub strength: Option<Strength>,
    /// The stated exposure classes.
    pub exposures: Vec<String>,
    /// Water-cement ratio.
    pub w_c: Option<f64>,
    /// Cement content.
    pub cement: Option<f64>,
    /// Air content.
    pub air: Option<f64>,
    /// Kind of cement.
    pub cement_type: Option<String>,
    /// Nominal cover.
    pub cover_mm: Option<f64>,
    /// The thickest bar of its elements.
    pub bar_mm: Option<f64>,
    /// Whether it has reinforcement, as far as one can tell.
    pub is_reinforced: bool,
    /// Whether ground water or soil reaches it.
    pub is_reached: bool,
    /// The class that chemistry means, when worse than the stated one.
    pub inferred_xa: Option<Level>,
}

impl Subject {
    /// The stated XA class as a number, 0 for none.
    pub fn stated_xa(&self) -> Level {
        let level = |class: &String| class.strip_prefix("XA")?.parse().ok();
        self.exposures.iter().filter_map(level).max().unwrap_or(0)
    }

    /// The stated classes as one text, "XC4+XF3".
    pub fn exposures_text(&self) -> String {
        if self.exposures.is_empty() { "none stated".to_owned() } else { self.exposures.join("+") }
    }

    /// Stated classes and the inferred one.
    pub fn effective(&self) -> Vec<String> {
        let inferred = self.inferred_xa.map(|level| format!("XA{}", level.min(3)));
        let inferred = inferred.filter(|class| !self.exposures.contains(class));
        self.exposures.iter().cloned().chain(inferred).collect()
    }

    /// Whether a class that begins so is stated.
    pub fn has(&self, prefix: &str) -> bool {
        self.exposures.iter().any(|class| class.starts_with(prefix))
    }

    /// Whether it is buried altogether.
    pub fn is_buried(&self) -> bool {
        self.elements.iter().any(|element| element.ground == Some(Ground::Foundation))
    }

    /// Whether it is cast in the ground or has earth on one side.
    pub fn is_in_ground(&self) -> bool {
        self.elements.iter().any(|element| element.ground.is_some())
    }
}

/// The subjects of a project.
pub fn subjects(project: &Project) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = Vec::new();
    let mut places: HashMap<_, usize> = HashMap::new();
    let mut specified = false;
    for index in project.of(Work::Concrete) {
        let row = &project.rows[index];
        if row.is_unreinforced() && row.exposures.is_empty() {
            continue;
        }
        specified |= is_meant(project, row);
        let subject = of_row(project, index, row);
        match places.entry(key(&subject)) {
            Entry::Occupied(place) => subjects[*place.get()].rows.push(index),
            Entry::Vacant(place) => {
                place.insert(subjects.len());
                subjects.push(subject);
            }
        }
    }
    let is_plain = project.element().is_some_and(|element| element.plain);
    // A part with measured ground water is concrete until somebody says otherwise.
    let attacked = project.element().is_some() && !project.spec.measured.is_empty();
    if !specified && (project.spec.has_concrete() || attacked) && !is_plain {
        subjects.push(of_specification(project));
    }
    reach(project, &mut subjects);
    give_bars(project, &mut subjects);
    subjects
}

/// What rows of one subject share: elements, strength class, exposure classes.
fn key(subject: &Subject) -> (Vec<&'static str>, Option<String>, Vec<String>) {
    let ids = subject.elements.iter().map(|element| element.id.as_str()).collect();
    (ids, subject.strength.as_ref().map(|class| class.name.clone()), subject.exposures.clone())
}

/// Whether the specification's fields mean this row.
fn is_meant(project: &Project, row: &Row) -> bool {
    match project.spec.meant_element() {
        Some(element) => row.elements.is_empty() || row.elements.iter().any(|own| same(own, element)),
        None => row.other_element.is_none(),
    }
}

fn of_row(project: &Project, index: usize, row: &Row) -> Subject {
    let meant = is_meant(project, row);
    let mut subject = blank(project, row.elements.clone(), meant);
    subject.rows.push(index);
    subject.exposures = match &row.exposures[..] {
        [] if meant => project.spec.exposures.clone(),
        own => own.to_vec(),
    };
    let specified = project.spec.strength.as_ref().filter(|_| meant && row.strengths.is_empty());
    subject.strength = row.strength().or(specified.and_then(|named| named.known())).cloned();
    subject.is_reinforced = !row.is_unreinforced();
    subject
}

fn of_specification(project: &Project) -> Subject {
    let element = project.element();
    let mut subject = blank(project, element.into_iter().collect(), true);
    subject.exposures.clone_from(&project.spec.exposures);
    subject.strength = project.spec.strength.as_ref().and_then(|named| named.known()).cloned();
    subject.is_reinforced = !subject.elements.iter().any(|element| element.plain);
    subject
}

/// A subject of these elements with the specified mix and cover.
fn blank(project: &Project, elements: Vec<&'static Element>, meant: bool) -> Subject {
    let spec = &project.spec;
    // A value per element speaks for itself; one for all only where the specification means the row.
    let number = |value: &crate::audit::specification::PerElement| {
        value.number(&elements).filter(|_| meant || !elements.is_empty() && value.is_per_element())
    };
    Subject {
        rows: Vec::new(),
        strength: None,
        exposures: Vec::new(),
        w_c: number(&spec.w_c),
        cement: number(&spec.cement),
        air: number(&spec.air),
        cement_type: spec.cement_type.text(&elements).filter(|_| meant),
        cover_mm: number(&spec.cover),
        bar_mm: None,
        is_reinforced: true,
        is_reached: false,
        inferred_xa: None,
        elements,
    }
}

/// The thickest bar among the steel of a subject's elements.
fn give_bars(project: &Project, subjects: &mut [Subject]) {
    let mut thickest: BTreeMap<Option<&str>, (Option<&'static Element>, f64)> = BTreeMap::new();
    for (_, row) in project.items().filter(|(_, row)| row.is(Work::Steel)) {
        let Some(bar) = row.bar_mm else { continue };
        let elements = row.elements.iter().map(|element| Some(*element));
        // Steel of no element may be for any.
        let none = row.elements.is_empty().then_some(None);
        for element in elements.chain(none) {
            let place = thickest.entry(element.map(|own| own.id.as_str())).or_insert((element, bar));
            place.1 = place.1.max(bar);
        }
    }
    for subject in subjects {
        let meant = |element: &Option<&'static Element>| {
            element.is_none_or(|own| subject.elements.iter().any(|other| same(own, other)))
        };
        let bars = thickest.values().filter(|(element, _)| meant(element)).map(|(_, bar)| *bar);
        subject.bar_mm = bars.reduce(f64::max);
    }
}

/// Ground water reaches the parts that name XA, else those in the ground, else what nobody placed.
fn reach(project: &Project, subjects: &mut [Subject]) {
    let any_stated = subjects.iter().any(|subject| subject.stated_xa() > 0);
    let any_placed = subjects.iter().any(|subject| !subject.elements.is_empty());
    let attack = Attack::of(&project.spec.measured);
    for subject in subjects {
        subject.is_reached = match (any_stated, any_placed) {
            (true, _) => subject.stated_xa() > 0,
            (false, true) => subject.is_in_ground(),
            (false, false) => true,
        };
        if subject.is_reached && attack.class() > subject.stated_xa() {
            subject.inferred_xa = Some(attack.class());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_with_its_own_classes_stands_for_itself() {
        let input = json!({"positions": [
            {"item_name": "Beton stěn C30/37 XC4", "quantity": 1, "unit": "m3"},
            {"item_name": "Beton stěn C30/37 XC4, 2. etapa", "quantity": 1, "unit": "m3"},
            {"item_name": "Beton desky", "quantity": 1, "unit": "m3"},
            {"item_name": "Podkladní beton C12/15", "quantity": 1, "unit": "m3"},
        ], "specifications": {"concrete_class": "C25/30", "exposure_classes": ["XC1"]}});
        let project = Project::read("", "cs", &input);
        let subjects = subjects(&project);
        let seen: Vec<_> = subjects.iter().map(|one| (one.rows.clone(), one.exposures_text())).collect();
        assert_eq!(seen, [(vec![0, 1], "XC4".to_owned()), (vec![2], "XC1".to_owned())]);
    }

    #[test]
    fn ground_water_reaches_what_is_in_the_ground() {
        let input = json!({"positions": [
            {"item_name": "Beton základové desky C25/30", "quantity": 1, "unit": "m3"},
            {"item_name": "Beton stropu C25/30", "quantity": 1, "unit": "m3"},
        ], "specifications": {"exposure_classes": ["XC1"], "groundwater": {"ph": 5.0}}});
        let subjects = subjects(&Project::read("", "cs", &input));
        assert_eq!(subjects.iter().map(|one| one.inferred_xa).collect::<Vec<_>>(), [Some(2), None]);
    }
}
