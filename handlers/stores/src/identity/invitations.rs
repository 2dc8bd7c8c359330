//! Redeeming invitations: for an account that is being made, or by one that exists.

use domain::ports::IdentityError;
use domain::{InvitationId, TenantId, UserId};
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgConnection;

use super::{PostgresIdentity, failed};
use crate::audit::Act;
use crate::opaque_token;

/// An invitation that may be redeemed now.
pub(super) struct Invitation {
    id: InvitationId,
    pub(super) tenant: TenantId,
    role: String,
}

impl PostgresIdentity {
    /// The open invitation of this token, made for `email`; nobody else can redeem it until the
    /// transaction ends.
    pub(super) async fn open_invitation(
        &self,
        connection: &mut PgConnection,
        token: &SecretString,
        email: &str,
    ) -> Result<Invitation, IdentityError> {
        let found = sqlx::query!(
            "select id, tenant_id, email, role from app.invitations
             where token_hash = $1 and redeemed_at is null and expires_at > $2
             for update",
            opaque_token::hash(token),
            self.now(),
        )
        .fetch_optional(connection)
        .await
        .map_err(failed)?
        .ok_or(IdentityError::InvitationInvalid)?;
        if !found.email.eq_ignore_ascii_case(email) {
            return Err(IdentityError::InvitationForAnother);
        }
        Ok(Invitation { id: found.id.into(), tenant: found.tenant_id.into(), role: found.role })
    }

    pub(super) async fn redeem(
        &self,
        connection: &mut PgConnection,
        invitation: &Invitation,
        user: UserId,
    ) -> Result<(), IdentityError> {
        let now = self.now();
        sqlx::query!(
            "with joined as (
                 insert into app.tenant_users (tenant_id, user_id, role, created_at)
                 values ($1, $2, $3, $4)
                 on conflict (tenant_id, user_id) do update set role = excluded.role
             )
             update app.invitations set redeemed_at = $4 where id = $5",
            invitation.tenant.uuid(),
            user.uuid(),
            invitation.role,
            now,
            invitation.id.uuid(),
        )
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
        let act = Act::in_tenant(invitation.tenant, user, "member.joined")
            .with(json!({ "invitation_id": invitation.id, "role": invitation.role }));
        Ok(act.record(connection, now).await?)
    }
}
