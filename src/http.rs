//! The HTTP door: routes, and what holds for every request.
//!
//! Nothing else knows axum. Every way of asking is the same two steps: make
//! a run, read its journal.

mod ask;
mod base;
mod bench;
mod body;
pub mod boq;
mod breakers;
mod check;
mod compare;
mod control;
mod decisions;
mod estimate;
mod export;
mod gap;
mod guard;
mod history;
mod origin;
mod page;
mod panels;
mod prefer;
pub mod problem;
mod providers;
mod request;
mod runs;
pub mod server;
mod shorten;
mod socket;
mod status;
mod stream;
mod workflow;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header;
use axum::middleware;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::MethodRouter;
use axum::routing::get;
use axum::routing::post;
use axum::routing::put;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use crate::config::Door as Settings;
use crate::config::Origin;
use crate::store::Store;
use bench::Bench;
use bench::Seat;
use problem::Code;
use problem::Problem;

/// What every handler sees.
pub struct Door {
    runs: Arc<crate::runs::Runs>,
    store: Arc<dyn Store>,
    settings: Settings,
    streams: Arc<Semaphore>,
    bench: Bench,
    since: tokio::time::Instant,
}

impl Door {
    /// A place for one more stream.
    fn slot(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            Problem::new(Code::TooManyStreams, format!("{} streams are open", self.settings.streams))
        })
    }

    /// A seat on the bench for work on a body. Who finds none is told so when he has sent what he is sending.
    async fn seat(&self, body: Body) -> Result<(Seat, Body), Problem> {
        match self.bench.seat() {
            Ok(seat) => Ok((seat, body)),
            Err(problem) => {
                body::forgo(body).await;
                Err(problem)
            }
        }
    }
}

/// All routes over `runs`, which are kept in `store`.
pub fn router(runs: Arc<crate::runs::Runs>, store: Arc<dyn Store>, settings: Settings) -> Router {
    let below = settings.base.clone();
    let streams = Arc::new(Semaphore::new(settings.streams));
    let origins: Arc<[Origin]> = settings.allow_origins.as_slice().into();
    let (bench, since) = (Bench::default(), tokio::time::Instant::now());
    let door = Arc::new(Door { runs, store, settings, streams, bench, since });
    let ask_stream = || no_head(get(ask::get).post(ask::post), "GET, POST");
    let routes = Router::new()
        .route("/ask-stream", ask_stream())
        .route("/api/v1/multi-role/ask-stream", ask_stream())
        .route("/ask", post(ask::wait))
        .route("/api/v1/multi-role/ask", post(ask::wait))
        .route("/api/v1/runs", get(history::list).post(runs::create))
        .route("/api/v1/runs/{id}", get(runs::show).patch(history::patch).delete(history::delete))
        .route("/api/v1/runs/{id}/events", no_head(get(runs::events), "GET"))
        .route("/api/v1/runs/{id}/result", get(runs::result))
        .route("/api/v1/runs/{id}/export", get(export::export))
        .route("/api/v1/runs/{id}/decisions/{finding}", put(decisions::decide))
        .route("/api/v1/runs/compare", get(compare::compare))
        .route("/api/v1/runs/{id}/queries/{query}/result", get(runs::query_result))
        .route("/api/v1/runs/{id}/queries/{query}/cancel", post(control::cancel_query))
        .route("/api/v1/runs/{id}/cancel", post(control::cancel))
        .route("/api/v1/runs/{id}/pause", post(control::pause))
        .route("/api/v1/runs/{id}/resume", post(control::resume))
        .route("/api/v1/runs/{id}/finish", post(control::finish))
        .route("/api/v1/runs/{id}/retry", post(control::retry))
        .route("/api/v1/panels", get(panels::list))
        .route("/api/v1/panels/{name}", get(panels::show))
        .route("/api/v1/audit/check", post(check::check))
        .route("/api/v1/boq/preview", post(boq::preview))
        .route("/api/v1/providers", get(providers::list))
        .route("/api/v1/providers/{name}/test", post(providers::test))
        .route("/api/circuit-breakers/status", get(breakers::status))
        .route("/api/circuit-breakers/{name}/reset", post(breakers::reset))
        .route("/api/workflow/metrics", get(workflow::metrics))
        .route("/api/workflow/{id}/status", get(workflow::status))
        .route("/api/workflow/{id}/cancel", post(control::cancel))
        .route("/api/workflow/{id}/pause", post(control::pause))
        .route("/api/workflow/{id}/resume", post(control::resume))
        .route("/health", get(status::health))
        .route("/healthz", get(status::health))
        .route("/readyz", get(status::ready))
        .route("/openapi.json", get(status::openapi))
        .route("/", get(page::home))
        .route("/runs", get(page::home))
        .route("/runs/compare", get(page::home))
        .route("/providers", get(page::home))
        .route("/help", get(page::home))
        .route("/runs/{id}", get(page::run))
        .route("/assets/{*path}", get(page::asset))
        .fallback(page::missing)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(origins, guard::guard))
        .with_state(door);
    if below.is_root() {
        return routes;
    }
    // Around the routes, since what is added to them comes after the choice of one.
    Router::new().fallback_service(routes).layer(middleware::from_fn_with_state(below, base::below))
}

/// HEAD on a stream would be served as a GET whose body is thrown away: a run for nobody.
fn no_head(routes: MethodRouter<Arc<Door>>, allowed: &'static str) -> MethodRouter<Arc<Door>> {
    let refused = move || async move {
        let mut response = method_not_allowed().await.into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        response
    };
    // The router would list HEAD for the other methods.
    routes.head(refused).fallback(refused)
}

async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed, "see the Allow header for what is")
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::new(Code::Internal, "this request failed; others go on").into_response()
}

/// The request's id: the client's own if it is plain, else one of ours.
fn request_id(request: &Request) -> String {
    let plain = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_graphic());
    let given = request.headers().get("x-request-id").and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(|| format!("req_{:016x}", rand::random::<u64>()), str::to_owned)
}
