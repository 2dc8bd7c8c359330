//! What an endpoint says of its inputs and its answer, for OpenAPI.

use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// The shapes of one endpoint. Method, path, access and summary come from the registry.
#[derive(Default)]
#[must_use]
pub struct Document {
    /// An object whose properties are the query parameters.
    pub query: Option<Shape>,
    pub body: Option<Shape>,
    /// Status of success, and its body if it has one.
    pub success: (u16, Option<Shape>),
    /// Problems beyond those that every endpoint of its kind may answer.
    pub problems: &'static [u16],
}

/// A type's JSON schema with all schemas that it refers to.
pub struct Shape {
    pub name: String,
    pub schema: RefOr<Schema>,
    pub components: Vec<(String, RefOr<Schema>)>,
}

impl Document {
    /// Answers `status` with a `T`.
    pub fn answers<T: ToSchema>(status: u16) -> Self {
        Self { success: (status, Some(Shape::of::<T>())), ..Self::default() }
    }

    /// Answers `status` without a body.
    pub fn answers_empty(status: u16) -> Self {
        Self { success: (status, None), ..Self::default() }
    }

    pub fn takes<T: ToSchema>(self) -> Self {
        Self { body: Some(Shape::of::<T>()), ..self }
    }

    pub fn queried_by<T: ToSchema>(self) -> Self {
        Self { query: Some(Shape::of::<T>()), ..self }
    }

    pub fn fails_with(self, problems: &'static [u16]) -> Self {
        Self { problems, ..self }
    }
}

impl Shape {
    pub fn of<T: ToSchema>() -> Self {
        let mut components = Vec::new();
        T::schemas(&mut components);
        Self { name: T::name().into_owned(), schema: T::schema(), components }
    }
}
