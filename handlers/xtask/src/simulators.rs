//! The simulated platforms, as a process of ours.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use crate::process::{Owned, spawn_announcing};

/// How long they may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Simulators {
    _server: Owned,
    base: String,
    business_now: DateTime<Utc>,
}

/// The one line that they print.
#[derive(Deserialize)]
struct Announcement {
    address: String,
    business_now: DateTime<Utc>,
}

impl Simulators {
    /// Starts them on a free port; `days` of history before the business clock's today.
    /// What is wrong with the CSV they say themselves, on stderr.
    pub(crate) async fn start(
        executable: &Path,
        csv: Option<&Path>,
        days: u32,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(executable);
        command.args(["--listen", "127.0.0.1:0", "--days", &days.to_string()]);
        if let Some(csv) = csv {
            command.arg("--meta-csv").arg(csv);
        }
        command.stdin(Stdio::null());
        let (server, line) = spawn_announcing("the simulators", command, PATIENCE)
            .await
            .context("what is wrong stands above")?;
        let announced: Announcement =
            serde_json::from_str(&line).context("the simulators announced something else")?;
        let base = if announced.address.starts_with("http") {
            announced.address.trim_end_matches('/').to_owned()
        } else {
            format!("http://{}", announced.address)
        };
        Ok(Self { _server: server, base, business_now: announced.business_now })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The day on which the simulated world stands, in UTC.
    pub(crate) fn today(&self) -> NaiveDate {
        self.business_now.date_naive()
    }

    /// The settings that make `marketing-iq` talk to them, and live on their day.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let at = |path: &str| format!("{}{path}", self.base);
        vec![
            ("MIQ_BUSINESS_NOW", self.business_now.to_rfc3339()),
            ("MIQ_GOOGLE_CLIENT_ID", "marketing-iq".to_owned()),
            ("MIQ_GOOGLE_CLIENT_SECRET", "simulator-secret".to_owned()),
            ("MIQ_META_APP_ID", "marketing-iq".to_owned()),
            ("MIQ_META_APP_SECRET", "simulator-secret".to_owned()),
            ("MIQ_GOOGLE_ADS_URL", at("/google-ads")),
            ("MIQ_META_GRAPH_URL", at("/graph")),
            ("MIQ_META_DIALOG_URL", at("/meta")),
            ("MIQ_ANALYTICS_DATA_URL", at("/analytics-data")),
            ("MIQ_ANALYTICS_ADMIN_URL", at("/analytics-admin")),
            ("MIQ_GOOGLE_AUTHORIZE_URL", at("/google/o/oauth2/v2/auth")),
            ("MIQ_GOOGLE_TOKEN_URL", at("/google/token")),
            ("MIQ_GOOGLE_REVOKE_URL", at("/google/revoke")),
        ]
    }
}
