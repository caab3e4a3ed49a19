//! `[mode]`: how a panel can be asked, and what chooses.

use std::sync::Arc;

use serde_json::Value;
use serde_json::json;
use toml::Spanned;

use crate::fault::reader::Reader;
use crate::id::ModeName;
use crate::id::QueryName;
use crate::panel::Merge;
use crate::panel::mode::Cascade;
use crate::panel::mode::Choice;
use crate::panel::mode::Holds;
use crate::panel::mode::Mode;
use crate::panel::mode::Modes;
use crate::panel::template::condition::Condition;
use crate::panel::words::fold;
use crate::panel::words::words;

use super::english;
use super::merging;
use super::queries;
use super::queries::Draft;
use super::title;
use super::title_of;

/// Fewest letters of a beginning: what is shorter begins everything.
const SHORTEST: usize = 3;

/// Reads it, with what is wrong told. The names of the modes become a part of the input's schema.
pub(super) fn read(
    top: &mut Reader<'_>,
    drafts: &[Draft],
    merge: &Merge,
    input: Option<Arc<Value>>,
) -> (Option<Modes>, Option<Arc<Value>>) {
    let Some(mut table) = top.take_table("mode") else { return (None, input) };
    table.require(&["default"]);
    let default = table.take_text("default");
    let rules = table.take_tables("auto").unwrap_or_default();
    let mut all = Vec::new();
    for key in table.keys() {
        let Some(value) = table.take(key.get_ref()) else { continue };
        if !value.get_ref().is_table() {
            let fault = table.source().fault(key.span(), format!("\"{}\" is no mode", key.get_ref()));
            table.add(
                fault.suggest(key.get_ref(), ["auto", "default"]).note("a mode is a table, [mode.NAME]"),
            );
            continue;
        }
        let Some(mode) = table.table(key.get_ref(), value) else { continue };
        let name = table.parsed::<ModeName>(&key);
        all.extend(name.and_then(|name| read_mode(mode, name.into_inner(), drafts, merge)));
    }
    if all.is_empty() {
        table.add(table.source().fault(table.span(), "there is no mode").help("add [mode.NAME]"));
    }
    let mut modes = Modes { all, default: None, rules: Vec::new() };
    modes.rules = choices(rules, &modes.all);
    modes.default = default.and_then(|name| match (name.get_ref().as_str(), modes.rules.is_empty()) {
        (Modes::AUTO, false) => None,
        (Modes::AUTO, true) => {
            let fault = table.source().fault(name.span(), "nothing chooses a mode");
            table.add(fault.help("add [[mode.auto]]"));
            None
        }
        _ => known_mode(&table, &name, &modes.all),
    });
    let schema = schema(&table, &modes, input);
    table.finish();
    (Some(modes), Some(schema))
}

/// A mode that there is; else its fault.
fn known_mode(table: &Reader<'_>, name: &Spanned<String>, all: &[Mode]) -> Option<ModeName> {
    let found = all.iter().find(|mode| mode.name.as_str() == name.get_ref());
    if found.is_none() {
        let known = || all.iter().map(|mode| mode.name.as_str());
        let message = format!("there is no mode \"{}\"", name.get_ref());
        table.add(table.source().fault(name.span(), message).suggest(name.get_ref(), known()));
    }
    found.map(|mode| mode.name.clone())
}

/// The input's schema with the names of the modes, which stand there alone.
fn schema(table: &Reader<'_>, modes: &Modes, input: Option<Arc<Value>>) -> Arc<Value> {
    let mut schema = input.map_or_else(|| json!({ "type": "object" }), Arc::unwrap_or_clone);
    let own = &mut schema["properties"];
    if own.get(Modes::INPUT).is_some() {
        let fault = table.source().fault(table.span(), "the input's schema has a \"mode\" of its own");
        table.add(fault.help("take it out there: these modes are what it may be"));
    }
    if !own.is_object() {
        *own = json!({});
    }
    own[Modes::INPUT] = json!({ "title": "How it is asked", "enum": modes.words() });
    Arc::new(schema)
}

fn read_mode(mut table: Reader<'_>, name: ModeName, drafts: &[Draft], merge: &Merge) -> Option<Mode> {
    let title = title(&mut table).unwrap_or_else(|| english(name.as_str()));
    let asks = asks(&mut table, &name, drafts);
    let cascade = cascade(&mut table, &asks, drafts, merge);
    table.finish();
    (!asks.is_empty()).then(|| Mode { name, title, asks: names(&asks), cascade })
}

fn names(drafts: &[&Draft]) -> Vec<QueryName> {
    drafts.iter().filter_map(|draft| draft.id.get_ref().parse().ok()).collect()
}

/// Those that `ask` names, or all but those of `leave_out`, in the panel's order.
fn asks<'d>(table: &mut Reader<'_>, name: &ModeName, drafts: &'d [Draft]) -> Vec<&'d Draft> {
    let (asked, left_out) = (table.take_texts("ask"), table.take_texts("leave_out"));
    if let (Some(_), Some(left_out)) = (&asked, &left_out) {
        let fault = table.source().fault(left_out.span(), "a mode has either \"ask\" or \"leave_out\"");
        table.add(fault);
    }
    let listed = |list: &Spanned<Vec<Spanned<String>>>| listed(table, list.get_ref(), drafts);
    let (asked_names, left_names) = (asked.as_ref().map(listed), left_out.as_ref().map(listed));
    let takes_part = |draft: &&Draft| {
        let is_in = |names: &Vec<String>| names.contains(draft.id.get_ref());
        asked_names.as_ref().is_none_or(is_in) && !left_names.as_ref().is_some_and(is_in)
    };
    let asks: Vec<&Draft> = drafts.iter().filter(takes_part).collect();
    let span = asked.as_ref().or(left_out.as_ref()).map_or(table.span(), Spanned::span);
    if asks.is_empty() && !drafts.is_empty() {
        table.fault(span.clone(), format!("mode \"{name}\" asks nobody"));
    }
    for draft in &asks {
        check_part(table, span.clone(), draft, &asks);
    }
    asks
}

/// The names of a list, with those told that no query has or that stand there twice.
fn listed(table: &Reader<'_>, list: &[Spanned<String>], drafts: &[Draft]) -> Vec<String> {
    merging::queries(table, list, drafts);
    for (nth, name) in list.iter().enumerate() {
        if list[..nth].iter().any(|earlier| earlier.get_ref() == name.get_ref()) {
            table.fault(name.span(), format!("\"{}\" is listed twice", name.get_ref()));
        }
    }
    list.iter().map(|name| name.get_ref().clone()).collect()
}

/// What takes part must be able to do without what does not.
fn check_part(table: &Reader<'_>, span: std::ops::Range<usize>, draft: &Draft, asks: &[&Draft]) {
    let id = draft.id.get_ref();
    let is_there = |need: &&Spanned<String>| asks.iter().any(|other| other.id.get_ref() == need.get_ref());
    if !draft.needs.is_empty() && !draft.needs.iter().any(|need| is_there(&need)) {
        table.fault(span.clone(), format!("\"{id}\" is asked, and nothing of what it needs"));
        return;
    }
    let Some(query) = &draft.query else { return };
    let is_named =
        |need: &str| query.prompt.names(need) || query.when.as_ref().is_some_and(|when| when.names(need));
    for need in draft.needs.iter().filter(|need| !is_there(need) && is_named(need.get_ref())) {
        let message =
            format!("\"{id}\" is asked, and names the answer of \"{}\", which is not", need.get_ref());
        let fault = table.source().fault(span.clone(), message);
        table.add(fault.help("use others in its prompt"));
    }
}

/// `first` and `doubt`.
fn cascade(table: &mut Reader<'_>, asks: &[&Draft], drafts: &[Draft], merge: &Merge) -> Option<Cascade> {
    let list = table.take_texts("first");
    let begin: Vec<&str> =
        list.iter().flat_map(|list| list.get_ref().iter().map(|name| name.get_ref().as_str())).collect();
    let condition = queries::condition(table, "doubt", |text| Condition::compile(text, &begin));
    let (list, (condition, at)) = match (&list, condition) {
        (None, None) => return None,
        (Some(list), Some(condition)) => (list, condition),
        (Some(list), None) => {
            let fault = table.source().fault(list.span(), "\"first\" needs a \"doubt\"");
            table.add(fault.help("add doubt = \"answers is hedging\""));
            return None;
        }
        (None, Some((_, at))) => {
            let fault = table.source().fault(at, "\"doubt\" needs those whose answers it is about");
            table.add(fault.help("add first = [...]"));
            return None;
        }
    };
    listed(table, list.get_ref(), drafts);
    for name in list.get_ref() {
        check_first(table, name, &begin, asks, drafts);
    }
    let comes_later = |draft: &&&Draft| !begin.contains(&draft.id.get_ref().as_str());
    if begin.is_empty() || asks.iter().find(comes_later).is_none() {
        table.fault(list.span(), "a cascade needs some that begin and some that come after them");
    }
    if merge.grace.is_some() {
        table.fault(list.span(), "a grace would count from the answer of the first, before the others begin");
    }
    let condition = condition?;
    let is_each = |name: &&&str| {
        drafts
            .iter()
            .any(|draft| draft.id.get_ref() == **name && draft.query.as_ref().is_some_and(|query| query.each))
    };
    for name in begin.iter().filter(is_each).filter(|name| condition.names(name)) {
        let message = format!("\"{name}\" is asked of each model, so there is no answers.{name}");
        table.add(table.source().fault(at.clone(), message).help("use answers alone: answers is hedging"));
    }
    let first = begin.iter().filter_map(|name| name.parse().ok()).collect();
    Some(Cascade { first, doubt: condition })
}

/// Who begins takes part, waits for nobody who comes later, and is one query.
fn check_first(
    table: &Reader<'_>,
    name: &Spanned<String>,
    begin: &[&str],
    asks: &[&Draft],
    drafts: &[Draft],
) {
    let id = name.get_ref();
    let Some(draft) = drafts.iter().find(|draft| draft.id.get_ref() == id) else { return };
    if !asks.iter().any(|asked| asked.id.get_ref() == id) {
        table.fault(name.span(), format!("\"{id}\" takes no part in this mode"));
    }
    let is_later = |need: &&Spanned<String>| {
        let is_asked = asks.iter().any(|asked| asked.id.get_ref() == need.get_ref());
        is_asked && !begin.contains(&need.get_ref().as_str())
    };
    if let Some(need) = draft.needs.iter().find(is_later) {
        let message = format!("\"{id}\" begins and waits for \"{}\", which comes later", need.get_ref());
        table.fault(name.span(), message);
    }
    if draft.query.as_ref().is_some_and(|query| query.parts.is_some()) {
        table.fault(name.span(), format!("\"{id}\" has parts, and a cascade waits for it as one"));
    }
}

/// `[[mode.auto]]`, one rule after the other; the last one holds always, and no other.
fn choices(tables: Vec<Reader<'_>>, all: &[Mode]) -> Vec<Choice> {
    let last = tables.len();
    (1..).zip(tables).filter_map(|(nth, table)| choice(table, all, nth == last)).collect()
}

fn choice(mut table: Reader<'_>, all: &[Mode], is_last: bool) -> Option<Choice> {
    table.require(&["choose", "because"]);
    let list = table.take_texts("words");
    let when = queries::condition(&mut table, "when", Condition::of_ask);
    if let (Some(list), Some(_)) = (&list, &when) {
        table.fault(list.span(), "a rule has either \"words\" or \"when\"");
    }
    match (list.is_none() && when.is_none(), is_last) {
        (true, false) => {
            let fault =
                table.source().fault(table.span(), "this rule holds always, so none after it is reached");
            table.add(fault.help("add words = [...] or when = \"...\""));
        }
        (false, true) => {
            let fault = table.source().fault(table.span(), "the last rule has to hold always");
            table.add(fault.help("add one without words and when"));
        }
        _ => {}
    }
    let holds = match (&list, when) {
        (Some(list), _) => Some(Holds::Words(beginnings(&table, list))),
        (None, Some((condition, _))) => condition.map(Holds::When),
        (None, None) => Some(Holds::Always),
    };
    let mode = table.take_text("choose").and_then(|name| known_mode(&table, &name, all));
    let at = table.keys().into_iter().find(|key| key.get_ref() == "because").map(|key| key.span());
    let because = title_of(&mut table, "because");
    if let Some((because, at)) = because.as_ref().zip(at) {
        for text in because.0.values() {
            if let Some(place) = unknown_place(text, list.is_some()) {
                let fault = table.source().fault(at.clone(), format!("a reason cannot name {place}"));
                let known = if list.is_some() { "{words} and {length}" } else { "{length}" };
                table.add(fault.help(format!("here it may name {known}")));
            }
        }
    }
    table.finish();
    Some(Choice { holds: holds?, mode: mode?, because: because? })
}

/// The first place of a reason that nothing is put in.
fn unknown_place(text: &str, has_words: bool) -> Option<&str> {
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let end = rest[start..].find('}').map_or(rest.len(), |end| start + end + 1);
        let place = &rest[start..end];
        if !Choice::PLACES.contains(&place) || (place == "{words}" && !has_words) {
            return Some(place);
        }
        rest = &rest[end..];
    }
    None
}

fn beginnings(table: &Reader<'_>, list: &Spanned<Vec<Spanned<String>>>) -> Vec<String> {
    if list.get_ref().is_empty() {
        table.fault(list.span(), "there is no word");
    }
    let mut beginnings = Vec::new();
    for word in list.get_ref() {
        let folded = fold(word.get_ref());
        let is_one = words(word.get_ref()).eq([word.get_ref().as_str()]);
        if !is_one || folded.chars().count() < SHORTEST {
            let message = format!("expected the beginning of a word, of {SHORTEST} letters and more");
            table.fault(word.span(), message);
        }
        beginnings.push(folded);
    }
    beginnings
}

#[cfg(test)]
mod tests {
    use crate::fault::Fault;
    use crate::panel::Panel;

    /// `a` and `b` need nothing, `sum` needs both and names the answer of `a`.
    fn parse(top: &str, rest: &str) -> Result<Panel, Vec<Fault>> {
        let query = |id: &str, more: &str| {
            format!("[[query]]\nid = \"{id}\"\nprompt = \"{id}.md\"\non_fail = \"continue\"\n{more}\n")
        };
        let queries = [query("a", ""), query("b", ""), query("sum", "needs = [\"a\", \"b\"]")].concat();
        let toml = format!("title = \"T\"\n{top}\n{queries}{rest}");
        let files = |path: &str| match path {
            "panel.toml" => Some(toml.clone().into_bytes()),
            "a.md" | "b.md" => Some(b"{{ question }}".to_vec()),
            "sum.md" => {
                Some(b"{{ answers.a }}{% for other in others %}{{ other.answer }}{% endfor %}".to_vec())
            }
            "schema.json" => Some(
                b"{\"properties\": {\"mode\": {\"enum\": [\"main\"]}}, \"additionalProperties\": false}"
                    .to_vec(),
            ),
            _ => None,
        };
        Panel::parse("p".parse().unwrap(), &files)
    }

    const LAST: &str = "[[mode.auto]]\nchoose = \"main\"\nbecause = \"so\"\n";

    /// Lines below `[mode]` and its default, and the fault: message, marked text, help.
    #[rustfmt::skip]
    const ROWS: [(&str, &str, &str, &str); 34] = [
        ("", "there is no mode", "[mode]", "add [mode.NAME]"),
        ("[mode.mian]", "there is no mode \"main\"", "\"main\"", "did you mean \"mian\"?"),
        ("defalt = 3\n[mode.main]", "\"defalt\" is no mode", "defalt", "did you mean \"default\"?"),
        ("[mode.main]\n[mode.\"M m\"]", "mode name: does not begin with a lower-case letter", "\"M m\"", ""),
        ("[mode.main]\nasks = [\"a\"]", "unknown key \"asks\" in [mode.main]", "asks", "did you mean \"ask\"?"),
        ("[mode.main]\ntitle = \"\"", "the title is empty", "\"\"", ""),
        ("[mode.main]\nask = [\"smu\", \"a\"]", "there is no query \"smu\"", "\"smu\"", "did you mean \"sum\"?"),
        ("[mode.main]\nask = [\"a\", \"a\"]", "\"a\" is listed twice", "\"a\"", ""),
        ("[mode.main]\nask = [\"a\"]\nleave_out = [\"b\"]", "a mode has either \"ask\" or \"leave_out\"", "[\"b\"]", ""),
        ("[mode.main]\nask = []", "mode \"main\" asks nobody", "[]", ""),
        ("[mode.main]\nleave_out = [\"a\", \"b\", \"sum\"]", "mode \"main\" asks nobody", "[\"a\", \"b\", \"sum\"]", ""),
        ("[mode.main]\nask = [\"sum\"]", "\"sum\" is asked, and nothing of what it needs", "[\"sum\"]", ""),
        ("[mode.main]\nleave_out = [\"a\"]", "\"sum\" is asked, and names the answer of \"a\", which is not", "[\"a\"]", "use others in its prompt"),
        ("[mode.main]\nfirst = [\"a\"]", "\"first\" needs a \"doubt\"", "[\"a\"]", "add doubt = \"answers is hedging\""),
        ("[mode.main]\ndoubt = \"true\"", "\"doubt\" needs those whose answers it is about", "\"true\"", "add first = [...]"),
        ("[mode.main]\nfirst = [\"c\"]\ndoubt = \"true\"", "there is no query \"c\"", "\"c\"", ""),
        ("[mode.main]\nfirst = []\ndoubt = \"true\"", "a cascade needs some that begin and some that come after them", "[]", ""),
        ("[mode.main]\nask = [\"a\"]\nfirst = [\"a\"]\ndoubt = \"true\"", "a cascade needs some that begin and some that come after them", "[\"a\"]", ""),
        ("[mode.main]\nleave_out = [\"b\"]\nfirst = [\"b\"]\ndoubt = \"true\"", "\"b\" takes no part in this mode", "\"b\"", ""),
        ("[mode.main]\nfirst = [\"sum\"]\ndoubt = \"true\"", "\"sum\" begins and waits for \"a\", which comes later", "\"sum\"", ""),
        ("[mode.main]\nfirst = [\"a\"]\ndoubt = \"answers.b is hedging\"", "doubt: the condition uses the answer of \"b\", which its query does not need", "answers.b", "*"),
        ("[mode.main]\nfirst = [\"a\"]\ndoubt = \"answers.a is hegding\"", "doubt: there is no test \"hegding\"", "hegding", "did you mean \"hedging\"?"),
        ("[mode.main]\nfirst = [\"a\"]\ndoubt = \"true\"\n[merge]\ngrace = \"1s\"", "a grace would count from the answer of the first, before the others begin", "[\"a\"]", ""),
        ("[mode.main]\n[[mode.auto]]\nchoose = \"mian\"\nbecause = \"so\"", "there is no mode \"mian\"", "\"mian\"", "did you mean \"main\"?"),
        ("[mode.main]\n[[mode.auto]]\nchoose = \"main\"", "missing key \"because\" in [[mode.auto]]", "[[mode.auto]]", ""),
        ("[mode.main]\n[[mode.auto]]\nwords = [\"risk\"]\nchoose = \"main\"\nbecause = \"so\"", "the last rule has to hold always", "[[mode.auto]]", "add one without words and when"),
        ("[mode.main]\nLAST\nLAST", "this rule holds always, so none after it is reached", "[[mode.auto]]", "add words = [...] or when = \"...\""),
        ("[mode.main]\n[[mode.auto]]\nwords = [\"risk\"]\nwhen = \"input.x\"\nchoose = \"main\"\nbecause = \"so\"\nLAST", "a rule has either \"words\" or \"when\"", "[\"risk\"]", ""),
        ("[mode.main]\n[[mode.auto]]\nwords = []\nchoose = \"main\"\nbecause = \"so\"\nLAST", "there is no word", "[]", ""),
        ("[mode.main]\n[[mode.auto]]\nwords = [\"at risk\"]\nchoose = \"main\"\nbecause = \"so\"\nLAST", "expected the beginning of a word, of 3 letters and more", "\"at risk\"", ""),
        ("[mode.main]\n[[mode.auto]]\nwords = [\"of\"]\nchoose = \"main\"\nbecause = \"so\"\nLAST", "expected the beginning of a word, of 3 letters and more", "\"of\"", ""),
        ("[mode.main]\n[[mode.auto]]\nwhen = \"answers.a\"\nchoose = \"main\"\nbecause = \"so\"\nLAST", "when: \"answers\" is not known before the run begins", "answers", "*"),
        ("[mode.main]\n[[mode.auto]]\nwhen = \"input.x\"\nchoose = \"main\"\nbecause = \"so {words}\"\nLAST", "a reason cannot name {words}", "because", "here it may name {length}"),
        ("[mode.main]\n[[mode.auto]]\nwords = [\"risk\"]\nchoose = \"main\"\nbecause = { en = \"{wrods}\" }\nLAST", "a reason cannot name {wrods}", "because", "here it may name {words} and {length}"),
    ];

    fn marked(fault: &Fault) -> String {
        let mark = fault.marks.first().unwrap_or_else(|| panic!("{fault}"));
        let (start, len) = mark.caret;
        mark.source_line.chars().skip(start).take(len).collect()
    }

    #[test]
    fn every_fault_of_modes_is_told_where_it_stands() {
        for (lines, message, mark, help) in ROWS {
            let lines = format!("[mode]\ndefault = \"main\"\n{}", lines.replace("LAST", LAST));
            let faults = parse("", &lines).unwrap_err();
            let shown: String = faults.iter().map(|fault| format!("{fault}\n")).collect();
            let Some(fault) = faults.iter().find(|fault| fault.message == message) else {
                panic!("no {message:?} in\n{shown}")
            };
            assert_eq!(marked(fault), mark, "\n{shown}");
            let told = fault.help.as_deref().unwrap_or_default();
            match help.strip_suffix('*') {
                Some(_) => {}
                None => assert_eq!(told, help, "\n{shown}"),
            }
        }
    }

    #[test]
    fn what_stands_against_the_modes_elsewhere_is_told_as_well() {
        let mode = "[mode]\ndefault = \"main\"\n[mode.main]\n";
        let only = |top: &str, rest: &str| {
            let faults = parse(top, rest).unwrap_err();
            let [fault] = &faults[..] else { panic!("{faults:?}") };
            fault.message.clone()
        };
        assert_eq!(only("", "[mode]\n[mode.main]\n"), "missing key \"default\" in [mode]");
        assert_eq!(only("", "[mode]\ndefault = \"auto\"\n[mode.main]\n"), "nothing chooses a mode");
        assert_eq!(only("input = \"schema.json\"", mode), "the input's schema has a \"mode\" of its own");
        assert_eq!(
            only("input = { mode = \"optional\" }", mode),
            "the input's schema has a \"mode\" of its own"
        );
        let both = parse("", &format!("{mode}ask = [\"aa\"]\nfirst = [\"bb\"]\n{LAST}x = 1\n")).unwrap_err();
        assert!(both.len() >= 4, "all at once: {both:?}");
    }

    #[test]
    fn the_modes_are_what_the_input_may_say() {
        let panel = |top: &str, more: &str| {
            parse(top, &format!("[mode]\ndefault = \"main\"\n[mode.main]\n[mode.mian]\n{more}")).unwrap()
        };
        let input = panel("input = { x = \"optional\" }", LAST).input.unwrap();
        assert_eq!(input["properties"]["mode"]["enum"], serde_json::json!(["main", "mian", "auto"]));
        assert_eq!(
            (&input["additionalProperties"], &input["properties"]["x"]),
            (&false.into(), &serde_json::json!({}))
        );
        let input = panel("", "").input.unwrap();
        assert_eq!(input["properties"]["mode"]["enum"], serde_json::json!(["main", "mian"]));
    }
}
