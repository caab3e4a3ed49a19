//! One connection that speaks HTTP/1.1, its bytes written by hand.

use std::time::Duration;

use serde_json::json;

use super::line::Line;
use super::perform::Stage;
use super::perform::perform;
use super::play::End;
use super::play::Framing;
use super::play::Head;
use super::play::Piece;
use super::play::Play;
use super::request::Request;
use super::request::Unread;
use super::seen::Close;
use super::seen::Version;
use super::serve::Served;

/// Serves request after request; what is left is to close.
pub(super) async fn serve(served: &Served, line: &mut Line) -> Close {
    loop {
        let close = request(served, line).await;
        if close != Close::Kept {
            return close;
        }
    }
}

/// One request and its answer.
async fn request(served: &Served, line: &mut Line) -> Close {
    let before = (line.bytes_in - line.input.len() as u64, line.bytes_out);
    let is_early = |model: &str| served.room.is_early(model);
    let request = match Request::read(line, &is_early).await {
        Ok(request) => request,
        Err(Unread::Left(left)) => return left.into(),
        Err(Unread::Idle) => return Close::LabFin,
        Err(Unread::Bad(status)) => {
            let error = json!({"error": {"message": "The lab cannot read this request."}});
            let refusal = Play::json(status, &[("connection", "close")], &error).then(End::Fin);
            return play(line, refusal).await;
        }
    };
    let mut answer = served.room.answer(served.number, &request, Version::Http1);
    if !request.is_whole && answer.trial.is_some() && answer.play.end == End::Keep {
        // The rest of the request would be taken for the next one.
        answer.play.end = End::Fin;
    }
    drop(request);
    let close = play(line, answer.play).await;
    if let Some(trial) = answer.trial {
        let unread = line.input.len() as u64;
        trial.over(line.bytes_in - unread - before.0, line.bytes_out - before.1, close);
    }
    close
}

/// Performs a play up to its end.
pub(super) async fn play(line: &mut Line, play: Play) -> Close {
    let ended = perform(&mut Wire { line, is_chunked: false }, play).await;
    match ended {
        Err(close) => close,
        Ok(End::Keep) => Close::Kept,
        Ok(End::Fin) => Close::LabFin,
        Ok(End::Reset) => Close::LabReset,
        Ok(End::Stay) => line.left().await.into(),
        Ok(End::KeepFor(idle)) => match tokio::time::timeout(idle, line.fill()).await {
            Ok(Ok(())) => Close::Kept,
            Ok(Err(left)) => left.into(),
            Err(_) => Close::LabFin,
        },
        // Such a play is not chosen for this version.
        Ok(End::GoAway(_) | End::ResetStream(_)) => Close::LabFin,
    }
}

/// The stage of one request.
struct Wire<'a> {
    line: &'a mut Line,
    is_chunked: bool,
}

impl Stage for Wire<'_> {
    async fn send(&mut self, piece: &Piece) -> Result<(), Close> {
        let sent = match piece {
            Piece::Head(head) => {
                self.is_chunked = head.framing == Framing::Chunked;
                self.line.send(&rendered(head)).await
            }
            Piece::Body(bytes) if self.is_chunked => self.line.send(&chunk(bytes)).await,
            Piece::Body(bytes) | Piece::Raw(bytes) => self.line.send(bytes).await,
            Piece::Over if self.is_chunked => self.line.send(b"0\r\n\r\n").await,
            Piece::Over => Ok(()),
        };
        sent.map_err(Close::from)
    }

    async fn wait(&mut self, time: Duration) -> Result<(), Close> {
        self.line.wait(time).await.map_err(Close::from)
    }
}

/// A head as it goes out.
fn rendered(head: &Head) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {} {}\r\n", head.status, reason(head.status));
    if head.status >= 200 {
        out += "access-control-allow-origin: *\r\n";
    }
    for (name, value) in &head.headers {
        out += &format!("{name}: {value}\r\n");
    }
    match head.framing {
        Framing::Chunked => out += "transfer-encoding: chunked\r\n",
        Framing::Length(length) => out += &format!("content-length: {length}\r\n"),
        Framing::None => {}
    }
    out += "\r\n";
    out.into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        103 => "Early Hints",
        200 => "OK",
        204 => "No Content",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Lab",
    }
}

/// One chunk of a chunked body; nothing for no bytes, since an empty chunk ends the body.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_their_length_in_hex() {
        assert_eq!(chunk(b"0123456789abcdef"), b"10\r\n0123456789abcdef\r\n");
        assert_eq!(chunk(b""), b"");
    }
}
