//! The accept loop: clocks of a connection, and connections that end when the server does.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::socket::Socket;
use crate::runs::Runs;

/// What hyper reads of headers before it refuses them itself; ours is the smaller limit, with a problem to read.
const HEADER_BUFFER: usize = 128 * 1024;
/// Rest after an accept that failed: too many open files will not mend themselves at once.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// What cancelled runs get to write their last event.
const CANCEL_TIME: Duration = Duration::from_secs(1);
/// What streams get to send their last bytes when the server ends.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Clocks of the server and of each connection.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// What runs get to finish when the server ends, before they are cancelled.
    pub drain: Duration,
    /// Time for the headers of a request, and for an idle connection.
    pub header: Duration,
    /// How long a reader may take nothing although bytes wait.
    pub stalled: Duration,
}

/// Serves until `stop`, then lets runs finish within the drain time; `hurry` cuts that short.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    runs: Arc<Runs>,
    clocks: Clocks,
    stop: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) {
    let tasks = TaskTracker::new();
    let graceful = GracefulShutdown::new();
    let ending = async {
        stop.await;
        runs.drain();
        let finishing = async {
            runs.let_go_of_paused().await;
            runs.ended().await;
        };
        // What is given up here is ended below.
        tokio::select! {
            () = finishing => {}
            () = sleep(clocks.drain) => {}
            () = hurry => {}
        }
        let _ = timeout(CANCEL_TIME, runs.stand_down()).await;
        let _ = timeout(CANCEL_TIME, runs.ended()).await;
    };
    // Connections are taken while runs finish, so that strangers are told to come back.
    let accepting = async {
        let mut door = Accepting { listener, failed: 0 };
        loop {
            let socket = Socket::new(door.next().await, clocks.stalled);
            let connection = connection(socket, router.clone(), clocks.header);
            drop(tasks.spawn(graceful.watch(connection)));
        }
    };
    // Giving up an accept loses nobody: who was not taken waits in the kernel.
    tokio::select! {
        () = ending => {}
        () = accepting => {}
    }
    let _ = timeout(LAST_WORDS, graceful.shutdown()).await;
}

/// Takes connections, and rests while there is no place for one more.
struct Accepting {
    listener: TcpListener,
    /// Accepts that failed since the last good one.
    failed: u32,
}

impl Accepting {
    async fn next(&mut self) -> TcpStream {
        loop {
            match self.listener.accept().await {
                Ok((socket, _)) => {
                    if std::mem::take(&mut self.failed) > 0 {
                        tracing::info!("accepting connections again");
                    }
                    return socket;
                }
                Err(error) if is_the_peers(&error) => {}
                Err(error) => {
                    // Once: whoever is out of files would write this 20 times a second.
                    if self.failed == 0 {
                        tracing::warn!(%error, "could not accept a connection; trying until it works");
                    }
                    self.failed = self.failed.saturating_add(1);
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    }
}

/// Whether a connection was gone before it was accepted; the next one is not.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(error.kind(), E::ConnectionAborted | E::ConnectionReset | E::ConnectionRefused)
}

/// One connection, HTTP/1 with keep-alive.
fn connection(
    socket: Socket,
    router: Router,
    header_timeout: Duration,
) -> hyper::server::conn::http1::Connection<TokioIo<Socket>, TowerToHyperService<Router>> {
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEADER_BUFFER)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router))
}
