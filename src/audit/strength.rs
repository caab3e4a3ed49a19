//! Strength classes of concrete: which there are, which one a text names.

use crate::audit::ruleset::shared;
use crate::audit::scan::Token;
use crate::audit::scan::scan;

/// A class of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Strength {
    /// As the list writes it, "C30/37".
    pub name: String,
    /// Strength of the cylinder, by which classes compare.
    pub cylinder: f64,
}

/// What stands where a strength class should stand.
#[derive(Clone, Debug, PartialEq)]
pub enum Named {
    /// A class of the list.
    Known(Strength),
    /// A pair that is no class, as "C30/35".
    Unknown(String),
    /// An old name, and the class it most likely means.
    Legacy {
        /// The old name.
        name: String,
        /// The likely class of today.
        likely: Option<String>,
    },
}

impl Named {
    /// As the document writes it, roughly.
    pub fn name(&self) -> &str {
        match self {
            Named::Known(strength) => &strength.name,
            Named::Unknown(name) | Named::Legacy { name, .. } => name,
        }
    }

    /// The class, if it is one.
    pub fn known(&self) -> Option<&Strength> {
        match self {
            Named::Known(strength) => Some(strength),
            _ => None,
        }
    }
}

/// The class of this name, "C30/37".
pub fn class(name: &str) -> Option<Strength> {
    match named_in(&scan(name)).into_iter().next() {
        Some(Named::Known(strength)) => Some(strength),
        _ => None,
    }
}

/// The class `steps` above this one in the list of normal concrete.
pub fn stepped(name: &str, steps: usize) -> String {
    let list = &shared().strength.normal;
    let at = list.iter().position(|own| own == name);
    at.and_then(|at| list.get((at + steps).min(list.len() - 1))).cloned().unwrap_or_else(|| name.to_owned())
}

/// Classes that a text names, each once, in the order of the text.
pub fn named_in(tokens: &[Token]) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (named, next) = pair_at(tokens, at);
        if let Some(named) = named.filter(|named| !found.contains(named)) {
            found.push(named);
        }
        at = next;
    }
    found
}

/// Old names, "B25" and "M250"; only to be asked of what is known to be concrete.
pub fn legacy_in(tokens: &[Token]) -> Option<Named> {
    tokens.iter().enumerate().find_map(|(at, token)| {
        let Token::Word(word) = token else { return None };
        let (letter, digits) = word.split_at_checked(1)?;
        let number: f64 = match (digits, tokens.get(at + 1)) {
            ("", Some(Token::Number(number, _))) if number.fract() == 0.0 => *number,
            _ => digits.parse().ok()?,
        };
        let cube = match letter {
            "b" if (5.0..=90.0).contains(&number) => number,
            // kg/cm2 as the old marks counted.
            "m" if (100.0..=800.0).contains(&number) => number / 10.0,
            _ => return None,
        };
        Some(Named::Legacy {
            name: format!("{}{number}", letter.to_uppercase()),
            likely: class_of_cube(cube),
        })
    })
}

/// The class whose cube strength is nearest below or at this one.
fn class_of_cube(cube: f64) -> Option<String> {
    let cube_of = |name: &String| name.split_once('/').and_then(|(_, cube)| cube.parse::<f64>().ok());
    shared().strength.normal.iter().rfind(|name| cube_of(name).is_some_and(|own| own <= cube)).cloned()
}

/// A pair "C30/37" that begins here, and where to go on.
fn pair_at(tokens: &[Token], at: usize) -> (Option<Named>, usize) {
    let none = (None, at + 1);
    let Token::Word(word) = &tokens[at] else { return none };
    let (prefix, digits) = word.split_at(word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len()));
    if prefix != "c" && prefix != "lc" {
        return none;
    }
    let (cylinder, next) = match (digits.parse::<f64>(), tokens.get(at + 1)) {
        (Ok(number), _) => (number, at + 1),
        (Err(_), Some(Token::Number(number, _))) if digits.is_empty() => (*number, at + 2),
        (Err(_), Some(Token::Sign('-'))) if digits.is_empty() => (0.0, at + 2),
        _ => return none,
    };
    let (Some(Token::Sign(sign)), Some(Token::Number(cube, _))) = (tokens.get(next), tokens.get(next + 1))
    else {
        return none;
    };
    let name = if cylinder == 0.0 {
        format!("{}-/{cube}", prefix.to_uppercase())
    } else {
        format!("{}{cylinder}/{cube}", prefix.to_uppercase())
    };
    let lists = &shared().strength;
    if *sign == '/' || (*sign == '-' && cylinder > 0.0) {
        if [&lists.normal, &lists.light, &lists.national].iter().any(|list| list.contains(&name)) {
            return (Some(Named::Known(Strength { name, cylinder })), next + 2);
        }
        // With a slash and strengths that could be ones: somebody meant a class.
        if *sign == '/' && (5.0..=120.0).contains(&cylinder) && *cube >= cylinder && *cube <= 1.6 * cylinder {
            return (Some(Named::Unknown(name)), next + 2);
        }
    }
    none
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found_in_any_writing() {
        for (text, names) in [
            ("C30/37", vec!["C30/37"]),
            ("C 30 / 37", vec!["C30/37"]),
            ("C30-37", vec!["C30/37"]),
            ("C30/37-XC4+XF1 (CZ, F.1) – Cl 0,2 – Dmax 22 – S3", vec!["C30/37"]),
            ("beton c25/30 a C25/30", vec!["C25/30"]),
            ("LC25/28", vec!["LC25/28"]),
            ("C-/7,5", vec!["C-/7.5"]),
            ("C30/35", vec!["C30/35"]),
            ("CEM II/B-S 42.5 R", vec![]),
            ("objekt C1/2, C 12-05", vec![]),
        ] {
            let found = named_in(&scan(text));
            assert_eq!(found.iter().map(Named::name).collect::<Vec<_>>(), names, "{text}");
        }
        assert!(matches!(named_in(&scan("C30/35"))[..], [Named::Unknown(_)]));
    }

    #[test]
    fn old_names_are_not_converted_silently() {
        let likely = |text: &str| match legacy_in(&scan(text)) {
            Some(Named::Legacy { likely, .. }) => likely,
            _ => None,
        };
        assert_eq!(likely("Beton B25").as_deref(), Some("C20/25"));
        assert_eq!(likely("Beton M250").as_deref(), Some("C20/25"));
        assert_eq!(legacy_in(&scan("Reinforcement B500B")), None);
        assert_eq!(legacy_in(&scan("Malta M10")), None);
    }

    #[test]
    fn a_step_stays_in_the_list() {
        assert_eq!(stepped("C25/30", 1), "C30/37");
        assert_eq!(stepped("C100/115", 1), "C100/115");
    }
}
