use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use domain::Role;
use secrecy::ExposeSecret;
use simulators::azure::TcpGate;
use stores::PostgresServing;
use stores::testing::{TestDatabase, server_url};
use url::Url;

use crate::testing::{TestApp, json, problem};

/// Longer than anything here takes, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(15);

fn server() -> SocketAddr {
    let url: Url = server_url().expose_secret().parse().unwrap();
    let address = (url.host_str().unwrap(), url.port().unwrap_or(5432));
    address.to_socket_addrs().unwrap().next().unwrap()
}

/// The access check of an endpoint that changes something asks the database, and so does what an
/// endpoint that reads answers with.
#[tokio::test]
async fn a_request_ends_though_the_database_falls_silent() {
    let gate = TcpGate::plain(server()).await.unwrap();
    let database = TestDatabase::new().await.by_way_of(gate.address());
    let serving = Arc::new(PostgresServing::new(database.api()));
    let app = TestApp::over(database, serving).with_request_deadline(Duration::from_secs(1));
    let tenant = app.tenant("UTC").await;
    let token = tenant.token(Role::TenantAdmin);
    let headers = [("authorization", token.as_str())];
    let ask = async |method: &str, path: &str| {
        let answered = tokio::time::timeout(PATIENCE, app.send(method, path, &headers, "{}"));
        answered.await.unwrap_or_else(|_| panic!("{method} {path} has no end"))
    };
    let (write, read) = (("POST", "/api/v1/sync"), ("GET", "/api/v1/runs"));
    for (method, path) in [write, read] {
        // Connections are there, so that none has to be made while the gate is held.
        let before = ask(method, path).await.status();
        assert!(before < 500, "{method} {path}: {before}");
    }
    gate.hold();
    for (method, path) in [write, read] {
        let reply = ask(method, path).await;
        assert_eq!(problem(&reply).0, 503, "{method} {path}");
        assert_eq!(json(&reply)["detail"], "the answer took too long", "{method} {path}");
    }
}
