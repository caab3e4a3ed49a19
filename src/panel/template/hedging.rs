//! Whether a text hedges: whether it says of itself that it cannot answer.
//!
//! Words alone decide, English and Czech, marks and case aside: one of
//! [`HEDGES`] within a clause, unless it is a part of one of [`SURE`]. What is
//! quoted is somebody else's doubt. Each word is looked at once for each
//! phrase that begins with it, so the time grows with the text and no faster.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::panel::words::fold;

/// Phrases of doubt, a line each; of words between bars any may stand there.
const HEDGES: &str = "
    not sure
    not certain
    not entirely|fully|completely|quite|absolutely|really sure|certain|clear
    am|are|remain unsure|uncertain|undecided
    is|remains|stays|seems unclear|uncertain|undecided|doubtful|questionable
    is not clear|known whether|if|how|what|which|who|when
    it|that|this all depends
    it|that|this depends
    it|that|this would depend
    depends on whether|if
    can not tell|say|judge|determine|decide|confirm|assess|know|answer|rule
    can not be told|said|judged|determined|decided|confirmed|assessed|known|answered|verified
    could not tell|say|judge|determine|decide|confirm|assess
    unable to tell|say|judge|determine|decide|confirm|assess|answer|verify
    not able to tell|say|judge|determine|decide|confirm|assess|answer|verify
    not possible to tell|say|judge|determine|decide|confirm|assess|answer|verify
    impossible to tell|say|judge|determine|know|answer
    hard|difficult to tell|say|judge|know
    no way to tell|know|say
    do|does not know
    i|we doubt
    i|we am|are guessing
    my|our guess|guesses
    best guess
    would|can|could only be|guess guess|guessing|guesswork|speculate|speculation
    may|might or may|might not
    not enough information|data|detail|details|context|evidence|facts
    too little information|data|detail|context
    insufficient information|data|detail|details|context|evidence
    lack|lacks|lacking the|enough|sufficient|necessary|any information|data|details|context
    more|further|additional information|data|details|context is|are needed|required|necessary
    need|needs|require|requires more|further|additional information|data|details|context
    without more|further|additional information|data|details|context|knowing
    an open question
    nejsem|nejsme|nejsou si jist|jisty|jista|jisti
    nejsem|nejsme si tim|tim jist|jisty|jista|jisti
    nevim|nevime
    nelze rici|rict|urcit|posoudit|rozhodnout|odpovedet|potvrdit|vyloucit|zodpovedet|stanovit|poznat
    nelze to|jednoznacne|spolehlive|s rici|rict|urcit|posoudit|rozhodnout|odpovedet|potvrdit|jistotou
    nelze to|jednoznacne|spolehlive jednoznacne|spolehlive|s rici|rict|urcit|posoudit|jistotou
    neni mozne rici|rict|urcit|posoudit|rozhodnout|odpovedet|potvrdit
    neni jiste|jasne|zrejme|znamo
    neni uplne|zcela|docela jiste|jasne|zrejme
    zustava nejasne|nejiste|otevrene|otazkou
    je nejasne|nejiste|sporne|otazkou
    zalezi na
    to|vse|hodne zalezi
    to|vse|hodne zavisi
    zavisi na tom
    tezko rici|rict|soudit|odhadnout
    nedokazu|nemohu|nemuzu|neumim|nedokazeme|nemuzeme|neumime rici|rict|urcit|posoudit|rozhodnout|odpovedet|potvrdit
    nedokazu|nemohu|nemuzu|neumim to|jednoznacne|spolehlive rici|rict|urcit|posoudit|rozhodnout|potvrdit
    nemam|nemame|neni|chybi dost|dostatek|dostatecne informaci|informace|udaju|udaje|podkladu|podklady|dat
    nemam|nemame informace|udaje|podklady
    chybi|chybeji|schazi informace|udaje|podklady|data
    chybi|chybeji|schazi mi|nam informace|udaje|podklady|data
    nedostatek informaci|udaju|podkladu|dat
    malo informaci|udaju|podkladu|dat
    bez dalsich|blizsich|podrobnejsich|vice informaci|udaju|podkladu|dat
    pouhy|hruby|muj odhad
";

/// Phrases that have the words of a doubt and are none.
const SURE: &str = "
    not only
    no doubt
    beyond doubt
    not in doubt
    without any|a doubt
    i|we do not doubt
    if you|they are not sure|certain
    if you|they are unsure|uncertain
    if not sure|certain
    whoever is not sure|certain
    who is|are not sure|certain
    not unclear|uncertain|unsure|doubtful
    nothing is unclear|uncertain
    no longer unclear|uncertain
    do|does not know of
    do|does not know any
    do|does not know a
    not hard|difficult|impossible to tell|say|judge|know
    neni pochyb
    bez pochyb|pochyby
    neni nejasne|nejiste
    nevim|nevime o zadnem|zadne|nicem|tom
    pokud|jestli|kdyz si nejste|nejsi jist|jisty|jista|jisti
    pokud|jestli|kdyz nevite|nevis
    nezalezi na
    neni tezke rici|rict|urcit
";

/// Most of a text that is looked at, in bytes: the beginning says it, or nobody reads that far.
const MOST: usize = 256 << 10;
/// Between two clauses no phrase goes on.
const BREAK: &str = ".";

/// Whether this text hedges.
pub fn hedges(text: &str) -> bool {
    let words = words(head(text));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut is_sure = vec![false; words.len()];
    for at in 0..words.len() {
        if let Some(length) = PHRASES.sure.longest(&words[at..]) {
            is_sure[at..at + length].fill(true);
        }
    }
    (0..words.len()).any(|at| {
        let length = PHRASES.hedges.longest(&words[at..]);
        length.is_some_and(|length| !is_sure[at..at + length].contains(&true))
    })
}

/// As much of a text as is looked at.
fn head(text: &str) -> &str {
    let most = (0..=MOST.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..most.unwrap_or(0)]
}

/// The folded words of what is not quoted, with a [`BREAK`] where a clause ends.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for line in text.lines() {
        match line.trim_start() {
            // A paragraph ends; and others are quoted.
            line if line.is_empty() || line.starts_with('>') => words.push(BREAK.to_owned()),
            line => unquoted(line).iter().for_each(|piece| add_words(piece, &mut words)),
        }
    }
    words
}

/// The pieces of a line that stand outside of quotation marks. A mark without its other half is none.
fn unquoted(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut from = 0;
    // Marks that do not come again in this line: each is looked for in vain once.
    let mut gone = String::new();
    while let Some((at, open)) = line[from..].char_indices().find_map(|(at, c)| {
        let closes = closing(c).filter(|_| !gone.contains(c))?;
        Some((from + at, (c, closes)))
    }) {
        let (mark, closes) = open;
        let inside = at + mark.len_utf8();
        match line[inside..].char_indices().find(|(_, c)| closes.contains(*c)) {
            Some((length, close)) => {
                pieces.extend([&line[from..at], BREAK]);
                from = inside + length + close.len_utf8();
            }
            None => gone.push(mark),
        }
    }
    pieces.push(&line[from..]);
    pieces
}

/// What ends a quotation that this sign begins.
fn closing(open: char) -> Option<&'static str> {
    match open {
        '"' => Some("\""),
        '“' | '„' => Some("“”"),
        '«' => Some("»"),
        '»' => Some("«"),
        _ => None,
    }
}

/// The words of a piece, contractions undone. A hyphen joins, so that "sure-footed" is not sure.
fn add_words(piece: &str, words: &mut Vec<String>) {
    for word in piece.split(char::is_whitespace) {
        let folded = fold(word).replace(['’', '‘'], "'");
        let mut rest = folded.as_str();
        while let Some(end) = rest.find(|c: char| !is_part(c)) {
            add_word(&rest[..end], words);
            let sign = rest[end..].chars().next().map_or(0, char::len_utf8);
            if !matches!(&rest[end..end + sign], "*" | "_" | "`") {
                words.push(BREAK.to_owned());
            }
            rest = &rest[end + sign..];
        }
        add_word(rest, words);
    }
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '\''
}

fn add_word(word: &str, words: &mut Vec<String>) {
    let word = word.trim_matches('\'');
    // A dash between words, or before a list's item.
    if word.chars().all(|c| c == '-') {
        words.extend((!word.is_empty()).then(|| BREAK.to_owned()));
        return;
    }
    let mut push = |word: &str| words.push(word.to_owned());
    match word {
        "cannot" | "can't" => ["can", "not"].into_iter().for_each(&mut push),
        "won't" => ["will", "not"].into_iter().for_each(&mut push),
        _ if let Some(verb) = word.strip_suffix("n't") => [verb, "not"].into_iter().for_each(&mut push),
        _ => match word.split_once('\'') {
            Some((subject, "m")) => [subject, "am"].into_iter().for_each(&mut push),
            Some((subject, "s")) => [subject, "is"].into_iter().for_each(&mut push),
            Some((subject, "re")) => [subject, "are"].into_iter().for_each(&mut push),
            Some((subject, "d")) => [subject, "would"].into_iter().for_each(&mut push),
            _ => push(word),
        },
    }
}

/// Phrases by the words that they may begin with.
struct Phrases(HashMap<&'static str, Vec<Vec<Vec<&'static str>>>>);

/// All phrases, read once.
struct Known {
    hedges: Phrases,
    sure: Phrases,
}

static PHRASES: LazyLock<Known> =
    LazyLock::new(|| Known { hedges: Phrases::read(HEDGES), sure: Phrases::read(SURE) });

impl Phrases {
    fn read(text: &'static str) -> Phrases {
        let mut phrases: HashMap<&str, Vec<Vec<Vec<&str>>>> = HashMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut places = line.split(' ').map(|place| place.split('|').collect::<Vec<_>>());
            let first = places.next().unwrap_or_default();
            let rest: Vec<Vec<&str>> = places.collect();
            first.into_iter().for_each(|word| phrases.entry(word).or_default().push(rest.clone()));
        }
        Phrases(phrases)
    }

    /// How many of these words, from the first on, are a phrase.
    fn longest(&self, words: &[&str]) -> Option<usize> {
        let (first, rest) = words.split_first()?;
        let is_there = |places: &&Vec<Vec<&str>>| {
            places.len() <= rest.len() && places.iter().zip(rest).all(|(place, word)| place.contains(word))
        };
        self.0.get(first)?.iter().filter(is_there).map(|places| places.len() + 1).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_hedges_when_it_says_that_it_cannot_answer() {
        let rows = [
            "I am not sure.",
            "I'm NOT sure whether the slab holds.",
            "It depends on the class of the cement.",
            "Yes. But it all depends.",
            "From here I can't tell.",
            "Whether it holds cannot be determined without the drawing.",
            "There is not enough information to decide.",
            "There isn’t enough information, so ask a surveyor.",
            "It is unclear which cement was ordered.",
            "We don't know the load.",
            "The result depends on whether the ground is wet.",
            "That is hard to say.",
            "More information is needed.",
            "This may or may not hold.",
            "I am not\nentirely sure.",
            "**Not sure**: the load is missing.",
            "The manual says \"there is no doubt\", but I cannot say.",
            "12\" pipes: I do not know.",
            "Nejsem si jistý.",
            "Z těchto údajů nelze říci, zda deska vyhoví.",
            "Záleží na třídě betonu.",
            "To záleží.",
            "Není jasné, jaký cement byl objednán.",
            "Těžko říct.",
            "Chybí údaje o podloží.",
            "Nemám dost informací.",
            "NEVÍM.",
        ];
        for text in rows {
            assert!(hedges(text), "{text} {:?}", words(text));
        }
    }

    #[test]
    fn what_only_looks_like_a_doubt_is_none() {
        let rows = [
            "",
            "The slab is safe.",
            "Not only sure but certain.",
            "It is not only certain, it is measured.",
            "Be sure-footed on the scaffold; it is not sure-footed ground.",
            "There is no doubt.",
            "There is no doubt that it holds, and I do not doubt the figures.",
            "It is not unclear: 40 mm are needed.",
            "The standard says: \"It depends on the exposure class\", and that class is XC4.",
            "Norma říká „nelze říci“, tabulka dává 40 mm.",
            "> I am not sure.\n\nYou asked that; the answer is yes.",
            "If you are not sure, measure again.",
            "Are you sure? Not at all: certain.",
            "The safety depends on the cover, which is 40 mm.",
            "The uncertainty of the measurement is 2 mm.",
            "The load is not known to exceed 5 kN.",
            "I do not know of any case in which it failed.",
            "It is certainly not. Sure, it holds.",
            "The beam cannot carry 10 kN.",
            "Není pochyb, že deska vyhoví.",
            "Na barvě nezáleží, nezáleží na ní nic.",
            "Pokud si nejste jisti, změřte to.",
            "Nelze stavět bez izolace.",
            "Není nejasné, co platí.",
            "墙是稳定的",
        ];
        for text in rows {
            assert!(!hedges(text), "{text} {:?}", words(text));
        }
    }

    #[test]
    fn the_words_of_all_phrases_are_words_as_they_are_looked_for() {
        for line in HEDGES.lines().chain(SURE.lines()).map(str::trim) {
            for word in line.split([' ', '|']).filter(|word| !word.is_empty()) {
                assert!(word.bytes().all(|c| c.is_ascii_lowercase()), "{line}");
            }
        }
    }

    #[test]
    fn every_phrase_of_doubt_is_one() {
        for line in HEDGES.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let text: Vec<&str> = line.split(' ').filter_map(|place| place.split('|').next()).collect();
            assert!(hedges(&text.join(" ")), "{line}");
        }
    }

    /// What took the square of the length would not end here.
    #[test]
    fn a_long_text_is_looked_at_as_far_as_somebody_reads() {
        let rows = ["\"", "„ ", "not ", "it depends-", "can not be ", "\n", "a\"b", "> ", "ž", "not only "];
        for piece in rows {
            let text = piece.repeat((4 << 20) / piece.len());
            assert!(!hedges(&text) && head(&text).len() <= MOST, "{piece:?}");
        }
        let late = format!("{}\nI am not sure.", "It holds. ".repeat(40_000));
        assert!(!hedges(&late) && hedges(&late[late.len() - 1000..]));
    }
}
