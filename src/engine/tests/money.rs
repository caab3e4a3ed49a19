//! What runs cost, where they stop, and what is left of answers that were cut.

use super::recovery::cut_pool;
use super::*;
use crate::event::Cost;
use crate::event::Usage;
use crate::money::Amount;
use crate::money::Currency;
use crate::money::Price;

/// A panel from its TOML; every prompt is one token.
fn panel(toml: &str) -> Arc<Panel> {
    let schema = r#"{"type":"object","properties":{"a":{},"b":{},"c":{}},"required":["a","b","c"]}"#;
    let file = |path: &str| match path {
        "panel.toml" => Some(format!("title = \"T\"\n{toml}").into_bytes()),
        "p.md" => Some(b"good{% if others %}{% endif %}".to_vec()),
        "s.json" => Some(schema.into()),
        _ => None,
    };
    Arc::new(Panel::parse("test".parse().unwrap(), &file).unwrap())
}

/// Queries `q1`, `q2`, ... that need nothing, below these lines.
fn queries(count: usize, head: &str) -> Arc<Panel> {
    let query = |n| format!("[[query]]\nid = \"q{n}\"\nprompt = \"p.md\"\n");
    panel(&format!("{head}\n{}", (1..=count).map(query).collect::<String>()))
}

/// A token read costs a dollar, one written two.
fn priced(provider: impl Provider, more: &[(&str, &str)]) -> Pool {
    priced_places(provider, more, 1000)
}

fn priced_places(provider: impl Provider, more: &[(&str, &str)], places: usize) -> Pool {
    let amount = |text: &str| text.parse::<Amount>().unwrap();
    let mut group = Group::new(Endpoint::new(Arc::new(provider), places), []);
    group.default_model = Some("m".into());
    for (model, price) in [("m", "2")].iter().chain(more) {
        let price = Price::per(1, [amount("1"), amount(price)], Currency::USD).unwrap();
        group.prices.models.insert((*model).into(), price);
    }
    let mut pool = Pool::default();
    let group = pool.add(group);
    pool.set_default(crate::pool::Target { group, model: "m".into() });
    pool
}

/// The same answers, from somewhere else.
struct Elsewhere(Scripted);

impl Provider for Elsewhere {
    fn name(&self) -> &ProviderName {
        self.0.name()
    }

    fn place(&self) -> Place {
        Place::Remote { host: "llm.example".into() }
    }

    fn ask(&self, call: Call) -> Chunks {
        self.0.ask(call)
    }
}

fn plan(panel: &Arc<Panel>, pool: &Pool, cap: &str, defaults: &Defaults) -> Result<Job, CannotRun> {
    let mut ask = Ask::new("x");
    ask.options.max_cost = (!cap.is_empty()).then(|| cap.parse().unwrap());
    Job::plan(&Offer::new(panel.as_ref().clone()).unwrap(), Arc::new(ask), pool, defaults)
}

async fn capped(panel: &Arc<Panel>, pool: &Pool, cap: &str) -> Events {
    let job = plan(panel, pool, cap, &Defaults::default()).unwrap();
    Begun { job, ..begin(panel, pool).await }.run().await
}

fn dollars(cost: Option<Cost>) -> Option<(String, bool)> {
    cost.map(|cost| (cost.amount.to_string(), cost.complete))
}

fn known(amount: &str) -> Option<(String, bool)> {
    Some((amount.into(), true))
}

fn used(usage: Option<Usage>) -> Option<(u64, u64)> {
    usage.map(|usage| (usage.input_tokens, usage.output_tokens))
}

fn code(end: &QueryCompleted) -> Code {
    end.error.as_ref().unwrap().code
}

#[tokio::test(start_paused = true)]
async fn every_attempt_that_was_billed_is_in_the_sum() {
    let provider = scripted(&[
        // Half of 16 code points come, then the connection breaks: 2 tokens; then a whole answer of one.
        ("q1", script().cuts("sixteen letters!").over(100).then_answers("four")),
        ("q2", script().fails(Code::RateLimited).then_answers("four")),
        ("q3", script().hangs()),
    ]);
    let head = "[limits]\nfirst_content = \"2s\"";
    let events = capped(&queries(3, head), &priced(provider, &[]), "").await;
    let of = |query: &str| {
        let end = events.end(query).1;
        (used(end.usage), dollars(end.cost))
    };
    assert_eq!(of("q1"), (Some((2, 3)), known("8.00")));
    assert_eq!(of("q2"), (Some((1, 1)), known("3.00")), "what was throttled was not billed");
    assert_eq!(of("q3"), (Some((1, 0)), known("1.00")), "its prompt was read, for all we know");
    let last = events.last().1;
    assert_eq!(dollars(last.performance.cost), known("12.00"));
    assert_eq!(last.performance.tokens_total, 8);
    let retry = events.0.iter().find_map(|event| match &event.body {
        Body::QueryRetrying(retry) if retry.query.as_str() == "q1" => Some((retry.usage, retry.cost)),
        _ => None,
    });
    let refused = scripted(&[("q1", script().fails(Code::CredentialsRefused))]);
    let events = capped(&queries(1, ""), &priced(refused, &[]), "").await;
    assert_eq!((events.end("q1").1.usage, events.last().1.performance.cost), (None, None));
    assert_eq!(retry.map(|(usage, cost)| (used(usage), dollars(cost))), Some((Some((1, 2)), known("5.00"))));
}

#[tokio::test(start_paused = true)]
async fn a_model_without_a_price_makes_the_sum_incomplete() {
    let answers = Scripted::new("a".parse().unwrap()).otherwise(script().answer("four"));
    let panel = panel(
        "[[query]]\nid = \"q1\"\nprompt = \"p.md\"\n\
         [[query]]\nid = \"q2\"\nprompt = \"p.md\"\nmodels = [\"a/other\"]\n",
    );
    let events = capped(&panel, &priced(Elsewhere(answers.clone()), &[]), "9 USD").await;
    assert_eq!(dollars(events.end("q1").1.cost), known("3.00"));
    assert_eq!((used(events.end("q2").1.usage), events.end("q2").1.cost), (Some((1, 1)), None));
    assert_eq!(dollars(events.last().1.performance.cost), Some(("3.00".into(), false)));
    assert!(events.last().1.warnings.iter().any(|warning| warning["code"] == "price_unknown"));
    let events = capped(&panel, &priced(answers, &[]), "").await;
    assert_eq!(dollars(events.last().1.performance.cost), known("3.00"), "what is here costs nothing");
}

#[tokio::test(start_paused = true)]
async fn a_cap_in_another_currency_or_without_any_price_is_refused() {
    let answers = Scripted::new("a".parse().unwrap()).otherwise(script().answer("four"));
    let panel = queries(1, "");
    let refused = |pool: &Pool, cap| match plan(&panel, pool, cap, &Defaults::default()) {
        Err(CannotRun::Faults(faults)) => {
            assert_eq!(faults[0].pointer, "/options/max_cost");
            faults[0].detail.clone()
        }
        other => panic!("{:?}", other.map(|job| job.budget)),
    };
    assert!(refused(&priced(answers.clone(), &[]), "1 EUR").contains("in USD, not in EUR"));
    let unknown = pool(vec![Arc::new(Elsewhere(answers.clone()))], 8);
    assert!(refused(&unknown, "1 USD").contains("no model of this run has a price"));
    let own = Defaults { max_cost: "0.50 USD".parse().ok(), ..Defaults::default() };
    for (cap, most) in [("", "0.50"), ("2 USD", "0.50"), ("0.1 USD", "0.10")] {
        let job = plan(&panel, &priced(answers.clone(), &[]), cap, &own).unwrap();
        assert_eq!(job.budget.cap.unwrap().to_string(), most, "the lower of both");
    }
}

#[tokio::test(start_paused = true)]
async fn what_exceeds_the_cap_is_ended_in_the_middle_and_what_is_free_goes_on() {
    let long = "word ".repeat(100);
    let provider = scripted(&[
        ("q1", script().answer(&long).over(10_000)),
        ("q2", script().answer("free").over(9000).after(9000)),
        ("q3", script().answer("four").after(100)),
    ]);
    let toml = "[merge]\nneed = 1\n[[query]]\nid = \"q1\"\nprompt = \"p.md\"\n\
                [[query]]\nid = \"q2\"\nprompt = \"p.md\"\nmodels = [\"a/free\"]\n\
                [[query]]\nid = \"q3\"\nprompt = \"p.md\"\n";
    let events = capped(&panel(toml), &priced(provider.clone(), &[]), "50 USD").await;
    let (at, end) = events.end("q1");
    assert!((1000..5000).contains(&at), "{at}");
    assert_eq!((end.status, code(end)), (QueryStatus::Failed, Code::CostLimit));
    assert_eq!(end.error.as_ref().unwrap().message, "The cap of USD 50.00 per run is reached.");
    let spent = events.last().1.performance.cost.unwrap();
    // A piece has 24 letters, six tokens of two dollars.
    assert!(spent.amount > "50".parse().unwrap() && spent.amount <= "62".parse().unwrap(), "{spent:?}");
    assert!(spent.estimated && spent.complete);
    assert_eq!(events.end("q2").1.status, QueryStatus::Succeeded);
    assert_eq!(
        (events.end("q3").1.status, events.last().1.status),
        (QueryStatus::Succeeded, RunOutcome::Partial)
    );
    assert_eq!(provider.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_call_begins_that_could_exceed_the_cap() {
    let provider = scripted(&[
        ("q1", script().answer("four").after(1000)),
        ("q2", script().answer("four").after(1000)),
        ("q3", script().answer("four")),
    ]);
    let query = |id: &str, needs: &str| {
        format!("[[query]]\nid = \"{id}\"\nprompt = \"p.md\"\nmax_tokens = 10\nneeds = [{needs}]\n")
    };
    let all = format!("{}{}{}", query("q1", ""), query("q2", ""), query("q3", "\"q1\""));
    // Each may cost 21: the second has no room beside the first, the third when the first has cost 3.
    let events = capped(&panel(&all), &priced(provider.clone(), &[]), "24 USD").await;
    let end = events.end("q2").1;
    assert_eq!((events.end("q2").0, code(end), end.attempts, end.usage), (0, Code::CostLimit, 0, None));
    assert!(events.starts().iter().all(|(_, query)| *query != "q2"), "it never started");
    assert_eq!(events.end("q3").1.status, QueryStatus::Succeeded);
    assert_eq!((provider.calls(), dollars(events.last().1.performance.cost)), (2, known("6.00")));
    let events = capped(&panel(&all), &priced(provider, &[]), "20 USD").await;
    assert_eq!(
        (events.last().1.status, events.last().1.error.as_ref().unwrap().code),
        (RunOutcome::Failed, Code::CostLimit)
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_needs_room_when_it_has_one() {
    let provider = Scripted::new("a".parse().unwrap()).otherwise(script().answer("four").after(100));
    let query = |n| format!("[[query]]\nid = \"q{n}\"\nprompt = \"p.md\"\nmax_tokens = 10\n");
    let panel = panel(&format!("[merge]\nneed = 1\n{}", (1..=3).map(query).collect::<String>()));
    let pool = priced_places(provider.clone(), &[], 1);
    // Each may cost 21 and costs 3: the third would begin at 6.
    let events = capped(&panel, &pool, "26 USD").await;
    assert_eq!(events.starts(), [(0, "q1"), (100, "q2")]);
    assert_eq!((events.end("q3").0, code(events.end("q3").1)), (200, Code::CostLimit));
    assert_eq!((provider.calls(), dollars(events.last().1.performance.cost)), (2, known("6.00")));
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_needs_room_as_well() {
    let provider = scripted(&[("q1", script().cuts("sixteen letters!").then_answers("four"))]);
    let toml = "[[query]]\nid = \"q1\"\nprompt = \"p.md\"\nmax_tokens = 10\n";
    let events = capped(&panel(toml), &priced(provider.clone(), &[]), "25 USD").await;
    let end = events.end("q1").1;
    assert_eq!((code(end), end.attempts, provider.calls()), (Code::CostLimit, 1, 1));
    assert_eq!(dollars(end.cost), known("5.00"));
    let events = capped(&panel(toml), &priced(provider, &[]), "26 USD").await;
    assert_eq!(events.end("q1").1.status, QueryStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn what_was_spent_before_a_crash_counts_on() {
    let provider = scripted(&[
        ("q1", script().answer("four").after(100)),
        ("q2", script().fails(Code::EmptyAnswer).then_answers(&"word ".repeat(20)).over(2000)),
    ]);
    let cut = cut_pool(&queries(2, ""), priced(provider, &[]), 1500).await;
    let before = cut.store.read(&cut.run, 0, 1000).await.unwrap();
    let shown: u64 = before
        .iter()
        .filter_map(|entry| match entry.read().unwrap().body {
            Body::QueryDelta(delta) if delta.query.as_str() == "q2" => {
                Some(delta.text.chars().count() as u64)
            }
            _ => None,
        })
        .sum();
    assert!(shown > 0);
    let events = cut.go_on().await;
    let end = events.end("q2").1;
    // Three prompts: one answered with nothing, one lost with what was shown, one answered whole.
    assert_eq!((end.attempts, used(end.usage)), (3, Some((3, shown.div_ceil(4) + 25))));
    let all = 3 + 3 + 2 * (shown.div_ceil(4) + 25);
    assert_eq!(dollars(events.last().1.performance.cost), known(&format!("{all}.00")));
}

/// A query whose answer has parts.
fn parts(head: &str) -> Arc<Panel> {
    panel(&format!(
        "{head}\n[[query]]\nid = \"q1\"\nprompt = \"p.md\"\noutput = \"s.json\"\n\
         [[query]]\nid = \"q2\"\nprompt = \"p.md\"\nneeds = [\"q1\"]\n"
    ))
}

const ANSWER: &str = r#"{"a": [1, 2], "b": "text", "c": "this part is longer than all the others before"}"#;

#[tokio::test(start_paused = true)]
async fn the_complete_parts_of_a_cut_answer_are_kept_and_used_by_nobody() {
    let short = r#"{"a": 1, "b": "this is never complete, however long one waits"}"#;
    let rows = [
        ("", script().cuts(ANSWER).cuts(short), Code::CutMidAnswer),
        ("", script().cuts(short).cuts(ANSWER), Code::CutMidAnswer),
        ("[limits]\nidle = \"2s\"", script().stalls(ANSWER), Code::Timeout),
        ("[limits]\nper_query = \"3s\"\nfirst_content = \"3s\"", script().stalls(ANSWER), Code::Timeout),
        (
            "[limits]\nper_query = \"3s\"\noverall = \"3s\"\nfirst_content = \"3s\"",
            script().stalls(ANSWER),
            Code::Timeout,
        ),
    ];
    for (head, script, why) in rows {
        let events = run(&parts(head), &scripted(&[("q1", script)])).await;
        let end = events.end("q1").1;
        assert_eq!((end.status, code(end), &end.result), (QueryStatus::Failed, why, &None), "{head}");
        let kept = end.partial_result.clone().map(serde_json::Value::Object);
        assert_eq!(kept, Some(json!({"a": [1, 2], "b": "text"})), "{head}");
        assert_eq!(end.warnings[0].code, "partial_result");
        assert_eq!(code(events.end("q2").1), Code::DependencyFailed);
        let last = events.last().1;
        assert_eq!((last.status, last.performance.queries_successful), (RunOutcome::Failed, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_leaves_no_parts() {
    let rows = [
        (script().cuts(ANSWER).then_answers(ANSWER), QueryStatus::Succeeded),
        (script().answer("{\"a\": 1}").answer("{\"a\": 1}"), QueryStatus::Failed),
        (script().fails(Code::ContentRefused), QueryStatus::Failed),
        (script().cuts("prose without any part, cut in the middle"), QueryStatus::Failed),
    ];
    for (script, status) in rows {
        let events =
            run(&parts(""), &scripted(&[("q1", script), ("q2", self::script().answer("yes"))])).await;
        let end = events.end("q1").1;
        assert_eq!((end.status, &end.partial_result), (status, &None));
        assert!(end.warnings.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn who_needs_others_is_left_its_time() {
    let toml = |rest: &str| {
        format!(
            "[limits]\nfirst_content = \"200s\"\nper_query = \"200s\"\noverall = \"200s\"\n\
             [merge]\nneed = 1\n[[query]]\nid = \"q1\"\nprompt = \"p.md\"\n\
             [[query]]\nid = \"q2\"\nprompt = \"p.md\"\n{rest}"
        )
    };
    let provider =
        scripted(&[("q1", script().hangs()), ("q2", script().hangs()), ("q3", script().answer("x"))]);
    let needs = |model: &str| {
        panel(&toml(&format!(
            "[[query]]\nid = \"q3\"\nprompt = \"p.md\"\nneeds = [\"q1\"]\nmodels = [{model}]\n"
        )))
    };
    let events = run(&needs("\"a\""), &provider).await;
    // 200 s less the 30 s of q3 and the second to finalize.
    assert_eq!((events.end("q1").0, timed_out(events.end("q1").1)), (169_000, (Clock::Query, 169_000)));
    assert_eq!(code(events.end("q2").1), Code::RunTimeout, "nobody waits for it");
    let Body::RunStarted(started) = &events.0[0].body else { panic!() };
    let told: Vec<u64> = started.queries.iter().map(|planned| planned.timeout_ms).collect();
    assert_eq!(told, [169_000, 200_000, 200_000]);
    let none = Defaults { stage_reserve: Duration::ZERO, ..Defaults::default() };
    let job = plan(&needs("\"a\""), &pool(vec![Arc::new(provider.clone())], 8), "", &none).unwrap();
    assert_eq!(job.queries[0].limit, Duration::from_secs(200), "switched off");
    let mut with_rules = pool(vec![Arc::new(provider)], 8);
    let mut rules = Group::new(Endpoint::new(Arc::new(crate::provider::rules::Rules::default()), 8), []);
    rules.default_model = Some("rules".into());
    with_rules.add(rules);
    let job = plan(&needs("\"rules\""), &with_rules, "", &Defaults::default()).unwrap();
    assert_eq!(job.queries[0].limit, Duration::from_secs(200), "the rules need no time");
}
