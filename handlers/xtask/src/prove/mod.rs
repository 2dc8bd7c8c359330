//! `cargo xtask prove`: the rows of docs/targets.md as commands.

mod bare_root;
mod door;
mod integration;
mod package;
mod size;
mod startup;
mod targets;
mod vendors;

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use comfy_table::{Table, presets};

use crate::terminal::answer;
use crate::workspace::Workspace;
use targets::{Proof, TARGETS, Target};

/// Measure what the system must reach, one row of docs/targets.md at a time
///
/// The last line is the figure. The exit code is 0 only if the floor (or, with --goal, the goal)
/// is reached; a row that is not built yet fails and says so.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Which row, such as P5
    #[arg(required_unless_present = "list", ignore_case = true)]
    id: Option<String>,
    /// Ask for the goal instead of the floor
    #[arg(long)]
    goal: bool,
    /// List all rows, and which of them are built
    #[arg(long, conflicts_with = "id")]
    list: bool,
    /// How many cases to try, where a proof tries cases
    #[arg(long, value_name = "N")]
    cases: Option<u64>,
    /// How long to go on, where a proof takes as long as it is given
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
}

/// What a proof came to.
#[derive(Debug)]
struct Figure {
    /// With its unit and what it is asked to be.
    text: String,
    reached: bool,
}

/// How hard to try, and against which figure.
#[derive(Clone, Copy, Debug)]
struct Effort {
    goal: bool,
    cases: Option<u64>,
    seconds: Option<u64>,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.list {
        answer(list());
        return Ok(ExitCode::SUCCESS);
    }
    let id = arguments.id.as_deref().unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.id.eq_ignore_ascii_case(id)) else {
        bail!("there is no {id}: `cargo xtask prove --list` names all");
    };
    let effort =
        Effort { goal: arguments.goal, cases: arguments.cases, seconds: arguments.seconds };
    let figure = match target.proof {
        Proof::NotBuilt => bail!("{} is not built yet: {}", target.id, target.work),
        Proof::Startup => startup::prove(workspace, effort).await?,
        Proof::Size => size::prove(workspace, effort).await?,
        Proof::Package => package::prove(workspace, effort).await?,
        Proof::Tests(filter) => integration::prove(workspace, effort, target.id, filter).await?,
        Proof::Vendors => vendors::prove(workspace).await?,
    };
    let verdict = if figure.reached { "reached" } else { "NOT reached" };
    answer(format_args!("{}: {} — {verdict}", target.id, figure.text));
    Ok(if figure.reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list() -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["id", "built", "work", "floor", "goal"]);
    for Target { id, work, floor, goal, proof } in TARGETS {
        let built = if matches!(proof, Proof::NotBuilt) { "no" } else { "yes" };
        table.add_row([*id, built, work, floor, goal]);
    }
    let built = TARGETS.iter().filter(|t| !matches!(t.proof, Proof::NotBuilt)).count();
    let mut text = table.to_string();
    write!(text, "\n\n{built} of {} are built", TARGETS.len())
        .expect("a string takes what is written to it");
    text
}
