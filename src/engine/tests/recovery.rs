//! Runs that go on in another process, cut off at any moment.

use super::*;
use crate::engine::Loss;
use crate::engine::Order;
use crate::engine::Past;
use crate::engine::Recovery;
use crate::engine::Verdict;
use crate::engine::conclude;
use crate::engine::give_up;
use crate::engine::go_on;
use crate::event::QueryRetrying;
use crate::knowledge::Knowledge;
use crate::store::Claim;

/// A run whose process died.
pub struct Cut {
    panel: Arc<Panel>,
    pool: Pool,
    pub store: Arc<Memory>,
    pub run: crate::id::RunId,
}

/// What the next process finds.
struct Taken {
    job: Job,
    writer: Writer,
    orders: Orders,
    past: Past,
    journal: Journal,
}

/// Drives a run and drops everything when `at` milliseconds have passed.
async fn cut(panel: &Arc<Panel>, provider: &Scripted, at: u64) -> Cut {
    cut_pool(panel, pool(vec![Arc::new(provider.clone())], 8), at).await
}

/// The same with any pool.
pub async fn cut_pool(panel: &Arc<Panel>, pool: Pool, at: u64) -> Cut {
    let begun = begin(panel, &pool).await;
    cut_begun(panel, pool, begun, at).await
}

async fn cut_begun(panel: &Arc<Panel>, pool: Pool, begun: Begun, at: u64) -> Cut {
    let Begun { job, writer, orders, store, journal, control: _control } = begun;
    let driving = drive(job, writer, orders);
    let _ = tokio::time::timeout(Duration::from_millis(at), driving).await;
    store.lose_holders();
    Cut { panel: Arc::clone(panel), pool, store, run: journal.run().clone() }
}

impl Cut {
    async fn take_over(&self) -> Taken {
        let past = Past::read(&*self.store, &self.run).await.unwrap();
        let Claim { lease, .. } = self.store.claim(&self.run).await.unwrap();
        let offer = Offer::new(self.panel.as_ref().clone()).unwrap();
        let mut job = Job::plan(&offer, Arc::new(Ask::new("x")), &self.pool, &Defaults::default()).unwrap();
        assert!(past.started.as_ref().is_none_or(|started| job.hold_to(started)));
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        let (unwritten, journal) = Journal::open(self.run.clone(), store, past.seq);
        let writer = unwritten.begin(lease, false, past.elapsed);
        let (control, orders) = Control::open();
        // A run whose controls are all gone is not cancelled by that.
        drop(control);
        Taken { job, writer, orders, past, journal }
    }

    pub async fn go_on(&self) -> Events {
        let Taken { job, writer, orders, past, journal } = self.take_over().await;
        go_on(job, writer, past, (Recovery::default(), orders)).await.unwrap();
        Events::of(&journal).await
    }
}

fn interruptions(events: &Events) -> Vec<&QueryRetrying> {
    let retrying = |event: &'_ Event| matches!(&event.body, Body::QueryRetrying(retry) if retry.reason.code == Code::Interrupted);
    let of = events.0.iter().filter(|event| retrying(event)).map(|event| match &event.body {
        Body::QueryRetrying(retry) => retry,
        _ => unreachable!(),
    });
    of.collect()
}

#[tokio::test(start_paused = true)]
async fn what_ended_is_not_asked_again_and_what_was_open_is_asked_once() {
    let provider = scripted(&[
        ("q1", script().answer("one").after(100)),
        ("q2", script().answer("a long answer in pieces").chunk(4).over(2000)),
    ]);
    let cut = cut(&queries(2, ""), &provider, 1500).await;
    assert_eq!(provider.calls(), 2);
    let events = cut.go_on().await;
    assert_eq!(provider.calls(), 3, "only q2 was asked again");
    let [lost] = interruptions(&events)[..] else { panic!("{:?}", events.0) };
    assert_eq!((lost.query.as_str(), lost.attempt), ("q2", 2));
    assert!(lost.discarded > 0, "the text that was shown is taken back");
    let end = events.end("q2").1;
    assert_eq!((end.attempts, end.recovered), (2, true));
    assert_eq!(end.result.as_ref().unwrap(), "a long answer in pieces");
    assert!(!events.end("q1").1.recovered);
    assert_eq!(events.last().1.status, RunOutcome::Completed);
    let offsets: Vec<u64> = events
        .0
        .iter()
        .filter_map(|event| match &event.body {
            Body::QueryDelta(delta) if delta.attempt == 2 => Some(delta.offset),
            _ => None,
        })
        .collect();
    assert_eq!(offsets.first(), Some(&0), "the second attempt begins at its own beginning");
}

#[tokio::test(start_paused = true)]
async fn a_run_may_be_cut_at_any_event() {
    let toml = "[[query]]\nid = \"q1\"\nprompt = \"p.md\"\n[[query]]\nid = \"q2\"\nprompt = \"p.md\"\n\
                [[query]]\nid = \"q3\"\nprompt = \"p.md\"\nneeds = [\"q1\", \"q2\"]\n";
    let panel = panel(toml);
    for at in (0..1600).step_by(20) {
        let provider = scripted(&[
            ("q1", script().fails(Code::ProviderError).then_answers("one")),
            ("q2", script().answer("two in some pieces").chunk(4).over(400)),
            ("q3", script().answer("three in some pieces").chunk(4).over(200)),
        ]);
        let cut = cut(&panel, &provider, at).await;
        let before = cut.store.read(&cut.run, 0, 1000).await.unwrap();
        if before.last().is_some_and(crate::event::Entry::is_final) {
            continue;
        }
        let events = cut.go_on().await;
        let after = cut.store.read(&cut.run, 0, 1000).await.unwrap();
        assert!(before.iter().zip(&after).all(|(a, b)| a.block() == b.block()), "cut at {at}");
        assert_eq!(events.last().1.status, RunOutcome::Completed, "cut at {at}");
        for query in ["q1", "q2", "q3"] {
            let mut begun = events.starts().into_iter().filter(|(_, name)| *name == query);
            assert!(begun.next().is_some() && begun.next().is_none(), "{query} cut at {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn time_that_was_used_up_stays_used_up() {
    let provider = scripted(&[("q1", script().hangs())]);
    let head = "[limits]\nper_query = \"10s\"\nfirst_content = \"10s\"\noverall = \"20s\"";
    let cut = cut(&queries(1, head), &provider, 9000).await;
    // Nothing was written after the first moment: that is all the journal knows.
    let events = cut.go_on().await;
    assert_eq!(timed_out(events.end("q1").1), (Clock::FirstContent, 10_000));
    let slow = scripted(&[("q1", script().answer(&"word ".repeat(60)).over(60_000))]);
    let cut = self::cut(&queries(1, head), &slow, 9000).await;
    let events = cut.go_on().await;
    let (at, end) = events.end("q1");
    assert_eq!(timed_out(end), (Clock::Query, 10_000));
    assert!((9_900..=10_100).contains(&at), "{at}");
    assert_eq!(end.time_ms, at);
}

/// A query tells its phases and, five times a second, its progress; a process that dies again and again makes it
/// tell them anew.
#[tokio::test(start_paused = true)]
async fn progress_is_told_ten_times_a_second_also_over_a_restart() {
    let provider = scripted(&[("q1", script().answer(&"word ".repeat(400)).chunk(5).over(4000))]);
    let cut = cut(&queries(1, ""), &provider, 950).await;
    for _ in 0..2 {
        let Taken { job, writer, orders, past, .. } = cut.take_over().await;
        let going_on = go_on(job, writer, past, (Recovery::default(), orders));
        let _ = tokio::time::timeout(Duration::from_millis(30), going_on).await;
        cut.store.lose_holders();
    }
    let events = cut.go_on().await;
    let is_progress = |event: &&Event| matches!(event.body, Body::QueryProgress(_));
    let times: Vec<u64> = events.0.iter().filter(is_progress).map(|event| event.stamp.elapsed_ms).collect();
    assert!(times.len() > 20, "{times:?}");
    for eleven in times.windows(11) {
        assert!(eleven[10] - eleven[0] >= 1000, "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_stays_paused() {
    let provider = scripted(&[("q1", script().answer("one").after(100)), ("q2", script().answer("two"))]);
    let pool = pool(vec![Arc::new(provider.clone())], 1);
    let panel = queries(2, "");
    let Begun { job, writer, orders, store, journal, control } = begin(&panel, &pool).await;
    let driving = async {
        let _ = tokio::time::timeout(Duration::from_millis(500), drive(job, writer, orders)).await;
    };
    let (_, paused) = tokio::join!(driving, control.order(Order::Pause));
    assert!(paused.is_ok());
    store.lose_holders();
    let cut = Cut { panel, pool, store, run: journal.run().clone() };
    let Taken { job, writer, past, journal, .. } = cut.take_over().await;
    assert!(past.is_paused());
    let (control, orders) = Control::open();
    let going = go_on(job, writer, past, (Recovery::default(), orders));
    let resuming = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(provider.calls(), 1);
        control.order(Order::Resume).await
    };
    let (gone, resumed) = tokio::join!(going, resuming);
    assert!(gone.is_ok() && resumed.is_ok());
    assert_eq!(Events::of(&journal).await.last().1.status, RunOutcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_stands_down_goes_on_in_the_next_process() {
    let provider = scripted(&[("q1", script().answer("one").after(1000))]);
    let pool = pool(vec![Arc::new(provider.clone())], 8);
    let panel = queries(1, "");
    let begun = begin(&panel, &pool).await;
    let (control, store, run) =
        (begun.control.clone(), Arc::clone(&begun.store), begun.journal.run().clone());
    let giving = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let _ = control.order(Order::StandDown).await;
        assert_eq!(provider.open(), 0);
    };
    let (driven, ()) = tokio::join!(drive(begun.job, begun.writer, begun.orders), giving);
    driven.unwrap();
    assert_eq!(store.orphans().await.unwrap(), std::slice::from_ref(&run));
    let events = Cut { panel, pool, store, run }.go_on().await;
    assert_eq!((events.last().1.status, provider.calls()), (RunOutcome::Completed, 2));
}

#[tokio::test(start_paused = true)]
async fn who_must_not_go_on_ends_with_what_is_there() {
    let scripts = [("q1", script().answer("one").after(100)), ("q2", script().hangs())];
    for crashes in [1, 4] {
        let provider = scripted(&scripts);
        let cut = cut(&queries(2, "[merge]\nneed = 1"), &provider, 1000).await;
        let Taken { job, writer, past, journal, .. } = cut.take_over().await;
        let late = past.at.unwrap() + jiff::SignedDuration::from_mins(11);
        let verdict = Recovery::default().verdict(&past, crashes, job.limit, late);
        let (status, code) = match verdict {
            Verdict::Conclude => {
                conclude(job, writer, past).await.unwrap();
                (RunOutcome::Partial, Code::Interrupted)
            }
            Verdict::GiveUp => {
                give_up(cut.panel.name.clone(), writer, past, Loss::Poison).await.unwrap();
                (RunOutcome::Failed, Code::PoisonRun)
            }
            Verdict::GoOn => panic!("it must not go on"),
        };
        let events = Events::of(&journal).await;
        assert_eq!(events.last().1.status, status);
        assert_eq!(events.end("q2").1.error.as_ref().unwrap().code, code);
        assert_eq!(events.end("q1").1.status, QueryStatus::Succeeded);
        assert_eq!(provider.calls(), 2, "nobody is asked again");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_be_billed_twice_is_not_asked_again_if_so_configured() {
    let provider =
        scripted(&[("q1", script().answer("one").after(100)), ("q2", script().answer("two").after(900))]);
    let cut = cut(&queries(2, "[merge]\nneed = 1"), &provider, 500).await;
    let Taken { job, writer, orders, past, journal } = cut.take_over().await;
    let recovery = Recovery { asks_again: false, ..Recovery::default() };
    go_on(job, writer, past, (recovery, orders)).await.unwrap();
    let events = Events::of(&journal).await;
    assert_eq!(events.end("q2").1.error.as_ref().unwrap().code, Code::Interrupted);
    assert_eq!((events.last().1.status, provider.calls()), (RunOutcome::Partial, 2));
}

#[test]
fn a_run_is_judged_by_its_journal_and_the_clock() {
    let at = jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(500_000);
    let mut past = Past::default();
    (past.at, past.elapsed) = (Some(at), Duration::from_secs(50));
    let minutes = |n| at + jiff::SignedDuration::from_mins(n);
    let limit = Duration::from_secs(120);
    let verdict = |crashes, limit, now| Recovery::default().verdict(&past, crashes, limit, now);
    assert_eq!(verdict(1, limit, minutes(9)), Verdict::GoOn);
    assert_eq!(verdict(3, limit, minutes(9)), Verdict::GoOn);
    assert_eq!(verdict(4, limit, minutes(9)), Verdict::GiveUp);
    assert_eq!(verdict(1, limit, minutes(11)), Verdict::Conclude);
    assert_eq!(verdict(1, limit, minutes(-60)), Verdict::GoOn, "a clock that went back says nothing");
    assert_eq!(verdict(1, Duration::from_secs(50), minutes(1)), Verdict::Conclude, "its time is used up");
}

#[tokio::test(start_paused = true)]
async fn a_search_that_failed_is_told_once_and_not_made_again_for_the_rest() {
    let provider = scripted(&[("q1", script().answer("one").after(2000))]);
    let (panel, pool) = (queries(1, "[retrieval]"), pool(vec![Arc::new(provider.clone())], 8));
    let mut begun = begin(&panel, &pool).await;
    begun.job.knowledge = Knowledge::new("nowhere".as_ref(), Some("nowhere".into()));
    let cut = cut_begun(&panel, pool, begun, 1000).await;
    // The next process could search, and would find nothing.
    let events = cut.go_on().await;
    let count = |is: fn(&Body) -> bool| events.0.iter().filter(|event| is(&event.body)).count();
    let failed = |body: &Body| matches!(body, Body::RunWarning(warning) if warning.code == "rag_failed");
    assert_eq!(count(failed), 1, "{:?}", events.0);
    assert_eq!(count(|body| matches!(body, Body::PassagesFound(_))), 0);
    assert_eq!(events.last().1.status, RunOutcome::Completed);
}
