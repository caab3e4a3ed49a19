//! The queries of a panel file, one `[[query]]` after the other.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;
use toml::Spanned;

use crate::fault::Fault;
use crate::fault::Faults;
use crate::fault::reader::Reader;
use crate::id::QueryName;
use crate::panel::ModelChoice;
use crate::panel::OnFail;
use crate::panel::Panel;
use crate::panel::Query;
use crate::panel::template::Prompt;
use crate::panel::template::condition::Condition;
use crate::panel::template::condition::Wrong;

use super::clocks::Clocks;
use super::english;
use super::folder::Folder;
use super::folder::validator;
use super::splitting;
use super::title;
use super::title_of;

/// Most characters of an icon; emoji of several parts have as many as ten.
const MOST_ICON: usize = 16;

/// A query as far as it could be read: its name and needs matter to others even when it is faulty.
pub(super) struct Draft {
    pub(super) id: Spanned<String>,
    pub(super) needs: Vec<Spanned<String>>,
    pub(super) query: Option<Query>,
}

/// The queries of a panel, with what is wrong in each told.
pub(super) fn read(
    top: &mut Reader<'_>,
    clocks: &Clocks,
    folder: &Folder<'_>,
    faults: &Faults,
) -> Vec<Draft> {
    let tables = match top.take_tables("query") {
        Some(tables) => tables,
        None => return Vec::new(),
    };
    if let Some(table) = tables.get(Panel::MOST_QUERIES) {
        let message =
            format!("the panel has {} queries; at most {} are possible", tables.len(), Panel::MOST_QUERIES);
        table.fault(table.span(), message);
    }
    if tables.is_empty() {
        top.add(Fault::of_file(&top.source().file, "the panel has no query").help("add [[query]]"));
    }
    tables.into_iter().take(Panel::MOST_QUERIES).map(|table| draft(table, clocks, folder, faults)).collect()
}

fn draft(mut table: Reader<'_>, clocks: &Clocks, folder: &Folder<'_>, faults: &Faults) -> Draft {
    let span = table.span();
    table.require(&["id", "prompt"]);
    let id = table.take_text("id");
    if let Some(id) = &id {
        table.rename(format!("[[query]] {:?}", id.get_ref()));
    }
    let name = id.as_ref().and_then(|id| table.parsed::<QueryName>(id));
    let title = title(&mut table);
    let (icon, role) = (icon(&mut table), title_of(&mut table, "role"));
    let each = table.take_word("for_each", &[("model", true)]).is_some_and(Spanned::into_inner);
    let needs = table.take_texts("needs").map(Spanned::into_inner).unwrap_or_default();
    let models = models(&mut table);
    let prompt = table.take_text("prompt").and_then(|path| {
        let needs: Vec<&str> = needs.iter().map(|need| need.get_ref().as_str()).collect();
        Prompt::compile(&folder.named(&table, &path)?, &needs, faults)
    });
    let output = table.take_text("output").and_then(|path| folder.schema(&table, &path));
    let parts = table.take_table("parts").and_then(splitting::read).map(Arc::new);
    let on_fail = on_fail(&mut table, output.as_deref());
    let when = condition(&mut table, "when", |text| {
        let needs: Vec<&str> = needs.iter().map(|need| need.get_ref().as_str()).collect();
        Condition::compile(text, &needs)
    });
    let when = when.and_then(|(when, _)| when);
    let temperature = temperature(&mut table);
    let max_tokens = max_tokens(&mut table);
    let own = Clocks::of_query(&mut table, clocks);
    own.check_order(clocks, table.source(), faults);
    table.finish();
    let query = name.zip(prompt).map(|(name, prompt)| Query {
        title: title.unwrap_or_else(|| english(name.get_ref().as_str())),
        name: name.into_inner(),
        icon,
        role,
        each,
        of: None,
        // A need that is no name has been told, or will be, as one that does not exist.
        needs: needs.iter().filter_map(|need| need.get_ref().parse().ok()).collect(),
        models,
        prompt,
        parts,
        slice: None,
        output,
        on_fail,
        when,
        temperature,
        max_tokens,
        limits: own.limits(),
    });
    Draft { id: id.unwrap_or_else(|| Spanned::new(span, String::new())), needs, query }
}

/// A sign of one or a few characters.
fn icon(table: &mut Reader<'_>) -> Option<String> {
    let text = table.take_text("icon")?;
    let count = text.get_ref().chars().count();
    if !(1..=MOST_ICON).contains(&count) || text.get_ref().chars().any(char::is_control) {
        table.fault(text.span(), format!("an icon is a sign or a word of 1 to {MOST_ICON} characters"));
    }
    Some(text.into_inner())
}

/// A condition under this key, if it is there: itself, unless it has faults, and where it stands. Each fault is
/// told under the name that it concerns.
pub(super) fn condition(
    table: &mut Reader<'_>,
    key: &str,
    compile: impl Fn(&str) -> Result<Condition, Vec<Wrong>>,
) -> Option<(Option<Condition>, Range<usize>)> {
    let text = table.take_text(key)?;
    let wrongs = match compile(text.get_ref()) {
        Ok(condition) => return Some((Some(condition), text.span())),
        Err(wrongs) => wrongs,
    };
    // A text with escapes is not in the file as it is; then all of it is marked.
    let start = text.span().start + 1;
    let is_plain =
        table.source().text.get(start..).is_some_and(|rest| rest.starts_with(text.get_ref().as_str()));
    for wrong in wrongs {
        let span = if is_plain { start + wrong.at.start..start + wrong.at.end } else { text.span() };
        let fault = table.source().fault(span, format!("{key}: {}", wrong.message));
        table.add(match &wrong.unknown {
            Some((word, known)) => {
                let note = format!("known here: {}", known.join(", "));
                let fault = fault.suggest(word, known.iter().map(String::as_str));
                if known.is_empty() { fault } else { fault.note(note) }
            }
            None => fault,
        });
    }
    Some((None, text.span()))
}

/// `on_fail` and `default`.
fn on_fail(table: &mut Reader<'_>, output: Option<&Value>) -> OnFail {
    let words = ["skip", "default", "continue"].map(|word| (word, word));
    let chosen = table.take_word("on_fail", &words);
    let default = table.take_json("default");
    let word = chosen.as_ref().map_or("skip", |word| word.get_ref());
    if let Some(default) = &default {
        if default.get_ref().to_string().len() > OnFail::LONGEST_DEFAULT {
            table.fault(default.span(), "the default is longer than 2 KiB");
        }
        match output {
            Some(schema) => check_default(table, default, schema),
            None if default.get_ref().as_str().is_none_or(|text| text.trim().is_empty()) => {
                table.expected_json(default, "a text, as the query has no \"output\"");
            }
            None => {}
        }
    }
    match (word, chosen, default) {
        ("default", _, Some(default)) => return OnFail::Default(Arc::new(default.into_inner())),
        ("default", Some(word), None) => {
            let fault = table.source().fault(word.span(), "on_fail = \"default\" needs a default");
            table.add(fault.help("add default = ..."));
        }
        ("continue", ..) => return OnFail::Continue,
        (_, _, Some(default)) => {
            let fault = table.source().fault(default.span(), "a default that nothing uses");
            table.add(fault.help("add on_fail = \"default\""));
        }
        _ => {}
    }
    OnFail::Skip
}

fn check_default(table: &Reader<'_>, default: &Spanned<Value>, schema: &Value) {
    // A schema that does not compile has been told where it stands.
    let Ok(validator) = validator(schema) else { return };
    for error in validator.iter_errors(default.get_ref()) {
        let place = match error.instance_path().as_str() {
            "" => String::new(),
            path => format!(" (at {path})"),
        };
        table.fault(default.span(), format!("the default does not fit the query's schema: {error}{place}"));
    }
}

fn models(table: &mut Reader<'_>) -> Vec<ModelChoice> {
    let Some(texts) = table.take_texts("models") else { return vec![ModelChoice::Default] };
    if texts.get_ref().is_empty() {
        table.add(table.source().fault(texts.span(), "the query has no model").help("write [\"default\"]"));
    }
    let mut models = Vec::new();
    for text in texts.get_ref() {
        let Some(model) = table.parsed::<ModelChoice>(text).map(Spanned::into_inner) else { continue };
        if models.contains(&model) {
            table.fault(text.span(), format!("\"{}\" is listed twice", text.get_ref()));
        }
        models.push(model);
    }
    models
}

fn temperature(table: &mut Reader<'_>) -> Option<f64> {
    let number = table.take_number("temperature")?;
    if !(0.0..=2.0).contains(number.get_ref()) {
        table.fault(number.span(), "the temperature must lie between 0 and 2");
    }
    Some(number.into_inner())
}

fn max_tokens(table: &mut Reader<'_>) -> Option<u32> {
    let number = table.take_count("max_tokens")?;
    let fits = u32::try_from(*number.get_ref()).ok().filter(|number| *number > 0);
    if fits.is_none() {
        table.fault(number.span(), format!("\"max_tokens\" must lie between 1 and {}", u32::MAX));
    }
    fits
}
