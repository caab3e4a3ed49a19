//! The order of a panel's queries, from what each needs.
//!
//! There are no stages: a query may start when its own needs have succeeded,
//! or have ended and may be done without, whatever else still runs. In a cascade nothing starts besides the
//! first ones before these have ended, however they did. Everything here is a pure function.

use super::OnFail;
use super::Panel;
use crate::id::QueryName;

/// How far a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started.
    Waiting,
    /// Started and not ended.
    Running,
    /// Ended with an answer.
    Succeeded,
    /// Ended without an answer, or left out of the run.
    Failed,
}

/// The waiting queries whose needs have succeeded, or ended and may be done without, by their place in the
/// panel. A query that needs others does not start when none of them has anything to say.
pub fn ready(panel: &Panel, state: impl Fn(&QueryName) -> State) -> Vec<usize> {
    let ready = |at: &usize| {
        let needs = needs(panel, *at, &state);
        let (may_start, says): (Vec<bool>, Vec<bool>) =
            needs.iter().map(|need| (need.is_settled(), need.says_something())).unzip();
        let is_turn = !comes_later(panel, *at) || has_begun(panel, &state);
        is_turn && may_start.iter().all(|may| *may) && (needs.is_empty() || says.contains(&true))
    };
    waiting(panel, &state).filter(ready).collect()
}

/// The waiting queries that can never start, each with the need that is missing, by their places in the panel.
pub fn blocked(panel: &Panel, state: impl Fn(&QueryName) -> State) -> Vec<(usize, usize)> {
    let blocked = |at: usize| {
        let needs = needs(panel, at, &state);
        let must = needs.iter().find(|need| need.state == State::Failed && *need.on_fail == OnFail::Skip);
        let silent = || needs.first().filter(|_| needs.iter().all(|need| need.is_silent()));
        must.or_else(silent).map(|need| (at, need.at))
    };
    waiting(panel, &state).filter_map(blocked).collect()
}

/// The waiting queries that come after the first ones of a cascade, once these have ended: now it is decided
/// whether they start at all.
pub fn in_question(panel: &Panel, state: impl Fn(&QueryName) -> State) -> Vec<usize> {
    let has_begun = has_begun(panel, &state);
    waiting(panel, &state).filter(|at| has_begun && comes_later(panel, *at)).collect()
}

/// Whether a query comes after the first ones.
fn comes_later(panel: &Panel, at: usize) -> bool {
    panel.cascade.as_ref().is_some_and(|cascade| cascade.comes_later(&panel.queries[at].name))
}

/// Whether the first ones have ended.
fn has_begun(panel: &Panel, state: &impl Fn(&QueryName) -> State) -> bool {
    let has_ended = |name: &QueryName| matches!(state(name), State::Succeeded | State::Failed);
    panel.cascade.as_ref().is_none_or(|cascade| cascade.first.iter().all(has_ended))
}

/// A query that another one needs.
struct Need<'p> {
    at: usize,
    state: State,
    on_fail: &'p OnFail,
}

impl Need<'_> {
    /// Whether it has ended in a way that holds nobody back.
    fn is_settled(&self) -> bool {
        match self.state {
            State::Succeeded => true,
            State::Failed => *self.on_fail != OnFail::Skip,
            State::Waiting | State::Running => false,
        }
    }

    /// Whether there is an answer, or what stands in its place.
    fn says_something(&self) -> bool {
        match self.state {
            State::Succeeded => true,
            State::Failed => self.on_fail.default_value().is_some(),
            State::Waiting | State::Running => false,
        }
    }

    /// Whether it has ended with nothing to say.
    fn is_silent(&self) -> bool {
        self.state == State::Failed && !self.says_something()
    }
}

fn needs<'p>(panel: &'p Panel, at: usize, state: &impl Fn(&QueryName) -> State) -> Vec<Need<'p>> {
    let need = |name: &QueryName| {
        let at = panel.queries.iter().position(|query| query.name == *name)?;
        Some(Need { at, state: state(name), on_fail: &panel.queries[at].on_fail })
    };
    panel.queries[at].needs.iter().filter_map(need).collect()
}

fn waiting<'p>(
    panel: &'p Panel,
    state: &'p impl Fn(&QueryName) -> State,
) -> impl Iterator<Item = usize> + 'p {
    (0..panel.queries.len()).filter(move |at| state(&panel.queries[*at].name) == State::Waiting)
}

/// Nodes that wait for each other in a circle, each circle once, from its lowest node on.
///
/// `needs[n]` are the nodes that `n` waits for. At most one circle is told for a node.
pub fn cycles(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = Vec::new();
    for start in 0..needs.len() {
        if !found.iter().any(|cycle| cycle.contains(&start))
            && let Some(cycle) = circle(needs, start)
            && cycle.iter().all(|node| *node >= start)
        {
            found.push(cycle);
        }
    }
    found
}

/// The shortest circle through `start`.
fn circle(needs: &[Vec<usize>], start: usize) -> Option<Vec<usize>> {
    let mut paths = vec![vec![start]];
    let mut seen = vec![false; needs.len()];
    while !paths.is_empty() {
        let mut longer = Vec::new();
        for path in paths {
            let last = path.last().copied().unwrap_or(start);
            for next in needs[last].iter().copied() {
                if next == start {
                    return Some(path);
                }
                if !std::mem::replace(&mut seen[next], true) {
                    longer.push(path.iter().copied().chain([next]).collect());
                }
            }
        }
        paths = longer;
    }
    None
}

/// The longest chain of needs, from the node that waits most to one that waits for nothing. No circles, please.
pub fn longest_chain(needs: &[Vec<usize>]) -> Vec<usize> {
    // Lengths settle after as many rounds as there are nodes, circle or not.
    let mut best: Vec<Vec<usize>> = (0..needs.len()).map(|node| vec![node]).collect();
    for _ in 0..needs.len() {
        for node in 0..needs.len() {
            let below = needs[node].iter().map(|need| &best[*need]).filter(|chain| !chain.contains(&node));
            let Some(below) = below.max_by_key(|chain| chain.len()) else { continue };
            if below.len() + 1 > best[node].len() {
                best[node] = std::iter::once(node).chain(below.iter().copied()).collect();
            }
        }
    }
    best.into_iter().max_by_key(Vec::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::mode::Cascade;
    use crate::panel::template::condition::Condition;
    use proptest::prelude::*;

    /// a; b needs a; c needs a and b; d.
    fn panel() -> Panel {
        let query = |name: &str, needs: &str| {
            format!("[[query]]\nid = \"{name}\"\nneeds = [{needs}]\nprompt = \"p.md\"\n")
        };
        let queries = [("a", ""), ("b", "\"a\""), ("c", "\"a\", \"b\""), ("d", "")];
        let toml: String = queries.iter().map(|(name, needs)| query(name, needs)).collect();
        let toml = format!("title = \"T\"\n{toml}");
        let files = |path: &str| match path {
            "panel.toml" => Some(toml.clone().into_bytes()),
            "p.md" => Some(b"x{% if others %}{% endif %}".to_vec()),
            _ => None,
        };
        Panel::parse("p".parse().unwrap(), &files).unwrap()
    }

    /// `w`aiting, `r`unning, `s`ucceeded, `f`ailed for a, b, c and d.
    fn states(letters: &'static str) -> impl Fn(&QueryName) -> State {
        move |name| match letters.as_bytes()[usize::from(name.as_str().as_bytes()[0] - b'a')] {
            b'w' => State::Waiting,
            b'r' => State::Running,
            b's' => State::Succeeded,
            _ => State::Failed,
        }
    }

    #[test]
    fn a_query_starts_when_its_own_needs_are_there() {
        let panel = panel();
        let rows: [(&str, &[usize]); 6] = [
            ("wwww", &[0, 3]),
            ("rwwr", &[]),
            ("swwr", &[1]),
            ("srwr", &[]),
            ("ssww", &[2, 3]),
            ("sfws", &[]),
        ];
        for (letters, expected) in rows {
            assert_eq!(ready(&panel, states(letters)), expected, "{letters}");
        }
    }

    #[test]
    fn a_query_is_blocked_by_a_failed_need() {
        let panel = panel();
        assert_eq!(blocked(&panel, states("swww")), []);
        assert_eq!(blocked(&panel, states("fwww")), [(1, 0), (2, 0)]);
        assert_eq!(blocked(&panel, states("sfws")), [(2, 1)]);
        assert_eq!(blocked(&panel, states("sffs")), []);
    }

    /// What fails is a (skip), b (default), c or d (continue).
    fn tolerant() -> Panel {
        let text = "title = \"T\"
            query = [
                { id = \"a\", prompt = \"p.md\" },
                { id = \"b\", prompt = \"p.md\", on_fail = \"default\", default = \"none\" },
                { id = \"c\", prompt = \"p.md\", on_fail = \"continue\" },
                { id = \"d\", prompt = \"p.md\", on_fail = \"continue\" },
                { id = \"e\", prompt = \"e.md\", needs = [\"c\", \"d\"] },
                { id = \"f\", prompt = \"f.md\", needs = [\"a\", \"b\", \"c\"] },
                { id = \"g\", prompt = \"g.md\", needs = [\"b\", \"c\"] },
            ]";
        let files = |path: &str| match path {
            "panel.toml" => Some(text.as_bytes().to_vec()),
            "simulated.toml" => None,
            "p.md" => Some(b"x{% if others %}{% endif %}".to_vec()),
            _ => Some(b"{% for name, answer in answers|items %}{{ answer }}{% endfor %}x".to_vec()),
        };
        Panel::parse("p".parse().unwrap(), &files).unwrap()
    }

    /// States of a to g, those that are ready, and those that never will be, each with the need that is missing.
    type TolerantRow = (&'static str, &'static [usize], &'static [(usize, usize)]);

    #[test]
    fn what_a_failure_means_is_said_by_the_query_that_fails() {
        let panel = tolerant();
        let rows: [TolerantRow; 8] = [
            ("ssssrrr", &[], &[]),
            ("rrsrwrw", &[], &[]),
            ("ssfswww", &[4, 5, 6], &[]),
            ("sfffwww", &[5, 6], &[(4, 2)]),
            ("ffsswwr", &[4], &[(5, 0)]),
            ("rrfrwww", &[], &[]),
            ("ssffwss", &[], &[(4, 2)]),
            ("srffwww", &[], &[(4, 2)]),
        ];
        for (letters, starting, never) in rows {
            assert_eq!(ready(&panel, states(letters)), starting, "{letters}");
            assert_eq!(blocked(&panel, states(letters)), never, "{letters}");
        }
    }

    #[test]
    fn in_a_cascade_nothing_starts_before_the_first_ones_have_ended() {
        let cascade = Cascade {
            first: vec!["a".parse().unwrap(), "d".parse().unwrap()],
            doubt: Condition::compile("true", &[]).unwrap(),
        };
        let panel = Panel { cascade: Some(cascade), ..tolerant() };
        let rows: [(&str, &[usize], &[usize]); 6] = [
            ("wwwwwww", &[0, 3], &[]),
            ("rwwswww", &[], &[]),
            ("swwrwww", &[], &[]),
            ("swwfwww", &[1, 2], &[1, 2, 4, 5, 6]),
            ("frwswww", &[2], &[2, 4, 5, 6]),
            ("sssssss", &[], &[]),
        ];
        for (letters, starting, in_question) in rows {
            assert_eq!(ready(&panel, states(letters)), starting, "{letters}");
            assert_eq!(super::in_question(&panel, states(letters)), in_question, "{letters}");
        }
    }

    type Lists = &'static [&'static [usize]];

    #[test]
    fn circles_are_found_once() {
        let rows: [(Lists, Lists); 6] = [
            (&[&[], &[0], &[0, 1]], &[]),
            (&[&[0]], &[&[0]]),
            (&[&[1], &[2], &[0], &[0]], &[&[0, 1, 2]]),
            (&[&[1], &[0], &[3], &[2]], &[&[0, 1], &[2, 3]]),
            (&[&[1, 2], &[2], &[0]], &[&[0, 2]]),
            (&[&[1, 2], &[0], &[0]], &[&[0, 1]]),
        ];
        for (needs, expected) in rows {
            let needs: Vec<Vec<usize>> = needs.iter().map(|need| need.to_vec()).collect();
            assert_eq!(cycles(&needs), expected, "{needs:?}");
        }
    }

    proptest! {
        #[test]
        fn a_plan_without_circles_has_an_order(edges in prop::collection::vec((0usize..12, 0usize..12), 0..30)) {
            let mut needs = vec![Vec::new(); 12];
            for (from, to) in edges {
                needs[from].push(to);
            }
            // Whoever waits for nobody leaves, until nobody can.
            let mut left: Vec<usize> = (0..12).collect();
            let mut rounds = 0;
            loop {
                let stuck: Vec<usize> =
                    left.iter().copied().filter(|node| needs[*node].iter().any(|need| left.contains(need))).collect();
                if stuck.len() == left.len() {
                    break;
                }
                rounds += 1;
                left = stuck;
            }
            prop_assert_eq!(cycles(&needs).is_empty(), left.is_empty());
            if left.is_empty() {
                prop_assert_eq!(longest_chain(&needs).len(), rounds);
            }
        }
    }
}
