//! askstream asks several models at once and streams what happens.
//!
//! The modules stand on four floors and import downwards only; `tests/it/floors.rs` holds the map.

pub mod audit;
pub mod failure;
pub mod id;
pub mod sheet;
