//! The stage of one request of HTTP/2: its answer goes out as the client takes it.

use std::future::poll_fn;
use std::sync::OnceLock;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::SendStream;
use h2::server::SendResponse;
use hyper::http;

use super::perform::Stage;
use super::play::Framing;
use super::play::Head;
use super::play::Piece;
use super::seen::Close;

/// Headers that speak of the connection; this version has frames for that, and forbids them.
const OF_THE_CONNECTION: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
/// Between two heads that only announce an answer: nothing else holds them back.
const BETWEEN_HEADS: Duration = Duration::from_millis(1);

/// One answer on its way.
pub(super) struct Flow<'a> {
    respond: SendResponse<Bytes>,
    /// There once the head has gone out.
    body: Option<SendStream<Bytes>>,
    /// Bytes of heads and of the body, without what frames them.
    pub(super) sent: u64,
    /// How the connection ended, once it has.
    ended: &'a OnceLock<Close>,
}

impl Flow<'_> {
    pub(super) fn new(respond: SendResponse<Bytes>, ended: &OnceLock<Close>) -> Flow<'_> {
        Flow { respond, body: None, sent: 0, ended }
    }

    /// Resets the stream.
    pub(super) fn reset(&mut self, reason: Reason) {
        self.respond.send_reset(reason);
    }

    /// Waits until the client leaves.
    pub(super) async fn left(&mut self) -> Close {
        poll_fn(|cx| self.poll_left(cx)).await
    }

    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<Close> {
        let reset = match &mut self.body {
            Some(body) => body.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        };
        reset.map(|reset| self.gone(reset.is_ok()))
    }

    /// How the stream came to its end.
    fn gone(&self, is_reset: bool) -> Close {
        match self.ended.get() {
            Some(close) => *close,
            None if is_reset => Close::ClientStreamReset,
            None => Close::ClientFin,
        }
    }

    fn broken(&self, error: &h2::Error) -> Close {
        self.gone(error.is_reset())
    }

    async fn head(&mut self, head: &Head) -> Result<(), Close> {
        let response = response(head);
        let size = |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len();
        self.sent += response.headers().iter().map(size).sum::<usize>() as u64;
        if head.status >= 200 {
            let body = self.respond.send_response(response, false).map_err(|error| self.broken(&error))?;
            self.body = Some(body);
            return Ok(());
        }
        self.respond.send_informational(response).map_err(|error| self.broken(&error))?;
        self.wait(BETWEEN_HEADS).await
    }

    async fn data(&mut self, mut rest: Bytes) -> Result<(), Close> {
        while !rest.is_empty() {
            let count = poll_fn(|cx| self.poll_room(cx, rest.len())).await?;
            let piece = rest.split_to(count.min(rest.len()));
            self.push(piece, false)?;
        }
        Ok(())
    }

    /// Waits until the client takes some of so many bytes.
    fn poll_room(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, Close>> {
        if let Poll::Ready(close) = self.poll_left(cx) {
            return Poll::Ready(Err(close));
        }
        let Some(body) = &mut self.body else {
            return Poll::Ready(Ok(wanted));
        };
        body.reserve_capacity(wanted);
        while body.capacity() == 0 {
            match body.poll_capacity(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(self.gone(false))),
            }
        }
        Poll::Ready(Ok(body.capacity()))
    }

    /// Hands on what the client has room for; without a head there is nowhere to put it.
    fn push(&mut self, bytes: Bytes, is_last: bool) -> Result<(), Close> {
        self.sent += bytes.len() as u64;
        let Some(body) = &mut self.body else { return Ok(()) };
        body.send_data(bytes, is_last).map_err(|error| self.broken(&error))
    }
}

impl Stage for Flow<'_> {
    async fn send(&mut self, piece: &Piece) -> Result<(), Close> {
        match piece {
            Piece::Head(head) => self.head(head).await,
            Piece::Body(bytes) => self.data(bytes.clone()).await,
            Piece::Over => self.push(Bytes::new(), true),
            // A play with bytes of another version is not chosen for this one.
            Piece::Raw(_) => Ok(()),
        }
    }

    async fn wait(&mut self, time: Duration) -> Result<(), Close> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            close = self.left() => Err(close),
        }
    }
}

/// A head as the library wants it; what it would not send is left out.
fn response(head: &Head) -> http::Response<()> {
    let mut response = http::Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(head.status).unwrap_or_default();
    let headers = response.headers_mut();
    if head.status >= 200 {
        headers.insert("access-control-allow-origin", http::HeaderValue::from_static("*"));
    }
    for (name, value) in &head.headers {
        let pair = http::HeaderName::try_from(name).ok().zip(http::HeaderValue::try_from(value).ok());
        if let Some((name, value)) = pair.filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str())) {
            headers.append(name, value);
        }
    }
    if let Framing::Length(length) = head.framing {
        headers.insert("content-length", length.into());
    }
    response
}
