//! What a run may spend: calls are let in while they cannot exceed the cap, and ended when they do.
//!
//! What is free goes on when the cap is reached: it costs nothing, and often
//! is what makes a result of the answers that were paid for.

use std::collections::BTreeSet;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Run;
use super::meter::Calling;
use super::track::Track;
use crate::event::Body;
use crate::event::QueryStatus;
use crate::failure::Code;
use crate::failure::Failure;
use crate::money::Amount;
use crate::money::Currency;
use crate::money::Rate;
use crate::store::StoreError;

/// What a run may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The currency of all prices.
    pub currency: Currency,
    /// Most of it, if there is a limit.
    pub cap: Option<Amount>,
}

impl Run {
    /// Tells which models a cap cannot hold, since nobody knows what they cost.
    pub(super) async fn warn_of_prices(&mut self) -> Result<(), StoreError> {
        if self.job.budget.cap.is_none() {
            return Ok(());
        }
        let targets = self.job.queries.iter().flat_map(|planned| planned.targets.iter());
        let unknown = targets.filter(|(target, _)| target.rate() == Rate::Unknown);
        let unknown: BTreeSet<String> = unknown.map(|(target, _)| target.to_string()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let names = unknown.into_iter().collect::<Vec<_>>().join(", ");
        self.warn("price_unknown", format!("The cap does not count what has no price: {names}.")).await
    }

    /// Lets a call in, or ends its query. The first one starts the query.
    pub(super) fn let_in(
        &mut self,
        index: usize,
        call: Calling,
        may: oneshot::Sender<()>,
        out: &mut Vec<Body>,
    ) {
        if self.tracks[index].end.is_some() {
            return;
        }
        if !self.promise(index, &call) {
            self.tasks.abort(index);
            return self.stop_at_cap(index, out);
        }
        let track = &mut self.tracks[index];
        track.start(Instant::now(), out);
        track.meter.begin(call);
        self.let_in.push(may);
    }

    /// Tells those who were let in, now that the events of it are written.
    pub(super) fn give_leave(&mut self) {
        for may in self.let_in.drain(..) {
            // Who no longer waits has been ended.
            let _ = may.send(());
        }
    }

    /// Whether a query may make a call; what the call may cost is then kept for it.
    pub(super) fn promise(&mut self, index: usize, call: &Calling) -> bool {
        // A promise to this query is for this very call.
        self.tracks[index].meter.forget_promise();
        let committed = self.tracks.iter().map(|track| track.meter.committed()).sum();
        let fits = self.job.budget.cap.is_none_or(|cap| call.fits(committed, cap));
        if fits {
            self.tracks[index].meter.promise(call);
        }
        fits
    }

    /// Ends every call that costs something when more was spent than may be.
    pub(super) fn hold_to_cap(&mut self, out: &mut Vec<Body>) {
        let Some(cap) = self.job.budget.cap else { return };
        let spent: Amount = self.tracks.iter().map(|track| track.meter.spent()).sum();
        if spent <= cap {
            return;
        }
        let spends = |track: &Track| track.end.is_none() && track.meter.is_spending();
        for index in 0..self.tracks.len() {
            if spends(&self.tracks[index]) {
                self.tasks.abort(index);
                self.stop_at_cap(index, out);
            }
        }
    }

    /// Ends a query that would cost too much.
    pub(super) fn stop_at_cap(&mut self, index: usize, out: &mut Vec<Body>) {
        let Budget { currency, cap } = self.job.budget;
        let cap = cap.unwrap_or_default();
        let failure =
            Failure::new(Code::CostLimit, format!("The cap of {currency} {cap} per run is reached."))
                .hint("The cap is `max_cost` of the request or `max_cost_per_run` in [limits].");
        self.tracks[index].stop(QueryStatus::Failed, failure, Instant::now(), out);
    }
}
