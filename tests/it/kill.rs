//! Kill trials: `kill -9` at any moment of several runs, and nothing that anybody saw is lost.
//!
//! `ASKSTREAM_KILLS=500 cargo test --test it kill:: -- --nocapture` makes
//! more of them than plain `cargo test` does; `ASKSTREAM_SEED` repeats one
//! series of moments.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::thread;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::harness::Event;
use crate::harness::ms;
use crate::harness::survivor::Survivor;
use crate::harness::survivor::World;

/// Kills of plain `cargo test`.
const FEW: usize = 24;
/// Servers at once.
const LANES: usize = 2;
/// Runs of a trial.
const RUNS: usize = 4;
/// A run takes about half of it: kills fall before, into and after it.
const LONGEST_MS: u64 = 900;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// What one lane found.
#[derive(Default)]
struct Found {
    /// Kills that fell inside a live run of which somebody had seen an event.
    counted: usize,
    tried: usize,
    /// Live runs at the moment of a counted kill, by the last event that their client had seen.
    phases: BTreeMap<String, usize>,
}

/// Where in its journal a run was.
fn phase(event: &Event) -> String {
    match event.data["phase"].as_str() {
        Some(phase) => format!("{} ({phase})", event.name),
        None => event.name.clone(),
    }
}

/// One trial: the kill, the return, and everything that must hold.
fn trial(world: &mut World, marks: &str, rng: &mut StdRng, found: &mut Found) -> Vec<Survivor> {
    let mut runs: Vec<_> = (0..RUNS).map(|n| Survivor::new(format!("{marks}r{n}"))).collect();
    let starts: Vec<_> = (0..RUNS).map(|_| ms(rng.random_range(0..200))).collect();
    let moment = ms(rng.random_range(10..LONGEST_MS));
    let server = &world.server;
    thread::scope(|scope| {
        for (run, start) in runs.iter_mut().zip(starts) {
            scope.spawn(move || {
                thread::sleep(start);
                // Lost is what the trial is about.
                let _ = run.follow(server);
            });
        }
        thread::sleep(moment);
        server.kill();
    });
    let live: Vec<_> =
        runs.iter().filter(|run| !run.has_ended()).filter_map(|run| run.seen.last()).map(phase).collect();
    found.tried += 1;
    found.counted += usize::from(!live.is_empty());
    live.into_iter().for_each(|phase| *found.phases.entry(phase).or_default() += 1);
    world.server.restart();
    let server = &world.server;
    thread::scope(|scope| {
        for run in runs.iter_mut().filter(|run| !run.has_ended()) {
            scope.spawn(move || run.follow(server).expect("nobody kills it now"));
        }
    });
    runs.iter().for_each(|run| run.assert_survived(world, 1));
    runs
}

/// Trials on one server and its one file, until so many kills count.
fn lane(lane: usize, kills: usize, seed: u64) -> Found {
    let mut rng = StdRng::seed_from_u64(seed.wrapping_add(lane as u64));
    let mut world = World::new();
    let mut found = Found::default();
    let mut kept = HashMap::new();
    while found.counted < kills {
        assert!(
            found.tried < 4 * kills + 10,
            "the kills miss the runs: {} of {}",
            found.counted,
            found.tried
        );
        let marks = format!("l{lane}t{}", found.tried);
        for run in trial(&mut world, &marks, &mut rng, &mut found) {
            let id = run.seen[0].data["run_id"].as_str().unwrap().to_owned();
            kept.insert(id, run.seen.last().unwrap().block.clone());
        }
    }
    // Later kills have changed nothing of earlier runs.
    for (run, last) in &kept {
        let events = world.server.follow(run).events();
        assert_eq!(events.last().unwrap().block, *last);
    }
    found
}

#[test]
fn whatever_was_seen_survives_kill_9_and_nothing_finished_is_asked_again() {
    let kills = number("ASKSTREAM_KILLS").map_or(FEW, |kills| kills as usize);
    let by_clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let seed = number("ASKSTREAM_SEED").unwrap_or_else(by_clock);
    eprintln!("seed {seed}");
    let begun = Instant::now();
    let share = |nth: usize| kills / LANES + usize::from(nth < kills % LANES);
    let lanes: Vec<Found> = thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|nth| scope.spawn(move || lane(nth, share(nth), seed))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    let sum = |of: fn(&Found) -> usize| lanes.iter().map(of).sum::<usize>();
    let (counted, tried) = (sum(|found| found.counted), sum(|found| found.tried));
    let mut phases: BTreeMap<&str, usize> = BTreeMap::new();
    for (phase, count) in lanes.iter().flat_map(|found| &found.phases) {
        *phases.entry(phase).or_default() += count;
    }
    let live: usize = phases.values().sum();
    eprintln!(
        "{counted}/{kills} kills fell inside a live run that somebody had seen ({tried} tried), seed {seed}, {} s",
        begun.elapsed().as_secs()
    );
    eprintln!("{live} live runs were cut, by the last event that their client had seen:");
    phases.iter().for_each(|(phase, count)| eprintln!("{count:6}  {phase}"));
    eprintln!(
        "0 events lost or changed, 0 numbers doubled, 0 finished queries asked again, {} runs ended",
        tried * RUNS
    );
    assert_eq!(counted, kills);
}
