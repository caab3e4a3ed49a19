//! The modes of a panel: who takes part in which, and which one an ask is asked in.
//!
//! A mode is chosen before a run begins, from the ask alone, so whoever plans
//! the run again comes to the same. Who takes no part is not in the panel that
//! then runs ([`Panel::in_mode`]), like what is cut into parts is there as its
//! parts. In a cascade the others come after the first ones, if they doubt.

use std::sync::Arc;

use super::Panel;
use super::Query;
use super::Title;
use super::template::Variables;
use super::template::condition::Condition;
use super::words::fold;
use super::words::words;
use crate::id::ModeName;
use crate::id::QueryName;

/// How a panel can be asked.
#[derive(Clone, Debug)]
pub struct Modes {
    /// All of them, in the order of the file; never empty.
    pub all: Vec<Mode>,
    /// Which one holds when nobody chooses; without a name the rules choose.
    pub default: Option<ModeName>,
    /// What chooses by the ask: the first rule that holds. The last one always does; none in a panel that
    /// cannot choose.
    pub rules: Vec<Choice>,
}

/// One way to ask a panel.
#[derive(Clone, Debug)]
pub struct Mode {
    /// Its name, unique in the panel.
    pub name: ModeName,
    /// Its title for people.
    pub title: Title,
    /// Who takes part; never empty.
    pub asks: Vec<QueryName>,
    /// Who begins, if not all do at once.
    pub cascade: Option<Cascade>,
}

/// Some begin; the others come after them, and only if there is doubt.
#[derive(Clone, Debug)]
pub struct Cascade {
    /// Who begins.
    pub first: Vec<QueryName>,
    /// Over their answers, once all have ended; one that has no answer leaves doubt by itself.
    pub doubt: Condition,
}

/// A rule that chooses a mode.
#[derive(Clone, Debug)]
pub struct Choice {
    /// When it holds.
    pub holds: Holds,
    /// What it chooses.
    pub mode: ModeName,
    /// Why, in a sentence; see [`Choice::PLACES`].
    pub because: Title,
}

/// When a rule holds.
#[derive(Clone, Debug)]
pub enum Holds {
    /// When a word of the question begins like this; folded.
    Words(Vec<String>),
    /// When this holds of the ask.
    When(Condition),
    /// Always.
    Always,
}

/// Who chose a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// Whoever asks named it.
    Caller,
    /// Nobody: it is the panel's default.
    Default,
    /// The panel's rules.
    Rules,
}

/// The mode of an ask.
#[derive(Debug)]
pub struct Chosen<'m> {
    /// The mode.
    pub mode: &'m Mode,
    /// Who chose it.
    pub by: ChosenBy,
    /// Why, if a rule did.
    pub reasons: Vec<String>,
}

impl Cascade {
    /// Whether this query comes after the first ones.
    pub fn comes_later(&self, query: &QueryName) -> bool {
        !self.first.contains(query)
    }
}

impl Choice {
    /// What a reason may name: the words that were found, and how many characters the question has.
    pub const PLACES: [&'static str; 2] = ["{words}", "{length}"];
    /// Most words that a reason names, and most characters of each.
    const NAMED: (usize, usize) = (5, 40);

    /// Whether it holds, and why. The error is a sentence without data.
    fn reason(&self, ask: &Variables) -> Result<Option<String>, String> {
        let found = match &self.holds {
            Holds::Always => Vec::new(),
            Holds::When(condition) if condition.holds(ask)? => Vec::new(),
            Holds::Words(beginnings) => match found(beginnings, &ask.question) {
                found if found.is_empty() => return Ok(None),
                found => found,
            },
            Holds::When(_) => return Ok(None),
        };
        let length = ask.question.chars().count().to_string();
        let because = self.because.in_language(&ask.language);
        // The words come last: a question could hold the other place.
        Ok(Some(because.replace("{length}", &length).replace("{words}", &found.join(", "))))
    }
}

/// The words of a text that begin like one of these, each once, in its order.
fn found(beginnings: &[String], text: &str) -> Vec<String> {
    let (most, longest) = Choice::NAMED;
    let mut found: Vec<String> = Vec::new();
    for word in words(text) {
        let folded = fold(word);
        if !beginnings.iter().any(|beginning| folded.starts_with(beginning)) {
            continue;
        }
        let shown: String = word.to_lowercase().chars().take(longest).collect();
        if !found.contains(&shown) {
            found.push(shown);
        }
        if found.len() == most {
            break;
        }
    }
    found
}

impl Modes {
    /// The word that has the rules choose.
    pub const AUTO: &'static str = "auto";
    /// The member of `input` by which a caller chooses.
    pub const INPUT: &'static str = "mode";

    /// What a caller may choose.
    pub fn words(&self) -> Vec<&str> {
        let auto = (!self.rules.is_empty()).then_some(Modes::AUTO);
        self.all.iter().map(|mode| mode.name.as_str()).chain(auto).collect()
    }

    /// What holds when nobody chooses.
    pub fn default(&self) -> &str {
        self.default.as_ref().map_or(Modes::AUTO, ModeName::as_str)
    }

    /// The mode of this name.
    pub fn named(&self, name: &str) -> Option<&Mode> {
        self.all.iter().find(|mode| mode.name.as_str() == name)
    }

    /// The mode in which this is asked. The error is a sentence without data: a rule could not be decided.
    pub fn choose(&self, ask: &Variables) -> Result<Chosen<'_>, String> {
        // The input has been held to the panel's schema: it names a mode, or nothing.
        let wanted = ask.input.get(Modes::INPUT).and_then(|name| name.as_str());
        if let Some(mode) = wanted.and_then(|name| self.named(name)) {
            return Ok(Chosen { mode, by: ChosenBy::Caller, reasons: Vec::new() });
        }
        let default = self.default.as_ref().filter(|_| wanted.is_none());
        if let Some(mode) = default.and_then(|name| self.named(name.as_str())) {
            return Ok(Chosen { mode, by: ChosenBy::Default, reasons: Vec::new() });
        }
        for rule in &self.rules {
            if let Some(reason) = rule.reason(ask)?
                && let Some(mode) = self.named(rule.mode.as_str())
            {
                return Ok(Chosen { mode, by: ChosenBy::Rules, reasons: vec![reason] });
            }
        }
        Err("no rule of the panel holds".to_owned())
    }
}

impl Panel {
    /// Whom this query comes after in a cascade, besides those whose answers it needs.
    pub fn comes_after<'p>(&'p self, query: &'p Query) -> impl Iterator<Item = &'p QueryName> {
        let cascade = self.cascade.as_ref().filter(|cascade| cascade.comes_later(&query.name));
        let first = cascade.into_iter().flat_map(|cascade| &cascade.first);
        first.filter(|name| !query.needs.contains(name))
    }

    /// What this query waits for: what it needs, and whom it comes after.
    pub fn waits_for<'p>(&'p self, query: &'p Query) -> impl Iterator<Item = &'p QueryName> {
        query.needs.iter().chain(self.comes_after(query))
    }

    /// This panel with only those who take part.
    pub fn in_mode(&self, mode: &Mode) -> Panel {
        let takes_part = |name: &QueryName| mode.asks.contains(name);
        let query = |query: &Arc<Query>| {
            let needs = query.needs.iter().filter(|need| takes_part(need)).cloned().collect();
            Arc::new(Query { needs, ..Query::clone(query) })
        };
        let queries = self.queries.iter().filter(|query| takes_part(&query.name)).map(query).collect();
        Panel { queries, cascade: mode.cascade.clone(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MODES: &str = "
        [mode]
        default = \"all\"
        [mode.all]
        [mode.one]
        ask = [\"a\"]
        [[mode.auto]]
        words = [\"risk\", \"nebezpeč\"]
        choose = \"all\"
        because = { en = \"it says {words}\", cs = \"padlo {words}\" }
        [[mode.auto]]
        when = \"question|length <= 10\"
        choose = \"one\"
        because = \"{length} characters\"
        [[mode.auto]]
        choose = \"all\"
        because = \"nothing else\"
    ";

    fn panel(modes: &str) -> Panel {
        let query =
            |id: &str, more: &str| format!("[[query]]\nid = \"{id}\"\nprompt = \"{id}.md\"\n{more}\n");
        let needs = "needs = [\"a\", \"b\"]";
        let toml = format!("title = \"T\"\n{}{}{}{modes}", query("a", ""), query("b", ""), query("c", needs));
        let files = |path: &str| match path {
            "panel.toml" => Some(toml.clone().into_bytes()),
            "simulated.toml" => None,
            _ => Some(b"{{ question }}{% for other in others %}{{ other.answer }}{% endfor %}".to_vec()),
        };
        Panel::parse("p".parse().unwrap(), &files).unwrap_or_else(|faults| panic!("{faults:#?}"))
    }

    #[test]
    fn the_caller_chooses_else_the_default_and_the_rules_where_it_says_auto() {
        let rows = [
            ("en", "Is it a Risk?", json!({}), "all", ChosenBy::Default, vec![]),
            ("en", "Is it a Risk?", json!({"mode": "one"}), "one", ChosenBy::Caller, vec![]),
            (
                "en",
                "So, a risky RISK?",
                json!({"mode": "auto"}),
                "all",
                ChosenBy::Rules,
                vec!["it says risky, risk"],
            ),
            ("cs", "NEBEZPECNE", json!({"mode": "auto"}), "all", ChosenBy::Rules, vec!["padlo nebezpecne"]),
            ("cs", "nebezpečně", json!({"mode": "auto"}), "all", ChosenBy::Rules, vec!["padlo nebezpečně"]),
            ("cs", "ž{words}ž", json!({"mode": "auto"}), "one", ChosenBy::Rules, vec!["9 characters"]),
            (
                "en",
                "an asterisk of ten",
                json!({"mode": "auto"}),
                "all",
                ChosenBy::Rules,
                vec!["nothing else"],
            ),
        ];
        let panel = panel(MODES);
        let modes = panel.modes.as_ref().unwrap();
        for (language, question, input, mode, by, reasons) in rows {
            let chosen = modes.choose(&Variables::of_ask(question, language, input)).unwrap();
            assert_eq!((chosen.mode.name.as_str(), chosen.by), (mode, by), "{question}");
            assert_eq!(chosen.reasons, reasons, "{question}");
        }
        assert_eq!(modes.words(), ["all", "one", "auto"]);
    }

    #[test]
    fn what_a_reason_names_is_short_however_long_the_question() {
        let question = (0..100).map(|n| format!("risk{n}{} ", "x".repeat(1000))).collect::<String>();
        let chosen = panel(MODES);
        let ask = Variables::of_ask(&question, "en", json!({"mode": "auto"}));
        let reasons = chosen.modes.as_ref().unwrap().choose(&ask).unwrap().reasons;
        assert!(reasons[0].starts_with("it says risk0x") && reasons[0].len() < 250, "{reasons:?}");
    }

    #[test]
    fn who_takes_no_part_is_not_there_and_nobody_needs_it() {
        let panel = panel(
            "[mode]\ndefault = \"m\"\n[mode.m]\nleave_out = [\"b\"]\nfirst = [\"a\"]\ndoubt = \"answers.a is hedging\"\n",
        );
        let modes = panel.modes.as_ref().unwrap();
        let running = panel.in_mode(&modes.all[0]);
        let needs: Vec<_> =
            running.queries.iter().map(|query| (query.name.as_str(), query.needs.clone())).collect();
        assert_eq!(needs, [("a", vec![]), ("c", vec!["a".parse().unwrap()])]);
        let cascade = running.cascade.as_ref().unwrap();
        assert!(cascade.comes_later(&"c".parse().unwrap()) && !cascade.comes_later(&"a".parse().unwrap()));
        assert!(panel.cascade.is_none(), "a panel that was only read has none");
        assert_eq!(panel.input.as_ref().unwrap()["properties"]["mode"]["enum"], json!(["m"]));
    }
}
