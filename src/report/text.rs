//! An outline for a terminal: no tables, nothing wider than its words.

use super::Cell;
use super::Outline;
use super::Place;
use super::Section;
use super::Sheet;
use super::Table;

/// A terminal shows what was found about the bill, not the bill, and says it once: the findings stand gravest
/// first anyway.
const LEFT_OUT: [Sheet; 2] = [Sheet::Positions, Sheet::FixFirst];

/// The document as lines.
pub fn text(outline: &Outline) -> String {
    let mark = outline.mark.as_ref().map(|mark| format!(" ({mark})")).unwrap_or_default();
    let mut page = format!("# {}{mark}\n", outline.title);
    outline.sections.iter().filter(|section| !LEFT_OUT.contains(&section.sheet)).for_each(|section| {
        write_section(&mut page, section);
    });
    if !outline.disclaimer.is_empty() {
        page.push_str(&format!("\n---\n{}\n", outline.disclaimer));
    }
    page
}

fn write_section(page: &mut String, section: &Section) {
    page.push_str(&format!("\n## {}\n\n", section.title));
    for note in &section.notes {
        page.push_str(note);
        page.push('\n');
    }
    let Some(table) = &section.table else { return };
    if !section.notes.is_empty() {
        page.push('\n');
    }
    table.rows.iter().for_each(|row| write_row(page, table, row));
}

/// A row on a line of its own, with what is worth knowing below.
fn write_row(page: &mut String, table: &Table, row: &[Cell]) {
    let cells = || table.columns.iter().zip(row).filter(|(_, cell)| **cell != Cell::Empty);
    let at = |place: Place| cells().filter(move |(column, _)| column.place == place);
    let head: Vec<String> = at(Place::Head).map(|(_, cell)| cell.text()).collect();
    page.push_str("- ");
    match head.split_last() {
        Some((last, [])) => page.push_str(last),
        Some((last, before)) => page.push_str(&format!("{}: {last}", before.join(" "))),
        // Without a place on the first line everything stands there.
        None => {
            let all = cells().map(|(column, cell)| format!("{}: {}", column.title, cell.text()));
            page.push_str(&all.collect::<Vec<_>>().join("; "));
            page.push('\n');
            return;
        }
    }
    page.push('\n');
    for (column, cell) in at(Place::Below) {
        page.push_str(&format!("  {}: {}\n", column.title.to_lowercase(), cell.text()));
    }
}
