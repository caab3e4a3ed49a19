//! Chemical attack: which XA class the ground water and the soil mean.
//!
//! EXP-XA-*, EXP-XA-ESC, RFI-XA-DATA. Agents are compared with the limits of
//! EN 206 table 2; two agents in the worst class raise it by one.

use crate::audit::Project;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::ruleset::Agent;
use crate::audit::ruleset::Converted;
use crate::audit::ruleset::shared;
use crate::audit::specification::Measured;
use crate::audit::subject::Subject;
use crate::sheet::number_of;

/// XA class as a number: 0 none, 1 to 3, 4 beyond the table.
pub type Level = usize;

/// Beyond what the table covers.
pub const BEYOND: Level = 4;

/// What the chemistry of a project means.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Attack {
    /// The worst single agent.
    pub worst: Level,
    /// How many agents are in that class.
    pub agents: usize,
    /// What sulfate alone gives.
    pub sulfate: Level,
}

impl Attack {
    /// What the measured agents mean together.
    pub fn of(measured: &[Measured]) -> Attack {
        let levels: Vec<(&Measured, Level)> =
            sane(measured).map(|one| (one, level(one.agent, one.value))).collect();
        let worst = levels.iter().map(|(_, level)| *level).max().unwrap_or(0);
        let sulfate =
            levels.iter().filter(|(one, _)| one.agent.rule == "EXP-XA-SO4").map(|(_, level)| *level);
        Attack {
            worst,
            agents: levels.iter().filter(|(_, level)| worst > 0 && *level == worst).count(),
            sulfate: sulfate.max().unwrap_or(0),
        }
    }

    /// The class with escalation.
    pub fn class(&self) -> Level {
        if self.escalates() { self.worst + 1 } else { self.worst }
    }

    /// Whether two or more agents share the worst class.
    pub fn escalates(&self) -> bool {
        self.agents >= 2 && (1..BEYOND).contains(&self.worst)
    }
}

/// The class of one agent at this value.
pub fn level(agent: &Agent, value: f64) -> Level {
    let passed = |(at, edge): (usize, &f64)| {
        let inclusive = at == 0 && !agent.above;
        match (agent.falling, inclusive) {
            (false, true) => value >= *edge,
            (false, false) => value > *edge,
            (true, true) => value <= *edge,
            (true, false) => value < *edge,
        }
    };
    agent.edges.iter().enumerate().filter(|edge| passed(*edge)).count()
}

fn sane(measured: &[Measured]) -> impl Iterator<Item = &Measured> {
    measured.iter().filter(|one| one.agent.sane.is_none_or(|(low, high)| (low..=high).contains(&one.value)))
}

/// "XA2", or what is said beyond the table.
pub fn name(level: Level) -> String {
    if level >= BEYOND { "beyond the table: special study".to_owned() } else { format!("XA{level}") }
}

/// Checks the subjects that ground water or soil reaches.
pub fn check(project: &Project, subjects: &[Subject]) -> Vec<Finding> {
    let reached: Vec<&Subject> = subjects.iter().filter(|subject| subject.is_reached).collect();
    let mut findings = insane(project);
    findings.extend(converted(project));
    for subject in &reached {
        findings.extend(agents(project, subject));
        findings.extend(escalation(project, subject));
    }
    if !reached.is_empty() {
        findings.extend(missing_data(project, &reached));
    }
    findings
}

fn insane(project: &Project) -> Vec<Finding> {
    let bad = project.spec.measured.iter().filter(|one| sane(std::slice::from_ref(one)).next().is_none());
    let finding = |one: &Measured| {
        let (low, high) = one.agent.sane.unwrap_or_default();
        let message = format!(
            "{} {} {} is no measurement: it lies outside {} to {}; check the unit (mg/l, mmol/l, g/l).",
            one.agent.agent,
            readable(one.value),
            one.agent.unit,
            readable(low),
            readable(high)
        );
        Finding::new("PARSE-NUM", Severity::High, message).found(one.value)
    };
    bad.map(finding).collect()
}

/// SO4 and SO3 (or S) both stated, and the one is not the other.
fn converted(project: &Project) -> Vec<Finding> {
    let field = |medium: &str, name: &str| {
        let medium = project.specifications.get(medium)?.as_object()?;
        number_of(medium.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    };
    let finding = |other: &Converted| {
        let agent = shared().xa.iter().find(|agent| agent.field == other.of)?;
        let (own, stated) = (field(&agent.medium, &agent.field)?, field(&agent.medium, &other.field)?);
        let expected = stated * other.factor;
        let message = format!(
            "{} {} means SO4 {}, but SO4 {} is stated: which one is measured, and in which unit?",
            other.name,
            readable(stated),
            readable(expected),
            readable(own)
        );
        let finding = Finding::new("PARSE-NUM", Severity::High, message).found(rounded(own));
        let formula = format!("{} x {} = {}", readable(stated), readable(other.factor), readable(expected));
        let differ = (own - expected).abs() > 0.05 * expected.abs();
        differ.then(|| {
            finding.expected(rounded(expected)).formula(formula).source("SO3 x 1.2 = SO4, S x 3.0 = SO4")
        })
    };
    shared().converted.iter().filter_map(finding).collect()
}

/// Each agent that gives a worse class than the stated one.
fn agents(project: &Project, subject: &Subject) -> Vec<Finding> {
    let stated = subject.stated_xa();
    let finding = |one: &Measured| {
        let level = level(one.agent, one.value);
        let value = format!("{} {}", readable(one.value), one.agent.unit);
        let value = format!("{} {}", one.agent.agent, value.trim_end());
        let at_edge = one.agent.edges.first() == Some(&one.value);
        let doubt = one.agent.edge_doubt.as_deref().filter(|_| at_edge);
        let finding = if level == 0 {
            return None;
        } else if level <= stated {
            Finding::new(
                &one.agent.rule,
                Severity::Info,
                format!("{value} is {}, which is stated.", name(level)),
            )
        } else {
            let message = match (level >= BEYOND, stated) {
                (true, _) => format!("{value} is {}.", name(level)),
                (_, 0) => format!("{value} is {}, and no XA class is stated.", name(level)),
                (_, stated) => format!("{value} is {}, but only {} is stated.", name(level), name(stated)),
            };
            let expected = if level >= BEYOND { name(level) } else { format!("{} added", name(level)) };
            Finding::new(&one.agent.rule, Severity::High, message).expected(expected)
        };
        let finding = finding.rows(project, &subject.rows).found(subject.exposures_text());
        let formula = match &one.stated {
            Some(stated) => format!("{stated} = {}; {}", readable(one.value), range(one.agent)),
            None => range(one.agent),
        };
        Some(finding.formula(formula).source(one.agent.source.as_str()).doubt(doubt))
    };
    sane(&project.spec.measured).filter_map(finding).collect()
}

/// The limits of an agent as a line, "XA1 6.5-5.5, XA2 < 5.5-4.5, ..".
fn range(agent: &Agent) -> String {
    let next = if agent.falling { "<" } else { ">" };
    let text = |at: usize, edge: &f64| {
        let sign = if at == 0 && !agent.above { String::new() } else { format!("{next} ") };
        let end = agent.edges.get(at + 1).map(|end| format!("-{}", readable(*end))).unwrap_or_default();
        format!("XA{} {sign}{}{end}", at + 1, readable(*edge))
    };
    let texts: Vec<String> =
        agent.edges.iter().enumerate().take(3).map(|(at, edge)| text(at, edge)).collect();
    format!("{} {}: {}", agent.agent, agent.unit, texts.join(", ")).replace(" :", ":")
}

fn escalation(project: &Project, subject: &Subject) -> Option<Finding> {
    let attack = Attack::of(&project.spec.measured);
    if !attack.escalates() || subject.stated_xa() >= attack.class() {
        return None;
    }
    let message = format!(
        "{} agents are in {}: together they are {}, unless a study says no.",
        attack.agents,
        name(attack.worst),
        name(attack.class())
    );
    let finding = Finding::new("EXP-XA-ESC", Severity::High, message)
        .rows(project, &subject.rows)
        .found(subject.exposures_text())
        .expected(name(attack.class()))
        .source("EN 206 table 2, note: two or more agents of one class give the next class");
    Some(finding)
}

/// What the ground water has not been tested for.
fn missing_data(project: &Project, reached: &[&Subject]) -> Option<Finding> {
    let measured = &project.spec.measured;
    let known = |agent: &&Agent| measured.iter().any(|one| std::ptr::eq(one.agent, *agent));
    let water = || shared().xa.iter().filter(|agent| agent.medium == "groundwater");
    let spoken = project.speaks_of("groundwater")
        || water().any(|agent| known(&agent))
        || project.specifications.contains_key("groundwater")
        || reached.iter().any(|subject| subject.stated_xa() > 0);
    let missing: Vec<&str> =
        water().filter(|agent| !known(agent)).map(|agent| agent.agent.as_str()).collect();
    if !spoken || missing.is_empty() {
        return None;
    }
    let nothing = measured.is_empty();
    let severity = if nothing { Severity::High } else { Severity::Medium };
    let found: Vec<&str> = measured.iter().map(|one| one.agent.agent.as_str()).collect();
    let message = if nothing {
        "Ground water is spoken of and no chemistry is given, so no XA class can be confirmed.".to_owned()
    } else {
        format!(
            "Only {} is given; {} are missing, and a second agent of the same class raises it.",
            found.join(", "),
            missing.join(", ")
        )
    };
    let finding = Finding::new("RFI-XA-DATA", severity, message).found(found).expected(missing);
    Some(finding.source("EN 206 table 2: all agents decide together"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(rule: &str, medium: &str) -> &'static Agent {
        shared().xa.iter().find(|agent| agent.rule == rule && agent.medium == medium).unwrap()
    }

    #[test]
    fn edges_belong_to_the_right_class() {
        let water = "groundwater";
        for (rule, medium, value, class) in [
            ("EXP-XA-PH", water, 6.6, 0),
            ("EXP-XA-PH", water, 6.5, 1),
            ("EXP-XA-PH", water, 6.2, 1),
            ("EXP-XA-PH", water, 5.5, 1),
            ("EXP-XA-PH", water, 5.4, 2),
            ("EXP-XA-PH", water, 4.5, 2),
            ("EXP-XA-PH", water, 4.0, 3),
            ("EXP-XA-PH", water, 3.9, 4),
            ("EXP-XA-SO4", water, 199.0, 0),
            ("EXP-XA-SO4", water, 200.0, 1),
            ("EXP-XA-SO4", water, 600.0, 1),
            ("EXP-XA-SO4", water, 601.0, 2),
            ("EXP-XA-SO4", water, 3001.0, 3),
            ("EXP-XA-SO4", water, 6001.0, 4),
            ("EXP-XA-SO4", "soil", 2000.0, 1),
            ("EXP-XA-SO4", "soil", 12001.0, 3),
            ("EXP-XA-CO2", water, 15.0, 1),
            ("EXP-XA-CO2", water, 500.0, 3),
            ("EXP-XA-NH4", water, 101.0, 4),
            ("EXP-XA-MG", water, 9000.0, 3),
            ("EXP-XA-ACID", "soil", 200.0, 0),
            ("EXP-XA-ACID", "soil", 900.0, 1),
        ] {
            assert_eq!(level(agent(rule, medium), value), class, "{rule} {value}");
        }
    }

    #[test]
    fn only_agents_of_the_worst_class_raise_it() {
        let attack = |values: &[(&str, f64)]| {
            let measured: Vec<Measured> = values
                .iter()
                .map(|(rule, value)| Measured {
                    agent: agent(rule, "groundwater"),
                    value: *value,
                    stated: None,
                })
                .collect();
            Attack::of(&measured).class()
        };
        assert_eq!(attack(&[("EXP-XA-PH", 6.2)]), 1);
        assert_eq!(attack(&[("EXP-XA-PH", 6.2), ("EXP-XA-SO4", 300.0)]), 2);
        assert_eq!(attack(&[("EXP-XA-PH", 6.2), ("EXP-XA-SO4", 300.0), ("EXP-XA-NH4", 40.0)]), 2);
        assert_eq!(attack(&[("EXP-XA-SO4", 4000.0), ("EXP-XA-MG", 4000.0)]), BEYOND);
        assert_eq!(attack(&[("EXP-XA-PH", 62.0)]), 0);
    }
}
