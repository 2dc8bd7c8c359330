use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use secrecy::SecretString;

use super::StoreError;
use crate::{EmailAddress, Name, NewPassword, OrganizationId, Role, SessionId, TenantId, UserId};

/// Who may create an account. The first person of an empty deployment always may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignUpPolicy {
    /// Whoever holds an invitation.
    #[default]
    Invite,
    /// Anyone; without an invitation they get an organization of their own.
    Open,
    /// Nobody.
    Closed,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown sign-up policy {0:?}: use invite, open or closed")]
pub struct UnknownPolicy(String);

impl FromStr for SignUpPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "invite" => Ok(Self::Invite),
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            _ => Err(UnknownPolicy(text.to_owned())),
        }
    }
}

/// Accounts, passwords and sessions.
#[async_trait]
pub trait Identity: Send + Sync {
    async fn sign_up(&self, account: &NewAccount) -> Result<SignedIn, IdentityError>;

    /// Takes as long for an unknown address as for a wrong password.
    async fn log_in(&self, attempt: &LogIn) -> Result<SignedIn, IdentityError>;

    /// Replaces a refresh token; `tenant` switches the active tenant.
    async fn refresh(
        &self,
        token: &SecretString,
        tenant: Option<TenantId>,
    ) -> Result<SignedIn, IdentityError>;

    /// Ends the token's session. A token that is unknown or dead is no error.
    async fn log_out(&self, token: &SecretString) -> Result<(), IdentityError>;
}

#[derive(Clone, Debug)]
pub struct NewAccount {
    pub email: EmailAddress,
    pub password: NewPassword,
    pub name: Name,
    /// What to call the organization, if the person gets one of their own.
    pub organization: Option<Name>,
    pub invitation: Option<SecretString>,
}

#[derive(Clone)]
pub struct LogIn {
    /// As typed: one that is no address at all is just another unknown one.
    pub email: String,
    pub password: SecretString,
    pub invitation: Option<SecretString>,
    pub tenant: Option<TenantId>,
}

/// Logs must not hold addresses.
impl fmt::Debug for LogIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogIn").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// A person with a live session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub user: UserId,
    pub email: String,
    pub name: String,
    /// The organization of the active tenant or, without one, the person's own.
    pub organization: OrganizationId,
    pub organization_name: String,
    pub owner: bool,
    /// The active tenant; an owner may have none yet.
    pub tenant: Option<Membership>,
    pub session: SessionId,
    pub refresh_token: SecretString,
}

/// A person's place in one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub tenant: TenantId,
    pub tenant_name: String,
    pub role: Role,
}

/// Why a person was not let in. `Display` may be shown.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    #[error("this address has an account: log in instead, with the invitation if you have one")]
    EmailTaken,
    #[error("an account needs an invitation here: ask a tenant's administrator for one")]
    NeedsInvitation,
    #[error("no accounts are created here: ask whoever runs this deployment")]
    SignUpClosed,
    #[error("the invitation is not valid, or no longer: ask for a new one")]
    InvitationInvalid,
    #[error("the invitation was made for another e-mail address: use that one")]
    InvitationForAnother,
    #[error("you are in no tenant any more: ask to be invited again")]
    NoMembership,
    #[error("the tenant was not found")]
    TenantNotFound,
    #[error("the refresh token is not valid: log in")]
    TokenInvalid,
    #[error("the refresh token has expired: log in")]
    TokenExpired,
    #[error("the refresh token had been replaced, so the session has been ended: log in")]
    TokenReused,
    #[error("the session has ended: log in")]
    SessionEnded,
    #[error(transparent)]
    Store(#[from] StoreError),
}
