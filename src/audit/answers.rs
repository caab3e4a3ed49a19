//! The two hybrid answers by rules alone, for a server without any model.
//!
//! They say what geometry, quantities, tables and given prices show, and
//! "not assessed" for the rest: nothing is invented.

mod analysis;
mod compliance;

use serde_json::Value;

use crate::audit::Project;
use crate::audit::finding::Checks;

/// What stands where a judgement would stand.
pub const NOT_ASSESSED: &str = "not assessed";

/// The query that reads the project technically.
pub const ANALYSIS: &str = "comprehensive_analysis";
/// The query that reads it as a standards officer.
pub const COMPLIANCE: &str = "compliance_risks";

/// The rules' answer to a query; nothing for a query they have none to.
pub fn answer(query: &str, project: &Project, checks: &Checks) -> Option<Value> {
    match query {
        ANALYSIS => Some(analysis::answer(project)),
        COMPLIANCE => Some(compliance::answer(project, checks)),
        _ => None,
    }
}

/// A text, or that it was not assessed.
fn text_or(text: Option<String>) -> Value {
    Value::from(text.unwrap_or_else(|| NOT_ASSESSED.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::check;
    use crate::audit::examples_test::examples;
    use crate::audit::examples_test::read;

    const SCHEMAS: [(&str, &str); 2] = [
        (ANALYSIS, include_str!("../../panels/audit/schema/comprehensive.json")),
        (COMPLIANCE, include_str!("../../panels/audit/schema/compliance.json")),
    ];

    #[test]
    fn answers_fit_their_schemas() {
        for (query, schema) in SCHEMAS {
            let schema: Value = serde_json::from_str(schema).unwrap();
            let validator = jsonschema::validator_for(&schema).unwrap();
            for (name, input) in examples() {
                let project = read(&input);
                let answer = answer(query, &project, &check(&project)).unwrap();
                let errors: Vec<String> =
                    validator.iter_errors(&answer).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{name} {query}: {errors:?}");
            }
            assert!(!validator.is_valid(&serde_json::json!({})), "{query}");
        }
    }

    #[test]
    fn the_strip_is_shown_in_numbers() {
        let project = read(&examples()[0].1);
        let answer = answer(ANALYSIS, &project, &check(&project)).unwrap();
        assert_eq!(answer["exposure_analysis"]["exposure_classes"], serde_json::json!(["XC4", "XF3", "XA1"]));
        assert_eq!(answer["materials_breakdown"]["concrete"]["volume_m3"], 22.5);
        assert_eq!(answer["materials_breakdown"]["reinforcement"]["total_tonnes"], 2.25);
        assert_eq!(answer["durability_analysis"]["from_exposure_XF3"]["air_entrainment_percent"], 4.0);
        assert_eq!(answer["cost_summary"]["direct_costs_czk"], Value::Null);
        assert_eq!(answer["structural_analysis"]["required_strength"]["from_calculation"], NOT_ASSESSED);
    }

    #[test]
    fn the_minimal_example_invents_nothing() {
        let project = read(&examples()[2].1);
        let checks = check(&project);
        let compliance = answer(COMPLIANCE, &project, &checks).unwrap();
        assert_eq!(compliance["compliance_status"]["overall"], "UNKNOWN");
        assert!(!compliance["rfi_items"].as_array().unwrap().is_empty());
        let analysis = answer(ANALYSIS, &project, &checks).unwrap();
        assert_eq!(analysis["materials_breakdown"]["concrete"]["volume_m3"], 10.8);
        assert_eq!(analysis["exposure_analysis"]["exposure_classes"], serde_json::json!([]));
    }
}
