//! Quotations in answers of models, looked up in what was asked.
//!
//! A text in quotation marks, or in a field that is meant as evidence, claims
//! that somebody wrote it. It is searched word for word: NFC, white space
//! folded, soft hyphens dropped, otherwise exact. Nothing similar counts.

use serde_json::Value;
use serde_json::json;
use unicode_normalization::UnicodeNormalization;

use crate::audit::Project;
use crate::audit::answers::NOT_ASSESSED;
use crate::audit::finding::Checks;
use crate::audit::finding::readable;
use crate::audit::report::Part;
use crate::audit::report::RULES;

/// Fields whose whole text is a quotation.
const FIELDS: [&str; 5] = ["evidence", "quote", "quotation", "excerpt", "your_document_says"];
/// Quotation marks that open, and what closes each.
const MARKS: [(char, &[char]); 5] = [
    ('"', &['"']),
    ('\u{201e}', &['\u{201c}', '\u{201d}', '"']),
    ('\u{201c}', &['\u{201d}']),
    ('\u{ab}', &['\u{bb}']),
    ('\u{bb}', &['\u{ab}']),
];
/// Quotations that are looked up in one answer.
const MAX_QUOTES: usize = 200;
/// Characters of a quotation that the report shows.
const MAX_SHOWN: usize = 300;
/// Stands between two texts of the input, so that no quotation runs across.
const APART: char = '\u{1f}';

/// Every quotation of the models' answers: `{query, path, quote, found, where?, row?}`.
pub fn evidence(parts: &[Part<'_>], project: &Project, checks: &Checks) -> Vec<Value> {
    let mut input: Option<Input> = None;
    let mut list = Vec::new();
    for part in parts.iter().filter(|part| part.provider != Some(RULES)) {
        let Ok(answer) = part.outcome else { continue };
        for (path, quote) in quotes(answer) {
            let folded = fold(&quote);
            let input = input.get_or_insert_with(|| Input::of(project, checks));
            let mut one = json!({"query": part.query, "path": path, "quote": shown(&quote)});
            let place = input.find(&folded);
            one["found"] = json!(place.is_some());
            if let Some((name, row)) = place {
                one["where"] = json!(name);
                if let Some(row) = row {
                    one["row"] = json!(row);
                }
            }
            list.push(one);
        }
    }
    list
}

/// One warning per query that quotes what nobody wrote.
pub fn warnings(evidence: &[Value]) -> Vec<Value> {
    let mut queries: Vec<&Value> = evidence.iter().map(|one| &one["query"]).collect();
    queries.dedup();
    let warning = |query: &Value| {
        let own = || evidence.iter().filter(|one| one["query"] == *query);
        let (all, missing) = (own().count(), own().filter(|one| one["found"] == false).count());
        let message = format!("{missing} of {all} quotations were not found in what was asked.");
        (missing > 0).then(
            || json!({"source": query, "severity": "warning", "code": "quote_not_found", "message": message}),
        )
    };
    queries.into_iter().filter_map(warning).collect()
}

/// Quotations of an answer with their places as JSON pointers, in order.
fn quotes(answer: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(answer, &mut String::new(), false, &mut found);
    found.truncate(MAX_QUOTES);
    found
}

fn collect(value: &Value, path: &mut String, is_evidence: bool, found: &mut Vec<(String, String)>) {
    let before = path.len();
    match value {
        Value::String(text) => {
            let marked = marked(text);
            let whole = is_evidence && marked.is_empty() && is_quote(text);
            let own = if whole { vec![text.clone()] } else { marked };
            found.extend(own.into_iter().map(|quote| (path.clone(), quote)));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push_str(&format!("/{at}"));
                collect(item, path, is_evidence, found);
                path.truncate(before);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                path.push('/');
                path.push_str(&key.replace('~', "~0").replace('/', "~1"));
                collect(item, path, FIELDS.contains(&key.as_str()), found);
                path.truncate(before);
            }
        }
        _ => {}
    }
}

/// Whether a text says something that can be looked up.
fn is_quote(text: &str) -> bool {
    let text = text.trim();
    text.chars().filter(|c| c.is_alphanumeric()).count() >= 3 && text != NOT_ASSESSED
}

/// What stands between quotation marks; an inch sign behind a number opens nothing.
fn marked(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let closes = |close: &[char], at: usize| {
        close.contains(&chars[at]) && chars.get(at + 1).is_none_or(|next| !next.is_alphanumeric())
    };
    let mut found = Vec::new();
    // Marks that nothing closes any more: looking again at each of them would take for ever.
    let mut open = [true; MARKS.len()];
    let mut at = 0;
    while at < chars.len() {
        let free = at == 0 || !chars[at - 1].is_alphanumeric();
        let kind = MARKS.iter().position(|(open, _)| *open == chars[at]).filter(|kind| free && open[*kind]);
        let end = kind.and_then(|kind| {
            let end = (at + 1..chars.len()).find(|end| closes(MARKS[kind].1, *end));
            open[kind] = end.is_some();
            end
        });
        match end {
            Some(end) => {
                let quote: String = chars[at + 1..end].iter().collect();
                if is_quote(&quote) {
                    found.push(quote);
                }
                at = end + 1;
            }
            None => at += 1,
        }
    }
    found
}

fn shown(quote: &str) -> String {
    match quote.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &quote[..end]),
        None => quote.to_owned(),
    }
}

/// NFC, soft hyphens and the like dropped, white space folded to one space.
fn fold(text: &str) -> String {
    let visible = text.nfc().filter(|c| !matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}'));
    let mut folded = String::with_capacity(text.len());
    for c in visible {
        match c {
            c if c.is_whitespace() => {
                if !folded.is_empty() && !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            c => folded.push(c),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// What was asked, folded once.
struct Input {
    texts: Vec<(&'static str, String)>,
    /// The rows as one text, and where each begins.
    rows: String,
    starts: Vec<usize>,
}

impl Input {
    fn of(project: &Project, checks: &Checks) -> Input {
        let mut specifications = String::new();
        for (key, value) in project.specifications.iter().chain(&project.totals) {
            leaves(key, value, &mut specifications);
        }
        let messages: Vec<String> = checks.findings.iter().map(|finding| fold(&finding.message)).collect();
        let texts = vec![
            ("description", fold(&project.question)),
            ("specifications", specifications),
            ("checks", messages.join(&APART.to_string())),
        ];
        let mut input = Input { texts, rows: String::new(), starts: Vec::new() };
        for position in &project.positions {
            input.starts.push(input.rows.len());
            let quantity = position.quantity.value().map(readable).unwrap_or_default();
            // As a person would say a row, and cell by cell.
            let said = format!("{} {quantity} {}", position.name, position.unit.raw);
            let cells = [position.code.as_deref(), position.object.as_deref(), position.element.as_deref()];
            for cell in cells.into_iter().flatten().chain([said.as_str()]) {
                input.rows.push_str(&fold(cell));
                input.rows.push(APART);
            }
        }
        input
    }

    /// Where a folded text stands: which part of the input, and which row.
    fn find(&self, quote: &str) -> Option<(&'static str, Option<usize>)> {
        if quote.is_empty() {
            return None;
        }
        if let Some(at) = self.rows.find(quote) {
            return Some(("positions", Some(self.starts.partition_point(|start| *start <= at) - 1)));
        }
        self.texts.iter().find(|(_, text)| text.contains(quote)).map(|(name, _)| (*name, None))
    }
}

/// "key: value" of every leaf, and the bare value of texts.
fn leaves(key: &str, value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| leaves(key, value, text)),
        Value::Array(items) => items.iter().for_each(|item| leaves(key, item, text)),
        Value::String(own) => text.push_str(&format!("{key}: {}{APART}", fold(own))),
        other => text.push_str(&format!("{key}: {other}{APART}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::check;

    fn found(answer: &Value) -> Vec<(String, bool, Value)> {
        let input = json!({"positions": [{"item_name": "Výkop", "quantity": 3, "unit": "m3"},
            {"item_name": "Beton  základů\u{a0}C30/37", "quantity": 22.5, "unit": "m³"}],
            "specifications": {"cover_mm": 40, "standards": ["ČSN EN 206+A2"]}});
        let project = Project::read("Foundation strip,\nground\u{ad}water pH 6.2", "en", &input);
        let checks = check(&project);
        let part = Part { query: "q", provider: Some("p"), model: None, outcome: Ok(answer), unread: &[] };
        let own = Part { provider: Some(RULES), ..part };
        assert!(evidence(&[own], &project, &checks).is_empty(), "rules quote nobody");
        let list = evidence(&[part], &project, &checks);
        let told = warnings(&list);
        let missing = list.iter().filter(|one| one["found"] == false).count();
        assert_eq!(told.len(), usize::from(missing > 0));
        if let Some(warning) = told.first() {
            let message = warning["message"].as_str().unwrap();
            assert!(message.starts_with(&format!("{missing} of {} quotations", list.len())), "{message}");
        }
        let one = |one: &Value| {
            let place = if one["row"].is_null() { one["where"].clone() } else { one["row"].clone() };
            (one["path"].as_str().unwrap().to_owned(), one["found"] == true, place)
        };
        list.iter().map(one).collect()
    }

    #[test]
    fn marks_that_nothing_closes_are_looked_at_once() {
        let open = "« ".repeat(300_000);
        assert_eq!(marked(&format!("{open} \"pH 6.2\"")), ["pH 6.2"]);
        assert_eq!(marked("« « one » « two »"), [" « one ", " two "]);
    }

    #[test]
    fn a_quotation_is_found_word_for_word_or_not_at_all() {
        for (text, expected) in [
            ("it says \"groundwater pH 6.2\"", Some(json!("description"))),
            ("„strip, groundwater“ stands there", Some(json!("description"))),
            ("see “Beton základů C30/37”", Some(json!(1))),
            ("«Beton za\u{301}kladů» is asked", Some(json!(1))),
            ("row \"C30/37 22.5 m³\"", Some(json!(1))),
            ("\"ČSN EN 206+A2\"", Some(json!("specifications"))),
            ("\"cover_mm: 40\"", Some(json!("specifications"))),
            ("\"Groundwater pH 6.2\"", None),
            ("\"ground water pH 6.2\"", None),
            ("\"Výkop 3 m3 Beton\"", None),
        ] {
            let found = found(&json!({ "a": text }));
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(
                (found[0].1, found[0].2.clone()),
                (expected.is_some(), expected.unwrap_or_default()),
                "{text}"
            );
        }
    }

    #[test]
    fn only_quotations_are_looked_up() {
        assert!(
            found(&json!({"a": "a pipe of 12\" and one of 10\" diameter", "b": "\"\" \"-\"", "c": 3}))
                .is_empty()
        );
        assert!(found(&json!({"evidence": "not assessed"})).is_empty());
        let list =
            found(&json!({"risks": [{"evidence": "pH 6.2"}, {"quote": "pH 9"}], "x/y": {"z": "\"pH 6.2\""}}));
        let paths: Vec<(&str, bool)> = list.iter().map(|(path, found, _)| (path.as_str(), *found)).collect();
        assert_eq!(paths, [("/risks/0/evidence", true), ("/risks/1/quote", false), ("/x~1y/z", true)]);
    }

    #[test]
    fn a_text_composed_otherwise_is_the_same() {
        let list = found(&json!({"a": "\"za\u{301}kladu\u{30a} C30/37\""}));
        assert_eq!(list[0].2, json!(1));
    }
}
