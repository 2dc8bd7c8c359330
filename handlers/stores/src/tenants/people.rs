//! Members and invitations of one tenant.

use chrono::TimeDelta;
use domain::ports::{Member, NewInvitation, OpenInvitation, People, StoreError};
use domain::{EmailAddress, InvitationId, Role, TenantScope, UserId};
use serde_json::json;
use uuid::Uuid;

use super::{PostgresTenants, WHAT, failed};
use crate::audit::Act;
use crate::opaque_token;
use crate::stored::parsed;

/// How long an invitation may be redeemed.
const INVITATION_LIFE: TimeDelta = TimeDelta::days(7);

impl PostgresTenants {
    pub(super) async fn read_people(&self, scope: &TenantScope) -> Result<People, StoreError> {
        let mut transaction = self.api.begin(scope).await?;
        let members = sqlx::query!(
            "select person.id, person.email, person.name, member.role
             from app.tenant_users as member
             join app.users as person on person.id = member.user_id
             where member.tenant_id = $1
             order by person.name, person.id",
            scope.tenant().uuid(),
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed)?;
        let invitations = sqlx::query!(
            "select id, email, role, expires_at from app.invitations
             where tenant_id = $1 and redeemed_at is null and expires_at > $2
             order by created_at, id",
            scope.tenant().uuid(),
            self.clock.now(),
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed)?;
        Ok(People {
            members: members
                .into_iter()
                .map(|row| {
                    Ok(Member {
                        user: row.id.into(),
                        email: row.email,
                        name: row.name,
                        role: parsed(WHAT, &row.role)?,
                    })
                })
                .collect::<Result<_, StoreError>>()?,
            invitations: invitations
                .into_iter()
                .map(|row| {
                    Ok(OpenInvitation {
                        id: row.id.into(),
                        email: row.email,
                        role: parsed(WHAT, &row.role)?,
                        expires_at: row.expires_at,
                    })
                })
                .collect::<Result<_, StoreError>>()?,
        })
    }

    pub(super) async fn add_invitation(
        &self,
        scope: &TenantScope,
        by: UserId,
        email: &EmailAddress,
        role: Role,
    ) -> Result<NewInvitation, StoreError> {
        let (id, token, now) = (InvitationId::new(), opaque_token::random(), self.clock.now());
        let expires_at = now + INVITATION_LIFE;
        let mut transaction = self.api.begin(scope).await?;
        let is_member = sqlx::query_scalar!(
            r#"select exists (
                   select from app.tenant_users as member
                   join app.users as person on person.id = member.user_id
                   where member.tenant_id = $1 and lower(person.email) = $2
               ) as "member!""#,
            scope.tenant().uuid(),
            email.as_str(),
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
        if is_member {
            return Err(StoreError::AlreadyExists { what: "the membership" });
        }
        sqlx::query!(
            "delete from app.invitations
             where tenant_id = $1 and email = $2 and redeemed_at is null",
            scope.tenant().uuid(),
            email.as_str(),
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        sqlx::query!(
            "insert into app.invitations
                 (id, tenant_id, email, role, token_hash, invited_by, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            id.uuid(),
            scope.tenant().uuid(),
            email.as_str(),
            role.code(),
            opaque_token::hash(&token),
            by.uuid(),
            now,
            expires_at,
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        Act::in_tenant(scope.tenant(), by, "invitation.made")
            .with(json!({ "invitation_id": id, "role": role }))
            .record(&mut transaction, now)
            .await?;
        transaction.commit().await.map_err(failed)?;
        Ok(NewInvitation { id, token, expires_at })
    }

    /// Whether there was such an invitation.
    pub(super) async fn withdraw_invitation(
        &self,
        scope: &TenantScope,
        by: UserId,
        id: Uuid,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.api.begin(scope).await?;
        let withdrawn = sqlx::query!(
            "delete from app.invitations
             where id = $1 and tenant_id = $2 and redeemed_at is null",
            id,
            scope.tenant().uuid(),
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?
        .rows_affected();
        if withdrawn == 0 {
            return Ok(false);
        }
        Act::in_tenant(scope.tenant(), by, "invitation.withdrawn")
            .with(json!({ "invitation_id": id }))
            .record(&mut transaction, self.clock.now())
            .await?;
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    pub(super) async fn remove_member(
        &self,
        scope: &TenantScope,
        by: UserId,
        user: UserId,
    ) -> Result<(), StoreError> {
        let mut transaction = self.api.begin(scope).await?;
        let removed = sqlx::query!(
            "delete from app.tenant_users where user_id = $1 and tenant_id = $2",
            user.uuid(),
            scope.tenant().uuid(),
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?
        .rows_affected();
        if removed == 0 {
            return Err(StoreError::NotFound { what: "the person" });
        }
        // Invitations that the person made would be a way back.
        sqlx::query!(
            "delete from app.invitations
             where invited_by = $1 and tenant_id = $2 and redeemed_at is null",
            user.uuid(),
            scope.tenant().uuid(),
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        Act::in_tenant(scope.tenant(), by, "member.removed")
            .with(json!({ "user_id": user }))
            .record(&mut transaction, self.clock.now())
            .await?;
        transaction.commit().await.map_err(failed)
    }

    /// Ends the person's sessions that are in the tenant. Should it not come to this, each of
    /// them fails at its next refresh, which asks for the membership again.
    pub(super) async fn end_sessions(
        &self,
        scope: &TenantScope,
        user: UserId,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "update app.sessions as session
             set revoked_at = $3, revoked_reason = 'removed_from_tenant'
             where user_id = $1 and revoked_at is null and exists (
                 select from app.refresh_tokens as token
                 where token.session_id = session.id and token.tenant_id = $2
                     and token.replaced_at is null
             )",
            user.uuid(),
            scope.tenant().uuid(),
            self.clock.now(),
        )
        .execute(&self.app)
        .await
        .map_err(failed)?;
        Ok(())
    }
}
