//! What a run does, a line per change of state, on standard error.

use std::collections::HashMap;

use crate::event::Asked;
use crate::event::Body;
use crate::event::Entry;
use crate::event::Phase;
use crate::event::QueryCompleted;
use crate::event::QueryStatus;

/// Prints progress.
pub struct Progress {
    quiet: bool,
    phases: HashMap<String, Phase>,
}

impl Progress {
    /// Nothing has happened yet.
    pub fn new(quiet: bool) -> Progress {
        Progress { quiet, phases: HashMap::new() }
    }

    /// Shows an event if it changes something.
    pub fn show(&mut self, entry: &Entry) {
        if self.quiet {
            return;
        }
        let Ok(event) = entry.read() else { return };
        if let Some(line) = self.line(event.body) {
            let simulated = if event.stamp.simulated { "simulated  " } else { "" };
            let line = plain(&line);
            eprintln!("{:>6.1} s  {simulated}{line}", event.stamp.elapsed_ms as f64 / 1000.0);
        }
    }

    fn line(&mut self, body: Body) -> Option<String> {
        Some(match body {
            Body::RunStarted(run) => {
                format!(
                    "run started: {}, {} queries, limit {} s",
                    run.panel,
                    run.queries.len(),
                    run.timeouts.run_ms / 1000
                )
            }
            Body::ChecksCompleted(checks) => {
                let findings = checks.findings.as_array().map_or(0, Vec::len);
                format!("checks without AI done in {} ms: {findings} findings", checks.time_ms)
            }
            Body::PassagesFound(found) if found.passages.is_empty() => "own documents: nothing fits".into(),
            Body::PassagesFound(found) => {
                let places =
                    found.passages.iter().map(|passage| format!("{}:{}", passage.source, passage.page));
                format!("own documents: {}", places.collect::<Vec<_>>().join(", "))
            }
            Body::QueryStarted(query) => format!(
                "{}  asking {}",
                query.query,
                named(&Asked { provider: query.provider, model: query.model })
            ),
            Body::QueryProgress(progress) => {
                let before = self.phases.insert(progress.query.to_string(), progress.phase);
                if before == Some(progress.phase) {
                    return None;
                }
                match progress.phase {
                    Phase::Queued => {
                        format!("{}  waiting, {} ahead", progress.query, progress.ahead.unwrap_or(0))
                    }
                    Phase::Waiting => format!("{}  waiting for the first token", progress.query),
                    Phase::Streaming => format!("{}  receiving", progress.query),
                    Phase::Connecting | Phase::Validating => return None,
                }
            }
            Body::QueryRetrying(retry) => format!(
                "{}  attempt {} in {:.1} s at {}: {}",
                retry.query,
                retry.attempt,
                retry.delay_ms as f64 / 1000.0,
                named(&retry.to),
                retry.reason.message
            ),
            Body::QueryCompleted(query) => completed(&query),
            Body::RunWarning(warning) => format!("warning: {}", warning.message),
            Body::RunPaused(_) => "paused: no new query starts until the run is resumed".into(),
            Body::RunResumed(_) => "resumed".into(),
            Body::QueryDelta(_) | Body::FinalResult(_) => return None,
        })
    }
}

fn completed(query: &QueryCompleted) -> String {
    let seconds = query.time_ms as f64 / 1000.0;
    let reason = query.error.as_ref().map_or("", |failure| failure.message.as_str());
    match query.status {
        QueryStatus::Succeeded => {
            let tokens = query.usage.map_or(0, |usage| usage.output_tokens);
            format!("{}  done in {seconds:.1} s, {tokens} tokens", query.query)
        }
        QueryStatus::Failed => format!("{}  FAILED after {seconds:.1} s: {reason}", query.query),
        QueryStatus::Skipped => format!("{}  skipped: {reason}", query.query),
        QueryStatus::Cancelled => format!("{}  cancelled", query.query),
    }
}

fn named(asked: &Asked) -> String {
    match asked.provider == asked.model {
        true => asked.model.clone(),
        false => format!("{}/{}", asked.provider, asked.model),
    }
}

/// One line, whatever a provider said: control characters would move the cursor.
fn plain(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
