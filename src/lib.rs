//! askstream asks several models at once and streams what happens.
//!
//! The modules stand on four floors and import downwards only; `tests/it/floors.rs` holds the map.

// Words: values, no async, no files, no network.
pub mod ask;
pub mod event;
pub mod failure;
pub mod fault;
pub mod id;
pub mod money;
pub mod panel;

// Parts: one job each.
pub mod answer;
pub mod audit;
pub mod backoff;
pub mod breaker;
pub mod crash;
pub mod journal;
pub mod knowledge;
pub mod merge;
pub mod metrics;
pub mod mock;
pub mod pool;
pub mod provider;
pub mod report;
pub mod sheet;
pub mod store;

// The engine: how queries are run; nothing of HTTP.
pub mod engine;
pub mod runs;

// The edge: axum, the terminal, the environment.
pub mod cli;
pub mod config;
pub mod http;
