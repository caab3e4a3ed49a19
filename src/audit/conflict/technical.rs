//! The technical answer against the tables and the bill.

use serde_json::Value;
use serde_json::json;

use super::Conflict;
use crate::audit::Project;
use crate::audit::chemistry;
use crate::audit::cover::needed;
use crate::audit::cover::structural_class;
use crate::audit::elements::Work;
use crate::audit::exposure::Property;
use crate::audit::exposure::life_steps;
use crate::audit::exposure::strictest;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::money::sum_of;
use crate::audit::reinforcement::kilograms;
use crate::audit::strength;
use crate::audit::subject::Subject;
use crate::audit::subject::subjects;
use crate::sheet::number_of;
use crate::sheet::texts_of;
use crate::sheet::unit::Kind;

/// What quantities may differ by: rounding, and waste that one side leaves out.
const TOLERANCE: f64 = 0.06;

pub(super) fn conflicts(answer: &Value, project: &Project) -> Vec<Conflict> {
    let subjects = subjects(project);
    let mut list = specification(answer, project, &subjects);
    list.extend(cover(answer, project, &subjects));
    list.extend(limits(answer, project));
    list.extend(classes(answer, &subjects));
    list.extend(quantities(answer, project));
    list
}

/// Values of the mix that the strictest limit of the table forbids.
fn specification(answer: &Value, project: &Project, subjects: &[Subject]) -> Vec<Conflict> {
    let classes: Vec<String> = subjects.iter().flat_map(Subject::effective).collect();
    let steps = life_steps(project, project.ruleset);
    let properties = [
        ("concrete_class", Property::Strength),
        ("w_c_ratio", Property::WaterCement),
        ("cement_kg_m3", Property::Cement),
        ("air_content_percent", Property::Air),
    ];
    let conflict = |(key, property): (&str, Property)| {
        let claim = answer.get("final_specification")?.get(key)?;
        let value = match property {
            Property::Strength => strength::class(claim.as_str()?)?.cylinder,
            _ => number_of(Some(claim))?,
        };
        let limit = strictest(project.ruleset, &classes, property, steps)?;
        let stands = match property {
            Property::Strength => json!(limit.class()),
            _ => rounded(limit.value),
        };
        let text = if property == Property::Strength { limit.class() } else { readable(limit.value) };
        property.is_stricter(limit.value, value).then(|| {
            Conflict::new(&format!("final_specification.{key}"), claim.clone(), stands)
                .so(format!("the stricter stands: {text} for {}", limit.row.class))
        })
    };
    properties.into_iter().filter_map(conflict).collect()
}

fn cover(answer: &Value, project: &Project, subjects: &[Subject]) -> Option<Conflict> {
    let claim = number_of(answer.pointer("/final_specification/cover_mm"))?;
    let structural = structural_class(project);
    let all = subjects.iter().filter(|subject| subject.is_reinforced);
    let most = all
        .filter_map(|subject| needed(&structural, &subject.exposures, subject.bar_mm))
        .max_by(|one, other| one.nominal_mm.total_cmp(&other.nominal_mm))?;
    (claim < most.nominal_mm).then(|| {
        Conflict::new("final_specification.cover_mm", rounded(claim), rounded(most.nominal_mm)).so(format!(
            "the stricter stands: {} mm for {} at {structural}",
            readable(most.nominal_mm),
            most.class
        ))
    })
}

/// Limits of single classes that are not those of the table.
fn limits(answer: &Value, project: &Project) -> Vec<Conflict> {
    let mut list = Vec::new();
    let blocks = answer.get("durability_analysis").and_then(Value::as_object);
    for (key, block) in blocks.into_iter().flatten() {
        let class = key.trim_start_matches("from_exposure_").to_uppercase();
        let Some(row) = project.ruleset.row(&class) else { continue };
        let mut push = |name: &str, claim: Value, rules: Value| {
            let resolution = format!("the table stands: {}, {}", project.ruleset.name, row.edition);
            list.push(
                Conflict::new(&format!("durability_analysis.{key}.{name}"), claim, rules).so(resolution),
            );
        };
        if let Some(claim) = block["min_class"].as_str().and_then(strength::class)
            && claim.name != row.min_class
        {
            push("min_class", json!(claim.name), json!(row.min_class));
        }
        for (name, limit) in [
            ("max_w_c", row.max_w_c),
            ("min_cement_kg_m3", row.min_cement_kg_m3),
            ("air_entrainment_percent", row.min_air_percent),
        ] {
            let (Some(limit), Some(claim)) = (limit, number_of(block.get(name))) else { continue };
            if (claim - limit).abs() > 1e-6 {
                push(name, rounded(claim), rounded(limit));
            }
        }
    }
    list
}

/// Classes that the documents state or the chemistry means, and the answer leaves out.
fn classes(answer: &Value, subjects: &[Subject]) -> Option<Conflict> {
    let given = answer.pointer("/exposure_analysis/exposure_classes")?;
    let claimed = texts_of(Some(given));
    let upper: Vec<String> = claimed.iter().map(|class| class.to_uppercase().replace(' ', "")).collect();
    let level = |class: &String| class.strip_prefix("XA")?.get(..1)?.parse::<usize>().ok();
    let worst = upper.iter().filter_map(level).max().unwrap_or(0);
    let inferred = subjects.iter().filter_map(|subject| subject.inferred_xa).max();
    let mut lacking: Vec<String> = Vec::new();
    for class in subjects.iter().flat_map(|subject| &subject.exposures) {
        let is_there = upper.iter().any(|own| own.starts_with(class.as_str()))
            || level(class).is_some_and(|level| level <= worst);
        if !is_there && !lacking.contains(class) {
            lacking.push(class.clone());
        }
    }
    if let Some(inferred) = inferred.filter(|level| worst < (*level).min(3)) {
        lacking.push(chemistry::name(inferred));
    }
    let resolution = format!("the worse stands: {}", lacking.join(", "));
    let rules = if lacking.len() == 1 { json!(lacking[0]) } else { json!(lacking) };
    (!lacking.is_empty())
        .then(|| Conflict::new("exposure_analysis.exposure_classes", claimed, rules).so(resolution))
}

/// Quantities and prices other than the sums of the bill.
fn quantities(answer: &Value, project: &Project) -> Vec<Conflict> {
    let concrete = project.of(Work::Concrete);
    let steel = project.of(Work::Steel);
    let formwork: Vec<usize> =
        project.of(Work::Formwork).into_iter().filter(|index| !project.rows[*index].is_removal).collect();
    let in_unit = |rows: &[usize], unit: Kind| {
        let quantity = |index: &usize| {
            let position = &project.positions[*index];
            (position.unit.kind == Some(unit)).then(|| position.quantity.value()).flatten()
        };
        let all: Option<Vec<f64>> = rows.iter().map(quantity).collect();
        all.filter(|all| !all.is_empty()).map(|all| all.iter().sum::<f64>())
    };
    let tonnes = kilograms(project, &steel).map(|kilograms| kilograms / 1000.0);
    let sums = [
        ("concrete", "volume_m3", in_unit(&concrete, Kind::M3)),
        ("reinforcement", "total_tonnes", tonnes),
        ("formwork", "area_m2", in_unit(&formwork, Kind::M2)),
        ("concrete", "total_czk", sum_of(project, &concrete)),
        ("reinforcement", "total_czk", sum_of(project, &steel)),
        ("formwork", "total_czk", sum_of(project, &formwork)),
    ];
    let conflict = |(part, key, sum): (&str, &str, Option<f64>)| {
        let claim = number_of(answer.pointer(&format!("/materials_breakdown/{part}/{key}")))?;
        let sum = sum.filter(|sum| *sum > 0.0)?;
        ((claim / sum - 1.0).abs() > TOLERANCE).then(|| {
            Conflict::new(&format!("materials_breakdown.{part}.{key}"), rounded(claim), rounded(sum))
                .so("the sum of the bill stands; see the checks of quantities and prices")
        })
    };
    sums.into_iter().filter_map(conflict).collect()
}
