//! The accept loop: header clocks, no Nagle delay, connections that end when the server does.

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

use crate::runs::Runs;

/// Time for the headers of a request, and for an idle connection.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// What hyper reads of headers before it refuses them itself; ours is the smaller limit, with a problem to read.
const HEADER_BUFFER: usize = 128 * 1024;
/// Rest after an accept that failed: too many open files will not mend themselves at once.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// What cancelled runs get to write their last event.
const CANCEL_TIME: Duration = Duration::from_secs(1);
/// What streams get to send their last bytes when the server ends.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How a server ends.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// What runs get to finish before they are cancelled.
    pub runs: Duration,
}

/// Serves until `stop`, then lets runs finish within the drain time; `hurry` cuts that short.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    runs: Arc<Runs>,
    drain: Drain,
    stop: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) {
    let tasks = TaskTracker::new();
    let graceful = GracefulShutdown::new();
    let ending = async {
        stop.await;
        runs.drain();
        tokio::select! {
            () = runs.ended() => {}
            () = sleep(drain.runs) => {}
            () = hurry => {}
        }
        let _ = timeout(CANCEL_TIME, runs.stand_down()).await;
        let _ = timeout(CANCEL_TIME, runs.ended()).await;
    };
    tokio::pin!(ending);
    loop {
        // Connections are taken while runs finish, so that strangers are told to come back.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut ending => break,
        };
        match accepted {
            Ok((socket, _)) => drop(tasks.spawn(graceful.watch(connection(socket, router.clone())))),
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                sleep(ACCEPT_REST).await;
            }
        }
    }
    let _ = timeout(LAST_WORDS, graceful.shutdown()).await;
}

/// One connection, HTTP/1 with keep-alive.
fn connection(
    socket: TcpStream,
    router: Router,
) -> hyper::server::conn::http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>> {
    // Without it the first event on a kept connection waits for the client's delayed acknowledgement.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "could not set TCP_NODELAY");
    }
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BUFFER)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router))
}
