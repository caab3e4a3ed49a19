//! Runs in this process, with scripted providers on a clock that stands still until all wait.
//!
//! So every time below is exact: a limit of 2 s ends a query at 2000 ms.

use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use tokio::time::advance;

use super::clocks::Defaults;
use super::*;
use crate::ask::Ask;
use crate::event::CancelReason;
use crate::event::Event;
use crate::event::FinalResult;
use crate::event::Phase;
use crate::event::QueryCompleted;
use crate::event::RunOutcome;
use crate::failure::Clock;
use crate::id::ProviderName;
use crate::id::QueryName;
use crate::journal::Journal;
use crate::panel::Panel;
use crate::pool::Endpoint;
use crate::pool::Group;
use crate::pool::Pool;
use crate::provider::Call;
use crate::provider::Chunks;
use crate::provider::Place;
use crate::provider::Provider;
use crate::provider::scripted::Script;
use crate::provider::scripted::Scripted;
use crate::provider::scripted::script;
use crate::store::Memory;
use crate::store::Sqlite;
use crate::store::Store;
use crate::store::conformance;
use crate::store::sqlite::Keep;
use crate::store::sqlite::OnCorrupt;

const PROMPT: &str = "{{ question }}{% for need, answer in answers|items %}\n{{ answer }}{% endfor %}";

/// A panel from its TOML; every prompt is the question, and what it needs.
fn panel(toml: &str) -> Arc<Panel> {
    let file = |path: &str| match path {
        "panel.toml" => Some(format!("title = \"T\"\n{toml}").into_bytes()),
        "p.md" => Some(PROMPT.into()),
        _ => None,
    };
    Arc::new(Panel::parse("test".parse().unwrap(), &file).unwrap())
}

/// Queries `q1`, `q2`, ... that need nothing, below these lines.
fn queries(count: usize, head: &str) -> Arc<Panel> {
    let query = |n| format!("[[query]]\nid = \"q{n}\"\nprompt = \"p.md\"\n");
    panel(&format!("{head}\n{}", (1..=count).map(query).collect::<String>()))
}

/// A provider `a` with one script a query.
fn scripted(scripts: &[(&str, Script)]) -> Scripted {
    let provider = Scripted::new("a".parse().unwrap());
    scripts.iter().fold(provider, |provider, (query, script)| {
        provider.with("test".parse().unwrap(), query.parse().unwrap(), script.clone())
    })
}

/// The default is the first; each takes so many calls at once.
fn pool(providers: Vec<Arc<dyn Provider>>, max_in_flight: usize) -> Pool {
    let mut pool = Pool::default();
    for provider in providers.into_iter().rev() {
        let mut group = Group::new(Endpoint::new(provider, max_in_flight), []);
        group.default_model = Some("m".into());
        let group = pool.add(group);
        pool.set_default(crate::pool::Target { group, model: "m".into() });
    }
    pool
}

/// A run that has not begun.
struct Begun {
    job: Job,
    writer: Writer,
    control: Control,
    orders: Orders,
    journal: Journal,
    store: Arc<Memory>,
}

async fn begin(panel: &Arc<Panel>, pool: &Pool) -> Begun {
    begin_asking(panel, pool, "x").await
}

async fn begin_asking(panel: &Arc<Panel>, pool: &Pool, question: &str) -> Begun {
    let ask = Arc::new(Ask::new(question));
    let offer = Offer::new(panel.as_ref().clone()).unwrap();
    let job = Job::plan(&offer, ask, pool, &Defaults::default()).unwrap();
    let store = Arc::new(Memory::default());
    let lease = conformance::begin(&*store, None).await;
    let (unwritten, journal) = Journal::open(lease.run.clone(), Arc::clone(&store) as Arc<dyn Store>, 0);
    let writer = unwritten.begin(lease, false, Duration::ZERO);
    let (control, orders) = Control::open();
    Begun { job, writer, control, orders, journal, store }
}

impl Begun {
    async fn run(self) -> Events {
        drive(self.job, self.writer, self.orders).await.unwrap();
        Events::of(&self.journal).await
    }
}

async fn run(panel: &Arc<Panel>, provider: &Scripted) -> Events {
    begin(panel, &pool(vec![Arc::new(provider.clone())], 1000)).await.run().await
}

/// A whole journal.
struct Events(Vec<Event>);

impl Events {
    async fn of(journal: &Journal) -> Events {
        let mut events = Vec::new();
        while let Ok(page) = journal.page(events.len() as u64).await
            && !page.is_empty()
        {
            events.extend(page.iter().map(|entry| entry.read().unwrap()));
        }
        let events = Events(events);
        events.check();
        events
    }

    /// What is always true.
    fn check(&self) {
        assert!(self.0.iter().map(|event| event.stamp.seq).eq(1..=self.0.len() as u64));
        let Body::RunStarted(started) = &self.0[0].body else { panic!("{:?}", self.0[0]) };
        for planned in &started.queries {
            let ends = self.ends().filter(|(_, end)| end.query == planned.query);
            assert_eq!(ends.count(), 1, "{}", planned.query);
        }
        let finals = self.0.iter().filter(|event| matches!(event.body, Body::FinalResult(_)));
        assert_eq!(finals.count(), 1);
        self.last();
        for planned in &started.queries {
            self.check_course(&planned.query);
            self.check_attempts(&planned.query);
        }
    }

    /// The start announces the first attempt, a retry the next one; the last may not have come to be.
    fn check_attempts(&self, query: &QueryName) {
        let mut announced = 0;
        for event in &self.0 {
            match &event.body {
                Body::QueryStarted(started) if started.query == *query => announced += 1,
                Body::QueryRetrying(retry) if retry.query == *query => {
                    assert!(announced > 0, "asked again before it was asked: {event:?}");
                    announced += 1;
                    assert_eq!(retry.attempt, announced, "{event:?}");
                }
                Body::QueryCompleted(end) if end.query == *query && !end.carried_over => {
                    let unmade = u32::from(end.status != QueryStatus::Succeeded && announced > 0);
                    assert!(
                        (announced - unmade..=announced).contains(&end.attempts),
                        "{announced}: {event:?}"
                    );
                }
                _ => {}
            }
        }
    }

    /// Progress never falls, and each attempt's text begins at its beginning.
    fn check_course(&self, query: &QueryName) {
        let (mut progress, mut text) = (0, (0, 0));
        for event in &self.0 {
            match &event.body {
                Body::QueryProgress(told) if told.query == *query => {
                    assert!(told.progress >= progress, "{event:?} after {progress}");
                    progress = told.progress;
                }
                Body::QueryDelta(delta) if delta.query == *query => {
                    let offset = if text.0 == delta.attempt { text.1 } else { 0 };
                    assert_eq!(delta.offset, offset, "{event:?}");
                    text = (delta.attempt, offset + delta.text.chars().count() as u64);
                }
                _ => {}
            }
        }
    }

    fn ends(&self) -> impl Iterator<Item = (u64, &QueryCompleted)> {
        self.0.iter().filter_map(|event| match &event.body {
            Body::QueryCompleted(end) => Some((event.stamp.elapsed_ms, &**end)),
            _ => None,
        })
    }

    /// How a query ended, and when.
    fn end(&self, query: &str) -> (u64, &QueryCompleted) {
        self.ends().find(|(_, end)| end.query.as_str() == query).unwrap()
    }

    fn last(&self) -> (u64, &FinalResult) {
        let last = self.0.last().unwrap();
        match &last.body {
            Body::FinalResult(result) => (last.stamp.elapsed_ms, result),
            other => panic!("{other:?}"),
        }
    }

    /// When queries started, in the order of their starts.
    fn starts(&self) -> Vec<(u64, &str)> {
        let start = |event: &'_ Event| matches!(event.body, Body::QueryStarted(_));
        let named = self.0.iter().filter(|event| start(event)).map(|event| match &event.body {
            Body::QueryStarted(started) => (event.stamp.elapsed_ms, started.query.as_str()),
            _ => unreachable!(),
        });
        named.collect()
    }

    fn retries(&self) -> Vec<(u64, Code, u64)> {
        let retry = |event: &Event| match &event.body {
            Body::QueryRetrying(retry) => Some((event.stamp.elapsed_ms, retry.reason.code, retry.delay_ms)),
            _ => None,
        };
        self.0.iter().filter_map(retry).collect()
    }
}

/// A clock that ran out, and its limit in milliseconds.
fn timed_out(end: &QueryCompleted) -> (Clock, u64) {
    let failure = end.error.as_ref().unwrap();
    assert_eq!(failure.code, Code::Timeout, "{failure:?}");
    (failure.which.unwrap(), failure.limit_ms.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_slow_query_holds_nobody_back() {
    let provider =
        scripted(&[("q1", script().answer("slow").after(600)), ("q2", script().answer("fast").after(300))]);
    let events = run(&queries(2, ""), &provider).await;
    let ends: Vec<_> = events.ends().map(|(at, end)| (at, end.query.as_str(), end.time_ms)).collect();
    assert_eq!(ends, [(300, "q2", 300), (600, "q1", 600)]);
    let (at, last) = events.last();
    assert_eq!((at, last.status), (600, RunOutcome::Completed));
    assert_eq!(last.performance.total_time_ms, 600);
    assert_eq!(last.performance.parallel_efficiency, 150.0);
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_queries_start_together() {
    let provider = Scripted::new("a".parse().unwrap()).otherwise(script().answer("yes").after(1000));
    let pool = pool(vec![Arc::new(provider.clone())], 1000);
    let panel = queries(50, "");
    let runs = join_all((0..4).map(|_| begin(&panel, &pool))).await;
    let all = join_all(runs.into_iter().map(Begun::run)).await;
    for events in &all {
        let starts = events.starts();
        assert_eq!(starts.len(), 50);
        assert!(starts.iter().all(|(at, _)| *at == 0));
        assert!(events.ends().all(|(at, end)| at == 1000 && end.status == QueryStatus::Succeeded));
    }
    assert_eq!(provider.calls(), 200);
}

#[tokio::test(start_paused = true)]
async fn the_runs_limit_ends_what_is_open_started_or_not() {
    let provider = scripted(&[
        ("q1", script().answer("in time").after(500)),
        ("q2", script().hangs()),
        ("q3", script().answer("never asked")),
    ]);
    let head = "[limits]\nper_query = \"10s\"\noverall = \"10s\"";
    let begun = begin(&queries(3, head), &pool(vec![Arc::new(provider.clone())], 1)).await;
    let events = begun.run().await;
    assert_eq!(events.end("q1").1.status, QueryStatus::Succeeded);
    let mut codes = Vec::new();
    for query in ["q2", "q3"] {
        let (at, end) = events.end(query);
        codes.push(end.error.as_ref().unwrap().code);
        assert_eq!((at, end.status), (10_000, QueryStatus::Failed));
    }
    assert_eq!(codes, [Code::RunTimeout, Code::RunTimeout]);
    assert_eq!(events.end("q3").1.attempts, 0);
    assert_eq!((events.last().0, events.last().1.status), (10_000, RunOutcome::Partial));
    assert_eq!(provider.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_clock_ends_its_query_alone_and_exactly() {
    let long = "word ".repeat(400);
    let rows = [
        ("first_content = \"2s\"", script().hangs(), Clock::FirstContent, 2000, 2000),
        ("idle = \"3s\"", script().stalls("one two three four").after(1000), Clock::Idle, 3000, 4000),
        (
            "per_query = \"5s\"\nfirst_content = \"5s\"",
            script().answer(&long).over(100_000),
            Clock::Query,
            5000,
            5000,
        ),
    ];
    for (limits, script_of_q1, which, limit, at) in rows {
        let provider = scripted(&[("q1", script_of_q1), ("q2", script().answer("yes").after(100))]);
        let events = run(&queries(2, &format!("[limits]\n{limits}")), &provider).await;
        let (ended, end) = events.end("q1");
        assert_eq!((ended, end.status, end.attempts), (at, QueryStatus::Failed, 1), "{limits}");
        assert_eq!(timed_out(end), (which, limit));
        assert_eq!(events.end("q2").1.status, QueryStatus::Succeeded);
        assert_eq!(events.last().1.status, RunOutcome::Partial);
        assert_eq!(provider.open(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_stream_that_keeps_talking_is_left_alone() {
    let long = "word ".repeat(400);
    let provider = scripted(&[("q1", script().answer(&long).over(50_000))]);
    let events = run(&queries(1, "[limits]\nidle = \"1s\"\nfirst_content = \"1s\""), &provider).await;
    assert_eq!(events.end("q1").0, 50_000);
    assert_eq!(events.last().1.status, RunOutcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_twice_and_its_text_discarded() {
    let provider =
        scripted(&[("q1", script().cuts("CUT text that is lost").over(200).then_answers("whole"))]);
    let events = run(&queries(1, ""), &provider).await;
    let [(_, code, delay)] = events.retries()[..] else { panic!("{:?}", events.0) };
    assert_eq!(code, Code::CutMidAnswer);
    assert!((50..=1000).contains(&delay), "{delay}");
    let end = events.end("q1").1;
    assert_eq!((end.attempts, end.result.as_ref().unwrap().as_str()), (2, Some("whole")));
    let discarded = events.0.iter().find_map(|event| match &event.body {
        Body::QueryRetrying(retry) => Some(retry.discarded),
        _ => None,
    });
    assert_eq!(discarded, Some("CUT text that is lost".chars().count().div_ceil(2) as u64));
    let always = scripted(&[("q1", script().fails(Code::ProviderError))]);
    let events = run(&queries(1, ""), &always).await;
    assert_eq!((always.calls(), events.end("q1").1.attempts), (2, 2));
    assert_eq!(events.last().1.status, RunOutcome::Failed);
}

#[tokio::test(start_paused = true)]
async fn no_wait_is_begun_that_does_not_fit() {
    let asks =
        |ms| scripted(&[("q1", script().fails(Code::RateLimited).retry_after(ms).then_answers("yes"))]);
    let provider = asks(2000);
    let events = run(&queries(1, ""), &provider).await;
    let (at, _, delay) = events.retries()[0];
    assert!(at == 0 && (2000..=2200).contains(&delay), "{delay}");
    // Delays are told in whole milliseconds; the clock goes on in them.
    assert!((delay..=delay + 2).contains(&events.end("q1").0), "the wait is all it took");
    for (limits, wait) in [("", 6000), ("[limits]\nper_query = \"6s\"\nfirst_content = \"6s\"", 2000)] {
        let provider = asks(wait);
        let events = run(&queries(1, limits), &provider).await;
        assert_eq!((events.end("q1").0, provider.calls()), (0, 1), "{limits} {wait}");
    }
    let provider = scripted(&[("q1", script().fails(Code::ProviderError))]);
    let events = run(&queries(1, "[limits]\nper_query = \"1s\"\nfirst_content = \"1s\""), &provider).await;
    assert_eq!((events.end("q1").0, provider.calls()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn four_attempts_are_the_most_and_the_first_reason_is_told() {
    let failing = |name: &str, code| Scripted::new(name.parse().unwrap()).otherwise(script().fails(code));
    let providers =
        [failing("a", Code::Overloaded), failing("b", Code::ProviderError), failing("c", Code::EmptyAnswer)];
    let pool =
        pool(providers.iter().map(|provider| Arc::new(provider.clone()) as Arc<dyn Provider>).collect(), 8);
    let panel = panel("[[query]]\nid = \"q1\"\nprompt = \"p.md\"\nmodels = [\"a\", \"b\", \"c\"]\n");
    let events = begin(&panel, &pool).await.run().await;
    assert_eq!(providers.map(|provider| provider.calls()), [2, 2, 0]);
    let end = events.end("q1").1;
    assert_eq!((end.attempts, end.error.as_ref().unwrap().code), (4, Code::Overloaded));
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_ten_times_a_second_at_most_and_not_lost() {
    let provider = scripted(&[(
        "q1",
        script().fails(Code::InvalidOutput).then_answers("x").after(5000).chunk(1).over(100),
    )]);
    let head = "[limits]\nper_query = \"60s\"";
    let text = "a word ".repeat(500);
    let busy = scripted(&[("q1", script().answer(&text).chunk(10).over(3000))]);
    for provider in [provider, busy] {
        let events = run(&queries(1, head), &provider).await;
        let told: Vec<u64> = events
            .0
            .iter()
            .filter(|event| matches!(event.body, Body::QueryProgress(_)))
            .map(|event| event.stamp.elapsed_ms)
            .collect();
        assert!(told.windows(11).all(|eleven| eleven[10] - eleven[0] >= 1000), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn dependents_start_when_the_last_need_is_there() {
    let provider = scripted(&[
        ("q1", script().answer("one").after(100)),
        ("q2", script().answer("two").after(250)),
        ("q3", script().answer("three").after(50)),
    ]);
    let panel = panel(
        "[[query]]\nid = \"q3\"\nprompt = \"p.md\"\nneeds = [\"q1\", \"q2\"]\n[[query]]\nid = \"q1\"\nprompt = \"p.md\"\n\
         [[query]]\nid = \"q2\"\nprompt = \"p.md\"\n",
    );
    let events = run(&panel, &provider).await;
    assert_eq!(events.starts(), [(0, "q1"), (0, "q2"), (250, "q3")]);
    assert_eq!(events.end("q3").1.time_ms, 50, "its time begins when it is ready");
    assert_eq!(events.last().0, 300);
}

#[tokio::test(start_paused = true)]
async fn places_are_given_back_and_waiting_counts_as_time() {
    let provider = Scripted::new("a".parse().unwrap()).otherwise(script().answer("yes").after(100));
    let events = begin(&queries(3, ""), &pool(vec![Arc::new(provider)], 1)).await.run().await;
    let mut starts: Vec<u64> = events.starts().into_iter().map(|(at, _)| at).collect();
    starts.sort();
    assert_eq!(starts, [0, 100, 200]);
    let mut times: Vec<u64> = events.ends().map(|(_, end)| end.time_ms).collect();
    times.sort();
    assert_eq!(times, [100, 200, 300]);
    let queued = |event: &&Event| matches!(&event.body, Body::QueryProgress(progress) if progress.phase == Phase::Queued);
    assert_eq!(events.0.iter().filter(queued).count(), 2);
}

/// Notes how far the journal was when it was asked.
struct Noting(Scripted, std::sync::OnceLock<Journal>, std::sync::Mutex<Vec<(QueryName, u32, u64)>>);

impl Provider for Noting {
    fn name(&self) -> &ProviderName {
        self.0.name()
    }

    fn place(&self) -> Place {
        Place::Simulated
    }

    fn ask(&self, call: Call) -> Chunks {
        let head = self.1.get().unwrap().head().seq;
        self.2.lock().unwrap().push((call.query.clone(), call.attempt, head));
        self.0.ask(call)
    }
}

/// On disk and in real time, so that writing takes a while.
#[tokio::test]
async fn no_call_is_made_before_its_announcement_is_written() {
    let scripts = [
        ("q1", script().answer("yes").after(100)),
        ("q2", script().fails(Code::ProviderError).then_answers("yes").after(50)),
        ("q3", script().answer("yes").after(50)),
    ];
    let provider = Arc::new(Noting(scripted(&scripts), Default::default(), Default::default()));
    let dir = std::env::temp_dir().join(format!("askstream-leave-{:016x}", rand::random::<u64>()));
    let store = Arc::new(Sqlite::open(&dir, Keep::default(), OnCorrupt::Salvage).unwrap());
    let lease = conformance::begin(&*store, None).await;
    let (unwritten, journal) = Journal::open(lease.run.clone(), store, 0);
    let writer = unwritten.begin(lease, false, Duration::ZERO);
    assert!(provider.1.set(journal.clone()).is_ok());
    let pool = pool(vec![Arc::clone(&provider) as Arc<dyn Provider>], 1);
    let begun = Begun { writer, journal, ..begin(&queries(3, ""), &pool).await };
    let events = begun.run().await;
    std::fs::remove_dir_all(dir).unwrap();
    let announced = |query: &QueryName, attempt: u32| {
        let announces = |event: &&Event| match &event.body {
            Body::QueryStarted(started) => attempt == 1 && started.query == *query,
            Body::QueryRetrying(retrying) => retrying.attempt == attempt && retrying.query == *query,
            _ => false,
        };
        events.0.iter().find(announces).unwrap().stamp.seq
    };
    let calls = provider.2.lock().unwrap().clone();
    assert_eq!(calls.len(), 4);
    for (query, attempt, head) in calls {
        assert!(announced(&query, attempt) <= head, "{query} {attempt}: written were {head} events");
    }
}

/// Panics when it is asked for `q1`.
struct Panics(ProviderName, Scripted);

impl Provider for Panics {
    fn name(&self) -> &ProviderName {
        &self.0
    }

    fn place(&self) -> Place {
        Place::Simulated
    }

    fn ask(&self, call: Call) -> Chunks {
        match call.query.as_str() {
            "q1" => stream::poll_fn(|_| panic!("as the test wants it")).boxed(),
            _ => self.1.ask(call),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_provider_fails_only_its_query() {
    let others = Scripted::new("a".parse().unwrap()).otherwise(script().answer("yes").after(200));
    let provider = Arc::new(Panics("a".parse().unwrap(), others));
    let events = begin(&queries(3, ""), &pool(vec![provider], 8)).await.run().await;
    let (at, end) = events.end("q1");
    assert_eq!((at, end.status), (0, QueryStatus::Failed));
    assert_eq!(end.error.as_ref().unwrap().code, Code::Interrupted);
    assert!(!end.error.as_ref().unwrap().message.contains("as the test wants it"));
    assert_eq!(events.end("q3").1.status, QueryStatus::Succeeded);
    assert_eq!((events.last().0, events.last().1.status), (200, RunOutcome::Partial));
}

/// Cancels a run when `when` has passed; everything must then be over at once.
async fn cancelled_after(provider: &Scripted, when: Duration) -> Events {
    let Begun { job, writer, control, orders, journal, .. } =
        begin(&queries(1, ""), &pool(vec![Arc::new(provider.clone())], 8)).await;
    let driving = drive(job, writer, orders);
    tokio::pin!(driving);
    let began = Instant::now();
    tokio::select! {
        ended = &mut driving => panic!("{ended:?}"),
        () = sleep_until(began + when) => {}
    }
    control.cancel(CancelReason::Client);
    control.cancel(CancelReason::Shutdown);
    driving.await.unwrap();
    assert_eq!(began.elapsed(), when, "no time passes between the cancel and the end");
    assert_eq!(provider.open(), 0, "the provider's stream is gone");
    let events = Events::of(&journal).await;
    let (_, last) = events.last();
    assert_eq!((last.status, last.reason), (RunOutcome::Cancelled, Some(CancelReason::Client)));
    assert_eq!(events.end("q1").1.error.as_ref().unwrap().code, Code::Cancelled);
    events
}

#[tokio::test(start_paused = true)]
async fn a_cancel_ends_every_phase_at_once() {
    let waiting = scripted(&[("q1", script().hangs())]);
    cancelled_after(&waiting, Duration::from_secs(7)).await;
    let streaming = scripted(&[("q1", script().answer(&"word ".repeat(100)).over(10_000))]);
    cancelled_after(&streaming, Duration::from_millis(4321)).await;
    let between =
        scripted(&[("q1", script().fails(Code::RateLimited).retry_after(4000).then_answers("late"))]);
    let events = cancelled_after(&between, Duration::from_secs(2)).await;
    assert_eq!((between.calls(), events.end("q1").1.attempts), (1, 1));
    let at_once = scripted(&[("q1", script().hangs())]);
    cancelled_after(&at_once, Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_polls_asks_nobody() {
    let provider = scripted(&[("q1", script().answer("yes"))]);
    let begun = begin(&queries(1, ""), &pool(vec![Arc::new(provider.clone())], 8)).await;
    let driving = drive(begun.job, begun.writer, begun.orders);
    advance(Duration::from_secs(60)).await;
    assert_eq!(provider.calls(), 0);
    assert!(driving.boxed().await.is_ok());
    assert_eq!(provider.calls(), 1);
}

mod answers;
mod conditions;
mod control;
mod gaps;
mod groups;
mod health;
mod modes;
mod money;
mod quorum;
mod recovery;
mod trials;
