//! What a prompt's template may do: its limits, its filters, how values print.
//!
//! Nothing here may turn untrusted data into text that could be changed or
//! taken for an instruction: filters that read text refuse it.

use std::sync::Arc;

use minijinja::Environment;
use minijinja::Error;
use minijinja::ErrorKind;
use minijinja::State;
use minijinja::UndefinedBehavior;
use minijinja::Value as Jinja;
use minijinja::escape_formatter;
use minijinja::syntax::SyntaxConfig;
use serde_json::Value;

use super::FENCE;
use super::Prompt;
use super::gap::Gap;
use super::untrusted::Untrusted;

/// An empty set of templates with these filters and limits.
pub fn environment() -> Environment<'static> {
    let mut templates = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    if let Ok(syntax) = syntax {
        templates.set_syntax(syntax);
    }
    templates.set_debug(true);
    templates.set_fuel(Some(Prompt::FUEL));
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    templates.set_formatter(|out, state, value| {
        if value.is_none() { Ok(out.write_str("-")?) } else { escape_formatter(out, state, value) }
    });
    // What reads a value as text would cut or change the fence of an untrusted one.
    for filter in TEXT_FILTERS {
        templates.remove_filter(filter);
    }
    // These show the whole context, or let a text grow without fuel.
    for function in ["debug", "dict", "namespace"] {
        templates.remove_global(function);
    }
    templates.add_filter("upper", |state: &State, text: &Jinja| {
        Ok::<_, Error>(trusted(state, text)?.to_uppercase())
    });
    templates.add_filter("lower", |state: &State, text: &Jinja| {
        Ok::<_, Error>(trusted(state, text)?.to_lowercase())
    });
    templates.add_filter("trim", |state: &State, text: &Jinja| {
        Ok::<_, Error>(trusted(state, text)?.trim().to_owned())
    });
    templates.add_filter("cut", cut);
    templates.add_filter("fenced", fenced);
    templates.add_filter("word", word);
    templates.add_filter("tojson", tojson);
    templates
}

const TEXT_FILTERS: [&str; 17] = [
    "capitalize",
    "e",
    "escape",
    "format",
    "indent",
    "lines",
    "lower",
    "pprint",
    "replace",
    "safe",
    "split",
    "string",
    "title",
    "tojson",
    "trim",
    "upper",
    "attr",
];

/// The text of a value that is neither untrusted nor holds a fence.
fn trusted(state: &State, value: &Jinja) -> Result<String, Error> {
    let fence = state.lookup(FENCE).map(|fence| fence.to_string()).unwrap_or_default();
    let text = value.to_string();
    if value.downcast_object_ref::<Untrusted>().is_some() || (!fence.is_empty() && text.contains(&fence)) {
        return Err(Error::new(ErrorKind::InvalidOperation, "untrusted data can be printed, not changed"));
    }
    Ok(text)
}

/// `text|cut(160)`: at most so many characters.
fn cut(state: &State, text: &Jinja, most: usize) -> Result<String, Error> {
    let text = trusted(state, text)?;
    if text.chars().count() <= most {
        return Ok(text);
    }
    Ok(text.chars().take(most.saturating_sub(1)).chain(['…']).collect())
}

/// `value|word`: a number or one short plain word; anything else is a dash. For facts that may come from a form.
fn word(value: &Jinja) -> String {
    let text = value.to_string();
    let plain = |c: u8| c.is_ascii_alphanumeric() || b".,+-/%_".contains(&c);
    let short = (1..=24).contains(&text.len()) && !value.is_none() && !value.is_undefined();
    if short && text.bytes().all(plain) { text } else { "-".to_owned() }
}

/// `value|fenced("label")`: prints like untrusted data. For facts that quote what a user wrote.
fn fenced(state: &State, value: &Jinja, label: &str) -> Result<Jinja, Error> {
    let fence: Arc<str> = state.lookup(FENCE).map(|fence| fence.to_string()).unwrap_or_default().into();
    if let Some(data) = value.downcast_object_ref::<Untrusted>() {
        return Ok(data.relabelled(label));
    }
    if value.downcast_object_ref::<Gap>().is_some() {
        return Ok(value.clone());
    }
    let json = match value.as_str() {
        Some(text) => Value::from(text),
        None => {
            serde_json::to_value(value).map_err(|_| Error::new(ErrorKind::BadSerialization, "is not JSON"))?
        }
    };
    Ok(Untrusted::value(Arc::new(json), &fence, label))
}

/// Compact JSON. Untrusted values print as JSON anyway, and stay untrusted.
fn tojson(value: &Jinja) -> Result<Jinja, Error> {
    let is_gap = value.downcast_object_ref::<Gap>().is_some();
    if is_gap || value.downcast_object_ref::<Untrusted>().is_some() {
        return Ok(value.clone());
    }
    let json = serde_json::to_string(value);
    json.map(Jinja::from).map_err(|_| Error::new(ErrorKind::BadSerialization, "is not JSON"))
}
