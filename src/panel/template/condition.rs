//! A condition: the expression that decides whether a query is asked at all, or which mode holds.
//!
//! It sees data as it is and prints nothing, so nothing needs a fence here.
//! Names are checked when the panel is loaded; what the data lacks is false by
//! itself and an error where something is to be done with it. Besides what
//! Jinja has, `is hedging` asks whether a text, or one in a list or a table,
//! says that it cannot answer.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use minijinja::Environment;
use minijinja::ErrorKind;
use minijinja::UndefinedBehavior;
use minijinja::Value as Jinja;
use minijinja::value::Serde;
use serde_json::Value;

use crate::failure::Code;

use super::Reply;
use super::Variables;
use super::gap::Gap;
use super::hedging::hedges;
use super::sentence;

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {
    text: Arc<str>,
    names: Vec<String>,
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// In a sentence.
    pub message: String,
    /// The bytes of the text that it concerns; all of them where nobody knows.
    pub at: Range<usize>,
    /// The name that nobody gives, with those that there are.
    pub unknown: Option<(String, Vec<String>)>,
}

impl Condition {
    /// The names that a condition may use.
    pub const NAMES: [&'static str; 5] = ["answers", "facts", "input", "language", "question"];
    /// Those of them that are known before a run begins.
    const OF_ASK: [&'static str; 3] = ["input", "language", "question"];
    /// Longest one in bytes; what is longer could nest deeper than a stack.
    const LONGEST: usize = 1000;
    /// Most instructions that one takes.
    const FUEL: u64 = 50_000;

    /// A condition from its text; `needs` are the queries whose answers it may use.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(text: &str, needs: &[&str]) -> Result<Condition, Vec<Wrong>> {
        Condition::seeing(&Condition::NAMES, text, needs)
    }

    /// A condition that is decided before a run begins: it sees the ask and nothing else.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn of_ask(text: &str) -> Result<Condition, Vec<Wrong>> {
        Condition::seeing(&Condition::OF_ASK, text, &[])
    }

    fn seeing(known: &[&str], text: &str, needs: &[&str]) -> Result<Condition, Vec<Wrong>> {
        let whole = 0..text.len();
        if text.len() > Condition::LONGEST {
            let message = format!("longer than {} bytes", Condition::LONGEST);
            return Err(vec![Wrong { message, at: whole, unknown: None }]);
        }
        let environment = environment();
        let expression = environment.compile_expression(text).map_err(|error| {
            let at = error.range().filter(|range| range.end <= text.len()).unwrap_or(whole.clone());
            vec![Wrong { message: sentence(&error), at, unknown: None }]
        })?;
        let mut names: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
        names.sort();
        let wrong: Vec<Wrong> = names.iter().filter_map(|path| unknown(text, path, needs, known)).collect();
        let wrong = if wrong.is_empty() { without_meaning(text) } else { wrong };
        if wrong.is_empty() { Ok(Condition { text: text.into(), names }) } else { Err(wrong) }
    }

    /// Whether it takes the answer of this query by its name.
    pub fn names(&self, need: &str) -> bool {
        names(&self.names, need)
    }

    /// Whether it looks at the answer of this query.
    pub fn uses(&self, need: &str) -> bool {
        uses(&self.names, need)
    }

    /// As the panel wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds. The error is a sentence without data.
    pub fn holds(&self, variables: &Variables) -> Result<bool, String> {
        let environment = environment();
        let expression = environment.compile_expression(&self.text).map_err(|error| sentence(&error))?;
        expression.eval(context(variables)).map(|value| value.is_true()).map_err(|error| sentence(&error))
    }
}

/// Whether names, as a template or a condition uses them, look at the answer of this query.
pub(super) fn uses(used: &[String], need: &str) -> bool {
    // Whoever takes all answers, or one by a name that is computed, takes this one.
    let all = || used.iter().any(|name| ["answers", "answers.items", "others"].contains(&name.as_str()));
    names(used, need) || all()
}

/// Whether it is this answer that they name.
pub(super) fn names(used: &[String], need: &str) -> bool {
    let path = format!("answers.{need}");
    let below = format!("{path}.");
    used.iter().any(|name| *name == path || name.starts_with(&below))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_debug(false);
    environment.set_fuel(Some(Condition::FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    for function in ["debug", "dict", "namespace", "range"] {
        environment.remove_global(function);
    }
    environment.add_test("hedging", is_hedging);
    environment
}

/// Whether a text hedges, or one of those in a list or a table.
fn is_hedging(value: &Jinja) -> bool {
    fn hedging(value: &Value) -> bool {
        match value {
            Value::String(text) => hedges(text),
            Value::Array(items) => items.iter().any(hedging),
            Value::Object(fields) => fields.values().any(hedging),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    serde_json::to_value(value).is_ok_and(|value| hedging(&value))
}

/// Filters and tests that nobody has, as far as they are reached without any data.
fn without_meaning(text: &str) -> Vec<Wrong> {
    let environment = environment();
    let Ok(nobody) = "nobody".parse() else { return Vec::new() };
    // Whatever is looked for in it is there, and nothing.
    let nothing =
        Jinja::from_pairs(Condition::NAMES.map(|name| (name, Gap::value(&nobody, Code::EmptyAnswer))));
    let Ok(expression) = environment.compile_expression(text) else { return Vec::new() };
    let Err(error) = expression.eval(nothing) else { return Vec::new() };
    let (what, kind) = match error.kind() {
        ErrorKind::UnknownFilter => ("filter", "filter "),
        ErrorKind::UnknownTest => ("test", "test "),
        _ => return Vec::new(),
    };
    let name = error.detail().and_then(|detail| detail.strip_prefix(kind)?.split(' ').next());
    let name = name.unwrap_or_default().to_owned();
    let at = text.find(&name).map_or(0..text.len(), |start| start..start + name.len());
    let known = ["defined", "hedging", "none"].map(str::to_owned).to_vec();
    let unknown = (what == "test").then(|| (name.clone(), known));
    vec![Wrong { message: format!("there is no {what} \"{name}\""), at, unknown }]
}

/// What the condition sees: data without fences; an answer that is not there is none.
fn context(variables: &Variables) -> Jinja {
    let data = |value: &Value| Jinja::from(Serde(value.clone()));
    let answers: BTreeMap<String, Jinja> = variables
        .answers
        .iter()
        .map(|(query, reply)| match reply {
            Reply::Answer(value) | Reply::Default(value) => (query.to_string(), data(value)),
            Reply::Missing(_) => (query.to_string(), Jinja::from(())),
        })
        .collect();
    Jinja::from_pairs([
        ("answers", Jinja::from_pairs(answers)),
        ("facts", variables.facts.as_ref().map_or(Jinja::from(()), data)),
        ("input", data(&variables.input)),
        ("language", Jinja::from(variables.language.as_str())),
        ("question", Jinja::from(variables.question.as_str())),
    ])
}

/// What is wrong with a name that the condition uses.
fn unknown(text: &str, path: &str, needs: &[&str], known: &[&str]) -> Option<Wrong> {
    let mut parts = path.split('.');
    let (name, second) = (parts.next().unwrap_or_default(), parts.next());
    let (message, what, word, candidates) = match (name, second) {
        ("answers", Some(query)) if known.contains(&name) && !needs.contains(&query) && query != "items" => {
            let message =
                format!("the condition uses the answer of \"{query}\", which its query does not need");
            (message, format!("answers.{query}"), query, needs)
        }
        (name, _) if !known.contains(&name) => {
            let message = match Condition::NAMES.contains(&name) {
                true => format!("\"{name}\" is not known before the run begins"),
                false => format!("undefined variable \"{name}\""),
            };
            (message, name.to_owned(), name, known)
        }
        _ => return None,
    };
    let at = text.find(&what).map_or(0..text.len(), |start| start..start + what.len());
    let candidates = candidates.iter().map(|name| (*name).to_owned()).collect();
    Some(Wrong { message, at, unknown: Some((word.to_owned(), candidates)) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        Variables {
            fence: String::new(),
            question: "Is the slab safe?".into(),
            input: Arc::new(json!({"rows": [1, 2], "kind": "slab", "none": null})),
            language: "cs".into(),
            passages: Arc::default(),
            answers: BTreeMap::from([
                ("a".parse().unwrap(), Reply::Answer(Arc::new(json!({"risk": 7, "tags": ["fire"]})))),
                ("b".parse().unwrap(), Reply::Missing(Code::Timeout)),
                ("c".parse().unwrap(), Reply::Default(Arc::new(json!("none")))),
            ]),
            others: Vec::new(),
            positions: None,
            specifications: None,
            facts: None,
            schema: None,
        }
    }

    fn holds(text: &str) -> Result<bool, String> {
        Condition::compile(text, &["a", "b", "c"])
            .unwrap_or_else(|wrong| panic!("{wrong:?}"))
            .holds(&variables())
    }

    #[test]
    fn a_condition_looks_at_data_as_it_is() {
        let rows = [
            ("true", true),
            ("language == 'cs' and input.kind == \"slab\"", true),
            ("input.rows|length > 2", false),
            ("'slab' in question", true),
            ("answers.a.risk >= 5", true),
            ("'fire' in answers.a.tags and not answers.b", true),
            ("answers.b is none", true),
            ("answers.c == 'none'", true),
            ("input.none or input.missing", false),
            ("input.missing is defined", false),
            ("not input.missing", true),
            ("facts", false),
            ("answers|length == 3", true),
            ("answers is hedging", false),
            ("answers.b is hedging or input.missing is hedging", false),
            ("'I am not sure.' is hedging", true),
            ("[1, {'said': ['Yes.', 'It depends.']}] is hedging", true),
        ];
        for (text, expected) in rows {
            assert_eq!(holds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_decided_is_an_error_without_data() {
        for text in ["input.missing.deep", "answers.b.risk > 3", "question + 1", "answers.a.risk|nofilter"] {
            let decided =
                Condition::compile(text, &["a", "b"]).map(|condition| condition.holds(&variables()));
            let told = format!("{decided:?}");
            assert!(!matches!(decided, Ok(Ok(_))) && !told.contains("slab"), "{text}: {told}");
        }
    }

    #[test]
    fn names_are_checked_when_it_is_loaded() {
        let wrong = |text: &str| Condition::compile(text, &["a"]).unwrap_err();
        let [one] = &wrong("langage == 'cs'")[..] else { panic!() };
        assert_eq!((one.message.as_str(), one.at.clone()), ("undefined variable \"langage\"", 0..7));
        let [one] = &wrong("answers.a and answers.bb.x")[..] else { panic!() };
        assert_eq!(one.at, 14..24);
        assert!(one.message.contains("\"bb\", which its query does not need"));
        assert_eq!(wrong("x and y").len(), 2);
        assert!(wrong("input.").first().unwrap().message.starts_with("syntax error"));
        assert!(wrong("").first().unwrap().message.starts_with("syntax error"));
        assert!(wrong("range(10)").len() == 1 && wrong("schema").len() == 1);
        let [one] = &wrong("answers.a is hedgin")[..] else { panic!() };
        assert_eq!((one.message.as_str(), one.at.clone()), ("there is no test \"hedgin\"", 13..19));
        let [one] = &wrong("answers.a|lenth > 3")[..] else { panic!() };
        assert_eq!((one.message.as_str(), one.at.clone()), ("there is no filter \"lenth\"", 10..15));
        let before = |text: &str| Condition::of_ask(text).unwrap_err();
        assert_eq!(before("answers.a and facts and x").len(), 3);
        assert_eq!(before("facts.rows")[0].message, "\"facts\" is not known before the run begins");
        assert!(Condition::of_ask("question|length > 3 and input.x and language == 'cs'").is_ok());
    }

    #[test]
    fn a_condition_has_an_end() {
        let deep = format!("{}1{}", "(".repeat(499), ")".repeat(499));
        let decided = Condition::compile(&deep, &[]).map(|condition| condition.holds(&variables()));
        assert!(!matches!(decided, Ok(Ok(false))), "{decided:?}");
        assert_eq!(
            Condition::compile(&format!("({deep})"), &[]).unwrap_err()[0].message,
            "longer than 1000 bytes"
        );
    }
}
