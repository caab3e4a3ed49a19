//! `askstream doctor`: what works, what does not, and what helps.
//!
//! It reads the same settings as the server and asks through the same client.
//! It starts nothing, takes nothing over and never shows a key.

mod asked;
mod here;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::CommonArgs;
use super::Exit;
use super::refuse;
use super::serve::say;
use crate::config::Process;
use crate::config::Settings;
use crate::runs::Catalogue;
use report::Check;
use report::Report;
use report::Verdict;

pub const EXAMPLES: &str = "Examples:
  askstream doctor                       check everything, and ask each endpoint for one word
  askstream doctor openai                one provider, or one endpoint such as openai.2
  askstream doctor --offline             ask nobody
  askstream doctor --transcript DIR      write down what went over the wire, without keys

Exit codes: 0 nothing is wrong; 1 something does not work; 2 wrong usage; 5 configuration or key problem, nothing was \
sent; 6 providers not reachable and nothing else; 7 address in use and nothing else.";

#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Only this provider, or this endpoint of one.
    name: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
    /// Ask nobody.
    #[arg(long, overrides_with = "live")]
    offline: bool,
    /// Ask each endpoint for one word, a few tokens each (the default).
    #[arg(long, overrides_with = "offline")]
    live: bool,
    /// The longest a call may take [default: 15, on this computer 60].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: Option<u64>,
    /// Write each call's request and answer into this directory, keys replaced.
    #[arg(long, value_name = "DIR", conflicts_with = "offline")]
    transcript: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Checks, tells, and says by the exit code what was found.
pub fn run(args: DoctorArgs) -> Exit {
    let mut report = Report::default();
    let (as_json, flags) = (args.json, args.common.clone().flags());
    match Settings::load(&flags, &Process) {
        Err(why) => report.add([here::unusable(&why)]),
        Ok(settings) => {
            if let Err(exit) = examine(settings, &args, &mut report) {
                return exit;
            }
        }
    }
    say(&if as_json { report.json().to_string() } else { report.in_words() });
    report.exit()
}

/// Says whether a server would start with this configuration, and who could be asked. Neither the data directory
/// nor the address is looked at, and nobody is asked.
pub fn check_config(common: CommonArgs) -> Exit {
    let settings = match Settings::load(&common.flags(), &Process) {
        Ok(settings) => settings,
        Err(why) => return refuse(&why),
    };
    let mut report = Report::default();
    report.add(here::config(&settings));
    report.add([here::panels(&settings)]);
    let catalogue = Catalogue::new(settings.offers, settings.pool, settings.runs);
    let (patients, absent) = (asked::patients(&catalogue, None), asked::absent(&catalogue, None));
    if patients.is_empty() && absent.is_empty() {
        report.add([nobody()]);
    }
    // A server starts without them, and says so.
    report.add(absent.into_iter().map(Check::warn));
    report.add(patients.iter().map(asked::Patient::unasked));
    say(&report.in_words());
    report.exit()
}

/// Everything that can be checked with settings.
fn examine(settings: Settings, args: &DoctorArgs, report: &mut Report) -> Result<(), Exit> {
    let name = args.name.as_deref();
    report.add(here::config(&settings));
    if name.is_none() {
        report.add(here::places(&settings));
        report.add([here::panels(&settings)]);
    }
    let catalogue = Catalogue::new(settings.offers, settings.pool, settings.runs);
    let (patients, absent) = (asked::patients(&catalogue, name), asked::absent(&catalogue, name));
    if patients.is_empty() && absent.is_empty() {
        return match name {
            Some(name) => Err(unknown(name)),
            None => {
                report.add([nobody()]);
                Ok(())
            }
        };
    }
    report.add(absent);
    if args.offline {
        report.add(patients.iter().map(asked::Patient::unasked));
        return Ok(());
    }
    let dir = args.transcript.as_deref();
    let refused = |error: std::io::Error| {
        eprintln!("error: cannot write transcripts to {}: {error}", dir.unwrap_or("".as_ref()).display());
        Exit::NoResult
    };
    // Before anybody is asked, and paid.
    dir.map_or(Ok(()), std::fs::create_dir_all).map_err(refused)?;
    report.sent = !patients.is_empty();
    super::serve::raise_file_limit();
    let limit = args.timeout.map(Duration::from_secs);
    let checks = super::runtime()?.block_on(asked::ask(&patients, limit, dir)).map_err(refused)?;
    report.add(checks);
    Ok(())
}

fn unknown(name: &str) -> Exit {
    eprintln!(
        "error: no provider `{name}` is configured that could be asked\n  fix      askstream doctor names all"
    );
    Exit::Usage
}

fn nobody() -> Check {
    let text = "no model is configured; the built-in rules answer, where a panel has them";
    Check::new("models", Verdict::Warn, text)
        .fix("set OPENAI_API_KEY, or add a provider to the configuration")
}
