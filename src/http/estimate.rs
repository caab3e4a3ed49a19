//! A run that is not made: what it would send, to whom, and what that would cost.

use axum::extract::Request;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Door;
use super::body;
use super::problem::Problem;
use super::providers;
use super::runs::no_store;
use crate::ask::Ask;
use crate::engine::Costs;
use crate::engine::Estimate;
use crate::engine::Job;
use crate::engine::OfQuery;
use crate::engine::Planned;
use crate::money::Currency;
use crate::provider::Place;
use crate::runs::Catalogue;

/// `POST /api/v1/runs?dry_run=true`: refuses what the run would be refused for, and makes none.
pub async fn answer(door: &Door, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (seat, body) = door.seat(body).await?;
    let body = body::json(&parts.headers, body, &door.settings).await?;
    let catalogue = door.runs.catalogue();
    catalogue.pool().look_up_here().await;
    let told = door.bench.work(seat, move || tell(&catalogue, body)).await??;
    Ok((no_store(), [(header::CONTENT_TYPE, "application/json")], told).into_response())
}

fn tell(catalogue: &Catalogue, body: Value) -> Result<String, Problem> {
    let ask = Ask::from_json(body).map_err(Problem::invalid)?;
    let job = catalogue.plan(&ask.into())?;
    let estimate = Estimate::of(&job);
    let language = &job.ask.language;
    let queries = job.queries.iter().zip(&estimate.queries);
    let queries = queries.map(|(planned, of)| query(planned, of, (estimate.currency, language)));
    let mut told = json!({
        "dry_run": true,
        "panel": job.panel.name,
        "panel_revision": job.panel.revision,
        "timeouts": {"run_ms": job.limit.as_millis() as u64},
        "queries": queries.collect::<Vec<_>>(),
        "destinations": destinations(&job),
    });
    let cost = estimate.cost.map(|cost| amounts(cost, estimate.currency));
    let coverage = estimate.coverage.map(|coverage| json!(coverage));
    // By the panel's queries: those that a form can speak of.
    let counts = job.queries.iter().filter_map(Planned::part);
    let counts: Map<String, Value> = counts.map(|part| (part.of.to_string(), json!(part.count))).collect();
    let parts = (!counts.is_empty()).then(|| Value::Object(counts));
    let mode = job.validation.as_ref().map(|validation| json!(validation));
    for (key, value) in [("cost", cost), ("coverage", coverage), ("parts", parts), ("validation", mode)] {
        if let Some(value) = value {
            told[key] = value;
        }
    }
    Ok(told.to_string())
}

fn query(planned: &Planned, of: &OfQuery, (currency, language): (Currency, &str)) -> Value {
    let mut told = json!({
        "query": planned.query.name,
        "title": planned.query.title.in_language(language),
        "depends_on": planned.query.needs,
        "targets": targets(planned),
        "timeout_ms": planned.limit.as_millis() as u64,
        "prompt_bytes": of.bytes,
    });
    let optional = [
        ("input_tokens", of.input.map(|tokens| json!(tokens))),
        ("input_tokens_max", of.longest_input.map(|tokens| json!(tokens))),
        ("output_tokens_max", of.longest_output.map(|tokens| json!(tokens))),
        ("cost", of.cost.map(|cost| amounts(cost, currency))),
        ("part", planned.part().map(|part| json!(part))),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            told[key] = value;
        }
    }
    told
}

fn amounts(cost: Costs, currency: Currency) -> Value {
    let mut told = json!({"at_least": cost.at_least, "currency": currency, "complete": cost.complete});
    if let Some(most) = cost.at_most {
        told["at_most"] = json!(most);
    }
    told
}

/// Who would be asked, in order; a provider with several endpoints may be asked at each of them.
fn targets(planned: &Planned) -> Vec<Value> {
    let mut told: Vec<Value> = Vec::new();
    for (target, _) in planned.targets.iter() {
        for endpoint in target.group.endpoints() {
            let place = endpoint.provider.place();
            let mut to = Map::from_iter([
                ("provider".to_owned(), json!(target.group.name())),
                ("model".to_owned(), json!(target.model)),
                ("local".to_owned(), json!(!matches!(place, Place::Remote { .. }))),
            ]);
            to.extend(providers::place(&place));
            to.extend(providers::missing(target));
            let to = Value::Object(to);
            if !told.contains(&to) {
                told.push(to);
            }
        }
    }
    told
}

/// Where anything would go that leaves this process.
fn destinations(job: &Job) -> Vec<Value> {
    let mut told: Vec<Value> = Vec::new();
    for to in job.queries.iter().flat_map(targets).filter(|to| to["host"].is_string()) {
        if !told.contains(&to) {
            told.push(to);
        }
    }
    told
}
