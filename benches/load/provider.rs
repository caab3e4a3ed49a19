//! A fake provider over plain sockets: chat completions whose model's name says how they go.
//!
//! `300x15` streams 15 deltas evenly over 300 ms. The last one carries the
//! time that really passed, so that a late timer here is held against nobody.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Context;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep_until;

/// Most bytes of a request.
const MAX_REQUEST: usize = 1 << 20;
/// Stands before the microseconds that an answer really took.
pub const TOOK: &str = "took_us=";

/// Listens on a free port, says which, and answers until it is killed.
pub async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        // A caller that leaves in mid-answer is not our concern.
        connections.spawn(async move { drop(converse(socket).await) });
        while connections.try_join_next().is_some() {}
    }
}

/// Requests one after the other, until the caller closes.
async fn converse(mut socket: TcpStream) -> anyhow::Result<()> {
    let mut read = Vec::new();
    loop {
        let Some(end) = request(&mut socket, &mut read).await? else { return Ok(()) };
        let (time, deltas) = asked(&read[..end]).context("no model such as 300x15")?;
        read.drain(..end);
        answer(&mut socket, time, deltas).await?;
    }
}

/// Reads until a whole request is there; its length. Nothing when the caller has closed.
async fn request(socket: &mut TcpStream, read: &mut Vec<u8>) -> anyhow::Result<Option<usize>> {
    loop {
        if let Some(head) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let whole = head + 4 + length.context("a body without length")?.trim().parse::<usize>()?;
            if read.len() >= whole {
                return Ok(Some(whole));
            }
        }
        anyhow::ensure!(read.len() <= MAX_REQUEST, "too large");
        if socket.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}

/// How long and in how many pieces the answer is to come.
fn asked(request: &[u8]) -> Option<(Duration, u32)> {
    let text = std::str::from_utf8(request).ok()?;
    let (_, model) = text.split_once("\"model\":\"")?;
    let (ms, deltas) = model.split_once('"')?.0.split_once('x')?;
    Some((Duration::from_millis(ms.parse().ok()?), deltas.parse().ok()?))
}

async fn answer(socket: &mut TcpStream, time: Duration, deltas: u32) -> anyhow::Result<()> {
    let began = Instant::now();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await?;
    let mut out = String::new();
    for number in 1..=deltas {
        sleep_until(began + time.mul_f64(f64::from(number) / f64::from(deltas))).await;
        out.clear();
        if number < deltas {
            event(&mut out, &delta("word after word "))?;
        } else {
            let took = format!("{TOOK}{};", began.elapsed().as_micros());
            event(&mut out, &delta(&took))?;
            event(&mut out, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}")?;
            event(&mut out, "[DONE]")?;
            out.push_str("0\r\n\r\n");
        }
        socket.write_all(out.as_bytes()).await?;
    }
    Ok(())
}

fn delta(text: &str) -> String {
    format!(
        "{{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"fake\",\
         \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}"
    )
}

/// One event as one chunk.
fn event(out: &mut String, data: &str) -> std::fmt::Result {
    let length = "data: ".len() + data.len() + 2;
    write!(out, "{length:x}\r\ndata: {data}\n\n\r\n")
}
