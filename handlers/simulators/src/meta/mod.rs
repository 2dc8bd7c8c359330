//! Meta's Graph: ad accounts, campaigns, insights at once or by report run, batches, tokens.

mod batch;
mod error;
mod insights;
mod listing;
mod objects;
mod params;
mod reports;
mod usage;
mod visit;

use std::sync::Arc;

use aws_lc_rs::hmac;
use domain::Platform;
use warp::http::{Method, StatusCode};

pub(crate) use error::GraphError;
use params::Params;
pub(crate) use reports::Reports;
use visit::Visit;

use crate::faults::{Fault, REPORT_RUN, Site, TOKEN};
use crate::oauth::{self, CLIENT_SECRET, Family, Pass, Refusal};
use crate::server::disturb;
use crate::wire::{Answer, Call};
use crate::world::World;

/// Versions that serve ads.
const LIVE_VERSIONS: [&str; 2] = ["v25.0", "v26.0"];

const SCOPE: &str = "ads_read";

/// What a throttled call is told to wait.
const THROTTLED_SECONDS: u32 = 1;

/// Where a call goes, and the account that it is about.
enum Node<'a> {
    Token,
    DebugToken,
    Me,
    Permissions,
    AdAccounts,
    Account(&'a str),
    Campaigns(&'a str),
    Insights(&'a str),
    InsightsRun(&'a str),
    /// A campaign or report run.
    Object(&'a str),
    RunInsights(&'a str),
}

impl<'a> Node<'a> {
    fn find(method: &Method, path: &[&'a str]) -> Option<Self> {
        let account = |node: &'a str| node.strip_prefix("act_");
        let is_number = |node: &str| node.bytes().all(|byte| byte.is_ascii_digit());
        Some(match (method, path) {
            (&Method::GET | &Method::POST, ["oauth", "access_token"]) => Self::Token,
            (&Method::GET, ["debug_token"]) => Self::DebugToken,
            (&Method::GET, ["me"]) => Self::Me,
            (&Method::GET | &Method::DELETE, [_, "permissions"]) => Self::Permissions,
            (&Method::GET, ["me", "adaccounts"]) => Self::AdAccounts,
            (&Method::GET, [node]) if account(node).is_some() => Self::Account(account(node)?),
            (&Method::GET, [node, "campaigns"]) => Self::Campaigns(account(node)?),
            (&Method::GET, [node, "insights"]) if is_number(node) => Self::RunInsights(node),
            (&Method::GET, [node, "insights"]) => Self::Insights(account(node)?),
            (&Method::POST, [node, "insights"]) => Self::InsightsRun(account(node)?),
            (&Method::GET, [node]) if is_number(node) => Self::Object(node),
            _ => return None,
        })
    }

    fn endpoint(&self) -> &'static str {
        match self {
            Self::Token => TOKEN,
            Self::DebugToken => "debug_token",
            Self::Me => "me",
            Self::Permissions => "permissions",
            Self::AdAccounts => "adaccounts",
            Self::Account(_) => "account",
            Self::Campaigns(_) => "campaigns",
            Self::Insights(_) => "insights",
            Self::InsightsRun(_) => REPORT_RUN,
            Self::Object(_) => "report_run",
            Self::RunInsights(_) => "report_run_insights",
        }
    }

    fn account_id(&self, world: &World) -> Option<String> {
        match self {
            Self::Account(id)
            | Self::Campaigns(id)
            | Self::Insights(id)
            | Self::InsightsRun(id) => Some((*id).to_owned()),
            Self::Object(id) | Self::RunInsights(id) => {
                world.reports.find(id).map(|run| run.account_id)
            }
            _ => None,
        }
    }
}

/// Answers a call below `/vN.0/`; `path` is what follows the version.
pub(crate) async fn answer(
    world: &Arc<World>,
    call: &Call,
    version: &str,
    path: &[&str],
) -> Answer {
    if call.method == Method::POST && path.is_empty() {
        return match batch::answer(world, call, version).await {
            Ok(answer) => answer,
            Err(error) => error.answer(),
        };
    }
    single(world, call, version, path).await
}

async fn single(world: &Arc<World>, call: &Call, version: &str, path: &[&str]) -> Answer {
    let params = Params::of(call);
    let mut about = None;
    let mut fault = None;
    let answered = (|| {
        if !LIVE_VERSIONS.contains(&version) {
            return Err(dead_version());
        }
        let Some(node) = Node::find(&call.method, path) else {
            return Err(GraphError::new(
                2_500,
                format!("Unknown path components: /{}", path.join("/")),
            ));
        };
        let account_id = node.account_id(world);
        world.stats.count(Platform::MetaAds, node.endpoint(), account_id.as_deref());
        about.clone_from(&account_id);
        let site = Site {
            platform: Platform::MetaAds,
            endpoint: node.endpoint(),
            account_id: account_id.as_deref(),
            continues: params.get("after").is_some(),
        };
        let field = |name: &str| params.get(name);
        match node {
            Node::Token => {
                fault = world.faults.take(site);
                match fault.and_then(|fault| ordered(world, fault, None)) {
                    Some(error) => Err(error),
                    None => oauth::meta::access_token(&world.oauth, &field),
                }
            }
            Node::DebugToken => oauth::meta::debug_token(&world.oauth, &field),
            _ => {
                let pass = sign_in(world, call, &params, &node)?;
                fault = world.faults.take(site);
                match fault.and_then(|fault| ordered(world, fault, Some(&pass))) {
                    Some(error) => Err(error),
                    None => {
                        Visit { world, call, params: &params, pass: &pass }.answer(&node, fault)
                    }
                }
            }
        }
    })();
    let answer = answered.unwrap_or_else(|error| error.answer());
    let answer = usage::with_headers(world, answer, about.as_deref(), version);
    if fault == Some(Fault::ErrorInOk) {
        let error = GraphError::new(2, "Service temporarily unavailable").transient();
        return error.status(StatusCode::OK).answer();
    }
    disturb(fault, answer).await
}

fn dead_version() -> GraphError {
    GraphError::new(
        2_635,
        "(#2635) You are calling a deprecated version of the Ads API. Please upgrade to the \
         latest version: v26.0.",
    )
}

/// The person behind the call's token, which comes in the query, a form or a header.
fn sign_in(
    world: &World,
    call: &Call,
    params: &Params,
    node: &Node<'_>,
) -> Result<Pass, GraphError> {
    let token = params.get("access_token").or_else(|| call.bearer());
    let passed = world.oauth.check(Family::Meta, token, SCOPE);
    let pass = match (passed, node) {
        // One's own name and permissions need no permission.
        (Err(Refusal::Scope), Node::Me | Node::Permissions) => {
            world.oauth.check(Family::Meta, token, "public_profile")
        }
        (passed, _) => passed,
    }
    .map_err(GraphError::of_token)?;
    if let Some(proof) = params.get("appsecret_proof") {
        let key = hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
        let expected = hmac::sign(&key, token.unwrap_or_default().as_bytes());
        let hex: Vec<String> = expected.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        if proof != hex.concat() {
            return Err(GraphError::new(
                100,
                "Invalid appsecret_proof provided in the API argument",
            ));
        }
    }
    Ok(pass)
}

/// The refusal that a test ordered, if the fault is one.
fn ordered(world: &World, fault: Fault, pass: Option<&Pass>) -> Option<GraphError> {
    match fault {
        Fault::Throttle => Some(GraphError::throttled(THROTTLED_SECONDS)),
        Fault::ServerError => Some(
            GraphError::new(1, "An unknown error occurred")
                .subcode(99)
                .status(StatusCode::INTERNAL_SERVER_ERROR),
        ),
        Fault::ServiceUnavailable => Some(
            GraphError::new(2, "Service temporarily unavailable")
                .transient()
                .status(StatusCode::SERVICE_UNAVAILABLE),
        ),
        Fault::TokenExpired => Some(GraphError::of_token(Refusal::Expired)),
        Fault::Revoked => {
            if let Some(pass) = pass {
                world.oauth.withdraw(&pass.grant);
            }
            Some(GraphError::of_token(Refusal::Revoked))
        }
        Fault::DeadVersion => Some(dead_version()),
        Fault::ExpiredPageToken => {
            Some(GraphError::bad_parameter("after", "the cursor has expired"))
        }
        Fault::AccountDisabled => Some(
            GraphError::new(
                200,
                "(#200) The ad account is disabled. Please contact the account's owner.",
            )
            .subcode(1_487_056)
            .status(StatusCode::FORBIDDEN),
        ),
        Fault::PermissionDenied => Some(GraphError::of_token(Refusal::Scope)),
        Fault::Reset
        | Fault::Truncated
        | Fault::HalfJson
        | Fault::ErrorInOk
        | Fault::Slow
        | Fault::StuckReport
        | Fault::FailedReport => None,
    }
}
