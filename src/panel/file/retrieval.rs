//! `[retrieval]`: its presence has own documents searched.

use crate::fault::reader::Reader;
use crate::panel::Retrieval;

/// Reads the table.
pub fn read(mut table: Reader<'_>) -> Retrieval {
    let mut retrieval = Retrieval { top: Retrieval::TOP };
    if let Some(top) = table.take_count("top") {
        match usize::try_from(*top.get_ref()) {
            Ok(count) if (1..=Retrieval::MOST).contains(&count) => retrieval.top = count,
            _ => table.fault(top.span(), format!("\"top\" must lie between 1 and {}", Retrieval::MOST)),
        }
    }
    table.finish();
    retrieval
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::panel::Panel;

    fn parse(table: &str) -> Result<Panel, Vec<Fault>> {
        let toml = format!("title = \"T\"\n{table}\n[[query]]\nid = \"a\"\nprompt = \"p.md\"\n");
        let file = |path: &str| match path {
            "panel.toml" => Some(toml.clone().into_bytes()),
            "p.md" => {
                Some(b"{{ question }}{% for passage in passages %}{{ passage.text }}{% endfor %}".to_vec())
            }
            _ => None,
        };
        Panel::parse("p".parse().unwrap(), &file)
    }

    #[test]
    fn a_panel_searches_documents_when_it_says_so() {
        for (table, top) in [("", None), ("[retrieval]", Some(3)), ("[retrieval]\ntop = 20", Some(20))] {
            assert_eq!(parse(table).unwrap().retrieval, top.map(|top| Retrieval { top }), "{table}");
        }
    }

    #[test]
    fn faults_are_told_where_they_stand() {
        let cases = [
            ("[retrieval]\ntop = 0", "\"top\" must lie between 1 and 20"),
            ("[retrieval]\ntop = 21", "\"top\" must lie between 1 and 20"),
            ("[retrieval]\ntop = \"3\"", "expected a whole number"),
            ("[retrieval]\ntpo = 3", "unknown key \"tpo\" in [retrieval]"),
        ];
        for (table, message) in cases {
            let faults = parse(table).unwrap_err();
            let [fault] = &faults[..] else { panic!("{faults:?}") };
            assert!(fault.message.starts_with(message), "{}", fault.message);
            assert_eq!((fault.file.as_str(), fault.line()), ("panel.toml", 3), "{table}");
        }
    }
}
