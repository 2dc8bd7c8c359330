//! The steps of `cargo xtask test`, one function each.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::counts::Counts;
use super::documents;
use crate::cargo::{cargo, executables, pick};
use crate::services::{STAND_INS, Services};
use crate::terminal::{answer, say};
use crate::workspace::Workspace;
use crate::{generate, process, provision};

pub(super) async fn format(workspace: &Workspace) -> anyhow::Result<Counts> {
    let mut command = cargo(workspace);
    command.args(["fmt", "--all", "--check"]);
    must_succeed("cargo fmt --all --check", command).await
}

pub(super) async fn clippy(workspace: &Workspace) -> anyhow::Result<Counts> {
    let mut command = cargo(workspace);
    command.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    must_succeed("cargo clippy", command).await
}

pub(super) fn generated(workspace: &Workspace) -> anyhow::Result<Counts> {
    let drift = generate::check(workspace)?;
    if drift.is_empty() {
        return Ok(Counts::ONE_PASSED);
    }
    bail!("{}; run `cargo xtask generate`", drift.join("; "))
}

pub(super) fn documents(workspace: &Workspace) -> anyhow::Result<Counts> {
    let faults = documents::check(&workspace.root)?;
    if faults.is_empty() {
        return Ok(Counts::ONE_PASSED);
    }
    for fault in &faults {
        say(fault);
    }
    bail!("{} faults in documents", faults.len())
}

/// Every model, test and macro compiles to a graph; no database is needed for that.
pub(super) async fn dbt(workspace: &Workspace) -> anyhow::Result<Counts> {
    let dbt = provision::dbt(workspace).await?;
    let target = workspace.home.join("dbt-parse");
    let mut command = Command::new(&dbt.executable);
    command
        .args(["parse", "--no-partial-parse", "--warn-error", "--project-dir"])
        .arg(&dbt.project)
        .arg("--profiles-dir")
        .arg(&dbt.project)
        .arg("--target-path")
        .arg(&target)
        .arg("--log-path")
        .arg(&target)
        .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        .current_dir(&workspace.root);
    for (name, value) in PARSE_SETTINGS {
        command.env(name, value);
    }
    must_succeed("dbt parse", command).await
}

/// The profile reads these; parsing connects to nothing.
const PARSE_SETTINGS: [(&str, &str); 5] = [
    ("MIQ_DBT_HOST", "127.0.0.1"),
    ("MIQ_DBT_PORT", "5432"),
    ("MIQ_DBT_USER", "nobody"),
    ("MIQ_DBT_PASSWORD", "none"),
    ("MIQ_DBT_DATABASE", "none"),
];

pub(super) async fn sql(workspace: &Workspace) -> anyhow::Result<Counts> {
    let mut command = Command::new(provision::linter(workspace, "sqlfluff").await?);
    command
        .args(["lint", "--disable-progress-bar", "--dialect", "postgres", "models"])
        // Its settings lie beside the project.
        .current_dir(workspace.path("dbt"));
    must_succeed("sqlfluff lint", command).await
}

/// GitHub's workflows and their scripts, by linters that need no network.
pub(super) async fn workflows(workspace: &Workspace) -> anyhow::Result<Counts> {
    let shellcheck = provision::linter(workspace, "shellcheck").await?;
    let mut command = Command::new(provision::linter(workspace, "actionlint").await?);
    // It hands the scripts within workflows over.
    command.arg("-shellcheck").arg(&shellcheck).current_dir(&workspace.root);
    let counts = must_succeed("actionlint", command).await?;
    let mut command = Command::new(shellcheck);
    command.arg(".ci/run").args(scripts(workspace)?).current_dir(&workspace.root);
    let counts = counts.plus(must_succeed("shellcheck", command).await?);
    let mut command = Command::new(provision::checkov(workspace).await?);
    command
        .args(["--directory", ".github/workflows", "--framework", "github_actions"])
        .args(["--skip-download", "--compact", "--quiet"])
        .current_dir(&workspace.root);
    let counts = counts.plus(must_succeed("checkov", command).await?);
    let zizmor = provision::linter(workspace, "zizmor").await?;
    if !zizmor.exists() {
        say("zizmor needs Python 3.11 or newer; the workflows were linted without it.");
        return Ok(counts);
    }
    let mut command = Command::new(zizmor);
    command.args(["--offline", ".github/workflows"]).current_dir(&workspace.root);
    Ok(counts.plus(must_succeed("zizmor", command).await?))
}

/// What the workflows run that is longer than a line or two.
fn scripts(workspace: &Workspace) -> anyhow::Result<Vec<PathBuf>> {
    let folder = workspace.root.join(".github/scripts");
    let files = std::fs::read_dir(&folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let files = files.into_iter().map(|file| file.path());
    Ok(files.filter(|file| file.extension().is_some_and(|end| end == "sh")).collect())
}

/// Every Bicep file parses, and breaks none of checkov's rules but those that its settings name.
pub(super) async fn bicep(workspace: &Workspace) -> anyhow::Result<Counts> {
    let mut command = Command::new(provision::linter(workspace, "python").await?);
    command.arg("infra-bicep/check_syntax.py").current_dir(&workspace.root);
    let counts = must_succeed("infra-bicep/check_syntax.py", command).await?;
    let mut command = Command::new(provision::checkov(workspace).await?);
    command
        .args(["--directory", "infra-bicep", "--framework", "bicep", "--skip-download"])
        .args(["--config-file", "infra-bicep/.checkov.yaml", "--compact", "--quiet"])
        .current_dir(&workspace.root);
    Ok(counts.plus(must_succeed("checkov", command).await?))
}

/// All tests of the workspace, against services begun anew and the real dbt.
pub(super) async fn rust(workspace: &Workspace) -> anyhow::Result<Counts> {
    // Tests are built with the programs beside them; the stand-ins among these come first.
    let mut command = cargo(workspace);
    command.args(["test", "--workspace", "--no-run"]);
    let built = executables("cargo test --no-run", command).await?;
    let services = Services::start(workspace, &pick(&built, STAND_INS)?).await?;
    let mut command = cargo(workspace);
    command.args(["test", "--workspace", "--no-fail-fast"]);
    services.announce(&mut command);
    let mut counts = Counts::default();
    let mut binaries = 0;
    let status = process::each_line("cargo test", command, |line| {
        answer(line);
        if let Some(more) = Counts::of_cargo_line(line) {
            counts = counts.plus(more);
            binaries += 1;
        }
    })
    .await?;
    if !status.success() && counts.failed == 0 {
        bail!("cargo test failed ({status}) after {binaries} test binaries");
    }
    Ok(counts)
}

async fn must_succeed(name: &str, mut command: Command) -> anyhow::Result<Counts> {
    command.stdin(Stdio::null());
    let status = process::run(name, command).await?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(Counts::ONE_PASSED)
}
