//! Rows U1 to U17: connections that fail before an answer, or in its head.

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;

use super::Entry;
use super::begun;
use super::clean;
use super::every;
use crate::mock::cue::Cue;
use crate::mock::play::End;
use crate::mock::play::Framing;
use crate::mock::play::Head;
use crate::mock::play::Piece;
use crate::mock::play::Play;
use crate::mock::play::Step;

/// The rows of this file.
pub(super) static ENTRIES: [Entry; 23] = [
    Entry::elsewhere(1, "u1", "connection refused: --closed-port prints an address that refuses"),
    Entry::elsewhere(2, "u2", "connection never accepted: --full-port prints an address whose queue is full"),
    Entry::elsewhere(3, "u3", "no such name: use a base_url such as http://nowhere.invalid/v1"),
    Entry::elsewhere(4, "u4", "name look-up fails for now: needs a resolver of the test's own"),
    Entry::elsewhere(5, "u5", "one of two addresses is dead: needs a resolver of the test's own"),
    Entry::elsewhere(6, "u6", "a bad certificate: --tls unknown, --tls wrong-name or --tls expired"),
    Entry::elsewhere(7, "u7", "the handshake hangs: --tls hang"),
    Entry::elsewhere(8, "u8", "the handshake is torn down, or it is no TLS: --tls reset, --tls plain"),
    Entry::new(9, "u9-silent", "accepts the request and never says a byte", |_| Play::end(End::Stay)),
    Entry::new(10, "u10-reset", "resets the connection before any head", |_| Play::end(End::Reset)),
    Entry::new(11, "u11-reset-while-sending", "resets after 10 KiB of the request's body", |_| {
        Play::end(End::Reset)
    }),
    Entry::new(12, "u12-413-early", "answers 413 after 10 KiB of the request's body, and closes", early_413),
    Entry::new(
        13,
        "u13-idle-close",
        "answers, and closes the idle connection after 1 s (-every-)",
        idle_close,
    ),
    Entry::new(14, "u14-slow-headers", "sends its head one byte a second (-every-)", slow_headers),
    Entry::new(15, "u15-endless-headers", "sends 10,000 header lines", endless_headers),
    Entry::new(15, "u15-huge-header", "sends one header of 10 MiB", huge_header),
    Entry::new(16, "u16-100-continue", "sends 100 Continue first, then answers", |cue| early(cue, 100, 1)),
    Entry::new(16, "u16-103-early-hints", "sends 103 Early Hints first, then answers", |cue| {
        early(cue, 103, 1)
    }),
    Entry::new(16, "u16-three-103", "sends 103 Early Hints three times, then answers", |cue| {
        early(cue, 103, 3)
    }),
    Entry::new(17, "u17-goaway", "HTTP/2 only: GOAWAY (internal error) after half of its text", |cue| {
        begun(cue).cut(End::GoAway(Reason::INTERNAL_ERROR))
    }),
    Entry::new(17, "u17-goaway-no-error", "HTTP/2 only: the same, and all is well by its code", |cue| {
        begun(cue).cut(End::GoAway(Reason::NO_ERROR))
    }),
    Entry::new(
        17,
        "u17-rst-stream",
        "HTTP/2 only: RST_STREAM (internal error) after half of its text",
        |cue| begun(cue).cut(End::ResetStream(Reason::INTERNAL_ERROR)),
    ),
    Entry::new(17, "u17-rst-stream-no-error", "HTTP/2 only: the same, and all is well by its code", |cue| {
        begun(cue).cut(End::ResetStream(Reason::NO_ERROR))
    }),
];

fn early_413(cue: &Cue) -> Play {
    let error = cue.form.wire().error(413, "The request is too large.");
    Play::json(413, &[("connection", "close")], &error).then(End::Fin)
}

fn idle_close(cue: &Cue) -> Play {
    clean(cue).then(End::KeepFor(every(cue, 1000)))
}

fn slow_headers(cue: &Cue) -> Play {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nserver: a-very-slow-one\r\n\r\n";
    let pause = every(cue, 1000);
    let piece = |byte: &u8| Piece::Raw(Bytes::from(vec![*byte]));
    let bytes = head.iter().map(|byte| Step::Repeat { piece: piece(byte), times: 1, pause });
    Play { steps: bytes.collect(), end: End::Fin }
}

fn endless_headers(_: &Cue) -> Play {
    let line = Bytes::from_static(b"x-padding: this line means nothing and there are many of it\r\n");
    let lines = Step::Repeat { piece: Piece::Raw(line), times: 10_000, pause: Duration::ZERO };
    Play { steps: vec![Step::raw("HTTP/1.1 200 OK\r\n"), lines, closing()], end: End::Fin }
}

fn huge_header(_: &Cue) -> Play {
    let part = Piece::Raw(vec![b'x'; 1024].into());
    let part = Step::Repeat { piece: part, times: 10 * 1024, pause: Duration::ZERO };
    Play { steps: vec![Step::raw("HTTP/1.1 200 OK\r\nx-padding: "), part, closing()], end: End::Fin }
}

fn closing() -> Step {
    Step::raw("\r\ncontent-length: 0\r\n\r\n")
}

/// A clean answer after so many heads of this status, which announce it.
fn early(cue: &Cue, status: u16, times: u64) -> Play {
    let head = Head::new(status, &[("link", "</x>; rel=preload")], Framing::None);
    let mut play = clean(cue);
    play.steps.insert(0, Step::Repeat { piece: Piece::Head(head), times, pause: Duration::ZERO });
    play
}
