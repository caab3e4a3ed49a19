//! One connection: bytes counted both ways, and a client that leaves is noticed at once.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

/// Bytes that a client may send ahead while it is being answered.
const MAX_AHEAD: usize = 64 * 1024;
/// How long a closed connection is read on, so that the close is not turned into a reset.
const LINGER: Duration = Duration::from_secs(1);

/// How the client left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It closed its side.
    Fin,
    /// It tore the connection down.
    Reset,
}

/// What bytes go over.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {
    /// The TCP connection beneath.
    fn tcp(&self) -> &TcpStream;

    /// Whether HTTP/2 was agreed on while shaking hands.
    fn has_agreed_on_http2(&self) -> bool {
        false
    }
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

/// One connection.
pub(super) struct Line {
    socket: Box<dyn Socket>,
    /// What came and was not taken yet.
    pub(super) input: Vec<u8>,
    /// Bytes that came.
    pub(super) bytes_in: u64,
    /// Bytes that went out.
    pub(super) bytes_out: u64,
}

impl Line {
    pub(super) fn new(socket: Box<dyn Socket>) -> Line {
        // Small pieces are to arrive as small pieces.
        let _ = socket.tcp().set_nodelay(true);
        Line { socket, input: Vec::new(), bytes_in: 0, bytes_out: 0 }
    }

    /// Whether HTTP/2 was agreed on while shaking hands.
    pub(super) fn has_agreed_on_http2(&self) -> bool {
        self.socket.has_agreed_on_http2()
    }

    /// Waits for more input.
    pub(super) async fn fill(&mut self) -> Result<(), Left> {
        poll_fn(|cx| match self.poll_fill::<8192>(cx) {
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
            Poll::Ready(Err(left)) => Poll::Ready(Err(left)),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// The first bytes of the input.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.input.split_off(count.min(self.input.len()));
        // An idle connection keeps no buffer.
        std::mem::replace(&mut self.input, rest)
    }

    /// Sends all of it, unless the client leaves.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Left> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let sent = poll_fn(|cx| {
                if let Poll::Ready(left) = self.poll_left(cx) {
                    return Poll::Ready(Err(left));
                }
                Pin::new(&mut self.socket).poll_write(cx, rest).map_err(|error| left(&error))
            })
            .await?;
            self.bytes_out += sent as u64;
            rest = &rest[sent..];
        }
        self.socket.flush().await.map_err(|error| left(&error))
    }

    /// Waits, unless the client leaves.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<(), Left> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            left = self.left() => Err(left),
        }
    }

    /// Waits until the client leaves.
    pub(super) async fn left(&mut self) -> Left {
        poll_fn(|cx| self.poll_left(cx)).await
    }

    /// Closes with a FIN, and reads on for a moment: unread bytes would make a reset of it.
    pub(super) async fn close(mut self) {
        let _ = self.socket.shutdown().await;
        let drained = async {
            while self.fill().await.is_ok() {
                self.input.clear();
            }
        };
        let _ = tokio::time::timeout(LINGER, drained).await;
    }

    /// Closes with a RST.
    pub(super) fn reset(self) {
        let _ = self.socket.tcp().set_zero_linger();
    }

    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<Left> {
        loop {
            if self.input.len() > MAX_AHEAD {
                // Reading on would hoard; that it leaves is then seen when writing fails.
                return Poll::Pending;
            }
            match self.poll_fill::<512>(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(left)) => return Poll::Ready(left),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_fill<const SIZE: usize>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Left>> {
        // On the stack while polling only: a waiting connection holds no buffer.
        let mut space = [0; SIZE];
        let mut buffer = ReadBuf::new(&mut space);
        match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(left(&error))),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => Poll::Ready(Err(Left::Fin)),
            Poll::Ready(Ok(())) => {
                self.bytes_in += buffer.filled().len() as u64;
                self.input.extend_from_slice(buffer.filled());
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.input.is_empty() {
            let taken = self.take(buffer.remaining());
            buffer.put_slice(&taken);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        self.bytes_in += (buffer.filled().len() - before) as u64;
        read
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            self.bytes_out += *count as u64;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// How the client left, by the error it left behind.
pub(super) fn left(error: &io::Error) -> Left {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Left::Fin,
        _ => Left::Reset,
    }
}
