//! The addresses of Azure's services.

use domain::ports::StoreError;
use url::{Host, Url};

/// The service's URL as the clients want it: over TLS, which the tokens need, with no slash at
/// the end of a path and nothing behind it.
pub(crate) fn endpoint(service: &Url) -> Result<Url, StoreError> {
    let mut url = service.clone();
    url.set_query(None);
    url.set_fragment(None);
    let plain = url.username().is_empty() && url.password().is_none();
    if url.scheme() != "https" || !plain || url.cannot_be_a_base() {
        return Err(StoreError::Invalid(format!(
            "{} is not the address of an Azure service: give one that begins with https:// and \
             holds no user",
            url.host_str().unwrap_or("this"),
        )));
    }
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty();
    }
    Ok(url)
}

/// Whether a stand-in on this machine is asked in the place of Azure.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_end_without_a_slash() {
        for (given, expected) in [
            ("https://miq.blob.core.windows.net", "https://miq.blob.core.windows.net/"),
            ("https://miq.blob.core.windows.net/?x=1#y", "https://miq.blob.core.windows.net/"),
            ("https://127.0.0.1:1/account/", "https://127.0.0.1:1/account"),
            ("https://127.0.0.1:1/account", "https://127.0.0.1:1/account"),
        ] {
            let url = endpoint(&given.parse().unwrap()).unwrap();
            assert_eq!(url.as_str(), expected, "{given}");
        }
    }

    #[test]
    fn only_this_machine_may_pose_as_azure() {
        for (url, expected) in [
            ("https://127.0.0.1:8443/", true),
            ("https://[::1]:8443/", true),
            ("https://localhost:8443/", true),
            ("https://miq.vault.azure.net/", false),
            ("https://localhost.example.com/", false),
            ("https://127.0.0.1.example.com/", false),
            ("https://10.0.0.4/", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn tokens_go_nowhere_without_tls() {
        for given in ["http://miq.blob.core.windows.net", "https://user:secret@host/", "data:x"] {
            let refused = endpoint(&given.parse().unwrap()).unwrap_err();
            assert!(matches!(refused, StoreError::Invalid(_)), "{given}: {refused:?}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }
}
