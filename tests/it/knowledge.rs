//! Own documents: taken in by command or configuration, found by runs, and never a run's undoing.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Event;
use crate::harness::Fake;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::assert_contract;
use crate::harness::eventually;
use crate::harness::named;
use crate::harness::server::CRASH_AT;
use crate::harness::server::Ran;
use crate::harness::temp::Temp;

const PLANTED: &str = "Ground water with a pH of 5.5 to 6.5 is slightly aggressive: class XA1.";
const QUESTION: &str = "Which class follows from a pH of 6.2 in the ground water?";
const PROMPT: &str = "{{ question }}\n{% if passages %}Own documents:\n{% for p in passages %}{{ p.source }}\n\
    {{ p.text }}\n{% endfor %}{% endif %}";

/// Documents and a data directory.
struct Library {
    temp: Temp,
}

impl Library {
    fn new() -> Library {
        let library = Library { temp: Temp::new() };
        library.write("exposure.md", &format!("# Exposure\n\n{PLANTED}\n"));
        library.write("frost.md", "# Frost\n\nHorizontal faces that are saturated belong to class XF3.\n");
        library.write("steel.txt", "Reinforcement of a strip has 50 to 110 kg in a cubic metre.\n");
        library.write("cost.md", "# Costs\n\nPrices hold for the region and the year.\n");
        library
    }

    fn write(&self, name: &str, text: &str) {
        self.temp.write(&format!("docs/{name}"), text);
    }

    fn docs(&self) -> String {
        self.temp.path().join("docs").display().to_string()
    }

    fn data(&self) -> std::path::PathBuf {
        self.temp.path().join("data")
    }

    /// Runs `askstream knowledge` with this data directory.
    fn command(&self, args: &[&str]) -> Ran {
        self.command_of(Setup::default(), args)
    }

    fn command_of(&self, setup: Setup, args: &[&str]) -> Ran {
        let data = self.data().display().to_string();
        setup.run(&[&["knowledge"], args, &["--data-dir", &data, "--config", "{config}"]].concat())
    }

    fn add(&self) -> Ran {
        self.command(&["add", &self.docs()])
    }

    fn server(&self, setup: Setup) -> Server {
        let panel = Panel::new("lib").head("[retrieval]\ntop = 2");
        let panel = ["q1", "q2", "q3"].iter().fold(panel, |panel, id| panel.prompted(id, PROMPT));
        setup.data(&self.data()).panel(panel).start()
    }
}

fn ask(server: &Server, options: Value) -> Vec<Event> {
    server.ask(&json!({"panel": "lib", "question": QUESTION, "options": options})).events()
}

fn sources(events: &[Event]) -> Vec<&str> {
    let [found] = &named(events, "passages_found")[..] else { panic!("found once") };
    found.data["passages"].as_array().unwrap().iter().map(|found| found["source"].as_str().unwrap()).collect()
}

fn warnings<'a>(events: &'a [Event]) -> Vec<(&'a str, &'a str)> {
    let told = |event: &'a Event| {
        let word = |key: &str| event.data[key].as_str().unwrap();
        (word("code"), word("message"))
    };
    named(events, "run_warning").into_iter().map(told).collect()
}

fn status(server: &Server) -> Value {
    server.get("/health").json()["knowledge"]["status"].clone()
}

#[test]
fn all_queries_see_the_same_passages_and_so_do_journal_and_snapshot() {
    let (library, fake) = (Library::new(), Fake::always(Answer::text("yes")));
    assert_eq!(library.add().code, 0);
    let server = library.server(Setup::asking(&fake));
    let events = ask(&server, json!({"use_rag": true}));
    assert_contract(&events, false);
    assert_eq!(sources(&events), ["docs/exposure.md", "docs/frost.md"]);
    let found = &named(&events, "passages_found")[0].data;
    let first = &found["passages"][0];
    assert_eq!((&first["page"], &first["headings"]), (&json!("1-3"), &json!(["Exposure"])));
    assert!(first["score"].as_f64().unwrap() > 0.0 && first["text"].as_str().unwrap().contains(PLANTED));
    let at = |name: &str| events.iter().position(|event| event.name == name).unwrap();
    assert!(at("passages_found") < at("query_started"));
    let prompts: Vec<String> = fake.calls().iter().map(|call| call.prompt()).collect();
    assert_eq!(prompts.len(), 3);
    assert!(prompts.iter().all(|prompt| *prompt == prompts[0]), "{prompts:?}");
    let (question, documents) = prompts[0].split_once("Own documents:").unwrap();
    assert!(question.contains(QUESTION));
    assert!(documents.contains(" passages of own documents\n# Exposure\n\nGround water"), "{documents}");
    let run = found["run_id"].as_str().unwrap();
    assert_eq!(server.snapshot(run)["passages"], found["passages"]);
    assert_eq!(status(&server), "ok");
}

#[test]
fn documents_stay_out_where_nobody_wants_them() {
    let (library, fake) = (Library::new(), Fake::always(Answer::text("yes")));
    library.add();
    let server = library.server(Setup::asking(&fake).panel(Panel::of("plain", 1)));
    let events = ask(&server, json!({"use_rag": false}));
    let plain =
        server.ask(&json!({"panel": "plain", "question": QUESTION, "options": {"use_rag": true}})).events();
    for events in [&events, &plain] {
        assert_eq!((named(events, "passages_found").len(), warnings(events).len()), (0, 0));
        assert_eq!(events.last().unwrap().data["status"], "completed");
    }
    assert!(fake.calls().iter().all(|call| !call.prompt().contains("Own documents")));
}

#[test]
fn a_running_server_sees_what_a_command_wrote() {
    let (library, fake) = (Library::new(), Fake::always(Answer::text("yes")));
    let server = library.server(Setup::asking(&fake));
    let events = ask(&server, json!({}));
    assert_eq!((sources(&events), warnings(&events)), (Vec::new(), Vec::new()), "nobody has added any yet");
    assert_eq!(status(&server), Value::Null);
    assert_eq!(events.last().unwrap().data["status"], "completed");
    library.add();
    assert_eq!(sources(&ask(&server, json!({})))[0], "docs/exposure.md");
    library.write("newer.md", "pH of ground water, pH of ground water: class of the newer norm.");
    library.add();
    assert!(sources(&ask(&server, json!({}))).contains(&"docs/newer.md"));
    assert_eq!(library.command(&["remove", &library.docs()]).code, 0);
    assert_eq!(sources(&ask(&server, json!({}))), [""; 0]);
}

#[test]
fn a_broken_index_is_a_warning_and_the_run_goes_on() {
    let (library, fake) = (Library::new(), Fake::always(Answer::text("yes")));
    library.temp.write("data/knowledge.db", &"no database ".repeat(1000));
    let server = library.server(Setup::asking(&fake));
    let events = ask(&server, json!({}));
    let [(code, message)] = warnings(&events)[..] else { panic!("one warning") };
    assert_eq!(code, "rag_failed");
    assert!(message.contains("the index of documents is damaged") && !message.contains(&library.docs()));
    assert_eq!(named(&events, "passages_found").len(), 0);
    assert_eq!(events.last().unwrap().data["status"], "completed");
    assert_eq!(events.last().unwrap().data["warnings"][0]["code"], "rag_failed");
    assert_eq!(status(&server), "failed");
    for args in [&["add", &library.docs()][..], &["list"], &["search", "x"]] {
        let ran = library.command(args);
        assert_eq!(ran.code, 1);
        assert!(
            ran.stderr.contains("the index of documents is damaged\n  fix      delete "),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_folder_of_the_configuration_is_read_at_the_start_and_at_each_signal() {
    let (library, fake) = (Library::new(), Fake::always(Answer::text("yes")));
    let table = format!("[knowledge]\ndir = {:?}", library.docs());
    let server = library.server(Setup::asking(&fake).table(&table));
    eventually("the folder is read", PATIENCE, || status(&server) == "ok");
    assert_eq!(sources(&ask(&server, json!({}))), ["docs/exposure.md", "docs/frost.md"]);

    library.write("newer.md", "pH of ground water, pH of ground water: class of the newer norm.");
    server.signal("HUP");
    eventually("the new file is found", PATIENCE, || {
        sources(&ask(&server, json!({}))).contains(&"docs/newer.md")
    });

    std::fs::rename(library.docs(), library.temp.path().join("away")).unwrap();
    server.signal("HUP");
    eventually("the folder is missed", PATIENCE, || status(&server) == "failed");
    let events = ask(&server, json!({}));
    assert_eq!(sources(&events).len(), 2, "what was read before is still found");
    let [(code, message)] = warnings(&events)[..] else { panic!("one warning") };
    assert!(
        code == "rag_failed" && message.contains("the documents of [knowledge] dir were not read"),
        "{message}"
    );
    let health = server.get("/health").text().to_owned();
    assert!(!health.contains(&library.docs()), "no paths: {health}");
}

#[test]
fn a_run_that_told_its_passages_goes_on_with_them_after_a_crash() {
    let library = Library::new();
    // All three prompts are the same: the calls are told apart by their number.
    let fake = Fake::new(|call| match call.nth {
        ..=3 => Answer::silent(),
        _ => Answer::text("yes"),
    });
    library.add();
    let mut server = library.server(Setup::asking(&fake));
    let mut stream =
        server.ask(&json!({"panel": "lib", "question": QUESTION, "options": {"on_disconnect": "continue"}}));
    let run = stream.run();
    stream.until_phase("q1", "waiting");
    eventually("all are asked", PATIENCE, || fake.calls().len() == 3);
    server.kill();
    library.command(&["remove", &library.docs()]);
    server.restart();
    let events = server.follow(&run).events();
    assert_eq!(sources(&events), ["docs/exposure.md", "docs/frost.md"]);
    assert_eq!(events.last().unwrap().data["status"], "completed");
    let again: Vec<_> = fake.calls().into_iter().filter(|call| call.nth > 3).collect();
    assert!(again.len() == 3 && again.iter().all(|call| call.prompt().contains(PLANTED)));
}

#[test]
fn whoever_dies_while_adding_leaves_the_old_index() {
    let library = Library::new();
    library.add();
    for name in ["exposure.md", "frost.md", "steel.txt", "cost.md"] {
        library.write(name, "replaced");
    }
    let ran =
        library.command_of(Setup::default().env(CRASH_AT, "document_taken:2"), &["add", &library.docs()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (-1, ""), "{}", ran.stderr);
    let found = library.command(&["search", QUESTION]);
    assert!(found.code == 0 && found.stdout.contains("slightly aggressive"), "{}", found.stdout);
    assert_eq!(library.command(&["search", "replaced"]).code, 1);
    let added = library.add();
    assert!(added.stdout.contains("(0 new, 4 changed, 0 gone, 0 as before)"), "{}", added.stdout);
    assert_eq!(library.command(&["search", "replaced"]).code, 0);
}

#[test]
fn commands_say_what_they_did_and_their_exit_codes_too() {
    let library = Library::new();
    let docs = library.docs();
    let gone = format!("{docs}/gone");
    let told = |args: &[&str], code: i32, words: &[&str]| {
        let ran = library.command(args);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, code, "{args:?}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{args:?} {words:?}: {said}");
        assert_eq!(ran.stdout.is_empty(), code == 1 || said.starts_with("no documents"), "{said}");
    };
    told(&["list"], 0, &["no documents yet\n  add      askstream knowledge add DIR\n"]);
    told(
        &["search", "x"],
        1,
        &["error: no documents have been added yet\n  fix      askstream knowledge add DIR"],
    );
    told(&["remove", &docs], 1, &["is not in the index"]);
    told(
        &["add", &gone],
        1,
        &["error: cannot index ", "the folder cannot be read: ", "the index is as it was"],
    );
    told(&["add", &format!("{docs}/cost.md")], 1, &["that is no folder"]);
    library.write("scan.pdf", "%PDF");
    told(
        &["add", &docs],
        0,
        &[
            "4 files, 4 passages from ",
            "(4 new, 0 changed, 0 gone, 0 as before)\n",
            "  skipped  scan.pdf  neither Markdown (.md, .markdown) nor text (.txt, .text)\n",
        ],
    );
    std::fs::write(Path::new(&docs).join("old.txt"), b"ok\nv\x9ae\n").unwrap();
    told(&["add", &docs], 3, &["old.txt   not UTF-8 (line 2); save it as UTF-8", "1 text of this folder"]);
    told(&["list"], 0, &[&docs, "4 files, 4 passages, read 20"]);
    told(&["search", QUESTION, "--top", "1"], 0, &["docs/exposure.md:1-3  Exposure\n", PLANTED]);
    told(&["search", "zzz"], 1, &["nothing found"]);
    told(&["remove", &docs], 0, &["is out of the index"]);
    assert_eq!(library.command(&["search", "x", "--top", "0"]).code, 2);
    let bad = library.command_of(Setup::default().top("knowlege = 1"), &["list"]);
    assert!(bad.code == 5 && bad.stderr.contains("knowlege"), "{}", bad.stderr);
    assert!(Path::new(&docs).join("cost.md").exists());
}
