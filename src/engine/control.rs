//! How others reach into a run: for now, to cancel it.

use std::sync::Arc;
use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

use crate::event::CancelReason;

/// A handle on a run; clones reach the same run.
#[derive(Clone, Default)]
pub struct Control {
    token: CancellationToken,
    reason: Arc<OnceLock<CancelReason>>,
}

impl Control {
    /// Cancels the run; the first reason stands.
    pub fn cancel(&self, reason: CancelReason) {
        self.reason.get_or_init(|| reason);
        self.token.cancel();
    }

    /// Waits until somebody cancels the run.
    pub async fn cancelled(&self) -> CancelReason {
        self.token.cancelled().await;
        // The reason is set before the token.
        self.reason.get().copied().unwrap_or(CancelReason::Client)
    }
}
