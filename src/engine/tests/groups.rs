//! Providers with several endpoints, and what the configuration says of them.

use super::*;
use crate::backoff::Backoff;
use crate::backoff::Retries;
use crate::breaker;

/// One endpoint `a.1`, `a.2`, ... for each of these, with so many calls at once.
fn group(endpoints: &[&Scripted], max_in_flight: usize) -> Group {
    let mut endpoints = endpoints.iter().zip(1..).map(|(provider, n)| {
        Endpoint::new(Arc::new((*provider).clone()), max_in_flight).named(format!("a.{n}"))
    });
    Group::new(endpoints.next().unwrap(), endpoints.collect::<Vec<_>>())
}

fn pool_of(mut group: Group) -> Pool {
    let mut pool = Pool::default();
    group.default_model = Some("m".into());
    let group = pool.add(group);
    pool.set_default(crate::pool::Target { group, model: "m".into() });
    pool
}

fn of(script: Script) -> Scripted {
    Scripted::new("a".parse().unwrap()).otherwise(script)
}

fn calls<const N: usize>(providers: [&Scripted; N]) -> [usize; N] {
    providers.map(Scripted::calls)
}

async fn ask(panel: &Arc<Panel>, pool: &Pool) -> Events {
    begin(panel, pool).await.run().await
}

/// What each retry was for: its code, and the endpoint that failed.
fn reasons(events: &Events) -> Vec<(Code, Option<&str>)> {
    let reason = |event: &'_ Event| matches!(event.body, Body::QueryRetrying(_));
    let retries = events.0.iter().filter(|event| reason(event));
    retries
        .map(|event| match &event.body {
            Body::QueryRetrying(retry) => (retry.reason.code, retry.reason.endpoint.as_deref()),
            _ => unreachable!(),
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn queries_are_spread_over_a_providers_endpoints() {
    let [a, b, c] = [(); 3].map(|()| of(script().answer("yes").after(100)));
    let pool = pool_of(group(&[&a, &b, &c], 8));
    ask(&queries(6, ""), &pool).await;
    assert_eq!(calls([&a, &b, &c]), [2, 2, 2]);
    ask(&queries(4, ""), &pool).await;
    assert_eq!(calls([&a, &b, &c]), [4, 3, 3], "the next run goes on where this one stopped");
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_goes_to_another_endpoint_at_once() {
    for code in [Code::ProviderError, Code::RateLimited, Code::CredentialsRefused, Code::NoCredit] {
        let (bad, good) = (of(script().fails(code)), of(script().answer("yes")));
        let events = ask(&queries(1, ""), &pool_of(group(&[&bad, &good], 8))).await;
        assert_eq!((events.last().0, events.last().1.status), (0, RunOutcome::Completed), "{code:?}");
        assert_eq!((reasons(&events), calls([&bad, &good])), (vec![(code, Some("a.1"))], [1, 1]));
        assert_eq!(events.end("q1").1.asked.as_ref().unwrap().provider, "a");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_endpoint_is_left_for_another_one() {
    let (bad, good) = (of(script().hangs()), of(script().answer("yes")));
    let panel = queries(1, "[limits]\nfirst_content = \"2s\"");
    let events = ask(&panel, &pool_of(group(&[&bad, &good], 8))).await;
    assert_eq!((events.last().0, events.last().1.status), (2000, RunOutcome::Completed));
    assert_eq!(reasons(&events), [(Code::Timeout, Some("a.1"))]);
}

#[tokio::test(start_paused = true)]
async fn while_one_endpoint_is_down_the_others_share_and_nothing_is_lost() {
    let down = of(script().fails(Code::ConnectFailed));
    let [b, c] = [(); 2].map(|()| of(script().answer("yes").after(100)));
    let pool = pool_of(group(&[&down, &b, &c], 100));
    let panel = queries(30, "");
    for _ in 0..3 {
        assert_eq!(ask(&panel, &pool).await.last().1.status, RunOutcome::Completed);
    }
    assert_eq!(down.calls(), 10, "a third of the first run, and nothing after that");
    assert_eq!(b.calls() + c.calls(), 90);
    assert!(b.calls().abs_diff(c.calls()) <= 2, "{:?}", calls([&b, &c]));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_endpoint_that_closes_waits_for_another_one() {
    let down = of(script().fails(Code::CredentialsRefused).after(100));
    let good = of(script().answer("yes").after(100));
    let events = ask(&queries(6, ""), &pool_of(group(&[&down, &good], 1))).await;
    assert_eq!(events.last().1.status, RunOutcome::Completed);
    assert_eq!((calls([&down, &good]), events.last().0), ([1, 6], 600));
    assert_eq!(reasons(&events).len(), 1, "only one of them was ever asked there");
}

#[tokio::test(start_paused = true)]
async fn when_all_endpoints_fail_each_is_tried_and_the_first_failure_is_told() {
    let [a, b, c] = [(); 3].map(|()| of(script().fails(Code::ProviderError)));
    let events = ask(&queries(1, ""), &pool_of(group(&[&a, &b, &c], 8))).await;
    let end = events.end("q1").1;
    assert_eq!((end.attempts, calls([&a, &b, &c])), (2, [1, 0, 1]));
    let failure = end.error.as_ref().unwrap();
    assert_eq!((failure.code, failure.endpoint.as_deref()), (Code::ProviderError, Some("a.1")));
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_asked_as_often_as_the_configuration_says() {
    let waits = Backoff { base: Duration::from_millis(80), max: Duration::from_millis(80) };
    for (attempts, retries) in [(1, 0), (3, 2), (4, 3)] {
        let a = of(script().fails(Code::ProviderError));
        let mut group = Group::new(
            Endpoint::new(Arc::new(a.clone()), 8)
                .with_breaker(breaker::Settings { in_a_row: 100, ..breaker::Settings::default() }),
            [],
        );
        group.retries = Retries { attempts, waits };
        let events = ask(&queries(1, ""), &pool_of(group)).await;
        assert_eq!((a.calls(), events.retries().len()), (retries + 1, retries));
        assert!(
            events.retries().iter().all(|(_, _, delay)| (50..=80).contains(delay)),
            "{:?}",
            events.retries()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_and_rests_as_the_configuration_says() {
    let a = of(script().fails(Code::ProviderError).fails(Code::ProviderError).then_answers("yes"));
    let settings = breaker::Settings { in_a_row: 2, open_for: Some(Duration::from_secs(100)) };
    let group = Group::new(Endpoint::new(Arc::new(a.clone()), 8).with_breaker(settings), []);
    let (pool, panel) = (pool_of(group), queries(1, ""));
    ask(&panel, &pool).await;
    assert_eq!(a.calls(), 2);
    // A fifth of its time either way is chance; a last resort would be a probe.
    advance(Duration::from_millis(4900)).await;
    assert_eq!(ask(&panel, &pool).await.end("q1").1.error.as_ref().unwrap().code, Code::BreakerOpen);
    advance(Duration::from_secs(121)).await;
    ask(&panel, &pool).await;
    assert_eq!(a.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn calls_that_must_keep_their_distance_wait_in_the_queue() {
    let a = of(script().answer("yes").after(100));
    let interval = Duration::from_millis(500);
    let group = Group::new(Endpoint::new(Arc::new(a), 8).with_interval(interval), []);
    let events = ask(&queries(4, ""), &pool_of(group)).await;
    assert_eq!(events.starts(), [(0, "q1"), (500, "q2"), (1000, "q3"), (1500, "q4")]);
    let queued = events.0.iter().filter_map(|event| match &event.body {
        Body::QueryProgress(progress) if progress.phase == Phase::Queued => progress.ahead,
        _ => None,
    });
    assert_eq!(queued.collect::<Vec<_>>(), [0, 1, 2]);
    let waited = events.0.iter().filter_map(|event| match &event.body {
        Body::QueryStarted(started) => Some(started.queued_ms),
        _ => None,
    });
    assert_eq!(waited.collect::<Vec<_>>(), [0, 500, 1000, 1500]);
}

/// What a run says of providers that answer one after another.
fn serial(events: &Events) -> Vec<String> {
    let told = events.last().1.warnings.iter().filter(|warning| warning["code"] == "one_after_another");
    told.map(|warning| warning["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_answers_one_after_another_is_told_of_in_a_sentence() {
    let a = of(script().answer("yes").after(1000));
    let one = Group::new(Endpoint::new(Arc::new(a.clone()), 1), []);
    let events = ask(&queries(3, ""), &pool_of(one)).await;
    let sentence =
        "a answered its 3 queries one after another, in 3.0 s (speed-up 1.0). Its max_in_flight is 1.";
    assert_eq!(serial(&events), [sentence]);
    let warned = events.0.iter().filter(|event| matches!(&event.body, Body::RunWarning(_)));
    assert_eq!(warned.count(), 1);
    for places in [2, 8] {
        let several = Group::new(Endpoint::new(Arc::new(a.clone()), places), []);
        assert!(serial(&ask(&queries(3, ""), &pool_of(several)).await).is_empty(), "{places}");
    }
    let in_turn = group(&[&a, &a, &a], 1);
    assert!(serial(&ask(&queries(3, ""), &pool_of(in_turn)).await).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_takes_all_calls_and_works_on_one_is_found_out() {
    let answer = |wait| script().answer(&"word ".repeat(100)).after(wait).over(2000);
    let serial_one = scripted(&[("q1", answer(100)), ("q2", answer(2100)), ("q3", answer(4100))]);
    let events = run(&queries(3, ""), &serial_one).await;
    assert_eq!(events.starts(), [(0, "q1"), (0, "q2"), (0, "q3")]);
    assert_eq!(serial(&events), ["a answered its 3 queries one after another, in 6.1 s (speed-up 1.0)."]);
    let parallel = scripted(&[("q1", answer(100)), ("q2", answer(300)), ("q3", answer(4100))]);
    assert!(serial(&run(&queries(3, ""), &parallel).await).is_empty());
    let chain = "[[query]]\nid = \"q1\"\nprompt = \"p.md\"\n[[query]]\nid = \"q2\"\nprompt = \"p.md\"\nneeds = [\"q1\"]\n";
    assert!(serial(&run(&panel(chain), &serial_one).await).is_empty(), "it was told to");
}
