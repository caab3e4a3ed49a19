//! What a run would send, use and cost, told before anything is asked.
//!
//! Prompts are written as a run writes them and counted as its meter counts.
//! Only what must be sent is certain: of an answer only the longest is known,
//! and a query that is asked again costs more.

use std::sync::Arc;

use serde_json::Value;

use super::job::Job;
use super::job::Planned;
use super::meter::tokens;
use super::parts;
use super::prompt;
use super::prompt::Material;
use crate::audit::Checked;
use crate::audit::Coverage;
use crate::id::QueryName;
use crate::id::RunId;
use crate::money::Amount;
use crate::money::Currency;
use crate::money::Rate;
use crate::panel::Checks;
use crate::panel::template::Reply;

/// What a run would use and cost.
pub struct Estimate {
    /// By query, in the order of the job's.
    pub queries: Vec<OfQuery>,
    /// Of all queries; nothing where no price is known.
    pub cost: Option<Costs>,
    /// What the checks would read, and how much of it the models would get.
    pub coverage: Option<Coverage>,
    /// The currency of all prices.
    pub currency: Currency,
}

/// What one query would use and cost.
pub struct OfQuery {
    /// Bytes of its prompt.
    pub bytes: usize,
    /// Tokens of its prompt, without the answers that it waits for; nothing where it cannot be written yet.
    pub input: Option<u64>,
    /// The same with the longest of those answers, where they have a limit.
    pub longest_input: Option<u64>,
    /// Most tokens of its answer.
    pub longest_output: Option<u64>,
    /// Of its first target.
    pub cost: Option<Costs>,
}

/// Between which amounts a cost is, if nothing is asked twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// The prompt alone.
    pub at_least: Amount,
    /// With the longest answer, if it has a limit.
    pub at_most: Option<Amount>,
    /// Whether the price of every call is known.
    pub complete: bool,
}

impl Estimate {
    /// Of this job. Reads and checks the whole input: to be called where a thread may be kept busy.
    pub fn of(job: &Job) -> Estimate {
        let checked = job
            .panel
            .checks
            .map(|Checks::Construction| Checked::of(&job.ask.question, &job.ask.language, &job.ask.input));
        let queries: Vec<OfQuery> =
            job.queries.iter().map(|planned| of_query(job, planned, checked.as_ref())).collect();
        let coverage = checked.map(|checked| {
            let positions_sent = parts::positions_sent(job, &checked);
            Coverage { positions_sent, ..checked.checks.coverage }
        });
        Estimate { cost: sum(&queries), queries, coverage, currency: job.budget.currency }
    }
}

fn of_query(job: &Job, planned: &Planned, checked: Option<&Checked>) -> OfQuery {
    let needs = &planned.query.needs;
    // Neither they nor passages are there yet; what surrounds them is.
    let empty = || Reply::Answer(Arc::new(Value::String(String::new())));
    let answers = needs.iter().map(|name| (name.clone(), empty())).collect();
    let fence = prompt::fence();
    let passages = Arc::default();
    let labels = prompt::labels(&RunId::generate(), &job.panel);
    let material = Material { ask: &job.ask, checked, answers, passages, fence: &fence, labels: &labels };
    let messages = material.messages(&planned.query).ok();
    let texts = || messages.iter().flatten().map(|message| message.content.as_str());
    let points: usize = texts().map(|text| text.chars().count()).sum();
    let input = messages.as_ref().map(|_| tokens(points as u64));
    let longest_input =
        input.and_then(|input| needs.iter().try_fold(input, |sum, name| Some(sum + longest(job, name)?)));
    let longest_output = planned.query.max_tokens.map(u64::from);
    let rate = planned.targets[0].0.rate();
    OfQuery {
        bytes: texts().map(str::len).sum(),
        input,
        longest_input,
        longest_output,
        cost: costs(rate, input, longest_input.zip(longest_output)),
    }
}

/// The longest answer of a query, in tokens.
fn longest(job: &Job, name: &QueryName) -> Option<u64> {
    job.panel.queries.iter().find(|query| query.name == *name)?.max_tokens.map(u64::from)
}

fn costs(rate: Rate, input: Option<u64>, longest: Option<(u64, u64)>) -> Option<Costs> {
    match rate {
        Rate::Unknown => None,
        Rate::Free => Some(Costs { at_least: Amount::ZERO, at_most: Some(Amount::ZERO), complete: true }),
        Rate::Known(price) => Some(Costs {
            at_least: price.of(input?, 0),
            at_most: longest.map(|(input, output)| price.of(input, output)),
            complete: true,
        }),
    }
}

/// Of all queries together; one whose price is unknown makes the sum incomplete.
fn sum(queries: &[OfQuery]) -> Option<Costs> {
    let known = queries.iter().filter_map(|query| query.cost);
    let complete = queries.iter().all(|query| query.cost.is_some());
    let sum = known.reduce(|a, b| Costs {
        at_least: a.at_least.plus(b.at_least),
        at_most: a.at_most.zip(b.at_most).map(|(a, b)| a.plus(b)),
        complete: true,
    })?;
    Some(Costs { complete, ..sum })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Price;

    fn query(cost: Option<Costs>) -> OfQuery {
        OfQuery { bytes: 0, input: Some(0), longest_input: Some(0), longest_output: None, cost }
    }

    #[test]
    fn a_cost_is_between_the_prompt_and_the_longest_answer() {
        let price = Price::per(1, ["2".parse().unwrap(), "10".parse().unwrap()], Currency::USD).unwrap();
        let known = costs(Rate::Known(price), Some(3), Some((4, 5))).unwrap();
        assert_eq!((known.at_least, known.at_most), ("6".parse().unwrap(), Some("58".parse().unwrap())));
        assert_eq!(costs(Rate::Known(price), Some(3), None).unwrap().at_most, None);
        assert_eq!(costs(Rate::Known(price), None, None), None);
        assert_eq!(costs(Rate::Unknown, Some(3), Some((4, 5))), None);
        let free = costs(Rate::Free, Some(3), None).unwrap();
        assert_eq!((free.at_least, free.at_most), (Amount::ZERO, Some(Amount::ZERO)));
        assert!(sum(&[query(Some(known)), query(Some(free))]).unwrap().complete);
        let partly = sum(&[query(Some(known)), query(None)]).unwrap();
        assert_eq!((partly.at_least, partly.complete), (known.at_least, false));
        assert_eq!(sum(&[query(None)]), None);
    }
}
