//! The upstream rows of the fault matrix, U1 to U79: each is played by the real server against the
//! real fault lab, and compared with what must happen.
//!
//! `cargo test --test it upstream -- --nocapture` prints the table: what is expected, what happens
//! today where that differs and why, and how many rows are as designed.
//!
//! # To add a row
//!
//! Write it where its number belongs: [`connection`] (U1 to U17), [`body`] (U18 to U54) or
//! [`status`] (U55 to U79), as `row(NUMBER, "MODEL")` with a model of the lab
//! (`askstream mock --list`; dials such as `-once` make it quick). Without more words it streams
//! and has a fallback that answers cleanly; `whole`, `both`, `alone`, `json`, `at`, `clock`,
//! `limits` and `runs` ask otherwise. Then say how it ends:
//!
//! - `expect` is what the fault matrix says, whatever the engine does.
//! - `today` is what the engine does instead, and why. Mending the engine turns the row red; take
//!   `today` away then.
//! - `lacks` names what is not there yet and cannot be seen in an outcome.
//! - `needs` says why a machine cannot play it, if so.
//!
//! What takes more than runs of one query is a scene in [`scenes`]. Every row is followed by a
//! healthy run, and by a look whether its sockets are closed and its key was kept secret; every
//! stream is held against the contract. Each row has providers of its own, so that what the server
//! remembers of one does not touch the others.

mod bench;
mod body;
mod connection;
mod row;
mod scenes;
mod status;
mod table;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::thread::scope;

use bench::Bench;
use bench::Case;
use row::Row;
use table::Line;
use table::Verdict;

/// Rows that are played at once, each by a lab of its own.
const AT_ONCE: usize = 10;

fn rows() -> Vec<Row> {
    [connection::rows(), body::rows(), status::rows()].concat()
}

/// Every row in each of its forms.
fn cases() -> Vec<Case> {
    let rows = rows().into_iter();
    let forms =
        rows.flat_map(|row| row.forms.iter().map(move |form| (row.clone(), *form)).collect::<Vec<_>>());
    let name = |row: &Row, at: usize| {
        let model = row.model.to_ascii_lowercase();
        format!("{}-n{at}", &model[..model.len().min(50)])
    };
    forms
        .enumerate()
        .map(|(at, (row, form))| Case { name: name(&row, at), lab: at % AT_ONCE, row, form })
        .collect()
}

/// A model's name without its dials.
fn without_dials(model: &str) -> String {
    const DIALS: [&str; 8] = ["first", "total", "every", "tokens", "times", "percent", "retry", "status"];
    let words: Vec<&str> = model.split('-').collect();
    let is_number = |at: usize| words.get(at).is_some_and(|word| word.parse::<u64>().is_ok());
    let is_dial = |at: usize| DIALS.contains(&words[at]) && is_number(at + 1);
    let stays = |at: &usize| words[*at] != "once" && !is_dial(*at) && (*at == 0 || !is_dial(*at - 1));
    (0..words.len()).filter(stays).map(|at| words[at]).collect::<Vec<_>>().join("-")
}

/// Plays one case, or says why not.
fn verdict(bench: &Bench, case: &Case) -> Verdict {
    if let Err(why) = (case.row.needs)() {
        return Verdict::NotHere(why);
    }
    match catch_unwind(AssertUnwindSafe(|| bench.play(case))) {
        Ok(told) => Verdict::of(&case.row, told),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            Verdict::Broken(text.lines().next().unwrap_or_default().to_owned())
        }
    }
}

fn play(bench: &Bench, cases: &[Case]) -> Vec<Line> {
    let turns = |lab: usize| cases.iter().filter(move |case| case.lab == lab);
    let mut lines: Vec<Line> = scope(|threads| {
        let play = |case: &Case| Line { case: case.clone(), verdict: verdict(bench, case) };
        let playing: Vec<_> =
            (0..AT_ONCE).map(|lab| threads.spawn(move || turns(lab).map(play).collect::<Vec<_>>())).collect();
        playing.into_iter().flat_map(|lines| lines.join().unwrap()).collect()
    });
    let place = |line: &Line| cases.iter().position(|case| case.name == line.case.name);
    lines.sort_by_key(|line| (line.case.row.number, place(line)));
    lines
}

#[test]
fn each_row_ends_as_the_table_says() {
    let cases = cases();
    let bench = Bench::start(&cases, AT_ONCE);
    let lines = play(&bench, &cases);
    table::print(&lines);
    let wrong: Vec<String> = lines.iter().filter(|line| line.verdict.is_wrong()).map(Line::text).collect();
    assert!(wrong.is_empty(), "{} rows do not end as the table says:\n{}", wrong.len(), wrong.join("\n"));
    bench.rests();
}

#[test]
fn the_table_has_every_row_and_every_model_of_the_lab() {
    let rows = rows();
    let numbers: BTreeSet<u8> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=79).collect());
    let models: BTreeSet<String> = rows.iter().map(|row| without_dials(row.model)).collect();
    for listed in askstream::mock::catalogue().iter().filter(|listed| listed.row > 0) {
        assert!(models.contains(listed.name), "no row asks {}", listed.name);
    }
}

#[test]
fn every_row_has_an_outcome_and_what_differs_today_a_reason() {
    for row in rows() {
        assert!(!row.expected.is_empty(), "{}", row.model);
        if let Some((_, why)) = row.today {
            assert!(why.len() > 10, "{}", row.model);
        }
    }
}
