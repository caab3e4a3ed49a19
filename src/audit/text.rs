//! What a free text says of shapes and classes: sizes, pieces, exposure classes, bars, marks.
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
    /// Sizes said in words.
    pub said: Said,
    /// Pieces of this size.
    pub count: Option<f64>,
}

/// Sizes in metres that words name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Said {
    /// "dl. 12 m", "12 m long".
    pub length: Option<f64>,
    /// "šířka 0,8 m", "0.8 m wide".
    pub width: Option<f64>,
    /// "výška 3 m", "3 m high", "2 m deep".
    pub height: Option<f64>,
    /// "tl. 150 mm", "200 mm thick".
    pub thickness: Option<f64>,
    /// "Ø 900 mm".
    pub diameter: Option<f64>,
}

impl Sizes {
    /// Three numbers, the thickness last.
    pub fn three(&self) -> Option<[f64; 3]> {
        let said = self.said;
        match self.factors[..] {
            [a, b, c] => Some([a, b, c]),
            [a, b] => Some([a, b, said.thickness.or(said.height)?]),
            _ => match (said.length?, said.width, said.height, said.thickness) {
                (length, Some(width), Some(height), None) => Some([length, width, height]),
                (length, Some(width), None, Some(thickness)) => Some([length, width, thickness]),
                (length, None, Some(height), Some(thickness)) => Some([length, thickness, height]),
                _ => None,
            },
        }
    }

    /// Diameter and length of something round.
    pub fn round(&self) -> Option<(f64, f64)> {
        let length = self.said.length.or(self.said.height);
        if self.factors.is_empty() { self.said.diameter.zip(length) } else { None }
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
    let product = all.pop();
    let mut sizes = product.unwrap_or_else(|| Sizes { count: pieces(tokens), ..Sizes::default() });
    sizes.said = Said {
        length: said(tokens, &LENGTH),
        width: said(tokens, &WIDTH),
        height: said(tokens, &HEIGHT),
        thickness: said(tokens, &THICKNESS),
        diameter: diameter(tokens),
    };
    (!sizes.factors.is_empty() || sizes.said != Said::default()).then_some(sizes)
}

/// Words of one size: nouns stand before their number, adjectives behind it.
struct Names {
    nouns: &'static [&'static str],
    adjectives: &'static [&'static str],
}

const LENGTH: Names = Names {
    nouns: &["length", "dl", "delka", "delky", "delce", "delkou", "lange", "l"],
    adjectives: &["long", "lang", "langer", "langes", "dlouhy", "dlouha", "dlouhe"],
};
const WIDTH: Names = Names {
    nouns: &["width", "sirka", "sirky", "sirce", "sirkou", "breite", "b"],
    adjectives: &["wide", "breit", "breiter", "breites", "siroky", "siroka", "siroke"],
};
const HEIGHT: Names = Names {
    nouns: &[
        "height", "depth", "vyska", "vysky", "vysce", "vyskou", "hl", "hloubka", "hloubky", "hohe", "tiefe",
        "h", "v",
    ],
    adjectives: &["high", "deep", "hoch", "hoher", "hohes", "tief", "vysoky", "vysoka", "vysoke", "hluboky"],
};
const THICKNESS: Names = Names {
    nouns: &["thickness", "tl", "tloustka", "tloustky", "tloustce", "dicke", "starke"],
    adjectives: &["thick", "dick", "dicker", "dickes", "stark", "silny", "silna"],
};

/// The one length that words of this kind name; two different ones are none.
fn said(tokens: &[Token], names: &Names) -> Option<f64> {
    let with_unit =
        |at: usize| length_at(tokens, at).and_then(|(value, scale, next)| Some((value * scale?, next)));
    let behind = |at: usize| {
        let number = (at + 1..tokens.len().min(at + 4))
            .find(|i| !matches!(tokens[*i], Token::Sign('.' | ':' | '=')))?;
        with_unit(number).map(|(value, _)| value)
    };
    let before =
        |at: usize| with_unit(at.checked_sub(2)?).filter(|(_, next)| *next == at).map(|(value, _)| value);
    let found = tokens.iter().enumerate().filter_map(|(at, token)| {
        // A letter alone may be a preposition or part of "mg/l"; with a sign behind it, it is a size.
        let letter = token.word().is_some_and(|word| word.len() == 1);
        let marked = matches!(tokens.get(at + 1), Some(Token::Sign('=' | '.' | ':')));
        if token.is_one_of(names.nouns) && (marked || !letter) {
            behind(at).or_else(|| before(at))
        } else if token.is_one_of(names.adjectives) {
            before(at)
        } else {
            None
        }
    });
    the_only(found)
}

/// The value that all agree on.
pub(super) fn the_only(mut values: impl Iterator<Item = f64>) -> Option<f64> {
    let first = values.next()?;
    values.all(|value| (value - first).abs() < 1e-9).then_some(first)
}

/// "Ø 900 mm", "průměr 0,9 m"; a bare number from 100 on is in millimetres.
fn diameter(tokens: &[Token]) -> Option<f64> {
    const WORDS: [&str; 6] = ["diameter", "dia", "prumer", "prumeru", "durchmesser", "prum"];
    let named = |token: &Token| *token == Token::Sign('ø') || token.is_one_of(&WORDS);
    let value = |(at, _): (usize, &Token)| {
        let at = (at + 1..tokens.len().min(at + 4))
            .find(|i| !matches!(tokens[*i], Token::Sign('.' | ':' | '=')))?;
        let (value, scale, _) = length_at(tokens, at)?;
        let scale = scale.or((value >= 100.0 && value.fract() == 0.0).then_some(0.001))?;
        Some(value * scale)
    };
    the_only(tokens.iter().enumerate().filter(|(_, token)| named(token)).filter_map(value))
}

/// "8 ks" anywhere, if only one number of pieces is named.
fn pieces(tokens: &[Token]) -> Option<f64> {
    let counts = tokens.windows(2).filter_map(|two| match two {
        [Token::Number(count, Decimals::None), unit] if unit.is_one_of(&PIECES) => Some(*count),
        _ => None,
    });
    the_only(counts)
}

/// A number with the metres its unit stands for.
pub(super) fn length_at(tokens: &[Token], at: usize) -> Option<(f64, Option<f64>, usize)> {
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
    Some((Sizes { factors, said: Said::default(), count }, at))
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

const PIECES: [&str; 12] =
    ["ks", "kus", "kusy", "kusu", "pcs", "pc", "pieces", "nr", "no", "off", "stk", "stck"];

/// "2 ks 12 x 4 x 1 m", "2 pcs of 12 x 4 x 1 m", "2 x (12 x 4 x 1) m".
fn pieces_before(tokens: &[Token], start: usize) -> Option<f64> {
    let before = tokens.get(..start)?;
    let is_filler =
        |token: &Token| token.is_one_of(&["a", "of"]) || matches!(token, Token::Sign(',' | '(' | ':' | ';'));
    let before = match before.split_last() {
        Some((last, rest)) if is_filler(last) => rest,
        _ => before,
    };
    match before {
        [.., Token::Number(count, Decimals::None), unit]
            if unit.is_one_of(&PIECES) || *unit == Token::Sign('x') =>
        {
            Some(*count)
        }
        _ => None,
    }
}

/// "0.4 x 0.4 x 3.0 m, 10 pcs".
fn pieces_after(tokens: &[Token], next: usize) -> Option<f64> {
    let rest = tokens.get(next..)?;
    // "0.8 m deep (6 nr)".
    let rest = match rest.split_first() {
        Some((Token::Word(_), after @ [Token::Sign('(' | ','), ..])) => after,
        _ => rest,
    };
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
            ("45 m x 80 cm x 600 mm", [45.0, 0.8, 0.6], None),
            ("200 mm thick, 6 m x 9 m", [6.0, 9.0, 0.2], None),
            ("délka 45 m, šířka 0,8 m, výška 600 mm", [45.0, 0.8, 0.6], None),
            ("45 m long, 80 cm wide, 0.6 m high", [45.0, 0.8, 0.6], None),
            ("12 m lang, 30 cm dick, 3 m hoch", [12.0, 0.3, 3.0], None),
            ("stěna dl. 12,5 m, v. 3,2 m, tl. 250 mm", [12.5, 0.25, 3.2], None),
            ("L = 45 m; B = 0,8 m; H = 0,6 m; 3 ks", [45.0, 0.8, 0.6], Some(3.0)),
            ("deska 12 x 8 m, výška 0,25 m", [12.0, 8.0, 0.25], None),
            ("2× (12,0 × 0,6 × 0,8) m", [12.0, 0.6, 0.8], Some(2.0)),
            ("pads 1.2 m x 1.2 m x 0.8 m deep (6 nr)", [1.2, 1.2, 0.8], Some(6.0)),
            ("4 ks á 2,4 x 2,4 x 0,9 m", [2.4, 2.4, 0.9], Some(4.0)),
            ("patky 1,200 x 1,200 x 0,600 m", [1.2, 1.2, 0.6], None),
        ] {
            assert_eq!(rounded(text), Some((factors.to_vec(), count)), "{text}");
        }
        for text in [
            "6 x 9 m",
            "Ø90, wall 5.4 mm",
            "1 x 2 x 3",
            "6 x 9 m, tl. 150 mm a tl. 200 mm",
            "délka 45 m, šířka 0,8 m",
            "2 m x 3 m x 1 m and 4 m x 5 m x 1 m",
            "45 m2 x 2",
        ] {
            assert_eq!(rounded(text), None, "{text}");
        }
    }

    #[test]
    fn round_things_have_a_diameter() {
        let round = |text: &str| {
            let sizes = sizes(&scan(text))?;
            let (diameter, length) = sizes.round()?;
            Some((diameter, length, sizes.count))
        };
        assert_eq!(round("Piloty ø 900 mm, dl. 12 m, 8 ks"), Some((0.9, 12.0, Some(8.0))));
        assert_eq!(round("bored piles Ø900, 12 m long"), Some((0.9, 12.0, None)));
        assert_eq!(round("sloup průměru 0,4 m výšky 3 m"), Some((0.4, 3.0, None)));
        for text in ["Ø14-20mm", "pile ø 90", "Ø 900 mm", "Ø 900 mm a Ø 600 mm, dl. 12 m"] {
            assert_eq!(round(text), None, "{text}");
        }
    }

    #[test]
    fn the_rest_is_read() {
        assert_eq!(
            exposures(&scan("C30/37-XC4+XF1, XC 2, X0, XC5, X200, XC4")),
            ["XC4", "XF1", "XC2", "X0", "XC5"]
        );
        assert_eq!(bar_mm(&scan("Reinforcement Ø14-20mm")), Some(20.0));
        assert_eq!(bar_mm(&scan("pipe Ø 90")), None);
        assert_eq!(gost_marks(&scan("B25 F150 W6, F3, w/c")), ["F150", "W6"]);
    }
}
