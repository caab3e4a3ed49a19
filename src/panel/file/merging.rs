//! `[merge]`: how the answers become one result.

use toml::Spanned;

use crate::fault::reader::Reader;
use crate::panel::Merge;
use crate::panel::Report;

use super::queries::Draft;

/// Reads it; what is wrong is told.
pub(super) fn read(top: &mut Reader<'_>, drafts: &[Draft]) -> Merge {
    let queries = drafts.len();
    let mut merge = Merge { need: 1, flatten: false, report: None };
    let Some(mut table) = top.take_table("merge") else { return merge };
    if let Some(need) = table.take_count("need") {
        merge.need = usize::try_from(*need.get_ref()).unwrap_or(usize::MAX);
        if merge.need < 1 || (merge.need > queries && queries > 0) {
            let message = format!("\"need\" must lie between 1 and the number of queries, {queries}");
            table.fault(need.span(), message);
        }
    }
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
