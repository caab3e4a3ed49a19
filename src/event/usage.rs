//! What calls used and what that cost, as events tell it.

use serde::Deserialize;
use serde::Serialize;

use crate::money::Amount;
use crate::money::Currency;

/// Tokens of one or more calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Their sum.
    pub total_tokens: u64,
    /// Whether we estimated them because the provider did not say.
    pub estimated: bool,
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Usage) -> Usage {
        Usage {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            total_tokens: self.total_tokens.saturating_add(other.total_tokens),
            estimated: self.estimated || other.estimated,
        }
    }
}

/// What one or more calls cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// As far as prices are known.
    pub amount: Amount,
    /// The currency of the configuration's prices.
    pub currency: Currency,
    /// Whether the price of every call is known.
    pub complete: bool,
    /// Whether tokens that have a price were estimated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl Cost {
    /// What calls cost together, from what each used and cost; nothing where no price is known. Who used
    /// something and has no cost has an unknown one; who used nothing was not billed.
    pub fn sum(calls: impl Iterator<Item = (Option<Usage>, Option<Cost>)>) -> Option<Cost> {
        let (mut sum, mut complete) = (None::<Cost>, true);
        for (usage, cost) in calls {
            let Some(cost) = cost else {
                complete &= usage.is_none();
                continue;
            };
            let before = sum.unwrap_or(Cost { amount: Amount::ZERO, estimated: false, ..cost });
            complete &= cost.complete;
            sum = Some(Cost {
                amount: before.amount.plus(cost.amount),
                estimated: before.estimated || cost.estimated,
                ..before
            });
        }
        sum.map(|sum| Cost { complete, ..sum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_complete_when_every_bill_is_known() {
        let used = Some(Usage::default());
        let cost = |amount: &str, complete| {
            let amount = amount.parse().unwrap();
            Some(Cost { amount, currency: Currency::USD, complete, estimated: false })
        };
        let rows = [
            (vec![], None),
            (vec![(None, None)], None),
            (vec![(used, None)], None),
            (vec![(used, cost("0.1", true)), (used, cost("0.2", true))], cost("0.3", true)),
            (vec![(used, cost("0.1", true)), (None, None)], cost("0.1", true)),
            (vec![(used, None), (used, cost("0.1", true))], cost("0.1", false)),
            (vec![(used, cost("0.1", false)), (used, cost("0", true))], cost("0.1", false)),
        ];
        for (calls, sum) in rows {
            assert_eq!(Cost::sum(calls.clone().into_iter()), sum, "{calls:?}");
        }
    }
}
