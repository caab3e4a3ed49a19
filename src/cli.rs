//! Commands; nothing else prints.
//!
//! Standard output carries results only, everything else goes to standard
//! error. Exit codes are part of the interface: [`Exit`].

// This is where printing happens.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod ask;
mod boq;
mod doctor;
mod knowledge;
mod mock;
mod panels;
mod relay;
mod reload;
mod serve;
mod turns;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::config::BasePath;
use crate::config::Flags;
use crate::config::StoreKind;
use crate::config::Unusable;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Complete.
    Complete = 0,
    /// No usable result, or an error of ours.
    NoResult = 1,
    /// Wrong usage.
    Usage = 2,
    /// Something is missing from the result.
    Partial = 3,
    /// Something was found that has to be looked at.
    Flagged = 4,
    /// A mistake in the configuration or a key; nothing was sent.
    Configuration = 5,
    /// A provider cannot be reached.
    Unreachable = 6,
    /// The address is in use.
    AddressInUse = 7,
    /// The deadline was reached with no result.
    Deadline = 124,
    /// Interrupted.
    Interrupted = 130,
}

const EXIT_CODES: &str = "Exit codes: 0 complete; 1 no usable result; 2 wrong usage; 3 partial result; \
    4 something was flagged (boq check); 5 configuration or key problem, nothing was sent; 6 provider not reachable (doctor); 7 address in use; 124 deadline reached with no result; \
    130 interrupted.";

/// Asks several models at once and streams what happens.
#[derive(Debug, Parser)]
#[command(name = "askstream", version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server and its page (the default).
    Serve(ServeArgs),
    /// Run a panel once: the report on standard output, progress on standard error.
    #[command(after_help = EXIT_CODES)]
    Ask(ask::AskArgs),
    /// Read bills of quantities without asking anybody.
    Boq {
        #[command(subcommand)]
        command: BoqCommand,
    },
    /// Look at panel files.
    Panels {
        #[command(subcommand)]
        command: PanelsCommand,
    },
    /// Index own documents for panels that search them.
    #[command(after_help = knowledge::EXAMPLES)]
    Knowledge {
        #[command(subcommand)]
        command: knowledge::KnowledgeCommand,
    },
    /// Look at the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Check configuration, data directory, address and panels, and ask each provider for one word.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::DoctorArgs),
    /// Start the fault lab: a fake provider that misbehaves on purpose.
    #[command(after_help = mock::EXAMPLES, args_conflicts_with_subcommands = true)]
    Mock {
        #[command(subcommand)]
        command: Option<MockCommand>,
        #[command(flatten)]
        args: mock::MockArgs,
    },
}

#[derive(Debug, Subcommand)]
enum PanelsCommand {
    /// List the panels that the server would offer.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Show one panel: its queries, what they need and whom they ask.
    Show {
        /// Its name.
        name: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Check panel files; without a path, all panels that the server would offer.
    Check {
        /// Panel folders or files.
        paths: Vec<PathBuf>,
        #[command(flatten)]
        common: CommonArgs,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether a server would start with it, with every mistake and its place; exit 5 when not.
    Check(CommonArgs),
}

#[derive(Debug, Subcommand)]
enum BoqCommand {
    /// Read a bill (CSV, TSV, XLSX) and run the checks without AI; exit 4 when one flags something.
    #[command(after_help = boq::EXAMPLES)]
    Check(boq::CheckArgs),
}

#[derive(Debug, Subcommand)]
enum MockCommand {
    /// Relay TCP between two parties, and make the way worse when told on standard input.
    #[command(after_help = relay::EXAMPLES)]
    Relay(relay::RelayArgs),
}

/// Where settings come from.
#[derive(Args, Clone, Debug, Default)]
struct CommonArgs {
    /// Configuration file [default: ./askstream.toml, then config.toml in the configuration directory].
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the program keeps runs and whatever else it must remember [default: askstream in $XDG_DATA_HOME].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct ServeArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Address to listen on [default: 127.0.0.1:8787].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where runs are kept: in a file of the data directory, or in memory, gone with the server [default: sqlite].
    #[arg(long, value_name = "WHERE")]
    store: Option<StoreKind>,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Path below which the server is found, such as /audit/ [default: /].
    #[arg(long, value_name = "PATH")]
    base_path: Option<BasePath>,
    /// Print only the address, as one line on standard output.
    #[arg(long)]
    print_url: bool,
    /// How the log on standard error is written: for people, or one JSON object a line.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Open the page in a browser.
    #[arg(long, overrides_with = "no_open")]
    open: bool,
    /// Do not open a browser, not even at the first start.
    #[arg(long, overrides_with = "open")]
    no_open: bool,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// The whole program.
pub fn main() -> ExitCode {
    // Another part of the process may have chosen one already; either serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let exit = match cli.command {
        None => serve::run(cli.serve),
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::Ask(args)) => ask::run(args),
        Some(Command::Boq { command: BoqCommand::Check(args) }) => boq::check(&args),
        Some(Command::Panels { command }) => match command {
            PanelsCommand::List { json, common } => panels::list(json, common),
            PanelsCommand::Show { name, json, common } => panels::show(&name, json, common),
            PanelsCommand::Check { paths, common } => panels::check(&paths, common),
        },
        Some(Command::Knowledge { command }) => knowledge::run(command),
        Some(Command::Config { command: ConfigCommand::Check(common) }) => doctor::check_config(common),
        Some(Command::Doctor(args)) => doctor::run(args),
        Some(Command::Mock { command: None, args }) => mock::run(args),
        Some(Command::Mock { command: Some(MockCommand::Relay(args)), .. }) => relay::run(args),
    };
    ExitCode::from(exit as u8)
}

impl CommonArgs {
    fn flags(self) -> Flags {
        Flags { config: self.config, data_dir: self.data_dir, ..Flags::default() }
    }
}

/// Says why there are no settings.
fn refuse(why: &Unusable) -> Exit {
    eprintln!("{why}");
    Exit::Configuration
}

/// A runtime for one command.
fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        eprintln!("error: cannot start: {error}");
        Exit::NoResult
    })
}
