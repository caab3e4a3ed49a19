//! Rows U55 to U79: statuses, what their headers say, and what many attempts make of it.

use super::bench::Bench;
use super::row::At;
use super::row::Row;
use super::row::answered;
use super::row::elsewhere;
use super::row::failed;
use super::row::row;
use super::scenes;

/// The rows of this file.
pub fn rows() -> Vec<Row> {
    [refusals(), throttling(), troubles(), odd(), outages()].concat()
}

/// The caller's mistakes, and credentials.
fn refusals() -> Vec<Row> {
    let refused = || failed("request_refused", 1);
    let key = || elsewhere(&["credentials_refused"]);
    vec![
        row(55, "u55-400").both().says("The fault lab was asked for a 400.").expect(refused()),
        row(55, "u55-422").both().says("The fault lab was asked for a 422.").expect(refused()),
        row(56, "u56-context").both().expect(failed("context_too_long", 1)),
        row(57, "u57-policy").both().expect(failed("content_refused", 1)),
        row(58, "u58-401").both().expect(key()),
        row(58, "u58-403").both().expect(key()),
        row(58, "u58-401-www-authenticate").expect(key()),
        row(58, "u58-401").runs(2).expect(elsewhere(&[]).counted(1, 2)),
        row(58, "u58-403").runs(2).expect(elsewhere(&[]).counted(1, 2)),
        row(59, "u59-402").both().expect(elsewhere(&["no_credit"])),
        row(59, "u59-402").runs(2).expect(elsewhere(&[]).counted(1, 2)),
        row(60, "u60-404").alone().says("u60-404").expect(failed("model_not_found", 1)),
        // Another target asks for another model, so it differs in the very point.
        row(60, "u60-404").expect(elsewhere(&["model_not_found"])),
        row(61, "u61-408").both().expect(elsewhere(&["provider_error"; 2])),
        row(61, "u61-409").expect(elsewhere(&["provider_error"; 2])),
        row(61, "u61-425").expect(elsewhere(&["provider_error"; 2])),
        row(61, "u61-408-close").expect(elsewhere(&["provider_error"; 2])),
        row(62, "u62-413").both().expect(refused()),
        row(62, "u62-414").both().expect(refused()),
    ]
}

/// Those who ask us to wait.
fn throttling() -> Vec<Row> {
    let again = || answered().after(&["rate_limited"]);
    let waited = || elsewhere(&["rate_limited"; 2]);
    let moved = || elsewhere(&["rate_limited"]);
    let cools = elsewhere(&[]).counted(1, 2);
    vec![
        row(63, "u63-retry-after").both().not_before(2000).within(4000).expect(again()),
        row(63, "u63-retry-after-ms").not_before(2000).within(4000).expect(again()),
        row(63, "u63-retry-after")
            .scene("another query during the wait", scenes::asked_during_the_wait)
            .expect("the other query waits, too"),
        row(64, "u64-http-date").not_before(3000).within(5500).expect(again()),
        row(64, "u64-http-date-skewed").not_before(3000).within(5500).expect(again()),
        row(65, "u65-3600").both().expect(moved()),
        row(65, "u65-3600").runs(2).expect(&cools),
        row(65, "u65-negative").expect(waited()),
        row(65, "u65-soon").expect(waited()),
        row(65, "u65-past").expect(waited()),
        row(65, "u65-huge").expect(moved()),
        row(66, "u66-429").both().expect(waited()),
        row(66, "u66-should-not-retry").expect(moved()),
        row(67, "u67-429-storm")
            .alone()
            .scene("50 runs at once", scenes::storm)
            .expect("nobody asks during the announced wait"),
    ]
}

/// Servers that fail.
fn troubles() -> Vec<Row> {
    let error = || elsewhere(&["provider_error"; 2]);
    let overloaded = || elsewhere(&["overloaded"; 2]);
    let open = || elsewhere(&[]).counted(5, 6);
    vec![
        row(68, "u68-500-once").both().expect(answered().after(&["provider_error"])),
        row(69, "u69-502").both().expect(error()),
        row(69, "u69-503").both().expect(overloaded()),
        row(69, "u69-504").expect(error()),
        row(69, "u69-520").expect(error()),
        row(69, "u69-521").expect(error()),
        row(69, "u69-522").expect(error()),
        row(69, "u69-523").expect(error()),
        row(69, "u69-524").expect(error()),
        row(69, "u69-529").expect(overloaded()),
        row(69, "u69-503-retry-after").not_before(2000).expect(overloaded()),
        row(69, "u69-502").runs(6).expect(open()),
        row(69, "u69-503").runs(6).expect(open()),
        // What one server does not implement another may.
        row(70, "u70-501").both().expect(elsewhere(&["provider_error"])),
        row(70, "u70-505").both().expect(elsewhere(&["provider_error"])),
    ]
}

/// Answers that are none.
fn odd() -> Vec<Row> {
    let redirected = || elsewhere(&["provider_error"]);
    let garbled = || elsewhere(&["unreadable_answer"; 2]);
    vec![
        row(71, "u71-same-host").both().says("redirect refused").expect(redirected()),
        row(71, "u71-other-host").both().says("redirect refused").expect(redirected()),
        row(71, "u71-loop").both().says("redirect refused").expect(redirected()),
        row(71, "u71-downgrade").both().says("redirect refused").expect(redirected()),
        row(71, "u71-metadata").both().says("redirect refused").expect(redirected()),
        row(72, "u72-204").both().expect(garbled()),
        row(72, "u72-206").both().expect(garbled()),
        // Hints without an answer are told from a late answer by the clock alone.
        row(72, "u72-1xx-only-every-50")
            .clock("first_content = \"400ms\"")
            .expect(elsewhere(&["timeout/first_content"])),
        row(72, "u72-999").both().expect(garbled()),
        row(72, "u72-http09").both().expect(garbled()),
        row(72, "u72-garbage").both().expect(garbled()),
        row(73, "u73-long").both().expect(elsewhere(&["provider_error"; 2])),
        row(73, "u73-long")
            .alone()
            .scene("what is kept of it", scenes::kept_words)
            .expect("provider_error, 2048 bytes at most"),
        row(73, "u73-html").both().says("Bad gateway").expect(elsewhere(&["provider_error"; 2])),
        row(73, "u73-echo-key").both().says("[redacted]").expect(elsewhere(&["credentials_refused"])),
    ]
}

/// What takes many runs, or many queries.
fn outages() -> Vec<Row> {
    vec![
        row(74, "u74-flap-every-3000")
            .scene("runs until it is back", scenes::flap)
            .expect("all runs complete; it rests during the outage; back"),
        row(75, "u75-brown-out")
            .scene("40 runs, 4 at once", scenes::brown_out)
            .expect("40 of 40 runs complete; it is never left out"),
        row(76, Bench::PROBED)
            .alone()
            .clock("retry = { attempts = 1 }\nbreaker = { failures = 5, open_for = \"400ms\" }")
            .scene("the probe is cancelled", scenes::cancelled_probe)
            .expect("the next query is the probe: q1 succeeded, closed"),
        row(77, "u77")
            .at(At::Closed)
            .alone()
            .panels(scenes::both_closed)
            .scene("the 5th run with both targets down", scenes::last_of_five)
            .expect("failed breaker_open, attempts 0"),
        row(78, "u78")
            .panels(scenes::two_queries)
            .scene("one of two queries fails", scenes::one_of_two)
            .expect("partial: q1 failed overloaded, q2 succeeded, warned of q1"),
        row(78, "u78")
            .panels(scenes::two_failing)
            .scene("both fail", scenes::beside)
            .expect("failed: q1 failed overloaded, q2 failed overloaded, warned of q1, warned of q2"),
        row(79, "u79")
            .panels(scenes::five_slow)
            .scene("5 of 6 are silent, and one sums up", scenes::summing_up)
            .expect("partial, sum succeeded"),
    ]
}
