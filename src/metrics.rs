//! Figures about the runs of this process, counted from their last events.
//!
//! A step is a query of a panel, `panel.query`. Its quantiles are exact over
//! its newest [`SAMPLES`] times; the number of steps is bounded.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::event::Entry;
use crate::event::RunOutcome;

/// Times that a step remembers for its quantiles.
const SAMPLES: usize = 512;
/// Most steps; panels are files of the operator, so nobody gets here by asking.
const STEPS: usize = 1000;

/// Warnings that are counted: those that say something about providers and panels rather than about a question.
const WARNINGS: [&str; 8] = [
    "answer_extracted",
    "answer_repaired",
    "default_used",
    "finish_unknown",
    "other_answers",
    "partial_result",
    "repeated_pieces",
    "truncated_by_limit",
];

/// Counts runs as they end.
#[derive(Default)]
pub struct Metrics(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    runs: [u64; 4],
    steps: BTreeMap<String, Step>,
    warnings: BTreeMap<&'static str, u64>,
}

#[derive(Default)]
struct Step {
    count: u64,
    total_ms: u64,
    retries: u64,
    newest: VecDeque<u64>,
}

/// What is read of a last event.
#[derive(Deserialize)]
struct Last {
    panel: String,
    status: RunOutcome,
    queries: BTreeMap<String, Query>,
    #[serde(default)]
    warnings: Vec<Value>,
}

#[derive(Deserialize)]
struct Query {
    time_ms: u64,
    attempts: u64,
}

/// All figures, as `GET /api/workflow/metrics` shows them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Runs that ended since the server started.
    pub total_workflows: u64,
    /// Runs that ended with a result: all of it or a part.
    pub successful_workflows: u64,
    /// Runs that failed.
    pub failed_workflows: u64,
    /// Runs that somebody stopped.
    pub cancelled_workflows: u64,
    /// Successful ones among those that nobody stopped, 0 to 1; 0 before the first.
    pub success_rate: f64,
    /// Of each query that was asked.
    pub step_metrics: BTreeMap<String, StepFigures>,
    /// How often something was strange about an answer, by the warning's code.
    pub warnings: BTreeMap<&'static str, u64>,
}

/// Figures of one query of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepFigures {
    /// How often it was asked.
    pub count: u64,
    /// Mean of its times, in milliseconds.
    pub avg_duration_ms: f64,
    /// Half of its newest times are at most this.
    pub p50_ms: u64,
    /// 95 of 100 of its newest times are at most this.
    pub p95_ms: u64,
    /// Attempts beyond the first.
    pub retries: u64,
}

impl Metrics {
    /// Counts a run by its last event.
    pub fn ended(&self, last: &Entry) {
        // An event without these keys is none that this version wrote.
        let Ok(Last { panel, status, queries, warnings }) = serde_json::from_slice(&last.json()) else {
            return;
        };
        let mut counted = self.counted();
        counted.runs[status as usize] += 1;
        let codes = warnings.iter().filter_map(|warning| warning.get("code")?.as_str());
        for code in codes.filter_map(|code| WARNINGS.iter().find(|known| **known == code)) {
            *counted.warnings.entry(code).or_default() += 1;
        }
        for (query, asked) in queries.into_iter().filter(|(_, query)| query.attempts > 0) {
            counted.step(format!("{panel}.{query}"), asked);
        }
    }

    /// The figures so far.
    pub fn figures(&self) -> Figures {
        let counted = self.counted();
        let of = |outcome: RunOutcome| counted.runs[outcome as usize];
        let successful = of(RunOutcome::Completed) + of(RunOutcome::Partial);
        let failed = of(RunOutcome::Failed);
        Figures {
            total_workflows: counted.runs.iter().sum(),
            successful_workflows: successful,
            failed_workflows: failed,
            cancelled_workflows: of(RunOutcome::Cancelled),
            success_rate: successful as f64 / (successful + failed).max(1) as f64,
            step_metrics: counted.steps.iter().map(|(name, step)| (name.clone(), step.figures())).collect(),
            warnings: counted.warnings.clone(),
        }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        // Counters have no state that a panic could leave half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn step(&mut self, name: String, asked: Query) {
        if self.steps.len() >= STEPS && !self.steps.contains_key(&name) {
            return;
        }
        let step = self.steps.entry(name).or_default();
        step.count += 1;
        step.total_ms += asked.time_ms;
        step.retries += asked.attempts - 1;
        step.newest.push_back(asked.time_ms);
        if step.newest.len() > SAMPLES {
            step.newest.pop_front();
        }
    }
}

impl Step {
    fn figures(&self) -> StepFigures {
        let mut sorted: Vec<u64> = self.newest.iter().copied().collect();
        sorted.sort_unstable();
        // Nearest rank: the smallest time that so many percent do not exceed.
        let rank = |percent: usize| (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        let quantile = |percent| sorted.get(rank(percent)).copied().unwrap_or(0);
        StepFigures {
            count: self.count,
            avg_duration_ms: self.total_ms as f64 / self.count.max(1) as f64,
            p50_ms: quantile(50),
            p95_ms: quantile(95),
            retries: self.retries,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunId;

    fn last(status: &str, time_ms: u64, attempts: u64) -> Entry {
        let json = serde_json::json!({
            "panel": "p", "status": status, "queries": {
                "q": {"status": "succeeded", "time_ms": time_ms, "attempts": attempts},
                "never_asked": {"status": "skipped", "time_ms": 0, "attempts": 0},
            },
            "warnings": [{"code": "other_answers"}, {"code": "a model's own"}, "text"],
        });
        Entry::restore(&RunId::generate(), 9, Entry::FINAL, json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn figures_follow_from_last_events() {
        let metrics = Metrics::default();
        assert_eq!((metrics.figures().total_workflows, metrics.figures().success_rate), (0, 0.0));
        for n in 1..=100 {
            metrics.ended(&last("completed", n * 10, 1));
        }
        metrics.ended(&last("partial", 1000, 3));
        metrics.ended(&last("failed", 1000, 2));
        metrics.ended(&last("cancelled", 1000, 1));
        let figures = metrics.figures();
        assert_eq!((figures.total_workflows, figures.successful_workflows), (103, 101));
        assert_eq!((figures.failed_workflows, figures.cancelled_workflows), (1, 1));
        assert_eq!(figures.success_rate, 101.0 / 102.0);
        assert_eq!(figures.warnings, BTreeMap::from([("other_answers", 103)]));
        let [(name, step)] = &figures.step_metrics.into_iter().collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((name.as_str(), step.count, step.retries), ("p.q", 103, 3));
        assert_eq!((step.p50_ms, step.p95_ms), (520, 980));
    }

    #[test]
    fn quantiles_are_of_the_newest_times_and_bounded() {
        let metrics = Metrics::default();
        for n in 0..SAMPLES as u64 + 10 {
            metrics.ended(&last("completed", if n < 10 { 9999 } else { 5 }, 1));
        }
        assert_eq!(metrics.counted().steps["p.q"].newest.len(), SAMPLES);
        assert_eq!(metrics.figures().step_metrics["p.q"].p95_ms, 5);
    }
}
