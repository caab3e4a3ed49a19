//! An ask: a validated request to run a panel.
//!
//! [`Ask::from_json`] takes the body of the contract, section 3, with the
//! names that older clients use, and tells every fault at once. What the
//! panel itself demands of `input` is checked where the panel is known.

pub mod json;

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::event::OnDisconnect;
use crate::id::PanelName;
use crate::id::QueryName;
use crate::money::BadMoney;
use crate::money::Money;
use crate::panel::Panel;

/// A validated request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// The panel; the configured default if absent.
    pub panel: Option<PanelName>,
    /// The user's text; never blank.
    pub question: String,
    /// Language of the answers, `en` unless given.
    pub language: String,
    /// The panel's input.
    pub input: Map<String, Value>,
    /// How it is to be run.
    pub options: Options,
    /// The caller's own notes, kept with the run.
    pub metadata: Map<String, Value>,
}

/// How an ask is to be run; what is absent comes from the panel and the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Only these queries.
    pub queries: Option<Vec<QueryName>>,
    /// One configured model instead of all models of the panel.
    pub model: Option<String>,
    /// Limit of the whole run.
    pub run_timeout: Option<Duration>,
    /// Limit of each query.
    pub query_timeout: Option<Duration>,
    /// What happens when nobody watches.
    pub on_disconnect: Option<OnDisconnect>,
    /// Whether this stream carries pieces of text.
    pub deltas: bool,
    /// Whether own documents are searched where the panel wants that; `None` means yes.
    pub use_rag: Option<bool>,
    /// Most that the run may cost.
    pub max_cost: Option<Money>,
}

/// A mistake in a request: where and what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AskFault {
    /// JSON pointer (RFC 6901) to the place.
    pub pointer: String,
    /// What is wrong there and what would be right.
    pub detail: String,
}

/// Longest question in bytes.
pub const MAX_QUESTION: usize = 256 * 1024;

/// Keys of a body, the aliases that older clients use among them.
const KEYS: [&str; 13] = [
    "panel",
    "question",
    "input",
    "options",
    "metadata",
    "project_description",
    "prompt",
    "query",
    "positions",
    "specifications",
    "totals",
    "language",
    "context",
];
const QUESTION_KEYS: [&str; 4] = ["question", "project_description", "prompt", "query"];
const INPUT_KEYS: [&str; 4] = ["positions", "specifications", "totals", "language"];
const OPTION_KEYS: [&str; 8] = [
    "queries",
    "model",
    "run_timeout_ms",
    "query_timeout_ms",
    "on_disconnect",
    "deltas",
    "use_rag",
    "max_cost",
];

impl Ask {
    /// An ask with this question and nothing else.
    pub fn new(question: impl Into<String>) -> Ask {
        Ask {
            panel: None,
            question: question.into(),
            language: "en".into(),
            input: Map::new(),
            options: Options::default(),
            metadata: Map::new(),
        }
    }

    /// The ask that a request's body means.
    ///
    /// # Errors
    /// Every fault of the body, in its own order.
    pub fn from_json(body: Value) -> Result<Ask, Vec<AskFault>> {
        let Value::Object(body) = body else {
            let detail = format!("expected an object, found {}", kind(&body));
            return Err(vec![AskFault { pointer: String::new(), detail }]);
        };
        let mut reader = Reader { body, faults: Vec::new() };
        let ask = reader.ask();
        match reader.faults {
            faults if faults.is_empty() => Ok(ask),
            faults => Err(faults),
        }
    }

    /// The ask's title: the first line of its question, shortened.
    pub fn title(&self) -> String {
        let line = self.question.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        match line.char_indices().nth(80) {
            Some((end, _)) => format!("{}…", line[..end].trim_end()),
            None => line.to_owned(),
        }
    }
}

/// Takes a body apart and collects what is wrong with it.
struct Reader {
    body: Map<String, Value>,
    faults: Vec<AskFault>,
}

impl Reader {
    fn ask(&mut self) -> Ask {
        self.refuse_unknown("", &self.body.keys().cloned().collect::<Vec<_>>(), &KEYS);
        let input = self.input();
        let language = match input.get("language") {
            Some(Value::String(language)) => language.clone(),
            _ => "en".to_owned(),
        };
        Ask {
            panel: self.panel(),
            question: self.question(),
            language,
            input,
            options: self.options(),
            metadata: self.object("metadata").unwrap_or_default(),
        }
    }

    fn panel(&mut self) -> Option<PanelName> {
        let value = self.body.remove("panel")?;
        let Value::String(name) = value else { return self.wrong("/panel", "a panel's name", &value) };
        match name.parse() {
            Ok(name) => Some(name),
            Err(why) => self.fault("/panel", why.to_string()),
        }
    }

    fn question(&mut self) -> String {
        let given: Vec<_> =
            QUESTION_KEYS.iter().filter_map(|key| Some((*key, self.body.remove(*key)?))).collect();
        let (key, value) = match given.as_slice() {
            [] => {
                self.fault::<()>("/question", "the question is missing".into());
                return String::new();
            }
            [one] => one.clone(),
            [first, second, ..] => {
                let detail = format!("`{}` and `{}` mean the same; give one of them", first.0, second.0);
                self.fault::<()>(&format!("/{}", second.0), detail);
                return String::new();
            }
        };
        let pointer = format!("/{key}");
        match value {
            Value::String(text) if text.trim().is_empty() => self.fault(
                &pointer,
                "the question is empty; describe the project in at least one sentence".into(),
            ),
            Value::String(text) if text.len() > MAX_QUESTION => self.fault(
                &pointer,
                format!("the question has {} bytes; at most {MAX_QUESTION} are read", text.len()),
            ),
            Value::String(text) => Some(text),
            other => self.wrong(&pointer, "a string", &other),
        }
        .unwrap_or_default()
    }

    /// `input`, with the places where older clients put its parts.
    fn input(&mut self) -> Map<String, Value> {
        let mut input = self.object("input").unwrap_or_default();
        let mut elsewhere: Vec<(String, &str, Value)> = INPUT_KEYS
            .iter()
            .filter_map(|key| Some((format!("/{key}"), *key, self.body.remove(*key)?)))
            .collect();
        if let Some(mut context) = self.object("context") {
            self.refuse_unknown("/context", &context.keys().cloned().collect::<Vec<_>>(), &INPUT_KEYS[..2]);
            elsewhere.extend(
                INPUT_KEYS[..2]
                    .iter()
                    .filter_map(|key| Some((format!("/context/{key}"), *key, context.remove(*key)?))),
            );
        }
        for (pointer, key, value) in elsewhere {
            if input.contains_key(key) {
                self.fault::<()>(&pointer, format!("`{key}` stands twice; give it once, in `input`"));
            } else {
                input.insert(key.to_owned(), value);
            }
        }
        input
    }

    fn options(&mut self) -> Options {
        let Some(mut given) = self.object("options") else { return Options::default() };
        self.refuse_unknown("/options", &given.keys().cloned().collect::<Vec<_>>(), &OPTION_KEYS);
        Options {
            queries: self.query_names(given.remove("queries")),
            model: self.string("/options/model", given.remove("model")),
            run_timeout: self.milliseconds("/options/run_timeout_ms", given.remove("run_timeout_ms")),
            query_timeout: self.milliseconds("/options/query_timeout_ms", given.remove("query_timeout_ms")),
            on_disconnect: self.on_disconnect(given.remove("on_disconnect")),
            deltas: self.boolean("/options/deltas", given.remove("deltas")).unwrap_or(false),
            use_rag: self.boolean("/options/use_rag", given.remove("use_rag")),
            max_cost: self.money("/options/max_cost", given.remove("max_cost")),
        }
    }

    fn money(&mut self, pointer: &str, value: Option<Value>) -> Option<Money> {
        let text = self.string(pointer, value)?;
        text.parse().map_err(|why: BadMoney| self.fault::<()>(pointer, why.to_string())).ok()
    }

    fn query_names(&mut self, value: Option<Value>) -> Option<Vec<QueryName>> {
        let value = value?;
        let Value::Array(items) = &value else {
            return self.wrong("/options/queries", "a list of names", &value);
        };
        if items.is_empty() {
            return self.fault("/options/queries", "the list is empty; name at least one query".into());
        }
        if items.len() > Panel::MOST_QUERIES {
            let detail = format!("a panel has at most {} queries", Panel::MOST_QUERIES);
            return self.fault("/options/queries", detail);
        }
        let mut names = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let pointer = format!("/options/queries/{index}");
            match item.as_str().map(str::parse::<QueryName>) {
                Some(Ok(name)) if names.contains(&name) => {
                    self.fault::<()>(&pointer, format!("`{name}` stands twice"));
                }
                Some(Ok(name)) => names.push(name),
                Some(Err(why)) => {
                    self.fault::<()>(&pointer, why.to_string());
                }
                None => {
                    self.wrong::<()>(&pointer, "a query's name", item);
                }
            }
        }
        Some(names)
    }

    fn on_disconnect(&mut self, value: Option<Value>) -> Option<OnDisconnect> {
        let value = value?;
        OnDisconnect::deserialize(&value)
            .ok()
            .or_else(|| self.wrong("/options/on_disconnect", "`grace`, `continue` or `cancel`", &value))
    }

    fn milliseconds(&mut self, pointer: &str, value: Option<Value>) -> Option<Duration> {
        let value = value?;
        match value.as_u64() {
            Some(ms) if ms > 0 => Some(Duration::from_millis(ms)),
            _ => self.wrong(pointer, "a positive whole number of milliseconds", &value),
        }
    }

    fn boolean(&mut self, pointer: &str, value: Option<Value>) -> Option<bool> {
        let value = value?;
        value.as_bool().or_else(|| self.wrong(pointer, "true or false", &value))
    }

    fn string(&mut self, pointer: &str, value: Option<Value>) -> Option<String> {
        match value? {
            Value::String(text) => Some(text),
            other => self.wrong(pointer, "a string", &other),
        }
    }

    fn object(&mut self, key: &str) -> Option<Map<String, Value>> {
        match self.body.remove(key)? {
            Value::Object(map) => Some(map),
            other => self.wrong(&format!("/{key}"), "an object", &other),
        }
    }

    fn refuse_unknown(&mut self, at: &str, keys: &[String], known: &[&str]) {
        for key in keys.iter().filter(|key| !known.contains(&key.as_str())).take(json::MAX_FAULTS) {
            let near =
                known.iter().map(|k| (strsim::jaro_winkler(k, key), k)).max_by(|a, b| a.0.total_cmp(&b.0));
            let detail = match near {
                Some((score, known)) if score > 0.85 => {
                    format!("unknown field `{key}`; did you mean `{known}`?")
                }
                _ => format!("unknown field `{key}`; known are {}", known.join(", ")),
            };
            self.fault::<()>(&format!("{at}/{}", json::escape(key)), detail);
        }
    }

    fn wrong<T>(&mut self, pointer: &str, expected: &str, found: &Value) -> Option<T> {
        self.fault(pointer, format!("expected {expected}, found {}", kind(found)))
    }

    fn fault<T>(&mut self, pointer: &str, detail: String) -> Option<T> {
        self.faults.push(AskFault { pointer: pointer.to_owned(), detail });
        None
    }
}

/// What a value is, for a person; short values are shown.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Value::String(_) => "a string".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_contracts_example_is_read() {
        let ask = Ask::from_json(json!({
            "panel": "audit", "question": "Foundation strip",
            "input": {"positions": [{"item_name": "Concrete"}], "specifications": {}},
            "options": {"queries": ["comprehensive_analysis"], "model": "rules", "run_timeout_ms": 120000,
                "query_timeout_ms": 60000, "on_disconnect": "grace", "deltas": true, "use_rag": true, "max_cost": "0.50 USD"},
            "metadata": {"project": "demo"}
        }))
        .unwrap();
        assert_eq!(ask.options.run_timeout, Some(Duration::from_secs(120)));
        assert_eq!(ask.options.on_disconnect, Some(OnDisconnect::Grace));
        assert!(ask.options.deltas);
        assert_eq!(ask.options.max_cost, "0.50 USD".parse().ok());
        assert_eq!(ask.metadata["project"], "demo");
    }

    #[test]
    fn older_names_mean_the_same() {
        let new =
            Ask::from_json(json!({"question": "x", "input": {"positions": [], "specifications": {"a": 1}}}));
        for old in [
            json!({"project_description": "x", "positions": [], "specifications": {"a": 1}}),
            json!({"prompt": "x", "context": {"positions": [], "specifications": {"a": 1}}}),
            json!({"query": "x", "input": {"positions": []}, "specifications": {"a": 1}}),
        ] {
            assert_eq!(Ask::from_json(old), new);
        }
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let rows = [
            (json!([]), ""),
            (json!({}), "/question"),
            (json!({"question": "  "}), "/question"),
            (json!({"question": 5}), "/question"),
            (json!({"question": "x", "prompt": "y"}), "/prompt"),
            (json!({"question": "x", "positons": []}), "/positons"),
            (json!({"question": "x", "base_url": "http://x"}), "/base_url"),
            (json!({"question": "x", "panel": null}), "/panel"),
            (json!({"question": "x", "panel": "../x"}), "/panel"),
            (json!({"question": "x", "input": []}), "/input"),
            (json!({"question": "x", "context": {"a": 1}}), "/context/a"),
            (json!({"question": "x", "input": {"positions": []}, "positions": []}), "/positions"),
            (json!({"question": "x", "options": {"run_timeout_ms": 0}}), "/options/run_timeout_ms"),
            (json!({"question": "x", "options": {"run_timeout_ms": "1s"}}), "/options/run_timeout_ms"),
            (json!({"question": "x", "options": {"queries": []}}), "/options/queries"),
            (json!({"question": "x", "options": {"queries": ["a", "a"]}}), "/options/queries/1"),
            (json!({"question": "x", "options": {"on_disconnect": "stay"}}), "/options/on_disconnect"),
            (json!({"question": "x", "options": {"max_cost": "1 usd"}}), "/options/max_cost"),
            (json!({"question": "x", "options": {"max_cost": 1}}), "/options/max_cost"),
            (json!({"question": "x", "options": {"api_key": "k"}}), "/options/api_key"),
        ];
        for (body, pointer) in rows {
            let faults = Ask::from_json(body.clone()).expect_err(&body.to_string());
            assert_eq!(faults.iter().map(|f| f.pointer.as_str()).collect::<Vec<_>>(), [pointer], "{body}");
        }
        let faults = Ask::from_json(json!({"a": 1, "question": "", "options": {"deltas": 1}})).unwrap_err();
        assert_eq!(faults.len(), 3);
    }

    #[test]
    fn a_title_is_one_short_line() {
        let ask = Ask::new(format!("\n  {}\nmore", "é".repeat(200)));
        assert_eq!(ask.title().chars().count(), 81);
    }
}
