//! Every setting, in one place: read from the environment, checked together, documented in
//! `docs/settings.md`. A fault names the setting and the remedy; all faults are told at once.

mod backends;
mod read;

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use connectors::{Endpoints, OAuthClient, PlatformConfig, Timing};
use domain::Platform;
use domain::ports::SignUpPolicy;
use domain::registry::{DEFAULT_SCHEDULE, FUNCTIONS, Trigger};
use host::Schedule;
use secrecy::SecretString;
use stores::{FEWEST_API_CONNECTIONS, FEWEST_APP_CONNECTIONS, FEWEST_TRANSFORM_CONNECTIONS};
use url::Url;

pub(crate) use backends::{
    AzureSignIn, BackendChoices, Dbt, QueueChoice, RawStoreChoice, SecretsChoice, TransformerChoice,
};
pub(crate) use read::Reader;

/// What the binary was told.
pub(crate) struct Settings {
    /// What the embedded defaults keep: raw store, secrets, keys, dbt's working files. Made when
    /// the first of them is chosen.
    pub data_dir: PathBuf,
    /// Where `serve` listens for the public.
    pub listen: SocketAddr,
    /// How the public reaches it; part of the OAuth redirect addresses.
    pub public_url: Url,
    pub signup: SignUpPolicy,
    /// Stops the business clock at this moment: demo, tests, backfills.
    pub business_now: Option<DateTime<Utc>>,
    /// How much history a new connection reads, in days.
    pub backfill_days: u32,
    pub databases: Databases,
    pub pool_sizes: PoolSizes,
    pub backends: BackendChoices,
    pub platforms: PlatformConfig,
    pub schedules: Vec<(Platform, String)>,
}

/// One URL per database role.
pub(crate) struct Databases {
    pub app: SecretString,
    pub transform: SecretString,
    pub api: SecretString,
}

/// The most connections of each role that this process may have open.
#[derive(Clone, Copy)]
pub(crate) struct PoolSizes {
    pub app: u32,
    pub transform: u32,
    pub api: u32,
}

const MOST_CONNECTIONS: u32 = 100;

impl Settings {
    /// Reads all settings; on failure every fault at once.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let data_dir = reader.path_or("MIQ_DATA_DIR", ".miq/data");
        let listen = reader.parsed_or("MIQ_LISTEN", "127.0.0.1:8080", "an address and port");
        let public_url = reader
            .optional("MIQ_PUBLIC_URL")
            .map_or_else(|| listen.map(|listen: SocketAddr| format!("http://{listen}/")), Some);
        let public_url = public_url.and_then(|text| {
            reader.check("MIQ_PUBLIC_URL", &text, "an http or https URL", web_url)
        });
        let signup = reader.parsed_or("MIQ_SIGNUP", "invite", "invite, open or closed");
        let business_now = reader.optional("MIQ_BUSINESS_NOW").map(|text| {
            let expected = "a moment such as 2024-02-29T12:00:00Z";
            reader.check("MIQ_BUSINESS_NOW", &text, expected, |text| text.parse().ok())
        });
        let backfill_days = reader.parsed_or("MIQ_BACKFILL_DAYS", "90", "a number of days");
        let databases = databases(reader);
        let pool_sizes = pool_sizes(reader);
        let backends = BackendChoices::read(reader);
        let platforms = platforms(reader);
        let schedules = schedules(reader);
        Some(Self {
            data_dir,
            listen: listen?,
            public_url: public_url?,
            signup: signup?,
            business_now: match business_now {
                Some(given) => Some(given?),
                None => None,
            },
            backfill_days: backfill_days?,
            databases: databases?,
            pool_sizes: pool_sizes?,
            backends: backends?,
            platforms: platforms?,
            schedules: schedules?,
        })
    }
}

fn web_url(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

/// The URLs of the roles that run the system.
pub(crate) fn databases(reader: &mut Reader<'_>) -> Option<Databases> {
    let app = reader.role_url("MIQ_DATABASE_APP_URL", "miq_app");
    let transform = reader.role_url("MIQ_DATABASE_TRANSFORM_URL", "miq_transform");
    let api = reader.role_url("MIQ_DATABASE_API_URL", "miq_api");
    Some(Databases { app: app?, transform: transform?, api: api? })
}

fn pool_sizes(reader: &mut Reader<'_>) -> Option<PoolSizes> {
    let mut size = |name, default, fewest| {
        let text = reader.optional(name).unwrap_or_else(|| String::from(default));
        let expected = format!("a number of connections from {fewest} to {MOST_CONNECTIONS}");
        reader.check(name, &text, &expected, |text| {
            text.parse().ok().filter(|given| (fewest..=MOST_CONNECTIONS).contains(given))
        })
    };
    let app = size("MIQ_DATABASE_APP_CONNECTIONS", "10", FEWEST_APP_CONNECTIONS);
    let transform = size("MIQ_DATABASE_TRANSFORM_CONNECTIONS", "6", FEWEST_TRANSFORM_CONNECTIONS);
    let api = size("MIQ_DATABASE_API_CONNECTIONS", "10", FEWEST_API_CONNECTIONS);
    Some(PoolSizes { app: app?, transform: transform?, api: api? })
}

/// The owner's URL, which only `migrate` needs.
pub(crate) fn owner_url(reader: &mut Reader<'_>) -> Option<SecretString> {
    reader.required_secret("MIQ_DATABASE_OWNER_URL")
}

fn platforms(reader: &mut Reader<'_>) -> Option<PlatformConfig> {
    let google = application(reader, "MIQ_GOOGLE_CLIENT_ID", "MIQ_GOOGLE_CLIENT_SECRET");
    let meta = application(reader, "MIQ_META_APP_ID", "MIQ_META_APP_SECRET");
    Some(PlatformConfig {
        endpoints: endpoints(reader)?,
        google,
        meta,
        google_ads_developer_token: reader.optional_secret("MIQ_GOOGLE_DEVELOPER_TOKEN"),
        timing: Timing::default(),
    })
}

/// An application at a platform: both halves, or neither.
fn application(reader: &mut Reader<'_>, id_name: &str, secret_name: &str) -> Option<OAuthClient> {
    let (given, missing) = match (reader.optional(id_name), reader.optional_secret(secret_name)) {
        (Some(id), Some(secret)) => return Some(OAuthClient { id, secret }),
        (None, None) => return None,
        (Some(_), None) => (id_name, secret_name),
        (None, Some(_)) => (secret_name, id_name),
    };
    reader.fault(format!("{given} is set and {missing} is not: set both or neither"));
    None
}

fn endpoints(reader: &mut Reader<'_>) -> Option<Endpoints> {
    let mut endpoints = Endpoints::default();
    let urls = [
        ("MIQ_GOOGLE_ADS_URL", &mut endpoints.google_ads_url),
        ("MIQ_META_GRAPH_URL", &mut endpoints.meta_graph_url),
        ("MIQ_META_DIALOG_URL", &mut endpoints.meta_dialog_url),
        ("MIQ_ANALYTICS_DATA_URL", &mut endpoints.analytics_data_url),
        ("MIQ_ANALYTICS_ADMIN_URL", &mut endpoints.analytics_admin_url),
        ("MIQ_GOOGLE_AUTHORIZE_URL", &mut endpoints.google_authorize_url),
        ("MIQ_GOOGLE_TOKEN_URL", &mut endpoints.google_token_url),
        ("MIQ_GOOGLE_REVOKE_URL", &mut endpoints.google_revoke_url),
    ];
    let mut all_read = true;
    for (name, url) in urls {
        let Some(text) = reader.optional(name) else { continue };
        match reader.check(name, &text, "an http or https URL", web_url) {
            Some(given) => *url = given,
            None => all_read = false,
        }
    }
    all_read.then_some(endpoints)
}

/// A timer's schedule is read by the Functions host in Azure, by the embedded host here.
fn schedules(reader: &mut Reader<'_>) -> Option<Vec<(Platform, String)>> {
    let timers = FUNCTIONS.iter().filter_map(|function| match function.trigger {
        Trigger::Timer(timer) => Some(timer),
        Trigger::Queue(_) | Trigger::Http(_) => None,
    });
    // Each is looked at, so that all faults are told.
    let read: Vec<_> = timers
        .map(|timer| {
            let name = timer.schedule_setting;
            let text = reader.optional(name).unwrap_or_else(|| DEFAULT_SCHEDULE.to_owned());
            let expected = "six fields of a schedule in UTC, such as 0 */30 * * * *";
            reader.check(name, &text, expected, |text| {
                text.parse::<Schedule>().ok().map(|_| (timer.platform, text.to_owned()))
            })
        })
        .collect();
    read.into_iter().collect()
}
