//! What every store must do; each implementation runs it in its tests.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::Created;
use super::Found;
use super::IdempotencyKey;
use super::KeyScope;
use super::Lease;
use super::NewRun;
use super::Store;
use super::StoreError;
use super::Taken;
use crate::ask::Ask;
use crate::event::Body;
use crate::event::Entry;
use crate::event::FinalResult;
use crate::event::RunWarning;
use crate::event::Stamp;
use crate::id::RunId;

/// Runs the whole suite, each part on a fresh store.
pub async fn check<S: Store>(fresh: impl Fn() -> Arc<S>) {
    a_run_reads_back_from_any_place(&*fresh()).await;
    events_must_follow(&*fresh()).await;
    another_lease_cannot_append(&*fresh()).await;
    a_key_makes_equal_requests_one_run(&*fresh()).await;
    a_live_key_ends_with_its_run(&*fresh()).await;
    many_writers_do_not_mix(fresh()).await;
}

/// A new run.
pub async fn begin(store: &impl Store, key: Option<IdempotencyKey>) -> Lease {
    match store.create(new_run(key)).await {
        Ok(Created::New(lease)) => lease,
        other => panic!("not created: {other:?}"),
    }
}

/// Ends a run that has no events yet.
pub async fn finish(store: &impl Store, lease: &Lease) {
    store.append(lease, &[last(&lease.run, 1)]).await.unwrap();
}

fn new_run(key: Option<IdempotencyKey>) -> NewRun {
    NewRun { run: RunId::generate(), ask: Arc::new(Ask::new("q")), created_at: Timestamp::now(), key }
}

fn stamp(run: &RunId, seq: u64) -> Stamp {
    Stamp { run_id: run.clone(), seq, at: Timestamp::now(), elapsed_ms: seq, simulated: false }
}

/// A small event.
pub fn entry(run: &RunId, seq: u64) -> Entry {
    let warning = RunWarning { code: "x".into(), message: format!("event {seq} of {run}"), query: None };
    Entry::render(&stamp(run, seq), &Body::RunWarning(warning))
}

/// A last event.
pub fn last(run: &RunId, seq: u64) -> Entry {
    let body: FinalResult = serde_json::from_value(json!({
        "terminal": true, "status": "completed", "panel": "p", "warnings": [], "queries": {}, "result_ref": "x",
        "performance": {"total_time_ms": 1, "query_times": {}, "parallel_efficiency": 1.0, "tokens_total": 0,
            "queries_executed": 0, "queries_successful": 0, "queries_failed": 0},
    }))
    .unwrap();
    Entry::render(&stamp(run, seq), &Body::FinalResult(Box::new(body)))
}

async fn blocks(store: &impl Store, run: &RunId, after: u64, limit: usize) -> Vec<bytes::Bytes> {
    store.read(run, after, limit).await.unwrap().iter().map(Entry::block).collect()
}

async fn a_run_reads_back_from_any_place(store: &impl Store) {
    let lease = begin(store, None).await;
    let all: Vec<Entry> = (1..=9).map(|seq| entry(&lease.run, seq)).chain([last(&lease.run, 10)]).collect();
    store.append(&lease, &all[..4]).await.unwrap();
    assert!(matches!(store.find(&lease.run).await, Ok(Found::Run(r)) if r.head == 4 && !r.ended));
    store.append(&lease, &all[4..]).await.unwrap();
    assert!(matches!(store.find(&lease.run).await, Ok(Found::Run(r)) if r.head == 10 && r.ended));
    let expected: Vec<_> = all.iter().map(Entry::block).collect();
    for after in 0..=11 {
        let from = after.min(10);
        assert_eq!(blocks(store, &lease.run, after as u64, 100).await, expected[from..], "after {after}");
        assert_eq!(blocks(store, &lease.run, after as u64, 3).await, expected[from..(from + 3).min(10)]);
    }
    assert!(matches!(store.find(&RunId::generate()).await, Ok(Found::Unknown)));
    assert_eq!(store.read(&RunId::generate(), 0, 1).await.err(), Some(StoreError::Missing));
}

async fn events_must_follow(store: &impl Store) {
    let lease = begin(store, None).await;
    let wrong = store.append(&lease, &[entry(&lease.run, 2)]).await;
    assert_eq!(wrong, Err(StoreError::OutOfOrder { head: 0, found: 2 }));
    finish(store, &lease).await;
    assert!(store.append(&lease, &[entry(&lease.run, 2)]).await.is_err(), "nothing follows the last event");
}

async fn another_lease_cannot_append(store: &impl Store) {
    let lease = begin(store, None).await;
    let other = Lease { epoch: lease.epoch + 1, ..lease.clone() };
    assert_eq!(store.append(&other, &[entry(&lease.run, 1)]).await, Err(StoreError::Stale));
}

fn key(body: serde_json::Value, scope: KeyScope) -> Option<IdempotencyKey> {
    Some(IdempotencyKey { key: "k".into(), body, scope })
}

async fn a_key_makes_equal_requests_one_run(store: &impl Store) {
    let wanted = key(json!({"a": 1, "b": 2}), KeyScope::Day);
    assert!(matches!(store.taken(wanted.as_ref().unwrap(), Timestamp::now()).await, Ok(None)));
    let lease = begin(store, wanted.clone()).await;
    let taken = store.taken(wanted.as_ref().unwrap(), Timestamp::now()).await;
    assert!(matches!(taken, Ok(Some(Taken::Same(run))) if run == lease.run));
    for _ in 0..2 {
        let again = store.create(new_run(key(json!({"b": 2, "a": 1}), KeyScope::Day))).await;
        assert!(matches!(again, Ok(Created::Taken(Taken::Same(run))) if run == lease.run));
        let other = store.create(new_run(key(json!({"b": 3}), KeyScope::Day))).await;
        assert!(matches!(other, Ok(Created::Taken(Taken::Other(run))) if run == lease.run));
        let _ = store.append(&lease, &[last(&lease.run, 1)]).await;
    }
}

async fn a_live_key_ends_with_its_run(store: &impl Store) {
    let lease = begin(store, key(json!(1), KeyScope::WhileLive)).await;
    let again = store.create(new_run(key(json!(1), KeyScope::WhileLive))).await;
    assert!(matches!(again, Ok(Created::Taken(Taken::Same(run))) if run == lease.run));
    finish(store, &lease).await;
    assert!(matches!(store.create(new_run(key(json!(1), KeyScope::WhileLive))).await, Ok(Created::New(_))));
}

async fn many_writers_do_not_mix<S: Store>(store: Arc<S>) {
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let lease = begin(&*store, None).await;
            for seq in 1..=50 {
                store.append(&lease, &[entry(&lease.run, seq)]).await.unwrap();
            }
            let expected: Vec<u64> = (1..=50).collect();
            let read = store.read(&lease.run, 0, 100).await.unwrap();
            assert_eq!(read.iter().map(|e| e.seq).collect::<Vec<_>>(), expected);
            assert!(read.iter().all(|e| e.read().unwrap().stamp.run_id == lease.run));
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
}
