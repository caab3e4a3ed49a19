//! A claim: what a piece of a sentence says, as words, values and negations.
//!
//! Not understanding, only what can be compared: the stems of words that carry
//! meaning, which of them are negated, and numbers with their units. English
//! and Czech; what it cannot compare is undecided, never equal.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What a piece of a sentence says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Claim {
    /// Stems of its words, and whether each is negated.
    words: BTreeMap<String, bool>,
    /// Its numbers and codes, each with its unit, empty without one.
    values: BTreeSet<(String, String)>,
}

/// How two claims stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// They say the same.
    Same,
    /// They say the contrary of the same.
    Contrary,
    /// They speak of different things, or nobody can tell.
    Unclear,
}

/// The word of a claim that is only a yes or a no.
const VERDICT: &str = "?";

/// Words that say nothing by themselves.
const STOP: &str = "a an the this that these those it its is are was were be been being am do does did has have had \
    of in on at to for from by with as and or if then than so also too very quite rather just only well here there \
    which who whom whose what when where why how we you they i he she our your their his her my me us them will \
    would can could should shall may might must about into over under between any some each every such same own \
    se si je jsou byl byla bylo být na do od po za pro při pod nad před mezi ke ku ze ve v z s u k o i že aby jak \
    jako který která které to ten ta ti ty tento tato toto tak také jen by bude budou má mají může mohou musí lze";

/// Words that negate what follows.
const NOT: &str = "not no never none neither nor cannot hardly without ne není nejsou nikdy žádný žádná žádné bez nelze nebude";

/// Where another claim begins within a sentence.
const TURNS: &str = "but although though however while whereas because therefore unless except ale avšak protože proto ačkoli zatímco";

/// Words that stand for another one, some for its contrary.
const SYNONYMS: [(&str, &str, bool); 37] = [
    ("lower", "higher", true),
    ("less", "more", true),
    ("fewer", "more", true),
    ("decrease", "increase", true),
    ("decreases", "increase", true),
    ("fail", "pass", true),
    ("fails", "pass", true),
    ("failed", "pass", true),
    ("reject", "accept", true),
    ("rejected", "accept", true),
    ("approve", "accept", false),
    ("approved", "accept", false),
    ("false", "true", true),
    ("wrong", "true", true),
    ("right", "true", false),
    ("correct", "true", false),
    ("dangerous", "safe", true),
    ("after", "before", true),
    ("below", "above", true),
    ("enough", "sufficient", false),
    ("adequate", "sufficient", false),
    ("inadequate", "sufficient", true),
    ("needed", "required", false),
    ("necessary", "required", false),
    ("used", "use", false),
    ("using", "use", false),
    ("percent", "%", false),
    ("procent", "%", false),
    ("metre", "m", false),
    ("metres", "m", false),
    ("metrů", "m", false),
    ("millimetres", "mm", false),
    ("dny", "den", false),
    ("dní", "den", false),
    ("dnů", "den", false),
    ("nesmí", "smí", true),
    ("nevyhovuje", "vyhovuje", true),
];

const NUMBERS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

/// Most bytes of a sentence that are read; what goes on for longer is hardly one.
const LONGEST: usize = 1000;

/// The claims of a text, in its order.
pub(super) fn claims(text: &str) -> impl Iterator<Item = Claim> + '_ {
    sentences(text).flat_map(|sentence| clauses(&tokens(sentence)))
}

/// Sentences, list items and lines; a point within a number ends nothing.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    let mut ends = Vec::new();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |(_, next)| *next);
        let within = before.is_ascii_digit() && next.is_ascii_digit();
        if matches!(c, '\n' | ';' | '!' | '?') || (matches!(c, '.' | ':') && !within) {
            ends.push(at);
        }
        before = c;
    }
    ends.push(text.len());
    let mut start = 0;
    ends.into_iter().map(move |end| {
        let sentence = &text[start.min(end)..end];
        start = end + text[end..].chars().next().map_or(0, char::len_utf8);
        sentence
    })
}

/// Words in lower case; a comma that is no part of a number stands for itself.
fn tokens(sentence: &str) -> Vec<String> {
    let sentence = &sentence[..sentence.floor_char_boundary(LONGEST)];
    let lower =
        sentence.to_lowercase().replace(['’', '‘'], "'").replace("n't", " not").replace("not only", " ");
    let mut tokens = Vec::new();
    for word in lower.split(|c: char| c.is_whitespace() || "()[]{}\"*_`#|=<>~".contains(c)) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '%' && c != '-');
        let bare = bare.trim_end_matches('-');
        let bare = if is_number(bare.trim_start_matches('-')) { bare } else { bare.trim_start_matches('-') };
        tokens.extend((!bare.is_empty()).then(|| bare.to_owned()));
        if word.ends_with(',') {
            tokens.push(",".to_owned());
        }
    }
    tokens
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

fn is_one_of(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|other| other == word)
}

/// The claims of one sentence: a yes or no before a comma, and what stands between turns.
fn clauses(tokens: &[String]) -> Vec<Claim> {
    let verdict = |word: &str| match word {
        "yes" | "ano" => Some(false),
        "no" | "ne" => Some(true),
        _ => None,
    };
    let mut claims = Vec::new();
    let mut rest = tokens;
    let ends_there = tokens.get(1).is_none_or(|next| next == ",");
    if let Some(negated) = tokens.first().and_then(|word| verdict(word)).filter(|_| ends_there) {
        claims.push(Claim { words: BTreeMap::from([(VERDICT.to_owned(), negated)]), ..Claim::default() });
        rest = &tokens[1..];
    }
    let parts = rest.split(|word| is_one_of(TURNS, word));
    claims.extend(parts.map(Claim::of).filter(|claim| !claim.words.is_empty()));
    claims
}

impl Claim {
    fn of(tokens: &[String]) -> Claim {
        let mut claim = Claim::default();
        let mut negated = false;
        let mut last = None;
        for (at, word) in tokens.iter().enumerate() {
            if let Some(number) =
                NUMBERS.iter().position(|number| number == word).filter(|number| *number > 1)
            {
                claim.values.insert((number.to_string(), unit(tokens.get(at + 1))));
            } else if word.bytes().any(|c| c.is_ascii_digit()) {
                claim.values.insert(value(word, tokens.get(at + 1)));
            } else if is_one_of(NOT, word) {
                negated = !negated;
            } else if word != "," && !is_one_of(STOP, word) {
                let (stem, flips) = canonical(word);
                claim.words.insert(stem.clone(), negated != flips);
                last = Some(stem);
                negated = false;
            }
        }
        // "They did not": what is negated stands before.
        if let Some(word) = last.filter(|_| negated).and_then(|stem| claim.words.get_mut(&stem)) {
            *word = !*word;
        }
        claim
    }

    /// How it stands to another one.
    pub(super) fn to(&self, other: &Claim) -> Relation {
        let shared = self.shared(other);
        let values = self.values(other);
        if !self.is_about(other, shared.len()) || values == Relation::Unclear {
            return Relation::Unclear;
        }
        let flipped = shared.iter().filter(|flipped| **flipped).count();
        let negations = |claim: &Claim| claim.words.values().filter(|negated| **negated).count();
        // "Not unsafe" is safe: a word that is negated twice is shared and not flipped.
        let odd = (negations(self) + negations(other)) % 2 == 1 && flipped == 0;
        match (flipped % 2 == 1 || values == Relation::Contrary, odd && !self.has_prefixed(other)) {
            (true, _) => Relation::Contrary,
            (false, true) => Relation::Unclear,
            (false, false) if flipped > 0 => Relation::Unclear,
            (false, false) => Relation::Same,
        }
    }

    /// How much of the shorter claim the other one has as well; to find what belongs together.
    pub(super) fn likeness(&self, other: &Claim) -> usize {
        let shared = self.shared(other).len() + self.values.intersection(&other.values).count();
        let size = |claim: &Claim| claim.words.len() + claim.values.len();
        shared * 1000 / size(self).max(size(other)).max(1)
    }

    /// For each word that both have, whether one says it and the other denies it.
    fn shared(&self, other: &Claim) -> Vec<bool> {
        let find = |word: &str| -> Option<bool> {
            let same = other.words.get(word).copied();
            same.or_else(|| plain(word).and_then(|plain| other.words.get(plain)).map(|negated| !negated))
                .or_else(|| {
                    other
                        .words
                        .iter()
                        .find(|(theirs, _)| plain(theirs) == Some(word))
                        .map(|(_, negated)| !negated)
                })
        };
        self.words.iter().filter_map(|(word, negated)| find(word).map(|theirs| theirs != *negated)).collect()
    }

    /// Whether a word of the one is that of the other with a prefix that denies it.
    fn has_prefixed(&self, other: &Claim) -> bool {
        let has = |one: &Claim, two: &Claim| {
            one.words.keys().filter_map(|word| plain(word)).any(|plain| two.words.contains_key(plain))
        };
        has(self, other) || has(other, self)
    }

    /// Whether both speak of the same: the longer one has every word of the shorter one, and not many more. One
    /// word of its own is enough to speak of something else, as a strip of foundation is not a raft.
    fn is_about(&self, other: &Claim, shared: usize) -> bool {
        let (a, b) = (self.words.len(), other.words.len());
        let enough = shared >= 2 || a.max(b) == 1;
        enough && shared == a.min(b) && shared * 5 >= a.max(b) * 2
    }

    /// What the numbers say. One that only one of them has contradicts nothing.
    fn values(&self, other: &Claim) -> Relation {
        let (mut ours, mut theirs) =
            (self.values.difference(&other.values), other.values.difference(&self.values));
        let (ours, theirs): (Vec<_>, Vec<_>) = (ours.by_ref().collect(), theirs.by_ref().collect());
        match (ours.is_empty(), theirs.is_empty()) {
            (false, false) => {
                let same_unit = ours.iter().any(|(_, unit)| theirs.iter().any(|(_, other)| unit == other));
                // 30 mm and 3 cm may be the same.
                if same_unit { Relation::Contrary } else { Relation::Unclear }
            }
            _ => Relation::Same,
        }
    }
}

/// A number in one spelling, or a code such as C30/37, and its unit.
fn value(word: &str, next: Option<&String>) -> (String, String) {
    let split = word.find(|c: char| !c.is_ascii_digit() && !"-.,".contains(c)).unwrap_or(word.len());
    let (number, rest) = word.split_at(split);
    if number.trim_matches('-').is_empty() {
        let letters: String = word.chars().take_while(|c| !c.is_ascii_digit()).collect();
        return (word.to_owned(), format!("code {letters}"));
    }
    let thousands = number.split(',').skip(1).all(|part| part.len() == 3) && !number.starts_with("0,");
    let number = if thousands { number.replace(',', "") } else { number.replace(',', ".") };
    let number = number.parse::<f64>().map_or(number, |number| number.to_string());
    let unit = if rest.is_empty() { unit(next) } else { rest.to_owned() };
    (number, unit)
}

/// The word after a number, if it may be its unit.
fn unit(next: Option<&String>) -> String {
    let word = next.map_or("", String::as_str);
    let is_none = word == "," || is_one_of(STOP, word) || is_one_of(NOT, word) || is_one_of(TURNS, word);
    if is_none { String::new() } else { canonical(word).0 }
}

/// The word that stands for it, and whether it says the contrary.
fn canonical(word: &str) -> (String, bool) {
    let synonym = SYNONYMS.iter().find(|(other, ..)| *other == word);
    let (word, flips) = synonym.map_or((word, false), |(_, of, flips)| (*of, *flips));
    (stem(word), flips)
}

/// A word without its ending.
fn stem(word: &str) -> String {
    let endings = [
        "ingly", "ation", "ments", "ment", "ness", "ing", "ies", "ied", "ely", "ed", "es", "ly", "s", "e",
        "y",
    ];
    let is_long = |stem: &&str| stem.chars().count() > 2;
    let cut = endings.iter().find_map(|ending| word.strip_suffix(ending).filter(is_long)).unwrap_or(word);
    // "Reinforced" and "reinforcement", "carry" and "carries".
    cut.strip_suffix(['e', 'i', 'y']).filter(is_long).unwrap_or(cut).to_owned()
}

/// A word without a prefix that denies it.
fn plain(word: &str) -> Option<&str> {
    let prefixes = ["un", "in", "im", "ir", "non", "dis", "ne"];
    prefixes.iter().find_map(|prefix| word.strip_prefix(prefix).filter(|plain| plain.chars().count() > 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Claim> {
        claims(text).collect()
    }

    fn relation(a: &str, b: &str) -> Relation {
        let (a, b) = (all(a), all(b));
        let ([a], [b]) = (&a[..], &b[..]) else { panic!("{a:?} {b:?}") };
        assert_eq!(a.to(b), b.to(a), "it must not matter who is asked");
        a.to(b)
    }

    #[test]
    fn claims_are_compared_by_words_numbers_and_negations() {
        use Relation::Contrary;
        use Relation::Same;
        use Relation::Unclear;
        let rows = [
            ("The slab is safe for the planned load.", "For the planned load, the slab is safe", Same),
            (
                "The slab safely carries the planned load",
                "The planned load is carried safely by the slab",
                Same,
            ),
            ("The slab is safe for the load", "The slab is not safe for the load", Contrary),
            ("The slab is safe for the load", "The slab is unsafe for the load", Contrary),
            ("The slab isn't unsafe for the load", "The slab is safe for the load", Same),
            ("The cover must be 40 mm thick", "A cover of 40 mm thickness is a must", Same),
            ("The concrete cover is 40 mm", "The concrete cover is 35 mm", Contrary),
            ("The concrete cover is 40 mm", "The concrete cover is 4 cm", Unclear),
            ("The concrete cover is 1.50 m", "The concrete cover is 1,5 m", Same),
            ("Use concrete C30/37 for the strip", "Use concrete C25/30 for the strip", Contrary),
            ("Use concrete C30/37 for the strip", "For the strip use the concrete", Same),
            ("Costs rise by 5 percent a year", "Costs rise by 5 % a year", Same),
            ("Wait three days before loading", "Wait 7 days before loading", Contrary),
            ("Load the wall before curing", "Load the wall after curing", Contrary),
            ("The design is sufficient here", "The design is adequate here", Same),
            ("The design is sufficient here", "The design is insufficient here", Contrary),
            ("The wall needs drainage behind it", "The roof needs insulation above it", Unclear),
            ("The slab is safe", "The slab is safe and needs no extra bars", Unclear),
            ("A strip foundation is suitable here", "A raft foundation is suitable here", Unclear),
            ("A strip foundation is suitable here", "A raft foundation is not suitable here", Unclear),
            ("Beton vyhovuje třídě XC4", "Beton nevyhovuje třídě XC4", Contrary),
            ("Deska je bezpečná pro zatížení", "Deska není bezpečná pro zatížení", Contrary),
        ];
        for (a, b, expected) in rows {
            assert_eq!(relation(a, b), expected, "{a} | {b}: {:?} {:?}", all(a), all(b));
        }
    }

    #[test]
    fn a_yes_or_no_is_a_claim_of_its_own() {
        let no = all("No, the wall is not needed.");
        assert_eq!(no.len(), 2);
        assert_eq!(no[0].to(&all("Yes.")[0]), Relation::Contrary);
        assert_eq!(no[0].to(&all("No.")[0]), Relation::Same);
        assert_eq!(all("No wall is needed.").len(), 1);
    }

    #[test]
    fn text_is_cut_where_claims_end() {
        assert_eq!(all("It holds 1.5 m; paint it.\n- Wait although time is short").len(), 4);
        for nothing in ["", "  \n", "...", "漢", "the of and"] {
            assert!(all(nothing).len() <= 1, "{nothing}");
        }
    }
}
