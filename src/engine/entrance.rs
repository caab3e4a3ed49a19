//! The entrance: a run that finds all places taken waits its turn, and is sent away when that takes too long.

use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use tokio::time::sleep_until;

use super::Run;
use super::control::Heard;
use super::control::Order;
use super::control::Orders;
use super::finish::Stop;
use super::job::Job;
use crate::journal::Writer;
use crate::store::StoreError;

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10);
/// What a wait must leave of the run's time: one that begins later comes to nothing.
const RESERVE: Duration = Duration::from_secs(5);

/// How the waiting ended.
enum Waited<P> {
    /// There is a place.
    Placed(P),
    /// Somebody cancelled it.
    Cancelled,
    /// It took too long.
    Shed,
    /// The server ends; the next one goes on.
    StoodDown,
}

/// Runs `job` to its end once there is a place for it; the place is kept for as long.
///
/// # Errors
/// [`StoreError`] when the store no longer takes the run's events.
pub async fn enter<P>(
    job: Job,
    writer: Writer,
    mut orders: Orders,
    place: impl Future<Output = P>,
) -> Result<(), StoreError> {
    tokio::pin!(place);
    let until = Instant::now() + LONGEST.min(job.limit.saturating_sub(RESERVE));
    let (mut run, ear) = Run::new(job, writer);
    if let Some(_place) = place.as_mut().now_or_never() {
        run.begin(false).await?;
        return run.ask(ear, orders).await;
    }
    run.begin(true).await?;
    match wait(place, until, &mut orders).await {
        Waited::Placed(_place) => run.ask(ear, orders).await,
        Waited::Cancelled => run.ask(ear, orders).await,
        Waited::StoodDown => run.stand_down().await,
        Waited::Shed => run.finish(Stop::Shed).await,
    }
}

async fn wait<P>(
    mut place: Pin<&mut impl Future<Output = P>>,
    until: Instant,
    orders: &mut Orders,
) -> Waited<P> {
    let mut early = Vec::new();
    let waited = loop {
        tokio::select! {
            biased;
            place = &mut place => break Waited::Placed(place),
            heard = orders.next() => match heard {
                Heard::Cancelled(_) => break Waited::Cancelled,
                Heard::Order(given) if given.order == Order::StandDown => break Waited::StoodDown,
                // Obeyed as soon as there is something that can obey.
                Heard::Order(given) => early.push(given),
            },
            () = sleep_until(until) => break Waited::Shed,
        }
    };
    orders.put_back(early);
    waited
}
