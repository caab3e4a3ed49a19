//! The fault lab as a person starts it: the command of the real binary.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;

use serde_json::Value;

use super::PATIENCE;
use super::eventually;
use super::server::CANARY;
use super::server::command;
use super::temp::Temp;

/// A running lab; killed when dropped.
pub struct Lab {
    /// Where it listens, as the beginning of a URL.
    pub url: String,
    files: Temp,
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    reading: Option<JoinHandle<()>>,
}

/// One attempt as the lab logged it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The connection's number.
    pub connection: u64,
    /// When it began, in milliseconds since the lab did.
    pub at: u64,
    /// How long it took, in milliseconds.
    pub took: u64,
}

impl Lab {
    /// Starts it on a free port with these flags beside.
    pub fn start(flags: &[&str]) -> Lab {
        let files = Temp::new();
        let mut child = command(&files)
            .args(["mock", "--port", "0", "--print-url", "--ca-file"])
            .arg(files.path().join("ca.pem"))
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = said.next().unwrap().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&lines);
        let reading = std::thread::spawn(move || {
            for line in said.map_while(Result::ok) {
                told.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Lab { url, files, child, lines, reading: Some(reading) }
    }

    /// The file with its authority's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// The certificate of its authority.
    pub fn authority(&self) -> String {
        std::fs::read_to_string(self.ca_file()).unwrap()
    }

    /// The address that it prints under this name.
    pub fn port(&self, name: &str) -> String {
        let mut found = None;
        eventually(name, PATIENCE, || {
            found = self.lines().iter().find_map(|line| line[name].as_str().map(str::to_owned));
            found.is_some()
        });
        found.unwrap()
    }

    /// `GET /stats`.
    pub fn stats(&self) -> Value {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(b"GET /stats HTTP/1.1\r\nhost: lab\r\n\r\n").unwrap();
        let mut reader = BufReader::new(socket);
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line).unwrap() > 2 {
            let (name, value) = line.trim().split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// A count of a model.
    pub fn count(&self, model: &str, what: &str) -> u64 {
        self.stats()["models"][model][what].as_u64().unwrap_or(0)
    }

    /// What it tells of attempts, once there are so many.
    pub fn attempts(&self, count: usize) -> Vec<Value> {
        self.told("attempt", count, |_| true)
    }

    /// The attempts at a model that are over, once there are so many, in the order in which they began.
    pub fn seen(&self, model: &str, least: usize) -> Vec<Seen> {
        let number = |line: &Value, key: &str| line[key].as_u64().unwrap();
        let seen = |line: &Value| Seen {
            connection: number(line, "connection"),
            at: number(line, "at_ms"),
            took: number(line, "ms"),
        };
        let told = self.told("attempt", least, |line| line["model"] == model);
        let mut seen: Vec<Seen> = told.iter().map(seen).collect();
        seen.sort_by_key(|seen| seen.at);
        seen
    }

    /// Waits until the lab has logged the end of a connection.
    pub fn closed(&self, connection: u64) {
        self.told("connection", 1, |line| line["connection"] == connection);
    }

    /// Its lines of this kind, once there are so many.
    fn told(&self, kind: &str, least: usize, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut told = Vec::new();
        eventually("the lab tells what it saw", PATIENCE, || {
            told = self.lines();
            told.retain(|line| line["seen"] == kind && wanted(line));
            told.len() >= least
        });
        told
    }

    fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.reading.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            let told = self.lines();
            assert!(
                told.iter().all(|line| !line.to_string().contains(CANARY)),
                "the lab told the key: {told:?}"
            );
        }
    }
}
