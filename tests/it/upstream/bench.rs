//! One server and the labs that it asks, for all rows.

use std::path::Path;
use std::thread::scope;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use super::row::At;
use super::row::By;
use super::row::Form;
use super::row::Outcome;
use super::row::Play;
use super::row::Row;
use crate::harness::Event;
use crate::harness::Lab;
use crate::harness::PATIENCE;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;
use crate::harness::completed;
use crate::harness::eventually;
use crate::harness::ms;
use crate::harness::named;
use crate::harness::preload::preload;
use crate::harness::server::CANARY;
use crate::harness::temp::Temp;

/// Ways in which labs speak TLS.
const TLS: [&str; 7] = ["expired", "wrong-name", "valid", "unknown", "hang", "reset", "plain"];
/// What an answer in JSON must be.
const SCHEMA: &str = r#"{"type":"object","properties":{"answer":{"type":"string"}},"required":["answer"]}"#;

/// A row in one of its forms, with names of its own.
#[derive(Clone)]
pub struct Case {
    pub row: Row,
    pub form: Form,
    /// Its panel and its first provider; the fallback's has an `x` more.
    pub name: String,
    /// Which of the labs plays it.
    pub lab: usize,
}

impl Case {
    /// The model of the first target; its label makes the lab count it apart.
    pub fn model(&self) -> String {
        format!("{}#{}", self.row.model, self.name)
    }

    /// The model of the fallback, which answers at once.
    pub fn fallback(&self) -> String {
        format!("total-0#{}", self.name)
    }

    /// The first target and the fallback, as panels name them.
    pub fn targets(&self) -> (String, String) {
        (format!("{}/{}", self.name, self.model()), format!("{}x/{}", self.name, self.fallback()))
    }

    fn panels(&self) -> Vec<Panel> {
        if let Some(panels) = self.row.panels {
            return panels(self);
        }
        let (first, fallback) = self.targets();
        let fallback = if self.row.fallback { format!(", {fallback:?}") } else { String::new() };
        let models = format!("models = [{first:?}{fallback}]");
        let panel = Panel::new(&self.name);
        let panel = match self.row.json {
            true => panel.json_query("q1", SCHEMA, &models),
            false => panel.query("q1", &models),
        };
        vec![match self.row.limits {
            "" => panel,
            limits => panel.head(&format!("[limits]\n{limits}")),
        }]
    }
}

/// The server, and what it asks.
pub struct Bench {
    pub server: Server,
    /// Each plays one row at a time.
    labs: Vec<Lab>,
    /// Plays fallbacks and healthy runs, whose connections stay in order.
    sound: Lab,
    /// What a clean answer says.
    clean: String,
    baseline: usize,
    tls: Vec<Lab>,
    _authorities: Temp,
}

impl Bench {
    /// A model that answers, closes the connection as it is asked again, and answers then.
    pub const STALE: &str = "stale";

    /// A model that answers, asked by a name with two addresses.
    pub const NAMED: &str = "u5";

    /// A model that fails five times, is silent once, and answers then.
    pub const PROBED: &str = "u76";

    /// Starts all that these cases need, with so many labs.
    pub fn start(cases: &[Case], labs: usize) -> Bench {
        let files = Temp::new();
        let script = files.write("lab.toml", &script(cases)).display().to_string();
        let labs: Vec<Lab> = (0..labs).map(|_| Lab::start(&["--script", &script])).collect();
        let sound = Lab::start(&["--closed-port", "--full-port"]);
        let tls: Vec<Lab> = TLS.iter().map(|kind| Lab::start(&["--tls", kind])).collect();
        // The one whose authority is unknown stays out.
        let known: String = tls[..3].iter().map(Lab::authority).collect();
        let authorities = files.write("authorities.pem", &known);
        let (closed, full) = (sound.port("closed_port"), sound.port("full_port"));
        let mut setup = Setup::default()
            .env("SSL_CERT_FILE", &authorities.display().to_string())
            .env("LD_PRELOAD", &preload("names"))
            .panel(Panel::new("healthy").query("q1", "models = [\"healthy/total-0#healthy\"]"))
            .table(&provider("healthy", &sound.url, "max_in_flight = 64"));
        for case in cases {
            let base = match case.row.at {
                At::Lab => labs[case.lab].url.clone(),
                At::Tls(kind) => tls[place(kind)].url.clone(),
                At::Closed => closed.clone(),
                At::Full => full.clone(),
                At::Name(name) => labs[case.lab].url.replace("127.0.0.1", name),
            };
            let stream = format!("stream = {}", case.form == Form::Stream);
            let danger = if matches!(case.row.at, At::Name(_)) { "danger_plain_http = true" } else { "" };
            let fallback = if case.row.at == At::Closed && !case.row.fallback { &closed } else { &sound.url };
            setup = setup
                .table(&provider(&case.name, &base, &format!("{stream}\n{danger}\n{}", case.row.clock)))
                .table(&provider(&format!("{}x", case.name), fallback, &stream));
            for panel in case.panels() {
                setup = setup.panel(panel);
            }
        }
        let server = setup.start();
        let mut bench =
            Bench { server, labs, sound, clean: String::new(), baseline: 0, tls, _authorities: files };
        bench.baseline = bench.unexplained();
        assert!(bench.baseline > 0, "the server listens on a socket, which must be seen");
        let events = bench.ask("healthy", 1);
        bench.clean = completed(&events, "q1")["result"].as_str().unwrap().to_owned();
        assert!(bench.clean.contains("fault lab"), "{}", bench.clean);
        bench
    }

    /// Plays a case, checks what must hold after each, and tells how it ended.
    pub fn play(&self, case: &Case) -> String {
        let told = match case.row.play {
            Play::Scene(scene) => scene(self, case),
            Play::Runs(runs) => {
                (1..runs).for_each(|_| drop(self.ask(&case.name, case.row.question)));
                let events = self.ask(&case.name, case.row.question);
                self.outcome(case, &events).to_string()
            }
        };
        self.settled(case);
        let healthy = self.ask("healthy", 1);
        assert_eq!(completed(&healthy, "q1")["result"], self.clean, "a healthy run after {}", case.name);
        told
    }

    /// One run of a panel, to its end; held against the contract, and searched for the key.
    pub fn ask(&self, panel: &str, question: usize) -> Vec<Event> {
        let body = json!({"panel": panel, "question": "x".repeat(question), "options": {"deltas": true}});
        let events = self.server.ask(&body).events();
        assert!(events.iter().all(|event| !event.block.contains(CANARY)), "the key was shown");
        let run = events[0].data["run_id"].as_str().unwrap();
        let result = self.server.get(&format!("/api/v1/runs/{run}/result"));
        assert!(!result.text().contains(CANARY), "the key was kept");
        events
    }

    /// So many runs of a panel at once.
    pub fn ask_at_once(&self, panel: &str, runs: usize) -> Vec<Vec<Event>> {
        scope(|threads| {
            let asking: Vec<_> = (0..runs).map(|_| threads.spawn(|| self.ask(panel, 1))).collect();
            asking.into_iter().map(|run| run.join().unwrap()).collect()
        })
    }

    /// The lab that speaks TLS as it should be, and HTTP/2.
    pub fn http2(&self) -> &Lab {
        &self.tls[place("valid")]
    }

    /// The lab of a case's first target.
    pub fn lab_of(&self, case: &Case) -> &Lab {
        &self.labs[case.lab]
    }

    /// How a run of one query ended.
    pub fn outcome(&self, case: &Case, events: &[Event]) -> Outcome {
        let end = completed(events, "q1");
        let retries = named(events, "query_retrying");
        let by = end["provider"].as_str().filter(|_| end["status"] == "succeeded");
        let attempts = |lab: &Lab, model: &str| lab.count(model, "attempts");
        Outcome {
            run: word(&events.last().unwrap().data["status"]),
            query: word(&end["status"]),
            by: by.map(|name| if name == case.name { By::First } else { By::Fallback }),
            error: end.get("error").map(code),
            retries: retries.iter().map(|event| code(&event.data["reason"])).collect(),
            attempts: end["attempts"].as_u64().unwrap(),
            counted: (attempts(self.lab_of(case), &case.model()), attempts(&self.sound, &case.fallback())),
            notes: self.notes(case, end, &retries),
        }
    }

    fn notes(&self, case: &Case, end: &Value, retries: &[&Event]) -> Vec<String> {
        let mut notes: Vec<String> =
            end["warnings"].as_array().into_iter().flatten().map(|warning| word(&warning["code"])).collect();
        let mut note = |holds: bool, what: &str| {
            if holds {
                notes.push(what.to_owned());
            }
        };
        note(retries.iter().any(|event| event.data["discarded"] != 0), "discarded");
        // What was given up is estimated anyway.
        let whole =
            end.get("result").is_some() && retries.iter().all(|event| event.data.get("usage").is_none());
        note(whole && end["usage"]["estimated"] == true, "estimated");
        let clean =
            if case.row.json { json!({"answer": "simulated by the fault lab"}) } else { json!(self.clean) };
        note(end.get("result").is_some_and(|result| *result != clean), "other text");
        if let Some(words) = case.row.says {
            let told = [&end["error"]].into_iter().chain(retries.iter().map(|event| &event.data["reason"]));
            note(!told.into_iter().any(|failure| failure.to_string().contains(words)), "unsaid");
        }
        let (least, most) = case.row.time;
        let time = end["time_ms"].as_u64().unwrap();
        note(time < least, &format!("ended before {least} ms"));
        note(time > most, &format!("took more than {most} ms"));
        notes.sort();
        notes
    }

    /// Nothing of a case is open any more.
    fn settled(&self, case: &Case) {
        eventually("the sockets of a row are closed", ms(5000), || {
            let open = |lab: &Lab, model: &str| lab.count(model, "open");
            open(self.lab_of(case), &case.model()) + open(&self.sound, &case.fallback()) == 0
        });
    }

    /// After all rows: no socket is left but those that wait to be used again, nothing is done any
    /// more, and nothing was hoarded.
    pub fn rests(&self) {
        // Over HTTP/2 one connection is kept, unless the last row there ended it; its lab speaks TLS alone
        // and is not asked for its counts.
        eventually("the server's sockets are back to the baseline", ms(5000), || {
            self.unexplained() <= self.baseline + 1
        });
        let mut work = self.work();
        eventually("the server does nothing", PATIENCE, || {
            let begun = Instant::now();
            eventually("a second", PATIENCE, || begun.elapsed() >= ms(1000));
            let before = std::mem::replace(&mut work, self.work());
            // Hundredths of a second, and 5 of 100 are allowed.
            work - before < 5
        });
        let most = self.memory();
        eprintln!("the server took {most} MiB of memory at most");
        assert!(most < 250, "the server took {most} MiB");
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.server.pid())).unwrap()
    }

    fn sockets(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.server.pid());
        let files = std::fs::read_dir(folder).unwrap().flatten();
        // One that is gone meanwhile is none.
        let is_socket = |path: &Path| {
            std::fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
        };
        files.filter(|file| is_socket(&file.path())).count()
    }

    /// The server's sockets but for its connections to the labs.
    fn unexplained(&self) -> usize {
        // Whoever reads a lab's stats is a connection of it, too.
        let open = |lab: &Lab| lab.stats()["open_connections"].as_u64().unwrap() as usize - 1;
        let open: usize = self.labs.iter().chain([&self.sound]).map(open).sum();
        self.sockets().saturating_sub(open)
    }

    /// Processor time so far, in ticks.
    fn work(&self) -> u64 {
        let stat = self.proc("stat");
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = fields.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// The most memory so far, in MiB.
    pub fn memory(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

/// Where the lab is that speaks TLS in this way.
fn place(kind: &str) -> usize {
    TLS.iter().position(|known| *known == kind).unwrap()
}

fn script(cases: &[Case]) -> String {
    let model = |case: &Case| {
        let attempts = match case.row.model {
            Bench::STALE => {
                "\"total-0\", { framing = \"raw\", body = [], close = \"fin\" }, \"total-0\"".into()
            }
            Bench::NAMED => "\"total-0\"".into(),
            Bench::PROBED => format!("{}\"u9-silent\", \"total-0\"", "\"status-500\", ".repeat(5)),
            _ => return None,
        };
        Some(format!("[models.{:?}]\nattempts = [{attempts}]\n", case.model()))
    };
    cases.iter().filter_map(model).collect()
}

fn provider(name: &str, base: &str, more: &str) -> String {
    format!(
        "[providers.{name}]\nkind = \"openai\"\nbase_url = \"{base}/v1\"\napi_key = {{ env = \"FAKE_KEY\" }}\n{more}\n"
    )
}

fn word(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A failure's code, with the clock that ran out.
fn code(failure: &Value) -> String {
    match failure["which"].as_str() {
        Some(which) => format!("{}/{which}", word(&failure["code"])),
        None => word(&failure["code"]),
    }
}
