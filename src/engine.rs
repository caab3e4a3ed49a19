//! Drives one run: starts what is ready, hears what happens, ends it.
//!
//! One task owns a run and is the only one that appends to its journal, so
//! order needs no lock. Queries are tasks of their own in its [`JoinSet`];
//! dropping the set closes their connections. Every planned query gets
//! exactly one `query_completed`, and the run exactly one `final_result`.

mod attempt;
pub mod clocks;
mod control;
mod finish;
mod job;
mod offer;
mod prompt;
mod query;
mod retry;
mod track;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::Id;
use tokio::task::JoinError;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep_until;

pub use control::Control;
pub use job::CannotRun;
pub use job::Job;
pub use job::Planned;
pub use offer::Offer;

use crate::audit::Checked;
use crate::event::Body;
use crate::event::ChecksCompleted;
use crate::event::QueryStatus;
use crate::event::RunWarning;
use crate::event::Warning;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::QueryName;
use crate::journal::Writer;
use crate::panel::Checks;
use crate::panel::plan;
use crate::panel::plan::State;
use crate::pool::Turn;
use crate::store::StoreError;
use finish::Ended;
use finish::Stop;
use query::Asking;
use query::Said;
use query::Say;
use track::Expected;
use track::Track;

/// Messages of a run's queries that may wait; beyond that the queries wait, and with them their providers.
const EARS: usize = 64;

/// Runs `job` to its end.
///
/// # Errors
/// [`StoreError`] when the store no longer takes the run's events; then nothing is asked any more.
pub async fn drive(job: Job, writer: Writer, control: Control) -> Result<(), StoreError> {
    let (mouth, ear) = mpsc::channel(EARS);
    let tracks = job
        .queries
        .iter()
        .map(|planned| {
            let query = &planned.query;
            Track::new(query.name.clone(), Expected::of(query.output.as_deref(), query.max_tokens))
        })
        .collect();
    let deadline = Instant::now() + job.limit.saturating_sub(writer.elapsed());
    let fence = prompt::fence();
    let tasks = Tasks { set: JoinSet::new(), ids: HashMap::new() };
    let run = Run { job, writer, tracks, tasks, mouth, deadline, fence, checked: None, warnings: Vec::new() };
    run.drive(ear, control).await
}

struct Run {
    job: Job,
    writer: Writer,
    tracks: Vec<Track>,
    tasks: Tasks,
    mouth: mpsc::Sender<(usize, Said)>,
    deadline: Instant,
    /// Stands around untrusted text in this run's prompts.
    fence: String,
    checked: Option<Arc<Checked>>,
    warnings: Vec<Warning>,
}

/// The tasks of a run's queries.
struct Tasks {
    set: JoinSet<()>,
    ids: HashMap<Id, usize>,
}

impl Run {
    async fn drive(
        mut self,
        mut ear: mpsc::Receiver<(usize, Said)>,
        control: Control,
    ) -> Result<(), StoreError> {
        let started = self.job.started(self.writer.run());
        self.writer.append(&[started]).await?;
        self.check().await?;
        self.start_ready().await?;
        let stop = self.listen(&mut ear, &control).await?;
        self.finish(stop).await
    }

    /// The checks without AI, before anybody is asked.
    async fn check(&mut self) -> Result<(), StoreError> {
        let Some(Checks::Construction) = self.job.panel.checks else { return Ok(()) };
        let ask = Arc::clone(&self.job.ask);
        let started = Instant::now();
        let mut checks = JoinSet::new();
        checks.spawn_blocking(move || Checked::of(&ask.question, &ask.language, &ask.input));
        let Some(Ok(mut checked)) = checks.join_next().await else {
            tracing::error!(run = %self.writer.run(), "the checks panicked");
            let message = "The checks without AI failed; nothing below was checked by them.";
            return self.warn("checks_failed", message.into()).await;
        };
        let models = self.job.queries.iter().filter(|planned| planned.asks_a_model());
        let sent = models.map(|planned| (planned.query.name.to_string(), checked.brief.positions_sent));
        checked.checks.coverage.positions_sent = sent.collect();
        self.writer.append(&[checks_completed(&checked, started.elapsed())]).await?;
        let (sent, total) = (checked.brief.positions_sent, checked.checks.coverage.positions_total);
        let left_out = sent < total && !checked.checks.coverage.positions_sent.is_empty();
        self.checked = Some(Arc::new(checked));
        match left_out {
            true => {
                let message = format!(
                    "{sent} of {total} positions were sent to the models; all {total} were checked without AI."
                );
                self.warn("positions_left_out", message).await
            }
            false => Ok(()),
        }
    }

    async fn warn(&mut self, code: &str, message: String) -> Result<(), StoreError> {
        self.warnings.push(Warning {
            source: "run".into(),
            severity: "warning".into(),
            code: code.into(),
            message: message.clone(),
        });
        self.writer.append(&[Body::RunWarning(RunWarning { code: code.into(), message, query: None })]).await
    }

    /// Starts every query whose inputs are there. All that hold a permit announce it before any of them runs;
    /// the others queue in the panel's order.
    async fn start_ready(&mut self) -> Result<(), StoreError> {
        let now = Instant::now();
        let (mut started, mut queued) = (Vec::new(), Vec::new());
        let mut starting = Vec::new();
        let ready = plan::ready(&self.job.panel, |query| self.state(query));
        for index in ready.into_iter().filter_map(|in_panel| self.index(in_panel)).collect::<Vec<_>>() {
            self.tracks[index].ready(self.job.queries[index].first(), now);
            let asking = match self.asking(index, now) {
                Ok(asking) => asking,
                Err(failure) => {
                    self.tracks[index].stop(QueryStatus::Failed, failure, now, &mut queued);
                    continue;
                }
            };
            let turn = self.job.queries[index].targets[0].0.endpoint.turn();
            match &turn {
                Turn::Now(_) => self.tracks[index].start(now, &mut started),
                Turn::Later { ahead, .. } => self.tracks[index].queue(*ahead, &mut queued),
            }
            starting.push((index, asking, turn));
        }
        self.skip_blocked(now, &mut queued);
        started.append(&mut queued);
        self.writer.append(&started).await?;
        for (index, asking, turn) in starting {
            self.spawn(index, asking, turn);
        }
        Ok(())
    }

    fn spawn(&mut self, index: usize, asking: Asking, turn: Turn) {
        let say = Say { index, run: self.mouth.clone() };
        let handle = self.tasks.set.spawn(query::run(asking, turn, say));
        self.tasks.ids.insert(handle.id(), index);
    }

    fn asking(&self, index: usize, since: Instant) -> Result<Asking, Failure> {
        let planned = &self.job.queries[index];
        let answer = |track: &Track| {
            let result = track.end.as_ref()?.result.clone()?;
            Some((track.name().clone(), Arc::new(result)))
        };
        let material = prompt::Material {
            ask: &self.job.ask,
            checked: self.checked.as_deref(),
            answers: self.tracks.iter().filter_map(answer).collect(),
            fence: &self.fence,
        };
        Ok(Asking {
            panel: self.job.panel.name.clone(),
            query: Arc::clone(&planned.query),
            targets: Arc::clone(&planned.targets),
            limit: planned.limit,
            schema: planned.schema.clone(),
            messages: material.messages(&planned.query)?,
            checked: self.checked.clone(),
            since,
        })
    }

    /// How far a query is, for the plan; one that this run leaves out counts as failed.
    fn state(&self, query: &QueryName) -> State {
        let Some(track) = self.tracks.iter().find(|track| track.name() == query) else {
            return State::Failed;
        };
        match &track.end {
            Some(end) if end.status == QueryStatus::Succeeded => State::Succeeded,
            Some(_) => State::Failed,
            None if track.is_ready() => State::Running,
            None => State::Waiting,
        }
    }

    /// The run's number of the panel's query.
    fn index(&self, in_panel: usize) -> Option<usize> {
        let name = &self.job.panel.queries[in_panel].name;
        self.tracks.iter().position(|track| track.name() == name)
    }

    /// Skips queries that need one that did not succeed, and then those that need them.
    fn skip_blocked(&mut self, now: Instant, out: &mut Vec<Body>) {
        loop {
            let blocked = plan::blocked(&self.job.panel, |query| self.state(query));
            if blocked.is_empty() {
                return;
            }
            for (in_panel, need) in blocked {
                let Some(index) = self.index(in_panel) else { continue };
                let message = format!("Skipped: needs `{need}`, which did not succeed.");
                let failure = Failure::new(Code::DependencyFailed, message);
                self.tracks[index].stop(QueryStatus::Skipped, failure, now, out);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.tracks.iter().all(|track| track.end.is_some())
    }

    /// Hears the queries until all have ended, the time is over or somebody cancels.
    async fn listen(
        &mut self,
        ear: &mut mpsc::Receiver<(usize, Said)>,
        control: &Control,
    ) -> Result<Stop, StoreError> {
        let mut out = Vec::new();
        while !self.is_over() {
            let flush_at = self.tracks.iter().filter_map(Track::flush_at).min();
            // No arm loses anything when another wins: what was said stays in the channel,
            // an ended task stays in the set, and the rest is only time.
            tokio::select! {
                biased;
                reason = control.cancelled() => return Ok(Stop::Cancelled(reason)),
                () = sleep_until(self.deadline) => return Ok(Stop::RunTimeout),
                Some((index, said)) = ear.recv() => {
                    self.hear(index, said, &mut out);
                    // Whatever else has been said is committed with it.
                    while let Ok((index, said)) = ear.try_recv() {
                        self.hear(index, said, &mut out);
                    }
                }
                Some(task) = self.tasks.set.join_next_with_id() => self.bury(task, &mut out),
                () = sleep_until(flush_at.unwrap_or(self.deadline)) => {}
            }
            let now = Instant::now();
            for track in self.tracks.iter_mut().filter(|track| track.flush_at().is_some_and(|at| at <= now)) {
                track.flush(now, &mut out);
            }
            self.writer.append(&out).await?;
            let ended = out.iter().any(|body| matches!(body, Body::QueryCompleted(_)));
            out.clear();
            if ended {
                self.start_ready().await?;
            }
        }
        Ok(Stop::Done)
    }

    fn hear(&mut self, index: usize, said: Said, out: &mut Vec<Body>) {
        self.tracks[index].hear(said, Instant::now(), out);
    }

    /// A task that ended has said so itself, unless it panicked.
    fn bury(&mut self, task: Result<(Id, ()), JoinError>, out: &mut Vec<Body>) {
        let Err(error) = task else { return };
        let Some(&index) = self.tasks.ids.get(&error.id()) else { return };
        tracing::error!(run = %self.writer.run(), query = %self.tracks[index].name(), "a query panicked");
        let failure =
            Failure::new(Code::Interrupted, "The server failed inside this query; the others go on.");
        self.tracks[index].stop(QueryStatus::Failed, failure, Instant::now(), out);
    }

    /// Ends what is open and the run with it.
    async fn finish(mut self, stop: Stop) -> Result<(), StoreError> {
        // First the connections: the providers must notice before anybody is told.
        self.tasks.set.shutdown().await;
        let mut out = Vec::new();
        self.end_open(stop, &mut out);
        self.writer.append(&out).await?;
        let queries: Vec<_> = self.tracks.into_iter().filter_map(|track| track.end).collect();
        let ended = Ended {
            run: self.writer.run(),
            panel: &self.job.panel,
            queries: &queries,
            checked: self.checked.as_deref(),
            warnings: self.warnings,
            stop,
            total: self.writer.elapsed(),
        };
        let last = Body::FinalResult(Box::new(ended.result()));
        self.writer.append(&[last]).await
    }

    fn end_open(&mut self, stop: Stop, out: &mut Vec<Body>) {
        let (status, failure) = match stop {
            Stop::Done => return,
            Stop::RunTimeout => {
                let message = format!("The run's limit of {} s was reached.", self.job.limit.as_secs_f64());
                (QueryStatus::Failed, Failure::new(Code::RunTimeout, message))
            }
            Stop::Cancelled(_) => {
                (QueryStatus::Cancelled, Failure::new(Code::Cancelled, "The run was cancelled."))
            }
        };
        let now = Instant::now();
        for track in &mut self.tracks {
            track.stop(status, failure.clone(), now, out);
        }
    }
}

fn checks_completed(checked: &Checked, time: Duration) -> Body {
    Body::ChecksCompleted(ChecksCompleted {
        time_ms: time.as_millis() as u64,
        findings: json!(checked.checks.findings),
        coverage: json!(checked.checks.coverage),
        ruleset: json!(checked.checks.ruleset),
    })
}

#[cfg(test)]
mod tests;
