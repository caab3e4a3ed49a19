//! Amounts of money, exactly: prices of models, and what tokens cost.
//!
//! An amount is a whole number of millionths of a millionth, so a price a
//! million tokens with six decimals is exact for a single token and sums do
//! not drift. Nothing is converted: one currency holds throughout.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error as _;

/// Digits after the point.
const DIGITS: usize = 12;
/// Parts of one unit of a currency.
const UNIT: u128 = 1_000_000_000_000;

/// An amount in one currency, never negative; sums end at the largest one instead of overflowing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(u128);

/// Why a text or a number is not money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMoney {
    /// Not a plain decimal number.
    #[error("expected a number such as 0.50, not negative and without exponent")]
    Number,
    /// More digits than are counted.
    #[error("at most 12 digits may stand after the point, and 12 before it")]
    Digits,
    /// Not a currency's code.
    #[error("expected the three capital letters of a currency such as USD")]
    Currency,
    /// Not an amount with a currency.
    #[error("expected an amount and its currency such as \"0.50 USD\"")]
    Money,
    /// A price that is not exact for one token.
    #[error("a price for 1M tokens has at most 6 digits after the point, one for 1K tokens at most 9")]
    Price,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Amount) -> Amount {
        Amount(self.0.saturating_add(other.0))
    }

    /// So many times as much.
    #[must_use]
    pub fn times(self, count: u64) -> Amount {
        Amount(self.0.saturating_mul(u128::from(count)))
    }

    /// A part of it, if that is exact.
    fn over(self, count: u64) -> Option<Amount> {
        let count = u128::from(count);
        self.0.is_multiple_of(count).then(|| Amount(self.0 / count))
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Amount>>(amounts: I) -> Amount {
        amounts.fold(Amount::ZERO, Amount::plus)
    }
}

/// `0.50`, `12`: digits and at most one point.
impl FromStr for Amount {
    type Err = BadMoney;

    fn from_str(text: &str) -> Result<Amount, BadMoney> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || !plain(part) {
            return Err(BadMoney::Number);
        }
        let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
        if whole.len() > DIGITS || part.len() > DIGITS {
            return Err(BadMoney::Digits);
        }
        let number = |digits: &str| digits.bytes().fold(0, |sum, byte| sum * 10 + u128::from(byte - b'0'));
        let scale = 10_u128.pow((DIGITS - part.len()) as u32);
        Ok(Amount(number(whole) * UNIT + number(part) * scale))
    }
}

/// At least two digits after the point, and as many as it takes.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:012}", self.0 % UNIT);
        let shown = part.trim_end_matches('0').len().max(2);
        write!(f, "{}.{}", self.0 / UNIT, &part[..shown])
    }
}

/// A JSON number, as short as it can be written.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(self.0 / UNIT) {
            Ok(whole) if self.0.is_multiple_of(UNIT) => serializer.serialize_u64(whole),
            // The nearest double prints as the digits it was read from, up to fifteen of them.
            _ => serializer.serialize_f64(self.to_string().parse().unwrap_or(f64::MAX)),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        let number = f64::deserialize(deserializer)?;
        format!("{number:.DIGITS$}").parse().map_err(D::Error::custom)
    }
}

/// A currency by its three letters (ISO 4217).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// What free answers are counted in where no price names another.
    pub const USD: Currency = Currency(*b"USD");

    /// Its letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = BadMoney;

    fn from_str(text: &str) -> Result<Currency, BadMoney> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| BadMoney::Currency)?;
        match letters.iter().all(u8::is_ascii_uppercase) {
            true => Ok(Currency(letters)),
            false => Err(BadMoney::Currency),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Currency, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An amount and its currency, written `0.50 USD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

impl FromStr for Money {
    type Err = BadMoney;

    fn from_str(text: &str) -> Result<Money, BadMoney> {
        let (amount, currency) = text.split_once(' ').ok_or(BadMoney::Money)?;
        Ok(Money { amount: amount.parse()?, currency: currency.parse()? })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What one token costs, read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    input: Amount,
    output: Amount,
    /// In which currency.
    pub currency: Currency,
}

impl Price {
    /// The price of so many tokens, read and written.
    ///
    /// # Errors
    /// [`BadMoney::Price`] when it is not exact for one token.
    pub fn per(tokens: u64, [input, output]: [Amount; 2], currency: Currency) -> Result<Price, BadMoney> {
        let one = |amount: Amount| amount.over(tokens).ok_or(BadMoney::Price);
        Ok(Price { input: one(input)?, output: one(output)?, currency })
    }

    /// What so many tokens cost, read and written.
    pub fn of(&self, input: u64, output: u64) -> Amount {
        self.input.times(input).plus(self.output.times(output))
    }
}

/// The prices of one provider's models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// By the model's name.
    pub models: BTreeMap<String, Price>,
    /// Of which day they are.
    pub as_of: Option<jiff::civil::Date>,
}

/// What is known of a model's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// It costs nothing: no model, or one on this computer.
    Free,
    /// The configuration says it.
    Known(Price),
    /// Nobody has said it.
    Unknown,
}

impl Rate {
    /// What so many tokens cost, read and written, if that is known.
    pub fn of(&self, input: u64, output: u64) -> Option<Amount> {
        match self {
            Rate::Free => Some(Amount::ZERO),
            Rate::Known(price) => Some(price.of(input, output)),
            Rate::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_are_read_and_shown_exactly() {
        let rows = [
            ("0", "0.00", "0"),
            ("0.5", "0.50", "0.5"),
            ("0.021", "0.021", "0.021"),
            ("12", "12.00", "12"),
            ("007.10", "7.10", "7.1"),
            ("0.000000000001", "0.000000000001", "1e-12"),
            ("999999999999", "999999999999.00", "999999999999"),
        ];
        for (text, shown, json) in rows {
            assert_eq!(amount(text).to_string(), shown);
            assert_eq!(serde_json::to_string(&amount(text)).unwrap(), json);
            assert_eq!(serde_json::from_str::<Amount>(json).unwrap(), amount(text), "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1_000", " 1", "0x1", "١", "NaN"] {
            assert_eq!(text.parse::<Amount>(), Err(BadMoney::Number), "{text}");
        }
        for text in ["0.0000000000001", "1000000000000"] {
            assert_eq!(text.parse::<Amount>(), Err(BadMoney::Digits), "{text}");
        }
    }

    #[test]
    fn money_is_an_amount_and_three_letters() {
        let money: Money = "0.50 USD".parse().unwrap();
        assert_eq!((money.amount, money.currency), (amount("0.5"), Currency::USD));
        assert_eq!(money.to_string(), "0.50 USD");
        let rows = [
            ("0.50", BadMoney::Money),
            ("USD 0.50", BadMoney::Number),
            ("0.50 usd", BadMoney::Currency),
            ("0.50 USDT", BadMoney::Currency),
            ("0.50  USD", BadMoney::Currency),
            ("-1 USD", BadMoney::Number),
        ];
        for (text, why) in rows {
            assert_eq!(text.parse::<Money>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_price_is_exact_for_one_token() {
        let price = |tokens, input: &str, output: &str| {
            Price::per(tokens, [amount(input), amount(output)], Currency::USD)
        };
        let mini = price(1_000_000, "0.25", "2.00").unwrap();
        assert_eq!(mini.of(1240, 763), amount("0.001836"));
        assert_eq!(mini.of(1, 0), amount("0.00000025"));
        assert_eq!(price(1_000, "0.00025", "0.002"), Ok(mini));
        assert_eq!(price(1_000_000, "0.000001", "0").unwrap().of(1, 5), amount("0.000000000001"));
        assert_eq!(price(1_000_000, "0.0000001", "1"), Err(BadMoney::Price));
        let most = mini.of(u64::MAX, u64::MAX);
        assert!(most.plus(most) >= most);
    }

    proptest! {
        #[test]
        fn the_order_of_a_sum_does_not_matter(tokens in prop::collection::vec((0_u64..1 << 40, 0_u64..1 << 40), 1..50)) {
            let price = Price::per(1_000_000, [amount("0.1"), amount("0.3")], Currency::USD).unwrap();
            let there: Amount = tokens.iter().map(|(input, output)| price.of(*input, *output)).sum();
            let back: Amount = tokens.iter().rev().map(|(input, output)| price.of(*input, *output)).sum();
            let (input, output) = tokens.iter().fold((0, 0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
            prop_assert_eq!((there, back), (price.of(input, output), price.of(input, output)));
        }

        #[test]
        fn what_is_written_reads_back(parts in 0_u64..1_000_000_000_000_000) {
            let amount = Amount(u128::from(parts));
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
        }
    }
}
