//! From a question to a search: any text becomes words that the index understands, never its syntax.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;

/// Most words that one search looks for; of a longer question the longest ones, which say the most.
const MOST: usize = 48;
/// Longest word that is looked for, in characters; nobody writes longer ones.
const LONGEST: usize = 40;
/// Words of so many letters are found in other endings, too: so many letters at their end may differ.
const ENDINGS: [(usize, usize); 2] = [(8, 3), (6, 2)];

/// Words that every text has, English and Czech, in order. The index itself gives little weight to what is
/// frequent, but in a handful of documents nothing is.
#[rustfmt::skip]
const EMPTY: [&str; 75] = [
    "aby", "ale", "an", "and", "ani", "any", "are", "as", "at", "be", "bude", "by", "být", "can",
    "co", "do", "does", "for", "from", "has", "have", "how", "if", "in", "into", "is", "it", "its",
    "jak", "jako", "je", "jsou", "kde", "ke", "která", "které", "který", "má", "na", "ne", "nebo",
    "not", "od", "of", "on", "or", "po", "pod", "pro", "při", "se", "should", "si", "ta", "ten",
    "that", "the", "their", "there", "these", "this", "to", "ve", "was", "what", "when", "where",
    "which", "who", "why", "will", "with", "za", "ze", "že",
];

/// The search of a question in the index's own language; `None` when it has no words.
///
/// Each word stands in quotes and consists of letters and digits only, so nothing of it is an operator. Words
/// without digits match with other endings as well (*betonová* finds *betonu*), exact ones count twice.
pub fn query(question: &str) -> Option<String> {
    let mut words = words(question);
    if words.len() > MOST {
        // A stable sort: among equally long ones the earlier stay.
        words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
        words.truncate(MOST);
    }
    let terms = words.iter().map(|word| match stem(word) {
        Some(stem) => format!("\"{word}\" OR \"{stem}\"*"),
        None => format!("\"{word}\""),
    });
    let terms: Vec<String> = terms.collect();
    (!terms.is_empty()).then(|| terms.join(" OR "))
}

/// The distinct words of a text, in its order; single characters and empty words only if there is nothing else.
fn words(text: &str) -> Vec<String> {
    // One spelling of letters with marks, so that an ending is cut between letters.
    let text: String = text.nfc().flat_map(char::to_lowercase).collect();
    let mut seen = HashSet::new();
    let all = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let all = all.map(|word| word.chars().take(LONGEST).collect::<String>());
    let all: Vec<String> = all.filter(|word| seen.insert(word.clone())).collect();
    let says = |word: &&String| word.chars().nth(1).is_some() && !EMPTY.contains(&word.as_str());
    let telling: Vec<String> = all.iter().filter(says).cloned().collect();
    if telling.is_empty() { all } else { telling }
}

/// The beginning that a word shares with its other forms.
fn stem(word: &str) -> Option<String> {
    let letters = word.chars().count();
    let (_, ending) = ENDINGS.into_iter().find(|(least, _)| letters >= *least)?;
    word.chars().all(char::is_alphabetic).then(|| word.chars().take(letters - ending).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_become_quoted_words() {
        let cases = [
            ("pH 6.2?", Some("\"ph\"")),
            ("C30/37 XC4", Some("\"c30\" OR \"37\" OR \"xc4\"")),
            ("Betonu BETONU", Some("\"betonu\" OR \"beto\"*")),
            ("základová", Some("\"základová\" OR \"základ\"*")),
            ("za\u{301}kladova\u{301}", Some("\"základová\" OR \"základ\"*")),
            ("x y", Some("\"x\" OR \"y\"")),
            ("What is the pH of it?", Some("\"ph\"")),
            ("který to je", Some("\"který\" OR \"to\" OR \"je\"")),
            ("a NEAR(b)", Some("\"near\"")),
            ("\"; DROP TABLE chunks --", Some("\"drop\" OR \"table\" OR \"chunks\" OR \"chun\"*")),
            ("", None),
            ("\"*^(){}:-+\0\u{202e}", None),
        ];
        for (question, expected) in cases {
            assert_eq!(query(question).as_deref(), expected, "{question:?}");
        }
    }

    #[test]
    fn a_long_question_is_searched_by_its_longest_words() {
        let text: String = (0..200).map(|n| format!("w{n} ")).chain(["groundwater".to_owned()]).collect();
        let query = query(&text).unwrap();
        assert!(query.starts_with("\"groundwater\" OR \"groundwa\"* OR \"w100\""), "{query}");
        assert_eq!(query.matches(" OR ").count(), MOST);
    }
}
