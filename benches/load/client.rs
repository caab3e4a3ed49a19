//! One ask over a socket of its own, as curl would do it, with a stopwatch.

use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::Shape;
use crate::provider::TOOK;

/// The longest that one ask may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Which server is asked, and so in which words.
#[derive(Clone, Copy)]
pub enum Target {
    /// The bare handler.
    Bare,
    /// The real thing.
    Askstream,
}

/// What the stopwatch showed.
pub struct Asked {
    /// From before the connection to the end of the stream.
    pub total: Duration,
    /// To the first event.
    pub first_event: Duration,
    /// To the first piece of an answer.
    pub first_text: Duration,
    /// What the provider's slowest answer took by its own clock.
    pub slowest: Duration,
}

/// Asks and reads to the end.
pub async fn ask(address: &str, target: Target, shape: Shape) -> anyhow::Result<Asked> {
    timeout(LIMIT, ask_within(address, target, shape)).await.context("an ask took too long")?
}

async fn ask_within(address: &str, target: Target, shape: Shape) -> anyhow::Result<Asked> {
    let began = Instant::now();
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    socket.write_all(&request(address, target, shape)).await?;
    let mut stream = Vec::new();
    let (mut first_event, mut first_text) = (None, None);
    let text: &[u8] = match target {
        Target::Bare => b"event: delta",
        Target::Askstream => b"event: query_delta",
    };
    let mut searched = 0;
    while socket.read_buf(&mut stream).await? > 0 {
        let now = began.elapsed();
        if first_text.is_none() {
            let new = &stream[searched..];
            if first_event.is_none() && holds(new, b"event: ") {
                first_event = Some(now);
            }
            if holds(new, text) {
                first_text = Some(now);
            }
            // A name may lie across two reads.
            searched = stream.len().saturating_sub(text.len());
        }
    }
    let total = began.elapsed();
    let stream = String::from_utf8(stream)?;
    let last = match target {
        Target::Bare => "event: done",
        Target::Askstream => "\"type\":\"final_result\"",
    };
    anyhow::ensure!(
        stream.starts_with("HTTP/1.1 200") && stream.contains(last),
        "not whole: {}",
        tail(&stream)
    );
    let took: Vec<u64> = stream.split(TOOK).skip(1).filter_map(number).collect();
    anyhow::ensure!(took.len() >= shape.models.len(), "an answer is missing: {}", tail(&stream));
    Ok(Asked {
        total,
        first_event: first_event.context("no event")?,
        first_text: first_text.context("no text")?,
        slowest: Duration::from_micros(took.into_iter().max().unwrap_or_default()),
    })
}

fn request(address: &str, target: Target, shape: Shape) -> Vec<u8> {
    let question = "Foundation strip 45 m x 0.8 m x 0.6 m, outdoor, groundwater pH 6.2";
    let body = match target {
        Target::Bare => json!({"question": question, "models": shape.models}),
        Target::Askstream => {
            json!({"question": question, "panel": shape.panel, "options": {"deltas": true}})
        }
    };
    let body = body.to_string();
    let head = format!(
        "POST /ask-stream HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The number that a text begins with.
fn number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    text[..end].parse().ok()
}

/// Enough of a stream's end to see what went wrong.
fn tail(stream: &str) -> &str {
    let mut at = stream.len().saturating_sub(1500);
    while !stream.is_char_boundary(at) {
        at += 1;
    }
    &stream[at..]
}
