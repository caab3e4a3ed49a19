//! The providers, how they stand, and a small call to find out whether one works.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;

use super::Door;
use super::breakers;
use super::problem::Code;
use super::problem::Problem;
use super::request::NoParameters;
use super::runs::no_store;
use crate::breaker::Shown;
use crate::engine::trial;
use crate::engine::trial::Terms;
use crate::failure;
use crate::failure::Failure;
use crate::pool::Absent;
use crate::pool::Endpoint;
use crate::pool::Group;
use crate::pool::Offered;
use crate::pool::Pool;
use crate::pool::Quantiles;
use crate::pool::Target;
use crate::pool::care::Closed;
use crate::provider::Place;
use crate::runs::Catalogue;

/// `GET /api/v1/providers`: all of them, those without a key as well.
pub async fn list(State(door): State<Arc<Door>>, _: NoParameters) -> Response {
    let catalogue = door.runs.catalogue();
    let pool = catalogue.pool();
    let default = pool.default_target(true).map(|target| target.to_string()).ok();
    let mut providers: Vec<Value> = pool.groups().map(|group| of_group(&catalogue, group)).collect();
    let lacking: BTreeSet<&str> = pool.absent().iter().map(|absent| absent.provider.as_str()).collect();
    for name in lacking.into_iter().filter(|name| pool.group(name).is_none()) {
        let models = catalogue.models(name);
        providers.push(provider(name, None, models, absent(pool, name)));
    }
    providers.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    (no_store(), Json(json!({"default_model": default, "providers": providers}))).into_response()
}

fn of_group(catalogue: &Catalogue, group: &Arc<Group>) -> Value {
    let name = group.name().as_str();
    let mut endpoints: Vec<Value> = group.endpoints().iter().map(|endpoint| of_endpoint(endpoint)).collect();
    endpoints.extend(absent(catalogue.pool(), name));
    let default = group.default_model.as_deref();
    let models = catalogue.models(name);
    let Some(offered) = group.offered() else { return provider(name, default, models, endpoints) };
    let target = |model: &String| Target { group: Arc::clone(group), model: model.clone() };
    let lacking = |model: &String| {
        let mut lacking = missing(&target(model));
        lacking.insert("model".into(), json!(model));
        Value::Object(lacking)
    };
    let lacking: Vec<Value> = models.iter().filter(|model| !offered.has(model)).map(lacking).collect();
    let mut shown = provider(name, default, models, endpoints);
    shown["offers"] = json!(offers(&offered));
    shown["missing"] = json!(lacking);
    shown
}

fn provider(name: &str, default: Option<&str>, models: BTreeSet<String>, endpoints: Vec<Value>) -> Value {
    let states: Vec<&str> = endpoints.iter().filter_map(|endpoint| endpoint["state"].as_str()).collect();
    let ready = states.iter().filter(|state| **state == "ready").count();
    let state = match states.first() {
        _ if ready > 0 && ready < states.len() => "degraded",
        Some(first) if ready == 0 => first,
        _ => "ready",
    };
    let mut shown = json!({
        "name": name,
        "place": endpoints.first().map(|endpoint| endpoint["place"].clone()),
        "state": state,
        "models": models,
        "endpoints": endpoints,
    });
    if let Some(default) = default {
        shown["default_model"] = json!(default);
    }
    shown
}

/// Models of a list that are shown; some servers offer hundreds.
const MOST_OFFERS: usize = 200;

fn offers(offered: &Offered) -> &[String] {
    &offered.models[..offered.models.len().min(MOST_OFFERS)]
}

fn of_endpoint(endpoint: &Endpoint) -> Value {
    let now = Instant::now();
    let mut shown = place(&endpoint.provider.place());
    let (in_flight, most) = endpoint.in_flight();
    let figures = endpoint.figures();
    {
        let care = endpoint.care();
        let closed = care.why_closed(now);
        let breaker = care.breaker().shown();
        shown.insert("state".into(), json!(state(closed, breaker)));
        shown.insert("breaker".into(), json!(breakers::state(breaker)));
        if let Some(wait) = closed.and_then(Closed::wait) {
            shown.insert("retry_after_ms".into(), json!(wait.as_millis() as u64));
            shown.insert("until".into(), json!(breakers::wall(now, now + wait)));
        }
        if let Some(reason) = care.reason() {
            shown.insert("reason".into(), json!(reason));
        }
    }
    shown.insert("name".into(), json!(endpoint.name()));
    shown.insert("in_flight".into(), json!(in_flight));
    // What is in this process has no limit.
    if most < usize::MAX {
        shown.insert("max_in_flight".into(), json!(most));
    }
    shown.insert("waiting".into(), json!(endpoint.waiting()));
    shown.insert("calls".into(), json!(figures.calls));
    let quantiles = |times: Quantiles| json!({"p50_ms": times.p50.as_millis() as u64, "p95_ms": times.p95.as_millis() as u64});
    let optional = [
        ("success_share", figures.succeeded.map(|share| json!(share))),
        ("first_content", figures.first_content.map(quantiles)),
        ("total", figures.total.map(quantiles)),
    ];
    shown.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    Value::Object(shown)
}

fn state(closed: Option<Closed>, breaker: Shown) -> &'static str {
    match (closed, breaker) {
        (Some(Closed::Isolated), _) => "isolated",
        (Some(Closed::Cooling(_)), _) => "cooling",
        (Some(Closed::OutOfService(_)), _) => "out_of_service",
        (_, Shown::HalfOpen) => "half_open",
        (_, Shown::Open) => "open",
        (_, Shown::Closed) => "ready",
    }
}

/// The endpoints of a provider that lack a secret.
fn absent(pool: &Pool, provider: &str) -> Vec<Value> {
    let lacking = pool.absent().iter().filter(|absent| absent.provider.as_str() == provider);
    lacking
        .map(|absent| {
            let mut shown = place(&absent.place);
            shown.insert("state".into(), json!("not_configured"));
            shown.insert("name".into(), json!(absent.name));
            shown.insert("missing".into(), json!(absent.missing));
            Value::Object(shown)
        })
        .collect()
}

/// Where an endpoint is; of its address only the host.
pub fn place(place: &Place) -> Map<String, Value> {
    let (word, host) = match place {
        Place::BuiltIn => ("built_in", None),
        Place::Simulated => ("simulated", None),
        Place::Loopback { host } => ("local", Some(host)),
        Place::Remote { host } => ("vendor", Some(host)),
    };
    let host = host.map(|host| ("host".to_owned(), json!(host)));
    Map::from_iter(host.into_iter().chain([("place".to_owned(), json!(word))]))
}

/// That the provider does not list this model, and the name that may have been meant.
pub fn missing(target: &Target) -> Map<String, Value> {
    let Some(offered) = target.missing() else { return Map::new() };
    let near = offered.nearest(&target.model).map(|near| ("closest".to_owned(), json!(near)));
    Map::from_iter([("offered".to_owned(), json!(false))].into_iter().chain(near))
}

/// `POST /api/v1/providers/{name}/test`: one small call to a provider, or to one of its endpoints by name.
pub async fn test(
    State(door): State<Arc<Door>>,
    name: Result<Path<String>, PathRejection>,
    _: NoParameters,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("there is no such provider; GET /api/v1/providers lists them");
    let Path(name) = name.map_err(|_| unknown())?;
    let catalogue = door.runs.catalogue();
    let pool = catalogue.pool();
    let Some((group, endpoint)) = pool.groups().find_map(|group| Some((group, meant(group, &name)?))) else {
        let lacks = |absent: &&Absent| absent.name == name || absent.provider.as_str() == name;
        let absent = pool.absent().iter().find(lacks).ok_or_else(unknown)?;
        return Ok(told(0, None, Some(&keyless(absent))));
    };
    let Some(model) = catalogue.model_to_try(group) else {
        let problem = Problem::new(Code::ValidationFailed, "no model of this provider is known");
        return Err(problem.hint(format!("Write model = \"...\" under [providers.{}].", group.name())));
    };
    let Some(_alone) = group.begin_trial() else {
        return Err(Problem::new(Code::RateLimited, "this provider is being tested; one test at a time"));
    };
    let target = Target { group: Arc::clone(group), model };
    let trial = trial::run(&target, &endpoint, Terms::default()).await;
    Ok(told(trial.time.as_millis() as u64, Some((&endpoint, &target)), trial.failure.as_ref()))
}

/// The endpoint that a name means: of a provider with several one that is closed, if there is one, since who
/// tests wants to know about that.
fn meant(group: &Group, name: &str) -> Option<Arc<Endpoint>> {
    let endpoints = group.endpoints();
    if group.name().as_str() != name {
        return endpoints.iter().find(|endpoint| endpoint.name() == name).cloned();
    }
    let now = Instant::now();
    let closed = endpoints
        .iter()
        .find(|endpoint| !endpoint.is_open(now) || endpoint.care().breaker().shown() != Shown::Closed);
    closed.or(endpoints.first()).cloned()
}

fn keyless(absent: &Absent) -> Failure {
    let message = format!("{} has no key: {} is missing.", absent.name, absent.missing);
    Failure {
        provider: Some(absent.provider.to_string()),
        ..Failure::new(failure::Code::CredentialsRefused, message)
    }
    .hint("Set it where the server is started, and start the server again.")
}

fn told(ms: u64, asked: Option<(&Endpoint, &Target)>, failure: Option<&Failure>) -> Response {
    let mut told = json!({"ok": failure.is_none(), "ms": ms});
    if let Some((endpoint, target)) = asked {
        told["endpoint"] = json!(endpoint.name());
        told["model"] = json!(target.model);
        if let Some(offered) = target.group.offered() {
            told["offers"] = json!(offers(&offered));
        }
    }
    if let Some(failure) = failure {
        told["error"] = json!(failure);
    }
    (no_store(), Json(told)).into_response()
}
