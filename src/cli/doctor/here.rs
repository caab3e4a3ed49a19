//! What can be told without asking anybody: configuration, data directory, address, panels.

use std::net::TcpListener;

use super::report::Check;
use super::report::Verdict;
use crate::cli::Exit;
use crate::cli::serve;
use crate::config::Settings;
use crate::config::StoreKind;
use crate::config::Unusable;
use crate::store::sqlite::Kept;
use crate::store::sqlite::OpenError;
use crate::store::sqlite::Seen;
use crate::store::sqlite::look;

/// A configuration that cannot be used: nothing else can be checked then.
pub fn unusable(why: &Unusable) -> Check {
    let check = Check::new("config", Verdict::Fail(Exit::Configuration), why.to_string());
    check.fix("correct it; a server would not start, and nothing else was checked")
}

/// The configuration file, and what a person should know of it.
pub fn config(settings: &Settings) -> Vec<Check> {
    let text = match &settings.file {
        Some(file) => file.display().to_string(),
        None => {
            let places: Vec<_> = settings.looked_for.iter().map(|path| path.display().to_string()).collect();
            format!("none found (looked for {})", places.join(", "))
        }
    };
    let absent = settings.pool.absent();
    // Those that lack a key have a line of their own.
    let own = |notice: &&String| absent.iter().all(|absent| absent.notice != **notice);
    let notices = settings.notices.iter().filter(own);
    let notices = notices.map(|notice| Check::new("config", Verdict::Warn, notice));
    std::iter::once(Check::new("config", Verdict::Ok, text)).chain(notices).collect()
}

/// The data directory and the address. Where a server runs, both are taken.
pub fn places(settings: &Settings) -> [Check; 2] {
    let seen = match settings.store.kind {
        StoreKind::Memory => None,
        StoreKind::Sqlite => Some(look(&settings.data_dir)),
    };
    let runs = matches!(seen, Some(Err(OpenError::Held { .. })));
    let data = match seen {
        None => Check::new("data dir", Verdict::Ok, "not used: runs are kept in memory"),
        Some(Ok(seen)) => data(settings, seen),
        Some(Err(why @ OpenError::Held { .. })) => Check::new("data dir", Verdict::Warn, why.to_string())
            .fix("none, if that is your server; another one needs a --data-dir of its own"),
        Some(Err(why)) => {
            let check = Check::new("data dir", Verdict::Fail(Exit::NoResult), why.to_string());
            check.fix(serve::remedy(&why))
        }
    };
    [data, address(settings, runs)]
}

fn data(settings: &Settings, seen: Seen) -> Check {
    let dir = settings.data_dir.display();
    let kept = match seen.kept {
        Kept::NoDirectory => "not there yet, can be made".to_owned(),
        Kept::Nothing => "writable, no runs yet".to_owned(),
        Kept::Schema(version) => format!("writable, schema {version}"),
        Kept::Unclosed => "writable; the last server was not closed, the next one goes on".to_owned(),
    };
    let free = seen.free.map_or(String::new(), |free| format!(", {} free", size(free)));
    let text = format!("{dir} {kept}{free}");
    match seen.is_full() {
        true => Check::new("data dir", Verdict::Fail(Exit::NoResult), text)
            .fix("make room: no new run is taken below 64 MiB"),
        false => Check::new("data dir", Verdict::Ok, text),
    }
}

fn size(bytes: u64) -> String {
    match bytes >> 30 {
        0 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn address(settings: &Settings, runs: bool) -> Check {
    let address = settings.listen;
    match TcpListener::bind(address) {
        Ok(_) => Check::new("address", Verdict::Ok, format!("{address} is free")),
        Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
            let text = format!("cannot listen on {address}: {error}");
            Check::new("address", Verdict::Fail(Exit::NoResult), text).fix("name another [server] listen")
        }
        Err(_) if runs => {
            let text = format!("{address} is in use, and so is the data directory: a server runs");
            Check::new("address", Verdict::Ok, text)
        }
        Err(_) => {
            let text = format!("{address} is in use by something else");
            let check = Check::new("address", Verdict::Fail(Exit::AddressInUse), text);
            check.fix("stop that, or start with another one: askstream --port N")
        }
    }
}

/// What can be run.
pub fn panels(settings: &Settings) -> Check {
    let told = settings.offers.iter().map(|offer| match offer.panel.queries.len() {
        1 => format!("{} (1 query)", offer.panel.name),
        n => format!("{} ({n} queries)", offer.panel.name),
    });
    Check::new("panels", Verdict::Ok, told.collect::<Vec<_>>().join(", "))
}
