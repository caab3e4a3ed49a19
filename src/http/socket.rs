//! A client's socket: small buffers, no Nagle delay, and a clock for who takes nothing.
//!
//! A stream cannot see that its reader has stopped: its body is not asked for
//! more then. What waits is the write to the socket, so the clock stands here.
//! It runs while bytes wait and the kernel takes none of them, which it does
//! again once the reader has taken about a third of the buffer.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio::time::sleep;

/// What the kernel may hold for one reader; without a limit a stopped one takes megabytes.
const SEND_BUFFER: usize = 64 * 1024;
/// How long a peer may leave what was sent unacknowledged before it counts as gone.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that is reset when its peer takes no byte for a while although some wait.
pub struct Socket {
    stream: TcpStream,
    stalled_after: Duration,
    /// Runs while a write waits.
    clock: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// Takes over an accepted connection.
    pub fn new(stream: TcpStream, stalled_after: Duration) -> Socket {
        if let Err(error) = set_options(&stream, stalled_after) {
            tracing::debug!(%error, "could not set an option of a socket");
        }
        Socket { stream, stalled_after, clock: None }
    }

    /// What came of a write, or an error when it has waited too long.
    fn timed<T>(&mut self, context: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.clock = None;
            return wrote;
        }
        let limit = self.stalled_after;
        let clock = self.clock.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(clock.as_mut().poll(context));
        tracing::debug!("closing a connection whose reader takes nothing");
        // A reset gives back at once what the kernel holds; a cursor brings it again.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

fn set_options(stream: &TcpStream, stalled_after: Duration) -> io::Result<()> {
    // Without it the first event on a kept connection waits for the client's delayed acknowledgement.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER)?;
    // It counts for a reader who is there and takes nothing, too, and must not end him before his own clock.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT.max(stalled_after)))?;
    #[cfg(not(target_os = "linux"))]
    let _ = stalled_after;
    Ok(())
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timed(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.timed(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
