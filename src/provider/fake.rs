//! A server for tests that sends the bytes it is told to, and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;

use futures_util::StreamExt;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Call;
use super::Message;
use super::Provider;
use super::Role;
use crate::failure::Failure;

/// What one connection gets.
#[derive(Clone)]
pub struct Turn {
    bytes: Vec<u8>,
    reads: usize,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Close,
    Reset,
    Stay,
}

impl Turn {
    /// These bytes, then the end of the connection.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Turn {
        Turn { bytes: bytes.into(), reads: usize::MAX, end: End::Close }
    }

    /// An event stream that the end of the connection ends.
    pub fn stream(body: &str) -> Turn {
        Turn::raw(format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{body}"))
    }

    /// A status with headers (each ending in CRLF) and a body of its true length.
    pub fn status(status: u16, headers: &str, body: &str) -> Turn {
        Turn::raw(format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()))
    }

    /// Answers after so many bytes of the request.
    pub fn after(self, reads: usize) -> Turn {
        Turn { reads, ..self }
    }

    /// Ends with a reset.
    pub fn then_resets(self) -> Turn {
        Turn { end: End::Reset, ..self }
    }

    /// Leaves the connection open until the client closes it.
    pub fn then_stays(self) -> Turn {
        Turn { end: End::Stay, ..self }
    }
}

/// The server; it ends when dropped.
pub struct Fake {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    hung_up: Arc<Semaphore>,
    _tasks: JoinSet<()>,
}

impl Fake {
    /// The n-th connection gets the n-th turn, later ones the last.
    pub async fn start(turns: Vec<Turn>) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let hung_up = Arc::new(Semaphore::new(0));
        let mut tasks = JoinSet::new();
        let (seen, ended) = (requests.clone(), hung_up.clone());
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            for number in 0.. {
                let (socket, _) = listener.accept().await.unwrap();
                let turn = turns[number.min(turns.len() - 1)].clone();
                open.spawn(serve(socket, turn, seen.clone(), ended.clone()));
            }
        });
        Fake { address, requests, hung_up, _tasks: tasks }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far, head and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until the client has closed a connection that stays open.
    pub async fn hung_up(&self) {
        self.hung_up.acquire().await.unwrap().forget();
    }
}

async fn serve(
    mut socket: TcpStream,
    turn: Turn,
    requests: Arc<Mutex<Vec<String>>>,
    hung_up: Arc<Semaphore>,
) {
    let request = read(&mut socket, turn.reads).await;
    requests.lock().unwrap().push(request);
    let _ = socket.write_all(&turn.bytes).await;
    match turn.end {
        End::Close => {
            let _ = socket.shutdown().await;
        }
        End::Reset => socket.set_zero_linger().unwrap(),
        End::Stay => {
            let mut rest = Vec::new();
            let _ = socket.read_to_end(&mut rest).await;
            hung_up.add_permits(1);
        }
    }
}

async fn read(socket: &mut TcpStream, most: usize) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < most && !is_whole(&bytes) {
        let mut piece = [0; 4096];
        match socket.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// A key that must not turn up anywhere.
pub const KEY: &str = "sk-canary-0123456789";

/// A call as the adapters' tests make it; temperature and limits are theirs.
pub fn call() -> Call {
    let message = |role, content: &str| Message { role, content: content.into() };
    Call {
        panel: "audit".parse().unwrap(),
        query: "risks".parse().unwrap(),
        attempt: 1,
        model: "m-1".into(),
        messages: vec![message(Role::System, "Be brief."), message(Role::User, "Is it safe?")],
        temperature: Some(0.3),
        max_tokens: None,
        schema: Some(Arc::new(json!({"type": "object"}))),
        checked: None,
    }
}

/// The failure that `provider` makes of one answer. It names the provider and not the key.
pub async fn failure<P: Provider>(provider: impl FnOnce(&str) -> P, turn: Turn) -> Failure {
    let fake = Fake::start(vec![turn]).await;
    let chunks: Vec<_> = provider(&fake.url()).ask(call()).collect().await;
    let failure = chunks.into_iter().last().unwrap().unwrap_err();
    let told = format!("{failure:?}");
    assert!(!told.contains("canary"), "{told}");
    assert_eq!(failure.provider.as_deref(), Some("acme"));
    failure
}

/// The JSON body of a request.
pub fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}
