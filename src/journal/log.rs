//! What the log tells of a run: one line for each query that ends, one for the run.
//!
//! It is made of the events, like the figures, so it cannot disagree with what
//! readers see. Prompts, answers and what a provider said stay out of it.

use std::fmt;

use serde::Serialize;

use crate::event::Body;
use crate::event::FinalResult;
use crate::event::QueryCompleted;
use crate::id::RunId;

/// Tells of these events of a run, once they are written.
pub fn tell(run: &RunId, bodies: &[Body]) {
    for body in bodies {
        match body {
            Body::QueryCompleted(completed) => query_ended(run, completed),
            Body::FinalResult(result) => run_ended(run, result),
            _ => {}
        }
    }
}

fn query_ended(run: &RunId, completed: &QueryCompleted) {
    let QueryCompleted { query, status, attempts, time_ms, error, asked, .. } = completed;
    let asked = asked.as_ref();
    tracing::info!(
        %run,
        %query,
        provider = asked.map(|asked| asked.provider.as_str()),
        // A caller may have chosen it: as a string it is written in quotes and escaped.
        model = asked.map(|asked| asked.model.as_str()),
        attempts,
        status = %Word(status),
        code = error.as_ref().map(|failure| tracing::field::display(failure.code)),
        ms = time_ms,
        carried_over = completed.carried_over.then_some(true),
        "query ended"
    );
}

fn run_ended(run: &RunId, result: &FinalResult) {
    let FinalResult { panel, status, error, performance, queries, .. } = result;
    tracing::info!(
        %run,
        %panel,
        status = %Word(status),
        code = error.as_ref().map(|failure| tracing::field::display(failure.code)),
        ms = performance.total_time_ms,
        ok = performance.queries_successful,
        all = queries.len(),
        "run ended"
    );
}

/// A status in the word that events have for it.
struct Word<'a, T>(&'a T);

impl<T: Serialize> fmt::Display for Word<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.serialize(f)
    }
}
