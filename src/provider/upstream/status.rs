//! What an HTTP status and its headers say about asking again.

use std::time::Duration;

use jiff::Zoned;

use super::Reply;
use crate::failure::Code;

/// The kind of failure that a status means, and whether asking again may help.
pub fn meaning(status: u16) -> (Code, bool) {
    match status {
        401 | 403 => (Code::CredentialsRefused, false),
        402 => (Code::NoCredit, false),
        404 => (Code::ModelNotFound, false),
        408 | 409 | 425 => (Code::ProviderError, true),
        429 => (Code::RateLimited, true),
        400..=499 => (Code::RequestRefused, false),
        503 | 529 => (Code::Overloaded, true),
        501 | 505 => (Code::ProviderError, false),
        500..=599 => (Code::ProviderError, true),
        300..=399 => (Code::ProviderError, false),
        _ => (Code::UnreadableAnswer, true),
    }
}

/// What the provider itself says of asking again (`x-should-retry`); it knows better than its status.
pub fn should_retry(reply: &Reply) -> Option<bool> {
    match reply.header("x-should-retry")?.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// How long the provider asks us to wait; values that make no sense count as absent.
pub fn retry_after(reply: &Reply) -> Option<Duration> {
    wait(reply.header("retry-after-ms"), reply.header("retry-after"), reply.header("date"))
}

/// Nobody is made to wait longer.
const LONGEST: Duration = Duration::from_secs(3600);

fn wait(millis: Option<&str>, after: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let millis = millis.and_then(|value| number(value, 0.001));
    let wait = millis.or_else(|| {
        let value = after?;
        number(value, 1.0).or_else(|| until(value, date?))
    })?;
    Some(wait.min(LONGEST))
}

/// A wait in seconds, if it is one.
pub fn seconds(text: &str) -> Option<Duration> {
    number(text, 1.0).map(|wait| wait.min(LONGEST))
}

fn number(value: &str, unit: f64) -> Option<Duration> {
    let value = value.trim();
    let plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = value.parse::<f64>().ok().filter(|_| plain)? * unit;
    Some(Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
}

/// By the response's own date, so that it does not matter whether our clock is right.
fn until(value: &str, date: &str) -> Option<Duration> {
    let (then, now) = (http_date(value)?, http_date(date)?);
    Duration::try_from(then.duration_since(&now)).ok().filter(|wait| !wait.is_zero())
}

fn http_date(value: &str) -> Option<Zoned> {
    jiff::fmt::rfc2822::parse(value.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_and_nonsense_is_not() {
        let date = Some("Fri, 20 Nov 2026 10:00:00 GMT");
        let cases: &[(Option<&str>, Option<&str>, Option<u64>)] = &[
            (None, Some("2"), Some(2000)),
            (None, Some("0"), Some(0)),
            (None, Some("1.5"), Some(1500)),
            (Some("250"), Some("9"), Some(250)),
            (Some("soon"), Some("9"), Some(9000)),
            (None, Some("Fri, 20 Nov 2026 10:00:03 GMT"), Some(3000)),
            (None, Some("Fri, 20 Nov 2026 09:59:00 GMT"), None),
            (None, Some("3601"), Some(3_600_000)),
            (None, Some("-1"), None),
            (None, Some("soon"), None),
            (None, Some(""), None),
            (None, Some("inf"), None),
            (None, Some("100000000000000000000"), Some(3_600_000)),
            (None, None, None),
        ];
        for (millis, after, expected) in cases {
            let expected = expected.map(Duration::from_millis);
            assert_eq!(wait(*millis, *after, date), expected, "{millis:?} {after:?}");
        }
    }
}
