//! The store on disk: what survives, who may have it, and what happens when the disk fails.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::eventually;
use crate::harness::preload::preload;
use crate::harness::server::Ran;
use crate::harness::server::command;
use crate::harness::temp::Temp;

/// Time for a server to find out that the disk works again.
const RECOVERY: Duration = Duration::from_secs(20);
/// What a full disk and a broken one say.
const ENOSPC: i64 = 28;
const EIO: i64 = 5;

fn fake() -> Fake {
    Fake::new(|_| Answer::text("one two three four").over(30).pieces(3))
}

fn setup(fake: &Fake, data: &Path) -> Setup {
    Setup::asking(fake).panel(Panel::of("two", 2)).data(data)
}

fn question() -> Value {
    json!({"panel": "two", "question": "x", "options": {"deltas": true}})
}

/// What a client was shown of a run: its events' blocks.
struct Shown {
    run: String,
    blocks: Vec<String>,
}

impl Shown {
    fn of(text: &str) -> Shown {
        let plain = |block: &str| {
            let lines = block.lines().filter(|line| !line.starts_with("retry:") && !line.starts_with(':'));
            lines.collect::<Vec<_>>().join("\n")
        };
        let blocks: Vec<String> =
            text.split("\n\n").map(plain).filter(|block| block.starts_with("id:")).collect();
        let id = blocks[0].lines().next().unwrap().trim_start_matches("id: ");
        Shown { run: id.split('.').next().unwrap().to_owned(), blocks }
    }

    fn last(&self) -> &str {
        let last = self.blocks.last().unwrap();
        assert!(last.contains("event: final_result"), "the run was lost after {last}");
        last
    }

    /// Whether the last event says that a crash would lose it.
    fn may_be_lost(&self) -> bool {
        self.last().contains(r#""durable":false"#)
    }
}

/// A new run read to its end; `None` when it was refused because of the disk.
fn ask(server: &Server) -> Option<Shown> {
    let reply = server.request("POST", "/ask-stream").json(&question()).send();
    match reply.status() {
        200 => Some(Shown::of(reply.text())),
        _ => {
            let code = reply.json()["code"].clone();
            assert!(["storage_full", "internal"].map(Value::from).contains(&code), "{code}");
            None
        }
    }
}

fn again(server: &Server, run: &str) -> Shown {
    Shown::of(server.get(&format!("/api/v1/runs/{run}/events?deltas=true")).text())
}

fn health(server: &Server) -> String {
    server.get("/health").json()["store"]["status"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_shown_is_there_after_a_kill() {
    let (fake, data) = (fake(), Temp::new());
    let server = setup(&fake, data.path()).start();
    let shown = ask(&server).unwrap();
    drop(server);
    let server = setup(&fake, data.path()).start();
    assert_eq!(again(&server, &shown.run).blocks, shown.blocks);
    assert_eq!(server.snapshot(&shown.run)["status"], "completed");
    assert_eq!(health(&server), "ok");
    assert_eq!(fake.calls().len(), 2, "nobody was asked twice");
}

#[test]
fn a_data_directory_has_one_server() {
    let (fake, data) = (fake(), Temp::new());
    let server = setup(&fake, data.path()).start();
    let second = serve(data.path(), &[]);
    assert_eq!(second.code, 1, "{}", second.stderr);
    let names = [server.pid().to_string(), data.path().display().to_string(), "--data-dir".into()];
    assert!(names.iter().all(|name| second.stderr.contains(name)), "{}", second.stderr);
    drop(server);
    // What the killed one left behind is no obstacle.
    drop(setup(&fake, data.path()).start());
}

/// A server that is expected to end by itself.
fn serve(data: &Path, more: &[&str]) -> Ran {
    let home = Temp::new();
    let mut command = command(&home);
    command.args(["--port", "0", "--print-url", "--data-dir"]).arg(data).args(more);
    Ran::of(command.output().unwrap())
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_in_a_sentence() {
    let files = Temp::new();
    let file = files.write("file", "");
    let places = [file.clone(), file.join("below"), "/proc/self".into(), "/proc/askstream".into()];
    for place in places {
        let ran = serve(&place, &[]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let error: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(error.len() == 1 && error[0].contains(place.to_str().unwrap()), "{}", ran.stderr);
        assert!(ran.stderr.contains("--store memory"), "{}", ran.stderr);
    }
    let fake = fake();
    let server = Setup::asking(&fake).table("[store]\nurl = \"memory\"").data(&file).start();
    assert_eq!(health(&server), "ok");
}

#[test]
fn a_damaged_file_is_told_or_refused() {
    let (fake, data) = (fake(), Temp::new());
    let server = setup(&fake, data.path()).start();
    let shown = ask(&server).unwrap();
    // Ends with what was written in the file.
    server.signal("TERM");
    let mut server = server;
    assert_eq!(server.ended(RECOVERY).0, 0);
    let file = data.path().join("askstream.db");
    File::options().write(true).open(&file).unwrap().write_all_at(b"nonsense", 0).unwrap();
    let home = Temp::new();
    let config = home.write("c.toml", "[store]\non_corrupt = \"fail\"");
    let ran = serve(data.path(), &["--config", config.to_str().unwrap()]);
    assert!(ran.code == 1 && ran.stderr.contains("is damaged"), "{}", ran.stderr);
    let server = setup(&fake, data.path()).start();
    assert_eq!(again(&server, &shown.run).blocks, shown.blocks);
    let health = server.get("/health").json();
    assert_eq!(health["store"]["status"], "degraded");
    assert!(health["store"]["detail"].as_str().unwrap().contains("askstream.db.corrupt-"), "{health}");
    assert_eq!(server.get("/readyz").json()["status"], "degraded");
}

/// The faults of a server's disk.
struct Disk {
    control: File,
    path: PathBuf,
    _files: Temp,
}

impl Disk {
    fn new() -> Disk {
        let files = Temp::new();
        let path = files.write("control", &"\0".repeat(32));
        Disk { control: File::options().read(true).write(true).open(&path).unwrap(), path, _files: files }
    }

    fn under(&self, setup: Setup, data: &Path) -> Setup {
        setup
            .env("LD_PRELOAD", &preload("disk"))
            .env("ASKSTREAM_FAULT_FILE", self.path.to_str().unwrap())
            .env("ASKSTREAM_FAULT_PREFIX", data.join("askstream.db").to_str().unwrap())
    }

    fn set(&self, place: u64, number: i64) {
        self.control.write_all_at(&number.to_ne_bytes(), place * 8).unwrap();
    }

    /// From the nth write or sync on all of them fail.
    fn fail(&self, nth: i64, error: i64) {
        self.fail_for(i64::MAX - nth, nth, error);
    }

    /// So many of them fail, from the nth on.
    fn fail_for(&self, calls: i64, nth: i64, error: i64) {
        self.set(3, nth + calls);
        self.set(2, error);
        self.set(0, 0);
        self.set(1, nth);
    }

    fn mend(&self) {
        self.set(1, 0);
    }

    /// Writes and syncs since [`Disk::fail`].
    fn calls(&self) -> i64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, 0).unwrap();
        i64::from_ne_bytes(bytes)
    }
}

/// Every nth write with ASKSTREAM_LONG, else some of them.
fn nth(first: i64, step: i64) -> impl Iterator<Item = i64> {
    let step = if std::env::var_os("ASKSTREAM_LONG").is_some() { 1 } else { step };
    (if step == 1 { 1 } else { first }..).step_by(step as usize)
}

/// The disk fails at the nth write while a run is under way, and is mended when the run has ended.
fn mended(error: i64, first: i64) {
    let (fake, data, disk) = (fake(), Temp::new(), Disk::new());
    let server = disk.under(setup(&fake, data.path()), data.path()).start();
    let mut all = Vec::new();
    let (mut tried, mut refused, mut waited) = (0, 0, 0);
    for nth in nth(first, 5) {
        disk.fail(nth, error);
        let shown = ask(&server);
        let untouched = disk.calls() < nth;
        disk.mend();
        tried += 1;
        eventually("the store is well", RECOVERY, || health(&server) == "ok");
        match shown {
            Some(shown) => {
                waited += usize::from(shown.may_be_lost());
                assert_eq!(again(&server, &shown.run).blocks, shown.blocks, "write {nth}");
                all.push(shown);
            }
            None => refused += 1,
        }
        if untouched {
            break;
        }
    }
    drop(server);
    eprintln!("error {error}: {tried} runs, {refused} refused, {waited} ended in memory");
    assert!(refused > 0 && waited > 0 && all.len() > waited, "the faults hit something, and not all");
    let server = setup(&fake, data.path()).start();
    for shown in all {
        assert_eq!(again(&server, &shown.run).blocks, shown.blocks, "{}", shown.run);
    }
}

/// The disk fails at the nth write while a run is under way, for so many writes, and the server is killed when the
/// run has ended.
fn killed(error: i64, first: i64, calls: i64) {
    let fake = fake();
    let (mut kept, mut lost) = (0, 0);
    for nth in nth(first, 9) {
        let (data, disk) = (Temp::new(), Disk::new());
        let server = disk.under(setup(&fake, data.path()), data.path()).start();
        // The first sweep is over when a run is.
        assert!(ask(&server).is_some());
        disk.fail_for(calls, nth, error);
        let shown = ask(&server);
        let untouched = disk.calls() < nth;
        drop(server);
        let server = setup(&fake, data.path()).start();
        match shown {
            Some(shown) if shown.may_be_lost() => lost += 1,
            Some(shown) => {
                kept += 1;
                assert_eq!(again(&server, &shown.run).blocks, shown.blocks, "write {nth}");
            }
            None => {}
        }
        if untouched {
            break;
        }
    }
    eprintln!(
        "error {error} of {calls} calls: {kept} runs were promised and kept, {lost} were said to be at risk"
    );
    assert!(kept > 0 && (lost > 0 || calls < 10));
}

#[test]
fn a_full_disk_loses_nothing_and_writing_goes_on_when_there_is_room() {
    mended(ENOSPC, 1);
}

#[test]
fn a_broken_disk_loses_nothing_and_writing_goes_on_when_it_is_mended() {
    mended(EIO, 4);
}

#[test]
fn after_a_full_disk_and_a_kill_what_was_promised_is_there() {
    killed(ENOSPC, 2, 1 << 40);
}

#[test]
fn after_a_broken_disk_and_a_kill_what_was_promised_is_there() {
    killed(EIO, 7, 1 << 40);
}

#[test]
fn after_a_hiccup_of_the_disk_and_a_kill_everything_is_there() {
    killed(EIO, 5, 1);
    killed(ENOSPC, 3, 4);
}
