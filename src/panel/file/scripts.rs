//! `simulated.toml`: what the scripted provider plays for each query.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use toml::Spanned;

use super::Draft;
use super::folder;
use super::folder::Folder;
use crate::fault::Faults;
use crate::fault::reader::Reader;
use crate::id::QueryName;
use crate::panel::script::FAILURES;
use crate::panel::script::ScriptOutcome;
use crate::panel::script::ScriptStep;

/// Characters that one token stands for.
const TOKEN: usize = 4;
/// Tokens in a chunk unless the script says otherwise.
const TOKENS: u64 = 4;

/// The scripts of a panel; without the file there is none. What is asked of each model may have several, `ID-1`
/// and on, for the first model and on.
pub(super) fn read(
    drafts: &[Draft],
    folder: &Folder<'_>,
    faults: &Faults,
) -> BTreeMap<QueryName, Vec<ScriptStep>> {
    let mut scripts = BTreeMap::new();
    let Some(source) = folder.optional("simulated.toml") else { return scripts };
    let Some(mut top) = Reader::open(&source, faults) else { return scripts };
    for draft in drafts {
        let mut names = vec![draft.id.get_ref().clone()];
        if draft.query.as_ref().is_some_and(|query| query.each) {
            let taken = |name: &String| drafts.iter().any(|other| other.id.get_ref() == name);
            let there: Vec<String> = top.keys().into_iter().map(Spanned::into_inner).collect();
            let numbered = (1..).map(|n| format!("{}-{n}", draft.id.get_ref()));
            names.extend(numbered.take_while(|name| there.contains(name) && !taken(name)));
        }
        for name in names {
            let Some(table) = top.take_table(&name) else { continue };
            let steps = script(table, &name, draft, folder);
            if let (Some(_), Ok(name)) = (&draft.query, name.parse()) {
                scripts.insert(name, steps);
            }
        }
    }
    top.finish();
    scripts
}

fn script(mut table: Reader<'_>, name: &str, draft: &Draft, folder: &Folder<'_>) -> Vec<ScriptStep> {
    table.require(&["attempts"]);
    let span = table.span();
    let attempts = table.take_tables("attempts");
    if attempts.as_ref().is_some_and(Vec::is_empty) {
        table.fault(span, format!("the script of \"{name}\" has no attempt"));
    }
    let schema = draft.query.as_ref().and_then(|query| query.output.clone());
    let attempts = attempts.into_iter().flatten();
    let steps = attempts.filter_map(|attempt| step(attempt, schema.as_deref(), folder)).collect();
    table.finish();
    steps
}

fn step(mut table: Reader<'_>, schema: Option<&Value>, folder: &Folder<'_>) -> Option<ScriptStep> {
    let span = table.span();
    let wait = table.take_duration("wait").map(Spanned::into_inner).unwrap_or_default();
    let over = table.take_duration("over").map(Spanned::into_inner).unwrap_or_default();
    let tokens = table.take_count("tokens_per_chunk");
    if let Some(tokens) = tokens.as_ref().filter(|tokens| !(1..=10_000).contains(tokens.get_ref())) {
        table.fault(tokens.span(), "\"tokens_per_chunk\" must lie between 1 and 10000");
    }
    let tokens = tokens.map_or(TOKENS, Spanned::into_inner).clamp(1, 10_000);
    let named = |table: &Reader<'_>, key| table.keys().iter().any(|name| name.get_ref() == key);
    let (plays, fails) = (named(&table, "answer"), named(&table, "fail"));
    if plays == fails {
        table.fault(span, "an attempt has either an answer or a failure");
    }
    let answer = table.take_text("answer").and_then(|path| answer(&table, &path, schema, folder));
    let code = table.take_word("fail", &FAILURES).map(Spanned::into_inner);
    let retry_after = table.take_duration("retry_after");
    if let Some(retry_after) = retry_after.as_ref().filter(|_| !fails) {
        table.fault(retry_after.span(), "\"retry_after\" belongs to a failure");
    }
    table.finish();
    let outcome = match (answer, code) {
        (Some(answer), None) => ScriptOutcome::Answer(answer),
        (None, Some(code)) => ScriptOutcome::Fail { code, retry_after: retry_after.map(Spanned::into_inner) },
        _ => return None,
    };
    Some(ScriptStep { wait, over, chunk: usize::try_from(tokens).unwrap_or(1) * TOKEN, outcome })
}

/// The text of an answer. Where the query has a schema it must fit: a simulated run shows how a good one looks.
fn answer(
    table: &Reader<'_>,
    path: &Spanned<String>,
    schema: Option<&Value>,
    folder: &Folder<'_>,
) -> Option<Arc<str>> {
    let source = folder.named(table, path)?;
    if let Some(validator) = schema.and_then(|schema| folder::validator(schema).ok()) {
        let json = folder.json(&source)?;
        for error in validator.iter_errors(&json) {
            let place = match error.instance_path().as_str() {
                "" => String::new(),
                path => format!(", at {path}"),
            };
            let message = format!("the simulated answer does not fit the query's schema: {error}{place}");
            folder.fault(crate::fault::Fault::of_file(&source.file, message));
        }
    }
    Some(source.text.as_str().into())
}
