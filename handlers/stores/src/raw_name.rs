//! Which names a raw file may have: the same for every backend, so that nothing is written to
//! one that another could not hold, and nothing leaves a directory's root.

use domain::ports::StoreError;

/// Azure Blob Storage allows 1,024 characters in a blob's name.
const MAX_LENGTH: usize = 1_024;

/// Most file systems allow 255 bytes between two slashes.
const MAX_SEGMENT: usize = 255;

/// `folder/…/file`: segments of letters, digits, `-`, `_`, `.` and `=`, none beginning with a
/// dot.
pub(crate) fn check_path(path: &str) -> Result<(), StoreError> {
    let valid = path.len() <= MAX_LENGTH && path.split('/').all(is_segment);
    if valid { Ok(()) } else { Err(invalid(path)) }
}

/// The beginning of a path: it may end anywhere, also in a slash, and may be empty.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), StoreError> {
    let (folders, rest) = prefix.rsplit_once('/').unwrap_or(("", prefix));
    let valid = prefix.len() <= MAX_LENGTH
        && (folders.is_empty() && !prefix.starts_with('/') || folders.split('/').all(is_segment))
        && (rest.is_empty() || is_segment(rest));
    if valid { Ok(()) } else { Err(invalid(prefix)) }
}

fn is_segment(segment: &str) -> bool {
    (1..=MAX_SEGMENT).contains(&segment.len())
        && !segment.starts_with('.')
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte))
}

fn invalid(path: &str) -> StoreError {
    StoreError::Invalid(format!(
        "{path:?} cannot name a raw file: use folders and a file of letters, digits, -, _, . and \
         =, none of which begins with a dot"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prefixes_end_anywhere() {
        for prefix in ["", "a", "a/", "a/b", "a/b/", "tenant-1/raw/ga/2024-02-29/x/part-0"] {
            assert!(check_prefix(prefix).is_ok(), "{prefix:?}");
        }
        for prefix in ["/", "/a", "a//", "..", "../", "a/../b", "a/.", "a b", "a\\b"] {
            assert!(check_prefix(prefix).is_err(), "{prefix:?}");
        }
    }

    proptest! {
        /// Whatever is accepted stays below the folder that it is appended to.
        #[test]
        fn no_accepted_path_climbs(path in r"[a-z./\\\-%]{0,12}") {
            if check_path(&path).is_ok() {
                let mut parts = std::path::Path::new(&path).components();
                let climbs = !parts.all(|part| matches!(part, std::path::Component::Normal(_)));
                prop_assert!(!climbs);
            }
        }
    }
}
