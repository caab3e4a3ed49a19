//! What a query says to its model: the panel's template with the ask's material.

use std::sync::Arc;

use serde_json::Value;

use crate::ask::Ask;
use crate::audit::Checked;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::QueryName;
use crate::panel::Query;
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
    /// Stands around untrusted text.
    pub fence: &'a str,
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

    fn variables(&self, query: &Query) -> Variables {
        let brief = self.checked.map(|checked| &checked.brief);
        let needed = self.answers.iter().filter(|(name, _)| query.needs.contains(name));
        Variables {
            fence: self.fence.to_owned(),
            question: self.ask.question.clone(),
            language: self.ask.language.clone(),
            input: Arc::new(Value::Object(self.ask.input.clone())),
            answers: needed.cloned().collect(),
            positions: brief.map(|brief| brief.positions.clone()),
            specifications: brief.map(|brief| brief.specifications.clone()),
            facts: brief.map(|brief| brief.facts.clone()),
            schema: query.output.clone(),
        }
    }
}
