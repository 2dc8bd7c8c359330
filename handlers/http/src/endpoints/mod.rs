//! One file per endpoint; one line per endpoint here.

mod auth;
mod campaigns;
mod connections;
mod credentials;
mod dashboards;
mod deployment;
mod metrics;
mod oauth;
mod runs;
mod sync;
mod tenants;
mod users;

use crate::Endpoint;

/// Every endpoint, in the registry's order.
pub(crate) static ENDPOINTS: &[Endpoint] = &[
    auth::sign_up::ENDPOINT,
    auth::log_in::ENDPOINT,
    auth::refresh::ENDPOINT,
    auth::log_out::ENDPOINT,
    tenants::list::ENDPOINT,
    tenants::create::ENDPOINT,
    tenants::get::ENDPOINT,
    tenants::update::ENDPOINT,
    users::list::ENDPOINT,
    users::invite::ENDPOINT,
    users::remove::ENDPOINT,
    oauth::connect_google_ads::ENDPOINT,
    oauth::connect_meta_ads::ENDPOINT,
    oauth::connect_google_analytics::ENDPOINT,
    oauth::callback::ENDPOINT,
    credentials::list::ENDPOINT,
    credentials::accounts::ENDPOINT,
    connections::list::ENDPOINT,
    connections::create::ENDPOINT,
    connections::delete::ENDPOINT,
    dashboards::list::ENDPOINT,
    dashboards::get::ENDPOINT,
    metrics::get::ENDPOINT,
    campaigns::list::ENDPOINT,
    campaigns::performance::ENDPOINT,
    sync::start::ENDPOINT,
    runs::list::ENDPOINT,
    runs::get::ENDPOINT,
    deployment::health::ENDPOINT,
    deployment::openapi::ENDPOINT,
    deployment::docs::ENDPOINT,
];

#[cfg(test)]
mod tests {
    use domain::registry::Function;

    use super::*;

    #[test]
    fn every_http_function_has_its_endpoint_in_the_same_order() {
        let registered: Vec<_> = Function::http().map(|(function, _)| function.name).collect();
        let served: Vec<_> = ENDPOINTS.iter().map(|endpoint| endpoint.function).collect();
        assert_eq!(served, registered);
    }
}
