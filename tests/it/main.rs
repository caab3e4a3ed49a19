//! The server as strangers meet it: the real binary, real sockets, real time.

// Helpers of tests stand outside of test functions here, and blocking clocks and sockets
// are the point: nothing of the program under test judges it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, clippy::print_stderr)]
#![allow(missing_docs)]

mod harness;

mod asking;
mod audit;
mod below;
mod boq;
mod bytes;
mod cancel;
mod check;
mod client_rows;
mod command;
mod compare;
mod connections;
mod control;
mod council;
mod crash;
mod crowd;
mod doctor;
mod export;
mod features;
mod floors;
mod frames;
mod half_open;
mod history;
mod kill;
mod knowledge;
mod lab;
mod logs;
mod modes;
mod money;
mod nonsense;
mod origins;
mod parts;
mod plan;
mod prefer;
mod problems;
mod providers;
mod reload;
mod resume;
mod retry;
mod seams;
mod shutdown;
mod storage;
mod timing;
mod upstream;
