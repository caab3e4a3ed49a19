//! Crash points: the server dies at every one of them, at every time it passes it, and each run goes on.

use std::thread;

use crate::harness::ms;
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
