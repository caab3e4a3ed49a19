//! How far several answers agree, by what they claim and not by how many came.
//!
//! Two answers agree when most of what the shorter one claims is in the other
//! and nothing is contrary; they disagree when one denies a claim of the
//! other or has another number for it. Where neither can be told, nobody says
//! so: a split needs a contradiction, and agreement needs common claims.

use serde::Serialize;

use super::claim::Claim;
use super::claim::Relation;
use super::claim::claims;

/// Most claims of one answer that are looked at.
const MOST_CLAIMS: usize = 200;

/// How far answers agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All say the same.
    High,
    /// Some deny what others say.
    Split,
    /// It cannot be told.
    Unknown,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// How far they agree.
    pub level: Level,
    /// Answers that agree with each other, by their places; only those that belong to somebody or deny somebody.
    pub groups: Vec<Vec<usize>>,
    /// Answers of which nobody can tell where they belong.
    pub undecided: Vec<usize>,
}

/// How far these answers to one question agree.
pub fn measure(answers: &[&str]) -> Agreement {
    let claims: Vec<Vec<Claim>> =
        answers.iter().map(|answer| claims(answer).take(MOST_CLAIMS).collect()).collect();
    let texts: Vec<String> = answers.iter().map(|answer| folded(answer)).collect();
    let count = answers.len();
    let is_same_text = |a: usize, b: usize| !texts[a].is_empty() && texts[a] == texts[b];
    let tie = |a: usize, b: usize| match a == b || is_same_text(a, b) {
        true => Tie::Most,
        false => compare(&claims[a], &claims[b]),
    };
    let ties: Vec<Vec<Tie>> = (0..count).map(|a| (0..count).map(|b| tie(a, b)).collect()).collect();
    let is_contrary = |a: &usize, b: &usize| ties[*a][*b] == Tie::Contrary;
    // Who agrees with two that contradict each other shows that the measure is too coarse here.
    let is_torn = |groups: &[Vec<usize>]| {
        groups.iter().any(|group| group.iter().any(|a| group.iter().any(|b| is_contrary(a, b))))
    };
    let splits = ties.iter().flatten().any(|tie| *tie == Tie::Contrary);
    // Where some contradict each other, one claim in common is enough to stand on the same side.
    let sides = Some(groups(&ties, Tie::Little)).filter(|sides| splits && !is_torn(sides));
    let groups = sides.unwrap_or_else(|| groups(&ties, Tie::Most));
    let is_torn = is_torn(&groups);
    let is_placed =
        |group: &Vec<usize>| group.len() > 1 || group.iter().any(|a| (0..count).any(|b| is_contrary(a, &b)));
    let (placed, lost): (Vec<_>, Vec<_>) = groups.into_iter().partition(is_placed);
    let undecided: Vec<usize> = lost.into_iter().flatten().collect();
    let level = match (count, is_torn) {
        (0 | 1, _) | (_, true) => Level::Unknown,
        _ if splits => Level::Split,
        _ if placed.len() == 1 && undecided.is_empty() => Level::High,
        _ => Level::Unknown,
    };
    match is_torn {
        true => Agreement { level, groups: Vec::new(), undecided: (0..count).collect() },
        false => Agreement { level, groups: placed, undecided },
    }
}

/// A text in lower case, with one space between its words.
fn folded(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// How two answers stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    /// One denies what the other says.
    Contrary,
    /// Nobody can tell.
    Unclear,
    /// They have a claim in common.
    Little,
    /// Most of what the shorter one claims is in the other.
    Most,
}

/// Claim by claim, each beside the one that is most like it.
fn compare(a: &[Claim], b: &[Claim]) -> Tie {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut same = 0;
    for claim in few {
        let Some(nearest) = nearest(claim, many) else { continue };
        match claim.to(nearest) {
            Relation::Contrary if is_mutual(claim, nearest, few) => return Tie::Contrary,
            Relation::Same => same += 1,
            Relation::Contrary | Relation::Unclear => {}
        }
    }
    match same {
        0 => Tie::Unclear,
        same if same * 2 >= few.len() => Tie::Most,
        _ => Tie::Little,
    }
}

/// The claim that is most like this one; of equals one that says the same.
fn nearest<'c>(claim: &Claim, others: &'c [Claim]) -> Option<&'c Claim> {
    others.iter().max_by_key(|other| (claim.likeness(other), claim.to(other) == Relation::Same))
}

/// Whether no claim beside this one says the same as `nearest`: then that one is not what this one denies.
fn is_mutual(claim: &Claim, nearest: &Claim, beside: &[Claim]) -> bool {
    let likeness = claim.likeness(nearest);
    !beside.iter().any(|other| other.to(nearest) == Relation::Same && other.likeness(nearest) >= likeness)
}

/// The answers that belong together, each with all that have at least this tie to one of its group.
fn groups(ties: &[Vec<Tie>], least: Tie) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, own) in ties.iter().enumerate() {
        let agrees = |group: &Vec<usize>| group.iter().any(|other| own[*other] >= least);
        let (joined, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(agrees);
        groups = apart;
        groups.push(joined.into_iter().flatten().chain([at]).collect());
    }
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const YES: &str = "Yes, the retaining wall is stable. The safety factor against sliding is 1.6.";
    const YES_TOO: &str = "Yes. The safety factor against sliding is 1.6, so the retaining wall is stable.";
    const NO: &str = "No, the retaining wall is not stable. The safety factor against sliding is 1.6.";

    fn places(groups: &[&[usize]]) -> Vec<Vec<usize>> {
        groups.iter().map(|group| group.to_vec()).collect()
    }

    #[test]
    fn six_equal_answers_agree_and_three_against_three_are_split() {
        let six = measure(&[YES; 6]);
        assert_eq!((six.level, six.groups), (Level::High, places(&[&[0, 1, 2, 3, 4, 5]])));
        let split = measure(&[YES, NO, YES, NO, NO, YES_TOO]);
        assert_eq!((split.level, split.groups), (Level::Split, places(&[&[0, 2, 5], &[1, 3, 4]])));
    }

    #[test]
    fn paraphrases_agree_and_near_copies_that_contradict_do_not() {
        let agree = [
            [YES, YES_TOO],
            [
                "Use concrete C30/37 with a cover of 40 mm.",
                "With a cover of 40 mm, concrete C30/37 is to be used.",
            ],
            [
                "The roof leaks because the membrane is torn.",
                "The membrane of the roof is torn and it leaks.",
            ],
            ["Reject the offer.", "The offer should be rejected."],
        ];
        for answers in agree {
            assert_eq!(measure(&answers).level, Level::High, "{answers:?}");
        }
        let contradict = [
            [YES, NO],
            ["Use concrete C30/37 with a cover of 40 mm.", "Use concrete C25/30 with a cover of 40 mm."],
            ["The offer can be accepted this week.", "The offer can't be accepted this week."],
            ["The limit for chloride is 0.4 % here.", "The limit for chloride is 0.2 % here."],
            ["Accept the offer of the contractor.", "Reject the offer of the contractor."],
        ];
        for answers in contradict {
            assert_eq!(measure(&answers).level, Level::Split, "{answers:?}");
        }
    }

    /// Whatever a model writes is compared in a moment: sentences without end, and more of them than are read.
    #[test]
    fn answers_without_measure_are_compared_all_the_same() {
        let endless: String = (0..200_000).map(|n| format!("word{n} ")).collect();
        let sentences: String = (0..20_000).map(|n| format!("Wall {n} needs drainage. ")).collect();
        let marks = "«\"„".repeat(200_000);
        let answers = [&endless, &sentences, &marks, &endless].map(String::as_str);
        assert_eq!(measure(&answers).undecided.len() + measure(&answers).groups.concat().len(), 4);
    }

    #[test]
    fn what_cannot_be_told_is_unknown() {
        let rows: [&[&str]; 6] = [
            &[],
            &[YES],
            &["", ""],
            &["Ask a geologist about the slope.", "Costs will decide whether the crane stays."],
            &["墙是稳定的", "墙不稳定"],
            &[YES, YES_TOO, "Ask a geologist about the slope."],
        ];
        for answers in rows {
            assert_eq!(measure(answers).level, Level::Unknown, "{answers:?}");
        }
        let one_apart = measure(rows[5]);
        assert_eq!((one_apart.groups, one_apart.undecided), (places(&[&[0, 1]]), vec![2]));
    }

    #[test]
    fn where_some_contradict_a_claim_in_common_makes_a_side() {
        let answers = [
            "The pour can go ahead on Friday. Order concrete at 15 °C. Six people are needed.",
            "The pour can go ahead on Friday. Frost needs blankets. A logger reads the temperature.",
            "The pour cannot go ahead on Friday. Nobody pays for a frozen slab. The forecast was wrong.",
        ];
        let found = measure(&answers);
        assert_eq!((found.level, found.groups), (Level::Split, places(&[&[0, 1], &[2]])));
        assert_eq!(measure(&answers[..2]).level, Level::Unknown, "one claim of three is no agreement");
    }

    #[test]
    fn an_answer_that_names_both_sides_contradicts_neither() {
        let both =
            "Concrete C30/37 is sufficient for class XC4. Concrete C20/25 is not sufficient for class XC4.";
        let turned =
            "Concrete C20/25 is not sufficient for class XC4. Concrete C30/37 is sufficient for class XC4.";
        assert_eq!(measure(&[both, turned]).level, Level::High);
    }

    proptest! {
        #[test]
        fn the_order_of_answers_changes_nothing_but_their_places(
            order in Just(vec![0usize, 1, 2, 3]).prop_shuffle(),
        ) {
            let answers = [YES, NO, YES_TOO, "Ask a geologist about the slope."];
            let turned: Vec<&str> = order.iter().map(|at| answers[*at]).collect();
            let back = |group: &Vec<usize>| {
                let mut group: Vec<usize> = group.iter().map(|at| order[*at]).collect();
                group.sort_unstable();
                group
            };
            let found = measure(&turned);
            let mut groups: Vec<Vec<usize>> = found.groups.iter().map(back).collect();
            groups.sort();
            prop_assert_eq!(groups, measure(&answers).groups);
            prop_assert_eq!(found.level, Level::Split);
        }

        #[test]
        fn whatever_is_answered_has_a_level(answers in prop::collection::vec(".{0,200}", 0..5)) {
            let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
            let found = measure(&answers);
            let mut all: Vec<usize> = found.groups.into_iter().flatten().chain(found.undecided).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..answers.len()).collect::<Vec<_>>());
        }
    }
}
