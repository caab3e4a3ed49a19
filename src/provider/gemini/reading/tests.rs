use super::*;
use crate::event::Usage;
use crate::provider::Chunk;
use crate::provider::Finish;
use crate::provider::upstream::reading::Reading;
use crate::provider::upstream::reading::Trouble;
use crate::provider::upstream::refusal::Refusal;

const TRANSCRIPTS: [&str; 2] = [
    include_str!("../../../../tests/fixtures/gemini/text.txt"),
    include_str!("../../../../tests/fixtures/gemini/thinking.txt"),
];
const TEXT: &str = "Šířka pásu 0,6 m – OK 😀";

/// The text, the counts and the end of a body that comes in these pieces.
fn read(pieces: &[&[u8]]) -> (String, Option<Usage>, Result<Finish, Trouble>) {
    let mut reading = Reading::<Generation>::default();
    let end = pieces.iter().try_for_each(|piece| reading.push(piece));
    let end = end.and_then(|()| reading.end());
    let text = reading.take_chunks().into_iter().filter_map(|chunk| match chunk {
        Chunk::Text(text) => Some(text),
        _ => None,
    });
    (text.collect(), reading.take_usage(), end)
}

fn end(body: &str) -> Result<Finish, Trouble> {
    read(&[body.as_bytes()]).2
}

fn delta(text: &str) -> String {
    format!("data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}}}}]}}\n\n")
}

fn finish(reason: &str) -> String {
    format!("data: {{\"candidates\":[{{\"finishReason\":\"{reason}\"}}]}}\n\n")
}

#[test]
fn a_stream_reads_the_same_wherever_it_is_cut() {
    let usage = Usage { input_tokens: 19, output_tokens: 12, total_tokens: 31, estimated: false };
    for transcript in TRANSCRIPTS {
        for text in [transcript.to_owned(), transcript.replace('\n', "\r\n"), transcript.replace('\n', "\r")]
        {
            let bytes = text.as_bytes();
            for at in 0..=bytes.len() {
                let whole = (TEXT.to_owned(), Some(usage), Ok(Finish::Stop));
                assert_eq!(read(&[&bytes[..at], &bytes[at..]]), whole, "cut at {at}");
            }
            assert_eq!(read(&bytes.chunks(1).collect::<Vec<_>>()).0, TEXT);
        }
    }
}

#[test]
fn a_stream_that_ends_without_a_reason_is_cut() {
    for transcript in TRANSCRIPTS {
        for at in 0..transcript.find("\"STOP\"").unwrap() {
            let end = read(&[&transcript.as_bytes()[..at]]).2.unwrap_err();
            assert!(matches!(end, Trouble::Cut | Trouble::Empty { .. }), "{end:?} when cut at {at}");
        }
    }
}

#[test]
fn thoughts_are_progress_and_no_text() {
    let mut reading = Reading::<Generation>::default();
    reading.push(TRANSCRIPTS[1].as_bytes()).unwrap();
    let chunks = reading.take_chunks();
    assert_eq!(chunks, [Chunk::Reasoning, Chunk::Text(TEXT.into()), Chunk::Alive]);
}

#[test]
fn ends_are_told_apart() {
    let declined = |words: &str| Err(Trouble::Declined(words.into()));
    let empty = |at_limit| Err(Trouble::Empty { at_limit });
    let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"},\
        \"usageMetadata\":{\"promptTokenCount\":5}}\n\n";
    let told = "data: {\"candidates\":[{\"finishReason\":\"SAFETY\",\"finishMessage\":\"No.\"}]}\n\n";
    let call = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]}}]}\n\n";
    let cases = [
        (call.to_owned() + &finish("STOP"), Err(Trouble::ToolCall)),
        (delta("a") + call + &finish("STOP"), Ok(Finish::Stop)),
        (delta("a") + &finish("STOP"), Ok(Finish::Stop)),
        (delta("a") + &finish("STOP") + &delta("b") + &finish("STOP"), Ok(Finish::Stop)),
        (delta("a") + &finish("MAX_TOKENS"), Ok(Finish::Length)),
        (delta("a") + &finish("SOMETHING_NEW"), Ok(Finish::Unknown)),
        (delta("a") + &finish("FINISH_REASON_UNSPECIFIED"), Err(Trouble::Cut)),
        (delta("a"), Err(Trouble::Cut)),
        (delta("a") + &finish("STOP").replace("\n\n", "\n"), Err(Trouble::Cut)),
        (delta(" ") + &finish("STOP"), empty(false)),
        (finish("MAX_TOKENS"), empty(true)),
        (String::new(), empty(false)),
        (delta("a") + &finish("SAFETY"), declined("SAFETY")),
        (delta("a") + told, declined("No.")),
        (finish("RECITATION"), declined("RECITATION")),
        (finish("MODEL_ARMOR"), declined("MODEL_ARMOR")),
        (delta("a") + &finish("CONTINUATION"), Ok(Finish::Length)),
        (finish("IMAGE_SAFETY"), declined("IMAGE_SAFETY")),
        (blocked.into(), declined("PROHIBITED_CONTENT")),
        (delta("a") + &finish("OTHER"), Err(Trouble::Refused(Refusal::from_text("OTHER")))),
    ];
    for (body, expected) in cases {
        assert_eq!(end(&body), expected, "{body}");
    }
}

#[test]
fn one_body_and_a_list_are_read_like_a_stream() {
    let part = |text: &str, rest: &str| {
        format!("{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}}{rest}}}]}}")
    };
    let last = part("b", ",\"finishReason\":\"STOP\"");
    for body in [part("ab", ",\"finishReason\":\"STOP\""), format!("[{},\r\n{last}]", part("a", ""))] {
        let (text, _, end) = read(&[body.as_bytes()]);
        assert_eq!((text.as_str(), end), ("ab", Ok(Finish::Stop)), "{body}");
    }
    assert_eq!(end("{}"), Err(Trouble::Empty { at_limit: false }));
    assert_eq!(end("[{\"candidates\":"), Err(Trouble::Cut));
    let error = r#"{"error":{"code":503,"status":"UNAVAILABLE","message":"m"}}"#;
    for body in [error.to_owned(), format!("[{error}]"), delta("a") + &format!("data: {error}\n\n")] {
        assert!(matches!(end(&body), Err(Trouble::Refused(_))), "{body}");
    }
    for unreadable in ["{]", "[1]", "<html>", "data: {\n\n", "data: 1\n\n"] {
        assert!(matches!(end(unreadable), Err(Trouble::Unreadable(_))), "{unreadable}");
    }
}

#[test]
fn counts_that_make_no_sense_are_ignored() {
    for usage in ["null", "{}", "\"many\"", "{\"promptTokenCount\":1,\"candidatesTokenCount\":-1}"] {
        let body = delta("a") + &format!("data: {{\"usageMetadata\":{usage}}}\n\n") + &finish("STOP");
        let (text, counted, end) = read(&[body.as_bytes()]);
        assert_eq!((text.as_str(), counted, end), ("a", None, Ok(Finish::Stop)), "{usage}");
    }
}
