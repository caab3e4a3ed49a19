//! What happens while the file cannot be written, and who may have it.

use super::*;
use crate::event::RunStatus;

/// Has every change refused with "database or disk is full", as a full disk does, until `false`.
async fn full(store: &Sqlite, full: bool) {
    let limit = move |books: &mut Books| -> Result<(), Trouble> {
        let pages: i64 = books.connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let most = if full { pages } else { 1 << 30 };
        books.connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))?;
        Ok(())
    };
    store.writer.run(Kind::InMemory, limit).await.unwrap();
}

/// Events of one run, each large enough to need a page.
fn large(run: &RunId, seqs: std::ops::RangeInclusive<u64>) -> Batch {
    let stamp = |seq| crate::event::Stamp {
        run_id: run.clone(),
        seq,
        at: Timestamp::now(),
        elapsed_ms: 0,
        simulated: false,
    };
    let warning = crate::event::RunWarning { code: "x".into(), message: "y".repeat(20_000), query: None };
    let body = crate::event::Body::RunWarning(warning);
    conformance::batch(seqs.map(|seq| Entry::render(&stamp(seq), &body)))
}

async fn seqs(store: &Sqlite, run: &RunId) -> Vec<u64> {
    store.read(run, 0, 99).await.unwrap().iter().map(|entry| entry.seq).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_wait_in_memory_while_the_disk_is_full() {
    let dir = Dir::new();
    let store = dir.open();
    let lease = conformance::begin(&store, None).await;
    store.append(&lease, large(&lease.run, 1..=2)).await.unwrap();
    full(&store, true).await;
    assert_eq!(store.append(&lease, large(&lease.run, 3..=4)).await, Err(StoreError::Full));
    assert_eq!(seqs(&store, &lease.run).await, [1, 2], "nothing of it is left behind");
    store.spool(&lease, large(&lease.run, 3..=4)).await.unwrap();
    store.spool(&lease, conformance::ended(&lease.run, 5)).await.unwrap();
    assert!(matches!(store.health(), Health::Degraded(_)));
    assert_eq!(seqs(&store, &lease.run).await, [1, 2, 3, 4, 5]);
    assert_eq!(store.read(&lease.run, 3, 1).await.unwrap()[0].seq, 4);
    let Ok(Found::Run(record)) = store.find(&lease.run).await else { panic!("not found") };
    assert!(record.head == 5 && record.ended());
    let completed = Wanted { statuses: vec![RunStatus::Completed], limit: 9, ..Wanted::default() };
    assert_eq!(store.list(&completed).await.unwrap().len(), 1, "a list knows what waits");
    full(&store, false).await;
    // No further call is needed: it is tried each second.
    let begun = tokio::time::Instant::now();
    while store.health() != Health::Good {
        assert!(begun.elapsed().as_secs() < 30, "{:?}", store.health());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    drop(store);
    let store = dir.open();
    assert_eq!(seqs(&store, &lease.run).await, [1, 2, 3, 4, 5]);
    assert!(store.orphans().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_writes_what_waits_before_it() {
    let dir = Dir::new();
    let store = dir.open();
    let lease = conformance::begin(&store, None).await;
    full(&store, true).await;
    assert!(store.append(&lease, large(&lease.run, 1..=2)).await.is_err());
    store.spool(&lease, large(&lease.run, 1..=2)).await.unwrap();
    full(&store, false).await;
    store.append(&lease, conformance::batch([conformance::entry(&lease.run, 3)])).await.unwrap();
    assert!(store.shared.spool.is_empty());
    assert_eq!(store.health(), Health::Good);
    assert_eq!(seqs(&store, &lease.run).await, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_much_does_not_wait() {
    let dir = Dir::new();
    let store = dir.open();
    let lease = conformance::begin(&store, None).await;
    full(&store, true).await;
    let mut seq = 0;
    let refused = loop {
        let batch = large(&lease.run, seq + 1..=seq + 100);
        match store.spool(&lease, batch).await {
            Ok(()) => seq += 100,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, StoreError::Full);
    assert!(seq * 20_000 > 32 << 20 && seq * 20_000 <= spool::LIMIT as u64, "{seq} events waited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_runs_trouble_is_not_its_neighbours() {
    let dir = Dir::new();
    let store = Arc::new(dir.open());
    let (good, bad) = (conformance::begin(&*store, None).await, conformance::begin(&*store, None).await);
    // A row that stands where the bad run's first event is to be written.
    let block = |books: &mut Books| -> Result<(), Trouble> {
        let row = RunRow::by_id(&books.connection, 2)?;
        let other = conformance::entry(&row.run, 1);
        Ok(events::insert(&books.connection, row.id, &row.run, &other)?)
    };
    store.writer.run(Kind::Durable(1), block).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for lease in [good.clone(), bad.clone()] {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for seq in 1..=50 {
                let appended =
                    store.append(&lease, conformance::batch([conformance::entry(&lease.run, seq)])).await;
                if let Err(error) = appended {
                    assert!(error.is_passing());
                    return false;
                }
            }
            true
        });
    }
    let mut done = tasks.join_all().await;
    done.sort_unstable();
    assert_eq!(done, [false, true]);
    assert_eq!(seqs(&store, &good.run).await.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_nobody_waited_for_is_taken_back() {
    let dir = Dir::new();
    let store = dir.open();
    let mut known = Vec::new();
    for _ in 0..20 {
        let creating = conformance::begin(&store, None);
        tokio::pin!(creating);
        // Asked, and mostly left before the answer.
        if let std::task::Poll::Ready(lease) = futures_util::poll!(&mut creating) {
            known.push(lease.run);
        }
    }
    assert!(known.len() < 20, "somebody left");
    drop(store);
    let store = dir.open();
    known.sort();
    assert_eq!(store.orphans().await.unwrap(), known);
}

#[tokio::test]
async fn a_directory_has_one_owner() {
    let dir = Dir::new();
    let store = dir.open();
    let Err(error) = Sqlite::open(&dir.0, Keep::default(), OnCorrupt::Salvage) else {
        panic!("it was opened twice")
    };
    let told = error.to_string();
    assert!(
        told.contains(&std::process::id().to_string()) && told.contains(dir.0.to_str().unwrap()),
        "{told}"
    );
    drop(store);
    drop(dir.open());
}
