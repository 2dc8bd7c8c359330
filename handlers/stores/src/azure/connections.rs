//! The connections to Azure.

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use tokio::sync::OnceCell;

use super::Patience;

/// One pool for all clients of an identity, made with the first request: reading the machine's
/// certificates takes longer than a start may.
#[derive(Debug)]
pub(super) struct Connections {
    patience: Patience,
    client: OnceCell<reqwest::Client>,
}

impl Connections {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, client: OnceCell::new() }
    }

    async fn client(&self) -> azure_core::Result<&reqwest::Client> {
        let Patience { connect, answer, .. } = self.patience;
        self.client
            .get_or_try_init(|| async {
                let made = tokio::task::spawn_blocking(move || {
                    reqwest::Client::builder()
                        .connect_timeout(connect)
                        .read_timeout(answer)
                        .redirect(reqwest::redirect::Policy::none())
                        // Ranges are counted in the bytes that are stored.
                        .no_gzip()
                        .build()
                });
                made.await
                    .map_err(|error| Error::new(ErrorKind::Other, error))?
                    .map_err(|error| Error::new(ErrorKind::Other, error))
            })
            .await
    }
}

#[async_trait]
impl HttpClient for Connections {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.client().await?.execute_request(request).await
    }
}
