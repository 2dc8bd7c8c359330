//! Which names a secret may have: those of Azure Key Vault, for every backend.

use domain::ports::StoreError;

pub(crate) fn check(name: &str) -> Result<(), StoreError> {
    let valid = (1..=127).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if valid {
        Ok(())
    } else {
        Err(StoreError::Invalid(format!(
            "{name:?} cannot name a secret: use 1 to 127 letters, digits and dashes"
        )))
    }
}
