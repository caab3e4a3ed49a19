//! What one part of a chat completion says.

use serde_json::Value;

use crate::provider::upstream::reading::Dialect;
use crate::provider::upstream::reading::Reason;
use crate::provider::upstream::reading::Told;

/// A chat completion, in pieces or whole.
#[derive(Default)]
pub struct Completion;

impl Dialect for Completion {
    fn is_end_mark(data: &str) -> bool {
        data == "[DONE]"
    }

    fn read(&mut self, part: &Value, told: &mut Told) {
        if let Some(usage) = part.get("usage") {
            told.counts(Told::count(usage, "prompt_tokens"), Told::count(usage, "completion_tokens"));
        }
        for choice in part.get("choices").and_then(Value::as_array).into_iter().flatten() {
            match choice.get("index").and_then(Value::as_i64).unwrap_or(0) {
                0 => read_choice(choice, told),
                _ => told.passes_over(),
            }
        }
    }
}

fn read_choice(choice: &Value, told: &mut Told) {
    let said = ["delta", "message"].iter().find_map(|key| choice.get(key)).unwrap_or(&Value::Null);
    if ["reasoning_content", "reasoning"].iter().any(|key| !text(said.get(key)).is_empty()) {
        told.thinks();
    }
    told.text(&match said.get("content") {
        None | Some(Value::Null) => text(choice.get("text")),
        content => text(content),
    });
    told.says(&text(said.get("refusal")));
    let calls = said.get("tool_calls").and_then(Value::as_array).is_some_and(|calls| !calls.is_empty());
    if calls || said.get("function_call").is_some_and(Value::is_object) {
        told.calls_tool();
    }
    if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str).and_then(reason) {
        told.stops(reason);
    }
}

/// A string, or the texts of a list of parts.
fn text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    }
}

fn reason(reason: &str) -> Option<Reason> {
    Some(match reason.to_ascii_lowercase().as_str() {
        "" | "null" => return None,
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "tool_calls" | "function_call" => {
            Reason::Stop
        }
        "length" | "max_tokens" | "model_length" => Reason::Length,
        "content_filter" | "refusal" | "safety" => Reason::Declined,
        "error" => Reason::Failed,
        _ => Reason::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Usage;
    use crate::provider::Chunk;
    use crate::provider::Finish;
    use crate::provider::Strange;
    use crate::provider::upstream::reading::Reading;
    use crate::provider::upstream::reading::Trouble;

    const TRANSCRIPTS: [&str; 3] = [
        include_str!("../../../tests/fixtures/openai/openai.txt"),
        include_str!("../../../tests/fixtures/openai/azure.txt"),
        include_str!("../../../tests/fixtures/openai/reasoning.txt"),
    ];
    const TEXT: &str = "Šířka pásu 0,6 m – OK 😀";

    /// The text, the counts and the end of a body that comes in these pieces.
    fn read(pieces: &[&[u8]]) -> (String, Option<Usage>, Result<Finish, Trouble>) {
        let mut reading = Reading::<Completion>::default();
        let end = pieces.iter().try_for_each(|piece| reading.push(piece));
        let end = end.and_then(|()| reading.end());
        let out = reading.take_chunks();
        let text = out.iter().filter_map(|chunk| match chunk {
            Chunk::Text(text) => Some(text.as_str()),
            _ => None,
        });
        (text.collect(), reading.take_usage(), end)
    }

    fn end(body: &str) -> Result<Finish, Trouble> {
        read(&[body.as_bytes()]).2
    }

    fn delta(text: &str) -> String {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    }

    fn finish(reason: &str) -> String {
        format!("data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\n")
    }

    fn tool_call() -> String {
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\"}}]}}]}\n\n"
            .into()
    }

    const DONE: &str = "data: [DONE]\n\n";

    #[test]
    fn a_stream_reads_the_same_wherever_it_is_cut() {
        let usage = Usage { input_tokens: 19, output_tokens: 12, total_tokens: 31, estimated: false };
        for transcript in TRANSCRIPTS {
            for text in
                [transcript.to_owned(), transcript.replace('\n', "\r\n"), transcript.replace('\n', "\r")]
            {
                let bytes = text.as_bytes();
                for at in 0..=bytes.len() {
                    let (said, counted, end) = read(&[&bytes[..at], &bytes[at..]]);
                    assert_eq!(
                        (said.as_str(), counted, end),
                        (TEXT, Some(usage), Ok(Finish::Stop)),
                        "cut at {at}"
                    );
                }
                let single: Vec<&[u8]> = bytes.chunks(1).collect();
                assert_eq!(read(&single).0, TEXT);
            }
        }
    }

    #[test]
    fn a_stream_that_ends_early_is_never_whole() {
        let bytes = TRANSCRIPTS[0].as_bytes();
        let finish = TRANSCRIPTS[0].find("\"stop\"").unwrap();
        for at in 0..finish {
            let end = read(&[&bytes[..at]]).2.unwrap_err();
            assert!(matches!(end, Trouble::Cut | Trouble::Empty { .. }), "{end:?} when cut at {at}");
        }
    }

    #[test]
    fn ends_are_told_apart() {
        let cases = [
            (delta("a") + &finish("stop") + DONE, Ok(Finish::Stop)),
            (delta("a") + &finish("stop"), Ok(Finish::Stop)),
            (delta("a") + &finish("length") + DONE, Ok(Finish::Length)),
            (delta("a") + DONE, Ok(Finish::Unknown)),
            (delta("a") + &finish("") + DONE, Ok(Finish::Unknown)),
            (delta("a") + &finish("something new"), Ok(Finish::Unknown)),
            (delta("a"), Err(Trouble::Cut)),
            (delta("a") + "data: [DO", Err(Trouble::Cut)),
            (delta("") + &delta(" \\n") + &finish("stop") + DONE, Err(Trouble::Empty { at_limit: false })),
            (finish("length") + DONE, Err(Trouble::Empty { at_limit: true })),
            (tool_call() + &finish("tool_calls") + DONE, Err(Trouble::ToolCall)),
            (tool_call() + &finish("stop"), Err(Trouble::ToolCall)),
            (delta("a") + &tool_call() + &finish("tool_calls") + DONE, Ok(Finish::Stop)),
            (tool_call(), Err(Trouble::Cut)),
            (DONE.into(), Err(Trouble::Empty { at_limit: false })),
            (": ping\n\n".into(), Err(Trouble::Empty { at_limit: false })),
            (String::new(), Err(Trouble::Empty { at_limit: false })),
            (delta("a") + &finish("content_filter") + DONE, Err(Trouble::Declined(String::new()))),
            (
                "data: {\"choices\":[{\"delta\":{\"refusal\":\"No.\"},\"finish_reason\":\"stop\"}]}\n\n"
                    .into(),
                Err(Trouble::Declined("No.".into())),
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(end(&body), expected, "{body}");
        }
    }

    #[test]
    fn one_body_is_read_like_a_stream() {
        let whole = |message: &str, reason: &str| {
            format!(
                "\u{feff} {{\"choices\":[{{\"index\":0,\"message\":{message},\"finish_reason\":\"{reason}\"}}]}}"
            )
        };
        let empty = || Err(Trouble::Empty { at_limit: false });
        assert_eq!(read(&[whole("{\"content\":\"a\"}", "stop").as_bytes()]).0, "a");
        assert_eq!(
            read(&[whole("{\"content\":[{\"type\":\"text\",\"text\":\"b\"}]}", "stop").as_bytes()]).0,
            "b"
        );
        assert_eq!(end(&whole("{\"content\":\"a\"}", "length")), Ok(Finish::Length));
        assert_eq!(end(&whole("{\"content\":null}", "stop")), empty());
        assert_eq!(end(&whole("{\"content\":null,\"tool_calls\":null}", "stop")), empty());
        let call = whole("{\"content\":null,\"tool_calls\":[{\"type\":\"function\"}]}", "tool_calls");
        assert_eq!(end(&call), Err(Trouble::ToolCall));
        assert_eq!(end(&whole("{\"function_call\":{\"name\":\"f\"}}", "stop")), Err(Trouble::ToolCall));
        assert_eq!(end("{}"), empty());
        assert_eq!(end("{\"choices\":[]}"), empty());
        assert_eq!(end("{\"choices\":["), Err(Trouble::Cut));
        for unreadable in ["{]", "[1]", "{\"choices\":[]} x", "<html>", "data: {\n\n", "data: 1\n\n"] {
            assert!(matches!(end(unreadable), Err(Trouble::Unreadable(_))), "{unreadable}");
        }
    }

    #[test]
    fn answers_beside_the_first_are_passed_over_and_counted() {
        let other = "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"WRONG\"}}]}\n\n";
        let body = [&delta("a"), other, &delta("b"), other, &finish("stop"), DONE].concat();
        let mut reading = Reading::<Completion>::default();
        reading.push(body.as_bytes()).unwrap();
        assert_eq!(reading.end(), Ok(Finish::Stop));
        assert_eq!(reading.strange(), Some(Strange { others: 2, twice: 0 }));
        assert_eq!(read(&[body.as_bytes()]).0, "ab");
    }

    #[test]
    fn pieces_that_all_come_twice_are_counted_and_a_word_said_twice_is_not() {
        let strange = |words: &[&str]| {
            let body: String =
                words.iter().map(|word| delta(word)).chain([finish("stop"), DONE.into()]).collect();
            let mut reading = Reading::<Completion>::default();
            reading.push(body.as_bytes()).unwrap();
            assert_eq!(reading.end(), Ok(Finish::Stop));
            reading.strange()
        };
        assert_eq!(strange(&["a", "a", "b", "b", "c", "c", "d", "d"]), Some(Strange { others: 0, twice: 4 }));
        assert_eq!(strange(&["no", "no", "x"]), None, "too few");
        assert_eq!(strange(&["ha", "ha", "a", "ha", "ha", "b", "c", "d", "ha", "ha"]), None, "three of ten");
        assert_eq!(strange(&["a", "b", "a", "b", "a", "b"]), None);
    }

    #[test]
    fn an_error_inside_an_answer_is_no_answer() {
        let shapes = [
            "data: {\"error\":{\"message\":\"m\",\"code\":429}}\n\n",
            "data: {\"error\":\"m\"}\n\n",
            "data: {\"object\":\"error\",\"message\":\"m\",\"code\":429}\n\n",
            "event: error\ndata: {\"message\":\"m\"}\n\n",
            "event: error\ndata: m\n\n",
        ];
        for shape in shapes {
            for body in [shape.to_owned(), delta("a") + shape, delta("a") + &finish("stop") + shape] {
                assert!(matches!(end(&body), Err(Trouble::Refused(_))), "{body}");
            }
        }
        assert!(matches!(end("{\"error\":{\"message\":\"m\"}}"), Err(Trouble::Refused(_))));
        assert_eq!(end(&(delta("a") + "data: {\"error\":null}\n\n" + DONE)), Ok(Finish::Unknown));
    }

    #[test]
    fn counts_that_make_no_sense_are_ignored() {
        for usage in [
            "null",
            "{}",
            "{\"prompt_tokens\":-1,\"completion_tokens\":2}",
            "\"many\"",
            "{\"prompt_tokens\":\"7\",\"completion_tokens\":2}",
            "{\"prompt_tokens\":1,\"completion_tokens\":1e300}",
            "{\"prompt_tokens\":18446744073709551615,\"completion_tokens\":18446744073709551615}",
        ] {
            let body = delta("a") + &finish("stop") + &format!("data: {{\"usage\":{usage}}}\n\n") + DONE;
            let (text, counted, end) = read(&[body.as_bytes()]);
            assert_eq!((text.as_str(), counted, end), ("a", None, Ok(Finish::Stop)), "{usage}");
        }
    }
}
