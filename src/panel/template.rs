//! A query's prompt: a Jinja template that becomes the messages to a model.
//!
//! A line that is only `@system` or `@user` begins a message; a prompt without
//! such lines is one message of the user. Each message is a template of its own,
//! cut before anything is put in, so data can neither begin a message nor close
//! one; what renders to blanks is left out.
//!
//! Values that strangers wrote ([`untrusted`]) print as labelled blocks between
//! delimiters that they cannot know. Undefined names are errors, loops have a
//! limit, and a template reaches no file.

pub mod condition;
mod filters;
mod gap;
mod hedging;
pub mod untrusted;

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use minijinja::Environment;
use minijinja::Error;
use minijinja::Value as Jinja;
use minijinja::value::Serde;
use serde_json::Value;

use crate::failure::Code;
use crate::fault::Faults;
use crate::fault::Source;
use crate::id::QueryName;

use filters::environment;
use gap::Gap;
use untrusted::Untrusted;

/// A compiled prompt.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Holds one template a message, named by its number.
    templates: Arc<Environment<'static>>,
    speakers: Arc<[Speaker]>,
    /// What it uses, as `answers.first`.
    names: Arc<[String]>,
}

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The panel's instructions.
    System,
    /// The ask and its data.
    User,
}

/// What a prompt can see.
#[derive(Clone, Debug)]
pub struct Variables {
    /// Letters and digits drawn at random for this run; data cannot guess them.
    pub fence: String,
    /// The user's text. Untrusted.
    pub question: String,
    /// The ask's `input`, null without one. Untrusted.
    pub input: Arc<Value>,
    /// The language to answer in, as a tag such as `en`; anything else counts as `en`.
    pub language: String,
    /// What came of the queries that this one needs. Untrusted.
    pub answers: BTreeMap<QueryName, Reply>,
    /// The answers among them, shuffled and under labels, for prompts that must not know whose they are. Untrusted.
    pub others: Vec<Other>,
    /// What own documents say, best first, null without any. Untrusted.
    pub passages: Arc<Value>,
    /// The positions as text, within a budget. Untrusted.
    pub positions: Option<String>,
    /// The specifications as text. Untrusted.
    pub specifications: Option<String>,
    /// What our own tables and checks say. Trusted, but see the filter `fenced`.
    pub facts: Option<Value>,
    /// The schema of the answer. Trusted.
    pub schema: Option<Arc<Value>>,
}

/// An answer under a label.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    /// Its label, the same for every query of the run.
    pub label: String,
    /// Whose it is; a prompt need not say.
    pub query: QueryName,
    /// The query that this one is a copy of, else it itself.
    pub of: QueryName,
    /// It.
    pub answer: Arc<Value>,
}

/// What came of a query that another one needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Its answer.
    Answer(Arc<Value>),
    /// What its panel puts in the answer's place.
    Default(Arc<Value>),
    /// Nothing, for this reason.
    Missing(Code),
}

impl Variables {
    /// The names that a prompt may use.
    pub const NAMES: [&'static str; 10] = [
        "answers",
        "facts",
        "input",
        "language",
        "others",
        "passages",
        "positions",
        "question",
        "schema",
        "specifications",
    ];
    /// Shortest fence.
    pub const MIN_FENCE: usize = 8;

    /// What is known of an ask before its run begins. Without a fence no prompt can be written with it.
    pub fn of_ask(question: &str, language: &str, input: Value) -> Variables {
        Variables {
            fence: String::new(),
            question: question.to_owned(),
            input: Arc::new(input),
            language: language.to_owned(),
            answers: BTreeMap::new(),
            others: Vec::new(),
            passages: Arc::default(),
            positions: None,
            specifications: None,
            facts: None,
            schema: None,
        }
    }

    fn to_context(&self) -> Result<Jinja, String> {
        let plain = self.fence.bytes().all(|c| c.is_ascii_alphanumeric());
        if self.fence.len() < Variables::MIN_FENCE || !plain {
            return Err("the fence is not at least 8 letters and digits".to_owned());
        }
        let fence: Arc<str> = self.fence.to_ascii_lowercase().into();
        let data = |json: Arc<Value>, label: &str| Untrusted::value(json, &fence, label);
        let text = |text: &str, label| match text.trim() {
            "" => Jinja::from(()),
            text => data(Arc::new(Value::from(text)), label),
        };
        let optional = |value: &Option<String>, label| text(value.as_deref().unwrap_or_default(), label);
        let reply = |query: &QueryName, reply: &Reply| match reply {
            Reply::Answer(answer) => data(Arc::clone(answer), &format!("answer of {query}")),
            Reply::Default(value) => {
                data(Arc::clone(value), &format!("default of {query}, which gave no answer"))
            }
            Reply::Missing(code) => Gap::value(query, *code),
        };
        let answers =
            self.answers.iter().map(|(query, came)| (query.as_str().to_owned(), reply(query, came)));
        let other = |other: &Other| {
            Jinja::from_pairs([
                ("label", Jinja::from(other.label.as_str())),
                ("query", Jinja::from(other.query.as_str())),
                ("of", Jinja::from(other.of.as_str())),
                ("answer", data(Arc::clone(&other.answer), &format!("answer {}", other.label))),
            ])
        };
        Ok(Jinja::from_pairs([
            ("others", self.others.iter().map(other).collect()),
            ("question", text(&self.question, "project description")),
            ("input", data(Arc::clone(&self.input), "input")),
            ("language", Jinja::from(language(&self.language))),
            ("answers", Jinja::from_pairs(answers)),
            ("passages", data(Arc::clone(&self.passages), "passages of own documents")),
            ("positions", optional(&self.positions, "positions")),
            ("specifications", optional(&self.specifications, "specifications")),
            (
                "facts",
                self.facts
                    .as_ref()
                    .map_or(Jinja::from(()), |facts| Jinja::from(Serde(without(facts, &fence)))),
            ),
            (
                "schema",
                self.schema.as_ref().map_or(Jinja::from(()), |schema| Jinja::from(schema.to_string())),
            ),
            (FENCE, Jinja::from(fence.as_ref())),
        ]))
    }
}

/// Facts quote what users wrote, so the fence is taken out of them as well.
fn without(facts: &Value, fence: &str) -> Value {
    match facts {
        Value::String(text) => Value::from(untrusted::without(text, fence)),
        Value::Array(list) => list.iter().map(|item| without(item, fence)).collect(),
        Value::Object(map) => map.iter().map(|(key, item)| (key.clone(), without(item, fence))).collect(),
        other => other.clone(),
    }
}

/// The fence in a template's context; no prompt may name it.
const FENCE: &str = "_fence";

impl Prompt {
    /// Most instructions that rendering one message takes.
    pub const FUEL: u64 = 500_000;
    /// Longest message in bytes.
    pub const LONGEST: usize = 4 << 20;

    /// A prompt from its file; `needs` are the queries whose answers it may use.
    pub fn compile(source: &Source, needs: &[&str], faults: &Faults) -> Option<Prompt> {
        let mut templates = environment();
        let mut speakers = Vec::new();
        let mut names = Vec::new();
        let mut fine = true;
        for (number, (speaker, span)) in messages(&source.text).into_iter().enumerate() {
            let name = number.to_string();
            if let Err(error) =
                templates.add_template_owned(name.clone(), source.text[span.clone()].to_owned())
            {
                fine = false;
                faults.add(
                    source.fault(place(source, &error, &span), format!("template: {}", sentence(&error))),
                );
            } else if let Ok(template) = templates.get_template(&name) {
                let used: Vec<String> = template.undeclared_variables(true).into_iter().collect();
                names.extend(used.iter().cloned());
                fine &= check_names(source, &span, used, needs, faults);
            }
            speakers.push(speaker);
        }
        if !speakers.contains(&Speaker::User) {
            fine = false;
            faults.add(source.fault(0..0, "the prompt has no message of the user"));
        }
        // Debug information is for places in compile errors; at run time it would copy data into errors.
        templates.set_debug(false);
        fine.then(|| Prompt {
            templates: Arc::new(templates),
            speakers: speakers.into(),
            names: names.into(),
        })
    }

    /// Whether it takes the answer of this query by its name.
    pub fn names(&self, need: &str) -> bool {
        condition::names(&self.names, need)
    }

    /// Whether it looks at the answer of this query.
    pub fn uses(&self, need: &str) -> bool {
        condition::uses(&self.names, need)
    }

    /// The messages of this prompt; at least one is the user's. The error is a sentence without data.
    pub fn render(&self, variables: &Variables) -> Result<Vec<(Speaker, String)>, String> {
        let context = variables.to_context()?;
        let mut messages = Vec::with_capacity(self.speakers.len());
        for (number, speaker) in self.speakers.iter().enumerate() {
            let template =
                self.templates.get_template(&number.to_string()).map_err(|error| sentence(&error))?;
            let mut text = Capped(Vec::new());
            let rendered = template.render_captured_to(context.clone(), &mut text);
            rendered.map_err(|error| match error.line() {
                Some(line) => format!("{} (line {line} of message {})", sentence(&error), number + 1),
                None => sentence(&error),
            })?;
            let text = String::from_utf8_lossy(&text.0).trim().to_owned();
            if !text.is_empty() {
                messages.push((*speaker, text));
            }
        }
        if messages.iter().any(|(speaker, _)| *speaker == Speaker::User) {
            Ok(messages)
        } else {
            Err("the prompt has no message of the user".to_owned())
        }
    }
}

/// The parts of a prompt between its marks; blank ones are left out.
fn messages(text: &str) -> Vec<(Speaker, Range<usize>)> {
    let mut parts = Vec::new();
    let mut current = (Speaker::User, 0);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        let mark = match line.trim_end() {
            "@system" => Some(Speaker::System),
            "@user" => Some(Speaker::User),
            _ => None,
        };
        if let Some(speaker) = mark {
            parts.push((current.0, current.1..at));
            current = (speaker, end);
        }
        at = end;
    }
    parts.push((current.0, current.1..text.len()));
    parts.retain(|(_, span)| !text[span.clone()].trim().is_empty());
    parts
}

/// A language tag such as `en` or `pt-BR`; anything else is no tag and could say anything.
fn language(text: &str) -> &str {
    let tag = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric());
    if text.split('-').all(tag) && text.len() <= 16 { text } else { "en" }
}

/// Adds a fault for every name the template uses and nobody gives.
fn check_names(
    source: &Source,
    span: &Range<usize>,
    mut used: Vec<String>,
    needs: &[&str],
    faults: &Faults,
) -> bool {
    used.sort();
    let mut fine = true;
    for path in used {
        let mut parts = path.split('.');
        let name = parts.next().unwrap_or_default();
        let fault = |what: &str, message: String| source.fault(find(&source.text, span, what), message);
        match (name, parts.next()) {
            ("range", None) => {}
            ("answers", Some(query)) if !needs.contains(&query) && query != "items" => {
                fine = false;
                let message =
                    format!("the prompt uses the answer of \"{query}\", which its query does not need");
                faults.add(fault(&format!("answers.{query}"), message).suggest(query, needs.iter().copied()));
            }
            (name, _) if !Variables::NAMES.contains(&name) => {
                fine = false;
                let known = format!("known variables: {}", Variables::NAMES.join(", "));
                let message = format!("undefined variable \"{name}\"");
                faults.add(fault(name, message).suggest(name, Variables::NAMES).note(known));
            }
            _ => {}
        }
    }
    fine
}

/// Where a name stands inside a tag, for the caret; the template's own tree has no public places.
fn find(text: &str, span: &Range<usize>, name: &str) -> Range<usize> {
    let part = &text[span.clone()];
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let in_tag = |at: usize| {
        let opened = part[..at].rfind("{{").max(part[..at].rfind("{%"));
        let closed = part[..at].rfind("}}").max(part[..at].rfind("%}"));
        opened.is_some() && opened > closed
    };
    let whole = |at: usize| {
        let before = part[..at].chars().next_back();
        let after = part[at + name.len()..].chars().next();
        !before.is_some_and(|c| word(c) || c == '.' || c == '|') && !after.is_some_and(word)
    };
    let found = part.match_indices(name).map(|(at, _)| at).find(|at| whole(*at) && in_tag(*at));
    found.map_or(span.start..span.start, |at| span.start + at..span.start + at + name.len())
}

/// Where an error of the message at `span` stands in the file.
fn place(source: &Source, error: &Error, span: &Range<usize>) -> Range<usize> {
    if let Some(range) = error.range() {
        return span.start + range.start..span.start + range.end;
    }
    let first = source.text[..span.start].matches('\n').count();
    let start = source.line_start(first + error.line().unwrap_or(1));
    let end = source.text[start..].find('\n').map_or(source.text.len(), |at| start + at);
    start..end
}

fn sentence(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Takes a message up to [`Prompt::LONGEST`].
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > Prompt::LONGEST {
            return Err(io::Error::other("the message is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
