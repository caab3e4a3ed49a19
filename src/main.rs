//! The `askstream` command: see [`askstream::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    askstream::cli::main()
}
