//! Work that keeps a thread busy: who may come in, and how many are worked for at once.
//!
//! A seat is taken before a body is read, so a crowd costs neither threads
//! nor memory. Work that has begun cannot be stopped: it keeps its seat when
//! its client leaves, and work that has not begun is dropped with its client.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::problem::Code;
use super::problem::Problem;

/// Seats for each that is worked for.
const SEATS: usize = 4;
/// Fewest seats, however small the machine is.
const FEWEST: usize = 8;

/// Where such work is done.
pub struct Bench {
    seats: Arc<Semaphore>,
    hands: Arc<Semaphore>,
}

/// The right to wait for one's turn.
pub struct Seat {
    _permit: OwnedSemaphorePermit,
}

impl Default for Bench {
    /// As many hands as the machine has.
    fn default() -> Bench {
        let hands = available_parallelism().map_or(1, NonZero::get);
        Bench {
            seats: Arc::new(Semaphore::new((hands * SEATS).max(FEWEST))),
            hands: Arc::new(Semaphore::new(hands)),
        }
    }
}

impl Bench {
    /// A seat, if one is free.
    ///
    /// # Errors
    /// `overloaded` when none is.
    pub fn seat(&self) -> Result<Seat, Problem> {
        let seat = Arc::clone(&self.seats).try_acquire_owned();
        seat.map(|permit| Seat { _permit: permit })
            .map_err(|_| Problem::new(Code::Overloaded, "too much work is under way; ask again soon"))
    }

    /// Does `work` when it is its turn.
    ///
    /// # Errors
    /// `internal` when the work panicked.
    pub async fn work<T: Send + 'static>(
        &self,
        seat: Seat,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        // Never closed; without a permit the work simply is not counted.
        let hand = Arc::clone(&self.hands).acquire_owned().await.ok();
        let done = spawn_blocking(move || {
            let done = work();
            drop((seat, hand));
            done
        });
        done.await.map_err(|_| {
            tracing::error!("work on the bench panicked");
            Problem::new(Code::Internal, "this request failed; others go on")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn bench() -> Bench {
        Bench { seats: Arc::new(Semaphore::new(2)), hands: Arc::new(Semaphore::new(1)) }
    }

    #[tokio::test]
    async fn who_finds_no_seat_is_sent_away() {
        let bench = bench();
        let taken = (bench.seat().unwrap(), bench.seat().unwrap());
        assert!(bench.seat().is_err());
        drop(taken);
        assert!(bench.seat().is_ok());
    }

    #[tokio::test]
    async fn work_that_was_left_keeps_its_seat_until_it_is_done() {
        let bench = bench();
        let (go, gate) = mpsc::channel::<()>();
        let (tell, begun) = mpsc::channel();
        let mut left = Box::pin(bench.work(bench.seat().unwrap(), move || {
            tell.send(()).unwrap();
            let _ = gate.recv();
        }));
        assert!(futures_util::poll!(&mut left).is_pending());
        begun.recv().unwrap();
        drop(left);
        // Its hand is busy: who comes next waits, and gives the seat back when he leaves.
        let mut waits = Box::pin(bench.work(bench.seat().unwrap(), || ()));
        assert!(futures_util::poll!(&mut waits).is_pending());
        assert!(bench.seat().is_err());
        drop(waits);
        assert_eq!(bench.seats.available_permits(), 1);
        drop(go);
        let all = bench.seats.acquire_many(2).await.unwrap();
        drop(all);
        assert_eq!(bench.work(bench.seat().unwrap(), || 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_and_gives_the_seat_back() {
        let bench = bench();
        let panicked = bench.work(bench.seat().unwrap(), || panic!("on purpose")).await;
        assert!(panicked.is_err());
        assert_eq!(bench.seats.available_permits(), 2);
    }
}
