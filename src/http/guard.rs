//! What holds for every request: its id, size, text, frame, host and sender; and how problems are written.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;

use super::origin;
use super::origin::Sender;
use super::problem::Code;
use super::problem::Problem;
use crate::config::Origin;

/// Longest address in bytes.
const MAX_URI: usize = 8 * 1024;
/// Most bytes of all headers.
const MAX_HEADERS: usize = 64 * 1024;

/// Checks the request, hands it on and writes the problem if there was one.
pub async fn guard(State(origins): State<Arc<[Origin]>>, request: Request, next: Next) -> Response {
    let id = super::request_id(&request);
    let head = request.method() == Method::HEAD;
    let sender = Sender::of(request.headers(), &origins);
    let mut response = match check(&request, &sender) {
        Ok(()) => match origin::preflight(&request, &sender) {
            Some(response) => response,
            None => next.run(request).await,
        },
        Err(problem) => refused(problem),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = write(&problem, response, &id, head);
    }
    let headers = response.headers_mut();
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    if !origins.is_empty() {
        origin::tell(headers, &sender);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    response
}

/// A problem that no route had a say in: of methods it names those of all routes.
fn refused(problem: Problem) -> Response {
    let mut response = problem.into_response();
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST, PATCH, DELETE"));
    }
    response
}

/// The problem as its response: status and headers stay, the body is written.
fn write(problem: &Problem, response: Response, id: &str, head: bool) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let body = if head { Body::empty() } else { Body::from(problem.body(id).to_string()) };
    Response::from_parts(parts, body)
}

fn check(request: &Request, sender: &Sender) -> Result<(), Problem> {
    let (headers, uri, method) = (request.headers(), request.uri(), request.method());
    if uri.path_and_query().map_or(0, |whole| whole.as_str().len()) > MAX_URI {
        return Err(Problem::new(Code::UriTooLong, format!("an address may have at most {MAX_URI} bytes")));
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > MAX_HEADERS {
        return Err(Problem::new(
            Code::HeadersTooLarge,
            format!("headers may have at most {MAX_HEADERS} bytes"),
        ));
    }
    check_text(uri)?;
    check_coding(headers)?;
    check_host(headers, uri)?;
    if method == Method::CONNECT || uri.path() == "*" {
        return Err(Problem::new(Code::MethodNotAllowed, "this is no proxy; ask for an address here"));
    }
    let starts = method != Method::GET && method != Method::HEAD;
    let asks = uri.path().ends_with("/ask-stream");
    if (starts || asks) && *sender == Sender::Foreign {
        return Err(Problem::new(Code::BadOrigin, "requests from other sites are refused")
            .hint("Its operator can name an origin in [server] allow_origins."));
    }
    Ok(())
}

/// An address is text. Headers are judged by who reads them: the others may hold what they like.
fn check_text(uri: &Uri) -> Result<(), Problem> {
    let whole = uri.path_and_query().map_or("", |whole| whole.as_str());
    match std::str::from_utf8(&decoded(whole)) {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::new(Code::InvalidJson, "the address is not valid UTF-8")),
    }
}

/// The bytes that percent signs stand for.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |c: Option<&u8>| c.and_then(|c| char::from(*c).to_digit(16));
    let mut rest = text.as_bytes().iter();
    let mut bytes = Vec::with_capacity(text.len());
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = ahead;
            }
            _ => bytes.push(*byte),
        }
    }
    bytes
}

/// A body whose frame two readers could see differently is none of ours.
fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Problem::new(Code::InvalidJson, "the only transfer coding is `chunked`, and once").close()),
    }
}

/// Only names of this computer reach us: a page whose name resolves to 127.0.0.1 must not.
fn check_host(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(bad_host("the Host header stands twice"));
    }
    if let Some(host) = host {
        check_authority(host.to_str().unwrap_or_default())?;
    }
    // The address of a request may carry a host as well, which then counts instead (RFC 9112, 3.2.2).
    match uri.authority() {
        Some(_) if uri.scheme().is_some_and(|scheme| scheme != "http" && scheme != "https") => {
            Err(bad_host("the address is of another scheme than http"))
        }
        Some(authority) => check_authority(authority.as_str()),
        None if host.is_none() => Err(bad_host("the Host header is missing")),
        None => Ok(()),
    }
}

fn check_authority(host: &str) -> Result<(), Problem> {
    match host.parse::<Authority>() {
        Ok(authority) if host.contains('@') => {
            Err(bad_host(format!("`{}` carries user information", authority.host())))
        }
        Ok(authority) if has_bad_port(&authority) => Err(bad_host("the port of the host is not a port")),
        Ok(authority) if is_local(authority.host()) => Ok(()),
        Ok(authority) => Err(bad_host(format!("`{}` is not a name of this computer", authority.host()))),
        Err(_) => Err(bad_host("the Host header is malformed")),
    }
}

fn bad_host(why: impl Into<String>) -> Problem {
    Problem::new(Code::BadHost, why)
}

fn has_bad_port(authority: &Authority) -> bool {
    authority.as_str().len() > authority.host().len() && authority.port_u16().is_none()
}

/// Whether a host's name can only mean this computer.
pub fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_computer_are_local() {
        for host in ["localhost", "LOCALHOST.", "127.0.0.1", "127.9.9.9", "[::1]", "a.localhost"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["", "example.com", "127.0.0.1.example.com", "localhost.example.com", "10.0.0.1", "[::2]"]
        {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn hosts_as_strangers_send_them() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_static(value));
            }
            headers
        };
        let uri = Uri::from_static("/");
        for good in ["localhost", "localhost:8787", "127.0.0.1:8787", "[::1]:8787"] {
            assert!(check_host(&headers(&[("host", good)]), &uri).is_ok(), "{good}");
        }
        for bad in
            ["evil.example", "evil.example:8787", "a@localhost", "localhost:99999999", "", "local host"]
        {
            assert!(check_host(&headers(&[("host", bad)]), &uri).is_err(), "{bad}");
        }
        assert!(check_host(&headers(&[("host", "localhost"), ("host", "localhost")]), &uri).is_err());
        assert!(check_host(&headers(&[]), &uri).is_err());
    }

    #[test]
    fn the_host_of_an_address_counts_too() {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]);
        for good in ["/", "http://localhost/", "https://127.0.0.1:1/x"] {
            assert!(check_host(&headers, &Uri::from_static(good)).is_ok(), "{good}");
        }
        for bad in ["http://evil.example/", "http://a@localhost/", "ftp://localhost/", "evil.example:80"] {
            assert!(check_host(&headers, &Uri::from_static(bad)).is_err(), "{bad}");
            assert!(check_host(&HeaderMap::new(), &Uri::from_static(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn percent_signs_stand_for_bytes() {
        for (text, bytes) in
            [("a%20b", &b"a b"[..]), ("%FF%fe", b"\xff\xfe"), ("%", b"%"), ("%4", b"%4"), ("%zz%", b"%zz%")]
        {
            assert_eq!(decoded(text), bytes, "{text}");
        }
    }
}
