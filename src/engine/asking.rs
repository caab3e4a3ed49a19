//! What a query's task is given, and what it tells its run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::attempt::Report;
use super::clocks::Clocks;
use super::meter::Calling;
use super::meter::Ending as CallEnding;
use crate::answer;
use crate::answer::Answer;
use crate::audit::Checked;
use crate::event::Asked;
use crate::event::Phase;
use crate::event::Usage;
use crate::failure::Failure;
use crate::id::PanelName;
use crate::id::RunId;
use crate::panel::Query;
use crate::pool::Target;
use crate::provider::Message;

/// A query that is about to be asked.
pub struct Asking {
    /// The run.
    pub run: RunId,
    /// The panel.
    pub panel: PanelName,
    /// The query.
    pub query: Arc<Query>,
    /// Who is asked, in order, under which clocks; never empty.
    pub targets: Arc<[(Target, Clocks)]>,
    /// Its limit with all attempts and waiting.
    pub limit: Duration,
    /// What its answer must fit.
    pub schema: Option<answer::Schema>,
    /// Its prompt.
    pub messages: Vec<Message>,
    /// What the built-in checks read and found.
    pub checked: Option<Arc<Checked>>,
    /// Since when it is ready.
    pub since: Instant,
    /// What an earlier process has done for it.
    pub earlier: Earlier,
}

/// What an earlier process has done for a query; nothing for most.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// How much of its time is used up.
    pub time: Duration,
    /// Attempts made.
    pub attempts: u32,
    /// Why its first attempt failed.
    pub first_failure: Option<Failure>,
}

impl Asking {
    /// What is left of its time.
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.earlier.time + self.since.elapsed())
    }

    /// A call to the target at this place, before it is made.
    pub fn calling(&self, at: usize, complaint: Option<&Message>) -> Calling {
        let points = |message: &Message| message.content.chars().count() as u64;
        Calling {
            rate: self.targets[at].0.rate(),
            prompt: self.messages.iter().chain(complaint).map(points).sum(),
            most: self.query.max_tokens,
        }
    }
}

/// What a query tells its run.
#[derive(Debug)]
pub enum Said {
    /// Its attempt entered a phase.
    Phase(Phase),
    /// A piece of its answer came.
    Text(String),
    /// It holds a permit and is about to make a call; it waits to hear that it may.
    Calling { call: Calling, may: oneshot::Sender<()> },
    /// The provider counted what the call has used.
    Used(Usage),
    /// The call is over.
    Called(CallEnding),
    /// An attempt was given up and another will follow.
    Retrying { reason: Box<Failure>, delay: Duration, to: Asked, discarded: u64 },
    /// It is over.
    Ended(Box<Result<Success, Failure>>),
}

/// A query's answer.
#[derive(Debug)]
pub struct Success {
    /// The checked answer.
    pub answer: Answer,
}

/// The way from a query to its run.
#[derive(Clone)]
pub struct Say {
    /// Who speaks.
    pub speaker: Speaker,
    /// The run's ear.
    pub run: mpsc::Sender<(Speaker, Said)>,
}

/// A task of a query; one that left the queue and came back is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The query's number in the run.
    pub index: usize,
    /// Which of its tasks.
    pub task: u32,
}

impl Say {
    pub async fn say(&self, said: Said) {
        // The run stops listening only when it drops this task.
        let _ = self.run.send((self.speaker, said)).await;
    }
}

impl Report for Say {
    async fn phase(&mut self, phase: Phase) {
        self.say(Said::Phase(phase)).await;
    }

    async fn text(&mut self, text: String) {
        self.say(Said::Text(text)).await;
    }

    async fn usage(&mut self, usage: Usage) {
        self.say(Said::Used(usage)).await;
    }
}

/// The provider and model of a target, as events name them.
pub fn asked(target: &Target) -> Asked {
    Asked { provider: target.group.name().to_string(), model: target.model.clone() }
}
