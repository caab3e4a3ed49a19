//! `[query.parts]`: how a query is asked whose list is too long for one prompt.

use crate::fault::Faults;
use crate::fault::Source;
use crate::fault::reader::Reader;
use crate::panel::parts::List;
use crate::panel::parts::Parts;

use super::merging;
use super::queries::Draft;

/// Reads the table.
pub(super) fn read(mut table: Reader<'_>) -> Option<Parts> {
    table.require(&["of"]);
    let of = table.take_word("of", &[("positions", List::Positions)]);
    // The parts are of one query: no rule can name another one.
    let join = table.take_table("join").map(|rules| merging::fields(rules, &[])).unwrap_or_default();
    table.finish();
    Some(Parts { of: of?.into_inner(), join })
}

/// What stands against parts in the rest of the panel: `has_checks` read the bill, `has_grace` counts answers.
pub(super) fn check(
    drafts: &[Draft],
    (has_checks, has_grace): (bool, bool),
    source: &Source,
    faults: &Faults,
) {
    let has_parts = |draft: &&Draft| draft.query.as_ref().is_some_and(|query| query.parts.is_some());
    for draft in drafts.iter().filter(has_parts) {
        let id = draft.id.get_ref();
        let fault = |message: String| source.fault(draft.id.span(), message);
        if !has_checks {
            let fault = fault(format!("query \"{id}\" has parts of a bill that nobody reads"));
            faults.add(fault.help("add checks = \"construction\", or take out [query.parts]"));
        }
        if has_grace {
            faults.add(fault(format!("query \"{id}\" has parts, and a grace would count each of them")));
        }
        if let Some(other) = drafts.iter().find(|other| other.needs.iter().any(|need| need.get_ref() == id)) {
            let other = other.id.get_ref();
            faults.add(fault(format!("query \"{id}\" has parts, and query \"{other}\" waits for it as one")));
        }
        let names = draft.query.iter().flat_map(|query| {
            (1..=Parts::MOST).map(|nth| (nth, Parts::name(&query.name, nth).map(|name| name.to_string())))
        });
        for (nth, name) in names {
            match name {
                None => faults.add(fault(format!("\"{id}-{nth}\" is too long for the name of a part"))),
                Some(name) if drafts.iter().any(|other| *other.id.get_ref() == name) => {
                    faults.add(fault(format!("\"{name}\" is a query, and a part of \"{id}\" as well")));
                }
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::panel::Panel;
    use crate::panel::rules::Rule;

    fn parse(top: &str, rest: &str) -> Result<Panel, Vec<Fault>> {
        let toml = format!("title = \"T\"\n{top}\n[[query]]\nid = \"a\"\nprompt = \"p.md\"\n{rest}");
        let file = |path: &str| match path {
            "panel.toml" => Some(toml.clone().into_bytes()),
            "p.md" => Some(b"{{ question }}{% if others %}{% endif %}".to_vec()),
            _ => None,
        };
        Panel::parse("p".parse().unwrap(), &file)
    }

    const CHECKS: &str = "checks = \"construction\"";
    const PARTS: &str = "[query.parts]\nof = \"positions\"\n";

    #[test]
    fn a_query_in_parts_says_how_their_answers_become_one() {
        let rules = "[query.parts.join]\nrisks = \"concat\"\n\"cost.total\" = \"sum\"\n";
        let panel = parse(CHECKS, &format!("{PARTS}{rules}")).unwrap();
        let parts = panel.queries[0].parts.clone().unwrap();
        let rules: Vec<_> = parts.join.iter().map(|rule| (rule.field.as_str(), &rule.rule)).collect();
        assert_eq!(parts.of, List::Positions);
        assert_eq!(rules, [("risks", &Rule::Concat), ("cost.total", &Rule::Sum)]);
        assert_eq!(parse("", "").unwrap().queries[0].parts, None);
    }

    #[test]
    fn what_cannot_be_asked_in_parts_is_told() {
        let other = |id: &str, more: &str| format!("[[query]]\nid = \"{id}\"\nprompt = \"p.md\"\n{more}");
        for (top, rest, told) in [
            ("", PARTS.to_owned(), "nobody reads"),
            (CHECKS, format!("{PARTS}{}", other("b", "needs = [\"a\"]\n")), "waits for it as one"),
            (CHECKS, format!("{PARTS}{}", other("a-3", "")), "a part of \"a\" as well"),
            (CHECKS, format!("{PARTS}{}[merge]\nneed = 1\ngrace = \"4s\"\n", other("b", "")), "a grace"),
            (CHECKS, "[query.parts]\nof = \"rooms\"\n".to_owned(), "rooms"),
            (CHECKS, "[query.parts]\n".to_owned(), "of"),
        ] {
            let faults = parse(top, &rest).unwrap_err();
            let all: String = faults.iter().map(ToString::to_string).collect();
            assert!(faults.len() == 1 && all.contains(told), "{told}: {all}");
        }
    }
}
