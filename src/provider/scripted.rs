//! A provider that plays scripts in this process: demonstrations and tests.
//!
//! The same script always gives the same chunks at the same times. Time is
//! tokio's, so a paused clock works. It never pretends to be a model: its
//! place is [`Place::Simulated`].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::Call;
use super::Chunk;
use super::Chunks;
use super::Finish;
use super::Place;
use super::Provider;
use crate::event::Usage;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::PanelName;
use crate::id::ProviderName;
use crate::id::QueryName;
use crate::panel::script::ScriptOutcome;
use crate::panel::script::ScriptStep;

/// What a query is answered, attempt by attempt; the last step repeats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// One step an attempt.
    pub attempts: Vec<Step>,
}

/// What one attempt does.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// From the connection to the first piece.
    pub wait: Duration,
    /// From the first piece to the last.
    pub over: Duration,
    /// Code points of a piece; none stands in one piece if 0.
    pub chunk: usize,
    /// What is played.
    pub play: Play,
}

/// What an attempt plays.
#[derive(Clone, Debug, PartialEq)]
pub enum Play {
    /// A whole answer.
    Answer(Arc<str>),
    /// An answer that ends at the token limit.
    AtLimit(Arc<str>),
    /// A failure; those of the connection come before `Sent`.
    Fail {
        /// Its code.
        code: Code,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// A connection, and then nothing for ever.
    Hang,
    /// Half the text, and then a broken connection.
    Cut(Arc<str>),
    /// Half the text, and then nothing for ever.
    Stall(Arc<str>),
}

/// An empty script to add attempts to.
pub fn script() -> Script {
    Script::default()
}

impl Script {
    /// Code points of a piece unless the script says otherwise.
    pub const CHUNK: usize = 24;

    /// The next attempt plays this, at once.
    pub fn plays(mut self, play: Play) -> Script {
        let step = Step { wait: Duration::ZERO, over: Duration::ZERO, chunk: Script::CHUNK, play };
        self.attempts.push(step);
        self
    }

    /// The next attempt answers.
    pub fn answer(self, text: &str) -> Script {
        self.plays(Play::Answer(text.into()))
    }

    /// The next attempt answers; reads well after a failure.
    pub fn then_answers(self, text: &str) -> Script {
        self.answer(text)
    }

    /// The next attempt fails.
    pub fn fails(self, code: Code) -> Script {
        self.plays(Play::Fail { code, retry_after: None })
    }

    /// The last attempt's failure asks us to wait.
    pub fn retry_after(mut self, millis: u64) -> Script {
        if let Some(Step { play: Play::Fail { retry_after, .. }, .. }) = self.attempts.last_mut() {
            *retry_after = Some(Duration::from_millis(millis));
        }
        self
    }

    /// The next attempt connects and stays silent.
    pub fn hangs(self) -> Script {
        self.plays(Play::Hang)
    }

    /// The next attempt breaks after half the text.
    pub fn cuts(self, text: &str) -> Script {
        self.plays(Play::Cut(text.into()))
    }

    /// The next attempt falls silent after half the text.
    pub fn stalls(self, text: &str) -> Script {
        self.plays(Play::Stall(text.into()))
    }

    /// The last attempt waits so many milliseconds before its first piece.
    pub fn after(self, millis: u64) -> Script {
        self.change(|step| step.wait = Duration::from_millis(millis))
    }

    /// The last attempt's pieces take so many milliseconds.
    pub fn over(self, millis: u64) -> Script {
        self.change(|step| step.over = Duration::from_millis(millis))
    }

    /// The last attempt's pieces have so many code points.
    pub fn chunk(self, points: usize) -> Script {
        self.change(|step| step.chunk = points)
    }

    fn change(mut self, change: impl FnOnce(&mut Step)) -> Script {
        if let Some(step) = self.attempts.last_mut() {
            change(step);
        }
        self
    }

    fn step(&self, attempt: u32) -> Option<&Step> {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        self.attempts.get(index).or(self.attempts.last())
    }
}

impl From<&[ScriptStep]> for Script {
    /// What a panel's `simulated.toml` says.
    fn from(steps: &[ScriptStep]) -> Script {
        let play = |outcome: &ScriptOutcome| match outcome {
            ScriptOutcome::Answer(text) => Play::Answer(Arc::clone(text)),
            ScriptOutcome::Fail { code, retry_after } => {
                Play::Fail { code: *code, retry_after: *retry_after }
            }
        };
        let step = |step: &ScriptStep| Step {
            wait: step.wait,
            over: step.over,
            chunk: step.chunk,
            play: play(&step.outcome),
        };
        Script { attempts: steps.iter().map(step).collect() }
    }
}

/// The provider; clones share the counts.
#[derive(Clone, Debug)]
pub struct Scripted {
    name: ProviderName,
    scripts: HashMap<(PanelName, QueryName), Script>,
    otherwise: Option<Script>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicUsize,
    open: AtomicUsize,
}

impl Scripted {
    /// A provider without scripts.
    pub fn new(name: ProviderName) -> Scripted {
        Scripted { name, scripts: HashMap::new(), otherwise: None, counts: Arc::default() }
    }

    /// With a script for one query.
    pub fn with(mut self, panel: PanelName, query: QueryName, script: Script) -> Scripted {
        self.scripts.insert((panel, query), script);
        self
    }

    /// With a script for every query that has none of its own.
    pub fn otherwise(mut self, script: Script) -> Scripted {
        self.otherwise = Some(script);
        self
    }

    /// Calls that were begun.
    pub fn calls(&self) -> usize {
        self.counts.calls.load(Ordering::SeqCst)
    }

    /// Calls whose stream still exists.
    pub fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    fn step(&self, call: &Call) -> Result<Step, Failure> {
        let own = self.scripts.get(&(call.panel.clone(), call.query.clone()));
        if let Some(step) = own.or(self.otherwise.as_ref()).and_then(|script| script.step(call.attempt)) {
            return Ok(step.clone());
        }
        if call.schema.is_some() {
            let message = format!("{} has no script for the query {}.", self.name, call.query);
            let mut failure = Failure::new(Code::ModelNotFound, message);
            failure.provider = Some(self.name.to_string());
            return Err(failure);
        }
        let text = format!(
            "A simulated answer to the query {} of the panel {}. No model was asked, and no script was written for it.",
            call.query, call.panel
        );
        let (wait, over) = (Duration::from_millis(400), Duration::from_millis(1600));
        Ok(Step { wait, over, chunk: Script::CHUNK, play: Play::Answer(text.into()) })
    }

    fn failure(&self, code: Code, retry_after: Option<Duration>) -> Failure {
        let (words, status) = words(code);
        let mut failure = Failure::new(code, format!("{} {words}, as its script says.", self.name));
        failure.provider = Some(self.name.to_string());
        failure.http_status = status;
        failure.retry_after = retry_after;
        failure
    }
}

impl Provider for Scripted {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn place(&self) -> Place {
        Place::Simulated
    }

    fn ask(&self, call: Call) -> Chunks {
        let this = self.clone();
        Box::pin(async_stream::stream! {
            let _open = Open::count(&this.counts);
            let step = match this.step(&call) {
                Ok(step) => step,
                Err(failure) => {
                    yield Err(failure);
                    return;
                }
            };
            let begun = Instant::now();
            let failure = match &step.play {
                Play::Fail { code, retry_after } => Some(this.failure(*code, *retry_after)),
                Play::Cut(_) => Some(this.failure(Code::CutMidAnswer, None)),
                _ => None,
            };
            let connects = !failure.as_ref().is_some_and(|failure| is_of_connection(failure.code));
            if connects {
                yield Ok(Chunk::Sent);
            }
            pause(begun + step.wait).await;
            for (offset, piece) in step.pieces() {
                pause(begun + step.wait + offset).await;
                yield Ok(Chunk::Text(piece));
            }
            if let Some(failure) = failure {
                yield Err(failure);
                return;
            }
            let finish = match &step.play {
                Play::Answer(_) => Finish::Stop,
                Play::AtLimit(_) => Finish::Length,
                _ => return std::future::pending().await,
            };
            yield Ok(Chunk::Usage(step.usage(&call)));
            yield Ok(Chunk::End(finish));
        })
    }
}

impl Step {
    /// The pieces of the text with the time of each after the first could come.
    fn pieces(&self) -> Vec<(Duration, String)> {
        let text = self.text();
        let size = if self.chunk == 0 { text.len().max(1) } else { self.chunk };
        let pieces: Vec<String> = text.chunks(size).map(|piece| piece.iter().collect()).collect();
        // The last piece comes when the time is over, also if it is the only one.
        let gaps = u32::try_from(pieces.len().saturating_sub(1)).unwrap_or(u32::MAX).max(1);
        let first = if pieces.len() == 1 { 1 } else { 0 };
        (first..).map(|number| self.over * number / gaps).zip(pieces).collect()
    }

    fn text(&self) -> Vec<char> {
        match &self.play {
            Play::Answer(text) | Play::AtLimit(text) => text.chars().collect(),
            Play::Cut(text) | Play::Stall(text) => {
                text.chars().take(text.chars().count().div_ceil(2)).collect()
            }
            Play::Fail { .. } | Play::Hang => Vec::new(),
        }
    }

    fn usage(&self, call: &Call) -> Usage {
        // About four characters a token, as for European languages.
        let tokens = |points: usize| u64::try_from(points.div_ceil(4)).unwrap_or(u64::MAX);
        let input_tokens = tokens(call.messages.iter().map(|message| message.content.chars().count()).sum());
        let output_tokens = tokens(self.text().len());
        Usage { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens, estimated: true }
    }
}

async fn pause(until: Instant) {
    if until > Instant::now() {
        tokio::time::sleep_until(until).await;
    }
}

fn is_of_connection(code: Code) -> bool {
    matches!(code, Code::ConnectFailed | Code::TlsFailed)
}

fn words(code: Code) -> (&'static str, Option<u16>) {
    match code {
        Code::ConnectFailed => ("cannot be reached", None),
        Code::RateLimited => ("asked us to slow down (429)", Some(429)),
        Code::Overloaded => ("is overloaded (503)", Some(503)),
        Code::ProviderError => ("failed (500)", Some(500)),
        Code::CredentialsRefused => ("refused the key (401)", Some(401)),
        Code::NoCredit => ("reports no credit (402)", Some(402)),
        Code::ModelNotFound => ("does not know the model (404)", Some(404)),
        Code::RequestRefused => ("refused the request (400)", Some(400)),
        Code::ContentRefused => ("declined to answer", Some(200)),
        Code::CutMidAnswer => ("broke off in the middle of the answer", Some(200)),
        _ => ("failed", None),
    }
}

/// Counts a stream for as long as it exists.
struct Open(Arc<Counts>);

impl Open {
    fn count(counts: &Arc<Counts>) -> Open {
        counts.calls.fetch_add(1, Ordering::SeqCst);
        counts.open.fetch_add(1, Ordering::SeqCst);
        Open(counts.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn call(attempt: u32) -> Call {
        Call {
            panel: "audit".parse().unwrap(),
            query: "risks".parse().unwrap(),
            attempt,
            model: "m".into(),
            messages: Vec::new(),
            temperature: None,
            max_tokens: None,
            schema: None,
            checked: None,
        }
    }

    fn provider(script: Script) -> Scripted {
        let name = "demo".parse().unwrap();
        Scripted::new(name).with("audit".parse().unwrap(), "risks".parse().unwrap(), script)
    }

    /// The chunks with the milliseconds at which they came.
    async fn play(provider: &Scripted, attempt: u32) -> Vec<(u128, Result<Chunk, Failure>)> {
        let begun = Instant::now();
        provider.ask(call(attempt)).map(|chunk| (begun.elapsed().as_millis(), chunk)).collect().await
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_comes_in_pieces_at_its_times() {
        let provider = provider(script().answer("žluťoučký").after(100).over(200).chunk(3));
        let usage = Usage { input_tokens: 0, output_tokens: 3, total_tokens: 3, estimated: true };
        let text = |text: &str| Ok(Chunk::Text(text.into()));
        let played = play(&provider, 1).await;
        let expected = [
            (0, Ok(Chunk::Sent)),
            (100, text("žlu")),
            (200, text("ťou")),
            (300, text("čký")),
            (300, Ok(Chunk::Usage(usage))),
            (300, Ok(Chunk::End(Finish::Stop))),
        ];
        assert_eq!(played, expected);
        assert_eq!(play(&provider, 7).await, expected);
        assert_eq!((provider.calls(), provider.open()), (2, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_follow_the_script() {
        let script = script().fails(Code::RateLimited).after(50).retry_after(900).then_answers("ok").over(10);
        let provider = provider(script);
        let first = play(&provider, 1).await;
        let failure = first[1].1.clone().unwrap_err();
        assert_eq!((first.len(), first[1].0, failure.code), (2, 50, Code::RateLimited));
        assert_eq!((failure.http_status, failure.retry_after), (Some(429), Some(Duration::from_millis(900))));
        assert_eq!(play(&provider, 2).await[1], (10, Ok(Chunk::Text("ok".into()))));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_lasts_until_the_stream_is_dropped() {
        for (script, chunks) in [(script().hangs(), 1), (script().stalls("abcd"), 2)] {
            let provider = provider(script);
            let mut stream = provider.ask(call(1));
            assert_eq!((provider.calls(), provider.open()), (0, 0));
            for _ in 0..chunks {
                stream.next().await.unwrap().unwrap();
            }
            let hour = Duration::from_secs(3600);
            assert!(tokio::time::timeout(hour, stream.next()).await.is_err());
            assert_eq!((provider.calls(), provider.open()), (1, 1));
            drop(stream);
            assert_eq!((provider.calls(), provider.open()), (1, 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_stand_where_they_belong() {
        let cut = play(&provider(script().cuts("abcd")), 1).await;
        assert_eq!(cut[1].1, Ok(Chunk::Text("ab".into())));
        assert_eq!(cut[2].1.clone().unwrap_err().code, Code::CutMidAnswer);
        let early = play(&provider(script().fails(Code::ConnectFailed)), 1).await;
        assert_eq!((early.len(), early[0].1.is_err()), (1, true));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_script_it_says_what_it_is() {
        let provider = Scripted::new("demo".parse().unwrap());
        let text: String = play(&provider, 1)
            .await
            .into_iter()
            .filter_map(|(_, chunk)| match chunk.unwrap() {
                Chunk::Text(text) => Some(text),
                _ => None,
            })
            .collect();
        assert!(text.contains("No model was asked"), "{text}");
        let schema = Some(Arc::new(serde_json::json!({})));
        let refused = provider.ask(Call { schema, ..call(1) }).next().await.unwrap().unwrap_err();
        assert_eq!(refused.code, Code::ModelNotFound);
    }
}
