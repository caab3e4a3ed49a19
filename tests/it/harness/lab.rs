//! The fault lab as a person starts it: the command of the real binary.

use std::io::BufRead;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Child;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;

use serde_json::Value;

use super::PATIENCE;
use super::eventually;
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

    /// What it tells of attempts, once there are so many.
    pub fn attempts(&self, count: usize) -> Vec<Value> {
        let attempts = || -> Vec<Value> {
            let lines = self.lines.lock().unwrap();
            lines.iter().filter(|line| line["seen"] == "attempt").cloned().collect()
        };
        eventually("the lab tells of its attempts", PATIENCE, || attempts().len() >= count);
        attempts()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.reading.take().map(JoinHandle::join);
    }
}
