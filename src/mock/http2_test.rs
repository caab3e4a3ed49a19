//! The lab over HTTP/2, and what the crate's adapters make of it.

use bytes::Bytes;
use futures_util::StreamExt;
use hyper::http::Request;
use tokio::task::JoinSet;

use super::adapter_test::Made;
use super::adapter_test::asking;
use super::adapter_test::ended;
use super::adapter_test::expected;
use super::tests::Bench;
use super::*;
use crate::failure::Code;
use crate::mock::tls::Tls;
use crate::mock::tls::TlsKind;
use crate::provider::Chunk;
use crate::provider::Finish;
use crate::provider::Provider;
use crate::provider::anthropic::Anthropic;
use crate::provider::gemini::Gemini;
use crate::provider::openai::OpenAi;
use crate::provider::upstream::Authorities;
use crate::provider::upstream::Client;
use crate::provider::upstream::server::Server;
use crate::provider::upstream::server::Settings;

/// Longer than anything takes that ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// A lab that offers HTTP/2, and a client that trusts it.
async fn bench(versions: Versions) -> (Bench, Authorities) {
    let tls = Tls::make(TlsKind::Valid, versions).unwrap();
    let authorities = Authorities::read(tls.authority.as_bytes()).unwrap();
    let mut bench = Bench::with(LabSettings { tls: Some(tls), versions, ..LabSettings::default() }).await;
    bench.client = Client::trusting(authorities.clone());
    (bench, authorities)
}

/// An adapter of each vendor that asks this lab.
fn vendors(bench: &Bench, stream: bool) -> [Box<dyn Provider>; 3] {
    let settings = |path: &str| {
        let url = format!("https://{}{path}", bench.address);
        Settings { stream, ..Settings::new("lab".parse().unwrap(), url) }
    };
    let client = || bench.client.clone();
    [
        Box::new(Server::new(OpenAi::default(), settings("/v1"), client()).unwrap()),
        Box::new(Server::new(Anthropic, settings("/v1"), client()).unwrap()),
        Box::new(Server::new(Gemini, settings("/v1beta"), client()).unwrap()),
    ]
}

/// Connections that have ended, and how.
async fn closed(bench: &Bench, count: usize) -> Vec<Close> {
    let ends = |seen: &[Seen]| -> Vec<Close> {
        seen.iter().filter(|seen| seen.attempt.is_none()).map(|seen| seen.close).collect()
    };
    bench.until(|seen| Some(ends(seen)).filter(|ends| ends.len() >= count)).await
}

#[tokio::test]
async fn each_vendor_is_answered_over_one_connection() {
    let (bench, _) = bench(Versions::Both).await;
    for stream in [true, false] {
        for provider in vendors(&bench, stream) {
            let chunks: Vec<_> = provider.ask(asking("echo")).collect().await;
            let text: String = chunks
                .iter()
                .filter_map(|chunk| match chunk {
                    Ok(Chunk::Text(text)) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            assert_eq!(text, "user: Is it safe?");
            assert_eq!(chunks.last(), Some(&Ok(Chunk::End(Finish::Stop))));
        }
    }
    let counts = bench.stats.of("echo");
    assert_eq!((counts.attempts, counts.http2, counts.open), (6, 6, 0));
    assert_eq!(bench.stats.connections(), (1, 1));
    let seen = bench.attempts(6).await;
    assert!(seen.iter().all(|seen| seen.close == Close::Kept && seen.bytes_in > 0 && seen.bytes_out > 0));
    assert!(seen[0].line().contains("\"http\":\"2\""), "{}", seen[0].line());
}

#[tokio::test]
async fn a_cut_is_never_a_success() {
    let (bench, _) = bench(Versions::Both).await;
    let cases = [
        ("u17-goaway", Close::LabGoAway),
        ("u17-goaway-no-error", Close::LabGoAway),
        ("u17-rst-stream", Close::LabStreamReset),
        ("u17-rst-stream-no-error", Close::LabStreamReset),
    ];
    let mut asked = 0;
    for (model, close) in cases {
        for stream in [true, false] {
            for provider in vendors(&bench, stream) {
                let made = ended(&mut provider.ask(asking(model)), PATIENCE).await;
                assert_eq!(made, Made::Failed(Code::CutMidAnswer, true), "{model}, stream: {stream}");
                asked += 1;
                assert_eq!(bench.attempts(asked).await[asked - 1].close, close, "{model}");
            }
        }
    }
    // A GOAWAY is the end of its connection, a stream's reset is not.
    let (all, open) = bench.stats.connections();
    assert!((13..=14).contains(&all) && open <= 1, "{all} connections, {open} open");
    assert!(closed(&bench, 12).await.iter().all(|close| *close == Close::LabGoAway));
}

#[tokio::test]
async fn a_call_that_is_dropped_resets_its_stream_and_nothing_else() {
    let (bench, _) = bench(Versions::Both).await;
    for (number, model) in ["u21-stall", "u9-silent", "u42-endless"].into_iter().enumerate() {
        let [provider, ..] = vendors(&bench, true);
        let mut chunks = provider.ask(asking(model));
        let wanted = |chunk: &Chunk| match model {
            "u9-silent" => matches!(chunk, Chunk::Sent),
            _ => matches!(chunk, Chunk::Text(_)),
        };
        while !wanted(&chunks.next().await.unwrap().unwrap()) {}
        bench.until(|_| (bench.stats.of(model).open == 1).then_some(())).await;
        drop(chunks);
        let seen = bench.attempts(number + 1).await;
        assert_eq!(seen[number].close, Close::ClientStreamReset, "{model}");
        assert_eq!(bench.stats.of(model).closed_by_client, 1);
    }
    assert_eq!(bench.stats.connections(), (1, 1));
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_that_is_not_an_attempt() {
    let (bench, _) = bench(Versions::Both).await;
    for count in 1..=3 {
        let [provider, ..] = vendors(&bench, true);
        let made = ended(&mut provider.ask(asking("u13-idle-close-every-50")), PATIENCE).await;
        assert_eq!(made, Made::Ok(Finish::Stop));
        assert_eq!(closed(&bench, count).await[count - 1], Close::LabFin);
    }
    assert_eq!(bench.stats.of("u13-idle-close-every-50").attempts, 3);
}

/// What only bytes of HTTP/1.1 can play.
const HTTP1_ONLY: [&str; 8] = [
    "u14-slow-headers",
    "u15-endless-headers",
    "u15-huge-header",
    "u27-bad-size",
    "u27-chunk-cut",
    "u30-after-done",
    "u72-http09",
    "u72-garbage",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_what_it_is_over_http1_or_is_refused_as_such() {
    let (bench, authorities) = bench(Versions::Both).await;
    // Some rows end their connection, so each gets its own.
    let entries = rows::all().filter(|entry| entry.make.is_some() && entry.row > 0 && entry.row != 17);
    let cases = entries.flat_map(|entry| [(entry, true), (entry, false)]);
    let each = cases.map(|(entry, stream)| {
        let (bench, authorities) = (&bench, &authorities);
        async move {
            let base = if entry.row == 75 { "u75-brown-out-percent-100" } else { entry.name };
            let refused = Made::Failed(Code::ProviderError, false);
            let is_refused = HTTP1_ONLY.contains(&base);
            let expected = if is_refused { &refused } else { expected(base, entry.row, stream) };
            let patience = if *expected == Made::Waits { Duration::from_millis(500) } else { PATIENCE };
            let name = format!("{base}#{}", if stream { "stream" } else { "whole" });
            let settings = Settings::new("lab".parse().unwrap(), format!("https://{}/v1", bench.address));
            let client = Client::trusting(authorities.clone());
            let provider = Server::new(OpenAi::default(), Settings { stream, ..settings }, client).unwrap();
            let made = ended(&mut provider.ask(asking(&name)), patience).await;
            (made != *expected).then(|| format!("{name}: {made:?}, expected {expected:?}"))
        }
    });
    let wrong: Vec<_> = futures_util::stream::iter(each).buffer_unordered(4).collect().await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn each_version_says_which_it_lacks() {
    let http1 = Bench::start().await;
    for stream in [true, false] {
        let (bytes, _) = http1.ask("u17-goaway", stream).await;
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("HTTP/1.1 505 "), "{text}");
        assert!(text.contains("u17-goaway can be played over HTTP/2 only"), "{text}");
    }
    let (bench, _) = bench(Versions::Both).await;
    let [provider, ..] = vendors(&bench, true);
    let last = provider.ask(asking("u27-bad-size")).collect::<Vec<_>>().await.pop().unwrap();
    let failure = last.unwrap_err();
    assert_eq!(failure.http_status, Some(505));
    let said = failure.provider_message.unwrap();
    assert!(said.contains("HTTP/1.1 only") && said.contains("--http1-only"), "{said}");
}

#[tokio::test]
async fn http1_alone_is_spoken_where_that_is_wanted() {
    let (bench, _) = bench(Versions::Http1).await;
    for provider in vendors(&bench, true) {
        assert_eq!(ended(&mut provider.ask(asking("echo")), PATIENCE).await, Made::Ok(Finish::Stop));
    }
    assert_eq!(bench.stats.of("echo").http2, 0);
}

#[tokio::test]
async fn a_client_that_begins_with_http2_gets_it_without_tls() {
    let bench = Bench::start().await;
    let mut tasks = JoinSet::new();
    let (sender, connection) = h2::client::handshake(bench.connect().await).await.unwrap();
    tasks.spawn(async move {
        let _ = connection.await;
    });
    let mut sender = sender.ready().await.unwrap();
    let mut ask = |model: &str| {
        let url = format!("http://{}/v1/chat/completions", bench.address);
        let (response, mut body) = sender.send_request(Request::post(url).body(()).unwrap(), false).unwrap();
        let text = format!("{{\"model\":\"{model}\",\"stream\":true,\"messages\":[]}}");
        body.send_data(text.into(), true).unwrap();
        response
    };
    let mut body = ask("timing-total-10").await.unwrap().into_body();
    let mut text = Vec::new();
    while let Some(piece) = body.data().await {
        let piece: Bytes = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        text.extend_from_slice(&piece);
    }
    drop(body);
    assert!(text.ends_with(b"data: [DONE]\n\n"), "no frame of HTTP/1.1 is in it");
    // A client that takes nothing holds the lab back: no more goes out than its window lets in.
    let body = ask("u42-endless").await.unwrap().into_body();
    bench.until(|_| (bench.stats.of("u42-endless").open == 1).then_some(())).await;
    drop(body);
    let seen = &bench.attempts(2).await[1];
    assert_eq!(seen.close, Close::ClientStreamReset);
    assert!(seen.bytes_out < 70_000, "{}", seen.bytes_out);
    drop(sender);
    assert_eq!(closed(&bench, 1).await, [Close::ClientFin]);
}
