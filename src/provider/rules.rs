//! The built-in rules as a provider: what can be shown without asking a model.
//!
//! They answer the audit's two queries from what the checks read and found,
//! and say "not assessed" for the rest. Nothing is invented.

use futures_util::StreamExt;
use futures_util::stream;
use tokio::task::spawn_blocking;

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
use crate::id::QueryName;

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
        // A bill of thousands of rows takes a while; other runs share these threads.
        let answer = async move {
            let none = no_answer(&call.query);
            let answer = spawn_blocking(move || {
                let checked = call.checked.as_deref()?;
                audit::answer(call.query.as_str(), &checked.project, &checked.checks)
                    .map(|answer| answer.to_string())
            });
            answer.await.ok().flatten().ok_or(none)
        };
        let chunks = stream::once(answer).flat_map(|answer| match answer {
            Ok(answer) => stream::iter(vec![
                Ok(Chunk::Text(answer)),
                Ok(Chunk::Usage(Usage::default())),
                Ok(Chunk::End(Finish::Stop)),
            ]),
            Err(failure) => stream::iter(vec![Err(failure)]),
        });
        stream::iter([Ok(Chunk::Sent)]).chain(chunks).boxed()
    }
}

fn no_answer(query: &QueryName) -> Failure {
    let message = format!("The built-in rules have no answer to `{query}`.");
    Failure::new(Code::ModelNotFound, message).hint("Name a model for this query.")
}
