//! A value that a stranger wrote, as a template sees it.
//!
//! It can be tested, counted, walked and printed. Its parts are untrusted too,
//! except numbers, truth values and null, which cannot say anything; a part
//! that is not there is null. However it is printed, joined or captured, it
//! comes out as a labelled block:
//!
//! ```text
//! <<<data 4f1c9a0e positions
//! Concrete C30/37; 22.5 m3
//! 4f1c9a0e end>>>
//! ```

use std::fmt;
use std::sync::Arc;

use minijinja::Value as Jinja;
use minijinja::value::Enumerator;
use minijinja::value::Object;
use minijinja::value::ObjectRepr;
use minijinja::value::Serde;
use serde_json::Value;

/// Untrusted JSON, or a part of it.
#[derive(Clone)]
pub struct Untrusted {
    root: Arc<Value>,
    /// How to come to this part from the root; parts share the root.
    path: Vec<Step>,
    fence: Arc<str>,
    label: Arc<str>,
}

#[derive(Clone)]
enum Step {
    Key(Arc<str>),
    Index(usize),
}

impl Untrusted {
    /// Most characters that printing one value takes.
    pub const MOST_PRINTED: usize = 200_000;

    /// Untrusted JSON for a template; `fence` is in lower case. Numbers, truth values and null stay themselves.
    pub fn value(json: Arc<Value>, fence: &Arc<str>, label: &str) -> Jinja {
        let label = label.replace(|c: char| c.is_control(), " ").into();
        Untrusted { root: json, path: Vec::new(), fence: Arc::clone(fence), label }.into_jinja()
    }

    /// The same data under another label.
    pub fn relabelled(&self, label: &str) -> Jinja {
        Untrusted { label: label.replace(|c: char| c.is_control(), " ").into(), ..self.clone() }.into_jinja()
    }

    fn into_jinja(self) -> Jinja {
        match self.here() {
            Value::Null => Jinja::from(()),
            Value::Bool(truth) => Jinja::from(*truth),
            Value::Number(number) => Jinja::from(Serde(number)),
            _ => Jinja::from_object(self),
        }
    }

    fn here(&self) -> &Value {
        let mut value = self.root.as_ref();
        for step in &self.path {
            let next = match step {
                Step::Key(key) => value.get(key.as_ref()),
                Step::Index(index) => value.get(index),
            };
            value = next.unwrap_or(&Value::Null);
        }
        value
    }

    fn part(&self, step: Step) -> Jinja {
        let path = self.path.iter().cloned().chain([step]).collect();
        Untrusted { path, ..self.clone() }.into_jinja()
    }

    /// The names in a user's JSON are as untrusted as its values.
    fn key(&self, key: &str) -> Jinja {
        Untrusted { root: Arc::new(Value::from(key)), path: Vec::new(), ..self.clone() }.into_jinja()
    }
}

impl Object for Untrusted {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.here() {
            Value::Array(_) => ObjectRepr::Seq,
            Value::Object(_) => ObjectRepr::Map,
            _ => ObjectRepr::Plain,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        match self.here() {
            Value::Array(_) => Some(self.part(Step::Index(key.as_usize()?))),
            Value::Object(_) => {
                let key = match key.downcast_object_ref::<Untrusted>() {
                    Some(key) => key.here().as_str()?,
                    None => key.as_str()?,
                };
                Some(self.part(Step::Key(key.into())))
            }
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.here() {
            Value::Array(list) => Enumerator::Seq(list.len()),
            Value::Object(map) => Enumerator::Values(map.keys().map(|key| self.key(key)).collect()),
            _ => Enumerator::NonEnumerable,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match self.here() {
            Value::Array(list) => Some(list.len()),
            Value::Object(map) => Some(map.len()),
            Value::String(text) => Some(text.chars().count()),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Block(self))
    }
}

/// Debug prints the block as well: containers print their parts this way.
impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Block(self))
    }
}

struct Block<'a>(&'a Untrusted);

impl fmt::Display for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Untrusted { fence, label, .. } = self.0;
        let text = match self.0.here() {
            Value::String(text) => harmless(text, fence),
            other => harmless(&other.to_string(), fence),
        };
        write!(f, "<<<data {fence} {label}\n{text}\n{fence} end>>>")
    }
}

/// The text without what only a forger needs: invisible characters, the fence, endless length.
fn harmless(text: &str, fence: &str) -> String {
    let invisible =
        |c: char| (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{e0000}'..='\u{e007f}');
    let mut chars = text.chars().filter(|c| !invisible(*c));
    let kept: String = chars.by_ref().take(Untrusted::MOST_PRINTED).collect();
    let mut kept = without(kept.trim_end(), fence);
    let left = chars.count();
    if left > 0 {
        kept.push_str(&format!("\n[… {left} more characters left out]"));
    }
    kept
}

/// The text without the fence, however it is spelt; `fence` is in lower case.
pub(super) fn without(text: &str, fence: &str) -> String {
    let mut kept = text.to_owned();
    // ASCII lower case keeps every byte in its place.
    for (at, _) in text.to_ascii_lowercase().rmatch_indices(fence) {
        kept.replace_range(at..at + fence.len(), "[delimiter removed]");
    }
    kept
}
