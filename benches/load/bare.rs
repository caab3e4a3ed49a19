//! The baseline: an axum handler that makes the two calls and streams what comes.
//!
//! No journal, no checks, no limits, no clocks, no resuming, no errors worth
//! the name. Nobody should run this; it shows what the machine itself costs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use axum::serve::ListenerExt;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::StreamExt;
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

struct Shared {
    client: reqwest::Client,
    url: String,
}

#[derive(Deserialize)]
struct Asked {
    question: String,
    models: [String; 2],
}

#[derive(Deserialize)]
struct Piece {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Delta,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

/// Listens on a free port, says which, and serves until it is killed.
pub async fn serve() -> anyhow::Result<()> {
    let provider = std::env::args().nth(2).context("no provider")?;
    // Plain HTTP only, but the client wants one to be there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let shared = Shared { client, url: format!("http://{provider}/v1/chat/completions") };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let router =
        Router::new().route("/ask-stream", post(ask)).route("/idle", get(idle)).with_state(Arc::new(shared));
    axum::serve(listener, router).await?;
    Ok(())
}

async fn ask(State(shared): State<Arc<Shared>>, Json(asked): Json<Asked>) -> Response {
    let [first, second] = asked.models;
    let first = call(Arc::clone(&shared), "first", first, asked.question.clone());
    let second = call(shared, "second", second, asked.question);
    let started = stream::once(async { event("started", "{}") });
    let done = stream::once(async { event("done", "{}") });
    let events = started.chain(stream::select(first, second)).chain(done).map(Ok::<_, Infallible>);
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// A stream that says hardly anything.
async fn idle() -> Response {
    let silence = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(15)).await;
        Some((Bytes::from_static(b": \n"), ()))
    });
    let events = stream::once(async { event("started", "{}") }).chain(silence).map(Ok::<_, Infallible>);
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// The pieces of one answer; ends early and says nothing when something is wrong.
fn call(
    shared: Arc<Shared>,
    query: &'static str,
    model: String,
    question: String,
) -> impl Stream<Item = Bytes> + Send {
    async_stream::stream! {
        let body = json!({"model": model, "stream": true, "messages": [{"role": "user", "content": question}]});
        let Ok(mut response) = shared.client.post(&shared.url).json(&body).send().await else { return };
        let mut read = Vec::new();
        while let Ok(Some(bytes)) = response.chunk().await {
            read.extend_from_slice(&bytes);
            while let Some(end) = read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = read.drain(..=end).collect();
                if let Some(text) = text(&line) {
                    yield event("delta", &json!({"query": query, "text": text}).to_string());
                }
            }
        }
    }
}

/// The text that a line of the provider brings.
fn text(line: &[u8]) -> Option<String> {
    let piece: Piece = serde_json::from_slice(line.strip_prefix(b"data: ")?).ok()?;
    piece.choices.into_iter().next()?.delta.content
}

fn event(name: &str, data: &str) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}
