//! Google Analytics: the Admin API's list of properties, the Data API's reports.

mod errors;
mod fields;
mod filter;
mod report;
mod request;

use std::sync::Arc;

use domain::Platform;
use serde_json::{Value, json};
use warp::http::{Method, StatusCode};

use errors::Failure;
use request::Report;

use crate::faults::{Fault, Site};
use crate::oauth::{Family, Pass, Person, Refusal};
use crate::server::{disturb, not_found};
use crate::universe::Account;
use crate::wire::{Answer, Call};
use crate::world::World;

const SCOPE: &str = "https://www.googleapis.com/auth/analytics.readonly";

/// Account summaries of one page, unless the call asks otherwise; 200 at most.
const DEFAULT_PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;

/// What a throttled call is told to wait.
const THROTTLED_SECONDS: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    AccountSummaries,
    Property,
    Metadata,
    RunReport,
}

impl Endpoint {
    fn name(self) -> &'static str {
        match self {
            Self::AccountSummaries => "accountSummaries",
            Self::Property => "property",
            Self::Metadata => "metadata",
            Self::RunReport => "runReport",
        }
    }
}

/// Answers a call below `/v1beta/`; `path` is what follows the version.
pub(crate) async fn answer(world: &Arc<World>, call: &Call, path: &[&str]) -> Answer {
    let (endpoint, property) = match (&call.method, path) {
        (&Method::GET, ["accountSummaries"]) => (Endpoint::AccountSummaries, None),
        (&Method::GET, ["properties", id]) => (Endpoint::Property, Some(*id)),
        (&Method::GET, ["properties", id, "metadata"]) => (Endpoint::Metadata, Some(*id)),
        (&Method::POST, ["properties", id]) if id.ends_with(":runReport") => {
            (Endpoint::RunReport, id.strip_suffix(":runReport"))
        }
        _ => return not_found(&call.path),
    };
    world.stats.count(Platform::GoogleAnalytics, endpoint.name(), property);

    let pass = match world.oauth.check(Family::Google, call.bearer(), SCOPE) {
        Ok(pass) => pass,
        Err(refusal) => return Failure::of_token(refusal).answer(),
    };
    let Ok(body) = call.json() else {
        return Failure::invalid("Invalid JSON payload received.").answer();
    };
    let fault = world.faults.take(Site {
        platform: Platform::GoogleAnalytics,
        endpoint: endpoint.name(),
        account_id: property,
        continues: call.query("pageToken").is_some_and(|token| !token.is_empty()),
    });
    if let Some(answer) = fault.and_then(|fault| ordered(world, fault, call, &pass)) {
        return answer;
    }
    let answered = match property {
        None => account_summaries(world, call, pass.person),
        Some(property) => pass
            .person
            .account(&world.universe, Platform::GoogleAnalytics, property)
            .ok_or_else(Failure::denied)
            .and_then(|account| match endpoint {
                Endpoint::Property => Ok(property_of(account, numbered(call))),
                Endpoint::Metadata => Ok(metadata(account, numbered(call))),
                _ => run_report(world, call, account, &body),
            }),
    };
    disturb(fault, answered.unwrap_or_else(|failure| failure.answer())).await
}

/// The refusal that a test ordered, if the fault is one.
fn ordered(world: &World, fault: Fault, call: &Call, pass: &Pass) -> Option<Answer> {
    let internal = Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error encountered.");
    let failure = match fault {
        Fault::Throttle => Failure::throttled(THROTTLED_SECONDS),
        Fault::ServerError => internal,
        Fault::ServiceUnavailable => {
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "The service is currently unavailable.")
        }
        Fault::ErrorInOk => return Some(internal.answer_with(StatusCode::OK)),
        Fault::TokenExpired => Failure::of_token(Refusal::Expired),
        Fault::Revoked => {
            world.oauth.withdraw(&pass.grant);
            Failure::of_token(Refusal::Revoked)
        }
        Fault::DeadVersion => return Some(not_found(&call.path)),
        Fault::ExpiredPageToken => Failure::invalid("The page token is invalid or has expired."),
        Fault::AccountDisabled | Fault::PermissionDenied => Failure::denied(),
        Fault::Reset
        | Fault::Truncated
        | Fault::HalfJson
        | Fault::Slow
        | Fault::StuckReport
        | Fault::FailedReport => return None,
    };
    Some(failure.answer())
}

/// Whether enumerations are to be written as numbers (`$alt=json;enum-encoding=int`).
fn numbered(call: &Call) -> bool {
    ["$alt", "alt"]
        .iter()
        .any(|name| call.query(name).is_some_and(|alt| alt.contains("enum-encoding=int")))
}

fn run_report(
    world: &World,
    call: &Call,
    account: &Account,
    body: &Value,
) -> Result<Answer, Failure> {
    let report = Report::read(body, world.today(account))?;
    report::run(world, account, &report, numbered(call)).map(|answer| Answer::ok(&answer))
}

/// Each client is an Analytics account with one property.
fn account_summaries(world: &World, call: &Call, person: Person) -> Result<Answer, Failure> {
    let size = match call.query("pageSize").map(str::parse::<usize>) {
        None | Some(Ok(0)) => DEFAULT_PAGE,
        Some(Ok(size)) => size.min(LARGEST_PAGE),
        Some(Err(_)) => return Err(Failure::invalid("Invalid value at 'page_size'.")),
    };
    let start = match call.query("pageToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token
            .strip_prefix("from-")
            .and_then(|start| start.parse().ok())
            .ok_or_else(|| Failure::invalid("The page token is invalid or has expired."))?,
    };
    let properties: Vec<&Account> =
        person.accounts(&world.universe, Platform::GoogleAnalytics).collect();
    let summaries: Vec<Value> = properties
        .iter()
        .skip(start)
        .take(size)
        .map(|property| {
            let account = format!("accounts/9{}", property.id);
            json!({
                "name": account.replacen("accounts", "accountSummaries", 1),
                "account": account,
                "displayName": property.name.trim_end_matches(" - GA4"),
                "propertySummaries": [{
                    "property": format!("properties/{}", property.id),
                    "displayName": property.name,
                    "propertyType": if numbered(call) {
                        json!(1)
                    } else {
                        json!("PROPERTY_TYPE_ORDINARY")
                    },
                    "parent": account,
                }],
            })
        })
        .collect();
    let mut page = json!({});
    if !summaries.is_empty() {
        page["accountSummaries"] = Value::Array(summaries);
    }
    if start + size < properties.len() {
        page["nextPageToken"] = Value::String(format!("from-{}", start + size));
    }
    Ok(Answer::ok(&page))
}

fn property_of(account: &Account, numbered: bool) -> Answer {
    let parent = format!("accounts/9{}", account.id);
    Answer::ok(&json!({
        "name": format!("properties/{}", account.id),
        "displayName": account.name,
        "propertyType": if numbered { json!(1) } else { json!("PROPERTY_TYPE_ORDINARY") },
        "parent": parent,
        "account": parent,
        "timeZone": account.time_zone.name(),
        "currencyCode": account.currency,
        "industryCategory": if numbered { json!(26) } else { json!("SHOPPING") },
        "serviceLevel": if numbered { json!(1) } else { json!("GOOGLE_ANALYTICS_STANDARD") },
        "createTime": "2020-01-06T09:00:00Z",
        "updateTime": "2020-01-06T09:00:00Z",
    }))
}

fn metadata(account: &Account, numbered: bool) -> Answer {
    let dimensions: Vec<Value> = fields::DIMENSIONS
        .iter()
        .map(|dimension| {
            json!({
                "apiName": dimension.name,
                "uiName": dimension.title,
                "description": dimension.title,
                "category": dimension.category,
            })
        })
        .collect();
    let metrics: Vec<Value> = fields::METRICS
        .iter()
        .map(|metric| {
            json!({
                "apiName": metric.name,
                "uiName": metric.title,
                "description": metric.title,
                "type": if numbered { json!(metric.kind.1) } else { json!(metric.kind.0) },
                "category": metric.category,
            })
        })
        .collect();
    Answer::ok(&json!({
        "name": format!("properties/{}/metadata", account.id),
        "dimensions": dimensions,
        "metrics": metrics,
    }))
}
