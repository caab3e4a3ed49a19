//! Starts what is ready: queries whose needs are there, as soon as they are.

use std::sync::Arc;

use tokio::time::Instant;

use super::Run;
use super::asking::Asking;
use super::asking::Earlier;
use super::asking::asked;
use super::opening::Opening;
use super::prompt;
use super::track::Track;
use crate::crash;
use crate::crash::Point;
use crate::event::Body;
use crate::event::QueryCompleted;
use crate::event::QueryStatus;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::QueryName;
use crate::panel::OnFail;
use crate::panel::Query;
use crate::panel::plan;
use crate::panel::plan::State;
use crate::panel::template::Reply;
use crate::pool::Turn;
use crate::store::StoreError;

impl Run {
    /// Starts every query whose inputs are there, until there is none: one that ends at once may be what others
    /// wait for.
    pub(super) async fn start_ready(&mut self) -> Result<(), StoreError> {
        while self.start_together().await? {}
        Ok(())
    }

    /// Starts those that are ready now. All that hold a permit announce it before any of them runs; the others
    /// queue in the panel's order. Says whether one ended instead.
    async fn start_together(&mut self) -> Result<bool, StoreError> {
        let now = Instant::now();
        let (mut started, mut queued) = (Vec::new(), Vec::new());
        let mut starting = Vec::new();
        self.decide_cascade(now, &mut queued);
        let ready = match self.paused {
            Some(_) => Vec::new(),
            None => plan::ready(&self.job.panel, |query| self.state(query)),
        };
        for index in ready.into_iter().filter_map(|in_panel| self.index(in_panel)).collect::<Vec<_>>() {
            let planned = &self.job.queries[index];
            if let Err((status, failure)) = self.wanted(&planned.query) {
                self.tracks[index].stop(status, failure, now, &mut queued);
                continue;
            }
            self.tracks[index].ready(planned.first(), now);
            let opening = Opening::first(&planned.targets, 0, planned.limit);
            let asking = self.asking(index, Earlier::default());
            let (opening, asking) = match (opening, asking) {
                (Ok(opening), Ok(asking)) => (opening, asking),
                (Err(failure), _) | (_, Err(failure)) => {
                    self.tracks[index].stop(QueryStatus::Failed, failure, now, &mut queued);
                    continue;
                }
            };
            let targets = &self.job.queries[index].targets;
            self.tracks[index].ready(asked(&targets[opening.at].0), now);
            let turn = opening.turn();
            if matches!(turn, Turn::Now(_)) && !self.promise(index, &asking.calling(opening.at, None)) {
                self.stop_at_cap(index, &mut queued);
                continue;
            }
            match &turn {
                Turn::Now(_) => self.tracks[index].start(now, &mut started),
                Turn::Later { ahead, .. } => self.tracks[index].queue(*ahead, &mut queued),
            }
            starting.push((index, asking, opening, turn));
        }
        self.skip_blocked(now, &mut queued);
        let ended = queued.iter().any(|body| matches!(body, Body::QueryCompleted(_)));
        started.append(&mut queued);
        self.writer.append(&started).await?;
        if !starting.is_empty() {
            crash::at(Point::Announced);
        }
        for (index, asking, opening, turn) in starting {
            self.tasks.spawn(index, asking, opening, turn);
        }
        Ok(ended)
    }

    pub(super) fn asking(&self, index: usize, earlier: Earlier) -> Result<Asking, Failure> {
        let planned = &self.job.queries[index];
        let left = self.deadline.saturating_duration_since(Instant::now());
        Ok(Asking {
            run: self.writer.run().clone(),
            panel: self.job.panel.name.clone(),
            query: Arc::clone(&planned.query),
            targets: Arc::clone(&planned.targets),
            limit: planned.limit.min(earlier.time.saturating_add(planned.later.limit(left, self.job.limit))),
            schema: planned.schema.clone(),
            messages: self.material().messages(&planned.query)?,
            checked: self.checked.clone(),
            since: Instant::now(),
            earlier,
        })
    }

    /// What prompts and conditions are made of by now.
    fn material(&self) -> prompt::Material<'_> {
        let reply = |track: &Track| Some((track.name().clone(), reply(track.end.as_ref()?)));
        prompt::Material {
            ask: &self.job.ask,
            checked: self.checked.as_deref(),
            answers: self.tracks.iter().filter_map(reply).collect(),
            passages: self.passages.for_prompts(),
            fence: &self.fence,
            labels: &self.labels,
        }
    }

    /// Whether a query whose needs have ended is to be asked; else how it ends.
    fn wanted(&self, query: &Query) -> Result<(), (QueryStatus, Failure)> {
        match self.material().is_wanted(query) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let when = query.when.as_ref().map_or("", |when| when.text());
                let shown: String = when.chars().take(200).collect();
                let message = format!("Skipped: its condition does not hold: {shown}");
                Err((QueryStatus::Skipped, Failure::new(Code::ConditionFalse, message)))
            }
            Err(failure) => Err((QueryStatus::Failed, failure)),
        }
    }

    /// Ends those that come after the first ones of a cascade where these leave no doubt.
    fn decide_cascade(&mut self, now: Instant, out: &mut Vec<Body>) {
        let in_question = plan::in_question(&self.job.panel, |query| self.state(query));
        let Some(cascade) = self.job.panel.cascade.as_ref().filter(|_| !in_question.is_empty()) else {
            return;
        };
        let (status, failure) = match self.material().leaves_doubt(cascade) {
            Ok(true) => return,
            Ok(false) => {
                let shown: String = cascade.doubt.text().chars().take(200).collect();
                let message = format!("Not asked: the first answers leave no doubt: {shown}");
                (QueryStatus::Skipped, Failure::new(Code::ConditionFalse, message))
            }
            Err(failure) => (QueryStatus::Failed, failure),
        };
        for index in in_question.into_iter().filter_map(|in_panel| self.index(in_panel)).collect::<Vec<_>>() {
            self.tracks[index].stop(status, failure.clone(), now, out);
        }
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
                let failure = unmet(&self.job.panel.queries[in_panel], &self.job.panel.queries[need]);
                self.tracks[index].stop(QueryStatus::Skipped, failure, now, out);
            }
        }
    }
}

/// Why a query is never asked: `need` is missing, or all that it needs is.
fn unmet(query: &Query, need: &Query) -> Failure {
    let must = need.on_fail == OnFail::Skip || query.needs.len() == 1;
    let message = match must {
        true => format!("Skipped: needs `{}`, which did not succeed.", need.name),
        false => "Skipped: none of the queries that it needs has an answer.".to_owned(),
    };
    Failure::new(Code::DependencyFailed, message)
}

/// What a query has to say to those that need it, once it has ended.
fn reply(end: &QueryCompleted) -> Reply {
    match (&end.result, &end.default) {
        (Some(answer), _) => Reply::Answer(Arc::new(answer.clone())),
        (None, Some(default)) => Reply::Default(Arc::new(default.clone())),
        (None, None) => Reply::Missing(end.error.as_ref().map_or(Code::EmptyAnswer, |failure| failure.code)),
    }
}
