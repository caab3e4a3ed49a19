//! Words of building elements and works, in Czech, English and German.
//!
//! Texts are compared folded: lower case, no accents, words only. The words
//! stand in `rulesets/elements.toml`; nothing here knows any of them.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A kind of building element.
#[derive(Debug, Deserialize)]
pub struct Element {
    /// The id, as in the table of steel contents.
    pub id: String,
    /// What reports call it.
    pub name: String,
    /// How its formwork is counted.
    pub shape: Option<Shape>,
    /// How it meets the ground.
    pub ground: Option<Ground>,
    /// The wider kind that a bill may name in its place.
    pub kind_of: Option<String>,
    /// Whether it has no reinforcement.
    #[serde(default)]
    pub plain: bool,
    phrases: Vec<Phrase>,
}

/// How an element's formwork is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Sides only, top and bottom open.
    Footing,
    /// Edges only, on the ground.
    Raft,
    /// Soffit and edges.
    Slab,
    /// Two faces and two ends.
    Wall,
    /// Two faces and one end.
    Wing,
    /// Four faces.
    Column,
    /// Soffit and two sides.
    Beam,
}

/// How an element meets the ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// Buried altogether.
    Foundation,
    /// Earth on one side.
    Beside,
}

/// What a row of a bill is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// Concrete cast in place.
    Concrete,
    /// Reinforcement.
    Steel,
    /// Formwork.
    Formwork,
}

/// Words in order; a star at an end stands for any letters.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
struct Phrase(Vec<Word>);

#[derive(Debug)]
struct Word {
    text: String,
    any_before: bool,
    any_after: bool,
}

impl From<String> for Phrase {
    fn from(text: String) -> Phrase {
        let word = |word: &str| Word {
            text: word.trim_matches('*').to_owned(),
            any_before: word.starts_with('*'),
            any_after: word.ends_with('*'),
        };
        Phrase(text.split_whitespace().map(word).collect())
    }
}

impl Phrase {
    fn starts_at(&self, words: &[String]) -> bool {
        words.len() >= self.0.len() && self.0.iter().zip(words).all(|(pattern, word)| pattern.fits(word))
    }

    fn letters(&self) -> usize {
        self.0.iter().map(|word| word.text.len()).sum()
    }
}

impl Word {
    fn fits(&self, word: &str) -> bool {
        match (self.any_before, self.any_after) {
            (false, false) => word == self.text,
            (false, true) => word.starts_with(&self.text),
            (true, false) => word.ends_with(&self.text),
            (true, true) => word.contains(&self.text),
        }
    }
}

#[derive(Deserialize)]
struct File {
    element: Vec<Element>,
    works: BTreeMap<String, Vec<Phrase>>,
    surroundings: BTreeMap<String, Vec<Phrase>>,
}

static WORDS: LazyLock<File> = LazyLock::new(|| {
    toml::from_str(include_str!("../../rulesets/elements.toml")).expect("the embedded file is read by a test")
});

/// Phrases by the first letter of their first word, since bills are long and lists too.
struct Index<T> {
    by_letter: HashMap<char, Vec<(&'static Phrase, T)>>,
    any: Vec<(&'static Phrase, T)>,
}

impl<T: Copy> Index<T> {
    fn of(phrases: impl Iterator<Item = (&'static Phrase, T)>) -> Index<T> {
        let mut index = Index { by_letter: HashMap::new(), any: Vec::new() };
        for (phrase, of) in phrases {
            let first =
                phrase.0.first().filter(|word| !word.any_before).and_then(|word| word.text.chars().next());
            match first {
                Some(letter) => index.by_letter.entry(letter).or_default().push((phrase, of)),
                None => index.any.push((phrase, of)),
            }
        }
        index
    }

    /// The phrases that stand at the beginning of these words.
    fn at<'a>(&'a self, words: &'a [String]) -> impl Iterator<Item = (&'static Phrase, T)> + 'a {
        let letter = words.first().and_then(|word| word.chars().next());
        let near =
            letter.and_then(|letter| self.by_letter.get(&letter)).map(Vec::as_slice).unwrap_or_default();
        near.iter().chain(&self.any).copied().filter(move |(phrase, _)| phrase.starts_at(words))
    }
}

static ELEMENTS: LazyLock<Index<&'static Element>> = LazyLock::new(|| {
    Index::of(
        WORDS.element.iter().flat_map(|element| element.phrases.iter().map(move |phrase| (phrase, element))),
    )
});

static LISTS: LazyLock<HashMap<&'static str, Index<()>>> = LazyLock::new(|| {
    let lists = WORDS.works.iter().chain(&WORDS.surroundings);
    lists
        .map(|(name, phrases)| (name.as_str(), Index::of(phrases.iter().map(|phrase| (phrase, ())))))
        .collect()
});

/// Words of a text: lower case, no accents, letters and digits only, a plus sign on its own.
pub fn fold(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            'ß' => word.push_str("ss"),
            c if c.is_alphanumeric() => word.push(c),
            c => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if c == '+' {
                    words.push("+".to_owned());
                }
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The element of this id.
pub fn element(id: &str) -> Option<&'static Element> {
    WORDS.element.iter().find(|element| element.id == id)
}

/// What a text names: an element, several joined by "and" or "+", or none.
pub fn elements_in(words: &[String]) -> Vec<&'static Element> {
    let mut hits = element_hits(words);
    if let Some((under, _)) = first_of("under", words)
        && hits.first().is_some_and(|hit| hit.start < under)
    {
        hits.retain(|hit| hit.start < under);
    }
    let Some(best) = hits.iter().max_by_key(|hit| (hit.len, std::cmp::Reverse(hit.start))) else {
        return Vec::new();
    };
    let mut found = vec![best.element];
    for pair in hits.windows(2) {
        let between = &words[pair[0].start + pair[0].len..pair[1].start];
        let joined = matches!(between, [word] if matches!(word.as_str(), "+" | "a" | "and" | "und" | "i"));
        if joined
            && (std::ptr::eq(pair[0].element, best.element) || std::ptr::eq(pair[1].element, best.element))
        {
            found.extend(pair.iter().map(|hit| hit.element));
        }
    }
    found.sort_by_key(|element| element.id.as_str());
    found.dedup_by_key(|element| element.id.as_str());
    found
}

/// Every different element that a text names.
pub fn all_elements_in(words: &[String]) -> Vec<&'static Element> {
    let mut found: Vec<_> = element_hits(words).into_iter().map(|hit| hit.element).collect();
    found.sort_by_key(|element| element.id.as_str());
    found.dedup_by_key(|element| element.id.as_str());
    found
}

struct Hit {
    start: usize,
    len: usize,
    element: &'static Element,
}

/// Non-overlapping matches from left to right, the longest at each place.
fn element_hits(words: &[String]) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut start = 0;
    while start < words.len() {
        let here = ELEMENTS.at(&words[start..]);
        let longest = here.max_by_key(|(phrase, _)| (phrase.0.len(), phrase.letters()));
        match longest {
            Some((phrase, element)) => {
                hits.push(Hit { start, len: phrase.0.len(), element });
                start += phrase.0.len();
            }
            None => start += 1,
        }
    }
    hits
}

/// Whether one of the words of a list of `[works]` occurs.
pub fn mentions(words: &[String], list: &str) -> bool {
    first_of(list, words).is_some()
}

/// Whether the description speaks of something of `[surroundings]`.
pub fn speaks_of(words: &[String], list: &str) -> bool {
    first_of(list, words).is_some()
}

/// Where the first phrase of a list stands, and how many letters it has.
fn first_of(list: &str, words: &[String]) -> Option<(usize, usize)> {
    let index = LISTS.get(list)?;
    (0..words.len()).find_map(|start| {
        let here = index.at(&words[start..]);
        here.map(|(phrase, ())| phrase.letters()).max().map(|letters| (start, letters))
    })
}

/// The words before the first "incl." or "without", and those from there on.
pub fn head_and_tail(words: &[String]) -> (&[String], &[String]) {
    let cut = |list: &str| first_of(list, words).map(|(start, _)| start);
    let at = [cut("included"), cut("without")].into_iter().flatten().min().unwrap_or(words.len());
    words.split_at(at)
}

/// What a row is about, by the words before any tail; the unit only decides between words.
pub fn work_of(head: &[String], fits: impl Fn(Work) -> bool) -> Option<Work> {
    let lists = [(Work::Concrete, "concrete"), (Work::Steel, "steel"), (Work::Formwork, "formwork")];
    let mut found: Vec<(usize, usize, Work)> = lists
        .iter()
        .filter_map(|(work, list)| first_of(list, head).map(|(at, letters)| (at, letters, *work)))
        .collect();
    // At one place the longer word is meant: "betonarska" is steel though "beton" is concrete.
    found.sort_by_key(|(at, letters, _)| (*at, std::cmp::Reverse(*letters)));
    let mut taken = usize::MAX;
    found.retain(|(at, _, _)| std::mem::replace(&mut taken, *at) != *at);
    let (_, _, first) = *found.first()?;
    // "Concrete formwork" in m2 is formwork, "formwork of concrete walls" in m3 is a mistake.
    let other = found.iter().map(|(_, _, work)| *work).find(|work| fits(*work));
    let work = if first == Work::Concrete && !fits(first) { other.unwrap_or(first) } else { first };
    let is_work = !mentions(head, "done_to") && (work != Work::Concrete || !mentions(head, "not_cast"));
    is_work.then_some(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<&'static str> {
        elements_in(&fold(text)).into_iter().map(|element| element.id.as_str()).collect()
    }

    #[test]
    fn elements_have_names_in_three_languages() {
        for (text, id) in [
            ("foundation_strip", "strip"),
            ("Beton základových pasů C30/37", "strip"),
            ("Streifenfundament Beton", "strip"),
            ("Základové patky", "pad"),
            ("Výztuž základové desky", "raft"),
            ("Stahlbetonbodenplatte", "raft"),
            ("Základy z betonu železového", "foundation"),
            ("Stropní deska", "slab"),
            ("New open parking deck", "slab"),
            ("Geschossdecken", "slab"),
            ("Opěrné zdi", "retaining_wall"),
            ("Stützmauer", "retaining_wall"),
            ("Obvodové stěny", "wall"),
            ("Průvlaky", "beam"),
            ("Stützen", "column"),
            ("Schodiště", "stairs"),
            ("Dřík opěry", "abutment"),
            ("Křídla", "wing"),
            ("Římsy", "edge_beam"),
            ("Podkladní beton C12/15", "blinding"),
            ("Sauberkeitsschicht", "blinding"),
            ("Blinding under base slab", "blinding"),
            ("Concrete below ground in foundations", "foundation"),
            ("Kelleraußenwände Stahlbeton", "basement_wall"),
            ("Köcherfundamente", "pad"),
        ] {
            assert_eq!(ids(text), [id], "{text}");
        }
        assert_eq!(ids("wall+slab"), ["slab", "wall"]);
        assert_eq!(ids("Výztuž stěn a desek"), ["slab", "wall"]);
        assert!(ids("drainage").is_empty());
    }

    #[test]
    fn works_are_told_apart() {
        let any = |_| false;
        for (text, work) in [
            ("Beton základů C25/30", Some(Work::Concrete)),
            ("Betonářská výztuž 10505", Some(Work::Steel)),
            ("Výztuž základů z betonářské oceli", Some(Work::Steel)),
            ("Reinforced concrete wall", Some(Work::Concrete)),
            ("Reinforcement B500B", Some(Work::Steel)),
            ("Bednění betonových stěn", Some(Work::Formwork)),
            ("Schalung", Some(Work::Formwork)),
            ("Betonschalung", Some(Work::Formwork)),
            ("Obrubník betonový", None),
            ("Čerpání betonu", None),
            ("Drain pipe PE", None),
        ] {
            assert_eq!(work_of(&fold(text), any), work, "{text}");
        }
        assert_eq!(work_of(&fold("Concrete formwork"), |work| work == Work::Formwork), Some(Work::Formwork));
        let words = fold("Beton C30/37 vč. výztuže a bednění");
        assert_eq!(work_of(head_and_tail(&words).0, any), Some(Work::Concrete));
    }
}
