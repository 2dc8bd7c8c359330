//! Every function of the system, once. Routes, `function.json` files, OpenAPI and the
//! authorization test come from [`FUNCTIONS`], so none of them can drift.

use serde_json::{Value, json};

use crate::{Permission, Platform};

/// One Azure Function: a timer, a queue worker or an HTTP endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its folder, and the path of its envelope calls.
    pub name: &'static str,
    pub trigger: Trigger,
}

#[derive(Clone, Copy, Debug)]
pub enum Trigger {
    Timer(Timer),
    Queue(Queue),
    Http(Route),
}

/// Plans what is due for one platform.
#[derive(Clone, Copy, Debug)]
pub struct Timer {
    pub platform: Platform,
    /// The app setting that holds the six-field NCRONTAB schedule, in UTC.
    pub schedule_setting: &'static str,
}

/// When timers fire unless their setting says otherwise: every 30 minutes.
pub const DEFAULT_SCHEDULE: &str = "0 */30 * * * *";

/// The queue of builds.
pub const TRANSFORM_QUEUE: &str = "transform";

#[derive(Clone, Copy, Debug)]
pub struct Queue {
    pub queue: &'static str,
    pub work: Work,
}

/// What a queue worker does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Extract and load one job of this platform.
    Job(Platform),
    /// Build, test and publish.
    Transform,
}

#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub method: Method,
    /// `/tenants/me/users/{id}`: literal segments and `{variables}`.
    pub path: &'static str,
    pub access: Access,
    /// One line for OpenAPI and the route list.
    pub summary: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Patch,
    Delete,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Anyone with a valid token, whichever tenant it names.
    SignedIn,
    /// A role in the token's tenant that allows this.
    Tenant(Permission),
    /// The organization's owner.
    Organization,
}

impl Function {
    pub fn find(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }

    /// The HTTP functions with their routes.
    pub fn http() -> impl Iterator<Item = (&'static Self, &'static Route)> {
        FUNCTIONS.iter().filter_map(|function| match &function.trigger {
            Trigger::Http(route) => Some((function, route)),
            Trigger::Timer(_) | Trigger::Queue(_) => None,
        })
    }

    /// The contents of its `function.json`.
    pub fn definition(&self) -> Value {
        match self.trigger {
            Trigger::Timer(timer) => json!({
                "bindings": [{
                    "type": "timerTrigger",
                    "direction": "in",
                    "name": "timer",
                    "schedule": format!("%{}%", timer.schedule_setting),
                    "runOnStartup": false,
                    "useMonitor": true,
                }],
                "retry": {
                    "strategy": "fixedDelay",
                    "maxRetryCount": 3,
                    "delayInterval": "00:01:00",
                },
            }),
            Trigger::Queue(queue) => json!({
                "bindings": [{
                    "type": "queueTrigger",
                    "direction": "in",
                    "name": "message",
                    "queueName": queue.queue,
                    "connection": QUEUE_CONNECTION,
                }],
            }),
            // Exactly one trigger and one output: with a second output the host would switch
            // the function to the envelope protocol.
            Trigger::Http(route) => json!({
                "bindings": [
                    {
                        "type": "httpTrigger",
                        "direction": "in",
                        "name": "request",
                        "authLevel": "anonymous",
                        "methods": [route.method.as_str().to_ascii_lowercase()],
                        "route": route.path.trim_start_matches('/'),
                    },
                    { "type": "http", "direction": "out", "name": "response" },
                ],
            }),
        }
    }
}

/// The prefix of the app settings that tell the Functions host where the queues are.
pub const QUEUE_CONNECTION: &str = "MIQ_QUEUES";

const fn timer(name: &'static str, platform: Platform, schedule_setting: &'static str) -> Function {
    Function { name, trigger: Trigger::Timer(Timer { platform, schedule_setting }) }
}

const fn queue(name: &'static str, queue: &'static str, work: Work) -> Function {
    Function { name, trigger: Trigger::Queue(Queue { queue, work }) }
}

const fn http(
    name: &'static str,
    method: Method,
    path: &'static str,
    access: Access,
    summary: &'static str,
) -> Function {
    Function { name, trigger: Trigger::Http(Route { method, path, access, summary }) }
}

use Access::{Organization, Public, SignedIn, Tenant};
use Method::{Delete, Get, Patch, Post};
use Permission::{Administer, Read, Sync};

/// All functions, in the order in which documents list them.
#[rustfmt::skip]
pub static FUNCTIONS: &[Function] = &[
    // What the clock starts.
    timer("ExtractGoogleAds", Platform::GoogleAds, "MIQ_SCHEDULE_GOOGLE_ADS"),
    timer("ExtractMetaAds", Platform::MetaAds, "MIQ_SCHEDULE_META_ADS"),
    timer("ExtractGoogleAnalytics", Platform::GoogleAnalytics, "MIQ_SCHEDULE_GOOGLE_ANALYTICS"),

    // What a message starts.
    queue("RunGoogleAdsJob", Platform::GoogleAds.queue(), Work::Job(Platform::GoogleAds)),
    queue("RunMetaAdsJob", Platform::MetaAds.queue(), Work::Job(Platform::MetaAds)),
    queue("RunGoogleAnalyticsJob", Platform::GoogleAnalytics.queue(), Work::Job(Platform::GoogleAnalytics)),
    queue("RunTransform", TRANSFORM_QUEUE, Work::Transform),

    // People.
    http("SignUp", Post, "/auth/signup", Public, "Create an account, or redeem an invitation"),
    http("LogIn", Post, "/auth/login", Public, "Exchange e-mail and password for tokens"),
    http("RefreshToken", Post, "/auth/refresh", Public, "Rotate a refresh token; optionally switch the active tenant"),
    http("LogOut", Post, "/auth/logout", Public, "End the session of a refresh token"),

    // Tenants and their people.
    http("ListTenants", Get, "/tenants", SignedIn, "List the tenants you may enter"),
    http("CreateTenant", Post, "/tenants", Organization, "Create a tenant in your organization"),
    http("GetTenant", Get, "/tenants/me", Tenant(Read), "Show the active tenant"),
    http("UpdateTenant", Patch, "/tenants/me", Tenant(Administer), "Change name, time zone, reporting currency or Meta conversion actions"),
    http("ListUsers", Get, "/tenants/me/users", Tenant(Administer), "List the tenant's people and open invitations"),
    http("InviteUser", Post, "/tenants/me/users", Tenant(Administer), "Invite a person with a role; answers with a one-time token"),
    http("RemoveUser", Delete, "/tenants/me/users/{id}", Tenant(Administer), "Remove a person, or withdraw an invitation"),

    // Consent, credentials, accounts.
    http("ConnectGoogleAds", Post, "/tenants/me/oauth/google-ads", Tenant(Administer), "Start the consent for Google Ads"),
    http("ConnectMetaAds", Post, "/tenants/me/oauth/meta", Tenant(Administer), "Start the consent for Meta Ads"),
    http("ConnectGoogleAnalytics", Post, "/tenants/me/oauth/ga", Tenant(Administer), "Start the consent for Google Analytics 4"),
    http("OAuthCallback", Get, "/oauth/callback/{platform}", Public, "Where a platform sends the browser back after consent"),
    http("ListCredentials", Get, "/credentials", Tenant(Administer), "List the credentials you may use"),
    http("ListCredentialAccounts", Get, "/credentials/{id}/accounts", Tenant(Administer), "List the platform accounts that a credential reaches"),
    http("ListConnections", Get, "/tenants/me/connections", Tenant(Read), "List the accounts assigned to the tenant"),
    http("CreateConnection", Post, "/tenants/me/connections", Tenant(Administer), "Assign a platform account to the tenant"),
    http("DeleteConnection", Delete, "/tenants/me/connections/{id}", Tenant(Administer), "Stop reading an account; its history stays"),

    // Figures.
    http("ListDashboards", Get, "/api/v1/dashboards", Tenant(Read), "List dashboards"),
    http("GetDashboard", Get, "/api/v1/dashboards/{id}", Tenant(Read), "A dashboard's figures for a range of days"),
    http("GetMetrics", Get, "/api/v1/metrics", Tenant(Read), "Daily figures by platform"),
    http("ListCampaigns", Get, "/api/v1/campaigns", Tenant(Read), "Campaigns with their totals for a range of days"),
    http("GetCampaignPerformance", Get, "/api/v1/campaigns/{id}/performance", Tenant(Read), "A campaign's figures day by day"),

    // Runs.
    http("StartSync", Post, "/api/v1/sync", Tenant(Sync), "Start a sync now"),
    http("ListRuns", Get, "/api/v1/runs", Tenant(Read), "List runs, newest first"),
    http("GetRun", Get, "/api/v1/runs/{id}", Tenant(Read), "A run with its jobs"),

    // The deployment.
    http("Health", Get, "/health", Public, "Whether the deployment can answer, part by part"),
    http("OpenApi", Get, "/openapi.json", Public, "This API as OpenAPI 3.1"),
    http("Docs", Get, "/docs", Public, "This API as a page to read and try"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_routes_are_unique() {
        let names: HashSet<_> =
            FUNCTIONS.iter().map(|function| function.name.to_ascii_lowercase()).collect();
        assert_eq!(names.len(), FUNCTIONS.len());
        let routes: HashSet<_> =
            Function::http().map(|(_, route)| (route.method, route.path)).collect();
        assert_eq!(routes.len(), Function::http().count());
    }

    /// The host forwards public requests with their own path, and calls timers and queues at
    /// `/<FunctionName>`: a public route that matched one would let an outsider start it.
    #[test]
    fn no_public_route_reaches_a_timer_or_queue_function() {
        let internal = FUNCTIONS.iter().filter(|f| !matches!(f.trigger, Trigger::Http(_)));
        for function in internal {
            for (_, route) in Function::http() {
                let mut segments = route.path.trim_start_matches('/').split('/');
                let first = segments.next().unwrap();
                let could_match = segments.next().is_none()
                    && (first.starts_with('{') || first.eq_ignore_ascii_case(function.name));
                assert!(!could_match, "{} is reachable at {}", function.name, route.path);
            }
        }
    }

    #[test]
    fn an_http_function_has_one_trigger_and_one_output() {
        for (function, _) in Function::http() {
            let definition = function.definition();
            let kinds: Vec<_> = definition["bindings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|binding| binding["type"].as_str().unwrap())
                .collect();
            assert_eq!(kinds, ["httpTrigger", "http"], "{}", function.name);
        }
    }
}
