//! An origin as browsers send it: scheme, host and port, and nothing else.

use std::net::Ipv6Addr;
use std::str::FromStr;

/// An exact origin whose pages may ask and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// Why a text is no origin that can be allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOrigin {
    /// `*`, alone or in a host.
    #[error("`*` would let pages in that nobody chose; list exact origins such as https://app.example")]
    Any,
    /// What files and sandboxed frames send.
    #[error("`null` is sent by files and sandboxed frames of every site; serve the page from an origin")]
    Null,
    /// Not of the form.
    #[error(
        "expected http or https, host and, if it is not the usual one, port, such as https://app.example, found {0:?}"
    )]
    Form(String),
    /// Another form than browsers send, which would never be equal to theirs.
    #[error("browsers send this origin as {0}")]
    Spelled(String),
}

impl Origin {
    /// The origin as an `Origin` header has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Origin, BadOrigin> {
        if text.contains('*') {
            return Err(BadOrigin::Any);
        }
        if text == "null" {
            return Err(BadOrigin::Null);
        }
        let spelled = spelled(text).ok_or_else(|| BadOrigin::Form(text.to_owned()))?;
        if spelled == text { Ok(Origin(spelled)) } else { Err(BadOrigin::Spelled(spelled)) }
    }
}

/// The origin as browsers spell it.
fn spelled(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let colon = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    let (host, port) = match colon {
        Some(at) => (&authority[..at], authority[at + 1..].parse::<u16>().ok().filter(|port| *port > 0)?),
        None => (authority, usual),
    };
    let is_name = !host.is_empty() && host.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c));
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match address {
        Some(address) => format!("[{}]", address.parse::<Ipv6Addr>().ok()?),
        None if is_name => host.to_owned(),
        None => return None,
    };
    Some(if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for good in [
            "https://app.example",
            "http://app.example:8080",
            "http://localhost:5173",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
        ] {
            assert_eq!(good.parse::<Origin>().unwrap().as_str(), good);
        }
        for form in [
            "",
            "app.example",
            "//app.example",
            "https://",
            "https://app.example/",
            "https://app.example/path",
            "https://app.example?x",
            "https://a@app.example",
            "https://app.example:",
            "https://app.example:0",
            "https://app.example:65536",
            "https://app example",
            "https://bücher.example",
            "https://[::1",
            "https://[app.example]",
            "file://",
            "ws://app.example",
        ] {
            assert_eq!(form.parse::<Origin>(), Err(BadOrigin::Form(form.into())), "{form}");
        }
        for (other, right) in [
            ("https://App.Example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("http://app.example:080", "http://app.example"),
            ("http://[0:0::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(other.parse::<Origin>(), Err(BadOrigin::Spelled(right.into())), "{other}");
        }
        for any in ["*", "https://*.example", "*://app.example"] {
            assert_eq!(any.parse::<Origin>(), Err(BadOrigin::Any));
        }
        assert_eq!("null".parse::<Origin>(), Err(BadOrigin::Null));
    }
}
