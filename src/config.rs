//! File, environment and flags become [`Settings`]; nothing else reads the environment.
//!
//! A flag goes before the environment, that before the file, that before the
//! default. Every fault of the file is told at once, with line and caret.

mod base;
mod file;
mod origin;
pub mod panels;
mod providers;

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

pub use base::BadBasePath;
pub use base::BasePath;
pub use origin::BadOrigin;
pub use origin::Origin;

use crate::crash;
use crate::crash::Crash;
use crate::crash::NoCrash;
use crate::engine::Offer;
use crate::engine::Recovery;
use crate::engine::clocks::Defaults;
use crate::fault::Fault;
use crate::knowledge::Knowledge;
use crate::panel::Panel;
use crate::pool::Pool;
use crate::runs;
use crate::store::memory::Bounds;
use crate::store::sqlite::Keep;
use crate::store::sqlite::OnCorrupt;

/// Everything the program needs to know before it starts.
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What runs get to finish when the server stops.
    pub drain: Duration,
    /// Limits and clocks of the HTTP door.
    pub door: Door,
    /// How runs are run.
    pub runs: runs::Settings,
    /// Where runs are kept, and how long.
    pub store: Storage,
    /// Who can be asked.
    pub pool: Pool,
    /// What can be run.
    pub offers: Vec<Offer>,
    /// The file it was read from, if there is one.
    pub file: Option<PathBuf>,
    /// Where a file would have been read from.
    pub looked_for: Vec<PathBuf>,
    /// Where the program keeps what it must remember.
    pub data_dir: PathBuf,
    /// Whether there is a screen to open a browser on.
    pub has_display: bool,
    /// What a person should know, one sentence each.
    pub notices: Vec<String>,
    /// Where a test wants it to die.
    pub crash: Option<Crash>,
}

/// Limits and clocks of the HTTP door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The path that everything lies below.
    pub base: BasePath,
    /// Silence after which a stream shows that it is alive.
    pub heartbeat: Duration,
    /// Age at which a stream is closed, to be opened again.
    pub stream_max_age: Duration,
    /// Time for the headers of a request, and for an idle connection.
    pub header_timeout: Duration,
    /// Time for a whole body.
    pub body_timeout: Duration,
    /// How long a reader may take nothing although bytes wait for it.
    pub stalled_after: Duration,
    /// Other origins whose pages may ask and read.
    pub allow_origins: Vec<Origin>,
    /// Most bytes of a body.
    pub body_limit: usize,
    /// Most streams at once.
    pub streams: usize,
}

impl Default for Door {
    fn default() -> Door {
        Door {
            base: BasePath::default(),
            heartbeat: Duration::from_secs(4),
            stream_max_age: Duration::from_secs(600),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            stalled_after: Duration::from_secs(30),
            allow_origins: Vec::new(),
            body_limit: 8 << 20,
            streams: 20_000,
        }
    }
}

/// Where runs are kept, and how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// Where.
    pub kind: StoreKind,
    /// How much is kept in memory.
    pub bounds: Bounds,
    /// How much is kept on disk.
    pub keep: Keep,
    /// What happens when the file is damaged.
    pub on_corrupt: OnCorrupt,
}

/// Where runs are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreKind {
    /// In a file of the data directory.
    #[default]
    Sqlite,
    /// In this process, gone with it.
    Memory,
}

/// What flags said.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config FILE`.
    pub config: Option<PathBuf>,
    /// `--data-dir DIR`.
    pub data_dir: Option<PathBuf>,
    /// `--store memory|sqlite`.
    pub store: Option<StoreKind>,
    /// `--listen ADDRESS`.
    pub listen: Option<SocketAddr>,
    /// `--port N`.
    pub port: Option<u16>,
    /// `--base-path PATH`.
    pub base_path: Option<BasePath>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The configuration file or a panel has faults.
    #[error("{}", told(.0))]
    Faults(Vec<Fault>),
    /// The file that a flag names cannot be read.
    #[error("error: cannot read {0}: {1}")]
    Unreadable(String, std::io::Error),
    /// The address is reachable from elsewhere, and nobody would be asked who he is.
    #[error(
        "error: refusing to listen on {0}: other machines could reach it and nobody would be asked for a key\n  \
         fix      listen on a loopback address such as 127.0.0.1:8787 and put an authenticating proxy before it"
    )]
    Exposed(SocketAddr),
}

impl Unusable {
    /// The first reason in one line, for a log.
    pub fn line(&self) -> String {
        let Unusable::Faults(faults) = self else {
            return self.to_string().lines().next().unwrap_or_default().to_owned();
        };
        let more = match faults.len() {
            0 | 1 => String::new(),
            n => format!(", and {} more", n - 1),
        };
        faults.first().map_or_else(String::new, |fault| format!("{}{more}", fault.in_a_line()))
    }
}

fn told(faults: &[Fault]) -> String {
    let mut lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    lines.push(match faults.len() {
        1 => "1 error".into(),
        n => format!("{n} errors"),
    });
    lines.join("\n")
}

/// The environment, so that tests bring their own.
pub trait Environment {
    /// The value of a variable that is set and not empty.
    fn var(&self, name: &str) -> Option<String>;
}

/// The process's environment.
pub struct Process;

impl Environment for Process {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

impl Settings {
    /// Reads everything.
    ///
    /// # Errors
    /// [`Unusable`], with every fault at once.
    pub fn load(flags: &Flags, environment: &dyn Environment) -> Result<Settings, Unusable> {
        let places = Places::of(flags, environment);
        let file = places.read()?;
        let (mut faults, read) = match &file {
            Some((path, text)) => file::File::read(&path.display().to_string(), text),
            None => (Vec::new(), file::File::default()),
        };
        let mut notices = Vec::new();
        let pool = providers::pool(&read, environment, &mut faults, &mut notices);
        let panels = panels::load(Some(&places.config_dir.join("panels")), &mut faults);
        let panels = providers::over_models(panels, &pool, &mut notices);
        let (pool, panels) = providers::with_scripts(pool, panels, &read, &mut faults);
        let offers = offers(panels, &mut faults);
        let crash = crash_at(environment, &mut faults);
        let documents = read
            .knowledge
            .as_ref()
            .map(|folder| beside(file.as_ref().map(|(path, _)| path.as_path()), folder.get_ref()));
        if !faults.is_empty() {
            return Err(Unusable::Faults(faults));
        }
        let mut listen = flags.listen.unwrap_or(read.listen);
        if let Some(port) = flags.port {
            listen.set_port(port);
        }
        if !listen.ip().is_loopback() {
            return Err(Unusable::Exposed(listen));
        }
        let base = flags.base_path.clone().unwrap_or_else(|| read.door.base.clone());
        Ok(Settings {
            listen,
            drain: read.drain,
            door: Door { base, ..read.door },
            runs: runs::Settings { knowledge: Knowledge::new(&places.data_dir, documents), ..read.runs },
            store: Storage { kind: flags.store.unwrap_or(read.store.kind), ..read.store },
            pool,
            offers,
            file: file.map(|(path, _)| path),
            looked_for: places.candidates,
            data_dir: places.data_dir,
            has_display: has_display(environment),
            notices,
            crash,
        })
    }
}

/// A path of the configuration file: relative to the file's folder, wherever the program was started.
fn beside(file: Option<&Path>, path: &str) -> PathBuf {
    file.and_then(Path::parent).map_or_else(|| path.into(), |folder| folder.join(path))
}

/// Where a window system is not the system itself, it names its display.
fn has_display(environment: &dyn Environment) -> bool {
    let named = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| environment.var(name).is_some());
    named || cfg!(target_os = "macos")
}

/// Where a test wants the process to die; a build that is used reads nothing here.
fn crash_at(environment: &dyn Environment, faults: &mut Vec<Fault>) -> Option<Crash> {
    let name = "ASKSTREAM_CRASH_AT";
    let text = environment.var(name).filter(|_| crash::ENABLED)?;
    text.parse().map_err(|why: NoCrash| faults.push(Fault::of_file(name, why.to_string()))).ok()
}

/// The panels as they can be asked.
fn offers(panels: Vec<Panel>, faults: &mut Vec<Fault>) -> Vec<Offer> {
    let offer = |panel: Panel| {
        let file = format!("panels/{}", panel.name);
        Offer::new(panel).map_err(|why| faults.push(Fault::of_file(file, why.to_string()))).ok()
    };
    panels.into_iter().filter_map(offer).collect()
}

/// Where files are.
struct Places {
    /// Whether a flag named the file, so that it must be there.
    named: bool,
    candidates: Vec<PathBuf>,
    config_dir: PathBuf,
    data_dir: PathBuf,
}

impl Places {
    fn of(flags: &Flags, environment: &dyn Environment) -> Places {
        let home = PathBuf::from(environment.var("HOME").unwrap_or_else(|| ".".into()));
        let base = |variable: &str, below_home: &str| {
            environment.var(variable).map_or_else(|| home.join(below_home), PathBuf::from).join("askstream")
        };
        let config_dir = environment
            .var("CONFIGURATION_DIRECTORY")
            .map_or_else(|| base("XDG_CONFIG_HOME", ".config"), PathBuf::from);
        let data_dir =
            ["ASKSTREAM_DATA_DIR", "STATE_DIRECTORY"].iter().find_map(|name| environment.var(name));
        let data_dir = data_dir.map_or_else(|| base("XDG_DATA_HOME", ".local/share"), PathBuf::from);
        Places {
            named: flags.config.is_some(),
            candidates: match &flags.config {
                Some(file) => vec![file.clone()],
                None => vec!["askstream.toml".into(), config_dir.join("config.toml")],
            },
            config_dir,
            data_dir: flags.data_dir.clone().unwrap_or(data_dir),
        }
    }

    fn read(&self) -> Result<Option<(PathBuf, String)>, Unusable> {
        for path in &self.candidates {
            match std::fs::read(path) {
                Ok(bytes) => match String::from_utf8(bytes) {
                    Ok(text) => return Ok(Some((path.clone(), text))),
                    Err(_) => {
                        let fault = Fault::of_file(path.display().to_string(), "the file is not valid UTF-8");
                        return Err(Unusable::Faults(vec![fault]));
                    }
                },
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !self.named => {}
                Err(error) => return Err(Unusable::Unreadable(path.display().to_string(), error)),
            }
        }
        Ok(None)
    }
}

/// The settings of a program that has neither file nor environment.
impl Default for runs::Settings {
    fn default() -> runs::Settings {
        runs::Settings {
            default_panel: "audit".parse().expect("a plain lower-case word is a name"),
            clocks: Defaults::default(),
            knowledge: Knowledge::default(),
            grace: Duration::from_secs(30),
            recovery: Recovery::default(),
            active_runs: 1000,
            queued_runs: 1000,
        }
    }
}
