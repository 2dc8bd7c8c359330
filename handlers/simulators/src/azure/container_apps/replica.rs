//! One run of the image: a child process in a folder of its own.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::TransformJob;

/// What a stopped container has to end by itself.
const GRACE: Duration = Duration::from_secs(30);

/// Where the image finds its programs.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A container: all of its processes end with it.
pub(super) struct Replica {
    child: Child,
    /// The first process, and the group of all, until they are gone.
    group: Option<Pid>,
}

impl Replica {
    /// Runs the image with `environment` in `folder`, where it also prints to `log`.
    pub(super) fn start(
        job: &TransformJob,
        execution: &str,
        environment: Vec<(String, String)>,
        folder: &TempDir,
    ) -> io::Result<Self> {
        let home = folder.path();
        let log = File::create(log_file(home))?;
        let child = Command::new(&job.python)
            .arg(&job.entrypoint)
            .current_dir(home)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", home)
            .env("TMPDIR", home)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUNBUFFERED", "1")
            .envs(job.environment.iter().map(|(name, value)| (name, value)))
            .envs(environment)
            .env("CONTAINER_APP_JOB_NAME", &job.name)
            .env("CONTAINER_APP_JOB_EXECUTION_NAME", execution)
            .env("CONTAINER_APP_REPLICA_NAME", format!("{execution}-x1"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok(Self { child, group })
    }

    /// Waits for the first process; the others end with it.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.kill();
        status
    }

    /// Asks the first process to end, and kills all of them when it does not.
    pub(super) async fn stop(&mut self) {
        let Some(first) = self.group else { return };
        if let Err(error) = kill_process(first, Signal::TERM) {
            tracing::debug!(%error, "it has ended already");
        }
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            tracing::debug!("it did not end when asked to");
        }
        self.kill();
    }

    /// Once: another may be given the number later.
    fn kill(&mut self) {
        if let Some(group) = self.group.take()
            && let Err(error) = kill_process_group(group, Signal::KILL)
        {
            tracing::debug!(%error, "nothing of it was left");
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) fn log_file(folder: &Path) -> std::path::PathBuf {
    folder.join("log")
}
