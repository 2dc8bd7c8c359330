//! Sessions: one sign-in and the refresh tokens that descend from it.
//!
//! **Invariant:** each token has one successor, derived from it with the deployment's key. A
//! client that lost an answer asks again within [`REPEAT_WINDOW`] and gets the same successor,
//! though only hashes are stored.

use aws_lc_rs::hmac;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ports::{IdentityError, SignedIn, StoreError};
use domain::{SessionId, TenantId, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::place::Place;
use super::{Person, PostgresIdentity, failed};
use crate::audit::Act;
use crate::opaque_token;

/// How long a refresh token may be used.
const REFRESH_LIFE: TimeDelta = TimeDelta::days(7);

/// How long a token that was just replaced may be sent again.
const REPEAT_WINDOW: TimeDelta = TimeDelta::seconds(10);

/// A refresh token's row.
struct TokenRow {
    tenant_id: Option<Uuid>,
    expires_at: DateTime<Utc>,
    replaced_at: Option<DateTime<Utc>>,
}

/// What a refresh does with the token that was sent.
enum Turn {
    /// It is the newest: its successor is made.
    Rotate,
    /// It was replaced a moment ago: its successor is given once more.
    Repeat,
}

impl PostgresIdentity {
    /// A new session for the person.
    pub(super) async fn open_session(
        &self,
        connection: &mut PgConnection,
        person: Person,
        tenant: Option<TenantId>,
    ) -> Result<SignedIn, IdentityError> {
        let place = Place::of(connection, person.id, tenant).await?.ok_or(match tenant {
            Some(_) => IdentityError::TenantNotFound,
            None => IdentityError::NoMembership,
        })?;
        let (session, now) = (SessionId::new(), self.now());
        sqlx::query!(
            "with outlived as (
                 delete from app.sessions as session
                 where session.user_id = $2 and not exists (
                     select from app.refresh_tokens as token
                     where token.session_id = session.id and token.expires_at > $3
                 )
             )
             insert into app.sessions (id, user_id, created_at) values ($1, $2, $3)",
            session.uuid(),
            person.id.uuid(),
            now,
        )
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
        let token = opaque_token::random();
        self.issue(connection, session, &token, &place).await?;
        Ok(signed_in(person, place, session, token))
    }

    /// Replaces a refresh token. All uses of one session's tokens wait for each other here.
    pub(super) async fn rotate(
        &self,
        token: &SecretString,
        wanted: Option<TenantId>,
    ) -> Result<SignedIn, IdentityError> {
        let (hash, successor) = (opaque_token::hash(token), self.successor(token));
        let mut transaction = self.begin().await?;
        let session = sqlx::query!(
            r#"
            select session.id, session.user_id, session.revoked_at, person.email, person.name
            from app.sessions as session
            join app.users as person on person.id = session.user_id
            where session.id = (select session_id from app.refresh_tokens where token_hash = $1)
            for update of session
            "#,
            hash,
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?
        .ok_or(IdentityError::TokenInvalid)?;
        if session.revoked_at.is_some() {
            return Err(IdentityError::SessionEnded);
        }
        let person =
            Person { id: session.user_id.into(), email: session.email, name: session.name };
        let session = SessionId::from(session.id);
        // Read after the lock was won: what the others have done shows.
        let row = self.token(&mut transaction, &hash).await?.ok_or(IdentityError::TokenInvalid)?;
        let next = self.token(&mut transaction, &opaque_token::hash(&successor)).await?;
        let turn = match (row.replaced_at, &next) {
            (None, _) if row.expires_at <= self.now() => return Err(IdentityError::TokenExpired),
            (None, _) => Turn::Rotate,
            (Some(at), Some(next))
                if next.replaced_at.is_none() && self.now() - at <= REPEAT_WINDOW =>
            {
                Turn::Repeat
            }
            (Some(_), _) => {
                self.revoke(&mut transaction, session, person.id).await?;
                transaction.commit().await.map_err(failed)?;
                return Err(IdentityError::TokenReused);
            }
        };
        let current = next.map_or(row.tenant_id, |next| next.tenant_id).map(TenantId::from);
        let place = Place::of(&mut transaction, person.id, wanted.or(current)).await?.ok_or(
            match wanted {
                Some(_) => IdentityError::TenantNotFound,
                None => IdentityError::SessionEnded,
            },
        )?;
        if matches!(turn, Turn::Rotate) {
            self.retire(&mut transaction, session, &hash).await?;
        }
        self.issue(&mut transaction, session, &successor, &place).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(signed_in(person, place, session, successor))
    }

    pub(super) async fn end_session_of(&self, token: &SecretString) -> Result<(), StoreError> {
        sqlx::query!(
            "update app.sessions set revoked_at = $2, revoked_reason = 'logged_out'
             where revoked_at is null
                 and id = (select session_id from app.refresh_tokens where token_hash = $1)",
            opaque_token::hash(token),
            self.now(),
        )
        .execute(&self.pool)
        .await
        .map_err(failed)?;
        Ok(())
    }

    fn successor(&self, token: &SecretString) -> SecretString {
        let tag = hmac::sign(&self.lineage, token.expose_secret().as_bytes());
        opaque_token::encoded(tag.as_ref())
    }

    async fn token(
        &self,
        connection: &mut PgConnection,
        hash: &[u8],
    ) -> Result<Option<TokenRow>, StoreError> {
        sqlx::query_as!(
            TokenRow,
            "select tenant_id, expires_at, replaced_at from app.refresh_tokens
             where token_hash = $1",
            hash,
        )
        .fetch_optional(connection)
        .await
        .map_err(failed)
    }

    /// Stores a token; for one that is given once more, the tenant that is active now.
    async fn issue(
        &self,
        connection: &mut PgConnection,
        session: SessionId,
        token: &SecretString,
        place: &Place,
    ) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query!(
            "insert into app.refresh_tokens
                 (token_hash, session_id, tenant_id, issued_at, expires_at)
             values ($1, $2, $3, $4, $5)
             on conflict (token_hash) do update set tenant_id = excluded.tenant_id",
            opaque_token::hash(token),
            session.uuid(),
            place.tenant.as_ref().map(|membership| membership.tenant.uuid()),
            now,
            now + REFRESH_LIFE,
        )
        .execute(connection)
        .await
        .map_err(failed)?;
        Ok(())
    }

    /// Marks the token as replaced, and forgets the session's tokens that have expired.
    async fn retire(
        &self,
        connection: &mut PgConnection,
        session: SessionId,
        hash: &[u8],
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "with expired as (
                 delete from app.refresh_tokens where session_id = $1 and expires_at <= $3
             )
             update app.refresh_tokens set replaced_at = $3 where token_hash = $2",
            session.uuid(),
            hash,
            self.now(),
        )
        .execute(connection)
        .await
        .map_err(failed)?;
        Ok(())
    }

    /// Somebody holds a copy of an old token: nobody may go on with this session.
    async fn revoke(
        &self,
        connection: &mut PgConnection,
        session: SessionId,
        user: UserId,
    ) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query!(
            "update app.sessions set revoked_at = $2, revoked_reason = 'refresh_token_reused'
             where id = $1",
            session.uuid(),
            now,
        )
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
        let act = Act {
            organization: None,
            tenant: None,
            by: user,
            action: "session.revoked",
            detail: json!({ "session_id": session, "reason": "refresh_token_reused" }),
        };
        act.record(connection, now).await
    }
}

fn signed_in(person: Person, place: Place, session: SessionId, token: SecretString) -> SignedIn {
    SignedIn {
        user: person.id,
        email: person.email,
        name: person.name,
        organization: place.organization,
        organization_name: place.organization_name,
        owner: place.owner,
        tenant: place.tenant,
        session,
        refresh_token: token,
    }
}
