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

/// What a server or a command will be started with.
#[derive(Default)]
pub struct Setup {
    top: String,
    server: String,
    limits: String,
    rest: String,
    panels: Vec<Panel>,
    env: Vec<(String, String)>,
    data: Option<PathBuf>,
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

    /// The data directory, to outlive the server; its own, gone with it, otherwise.
    pub fn data(mut self, dir: &Path) -> Setup {
        self.data = Some(dir.to_owned());
        self
    }

    fn config(&self) -> String {
        format!("{}[server]\n{}[limits]\n{}{}", self.top, self.server, self.limits, self.rest)
    }

    /// Starts the server.
    pub fn start(self) -> Server {
        let config = self.config();
        let env: Vec<_> = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Server::launch(&config, &env, &self.panels, self.data)
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_askstream"));
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

/// A running server; killed when dropped.
pub struct Server {
    pub addr: SocketAddr,
    /// Its files, gone with it.
    _home: Temp,
    child: Child,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts the real binary on a free port with this configuration and nothing else.
    pub fn start(config: &str, env: &[(&str, &str)]) -> Server {
        Server::launch(config, env, &[], None)
    }

    fn launch(config: &str, env: &[(&str, &str)], panels: &[Panel], data: Option<PathBuf>) -> Server {
        let home = Temp::new();
        let file = home.write("test.toml", config);
        panels.iter().for_each(|panel| panel.write(&home, "config/askstream/panels"));
        let mut child = command(&home)
            .env("RUST_LOG", "info,askstream=debug")
            .envs(env.iter().copied())
            .args(["--port", "0", "--print-url", "--no-open", "--config"])
            .arg(file)
            .arg("--data-dir")
            .arg(data.unwrap_or_else(|| home.path().join("data")))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let logging = read_log(child.stderr.take().unwrap(), Arc::clone(&log));
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let addr = url.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
        let Some(addr) = addr.and_then(|addr| addr.parse().ok()) else {
            let _ = child.wait();
            let _ = logging.join();
            panic!("no address but {url:?}; it said:\n{}", log.lock().unwrap());
        };
        Server { addr, _home: home, child, log, logging: Some(logging) }
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal to the process.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for its end and says with which code it ended and how long that took.
    pub fn ended(&mut self, within: Duration) -> (i32, Duration) {
        let begun = Instant::now();
        let mut code = None;
        eventually("the server ends", within, || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        (code.and_then(|status| status.code()).unwrap_or(-1), begun.elapsed())
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
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.logging.take().map(JoinHandle::join);
        let log = self.log();
        if std::thread::panicking() {
            eprintln!("--- the server said:\n{log}");
            return;
        }
        // Holds for every test of the suite.
        assert!(!log.contains(CANARY), "the key was logged:\n{log}");
        assert!(!log.contains("panicked"), "something panicked:\n{log}");
    }
}
