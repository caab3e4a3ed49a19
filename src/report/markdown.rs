//! An outline as GitHub-flavoured Markdown, its tables as tables.

use super::Outline;
use super::Table;

/// The document as Markdown.
pub fn markdown(outline: &Outline) -> String {
    let mut page = format!("# {}\n", escape(&outline.title));
    if let Some(mark) = &outline.mark {
        page.push_str(&format!("\n**{}**\n", escape(mark)));
    }
    for section in &outline.sections {
        page.push_str(&format!("\n## {}\n", escape(&section.title)));
        for note in &section.notes {
            page.push_str(&format!("\n{}\n", escape(note)));
        }
        if let Some(table) = &section.table {
            page.push('\n');
            write_table(&mut page, &table.filled());
        }
    }
    if !outline.disclaimer.is_empty() {
        page.push_str(&format!("\n---\n\n{}\n", escape(&outline.disclaimer)));
    }
    page
}

fn write_table(page: &mut String, table: &Table) {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    page.push_str(&line(table.columns.iter().map(|column| escape(&column.title)).collect()));
    page.push_str(&line(table.columns.iter().map(|_| "---".to_owned()).collect()));
    for row in &table.rows {
        page.push_str(&line(row.iter().map(|cell| escape(&cell.text())).collect()));
    }
}

/// Text that is shown as it is: nothing in it is markup, a table's end or a heading.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        // Inside a word, as in a run's id, an underscore is no emphasis.
        let in_word = before.is_alphanumeric() && chars.peek().is_some_and(|next| next.is_alphanumeric());
        let is_markup = match c {
            '_' => !in_word,
            '#' | '+' | '-' | '=' => escaped.is_empty(),
            _ => matches!(c, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '!' | '~' | '&'),
        };
        if is_markup {
            escaped.push('\\');
        }
        escaped.push(c);
        before = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escape("# <b>a|b</b> `x` ![i](u)"), "\\# \\<b\\>a\\|b\\</b\\> \\`x\\` \\!\\[i\\](u)");
        assert_eq!(escape("run_01 _x_ C30/37-XC4"), "run_01 \\_x\\_ C30/37-XC4");
    }
}
