//! A panel: a named, checked set of queries with their limits and their merge.
//!
//! A `Panel` that exists can run: its names are known, its dependencies have
//! no cycle, its templates and schemas compile. [`Panel::parse`] tells every
//! fault of a file at once, with file, line, column, caret and suggestion.
//! Where the files come from is the caller's business.

mod each;
mod file;
pub mod mode;
pub mod parts;
pub mod plan;
pub mod rules;
pub mod script;
pub mod template;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::id::PanelName;
use crate::id::ProviderName;
use crate::id::QueryName;

use mode::Cascade;
use mode::Modes;
use parts::Parts;
use parts::Slice;
use rules::FieldRule;
use script::ScriptStep;

/// A checked panel.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Its name, from its file or folder.
    pub name: PanelName,
    /// Its title for people, by language.
    pub title: Title,
    /// 12 hexadecimal digits that change whenever one of its files does.
    pub revision: String,
    /// JSON Schema of `input`, if the panel has one.
    pub input: Option<Arc<Value>>,
    /// Checks without AI that run beside the queries.
    pub checks: Option<Checks>,
    /// Whether own documents are searched with the question, before any query starts.
    pub retrieval: Option<Retrieval>,
    /// Clocks of the whole panel.
    pub limits: Limits,
    /// Its queries in the order of the file; `needs` form no cycle.
    pub queries: Vec<Arc<Query>>,
    /// How it can be asked, if there are several ways.
    pub modes: Option<Modes>,
    /// Who begins and what has the others follow, of a panel that runs in a mode that says so.
    pub cascade: Option<Cascade>,
    /// How the answers become one result.
    pub merge: Merge,
    /// What the scripted provider plays, from `simulated.toml`; a query without a script cannot be simulated.
    pub simulated: BTreeMap<QueryName, Vec<ScriptStep>>,
}

/// A title by language; English is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(pub BTreeMap<String, String>);

impl Title {
    /// The title in `language`, else in English, else whatever there is.
    pub fn in_language(&self, language: &str) -> &str {
        let Title(titles) = self;
        let title = titles.get(language).or_else(|| titles.get("en")).or_else(|| titles.values().next());
        title.map_or("", String::as_str)
    }
}

/// One query of a panel.
#[derive(Clone, Debug)]
pub struct Query {
    /// Its name, unique in the panel.
    pub name: QueryName,
    /// Its title for people.
    pub title: Title,
    /// A sign that people know it by, such as an emoji.
    pub icon: Option<String>,
    /// What it stands for, in a few words.
    pub role: Option<Title>,
    /// Whether it is asked of each model by itself; see [`Panel::over`].
    pub each: bool,
    /// The query that it is a copy of, for one model.
    pub of: Option<QueryName>,
    /// The queries whose answers it needs.
    pub needs: Vec<QueryName>,
    /// Who is asked, in fallback order; never empty.
    pub models: Vec<ModelChoice>,
    /// Its prompt.
    pub prompt: template::Prompt,
    /// How it is asked when its list is too long for one prompt; without this what does not fit is left out.
    pub parts: Option<Arc<Parts>>,
    /// Which part of a query it is; none of a panel that was only read.
    pub slice: Option<Slice>,
    /// JSON Schema of its answer; without one the answer is text.
    pub output: Option<Arc<Value>>,
    /// What becomes of those that need it when it ends without an answer.
    pub on_fail: OnFail,
    /// It is asked only if this holds once its needs have ended.
    pub when: Option<template::condition::Condition>,
    /// Sampling temperature, 0 to 2.
    pub temperature: Option<f64>,
    /// Most tokens of the answer.
    pub max_tokens: Option<u32>,
    /// Clocks of this query alone.
    pub limits: Limits,
}

/// What becomes of those that need a query when it ends without an answer, for whatever reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnFail {
    /// They are skipped.
    #[default]
    Skip,
    /// They go on with this value in the place of the answer; it counts as no success.
    Default(Arc<Value>),
    /// They go on without it, as long as another of their needs has something to say.
    Continue,
}

impl OnFail {
    /// Most bytes of a default as JSON, so that an event with one is never too large for a reader.
    pub const LONGEST_DEFAULT: usize = 2048;

    /// What stands in the answer's place.
    pub fn default_value(&self) -> Option<&Arc<Value>> {
        match self {
            OnFail::Default(value) => Some(value),
            OnFail::Skip | OnFail::Continue => None,
        }
    }
}

/// A model as a panel or an ask names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelChoice {
    /// Whatever the configuration makes the default.
    Default,
    /// One model of one provider; without a model, that provider's own default.
    Named {
        /// The configured provider.
        provider: ProviderName,
        /// The model, as the provider calls it.
        model: Option<String>,
    },
}

impl fmt::Display for ModelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelChoice::Default => f.write_str("default"),
            ModelChoice::Named { provider, model: None } => write!(f, "{provider}"),
            ModelChoice::Named { provider, model: Some(model) } => write!(f, "{provider}/{model}"),
        }
    }
}

/// `default`, `provider` or `provider/model`; a model's name may have slashes of its own.
impl FromStr for ModelChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<ModelChoice, String> {
        if text == "default" {
            return Ok(ModelChoice::Default);
        }
        let (provider, model) = match text.split_once('/') {
            Some((provider, model)) => (provider, Some(model)),
            None => (text, None),
        };
        if model
            .is_some_and(|model| model.is_empty() || model.len() > 256 || model.chars().any(char::is_control))
        {
            return Err(format!("{text:?} names no model; write \"provider/model\""));
        }
        let provider = provider.parse().map_err(|error| format!("{error}; write \"provider/model\""))?;
        Ok(ModelChoice::Named { provider, model: model.map(str::to_owned) })
    }
}

/// Clocks that a file wrote; what it left out comes from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Name look-up, TCP and TLS.
    pub connect: Option<Duration>,
    /// From the request to the first content.
    pub first_content: Option<Duration>,
    /// Between two pieces of content.
    pub idle: Option<Duration>,
    /// A whole call that does not stream.
    pub per_call: Option<Duration>,
    /// A query with all its attempts.
    pub per_query: Option<Duration>,
    /// The whole run.
    pub overall: Option<Duration>,
    /// Which endpoints these clocks are meant for.
    pub scope: Scope,
}

/// Which endpoints a panel's clocks are meant for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All endpoints.
    #[default]
    Any,
    /// Endpoints on other machines: a model on this one may load for minutes, so there
    /// the provider's clocks and the loopback profile hold.
    Remote,
}

/// The built-in checks a panel can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// The construction audit's checks.
    Construction,
}

/// A search of own documents; what it finds is the same for all queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retrieval {
    /// Most passages; 1 to [`Retrieval::MOST`].
    pub top: usize,
}

impl Retrieval {
    /// Passages unless the panel says otherwise.
    pub const TOP: usize = 3;
    /// Most passages that a panel may want: as many as fit an event and a prompt beside everything else.
    pub const MOST: usize = 20;
}

/// How answers become one result.
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    /// Fewer successes than this fail the run; at least 1.
    pub need: usize,
    /// The queries whose successes count; all of them without a list.
    pub among: Option<Vec<QueryName>>,
    /// How long the queries that need no other may go on once `need` has been reached; without it, to their end.
    pub grace: Option<Duration>,
    /// Whether the result's keys stand at the top level of `final_result`.
    pub flatten: bool,
    /// A built-in report; without one and without rules the result is the answers by query.
    pub report: Option<Report>,
    /// Rules for single fields, in the order of the file.
    pub fields: Vec<FieldRule>,
}

impl Merge {
    /// A merge that needs so many answers and keeps each as it is.
    pub fn needing(need: usize) -> Merge {
        Merge { need, among: None, grace: None, flatten: false, report: None, fields: Vec::new() }
    }

    /// Whether the success of this query counts towards what is needed.
    pub fn counts(&self, query: &QueryName) -> bool {
        self.among.as_ref().is_none_or(|among| among.contains(query))
    }
}

/// The built-in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The construction audit's report.
    Construction,
    /// All answers to one question side by side, and how far they agree.
    Members(Members),
}

/// Who is who among the queries of a panel whose members answer one question. Members are the queries that
/// need no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// The query that makes one text of the members' answers.
    pub synthesis: Option<QueryName>,
    /// The member that is asked to disagree, whose answer is kept apart.
    pub dissent: Option<QueryName>,
}
