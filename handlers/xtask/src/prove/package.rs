//! A2: the package in a root that holds only a C library, while every backend is away.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::bare_root::{APP, BareRoot, check_platform};
use super::door::Door;
use super::startup::{FLOOR, first_answer, milliseconds};
use super::{Effort, Figure};
use crate::cargo::{Profile, build, pick};
use crate::deployment::{Deployment, Passwords, database_settings};
use crate::http_client::{Answer, Api};
use crate::package::{Libc, Package};
use crate::postgres::free_port;
use crate::process::{Owned, end_of, log_file};
use crate::services::{STAND_INS, Services};
use crate::terminal::say;
use crate::workspace::Workspace;

const DATABASE: &str = "marketing_iq";
const FEWEST_STARTS: u64 = 5;

/// How long a call may take to fail while its backend is away.
const BOUND: Duration = Duration::from_secs(30);

/// How long the process may take to notice that its backends are back.
const RECOVERY: Duration = Duration::from_secs(5);

pub(super) async fn prove(workspace: &Workspace, effort: Effort) -> anyhow::Result<Figure> {
    check_platform()?;
    let package = Package::make(workspace, Libc::Gnu, "package").await?;
    let executables = build(workspace, Profile::Dev, &["simulators"]).await?;
    let services = Services::start(workspace, &pick(&executables, STAND_INS)?).await?;
    let root = BareRoot::make(workspace.home.join("bare-root"), &services.authorities())?;
    let executable = package.unpack(&root.app())?;
    let inside = format!("/{APP}/marketing-iq");
    let root = root.choose_isolation(&inside)?;

    let (settings, doors) = settings(workspace, &services, executable).await?;
    let log = workspace.home.join("bare-root.log");
    let command = |port: u16| -> anyhow::Result<Command> {
        let mut command = root.command(&inside)?;
        command
            .arg("functions")
            .env_clear()
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string());
        let file = log_file(&log)?;
        command.stdout(file.try_clone()?).stderr(file);
        Ok(command)
    };

    let mut times = Vec::new();
    for _ in 1..effort.cases.unwrap_or(FEWEST_STARTS).max(FEWEST_STARTS) {
        let port = free_port()?;
        times.push(first_answer(command(port)?, port)?.1);
    }
    let port = free_port()?;
    let (mut handler, time) = first_answer(command(port)?, port)?;
    times.push(time);
    times.sort();
    let start = times[times.len() / 2];
    say(format_args!(
        "Started in a root without anything else, every backend away: GET / answered after {:.1} ms.",
        milliseconds(start)
    ));

    let api = Api::new(format!("http://127.0.0.1:{port}"))?;
    let slowest = fails_clearly(&api).await.with_context(|| end_of(&log))?;
    say(format_args!("Calls failed clearly, the slowest after {:.1} s.", slowest.as_secs_f64()));

    let opened = Instant::now();
    let _open = doors.into_iter().map(Door::open).collect::<anyhow::Result<Vec<_>>>()?;
    let recovery = recovers(&api, &mut handler, opened).await.with_context(|| end_of(&log))?;
    Ok(Figure {
        text: format!(
            "{:.1} ms to the first answer (median of {}; at most {} ms); calls fail within {:.1} s \
             (at most {} s); healthy {:.1} s after the backends are back (at most {} s)",
            milliseconds(start),
            times.len(),
            FLOOR.as_millis(),
            slowest.as_secs_f64(),
            BOUND.as_secs(),
            recovery.as_secs_f64(),
            RECOVERY.as_secs()
        ),
        reached: start <= FLOOR && slowest <= BOUND && recovery <= RECOVERY,
    })
}

/// The settings of a function app whose every backend is behind a closed door, over a database
/// that is migrated already.
async fn settings(
    workspace: &Workspace,
    services: &Services,
    executable: PathBuf,
) -> anyhow::Result<(Vec<(&'static str, String)>, Vec<Door>)> {
    services.cluster.create_database(DATABASE).await?;
    let databases = database_settings(&services.cluster, DATABASE, &Passwords::draw());
    let settings = databases.to_vec();
    let folder = workspace.home.clone();
    Deployment { executable, settings, folder }.migrate().await?;

    // What an app is told: without the owner of the database.
    let mut settings = services.azure_settings();
    settings.extend(databases.into_iter().filter(|(name, _)| *name != "MIQ_DATABASE_OWNER_URL"));
    // Several settings may name one server.
    let ports: BTreeSet<_> = settings.iter().filter_map(|(_, value)| port_of(value)).collect();
    let doors = ports.into_iter().map(Door::to).collect::<anyhow::Result<Vec<_>>>()?;
    for (_, value) in &mut settings {
        for door in &doors {
            *value = door.before(value);
        }
    }
    let job = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/proof\
               /providers/Microsoft.App/jobs/dbt";
    // Nothing of the proof starts a transformation: this stays away.
    let management = format!("https://127.0.0.1:{}/", free_port()?);
    settings.extend([
        ("MIQ_BLOB_CONTAINER", "raw".to_owned()),
        ("MIQ_TRANSFORMER", "container-apps".to_owned()),
        ("MIQ_TRANSFORM_JOB_ID", job.to_owned()),
        ("MIQ_AZURE_MANAGEMENT_URL", management),
        ("MIQ_TOKEN_KEY", token_key()),
        ("MIQ_PUBLIC_URL", "https://proof.example/".to_owned()),
        ("MIQ_LOG_FORMAT", "json".to_owned()),
    ]);
    Ok((settings, doors))
}

/// Of the server on this machine that a setting names.
fn port_of(value: &str) -> Option<u16> {
    let (_, rest) = value.split_once("127.0.0.1:")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// A random Ed25519 key, as PKCS#8 (RFC 8410) in base64.
fn token_key() -> String {
    let mut key = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    for _ in 0..2 {
        key.extend(Uuid::new_v4().into_bytes());
    }
    STANDARD.encode(key)
}

/// Calls a timer, a queue worker and endpoints; answers how long the slowest took.
async fn fails_clearly(api: &Api) -> anyhow::Result<Duration> {
    let mut slowest = Duration::ZERO;
    let timer = json!({ "timer": {
        "Schedule": { "AdjustForDST": true }, "ScheduleStatus": null, "IsPastDue": false } });
    let job = json!({ "job_id": Uuid::now_v7() }).to_string();
    let message = json!({ "message": json!(job).to_string() });
    for (function, data) in [("ExtractGoogleAds", timer), ("RunGoogleAdsJob", message)] {
        let started = Instant::now();
        let answer = api.invoke(function, &data).await?;
        slowest = slowest.max(started.elapsed());
        let Some(error) = answer.body["Error"].as_str() else {
            bail!("{function} said no error: {} {}", answer.status, answer.body);
        };
        if answer.status != 500 || error.is_empty() {
            bail!("{function} answered {} ({error}) instead of 500", answer.status);
        }
        say(format_args!("{function}: 500, {error}"));
    }
    let credentials = json!({ "email": "proof@example.com", "password": "a long password" });
    let started = Instant::now();
    let log_in = api.post("/auth/login", None, &credentials).await?;
    slowest = slowest.max(started.elapsed());
    is_away(&log_in, "POST /auth/login")?;
    let started = Instant::now();
    let health = api.call(Method::GET, "/health", None, None).await?;
    slowest = slowest.max(started.elapsed());
    if health.status != 503 {
        bail!("GET /health answered {} instead of 503", health.status);
    }
    Ok(slowest)
}

fn is_away(answer: &Answer, what: &str) -> anyhow::Result<()> {
    if answer.status != 503 || !answer.is_problem() {
        bail!("{what} answered {} ({}) instead of a problem 503", answer.status, answer.body);
    }
    say(format_args!("{what}: 503, {}", answer.body["detail"].as_str().unwrap_or("no detail")));
    Ok(())
}

/// Asks until the same process is healthy; then it has to do what it could not before.
async fn recovers(api: &Api, handler: &mut Owned, opened: Instant) -> anyhow::Result<Duration> {
    while !api.is_healthy().await {
        handler.check_alive()?;
        if opened.elapsed() > 4 * RECOVERY {
            bail!("it did not notice that its backends are back");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let recovery = opened.elapsed();
    handler.check_alive()?;
    let timer = json!({ "timer": { "IsPastDue": true } });
    api.invoke("ExtractGoogleAds", &timer).await?.expect(200)?;
    let person = json!({
        "email": "proof@example.com", "password": "a long password", "name": "Proof" });
    api.post("/auth/signup", None, &person).await?.expect(201)?;
    Ok(recovery)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_on_this_machine_get_a_door() {
        assert_eq!(port_of("https://127.0.0.1:41229/devstoreaccount1/"), Some(41_229));
        assert_eq!(port_of("postgres://miq_app:secret@127.0.0.1:5432/marketing_iq"), Some(5_432));
        assert_eq!(port_of("blob"), None);
    }

    #[test]
    fn the_signing_key_has_the_length_of_an_ed25519_key() {
        let key = STANDARD.decode(token_key()).unwrap();
        // The outer sequence names the length of what follows it.
        assert_eq!((key.len(), usize::from(key[1])), (48, 46));
    }
}
