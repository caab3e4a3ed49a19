//! One connection, from its first request to its end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Room;
use super::cue::Asked;
use super::cue::Cue;
use super::line::Line;
use super::model::Behaviour;
use super::model::Dials;
use super::perform::perform;
use super::reel::End;
use super::reel::Play;
use super::request::Request;
use super::request::Unread;
use super::rows;
use super::script::Turn;
use super::seen::Attempt;
use super::seen::Close;
use super::seen::Seen;
use super::seen::short;
use super::tls::TlsKind;
use super::wire::Form;
use super::wire::Meta;

/// Serves a connection until it ends, and tells how it did.
pub(super) async fn connection(room: Arc<Room>, socket: TcpStream) {
    let served = Served { number: room.stats.connected(), begun: Instant::now(), room };
    let Some(mut line) = served.handshake(socket).await else { return };
    let kind = served.room.settings.tls.as_ref().map(|tls| tls.kind);
    let close = loop {
        let close = match kind {
            Some(kind @ (TlsKind::Hang | TlsKind::Reset | TlsKind::Plain)) => {
                no_handshake(kind, &mut line).await
            }
            _ => served.request(&mut line).await,
        };
        if close != Close::Kept {
            break close;
        }
    };
    let (bytes_in, bytes_out) = (line.bytes_in, line.bytes_out);
    served.tell(None, served.begun, bytes_in, bytes_out, close);
    match close {
        Close::LabFin => line.close().await,
        Close::LabReset => line.reset(),
        _ => drop(line),
    }
}

/// What a client gets that begins a handshake where none is made.
async fn no_handshake(kind: TlsKind, line: &mut Line) -> Close {
    if let Err(left) = line.fill().await {
        return left.into();
    }
    match kind {
        TlsKind::Hang => line.left().await.into(),
        TlsKind::Reset => Close::LabReset,
        _ => {
            let words = b"This is plain HTTP.\n";
            let play = Play::status(400, &[("connection", "close")], words).then(End::Fin);
            perform(line, play).await.map_or_else(Close::from, |_| Close::LabFin)
        }
    }
}

/// A connection that is being served.
struct Served {
    room: Arc<Room>,
    number: u64,
    begun: Instant,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.room.stats.disconnected();
    }
}

/// An attempt that is counted as open until it is over, however that comes.
struct Counted<'a> {
    room: &'a Room,
    model: &'a str,
    moved: (u64, u64),
    close: Close,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.room.stats.end(self.model, self.moved.0, self.moved.1, self.close);
    }
}

impl Served {
    /// How long a client may take to shake hands.
    const HANDSHAKE: Duration = Duration::from_secs(30);

    /// The connection, encrypted if it is to be; none if the client would not have it.
    async fn handshake(&self, socket: TcpStream) -> Option<Line> {
        let tls = self.room.settings.tls.as_ref();
        let tls = tls.filter(|tls| !matches!(tls.kind, TlsKind::Hang | TlsKind::Reset | TlsKind::Plain));
        let Some(tls) = tls else {
            return Some(Line::new(Box::new(socket)));
        };
        match tokio::time::timeout(Served::HANDSHAKE, tls.accept(socket)).await {
            Ok(Some(socket)) => Some(Line::new(socket)),
            refused => {
                let close = if refused.is_ok() { Close::ClientFin } else { Close::LabFin };
                self.tell(None, self.begun, 0, 0, close);
                None
            }
        }
    }

    /// One request and its answer.
    async fn request(&self, line: &mut Line) -> Close {
        let before = (line.bytes_in - line.input.len() as u64, line.bytes_out);
        let is_early = |model: &str| self.is_early(model);
        let request = match Request::read(line, &is_early).await {
            Ok(request) => request,
            Err(Unread::Left(left)) => return left.into(),
            Err(Unread::Idle) => return Close::LabFin,
            Err(Unread::Bad(status)) => {
                let error = json!({"error": {"message": "The lab cannot read this request."}});
                let play = Play::json(status, &[("connection", "close")], &error).then(End::Fin);
                return self.play(line, play).await;
            }
        };
        let Some(asked) = Asked::of(&request) else {
            let play = self.besides(&request);
            return self.play(line, play).await;
        };
        self.attempt(line, &request, asked, before).await
    }

    /// Whether this model answers the next attempt before the request is whole.
    fn is_early(&self, model: &str) -> bool {
        let made = self.room.stats.attempts(model);
        match self.turn_of(model, made + 1) {
            Ok(Turn::Like(found)) => found.is_early && found.dials.times.is_none_or(|times| made < times),
            _ => false,
        }
    }

    /// One attempt at a model.
    async fn attempt(&self, line: &mut Line, request: &Request, asked: Asked, before: (u64, u64)) -> Close {
        let begun = Instant::now();
        let model = short(&asked.model);
        let stats = &self.room.stats;
        let (number, since_first) = stats.begin(&model);
        let mut counted =
            Counted { room: &self.room, model: &model, moved: (0, 0), close: Close::ClientReset };
        let turn = self.turn_of(&asked.model, number);
        let row = if let Ok(Turn::Like(found)) = &turn { found.row } else { 0 };
        let form = asked.form.name();
        let attempt = Attempt { number, model: model.clone(), row, form, stream: asked.stream };
        let mut play = match turn {
            Err(message) => Play::json(404, &[], &asked.form.wire().error(404, &message)),
            Ok(Turn::Written(written)) => written.play(),
            Ok(Turn::Like(found)) => {
                let mut cue = self.cue(request, asked, found.dials);
                (cue.attempt, cue.since_first) = (number, since_first);
                found.play(&cue)
            }
        };
        if !request.is_whole && play.end == End::Keep {
            // The rest of the request would be taken for the next one.
            play.end = End::Fin;
        }
        let close = self.play(line, play).await;
        let unread = line.input.len() as u64;
        counted.moved = (line.bytes_in - unread - before.0, line.bytes_out - before.1);
        counted.close = close;
        self.tell(Some(attempt), begun, counted.moved.0, counted.moved.1, close);
        close
    }

    /// What a model does at this attempt: by the script, else by the catalogue, else by the default.
    fn turn_of(&self, model: &str, attempt: u64) -> Result<Turn, String> {
        let settings = &self.room.settings;
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
            number: self.room.stats.answer(),
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
            here: self.room.here.clone(),
        }
    }

    /// What is asked for besides answers.
    fn besides(&self, request: &Request) -> Play {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/stats") => Play::json(200, &[], &self.room.stats.json()),
            ("DELETE", "/stats") => {
                self.room.stats.reset();
                Play::status(204, &[], b"")
            }
            ("GET", "/v1/models" | "/models" | "/v1beta/models") => {
                Play::json(200, &[], &models(vendor(request)))
            }
            // So that a page of any origin can try its luck with the lab.
            ("OPTIONS", _) => Play::status(
                204,
                &[
                    ("access-control-allow-methods", "GET, POST, DELETE"),
                    ("access-control-allow-headers", "*, authorization"),
                    ("access-control-max-age", "600"),
                ],
                b"",
            ),
            ("GET", "/") => {
                Play::status(200, &[("content-type", "text/plain; charset=utf-8")], ABOUT.as_bytes())
            }
            _ => {
                let message = "The fault lab knows POST /v1/chat/completions, /v1/messages, \
                    /v1beta/models/{model}:generateContent and :streamGenerateContent with a JSON object, \
                    GET /v1/models and /stats.";
                Play::json(404, &[], &json!({"error": {"message": message, "type": "not_found"}}))
            }
        }
    }

    /// Performs a play up to its end.
    async fn play(&self, line: &mut Line, play: Play) -> Close {
        match perform(line, play).await {
            Err(left) => left.into(),
            Ok(End::Keep) => Close::Kept,
            Ok(End::Fin) => Close::LabFin,
            Ok(End::Reset) => Close::LabReset,
            Ok(End::Stay) => line.left().await.into(),
            Ok(End::KeepFor(idle)) => match tokio::time::timeout(idle, line.fill()).await {
                Ok(Ok(())) => Close::Kept,
                Ok(Err(left)) => left.into(),
                Err(_) => Close::LabFin,
            },
        }
    }

    fn tell(&self, attempt: Option<Attempt>, begun: Instant, bytes_in: u64, bytes_out: u64, close: Close) {
        let room = &self.room;
        let (at, took) = (begun - room.opened, begun.elapsed());
        (room.sink)(&Seen { connection: self.number, attempt, at, took, bytes_in, bytes_out, close });
    }
}

const ABOUT: &str = "This is the fault lab of askstream: a provider that misbehaves on purpose.\n\
    The model name picks what it does; GET /v1/models names them, GET /stats counts.\n";

/// Whose library asks for the list of models: they share a path.
fn vendor(request: &Request) -> Form {
    if request.header("anthropic-version").is_some() {
        return Form::Anthropic;
    }
    let is_gemini = request.path.starts_with("/v1beta") || request.header("x-goog-api-key").is_some();
    if is_gemini { Form::Gemini { events: true } } else { Form::OpenAi }
}

/// The catalogue as a vendor lists its models.
fn models(vendor: Form) -> Value {
    let names: Vec<&str> = rows::all().filter(|entry| entry.make.is_some()).map(|entry| entry.name).collect();
    let entry = |name: &&str| match vendor {
        Form::OpenAi => {
            json!({"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "fault-lab"})
        }
        Form::Anthropic => json!({
            "id": name, "type": "model", "display_name": name, "lifecycle": "active",
            "created_at": "2026-01-01T00:00:00Z",
        }),
        Form::Gemini { .. } => json!({
            "name": format!("models/{name}"), "displayName": name,
            "supportedGenerationMethods": ["generateContent"],
        }),
    };
    let list: Vec<Value> = names.iter().map(entry).collect();
    match vendor {
        Form::OpenAi => json!({"object": "list", "data": list}),
        Form::Anthropic => {
            json!({"data": list, "has_more": false, "first_id": names.first(), "last_id": names.last()})
        }
        Form::Gemini { .. } => json!({"models": list}),
    }
}
