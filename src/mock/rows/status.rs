//! Rows U55 to U79: statuses, what their headers say, and what several attempts make of it.

use std::time::Duration;

use serde_json::json;

use super::Entry;
use super::clean;
use super::every;
use crate::mock::cue::Cue;
use crate::mock::play::End;
use crate::mock::play::Framing;
use crate::mock::play::Head;
use crate::mock::play::Piece;
use crate::mock::play::Play;
use crate::mock::play::Step;
use crate::mock::wire::Form;

/// The rows of this file.
pub(super) static ENTRIES: [Entry; 60] = [
    Entry::new(55, "u55-400", "refuses the request as wrong", |cue| plain(cue, 400)),
    Entry::new(55, "u55-422", "refuses the request as one that cannot be processed", |cue| plain(cue, 422)),
    Entry::new(56, "u56-context", "says that the prompt is longer than the model reads", context),
    Entry::new(57, "u57-policy", "refuses by policy, as a 400", policy),
    Entry::new(58, "u58-401", "refuses the key", |cue| plain(cue, 401)),
    Entry::new(58, "u58-403", "forbids the request", |cue| plain(cue, 403)),
    Entry::new(59, "u59-402", "says that the credit is used up", |cue| plain(cue, 402)),
    Entry::new(60, "u60-404", "does not know the model", |cue| plain(cue, 404)),
    Entry::new(61, "u61-408", "request timeout", |cue| plain(cue, 408)),
    Entry::new(61, "u61-409", "conflict", |cue| plain(cue, 409)),
    Entry::new(61, "u61-425", "too early", |cue| plain(cue, 425)),
    Entry::new(62, "u62-413", "content too large", |cue| plain(cue, 413)),
    Entry::new(62, "u62-414", "address too long", |cue| plain(cue, 414)),
    Entry::new(63, "u63-retry-after", "429 with Retry-After: 2 (-retry-), once; then answers", |cue| {
        wait(cue, &cue.dials.retry.unwrap_or(2).to_string())
    })
    .times(1),
    Entry::new(64, "u64-http-date", "429 with a date 3 s ahead (-retry-) as Retry-After, once", |cue| {
        dated(cue, 0, cue.dials.retry.unwrap_or(3))
    })
    .times(1),
    Entry::new(64, "u64-http-date-skewed", "the same by a clock that is an hour ahead", |cue| {
        dated(cue, 3600, cue.dials.retry.unwrap_or(3))
    })
    .times(1),
    Entry::new(65, "u65-3600", "429 with Retry-After: 3600", |cue| wait(cue, "3600")),
    Entry::new(65, "u65-negative", "429 with Retry-After: -1", |cue| wait(cue, "-1")),
    Entry::new(65, "u65-soon", "429 with Retry-After: soon", |cue| wait(cue, "soon")),
    Entry::new(65, "u65-past", "429 with a date in the past as Retry-After", |cue| {
        wait(cue, "Fri, 01 Jan 2021 00:00:00 GMT")
    }),
    Entry::new(65, "u65-huge", "429 with Retry-After: 10^20", |cue| wait(cue, "100000000000000000000")),
    Entry::new(66, "u66-429", "429 for ever", |cue| plain(cue, 429)),
    Entry::new(67, "u67-429-storm", "429 with Retry-After: 1 to the first 50 attempts (-times-)", |cue| {
        wait(cue, &cue.dials.retry.unwrap_or(1).to_string())
    })
    .times(50),
    Entry::new(68, "u68-500", "500, once (-times-); then answers", |cue| plain(cue, 500)).times(1),
    Entry::new(69, "u69-502", "502 for ever", |cue| plain(cue, 502)),
    Entry::new(69, "u69-503", "503 for ever", |cue| plain(cue, 503)),
    Entry::new(69, "u69-504", "504 for ever", |cue| plain(cue, 504)),
    Entry::new(69, "u69-520", "520 for ever", |cue| plain(cue, 520)),
    Entry::new(69, "u69-521", "521 for ever", |cue| plain(cue, 521)),
    Entry::new(69, "u69-522", "522 for ever", |cue| plain(cue, 522)),
    Entry::new(69, "u69-523", "523 for ever", |cue| plain(cue, 523)),
    Entry::new(69, "u69-524", "524 for ever", |cue| plain(cue, 524)),
    Entry::new(69, "u69-529", "529 for ever", |cue| plain(cue, 529)),
    Entry::new(70, "u70-501", "501", |cue| plain(cue, 501)),
    Entry::new(70, "u70-505", "505", |cue| plain(cue, 505)),
    Entry::new(71, "u71-same-host", "redirects to another path of the same server", |cue| {
        redirect(&format!("http://{}/v1/elsewhere", cue.here))
    }),
    Entry::new(71, "u71-other-host", "redirects to another host", |_| redirect("https://other.invalid/v1")),
    Entry::new(71, "u71-loop", "redirects to itself", |cue| redirect(&cue.path)),
    Entry::new(71, "u71-downgrade", "redirects from https to http", |_| redirect("http://other.invalid/v1")),
    Entry::new(71, "u71-metadata", "redirects to the address where clouds keep credentials", |_| {
        redirect("http://169.254.169.254/latest/meta-data/")
    }),
    Entry::new(72, "u72-204", "204 without a body", |_| Play::status(204, &[], b"")),
    Entry::new(72, "u72-206", "206 with a part of an answer", |_| {
        Play::status(206, &[("content-range", "bytes 0-1/9")], b"{}")
    }),
    Entry::new(72, "u72-1xx-only", "103 again and again, and never an answer", hints_only),
    Entry::new(72, "u72-999", "a status of 999", |cue| plain(cue, 999)),
    Entry::new(72, "u72-http09", "a body without any head", |_| {
        Play::raw("<html>HTTP/0.9 had no heads</html>\n", End::Fin)
    }),
    Entry::new(72, "u72-garbage", "a first line that is not HTTP", |_| {
        Play::raw("SSH-2.0-OpenSSH_9.6\r\n\r\n", End::Fin)
    }),
    Entry::new(73, "u73-long", "an error body of 10 MB", |cue| {
        Play::json(500, &[], &cue.form.wire().error(500, &"x".repeat(10_000_000)))
    }),
    Entry::new(73, "u73-html", "an error that is a web page", |_| {
        Play::status(
            502,
            &[("content-type", "text/html")],
            b"<html><title>Bad gateway</title><h1>nginx</h1></html>",
        )
    }),
    Entry::new(73, "u73-echo-key", "an error that repeats the request's key", |cue| {
        let message = format!("Incorrect API key provided: {}.", cue.key);
        Play::json(401, &[], &cue.form.wire().error(401, &message))
    }),
    Entry::new(74, "u74-flap", "503 during the first 60 s (-every-), then answers", flap),
    Entry::new(
        75,
        "u75-brown-out",
        "500 to 30 of 100 attempts (-percent-), the same ones every time",
        brown_out,
    ),
    Entry::elsewhere(76, "u76", "a cancelled probe is the client's doing: ask u9-silent and hang up"),
    Entry::elsewhere(77, "u77", "all endpoints down: start the lab several times, and stop it"),
    Entry::elsewhere(
        78,
        "u78",
        "one of two queries fails: give them different models, such as audit and u69-503",
    ),
    Entry::elsewhere(
        79,
        "u79",
        "five of six are slow: give them different models, such as echo and u9-silent",
    ),
    Entry::new(61, "u61-408-close", "request timeout, and the connection is closed", |cue| {
        plain(cue, 408).then(End::Fin)
    }),
    Entry::new(69, "u69-503-retry-after", "503 with Retry-After: 2 (-retry-)", |cue| {
        let retry = cue.dials.retry.unwrap_or(2).to_string();
        Play::json(503, &[("retry-after", &retry)], &error(cue, 503))
    }),
    Entry::new(66, "u66-should-not-retry", "429 with x-should-retry: false", |cue| {
        Play::json(429, &[("x-should-retry", "false")], &error(cue, 429))
    }),
    Entry::new(63, "u63-retry-after-ms", "429 with retry-after-ms: 2000, once; then answers", |cue| {
        let millis = (cue.dials.retry.unwrap_or(2) * 1000).to_string();
        Play::json(429, &[("retry-after-ms", &millis)], &error(cue, 429))
    })
    .times(1),
    Entry::new(58, "u58-401-www-authenticate", "refuses the key, and asks for another scheme", |cue| {
        Play::json(401, &[("www-authenticate", "Bearer")], &error(cue, 401))
    }),
];

/// The status of the dials.
pub(super) fn any(cue: &Cue) -> Play {
    let status = cue.dials.status.unwrap_or(500);
    match cue.dials.retry {
        Some(seconds) => {
            let seconds = seconds.to_string();
            Play::json(status, &[("retry-after", &seconds)], &error(cue, status))
        }
        None => plain(cue, status),
    }
    .after(cue.dials.first.unwrap_or_default())
}

fn error(cue: &Cue, status: u16) -> serde_json::Value {
    let message = match status {
        404 => format!("The model `{}` does not exist or you do not have access to it.", cue.meta.model),
        _ => format!("The fault lab was asked for a {status}."),
    };
    cue.form.wire().error(status, &message)
}

fn plain(cue: &Cue, status: u16) -> Play {
    match status {
        100..=199 | 204 | 304 => Play::status(status, &[], b""),
        _ => Play::json(status, &[], &error(cue, status)),
    }
}

fn wait(cue: &Cue, retry_after: &str) -> Play {
    let date = http_date(cue.meta.created);
    Play::json(429, &[("date", &date), ("retry-after", retry_after)], &error(cue, 429))
}

/// By a clock that is `ahead` of ours.
fn dated(cue: &Cue, ahead: i64, seconds: u64) -> Play {
    let now = cue.meta.created + ahead;
    let then = http_date(now.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX)));
    Play::json(429, &[("date", &http_date(now)), ("retry-after", &then)], &error(cue, 429))
}

fn http_date(seconds: i64) -> String {
    let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn context(cue: &Cue) -> Play {
    let message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 \
        tokens. Please reduce the length of the messages.";
    let mut error = cue.form.wire().error(400, message);
    match cue.form {
        Form::OpenAi => error["error"]["code"] = "context_length_exceeded".into(),
        Form::Anthropic => {
            error["error"]["message"] = "prompt is too long: 209000 tokens > 200000 maximum".into()
        }
        Form::Gemini { .. } => {
            let message =
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).";
            error["error"]["message"] = message.into();
        }
    }
    Play::json(400, &[], &error)
}

fn policy(cue: &Cue) -> Play {
    let mut error = cue.form.wire().error(400, "The request was refused as it violates the usage policy.");
    if cue.form == Form::OpenAi {
        error["error"]["code"] = "content_policy_violation".into();
        error["error"]["inner_error"] = json!({"code": "ResponsibleAIPolicyViolation"});
    }
    Play::json(400, &[], &error)
}

fn redirect(location: &str) -> Play {
    Play::status(307, &[("location", location)], b"")
}

fn hints_only(cue: &Cue) -> Play {
    let piece = Piece::Head(Head::new(103, &[], Framing::None));
    Play { steps: vec![Step::Repeat { piece, times: u64::MAX, pause: every(cue, 1000) }], end: End::Fin }
}

fn flap(cue: &Cue) -> Play {
    if cue.since_first < every(cue, 60_000) { plain(cue, 503) } else { clean(cue) }
}

/// A sequence that is the same in every run, so that a test can count on it.
fn brown_out(cue: &Cue) -> Play {
    let mixed =
        cue.attempt.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let fails = (mixed >> 33) % 100 < cue.dials.percent.unwrap_or(30);
    if fails { plain(cue, 500) } else { clean(cue).after(Duration::ZERO) }
}
