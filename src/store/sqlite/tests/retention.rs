//! What leaves, when, and what does not.

use jiff::SignedDuration;

use super::*;
use crate::event::Body;
use crate::event::QueryDelta;
use crate::event::Stamp;

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

async fn ended_with_text(store: &Sqlite, pieces: u64) -> Lease {
    let lease = conformance::begin(store, None).await;
    let run = &lease.run;
    let delta = |seq| {
        let stamp =
            Stamp { run_id: run.clone(), seq, at: Timestamp::now(), elapsed_ms: seq, simulated: false };
        let delta = QueryDelta { query: "a".parse().unwrap(), attempt: 1, offset: 0, text: "x".repeat(900) };
        Entry::render(&stamp, &Body::QueryDelta(delta))
    };
    let entries: Vec<Entry> =
        [conformance::entry(run, 1)].into_iter().chain((2..=pieces + 1).map(delta)).collect();
    store.append(&lease, conformance::batch(entries)).await.unwrap();
    store.append(&lease, conformance::ended(run, pieces + 2)).await.unwrap();
    lease
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_goes_after_a_day_and_the_run_after_90() {
    let dir = Dir::new();
    let store = dir.open();
    let lease = ended_with_text(&store, 3000).await;
    let plain = conformance::begin(&store, None).await;
    conformance::finish(&store, &plain).await;
    let live = conformance::begin(&store, None).await;
    let now = Timestamp::now();
    let size = || std::fs::metadata(dir.0.join(FILE)).unwrap().len();
    store.sweep(now).await.unwrap();
    store.sweep(now + hours(23)).await.unwrap();
    assert_eq!(store.read(&lease.run, 0, 9999).await.unwrap().len(), 3002);
    store.sweep(now + hours(25)).await.unwrap();
    let left: Vec<u64> =
        store.read(&lease.run, 0, 9999).await.unwrap().iter().map(|entry| entry.seq).collect();
    assert_eq!(left, [1, 3002]);
    let trimmed = async |run: &RunId| match store.find(run).await {
        Ok(Found::Run(record)) => record.about.trimmed,
        other => panic!("{other:?}"),
    };
    assert!(trimmed(&lease.run).await && !trimmed(&plain.run).await && !trimmed(&live.run).await);
    store.sweep(now + hours(91 * 24)).await.unwrap();
    assert!(matches!(store.find(&lease.run).await, Ok(Found::Expired)));
    assert!(matches!(store.find(&live.run).await, Ok(Found::Run(_))), "a run under way stays");
    store.sweep(now + hours(93 * 24)).await.unwrap();
    assert!(matches!(store.find(&lease.run).await, Ok(Found::Unknown)), "even the memory of it goes");
    let before = size();
    drop(store);
    assert!(size() < before.max(4 << 20) && size() < 3 << 20, "{} bytes are left", size());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_leave_when_there_are_too_many() {
    let dir = Dir::new();
    let store = Sqlite::open(&dir.0, Keep { most: 3, ..Keep::default() }, OnCorrupt::Fail).unwrap();
    let mut runs = Vec::new();
    for _ in 0..50 {
        let lease = conformance::begin(&store, None).await;
        conformance::finish(&store, &lease).await;
        runs.push(lease.run);
    }
    store.sweep(Timestamp::now()).await.unwrap();
    for (nth, run) in runs.iter().enumerate() {
        let found = store.find(run).await.unwrap();
        assert_eq!(matches!(found, Found::Run(_)), nth >= 47, "{nth}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insane_clock_drops_nothing() {
    let dir = Dir::new();
    let store = dir.open();
    let lease = ended_with_text(&store, 3).await;
    let now = Timestamp::now();
    let kept = async || store.read(&lease.run, 0, 99).await.map(|entries| entries.len());
    store.sweep(now).await.unwrap();
    let year = 365 * 24;
    for jump in [10 * year, -10 * year, 10 * year, -60 * year, 10 * year + 12] {
        store.sweep(now + hours(jump)).await.unwrap();
        assert_eq!(kept().await, Ok(5), "a jump by {jump} hours");
    }
    store.sweep(now + hours(2)).await.unwrap();
    assert_eq!(kept().await, Ok(5), "back where it was");
    store.sweep(now + hours(26)).await.unwrap();
    assert_eq!(kept().await, Ok(2), "a sane clock goes on");
    for hour in 0..23 {
        store.sweep(now + hours(2 * year + hour)).await.unwrap();
        assert_eq!(kept().await, Ok(2), "a machine that slept for two years is not believed at once");
    }
    store.sweep(now + hours(2 * year + 25)).await.unwrap();
    assert_eq!(kept().await, Err(StoreError::Missing), "but after a steady day it is");
}
