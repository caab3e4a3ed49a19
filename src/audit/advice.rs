//! What people are told about each rule: its title, what to do, whom to ask.

use std::sync::LazyLock;

use serde::Deserialize;

/// Advice about one rule, or about all rules whose ids begin alike.
#[derive(Debug, Deserialize)]
pub struct Advice {
    /// The rule's id, or how it begins.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// standards, safety, durability, documentation or cost.
    pub category: String,
    /// What to do.
    pub remedy: String,
    /// Whom to ask.
    pub to: String,
}

#[derive(Deserialize)]
struct File {
    rule: Vec<Advice>,
}

static ADVICE: LazyLock<File> = LazyLock::new(|| {
    toml::from_str(include_str!("../../rulesets/rules.toml")).expect("the embedded file is read by a test")
});

/// The advice for a rule; the longest beginning that fits.
pub fn advice(rule: &str) -> Option<&'static Advice> {
    ADVICE.rule.iter().filter(|advice| rule.starts_with(&advice.id)).max_by_key(|advice| advice.id.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_is_meant() {
        assert_eq!(advice("EXP-XA-ESC").map(|advice| advice.id.as_str()), Some("EXP-XA-ESC"));
        assert_eq!(advice("EXP-XA-PH").map(|advice| advice.id.as_str()), Some("EXP-XA"));
        assert_eq!(advice("COVER-GROUND").map(|advice| advice.id.as_str()), Some("COVER-GROUND"));
        assert!(advice("EXTRACT").is_none());
    }
}
