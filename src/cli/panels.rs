//! `askstream panels`: looking at panel files.

use std::path::PathBuf;

use super::CommonArgs;
use super::Exit;
use super::refuse;
use crate::config::Process;
use crate::config::Settings;
use crate::config::panels;
use crate::panel::Panel;

/// Checks panels and says what is wrong with them, all at once.
pub fn check(paths: &[PathBuf], common: CommonArgs) -> Exit {
    if paths.is_empty() {
        return match Settings::load(&common.flags(), &Process) {
            Ok(settings) => {
                settings.offers.iter().for_each(|offer| praise(&offer.panel));
                Exit::Complete
            }
            Err(why) => refuse(&why),
        };
    }
    let mut faults = Vec::new();
    for path in paths {
        match panels::read(path) {
            Ok(panel) => praise(&panel),
            Err(found) => faults.extend(found),
        }
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    match faults.len() {
        0 => Exit::Complete,
        1 => complain("1 error"),
        n => complain(&format!("{n} errors")),
    }
}

fn praise(panel: &Panel) {
    let queries = match panel.queries.len() {
        1 => "1 query".to_owned(),
        n => format!("{n} queries"),
    };
    println!("{:<12} ok   {queries}, revision {}", panel.name.as_str(), panel.revision);
}

fn complain(count: &str) -> Exit {
    eprintln!("{count}");
    Exit::Configuration
}
