//! Reading the body of a request: its type, its size, its pace, its JSON.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header;
use futures_util::Stream;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio::time::timeout_at;

use super::Settings;
use super::problem::Code;
use super::problem::Problem;
use crate::ask::json;
use crate::ask::json::BadJson;

/// What a body gets before its pace counts.
const START: Duration = Duration::from_secs(10);
/// The slowest pace afterwards, in bytes a second.
const PACE: u64 = 1024;
/// How much of a body that is too large is still read, so that its sender gets to read our answer.
const DISCARD: usize = 32 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// Reads a JSON body within the limits of the settings.
///
/// # Errors
/// A [`Problem`] that names what is wrong with type, size, pace or text.
pub async fn json(headers: &HeaderMap, body: Body, settings: &Settings) -> Result<Value, Problem> {
    check_type(headers)?;
    let bytes = bytes(headers, body, settings).await?;
    json::parse(&bytes).map_err(|bad| match bad {
        BadJson::Syntax(why) => Problem::new(Code::InvalidJson, format!("the body is not JSON: {why}")),
        BadJson::Faults(faults) => Problem::invalid(faults),
    })
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let found = if kind.is_empty() { "no content type" } else { kind };
        let detail = format!("expected a body of type application/json, found {found}");
        return Err(Problem::new(Code::UnsupportedMediaType, detail)
            .hint("With curl: -H 'content-type: application/json'"));
    }
    Ok(())
}

/// Reads a body within the limits of the settings, whatever its type.
///
/// # Errors
/// A [`Problem`] that names what is wrong with size or pace.
pub async fn bytes(headers: &HeaderMap, body: Body, settings: &Settings) -> Result<Vec<u8>, Problem> {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => read(headers, body, settings).await,
        Some(_) => Err(Problem::new(Code::UnsupportedMediaType, "compressed bodies are not read")),
    }
}

async fn read(headers: &HeaderMap, body: Body, settings: &Settings) -> Result<Vec<u8>, Problem> {
    let limit = settings.body_limit;
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let too_large = || {
        let found = declared.map(|bytes| format!(", this one has {bytes}")).unwrap_or_default();
        Problem::new(Code::PayloadTooLarge, format!("the body may have at most {limit} bytes{found}")).hint(
            "Send less at once, for example the bill without the sheets and rows that do not belong to it.",
        )
    };
    let declared_too_large = declared.is_some_and(|bytes| bytes > limit as u64);
    // A client that asks first has sent nothing yet and reads our answer at once.
    if declared_too_large && headers.contains_key(header::EXPECT) {
        return Err(too_large());
    }
    let begun = Instant::now();
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    loop {
        let due = begun + allowed(bytes.len(), settings.body_timeout);
        let chunk = timeout_at(due, chunks.next()).await.map_err(|_| too_slow(settings.body_timeout))?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        let chunk = chunk.map_err(|_| Problem::new(Code::InvalidJson, "the body broke off"))?;
        if declared_too_large || bytes.len() + chunk.len() > limit {
            discard(chunks).await;
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// How long a body may have taken of which this much has come.
fn allowed(bytes: usize, whole: Duration) -> Duration {
    whole.min(START + Duration::from_millis(bytes as u64 * 1000 / PACE))
}

fn too_slow(whole: Duration) -> Problem {
    let detail =
        format!("the body must come within {whole:?}, and after {START:?} at {PACE} bytes a second or more");
    // The rest of it would be read as the next request.
    Problem::new(Code::RequestTimeout, detail).close()
}

/// Reads a body that nobody wants, within limits, so that its sender gets to read our answer.
pub async fn forgo(body: Body) {
    discard(body.into_data_stream()).await;
}

/// Reads on for a while and keeps nothing.
async fn discard<B: AsRef<[u8]>, E>(mut chunks: impl Stream<Item = Result<B, E>> + Unpin) {
    let mut left = DISCARD;
    let _ = timeout(DISCARD_TIME, async {
        while let Some(Ok(chunk)) = chunks.next().await {
            left = left.saturating_sub(chunk.as_ref().len());
            if left == 0 {
                break;
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tokio::time::sleep;

    /// A body of `count` pieces of `size` bytes, one every `every`.
    fn dripping(count: usize, size: usize, every: Duration) -> Body {
        Body::from_stream(async_stream::stream! {
            for _ in 0..count {
                sleep(every).await;
                yield Ok::<_, Infallible>(vec![b' '; size]);
            }
        })
    }

    async fn time_of(body: Body) -> (bool, Duration) {
        let begun = Instant::now();
        let settings = Settings { body_timeout: Duration::from_secs(30), ..Settings::default() };
        let read = read(&HeaderMap::new(), body, &settings).await;
        let slow = read.as_ref().is_err_and(|problem| problem.body("")["code"] == "request_timeout");
        assert!(slow || read.is_ok());
        (slow, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_must_keep_its_pace() {
        let second = Duration::from_secs(1);
        // Pieces, their size, the time between them; whether it is cut off, and when at the latest.
        let rows = [
            (8, 1, second, false, 8),
            (25, 1100, second, false, 25),
            (60, 1, second, true, 11),
            (60, 512, second, true, 20),
            (60, 2048, second, true, 30),
            (2, 100_000, 9 * second, false, 18),
            (1, 1, 11 * second, true, 10),
        ];
        for (count, size, every, cut, within) in rows {
            let (slow, time) = time_of(dripping(count, size, every)).await;
            assert_eq!(slow, cut, "{count} x {size}");
            assert!(time <= within * second + Duration::from_millis(5), "{count} x {size}: {time:?}");
        }
    }
}
