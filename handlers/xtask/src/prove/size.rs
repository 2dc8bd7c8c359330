//! P6: the size of the binary, and the memory that it holds while nothing happens.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::startup::{answers, functions};
use super::{Effort, Figure};
use crate::cargo::{Profile, build, pick};
use crate::postgres::free_port;
use crate::process::{Owned, memory_now_mb};
use crate::workspace::Workspace;

/// Binary and idle memory, in MB (10⁶ bytes).
const FLOOR: (u64, u64) = (40, 60);
const GOAL: (u64, u64) = (25, 30);

/// How long nothing happens before the memory is read.
const IDLE: Duration = Duration::from_secs(2);

pub(super) async fn prove(workspace: &Workspace, effort: Effort) -> anyhow::Result<Figure> {
    let executables = build(workspace, Profile::Release, &["marketing-iq"]).await?;
    let executable = pick(&executables, "marketing-iq")?;
    let bytes = fs::metadata(&executable).context("the binary was just built")?.len();
    let size = bytes.div_ceil(1_000_000);

    let port = free_port()?;
    let mut command = functions(&executable, port);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut handler = Owned::spawn("marketing-iq functions", command)?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !answers(port) {
        handler.check_alive()?;
        if Instant::now() > deadline {
            bail!("marketing-iq functions did not answer GET /");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(IDLE).await;
    let memory = memory_now_mb(handler.pid())
        .context("this system does not tell a process's memory in /proc: use Linux")?;
    let asked = if effort.goal { GOAL } else { FLOOR };
    Ok(Figure {
        text: format!(
            "binary {size} MB (at most {}); idle memory {memory} MB (at most {})",
            asked.0, asked.1
        ),
        reached: size <= asked.0 && memory <= asked.1,
    })
}
