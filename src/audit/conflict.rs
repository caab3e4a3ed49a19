//! Where a model and the rules disagree: both claims are shown, the worse stands.
//!
//! Only what can be tested is: limits of the table, sums and areas of the
//! bill, arithmetic of the answer itself, standards that no longer hold.

mod compliance;
mod costs;
mod technical;

use serde_json::Value;
use serde_json::json;

use crate::audit::Project;
use crate::audit::answers::ANALYSIS;
use crate::audit::answers::COMPLIANCE;
use crate::audit::finding::Checks;
use crate::audit::report::Part;
use crate::audit::report::RULES;
use crate::audit::verdict::Status;
use crate::audit::verdict::compliance_status;

/// The status that stands when a compliance answer is there; nothing when it failed.
pub fn settled_status(parts: &[Part<'_>], checks: &Checks) -> Option<Status> {
    let part = parts.iter().find(|part| part.query == COMPLIANCE)?;
    let answer = part.outcome.ok()?;
    let own = if compliance::has_failed_check(answer) { Status::Conditional } else { Status::Unknown };
    let claimed = claimed_status(answer);
    // A claim that its own checks contradict; "unknown" claims nothing.
    let claimed = if claimed == Status::Compliant { claimed.worse(own) } else { claimed };
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
    if let Some((source, answer)) = of(COMPLIANCE) {
        list.extend(status(answer, checks).map(|one| one.by(source)));
        list.extend(compliance::conflicts(answer, project, checks).into_iter().map(|one| one.by(source)));
    }
    if let Some((source, answer)) = of(ANALYSIS) {
        list.extend(technical::conflicts(answer, project).into_iter().map(|one| one.by(source)));
        list.extend(costs::conflicts(answer, project).into_iter().map(|one| one.by(source)));
    }
    list
}

/// The failed checks that an answer calls passed: where they stand in the answer.
pub fn failed_after_all(conflicts: &[Value]) -> impl Iterator<Item = &str> {
    conflicts
        .iter()
        .filter_map(|one| one["path"].as_str())
        .filter(|path| path.starts_with("/compliance_checks/"))
}

/// One claim of a model against what the rules say.
struct Conflict {
    field: String,
    path: Option<String>,
    claim: Value,
    rules: Value,
    resolution: String,
}

impl Conflict {
    fn new(field: &str, claim: impl Into<Value>, rules: impl Into<Value>) -> Conflict {
        let (claim, rules) = (claim.into(), rules.into());
        Conflict { field: field.to_owned(), path: None, claim, rules, resolution: String::new() }
    }

    fn so(mut self, resolution: impl Into<String>) -> Conflict {
        self.resolution = resolution.into();
        self
    }

    fn at(mut self, path: String) -> Conflict {
        self.path = Some(path);
        self
    }

    fn by(self, source: &str) -> Value {
        let mut value = json!({
            "field": self.field,
            "claims": [{"source": source, "value": self.claim}, {"source": RULES, "value": self.rules}],
            "resolution": self.resolution,
        });
        if let Some(path) = self.path {
            value["path"] = json!(path);
        }
        value
    }
}

fn status(answer: &Value, checks: &Checks) -> Option<Conflict> {
    let (claimed, ours) = (claimed_status(answer), compliance_status(checks));
    let differ = claimed != ours && claimed != Status::Unknown && ours != Status::Unknown;
    let field = "compliance_status.overall";
    if differ {
        let worse = claimed.worse(ours).as_str();
        return Some(
            Conflict::new(field, claimed.as_str(), ours.as_str()).so(format!("the worse stands: {worse}")),
        );
    }
    let contradicted = claimed == Status::Compliant && compliance::has_failed_check(answer);
    let worse = Status::Conditional.as_str();
    contradicted.then(|| {
        Conflict::new(field, claimed.as_str(), "a check of the same answer has failed")
            .so(format!("the worse stands: {worse}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::check;
    use crate::audit::examples_test::examples;
    use crate::audit::examples_test::read;

    /// The fields in which an answer about an example disagrees with the rules.
    fn fields(example: usize, query: &str, answer: &Value) -> Vec<String> {
        let project = read(&examples()[example].1);
        let checks = check(&project);
        let part = Part { query, provider: Some("p"), model: None, outcome: Ok(answer), unread: &[] };
        let own = Part { provider: Some(RULES), ..part };
        assert!(conflicts(&[own], &project, &checks).is_empty());
        let list = conflicts(&[part], &project, &checks);
        for one in &list {
            assert_eq!(one["claims"].as_array().unwrap().len(), 2, "{one}");
            assert!(!one["resolution"].as_str().unwrap().is_empty(), "{one}");
        }
        list.iter().map(|one| one["field"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_technical_answer_is_held_to_tables_and_bill() {
        let spec = |key: &str, value: Value| json!({"final_specification": {key: value}});
        let materials =
            |part: &str, key: &str, value: f64| json!({"materials_breakdown": {part: {key: value}}});
        let limits = |value: Value| json!({"durability_analysis": {"from_exposure_XF3": value}});
        for (example, answer, field) in [
            (0, spec("concrete_class", json!("C20/25")), "final_specification.concrete_class"),
            (0, spec("w_c_ratio", json!(0.55)), "final_specification.w_c_ratio"),
            (0, spec("air_content_percent", json!(2)), "final_specification.air_content_percent"),
            (0, spec("cover_mm", json!(25)), "final_specification.cover_mm"),
            (1, spec("concrete_class", json!("C30/37")), "final_specification.concrete_class"),
            (0, limits(json!({"min_class": "C20/25"})), "durability_analysis.from_exposure_XF3.min_class"),
            (0, limits(json!({"max_w_c": 0.6})), "durability_analysis.from_exposure_XF3.max_w_c"),
            (
                0,
                limits(json!({"min_cement_kg_m3": 280})),
                "durability_analysis.from_exposure_XF3.min_cement_kg_m3",
            ),
            (
                0,
                limits(json!({"air_entrainment_percent": 3})),
                "durability_analysis.from_exposure_XF3.air_entrainment_percent",
            ),
            (
                0,
                json!({"exposure_analysis": {"exposure_classes": ["XC4", "XF3"]}}),
                "exposure_analysis.exposure_classes",
            ),
            (
                1,
                json!({"exposure_analysis": {"exposure_classes": ["XC4", "XF4"]}}),
                "exposure_analysis.exposure_classes",
            ),
            (0, materials("concrete", "volume_m3", 30.0), "materials_breakdown.concrete.volume_m3"),
            (
                0,
                materials("reinforcement", "total_tonnes", 3.0),
                "materials_breakdown.reinforcement.total_tonnes",
            ),
            (0, materials("formwork", "area_m2", 54.96), "materials_breakdown.formwork.area_m2"),
            (1, materials("concrete", "total_czk", 130_000.0), "materials_breakdown.concrete.total_czk"),
        ] {
            assert_eq!(fields(example, ANALYSIS, &answer), [field], "{answer}");
        }
    }

    #[test]
    fn what_agrees_is_no_conflict() {
        let answer = json!({
            "final_specification": {"concrete_class": "C30/37", "w_c_ratio": 0.5, "air_content_percent": 5, "cover_mm": 40},
            "durability_analysis": {"from_exposure_XF3": {"min_class": "C25/30", "max_w_c": 0.5, "min_cement_kg_m3": 320,
                "frost_resistance": "XF3", "air_entrainment_percent": 4.0}, "from_exposure_XC4": null},
            "exposure_analysis": {"exposure_classes": ["XC4", "XF3", "XA1"]},
            "materials_breakdown": {"concrete": {"volume_m3": 21.6}, "reinforcement": {"total_tonnes": 2.25},
                "formwork": {"area_m2": 108, "unit_price_czk": null}},
            "cost_summary": {"direct_costs_czk": null},
        });
        assert_eq!(fields(0, ANALYSIS, &answer), [""; 0]);
        assert_eq!(
            fields(0, ANALYSIS, &json!({"final_specification": 3, "materials_breakdown": []})),
            [""; 0]
        );
    }

    #[test]
    fn sums_of_an_answer_must_add_up() {
        let costs = |costs: Value| json!({ "cost_summary": costs });
        let sums = |direct: f64, subtotal: f64, vat: f64, total: f64| {
            costs(
                json!({"direct_costs_czk": direct, "indirect_15_percent_czk": 15.0, "profit_10_percent_czk": 10.0,
                "subtotal_excl_vat_czk": subtotal, "vat_21_percent_czk": vat, "total_incl_vat_czk": total}),
            )
        };
        assert_eq!(fields(0, ANALYSIS, &sums(100.0, 125.0, 26.25, 151.25)), [""; 0]);
        assert_eq!(
            fields(0, ANALYSIS, &sums(100.0, 135.0, 28.35, 163.35)),
            ["cost_summary.subtotal_excl_vat_czk"]
        );
        assert_eq!(
            fields(0, ANALYSIS, &sums(100.0, 125.0, 20.0, 145.0)),
            ["cost_summary.vat_21_percent_czk"]
        );
        assert_eq!(
            fields(0, ANALYSIS, &sums(100.0, 125.0, 26.25, 200.0)),
            ["cost_summary.total_incl_vat_czk"]
        );
        let parts = json!({"cost_summary": {"direct_costs_czk": 500.0},
            "materials_breakdown": {"concrete": {"total_czk": 100.0}, "reinforcement": {"total_czk": 100.0}, "formwork": {"total_czk": 100.0}}});
        assert_eq!(fields(0, ANALYSIS, &parts), ["cost_summary.direct_costs_czk"]);
        let product = json!({"materials_breakdown": {"concrete": {"volume_m3": 22.5, "unit_price_czk": 100.0, "total_czk": 2500.0}}});
        assert_eq!(fields(0, ANALYSIS, &product), ["materials_breakdown.concrete.total_czk"]);
    }

    #[test]
    fn a_check_that_passes_against_a_rule_is_shown() {
        let items = |check: &str, required: &str, found: &str| {
            json!({"compliance_status": {"overall": "NON_COMPLIANT"}, "compliance_checks": [{"category": "c",
                "items": [{"check": check, "required": required, "found": found, "status": "PASS"}]}]})
        };
        let field = "compliance_checks.c";
        for (answer, expected) in [
            (items("Water-cement ratio", "<= 0.45", "0.55"), vec![field]),
            (items("Water-cement ratio", "<= 0.60", "0.55"), vec![field]),
            (items("Nominal cover", "30 mm", "30 mm"), vec![field]),
            (items("Krytí výztuže", "-", "30 mm"), vec![field]),
            (items("Anything", ">= 340", "300 kg/m3"), vec![field]),
            (items("Anything", ">= 300", "340 kg/m3"), vec![]),
            (items("Strength", "C35/45", "C25/30"), vec![field]),
            (items("Strength of steel", "B500B", "B500B"), vec![]),
            (items("Drain pipe slope", "-", "2 %"), vec![]),
        ] {
            assert_eq!(fields(1, COMPLIANCE, &answer), expected, "{answer}");
        }
        let standards = json!({"compliance_status": {"overall": "NON_COMPLIANT"},
            "standards_checked": [{"standard": "SNiP 2.03.01-84", "status": "verified"}, {"standard": "EN 206", "status": "verified"}]});
        assert_eq!(fields(1, COMPLIANCE, &standards), ["standards_checked.SNiP 2.03.01-84"]);
    }

    #[test]
    fn the_worse_status_stands() {
        let project = read(&examples()[0].1);
        let checks = check(&project);
        let status = |answer: &Value| {
            let part = Part {
                query: COMPLIANCE,
                provider: Some("p"),
                model: None,
                outcome: Ok(answer),
                unread: &[],
            };
            settled_status(&[part], &checks)
        };
        let overall = |overall: &str| json!({"compliance_status": {"overall": overall}});
        assert_eq!(status(&overall("COMPLIANT")), Some(Status::Conditional));
        assert_eq!(status(&overall("NON_COMPLIANT")), Some(Status::NonCompliant));
        assert_eq!(fields(0, COMPLIANCE, &overall("COMPLIANT")), ["compliance_status.overall"]);
        assert_eq!(fields(0, COMPLIANCE, &overall("CONDITIONAL")), [""; 0]);
    }
}
