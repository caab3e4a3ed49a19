//! `askstream serve`: the server, its banner, its end.

use std::io::IsTerminal;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::task::JoinSet;

use super::Exit;
use super::LogFormat;
use super::ServeArgs;
use super::refuse;
use super::reload;
use super::reload::Fixed;
use super::turns;
use crate::config::Flags;
use crate::config::Process;
use crate::config::Settings;
use crate::config::Storage;
use crate::config::StoreKind;
use crate::http;
use crate::http::server::Clocks;
use crate::provider::Place;
use crate::runs::Catalogue;
use crate::runs::Runs;
use crate::store::Health;
use crate::store::Memory;
use crate::store::Sqlite;
use crate::store::Store;
use crate::store::sqlite::FILE;
use crate::store::sqlite::OpenError;

/// Time between two sweeps of the store.
const SWEEP: Duration = Duration::from_secs(3600);

/// Serves until somebody stops it.
pub fn run(args: ServeArgs) -> Exit {
    let ServeArgs { common, listen, store, port, base_path, print_url, log_format, open, no_open } = args;
    let flags = Flags { listen, port, store, base_path, ..common.flags() };
    let settings = match Settings::load(&flags, &Process) {
        Ok(settings) => settings,
        Err(why) => return refuse(&why),
    };
    if let Some(crash) = settings.crash {
        crash.set();
    }
    log_to_stderr(log_format);
    raise_file_limit();
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let browser = match (open, no_open) {
        (true, _) => Browser::Open,
        (_, true) => Browser::Leave,
        _ => Browser::AtFirstStart,
    };
    let exit = runtime.block_on(serve(settings, flags, (print_url, browser)));
    // Whatever still blocks a thread must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    exit
}

fn log_to_stderr(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let logger = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A logger that is there already is as good.
    let _ = match format {
        LogFormat::Text => logger.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => logger.json().flatten_event(true).try_init(),
    };
}

/// Every stream and every call takes a file, and the usual soft limit of 1024 is soon reached.
pub(super) fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "could not raise the limit of open files");
    }
}

async fn serve(settings: Settings, flags: Flags, (print_url, browser): (bool, Browser)) -> Exit {
    let listener = match TcpListener::bind(settings.listen).await {
        Ok(listener) => listener,
        Err(error) => return cannot_listen(settings.listen, &error),
    };
    let address = listener.local_addr().unwrap_or(settings.listen);
    let (stop, hangups) = (signalled(true), signal(SignalKind::hangup()));
    let store = match open_store(&settings) {
        Ok(store) => store,
        Err(why) => {
            eprintln!("error: {why}\n  fix      {}", remedy(&why));
            return Exit::NoResult;
        }
    };
    let url = format!("http://{address}{}", settings.door.base);
    let banner = banner(&settings, &url, store.health());
    match print_url {
        true => say(&url),
        false => eprintln!("{banner}"),
    }
    browser.show(&url, &settings);
    let fixed = Fixed::of(&settings);
    let turns = turns::File::of(&settings);
    settings.pool.go_on_at(&turns.read());
    let Settings { door, runs, pool, offers, drain, .. } = settings;
    // Beside everything else: the first run need not wait for a folder of documents.
    let mut documents = JoinSet::new();
    let knowledge = runs.knowledge.clone();
    documents.spawn_blocking(move || knowledge.refresh());
    let runs = Arc::new(Runs::new(Arc::clone(&store), Catalogue::new(offers, pool, runs)));
    // Before the first request: a run that nobody has taken over yet looks as if it were over.
    match runs.recover().await {
        Ok(0) => {}
        Ok(found) => tracing::info!(runs = found, "took over the runs of an earlier process"),
        Err(error) => tracing::error!(%error, "could not look for the runs of an earlier process"),
    }
    let clocks = Clocks { drain, header: door.header_timeout, stalled: door.stalled_after };
    let router = http::router(Arc::clone(&runs), Arc::clone(&store), door);
    let reloading = reload::at_each(hangups, flags, fixed, Arc::clone(&runs));
    // What hurries is heard only once the first signal has come.
    let hurry = async { signalled(false).await };
    tokio::select! {
        () = http::server::serve(listener, router, Arc::clone(&runs), clocks, stop, hurry) => {}
        // Never ends; given up wherever it is, since the next sweep goes on.
        () = sweep(&*store) => {}
        () = reloading => {}
    }
    turns.write(&runs.catalogue().pool().turns());
    Exit::Complete
}

/// The store that the settings name.
fn open_store(settings: &Settings) -> Result<Arc<dyn Store>, OpenError> {
    let Storage { kind, bounds, keep, on_corrupt } = settings.store.clone();
    Ok(match kind {
        StoreKind::Memory => Arc::new(Memory::new(bounds)),
        StoreKind::Sqlite => Arc::new(Sqlite::open(&settings.data_dir, keep, on_corrupt)?),
    })
}

/// What helps against a store that does not open.
pub(super) fn remedy(why: &OpenError) -> &'static str {
    match why {
        OpenError::Held { .. } => "stop that one, or give this one a --data-dir of its own",
        OpenError::Newer { .. } => "start the newer askstream, or name another --data-dir",
        OpenError::Corrupt { .. } => "on_corrupt = \"salvage\" in [store] keeps what can be read",
        _ => "name another --data-dir, or keep runs in memory: askstream --store memory",
    }
}

/// Drops what is older than it is to be kept, at once and every hour.
async fn sweep(store: &dyn Store) {
    loop {
        if let Err(error) = store.sweep(Timestamp::now()).await {
            tracing::warn!(%error, "old runs could not be dropped; tried again in an hour");
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// Waits for SIGINT or SIGTERM; the first one says what happens now.
///
/// They are heard from the call on, not from the first poll: a server that has
/// shown its address must not be killed by a signal that finds nobody.
pub(super) fn signalled(first: bool) -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if first {
            eprintln!("stopping; runs under way may finish, once more stops at once");
        }
    }
}

/// One line on standard output; a reader that has left is no reason to stop.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Exit {
    if error.kind() != std::io::ErrorKind::AddrInUse {
        eprintln!("error: cannot listen on {address}: {error}");
        return Exit::NoResult;
    }
    let next = address.port().checked_add(1).unwrap_or(8787);
    eprintln!(
        "error: address {address} is in use\n  fix      askstream --port 0        picks a free port\n           \
         askstream --port {next}"
    );
    Exit::AddressInUse
}

/// What a person sees at the start: where things are, who answers, and a line to paste.
fn banner(settings: &Settings, url: &str, health: Health) -> String {
    let mut lines =
        vec![format!("askstream {}   page  {url}      API  {url}ask-stream", env!("CARGO_PKG_VERSION"))];
    lines.push(match &settings.file {
        Some(file) => format!("  config   {}", file.display()),
        None => {
            let places: Vec<_> = settings.looked_for.iter().map(|path| path.display().to_string()).collect();
            format!("  config   none found (looked for {})", places.join(", "))
        }
    });
    lines.push(match settings.store.kind {
        StoreKind::Sqlite => format!("  runs     kept in {}", settings.data_dir.join(FILE).display()),
        StoreKind::Memory => "  runs     kept in memory, gone when the server stops".into(),
    });
    if let Health::Degraded(why) | Health::Full(why) = health {
        lines.push(format!("           {why}"));
    }
    for (at, line) in models(settings).into_iter().enumerate() {
        lines.push(format!("  {:<8} {line}", if at == 0 { "models" } else { "" }));
    }
    lines.extend(settings.notices.iter().map(|notice| format!("  note     {notice}")));
    lines.push("  try      open the page, or paste:".into());
    lines.push(format!(
        "           curl -N -H 'content-type: application/json' -d '{{\"question\":\"Foundation strip 45 m x 0.8 m x \
         0.6 m, groundwater pH 6.2, C30/37 XC4 XF3\"}}' {url}ask-stream"
    ));
    lines.push("Press Ctrl+C to stop.".into());
    lines.join("\n")
}

fn models(settings: &Settings) -> Vec<String> {
    let default = settings.pool.default_target(true).ok().map(|target| target.to_string());
    let mut lines = Vec::new();
    for group in settings.pool.groups() {
        let name = group.name();
        let model = group.default_model.as_deref().unwrap_or("no default model");
        let line = match group.endpoints()[0].provider.place() {
            Place::Remote { host } | Place::Loopback { host } => {
                let more = match group.endpoints().len() {
                    1 => String::new(),
                    count => format!(" and {} more", count - 1),
                };
                format!("{name:<10} {host}{more}, {model}")
            }
            Place::BuiltIn => "built-in   checks and rules without AI, always on".into(),
            Place::Simulated => continue,
        };
        let mark = if default.as_ref().is_some_and(|default| default.starts_with(name.as_str())) {
            "   answers by default"
        } else {
            ""
        };
        lines.push(format!("{line}{mark}"));
    }
    lines
}

/// Whether the page is opened by itself.
enum Browser {
    Open,
    Leave,
    AtFirstStart,
}

impl Browser {
    fn show(&self, url: &str, settings: &Settings) {
        let wanted = match self {
            Browser::Open => true,
            Browser::Leave => false,
            Browser::AtFirstStart => is_first_start(settings),
        };
        let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        if wanted {
            let quiet = std::process::Stdio::null;
            let child = std::process::Command::new(opener)
                .arg(url)
                .stdin(quiet())
                .stdout(quiet())
                .stderr(quiet())
                .spawn();
            if let Err(error) = child {
                eprintln!("  note     could not open a browser ({opener}: {error}); open {url} yourself");
            }
        }
    }
}

/// Whether a person sits here and has never started the program; remembered in the data directory.
fn is_first_start(settings: &Settings) -> bool {
    let sits_here = std::io::stderr().is_terminal() && settings.has_display;
    let data_dir = &settings.data_dir;
    let mark = data_dir.join("started");
    if !sits_here || mark.exists() {
        return false;
    }
    std::fs::create_dir_all(data_dir).and_then(|()| std::fs::write(&mark, "")).is_ok()
}
