//! Which endpoint a path and a method mean, by the registry.

use std::sync::LazyLock;

use domain::registry::{Function, Route};

use crate::endpoints::ENDPOINTS;
use crate::request::decode_segment;
use crate::{Endpoint, Problem};

/// A route of the registry, cut into segments once.
pub(crate) struct Routed {
    pub(crate) function: &'static Function,
    pub(crate) route: &'static Route,
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) takes_query: bool,
    segments: Vec<Segment>,
}

enum Segment {
    Literal(&'static str),
    Variable(&'static str),
}

/// A path's variables with their values, decoded.
pub(crate) type PathParams = Vec<(&'static str, String)>;

static ROUTES: LazyLock<Vec<Routed>> = LazyLock::new(|| {
    Function::http()
        .filter_map(|(function, route)| {
            let endpoint = ENDPOINTS.iter().find(|known| known.function == function.name)?;
            let takes_query = (endpoint.document)().query.is_some();
            Some(Routed { function, route, endpoint, takes_query, segments: segments(route.path) })
        })
        .collect()
});

fn segments(path: &'static str) -> Vec<Segment> {
    path.trim_start_matches('/')
        .split('/')
        .map(|segment| {
            segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
                .map_or(Segment::Literal(segment), Segment::Variable)
        })
        .collect()
}

impl Routed {
    /// The values of the path's variables, if `path` is this route's.
    fn matches(&self, path: &str) -> Option<PathParams> {
        let mut given = path.strip_prefix('/')?.split('/');
        let mut params = Vec::new();
        for segment in &self.segments {
            let value = given.next()?;
            match segment {
                Segment::Literal(literal) => (*literal == value).then_some(())?,
                Segment::Variable(name) => {
                    let value = decode_segment(value).filter(|value| !value.is_empty())?;
                    params.push((*name, value));
                }
            }
        }
        given.next().is_none().then_some(params)
    }
}

/// The route of a method and an undecoded path; 404, or 405 if only the method differs.
pub(crate) fn find(method: &str, path: &str) -> Result<(&'static Routed, PathParams), Problem> {
    // HEAD is GET without the body, which the server leaves out itself.
    let method = if method == "HEAD" { "GET" } else { method };
    let mut allowed = Vec::new();
    for routed in ROUTES.iter() {
        let Some(params) = routed.matches(path) else { continue };
        if routed.route.method.as_str() == method {
            return Ok((routed, params));
        }
        allowed.push(routed.route.method.as_str());
    }
    if allowed.is_empty() {
        Err(Problem::not_found("this path"))
    } else {
        Err(Problem::method_not_allowed(&allowed.join(", ")))
    }
}
