//! What is printed in the end: each row, what must happen, what does, and the sum.

use std::collections::BTreeMap;

use super::bench::Case;
use super::row::Form;
use super::row::Play;
use super::row::Row;

/// What came of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the fault matrix says.
    AsDesigned,
    /// Not so, as the table knows, and why.
    Differs(String, &'static str),
    /// It cannot be played here, and why.
    NotHere(&'static str),
    /// Neither as designed nor as the table knows; what happened.
    Wrong(String),
    /// It was not played to its end.
    Broken(String),
}

impl Verdict {
    /// Of what a row that was played has told.
    pub fn of(row: &Row, told: String) -> Verdict {
        match &row.today {
            None if told == row.expected => Verdict::AsDesigned,
            Some((today, why)) if told == *today => Verdict::Differs(told, why),
            _ => Verdict::Wrong(told),
        }
    }

    pub fn is_wrong(&self) -> bool {
        matches!(self, Verdict::Wrong(_) | Verdict::Broken(_))
    }
}

/// A case and what came of it.
pub struct Line {
    pub case: Case,
    pub verdict: Verdict,
}

impl Line {
    pub fn text(&self) -> String {
        let row = &self.case.row;
        let mut asked = vec![if self.case.form == Form::Stream { "stream" } else { "whole" }];
        if row.json {
            asked.push("json");
        }
        if !row.fallback {
            asked.push("alone");
        }
        let runs = match row.play {
            Play::Runs(runs) if runs > 1 => format!(", run {runs}"),
            Play::Scene(_) => format!(", {}", row.how),
            _ => String::new(),
        };
        let head = format!("U{:<3}{:<34} {}{runs}", row.number, row.model, asked.join(" "));
        let expected = &row.expected;
        match &self.verdict {
            Verdict::AsDesigned => format!("yes   {head}\n            {expected}"),
            Verdict::Differs(told, why) if told == expected => {
                format!("part  {head}\n            {expected}\n    because {why}")
            }
            Verdict::Differs(told, why) => {
                format!("no    {head}\n   expected {expected}\n      today {told}\n    because {why}")
            }
            Verdict::NotHere(why) => format!("-     {head}\n            not played: {why}"),
            Verdict::Wrong(told) => {
                let today =
                    row.today.as_ref().map(|(today, _)| format!("\n      today {today}")).unwrap_or_default();
                format!("WRONG {head}\n   expected {expected}{today}\n        was {told}")
            }
            Verdict::Broken(why) => format!("WRONG {head}\n   expected {expected}\n        was {why}"),
        }
    }
}

/// How a row of the fault matrix stands: as its worst variant does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    NotHere,
    AsDesigned,
    Differs,
    Wrong,
}

fn standing(verdict: &Verdict) -> Standing {
    match verdict {
        Verdict::NotHere(_) => Standing::NotHere,
        Verdict::AsDesigned => Standing::AsDesigned,
        Verdict::Differs(..) => Standing::Differs,
        Verdict::Wrong(_) | Verdict::Broken(_) => Standing::Wrong,
    }
}

fn sum(what: &str, standings: &[Standing]) -> String {
    let count = |wanted: Standing| standings.iter().filter(|standing| **standing == wanted).count();
    let wrong = match count(Standing::Wrong) {
        0 => String::new(),
        wrong => format!(", {wrong} WRONG"),
    };
    format!(
        "{}/{} {what} as designed, {} differ, {} cannot be played here{wrong}",
        count(Standing::AsDesigned),
        standings.len(),
        count(Standing::Differs),
        count(Standing::NotHere),
    )
}

/// Prints all lines and the sums.
pub fn print(lines: &[Line]) {
    let mut rows: BTreeMap<u8, Standing> = BTreeMap::new();
    for line in lines {
        let standing = standing(&line.verdict);
        let worst = rows.entry(line.case.row.number).or_insert(standing);
        *worst = standing.max(*worst);
    }
    let text: Vec<String> = lines.iter().map(Line::text).collect();
    let cases: Vec<Standing> = lines.iter().map(|line| standing(&line.verdict)).collect();
    let rows: Vec<Standing> = rows.into_values().collect();
    eprintln!("{}\n\n{}\n{}", text.join("\n"), sum("variants", &cases), sum("rows", &rows));
}
