use domain::Platform;

use super::consent;
use crate::Endpoint;

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "ConnectMetaAds",
    handle: |app, request| Box::pin(consent::start(app, request, Platform::MetaAds)),
    document: consent::document,
};
