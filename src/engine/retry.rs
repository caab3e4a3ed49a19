//! What to do after a failed attempt: pure.
//!
//! At most two attempts at one target and four in all, unless the provider
//! says otherwise. Another endpoint of the target goes before a wait for the
//! same one, and both before another target. A silent endpoint is not asked
//! again, a refusal is not routed around, and no wait is begun that does not
//! leave a second of the query's time.

use std::time::Duration;

use super::opening::can_wait;
use crate::backoff::Retries;
use crate::failure::Code;
use crate::failure::Failure;

/// Most attempts of one query; twice those at one target, where a provider allows more.
const PER_QUERY: u32 = 4;
/// What a wait must leave of the query's time.
const RESERVE: Duration = Duration::from_secs(1);

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The same target again after this wait.
    Again(Duration),
    /// Another endpoint of the same target at once.
    Beside,
    /// The next target at once.
    Elsewhere,
    /// Nothing: the query has failed.
    GiveUp,
}

/// Where a query stands after a failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Attempts at this target.
    pub here: u32,
    /// Attempts in all.
    pub total: u32,
    /// Whether another endpoint of this target is open.
    pub more_endpoints: bool,
    /// Whether another target follows.
    pub more_targets: bool,
    /// How often this target is asked.
    pub retries: Retries,
    /// What is left of the query's time.
    pub left: Duration,
}

/// What follows `failure`. A certificate that was refused is not retryable, a broken handshake is.
pub fn after(failure: &Failure, standing: Standing, rng: &mut impl rand::Rng) -> Next {
    let most = PER_QUERY.max(2 * standing.retries.attempts);
    let give_up_or_move = match standing.more_targets && standing.total < most {
        true => Next::Elsewhere,
        false => Next::GiveUp,
    };
    let may_stay = standing.here < standing.retries.attempts && standing.total < most;
    match kind(failure) {
        Kind::Final => Next::GiveUp,
        Kind::Transient | Kind::NotHere if may_stay && standing.more_endpoints => Next::Beside,
        Kind::Transient if may_stay => wait(failure, standing, rng).map_or(give_up_or_move, Next::Again),
        Kind::Transient | Kind::NotHere | Kind::NotThis => give_up_or_move,
    }
}

enum Kind {
    /// The same call may succeed in a moment.
    Transient,
    /// This endpoint will not answer, another may.
    NotHere,
    /// No endpoint of this target will answer, another target may.
    NotThis,
    /// Nobody should be asked again.
    Final,
}

fn kind(failure: &Failure) -> Kind {
    match failure.code {
        Code::ConnectFailed
        | Code::TlsFailed
        | Code::RateLimited
        | Code::Overloaded
        | Code::ProviderError
        | Code::CutMidAnswer
        | Code::UnreadableAnswer
        | Code::EmptyAnswer
        | Code::InvalidOutput
            if failure.retryable =>
        {
            Kind::Transient
        }
        Code::RequestRefused
        | Code::ContextTooLong
        | Code::ContentRefused
        | Code::AnswerTooLarge
        | Code::Cancelled => Kind::Final,
        Code::ModelNotFound => Kind::NotThis,
        _ => Kind::NotHere,
    }
}

fn wait(failure: &Failure, standing: Standing, rng: &mut impl rand::Rng) -> Option<Duration> {
    let asked = failure.retry_after;
    if asked.is_some_and(|asked| !can_wait(asked, standing.left)) {
        return None;
    }
    let wait = standing.retries.waits.wait(standing.here, asked, rng);
    (wait + RESERVE <= standing.left).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Backoff;

    const FRESH: Standing = Standing {
        here: 1,
        total: 1,
        more_endpoints: false,
        more_targets: true,
        retries: Retries {
            attempts: 2,
            waits: Backoff { base: Duration::from_millis(500), max: Duration::from_secs(8) },
        },
        left: Duration::from_secs(60),
    };

    fn next(code: Code, standing: Standing) -> Next {
        after(&Failure::new(code, "x"), standing, &mut rand::rng())
    }

    #[test]
    fn each_kind_of_failure_has_its_consequence() {
        for code in [
            Code::ConnectFailed,
            Code::ProviderError,
            Code::CutMidAnswer,
            Code::EmptyAnswer,
            Code::RateLimited,
        ] {
            assert!(matches!(next(code, FRESH), Next::Again(_)), "{code:?}");
            assert_eq!(next(code, Standing { here: 2, total: 2, ..FRESH }), Next::Elsewhere, "{code:?}");
            assert_eq!(next(code, Standing { here: 2, total: 4, ..FRESH }), Next::GiveUp, "{code:?}");
            assert_eq!(
                next(code, Standing { here: 2, total: 2, more_targets: false, ..FRESH }),
                Next::GiveUp
            );
        }
        for code in
            [Code::Timeout, Code::CredentialsRefused, Code::NoCredit, Code::TlsFailed, Code::ModelNotFound]
        {
            assert_eq!(next(code, FRESH), Next::Elsewhere, "{code:?}");
            assert_eq!(next(code, Standing { more_targets: false, ..FRESH }), Next::GiveUp, "{code:?}");
        }
        for code in [Code::RequestRefused, Code::ContentRefused, Code::ContextTooLong, Code::AnswerTooLarge] {
            assert_eq!(next(code, FRESH), Next::GiveUp, "{code:?}");
        }
    }

    #[test]
    fn a_wait_fits_or_is_not_begun() {
        let mut throttled = Failure::new(Code::RateLimited, "x");
        for (asked, left, again) in
            [(2, 60, true), (6, 60, false), (5, 19, false), (5, 21, true), (3600, 7200, false)]
        {
            throttled.retry_after = Some(Duration::from_secs(asked));
            let standing = Standing { left: Duration::from_secs(left), ..FRESH };
            let next = after(&throttled, standing, &mut rand::rng());
            match next {
                Next::Again(wait) => assert!(again && wait >= Duration::from_secs(asked)),
                next => assert!(!again && next == Next::Elsewhere),
            }
        }
        let late = Standing { left: Duration::from_millis(900), ..FRESH };
        assert_eq!(next(Code::ProviderError, late), Next::Elsewhere);
    }

    #[test]
    fn a_provider_may_be_asked_more_or_less_often() {
        let more = Retries { attempts: 5, ..FRESH.retries };
        for (here, total, expected) in
            [(4, 4, None), (5, 5, Some(Next::Elsewhere)), (1, 10, Some(Next::GiveUp))]
        {
            let next = next(Code::ProviderError, Standing { here, total, retries: more, ..FRESH });
            match expected {
                Some(expected) => assert_eq!(next, expected),
                None => assert!(matches!(next, Next::Again(_))),
            }
        }
        let once = Retries { attempts: 1, ..FRESH.retries };
        for more_endpoints in [true, false] {
            let standing = Standing { retries: once, more_endpoints, ..FRESH };
            assert_eq!(next(Code::ProviderError, standing), Next::Elsewhere);
        }
        let waits = Backoff { base: Duration::from_millis(60), max: Duration::from_millis(60) };
        let quick = Standing { retries: Retries { attempts: 9, waits }, here: 8, ..FRESH };
        let Next::Again(wait) = next(Code::ProviderError, quick) else { panic!() };
        assert!(wait <= Duration::from_millis(60), "{wait:?}");
    }

    #[test]
    fn another_endpoint_goes_before_a_wait_and_before_another_target() {
        let several = Standing { more_endpoints: true, ..FRESH };
        for code in [Code::ProviderError, Code::RateLimited, Code::Timeout, Code::NoCredit, Code::BreakerOpen]
        {
            assert_eq!(next(code, several), Next::Beside, "{code:?}");
            assert_eq!(next(code, Standing { here: 2, total: 2, ..several }), Next::Elsewhere, "{code:?}");
        }
        assert_eq!(next(Code::ModelNotFound, several), Next::Elsewhere);
        assert_eq!(next(Code::ContentRefused, several), Next::GiveUp);
    }

    #[test]
    fn a_provider_that_says_no_retry_is_believed() {
        let failure = Failure { retryable: false, ..Failure::new(Code::ProviderError, "x") };
        assert_eq!(after(&failure, FRESH, &mut rand::rng()), Next::Elsewhere);
    }
}
