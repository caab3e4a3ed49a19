//! A query's prompt.

/// A compiled prompt.
#[derive(Clone, Debug)]
pub struct Prompt;
