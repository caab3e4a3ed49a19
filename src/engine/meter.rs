//! What a query's calls use and cost: pure, from what its task says of them.
//!
//! A call that is under way counts with what it has used so far. One that
//! ends without an answer counts unless it was surely not billed, by the
//! provider's own figures where it told them and by our estimate otherwise.

use crate::event::Cost;
use crate::event::Usage;
use crate::failure::Code;
use crate::money::Amount;
use crate::money::Currency;
use crate::money::Rate;

/// Code points of a token, where the provider does not count.
const POINTS: u64 = 4;

/// A call that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calling {
    /// What a token costs.
    pub rate: Rate,
    /// Code points of the prompt.
    pub prompt: u64,
    /// Most tokens of the answer, if it has a limit.
    pub most: Option<u32>,
}

impl Calling {
    /// What it may cost at most, as far as that can be told before.
    pub fn most(&self) -> Amount {
        self.rate.of(tokens(self.prompt), self.most.map_or(0, u64::from)).unwrap_or_default()
    }

    /// Whether it may be made when this much of a cap is spent or promised: nothing that has a price may
    /// exceed it, and nothing whose price is unknown begins when all of it is gone.
    pub fn fits(&self, committed: Amount, cap: Amount) -> bool {
        match self.rate {
            Rate::Free => true,
            Rate::Known(_) => committed.plus(self.most()) <= cap,
            Rate::Unknown => committed < cap,
        }
    }
}

/// Tokens of so many code points.
pub fn tokens(points: u64) -> u64 {
    points.div_ceil(POINTS)
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a whole answer, good or not.
    Whole,
    /// The provider or a clock of the call failed it.
    Failed(Code),
    /// Somebody took it away.
    Dropped,
}

/// What calls used and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// Nothing when nothing was billed.
    pub usage: Option<Usage>,
    /// Nothing when no price is known.
    pub cost: Option<Cost>,
}

impl Bill {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Bill) -> Bill {
        let both = [self, other];
        Bill {
            usage: both.iter().filter_map(|bill| bill.usage).reduce(Usage::plus),
            cost: Cost::sum(both.iter().map(|bill| (bill.usage, bill.cost))),
        }
    }

    fn amount(&self) -> Amount {
        self.cost.map(|cost| cost.amount).unwrap_or_default()
    }
}

/// Counts the calls of one query.
#[derive(Clone, Debug)]
pub struct Meter {
    currency: Currency,
    /// Of all calls that are over.
    total: Bill,
    /// Of the one that was over last.
    last: Bill,
    open: Option<Open>,
    /// What a call may cost that was let in and has not begun.
    promised: Amount,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    call: Calling,
    sent: bool,
    content: bool,
    points: u64,
    told: Option<Usage>,
}

impl Meter {
    /// Nothing was used yet.
    pub fn new(currency: Currency) -> Meter {
        let none = Bill::default();
        Meter { currency, total: none, last: none, open: None, promised: Amount::ZERO }
    }

    /// An earlier process has used this.
    pub fn before(currency: Currency, bill: Bill) -> Meter {
        Meter { total: bill, ..Meter::new(currency) }
    }

    /// A call was let in; it begins soon.
    pub fn promise(&mut self, call: &Calling) {
        self.promised = call.most();
    }

    /// What was let in will not be made, or is asked for anew.
    pub fn forget_promise(&mut self) {
        self.promised = Amount::ZERO;
    }

    /// A call begins.
    pub fn begin(&mut self, call: Calling) {
        self.promised = Amount::ZERO;
        self.open = Some(Open { call, sent: false, content: false, points: 0, told: None });
    }

    /// Its request is on its way.
    pub fn sent(&mut self) {
        self.change(|open| open.sent = true);
    }

    /// Its answer has begun.
    pub fn content(&mut self) {
        self.change(|open| open.content = true);
    }

    /// So many code points of its answer came.
    pub fn text(&mut self, points: u64) {
        self.change(|open| {
            open.content |= points > 0;
            open.points += points;
        });
    }

    /// The provider counted.
    pub fn told(&mut self, usage: Usage) {
        self.change(|open| open.told = Some(usage));
    }

    fn change(&mut self, change: impl FnOnce(&mut Open)) {
        if let Some(open) = &mut self.open {
            change(open);
        }
    }

    /// The call is over, if there is one.
    pub fn end(&mut self, ending: Ending) {
        self.promised = Amount::ZERO;
        let Some(open) = self.open.take() else { return };
        self.last = match open.is_billed(ending) {
            true => open.bill(ending, self.currency),
            false => Bill::default(),
        };
        self.total = self.total.plus(self.last);
    }

    /// What the call that was over last has used; told once.
    pub fn take_last(&mut self) -> Bill {
        std::mem::take(&mut self.last)
    }

    /// What all calls that are over have used.
    pub fn total(&self) -> Bill {
        self.total
    }

    /// Whether a call is under way.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a call is under way that costs something, or may.
    pub fn is_spending(&self) -> bool {
        self.open.is_some_and(|open| open.call.rate != Rate::Free)
    }

    /// What was spent up to now, as far as that is known.
    pub fn spent(&self) -> Amount {
        let so_far = |open: &Open| open.bill(Ending::Dropped, self.currency).amount();
        self.total.amount().plus(self.open.as_ref().map(so_far).unwrap_or_default())
    }

    /// The same with what has been let in.
    pub fn committed(&self) -> Amount {
        let most = self.open.map(|open| open.call.most()).unwrap_or_default();
        self.spent().max(self.total.amount().plus(most)).plus(self.promised)
    }
}

impl Open {
    /// Unless a provider refuses a request before it answers, it is paid for.
    fn is_billed(&self, ending: Ending) -> bool {
        let answers = self.content || self.told.is_some();
        match ending {
            Ending::Whole => true,
            Ending::Dropped => answers || self.sent,
            Ending::Failed(code) => answers || (self.sent && is_of_an_answer(code)),
        }
    }

    fn bill(&self, ending: Ending, currency: Currency) -> Bill {
        let usage = self.usage(ending);
        let amount = self.call.rate.of(usage.input_tokens, usage.output_tokens);
        let estimated = usage.estimated && matches!(self.call.rate, Rate::Known(_));
        let cost = amount.map(|amount| Cost { amount, currency, complete: true, estimated });
        Bill { usage: Some(usage), cost }
    }

    /// What a provider tells is the truth when the answer is whole. Before that it may have counted the
    /// prompt alone.
    fn usage(&self, ending: Ending) -> Usage {
        let seen = tokens(self.points);
        match self.told {
            Some(told) if ending == Ending::Whole || told.output_tokens >= seen => told,
            Some(told) => estimate(told.input_tokens, seen),
            None => estimate(tokens(self.call.prompt), seen),
        }
    }
}

fn estimate(input_tokens: u64, output_tokens: u64) -> Usage {
    let total_tokens = input_tokens.saturating_add(output_tokens);
    Usage { input_tokens, output_tokens, total_tokens, estimated: true }
}

/// Whether the model was at work when it came to this.
fn is_of_an_answer(code: Code) -> bool {
    matches!(
        code,
        Code::Timeout
            | Code::CutMidAnswer
            | Code::EmptyAnswer
            | Code::UnreadableAnswer
            | Code::InvalidOutput
            | Code::AnswerTooLarge
            | Code::ContentRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Price;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    /// A dollar a token read, two a token written.
    fn call(rate: Rate) -> Calling {
        Calling { rate, prompt: 40, most: Some(10) }
    }

    fn known() -> Rate {
        Rate::Known(Price::per(1, [amount("1"), amount("2")], Currency::USD).unwrap())
    }

    fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { estimated: false, ..estimate(input_tokens, output_tokens) }
    }

    /// What one call comes to: input, output, estimated, amount.
    fn bill(steps: impl FnOnce(&mut Meter), ending: Ending) -> Option<(u64, u64, bool, String)> {
        let mut meter = Meter::new(Currency::USD);
        meter.begin(call(known()));
        steps(&mut meter);
        meter.end(ending);
        assert_eq!(meter.spent(), meter.total().amount());
        let Bill { usage, cost } = meter.total();
        let (usage, cost) = (usage?, cost.unwrap());
        assert_eq!((cost.estimated, cost.complete), (usage.estimated, true));
        Some((usage.input_tokens, usage.output_tokens, usage.estimated, cost.amount.to_string()))
    }

    #[test]
    fn what_was_not_billed_counts_nothing() {
        for code in [Code::ConnectFailed, Code::RateLimited, Code::CredentialsRefused, Code::ProviderError] {
            assert_eq!(bill(Meter::sent, Ending::Failed(code)), None, "{code:?}");
        }
        assert_eq!(bill(|_| {}, Ending::Failed(Code::Timeout)), None, "nothing was sent");
        assert_eq!(bill(|_| {}, Ending::Dropped), None);
    }

    #[test]
    fn what_was_billed_counts_as_told_or_estimated() {
        let told = |input, output| move |meter: &mut Meter| meter.told(usage(input, output));
        let cut = Ending::Failed(Code::CutMidAnswer);
        let row = |input, output, estimated, cost: &str| Some((input, output, estimated, cost.to_owned()));
        assert_eq!(bill(told(7, 3), Ending::Whole), row(7, 3, false, "13.00"));
        assert_eq!(bill(|meter| meter.text(9), Ending::Whole), row(10, 3, true, "16.00"));
        assert_eq!(bill(Meter::sent, Ending::Dropped), row(10, 0, true, "10.00"));
        assert_eq!(bill(Meter::sent, Ending::Failed(Code::Timeout)), row(10, 0, true, "10.00"));
        assert_eq!(bill(|meter| meter.text(8), cut), row(10, 2, true, "14.00"));
        let begun = |meter: &mut Meter| {
            meter.told(usage(7, 1));
            meter.text(8);
        };
        assert_eq!(bill(begun, cut), row(7, 2, true, "11.00"), "the prompt as told, the answer as seen");
        assert_eq!(bill(begun, Ending::Whole), row(7, 1, false, "9.00"));
        let after_content = Ending::Failed(Code::ProviderError);
        assert_eq!(bill(|meter| meter.text(4), after_content), row(10, 1, true, "12.00"));
    }

    #[test]
    fn attempts_are_summed_and_an_unknown_price_shows() {
        let mut meter = Meter::new(Currency::USD);
        for (rate, cost) in [
            (Rate::Unknown, None),
            (known(), Some((amount("30"), false))),
            (Rate::Free, Some((amount("30"), false))),
        ] {
            meter.begin(call(rate));
            meter.told(usage(10, 10));
            meter.end(Ending::Whole);
            assert_eq!(meter.total().cost.map(|cost| (cost.amount, cost.complete)), cost, "{rate:?}");
        }
        assert_eq!(meter.total().usage, Some(usage(30, 30)));
        assert_eq!(meter.take_last().amount(), Amount::ZERO, "the last one was free");
        assert_eq!(meter.take_last(), Bill::default());
    }

    #[test]
    fn what_is_let_in_is_promised() {
        let mut meter = Meter::new(Currency::USD);
        meter.promise(&call(known()));
        assert_eq!((meter.spent(), meter.committed()), (Amount::ZERO, amount("30")));
        meter.begin(call(known()));
        assert_eq!((meter.spent(), meter.committed()), (amount("10"), amount("30")));
        meter.text(400);
        assert_eq!((meter.spent(), meter.committed()), (amount("210"), amount("210")));
        meter.end(Ending::Dropped);
        assert_eq!((meter.spent(), meter.committed()), (amount("210"), amount("210")));
    }

    #[test]
    fn a_call_begins_when_it_cannot_exceed_the_cap() {
        let rows = [
            (known(), "0", "30", true),
            (known(), "0", "29.99", false),
            (known(), "70", "100", true),
            (Rate::Free, "100", "100", true),
            (Rate::Unknown, "99", "100", true),
            (Rate::Unknown, "100", "100", false),
        ];
        for (rate, committed, cap, fits) in rows {
            assert_eq!(call(rate).fits(amount(committed), amount(cap)), fits, "{rate:?} {committed} {cap}");
        }
        let endless = Calling { most: None, ..call(known()) };
        assert!(endless.fits(Amount::ZERO, amount("10")) && !endless.fits(Amount::ZERO, amount("9")));
    }
}
