//! `askstream mock relay`: a way between two parties that can be made worse.

use std::net::SocketAddr;

use clap::Args;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use tokio_util::sync::CancellationToken;

use super::Exit;
use crate::mock::relay::Command;
use crate::mock::relay::Relay;
use crate::mock::relay::Remote;

pub(super) const EXAMPLES: &str = "Commands on standard input, one a line:
  delay 200ms    each piece waits so long, in both directions
  rate 10KiB     so many bytes a second, in each direction of each connection
  blackhole      nothing is read or written; connections stay open
  reset          all connections are reset, on both sides
  half-close     the client's side gets a FIN
  pass           delay, rate and blackhole end

Example:
  (sleep 5; echo blackhole; sleep 30; echo pass; sleep 60) | askstream mock relay --to 127.0.0.1:6379";

/// Between whom.
#[derive(Args, Debug)]
pub(super) struct RelayArgs {
    /// Address to listen on; loopback only, port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to, as host:port.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
}

/// Relays until somebody stops it. The end of the commands is not the end of the relay.
pub(super) fn run(args: RelayArgs) -> Exit {
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let exit = runtime.block_on(relay(args));
    // Standard input is read by a thread that nobody can wake.
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    exit
}

async fn relay(args: RelayArgs) -> Exit {
    let relay = match Relay::open(args.listen, args.to).await {
        Ok(relay) => relay,
        Err(why) => return super::mock::refuse(&why),
    };
    println!("{}", relay.address());
    let (remote, stop) = (relay.remote(), CancellationToken::new());
    tokio::select! {
        () = relay.serve(stop) => {}
        () = obey(&remote) => {}
        () = super::serve::signalled(false) => {}
    }
    Exit::Complete
}

/// Passes commands on; never ends.
async fn obey(remote: &Remote) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match line.parse::<Command>() {
            Ok(command) => remote.tell(command),
            Err(_) if line.trim().is_empty() => {}
            Err(why) => eprintln!("error: {why}"),
        }
    }
    std::future::pending().await
}
