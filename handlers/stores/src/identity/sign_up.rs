//! Who gets an account, and what comes with it.

use domain::ports::{IdentityError, NewAccount, SignUpPolicy};
use domain::{OrganizationId, UserId};
use sqlx::PgConnection;

use super::invitations::Invitation;
use super::{Person, PostgresIdentity, failed, is_taken};
use crate::audit::Act;

/// Held while an account is made: two people cannot both be the first.
const SIGN_UP_LOCK: i64 = 0x6d69_715f_7369_676e;

/// What the new account comes with.
pub(super) enum Admission {
    /// An organization of their own.
    Owner,
    Invited(Invitation),
}

impl PostgresIdentity {
    /// What the policy gives this account, or why it is refused.
    pub(super) async fn admit(
        &self,
        connection: &mut PgConnection,
        account: &NewAccount,
    ) -> Result<Admission, IdentityError> {
        let admission = if let Some(token) = &account.invitation {
            if self.policy == SignUpPolicy::Closed {
                return Err(IdentityError::SignUpClosed);
            }
            let email = account.email.as_str();
            Admission::Invited(self.open_invitation(connection, token, email).await?)
        } else {
            self.admit_uninvited(connection).await?;
            Admission::Owner
        };
        if is_taken(connection, &account.email).await? {
            return Err(IdentityError::EmailTaken);
        }
        Ok(admission)
    }

    /// The first person of a deployment is let in whatever the policy: somebody must invite the
    /// others.
    async fn admit_uninvited(&self, connection: &mut PgConnection) -> Result<(), IdentityError> {
        match self.policy {
            SignUpPolicy::Open => return Ok(()),
            SignUpPolicy::Invite | SignUpPolicy::Closed => {}
        }
        let anybody = sqlx::query_scalar!(r#"select exists (select from app.users) as "any!""#)
            .fetch_one(connection)
            .await
            .map_err(failed)?;
        match self.policy {
            _ if !anybody => Ok(()),
            SignUpPolicy::Closed => Err(IdentityError::SignUpClosed),
            SignUpPolicy::Invite | SignUpPolicy::Open => Err(IdentityError::NeedsInvitation),
        }
    }

    /// Makes the account, and the organization or membership that it comes with.
    pub(super) async fn create(
        &self,
        connection: &mut PgConnection,
        account: &NewAccount,
        password_hash: &str,
    ) -> Result<Person, IdentityError> {
        sqlx::query!("select pg_advisory_xact_lock($1)", SIGN_UP_LOCK)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        let admission = self.admit(connection, account).await?;
        let person = Person {
            id: UserId::new(),
            email: account.email.as_str().to_owned(),
            name: account.name.as_str().to_owned(),
        };
        sqlx::query!(
            "insert into app.users (id, email, name, password_hash, created_at)
             values ($1, $2, $3, $4, $5)",
            person.id.uuid(),
            person.email,
            person.name,
            password_hash,
            self.now(),
        )
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
        match admission {
            Admission::Owner => self.found_organization(connection, account, person.id).await?,
            Admission::Invited(invitation) => {
                self.redeem(connection, &invitation, person.id).await?;
            }
        }
        Ok(person)
    }

    async fn found_organization(
        &self,
        connection: &mut PgConnection,
        account: &NewAccount,
        owner: UserId,
    ) -> Result<(), IdentityError> {
        let organization = OrganizationId::new();
        let name = account.organization.as_ref().unwrap_or(&account.name);
        sqlx::query!(
            "with founded as (
                 insert into app.organizations (id, name, created_at) values ($1, $2, $3)
                 returning id
             )
             insert into app.organization_owners (organization_id, user_id)
             select id, $4 from founded",
            organization.uuid(),
            name.as_str(),
            self.now(),
            owner.uuid(),
        )
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
        let act = Act {
            organization: Some(organization),
            tenant: None,
            by: owner,
            action: "organization.founded",
            detail: serde_json::json!({}),
        };
        Ok(act.record(connection, self.now()).await?)
    }
}
