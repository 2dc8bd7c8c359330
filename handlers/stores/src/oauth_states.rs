//! Consents under way, as the app role: when the browser comes back, no tenant is known yet.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::ports::{BegunConsent, Consents, NewConsent, PendingConsent, StoreError};
use domain::{BusinessClock, Caller, TenantScope};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

use crate::stored::parsed;
use crate::{opaque_token, unavailable};

const WHAT: &str = "the consent";

/// How long a person may take at the platform.
const CONSENT_LIFE: TimeDelta = TimeDelta::minutes(10);

/// [`Consents`] in the application's own tables.
pub struct PostgresConsents {
    app: PgPool,
    clock: Arc<dyn BusinessClock>,
}

impl PostgresConsents {
    /// `clock` is the system clock.
    pub fn new(app: PgPool, clock: Arc<dyn BusinessClock>) -> Self {
        Self { app, clock }
    }
}

#[async_trait]
impl Consents for PostgresConsents {
    async fn begin(
        &self,
        scope: &TenantScope,
        caller: &Caller,
        consent: &NewConsent,
    ) -> Result<BegunConsent, StoreError> {
        let now = self.clock.now();
        let begun = BegunConsent {
            state: opaque_token::random(),
            browser: opaque_token::random(),
            code_verifier: opaque_token::random(),
            expires_at: now + CONSENT_LIFE,
        };
        sqlx::query!(
            "with expired as (delete from app.oauth_states where expires_at <= $10)
             insert into app.oauth_states
                 (state_hash, user_id, tenant_id, shared, platform, browser_hash,
                  code_verifier, redirect_uri, login_hint, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11)",
            opaque_token::hash(&begun.state),
            caller.user.uuid(),
            scope.tenant().uuid(),
            caller.owner,
            consent.platform.code(),
            opaque_token::hash(&begun.browser),
            begun.code_verifier.expose_secret(),
            consent.redirect_uri.as_str(),
            consent.login_hint,
            now,
            begun.expires_at,
        )
        .execute(&self.app)
        .await
        .map_err(failed)?;
        Ok(begun)
    }

    async fn take(&self, state: &SecretString) -> Result<Option<PendingConsent>, StoreError> {
        let taken = sqlx::query!(
            r#"
            delete from app.oauth_states as consent
            where state_hash = $1
            returning
                user_id, tenant_id, shared, platform, browser_hash, code_verifier, redirect_uri,
                login_hint, expires_at,
                case
                    when shared then exists (
                        select from app.organization_owners as owner
                        join app.tenants as tenant using (organization_id)
                        where tenant.id = consent.tenant_id and owner.user_id = consent.user_id
                    )
                    else exists (
                        select from app.tenant_users as member
                        where member.tenant_id = consent.tenant_id
                            and member.user_id = consent.user_id
                            and member.role = 'tenant_admin'
                    )
                end as "may_still!"
            "#,
            opaque_token::hash(state),
        )
        .fetch_optional(&self.app)
        .await
        .map_err(failed)?;
        let Some(row) = taken.filter(|row| row.may_still && row.expires_at > self.clock.now())
        else {
            return Ok(None);
        };
        Ok(Some(PendingConsent {
            user: row.user_id.into(),
            tenant: row.tenant_id.into(),
            shared: row.shared,
            platform: parsed(WHAT, &row.platform)?,
            redirect_uri: parsed(WHAT, &row.redirect_uri)?,
            login_hint: row.login_hint,
            code_verifier: SecretString::from(row.code_verifier),
            browser_hash: row.browser_hash,
        }))
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    unavailable(WHAT, error)
}

#[cfg(test)]
mod tests;
