//! What every store must do; each implementation runs it in its tests.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::Batch;
use super::Change;
use super::Choice;
use super::Claim;
use super::Created;
use super::Decision;
use super::Found;
use super::IdempotencyKey;
use super::KeyScope;
use super::Lease;
use super::Listed;
use super::NewRun;
use super::Record;
use super::Store;
use super::StoreError;
use super::Taken;
use super::Wanted;
use crate::ask::Ask;
use crate::event::Body;
use crate::event::Entry;
use crate::event::FinalResult;
use crate::event::RunStatus;
use crate::event::RunWarning;
use crate::event::Stamp;
use crate::event::Standing;
use crate::id::RunId;

/// Runs the whole suite, each part on a fresh store; `restarted` is the store as the next process finds it
/// after a crash.
pub async fn check<S: Store>(fresh: impl Fn() -> Arc<S>, restarted: impl Fn(Arc<S>) -> Arc<S>) {
    a_run_reads_back_from_any_place(&*fresh()).await;
    events_must_follow(&*fresh()).await;
    another_lease_cannot_append(&*fresh()).await;
    a_key_makes_equal_requests_one_run(&*fresh()).await;
    a_live_key_ends_with_its_run(&*fresh()).await;
    a_list_shows_what_is_wanted(&*fresh()).await;
    people_may_write_about_a_run(&*fresh()).await;
    a_decision_is_kept_changed_and_taken_back(&*fresh()).await;
    a_retry_and_its_run_know_each_other(&*fresh()).await;
    a_simulated_run_is_listed_as_one(&*fresh()).await;
    a_purged_run_is_remembered_as_expired(&*fresh()).await;
    a_released_run_is_claimed_without_a_crash(&*fresh()).await;
    many_writers_do_not_mix(fresh()).await;
    a_lost_run_is_claimed_once(fresh(), &restarted).await;
    what_was_written_survives(fresh(), &restarted).await;
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
    store.append(lease, ended(&lease.run, 1)).await.unwrap();
}

/// Events that change nothing about where the run stands.
pub fn batch(entries: impl IntoIterator<Item = Entry>) -> Batch {
    Batch { entries: entries.into_iter().collect(), standing: None }
}

/// The last event alone, with what follows from it.
pub fn ended(run: &RunId, seq: u64) -> Batch {
    let (entry, standing) = last(run, seq);
    Batch { entries: vec![entry], standing }
}

fn new_run(key: Option<IdempotencyKey>) -> NewRun {
    NewRun {
        run: RunId::generate(),
        ask: Arc::new(Ask::new("q")),
        panel: "p".parse().unwrap(),
        created_at: Timestamp::now(),
        key,
        retry_of: None,
        simulated: false,
    }
}

fn stamp(run: &RunId, seq: u64) -> Stamp {
    Stamp { run_id: run.clone(), seq, at: Timestamp::now(), elapsed_ms: seq, simulated: false }
}

/// A small event.
pub fn entry(run: &RunId, seq: u64) -> Entry {
    let warning = RunWarning { code: "x".into(), message: format!("event {seq} of {run}"), query: None };
    Entry::render(&stamp(run, seq), &Body::RunWarning(warning))
}

/// A last event, and where the run stands after it.
pub fn last(run: &RunId, seq: u64) -> (Entry, Option<Standing>) {
    let body: FinalResult = serde_json::from_value(json!({
        "terminal": true, "status": "completed", "panel": "p", "warnings": [], "queries": {}, "result_ref": "x",
        "performance": {"total_time_ms": 1, "query_times": {}, "parallel_efficiency": 1.0, "tokens_total": 0,
            "queries_executed": 0, "queries_successful": 0, "queries_failed": 0},
    }))
    .unwrap();
    let (stamp, body) = (stamp(run, seq), Body::FinalResult(Box::new(body)));
    (Entry::render(&stamp, &body), Standing::after(&stamp, &body))
}

async fn record(store: &impl Store, run: &RunId) -> Record {
    match store.find(run).await {
        Ok(Found::Run(record)) => *record,
        other => panic!("not found: {other:?}"),
    }
}

async fn blocks(store: &impl Store, run: &RunId, after: u64, limit: usize) -> Vec<bytes::Bytes> {
    store.read(run, after, limit).await.unwrap().iter().map(Entry::block).collect()
}

async fn a_run_reads_back_from_any_place(store: &impl Store) {
    let lease = begin(store, None).await;
    let (final_entry, standing) = last(&lease.run, 10);
    let all: Vec<Entry> = (1..=9).map(|seq| entry(&lease.run, seq)).chain([final_entry]).collect();
    store.append(&lease, batch(all[..4].to_vec())).await.unwrap();
    let found = record(store, &lease.run).await;
    assert!(found.head == 4 && !found.ended() && found.standing.status == RunStatus::Queued);
    store.append(&lease, Batch { entries: all[4..].to_vec(), standing }).await.unwrap();
    let found = record(store, &lease.run).await;
    assert!(found.head == 10 && found.ended() && found.standing.status == RunStatus::Completed);
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
    let wrong = store.append(&lease, batch([entry(&lease.run, 2)])).await;
    assert_eq!(wrong, Err(StoreError::OutOfOrder { head: 0, found: 2 }));
    let gap = store.append(&lease, batch([entry(&lease.run, 1), entry(&lease.run, 3)])).await;
    assert_eq!(gap, Err(StoreError::OutOfOrder { head: 1, found: 3 }));
    assert_eq!(record(store, &lease.run).await.head, 0, "nothing of a wrong batch is kept");
    finish(store, &lease).await;
    let after_end = store.append(&lease, batch([entry(&lease.run, 2)])).await;
    assert!(after_end.is_err(), "nothing follows the last event");
}

async fn another_lease_cannot_append(store: &impl Store) {
    let lease = begin(store, None).await;
    let other = Lease { epoch: lease.epoch + 1, ..lease.clone() };
    assert_eq!(store.append(&other, batch([entry(&lease.run, 1)])).await, Err(StoreError::Stale));
    let gone = Lease { run: RunId::generate(), epoch: 1 };
    assert_eq!(store.append(&gone, batch([entry(&gone.run, 1)])).await, Err(StoreError::Missing));
}

async fn runs(store: &impl Store, wanted: Wanted) -> Vec<RunId> {
    let wanted = Wanted { limit: wanted.limit.max(10), ..wanted };
    store.list(&wanted).await.unwrap().into_iter().map(|listed| listed.run).collect()
}

async fn a_list_shows_what_is_wanted(store: &impl Store) {
    let mut made = Vec::new();
    for n in 0..5 {
        let mut new = new_run(None);
        new.ask = Arc::new(Ask::new(format!("Základ číslo {n}")));
        new.panel = if n == 4 { "other" } else { "p" }.parse().unwrap();
        let Ok(Created::New(lease)) = store.create(new).await else { panic!("not created") };
        made.push(lease);
    }
    made.sort_by(|a, b| b.run.cmp(&a.run));
    let ids: Vec<RunId> = made.iter().map(|lease| lease.run.clone()).collect();
    assert_eq!(runs(store, Wanted::default()).await, ids);
    assert_eq!(runs(store, Wanted { before: Some(ids[1].clone()), ..Wanted::default() }).await, ids[2..]);
    let two = store.list(&Wanted { limit: 2, ..Wanted::default() }).await.unwrap();
    assert_eq!(two.iter().map(|listed| &listed.run).collect::<Vec<_>>(), [&ids[0], &ids[1]]);
    let texts = |text: &str| Wanted { text: Some(text.into()), ..Wanted::default() };
    let found = store.list(&Wanted { limit: 9, ..texts("ČÍSLO 3") }).await.unwrap();
    assert_eq!(found.iter().map(|listed| listed.title.as_str()).collect::<Vec<_>>(), ["Základ číslo 3"]);
    assert!(runs(store, texts("%")).await.is_empty(), "no wildcards");
    let of_other = Wanted { panel: Some("other".parse().unwrap()), ..Wanted::default() };
    assert_eq!(runs(store, of_other).await.len(), 1);
    finish(store, &made[2]).await;
    let statuses = |status| Wanted { statuses: vec![status], ..Wanted::default() };
    assert_eq!(runs(store, statuses(RunStatus::Completed)).await, [ids[2].clone()]);
    assert_eq!(runs(store, statuses(RunStatus::Queued)).await.len(), 4);
    let listed: Vec<Listed> =
        store.list(&Wanted { limit: 9, ..statuses(RunStatus::Completed) }).await.unwrap();
    assert_eq!(listed[0].standing.end.as_ref().map(|end| end.total_time_ms), Some(1));
    store.note(&ids[2], Change { hidden: Some(true), ..Change::default() }).await.unwrap();
    assert_eq!(runs(store, Wanted::default()).await.len(), 4);
    assert!(record(store, &ids[2]).await.about.hidden, "it is still found by its id");
}

async fn people_may_write_about_a_run(store: &impl Store) {
    let lease = begin(store, None).await;
    let change = |title: Option<&str>, note: Option<&str>| Change {
        title: title.map(str::to_owned),
        note: note.map(str::to_owned),
        ..Change::default()
    };
    store.note(&lease.run, change(Some("Hall B"), None)).await.unwrap();
    store.note(&lease.run, change(None, Some("ask Eva"))).await.unwrap();
    let about = record(store, &lease.run).await.about;
    assert_eq!((about.title.as_deref(), about.note.as_deref()), (Some("Hall B"), Some("ask Eva")));
    let eva = Wanted { text: Some("EVA".into()), limit: 1, ..Wanted::default() };
    let found = store.list(&eva).await.unwrap();
    assert_eq!(found.first().map(|listed| listed.title.as_str()), Some("Hall B"));
    store.note(&lease.run, change(Some(""), None)).await.unwrap();
    assert_eq!(record(store, &lease.run).await.about.title, None);
    let unknown = store.note(&RunId::generate(), Change::default()).await;
    assert_eq!(unknown, Err(StoreError::Missing));
}

async fn a_decision_is_kept_changed_and_taken_back(store: &impl Store) {
    let lease = begin(store, None).await;
    let decide = |finding: &str, choice: Option<Choice>| Change {
        decision: Some((
            finding.to_owned(),
            choice.map(|decision| Decision {
                decision,
                note: "see drawing 7".into(),
                at: Timestamp::UNIX_EPOCH,
            }),
        )),
        ..Change::default()
    };
    store.note(&lease.run, decide("F-001", Some(Choice::Fix))).await.unwrap();
    store.note(&lease.run, decide("F-002", Some(Choice::Accept))).await.unwrap();
    store.note(&lease.run, decide("F-001", Some(Choice::Dispute))).await.unwrap();
    store.note(&lease.run, decide("F-002", None)).await.unwrap();
    let decisions = record(store, &lease.run).await.about.decisions;
    let kept: Vec<_> = decisions.iter().map(|(finding, kept)| (finding.as_str(), kept.decision)).collect();
    assert_eq!(kept, [("F-001", Choice::Dispute)]);
    assert_eq!(decisions["F-001"].note, "see drawing 7");
}

async fn a_retry_and_its_run_know_each_other(store: &impl Store) {
    let first = begin(store, None).await;
    finish(store, &first).await;
    let mut new = new_run(None);
    new.retry_of = Some(first.run.clone());
    let again = new.run.clone();
    assert!(matches!(store.create(new).await, Ok(Created::New(_))));
    assert_eq!(record(store, &first.run).await.about.retried_by, Some(again.clone()));
    assert_eq!(record(store, &again).await.about.retry_of, Some(first.run));
}

async fn a_simulated_run_is_listed_as_one(store: &impl Store) {
    let lease = begin(store, None).await;
    let simulated = NewRun { simulated: true, ..new_run(None) };
    let run = simulated.run.clone();
    assert!(matches!(store.create(simulated).await, Ok(Created::New(_))));
    let listed = store.list(&Wanted { limit: 9, ..Wanted::default() }).await.unwrap();
    let marked: Vec<_> = listed.iter().filter(|listed| listed.simulated).map(|listed| &listed.run).collect();
    assert_eq!(marked, [&run]);
    store.note(&run, Change { title: Some("Try".into()), ..Change::default() }).await.unwrap();
    assert!(record(store, &run).await.about.simulated, "what people write leaves it");
    assert!(!record(store, &lease.run).await.about.simulated);
}

async fn a_purged_run_is_remembered_as_expired(store: &impl Store) {
    let lease = begin(store, key(json!(1), KeyScope::Day)).await;
    finish(store, &lease).await;
    store.purge(&lease.run).await.unwrap();
    assert!(matches!(store.find(&lease.run).await, Ok(Found::Expired)));
    assert_eq!(store.read(&lease.run, 0, 1).await.err(), Some(StoreError::Missing));
    assert_eq!(store.purge(&lease.run).await, Err(StoreError::Missing));
    assert!(matches!(store.create(new_run(key(json!(2), KeyScope::Day))).await, Ok(Created::New(_))));
}

async fn a_released_run_is_claimed_without_a_crash(store: &impl Store) {
    let lease = begin(store, None).await;
    store.append(&lease, batch([entry(&lease.run, 1)])).await.unwrap();
    assert!(store.orphans().await.unwrap().is_empty());
    assert_eq!(store.claim(&lease.run).await.err(), Some(StoreError::Stale), "somebody holds it");
    store.release(&lease).await.unwrap();
    assert_eq!(store.append(&lease, batch([entry(&lease.run, 2)])).await, Err(StoreError::Stale));
    assert_eq!(store.orphans().await.unwrap(), std::slice::from_ref(&lease.run));
    let Claim { lease: next, crashes } = store.claim(&lease.run).await.unwrap();
    assert!(next.epoch > lease.epoch && crashes == 0);
    store.append(&next, batch([entry(&lease.run, 2)])).await.unwrap();
    assert_eq!(store.append(&lease, batch([entry(&lease.run, 3)])).await, Err(StoreError::Stale));
}

async fn a_lost_run_is_claimed_once<S: Store>(store: Arc<S>, restarted: &impl Fn(Arc<S>) -> Arc<S>) {
    let lease = begin(&*store, None).await;
    store.append(&lease, batch([entry(&lease.run, 1)])).await.unwrap();
    let over = begin(&*store, None).await;
    finish(&*store, &over).await;
    let mut store = store;
    for crash in 1..=4 {
        store = restarted(store);
        let orphans = store.orphans().await.unwrap();
        assert_eq!(orphans, std::slice::from_ref(&lease.run), "an ended run is nobody's to take");
        assert_eq!(store.claim(&lease.run).await.unwrap().crashes, crash);
        assert_eq!(store.claim(&lease.run).await.err(), Some(StoreError::Stale));
        assert!(store.orphans().await.unwrap().is_empty());
    }
    assert_eq!(store.append(&lease, batch([entry(&lease.run, 2)])).await, Err(StoreError::Stale));
    assert_eq!(store.claim(&RunId::generate()).await.err(), Some(StoreError::Missing));
}

async fn what_was_written_survives<S: Store>(store: Arc<S>, restarted: &impl Fn(Arc<S>) -> Arc<S>) {
    let lease = begin(&*store, key(json!({"a": 1}), KeyScope::Day)).await;
    let all: Vec<Entry> = (1..=3).map(|seq| entry(&lease.run, seq)).collect();
    store.append(&lease, batch(all.clone())).await.unwrap();
    let change = Change { title: Some("T".into()), ..Change::default() };
    store.note(&lease.run, change).await.unwrap();
    let store = restarted(store);
    let expected: Vec<_> = all.iter().map(Entry::block).collect();
    assert_eq!(blocks(&*store, &lease.run, 0, 9).await, expected);
    let found = record(&*store, &lease.run).await;
    assert_eq!((found.head, found.about.title.as_deref()), (3, Some("T")));
    assert_eq!(*found.ask, Ask::new("q"));
    let again = store.create(new_run(key(json!({"a": 1}), KeyScope::Day))).await;
    assert!(matches!(again, Ok(Created::Taken(Taken::Same(run))) if run == lease.run));
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
        let _ = store.append(&lease, ended(&lease.run, 1)).await;
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
                store.append(&lease, batch([entry(&lease.run, seq)])).await.unwrap();
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
