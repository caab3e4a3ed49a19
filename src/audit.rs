//! The checks without AI.

/// What the checks read and found.
#[derive(Debug)]
pub struct Checked;
