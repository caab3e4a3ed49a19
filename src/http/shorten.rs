//! Events for clients that cannot take large ones: the answer stays behind, with its address and checksum.
//!
//! Only `final_result` and `query_completed` carry answers; other events are never shortened.

use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

use super::base;
use crate::config::BasePath;
use crate::event::Entry;
use crate::event::FinalResult;
use crate::event::Links;
use crate::id::RunId;

/// Bytes of a block unless the client says otherwise.
pub const DEFAULT: usize = 256 * 1024;
/// What a client may say.
pub const ALLOWED: std::ops::RangeInclusive<usize> = 4096..=1024 * 1024;

/// The event as a client that takes `most` bytes a block gets it, its addresses below `base`.
pub fn shorten(run: &RunId, entry: &Entry, most: usize, base: &BasePath) -> Entry {
    let entry = &base::shown(base, entry);
    if entry.size() <= most {
        return entry.clone();
    }
    let json = entry.json();
    let Ok(Value::Object(mut event)) = serde_json::from_slice::<Value>(&json) else { return entry.clone() };
    match entry.name {
        Entry::FINAL => {
            // The whole event is what its `result_ref` answers with.
            event.retain(|key, _| FinalResult::RESERVED.contains(&key.as_str()) && key != "result");
            event.extend(checksum(&json));
        }
        "query_completed" => {
            // The snapshot has the whole of what is left of an answer.
            if event.remove("partial_result").is_some() {
                event.insert("partial_truncated".into(), true.into());
                return entry.with_json(Value::Object(event).to_string().as_bytes());
            }
            let Some(result) = event.remove("result") else { return entry.clone() };
            let address = format!("{}/queries/{}/result", Links::of(run).this, text(event.get("query")));
            event.insert("result_ref".into(), base.of(&address).into());
            event.extend(checksum(result.to_string().as_bytes()));
        }
        _ => return entry.clone(),
    }
    entry.with_json(Value::Object(event).to_string().as_bytes())
}

/// What lets a client check the body that it fetches instead.
fn checksum(body: &[u8]) -> [(String, Value); 3] {
    let digest = Sha256::digest(body);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    [
        ("result_truncated".into(), json!(true)),
        ("result_bytes".into(), json!(body.len())),
        ("result_sha256".into(), json!(hex)),
    ]
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}
