//! One file per endpoint; one line per endpoint here.

use crate::Endpoint;

/// Every endpoint, in the registry's order.
pub(crate) static ENDPOINTS: &[Endpoint] = &[];

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
