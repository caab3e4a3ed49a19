//! Panel files: from `panel.toml` and what it names to a checked [`Panel`].
//!
//! Reading goes on after a fault, so that all are told at once. Each fault is
//! told where it stands, in the TOML, the prompt or the schema.

mod clocks;
mod folder;
mod merging;
mod modes;
mod queries;
mod retrieval;
mod scripts;
mod splitting;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;
use toml::Spanned;
use toml::de::DeValue;

use super::Checks;
use super::Panel;
use super::Title;
use super::plan;
use crate::fault::Fault;
use crate::fault::Faults;
use crate::fault::Source;
use crate::fault::reader::Reader;
use crate::id::PanelName;

use clocks::Clocks;
use folder::Folder;
use queries::Draft;

impl Panel {
    /// Most queries in a panel.
    pub const MOST_QUERIES: usize = 64;
    /// Longest chain of queries that need each other.
    pub const DEEPEST: usize = 16;

    /// Reads `panel.toml` and the files it names. `files` gives the bytes of a file by its path in the
    /// panel's folder; absolute paths and `..` never reach it.
    pub fn parse(name: PanelName, files: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Panel, Vec<Fault>> {
        let faults = Faults::default();
        let panel = {
            let folder = Folder::new(files, &faults);
            folder.source("panel.toml").and_then(|source| read(name, &source, &folder, &faults))
        };
        match panel {
            Some(panel) if faults.is_empty() => Ok(panel),
            _ => Err(faults.into_vec()),
        }
    }
}

fn read(name: PanelName, source: &Source, folder: &Folder<'_>, faults: &Faults) -> Option<Panel> {
    let mut top = Reader::open(source, faults)?;
    top.require(&["title", "query"]);
    let title = title(&mut top).unwrap_or_else(|| english(name.as_str()));
    let input = input(&mut top, folder);
    let checks = top.take_word("checks", &[("construction", Checks::Construction)]).map(Spanned::into_inner);
    let retrieval = top.take_table("retrieval").map(retrieval::read);
    let clocks = top.take_table("limits").map(Clocks::of_panel).unwrap_or_default();
    clocks.check_order(&Clocks::default(), source, faults);
    let drafts = queries::read(&mut top, &clocks, folder, faults);
    let merge = merging::read(&mut top, &drafts, &clocks.limits());
    let (modes, input) = modes::read(&mut top, &drafts, &merge, input);
    top.finish();
    check_names(&drafts, source, faults);
    check_used(&drafts, source, faults);
    check_each(&drafts, source, faults);
    check_plan(&drafts, source, faults);
    splitting::check(&drafts, (checks.is_some(), merge.grace.is_some()), source, faults);
    let simulated = scripts::read(&drafts, folder, faults);
    let queries = drafts.into_iter().map(|draft| draft.query.map(Arc::new)).collect::<Option<Vec<_>>>()?;
    Some(Panel {
        name,
        title,
        revision: folder.revision(),
        input,
        checks,
        retrieval,
        limits: clocks.limits(),
        queries,
        modes,
        cascade: None,
        merge,
        simulated,
    })
}

fn english(text: &str) -> Title {
    Title(BTreeMap::from([("en".to_owned(), text.to_owned())]))
}

/// `title = "..."` or `title = { en = "...", cs = "..." }`.
fn title(table: &mut Reader<'_>) -> Option<Title> {
    title_of(table, "title")
}

/// Words for people under a key, in one language or in several.
fn title_of(table: &mut Reader<'_>, what: &str) -> Option<Title> {
    let value = table.take(what)?;
    if let Some(text) = value.get_ref().as_str() {
        if text.trim().is_empty() {
            table.fault(value.span(), format!("the {what} is empty"));
        }
        return Some(english(text));
    }
    if !value.get_ref().is_table() {
        table.expected(&value, "a text or a table such as { en = \"...\" }");
        return None;
    }
    let mut languages = table.table(what, value)?;
    languages.require(&["en"]);
    let mut title = BTreeMap::new();
    for language in languages.keys() {
        let text = languages.take_text(language.get_ref());
        let key = language.get_ref();
        if !(2..=3).contains(&key.len()) || !key.bytes().all(|c| c.is_ascii_lowercase()) {
            languages.fault(language.span(), format!("\"{key}\" is not a language such as en or cs"));
        } else if let Some(text) = text {
            if text.get_ref().trim().is_empty() {
                languages.fault(text.span(), format!("the {what} is empty"));
            }
            title.insert(language.into_inner(), text.into_inner());
        }
    }
    languages.finish();
    Some(Title(title))
}

/// A schema file, or a table of names that become one.
fn input(top: &mut Reader<'_>, folder: &Folder<'_>) -> Option<Arc<Value>> {
    let value = top.take("input")?;
    match value.get_ref() {
        DeValue::String(path) => folder.schema(top, &Spanned::new(value.span(), path.to_string())),
        DeValue::Table(_) => top.table("input", value).map(|fields| Arc::new(input_schema(fields))),
        _ => {
            top.expected(&value, "a schema file or a table such as { boq = \"optional\" }");
            None
        }
    }
}

/// `{ question = "required", boq = "optional" }`: the question is no part of `input` and always required.
fn input_schema(mut fields: Reader<'_>) -> Value {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for key in fields.keys() {
        let presence = fields.take_word(key.get_ref(), &[("required", true), ("optional", false)]);
        let Some(presence) = presence else { continue };
        match (key.get_ref().as_str(), *presence.get_ref()) {
            ("question", true) => continue,
            ("question", false) => fields.fault(presence.span(), "a question is always required"),
            (_, true) => required.push(key.get_ref().clone()),
            (_, false) => {}
        }
        properties.insert(key.into_inner(), json!({}));
    }
    fields.finish();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn check_names(drafts: &[Draft], source: &Source, faults: &Faults) {
    for (at, draft) in drafts.iter().enumerate() {
        let id = draft.id.get_ref();
        if let Some(first) = drafts[..at].iter().find(|other| !id.is_empty() && other.id.get_ref() == id) {
            let line = source.mark(first.id.span()).line;
            faults.add(
                source.fault(draft.id.span(), format!("query \"{id}\" is already defined in line {line}")),
            );
        }
        for (nth, need) in draft.needs.iter().enumerate() {
            let name = need.get_ref();
            if !drafts.iter().any(|other| other.id.get_ref() == name) {
                let message = format!("query \"{id}\" waits for \"{name}\", which does not exist");
                let others =
                    drafts.iter().map(|other| other.id.get_ref().as_str()).filter(|other| other != id);
                faults.add(source.fault(need.span(), message).suggest(name, others));
            } else if draft.needs[..nth].iter().any(|earlier| earlier.get_ref() == name) {
                faults.add(source.fault(need.span(), format!("query \"{id}\" waits for \"{name}\" twice")));
            }
        }
    }
}

/// A query that is asked after another one reads what came of it: to wait for nothing costs its time.
fn check_used(drafts: &[Draft], source: &Source, faults: &Faults) {
    for (draft, query) in drafts.iter().filter_map(|draft| Some((draft, draft.query.as_ref()?))) {
        let is_used =
            |need: &str| query.prompt.uses(need) || query.when.as_ref().is_some_and(|when| when.uses(need));
        for need in draft.needs.iter().filter(|need| !is_used(need.get_ref())) {
            let (id, name) = (draft.id.get_ref(), need.get_ref());
            if drafts.iter().any(|other| other.id.get_ref() == name && other.id.get_ref() != id) {
                let fault = source
                    .fault(need.span(), format!("\"{id}\" waits for \"{name}\" and uses nothing of it"));
                faults.add(
                    fault.help(format!(
                        "put answers.{name} or others into its prompt, or take it out of needs"
                    )),
                );
            }
        }
    }
}

/// What is asked of each model has no name of its own that a prompt or a condition could use.
fn check_each(drafts: &[Draft], source: &Source, faults: &Faults) {
    let is_each = |draft: &&Draft| draft.query.as_ref().is_some_and(|query| query.each);
    let each: Vec<&str> = drafts.iter().filter(is_each).map(|draft| draft.id.get_ref().as_str()).collect();
    for (draft, query) in drafts.iter().filter_map(|draft| Some((draft, draft.query.as_ref()?))) {
        let by_name = |need: &&&str| {
            query.prompt.names(need) || query.when.as_ref().is_some_and(|when| when.names(need))
        };
        for need in each.iter().filter(by_name) {
            let message = format!("\"{need}\" is asked of each model, so there is no answers.{need}");
            let fault = source.fault(draft.id.span(), message);
            faults.add(fault.help("use others, or answers|items"));
        }
    }
}

fn check_plan(drafts: &[Draft], source: &Source, faults: &Faults) {
    let at = |name: &String| drafts.iter().position(|draft| draft.id.get_ref() == name);
    let needs: Vec<Vec<usize>> = drafts
        .iter()
        .map(|draft| draft.needs.iter().filter_map(|need| at(need.get_ref())).collect())
        .collect();
    let names = |nodes: &[usize]| {
        nodes.iter().map(|node| drafts[*node].id.get_ref().as_str()).collect::<Vec<_>>().join(" -> ")
    };
    let cycles = plan::cycles(&needs);
    for cycle in &cycles {
        let next = cycle.iter().cycle().skip(1);
        let mark = |(node, next): (&usize, &usize)| {
            let need = drafts[*node].needs.iter().find(|need| at(need.get_ref()) == Some(*next));
            source.mark(need.map_or(drafts[*node].id.span(), Spanned::span))
        };
        let marks = cycle.iter().zip(next).map(mark).collect();
        let message = format!("cycle: {} -> {}", names(cycle), names(&cycle[..1]));
        faults.add(Fault { marks, ..source.fault(0..0, message) });
    }
    let chain = plan::longest_chain(&needs);
    if cycles.is_empty() && chain.len() > Panel::DEEPEST {
        let message = format!("a chain of {} queries; at most {} are possible", chain.len(), Panel::DEEPEST);
        faults.add(source.fault(drafts[chain[0]].id.span(), message).note(names(&chain)));
    }
}

#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod tests;
