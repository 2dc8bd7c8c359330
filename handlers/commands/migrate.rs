//! `marketing-iq migrate`: schemas, tables and the four database roles.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use super::{environment, runtime, start_logging};
use crate::logging::{LogFormat, Stream};
use crate::settings::{Reader, databases, owner_url};

#[derive(Args)]
pub(super) struct Arguments {
    /// List what would be applied, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    start_logging(LogFormat::Text, Stream::Stderr);
    let mut reader = Reader::new(&environment);
    let read = owner_url(&mut reader).zip(databases(&mut reader));
    let (owner, databases) = reader.finish(read)?;
    let urls = stores::DatabaseUrls {
        owner,
        app: databases.app,
        transform: databases.transform,
        api: databases.api,
    };
    runtime()?.block_on(async {
        let mut out = std::io::stdout().lock();
        if arguments.dry_run {
            let pending = stores::pending(&urls).await?;
            for migration in &pending {
                writeln!(out, "would apply {migration}")?;
            }
            writeln!(out, "{} migrations to apply; nothing was changed", pending.len())?;
        } else {
            let report = stores::migrate(&urls).await?;
            for migration in &report.applied {
                writeln!(out, "applied {migration}")?;
            }
            writeln!(out, "{} migrations applied; roles are in place", report.applied.len())?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
