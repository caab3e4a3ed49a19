//! Many runs against providers that fail at random or for a while: what a service must stand, in numbers.
//!
//! The clock stands still while anything can be done, so minutes of load take a moment. What a provider does
//! follows from a seed, the question and the attempt, never from the order of the calls. The seed is always the
//! same, and another one each time with `ASKSTREAM_LONG`; a failing trial tells it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Mutex;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::sleep;

use super::*;
use crate::provider::Chunk;

/// What a call meets.
enum Meets {
    Plays(Script),
    /// Nothing, not even a connection.
    NoConnection,
    /// Signs of life and no word.
    SignsOfLife,
}

impl From<Script> for Meets {
    fn from(script: Script) -> Meets {
        Meets::Plays(script)
    }
}

type Decide = Box<dyn Fn(&Call) -> Meets + Send + Sync>;

/// A provider that decides about each call when it comes, and remembers which query of which run made it.
struct Deciding {
    name: ProviderName,
    decide: Decide,
    calls: Mutex<Vec<(Instant, String)>>,
}

impl Deciding {
    fn new(name: &str, decide: impl Fn(&Call) -> Meets + Send + Sync + 'static) -> Arc<Deciding> {
        let (name, decide) = (name.parse().unwrap(), Box::new(decide));
        Arc::new(Deciding { name, decide, calls: Mutex::default() })
    }

    /// Calls so far, and how many of them were the first of their runs.
    fn calls(&self) -> (usize, usize) {
        let calls = self.calls.lock().unwrap();
        let runs: BTreeSet<_> = calls.iter().map(|(_, run)| run).collect();
        (calls.len(), runs.len())
    }

    fn calls_between(&self, from: Instant, to: Instant) -> usize {
        self.calls.lock().unwrap().iter().filter(|(at, _)| (from..to).contains(at)).count()
    }
}

impl Provider for Deciding {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn place(&self) -> Place {
        Place::Simulated
    }

    fn ask(&self, call: Call) -> Chunks {
        self.calls.lock().unwrap().push((Instant::now(), question(&call)));
        match (self.decide)(&call) {
            Meets::Plays(script) => Scripted::new(self.name.clone()).otherwise(script).ask(call),
            Meets::NoConnection => stream::pending().boxed(),
            Meets::SignsOfLife => {
                let alive = stream::repeat(Chunk::Alive).then(|chunk| async {
                    sleep(Duration::from_millis(100)).await;
                    Ok(chunk)
                });
                stream::iter([Ok(Chunk::Sent)]).chain(alive).boxed()
            }
        }
    }
}

/// The question, which is all that these panels say to a model, between two marks.
fn question(call: &Call) -> String {
    call.messages[0].content.lines().nth(1).unwrap().to_owned()
}

/// Where chance comes from; tells itself when its trial fails.
#[derive(Clone, Copy, Debug)]
struct Seed(u64);

impl Seed {
    fn new(usual: u64) -> Seed {
        Seed(if is_long() { rand::random() } else { usual })
    }

    /// The chance of one thing, the same whenever it is asked for.
    fn of(self, thing: impl Hash) -> StdRng {
        let mut hasher = DefaultHasher::new();
        (self.0, thing).hash(&mut hasher);
        StdRng::seed_from_u64(hasher.finish())
    }
}

fn is_long() -> bool {
    std::env::var_os("ASKSTREAM_LONG").is_some()
}

fn providers(all: &[&Arc<Deciding>]) -> Pool {
    pool(all.iter().map(|provider| Arc::clone(provider) as Arc<dyn Provider>).collect(), 1000)
}

fn with_fallback(head: &str) -> Arc<Panel> {
    panel(&format!("{head}\n[[query]]\nid = \"q1\"\nprompt = \"p.md\"\nmodels = [\"a\", \"b\"]\n"))
}

/// One run each `every`, whether those before it have ended or not; its question is its number.
async fn steadily(panel: &Arc<Panel>, pool: &Pool, every: Duration, count: u32) -> Vec<Events> {
    let begun = Instant::now();
    let run = async |n| {
        sleep_until(begun + every * n).await;
        begin_asking(panel, pool, &n.to_string()).await.run().await
    };
    join_all((0..count).map(run)).await
}

fn is_complete(events: &Events) -> bool {
    events.last().1.status == RunOutcome::Completed
}

fn answered_by(events: &Events) -> Option<&str> {
    let end = events.end("q1").1;
    end.asked.as_ref().filter(|_| end.result.is_some()).map(|asked| asked.provider.as_str())
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_minute_without_the_primary_is_carried_by_its_fallback() {
    const EVERY: Duration = Duration::from_millis(200);
    // What is tried before the breaker opens, and how long a failure takes: that much later its end is seen.
    let rows = [
        (script().fails(Code::ConnectFailed), 5, 0),
        (script().fails(Code::Overloaded).after(300), 8, 0),
        (script().hangs(), 55, 10),
    ];
    for (fails, before, late) in rows {
        let begun = Instant::now();
        let (from, to) = (begun + 10 * SECOND, begun + 70 * SECOND);
        let (is_out, shown) = (move || (from..to).contains(&Instant::now()), format!("{fails:?}"));
        let a = Deciding::new("a", move |_| {
            if is_out() { fails.clone() } else { script().answer("a").after(300) }.into()
        });
        let b = Deciding::new("b", |_| script().answer("b").after(300).into());
        let runs = steadily(&with_fallback(""), &providers(&[&a, &b]), EVERY, 600).await;
        assert_eq!(runs.iter().filter(|run| is_complete(run)).count(), 600, "{shown}");
        let out = &runs[50..350];
        let carried = out.iter().filter(|run| answered_by(run) == Some("b")).count();
        assert!(carried * 100 >= out.len() * 99, "{carried} of {}: {shown}", out.len());
        let back = (350..600).find(|n| answered_by(&runs[*n]) == Some("a")).unwrap();
        let after = begun + EVERY * back as u32 - to;
        assert!(after <= (30 + late) * SECOND, "back after {after:?}: {shown}");
        assert!(runs[back + 10..].iter().all(|run| answered_by(run) == Some("a")), "{shown}");
        // One probe each 8 s at most, later each 16 s.
        let calls = a.calls_between(from, to);
        assert!(calls <= before + 5, "{calls} calls for {} runs: {shown}", out.len());
        println!("{shown}: {carried} of 300 by the fallback, {calls} calls, back after {after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_total_outage_is_answered_with_little_more_load() {
    let rows = [
        (script().fails(Code::ConnectFailed), ""),
        (script().fails(Code::Overloaded).after(50), ""),
        (script().cuts("half of this is lost").after(1000), ""),
        (script().hangs(), "[limits]\nfirst_content = \"2s\""),
    ];
    for (fails, head) in rows {
        for (panel, every) in [(queries(1, head), 100), (queries(1, head), 1000), (with_fallback(head), 100)]
        {
            let [a, b] = ["a", "b"].map(|name| {
                let fails = fails.clone();
                Deciding::new(name, move |_| fails.clone().into())
            });
            let count = 60_000 / every;
            let runs =
                steadily(&panel, &providers(&[&a, &b]), Duration::from_millis(every), count as u32).await;
            let refused: Vec<_> = runs.iter().filter(|run| run.end("q1").1.attempts == 0).collect();
            let slowest = refused.iter().map(|run| run.last().0).max().unwrap();
            let ((calls, firsts), (more, more_firsts)) = (a.calls(), b.calls());
            let (calls, firsts) = (calls + more, firsts + more_firsts);
            println!(
                "{fails:?} each {every} ms: {calls} calls of {firsts} firsts, {} refused",
                refused.len()
            );
            assert!(calls * 4 <= firsts * 5, "{calls} calls of {firsts} firsts: {fails:?} each {every} ms");
            assert!(slowest <= 50, "{slowest} ms to be refused: {fails:?}");
            assert!(refused.len() * 10 >= runs.len() * 5, "{} of {}", refused.len(), runs.len());
            assert!(runs.iter().all(|run| run.last().1.status == RunOutcome::Failed));
        }
    }
}

/// What is answered to a question, different each time and longer than a piece.
fn answer(provider: &str, question: &str) -> String {
    format!("{provider} says of {question}: příliš žluťoučký kůň. ").repeat(3) + "."
}

#[tokio::test(start_paused = true)]
async fn one_failure_in_twenty_is_hardly_ever_seen_and_never_as_half_an_answer() {
    let seed = Seed::new(1);
    let fickle = |name: &'static str| {
        Deciding::new(name, move |call| {
            let (question, mut rng) = (question(call), seed.of((name, question(call), call.attempt)));
            let whole = answer(name, &question);
            if rng.random_bool(0.95) {
                return script().answer(&whole).after(200).over(300).into();
            }
            let bad = [
                script().fails(Code::ConnectFailed),
                script().fails(Code::Overloaded).after(100),
                script().cuts(&whole).over(200),
                script().fails(Code::UnreadableAnswer).after(200),
                script().answer(""),
                script().hangs(),
            ];
            bad[rng.random_range(0..bad.len())].clone().into()
        })
    };
    let (a, b) = (fickle("a"), fickle("b"));
    let runs = steadily(&with_fallback(""), &providers(&[&a, &b]), Duration::from_millis(50), 2000).await;
    for (n, run) in runs.iter().enumerate() {
        let whole = answered_by(run).map(|provider| answer(provider, &n.to_string()));
        let shown = run.end("q1").1.result.as_ref().map(|result| result.as_str().unwrap().to_owned());
        assert_eq!((is_complete(run), shown), (whole.is_some(), whole), "{seed:?} {n}");
    }
    let complete = runs.iter().filter(|run| is_complete(run)).count();
    println!("{complete} of 2000 complete, {} and {} calls", a.calls().0, b.calls().0);
    assert!(complete >= 1998, "{complete} {seed:?}");
    let retried = runs.iter().filter(|run| !run.retries().is_empty()).count();
    assert!((50..300).contains(&retried), "{retried} met a failure");
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_costs_the_first_clock_and_no_more() {
    for silence in [|| script().hangs().into(), || Meets::SignsOfLife] {
        let a = Deciding::new("a", move |_| silence());
        let b = Deciding::new("b", |_| script().answer("b").after(500).into());
        for (head, limit) in [("", 10_000), ("[limits]\nfirst_content = \"2s\"", 2000)] {
            let run = begin(&with_fallback(head), &providers(&[&a, &b])).await.run().await;
            assert_eq!((answered_by(&run), is_complete(&run)), (Some("b"), true));
            assert!((limit..=limit + 1000).contains(&run.last().0), "{} of {limit}", run.last().0);
        }
    }
}

/// What a call of a random run meets: good, bad or nothing at all.
fn anything(rng: &mut StdRng) -> Meets {
    const CODES: [Code; 12] = [
        Code::ConnectFailed,
        Code::TlsFailed,
        Code::RateLimited,
        Code::Overloaded,
        Code::ProviderError,
        Code::CredentialsRefused,
        Code::ModelNotFound,
        Code::RequestRefused,
        Code::ContentRefused,
        Code::UnreadableAnswer,
        Code::EmptyAnswer,
        Code::AnswerTooLarge,
    ];
    let text = "word ".repeat(rng.random_range(1..40));
    if rng.random_bool(0.7) {
        return script().answer(&text).after(rng.random_range(0..500)).over(rng.random_range(0..1000)).into();
    }
    let script = match rng.random_range(0..8) {
        0 => return Meets::NoConnection,
        1 => return Meets::SignsOfLife,
        2 => script().hangs(),
        3 => script().stalls(&text),
        4 => script().cuts(&text),
        5 => script().fails(CODES[rng.random_range(0..CODES.len())]),
        6 => script().fails(Code::RateLimited).retry_after(rng.random_range(0..20_000)),
        _ => script().answer(&text),
    };
    script.after(rng.random_range(0..2000)).over(rng.random_range(0..30_000)).into()
}

/// A panel of 1 to 6 queries; each may need some before it, ask several models, have limits.
fn any_panel(rng: &mut StdRng) -> Arc<Panel> {
    let mut toml = String::new();
    let overall: u64 = rng.random_range(500..20_000);
    let per_query = rng.random_range(300..=overall.max(300));
    let first_content = rng.random_range(200..=per_query.max(200)).min(per_query);
    let lines = [
        format!("overall = \"{overall}ms\"\n"),
        format!("per_query = \"{per_query}ms\"\n"),
        format!("first_content = \"{first_content}ms\"\n"),
        format!("idle = \"{}ms\"\n", rng.random_range(100..5000)),
        format!("connect = \"{}ms\"\n", rng.random_range(1..first_content)),
    ];
    let chosen: String = lines.into_iter().filter(|_| rng.random_bool(0.6)).collect();
    write!(toml, "[limits]\n{chosen}\n[merge]\nneed = 1\n").unwrap();
    for n in 1..=rng.random_range(1..=6) {
        let needs: Vec<_> =
            (1..n).filter(|_| rng.random_bool(0.3)).map(|other| format!("\"q{other}\"")).collect();
        let models = ["\"a\"", "\"a\", \"b\"", "\"c\", \"a\"", "\"b\", \"c\", \"a\""];
        let models = models[rng.random_range(0..models.len())];
        write!(toml, "[[query]]\nid = \"q{n}\"\nprompt = \"p.md\"\nmodels = [{models}]\n").unwrap();
        writeln!(toml, "needs = [{}]", needs.join(", ")).unwrap();
    }
    panel(&toml)
}

/// Runs that meet anything, side by side at providers that take few calls at once; how they ended, and how much
/// later than they should the latest did.
async fn company(seed: Seed, number: u32) -> Vec<(RunOutcome, u64)> {
    let deciding = |name: &'static str| {
        let decide =
            move |call: &Call| anything(&mut seed.of((name, question(call), &call.query, call.attempt)));
        Deciding::new(name, decide) as Arc<dyn Provider>
    };
    let pool = pool(["a", "b", "c"].map(deciding).into(), 4);
    let run = async |n| {
        let mut rng = seed.of((number, n));
        let panel = any_panel(&mut rng);
        sleep(Duration::from_millis(rng.random_range(0..10_000))).await;
        let begun = Instant::now();
        let run = begin_asking(&panel, &pool, &format!("{number} {n}")).await.run().await;
        let Body::RunStarted(started) = &run.0[0].body else { panic!("{:?}", run.0[0]) };
        let late =
            run.last().0.max(begun.elapsed().as_millis() as u64).saturating_sub(started.timeouts.run_ms);
        assert!(late <= 250, "{late} ms late: {seed:?} {number} {n} {panel:?}");
        (run.last().1.status, late)
    };
    join_all((0..TOGETHER).map(run)).await
}

const TOGETHER: u32 = 20;

#[tokio::test(start_paused = true)]
async fn whatever_happens_a_run_ends_once_and_in_time() {
    let (seed, began) = (Seed::new(2), std::time::SystemTime::now());
    let runs = if is_long() { 10_000 } else { 2000 };
    let mut ended = Vec::new();
    for number in 0..runs / TOGETHER {
        ended.extend(company(seed, number).await);
    }
    let of = |status| ended.iter().filter(|(ended, _)| *ended == status).count();
    let (completed, partial, failed) =
        (of(RunOutcome::Completed), of(RunOutcome::Partial), of(RunOutcome::Failed));
    let latest = ended.iter().map(|(_, late)| late).max().unwrap();
    println!(
        "{runs} runs in {:?}: {completed} completed, {partial} partial, {failed} failed, {latest} ms late at most",
        began.elapsed().unwrap()
    );
    assert_eq!(completed + partial + failed, runs as usize);
    assert!([completed, partial, failed].into_iter().all(|some| some * 20 > runs as usize), "a bit of each");
}

#[tokio::test(start_paused = true)]
async fn no_clock_exceeds_its_query_and_no_query_its_run() {
    let seed = Seed::new(3);
    let deciding = |name: &'static str| Deciding::new(name, |_| script().into()) as Arc<dyn Provider>;
    let pool = pool(["a", "b", "c"].map(deciding).into(), 4);
    for n in 0..300 {
        let panel = any_panel(&mut seed.of(n));
        let job = begin(&panel, &pool).await.job;
        let run = job.limit;
        for planned in &job.queries {
            let (query, later) = (planned.limit, planned.later);
            assert!(query <= run && !query.is_zero(), "{query:?} of {run:?}: {seed:?} {n}");
            for (_, clocks) in planned.targets.iter() {
                let own = panel.limits.per_query.unwrap_or(Defaults::default().per_query);
                let all = [clocks.connect, clocks.first_content, clocks.idle, clocks.per_call];
                assert!(all.iter().all(|clock| *clock <= own), "{clocks:?} of {own:?}: {seed:?} {n}");
            }
            // Whenever it starts, what follows it keeps its reserve, or its share of what is left.
            for left in (0..=10).map(|tenths| run / 10 * tenths) {
                let may = later.limit(left, run);
                let kept = left.saturating_sub(may);
                let share = left / (later.stages + 1) * later.stages;
                assert_eq!(later.stages == 0, may == Duration::MAX, "{later:?}");
                assert!(
                    later.stages == 0 || (may <= left && kept >= later.time.min(share)),
                    "{later:?} {left:?}"
                );
            }
        }
    }
}
