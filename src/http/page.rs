//! The page: embedded files, the run's snapshot in the first HTML, and a real 404.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::Request;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use rust_embed::RustEmbed;

use super::Door;
use super::problem::Problem;
use super::request::OfRun;
use crate::config::BasePath;

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/page/"]
struct Bundle;

/// Own origin only, no inline script, no frame, no form.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";
/// Where the snapshot goes in the HTML.
const MARK: &str = "<!--snapshot-->";
/// What stands before the path of an address in the built HTML.
const ADDRESSES: [&str; 2] = ["href=\"/", "src=\"/"];
/// Where the page is told what it is.
const HEAD: &str = "</title>";

/// The page without a run.
pub async fn home(State(door): State<Arc<Door>>, headers: HeaderMap) -> Response {
    match html(&door.settings.base, "") {
        Some(page) => conditional(&headers, page),
        None => without_page(),
    }
}

/// The page of a run, with its snapshot inside: the first paint shows real rows.
pub async fn run(State(door): State<Arc<Door>>, run: Result<OfRun, Problem>) -> Result<Response, Problem> {
    let base = &door.settings.base;
    let attached = match run {
        Ok(OfRun(run)) => door.runs.attach(&run).await.ok(),
        Err(_) => None,
    };
    let Some(attached) = attached else {
        return Ok(html(base, "").map_or_else(without_page, |page| serve(StatusCode::NOT_FOUND, page)));
    };
    let snapshot = super::runs::snapshot_of(&door, &attached).await?;
    let json = serde_json::to_string(&snapshot).unwrap_or_default();
    // Inside a script element only "<" could end it; JSON may write it otherwise.
    let block = format!(
        "<script type=\"application/json\" id=\"snapshot\">{}</script>",
        json.replace('<', "\\u003c")
    );
    Ok(html(base, &block).map_or_else(without_page, |page| serve(StatusCode::OK, page)))
}

/// A file of the bundle; its name has a hash of its content.
pub async fn asset(path: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Response {
    // A path that is not UTF-8 names no file.
    let name = path.map(|Path(path)| format!("assets/{path}")).unwrap_or_default();
    let Some(file) = Bundle::get(&name) else {
        return Problem::not_found("there is no such file").into_response();
    };
    let etag = etag(&file.metadata.sha256_hash());
    if is_known(&headers, &etag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let (body, encoding) = match Bundle::get(&format!("{name}.gz")) {
        Some(packed) if accepts_gzip(&headers) => (packed.data, Some("gzip")),
        _ => (file.data, None),
    };
    let mut response = Response::new(Body::from(body.into_owned()));
    let fixed = [
        (header::CONTENT_TYPE, content_type(&name)),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
    ];
    let headers = response.headers_mut();
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.extend(encoding.map(|encoding| (header::CONTENT_ENCODING, HeaderValue::from_static(encoding))));
    headers.extend(HeaderValue::from_str(&etag).map(|etag| (header::ETAG, etag)));
    response
}

/// Whatever no route knows: a problem below `/api`, a page for a browser elsewhere.
pub async fn missing(State(door): State<Arc<Door>>, request: Request) -> Response {
    let accept =
        request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wants_page = !request.uri().path().starts_with("/api/") && accept.contains("text/html");
    match html(&door.settings.base, "").filter(|_| wants_page) {
        Some(page) => serve(StatusCode::NOT_FOUND, page),
        None => Problem::not_found("nothing answers at this address").into_response(),
    }
}

/// The HTML, with its addresses below `base` and `block` in it.
fn html(base: &BasePath, block: &str) -> Option<String> {
    let file = Bundle::get("index.html")?;
    let mut html = String::from_utf8_lossy(&file.data).into_owned();
    for address in ADDRESSES {
        html = html.replace(address, &format!("{}{base}", address.trim_end_matches('/')));
    }
    let told = format!(
        "{HEAD}\n    <meta name=\"askstream-base\" content=\"{base}\">\n    \
         <meta name=\"askstream-build\" content=\"{}\">",
        build().unwrap_or_default()
    );
    Some(html.replacen(HEAD, &told, 1).replacen(MARK, block, 1))
}

/// Which build of the page this is; another one has another word. Its HTML names every file by its content.
pub fn build() -> Option<String> {
    Bundle::get("index.html").map(|file| hex(&file.metadata.sha256_hash()))
}

fn serve(status: StatusCode, page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ];
    (status, headers, page).into_response()
}

fn conditional(headers: &HeaderMap, page: String) -> Response {
    let etag = Bundle::get("index.html").map(|file| etag(&file.metadata.sha256_hash())).unwrap_or_default();
    if is_known(headers, &etag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let mut response = serve(StatusCode::OK, page);
    response.headers_mut().extend(HeaderValue::from_str(&etag).map(|etag| (header::ETAG, etag)));
    response
}

fn etag(hash: &[u8; 32]) -> String {
    format!("\"{}\"", hex(hash))
}

/// The first bytes of a hash, which tell files apart well enough.
fn hex(hash: &[u8; 32]) -> String {
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted =
        headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| coding.trim() == "gzip" || coding.trim().starts_with("gzip;q=1"))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

fn without_page() -> Response {
    let text = "This build has no page (ASKSTREAM_WEB=off). The API works: see /health.\n";
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
