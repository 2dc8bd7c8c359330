//! Tenants: what the organization's owner makes, and everyone works in.

pub(super) mod create;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use chrono::{DateTime, Utc};
use domain::ports;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Problem;
use crate::fields::invalid;

#[derive(Serialize, ToSchema)]
struct Tenant {
    id: Uuid,
    name: String,
    /// IANA name: the clock of the daily slots and of "today".
    time_zone: &'static str,
    /// ISO 4217.
    reporting_currency: String,
    /// The Meta action types that count as conversions.
    meta_conversion_actions: Vec<String>,
    created_at: DateTime<Utc>,
}

impl From<ports::Tenant> for Tenant {
    fn from(tenant: ports::Tenant) -> Self {
        Self {
            id: tenant.id.uuid(),
            name: tenant.name,
            time_zone: tenant.time_zone.name(),
            reporting_currency: tenant.reporting_currency.to_string(),
            meta_conversion_actions: tenant.meta_conversion_actions,
            created_at: tenant.created_at,
        }
    }
}

/// Names of Meta action types, such as `offsite_conversion.fb_pixel_purchase` or
/// `offsite_conversion.custom.1234567890`: 1 to 20 of them, each once.
fn conversion_actions(given: Option<Vec<String>>) -> Result<Option<Vec<String>>, Problem> {
    const FIELD: &str = "meta_conversion_actions";

    let Some(actions) = given else { return Ok(None) };
    let mut unique: Vec<String> = Vec::with_capacity(actions.len());
    for action in actions {
        let is_name = (1..=100).contains(&action.len())
            && action
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        if !is_name {
            return Err(invalid(
                FIELD,
                "an action type is made of letters, digits, dots and underscores, such as \
                 offsite_conversion.fb_pixel_purchase",
            ));
        }
        if !unique.contains(&action) {
            unique.push(action);
        }
    }
    if (1..=20).contains(&unique.len()) {
        Ok(Some(unique))
    } else {
        Err(invalid(FIELD, "name 1 to 20 action types"))
    }
}

/// What a name that is taken means here.
fn refused(error: ports::StoreError) -> Problem {
    match error {
        ports::StoreError::AlreadyExists { .. } => Problem::conflict(
            "tenant_name_taken",
            "your organization has a tenant of this name: choose another",
        )
        .with_field("name"),
        other => other.into(),
    }
}
