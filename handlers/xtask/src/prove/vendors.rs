//! D6: the vendors' own clients on the simulators' payloads.

use std::process::Command;

use anyhow::bail;

use super::Figure;
use crate::cargo::{Profile, build, pick};
use crate::process;
use crate::provision;
use crate::simulators::Simulators;
use crate::terminal::answer;
use crate::workspace::Workspace;

/// How much history the simulators tell of.
const DAYS: u32 = 30;

pub(super) async fn prove(workspace: &Workspace) -> anyhow::Result<Figure> {
    let python = provision::vendors(workspace).await?;
    let executables = build(workspace, Profile::Dev, &["simulators"]).await?;
    let simulators = Simulators::start(&pick(&executables, "simulators")?, None, DAYS).await?;
    let mut command = Command::new(python);
    command
        .arg(workspace.path("tests/vendors/check_payloads.py"))
        .args(["--base-url", simulators.base()])
        .current_dir(&workspace.root);
    let (status, output) = process::capture("check_payloads.py", command).await?;
    answer(output.trim_end());
    let Some(last) = output.lines().rfind(|line| !line.trim().is_empty()) else {
        bail!("the check said nothing ({status})");
    };
    // Its last line is `{"payloads": 100}`.
    let payloads = serde_json::from_str::<serde_json::Value>(last)
        .ok()
        .and_then(|counted| counted["payloads"].as_u64());
    let text = match payloads {
        Some(payloads) => format!("{payloads} payloads parse with the vendors' own classes"),
        None => last.trim().to_owned(),
    };
    Ok(Figure { text, reached: status.success() && payloads.is_some_and(|payloads| payloads > 0) })
}
