use domain::ports::{Secrets, StoreError};
use futures_util::future::join_all;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// Runs the suite on names of its own.
///
/// # Panics
/// If the backend breaks the contract.
pub async fn secrets(secrets: &dyn Secrets) {
    the_newest_value_is_read(secrets).await;
    values_are_read_as_they_were_set(secrets).await;
    deleting_twice_is_no_error(secrets).await;
    a_deleted_name_is_used_again(secrets).await;
    writers_do_not_lose_each_others_secrets(secrets).await;
    bad_names_are_refused(secrets).await;
}

async fn the_newest_value_is_read(secrets: &dyn Secrets) {
    let name = new_name();
    assert_eq!(get(secrets, &name).await, None);
    for value in ["first", "second"] {
        secrets.set(&name, SecretString::from(value)).await.expect("a secret is set");
        assert_eq!(recent(secrets, &name).await.as_deref(), Some(value), "one's own write");
        assert_eq!(get(secrets, &name).await.as_deref(), Some(value));
    }
}

async fn values_are_read_as_they_were_set(secrets: &dyn Secrets) {
    // Azure Key Vault allows 25,000 bytes.
    let long = "x".repeat(25_000);
    for value in [r#"{"access_token":"a\"b"}"#, "größer 漢字 🚀", " spaces \n", &long] {
        let name = new_name();
        secrets.set(&name, SecretString::from(value)).await.expect("a secret is set");
        assert_eq!(get(secrets, &name).await.as_deref(), Some(value));
    }
    let longest = format!("{}{}", new_name(), "x".repeat(127))[..127].to_owned();
    secrets.set(&longest, SecretString::from("value")).await.expect("a secret is set");
    assert_eq!(get(secrets, &longest).await.as_deref(), Some("value"));
}

async fn deleting_twice_is_no_error(secrets: &dyn Secrets) {
    let (name, other) = (new_name(), new_name());
    for name in [&name, &other] {
        secrets.set(name, SecretString::from("value")).await.expect("a secret is set");
    }
    for _ in 0..2 {
        secrets.delete(&name).await.expect("a secret is deleted");
        assert_eq!(recent(secrets, &name).await, None);
        assert_eq!(get(secrets, &name).await, None);
    }
    assert_eq!(get(secrets, &other).await.as_deref(), Some("value"));
}

async fn a_deleted_name_is_used_again(secrets: &dyn Secrets) {
    let name = new_name();
    for value in ["first", "second"] {
        secrets.set(&name, SecretString::from(value)).await.expect("a secret is set");
        assert_eq!(get(secrets, &name).await.as_deref(), Some(value));
        secrets.delete(&name).await.expect("a secret is deleted");
        assert_eq!(get(secrets, &name).await, None);
    }
}

async fn writers_do_not_lose_each_others_secrets(secrets: &dyn Secrets) {
    let names: Vec<_> = (0..8).map(|_| new_name()).collect();
    let shared = new_name();
    let sets = names.iter().map(|name| async {
        secrets.set(name, SecretString::from(name.as_str())).await.expect("a secret is set");
        secrets.set(&shared, SecretString::from(name.as_str())).await.expect("a secret is set");
    });
    join_all(sets).await;
    for name in &names {
        assert_eq!(get(secrets, name).await.as_ref(), Some(name));
    }
    let last = get(secrets, &shared).await.expect("the shared secret is there");
    assert!(names.contains(&last), "one writer's value, whole: {last}");
}

async fn bad_names_are_refused(secrets: &dyn Secrets) {
    let long = "x".repeat(128);
    for name in ["", "a_b", "a/b", "../a", "a b", "ä", "a.b", &long] {
        let set = secrets.set(name, SecretString::from("value")).await;
        assert!(matches!(set, Err(StoreError::Invalid(_))), "set {name:?}: {set:?}");
        let got = secrets.get(name).await;
        assert!(matches!(got, Err(StoreError::Invalid(_))), "get {name:?}: {got:?}");
        let got = secrets.get_recent(name).await;
        assert!(matches!(got, Err(StoreError::Invalid(_))), "get_recent {name:?}: {got:?}");
        let deleted = secrets.delete(name).await;
        assert!(matches!(deleted, Err(StoreError::Invalid(_))), "delete {name:?}: {deleted:?}");
    }
}

fn new_name() -> String {
    format!("conformance-{}", Uuid::new_v4().simple())
}

async fn get(secrets: &dyn Secrets, name: &str) -> Option<String> {
    let value = secrets.get(name).await.expect("the store answers");
    value.map(|value| value.expose_secret().to_owned())
}

async fn recent(secrets: &dyn Secrets, name: &str) -> Option<String> {
    let value = secrets.get_recent(name).await.expect("the store answers");
    value.map(|value| value.expose_secret().to_owned())
}
