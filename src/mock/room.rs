//! What all connections of a lab share, and what it answers to a request.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::LabSettings;
use super::Sink;
use super::besides::besides;
use super::cue::Asked;
use super::cue::Cue;
use super::model::Behaviour;
use super::model::Dials;
use super::play::Play;
use super::request::Request;
use super::rows;
use super::script::Turn;
use super::seen::Attempt;
use super::seen::Close;
use super::seen::Seen;
use super::seen::Stats;
use super::seen::Version;
use super::seen::short;
use super::wire::Meta;
use super::wire::Wire;

/// What all connections of a lab share.
pub(super) struct Room {
    pub(super) settings: LabSettings,
    pub(super) stats: Arc<Stats>,
    pub(super) sink: Sink,
    pub(super) opened: Instant,
    /// Where the lab listens.
    pub(super) here: String,
    /// A place for every connection, and for every request that shares one.
    pub(super) places: Arc<Semaphore>,
}

/// What a request is answered.
pub(super) struct Answer {
    pub(super) play: Play,
    /// None if the request asked for something besides an answer.
    pub(super) trial: Option<Trial>,
}

/// An attempt under way; counted as open until it is over, however that comes.
pub(super) struct Trial {
    room: Arc<Room>,
    connection: u64,
    attempt: Option<Attempt>,
    begun: Instant,
}

impl Trial {
    /// Counts it as over and tells it.
    pub(super) fn over(mut self, bytes_in: u64, bytes_out: u64, close: Close) {
        let Some(attempt) = self.attempt.take() else { return };
        self.room.stats.end(&attempt.model, bytes_in, bytes_out, close);
        let (at, took) = (self.begun - self.room.opened, self.begun.elapsed());
        let (connection, attempt) = (self.connection, Some(attempt));
        (self.room.sink)(&Seen { connection, attempt, at, took, bytes_in, bytes_out, close });
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let Some(attempt) = &self.attempt {
            self.room.stats.end(&attempt.model, 0, 0, Close::ClientReset);
        }
    }
}

impl Room {
    /// What a request on this connection is answered; from now on an attempt counts as made.
    pub(super) fn answer(self: &Arc<Room>, connection: u64, request: &Request, version: Version) -> Answer {
        let Some(asked) = Asked::of(request) else {
            return Answer { play: besides(&self.stats, request), trial: None };
        };
        let model = short(&asked.model);
        let (number, since_first) = self.stats.begin(&model, version);
        let turn = self.turn_of(&asked.model, number);
        let row = if let Ok(Turn::Like(found)) = &turn { found.row } else { 0 };
        let (form, stream) = (asked.form, asked.stream);
        let attempt = Attempt { number, model, row, form: form.name(), stream, version };
        let play = match turn {
            Err(message) => Play::json(404, &[], &form.wire().error(404, &message)),
            Ok(Turn::Written(written)) => written.play(),
            Ok(Turn::Like(found)) => {
                let mut cue = self.cue(request, asked, found.dials);
                (cue.attempt, cue.since_first) = (number, since_first);
                found.play(&cue)
            }
        };
        let play = match play.only().filter(|only| *only != version) {
            Some(only) => Play::json(505, &[], &unplayable(form.wire(), &attempt.model, only)),
            None => play,
        };
        let room = self.clone();
        Answer {
            play,
            trial: Some(Trial { room, connection, attempt: Some(attempt), begun: Instant::now() }),
        }
    }

    /// Whether this model answers the next attempt before the request is whole.
    pub(super) fn is_early(&self, model: &str) -> bool {
        let made = self.stats.attempts(model);
        match self.turn_of(model, made + 1) {
            Ok(Turn::Like(found)) => found.is_early && found.dials.times.is_none_or(|times| made < times),
            _ => false,
        }
    }

    /// What a model does at this attempt: by the script, else by the catalogue, else by the default.
    fn turn_of(&self, model: &str, attempt: u64) -> Result<Turn, String> {
        let settings = &self.settings;
        if let Some(turn) = settings.script.turn(model, attempt) {
            return Ok(turn.clone());
        }
        let found = Behaviour::find(model);
        let found = match &settings.default_model {
            // What looks like a name of the catalogue and is none stays a mistake.
            Some(default) if found.is_err() && !rows::looks_like_one(model) => Behaviour::find(default),
            _ => found,
        };
        found.map(|found| Turn::Like(Box::new(found)))
    }

    fn cue(&self, request: &Request, asked: Asked, dials: Dials) -> Cue {
        let is_audit = asked.model.starts_with("audit");
        let (text, is_json) = if is_audit { (asked.audit_anyway().into(), true) } else { asked.text() };
        let meta = Meta {
            number: self.stats.answer(),
            model: short(&asked.model),
            created: jiff::Timestamp::now().as_second(),
            input_tokens: asked.input_tokens(),
            with_usage: asked.with_usage(),
        };
        Cue {
            form: asked.form,
            stream: asked.stream,
            meta: Arc::new(meta),
            text,
            echo: asked.echo(),
            is_json,
            dials,
            attempt: 1,
            since_first: Duration::ZERO,
            key: request.key(),
            path: request.path.clone(),
            here: self.here.clone(),
        }
    }
}

/// What is said where the connection speaks another version than the fault needs.
fn unplayable(wire: &dyn Wire, model: &str, only: Version) -> Value {
    let how = match only {
        Version::Http1 => "askstream mock --http1-only offers nothing else",
        Version::Http2 => "askstream mock --tls valid offers it to clients that can",
    };
    let version = only.name();
    wire.error(
        505,
        &format!(
            "{model} can be played over HTTP/{version} only, which this connection does not speak; {how}."
        ),
    )
}
