//! What a check found: one value for events, reports and the page.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::audit::Project;

/// How grave a finding is, gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Must not be built so.
    Critical,
    /// Wrong, or must be decided before anything is built.
    High,
    /// Must be asked.
    Medium,
    /// Should be asked.
    Low,
    /// Nothing to do: what was checked and passed, what was read.
    Info,
}

impl Severity {
    /// One step less grave.
    pub fn lower(self) -> Severity {
        match self {
            Severity::Critical => Severity::High,
            Severity::High => Severity::Medium,
            Severity::Medium => Severity::Low,
            Severity::Low | Severity::Info => Severity::Info,
        }
    }

    /// The less grave of the two.
    pub fn at_most(self, limit: Severity) -> Severity {
        self.max(limit)
    }

    /// As findings write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
            Severity::Info => "info",
        }
    }
}

/// One thing a check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// "F-001", in the order of the document.
    pub id: String,
    /// The rule's id, as "GEO-VOL".
    pub rule: String,
    /// How grave it is.
    pub severity: Severity,
    /// The rows it is about: their own numbers, else their indices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub positions: Vec<Value>,
    /// The same rows as indices from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<usize>,
    /// What the documents say.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub found: Value,
    /// What they should say.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub expected: Value,
    /// How the expected value comes about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    /// A sentence for a person.
    pub message: String,
    /// Where the rule comes from.
    pub source: String,
    /// Why the source may be wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

impl Finding {
    /// A finding about the project as a whole; its id comes when all are known.
    pub fn new(rule: &str, severity: Severity, message: impl Into<String>) -> Finding {
        Finding {
            id: String::new(),
            rule: rule.to_owned(),
            severity,
            positions: Vec::new(),
            rows: Vec::new(),
            found: Value::Null,
            expected: Value::Null,
            formula: None,
            message: message.into(),
            source: "the documents themselves".to_owned(),
            doubt: None,
        }
    }

    /// The same about these rows.
    pub fn rows(mut self, project: &Project, rows: &[usize]) -> Finding {
        self.rows = rows.to_vec();
        self.rows.sort_unstable();
        self.rows.dedup();
        self.positions =
            self.rows.iter().filter_map(|row| Some(project.positions.get(*row)?.label())).collect();
        self
    }

    /// The same with what was found.
    pub fn found(mut self, found: impl Into<Value>) -> Finding {
        self.found = found.into();
        self
    }

    /// The same with what was expected.
    pub fn expected(mut self, expected: impl Into<Value>) -> Finding {
        self.expected = expected.into();
        self
    }

    /// The same with its formula.
    pub fn formula(mut self, formula: impl Into<String>) -> Finding {
        self.formula = Some(formula.into());
        self
    }

    /// The same with its source.
    pub fn source(mut self, source: impl Into<String>) -> Finding {
        self.source = source.into();
        self
    }

    /// The same with a doubt, if there is one; two doubts are joined.
    pub fn doubt(mut self, doubt: Option<&str>) -> Finding {
        if let Some(doubt) = doubt {
            self.doubt = Some(match self.doubt {
                Some(earlier) if !earlier.contains(doubt) => format!("{earlier}; {doubt}"),
                Some(earlier) => earlier,
                None => doubt.to_owned(),
            });
        }
        self
    }
}

/// How much of the bill was looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Rows of the bill.
    pub positions_total: usize,
    /// Rows that the checks went through.
    pub positions_checked: usize,
    /// Rows that each query's prompt holds.
    #[serde(default)]
    pub positions_sent: BTreeMap<String, usize>,
}

/// The ruleset that was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RulesetName {
    /// What it is called.
    pub name: String,
    /// Which edition its values are of.
    pub edition: String,
    /// Where they were read.
    pub source: String,
    /// Why they may be wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsure: Option<String>,
}

/// Everything the checks say, as `checks_completed` carries it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checks {
    /// What they found, in the order of the document.
    pub findings: Vec<Finding>,
    /// How much they saw.
    pub coverage: Coverage,
    /// By which table.
    pub ruleset: RulesetName,
}

/// A number as people write it: up to two decimals, no trailing zeros.
pub fn readable(value: f64) -> String {
    if value.abs() >= 1e12 {
        return format!("{value:e}");
    }
    let decimals = if value.abs() >= 0.095 || value == 0.0 { 2 } else { 4 };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A number for JSON without the noise of binary fractions.
pub fn rounded(value: f64) -> Value {
    let rounded = (value * 1e4).round() / 1e4;
    if rounded.fract() == 0.0 && rounded.abs() < 1e15 {
        Value::from(rounded as i64)
    } else {
        Value::from(rounded)
    }
}

/// A share as a signed percentage with one decimal, "+4.2 %".
pub fn percent(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (value, text) in [
            (108.0, "108"),
            (54.96, "54.96"),
            (22.5, "22.5"),
            (-0.001, "-0.001"),
            (0.0, "0"),
            (0.1, "0.1"),
            (1e6, "1000000"),
            (1e300, "1e300"),
        ] {
            assert_eq!(readable(value), text);
        }
        assert_eq!(percent(22.5 / 21.6 - 1.0), "+4.2 %");
        assert_eq!(rounded(45.0 * 0.8 * 0.6), serde_json::json!(21.6));
    }

    #[test]
    fn absent_fields_are_missing() {
        let json = serde_json::to_value(Finding::new("DUP", Severity::High, "Twice.")).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 5);
        assert_eq!(serde_json::from_value::<Finding>(json).unwrap().severity, Severity::High);
    }
}
