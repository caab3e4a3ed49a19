//! Performing a play on a connection.

use std::time::Duration;

use tokio::time::Instant;

use super::line::Left;
use super::line::Line;
use super::reel::End;
use super::reel::Play;
use super::reel::Say;
use super::reel::Step;
use super::reel::chunk;
use super::reel::split;

/// Performs all steps, unless the client leaves first; the end is the caller's.
pub(super) async fn perform(line: &mut Line, play: Play) -> Result<End, Left> {
    for step in play.steps {
        match step {
            Step::Send(bytes) => line.send(&bytes).await?,
            Step::Wait(time) => line.wait(time).await?,
            Step::Repeat { bytes, times, pause } => repeat(line, &bytes, times, pause).await?,
            Step::Say(say) => tell(line, &say).await?,
        }
    }
    Ok(play.end)
}

async fn repeat(line: &mut Line, bytes: &[u8], times: u64, pause: Duration) -> Result<(), Left> {
    if bytes.is_empty() {
        // Only the pauses are left; in one, since nobody sees where one ends.
        return line.wait(pause.saturating_mul(times.min(1_000_000) as u32)).await;
    }
    for _ in 0..times {
        line.send(bytes).await?;
        if !pause.is_zero() {
            line.wait(pause).await?;
        }
    }
    Ok(())
}

/// Piece after piece, each at its time since the first, however long sending took.
async fn tell(line: &mut Line, say: &Say) -> Result<(), Left> {
    let begun = Instant::now();
    let gaps = say.pieces.saturating_sub(1).max(1) as u32;
    let wire = say.form.wire();
    for (at, piece) in split(&say.text, say.pieces).enumerate() {
        let due = begun + say.over / gaps * (at as u32).min(gaps);
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            line.wait(left).await?;
        }
        let bytes = chunk(wire.text(&say.meta, say.at, piece).as_bytes());
        line.send(&bytes).await?;
    }
    Ok(())
}
