//! Faulty panels: what is said, where, and what the carets mark.

use std::time::Duration;

use super::*;
use crate::fault::Mark;
use crate::panel::Merge;
use crate::panel::ModelChoice;
use crate::panel::OnFail;

const PANEL: &str = r#"title = "T"

[limits]
first_content = "10s"
per_query = "60s"

[[query]]
id = "first"
prompt = "prompts/a.md"
output = "schema/a.json"

[[query]]
id = "second"
needs = ["first"]
prompt = "prompts/b.md"
temperature = 0.5

[merge]
need = 1
"#;

const SIMULATED: &str = r#"[first]
attempts = [{ wait = "1s", answer = "simulated/a.json" }]

[second]
attempts = [
    { fail = "rate_limited", retry_after = "1s" },
    { over = "0.5s", tokens_per_chunk = 2, answer = "simulated/b.txt" },
]
"#;

/// The files of a panel without fault.
fn sound() -> BTreeMap<String, Vec<u8>> {
    let files = [
        ("panel.toml", PANEL),
        ("simulated.toml", SIMULATED),
        ("prompts/a.md", "@system\nBe brief.\n@user\n{{ question }}\n"),
        ("prompts/b.md", "{{ answers.first }}\n{{ question }}\n"),
        ("schema/a.json", "{\n  \"type\": \"object\",\n  \"required\": [\"x\"]\n}\n"),
        ("simulated/a.json", "{\"x\": 1}\n"),
        ("simulated/b.txt", "Yes.\n"),
    ];
    files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into()
}

fn parse(files: &BTreeMap<String, Vec<u8>>) -> Result<Panel, Vec<Fault>> {
    Panel::parse("p".parse().unwrap(), &|path| files.get(path).cloned())
}

/// A sound panel in which `from` became `to` in one file; an empty `from` replaces the file.
fn edited(file: &str, from: &str, to: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = sound();
    let old = String::from_utf8(files[file].clone()).unwrap();
    assert!(old.contains(from), "{from}");
    let new = if from.is_empty() { to.to_owned() } else { old.replacen(from, to, 1) };
    files.insert(file.to_owned(), new.into_bytes());
    files
}

/// What the carets stand under.
fn marked(mark: &Mark) -> String {
    let (start, len) = mark.caret;
    mark.source_line.chars().skip(start).take(len).collect()
}

/// Old and new text, and the fault: file, message, line, marked text, help. `*` stands for anything.
type Row = (&'static str, &'static str, &'static str, &'static str, usize, &'static str, &'static str);

#[rustfmt::skip]
const PANEL_ROWS: [Row; 91] = [
    // edited text, new text, file of the fault, message, line, marked, help
    ("[merge]", "[merg]", "panel.toml", "unknown key \"merg\"", 18, "merg", "did you mean \"merge\"?"),
    ("per_query = ", "perquery = ", "panel.toml", "unknown key \"perquery\" in [limits]", 5, "perquery", "did you mean \"per_query\"?"),
    ("temperature =", "temprature =", "panel.toml", "unknown key \"temprature\" in [[query]] \"second\"", 16, "temprature", "did you mean \"temperature\"?"),
    ("need = 1", "[merge.fields]\nx = \"frist\"", "panel.toml", "unknown rule \"frist\"", 20, "\"frist\"", "did you mean \"first\"?"),
    ("need = 1", "[merge.fields]\nx = \"worst\"", "panel.toml", "\"worst\" needs an order, from best to worst", 20, "\"worst\"", "write { rule = \"worst\", order = [...] }"),
    ("need = 1", "[merge.fields]\nx = { rule = \"worst\", order = 3 }", "panel.toml", "expected a list of values, from best to worst, found 3", 20, "3", ""),
    ("need = 1", "[merge.fields]\nx = { rule = \"mean\", key = \"id\" }", "panel.toml", "only \"union\" has a key", 20, "\"id\"", ""),
    ("need = 1", "[merge.fields]\nx = { rule = \"mean\", order = [1] }", "panel.toml", "only \"worst\" has an order", 20, "[1]", ""),
    ("need = 1", "[merge.fields]\nx = { form = [\"first\"] }", "panel.toml", "unknown key \"form\" in [merge.fields.x]", 20, "form", "did you mean \"from\"?"),
    ("need = 1", "[merge.fields]\nx = { from = [\"frist\"] }", "panel.toml", "there is no query \"frist\"", 20, "\"frist\"", "did you mean \"first\"?"),
    ("need = 1", "[merge.fields]\nrest = \"first\"", "panel.toml", "\"rest\" is a key of every merged result", 20, "rest", ""),
    ("need = 1", "[merge.fields]\nx = 3", "panel.toml", "expected a rule such as \"first\", or a table such as { rule = \"first\" }, found 3", 20, "3", ""),
    ("need = 1", "need = \"2 of 5\"", "panel.toml", "1 query needs no other, not 5", 19, "\"2 of 5\"", "write \"1 of 1\""),
    ("need = 1", "need = \"2 of 1\"", "panel.toml", "\"need\" must lie between 1 and the number of queries that need no other, 1", 19, "\"2 of 1\"", ""),
    ("need = 1", "need = \"two\"", "panel.toml", "expected a whole number or a text such as \"3 of 5\", found \"two\"", 19, "\"two\"", ""),
    ("need = 1", "need = true", "panel.toml", "expected a whole number or a text such as \"3 of 5\", found true", 19, "true", ""),
    ("need = 1", "need = 1\ngrace = 4", "panel.toml", "expected a duration such as \"30s\" or \"2m\", found 4", 20, "4", "write \"4s\""),
    ("need = 1", "need = 1\ngrace = \"4s\"", "panel.toml", "the grace has no effect: all 1 queries that need no other are needed", 20, "\"4s\"", ""),
    ("needs = [\"first\"]\nprompt = \"prompts/b.md\"\ntemperature = 0.5\n\n[merge]\nneed = 1", "prompt = \"prompts/a.md\"\n[merge]\ngrace = \"60s\"", "panel.toml", "grace (60s) must be shorter than per_query (60s)", 16, "\"60s\"", ""),
    ("[merge]\nneed = 1", "[[query]]\nid = \"third\"\nprompt = \"prompts/a.md\"\n[merge]\ngrace = \"4s\"", "panel.toml", "the grace cancels who is late, and without \"first\" those that need it are skipped", 22, "\"4s\"", "give \"first\" an on_fail"),
    ("\"60s\"", "60", "panel.toml", "expected a duration such as \"30s\" or \"2m\", found 60", 5, "60", "write \"60s\""),
    ("\"60s\"", "\"60 sec\"", "panel.toml", "expected a duration such as \"30s\" or \"2m\", found \"60 sec\"", 5, "\"60 sec\"", ""),
    ("\"60s\"", "\"0s\"", "panel.toml", "\"per_query\" must be longer than 0", 5, "\"0s\"", ""),
    ("\"60s\"", "\"999h\"", "panel.toml", "longer than 7 days", 5, "\"999h\"", ""),
    ("\"60s\"", "\"9s\"", "panel.toml", "first_content (10s) must be no longer than per_query (9s)", 4, "\"10s\"", ""),
    ("per_query = \"60s\"", "connect = \"10s\"", "panel.toml", "connect (10s) must be shorter than first_content (10s)", 5, "\"10s\"", ""),
    ("per_query = \"60s\"", "overall = \"5s\"", "panel.toml", "first_content (10s) must be no longer than overall (5s)", 4, "\"10s\"", ""),
    ("temperature = 0.5", "timeout = \"5s\"", "panel.toml", "first_content (10s) must be no longer than timeout (5s)", 16, "\"5s\"", ""),
    ("temperature = 0.5", "[merge]", "panel.toml", "not TOML: duplicate key", 18, "merge", ""),
    ("per_query = \"60s\"", "overall = \"20s\"\n[[query]]\nid = \"x\"\nprompt = \"prompts/a.md\"\ntimeout = \"30s\"", "panel.toml", "timeout (30s) must be no longer than overall (20s)", 9, "\"30s\"", ""),
    ("temperature = 0.5", "first_content = \"90s\"", "panel.toml", "first_content (90s) must be no longer than per_query (60s)", 16, "\"90s\"", ""),
    ("per_query = \"60s\"", "scope = \"remot\"", "panel.toml", "expected one of \"any\", \"remote\", found \"remot\"", 5, "\"remot\"", "did you mean \"remote\"?"),
    ("title = \"T\"", "", "panel.toml", "missing key \"title\"", 0, "", ""),
    ("title = \"T\"", "title = 3", "panel.toml", "expected a text or a table such as { en = \"...\" }, found 3", 1, "3", ""),
    ("title = \"T\"", "title = \"\"", "panel.toml", "the title is empty", 1, "\"\"", ""),
    ("title = \"T\"", "title = { cs = \"T\" }", "panel.toml", "missing key \"en\" in [title]", 1, "{ cs = \"T\" }", ""),
    ("title = \"T\"", "title = { en = \"T\", Czech = \"T\" }", "panel.toml", "\"Czech\" is not a language such as en or cs", 1, "Czech", ""),
    ("id = \"second\"\n", "", "panel.toml", "missing key \"id\" in [[query]]", 12, "[[query]]", ""),
    ("prompt = \"prompts/b.md\"\n", "", "panel.toml", "missing key \"prompt\" in [[query]]", 12, "[[query]]", ""),
    ("id = \"second\"", "id = \"Second one\"", "panel.toml", "query name: does not begin with a lower-case letter", 13, "\"Second one\"", ""),
    ("id = \"second\"", "id = 2", "panel.toml", "expected a text, found 2", 13, "2", ""),
    ("[\"first\"]", "[\"frist\"]", "panel.toml", "query \"second\" waits for \"frist\", which does not exist", 14, "\"frist\"", "did you mean \"first\"?"),
    ("prompts/b.md", "prompts/a.md", "panel.toml", "\"second\" waits for \"first\" and uses nothing of it", 14, "\"first\"", "put answers.first or others into its prompt, or take it out of needs"),
    ("[\"first\"]", "[\"first\", \"first\"]", "panel.toml", "query \"second\" waits for \"first\" twice", 14, "\"first\"", ""),
    ("[\"first\"]", "\"first\"", "panel.toml", "expected a list of texts, found \"first\"", 14, "\"first\"", ""),
    ("[\"first\"]", "[\"first\", 7]", "panel.toml", "expected a text, found 7", 14, "7", ""),
    ("[\"first\"]", "[\"first\", \"second\"]", "panel.toml", "cycle: second -> second", 14, "\"second\"", ""),
    ("temperature = 0.5", "models = []", "panel.toml", "the query has no model", 16, "[]", "write [\"default\"]"),
    ("temperature = 0.5", "models = [\"default\", \"default\"]", "panel.toml", "\"default\" is listed twice", 16, "\"default\"", ""),
    ("temperature = 0.5", "models = [\"GPT 5\"]", "panel.toml", "provider name: does not begin with a lower-case letter; write \"provider/model\"", 16, "\"GPT 5\"", ""),
    ("temperature = 0.5", "models = [\"openai/\"]", "panel.toml", "\"openai/\" names no model; write \"provider/model\"", 16, "\"openai/\"", ""),
    ("temperature = 0.5", "temperature = 2.1", "panel.toml", "the temperature must lie between 0 and 2", 16, "2.1", ""),
    ("temperature = 0.5", "temperature = nan", "panel.toml", "expected a number, found nan", 16, "nan", ""),
    ("temperature = 0.5", "temperature = \"hot\"", "panel.toml", "expected a number, found \"hot\"", 16, "\"hot\"", ""),
    ("temperature = 0.5", "max_tokens = 0", "panel.toml", "\"max_tokens\" must lie between 1 and 4294967295", 16, "0", ""),
    ("need = 1", "need = 3", "panel.toml", "\"need\" must lie between 1 and the number of queries, 2", 19, "3", ""),
    ("need = 1", "need = 0", "panel.toml", "\"need\" must lie between 1 and the number of queries, 2", 19, "0", ""),
    ("need = 1", "need = -1", "panel.toml", "expected a whole number or a text such as \"3 of 5\", found -1", 19, "-1", ""),
    ("need = 1", "flatten = true", "panel.toml", "\"flatten\" needs a report to flatten", 19, "true", "add report = \"construction\""),
    ("need = 1", "flatten = \"yes\"", "panel.toml", "expected true or false, found \"yes\"", 19, "\"yes\"", ""),
    ("need = 1", "flatten = true\nreport = \"konstruction\"", "panel.toml", "expected one of \"construction\", \"members\", found \"konstruction\"", 20, "\"konstruction\"", "did you mean \"construction\"?"),
    ("title = \"T\"", "title = \"T\"\nchecks = \"all\"", "panel.toml", "expected \"construction\", found \"all\"", 2, "\"all\"", ""),
    ("title = \"T\"", "title = \"T\"\ninput = 1", "panel.toml", "expected a schema file or a table such as { boq = \"optional\" }, found 1", 2, "1", ""),
    ("title = \"T\"", "title = \"T\"\ninput = { boq = \"optionl\" }", "panel.toml", "expected one of \"required\", \"optional\", found \"optionl\"", 2, "\"optionl\"", "did you mean \"optional\"?"),
    ("title = \"T\"", "title = \"T\"\ninput = { question = \"optional\" }", "panel.toml", "a question is always required", 2, "\"optional\"", ""),
    ("\"prompts/b.md\"", "\"prompts/c.md\"", "panel.toml", "there is no file \"prompts/c.md\" in the panel's folder", 15, "\"prompts/c.md\"", ""),
    ("\"prompts/b.md\"", "\"/etc/passwd\"", "panel.toml", "an absolute path: paths are relative to the panel's folder and stay in it", 15, "\"/etc/passwd\"", ""),
    ("\"prompts/b.md\"", "\"prompts/../../b.md\"", "panel.toml", "a path with \".\", \"..\" or an empty part: paths are relative to the panel's folder and stay in it", 15, "\"prompts/../../b.md\"", ""),
    ("temperature = 0.5", "when = \"langage == 'cs'\"", "panel.toml", "when: undefined variable \"langage\"", 16, "langage", "did you mean \"language\"?"),
    ("temperature = 0.5", "when = \"answers.frist.x > 3\"", "panel.toml", "when: the condition uses the answer of \"frist\", which its query does not need", 16, "answers.frist", "did you mean \"first\"?"),
    ("temperature = 0.5", "when = \"input.x ==\"", "panel.toml", "when: syntax error: unexpected end of input, expected expression", 16, "*", ""),
    ("temperature = 0.5", "when = true", "panel.toml", "expected a text, found true", 16, "true", ""),
    ("temperature = 0.5", "when = \"a\\tb\"", "panel.toml", "when: syntax error: unexpected input after expression", 16, "\"a\\tb\"", ""),
    ("temperature = 0.5", "on_fail = \"skp\"", "panel.toml", "expected one of \"skip\", \"default\", \"continue\", found \"skp\"", 16, "\"skp\"", "did you mean \"skip\"?"),
    ("temperature = 0.5", "on_fail = \"default\"", "panel.toml", "on_fail = \"default\" needs a default", 16, "\"default\"", "add default = ..."),
    ("temperature = 0.5", "default = \"no\"", "panel.toml", "a default that nothing uses", 16, "\"no\"", "add on_fail = \"default\""),
    ("temperature = 0.5", "on_fail = \"default\"\ndefault = 7", "panel.toml", "expected a text, as the query has no \"output\", found 7", 17, "7", ""),
    ("temperature = 0.5", "on_fail = \"default\"\ndefault = \" \"", "panel.toml", "expected a text, as the query has no \"output\", found \" \"", 17, "\" \"", ""),
    ("temperature = 0.5", "on_fail = \"default\"\ndefault = inf", "panel.toml", "expected a value that JSON has as well, found inf", 17, "inf", ""),
    ("output = \"schema/a.json\"", "output = \"schema/a.json\"\non_fail = \"default\"\ndefault = { y = 1 }", "panel.toml", "the default does not fit the query's schema: \"x\" is a required property", 12, "{ y = 1 }", ""),
    ("output = \"schema/a.json\"", "output = \"schema/a.json\"\non_fail = \"default\"\ndefault = \"no\"", "panel.toml", "the default does not fit the query's schema: \"no\" is not of type \"object\"", 12, "\"no\"", ""),
    ("temperature = 0.5", "on_fail = \"default\"\ndefault = \"DEFAULT\"", "panel.toml", "the default is longer than 2 KiB", 17, "*", ""),
    ("temperature = 0.5", "for_each = \"models\"", "panel.toml", "expected \"model\", found \"models\"", 16, "\"models\"", "did you mean \"model\"?"),
    ("temperature = 0.5", "icon = \"\"", "panel.toml", "an icon is a sign or a word of 1 to 16 characters", 16, "\"\"", ""),
    ("temperature = 0.5", "role = { cs = \"x\" }", "panel.toml", "missing key \"en\" in *", 16, "*", ""),
    ("need = 1", "need = 1\ndissent = \"first\"", "panel.toml", "\"dissent\" belongs to a report of members", 20, "\"first\"", "add report = \"members\""),
    ("need = 1", "report = \"members\"\ndissent = \"second\"", "panel.toml", "\"second\" needs others, so it is no member", 20, "\"second\"", ""),
    ("need = 1", "report = \"members\"\nsynthesis = \"first\"", "panel.toml", "\"first\" needs no other", 20, "\"first\"", ""),
    ("need = 1", "report = \"members\"\nsynthesis = \"secnd\"", "panel.toml", "there is no query \"secnd\"", 20, "\"secnd\"", "did you mean \"second\"?"),
    ("need = 1", "need = \"1 of first\"", "panel.toml", "expected a whole number or a text such as *", 19, "\"1 of first\"", ""),
    ("need = 1", "need 1", "panel.toml", "not TOML: key with no value, expected `=`", 19, "1", ""),
];

#[rustfmt::skip]
const OTHER_ROWS: [Row; 21] = [
    ("Be brief.", "{{ qestion }}", "prompts/a.md", "undefined variable \"qestion\"", 2, "qestion", "did you mean \"question\"?"),
    ("{{ question }}", "{% if question %}", "prompts/a.md", "template: syntax error: unexpected end of input, expected end of block", 4, "*", ""),
    ("@user\n{{ question }}", "", "prompts/a.md", "the prompt has no message of the user", 1, "@", ""),
    ("answers.first", "answers.frist", "prompts/b.md", "the prompt uses the answer of \"frist\", which its query does not need", 1, "answers.frist", "did you mean \"first\"?"),
    ("\"object\",", "\"object\"", "schema/a.json", "not JSON: expected `,` or `}`", 3, "\"", ""),
    ("[\"x\"]\n}", "[\"x\"]", "schema/a.json", "not JSON: EOF while parsing an object", 4, "*", ""),
    ("\"object\"", "\"objekt\"", "schema/a.json", "not a JSON Schema: \"objekt\" is not valid under any of the schemas listed in the 'anyOf' keyword, at /type", 0, "", ""),
    ("\"required\": [\"x\"]", "\"$ref\": \"https://example.org/s.json\"", "schema/a.json", "not a JSON Schema: *", 0, "", ""),
    ("\"required\": [\"x\"]", "\"$ref\": \"file:///etc/passwd\"", "schema/a.json", "not a JSON Schema: *", 0, "", ""),
    ("\"required\": [\"x\"]", "\"patternProperties\": {\"(\": {}}", "schema/a.json", "not a JSON Schema: *", 0, "", ""),
    ("\"required\": [\"x\"]", "\"pattern\": \"(a+)+(?=b)\"", "schema/a.json", "not a JSON Schema: *", 0, "", ""),
    ("", "[]", "schema/a.json", "a JSON Schema is an object", 1, "[", ""),
    ("\"x\": 1", "\"x\": ", "simulated/a.json", "not JSON: expected value", 1, "}", ""),
    ("\"x\"", "\"y\"", "simulated/a.json", "the simulated answer does not fit the query's schema: \"x\" is a required property", 0, "", ""),
    ("[first]", "[fist]", "simulated.toml", "unknown key \"fist\"", 1, "fist", "did you mean \"first\"?"),
    ("wait = \"1s\"", "wait = 1", "simulated.toml", "expected a duration such as \"30s\" or \"2m\", found 1", 2, "1", "write \"1s\""),
    ("\"rate_limited\"", "\"ratelimited\"", "simulated.toml", "expected one of *", 6, "\"ratelimited\"", "did you mean \"rate_limited\"?"),
    ("fail = \"rate_limited\", ", "", "simulated.toml", "an attempt has either an answer or a failure", 6, "{ retry_after = \"1s\" }", ""),
    ("tokens_per_chunk = 2", "tokens_per_chunk = 0", "simulated.toml", "\"tokens_per_chunk\" must lie between 1 and 10000", 7, "0", ""),
    ("simulated/a.json", "simulated/c.json", "simulated.toml", "there is no file \"simulated/c.json\" in the panel's folder", 2, "\"simulated/c.json\"", ""),
    ("attempts = [{ wait = \"1s\", answer = \"simulated/a.json\" }]", "attempts = []", "simulated.toml", "the script of \"first\" has no attempt", 1, "[first]", ""),
];

fn check(edited_file: &str, (from, to, file, message, line, mark, help): Row) {
    let to = to.replace("DEFAULT", &"x".repeat(2047));
    let faults = parse(&edited(edited_file, from, &to)).unwrap_err();
    let shown: String = faults.iter().map(|fault| format!("{fault}\n")).collect();
    // Some edits have a second effect, such as a variable that no longer exists.
    let same = |fault: &&Fault| match message.strip_suffix('*') {
        Some(start) => fault.message.starts_with(start),
        None => fault.message == message,
    };
    let Some(fault) = faults.iter().find(same) else { panic!("no {message:?} in\n{shown}") };
    assert_eq!((fault.file.as_str(), fault.line()), (file, line), "\n{shown}");
    assert_eq!(fault.help.as_deref().unwrap_or_default(), help, "\n{shown}");
    if mark != "*" {
        assert_eq!(fault.marks.first().map(marked).unwrap_or_default(), mark, "\n{shown}");
    }
    if let Some(mark) = fault.marks.first() {
        assert_eq!(mark.column, mark.caret.0 + 1, "\n{shown}");
    }
}

#[test]
fn every_fault_of_a_panel_is_told_where_it_stands() {
    for row in PANEL_ROWS {
        check("panel.toml", row);
    }
}

#[test]
fn every_fault_of_the_other_files_is_told_where_it_stands() {
    for row in OTHER_ROWS {
        let (_, _, file, ..) = row;
        check(file, row);
    }
}

#[test]
fn a_sound_panel_is_read_whole() {
    let panel = parse(&sound()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let second = &panel.queries[1];
    assert_eq!(second.needs, ["first".parse().unwrap()]);
    assert_eq!(
        (second.models.as_slice(), second.title.0["en"].as_str()),
        ([ModelChoice::Default].as_slice(), "second")
    );
    assert_eq!(panel.merge, Merge::needing(1));
    assert_eq!((panel.limits.connect, panel.limits.per_query), (None, Some(Duration::from_secs(60))));
    let steps: Vec<(Duration, usize)> =
        panel.simulated[&second.name].iter().map(|step| (step.over, step.chunk)).collect();
    assert_eq!(steps, [(Duration::ZERO, 16), (Duration::from_millis(500), 8)]);
}

#[test]
fn what_is_asked_of_each_model_has_no_answer_of_one_name() {
    let each = |from: &str, to: &str| {
        let lines = "output = \"schema/a.json\"\nfor_each = \"model\"";
        let mut files = edited("panel.toml", "output = \"schema/a.json\"", lines);
        let panel = String::from_utf8(files["panel.toml"].clone()).unwrap().replacen(from, to, 1);
        files.insert("panel.toml".into(), panel.into_bytes());
        parse(&files)
    };
    let faults = each("", "").unwrap_err();
    let [fault] = &faults[..] else { panic!("{faults:?}") };
    assert_eq!(fault.message, "\"first\" is asked of each model, so there is no answers.first");
    let faults = each("need = 1", "need = \"1 of 1\"").unwrap_err();
    assert!(faults.iter().any(|fault| fault.help.as_deref() == Some("write \"1 of first\"")), "{faults:?}");
}

#[test]
fn a_query_says_what_its_failure_means() {
    let of = |lines: &str| {
        let edited = edited(
            "panel.toml",
            "output = \"schema/a.json\"",
            &format!("output = \"schema/a.json\"\n{lines}"),
        );
        parse(&edited).unwrap_or_else(|faults| panic!("{faults:#?}")).queries[0].on_fail.clone()
    };
    assert_eq!((of(""), of("on_fail = \"skip\"")), (OnFail::Skip, OnFail::Skip));
    assert_eq!(of("on_fail = \"continue\""), OnFail::Continue);
    let default =
        of("on_fail = \"default\"\ndefault = { x = [-1, 0.5, true, 2026-01-02], a = { b = \"c\" } }");
    assert_eq!(
        default,
        OnFail::Default(Arc::new(json!({"x": [-1, 0.5, true, "2026-01-02"], "a": {"b": "c"}})))
    );
}

#[test]
fn a_byte_order_mark_is_no_fault() {
    let mut files = sound();
    for text in files.values_mut() {
        text.splice(0..0, "\u{feff}".bytes());
    }
    assert!(parse(&files).is_ok());
}

#[test]
fn all_faults_are_told_at_once() {
    let mut files = edited("panel.toml", "title = \"T\"", "titel = \"T\"");
    let toml = String::from_utf8(files["panel.toml"].clone()).unwrap();
    let toml = toml
        .replace("\"60s\"", "60")
        .replace("0.5", "5")
        .replace("[\"first\"]", "[\"frst\"]")
        .replace("need = 1", "need = 9");
    files.insert("panel.toml".to_owned(), toml.into_bytes());
    files.insert("prompts/a.md".to_owned(), b"{{ a }} {{ b }}".to_vec());
    files.insert("schema/a.json".to_owned(), b"{".to_vec());
    files.insert("simulated.toml".to_owned(), b"x = 1".to_vec());
    let faults = parse(&files).unwrap_err();
    let told: Vec<(&str, usize)> = faults.iter().map(|fault| (fault.file.as_str(), fault.line())).collect();
    let expected = [
        ("panel.toml", 0),
        ("panel.toml", 1),
        ("panel.toml", 5),
        ("panel.toml", 14),
        ("panel.toml", 16),
        ("panel.toml", 19),
        ("prompts/a.md", 1),
        ("prompts/a.md", 1),
        ("schema/a.json", 1),
        ("prompts/b.md", 1),
        ("simulated.toml", 1),
    ];
    assert_eq!(told, expected, "{}", faults.iter().map(|fault| format!("{fault}\n")).collect::<String>());
}

/// The files of a panel like this, with a second prompt that takes all answers.
fn chained(toml: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = edited("panel.toml", "", toml);
    files.remove("simulated.toml");
    files.insert(
        "prompts/b.md".to_owned(),
        b"{% for other in others %}{{ other.answer }}{% endfor %}".to_vec(),
    );
    files
}

#[test]
fn a_cycle_is_shown_with_its_lines() {
    let query = |id: &str, need: &str| {
        format!("[[query]]\nid = \"{id}\"\nneeds = [\"{need}\"]\nprompt = \"prompts/b.md\"\n")
    };
    let toml = format!(
        "title = \"T\"\n{}{}{}{}",
        query("a", "b"),
        query("b", "c"),
        query("c", "a"),
        query("d", "a")
    );
    let files = chained(&toml);
    let faults = parse(&files).unwrap_err();
    let shown: Vec<String> =
        faults.into_iter().map(|fault| fault.within("panels/loop").to_string()).collect();
    assert_eq!(shown, ["error: cycle: a -> b -> c -> a   (panels/loop/panel.toml:4, :8, :12)"]);
}

#[test]
fn size_and_depth_have_limits() {
    let chain = |count: usize| {
        let query = |n: usize| {
            let needs = if n == 0 { String::new() } else { format!("needs = [\"q{}\"]\n", n - 1) };
            format!("[[query]]\nid = \"q{n}\"\n{needs}prompt = \"prompts/b.md\"\n")
        };
        let toml = format!("title = \"T\"\n{}", (0..count).map(query).collect::<String>());
        parse(&chained(&toml))
    };
    assert!(chain(16).is_ok());
    let faults = chain(17).unwrap_err();
    assert_eq!(
        (faults[0].message.as_str(), faults[0].line()),
        ("a chain of 17 queries; at most 16 are possible", 66)
    );
    assert!(faults[0].note.as_ref().unwrap().starts_with("q16 -> q15 -> "));
    let many = |count: usize| {
        let toml: String =
            (0..count).map(|n| format!("[[query]]\nid = \"q{n}\"\nprompt = \"prompts/a.md\"\n")).collect();
        let mut files = edited("panel.toml", "", &format!("title = \"T\"\n{toml}"));
        files.remove("simulated.toml");
        parse(&files)
    };
    assert!(many(64).is_ok());
    let faults = many(65).unwrap_err();
    assert_eq!(
        (faults[0].message.as_str(), faults[0].line()),
        ("the panel has 65 queries; at most 64 are possible", 194)
    );
}

#[test]
fn a_query_is_defined_once() {
    let edited = edited("panel.toml", "id = \"second\"\nneeds = [\"first\"]", "id = \"first\"");
    let faults = parse(&edited).unwrap_err();
    let told: Vec<(&str, usize)> =
        faults.iter().map(|fault| (fault.message.as_str(), fault.line())).collect();
    assert!(told.contains(&("query \"first\" is already defined in line 8", 13)), "{told:?}");
}

#[test]
fn a_missing_or_unreadable_file_is_one_fault() {
    let mut files = sound();
    files.remove("panel.toml");
    let faults = parse(&files).unwrap_err();
    assert_eq!(faults[0].to_string(), "error: the file is missing\n  --> panel.toml");
    let mut files = sound();
    files.insert("prompts/a.md".to_owned(), b"ok\nnot \xff utf8".to_vec());
    let faults = parse(&files).unwrap_err();
    assert_eq!((faults.len(), faults[0].message.as_str(), faults[0].line()), (1, "the file is not UTF-8", 2));
    files.insert("panel.toml".to_owned(), vec![b'#'; (1 << 20) + 1]);
    assert_eq!(parse(&files).unwrap_err()[0].message, "the file is larger than 1 MiB");
}

#[test]
fn a_table_of_input_names_is_a_schema() {
    let text = "title = \"T\"\ninput = { question = \"required\", boq = \"optional\", site = \"required\" }";
    let panel = parse(&edited("panel.toml", "title = \"T\"", text)).unwrap();
    let expected = json!({ "type": "object", "properties": { "boq": {}, "site": {} }, "required": ["site"], "additionalProperties": false });
    assert_eq!(panel.input.as_deref(), Some(&expected));
}

#[test]
fn a_revision_changes_with_every_file() {
    let revision = |files: &BTreeMap<String, Vec<u8>>| parse(files).unwrap().revision;
    let first = revision(&sound());
    assert!(first.len() == 12 && first.bytes().all(|c| c.is_ascii_hexdigit()), "{first}");
    assert_eq!(first, revision(&sound()));
    for file in sound().keys() {
        let mut files = sound();
        files.get_mut(file).unwrap().push(b'\n');
        assert_ne!(first, revision(&files), "{file}");
    }
}

#[test]
fn models_are_named_by_provider() {
    let named = |provider: &str, model: Option<&str>| ModelChoice::Named {
        provider: provider.parse().unwrap(),
        model: model.map(str::to_owned),
    };
    let rows = [
        ("default", ModelChoice::Default),
        ("rules", named("rules", None)),
        ("openai/gpt-5-mini", named("openai", Some("gpt-5-mini"))),
        ("router/meta/llama:free", named("router", Some("meta/llama:free"))),
    ];
    for (text, expected) in rows {
        assert_eq!(text.parse().as_ref(), Ok(&expected), "{text}");
    }
}

proptest::proptest! {
    /// Whatever is in the file, reading ends with a panel or with faults that can be shown.
    #[test]
    fn nothing_in_a_file_stops_the_reader(at in 0usize..300, cut in 0usize..40, put in "[\\[\\]{}=\"'#a-z0-9é\n.,]{0,12}") {
        let mut toml = PANEL.to_owned();
        let start = at.min(toml.len());
        let end = (start + cut).min(toml.len());
        toml.replace_range(start..end, &put);
        let mut files = sound();
        files.insert("panel.toml".to_owned(), toml.into_bytes());
        if let Err(faults) = parse(&files) {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(fault.to_string().starts_with("error: "));
            }
        }
    }
}
