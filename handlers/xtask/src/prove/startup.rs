//! P5: how long the host waits for the first answer of a new process.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{Effort, Figure};
use crate::cargo::{Profile, build, pick};
use crate::postgres::free_port;
use crate::process::Owned;
use crate::terminal::say;
use crate::workspace::Workspace;

pub(super) const FLOOR: Duration = Duration::from_millis(60);
const GOAL: Duration = Duration::from_millis(20);
const FEWEST_STARTS: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn prove(workspace: &Workspace, effort: Effort) -> anyhow::Result<Figure> {
    let executables = build(workspace, Profile::Release, &["marketing-iq"]).await?;
    let executable = pick(&executables, "marketing-iq")?;
    let starts = effort.cases.unwrap_or(FEWEST_STARTS).max(FEWEST_STARTS);
    let mut times = Vec::new();
    for _ in 0..starts {
        let port = free_port()?;
        times.push(first_answer(functions(&executable, port), port)?.1);
    }
    times.sort();
    let median = times[times.len() / 2];
    let asked = if effort.goal { GOAL } else { FLOOR };
    say(format_args!(
        "{starts} starts: fastest {:.1} ms, median {:.1} ms, slowest {:.1} ms",
        milliseconds(times[0]),
        milliseconds(median),
        milliseconds(times[times.len() - 1])
    ));
    Ok(Figure {
        text: format!(
            "{:.1} ms from process start to the first answer (median of {starts}; at most {} ms)",
            milliseconds(median),
            asked.as_millis()
        ),
        reached: median <= asked,
    })
}

/// Starts the handler, and asks on its port until it answers.
pub(super) fn first_answer(mut command: Command, port: u16) -> anyhow::Result<(Owned, Duration)> {
    command.stdin(Stdio::null());
    let started = Instant::now();
    let mut handler = Owned::spawn("marketing-iq functions", command)?;
    loop {
        if answers(port) {
            return Ok((handler, started.elapsed()));
        }
        handler.check_alive()?;
        if started.elapsed() > PATIENCE {
            bail!("marketing-iq functions did not answer GET / within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// `marketing-iq functions` as the host starts it, with no settings at all.
fn functions(executable: &Path, port: u16) -> Command {
    let mut command = Command::new(executable);
    command.arg("functions").env_clear().stdout(Stdio::null()).stderr(Stdio::null());
    command.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string());
    command
}

/// Whether `GET /` gets any HTTP answer, which is what the host asks for.
fn answers(port: u16) -> bool {
    let ask = || -> anyhow::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n")?;
        let mut start = [0; 5];
        stream.read_exact(&mut start).context("no answer")?;
        Ok(start == *b"HTTP/")
    };
    ask().unwrap_or(false)
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
