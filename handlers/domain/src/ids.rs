//! Typed ids: a tenant's id cannot be passed where a user's is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id; version 7, so that ids sort by the time they were made.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// Who runs the deployment's tenants: an agency or a company.
    OrganizationId
}
id! {
    /// One client of an organization; the unit of isolation.
    TenantId
}
id! {
    /// A person.
    UserId
}
id! {
    /// One sign-in and all the refresh tokens that descend from it.
    SessionId
}
id! {
    /// An invitation into a tenant that has not been redeemed yet.
    InvitationId
}
id! {
    /// A consent or key at a platform, owned by an organization.
    CredentialId
}
id! {
    /// A platform account, read through a credential, assigned to a tenant.
    ConnectionId
}
id! {
    /// What one slot or one manual sync planned for one tenant.
    RunId
}
id! {
    /// One (connection, stream, date window): the unit of retry.
    JobId
}
