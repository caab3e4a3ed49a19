//! Rows U1 to U17: connections that fail before an answer, or in its head.

use std::net::TcpListener;

use super::bench::Bench;
use super::row::At;
use super::row::Row;
use super::row::answered;
use super::row::elsewhere;
use super::row::failed;
use super::row::row;
use super::scenes;

const QUICK: &str = "connect = \"400ms\"";
const CUT: [&str; 2] = ["cut_mid_answer"; 2];
const FIRST: &str = "first_content = \"400ms\"";
/// As large as a question may be.
const LARGE: usize = 250_000;

/// The rows of this file.
pub fn rows() -> Vec<Row> {
    let lost = ["connect_failed", "connect_failed"];
    vec![
        row(1, "u1").at(At::Closed).both().expect(elsewhere(&lost).counted(0, 1)).within(4000),
        row(1, "u1").at(At::Closed).alone().expect(failed("connect_failed", 2).counted(0, 0)).within(4000),
        row(2, "u2").at(At::Full).clock(QUICK).both().expect(elsewhere(&["timeout/connect"]).counted(0, 1)),
        row(3, "u3")
            .at(At::Name("nowhere.test"))
            .says("nowhere.test")
            .expect(elsewhere(&lost[..1]).counted(0, 1)),
        row(4, "u4").at(At::Name("later.test")).expect(elsewhere(&lost).counted(0, 1)),
        row(5, Bench::NAMED).at(At::Name("half-dead.test")).both().expect(answered()).within(1000),
        row(5, Bench::NAMED).at(At::Name("six.test")).needs(version_six).expect(answered()).within(1000),
        row(6, "u6").at(At::Tls("unknown")).says("nobody this computer trusts").expect(refused()),
        row(6, "u6").at(At::Tls("wrong-name")).says("another name").expect(refused()),
        row(6, "u6").at(At::Tls("expired")).says("expired").expect(refused()),
        row(6, "u6").at(At::Tls("unknown")).runs(2).expect(elsewhere(&[]).counted(0, 2)),
        row(7, "u7").at(At::Tls("hang")).clock(QUICK).expect(elsewhere(&["timeout/connect"]).counted(0, 1)),
        row(8, "u8").at(At::Tls("reset")).expect(elsewhere(&lost).counted(0, 1)),
        row(8, "u8").at(At::Tls("plain")).expect(elsewhere(&["tls_failed", "tls_failed"]).counted(0, 1)),
        row(9, "u9-silent").clock(FIRST).expect(elsewhere(&["timeout/first_content"])),
        row(9, "u9-silent").clock("per_call = \"400ms\"").whole().expect(elsewhere(&["timeout/attempt"])),
        row(9, "u9-silent").clock(FIRST).alone().expect(failed("timeout/first_content", 1)),
        row(10, "u10-reset-once").both().expect(answered().after(&lost[..1])),
        row(10, "u10-reset").both().expect(elsewhere(&lost)),
        row(11, "u11-reset-while-sending-once").question(LARGE).both().expect(answered().after(&lost[..1])),
        row(11, "u11-reset-while-sending").question(LARGE).expect(elsewhere(&lost)),
        row(12, "u12-413-early").question(LARGE).both().expect(failed("request_refused", 1)),
        row(13, "u13-idle-close-every-100")
            .scene("asked again once the idle connection was closed", scenes::idle_close)
            .expect("completed by first; attempts 1, lab 2+0; another connection"),
        // It closes as it is used again: what was sent may have been read, so that is an attempt.
        row(13, Bench::STALE).runs(2).expect(answered().after(&lost[..1]).counted(3, 0)),
        row(14, "u14-slow-headers-every-100").clock(FIRST).expect(elsewhere(&["timeout/first_content"])),
        row(14, "u14-slow-headers-every-100")
            .clock("per_call = \"400ms\"")
            .whole()
            .expect(elsewhere(&["timeout/attempt"])),
        row(15, "u15-endless-headers").both().expect(garbled()),
        row(15, "u15-huge-header").both().expect(garbled()),
        row(16, "u16-100-continue").both().expect(answered()),
        row(16, "u16-103-early-hints").both().expect(answered()),
        row(16, "u16-three-103").both().expect(answered()),
        http2("u17-goaway-once").expect(answered().after(&CUT[..1]).note("discarded")),
        http2("u17-goaway").expect(elsewhere(&CUT).note("discarded")),
        http2("u17-goaway-no-error").expect(elsewhere(&CUT).note("discarded")),
        http2("u17-rst-stream-once").expect(answered().after(&CUT[..1]).note("discarded")),
        http2("u17-rst-stream").expect(elsewhere(&CUT).note("discarded")),
        http2("u17-rst-stream-no-error").expect(elsewhere(&CUT).note("discarded")),
    ]
}

fn http2(model: &'static str) -> Row {
    row(17, model).at(At::Tls("valid")).scene("over HTTP/2", scenes::over_http2)
}

fn refused() -> super::row::Outcome {
    elsewhere(&["tls_failed"]).counted(0, 1)
}

fn garbled() -> super::row::Outcome {
    elsewhere(&["unreadable_answer", "unreadable_answer"])
}

/// Whether the address of version 6 that nobody answers at can be had.
fn version_six() -> Result<(), &'static str> {
    match TcpListener::bind("[::1]:0") {
        Ok(_) => Ok(()),
        Err(_) => Err("this machine has no address of version 6"),
    }
}
