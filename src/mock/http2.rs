//! One connection that speaks HTTP/2, by the library of hyper: what misbehaves here is told by its frames.
//!
//! One task serves the connection and all its streams, so that what a stream
//! sends is on its way before the stream is polled again: a reset or a GOAWAY
//! overtakes nothing that was sent before it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use h2::RecvStream;
use h2::server::Connection;
use h2::server::SendResponse;
use hyper::http;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use super::flow::Flow;
use super::line::Left;
use super::line::Line;
use super::line::left;
use super::perform::perform;
use super::play::End;
use super::play::Play;
use super::request::MAX_BODY;
use super::request::MAX_HEAD;
use super::request::PATIENCE;
use super::request::PEEK;
use super::request::Request;
use super::request::Unread;
use super::request::peek;
use super::seen::Close;
use super::seen::Version;
use super::serve::Served;

/// What every connection of this version begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Most streams of one connection at once.
const MAX_STREAMS: u32 = 1000;
/// What a client may send of a body before it is read, and of all bodies of a connection.
const WINDOWS: (u32, u32) = (1 << 20, 16 << 20);
/// How long a client may take to begin.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// What closing waits for, so that what was sent before has left.
const PARTING: Duration = Duration::from_millis(30);

/// Whether a client that encrypts nothing begins as this version does.
pub(super) async fn is_begun(line: &mut Line) -> Result<bool, Left> {
    loop {
        let count = line.input.len().min(PREFACE.len());
        if line.input[..count] != PREFACE[..count] {
            return Ok(false);
        }
        if count == PREFACE.len() {
            return Ok(true);
        }
        line.fill().await?;
    }
}

/// Serves a connection; gives it back when it is to be closed.
pub(super) async fn serve(served: &Served, line: Line) -> (Line, Close) {
    let line = Arc::new(Mutex::new(line));
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEAD as u32);
    builder.initial_window_size(WINDOWS.0).initial_connection_window_size(WINDOWS.1);
    let begun = tokio::time::timeout(HANDSHAKE, builder.handshake(Tunnel(line.clone()))).await;
    let close = match begun {
        Ok(Ok(connection)) => streams(served, connection).await,
        Ok(Err(error)) => broken(&error),
        Err(_) => Close::LabFin,
    };
    let line = Arc::into_inner(line).expect("the connection that shared it is gone");
    (line.into_inner().unwrap_or_else(PoisonError::into_inner), close)
}

/// Serves stream after stream, each beside the others, until the connection ends.
async fn streams(served: &Served, mut connection: Connection<Tunnel, Bytes>) -> Close {
    let ended = OnceLock::new();
    let mut open = FuturesUnordered::new();
    let mut patience = PATIENCE;
    let close = loop {
        // What streams have sent goes out while `accept` is polled, so that comes first.
        tokio::select! {
            biased;
            accepted = connection.accept() => match accepted {
                None => break *ended.get().unwrap_or(&Close::ClientFin),
                Some(Err(error)) => break *ended.get().unwrap_or(&broken(&error)),
                Some(Ok((request, respond))) => {
                    patience = PATIENCE;
                    open.push(stream(served, request, respond, &ended));
                }
            },
            Some(end) = open.next(), if !open.is_empty() => match end {
                End::Fin => break Close::LabFin,
                End::Reset => break Close::LabReset,
                End::GoAway(reason) => {
                    // The library sends it, ends all streams and closes; `accept` tells when.
                    let _ = ended.set(Close::LabGoAway);
                    connection.abrupt_shutdown(reason);
                }
                End::KeepFor(idle) => patience = idle,
                End::Keep | End::Stay | End::ResetStream(_) => {}
            },
            () = tokio::time::sleep(patience), if open.is_empty() => break Close::LabFin,
        }
    };
    let _ = ended.set(close);
    drop(connection);
    // They see that it is gone, and tell of it.
    while open.next().await.is_some() {}
    close
}

/// How a connection broke.
fn broken(error: &h2::Error) -> Close {
    match error.get_io() {
        Some(error) => left(error).into(),
        // The client said why and left, or was told why not by the library.
        None if error.is_remote() => Close::ClientFin,
        None => Close::LabFin,
    }
}

/// One request and its answer; the end is what is to become of the connection.
async fn stream(
    served: &Served,
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
    ended: &OnceLock<Close>,
) -> End {
    let mut flow = Flow::new(respond, ended);
    let Ok(_place) = served.room.places.clone().try_acquire_owned() else {
        flow.reset(h2::Reason::REFUSED_STREAM);
        return End::Keep;
    };
    let (head, mut body) = request.into_parts();
    let (mut request, mut bytes_in) = read_head(&head);
    let is_early = |model: &str| served.room.is_early(model);
    let read = tokio::time::timeout(PATIENCE, read_body(&mut request, &mut body, &is_early)).await;
    bytes_in += request.body.len() as u64;
    let answer = match read.unwrap_or(Err(Unread::Idle)) {
        Ok(()) => served.room.answer(served.number, &request, Version::Http2),
        Err(Unread::Bad(status)) => {
            let _ = perform(&mut flow, Play::status(status, &[], b"")).await;
            return End::Keep;
        }
        Err(Unread::Left(_) | Unread::Idle) => {
            flow.reset(h2::Reason::CANCEL);
            return End::Keep;
        }
    };
    drop(request);
    let ended = perform(&mut flow, answer.play).await;
    let (end, close) = match ended {
        Err(close) => (End::Keep, close),
        Ok(end) => (end, finish(&mut flow, end).await),
    };
    if let Some(trial) = answer.trial {
        trial.over(bytes_in, flow.sent, close);
    }
    end
}

/// How a play that was performed to its end leaves its stream.
async fn finish(flow: &mut Flow<'_>, end: End) -> Close {
    match end {
        End::Keep | End::KeepFor(_) => Close::Kept,
        End::Stay => flow.left().await,
        End::ResetStream(reason) => {
            flow.reset(reason);
            Close::LabStreamReset
        }
        End::GoAway(_) => Close::LabGoAway,
        End::Reset => Close::LabReset,
        End::Fin => {
            tokio::time::sleep(PARTING).await;
            Close::LabFin
        }
    }
}

/// A request without its body, and the size of its headers.
fn read_head(head: &http::request::Parts) -> (Request, u64) {
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers: Vec<_> = head.headers.iter().map(header).collect();
    let size = headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    let uri = &head.uri;
    let request = Request::new(head.method.as_str(), uri.path(), uri.query().unwrap_or_default(), headers);
    (request, size as u64)
}

async fn read_body(
    request: &mut Request,
    body: &mut RecvStream,
    is_early: &(dyn Fn(&str) -> bool + Sync),
) -> Result<(), Unread> {
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|_| Unread::Left(Left::Reset))?;
        // Fails only where the stream is gone, which the next piece tells.
        let _ = body.flow_control().release_capacity(piece.len());
        if request.body.len() + piece.len() > MAX_BODY {
            return Err(Unread::Bad(413));
        }
        request.body.extend_from_slice(&piece);
        if request.body.len() >= PEEK && is_early(&peek(&request.body, &request.path)) {
            return Ok(());
        }
    }
    request.is_whole = true;
    Ok(())
}

/// A connection that the library reads and writes, and that comes back when the library is done.
struct Tunnel(Arc<Mutex<Line>>);

impl Tunnel {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.line()).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.line()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.line()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.line()).poll_shutdown(cx)
    }
}
