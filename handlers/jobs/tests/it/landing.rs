use std::sync::Arc;

use connectors::RowSink;
use domain::ports::RawStore;
use domain::{Extraction, ExtractionPath, JobId, Platform, TenantId};
use futures_util::TryStreamExt;
use jobs::{Landing, LoadError, UnpackError};
use stores::RawDirectory;

use crate::world::{Landed, World, days, insight};

fn path() -> ExtractionPath {
    ExtractionPath {
        tenant: TenantId::new(),
        platform: Platform::MetaAds,
        extracted_on: "2024-03-31".parse().unwrap(),
        stream: "insights_daily".to_owned(),
        account_id: "77".to_owned(),
        job: JobId::new(),
        attempt: 1,
    }
}

async fn stored(raw: &RawDirectory, path: &str) -> Vec<u8> {
    let chunks: Vec<_> = raw.read(path).await.unwrap().try_collect().await.unwrap();
    chunks.concat()
}

#[tokio::test]
async fn a_part_holds_its_rows_as_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let raw = Arc::new(RawDirectory::new(folder.path()).unwrap());
    let mut landing = Landing::new(Arc::clone(&raw) as _, path());
    let rows: Vec<_> = (0..20_000).map(|row| format!("{{\"row\":{row}}}\n")).collect();
    let rows = rows.concat();
    let (first, second) = rows.split_at(rows.len() / 2 - 3);
    let half = first.lines().count() as u64;
    landing.rows(first.as_bytes(), half).await.unwrap();
    landing.rows(second.as_bytes(), 20_000 - half).await.unwrap();
    let parts = landing.finish().await.unwrap();
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].rows, 20_000);
    let bytes = stored(&raw, &parts[0].path).await;
    assert_eq!(parts[0].bytes, bytes.len() as u64);
    assert!(bytes.len() < rows.len() / 4, "{} of {}", bytes.len(), rows.len());
    assert_eq!(zstd::decode_all(bytes.as_slice()).unwrap(), rows.as_bytes());
}

#[tokio::test]
async fn starting_over_forgets_what_came_before() {
    let folder = tempfile::tempdir().unwrap();
    let raw = Arc::new(RawDirectory::new(folder.path()).unwrap());
    let mut landing = Landing::new(Arc::clone(&raw) as _, path());
    landing.rows(b"{\"stale\":1}\n", 1).await.unwrap();
    landing.restart().await.unwrap();
    landing.rows(b"{\"fresh\":1}\n", 1).await.unwrap();
    let parts = landing.finish().await.unwrap();
    assert_eq!(parts.iter().map(|part| part.rows).sum::<u64>(), 1);
    let bytes = stored(&raw, &parts[0].path).await;
    assert_eq!(zstd::decode_all(bytes.as_slice()).unwrap(), b"{\"fresh\":1}\n");
}

#[tokio::test]
async fn no_rows_are_no_parts() {
    let folder = tempfile::tempdir().unwrap();
    let raw = Arc::new(RawDirectory::new(folder.path()).unwrap());
    assert!(Landing::new(raw, path()).finish().await.unwrap().is_empty());
}

/// Lands three rows, lets `damage` loose on the stored part, and expects the load to refuse it.
async fn refused(damage: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> &'static str {
    let world = World::new().await;
    let rows: Vec<_> = (1..=3).map(|n| insight("2024-03-01", &n.to_string(), "1.00")).collect();
    let window = days("2024-03-01", "2024-03-02");
    let extraction =
        world.land(Landed::insights(&world, window, "2024-03-03T00:00:00Z", &rows)).await;
    let file = world.folder.path().join("raw").join(&extraction.manifest().parts[0].path);
    match damage(std::fs::read(&file).unwrap()) {
        Some(bytes) => std::fs::write(&file, bytes).unwrap(),
        None => std::fs::remove_file(&file).unwrap(),
    }
    assert_refused(&world, &extraction).await
}

async fn assert_refused(world: &World, extraction: &Extraction) -> &'static str {
    let error = jobs::load(&*world.raw, &*world.warehouse, extraction).await.unwrap_err();
    let LoadError::Damaged(UnpackError::Damaged { reason, .. }) = error else {
        panic!("{error:?}");
    };
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from raw.meta_ads_insights_daily)
        + (select count(*) from raw.extractions) + (select count(*) from raw.covered_days)",
    )
    .fetch_one(world.database.owner())
    .await
    .unwrap();
    assert_eq!(left, 0, "a damaged extraction left rows");
    reason
}

#[tokio::test]
async fn a_part_that_was_changed_is_refused() {
    let other = insight("2024-03-01", "9", "9.00");
    let forged = zstd::encode_all(format!("{other}\n{other}\n{other}\n").as_bytes(), 1).unwrap();
    assert_eq!(refused(|_| Some(forged)).await, "its bytes are not those that were written");
}

#[tokio::test]
async fn a_part_that_was_cut_short_is_refused() {
    let reason = refused(|mut bytes| {
        bytes.truncate(bytes.len() - 5);
        Some(bytes)
    });
    assert_eq!(reason.await, "it is cut short");
}

#[tokio::test]
async fn a_part_of_nonsense_is_refused() {
    assert_eq!(refused(|_| Some(vec![7; 100])).await, "it cannot be decompressed");
}

#[tokio::test]
async fn a_missing_part_is_refused() {
    assert_eq!(refused(|_| None).await, "it is missing");
}

#[tokio::test]
async fn another_number_of_rows_than_the_manifest_says_is_refused() {
    let world = World::new().await;
    let rows = [insight("2024-03-01", "1", "1.00")];
    let window = days("2024-03-01", "2024-03-01");
    let landed = Landed::insights(&world, window, "2024-03-03T00:00:00Z", &rows);
    let extraction = world.without_manifest(landed).await;
    let mut manifest = extraction.manifest().clone();
    manifest.parts[0].rows = 2;
    let lying = Extraction::new(extraction.path().clone(), manifest).unwrap();
    let reason = assert_refused(&world, &lying).await;
    assert_eq!(reason, "it has another number of rows than its manifest says");
}
