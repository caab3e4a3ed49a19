//! Names and ids: newtypes with one checked constructor each.
//!
//! A value of one of these types is valid; nobody downstream asks again.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// Why a text is not the id or name it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct BadId {
    what: &'static str,
    why: &'static str,
}

/// Identifies one run: `run_` and a ULID in lower case. Ordered by time, unguessable, not a permission.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// Bytes of a run id: `run_` and 26 characters of Crockford's base32.
    pub const LEN: usize = 30;

    /// A new id; later ids sort after earlier ones to the millisecond.
    pub fn generate() -> RunId {
        RunId(format!("run_{}", ulid::Ulid::generate().to_string().to_ascii_lowercase()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<RunId, BadId> {
        let bad = |why| BadId { what: "run id", why };
        let rest = text.strip_prefix("run_").ok_or_else(|| bad("does not begin with run_"))?;
        if rest.len() != 26 {
            return Err(bad("is not run_ and 26 characters"));
        }
        // Crockford's alphabet has no i, l, o and u; the first character holds two bits of a 128-bit number.
        let crockford = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'h' | b'j' | b'k' | b'm' | b'n' | b'p'..=b't' | b'v'..=b'z');
        if !rest.bytes().all(crockford) || !matches!(rest.as_bytes()[0], b'0'..=b'7') {
            return Err(bad("is not lower-case Crockford base32"));
        }
        Ok(RunId(text.to_owned()))
    }
}

/// A place in a run's journal: everything up to and including `seq` has been read.
///
/// As text it is an event's id, `<run>.<seq>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The run whose journal this is a place in.
    pub run: RunId,
    /// Number of the last event read, from 1.
    pub seq: u64,
}

impl Cursor {
    /// More bytes than this are refused unread.
    pub const MAX_LEN: usize = 128;
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.run, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Cursor, BadId> {
        let bad = |why| BadId { what: "cursor", why };
        if text.len() > Cursor::MAX_LEN {
            return Err(bad("is longer than 128 bytes"));
        }
        let (run, seq) = text.rsplit_once('.').ok_or_else(|| bad("is not run.seq"))?;
        let canonical = !seq.is_empty() && !seq.starts_with('0') && seq.bytes().all(|c| c.is_ascii_digit());
        if !canonical {
            return Err(bad("its number is not a positive whole number without leading zeros"));
        }
        let seq = seq.parse().map_err(|_| bad("its number is too large"))?;
        Ok(Cursor { run: run.parse()?, seq })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// Lower-case letters, digits, `_` and `-`, a letter first, at most 64 bytes.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(std::sync::Arc<str>);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = BadId;

            fn from_str(text: &str) -> Result<$type, BadId> {
                check_name($what, text).map(|()| $type(text.into()))
            }
        }

        text_like!($type);
    };
}

macro_rules! text_like {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadId;

            fn try_from(text: String) -> Result<$type, BadId> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(id: $type) -> String {
                id.0.to_string()
            }
        }
    };
}

text_like!(RunId);
name!(
    /// Names a panel, after its file.
    PanelName,
    "panel name"
);
name!(
    /// Names a query of a panel.
    QueryName,
    "query name"
);
name!(
    /// Names a mode of a panel.
    ModeName,
    "mode name"
);
name!(
    /// Names a configured provider.
    ProviderName,
    "provider name"
);

fn check_name(what: &'static str, text: &str) -> Result<(), BadId> {
    let bad = |why| Err(BadId { what, why });
    match text.as_bytes() {
        [] => bad("is empty"),
        bytes if bytes.len() > 64 => bad("is longer than 64 bytes"),
        [first, ..] if !first.is_ascii_lowercase() => bad("does not begin with a lower-case letter"),
        bytes if bytes.iter().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')) => Ok(()),
        _ => bad("has a character other than lower-case letters, digits, _ and -"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_run_id_reads_back() {
        let id = RunId::generate();
        assert_eq!(id.as_str().parse::<RunId>().as_ref(), Ok(&id));
        assert_eq!(id.as_str().len(), RunId::LEN);
    }

    #[test]
    fn a_cursor_has_one_spelling() {
        let run = RunId::generate();
        assert_eq!(format!("{run}.12").parse(), Ok(Cursor { run: run.clone(), seq: 12 }));
        let long = "9".repeat(200);
        for bad in ["", "0", "01", "-1", "+1", "1.5", " 1", "1 ", "١", "99999999999999999999", &long] {
            assert!(format!("{run}.{bad}").parse::<Cursor>().is_err(), "{bad}");
        }
        assert!("12".parse::<Cursor>().is_err());
        assert!(format!("{run}").to_uppercase().parse::<RunId>().is_err());
    }

    #[test]
    fn names_are_plain() {
        for good in ["audit", "a", "gpt-5_mini"] {
            assert!(good.parse::<QueryName>().is_ok(), "{good}");
        }
        for bad in ["", "Audit", "1a", "a b", "a/b", "é", &"a".repeat(65)] {
            assert!(bad.parse::<QueryName>().is_err(), "{bad}");
        }
    }
}
