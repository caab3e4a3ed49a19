//! Panel files: from `panel.toml` and what it names to a checked [`Panel`].
//!
//! Reading goes on after a fault, so that all are told at once. Each fault is
//! told where it stands, in the TOML, the prompt or the schema.

mod clocks;
mod folder;
mod retrieval;
mod scripts;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;
use toml::Spanned;
use toml::de::DeValue;

use super::Checks;
use super::Merge;
use super::ModelChoice;
use super::Panel;
use super::Query;
use super::Report;
use super::Title;
use super::plan;
use super::template::Prompt;
use crate::fault::Fault;
use crate::fault::Faults;
use crate::fault::Source;
use crate::fault::reader::Reader;
use crate::id::PanelName;
use crate::id::QueryName;

use clocks::Clocks;
use folder::Folder;

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
    let drafts = drafts(&mut top, &clocks, folder, faults);
    let merge = merge(&mut top, drafts.len());
    top.finish();
    check_names(&drafts, source, faults);
    check_plan(&drafts, source, faults);
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
        merge,
        simulated,
    })
}

/// A query as far as it could be read: its name and needs matter to others even when it is faulty.
struct Draft {
    id: Spanned<String>,
    needs: Vec<Spanned<String>>,
    query: Option<Query>,
}

fn drafts(top: &mut Reader<'_>, clocks: &Clocks, folder: &Folder<'_>, faults: &Faults) -> Vec<Draft> {
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
    let needs = table.take_texts("needs").map(Spanned::into_inner).unwrap_or_default();
    let models = models(&mut table);
    let prompt = table.take_text("prompt").and_then(|path| {
        let needs: Vec<&str> = needs.iter().map(|need| need.get_ref().as_str()).collect();
        Prompt::compile(&folder.named(&table, &path)?, &needs, faults)
    });
    let output = table.take_text("output").and_then(|path| folder.schema(&table, &path));
    let temperature = temperature(&mut table);
    let max_tokens = max_tokens(&mut table);
    let own = Clocks::of_query(&mut table, clocks);
    own.check_order(clocks, table.source(), faults);
    table.finish();
    let query = name.zip(prompt).map(|(name, prompt)| Query {
        title: title.unwrap_or_else(|| english(name.get_ref().as_str())),
        name: name.into_inner(),
        // A need that is no name has been told, or will be, as one that does not exist.
        needs: needs.iter().filter_map(|need| need.get_ref().parse().ok()).collect(),
        models,
        prompt,
        output,
        temperature,
        max_tokens,
        limits: own.limits(),
    });
    Draft { id: id.unwrap_or_else(|| Spanned::new(span, String::new())), needs, query }
}

fn english(text: &str) -> Title {
    Title(BTreeMap::from([("en".to_owned(), text.to_owned())]))
}

/// `title = "..."` or `title = { en = "...", cs = "..." }`.
fn title(table: &mut Reader<'_>) -> Option<Title> {
    let value = table.take("title")?;
    if let Some(text) = value.get_ref().as_str() {
        if text.trim().is_empty() {
            table.fault(value.span(), "the title is empty");
        }
        return Some(english(text));
    }
    if !value.get_ref().is_table() {
        table.expected(&value, "a text or a table such as { en = \"...\" }");
        return None;
    }
    let mut languages = table.table("title", value)?;
    languages.require(&["en"]);
    let mut title = BTreeMap::new();
    for language in languages.keys() {
        let text = languages.take_text(language.get_ref());
        let key = language.get_ref();
        if !(2..=3).contains(&key.len()) || !key.bytes().all(|c| c.is_ascii_lowercase()) {
            languages.fault(language.span(), format!("\"{key}\" is not a language such as en or cs"));
        } else if let Some(text) = text {
            if text.get_ref().trim().is_empty() {
                languages.fault(text.span(), "the title is empty");
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

fn merge(top: &mut Reader<'_>, queries: usize) -> Merge {
    let mut merge = Merge { need: 1, flatten: false, report: None };
    let Some(mut table) = top.take_table("merge") else { return merge };
    if let Some(need) = table.take_count("need") {
        merge.need = usize::try_from(*need.get_ref()).unwrap_or(usize::MAX);
        if merge.need < 1 || (merge.need > queries && queries > 0) {
            let message = format!("\"need\" must lie between 1 and the number of queries, {queries}");
            table.fault(need.span(), message);
        }
    }
    let flatten = table.take_bool("flatten");
    merge.flatten = flatten.as_ref().is_some_and(|flatten| *flatten.get_ref());
    let unread = table.keys().iter().any(|key| key.get_ref() == "report");
    merge.report =
        table.take_word("report", &[("construction", Report::Construction)]).map(Spanned::into_inner);
    if let Some(flatten) = flatten.filter(|_| merge.flatten && merge.report.is_none() && !unread) {
        let fault = table.source().fault(flatten.span(), "\"flatten\" needs a report to flatten");
        table.add(fault.help("add report = \"construction\""));
    }
    table.finish();
    merge
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
