//! D5, F1, F3, B3, A1: rows that integration tests prove, in their long form.

use anyhow::bail;

use super::{Effort, Figure};
use crate::cargo::{Profile, build, cargo, pick};
use crate::process;
use crate::services::{STAND_INS, Services};
use crate::terminal::answer;
use crate::test::Counts;
use crate::workspace::Workspace;

pub(super) async fn prove(
    workspace: &Workspace,
    effort: Effort,
    id: &str,
    filter: &str,
) -> anyhow::Result<Figure> {
    let executables = build(workspace, Profile::Dev, &["simulators"]).await?;
    let services = Services::start(workspace, &pick(&executables, STAND_INS)?).await?;
    let mut command = cargo(workspace);
    command.args([
        "test",
        "--package",
        "marketing-iq",
        "--test",
        "it",
        "--",
        filter,
        "--nocapture",
    ]);
    services.announce(&mut command);
    // A proof is the row's full form; `cargo xtask test` runs a short one.
    let cases = effort.cases.or(match id {
        "F1" => Some(200),
        "D5" => Some(20),
        _ => None,
    });
    if let Some(cases) = cases {
        command.env("MIQ_CASES", cases.to_string());
    }
    if let Some(seconds) = effort.seconds.or((id == "F3").then_some(60)) {
        command.env("MIQ_SECONDS", seconds.to_string());
    }
    let marker = format!("{}: ", id.to_ascii_lowercase());
    let mut figures = Vec::new();
    let mut counts = Counts::default();
    let status = process::each_line("cargo test", command, |line| {
        answer(line);
        if let Some(at) = line.find(&marker) {
            figures.push(line[at + marker.len()..].to_owned());
        }
        if let Some(more) = Counts::of_cargo_line(line) {
            counts = counts.plus(more);
        }
    })
    .await?;
    if counts.passed + counts.failed == 0 {
        bail!("no test ran ({status})");
    }
    figures.push(counts.to_string());
    Ok(Figure { text: figures.join("; "), reached: status.success() && counts.failed == 0 })
}
