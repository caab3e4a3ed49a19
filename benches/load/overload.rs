//! What is left of the server when ten times as many ask as it takes at once.
//!
//! With 50 places and answers of 100 ms it is asked by 50, which is its capacity, and then by 500: first with a pause
//! after each refusal that makes it ten times the load, then without any, as fast as this machine can ask. Whoever
//! is let in must get a whole answer, and at ten times the load the refusals must not cost the others.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::FULL;
use crate::Percentiles;
use crate::Server;
use crate::process;

/// Runs at once.
const PLACES: usize = 50;
/// Askers for each place.
const TIMES: usize = 10;
/// Until the load is steady.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long is counted after that.
const COUNTED: Duration = Duration::from_secs(8);
/// After a refusal; about the time of an answer, so that ten times as many ask ten times as often.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest that one answer may take.
const LIMIT: Duration = Duration::from_secs(30);
/// What must be left of the capacity.
const LEFT: f64 = 0.9;

/// How an ask ended.
enum Ended {
    /// With its last event.
    Answered,
    /// With a 503.
    Refused,
}

/// What askers saw while it was counted.
#[derive(Default)]
struct Seen {
    answered: Vec<Duration>,
    refused: Vec<Duration>,
}

/// Measures the loads and compares them.
pub async fn measure() -> anyhow::Result<()> {
    let provider = process::spawn_self("provider", &[]).await.context("the fake provider")?;
    let home = process::Home::make(&provider)?;
    let config = home.path().join(".config/askstream/config.toml");
    let mut config = std::fs::OpenOptions::new().append(true).open(config)?;
    // Who waits for a place is not refused: the queue is another matter.
    write!(config, "[limits]\nactive_runs = {PLACES}\nqueued_runs = 0\n")?;
    let server = Server::askstream(&home, &["--data-dir", "overload"]).await?;
    println!("| askers | after a refusal | answers a second | p50 | p99 | refusals a second | p50 | p99 |");
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    let capacity = print(&server, PLACES, PAUSE).await?;
    let goodput = print(&server, PLACES * TIMES, PAUSE).await?;
    let in_storm = print(&server, PLACES * TIMES, Duration::ZERO).await?;
    let share = |rate: f64| rate / capacity * 100.0;
    println!("\n{:.0} % of the capacity is left, {:.0} % when nobody waits", share(goodput), share(in_storm));
    println!("nothing that was let in was lost");
    anyhow::ensure!(goodput >= LEFT * capacity, "less than {:.0} %", LEFT * 100.0);
    Ok(())
}

/// Answers a second.
async fn print(server: &Server, askers: usize, pause: Duration) -> anyhow::Result<f64> {
    let seen = load(&server.child.address, askers, pause).await?;
    let rate = |times: &[Duration]| times.len() as f64 / COUNTED.as_secs_f64();
    let [answers, refusals] =
        [&seen.answered, &seen.refused].map(|times| Percentiles::of(times, |time| *time));
    println!(
        "| {askers} | {pause:?} | {:.0} | {:.0} ms | {:.0} ms | {:.0} | {:.1} ms | {:.1} ms |",
        rate(&seen.answered),
        answers.p50,
        answers.p99,
        rate(&seen.refused),
        refusals.p50,
        refusals.p99
    );
    Ok(rate(&seen.answered))
}

async fn load(address: &str, askers: usize, pause: Duration) -> anyhow::Result<Seen> {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..askers {
        tasks.spawn(asker(address.to_owned(), begin, pause));
    }
    let mut all = Seen::default();
    while let Some(seen) = tasks.join_next().await {
        let seen = seen??;
        all.answered.extend(seen.answered);
        all.refused.extend(seen.refused);
    }
    Ok(all)
}

/// Asks again and again over one connection; counts what ends while it is counted.
async fn asker(address: String, begin: Instant, pause: Duration) -> anyhow::Result<Seen> {
    let (from, to) = (begin + WARM_UP, begin + WARM_UP + COUNTED);
    let mut socket = TcpStream::connect(&address).await?;
    socket.set_nodelay(true)?;
    let (request, mut seen) = (request(&address), Seen::default());
    while Instant::now() < to {
        let sent = Instant::now();
        let ended = timeout(LIMIT, ask(&mut socket, &request)).await.context("an ask took too long")??;
        let now = Instant::now();
        let is_refused = matches!(ended, Ended::Refused);
        if (from..to).contains(&now) {
            match ended {
                Ended::Answered => seen.answered.push(now - sent),
                Ended::Refused => seen.refused.push(now - sent),
            }
        }
        if is_refused && !pause.is_zero() {
            sleep(pause).await;
        }
    }
    Ok(seen)
}

fn request(address: &str) -> String {
    let body = json!({"panel": FULL.panel, "question": "x"}).to_string();
    format!(
        "POST /ask-stream HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One ask; an answer that was begun and is not whole is an error.
async fn ask(socket: &mut TcpStream, request: &str) -> anyhow::Result<Ended> {
    socket.write_all(request.as_bytes()).await?;
    let mut said = Vec::new();
    loop {
        anyhow::ensure!(socket.read_buf(&mut said).await? > 0, "the server has closed");
        let text = String::from_utf8_lossy(&said);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if head.starts_with("HTTP/1.1 200") {
            if body.ends_with("\r\n0\r\n\r\n") {
                let whole =
                    body.contains("\"type\":\"final_result\"") && body.contains("\"status\":\"completed\"");
                anyhow::ensure!(whole, "let in and not answered: {text}");
                return Ok(Ended::Answered);
            }
            continue;
        }
        anyhow::ensure!(head.starts_with("HTTP/1.1 503"), "neither answered nor refused: {text}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.context("a refusal without length")?.trim().parse()? {
            anyhow::ensure!(body.contains("\"overloaded\""), "refused for another reason: {text}");
            return Ok(Ended::Refused);
        }
    }
}
