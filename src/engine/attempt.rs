//! One try of one query at one target, under its clocks.
//!
//! The attempt is a future: dropping it drops the provider's stream, and
//! with it the connection. What it produced so far is told to a [`Report`].

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;
use tokio::time::timeout_at;

use super::clocks::Clocks;
use crate::crash;
use crate::crash::Point;
use crate::event::Phase;
use crate::event::Usage;
use crate::failure::Clock;
use crate::failure::Code;
use crate::failure::Failure;
use crate::pool::Permit;
use crate::provider::Call;
use crate::provider::Chunk;
use crate::provider::Chunks;
use crate::provider::Finish;
use crate::provider::Provider;
use crate::provider::Strange;

/// Most bytes of one answer.
pub const MAX_ANSWER: usize = 4 << 20;

/// Is told what an attempt does, while it does it.
pub trait Report {
    /// The attempt entered a phase.
    fn phase(&mut self, phase: Phase) -> impl Future<Output = ()> + Send;
    /// A piece of the answer came.
    fn text(&mut self, text: String) -> impl Future<Output = ()> + Send;
    /// The provider counted what the attempt has used so far.
    fn usage(&mut self, usage: Usage) -> impl Future<Output = ()> + Send;
}

/// A report that lets the next call follow once this one is on its way.
pub struct Going<'a, R> {
    /// Who is told.
    pub report: &'a mut R,
    /// The right by which the call is made.
    pub permit: &'a mut Option<Permit>,
}

impl<R: Report + Send> Report for Going<'_, R> {
    async fn phase(&mut self, phase: Phase) {
        if let (Phase::Waiting, Some(permit)) = (phase, self.permit.as_mut()) {
            permit.sent();
        }
        self.report.phase(phase).await;
    }

    async fn text(&mut self, text: String) {
        self.report.text(text).await;
    }

    async fn usage(&mut self, usage: Usage) {
        self.report.usage(usage).await;
    }
}

/// A whole answer, not yet checked.
#[derive(Debug)]
pub struct Whole {
    /// Its text.
    pub text: String,
    /// How it ended.
    pub finish: Finish,
    /// What was strange about it.
    pub strange: Strange,
    /// From the call to its first content, if it was streamed.
    pub first_content: Option<Duration>,
}

/// An attempt that came to nothing.
#[derive(Debug)]
pub struct Broken {
    /// Why.
    pub failure: Failure,
    /// Code points of the answer that no longer count.
    pub discarded: u64,
}

/// Makes the call and reads its answer to the end.
///
/// # Errors
/// [`Broken`] with the provider's failure or the clock that ran out.
pub async fn run(
    provider: &dyn Provider,
    call: Call,
    clocks: &Clocks,
    report: &mut impl Report,
) -> Result<Whole, Broken> {
    let streams = provider.streams();
    let mut reading = Reading {
        chunks: provider.ask(call),
        text: String::new(),
        first_content: None,
        strange: Strange::default(),
    };
    let outcome = reading.read(clocks, streams, report).await;
    let Reading { text, first_content, strange, .. } = reading;
    match outcome {
        Ok(finish) => Ok(Whole { text, finish, strange, first_content }),
        Err(mut failure) => {
            failure.provider.get_or_insert_with(|| provider.name().to_string());
            Err(Broken { failure, discarded: text.chars().count() as u64 })
        }
    }
}

struct Reading {
    chunks: Chunks,
    text: String,
    first_content: Option<Duration>,
    strange: Strange,
}

impl Reading {
    async fn read(
        &mut self,
        clocks: &Clocks,
        streams: bool,
        report: &mut impl Report,
    ) -> Result<Finish, Failure> {
        let started = Instant::now();
        report.phase(Phase::Connecting).await;
        let mut clock =
            Running { which: Clock::Connect, limit: clocks.connect, until: started + clocks.connect };
        loop {
            let chunk = match timeout_at(clock.until, self.chunks.next()).await {
                Err(_) => return Err(clock.ran_out()),
                Ok(None) => {
                    return Err(Failure::new(Code::CutMidAnswer, "The answer ended without its end mark."));
                }
                Ok(Some(chunk)) => chunk?,
            };
            if streams && matches!(chunk, Chunk::Reasoning | Chunk::Text(_)) {
                self.first_content.get_or_insert_with(|| started.elapsed());
            }
            match chunk {
                Chunk::Sent => {
                    report.phase(Phase::Waiting).await;
                    clock = clock.after_sending(clocks, streams);
                }
                // Neither brings content: the clock goes on.
                Chunk::Alive => {}
                Chunk::Strange(strange) => self.strange = strange,
                Chunk::Usage(usage) => report.usage(usage).await,
                Chunk::Reasoning => clock = clock.after_content(clocks, report).await,
                Chunk::Text(text) => {
                    clock = clock.after_content(clocks, report).await;
                    if self.text.len() + text.len() > MAX_ANSWER {
                        let message = format!("The answer is longer than {} MiB.", MAX_ANSWER >> 20);
                        return Err(Failure::new(Code::AnswerTooLarge, message));
                    }
                    crash::at(Point::Text);
                    self.text.push_str(&text);
                    report.text(text).await;
                }
                Chunk::End(finish) => return Ok(finish),
            }
        }
    }
}

/// The clock that is running.
struct Running {
    which: Clock,
    limit: Duration,
    until: Instant,
}

impl Running {
    fn after_sending(self, clocks: &Clocks, streams: bool) -> Running {
        let (which, limit) = match streams {
            true => (Clock::FirstContent, clocks.first_content),
            false => (Clock::Attempt, clocks.per_call),
        };
        Running { which, limit, until: Instant::now() + limit }
    }

    /// Content starts the stream, or keeps it going; a whole call keeps its one clock.
    async fn after_content(self, clocks: &Clocks, report: &mut impl Report) -> Running {
        match self.which {
            Clock::Attempt => self,
            Clock::Idle => Running::idle(clocks),
            _ => {
                report.phase(Phase::Streaming).await;
                Running::idle(clocks)
            }
        }
    }

    fn idle(clocks: &Clocks) -> Running {
        Running { which: Clock::Idle, limit: clocks.idle, until: Instant::now() + clocks.idle }
    }

    fn ran_out(&self) -> Failure {
        let seconds = self.limit.as_secs_f64();
        let message = match self.which {
            Clock::Connect => format!("No connection within {seconds} s."),
            Clock::FirstContent => format!("No first token within {seconds} s."),
            Clock::Idle => format!("The stream stopped for {seconds} s."),
            Clock::Attempt => format!("No answer within {seconds} s (limit per call)."),
            Clock::Query => format!("Stopped after {seconds} s (limit per query)."),
        };
        let failure = Failure::timeout(self.which, self.limit, message);
        match self.which {
            Clock::FirstContent => failure.hint(
                "A slow model needs a longer `first_content`; a proxy that holds a stream back until its end \
                 looks the same.",
            ),
            _ => failure,
        }
    }
}
