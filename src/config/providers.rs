//! Who can be asked: the file's providers, keys in the environment, and what is built in.

use std::ops::Range;
use std::sync::Arc;

use secrecy::SecretString;

use super::Environment;
use super::file;
use super::file::File;
use super::file::Kind;
use super::file::Secret;
use crate::fault::Fault;
use crate::id::ProviderName;
use crate::panel::ModelChoice;
use crate::panel::Panel;
use crate::pool::Absent;
use crate::pool::Endpoint;
use crate::pool::Group;
use crate::pool::NoTarget;
use crate::pool::Pool;
use crate::pool::Target;
use crate::provider::Place;
use crate::provider::Provider;
use crate::provider::anthropic::Anthropic;
use crate::provider::gemini::Gemini;
use crate::provider::openai::OpenAi;
use crate::provider::rules::Rules;
use crate::provider::scripted::Script;
use crate::provider::scripted::Scripted;
use crate::provider::upstream::Authorities;
use crate::provider::upstream::Client;
use crate::provider::upstream::server::BadSettings;
use crate::provider::upstream::server::Server;
use crate::provider::upstream::server::Settings;

/// Names that no configured provider may have.
pub const BUILT_IN: [&str; 2] = ["rules", "scripted"];

/// A vendor whose key in the environment is enough.
struct Vendor {
    provider: &'static str,
    kind: Kind,
    key: &'static str,
    base_url: &'static str,
    model: &'static str,
}

/// In the order in which they become the default; of each the small model that is good at most.
const VENDORS: [Vendor; 3] = [
    Vendor {
        provider: "openai",
        kind: Kind::OpenAi,
        key: "OPENAI_API_KEY",
        base_url: "https://api.openai.com/v1",
        model: "gpt-5-mini",
    },
    Vendor {
        provider: "anthropic",
        kind: Kind::Anthropic,
        key: "ANTHROPIC_API_KEY",
        base_url: Anthropic::BASE_URL,
        model: "claude-haiku-5-5",
    },
    Vendor {
        provider: "gemini",
        kind: Kind::Gemini,
        key: "GEMINI_API_KEY",
        base_url: Gemini::BASE_URL,
        model: "gemini-3.8-flash",
    },
];
/// Overrides the default model of the first vendor that has a key.
const MODEL: &str = "ASKSTREAM_MODEL";

/// Calls at once to one endpoint, unless the file says otherwise.
const IN_FLIGHT: usize = 8;

/// The pool of everything but the scripts.
pub fn pool(
    file: &File,
    environment: &dyn Environment,
    faults: &mut Vec<Fault>,
    notices: &mut Vec<String>,
) -> Pool {
    let client = Client::default();
    let mut pool = Pool::default();
    for provider in &file.providers {
        let mut configuring = Configuring { provider, file, environment, client: &client, faults, notices };
        if let Some(group) = configuring.group(&mut pool) {
            let group = pool.add(group);
            if let Some(model) = group.default_model.clone() {
                pool.set_configured(Target { group, model });
            }
        }
    }
    let mut chosen = environment.var(MODEL);
    for vendor in VENDORS.iter().filter(|vendor| environment.var(vendor.key).is_some()) {
        // A model belongs to one vendor, so the other keys keep theirs.
        let model = chosen.take().unwrap_or_else(|| vendor.model.to_owned());
        let taken = file.providers.iter().any(|provider| provider.name.as_str() == vendor.provider);
        if let Some(group) = from_environment(vendor, &model, environment, &client).filter(|_| !taken) {
            let group = pool.add(group);
            pool.set_configured(Target { group, model });
        }
    }
    let mut rules = Group::new(Endpoint::new(Arc::new(Rules::default()), usize::MAX), []);
    rules.default_model = Some("rules".into());
    pool.add(rules);
    match &file.default_model {
        None => {
            let first = pool.models().first().cloned();
            first.into_iter().for_each(|target| pool.set_default(target));
        }
        Some(choice) => match pool.target(choice.get_ref(), false) {
            Ok(target) => pool.set_default(target),
            Err(why) => faults.push(file.source.fault(choice.span(), format!("default_model: {why}"))),
        },
    }
    pool
}

/// The panels with a query for each configured model where they want that.
pub fn over_models(panels: Vec<Panel>, pool: &Pool, notices: &mut Vec<String>) -> Vec<Panel> {
    let models: Vec<ModelChoice> = pool.models().iter().map(ModelChoice::from).collect();
    let over = |panel: Panel| {
        let (panel, left_out) = panel.over(&models);
        if left_out > 0 {
            let all = models.len();
            notices.push(format!(
                "panel {}: {left_out} of {all} models are not asked, as it would have too many queries",
                panel.name
            ));
        }
        panel
    };
    panels.into_iter().map(over).collect()
}

/// The pool with the scripted provider, which plays what the panels bring; and every model that a panel names.
pub fn with_scripts(
    mut pool: Pool,
    panels: Vec<Panel>,
    file: &File,
    faults: &mut Vec<Fault>,
) -> (Pool, Vec<Panel>) {
    let mut scripted = Scripted::new("scripted".parse().expect("a plain lower-case word is a name"));
    for panel in &panels {
        for (query, steps) in &panel.simulated {
            scripted = scripted.with(panel.name.clone(), query.clone(), Script::from(steps.as_slice()));
        }
    }
    let mut group = Group::new(Endpoint::new(Arc::new(scripted), usize::MAX), []);
    group.default_model = Some("demo".into());
    pool.add(group);
    for panel in &panels {
        for query in &panel.queries {
            for choice in &query.models {
                check_choice(&pool, panel, query.name.as_str(), choice, file, faults);
            }
        }
    }
    (pool, panels)
}

/// A model that nobody has configured is a mistake, unless its provider only lacks a key.
fn check_choice(
    pool: &Pool,
    panel: &Panel,
    query: &str,
    choice: &ModelChoice,
    file: &File,
    faults: &mut Vec<Fault>,
) {
    let why = match pool.target(choice, true) {
        Ok(_) | Err(NoTarget::NoDefault) => return,
        Err(why) => why,
    };
    if let NoTarget::UnknownProvider(name) = &why
        && file.providers.iter().any(|provider| provider.name.as_str() == name)
    {
        return;
    }
    let names: Vec<String> = pool.groups().map(|group| group.name().to_string()).collect();
    let fault = Fault::of_file(format!("panels/{}", panel.name), format!("queries.{query}: {why}"));
    faults.push(match &why {
        NoTarget::UnknownProvider(name) => fault
            .suggest(name, names.iter().map(String::as_str))
            .note(format!("add [providers.{name}] to the configuration")),
        _ => fault,
    });
}

/// One provider of the file on its way into the pool.
struct Configuring<'a> {
    provider: &'a file::Provider,
    file: &'a File,
    environment: &'a dyn Environment,
    client: &'a Client,
    faults: &'a mut Vec<Fault>,
    notices: &'a mut Vec<String>,
}

impl Configuring<'_> {
    /// The provider with all endpoints that can be asked; those that lack a secret are only remembered.
    fn group(&mut self, pool: &mut Pool) -> Option<Group> {
        let provider = self.provider;
        self.notices.extend(old_prices(provider, jiff::Timestamp::now()));
        let client = trusting(provider, self.client).map_err(|(span, why)| {
            let fault = self.file.source.fault(span, format!("providers.{}: {why}", provider.name));
            self.faults.push(fault.help("name a file with the authority's certificate in PEM form"));
        });
        let client = client.ok()?;
        let mut endpoints = Vec::new();
        for (at, endpoint) in provider.endpoints.iter().enumerate() {
            let own_name = (provider.endpoints.len() > 1).then(|| format!("{}.{}", provider.name, at + 1));
            let settings = self.settings(endpoint, own_name.as_deref());
            let (settings, missing) = match settings {
                Ok(settings) => (settings, None),
                Err(Lacks { missing, notice, rest }) => (rest, Some((missing, notice))),
            };
            let Some(server) = self.server(endpoint, settings, &client) else { continue };
            match missing {
                Some((missing, notice)) => pool.lack(Absent {
                    provider: provider.name.clone(),
                    name: own_name.unwrap_or_else(|| provider.name.to_string()),
                    place: server.place(),
                    missing,
                    notice,
                }),
                None => {
                    let asked = Endpoint::new(server, endpoint.max_in_flight.unwrap_or(IN_FLIGHT))
                        .with_key(key_of(provider, endpoint))
                        .with_breaker(provider.breaker)
                        .with_interval(provider.min_interval);
                    endpoints.push(own_name.into_iter().fold(asked, Endpoint::named));
                }
            }
        }
        let mut endpoints = endpoints.into_iter();
        let mut group = Group::new(endpoints.next()?, endpoints);
        group.default_model.clone_from(&provider.model);
        (group.limits, group.retries) = (provider.limits, provider.retries);
        group.prices.clone_from(&provider.money.prices);
        Some(group)
    }

    /// How to reach one endpoint.
    fn settings(&mut self, endpoint: &file::Endpoint, own_name: Option<&str>) -> Result<Settings, Lacks> {
        let provider = self.provider;
        let mut settings = Settings::new(provider.name.clone(), endpoint.base_url.get_ref());
        settings.stream = provider.stream;
        settings.structured_output = provider.structured_output;
        let headers = provider.headers.iter().map(|(name, secret)| (Some(name), secret));
        let called = own_name.unwrap_or(provider.name.as_str());
        for (header, secret) in headers.chain(endpoint.api_key.iter().map(|key| (None, key))) {
            let what = header.map_or("api_key".to_owned(), |name| format!("header {name}"));
            match reveal(secret.get_ref(), self.environment) {
                Ok(value) => match header {
                    Some(name) => settings.headers.push((name.clone(), value)),
                    None => settings.api_key = Some(value),
                },
                Err(why) => {
                    let notice = format!("provider {called}: {what}: {why}; it is not asked");
                    self.notices.push(notice.clone());
                    let missing = match secret.get_ref() {
                        Secret::Env(name) => name.clone(),
                        Secret::File(_) | Secret::Literal(_) => what,
                    };
                    return Err(Lacks { missing, notice, rest: settings });
                }
            }
            if header.is_none() && matches!(secret.get_ref(), Secret::Literal(_)) {
                self.notices.push(format!(
                    "provider {called}: the key stands in {}; api_key = {{ env = \"NAME\" }} is safer",
                    self.file.source.file
                ));
            }
        }
        Ok(settings)
    }

    /// The server at an endpoint's address.
    fn server(
        &mut self,
        endpoint: &file::Endpoint,
        settings: Settings,
        client: &Client,
    ) -> Option<Arc<dyn Provider>> {
        let provider = self.provider;
        let fault = |why: &str| {
            self.file.source.fault(endpoint.base_url.span(), format!("providers.{}: {why}", provider.name))
        };
        let fault = match server(provider.kind, provider.path.as_ref(), settings, client) {
            Ok(server) if is_in_the_clear(&*server, endpoint) && !provider.danger_plain_http => {
                fault("plain http to another machine shows prompts and keys to all between")
                    .help("write https, or set danger_plain_http = true")
            }
            Ok(server) => return Some(server),
            Err(why) => fault(&why.to_string()),
        };
        self.faults.push(fault);
        None
    }
}

/// A secret is not where it should be.
struct Lacks {
    /// Which one, by the name of a variable or of a key of the file.
    missing: String,
    /// The same in a sentence.
    notice: String,
    /// How to reach the endpoint otherwise.
    rest: Settings,
}

/// Where the key of an endpoint comes from; some are sent in a header of the operator's.
fn key_of(provider: &file::Provider, endpoint: &file::Endpoint) -> Option<String> {
    let origin = |secret: &Secret| match secret {
        Secret::Env(name) => name.clone(),
        Secret::File(path) => path.clone(),
        Secret::Literal(_) => "the configuration".into(),
    };
    let headers =
        provider.headers.iter().map(|(name, secret)| format!("{} (header {name})", origin(secret.get_ref())));
    let keys = endpoint.api_key.iter().map(|key| origin(key.get_ref()));
    keys.chain(headers).reduce(|all, next| format!("{all}, {next}"))
}

/// What is said of prices that are more than a year old.
fn old_prices(provider: &file::Provider, now: jiff::Timestamp) -> Option<String> {
    let as_of = provider.money.prices.as_of?;
    let days = (now.to_zoned(jiff::tz::TimeZone::UTC).date() - as_of).get_days();
    (days > 365)
        .then(|| format!("provider {}: its prices are of {as_of}; vendors change theirs", provider.name))
}

/// The client that all share, or one that trusts what this provider's file holds as well.
fn trusting(provider: &file::Provider, client: &Client) -> Result<Client, (Range<usize>, String)> {
    let Some(file) = &provider.ca_file else {
        return Ok(client.clone());
    };
    let path = file.get_ref();
    let pem = std::fs::read(path).map_err(|error| format!("ca_file: cannot read {path}: {error}"));
    let authorities =
        pem.and_then(|pem| Authorities::read(&pem).map_err(|why| format!("ca_file: {path} {why}")));
    authorities.map(Client::trusting).map_err(|why| (file.span(), why))
}

/// Whether what is asked would be sent over the network unencrypted.
fn is_in_the_clear(server: &dyn Provider, endpoint: &file::Endpoint) -> bool {
    let plain = endpoint.base_url.get_ref().trim_start().to_ascii_lowercase().starts_with("http://");
    plain && matches!(server.place(), Place::Remote { .. })
}

/// The provider of this kind.
fn server(
    kind: Kind,
    path: Option<&String>,
    settings: Settings,
    client: &Client,
) -> Result<Arc<dyn Provider>, BadSettings> {
    let client = client.clone();
    Ok(match kind {
        Kind::OpenAi => {
            let vendor = path.cloned().map_or_else(OpenAi::default, |path| OpenAi { path });
            Arc::new(Server::new(vendor, settings, client)?)
        }
        Kind::Anthropic => Arc::new(Server::new(Anthropic, settings, client)?),
        Kind::Gemini => Arc::new(Server::new(Gemini, settings, client)?),
    })
}

fn reveal(secret: &Secret, environment: &dyn Environment) -> Result<SecretString, String> {
    match secret {
        Secret::Literal(value) => Ok(value.clone()),
        Secret::Env(name) => {
            environment.var(name).map(SecretString::from).ok_or_else(|| format!("{name} is not set"))
        }
        Secret::File(path) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(text.trim().to_owned().into()),
            Err(error) => Err(format!("cannot read {path}: {error}")),
        },
    }
}

fn from_environment(
    vendor: &Vendor,
    model: &str,
    environment: &dyn Environment,
    client: &Client,
) -> Option<Group> {
    let key = environment.var(vendor.key)?;
    let name: ProviderName = vendor.provider.parse().ok()?;
    let mut settings = Settings::new(name, vendor.base_url);
    settings.api_key = Some(key.into());
    let endpoint = Endpoint::new(server(vendor.kind, None, settings, client).ok()?, IN_FLIGHT)
        .with_key(Some(vendor.key.to_owned()));
    let mut group = Group::new(endpoint, []);
    group.default_model = Some(model.to_owned());
    Some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Set(&'static [(&'static str, &'static str)]);

    impl Environment for Set {
        fn var(&self, name: &str) -> Option<String> {
            let found = self.0.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    /// The providers that have a model of their own, and the default.
    fn found(set: &'static [(&'static str, &'static str)], file: &str) -> (Vec<String>, String) {
        let (faults, file) = File::read("config.toml", file);
        assert_eq!(faults, []);
        let (mut faults, mut notices) = (Vec::new(), Vec::new());
        let pool = pool(&file, &Set(set), &mut faults, &mut notices);
        assert_eq!((faults, notices), (vec![], vec![]));
        let named = pool
            .groups()
            .filter_map(|group| Some(format!("{}/{}", group.name(), group.default_model.as_ref()?)));
        let default = pool.target(&ModelChoice::Default, false).unwrap();
        let mut named: Vec<String> = named.collect();
        named.sort();
        (named, format!("{}/{}", default.group.name(), default.model))
    }

    #[test]
    fn keys_in_the_environment_are_enough() {
        const OPENAI: (&str, &str) = ("OPENAI_API_KEY", "k");
        const ANTHROPIC: (&str, &str) = ("ANTHROPIC_API_KEY", "k");
        const GEMINI: (&str, &str) = ("GEMINI_API_KEY", "k");
        const CHOSEN: (&str, &str) = ("ASKSTREAM_MODEL", "m");
        let (named, default) = found(&[GEMINI, ANTHROPIC, OPENAI], "");
        assert_eq!(
            named,
            ["anthropic/claude-haiku-5-5", "gemini/gemini-3.8-flash", "openai/gpt-5-mini", "rules/rules"]
        );
        assert_eq!(default, "openai/gpt-5-mini");
        assert_eq!(found(&[GEMINI, ANTHROPIC], "").1, "anthropic/claude-haiku-5-5");
        assert_eq!(found(&[GEMINI], "").1, "gemini/gemini-3.8-flash");
        let (named, default) = found(&[GEMINI, ANTHROPIC, CHOSEN], "");
        assert_eq!(
            (named, default.as_str()),
            (
                vec!["anthropic/m".into(), "gemini/gemini-3.8-flash".into(), "rules/rules".into()],
                "anthropic/m"
            )
        );
        let file = "[providers.gemini]\nkind = \"gemini\"\nmodel = \"mine\"\n";
        assert_eq!(found(&[OPENAI, GEMINI], file).1, "gemini/mine");
    }

    #[test]
    fn plain_http_leaves_this_computer_only_when_it_is_meant() {
        let faults_of = |base_url: &str, more: &str| {
            let text = format!(
                "[providers.lab]\nkind = \"openai\"\nbase_url = \"{base_url}\"\nmodel = \"m\"\n{more}"
            );
            let (mut faults, file) = File::read("config.toml", &text);
            pool(&file, &Set(&[]), &mut faults, &mut Vec::new());
            faults.len()
        };
        assert_eq!(faults_of("http://192.168.1.7:1234/v1", ""), 1);
        assert_eq!(faults_of("http://192.168.1.7:1234/v1", "danger_plain_http = true"), 0);
        assert_eq!(faults_of("http://127.0.0.1:1234/v1", ""), 0);
        assert_eq!(faults_of("https://llm.example/v1", ""), 0);
    }

    #[test]
    fn a_file_of_authorities_is_read_at_start_or_refused_with_its_name() {
        let folder = std::env::temp_dir().join(format!("askstream-ca-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let authority = rcgen::generate_simple_self_signed(["lab.test".to_owned()]).unwrap().cert.pem();
        let cut = authority.replacen("MII", "", 1);
        let cases = [
            ("one.pem", authority.as_str(), ""),
            ("two.pem", &authority.repeat(2), ""),
            ("none.pem", "nothing\n", "holds no certificate"),
            ("cut.pem", &cut, "holds something that is no certificate"),
        ];
        for (name, text, _) in &cases {
            std::fs::write(folder.join(name), text).unwrap();
        }
        for (name, _, told) in cases.into_iter().chain([("gone.pem", "", "cannot read")]) {
            let path = folder.join(name).display().to_string();
            let text = format!(
                "[providers.lab]\nkind = \"openai\"\nbase_url = \"https://127.0.0.1:1/v1\"\nca_file = \"{path}\"\n"
            );
            let (mut faults, file) = File::read("config.toml", &text);
            pool(&file, &Set(&[]), &mut faults, &mut Vec::new());
            let found: Vec<_> = faults.iter().map(|fault| (fault.line(), fault.to_string())).collect();
            match (told, found.as_slice()) {
                ("", []) => {}
                (told, [(4, fault)]) if !told.is_empty() => {
                    for part in ["providers.lab: ca_file", &path, told, "name a file"] {
                        assert!(fault.contains(part), "{fault}");
                    }
                }
                _ => panic!("{name}: {found:?}"),
            }
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
