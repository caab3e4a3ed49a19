//! The real binary with its own home, configuration and panels.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use super::Fake;
use super::Panel;
use super::eventually;
use super::temp::Temp;

/// The key that every fake is given; it must never be seen anywhere else.
pub const CANARY: &str = "sk-canary-4242424242-never-show";

/// Names the point at which the process dies.
pub const CRASH_AT: &str = "ASKSTREAM_CRASH_AT";

/// What a server or a command will be started with.
#[derive(Default)]
pub struct Setup {
    top: String,
    server: String,
    limits: String,
    rest: String,
    panels: Vec<Panel>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    files: Option<u32>,
    data: Option<PathBuf>,
    may_panic: bool,
    alone: bool,
}

impl Setup {
    /// A server that asks this provider by default.
    pub fn asking(fake: &Fake) -> Setup {
        Setup::default().provider("fake", fake, "")
    }

    /// One more provider; `more` are lines of TOML.
    pub fn provider(mut self, name: &str, fake: &Fake, more: &str) -> Setup {
        self.rest += &format!(
            "[providers.{name}]\nkind = \"openai\"\nbase_url = \"{}\"\napi_key = {{ env = \"FAKE_KEY\" }}\n\
             model = \"m\"\n{more}\n",
            fake.url()
        );
        self
    }

    /// A line before all tables.
    pub fn top(mut self, line: &str) -> Setup {
        self.top += &format!("{line}\n");
        self
    }

    /// A line of `[server]`.
    pub fn server(mut self, line: &str) -> Setup {
        self.server += &format!("{line}\n");
        self
    }

    /// A line of `[limits]`.
    pub fn limits(mut self, line: &str) -> Setup {
        self.limits += &format!("{line}\n");
        self
    }

    /// Lines of any other table.
    pub fn table(mut self, lines: &str) -> Setup {
        self.rest += &format!("{lines}\n");
        self
    }

    /// A panel in the configuration directory.
    pub fn panel(mut self, panel: Panel) -> Setup {
        self.panels.push(panel);
        self
    }

    /// A variable of the environment.
    pub fn env(mut self, name: &str, value: &str) -> Setup {
        self.env.push((name.into(), value.into()));
        self
    }

    /// A flag of the server.
    pub fn arg(mut self, arg: &str) -> Setup {
        self.args.push(arg.into());
        self
    }

    /// The most files that the server may have open.
    pub fn files(mut self, most: u32) -> Setup {
        self.files = Some(most);
        self
    }

    /// The data directory, to outlive the server; its own, gone with it, otherwise.
    pub fn data(mut self, dir: &Path) -> Setup {
        self.data = Some(dir.to_owned());
        self
    }

    /// Nobody else's server runs meanwhile, because this one's times are measured.
    pub fn alone(mut self) -> Setup {
        self.alone = true;
        self
    }

    /// Somebody makes it panic on purpose.
    pub fn may_panic(mut self) -> Setup {
        self.may_panic = true;
        self
    }

    fn config(&self) -> String {
        format!("{}[server]\n{}[limits]\n{}{}", self.top, self.server, self.limits, self.rest)
    }

    /// Starts the server.
    pub fn start(self) -> Server {
        let config = self.config();
        let home = Temp::new();
        home.write("test.toml", &config);
        self.panels.iter().for_each(|panel| panel.write(&home, "config/askstream/panels"));
        let data = self.data.unwrap_or_else(|| home.path().join("data"));
        let (env, args, files, may_panic) = (self.env, self.args, self.files, self.may_panic);
        let company = if self.alone { Company::none() } else { Company::join() };
        Server::launch(Launch { home, env, args, files, data, may_panic, _company: company })
    }

    /// Runs another command of the binary to its end; `{config}` in `args` is this setup's file.
    pub fn run(self, args: &[&str]) -> Ran {
        let home = Temp::new();
        let config = home.write("test.toml", &self.config());
        self.panels.iter().for_each(|panel| panel.write(&home, "config/askstream/panels"));
        let config = config.display().to_string();
        let args = args.iter().map(|arg| if *arg == "{config}" { config.clone() } else { (*arg).to_owned() });
        let mut command = command(&home);
        command.envs(self.env).args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
        Ran::of(command.output().unwrap())
    }
}

/// The binary in an empty world with this home.
pub fn command(home: &Temp) -> Command {
    in_empty_world(Command::new(env!("CARGO_BIN_EXE_askstream")), home)
}

/// The same with so many files at most.
fn limited(home: &Temp, files: u32) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_askstream")]);
    in_empty_world(shell, home)
}

fn in_empty_world(mut command: Command, home: &Temp) -> Command {
    command
        .env_clear()
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path().join("config"))
        .env("XDG_DATA_HOME", home.path().join("data"))
        .env("FAKE_KEY", CANARY)
        .stdin(Stdio::null());
    command
}

/// A command that has ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ran = Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!ran.stdout.contains(CANARY) && !ran.stderr.contains(CANARY), "the key was shown");
        ran
    }
}

/// How a process is started, and started again.
struct Launch {
    /// Its files, gone with it.
    home: Temp,
    env: Vec<(String, String)>,
    args: Vec<String>,
    files: Option<u32>,
    data: PathBuf,
    may_panic: bool,
    _company: Company,
}

/// How many servers run; none beside one that is alone.
static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// A place among the servers that run at once. Who would be alone waits for all others and is not waited
/// for: a test that has one server may always start another.
struct Company {
    alone: bool,
}

impl Company {
    const ALONE: usize = usize::MAX;

    fn join() -> Company {
        let running = RUNNING.0.lock().unwrap();
        let mut running = RUNNING.1.wait_while(running, |running| *running == Company::ALONE).unwrap();
        *running += 1;
        Company { alone: false }
    }

    fn none() -> Company {
        let running = RUNNING.0.lock().unwrap();
        let mut running = RUNNING.1.wait_while(running, |running| *running > 0).unwrap();
        *running = Company::ALONE;
        Company { alone: true }
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        // Nothing that panics is done while it is held.
        let mut running = RUNNING.0.lock().unwrap();
        *running = if self.alone { 0 } else { *running - 1 };
        RUNNING.1.notify_all();
    }
}

/// A running server; killed when dropped.
pub struct Server {
    pub addr: SocketAddr,
    launch: Launch,
    process: Process,
}

impl Server {
    /// Starts the real binary on a free port with this configuration and nothing else.
    pub fn start(config: &str, env: &[(&str, &str)]) -> Server {
        let home = Temp::new();
        home.write("test.toml", config);
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let data = home.path().join("data");
        let company = Company::join();
        let args = Vec::new();
        Server::launch(Launch { home, env, args, files: None, data, may_panic: false, _company: company })
    }

    fn launch(launch: Launch) -> Server {
        match Process::spawn(&launch, 0) {
            Ok((addr, process)) => Server { addr, launch, process },
            Err(log) => panic!("no address; it said:\n{log}"),
        }
    }

    /// Kills the process if it still runs, and starts another over the same files at the same address.
    pub fn restart(&mut self) {
        self.process.end();
        // Somebody else's connection may have been given the port meanwhile.
        eventually("the address is free again", super::PATIENCE, || {
            match Process::spawn(&self.launch, self.addr.port()) {
                Ok((_, process)) => self.process = process,
                Err(log) if log.contains("is in use") => return false,
                Err(log) => panic!("no address; it said:\n{log}"),
            }
            true
        });
    }

    /// Where the next process dies; nowhere without a point.
    pub fn crash_at(&mut self, point: &str) {
        self.launch.env.retain(|(name, _)| name != CRASH_AT);
        self.launch.env.push((CRASH_AT.into(), point.into()));
    }

    /// Kills the process at once; nobody waits for it.
    pub fn kill(&self) {
        self.signal("KILL");
    }

    /// Whether the process ends by itself soon.
    pub fn dies_within(&mut self, within: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < within {
            if self.process.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        false
    }

    /// Changes its configuration file, which it reads when it is told to.
    pub fn configure(&self, change: impl FnOnce(String) -> String) {
        let file = self.launch.home.path().join("test.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, change(text)).unwrap();
    }

    /// Takes its configuration file away.
    pub fn unconfigure(&self) {
        std::fs::remove_file(self.launch.home.path().join("test.toml")).unwrap();
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        self.process.log.lock().unwrap().clone()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// The most memory that it has taken so far, in MiB; none where the system does not tell.
    pub fn most_memory(&self) -> Option<u64> {
        self.status_kib("VmHWM:").map(|kib| kib / 1024)
    }

    /// The memory that it takes now, in KiB; none where the system does not tell.
    pub fn memory(&self) -> Option<u64> {
        self.status_kib("VmRSS:")
    }

    fn status_kib(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, name: &str) {
        let pid = self.process.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for its end and says with which code it ended and how long that took.
    pub fn ended(&mut self, within: Duration) -> (i32, Duration) {
        let begun = Instant::now();
        let mut code = None;
        eventually("the server ends", within, || {
            code = self.process.child.try_wait().unwrap();
            code.is_some()
        });
        (code.and_then(|status| status.code()).unwrap_or(-1), begun.elapsed())
    }
}

struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
    may_panic: bool,
}

impl Process {
    /// Starts it on this port; what it said if it never told its address.
    fn spawn(launch: &Launch, port: u16) -> Result<(SocketAddr, Process), String> {
        let mut command = match launch.files {
            None => command(&launch.home),
            Some(most) => limited(&launch.home, most),
        };
        let mut child = command
            .env("RUST_LOG", "info,askstream=debug")
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .args(["--port", &port.to_string(), "--print-url", "--no-open", "--config"])
            .arg(launch.home.path().join("test.toml"))
            .arg("--data-dir")
            .arg(&launch.data)
            .args(&launch.args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let logging = read_log(child.stderr.take().unwrap(), Arc::clone(&log));
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let addr = url.trim().strip_prefix("http://").and_then(|rest| rest.split_once('/'));
        let Some(addr) = addr.and_then(|(addr, _)| addr.parse().ok()) else {
            let _ = child.wait();
            let _ = logging.join();
            return Err(format!("{url}{}", log.lock().unwrap()));
        };
        Ok((addr, Process { child, log, logging: Some(logging), may_panic: launch.may_panic }))
    }

    /// Kills it if it still runs, and reads its log to the end.
    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.logging.take().map(JoinHandle::join);
        let log = self.log.lock().unwrap();
        if std::thread::panicking() {
            eprintln!("--- the server said:\n{log}");
            return;
        }
        // Holds for every test of the suite.
        assert!(!log.contains(CANARY), "the key was logged:\n{log}");
        assert!(self.may_panic || !log.contains("panicked"), "something panicked:\n{log}");
    }
}

fn read_log(mut from: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            log.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    })
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.end();
    }
}
