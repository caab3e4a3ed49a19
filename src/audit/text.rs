//! What a free text says in numbers: sizes, classes, chemistry, cover.
//!
//! Only what is unambiguous is read; two different values of one kind are
//! none. Texts are Czech, English or German.

use crate::audit::ruleset::shared;
use crate::audit::scan::Decimals;
use crate::audit::scan::Token;

/// Sizes in metres as a text gives them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sizes {
    /// Two or three numbers joined by "x".
    pub factors: Vec<f64>,
    /// A thickness said in words.
    pub thickness: Option<f64>,
    /// Pieces of this size.
    pub count: Option<f64>,
}

impl Sizes {
    /// Three numbers, the thickness last.
    pub fn three(&self) -> Option<[f64; 3]> {
        match (&self.factors[..], self.thickness) {
            ([a, b, c], _) => Some([*a, *b, *c]),
            ([a, b], Some(thickness)) => Some([*a, *b, thickness]),
            _ => None,
        }
    }
}

/// The sizes of a text, unless it gives several.
pub fn sizes(tokens: &[Token]) -> Option<Sizes> {
    let mut all: Vec<Sizes> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match product_at(tokens, at) {
            Some((mut sizes, next)) => {
                sizes.count =
                    sizes.count.or_else(|| pieces_before(tokens, at)).or_else(|| pieces_after(tokens, next));
                if !all.contains(&sizes) {
                    all.push(sizes);
                }
                at = next;
            }
            None => at += 1,
        }
    }
    if all.len() > 1 {
        return None;
    }
    let mut sizes = all.pop().unwrap_or_default();
    sizes.thickness = said_size(tokens, THICKNESS);
    (!sizes.factors.is_empty() || sizes.thickness.is_some()).then_some(sizes)
}

const THICKNESS: &[&str] =
    &["thick", "thickness", "tl", "tloustka", "tloustky", "tloustce", "dick", "dicke", "starke"];

/// "tl. 150 mm", "200 mm thick".
fn said_size(tokens: &[Token], words: &[&str]) -> Option<f64> {
    tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| token.is_one_of(words))
        .find_map(|(at, _)| {
            let after = (at + 1..tokens.len().min(at + 4)).find(|i| !matches!(tokens[*i], Token::Sign(_)))?;
            length_at(tokens, after).and_then(|(metres, scale, _)| Some(metres * scale?)).or_else(|| {
                let (metres, scale, next) = length_at(tokens, at.checked_sub(2)?)?;
                (next == at).then_some(metres * scale?)
            })
        })
        .or_else(|| {
            // "200 mm thick" at the end of a text has nothing after the word.
            let at = tokens.iter().position(|token| token.is_one_of(words))?;
            let (value, scale, next) = length_at(tokens, at.checked_sub(2)?)?;
            (next == at).then_some(value * scale?)
        })
}

/// A number with the metres its unit stands for.
fn length_at(tokens: &[Token], at: usize) -> Option<(f64, Option<f64>, usize)> {
    let Token::Number(value, decimals) = tokens.get(at)? else { return None };
    let Some(Token::Word(unit)) = tokens.get(at + 1) else { return Some((*value, None, at + 1)) };
    let scale = match unit.as_str() {
        "m" => 1.0,
        "cm" => 0.01,
        "mm" => 0.001,
        "m2" | "m3" | "kg" | "t" | "ks" => return None,
        _ => return Some((*value, None, at + 1)),
    };
    // "1,200 mm" is more than a metre, "12,600 m" is not a mile.
    let value = if *decimals == Decimals::Three && unit == "mm" { value * 1000.0 } else { *value };
    Some((value, Some(scale), at + 2))
}

/// "45 m x 0.8 m x 0.6 m", units given once or per number, a count before them.
fn product_at(tokens: &[Token], start: usize) -> Option<(Sizes, usize)> {
    let mut parts: Vec<(f64, Option<f64>)> = Vec::new();
    let mut at = start;
    loop {
        let (value, scale, next) = length_at(tokens, at)?;
        parts.push((value, scale));
        at = next;
        let more = tokens.get(at) == Some(&Token::Sign('x'))
            && matches!(tokens.get(at + 1), Some(Token::Number(..)));
        if !more {
            break;
        }
        at += 1;
    }
    let mut count = None;
    if parts.len() == 4 && parts[0].1.is_none() && parts[0].0.fract() == 0.0 {
        count = Some(parts.remove(0).0);
    }
    if !(2..=3).contains(&parts.len()) || parts.iter().any(|(value, _)| *value <= 0.0) {
        return None;
    }
    let factors = in_metres(&parts)?;
    Some((Sizes { factors, thickness: None, count }, at))
}

/// Numbers without a unit have that of the next one, else of the last given, else by magnitude.
fn in_metres(parts: &[(f64, Option<f64>)]) -> Option<Vec<f64>> {
    let last = parts.iter().rev().find_map(|(_, scale)| *scale);
    let guessed = || {
        let all_whole = parts.iter().all(|(value, _)| value.fract() == 0.0);
        match parts {
            _ if all_whole && parts.iter().all(|(value, _)| *value >= 100.0) => Some(0.001),
            _ if !all_whole && parts.iter().all(|(value, _)| *value < 200.0) => Some(1.0),
            _ => None,
        }
    };
    let fallback = last.or_else(guessed)?;
    let scale_of = |at: usize| parts[at..].iter().find_map(|(_, scale)| *scale).unwrap_or(fallback);
    Some(parts.iter().enumerate().map(|(at, (value, _))| value * scale_of(at)).collect())
}

const PIECES: [&str; 7] = ["ks", "kus", "kusy", "pcs", "pieces", "stk", "stck"];

/// "2 ks 12 x 4 x 1 m", "2 pcs of 12 x 4 x 1 m".
fn pieces_before(tokens: &[Token], start: usize) -> Option<f64> {
    let before = tokens.get(..start)?;
    let is_filler =
        |token: &Token| token.is_one_of(&["a", "of"]) || matches!(token, Token::Sign(',' | '(' | ':' | ';'));
    let before = match before.split_last() {
        Some((last, rest)) if is_filler(last) => rest,
        _ => before,
    };
    match before {
        [.., Token::Number(count, Decimals::None), unit] if unit.is_one_of(&PIECES) => Some(*count),
        _ => None,
    }
}

/// "0.4 x 0.4 x 3.0 m, 10 pcs".
fn pieces_after(tokens: &[Token], next: usize) -> Option<f64> {
    let rest = tokens.get(next..)?;
    let rest = match rest.split_first() {
        Some((Token::Sign(',' | '(' | ';' | '-'), rest)) => rest,
        _ => rest,
    };
    match rest {
        [Token::Number(count, Decimals::None), unit, ..] if unit.is_one_of(&PIECES) => Some(*count),
        _ => None,
    }
}

/// Exposure classes that a text names, each once.
pub fn exposures(tokens: &[Token]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let class = match (word.as_str(), tokens.get(at + 1)) {
            ("xc" | "xd" | "xs" | "xf" | "xa" | "xm", Some(Token::Number(number, Decimals::None)))
                if *number < 10.0 =>
            {
                format!("{word}{number}")
            }
            _ => word.clone(),
        };
        let class = class.to_uppercase();
        if is_exposure_like(&class) && !found.contains(&class) {
            found.push(class);
        }
    }
    found
}

fn is_exposure_like(class: &str) -> bool {
    match class.as_bytes() {
        b"X0" => true,
        [b'X', letter, digit] => b"CDSFAM".contains(letter) && digit.is_ascii_digit(),
        _ => false,
    }
}

/// Water-cement ratio: "w/c 0.50", "v/c = 0,5", "w/z".
pub fn w_c(tokens: &[Token]) -> Option<f64> {
    let at = tokens.windows(3).position(|three| match three {
        [a, Token::Sign('/'), b] => (a.is("w") && b.is_one_of(&["c", "z"])) || (a.is("v") && b.is("c")),
        _ => false,
    })?;
    let near =
        tokens.iter().skip(at + 3).take(5).take_while(|token| !matches!(token, Token::Sign('.' | ';')));
    let value = near.into_iter().find_map(|token| match token {
        Token::Number(value, _) => Some(*value),
        _ => None,
    });
    value.filter(|value| (0.2..=1.2).contains(value))
}

/// Nominal cover: "cover 30 mm", "krytí 40 mm", "Betondeckung 5,5 cm".
pub fn cover_mm(tokens: &[Token]) -> Option<f64> {
    let at = tokens.iter().position(|token| {
        token.is_one_of(&["cover", "kryti", "kryci", "betondeckung", "deckung", "uberdeckung"])
    })?;
    let number = (at + 1..tokens.len().min(at + 6)).find(|i| matches!(tokens[*i], Token::Number(..)))?;
    let (value, scale, _) = length_at(tokens, number)?;
    Some(value * scale? * 1000.0).filter(|mm| (5.0..=200.0).contains(mm))
}

/// The thickest bar named, in mm: "Ø14-20mm".
pub fn bar_mm(tokens: &[Token]) -> Option<f64> {
    let numbers_from = |at: usize| {
        let first = match tokens.get(at) {
            Some(Token::Number(value, _)) => Some(*value),
            _ => None,
        };
        let second = match (tokens.get(at + 1), tokens.get(at + 2)) {
            (Some(Token::Sign('-')), Some(Token::Number(value, _))) => Some(*value),
            _ => None,
        };
        first.into_iter().chain(second)
    };
    let bars = tokens.iter().enumerate().filter(|(_, token)| **token == Token::Sign('ø'));
    bars.flat_map(|(at, _)| numbers_from(at + 1)).filter(|mm| (4.0..=50.0).contains(mm)).reduce(f64::max)
}

/// Marks of the GOST system, "F150", "W6", as somebody wrote them.
pub fn gost_marks(tokens: &[Token]) -> Vec<String> {
    let is_mark = |word: &str| match word.split_at_checked(1) {
        Some(("f", digits)) => digits.parse::<u32>().is_ok_and(|cycles| cycles >= 50 && cycles % 25 == 0),
        Some(("w", digits)) => {
            digits.parse::<u32>().is_ok_and(|bars| (2..=20).contains(&bars) && bars % 2 == 0)
        }
        _ => false,
    };
    let words = tokens.iter().filter_map(|token| match token {
        Token::Word(word) if is_mark(word) => Some(word.to_uppercase()),
        _ => None,
    });
    words.collect()
}

/// Whether the list of classes knows this one.
pub fn is_known_exposure(class: &str) -> bool {
    shared().meaning.contains_key(class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::scan::scan;

    fn rounded(text: &str) -> Option<(Vec<f64>, Option<f64>)> {
        let round = |value: f64| (value * 1e6).round() / 1e6;
        let sizes = sizes(&scan(text))?;
        Some((sizes.three()?.into_iter().map(round).collect(), sizes.count))
    }

    #[test]
    fn sizes_are_read() {
        for (text, factors, count) in [
            ("Foundation strip 45m × 0.8m × 0.6m, outdoor", [45.0, 0.8, 0.6], None),
            ("deck 20 m × 10 m × 0.25 m above", [20.0, 10.0, 0.25], None),
            ("slab 6 m × 9 m, 200 mm thick, C25/30", [6.0, 9.0, 0.2], None),
            ("slab 6 m × 9 m, 200 mm thick", [6.0, 9.0, 0.2], None),
            ("deska 6x9 m tl. 150 mm", [6.0, 9.0, 0.15], None),
            ("Platte 6 m x 9 m, 20 cm dick", [6.0, 9.0, 0.2], None),
            ("patka 12,60 x 4,20 x 1,20 m", [12.6, 4.2, 1.2], None),
            ("45 m x 800 x 600 mm", [45.0, 0.8, 0.6], None),
            ("pad 1200x1200x600", [1.2, 1.2, 0.6], None),
            ("2 × 12.6 x 4.2 x 1.2 m", [12.6, 4.2, 1.2], Some(2.0)),
            ("2 ks 12.6 x 4.2 x 1.2 m", [12.6, 4.2, 1.2], Some(2.0)),
            ("0.4x0.4x3.0 m, 10 pcs", [0.4, 0.4, 3.0], Some(10.0)),
        ] {
            assert_eq!(rounded(text), Some((factors.to_vec(), count)), "{text}");
        }
        for text in
            ["6 x 9 m", "Ø90, wall 5.4 mm", "1 x 2 x 3", "2 m x 3 m x 1 m and 4 m x 5 m x 1 m", "45 m2 x 2"]
        {
            assert_eq!(rounded(text), None, "{text}");
        }
    }

    #[test]
    fn the_rest_is_read() {
        assert_eq!(
            exposures(&scan("C30/37-XC4+XF1, XC 2, X0, XC5, X200, XC4")),
            ["XC4", "XF1", "XC2", "X0", "XC5"]
        );
        assert_eq!(w_c(&scan("v/c = 0,50")), Some(0.5));
        assert_eq!(cover_mm(&scan("nominal cover 30 mm")), Some(30.0));
        assert_eq!(cover_mm(&scan("krytí výztuže 4 cm")), Some(40.0));
        assert_eq!(bar_mm(&scan("Reinforcement Ø14-20mm")), Some(20.0));
        assert_eq!(bar_mm(&scan("pipe Ø 90")), None);
        assert_eq!(gost_marks(&scan("B25 F150 W6, F3, w/c")), ["F150", "W6"]);
    }
}
