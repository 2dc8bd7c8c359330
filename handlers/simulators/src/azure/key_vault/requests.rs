//! A vault's operations on secrets, as their requests name them.
//!
//! <https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups>

use serde_json::{Value, json};
use warp::http::{Method, StatusCode};

use super::refusal::Refusal;
use super::shelf::{Input, Secret, Shelf, Version};
use crate::wire::{Answer, Call};

/// The versions of the interface that a vault knows.
const API_VERSIONS: [&str; 11] = [
    "2015-06-01",
    "2016-10-01",
    "7.0",
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6",
    "2025-06-01-preview",
    "2025-07-01",
];

const LONGEST_NAME: usize = 127;

/// The most entries of a page, and how many there are if nobody says.
const PAGE: usize = 25;

/// How long a vault keeps what is deleted, in days.
const RETENTION_DAYS: i64 = 90;

/// One request for the vault, its parts checked.
#[derive(Clone, Debug)]
pub(super) enum Operation<'a> {
    Set { name: &'a str },
    Get { name: &'a str, version: Option<&'a str> },
    Update { name: &'a str, version: Option<&'a str> },
    Delete { name: &'a str },
    List,
    ListVersions { name: &'a str },
    ListDeleted,
    GetDeleted { name: &'a str },
    Recover { name: &'a str },
    Purge { name: &'a str },
}

impl<'a> Operation<'a> {
    pub(super) fn of(method: &Method, path: &[&'a str]) -> Result<Self, Refusal> {
        let operation = match (method.as_str(), path) {
            ("GET", ["secrets"]) => Self::List,
            ("GET", ["secrets", name, "versions"]) => Self::ListVersions { name },
            ("PUT", ["secrets", name]) => Self::Set { name },
            ("GET", ["secrets", name]) => Self::Get { name, version: None },
            ("GET", ["secrets", name, version]) => Self::Get { name, version: Some(version) },
            ("PATCH", ["secrets", name]) => Self::Update { name, version: None },
            ("PATCH", ["secrets", name, version]) => Self::Update { name, version: Some(version) },
            ("DELETE", ["secrets", name]) => Self::Delete { name },
            ("GET", ["deletedsecrets"]) => Self::ListDeleted,
            ("GET", ["deletedsecrets", name]) => Self::GetDeleted { name },
            ("POST", ["deletedsecrets", name, "recover"]) => Self::Recover { name },
            ("DELETE", ["deletedsecrets", name]) => Self::Purge { name },
            _ => return Err(Refusal::NoRoute),
        };
        let name = path.get(1).copied().unwrap_or("any");
        let fits = (1..=LONGEST_NAME).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !fits {
            let message = format!("The request URI contains an invalid name: {name}");
            return Err(Refusal::BadParameter(message));
        }
        Ok(operation)
    }

    /// The permission that the operation needs, as role definitions name it.
    pub(super) fn action(&self) -> &'static str {
        match self {
            Self::Set { .. } => "setSecret/action",
            Self::Get { .. } => "getSecret/action",
            Self::Update { .. } => "update/action",
            Self::Delete { .. } => "delete",
            Self::List
            | Self::ListVersions { .. }
            | Self::ListDeleted
            | Self::GetDeleted { .. } => "readMetadata/action",
            Self::Recover { .. } => "recover/action",
            Self::Purge { .. } => "purge/action",
        }
    }

    pub(super) fn run(&self, kept: &mut Shelf, call: &Call) -> Result<Answer, Refusal> {
        let base = call.base_url.as_str();
        Ok(match *self {
            Self::Set { name } => {
                let body = input(call)?;
                let level = kept.level();
                let secret = kept.set(name, body)?;
                Answer::ok(&bundle(base, level, secret, secret.newest(), true))
            }
            Self::Get { name, version } => {
                let (secret, version) = kept.get(name, version)?;
                Answer::ok(&bundle(base, kept.level(), secret, version, true))
            }
            Self::Update { name, version } => {
                let level = kept.level();
                let (secret, version) = kept.update(name, version, input(call)?)?;
                Answer::ok(&bundle(base, level, secret, version, false))
            }
            Self::Delete { name } => {
                let level = kept.level();
                let (secret, at) = kept.delete(name)?;
                Answer::ok(&deleted(base, level, secret, at))
            }
            Self::List => {
                let level = kept.level();
                let items = kept.live().map(|secret| listed(base, level, secret));
                page(call, items.collect())?
            }
            Self::ListVersions { name } => {
                let (level, secret) = (kept.level(), kept.secret(name)?);
                let versions = secret.versions.iter();
                let items = versions.map(|version| bundle(base, level, secret, version, false));
                page(call, items.collect())?
            }
            Self::ListDeleted => {
                let level = kept.level();
                let items = kept.deleted().filter_map(|secret| {
                    let mut item = deleted(base, level, secret, secret.deleted_at()?);
                    item["id"] = json!(format!("{base}/secrets/{}", secret.name));
                    Some(item)
                });
                page(call, items.collect())?
            }
            Self::GetDeleted { name } => {
                let level = kept.level();
                let (secret, at) = kept.deleted_secret(name)?;
                Answer::ok(&deleted(base, level, secret, at))
            }
            Self::Recover { name } => {
                let level = kept.level();
                let secret = kept.recover(name)?;
                Answer::ok(&bundle(base, level, secret, secret.newest(), false))
            }
            Self::Purge { name } => {
                kept.purge(name)?;
                Answer::text(StatusCode::NO_CONTENT, "application/json", "")
            }
        })
    }
}

/// A request says which version of the interface it means.
pub(super) fn check_version(call: &Call) -> Result<(), Refusal> {
    match call.query("api-version") {
        Some(version) if API_VERSIONS.contains(&version) => Ok(()),
        Some(version) => Err(Refusal::BadParameter(format!(
            "The specified version ({version}) is not recognized."
        ))),
        None => Err(Refusal::BadParameter("api-version must be specified".to_owned())),
    }
}

fn input(call: &Call) -> Result<Input, Refusal> {
    serde_json::from_slice(&call.body).map_err(|error| {
        Refusal::BadParameter(format!("The request body is not what it should be: {error}"))
    })
}

/// How well the vault's secrets can be recovered, which stands with each of them.
type Level = &'static str;

impl Shelf {
    fn level(&self) -> Level {
        if self.purge_protected { "Recoverable" } else { "Recoverable+Purgeable" }
    }
}

fn bundle(base: &str, level: Level, secret: &Secret, version: &Version, value: bool) -> Value {
    let mut bundle = json!({
        "id": format!("{base}/secrets/{}/{}", secret.name, version.id),
        "attributes": attributes(level, version),
    });
    let input = &version.input;
    if value {
        bundle["value"] = json!(input.value);
    }
    if let Some(kind) = &input.content_type {
        bundle["contentType"] = json!(kind);
    }
    if let Some(tags) = &input.tags {
        bundle["tags"] = json!(tags);
    }
    bundle
}

fn attributes(level: Level, version: &Version) -> Value {
    let mut attributes = json!(version.input.attributes);
    attributes["enabled"] = json!(version.enabled());
    attributes["created"] = json!(version.created);
    attributes["updated"] = json!(version.updated);
    attributes["recoveryLevel"] = json!(level);
    attributes["recoverableDays"] = json!(RETENTION_DAYS);
    attributes
}

/// In a list a secret stands without its version.
fn listed(base: &str, level: Level, secret: &Secret) -> Value {
    let mut item = bundle(base, level, secret, secret.newest(), false);
    item["id"] = json!(format!("{base}/secrets/{}", secret.name));
    item
}

fn deleted(base: &str, level: Level, secret: &Secret, at: i64) -> Value {
    let mut item = bundle(base, level, secret, secret.newest(), false);
    item["recoveryId"] = json!(format!("{base}/deletedsecrets/{}", secret.name));
    item["deletedDate"] = json!(at);
    item["scheduledPurgeDate"] = json!(at + RETENTION_DAYS * 24 * 60 * 60);
    item
}

/// One page of a list, with the address of the next.
fn page(call: &Call, items: Vec<Value>) -> Result<Answer, Refusal> {
    let size = match call.query("maxresults") {
        None => PAGE,
        Some(size) => size
            .parse()
            .ok()
            .filter(|size| (1..=PAGE).contains(size))
            .ok_or_else(|| Refusal::BadParameter("invalid maxresults".to_owned()))?,
    };
    let start: usize = match call.query("$skiptoken") {
        None => 0,
        Some(token) => {
            token.parse().map_err(|_| Refusal::BadParameter("invalid $skiptoken".to_owned()))?
        }
    };
    let end = start + size;
    let next = (end < items.len()).then(|| {
        let version = call.query("api-version").unwrap_or_default();
        let (base, path) = (&call.base_url, &call.path);
        format!("{base}/{path}?api-version={version}&maxresults={size}&$skiptoken={end}")
    });
    let value: Vec<Value> = items.into_iter().skip(start).take(size).collect();
    Ok(Answer::ok(&json!({ "value": value, "nextLink": next })))
}
