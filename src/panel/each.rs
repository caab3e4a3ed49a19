//! Queries with `for_each = "model"`: one query for each model, once it is known which there are.
//!
//! A copy that needs what is asked of each model as well needs the copies of
//! all other models and not its own; any other query needs all of them. What
//! nobody is left for, such as the review of a single answer, is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Merge;
use super::ModelChoice;
use super::Panel;
use super::Query;
use super::Report;
use super::Title;
use super::mode::Modes;
use super::script::ScriptStep;
use crate::id::QueryName;

/// Longest name of a copy, before a number that tells it from another.
const LONGEST: usize = 60;

/// A query of the panel to be, with whom it is for.
struct Node {
    /// The query that it is made of.
    from: Arc<Query>,
    name: QueryName,
    /// Whom it is for; nothing for a query that is asked once.
    model: Option<Model>,
}

/// Whom a copy is for.
#[derive(Clone)]
struct Model {
    choice: ModelChoice,
    /// As people read it.
    shown: String,
    /// Its place among the models.
    at: usize,
}

impl Panel {
    /// The panel with one query for each of these models where it wants that, in their order, and how many
    /// models had no room. A query with models of its own is asked of each of those. Where there is no model
    /// at all there is one query for each script, which only a simulation can ask.
    pub fn over(self, models: &[ModelChoice]) -> (Panel, usize) {
        if !self.queries.iter().any(|query| query.each) {
            return (self, 0);
        }
        let each = self.queries.iter().filter(|query| query.each).count();
        let room = ((Panel::MOST_QUERIES - (self.queries.len() - each)) / each).max(1);
        let mut nodes = self.nodes(models, room);
        let is_founded =
            |node: &Node, nodes: &[Node]| node.from.needs.is_empty() || !needs(node, nodes).is_empty();
        loop {
            let founded: Vec<bool> = nodes.iter().map(|node| is_founded(node, &nodes)).collect();
            if founded.iter().all(|is| *is) {
                break;
            }
            let mut founded = founded.into_iter();
            nodes.retain(|_| founded.next() == Some(true));
        }
        let simulated = self.scripts(&nodes);
        let queries = nodes.iter().map(|node| Arc::new(query(node, &nodes))).collect();
        let merge = merge(self.merge, &nodes);
        let modes = self.modes.map(|modes| in_modes(modes, &nodes));
        (Panel { queries, modes, merge, simulated, ..self }, models.len().saturating_sub(room))
    }

    fn nodes(&self, models: &[ModelChoice], room: usize) -> Vec<Node> {
        let mut nodes: Vec<Node> = Vec::new();
        for query in &self.queries {
            if !query.each {
                nodes.push(Node { from: Arc::clone(query), name: query.name.clone(), model: None });
                continue;
            }
            for model in self.models(query, models).into_iter().take(room) {
                let is_taken = |name: &QueryName| {
                    nodes.iter().any(|node| node.name == *name)
                        || self.queries.iter().any(|query| query.name == *name)
                };
                let name = name(&query.name, &model.shown, is_taken);
                nodes.push(Node { from: Arc::clone(query), name, model: Some(model) });
            }
        }
        nodes
    }

    /// Whom a query is asked of, one by one.
    fn models(&self, query: &Query, models: &[ModelChoice]) -> Vec<Model> {
        let models = if query.models == [ModelChoice::Default] { models } else { &query.models };
        let named = models.iter().enumerate();
        let named = named.map(|(at, choice)| Model { choice: choice.clone(), shown: choice.to_string(), at });
        let stand_in = |at: usize| Model { choice: ModelChoice::Default, shown: format!("{}", at + 1), at };
        let scripts = self.queries.iter().filter(|query| query.each).map(|query| self.numbered(query).len());
        match models.is_empty() {
            true => (0..scripts.max().unwrap_or(1).max(1)).map(stand_in).collect(),
            false => named.collect(),
        }
    }

    /// The numbered scripts of a query.
    fn numbered(&self, query: &Query) -> Vec<&Vec<ScriptStep>> {
        let names = (1..).map(|n| format!("{}-{n}", query.name).parse().ok());
        names.map_while(|name: Option<QueryName>| self.simulated.get(&name?)).collect()
    }

    /// What is played for each node: the script of its number, else that of its query.
    fn scripts(&self, nodes: &[Node]) -> BTreeMap<QueryName, Vec<ScriptStep>> {
        let script = |node: &Node| {
            let numbered = self.numbered(&node.from);
            let own = node.model.as_ref().filter(|_| !numbered.is_empty());
            let own = own.map(|model| numbered[model.at % numbered.len()]);
            let script = own.or_else(|| self.simulated.get(&node.from.name))?;
            Some((node.name.clone(), script.clone()))
        };
        nodes.iter().filter_map(script).collect()
    }
}

/// `answer-openai-gpt-5-mini`, with a number where that is taken.
fn name(of: &QueryName, shown: &str, is_taken: impl Fn(&QueryName) -> bool) -> QueryName {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let mut base: String = of.as_str().chars().chain(['-']).chain(shown.chars().map(plain)).collect();
    base.truncate(LONGEST);
    let name = |text: &str| text.parse::<QueryName>().expect("a name and plain characters are a name");
    let numbered = (2..).map(|n| name(&format!("{base}-{n}")));
    std::iter::once(name(&base)).chain(numbered).find(|name| !is_taken(name)).unwrap_or_else(|| of.clone())
}

/// What a node waits for: of what is asked of each model, all copies but that for its own model.
fn needs(node: &Node, nodes: &[Node]) -> Vec<QueryName> {
    let is_own = |other: &Node| match (&node.model, &other.model) {
        (Some(own), Some(other)) => own.shown == other.shown,
        _ => false,
    };
    let needed = |other: &Node, name: &QueryName| other.from.name == *name && !is_own(other);
    let all = |name| nodes.iter().filter(move |other| needed(other, name)).map(|other| other.name.clone());
    node.from.needs.iter().flat_map(all).collect()
}

fn query(node: &Node, nodes: &[Node]) -> Query {
    let query = Query { name: node.name.clone(), needs: needs(node, nodes), ..(*node.from).clone() };
    let Some(model) = &node.model else { return query };
    let title = |title: &str| match model.choice {
        ModelChoice::Default => format!("{title} {}", model.shown),
        ModelChoice::Named { .. } => format!("{title}: {}", model.shown),
    };
    let Title(titles) = &query.title;
    Query {
        title: Title(titles.iter().map(|(language, text)| (language.clone(), title(text))).collect()),
        models: vec![model.choice.clone()],
        each: false,
        of: Some(node.from.name.clone()),
        ..query
    }
}

/// What a query has become.
fn copies(name: &QueryName, nodes: &[Node]) -> impl Iterator<Item = QueryName> {
    nodes.iter().filter(move |node| node.from.name == *name).map(|node| node.name.clone())
}

/// What queries have become.
fn all(names: &[QueryName], nodes: &[Node]) -> Vec<QueryName> {
    names.iter().flat_map(|name| copies(name, nodes)).collect()
}

/// The modes with the copies in the place of their queries.
fn in_modes(mut modes: Modes, nodes: &[Node]) -> Modes {
    for mode in &mut modes.all {
        mode.asks = all(&mode.asks, nodes);
        if let Some(cascade) = &mut mode.cascade {
            cascade.first = all(&cascade.first, nodes);
        }
    }
    modes
}

/// The merge with the copies in the place of their queries.
fn merge(merge: Merge, nodes: &[Node]) -> Merge {
    let all = |names: Vec<QueryName>| all(&names, nodes);
    let mut fields = merge.fields;
    for rule in &mut fields {
        rule.from = rule.from.take().map(all);
    }
    let report = merge.report.map(|report| match report {
        Report::Members(members) => Report::Members(super::Members {
            synthesis: members.synthesis,
            dissent: members.dissent.and_then(|name| copies(&name, nodes).next()),
        }),
        report => report,
    });
    Merge { among: merge.among.map(all), fields, report, ..merge }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(queries: &str, simulated: &str) -> Panel {
        let toml = format!("title = \"T\"\nquery = [{queries}]\n[merge]\nneed = \"2 of answer\"\n");
        let files = |path: &str| match path {
            "panel.toml" => Some(toml.clone().into_bytes()),
            "simulated.toml" => Some(simulated.as_bytes().to_vec()),
            "all.md" => {
                Some(b"{{ question }}{% for other in others %}{{ other.answer }}{% endfor %}".to_vec())
            }
            _ => Some(b"{{ question }}".to_vec()),
        };
        Panel::parse("p".parse().unwrap(), &files).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    const QUERIES: &str = "{ id = \"answer\", for_each = \"model\", prompt = \"p.md\", on_fail = \"continue\" },
        { id = \"review\", for_each = \"model\", prompt = \"all.md\", needs = [\"answer\"], on_fail = \"continue\" },
        { id = \"sum\", prompt = \"all.md\", needs = [\"answer\", \"review\"] }";

    fn over(panel: Panel, models: &[&str]) -> Panel {
        let models: Vec<ModelChoice> = models.iter().map(|model| model.parse().unwrap()).collect();
        panel.over(&models).0
    }

    /// Name, needs and models of each query.
    fn shown(panel: &Panel) -> Vec<String> {
        let words = |names: &[QueryName]| names.iter().map(QueryName::as_str).collect::<Vec<_>>().join(" ");
        let query =
            |query: &Arc<Query>| format!("{} [{}] {}", query.name, words(&query.needs), query.models[0]);
        panel.queries.iter().map(query).collect()
    }

    #[test]
    fn there_is_a_query_for_each_model_and_nobody_reviews_himself() {
        let panel = over(panel(QUERIES, ""), &["b/GPT.5", "a", "b/gpt-5"]);
        assert_eq!(
            shown(&panel),
            [
                "answer-b-gpt-5 [] b/GPT.5",
                "answer-a [] a",
                "answer-b-gpt-5-2 [] b/gpt-5",
                "review-b-gpt-5 [answer-a answer-b-gpt-5-2] b/GPT.5",
                "review-a [answer-b-gpt-5 answer-b-gpt-5-2] a",
                "review-b-gpt-5-2 [answer-b-gpt-5 answer-a] b/gpt-5",
                "sum [answer-b-gpt-5 answer-a answer-b-gpt-5-2 review-b-gpt-5 review-a review-b-gpt-5-2] default",
            ]
        );
        assert_eq!(panel.queries[1].title.in_language("en"), "answer: a");
        assert_eq!(panel.queries[4].of, Some("review".parse().unwrap()));
        let among: Vec<String> = panel.merge.among.unwrap().iter().map(QueryName::to_string).collect();
        assert_eq!(
            (panel.merge.need, among.join(" ").as_str()),
            (2, "answer-b-gpt-5 answer-a answer-b-gpt-5-2")
        );
    }

    #[test]
    fn a_single_model_has_nobody_to_review() {
        assert_eq!(shown(&over(panel(QUERIES, ""), &["a"])), ["answer-a [] a", "sum [answer-a] default"]);
    }

    #[test]
    fn without_a_model_there_is_a_query_for_each_script() {
        let script = |name: &str, wait: u64| {
            format!("[{name}]\nattempts = [{{ wait = \"{wait}ms\", answer = \"p.md\" }}]\n")
        };
        let scripts = script("answer-1", 1) + &script("answer-2", 2) + &script("review", 9);
        let waits = |panel: &Panel| {
            let wait =
                |query: &Arc<Query>| panel.simulated.get(&query.name).map(|steps| steps[0].wait.as_millis());
            panel.queries.iter().map(wait).collect::<Vec<_>>()
        };
        let none = over(panel(QUERIES, &scripts), &[]);
        assert_eq!(
            shown(&none)[..4],
            [
                "answer-1 [] default",
                "answer-2 [] default",
                "review-1 [answer-2] default",
                "review-2 [answer-1] default",
            ]
        );
        assert_eq!(waits(&none), [Some(1), Some(2), Some(9), Some(9), None]);
        let three = over(panel(QUERIES, &scripts), &["a", "b", "c"]);
        assert_eq!(waits(&three)[..4], [Some(1), Some(2), Some(1), Some(9)]);
    }

    #[test]
    fn a_query_with_models_of_its_own_is_asked_of_each_of_them() {
        let queries = QUERIES.replacen("\"p.md\"", "\"p.md\", models = [\"x/1\", \"x/2\"]", 1);
        let panel = over(panel(&queries, ""), &["a", "x/1"]);
        assert_eq!(
            shown(&panel)[..4],
            [
                "answer-x-1 [] x/1",
                "answer-x-2 [] x/2",
                "review-a [answer-x-1 answer-x-2] a",
                "review-x-1 [answer-x-2] x/1",
            ]
        );
    }

    #[test]
    fn there_are_never_more_queries_than_a_panel_may_have() {
        let models: Vec<ModelChoice> = (0..100).map(|n| format!("p{n}").parse().unwrap()).collect();
        let (panel, left_out) = panel(QUERIES, "").over(&models);
        assert_eq!((panel.queries.len(), left_out), (63, 69));
        let long = "x".repeat(64);
        assert!(name(&long.parse().unwrap(), "a", |_| false).as_str().len() <= 64);
    }
}
