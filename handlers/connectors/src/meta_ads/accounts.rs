//! The ad accounts that a person may read.

use domain::Platform;
use domain::ports::{PlatformAccount, PlatformError};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;

use super::{MetaAds, PagesWithoutEnd, Paging, errors, query};

/// Pages of accounts; an agency has a few hundred accounts.
const MOST_PAGES: usize = 200;
/// Of `account_status`: disabled, closed.
const DEAD: [i64; 2] = [2, 101];

#[derive(Deserialize)]
struct Page {
    data: Vec<AdAccount>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct AdAccount {
    account_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    currency: String,
    #[serde(default)]
    timezone_name: String,
    #[serde(default)]
    account_status: i64,
}

impl MetaAds {
    pub(crate) async fn accounts(
        &self,
        token: &SecretString,
    ) -> Result<Vec<PlatformAccount>, PlatformError> {
        let mut accounts = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut url = self.graph.url(&["me", "adaccounts"]);
            url.query_pairs_mut()
                .append_pair("fields", query::ACCOUNT_FIELDS)
                .append_pair("limit", "100")
                .extend_pairs(after.as_deref().map(|after| ("after", after)));
            let request =
                self.graph.request(Method::GET, url, token).map_err(|failure| failure.error)?;
            let page: Page = self
                .client
                .json_with_retries(Platform::MetaAds, &request, errors::classify)
                .await?;
            accounts.extend(page.data.into_iter().filter_map(account));
            let next = page.paging.map(Paging::after).transpose().map(Option::flatten);
            match next {
                Ok(None) => return Ok(accounts),
                Ok(next) if next != after => after = next,
                Ok(_) => break,
                Err(error) => return Err(bad_answer(error)),
            }
        }
        Err(bad_answer(PagesWithoutEnd))
    }
}

fn bad_answer(error: PagesWithoutEnd) -> PlatformError {
    PlatformError::BadAnswer(Platform::MetaAds, error.into())
}

fn account(account: AdAccount) -> Option<PlatformAccount> {
    let (Ok(time_zone), Ok(currency)) = (account.timezone_name.parse(), account.currency.parse())
    else {
        tracing::warn!(
            account = account.account_id,
            "an account has an unknown time zone or currency"
        );
        return None;
    };
    Some(PlatformAccount {
        name: if account.name.is_empty() {
            format!("Account {}", account.account_id)
        } else {
            account.name
        },
        account_id: account.account_id,
        manager_id: None,
        time_zone,
        currency,
        active: !DEAD.contains(&account.account_status),
    })
}
