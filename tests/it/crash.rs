//! Crash points: the server dies at every one of them, at every time it passes it, and each run goes on.

use std::thread;

use serde_json::json;

use crate::harness::PATIENCE;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::eventually;
use crate::harness::ms;
use crate::harness::named;
use crate::harness::server::CRASH_AT;
use crate::harness::survivor::Survivor;
use crate::harness::survivor::World;

/// Worlds that are played at once; they wait more than they work.
const AT_ONCE: usize = 4;

/// Dies at the nth time that a run passes the point; whether it did.
fn dies_at(point: &str, nth: usize) -> bool {
    let at = format!("{point}:{nth}");
    let mut world = World::with(|setup| setup.env(CRASH_AT, &at));
    let mut run = Survivor::new(at.replace(':', "-"));
    let lost = run.follow(&world.server).is_err();
    // It may die right after it has told the end.
    if !lost && !world.server.dies_within(ms(300)) {
        run.assert_survived(&world, 0);
        return false;
    }
    world.server.crash_at("");
    world.server.restart();
    if !run.has_ended() {
        run.follow(&world.server).expect("nobody kills it now");
    }
    run.assert_survived(&world, 1);
    true
}

/// Dies at the point each time that a run passes it, until one passes untouched.
#[track_caller]
fn survives(point: &str, at_least: usize) {
    let mut deaths = 0;
    for batch in 0.. {
        assert!(batch < 50, "{point} has no end");
        let died = thread::scope(|scope| {
            let nths = batch * AT_ONCE + 1..=(batch + 1) * AT_ONCE;
            let nths: Vec<_> = nths.map(|nth| scope.spawn(move || dies_at(point, nth))).collect();
            nths.into_iter().map(|nth| usize::from(nth.join().unwrap())).sum::<usize>()
        });
        deaths += died;
        if died < AT_ONCE {
            break;
        }
    }
    eprintln!("{point}: died {deaths} times");
    assert!(deaths >= at_least, "{point} was passed {deaths} times only");
}

#[test]
fn p1_before_a_run_is_made_nothing_is_lost() {
    survives("before_create", 1);
}

#[test]
fn p2_a_run_that_nobody_was_told_of_is_found_by_its_key() {
    survives("after_create", 1);
}

#[test]
fn p3_what_was_announced_is_asked() {
    survives("announced", 3);
}

#[test]
fn p4_a_request_that_was_being_sent_is_sent_again() {
    survives("request_sent", 5);
}

#[test]
fn p5_an_answer_whose_head_came_is_asked_for_again() {
    survives("headers_received", 5);
}

#[test]
fn p6_half_an_answer_is_taken_back() {
    survives("text", 10);
}

#[test]
fn p7_a_whole_answer_that_was_not_written_is_asked_for_again() {
    survives("answered", 4);
}

#[test]
fn p8_what_is_written_is_told_and_what_is_not_never_was() {
    thread::scope(|scope| {
        scope.spawn(|| survives("before_commit", 10));
        survives("after_commit", 10);
    });
}

#[test]
fn p9_between_two_queries_the_next_one_starts() {
    survives("between_queries", 4);
}

#[test]
fn p10_a_merge_is_made_again() {
    survives("merging", 1);
}

#[test]
fn p11_and_p12_the_last_event_comes_once() {
    survives("before_end", 1);
    survives("after_end", 1);
}

#[test]
fn p13_a_run_that_dies_with_every_recovery_is_given_up_and_the_others_are_fine() {
    let mut world = World::new();
    let mut ended = Survivor::new("ended".into());
    ended.follow(&world.server).unwrap();
    let mut poison = Survivor::new("poison".into());
    thread::scope(|scope| {
        scope.spawn(|| poison.follow(&world.server).expect_err("it is killed"));
        eventually("it is asked", PATIENCE, || !world.calls("poison", "streams").is_empty());
        world.server.kill();
    });
    world.server.crash_at("recovering");
    let mut deaths = 1;
    for start in 1..=5 {
        world.server.restart();
        if world.server.dies_within(ms(if start <= 3 { 20_000 } else { 300 })) {
            deaths += 1;
        }
    }
    assert_eq!(deaths, 4, "it is tried three times");
    poison.follow(&world.server).expect("the server lives");
    let last = &poison.seen.last().unwrap().data;
    assert_eq!((&last["status"], &last["error"]["code"]), (&json!("failed"), &json!("poison_run")));
    let run = last["run_id"].as_str().unwrap();
    let journal = world.server.follow(run).events();
    assert!(journal.iter().map(|event| &event.block).eq(poison.seen.iter().map(|event| &event.block)));
    assert_eq!(world.calls("poison", "streams").len(), 1, "no recovery came so far as to ask");
    ended.assert_survived(&world, 0);
    world.server.crash_at("");
    world.server.restart();
    let mut new = Survivor::new("new".into());
    new.follow(&world.server).unwrap();
    new.assert_survived(&world, 0);
}

/// A run that is killed when one query has ended and one is being asked.
fn killed(more: impl FnOnce(Setup) -> Setup) -> (World, Survivor) {
    let world = World::with(more);
    let mut run = Survivor::new("run".into());
    thread::scope(|scope| {
        scope.spawn(|| run.follow(&world.server).expect_err("it is killed"));
        eventually("the last query is asked", PATIENCE, || !world.calls("run", "follows").is_empty());
        world.server.kill();
    });
    (world, run)
}

#[test]
fn a_server_that_was_away_for_too_long_asks_nobody() {
    let (mut world, mut run) = killed(|setup| setup.server("recover_within = \"10ms\""));
    thread::sleep(ms(20));
    world.server.restart();
    run.follow(&world.server).unwrap();
    assert_interrupted(&world, &run);
}

#[test]
fn a_server_that_must_not_ask_twice_does_not() {
    let (mut world, mut run) = killed(|setup| setup.server("on_recovery = \"fail\""));
    world.server.restart();
    run.follow(&world.server).unwrap();
    assert_interrupted(&world, &run);
}

/// What was open has failed as interrupted, what was done stays, and nobody was asked again.
#[track_caller]
fn assert_interrupted(world: &World, run: &Survivor) {
    let journal = world.server.follow(run.run.as_deref().unwrap()).events();
    assert!(journal.iter().map(|event| &event.block).eq(run.seen.iter().map(|event| &event.block)));
    assert_eq!(completed(&journal, "streams")["status"], "succeeded");
    assert_eq!(completed(&journal, "follows")["error"]["code"], "interrupted");
    assert_ne!(completed(&journal, "ends")["status"], "succeeded");
    assert_eq!(world.calls("run", "follows").len(), 1);
    assert_eq!(world.calls("run", "ends").len(), 0);
}

#[test]
fn p18_a_panic_in_a_handler_is_a_500_of_its_own() {
    let world = World::with(|setup| setup.env(CRASH_AT, "before_create:1:panic").may_panic());
    let body = json!({"panel": "work", "question": "mark=first;"});
    world.server.post("/ask-stream", &body).problem(500, "internal");
    assert_eq!(world.server.get("/health").json()["active_runs"], 0, "it keeps no place");
    let mut next = Survivor::new("next".into());
    next.follow(&world.server).unwrap();
    next.assert_survived(&world, 0);
}

#[test]
fn p18_a_panic_in_a_query_is_a_failure_of_its_own() {
    let world = World::with(|setup| setup.env(CRASH_AT, "answered:1:panic").may_panic());
    let mut run = Survivor::new("run".into());
    run.follow(&world.server).unwrap();
    let failed: Vec<_> = named(&run.seen, "query_completed")
        .into_iter()
        .filter(|end| end.data["status"] == "failed")
        .collect();
    let [failed] = failed[..] else { panic!("{failed:?}") };
    assert_eq!(failed.data["error"]["code"], "interrupted");
    assert_ne!(run.seen.last().unwrap().data["status"], "completed");
    let mut next = Survivor::new("next".into());
    next.follow(&world.server).unwrap();
    next.assert_survived(&world, 0);
}

#[test]
fn p18_a_panic_in_a_run_is_its_end_and_nobody_elses() {
    for point in ["before_commit:5:panic", "after_commit:9:panic", "merging:1:panic", "before_end:1:panic"] {
        let mut world = World::with(|setup| setup.env(CRASH_AT, point).may_panic());
        let mut run = Survivor::new("run".into());
        eventually("the run is ended", PATIENCE, || {
            run.follow(&world.server).unwrap();
            run.has_ended()
        });
        let last = &run.seen.last().unwrap().data;
        assert_eq!((&last["status"], &last["error"]["code"]), (&json!("failed"), &json!("interrupted")));
        let journal = world.server.follow(run.run.as_deref().unwrap()).events();
        assert!(journal.iter().map(|event| &event.block).eq(run.seen.iter().map(|event| &event.block)));
        eventually("it keeps no place", PATIENCE, || world.server.get("/health").json()["active_runs"] == 0);
        let mut next = Survivor::new("next".into());
        next.follow(&world.server).unwrap();
        next.assert_survived(&world, 0);
        world.server.crash_at("");
        world.server.restart();
        assert_eq!(world.server.follow(run.run.as_deref().unwrap()).events().len(), journal.len());
    }
}
