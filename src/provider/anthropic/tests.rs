//! The adapter against real sockets.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use serde_json::json;

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
use crate::provider::upstream::server::Server;
use crate::provider::upstream::server::Settings;

const ANSWER: &str = include_str!("../../../tests/fixtures/anthropic/text.txt");

fn provider(settings: Settings) -> Server<Anthropic> {
    Server::new(Anthropic, Settings { api_key: Some(KEY.into()), ..settings }, Client::default()).unwrap()
}

fn settings(base_url: &str) -> Settings {
    Settings::new("acme".parse().unwrap(), base_url)
}

fn call() -> Call {
    Call {
        temperature: Some(1.5),
        schema: Some(Arc::new(json!({"type": "object", "properties": {"a": {"type": "string"}}}))),
        ..fake::call()
    }
}

async fn failure(turn: Turn) -> Failure {
    fake::failure(|base_url| provider(settings(base_url)), turn).await
}

async fn ask(provider: &Server<Anthropic>) -> Vec<Result<Chunk, Failure>> {
    provider.ask(call()).collect().await
}

fn error(kind: &str, message: &str) -> String {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).to_string()
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
    assert!(request.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("x-api-key: {KEY}\r\n")), "{request}");
    assert!(request.contains("anthropic-version: 2026-10-21\r\n"), "{request}");
    assert!(!request.contains("authorization"), "{request}");
    assert_eq!(
        body(&request),
        json!({
            "model": "m-1", "max_tokens": 8192, "system": "Be brief.", "stream": true, "temperature": 1.0,
            "messages": [{"role": "user", "content": "Is it safe?"}],
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {"format": {"type": "json_schema", "schema": {
                "type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}}},
        })
    );
}

#[tokio::test]
async fn a_whole_answer_is_asked_for_without_a_stream() {
    let whole = r#"{"type":"message","content":[{"type":"text","text":"{}"}],"stop_reason":"end_turn"}"#;
    let fake = Fake::start(vec![Turn::status(200, "content-type: application/json\r\n", whole)]).await;
    let provider = provider(Settings { stream: false, ..settings(&fake.url()) });
    assert!(!provider.streams());
    let chunks = ask(&provider).await;
    assert!(chunks.contains(&Ok(Chunk::Text("{}".into()))), "{chunks:?}");
    assert_eq!(chunks.last(), Some(&Ok(Chunk::End(Finish::Stop))));
    let body = body(&fake.requests()[0]);
    assert_eq!((&body["stream"], body.get("thinking")), (&json!(false), None));
}

#[tokio::test]
async fn refused_parameters_are_left_out_and_remembered() {
    let refuse = |message: &str| Turn::status(400, "", &error("invalid_request_error", message));
    let turns = vec![
        refuse("adaptive thinking is not supported on this model"),
        refuse("`temperature` is deprecated for this model."),
        refuse("output_config.format.schema: Schema is too complex."),
        Turn::stream(ANSWER),
    ];
    let fake = Fake::start(turns).await;
    let provider = provider(settings(&fake.url()));
    for _ in 0..2 {
        let chunks = ask(&provider).await;
        assert_eq!(chunks.last(), Some(&Ok(Chunk::End(Finish::Stop))));
        assert_eq!(chunks.iter().filter(|chunk| **chunk == Ok(Chunk::Sent)).count(), 1);
    }
    let requests = fake.requests();
    assert_eq!(requests.len(), 5);
    for gone in ["thinking", "temperature", "output_config"] {
        assert_eq!(body(&requests[4]).get(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn statuses_mean_what_they_say() {
    let cases: &[(u16, &str, &str, Code, bool)] = &[
        (400, "invalid_request_error", "messages: required", Code::RequestRefused, false),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 9 tokens > 8 maximum",
            Code::ContextTooLong,
            false,
        ),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 9 + 9 > 10",
            Code::ContextTooLong,
            false,
        ),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the API.",
            Code::NoCredit,
            false,
        ),
        (401, "authentication_error", "invalid x-api-key", Code::CredentialsRefused, false),
        (402, "billing_error", "no", Code::NoCredit, false),
        (403, "permission_error", "no", Code::CredentialsRefused, false),
        (404, "not_found_error", "model: m-1", Code::ModelNotFound, false),
        (409, "conflict_error", "no", Code::ProviderError, true),
        (413, "request_too_large", "no", Code::RequestRefused, false),
        (429, "rate_limit_error", "no", Code::RateLimited, true),
        (500, "api_error", "no", Code::ProviderError, true),
        (504, "timeout_error", "no", Code::ProviderError, true),
        (529, "overloaded_error", "Overloaded", Code::Overloaded, true),
    ];
    for (status, kind, message, code, retryable) in cases {
        let failure = failure(Turn::status(*status, "", &error(kind, message))).await;
        let told = (failure.code, failure.retryable, failure.http_status);
        assert_eq!(told, (*code, *retryable, Some(*status)), "{status} {message}");
        assert_eq!(failure.provider_message.as_deref(), Some(*message));
    }
    let limited = Turn::status(429, "retry-after: 7\r\n", &error("rate_limit_error", "no"));
    assert_eq!(failure(limited).await.retry_after, Some(Duration::from_secs(7)));
    let echo = Turn::status(401, "", &error("authentication_error", &format!("bad key {KEY}")));
    assert_eq!(failure(echo).await.provider_message.as_deref(), Some("bad key [redacted]"));
}

#[tokio::test]
async fn an_error_inside_a_stream_is_classed_by_its_type() {
    let begun = ANSWER.split_once("event: content_block_stop").unwrap().0;
    let cases = [
        ("overloaded_error", Code::Overloaded),
        ("rate_limit_error", Code::RateLimited),
        ("api_error", Code::ProviderError),
        ("authentication_error", Code::CredentialsRefused),
        ("billing_error", Code::NoCredit),
        ("invalid_request_error", Code::RequestRefused),
    ];
    for (kind, code) in cases {
        for begun in ["", begun] {
            let body = format!("{begun}event: error\ndata: {}\n\n", error(kind, "m"));
            assert_eq!(failure(Turn::stream(&body)).await.code, code, "{body}");
        }
        assert_eq!(failure(Turn::status(200, "", &error(kind, "m"))).await.code, code);
    }
}

#[tokio::test]
async fn a_refusal_and_a_cut_are_told_apart() {
    let refused = ANSWER.replace("end_turn", "refusal");
    let failure_of = |body: &str| failure(Turn::stream(body));
    let told = failure_of(&refused).await;
    assert_eq!((told.code, told.retryable), (Code::ContentRefused, false));
    let before = |mark: &str| ANSWER.split_once(mark).unwrap().0.to_owned();
    for mark in ["event: content_block_stop", "event: message_delta", "event: message_stop"] {
        let told = failure_of(&before(mark)).await;
        assert_eq!((told.code, told.retryable), (Code::CutMidAnswer, true), "{mark}");
    }
    let reset = Turn::stream(&before("event: message_delta")).then_resets();
    assert_eq!(failure(reset).await.code, Code::CutMidAnswer);
}

#[tokio::test]
async fn what_a_cut_answer_cost_is_told() {
    let cut = ANSWER.split_once("event: message_delta").unwrap().0;
    let fake = Fake::start(vec![Turn::stream(cut)]).await;
    let chunks = ask(&provider(settings(&fake.url()))).await;
    assert!(
        matches!(chunks[chunks.len() - 2], Ok(Chunk::Usage(usage)) if usage.input_tokens == 19),
        "{chunks:?}"
    );
}

#[tokio::test]
async fn an_older_version_is_a_header_away() {
    let fake = Fake::start(vec![Turn::stream(ANSWER)]).await;
    let headers = vec![("anthropic-version".to_owned(), "2023-06-01".into())];
    ask(&provider(Settings { headers, ..settings(&fake.url()) })).await;
    let request = fake.requests().remove(0);
    assert!(
        request.contains("anthropic-version: 2023-06-01\r\n") && !request.contains("2026-10-21"),
        "{request}"
    );
}

#[test]
fn the_vendor_itself_gets_no_temperature() {
    let sent = |host: &str| {
        let shape = Anthropic.first(StructuredOutput::Auto, host);
        serde_json::from_slice::<Value>(&Anthropic.body(shape, &call(), "m", true)).unwrap()
    };
    assert_eq!(sent("api.anthropic.com").get("temperature"), None);
    assert_eq!(sent("gateway.example")["temperature"], 1.0);
}

#[test]
fn the_place_is_the_host() {
    let place = provider(settings(Anthropic::BASE_URL)).place();
    assert_eq!(place, Place::Remote { host: "api.anthropic.com".into() });
}
