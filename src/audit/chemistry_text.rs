//! Chemistry as a report writes it: "pH 6,2", "sírany 450 mg/l", "SO3 375 mg/l".
//!
//! A value counts only with a unit that says what it is. Two different
//! values of one agent are none, since nobody says which one holds; of a
//! range the end counts that attacks more.

use crate::audit::ruleset::Agent;
use crate::audit::ruleset::shared;
use crate::audit::scan::Decimals;
use crate::audit::scan::Token;
use crate::audit::scan::ends_sentence;
use crate::audit::specification::Measured;

/// What a text says of an agent: its own value, else that of SO3 or S.
pub fn measured(tokens: &[Token], agent: &'static Agent) -> Option<Measured> {
    let own = only(values(tokens, &words(&agent.field), agent));
    if let Some(value) = own {
        return Some(Measured { agent, value, stated: None });
    }
    let others = shared().converted.iter().filter(|other| other.of == agent.field);
    others.into_iter().find_map(|other| {
        let words: Vec<&str> = other.words.iter().map(String::as_str).collect();
        Some(other.measured(agent, only(values(tokens, &words, agent))?))
    })
}

/// The words that name an agent, folded.
fn words(field: &str) -> Vec<&'static str> {
    match field {
        "ph" => vec!["ph"],
        "so4_mg_l" | "so4_mg_kg" => vec![
            "so4",
            "so42",
            "sulfate",
            "sulfates",
            "sulphate",
            "sulphates",
            "sirany",
            "siranu",
            "sirane",
            "siranove",
            "sulfat",
            "sulfatgehalt",
        ],
        "co2_aggressive_mg_l" => vec!["co2", "dioxide", "uhlicity", "uhliciteho", "kohlensaure"],
        "nh4_mg_l" => vec!["nh4", "ammonium", "amonne", "amonny", "amonium"],
        "mg_mg_l" => vec!["mg", "mg2", "magnesium", "horcik", "horciku"],
        "acidity_ml_kg" => vec!["acidity", "kyselost", "sauregrad"],
        _ => Vec::new(),
    }
}

/// The value that all statements agree on.
fn only(values: Vec<f64>) -> Option<f64> {
    let first = *values.first()?;
    values.iter().all(|value| *value == first).then_some(first)
}

/// Every value that stands behind one of the words with a fitting unit.
fn values(tokens: &[Token], words: &[&str], agent: &Agent) -> Vec<f64> {
    let named = tokens.iter().enumerate().filter(|(_, token)| token.is_one_of(words));
    let value = |(at, token): (usize, &Token)| {
        // "350 mg" is a mass and not magnesium, "5 s" a time and not sulfur.
        let is_unit = matches!(at.checked_sub(1).map(|before| &tokens[before]), Some(Token::Number(..)));
        if is_unit && (token.is("mg") || token.is("s")) {
            return None;
        }
        let (value, next) = value_after(tokens, at + 1, agent)?;
        Some(value * factor(tokens.get(next..).unwrap_or_default(), words, agent)?)
    };
    named.filter_map(value).collect()
}

/// The number after a name, past signs, charges and "content of"; of a range the end that attacks more.
fn value_after(tokens: &[Token], from: usize, agent: &Agent) -> Option<(f64, usize)> {
    let mut at = from;
    while at < tokens.len().min(from + 8) {
        let charge = matches!(tokens.get(at + 1), Some(Token::Sign('-' | '+')));
        match &tokens[at] {
            Token::Number(value, Decimals::None) if charge && *value <= 2.0 && !agent.unit.is_empty() => {
                at += 2
            }
            Token::Number(value, decimals) => {
                let value = if *decimals == Decimals::Three { None } else { Some(*value) };
                return match (tokens.get(at + 1), tokens.get(at + 2)) {
                    (Some(dash), Some(Token::Number(end, _))) if is_to(dash) => {
                        let ends = [value?, *end];
                        let worse = if agent.falling { f64::min } else { f64::max };
                        Some((worse(ends[0], ends[1]), at + 3))
                    }
                    _ => Some((value?, at + 1)),
                };
            }
            // "< 20" is harmless up to 20, "> 20" is anything.
            Token::Sign('<') if agent.falling => return None,
            Token::Sign('>') if !agent.falling => return None,
            _ if ends_sentence(tokens, at) => return None,
            _ => at += 1,
        }
    }
    None
}

fn is_to(token: &Token) -> bool {
    matches!(token, Token::Sign('-')) || token.is_one_of(&["to", "az", "bis"])
}

/// What a value in the unit that follows must be multiplied with; nothing for no or another unit.
fn factor(tokens: &[Token], words: &[&str], agent: &Agent) -> Option<f64> {
    if agent.unit.is_empty() {
        return Some(1.0);
    }
    let (above, below) = match tokens {
        [above, Token::Sign('/'), below, ..] => (above, below),
        // "mg SO4/l", "mg na litr", "mg.l-1".
        [above, name, Token::Sign('/'), below, ..] if name.is_one_of(words) => (above, below),
        [above, per, below, ..] if per.is_one_of(&["na", "per", "pro", "je"]) => (above, below),
        [above, Token::Sign('.' | '·' | '⋅'), below, Token::Sign('-'), Token::Number(1.0, _), ..] => {
            (above, below)
        }
        [above, below, Token::Sign('-'), Token::Number(1.0, _), ..] => (above, below),
        _ => return None,
    };
    let per = agent.unit.split_once('/')?.1;
    let is_litre = || per == "l" && below.is_one_of(&["litr", "liter", "litre"]);
    if !(below.is(per) || is_litre()) {
        return None;
    }
    match (above.word()?, agent.unit.split_once('/')?.0) {
        (own, wanted) if own == wanted => Some(1.0),
        ("g", "mg") => Some(1000.0),
        ("mmol", "mg") => agent.molar,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::scan::scan;

    fn value(text: &str, field: &str) -> Option<f64> {
        let agent = shared().xa.iter().find(|agent| agent.field == field).unwrap();
        measured(&scan(text), agent).map(|one| (one.value * 1e3).round() / 1e3)
    }

    #[test]
    fn chemistry_is_read_with_its_unit() {
        let text = "groundwater pH 6.2, SO4 2- 450 mg/l, SO₄²⁻; NH4+: 20 mg/l, Mg 350 mg/l, CO2 0,04 %";
        for (text, field, expected) in [
            (text, "ph", Some(6.2)),
            (text, "so4_mg_l", Some(450.0)),
            (text, "nh4_mg_l", Some(20.0)),
            (text, "mg_mg_l", Some(350.0)),
            (text, "co2_aggressive_mg_l", None),
            (text, "so4_mg_kg", None),
            ("podzemní voda pH 6,2", "ph", Some(6.2)),
            ("pH = 5,5–6,2", "ph", Some(5.5)),
            ("sírany 450 mg/l", "so4_mg_l", Some(450.0)),
            ("obsah síranů 450 až 620 mg/l", "so4_mg_l", Some(620.0)),
            ("Sulfat 0,6 g/l", "so4_mg_l", Some(600.0)),
            ("SO4 5 mmol/l", "so4_mg_l", Some(480.3)),
            ("SO3 375 mg/l", "so4_mg_l", Some(450.0)),
            ("SO₃ 2000 mg/kg", "so4_mg_kg", Some(2400.0)),
            ("S 1000 mg/kg", "so4_mg_kg", Some(3000.0)),
            ("síra: S 200 mg/l", "so4_mg_l", Some(600.0)),
            ("agresivní CO2 25 mg/l", "co2_aggressive_mg_l", Some(25.0)),
            ("SO4 < 20 mg/l", "so4_mg_l", Some(20.0)),
            ("pH > 7", "ph", Some(7.0)),
            ("hořčík 1200 mg/l", "mg_mg_l", Some(1200.0)),
            ("amonné ionty 40 mg/l", "nh4_mg_l", Some(40.0)),
            ("CO2 agr. = 55 mg/l", "co2_aggressive_mg_l", Some(55.0)),
            ("kalklösende Kohlensäure 45 mg/l", "co2_aggressive_mg_l", Some(45.0)),
            ("agresivní oxid uhličitý 45 mg/l", "co2_aggressive_mg_l", Some(45.0)),
            ("The pH value of groundwater was measured as 5.9", "ph", Some(5.9)),
            ("sulfates: 620 mg SO4/l", "so4_mg_l", Some(620.0)),
            ("sulfates 620 mg.l-1", "so4_mg_l", Some(620.0)),
            ("sírany 620 mg·l⁻¹", "so4_mg_l", Some(620.0)),
            ("síranů 620 mg na litr", "so4_mg_l", Some(620.0)),
            ("acidity (Baumann-Gully) 250 ml/kg", "acidity_ml_kg", Some(250.0)),
        ] {
            assert_eq!(value(text, field), expected, "{text} {field}");
        }
    }

    #[test]
    fn what_is_not_sure_is_not_read() {
        for (text, field) in [
            ("SO4 450", "so4_mg_l"),
            ("SO4 450 mg", "so4_mg_l"),
            ("SO4 450 mg/l, in another borehole SO4 620 mg/l", "so4_mg_l"),
            ("SO4 > 20 mg/l", "so4_mg_l"),
            ("pH < 7", "ph"),
            ("SO4 1,250 mg/l", "so4_mg_l"),
            ("pH 6,2 v sondě J1, pH 5,4 v sondě J2", "ph"),
            ("curing for 5 s 40 mg/l", "so4_mg_l"),
            ("sulfates were not measured. 450 mg/l of Mg", "so4_mg_l"),
        ] {
            assert_eq!(value(text, field), None, "{text}");
        }
    }
}
