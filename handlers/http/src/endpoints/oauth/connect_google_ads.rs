use domain::Platform;

use super::consent;
use crate::Endpoint;

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "ConnectGoogleAds",
    handle: |app, request| Box::pin(consent::start(app, request, Platform::GoogleAds)),
    document: consent::document,
};
