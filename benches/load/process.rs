//! Child processes: started, asked for their address, measured, ended with us.

use std::fmt::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::process::ChildStdout;
use tokio::process::Command;
use tokio::time::timeout;

/// What a server gets to say where it listens.
const START: Duration = Duration::from_secs(5);
/// The clock of `/proc`, the same on every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// A server of ours, killed when dropped.
pub struct Child {
    process: tokio::process::Child,
    /// Where it listens.
    pub address: String,
}

/// What a process prints, line by line.
pub type Printed = Lines<BufReader<ChildStdout>>;

/// Starts this very program in another role.
pub async fn spawn_self(role: &str, arguments: &[&str]) -> anyhow::Result<Child> {
    let mut command = limits_raised(&std::env::current_exe()?);
    command.arg(role).args(arguments);
    start(command).await
}

/// Starts the askstream that cargo built beside this program, with these flags beside.
pub async fn spawn_askstream(home: &Home, flags: &[&str]) -> anyhow::Result<Child> {
    let mut command = limits_raised(Path::new(env!("CARGO_BIN_EXE_askstream")));
    command.args(["serve", "--port", "0", "--print-url", "--no-open"]).args(flags);
    command.env_clear().env("HOME", &home.0).env("RUST_LOG", "warn").current_dir(&home.0);
    start(command).await
}

/// Starts the fault lab of the askstream that cargo built beside this program.
pub async fn spawn_lab() -> anyhow::Result<Child> {
    let mut command = limits_raised(Path::new(env!("CARGO_BIN_EXE_askstream")));
    command.args(["mock", "--port", "0", "--print-url"]);
    start(command).await
}

/// Runs this very program in another role that listens nowhere; the lines that it prints.
pub fn run_self(role: &str, arguments: &[&str]) -> anyhow::Result<(tokio::process::Child, Printed)> {
    let mut command = limits_raised(&std::env::current_exe()?);
    command.arg(role).args(arguments);
    spawn(command)
}

/// 500 asks need 1500 sockets of a server, more than the usual soft limit.
fn limits_raised(program: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\""]).arg(program);
    command
}

fn spawn(mut command: Command) -> anyhow::Result<(tokio::process::Child, Printed)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut process = command.spawn()?;
    let lines = BufReader::new(process.stdout.take().context("no output")?).lines();
    Ok((process, lines))
}

async fn start(command: Command) -> anyhow::Result<Child> {
    let (process, mut lines) = spawn(command)?;
    let line = timeout(START, lines.next_line()).await.context("it did not say where it listens")??;
    let url = line.context("it ended at once")?;
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    Ok(Child { process, address })
}

impl Child {
    /// Processor time so far.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.read("stat")?;
        // The name in parentheses may hold anything; the fields are counted after it.
        let (_, fields) = stat.rsplit_once(')').context("an odd stat")?;
        let ticks: u64 =
            fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<_, _>>()?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }

    /// Memory in use, in KiB.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    fn read(&self, name: &str) -> anyhow::Result<String> {
        let id = self.process.id().context("the process has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{id}/{name}"))?)
    }
}

/// A home directory with a configuration that asks the fake provider; removed when dropped.
pub struct Home(PathBuf);

impl Home {
    /// A fresh one.
    pub fn make(provider: &Child) -> anyhow::Result<Home> {
        let home = Home(std::env::temp_dir().join(format!("askstream-load-{}", std::process::id())));
        let directory = home.0.join(".config/askstream");
        for shape in crate::SHAPES {
            panel(&directory, shape.panel, shape.models.into_iter())?;
        }
        panel(
            &directory,
            crate::kept::MANY,
            std::iter::repeat_n(crate::kept::A_STREAM, crate::kept::QUERIES),
        )?;
        panel(&directory, crate::kept::SILENT, std::iter::once(crate::kept::SILENCE))?;
        let text = format!(
            "[providers.fake]\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\nmax_in_flight = 10000\n",
            provider.address
        );
        std::fs::write(directory.join("config.toml"), text)?;
        Ok(home)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// A panel that asks each of these models one query.
fn panel<'a>(directory: &Path, name: &str, models: impl Iterator<Item = &'a str>) -> anyhow::Result<()> {
    let panel = directory.join("panels").join(name);
    std::fs::create_dir_all(&panel)?;
    let mut text = "title = { en = \"Load\" }\n".to_owned();
    for (number, model) in models.enumerate() {
        writeln!(text, "[[query]]\nid = \"q{number}\"\nmodels = [\"fake/{model}\"]\nprompt = \"prompt.md\"")?;
    }
    std::fs::write(panel.join("panel.toml"), text)?;
    std::fs::write(panel.join("prompt.md"), "{{ question }}\n")?;
    Ok(())
}

impl Drop for Home {
    fn drop(&mut self) {
        // A directory that stays behind in the temporary one harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
