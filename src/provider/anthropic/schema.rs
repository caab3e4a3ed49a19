//! A query's schema in the subset of JSON Schema that structured outputs take.
//!
//! Every object must be closed, and the schema as a whole may be only so
//! complex. Keywords that the subset does not know only narrow what fits, so
//! they are left out: the answer is held against the whole schema anyway.

use serde_json::Map;
use serde_json::Value;

/// Optional properties that the API compiles, over the whole schema.
const MAX_OPTIONAL: usize = 24;
/// Properties of several types that it compiles.
const MAX_UNIONS: usize = 16;

/// The schema as the API takes it; none if it cannot be said so.
pub(super) fn closed(schema: &Value) -> Option<Value> {
    let mut closing = Closing::default();
    let closed = closing.schema(schema)?;
    (closing.optional <= MAX_OPTIONAL && closing.unions <= MAX_UNIONS).then_some(closed)
}

#[derive(Default)]
struct Closing {
    optional: usize,
    unions: usize,
}

impl Closing {
    fn schema(&mut self, schema: &Value) -> Option<Value> {
        let schema = schema.as_object()?;
        let mut out = Map::new();
        for (key, value) in schema {
            let value = match key.as_str() {
                "type" | "enum" | "const" | "required" | "description" | "title" | "$ref" => value.clone(),
                "items" => self.schema(value)?,
                "anyOf" | "allOf" => self.list(value)?,
                "properties" | "$defs" | "definitions" => self.map(value)?,
                _ => continue,
            };
            out.insert(key.clone(), value);
        }
        let is_union = out.contains_key("anyOf") || out.get("type").is_some_and(Value::is_array);
        self.unions += usize::from(is_union);
        let is_object = match out.get("type") {
            Some(Value::String(kind)) => kind == "object",
            Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
            _ => out.contains_key("properties"),
        };
        if is_object {
            self.close(schema, &mut out)?;
        }
        Some(Value::Object(out))
    }

    /// Closes an object; a map of free keys would have to stay empty, so it cannot be said.
    fn close(&mut self, schema: &Map<String, Value>, out: &mut Map<String, Value>) -> Option<()> {
        let properties = out.get("properties")?.as_object().filter(|properties| !properties.is_empty())?;
        if schema.get("additionalProperties").is_some_and(Value::is_object) {
            return None;
        }
        let required = out.get("required").and_then(Value::as_array);
        let is_required = |name: &String| required.is_some_and(|names| names.iter().any(|one| one == name));
        self.optional += properties.keys().filter(|name| !is_required(name)).count();
        out.insert("additionalProperties".into(), Value::Bool(false));
        Some(())
    }

    fn list(&mut self, schemas: &Value) -> Option<Value> {
        schemas.as_array()?.iter().map(|schema| self.schema(schema)).collect()
    }

    fn map(&mut self, schemas: &Value) -> Option<Value> {
        let named = |(name, schema): (&String, &Value)| Some((name.clone(), self.schema(schema)?));
        schemas.as_object()?.iter().map(named).collect::<Option<Map<_, _>>>().map(Value::Object)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_closed_and_unknown_keywords_go() {
        let open = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["a"],
            "properties": {
                "a": {"type": "array", "minItems": 2, "items": {"properties": {"n": {"type": "number", "maximum": 1}}}},
                "b": {"anyOf": [{"enum": ["x"]}, {"type": "null"}]},
            },
        });
        let shut = json!({
            "type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {
                "a": {"type": "array", "items":
                    {"properties": {"n": {"type": "number"}}, "additionalProperties": false}},
                "b": {"anyOf": [{"enum": ["x"]}, {"type": "null"}]},
            },
        });
        assert_eq!(closed(&open), Some(shut));
    }

    #[test]
    fn what_cannot_be_said_is_not() {
        let many = |count: usize, schema: Value| {
            let named = (0..count).map(|n| (format!("p{n}"), schema.clone()));
            json!({"type": "object", "properties": named.collect::<Map<_, _>>()})
        };
        assert!(closed(&many(24, json!({"type": "string"}))).is_some());
        let cases = [
            json!({"type": "object"}),
            json!({"type": ["object", "null"]}),
            json!({"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string"}}),
            json!({"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}),
            many(25, json!({"type": "string"})),
            many(17, json!({"type": ["string", "null"]})),
            json!(true),
        ];
        for schema in cases {
            assert_eq!(closed(&schema), None, "{schema}");
        }
    }
}
