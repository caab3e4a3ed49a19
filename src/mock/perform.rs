//! Performing a play, on whatever speaks a version of HTTP.

use std::time::Duration;

use tokio::time::Instant;

use super::play::End;
use super::play::Piece;
use super::play::Play;
use super::play::Say;
use super::play::Step;
use super::reel::split;
use super::seen::Close;

/// Where a play is performed: one request's side of a connection.
pub(super) trait Stage {
    /// Sends all of a piece, unless the client leaves.
    async fn send(&mut self, piece: &Piece) -> Result<(), Close>;
    /// Waits, unless the client leaves.
    async fn wait(&mut self, time: Duration) -> Result<(), Close>;
}

/// Performs all steps, unless the client leaves first; the end is the caller's.
pub(super) async fn perform(stage: &mut impl Stage, play: Play) -> Result<End, Close> {
    for step in play.steps {
        match step {
            Step::Send(piece) => stage.send(&piece).await?,
            Step::Wait(time) => stage.wait(time).await?,
            Step::Repeat { piece, times, pause } => repeat(stage, &piece, times, pause).await?,
            Step::Say(say) => tell(stage, &say).await?,
        }
    }
    Ok(play.end)
}

async fn repeat(stage: &mut impl Stage, piece: &Piece, times: u64, pause: Duration) -> Result<(), Close> {
    if piece.is_empty() {
        // Only the pauses are left; in one, since nobody sees where one ends.
        return stage.wait(pause.saturating_mul(times.min(1_000_000) as u32)).await;
    }
    for _ in 0..times {
        stage.send(piece).await?;
        if !pause.is_zero() {
            stage.wait(pause).await?;
        }
    }
    Ok(())
}

/// Piece after piece, each at its time since the first, however long sending took.
async fn tell(stage: &mut impl Stage, say: &Say) -> Result<(), Close> {
    let begun = Instant::now();
    let gaps = say.pieces.saturating_sub(1).max(1) as u32;
    let wire = say.form.wire();
    for (at, piece) in split(&say.text, say.pieces).enumerate() {
        let due = begun + say.over / gaps * (at as u32).min(gaps);
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            stage.wait(left).await?;
        }
        stage.send(&Piece::Body(wire.text(&say.meta, say.at, piece).into())).await?;
    }
    Ok(())
}
