//! Ends a run: what is open first, then the run itself.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Run;
use super::finish::Ended;
use super::finish::Stop;
use super::finish::Told;
use crate::crash;
use crate::crash::Point;
use crate::event::Body;
use crate::event::FinalResult;
use crate::event::QueryCompleted;
use crate::event::QueryStatus;
use crate::failure::Code;
use crate::failure::Failure;
use crate::store::StoreError;

impl Run {
    /// Leaves the run as it is, for the next process.
    pub(super) async fn stand_down(mut self) -> Result<(), StoreError> {
        self.tasks.shutdown().await;
        self.writer.release().await
    }

    /// Ends what is open and the run with it.
    pub(super) async fn finish(mut self, stop: Stop) -> Result<(), StoreError> {
        // First the connections: the providers must notice before anybody is told.
        self.tasks.shutdown().await;
        let mut out = Vec::new();
        self.end_open(stop, &mut out);
        self.writer.append(&out).await?;
        self.tell_serial().await?;
        crash::at(Point::Merging);
        let queries: Vec<_> = self.tracks.iter_mut().filter_map(|track| track.end.take()).collect();
        let last = Body::FinalResult(Box::new(self.result(queries, stop).await));
        crash::at(Point::BeforeEnd);
        self.writer.append(&[last]).await?;
        crash::at(Point::AfterEnd);
        self.answer();
        Ok(())
    }

    /// What the answers become, made where a thread may be kept busy: they may be megabytes.
    async fn result(&mut self, queries: Vec<QueryCompleted>, stop: Stop) -> FinalResult {
        let (run, total) = (self.writer.run().clone(), self.writer.elapsed());
        let (panel, ask) = (Arc::clone(&self.job.panel), Arc::clone(&self.job.ask));
        let (checked, warnings) = (self.checked.clone(), std::mem::take(&mut self.warnings));
        let (validation, has_passages) = (self.job.validation.clone(), self.passages.were_found());
        let mut making = JoinSet::new();
        making.spawn_blocking(move || {
            let ended = Ended {
                run: &run,
                panel: &panel.name,
                merge: &panel.merge,
                queries: &queries,
                plan: &panel.queries,
                checked: checked.as_deref(),
                told: Some(Told { panel: &panel, ask: &ask, validation: validation.as_ref(), has_passages }),
                warnings,
                stop,
                total,
            };
            ended.result()
        });
        match making.join_next().await.expect("it was spawned a moment ago") {
            Ok(result) => result,
            // Whoever owns the run hears of it as if it had happened here.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    fn end_open(&mut self, stop: Stop, out: &mut Vec<Body>) {
        let (status, failure) = match stop {
            Stop::Done | Stop::StandDown => return,
            Stop::RunTimeout => {
                let message = match self.paused {
                    None => format!("The run's limit of {} s was reached.", self.job.limit.as_secs_f64()),
                    Some(_) => "The run was paused for more than a day.".to_owned(),
                };
                (QueryStatus::Failed, Failure::new(Code::RunTimeout, message))
            }
            Stop::Cancelled(_) => {
                (QueryStatus::Cancelled, Failure::new(Code::Cancelled, "The run was cancelled."))
            }
            Stop::Finished => {
                let message = "The run was finished with what was there.";
                (QueryStatus::Cancelled, Failure::new(Code::Cancelled, message))
            }
            Stop::Shed => {
                let message = "The server was busy for too long; nothing was asked.";
                (
                    QueryStatus::Failed,
                    Failure::new(Code::OverloadedHere, message).hint("Ask again in a while."),
                )
            }
            Stop::Interrupted | Stop::Lost(_) => (QueryStatus::Failed, stop.interruption()),
        };
        let now = Instant::now();
        for track in &mut self.tracks {
            // Whoever cancels a run wants nothing to be made up for what is missing.
            if let Stop::Cancelled(_) = stop {
                track.forget_default();
            }
            track.stop(status, failure.clone(), now, out);
        }
    }
}
