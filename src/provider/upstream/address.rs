//! Where a provider is: its name for people, its place, and what is never asked.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use reqwest::Url;
use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;

use crate::provider::Place;

/// Why an address is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Not a URL.
    #[error("is not a URL: {0}")]
    NotAUrl(String),
    /// Neither http nor https.
    #[error("does not begin with http:// or https://")]
    Scheme,
    /// A user name or a password in it.
    #[error("holds a user name or a password; use api_key")]
    Credentials,
    /// A fragment.
    #[error("holds a fragment (#)")]
    Fragment,
    /// Link-local: where clouds keep their credentials.
    #[error("is a link-local address, which is never asked")]
    LinkLocal,
}

/// The URL of `path` (which may carry a query) below `base`.
pub fn url(base: &str, path: &str) -> Result<Url, BadAddress> {
    let (base, query) = base.split_once('?').map_or((base, None), |(base, query)| (base, Some(query)));
    let joined = format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/'));
    let mut url = Url::parse(&joined).map_err(|error| BadAddress::NotAUrl(error.to_string()))?;
    if let Some(query) = query {
        let both = url.query().map_or(query.to_owned(), |own| format!("{query}&{own}"));
        url.set_query(Some(&both));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadAddress::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadAddress::Credentials);
    }
    if url.fragment().is_some() {
        return Err(BadAddress::Fragment);
    }
    if ip(&url).is_some_and(is_link_local) {
        return Err(BadAddress::LinkLocal);
    }
    Ok(url)
}

/// Host, and port where it is not the scheme's own.
pub fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

/// This computer or another, judged by the name alone.
pub fn place(url: &Url) -> Place {
    let name = url.host_str().unwrap_or_default().trim_end_matches('.');
    let here = name == "localhost" || name.ends_with(".localhost");
    if here || ip(url).is_some_and(|ip| ip.to_canonical().is_loopback()) {
        return Place::Loopback { host: host(url) };
    }
    Place::Remote { host: host(url) }
}

fn ip(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

fn is_link_local(ip: IpAddr) -> bool {
    const METADATA_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
    const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local() || ip == METADATA_V4,
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == METADATA_V6,
    }
}

/// The system's resolver without the addresses that are never asked.
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fit: Vec<SocketAddr> = all.filter(|address| !is_link_local(address.ip())).collect();
            if fit.is_empty() {
                return Err(io::Error::other(BadAddress::LinkLocal).into());
            }
            Ok(Box::new(fit.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_below_its_base() {
        let cases = [
            ("http://h/v1", "/chat/completions", "http://h/v1/chat/completions"),
            ("http://h/v1/", "chat/completions", "http://h/v1/chat/completions"),
            ("https://a.b/d", "/c?api-version=1", "https://a.b/d/c?api-version=1"),
            ("https://a.b/d?x=1", "/c?y=2", "https://a.b/d/c?x=1&y=2"),
        ];
        for (base, path, whole) in cases {
            assert_eq!(url(base, path).unwrap().as_str(), whole);
        }
    }

    #[test]
    fn odd_addresses_are_refused() {
        let cases = [
            ("ftp://h", BadAddress::Scheme),
            ("file:///etc", BadAddress::Scheme),
            ("http://u:p@h", BadAddress::Credentials),
            ("http://h/#x", BadAddress::Fragment),
            ("http://169.254.169.254/latest", BadAddress::LinkLocal),
            ("http://[::ffff:169.254.169.254]", BadAddress::LinkLocal),
            ("http://2852039166/", BadAddress::LinkLocal),
            ("http://[fe80::1]", BadAddress::LinkLocal),
        ];
        for (base, bad) in cases {
            assert_eq!(url(base, "/c"), Err(bad), "{base}");
        }
        assert!(matches!(url("api.openai.com/v1", "/c"), Err(BadAddress::NotAUrl(_))));
    }

    #[test]
    fn loopback_is_told_by_name_and_number() {
        for base in ["http://localhost:1", "http://127.8.0.1:1", "http://[::1]:1", "http://llm.localhost.:1"]
        {
            assert!(matches!(place(&url(base, "").unwrap()), Place::Loopback { .. }), "{base}");
        }
        let remote = place(&url("https://api.openai.com/v1", "/c").unwrap());
        assert_eq!(remote, Place::Remote { host: "api.openai.com".into() });
        assert!(matches!(place(&url("http://localhost.example", "").unwrap()), Place::Remote { .. }));
    }
}
