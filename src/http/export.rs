//! `GET /api/v1/runs/{id}/export`: the report of an ended run as a file.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::Uri;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::Door;
use super::base;
use super::problem::Code;
use super::problem::Problem;
use super::request::OfRun;
use super::request::Parameters;
use super::runs::snapshot_of;
use crate::ask::AskFault;
use crate::config::BasePath;
use crate::journal::Journal;
use crate::report::Outline;
use crate::report::Sheet;
use crate::report::csv;
use crate::report::csv::Style;
use crate::report::html::html;
use crate::report::markdown::markdown;
use crate::report::xlsx::xlsx;
use crate::runs::snapshot::Snapshot;
use crate::store::StoreError;

/// The forms of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Markdown,
    Html,
    Csv(Sheet, Style),
    Xlsx,
    Json,
    Ndjson,
}

impl Form {
    fn read(parameters: &Parameters) -> Result<Form, Problem> {
        let fault = |name: &str, detail: String| {
            Err(Problem::invalid(vec![AskFault { pointer: format!("/{name}"), detail }]))
        };
        let form = match parameters.get("format") {
            Some("md") => Form::Markdown,
            Some("html") => Form::Html,
            Some("xlsx") => Form::Xlsx,
            Some("json") => Form::Json,
            Some("ndjson") => Form::Ndjson,
            Some("csv") => {
                let word = parameters.get("table").unwrap_or(Sheet::Findings.word());
                let Some(sheet) = Sheet::ALL.into_iter().find(|sheet| sheet.word() == word) else {
                    let known = Sheet::ALL.map(Sheet::word).join(", ");
                    return fault("table", format!("`{word}` is no table; known are {known}"));
                };
                let style = match parameters.get("style") {
                    None | Some("international") => Style::International,
                    Some("european") => Style::European,
                    Some(_) => return fault("style", "expected international or european".into()),
                };
                return Ok(Form::Csv(sheet, style));
            }
            _ => return fault("format", "expected md, html, csv, xlsx, json or ndjson".into()),
        };
        match ["table", "style"].into_iter().find(|name| parameters.get(name).is_some()) {
            Some(name) => fault(name, "only a csv file has that choice".into()),
            None => Ok(form),
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Form::Markdown => "md",
            Form::Html => "html",
            Form::Csv(..) => "csv",
            Form::Xlsx => "xlsx",
            Form::Json => "json",
            Form::Ndjson => "ndjson",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Form::Markdown => "text/markdown; charset=utf-8",
            Form::Html => "text/html; charset=utf-8",
            Form::Csv(..) => "text/csv; charset=utf-8; header=present",
            Form::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Form::Json => "application/json",
            Form::Ndjson => "application/x-ndjson",
        }
    }
}

/// The report of an ended run, or its events.
pub async fn export(State(door): State<Arc<Door>>, OfRun(run): OfRun, uri: Uri) -> Result<Response, Problem> {
    let form = Form::read(&Parameters::read(&uri, &["format", "table", "style"])?)?;
    let attached = door.runs.attach(&run).await?;
    if !attached.journal.head().ended {
        let detail = "the run has not ended; export it when it has";
        return Err(Problem::new(Code::RunNotFinished, detail).run(&run));
    }
    let file = match form {
        Form::Ndjson => Body::from_stream(lines(attached.journal.clone(), door.settings.base.clone())),
        form => {
            let seat = door.bench.seat()?;
            let snapshot = snapshot_of(&door, &attached).await?;
            let made = door.bench.work(seat, move || make(form, &snapshot)).await?;
            Body::from(made.map_err(|why| {
                tracing::error!(%run, why, "an export could not be made");
                Problem::new(Code::Internal, "the file could not be made").run(&run)
            })?)
        }
    };
    let mut response = file.into_response();
    let name = format!("attachment; filename=\"{run}.{}\"", form.ending());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(HeaderValue::from_str(&name).ok().map(|name| (header::CONTENT_DISPOSITION, name)));
    // Should a browser show the page all the same, nothing in it may run or load.
    let alone = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    headers.insert(header::CONTENT_SECURITY_POLICY, alone);
    Ok(response)
}

/// The bytes of a file, or why there are none.
fn make(form: Form, snapshot: &Snapshot) -> Result<Vec<u8>, String> {
    let outline: Outline = snapshot.outline().ok_or("the run has no result")?;
    let created_at: Timestamp = snapshot.created_at.parse().unwrap_or_default();
    match form {
        Form::Markdown => Ok(markdown(&outline).into_bytes()),
        Form::Html => Ok(html(&outline).into_bytes()),
        Form::Xlsx => xlsx(&outline, created_at).map_err(|error| error.to_string()),
        Form::Csv(sheet, style) => {
            csv::csv(&outline, sheet, style).map(Option::unwrap_or_default).map_err(|error| error.to_string())
        }
        Form::Json | Form::Ndjson => {
            let mut result = snapshot.result.clone().unwrap_or_default();
            if let Value::Object(map) = &mut result
                && !snapshot.decisions.is_empty()
            {
                map.insert("decisions".into(), json!(snapshot.decisions));
            }
            serde_json::to_vec_pretty(&result).map_err(|error| error.to_string())
        }
    }
}

/// All events of a run, one a line, as they are read.
fn lines(journal: Journal, below: BasePath) -> impl Stream<Item = Result<Bytes, StoreError>> {
    async_stream::try_stream! {
        let mut after = 0;
        loop {
            let entries = journal.page(after).await?;
            let Some(last) = entries.last() else { break };
            after = last.seq;
            let mut page = Vec::new();
            for entry in &entries {
                page.extend_from_slice(&base::shown(&below, entry).json());
                page.push(b'\n');
            }
            yield Bytes::from(page);
        }
    }
}
