//! A model's name picks a behaviour: a name of the catalogue, then dials.
//!
//! `u21-stall-first-200-once#a` is the entry `u21-stall`, its first token
//! after 200 ms, at the first attempt only, with a counter of its own.

use std::time::Duration;

use super::cue::Cue;
use super::play::Play;
use super::rows;

/// What a name may set, each as `-key-number`; `-once` is `-times-1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dials {
    /// From the request to the first token.
    pub(super) first: Option<Duration>,
    /// From the request to the end.
    pub(super) total: Option<Duration>,
    /// Between two pieces, or how long something lasts.
    pub(super) every: Option<Duration>,
    /// Pieces of the answer.
    pub(super) tokens: Option<usize>,
    /// Attempts that misbehave; later ones are answered cleanly.
    pub(super) times: Option<u64>,
    /// Attempts of a hundred that misbehave.
    pub(super) percent: Option<u64>,
    /// Seconds of `Retry-After`.
    pub(super) retry: Option<u64>,
    /// An HTTP status.
    pub(super) status: Option<u16>,
}

/// The keys of [`Dials`] in names.
pub(super) const KEYS: [&str; 8] =
    ["first", "total", "every", "tokens", "times", "percent", "retry", "status"];
/// Most pieces of an answer.
const MAX_TOKENS: u64 = 100_000;
/// The longest that anything is made to take, in milliseconds.
const LONGEST: u64 = 24 * 3600 * 1000;

/// Makes the play of one attempt.
pub(super) type Make = fn(&Cue) -> Play;

/// What a model does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behaviour {
    /// The play of a misbehaving attempt.
    pub(super) make: Make,
    pub(super) dials: Dials,
    /// The row of the fault matrix, 0 for none.
    pub(super) row: u8,
    /// Whether it answers before the request is whole.
    pub(super) is_early: bool,
}

impl Behaviour {
    /// The behaviour of this name, or why there is none.
    pub(super) fn find(name: &str) -> Result<Behaviour, String> {
        let (base, dials) = parse(name)?;
        let entry = match base.as_str() {
            "" if dials.status.is_some() => rows::find("status"),
            "" if dials.is_timing() => rows::find("timing"),
            base => rows::find(base),
        };
        let Some(entry) = entry else {
            return Err(format!("there is no model \"{name}\" here; askstream mock --list names all"));
        };
        let Some(make) = entry.make else {
            return Err(format!("a server alone cannot play {base}: {}", entry.what));
        };
        let times = dials.times.or(entry.times);
        let dials = Dials { times, ..dials };
        Ok(Behaviour { make, dials, row: entry.row, is_early: entry.is_early() })
    }

    /// The same without an end to its misbehaving.
    pub(super) fn every_time(mut self) -> Behaviour {
        self.dials.times = None;
        self
    }

    /// The play of this attempt: what is told of a fault that is over is a clean answer.
    pub(super) fn play(&self, cue: &Cue) -> Play {
        let over = self.dials.times.is_some_and(|times| cue.attempt > times);
        if over { rows::clean(cue) } else { (self.make)(cue) }
    }
}

/// The catalogue's name and the dials of a model's name.
fn parse(name: &str) -> Result<(String, Dials), String> {
    let name = name.split('#').next().unwrap_or_default().to_ascii_lowercase();
    let words: Vec<&str> = name.split('-').collect();
    let (mut base, mut dials, mut at) = (Vec::new(), Dials::default(), 0);
    while at < words.len() {
        let number = words.get(at + 1).and_then(|word| word.parse::<u64>().ok());
        match (words[at], number) {
            ("once", _) => dials.times = Some(1),
            (key, Some(number)) if KEYS.contains(&key) => {
                dials.set(key, number)?;
                at += 1;
            }
            (word, _) => base.push(word),
        }
        at += 1;
    }
    Ok((base.join("-"), dials))
}

impl Dials {
    fn is_timing(&self) -> bool {
        self.first.is_some() || self.total.is_some() || self.tokens.is_some()
    }

    fn set(&mut self, key: &str, number: u64) -> Result<(), String> {
        let time = Some(Duration::from_millis(number.min(LONGEST)));
        match key {
            "first" => self.first = time,
            "total" => self.total = time,
            "every" => self.every = time,
            "tokens" => self.tokens = Some(number.clamp(1, MAX_TOKENS) as usize),
            "times" => self.times = Some(number),
            "percent" => self.percent = Some(number.min(100)),
            "retry" => self.retry = Some(number),
            _ => {
                let status = u16::try_from(number).ok().filter(|status| (100..=999).contains(status));
                self.status = Some(status.ok_or(format!("{number} is no status"))?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let ms = |millis| Some(Duration::from_millis(millis));
        let none = Dials::default();
        let cases = [
            ("echo", "echo", none),
            ("U9-Silent", "u9-silent", none),
            ("u63-retry-after", "u63-retry-after", none),
            ("u68-500-once", "u68-500", Dials { times: Some(1), ..none }),
            ("u25-reset-times-2#b", "u25-reset", Dials { times: Some(2), ..none }),
            ("status-429-retry-2", "", Dials { status: Some(429), retry: Some(2), ..none }),
            (
                "first-300-total-600-tokens-50",
                "",
                Dials { first: ms(300), total: ms(600), tokens: Some(50), ..none },
            ),
            ("u61-408", "u61-408", none),
        ];
        for (name, base, dials) in cases {
            assert_eq!(parse(name), Ok((base.to_owned(), dials)), "{name}");
        }
        assert!(parse("status-99").is_err());
    }

    #[test]
    fn a_name_that_is_wrong_is_refused_and_not_played() {
        for name in ["", "gpt-5-mini", "u9-silence", "u21-stal", "u99", "u2", "-", "once"] {
            assert!(Behaviour::find(name).is_err(), "{name}");
        }
        for name in ["u9", "u21-stall-once", "status-503", "total-5", "audit-first-20", "u27-bad-size#x"] {
            assert!(Behaviour::find(name).is_ok(), "{name}");
        }
    }
}
