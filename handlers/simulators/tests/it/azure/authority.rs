use std::os::unix::fs::PermissionsExt;
use std::{fs, thread};

use reqwest::Client;
use simulators::azure::{Authority, KeyVault};

use super::{Site, trusting};

#[test]
fn all_who_open_a_folder_at_once_come_to_one_authority() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("not/there/yet");
    let certificates: Vec<String> = thread::scope(|scope| {
        let open = || Authority::open_or_create(&path).expect("an authority").ca_pem().to_owned();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(certificates.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(certificates[0], fs::read_to_string(path.join("ca.pem")).expect("a file"));
    let key = fs::metadata(path.join("ca.key")).expect("a key");
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn an_authority_that_was_opened_again_issues_what_its_first_clients_trust() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Authority::open_or_create(folder.path()).expect("an authority");
    let client = trusting(&first).build().expect("a client");
    let again = Authority::open_or_create(folder.path()).expect("the authority");
    let vault = KeyVault::start(&again).await.expect("a vault");
    let answer = client.get(vault.url()).send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
    let mut named = vault.url();
    named.set_host(Some("localhost")).expect("a host");
    client.get(named).send().await.expect("the certificate is good for localhost, too");
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_does_not_connect() {
    let site = Site::new();
    let vault = KeyVault::start(&site.authority).await.expect("a vault");
    let stranger = Client::builder().build().expect("a client");
    assert!(stranger.get(vault.url()).send().await.expect_err("no trust").is_connect());
    site.client.get(vault.url()).send().await.expect("trust");
}
