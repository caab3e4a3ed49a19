//! An outline as one HTML file: no script, nothing from elsewhere, ready to be printed on A4.

use super::Cell;
use super::Outline;
use super::Table;

const STYLE: &str = include_str!("html.css");

/// The document as a page.
pub fn html(outline: &Outline) -> String {
    let title = escape(&outline.title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    if let Some(mark) = &outline.mark {
        page.push_str(&format!("<p class=\"mark\">{}</p>\n", escape(mark)));
    }
    for (index, section) in outline.sections.iter().enumerate() {
        page.push_str(&format!("<section>\n<h2>{}</h2>\n", escape(&section.title)));
        for note in &section.notes {
            page.push_str(&format!("<p>{}</p>\n", escape(note)));
        }
        if let Some(table) = &section.table {
            write_table(&mut page, &table.filled());
        }
        // The first page is what somebody signs.
        if index == 0 {
            page.push_str(&format!("<p class=\"disclaimer\">{}</p>\n", escape(&outline.disclaimer)));
            page.push_str("<p class=\"signature\">Verified by, date</p>\n");
        }
        page.push_str("</section>\n");
    }
    page.push_str(&format!("<footer>{}</footer>\n</body>\n</html>\n", escape(&outline.run)));
    page
}

fn write_table(page: &mut String, table: &Table) {
    page.push_str("<div class=\"table\"><table>\n");
    if table.columns.iter().any(|column| !column.title.is_empty()) {
        page.push_str("<thead><tr>");
        for column in &table.columns {
            page.push_str(&format!("<th scope=\"col\">{}</th>", escape(&column.title)));
        }
        page.push_str("</tr></thead>\n");
    }
    page.push_str("<tbody>\n");
    for row in &table.rows {
        page.push_str("<tr>");
        for cell in row {
            let class = match cell {
                Cell::Number(_) => " class=\"number\"",
                Cell::Text(text) if is_name(text) => " class=\"name\"",
                _ => "",
            };
            page.push_str(&format!("<td{class}>{}</td>", escape(&cell.text())));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
}

/// Whether a text is one short word, such as "F-003", which is not to be broken.
fn is_name(text: &str) -> bool {
    text.len() <= 16 && !text.contains(char::is_whitespace)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
