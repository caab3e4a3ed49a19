//! Bill of quantities: rows read into positions.
//!
//! A row that exists is a position; what could not be read in it is kept as
//! a fault of that cell, never an error of the bill. What a row is about and
//! whether it is right is left to `audit`.
//!
//! [`Bill::read`] makes rows of files and of what was pasted: `source` finds
//! the table, `layout` its columns, `class` tells items from headings and
//! sums, `amounts` settles the decimal mark. [`read`] makes positions of rows.

pub mod amounts;
pub mod bill;
#[cfg(test)]
mod bills_test;
pub mod class;
pub mod decimal;
pub mod decode;
pub mod delimited;
pub mod fault;
pub mod grid;
pub mod hints;
mod html;
mod infer;
pub mod kind;
pub mod layout;
pub mod number;
mod oddities;
pub mod source;
pub mod unit;
pub mod warning;
pub mod words;
pub mod xlsx;

pub use bill::Bill;
pub use class::Class;
pub use fault::Unread;
pub use hints::Hints;
pub use source::Source;

use serde_json::Map;
use serde_json::Value;

use crate::sheet::number::Column;
use crate::sheet::number::Reading;
use crate::sheet::unit::Unit;

/// One row of a bill.
#[derive(Clone, Debug)]
pub struct Position {
    /// Place in the bill, from 0.
    pub index: usize,
    /// The row's own number, as it was given.
    pub no: Option<Value>,
    /// The item's name or description.
    pub name: String,
    /// How much.
    pub quantity: Reading,
    /// The unit as written and as understood.
    pub unit: Unit,
    /// Code of a price list.
    pub code: Option<String>,
    /// The part of the works it belongs to, given or from the heading above.
    pub object: Option<String>,
    /// The building element, as written.
    pub element: Option<String>,
    /// Price of one unit.
    pub unit_price: Reading,
    /// Price of the row.
    pub total_price: Reading,
    /// Dimensions of one piece.
    pub dimensions: Dimensions,
    /// Area of the cross section in m2.
    pub cross_section_m2: Option<f64>,
    /// How many pieces have these dimensions; 1 unless said.
    pub count: f64,
    /// Concrete class, as written in its own column.
    pub concrete_class: Option<String>,
    /// Exposure classes, as written in their own column.
    pub exposure_classes: Vec<String>,
    /// What kind of row it is, where whoever read the bill said so.
    pub class: Option<Class>,
}

/// Dimensions in metres, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dimensions {
    /// Length.
    pub length: Option<f64>,
    /// Width, in a wall its thickness.
    pub width: Option<f64>,
    /// Height, in a slab its thickness.
    pub height: Option<f64>,
    /// Diameter of a round piece.
    pub diameter: Option<f64>,
}

impl Dimensions {
    /// Reads `{length, width, height}`, also `thickness`, `depth` and `diameter`.
    pub fn read(value: Option<&Value>) -> Dimensions {
        let Some(Value::Object(map)) = value else { return Dimensions::default() };
        let first = |names: &[&str]| {
            names.iter().find_map(|name| number_of(map.get(*name))).filter(|metres| *metres > 0.0)
        };
        let width = first(&["width"]);
        let height = first(&["height", "depth"]);
        let thickness = first(&["thickness"]);
        Dimensions {
            length: first(&["length"]),
            // A thickness stands for the one of the two that is missing.
            width: width.or(if height.is_some() { thickness } else { None }),
            height: height.or(thickness),
            diameter: first(&["diameter"]),
        }
    }

    /// All three, when all are known.
    pub fn all(&self) -> Option<(f64, f64, f64)> {
        Some((self.length?, self.width?, self.height?))
    }

    /// Volume of one piece.
    pub fn volume(&self) -> Option<f64> {
        if let (Some(diameter), Some(length)) = (self.diameter, self.length.or(self.height)) {
            return Some(std::f64::consts::PI * diameter * diameter / 4.0 * length);
        }
        self.all().map(|(length, width, height)| length * width * height)
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Dimensions::default()
    }
}

/// Reads the rows of a bill; numbers that one cell leaves open are settled by their column.
pub fn read(rows: &[Value]) -> Vec<Position> {
    let column = |name: &str| Column::of(rows.iter().filter_map(|row| row.get(name)));
    let (quantities, prices, totals) = (column("quantity"), column("unit_price"), column("total_price"));
    let mut positions: Vec<Position> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| position(index, row, &quantities, &prices, &totals))
        .collect();
    for position in &mut positions {
        settle_by_product(position);
    }
    give_headings(&mut positions);
    positions
}

fn position(index: usize, row: &Value, quantities: &Column, prices: &Column, totals: &Column) -> Position {
    let empty = Map::new();
    let map = row.as_object().unwrap_or(&empty);
    let name = text_of(map.get("item_name")).or_else(|| text_of(map.get("description"))).unwrap_or_default();
    let unit = Unit::read(&text_of(map.get("unit")).unwrap_or_default());
    let (quantity, unit) = measured(quantities, map.get("quantity"), unit);
    Position {
        index,
        no: map.get("no").filter(|no| no.is_string() || no.is_number()).cloned(),
        name,
        quantity,
        unit,
        code: text_of(map.get("code")),
        object: text_of(map.get("object")),
        element: text_of(map.get("element")),
        unit_price: prices.read(map.get("unit_price")),
        total_price: totals.read(map.get("total_price")),
        dimensions: Dimensions::read(map.get("dimensions_m").or_else(|| map.get("dimensions"))),
        cross_section_m2: number_of(map.get("cross_section_m2")).filter(|area| *area > 0.0),
        count: number_of(map.get("count")).filter(|count| *count > 0.0).unwrap_or(1.0),
        concrete_class: text_of(map.get("concrete_class")),
        exposure_classes: texts_of(map.get("exposure_classes")),
        class: map.get("class").and_then(Value::as_str).and_then(Class::named),
    }
}

/// A quantity and its unit, which may stand in one cell: "12,5 m3" beside nothing or beside the same unit.
fn measured(column: &Column, cell: Option<&Value>, unit: Unit) -> (Reading, Unit) {
    let reading = column.read(cell);
    let Reading::Unreadable(text) = &reading else { return (reading, unit) };
    match Unit::behind(text, &unit) {
        Some((number, own)) => {
            (column.read(Some(&Value::from(number))), if unit.raw.is_empty() { own } else { unit })
        }
        None => (reading, unit),
    }
}

impl Position {
    /// How the row is named in a finding: its own number, else its index.
    pub fn label(&self) -> Value {
        self.no.clone().unwrap_or_else(|| Value::from(self.index))
    }

    /// Whether the row only heads those that follow.
    pub fn is_heading(&self) -> bool {
        self.quantity == Reading::Missing
            && self.unit.raw.is_empty()
            && self.code.is_none()
            && self.unit_price == Reading::Missing
            && self.total_price == Reading::Missing
    }
}

/// An ambiguous quantity is the one that quantity x price = total makes right.
fn settle_by_product(position: &mut Position) {
    let Reading::Ambiguous { decimal, grouped } = position.quantity else { return };
    let (Some(price), Some(total)) = (position.unit_price.value(), position.total_price.value()) else {
        return;
    };
    let fits =
        |quantity: f64| (quantity * price - total).abs() <= (0.005 * quantity).max(0.005 * price).max(1.0);
    if fits(decimal) != fits(grouped) {
        position.quantity = Reading::exact(if fits(decimal) { decimal } else { grouped });
    }
}

/// Rows below a heading belong to it, unless they name their object themselves.
fn give_headings(positions: &mut [Position]) {
    // A list of names alone has no headings: there everything lacks its quantity.
    if positions.iter().all(Position::is_heading) {
        return;
    }
    let mut heading: Option<String> = None;
    for position in positions {
        if position.is_heading() {
            heading = Some(position.name.clone());
        }
        if position.object.is_none() {
            position.object.clone_from(&heading);
        }
    }
}

/// A text or a number as trimmed text; nothing for an empty one.
pub fn text_of(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A list of texts; one text counts as a list, split at commas, semicolons and plus signs.
pub fn texts_of(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(|item| text_of(Some(item))).collect(),
        Some(Value::String(text)) => text
            .split([',', ';', '+'])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// A number given as number or as text that can be read for sure; an ambiguous one counts as decimal.
pub fn number_of(value: Option<&Value>) -> Option<f64> {
    match number::read_value(value) {
        Reading::Ambiguous { decimal, .. } => Some(decimal),
        reading => reading.value(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_heading_gives_its_rows_their_object() {
        let rows = [
            json!({"item_name": "SO 201"}),
            json!({"item_name": "Beton", "quantity": 1, "unit": "m3"}),
            json!({"item_name": "Beton", "quantity": 1, "unit": "m3", "object": "SO 9"}),
        ];
        let objects: Vec<_> = read(&rows).into_iter().map(|row| row.object).collect();
        assert_eq!(objects, [Some("SO 201".into()), Some("SO 201".into()), Some("SO 9".into())]);
    }

    #[test]
    fn quantity_times_price_settles_three_digits() {
        let row = |quantity: &str, total: f64| {
            let rows = [
                json!({"item_name": "a", "quantity": quantity, "unit": "m", "unit_price": 10, "total_price": total}),
                json!({"item_name": "b", "quantity": "5", "unit": "m"}),
            ];
            read(&rows)[0].quantity.value()
        };
        assert_eq!(row("1,234", 12.34), Some(1.234));
        assert_eq!(row("1,234", 12340.0), Some(1234.0));
        assert_eq!(row("1,234", 99.0), None);
    }

    #[test]
    fn a_quantity_may_hold_its_unit() {
        let row = |quantity: &str, unit: &str| {
            let row = read(&[json!({"item_name": "a", "quantity": quantity, "unit": unit})]).remove(0);
            (row.quantity.value(), row.unit.kind.map(unit::Kind::as_str))
        };
        for (quantity, unit, found) in [
            ("12,5 m3", "", (Some(12.5), Some("m3"))),
            ("12,5 m3", "m³", (Some(12.5), Some("m3"))),
            ("1 234,5m²", "", (Some(1234.5), Some("m2"))),
            ("12,5 m2", "m3", (None, Some("m3"))),
            ("12 34 m3", "m3", (None, Some("m3"))),
            ("dle PD", "m3", (None, Some("m3"))),
        ] {
            assert_eq!(row(quantity, unit), found, "{quantity} {unit}");
        }
        let prices = json!({"item_name": "a", "quantity": 5, "unit": "m", "unit_price": "250,00 Kč", "total_price": "€ 1 250,00"});
        let row = read(&[prices]).remove(0);
        assert_eq!((row.unit_price.value(), row.total_price.value()), (Some(250.0), Some(1250.0)));
    }

    #[test]
    fn odd_values_are_no_panic() {
        let rows =
            [json!(3), json!({}), json!({"item_name": [], "quantity": {}, "dimensions_m": 4, "count": -1})];
        assert_eq!(read(&rows).len(), 3);
    }
}
