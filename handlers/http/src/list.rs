//! How lists are answered.

use serde::Serialize;
use utoipa::ToSchema;

/// All there is of something: lists that are short by nature have one page.
#[derive(Serialize, ToSchema)]
pub(crate) struct List<T: ToSchema> {
    pub(crate) data: Vec<T>,
    /// Where the next page begins; null on the last.
    pub(crate) next_cursor: Option<String>,
}

impl<T: ToSchema> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { data: items.into_iter().collect(), next_cursor: None }
    }
}
