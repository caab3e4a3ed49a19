//! `askstream mock`: the fault lab on a port.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::Exit;
use crate::mock;
use crate::mock::Lab;
use crate::mock::LabSettings;
use crate::mock::Script;
use crate::mock::Unopened;
use crate::mock::Versions;
use crate::mock::ports::ClosedPort;
use crate::mock::ports::FullPort;
use crate::mock::tls::Tls;
use crate::mock::tls::TlsKind;

/// Lines that may wait to be written; a reader that is slower loses lines, not the lab its pace.
const WAITING_LINES: usize = 65_536;

pub(super) const EXAMPLES: &str = "Examples:
  askstream mock                               start the lab at 127.0.0.1:8790
  askstream mock --list                        name every model, with the row of the fault matrix
  askstream mock --port 0 --print-url          a free port, its address as one line for scripts
  curl -N 127.0.0.1:8790/v1/chat/completions -d '{\"model\":\"u21-stall\",\"stream\":true,\"messages\":[]}'
  askstream mock --tls valid                   TLS by an authority of its own, and HTTP/2 (row U17)
  curl 127.0.0.1:8790/stats                    how often each model was asked, and who hung up

A name takes dials: -first-MS -total-MS -tokens-N -every-MS -times-N -once -percent-N -retry-S -status-N, and #label \
    for a counter of its own: u25-reset-once#a resets the first attempt, and answers the second. A base URL that \
    ends in /as/MODEL/v1 asks that model whatever the request names. Exit codes are those of serve.";

/// Where the lab listens, and what it tells.
#[derive(Args, Debug)]
pub(super) struct MockArgs {
    /// Address to listen on; loopback only [default: 127.0.0.1:8790].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Print the address as the first line on standard output.
    #[arg(long)]
    print_url: bool,
    /// Name every model and what it does, and end.
    #[arg(long)]
    list: bool,
    /// What models do that are not in the list; without it they are not found.
    #[arg(long, value_name = "MODEL")]
    default_model: Option<String>,
    /// Models of your own, attempt by attempt; see examples/lab.toml.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Speak TLS and offer HTTP/2: valid; or go wrong: expired, wrong-name, unknown, hang, reset, plain (U6 to U8).
    #[arg(long, value_name = "KIND", value_parser = tls_kind)]
    tls: Option<TlsKind>,
    /// Speak HTTP/1.1 alone; without it HTTP/2 is spoken with clients that want it.
    #[arg(long)]
    http1_only: bool,
    /// Where the certificate of the throw-away authority is written.
    #[arg(long, value_name = "FILE", default_value = "lab-ca.pem")]
    ca_file: PathBuf,
    /// Print an address that refuses connections as well (row U1).
    #[arg(long)]
    closed_port: bool,
    /// Print an address that never accepts a connection as well (row U2; Linux).
    #[arg(long)]
    full_port: bool,
    /// Write what was seen to this file instead of standard output, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// Serves until somebody stops it.
pub(super) fn run(args: MockArgs) -> Exit {
    if args.list {
        return list();
    }
    let (lines, writer) = match writer(args.log.as_ref()) {
        Ok(writer) => writer,
        Err(exit) => return exit,
    };
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    super::serve::raise_file_limit();
    let exit = runtime.block_on(serve(args, lines));
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    // The lab has let go of its end, so the writer ends with the last line.
    let _ = writer.join();
    exit
}

fn list() -> Exit {
    let lines = mock::catalogue().into_iter().map(|listed| {
        let row = if listed.row == 0 { "-".to_owned() } else { format!("U{}", listed.row) };
        let mark = if listed.is_playable { ' ' } else { '*' };
        format!("{row:<4}{mark} {:<26} {}", listed.name, listed.what)
    });
    let mut out = std::io::stdout();
    let end = "*  a server alone cannot play it; how else is told";
    for line in lines.chain([end.to_owned()]) {
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    Exit::Complete
}

/// Something that takes lines, and the thread that writes them.
fn writer(file: Option<&PathBuf>) -> Result<(SyncSender<String>, JoinHandle<()>), Exit> {
    let mut out: Box<dyn Write + Send> = match file {
        None => Box::new(std::io::stdout()),
        Some(path) => {
            let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
            Box::new(opened.map_err(|error| {
                eprintln!("error: {} cannot be written: {error}", path.display());
                Exit::Configuration
            })?)
        }
    };
    let (lines, waiting) = sync_channel::<String>(WAITING_LINES);
    let writer = std::thread::spawn(move || {
        for line in waiting {
            // A reader that has left is no reason to stop.
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    });
    Ok((lines, writer))
}

async fn serve(args: MockArgs, lines: SyncSender<String>) -> Exit {
    let mut listen = args.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8790)));
    listen.set_port(args.port.unwrap_or(listen.port()));
    let script = match args.script.as_deref().map(script) {
        Some(Err(exit)) => return exit,
        Some(Ok(script)) => script,
        None => Script::default(),
    };
    let versions = if args.http1_only { Versions::Http1 } else { Versions::Both };
    let tls = match args.tls.map(|kind| tls(kind, versions, &args.ca_file)) {
        Some(Err(exit)) => return exit,
        Some(Ok(tls)) => Some(tls),
        None => None,
    };
    let settings = LabSettings { listen, default_model: args.default_model, script, tls, versions };
    let tell = lines.clone();
    let sink = Arc::new(move |seen: &mock::Seen| {
        let _ = tell.try_send(seen.line());
    });
    let lab = match Lab::open(settings, sink).await {
        Ok(lab) => lab,
        Err(why) => return refuse(&why),
    };
    match args.print_url {
        true => announce(&lab.url()),
        false => eprintln!("{}", banner(&lab)),
    }
    // They refuse and ignore for as long as they live.
    let _ports = match ports(args.closed_port, args.full_port).await {
        Ok(ports) => ports,
        Err(error) => {
            eprintln!("error: no port for --closed-port or --full-port: {error}");
            return Exit::NoResult;
        }
    };
    drop(lines);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::join!(lab.serve(stop), async move {
        super::serve::signalled(false).await;
        stopped.cancel();
    });
    Exit::Complete
}

fn tls_kind(name: &str) -> Result<TlsKind, String> {
    let names = TlsKind::ALL.map(|(name, _)| name).join(", ");
    let found = TlsKind::ALL.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, kind)| kind).ok_or(format!("known are {names}"))
}

fn tls(kind: TlsKind, versions: Versions, file: &Path) -> Result<Tls, Exit> {
    let tls = Tls::make(kind, versions).map_err(|why| {
        eprintln!("error: {why}");
        Exit::NoResult
    })?;
    std::fs::write(file, &tls.authority).map_err(|error| {
        eprintln!("error: {} cannot be written: {error}", file.display());
        Exit::Configuration
    })?;
    eprintln!("the authority's certificate is in {}", file.display());
    Ok(tls)
}

fn script(path: &Path) -> Result<Script, Exit> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        eprintln!("error: {} cannot be read: {error}", path.display());
        Exit::Configuration
    })?;
    Script::parse(&path.display().to_string(), &text).map_err(|faults| {
        for fault in faults {
            eprintln!("{fault}");
        }
        Exit::Configuration
    })
}

/// Opens the ports that were asked for, and tells their addresses as lines of JSON.
async fn ports(closed: bool, full: bool) -> std::io::Result<(Option<ClosedPort>, Option<FullPort>)> {
    let tell = |name: &str, address: SocketAddr| announce(&format!("{{\"{name}\":\"http://{address}\"}}"));
    let closed = if closed { Some(ClosedPort::open()?) } else { None };
    let full = if full { Some(FullPort::open().await?) } else { None };
    if let Some(port) = &closed {
        tell("closed_port", port.address());
    }
    if let Some(port) = &full {
        tell("full_port", port.address());
    }
    Ok((closed, full))
}

/// Tells an address on standard output, whatever else is written to a file. Nothing was served before, so these
/// lines are the first.
fn announce(line: &str) {
    let mut out = std::io::stdout();
    // A reader that has left is no reason to stop.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn banner(lab: &Lab) -> String {
    let url = lab.url();
    format!(
        "the fault lab of askstream\n  OpenAI     {url}/v1\n  Anthropic  {url}\n  Gemini     {url}\n  counts     \
         {url}/stats\n  models     askstream mock --list\nPress Ctrl+C to stop."
    )
}

pub(super) fn refuse(why: &Unopened) -> Exit {
    eprintln!("error: {why}");
    match why {
        Unopened::Listen(_, error) if error.kind() == std::io::ErrorKind::AddrInUse => Exit::AddressInUse,
        Unopened::Listen(..) => Exit::NoResult,
        Unopened::NotLoopback(_) | Unopened::Model(_) => Exit::Configuration,
    }
}
