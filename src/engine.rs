//! Drives one run: starts what is ready, hears what happens, ends it.
//!
//! One task owns a run and is the only one that appends to its journal, so
//! order needs no lock. Queries are tasks of their own in its [`JoinSet`];
//! dropping the set closes their connections. Every planned query gets
//! exactly one `query_completed`, and the run exactly one `final_result`.

mod asking;
mod attempt;
mod budget;
pub mod clocks;
mod control;
mod ending;
mod entrance;
mod estimate;
mod finish;
mod job;
mod meter;
mod mode;
mod obey;
mod offer;
mod opening;
mod parts;
mod passages;
mod past;
mod prompt;
mod query;
mod quorum;
mod recover;
mod retry;
mod serial;
mod starting;
mod streamed;
mod tasks;
mod track;
pub mod trial;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep_until;

pub use control::Control;
pub use control::Done;
pub use control::Order;
pub use control::Orders;
pub use control::Refused;
pub use entrance::enter;
pub use estimate::Costs;
pub use estimate::Estimate;
pub use estimate::OfQuery;
pub use finish::Loss;
pub use job::CannotRun;
pub use job::Job;
pub use job::Planned;
pub use offer::Offer;
pub use past::Past;
pub use recover::Recovery;
pub use recover::Verdict;
pub use recover::conclude;
pub use recover::give_up;
pub use recover::go_on;

use crate::audit::Checked;
use crate::crash;
use crate::crash::Point;
use crate::event::Body;
use crate::event::ChecksCompleted;
use crate::event::QueryStatus;
use crate::event::RunWarning;
use crate::event::Warning;
use crate::failure::Code;
use crate::failure::Failure;
use crate::journal::Writer;
use crate::panel::Checks;
use crate::store::StoreError;
use asking::Said;
use asking::Speaker;
use control::Heard;
use finish::Stop;
use passages::Passages;
use quorum::Quorum;
use tasks::Tasks;
use track::Track;

/// Messages of a run's queries that may wait; beyond that the queries wait, and with them their providers.
const EARS: usize = 64;
/// The longest pause; a run that nobody resumes must not stay for ever.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs `job` to its end.
///
/// # Errors
/// [`StoreError`] when the store no longer takes the run's events; then nothing is asked any more.
pub async fn drive(job: Job, writer: Writer, orders: Orders) -> Result<(), StoreError> {
    let (mut run, ear) = Run::new(job, writer);
    run.begin(false).await?;
    run.ask(ear, orders).await
}

type Ear = mpsc::Receiver<(Speaker, Said)>;

struct Run {
    job: Job,
    writer: Writer,
    tracks: Vec<Track>,
    tasks: Tasks,
    deadline: Instant,
    /// Since when no query starts.
    paused: Option<Instant>,
    quorum: Quorum,
    /// Whether the server is about to end.
    draining: bool,
    /// Stands around untrusted text in this run's prompts.
    fence: String,
    /// Under which labels prompts show answers that must not be known by their names.
    labels: Vec<prompt::Label>,
    checked: Option<Arc<Checked>>,
    passages: Passages,
    /// Whether the findings of the checks have been told.
    checks_told: bool,
    warnings: Vec<Warning>,
    /// Who waits to hear that an order is carried out, once its events are written.
    answers: Vec<obey::Answer>,
    /// Who waits to make a call, once what announces it is written.
    let_in: Vec<oneshot::Sender<()>>,
}

impl Run {
    fn new(job: Job, writer: Writer) -> (Run, Ear) {
        let (mouth, ear) = mpsc::channel(EARS);
        let track = |planned: &Planned| Track::new(planned, job.budget.currency);
        let tracks = job.queries.iter().map(track).collect();
        let run = Run {
            tracks,
            tasks: Tasks::new(mouth),
            deadline: Instant::now() + job.limit.saturating_sub(writer.elapsed()),
            paused: None,
            quorum: Quorum::Open,
            draining: false,
            fence: prompt::fence(),
            labels: prompt::labels(writer.run(), &job.panel),
            checked: None,
            passages: Passages::default(),
            checks_told: false,
            warnings: Vec::new(),
            answers: Vec::new(),
            let_in: Vec::new(),
            job,
            writer,
        };
        (run, ear)
    }

    /// Tells what it will ask, and whether it has to wait.
    async fn begin(&mut self, queued: bool) -> Result<(), StoreError> {
        let started = self.job.started(self.writer.run(), queued);
        self.writer.append(&[started]).await
    }

    /// Does what it has announced.
    async fn ask(mut self, ear: Ear, orders: Orders) -> Result<(), StoreError> {
        self.warn_of_prices().await?;
        self.check().await?;
        self.carry_over().await?;
        self.go(ear, orders).await
    }

    /// Asks until the run is over, one way or another.
    async fn go(mut self, mut ear: Ear, mut orders: Orders) -> Result<(), StoreError> {
        self.find_passages(&orders).await?;
        if let Some(reason) = orders.cancelled() {
            return self.finish(Stop::Cancelled(reason)).await;
        }
        let mut out = Vec::new();
        let stop = orders.take_early().into_iter().find_map(|given| self.obey(given, &mut out));
        self.writer.append(&out).await?;
        if let Some(stop) = stop {
            return self.finish(stop).await;
        }
        self.answer();
        self.start_ready().await?;
        match self.listen(&mut ear, &mut orders).await? {
            Stop::StandDown => self.stand_down().await,
            stop => self.finish(stop).await,
        }
    }

    /// Tells the answers that another run has paid for.
    async fn carry_over(&mut self) -> Result<(), StoreError> {
        let mut out = Vec::new();
        for end in self.job.retry.iter().flat_map(|retry| retry.carried.iter().cloned()) {
            if let Some(track) = self.tracks.iter_mut().find(|track| *track.name() == end.query) {
                track.carry(end, &mut out);
            }
        }
        self.writer.append(&out).await
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
        checked.checks.coverage.positions_sent = parts::positions_sent(&self.job, &checked);
        if !std::mem::replace(&mut self.checks_told, true) {
            self.writer.append(&[checks_completed(&checked, started.elapsed())]).await?;
        }
        let total = checked.checks.coverage.positions_total;
        let fewest = checked.checks.coverage.positions_sent.values().min().copied();
        self.checked = Some(Arc::new(checked));
        match fewest.filter(|sent| *sent < total) {
            Some(sent) => {
                let message = format!(
                    "{sent} of {total} positions were sent to the models; all {total} were checked without AI."
                );
                self.warn("positions_left_out", message).await
            }
            None => Ok(()),
        }
    }

    /// Warns once.
    async fn warn(&mut self, code: &str, message: String) -> Result<(), StoreError> {
        if self.warnings.iter().any(|warning| warning.code == code) {
            return Ok(());
        }
        self.warnings.push(Warning {
            source: "run".into(),
            severity: "warning".into(),
            code: code.into(),
            message: message.clone(),
        });
        self.writer.append(&[Body::RunWarning(RunWarning { code: code.into(), message, query: None })]).await
    }

    fn is_over(&self) -> bool {
        self.tracks.iter().all(|track| track.end.is_some())
    }

    /// Hears the queries until all have ended, the time is over or somebody ends it.
    async fn listen(&mut self, ear: &mut Ear, orders: &mut Orders) -> Result<Stop, StoreError> {
        let mut out = Vec::new();
        while !self.is_over() {
            if self.may_rest() {
                return Ok(Stop::StandDown);
            }
            let due = self.tracks.iter().filter_map(Track::due).min();
            let (was_paused, late) = (self.paused.is_some(), self.grace_ends());
            // No arm loses anything when another wins: what was said or ordered stays in its channel,
            // an ended task stays in the set, and the rest is only time.
            tokio::select! {
                biased;
                heard = orders.next() => match heard {
                    Heard::Cancelled(reason) => return Ok(Stop::Cancelled(reason)),
                    Heard::Order(given) => {
                        self.hear_all(ear, &mut out);
                        if let Some(stop) = self.obey(given, &mut out) {
                            self.writer.append(&out).await?;
                            return Ok(stop);
                        }
                    }
                },
                () = sleep_until(self.time_is_over()) => return Ok(Stop::RunTimeout),
                Some((speaker, said)) = ear.recv() => {
                    self.hear(speaker, said, &mut out);
                    // Whatever else has been said is committed with it.
                    self.hear_all(ear, &mut out);
                }
                Some(panicked) = self.tasks.next_panicked() => self.bury(panicked, &mut out),
                () = sleep_until(late.unwrap_or(self.deadline)), if late.is_some() => {
                    // An answer that is there is not cancelled.
                    self.hear_all(ear, &mut out);
                    self.close_quorum(&mut out);
                }
                () = sleep_until(due.unwrap_or(self.deadline)), if due.is_some() => {}
            }
            let now = Instant::now();
            self.tracks.iter_mut().for_each(|track| track.catch_up(now, &mut out));
            self.writer.append(&out).await?;
            self.give_leave();
            let ended = out.iter().any(|body| matches!(body, Body::QueryCompleted(_)));
            out.clear();
            if ended {
                self.count_answers();
                crash::at(Point::BetweenQueries);
            }
            if ended || (was_paused && self.paused.is_none()) {
                self.start_ready().await?;
            }
            self.answer();
        }
        Ok(Stop::Done)
    }

    /// When the run ends by itself: its limit stands still while it is paused.
    fn time_is_over(&self) -> Instant {
        self.paused.map_or(self.deadline, |since| since + LONGEST_PAUSE)
    }

    fn hear(&mut self, speaker: Speaker, said: Said, out: &mut Vec<Body>) {
        if !self.tasks.is_current(speaker) {
            return;
        }
        match said {
            Said::Calling { call, may } => self.let_in(speaker.index, call, may, out),
            said => self.tracks[speaker.index].hear(said, Instant::now(), out),
        }
        self.hold_to_cap(out);
    }

    fn hear_all(&mut self, ear: &mut Ear, out: &mut Vec<Body>) {
        while let Ok((speaker, said)) = ear.try_recv() {
            self.hear(speaker, said, out);
        }
    }

    /// A task that ended has said so itself, unless it panicked.
    fn bury(&mut self, panicked: Option<usize>, out: &mut Vec<Body>) {
        let Some(index) = panicked else { return };
        tracing::error!(run = %self.writer.run(), query = %self.tracks[index].name(), "a query panicked");
        let failure =
            Failure::new(Code::Interrupted, "The server failed inside this query; the others go on.");
        self.tracks[index].stop(QueryStatus::Failed, failure, Instant::now(), out);
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
