//! Endpoints that fail, cool or refuse us, as the runs that ask them see it.

use super::*;

/// A pool of providers that all answer to `models = ["a", "b", ..]`.
fn providers(all: &[&Scripted]) -> Pool {
    pool(all.iter().map(|provider| Arc::new((*provider).clone()) as Arc<dyn Provider>).collect(), 100)
}

fn of(name: &str, script: Script) -> Scripted {
    Scripted::new(name.parse().unwrap()).otherwise(script)
}

fn with_fallback() -> Arc<Panel> {
    panel("[[query]]\nid = \"q1\"\nprompt = \"p.md\"\nmodels = [\"a\", \"b\"]\n")
}

async fn ask(panel: &Arc<Panel>, pool: &Pool) -> Events {
    begin(panel, pool).await.run().await
}

fn provider_of(events: &Events) -> String {
    events.end("q1").1.asked.as_ref().unwrap().provider.clone()
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_keeps_failing_is_passed_over_and_comes_back() {
    let (a, b) = (of("a", script().fails(Code::ProviderError)), of("b", script().answer("yes")));
    let (pool, panel) = (providers(&[&a, &b]), with_fallback());
    for _ in 0..3 {
        assert_eq!(provider_of(&ask(&panel, &pool).await), "b");
    }
    assert_eq!(a.calls(), 5, "two tries a run until five have failed");
    let events = ask(&panel, &pool).await;
    assert_eq!((events.last().0, a.calls()), (0, 5), "it costs no time any more");
    assert!(events.retries().is_empty() && events.starts() == [(0, "q1")]);
    advance(Duration::from_secs(12)).await;
    ask(&panel, &pool).await;
    assert_eq!(a.calls(), 6, "one probe");
    ask(&panel, &pool).await;
    assert_eq!(a.calls(), 6, "it failed");
}

#[tokio::test(start_paused = true)]
async fn when_nobody_is_left_a_query_fails_at_once_and_a_probe_goes_out_now_and_then() {
    let a = of("a", script().fails(Code::ProviderError));
    let (pool, panel) = (providers(&[&a]), queries(1, ""));
    for _ in 0..3 {
        ask(&panel, &pool).await;
    }
    let calls = a.calls();
    let events = ask(&panel, &pool).await;
    let end = events.end("q1").1;
    assert_eq!((events.last().0, end.attempts, a.calls()), (0, 0, calls));
    let failure = end.error.as_ref().unwrap();
    assert_eq!(failure.code, Code::BreakerOpen);
    assert!(failure.message.contains("keeps failing"), "{}", failure.message);
    advance(Duration::from_secs(5)).await;
    ask(&panel, &pool).await;
    ask(&panel, &pool).await;
    assert_eq!(a.calls(), calls + 1, "the last resort");
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_cost_one_call_a_minute() {
    let (a, b) = (of("a", script().fails(Code::CredentialsRefused)), of("b", script().answer("yes")));
    let (pool, panel) = (providers(&[&a, &b]), with_fallback());
    for _ in 0..5 {
        assert_eq!(provider_of(&ask(&panel, &pool).await), "b");
    }
    assert_eq!(a.calls(), 1);
    advance(Duration::from_secs(60)).await;
    ask(&panel, &pool).await;
    ask(&panel, &pool).await;
    assert_eq!(a.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_a_provider_asks_for_holds_for_every_query() {
    let a = scripted(&[
        ("q1", script().fails(Code::RateLimited).retry_after(2000).then_answers("one")),
        ("q2", script().answer("two")),
    ]);
    let pool = providers(&[&a]);
    let other = panel("[[query]]\nid = \"q2\"\nprompt = \"p.md\"\n");
    let second = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        ask(&other, &pool).await
    };
    let first = queries(1, "");
    let (first, second) = tokio::join!(ask(&first, &pool), second);
    assert!((2000..=2210).contains(&first.last().0), "{}", first.last().0);
    assert!((1500..=1520).contains(&second.starts()[0].0), "{:?}", second.starts());
    assert_eq!((second.last().1.status, a.calls()), (RunOutcome::Completed, 3));
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_sends_queries_elsewhere_at_once() {
    let a = of("a", script().fails(Code::RateLimited).retry_after(600_000));
    let b = of("b", script().answer("yes"));
    let (pool, panel) = (providers(&[&a, &b]), with_fallback());
    for _ in 0..5 {
        let events = ask(&panel, &pool).await;
        assert_eq!((events.last().0, provider_of(&events).as_str()), (0, "b"));
    }
    assert_eq!(a.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_cancelled_probes_leave_the_breaker_as_it_was() {
    let a = Scripted::new("a".parse().unwrap()).otherwise(script().hangs());
    let (pool, panel) = (providers(&[&a]), queries(1, "[limits]\nfirst_content = \"1s\""));
    for _ in 0..5 {
        ask(&panel, &pool).await;
    }
    advance(Duration::from_secs(61)).await;
    for _ in 0..100 {
        // At once: the probe before it has given its place back.
        let begun = begin(&panel, &pool).await;
        let (calls, control) = (a.calls(), begun.control.clone());
        let cancelling = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            control.cancel(CancelReason::Client);
        };
        let (events, ()) = tokio::join!(begun.run(), cancelling);
        assert_eq!(events.last().1.status, RunOutcome::Cancelled);
        assert_eq!(a.calls(), calls + 1, "each is allowed");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_answered_with_twice_the_load() {
    let a = of("a", script().fails(Code::ProviderError));
    let pool = providers(&[&a]);
    let panel = queries(1, "");
    join_all((0..100).map(|_| ask(&panel, &pool))).await;
    assert!((100..=125).contains(&a.calls()), "{}", a.calls());
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_not_made_where_the_endpoint_has_closed_meanwhile() {
    let (a, b) = (of("a", script().fails(Code::ProviderError)), of("b", script().answer("yes")));
    let pool = providers(&[&a, &b]);
    let closing = async {
        // No wait is shorter than 50 ms.
        tokio::time::sleep(Duration::from_millis(20)).await;
        pool.group("a").unwrap().endpoints()[0].care().isolate();
    };
    let panel = with_fallback();
    let (events, ()) = tokio::join!(ask(&panel, &pool), closing);
    assert_eq!((provider_of(&events).as_str(), a.calls(), b.calls()), ("b", 1, 1));
    let reasons: Vec<Code> = events.retries().into_iter().map(|(_, code, _)| code).collect();
    assert_eq!(reasons, [Code::ProviderError, Code::BreakerOpen]);
    assert_eq!(events.end("q1").1.attempts, 3, "the second was announced");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_endpoint_that_closes_starts_at_the_fallback() {
    let a = of("a", script().fails(Code::CredentialsRefused).after(100));
    let b = of("b", script().answer("yes").after(100));
    let pool = pool(vec![Arc::new(a.clone()), Arc::new(b.clone())], 1);
    let query = |n| format!("[[query]]\nid = \"q{n}\"\nprompt = \"p.md\"\nmodels = [\"a\", \"b\"]\n");
    let events = ask(&panel(&(1..=2).map(query).collect::<String>()), &pool).await;
    assert_eq!(events.last().1.status, RunOutcome::Completed);
    assert_eq!(
        (events.retries().len(), a.calls(), b.calls()),
        (1, 1, 2),
        "only the first was ever asked there"
    );
    let started = events.0.iter().filter_map(|event| match &event.body {
        Body::QueryStarted(started) => Some(started.provider.as_str()),
        _ => None,
    });
    assert_eq!(started.collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(events.end("q2").1.attempts, 1);
}
