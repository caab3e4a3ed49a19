//! askstream asks several models at once and streams what happens.
//!
//! The modules stand on four floors and import downwards only; `tests/it/floors.rs` holds the map.

pub mod ask;
pub mod audit;
pub mod event;
pub mod failure;
pub mod fault;
pub mod id;
pub mod journal;
pub mod panel;
pub mod provider;
pub mod store;
