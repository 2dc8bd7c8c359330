//! From a request to the endpoint that answers it, through the access check of the registry.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use domain::registry::{Access, FUNCTIONS, Function, Route, Trigger};
use domain::{Caller, Permission, TenantScope};
use futures_util::FutureExt;
use tokio::sync::watch;
use tracing::Instrument;

use crate::endpoints::ENDPOINTS;
use crate::params::Params;
use crate::request::{Granted, Incoming, decode_segment};
use crate::{App, Endpoint, Problem, Reply, Request, functions};

/// Which calls a listener answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// HTTP endpoints: what the world may reach.
    Public,
    /// Timer and queue calls of a host: loopback only.
    Triggers,
    /// Both, as the Functions host expects of a custom handler's one port.
    Both,
}

/// One thing that keeps the deployment from working, in words that name the fix.
pub type Fault = String;

/// Where the listener finds the application once it stands. The listener is bound first, so
/// that the host's readiness call is answered at once whatever the settings say.
#[derive(Clone)]
pub struct AppSlot(watch::Receiver<Standing>);

#[derive(Clone)]
enum Standing {
    Starting,
    Ready(Arc<App>),
    Faulty(Arc<[Fault]>),
}

/// Fills an [`AppSlot`].
pub struct AppSetter(watch::Sender<Standing>);

/// How long a call waits for a process that is still starting.
const START_UP: Duration = Duration::from_secs(20);

/// How long an endpoint may take.
const REQUEST_DEADLINE: Duration = Duration::from_mins(1);

impl AppSlot {
    /// A slot that is filled later.
    pub fn starting() -> (AppSetter, Self) {
        let (sender, receiver) = watch::channel(Standing::Starting);
        (AppSetter(sender), Self(receiver))
    }

    /// A slot that holds `app` from the start.
    pub fn ready(app: Arc<App>) -> Self {
        Self(watch::channel(Standing::Ready(app)).1)
    }

    async fn app(&self) -> Result<Arc<App>, Problem> {
        let mut standing = self.0.clone();
        let settled = standing.wait_for(|standing| !matches!(standing, Standing::Starting));
        let settled = match tokio::time::timeout(START_UP, settled).await {
            Ok(Ok(settled)) => settled.clone(),
            // The setter is gone without a word, or takes too long.
            Ok(Err(_)) | Err(_) => Standing::Starting,
        };
        match settled {
            Standing::Ready(app) => Ok(app),
            Standing::Starting => {
                Err(Problem::unavailable("the process is still starting", "not started in time"))
            }
            Standing::Faulty(faults) => Err(Problem::unavailable(
                "the deployment's settings are at fault; its log names each",
                faults.join("; "),
            )),
        }
    }
}

impl AppSetter {
    pub fn ready(self, app: Arc<App>) {
        self.0.send_replace(Standing::Ready(app));
    }

    pub fn faulty(self, faults: Vec<Fault>) {
        self.0.send_replace(Standing::Faulty(faults.into()));
    }
}

/// A route of the registry, cut into segments once.
struct Routed {
    function: &'static Function,
    route: &'static Route,
    endpoint: &'static Endpoint,
    segments: Vec<Segment>,
    takes_query: bool,
}

enum Segment {
    Literal(&'static str),
    Variable(&'static str),
}

static ROUTES: LazyLock<Vec<Routed>> = LazyLock::new(|| {
    Function::http()
        .filter_map(|(function, route)| {
            let endpoint = ENDPOINTS.iter().find(|known| known.function == function.name)?;
            let takes_query = (endpoint.document)().query.is_some();
            Some(Routed { function, route, endpoint, segments: segments(route.path), takes_query })
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
    fn matches(&self, path: &str) -> Option<Vec<(&'static str, String)>> {
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

/// Answers any request: never panics, never hangs.
pub(crate) async fn answer(slot: &AppSlot, surface: Surface, incoming: Incoming) -> Reply {
    if incoming.path == "/" {
        return Reply::rendered_json(r#"{"name":"marketing-iq","docs":"/docs"}"#.into());
    }
    if surface != Surface::Public
        && let Some(function) = triggered_function(&incoming)
    {
        return functions::answer(slot, function, &incoming).await;
    }
    if surface == Surface::Triggers {
        return Problem::not_found("a function of this name").into_reply();
    }
    endpoint(slot, incoming).await
}

/// The timer or queue function that this call of the host is for.
fn triggered_function(incoming: &Incoming) -> Option<&'static Function> {
    // The header is the host's on every call; a stray request without it starts nothing.
    incoming.headers.get("x-azure-functions-invocationid")?;
    let name = incoming.path.strip_prefix('/')?;
    FUNCTIONS
        .iter()
        .find(|function| function.name == name && !matches!(function.trigger, Trigger::Http(_)))
}

async fn endpoint(slot: &AppSlot, incoming: Incoming) -> Reply {
    let (routed, params) = match find(&incoming) {
        Ok(found) => found,
        Err(problem) => return problem.into_reply(),
    };
    let app = match slot.app().await {
        Ok(app) => app,
        Err(problem) => return problem.into_reply(),
    };
    let span = tracing::info_span!(
        "request",
        function = routed.function.name,
        invocation_id = last_header(&incoming, "x-azure-functions-invocationid"),
        trace_id = trace_id(&incoming),
        tenant_id = tracing::field::Empty,
    );
    let started = Instant::now();
    async {
        let reply = run(app, routed, params, incoming).await.unwrap_or_else(Problem::into_reply);
        tracing::debug!(
            status = reply.status(),
            elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        reply
    }
    .instrument(span)
    .await
}

async fn run(
    app: Arc<App>,
    routed: &'static Routed,
    params: Vec<(&'static str, String)>,
    incoming: Incoming,
) -> Result<Reply, Problem> {
    let granted = grant(&app, routed.route.access, &incoming).await?;
    if let Granted::Tenant(_, scope) = &granted {
        tracing::Span::current().record("tenant_id", tracing::field::display(scope.tenant()));
    }
    let request = Request::new(incoming, params, granted);
    if !routed.takes_query {
        Params::of(&request, &[])?;
    }
    let work = AssertUnwindSafe((routed.endpoint.handle)(app, request)).catch_unwind();
    match tokio::time::timeout(REQUEST_DEADLINE, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Problem::internal("the endpoint panicked")),
        Err(_) => Err(Problem::unavailable("the answer took too long", "request deadline")),
    }
}

/// The access check: what the registry asks for against what the token gives.
async fn grant(app: &App, access: Access, incoming: &Incoming) -> Result<Granted, Problem> {
    if access == Access::Public {
        return Ok(Granted::Nothing);
    }
    let header = last_header(incoming, "authorization").ok_or_else(|| {
        Problem::unauthenticated("token_missing", "send Authorization: Bearer <access_token>")
    })?;
    let bearer = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => {
            return Err(Problem::unauthenticated(
                "token_invalid",
                "the Authorization header is not of the form Bearer <access_token>",
            ));
        }
    };
    let caller = app.verifier.verify(bearer)?;
    Ok(match access {
        Access::Public | Access::SignedIn => Granted::Caller(caller),
        Access::Tenant(permission) => {
            let scope = caller.in_tenant(permission)?;
            if permission != Permission::Read {
                still_allowed(app, &caller, &scope, permission).await?;
            }
            Granted::Tenant(caller, scope)
        }
        Access::Organization => {
            let scope = caller.in_organization()?;
            Granted::Organization(caller, scope)
        }
    })
}

/// A token outlives a change of role by minutes. What changes something asks the database again,
/// or a person who was removed could use those minutes to come back.
async fn still_allowed(
    app: &App,
    caller: &Caller,
    scope: &TenantScope,
    permission: Permission,
) -> Result<(), Problem> {
    let memberships = app.tenants.memberships(caller).await?;
    let role = memberships.iter().find(|membership| membership.tenant == scope.tenant());
    if role.is_some_and(|membership| membership.role.allows(permission)) {
        Ok(())
    } else {
        Err(Problem::forbidden("your role in this tenant has changed: refresh your token"))
    }
}

type Found = (&'static Routed, Vec<(&'static str, String)>);

fn find(incoming: &Incoming) -> Result<Found, Problem> {
    // HEAD is GET without the body, which the server leaves out itself.
    let method = if incoming.method == "HEAD" { "GET" } else { &incoming.method };
    let mut allowed = Vec::new();
    for routed in ROUTES.iter() {
        let Some(params) = routed.matches(&incoming.path) else { continue };
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

pub(crate) fn last_header<'a>(incoming: &'a Incoming, name: &str) -> Option<&'a str> {
    incoming.headers.get_all(name).iter().next_back()?.to_str().ok()
}

/// The trace id of a W3C `traceparent`.
pub(crate) fn trace_id(incoming: &Incoming) -> Option<&str> {
    last_header(incoming, "traceparent")?.split('-').nth(1).filter(|id| id.len() == 32)
}

/// Waits for the application on behalf of a host's call.
pub(crate) async fn standing(slot: &AppSlot) -> Result<Arc<App>, Problem> {
    slot.app().await
}
