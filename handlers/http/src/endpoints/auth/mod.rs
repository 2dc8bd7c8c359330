//! Signing up, logging in, refreshing, logging out: all answer alike.

pub(super) mod log_in;
pub(super) mod log_out;
pub(super) mod refresh;
pub(super) mod sign_up;

use domain::ports::{IdentityError, SignedIn};
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::tokens::ACCESS_LIFE;
use crate::{App, Problem};

/// A person, where they are, and the tokens to act there.
#[derive(Serialize, ToSchema)]
struct Session {
    user: SessionUser,
    organization: SessionOrganization,
    /// The active tenant; null for an owner who has none yet.
    tenant: Option<SessionTenant>,
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: i64,
    refresh_token: String,
}

#[derive(Serialize, ToSchema)]
struct SessionUser {
    id: Uuid,
    email: String,
    name: String,
}

/// The organization that runs the active tenant.
#[derive(Serialize, ToSchema)]
struct SessionOrganization {
    id: Uuid,
    name: String,
    /// Whether it is yours.
    owner: bool,
}

#[derive(Serialize, ToSchema)]
struct SessionTenant {
    id: Uuid,
    name: String,
    /// `tenant_admin`, `analyst` or `viewer`.
    role: &'static str,
}

impl Session {
    fn of(app: &App, signed_in: SignedIn) -> Result<Self, Problem> {
        Ok(Self {
            access_token: app.tokens.mint(&signed_in)?,
            token_type: "Bearer",
            expires_in: ACCESS_LIFE.num_seconds(),
            refresh_token: signed_in.refresh_token.expose_secret().to_owned(),
            user: SessionUser {
                id: signed_in.user.uuid(),
                email: signed_in.email,
                name: signed_in.name,
            },
            organization: SessionOrganization {
                id: signed_in.organization.uuid(),
                name: signed_in.organization_name,
                owner: signed_in.owner,
            },
            tenant: signed_in.tenant.map(|place| SessionTenant {
                id: place.tenant.uuid(),
                name: place.tenant_name,
                role: place.role.code(),
            }),
        })
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        use IdentityError as E;

        let detail = error.to_string();
        match error {
            E::InvalidCredentials => Self::unauthenticated("invalid_credentials", detail),
            E::EmailTaken => Self::conflict("email_taken", detail).with_field("email"),
            E::NeedsInvitation => Self::forbidden(detail).with_code("signup_needs_invitation"),
            E::SignUpClosed => Self::forbidden(detail).with_code("signup_closed"),
            E::InvitationInvalid => Self::bad_request("invitation_invalid", "invitation", detail),
            E::InvitationForAnother => {
                Self::bad_request("invitation_for_another", "invitation", detail)
            }
            E::NoMembership => Self::forbidden(detail).with_code("no_membership"),
            E::TenantNotFound => Self::not_found("the tenant"),
            E::TokenInvalid => Self::unauthenticated("refresh_token_invalid", detail),
            E::TokenExpired => Self::unauthenticated("refresh_token_expired", detail),
            E::TokenReused => Self::unauthenticated("refresh_token_reused", detail),
            E::SessionEnded => Self::unauthenticated("session_ended", detail),
            E::Store(error) => error.into(),
        }
    }
}
