//! A running simulator and a client for it.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use simulators::{CLIENT_SECRET, Config, Running};
use url::Url;

pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/oauth/callback";
pub(crate) const ADWORDS: &str = "https://www.googleapis.com/auth/adwords";
pub(crate) const ANALYTICS: &str = "https://www.googleapis.com/auth/analytics.readonly";
pub(crate) const MANAGER: &str = "9180000001";

pub(crate) struct Simulator {
    pub(crate) running: Running,
    pub(crate) client: Client,
}

pub(crate) async fn simulator() -> Simulator {
    simulator_of(Config { seed: 11, days: 40, ..Config::default() }).await
}

pub(crate) async fn simulator_of(config: Config) -> Simulator {
    let running = simulators::start(config).await.expect("the simulator starts");
    let client = Client::builder()
        .redirect(Policy::none())
        .timeout(Duration::from_mins(1))
        .build()
        .expect("a client");
    Simulator { running, client }
}

impl Simulator {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.base_url())
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(self.url(path)).json(body)
    }

    pub(crate) async fn control(&self, path: &str, body: Value) {
        let answer = self.post(&format!("/_control/{path}"), &body).send().await.expect("answer");
        assert_eq!(answer.status(), 200, "{body}");
    }

    /// Sends the person through the consent page; what comes back to the application.
    pub(crate) async fn consent(
        &self,
        page: &str,
        ask: &[(&str, &str)],
    ) -> BTreeMap<String, String> {
        let answer = self.get(page).query(ask).send().await.expect("answer");
        assert_eq!(answer.status(), 302, "{}", answer.text().await.unwrap_or_default());
        let back = answer.headers()["location"].to_str().expect("text").to_owned();
        assert!(back.starts_with(CALLBACK), "{back}");
        Url::parse(&back).expect("an address").query_pairs().into_owned().collect()
    }

    /// All of Google's scopes, for a login.
    pub(crate) async fn google_tokens(&self, login: &str) -> Value {
        let scope = format!("{ADWORDS} {ANALYTICS}");
        let back = self
            .consent(
                "/google/o/oauth2/v2/auth",
                &[
                    ("client_id", "app"),
                    ("redirect_uri", CALLBACK),
                    ("response_type", "code"),
                    ("scope", &scope),
                    ("access_type", "offline"),
                    ("state", "s"),
                    ("login_hint", login),
                ],
            )
            .await;
        let answer =
            self.google_token(&[("code", &back["code"]), ("redirect_uri", CALLBACK)]).await;
        json_of(answer, 200).await
    }

    /// `POST /google/token` with the application's own credentials; an exchange unless
    /// `fields` say otherwise.
    pub(crate) async fn google_token(&self, fields: &[(&str, &str)]) -> Response {
        let mut form = BTreeMap::from([
            ("client_id", "app"),
            ("client_secret", CLIENT_SECRET),
            ("grant_type", "authorization_code"),
        ]);
        form.extend(fields.iter().copied());
        self.client.post(self.url("/google/token")).form(&form).send().await.expect("answer")
    }

    pub(crate) async fn google(&self, login: &str) -> String {
        text(&self.google_tokens(login).await["access_token"])
    }

    pub(crate) async fn meta(&self, login: &str) -> String {
        let back = self
            .consent(
                "/meta/v26.0/dialog/oauth",
                &[
                    ("client_id", "app"),
                    ("redirect_uri", CALLBACK),
                    ("scope", "ads_read,business_management"),
                    ("login_hint", login),
                ],
            )
            .await;
        let answer = self
            .get("/graph/v26.0/oauth/access_token")
            .query(&[
                ("client_id", "app"),
                ("client_secret", CLIENT_SECRET),
                ("redirect_uri", CALLBACK),
                ("code", &back["code"]),
            ])
            .send()
            .await
            .expect("answer");
        text(&json_of(answer, 200).await["access_token"])
    }

    /// A query to `searchStream` through the manager account.
    pub(crate) async fn stream(&self, token: &str, customer: &str, query: &str) -> Response {
        self.post(
            &format!("/google-ads/v26/customers/{customer}/googleAds:searchStream"),
            &json!({ "query": query }),
        )
        .bearer_auth(token)
        .header("login-customer-id", MANAGER)
        .send()
        .await
        .expect("answer")
    }

    pub(crate) async fn truth(&self) -> Value {
        json_of(self.get("/_truth").send().await.expect("answer"), 200).await
    }

    /// The truth of the account of a platform that a client has.
    pub(crate) async fn true_account(&self, client: &str, platform: &str) -> Value {
        let query = [("client", client), ("platform", platform)];
        let answer = self.get("/_truth").query(&query).send().await.expect("answer");
        json_of(answer, 200).await["tenants"][0]["accounts"][0].take()
    }
}

pub(crate) async fn json_of(answer: Response, status: u16) -> Value {
    let got = answer.status();
    let body = answer.text().await.expect("a body");
    assert_eq!(got, status, "{body}");
    serde_json::from_str(&body).unwrap_or_else(|_| panic!("not JSON: {body}"))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All days of `account` with figures, first and last.
pub(crate) fn span(account: &Value) -> (String, String) {
    let days = list(&account["days"]);
    (text(&days[0]["date"]), text(&days[days.len() - 1]["date"]))
}

/// The `errorCode` of a Google Ads failure, as `category: CODE`.
pub(crate) fn failure(body: &Value) -> String {
    let error = body.get(0).unwrap_or(body);
    let code = &error["error"]["details"][0]["errors"][0]["errorCode"];
    let (category, code) = code.as_object().and_then(|code| code.iter().next()).expect("a code");
    format!("{category}: {}", text(code))
}
