//! One row of the table: what is asked, and how it must end.

use std::fmt;

use super::bench::Bench;
use super::bench::Case;
use crate::harness::Panel;

/// Where the first target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A lab that plays one row at a time, so that no other's broken connection is taken over.
    Lab,
    /// A lab that speaks TLS in this way.
    Tls(&'static str),
    /// A port that refuses connections.
    Closed,
    /// A port whose queue is full.
    Full,
    /// The lab, by a name that `preload/names.c` looks up.
    Name(&'static str),
}

/// How answers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Stream,
    Whole,
}

/// How a row is played.
#[derive(Clone, Copy)]
pub enum Play {
    /// So many runs of its panel, one after the other; the last one's outcome counts.
    Runs(u32),
    /// A story of its own, which tells what happened in words.
    Scene(fn(&Bench, &Case) -> String),
}

/// One row, or a variant of it.
#[derive(Clone)]
pub struct Row {
    pub number: u8,
    /// The lab's model, with dials.
    pub model: &'static str,
    pub forms: &'static [Form],
    pub at: At,
    /// Whether another target follows.
    pub fallback: bool,
    /// Whether the answer must be JSON.
    pub json: bool,
    /// Clocks of the first target's provider, as lines of TOML.
    pub clock: &'static str,
    /// Limits of the panel, as lines of TOML.
    pub limits: &'static str,
    /// Bytes of the question.
    pub question: usize,
    /// What a failure must say somewhere.
    pub says: Option<&'static str>,
    /// Milliseconds within which the query must end, and before which it must not.
    pub time: (u64, u64),
    pub play: Play,
    /// What is special about how it is played, for people.
    pub how: &'static str,
    /// Panels of a scene; without them there is one with one query.
    pub panels: Option<fn(&Case) -> Vec<Panel>>,
    /// Why this machine cannot play it, if so.
    pub needs: fn() -> Result<(), &'static str>,
    pub expected: String,
    pub today: Option<(String, &'static str)>,
}

/// A row that streams from a lab and has a fallback.
pub fn row(number: u8, model: &'static str) -> Row {
    Row {
        number,
        model,
        forms: &[Form::Stream],
        at: At::Lab,
        fallback: true,
        json: false,
        clock: "",
        limits: "",
        question: 1,
        says: None,
        time: (0, 30_000),
        play: Play::Runs(1),
        how: "",
        panels: None,
        needs: || Ok(()),
        expected: String::new(),
        today: None,
    }
}

impl Row {
    /// Asked for one body instead of a stream.
    pub fn whole(self) -> Row {
        Row { forms: &[Form::Whole], ..self }
    }

    /// Once streaming and once not.
    pub fn both(self) -> Row {
        Row { forms: &[Form::Stream, Form::Whole], ..self }
    }

    /// Without a fallback.
    pub fn alone(self) -> Row {
        Row { fallback: false, ..self }
    }

    pub fn at(self, at: At) -> Row {
        Row { at, ..self }
    }

    /// The answer must fit a schema.
    pub fn json(self) -> Row {
        Row { json: true, ..self }
    }

    pub fn clock(self, clock: &'static str) -> Row {
        Row { clock, ..self }
    }

    pub fn limits(self, limits: &'static str) -> Row {
        Row { limits, ..self }
    }

    /// A question of so many bytes.
    pub fn question(self, question: usize) -> Row {
        Row { question, ..self }
    }

    pub fn says(self, words: &'static str) -> Row {
        Row { says: Some(words), ..self }
    }

    pub fn within(self, millis: u64) -> Row {
        Row { time: (self.time.0, millis), ..self }
    }

    pub fn not_before(self, millis: u64) -> Row {
        Row { time: (millis, self.time.1), ..self }
    }

    /// So many runs, one after the other.
    pub fn runs(self, runs: u32) -> Row {
        Row { play: Play::Runs(runs), ..self }
    }

    pub fn scene(self, how: &'static str, scene: fn(&Bench, &Case) -> String) -> Row {
        Row { play: Play::Scene(scene), how, ..self }
    }

    pub fn panels(self, panels: fn(&Case) -> Vec<Panel>) -> Row {
        Row { panels: Some(panels), ..self }
    }

    pub fn needs(self, needs: fn() -> Result<(), &'static str>) -> Row {
        Row { needs, ..self }
    }

    /// What resilience.md says.
    pub fn expect(self, outcome: impl fmt::Display) -> Row {
        Row { expected: outcome.to_string(), ..self }
    }

    /// What happens instead today, and why.
    #[allow(dead_code, reason = "nothing differs at present")]
    pub fn today(self, outcome: impl fmt::Display, why: &'static str) -> Row {
        Row { today: Some((outcome.to_string(), why)), ..self }
    }

    /// What is not there yet, and cannot be seen in the outcome.
    #[allow(dead_code, reason = "nothing is lacking at present")]
    pub fn lacks(self, why: &'static str) -> Row {
        let outcome = self.expected.clone();
        self.today(outcome, why)
    }
}

/// How a run of one query ended, as far as a row speaks of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub run: String,
    pub query: String,
    /// Who answered.
    pub by: Option<By>,
    /// Code of the failure, with the clock that ran out.
    pub error: Option<String>,
    /// Codes of the attempts that were given up for another.
    pub retries: Vec<String>,
    /// Attempts as told.
    pub attempts: u64,
    /// Attempts that the lab counted at the first target and at the fallback, in all runs.
    pub counted: (u64, u64),
    /// What else a reader would notice, in order.
    pub notes: Vec<String>,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    First,
    Fallback,
}

/// The first target answered at its first attempt.
pub fn answered() -> Outcome {
    Outcome {
        run: "completed".into(),
        query: "succeeded".into(),
        by: Some(By::First),
        attempts: 1,
        counted: (1, 0),
        ..Outcome::default()
    }
}

/// The fallback answered, after attempts at the first target that failed so.
pub fn elsewhere(tried: &[&str]) -> Outcome {
    let made = tried.len() as u64;
    let outcome = answered().after(tried);
    Outcome { by: Some(By::Fallback), counted: (made, 1), ..outcome }
}

/// Nobody answered; so many attempts at the first target failed so, and no other was asked.
pub fn failed(code: &str, attempts: u64) -> Outcome {
    Outcome {
        run: "failed".into(),
        query: "failed".into(),
        by: None,
        error: Some(code.into()),
        retries: (1..attempts).map(|_| code.to_owned()).collect(),
        attempts,
        counted: (attempts, 0),
        notes: Vec::new(),
    }
}

impl Outcome {
    /// After attempts at the same target that failed so.
    pub fn after(self, tried: &[&str]) -> Outcome {
        let attempts = tried.len() as u64 + 1;
        let retries = tried.iter().map(|&code| code.to_owned()).collect();
        Outcome { retries, attempts, counted: (attempts, 0), ..self }
    }

    /// What the lab counted, where it is not what was told.
    pub fn counted(self, first: u64, fallback: u64) -> Outcome {
        Outcome { counted: (first, fallback), ..self }
    }

    pub fn note(mut self, note: &str) -> Outcome {
        self.notes.push(note.to_owned());
        self.notes.sort();
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.run)?;
        // A run of one query ends as its query does, else it is worth telling.
        if !matches!((&*self.run, &*self.query), ("completed", "succeeded") | ("failed", "failed")) {
            write!(f, " ({})", self.query)?;
        }
        match self.by {
            Some(By::First) => f.write_str(" by first")?,
            Some(By::Fallback) => f.write_str(" by fallback")?,
            None => {}
        }
        if let Some(error) = &self.error {
            write!(f, " {error}")?;
        }
        if !self.retries.is_empty() {
            write!(f, " after {}", self.retries.join(" "))?;
        }
        write!(f, "; attempts {}, lab {}+{}", self.attempts, self.counted.0, self.counted.1)?;
        if !self.notes.is_empty() {
            write!(f, "; {}", self.notes.join(", "))?;
        }
        Ok(())
    }
}
