//! `[merge]`: how the answers become one result.

use serde_json::Value;
use toml::Spanned;

use crate::fault::reader::Reader;
use crate::id::QueryName;
use crate::panel::Limits;
use crate::panel::Members;
use crate::panel::Merge;
use crate::panel::OnFail;
use crate::panel::Report;
use crate::panel::rules::FieldRule;
use crate::panel::rules::Rule;

use super::queries::Draft;

/// Reads it; what is wrong is told. `clocks` are the panel's.
pub(super) fn read(top: &mut Reader<'_>, drafts: &[Draft], clocks: &Limits) -> Merge {
    let mut merge = Merge::needing(1);
    let Some(mut table) = top.take_table("merge") else { return merge };
    need(&mut table, drafts, &mut merge);
    grace(&mut table, drafts, clocks, &mut merge);
    let flatten = table.take_bool("flatten");
    merge.flatten = flatten.as_ref().is_some_and(|flatten| *flatten.get_ref());
    let unread = table.keys().iter().any(|key| key.get_ref() == "report");
    let reports = [("construction", Report::Construction), ("members", Report::Members(Members::default()))];
    merge.report = table.take_word("report", &reports).map(Spanned::into_inner);
    members(&mut table, drafts, &mut merge);
    if let Some(flatten) = flatten.filter(|_| merge.flatten && merge.report.is_none() && !unread) {
        let fault = table.source().fault(flatten.span(), "\"flatten\" needs a report to flatten");
        table.add(fault.help("add report = \"construction\""));
    }
    if let Some(rules) = table.take_table("fields") {
        if merge.report.is_some() {
            let fault = table.source().fault(rules.span(), "a report merges the answers by itself");
            table.add(fault.help("take out [merge.fields] or report"));
        }
        merge.fields = fields(rules, drafts);
    }
    table.finish();
    merge
}

/// `synthesis` and `dissent` of `report = "members"`.
fn members(table: &mut Reader<'_>, drafts: &[Draft], merge: &mut Merge) {
    let mut take = |key: &str, is_member: bool| {
        let name = table.take_text(key)?;
        let Some(Report::Members(_)) = merge.report else {
            let fault =
                table.source().fault(name.span(), format!("\"{key}\" belongs to a report of members"));
            table.add(fault.help("add report = \"members\""));
            return None;
        };
        if let Some(draft) = drafts.iter().find(|draft| draft.id.get_ref() == name.get_ref())
            && draft.needs.is_empty() != is_member
        {
            let what = if is_member { "needs others, so it is no member" } else { "needs no other" };
            table.fault(name.span(), format!("\"{}\" {what}", name.get_ref()));
        }
        queries(table, &[name], drafts).pop()
    };
    let members = Members { synthesis: take("synthesis", false), dissent: take("dissent", true) };
    if let Some(report @ Report::Members(_)) = &mut merge.report {
        *report = Report::Members(members);
    }
}

/// `[merge.fields]`: a rule by name, or a table with what it takes.
pub(super) fn fields(mut table: Reader<'_>, drafts: &[Draft]) -> Vec<FieldRule> {
    let mut rules = Vec::new();
    for field in table.keys() {
        let name = field.get_ref();
        if FieldRule::RESERVED.contains(&name.as_str()) {
            table.fault(field.span(), format!("\"{name}\" is a key of every merged result"));
        }
        let Some(value) = table.take(name) else { continue };
        let rule = match value.get_ref().as_str() {
            Some(text) => word(&table, &Spanned::new(value.span(), text.to_owned())).map(|rule| FieldRule {
                field: name.clone(),
                rule,
                from: None,
                default: None,
            }),
            None if value.get_ref().is_table() => {
                table.table(name, value).and_then(|rule| field_rule(rule, name, drafts))
            }
            None => {
                table.expected(&value, "a rule such as \"first\", or a table such as { rule = \"first\" }");
                None
            }
        };
        rules.extend(rule);
    }
    table.finish();
    rules
}

const RULES: [&str; 9] = ["first", "concat", "union", "worst", "majority", "lines", "sum", "mean", "spread"];

/// A rule that takes nothing more.
fn word(table: &Reader<'_>, text: &Spanned<String>) -> Option<Rule> {
    let rule = match text.get_ref().as_str() {
        "first" => Rule::First,
        "concat" => Rule::Concat,
        "union" => Rule::Union { key: None },
        "majority" => Rule::Majority,
        "lines" => Rule::Lines,
        "sum" => Rule::Sum,
        "mean" => Rule::Mean,
        "spread" => Rule::Spread,
        "worst" => {
            let fault = table.source().fault(text.span(), "\"worst\" needs an order, from best to worst");
            table.add(fault.help("write { rule = \"worst\", order = [...] }"));
            return None;
        }
        other => {
            let fault = table.source().fault(text.span(), format!("unknown rule \"{other}\""));
            table.add(fault.suggest(other, RULES).note(format!("known rules: {}", RULES.join(", "))));
            return None;
        }
    };
    Some(rule)
}

fn field_rule(mut table: Reader<'_>, field: &str, drafts: &[Draft]) -> Option<FieldRule> {
    let name = table.take_text("rule");
    let order = table.take_json("order");
    let key = table.take_text("key");
    let default = table.take_json("default").map(Spanned::into_inner);
    let from = table.take_texts("from").map(|from| queries(&table, from.get_ref(), drafts));
    let rule = match (name.as_ref().map(|name| name.get_ref().as_str()), &order) {
        (Some("worst"), Some(order)) => match order.get_ref() {
            Value::Array(order) if !order.is_empty() => Some(Rule::Worst { order: order.clone() }),
            _ => {
                table.expected_json(order, "a list of values, from best to worst");
                None
            }
        },
        _ => name.as_ref().map_or(Some(Rule::First), |name| word(&table, name)),
    };
    if let Some(order) = order.filter(|_| !matches!(rule, Some(Rule::Worst { .. }) | None)) {
        table.fault(order.span(), "only \"worst\" has an order");
    }
    let rule = match (rule, key) {
        (Some(Rule::Union { .. }), Some(key)) => Some(Rule::Union { key: Some(key.into_inner()) }),
        (rule, Some(key)) => {
            table.fault(key.span(), "only \"union\" has a key");
            rule
        }
        (rule, None) => rule,
    };
    table.finish();
    rule.map(|rule| FieldRule { field: field.to_owned(), rule, from, default })
}

/// The queries that a list names; those that do not exist are told.
pub(super) fn queries(table: &Reader<'_>, names: &[Spanned<String>], drafts: &[Draft]) -> Vec<QueryName> {
    for name in names {
        let known = || drafts.iter().map(|draft| draft.id.get_ref().as_str());
        if !known().any(|id| id == name.get_ref()) {
            let message = format!("there is no query \"{}\"", name.get_ref());
            table.add(table.source().fault(name.span(), message).suggest(name.get_ref(), known()));
        }
    }
    names.iter().filter_map(|name| name.get_ref().parse().ok()).collect()
}

/// The queries that need no other: those that are asked at once.
fn first(drafts: &[Draft]) -> Vec<&Draft> {
    drafts.iter().filter(|draft| draft.needs.is_empty()).collect()
}

/// Whether a query is asked of each model, so that nobody knows yet how many it will be.
fn is_each(draft: &Draft) -> bool {
    draft.query.as_ref().is_some_and(|query| query.each)
}

/// `need = 3`, of all queries, `need = "3 of 5"`, of the five that need no other, or `need = "3 of answer"`,
/// of a query that is asked of each model.
fn need(table: &mut Reader<'_>, drafts: &[Draft], merge: &mut Merge) {
    let Some(value) = table.take_json("need") else { return };
    let what = "a whole number or a text such as \"3 of 5\"";
    let check = |need: usize, most: usize, of: &str| {
        if !(1..=most).contains(&need) && most > 0 {
            let message = format!("\"need\" must lie between 1 and the number of queries{of}, {most}");
            table.fault(value.span(), message);
        }
    };
    if let Some(need) = value.get_ref().as_u64() {
        merge.need = usize::try_from(need).unwrap_or(usize::MAX);
        let most = if drafts.iter().any(is_each) { usize::MAX } else { drafts.len() };
        return check(merge.need, most, "");
    }
    let parts = value.get_ref().as_str().and_then(|text| text.split_once(" of "));
    let each = |of: &str| drafts.iter().find(|draft| is_each(draft) && draft.id.get_ref() == of);
    if let Some((need, draft)) = parts.and_then(|(need, of)| Some((need.parse().ok()?, each(of)?))) {
        check(need, usize::MAX, "");
        merge.need = need;
        merge.among = Some(draft.id.get_ref().parse().into_iter().collect());
        return;
    }
    let Some((need, of)) = parts.and_then(|(need, of)| Some((need.parse().ok()?, of.parse::<usize>().ok()?)))
    else {
        return table.expected_json(&value, what);
    };
    let first = first(drafts);
    if let Some(draft) = first.iter().find(|draft| is_each(draft)) {
        let fault = table.source().fault(value.span(), "how many models there will be is not known here");
        table.add(fault.help(format!("write \"{need} of {}\"", draft.id.get_ref())));
    } else if of != first.len() && !first.is_empty() {
        let (verb, n) = (if first.len() == 1 { "query needs" } else { "queries need" }, first.len());
        let fault = table.source().fault(value.span(), format!("{n} {verb} no other, not {of}"));
        table.add(fault.help(format!("write \"{} of {n}\"", n.min(need))));
    } else {
        check(need, first.len(), " that need no other");
    }
    merge.need = need;
    merge.among = Some(first.iter().filter_map(|draft| draft.id.get_ref().parse().ok()).collect());
}

fn grace(table: &mut Reader<'_>, drafts: &[Draft], clocks: &Limits, merge: &mut Merge) {
    let Some(grace) = table.take_duration("grace") else { return };
    merge.grace = Some(*grace.get_ref());
    let first = first(drafts);
    if merge.need >= first.len() && !first.is_empty() && !first.iter().any(|draft| is_each(draft)) {
        let message =
            format!("the grace has no effect: all {} queries that need no other are needed", first.len());
        return table.fault(grace.span(), message);
    }
    let longer = [("per_query", clocks.per_query), ("overall", clocks.overall)];
    let longer = longer.into_iter().find(|(_, clock)| clock.is_some_and(|clock| clock <= *grace.get_ref()));
    if let Some((name, Some(clock))) = longer {
        let message = format!("grace ({:?}) must be shorter than {name} ({clock:?})", grace.get_ref());
        table.fault(grace.span(), message);
    }
    let is_needed = |draft: &&&Draft| {
        let id = draft.id.get_ref();
        drafts.iter().any(|other| other.needs.iter().any(|need| need.get_ref() == id))
    };
    let skips = |draft: &&&Draft| draft.query.as_ref().is_some_and(|query| query.on_fail == OnFail::Skip);
    if let Some(draft) = first.iter().filter(is_needed).find(skips) {
        let id = draft.id.get_ref();
        let message =
            format!("the grace cancels who is late, and without \"{id}\" those that need it are skipped");
        table.add(table.source().fault(grace.span(), message).help(format!("give \"{id}\" an on_fail")));
    }
}
