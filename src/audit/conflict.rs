//! Where a model and the rules disagree: both claims are shown, the worse stands.

use serde_json::Value;
use serde_json::json;

use crate::audit::Project;
use crate::audit::answers::ANALYSIS;
use crate::audit::answers::COMPLIANCE;
use crate::audit::chemistry;
use crate::audit::elements::Work;
use crate::audit::exposure::Property;
use crate::audit::exposure::life_steps;
use crate::audit::exposure::strictest;
use crate::audit::finding::Checks;
use crate::audit::finding::rounded;
use crate::audit::report::Part;
use crate::audit::report::RULES;
use crate::audit::strength;
use crate::audit::subject::Subject;
use crate::audit::subject::subjects;
use crate::audit::verdict::Status;
use crate::audit::verdict::compliance_status;
use crate::sheet::number_of;
use crate::sheet::texts_of;
use crate::sheet::unit::Kind;

/// The status that stands when a compliance answer is there; nothing when it failed.
pub fn settled_status(parts: &[Part<'_>], checks: &Checks) -> Option<Status> {
    let part = parts.iter().find(|part| part.query == COMPLIANCE)?;
    let claimed = claimed_status(part.outcome.ok()?);
    Some(claimed.worse(compliance_status(checks)))
}

fn claimed_status(answer: &Value) -> Status {
    answer.pointer("/compliance_status/overall").and_then(Value::as_str).map_or(Status::Unknown, Status::read)
}

/// All conflicts between answers of models and the rules.
pub fn conflicts(parts: &[Part<'_>], project: &Project, checks: &Checks) -> Vec<Value> {
    let of = |query: &str| {
        let part = parts.iter().find(|part| part.query == query && part.provider != Some(RULES))?;
        Some((part.provider.unwrap_or(part.query), part.outcome.ok()?))
    };
    let mut list = Vec::new();
    list.extend(of(COMPLIANCE).and_then(|(source, answer)| status(source, answer, checks)));
    list.extend(of(ANALYSIS).into_iter().flat_map(|(source, answer)| analysis(source, answer, project)));
    list
}

fn conflict(field: &str, source: &str, claim: Value, rules: Value, resolution: &str) -> Value {
    json!({
        "field": field,
        "claims": [{"source": source, "value": claim}, {"source": RULES, "value": rules}],
        "resolution": resolution,
    })
}

fn status(source: &str, answer: &Value, checks: &Checks) -> Option<Value> {
    let (claimed, ours) = (claimed_status(answer), compliance_status(checks));
    let differ = claimed != ours && claimed != Status::Unknown && ours != Status::Unknown;
    let worse = claimed.worse(ours).as_str();
    let resolution = format!("the worse stands: {worse}");
    differ.then(|| {
        conflict(
            "compliance_status.overall",
            source,
            json!(claimed.as_str()),
            json!(ours.as_str()),
            &resolution,
        )
    })
}

fn analysis(source: &str, answer: &Value, project: &Project) -> Vec<Value> {
    let subjects = subjects(project);
    [
        strength_class(source, answer, project, &subjects),
        chemical_attack(source, answer, &subjects),
        volume(source, answer, project),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A class below the one that the table needs.
fn strength_class(source: &str, answer: &Value, project: &Project, subjects: &[Subject]) -> Option<Value> {
    let claim = answer.pointer("/final_specification/concrete_class")?.as_str()?;
    let claimed = strength::class(claim)?;
    let classes: Vec<String> = subjects.iter().flat_map(Subject::effective).collect();
    let steps = life_steps(project, project.ruleset);
    let limit = strictest(project.ruleset, &classes, Property::Strength, steps)?;
    let resolution = format!("the stricter stands: {} for {}", limit.class(), limit.row.class);
    (claimed.cylinder < limit.value).then(|| {
        conflict(
            "final_specification.concrete_class",
            source,
            json!(claim),
            json!(limit.class()),
            &resolution,
        )
    })
}

/// No XA class, or a lower one, than the chemistry means.
fn chemical_attack(source: &str, answer: &Value, subjects: &[Subject]) -> Option<Value> {
    let claimed = texts_of(answer.pointer("/exposure_analysis/exposure_classes"));
    let level = |class: &String| class.to_uppercase().strip_prefix("XA")?.get(..1)?.parse::<usize>().ok();
    let worst = claimed.iter().filter_map(level).max().unwrap_or(0);
    let inferred = subjects.iter().filter_map(|subject| subject.inferred_xa).max()?;
    let name = chemistry::name(inferred);
    let resolution = format!("the worse stands: {name}");
    (worst < inferred.min(3)).then(|| {
        conflict("exposure_analysis.exposure_classes", source, json!(claimed), json!(name), &resolution)
    })
}

/// A volume other than the sum of the bill.
fn volume(source: &str, answer: &Value, project: &Project) -> Option<Value> {
    let claimed = number_of(answer.pointer("/materials_breakdown/concrete/volume_m3"))?;
    let cubic = |index: usize| {
        let position = &project.positions[index];
        (position.unit.kind == Some(Kind::M3)).then(|| position.quantity.value()).flatten()
    };
    let volumes: Option<Vec<f64>> = project.of(Work::Concrete).into_iter().map(cubic).collect();
    let sum: f64 = volumes.filter(|volumes| !volumes.is_empty())?.iter().sum();
    let differ = sum > 0.0 && (claimed / sum - 1.0).abs() > 0.06;
    differ.then(|| {
        let field = "materials_breakdown.concrete.volume_m3";
        conflict(
            field,
            source,
            rounded(claimed),
            rounded(sum),
            "the sum of the bill stands; see the checks of geometry",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::check;
    use crate::audit::examples_test::examples;
    use crate::audit::examples_test::read;

    #[test]
    fn disagreements_are_named_by_field() {
        let project = read(&examples()[0].1);
        let checks = check(&project);
        let answer = json!({"final_specification": {"concrete_class": "C20/25"},
            "exposure_analysis": {"exposure_classes": ["XC4", "XF3"]},
            "materials_breakdown": {"concrete": {"volume_m3": 30}}});
        let part = Part { query: ANALYSIS, provider: Some("p"), model: None, outcome: Ok(&answer) };
        let fields: Vec<Value> =
            conflicts(&[part], &project, &checks).into_iter().map(|one| one["field"].clone()).collect();
        assert_eq!(
            fields,
            [
                "final_specification.concrete_class",
                "exposure_analysis.exposure_classes",
                "materials_breakdown.concrete.volume_m3"
            ]
        );
        let own = Part { provider: Some(RULES), ..part };
        assert!(conflicts(&[own], &project, &checks).is_empty());
    }
}
