//! The words of a text, marks and case aside: "Bezpečně" is `bezpecne`.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A word, or a piece of one, in small letters without marks.
pub fn fold(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// What stands between other signs than letters and digits, as it is written.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    // A mark may be a sign of its own after its letter.
    let is_part = |c: char| c.is_alphanumeric() || is_combining_mark(c);
    text.split(move |c: char| !is_part(c)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_case_are_left_aside() {
        let text = "Je to BEZPEČNÉ? re\u{301}sume\u{301}, O'Neil-2";
        let folded: Vec<String> = words(text).map(fold).collect();
        assert_eq!(folded, ["je", "to", "bezpecne", "resume", "o", "neil", "2"]);
        assert_eq!(words(" ?! ").count(), 0);
    }
}
