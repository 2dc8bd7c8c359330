//! The Google Ads API over REST: `listAccessibleCustomers`, `googleAds:search` and
//! `googleAds:searchStream`.
//!
//! Source of every shape: the API's reference for v26 and its protobuf classes.

mod errors;
mod fields;
mod gaql;
mod lexer;
mod parser;
mod rows;
mod split;
mod stream;
mod values;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Platform;
use serde_json::{Value, json};
use warp::http::{Method, StatusCode};

use errors::Failure;
pub(crate) use errors::status_name;
use gaql::Query;
use rows::{Customer, Row};

use crate::faults::{Fault, Site};
use crate::oauth::{Family, Pass, Person, Refusal};
use crate::server::{disturb, not_found};
use crate::universe::{Account, MANAGER_ID};
use crate::wire::{Answer, Call};
use crate::world::World;

/// Versions that Google serves; the oldest goes about a year after its launch.
const LIVE_VERSIONS: std::ops::RangeInclusive<u32> = 23..=26;

const SCOPE: &str = "https://www.googleapis.com/auth/adwords";

/// Rows of one chunk or page.
const PAGE: usize = 10_000;

/// What a throttled call is told to wait.
const THROTTLED_SECONDS: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    ListAccessibleCustomers,
    Search,
    SearchStream,
}

impl Endpoint {
    fn name(self) -> &'static str {
        match self {
            Self::ListAccessibleCustomers => "listAccessibleCustomers",
            Self::Search => "search",
            Self::SearchStream => "searchStream",
        }
    }
}

/// What is needed to answer one call.
struct Context<'a> {
    world: &'a Arc<World>,
    call: &'a Call,
    endpoint: Endpoint,
    customer_id: Option<&'a str>,
}

/// Answers a call below `/vN/`; `path` is what follows the version.
pub(crate) async fn answer(
    world: &Arc<World>,
    call: &Call,
    version: &str,
    path: &[&str],
) -> Answer {
    let (endpoint, customer_id) = match (&call.method, path) {
        (&Method::GET, ["customers:listAccessibleCustomers"]) => {
            (Endpoint::ListAccessibleCustomers, None)
        }
        (&Method::POST, ["customers", id, "googleAds:search"]) => (Endpoint::Search, Some(*id)),
        (&Method::POST, ["customers", id, "googleAds:searchStream"]) => {
            (Endpoint::SearchStream, Some(*id))
        }
        _ => return not_found(&call.path),
    };
    world.stats.count(Platform::GoogleAds, endpoint.name(), customer_id);
    let context = Context { world, call, endpoint, customer_id };
    let request_id = uuid::Uuid::new_v4().simple().to_string();
    let streaming = endpoint == Endpoint::SearchStream;

    let mut fault = None;
    let answered = async {
        let number = version.trim_start_matches('v').parse().unwrap_or_default();
        if !LIVE_VERSIONS.contains(&number) {
            return Err(Failure::unsupported_version(version));
        }
        let pass =
            world.oauth.check(Family::Google, call.bearer(), SCOPE).map_err(Failure::of_token)?;
        let body = call.json().map_err(|_| {
            Failure::request("UNKNOWN", "Invalid JSON payload received. Unable to parse.")
        })?;
        fault = world.faults.take(Site {
            platform: Platform::GoogleAds,
            endpoint: endpoint.name(),
            account_id: customer_id,
            continues: body["pageToken"].is_string(),
        });
        if let Some(failure) = fault.and_then(|fault| ordered(world, fault, version, &pass)) {
            return Err(failure);
        }
        context.answer(&pass, &body, &request_id).await
    }
    .await;
    match answered {
        Ok(answer) => disturb(fault, answer.with_header("request-id", request_id)).await,
        Err(failure) => failure.answer(version, &request_id, streaming),
    }
}

/// The refusal that a test ordered, if the fault is one.
fn ordered(world: &World, fault: Fault, version: &str, pass: &Pass) -> Option<Failure> {
    match fault {
        Fault::Throttle => Some(Failure::throttled(THROTTLED_SECONDS)),
        Fault::ServerError => Some(Failure::internal()),
        Fault::ServiceUnavailable => Some(Failure::unavailable()),
        Fault::ErrorInOk => Some(Failure::internal().with_status(StatusCode::OK)),
        Fault::TokenExpired => Some(Failure::of_token(Refusal::Expired)),
        Fault::Revoked => {
            world.oauth.withdraw(&pass.grant);
            Some(Failure::of_token(Refusal::Revoked))
        }
        Fault::DeadVersion => Some(Failure::unsupported_version(version)),
        Fault::ExpiredPageToken => Some(Failure::request(
            "EXPIRED_PAGE_TOKEN",
            "The page token in the request has expired.",
        )),
        Fault::AccountDisabled => Some(Failure::authorization(
            "CUSTOMER_NOT_ENABLED",
            "The customer account can't be accessed because it is not yet enabled or has been \
             deactivated.",
        )),
        Fault::PermissionDenied => Some(permission_denied()),
        Fault::Reset
        | Fault::Truncated
        | Fault::HalfJson
        | Fault::Slow
        | Fault::StuckReport
        | Fault::FailedReport => None,
    }
}

fn permission_denied() -> Failure {
    Failure::authorization(
        "USER_PERMISSION_DENIED",
        "User doesn't have permission to access customer. Note: If you're accessing a client \
         customer, the manager's customer id must be set in the 'login-customer-id' header. See \
         https://developers.google.com/google-ads/api/docs/concepts/call-structure#cid",
    )
}

impl Context<'_> {
    async fn answer(&self, pass: &Pass, body: &Value, request_id: &str) -> Result<Answer, Failure> {
        let Some(customer_id) = self.customer_id else {
            return Ok(list_accessible_customers(self.world, pass.person));
        };
        self.check_access(pass.person, customer_id)?;
        let query = Query::parse(body["query"].as_str().unwrap_or_default())?;
        if self.endpoint == Endpoint::SearchStream {
            let world = Arc::clone(self.world);
            stream::answer(world, pass.person, customer_id.to_owned(), query, request_id).await
        } else {
            if !body["pageSize"].is_null() {
                return Err(Failure::request(
                    "PAGE_SIZE_NOT_SUPPORTED",
                    "Setting the page size is not supported. Search responses have a fixed page \
                     size of 10000 rows.",
                ));
            }
            let (customer, clients) = customer(self.world, pass.person, customer_id)?;
            let rows = rows::run(self.world, customer, &clients, &query)?;
            search_page(&rows, &query, body)
        }
    }

    /// Which login reaches which account: a client's own directly, the agency its clients'
    /// through the manager account that it must name.
    fn check_access(&self, person: Person, customer_id: &str) -> Result<(), Failure> {
        if customer_id.len() != 10 || !customer_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Failure::request(
                "INVALID_CUSTOMER_ID",
                format!("Invalid customer ID '{customer_id}'."),
            ));
        }
        let through = self.call.header("login-customer-id");
        let allowed = match through {
            Some(MANAGER_ID) => person.is_agency(),
            Some(other) => other == customer_id && !person.is_agency(),
            None => !person.is_agency() || customer_id == MANAGER_ID,
        };
        if allowed { Ok(()) } else { Err(permission_denied()) }
    }
}

/// The account that is asked, and the clients below it.
fn customer<'a>(
    world: &'a World,
    person: Person,
    customer_id: &str,
) -> Result<(Customer<'a>, Vec<&'a Account>), Failure> {
    if customer_id == MANAGER_ID && person.is_agency() {
        let clients = person.accounts(&world.universe, Platform::GoogleAds).collect();
        return Ok((Customer::Manager, clients));
    }
    person
        .account(&world.universe, Platform::GoogleAds, customer_id)
        .map(|account| (Customer::Client(account), Vec::new()))
        .ok_or_else(permission_denied)
}

/// The accounts that a login reaches directly: the agency only its manager account.
fn list_accessible_customers(world: &World, person: Person) -> Answer {
    let names: Vec<String> = if person.is_agency() {
        vec![format!("customers/{MANAGER_ID}")]
    } else {
        person
            .accounts(&world.universe, Platform::GoogleAds)
            .map(|account| format!("customers/{}", account.id))
            .collect()
    };
    Answer::ok(&json!({ "resourceNames": names }))
}

/// One page of `googleAds:search`: the token names the row that the next page begins with.
fn search_page(rows: &[Row<'_>], query: &Query, body: &Value) -> Result<Answer, Failure> {
    let start = match body["pageToken"].as_str().filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => {
            read_page_token(token).filter(|start| *start < rows.len()).ok_or_else(|| {
                Failure::request("INVALID_PAGE_TOKEN", "The page token in the request is invalid.")
            })?
        }
    };
    let end = rows.len().min(start + PAGE);
    let results: Vec<Value> = rows[start..end].iter().map(|row| row.to_json(query)).collect();
    let mut page = json!({ "fieldMask": stream::field_mask(query) });
    if !results.is_empty() {
        page["results"] = Value::Array(results);
    }
    if end < rows.len() {
        page["nextPageToken"] = Value::String(page_token(end));
    }
    if body["searchSettings"]["returnTotalResultsCount"].as_bool() == Some(true) {
        page["totalResultsCount"] = Value::String(rows.len().to_string());
    }
    Ok(Answer::ok(&page))
}

fn page_token(start: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("page:{start}"))
}

fn read_page_token(token: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("page:")?.parse().ok()
}
