//! Everything below a path, for a server that is only a part of its host.
//!
//! A request is taken with the path before its address and without it, so
//! that a proxy may leave it there or take it off, and probes on this computer
//! need not know of it. What is answered always has it. Journals do not know
//! it: it is put before the addresses in an event when the event is shown, so
//! another path tomorrow is right for yesterday's runs.

use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use axum::http::uri::PathAndQuery;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;

use crate::config::BasePath;
use crate::event::Entry;
use crate::runs::snapshot::Snapshot;

/// Takes the path off a request, and puts it before the addresses in the answer's headers.
pub async fn below(State(base): State<BasePath>, mut request: Request, next: Next) -> Response {
    if request.uri().path() == base.prefix() {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        return (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, format!("{base}{query}"))])
            .into_response();
    }
    if let Some(inner) = stripped(request.uri(), &base) {
        *request.uri_mut() = inner;
    }
    let mut response = next.run(request).await;
    prefix(response.headers_mut(), &base);
    response
}

/// The address without the path before it, if it lies below.
fn stripped(uri: &Uri, base: &BasePath) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(base.prefix())?;
    let rest: PathAndQuery = rest.starts_with('/').then(|| rest.parse().ok())??;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest);
    Uri::from_parts(parts).ok()
}

fn prefix(headers: &mut HeaderMap, base: &BasePath) {
    let mut change = |name: HeaderName, changed: &dyn Fn(&str) -> String| {
        let Some(value) = headers.get(&name).and_then(|value| value.to_str().ok()) else { return };
        if let Ok(value) = HeaderValue::from_str(&changed(value)) {
            headers.insert(name, value);
        }
    };
    change(header::LOCATION, &|address| base.of(address));
    change(header::LINK, &|links| links.replace("</", &format!("<{base}")));
}

/// The event as it is shown: its addresses have the path before them.
pub fn shown(base: &BasePath, entry: &Entry) -> Entry {
    if base.is_root() || !matches!(entry.name, "run_started" | Entry::FINAL) {
        return entry.clone();
    }
    let Ok(mut event) = serde_json::from_slice::<Value>(&entry.json()) else { return entry.clone() };
    if let Some(links) = event.get_mut("links").and_then(Value::as_object_mut) {
        links.values_mut().for_each(|link| put_before(base, link));
    }
    if let Some(address) = event.get_mut("result_ref") {
        put_before(base, address);
    }
    entry.with_json(event.to_string().as_bytes())
}

fn put_before(base: &BasePath, address: &mut Value) {
    if let Some(text) = address.as_str() {
        *address = base.of(text).into();
    }
}

/// The snapshot as it is shown.
pub fn of_snapshot(base: &BasePath, mut snapshot: Snapshot) -> Snapshot {
    let links = &mut snapshot.links;
    for link in [&mut links.this, &mut links.events, &mut links.result, &mut links.cancel, &mut links.page] {
        *link = base.of(link);
    }
    if let Some(address) = snapshot.result.as_mut().and_then(|result| result.get_mut("result_ref")) {
        put_before(base, address);
    }
    snapshot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_below_loses_the_path() {
        let base: BasePath = "/audit/".parse().unwrap();
        let inner = |uri: &'static str| stripped(&Uri::from_static(uri), &base).map(|uri| uri.to_string());
        assert_eq!(inner("/audit/"), Some("/".into()));
        assert_eq!(inner("/audit/runs?q=%20a"), Some("/runs?q=%20a".into()));
        assert_eq!(inner("http://localhost/audit/runs"), Some("http://localhost/runs".into()));
        for other in ["/", "/auditor/runs", "/runs", "/audit", "/Audit/"] {
            assert_eq!(inner(other), None, "{other}");
        }
    }
}
