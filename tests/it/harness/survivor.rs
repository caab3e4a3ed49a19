//! Runs that outlive their server: asked, lost, followed to their end, and held against what was seen.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::json;

use super::Answer;
use super::Event;
use super::Fake;
use super::Panel;
use super::Server;
use super::Setup;
use super::client::Lost;
use super::named;

/// What such a run may take at most, pauses of the server not counted.
const LIMIT_MS: u64 = 20_000;

/// A server that can be killed, the provider that it asks, and that provider's count.
pub struct World {
    pub server: Server,
    ledger: Ledger,
    /// Kept: its end is the end of the provider.
    _fake: Fake,
}

/// Every call of a run's query: when it came.
type Ledger = Arc<Mutex<HashMap<(String, String), Vec<Instant>>>>;

impl World {
    /// A server whose runs stream, are refused once and wait for each other.
    pub fn new() -> World {
        World::with(|setup| setup)
    }

    /// The same with more in its configuration.
    pub fn with(more: impl FnOnce(Setup) -> Setup) -> World {
        let ledger = Ledger::default();
        let noted = Arc::clone(&ledger);
        let fake = Fake::new(move |call| {
            let prompt = call.prompt();
            let mark = prompt.split_once("mark=").and_then(|(_, rest)| rest.split_once(';')).unwrap().0;
            let mut noted = noted.lock().unwrap();
            let calls = noted.entry((mark.to_owned(), call.query.clone())).or_default();
            calls.push(call.at);
            match (call.query.as_str(), calls.len()) {
                ("streams", _) => Answer::text("one two three four five six seven eight").over(240).pieces(8),
                ("refused", 1) => Answer::status(503, "{}").header("retry-after-ms", "60").after(20),
                ("refused", _) => Answer::text("then yes").after(60),
                ("follows", _) => Answer::text("nine ten eleven").after(20).over(80).pieces(3),
                _ => Answer::text("all of it").after(30),
            }
        });
        let panel = Panel::new("work")
            .query("streams", "")
            .query("refused", "")
            .query("follows", "needs = [\"streams\"]")
            .query("ends", "needs = [\"refused\", \"follows\"]");
        let setup = Setup::default()
            .provider("fake", &fake, "max_in_flight = 1000")
            .panel(panel)
            .limits(&format!("overall = \"{LIMIT_MS}ms\"\nper_query = \"15s\"\nper_call = \"15s\""));
        World { server: more(setup).start(), ledger, _fake: fake }
    }

    /// How often a run's query was asked.
    pub fn calls(&self, mark: &str, query: &str) -> Vec<Instant> {
        let ledger = self.ledger.lock().unwrap();
        ledger.get(&(mark.to_owned(), query.to_owned())).cloned().unwrap_or_default()
    }
}

/// A run as its client knows it.
pub struct Survivor {
    /// Its question, by which the provider knows it, and its key.
    pub mark: String,
    pub run: Option<String>,
    pub seen: Vec<Event>,
}

impl Survivor {
    pub fn new(mark: String) -> Survivor {
        Survivor { mark, run: None, seen: Vec::new() }
    }

    /// Whether the client has seen its end.
    pub fn has_ended(&self) -> bool {
        self.seen.last().is_some_and(|event| event.name == "final_result")
    }

    /// Asks, or comes back to what was asked, and reads until the end or the loss of the connection.
    pub fn follow(&mut self, server: &Server) -> Result<(), Lost> {
        let run = self.run.clone();
        let request = match &run {
            None => {
                let options = json!({"deltas": true, "on_disconnect": "continue"});
                let question = format!("mark={};", self.mark);
                let body = json!({"panel": "work", "question": question, "options": options});
                let request = server.request("POST", "/ask-stream").json(&body);
                request.header("idempotency-key", &self.mark)
            }
            Some(run) => {
                let request = server.request("GET", &format!("/api/v1/runs/{run}/events?deltas=true"));
                match self.seen.last().and_then(|event| event.id.clone()) {
                    Some(cursor) => request.last_event_id(&cursor),
                    None => request,
                }
            }
        };
        let mut stream = request.open_or_lost()?;
        self.run = Some(stream.run());
        while let Some(event) = stream.next_or_lost()? {
            // Only numbered events belong to the run.
            if event.id.is_some() {
                self.seen.push(event);
            }
        }
        Ok(())
    }

    /// The whole journal, byte for byte as the client saw it, and by all rules of survival.
    #[track_caller]
    pub fn assert_survived(&self, world: &World, deaths: usize) {
        assert!(self.has_ended(), "{}: no end after {:?}", self.mark, self.seen.last());
        let journal = world.server.follow(self.run.as_deref().unwrap()).events();
        let blocks = |events: &[Event]| events.iter().map(|event| event.block.clone()).collect::<Vec<_>>();
        assert_eq!(blocks(&self.seen), blocks(&journal), "{}: what was seen and what is kept", self.mark);
        let last = &self.seen.last().unwrap().data;
        assert_eq!(last["status"], "completed", "{}: {last}", self.mark);
        assert!(last["elapsed_ms"].as_u64().unwrap() <= LIMIT_MS + 250, "{last}");
        for end in named(&self.seen, "query_completed") {
            self.assert_asked_rightly(world, end, deaths);
        }
    }

    /// No call after the answer was told, and none that the journal does not account for.
    fn assert_asked_rightly(&self, world: &World, end: &Event, deaths: usize) {
        let query = end.query();
        let calls = world.calls(&self.mark, query);
        let retries: Vec<_> = self.seen.iter().filter(|event| event.is("query_retrying", query)).collect();
        let interrupted =
            retries.iter().filter(|retry| retry.data["reason"]["code"] == "interrupted").count();
        let what = format!("{} of {}: {}", query, self.mark, end.block);
        assert!(calls.iter().all(|at| *at < end.at), "asked again after its end: {what}");
        assert!(interrupted <= deaths, "asked again {interrupted} times after {deaths} deaths: {what}");
        let attempts = end.data["attempts"].as_u64().unwrap() as usize;
        assert!(calls.len() <= attempts, "{} calls, {attempts} told: {what}", calls.len());
        // What was announced and never sent is in doubt as well.
        assert!(calls.len() + interrupted >= attempts, "{} calls, {attempts} told: {what}", calls.len());
    }
}
