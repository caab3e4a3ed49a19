//! Rows U31 to U33 and U37 to U54: answers that hold what they should not, too much of it, or nothing.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use serde_json::json;

use super::Entry;
use super::begun;
use super::half;
use crate::mock::cue::Cue;
use crate::mock::play::End;
use crate::mock::play::Framing;
use crate::mock::play::Head;
use crate::mock::play::Piece;
use crate::mock::play::Play;
use crate::mock::play::Step;
use crate::mock::reel::Reel;
use crate::mock::reel::split;
use crate::mock::reel::stream_head;
use crate::mock::reel::whole_body;
use crate::mock::wire::Finish;
use crate::mock::wire::Form;
use crate::mock::wire::Usage;

/// The rows of this file.
pub(super) static ENTRIES: [Entry; 38] = [
    Entry::new(31, "u31-malformed", "sends an event in the middle that is not JSON", malformed),
    Entry::new(32, "u32-error", "sends an error object first, inside of a 200 (-status-)", |cue| {
        in_band(cue, Shape::Own, false)
    }),
    Entry::new(32, "u32-error-mid", "the same after half of its text", |cue| in_band(cue, Shape::Own, true)),
    Entry::new(32, "u32-object", "sends {\"object\":\"error\"} first, inside of a 200 (-status-)", |cue| {
        in_band(cue, Shape::Object, false)
    }),
    Entry::new(32, "u32-object-mid", "the same after half of its text", |cue| {
        in_band(cue, Shape::Object, true)
    }),
    Entry::new(32, "u32-event", "sends an event called error first, inside of a 200 (-status-)", |cue| {
        in_band(cue, Shape::Event, false)
    }),
    Entry::new(32, "u32-event-mid", "the same after half of its text", |cue| {
        in_band(cue, Shape::Event, true)
    }),
    Entry::new(33, "u33-error-body", "answers 200 with one body that is an error (-status-)", |cue| {
        Play::json(200, &[], &error(cue))
    }),
    Entry::new(37, "u37-bad-utf8", "sends bytes that are not UTF-8 in its text", bad_utf8),
    Entry::new(38, "u38-duplicates", "sends each piece of text twice, with the same id", duplicates),
    Entry::new(39, "u39-indexes", "sends text of another choice between that of the first", indexes),
    Entry::new(40, "u40-tool-call", "calls a tool where text was asked", tool_call),
    Entry::new(41, "u41-long-line", "sends one event of 50 MB", long_line),
    Entry::new(42, "u42-endless", "never stops talking", endless),
    Entry::new(43, "u43-gzip-bomb", "sends 64 MB of gzip that unpack to 10 GB, unasked", gzip_bomb),
    Entry::new(44, "u44-huge-body", "sends one body of 200 MB", |cue| long_body(cue, 200)),
    Entry::new(45, "u45-html", "answers 200 with a web page to log in", |_| {
        Play::status(
            200,
            &[("content-type", "text/html")],
            b"<!doctype html><title>Log in</title><form></form>",
        )
    }),
    Entry::new(46, "u46-json", "answers with one body where a stream was asked", |cue| {
        Play::json(200, &[], &whole_body(cue, &cue.text))
    }),
    Entry::new(48, "u48-empty-body", "answers 200 with nothing", nothing),
    Entry::new(48, "u48-empty-object", "answers 200 with {}", |cue| only(cue, &json!({}))),
    Entry::new(48, "u48-no-choices", "answers without any choice", |cue| only(cue, &emptied(cue, false))),
    Entry::new(48, "u48-null-content", "answers with a content that is null", |cue| {
        only(cue, &emptied(cue, true))
    }),
    Entry::new(48, "u48-only-done", "sends the end mark and nothing else", |cue| match cue.stream {
        true => Reel::bare(cue).mark().over(),
        false => only(cue, &json!({})),
    }),
    Entry::new(49, "u49-wrong-schema", "answers with JSON that no schema asked for", |cue| {
        told(cue, r#"{"unexpected":{"fields":[1,2,3]}}"#)
    }),
    Entry::new(50, "u50-fences", "puts its JSON into a code fence", |cue| {
        told(cue, &format!("```json\n{}\n```", json_text(cue)))
    }),
    Entry::new(50, "u50-prose", "puts words around its JSON", |cue| {
        told(cue, &format!("Here is what you asked for:\n\n{}\n\nI hope this helps!", json_text(cue)))
    }),
    Entry::new(51, "u51-deep", "answers with JSON that is 10,000 levels deep", |cue| {
        told(cue, &format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000)))
    }),
    Entry::new(51, "u51-huge-number", "answers with a number that no machine holds", |cue| {
        told(cue, r#"{"confidence":1e999}"#)
    }),
    Entry::new(51, "u51-duplicate-keys", "answers with JSON that names a key twice", |cue| {
        told(cue, r#"{"confidence":0.1,"confidence":0.9}"#)
    }),
    Entry::new(51, "u51-lone-surrogate", "answers with half of a character in its JSON", |cue| {
        told(cue, r#"{"confidence":"\ud800"}"#)
    }),
    Entry::new(52, "u52-length", "says that the token limit ended the answer", |cue| {
        Reel::begin(cue).say(&cue.text).finish(Finish::Length).done()
    }),
    Entry::new(52, "u52-length-broken", "the same after half of the text", |cue| {
        begun(cue).finish(Finish::Length).done()
    }),
    Entry::new(53, "u53-content-filter", "says that a filter ended the answer", |cue| {
        begun(cue).finish(Finish::Filter).done()
    }),
    Entry::new(53, "u53-refusal", "declines to answer", |cue| {
        Reel::begin(cue).finish(Finish::Refusal).usage(Usage::Counted(0)).done()
    }),
    Entry::new(54, "u54-no-usage", "answers without counts", |cue| counted(cue, Usage::Missing)),
    Entry::new(54, "u54-negative", "counts below zero", |cue| counted(cue, Usage::Instead((-7).into()))),
    Entry::new(54, "u54-absurd", "counts more tokens than there are", |cue| {
        counted(cue, Usage::Instead(u64::MAX.into()))
    }),
    Entry::new(54, "u54-strings", "writes its counts as words", |cue| {
        counted(cue, Usage::Instead("many".into()))
    }),
];

fn told(cue: &Cue, text: &str) -> Play {
    Reel::begin(cue).say(text).finish(Finish::Stop).done()
}

fn counted(cue: &Cue, usage: Usage) -> Play {
    Reel::begin(cue).say(&cue.text).finish(Finish::Stop).usage(usage).done()
}

fn json_text(cue: &Cue) -> String {
    if cue.is_json { cue.text.to_string() } else { json!({"answer": &*cue.text}).to_string() }
}

/// The shape of an error inside of an answer.
#[derive(Clone, Copy)]
enum Shape {
    Own,
    Object,
    Event,
}

const SORRY: &str = "The server had an error while processing your request.";

fn error(cue: &Cue) -> Value {
    cue.form.wire().error(cue.dials.status.unwrap_or(500), SORRY)
}

fn in_band(cue: &Cue, shape: Shape, mid: bool) -> Play {
    let status = cue.dials.status.unwrap_or(500);
    let object = json!({"object": "error", "message": SORRY, "type": "ServerError", "code": status});
    if !cue.stream {
        let body = if matches!(shape, Shape::Object) { object } else { error(cue) };
        return Play::json(200, &[], &body);
    }
    let event = match shape {
        Shape::Own => cue.form.wire().event(&error(cue)),
        Shape::Object => format!("data: {object}\n\n"),
        Shape::Event => format!("event: error\ndata: {}\n\n", error(cue)),
    };
    let reel = if mid { begun(cue) } else { Reel::bare(cue) };
    reel.raw(event).over()
}

fn malformed(cue: &Cue) -> Play {
    let broken = "data: {\"choices\":[{\"delta\":{\"content\":\"broken\n\n";
    let rest = &cue.text[half(cue).len()..];
    match cue.stream {
        true => begun(cue).raw(broken).say(rest).finish(Finish::Stop).done(),
        false => {
            let body = whole_body(cue, &cue.text).to_string().replacen(':', ";", 3);
            Play::status(200, &[("content-type", "application/json")], body.as_bytes())
        }
    }
}

/// A mark in a rendered answer, to be replaced by what no renderer would write.
const MARK: &str = "@@lab@@";

/// What is rendered before and after a text.
fn around(rendered: &str) -> (&str, &str) {
    rendered.split_once(MARK).unwrap_or((rendered, ""))
}

fn bad_utf8(cue: &Cue) -> Play {
    let bad = |rendered: &str| {
        let (before, after) = around(rendered);
        [before.as_bytes(), b"\xff\xfe\xc3(", after.as_bytes()].concat()
    };
    if cue.stream {
        let piece = bad(&cue.form.wire().text(&cue.meta, 0, MARK));
        return begun(cue).raw(piece).finish(Finish::Stop).done();
    }
    let body = bad(&whole_body(cue, MARK).to_string());
    Play::status(200, &[("content-type", "application/json")], &body)
}

fn duplicates(cue: &Cue) -> Play {
    let mut reel = Reel::begin(cue);
    for piece in split(&cue.text, 12) {
        reel = reel.say(piece).raw(cue.form.wire().text(&cue.meta, 0, piece));
    }
    reel.finish(Finish::Stop).done()
}

fn indexes(cue: &Cue) -> Play {
    let other = cue.form.wire().text(&cue.meta, 1, "WRONG CHOICE").replace("\"index\":0", "\"index\":1");
    let mut reel = Reel::begin(cue);
    for piece in split(&cue.text, 6) {
        reel = reel.say(piece).raw(&other);
    }
    reel.finish(Finish::Stop).done()
}

fn tool_call(cue: &Cue) -> Play {
    if cue.stream {
        let call = cue.form.wire().tool_call(&cue.meta, 0);
        return Reel::begin(cue).raw(call).finish(Finish::Stop).done();
    }
    let mut body = whole_body(cue, "");
    match cue.form {
        Form::OpenAi => {
            let function = json!({"name": "look_up", "arguments": "{}"});
            let calls = json!([{"id": "call_lab", "type": "function", "function": function}]);
            body["choices"][0]["message"] =
                json!({"role": "assistant", "content": null, "tool_calls": calls});
            body["choices"][0]["finish_reason"] = "tool_calls".into();
        }
        Form::Anthropic => {
            let call = json!({"type": "tool_use", "id": "toolu_lab", "name": "look_up", "input": {}});
            body["content"] = json!([call]);
            body["stop_reason"] = "tool_use".into();
        }
        Form::Gemini { .. } => {
            let call = json!({"functionCall": {"name": "look_up", "args": {}}});
            body["candidates"][0]["content"]["parts"] = json!([call]);
        }
    }
    Play::json(200, &[], &body)
}

/// Letters enough to fill so many MB, in pieces.
fn letters(mega: u64) -> Step {
    let piece = Piece::Body(Bytes::from_static(&[b'x'; 10_000]));
    Step::Repeat { piece, times: mega.saturating_mul(100), pause: Duration::ZERO }
}

fn long_line(cue: &Cue) -> Play {
    if !cue.stream {
        return long_body(cue, 50);
    }
    let event = cue.form.wire().text(&cue.meta, 0, MARK);
    let steps = filled(stream_head(cue, &[]), around(&event), letters(50));
    Play { steps, end: End::Keep }
}

fn long_body(cue: &Cue, mega: u64) -> Play {
    let body = whole_body(cue, MARK).to_string();
    let steps = filled(chunked_json(&[]), around(&body), letters(mega));
    Play { steps, end: End::Keep }
}

/// A body with something large between its beginning and its end.
fn filled(head: Step, (before, after): (&str, &str), large: Step) -> Vec<Step> {
    let [before, after] = [before, after].map(|text| Step::body(text.to_owned()));
    vec![head, before, large, after, Step::Send(Piece::Over)]
}

/// The head of one body that comes in chunks.
fn chunked_json(more: &[(&str, &str)]) -> Step {
    let headers = [&[("content-type", "application/json")], more].concat();
    Step::Send(Piece::Head(Head::new(200, &headers, Framing::Chunked)))
}

fn endless(cue: &Cue) -> Play {
    if !cue.stream {
        return long_body(cue, u64::MAX);
    }
    let piece = cue.form.wire().text(&cue.meta, 0, &"and so on ".repeat(100));
    let pause = cue.dials.every.unwrap_or_default();
    Reel::begin(cue).say("And ").again(piece, u64::MAX, pause).cut(End::Fin)
}

fn gzip_bomb(cue: &Cue) -> Play {
    let (begin, period) = bomb();
    let encoding = [("content-encoding", "gzip")];
    let head = if cue.stream { stream_head(cue, &encoding) } else { chunked_json(&encoding) };
    let piece = Piece::Body(period.repeat(630).into());
    let rest = Step::Repeat { piece, times: 8000, pause: Duration::ZERO };
    Play { steps: vec![head, Step::body(begin), rest, Step::Send(Piece::Over)], end: End::Fin }
}

/// Gzip of zeros without end: how it begins, and 13 bytes that stand for 2,064 zeros as often as they come.
fn bomb() -> (Vec<u8>, [u8; 13]) {
    // A last block with fixed codes; a zero; then "258 bytes from one byte ago", 8 and 5 bits, for ever.
    let begin = [1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0];
    let again = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0];
    let bit = |at: usize| if at < 11 { begin[at] } else { again[(at - 11) % 13] };
    let byte = |at: usize| (0..8).fold(0u8, |byte, shift| byte | bit(at * 8 + shift) << shift);
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let first = head.into_iter().chain((0..13).map(byte)).collect();
    (first, std::array::from_fn(|at| byte(13 + at)))
}

/// This body and nothing else; a stream holds it as one event.
fn only(cue: &Cue, body: &Value) -> Play {
    match cue.stream {
        true => Reel::bare(cue).raw(cue.form.wire().event(body)).mark().over(),
        false => Play::json(200, &[], body),
    }
}

/// A clean answer without choices, or with a content of null.
fn emptied(cue: &Cue, null: bool) -> Value {
    let mut body = whole_body(cue, "");
    match (cue.form, null) {
        (Form::OpenAi, false) => body["choices"] = json!([]),
        (Form::OpenAi, true) => {
            let place = if cue.stream { "delta" } else { "message" };
            let said = json!({"role": "assistant", "content": null});
            body["choices"] = json!([{"index": 0, place: said, "finish_reason": "stop"}]);
        }
        (Form::Anthropic, null) => body["content"] = if null { Value::Null } else { json!([]) },
        (Form::Gemini { .. }, false) => body["candidates"] = json!([]),
        (Form::Gemini { .. }, true) => body["candidates"][0]["content"] = Value::Null,
    }
    body
}

/// A head with an empty body.
fn nothing(cue: &Cue) -> Play {
    match cue.stream {
        true => Reel::bare(cue).over(),
        false => Play::status(200, &[("content-type", "application/json")], b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bomb_begins_as_gzip_and_goes_on_in_periods() {
        let (begin, period) = bomb();
        assert_eq!(begin[..3], [0x1f, 0x8b, 8]);
        // Three bits of block head, a literal zero, then the first match.
        assert_eq!(begin[10..12], [0b0110_0011, 0b0001_1000]);
        assert_eq!(period.len(), 13);
    }
}
