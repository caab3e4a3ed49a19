//! A relay between any two parties, that makes the way between them worse when told.

use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Unopened;

/// What a relay is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Everything passes at once again.
    Pass,
    /// Each piece waits so long on its way, in both directions.
    Delay(Duration),
    /// So many bytes pass in a second, in each direction of each connection.
    Rate(u64),
    /// Nothing is read and nothing is written; connections stay open.
    Blackhole,
    /// All connections are reset, on both sides.
    Reset,
    /// The side of the client gets a FIN; what it sends still passes.
    HalfClose,
}

impl FromStr for Command {
    type Err = String;

    fn from_str(text: &str) -> Result<Command, String> {
        let mut words = text.split_whitespace();
        let (word, value, more) = (words.next().unwrap_or_default(), words.next(), words.next());
        let known = match (word, value, more) {
            ("pass", None, _) => Some(Command::Pass),
            ("blackhole", None, _) => Some(Command::Blackhole),
            ("reset", None, _) => Some(Command::Reset),
            ("half-close", None, _) => Some(Command::HalfClose),
            ("delay", Some(value), None) => {
                let units = [("ms", 1), ("s", 1000)];
                scaled(value, &units).map(|millis| Command::Delay(Duration::from_millis(millis)))
            }
            ("rate", Some(value), None) => {
                let units = [("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
                scaled(value, &units).filter(|rate| *rate > 0).map(Command::Rate)
            }
            _ => None,
        };
        known.ok_or_else(|| {
            format!(
                "\"{}\" is no command; known: delay 200ms, rate 10KiB, blackhole, reset, half-close, pass",
                text.trim()
            )
        })
    }
}

/// A number with one of these units.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

/// How things pass at present. The two counts rise when something happens to what is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Way {
    delay: Duration,
    rate: Option<u64>,
    is_hole: bool,
    resets: u64,
    half_closes: u64,
}

/// Tells a relay what to do; clones tell the same one.
#[derive(Clone, Debug)]
pub struct Remote(Arc<watch::Sender<Way>>);

impl Remote {
    /// Does it, now.
    pub fn tell(&self, command: Command) {
        self.0.send_modify(|way| match command {
            Command::Pass => (way.delay, way.rate, way.is_hole) = (Duration::ZERO, None, false),
            Command::Delay(delay) => way.delay = delay,
            Command::Rate(rate) => way.rate = Some(rate),
            Command::Blackhole => way.is_hole = true,
            Command::Reset => way.resets += 1,
            Command::HalfClose => way.half_closes += 1,
        });
    }
}

/// A relay that listens, and relays once [`Relay::serve`] is polled.
pub struct Relay {
    listener: TcpListener,
    address: SocketAddr,
    to: String,
    remote: Remote,
    way: watch::Receiver<Way>,
}

impl Relay {
    /// Most bytes under way in one direction of a connection.
    const PIECE: usize = 16 * 1024;

    /// Listens on a loopback address, and relays to `to`, a host and a port.
    pub async fn open(listen: SocketAddr, to: impl Into<String>) -> Result<Relay, Unopened> {
        if !listen.ip().is_loopback() {
            return Err(Unopened::NotLoopback(listen));
        }
        let unheard = |error| Unopened::Listen(listen, error);
        let listener = TcpListener::bind(listen).await.map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        let (sender, way) = watch::channel(Way::default());
        Ok(Relay { listener, address, to: to.into(), remote: Remote(Arc::new(sender)), way })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it is told with.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Relays until told to stop; connections are then dropped as they are.
    pub async fn serve(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((client, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let (to, way, stop) = (self.to.clone(), self.way.clone(), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = relay(client, &to, way) => {}
                }
            });
        }
        tasks.close();
        tasks.wait().await;
    }
}

/// One connection. An error of one side ends both.
async fn relay(client: TcpStream, to: &str, mut way: watch::Receiver<Way>) -> io::Result<()> {
    let before = *way.borrow_and_update();
    let server = TcpStream::connect(to).await;
    let Ok(server) = server else {
        // Nobody there: the client learns it as hard as it would without a relay.
        return client.set_zero_linger();
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (up_way, down_way) = (way.clone(), way.clone());
    let was_reset = {
        let up = pump(from_client, &mut to_server, up_way, None);
        let down = pump(from_server, &mut to_client, down_way, Some(before.half_closes));
        tokio::select! {
            ended = async { tokio::try_join!(up, down) } => { ended?; false }
            changed = way.wait_for(|way| way.resets > before.resets) => changed.is_ok(),
        }
    };
    if was_reset {
        to_client.as_ref().set_zero_linger()?;
        to_server.as_ref().set_zero_linger()?;
        // Dropped as usual they would send a FIN first.
        to_client.forget();
        to_server.forget();
    }
    Ok(())
}

/// One direction; `half_closes` is how often it was closed before, if it can be.
async fn pump(
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut way: watch::Receiver<Way>,
    half_closes: Option<u64>,
) -> io::Result<()> {
    let mut piece = vec![0; Relay::PIECE];
    let mut closing = way.clone();
    loop {
        open(&mut way).await;
        let count = tokio::select! {
            count = from.read(&mut piece) => count?,
            () = closed(&mut closing, half_closes) => return to.shutdown().await,
        };
        if count == 0 {
            return to.shutdown().await;
        }
        let delay = way.borrow().delay;
        tokio::time::sleep(delay).await;
        let mut rest = &piece[..count];
        while !rest.is_empty() {
            let rate = way.borrow().rate;
            // A tenth of a second's worth at a time, so that a new rate is soon felt.
            let most =
                rate.map_or(rest.len(), |rate| usize::try_from(rate / 10).unwrap_or(Relay::PIECE).max(1));
            let (part, after) = rest.split_at(most.min(rest.len()));
            if let Some(rate) = rate {
                tokio::time::sleep(Duration::from_secs_f64(part.len() as f64 / rate as f64)).await;
            }
            open(&mut way).await;
            to.write_all(part).await?;
            rest = after;
        }
    }
}

/// Waits while the way is a hole. Without anybody to change it, it stays one.
async fn open(way: &mut watch::Receiver<Way>) {
    if way.wait_for(|way| !way.is_hole).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Waits until this direction is told to close.
async fn closed(way: &mut watch::Receiver<Way>, before: Option<u64>) {
    let Some(before) = before else { return std::future::pending().await };
    if way.wait_for(|way| way.half_closes > before).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;
    use tokio::time::Instant;

    use super::*;

    /// A server that sends back what it gets, behind a relay, and a client before it.
    async fn echo() -> (TcpStream, Remote, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap().to_string();
        let relay = Relay::open("127.0.0.1:0".parse().unwrap(), to).await.unwrap();
        let (address, remote) = (relay.address(), relay.remote());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let (mut from, mut to) = socket.into_split();
            let _ = tokio::io::copy(&mut from, &mut to).await;
        });
        tasks.spawn(relay.serve(CancellationToken::new()));
        let mut client = TcpStream::connect(address).await.unwrap();
        assert_eq!(said(&mut client, b"hello").await, b"hello");
        (client, remote, tasks)
    }

    async fn said(client: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
        client.write_all(bytes).await.unwrap();
        let mut back = vec![0; bytes.len()];
        client.read_exact(&mut back).await.unwrap();
        back
    }

    #[tokio::test]
    async fn a_delay_and_a_rate_slow_things_down_and_pass_ends_them() {
        let (mut client, remote, _tasks) = echo().await;
        for (command, least) in
            [(Command::Delay(Duration::from_millis(60)), 120), (Command::Rate(10_000), 150)]
        {
            remote.tell(Command::Pass);
            said(&mut client, &[1; 100]).await;
            remote.tell(command);
            let begun = Instant::now();
            said(&mut client, &[7; 2500]).await;
            assert!(begun.elapsed() >= Duration::from_millis(least), "{command:?}");
        }
    }

    #[tokio::test]
    async fn a_hole_swallows_nothing_and_says_nothing() {
        let (mut client, remote, _tasks) = echo().await;
        remote.tell(Command::Blackhole);
        client.write_all(b"lost?").await.unwrap();
        let mut back = [0; 5];
        let silence = tokio::time::timeout(Duration::from_millis(100), client.read_exact(&mut back)).await;
        assert!(silence.is_err());
        remote.tell(Command::Pass);
        client.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"lost?");
    }

    #[tokio::test]
    async fn a_reset_and_a_half_close_are_told_apart() {
        let (mut client, remote, _tasks) = echo().await;
        remote.tell(Command::HalfClose);
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
        client.write_all(b"still heard").await.unwrap();
        let (mut client, remote, _tasks) = echo().await;
        remote.tell(Command::Reset);
        let error = client.read(&mut [0; 9]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn commands_are_read() {
        let cases = [
            ("pass", Some(Command::Pass)),
            (" delay 200ms ", Some(Command::Delay(Duration::from_millis(200)))),
            ("delay 2s", Some(Command::Delay(Duration::from_secs(2)))),
            ("rate 10KiB", Some(Command::Rate(10_240))),
            ("half-close", Some(Command::HalfClose)),
            ("rate 0B", None),
            ("delay", None),
            ("delay 5", None),
            ("reset now", None),
            ("", None),
        ];
        for (text, command) in cases {
            assert_eq!(text.parse::<Command>().ok(), command, "{text}");
        }
    }
}
