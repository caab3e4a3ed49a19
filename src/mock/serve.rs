//! One connection, from its handshake to its close.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Versions;
use super::http1;
use super::http2;
use super::line::Line;
use super::play::End;
use super::play::Play;
use super::request::PATIENCE;
use super::room::Room;
use super::seen::Close;
use super::seen::Seen;
use super::seen::Version;
use super::tls::TlsKind;

/// Serves a connection until it ends, and tells how it did.
pub(super) async fn connection(room: Arc<Room>, socket: TcpStream) {
    let served = Served { number: room.stats.connected(), begun: Instant::now(), room };
    let Some(mut line) = served.handshake(socket).await else { return };
    let kind = served.room.settings.tls.as_ref().map(|tls| tls.kind);
    let close = match kind {
        Some(kind @ (TlsKind::Hang | TlsKind::Reset | TlsKind::Plain)) => no_handshake(kind, &mut line).await,
        _ => match served.version(&mut line).await {
            Ok(Version::Http1) => http1::serve(&served, &mut line).await,
            Ok(Version::Http2) => {
                let close;
                // Apart, since it is large and most connections do not need it.
                (line, close) = Box::pin(http2::serve(&served, line)).await;
                close
            }
            Err(close) => close,
        },
    };
    served.tell(line.bytes_in, line.bytes_out, close);
    match close {
        Close::LabFin | Close::LabGoAway => line.close().await,
        Close::LabReset => line.reset(),
        _ => drop(line),
    }
}

/// What a client gets that begins a handshake where none is made.
async fn no_handshake(kind: TlsKind, line: &mut Line) -> Close {
    if let Err(left) = line.fill().await {
        return left.into();
    }
    match kind {
        TlsKind::Hang => line.left().await.into(),
        TlsKind::Reset => Close::LabReset,
        _ => {
            let words = b"This is plain HTTP.\n";
            http1::play(line, Play::status(400, &[("connection", "close")], words).then(End::Fin)).await
        }
    }
}

/// A connection that is being served.
pub(super) struct Served {
    pub(super) room: Arc<Room>,
    /// Its number, from 1.
    pub(super) number: u64,
    begun: Instant,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.room.stats.disconnected();
    }
}

impl Served {
    /// How long a client may take to shake hands.
    const HANDSHAKE: Duration = Duration::from_secs(30);

    /// The connection, encrypted if it is to be; none if the client would not have it.
    async fn handshake(&self, socket: TcpStream) -> Option<Line> {
        let tls = self.room.settings.tls.as_ref();
        let tls = tls.filter(|tls| !matches!(tls.kind, TlsKind::Hang | TlsKind::Reset | TlsKind::Plain));
        let Some(tls) = tls else {
            return Some(Line::new(Box::new(socket)));
        };
        match tokio::time::timeout(Served::HANDSHAKE, tls.accept(socket)).await {
            Ok(Some(socket)) => Some(Line::new(socket)),
            refused => {
                self.tell(0, 0, if refused.is_ok() { Close::ClientFin } else { Close::LabFin });
                None
            }
        }
    }

    /// Which version the client speaks: as agreed on, or as it begins.
    async fn version(&self, line: &mut Line) -> Result<Version, Close> {
        let settings = &self.room.settings;
        let is_http2 = match (settings.versions, &settings.tls) {
            (Versions::Http1, _) => false,
            (Versions::Both, Some(_)) => line.has_agreed_on_http2(),
            (Versions::Both, None) => {
                let begun = tokio::time::timeout(PATIENCE, http2::is_begun(line)).await;
                begun.map_err(|_| Close::LabFin)??
            }
        };
        Ok(if is_http2 { Version::Http2 } else { Version::Http1 })
    }

    /// Tells that the connection has ended.
    fn tell(&self, bytes_in: u64, bytes_out: u64, close: Close) {
        let room = &self.room;
        let (connection, at, took) = (self.number, self.begun - room.opened, self.begun.elapsed());
        (room.sink)(&Seen { connection, attempt: None, at, took, bytes_in, bytes_out, close });
    }
}
