//! JSON from strangers: refuses what serde_json would quietly repair.
//!
//! Duplicate keys anywhere, and texts, lists, nesting and numbers of values
//! beyond a limit are refused; the rest becomes a `serde_json::Value` in the
//! order of the text. A list that is too long is not read to its end, so that
//! refusing it costs little.

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;

use super::AskFault;

/// Deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 64;
/// Longest list.
pub const MAX_ITEMS: usize = 20_000;
/// Most values in all: 25 for each item of the longest list.
pub const MAX_VALUES: usize = 500_000;
/// Longest text in bytes.
pub const MAX_TEXT: usize = 256 * 1024;

/// Why a text is not a JSON value we accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadJson {
    /// Not JSON at all: the sentence has line and column.
    Syntax(String),
    /// JSON, but these places are refused.
    Faults(Vec<AskFault>),
}

/// Reads one JSON value and nothing after it.
///
/// # Errors
/// [`BadJson`] as its variants say.
pub fn parse(bytes: &[u8]) -> Result<Value, BadJson> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        BadJson::Syntax(format!("the body is not valid UTF-8 (byte {})", error.valid_up_to() + 1))
    })?;
    let context = Context::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Seed { context: &context, depth: 0 }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match (value, context.faults.into_inner()) {
        (Ok(value), faults) if faults.is_empty() => Ok(value),
        (Err(error), _) if !context.stopped.get() => Err(BadJson::Syntax(error.to_string())),
        (_, faults) => Err(BadJson::Faults(faults)),
    }
}

#[derive(Default)]
struct Context {
    path: RefCell<Vec<String>>,
    faults: RefCell<Vec<AskFault>>,
    values: Cell<usize>,
    /// Whether reading was given up at the last fault.
    stopped: Cell<bool>,
}

/// Most faults that one request is told.
pub const MAX_FAULTS: usize = 20;

impl Context {
    fn inside<T>(&self, step: String, read: impl FnOnce() -> T) -> T {
        self.path.borrow_mut().push(step);
        let result = read();
        self.path.borrow_mut().pop();
        result
    }

    /// Something is wrong at this place, or at `key` in it.
    fn fault(&self, key: Option<&str>, detail: String) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MAX_FAULTS {
            let mut pointer: String = self.path.borrow().iter().map(|step| format!("/{step}")).collect();
            pointer.extend(key.map(|key| format!("/{}", escape(key))));
            faults.push(AskFault { pointer, detail });
        }
    }

    /// Something is wrong at this place, and what follows is not read any more.
    fn stop<E: serde::de::Error>(&self, detail: String) -> E {
        self.fault(None, detail);
        self.stopped.set(true);
        E::custom("refused")
    }
}

/// A key as a step of a JSON pointer (RFC 6901).
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    context: &'a Context,
    depth: usize,
}

impl Seed<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth {
            MAX_DEPTH => Err(E::custom(format!("nested deeper than {MAX_DEPTH} levels"))),
            depth => Ok(Seed { depth: depth + 1, ..self }),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let count = self.context.values.get() + 1;
        if count > MAX_VALUES {
            return Err(self.context.stop(format!("a body may have at most {MAX_VALUES} values")));
        }
        self.context.values.set(count);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        if value.len() > MAX_TEXT {
            let detail = format!("the text has {} bytes; at most {MAX_TEXT} are read", value.len());
            self.context.fault(None, detail);
        }
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut values = Vec::new();
        loop {
            if values.len() == MAX_ITEMS && items.next_element::<IgnoredAny>()?.is_some() {
                return Err(self.context.stop(format!("a list may have at most {MAX_ITEMS} items")));
            }
            let step = values.len().to_string();
            match self.context.inside(step, || items.next_element_seed(seed))? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = self.context.inside(escape(&key), || entries.next_value_seed(seed))?;
            if map.contains_key(&key) {
                self.context.fault(Some(&key), format!("the key `{key}` stands twice"));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ask::Ask;

    /// What requests are made of.
    const PIECES: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b":",
        b",",
        b" ",
        b"\n",
        b"\"a\"",
        b"\"a\":1,",
        b"\"question\":",
        b"\"x\"",
        b"1",
        b"-",
        b"1e999",
        b"18446744073709551616",
        b"null",
        b"\\ud800",
        b"\xc5\x99",
        b"\xff",
        b"\0",
        b"{\"question\":\"x\",\"options\":{\"deltas\":",
        b"true",
        b"[[[[[[[[[[",
    ];

    #[test]
    fn plain_json_reads_as_it_stands() {
        let text = r#"{"b":[1,-2,3.5,"x",null,true],"a":{"c":18446744073709551615}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
        let deeper = "[".repeat(100_000);
        for bad in ["", "{", "{\"a\":1,}", "[NaN]", "// x\n1", "1 2", "{\"a\" 1}", &deep, &deeper, "1e999"] {
            let Err(BadJson::Syntax(why)) = parse(bad.as_bytes()) else { panic!("{bad}") };
            assert!(why.contains("line"), "{why}");
        }
        assert!(matches!(parse(b"\"\xff\""), Err(BadJson::Syntax(why)) if why.contains("UTF-8")));
        assert!(parse(format!("{}1{}", "[".repeat(64), "]".repeat(64)).as_bytes()).is_ok());
    }

    #[test]
    fn duplicate_keys_are_found_at_any_depth() {
        let found = parse(br#"{"a":1,"a":2,"x":[{"k/1":1,"k/1":1}]}"#);
        let Err(BadJson::Faults(faults)) = found else { panic!("{found:?}") };
        let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a", "/x/0/k~11"]);
    }

    #[test]
    fn what_is_too_much_is_told_with_its_limit() {
        let list = |items: usize| format!("[{}]", vec!["1"; items].join(","));
        let lists = |count: usize| format!("[{}]", vec![list(MAX_ITEMS); count].join(","));
        let text = |bytes: usize| format!("{{\"t\":\"{}\"}}", "x".repeat(bytes));
        for good in [list(MAX_ITEMS), lists(20), text(MAX_TEXT)] {
            assert!(parse(good.as_bytes()).is_ok());
        }
        // What follows a list that is too long is not read, so it need not even be JSON.
        let unread = format!("{{\"a\":[{}", list(MAX_ITEMS + 1).replace(']', ",2 rest"));
        for (bad, pointer, limit) in [
            (list(MAX_ITEMS + 1), "", "20000 items"),
            (unread, "/a/0", "20000 items"),
            (lists(26), "/24/19974", "500000 values"),
            (text(MAX_TEXT + 1), "/t", "262144"),
        ] {
            let Err(BadJson::Faults(faults)) = parse(bad.as_bytes()) else { panic!("{limit}") };
            let [fault] = faults.as_slice() else { panic!("{faults:?}") };
            assert_eq!(fault.pointer, pointer);
            assert!(fault.detail.contains(limit), "{}", fault.detail);
        }
    }

    #[test]
    fn faults_without_end_are_told_in_part() {
        let Err(BadJson::Faults(faults)) =
            parse(format!("{{{}\"a\":1}}", "\"a\":1,".repeat(100_000)).as_bytes())
        else {
            panic!()
        };
        assert_eq!(faults.len(), MAX_FAULTS);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_what_stands_there(
            pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..60),
            broken in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            let mut bytes = pieces.concat();
            for (at, byte) in broken.into_iter().filter(|_| !pieces.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            match parse(&bytes) {
                Ok(value) => prop_assert_eq!(value, serde_json::from_slice::<Value>(&bytes).unwrap()),
                Err(BadJson::Syntax(why)) => prop_assert!(!why.is_empty()),
                Err(BadJson::Faults(faults)) => prop_assert!((1..=MAX_FAULTS).contains(&faults.len())),
            }
            if let Err(faults) = parse(&bytes).map_or(Ok(()), |value| Ask::from_json(value).map(drop)) {
                prop_assert!(!faults.is_empty());
            }
        }
    }
}
