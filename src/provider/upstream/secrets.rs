//! Keeps our keys out of what a provider says.

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

    /// Secrets to keep; those that are no secret by their length are left out.
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Secrets {
        let worth = |secret: &SecretString| secret.expose_secret().len() >= Secrets::SHORTEST;
        Secrets(secrets.into_iter().filter(worth).collect())
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
}
