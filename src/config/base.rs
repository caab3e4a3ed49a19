//! The path below which a server is found, such as `/audit/`.

use std::str::FromStr;
use std::sync::Arc;

/// A path that everything lies below; `/` unless a proxy gives the server only a part of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasePath(Arc<str>);

/// Why a text is no such path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a path of letters, digits and - . _ ~ between slashes, such as /audit/, found {0:?}")]
pub struct BadBasePath(String);

impl BasePath {
    /// What is put before an address of ours: without a slash at its end, so empty for `/`.
    pub fn prefix(&self) -> &str {
        self.0.trim_end_matches('/')
    }

    /// Whether everything lies at the top.
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// One of our own addresses as others must ask for it.
    pub fn of(&self, address: &str) -> String {
        format!("{}{address}", self.prefix())
    }
}

impl Default for BasePath {
    fn default() -> BasePath {
        BasePath("/".into())
    }
}

impl std::fmt::Display for BasePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BasePath {
    type Err = BadBasePath;

    fn from_str(text: &str) -> Result<BasePath, BadBasePath> {
        let bad = || BadBasePath(text.to_owned());
        let inner = text.strip_prefix('/').ok_or_else(bad)?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.is_empty() {
            return if text == "/" { Ok(BasePath::default()) } else { Err(bad()) };
        }
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
        let named = |name: &str| !matches!(name, "" | "." | "..") && name.bytes().all(plain);
        if inner.split('/').all(named) { Ok(BasePath(format!("/{inner}/").into())) } else { Err(bad()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_spelled_with_both_slashes() {
        for (text, spelled, prefix) in [
            ("/", "/", ""),
            ("/audit/", "/audit/", "/audit"),
            ("/audit", "/audit/", "/audit"),
            ("/a/b-c/", "/a/b-c/", "/a/b-c"),
        ] {
            let base: BasePath = text.parse().unwrap();
            assert_eq!((base.to_string().as_str(), base.prefix()), (spelled, prefix));
            assert_eq!(base.of("/runs"), format!("{prefix}/runs"));
        }
    }

    #[test]
    fn what_a_proxy_could_read_otherwise_is_refused() {
        for text in [
            "",
            "audit",
            "audit/",
            "//",
            "/a//b/",
            "/../",
            "/a/./",
            "/a b/",
            "/a%2f/",
            "/a?b/",
            "/ä/",
            "https://x/",
        ] {
            assert!(text.parse::<BasePath>().is_err(), "{text}");
        }
    }
}
