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

/// A total row must be the sum of what stands above it, of its part or of all.
fn sums_in_bill(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut part, mut all, mut rows) = (0.0, 0.0, 0);
    for (index, row) in project.rows.iter().enumerate() {
        let position = &project.positions[index];
        let price = position.total_price.value();
        match (row.kind, price) {
            (RowKind::Item, Some(price)) => {
                part += price;
                all += price;
                rows += 1;
            }
            (RowKind::Heading, _) => part = 0.0,
            (RowKind::Total, Some(total)) if rows > 0 && !is_tax(&position.name, position.unit.kind) => {
                let with_tax = all * (1.0 + project.rates().vat_percent / 100.0);
                let with_tax = if is_net(&position.name) { all } else { with_tax };
                if ![part, all, with_tax].into_iter().any(|sum| agree(sum, total, rows)) {
                    let message = format!(
                        "The total {} is not the sum {} of the rows above.",
                        readable(total),
                        readable(all)
                    );
                    let finding = Finding::new("PRICE-SUM", Severity::High, message).rows(project, &[index]);
                    findings.push(finding.found(rounded(total)).expected(rounded(all)));
                }
                part = 0.0;
            }
            _ => {}
        }
    }
    findings
}

/// Whether a total is the tax itself, not a sum with or without it.
fn is_tax(name: &str, unit: Option<Kind>) -> bool {
    let words = fold(name);
    let is_named = before_tax(&words).is_some() && !mentions(&words, "included") && !is_net(name);
    unit == Some(Kind::Percent) || is_named
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
