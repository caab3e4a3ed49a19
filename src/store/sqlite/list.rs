//! Lists of runs.

use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::ToSql;

use super::super::Listed;
use super::super::Wanted;
use super::row;
use super::row::RunRow;
use super::trouble::Trouble;
use crate::event::Standing;
use crate::id::RunId;

/// The runs that are wanted, newest first. `waiting` says where runs stand whose last events are not written.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &Connection,
    wanted: &Wanted,
    waiting: &HashMap<RunId, Standing>,
) -> Result<Vec<Listed>, Trouble> {
    let mut listed = Vec::new();
    let (sql, values) = query(wanted, waiting);
    let mut statement = connection.prepare_cached(&sql)?;
    let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    let mut rows = statement.query(values.as_slice())?;
    while listed.len() < wanted.limit
        && let Some(found) = rows.next()?
    {
        // A row that is not what was written hides its own run only.
        let Ok(RunRow { run, panel, facts, .. }) = row::read(found) else { continue };
        let standing = waiting.get(&run).cloned().unwrap_or(facts.standing);
        if wanted.statuses.is_empty() || wanted.statuses.contains(&standing.status) {
            let simulated = facts.about.simulated;
            let title = facts.about.title.unwrap_or(facts.title);
            listed.push(Listed { run, panel, title, created_at: facts.created_at, standing, simulated });
        }
    }
    Ok(listed)
}

fn query(wanted: &Wanted, waiting: &HashMap<RunId, Standing>) -> (String, Vec<String>) {
    let mut values = Vec::new();
    let mut place = |value: String| {
        values.push(value);
        format!("?{}", values.len())
    };
    let mut sql = format!("SELECT {} FROM runs", row::COLUMNS);
    if wanted.text.is_some() {
        sql += " JOIN asks ON asks.id = runs.id";
    }
    sql += " WHERE runs.hidden = 0";
    if !wanted.statuses.is_empty() {
        let statuses: Vec<_> = wanted.statuses.iter().map(|status| place(status.as_str().into())).collect();
        // What stands elsewhere than its row says is looked at in any case.
        let moved: Vec<_> = waiting.keys().map(|run| place(run.to_string())).collect();
        sql +=
            &format!(" AND (runs.status IN ({}) OR runs.run IN ({}))", statuses.join(", "), moved.join(", "));
    }
    if let Some(panel) = &wanted.panel {
        sql += &format!(" AND runs.panel = {}", place(panel.to_string()));
    }
    if let Some(before) = &wanted.before {
        sql += &format!(" AND runs.run < {}", place(before.to_string()));
    }
    if let Some(text) = &wanted.text {
        let text = place(text.to_lowercase());
        sql += &format!(" AND (instr(runs.words, {text}) OR instr(asks.words, {text}))");
    }
    sql += " ORDER BY runs.run DESC";
    (sql, values)
}
