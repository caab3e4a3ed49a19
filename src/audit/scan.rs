//! Free text as tokens: words, numbers and signs.
//!
//! The readers in `text` look for patterns of tokens, so spaces, accents,
//! "×" for "x" and superscripts never matter to them.

use unicode_normalization::UnicodeNormalization;

use crate::audit::elements::fold;

/// One piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A number and whether it was written with decimals.
    Number(f64, Decimals),
    /// A word, folded: letters and the digits that follow them.
    Word(String),
    /// Any other sign; `x` is the sign of multiplication, `ø` that of a diameter.
    Sign(char),
}

/// How a number was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimals {
    /// A whole number.
    None,
    /// With decimals.
    Some,
    /// Three digits after a comma: perhaps thousands.
    Three,
}

impl Token {
    /// Whether this is the word.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(own) if own == word)
    }

    /// The word, if it is one.
    pub fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether this is one of the words.
    pub fn is_one_of(&self, words: &[&str]) -> bool {
        matches!(self, Token::Word(own) if words.contains(&own.as_str()))
    }
}

/// Whether the sentence, or the list in it, ends with this token; the dot of an abbreviation ends nothing.
pub fn ends_sentence(tokens: &[Token], at: usize) -> bool {
    const SHORT: [&str; 10] = ["max", "min", "cca", "ca", "agr", "obs", "konc", "prum", "stan", "nom"];
    let is_short = |at: usize| tokens.get(at).is_some_and(|token| token.is_one_of(&SHORT));
    match tokens.get(at) {
        Some(Token::Sign(';')) => true,
        Some(Token::Sign('.')) => !at.checked_sub(1).is_some_and(is_short),
        _ => false,
    }
}

/// The tokens of a text.
pub fn scan(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.nfkc().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c.is_whitespace() {
            at += 1;
        } else if c.is_ascii_digit() {
            let (token, next) = number(&chars, at);
            tokens.push(token);
            at = next;
        } else if matches!(c, 'Ø' | 'ø' | '⌀' | '∅' | 'Φ') {
            tokens.push(Token::Sign('ø'));
            at += 1;
        } else if is_times(&chars, at) {
            tokens.push(Token::Sign('x'));
            at += 1;
        } else if c.is_alphabetic() {
            let end = (at..chars.len())
                .find(|i| {
                    (!chars[*i].is_alphanumeric() && !is_mark(chars[*i])) || is_between_digits(&chars, *i)
                })
                .unwrap_or(chars.len());
            let word: String = chars[at..end].iter().collect();
            tokens.extend(fold(&word).into_iter().map(Token::Word));
            at = end;
        } else {
            tokens.push(Token::Sign(if matches!(c, '–' | '—' | '−' | '‐' | '‑') {
                '-'
            } else {
                c
            }));
            at += 1;
        }
    }
    tokens
}

/// The x of "d90x8,2".
fn is_between_digits(chars: &[char], at: usize) -> bool {
    let is_digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    matches!(chars[at], 'x' | 'X') && at > 0 && is_digit(at - 1) && is_digit(at + 1)
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// "×" and "*" always; an x between two numbers, but not that of "30 X0".
fn is_times(chars: &[char], at: usize) -> bool {
    match chars[at] {
        '×' | '*' | '✕' => true,
        'x' | 'X' | 'х' | 'Х' => {
            let after = chars.get(at + 1).copied().unwrap_or(' ');
            let glued = at > 0 && chars[at - 1].is_alphanumeric();
            let alone = after.is_whitespace() && !glued;
            alone
                || (after.is_ascii_digit() && (glued || chars[at] == 'x'))
                || (after.is_whitespace() && at > 0 && chars[at - 1].is_ascii_digit())
        }
        _ => false,
    }
}

fn number(chars: &[char], start: usize) -> (Token, usize) {
    let digits =
        |from: usize| (from..chars.len()).find(|i| !chars[*i].is_ascii_digit()).unwrap_or(chars.len());
    let whole = digits(start);
    let mut end = whole;
    let mut decimals = Decimals::None;
    let separated = whole < chars.len() && matches!(chars[whole], '.' | ',');
    if separated && chars.get(whole + 1).is_some_and(char::is_ascii_digit) {
        end = digits(whole + 1);
        let grouped = end - whole == 4 && chars[whole] == ',' && chars[start] != '0' && whole - start <= 3;
        decimals = if grouped { Decimals::Three } else { Decimals::Some };
    }
    let text: String = chars[start..end].iter().map(|c| if *c == ',' { '.' } else { *c }).collect();
    // Digits with at most one point always parse.
    (Token::Number(text.parse().unwrap_or_default(), decimals), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let show = |token: Token| match token {
            Token::Number(value, _) => format!("#{value}"),
            Token::Word(word) => word,
            Token::Sign(sign) => format!("'{sign}"),
        };
        scan(text).into_iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn texts_fall_into_tokens() {
        for (input, tokens) in [
            ("45m × 0.8m × 0.6m", "#45 m 'x #0.8 m 'x #0.6 m"),
            ("6x9x0,2 m", "#6 'x #9 'x #0.2 m"),
            ("45m x0.8m", "#45 m 'x #0.8 m"),
            ("C30/37-XC4 X0", "c30 '/ #37 '- xc4 x0"),
            ("Ø14–20mm", "'ø #14 '- #20 mm"),
            ("d90x8,2", "d90 'x #8.2"),
            ("m³, SO₄²⁻", "m3 ', so42 '-"),
            ("Základ", "zaklad"),
        ] {
            assert_eq!(text(input), tokens, "{input}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_scanned_without_panic(text in ".*") {
            let _ = scan(&text);
        }
    }
}
