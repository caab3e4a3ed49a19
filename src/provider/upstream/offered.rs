//! The names of the models that a server offers.
//!
//! Vendors list them as `{"data": [{"id"}]}` or as `{"models": [{"name"}]}`,
//! the latter behind `models/`. One page is read: who lists more than a page
//! has his models found all the same when they are asked.

use bytes::Bytes;
use serde::Deserialize;

use super::address;
use super::server::Inner;
use super::vendor::Vendor;
use crate::failure::Code;
use crate::failure::Failure;

/// Most bytes of a list.
const LONGEST: usize = 4 << 20;
/// Most names of a list that are kept, and most bytes of one.
const MOST: usize = 2000;
const LONGEST_NAME: usize = 256;

/// Asks for the list at `path` below the base URL.
pub(super) async fn ask<V: Vendor>(server: &Inner<V>, path: &str) -> Result<Vec<String>, Failure> {
    let name = &server.settings.name;
    let unknown = |code: Code, why: &str| {
        let mut failure = Failure::new(code, format!("{name} does not say which models it offers: {why}."));
        failure.provider = Some(name.to_string());
        failure
    };
    // The base URL made an address before.
    let url = address::url(&server.settings.base_url, path)
        .map_err(|why| unknown(Code::ConnectFailed, &format!("the address {why}")))?;
    let mut reply = server.client.get(url, server.headers.clone()).await?;
    let status = reply.status();
    if status != 200 {
        let mut failure = unknown(Code::ProviderError, &format!("it answered {status}"));
        failure.http_status = Some(status);
        return Err(failure);
    }
    let body = reply.rest(Bytes::new(), LONGEST).await?;
    read(&body).ok_or_else(|| unknown(Code::UnreadableAnswer, "its answer is no list of models"))
}

#[derive(Deserialize)]
struct List {
    #[serde(alias = "models")]
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

fn read(body: &[u8]) -> Option<Vec<String>> {
    let list: List = serde_json::from_slice(body).ok()?;
    let names = list.data.into_iter().filter_map(|entry| entry.id.or(entry.name));
    let names = names.map(|name| name.strip_prefix("models/").unwrap_or(&name).to_owned());
    let is_name =
        |name: &String| (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    Some(names.filter(is_name).take(MOST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_list_is_read_and_nothing_else() {
        let rows: [(&str, Option<&[&str]>); 7] = [
            (
                r#"{"object":"list","data":[{"id":"a","object":"model"},{"id":"b/c:free"}]}"#,
                Some(&["a", "b/c:free"]),
            ),
            (r#"{"models":[{"name":"models/g-1","displayName":"G"}],"nextPageToken":"x"}"#, Some(&["g-1"])),
            (r#"{"data":[]}"#, Some(&[])),
            (r#"{"data":[{"id":""},{"id":"a\u0007"},{"no":1},{"id":"ok"}]}"#, Some(&["ok"])),
            (r#"{"data":{"id":"a"}}"#, None),
            (r#"[{"id":"a"}]"#, None),
            ("<html>", None),
        ];
        for (body, names) in rows {
            let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            assert_eq!(read(body.as_bytes()), names, "{body}");
        }
    }
}
