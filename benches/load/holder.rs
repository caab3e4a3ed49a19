//! A process that holds slow streams of the fault lab open, and sees how late their pieces come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Context;
use axum::http::Request;
use h2::client::SendRequest;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep;

/// Each stream says a piece so often, for longer than all of this takes.
const EVERY: Duration = Duration::from_secs(5);
const MODEL: &str = "first-0-total-600000-tokens-121";
/// What each piece holds once, and nothing else does.
const PIECE: &[u8] = b"\"delta\":{\"content\":\"";
/// How long the held streams are watched.
const WATCH: Duration = Duration::from_secs(15);
/// Streams that are being opened at once.
const OPENING: usize = 200;
/// Streams of one connection of HTTP/2; the lab allows as many.
const SHARED: usize = 1000;
/// Connections from one source address: each has a port of its own there, and there are about 28,000.
const A_SOURCE: usize = 5000;
/// Lateness is kept in milliseconds up to this; more counts as this.
const MOST_LATE: usize = 10_000;

/// What all streams tell.
struct Watch {
    held: AtomicUsize,
    is_on: AtomicBool,
    /// How many pieces were so many milliseconds late.
    late: Vec<AtomicU64>,
    opening: Semaphore,
}

/// Opens so many streams; says when all are held, and then how late their pieces came.
pub async fn hold() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(2);
    let mut argument = || arguments.next().context("arguments: ADDRESS 1.1|2 STREAMS");
    let (address, version) = (argument()?.parse::<SocketAddr>()?, argument()?);
    let count = argument()?.parse::<usize>()?;
    let late = (0..=MOST_LATE).map(|_| AtomicU64::new(0)).collect();
    let (held, is_on, opening) = (AtomicUsize::new(0), AtomicBool::new(false), Semaphore::new(OPENING));
    let watch = Arc::new(Watch { held, is_on, late, opening });
    let mut streams = JoinSet::new();
    if version == "2" {
        for connection in 0..count.div_ceil(SHARED) {
            let sender = shared(address, connection, &mut streams).await?;
            for _ in 0..SHARED.min(count - connection * SHARED) {
                streams.spawn(over_http2(address, sender.clone(), Arc::clone(&watch)));
            }
        }
    } else {
        for number in 0..count {
            streams.spawn(over_http1(address, number, Arc::clone(&watch)));
        }
    }
    let watched = async {
        while watch.held.load(Relaxed) < count {
            sleep(Duration::from_millis(50)).await;
        }
        println!("held");
        watch.is_on.store(true, Relaxed);
        sleep(WATCH).await;
    };
    tokio::select! {
        () = watched => {}
        Some(ended) = streams.join_next() => {
            ended??;
            anyhow::bail!("a stream has ended");
        }
    }
    watch.report();
    Ok(())
}

impl Watch {
    fn report(&self) {
        let counts: Vec<u64> = self.late.iter().map(|count| count.load(Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let at = |share: f64| {
            let wanted = (all as f64 * share).ceil() as u64;
            let mut seen = 0;
            let found = counts.iter().position(|count| {
                seen += count;
                seen >= wanted
            });
            found.unwrap_or(MOST_LATE)
        };
        println!("{all} {} {}", at(0.5), at(0.99));
    }
}

/// The pieces of one stream, by their clock.
#[derive(Default)]
struct Pieces {
    first: Option<Instant>,
    count: u32,
}

impl Pieces {
    fn take(&mut self, bytes: &[u8], watch: &Watch) {
        let came = bytes.windows(PIECE.len()).filter(|window| *window == PIECE).count();
        for _ in 0..came {
            let first = *self.first.get_or_insert_with(Instant::now);
            let late = first.elapsed().saturating_sub(EVERY * self.count);
            self.count += 1;
            if watch.is_on.load(Relaxed) {
                watch.late[(late.as_millis() as usize).min(MOST_LATE)].fetch_add(1, Relaxed);
            }
        }
    }
}

async fn connect(address: SocketAddr, number: usize) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let source = [127, 0, 0, u8::try_from(2 + number / A_SOURCE)?];
    socket.bind(SocketAddr::from((source, 0))).context("no port is left")?;
    let socket = socket.connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

fn question() -> String {
    format!("{{\"model\":\"{MODEL}\",\"stream\":true,\"messages\":[]}}")
}

async fn over_http1(address: SocketAddr, number: usize, watch: Arc<Watch>) -> anyhow::Result<()> {
    let mut permit = Some(watch.opening.acquire().await?);
    let mut socket = connect(address, number).await?;
    let body = question();
    let length = body.len();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).await?;
    let mut pieces = Pieces::default();
    loop {
        // Waiting holds no buffer: this process is not what is measured, but shares the machine.
        socket.readable().await?;
        let mut buffer = [0; 2048];
        let count = socket.read(&mut buffer).await?;
        anyhow::ensure!(count > 0, "a stream has ended");
        pieces.take(&buffer[..count], &watch);
        if pieces.count > 0 && permit.take().is_some() {
            watch.held.fetch_add(1, Relaxed);
        }
    }
}

/// A connection that streams share.
async fn shared(
    address: SocketAddr,
    number: usize,
    streams: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<SendRequest<bytes::Bytes>> {
    let (sender, connection) = h2::client::handshake(connect(address, number).await?).await?;
    streams.spawn(async move { Ok(connection.await?) });
    Ok(sender)
}

async fn over_http2(
    address: SocketAddr,
    sender: SendRequest<bytes::Bytes>,
    watch: Arc<Watch>,
) -> anyhow::Result<()> {
    let mut permit = Some(watch.opening.acquire().await?);
    let request = Request::post(format!("http://{address}/v1/chat/completions")).body(())?;
    let (response, mut body) = sender.ready().await?.send_request(request, false)?;
    body.send_data(question().into(), true)?;
    let mut answer = response.await?.into_body();
    let mut pieces = Pieces::default();
    while let Some(bytes) = answer.data().await {
        let bytes = bytes?;
        answer.flow_control().release_capacity(bytes.len())?;
        pieces.take(&bytes, &watch);
        if pieces.count > 0 && permit.take().is_some() {
            watch.held.fetch_add(1, Relaxed);
        }
    }
    anyhow::bail!("a stream has ended")
}
