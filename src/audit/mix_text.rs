//! The mix, its cover and its life as a text says them: "v/c max. 0,50", "cement 340 kg/m3", "air content 5 %",
//! "krytí 40 mm", "životnost 100 let".
//!
//! A number counts only with its unit, and two different values of one kind
//! are none, since nobody says which one holds.

use crate::audit::scan::Token;
use crate::audit::scan::ends_sentence;
use crate::audit::text::length_at;
use crate::audit::text::the_only;

/// Words in their order that name something.
type Name = &'static [&'static str];

const WATER_CEMENT: [Name; 6] = [
    &["vodni", "soucinitel"],
    &["vodniho", "soucinitele"],
    &["vodnim", "soucinitelem"],
    &["water", "cement"],
    &["wasserzementwert"],
    &["wz"],
];
const CEMENT: [Name; 5] = [&["cement"], &["cementu"], &["zement"], &["zementgehalt"], &["zementmenge"]];
const AIR: [Name; 8] = [
    &["air", "content"],
    &["entrained", "air"],
    &["air", "entrainment"],
    &["obsah", "vzduchu"],
    &["obsahem", "vzduchu"],
    &["provzdusneni"],
    &["luftgehalt"],
    &["luftporengehalt"],
];
const LIFE: [Name; 8] = [
    &["zivotnost"],
    &["zivotnosti"],
    &["working", "life"],
    &["design", "life"],
    &["service", "life"],
    &["nutzungsdauer"],
    &["lebensdauer"],
    &["zivotnosti", "konstrukce"],
];
const YEARS: [&str; 6] = ["let", "roku", "years", "year", "jahre", "jahren"];
const COVER: [&str; 7] = ["cover", "kryti", "kryci", "betondeckung", "deckung", "uberdeckung", "cnom"];
const NOMINAL: [&str; 5] = ["jmenovite", "jmenovita", "nominal", "nominalni", "nom"];

/// Water-cement ratio: "w/c 0.50", "v/c = 0,5", "w/z", "vodní součinitel 0,45".
pub fn w_c(tokens: &[Token]) -> Option<f64> {
    let by_letters = (0..tokens.len()).filter(|at| {
        let Some([first, Token::Sign('/' | '-'), second]) = tokens.get(*at..at + 3) else { return false };
        (first.is_one_of(&["w", "water"]) && second.is_one_of(&["c", "z", "cement"]))
            || (first.is("v") && second.is("c"))
    });
    let starts = by_letters.map(|at| at + 3).chain(behind_names(tokens, &WATER_CEMENT));
    let values = starts.filter_map(|from| Some(number_from(tokens, from)?.0));
    the_only(values.filter(|value| (0.2..=1.2).contains(value)))
}

/// Cement content: "cement content 340 kg/m3", "obsah cementu min. 340 kg/m3".
pub fn cement(tokens: &[Token]) -> Option<f64> {
    let per_volume = |next: usize| match tokens.get(next..next + 3) {
        Some([kg, Token::Sign('/'), volume]) => kg.is("kg") && volume.is("m3"),
        _ => false,
    };
    measured(tokens, &CEMENT, per_volume).filter(|content| (100.0..=700.0).contains(content))
}

/// Air content in per cent: "air content 4.5 %", "provzdušnění 5 %".
pub fn air(tokens: &[Token]) -> Option<f64> {
    let percent = |next: usize| tokens.get(next) == Some(&Token::Sign('%'));
    measured(tokens, &AIR, percent).filter(|percent| (0.0..=15.0).contains(percent))
}

/// Design working life: "design working life 100 years", "životnost 100 let".
pub fn life_years(tokens: &[Token]) -> Option<f64> {
    let years = |next: usize| tokens.get(next).is_some_and(|token| token.is_one_of(&YEARS));
    measured(tokens, &LIFE, years).filter(|years| (5.0..=200.0).contains(years))
}

/// Nominal cover: "cover 30 mm", "krytí 40 mm", "Betondeckung 5,5 cm", "c_nom = 45 mm".
pub fn cover_mm(tokens: &[Token]) -> Option<f64> {
    let by_letters = |at: usize| {
        let before = |back: usize| at.checked_sub(back).map(|at| &tokens[at]);
        let joined = before(1) == Some(&Token::Sign('_'));
        tokens[at].is("nom") && (joined || before(1).is_some_and(|token| token.is("c")))
    };
    let named = (0..tokens.len()).filter(|at| tokens[*at].is_one_of(&COVER) || by_letters(*at));
    the_only(named.filter_map(|at| cover_from(tokens, at + 1)))
}

/// The cover that stands here; of a least and a nominal one the nominal one.
fn cover_from(tokens: &[Token], from: usize) -> Option<f64> {
    let number =
        |from: usize| (from..tokens.len().min(from + 5)).find(|at| matches!(tokens[*at], Token::Number(..)));
    let first = number(from)?;
    let nominal = (first..tokens.len().min(first + 6)).find(|at| tokens[*at].is_one_of(&NOMINAL));
    let at = nominal.and_then(number).unwrap_or(first);
    let (value, scale, _) = length_at(tokens, at)?;
    Some(value * scale? * 1000.0).filter(|mm| (5.0..=200.0).contains(mm))
}

/// The one number that stands behind a name and before a unit.
fn measured(tokens: &[Token], names: &[Name], is_unit: impl Fn(usize) -> bool) -> Option<f64> {
    let numbers = behind_names(tokens, names).filter_map(|from| number_from(tokens, from));
    the_only(numbers.filter(|(_, next)| is_unit(*next)).map(|(value, _)| value))
}

/// Where the text goes on behind each of the names.
fn behind_names(tokens: &[Token], names: &[Name]) -> impl Iterator<Item = usize> {
    let is_at = |at: usize, name: Name| {
        tokens.len() >= at + name.len() && name.iter().zip(&tokens[at..]).all(|(word, token)| token.is(word))
    };
    (0..tokens.len())
        .filter_map(move |at| names.iter().find(|name| is_at(at, name)).map(|name| at + name.len()))
}

/// The next number of the sentence, and where the text goes on behind it.
fn number_from(tokens: &[Token], from: usize) -> Option<(f64, usize)> {
    for at in from..tokens.len().min(from + 6) {
        match &tokens[at] {
            Token::Number(value, _) => return Some((*value, at + 1)),
            _ if ends_sentence(tokens, at) => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::scan::scan;

    #[test]
    fn the_mix_is_read_with_its_units() {
        let of = |read: fn(&[Token]) -> Option<f64>, text: &str| read(&scan(text));
        for (read, text, value) in [
            (w_c as fn(&[Token]) -> Option<f64>, "v/c = 0,50", Some(0.5)),
            (w_c, "beton C 30/37 XC 4, v/c max. 0,50", Some(0.5)),
            (w_c, "water/cement ratio 0.48", Some(0.48)),
            (w_c, "water-cement ratio max. 0.48", Some(0.48)),
            (w_c, "vodní součinitel nejvýše 0,45", Some(0.45)),
            (w_c, "W/Z-Wert 0,48", Some(0.48)),
            (w_c, "w/c 0.5 for walls, w/c 0.55 for slabs", None),
            (w_c, "v/c stanoví dodavatel. 0,5 m", None),
            (cement, "cement content 340 kg/m3", Some(340.0)),
            (cement, "obsah cementu min. 340 kg/m³", Some(340.0)),
            (cement, "CEM II, Zementgehalt 320 kg/m3", Some(320.0)),
            (cement, "cement 25 kg", None),
            (cement, "cement stabilised soil 2100 kg/m3", None),
            (air, "air content 4.5 %", Some(4.5)),
            (air, "obsah vzduchu min. 5 %", Some(5.0)),
            (air, "vlhkost vzduchu 60 %", None),
            (life_years, "design working life of 100 years", Some(100.0)),
            (life_years, "návrhová životnost 100 let", Some(100.0)),
            (life_years, "Nutzungsdauer 50 Jahre", Some(50.0)),
            (life_years, "životnost dle ČSN EN 1990", None),
            (cover_mm, "nominal cover 30 mm", Some(30.0)),
            (cover_mm, "krytí výztuže 4 cm", Some(40.0)),
            (cover_mm, "cnom 45 mm", Some(45.0)),
            (cover_mm, "c_nom = 45 mm", Some(45.0)),
            (cover_mm, "krytí min. 25 mm, jmenovité 35 mm", Some(35.0)),
            (cover_mm, "krytí stěn 40 mm, krytí desek 25 mm", None),
            (cover_mm, "DN nom. 50 mm", None),
        ] {
            assert_eq!(of(read, text), value, "{text}");
        }
    }
}
