//! A data folder and the server that runs on it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::Signal;

use super::Place;
use super::programs::Programs;
use crate::process::{Owned, end_of, log_file, run_logged};
use crate::terminal::say;
use crate::workspace::{Lock, Workspace, remove_folder, write_private};

/// How long the server may take until it takes connections.
const PATIENCE: Duration = Duration::from_mins(1);

/// The superuser, who owns what migrations make.
const OWNER: &str = "miq_owner";

/// What the data is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Survives a loss of power.
    Kept,
    /// Begun anew by each start, and fast rather than durable.
    ThrownAway,
}

/// A running server, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    server: Owned,
    _lock: Lock,
    programs: Programs,
    port: u16,
    password: String,
    log: PathBuf,
}

impl Cluster {
    /// Starts the server of the data folder `name`, which is made if it is missing. The password
    /// is the superuser's; it is set when the folder is made.
    pub(crate) async fn start(
        workspace: &Workspace,
        place: &Place,
        name: &str,
        kind: Kind,
        password: &str,
    ) -> anyhow::Result<Self> {
        let folder = place.folder.join(name);
        let lock = Lock::take(
            &place.folder.join(format!("{name}.lock")),
            &format!("the PostgreSQL `{name}`"),
        )?;
        let data = folder.join("data");
        let log = workspace.home.join(format!("postgres-{name}.log"));

        let existing = major_of(&data);
        if existing.is_some() {
            let programs = Programs::find(workspace, place, existing).await?;
            stop_leftover(&programs, place, &data, &log).await?;
        }
        if kind == Kind::ThrownAway || existing.is_none() {
            remove_folder(&folder)?;
        }
        let programs = Programs::find(workspace, place, major_of(&data)).await?;
        if !data.exists() {
            initialise(&programs, place, &folder, password, &log).await?;
        }

        let port = free_port()?;
        let server = launch(&programs, place, &data, kind, port, &log)?;
        let mut cluster =
            Self { server, _lock: lock, programs, port, password: password.to_owned(), log };
        cluster.until_ready(&data).await?;
        Ok(cluster)
    }

    async fn until_ready(&mut self, data: &Path) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        // What `pg_ctl --wait` looks at: the eighth line becomes `ready`.
        while !is_ready(&fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default()) {
            let alive = self.server.check_alive();
            alive.with_context(|| format!("PostgreSQL did not start:\n{}", end_of(&self.log)))?;
            if Instant::now() > deadline {
                bail!("PostgreSQL was not ready after a minute:\n{}", end_of(&self.log));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Creates a database, unless there is one of that name.
    pub(crate) async fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let mut command = Command::new(self.programs.program("createdb"));
        command
            .args(["--host=127.0.0.1", "--no-password", "--username", OWNER, "--port"])
            .arg(self.port.to_string())
            .arg(name)
            .env("PGPASSWORD", &self.password)
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        let output = tokio::process::Command::from(command).kill_on_drop(true).output().await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() && !complaint.contains("already exists") {
            bail!("cannot create the database {name}: {complaint}");
        }
        Ok(())
    }

    /// The superuser's URL.
    pub(crate) fn owner_url(&self, database: &str) -> String {
        self.url(OWNER, &self.password, database)
    }

    /// Passwords must need no escaping.
    pub(crate) fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    pub(crate) fn major(&self) -> u32 {
        self.programs.major()
    }
}

/// The data of a cluster, for whoever starts over.
pub(crate) fn folder_of(place: &Place, name: &str) -> PathBuf {
    place.folder.join(name)
}

/// The version that made the data, which PostgreSQL records in its folder.
fn major_of(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().parse().ok()
}

fn is_ready(postmaster_pid: &str) -> bool {
    postmaster_pid.lines().nth(7).is_some_and(|status| status.trim() == "ready")
}

/// We hold the folder's lock, so a server that still runs on it is one whose starter was killed.
async fn stop_leftover(
    programs: &Programs,
    place: &Place,
    data: &Path,
    log: &Path,
) -> anyhow::Result<()> {
    if !data.join("postmaster.pid").exists() {
        return Ok(());
    }
    let control = |arguments: &[&str]| {
        let mut command = as_account(programs, place, "pg_ctl");
        command.arg("--pgdata").arg(data).args(arguments);
        command
    };
    let status = run_logged("pg_ctl status", control(&["status"]), log).await;
    if status.is_ok() {
        say("Stopping a PostgreSQL that an earlier, killed command left behind …");
        let stop = control(&["stop", "--mode=fast", "--wait", "--timeout=60"]);
        run_logged("pg_ctl stop", stop, log).await?;
    }
    Ok(())
}

async fn initialise(
    programs: &Programs,
    place: &Place,
    folder: &Path,
    password: &str,
    log: &Path,
) -> anyhow::Result<()> {
    say(format_args!("Creating a PostgreSQL {} in {} …", programs.major(), folder.display()));
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let password_file = folder.join("password");
    write_private(&password_file, password)?;
    if let Some(account) = &place.account {
        account.owns(folder)?;
        account.owns(&password_file)?;
    }
    let mut command = as_account(programs, place, "initdb");
    command
        .args(["--username", OWNER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
        .args(["--no-instructions", "--pwfile"])
        .arg(&password_file)
        // A folder that lacks its last file was not finished: it is made under another name.
        .arg("--pgdata")
        .arg(folder.join("making"));
    run_logged("initdb", command, log).await?;
    fs::remove_file(&password_file).context("cannot remove the password file")?;
    fs::rename(folder.join("making"), folder.join("data")).context("cannot finish the data folder")
}

fn launch(
    programs: &Programs,
    place: &Place,
    data: &Path,
    kind: Kind,
    port: u16,
    log: &Path,
) -> anyhow::Result<Owned> {
    let mut command = as_account(programs, place, "postgres");
    command.arg("-D").arg(data).arg("-p").arg(port.to_string());
    let common = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
        "shared_buffers=256MB",
        "timezone=UTC",
        "log_timezone=UTC",
    ];
    let careless = ["fsync=off", "full_page_writes=off", "synchronous_commit=off"];
    let careless = if kind == Kind::ThrownAway { careless.as_slice() } else { &[] };
    for setting in common.iter().chain(careless) {
        command.args(["-c", setting]);
    }
    let file = log_file(log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    // SIGINT is PostgreSQL's fast shutdown: SIGTERM would wait for every client to leave.
    Owned::spawn_stopped_by("PostgreSQL", command, Signal::INT)
}

fn as_account(programs: &Programs, place: &Place, program: &str) -> Command {
    let mut command = Command::new(programs.program(program));
    // The current folder may be closed to the account, and PostgreSQL looks at it.
    command.current_dir(&place.folder).env("LC_ALL", "C");
    if let Some(account) = &place.account {
        account.runs(&mut command);
    }
    command
}

/// A port that is free now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_its_eighth_line_says_so() {
        let lines = "4711\n/data\n1700000000\n5433\n\n127.0.0.1\n  1234 5678\n";
        assert!(!is_ready(lines));
        assert!(!is_ready(&format!("{lines}starting\n")));
        assert!(is_ready(&format!("{lines}ready   \n")));
    }

    struct Folders {
        workspace: Workspace,
        place: Place,
        _parent: tempfile::TempDir,
    }

    fn folders() -> Folders {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let workspace = Workspace { root, home: parent.path().to_owned() };
        let place = Place::choose(&workspace).unwrap();
        Folders { workspace, place, _parent: parent }
    }

    async fn start(folders: &Folders, kind: Kind) -> Cluster {
        let Folders { workspace, place, .. } = folders;
        Cluster::start(workspace, place, "t", kind, "secret").await.unwrap()
    }

    /// Also as root, which PostgreSQL itself refuses.
    #[tokio::test]
    async fn a_server_starts_takes_its_password_and_goes_on_from_where_it_was() {
        let folders = folders();
        let data = folder_of(&folders.place, "t").join("data");
        let cluster = start(&folders, Kind::Kept).await;
        cluster.create_database("one").await.unwrap();
        cluster.create_database("one").await.unwrap();
        assert!(
            Cluster::start(&folders.workspace, &folders.place, "t", Kind::Kept, "secret")
                .await
                .is_err_and(|error| error.to_string().contains("running already"))
        );
        let stranger = Cluster { password: "wrong".to_owned(), ..cluster };
        assert!(stranger.create_database("two").await.is_err());
        drop(stranger);
        assert!(!data.join("postmaster.pid").exists(), "the server outlived its owner");

        fs::write(data.join("marker"), "").unwrap();
        drop(start(&folders, Kind::Kept).await);
        assert!(data.join("marker").exists());
        drop(start(&folders, Kind::ThrownAway).await);
        assert!(!data.join("marker").exists());
    }

    #[tokio::test]
    async fn a_server_whose_owner_was_killed_is_stopped_first() {
        let folders = folders();
        let cluster = start(&folders, Kind::Kept).await;
        // As a kill -9 of this process would leave things: the server runs, the lock is free.
        let left = cluster.server.pid();
        let forget = |Cluster { server, .. }| std::mem::forget(server);
        forget(cluster);
        drop(start(&folders, Kind::Kept).await);
        assert!(crate::process::memory_now_mb(left).is_none(), "the old server still runs");
    }
}
