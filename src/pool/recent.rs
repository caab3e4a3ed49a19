//! How the newest calls of an endpoint went.

use std::collections::VecDeque;
use std::time::Duration;

/// Calls that are remembered.
const CALLS: usize = 100;

/// The newest calls of an endpoint.
#[derive(Debug, Default)]
pub struct Recent(VecDeque<Ended>);

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It brought what was asked for.
    Succeeded {
        /// From the request to the first content; none of an answer that came in one piece.
        first_content: Option<Duration>,
        /// The whole call.
        total: Duration,
    },
    /// It did not.
    Failed,
}

/// Figures of the newest calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// How many calls they are of.
    pub calls: usize,
    /// The share that succeeded, 0 to 1; none before the first call.
    pub succeeded: Option<f64>,
    /// From the request to the first content, of successful calls.
    pub first_content: Option<Quantiles>,
    /// The whole call, of successful calls.
    pub total: Option<Quantiles>,
}

/// Times that half and 95 of 100 calls did not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantiles {
    /// Half of them.
    pub p50: Duration,
    /// 95 of 100.
    pub p95: Duration,
}

impl Recent {
    /// One more call ended.
    pub fn add(&mut self, ended: Ended) {
        self.0.push_back(ended);
        if self.0.len() > CALLS {
            self.0.pop_front();
        }
    }

    /// The figures so far.
    pub fn figures(&self) -> Figures {
        let (mut firsts, mut totals) = (Vec::new(), Vec::new());
        for ended in &self.0 {
            if let Ended::Succeeded { first_content, total } = ended {
                firsts.extend(first_content);
                totals.push(*total);
            }
        }
        let calls = self.0.len();
        Figures {
            calls,
            succeeded: (calls > 0).then(|| totals.len() as f64 / calls as f64),
            first_content: Quantiles::of(firsts),
            total: Quantiles::of(totals),
        }
    }
}

impl Quantiles {
    /// By nearest rank: the smallest time that so many percent do not exceed.
    fn of(mut times: Vec<Duration>) -> Option<Quantiles> {
        times.sort_unstable();
        let rank =
            |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Quantiles { p50: rank(50)?, p95: rank(95)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_the_newest_calls() {
        let mut recent = Recent::default();
        let nothing = Figures { calls: 0, succeeded: None, first_content: None, total: None };
        assert_eq!(recent.figures(), nothing);
        let seconds = Duration::from_secs;
        let answered = |n| Ended::Succeeded { first_content: Some(seconds(n)), total: seconds(10 * n) };
        (0..50).for_each(|_| recent.add(answered(9999)));
        recent.add(Ended::Succeeded { first_content: None, total: seconds(1000) });
        (0..20).for_each(|_| recent.add(Ended::Failed));
        (1..=79).for_each(|n| recent.add(answered(n)));
        let figures = recent.figures();
        assert_eq!((figures.calls, figures.succeeded), (100, Some(0.8)));
        assert_eq!(figures.first_content, Some(Quantiles { p50: seconds(40), p95: seconds(76) }));
        assert_eq!(figures.total, Some(Quantiles { p50: seconds(400), p95: seconds(760) }));
    }
}
