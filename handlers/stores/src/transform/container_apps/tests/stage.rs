//! A database, the job's platform with what stands in for its image, and the backend before it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use simulators::azure::{Authority, ContainerApps, Status, TransformJob};
use sqlx::PgPool;
use tempfile::TempDir;

use crate::AzureIdentity;
use crate::testing::TestDatabase;
use crate::transform::container_apps::{ContainerAppsConfig, ContainerAppsJob, ContainerAppsJobId};

/// How long anything that is waited for may take before a test fails.
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) struct Stage {
    pub(super) database: TestDatabase,
    pub(super) platform: ContainerApps,
    pub(super) folder: TempDir,
}

/// Reports a green build, with the functions of the image's own entry point.
pub(super) const GREEN: &str = r#"
database = run_build.connection(os.environ["MIQ_DATABASE_TRANSFORM_URL"])
name = os.environ["CONTAINER_APP_JOB_EXECUTION_NAME"]
run_build.report(database, name, 0, '{"results": []}', b"")
"#;

/// Runs until it is stopped.
pub(super) const ENDLESS: &str = "time.sleep(3600)\n";

impl Stage {
    /// The image's own entry point, over the real project.
    pub(super) async fn real() -> Self {
        Self::running(|_| (python(), project().join("container/run_build.py"))).await
    }

    /// The image's own entry point, over a project that has nothing but these files.
    pub(super) async fn project(files: &[(&str, &str)]) -> Self {
        Self::running(|folder| {
            for name in ["dbt_project.yml", "profiles.yml", "container/run_build.py"] {
                copy(&project().join(name), &folder.join(name));
            }
            for entry in fs::read_dir(project().join("macros")).unwrap() {
                let entry = entry.unwrap();
                copy(&entry.path(), &folder.join("macros").join(entry.file_name()));
            }
            for (name, text) in files {
                write(&folder.join(name), text);
            }
            (python(), folder.join("container/run_build.py"))
        })
        .await
    }

    /// An entry point that does this, with `folder` as the test's own.
    pub(super) async fn script(body: &str) -> Self {
        Self::running(|folder| {
            let script = folder.join("script.py");
            let container = project().join("container");
            let preamble = format!(
                "import os, sys, time\nfrom pathlib import Path\nsys.path.insert(0, {container:?})\n\
                 import run_build\nfolder = Path({folder:?})\n"
            );
            write(&script, &format!("{preamble}{body}"));
            (python(), script)
        })
        .await
    }

    /// The image is what `image` makes in a folder: a Python, and the program that it runs.
    pub(super) async fn running(image: impl FnOnce(&Path) -> (PathBuf, PathBuf)) -> Self {
        let database = TestDatabase::new().await;
        let folder = TempDir::new().unwrap();
        let (python, entrypoint) = image(folder.path());
        let authority = Authority::open_or_create(&provided("MIQ_TEST_CA_DIR")).unwrap();
        let job = TransformJob {
            name: "miq-dbt".to_owned(),
            python,
            entrypoint,
            database_url: database.urls().transform.expose_secret().to_owned(),
            environment: Vec::new(),
            replica_timeout: PATIENCE,
        };
        let platform = ContainerApps::start(&authority, job).await.unwrap();
        Self { database, platform, folder }
    }

    pub(super) fn job(&self) -> ContainerAppsJob {
        self.job_within(PATIENCE)
    }

    pub(super) fn job_within(&self, timeout: Duration) -> ContainerAppsJob {
        self.job_reporting_to(timeout, self.database.transform().clone())
    }

    pub(super) fn job_reporting_to(&self, timeout: Duration, reports: PgPool) -> ContainerAppsJob {
        let config = ContainerAppsConfig {
            job: ContainerAppsJobId::parse(&self.platform.job_id()).unwrap(),
            management_url: self.platform.management_url(),
            timeout,
        };
        ContainerAppsJob::new(&AzureIdentity::managed(None).unwrap(), config, reports).unwrap()
    }

    /// The state of every execution, oldest first.
    pub(super) fn states(&self) -> Vec<Status> {
        self.platform.executions().iter().map(|execution| execution.status).collect()
    }

    pub(super) async fn until_states(&self, expected: &[Status]) {
        self.until(|| self.states() == expected).await;
    }

    pub(super) async fn until(&self, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "the executions are {:?}", self.states());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// An error with its sources, as the log shows it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

pub(super) fn project() -> PathBuf {
    provided("MIQ_TEST_DBT_PROJECT")
}

/// The Python beside dbt.
pub(super) fn python() -> PathBuf {
    provided("MIQ_TEST_DBT").with_file_name("python")
}

pub(super) fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "tests have no settings of their own")]
fn provided(name: &str) -> PathBuf {
    let value = std::env::var(name);
    value.unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`")).into()
}
