//! Keeps our keys out of what a provider says.

use std::str::Utf8Chunk;

use secrecy::ExposeSecret;
use secrecy::SecretString;

/// The secrets of one provider.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    /// A shorter beginning of a secret may stand in any text by chance.
    const LEAST: usize = 8;
    /// A shorter secret is none, and replacing it would garble every text.
    const SHORTEST: usize = 4;

    /// Secrets to keep, also as JSON and URLs write them; those that are no secret by their length are left out.
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Secrets {
        let worth = |secret: &SecretString| secret.expose_secret().len() >= Secrets::SHORTEST;
        let mut all: Vec<SecretString> = secrets.into_iter().filter(worth).collect();
        // A provider that was sent "Bearer KEY" echoes the key alone.
        let words = all.iter().flat_map(|secret| secret.expose_secret().split_whitespace().skip(1));
        let words: Vec<SecretString> =
            words.filter(|word| word.len() >= Secrets::LEAST).map(SecretString::from).collect();
        all.extend(words);
        let written: Vec<SecretString> = all.iter().flat_map(otherwise_written).collect();
        all.extend(written);
        Secrets(all)
    }

    /// The same and `more`.
    pub fn and(&self, more: impl IntoIterator<Item = String>) -> Secrets {
        let more = more.into_iter().filter(|secret| secret.len() >= Secrets::LEAST).map(SecretString::from);
        let Secrets(more) = Secrets::new(more);
        Secrets(self.0.iter().cloned().chain(more).collect())
    }

    /// The bytes with every secret, and every beginning of one, replaced; what is no text stays as it is.
    pub fn redact_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let redacted = |chunk: Utf8Chunk<'_>| {
            [self.redact(chunk.valid()).into_bytes(), chunk.invalid().to_vec()].concat()
        };
        bytes.utf8_chunks().flat_map(redacted).collect()
    }

    /// The text with every secret, and every beginning of one, replaced.
    pub fn redact(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            match self.echo(rest) {
                0 => {
                    out.push(c);
                    rest = &rest[c.len_utf8()..];
                }
                length => {
                    out.push_str("[redacted]");
                    rest = &rest[length..];
                }
            }
        }
        out
    }

    /// Bytes of a secret that the text begins with.
    fn echo(&self, text: &str) -> usize {
        let echoed = |secret: &SecretString| {
            let secret = secret.expose_secret();
            let mut same = secret.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
            while !text.is_char_boundary(same) {
                same -= 1;
            }
            if same >= Secrets::LEAST.min(secret.len()) { same } else { 0 }
        };
        self.0.iter().map(echoed).max().unwrap_or(0)
    }
}

/// A secret in the ways of writing it that differ from it.
fn otherwise_written(secret: &SecretString) -> Vec<SecretString> {
    let secret = secret.expose_secret();
    let json = serde_json::Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let url: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let written = [json.replace('/', "\\/"), json, url].into_iter();
    written.filter(|written| written != secret).map(SecretString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_their_beginnings_are_replaced() {
        let secrets = Secrets::new(["sk-canary-123456".into(), "lmst".into(), "x".into(), "".into()]);
        let cases = [
            ("key sk-canary-123456!", "key [redacted]!"),
            ("Incorrect key: sk-canar**56", "Incorrect key: [redacted]**56"),
            ("sk-canary-123456sk-canary-123456", "[redacted][redacted]"),
            ("sk-cana is too short, x too", "sk-cana is too short, x too"),
            ("lmst lms", "[redacted] lms"),
            ("žsk-canaryž", "ž[redacted]ž"),
        ];
        for (text, clean) in cases {
            assert_eq!(secrets.redact(text), clean);
        }
        assert!(!format!("{secrets:?}").contains("canary"));
    }

    #[test]
    fn a_key_behind_the_word_for_its_kind_is_a_secret_of_its_own() {
        let secrets = Secrets::new(["Bearer sk-canary-123456".into()]);
        assert_eq!(secrets.redact("your key sk-canary-123456 is wrong"), "your key [redacted] is wrong");
        assert_eq!(secrets.redact("use Bearer tokens"), "use Bearer tokens");
    }

    #[test]
    fn bytes_hide_secrets_in_every_way_of_writing_them() {
        let secrets = Secrets::new(["ab/canary+1".into()]).and(["Canary&Two".into(), "v1".into()]);
        let cases: [(&[u8], &[u8]); 5] = [
            (b"\xff ab/canary+1 \xfe", b"\xff [redacted] \xfe"),
            (b"{\"k\":\"ab\\/canary+1\"}", b"{\"k\":\"[redacted]\"}"),
            (b"?k=ab%2Fcanary%2B1", b"?k=[redacted]"),
            (b"Canary&Two Canary%26Two", b"[redacted] [redacted]"),
            (b"v1 stays", b"v1 stays"),
        ];
        for (bytes, clean) in cases {
            assert_eq!(secrets.redact_bytes(bytes), clean, "{}", bytes.escape_ascii());
        }
    }
}
