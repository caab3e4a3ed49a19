//! The built-in rules as a provider: what can be shown without asking a model.
//!
//! They answer the audit's two queries from what the checks read and found,
//! and say "not assessed" for the rest. Nothing is invented.

use futures_util::StreamExt;
use futures_util::stream;

use super::Call;
use super::Chunk;
use super::Chunks;
use super::Finish;
use super::Place;
use super::Provider;
use crate::audit;
use crate::event::Usage;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::ProviderName;

/// The built-in rules.
pub struct Rules {
    name: ProviderName,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { name: "rules".parse().expect("a plain lower-case word is a name") }
    }
}

impl Provider for Rules {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn place(&self) -> Place {
        Place::BuiltIn
    }

    fn ask(&self, call: Call) -> Chunks {
        let answer = call
            .checked
            .as_deref()
            .and_then(|checked| audit::answer(call.query.as_str(), &checked.project, &checked.checks));
        let chunks = match answer {
            Some(answer) => vec![
                Ok(Chunk::Sent),
                Ok(Chunk::Text(answer.to_string())),
                Ok(Chunk::Usage(Usage::default())),
                Ok(Chunk::End(Finish::Stop)),
            ],
            None => {
                let message = format!("The built-in rules have no answer to `{}`.", call.query);
                vec![Err(Failure::new(Code::ModelNotFound, message).hint("Name a model for this query."))]
            }
        };
        stream::iter(chunks).boxed()
    }
}
