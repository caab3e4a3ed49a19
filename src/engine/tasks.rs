//! The tasks of a run's queries: at most one of a query speaks.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::task::Id;
use tokio::task::JoinError;
use tokio::task::JoinSet;

use super::asking::Asking;
use super::asking::Said;
use super::asking::Say;
use super::asking::Speaker;
use super::opening::Opening;
use super::query;
use crate::pool::Turn;

/// The tasks of a run's queries.
pub struct Tasks {
    set: JoinSet<()>,
    mouth: mpsc::Sender<(Speaker, Said)>,
    speakers: HashMap<Id, Speaker>,
    /// The task of each query that speaks for it now.
    current: HashMap<usize, (u32, AbortHandle)>,
}

impl Tasks {
    /// No tasks yet; they will speak through `mouth`.
    pub fn new(mouth: mpsc::Sender<(Speaker, Said)>) -> Tasks {
        Tasks { set: JoinSet::new(), mouth, speakers: HashMap::new(), current: HashMap::new() }
    }

    /// Starts a query's task.
    pub fn spawn(&mut self, index: usize, asking: Asking, opening: Opening, turn: Turn) {
        let task = self.current.get(&index).map_or(0, |(task, _)| task + 1);
        let speaker = Speaker { index, task };
        let handle =
            self.set.spawn(query::run(asking, (opening, turn), Say { speaker, run: self.mouth.clone() }));
        self.speakers.insert(handle.id(), speaker);
        self.current.insert(index, (task, handle));
    }

    /// Whether a task still speaks for its query.
    pub fn is_current(&self, speaker: Speaker) -> bool {
        self.current.get(&speaker.index).is_some_and(|(task, _)| *task == speaker.task)
    }

    /// Ends a query's task, and with it whatever connection it has open.
    pub fn abort(&mut self, index: usize) {
        if let Some((_, handle)) = self.current.get(&index) {
            handle.abort();
        }
    }

    /// Waits for a task to end, if there is one: the query whose task panicked, if it did.
    pub async fn next_panicked(&mut self) -> Option<Option<usize>> {
        let ended = self.set.join_next_with_id().await?;
        Some(self.panicked(ended))
    }

    fn panicked(&mut self, ended: Result<(Id, ()), JoinError>) -> Option<usize> {
        let (id, error) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error)),
        };
        let speaker = self.speakers.remove(&id)?;
        error.filter(JoinError::is_panic).map(|_| speaker.index)
    }

    /// Ends all tasks and waits until their connections are closed.
    pub async fn shutdown(&mut self) {
        self.set.shutdown().await;
    }
}
