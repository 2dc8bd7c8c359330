use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use uuid::Uuid;

use super::{Membership, StoreError};
use crate::{
    Caller, CurrencyCode, EmailAddress, InvitationId, Name, OrganizationScope, Role, TenantId,
    TenantScope, UserId,
};

/// Tenants and the people in them.
#[async_trait]
pub trait Tenants: Send + Sync {
    /// The tenants that the caller may enter, by name.
    async fn memberships(&self, caller: &Caller) -> Result<Vec<Membership>, StoreError>;

    /// [`StoreError::AlreadyExists`] if the organization has a tenant of that name.
    async fn create(
        &self,
        scope: &OrganizationScope,
        by: UserId,
        tenant: &NewTenant,
    ) -> Result<Tenant, StoreError>;

    async fn get(&self, scope: &TenantScope) -> Result<Tenant, StoreError>;

    /// [`StoreError::AlreadyExists`] if the organization has another tenant of that name.
    async fn update(
        &self,
        scope: &TenantScope,
        by: UserId,
        change: &TenantChange,
    ) -> Result<Tenant, StoreError>;

    async fn people(&self, scope: &TenantScope) -> Result<People, StoreError>;

    /// Withdraws an earlier invitation of the same address. [`StoreError::AlreadyExists`] if the
    /// person is a member.
    async fn invite(
        &self,
        scope: &TenantScope,
        by: UserId,
        email: &EmailAddress,
        role: Role,
    ) -> Result<NewInvitation, StoreError>;

    /// Removes the member or the open invitation of this id. A member's sessions in this tenant
    /// end.
    async fn remove(&self, scope: &TenantScope, by: UserId, id: Uuid) -> Result<(), StoreError>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub time_zone: Tz,
    pub reporting_currency: CurrencyCode,
    /// The Meta action types that count as conversions.
    pub meta_conversion_actions: Vec<String>,
    pub created_at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub struct NewTenant {
    pub name: Name,
    pub time_zone: Tz,
    pub reporting_currency: CurrencyCode,
    /// `None`: purchases that the Meta pixel saw.
    pub meta_conversion_actions: Option<Vec<String>>,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct TenantChange {
    pub name: Option<Name>,
    pub time_zone: Option<Tz>,
    pub reporting_currency: Option<CurrencyCode>,
    pub meta_conversion_actions: Option<Vec<String>>,
}

/// The people of a tenant, and those who were asked to join.
#[derive(Clone, Debug, Default)]
pub struct People {
    pub members: Vec<Member>,
    /// Neither redeemed nor expired.
    pub invitations: Vec<OpenInvitation>,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub user: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
}

#[derive(Clone, Debug)]
pub struct OpenInvitation {
    pub id: InvitationId,
    pub email: String,
    pub role: Role,
    pub expires_at: DateTime<Utc>,
}

/// An invitation with its one-time token, which cannot be read again.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    pub id: InvitationId,
    pub token: SecretString,
    pub expires_at: DateTime<Utc>,
}
