//! What the crate's own adapter makes of every row that a server can play.

use futures_util::StreamExt;

use super::tests::Bench;
use super::*;
use crate::failure::Code;
use crate::provider::Call;
use crate::provider::Chunk;
use crate::provider::Chunks;
use crate::provider::Finish;
use crate::provider::Message;
use crate::provider::Provider;
use crate::provider::Role;
use crate::provider::openai::OpenAi;
use crate::provider::upstream::server::Server;
use crate::provider::upstream::server::Settings;

/// What an adapter makes of one call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// A whole answer.
    Ok(Finish),
    /// A failure, and whether it says that asking again may help.
    Failed(Code, bool),
    /// Nothing more comes; it is for the engine's clocks to end it.
    Waits,
}

use Made::Failed;
use Made::Ok as Whole;
use Made::Waits;

async fn made(bench: &Bench, model: &str, stream: bool, patience: Duration) -> Made {
    call(bench, &format!("http://{}/v1", bench.address), model, stream, patience).await
}

/// What the adapter makes of one call to this address.
pub(super) async fn call(
    bench: &Bench,
    base_url: &str,
    model: &str,
    stream: bool,
    patience: Duration,
) -> Made {
    // Some rows end their connection; a call that is sent on one as it ends would be lost.
    let headers = vec![("connection".to_owned(), "close".into())];
    let settings = Settings { stream, headers, ..Settings::new("lab".parse().unwrap(), base_url) };
    let provider = Server::new(OpenAi::default(), settings, bench.client.clone()).unwrap();
    ended(&mut provider.ask(asking(model)), patience).await
}

/// A call as the engine makes it; large where the row needs that.
pub(super) fn asking(model: &str) -> Call {
    let is_large = model.starts_with("u11") || model.starts_with("u12");
    let content = if is_large { "x".repeat(1 << 20) } else { "Is it safe?".into() };
    Call {
        panel: "audit".parse().unwrap(),
        query: "risks".parse().unwrap(),
        attempt: 1,
        model: model.into(),
        messages: vec![Message { role: Role::User, content }],
        temperature: Some(0.3),
        max_tokens: None,
        schema: None,
        checked: None,
    }
}

/// How an answer ends.
pub(super) async fn ended(chunks: &mut Chunks, patience: Duration) -> Made {
    let ended = async {
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(Chunk::End(finish)) => return Some(Whole(finish)),
                Err(failure) => return Some(Failed(failure.code, failure.retryable)),
                Ok(_) => {}
            }
        }
        None
    };
    match tokio::time::timeout(patience, ended).await {
        Ok(Some(made)) => made,
        Ok(None) => panic!("the stream ended without an end"),
        Err(_) => Waits,
    }
}

/// What the class of each row asks of an adapter; a name goes before its row.
const TABLE: &[(&str, Made)] = &[
    // Silence, in whichever form: only the engine's clocks end it.
    ("u9", Waits),
    ("u14", Waits),
    ("u18", Waits),
    ("u19", Waits),
    ("u20", Waits),
    ("u21", Waits),
    ("u22", Waits),
    ("u23", Waits),
    ("u24", Waits),
    ("u47", Waits),
    ("u72-1xx-only", Waits),
    // Text without end: the engine's limit of an answer.
    ("u42", Waits),
    // Transient, before an answer.
    ("u10", Failed(Code::ConnectFailed, true)),
    ("u11", Failed(Code::ConnectFailed, true)),
    // The caller's.
    ("u12", Failed(Code::RequestRefused, false)),
    ("u55", Failed(Code::RequestRefused, false)),
    ("u56", Failed(Code::ContextTooLong, false)),
    ("u60", Failed(Code::ModelNotFound, false)),
    ("u62", Failed(Code::RequestRefused, false)),
    // In order, though the connection is not: U13 is tested by a second call below.
    ("u13", Whole(Finish::Stop)),
    ("u16", Whole(Finish::Stop)),
    ("u28", Whole(Finish::Stop)),
    ("u29", Whole(Finish::Unknown)),
    ("u30", Whole(Finish::Stop)),
    ("u35", Whole(Finish::Stop)),
    ("u36", Whole(Finish::Stop)),
    ("u38", Whole(Finish::Stop)),
    ("u39", Whole(Finish::Stop)),
    ("u46", Whole(Finish::Stop)),
    ("u54", Whole(Finish::Stop)),
    // An answer to the adapter; whether it fits the query is the engine's to check.
    ("u49", Whole(Finish::Stop)),
    ("u50", Whole(Finish::Stop)),
    ("u51", Whole(Finish::Stop)),
    ("u52", Whole(Finish::Length)),
    // Cut.
    ("u25", Failed(Code::CutMidAnswer, true)),
    ("u26", Failed(Code::CutMidAnswer, true)),
    ("u27", Failed(Code::CutMidAnswer, true)),
    // Garbled.
    ("u15", Failed(Code::UnreadableAnswer, true)),
    ("u31", Failed(Code::UnreadableAnswer, true)),
    ("u37", Failed(Code::UnreadableAnswer, true)),
    ("u41", Failed(Code::UnreadableAnswer, true)),
    ("u45", Failed(Code::UnreadableAnswer, true)),
    ("u72", Failed(Code::UnreadableAnswer, true)),
    ("u48", Failed(Code::EmptyAnswer, true)),
    ("u43", Failed(Code::UnreadableAnswer, true)),
    // Off-schema.
    ("u40", Failed(Code::InvalidOutput, true)),
    ("u44", Failed(Code::AnswerTooLarge, false)),
    // Errors inside of an answer.
    ("u32", Failed(Code::ProviderError, true)),
    ("u33", Failed(Code::ProviderError, true)),
    ("u34", Failed(Code::RateLimited, true)),
    // Refused.
    ("u53", Failed(Code::ContentRefused, false)),
    ("u57", Failed(Code::ContentRefused, false)),
    // The credential's.
    ("u58", Failed(Code::CredentialsRefused, false)),
    ("u59", Failed(Code::NoCredit, false)),
    ("u73-echo-key", Failed(Code::CredentialsRefused, false)),
    // Throttled.
    ("u66-should-not-retry", Failed(Code::RateLimited, false)),
    ("u63", Failed(Code::RateLimited, true)),
    ("u64", Failed(Code::RateLimited, true)),
    ("u65", Failed(Code::RateLimited, true)),
    ("u66", Failed(Code::RateLimited, true)),
    ("u67", Failed(Code::RateLimited, true)),
    // Transient statuses, and those that are not.
    ("u69-503", Failed(Code::Overloaded, true)),
    ("u69-503-retry-after", Failed(Code::Overloaded, true)),
    ("u69-529", Failed(Code::Overloaded, true)),
    ("u74", Failed(Code::Overloaded, true)),
    ("u61", Failed(Code::ProviderError, true)),
    ("u68", Failed(Code::ProviderError, true)),
    ("u69", Failed(Code::ProviderError, true)),
    ("u73", Failed(Code::ProviderError, true)),
    ("u75-brown-out-percent-100", Failed(Code::ProviderError, true)),
    ("u70", Failed(Code::ProviderError, false)),
    // Belongs to HTTP/2, which `http2_test` speaks.
    ("u17", Failed(Code::ProviderError, false)),
    ("u71", Failed(Code::ProviderError, false)),
];

/// What a name is expected to be made of, streaming or not.
pub(super) fn expected(name: &str, row: u8, stream: bool) -> &'static Made {
    if matches!(row, 41 | 42) && !stream {
        return &Failed(Code::AnswerTooLarge, false);
    }
    let of = |key: &str| TABLE.iter().find(|(name, _)| *name == key).map(|(_, made)| made);
    of(name).or_else(|| of(&format!("u{row}"))).unwrap_or_else(|| panic!("{name} is not in the table"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_gets_from_each_row_what_its_class_says() {
    let bench = Bench::start().await;
    let entries = rows::all().filter(|entry| entry.make.is_some() && entry.row > 0);
    let cases = entries.flat_map(|entry| [(entry, true), (entry, false)]);
    let each = cases.map(|(entry, stream)| {
        let bench = &bench;
        async move {
            let base = if entry.row == 75 { "u75-brown-out-percent-100" } else { entry.name };
            let expected = expected(base, entry.row, stream);
            // Half a second of nothing is taken for ever; whatever is to end gets all the time it needs.
            let patience = if *expected == Waits { 500 } else { 30_000 };
            // A label each, so that a fault that happens once happens to both.
            let name = format!("{base}#{}", if stream { "stream" } else { "whole" });
            let made = made(bench, &name, stream, Duration::from_millis(patience)).await;
            (made != *expected).then(|| format!("{name}: {made:?}, expected {expected:?}"))
        }
    });
    let wrong: Vec<_> = futures_util::stream::iter(each).buffer_unordered(64).collect().await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn long_things_end_when_they_are_made_short() {
    let bench = Bench::start().await;
    for name in [
        "u23-slow-steady-total-200-tokens-5",
        "u24-reasoning-tokens-5-every-20",
        "u47-buffered-first-200",
        "u18-trickle-every-0",
        "u74-flap-every-0",
        "u75-brown-out-percent-0",
    ] {
        assert_eq!(made(&bench, name, true, Duration::from_secs(20)).await, Whole(Finish::Stop), "{name}");
    }
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_is_not_an_attempt() {
    let bench = Bench::start().await;
    let name = "u13-idle-close-every-50";
    for _ in 0..3 {
        assert_eq!(made(&bench, name, true, Duration::from_secs(5)).await, Whole(Finish::Stop));
        let (all, _) = bench.stats.connections();
        bench
            .until(|seen| {
                seen.iter().any(|seen| seen.attempt.is_none() && seen.connection == all).then_some(())
            })
            .await;
    }
    assert_eq!(bench.stats.of(name).attempts, 3);
}

#[tokio::test]
async fn text_is_kept_as_it_was_sent_but_for_answers_nobody_asked_for() {
    let bench = Bench::start().await;
    let texts = |model: &'static str| {
        let settings = Settings::new("lab".parse().unwrap(), format!("http://{}/v1", bench.address));
        let provider = Server::new(OpenAi::default(), settings, bench.client.clone()).unwrap();
        async move {
            let chunks: Vec<_> = provider.ask(asking(model)).collect().await;
            let text = |chunk| match chunk {
                Ok(Chunk::Text(text)) => Some(text),
                _ => None,
            };
            chunks.into_iter().filter_map(text).collect::<Vec<String>>()
        }
    };
    assert_eq!(texts("u39-indexes").await.concat(), cue::PLAIN);
    // Nothing proves that they are the same piece twice: the ids of all pieces are the same.
    assert_eq!(texts("u38-duplicates").await.concat().len(), 2 * cue::PLAIN.len());
    assert_eq!(texts("u46-json").await, [cue::PLAIN]);
}
