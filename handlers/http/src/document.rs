//! What an endpoint says of its inputs and its answer, for OpenAPI.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The shapes of one endpoint. Method, path, access and summary come from the registry.
#[must_use]
pub struct Document {
    /// What the variable of the path may be.
    pub(crate) variable: RefOr<Schema>,
    /// An object whose properties are the query parameters.
    pub(crate) query: Option<Shape>,
    pub(crate) body: Option<Shape>,
    /// Whether a request without a body is answered too.
    pub(crate) body_optional: bool,
    pub(crate) success: Answer,
    /// Other answers that are no problem documents.
    pub(crate) others: Vec<Answer>,
    /// Problems beyond those that every endpoint of its kind may answer.
    pub(crate) problems: &'static [u16],
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Option<Shape>,
    /// Whether a browser is answered with a page instead.
    pub(crate) or_page: bool,
}

/// A type's JSON schema with all schemas that it refers to.
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) schema: RefOr<Schema>,
    pub(crate) components: Vec<(String, RefOr<Schema>)>,
}

impl Document {
    /// Answers `status` with a `T`.
    pub fn answers<T: ToSchema>(status: u16) -> Self {
        Self::with_success(Answer {
            status,
            content_type: "application/json",
            body: Some(Shape::of::<T>()),
            or_page: false,
        })
    }

    /// Answers `status` without a body.
    pub fn answers_empty(status: u16) -> Self {
        Self::with_success(Answer {
            status,
            content_type: "application/json",
            body: None,
            or_page: false,
        })
    }

    /// Answers 200 with a page for people.
    pub fn answers_page() -> Self {
        Self::with_success(Answer {
            status: 200,
            content_type: "text/html",
            body: Some(Shape::of::<String>()),
            or_page: false,
        })
    }

    fn with_success(success: Answer) -> Self {
        let id = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        Self {
            variable: id.into(),
            query: None,
            body: None,
            body_optional: false,
            success,
            others: Vec::new(),
            problems: &[],
        }
    }

    /// May also answer `status` with a `T`.
    pub fn or_answers<T: ToSchema>(mut self, status: u16) -> Self {
        let body = Some(Shape::of::<T>());
        self.others.push(Answer { status, content_type: "application/json", body, or_page: false });
        self
    }

    /// Answers a browser with a page in place of JSON.
    pub fn or_page(mut self) -> Self {
        self.success.or_page = true;
        self
    }

    /// Answers 304 without a body to a client that holds the current answer.
    pub fn with_etag(mut self) -> Self {
        self.others.push(Answer {
            status: 304,
            content_type: "application/json",
            body: None,
            or_page: false,
        });
        self
    }

    pub fn takes<T: ToSchema>(self) -> Self {
        Self { body: Some(Shape::of::<T>()), ..self }
    }

    /// Takes a `T`, or no body at all.
    pub fn may_take<T: ToSchema>(self) -> Self {
        Self { body_optional: true, ..self.takes::<T>() }
    }

    pub fn queried_by<T: ToSchema>(self) -> Self {
        Self { query: Some(Shape::of::<T>()), ..self }
    }

    /// The path's variable is no UUID but one of these words.
    pub fn named_by_one_of(self, words: impl IntoIterator<Item = &'static str>) -> Self {
        let variable = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words));
        Self { variable: variable.into(), ..self }
    }

    /// The path's variable is no UUID but text such as `example`.
    pub fn named_like(self, example: &'static str) -> Self {
        let variable =
            ObjectBuilder::new().schema_type(Type::String).examples([serde_json::json!(example)]);
        Self { variable: variable.into(), ..self }
    }

    pub fn fails_with(self, problems: &'static [u16]) -> Self {
        Self { problems, ..self }
    }
}

impl Shape {
    pub(crate) fn of<T: ToSchema>() -> Self {
        let mut components = Vec::new();
        T::schemas(&mut components);
        let schema = <T as PartialSchema>::schema();
        Self { name: T::name().into_owned(), schema, components }
    }
}
