//! The harness: a real server, fake providers and a client that reads bytes.
//!
//! Plain threads and blocking sockets, so that nothing of the program under
//! test (runtime, HTTP, SSE) is used to judge it.

pub mod client;
pub mod contract;
pub mod fake;
pub mod lab;
pub mod panel;
pub mod preload;
pub mod server;
pub mod survivor;
pub mod temp;

use std::time::Duration;
use std::time::Instant;

pub use client::Event;
pub use client::Reply;
pub use client::Socket;
pub use client::Stream;
pub use contract::assert_contract;
pub use contract::completed;
pub use contract::named;
pub use fake::Answer;
pub use fake::Fake;
pub use lab::Lab;
pub use panel::Panel;
pub use server::Server;
pub use server::Setup;

/// What nothing ever takes, not even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until something holds.
pub fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// Milliseconds as a duration.
pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
