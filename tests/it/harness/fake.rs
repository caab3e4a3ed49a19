//! A provider on a raw socket that speaks chat completions, and misbehaves as told.
//!
//! It waits by reading, so it sees its peer leave at any moment.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use super::PATIENCE;
use super::eventually;
use super::ms;

/// A call that the fake got.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which query asked, by its prompt or its temperature.
    pub query: String,
    /// How often this query has asked, from 1.
    pub nth: usize,
    /// The whole request body.
    pub body: Value,
    /// The request's head.
    pub head: String,
    /// When its last byte came.
    pub at: Instant,
    /// When the peer closed the socket before the answer was whole.
    pub closed: Option<Instant>,
}

impl Call {
    /// All that was said to the model.
    pub fn prompt(&self) -> String {
        let messages = self.body["messages"].as_array().unwrap();
        messages.iter().map(|message| message["content"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }
}

/// What a call is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    text: String,
    first: Duration,
    over: Duration,
    pieces: usize,
    end: End,
    usage: Option<Value>,
}

#[derive(Clone, Debug, PartialEq)]
enum End {
    /// As the protocol says.
    Whole,
    /// The socket is closed after half the text.
    Cut,
    /// Nothing follows the first half of the text.
    Stall,
    /// Nothing ever comes.
    Silent,
    /// Not a chat completion but this body.
    Raw,
}

impl Answer {
    /// This text, at once.
    pub fn text(text: &str) -> Answer {
        Answer {
            status: 200,
            headers: Vec::new(),
            text: text.into(),
            first: Duration::ZERO,
            over: Duration::ZERO,
            pieces: 4,
            end: End::Whole,
            usage: Some(json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18})),
        }
    }

    /// This JSON, at once.
    pub fn json(value: Value) -> Answer {
        Answer::text(&value.to_string())
    }

    /// A status with a body that is no completion.
    pub fn status(status: u16, body: &str) -> Answer {
        Answer { status, end: End::Raw, ..Answer::text(body) }
    }

    /// Never a byte.
    pub fn silent() -> Answer {
        Answer { end: End::Silent, ..Answer::text("") }
    }

    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The first byte comes after so many milliseconds.
    pub fn after(mut self, millis: u64) -> Answer {
        self.first = ms(millis);
        self
    }

    /// The text takes so many milliseconds from its first piece to its last.
    pub fn over(mut self, millis: u64) -> Answer {
        self.over = ms(millis);
        self
    }

    pub fn pieces(mut self, pieces: usize) -> Answer {
        self.pieces = pieces;
        self
    }

    /// Breaks off after half the text.
    pub fn cut(mut self) -> Answer {
        self.end = End::Cut;
        self
    }

    /// Falls silent after half the text.
    pub fn stall(mut self) -> Answer {
        self.end = End::Stall;
        self
    }

    /// Does not say what it used.
    pub fn no_usage(mut self) -> Answer {
        self.usage = None;
        self
    }
}

type Behaviour = dyn Fn(&Call) -> Answer + Send + Sync;

#[derive(Default)]
struct Seen {
    calls: Mutex<Vec<Call>>,
    open: AtomicUsize,
    busy: AtomicUsize,
    most_busy: AtomicUsize,
    gone: AtomicBool,
}

/// The fake provider; gone when dropped.
pub struct Fake {
    addr: SocketAddr,
    seen: Arc<Seen>,
}

impl Fake {
    /// A provider that answers as `behaviour` says.
    pub fn new(behaviour: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if shared.gone.load(Ordering::SeqCst) {
                    return;
                }
                let (seen, behaviour) = (Arc::clone(&shared), Arc::clone(&behaviour));
                std::thread::spawn(move || {
                    seen.open.fetch_add(1, Ordering::SeqCst);
                    serve(socket, &seen, &*behaviour);
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Fake { addr, seen }
    }

    /// A provider that answers every call alike.
    pub fn always(answer: Answer) -> Fake {
        Fake::new(move |_| answer.clone())
    }

    /// A provider for the audit: its two queries, each answered in its own way.
    pub fn audit(comprehensive: Answer, compliance: Answer) -> Fake {
        Fake::new(move |call| match call.query.as_str() {
            "comprehensive_analysis" => comprehensive.clone(),
            "compliance_risks" => compliance.clone(),
            other => panic!("unknown query {other}"),
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// The calls so far, in the order in which they came.
    pub fn calls(&self) -> Vec<Call> {
        self.seen.calls.lock().unwrap().clone()
    }

    /// The calls of one query.
    pub fn calls_of(&self, query: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.query == query).collect()
    }

    /// Waits for so many calls.
    pub fn until_calls(&self, count: usize) {
        eventually(&format!("{count} calls"), PATIENCE, || self.calls().len() >= count);
    }

    /// The most calls that were under way at once.
    pub fn most_at_once(&self) -> usize {
        self.seen.most_busy.load(Ordering::SeqCst)
    }

    /// Sockets that are open now.
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }

    /// Waits until the peer has left every call, and says how long after `since` the last one was left.
    pub fn left_after(&self, since: Instant) -> Duration {
        let closed = || -> Option<Vec<Instant>> { self.calls().iter().map(|call| call.closed).collect() };
        eventually("the peer closes its sockets", ms(3000), || closed().is_some());
        closed().unwrap().into_iter().map(|at| at.saturating_duration_since(since)).max().unwrap_or_default()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.seen.gone.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.addr);
    }
}

/// A call under way. It is over before its last byte is sent: the peer may act on that byte at once.
struct Busy<'a>(&'a Seen);

impl<'a> Busy<'a> {
    fn begin(seen: &'a Seen) -> Busy<'a> {
        let busy = seen.busy.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most_busy.fetch_max(busy, Ordering::SeqCst);
        Busy(seen)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The peer has closed the socket.
struct Gone;

fn serve(mut socket: TcpStream, seen: &Seen, behaviour: &Behaviour) {
    let _ = socket.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some((head, body)) = read_request(&mut socket, &mut buffer) {
        let busy = Busy::begin(seen);
        let (index, call) = note(seen, head, body);
        let answer = behaviour(&call);
        let stream = call.body["stream"] == true;
        let written = write_answer(&mut socket, &answer, stream, busy);
        match written {
            Ok(true) => {}
            Ok(false) => return,
            Err(Gone) => {
                seen.calls.lock().unwrap()[index].closed = Some(Instant::now());
                return;
            }
        }
    }
}

fn note(seen: &Seen, head: String, body: Value) -> (usize, Call) {
    let mut calls = seen.calls.lock().unwrap();
    let mut call = Call { query: String::new(), nth: 1, body, head, at: Instant::now(), closed: None };
    let prompt = call.prompt();
    call.query = match prompt.split_once("query=").and_then(|(_, rest)| rest.split_once(';')) {
        Some((query, _)) => query.to_owned(),
        None if call.body["temperature"] == 0.3 => "comprehensive_analysis".into(),
        None if call.body["temperature"] == 0.2 => "compliance_risks".into(),
        None => "?".into(),
    };
    call.nth += calls.iter().filter(|earlier| earlier.query == call.query).count();
    calls.push(call.clone());
    (calls.len() - 1, call)
}

fn read_request(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Value)> {
    socket.set_read_timeout(None).ok()?;
    let mut chunk = [0; 16384];
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let lower = head.to_ascii_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            let length: usize = length.trim().parse().ok()?;
            if buffer.len() >= end + 4 + length {
                let body = serde_json::from_slice(&buffer[end + 4..end + 4 + length]).unwrap();
                buffer.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        match socket.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(n) => buffer.extend_from_slice(&chunk[..n]),
        }
    }
}

/// Waits, and sees at once when the peer leaves.
fn wait(socket: &mut TcpStream, time: Duration) -> Result<(), Gone> {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        socket.set_read_timeout(Some(left)).map_err(|_| Gone)?;
        match socket.read(&mut [0; 64]) {
            Ok(0) => return Err(Gone),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return Err(Gone),
        }
    }
}

/// Whether the connection can be used again.
fn write_answer(socket: &mut TcpStream, answer: &Answer, stream: bool, busy: Busy<'_>) -> Result<bool, Gone> {
    let forever = Duration::from_secs(3600);
    if answer.end == End::Silent {
        wait(socket, forever)?;
    }
    wait(socket, answer.first)?;
    let more: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let status = format!("HTTP/1.1 {} X\r\n{more}", answer.status);
    let send = |socket: &mut TcpStream, text: &str| socket.write_all(text.as_bytes()).map_err(|_| Gone);
    if answer.end == End::Raw {
        let body = &answer.text;
        let head =
            format!("{status}content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        drop(busy);
        send(socket, &(head + body))?;
        return Ok(true);
    }
    if !stream {
        let choice = json!({"index": 0, "message": {"role": "assistant", "content": answer.text}, "finish_reason": "stop"});
        let mut body = json!({"id": "x", "object": "chat.completion", "choices": [choice]});
        if let Some(usage) = &answer.usage {
            body["usage"] = usage.clone();
        }
        let body = body.to_string();
        wait(socket, answer.over)?;
        let head =
            format!("{status}content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        drop(busy);
        send(socket, &(head + &body))?;
        return Ok(true);
    }
    send(socket, &format!("{status}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"))?;
    let points: Vec<char> = answer.text.chars().collect();
    let size = points.len().div_ceil(answer.pieces.max(1)).max(1);
    let pieces: Vec<String> = points.chunks(size).map(|piece| piece.iter().collect()).collect();
    let shown = if answer.end == End::Whole { pieces.len() } else { pieces.len().div_ceil(2) };
    let gap = answer.over / u32::try_from(pieces.len().saturating_sub(1).max(1)).unwrap();
    for (at, piece) in pieces.iter().take(shown).enumerate() {
        if at > 0 {
            wait(socket, gap)?;
        }
        let choice = json!({"index": 0, "delta": {"content": piece}, "finish_reason": null});
        send(socket, &event(&json!({"id": "x", "choices": [choice]}).to_string()))?;
    }
    match answer.end {
        End::Cut => return Ok(false),
        End::Stall => wait(socket, forever)?,
        _ => {}
    }
    let choice = json!({"index": 0, "delta": {}, "finish_reason": "stop"});
    let mut last = event(&json!({"id": "x", "choices": [choice]}).to_string());
    if let Some(usage) = &answer.usage {
        last += &event(&json!({"id": "x", "choices": [], "usage": usage}).to_string());
    }
    drop(busy);
    send(socket, &(last + &event("[DONE]") + "0\r\n\r\n"))?;
    Ok(true)
}

/// One chunk that holds one event.
fn event(data: &str) -> String {
    let block = format!("data: {data}\n\n");
    format!("{:x}\r\n{block}\r\n", block.len())
}

/// A sound answer to the audit's first query.
pub fn comprehensive() -> Answer {
    Answer::json(json!({
        "project_summary": {"element": "foundation strip", "location": "not stated", "complexity": "standard"},
        "exposure_analysis": {"conditions": ["outdoor"], "exposure_classes": ["XC4"], "most_stringent": "XC4"},
        "final_specification": {"concrete_class": "C30/37", "reasoning": "as given"},
        "confidence": 0.8, "assumptions": ["made by a fake"],
    }))
}

/// A sound answer to the audit's second query.
pub fn compliance() -> Answer {
    Answer::json(json!({
        "compliance_status": {"overall": "CONDITIONAL", "summary": "Said by a fake."},
        "risks_identified": [], "confidence": 0.6,
    }))
}
