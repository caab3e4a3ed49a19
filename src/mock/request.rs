//! Reading one request from a connection, within limits.

use std::time::Duration;

use super::line::Left;
use super::line::Line;

/// Most bytes of a head.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// Most bytes of a body.
pub(super) const MAX_BODY: usize = 16 * 1024 * 1024;
/// How much of a body is looked at for a model that does not wait for the rest.
pub(super) const PEEK: usize = 10 * 1024;
/// How long a connection may be idle, and a request may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// One request.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether the whole body was read.
    pub(super) is_whole: bool,
}

/// Why there is no request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The client has left, or never came.
    Left(Left),
    /// Nothing came for so long that the connection is given up.
    Idle,
    /// It is not one, with the status that says why.
    Bad(u16),
}

impl From<Left> for Unread {
    fn from(left: Left) -> Unread {
        Unread::Left(left)
    }
}

impl Request {
    /// A request without its body yet.
    pub(super) fn new(method: &str, path: &str, query: &str, headers: Vec<(String, String)>) -> Request {
        Request {
            method: method.to_owned(),
            // SDKs write the colon before a verb either way.
            path: path.replace("%3A", ":").replace("%23", "#"),
            query: query.to_owned(),
            headers,
            ..Request::default()
        }
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The key that came with it, without its scheme.
    pub(super) fn key(&self) -> String {
        let bearer = self.header("authorization").map(|value| value.trim_start_matches("Bearer "));
        let key = bearer.or_else(|| self.header("x-api-key")).or_else(|| self.header("x-goog-api-key"));
        key.unwrap_or_default().to_owned()
    }

    /// The next request; `is_early` says of a model whether it answers before the body is whole.
    pub(super) async fn read(
        line: &mut Line,
        is_early: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Request, Unread> {
        match tokio::time::timeout(PATIENCE, Request::read_all(line, is_early)).await {
            Ok(read) => read,
            Err(_) => Err(Unread::Idle),
        }
    }

    async fn read_all(line: &mut Line, is_early: &(dyn Fn(&str) -> bool + Sync)) -> Result<Request, Unread> {
        let end = loop {
            if let Some(end) = find(&line.input, b"\r\n\r\n") {
                break end;
            }
            if line.input.len() > MAX_HEAD {
                return Err(Unread::Bad(431));
            }
            line.fill().await?;
        };
        let head = line.take(end + 4);
        let mut request = Request::head(&head[..end]).ok_or(Unread::Bad(400))?;
        if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            line.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let chunked = request.header("transfer-encoding").is_some_and(|value| value.contains("chunked"));
        if chunked {
            request.chunks(line).await?;
            return Ok(request);
        }
        let length = request.header("content-length").map_or(Ok(0), str::parse::<usize>);
        let length = length.map_err(|_| Unread::Bad(400))?;
        if length > MAX_BODY {
            return Err(Unread::Bad(413));
        }
        request.counted(line, length, is_early).await?;
        Ok(request)
    }

    async fn counted(
        &mut self,
        line: &mut Line,
        length: usize,
        is_early: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<(), Unread> {
        while line.input.len() < length {
            if line.input.len() >= PEEK && is_early(&peek(&line.input, &self.path)) {
                self.body = line.take(line.input.len());
                return Ok(());
            }
            line.fill().await?;
        }
        self.body = line.take(length);
        self.is_whole = true;
        Ok(())
    }

    async fn chunks(&mut self, line: &mut Line) -> Result<(), Unread> {
        loop {
            let end = loop {
                if let Some(end) = find(&line.input, b"\r\n") {
                    break end;
                }
                if line.input.len() > MAX_HEAD {
                    return Err(Unread::Bad(400));
                }
                line.fill().await?;
            };
            let size = line.take(end + 2);
            let size = String::from_utf8_lossy(&size);
            let size = size.split([';', '\r']).next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| Unread::Bad(400))?;
            if size > MAX_BODY || self.body.len() + size > MAX_BODY {
                return Err(Unread::Bad(413));
            }
            while line.input.len() < size + 2 {
                line.fill().await?;
            }
            let piece = line.take(size + 2);
            self.body.extend_from_slice(&piece[..size]);
            if size == 0 {
                // Nobody sends trailers to a model.
                self.is_whole = true;
                return Ok(());
            }
        }
    }

    fn head(head: &[u8]) -> Option<Request> {
        let head = std::str::from_utf8(head).ok()?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Request::new(method, path, query, lines.map(header).collect::<Option<Vec<_>>>()?))
    }
}

/// The model that a request asks, as far as the beginning of its body tells.
pub(super) fn peek(body: &[u8], path: &str) -> String {
    if let Some((_, model)) = path.rsplit_once("/models/") {
        return model.split(':').next().unwrap_or_default().to_owned();
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(PEEK)]);
    let model = text.split_once("\"model\"").and_then(|(_, rest)| rest.split('"').nth(1));
    model.unwrap_or_default().to_owned()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_or_refused() {
        let request = Request::head(b"POST /v1/x%3Ay?alt=sse HTTP/1.1\r\nHost: a\r\nX-Api-Key:  k ").unwrap();
        assert_eq!((request.path.as_str(), request.query.as_str()), ("/v1/x:y", "alt=sse"));
        assert_eq!(request.key(), "k");
        for bad in ["", "GET", "GET / HTTP/2.0", "GET x HTTP/1.1", "GET / HTTP/1.1\r\nno colon"] {
            assert!(Request::head(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_model_is_seen_before_the_body_is_whole() {
        assert_eq!(peek(br#"{"model": "u11-reset", "mess"#, "/v1/chat/completions"), "u11-reset");
        assert_eq!(peek(b"{\"contents\"", "/v1beta/models/u12-413-early:generateContent"), "u12-413-early");
        assert_eq!(peek(b"{", "/v1/messages"), "");
    }
}
