//! Enough answers, and a grace for the rest.

use super::*;
use crate::engine::Order;

/// `q1` to `q5` answer after 1, 2, 3, 5 and 60 seconds; `sum` needs them all.
fn five(merge: &str) -> (Arc<Panel>, Scripted) {
    let query = |n| format!("[[query]]\nid = \"q{n}\"\nprompt = \"p.md\"\non_fail = \"continue\"\n");
    let sum =
        "[[query]]\nid = \"sum\"\nprompt = \"p.md\"\nneeds = [\"q1\", \"q2\", \"q3\", \"q4\", \"q5\"]\n";
    let panel = panel(&format!("{}{sum}[merge]\n{merge}\n", (1..=5).map(query).collect::<String>()));
    let after = |seconds: u64| script().answer("yes").after(seconds * 1000);
    let provider = scripted(&[
        ("q1", after(1)),
        ("q2", after(2)),
        ("q3", after(3)),
        ("q4", after(5)),
        ("q5", script().hangs()),
        ("sum", after(1)),
    ]);
    (panel, provider)
}

fn check(events: &Events, late: u64) {
    let (at, end) = events.end("q5");
    assert_eq!((at, end.status), (late, QueryStatus::Cancelled));
    let failure = end.error.as_ref().unwrap();
    assert_eq!(
        (failure.code, failure.message.as_str()),
        (Code::Cancelled, "Cancelled: 3 have answered, and 4 s more have passed.")
    );
    assert_eq!(events.end("q4").1.status, QueryStatus::Succeeded);
    assert_eq!((events.end("sum").0, events.end("sum").1.status), (late + 1000, QueryStatus::Succeeded));
    assert_eq!((events.last().0, events.last().1.status), (late + 1000, RunOutcome::Partial));
}

#[tokio::test(start_paused = true)]
async fn the_others_get_a_grace_and_then_the_rest_goes_on_without_them() {
    let (panel, provider) = five("need = \"3 of 5\"\ngrace = \"4s\"");
    check(&run(&panel, &provider).await, 7000);
    assert_eq!(provider.open(), 0, "whoever is late is let go");
}

#[tokio::test(start_paused = true)]
async fn without_a_grace_everybody_may_answer() {
    let (panel, provider) = five("need = \"3 of 5\"");
    let events = run(&panel, &provider).await;
    assert_eq!(timed_out(events.end("q5").1).0, Clock::FirstContent);
}

#[tokio::test(start_paused = true)]
async fn no_grace_ends_at_once_and_the_limits_hold_all_the_same() {
    let (panel, provider) = five("need = \"3 of 5\"\ngrace = \"0s\"");
    let events = run(&panel, &provider).await;
    assert_eq!((events.end("q4").0, events.end("q4").1.status), (3000, QueryStatus::Cancelled));
    let (panel, provider) =
        five("need = \"4 of 5\"\ngrace = \"50s\"\n[limits]\nper_query = \"51s\"\nfirst_content = \"8s\"");
    assert_eq!(run(&panel, &provider).await.end("q5").0, 8000);
}

#[tokio::test(start_paused = true)]
async fn of_so_many_counts_those_that_need_no_other() {
    let (panel, _) = five("need = \"3 of 5\"");
    let refused = || script().fails(Code::RequestRefused);
    let provider = scripted(&[
        ("q1", script().answer("yes")),
        ("q2", script().answer("yes")),
        ("q3", refused()),
        ("q4", refused()),
        ("q5", refused()),
        ("sum", script().answer("two and I")),
    ]);
    let events = run(&panel, &provider).await;
    assert_eq!(events.end("sum").1.status, QueryStatus::Succeeded);
    assert_eq!(events.last().1.status, RunOutcome::Failed, "two of five, whatever the sum says");
    let (panel, _) = five("need = 3");
    assert_eq!(run(&panel, &provider).await.last().1.status, RunOutcome::Partial);
}

#[tokio::test(start_paused = true)]
async fn the_grace_stands_still_while_the_run_is_paused() {
    // Paused from 4 s on, during the grace, and from 2 s on, before it.
    for (at, late) in [(4000, 7000), (2500, 6500)] {
        let (panel, provider) = five("need = \"3 of 5\"\ngrace = \"4s\"\n[limits]\nfirst_content = \"60s\"");
        let Begun { job, writer, control, orders, journal, .. } =
            begin(&panel, &pool(vec![Arc::new(provider)], 8)).await;
        let ordering = async {
            tokio::time::sleep(Duration::from_millis(at)).await;
            control.order(Order::Pause).await.unwrap();
            tokio::time::sleep(Duration::from_secs(10)).await;
            control.order(Order::Resume).await.unwrap();
        };
        let (ended, ()) = tokio::join!(drive(job, writer, orders), ordering);
        ended.unwrap();
        check(&Events::of(&journal).await, late + 10_000);
    }
}

#[tokio::test(start_paused = true)]
async fn the_grace_goes_on_in_the_next_process_where_it_was() {
    // Before enough have answered, during the grace, and after it.
    for at in [2500, 6000, 7500] {
        let (panel, provider) = five("need = \"3 of 5\"\ngrace = \"4s\"");
        let cut = super::recovery::cut_pool(&panel, pool(vec![Arc::new(provider)], 8), at).await;
        let events = cut.go_on().await;
        let (ended, end) = events.end("q5");
        assert_eq!(end.status, QueryStatus::Cancelled, "{at}");
        // What was lost is asked again: `q3`, which takes its 3 s once more from the last event on, at 2 s.
        let expected = if at == 2500 { 2000 + 3000 + 4000 } else { 7000 };
        assert!((expected..expected + 20).contains(&ended), "{at}: {ended}");
        assert_eq!(events.end("sum").1.status, QueryStatus::Succeeded, "{at}");
    }
}
