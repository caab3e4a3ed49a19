//! The costs of an answer: sums of the given prices, and its own arithmetic.

use serde_json::Value;

use super::Conflict;
use crate::audit::Project;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::money::sum_of_items;
use crate::sheet::number_of;

pub(super) fn conflicts(answer: &Value, project: &Project) -> Vec<Conflict> {
    let mut list = products(answer);
    list.extend(direct(answer, project));
    list.extend(surcharges(answer, project));
    list
}

fn cost(answer: &Value, key: &str) -> Option<f64> {
    number_of(answer.get("cost_summary")?.get(key))
}

/// Rounding to whole units, and half a per cent.
fn agree(one: f64, other: f64) -> bool {
    (one - other).abs() <= (0.005 * other.abs()).max(1.0)
}

fn conflict(key: &str, claim: f64, expected: f64, formula: &str) -> Option<Conflict> {
    (!agree(claim, expected)).then(|| {
        Conflict::new(&format!("cost_summary.{key}"), rounded(claim), rounded(expected))
            .so(format!("the calculation stands: {formula} = {}", readable(expected)))
    })
}

/// Quantity x unit price = total, for each material.
fn products(answer: &Value) -> Vec<Conflict> {
    let materials = [("concrete", "volume_m3"), ("reinforcement", "total_tonnes"), ("formwork", "area_m2")];
    let product = |(part, quantity): (&str, &str)| {
        let of = |key: &str| number_of(answer.pointer(&format!("/materials_breakdown/{part}/{key}")));
        let (amount, price, total) = (of(quantity)?, of("unit_price_czk")?, of("total_czk")?);
        // Steel may be priced by the kilogram.
        let fits = [1.0, 1000.0].into_iter().any(|scale| agree(total, amount * price * scale));
        let formula = format!("{} x {}", readable(amount), readable(price));
        (!fits && amount > 0.0 && price > 0.0).then(|| {
            let field = format!("materials_breakdown.{part}.total_czk");
            Conflict::new(&field, rounded(total), rounded(amount * price))
                .so(format!("the calculation stands: {formula} = {}", readable(amount * price)))
        })
    };
    materials.into_iter().filter_map(product).collect()
}

/// Direct costs against the priced rows, else against the answer's own parts.
fn direct(answer: &Value, project: &Project) -> Option<Conflict> {
    let claim = cost(answer, "direct_costs_czk")?;
    let rows = project.items().count();
    if let Some((sum, _)) = sum_of_items(project).filter(|(_, priced)| *priced == rows) {
        return conflict("direct_costs_czk", claim, sum, "sum of the rows");
    }
    let part = |part: &str| number_of(answer.pointer(&format!("/materials_breakdown/{part}/total_czk")));
    let parts = part("concrete")? + part("reinforcement")? + part("formwork")?;
    if claim <= parts {
        return None;
    }
    conflict("direct_costs_czk", claim, parts, "concrete + reinforcement + formwork")
}

/// Subtotal, tax and total by the answer's own figures.
fn surcharges(answer: &Value, project: &Project) -> Vec<Conflict> {
    let of = |key: &str| cost(answer, key);
    let (direct, indirect, profit) =
        (of("direct_costs_czk"), of("indirect_15_percent_czk"), of("profit_10_percent_czk"));
    let (subtotal, vat, total) =
        (of("subtotal_excl_vat_czk"), of("vat_21_percent_czk"), of("total_incl_vat_czk"));
    let mut list = Vec::new();
    if let (Some(direct), Some(indirect), Some(profit), Some(subtotal)) = (direct, indirect, profit, subtotal)
    {
        let expected = direct + indirect + profit;
        list.extend(conflict("subtotal_excl_vat_czk", subtotal, expected, "direct + indirect + profit"));
    }
    if let (Some(subtotal), Some(vat)) = (subtotal, vat) {
        let percent = project.rates().vat_percent;
        let formula = format!("{} x {} %", readable(subtotal), readable(percent));
        list.extend(conflict("vat_21_percent_czk", vat, subtotal * percent / 100.0, &formula));
    }
    if let (Some(subtotal), Some(vat), Some(total)) = (subtotal, vat, total) {
        list.extend(conflict("total_incl_vat_czk", total, subtotal + vat, "subtotal + tax"));
    }
    list
}
