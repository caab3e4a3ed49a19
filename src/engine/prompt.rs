//! What a query says to its model: the panel's template with the ask's material.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

use crate::ask::Ask;
use crate::audit::Checked;
use crate::audit::brief;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::QueryName;
use crate::id::RunId;
use crate::panel::Panel;
use crate::panel::Query;
use crate::panel::mode::Cascade;
use crate::panel::template::Other;
use crate::panel::template::Reply;
use crate::panel::template::Speaker;
use crate::panel::template::Variables;
use crate::provider::Message;
use crate::provider::Role;

/// What prompts are made of.
pub struct Material<'a> {
    /// What was asked.
    pub ask: &'a Ask,
    /// What the checks read and found.
    pub checked: Option<&'a Checked>,
    /// What came of the queries that have ended.
    pub answers: Vec<(QueryName, Reply)>,
    /// What own documents say.
    pub passages: Arc<Value>,
    /// Stands around untrusted text.
    pub fence: &'a str,
    /// Under which label each answer is shown where nobody must know whose it is; see [`labels`].
    pub labels: &'a [Label],
}

/// Under which name an answer is shown where nobody must know whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The name.
    pub label: String,
    /// Whose it is.
    pub query: QueryName,
    /// The query that this one is a copy of, else it itself.
    pub of: QueryName,
}

/// The queries that others need, in an order of the run's own, each with a label: A, B, C and so on. After a
/// crash they are the same.
pub fn labels(run: &RunId, panel: &Panel) -> Vec<Label> {
    let is_needed = |query: &&Arc<Query>| panel.queries.iter().any(|other| other.needs.contains(&query.name));
    let mut needed: Vec<&Arc<Query>> = panel.queries.iter().filter(is_needed).collect();
    needed.sort_by_cached_key(|query| Sha256::digest(format!("{run} {}", query.name)).to_vec());
    let label = |at: usize| {
        let letter = char::from(b'A' + (at % 26) as u8);
        if at < 26 { letter.to_string() } else { format!("{letter}{}", at / 26 + 1) }
    };
    let of = |query: &Query| query.of.as_ref().unwrap_or(&query.name).clone();
    let labelled = |(at, query): (usize, &Arc<Query>)| Label {
        label: label(at),
        query: query.name.clone(),
        of: of(query),
    };
    needed.into_iter().enumerate().map(labelled).collect()
}

/// Text that nobody can guess, to stand around untrusted text.
pub fn fence() -> String {
    format!("{:016x}", rand::random::<u64>())
}

impl Material<'_> {
    /// The messages of `query`.
    ///
    /// # Errors
    /// A [`Failure`] when the template cannot be rendered with this material.
    pub fn messages(&self, query: &Query) -> Result<Vec<Message>, Failure> {
        let rendered = query.prompt.render(&self.variables(query)).map_err(|why| {
            let message = format!("The prompt of `{}` could not be written: {why}", query.name);
            Failure::new(Code::RequestRefused, message).hint("Check the panel's template.")
        })?;
        let message = |(speaker, content)| Message {
            role: match speaker {
                Speaker::System => Role::System,
                Speaker::User => Role::User,
            },
            content,
        };
        Ok(rendered.into_iter().map(message).collect())
    }

    /// Whether `query` is to be asked at all.
    ///
    /// # Errors
    /// A [`Failure`] when its condition cannot be decided with this material.
    pub fn is_wanted(&self, query: &Query) -> Result<bool, Failure> {
        let Some(when) = &query.when else { return Ok(true) };
        when.holds(&self.variables(query)).map_err(|why| {
            let message = format!("The condition of `{}` could not be decided: {why}", query.name);
            Failure::new(Code::RequestRefused, message)
                .hint("Check the panel's `when`; `is defined` asks whether something is there.")
        })
    }

    /// Whether the first ones of a cascade leave doubt, so that the others are asked.
    ///
    /// # Errors
    /// A [`Failure`] when that cannot be decided with this material.
    pub fn leaves_doubt(&self, cascade: &Cascade) -> Result<bool, Failure> {
        let variables = Variables {
            answers: self.answers_of(&cascade.first),
            facts: self.checked.map(|checked| checked.brief.facts.clone()),
            ..self.of_ask()
        };
        let is_answer = |reply: &Reply| matches!(reply, Reply::Answer(_));
        if variables.answers.len() < cascade.first.len() || !variables.answers.values().all(is_answer) {
            return Ok(true);
        }
        cascade.doubt.holds(&variables).map_err(|why| {
            let message = format!("Whether the first answers leave doubt could not be decided: {why}");
            Failure::new(Code::RequestRefused, message).hint("Check the panel's `doubt`.")
        })
    }

    fn of_ask(&self) -> Variables {
        Variables::of_ask(&self.ask.question, &self.ask.language, Value::Object(self.ask.input.clone()))
    }

    fn answers_of(&self, queries: &[QueryName]) -> BTreeMap<QueryName, Reply> {
        self.answers.iter().filter(|(name, _)| queries.contains(name)).cloned().collect()
    }

    fn variables(&self, query: &Query) -> Variables {
        let brief = self.checked.map(|checked| &checked.brief);
        Variables {
            fence: self.fence.to_owned(),
            answers: self.answers_of(&query.needs),
            passages: Arc::clone(&self.passages),
            others: self.others(query),
            positions: self.positions(query),
            specifications: brief.map(|brief| brief.specifications.clone()),
            facts: brief.map(|brief| brief.facts.clone()),
            schema: query.output.clone(),
            ..self.of_ask()
        }
    }

    /// The bill, as much of it as `query` is about.
    fn positions(&self, query: &Query) -> Option<String> {
        let checked = self.checked?;
        Some(match &query.slice {
            Some(slice) => brief::piece(&checked.project, &slice.rows, (slice.nth, slice.count)),
            None => checked.brief.positions.clone(),
        })
    }

    /// The answers that `query` needs, in the order of their labels.
    fn others(&self, query: &Query) -> Vec<Other> {
        let answer = |name: &QueryName| match self.answers.iter().find(|(other, _)| other == name)? {
            (_, Reply::Answer(answer)) => Some(Arc::clone(answer)),
            _ => None,
        };
        let needed = self.labels.iter().filter(|label| query.needs.contains(&label.query));
        let other = |label: &Label| {
            let Label { label, query, of } = label.clone();
            Some(Other { answer: answer(&query)?, label, query, of })
        };
        needed.filter_map(other).collect()
    }
}
