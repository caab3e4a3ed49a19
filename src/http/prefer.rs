//! What a client would like (RFC 7240): how long to wait, how much to be told.
//!
//! Preferences are wishes: what is unknown or malformed is left out of
//! account, and of what stands twice the first counts.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::HeaderValue;

/// The longest wait. A client that would wait longer is answered then, which is within its wish.
const MAX_WAIT: u64 = 120;

/// The preferences that are honoured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `wait`: how long to wait for the end.
    pub wait: Option<Duration>,
    /// `return`: how much to be told.
    pub told: Option<Told>,
}

/// How much of a result a client wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// `return=minimal`.
    Minimal,
    /// `return=representation`, which is also what is told without a wish.
    Representation,
}

impl Prefer {
    /// The preferences of a request.
    pub fn read(headers: &HeaderMap) -> Prefer {
        let mut prefer = Prefer::default();
        let mut seen: Vec<String> = Vec::new();
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for (name, value) in values.flat_map(|value| split(value, ',')).filter_map(preference) {
            if seen.contains(&name) {
                continue;
            }
            match name.as_str() {
                "wait" => prefer.wait = seconds(&value),
                "return" => prefer.told = told(&value),
                _ => {}
            }
            seen.push(name);
        }
        prefer
    }

    /// `Preference-Applied`: what of it was done.
    pub fn applied(&self) -> Option<HeaderValue> {
        let wait = self.wait.map(|wait| format!("wait={}", wait.as_secs()));
        let told = self.told.map(|told| match told {
            Told::Minimal => "return=minimal".to_owned(),
            Told::Representation => "return=representation".to_owned(),
        });
        let applied: Vec<String> = wait.into_iter().chain(told).collect();
        if applied.is_empty() { None } else { HeaderValue::from_str(&applied.join(", ")).ok() }
    }
}

/// Name and value of one preference, without its parameters.
fn preference(text: &str) -> Option<(String, String)> {
    let text = split(text, ';').next()?;
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let value = value.trim();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => value,
    };
    let name = name.trim();
    (!name.is_empty()).then(|| (name.to_ascii_lowercase(), value.to_owned()))
}

fn seconds(value: &str) -> Option<Duration> {
    let digits = !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit());
    // More digits than a number holds are only a very long wait.
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(MAX_WAIT).min(MAX_WAIT)))
}

fn told(value: &str) -> Option<Told> {
    match value {
        "minimal" => Some(Told::Minimal),
        "representation" => Some(Told::Representation),
        _ => None,
    }
}

/// The parts of a text between separators that stand outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let is_end = c == separator && !quoted;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
        is_end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", HeaderValue::from_static(value));
        }
        let applied = Prefer::read(&headers).applied();
        applied.map(|applied| applied.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn what_can_be_done_is_said_and_the_rest_is_left() {
        let rows: [(&[&'static str], &str); 22] = [
            (&[], ""),
            (&["wait=10"], "wait=10"),
            (&["wait=0"], "wait=0"),
            (&["wait=600"], "wait=120"),
            (&["wait=99999999999999999999999"], "wait=120"),
            (&["Wait = 10"], "wait=10"),
            (&["wait=\"10\""], "wait=10"),
            (&["respond-async, wait=10"], "wait=10"),
            (&["wait=10; x=\"a,b;c\"; y, return=minimal"], "wait=10, return=minimal"),
            (&["x=\"a, wait=3\", wait=4"], "wait=4"),
            (&["x=\"a\\\", wait=3\", wait=4"], "wait=4"),
            (&["wait=1, wait=2"], "wait=1"),
            (&["return=minimal", "return=representation, wait=5"], "wait=5, return=minimal"),
            (&["return=representation"], "return=representation"),
            (&["handling=strict, foo"], ""),
            (&["wait=-1"], ""),
            (&["wait=1.5"], ""),
            (&["wait"], ""),
            (&["wait=soon, return=all"], ""),
            (&["wait=\"10"], ""),
            (&["=5, ,;,"], ""),
            (&["return=MINIMAL"], ""),
        ];
        for (values, applied) in rows {
            assert_eq!(read(values), applied, "{values:?}");
        }
    }
}
