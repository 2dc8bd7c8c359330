//! `cargo xtask`: every developer command of Marketing IQ.

mod cargo;
mod demo;
mod deployment;
mod generate;
mod http_client;
mod interrupt;
mod package;
mod postgres;
mod process;
mod prove;
mod provision;
mod services;
mod simulators;
mod terminal;
mod test;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use interrupt::{Interrupt, Interrupted};
use terminal::say;
use workspace::Workspace;

/// Every developer command of Marketing IQ.
///
/// Each provisions what it needs by itself, from locks with hashes, into `.miq/` of the
/// repository: a Python 3.10 to 3.13 and a C compiler are all that must be there. PostgreSQL,
/// Node.js and Redis are taken from this machine if it has them, and installed beside the rest if
/// not.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    max_term_width = 100,
    after_help = "Start here:\n  \
                  cargo xtask demo            see the whole system at work\n  \
                  cargo xtask test            run every check\n  \
                  cargo xtask package         build the zip that Azure Functions runs\n  \
                  cargo xtask prove --list    what the system must reach, and how far it is"
)]
struct Cli {
    /// Where everything is kept that these commands make [default: .miq in the repository]
    #[arg(long, global = true, env = "MIQ_HOME", value_name = "FOLDER")]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Test(test::Arguments),
    Prove(prove::Arguments),
    Package(package::Arguments),
    Generate(generate::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => {
            say("Stopped.");
            // 128 + SIGINT, as shells report it.
            ExitCode::from(130)
        }
        Err(error) => {
            say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find(cli.home)?;
    let interrupt = Interrupt::listen()?;
    match cli.command {
        Command::Demo(arguments) => demo::run(&workspace, &arguments, &interrupt).await,
        Command::Test(arguments) => interrupt.unless(test::run(&workspace, &arguments)).await,
        Command::Prove(arguments) => interrupt.unless(prove::run(&workspace, &arguments)).await,
        Command::Package(arguments) => interrupt.unless(package::run(&workspace, &arguments)).await,
        Command::Generate(arguments) => generate::run(&workspace, &arguments),
    }
}
