//! Whether a provider answered one after another what it was asked at once: pure, from when things happened.
//!
//! Many servers take several calls and work on one. Nothing in a protocol
//! says so, and the sum of times that include the waiting looks like speed.
//! So it is measured: nobody's answer began before another one had ended,
//! and answers filled most of the time.

use std::time::Duration;

use tokio::time::Instant;

use super::Run;
use super::track::Track;
use crate::event::QueryStatus;
use crate::store::StoreError;

/// Answers that fill less of the time say nothing: two short ones hardly ever meet.
const SHARE: f64 = 0.5;
/// What is heard of two queries at the same moment may arrive this much out of order.
const SLACK: Duration = Duration::from_millis(10);

/// When things happened to one query.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// It could have been asked.
    pub ready: Option<Instant>,
    /// It had to wait for a permit.
    pub queued: bool,
    /// Its last call began.
    pub called: Option<Instant>,
    /// The first content of that call came.
    pub content: Option<Instant>,
    /// It was over.
    pub ended: Option<Instant>,
}

/// A query that was answered.
#[derive(Clone, Copy, Debug)]
struct Answered {
    ready: Instant,
    queued: bool,
    called: Instant,
    content: Instant,
    ended: Instant,
}

/// Answers that came one after another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Serial {
    /// How many.
    pub queries: usize,
    /// From the first call to the last answer.
    pub total: Duration,
    /// How many times faster that was than the same answers end to end.
    pub speed_up: f64,
}

impl Times {
    fn answered(self) -> Option<Answered> {
        let called = self.called?;
        Some(Answered {
            ready: self.ready?,
            queued: self.queued,
            called,
            // An answer that came in one piece may have been worked on all the time.
            content: self.content.unwrap_or(called),
            ended: self.ended?,
        })
    }
}

/// Whether queries that one provider answered were answered one after another.
pub fn one_after_another(times: impl IntoIterator<Item = Times>) -> Option<Serial> {
    let mut answered: Vec<Answered> = times.into_iter().filter_map(Times::answered).collect();
    answered.sort_by_key(|query| query.ended);
    // Whoever needed the one before could not have been asked sooner: those are two stages.
    let stages = answered.chunk_by(|before, query| query.ready < before.ended);
    stages.filter_map(stage).max_by_key(|serial| serial.queries)
}

/// The same for queries that could have been asked at once, in the order of their ends.
fn stage(answered: &[Answered]) -> Option<Serial> {
    let (first, last) = (answered.first()?, answered.last()?);
    let pairs = || answered.windows(2).map(|pair| (pair[0], pair[1]));
    let follows = |begun: Instant, before: Answered| begun + SLACK >= before.ended;
    // Each waited here for the one before, or there.
    let here = pairs().all(|(before, query)| query.queued && follows(query.called, before));
    let there =
        pairs().all(|(before, query)| !follows(query.called, before) && follows(query.content, before));
    let work = |query: &Answered| query.ended - if here { query.called } else { query.content };
    let worked: Duration = answered.iter().map(work).sum();
    let total = last.ended - first.called;
    let speed_up = worked.as_secs_f64() / total.as_secs_f64().max(f64::EPSILON);
    let told = answered.len() > 1 && (here || there) && speed_up >= SHARE;
    told.then_some(Serial { queries: answered.len(), total, speed_up })
}

impl Run {
    /// Says in a sentence who answered one after another.
    pub(super) async fn tell_serial(&mut self) -> Result<(), StoreError> {
        let groups = self.job.queries.iter().flat_map(|planned| planned.targets.iter());
        let mut groups: Vec<_> = groups.map(|(target, _)| target.group.clone()).collect();
        groups.sort_by(|a, b| a.name().cmp(b.name()));
        groups.dedup_by(|a, b| a.name() == b.name());
        groups.retain(|group| !group.is_built_in());
        let sentences = groups.iter().filter_map(|group| {
            let serial =
                one_after_another(self.tracks.iter().filter_map(|track| by(track, group.name().as_str())))?;
            let places = group.endpoints().iter().map(|endpoint| endpoint.in_flight().1);
            let why = match places.fold(0, usize::saturating_add) {
                1 => " Its max_in_flight is 1.",
                _ => "",
            };
            Some(format!(
                "{} answered its {} queries one after another, in {:.1} s (speed-up {:.1}).{why}",
                group.name(),
                serial.queries,
                serial.total.as_secs_f64(),
                serial.speed_up,
            ))
        });
        let sentences: Vec<String> = sentences.collect();
        match sentences.is_empty() {
            true => Ok(()),
            false => self.warn("one_after_another", sentences.join(" ")).await,
        }
    }
}

/// The times of a query that this provider answered in this process.
fn by(track: &Track, provider: &str) -> Option<Times> {
    let end = track.end.as_ref().filter(|end| end.status == QueryStatus::Succeeded)?;
    let is_its = end.asked.as_ref().is_some_and(|asked| asked.provider == provider);
    is_its.then_some(track.times)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ready at 0; called, first content and ended so many milliseconds later.
    fn query(begun: Instant, queued: bool, at: [u64; 3]) -> Times {
        let [called, content, ended] = at.map(|at| Some(begun + Duration::from_millis(at)));
        Times { ready: Some(begun), queued, called, content, ended }
    }

    #[test]
    fn what_overlaps_or_hardly_fills_the_time_is_not_serial() {
        let begun = Instant::now();
        let serial = |queries: &[(bool, [u64; 3])]| {
            one_after_another(queries.iter().map(|(queued, at)| query(begun, *queued, *at))).map(|serial| {
                (serial.queries, serial.total.as_millis(), (serial.speed_up * 100.0).round() as u64)
            })
        };
        // One place: each call begins when the one before has ended.
        assert_eq!(
            serial(&[(true, [2000, 2900, 3000]), (false, [0, 900, 1000]), (true, [1000, 1900, 2000])]),
            Some((3, 3000, 100))
        );
        // Taken at once and answered one by one.
        assert_eq!(serial(&[(false, [0, 200, 1000]), (false, [0, 1000, 2000])]), Some((2, 2000, 90)));
        // What is heard in another order than it happened.
        assert_eq!(serial(&[(false, [0, 200, 1000]), (true, [995, 1100, 2000])]), Some((2, 2000, 100)));
        for side_by_side in [
            &[(false, [0, 200, 1000]), (false, [0, 900, 2000])][..],
            &[(false, [0, 200, 1000]), (false, [0, 200, 1000])],
            // Two places and three queries.
            &[(false, [0, 200, 1000]), (false, [0, 200, 1200]), (true, [1000, 1200, 2000])],
            &[(false, [0, 1000, 1000]), (false, [0, 1000, 1000]), (true, [1000, 2000, 2000])],
            // Two short answers that did not meet.
            &[(false, [0, 1000, 1005]), (false, [0, 1010, 1015])],
            // The second was asked late, and not because it had to wait.
            &[(false, [0, 200, 1000]), (false, [1000, 1100, 2000])],
            &[(false, [0, 200, 1000])],
            &[],
        ] {
            assert_eq!(serial(side_by_side), None, "{side_by_side:?}");
        }
    }

    #[test]
    fn who_needs_another_one_does_not_wait_for_a_place() {
        let begun = Instant::now();
        let first = query(begun, false, [0, 100, 1000]);
        let second = query(begun, true, [1000, 1100, 2000]);
        let needs = Times { ready: first.ended, ..second };
        assert!(one_after_another([first, second]).is_some());
        assert!(one_after_another([first, needs]).is_none());
        // Those that were asked at once are one stage, whatever needs them.
        let third = Times { ready: second.ended, ..query(begun, false, [2000, 2100, 9000]) };
        assert_eq!(one_after_another([first, second, third]).map(|serial| serial.queries), Some(2));
    }
}
