//! Pages of other origins: refused, unless the configuration names them.
//!
//! A named origin is answered with the headers of CORS, and so is its
//! preflight; everybody else gets none of them. What an `Origin` header says
//! is compared with the list and never repeated to a stranger.

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;

use crate::config::Origin;

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Our own page, or no page at all.
    Own,
    /// A page of an origin that the configuration names.
    Allowed(HeaderValue),
    /// A page of any other site.
    Foreign,
}

const METHODS: &str = "GET, POST, PATCH, DELETE";
const REQUEST_HEADERS: &str = "content-type, idempotency-key, last-event-id, prefer, x-request-id";
const RESPONSE_HEADERS: &str =
    "run-id, run-created, location, link, api-version, x-request-id, retry-after, preference-applied";
/// Seconds for which a browser remembers a preflight.
const PREFLIGHT_AGE: &str = "600";

impl Sender {
    /// Who sent a request with these headers.
    pub fn of(headers: &HeaderMap, allowed: &[Origin]) -> Sender {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (origin, second) = (origins.next(), origins.next());
        let same = |value: &HeaderValue| allowed.iter().any(|allowed| value == allowed.as_str());
        match (origin, second) {
            (_, Some(_)) => Sender::Foreign,
            (Some(origin), None) if same(origin) => Sender::Allowed(origin.clone()),
            _ if is_of_another_site(headers) => Sender::Foreign,
            (None, None) => Sender::Own,
            (Some(origin), None) if is_ours(origin, headers) => Sender::Own,
            (Some(_), None) => Sender::Foreign,
        }
    }
}

fn is_of_another_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site")
}

fn is_ours(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    host.is_some() && origin.map(|(_, of)| of) == host
}

/// The answer to a named origin that asks before it sends.
pub fn preflight(request: &Request, sender: &Sender) -> Option<Response> {
    let asks = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks || !matches!(sender, Sender::Allowed(_)) {
        return None;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let told = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE),
        (header::CACHE_CONTROL, "no-store"),
    ];
    response.headers_mut().extend(told.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Some(response)
}

/// Says who may read a response; called only where an origin is named at all.
pub fn tell(headers: &mut HeaderMap, sender: &Sender) {
    // Also for those who may not: a cache must not hand them what it keeps for others.
    vary(headers, header::ORIGIN);
    if let Sender::Allowed(origin) = sender {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
    }
}

/// One more request header that an answer depends on.
fn vary(headers: &mut HeaderMap, name: HeaderName) {
    let known = headers.get(header::VARY).and_then(|known| known.to_str().ok());
    let all = known.map_or_else(|| name.to_string(), |known| format!("{known}, {name}"));
    if let Ok(all) = HeaderValue::from_str(&all) {
        headers.insert(header::VARY, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(pairs: &[(&'static str, &[u8])]) -> Sender {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        Sender::of(&headers, &["https://app.example".parse().unwrap()])
    }

    #[test]
    fn a_sender_is_ours_named_or_foreign() {
        let host = ("host", &b"localhost:1"[..]);
        let named = Sender::Allowed(HeaderValue::from_static("https://app.example"));
        assert_eq!(sender(&[host]), Sender::Own);
        assert_eq!(sender(&[host, ("origin", b"http://localhost:1")]), Sender::Own);
        assert_eq!(sender(&[host, ("origin", b"https://app.example")]), named);
        assert_eq!(
            sender(&[host, ("origin", b"https://app.example"), ("sec-fetch-site", b"cross-site")]),
            named
        );
        for origin in [
            &b"null"[..],
            b"",
            b"\xff",
            b"http://evil.example",
            b"http://localhost:2",
            b"http://app.example",
            b"https://app.example:443",
            b"https://app.example/",
            b"https://app.example.evil.example",
            b"https://APP.example",
        ] {
            assert_eq!(sender(&[host, ("origin", origin)]), Sender::Foreign, "{origin:?}");
        }
        for site in [&b"cross-site"[..], b"same-site"] {
            assert_eq!(sender(&[host, ("sec-fetch-site", site)]), Sender::Foreign);
        }
        let twice = [host, ("origin", b"https://app.example"), ("origin", b"https://app.example")];
        assert_eq!(sender(&twice), Sender::Foreign);
        assert_eq!(sender(&[("origin", b"http://")]), Sender::Foreign, "no host is no origin of ours");
    }
}
