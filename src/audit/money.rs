//! Sums and tax: PRICE-SUM, COST-SUM, COST-VAT, COST-BREAK.

use crate::audit::Project;
use crate::audit::elements::fold;
use crate::audit::elements::mentions;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::row::RowKind;
use crate::audit::ruleset::shared;
use crate::audit::scan::Token;
use crate::audit::scan::scan;
use crate::audit::text::the_only;
use crate::sheet::number_of;
use crate::sheet::unit::Kind;

/// Checks the sums in the bill and the totals beside it.
pub fn check(project: &Project) -> Vec<Finding> {
    let mut findings = sums_in_bill(project);
    findings.extend(totals(project));
    findings.extend(breakdown(project));
    findings
}

/// The sum of all priced items and how many they are.
pub fn sum_of_items(project: &Project) -> Option<(f64, usize)> {
    let prices: Vec<f64> =
        project.items().filter_map(|(index, _)| project.positions[index].total_price.value()).collect();
    (!prices.is_empty()).then(|| (prices.iter().sum(), prices.len()))
}

/// The sum of the totals of these rows, when all of them have one.
pub fn sum_of(project: &Project, rows: &[usize]) -> Option<f64> {
    let totals: Option<Vec<f64>> =
        rows.iter().map(|index| project.positions[*index].total_price.value()).collect();
    totals.filter(|totals| !totals.is_empty()).map(|totals| totals.iter().sum())
}

fn agree(one: f64, other: f64, rows: usize) -> bool {
    (one - other).abs() <= (0.005 * rows as f64).max(1.0)
}

/// A total row must be the sum of what stands above it, of its part or of all; the tax that of its base.
fn sums_in_bill(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut sums = Sums::default();
    for (index, row) in project.rows.iter().enumerate() {
        let position = &project.positions[index];
        match (row.kind, position.total_price.value()) {
            (RowKind::Item, Some(price)) => {
                sums.part += price;
                sums.all += price;
                sums.rows += 1;
            }
            (RowKind::Heading, _) => sums.part = 0.0,
            (RowKind::Total, Some(tax)) if sums.rows > 0 && is_tax(&position.name, position.unit.kind) => {
                sums.taxes.push((index, tax));
            }
            (RowKind::Total, Some(total)) if sums.rows > 0 => {
                let finding = sums.against(project, &position.name, total);
                findings.extend(finding.map(|finding| finding.rows(project, &[index])));
                sums.part = 0.0;
                if sums.taxes.is_empty() {
                    sums.net = Some(total);
                }
            }
            _ => {}
        }
    }
    findings.extend(sums.tax(project));
    findings
}

/// What the rows up to some place add up to.
#[derive(Default)]
struct Sums {
    part: f64,
    all: f64,
    rows: usize,
    /// The last sum that was stated before any tax.
    net: Option<f64>,
    /// Rows of tax and how much it is.
    taxes: Vec<(usize, f64)>,
}

impl Sums {
    /// PRICE-SUM, and COST-SUM for a sum below the tax.
    fn against(&self, project: &Project, name: &str, total: f64) -> Option<Finding> {
        let (all, tax) = (self.all, self.taxes.iter().map(|(_, tax)| tax).sum::<f64>());
        let below_tax = !self.taxes.is_empty() && !is_net(name);
        let mut fitting = vec![self.part, all];
        if below_tax {
            fitting.extend([all + tax, self.net.unwrap_or(all) + tax]);
        }
        if !is_net(name) {
            fitting.push(all * (1.0 + project.rates().vat_percent / 100.0));
        }
        if fitting.into_iter().any(|sum| agree(sum, total, self.rows)) {
            return None;
        }
        let finding = if below_tax {
            let sum = readable(all + tax);
            let message = format!("The total {} with the tax is not {sum}.", readable(total));
            let finding = Finding::new("COST-SUM", Severity::High, message).expected(rounded(all + tax));
            finding.formula(format!("{} + {} = {sum}", readable(all), readable(tax)))
        } else {
            let message =
                format!("The total {} is not the sum {} of the rows above.", readable(total), readable(all));
            Finding::new("PRICE-SUM", Severity::High, message).expected(rounded(all))
        };
        Some(finding.found(rounded(total)))
    }

    /// COST-VAT: the tax of a row against the rate that the row names. Of several nobody says what each is taken of.
    fn tax(&self, project: &Project) -> Option<Finding> {
        let [(index, tax)] = self.taxes[..] else { return None };
        let position = &project.positions[index];
        let percent = match position.unit.kind {
            Some(Kind::Percent) => position.quantity.value()?,
            _ => percent_in(&position.name)?,
        };
        let of = |base: f64| base * percent / 100.0;
        if [self.all, self.net.unwrap_or(self.all)].into_iter().any(|base| agree(tax, of(base), 1)) {
            return None;
        }
        let [base, rate, expected] = [self.all, percent, of(self.all)].map(readable);
        let message = format!("The tax {} is not {rate} % of {base}.", readable(tax));
        let finding = Finding::new("COST-VAT", Severity::High, message).rows(project, &[index]);
        let finding = finding.found(rounded(tax)).expected(rounded(of(self.all)));
        Some(finding.formula(format!("{base} x {rate} % = {expected}")))
    }
}

/// The one rate that a name states: "DPH 21 %".
fn percent_in(name: &str) -> Option<f64> {
    let tokens = scan(name);
    let rates = tokens.windows(2).filter_map(|two| match two {
        [Token::Number(rate, _), Token::Sign('%')] => Some(*rate),
        _ => None,
    });
    the_only(rates)
}

/// Whether a total is the tax itself, not a sum with or without it.
fn is_tax(name: &str, unit: Option<Kind>) -> bool {
    let words = fold(name);
    let is_named = before_tax(&words).is_some() && !mentions(&words, "included") && !is_net(name);
    // "Základ DPH" is what the tax is taken of.
    let is_base = words.first().is_some_and(|word| word == "zaklad");
    unit == Some(Kind::Percent) || (is_named && !is_base)
}

/// Whether a total is said to be without the tax: "bez DPH", "excl. VAT", "netto".
fn is_net(name: &str) -> bool {
    let words = fold(name);
    mentions(&words, "net") || before_tax(&words).is_some_and(|before| mentions(before, "without"))
}

/// The words that stand before the tax, where it is named.
fn before_tax(words: &[String]) -> Option<&[String]> {
    let at = words.iter().position(|word| matches!(word.as_str(), "dph" | "vat" | "mwst"))?;
    Some(&words[..at])
}

fn totals(project: &Project) -> Vec<Finding> {
    let value = |key: &str| number_of(project.totals.get(key));
    let (sum, percent, vat, total) = (value("sum"), value("vat_percent"), value("vat"), value("total"));
    let mut findings = Vec::new();
    let mut compare = |rule: &str, what: &str, found: f64, expected: f64, formula: String, rows: usize| {
        if !agree(found, expected, rows) {
            let message = format!("{what} {} is not {}.", readable(found), readable(expected));
            let finding =
                Finding::new(rule, Severity::High, message).found(rounded(found)).expected(rounded(expected));
            findings.push(finding.formula(formula));
        }
    };
    if let (Some(sum), Some((items, rows))) = (sum, sum_of_items(project)) {
        compare("COST-SUM", "The sum", sum, items, format!("sum of {rows} rows = {}", readable(items)), rows);
    }
    if let (Some(sum), Some(vat), Some(percent)) = (sum, vat, percent) {
        let expected = sum * percent / 100.0;
        let formula = format!("{} x {} % = {}", readable(sum), readable(percent), readable(expected));
        compare("COST-VAT", "The tax", vat, expected, formula, 1);
    }
    let taxes = vat.or_else(|| Some(sum? * percent? / 100.0));
    if let (Some(sum), Some(vat), Some(total)) = (sum, taxes, total) {
        let formula = format!("{} + {} = {}", readable(sum), readable(vat), readable(sum + vat));
        compare("COST-SUM", "The total", total, sum + vat, formula, 1);
    }
    findings.extend(rate(project, percent));
    findings
}

/// Keys of totals that say what the direct costs are.
const DIRECT: [&str; 3] = ["direct", "direct_costs", "direct_costs_czk"];
/// Keys of totals that are no part of the direct costs.
const NO_PART: [&str; 8] =
    ["sum", "vat", "vat_percent", "total", "subtotal", "currency", "total_incl_vat", "sum_excl_vat"];

/// COST-BREAK: direct costs of more than the rows and the parts that are named.
fn breakdown(project: &Project) -> Option<Finding> {
    let direct = DIRECT.iter().find_map(|key| number_of(project.totals.get(*key)))?;
    let (items, rows) = sum_of_items(project).unwrap_or((0.0, 0));
    let is_part = |key: &str| !DIRECT.contains(&key) && !NO_PART.contains(&key) && !key.ends_with("percent");
    let named: Vec<(&str, f64)> = project
        .totals
        .iter()
        .filter(|(key, _)| is_part(key))
        .filter_map(|(key, value)| Some((key.as_str(), number_of(Some(value))?)))
        .collect();
    if rows == 0 && named.is_empty() {
        return None;
    }
    let parts = items + named.iter().map(|(_, value)| value).sum::<f64>();
    if direct <= parts || agree(direct, parts, rows) {
        return None;
    }
    let of: Vec<String> = (rows > 0)
        .then(|| format!("{} of {rows} rows", readable(items)))
        .into_iter()
        .chain(named.iter().map(|(key, value)| format!("{key} {}", readable(*value))))
        .collect();
    let message = format!(
        "Direct costs of {} exceed the sum {} of their parts, and nothing explains the rest.",
        readable(direct),
        readable(parts)
    );
    let finding = Finding::new("COST-BREAK", Severity::High, message).found(rounded(direct));
    Some(finding.expected(rounded(parts)).formula(format!("{} = {}", of.join(" + "), readable(parts))))
}

fn rate(project: &Project, percent: Option<f64>) -> Option<Finding> {
    let percent = percent?;
    let money = &shared().money;
    let currency = project.rates().currency;
    let known = money.vat.get(&currency)?;
    if known.contains(&percent) {
        return None;
    }
    let rates: Vec<String> = known.iter().map(|rate| readable(*rate)).collect();
    let message = format!(
        "{} % is no rate of value added tax in {currency}: {} %.",
        readable(percent),
        rates.join(", ")
    );
    let finding = Finding::new("COST-VAT", Severity::High, message).found(rounded(percent)).expected(rates);
    Some(finding.source(money.source.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;

    fn rules(rows: Value, totals: Value) -> Vec<String> {
        let project = Project::read("", "cs", &json!({ "positions": rows, "totals": totals }));
        check(&project).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn totals_must_add_up() {
        let rows = || {
            json!([{"item_name": "a", "quantity": 1, "unit": "m", "total_price": 100},
                   {"item_name": "b", "quantity": 1, "unit": "m", "total_price": 200}])
        };
        let none: [&str; 0] = [];
        assert_eq!(rules(rows(), json!({"sum": 300, "vat_percent": 21, "vat": 63, "total": 363})), none);
        assert_eq!(rules(rows(), json!({"sum": 310})), ["COST-SUM"]);
        assert_eq!(rules(rows(), json!({"sum": 300, "vat_percent": 21, "vat": 60})), ["COST-VAT"]);
        assert_eq!(rules(rows(), json!({"sum": 300, "vat_percent": 15})), ["COST-VAT"]);
        assert_eq!(rules(rows(), json!({"sum": 300, "vat_percent": 21, "total": 300})), ["COST-SUM"]);
    }

    #[test]
    fn direct_costs_are_the_sum_of_their_parts() {
        let rows = || json!([{"item_name": "a", "quantity": 1, "unit": "m", "total_price": 300}]);
        assert_eq!(rules(rows(), json!({"direct_costs": 300})), [""; 0]);
        assert_eq!(rules(rows(), json!({"direct_costs": 340})), ["COST-BREAK"]);
        assert_eq!(rules(rows(), json!({"direct_costs": 340, "site_overheads": 40})), [""; 0]);
        assert_eq!(rules(json!([]), json!({"direct_costs": 340})), [""; 0], "nothing to compare with");
    }

    #[test]
    fn total_rows_are_no_items() {
        let rows = |total: f64| {
            json!([{"item_name": "Základy"}, {"item_name": "a", "quantity": 1, "unit": "m", "total_price": 100},
                   {"item_name": "Základy celkem", "total_price": 100}, {"item_name": "Stěny"},
                   {"item_name": "b", "quantity": 1, "unit": "m", "total_price": 200},
                   {"item_name": "Celkem", "total_price": total}, {"item_name": "DPH 21 %", "total_price": 63},
                   {"item_name": "Celkem vč. DPH", "total_price": 363}])
        };
        assert_eq!(rules(rows(300.0), json!({"sum": 300})), [""; 0]);
        assert_eq!(rules(rows(350.0), json!({})), ["PRICE-SUM"]);
    }

    #[test]
    fn the_tax_of_a_bill_is_that_of_its_rate() {
        let rows = |tax: f64, total: f64| {
            json!([{"item_name": "a", "quantity": 1, "unit": "m", "total_price": 1000},
                   {"item_name": "b", "quantity": 1, "unit": "m", "total_price": 2000},
                   {"item_name": "Celkem bez DPH", "total_price": 3000}, {"item_name": "DPH 21 %", "total_price": tax},
                   {"item_name": "Celkem vč. DPH", "total_price": total}])
        };
        assert_eq!(rules(rows(630.0, 3630.0), json!({})), [""; 0]);
        assert_eq!(rules(rows(450.0, 3450.0), json!({})), ["COST-VAT"]);
        assert_eq!(rules(rows(450.0, 3630.0), json!({})), ["COST-VAT"], "the total has the right tax");
        assert_eq!(rules(rows(630.0, 3360.0), json!({})), ["COST-SUM"]);
        let german = |tax: f64| {
            json!([{"item_name": "a", "quantity": 1, "unit": "m", "total_price": 1000},
                   {"item_name": "Summe netto", "total_price": 1000},
                   {"item_name": "zzgl. 19 % MwSt.", "total_price": tax, "class": "total"},
                   {"item_name": "Summe brutto", "total_price": 1000.0 + tax}])
        };
        assert_eq!(rules(german(190.0), json!({})), [""; 0]);
        assert_eq!(rules(german(210.0), json!({})), ["COST-VAT"]);
        let two = json!([{"item_name": "a", "quantity": 1, "unit": "m", "total_price": 1000},
            {"item_name": "DPH 12 %", "total_price": 60}, {"item_name": "DPH 21 %", "total_price": 105},
            {"item_name": "Celkem s DPH", "total_price": 1165}]);
        assert_eq!(rules(two, json!({})), [""; 0], "nobody says what each is taken of");
    }

    #[test]
    fn a_sum_without_the_tax_is_a_sum() {
        let rows = |name: &str, total: f64| {
            json!([{"item_name": "a", "quantity": 1, "unit": "m", "total_price": 100},
                   {"item_name": "b", "quantity": 1, "unit": "m", "total_price": 200},
                   {"item_name": name, "total_price": total}])
        };
        for name in ["Celkem bez DPH", "Total excl. VAT", "Summe netto ohne MwSt.", "Net total plus VAT"] {
            assert_eq!(rules(rows(name, 300.0), json!({})), [""; 0], "{name}");
            assert_eq!(rules(rows(name, 350.0), json!({})), ["PRICE-SUM"], "{name}");
            assert_eq!(rules(rows(name, 363.0), json!({})), ["PRICE-SUM"], "{name}: with the tax after all");
        }
        for name in ["DPH 21 %", "Total VAT", "VAT 21 %, without reduced rates", "zzgl. 21 % MwSt."] {
            assert_eq!(rules(rows(name, 63.0), json!({})), [""; 0], "{name}");
        }
        assert_eq!(rules(rows("Total incl. VAT", 363.0), json!({})), [""; 0]);
    }
}
