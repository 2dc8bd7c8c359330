//! Requests as endpoints see them: body read and capped, access checked.

use std::str::FromStr;

use bytes::Bytes;
use domain::{Caller, OrganizationScope, TenantScope};
use percent_encoding::percent_decode_str;
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use warp::http::HeaderMap;

use crate::Problem;
use crate::routes::PathParams;

/// A request's line and headers: what is known before its body is read.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// Undecoded.
    pub(crate) path: String,
    /// What follows `?`, undecoded; empty if nothing does.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
}

impl Head {
    /// The last value of a header: one that a client forged comes before the host's own.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get_all(name).iter().next_back()?.to_str().ok()
    }
}

/// A request that passed its route's access check.
#[derive(Debug)]
pub struct Request {
    head: Head,
    body: Bytes,
    params: PathParams,
    granted: Granted,
}

/// What the access check of the route gave.
#[derive(Debug)]
pub(crate) enum Granted {
    Nothing,
    Caller(Caller),
    Tenant(Caller, TenantScope),
    Organization(Caller, OrganizationScope),
}

impl Request {
    pub(crate) fn new(head: Head, body: Bytes, params: PathParams, granted: Granted) -> Self {
        Self { head, body, params, granted }
    }

    /// Who asks. An endpoint with public access has nobody to ask for.
    pub fn caller(&self) -> Result<&Caller, Problem> {
        match &self.granted {
            Granted::Nothing => Err(Problem::internal("the route is public: it has no caller")),
            Granted::Caller(caller)
            | Granted::Tenant(caller, _)
            | Granted::Organization(caller, _) => Ok(caller),
        }
    }

    /// The tenant that the caller was allowed to act in.
    pub fn scope(&self) -> Result<TenantScope, Problem> {
        match &self.granted {
            Granted::Tenant(_, scope) => Ok(scope.clone()),
            _ => Err(Problem::internal("the route's access names no tenant permission")),
        }
    }

    /// The organization that the caller owns.
    pub fn organization(&self) -> Result<OrganizationScope, Problem> {
        match &self.granted {
            Granted::Organization(_, scope) => Ok(scope.clone()),
            _ => Err(Problem::internal("the route's access names no organization")),
        }
    }

    /// A variable of the route's path, decoded.
    pub fn param(&self, name: &str) -> &str {
        self.params
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
            .expect("endpoints name the variables of their own route")
    }

    /// A path variable as an id. One that cannot be an id belongs to nothing: 404.
    pub fn id<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        self.param(name).parse().map_err(|_| Problem::not_found("what this path names"))
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let content_type = self.header("content-type").unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::not_json());
        }
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        T::deserialize(Object(&mut json))
            .and_then(|body| json.end().map(|()| body))
            .map_err(|error| Problem::bad_request("invalid_body", "body", readable(&error)))
    }

    /// The body as JSON, or the default where there is no body at all.
    pub fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }

    /// The query's parameters.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_urlencoded::from_str(&self.head.query)
            .map_err(|error| Problem::bad_request("invalid_query", "query", error.to_string()))
    }

    /// The query as it came, undecoded.
    pub fn raw_query(&self) -> &str {
        &self.head.query
    }

    /// The last value of a header: one that a client forged comes before the host's own.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }
}

/// JSON that must be an object: serde would fill an object's members from a list, by their order.
struct Object<'a, R>(&'a mut serde_json::Deserializer<R>);

impl<'de, R: serde_json::de::Read<'de>> Deserializer<'de> for Object<'_, R> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// What is wrong with a body, without the words of our own types.
fn readable(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => error.to_string(),
        serde_json::error::Category::Eof => "the body ends before its JSON does".to_owned(),
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            format!("the body is not JSON: see line {} column {}", error.line(), error.column())
        }
    }
}

/// A segment of a path, decoded; `None` if it is not UTF-8 once decoded.
pub(crate) fn decode_segment(segment: &str) -> Option<String> {
    let decoded = percent_decode_str(segment).decode_utf8().ok()?;
    (!decoded.contains('\0')).then(|| decoded.into_owned())
}
