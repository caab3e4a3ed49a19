//! The configuration file as typed values: what it says, else the default.

mod endpoints;
mod prices;

use std::net::SocketAddr;
use std::time::Duration;

pub use endpoints::Endpoint;
use toml::Spanned;

use super::Door;
use super::Storage;
use super::StoreKind;
use crate::backoff::Retries;
use crate::breaker;
use crate::fault::Fault;
use crate::fault::Faults;
use crate::fault::Source;
use crate::fault::reader::Reader;
use crate::id::ProviderName;
use crate::money::Money;
use crate::panel::Limits;
use crate::panel::ModelChoice;
use crate::provider::anthropic::Anthropic;
use crate::provider::gemini::Gemini;
use crate::provider::upstream::server::StructuredOutput;
use crate::runs;
use crate::store::sqlite::OnCorrupt;

/// What a configuration file says.
pub struct File {
    pub listen: SocketAddr,
    pub drain: Duration,
    pub door: Door,
    pub runs: runs::Settings,
    pub store: Storage,
    /// A folder of documents.
    pub knowledge: Option<Spanned<String>>,
    pub default_model: Option<Spanned<ModelChoice>>,
    pub providers: Vec<Provider>,
    /// Most that a run may cost.
    pub max_cost: Option<Spanned<Money>>,
    /// For faults that are found later.
    pub source: Source,
}

/// One `[providers.NAME]`.
pub struct Provider {
    pub name: ProviderName,
    pub kind: Kind,
    pub endpoints: Vec<Endpoint>,
    pub path: Option<String>,
    pub headers: Vec<(String, Spanned<Secret>)>,
    pub model: Option<String>,
    pub stream: bool,
    pub structured_output: StructuredOutput,
    pub ca_file: Option<Spanned<String>>,
    pub danger_plain_http: bool,
    pub min_interval: Duration,
    pub retries: Retries,
    pub breaker: breaker::Settings,
    pub limits: Limits,
    pub money: prices::Written,
}

/// Which protocol a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    OpenAi,
    Anthropic,
    Gemini,
}

/// Where a secret is.
#[derive(Clone)]
pub enum Secret {
    Env(String),
    File(String),
    Literal(secrecy::SecretString),
}

impl Default for File {
    fn default() -> File {
        File {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            drain: Duration::from_secs(30),
            door: Door::default(),
            runs: runs::Settings::default(),
            store: Storage::default(),
            knowledge: None,
            default_model: None,
            providers: Vec::new(),
            max_cost: None,
            source: Source { file: "configuration".into(), text: String::new() },
        }
    }
}

impl File {
    /// Reads a file's text; every fault of it.
    pub fn read(name: &str, text: &str) -> (Vec<Fault>, File) {
        let faults = Faults::default();
        let source = Source { file: name.to_owned(), text: text.to_owned() };
        let mut file = File::default();
        if let Some(mut top) = Reader::open(&source, &faults) {
            file.default_model = top.take_parsed("default_model");
            if let Some(server) = top.take_table("server") {
                file.server(server);
            }
            if let Some(limits) = top.take_table("limits") {
                file.limits(limits);
            }
            if let Some(store) = top.take_table("store") {
                file.store(store);
            }
            if let Some(mut knowledge) = top.take_table("knowledge") {
                file.knowledge = knowledge.take_text("dir");
                knowledge.finish();
            }
            if let Some(providers) = top.take_table("providers") {
                file.providers = read_providers(providers);
            }
            top.finish();
        }
        file.source = source.clone();
        prices::check(&file, &faults);
        (faults.into_vec(), file)
    }

    fn server(&mut self, mut table: Reader<'_>) {
        set(&mut self.listen, table.take_parsed("listen"));
        set(&mut self.door.base, table.take_parsed("base_path"));
        set(&mut self.drain, table.take_duration("drain"));
        set(&mut self.door.stream_max_age, table.take_clock("stream_max_age"));
        set(&mut self.door.heartbeat, table.take_clock("heartbeat"));
        set(&mut self.runs.grace, table.take_duration("grace"));
        set(&mut self.runs.recovery.within, table.take_duration("recover_within"));
        let asks_again = table.take_word("on_recovery", &[("ask_again", true), ("fail", false)]);
        set(&mut self.runs.recovery.asks_again, asks_again);
        set(&mut self.door.header_timeout, table.take_clock("header_timeout"));
        set(&mut self.door.body_timeout, table.take_clock("body_timeout"));
        set(&mut self.door.stalled_after, table.take_clock("stalled_after"));
        if let Some(origins) = table.take_texts("allow_origins") {
            let origins = origins.get_ref().iter().filter_map(|origin| table.parsed(origin));
            self.door.allow_origins = origins.map(Spanned::into_inner).collect();
        }
        if let Some(text) = table.take_text("body_limit") {
            match bytes(text.get_ref()) {
                Some(limit) => self.door.body_limit = limit,
                None => table.fault(
                    text.span(),
                    format!("expected a size such as \"8 MiB\", found {:?}", text.get_ref()),
                ),
            }
        }
        table.finish();
    }

    fn limits(&mut self, mut table: Reader<'_>) {
        let written = read_limits(&mut table);
        let clocks = &mut self.runs.clocks;
        clocks.first_content = written.first_content;
        for (clock, written) in [
            (&mut clocks.connect, written.connect),
            (&mut clocks.idle, written.idle),
            (&mut clocks.per_call, written.per_call),
            (&mut clocks.per_query, written.per_query),
            (&mut clocks.overall, table.take_clock("overall").map(Spanned::into_inner)),
            (&mut clocks.max_per_query, table.take_clock("max_per_query").map(Spanned::into_inner)),
            (&mut clocks.max_overall, table.take_clock("max_overall").map(Spanned::into_inner)),
        ] {
            *clock = written.unwrap_or(*clock);
        }
        set(&mut clocks.stage_reserve, table.take_duration("stage_reserve"));
        self.max_cost = table.take_parsed("max_cost_per_run");
        clocks.max_cost = self.max_cost.as_ref().map(|cap| *cap.get_ref());
        count(&mut self.runs.active_runs, &mut table, "active_runs");
        if let Some(queued) = table.take_count("queued_runs") {
            self.runs.queued_runs = usize::try_from(*queued.get_ref()).unwrap_or(usize::MAX);
        }
        count(&mut self.door.streams, &mut table, "streams");
        if clocks.per_query > clocks.overall {
            table.fault(table.span(), "per_query is longer than overall: a query would never get its time");
        }
        table.finish();
    }

    fn store(&mut self, mut table: Reader<'_>) {
        let store = &mut self.store;
        set(
            &mut store.kind,
            table.take_word("url", &[("sqlite", StoreKind::Sqlite), ("memory", StoreKind::Memory)]),
        );
        count(&mut store.keep.most, &mut table, "max_runs");
        store.bounds.runs = store.keep.most;
        set(&mut store.keep.runs, table.take_retention("keep"));
        set(&mut store.keep.deltas, table.take_retention("keep_deltas"));
        let words = [("salvage", OnCorrupt::Salvage), ("fail", OnCorrupt::Fail)];
        set(&mut store.on_corrupt, table.take_word("on_corrupt", &words));
        table.finish();
    }
}

fn read_providers(mut table: Reader<'_>) -> Vec<Provider> {
    let mut providers = Vec::new();
    for key in table.keys() {
        let Some(provider) = table.take_table(key.get_ref()) else { continue };
        let name = provider.parsed::<ProviderName>(&key);
        if let Some(name) = &name
            && super::providers::BUILT_IN.contains(&name.get_ref().as_str())
        {
            provider.fault(key.span(), format!("`{}` is built in; choose another name", name.get_ref()));
        }
        providers.extend(read_provider(provider, name.map(Spanned::into_inner)));
    }
    table.finish();
    providers
}

fn read_provider(mut table: Reader<'_>, name: Option<ProviderName>) -> Option<Provider> {
    table.require(&["kind"]);
    let kinds = [("openai", Kind::OpenAi), ("anthropic", Kind::Anthropic), ("gemini", Kind::Gemini)];
    let kind = table.take_word("kind", &kinds);
    let speaks = kind.as_ref().map(|kind| *kind.get_ref());
    // A vendor with one API has one address; the others have many.
    let own = match speaks {
        Some(Kind::Anthropic) => Some(Anthropic::BASE_URL),
        Some(Kind::Gemini) => Some(Gemini::BASE_URL),
        Some(Kind::OpenAi) | None => None,
    };
    let own = own.zip(kind).map(|(url, kind)| Spanned::new(kind.span(), url.to_owned()));
    let mut structured = vec![
        ("auto", StructuredOutput::Auto),
        ("json_schema", StructuredOutput::JsonSchema),
        ("off", StructuredOutput::Off),
    ];
    if speaks != Some(Kind::Anthropic) {
        structured.insert(2, ("json_object", StructuredOutput::JsonObject));
    }
    let has_path = matches!(speaks, Some(Kind::OpenAi) | None);
    let path = has_path.then(|| table.take_text("path")).flatten().map(Spanned::into_inner);
    let endpoints = endpoints::take(&mut table, own);
    let headers = table.take_table("headers").map(read_headers).unwrap_or_default();
    let model = table.take_text("model").map(Spanned::into_inner);
    let stream = table.take_bool("stream").is_none_or(Spanned::into_inner);
    let structured_output = table.take_word("structured_output", &structured);
    let ca_file = table.take_text("ca_file");
    let danger_plain_http = table.take_bool("danger_plain_http").is_some_and(Spanned::into_inner);
    let min_interval = table.take_duration("min_interval").map(Spanned::into_inner).unwrap_or_default();
    let retries = table.take_table("retry").map(endpoints::retries).unwrap_or_default();
    let breaker = table.take_table("breaker").map(endpoints::breaker).unwrap_or_default();
    let limits = read_limits(&mut table);
    let money = prices::take(&mut table);
    table.finish();
    Some(Provider {
        name: name?,
        kind: speaks?,
        endpoints: endpoints?,
        path,
        headers,
        model,
        stream,
        structured_output: structured_output.map(Spanned::into_inner).unwrap_or_default(),
        ca_file,
        danger_plain_http,
        min_interval,
        retries,
        breaker,
        limits,
        money,
    })
}

fn read_headers(mut table: Reader<'_>) -> Vec<(String, Spanned<Secret>)> {
    let headers = table.keys().into_iter().filter_map(|key| {
        let secret = take_secret(&mut table, key.get_ref())?;
        Some((key.into_inner(), secret))
    });
    let headers = headers.collect();
    table.finish();
    headers
}

/// `{ env = "NAME" }`, `{ file = "PATH" }` or the secret itself.
fn take_secret(table: &mut Reader<'_>, key: &str) -> Option<Spanned<Secret>> {
    let value = table.take(key)?;
    let span = value.span();
    if let Some(literal) = value.get_ref().as_str() {
        return Some(Spanned::new(span, Secret::Literal(literal.to_owned().into())));
    }
    if !value.get_ref().is_table() {
        table.fault(span, "expected { env = \"NAME\" }, { file = \"PATH\" } or the key itself as a text");
        return None;
    }
    let mut place = table.table(key, value)?;
    let env = place.take_text("env").map(Spanned::into_inner);
    let file = place.take_text("file").map(Spanned::into_inner);
    place.finish();
    match (env, file) {
        (Some(name), None) => Some(Spanned::new(span, Secret::Env(name))),
        (None, Some(path)) => Some(Spanned::new(span, Secret::File(path))),
        _ => {
            table.fault(span, "expected one of { env = \"NAME\" } and { file = \"PATH\" }");
            None
        }
    }
}

/// The clocks that a query's providers can have; the run's own are not among them.
fn read_limits(table: &mut Reader<'_>) -> Limits {
    let mut clock = |key| table.take_clock(key).map(Spanned::into_inner);
    Limits {
        connect: clock("connect"),
        first_content: clock("first_content"),
        idle: clock("idle"),
        per_call: clock("per_call"),
        per_query: clock("per_query"),
        ..Limits::default()
    }
}

fn set<T>(place: &mut T, value: Option<Spanned<T>>) {
    if let Some(value) = value {
        *place = value.into_inner();
    }
}

fn count(place: &mut usize, table: &mut Reader<'_>, key: &str) {
    let Some(value) = table.take_count(key) else { return };
    match usize::try_from(*value.get_ref()) {
        Ok(count) if count > 0 => *place = count,
        _ => table.fault(value.span(), format!("\"{key}\" must be at least 1")),
    }
}

/// A size in bytes: a whole number, with `KiB`, `MiB` or `GiB` if wanted.
fn bytes(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(1 << shift).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod sample;

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(String, usize)> {
        let (faults, _) = File::read("config.toml", text);
        faults.iter().map(|fault| (fault.message.clone(), fault.line())).collect()
    }

    #[test]
    fn a_whole_file_is_read() {
        let (faults, file) = File::read(
            "config.toml",
            r#"
default_model = "local/qwen"
[server]
listen = "127.0.0.1:9000"
heartbeat = "2s"
grace = "0s"
body_limit = "1 MiB"
[limits]
first_content = "3s"
overall = "5m"
active_runs = 5
[store]
url = "memory"
max_runs = 7
keep = "30d"
on_corrupt = "fail"
[providers.local]
kind = "openai"
base_url = "http://127.0.0.1:1234/v1"
path = "/chat/completions?api-version=1"
api_key = { env = "LOCAL_KEY" }
headers = { x-title = "askstream" }
max_in_flight = 1
structured_output = "json_object"
stream = false
idle = "9s"
"#,
        );
        assert_eq!(faults, []);
        assert_eq!(file.listen.port(), 9000);
        assert_eq!(file.runs.grace, Duration::ZERO);
        assert_eq!(file.door.body_limit, 1 << 20);
        assert_eq!(file.runs.clocks.first_content, Some(Duration::from_secs(3)));
        assert_eq!(file.runs.clocks.overall, Duration::from_secs(300));
        assert_eq!(
            (file.store.kind, file.store.bounds.runs, file.store.keep.most),
            (StoreKind::Memory, 7, 7)
        );
        assert_eq!(file.store.keep.runs, Duration::from_secs(30 * 24 * 3600));
        assert_eq!(file.store.on_corrupt, OnCorrupt::Fail);
        let [provider] = file.providers.as_slice() else { panic!() };
        let [endpoint] = provider.endpoints.as_slice() else { panic!() };
        assert_eq!(endpoint.max_in_flight, Some(1));
        assert_eq!(provider.limits.idle, Some(Duration::from_secs(9)));
        assert!(!provider.stream);
        assert!(
            matches!(endpoint.api_key.as_ref().unwrap().get_ref(), Secret::Env(name) if name == "LOCAL_KEY")
        );
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let found = faults(
            "[limits]\nper_call = 30\n[providers.openai]\nkind = \"opnai\"\nmax_inflight = 8\n[server]\nbody_limit = \"much\"\n",
        );
        let told = |text: &str| found.iter().any(|(message, _)| message.contains(text));
        assert!(told("expected a duration such as \"30s\""), "{found:?}");
        assert!(told("unknown key \"max_inflight\""), "{found:?}");
        assert!(told("missing key \"base_url\""), "{found:?}");
        assert!(told("\"openai\""), "{found:?}");
        assert!(told("expected a size"), "{found:?}");
        assert_eq!(found.iter().map(|(_, line)| *line).collect::<Vec<_>>(), {
            let mut lines: Vec<_> = found.iter().map(|(_, line)| *line).collect();
            lines.sort();
            lines
        });
    }

    #[test]
    fn each_kind_has_its_keys() {
        let (found, file) = File::read(
            "config.toml",
            "[providers.a]\nkind = \"anthropic\"\n[providers.g]\nkind = \"gemini\"\n\
             base_url = \"http://127.0.0.1:1/v1beta\"\nstructured_output = \"json_object\"\n",
        );
        assert_eq!(found, []);
        let told = |provider: &Provider| (provider.kind, provider.endpoints[0].base_url.get_ref().clone());
        let own = "https://api.anthropic.com/v1".to_owned();
        assert_eq!(told(&file.providers[0]), (Kind::Anthropic, own));
        assert_eq!(told(&file.providers[1]), (Kind::Gemini, "http://127.0.0.1:1/v1beta".into()));
        let cases = [
            ("kind = \"anthropic\"\npath = \"/x\"", "unknown key \"path\" in [providers.p]"),
            (
                "kind = \"anthropic\"\nstructured_output = \"json_object\"",
                "expected one of \"auto\", \"json_schema\", \"off\", found \"json_object\"",
            ),
            ("kind = \"openai\"", "missing key \"base_url\" in [providers.p]"),
        ];
        for (text, message) in cases {
            let found = faults(&format!("[providers.p]\n{text}\n"));
            assert!(found.iter().any(|(told, _)| told == message), "{found:?}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        for (text, size) in [
            ("8 MiB", Some(8 << 20)),
            ("512", Some(512)),
            ("1KiB", Some(1024)),
            ("0", None),
            ("8 MB", None),
            ("-1", None),
        ] {
            assert_eq!(bytes(text), size, "{text}");
        }
    }
}
