//! Where a run stands, as lists show it: follows from its events, kept beside them.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use super::Body;
use super::Cost;
use super::RunOutcome;
use super::Stamp;

/// Where a run is; the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Accepted, waiting for a place.
    Queued,
    /// Under way.
    Running,
    /// Under way, but starts no query.
    Paused,
    /// Every query succeeded.
    Completed,
    /// Enough succeeded.
    Partial,
    /// Not enough succeeded.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl RunStatus {
    /// All of them, in the order of a run's life.
    pub const ALL: [RunStatus; 7] = [
        RunStatus::Queued,
        RunStatus::Running,
        RunStatus::Paused,
        RunStatus::Completed,
        RunStatus::Partial,
        RunStatus::Failed,
        RunStatus::Cancelled,
    ];

    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Queued => "queued",
            RunStatus::Running => "running",
            RunStatus::Paused => "paused",
            RunStatus::Completed => "completed",
            RunStatus::Partial => "partial",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
        }
    }

    /// The status that a word of the contract names.
    pub fn from_word(word: &str) -> Option<RunStatus> {
        RunStatus::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl From<RunOutcome> for RunStatus {
    fn from(outcome: RunOutcome) -> RunStatus {
        match outcome {
            RunOutcome::Completed => RunStatus::Completed,
            RunOutcome::Partial => RunStatus::Partial,
            RunOutcome::Failed => RunStatus::Failed,
            RunOutcome::Cancelled => RunStatus::Cancelled,
        }
    }
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Its status.
    pub status: RunStatus,
    /// How it ended, once it has.
    pub end: Option<End>,
}

/// How a run ended, in figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// When, on the wall clock.
    pub at: Timestamp,
    /// From acceptance to the end, in milliseconds.
    pub total_time_ms: u64,
    /// Queries with an answer.
    pub queries_successful: usize,
    /// Queries that were to be asked and not skipped.
    pub queries_executed: usize,
    /// What it cost, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

impl Standing {
    /// A run that was accepted and of which nothing has been told.
    pub const NEW: Standing = Standing { status: RunStatus::Queued, end: None };

    /// A run that has a place.
    pub const RUNNING: Standing = Standing { status: RunStatus::Running, end: None };

    /// Where a run stands after an event; `None` when the event does not change that.
    pub fn after(stamp: &Stamp, body: &Body) -> Option<Standing> {
        let under_way = |status| Some(Standing { status, end: None });
        match body {
            Body::RunStarted(started) if started.queued => under_way(RunStatus::Queued),
            Body::RunStarted(_) | Body::RunResumed(_) => under_way(RunStatus::Running),
            Body::RunPaused(_) => under_way(RunStatus::Paused),
            Body::FinalResult(result) => {
                let performance = &result.performance;
                let end = End {
                    at: stamp.at,
                    total_time_ms: performance.total_time_ms,
                    queries_successful: performance.queries_successful,
                    queries_executed: performance.queries_executed,
                    cost: performance.cost,
                };
                Some(Standing { status: result.status.into(), end: Some(end) })
            }
            _ => None,
        }
    }
}
