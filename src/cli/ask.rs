//! `askstream ask`: one run in this process, its report on standard output.

mod progress;

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::Value;
use serde_json::json;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use super::CommonArgs;
use super::Exit;
use super::boq;
use super::boq::BillArgs;
use super::refuse;
use crate::ask::Ask;
use crate::ask::AskFault;
use crate::ask::json;
use crate::ask::json::BadJson;
use crate::config::Process;
use crate::config::Settings;
use crate::event::CancelReason;
use crate::failure::Code;
use crate::report::text::text;
use crate::runs::Catalogue;
use crate::runs::Refusal;
use crate::runs::Runs;
use crate::runs::snapshot;
use crate::runs::snapshot::Snapshot;
use crate::store::Memory;
use progress::Progress;

/// The strip foundation, which the simulated run is about.
const SAMPLE: &str = include_str!("../../examples/01-foundation-strip.json");
/// Most bytes of a file: a JSON body may be somewhat larger than a bill.
const MAX_FILE: usize = 16 << 20;
/// The model that plays it.
const SIMULATED: &str = "scripted/demo";

/// What `ask` takes.
#[derive(Args, Debug)]
pub struct AskArgs {
    /// The question; a file may hold it as well.
    text: Option<String>,
    /// The panel [default: audit].
    #[arg(short, long, value_name = "PANEL")]
    panel: Option<String>,
    /// A JSON object as `POST /ask-stream` takes it, or a bill of quantities (CSV, TSV, XLSX); `-` reads standard input.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    bill: BillArgs,
    /// One configured model instead of all models of the panel, as PROVIDER/MODEL or `rules`.
    #[arg(short, long, value_name = "MODEL", conflicts_with = "simulate")]
    model: Option<String>,
    /// Watch a simulated run of the strip foundation: the real engine, a scripted provider, no model.
    #[arg(long)]
    simulate: bool,
    /// Print the final result as JSON instead of a report.
    #[arg(long)]
    json: bool,
    /// A partial result is good enough: exit with 0.
    #[arg(long)]
    partial_ok: bool,
    /// No progress on standard error.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    common: CommonArgs,
}

/// Runs the panel once.
pub fn run(args: AskArgs) -> Exit {
    let ask = match read(&args) {
        Ok(ask) => ask,
        Err(why) => {
            eprintln!("{why}");
            return Exit::Usage;
        }
    };
    let settings = match Settings::load(&args.common.clone().flags(), &Process) {
        Ok(settings) => settings,
        Err(why) => return refuse(&why),
    };
    if !args.quiet {
        settings.notices.iter().for_each(|notice| eprintln!("note: {notice}"));
    }
    // A server does this in the background; here the run is all there is.
    settings.runs.knowledge.refresh();
    match super::runtime() {
        Ok(runtime) => runtime.block_on(follow(ask, settings, &args)),
        Err(exit) => exit,
    }
}

/// The ask that the arguments mean.
fn read(args: &AskArgs) -> Result<Ask, String> {
    let mut body = match &args.file {
        Some(path) => read_file(path, args)?,
        None if args.simulate && args.text.is_none() => parse(SAMPLE.as_bytes())?,
        None => json!({}),
    };
    if let Value::Object(body) = &mut body {
        if let Some(question) = &args.text {
            body.insert("question".into(), json!(question));
        }
        if let Some(panel) = &args.panel {
            body.insert("panel".into(), json!(panel));
        }
        let model = if args.simulate { Some(SIMULATED) } else { args.model.as_deref() };
        if let Some(model) = model {
            match body.entry("options").or_insert_with(|| json!({})) {
                Value::Object(options) => drop(options.insert("model".into(), json!(model))),
                _ => return Err("error: /options: expected an object".into()),
            }
        }
        if body.is_empty() {
            return Err("error: there is no question\n  fix      askstream ask \"Foundation strip 45 m x 0.8 m x 0.6 m\"\n           \
                askstream ask -f examples/01-foundation-strip.json\n           askstream ask --simulate"
                .into());
        }
    }
    Ask::from_json(body).map_err(|faults| told(&faults))
}

/// The body that a file holds: a JSON object is one, anything else is a bill.
fn read_file(path: &Path, args: &AskArgs) -> Result<Value, String> {
    let bytes = boq::bytes_of(path, MAX_FILE)?;
    let start = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes).trim_ascii_start();
    if start.starts_with(b"{") {
        return parse(start);
    }
    let bill = boq::read(path, &bytes, &args.bill)?;
    if !args.quiet {
        bill.warnings.iter().for_each(|warning| eprintln!("note: {}", warning.message));
    }
    let question = format!("Bill of quantities {}", boq::name_of(path));
    Ok(json!({"question": question, "input": boq::input(&bill)}))
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    json::parse(bytes).map_err(|bad| match bad {
        BadJson::Syntax(why) => format!(
            "error: the file is not JSON: {why}\n  fix      give a JSON object as examples/01-foundation-strip.json has it"
        ),
        BadJson::Faults(faults) => told(&faults),
    })
}

fn told(faults: &[AskFault]) -> String {
    let line = |fault: &AskFault| match fault.pointer.as_str() {
        "" => format!("error: {}", fault.detail),
        pointer => format!("error: {pointer}: {}", fault.detail),
    };
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn follow(ask: Ask, settings: Settings, args: &AskArgs) -> Exit {
    let Settings { runs, store, pool, offers, .. } = settings;
    // In memory even beside a server: its file has one owner, and this run ends with the command.
    let runs = Runs::new(Arc::new(Memory::new(store.bounds)), Catalogue::new(offers, pool, runs));
    let attached = match runs.start(ask, None).await {
        Ok(attached) => attached,
        Err(refusal) => return refused(refusal),
    };
    let mut interrupt = match signal(SignalKind::interrupt()) {
        Ok(interrupt) => interrupt,
        Err(error) => {
            eprintln!("error: cannot listen for interrupts: {error}");
            return Exit::NoResult;
        }
    };
    let mut progress = Progress::new(args.quiet);
    let mut cursor = 0;
    let mut interrupted = false;
    loop {
        // A read that is given up for the interrupt is made again.
        let read = tokio::select! {
            read = attached.journal.after(cursor) => read,
            _ = interrupt.recv() => {
                if interrupted {
                    return Exit::Interrupted;
                }
                interrupted = true;
                eprintln!("cancelling; once more leaves at once");
                runs.cancel(&attached.run, CancelReason::Client);
                continue;
            }
        };
        let entries = read.unwrap_or_default();
        for entry in &entries {
            progress.show(entry);
        }
        match entries.last() {
            Some(last) if last.is_final() => break,
            Some(last) => cursor = last.seq,
            None => {
                eprintln!("error: the run was lost");
                return Exit::NoResult;
            }
        }
    }
    let seen = match runs.record(&attached.run).await {
        Ok(record) => snapshot::take(&attached.run, &record, &attached.journal).await.ok(),
        Err(_) => None,
    };
    let Some(seen) = seen else {
        eprintln!("error: the result could not be read");
        return Exit::NoResult;
    };
    let exit = print(&seen, args);
    if interrupted { Exit::Interrupted } else { exit }
}

fn refused(refusal: Refusal) -> Exit {
    match refusal {
        Refusal::Faults(faults) => {
            eprintln!("{}", told(&faults));
            Exit::Usage
        }
        Refusal::UnknownPanel(name, known) => {
            let known: Vec<_> = known.iter().map(|name| name.as_str()).collect();
            eprintln!("error: there is no panel `{name}`\n  known    {}", known.join(", "));
            Exit::Usage
        }
        Refusal::NoProvider(query, why) => {
            eprintln!(
                "error: queries.{query}: {why}\n  fix      set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, or add a provider to the configuration"
            );
            Exit::Configuration
        }
        other => {
            eprintln!("error: the run was not started: {other:?}");
            Exit::NoResult
        }
    }
}

/// The result on standard output; what it is worth as exit code.
fn print(seen: &Snapshot, args: &AskArgs) -> Exit {
    let (Some(result), Some(outline)) = (&seen.result, seen.outline()) else {
        eprintln!("error: the result could not be read");
        return Exit::NoResult;
    };
    let text = match args.json {
        true => format!("{}\n", serde_json::to_string_pretty(result).unwrap_or_default()),
        false => text(&outline),
    };
    let mut out = std::io::stdout();
    // A reader that has left has what it wanted.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match result["status"].as_str() {
        Some("completed") => Exit::Complete,
        Some("partial") if args.partial_ok => Exit::Complete,
        Some("partial") => Exit::Partial,
        Some("failed") if result["error"]["code"] == json!(Code::RunTimeout) => Exit::Deadline,
        _ => Exit::NoResult,
    }
}
