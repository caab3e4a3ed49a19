//! What the doctor found: a line for each check, a remedy where one helps, and an exit code.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::cli::Exit;

/// Columns of the name and of the verdict.
const COLUMNS: (usize, usize) = (10, 5);

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong.
    Ok,
    /// Something is to be known.
    Warn,
    /// Something will not work; an exit code that is about nothing else.
    Fail(Exit),
}

/// One check.
#[derive(Debug)]
pub struct Check {
    name: String,
    verdict: Verdict,
    /// What was found; further lines tell more.
    text: String,
    fix: Option<String>,
}

impl Check {
    /// A check of `name` that found this.
    pub fn new(name: impl Into<String>, verdict: Verdict, text: impl Into<String>) -> Check {
        Check { name: name.into(), verdict, text: text.into(), fix: None }
    }

    /// The same with what helps.
    pub fn fix(self, fix: impl Into<String>) -> Check {
        Check { fix: Some(fix.into()), ..self }
    }

    /// The same as something to be known, where it hinders nobody.
    pub fn warn(self) -> Check {
        Check { verdict: Verdict::Warn, ..self }
    }

    fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail(_) => "FAIL",
        }
    }

    fn in_words(&self) -> String {
        let (name, verdict) = COLUMNS;
        let fix = self.fix.iter().flat_map(|fix| fix.lines()).enumerate();
        let fix = fix.map(|(at, line)| format!("{:<5}{line}", if at == 0 { "fix:" } else { "" }));
        let lines: Vec<String> = self.text.lines().map(str::to_owned).chain(fix).collect();
        // A name that is longer than its column pushes its own line only.
        let first = format!("{:<name$} {:<verdict$} ", self.name, self.word());
        let next = format!("\n{}", " ".repeat(name + verdict + 2));
        format!("{first}{}", lines.join(&next))
    }

    fn json(&self) -> Value {
        let mut shown = json!({"name": self.name, "status": self.word().to_lowercase(), "text": self.text});
        if let Some(fix) = &self.fix {
            shown["fix"] = json!(fix);
        }
        shown
    }
}

/// All checks.
#[derive(Debug, Default)]
pub struct Report {
    checks: Vec<Check>,
    /// Whether anybody was asked.
    pub sent: bool,
}

impl Report {
    /// Adds checks.
    pub fn add(&mut self, checks: impl IntoIterator<Item = Check>) {
        self.checks.extend(checks);
    }

    /// What the exit code is: that of the failures if they are all about the same.
    pub fn exit(&self) -> Exit {
        let failures = self.checks.iter().filter_map(|check| match check.verdict {
            Verdict::Fail(exit) => Some(exit as u8),
            _ => None,
        });
        let kinds: BTreeSet<u8> = failures.collect();
        let is = |exit: Exit| kinds.len() == 1 && kinds.contains(&(exit as u8));
        match kinds.is_empty() {
            true => Exit::Complete,
            // It promises that nothing was sent.
            false if is(Exit::Configuration) && !self.sent => Exit::Configuration,
            false if is(Exit::Unreachable) => Exit::Unreachable,
            false if is(Exit::AddressInUse) => Exit::AddressInUse,
            false => Exit::NoResult,
        }
    }

    /// The report for people.
    pub fn in_words(&self) -> String {
        let count = |word: &str| self.checks.iter().filter(|check| check.word() == word).count();
        let some = |count: usize, one: &str| match count {
            1 => format!("1 {one}"),
            n => format!("{n} {one}s"),
        };
        let lines: String = self.checks.iter().map(|check| check.in_words() + "\n").collect();
        format!(
            "{lines}{}: {} ok, {}, {}   exit {}",
            some(self.checks.len(), "check"),
            count("ok"),
            some(count("warn"), "warning"),
            some(count("FAIL"), "failure"),
            self.exit() as u8
        )
    }

    /// The report for programs.
    pub fn json(&self) -> Value {
        let checks: Vec<Value> = self.checks.iter().map(Check::json).collect();
        json!({"schema": "askstream.doctor/1", "checks": checks, "exit": self.exit() as u8})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdicts: &[Verdict]) -> Report {
        let mut report = Report::default();
        report.add(verdicts.iter().map(|verdict| Check::new("x", *verdict, "y")));
        report
    }

    #[test]
    fn the_exit_code_is_that_of_failures_of_one_kind() {
        use Verdict::Fail;
        let cases: [(&[Verdict], bool, Exit); 7] = [
            (&[Verdict::Ok, Verdict::Warn], true, Exit::Complete),
            (&[Fail(Exit::Configuration), Verdict::Ok], false, Exit::Configuration),
            (&[Fail(Exit::Configuration)], true, Exit::NoResult),
            (&[Fail(Exit::Unreachable), Fail(Exit::Unreachable)], true, Exit::Unreachable),
            (&[Fail(Exit::AddressInUse)], true, Exit::AddressInUse),
            (&[Fail(Exit::Unreachable), Fail(Exit::AddressInUse)], true, Exit::NoResult),
            (&[Fail(Exit::NoResult)], true, Exit::NoResult),
        ];
        for (verdicts, sent, exit) in cases {
            assert_eq!(Report { sent, ..report(verdicts) }.exit(), exit, "{verdicts:?}");
        }
    }

    #[test]
    fn further_lines_and_remedies_stand_below_the_first() {
        let mut report = Report::default();
        report.add([
            Check::new("port", Verdict::Ok, "free"),
            Check::new("a-long-name", Verdict::Fail(Exit::NoResult), "refused\nasked h").fix("one\ntwo"),
        ]);
        let words = "port       ok    free\n\
                     a-long-name FAIL  refused\n                 asked h\n                 fix: one\n                      two\n\
                     2 checks: 1 ok, 0 warnings, 1 failure   exit 1";
        assert_eq!(report.in_words(), words);
    }
}
