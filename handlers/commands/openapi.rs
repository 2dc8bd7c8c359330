//! `marketing-iq openapi`.

use std::io::Write;
use std::process::ExitCode;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", http::openapi_json())?;
    Ok(ExitCode::SUCCESS)
}
