//! The construction audit without AI.
//!
//! Pure functions over a project and a table of limiting values: what was
//! asked goes in, findings, answers and the report come out. Nothing here
//! waits, reads a file or knows an example.

pub mod advice;
pub mod answers;
pub mod area;
pub mod bill;
pub mod brief;
pub mod chemistry;
pub mod chemistry_text;
pub mod conflict;
pub mod cover;
pub mod dimensions;
pub mod elements;
pub mod evidence;
#[cfg(test)]
mod examples_test;
pub mod exposure;
#[cfg(test)]
mod facts_test;
pub mod finding;
pub mod formwork;
pub mod geometry;
pub mod group;
pub mod missing;
pub mod mix_text;
pub mod money;
#[cfg(test)]
mod planted_test;
pub mod project;
pub mod reinforcement;
pub mod report;
pub mod row;
#[cfg(test)]
mod rules_test;
pub mod ruleset;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod scale_test;
pub mod scan;
pub mod specification;
pub mod standards;
pub mod strength;
pub mod subject;
pub mod text;
pub mod verdict;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Range;

use serde_json::Map;
use serde_json::Value;

pub use answers::answer;
pub use brief::Brief;
pub use brief::brief;
pub use finding::Checks;
pub use finding::Coverage;
pub use finding::Finding;
pub use finding::RulesetName;
pub use finding::Severity;
pub use project::Project;
pub use report::Part;
pub use report::Unread;
pub use report::report;
pub use verdict::Status;
pub use verdict::Verdict;
pub use verdict::compliance_status;
pub use verdict::verdict;

/// What the checks read and found in one ask, and what prompts say of it.
#[derive(Debug)]
pub struct Checked {
    /// The ask as the checks see it.
    pub project: Project,
    /// What they found.
    pub checks: Checks,
    /// What prompts say of it.
    pub brief: Brief,
}

impl Checked {
    /// Reads and checks an ask.
    pub fn of(question: &str, language: &str, input: &Map<String, Value>) -> Checked {
        let project = Project::read(question, language, &Value::Object(input.clone()));
        let checks = check(&project);
        let brief = brief(&project, &checks);
        Checked { project, checks, brief }
    }
}

/// Where the bill of an input is cut so that each piece fits a prompt.
pub fn cuts(input: &Map<String, Value>) -> Vec<Range<usize>> {
    brief::cuts(&project::positions(input.get("positions")))
}

/// All checks over all positions; the same project always gives the same findings.
pub fn check(project: &Project) -> Checks {
    let groups = group::groups(project);
    let subjects = subject::subjects(project);
    let mut findings = bill::check(project);
    findings.extend(geometry::check(project, &groups));
    findings.extend(formwork::check(project, &groups));
    findings.extend(area::check(project));
    findings.extend(dimensions::check(project, &groups));
    findings.extend(reinforcement::check(project, &groups));
    findings.extend(exposure::check(project, &subjects));
    findings.extend(chemistry::check(project, &subjects));
    findings.extend(cover::check(project, &subjects));
    findings.extend(standards::check(project));
    findings.extend(missing::check(project, &subjects));
    findings.extend(money::check(project));
    findings.extend(missing::covered(project));
    Checks {
        findings: in_document_order(project, findings),
        coverage: Coverage {
            positions_total: project.positions.len(),
            positions_checked: project.positions.len(),
            positions_sent: BTreeMap::new(),
        },
        ruleset: project.ruleset.title(),
    }
}

/// The same about several rows is said once; by first row, the project as a whole last; then numbered.
fn in_document_order(project: &Project, findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut more: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for finding in findings {
        let key = format!(
            "{} {} {} {} {}",
            finding.rule,
            finding.severity.as_str(),
            finding.found,
            finding.expected,
            finding.message
        );
        // Faults of single rows stay apart: each names its own row.
        let is_shared = finding.rule.starts_with("EXP") || finding.rule.starts_with("COVER");
        match places.get(&key).filter(|_| is_shared) {
            Some(at) => more.entry(*at).or_default().extend(finding.rows),
            None => {
                places.insert(key, merged.len());
                merged.push(finding);
            }
        }
    }
    for (at, mut rows) in more {
        rows.append(&mut merged[at].rows);
        let finding = merged[at].clone();
        merged[at] = finding.rows(project, &rows);
    }
    merged.sort_by_key(|finding| finding.rows.first().copied().unwrap_or(usize::MAX));
    for (at, finding) in merged.iter_mut().enumerate() {
        finding.id = format!("F-{:03}", at + 1);
    }
    merged
}
