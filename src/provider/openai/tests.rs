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
use crate::provider::Provider;
use crate::provider::fake;
use crate::provider::fake::Fake;
use crate::provider::fake::KEY;
use crate::provider::fake::Turn;
use crate::provider::fake::body;
use crate::provider::fake::call;
use crate::provider::upstream::Client;
use crate::provider::upstream::server::Server;
use crate::provider::upstream::server::Settings;

fn provider(base_url: &str) -> Server<OpenAi> {
    let settings = Settings { api_key: Some(KEY.into()), ..Settings::new("acme".parse().unwrap(), base_url) };
    Server::new(OpenAi::default(), settings, Client::default()).unwrap()
}

async fn failure(turn: Turn) -> Failure {
    fake::failure(provider, turn).await
}

async fn ask(fake: &Fake) -> Vec<Result<Chunk, Failure>> {
    provider(&fake.url()).ask(call()).collect().await
}

const ANSWER: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"{}\"},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
const DELTA: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";

#[tokio::test]
async fn an_answer_arrives_in_order_and_the_request_is_whole() {
    let fake = Fake::start(vec![Turn::stream(ANSWER)]).await;
    let usage = crate::event::Usage { input_tokens: 1, output_tokens: 2, total_tokens: 3, estimated: false };
    let chunks: Vec<Chunk> = ask(&fake).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(chunks.first(), Some(&Chunk::Sent));
    assert!(chunks.contains(&Chunk::Text("{}".into())), "{chunks:?}");
    assert_eq!(chunks[chunks.len() - 2..], [Chunk::Usage(usage), Chunk::End(Finish::Stop)]);
    let request = fake.requests().remove(0);
    assert!(request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("authorization: Bearer {KEY}\r\n")), "{request}");
    assert!(
        request.contains("content-length: ") && request.contains("accept-encoding: identity\r\n"),
        "{request}"
    );
    assert_eq!(
        body(&request),
        json!({
            "model": "m-1", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it safe?"}], "stream": true,
            "stream_options": {"include_usage": true}, "temperature": 0.3, "max_tokens": 4096,
            "response_format": {"type": "json_schema",
                "json_schema": {"name": "risks", "strict": false, "schema": {"type": "object"}}},
        })
    );
}

#[tokio::test]
async fn sent_comes_before_the_answer_and_dropping_hangs_up() {
    for turn in [Turn::raw(""), Turn::stream(DELTA)] {
        let fake = Fake::start(vec![turn.then_stays()]).await;
        let mut chunks = provider(&fake.url()).ask(call());
        assert_eq!(chunks.next().await.unwrap().unwrap(), Chunk::Sent);
        let _ = tokio::time::timeout(Duration::from_millis(100), chunks.next()).await;
        drop(chunks);
        tokio::time::timeout(Duration::from_secs(1), fake.hung_up()).await.unwrap();
    }
}

#[tokio::test]
async fn refused_parameters_are_left_out_and_remembered() {
    let refuse = |error: Value| Turn::status(400, "", &json!({"error": error}).to_string());
    let turns = vec![
        refuse(json!({"message": "Unsupported parameter: 'max_tokens' is not supported with this model. \
            Use 'max_completion_tokens' instead.", "param": "max_tokens", "code": "unsupported_parameter"})),
        refuse(
            json!({"message": "Unsupported value: 'temperature' does not support 0.3", "param": "temperature"}),
        ),
        refuse(json!({"message": "'response_format.type' must be 'json_object' or 'text'"})),
        Turn::status(422, "", r#"{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs"}]}"#),
        Turn::stream(ANSWER),
    ];
    let fake = Fake::start(turns).await;
    let provider = provider(&fake.url());
    for _ in 0..2 {
        let chunks: Vec<_> = provider.ask(call()).collect().await;
        assert_eq!(chunks.last().unwrap(), &Ok(Chunk::End(Finish::Stop)));
        assert_eq!(chunks.iter().filter(|chunk| **chunk == Ok(Chunk::Sent)).count(), 1);
    }
    let requests = fake.requests();
    assert_eq!(requests.len(), 6);
    let last = body(&requests[5]);
    assert_eq!(last["max_completion_tokens"], 4096);
    assert_eq!(last["response_format"], json!({"type": "json_object"}));
    for gone in ["temperature", "max_tokens", "stream_options"] {
        assert_eq!(last.get(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_everything_is_asked_five_times() {
    let fake = Fake::start(vec![Turn::status(
        400,
        "",
        r#"{"error":{"message":"unsupported: stream_options response_format temperature max_tokens max_completion_tokens"}}"#,
    )])
    .await;
    let failure = ask(&fake).await.pop().unwrap().unwrap_err();
    assert_eq!((failure.code, fake.requests().len()), (Code::RequestRefused, 5));
    assert_eq!(body(&fake.requests()[0]).get("max_completion_tokens"), None);
}

#[tokio::test]
async fn statuses_mean_what_they_say() {
    let cases: &[(u16, &str, Code, bool)] = &[
        (400, r#"{"error":{"message":"no","code":"x"}}"#, Code::RequestRefused, false),
        (400, r#"{"error":{"code":"context_length_exceeded"}}"#, Code::ContextTooLong, false),
        (
            400,
            r#"{"error":{"message":"exceeds the available context size","type":"invalid_request_error"}}"#,
            Code::ContextTooLong,
            false,
        ),
        (400, r#"{"error":{"code":"content_policy_violation"}}"#, Code::ContentRefused, false),
        (401, "", Code::CredentialsRefused, false),
        (402, "", Code::NoCredit, false),
        (403, "", Code::CredentialsRefused, false),
        (404, r#"{"error":{"message":"no such model"}}"#, Code::ModelNotFound, false),
        (408, "", Code::ProviderError, true),
        (409, "", Code::ProviderError, true),
        (413, "", Code::RequestRefused, false),
        (422, r#"[{"error":{"message":"no"}}]"#, Code::RequestRefused, false),
        (425, "", Code::ProviderError, true),
        (429, r#"{"error":{"code":"insufficient_quota"}}"#, Code::NoCredit, false),
        (429, "", Code::RateLimited, true),
        (500, "<html><title>Oops</title>", Code::ProviderError, true),
        (501, "", Code::ProviderError, false),
        (502, "", Code::ProviderError, true),
        (503, "", Code::Overloaded, true),
        (505, "", Code::ProviderError, false),
        (524, "", Code::ProviderError, true),
        (529, "", Code::Overloaded, true),
        (307, "", Code::ProviderError, false),
        (206, "data: [DONE]\n\n", Code::UnreadableAnswer, true),
        (999, "", Code::UnreadableAnswer, true),
    ];
    for (status, body, code, retryable) in cases {
        let failure = failure(Turn::status(*status, "location: http://127.0.0.1:1/\r\n", body)).await;
        let told = (failure.code, failure.retryable, failure.http_status);
        assert_eq!(told, (*code, *retryable, Some(*status)), "{status} {body}");
    }
}

#[tokio::test]
async fn a_provider_says_when_to_come_back() {
    let slow = failure(Turn::status(429, "retry-after: 2\r\n", "")).await;
    assert_eq!(slow.retry_after, Some(Duration::from_secs(2)));
    assert_eq!(slow.message, "acme asked us to wait 2 s (429).");
    let date = "date: Fri, 20 Nov 2026 10:00:00 GMT\r\nretry-after: Fri, 20 Nov 2026 10:00:03 GMT\r\n";
    assert_eq!(failure(Turn::status(503, date, "")).await.retry_after, Some(Duration::from_secs(3)));
    assert!(!failure(Turn::status(500, "x-should-retry: false\r\n", "")).await.retryable);
    assert!(failure(Turn::status(400, "x-should-retry: true\r\n", "")).await.retryable);
}

#[tokio::test]
async fn our_key_never_comes_back() {
    let echo = format!("Incorrect API key provided: {KEY}, or {}", &KEY[..12]);
    let failure = failure(Turn::status(401, "", &json!({"error": {"message": echo}}).to_string())).await;
    let said = "Incorrect API key provided: [redacted], or [redacted]";
    assert_eq!(failure.provider_message.as_deref(), Some(said));
    assert_eq!(failure.message, "acme refused the key (401).");
}

#[tokio::test]
async fn broken_connections_are_told_apart() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
    let cases = [
        (Turn::raw("").then_resets(), Code::ConnectFailed),
        (Turn::raw(""), Code::ConnectFailed),
        (Turn::raw("220 mail ready\r\n\r\n"), Code::UnreadableAnswer),
        (Turn::raw(format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(100_000))), Code::UnreadableAnswer),
        (Turn::stream(DELTA).then_resets(), Code::CutMidAnswer),
        (Turn::stream(DELTA), Code::CutMidAnswer),
        (Turn::raw(format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n")), Code::CutMidAnswer),
        (Turn::raw(format!("{head}content-length: 9999\r\n\r\n{DELTA}")), Code::CutMidAnswer),
        (Turn::status(200, "content-type: text/html\r\n", "<html>log in"), Code::UnreadableAnswer),
        (Turn::status(200, "content-type: text/event-stream\r\n", ""), Code::EmptyAnswer),
        (Turn::stream("data: \u{1}\n\n"), Code::UnreadableAnswer),
        (Turn::raw([head.as_bytes(), b"\r\ndata: \xff\n\n"].concat()), Code::UnreadableAnswer),
        (Turn::stream(&format!("data: {}\n\n", "x".repeat(2_000_000))), Code::UnreadableAnswer),
    ];
    for (number, (turn, code)) in cases.into_iter().enumerate() {
        let failure = failure(turn).await;
        assert_eq!(failure.code, code, "case {number}: {failure:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_whole_request_is_read() {
    let mut long = call();
    long.messages[0].content = "x".repeat(4_000_000);
    let cases = [
        (Turn::status(413, "", "{}").after(4096).then_stays(), Code::RequestRefused),
        (Turn::status(413, "", "{}").after(4096), Code::RequestRefused),
        (Turn::raw("").after(10_000).then_resets(), Code::ConnectFailed),
    ];
    for (turn, code) in cases {
        let fake = Fake::start(vec![turn]).await;
        let chunks: Vec<_> = provider(&fake.url()).ask(long.clone()).collect().await;
        assert_eq!(chunks.last().unwrap().as_ref().unwrap_err().code, code);
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_is_classed_by_what_it_says() {
    let cases = [
        (r#"{"error":{"message":"slow","code":429}}"#, Code::RateLimited),
        (r#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#, Code::RateLimited),
        (r#"{"object":"error","message":"x","type":"overloaded_error"}"#, Code::Overloaded),
        (r#"{"error":{"message":"x","code":"insufficient_quota"}}"#, Code::NoCredit),
        (r#"{"error":{"message":"x","code":502}}"#, Code::ProviderError),
        (r#"{"error":"broken"}"#, Code::ProviderError),
    ];
    for (error, code) in cases {
        for body in [format!("data: {error}\n\n"), format!("{DELTA}data: {error}\n\n")] {
            assert_eq!(failure(Turn::stream(&body)).await.code, code, "{body}");
        }
        assert_eq!(failure(Turn::status(200, "", error)).await.code, code, "{error}");
    }
}

#[tokio::test]
async fn a_missing_end_mark_costs_at_most_the_grace() {
    let finished = DELTA.to_owned() + "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n";
    for turn in [Turn::stream(&finished).then_stays(), Turn::stream(&finished).then_resets()] {
        let fake = Fake::start(vec![turn]).await;
        let begun = Instant::now();
        assert_eq!(ask(&fake).await.last().unwrap(), &Ok(Chunk::End(Finish::Stop)));
        assert!(begun.elapsed() < Duration::from_millis(2500));
    }
}

#[tokio::test]
async fn one_json_body_is_one_delta() {
    let whole = r#"{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}"#;
    let fake = Fake::start(vec![Turn::status(200, "content-type: application/json\r\n", whole)]).await;
    let chunks = ask(&fake).await;
    let texts: Vec<_> = chunks.iter().filter(|chunk| matches!(chunk, Ok(Chunk::Text(_)))).collect();
    assert_eq!(texts, [&Ok(Chunk::Text("{}".into()))]);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_dialled_again() {
    let whole = r#"{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}"#;
    let fake = Fake::start(vec![Turn::status(200, "content-type: application/json\r\n", whole)]).await;
    let provider = provider(&fake.url());
    for _ in 0..20 {
        let chunks: Vec<_> = provider.ask(call()).collect().await;
        assert_eq!(chunks.last().unwrap(), &Ok(Chunk::End(Finish::Stop)));
    }
    assert_eq!(fake.requests().len(), 20);
}

#[tokio::test]
async fn no_connection_is_told_in_words() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let chunks: Vec<_> = provider(&format!("http://{closed}/v1")).ask(call()).collect().await;
    let failure = chunks[0].clone().unwrap_err();
    assert_eq!((chunks.len(), failure.code), (1, Code::ConnectFailed));
    assert_eq!(failure.message, format!("No connection to {closed} (refused)."));

    let chunks: Vec<_> = provider("http://nobody.invalid/v1").ask(call()).collect().await;
    let failure = chunks[0].clone().unwrap_err();
    assert_eq!(failure.message, "Name \"nobody.invalid\" cannot be resolved.");

    let fake = Fake::start(vec![Turn::raw("HTTP/1.1 400 Bad Request\r\n\r\n").after(1)]).await;
    let chunks: Vec<_> = provider(&fake.url().replace("http:", "https:")).ask(call()).collect().await;
    let failure = chunks[0].clone().unwrap_err();
    assert_eq!(failure.code, Code::TlsFailed, "{failure:?}");
    assert!(failure.message.ends_with("it does not speak TLS."), "{failure:?}");
}

#[test]
fn bad_settings_are_refused_at_the_door() {
    let settings = |base: &str| Settings::new("acme".parse().unwrap(), base);
    let bad =
        |settings| Server::new(OpenAi::default(), settings, Client::default()).err().unwrap().to_string();
    assert!(bad(settings("api.openai.com")).starts_with("base_url is not a URL"));
    let key = bad(Settings { api_key: Some("canary\nx".into()), ..settings("http://h") });
    assert!(key.starts_with("api_key holds") && !key.contains("canary"));
    let header = Settings { headers: vec![("bad header".into(), "v".into())], ..settings("http://h") };
    assert_eq!(bad(header), "header `bad header` cannot be sent");
}
