//! Orders to a run under way.

use super::*;
use crate::engine::Done;
use crate::engine::Order;
use crate::engine::Refused;

/// Gives orders at their times and waits for the end; what became of them.
async fn with_orders(
    panel: &Arc<Panel>,
    provider: &Scripted,
    places: usize,
    orders: &[(u64, Order)],
) -> (Events, Vec<Result<Done, Refused>>) {
    let begun = begin(panel, &pool(vec![Arc::new(provider.clone())], places)).await;
    let (control, began) = (begun.control.clone(), Instant::now());
    let giving = async {
        let mut done = Vec::new();
        for (at, order) in orders {
            sleep_until(began + Duration::from_millis(*at)).await;
            done.push(control.order(order.clone()).await);
        }
        done
    };
    tokio::join!(begun.run(), giving)
}

fn cancel(query: &str) -> Order {
    Order::CancelQuery(query.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_starts_nothing_and_its_limit_stands_still() {
    let provider = scripted(&[
        ("q1", script().answer("one").after(1000)),
        ("q2", script().answer("two").after(1000)),
        ("q3", script().answer("three").after(1000)),
    ]);
    let head = "[limits]\noverall = \"5s\"\nper_query = \"5s\"\nfirst_content = \"5s\"";
    // One place: q2 and q3 stand in the queue while the run is paused.
    let orders = [(500, Order::Pause), (600, Order::Pause), (20_000, Order::Resume), (20_100, Order::Resume)];
    let (events, done) = with_orders(&queries(3, head), &provider, 1, &orders).await;
    assert_eq!(done, [Ok(Done::Now), Ok(Done::Already), Ok(Done::Now), Ok(Done::Already)]);
    assert_eq!(events.starts(), [(0, "q1"), (20_000, "q2"), (21_000, "q3")]);
    assert_eq!(events.end("q1").0, 1000, "what is being asked is let be");
    assert_eq!((events.last().0, events.last().1.status), (22_000, RunOutcome::Completed));
    let held: Vec<_> = events.0.iter().filter(|event| event.body.name().starts_with("run_")).collect();
    let held: Vec<_> = held.iter().map(|event| (event.stamp.elapsed_ms, event.body.name())).collect();
    // The last two waited for the one place.
    let told = [(0, "run_started"), (500, "run_paused"), (20_000, "run_resumed"), (22_000, "run_warning")];
    assert_eq!(held, told);
}

#[tokio::test(start_paused = true)]
async fn the_limit_goes_on_where_it_stood() {
    let provider = scripted(&[("q1", script().answer("one").after(100)), ("q2", script().hangs())]);
    let toml = "[limits]\noverall = \"5s\"\nper_query = \"5s\"\nfirst_content = \"5s\"\n\
                [[query]]\nid = \"q1\"\nprompt = \"p.md\"\n\
                [[query]]\nid = \"q2\"\nprompt = \"p.md\"\nneeds = [\"q1\"]\n";
    let orders = [(50, Order::Pause), (60_000, Order::Resume)];
    let (events, _) = with_orders(&panel(toml), &provider, 8, &orders).await;
    assert_eq!(events.starts(), [(0, "q1"), (60_000, "q2")]);
    assert_eq!(events.last().0, 60_000 + 5000 - 50);
    assert_eq!(events.end("q2").1.error.as_ref().unwrap().code, Code::RunTimeout);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_resumes_ends_after_a_day() {
    let provider = scripted(&[("q1", script().answer("one").after(100)), ("q2", script().answer("two"))]);
    let begun = begin(&queries(2, ""), &pool(vec![Arc::new(provider.clone())], 1)).await;
    let control = begun.control.clone();
    let (events, done) = tokio::join!(begun.run(), control.order(Order::Pause));
    assert_eq!(done, Ok(Done::Now));
    assert_eq!(events.last().0, 24 * 60 * 60 * 1000);
    assert_eq!((events.last().1.status, provider.calls()), (RunOutcome::Partial, 1));
}

#[tokio::test(start_paused = true)]
async fn finishing_keeps_what_is_there() {
    let provider = scripted(&[
        ("q1", script().answer("one").after(100)),
        ("q2", script().hangs()),
        ("q3", script().answer("three").after(300)),
    ]);
    let orders = [(50, Order::Finish), (200, Order::Finish)];
    let (events, done) = with_orders(&queries(3, "[merge]\nneed = 1"), &provider, 8, &orders).await;
    assert_eq!(done, [Err(Refused::NothingSucceeded), Ok(Done::Now)]);
    let (at, last) = events.last();
    assert_eq!((at, last.status), (200, RunOutcome::Partial));
    assert_eq!(events.end("q2").1.status, QueryStatus::Cancelled);
    assert_eq!(last.result.as_ref().unwrap()["answers"]["q1"], "one");
    assert_eq!(provider.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_query_is_cancelled_and_what_needs_it_is_skipped() {
    let provider = scripted(&[
        ("q1", script().hangs()),
        ("q2", script().answer("two").after(1000)),
        ("q3", script().answer("three")),
    ]);
    let toml = "[merge]\nneed = 1\n[[query]]\nid = \"q1\"\nprompt = \"p.md\"\n\
                [[query]]\nid = \"q2\"\nprompt = \"p.md\"\n\
                [[query]]\nid = \"q3\"\nprompt = \"p.md\"\nneeds = [\"q1\"]\n";
    let orders = [(100, cancel("q1")), (200, cancel("q1")), (300, cancel("q9"))];
    let (events, done) = with_orders(&panel(toml), &provider, 1, &orders).await;
    assert_eq!(done, [Ok(Done::Now), Ok(Done::Already), Err(Refused::UnknownQuery)]);
    assert_eq!(events.starts(), [(0, "q1"), (100, "q2")], "its place is free at once");
    assert_eq!((events.end("q1").0, events.end("q1").1.status), (100, QueryStatus::Cancelled));
    assert_eq!(events.end("q3").1.status, QueryStatus::Skipped);
    assert_eq!((events.last().0, events.last().1.status), (1100, RunOutcome::Partial));
    assert_eq!((provider.open(), provider.calls()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn an_ended_run_obeys_nobody() {
    let provider = scripted(&[("q1", script().answer("one").after(100))]);
    let orders = [(200, Order::Pause), (200, Order::Finish), (200, cancel("q1"))];
    let (_, done) = with_orders(&queries(1, ""), &provider, 8, &orders).await;
    assert_eq!(done, [Err(Refused::Over); 3]);
}

/// On a clock that runs and with threads that race; a paused clock would always let the same one win.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_races_the_end_a_thousand_times_leaves_one_terminal_event() {
    let mut ends = [0, 0];
    for round in 0..20 {
        let provider = scripted(&[("q1", script().answer("one").after(4))]);
        let pool = pool(vec![Arc::new(provider)], 1000);
        let panel = queries(1, "");
        let mut racing = JoinSet::new();
        for n in 0..50 {
            let begun = begin(&panel, &pool).await;
            let control = begun.control.clone();
            racing.spawn(async move {
                let cancelling = async {
                    // Around the moment at which the answer is there, and twice the time in all.
                    tokio::time::sleep(Duration::from_micros(160 * ((n + round) % 50))).await;
                    control.cancel(CancelReason::Client);
                };
                let (events, ()) = tokio::join!(begun.run(), cancelling);
                // `check` has counted the terminal events.
                events.last().1.status
            });
        }
        while let Some(status) = racing.join_next().await {
            ends[usize::from(status.unwrap() == RunOutcome::Cancelled)] += 1;
        }
    }
    assert_eq!(ends[0] + ends[1], 1000);
    assert!(ends.iter().all(|count| *count > 50), "both win sometimes: {ends:?}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_of_a_stopping_server_rests_when_its_queries_have_ended() {
    let provider = scripted(&[("q1", script().answer("one").after(1000)), ("q2", script().answer("two"))]);
    let toml = "[[query]]\nid = \"q1\"\nprompt = \"p.md\"\n\
                [[query]]\nid = \"q2\"\nprompt = \"p.md\"\nneeds = [\"q1\"]\n";
    for (orders, rests) in [
        (&[(100, Order::Pause), (200, Order::Drain)][..], Some(1000)),
        (&[(100, Order::Drain), (200, Order::Pause)], Some(1000)),
        (&[(100, Order::Pause), (5000, Order::Drain)], Some(5000)),
        (&[(100, Order::Drain)], None),
        (&[(100, Order::Pause), (200, Order::Drain), (300, Order::Resume)], None),
    ] {
        let begun = begin(&panel(toml), &pool(vec![Arc::new(provider.clone())], 8)).await;
        let (control, journal, began) = (begun.control.clone(), begun.journal.clone(), Instant::now());
        let giving = async {
            for (at, order) in orders {
                sleep_until(began + Duration::from_millis(*at)).await;
                let _ = control.order(order.clone()).await;
            }
        };
        let (driven, ()) = tokio::join!(drive(begun.job, begun.writer, begun.orders), giving);
        driven.unwrap();
        let rested = (!journal.head().ended).then(|| began.elapsed().as_millis());
        assert_eq!(rested, rests, "{orders:?}");
    }
}

/// A run that waits for a place that comes after so long, if ever.
async fn entering(head: &str, place: Option<u64>, order: impl AsyncFnOnce(&Control)) -> Events {
    let provider = scripted(&[]).otherwise(script().answer("yes").after(100));
    let begun = begin(&queries(1, head), &pool(vec![Arc::new(provider)], 8)).await;
    let journal = begun.journal.clone();
    let place = async {
        match place {
            Some(0) => {}
            Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            None => std::future::pending().await,
        }
    };
    let entering = enter(begun.job, begun.writer, begun.orders, place);
    let (entered, ()) = tokio::join!(entering, order(&begun.control));
    entered.unwrap();
    Events::of(&journal).await
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_in_time_is_sent_away() {
    let nothing = async |_: &Control| {};
    for (head, place, end, status) in [
        ("", Some(9_000), 9_100, RunOutcome::Completed),
        ("", None, 10_000, RunOutcome::Failed),
        ("[limits]\noverall = \"8s\"\nper_query = \"8s\"", None, 3_000, RunOutcome::Failed),
        ("[limits]\noverall = \"4s\"\nper_query = \"4s\"", None, 0, RunOutcome::Failed),
        ("[limits]\noverall = \"4s\"\nper_query = \"4s\"", Some(0), 100, RunOutcome::Completed),
    ] {
        let events = entering(head, place, nothing).await;
        let (at, last) = events.last();
        assert_eq!((at, last.status), (end, status), "{head} {place:?}");
        let Body::RunStarted(started) = &events.0[0].body else { panic!() };
        assert_eq!((started.queued, events.0[0].stamp.elapsed_ms), (place != Some(0), 0));
        if status == RunOutcome::Failed {
            assert_eq!(last.error.as_ref().unwrap().code, Code::OverloadedHere);
            assert!(events.starts().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_can_be_cancelled_and_is_obeyed_later() {
    let cancel = async |control: &Control| {
        tokio::time::sleep(Duration::from_millis(500)).await;
        control.cancel(CancelReason::Client);
    };
    let events = entering("", None, cancel).await;
    assert_eq!((events.last().0, events.last().1.status), (500, RunOutcome::Cancelled));
    assert!(events.starts().is_empty());
    let pause = async |control: &Control| {
        assert_eq!(control.order(Order::Pause).await, Ok(Done::Now));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(control.order(Order::Resume).await, Ok(Done::Now));
    };
    let events = entering("", Some(1000), pause).await;
    assert_eq!(events.last().1.status, RunOutcome::Completed);
    assert_eq!(events.starts(), [(6000, "q1")], "it is obeyed before anything starts");
}
