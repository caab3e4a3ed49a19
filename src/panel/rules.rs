//! What a panel says about merging one field of its answers.

use serde_json::Value;

use crate::id::QueryName;

/// How one top-level field of the answers becomes one of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldRule {
    /// The field.
    pub field: String,
    /// What is made of its claims.
    pub rule: Rule,
    /// The queries whose claims count, if not all do.
    pub from: Option<Vec<QueryName>>,
    /// What stands there when nobody claims anything.
    pub default: Option<Value>,
}

/// What is made of the claims of several answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// The first one, in the panel's order.
    First,
    /// All of them in one list, in the panel's order; the items of lists stand for themselves.
    Concat,
    /// The same without repetitions; with a key, objects that share its value are one.
    Union {
        /// The member that tells objects apart.
        key: Option<String>,
    },
    /// The one that stands last in this order, from best to worst.
    Worst {
        /// All values that there are.
        order: Vec<Value>,
    },
    /// The one that most claim; of equals the first in the panel's order.
    Majority,
    /// The texts, each once, a line each.
    Lines,
    /// The sum of the numbers.
    Sum,
    /// The mean of the numbers.
    Mean,
    /// The least, the greatest and the mean of the numbers.
    Spread,
}

impl Rule {
    /// Its name in a panel file.
    pub fn name(&self) -> &'static str {
        match self {
            Rule::First => "first",
            Rule::Concat => "concat",
            Rule::Union { .. } => "union",
            Rule::Worst { .. } => "worst",
            Rule::Majority => "majority",
            Rule::Lines => "lines",
            Rule::Sum => "sum",
            Rule::Mean => "mean",
            Rule::Spread => "spread",
        }
    }
}

impl Rule {
    /// Whether claims that differ are what the rule is there for.
    pub fn decides(&self) -> bool {
        !matches!(self, Rule::First | Rule::Majority)
    }
}

impl FieldRule {
    /// Keys of a merged result that are no field.
    pub const RESERVED: [&str; 3] = ["conflicts", "provenance", "rest"];
}
