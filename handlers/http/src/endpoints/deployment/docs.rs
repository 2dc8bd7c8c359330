use std::future::ready;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Document, Endpoint, Reply};

pub(in crate::endpoints) const ENDPOINT: Endpoint =
    Endpoint { function: "Docs", handle: |_, _| Box::pin(ready(Ok(page()))), document };

fn document() -> Document {
    Document::answers_page()
}

const PAGE: &str = include_str!("docs.html");

/// Nothing is loaded from elsewhere, and of scripts and styles only those in the page itself run.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash_of("script"),
        hash_of("style"),
    )
});

fn page() -> Reply {
    Reply::html(PAGE)
        .header("content-security-policy", &POLICY)
        .header("referrer-policy", "no-referrer")
        .header("cache-control", "no-cache")
}

/// The policy's word for the page's one element of this name.
fn hash_of(element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let (_, rest) = PAGE.split_once(&open).expect("the page has this element");
    let (content, _) = rest.split_once(&close).expect("the element ends");
    let hash = digest::digest(&digest::SHA256, content.as_bytes());
    format!("sha256-{}", STANDARD.encode(hash))
}
