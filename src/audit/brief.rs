//! What prompts say of a project: facts of the ruleset, and the bill as text.
//!
//! Facts are ours and small; the texts are the asker's and may say anything.
//! A bill that is longer than its budget is cut into runs of whole rows, of
//! which each can be told alone.

use std::ops::Range;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::audit::Project;
use crate::audit::cover::structural_class;
use crate::audit::finding::Checks;
use crate::audit::finding::Severity;
use crate::audit::finding::readable;
use crate::audit::missing::candidates;
use crate::audit::ruleset::Limits;
use crate::audit::ruleset::shared;
use crate::audit::subject::Subject;
use crate::audit::subject::subjects;
use crate::sheet::Position;
use crate::sheet::number::Reading;

/// What prompts say of a project.
#[derive(Clone, Debug)]
pub struct Brief {
    /// Rows of the ruleset that matter here, and the grave findings.
    pub facts: Value,
    /// The bill, a line per row; untrusted.
    pub positions: String,
    /// How many rows it holds.
    pub positions_sent: usize,
    /// The specifications, a line per key; untrusted.
    pub specifications: String,
}

/// Bytes that count as one token: few tokenizers need more for this kind of text.
const BYTES_PER_TOKEN: usize = 3;
/// Findings that a prompt lists at most.
const MAX_FINDINGS: usize = 20;
/// Longest value of one key of the specifications and of one cell of the bill, in bytes.
const MAX_VALUE: usize = 2000;
/// Tokens of a prompt that the bill may take, whatever the model.
const BILL_TOKENS: usize = 12_000;

/// The brief of a project; of a bill that is too long the first rows.
pub fn brief(project: &Project, checks: &Checks) -> Brief {
    let rows = cuts(&project.positions).into_iter().next().unwrap_or(0..0);
    let left_out = project.positions.len() - rows.len();
    let positions = table(&project.positions[rows.clone()]) + &more_rows(left_out);
    Brief {
        facts: facts(project, checks),
        positions,
        positions_sent: rows.len(),
        specifications: specifications(project),
    }
}

/// Where a bill is cut so that each piece fits a prompt: whole rows, in order, none left out and none twice.
pub fn cuts(positions: &[Position]) -> Vec<Range<usize>> {
    cuts_within(positions, BILL_TOKENS * BYTES_PER_TOKEN - NOTE)
}

fn cuts_within(positions: &[Position], budget: usize) -> Vec<Range<usize>> {
    let mut cuts: Vec<Range<usize>> = Vec::new();
    let mut room = 0;
    for (at, position) in positions.iter().enumerate() {
        let length = line(position).len();
        match cuts.last_mut() {
            Some(last) if length <= room => last.end = at + 1,
            _ => {
                cuts.push(at..at + 1);
                room = budget.saturating_sub(HEAD.len());
            }
        }
        room = room.saturating_sub(length);
    }
    cuts
}

/// These rows of a bill that is told in several pieces, `nth` of `count`.
pub fn piece(project: &Project, rows: &Range<usize>, (nth, count): (usize, usize)) -> String {
    let all = project.positions.len();
    let positions = project.positions.get(rows.clone()).unwrap_or_default();
    let mut text = format!(
        "(part {nth} of {count} of the bill: rows {} to {} of {all}, counted from 0)\n",
        rows.start,
        rows.end.saturating_sub(1)
    );
    let heading =
        positions.first().filter(|first| !first.is_heading()).and_then(|first| first.object.as_deref());
    if let Some(heading) = heading {
        let heading = cell(heading);
        let end = heading.floor_char_boundary(LONGEST_HEADING);
        text.push_str(&format!("(goes on below: {})\n", &heading[..end]));
    }
    text.push_str(&table(positions));
    if nth == count {
        text.push_str(&more_rows(all.saturating_sub(rows.end)));
    }
    text
}

/// Says that nobody is shown the rest.
fn more_rows(left_out: usize) -> String {
    if left_out > 0 { format!("(and {left_out} more rows, which are not shown)\n") } else { String::new() }
}

fn facts(project: &Project, checks: &Checks) -> Value {
    let subjects = subjects(project);
    let mut classes: Vec<String> = subjects.iter().flat_map(Subject::effective).collect();
    if classes.is_empty() && project.has_concrete() {
        classes = candidates(project).into_iter().map(str::to_owned).collect();
    }
    classes.sort();
    classes.dedup();
    let rates = project.rates();
    json!({
        "ruleset": checks.ruleset,
        "element": project.element().map(|element| element.name.as_str()),
        "exposure_rows": classes.iter().filter_map(|class| project.ruleset.row(class)).map(row).collect::<Vec<_>>(),
        "xa_limits": xa_limits(project, &subjects),
        "cover": cover(project, &classes),
        "reinforcement": reinforcement(project),
        "money": {
            "currency": rates.currency,
            "indirect_percent": rates.indirect_percent,
            "profit_percent": rates.profit_percent,
            "vat_percent": rates.vat_percent,
        },
        "findings": grave(checks),
    })
}

fn row(limits: &Limits) -> Value {
    let mut row = json!({
        "class": limits.class,
        "meaning": shared().meaning.get(&limits.class),
        "min_class": limits.min_class,
        "max_w_c": limits.max_w_c,
        "min_cement_kg_m3": limits.min_cement_kg_m3,
        "min_air_percent": limits.min_air_percent,
    });
    if let Some(doubt) = &limits.unsure {
        row["doubt"] = json!(doubt);
    }
    row
}

/// The limits of chemical attack, where ground water or soil matters.
fn xa_limits(project: &Project, subjects: &[Subject]) -> Vec<Value> {
    let matters = project.speaks_of("groundwater")
        || !project.spec.measured.is_empty()
        || subjects.iter().any(|subject| subject.stated_xa() > 0 || subject.is_in_ground());
    let limit = |agent: &crate::audit::ruleset::Agent| {
        let range = |level: usize| {
            let start = agent.edges.get(level)?;
            let end = agent.edges.get(level + 1).map_or(String::new(), |end| readable(*end));
            Some(format!("{}..{end}", readable(*start)))
        };
        json!({"agent": agent.agent, "unit": agent.unit, "xa1": range(0), "xa2": range(1), "xa3": range(2)})
    };
    if matters { shared().xa.iter().map(limit).collect() } else { Vec::new() }
}

fn cover(project: &Project, classes: &[String]) -> Value {
    let cover = &shared().cover;
    let structural = structural_class(project);
    let row = |class: &String| {
        let least = cover.c_min_dur(&structural, class)?;
        Some(json!({"class": class, "c_min_dur_mm": least}))
    };
    let rows: Vec<Value> = classes.iter().filter_map(row).collect();
    if rows.is_empty() {
        return Value::Null;
    }
    json!({
        "structural_class": structural,
        "rows": rows,
        "delta_dev_mm": cover.delta_dev_mm,
        "against_blinding_mm": cover.against_blinding_mm,
        "against_soil_mm": cover.against_soil_mm,
        "edition": cover.edition,
    })
}

fn reinforcement(project: &Project) -> Vec<Value> {
    let mut ids: Vec<&str> =
        project.items().flat_map(|(_, row)| &row.elements).map(|element| element.id.as_str()).collect();
    ids.extend(project.element().map(|element| element.id.as_str()));
    ids.sort_unstable();
    ids.dedup();
    let row = |id: &&str| shared().rebar.row.iter().find(|row| row.element == **id);
    let fact = |row: &crate::audit::ruleset::SteelContent| json!({"element": row.element, "typical": row.typical, "usual_low": row.usual.0, "usual_high": row.usual.1});
    ids.iter().filter_map(row).map(fact).collect()
}

/// The gravest findings, medium and above.
fn grave(checks: &Checks) -> Vec<Value> {
    let mut grave: Vec<_> =
        checks.findings.iter().filter(|finding| finding.severity <= Severity::Medium).collect();
    grave.sort_by_key(|finding| finding.severity);
    let fact = |finding: &&crate::audit::Finding| json!({"rule": finding.rule, "severity": finding.severity, "message": finding.message});
    grave.iter().take(MAX_FINDINGS).map(fact).collect()
}

const HEAD: &str = "row | no | item | quantity | unit | unit price | total\n";

/// What the lines about other rows may take.
const NOTE: usize = 512;
/// Longest heading that is told again where a piece begins below it, in bytes.
const LONGEST_HEADING: usize = 200;

fn table(positions: &[Position]) -> String {
    let head = if positions.is_empty() { "" } else { HEAD };
    positions.iter().fold(head.to_owned(), |text, position| text + &line(position))
}

fn line(position: &Position) -> String {
    let no = match &position.no {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let cells = [
        position.index.to_string(),
        no,
        position.name.clone(),
        number(&position.quantity),
        position.unit.raw.clone(),
        number(&position.unit_price),
        number(&position.total_price),
    ];
    format!("{}\n", cells.map(|text| cell(&text)).join(" | "))
}

/// A text as a cell of the table.
fn cell(text: &str) -> String {
    within(one_line(text).replace('|', "/"))
}

/// The text, or as much of it as one value may take.
fn within(mut text: String) -> String {
    if text.len() > MAX_VALUE {
        text.truncate(text.floor_char_boundary(MAX_VALUE));
        text.push('…');
    }
    text
}

fn number(reading: &Reading) -> String {
    match reading {
        Reading::Missing => String::new(),
        Reading::Number { value, .. } => readable(*value),
        Reading::Ambiguous { decimal, grouped } => {
            format!("{} or {}", readable(*decimal), readable(*grouped))
        }
        Reading::Unreadable(text) => text.clone(),
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A line per key, unknown keys as well; totals at the end.
fn specifications(project: &Project) -> String {
    let totals: Map<String, Value> = match project.totals.is_empty() {
        true => Map::new(),
        false => Map::from_iter([("totals".to_owned(), Value::from(project.totals.clone()))]),
    };
    let mut text = String::new();
    for (key, value) in project.specifications.iter().chain(&totals) {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text.push_str(&format!("{}: {}\n", one_line(key), within(one_line(&value))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::check;

    fn read(input: &Value) -> Project {
        Project::read(input["project_description"].as_str().unwrap_or_default(), "en", input)
    }

    fn of(input: &Value) -> Brief {
        let project = read(input);
        brief(&project, &check(&project))
    }

    fn bill(rows: usize) -> Value {
        let row = |n| json!({"no": n, "item_name": "Beton | stěn\nC25/30", "quantity": "1,5", "unit": "m3"});
        json!({"positions": (0..rows).map(row).collect::<Vec<_>>()})
    }

    #[test]
    fn whole_rows_fit_the_budget() {
        let full = of(&bill(100));
        assert_eq!(full.positions_sent, 100);
        assert!(
            full.positions.starts_with(HEAD)
                && full.positions.contains("\n7 | 7 | Beton / stěn C25/30 | 1.5 | m3 |  | \n")
        );
        let cut = of(&bill(3000));
        assert!(cut.positions_sent > 500 && cut.positions.len() <= BILL_TOKENS * BYTES_PER_TOKEN);
        assert_eq!(cut.positions.lines().count(), cut.positions_sent + 2, "with the head and the note");
        let note = format!("\n(and {} more rows, which are not shown)\n", 3000 - cut.positions_sent);
        assert!(cut.positions.ends_with(&note) && !full.positions.contains("more rows"));
        assert_eq!(of(&json!({"positions": []})).positions, "");
    }

    #[test]
    fn pieces_hold_each_row_once_and_fit_the_budget() {
        let mut input = bill(2000);
        input["positions"][0] = json!({"item_name": "SO 201 | Most"});
        input["positions"][1500]["item_name"] = json!("ř".repeat(300_000));
        let project = read(&input);
        let cuts = cuts(&project.positions);
        assert!(cuts.len() > 2 && cuts[0].start == 0 && cuts.last().unwrap().end == 2000, "{cuts:?}");
        assert!(cuts.windows(2).all(|pair| pair[0].end == pair[1].start), "{cuts:?}");
        for (at, rows) in cuts.iter().enumerate() {
            let text = piece(&project, rows, (at + 1, cuts.len()));
            assert!(text.len() <= BILL_TOKENS * BYTES_PER_TOKEN, "{}", text.len());
            let told = text.lines().filter(|line| line.contains(" | ") && !line.starts_with("row | no"));
            let told: Vec<usize> =
                told.map(|line| line.split(" | ").next().unwrap().parse().unwrap()).collect();
            assert_eq!(told, rows.clone().collect::<Vec<_>>());
            assert_eq!(text.contains("(goes on below: SO 201 / Most)"), at > 0);
            assert!(text.starts_with(&format!("(part {} of {} of the bill: rows ", at + 1, cuts.len())));
        }
        // A row that is too long for any piece has one of its own.
        let small = cuts_within(&project.positions[..4], 10);
        assert_eq!(small, [0..1, 1..2, 2..3, 3..4]);
        assert!(cuts_within(&[], 10).is_empty());
    }

    #[test]
    fn facts_hold_what_matters_only() {
        let (_, strip) = crate::audit::examples_test::examples().swap_remove(0);
        let facts = of(&strip).facts;
        let classes: Vec<&Value> =
            facts["exposure_rows"].as_array().unwrap().iter().map(|row| &row["class"]).collect();
        assert_eq!(classes, ["XA1", "XC4", "XF3"]);
        assert_eq!(facts["cover"]["rows"], json!([{"class": "XC4", "c_min_dur_mm": 30.0}]));
        assert_eq!(
            facts["xa_limits"][1],
            json!({"agent": "pH", "unit": "", "xa1": "6.5..5.5", "xa2": "5.5..4.5", "xa3": "4.5..4"})
        );
        assert_eq!(facts["reinforcement"][0]["usual_high"], 110.0);
        assert_eq!(facts["findings"].as_array().unwrap().len(), 3);
        let dry =
            of(&json!({"specifications": {"exposure_classes": ["XC1"], "element": "slab", "odd": [1]}}));
        assert_eq!(dry.facts["xa_limits"], json!([]));
        assert!(dry.specifications.contains("odd: [1]\n"));
    }
}
