//! The sample configuration says what the code does: every key, with its real default.

use super::*;

const SAMPLE: &str = include_str!("../../../examples/config.toml");

/// The sample with its settings switched on: lines that begin with `#` and no blank.
fn switched_on() -> String {
    let line = |line: &'static str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
        _ => line,
    };
    SAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Everything a file sets but for its providers, for comparing.
fn shown(file: &File) -> String {
    let File { listen, drain, door, runs, store, .. } = file;
    format!("{listen} {drain:?} {door:?} {runs:?} {store:?}")
}

#[test]
fn the_sample_changes_nothing_as_it_is() {
    let (faults, file) = File::read("config.toml", SAMPLE);
    assert_eq!(faults, []);
    assert_eq!(shown(&file), shown(&File::default()));
    assert_eq!(file.providers.len(), 0);
    assert!(file.default_model.is_none());
}

#[test]
fn the_sample_switched_on_holds_the_defaults() {
    let (faults, mut file) = File::read("config.toml", &switched_on());
    assert_eq!(faults, []);
    // Its default depends on what can follow, so the sample shows the one of its prose.
    assert_eq!(file.runs.clocks.first_content.take(), Some(Duration::from_secs(10)));
    // No run has a cap unless somebody writes one.
    assert!(file.runs.clocks.max_cost.take().is_some());
    assert_eq!(shown(&file), shown(&File::default()));
    let names: Vec<&str> = file.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["openai", "anthropic", "gemini", "lmstudio", "ollama", "pair", "openrouter", "azure"]);
    assert!(file.default_model.is_some());
    // Nobody's documents are indexed unless somebody says which.
    assert!(file.knowledge.is_some() && File::default().knowledge.is_none());
}

#[test]
fn the_sample_has_every_key() {
    // An unknown key in each section makes the reader tell the keys it knows.
    let mut text = String::from("unknown = 1\n");
    for line in switched_on().lines() {
        text.push_str(line);
        text.push_str(if line.starts_with('[') { "\nunknown = 1\n" } else { "\n" });
    }
    let lines: Vec<&str> = text.lines().collect();
    let (faults, _) = File::read("config.toml", &text);
    let mut sections = Vec::new();
    for fault in faults {
        let known = fault.note.as_deref().and_then(|note| note.strip_prefix("known keys: "));
        let Some(known) = known else { panic!("{fault}") };
        let (before, after) = lines.split_at(fault.line());
        let section = before.iter().rev().find(|line| line.starts_with('[')).copied().unwrap_or("");
        let body: Vec<&str> = after.iter().copied().take_while(|line| !line.starts_with('[')).collect();
        let has = |key: &str| {
            body.iter()
                .any(|line| line.starts_with(&format!("{key} = ")) || line.starts_with(&format!("{key}.")))
                || (section.is_empty() && lines.iter().any(|line| line.starts_with(&format!("[{key}"))))
        };
        // Of the providers the first shows everything, but for what would contradict it.
        let has = |key: &str| has(key) || (key == "endpoints" && text.contains("\nendpoints = [{ "));
        if !section.starts_with("[providers.") || section == "[providers.openai]" {
            let missing: Vec<&str> = known.split(", ").filter(|key| !has(key)).collect();
            assert_eq!(missing, [""; 0], "in {section}");
            sections.push(section);
        }
    }
    assert_eq!(sections, ["", "[server]", "[limits]", "[store]", "[knowledge]", "[providers.openai]"]);
}
