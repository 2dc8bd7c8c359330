//! `cargo xtask test`: every check, and a summary.

mod counts;
mod documents;
mod steps;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};

use crate::terminal::{answer, say};
use crate::workspace::Workspace;
pub(crate) use counts::Counts;

/// Run every check: format, clippy, drift, documents, tests, dbt
///
/// All steps run, even after one has failed. The last line counts: `N passed, N failed`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Run only this step; may be given several times
    #[arg(long, value_enum, value_name = "STEP")]
    only: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// `cargo fmt --check`
    Format,
    /// Clippy over the whole workspace; a warning fails
    Clippy,
    /// Files made from the registry are as it says
    Generated,
    /// Documents: links lead somewhere, commands exist
    Documents,
    /// dbt parses the project
    Dbt,
    /// The SQL linter over dbt's models
    Sql,
    /// actionlint, shellcheck, checkov and zizmor over GitHub's workflows and their scripts
    Workflows,
    /// Every Bicep file parses, and checkov finds nothing
    Bicep,
    /// `cargo test` over the whole workspace, with PostgreSQL, dbt, Azurite and Redis
    Rust,
}

/// What a step came to.
struct Outcome {
    step: Step,
    counts: Counts,
    took: Duration,
    error: Option<anyhow::Error>,
}

impl Outcome {
    /// A step that is not a set of tests counts as one.
    fn of(step: Step, took: Duration, result: anyhow::Result<Counts>) -> Self {
        match result {
            Ok(counts) => Self { step, counts, took, error: None },
            Err(error) => {
                let counts = Counts { passed: 0, failed: 1, ignored: 0 };
                Self { step, counts, took, error: Some(error) }
            }
        }
    }
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut outcomes = Vec::new();
    for step in Step::value_variants() {
        if !arguments.only.is_empty() && !arguments.only.contains(step) {
            continue;
        }
        say(format_args!("\n── {} ──", name(*step)));
        let started = Instant::now();
        let result = match step {
            Step::Format => steps::format(workspace).await,
            Step::Clippy => steps::clippy(workspace).await,
            Step::Generated => steps::generated(workspace),
            Step::Documents => steps::documents(workspace),
            Step::Dbt => steps::dbt(workspace).await,
            Step::Sql => steps::sql(workspace).await,
            Step::Workflows => steps::workflows(workspace).await,
            Step::Bicep => steps::bicep(workspace).await,
            Step::Rust => steps::rust(workspace).await,
        };
        let outcome = Outcome::of(*step, started.elapsed(), result);
        if let Some(error) = &outcome.error {
            say(format_args!("error: {error:#}"));
        }
        outcomes.push(outcome);
    }
    Ok(summarise(&outcomes))
}

fn name(step: Step) -> String {
    step.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn summarise(outcomes: &[Outcome]) -> ExitCode {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["step", "passed", "failed", "ignored", "time"]);
    let mut total = Counts::default();
    for Outcome { step, counts, took, .. } in outcomes {
        total = total.plus(*counts);
        table.add_row([
            name(*step),
            counts.passed.to_string(),
            counts.failed.to_string(),
            counts.ignored.to_string(),
            format!("{:.1} s", took.as_secs_f64()),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    answer(format_args!("\n{table}\n"));
    answer(total);
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
