//! What own documents say of the question: searched once, before any query starts, the same for all.

use std::sync::Arc;

use serde_json::Value;
use serde_json::json;

use super::Orders;
use super::Past;
use super::Run;
use crate::event::Body;
use crate::event::Passage;
use crate::event::PassagesFound;
use crate::store::StoreError;

/// What a run knows of own documents.
#[derive(Clone, Debug, Default)]
pub enum Passages {
    /// They have not been searched.
    #[default]
    Unsearched,
    /// They were, or are not to be searched any more; the best passages as prompts see them, null without any.
    Known(Arc<Value>),
}

impl Passages {
    /// As prompts see them.
    pub fn for_prompts(&self) -> Arc<Value> {
        match self {
            Passages::Unsearched => Arc::default(),
            Passages::Known(found) => Arc::clone(found),
        }
    }

    /// Whether prompts saw any.
    pub fn were_found(&self) -> bool {
        matches!(self, Passages::Known(found) if !found.is_null())
    }

    /// What an earlier process told. A query that was asked without passages makes the others go without them.
    pub fn restore(past: &Past) -> Passages {
        match &past.passages {
            Some(found) => Passages::found(found),
            None if past.queries.iter().any(|query| query.started) => Passages::Known(Arc::default()),
            None => Passages::Unsearched,
        }
    }

    fn found(passages: &[Passage]) -> Passages {
        // An empty list would be a heading without text in many a prompt.
        Passages::Known(Arc::new(if passages.is_empty() { Value::Null } else { json!(passages) }))
    }
}

impl Run {
    /// Searches own documents for the question, if the panel wants that and nobody has done it; tells what was
    /// found, and why nothing was. Given up when the run is cancelled.
    pub(super) async fn find_passages(&mut self, orders: &Orders) -> Result<(), StoreError> {
        let wanted = self
            .job
            .panel
            .retrieval
            .filter(|_| self.job.ask.options.use_rag != Some(false) && !self.is_over());
        let (Some(retrieval), Passages::Unsearched) = (wanted, &self.passages) else { return Ok(()) };
        // Neither loses anything when the other wins: a search leaves no trace.
        let (found, trouble) = tokio::select! {
            biased;
            () = orders.until_cancelled() => return Ok(()),
            searched = self.job.knowledge.find(&self.job.ask.question, retrieval.top) => searched,
        };
        self.passages = Passages::found(found.as_deref().unwrap_or_default());
        if let Some(passages) = found {
            self.writer.append(&[Body::PassagesFound(PassagesFound { passages })]).await?;
        }
        match trouble {
            Some(why) => {
                tracing::warn!(run = %self.writer.run(), why, "own documents could not be searched as they should");
                let message =
                    format!("Own documents could not be searched as they should: {why}. The run goes on.");
                self.warn("rag_failed", message).await
            }
            None => Ok(()),
        }
    }
}
