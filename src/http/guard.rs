//! What holds for every request: its id, its size, its host, its origin; and how problems are written.

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::Uri;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;

use super::problem::Code;
use super::problem::Problem;

/// Longest address in bytes.
const MAX_URI: usize = 8 * 1024;
/// Most bytes of all headers.
const MAX_HEADERS: usize = 64 * 1024;

/// Checks the request, hands it on and writes the problem if there was one.
pub async fn guard(request: Request, next: Next) -> Response {
    let id = super::request_id(&request);
    let head = request.method() == Method::HEAD;
    let mut response = match check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = write(&problem, response, &id, head);
    }
    let headers = response.headers_mut();
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
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

fn check(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let uri = request.uri();
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
    check_host(headers, uri)?;
    let starts = request.method() != Method::GET && request.method() != Method::HEAD;
    let asks = uri.path().ends_with("/ask-stream");
    if starts || asks { check_origin(headers) } else { Ok(()) }
}

/// Only names of this computer reach us: a page whose name resolves to 127.0.0.1 must not.
fn check_host(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let bad = |why: String| Err(Problem::new(Code::BadHost, why));
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        (None, None) => uri.authority().map(|authority| authority.as_str()).unwrap_or_default(),
        (_, Some(_)) => return bad("the Host header stands twice".into()),
    };
    let authority = host.parse::<axum::http::uri::Authority>();
    match authority {
        Ok(authority) if host.contains('@') => {
            bad(format!("`{}` carries user information", authority.host()))
        }
        Ok(authority) if has_bad_port(&authority) => bad("the Host header's port is not a port".into()),
        Ok(authority) if is_local(authority.host()) => Ok(()),
        Ok(authority) => bad(format!("`{}` is not a name of this computer", authority.host())),
        Err(_) => bad("the Host header is missing or malformed".into()),
    }
}

fn has_bad_port(authority: &axum::http::uri::Authority) -> bool {
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

/// What makes or changes a run must come from our own page or from no page at all.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let foreign = || Problem::new(Code::BadOrigin, "requests from other sites are refused");
    if matches!(value("sec-fetch-site"), Some("cross-site" | "same-site")) {
        return Err(foreign());
    }
    match (value("origin"), value("host")) {
        (None, _) => Ok(()),
        (Some(origin), Some(host)) if origin.split_once("://").is_some_and(|(_, of)| of == host) => Ok(()),
        _ => Err(foreign()),
    }
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
    fn hosts_and_origins_as_strangers_send_them() {
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
        let own = [("host", "localhost:1"), ("origin", "http://localhost:1")];
        assert!(check_origin(&headers(&own)).is_ok());
        assert!(check_origin(&headers(&[("host", "localhost:1")])).is_ok());
        for bad in ["null", "http://evil.example", "http://localhost:2"] {
            assert!(check_origin(&headers(&[("host", "localhost:1"), ("origin", bad)])).is_err(), "{bad}");
        }
        for site in ["cross-site", "same-site"] {
            assert!(check_origin(&headers(&[("host", "localhost:1"), ("sec-fetch-site", site)])).is_err());
        }
    }
}
