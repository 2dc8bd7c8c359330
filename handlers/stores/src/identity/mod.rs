//! People, their passwords and sessions, in the application's own tables, as the app role.

mod invitations;
mod place;
mod sessions;
mod sign_up;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use domain::ports::{
    Identity, IdentityError, LogIn, NewAccount, SignUpPolicy, SignedIn, StoreError,
};
use domain::{BusinessClock, EmailAddress, TenantId, UserId};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use crate::passwords::Passwords;
use crate::unavailable;

const WHAT: &str = "the register of people";

/// [`Identity`] built in: argon2id, rotated refresh tokens.
pub struct PostgresIdentity {
    pool: PgPool,
    clock: Arc<dyn BusinessClock>,
    policy: SignUpPolicy,
    passwords: Passwords,
    /// Derives a refresh token's successor.
    lineage: hmac::Key,
}

/// A person, as sign-in needs them.
struct Person {
    id: UserId,
    email: String,
    name: String,
}

impl PostgresIdentity {
    /// `app` is the app role's pool; `clock` the system clock; `signing_key` the secret of this
    /// deployment, from which a key of its own is derived here.
    pub fn new(
        app: PgPool,
        clock: Arc<dyn BusinessClock>,
        policy: SignUpPolicy,
        signing_key: &SecretSlice<u8>,
    ) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, signing_key.expose_secret());
        let derived = hmac::sign(&root, b"marketing-iq refresh token lineage v1");
        Self {
            pool: app,
            clock,
            policy,
            passwords: Passwords::new(),
            lineage: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
        }
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.pool.begin().await.map_err(failed)
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The person whose address and password these are.
    async fn authenticate(&self, attempt: &LogIn) -> Result<Person, IdentityError> {
        let found = match attempt.email.parse::<EmailAddress>() {
            Ok(email) => sqlx::query!(
                "select id, email, name, password_hash from app.users where lower(email) = $1",
                email.as_str()
            )
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?,
            Err(_) => None,
        };
        let hash = found.as_ref().map(|row| row.password_hash.as_str());
        let matches = self.passwords.verify(&attempt.password, hash).await?;
        match found {
            Some(row) if matches => {
                Ok(Person { id: row.id.into(), email: row.email, name: row.name })
            }
            _ => Err(IdentityError::InvalidCredentials),
        }
    }
}

#[async_trait]
impl Identity for PostgresIdentity {
    async fn sign_up(&self, account: &NewAccount) -> Result<SignedIn, IdentityError> {
        // Refused before the costly hash; asked again inside the transaction that decides.
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        self.admit(&mut connection, account).await?;
        drop(connection);
        let password_hash = self.passwords.hash(account.password.secret()).await?;
        let mut transaction = self.begin().await?;
        let person = self.create(&mut transaction, account, &password_hash).await?;
        let signed_in = self.open_session(&mut transaction, person, None).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(signed_in)
    }

    async fn log_in(&self, attempt: &LogIn) -> Result<SignedIn, IdentityError> {
        let person = self.authenticate(attempt).await?;
        let mut transaction = self.begin().await?;
        let mut tenant = attempt.tenant;
        if let Some(token) = &attempt.invitation {
            let invitation = self.open_invitation(&mut transaction, token, &person.email).await?;
            self.redeem(&mut transaction, &invitation, person.id).await?;
            tenant = tenant.or(Some(invitation.tenant));
        }
        let signed_in = self.open_session(&mut transaction, person, tenant).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(signed_in)
    }

    async fn refresh(
        &self,
        token: &SecretString,
        tenant: Option<TenantId>,
    ) -> Result<SignedIn, IdentityError> {
        self.rotate(token, tenant).await
    }

    async fn log_out(&self, token: &SecretString) -> Result<(), IdentityError> {
        self.end_session_of(token).await?;
        Ok(())
    }
}

async fn is_taken(connection: &mut PgConnection, email: &EmailAddress) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists (select from app.users where lower(email) = $1) as "taken!""#,
        email.as_str()
    )
    .fetch_one(connection)
    .await
    .map_err(failed)
}

fn failed(error: sqlx::Error) -> StoreError {
    unavailable(WHAT, error)
}
