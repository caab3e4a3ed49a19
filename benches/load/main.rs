//! The load harness: what askstream costs beside a bare handler, in one run.
//!
//! `cargo bench --bench load` starts three processes on loopback: a fake
//! provider, a bare axum handler that makes the same two calls and streams
//! what comes, and the real `askstream` binary. It prints what each server
//! adds, and the ratios. Linux only: times and memory are read from `/proc`.

// A harness reports on standard output.
#![allow(clippy::print_stdout)]

mod bare;
mod client;
mod process;
mod provider;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use client::Asked;
use client::Target;
use process::Child;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::sleep_until;

/// One kind of ask: two queries, which the fake provider answers as their models' names say.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Name of the panel.
    pub panel: &'static str,
    /// `MILLISECONDSxDELTAS` of each query.
    pub models: [&'static str; 2],
    /// Deltas of both queries together.
    pub deltas: u32,
}

/// 300 and 600 ms at 50 deltas a second, as a quick model gives.
const USUAL: Shape = Shape { panel: "usual", models: ["300x15", "600x30"], deltas: 45 };
/// The same times with many more deltas: the difference is what a delta costs.
const DENSE: Shape = Shape { panel: "dense", models: ["300x75", "600x150"], deltas: 225 };
/// Stays open for long and says little: what an open ask holds.
const OPEN: Shape = Shape { panel: "open", models: ["2000x10", "3000x10"], deltas: 20 };
/// All of them, for the configuration.
pub const SHAPES: [Shape; 3] = [USUAL, DENSE, OPEN];

/// Asks at once, and how often each asker asks.
const LOADS: [(usize, usize); 3] = [(1, 25), (50, 8), (500, 5)];
/// Asks at once where the cost of a delta is measured, and how often.
const SLOPE: (usize, usize) = (50, 6);
/// Asks that are held open for the memory.
const HELD: usize = 500;
/// Longer than the slowest query of [`USUAL`]: askers begin spread over it.
const SPREAD: Duration = Duration::from_millis(600);

fn main() -> ExitCode {
    let role = std::env::args().nth(1).unwrap_or_default();
    let done =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime").and_then(
            |runtime| {
                runtime.block_on(async {
                    match role.as_str() {
                        "provider" => provider::serve().await,
                        "bare" => bare::serve().await,
                        _ => measure().await,
                    }
                })
            },
        );
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What one server showed.
struct Figures {
    loads: Vec<Load>,
    memory: f64,
    per_ask: f64,
    per_delta: f64,
}

/// What one server showed under one load.
struct Load {
    added: Percentiles,
    first: Percentiles,
    text: Percentiles,
    cpu: f64,
}

/// In milliseconds.
#[derive(Clone, Copy)]
struct Percentiles {
    p50: f64,
    p99: f64,
}

async fn measure() -> anyhow::Result<()> {
    let began = Instant::now();
    let provider = process::spawn_self("provider", &[]).await.context("the fake provider")?;
    let home = process::Home::make(&provider)?;
    let bare = process::spawn_self("bare", &[&provider.address]).await.context("the bare handler")?;
    let askstream = process::spawn_askstream(&home).await.context("askstream")?;
    println!("two queries of 300 and 600 ms, {} deltas an ask; all on this machine\n", USUAL.deltas);
    let bare = figures(&bare, Target::Bare).await.context("the bare handler")?;
    let ours = figures(&askstream, Target::Askstream).await.context("askstream")?;
    print(&bare, &ours);
    println!("\nmeasured in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

async fn figures(server: &Child, target: Target) -> anyhow::Result<Figures> {
    // Connections, threads and the client's roots are made once, by whoever comes first.
    run(server, target, USUAL, 4, 1).await?;
    let memory = memory(server, target).await?;
    let mut loads = Vec::new();
    for (askers, rounds) in LOADS {
        loads.push(load(server, target, askers, rounds).await?);
    }
    let (askers, rounds) = SLOPE;
    let usual = cpu_per_ask(server, target, USUAL, askers, rounds).await?;
    let dense = cpu_per_ask(server, target, DENSE, askers, rounds).await?;
    let per_delta = (dense - usual) / f64::from(DENSE.deltas - USUAL.deltas);
    let per_ask = usual - per_delta * f64::from(USUAL.deltas);
    Ok(Figures { loads, memory, per_ask, per_delta })
}

async fn load(server: &Child, target: Target, askers: usize, rounds: usize) -> anyhow::Result<Load> {
    let before = server.cpu()?;
    let asked = run(server, target, USUAL, askers, rounds).await?;
    let cpu = (server.cpu()? - before).as_secs_f64() * 1e3 / asked.len() as f64;
    Ok(Load {
        added: Percentiles::of(&asked, |asked| asked.total.saturating_sub(asked.slowest)),
        first: Percentiles::of(&asked, |asked| asked.first_event),
        text: Percentiles::of(&asked, |asked| asked.first_text),
        cpu,
    })
}

/// Milliseconds of processor time.
async fn cpu_per_ask(
    server: &Child,
    target: Target,
    shape: Shape,
    askers: usize,
    rounds: usize,
) -> anyhow::Result<f64> {
    let before = server.cpu()?;
    let asked = run(server, target, shape, askers, rounds).await?;
    Ok((server.cpu()? - before).as_secs_f64() * 1e3 / asked.len() as f64)
}

/// KiB that one open ask holds.
async fn memory(server: &Child, target: Target) -> anyhow::Result<f64> {
    let before = server.resident()?;
    let asks = run(server, target, OPEN, HELD, 1);
    // All have begun by then, and none has had its last query.
    let look = async {
        sleep(SPREAD + Duration::from_millis(1600)).await;
        server.resident()
    };
    let (asked, during) = tokio::join!(asks, look);
    asked?;
    Ok(during?.saturating_sub(before) as f64 / HELD as f64)
}

/// `askers` ask at once, each `rounds` times; they begin spread over the time of one ask.
async fn run(
    server: &Child,
    target: Target,
    shape: Shape,
    askers: usize,
    rounds: usize,
) -> anyhow::Result<Vec<Asked>> {
    let mut tasks = tokio::task::JoinSet::new();
    let begin = Instant::now();
    for asker in 0..askers {
        let (server, at) = (server.address.clone(), begin + SPREAD.mul_f64(asker as f64 / askers as f64));
        tasks.spawn(async move {
            sleep_until(at).await;
            let mut asked = Vec::new();
            for _ in 0..rounds {
                asked.push(client::ask(&server, target, shape).await?);
            }
            anyhow::Ok(asked)
        });
    }
    let mut all = Vec::new();
    while let Some(asked) = tasks.join_next().await {
        all.extend(asked??);
    }
    Ok(all)
}

impl Percentiles {
    fn of(asked: &[Asked], time: impl Fn(&Asked) -> Duration) -> Percentiles {
        let mut times: Vec<f64> = asked.iter().map(|asked| time(asked).as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (times.len() as f64 * share).ceil() as usize;
            times.get(index.saturating_sub(1)).copied().unwrap_or_default()
        };
        Percentiles { p50: at(0.5), p99: at(0.99) }
    }
}

fn print(bare: &Figures, ours: &Figures) {
    println!("| figure | asks at once | bare handler | askstream | ratio |");
    println!("|---|---:|---:|---:|---:|");
    for (at, (askers, _)) in LOADS.iter().enumerate() {
        let (bare, ours) = (&bare.loads[at], &ours.loads[at]);
        let askers = askers.to_string();
        row("added to the slowest query, p50", &askers, bare.added.p50, ours.added.p50, "ms");
        row("added to the slowest query, p99", &askers, bare.added.p99, ours.added.p99, "ms");
        row("to the first event, p50", &askers, bare.first.p50, ours.first.p50, "ms");
        row("to the first event, p99", &askers, bare.first.p99, ours.first.p99, "ms");
        row("to the first text, p50", &askers, bare.text.p50, ours.text.p50, "ms");
        row("processor time of an ask", &askers, bare.cpu, ours.cpu, "ms");
    }
    row("processor time of an ask without deltas", "50", bare.per_ask, ours.per_ask, "ms");
    row("processor time of a delta", "50", bare.per_delta * 1e3, ours.per_delta * 1e3, "µs");
    row("memory of an open ask", &HELD.to_string(), bare.memory, ours.memory, "KiB");
}

fn row(what: &str, askers: &str, bare: f64, ours: f64, unit: &str) {
    println!("| {what} | {askers} | {bare:.2} {unit} | {ours:.2} {unit} | {:.1} |", ours / bare);
}
