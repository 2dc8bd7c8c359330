//! A gate in front of a vault: what arrives behind it, and what comes back.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use simulators::azure::{Fault, Gate, KeyVault, Order, USER_ASSIGNED_CLIENT_ID};

use super::{Site, trusting};

struct Passage {
    site: Site,
    vault: KeyVault,
    gate: Gate,
}

impl Passage {
    async fn new() -> Self {
        let site = Site::new();
        let vault = KeyVault::start(&site.authority).await.expect("a vault");
        let gate = Gate::open(&site.authority, &vault.url()).await.expect("a gate");
        Self { site, vault, gate }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let tokens = self.site.authority.tokens();
        let hour = Duration::from_hours(1);
        let token = tokens.issue("https://vault.azure.net", USER_ASSIGNED_CLIENT_ID, hour);
        let url = self.gate.url().join(path).expect("a URL");
        self.site.client.request(method, url).query(&[("api-version", "7.4")]).bearer_auth(token)
    }

    async fn put(&self, value: &str) -> reqwest::Result<Response> {
        self.request(Method::PUT, "secrets/a").json(&json!({ "value": value })).send().await
    }

    async fn get(&self) -> reqwest::Result<Response> {
        self.request(Method::GET, "secrets/a").send().await
    }

    async fn value(&self) -> Value {
        let answer = self.get().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.expect("JSON")["value"].clone()
    }
}

#[tokio::test]
async fn it_passes_requests_and_answers_on_unchanged() {
    let passage = Passage::new().await;
    let large = "x".repeat(20_000);
    let answer = passage.put(&large).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    // The host that the client asked for arrives: the vault puts it into its ids.
    let id = answer.json::<Value>().await.expect("JSON")["id"].clone();
    let id = id.as_str().expect("an id");
    assert!(id.starts_with(passage.gate.url().as_str()), "{id}");
    assert_eq!(passage.value().await, large);
    let missing = passage.request(Method::GET, "secrets/b?x=%2F%20").send().await;
    assert_eq!(missing.expect("an answer").status(), 404);
    assert_eq!(
        passage.gate.seen(),
        [
            "PUT /secrets/a?api-version=7.4",
            "GET /secrets/a?api-version=7.4",
            "GET /secrets/b?x=%2F%20&api-version=7.4"
        ]
    );
}

#[tokio::test]
async fn the_path_of_the_server_behind_it_is_kept() {
    let site = Site::new();
    let account = "https://127.0.0.1:1/account/".parse().expect("a URL");
    let gate = Gate::open(&site.authority, &account).await.expect("a gate");
    assert_eq!(gate.url().path(), "/account/");
    assert_eq!(site.client.get(gate.url()).send().await.expect("an answer").status(), 502);
}

#[tokio::test]
async fn it_refuses_as_often_as_ordered_and_only_what_is_meant() {
    let passage = Passage::new().await;
    passage.put("kept").await.expect("an answer");
    let arrived = passage.vault.seen().len();
    let busy = Fault::busy(Duration::from_secs(4));
    passage.gate.order(Order::next(2, busy).method(Method::GET).target("/secrets/a"));
    for _ in 0..2 {
        let answer = passage.get().await.expect("an answer");
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "4");
        assert_eq!(answer.headers()["x-ms-error-code"], "ServerBusy");
        let body = answer.text().await.expect("a body");
        assert!(body.contains("<Code>ServerBusy</Code>"), "{body}");
        let other = passage.request(Method::GET, "secrets/b").send().await.expect("an answer");
        assert_eq!(other.status(), 404);
    }
    assert_eq!(passage.value().await, "kept");
    assert_eq!(passage.vault.seen().len(), arrived + 3);

    passage.gate.order(Order::always(Fault::forbidden()));
    for _ in 0..3 {
        assert_eq!(passage.put("new").await.expect("an answer").status(), 403);
    }
    passage.gate.pass();
    assert_eq!(passage.value().await, "kept");
}

#[tokio::test]
async fn a_cut_request_does_nothing_and_a_lost_answer_was_done() {
    let passage = Passage::new().await;
    passage.put("first").await.expect("an answer");
    passage.gate.order(Order::next(1, Fault::CutRequest));
    passage.put(&"x".repeat(20_000)).await.expect_err("no answer");
    assert_eq!(passage.value().await, "first");

    passage.gate.order(Order::next(1, Fault::LoseAnswer));
    passage.put("second").await.expect_err("no answer");
    assert_eq!(passage.value().await, "second");

    passage.gate.order(Order::next(1, Fault::CutAnswer));
    let answer = passage.get().await.expect("the answer's head");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect_err("half of the body");
    assert_eq!(passage.value().await, "second");
}

#[tokio::test]
async fn a_held_request_is_never_answered_and_a_delayed_one_is() {
    let passage = Passage::new().await;
    passage.put("kept").await.expect("an answer");
    passage.gate.order(Order::next(1, Fault::Hold));
    let url = passage.gate.url();
    let hasty = trusting(&passage.site.authority).timeout(Duration::from_millis(300));
    let held = hasty.build().expect("a client").get(url).send().await;
    assert!(held.expect_err("no answer").is_timeout());
    assert_eq!(passage.value().await, "kept");

    let (delay, begin) = (Duration::from_millis(200), std::time::Instant::now());
    passage.gate.order(Order::next(1, Fault::Delay(delay)));
    assert_eq!(passage.value().await, "kept");
    assert!(begin.elapsed() >= delay);
}

#[tokio::test]
async fn it_goes_away_with_its_connections_and_comes_back() {
    let passage = Passage::new().await;
    passage.put("kept").await.expect("an answer");
    for _ in 0..3 {
        passage.gate.order(Order::next(1, Fault::Hold));
        let seen = passage.gate.seen().len();
        let (cut, ()) = tokio::join!(passage.get(), async {
            // The request is in the gate before it goes down.
            while passage.gate.seen().len() == seen {
                tokio::task::yield_now().await;
            }
            passage.gate.down().await.expect("down");
        });
        assert!(!cut.expect_err("its connection is gone").is_timeout());
        assert!(passage.get().await.expect_err("nobody").is_connect());
        passage.gate.up().await.expect("up");
        assert_eq!(passage.value().await, "kept");
    }
}
