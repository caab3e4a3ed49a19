//! The technical reading by rules: what the tables and the bill show.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::audit::Project;
use crate::audit::answers::NOT_ASSESSED;
use crate::audit::answers::text_or;
use crate::audit::cover::needed;
use crate::audit::cover::structural_class;
use crate::audit::elements::Work;
use crate::audit::exposure::Property;
use crate::audit::exposure::life_steps;
use crate::audit::exposure::strictest;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::group::groups;
use crate::audit::money::sum_of_items;
use crate::audit::reinforcement::content;
use crate::audit::reinforcement::kilograms;
use crate::audit::ruleset::shared;
use crate::audit::strength;
use crate::audit::subject::Subject;
use crate::audit::subject::subjects;
use crate::sheet::number_of;
use crate::sheet::text_of;
use crate::sheet::unit::Kind;

/// The answer to `comprehensive_analysis`.
pub(super) fn answer(project: &Project) -> Value {
    let subjects = subjects(project);
    let mut classes: Vec<String> = Vec::new();
    for class in subjects.iter().flat_map(Subject::effective) {
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    let factor = number_of(project.specifications.get("safety_factor")).map(rounded);
    json!({
        "project_summary": {
            "element": text_or(project.element().map(|element| element.name.clone())),
            "location": NOT_ASSESSED,
            "complexity": NOT_ASSESSED,
        },
        "exposure_analysis": exposure(&classes, project),
        "structural_analysis": {
            "loads": loads(project),
            "required_strength": {"from_calculation": NOT_ASSESSED, "safety_factor": factor},
        },
        "durability_analysis": durability(&classes, project),
        "final_specification": specification(project, &subjects, &classes),
        "materials_breakdown": materials(project),
        "cost_summary": costs(project),
        "warnings": [],
        "value_engineering": [],
        "otskp_codes": codes(project),
        "assumptions": assumptions(project),
    })
}

/// Loads as they are given; the design load only where loads and factors are.
fn loads(project: &Project) -> Value {
    let of = |key: &str| number_of(project.specifications.get("loads")?.get(key));
    let (permanent, variable) = (of("permanent_kN_m2"), of("variable_kN_m2"));
    let factored = |load: Option<f64>, factor: &str| Some(load? * of(factor)?);
    let sum = factored(permanent, "gamma_g").zip(factored(variable, "gamma_q"));
    let design = of("design_load_kN_m2").or(sum.map(|(permanent, variable)| permanent + variable));
    json!({
        "permanent_kN_m2": permanent.map(rounded),
        "variable_kN_m2": variable.map(rounded),
        "design_load_kN_m2": design.map(rounded),
    })
}

fn exposure(classes: &[String], project: &Project) -> Value {
    let meaning = |class: &String| {
        let meaning = shared().meaning.get(class)?;
        let stated = project.spec.exposures.contains(class)
            || project.rows.iter().any(|row| row.exposures.contains(class));
        Some(format!("{class}: {meaning}{}", if stated { "" } else { " (follows from the chemistry)" }))
    };
    // The class with the lowest w/c asks for most; a tie goes to the stronger concrete.
    let rank = |class: &&String| {
        let row = project.ruleset.row(class)?;
        let strength = strength::class(&row.min_class)?.cylinder;
        Some((-row.max_w_c.unwrap_or(1.0), strength))
    };
    let order = |one: &&String, other: &&String| {
        rank(one).partial_cmp(&rank(other)).unwrap_or(std::cmp::Ordering::Equal)
    };
    json!({
        "conditions": classes.iter().filter_map(meaning).collect::<Vec<_>>(),
        "exposure_classes": classes,
        "most_stringent": text_or(classes.iter().max_by(order).cloned()),
    })
}

fn durability(classes: &[String], project: &Project) -> Value {
    let rows = classes.iter().filter_map(|class| project.ruleset.row(class));
    let entry = |row: &crate::audit::ruleset::Limits| {
        let frost = row.class.starts_with("XF").then(|| row.class.clone());
        let value = json!({
            "min_class": row.min_class,
            "max_w_c": row.max_w_c,
            "min_cement_kg_m3": row.min_cement_kg_m3,
            "frost_resistance": frost,
            "air_entrainment_percent": row.min_air_percent,
        });
        (format!("from_exposure_{}", row.class), value)
    };
    Value::Object(rows.map(entry).collect::<Map<_, _>>())
}

/// What the tables ask for, and what is stated where that is more.
fn specification(project: &Project, subjects: &[Subject], classes: &[String]) -> Value {
    let limit =
        |property| strictest(project.ruleset, classes, property, life_steps(project, project.ruleset));
    let stated = |of: fn(&Subject) -> Option<f64>| subjects.iter().filter_map(of);
    let at_least = |property, of: fn(&Subject) -> Option<f64>| {
        stated(of).chain(limit(property).map(|limit| limit.value)).reduce(f64::max).map(rounded)
    };
    let required = limit(Property::Strength).and_then(|limit| strength::class(&limit.class()));
    let all = subjects.iter().filter_map(|subject| subject.strength.clone()).chain(required);
    let class = all.reduce(|one, other| if other.cylinder > one.cylinder { other } else { one });
    let w_c = stated(|subject| subject.w_c)
        .chain(limit(Property::WaterCement).map(|limit| limit.value))
        .reduce(f64::min);
    let bar = subjects.iter().filter_map(|subject| subject.bar_mm).reduce(f64::max);
    let cover = needed(&structural_class(project), classes, bar).map(|needed| needed.nominal_mm);
    let cover = stated(|subject| subject.cover_mm).chain(cover).reduce(f64::max);
    let reasoning = if classes.is_empty() {
        "No exposure class is stated, so no limit could be applied.".to_owned()
    } else {
        format!("Strictest value of each property for {} in {}.", classes.join("+"), project.ruleset.name)
    };
    json!({
        "concrete_class": text_or(class.map(|class| class.name)),
        "cement_type": text_or(subjects.iter().find_map(|subject| subject.cement_type.clone())),
        "cement_kg_m3": at_least(Property::Cement, |subject| subject.cement),
        "w_c_ratio": w_c.map(rounded),
        "frost_resistance": text_or(classes.iter().find(|class| class.starts_with("XF")).cloned()),
        "waterproofing": text_or(text_of(project.specifications.get("waterproofing"))),
        "air_content_percent": at_least(Property::Air, |subject| subject.air),
        "cover_mm": cover.map(rounded),
        "reasoning": reasoning,
    })
}

/// Quantities and prices of the rows of one work, as far as all of them have them.
struct Share {
    quantity: Option<f64>,
    total: Option<f64>,
    unit_price: Option<f64>,
}

fn share(project: &Project, rows: &[usize], quantity: impl Fn(usize) -> Option<f64>) -> Share {
    let all = |of: &dyn Fn(usize) -> Option<f64>| {
        let values: Option<Vec<f64>> = rows.iter().map(|index| of(*index)).collect();
        values.filter(|values| !values.is_empty())
    };
    let prices = all(&|index| project.positions[index].unit_price.value());
    let one_price =
        prices.filter(|prices| prices.iter().all(|price| *price == prices[0])).map(|prices| prices[0]);
    Share {
        quantity: all(&quantity).map(|values| values.iter().sum()),
        total: all(&|index| project.positions[index].total_price.value()).map(|values| values.iter().sum()),
        unit_price: one_price,
    }
}

fn materials(project: &Project) -> Value {
    let in_unit = |unit: Kind| {
        move |index: usize| {
            let position = &project.positions[index];
            (position.unit.kind == Some(unit)).then(|| position.quantity.value()).flatten()
        }
    };
    let concrete = share(project, &project.of(Work::Concrete), in_unit(Kind::M3));
    let of_text = project.spec.dimensions.volume().map(|volume| volume * project.spec.count);
    let volume = concrete.quantity.or(of_text.filter(|_| project.positions.is_empty()));
    let steel = project.of(Work::Steel);
    let weight = kilograms(project, &steel).map(|kilograms| kilograms / 1000.0);
    let steel = share(project, &steel, |index| kilograms(project, &[index]));
    let formwork: Vec<usize> =
        project.of(Work::Formwork).into_iter().filter(|index| !project.rows[*index].is_removal).collect();
    let formwork = share(project, &formwork, in_unit(Kind::M2));
    let classes: Vec<String> = project
        .of(Work::Concrete)
        .into_iter()
        .filter_map(|index| project.rows[index].strength().map(|class| class.name.clone()))
        .chain(project.spec.strength.iter().map(|named| named.name().to_owned()))
        .collect();
    let only = classes.first().filter(|first| classes.iter().all(|class| class == *first)).cloned();
    let typical = match &groups(project)[..] {
        [group] => content(group).map(|content| content.typical),
        _ => None,
    };
    json!({
        "concrete": {
            "class": text_or(only),
            "volume_m3": volume.map(rounded),
            "unit_price_czk": concrete.unit_price.map(rounded),
            "total_czk": concrete.total.map(rounded),
            "modifiers": [],
        },
        "reinforcement": {
            "typical_kg_m3": typical.map(rounded),
            "total_tonnes": weight.map(rounded),
            "unit_price_czk": steel.unit_price.map(rounded),
            "total_czk": steel.total.map(rounded),
        },
        "formwork": {
            "area_m2": formwork.quantity.map(rounded),
            "unit_price_czk": formwork.unit_price.map(rounded),
            "total_czk": formwork.total.map(rounded),
        },
    })
}

/// Sums of the given prices; surcharges only when every item has its price.
fn costs(project: &Project) -> Value {
    let rates = project.rates();
    let items = project.items().count();
    let priced = sum_of_items(project);
    let direct = priced.map(|(sum, _)| sum);
    let all = priced.filter(|(_, count)| *count == items).map(|(sum, _)| sum);
    let indirect = all.map(|sum| sum * rates.indirect_percent / 100.0);
    // Profit is taken of all costs of the works, as a calculation of prices has it: direct and indirect.
    let profit = all.zip(indirect).map(|(sum, indirect)| (sum + indirect) * rates.profit_percent / 100.0);
    let subtotal = all.zip(indirect).zip(profit).map(|((sum, indirect), profit)| sum + indirect + profit);
    let vat = subtotal.map(|sum| sum * rates.vat_percent / 100.0);
    let cents = |value: Option<f64>| value.map(|value| rounded((value * 100.0).round() / 100.0));
    let note = match priced {
        None => "No prices are given.".to_owned(),
        Some((_, count)) if count < items => {
            format!("Only {count} of {items} rows have a total: surcharges are not assessed.")
        }
        Some(_) => "Sums of the given prices; surcharges at the rates of the input; direct costs to a cubic metre of concrete.".to_owned(),
    };
    json!({
        "currency": rates.currency,
        "direct_costs_czk": cents(direct),
        "indirect_15_percent_czk": cents(indirect),
        "profit_10_percent_czk": cents(profit),
        "subtotal_excl_vat_czk": cents(subtotal),
        "vat_21_percent_czk": cents(vat),
        "total_incl_vat_czk": cents(subtotal.zip(vat).map(|(sum, vat)| sum + vat)),
        "cost_per_m3_czk": cents(all.zip(cast_volume(project)).map(|(sum, volume)| sum / volume)),
        "note": note,
    })
}

/// Cubic metres of concrete in the bill, when all of its concrete is measured so.
fn cast_volume(project: &Project) -> Option<f64> {
    let cubic = |index: usize| {
        let position = &project.positions[index];
        (position.unit.kind == Some(Kind::M3)).then(|| position.quantity.value()).flatten()
    };
    let volumes: Option<Vec<f64>> = project.of(Work::Concrete).into_iter().map(cubic).collect();
    volumes.map(|volumes| volumes.iter().sum::<f64>()).filter(|sum| *sum > 0.0)
}

/// Codes of the price list that rows carry.
fn codes(project: &Project) -> Vec<Value> {
    let code = |(index, _): (usize, &crate::audit::row::Row)| {
        let position = &project.positions[index];
        let code = position.code.as_ref()?;
        Some(json!({
            "code": code,
            "description": position.name,
            "quantity": position.quantity.value().map(rounded),
            "unit": position.unit.kind.map_or(position.unit.raw.as_str(), |kind| kind.as_str()),
        }))
    };
    project.items().filter_map(code).collect()
}

fn assumptions(project: &Project) -> Vec<String> {
    let mut list = vec![format!("Limits of {} ({}) apply.", project.ruleset.name, project.ruleset.edition)];
    if project.spec.structural_class.is_none() {
        list.push(format!(
            "Structural class {}, as none is given; reductions are not applied.",
            structural_class(project)
        ));
    }
    if project.spec.life_years.is_none() {
        list.push("A design life of 50 years, as none is given.".to_owned());
    }
    if !project.spec.extracted.is_empty() {
        let keys: Vec<&str> = project.spec.extracted.keys().map(String::as_str).collect();
        list.push(format!("Taken from the description: {}.", keys.join(", ")));
    }
    if sum_of_items(project).is_some() {
        let rates = project.rates();
        list.push(format!(
            "Indirect costs {} % of direct costs, profit {} % of both, tax {} %, currency {}.",
            readable(rates.indirect_percent),
            readable(rates.profit_percent),
            readable(rates.vat_percent),
            rates.currency
        ));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_passed_on_and_no_more() {
        let of = |loads: Value| {
            let input = json!({"specifications": {"loads": loads, "waterproofing": "35 mm (EN 12390-8)"}});
            answer(&Project::read("", "en", &input))
        };
        let all = json!({"permanent_kN_m2": 5, "variable_kN_m2": 2, "gamma_g": 1.35, "gamma_q": 1.5});
        let given = of(all);
        assert_eq!(given["structural_analysis"]["loads"]["design_load_kN_m2"], 9.75);
        assert_eq!(given["final_specification"]["waterproofing"], "35 mm (EN 12390-8)");
        let part = of(json!({"permanent_kN_m2": 5, "gamma_g": 1.35}));
        assert_eq!(part["structural_analysis"]["loads"]["permanent_kN_m2"], 5);
        assert_eq!(part["structural_analysis"]["loads"]["design_load_kN_m2"], Value::Null);
    }

    #[test]
    fn concrete_has_a_price_to_the_cubic_metre() {
        let rows = json!([{"item_name": "Beton stěn C25/30", "quantity": 10, "unit": "m3", "total_price": 40_000},
            {"item_name": "Výztuž stěn", "quantity": 1, "unit": "t", "total_price": 30_000}]);
        let costs = costs(&Project::read("", "en", &json!({ "positions": rows })));
        assert_eq!(costs["cost_per_m3_czk"], 7000);
    }

    #[test]
    fn sums_need_every_price() {
        let row = |total: Value| json!({"item_name": "x", "quantity": 1, "unit": "m", "total_price": total});
        let costs = |rows: Vec<Value>| costs(&Project::read("", "en", &json!({ "positions": rows })));
        let all = costs(vec![row(json!(100)), row(json!(200))]);
        assert_eq!(
            (&all["indirect_15_percent_czk"], &all["profit_10_percent_czk"]),
            (&json!(45), &json!(34.5)),
            "profit of direct and indirect costs"
        );
        assert_eq!(
            (&all["subtotal_excl_vat_czk"], &all["total_incl_vat_czk"]),
            (&json!(379.5), &json!(459.2))
        );
        let some = costs(vec![row(json!(100)), row(json!(null))]);
        assert_eq!((&some["direct_costs_czk"], &some["total_incl_vat_czk"]), (&json!(100), &Value::Null));
    }
}
