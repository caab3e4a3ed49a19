//! A client on a raw socket: whole answers, and streams block by block.
//!
//! Reading a stream checks every byte against the contract's grammar.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use super::PATIENCE;
use super::Server;
use super::assert_contract;

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    /// In the order and with the bytes in which they came; names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Head {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap();
        let version = first.strip_prefix("HTTP/1.").unwrap_or_else(|| panic!("{text:?}"));
        let status = version.trim_start_matches(['0', '1'])[1..4].parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Head { status, headers: lines.filter(|line| !line.is_empty()).map(header).collect() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(given, _)| given == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} stands twice: {:?}", self.headers);
        first
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub head: Head,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn status(&self) -> u16 {
        self.head.status
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The code of a problem with this status.
    #[track_caller]
    pub fn problem_code(&self, status: u16) -> String {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        self.problem(status, &code);
        code
    }

    /// Checks that this is the contract's problem with this status and code, and gives its body.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["type"], format!("/problems/{code}"));
        assert_eq!(body["status"], status);
        for key in ["title", "detail", "request_id"] {
            assert!(body[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {body}");
        }
        assert_eq!(self.header("x-request-id"), body["request_id"].as_str());
        if matches!(status, 429 | 503) {
            assert!(self.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
        }
        let text = body.to_string();
        for leak in [env!("CARGO_MANIFEST_DIR"), "src/", "panicked", super::server::CANARY] {
            assert!(!text.contains(leak), "{leak} in {text}");
        }
        body
    }
}

/// One event as it came.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its whole block without the `retry` line.
    pub block: String,
    pub id: Option<String>,
    pub name: String,
    pub retry: Option<u64>,
    pub data: Value,
    /// When it was read.
    pub at: Instant,
}

impl Event {
    pub fn seq(&self) -> u64 {
        self.data["seq"].as_u64().unwrap()
    }

    pub fn query(&self) -> &str {
        self.data["query"].as_str().unwrap_or_default()
    }

    pub fn is(&self, name: &str, query: &str) -> bool {
        self.name == name && self.query() == query
    }

    /// Reads one block by the contract's grammar; anything else is a failed test.
    fn parse(block: &str) -> Event {
        let mut lines: Vec<&str> = block.strip_suffix("\n\n").unwrap().split('\n').collect();
        assert!(!block.contains(['\r', '\0', '\u{85}', '\u{2028}', '\u{2029}']), "{block:?}");
        assert!(!block.starts_with('\u{feff}'), "a byte order mark");
        let json =
            lines.pop().and_then(|line| line.strip_prefix("data: ")).unwrap_or_else(|| panic!("{block:?}"));
        let mut lines = lines.into_iter().peekable();
        let mut field = |name: &str| {
            lines.next_if(|line| line.starts_with(name)).map(|line| line[name.len()..].to_owned())
        };
        let id = field("id: ");
        let name = field("event: ").unwrap_or_else(|| panic!("{block:?}"));
        let retry = field("retry: ").map(|digits| digits.parse().unwrap());
        assert_eq!(lines.next(), None, "{block:?}");
        let data: Value = serde_json::from_str(json).unwrap();
        let compact = [('\u{85}', "\\u0085"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")]
            .into_iter()
            .fold(data.to_string(), |json, (line_break, escaped)| json.replace(line_break, escaped));
        assert_eq!(compact, json, "not compact");
        assert!(data.is_object() && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'), "{block:?}");
        assert_eq!(data["type"], name.as_str());
        let without_retry = block.split_inclusive('\n').filter(|line| !line.starts_with("retry: ")).collect();
        Event { block: without_retry, id, name, retry, data, at: Instant::now() }
    }
}

/// An open stream.
pub struct Stream {
    pub head: Head,
    socket: Socket,
    /// What came and is no whole block yet.
    text: Vec<u8>,
    pub seen: Vec<Event>,
    /// Heartbeat comments so far, with the time of each.
    pub beats: Vec<Instant>,
    /// Every byte of the body so far.
    pub raw: Vec<u8>,
    ended: bool,
    deltas: bool,
}

impl Stream {
    pub fn run(&self) -> String {
        self.head.header("run-id").unwrap().to_owned()
    }

    /// The next event; none at the end.
    pub fn next(&mut self) -> Option<Event> {
        self.next_or_lost().unwrap_or_else(|Lost| panic!("the connection ended early"))
    }

    /// The next event of a server that may be killed; none at the end.
    pub fn next_or_lost(&mut self) -> Result<Option<Event>, Lost> {
        loop {
            if let Some(event) = self.take() {
                self.seen.push(event.clone());
                return Ok(Some(event));
            }
            if self.ended {
                assert_eq!(self.text, b"", "the stream ends in the middle of a block");
                return Ok(None);
            }
            match self.socket.chunk()? {
                Some(chunk) => {
                    self.raw.extend_from_slice(&chunk);
                    self.text.extend_from_slice(&chunk);
                    // A block goes to the transport in one piece.
                    assert!(
                        chunk.ends_with(b"\n\n") || chunk == b": keep-alive\n",
                        "{:?}",
                        String::from_utf8_lossy(&chunk)
                    );
                }
                None => self.ended = true,
            }
        }
    }

    fn take(&mut self) -> Option<Event> {
        while self.text.starts_with(b":") {
            let end = self.text.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.text.drain(..=end).collect();
            assert_eq!(line, b": keep-alive\n");
            assert_ne!(self.text.first(), Some(&b'\n'), "a heartbeat with a blank line");
            self.beats.push(Instant::now());
        }
        let end = self.text.windows(2).position(|window| window == b"\n\n")?;
        let block: Vec<u8> = self.text.drain(..end + 2).collect();
        Some(Event::parse(std::str::from_utf8(&block).unwrap()))
    }

    /// Reads up to an event of this name.
    #[track_caller]
    pub fn until(&mut self, name: &str) -> Event {
        self.find(name, |event| event.name == name)
    }

    /// Reads up to an event of this name and query.
    #[track_caller]
    pub fn until_query(&mut self, name: &str, query: &str) -> Event {
        self.find(name, |event| event.is(name, query))
    }

    /// Reads up to a query's phase.
    #[track_caller]
    pub fn until_phase(&mut self, query: &str, phase: &str) -> Event {
        self.find(phase, |event| event.is("query_progress", query) && event.data["phase"] == phase)
    }

    #[track_caller]
    fn find(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        while let Some(event) = self.next() {
            if wanted(&event) {
                return event;
            }
        }
        panic!(
            "the stream ended without {what}: {:#?}",
            self.seen.iter().map(|event| &event.block).collect::<Vec<_>>()
        );
    }

    /// Reads to the end and checks all that the contract says of a whole stream.
    #[track_caller]
    pub fn events(mut self) -> Vec<Event> {
        while self.next().is_some() {}
        assert_contract(&self.seen, self.deltas);
        self.seen
    }

    /// Reads to the end without checking the whole, for a stream that began in the middle.
    pub fn rest(mut self) -> Vec<Event> {
        while self.next().is_some() {}
        self.seen
    }

    /// Whether the server has reset the connection; reads nothing.
    pub fn is_reset(&self) -> bool {
        self.socket.is_reset()
    }

    /// Closes the connection.
    pub fn cut(self) {
        let _ = self.socket.stream.shutdown(Shutdown::Both);
    }
}

/// The other side is gone before it had said all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// A socket with what was read too early.
pub struct Socket {
    stream: TcpStream,
    ahead: Vec<u8>,
    chunked: bool,
}

impl Socket {
    /// Sends bytes as they are; whether the other side still takes them.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends byte after byte, until the other side does not take them any more.
    pub fn drip(&mut self, bytes: &[u8], every: Duration) {
        for byte in bytes {
            std::thread::sleep(every);
            if !self.write(&[*byte]) {
                break;
            }
        }
    }

    /// The first line of an answer before the answer.
    pub fn interim(&mut self) -> String {
        let head = self.until(b"\r\n\r\n");
        String::from_utf8(head.unwrap()).unwrap().lines().next().unwrap().to_owned()
    }

    /// The next whole answer.
    pub fn reply(&mut self) -> Reply {
        self.reply_or_lost().expect("a head")
    }

    /// The next whole answer, if the connection is still there.
    pub fn reply_or_lost(&mut self) -> Result<Reply, Lost> {
        let head = read_head(self)?;
        Ok(read_body(head, self, false))
    }

    /// Reads until the server closes; what came, and whether it closed by a reset.
    pub fn rest(&mut self) -> (Vec<u8>, bool) {
        let mut buffer = [0; 65536];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return (std::mem::take(&mut self.ahead), false),
                Ok(n) => self.ahead.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return (std::mem::take(&mut self.ahead), true);
                }
                Err(error) => panic!("the server does not close: {error}"),
            }
        }
    }

    /// Reads to the end in small pieces with a rest after each; all that came.
    pub fn sip(&mut self, piece: usize, rest: Duration) -> Vec<u8> {
        let mut buffer = vec![0; piece];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return std::mem::take(&mut self.ahead),
                Ok(n) => self.ahead.extend_from_slice(&buffer[..n]),
                Err(error) => panic!("after {} bytes: {error}", self.ahead.len()),
            }
            std::thread::sleep(rest);
        }
    }

    /// Says that nothing more will be sent.
    pub fn no_more(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Whether the connection was reset; reads nothing.
    fn is_reset(&self) -> bool {
        self.stream.take_error().unwrap().is_some_and(|error| error.kind() == ErrorKind::ConnectionReset)
    }

    fn fill(&mut self) -> Result<(), Lost> {
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(Lost),
            Ok(n) => {
                self.ahead.extend_from_slice(&buffer[..n]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(Lost),
            Err(error) => panic!("the server is silent: {error}"),
        }
    }

    /// What comes before `mark`.
    pub fn until(&mut self, mark: &[u8]) -> Result<Vec<u8>, Lost> {
        loop {
            if let Some(at) = self.ahead.windows(mark.len()).position(|window| window == mark) {
                let found = self.ahead.drain(..at + mark.len()).collect::<Vec<_>>();
                return Ok(found[..at].to_vec());
            }
            self.fill()?;
        }
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Lost> {
        while self.ahead.len() < length {
            self.fill()?;
        }
        Ok(self.ahead.drain(..length).collect())
    }

    /// The next chunk of a chunked body; none at its end.
    fn chunk(&mut self) -> Result<Option<Vec<u8>>, Lost> {
        assert!(self.chunked);
        let size = self.until(b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap(), 16).unwrap();
        let chunk = self.exactly(size)?;
        assert_eq!(self.exactly(2)?, b"\r\n");
        Ok((size > 0).then_some(chunk))
    }
}

/// A request in the making.
pub struct Request<'a> {
    server: &'a Server,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    deltas: bool,
}

impl<'a> Request<'a> {
    pub fn header(mut self, name: &str, value: &str) -> Request<'a> {
        self.headers.retain(|(given, _)| given != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn without(mut self, name: &str) -> Request<'a> {
        self.headers.retain(|(given, _)| given != name);
        self
    }

    pub fn last_event_id(self, id: &str) -> Request<'a> {
        self.header("last-event-id", id)
    }

    /// A JSON body.
    pub fn json(self, body: &Value) -> Request<'a> {
        self.body(body.to_string().as_bytes())
    }

    pub fn body(mut self, body: &[u8]) -> Request<'a> {
        self.body = Some(body.to_vec());
        self.header("content-type", "application/json")
    }

    pub fn head_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            // Values are bytes: what is not ASCII goes out as Latin-1.
            head.extend_from_slice(format!("{name}: ").as_bytes());
            head.extend(value.chars().map(|c| u8::try_from(u32::from(c)).unwrap()));
            head.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body {
            head.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    fn sent(&self) -> Result<(Head, Socket), Lost> {
        let mut bytes = self.head_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        let mut socket = self.server.try_connect()?;
        socket.stream.write_all(&bytes).map_err(|_| Lost)?;
        Ok((read_head(&mut socket)?, socket))
    }

    /// Sends it and reads the whole answer.
    pub fn send(self) -> Reply {
        let (head, mut socket) = self.sent().expect("an answer");
        read_body(head, &mut socket, self.method == "HEAD")
    }

    /// Sends it and reads the answer's head; the body is a stream of events.
    #[track_caller]
    pub fn open(self) -> Stream {
        self.open_or_lost().expect("an answer")
    }

    /// Opens a stream of a server that may be killed.
    #[track_caller]
    pub fn open_or_lost(self) -> Result<Stream, Lost> {
        let (head, mut socket) = self.sent()?;
        if head.status != 200 || head.header("content-type") != Some("text/event-stream; charset=utf-8") {
            let reply = read_body(head, &mut socket, false);
            panic!("no stream but {:?}: {}", reply.head, reply.text());
        }
        Ok(Stream {
            head,
            socket,
            text: Vec::new(),
            seen: Vec::new(),
            beats: Vec::new(),
            raw: Vec::new(),
            ended: false,
            deltas: self.deltas,
        })
    }
}

fn read_head(socket: &mut Socket) -> Result<Head, Lost> {
    let head = loop {
        let head = Head::parse(&socket.until(b"\r\n\r\n")?);
        if head.status != 100 {
            break head;
        }
    };
    socket.chunked = head.header("transfer-encoding") == Some("chunked");
    Ok(head)
}

fn read_body(head: Head, socket: &mut Socket, no_body: bool) -> Reply {
    let mut body = Vec::new();
    if no_body || matches!(head.status, 204 | 304) {
        return Reply { head, body };
    }
    match head.header("content-length") {
        Some(length) => body = socket.exactly(length.parse().unwrap()).expect("a whole body"),
        None if socket.chunked => {
            while let Some(chunk) = socket.chunk().expect("a whole body") {
                body.extend_from_slice(&chunk);
            }
        }
        None => {
            while socket.fill().is_ok() {}
            body = socket.ahead.clone();
        }
    }
    Reply { head, body }
}

impl Server {
    /// A connection on which nothing was said yet.
    pub fn connect(&self) -> Socket {
        self.try_connect().expect("a connection")
    }

    fn try_connect(&self) -> Result<Socket, Lost> {
        let stream = TcpStream::connect(self.addr).map_err(|_| Lost)?;
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Ok(Socket { stream, ahead: Vec::new(), chunked: false })
    }

    pub fn request(&self, method: &str, path: &str) -> Request<'_> {
        let deltas = path.contains("deltas=true");
        let headers = vec![("host".to_owned(), self.addr.to_string())];
        Request { server: self, method: method.into(), path: path.into(), headers, body: None, deltas }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send()
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.request("POST", path).json(body).send()
    }

    /// `POST /ask-stream`.
    #[track_caller]
    pub fn ask(&self, body: &Value) -> Stream {
        let mut request = self.request("POST", "/ask-stream").json(body);
        request.deltas = body["options"]["deltas"] == true;
        request.open()
    }

    /// A run's events from the first on.
    #[track_caller]
    pub fn follow(&self, run: &str) -> Stream {
        self.request("GET", &format!("/api/v1/runs/{run}/events?deltas=true")).open()
    }

    pub fn cancel(&self, run: &str) -> Reply {
        self.request("POST", &format!("/api/v1/runs/{run}/cancel")).send()
    }

    pub fn snapshot(&self, run: &str) -> Value {
        self.get(&format!("/api/v1/runs/{run}")).json()
    }

    /// Sends raw bytes, in pieces if wanted, and reads whatever is answered.
    pub fn raw(&self, pieces: &[&[u8]]) -> Reply {
        let mut socket = self.connect();
        for piece in pieces {
            // A server that has answered already may have closed its side.
            if !socket.write(piece) {
                break;
            }
        }
        socket.reply()
    }

    /// A connection that has done a request and is kept.
    pub fn keep_alive(&self) -> Socket {
        let mut socket = self.connect();
        socket.write(format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", self.addr).as_bytes());
        assert_eq!(socket.reply().status(), 200);
        socket
    }
}
