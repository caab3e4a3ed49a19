//! How many slow streams the fault lab holds at once, and what one costs it.

use anyhow::Context;
use tokio::time::Instant;

use crate::process;

/// Streams, unless the second argument says otherwise.
const STREAMS: u64 = 20_000;
/// Files that a process has open besides its streams.
const OTHER_FILES: u64 = 100;

/// Measures over both versions of HTTP, each with a lab and a holder of their own.
pub async fn measure() -> anyhow::Result<()> {
    let wanted = std::env::args().nth(2).and_then(|count| count.parse().ok()).unwrap_or(STREAMS);
    let files = rlimit::Resource::NOFILE.get()?.1;
    println!(
        "| over | connections | streams | opened in | lab's memory | a stream | of a core | pieces | late, p50 / p99 |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for version in ["1.1", "2"] {
        // Over HTTP/1.1 each stream is a file of its own, and both processes have the same limit.
        let most = if version == "2" { wanted } else { wanted.min(files.saturating_sub(OTHER_FILES)) };
        held(version, most).await.with_context(|| format!("over HTTP/{version}"))?;
        if most < wanted {
            println!("\nOver HTTP/1.1 the limit of {files} open files leaves {most} of {wanted} streams.\n");
        }
    }
    Ok(())
}

async fn held(version: &str, count: u64) -> anyhow::Result<()> {
    let lab = process::spawn_lab().await.context("the lab")?;
    let before = lab.resident()?;
    let began = Instant::now();
    let (_holder, mut lines) = process::run_self("holder", &[&lab.address, version, &count.to_string()])?;
    let mut line = async || lines.next_line().await?.context("the holder has ended");
    let said = line().await?;
    anyhow::ensure!(said == "held", "{said}");
    let (opened, cpu, since) = (began.elapsed(), lab.cpu()?, Instant::now());
    let told = line().await?;
    let busy = (lab.cpu()? - cpu).as_secs_f64() / since.elapsed().as_secs_f64();
    let memory = lab.resident()?;
    let [pieces, p50, p99] = told.split(' ').collect::<Vec<_>>()[..] else { anyhow::bail!("{told}") };
    let a_stream = (memory.saturating_sub(before)) as f64 / count as f64;
    let connections = if version == "2" { count.div_ceil(1000) } else { count };
    println!(
        "| HTTP/{version} | {connections} | {count} | {:.1} s | {:.0} MiB | {a_stream:.1} KiB | {:.0} % | {pieces} in {:.0} s | {p50} / {p99} ms |",
        opened.as_secs_f64(),
        memory as f64 / 1024.0,
        busy * 100.0,
        since.elapsed().as_secs_f64(),
    );
    Ok(())
}
