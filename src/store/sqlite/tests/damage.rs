//! Files that are not what was written: never a wrong event, and as little hidden as can be.

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;
use crate::event::Body;
use crate::event::QueryDelta;
use crate::event::Stamp;

/// A run as it was written: its events' bytes.
type Written = Vec<(RunId, Vec<bytes::Bytes>)>;

fn delta(run: &RunId, seq: u64) -> Entry {
    let stamp = Stamp { run_id: run.clone(), seq, at: Timestamp::now(), elapsed_ms: seq, simulated: false };
    let text = format!("{seq} of {run}, ").repeat(1 + seq as usize % 7 * 9);
    Entry::render(
        &stamp,
        &Body::QueryDelta(QueryDelta { query: "a".parse().unwrap(), attempt: 1, offset: 0, text }),
    )
}

/// A closed file with runs that ended and one that did not.
async fn prepared(dir: &Dir, runs: u64) -> Written {
    let store = dir.open();
    let mut written = Vec::new();
    for nth in 0..runs {
        let lease = conformance::begin(&store, None).await;
        let run = lease.run.clone();
        let entries: Vec<Entry> = (1..=10).map(|seq| delta(&run, seq)).collect();
        store.append(&lease, conformance::batch(entries)).await.unwrap();
        if nth > 0 {
            store.append(&lease, conformance::ended(&run, 11)).await.unwrap();
        }
        let blocks = store.read(&run, 0, 99).await.unwrap().iter().map(Entry::block).collect();
        written.push((run, blocks));
    }
    written
}

/// How many runs are not shown whole. Fails when anything is shown that was not written.
async fn hidden(store: &Sqlite, written: &Written) -> usize {
    let mut hidden = 0;
    let listed = store.list(&Wanted { limit: 99, ..Wanted::default() }).await.unwrap_or_default();
    for listed in listed {
        assert!(written.iter().any(|(run, _)| *run == listed.run), "{} was never made", listed.run);
    }
    for (run, blocks) in written {
        let mut seen = Vec::new();
        let whole = loop {
            match store.read(run, seen.len() as u64, 7).await {
                Ok(entries) if entries.is_empty() => break seen.len() == blocks.len(),
                Ok(entries) => seen.extend(entries.iter().map(Entry::block)),
                Err(_) => break false,
            }
        };
        assert_eq!(seen, blocks[..seen.len()], "{run}");
        let found =
            matches!(store.find(run).await, Ok(Found::Run(record)) if record.head == blocks.len() as u64);
        hidden += usize::from(!whole || !found);
    }
    hidden
}

fn copy_of(bytes: &[u8]) -> Dir {
    let dir = Dir::new();
    std::fs::create_dir_all(&dir.0).unwrap();
    std::fs::write(dir.0.join(FILE), bytes).unwrap();
    dir
}

fn is_degraded(store: &Sqlite) -> bool {
    matches!(store.health(), Health::Degraded(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_shows_nothing_wrong_and_hides_one_run_at_most() {
    let dir = Dir::new();
    let written = prepared(&dir, 8).await;
    let bytes = std::fs::read(dir.0.join(FILE)).unwrap();
    let mut random = SmallRng::seed_from_u64(42);
    let (mut salvaged, mut hid_one, mut hid_more) = (0, 0, Vec::new());
    for _ in 0..1000 {
        let mut flipped = bytes.clone();
        let (at, bit) = (random.random_range(0..bytes.len()), random.random_range(0..8));
        flipped[at] ^= 1 << bit;
        let dir = copy_of(&flipped);
        let store = dir.open();
        let hidden = hidden(&store, &written).await;
        let degraded = is_degraded(&store);
        salvaged += usize::from(degraded);
        match hidden {
            0 => {}
            1 => hid_one += 1,
            // The flip hit what many rows hang on; what could be read was saved.
            more => hid_more.push((at, bit, more, degraded)),
        }
    }
    assert!(salvaged > 10 && hid_one > 100, "the flips hit something: {salvaged} and {hid_one}");
    assert!(
        hid_more.iter().all(|(.., degraded)| *degraded),
        "only where it was salvaged and said so: {hid_more:?}"
    );
    assert!(hid_more.len() <= 20, "{hid_more:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_cut_or_zeroed_keeps_what_is_left() {
    let dir = Dir::new();
    let written = prepared(&dir, 8).await;
    let bytes = std::fs::read(dir.0.join(FILE)).unwrap();
    let pages = bytes.len() / 4096;
    for page in 0..pages {
        let mut zeroed = bytes.clone();
        zeroed[page * 4096..(page + 1) * 4096].fill(0);
        let dir = copy_of(&zeroed);
        let store = dir.open();
        let hidden = hidden(&store, &written).await;
        assert!(hidden <= 1 || is_degraded(&store), "page {page} of {pages} hid {hidden}");
    }
    for left in (0..bytes.len()).step_by(bytes.len() / 24).chain([1, 100, bytes.len() - 1]) {
        let dir = copy_of(&bytes[..left]);
        let store = dir.open();
        let hidden = hidden(&store, &written).await;
        assert!(left == 0 || hidden <= 1 || is_degraded(&store), "{left} bytes left, {hidden} hidden");
        // What was salvaged is a store like any other.
        let lease = conformance::begin(&store, None).await;
        conformance::finish(&store, &lease).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_moved_aside_and_named() {
    let dir = Dir::new();
    let written = prepared(&dir, 3).await;
    let mut bytes = std::fs::read(dir.0.join(FILE)).unwrap();
    bytes[..16].fill(b'x');
    let dir = copy_of(&bytes);
    let fail = Sqlite::open(&dir.0, Keep::default(), OnCorrupt::Fail);
    assert!(matches!(fail, Err(OpenError::Corrupt { .. })));
    let store = dir.open();
    assert_eq!(hidden(&store, &written).await, 0, "the first page is known without the file");
    let Health::Degraded(why) = store.health() else { panic!("{:?}", store.health()) };
    let aside =
        std::fs::read_dir(&dir.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let aside: Vec<String> = aside.filter(|name| name.contains("corrupt-")).collect();
    assert!(aside.len() == 1 && why.contains(&aside[0]), "{why:?} names {aside:?}");
    assert_eq!(std::fs::read(dir.0.join(&aside[0])).unwrap(), bytes, "it is left as it was found");
    drop(store);
    assert_eq!(dir.open().health(), Health::Good, "the next start finds a whole file");
}

#[tokio::test]
async fn a_later_schema_is_refused_and_a_flipped_one_is_not() {
    let dir = Dir::new();
    let written = prepared(&dir, 2).await;
    let path = dir.0.join(FILE);
    let change = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    change("PRAGMA user_version = 9");
    assert_eq!(hidden(&dir.open(), &written).await, 0);
    change("PRAGMA user_version = 9; UPDATE meta SET value = 9 WHERE name = 'schema'");
    let refused = Sqlite::open(&dir.0, Keep::default(), OnCorrupt::Salvage).err().unwrap();
    assert!(matches!(refused, OpenError::Newer { found: 9, .. }), "{refused}");
    assert!(refused.to_string().contains("later version"));
}

#[tokio::test]
async fn a_lost_log_loses_its_end_and_nothing_else() {
    let dir = Dir::new();
    let written = prepared(&dir, 3).await;
    let store = dir.open();
    let lease = conformance::begin(&store, None).await;
    conformance::finish(&store, &lease).await;
    // As a kill leaves it: the log is not in the file yet.
    let copy = copy_of(&std::fs::read(dir.0.join(FILE)).unwrap());
    let reopened = copy.open();
    assert_eq!(hidden(&reopened, &written).await, 0);
    assert!(matches!(reopened.find(&lease.run).await, Ok(Found::Unknown)));
}
