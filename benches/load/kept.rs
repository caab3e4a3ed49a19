//! What keeping runs costs: durable appends, a long run read again, streams and asks that are open, and the disk.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use askstream::ask::Ask;
use askstream::event::Body;
use askstream::event::Entry;
use askstream::event::RunWarning;
use askstream::event::Stamp;
use askstream::id::RunId;
use askstream::store::Batch;
use askstream::store::Created;
use askstream::store::Lease;
use askstream::store::NewRun;
use askstream::store::Store;
use askstream::store::sqlite::Keep;
use askstream::store::sqlite::OnCorrupt;
use askstream::store::sqlite::Sqlite;
use jiff::Timestamp;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::HELD;
use crate::Load;
use crate::Percentiles;
use crate::QUICK;
use crate::Server;
use crate::WARM_UP;
use crate::process;
use crate::process::Child;

/// How long each number of writers appends.
const APPENDING: Duration = Duration::from_secs(3);
/// A panel of which a run has more than 10,000 events: pieces are joined for 50 ms.
pub const MANY: &str = "many";
/// Its queries.
pub const QUERIES: usize = 64;
/// The model of each.
pub const A_STREAM: &str = "10000x200";
/// Readers of the long run, one after the other.
const READERS: usize = 20;
/// A panel whose model says nothing until the measuring is over.
pub const SILENT: &str = "silent";
/// Its model.
pub const SILENCE: &str = "60000x1";
/// Streams that wait for it.
const WAITING: usize = 5_000;
/// The load under which both stores are compared.
const COMPARED: Load = Load { askers: 50, rounds: 10, shape: QUICK };

/// Measures all of it, on the disk of the temporary directory.
pub async fn measure() -> anyhow::Result<()> {
    let provider = process::spawn_self("provider", &[]).await.context("the fake provider")?;
    let home = process::Home::make(&provider)?;
    appends(&home.path().join("appends")).await?;
    let bare = Server::bare(&provider).await?;
    let kept = Server::askstream(&home, &["--data-dir", "kept"]).await?;
    // A run asks about what it was told; one ask alone makes connections and threads.
    kept.run(WARM_UP).await.context("warming up")?;
    // First, while no ended run is at hand.
    let open = [("bare handler", bare.memory().await?), ("askstream", kept.memory().await?)];
    resume(&kept.child).await.context("a long run")?;
    waiting(&bare.child, &kept.child).await.context("waiting streams")?;
    println!("\n| {} asks under way | memory of each |\n|---|---:|", HELD.askers);
    open.iter().for_each(|(who, each)| println!("| {who} | {each:.1} KiB |"));
    drop(kept);
    compare(&home).await
}

/// Durable appends by 1, 16 and 128 writers, each with a run of its own, beside the disk alone.
async fn appends(directory: &Path) -> anyhow::Result<()> {
    println!("| durable appends | a second | p50 | p99 |\n|---|---:|---:|---:|");
    let print = |who: &str, took: &[Duration]| {
        let times = Percentiles::of(took, |took| *took);
        let rate = took.len() as f64 / APPENDING.as_secs_f64();
        println!("| {who} | {rate:.0} | {:.2} ms | {:.2} ms |", times.p50, times.p99);
    };
    std::fs::create_dir_all(directory)?;
    print("the disk alone: write and fdatasync", &synced(&directory.join("bare"))?);
    let store = Arc::new(Sqlite::open(directory, Keep::default(), OnCorrupt::Salvage)?);
    for writers in [1, 16, 128] {
        let mut tasks = JoinSet::new();
        for _ in 0..writers {
            tasks.spawn(appending(Arc::clone(&store)));
        }
        let mut took = Vec::new();
        while let Some(one) = tasks.join_next().await {
            took.extend(one??);
        }
        print(&format!("{writers} writers"), &took);
    }
    Ok(())
}

/// What the disk takes for as many bytes as an event has.
fn synced(path: &Path) -> anyhow::Result<Vec<Duration>> {
    let (mut file, began) = (std::fs::File::create(path)?, Instant::now());
    let mut took = Vec::new();
    while began.elapsed() < APPENDING {
        let start = Instant::now();
        file.write_all(&[b'x'; 300])?;
        file.sync_data()?;
        took.push(start.elapsed());
    }
    Ok(took)
}

async fn appending(store: Arc<Sqlite>) -> anyhow::Result<Vec<Duration>> {
    let new = NewRun {
        run: RunId::generate(),
        ask: Arc::new(Ask::new("q")),
        panel: "p".parse()?,
        created_at: Timestamp::now(),
        key: None,
        retry_of: None,
        simulated: false,
    };
    let Created::New(lease) = store.create(new).await? else { anyhow::bail!("not a new run") };
    let (mut took, began) = (Vec::new(), Instant::now());
    while began.elapsed() < APPENDING {
        let batch = Batch { entries: vec![entry(&lease, took.len() as u64 + 1)], standing: None };
        let start = Instant::now();
        store.append(&lease, batch).await?;
        took.push(start.elapsed());
    }
    Ok(took)
}

fn entry(lease: &Lease, seq: u64) -> Entry {
    let stamp =
        Stamp { run_id: lease.run.clone(), seq, at: Timestamp::now(), elapsed_ms: seq, simulated: false };
    let warning = RunWarning { code: "load".into(), message: "word ".repeat(20), query: None };
    Entry::render(&stamp, &Body::RunWarning(warning))
}

/// Makes a run of more than 10,000 events and reads it again, from the beginning to its end.
async fn resume(server: &Child) -> anyhow::Result<()> {
    let body = format!("{{\"panel\":\"{MANY}\",\"question\":\"x\",\"options\":{{\"deltas\":true}}}}");
    let made = request(&server.address, "POST", "/ask-stream", &body).await?;
    let run = run_of(&made)?;
    let events = made.matches("\nid: ").count();
    anyhow::ensure!(events >= 10_000, "only {events} events: {}", made.get(..300).unwrap_or_default());
    let mut took = Vec::new();
    for _ in 0..READERS {
        let began = Instant::now();
        let path = format!("/api/v1/runs/{run}/events?deltas=true");
        let read = request(&server.address, "GET", &path, "").await?;
        took.push(began.elapsed());
        anyhow::ensure!(read.matches("\nid: ").count() == events, "another number of events");
    }
    let times = Percentiles::of(&took, |took| *took);
    println!("\n| a run read again | events | MiB | p50 | p99 |\n|---|---:|---:|---:|---:|");
    let size = made.len() as f64 / f64::from(1 << 20);
    println!(
        "| from its beginning to its end | {events} | {size:.1} | {:.1} ms | {:.1} ms |",
        times.p50, times.p99
    );
    Ok(())
}

/// What a stream costs that waits for its next event.
async fn waiting(bare: &Child, ours: &Child) -> anyhow::Result<()> {
    let body = format!("{{\"panel\":\"{SILENT}\",\"question\":\"x\"}}");
    let made = request(&ours.address, "POST", "/api/v1/runs", &body).await?;
    let run = run_of(&made)?;
    println!("\n| {WAITING} waiting streams | memory of each |\n|---|---:|");
    for (who, server, path) in [
        ("bare handler", bare, "/idle".to_owned()),
        ("askstream", ours, format!("/api/v1/runs/{run}/events")),
    ] {
        let before = server.resident()?;
        let mut streams = Vec::new();
        for _ in 0..WAITING {
            streams.push(opened(&server.address, &path).await?);
        }
        // What opening them took is given back.
        sleep(Duration::from_secs(2)).await;
        let each = server.resident()?.saturating_sub(before) as f64 / WAITING as f64;
        println!("| {who} | {each:.1} KiB |");
    }
    Ok(())
}

/// A stream whose first bytes have come.
async fn opened(address: &str, path: &str) -> anyhow::Result<TcpStream> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(head(address, "GET", path, 0).as_bytes()).await?;
    let mut first = [0; 1];
    socket.read_exact(&mut first).await?;
    Ok(socket)
}

/// The same load with runs on disk and in memory.
async fn compare(home: &process::Home) -> anyhow::Result<()> {
    println!(
        "\n| {} asks at once | added, p50 | added, p99 | processor time |\n|---|---:|---:|---:|",
        COMPARED.askers
    );
    for (who, flags) in
        [("runs in memory", ["--store", "memory"]), ("runs on disk", ["--data-dir", "compared"])]
    {
        let server = Server::askstream(home, &flags).await?;
        server.run(WARM_UP).await?;
        let shown = server.shown(COMPARED).await?;
        println!("| {who} | {:.2} ms | {:.2} ms | {:.2} ms |", shown.added.p50, shown.added.p99, shown.cpu);
    }
    Ok(())
}

fn head(address: &str, method: &str, path: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    )
}

/// A request and all that comes back.
async fn request(address: &str, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(head(address, method, path, body.len()).as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    Ok(String::from_utf8(answer)?)
}

/// The run that an answer names first.
fn run_of(answer: &str) -> anyhow::Result<&str> {
    let at = answer.find("run_").context("no run in the answer")?;
    Ok(answer[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default())
}
