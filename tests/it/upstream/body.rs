//! Rows U18 to U54: how the pieces of an answer come, how they end, and what they hold.

use super::row::Outcome;
use super::row::Row;
use super::row::answered;
use super::row::elsewhere;
use super::row::failed;
use super::row::row;
use super::scenes;

const FIRST: &str = "first_content = \"400ms\"";
const IDLE: &str = "idle = \"400ms\"";
const UNREADABLE: [&str; 2] = ["unreadable_answer"; 2];
const CUT: [&str; 2] = ["cut_mid_answer"; 2];
const EMPTY: [&str; 2] = ["empty_answer"; 2];
const MISFIT: [&str; 2] = ["invalid_output"; 2];

/// The rows of this file.
pub fn rows() -> Vec<Row> {
    [pieces(), ends(), contents(), answers()].concat()
}

/// Pieces that come late, or not at all.
fn pieces() -> Vec<Row> {
    let silent = || elsewhere(&["timeout/first_content"]);
    let stalled = || elsewhere(&["timeout/idle"]).note("discarded");
    vec![
        row(18, "u18-trickle-every-50")
            .whole()
            .clock("per_call = \"600ms\"")
            .expect(elsewhere(&["timeout/attempt"])),
        row(18, "u18-trickle-every-1-tokens-40")
            .alone()
            .limits("per_query = \"5s\"")
            .within(8000)
            .expect(failed("timeout/query", 1)),
        row(19, "u19-comments-every-50").clock(FIRST).expect(silent()),
        row(20, "u20-empty-deltas-every-50").clock(FIRST).expect(silent()),
        row(21, "u21-stall").clock(IDLE).expect(stalled()),
        row(21, "u21-stall").clock("per_call = \"600ms\"").whole().expect(elsewhere(&["timeout/attempt"])),
        row(22, "u22-stall-comments-every-50").clock(IDLE).expect(stalled()),
        row(23, "u23-slow-steady-total-2400-tokens-13")
            .clock("idle = \"1500ms\"")
            .not_before(2300)
            .expect(answered()),
        row(24, "u24-reasoning-tokens-12-every-200")
            .clock("first_content = \"1500ms\"\nidle = \"1500ms\"")
            .not_before(2000)
            .expect(answered()),
        row(47, "u47-buffered-first-1000").expect(answered()),
        row(47, "u47-buffered-first-5000").clock(FIRST).says("\"hint\"").expect(silent()),
    ]
}

/// How answers end.
fn ends() -> Vec<Row> {
    let cut = || elsewhere(&CUT).note("discarded");
    let again = || answered().after(&CUT[..1]).note("discarded");
    vec![
        row(25, "u25-reset-once").expect(again()),
        row(25, "u25-reset").expect(cut()),
        row(25, "u25-reset").whole().expect(elsewhere(&CUT)),
        row(26, "u26-fin-once").expect(again()),
        row(26, "u26-fin").expect(cut()),
        row(26, "u26-fin").alone().expect(failed("cut_mid_answer", 2).note("discarded")),
        row(26, "u26-fin").whole().expect(elsewhere(&CUT)),
        row(27, "u27-bad-size").expect(cut()),
        row(27, "u27-no-terminator").expect(cut()),
        row(27, "u27-chunk-cut").expect(cut()),
        row(27, "u27-length-too-long").expect(cut()),
        row(27, "u27-length-too-short").expect(cut()),
        row(27, "u27-bad-size").whole().expect(elsewhere(&CUT)),
        row(27, "u27-no-terminator").whole().expect(elsewhere(&CUT)),
        row(27, "u27-chunk-cut").whole().expect(elsewhere(&CUT)),
        row(27, "u27-length-too-long").whole().expect(elsewhere(&CUT)),
        row(27, "u27-length-too-short").whole().expect(elsewhere(&CUT)),
        row(28, "u28-no-done").within(1800).expect(answered()),
        row(28, "u28-no-done-open").within(4000).expect(answered()),
        row(29, "u29-no-finish").expect(answered().note("finish_unknown")),
        row(30, "u30-after-done")
            .scene("asked again", scenes::asked_again)
            .expect("completed by first; attempts 1, lab 2+0; another connection"),
        row(34, "u34-429-mid").alone().expect(failed("rate_limited", 2).note("discarded")),
    ]
}

/// Lines, letters and errors.
fn contents() -> Vec<Row> {
    let unreadable = || elsewhere(&UNREADABLE);
    let error = |code: &'static str| elsewhere(&[code, code]);
    vec![
        row(31, "u31-malformed").expect(unreadable().note("discarded")),
        row(31, "u31-malformed").whole().expect(unreadable()),
        row(32, "u32-error").both().expect(error("provider_error")),
        row(32, "u32-error-mid").expect(error("provider_error").note("discarded")),
        row(32, "u32-object").both().expect(error("provider_error")),
        row(32, "u32-object-mid").expect(error("provider_error").note("discarded")),
        row(32, "u32-event").both().expect(error("provider_error")),
        row(32, "u32-event-mid").expect(error("provider_error").note("discarded")),
        row(32, "u32-error-status-429").both().expect(error("rate_limited")),
        row(32, "u32-object-mid-status-429").expect(error("rate_limited").note("discarded")),
        row(32, "u32-object-status-529").expect(error("overloaded")),
        row(32, "u32-object-mid-status-503").expect(error("overloaded").note("discarded")),
        row(32, "u32-event-status-429").expect(error("rate_limited")),
        row(33, "u33-error-body").both().expect(error("provider_error")),
        row(33, "u33-error-body-status-429").both().expect(error("rate_limited")),
        row(35, "u35-crlf").expect(answered()),
        row(35, "u35-cr").expect(answered()),
        row(35, "u35-bom").expect(answered()),
        row(35, "u35-no-space").expect(answered()),
        row(35, "u35-multi-line").expect(answered()),
        row(35, "u35-comments").expect(answered()),
        row(35, "u35-fields").expect(answered()),
        row(35, "u35-byte-by-byte").both().expect(answered()),
        row(36, "u36-split-utf8").both().expect(answered()),
        row(37, "u37-bad-utf8").expect(unreadable().note("discarded")),
        row(37, "u37-bad-utf8").whole().expect(unreadable()),
        row(38, "u38-duplicates").expect(answered().note("other text").note("repeated_pieces")),
        row(39, "u39-indexes").expect(answered().note("other_answers")),
        row(41, "u41-long-line").expect(unreadable()),
        row(42, "u42-endless").expect(failed("answer_too_large", 1)),
        row(42, "u42-endless").whole().expect(failed("answer_too_large", 1)),
        row(43, "u43-gzip-bomb").both().expect(unreadable()),
        row(44, "u44-huge-body").whole().expect(failed("answer_too_large", 1)),
        row(45, "u45-html").both().expect(unreadable()),
        row(46, "u46-json").expect(answered()),
    ]
}

/// What whole answers hold.
fn answers() -> Vec<Row> {
    let empty = || elsewhere(&EMPTY);
    let misfit = || failed(MISFIT[0], 2).note("discarded");
    let misfits = || elsewhere(&MISFIT).note("discarded");
    // Treated as off-schema; but what is no JSON has no path that `invalid_output` could name.
    let no_json = || failed(UNREADABLE[0], 2).note("discarded");
    let no_jsons = || elsewhere(&UNREADABLE).note("discarded");
    vec![
        row(40, "u40-tool-call").both().expect(elsewhere(&MISFIT)),
        row(48, "u48-empty-body").both().expect(empty()),
        row(48, "u48-empty-object").both().expect(empty()),
        row(48, "u48-no-choices").both().expect(empty()),
        row(48, "u48-null-content").both().expect(empty()),
        row(48, "u48-only-done").both().expect(empty()),
        row(48, "u48-empty-body").alone().expect(failed("empty_answer", 2)),
        row(49, "u49-wrong-schema-once").json().expect(answered().after(&MISFIT[..1]).note("discarded")),
        row(49, "u49-wrong-schema").json().alone().says("answer").expect(misfit()),
        row(49, "u49-wrong-schema").json().whole().expect(misfits()),
        row(49, "u49-wrong-schema")
            .json()
            .scene("5 runs of three quick attempts", scenes::hasty_progress)
            .expect("never more than 10 progress events a second"),
        row(50, "u50-fences").json().both().expect(answered().note("answer_extracted")),
        row(50, "u50-prose").json().both().expect(answered().note("answer_extracted")),
        row(51, "u51-deep").json().whole().expect(no_jsons()),
        row(51, "u51-huge-number").json().whole().expect(no_jsons()),
        row(51, "u51-duplicate-keys").json().whole().expect(no_jsons()),
        row(51, "u51-lone-surrogate").json().whole().expect(no_jsons()),
        row(51, "u51-deep").json().alone().expect(no_json()),
        row(51, "u51-huge-number").json().alone().expect(no_json()),
        row(51, "u51-duplicate-keys").json().alone().expect(no_json()),
        row(51, "u51-lone-surrogate").json().alone().expect(no_json()),
        row(52, "u52-length").both().expect(answered().note("truncated_by_limit")),
        row(52, "u52-length-broken").expect(cut_short()),
        row(52, "u52-length-broken").json().whole().expect(no_jsons()),
        row(52, "u52-length-broken").json().alone().expect(no_json()),
        row(53, "u53-content-filter").both().expect(failed("content_refused", 1)),
        row(53, "u53-refusal").both().expect(failed("content_refused", 1)),
        row(53, "u53-content-filter")
            .panels(scenes::two_queries)
            .scene("beside a sound query", scenes::beside)
            .expect("partial: q1 failed content_refused, q2 succeeded, warned of q1"),
        row(54, "u54-no-usage").both().expect(answered().note("estimated")),
        row(54, "u54-negative").both().expect(answered().note("estimated")),
        row(54, "u54-absurd").both().expect(answered().note("estimated")),
        row(54, "u54-strings").both().expect(answered().note("estimated")),
    ]
}

/// Half of the text, kept and marked.
fn cut_short() -> Outcome {
    answered().note("truncated_by_limit").note("other text")
}
