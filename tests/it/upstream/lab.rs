//! The fault lab as a process of its own, and what it saw.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::Value;

use crate::harness::PATIENCE;
use crate::harness::eventually;
use crate::harness::server::CANARY;
use crate::harness::server::command;
use crate::harness::temp::Temp;

/// A running `askstream mock`; killed when dropped.
pub struct Lab {
    /// Where it listens, as the beginning of a URL.
    pub url: String,
    home: Temp,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
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
    /// Starts it on a free port.
    pub fn start(args: &[&str]) -> Lab {
        let home = Temp::new();
        let mut child = command(&home)
            .args(["mock", "--port", "0", "--print-url"])
            .args(args)
            .current_dir(home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        out.read_line(&mut url).unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        keep(out, Arc::clone(&lines));
        Lab { url: url.trim().to_owned(), home, child, lines }
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

    /// The certificate of its authority.
    pub fn authority(&self) -> String {
        std::fs::read_to_string(self.home.path().join("lab-ca.pem")).unwrap()
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

    /// The attempts at a model that are over, once there are so many, in the order in which they began.
    pub fn seen(&self, model: &str, least: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        eventually("the lab logs what it saw", PATIENCE, || {
            let number = |line: &Value, key: &str| line[key].as_u64().unwrap();
            let lines = self.lines();
            let own = lines.iter().filter(|line| line["model"] == model);
            seen = own
                .map(|line| Seen {
                    connection: number(line, "connection"),
                    at: number(line, "at_ms"),
                    took: number(line, "ms"),
                })
                .collect();
            seen.len() >= least
        });
        seen.sort_by_key(|seen| seen.at);
        seen
    }

    /// Waits until the lab has logged the end of a connection.
    pub fn closed(&self, connection: u64) {
        eventually("the lab closes a connection", PATIENCE, || {
            let ends = |line: &Value| line["seen"] == "connection" && line["connection"] == connection;
            self.lines().iter().any(ends)
        });
    }

    fn lines(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

fn keep(out: BufReader<ChildStdout>, lines: Arc<Mutex<Vec<String>>>) {
    // Ends with the process, whose end of the pipe it reads.
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let told = self.lines.lock().unwrap().join("\n");
            assert!(!told.contains(CANARY), "the lab told the key:\n{told}");
        }
    }
}
