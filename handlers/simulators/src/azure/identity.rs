//! The endpoint that App Service and Functions give an app for tokens of its managed identity.
//!
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity>, "REST endpoint
//! reference", api-version 2019-08-01. It speaks plain HTTP on the app's own machine.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{BusinessClock, SystemClock};
use serde_json::json;
use url::Url;
use uuid::Uuid;
use warp::http::{Method, StatusCode};

use super::authority::Authority;
use super::server::{ANY_PORT, Server};
use super::tokens::Tokens;
use crate::wire::{Answer, Call};

/// The user-assigned identity of the app.
pub const USER_ASSIGNED_CLIENT_ID: &str = "0f2b6c1e-7a52-4d0b-8f7e-3c9a51f0e2a4";

/// The app's own identity, which no client id is needed for.
const SYSTEM_ASSIGNED_CLIENT_ID: &str = "b7a9d4c2-1e64-49d5-a0f3-92c1c7d86b35";

const API_VERSION: &str = "2019-08-01";

/// What the platform gives to a managed identity.
const DEFAULT_LIFETIME: Duration = Duration::from_hours(24);

/// A running endpoint; clones are handles to it, and it stops with the last of them.
#[derive(Clone)]
pub struct IdentityEndpoint {
    server: Server,
    header: String,
    orders: Arc<Mutex<Orders>>,
}

struct Orders {
    lifetime: Duration,
    throttled: u32,
    retry_after: Duration,
    issued: usize,
}

impl IdentityEndpoint {
    /// Starts on a free port.
    pub async fn start(authority: &Authority) -> anyhow::Result<Self> {
        Self::listen(ANY_PORT, authority).await
    }

    /// Starts on a port of one's choice; 0 takes a free one.
    pub async fn listen(listen: SocketAddr, authority: &Authority) -> anyhow::Result<Self> {
        let header = Uuid::new_v4().simple().to_string();
        let orders = Arc::new(Mutex::new(Orders {
            lifetime: DEFAULT_LIFETIME,
            throttled: 0,
            retry_after: Duration::ZERO,
            issued: 0,
        }));
        let (tokens, expected, known) = (authority.tokens(), header.clone(), Arc::clone(&orders));
        let server = Server::plain(listen, move |call| {
            let answer = answer(&call, &tokens, &expected, &known);
            async move { answer }
        });
        Ok(Self { server: server.await?, header, orders })
    }

    /// What goes into `IDENTITY_ENDPOINT`: `http://127.0.0.1:PORT/msi/token`
    pub fn url(&self) -> Url {
        self.server.url().join("msi/token").expect("the path is one")
    }

    /// What goes into `IDENTITY_HEADER`.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// How long the tokens last that are issued from now on; 24 hours at first.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.orders().lifetime = lifetime;
    }

    /// Answers the next `times` requests with 429.
    pub fn throttle(&self, times: u32, retry_after: Duration) {
        let mut orders = self.orders();
        (orders.throttled, orders.retry_after) = (times, retry_after);
    }

    /// How many tokens were issued.
    pub fn issued(&self) -> usize {
        self.orders().issued
    }

    /// Cuts all connections and refuses new ones.
    pub async fn down(&self) -> io::Result<()> {
        self.server.down().await
    }

    /// Answers again, under the same address.
    pub async fn up(&self) -> io::Result<()> {
        self.server.up().await
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(call: &Call, tokens: &Tokens, header: &str, orders: &Mutex<Orders>) -> Answer {
    if call.path != "msi/token" || call.method != Method::GET {
        return refuse(StatusCode::NOT_FOUND, "There is nothing here.");
    }
    match call.header("x-identity-header") {
        Some(found) if found == header => {}
        // It keeps others from having the app fetch tokens for them.
        Some(_) => return refuse(StatusCode::FORBIDDEN, "X-IDENTITY-HEADER is not the app's."),
        None => return refuse(StatusCode::UNAUTHORIZED, "X-IDENTITY-HEADER is missing."),
    }
    if call.query("api-version") != Some(API_VERSION) {
        return refuse(StatusCode::BAD_REQUEST, "The api-version is missing or not supported.");
    }
    let Some(resource) = call.query("resource").filter(|resource| !resource.is_empty()) else {
        return refuse(StatusCode::BAD_REQUEST, "The parameter resource is missing.");
    };
    // The app's only user-assigned identity is known by its client id alone here.
    let named_otherwise = ["object_id", "principal_id", "mi_res_id", "msi_res_id"]
        .iter()
        .any(|name| call.query(name).is_some());
    let client_id = match call.query("client_id") {
        None if !named_otherwise => SYSTEM_ASSIGNED_CLIENT_ID,
        Some(USER_ASSIGNED_CLIENT_ID) => USER_ASSIGNED_CLIENT_ID,
        None | Some(_) => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "No User Assigned or Delegated Managed Identity found for specified \
                 ClientId/ResourceId/PrincipalId.",
            );
        }
    };
    let mut orders = orders.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(left) = orders.throttled.checked_sub(1) {
        orders.throttled = left;
        let seconds = orders.retry_after.as_secs().to_string();
        return refuse(StatusCode::TOO_MANY_REQUESTS, "Too many requests.")
            .with_header("retry-after", seconds);
    }
    orders.issued += 1;
    let expires_on =
        SystemClock.now().timestamp().saturating_add_unsigned(orders.lifetime.as_secs());
    Answer::ok(&json!({
        "access_token": tokens.issue(resource, client_id, orders.lifetime),
        "client_id": client_id,
        // A string: the platform's own way.
        "expires_on": expires_on.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
}

fn refuse(status: StatusCode, message: &str) -> Answer {
    let body = json!({
        "statusCode": status.as_u16(),
        "message": message,
        "correlationId": Uuid::new_v4(),
    });
    Answer::json(status, &body)
}
