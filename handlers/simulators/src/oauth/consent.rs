//! The page that asks a person for consent.
//!
//! With a `login_hint` that names a person the answer is immediate, as when a browser is signed
//! in and the application is trusted; without one the page offers a link per person.

use chrono::Duration;
use domain::{BusinessClock, SystemClock};
use url::Url;
use warp::http::StatusCode;

use super::ticket::{Kind, Redirect, Ticket};
use super::{Family, OAuth, Person};
use crate::wire::{Answer, Call};

/// How long a code may wait.
const CODE_LIFETIME: Duration = Duration::minutes(10);

pub(crate) fn authorize(oauth: &OAuth, family: Family, call: &Call) -> Answer {
    match Ask::read(family, call) {
        Ok(ask) => ask.answer(oauth, call),
        Err(reason) => Answer::text(
            StatusCode::BAD_REQUEST,
            "text/html; charset=utf-8",
            format!("<!doctype html><title>Error 400</title><h1>{}</h1>", escape(&reason)),
        ),
    }
}

/// What an application asks for.
struct Ask<'a> {
    family: Family,
    client_id: &'a str,
    redirect_uri: Url,
    state: Option<&'a str>,
    scopes: Vec<String>,
    challenge: Option<String>,
    offline: bool,
}

impl<'a> Ask<'a> {
    fn read(family: Family, call: &'a Call) -> Result<Self, String> {
        let needed = |name: &str| {
            call.query(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("invalid_request: Missing required parameter: {name}"))
        };
        let client_id = needed("client_id")?;
        let redirect_uri = Url::parse(needed("redirect_uri")?)
            .ok()
            .filter(|uri| matches!(uri.scheme(), "http" | "https"))
            .ok_or("redirect_uri_mismatch: the redirect_uri is no web address")?;
        // Meta's default is a code too; Google knows no default.
        let response_type = call.query("response_type");
        if response_type != Some("code") && !(family == Family::Meta && response_type.is_none()) {
            return Err("unsupported_response_type: only code is known".to_owned());
        }
        let scopes: Vec<String> = call
            .query("scope")
            .unwrap_or_default()
            .split([' ', ','])
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect();
        if scopes.is_empty() && family == Family::Google {
            return Err("invalid_request: Missing required parameter: scope".to_owned());
        }
        let challenge = call.query("code_challenge").map(str::to_owned);
        if challenge.is_some() && call.query("code_challenge_method") != Some("S256") {
            return Err("invalid_request: only code_challenge_method S256 is known".to_owned());
        }
        Ok(Self {
            family,
            client_id,
            redirect_uri,
            state: call.query("state"),
            scopes,
            challenge,
            offline: call.query("access_type") == Some("offline"),
        })
    }

    fn answer(&self, oauth: &OAuth, call: &Call) -> Answer {
        let (unticked, denies) = {
            let memory = oauth.memory();
            (memory.unticked.clone(), memory.denies)
        };
        match call.query("login_hint").and_then(Person::find) {
            Some(_) if denies => Answer::redirect(self.denial().into()),
            Some(person) => Answer::redirect(self.consent(oauth, person, &unticked).into()),
            None => Answer::text(StatusCode::OK, "text/html; charset=utf-8", self.page(call)),
        }
    }

    fn consent(&self, oauth: &OAuth, person: Person, unticked: &[String]) -> Url {
        let mut scopes: Vec<String> =
            self.scopes.iter().filter(|scope| !unticked.contains(scope)).cloned().collect();
        // Meta grants it with every login, asked for or not.
        if self.family == Family::Meta && !scopes.iter().any(|scope| scope == "public_profile") {
            scopes.push("public_profile".to_owned());
        }
        let code = oauth.sealer.seal(&Ticket {
            kind: Kind::Code,
            family: self.family,
            grant: oauth.sealer.nonce(),
            login: person.login.to_owned(),
            client_id: self.client_id.to_owned(),
            scopes: scopes.clone(),
            expires_at: Some((SystemClock.now() + CODE_LIFETIME).timestamp()),
            redirect: Some(Redirect {
                uri: self.redirect_uri.to_string(),
                challenge: self.challenge.clone(),
                offline: self.offline,
            }),
        });
        let mut back = self.back();
        back.query_pairs_mut().append_pair("code", &code);
        if self.family == Family::Google {
            back.query_pairs_mut().append_pair("scope", &scopes.join(" "));
        }
        back
    }

    fn denial(&self) -> Url {
        let mut back = self.back();
        back.query_pairs_mut().append_pair("error", "access_denied");
        if self.family == Family::Meta {
            back.query_pairs_mut()
                .append_pair("error_reason", "user_denied")
                .append_pair("error_description", "Permissions error");
        }
        back
    }

    /// Where the browser goes back to, with the state.
    fn back(&self) -> Url {
        let mut back = self.redirect_uri.clone();
        if let Some(state) = self.state {
            back.query_pairs_mut().append_pair("state", state);
        }
        back
    }

    fn page(&self, call: &Call) -> String {
        let query = serde_urlencoded::to_string(
            call.query.iter().filter(|(name, _)| name != "login_hint").collect::<Vec<_>>(),
        )
        .unwrap_or_default();
        let links: Vec<String> = Person::all()
            .map(|person| {
                let link = format!("?{query}&login_hint={}", person.login);
                format!("<li><a href=\"{}\">{}</a></li>", escape(&link), person.login)
            })
            .collect();
        let links = links.concat();
        format!(
            "<!doctype html><title>Consent (simulated)</title>\
             <h1>{} wants access. Continue as</h1><ul>{links}</ul>\
             <p><a href=\"{}\">deny</a></p>",
            escape(self.client_id),
            escape(self.denial().as_str()),
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
