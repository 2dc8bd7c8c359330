//! Parameters of paths and queries.

use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{OneOf, SchemaType, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use crate::Document;
use crate::document::Shape;

pub(super) fn of(path: &str, document: &Document) -> Vec<ParameterBuilder> {
    let in_path = |name| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(document.variable.clone()))
    };
    variables(path).map(in_path).chain(query_parameters(document)).collect()
}

pub(super) fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn query_parameters(document: &Document) -> Vec<ParameterBuilder> {
    let Some(Shape { schema: RefOr::T(Schema::Object(object)), .. }) = &document.query else {
        return Vec::new();
    };
    let parameter = |(name, schema): (&String, &RefOr<Schema>)| {
        let required = object.required.contains(name);
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(if required { Required::True } else { Required::False })
            .description(description(schema))
            .schema(Some(without_null(schema.clone())))
    };
    object.properties.iter().map(parameter).collect()
}

fn description(schema: &RefOr<Schema>) -> Option<&String> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.description.as_ref(),
        RefOr::T(Schema::Array(array)) => array.description.as_ref(),
        RefOr::T(Schema::OneOf(one_of)) => one_of.items.iter().find_map(description),
        RefOr::Ref(reference) => Some(&reference.description).filter(|text| !text.is_empty()),
        RefOr::T(_) => None,
    }
}

/// The schema of a parameter that may be left out: a query has no way to write null.
fn without_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.schema_type = type_without_null(object.schema_type);
            object.description = None;
            object.into()
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.schema_type = type_without_null(array.schema_type);
            array.description = None;
            RefOr::T(Schema::Array(array))
        }
        RefOr::T(Schema::OneOf(mut one_of)) => {
            one_of.items.retain(|item| !is_null(item));
            match <[_; 1]>::try_from(std::mem::take(&mut one_of.items)) {
                Ok([only]) => only,
                Err(items) => RefOr::T(Schema::OneOf(OneOf { items, ..one_of })),
            }
        }
        other => other,
    }
}

fn type_without_null(schema_type: SchemaType) -> SchemaType {
    match schema_type {
        SchemaType::Array(types) => {
            let mut types: Vec<_> = types.into_iter().filter(|kind| *kind != Type::Null).collect();
            if types.len() == 1 {
                SchemaType::Type(types.remove(0))
            } else {
                SchemaType::Array(types)
            }
        }
        other => other,
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object))
        if object.schema_type == SchemaType::Type(Type::Null))
}
