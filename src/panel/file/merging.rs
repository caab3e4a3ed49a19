//! `[merge]`: how the answers become one result.

use toml::Spanned;

use crate::fault::reader::Reader;
use crate::panel::Limits;
use crate::panel::Merge;
use crate::panel::OnFail;
use crate::panel::Report;

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
    merge.report =
        table.take_word("report", &[("construction", Report::Construction)]).map(Spanned::into_inner);
    if let Some(flatten) = flatten.filter(|_| merge.flatten && merge.report.is_none() && !unread) {
        let fault = table.source().fault(flatten.span(), "\"flatten\" needs a report to flatten");
        table.add(fault.help("add report = \"construction\""));
    }
    table.finish();
    merge
}

/// The queries that need no other: those that are asked at once.
fn first(drafts: &[Draft]) -> Vec<&Draft> {
    drafts.iter().filter(|draft| draft.needs.is_empty()).collect()
}

/// `need = 3`, of all queries, or `need = "3 of 5"`, of the five that need no other.
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
        return check(merge.need, drafts.len(), "");
    }
    let parts = value.get_ref().as_str().and_then(|text| text.split_once(" of "));
    let Some((need, of)) = parts.and_then(|(need, of)| Some((need.parse().ok()?, of.parse::<usize>().ok()?)))
    else {
        return table.expected_json(&value, what);
    };
    let first = first(drafts);
    if of != first.len() && !first.is_empty() {
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
    if merge.need >= first.len() && !first.is_empty() {
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
