//! Which accounts a login reaches: directly, and below the managers that it reaches.

use std::collections::BTreeMap;

use domain::Platform;
use domain::ports::{PlatformAccount, PlatformError};
use futures_util::{StreamExt, stream};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;

use super::{GoogleAds, errors, query};

/// Hierarchies read at a time.
const AT_ONCE: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accessible {
    #[serde(default)]
    resource_names: Vec<String>,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    results: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    customer_client: Client,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Client {
    id: String,
    manager: bool,
    descriptive_name: String,
    time_zone: String,
    currency_code: String,
    status: String,
}

impl GoogleAds {
    pub(crate) async fn accounts(
        &self,
        token: &SecretString,
    ) -> Result<Vec<PlatformAccount>, PlatformError> {
        let roots = self.accessible(token).await?;
        let hierarchies: Vec<_> = stream::iter(roots)
            .map(|root| self.clients(root, token))
            .buffered(AT_ONCE)
            .collect()
            .await;

        let mut found = BTreeMap::new();
        let mut refusal = None;
        for (root, clients) in hierarchies {
            match clients {
                Ok(clients) => {
                    for account in clients.into_iter().filter_map(|client| account(client, &root)) {
                        keep(&mut found, account);
                    }
                }
                // One closed account must not hide the others.
                Err(
                    error
                    @ (PlatformError::AccountDisabled(_) | PlatformError::PermissionDenied(_)),
                ) => {
                    tracing::debug!(code = error.code(), "an accessible customer cannot be read");
                    refusal = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match refusal {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found.into_values().collect()),
        }
    }

    /// Ids of the customers that the login reaches directly, managers among them.
    async fn accessible(&self, token: &SecretString) -> Result<Vec<String>, PlatformError> {
        let request = self
            .request(Method::GET, &["customers:listAccessibleCustomers"], token, None)
            .map_err(|failure| failure.error)?;
        let accessible: Accessible =
            self.client.json_with_retries(Platform::GoogleAds, &request, errors::classify).await?;
        let ids = accessible.resource_names.into_iter();
        Ok(ids.filter_map(|name| name.strip_prefix("customers/").map(str::to_owned)).collect())
    }

    /// The customer itself and all below it.
    async fn clients(
        &self,
        root: String,
        token: &SecretString,
    ) -> (String, Result<Vec<Client>, PlatformError>) {
        let clients = self.clients_of(&root, token).await;
        (root, clients)
    }

    async fn clients_of(
        &self,
        root: &str,
        token: &SecretString,
    ) -> Result<Vec<Client>, PlatformError> {
        let request = self
            .search_stream(root, query::CUSTOMER_CLIENTS, token, Some(root))
            .map_err(|failure| failure.error)?;
        let chunks: Vec<Chunk> =
            self.client.json_with_retries(Platform::GoogleAds, &request, errors::classify).await?;
        Ok(chunks
            .into_iter()
            .flat_map(|chunk| chunk.results)
            .map(|row| row.customer_client)
            .collect())
    }
}

/// `None` for a manager, which has no figures of its own, and for an account whose zone or
/// currency we do not know.
fn account(client: Client, root: &str) -> Option<PlatformAccount> {
    if client.manager {
        return None;
    }
    let (Ok(time_zone), Ok(currency)) = (client.time_zone.parse(), client.currency_code.parse())
    else {
        tracing::warn!(account = client.id, "an account has an unknown time zone or currency");
        return None;
    };
    let name = if client.descriptive_name.is_empty() {
        format!("Account {}", client.id)
    } else {
        client.descriptive_name
    };
    Some(PlatformAccount {
        manager_id: (client.id != root).then(|| root.to_owned()),
        account_id: client.id,
        name,
        time_zone,
        currency,
        active: client.status == "ENABLED",
    })
}

/// An account may be reached in several ways; directly is best, for then no manager must stay.
fn keep(found: &mut BTreeMap<String, PlatformAccount>, account: PlatformAccount) {
    match found.get(&account.account_id) {
        Some(known) if known.manager_id.is_none() || account.manager_id.is_some() => {}
        _ => {
            found.insert(account.account_id.clone(), account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: &str) -> Client {
        Client {
            id: id.to_owned(),
            time_zone: "Europe/Amsterdam".to_owned(),
            currency_code: "EUR".to_owned(),
            status: "ENABLED".to_owned(),
            ..Client::default()
        }
    }

    #[test]
    fn a_direct_way_to_an_account_wins_over_one_through_a_manager() {
        for roots in [["1", "9"], ["9", "1"]] {
            let mut found = BTreeMap::new();
            for root in roots {
                keep(&mut found, account(client("1"), root).unwrap());
            }
            assert_eq!(found["1"].manager_id, None);
        }
        let below = account(client("1"), "9").unwrap();
        assert_eq!(below.manager_id.as_deref(), Some("9"));
    }

    #[test]
    fn managers_and_unreadable_zones_are_left_out() {
        assert!(account(Client { manager: true, ..client("1") }, "9").is_none());
        assert!(
            account(Client { time_zone: "Mars/Base".to_owned(), ..client("1") }, "9").is_none()
        );
        assert!(
            !account(Client { status: "CANCELED".to_owned(), ..client("1") }, "9").unwrap().active
        );
    }
}
