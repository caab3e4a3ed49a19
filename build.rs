//! Builds the page (`web/`) into `$OUT_DIR/page`, which the binary embeds.
//!
//! The sources are copied to `OUT_DIR` and built there, so that the checkout
//! stays clean and a read-only one builds. `npm ci` runs only when the lock has
//! changed, the Vite build only when a source has. `ASKSTREAM_WEB=off` embeds
//! an empty folder instead; editors and clippy use it.
// Talking to cargo goes over stdout; there is no runtime to take a log.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::Hash;
use std::hash::Hasher;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

/// The oldest Node that Vite runs on.
const OLDEST_NODE: (u32, u32) = (20, 19);
/// The longest that one command may take: 10 minutes, looked at every 100 ms.
const TIME_LIMIT_TICKS: u32 = 6000;
const TICK: Duration = Duration::from_millis(100);
/// What the build reads; everything else in `web/` (node_modules, dist) is left alone.
const SOURCES: [&str; 7] = [
    "web/src",
    "web/index.html",
    "web/package.json",
    "web/package-lock.json",
    "web/.npmrc",
    "web/vite.config.ts",
    "web/tsconfig.json",
];
const EXAMPLES: &str = "examples";
const OFF: &str = "ASKSTREAM_WEB";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={OFF}");
    for source in SOURCES.iter().chain([&EXAMPLES]) {
        println!("cargo::rerun-if-changed={source}");
    }
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let page = out.join("page");
    if env::var_os(OFF).is_some_and(|value| value == "off") {
        forget(&out.join("page.stamp"))?;
        return empty(&page);
    }
    check_node()?;

    let files = read_sources(&root)?;
    let lock = stamp_of(
        files.iter().filter(|(path, _)| path.ends_with(".npmrc") || path.ends_with("package-lock.json")),
    );
    let all = stamp_of(files.iter());
    let copy = out.join("page-source");
    let web = copy.join("web");
    if !is_stamped(&out.join("page.stamp"), &all) || !page.join("index.html").is_file() {
        forget(&out.join("page.stamp"))?;
        write_sources(&copy, &files)?;
        if !is_stamped(&out.join("npm.stamp"), &lock) || !web.join("node_modules/vite").is_dir() {
            forget(&out.join("npm.stamp"))?;
            let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
            run(
                Command::new(npm).args(["ci", "--ignore-scripts", "--omit=dev"]).current_dir(&web),
                "npm ci",
            )?;
            write(&out.join("npm.stamp"), lock.as_bytes())?;
        }
        let vite = Path::new("node_modules").join("vite").join("bin").join("vite.js");
        run(
            Command::new("node").arg(vite).arg("build").env("ASKSTREAM_PAGE_OUT", &page).current_dir(&web),
            "the Vite build",
        )?;
        write(&out.join("page.stamp"), all.as_bytes())?;
    }
    Ok(())
}

/// Says in one sentence what to install, before anything else is tried.
fn check_node() -> Result<(), String> {
    let (major, minor) = OLDEST_NODE;
    let remedy = format!(
        "install Node {major}.{minor} or newer (with npm), or set {OFF}=off to build without the page"
    );
    let Ok(answer) = Command::new("node").arg("--version").output() else {
        return Err(format!("the page is built with Node, which was not found: {remedy}"));
    };
    let version = String::from_utf8_lossy(&answer.stdout).trim().to_string();
    match parse_version(&version) {
        Some(found) if found >= OLDEST_NODE => Ok(()),
        _ => Err(format!("the page cannot be built with Node {version}: {remedy}")),
    }
}

/// Major and minor of `v20.19.0`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Every source by its path below the root, in a fixed order.
fn read_sources(root: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, String> {
    let mut files = BTreeMap::new();
    for source in SOURCES.iter().chain([&EXAMPLES]) {
        collect(root, Path::new(source), &mut files)
            .map_err(|why| format!("{source} cannot be read: {why}"))?;
    }
    Ok(files)
}

/// Symbolic links are skipped: what is built is what the repository holds.
fn collect(root: &Path, path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    let full = root.join(path);
    let kind = fs::symlink_metadata(&full)?.file_type();
    if kind.is_dir() {
        for entry in fs::read_dir(&full)? {
            collect(root, &path.join(entry?.file_name()), files)?;
        }
    } else if kind.is_file() {
        files.insert(path.to_path_buf(), fs::read(&full)?);
    }
    Ok(())
}

/// Replaces the copied sources; installed packages stay.
fn write_sources(copy: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<(), String> {
    empty(&copy.join("web").join("src"))?;
    empty(&copy.join(EXAMPLES))?;
    for (path, bytes) in files {
        let target = copy.join(path);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)
                .map_err(|why| format!("{} cannot be made: {why}", folder.display()))?;
        }
        write(&target, bytes)?;
    }
    Ok(())
}

/// Runs a command within the time limit; its output is shown when it fails.
fn run(command: &mut Command, what: &str) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| format!("{what} cannot be started: {why}"))?;
    let output = [drain(child.stdout.take()), drain(child.stderr.take())];
    let done = wait(&mut child).map_err(|why| format!("{what}: {why}"))?;
    if done == Some(true) {
        return Ok(());
    }
    let said: String = output.into_iter().filter_map(|reader| reader.join().ok()).collect();
    let how = if done.is_some() { "failed" } else { "took longer than 10 minutes and was stopped" };
    Err(format!("{said}\n{what} {how}; set {OFF}=off to build without the page"))
}

/// Whether the command succeeded, or nothing when its time was over.
fn wait(child: &mut Child) -> io::Result<Option<bool>> {
    for _ in 0..TIME_LIMIT_TICKS {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        thread::sleep(TICK);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// Reads a pipe aside, so that a talkative command never stands still.
fn drain(pipe: Option<impl io::Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read until then is worth showing all the same.
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn stamp_of<'a>(files: impl Iterator<Item = (&'a PathBuf, &'a Vec<u8>)>) -> String {
    let mut hasher = DefaultHasher::new();
    files.for_each(|file| file.hash(&mut hasher));
    format!("{:016x}", hasher.finish())
}

fn is_stamped(path: &Path, stamp: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text == stamp)
}

fn forget(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            Err(format!("{} cannot be removed: {why}", path.display()))
        }
        _ => Ok(()),
    }
}

fn empty(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            return Err(format!("{} cannot be emptied: {why}", folder.display()));
        }
        _ => {}
    }
    fs::create_dir_all(folder).map_err(|why| format!("{} cannot be made: {why}", folder.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|why| format!("{} cannot be written: {why}", path.display()))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("cargo did not set {name}"))
}
