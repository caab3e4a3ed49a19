//! SIGHUP: the configuration is read again, and new runs use it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::Signal;

use crate::config::Door;
use crate::config::Flags;
use crate::config::Process;
use crate::config::Settings;
use crate::config::Storage;
use crate::runs::Catalogue;
use crate::runs::Runs;

/// What holds until the process ends, whatever the file says later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    file: Option<PathBuf>,
    listen: SocketAddr,
    data_dir: PathBuf,
    store: Storage,
    door: Door,
}

impl Fixed {
    /// What these settings fix.
    pub fn of(settings: &Settings) -> Fixed {
        Fixed {
            file: settings.file.clone(),
            listen: settings.listen,
            data_dir: settings.data_dir.clone(),
            store: settings.store.clone(),
            door: settings.door.clone(),
        }
    }
}

/// Reads the configuration again at each signal; one that is not right leaves the old one in force.
pub async fn at_each(hangups: io::Result<Signal>, flags: Flags, fixed: Fixed, runs: Arc<Runs>) {
    let Ok(mut hangups) = hangups else { return std::future::pending().await };
    while hangups.recv().await.is_some() {
        let flags = flags.clone();
        let read = tokio::task::spawn_blocking(move || Settings::load(&flags, &Process)).await;
        match read {
            Ok(Ok(settings)) => {
                let knowledge = settings.runs.knowledge.clone();
                take_over(settings, &fixed, &runs);
                // A signal that comes meanwhile waits; several become one.
                let _ = tokio::task::spawn_blocking(move || knowledge.refresh()).await;
            }
            Ok(Err(why)) => refuse(&why.line()),
            Err(error) => refuse(&error.to_string()),
        }
    }
}

fn take_over(settings: Settings, fixed: &Fixed, runs: &Runs) {
    let now = Fixed::of(&settings);
    if let (Some(file), None) = (&fixed.file, &now.file) {
        return refuse(&format!("{} is gone", file.display()));
    }
    settings.notices.iter().for_each(|notice| tracing::warn!("{notice}"));
    settings.pool.go_on_at(&runs.catalogue().pool().turns());
    runs.replace(Catalogue::new(settings.offers, settings.pool, settings.runs));
    tracing::info!("read the configuration again; new runs use it");
    if now != *fixed {
        tracing::warn!("the address, [server] and [store] have changed, which takes a restart");
    }
}

fn refuse(why: &str) {
    tracing::error!("the configuration stays as it was: {why}");
}
