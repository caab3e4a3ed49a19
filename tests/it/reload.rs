//! SIGHUP: new runs use the new configuration, runs under way keep theirs, a bad one changes nothing.

use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::eventually;

fn answer(events: &[Event]) -> &str {
    completed(events, "q1")["result"].as_str().unwrap()
}

fn ask(server: &Server) -> Vec<Event> {
    server.ask(&json!({"panel": "one", "question": "x"})).events()
}

/// Signals, and waits until the log says `words`.
fn hang_up(server: &Server, words: &str) {
    assert!(!server.log().contains(words));
    server.signal("HUP");
    eventually(words, PATIENCE, || server.log().contains(words));
}

#[test]
fn new_runs_use_a_new_configuration_and_runs_under_way_keep_theirs() {
    let (old, new) =
        (Fake::always(Answer::text("old").pieces(2).over(600)), Fake::always(Answer::text("new")));
    let server = Setup::asking(&old).panel(Panel::of("one", 1)).start();
    let mut under_way = server.ask(&json!({"panel": "one", "question": "x"}));
    under_way.until_phase("q1", "streaming");
    server.configure(|text| text.replace(&old.url(), &new.url()));
    hang_up(&server, "read the configuration again; new runs use it");
    assert_eq!(answer(&ask(&server)), "new");
    assert_eq!(under_way.rest().pop().unwrap().data["result"]["answers"]["q1"], "old");
    assert_eq!((old.calls().len(), new.calls().len()), (1, 1));
}

#[test]
fn a_configuration_with_a_fault_changes_nothing_and_says_where() {
    let (old, new) = (Fake::always(Answer::text("old")), Fake::always(Answer::text("new")));
    let server = Setup::asking(&old).panel(Panel::of("one", 1)).start();
    server.configure(|text| format!("panle = \"one\"\n{}", text.replace(&old.url(), &new.url())));
    hang_up(&server, "the configuration stays as it was: ");
    assert!(server.log().contains("test.toml:1:1: "), "{}", server.log());
    assert_eq!(answer(&ask(&server)), "old");
    server.configure(|text| text.replace("panle = \"one\"\n", ""));
    hang_up(&server, "read the configuration again");
    assert_eq!(answer(&ask(&server)), "new");
}

#[test]
fn a_configuration_that_is_gone_changes_nothing() {
    let old = Fake::always(Answer::text("old"));
    let server = Setup::asking(&old).panel(Panel::of("one", 1)).start();
    server.unconfigure();
    hang_up(&server, "the configuration stays as it was: ");
    assert_eq!(answer(&ask(&server)), "old");
}

#[test]
fn what_takes_a_restart_is_said() {
    let old = Fake::always(Answer::text("old"));
    let server = Setup::asking(&old).panel(Panel::of("one", 1)).start();
    server.configure(|text| text.replace("[server]\n", "[server]\nheartbeat = \"9s\"\n"));
    hang_up(&server, "have changed, which takes a restart");
}
