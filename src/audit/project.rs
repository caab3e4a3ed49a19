//! The ask as the checks see it: rows understood, specifications filled.

use serde_json::Map;
use serde_json::Value;

use crate::audit::elements;
use crate::audit::elements::Element;
use crate::audit::elements::Work;
use crate::audit::elements::fold;
use crate::audit::row::Row;
use crate::audit::row::RowKind;
use crate::audit::ruleset::Ruleset;
use crate::audit::ruleset::shared;
use crate::audit::specification::Specification;
use crate::sheet;
use crate::sheet::Position;
use crate::sheet::number_of;
use crate::sheet::text_of;

/// A project, read once; whatever is odd in it becomes a finding, never an error.
#[derive(Debug)]
pub struct Project {
    /// The description.
    pub question: String,
    /// Language of the answers, `en` or `cs`.
    pub language: String,
    /// The bill.
    pub positions: Vec<Position>,
    /// What each of its rows is about.
    pub rows: Vec<Row>,
    /// The specifications as given, unknown keys included.
    pub specifications: Map<String, Value>,
    /// The totals as given.
    pub totals: Map<String, Value>,
    /// The specifications as understood.
    pub spec: Specification,
    /// The table to check against.
    pub ruleset: &'static Ruleset,
    /// The description's words, folded.
    pub words: Vec<String>,
}

/// Currency and rates of the project.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// Currency.
    pub currency: String,
    /// Indirect costs in per cent.
    pub indirect_percent: f64,
    /// Profit in per cent.
    pub profit_percent: f64,
    /// Value added tax in per cent.
    pub vat_percent: f64,
}

/// The bill of an input.
pub fn positions(cells: Option<&Value>) -> Vec<Position> {
    sheet::read(cells.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default())
}

impl Project {
    /// Reads what was asked. The input has passed the panel's schema; nothing here relies on it.
    pub fn read(question: &str, language: &str, input: &Value) -> Project {
        let object = |key: &str| input.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut question = question.trim().to_owned();
        let description = text_of(input.get("project_description"));
        if let Some(description) = description.filter(|description| *description != question) {
            question = if question.is_empty() { description } else { format!("{question}\n{description}") };
        }
        let specifications = object("specifications");
        let positions = positions(input.get("positions"));
        let headings = positions.iter().any(|position| !position.is_heading());
        let rows = positions.iter().map(|position| Row::read(position, headings)).collect();
        let name = text_of(specifications.get("ruleset")).or_else(|| text_of(input.get("ruleset")));
        let mut project = Project {
            language: language.to_owned(),
            spec: Specification::read(&specifications, &question),
            ruleset: Ruleset::named(name.as_deref()),
            words: fold(&question),
            totals: object("totals"),
            question,
            positions,
            rows,
            specifications,
        };
        project.give_elements();
        project
    }

    /// Rows that name no element belong to the project's only one.
    fn give_elements(&mut self) {
        let Some(element) = self.element() else { return };
        let open =
            |row: &&mut Row| row.elements.is_empty() && row.other_element.is_none() && row.work.is_some();
        for row in self.rows.iter_mut().filter(open) {
            row.elements.push(element);
        }
    }

    /// The one element the project is about: specified, or the only one of the bill, or of the text.
    pub fn element(&self) -> Option<&'static Element> {
        let mut of_rows: Vec<&'static Element> = self
            .items()
            .flat_map(|(_, row)| &row.elements)
            .copied()
            .filter(|element| !element.plain)
            .collect();
        of_rows.sort_by_key(|element| element.id.as_str());
        of_rows.dedup_by_key(|element| element.id.as_str());
        let of_text = self.spec.text_element;
        let only = match of_rows[..] {
            [only] if of_text.is_none_or(|element| element.id == only.id) => Some(only),
            [] => of_text,
            _ => None,
        };
        self.spec.element.or(only)
    }

    /// The rows that are items, with their indices.
    pub fn items(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().enumerate().filter(|(_, row)| row.kind == RowKind::Item)
    }

    /// Indices of the items of a work.
    pub fn of(&self, work: Work) -> Vec<usize> {
        self.items().filter(|(_, row)| row.is(work)).map(|(index, _)| index).collect()
    }

    /// Whether the text speaks of something of the list `[surroundings]`.
    pub fn speaks_of(&self, list: &str) -> bool {
        elements::speaks_of(&self.words, list)
    }

    /// Whether there is concrete at all.
    pub fn has_concrete(&self) -> bool {
        self.spec.has_concrete() || !self.of(Work::Concrete).is_empty()
    }

    /// Whether the works change something that stands.
    pub fn is_existing(&self) -> bool {
        match text_of(self.specifications.get("construction")).map(|text| text.to_lowercase()) {
            Some(text) => text == "existing",
            None => self.speaks_of("existing") && !self.speaks_of("new"),
        }
    }

    /// Currency and rates, given or usual.
    pub fn rates(&self) -> Rates {
        let usual = &shared().money;
        let given = |key: &str| number_of(self.specifications.get(key));
        let vat = number_of(self.totals.get("vat_percent")).or_else(|| given("vat_percent"));
        Rates {
            currency: text_of(self.specifications.get("currency")).unwrap_or_else(|| usual.currency.clone()),
            indirect_percent: given("indirect_percent").unwrap_or(usual.indirect_percent),
            profit_percent: given("profit_percent").unwrap_or(usual.profit_percent),
            vat_percent: vat.unwrap_or(usual.vat_percent),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_without_an_element_belong_to_the_only_one() {
        let input = json!({"positions": [
            {"item_name": "Beton C30/37", "quantity": 1, "unit": "m3"},
            {"item_name": "Podkladní beton C12/15", "quantity": 1, "unit": "m3"},
            {"item_name": "Potrubí", "quantity": 1, "unit": "m"},
        ], "specifications": {"element": "základový pas"}});
        let project = Project::read("", "cs", &input);
        let ids = |row: &Row| row.elements.iter().map(|element| element.id.as_str()).collect::<Vec<_>>();
        assert_eq!(
            project.rows.iter().map(ids).collect::<Vec<_>>(),
            [vec!["strip"], vec!["blinding"], vec![]]
        );
    }

    #[test]
    fn odd_input_is_no_panic() {
        for input in [json!(null), json!([]), json!({"positions": 3, "specifications": [], "totals": "x"})] {
            assert!(Project::read("", "en", &input).positions.is_empty());
        }
    }

    const SCHEMA: &str = include_str!("../../panels/audit/schema/input.json");

    #[test]
    fn the_schema_of_the_input_names_the_place() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (name, input) in crate::audit::examples_test::examples() {
            assert!(validator.is_valid(&input), "{name}");
        }
        let place = |input: Value| {
            let places: Vec<String> =
                validator.iter_errors(&input).map(|error| error.instance_path().to_string()).collect();
            places
        };
        for (input, expected) in [
            (json!({"positions": {}}), "/positions"),
            (json!({"positions": [3]}), "/positions/0"),
            (json!({"positions": [{"item_name": "a"}, {"quantity": 1}]}), "/positions/1"),
            (json!({"positions": [{"item_name": "a", "quantity": {}}]}), "/positions/0/quantity"),
            (json!({"positions": [{"item_name": "a", "quantity": true}]}), "/positions/0/quantity"),
            (json!({"specifications": {"ruleset": "us"}}), "/specifications/ruleset"),
        ] {
            assert_eq!(place(input.clone()), [expected], "{input}");
        }
        for input in [
            json!({"positions": [{"description": "a", "quantity": "1 234,5", "unit": "m3", "odd": {"x": 1}}]}),
            json!({"specifications": {"cover_mm": {"wall": 40}, "odd": [1], "loads": {"wind": {"a": 1}}}}),
        ] {
            assert!(validator.is_valid(&input), "{input}");
        }
    }
}
