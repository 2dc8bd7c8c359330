//! All that a demo needs to be running, in the order in which it stops.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{Days as ChronoDays, NaiveDate};
use domain::registry::{FUNCTIONS, Trigger};

use super::Arguments;
use super::csv_range::Days;
use super::state::State;
use crate::cargo::{build, pick};
use crate::deployment::{Deployment, Serving, database_settings, port_near};
use crate::http_client::Api;
use crate::postgres::{Cluster, Kind, Place, folder_of};
use crate::provision;
use crate::simulators::Simulators;
use crate::terminal::say;
use crate::workspace::{Lock, Workspace, fingerprint, shown};

const DATABASE: &str = "marketing_iq";

/// What the simulators take when no CSV is named.
const SAMPLE: &str = "handlers/simulators/data/meta_sample.csv";

/// History that the simulators make up at least, in days.
const LEAST_HISTORY: u32 = 90;

/// Their history ends on the day before the demo's today, wherever on earth an account's today is:
/// as many days more are read, so that none of it is missed.
const DAYS_SINCE_HISTORY: u32 = 2;

/// No platform keeps more, and no question to the API may ask for more.
const MOST_HISTORY: u32 = 1_100;

/// Fields are dropped from the first to the last: the server before what it depends on.
#[derive(Debug)]
pub(super) struct Stage {
    serving: Serving,
    pub(super) simulators: Simulators,
    _cluster: Cluster,
    _lock: Lock,
    pub(super) api: Api,
    pub(super) deployment: Deployment,
    pub(super) state: State,
    /// Everything is read from this day on.
    pub(super) first_day: NaiveDate,
    folder: PathBuf,
}

impl Stage {
    /// Builds, provisions and starts everything. Nothing of an earlier run is touched before the
    /// CSV has been found good.
    pub(super) async fn set(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<Self> {
        let csv = arguments.meta_csv.as_deref();
        let sample = workspace.path(SAMPLE);
        let days = Days::of_file(csv.unwrap_or(&sample))?;
        let history = days.backfill().clamp(LEAST_HISTORY, MOST_HISTORY);
        let name = name_for(csv)?;
        let folder = workspace.home.join(&name);

        let executables =
            build(workspace, arguments.profile, &["marketing-iq", "simulators"]).await?;
        let simulators =
            Simulators::start(&pick(&executables, "simulators")?, csv, history).await?;

        let lock = Lock::take(&workspace.home.join(format!("{name}.lock")), "this demo")?;
        let dbt = provision::dbt(workspace).await?;
        let place = Place::choose(workspace)?;
        if arguments.fresh {
            start_over(workspace, &[&folder, &folder_of(&place, &name)])?;
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let mut state = State::open(&folder)?;
        state.save(&folder)?;

        let password = &state.database.owner;
        let cluster = Cluster::start(workspace, &place, &name, Kind::Kept, password).await?;
        cluster
            .create_database(DATABASE)
            .await
            .context("the database is not as this demo left it: start over with --fresh")?;
        let deployment = Deployment {
            executable: pick(&executables, "marketing-iq")?,
            settings: settings(&folder, &state, &cluster, &simulators, &dbt, history, arguments),
            folder: folder.clone(),
        };
        deployment.migrate().await?;
        // Serving once is for a program: any port will do. A person finds it where it was.
        let wished: Vec<u16> = if arguments.once {
            Vec::new()
        } else {
            state.port.into_iter().chain([8_080]).collect()
        };
        let port = port_near(&wished)?;
        let serving = deployment.serve(port).await?;
        if !arguments.once {
            state.port = Some(port);
        }
        let today = simulators.today();
        Ok(Self {
            api: serving.api.clone(),
            serving,
            simulators,
            _cluster: cluster,
            _lock: lock,
            deployment,
            state,
            first_day: today - ChronoDays::new(u64::from(history)),
            folder,
        })
    }

    /// Writes down what the next run needs.
    pub(super) fn remember(&mut self) -> anyhow::Result<()> {
        self.state.save(&self.folder)
    }

    /// The last `days` whole days, as `from` and `to`.
    pub(super) fn last_days(&self, days: u64) -> (NaiveDate, NaiveDate) {
        let yesterday = self.simulators.today() - ChronoDays::new(1);
        (yesterday - ChronoDays::new(days - 1), yesterday)
    }

    /// All days that were read, as `from` and `to`.
    pub(super) fn all_days(&self) -> (NaiveDate, NaiveDate) {
        (self.first_day, self.simulators.today())
    }

    pub(super) fn peak_memory_mb(&self) -> u64 {
        self.serving.peak_memory_mb()
    }

    /// Returns when the server ends, which it should not.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        self.serving.ended(&self.folder.join("serve.log")).await
    }
}

/// Each CSV has a demo of its own: figures of one never mix with another's.
fn name_for(csv: Option<&Path>) -> anyhow::Result<String> {
    let Some(csv) = csv else { return Ok("demo".to_owned()) };
    let bytes = fs::read(csv).with_context(|| format!("cannot read {}", csv.display()))?;
    Ok(format!("demo-{}", fingerprint(&bytes)))
}

fn start_over(workspace: &Workspace, folders: &[&Path]) -> anyhow::Result<()> {
    for folder in folders.iter().filter(|folder| folder.exists()) {
        say(format_args!("Deleting {} …", shown(workspace, folder)));
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot delete {}", folder.display()))?;
    }
    Ok(())
}

fn settings(
    folder: &Path,
    state: &State,
    cluster: &Cluster,
    simulators: &Simulators,
    dbt: &provision::Dbt,
    history: u32,
    arguments: &Arguments,
) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("MIQ_DATA_DIR", folder.join("data").display().to_string()),
        ("MIQ_BACKFILL_DAYS", (history + DAYS_SINCE_HISTORY).to_string()),
        ("MIQ_DBT", dbt.executable.display().to_string()),
        ("MIQ_DBT_PROJECT", dbt.project.display().to_string()),
    ];
    settings.extend(database_settings(cluster, DATABASE, &state.database));
    if arguments.once {
        // Only the demo's own syncs run, so that what they report is all that happened.
        settings.extend(FUNCTIONS.iter().filter_map(|function| match function.trigger {
            Trigger::Timer(timer) => Some((timer.schedule_setting, "0 0 0 1 1 *".to_owned())),
            Trigger::Queue(_) | Trigger::Http(_) => None,
        }));
    }
    settings.extend(simulators.settings());
    settings
}
