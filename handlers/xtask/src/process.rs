//! Child processes that end with their owner: each is the leader of a process group of its own,
//! and dropping the owner stops the leader, then whatever it left behind.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// How long a process may take to stop after it was asked to.
const GRACE: Duration = Duration::from_secs(15);

/// How many lines of a log a failure quotes.
const QUOTED_LINES: usize = 25;

#[derive(Debug)]
pub(crate) struct Owned {
    name: String,
    child: Child,
    pid: Pid,
    stop: Signal,
    ended: bool,
    /// The pipe by which a [`tied`] process notices that we are gone.
    lifeline: Option<ChildStdin>,
}

/// Runs a program, and ends it when standard input does.
const TIE: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
program=$!
trap 'kill "$program"' TERM
{ cat <&3 >/dev/null; kill "$program"; } &
watcher=$!
wait "$program"
status=$?
if kill -0 "$program" 2>/dev/null; then wait "$program"; fi
kill "$watcher" 2>/dev/null
exit "$status"
"#;

/// The same program, for [`Owned`], tied to us by a pipe: it ends even if we are killed with
/// SIGKILL. Its output is the caller's to set.
pub(crate) fn tied(command: &Command) -> Command {
    let mut tied = Command::new("sh");
    tied.args(["-c", TIE, "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    // Nobody else holds the other end: it closes when we are gone, however that came.
    tied.stdin(Stdio::piped());
    tied
}

impl Owned {
    /// Starts a process that is stopped with SIGTERM.
    pub(crate) fn spawn(name: &str, command: Command) -> anyhow::Result<Self> {
        Self::spawn_stopped_by(name, command, Signal::TERM)
    }

    /// Starts a process that wants another signal to stop.
    pub(crate) fn spawn_stopped_by(
        name: &str,
        mut command: Command,
        stop: Signal,
    ) -> anyhow::Result<Self> {
        let program = command.get_program().display().to_string();
        // A group of its own: the terminal's Ctrl-C reaches only us, and we stop in order.
        command.process_group(0);
        let mut child = tokio::process::Command::from(command)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let lifeline = child.stdin.take();
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
            .context("a child that was just started has an id")?;
        Ok(Self { name: name.to_owned(), child, pid, stop, ended: false, lifeline })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Its standard output, if that was piped and not yet taken.
    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits until it ends by itself.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let status = self.child.wait().await.with_context(|| format!("lost {}", self.name))?;
        self.ended = true;
        Ok(status)
    }

    /// An error once it has ended, which servers should not.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait().with_context(|| format!("lost {}", self.name))? {
            None => Ok(()),
            Some(status) => {
                self.ended = true;
                bail!("{} ended: {status}", self.name)
            }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        drop(self.lifeline.take());
        // Failing means that it is gone already, which is what is wanted.
        kill_process(self.pid, self.stop).ok();
        let deadline = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        kill_process_group(self.pid, Signal::KILL).ok();
        self.child.try_wait().ok();
    }
}

/// Starts a server that prints one line once it is ready; answers that line.
pub(crate) async fn spawn_announcing(
    name: &str,
    mut command: Command,
    patience: Duration,
) -> anyhow::Result<(Owned, String)> {
    command.stdout(Stdio::piped());
    let mut server = Owned::spawn(name, command)?;
    let stdout = server.take_stdout().context("stdout was piped")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = tokio::time::timeout(patience, lines.next_line())
        .await
        .with_context(|| format!("{name} did not start within {patience:?}"))??;
    let Some(line) = line else {
        let status = server.wait().await?;
        bail!("{name} refused to start ({status})");
    };
    Ok((server, line))
}

/// Runs a command to its end with its output shown on stderr.
pub(crate) async fn run(name: &str, mut command: Command) -> anyhow::Result<ExitStatus> {
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    Owned::spawn(name, command)?.wait().await
}

/// Runs a command to its end with its output in a log file, of which a failure quotes the end.
pub(crate) async fn run_logged(name: &str, mut command: Command, log: &Path) -> anyhow::Result<()> {
    let file = log_file(log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let status = Owned::spawn(name, command)?.wait().await?;
    if !status.success() {
        bail!("{name} failed ({status}); the end of {}:\n{}", log.display(), end_of(log));
    }
    Ok(())
}

/// Runs a command to its end and answers what it wrote to stdout; stderr is shown.
pub(crate) async fn capture(name: &str, command: Command) -> anyhow::Result<(ExitStatus, String)> {
    let mut output = String::new();
    let status = each_line(name, command, |line| {
        output.push_str(line);
        output.push('\n');
    })
    .await?;
    Ok((status, output))
}

/// Runs a command to its end, and hands over each line that it writes to stdout.
pub(crate) async fn each_line(
    name: &str,
    mut command: Command,
    mut take: impl FnMut(&str),
) -> anyhow::Result<ExitStatus> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = Owned::spawn(name, command)?;
    let stdout = child.take_stdout().context("stdout was piped")?;
    let mut lines = BufReader::new(stdout).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        take(String::from_utf8_lossy(&line).trim_end_matches('\r'));
    }
    child.wait().await
}

/// A log that is begun anew.
pub(crate) fn log_file(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

/// The last lines of a log, for an error message.
pub(crate) fn end_of(log: &Path) -> String {
    let Ok(bytes) = std::fs::read(log) else { return "(there is no log)".to_owned() };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
}

/// The largest amount of memory that a process has held, in MB (10⁶ bytes); `None` where the
/// system does not tell.
pub(crate) fn peak_memory_mb(pid: u32) -> Option<u64> {
    memory_mb(pid, "VmHWM:")
}

/// The memory that a process holds now, in MB (10⁶ bytes).
pub(crate) fn memory_now_mb(pid: u32) -> Option<u64> {
    memory_mb(pid, "VmRSS:")
}

fn memory_mb(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    kilobytes(&status, field).map(|kilobytes| (kilobytes * 1_024).div_ceil(1_000_000))
}

fn kilobytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    fn is_alive(pid: i32) -> bool {
        rustix::process::test_kill_process(Pid::from_raw(pid).unwrap()).is_ok()
    }

    #[test]
    fn memory_is_read_from_the_kernels_report() {
        let status = "Name:\tx\nVmHWM:\t   12345 kB\nVmRSS:\t 1000 kB\n";
        assert_eq!(kilobytes(status, "VmHWM:"), Some(12_345));
        assert_eq!(kilobytes(status, "VmSwap:"), None);
    }

    #[tokio::test]
    async fn dropping_the_owner_stops_the_process_and_its_children() {
        let mut command = shell("sleep 1000 & echo $!; wait");
        command.stdout(Stdio::piped());
        let mut owned = Owned::spawn("a shell", command).unwrap();
        let stdout = owned.take_stdout().unwrap();
        let line = BufReader::new(stdout).lines().next_line().await.unwrap().unwrap();
        let grandchild: i32 = line.parse().unwrap();
        assert!(is_alive(grandchild));
        drop(owned);
        // The kernel hands the orphan to init, which reaps it in its own time.
        let deadline = Instant::now() + Duration::from_secs(10);
        while is_alive(grandchild) && !is_zombie(grandchild) {
            assert!(Instant::now() < deadline, "the grandchild outlived its group");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_tied_process_ends_with_us_or_when_it_is_asked_to() {
        for killed in [true, false] {
            let (mut owned, line) = spawn_announcing(
                "a shell",
                tied(&shell("echo $$; exec sleep 1000")),
                Duration::from_secs(10),
            )
            .await
            .unwrap();
            let program: i32 = line.parse().unwrap();
            // Long enough for a pipe that was closed from the start to have ended it.
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert!(is_alive(program));
            if killed {
                // What a kill -9 of us would do to it.
                drop(owned.lifeline.take());
            } else {
                kill_process(owned.pid, Signal::TERM).unwrap();
            }
            owned.wait().await.unwrap();
            assert!(!is_alive(program), "it outlived us");
        }
    }

    #[tokio::test]
    async fn a_tied_process_ends_as_its_program_does() {
        let mut owned = Owned::spawn("a shell", tied(&shell("exit 3"))).unwrap();
        assert_eq!(owned.wait().await.unwrap().code(), Some(3));
    }

    fn is_zombie(pid: i32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }

    #[tokio::test]
    async fn a_failed_command_quotes_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let failed = run_logged("it", shell("echo what happened; exit 3"), &log).await;
        let message = failed.unwrap_err().to_string();
        assert!(message.contains("what happened") && message.contains('3'), "{message}");
    }

    #[tokio::test]
    async fn lines_are_handed_over_as_they_come() {
        let mut lines = Vec::new();
        let command = shell("printf 'one\\ntwo'");
        let status = each_line("it", command, |line| lines.push(line.to_owned())).await.unwrap();
        assert!(status.success());
        assert_eq!(lines, ["one", "two"]);
    }
}
