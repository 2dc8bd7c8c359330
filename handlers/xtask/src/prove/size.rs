//! P6: the size of the binary, and the memory that it holds while nothing happens.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{Effort, Figure};
use crate::cargo::{Profile, build, pick};
use crate::deployment::{Deployment, Passwords, database_settings};
use crate::http_client::Api;
use crate::postgres::{Cluster, Kind, Place, free_port};
use crate::process::memory_now_mb;
use crate::workspace::Workspace;

/// Binary and idle memory, in MB (10⁶ bytes).
const FLOOR: (u64, u64) = (40, 60);
const GOAL: (u64, u64) = (25, 30);

const DATABASE: &str = "marketing_iq";
const PATIENCE: Duration = Duration::from_secs(30);

/// How long nothing happens before the memory is read.
const IDLE: Duration = Duration::from_secs(2);

pub(super) async fn prove(workspace: &Workspace, effort: Effort) -> anyhow::Result<Figure> {
    let executables = build(workspace, Profile::Release, &["marketing-iq"]).await?;
    let executable = pick(&executables, "marketing-iq")?;
    let bytes = fs::metadata(&executable).context("the binary was just built")?.len();
    let size = bytes.div_ceil(1_000_000);

    let place = Place::choose(workspace)?;
    let passwords = Passwords::draw();
    let cluster =
        Cluster::start(workspace, &place, "prove", Kind::ThrownAway, &passwords.owner).await?;
    cluster.create_database(DATABASE).await?;
    let folder = workspace.home.join("prove");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut settings = database_settings(&cluster, DATABASE, &passwords).to_vec();
    settings.push(("MIQ_DATA_DIR", folder.join("data").display().to_string()));
    let deployment = Deployment { executable, settings, folder };
    deployment.migrate().await?;

    let port = free_port()?;
    let mut handler = deployment.functions(port)?;
    let api = Api::new(format!("http://127.0.0.1:{port}"))?;
    let deadline = Instant::now() + PATIENCE;
    // Healthy, so with its connections open: a handler without settings would hold less.
    while !api.is_healthy().await {
        handler.check_alive()?;
        if Instant::now() > deadline {
            bail!("marketing-iq functions is not healthy");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
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
