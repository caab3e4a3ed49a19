//! What happens in a run, as typed events.
//!
//! Names are those of the contract, section 6. [`entry`] turns them into the
//! bytes that every stream sends.

pub mod entry;
mod passages;
pub mod standing;
pub mod usage;
mod validation;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::failure::Code;
use crate::failure::Failure;
use crate::id::PanelName;
use crate::id::QueryName;
use crate::id::RunId;

pub use entry::Entry;
pub use entry::Event;
pub use entry::Stamp;
pub use passages::Passage;
pub use passages::PassagesFound;
pub use standing::RunStatus;
pub use standing::Standing;
pub use usage::Cost;
pub use usage::Usage;
pub use validation::ChosenBy;
pub use validation::Validation;

/// Version of the wire contract.
pub const API_VERSION: u32 = 1;

/// What happened, without its place in a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// The run was accepted; always the first event.
    RunStarted(RunStarted),
    /// The checks without AI are done.
    ChecksCompleted(ChecksCompleted),
    /// Own documents were searched.
    PassagesFound(PassagesFound),
    /// A query holds its first permit.
    QueryStarted(QueryStarted),
    /// A query moved on.
    QueryProgress(QueryProgress),
    /// A piece of an answer.
    QueryDelta(QueryDelta),
    /// An attempt was given up and another begins.
    QueryRetrying(QueryRetrying),
    /// A query is over.
    QueryCompleted(Box<QueryCompleted>),
    /// Something worth knowing that ends nothing.
    RunWarning(RunWarning),
    /// The run starts no query until it is resumed.
    RunPaused(Held),
    /// The run goes on.
    RunResumed(Held),
    /// The run is over; always the last event.
    FinalResult(Box<FinalResult>),
}

/// Payload of `run_started`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The panel.
    pub panel: PanelName,
    /// Which state of its files.
    pub panel_revision: String,
    /// [`API_VERSION`].
    pub api_version: u32,
    /// What will be asked, in the panel's order.
    pub queries: Vec<PlannedQuery>,
    /// In which mode its panel is asked, if that has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// Limits of the whole run.
    pub timeouts: RunTimeouts,
    /// What happens when nobody watches.
    pub on_disconnect: OnDisconnect,
    /// Where to go from here.
    pub links: Links,
    /// The run whose failed queries it asks again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
    /// Whether it waits for a place among the runs that are under way; its next event ends that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
}

/// A query as `run_started` announces it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedQuery {
    /// Its name.
    pub query: QueryName,
    /// Its title in the ask's language.
    pub title: String,
    /// A sign that people know it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// What it stands for, in the ask's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The panel's query that this one is a copy of, for one model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<QueryName>,
    /// What it waits for.
    pub depends_on: Vec<QueryName>,
    /// Those of them whose answers it does not see: once they have ended, however they did, it is decided whether
    /// it is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<QueryName>,
    /// How those that wait for it go on when it has no answer; without this they are skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_fail: Option<GoOn>,
    /// Who is asked, `provider/model` in fallback order.
    pub models: Vec<String>,
    /// Longest time with all attempts, in milliseconds.
    pub timeout_ms: u64,
    /// Which part of a query of the panel it is, where that is asked in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PlannedPart>,
}

/// Which part of a query is asked: a list that is too long for one prompt goes in several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPart {
    /// The query, as the panel names it.
    pub of: QueryName,
    /// Which part, from 1.
    pub number: usize,
    /// Of how many.
    pub count: usize,
    /// Its first row of the list, counted from 0.
    pub first_row: usize,
    /// Its last one.
    pub last_row: usize,
}

/// How queries go on that need one without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoOn {
    /// With what the panel puts in its place.
    Default,
    /// Without it.
    Continue,
}

/// Limits of the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTimeouts {
    /// From acceptance to the last event, in milliseconds.
    pub run_ms: u64,
}

/// What happens to a run when nobody watches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDisconnect {
    /// Cancelled when nobody has watched for a while.
    Grace,
    /// Goes on.
    Continue,
    /// Cancelled at once.
    Cancel,
}

/// Where a run's resources are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "links")]
pub struct Links {
    /// Its snapshot.
    #[serde(rename = "self")]
    pub this: String,
    /// Its journal.
    pub events: String,
    /// Its whole result.
    pub result: String,
    /// Where to cancel it.
    pub cancel: String,
    /// Its page.
    pub page: String,
}

impl Links {
    /// The links of `run`.
    pub fn of(run: &RunId) -> Links {
        let this = format!("/api/v1/runs/{run}");
        Links {
            events: format!("{this}/events"),
            result: format!("{this}/result"),
            cancel: format!("{this}/cancel"),
            page: format!("/runs/{run}"),
            this,
        }
    }
}

/// Payload of `checks_completed`; its parts are the panel's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChecksCompleted {
    /// How long the checks took.
    pub time_ms: u64,
    /// What they found.
    pub findings: Value,
    /// What they looked at.
    pub coverage: Value,
    /// Which tables they used.
    pub ruleset: Value,
}

/// Payload of `query_started`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryStarted {
    /// The query.
    pub query: QueryName,
    /// Who is asked first.
    pub provider: String,
    /// With which model.
    pub model: String,
    /// Always 1.
    pub attempt: u32,
    /// How long it waited for its turn.
    pub queued_ms: u64,
}

/// Where a running query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for its turn at the provider.
    Queued,
    /// The connection is being made.
    Connecting,
    /// The request is out, no content yet.
    Waiting,
    /// Content arrives.
    Streaming,
    /// The answer is read and checked.
    Validating,
}

/// Payload of `query_progress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryProgress {
    /// The query.
    pub query: QueryName,
    /// 0 to 100; never falls.
    pub progress: u8,
    /// Where it is.
    pub phase: Phase,
    /// Calls before it in the provider's queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<usize>,
    /// Tokens of this attempt's answer so far, estimated from its length.
    pub tokens_out: u64,
    /// Top-level keys of the answer that are complete.
    pub sections: Vec<String>,
    /// The attempt.
    pub attempt: u32,
}

/// Payload of `query_delta`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryDelta {
    /// The query.
    pub query: QueryName,
    /// The attempt whose text this is.
    pub attempt: u32,
    /// Code points of this attempt before it.
    pub offset: u64,
    /// The piece.
    pub text: String,
}

/// A provider and its model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
}

/// Payload of `query_retrying`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryRetrying {
    /// The query.
    pub query: QueryName,
    /// Number of the attempt to come.
    pub attempt: u32,
    /// Why the last one was given up.
    pub reason: Failure,
    /// How long we wait before it.
    pub delay_ms: u64,
    /// Who failed.
    pub from: Asked,
    /// Who is asked next.
    pub to: Asked,
    /// Code points of the last attempt that no longer count.
    pub discarded: u64,
    /// Tokens of the last attempt, unless it was not billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What they cost, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// How a query ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryStatus {
    /// It has an answer.
    Succeeded,
    /// It has none.
    Failed,
    /// It was never asked.
    Skipped,
    /// Somebody stopped it.
    Cancelled,
}

/// Payload of `query_completed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryCompleted {
    /// The query.
    pub query: QueryName,
    /// How it ended.
    pub status: QueryStatus,
    /// Wall time with waiting and retries.
    pub time_ms: u64,
    /// Attempts made.
    pub attempts: u32,
    /// Who was asked last.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// Tokens of all its attempts that were billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What they cost, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Its answer: a string for a text answer, the JSON value otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What its panel puts in the answer's place for the queries that need it and for the merge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The top-level parts of an answer that was cut for good which were complete: unchecked, and no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_result: Option<Map<String, Value>>,
    /// Why it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What a reader should know of the answer.
    pub warnings: Vec<Warning>,
    /// Whether the answer is that of the run which this one retries.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carried_over: bool,
    /// Whether an attempt was lost with the server's process, and may have been billed besides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovered: bool,
}

impl QueryCompleted {
    /// Whether nobody wanted it: its condition did not hold, which is no loss.
    pub fn is_unwanted(&self) -> bool {
        self.error.as_ref().is_some_and(|failure| failure.code == Code::ConditionFalse)
    }
}

/// Something a reader should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The query or part it concerns.
    pub source: String,
    /// `warning` or `info`.
    pub severity: String,
    /// Its kind.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
}

/// Payload of `run_warning`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunWarning {
    /// Its kind.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
    /// The query it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<QueryName>,
}

/// Payload of `run_paused` and `run_resumed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Who asked for it.
    pub by: Actor,
}

/// Who reaches into a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A caller of the API.
    Client,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every query succeeded.
    Completed,
    /// Enough succeeded, something is missing.
    Partial,
    /// Not enough succeeded.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// Who stopped a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// A client asked for it.
    Client,
    /// Nobody watched any more.
    Disconnect,
    /// The server stops.
    Shutdown,
}

/// Times and counts of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// From acceptance to the end.
    pub total_time_ms: u64,
    /// Wall time of each query, in the panel's order.
    pub query_times: Map<String, Value>,
    /// Sum of the query times over the total time, in percent.
    pub parallel_efficiency: f64,
    /// Tokens of all attempts that were billed.
    pub tokens_total: u64,
    /// What they cost, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Succeeded, failed and cancelled ones.
    pub queries_executed: usize,
    /// With an answer.
    pub queries_successful: usize,
    /// Without one.
    pub queries_failed: usize,
    /// Stopped.
    #[serde(default)]
    pub queries_cancelled: usize,
    /// Never asked.
    #[serde(default)]
    pub queries_skipped: usize,
}

/// Payload of `final_result`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinalResult {
    /// Always true.
    pub terminal: bool,
    /// How the run ended.
    pub status: RunOutcome,
    /// Who stopped it, if it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CancelReason>,
    /// The panel.
    pub panel: PanelName,
    /// Why it failed, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What a reader should know, of all queries and parts.
    pub warnings: Vec<Value>,
    /// Times and counts.
    pub performance: Performance,
    /// How each query ended, in the panel's order.
    pub queries: Map<String, Value>,
    /// The result of a panel that does not flatten it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Where the whole result is.
    pub result_ref: String,
    /// Whether only the checks' findings are left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub findings_only: bool,
    /// `false` when the store could not take the run's events in time: a crash loses them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<bool>,
    /// The keys of a flattened result.
    #[serde(flatten)]
    pub flattened: Map<String, Value>,
}

impl FinalResult {
    /// Keys of the event itself, which a flattened result must not have.
    pub const RESERVED: [&str; 18] = [
        "type",
        "run_id",
        "seq",
        "at",
        "elapsed_ms",
        "simulated",
        "terminal",
        "status",
        "reason",
        "panel",
        "error",
        "warnings",
        "performance",
        "queries",
        "result",
        "result_ref",
        "findings_only",
        "durable",
    ];
}

impl Body {
    /// The names of all events that stand in a journal.
    pub const NAMES: [&str; 12] = [
        "run_started",
        "checks_completed",
        "passages_found",
        "query_started",
        "query_progress",
        Entry::DELTA,
        "query_retrying",
        "query_completed",
        "run_warning",
        "run_paused",
        "run_resumed",
        Entry::FINAL,
    ];

    /// The event's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Body::RunStarted(_) => "run_started",
            Body::ChecksCompleted(_) => "checks_completed",
            Body::PassagesFound(_) => "passages_found",
            Body::QueryStarted(_) => "query_started",
            Body::QueryProgress(_) => "query_progress",
            Body::QueryDelta(_) => Entry::DELTA,
            Body::QueryRetrying(_) => "query_retrying",
            Body::QueryCompleted(_) => "query_completed",
            Body::RunWarning(_) => "run_warning",
            Body::RunPaused(_) => "run_paused",
            Body::RunResumed(_) => "run_resumed",
            Body::FinalResult(_) => Entry::FINAL,
        }
    }
}
