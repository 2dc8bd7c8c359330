//! `marketing-iq sync`: one tenant's platforms, read now.

mod progress;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use chrono::NaiveDate;
use clap::Args;
use domain::{DateRange, OperatorAct, Platform, TenantId};
use jobs::{Draft, ManualSync, SyncReport};
use stores::Waiting;

use super::{read_settings, runtime, start_logging};
use crate::logging::{LogFormat, Stream};
use crate::wiring::Backends;

/// Exit code of a sync that was done but in which some account failed.
const PARTLY_FAILED: u8 = 3;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    marketing-iq sync --tenant 0199c0de-0000-7000-8000-000000000003\n  \
    marketing-iq sync --tenant … --platform meta_ads --from 2026-10-01 --to 2026-10-31 --dry-run\n\n\
    Exit code: 0 all was read and published; 1 nothing new was published; 3 published, but some \
    account could not be read.")]
pub(super) struct Arguments {
    /// The tenant's id, as GET /tenants lists it
    #[arg(long)]
    tenant: TenantId,
    /// Only this platform: `google_ads`, `meta_ads` or `google_analytics`; may be repeated
    #[arg(long)]
    platform: Vec<Platform>,
    /// First day to read [default: what a scheduled run would read]
    #[arg(long, requires = "to")]
    from: Option<NaiveDate>,
    /// Last day to read
    #[arg(long, requires = "from")]
    to: Option<NaiveDate>,
    /// Print what would be read, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    start_logging(LogFormat::Text, Stream::Stderr);
    let settings = read_settings()?;
    let request = ManualSync {
        platforms: (!arguments.platform.is_empty()).then(|| arguments.platform.clone()),
        range: arguments.range()?,
        requested_by: None,
    };
    runtime()?.block_on(async {
        let backends = Backends::choose(&settings, Waiting::Work)?;
        if arguments.dry_run {
            let act = OperatorAct::SyncDryRun;
            let scope = act.in_tenant(arguments.tenant, &backends.audit).await?;
            let drafts = backends.planner.dry_run(&scope, &request).await?;
            print_drafts(&drafts, arguments.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        let scope = OperatorAct::Sync.in_tenant(arguments.tenant, &backends.audit).await?;
        let run = backends.planner.plan_manual(&scope, &request).await?;
        let progress = progress::Bar::new();
        let report = backends.sync.run(&[run], &|event| progress.show(&event)).await;
        progress.finish();
        let report = report?;
        print_report(&report, arguments.json)?;
        let whole = report.jobs.failed == 0 && report.jobs.waiting == 0;
        Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(PARTLY_FAILED) })
    })
}

impl Arguments {
    fn range(&self) -> anyhow::Result<Option<DateRange>> {
        let Some((from, to)) = self.from.zip(self.to) else { return Ok(None) };
        Ok(Some(DateRange::new(from, to).context("--from must not be after --to")?))
    }
}

fn print_drafts(drafts: &[Draft], json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        let drafts: Vec<_> = drafts
            .iter()
            .map(|draft| {
                serde_json::json!({
                    "platform": draft.account.platform,
                    "account_id": draft.account.account_id,
                    "stream": draft.job.stream.name,
                    "from": draft.job.window.first(),
                    "to": draft.job.window.last(),
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::json!({ "jobs": drafts }))?;
        return Ok(());
    }
    for draft in drafts {
        writeln!(
            out,
            "{:<18} {:<20} {:<16} {}",
            draft.account.platform.title(),
            draft.account.name,
            draft.job.stream.name,
            draft.job.window
        )?;
    }
    writeln!(out, "{} jobs; nothing was read", drafts.len())?;
    Ok(())
}

fn print_report(report: &SyncReport, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(report)?)?;
    } else {
        let jobs = &report.jobs;
        writeln!(
            out,
            "{} of {} jobs done: {} rows in {:.1} s; data version {}",
            jobs.succeeded,
            jobs.planned,
            report.counts.rows,
            report.seconds.total,
            report.data_version
        )?;
    }
    let mut err = std::io::stderr().lock();
    for failure in &report.failures {
        writeln!(
            err,
            "{} account {}, {}: {}",
            failure.job.platform.title(),
            failure.job.account_id,
            failure.job.stream,
            failure.message
        )?;
    }
    Ok(())
}
