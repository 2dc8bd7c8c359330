//! dbt Core as a child process.
//!
//! **Invariant:** dbt does not outlive whoever waits for it. A shell stands between the two and
//! reads a pipe of which this process holds the other end: once that closes, because the build
//! was dropped, timed out, or this process was killed, the shell ends the whole process group.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{BoxError, BuildReport, StoreError, Transformer};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use url::Url;

use super::dbt_results::Ended;

/// Kept of what dbt prints, for the operator.
const TAIL: usize = 4 * 1024;

/// Runs its arguments, and ends the process group when its standard input does.
const SUPERVISE: &str = r#"exec 3<&0 </dev/null
{ cat <&3; kill -KILL 0; } >/dev/null 2>&1 &
exec 3<&-
"$@""#;

/// Where dbt signs in, as its profile reads it from the environment.
#[derive(Clone, Debug)]
pub struct DbtConnection {
    host: String,
    port: u16,
    user: String,
    password: SecretString,
    database: String,
}

impl DbtConnection {
    /// From the transform role's `postgres://role:password@host:port/database`.
    pub fn from_url(url: &SecretString) -> Result<Self, StoreError> {
        let invalid = || {
            StoreError::Invalid(
                "the transform role's database URL is not of the form \
                 postgres://role:password@host:port/database"
                    .to_owned(),
            )
        };
        let url = Url::parse(url.expose_secret()).map_err(|_| invalid())?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let database = decoded(url.path().trim_start_matches('/'));
        if database.is_empty() || !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(invalid());
        }
        Ok(Self {
            host: decoded(url.host_str().ok_or_else(invalid)?),
            port: url.port().unwrap_or(5432),
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()).into(),
            database,
        })
    }
}

/// How to run dbt.
#[derive(Clone, Debug)]
pub struct DbtProcess {
    /// The `dbt` executable.
    pub dbt: PathBuf,
    /// The folder of `dbt_project.yml` and `profiles.yml`.
    pub project_dir: PathBuf,
    /// Where its `target` and `logs` go; made if absent.
    pub work_dir: PathBuf,
    pub connection: DbtConnection,
    /// All that dbt sees of this process's environment: it has no business with the other
    /// roles' URLs or the platforms' secrets.
    pub environment: Vec<(String, String)>,
    /// After this the build is stopped.
    pub timeout: Duration,
}

#[async_trait]
impl Transformer for DbtProcess {
    #[tracing::instrument(skip(self))]
    async fn build(
        &self,
        published_change: i64,
        through_change: i64,
    ) -> Result<BuildReport, StoreError> {
        let target = self.work_dir.join("target");
        let results = target.join("run_results.json");
        tokio::fs::create_dir_all(&target).await.map_err(not_run)?;
        // What an earlier build left must not pass for this one's.
        match tokio::fs::remove_file(&results).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(not_run(error));
            }
            _ => {}
        }
        let (status, tail) =
            tokio::time::timeout(self.timeout, self.run(published_change, through_change))
                .await
                .map_err(|_| not_run(format!("it did not end within {:?}", self.timeout)))??;
        let results = tokio::fs::read(&results).await.ok();
        Ended { exit_code: status.code(), results, output: tail }.report().map_err(not_run)
    }
}

impl DbtProcess {
    async fn run(
        &self,
        published_change: i64,
        through_change: i64,
    ) -> Result<(ExitStatus, String), StoreError> {
        let mut child = self.spawn(published_change, through_change).map_err(|error| {
            not_run(format!("{} could not be started: {error}", self.dbt.display()))
        })?;
        // Held until the end: closing it stops dbt.
        let lifeline = child.stdin.take();
        let stdout = child.stdout.take().expect("it was asked for");
        let stderr = child.stderr.take().expect("it was asked for");
        let (status, out, err) =
            tokio::try_join!(child.wait(), tail_of(stdout), tail_of(stderr)).map_err(not_run)?;
        drop(lifeline);
        let printed = [out, err].concat();
        Ok((status, String::from_utf8_lossy(&printed).trim().to_owned()))
    }

    /// The changes go by the environment: with other `--vars` dbt would read the whole project
    /// anew each time.
    fn spawn(&self, published_change: i64, through_change: i64) -> std::io::Result<Child> {
        let connection = &self.connection;
        Command::new("sh")
            .args(["-c", SUPERVISE, "dbt"])
            .arg(&self.dbt)
            .args(["build", "--exclude-resource-type", "unit_test", "--no-use-colors"])
            .arg("--project-dir")
            .arg(&self.project_dir)
            .arg("--profiles-dir")
            .arg(&self.project_dir)
            .arg("--target-path")
            .arg(self.work_dir.join("target"))
            .arg("--log-path")
            .arg(self.work_dir.join("logs"))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("MIQ_DBT_PUBLISHED_CHANGE", published_change.to_string())
            .env("MIQ_DBT_THROUGH_CHANGE", through_change.to_string())
            .env("MIQ_DBT_HOST", &connection.host)
            .env("MIQ_DBT_PORT", connection.port.to_string())
            .env("MIQ_DBT_USER", &connection.user)
            .env("MIQ_DBT_PASSWORD", connection.password.expose_secret())
            .env("MIQ_DBT_DATABASE", &connection.database)
            .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }
}

/// Reads to the end, and keeps the last of it.
async fn tail_of(mut output: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut tail = Vec::with_capacity(2 * TAIL);
    loop {
        if output.read_buf(&mut tail).await? == 0 {
            tail.drain(..tail.len().saturating_sub(TAIL));
            return Ok(tail);
        }
        if tail.len() > TAIL {
            tail.drain(..tail.len() - TAIL);
        }
    }
}

fn not_run(error: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable { what: "dbt", source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_decoded() {
        let url = SecretString::from("postgres://miq_transform:p%40ss@db.example:6543/miq");
        let connection = DbtConnection::from_url(&url).unwrap();
        assert_eq!(connection.host, "db.example");
        assert_eq!(connection.port, 6543);
        assert_eq!(connection.password.expose_secret(), "p@ss");
        assert_eq!(connection.database, "miq");
        assert!(!format!("{connection:?}").contains("p@ss"));
    }

    #[test]
    fn a_url_without_a_database_is_refused() {
        for url in ["postgres://u:p@h", "mysql://u:p@h/d", "hunter2"] {
            let error = DbtConnection::from_url(&SecretString::from(url)).unwrap_err();
            assert!(matches!(error, StoreError::Invalid(_)), "{url}");
        }
    }

    #[tokio::test]
    async fn only_the_end_of_a_long_output_is_kept() {
        let long = [vec![b'a'; 100_000], b"the end".to_vec()].concat();
        let tail = tail_of(long.as_slice()).await.unwrap();
        assert_eq!(tail.len(), TAIL);
        assert!(tail.ends_with(b"the end"));
    }
}
