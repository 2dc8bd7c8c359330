//! The API as OpenAPI 3.1: routes and access from the registry, shapes from the endpoints.

mod parameters;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use bytes::Bytes;
use domain::registry::{Access, Function, Method, Route};
use domain::{Permission, Role};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem,
    Paths, PathsBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema, ServerBuilder,
};
use warp::http::StatusCode;

use crate::document::{Answer, Shape};
use crate::endpoints::ENDPOINTS;
use crate::{Document, Endpoint};

/// The document as `GET /openapi.json` answers it.
pub(crate) static RENDERED: LazyLock<Bytes> =
    LazyLock::new(|| serde_json::to_vec(&document()).expect("the document is plain data").into());

/// The document as people and version control read it.
pub fn openapi_json() -> String {
    serde_json::to_string_pretty(&document()).expect("the document is plain data")
}

const BEARER: &str = "bearer";

const DESCRIPTION: &str = "Marketing figures of Google Ads, Meta Ads and Google Analytics 4, per \
    tenant. Counts are integers; money and fractional metrics are decimal strings; currencies are \
    never added. Every failure is a problem document with a stable `code` and a `detail` that says \
    what to do.";

/// Groups of endpoints, by the beginning of their path; the first that fits.
const TAGS: &[(&str, &str, &str)] = &[
    ("/auth/", "Tokens", "Sign up, log in, refresh, log out."),
    ("/tenants/me/users", "People", "Who may enter a tenant, and with which role."),
    ("/tenants/me/oauth/", "Consent", "A person's consent at a platform, in a browser."),
    ("/oauth/", "Consent", ""),
    ("/tenants/me/connections", "Connections", "Platform accounts that a tenant reads."),
    ("/tenants", "Tenants", "Clients of the organization: the unit of isolation."),
    ("/credentials", "Credentials", "What consents left, and the accounts that they reach."),
    ("/api/v1/sync", "Runs", "What slots and people asked for, and what became of it."),
    ("/api/v1/runs", "Runs", ""),
    ("/api/v1/", "Figures", "Dashboards, metrics and campaigns of the active tenant."),
    ("/", "Deployment", "Health, and this document."),
];

/// Why a request failed, as RFC 9457 writes it.
#[derive(Serialize, ToSchema)]
struct Problem {
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: String,
    #[schema(example = "Bad Request")]
    title: String,
    #[schema(example = 400)]
    status: u16,
    /// Stable, for programs.
    #[schema(example = "invalid_date")]
    code: String,
    /// What is wrong, and what to do.
    #[schema(example = "\"26.10.2026\" is not a date: write it as 2026-10-26")]
    detail: String,
    /// The member, parameter or header at fault, where it is one.
    #[schema(example = "from")]
    field: Option<String>,
}

fn document() -> OpenApi {
    let mut components = Components::new();
    keep(&mut components, &Shape::of::<Problem>());
    components.add_security_scheme(
        BEARER,
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .description(Some("The `access_token` of a login or refresh."))
                .build(),
        ),
    );
    let mut paths = Paths::new();
    for (function, route) in Function::http() {
        let Some(endpoint) = ENDPOINTS.iter().find(|known| known.function == function.name) else {
            continue;
        };
        let item = operation(function, route, endpoint, &mut components);
        paths = PathsBuilder::from(paths).path(route.path, item).build();
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Marketing IQ")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(
                    LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
                ))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .paths(paths)
        .components(Some(components))
        .tags(Some(
            TAGS.iter().filter(|(_, _, description)| !description.is_empty()).map(
                |(_, name, text)| TagBuilder::new().name(*name).description(Some(*text)).build(),
            ),
        ))
        .build()
}

fn operation(
    function: &Function,
    route: &Route,
    endpoint: &Endpoint,
    components: &mut Components,
) -> PathItem {
    let document = (endpoint.document)();
    let mut operation = OperationBuilder::new()
        .operation_id(Some(function.name))
        .summary(Some(route.summary))
        .description(Some(who(route.access)))
        .tag(tag(route.path));
    for parameter in parameters::of(route.path, &document) {
        operation = operation.parameter(parameter);
    }
    if route.access != Access::Public {
        let scopes: [&str; 0] = [];
        operation = operation.security(SecurityRequirement::new(BEARER, scopes));
    }
    if let Some(body) = &document.body {
        let content = ContentBuilder::new().schema(Some(reference(body))).build();
        let required = if document.body_optional { Required::False } else { Required::True };
        operation = operation.request_body(Some(
            RequestBodyBuilder::new()
                .content("application/json", content)
                .required(Some(required))
                .build(),
        ));
        keep(components, body);
    }
    for answer in std::iter::once(&document.success).chain(&document.others) {
        operation = operation.response(answer.status.to_string(), response(answer));
        if let Some(shape) = &answer.body {
            keep(components, shape);
        }
    }
    for status in problems(route, &document) {
        let given = |answer: &Answer| answer.status == status;
        if !document.others.iter().any(given) {
            operation = operation.response(status.to_string(), problem(status));
        }
    }
    // A query shape is spread over parameters, which refer to its components only.
    if let Some(query) = &document.query {
        keep_parts(components, query);
    }
    PathItem::new(http_method(route.method), operation)
}

fn response(answer: &Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).expect("statuses are literals");
    let description = status.canonical_reason().unwrap_or("An answer");
    let mut response = ResponseBuilder::new().description(description);
    if let Some(shape) = &answer.body {
        let content = ContentBuilder::new().schema(Some(reference(shape))).build();
        response = response.content(answer.content_type, content);
    }
    if answer.or_page {
        let page = reference(&Shape::of::<String>());
        let content = ContentBuilder::new().schema(Some(page)).build();
        response = response.content("text/html", content);
    }
    response.build()
}

fn problem(status: u16) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let status = StatusCode::from_u16(status).expect("statuses are literals");
    ResponseBuilder::new()
        .description(status.canonical_reason().unwrap_or("A problem"))
        .content("application/problem+json", content)
        .build()
}

/// Every problem that an endpoint of this kind may answer.
fn problems(route: &Route, document: &Document) -> Vec<u16> {
    let mut statuses = vec![400, 408, 413, 500, 503];
    match route.access {
        Access::Public => {}
        Access::SignedIn => statuses.push(401),
        Access::Organization => statuses.extend([401, 403]),
        // The tenant itself may be gone.
        Access::Tenant(_) => statuses.extend([401, 403, 404]),
    }
    if parameters::variables(route.path).next().is_some() {
        statuses.push(404);
    }
    if document.body.is_some() {
        statuses.push(415);
    }
    statuses.extend(document.problems);
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn reference(shape: &Shape) -> RefOr<Schema> {
    match &shape.schema {
        RefOr::T(Schema::Object(object)) if object.properties.is_empty() => shape.schema.clone(),
        _ => Ref::from_schema_name(&shape.name).into(),
    }
}

fn keep(components: &mut Components, shape: &Shape) {
    if matches!(reference(shape), RefOr::Ref(_)) {
        components.schemas.insert(shape.name.clone(), shape.schema.clone());
    }
    keep_parts(components, shape);
}

fn keep_parts(components: &mut Components, shape: &Shape) {
    components.schemas.extend(shape.components.iter().cloned());
}

fn tag(path: &str) -> &'static str {
    let found = TAGS.iter().find(|(beginning, _, _)| path.starts_with(beginning));
    found.map(|(_, name, _)| *name).expect("every path begins with a slash")
}

fn who(access: Access) -> String {
    match access {
        Access::Public => "For anyone.".to_owned(),
        Access::SignedIn => {
            "For anyone with an access token, whichever tenant it names.".to_owned()
        }
        Access::Organization => "For the organization's owner.".to_owned(),
        Access::Tenant(permission) => for_roles(permission),
    }
}

fn for_roles(permission: Permission) -> String {
    let roles: Vec<_> = Role::ALL
        .into_iter()
        .filter(|role| role.allows(permission))
        .map(|role| format!("`{role}`"))
        .collect();
    format!("In the active tenant, for {}.", roles.join(", "))
}

const fn http_method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
    }
}
