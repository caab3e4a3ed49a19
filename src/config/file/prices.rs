//! What a configuration file says of money: the price of each model, and the cap of a run.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::File;
use crate::fault::Faults;
use crate::fault::reader::Reader;
use crate::money::Amount;
use crate::money::Currency;
use crate::money::Price;
use crate::money::Prices;

/// The prices of one provider, and where each says its currency.
#[derive(Default)]
pub struct Written {
    pub prices: Prices,
    pub currencies: Vec<Spanned<Currency>>,
}

/// Takes `price."MODEL"` and `prices_as_of` of a provider.
pub fn take(provider: &mut Reader<'_>) -> Written {
    let as_of = provider.take_parsed("prices_as_of").map(Spanned::into_inner);
    let (mut models, mut currencies) = (BTreeMap::new(), Vec::new());
    let Some(mut table) = provider.take_table("price") else {
        return Written { prices: Prices { models, as_of }, currencies };
    };
    for model in table.keys() {
        let Some(price) = table.take_table(model.get_ref()) else { continue };
        if let Some((price, currency)) = read_price(price) {
            models.insert(model.into_inner(), price);
            currencies.push(currency);
        }
    }
    table.finish();
    Written { prices: Prices { models, as_of }, currencies }
}

fn read_price(mut table: Reader<'_>) -> Option<(Price, Spanned<Currency>)> {
    table.require(&["in", "out", "per", "currency"]);
    let input = take_amount(&mut table, "in");
    let output = take_amount(&mut table, "out");
    let per = table.take_word("per", &[("1M tokens", 1_000_000), ("1K tokens", 1_000)]);
    let currency: Option<Spanned<Currency>> = table.take_parsed("currency");
    let span = table.span();
    let ((input, output), (per, currency)) = (input.zip(output)?, per.zip(currency)?);
    let price = Price::per(per.into_inner(), [input, output], *currency.get_ref());
    let price = price.map_err(|why| table.fault(span, why.to_string())).ok();
    table.finish();
    Some((price?, currency))
}

/// A number exactly as it is written.
fn take_amount(table: &mut Reader<'_>, key: &str) -> Option<Amount> {
    let value = table.take(key)?;
    let written = match value.get_ref() {
        DeValue::Float(number) => Some(number.as_str()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
        _ => None,
    };
    let amount = written.and_then(|written| written.parse().ok());
    if amount.is_none() {
        table.expected(&value, "a price such as 0.25");
    }
    amount
}

/// Holds the whole file to one currency, and a cap to prices.
pub fn check(file: &File, faults: &Faults) {
    let written = file.providers.iter().flat_map(|provider| &provider.money.currencies);
    let mut written: Vec<&Spanned<Currency>> = written.collect();
    written.sort_by_key(|currency| currency.span().start);
    let one = written.first().map(|currency| *currency.get_ref());
    if let Some(one) = one
        && let Some(other) = written.iter().find(|currency| *currency.get_ref() != one)
    {
        let message = format!("prices are in {one} and in {}: they cannot be added up", other.get_ref());
        faults.add(file.source.fault(other.span(), message).help(format!("write all prices in {one}")));
    }
    let Some(cap) = &file.max_cost else { return };
    match one {
        None => {
            let message = "no model has a price, so nothing could hold a run to its cap";
            let help = "add price.\"MODEL\" = { in = 0.25, out = 2.00, per = \"1M tokens\", \
                        currency = \"USD\" } to a provider";
            faults.add(file.source.fault(cap.span(), message).help(help));
        }
        Some(one) if one != cap.get_ref().currency => {
            let message = format!("the cap is in {}, the prices are in {one}", cap.get_ref().currency);
            faults.add(file.source.fault(cap.span(), message).help(format!("write the cap in {one}")));
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;

    const PROVIDER: &str = "[providers.lab]\nkind = \"openai\"\nbase_url = \"https://llm.example/v1\"\n";

    fn read(more: &str) -> (Vec<(String, usize)>, File) {
        let (faults, file) = File::read("config.toml", more);
        (faults.iter().map(|fault| (fault.to_string(), fault.line())).collect(), file)
    }

    #[test]
    fn prices_and_the_cap_are_read() {
        let (faults, file) = read(&format!(
            "[limits]\nmax_cost_per_run = \"0.50 USD\"\n{PROVIDER}prices_as_of = \"2026-11-01\"\n\
             price.\"a\" = {{ in = 0.25, out = 2, per = \"1M tokens\", currency = \"USD\" }}\n\
             price.\"b/c\" = {{ in = 0.00025, out = 0.002, per = \"1K tokens\", currency = \"USD\" }}\n"
        ));
        assert_eq!(faults, []);
        let Prices { models, as_of } = &file.providers[0].money.prices;
        assert_eq!((models.len(), models["a"]), (2, models["b/c"]));
        assert_eq!(models["a"].of(1_000_000, 1_000_000), "2.25".parse().unwrap());
        assert_eq!(as_of.unwrap().to_string(), "2026-11-01");
        let cap: Money = "0.50 USD".parse().unwrap();
        assert_eq!(file.runs.clocks.max_cost, Some(cap));
    }

    #[test]
    fn what_is_wrong_with_money_is_told_with_its_place_and_its_remedy() {
        let price = |rest: &str| format!("{PROVIDER}price.\"a\" = {{ {rest} }}\n");
        let good = "in = 1, out = 1, per = \"1M tokens\", currency = \"USD\"";
        let other = "price.\"b\" = { in = 1, out = 1, per = \"1M tokens\", currency = \"EUR\" }";
        let rows = [
            (price("in = 1, per = \"1M tokens\", currency = \"USD\""), 4, "missing key \"out\""),
            (price(&good.replace("in = 1", "in = -1")), 4, "expected a price such as 0.25, found -1"),
            (price(&good.replace("in = 1", "in = \"1\"")), 4, "expected a price such as 0.25"),
            (price(&good.replace("in = 1", "in = 1e-3")), 4, "expected a price such as 0.25"),
            (price(&good.replace("in = 1", "in = 0.0000001")), 4, "at most 6 digits"),
            (price(&good.replace("1M tokens", "token")), 4, "\"1K tokens\""),
            (price(&good.replace("USD", "usd")), 4, "three capital letters"),
            (price(&format!("{good}, cached = 1")), 4, "unknown key \"cached\""),
            (format!("{}{other}\n", price(good)), 5, "write all prices in USD"),
            (format!("[limits]\nmax_cost_per_run = \"1 USD\"\n{PROVIDER}"), 2, "add price."),
            (format!("[limits]\nmax_cost_per_run = \"1 EUR\"\n{}", price(good)), 2, "write the cap in USD"),
            (format!("[limits]\nmax_cost_per_run = \"much\"\n{}", price(good)), 2, "\"0.50 USD\""),
            (format!("[limits]\nmax_cost_per_run = 1\n{}", price(good)), 2, "expected a text"),
            (format!("{PROVIDER}prices_as_of = \"2026-13-01\"\n"), 4, ""),
        ];
        for (text, line, told) in rows {
            let (faults, _) = read(&text);
            let [(fault, at)] = faults.as_slice() else { panic!("{text}: {faults:?}") };
            assert!(fault.contains(told) && *at == line && fault.contains('^'), "{text}: {fault}");
        }
    }
}
