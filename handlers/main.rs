//! Wiring only: which command, which settings, which backends.

mod commands;
mod logging;
mod settings;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

use commands::Cli;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
