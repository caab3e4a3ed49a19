//! The clean forms, as far as a test without the vendors' libraries can judge them.

use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::tests::Bench;
use super::tests::parts;
use super::tests::post;
use super::tests::read_all;

async fn asked(bench: &Bench, path: &str, body: &Value) -> String {
    let mut socket = bench.connect().await;
    socket.write_all(&post(path, &body.to_string())).await.unwrap();
    parts(&read_all(&mut socket).await.0).1
}

/// A chunked body without its framing.
fn unchunked(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        out += &rest[..size];
        body = &rest[size + 2..];
    }
    out
}

fn events(body: &str) -> Vec<Value> {
    let lines = body.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn messages_open_and_close_their_blocks() {
    let bench = Bench::start().await;
    let body = json!({"model": "u24-reasoning-tokens-2-every-1", "stream": true, "messages": []});
    let body = unchunked(&asked(&bench, "/v1/messages", &body).await);
    let kinds: Vec<String> =
        events(&body).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let expected = [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected);
    assert!(body.contains("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

#[tokio::test]
async fn gemini_streams_as_events_and_as_an_array() {
    let bench = Bench::start().await;
    let body = json!({"contents": [{"parts": [{"text": "Hello"}]}]});
    let text = |list: &[Value]| -> String {
        let text = |value: &Value| {
            value["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap().to_owned()
        };
        list.iter().map(text).collect()
    };
    let path = "/v1beta/models/echo:streamGenerateContent";
    let list = events(&unchunked(&asked(&bench, &format!("{path}?alt=sse"), &body).await));
    assert_eq!(text(&list), "user: Hello");
    assert_eq!(list.last().unwrap()["candidates"][0]["finishReason"], "STOP");
    let array: Value = serde_json::from_str(&unchunked(&asked(&bench, path, &body).await)).unwrap();
    assert_eq!(text(array.as_array().unwrap()), "user: Hello");
    let whole = asked(&bench, "/v1beta/models/echo:generateContent", &body).await;
    assert_eq!(text(&[serde_json::from_str(&whole).unwrap()]), "user: Hello");
}

#[tokio::test]
async fn counts_come_where_they_were_asked_for() {
    let bench = Bench::start().await;
    let mut body = json!({"model": "echo", "stream": true, "messages": []});
    let plain = asked(&bench, "/v1/chat/completions", &body).await;
    assert!(!plain.contains("usage"));
    body["stream_options"] = json!({"include_usage": true});
    let list = events(&unchunked(&asked(&bench, "/v1/chat/completions", &body).await));
    assert_eq!(list.last().unwrap()["choices"], json!([]));
    assert!(list.last().unwrap()["usage"]["total_tokens"].is_u64());
}
