//! The server ends: quickly when nothing is under way, and whatever is goes on in the next one.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::Stream;
use crate::harness::completed;
use crate::harness::eventually;
use crate::harness::ms;
use crate::harness::named;
use crate::harness::survivor::Survivor;
use crate::harness::survivor::World;

/// The promise is half a second; a busy machine gets more.
const AT_ONCE: Duration = Duration::from_millis(1500);

/// A run that was paused before its second query.
fn paused(server: &Server) -> Stream {
    let body = json!({"panel": "chain", "question": "x", "options": {"on_disconnect": "continue"}});
    let mut stream = server.ask(&body);
    stream.until_phase("q1", "waiting");
    let pause = server.request("POST", &format!("/api/v1/runs/{}/pause", stream.run())).send();
    assert_eq!(pause.status(), 202);
    stream.until_query("query_completed", "q1");
    stream
}

fn chain() -> Panel {
    Panel::new("chain").query("q1", "").query("q2", "needs = [\"q1\"]")
}

#[test]
fn a_thousand_idle_streams_keep_no_server() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let fake = Fake::always(Answer::text("yes").after(100));
    let mut server = Setup::asking(&fake).panel(chain()).start();
    let first = paused(&server);
    let run = first.run();
    let mut streams: Vec<_> = (0..1000).map(|_| server.follow(&run)).collect();
    streams.iter_mut().for_each(|stream| drop(stream.until_query("query_completed", "q1")));
    let sent = Instant::now();
    server.signal("TERM");
    let (code, _) = server.ended(PATIENCE);
    let took = sent.elapsed();
    eprintln!("1,000 idle streams: ended after {took:?}");
    assert!(code == 0 && took < AT_ONCE, "{code} after {took:?}");
    for stream in streams {
        let last = stream.rest().pop().unwrap();
        assert_eq!((last.name.as_str(), &last.data["reason"]), ("stream_closing", &json!("server_shutdown")));
        assert!((1000..=5000).contains(&last.retry.unwrap()));
    }
    server.restart();
    assert_eq!(server.snapshot(&run)["status"], "paused");
    let stream = server.follow(&run);
    assert_eq!(server.request("POST", &format!("/api/v1/runs/{run}/resume")).send().status(), 202);
    let events = stream.events();
    assert_eq!(events.last().unwrap().data["status"], "completed");
    assert_eq!(fake.calls().len(), 2, "each query was asked once");
}

#[test]
fn a_run_that_is_paused_while_the_server_waits_stops_when_its_queries_have_ended() {
    let fake = Fake::always(Answer::text("yes").after(400));
    let mut server = Setup::asking(&fake).panel(chain()).start();
    let body = json!({"panel": "chain", "question": "x", "options": {"on_disconnect": "continue"}});
    let mut stream = server.ask(&body);
    stream.until_phase("q1", "waiting");
    server.signal("TERM");
    eventually("it says that it is stopping", ms(500), || server.get("/readyz").status() == 503);
    let run = stream.run();
    assert_eq!(server.request("POST", &format!("/api/v1/runs/{run}/pause")).send().status(), 202);
    assert_eq!(server.ended(ms(5000)).0, 0);
    server.restart();
    assert_eq!(server.snapshot(&run)["status"], "paused");
    let journal = server.follow(&run);
    assert_eq!(server.request("POST", &format!("/api/v1/runs/{run}/resume")).send().status(), 202);
    assert_eq!(completed(&journal.events(), "q1")["attempts"], 1, "its answer was waited for");
}

#[test]
fn runs_under_way_go_on_and_their_watchers_come_back() {
    for signals in [&["TERM"][..], &["TERM", "TERM"], &["INT", "TERM"], &["INT", "INT"]] {
        let drain = if signals.len() == 1 { "drain = \"100ms\"" } else { "drain = \"20s\"" };
        let mut world = World::with(|setup| setup.server(drain));
        let mut runs: Vec<_> = (0..8).map(|n| Survivor::new(format!("r{n}"))).collect();
        let sent = thread::scope(|scope| {
            for (run, start) in runs.iter_mut().zip(0..) {
                let server = &world.server;
                scope.spawn(move || {
                    thread::sleep(ms(start * 20));
                    run.follow(server).expect("a clean end");
                });
            }
            eventually("all are asked", PATIENCE, || {
                (0..8).all(|n| !world.calls(&format!("r{n}"), "streams").is_empty())
            });
            world.server.signal(signals[0]);
            for signal in &signals[1..] {
                let stopping = || world.server.get("/readyz").status() == 503;
                eventually("it says that it is stopping", ms(2000), stopping);
                world.server.signal(signal);
            }
            Instant::now()
        });
        let (code, _) = world.server.ended(PATIENCE);
        assert!(code == 0 && sent.elapsed() < ms(2500), "{signals:?}: {code} after {:?}", sent.elapsed());
        assert!(runs.iter().any(|run| !run.has_ended()), "some were cut");
        world.server.restart();
        thread::scope(|scope| {
            for run in runs.iter_mut().filter(|run| !run.has_ended()) {
                let server = &world.server;
                scope.spawn(move || run.follow(server).expect("nobody stops it now"));
            }
        });
        runs.iter().for_each(|run| run.assert_survived(&world, 1));
    }
}

#[test]
fn a_reader_that_has_stopped_keeps_no_server() {
    let text = "word ".repeat(200_000);
    let fake = Fake::always(Answer::text(&text).pieces(100));
    let mut server = Setup::asking(&fake).panel(Panel::of("one", 1)).start();
    let body = json!({"panel": "one", "question": "x", "options": {"deltas": true}});
    let stopped: Vec<_> = (0..20).map(|_| server.ask(&body)).collect();
    for stream in &stopped {
        let events = server.follow(&stream.run()).events();
        assert_eq!(named(&events, "final_result").len(), 1);
    }
    let sent = Instant::now();
    server.signal("TERM");
    let (code, _) = server.ended(PATIENCE);
    assert!(code == 0 && sent.elapsed() < AT_ONCE, "{code} after {:?}", sent.elapsed());
}

#[test]
fn a_provider_that_never_answers_keeps_no_server_longer_than_it_waits() {
    let fake = Fake::always(Answer::text("half and").stall());
    let mut server = Setup::asking(&fake).server("drain = \"300ms\"").panel(Panel::of("one", 1)).start();
    let mut stream = server.ask(&json!({"panel": "one", "question": "x"}));
    stream.until_phase("q1", "streaming");
    let sent = Instant::now();
    server.signal("TERM");
    let last = stream.rest().pop().unwrap();
    assert_eq!(last.name, "stream_closing");
    let (code, _) = server.ended(PATIENCE);
    assert!(code == 0 && sent.elapsed() < ms(300 + 2000), "{code} after {:?}", sent.elapsed());
    assert!(fake.left_after(sent) >= ms(250), "the provider had its time");
}
