//! A gate for bytes, here in front of the identity endpoint: any server does.

use std::net::SocketAddr;
use std::time::Duration;

use simulators::azure::{IdentityEndpoint, TcpGate};
use url::Url;

use super::{Site, trusting};

fn address(url: &Url) -> SocketAddr {
    let sockets = url.socket_addrs(|| None).expect("an address");
    *sockets.first().expect("an address")
}

#[tokio::test]
async fn it_ends_tls_and_passes_bytes_on() {
    let site = Site::new();
    let identity = IdentityEndpoint::start(&site.authority).await.expect("an endpoint");
    let gate = TcpGate::tls(&site.authority, address(&identity.url())).await.expect("a gate");
    let answer = site.client.get(gate.url("https")).send().await.expect("an answer");
    assert_eq!(answer.status(), 404);

    let plain = TcpGate::plain(address(&identity.url())).await.expect("a gate");
    assert_eq!(reqwest::get(plain.url("http")).await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn it_holds_and_lets_go() {
    let site = Site::new();
    let identity = IdentityEndpoint::start(&site.authority).await.expect("an endpoint");
    let gate = TcpGate::tls(&site.authority, address(&identity.url())).await.expect("a gate");
    let get = || site.client.get(gate.url("https")).send();
    get().await.expect("an open connection");
    gate.hold();
    let hasty = trusting(&site.authority).timeout(Duration::from_millis(300));
    let held = hasty.build().expect("a client").get(gate.url("https")).send().await;
    assert!(held.expect_err("no answer").is_timeout());
    let (answer, ()) = tokio::join!(get(), async { gate.release() });
    assert_eq!(answer.expect("an answer").status(), 404);
}

#[tokio::test]
async fn it_goes_away_and_comes_back() {
    let site = Site::new();
    let identity = IdentityEndpoint::start(&site.authority).await.expect("an endpoint");
    let gate = TcpGate::tls(&site.authority, address(&identity.url())).await.expect("a gate");
    let get = || site.client.get(gate.url("https")).send();
    get().await.expect("an answer");
    gate.down().await.expect("down");
    assert!(get().await.expect_err("nobody").is_connect());
    gate.up().await.expect("up");
    assert_eq!(get().await.expect("an answer").status(), 404);

    identity.down().await.expect("down");
    get().await.expect_err("nobody behind the gate");
    identity.up().await.expect("up");
    assert_eq!(get().await.expect("an answer").status(), 404);
}
