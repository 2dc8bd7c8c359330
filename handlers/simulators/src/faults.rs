//! Faults that tests order: which, where, how often.

use std::sync::{Mutex, PoisonError};

use domain::Platform;
use serde::Deserialize;

/// What can go wrong at a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// Too many calls; the answer says how long to wait.
    Throttle,
    ServerError,
    ServiceUnavailable,
    /// The connection is cut before the answer.
    Reset,
    /// The connection is cut in the middle of the body.
    Truncated,
    /// A complete answer, 200, whose JSON stops half-way.
    #[serde(rename = "half_json_200")]
    HalfJson,
    /// 200 with an error object.
    #[serde(rename = "error_in_200")]
    ErrorInOk,
    /// The body trickles.
    Slow,
    /// The next call that continues a listing finds its page token expired.
    ExpiredPageToken,
    /// The next Meta report run never ends.
    StuckReport,
    /// The next Meta report run fails.
    FailedReport,
    /// The access token is said to have expired.
    TokenExpired,
    /// The consent behind the token is withdrawn, for good.
    Revoked,
    DeadVersion,
    AccountDisabled,
    PermissionDenied,
}

impl Fault {
    /// Whether it can hit such a call.
    fn fits(self, call: Site<'_>) -> bool {
        match self {
            Self::ExpiredPageToken => call.continues,
            Self::StuckReport | Self::FailedReport => call.endpoint == REPORT_RUN,
            _ => true,
        }
    }
}

/// The endpoint that starts a Meta report run.
pub(crate) const REPORT_RUN: &str = "insights_run";

/// Where a call goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) platform: Platform,
    pub(crate) endpoint: &'static str,
    pub(crate) account_id: Option<&'a str>,
    /// Whether it carries a page token.
    pub(crate) continues: bool,
}

/// One order of a test.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    platform: Platform,
    /// Any account when absent.
    account_id: Option<String>,
    /// Any endpoint that serves data when absent; as `/_stats` names it.
    endpoint: Option<String>,
    kind: Fault,
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

/// The endpoint names of token exchange; only orders that name one hit it.
pub(crate) const TOKEN: &str = "token";

#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Order>>);

impl Faults {
    pub(crate) fn order(&self, order: Order) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(order);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The fault that hits this call, if one was ordered; counted as spent.
    pub(crate) fn take(&self, site: Site<'_>) -> Option<Fault> {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let order = orders.iter_mut().find(|order| {
            order.times > 0
                && order.platform == site.platform
                && order.account_id.as_deref().is_none_or(|id| Some(id) == site.account_id)
                && match order.endpoint.as_deref() {
                    Some(endpoint) => endpoint == site.endpoint,
                    None => site.endpoint != TOKEN,
                }
                && order.kind.fits(site)
        })?;
        order.times -= 1;
        let kind = order.kind;
        orders.retain(|order| order.times > 0);
        Some(kind)
    }
}
