//! The `askstream` command.
fn main() {}
