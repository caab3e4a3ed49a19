//! What a row of the bill is about: work, element, sizes, classes.

use crate::audit::elements;
use crate::audit::elements::Element;
use crate::audit::elements::Work;
use crate::audit::elements::fold;
use crate::audit::elements::head_and_tail;
use crate::audit::elements::mentions;
use crate::audit::scan::scan;
use crate::audit::specification::exposures_of;
use crate::audit::specification::measured;
use crate::audit::specification::read_strength;
use crate::audit::strength;
use crate::audit::strength::Named;
use crate::audit::text;
use crate::sheet::Class;
use crate::sheet::Dimensions;
use crate::sheet::Position;
use crate::sheet::unit::Kind;

/// A position, understood.
#[derive(Debug)]
pub struct Row {
    /// Heading, total or item.
    pub kind: RowKind,
    /// What is done.
    pub work: Option<Work>,
    /// The elements it belongs to; several for `a+b`.
    pub elements: Vec<&'static Element>,
    /// An element that no list knows, folded.
    pub other_element: Option<String>,
    /// The text before a dash, folded.
    pub part: Option<String>,
    /// Whether formwork is taken away.
    pub is_removal: bool,
    /// Whether steel is mesh.
    pub is_mesh: bool,
    /// Whether concrete is said to be plain.
    pub is_plain: bool,
    /// Whether steel or formwork is said to be included, or the code says so.
    pub includes_others: bool,
    /// Whether the name speaks of a deduction.
    pub is_deduction: bool,
    /// Sizes of a piece, given or from the name.
    pub dimensions: Dimensions,
    /// Pieces.
    pub count: f64,
    /// Strength classes named.
    pub strengths: Vec<Named>,
    /// Exposure classes named.
    pub exposures: Vec<String>,
    /// The thickest bar named.
    pub bar_mm: Option<f64>,
}

/// What kind of line a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// Heads those below.
    Heading,
    /// Sums up those above, or states the tax.
    Total,
    /// Something to be done.
    Item,
}

impl Row {
    /// Reads a position; `headings` says whether the bill has headings at all.
    pub fn read(position: &Position, headings: bool) -> Row {
        let words = fold(&position.name);
        let (head, tail) = head_and_tail(&words);
        let tokens = scan(&position.name);
        let work = elements::work_of(head, |work| unit_fits(work, position.unit.kind, head))
            .or_else(|| cast(position, head, &tokens));
        let named = position.element.as_deref().map(fold);
        let elements = match &named {
            Some(named) => elements::elements_in(named),
            None => elements::elements_in(head),
        };
        let other_element = named.filter(|_| elements.is_empty()).map(|named| named.join(" "));
        let (dimensions, count) = sizes(position, &tokens, elements.first().copied());
        Row {
            kind: kind(position, &words, headings),
            work,
            other_element,
            part: part(&position.name),
            is_removal: mentions(head, "removal"),
            is_mesh: mentions(head, "mesh"),
            is_plain: mentions(head, "plain"),
            includes_others: mentions(tail, "included")
                || position.code.as_deref().is_some_and(is_inclusive_code),
            is_deduction: mentions(&words, "deduction"),
            dimensions,
            count,
            strengths: strengths(position, work, &tokens),
            exposures: match exposures_of(&position.exposure_classes) {
                given if !given.is_empty() => given,
                _ => text::exposures(&tokens),
            },
            bar_mm: text::bar_mm(&tokens),
            elements,
        }
    }

    /// Whether the row is an item of this work.
    pub fn is(&self, work: Work) -> bool {
        self.kind == RowKind::Item && self.work == Some(work)
    }

    /// The first strength class of the list that the row names.
    pub fn strength(&self) -> Option<&strength::Strength> {
        self.strengths.iter().find_map(Named::known)
    }

    /// Whether all its elements are plain, or it says so.
    pub fn is_unreinforced(&self) -> bool {
        self.is_plain || (!self.elements.is_empty() && self.elements.iter().all(|element| element.plain))
    }
}

/// What has a strength class and is measured in cubic metres is cast, whatever it is called.
fn cast(position: &Position, head: &[String], tokens: &[crate::audit::scan::Token]) -> Option<Work> {
    let graded = position.concrete_class.is_some()
        || strength::named_in(tokens).iter().any(|named| named.known().is_some());
    let is_cast = graded
        && position.unit.kind == Some(Kind::M3)
        && !["not_cast", "done_to"].iter().any(|list| mentions(head, list));
    is_cast.then_some(Work::Concrete)
}

fn kind(position: &Position, words: &[String], headings: bool) -> RowKind {
    // Whoever read the bill saw more than this row.
    match position.class {
        Some(Class::Heading | Class::Note | Class::Empty) => return RowKind::Heading,
        Some(Class::Subtotal | Class::Total) => return RowKind::Total,
        Some(Class::Item) | None => {}
    }
    let no_measure = position.unit.raw.is_empty() || position.unit.kind == Some(Kind::Percent);
    if headings && position.is_heading() {
        RowKind::Heading
    } else if no_measure && mentions(words.get(..3.min(words.len())).unwrap_or_default(), "total") {
        RowKind::Total
    } else {
        RowKind::Item
    }
}

fn sizes(
    position: &Position,
    tokens: &[crate::audit::scan::Token],
    element: Option<&'static Element>,
) -> (Dimensions, f64) {
    if !position.dimensions.is_empty() {
        return (position.dimensions, position.count);
    }
    let shape = element.and_then(|element| element.shape);
    match text::sizes(tokens) {
        Some(sizes) => (measured(&sizes, shape), position.count * sizes.count.unwrap_or(1.0)),
        None => (Dimensions::default(), position.count),
    }
}

fn strengths(position: &Position, work: Option<Work>, tokens: &[crate::audit::scan::Token]) -> Vec<Named> {
    let mut found: Vec<Named> = position.concrete_class.iter().map(|name| read_strength(name)).collect();
    if work == Some(Work::Concrete) {
        let mut named = strength::named_in(tokens);
        if named.is_empty() && found.is_empty() {
            named.extend(strength::legacy_in(tokens));
        }
        named.retain(|one| !found.contains(one));
        found.extend(named);
    }
    found
}

/// The text before a dash that stands between spaces.
fn part(name: &str) -> Option<String> {
    let at = [" - ", " – ", " — "].iter().filter_map(|dash| name.find(dash)).min()?;
    let words = fold(&name[..at]);
    (!words.is_empty()).then(|| words.join(" "))
}

/// Codes as of OTSKP, whose concrete items hold formwork and often steel.
fn is_inclusive_code(code: &str) -> bool {
    let bare = code.trim();
    (5..=6).contains(&bare.len())
        && bare.chars().all(|c| c.is_ascii_alphanumeric())
        && bare.chars().filter(char::is_ascii_digit).count() >= 4
}

/// Whether a unit belongs to a work; lean layers and mesh may be counted in m2.
pub fn unit_fits(work: Work, unit: Option<Kind>, head: &[String]) -> bool {
    let Some(unit) = unit else { return true };
    match work {
        Work::Concrete => {
            unit == Kind::M3
                || (unit == Kind::M2 && elements::elements_in(head).iter().any(|element| element.plain))
        }
        Work::Steel => matches!(unit, Kind::T | Kind::Kg) || (unit == Kind::M2 && mentions(head, "mesh")),
        Work::Formwork => matches!(unit, Kind::M2 | Kind::Are),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: serde_json::Value) -> Row {
        let positions = crate::sheet::read(&[value]);
        Row::read(&positions[0], true)
    }

    #[test]
    fn a_tail_does_not_classify() {
        let row = row(
            json!({"item_name": "Základy z betonu C30/37 XC2 vč. výztuže a bednění", "quantity": 1, "unit": "m3"}),
        );
        assert_eq!((row.work, row.includes_others), (Some(Work::Concrete), true));
        assert_eq!(row.exposures, ["XC2"]);
        assert_eq!(row.strength().map(|class| class.name.as_str()), Some("C30/37"));
    }

    #[test]
    fn kinds_of_lines_are_told_apart() {
        assert_eq!(row(json!({"item_name": "Celkem", "total_price": 5})).kind, RowKind::Total);
        let said = json!({"item_name": "SO 201 Most přes potok vše dohromady", "total_price": 5, "class": "subtotal"});
        assert_eq!(row(said).kind, RowKind::Total);
        assert_eq!(row(json!({"item_name": "DPH 21 %", "total_price": 5})).kind, RowKind::Total);
        assert_eq!(row(json!({"item_name": "Základy"})).kind, RowKind::Heading);
        assert_eq!(row(json!({"item_name": "Beton", "quantity": 1, "unit": "m3"})).kind, RowKind::Item);
    }

    #[test]
    fn codes_of_otskp_include_others() {
        for (code, inclusive) in [("272325", true), ("3272A7", true), ("271321111", false), ("ABCDE", false)]
        {
            assert_eq!(is_inclusive_code(code), inclusive, "{code}");
        }
    }
}
