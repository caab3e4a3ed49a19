//! The checks without AI.
use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
#[derive(Debug)]
pub struct Checked {
    pub project: Project,
    pub checks: Checks,
    pub brief: Brief,
}
impl Checked {
    pub fn of(q: &str, l: &str, i: &Map<String, Value>) -> Checked {
        let project = Project::read(q, l, &Value::Object(i.clone()));
        let checks = check(&project);
        let brief = brief(&project, &checks, 6000);
        Checked { project, checks, brief }
    }
}
#[derive(Debug)]
pub struct Project;
impl Project {
    pub fn read(_: &str, _: &str, _: &Value) -> Project {
        Project
    }
}
#[derive(Debug, Serialize, Deserialize)]
pub struct Coverage {
    pub positions_total: usize,
    pub positions_checked: usize,
    pub positions_sent: BTreeMap<String, usize>,
}
#[derive(Debug, Serialize, Deserialize)]
pub struct RulesetName {
    pub name: String,
}
#[derive(Debug)]
pub struct Checks {
    pub findings: Vec<Value>,
    pub coverage: Coverage,
    pub ruleset: RulesetName,
}
pub fn check(_: &Project) -> Checks {
    Checks {
        findings: vec![],
        coverage: Coverage { positions_total: 0, positions_checked: 0, positions_sent: Default::default() },
        ruleset: RulesetName { name: "x".into() },
    }
}
#[derive(Debug)]
pub struct Brief {
    pub facts: Value,
    pub positions: String,
    pub positions_sent: usize,
    pub specifications: String,
}
pub fn brief(_: &Project, _: &Checks, _: usize) -> Brief {
    Brief { facts: json!({}), positions: String::new(), positions_sent: 0, specifications: String::new() }
}
pub fn answer(_: &str, _: &Project, _: &Checks) -> Option<Value> {
    Some(json!({"project_summary":{},"compliance_status":{}}))
}
pub struct Part<'a> {
    pub query: &'a str,
    pub provider: Option<&'a str>,
    pub model: Option<&'a str>,
    pub outcome: Result<&'a Value, &'a Failure>,
}
pub fn report(_: &[Part<'_>], _: &Project, _: &Checks, _: &[Value]) -> Option<Map<String, Value>> {
    Some(Map::new())
}
pub mod markdown {
    pub fn report(v: &serde_json::Value) -> String {
        v.to_string()
    }
}
