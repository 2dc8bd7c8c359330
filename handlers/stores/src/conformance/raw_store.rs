use bytes::Bytes;
use domain::ports::{RawStore, StoreError};
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt};
use uuid::Uuid;

/// Larger than any backend's chunk or block, and of no even size.
const LARGE: usize = 9 * 1024 * 1024 + 7;

/// Runs the suite below a folder of its own.
///
/// # Panics
/// If the backend breaks the contract.
pub async fn raw_store(store: &dyn RawStore) {
    let root = format!("conformance-{}", Uuid::new_v4().simple());
    what_was_written_is_read(store, &root).await;
    unfinished_files_do_not_exist(store, &root).await;
    finishing_replaces(store, &root).await;
    put_new_never_replaces(store, &root).await;
    one_of_many_put_new_wins(store, &root).await;
    listing_is_in_order_of_path(store, &root).await;
    what_is_missing_is_not_found(store, &root).await;
    bad_paths_are_refused(store).await;
}

async fn what_was_written_is_read(store: &dyn RawStore, root: &str) {
    let large: Bytes = (0..=250).cycle().take(LARGE).collect::<Vec<u8>>().into();
    for (name, chunks) in [
        ("empty", vec![]),
        ("one", vec![Bytes::from_static(b"one")]),
        ("some", vec![Bytes::from_static(b"a"), Bytes::new(), Bytes::from_static(b"\0\xff")]),
        ("large", vec![large.slice(..1_000), large.slice(1_000..)]),
    ] {
        let path = format!("{root}/written/{name}");
        let whole = chunks.concat();
        write(store, &path, chunks).await;
        assert!(read(store, &path).await == whole, "{name} is read as it was written");
    }
    let path = format!("{root}/written/put");
    store.put_new(&path, large.clone()).await.expect("a new file is put");
    assert!(read(store, &path).await == large, "what was put is read");
}

async fn unfinished_files_do_not_exist(store: &dyn RawStore, root: &str) {
    let path = format!("{root}/unfinished/file");
    let mut writer = store.create(&path).await.expect("a file is begun");
    writer.write(Bytes::from_static(b"half")).await.expect("a chunk is written");
    assert_not_found(store, &path).await;
    assert_eq!(list(store, &format!("{root}/unfinished")).await, [""; 0]);
    drop(writer);
    assert_not_found(store, &path).await;
    assert_eq!(list(store, &format!("{root}/unfinished")).await, [""; 0]);
}

async fn finishing_replaces(store: &dyn RawStore, root: &str) {
    let path = format!("{root}/replaced");
    write(store, &path, vec![Bytes::from_static(b"the longer first text")]).await;
    let mut second = store.create(&path).await.expect("a file is begun");
    second.write(Bytes::from_static(b"second")).await.expect("a chunk is written");
    assert_eq!(read(store, &path).await, "the longer first text", "until the second is finished");
    second.finish().await.expect("it is finished");
    assert_eq!(read(store, &path).await, "second");
}

async fn put_new_never_replaces(store: &dyn RawStore, root: &str) {
    let path = format!("{root}/put/manifest.json");
    store.put_new(&path, Bytes::from_static(b"first")).await.expect("a new file is put");
    let again = store.put_new(&path, Bytes::from_static(b"second")).await;
    assert!(matches!(again, Err(StoreError::AlreadyExists { .. })), "{again:?}");
    assert_eq!(read(store, &path).await, "first");

    let path = format!("{root}/put/written");
    write(store, &path, vec![Bytes::from_static(b"written")]).await;
    let put = store.put_new(&path, Bytes::from_static(b"put")).await;
    assert!(matches!(put, Err(StoreError::AlreadyExists { .. })), "{put:?}");
    assert_eq!(read(store, &path).await, "written");
}

async fn one_of_many_put_new_wins(store: &dyn RawStore, root: &str) {
    for round in 0..8 {
        let path = format!("{root}/race/{round}");
        let puts = (0..8_u8).map(|writer| {
            let path = &path;
            async move { store.put_new(path, vec![writer; 64 * 1024].into()).await }
        });
        let results = join_all(puts).await;
        let winners: Vec<_> = (0..8_u8).filter(|n| results[usize::from(*n)].is_ok()).collect();
        assert_eq!(winners.len(), 1, "exactly one writer wins: {results:?}");
        for result in results {
            assert!(matches!(result, Ok(()) | Err(StoreError::AlreadyExists { .. })), "{result:?}");
        }
        assert!(
            read(store, &path).await == vec![winners[0]; 64 * 1024],
            "the winner's file is whole"
        );
    }
}

async fn listing_is_in_order_of_path(store: &dyn RawStore, root: &str) {
    // In order of bytes, in which - and . come before the slash.
    let names = ["a-b/x", "a.txt", "a/b/c", "a/b0", "a/x", "a0", "b"];
    for name in names.iter().rev() {
        store
            .put_new(&format!("{root}/list/{name}"), Bytes::from_static(b"."))
            .await
            .expect("a new file is put");
    }
    let under = async |prefix: &str| {
        let root = format!("{root}/list/");
        let found = list(store, &format!("{root}{prefix}")).await;
        let found = found.iter().map(|path| path.strip_prefix(&root).expect("it has the prefix"));
        found.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(under("").await, names);
    assert_eq!(under("a/").await, ["a/b/c", "a/b0", "a/x"]);
    assert_eq!(under("a/b").await, ["a/b/c", "a/b0"]);
    assert_eq!(under("a/b/c").await, ["a/b/c"]);
    assert_eq!(under("a-").await, ["a-b/x"]);
    assert_eq!(under("c").await, [""; 0]);
    assert_eq!(under("a/b/c/d").await, [""; 0]);
}

async fn what_is_missing_is_not_found(store: &dyn RawStore, root: &str) {
    assert_not_found(store, &format!("{root}/missing")).await;
    // A folder is no file.
    assert_not_found(store, &format!("{root}/list/a")).await;
}

async fn bad_paths_are_refused(store: &dyn RawStore) {
    for path in [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a//b",
        "a/",
        "a/.b",
        "a\\b",
        "a\0b",
        "a b",
        "ä",
    ] {
        let begun = store.create(path).await.map(drop);
        assert!(matches!(begun, Err(StoreError::Invalid(_))), "create {path:?}: {begun:?}");
        let put = store.put_new(path, Bytes::new()).await;
        assert!(matches!(put, Err(StoreError::Invalid(_))), "put_new {path:?}: {put:?}");
        let read = store.read(path).await.map(drop);
        assert!(matches!(read, Err(StoreError::Invalid(_))), "read {path:?}: {read:?}");
    }
    for prefix in ["/", "..", "../", "a/../", "a//"] {
        let listed = store.list(prefix).await.map(drop);
        assert!(matches!(listed, Err(StoreError::Invalid(_))), "list {prefix:?}: {listed:?}");
    }
}

async fn write(store: &dyn RawStore, path: &str, chunks: Vec<Bytes>) {
    let mut writer = store.create(path).await.expect("a file is begun");
    for chunk in chunks {
        writer.write(chunk).await.expect("a chunk is written");
    }
    writer.finish().await.expect("the file is finished");
}

async fn read(store: &dyn RawStore, path: &str) -> Bytes {
    let chunks = store.read(path).await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
    let chunks: Vec<_> = chunks.try_collect().await.expect("the file is read to its end");
    chunks.concat().into()
}

/// A backend may tell at once or with the first chunk.
async fn assert_not_found(store: &dyn RawStore, path: &str) {
    let error = match store.read(path).await {
        Err(error) => Some(error),
        Ok(mut chunks) => chunks.next().await.and_then(Result::err),
    };
    assert!(matches!(error, Some(StoreError::NotFound { .. })), "{path}: {error:?}");
}

async fn list(store: &dyn RawStore, prefix: &str) -> Vec<String> {
    let found = store.list(prefix).await.expect("the listing begins");
    found.try_collect().await.expect("the listing ends")
}
