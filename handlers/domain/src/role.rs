//! What a person may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A person's role in one tenant. The organization's owner holds `TenantAdmin` in every tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    TenantAdmin,
    Analyst,
    Viewer,
}

/// One thing that may be allowed within a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Dashboards, metrics, campaigns, runs, the tenant's own settings.
    Read,
    /// Start a sync.
    Sync,
    /// Connections, credentials, people and settings of the tenant.
    Administer,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::TenantAdmin, Self::Analyst, Self::Viewer];

    pub const fn code(self) -> &'static str {
        match self {
            Self::TenantAdmin => "tenant_admin",
            Self::Analyst => "analyst",
            Self::Viewer => "viewer",
        }
    }

    pub const fn allows(self, permission: Permission) -> bool {
        match permission {
            Permission::Read => true,
            Permission::Sync => matches!(self, Self::TenantAdmin | Self::Analyst),
            Permission::Administer => matches!(self, Self::TenantAdmin),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}: use tenant_admin, analyst or viewer")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.code() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}
