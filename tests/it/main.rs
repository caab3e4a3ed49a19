//! The server as strangers meet it: the real binary, real sockets, real time.

// Helpers of tests stand outside of test functions here, and blocking clocks and sockets
// are the point: nothing of the program under test judges it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, clippy::print_stderr)]
#![allow(missing_docs)]

mod harness;

mod asking;
mod audit;
mod bytes;
mod cancel;
mod command;
mod connections;
mod control;
mod floors;
mod history;
mod plan;
mod problems;
mod resume;
mod retry;
mod timing;
mod upstream;
