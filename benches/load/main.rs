//! The load harness: what askstream costs beside a bare handler, in one run.
//!
//! `cargo bench --bench load` starts three processes on loopback: a fake
//! provider, a bare axum handler that makes the same two calls and streams
//! what comes, and the real `askstream` binary. It prints what each server
//! adds, and the ratios. With `-- kept` it measures what keeping runs costs:
//! durable appends, a long run read again, streams that wait, and the store
//! on disk beside the one in memory. With `-- lab` it holds 20,000 slow
//! streams of the fault lab, and prints what one costs the lab. With
//! `-- overload` ten times as many ask as the server takes at once. Linux
//! only: times and memory are read from `/proc`.

// A harness reports on standard output.
#![allow(clippy::print_stdout)]

mod bare;
mod client;
mod held;
mod holder;
mod kept;
mod overload;
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
const QUICK: Shape = Shape { panel: "quick", models: ["300x15", "600x30"], deltas: 45 };
/// The same times with many more deltas: the difference is what a delta costs.
const DENSE: Shape = Shape { panel: "dense", models: ["300x75", "600x150"], deltas: 225 };
/// Longer answers, so that many of them at once keep two cores busy and not overrun.
const LONG: Shape = Shape { panel: "long", models: ["1500x30", "3000x60"], deltas: 90 };
/// Stays open for long and says little: what an open ask holds.
const OPEN: Shape = Shape { panel: "open", models: ["2000x10", "3000x10"], deltas: 20 };
/// Takes a place for a tenth of a second.
const FULL: Shape = Shape { panel: "full", models: ["100x1", "100x1"], deltas: 2 };
/// All of them, for the configuration.
pub const SHAPES: [Shape; 5] = [QUICK, DENSE, LONG, OPEN, FULL];

/// Asks at once, how often each asker asks, and what.
#[derive(Clone, Copy)]
struct Load {
    askers: usize,
    rounds: usize,
    shape: Shape,
}

const LOADS: [Load; 3] = [
    Load { askers: 1, rounds: 25, shape: QUICK },
    Load { askers: 50, rounds: 8, shape: QUICK },
    Load { askers: 500, rounds: 2, shape: LONG },
];
/// Makes connections, threads and the client's roots, which whoever comes first would pay for.
const WARM_UP: Load = Load { askers: 4, rounds: 1, shape: QUICK };
/// Where the cost of a delta is measured: twice the same but for the deltas.
const SPARSE_AND_DENSE: [Load; 2] =
    [Load { askers: 50, rounds: 10, shape: QUICK }, Load { askers: 50, rounds: 10, shape: DENSE }];
/// Asks that are held open for the memory.
const HELD: Load = Load { askers: 500, rounds: 1, shape: OPEN };
/// Askers begin spread over this time: a steady load, not a burst.
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
                        "holder" => holder::hold().await,
                        "kept" => kept::measure().await,
                        "overload" => overload::measure().await,
                        "lab" => held::measure().await,
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

/// One server with what it is called in the table.
struct Server {
    child: Child,
    target: Target,
}

/// What a server showed under one load.
struct Shown {
    added: Percentiles,
    first_event: Percentiles,
    first_text: Percentiles,
    /// Milliseconds of processor time for one ask.
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
    let bare = Server::bare(&provider).await?;
    let askstream = Server::askstream(&home, &[]).await?;
    for server in [&bare, &askstream] {
        server.run(WARM_UP).await.context("warming up")?;
    }
    println!("| figure | asks at once | bare handler | askstream | ratio |");
    println!("|---|---:|---:|---:|---:|");
    // First, while no ended run is kept. Always one server after the other, so that both see the same machine.
    let (ours, theirs) = (askstream.memory().await?, bare.memory().await?);
    for load in LOADS {
        print(load, &bare.shown(load).await?, &askstream.shown(load).await?);
    }
    let [sparse, dense] = SPARSE_AND_DENSE;
    let (few, many) = (f64::from(sparse.shape.deltas), f64::from(dense.shape.deltas));
    let mut costs = Vec::new();
    for server in [&bare, &askstream] {
        let (sparse, dense) = (server.shown(sparse).await?.cpu, server.shown(dense).await?.cpu);
        let delta = (dense - sparse) / (many - few);
        costs.push((sparse - delta * few, delta * 1e3));
    }
    if let [bare, ours] = costs[..] {
        row("processor time of an ask without its deltas", sparse, bare.0, ours.0, "ms");
        row("processor time of a delta", sparse, bare.1, ours.1, "µs");
    }
    row("memory of an open ask", HELD, theirs, ours, "KiB");
    println!("\nmeasured in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

impl Server {
    async fn bare(provider: &Child) -> anyhow::Result<Server> {
        let child = process::spawn_self("bare", &[&provider.address]).await.context("the bare handler")?;
        Ok(Server { child, target: Target::Bare })
    }

    async fn askstream(home: &process::Home, flags: &[&str]) -> anyhow::Result<Server> {
        let child = process::spawn_askstream(home, flags).await.context("askstream")?;
        Ok(Server { child, target: Target::Askstream })
    }

    async fn shown(&self, load: Load) -> anyhow::Result<Shown> {
        let before = self.child.cpu()?;
        let asked = self.run(load).await?;
        let cpu = (self.child.cpu()? - before).as_secs_f64() * 1e3 / asked.len() as f64;
        Ok(Shown {
            added: Percentiles::of(&asked, |asked| asked.total.saturating_sub(asked.slowest)),
            first_event: Percentiles::of(&asked, |asked| asked.first_event),
            first_text: Percentiles::of(&asked, |asked| asked.first_text),
            cpu,
        })
    }

    /// KiB that one open ask holds.
    async fn memory(&self) -> anyhow::Result<f64> {
        let before = self.child.resident()?;
        let asks = self.run(HELD);
        // All have begun by then, and none has had its last query.
        let look = async {
            sleep(SPREAD + Duration::from_millis(1600)).await;
            self.child.resident()
        };
        let (asked, during) = tokio::join!(asks, look);
        asked?;
        Ok(during?.saturating_sub(before) as f64 / HELD.askers as f64)
    }

    async fn run(&self, load: Load) -> anyhow::Result<Vec<Asked>> {
        let mut tasks = tokio::task::JoinSet::new();
        let begin = Instant::now();
        for asker in 0..load.askers {
            let at = begin + SPREAD.mul_f64(asker as f64 / load.askers as f64);
            let (address, target) = (self.child.address.clone(), self.target);
            tasks.spawn(async move {
                sleep_until(at).await;
                let mut asked = Vec::new();
                for _ in 0..load.rounds {
                    asked.push(client::ask(&address, target, load.shape).await?);
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
}

impl Percentiles {
    fn of<T>(all: &[T], time: impl Fn(&T) -> Duration) -> Percentiles {
        let mut times: Vec<f64> = all.iter().map(|one| time(one).as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (times.len() as f64 * share).ceil() as usize;
            times.get(index.saturating_sub(1)).copied().unwrap_or_default()
        };
        Percentiles { p50: at(0.5), p99: at(0.99) }
    }
}

fn print(load: Load, bare: &Shown, ours: &Shown) {
    row("added to the slowest query, p50", load, bare.added.p50, ours.added.p50, "ms");
    row("added to the slowest query, p99", load, bare.added.p99, ours.added.p99, "ms");
    row("to the first event, p50", load, bare.first_event.p50, ours.first_event.p50, "ms");
    row("to the first event, p99", load, bare.first_event.p99, ours.first_event.p99, "ms");
    row("to the first text, p50", load, bare.first_text.p50, ours.first_text.p50, "ms");
    row("processor time of an ask", load, bare.cpu, ours.cpu, "ms");
}

fn row(what: &str, load: Load, bare: f64, ours: f64, unit: &str) {
    let Load { askers, shape, .. } = load;
    let ms = |model: &str| model.split('x').next().unwrap_or_default().to_owned();
    let [first, second] = shape.models.map(ms);
    println!(
        "| {what} | {askers} of {first} and {second} ms | {bare:.2} {unit} | {ours:.2} {unit} | {:.1} |",
        ours / bare
    );
}
