//! The adapter against real sockets.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::failure::Code;
use crate::failure::Failure;
use crate::provider::Chunk;
use crate::provider::Finish;
use crate::provider::Place;
use crate::provider::Provider;
use crate::provider::fake;
use crate::provider::fake::Fake;
use crate::provider::fake::KEY;
use crate::provider::fake::Turn;
use crate::provider::fake::body;
use crate::provider::upstream::Client;
use crate::provider::upstream::address;
use crate::provider::upstream::server::Server;
use crate::provider::upstream::server::Settings;

const ANSWER: &str = include_str!("../../../tests/fixtures/gemini/text.txt");

fn provider(settings: Settings) -> Server<Gemini> {
    Server::new(Gemini, Settings { api_key: Some(KEY.into()), ..settings }, Client::default()).unwrap()
}

fn settings(base_url: &str) -> Settings {
    Settings::new("acme".parse().unwrap(), base_url)
}

fn call() -> Call {
    Call { max_tokens: Some(100), ..fake::call() }
}

async fn failure(turn: Turn) -> Failure {
    fake::failure(|base_url| provider(settings(base_url)), turn).await
}

async fn ask(provider: &Server<Gemini>) -> Vec<Result<Chunk, Failure>> {
    provider.ask(call()).collect().await
}

fn error(code: u16, status: &str, message: &str, details: Value) -> String {
    json!({"error": {"code": code, "status": status, "message": message, "details": details}}).to_string()
}

#[tokio::test]
async fn an_answer_arrives_in_order_and_the_request_is_whole() {
    let fake = Fake::start(vec![Turn::stream(ANSWER)]).await;
    let chunks: Vec<Chunk> =
        ask(&provider(settings(&fake.url()))).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(chunks.first(), Some(&Chunk::Sent));
    assert!(
        matches!(chunks[chunks.len() - 2..], [Chunk::Usage(usage), Chunk::End(Finish::Stop)] if usage.total_tokens == 31)
    );
    let request = fake.requests().remove(0);
    let line = "POST /v1/models/m-1:streamGenerateContent?alt=sse HTTP/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
    assert!(request.contains(&format!("x-goog-api-key: {KEY}\r\n")), "{request}");
    assert_eq!(
        body(&request),
        json!({
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [{"role": "user", "parts": [{"text": "Is it safe?"}]}],
            "generationConfig": {"temperature": 0.3, "maxOutputTokens": 100,
                "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
                "thinkingConfig": {"includeThoughts": true}},
        })
    );
}

#[tokio::test]
async fn a_whole_answer_is_asked_for_without_a_stream() {
    let whole = r#"{"candidates":[{"content":{"parts":[{"text":"{}"}]},"finishReason":"STOP"}]}"#;
    let fake = Fake::start(vec![Turn::status(200, "content-type: application/json\r\n", whole)]).await;
    let chunks = ask(&provider(Settings { stream: false, ..settings(&fake.url()) })).await;
    assert!(chunks.contains(&Ok(Chunk::Text("{}".into()))), "{chunks:?}");
    assert_eq!(chunks.last(), Some(&Ok(Chunk::End(Finish::Stop))));
    let request = &fake.requests()[0];
    assert!(request.starts_with("POST /v1/models/m-1:generateContent HTTP/1.1\r\n"), "{request}");
    assert_eq!(body(request)["generationConfig"].get("thinkingConfig"), None);
}

#[test]
fn a_models_name_stays_in_its_segment() {
    let base = address::url("https://h/v1beta?x=1", "").unwrap();
    let cases = [
        ("m-1", "https://h/v1beta/models/m-1:generateContent?x=1"),
        ("models/m-1", "https://h/v1beta/models/m-1:generateContent?x=1"),
        ("tunedModels/t", "https://h/v1beta/tunedModels/t:generateContent?x=1"),
        ("../a/b?c#d", "https://h/v1beta/models/..%2Fa%2Fb%3Fc%23d:generateContent?x=1"),
        ("..", "https://h/v1beta/models/..:generateContent?x=1"),
    ];
    for (model, url) in cases {
        assert_eq!(Gemini.url(&base, model, false).as_str(), url);
    }
    let streamed = Gemini.url(&base, "m", true);
    assert_eq!(streamed.as_str(), "https://h/v1beta/models/m:streamGenerateContent?x=1&alt=sse");
    assert_eq!(
        provider(settings(Gemini::BASE_URL)).place(),
        Place::Remote { host: "generativelanguage.googleapis.com".into() }
    );
}

#[tokio::test]
async fn refused_parameters_are_left_out_and_remembered() {
    let refuse = |message: &str| Turn::status(400, "", &error(400, "INVALID_ARGUMENT", message, json!([])));
    let turns = vec![
        refuse("Thinking is not enabled for models/m-1"),
        refuse("Developer instruction is not enabled for models/m-1"),
        refuse("The specified schema produces a constraint that has too many states for serving."),
        refuse("JSON mode is not enabled for models/m-1"),
        Turn::stream(ANSWER),
    ];
    let fake = Fake::start(turns).await;
    let provider = provider(settings(&fake.url()));
    for _ in 0..2 {
        let chunks = ask(&provider).await;
        assert_eq!(chunks.last(), Some(&Ok(Chunk::End(Finish::Stop))));
    }
    let requests = fake.requests();
    assert_eq!(requests.len(), 6);
    let config = |request: &str| body(request)["generationConfig"].clone();
    assert_eq!(config(&requests[3])["responseMimeType"], "application/json");
    assert_eq!(config(&requests[5]), json!({"temperature": 0.3, "maxOutputTokens": 100}));
    let parts = json!([{"role": "user", "parts": [{"text": "Be brief."}, {"text": "Is it safe?"}]}]);
    assert_eq!(body(&requests[5])["contents"], parts);
}

#[tokio::test]
async fn statuses_mean_what_they_say() {
    let bad_key = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
    let cases = [
        (400, "INVALID_ARGUMENT", "no", json!([]), Code::RequestRefused, false),
        (400, "INVALID_ARGUMENT", "API key not valid.", bad_key, Code::CredentialsRefused, false),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            json!([]),
            Code::ContextTooLong,
            false,
        ),
        (400, "FAILED_PRECONDITION", "no", json!([]), Code::RequestRefused, false),
        (401, "UNAUTHENTICATED", "no", json!([]), Code::CredentialsRefused, false),
        (403, "PERMISSION_DENIED", "no", json!([]), Code::CredentialsRefused, false),
        (404, "NOT_FOUND", "models/m-1 is not found", json!([]), Code::ModelNotFound, false),
        (429, "RESOURCE_EXHAUSTED", "no", json!([]), Code::RateLimited, true),
        (500, "INTERNAL", "no", json!([]), Code::ProviderError, true),
        (503, "UNAVAILABLE", "no", json!([]), Code::Overloaded, true),
        (504, "DEADLINE_EXCEEDED", "no", json!([]), Code::ProviderError, true),
    ];
    for (status, word, message, details, code, retryable) in cases {
        let error = error(status, word, message, details);
        for body in [error.clone(), format!("[{error}]")] {
            let failure = failure(Turn::status(status, "", &body)).await;
            let told = (failure.code, failure.retryable, failure.http_status);
            assert_eq!(told, (code, retryable, Some(status)), "{body}");
            assert_eq!(failure.provider_message.as_deref(), Some(message));
        }
    }
}

#[tokio::test]
async fn a_provider_says_when_to_come_back() {
    let details = json!([
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"},
    ]);
    let error = error(429, "RESOURCE_EXHAUSTED", "quota", details);
    let limited = failure(Turn::status(429, "", &error)).await;
    assert_eq!(limited.retry_after, Some(Duration::from_millis(34_500)));
    assert_eq!(limited.message, "acme asked us to wait 35 s (429).");
    // A header knows better, and inside a stream there is only the error.
    let both = failure(Turn::status(429, "retry-after: 2\r\n", &error)).await;
    assert_eq!(both.retry_after, Some(Duration::from_secs(2)));
    let inside = failure(Turn::stream(&format!("data: {error}\n\n"))).await;
    assert_eq!((inside.code, inside.retry_after), (Code::RateLimited, Some(Duration::from_millis(34_500))));
}

#[tokio::test]
async fn an_error_inside_a_stream_is_classed_by_what_it_says() {
    let begun = ANSWER.split_inclusive("\n\n").next().unwrap();
    let cases = [
        (503, "UNAVAILABLE", Code::Overloaded),
        (429, "RESOURCE_EXHAUSTED", Code::RateLimited),
        (500, "INTERNAL", Code::ProviderError),
        (400, "INVALID_ARGUMENT", Code::RequestRefused),
    ];
    for (status, word, code) in cases {
        let error = error(status, word, "m", json!([]));
        for begun in ["", begun] {
            assert_eq!(
                failure(Turn::stream(&format!("{begun}data: {error}\n\n"))).await.code,
                code,
                "{error}"
            );
        }
        assert_eq!(failure(Turn::status(200, "", &error)).await.code, code, "{error}");
    }
}

#[tokio::test]
async fn a_refusal_a_cut_and_a_broken_connection_are_told_apart() {
    let refused = ANSWER.replace("\"STOP\"", "\"SAFETY\"");
    let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n";
    for body in [refused.as_str(), blocked] {
        let told = failure(Turn::stream(body)).await;
        assert_eq!((told.code, told.retryable), (Code::ContentRefused, false));
        assert_eq!(told.provider_message.as_deref(), Some("SAFETY"));
    }
    let begun = ANSWER.split_inclusive("\n\n").next().unwrap();
    for turn in [Turn::stream(begun), Turn::stream(begun).then_resets()] {
        assert_eq!(failure(turn).await.code, Code::CutMidAnswer);
    }
    let echo = error(400, "INVALID_ARGUMENT", &format!("bad key {KEY}"), json!([]));
    assert_eq!(
        failure(Turn::status(400, "", &echo)).await.provider_message.as_deref(),
        Some("bad key [redacted]")
    );
}

#[tokio::test]
async fn after_the_reason_nobody_waits_long() {
    for turn in [Turn::stream(ANSWER).then_stays(), Turn::stream(ANSWER).then_resets()] {
        let fake = Fake::start(vec![turn]).await;
        let begun = Instant::now();
        let chunks = ask(&provider(settings(&fake.url()))).await;
        assert_eq!(chunks.last(), Some(&Ok(Chunk::End(Finish::Stop))));
        assert!(begun.elapsed() < Duration::from_millis(2500));
    }
}
