//! Rows U18 to U30, U34 to U36 and U47: how the pieces of an answer come, and how they end.

use std::time::Duration;

use bytes::Bytes;

use super::Entry;
use super::begun;
use super::clean;
use super::every;
use super::first;
use super::half;
use crate::mock::cue::Cue;
use crate::mock::play::End;
use crate::mock::play::Framing;
use crate::mock::play::Head;
use crate::mock::play::Piece;
use crate::mock::play::Play;
use crate::mock::play::Step;
use crate::mock::reel::Reel;
use crate::mock::reel::stream_head;
use crate::mock::reel::stream_text;
use crate::mock::reel::whole_body;
use crate::mock::wire::Finish;

/// The rows of this file.
pub(super) static ENTRIES: [Entry; 29] = [
    Entry::new(18, "u18-trickle", "sends its body one byte per 5 s (-every-)", trickle),
    Entry::new(19, "u19-comments", "sends the head, then only comments, one a second (-every-)", |cue| {
        Reel::bare(cue).again(PING, u64::MAX, every(cue, 1000)).cut(End::Stay)
    }),
    Entry::new(20, "u20-empty-deltas", "sends events without content, one a second (-every-)", |cue| {
        let empty = cue.form.wire().empty(&cue.meta);
        Reel::begin(cue).again(empty, u64::MAX, every(cue, 1000)).cut(End::Stay)
    }),
    Entry::new(21, "u21-stall", "says half of its text, then nothing for ever", |cue| {
        begun(cue).cut(End::Stay)
    }),
    Entry::new(22, "u22-stall-comments", "says half of its text, then only comments (-every-)", |cue| {
        begun(cue).again(PING, u64::MAX, every(cue, 1000)).cut(End::Stay)
    }),
    Entry::new(
        23,
        "u23-slow-steady",
        "says a piece every 5 s for 90 s (-tokens-, -total-), and ends well",
        |cue| {
            let total = cue.dials.total.unwrap_or(Duration::from_secs(90));
            let pieces = cue.dials.tokens.unwrap_or(19);
            Reel::begin(cue).say_over(&cue.text, pieces, total).finish(Finish::Stop).done()
        },
    ),
    Entry::new(
        24,
        "u24-reasoning",
        "thinks aloud 60 times a second apart (-tokens-, -every-), then answers",
        |cue| {
            let pieces = cue.dials.tokens.unwrap_or(60) as u64;
            Reel::begin(cue).think(pieces, every(cue, 1000)).say(&cue.text).finish(Finish::Stop).done()
        },
    ),
    Entry::new(25, "u25-reset", "says half of its text, then resets the connection", |cue| {
        begun(cue).cut(End::Reset)
    }),
    Entry::new(26, "u26-fin", "says half of its text and ends the body as if that were all", clean_half),
    Entry::new(27, "u27-bad-size", "sends a chunk whose size is no number", |cue| {
        framing(cue, b"zz\r\nnonsense\r\n")
    }),
    Entry::new(27, "u27-no-terminator", "closes between two chunks, without the last one", |cue| {
        framing(cue, b"")
    }),
    Entry::new(27, "u27-chunk-cut", "closes in the middle of a chunk", |cue| {
        framing(cue, b"ff\r\nhalf of it")
    }),
    Entry::new(27, "u27-length-too-long", "announces more bytes than it sends", |cue| counted(cue, true)),
    Entry::new(27, "u27-length-too-short", "announces fewer bytes than it sends", |cue| counted(cue, false)),
    Entry::new(28, "u28-no-done", "ends without the end mark, after finish_reason", |cue| {
        Reel::begin(cue).say(&cue.text).finish(Finish::Stop).close().over()
    }),
    Entry::new(28, "u28-no-done-open", "the same, and the connection stays open", |cue| {
        let reel = Reel::begin(cue).say(&cue.text).finish(Finish::Stop).close();
        if cue.stream { reel.cut(End::Stay) } else { reel.over() }
    }),
    Entry::new(29, "u29-no-finish", "sends the end mark, but never says why it stopped", |cue| {
        Reel::begin(cue).say(&cue.text).close().mark().over()
    }),
    Entry::new(30, "u30-after-done", "sends more after the end mark, and after the body", after_done),
    Entry::new(34, "u34-429-mid", "says half of its text, then an error 429 inside the stream", |cue| {
        let error = cue.form.wire().error(429, "Rate limit reached in the middle of the answer.");
        match cue.stream {
            true => begun(cue).raw(cue.form.wire().event(&error)).over(),
            false => Play::json(200, &[], &error),
        }
    }),
    Entry::new(35, "u35-crlf", "ends the lines of its events with CRLF", |cue| {
        rewritten(cue, |text| text.replace('\n', "\r\n"))
    }),
    Entry::new(35, "u35-cr", "ends the lines of its events with CR", |cue| {
        rewritten(cue, |text| text.replace('\n', "\r"))
    }),
    Entry::new(35, "u35-bom", "begins with a byte order mark", |cue| {
        rewritten(cue, |text| format!("\u{feff}{text}"))
    }),
    Entry::new(35, "u35-no-space", "writes no blank after data:", |cue| {
        rewritten(cue, |text| text.replace("data: ", "data:"))
    }),
    Entry::new(35, "u35-multi-line", "writes its events' data in several lines", |cue| {
        rewritten(cue, |text| text.replace("data: {", "data: {\ndata: "))
    }),
    Entry::new(35, "u35-comments", "puts comments between and inside events", |cue| {
        rewritten(cue, |text| text.replace("data: ", ": inside\ndata: ").replace("\n\n", "\n\n: between\n\n"))
    }),
    Entry::new(35, "u35-fields", "puts fields that mean nothing into events", |cue| {
        rewritten(cue, |text| text.replace("data: ", "id: 1\nretry: 50\nnonsense: x\nnonsense\ndata: "))
    }),
    Entry::new(35, "u35-byte-by-byte", "sends each byte in a chunk of its own", |cue| {
        let body = bytes(cue);
        in_pieces(cue, body.chunks(1), cue.dials.every.unwrap_or_default())
    }),
    Entry::new(36, "u36-split-utf8", "cuts its chunks inside of characters", split_utf8),
    Entry::new(
        47,
        "u47-buffered",
        "holds everything back for 20 s (-first-), then sends it at once",
        |cue| clean(cue).after(first(cue, 20_000)),
    ),
];

const PING: &str = ": ping\n\n";

/// The whole body of a clean answer, without framing.
fn bytes(cue: &Cue) -> Vec<u8> {
    match cue.stream {
        true => stream_text(cue, cue.dials.tokens.unwrap_or(12)).into_bytes(),
        false => whole_body(cue, &cue.text).to_string().into_bytes(),
    }
}

/// As many bytes as hold about half of the text and no end.
fn first_half(cue: &Cue) -> Vec<u8> {
    let mut body = bytes(cue);
    body.truncate(body.len() / 2);
    body
}

fn content_type(cue: &Cue) -> &'static str {
    if cue.stream { cue.form.stream_type() } else { "application/json" }
}

fn chunked_head(cue: &Cue) -> Step {
    match cue.stream {
        true => stream_head(cue, &[]),
        false => {
            let headers = [("content-type", "application/json")];
            Step::Send(Piece::Head(Head::new(200, &headers, Framing::Chunked)))
        }
    }
}

/// Each piece as a chunk, with a pause after it.
fn in_pieces<'a>(cue: &Cue, pieces: impl Iterator<Item = &'a [u8]>, pause: Duration) -> Play {
    let mut steps = vec![chunked_head(cue)];
    let piece = |bytes: &[u8]| Piece::Body(Bytes::copy_from_slice(bytes));
    steps.extend(pieces.map(|bytes| Step::Repeat { piece: piece(bytes), times: 1, pause }));
    steps.push(Step::Send(Piece::Over));
    Play { steps, end: End::Keep }
}

fn trickle(cue: &Cue) -> Play {
    in_pieces(cue, bytes(cue).chunks(1), every(cue, 5000))
}

fn split_utf8(cue: &Cue) -> Play {
    let body = bytes(cue);
    // A byte that goes on a character begins a piece.
    let cuts: Vec<usize> = (1..body.len()).filter(|at| body[*at] & 0xc0 == 0x80).collect();
    let ends = cuts.iter().copied().chain([body.len()]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    let pieces = starts.zip(ends).map(|(start, end)| &body[start..end]);
    in_pieces(cue, pieces, cue.dials.every.unwrap_or(Duration::from_millis(2)))
}

fn clean_half(cue: &Cue) -> Play {
    match cue.stream {
        true => Reel::begin(cue).say(half(cue)).over().then(End::Fin),
        false => Play::status(200, &[("content-type", "application/json")], &first_half(cue)).then(End::Fin),
    }
}

/// The first half in a chunk, then these bytes and a FIN.
fn framing(cue: &Cue, tail: &'static [u8]) -> Play {
    let mut steps = vec![chunked_head(cue), Step::body(first_half(cue))];
    if !tail.is_empty() {
        steps.push(Step::raw(tail));
    }
    Play { steps, end: End::Fin }
}

/// A body whose length is not the one announced.
fn counted(cue: &Cue, too_long: bool) -> Play {
    let (all, half) = (bytes(cue), first_half(cue));
    let (announced, sent) = if too_long { (all.len(), half) } else { (half.len(), all) };
    let head = Head::new(200, &[("content-type", content_type(cue))], Framing::Length(announced));
    let steps = vec![Step::Send(Piece::Head(head)), Step::body(sent), Step::Send(Piece::Over)];
    Play { steps, end: End::Fin }
}

fn after_done(cue: &Cue) -> Play {
    let reel = Reel::begin(cue).say(&cue.text).finish(Finish::Stop).close().mark();
    let more = cue.form.wire().text(&cue.meta, 0, " And another thing.");
    let mut play = reel.raw(more).over();
    play.steps.push(Step::raw("bytes that belong to no answer\r\n"));
    play.then(End::Fin)
}

/// A clean stream, its text rewritten; one body has no lines to rewrite.
fn rewritten(cue: &Cue, rewrite: fn(&str) -> String) -> Play {
    if !cue.stream {
        return clean(cue);
    }
    let text = rewrite(&stream_text(cue, 12).replace("\r\n", "\n"));
    in_pieces(cue, [text.as_bytes()].into_iter(), Duration::ZERO)
}
