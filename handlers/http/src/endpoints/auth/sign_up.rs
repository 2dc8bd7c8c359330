use std::sync::Arc;

use domain::ports::NewAccount;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Session;
use crate::fields::{parsed, parsed_if_given};
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "SignUp",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<Session>(201).takes::<SignUp>().fails_with(&[403, 409])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignUp {
    email: String,
    /// 12 to 128 characters.
    password: String,
    name: String,
    /// What to call the organization, if the person gets one of their own.
    organization: Option<String>,
    /// The one-time token of an invitation.
    invitation: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let body: SignUp = request.json()?;
    let account = NewAccount {
        email: parsed("email", &body.email)?,
        password: parsed("password", &body.password)?,
        name: parsed("name", &body.name)?,
        organization: parsed_if_given("organization", body.organization.as_deref())?,
        invitation: body.invitation.map(SecretString::from),
    };
    let _place = app.logins.place()?;
    let signed_in = app.identity.sign_up(&account).await?;
    Reply::created(&Session::of(&app, signed_in)?)
}
