//! `cargo xtask demo`: the whole system at work on one machine, with simulated platforms.

mod csv_range;
mod figures;
mod isolation;
mod overview;
mod people;
mod platforms;
mod report;
mod sparkline;
mod stage;
mod state;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use crate::cargo::Profile;
use crate::interrupt::Interrupt;
use crate::terminal::{answer, say};
use crate::workspace::Workspace;
use people::Tenant;
use stage::Stage;

/// See the whole system at work: two client tenants, three simulated platforms
///
/// Builds the programs, starts a PostgreSQL of its own, the simulated platforms and the server,
/// signs up an agency with two clients, reads their platforms, and shows each client's overview.
/// Then it serves until Ctrl-C, which stops all that it started. Run again, it goes on from where
/// it was.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Start over: delete what earlier runs with the same figures left
    #[arg(long)]
    fresh: bool,
    /// Do not serve afterwards: do the work and end
    #[arg(long)]
    once: bool,
    /// Print one JSON object on stdout, and all else on stderr
    #[arg(long, requires = "once")]
    json: bool,
    /// Figures of the first client's Meta account (Date as DD-MM-YYYY, `xyz_campaign_id`,
    /// Impressions, Clicks, Spent, `Total_Conversion`, `Approved_Conversion`)
    #[arg(long, value_name = "PATH")]
    meta_csv: Option<PathBuf>,
    /// How the programs are built
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
}

/// How long the parts of the syncs took, in seconds, all tenants together.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
struct Seconds {
    extract: f64,
    load: f64,
    transform: f64,
    publish: f64,
    total: f64,
}

/// What the syncs came to.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    seconds: Seconds,
    peak_memory_mb: u64,
}

pub(crate) async fn run(
    workspace: &Workspace,
    arguments: &Arguments,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let work = async {
        let mut stage = Stage::set(workspace, arguments).await?;
        let tenants = people::gather(&stage).await?;
        let credentials = platforms::consent(&stage, &tenants).await?;
        for tenant in &tenants {
            platforms::assign(&stage, tenant, &credentials).await?;
        }
        let work = sync(&stage, &tenants, arguments.once).await?;
        if arguments.json {
            answer(report::write(&stage, &tenants, work).await?);
        } else {
            for tenant in &tenants {
                answer(overview::table(&stage, tenant).await?);
            }
        }
        stage.remember()?;
        Ok((stage, tenants))
    };
    let (mut stage, tenants) = interrupt.unless(work).await?;
    say(format_args!("Ready after {:.0} s.", started.elapsed().as_secs_f64()));
    if arguments.once {
        return Ok(ExitCode::SUCCESS);
    }
    answer(invitation(&stage, &tenants));
    tokio::select! {
        () = interrupt.happened() => {
            say("\nStopping …");
            Ok(ExitCode::SUCCESS)
        }
        error = stage.ended() => Err(error),
    }
}

/// Reads the platforms of each tenant; in an interactive demo only of those never read before.
async fn sync(stage: &Stage, tenants: &[Tenant], always: bool) -> anyhow::Result<Work> {
    let mut work = Work::default();
    for tenant in tenants {
        if !always && people::was_synced(stage, tenant).await? {
            say(format_args!("{} was read before; its timers go on.", tenant.name));
            continue;
        }
        say(format_args!("Reading the platforms of {} …", tenant.name));
        let started = Instant::now();
        let synced = stage.deployment.sync(&tenant.id).await?;
        let seconds = report::seconds(&synced.report, started.elapsed())?;
        work.seconds.add(seconds);
        work.peak_memory_mb = work.peak_memory_mb.max(synced.peak_memory_mb);
    }
    work.peak_memory_mb = work.peak_memory_mb.max(stage.peak_memory_mb());
    Ok(work)
}

impl Seconds {
    fn add(&mut self, other: Self) {
        self.extract += other.extract;
        self.load += other.load;
        self.transform += other.transform;
        self.publish += other.publish;
        self.total += other.total;
    }

    /// In thousandths: finer is noise.
    fn rounded(self) -> Self {
        let round = |seconds: f64| (seconds * 1_000.0).round() / 1_000.0;
        Self {
            extract: round(self.extract),
            load: round(self.load),
            transform: round(self.transform),
            publish: round(self.publish),
            total: round(self.total),
        }
    }
}

/// How the viewer is invited to try it: the address, the logins, three commands.
fn invitation(stage: &Stage, tenants: &[Tenant]) -> String {
    let base = stage.api.base();
    let people = stage.state.people();
    let logins: Vec<_> = people
        .iter()
        .map(|person| format!("  {:<24} {}   {}", person.email, person.password, person.what))
        .collect();
    let owner = &people[0];
    let (from, to) = stage.last_days(30);
    let tenant = tenants.first().map_or("", |tenant| tenant.id.as_str());
    format!(
        "\nServing at {base} (the API to read and try: {base}/docs)\n\n\
         Logins\n{}\n\n\
         Try\n  \
         TOKEN=$(curl -s {base}/auth/login -H 'content-type: application/json' -d \
         '{{\"email\":\"{}\",\"password\":\"{}\",\"tenant_id\":\"{tenant}\"}}' | \
         python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])')\n  \
         curl -s -H \"authorization: Bearer $TOKEN\" '{base}/api/v1/dashboards/overview?from={from}&to={to}'\n  \
         curl -s -H \"authorization: Bearer $TOKEN\" '{base}/api/v1/campaigns?platform=meta_ads&from={from}&to={to}'\n\n\
         Ctrl-C stops everything.",
        logins.join("\n"),
        owner.email,
        owner.password,
    )
}
