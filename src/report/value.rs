//! JSON as cells and tables.

use serde_json::Map;
use serde_json::Value;

use super::Cell;
use super::Column;
use super::Place;
use super::Table;

/// One line without control characters: model text must not move a terminal's cursor.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A value on one line.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{}: {}", words(key), text(value)));
            pairs.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// A value as a cell.
pub fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Empty,
        Value::Bool(true) => Cell::Text("yes".into()),
        Value::Bool(false) => Cell::Text("no".into()),
        Value::Number(number) => number.as_f64().map_or(Cell::Empty, Cell::Number),
        Value::Array(items) if items.is_empty() => Cell::Empty,
        other => Cell::Text(text(other)),
    }
}

/// A key as words.
pub fn words(key: &str) -> String {
    plain(key).replace('_', " ")
}

/// The items of a list that has some.
pub fn filled(value: &Value) -> Option<&[Value]> {
    value.as_array().map(Vec::as_slice).filter(|items| !items.is_empty())
}

/// Columns by key, heading and place.
pub type Columns = &'static [(&'static str, &'static str, Place)];

/// A table of objects: the columns that are known, then one for each key that is not.
pub fn table(items: &[&Value], known: Columns) -> Table {
    let mut keys: Vec<&str> = known.iter().map(|(key, ..)| *key).collect();
    let mut columns: Vec<Column> = known.iter().map(|(_, title, place)| column(title, *place)).collect();
    for item in items.iter().filter_map(|item| item.as_object()) {
        for key in item.keys() {
            if !keys.contains(&key.as_str()) {
                keys.push(key);
                columns.push(column(&words(key), Place::Below));
            }
        }
    }
    let row = |item: &&Value| match item {
        Value::Object(map) => keys.iter().map(|key| map.get(*key).map_or(Cell::Empty, cell)).collect(),
        // What is no object stands whole in the first column.
        other => (0..keys.len()).map(|at| if at == 0 { cell(other) } else { Cell::Empty }).collect(),
    };
    let rows = items.iter().map(row).collect();
    if columns.is_empty() {
        return list(items);
    }
    Table { columns, rows }
}

/// A column.
pub fn column(title: &str, place: Place) -> Column {
    Column { title: title.to_owned(), place }
}

/// A table of one column.
fn list(items: &[&Value]) -> Table {
    Table {
        columns: vec![column("", Place::Head)],
        rows: items.iter().map(|item| vec![cell(item)]).collect(),
    }
}

/// Any value as a table: a list of objects by their keys, an object by its paths.
pub fn tree(value: &Value) -> Option<Table> {
    match value {
        Value::Object(map) if map.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) if items.iter().all(Value::is_object) => {
            let mut table = table(&items.iter().collect::<Vec<_>>(), &[]);
            table.columns.iter_mut().take(1).for_each(|first| first.place = Place::Head);
            Some(table)
        }
        Value::Array(items) => Some(list(&items.iter().collect::<Vec<_>>())),
        Value::Object(map) => {
            let mut rows = Vec::new();
            walk(map, "", &mut rows);
            Some(Table { columns: vec![column("Field", Place::Head), column("Value", Place::Head)], rows })
        }
        other => Some(list(&[other])),
    }
}

fn walk(map: &Map<String, Value>, above: &str, rows: &mut Vec<Vec<Cell>>) {
    for (key, value) in map {
        let path = if above.is_empty() { words(key) } else { format!("{above}, {}", words(key)) };
        match value {
            Value::Object(inner) if !inner.is_empty() => walk(inner, &path, rows),
            Value::Null => rows.push(vec![Cell::Text(path), Cell::Text("-".into())]),
            other => rows.push(vec![Cell::Text(path), cell(other)]),
        }
    }
}
