//! A provider's endpoints, and how each is treated.

use toml::Spanned;

use super::Secret;
use super::set;
use super::take_secret;
use crate::backoff::Retries;
use crate::breaker;
use crate::fault::reader::Reader;

/// Most endpoints of a provider.
const MOST_ENDPOINTS: usize = 64;
/// Most attempts at one target that can be asked for.
const MOST_ATTEMPTS: u32 = 10;
/// Most failures in a row that a breaker can be told to bear.
const MOST_FAILURES: u32 = 1000;

/// One address with one key.
pub struct Endpoint {
    pub base_url: Spanned<String>,
    pub api_key: Option<Spanned<Secret>>,
    pub max_in_flight: Option<usize>,
}

/// The endpoints of a provider: the one that its own keys describe, or those of the list `endpoints`. What stands
/// above the list, or the vendor's `own` address, holds for all that do not say otherwise.
pub fn take(table: &mut Reader<'_>, own: Option<Spanned<String>>) -> Option<Vec<Endpoint>> {
    let list = table.keys().into_iter().find(|key| key.get_ref() == "endpoints");
    if own.is_none() && list.is_none() {
        table.require(&["base_url"]);
    }
    let base_url = table.take_text("base_url").or(own);
    let api_key = take_secret(table, "api_key");
    let max_in_flight = take_max_in_flight(table);
    let entries = table.take_tables("endpoints");
    let Some(list) = list else {
        return Some(vec![Endpoint { base_url: base_url?, api_key, max_in_flight }]);
    };
    if let Some(key) = api_key {
        table.fault(key.span(), "\"api_key\" beside \"endpoints\": write it into each of them");
    }
    let entries = entries?;
    if !(1..=MOST_ENDPOINTS).contains(&entries.len()) {
        table.fault(list.span(), format!("\"endpoints\" must name between 1 and {MOST_ENDPOINTS}"));
        return None;
    }
    let read = |mut entry: Reader<'_>| {
        if base_url.is_none() {
            entry.require(&["base_url"]);
        }
        let base_url = entry.take_text("base_url").or_else(|| base_url.clone());
        let api_key = take_secret(&mut entry, "api_key");
        let max_in_flight = take_max_in_flight(&mut entry).or(max_in_flight);
        entry.finish();
        Some(Endpoint { base_url: base_url?, api_key, max_in_flight })
    };
    // All are read before one that cannot be used ends it, so that all faults are told.
    entries.into_iter().map(read).collect::<Vec<_>>().into_iter().collect()
}

fn take_max_in_flight(table: &mut Reader<'_>) -> Option<usize> {
    take_up_to(table, "max_in_flight", u32::MAX).map(|count| count as usize)
}

/// `retry = { attempts = 2, base = "0.5s", max = "8s" }`.
pub fn retries(mut table: Reader<'_>) -> Retries {
    let mut retries = Retries::default();
    retries.attempts = take_up_to(&mut table, "attempts", MOST_ATTEMPTS).unwrap_or(retries.attempts);
    let base = table.take_clock("base");
    let is_written = base.is_some();
    set(&mut retries.waits.base, base);
    match table.take_clock("max") {
        Some(max) if *max.get_ref() < retries.waits.base => {
            table
                .fault(max.span(), "\"max\" is shorter than \"base\": the first wait would never be so long");
        }
        Some(max) => retries.waits.max = max.into_inner(),
        None if is_written => retries.waits.max = retries.waits.max.max(retries.waits.base),
        None => {}
    }
    table.finish();
    retries
}

/// `breaker = { failures = 5, open_for = "60s" }`.
pub fn breaker(mut table: Reader<'_>) -> breaker::Settings {
    let mut settings = breaker::Settings::default();
    settings.in_a_row = take_up_to(&mut table, "failures", MOST_FAILURES).unwrap_or(settings.in_a_row);
    settings.open_for = table.take_clock("open_for").map(Spanned::into_inner);
    table.finish();
    settings
}

/// A whole number from 1.
fn take_up_to(table: &mut Reader<'_>, key: &str, most: u32) -> Option<u32> {
    let value = table.take_count(key)?;
    match u32::try_from(*value.get_ref()) {
        Ok(count) if (1..=most).contains(&count) => Some(count),
        _ if most == u32::MAX => {
            table.fault(value.span(), format!("\"{key}\" must be at least 1"));
            None
        }
        _ => {
            table.fault(value.span(), format!("\"{key}\" must be between 1 and {most}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::config::file::File;
    use crate::config::file::Secret;

    fn read(keys: &str) -> (Vec<(String, usize)>, File) {
        let text = format!("[providers.p]\nkind = \"openai\"\n{keys}\n");
        let (faults, file) = File::read("config.toml", &text);
        (faults.iter().map(|fault| (fault.message.clone(), fault.line())).collect(), file)
    }

    #[test]
    fn endpoints_take_what_stands_above_them() {
        let (faults, file) = read(
            "base_url = \"http://127.0.0.1:1/v1\"\nmax_in_flight = 3\nmin_interval = \"500ms\"\n\
             retry = { attempts = 4, base = \"1s\", max = \"30s\" }\nbreaker = { failures = 3, open_for = \"2m\" }\n\
             endpoints = [{ api_key = { env = \"ONE\" } }, { base_url = \"http://127.0.0.1:2/v1\", max_in_flight = 1 }]",
        );
        assert_eq!(faults, []);
        let [provider] = file.providers.as_slice() else { panic!() };
        let told: Vec<_> = provider
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.base_url.get_ref().as_str(), endpoint.max_in_flight))
            .collect();
        assert_eq!(told, [("http://127.0.0.1:1/v1", Some(3)), ("http://127.0.0.1:2/v1", Some(1))]);
        let key = provider.endpoints[0].api_key.as_ref().unwrap().get_ref();
        assert!(matches!(key, Secret::Env(name) if name == "ONE"));
        assert!(provider.endpoints[1].api_key.is_none());
        let retries = provider.retries;
        let seconds = Duration::from_secs;
        assert_eq!((retries.attempts, retries.waits.base, retries.waits.max), (4, seconds(1), seconds(30)));
        assert_eq!((provider.breaker.in_a_row, provider.breaker.open_for), (3, Some(seconds(120))));
        assert_eq!(provider.min_interval, Duration::from_millis(500));
    }

    #[test]
    fn a_long_first_wait_is_not_cut_by_the_default_of_the_longest() {
        let (faults, file) = read("base_url = \"http://127.0.0.1:1/v1\"\nretry = { base = \"20s\" }");
        assert_eq!((faults, file.providers[0].retries.waits.max), (vec![], Duration::from_secs(20)));
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_line() {
        let url = "base_url = \"http://127.0.0.1:1/v1\"";
        let cases = [
            (format!("{url}\nretry = {{ attempts = 0 }}"), "\"attempts\" must be between 1 and 10", 4),
            (
                format!("{url}\nretry = {{ base = \"2s\", max = \"1s\" }}"),
                "\"max\" is shorter than \"base\"",
                4,
            ),
            (format!("{url}\nretry = {{ tries = 3 }}"), "unknown key \"tries\" in [providers.p.retry]", 4),
            (format!("{url}\nbreaker = {{ failures = 1001 }}"), "\"failures\" must be between 1 and 1000", 4),
            (format!("{url}\nbreaker = {{ open_for = 60 }}"), "expected a duration such as \"30s\"", 4),
            (format!("{url}\nmin_interval = \"8d\""), "longer than 7 days", 4),
            (format!("{url}\nmax_in_flight = 0"), "\"max_in_flight\" must be at least 1", 4),
            (format!("{url}\nendpoints = []"), "\"endpoints\" must name between 1 and 64", 4),
            ("endpoints = [{}]".into(), "missing key \"base_url\" in [[providers.p.endpoints]]", 3),
            (format!("{url}\nendpoints = [{{ key = \"k\" }}]"), "unknown key \"key\"", 4),
            (format!("{url}\napi_key = \"k\"\nendpoints = [{{}}]"), "\"api_key\" beside \"endpoints\"", 4),
            (format!("{url}\nendpoints = \"one\""), "expected a list of tables", 4),
        ];
        for (keys, message, line) in cases {
            let (faults, _) = read(&keys);
            let [(told, at)] = faults.as_slice() else { panic!("{keys}: {faults:?}") };
            assert!(told.contains(message) && *at == line, "{keys}: {told}, line {at}");
        }
    }
}
