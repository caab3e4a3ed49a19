//! One query's life: its turn, its attempts, its answer.
//!
//! Runs as a task of its own and tells the run what happens. Dropping the
//! task closes whatever connection it has open.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout_at;

use super::asking::Asking;
use super::asking::Earlier;
use super::asking::Said;
use super::asking::Say;
use super::asking::Success;
use super::asking::asked;
use super::attempt;
use super::attempt::Going;
use super::attempt::Report;
use super::attempt::Whole;
use super::meter::Ending as CallEnding;
use super::opening::Opening;
use super::opening::can_wait;
use super::retry;
use super::retry::Next;
use super::retry::Standing;
use crate::answer;
use crate::answer::Ending;
use crate::crash;
use crate::crash::Point;
use crate::event::Phase;
use crate::failure::Clock;
use crate::failure::Code;
use crate::failure::Failure;
use crate::pool::Admitted;
use crate::pool::Endpoint;
use crate::pool::Permit;
use crate::pool::Retry;
use crate::pool::Shut;
use crate::pool::Target;
use crate::pool::Turn;
use crate::pool::care::Closed;
use crate::provider::Call;
use crate::provider::Finish;
use crate::provider::Message;
use crate::provider::Role;

/// Asks until there is an answer, nothing is left to try, or the time is over.
pub async fn run(asking: Asking, (opening, turn): (Opening, Turn), mut say: Say) {
    let deadline = Instant::now() + asking.left();
    let mut attempts = Attempts::new(&asking, &opening);
    let outcome = match timeout_at(deadline, attempts.run(opening, turn, &mut say)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            if let Some(admitted) = attempts.admitted.take() {
                attempts.log(Code::Timeout, None);
                admitted.cut_short(asking.limit);
            }
            // What went wrong first says more than that the time is over.
            Err(attempts.first_failure.take().unwrap_or_else(|| out_of_time(&asking)))
        }
    };
    crash::at(Point::Answered);
    say.say(Said::Ended(Box::new(outcome))).await;
}

fn out_of_time(asking: &Asking) -> Failure {
    let message = format!("Stopped after {} s (limit per query).", asking.limit.as_secs_f64());
    Failure::timeout(Clock::Query, asking.limit, message)
}

struct Attempts<'a> {
    asking: &'a Asking,
    /// Index of the target that is asked.
    at: usize,
    /// The endpoint that is asked.
    endpoint: Arc<Endpoint>,
    here: u32,
    total: u32,
    /// The right by which it is being asked.
    admitted: Option<Admitted>,
    /// The right by which it is asked once more.
    retry: Option<Retry>,
    /// When the first content of the last attempt came.
    first_content: Option<Duration>,
    /// What the model is told about its last answer.
    complaint: Option<Message>,
    first_failure: Option<Failure>,
    /// When the attempt under way began.
    begun: Option<Instant>,
}

impl<'a> Attempts<'a> {
    fn new(asking: &'a Asking, opening: &Opening) -> Attempts<'a> {
        let Earlier { attempts: total, first_failure, .. } = asking.earlier.clone();
        Attempts {
            asking,
            at: opening.at,
            endpoint: Arc::clone(&opening.endpoint),
            here: 0,
            total,
            admitted: None,
            retry: None,
            first_content: None,
            complaint: None,
            first_failure,
            begun: None,
        }
    }

    async fn run(&mut self, opening: Opening, turn: Turn, say: &mut Say) -> Result<Success, Failure> {
        let (mut opening, mut turn) = (opening, turn);
        loop {
            (self.at, self.endpoint) = (opening.at, Arc::clone(&opening.endpoint));
            let (failure, discarded) = match self.attempt(opening, turn, say).await {
                Ok(success) => return Ok(success),
                Err(broken) => broken,
            };
            // The first failure is reported: a fallback's must not hide why there had to be one.
            let first = self.first_failure.get_or_insert_with(|| failure.clone()).clone();
            self.retry = None;
            let Some((delay, mut next)) = self.next(&failure) else { return Err(first) };
            if next.at != self.at {
                self.here = 0;
                // Another model did not write the answer that we complain about.
                self.complaint = None;
            }
            if !Arc::ptr_eq(&next.endpoint, &self.endpoint) {
                self.retry = None;
            }
            let to = asked(&self.asking.targets[next.at].0);
            say.say(Said::Retrying { reason: failure.into(), delay, to, discarded }).await;
            sleep(delay).await;
            if !delay.is_zero() && !next.endpoint.is_open(Instant::now()) {
                // What was open before the wait is asked again whether it still is.
                next.admitted = None;
            }
            turn = next.turn();
            opening = next;
        }
    }

    /// Where the query is asked after `failure`, and after which wait.
    fn next(&mut self, failure: &Failure) -> Option<(Duration, Opening)> {
        match retry::after(failure, self.standing(), &mut rand::rng()) {
            Next::GiveUp => None,
            Next::Elsewhere => self.elsewhere(),
            Next::Beside => match Opening::beside(&self.asking.targets, self.at, &self.endpoint) {
                Some(opening) => Some((Duration::ZERO, opening)),
                None => self.elsewhere(),
            },
            Next::Again(_) if !self.may_retry(failure) => self.elsewhere(),
            // What closed meanwhile, by this very failure perhaps, is passed over.
            Next::Again(delay) => {
                match Opening::find(&self.asking.targets[..=self.at], self.at, self.asking.left()) {
                    Ok(opening) => Some((delay, opening.after(delay))),
                    Err(_) => self.elsewhere(),
                }
            }
        }
    }

    fn elsewhere(&self) -> Option<(Duration, Opening)> {
        let targets = &self.asking.targets;
        let find = || Opening::find(targets, self.at + 1, self.asking.left()).ok();
        self.standing().more_targets.then(find)?.map(|opening| (Duration::ZERO, opening))
    }

    /// Whether the target may be asked once more. When it said itself when to, that is no load which it did
    /// not expect.
    fn may_retry(&mut self, failure: &Failure) -> bool {
        self.retry = self.endpoint.retry();
        self.retry.is_some() || failure.retry_after.is_some()
    }

    async fn attempt(
        &mut self,
        opening: Opening,
        turn: Turn,
        say: &mut Say,
    ) -> Result<Success, (Failure, u64)> {
        // Held until the attempt is over, and not while waiting for the next one.
        let mut permit = match self.hold(opening, turn).await {
            Ok(permit) => permit,
            Err(closed) => {
                // One that was announced is spent; before the start none was.
                self.total += u32::from(self.total > 0);
                return Err((closed, 0));
            }
        };
        self.ask_leave(say).await;
        self.here += 1;
        self.total += 1;
        self.begun = Some(Instant::now());
        let outcome = self.once(&mut permit, say).await;
        if let Err((failure, _)) = &outcome {
            self.log(failure.code, failure.http_status);
        }
        match (self.admitted.take(), &outcome) {
            (Some(admitted), Ok(_)) => admitted.succeeded(self.first_content),
            (Some(admitted), Err((failure, _))) => admitted.failed(failure),
            (None, _) => {}
        }
        outcome.map_err(|(failure, discarded)| (self.target().advise(self.endpoint.mark(failure)), discarded))
    }

    /// Tells the log that the attempt under way has failed.
    fn log(&mut self, code: Code, http_status: Option<u16>) {
        // One that still waited for its turn has not failed.
        let Some(begun) = self.begun.take() else { return };
        tracing::info!(
            run = %self.asking.run,
            query = %self.asking.query.name,
            attempt = self.total,
            provider = self.target().group.name().as_str(),
            endpoint = self.endpoint.name(),
            %code,
            http_status,
            ms = begun.elapsed().as_millis() as u64,
            "attempt failed"
        );
    }

    fn target(&self) -> &Target {
        &self.asking.targets[self.at].0
    }

    fn standing(&self) -> Standing {
        let group = &self.target().group;
        Standing {
            here: self.here,
            total: self.total,
            more_endpoints: group.has_other(&self.endpoint),
            retries: group.retries,
            more_targets: self.at + 1 < self.asking.targets.len(),
            left: self.asking.left(),
        }
    }

    /// Tells that a call is about to be made, and waits until that is written and the cap allows it: a call
    /// that no journal knows of would be made again after a crash.
    async fn ask_leave(&self, say: &Say) {
        let call = self.asking.calling(self.at, self.complaint.as_ref());
        let (may, leave) = oneshot::channel();
        say.say(Said::Calling { call, may }).await;
        if leave.await.is_err() {
            // Who may not is ended by the run.
            std::future::pending::<()>().await;
        }
    }

    /// Waits for its turn.
    async fn hold(&mut self, opening: Opening, turn: Turn) -> Result<Option<Permit>, Failure> {
        let waited = matches!(turn, Turn::Later { .. });
        // What may be asked now need not be what may be asked when it is its turn.
        self.admitted = opening.admitted.filter(|_| !waited);
        let mut permit = turn.permit().await;
        while self.admitted.is_none() {
            let why = match self.endpoint.admit(self.asking.left()) {
                Ok(admitted) => {
                    self.admitted = Some(admitted);
                    break;
                }
                Err(why) => why,
            };
            drop(permit.take());
            match (self.target().group.other(&self.endpoint), why) {
                (Some(other), _) => self.endpoint = other,
                (None, Closed::Cooling(wait)) if can_wait(wait, self.asking.left()) => sleep(wait).await,
                (None, _) => return Err(Shut { endpoint: Arc::clone(&self.endpoint), why }.failure()),
            }
            permit = self.endpoint.turn().permit().await;
        }
        Ok(permit)
    }

    async fn once(&mut self, permit: &mut Option<Permit>, say: &mut Say) -> Result<Success, (Failure, u64)> {
        let clocks = &self.asking.targets[self.at].1;
        let call = self.call();
        if let Some(admitted) = &mut self.admitted {
            admitted.begin();
        }
        let mut going = Going { report: say, permit };
        let whole = match attempt::run(&*self.endpoint.provider, call, clocks, &mut going).await {
            Ok(whole) => whole,
            Err(broken) => {
                say.say(Said::Called(CallEnding::Failed(broken.failure.code))).await;
                return Err((broken.failure, broken.discarded));
            }
        };
        say.say(Said::Called(CallEnding::Whole)).await;
        self.first_content = whole.first_content;
        say.phase(Phase::Validating).await;
        self.check(whole)
    }

    fn check(&mut self, whole: Whole) -> Result<Success, (Failure, u64)> {
        let ending = match whole.finish {
            Finish::Stop => Ending::Whole,
            Finish::Length => Ending::AtLimit,
            Finish::Unknown => Ending::Unknown,
        };
        match answer::read(&whole.text, ending, self.asking.schema.as_ref()) {
            Ok(mut answer) => {
                answer.note_strange(whole.strange.others, whole.strange.twice);
                Ok(Success { answer })
            }
            Err(mut failure) => {
                failure.provider = Some(self.target().group.name().to_string());
                self.complaint = Some(complaint(&failure));
                Err((failure, whole.text.chars().count() as u64))
            }
        }
    }

    fn call(&self) -> Call {
        let Asking { panel, query, messages, checked, .. } = self.asking;
        let mut messages = messages.clone();
        messages.extend(self.complaint.clone());
        Call {
            panel: panel.clone(),
            query: query.name.clone(),
            attempt: self.total,
            model: self.target().model.clone(),
            messages,
            temperature: query.temperature,
            max_tokens: query.max_tokens,
            schema: query.output.clone(),
            checked: checked.clone(),
        }
    }
}

/// Tells the model what was wrong with its answer, in our words.
fn complaint(failure: &Failure) -> Message {
    let content = format!(
        "Your answer could not be used: {} Answer again with one complete JSON object and nothing else.",
        failure.message
    );
    Message { role: Role::User, content }
}
