use super::*;
use crate::event::Usage;
use crate::provider::Chunk;
use crate::provider::Finish;
use crate::provider::upstream::reading::Reading;
use crate::provider::upstream::reading::Trouble;

const TRANSCRIPTS: [&str; 2] = [
    include_str!("../../../../tests/fixtures/anthropic/text.txt"),
    include_str!("../../../../tests/fixtures/anthropic/thinking.txt"),
];
const TEXT: &str = "Šířka pásu 0,6 m – OK 😀";

type Read = (String, Option<Usage>, Result<Finish, Trouble>);

/// The text, the counts and the end of a body that comes in these pieces.
fn read(pieces: &[&[u8]]) -> Read {
    let mut reading = Reading::<Message>::default();
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
    format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
         \"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
    )
}

fn stop(reason: &str) -> String {
    format!("data: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{reason}\"}}}}\n\n")
}

const END: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

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
fn a_stream_that_ends_before_its_end_mark_is_cut() {
    for transcript in TRANSCRIPTS {
        let mark = transcript.find("event: message_stop").unwrap();
        for at in 0..mark {
            let end = read(&[&transcript.as_bytes()[..at]]).2.unwrap_err();
            assert!(matches!(end, Trouble::Cut | Trouble::Empty { .. }), "{end:?} when cut at {at}");
        }
        assert_eq!(read(&[&transcript.as_bytes()[..mark]]).2, Err(Trouble::Cut));
    }
}

#[test]
fn thinking_is_progress_and_a_ping_is_not() {
    let cases = [
        (block("thinking"), Chunk::Reasoning),
        (block("redacted_thinking"), Chunk::Reasoning),
        (block("text"), Chunk::Alive),
        (block("tool_use"), Chunk::Alive),
        ("data: {\"type\":\"ping\"}\n\n".into(), Chunk::Alive),
        (": ping\n\n".into(), Chunk::Alive),
    ];
    for (body, chunk) in cases {
        let mut reading = Reading::<Message>::default();
        reading.push(body.as_bytes()).unwrap();
        assert_eq!(reading.take_chunks(), [chunk], "{body}");
    }
}

fn block(kind: &str) -> String {
    format!("data: {{\"type\":\"content_block_start\",\"content_block\":{{\"type\":\"{kind}\"}}}}\n\n")
}

#[test]
fn ends_are_told_apart() {
    let declined = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\",\
        \"stop_details\":{\"type\":\"refusal\",\"explanation\":\"No.\"}}}\n\n";
    let cases = [
        (delta("a") + &stop("end_turn") + END, Ok(Finish::Stop)),
        (delta("a") + &stop("stop_sequence") + END, Ok(Finish::Stop)),
        (delta("a") + &stop("max_tokens") + END, Ok(Finish::Length)),
        (delta("a") + &stop("model_context_window_exceeded") + END, Ok(Finish::Length)),
        (delta("a") + &stop("something new") + END, Ok(Finish::Unknown)),
        (delta("a") + END, Ok(Finish::Unknown)),
        (delta("a") + &stop("end_turn"), Err(Trouble::Cut)),
        (delta("a"), Err(Trouble::Cut)),
        (delta(" ") + &stop("end_turn") + END, Err(Trouble::Empty { at_limit: false })),
        (block("tool_use") + &stop("tool_use") + END, Err(Trouble::ToolCall)),
        (delta("a") + &block("tool_use") + &stop("tool_use") + END, Ok(Finish::Stop)),
        (stop("max_tokens") + END, Err(Trouble::Empty { at_limit: true })),
        (delta("a") + &stop("end_turn") + END + "event: error\ndata: nothing counts\n\n", Ok(Finish::Stop)),
        (END.into(), Err(Trouble::Empty { at_limit: false })),
        (String::new(), Err(Trouble::Empty { at_limit: false })),
        (delta("a") + &stop("refusal") + END, Err(Trouble::Declined(String::new()))),
        (delta("a") + declined, Err(Trouble::Declined("No.".into()))),
    ];
    for (body, expected) in cases {
        assert_eq!(end(&body), expected, "{body}");
    }
}

#[test]
fn one_body_is_read_like_a_stream() {
    let whole = |content: &str, reason: &str| {
        format!(
            "{{\"type\":\"message\",\"content\":{content},\"stop_reason\":\"{reason}\",\
             \"usage\":{{\"input_tokens\":1,\"output_tokens\":2}}}}"
        )
    };
    let blocks =
        r#"[{"type":"thinking","thinking":"x"},{"type":"text","text":"a"},{"type":"text","text":"b"}]"#;
    let (text, usage, finish) = read(&[whole(blocks, "end_turn").as_bytes()]);
    assert_eq!(
        (text.as_str(), usage.map(|usage| usage.total_tokens), finish),
        ("ab", Some(3), Ok(Finish::Stop))
    );
    assert_eq!(end(&whole(blocks, "max_tokens")), Ok(Finish::Length));
    assert_eq!(end(&whole(blocks, "refusal")), Err(Trouble::Declined(String::new())));
    assert_eq!(end(&whole("[]", "end_turn")), Err(Trouble::Empty { at_limit: false }));
    assert_eq!(end("{}"), Err(Trouble::Empty { at_limit: false }));
    assert_eq!(end("{\"type\":\"message\",\"content\":["), Err(Trouble::Cut));
    for unreadable in ["{]", "[1]", "<html>", "data: {\n\n", "data: 1\n\n"] {
        assert!(matches!(end(unreadable), Err(Trouble::Unreadable(_))), "{unreadable}");
    }
}

#[test]
fn counts_that_make_no_sense_are_ignored() {
    for usage in ["null", "{}", "\"many\"", "{\"output_tokens\":-1}", "{\"output_tokens\":1e300}"] {
        let begun = format!(
            "data: {{\"type\":\"message_start\",\"message\":{{\"usage\":{{\"input_tokens\":18446744073709551615}}}}}}\n\n\
             data: {{\"type\":\"message_delta\",\"delta\":{{}},\"usage\":{usage}}}\n\n"
        );
        let (text, counted, end) = read(&[(begun + &delta("a") + &stop("end_turn") + END).as_bytes()]);
        assert_eq!((text.as_str(), counted, end), ("a", None, Ok(Finish::Stop)), "{usage}");
    }
}
