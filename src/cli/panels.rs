//! `askstream panels`: looking at panel files.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;

use super::CommonArgs;
use super::Exit;
use super::refuse;
use crate::config::Process;
use crate::config::Settings;
use crate::config::panels;
use crate::panel::OnFail;
use crate::panel::Panel;
use crate::panel::Query;
use crate::panel::mode::Cascade;
use crate::panel::mode::Holds;
use crate::panel::mode::Mode;
use crate::panel::mode::Modes;

/// Lists the panels that the server would offer.
pub fn list(json: bool, common: CommonArgs) -> Exit {
    let settings = match Settings::load(&common.flags(), &Process) {
        Ok(settings) => settings,
        Err(why) => return refuse(&why),
    };
    let panels = || settings.offers.iter().map(|offer| offer.panel.as_ref());
    match json {
        true => println!("{}", json!({"panels": panels().map(facts).collect::<Vec<_>>()})),
        false => panels()
            .for_each(|panel| println!("{:<12} {}", panel.name.as_str(), panel.title.in_language("en"))),
    }
    Exit::Complete
}

/// Shows one of them.
pub fn show(name: &str, json: bool, common: CommonArgs) -> Exit {
    let settings = match Settings::load(&common.flags(), &Process) {
        Ok(settings) => settings,
        Err(why) => return refuse(&why),
    };
    let Some(offer) = settings.offers.iter().find(|offer| offer.panel.name.as_str() == name) else {
        let names: Vec<&str> = settings.offers.iter().map(|offer| offer.panel.name.as_str()).collect();
        eprintln!("error: there is no panel {name:?}\n  there is {}", names.join(", "));
        return Exit::Usage;
    };
    let panel = offer.panel.as_ref();
    if json {
        println!("{}", facts(panel));
        return Exit::Complete;
    }
    println!("{}   {}   revision {}", panel.name, panel.title.in_language("en"), panel.revision);
    for query in &panel.queries {
        println!("{:<28} asks {}", query.name.as_str(), words(&query.models));
        if let Some(of) = &query.of {
            println!("{:<28} is {of} for one of the configured models", "");
        }
        if let Some(role) = &query.role {
            println!("{:<28} {}", "", role.in_language("en"));
        }
        if !query.needs.is_empty() {
            println!("{:<28} needs {}", "", words(&query.needs));
        }
        if let Some(when) = &query.when {
            println!("{:<28} when {}", "", when.text());
        }
        if query.on_fail != OnFail::Skip {
            println!("{:<28} on_fail {}", "", on_fail(query));
        }
    }
    panel.modes.iter().for_each(show_modes);
    Exit::Complete
}

/// Who is asked in each mode, and what chooses.
fn show_modes(modes: &Modes) {
    for mode in &modes.all {
        let is_default = if modes.default() == mode.name.as_str() { " (default)" } else { "" };
        println!("{:<28} asks {}", format!("mode {}{is_default}", mode.name), words(&mode.asks));
        if let Some(Cascade { first, doubt }) = &mode.cascade {
            println!("{:<28} {} first, the others if {}", "", words(first), doubt.text());
        }
    }
    for (nth, rule) in modes.rules.iter().enumerate() {
        let is_default = if modes.default() == Modes::AUTO { " (default)" } else { "" };
        let name = if nth == 0 { format!("mode auto{is_default}") } else { String::new() };
        let when = match &rule.holds {
            Holds::Words(words) => format!(" where a word begins with {}", words.join(", ")),
            Holds::When(condition) => format!(" when {}", condition.text()),
            Holds::Always => String::new(),
        };
        println!("{name:<28} {}is {}{when}", if nth == 0 { "" } else { "else " }, rule.mode);
    }
}

fn words<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

fn on_fail(query: &Query) -> &'static str {
    match query.on_fail {
        OnFail::Skip => "skip",
        OnFail::Default(_) => "default",
        OnFail::Continue => "continue",
    }
}

/// A panel for scripts.
fn facts(panel: &Panel) -> Value {
    let query = |query: &Arc<Query>| {
        let models: Vec<String> = query.models.iter().map(ToString::to_string).collect();
        let when = query.when.as_ref().map(|when| when.text());
        json!({
            "query": query.name,
            "of": query.of,
            "depends_on": query.needs,
            "models": models,
            "on_fail": on_fail(query),
            "when": when,
        })
    };
    let mode = |mode: &Mode| json!({"mode": mode.name, "queries": mode.asks});
    json!({
        "panel": panel.name,
        "title": panel.title.in_language("en"),
        "revision": panel.revision,
        "need": panel.merge.need,
        "modes": panel.modes.iter().flat_map(|modes| modes.all.iter().map(mode)).collect::<Vec<_>>(),
        "default_mode": panel.modes.as_ref().map(Modes::default),
        "queries": panel.queries.iter().map(query).collect::<Vec<_>>(),
    })
}

/// Checks panels and says what is wrong with them, all at once.
pub fn check(paths: &[PathBuf], common: CommonArgs) -> Exit {
    if paths.is_empty() {
        return match Settings::load(&common.flags(), &Process) {
            Ok(settings) => {
                settings.offers.iter().for_each(|offer| praise(&offer.panel));
                Exit::Complete
            }
            Err(why) => refuse(&why),
        };
    }
    let mut faults = Vec::new();
    for path in paths {
        match panels::read(path) {
            Ok(panel) => praise(&panel),
            Err(found) => faults.extend(found),
        }
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    match faults.len() {
        0 => Exit::Complete,
        1 => complain("1 error"),
        n => complain(&format!("{n} errors")),
    }
}

fn praise(panel: &Panel) {
    let queries = match panel.queries.len() {
        1 => "1 query".to_owned(),
        n => format!("{n} queries"),
    };
    println!("{:<12} ok   {queries}, revision {}", panel.name.as_str(), panel.revision);
}

fn complain(count: &str) -> Exit {
    eprintln!("{count}");
    Exit::Configuration
}
