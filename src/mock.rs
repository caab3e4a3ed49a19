//! The fault lab: a fake provider over raw TCP that misbehaves on purpose.
//!
//! It speaks the forms of OpenAI, Anthropic and Gemini, streaming or not; the
//! *model name* picks what it does, from a clean answer to every row of the
//! fault matrix that a server can play. Frameworks cannot send a truncated
//! chunk, so the bytes of HTTP/1.1 are written by hand; HTTP/2 is served by a
//! library. One task and no buffer per waiting connection; loopback only; it
//! prints nothing, what it saw goes to a [`Sink`].

#[cfg(test)]
mod adapter_test;
mod besides;
mod cue;
mod flow;
mod http1;
mod http2;
#[cfg(test)]
mod http2_test;
mod line;
mod model;
mod perform;
mod play;
pub mod ports;
mod reel;
pub mod relay;
mod request;
mod room;
mod rows;
mod script;
mod seen;
mod serve;
#[cfg(test)]
mod tests;
pub mod tls;
#[cfg(test)]
mod tls_test;
mod wire;
#[cfg(test)]
mod wires_test;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::room::Room;
pub use self::script::Script;
pub use self::seen::Attempt;
pub use self::seen::Close;
pub use self::seen::Counts;
pub use self::seen::Seen;
pub use self::seen::Stats;
pub use self::seen::Version;

/// Where the lab tells what it saw.
pub type Sink = Arc<dyn Fn(&Seen) + Send + Sync>;

/// How a lab is to be.
#[derive(Clone, Debug)]
pub struct LabSettings {
    /// The address; loopback only.
    pub listen: SocketAddr,
    /// What a model that is not in the catalogue does; without it such a model is not found.
    pub default_model: Option<String>,
    /// Models of a person's own; they go before the catalogue.
    pub script: Script,
    /// What is offered to clients that speak TLS; without it HTTP is spoken plainly.
    pub tls: Option<tls::Tls>,
    /// What clients may speak.
    pub versions: Versions,
}

/// Which versions of HTTP are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// HTTP/2 with clients that want it, else HTTP/1.1.
    #[default]
    Both,
    /// HTTP/1.1 alone.
    Http1,
}

impl Default for LabSettings {
    fn default() -> LabSettings {
        LabSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            default_model: None,
            script: Script::default(),
            tls: None,
            versions: Versions::default(),
        }
    }
}

/// Why a lab does not start.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// Faults are not for other machines.
    #[error("{0} is not a loopback address; the lab serves this computer only")]
    NotLoopback(SocketAddr),
    /// The default model is not one of the catalogue.
    #[error("{0}")]
    Model(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
}

/// A fake provider that listens, and serves once [`Lab::serve`] is polled.
pub struct Lab {
    listener: TcpListener,
    address: SocketAddr,
    room: Arc<Room>,
}

impl Lab {
    /// Most connections at once, and requests that share one; more wait to be accepted.
    pub const MAX_CONNECTIONS: usize = 65_536;

    /// Listens; a port of 0 takes a free one.
    pub async fn open(settings: LabSettings, sink: Sink) -> Result<Lab, Unopened> {
        let listen = settings.listen;
        if !listen.ip().is_loopback() {
            return Err(Unopened::NotLoopback(listen));
        }
        if let Some(model) = &settings.default_model {
            model::Behaviour::find(model).map_err(Unopened::Model)?;
        }
        let unheard = |error| Unopened::Listen(listen, error);
        let listener = TcpListener::bind(listen).await.map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        let (stats, opened) = (Arc::new(Stats::default()), Instant::now());
        let places = Arc::new(Semaphore::new(Lab::MAX_CONNECTIONS));
        let room = Room { settings, stats, sink, opened, here: address.to_string(), places };
        Ok(Lab { listener, address, room: Arc::new(room) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as the beginning of a URL.
    pub fn url(&self) -> String {
        let scheme = if self.room.settings.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Its counts.
    pub fn stats(&self) -> Arc<Stats> {
        self.room.stats.clone()
    }

    /// Serves until told to stop; connections are then dropped as they are.
    pub async fn serve(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.accept() => accepted,
            };
            let Some((socket, place)) = accepted else {
                // Out of file descriptors, for example: what is open may close.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let (room, stop) = (self.room.clone(), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = serve::connection(room, socket) => {}
                }
                drop(place);
            });
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn accept(&self) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let place = self.room.places.clone().acquire_owned().await.ok()?;
        let (socket, _) = self.listener.accept().await.ok()?;
        Some((socket, place))
    }
}

/// A line of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The row of the fault matrix, 0 for none.
    pub row: u8,
    /// The model's name.
    pub name: &'static str,
    /// What it does; for what a server alone cannot play, how else it is played.
    pub what: &'static str,
    /// Whether a server alone can play it.
    pub is_playable: bool,
}

/// Every name that can be asked, in the order of the rows.
pub fn catalogue() -> Vec<Listed> {
    let listed = |entry: &rows::Entry| Listed {
        row: entry.row,
        name: entry.name,
        what: entry.what,
        is_playable: entry.make.is_some(),
    };
    rows::all().map(listed).collect()
}
