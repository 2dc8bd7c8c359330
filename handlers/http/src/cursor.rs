//! Cursors: where a page ended, opaque to clients.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Problem;

const SEAL: usize = 8;

/// A position under the seal of `list`: what is listed, and all filters. The seal finds damage
/// and foreign cursors; it is no secret, as a position shows nothing that its list would not.
pub(crate) fn encode(list: &str, position: &impl Serialize) -> String {
    let position = serde_json::to_vec(position).expect("positions are plain data");
    let mut sealed = seal(list, &position).to_vec();
    sealed.extend_from_slice(&position);
    URL_SAFE_NO_PAD.encode(sealed)
}

pub(crate) fn decode<T: DeserializeOwned>(list: &str, cursor: &str) -> Result<T, Problem> {
    let position = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|sealed| {
        let (given, position) = sealed.split_at_checked(SEAL)?;
        (given == seal(list, position)).then(|| serde_json::from_slice(position).ok()).flatten()
    });
    position.ok_or_else(invalid)
}

pub(crate) fn invalid() -> Problem {
    Problem::bad_request(
        "invalid_cursor",
        "cursor",
        "send next_cursor as it came, with the same other parameters; or start again without",
    )
}

fn seal(list: &str, position: &[u8]) -> [u8; SEAL] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(list.as_bytes());
    context.update(&[0]);
    context.update(position);
    let mut seal = [0; SEAL];
    seal.copy_from_slice(&context.finish().as_ref()[..SEAL]);
    seal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = encode("campaigns 2024", &("USD", "12.5"));
        let position: (String, String) = decode("campaigns 2024", &cursor).unwrap();
        assert_eq!(position, ("USD".to_owned(), "12.5".to_owned()));
        let problem = decode::<(String, String)>("campaigns 2025", &cursor).unwrap_err();
        assert_eq!((problem.status(), problem.code()), (400, "invalid_cursor"));
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_whole(list in "\\PC*", position in "\\PC*") {
            let cursor = encode(&list, &position);
            prop_assert_eq!(decode::<String>(&list, &cursor).unwrap(), position);
        }

        #[test]
        fn a_changed_cursor_is_refused(at in 0usize..20, to in any::<u8>()) {
            let mut cursor = encode("runs", &"2024-01-01T00:00:00Z").into_bytes();
            prop_assume!(cursor[at] != to);
            cursor[at] = to;
            let cursor = String::from_utf8_lossy(&cursor).into_owned();
            prop_assert!(decode::<String>("runs", &cursor).is_err());
        }

        #[test]
        fn any_text_is_refused(text in "\\PC*") {
            prop_assert!(decode::<String>("runs", &text).is_err());
        }
    }
}
