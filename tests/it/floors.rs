//! The floor map of the architecture: who may use whom, and what stands in one module only.
//!
//! Read from the text of `src/`: every `crate::` path is an import, wherever
//! it stands; test code is left out.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// Module, floor, and the modules of the same floor that it may use.
const MAP: [(&str, u8, &[&str]); 27] = [
    ("id", 0, &[]),
    ("failure", 0, &[]),
    ("money", 0, &[]),
    ("fault", 0, &[]),
    ("panel", 0, &["id", "fault", "failure"]),
    ("event", 0, &["failure", "id", "money"]),
    ("ask", 0, &["panel", "id", "event", "money"]),
    ("backoff", 1, &[]),
    ("breaker", 1, &[]),
    ("crash", 1, &[]),
    ("answer", 1, &[]),
    ("merge", 1, &[]),
    ("sheet", 1, &[]),
    ("audit", 1, &["sheet"]),
    ("provider", 1, &["audit", "crash"]),
    ("pool", 1, &["provider", "backoff", "breaker"]),
    ("knowledge", 1, &["crash"]),
    ("report", 1, &[]),
    ("store", 1, &[]),
    ("journal", 1, &["store", "crash"]),
    ("metrics", 1, &[]),
    ("mock", 1, &[]),
    ("engine", 2, &[]),
    ("runs", 2, &["engine"]),
    ("config", 3, &[]),
    ("http", 3, &["config"]),
    ("cli", 3, &["http", "config"]),
];

/// A word and the only modules that may say it.
const ONLY_IN: [(&str, &[&str]); 9] = [
    ("axum", &["http"]),
    ("reqwest", &["provider"]),
    // The index of documents is a file of its own with other rules: it may be lost, so it shares no code with runs.
    ("rusqlite", &["store", "knowledge"]),
    ("std::env::", &["config"]),
    ("println!", &["cli"]),
    ("eprintln!", &["cli"]),
    ("print!(", &["cli"]),
    ("tokio::spawn", &[]),
    ("dbg!", &[]),
];

/// The source of one file without comments and test code.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("//") {
            continue;
        }
        if trimmed.starts_with("#[cfg(test)]") {
            let indent = line.len() - trimmed.len();
            // The item that follows, up to its own closing brace or semicolon.
            for line in lines.by_ref() {
                let ends = line.trim_end().ends_with(';') && line.len() - line.trim_start().len() == indent;
                if ends || line == format!("{}}}", " ".repeat(indent)) {
                    break;
                }
            }
            continue;
        }
        out += line;
        out.push('\n');
    }
    out
}

/// Every file of `src/` that is not a test, with its module and its code.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path, &stem) {
                let within = path.strip_prefix(&root).unwrap();
                let module =
                    within.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
                found.push((module, within.to_owned(), code(&std::fs::read_to_string(&path).unwrap())));
            }
        }
    }
    found
}

/// Whether a file is declared under `#[cfg(test)]`; such files are named for it, or found beside their parent.
fn is_test(path: &Path, stem: &str) -> bool {
    let folder = path.parent().unwrap();
    if folder.file_name().is_some_and(|name| name == "tests") {
        return true;
    }
    let parents = [folder.with_extension("rs"), folder.join("mod.rs"), folder.join("lib.rs")];
    parents.iter().filter_map(|parent| std::fs::read_to_string(parent).ok()).any(|text| {
        text.contains(&format!("#[cfg(test)]\nmod {stem};"))
            || text.contains(&format!("#[cfg(test)]\npub mod {stem};"))
    })
}

/// The modules that this code uses.
fn uses(code: &str) -> Vec<&str> {
    let rest = code.split("crate::").skip(1);
    rest.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap()).collect()
}

#[test]
fn imports_go_downwards_and_to_listed_neighbours() {
    let map: BTreeMap<_, _> =
        MAP.iter().map(|(module, floor, beside)| (*module, (*floor, *beside))).collect();
    let mut broken = Vec::new();
    for (module, file, code) in sources() {
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let Some((floor, beside)) = map.get(module.as_str()) else {
            broken.push(format!("{}: the module {module} has no place in the map", file.display()));
            continue;
        };
        for used in uses(&code) {
            let allowed = match map.get(used) {
                Some((below, _)) => below < floor || used == module || beside.contains(&used),
                None => false,
            };
            if !allowed {
                broken.push(format!("{}: {module} uses {used}", file.display()));
            }
        }
    }
    broken.sort();
    broken.dedup();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn some_words_stand_in_one_module_only() {
    let mut broken = Vec::new();
    for (module, file, code) in sources() {
        for (word, modules) in ONLY_IN {
            let allowed = modules.contains(&module.as_str());
            for line in code.lines().filter(|line| !allowed && says(line, word)) {
                broken.push(format!("{}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Whether a line of code says the word, and not one that ends like it.
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        !is_part(before) && (!is_part(after) || !word.ends_with(|c: char| c.is_ascii_alphanumeric()))
    })
}

/// What runs panels knows none of them by name.
#[test]
fn no_panel_is_known_by_its_name() {
    let panels = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("panels")).unwrap();
    let names: Vec<String> = panels.map(|panel| panel.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.is_empty());
    let mut broken = Vec::new();
    for (module, file, code) in sources() {
        if !["engine", "merge", "http", "answer"].contains(&module.as_str()) {
            continue;
        }
        for name in names.iter().filter(|name| code.contains(&format!("\"{name}\""))) {
            broken.push(format!("{}: {name}", file.display()));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_map_names_what_there_is() {
    let there: Vec<String> = sources().into_iter().map(|(module, ..)| module).collect();
    for (module, ..) in MAP {
        assert!(there.iter().any(|name| name == module), "{module} is gone: take it off the map");
    }
}

#[test]
fn test_code_is_left_out_and_the_rest_is_seen() {
    let text = "use crate::id::X;\n// crate::http\n#[cfg(test)]\nmod tests {\n    use crate::cli::Y;\n}\nfn f() { crate::pool::z() }\n\
        #[cfg(test)]\nmod more;\nuse crate::ask::A;\n#[cfg(test)]\nuse crate::http::B;\nfn g() {}\n";
    assert_eq!(uses(&code(text)), ["id", "pool", "ask"]);
    assert!(
        says("use axum::Router;", "axum")
            && !says("let taxum = 1;", "axum")
            && says("    println!(\"\");", "println!")
    );
    assert!(!says("eprintln!()", "println!"));
}
