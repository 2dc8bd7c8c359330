//! The cookie that binds a consent to the browser in which it began. Without it, whoever lures
//! a person to a callback could slip a login of their own into that person's tenant.

use domain::Platform;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::Request;

const NAME: &str = "miq_oauth";

/// The callback's path, to which alone the cookie goes: consents of two platforms do not
/// disturb each other.
pub(super) fn path(platform: Platform) -> String {
    format!("/oauth/callback/{}", platform.route())
}

/// `set-cookie` for as long as the consent lives. `Lax` lets it come along when the platform
/// sends the browser back.
pub(super) fn set(value: &SecretString, platform: Platform, public_url: &Url) -> String {
    build(value.expose_secret(), 600, platform, public_url)
}

/// `set-cookie` that removes it.
pub(super) fn clear(platform: Platform, public_url: &Url) -> String {
    build("", 0, platform, public_url)
}

fn build(value: &str, max_age: u32, platform: Platform, public_url: &Url) -> String {
    let secure = if public_url.scheme() == "https" { "; Secure" } else { "" };
    let path = path(platform);
    format!("{NAME}={value}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}")
}

pub(super) fn read(request: &Request) -> Option<SecretString> {
    request.header("cookie")?.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == NAME).then(|| SecretString::from(value))
    })
}
