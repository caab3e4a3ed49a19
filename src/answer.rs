//! From a model's text to a checked answer.
//!
//! A text answer is its text. A JSON answer is parsed strictly, else the one
//! object in it is taken out of prose or a fence, else it is repaired, and in
//! every case it must fit the query's schema. What had to be done to it is
//! noted. An answer that stays unclear is a failure, never a guess: two
//! objects, a key twice, or JSON cut at the token limit.

mod json;
pub mod sections;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::failure::Code;
use crate::failure::Failure;

/// An answer that may be shown, merged and quoted.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// A string for a text answer, the JSON value otherwise.
    pub value: Value,
    /// What a reader should know of it.
    pub notes: Vec<Note>,
}

impl Answer {
    /// Notes what was strange about how it came: parts of other answers, and pieces that came twice.
    pub fn note_strange(&mut self, others: u64, twice: u64) {
        let notes = [(others, Note::Others(others)), (twice, Note::Twice(twice))];
        self.notes.extend(notes.into_iter().filter(|(count, _)| *count > 0).map(|(_, note)| note));
    }
}

/// Something a reader should know of an answer; a warning of its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// It stood in prose, in a code fence or after thinking aloud.
    Extracted,
    /// Its JSON was broken and was repaired.
    Repaired,
    /// It ends where the model's token limit was.
    TruncatedByLimit,
    /// The provider did not say that the model was done.
    FinishUnknown,
    /// So many parts of other answers came with it.
    Others(u64),
    /// So many of its pieces came twice.
    Twice(u64),
}

impl Note {
    /// The warning's code.
    pub fn code(self) -> &'static str {
        match self {
            Note::Extracted => "answer_extracted",
            Note::Repaired => "answer_repaired",
            Note::TruncatedByLimit => "truncated_by_limit",
            Note::FinishUnknown => "finish_unknown",
            Note::Others(_) => "other_answers",
            Note::Twice(_) => "repeated_pieces",
        }
    }

    /// A sentence for a person.
    pub fn message(self) -> String {
        let message = match self {
            Note::Others(1) => return "A part of another answer came with it and was passed over.".into(),
            Note::Others(parts) => {
                return format!("{parts} parts of other answers came with it and were passed over.");
            }
            Note::Twice(pieces) => {
                return format!("{pieces} pieces of it came twice in a row and were kept as they came.");
            }
            Note::Extracted => "The answer was taken out of the text around it.",
            Note::Repaired => "The answer was not valid JSON and was repaired.",
            Note::TruncatedByLimit => "The answer hit max_tokens.",
            Note::FinishUnknown => "The provider did not say that the answer is whole.",
        };
        message.to_owned()
    }
}

/// How the text ended, as its provider told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The model was done.
    Whole,
    /// At the token limit.
    AtLimit,
    /// Nobody said.
    Unknown,
}

/// A compiled JSON Schema; cheap to clone. It never fetches anything.
#[derive(Clone)]
pub struct Schema(Arc<jsonschema::Validator>);

/// A schema that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a usable JSON Schema: {0}")]
pub struct BadSchema(String);

impl Schema {
    /// Most mismatches that one failure tells.
    const MAX_TOLD: usize = 3;
    /// Values in a value up to which all mismatches are collected; a mismatch takes about 2 KiB.
    const MAX_PARTS: usize = 20_000;

    /// Compiles a schema; references must stay inside it, patterns need no backtracking.
    pub fn compile(schema: &Value) -> Result<Schema, BadSchema> {
        jsonschema::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(schema)
            .map(|validator| Schema(Arc::new(validator)))
            .map_err(|error| BadSchema(cut(&error.to_string(), 300)))
    }

    /// The places where a request's value does not fit: JSON pointer and sentence, at most 20.
    pub fn faults(&self, value: &Value) -> Vec<(String, String)> {
        let fault =
            |error: jsonschema::ValidationError<'_>| (error.instance_path().to_string(), remedy(&error));
        self.errors(value).take(20).map(fault).collect()
    }

    /// What does not fit: all of it, or the first of a large value, since each costs more than its place.
    fn errors<'v>(
        &'v self,
        value: &'v Value,
    ) -> Box<dyn Iterator<Item = jsonschema::ValidationError<'v>> + 'v> {
        match parts(value, Schema::MAX_PARTS) {
            Schema::MAX_PARTS => Box::new(self.0.validate(value).err().into_iter()),
            _ => Box::new(self.0.iter_errors(value)),
        }
    }

    /// Whether the value fits; the failure names the places.
    pub fn check(&self, value: &Value) -> Result<(), Failure> {
        let told: Vec<String> =
            self.errors(value).take(Schema::MAX_TOLD).map(|error| sentence(&error)).collect();
        if told.is_empty() {
            return Ok(());
        }
        Err(Failure::new(Code::InvalidOutput, told.join(" ")))
    }
}

/// How many values stand in a value, itself among them, counted up to `limit`.
fn parts(value: &Value, limit: usize) -> usize {
    let mut open = vec![value];
    let mut count = 0;
    while let Some(value) = open.pop().filter(|_| count < limit) {
        count += 1;
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(entries) => open.extend(entries.values()),
            _ => {}
        }
    }
    count
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

/// Reads an answer: text without a schema, JSON that fits it with one.
pub fn read(text: &str, ending: Ending, schema: Option<&Schema>) -> Result<Answer, Failure> {
    let mut notes = Vec::new();
    match ending {
        Ending::Whole => {}
        Ending::AtLimit => notes.push(Note::TruncatedByLimit),
        Ending::Unknown => notes.push(Note::FinishUnknown),
    }
    let text = text.trim();
    let said = after_thinking(text);
    if said.is_empty() {
        return Err(Failure::new(Code::EmptyAnswer, "The answer has no text."));
    }
    if said.len() != text.len() {
        notes.push(Note::Extracted);
    }
    let Some(schema) = schema else {
        return Ok(Answer { value: said.into(), notes });
    };
    let (value, done) = read_json(said, ending)?;
    if let Some(note) = done.filter(|note| !notes.contains(note)) {
        notes.push(note);
    }
    schema.check(&value)?;
    Ok(Answer { value, notes })
}

/// The value, and what had to be done to get it.
fn read_json(text: &str, ending: Ending) -> Result<(Value, Option<Note>), Failure> {
    let wrong = match json::parse(text) {
        Ok(value) => return Ok((value, None)),
        Err(wrong) => wrong,
    };
    match json::extract(text) {
        json::Found::One(value) => return Ok((value, Some(Note::Extracted))),
        json::Found::Several(count) => {
            let message = format!("The answer holds {count} JSON objects where one was asked.");
            return Err(Failure::new(Code::UnreadableAnswer, message));
        }
        json::Found::None => {}
    }
    if ending == Ending::AtLimit {
        let message = "The answer was cut at its token limit and is not whole JSON.";
        return Err(Failure::new(Code::UnreadableAnswer, message)
            .hint("Raise max_tokens of the query, or ask for less."));
    }
    if let Some(value) = json::repair(text) {
        return Ok((value, Some(Note::Repaired)));
    }
    let json::Wrong { why, line, column } = wrong;
    let message = format!("The answer is not valid JSON: {why} (line {line}, column {column}).");
    Err(Failure::new(Code::UnreadableAnswer, message))
}

/// The text without the thoughts that some models on this computer put before it.
fn after_thinking(text: &str) -> &str {
    match text.strip_prefix("<think>").and_then(|rest| rest.split_once("</think>")) {
        Some((_, answer)) => answer.trim(),
        None => text,
    }
}

/// What would be right, for the sender of a request. The value itself may be long and is not repeated.
fn remedy(error: &jsonschema::ValidationError<'_>) -> String {
    use jsonschema::error::TypeKind;
    use jsonschema::error::ValidationErrorKind as Kind;
    match error.kind() {
        Kind::Required { property } => format!("{} is missing", cut(&property.to_string(), 100)),
        Kind::Type { kind: TypeKind::Single(kind) } => format!("expected a JSON value of type {kind}"),
        Kind::Type { kind: TypeKind::Multiple(kinds) } => {
            let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
            format!("expected a JSON value of type {}", kinds.join(" or "))
        }
        Kind::Enum { options } => format!("expected one of {}", cut(&options.to_string(), 200)),
        Kind::AnyOf { context } => {
            let ways: Vec<String> = context.iter().filter_map(|errors| errors.first().map(remedy)).collect();
            format!("{}; one of them is enough", cut(&ways.join(", "), 300))
        }
        _ => cut(&error.masked().to_string(), 300),
    }
}

fn sentence(error: &jsonschema::ValidationError<'_>) -> String {
    let path = error.instance_path().to_string();
    let place = if path.is_empty() { "at the top".to_owned() } else { cut(&path, 200) };
    match error.kind() {
        jsonschema::error::ValidationErrorKind::Required { property } => {
            format!("The answer misses {} ({place}).", cut(&property.to_string(), 100))
        }
        // Masked: the value itself may be long, and is in the answer anyway.
        _ => format!(
            "The answer does not fit its schema: {} ({place}).",
            cut(&error.masked().to_string(), 300)
        ),
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What answers are made of.
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        ":",
        ",",
        " ",
        "\n",
        "text",
        "\"score\":",
        "1",
        "-",
        "1e999",
        "null",
        "\\ud800",
        "ř",
        "😀",
        "\0",
        "```json\n",
        "```",
        "{\"score\": 5, \"text\": \"x\", \"status\": {\"risks\": []}}",
        "<think>",
        "</think>",
    ];

    fn schema() -> Schema {
        Schema::compile(&json!({
            "type": "object",
            "properties": {
                "score": {"type": "number"},
                "text": {"type": "string"},
                "status": {"type": "object", "required": ["risks"]},
            },
        }))
        .unwrap()
    }

    fn json(text: &str) -> Result<Answer, Failure> {
        read(text, Ending::Whole, Some(&schema()))
    }

    #[test]
    fn a_requests_faults_say_what_would_be_right() {
        let schema = Schema::compile(&json!({"properties": {
            "n": {"type": ["number", "null"]}, "w": {"enum": ["a", "b"]},
            "r": {"anyOf": [{"required": ["x"]}, {"required": ["y"]}]},
        }}))
        .unwrap();
        let faults = schema.faults(&json!({"n": "1", "w": "c", "r": {}}));
        let told: Vec<_> = faults.iter().map(|(place, what)| format!("{place}: {what}")).collect();
        assert_eq!(
            told,
            [
                "/n: expected a JSON value of type null or number",
                "/w: expected one of [\"a\",\"b\"]",
                "/r: \"x\" is missing, \"y\" is missing; one of them is enough",
            ]
        );
    }

    #[test]
    fn json_is_found_where_it_is_clear() {
        let cases: &[(&str, Value, &[Note])] = &[
            (r#"{"score":1}"#, json!({"score": 1}), &[]),
            ("\n {\"score\": 1.5}\n", json!({"score": 1.5}), &[]),
            ("```json\n{\"score\":1}\n```", json!({"score": 1}), &[Note::Extracted]),
            ("Sure! Here {it} is: {\"score\":1} Anything else?", json!({"score": 1}), &[Note::Extracted]),
            ("<think>maybe {\"score\":9}?</think>{\"score\":1}", json!({"score": 1}), &[Note::Extracted]),
            ("{\"text\":\"a } and ``` in a string\"}", json!({"text": "a } and ``` in a string"}), &[]),
            ("{\"text\":\"two\nlines\"}", json!({"text": "two\nlines"}), &[Note::Repaired]),
            ("{\"score\":1,}", json!({"score": 1}), &[Note::Repaired]),
            (
                "```json\n{score: 1, 'text': 'x😀'}\n```",
                json!({"score": 1, "text": "x😀"}),
                &[Note::Repaired],
            ),
        ];
        for (text, value, notes) in cases {
            let answer = json(text).unwrap();
            assert_eq!((&answer.value, answer.notes.as_slice()), (value, *notes), "{text}");
        }
    }

    #[test]
    fn what_is_not_clear_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let open = format!("{{\"a\":{}", "{\"a\":".repeat(10_000));
        let blank = format!("{{a b{}c", " ".repeat(200_000));
        let cases: &[(&str, &str)] = &[
            ("I cannot help with that.", "is not valid JSON"),
            ("Internal server error", "is not valid JSON"),
            ("{\"score\":1} or {\"score\":2}", "2 JSON objects"),
            ("{\n  \"score\":1,\n  \"score\":2}", "\"score\" stands"),
            ("{\"score\":1e999}", "(line 1, column"),
            ("{\"text\":\"\\ud800\"}", "(line 1, column"),
            (&deep, "nested deeper than 64 levels (line 1, column 69)"),
            (&open, "nested deeper"),
            (&blank, "is not valid JSON"),
        ];
        for (text, told) in cases {
            let failure = json(text).unwrap_err();
            assert_eq!(failure.code, Code::UnreadableAnswer, "{text:.60}");
            assert!(failure.message.contains(told), "{}", failure.message);
        }
    }

    #[test]
    fn a_mismatch_names_the_place() {
        let failure = json(r#"{"status":{},"score":"high"}"#).unwrap_err();
        assert_eq!(failure.code, Code::InvalidOutput);
        assert!(failure.message.contains("The answer misses \"risks\" (/status)."), "{}", failure.message);
        assert!(failure.message.contains("(/score)"), "{}", failure.message);
        assert!(!failure.message.contains("high"), "{}", failure.message);
        assert_eq!(json("[1]").unwrap_err().code, Code::InvalidOutput);
    }

    #[test]
    fn json_cut_at_the_limit_is_never_repaired() {
        let cut = read(r#"{"score":1,"text":"unfini"#, Ending::AtLimit, Some(&schema())).unwrap_err();
        assert_eq!(cut.code, Code::UnreadableAnswer);
        assert!(cut.hint.is_some());
        let nested = read(r#"{"status":{"risks":1},"text":"unfini"#, Ending::AtLimit, Some(&schema()));
        assert_eq!(nested.unwrap_err().code, Code::UnreadableAnswer);
        let whole = read(r#"{"score":1}"#, Ending::AtLimit, Some(&schema())).unwrap();
        assert_eq!(whole.notes, [Note::TruncatedByLimit]);
    }

    #[test]
    fn a_text_answer_is_its_text() {
        let answer = read(" plain {text}\n", Ending::Unknown, None).unwrap();
        assert_eq!(answer, Answer { value: json!("plain {text}"), notes: vec![Note::FinishUnknown] });
        for empty in ["", " \n\t", "<think>hm</think> \n"] {
            assert_eq!(read(empty, Ending::Whole, None).unwrap_err().code, Code::EmptyAnswer);
        }
    }

    #[test]
    fn a_schema_reaches_for_nothing_outside() {
        let remote = Schema::compile(&json!({"$ref": "https://example.com/schema.json"})).unwrap_err();
        assert!(remote.to_string().contains("schema.json"), "{remote}");
        assert!(Schema::compile(&json!({"type": "nonsense"})).is_err());
        assert!(Schema::compile(&json!({"type": "string", "pattern": "(?<=a)b"})).is_err());
    }

    #[test]
    fn a_large_value_is_told_its_first_mismatch_only() {
        let schema = Schema::compile(&json!({"items": {"type": "string"}})).unwrap();
        let told = |items: usize| schema.faults(&json!(vec![1; items])).len();
        assert_eq!((told(0), told(3), told(100)), (0, 3, 20));
        assert_eq!((told(Schema::MAX_PARTS - 2), told(Schema::MAX_PARTS)), (20, 1));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..40),
            any in ".{0,40}",
        ) {
            let schema = schema();
            for text in [pieces.concat(), [&pieces.concat(), any.as_str()].concat(), any] {
                for ending in [Ending::Whole, Ending::AtLimit, Ending::Unknown] {
                    for schema in [None, Some(&schema)] {
                        // What fails says so with a sentence.
                        let read = read(&text, ending, schema);
                        proptest::prop_assert!(read.is_ok() || read.is_err_and(|why| !why.message.is_empty()));
                    }
                }
            }
        }
    }
}
