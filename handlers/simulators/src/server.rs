//! One listener for all platforms: which call goes where.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::Platform;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use warp::http::StatusCode;

use crate::faults::{Fault, Site, TOKEN};
use crate::oauth::{self, Family};
use crate::universe::Universe;
use crate::wire::{Answer, Call, routes};
use crate::world::World;
use crate::{analytics, control, google_ads, meta};

/// What to simulate, and where.
#[derive(Clone, Debug)]
pub struct Config {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    pub seed: u64,
    /// The first client's Meta account; the shipped sample when absent.
    pub meta_csv: Option<PathBuf>,
    /// Days of history that are drawn, ending on the CSV's last.
    pub days: u32,
    /// Clients beside the two that always exist.
    pub more_clients: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            meta_csv: None,
            days: 90,
            more_clients: 0,
        }
    }
}

/// Simulators that answer; dropping it stops them.
#[derive(Debug)]
pub struct Running {
    pub address: SocketAddr,
    /// Where the business clock started.
    pub business_now: DateTime<Utc>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Running {
    /// `http://127.0.0.1:PORT`
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops accepting, lets running answers end, and returns when the port is free.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        // Keep-alive connections would hold a graceful end up for ever.
        if tokio::time::timeout(Duration::from_secs(2), &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Starts the simulators.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let csv = config.meta_csv.clone();
    let (seed, days, more) = (config.seed, config.days, config.more_clients);
    let universe =
        tokio::task::spawn_blocking(move || Universe::new(seed, days, more, csv.as_deref()))
            .await
            .context("the universe could not be drawn")??;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let business_now = universe.business_now();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = warp::serve(routes(Arc::new(World::new(universe))))
        .incoming(listener)
        .graceful(async {
            // A sender that is dropped means stop, too.
            stopped.await.unwrap_or_default();
        })
        .run();
    Ok(Running { address, business_now, stop: Some(stop), server: tokio::spawn(serving) })
}

/// Where a call goes.
enum Target<'a> {
    GoogleAds { version: &'a str },
    Analytics,
    Graph { version: &'a str },
    Consent(Family),
    GoogleToken,
    GoogleRevoke,
}

/// Finds the platform by prefix, or by the version where a client cannot have one; also what
/// of the path follows.
fn target<'a>(path: &'a [&'a str]) -> Option<(Target<'a>, &'a [&'a str])> {
    let is_graph = |version: &str| version.starts_with('v') && version.contains('.');
    let is_ads = |version: &str| {
        version.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok())
    };
    Some(match path {
        ["google-ads", version, rest @ ..] if is_ads(version) => {
            (Target::GoogleAds { version }, rest)
        }
        ["graph", version, rest @ ..] if is_graph(version) => (Target::Graph { version }, rest),
        ["analytics-data" | "analytics-admin", "v1beta", rest @ ..] | ["v1beta", rest @ ..] => {
            (Target::Analytics, rest)
        }
        ["google", "o", "oauth2", "v2", "auth"] | ["o", "oauth2", "v2", "auth"] => {
            (Target::Consent(Family::Google), &[])
        }
        ["google", "token"]
        | ["token"]
        | ["o", "oauth2", "token"]
        | ["oauth2", "v3" | "v4", "token"] => (Target::GoogleToken, &[]),
        ["google", "revoke"] | ["revoke"] => (Target::GoogleRevoke, &[]),
        ["meta", _, "dialog", "oauth"] | [_, "dialog", "oauth"] => {
            (Target::Consent(Family::Meta), &[])
        }
        [version, rest @ ..] if is_graph(version) => (Target::Graph { version }, rest),
        [version, rest @ ..] if is_ads(version) => (Target::GoogleAds { version }, rest),
        _ => return None,
    })
}

pub(crate) async fn answer(world: &Arc<World>, call: Call) -> Answer {
    if let Some(answer) = control::answer(world, &call) {
        return answer;
    }
    let latency = world.knobs().latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let segments = call.segments();
    match target(&segments) {
        None => not_found(&call.path),
        Some((Target::GoogleAds { version }, rest)) => {
            google_ads::answer(world, &call, version, rest).await
        }
        Some((Target::Analytics, rest)) => analytics::answer(world, &call, rest).await,
        Some((Target::Graph { version }, rest)) => meta::answer(world, &call, version, rest).await,
        Some((Target::Consent(family), _)) => {
            oauth::consent::authorize(&world.oauth, family, &call)
        }
        Some((Target::GoogleToken, _)) => google_token(world, &call).await,
        Some((Target::GoogleRevoke, _)) => oauth::google::revoke(&world.oauth, &call),
    }
}

/// Google has one token endpoint for both of its platforms.
async fn google_token(world: &World, call: &Call) -> Answer {
    world.stats.count(Platform::GoogleAds, TOKEN, None);
    let fault = [Platform::GoogleAds, Platform::GoogleAnalytics].into_iter().find_map(|platform| {
        world.faults.take(Site { platform, endpoint: TOKEN, account_id: None, continues: false })
    });
    match fault {
        Some(Fault::Throttle) => {
            oauth::google::failure(StatusCode::TOO_MANY_REQUESTS).with_header("retry-after", "1")
        }
        Some(Fault::ServerError) => oauth::google::failure(StatusCode::INTERNAL_SERVER_ERROR),
        Some(Fault::ServiceUnavailable) => oauth::google::failure(StatusCode::SERVICE_UNAVAILABLE),
        Some(Fault::Revoked) => oauth::google::dead_grant(),
        fault => disturb(fault, oauth::google::token(&world.oauth, call)).await,
    }
}

/// What a fault does to an answer on its way; most faults are answers of their own.
pub(crate) async fn disturb(fault: Option<Fault>, answer: Answer) -> Answer {
    match fault {
        Some(Fault::Reset) => Answer::cut(),
        Some(Fault::Truncated) => answer.truncated().await,
        Some(Fault::HalfJson) => answer.halved().await,
        Some(Fault::Slow) => answer.trickled(Duration::from_millis(150)).await,
        _ => answer,
    }
}

/// Google's front end answers unknown paths in HTML.
pub(crate) fn not_found(path: &str) -> Answer {
    Answer::text(
        StatusCode::NOT_FOUND,
        "text/html; charset=UTF-8",
        format!(
            "<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title><p><b>404.</b> \
             The requested URL <code>/{}</code> was not found on this server.",
            path.replace('&', "&amp;").replace('<', "&lt;"),
        ),
    )
}
