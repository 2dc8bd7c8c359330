//! Platform accounts that the active tenant reads.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;

use domain::{Platform, ports};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
struct Connection {
    id: Uuid,
    /// `google_ads`, `meta_ads` or `google_analytics`.
    #[schema(value_type = String)]
    platform: Platform,
    account_id: String,
    name: String,
    /// ISO 4217.
    currency: String,
    /// IANA name.
    time_zone: &'static str,
    /// `active`, `needs_reauth` or `needs_attention`.
    status: String,
    /// What is wrong; left out if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<String>,
}

impl From<ports::Connection> for Connection {
    fn from(connection: ports::Connection) -> Self {
        Self {
            id: connection.id.uuid(),
            platform: connection.platform,
            account_id: connection.account_id,
            name: connection.name,
            currency: connection.currency.to_string(),
            time_zone: connection.time_zone.name(),
            status: connection.status,
            status_detail: connection.status_detail,
        }
    }
}
