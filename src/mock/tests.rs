//! The lab over real sockets: what goes out, how it ends, what is counted.

use std::sync::Mutex;

use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use super::*;

/// A lab under test; gone when dropped.
pub(super) struct Bench {
    pub(super) address: SocketAddr,
    pub(super) stats: Arc<Stats>,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(super) client: crate::provider::upstream::Client,
    _tasks: JoinSet<()>,
}

impl Bench {
    pub(super) async fn start() -> Bench {
        Bench::with(LabSettings::default()).await
    }

    pub(super) async fn with(settings: LabSettings) -> Bench {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = seen.clone();
        let sink = Arc::new(move |seen: &Seen| told.lock().unwrap().push(seen.clone()));
        let lab = Lab::open(settings, sink).await.unwrap();
        let (address, stats) = (lab.address(), lab.stats());
        let mut tasks = JoinSet::new();
        tasks.spawn(lab.serve(CancellationToken::new()));
        Bench { address, stats, seen, client: Default::default(), _tasks: tasks }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Everything that comes in answer to one request, and whether a FIN ended it.
    pub(super) async fn ask(&self, model: &str, stream: bool) -> (Vec<u8>, bool) {
        let mut socket = self.connect().await;
        socket.write_all(&request(model, stream)).await.unwrap();
        read_all(&mut socket).await
    }

    /// What was seen of attempts, once there are so many.
    pub(super) async fn attempts(&self, count: usize) -> Vec<Seen> {
        self.until(|seen| {
            let attempts: Vec<_> = seen.iter().filter(|seen| seen.attempt.is_some()).cloned().collect();
            (attempts.len() >= count).then_some(attempts)
        })
        .await
    }

    pub(super) async fn until<T>(&self, found: impl Fn(&[Seen]) -> Option<T>) -> T {
        for _ in 0..500 {
            if let Some(found) = found(&self.seen.lock().unwrap()) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it was not seen within 5 s: {:?}", self.seen.lock().unwrap());
    }
}

pub(super) fn request(model: &str, stream: bool) -> Vec<u8> {
    let body =
        json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Is it safe?"}]});
    post("/v1/chat/completions", &body.to_string())
}

pub(super) fn post(path: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nhost: lab\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// All bytes up to the end or a second of silence; true for a FIN.
pub(super) async fn read_all(socket: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        match tokio::time::timeout(Duration::from_millis(600), socket.read(&mut piece)).await {
            Ok(Ok(0)) => return (bytes, true),
            Ok(Ok(count)) => bytes.extend_from_slice(&piece[..count]),
            Ok(Err(_)) | Err(_) => return (bytes, false),
        }
    }
}

/// Head and body of one answer.
pub(super) fn parts(bytes: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_clean_stream_is_whole_and_the_connection_stays() {
    let bench = Bench::start().await;
    let mut socket = bench.connect().await;
    for number in 1..=3 {
        socket.write_all(&request("echo", true)).await.unwrap();
        let (bytes, closed) = read_all(&mut socket).await;
        let (head, body) = parts(&bytes);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("text/event-stream"), "{head}");
        assert!(body.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"), "{body}");
        assert!(!closed);
        assert_eq!(bench.stats.of("echo").attempts, number);
    }
    assert_eq!(bench.stats.connections(), (1, 1));
    drop(socket);
    let close =
        bench.until(|seen| seen.iter().find(|seen| seen.attempt.is_none()).map(|seen| seen.close)).await;
    assert_eq!(close, Close::ClientFin);
    assert_eq!(bench.stats.connections(), (1, 0));
}

#[tokio::test]
async fn an_echo_holds_what_was_said() {
    let bench = Bench::start().await;
    let (bytes, _) = bench.ask("echo", false).await;
    let body: Value = serde_json::from_str(&parts(&bytes).1).unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], "user: Is it safe?");
    assert_eq!(body["usage"]["prompt_tokens"], 3);
}

#[tokio::test]
async fn timing_is_kept() {
    let bench = Bench::start().await;
    let mut socket = bench.connect().await;
    let begun = Instant::now();
    socket.write_all(&request("first-150-total-350-tokens-5", true)).await.unwrap();
    let (mut bytes, mut times) = (Vec::new(), Vec::new());
    while !bytes.ends_with(b"0\r\n\r\n") {
        let mut piece = [0; 4096];
        let count = socket.read(&mut piece).await.unwrap();
        bytes.extend_from_slice(&piece[..count]);
        times.push(begun.elapsed());
    }
    let content = |text: &str| text.matches("\"delta\":{\"content\":\"").count();
    assert_eq!(content(&String::from_utf8_lossy(&bytes)), 5);
    let whole = *times.last().unwrap();
    assert!(whole >= Duration::from_millis(345) && whole < Duration::from_millis(1000), "{times:?}");
    assert!(times.iter().any(|at| (140..340).contains(&(at.as_millis() as u64))), "{times:?}");
}

#[tokio::test]
async fn connections_end_as_announced() {
    let bench = Bench::start().await;
    let cases = [
        ("echo", Close::ClientFin),
        ("u10-reset", Close::LabReset),
        ("u25-reset", Close::LabReset),
        ("u26-fin", Close::LabFin),
        ("u27-bad-size", Close::LabFin),
        ("u27-no-terminator", Close::LabFin),
        ("u21-stall", Close::ClientFin),
        ("u9-silent", Close::ClientFin),
    ];
    for (model, expected) in cases {
        let mut socket = bench.connect().await;
        socket.write_all(&request(model, true)).await.unwrap();
        let (_, fin) = read_all(&mut socket).await;
        assert_eq!(fin, expected == Close::LabFin, "{model}");
        drop(socket);
        let number = bench.stats.connections().0;
        let ends = |seen: &Seen| seen.connection == number && seen.attempt.is_none();
        let close = bench.until(|seen| seen.iter().find(|seen| ends(seen)).map(|seen| seen.close)).await;
        assert_eq!(close, expected, "{model}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_at_once_and_counted() {
    let bench = Bench::start().await;
    for model in ["u9-silent", "u21-stall", "u19-comments", "u42-endless", "u18-trickle"] {
        let mut socket = bench.connect().await;
        socket.write_all(&request(model, true)).await.unwrap();
        let mut some = [0; 16];
        let _ = tokio::time::timeout(Duration::from_millis(50), socket.read(&mut some)).await;
        let begun = Instant::now();
        drop(socket);
        let is_of = |seen: &&Seen| seen.attempt.as_ref().is_some_and(|attempt| attempt.model == model);
        let seen = bench.until(|seen| seen.iter().find(is_of).cloned()).await;
        assert!(begun.elapsed() < Duration::from_millis(300), "{model}");
        assert!(seen.close.is_by_client(), "{model}: {seen:?}");
        let counts = bench.stats.of(model);
        assert_eq!((counts.attempts, counts.open, counts.closed_by_client), (1, 0, 1), "{model}");
    }
}

#[tokio::test]
async fn framing_is_cut_as_announced() {
    let bench = Bench::start().await;
    let body = |model: &'static str| {
        let bench = &bench;
        async move { parts(&bench.ask(model, true).await.0) }
    };
    let (_, bad) = body("u27-bad-size").await;
    assert!(bad.ends_with("\r\nzz\r\nnonsense\r\n"), "{bad}");
    let (_, cut) = body("u27-chunk-cut").await;
    assert!(cut.ends_with("\r\nff\r\nhalf of it"), "{cut}");
    let (_, open) = body("u27-no-terminator").await;
    let (size, rest) = open.split_once("\r\n").unwrap();
    assert_eq!(rest.len(), usize::from_str_radix(size, 16).unwrap() + 2, "one whole chunk and no last one");
    let length = |head: &str| {
        let value = head.split("content-length: ").nth(1).unwrap();
        value.lines().next().unwrap().parse::<usize>().unwrap()
    };
    let (head, long) = body("u27-length-too-long").await;
    assert!(length(&head) > long.len());
    let (head, short) = body("u27-length-too-short").await;
    assert!(length(&head) < short.len() && short.contains("[DONE]"));
}

#[tokio::test]
async fn a_fault_that_happens_once_is_over_then() {
    let bench = Bench::start().await;
    for (model, first, then) in
        [("u68-500-once", 500, 200), ("status-503-times-1#a", 503, 200), ("u63-retry-after", 429, 200)]
    {
        for status in [first, then, then] {
            let (bytes, _) = bench.ask(model, false).await;
            assert!(parts(&bytes).0.starts_with(&format!("HTTP/1.1 {status} ")), "{model}");
        }
    }
    bench.stats.reset();
    let (bytes, _) = bench.ask("u68-500-once", false).await;
    assert!(parts(&bytes).0.starts_with("HTTP/1.1 500 "));
}

#[tokio::test]
async fn requests_beyond_the_limits_are_refused() {
    let bench = Bench::start().await;
    let long = format!("POST /v1/chat/completions HTTP/1.1\r\nx: {}\r\n", "x".repeat(70_000));
    let cases = [
        (long.as_str(), "431"),
        ("POST /v1/messages HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n", "413"),
        ("POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n", "413"),
        ("POST /v1/messages HTTP/1.1\r\ncontent-length: many\r\n\r\n", "400"),
        ("nonsense\r\n\r\n", "400"),
        ("POST /v1/nowhere HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", "404"),
        ("POST /v1/messages HTTP/1.1\r\ncontent-length: 2\r\n\r\n[]", "404"),
    ];
    for (request, status) in cases {
        let mut socket = bench.connect().await;
        socket.write_all(request.as_bytes()).await.unwrap();
        let (bytes, _) = read_all(&mut socket).await;
        let head = parts(&bytes).0;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {head}");
    }
    let settings = LabSettings { listen: "0.0.0.0:0".parse().unwrap(), ..LabSettings::default() };
    assert!(matches!(Lab::open(settings, Arc::new(|_| {})).await, Err(Unopened::NotLoopback(_))));
}

#[tokio::test]
async fn a_body_in_chunks_and_a_path_that_names_the_model_are_read() {
    let bench = Bench::start().await;
    let mut socket = bench.connect().await;
    let chunked = "POST /as/u58-401/v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
        5\r\n{\"a\":\r\n3;x=y\r\n 1}\r\n0\r\n\r\n";
    socket.write_all(chunked.as_bytes()).await.unwrap();
    assert!(parts(&read_all(&mut socket).await.0).0.starts_with("HTTP/1.1 401 "));
    assert_eq!(bench.stats.of("u58-401").attempts, 1);
}

#[tokio::test]
async fn early_answers_do_not_wait_for_the_request() {
    let bench = Bench::start().await;
    let body = format!("{{\"model\":\"u12-413-early\",\"x\":\"{}\"}}", "x".repeat(1 << 20));
    let whole = post("/v1/chat/completions", &body);
    let mut socket = bench.connect().await;
    socket.write_all(&whole[..200_000]).await.unwrap();
    let (bytes, _) = read_all(&mut socket).await;
    assert!(parts(&bytes).0.starts_with("HTTP/1.1 413 "));
    let mut socket = bench.connect().await;
    let reset = String::from_utf8(whole).unwrap().replace("u12-413-early", "u11");
    socket.write_all(&reset.as_bytes()[..200_000]).await.unwrap();
    assert_eq!(read_all(&mut socket).await, (Vec::new(), false));
    let seen = bench.attempts(2).await;
    assert_eq!(seen[1].close, Close::LabReset);
}

#[tokio::test]
async fn unknown_models_are_not_found_unless_a_default_answers() {
    let bench = Bench::start().await;
    assert!(parts(&bench.ask("gpt-5-mini", true).await.0).0.starts_with("HTTP/1.1 404 "));
    let settings = LabSettings { default_model: Some("echo".into()), ..LabSettings::default() };
    let bench = Bench::with(settings).await;
    assert!(parts(&bench.ask("gpt-5-mini", true).await.0).0.starts_with("HTTP/1.1 200 "));
    assert!(parts(&bench.ask("u25-rest", true).await.0).0.starts_with("HTTP/1.1 404 "));
    let settings = LabSettings { default_model: Some("nobody".into()), ..LabSettings::default() };
    assert!(matches!(Lab::open(settings, Arc::new(|_| {})).await, Err(Unopened::Model(_))));
}

#[tokio::test]
async fn counts_and_lines_agree() {
    let bench = Bench::start().await;
    bench.ask("echo", true).await;
    bench.ask("u25-reset", true).await;
    let seen = bench.attempts(2).await;
    let (bytes_in, bytes_out) = (seen[0].bytes_in, seen[0].bytes_out);
    let counts = bench.stats.of("echo");
    assert_eq!((counts.bytes_in, counts.bytes_out), (bytes_in, bytes_out));
    assert_eq!(bytes_in, request("echo", true).len() as u64);
    let line: Value = serde_json::from_str(&seen[1].line()).unwrap();
    assert_eq!(line["seen"], "attempt");
    assert_eq!(
        (&line["model"], &line["row"], &line["form"]),
        (&json!("u25-reset"), &json!("U25"), &json!("openai"))
    );
    assert_eq!((&line["closed_by"], &line["how"]), (&json!("lab"), &json!("rst")));
    let mut socket = bench.connect().await;
    socket.write_all(b"GET /stats HTTP/1.1\r\n\r\n").await.unwrap();
    let stats: Value = serde_json::from_str(&parts(&read_all(&mut socket).await.0).1).unwrap();
    assert_eq!(stats["models"]["echo"]["attempts"], 1);
    assert_eq!(stats["connections"], 3);
}

#[tokio::test]
async fn a_script_goes_before_the_catalogue() {
    let script = Script::parse("lab.toml", include_str!("../../examples/lab.toml")).unwrap();
    let bench = Bench::with(LabSettings { script, ..LabSettings::default() }).await;
    assert_eq!(bench.ask("flaky", true).await, (Vec::new(), false));
    assert!(parts(&bench.ask("flaky", true).await.0).0.starts_with("HTTP/1.1 503 "));
    assert!(!parts(&bench.ask("flaky", true).await.0).1.contains("[DONE]"));
    for _ in 0..2 {
        assert!(parts(&bench.ask("flaky", true).await.0).1.contains("[DONE]"));
    }
    let (head, body) = parts(&bench.ask("hand-made", true).await.0);
    assert!(head.contains("429") && head.contains("retry-after: 1") && body.contains("slow down"), "{head}");
    let (head, body) = parts(&bench.ask("hand-made", true).await.0);
    assert!(head.contains("text/event-stream") && body.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"), "{body}");
    let (bytes, fin) = bench.ask("raw-bytes", true).await;
    assert_eq!(bytes, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n\xff\xfe");
    assert!(!fin);
    assert!(parts(&bench.ask("echo", true).await.0).0.starts_with("HTTP/1.1 200 "));
}
