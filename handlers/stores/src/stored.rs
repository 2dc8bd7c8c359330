//! Text that this deployment stored, back as the word it was.

use std::error::Error;
use std::str::FromStr;

use domain::ports::StoreError;

/// [`StoreError::Corrupt`] if `text` is not a `T`: only a `T` was ever stored.
pub(crate) fn parsed<T>(what: &'static str, text: &str) -> Result<T, StoreError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    text.parse().map_err(|error: T::Err| StoreError::Corrupt { what, source: Box::new(error) })
}
