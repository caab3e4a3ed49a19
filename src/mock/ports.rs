//! Addresses that do not answer: one that refuses, one whose queue is full.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;

/// A port that is taken, and on which nobody listens: connections are refused.
pub struct ClosedPort {
    _socket: TcpSocket,
    address: SocketAddr,
}

impl ClosedPort {
    /// Takes a free port of the loopback address.
    pub fn open() -> io::Result<ClosedPort> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = socket.local_addr()?;
        Ok(ClosedPort { _socket: socket, address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A port whose queue of connections is full, and that never accepts one: connecting hangs.
///
/// So it is on Linux; elsewhere connections may be refused instead.
pub struct FullPort {
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
    address: SocketAddr,
}

impl FullPort {
    /// A connection that takes longer finds the queue full.
    const FULL: Duration = Duration::from_millis(150);
    /// Connections that are tried; a queue of one is full after two or three.
    const MOST: usize = 16;

    /// Listens on a free port of the loopback address, and fills its queue.
    pub async fn open() -> io::Result<FullPort> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(1)?;
        let address = listener.local_addr()?;
        let mut queue = Vec::new();
        while queue.len() < FullPort::MOST {
            match tokio::time::timeout(FullPort::FULL, TcpStream::connect(address)).await {
                Ok(connected) => queue.push(connected?),
                Err(_) => break,
            }
        }
        Ok(FullPort { _listener: listener, _queue: queue, address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let port = ClosedPort::open().unwrap();
        let error = TcpStream::connect(port.address()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_port_never_accepts() {
        let port = FullPort::open().await.unwrap();
        let connecting = TcpStream::connect(port.address());
        assert!(tokio::time::timeout(Duration::from_millis(300), connecting).await.is_err());
    }
}
