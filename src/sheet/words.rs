//! The words of bills, from `rulesets/headings.toml`: what columns and rows are called.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The row's own number.
    No,
    /// A code of a price list.
    Code,
    /// What is done.
    Description,
    /// The unit.
    Unit,
    /// How much.
    Quantity,
    /// Price of one unit.
    UnitPrice,
    /// Price of the row.
    TotalPrice,
    /// The part of the works.
    Object,
    /// The building element.
    Element,
    /// Class of concrete.
    ConcreteClass,
    /// Exposure classes.
    ExposureClasses,
    /// What kind of row it is.
    Kind,
    /// Something that no position has.
    Other,
}

impl Role {
    /// All that a column can be said to be.
    pub const ALL: [Role; 12] = [
        Role::No,
        Role::Code,
        Role::Description,
        Role::Unit,
        Role::Quantity,
        Role::UnitPrice,
        Role::TotalPrice,
        Role::Object,
        Role::Element,
        Role::ConcreteClass,
        Role::ExposureClasses,
        Role::Kind,
    ];

    /// The role as settings write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::No => "no",
            Role::Code => "code",
            Role::Description => "description",
            Role::Unit => "unit",
            Role::Quantity => "quantity",
            Role::UnitPrice => "unit_price",
            Role::TotalPrice => "total_price",
            Role::Object => "object",
            Role::Element => "element",
            Role::ConcreteClass => "concrete_class",
            Role::ExposureClasses => "exposure_classes",
            Role::Kind => "kind",
            Role::Other => "other",
        }
    }

    /// The role of this name; `total` is the total price.
    pub fn named(name: &str) -> Option<Role> {
        match name {
            "total" => Some(Role::TotalPrice),
            "item_name" => Some(Role::Description),
            _ => Role::ALL.into_iter().find(|role| role.as_str() == name),
        }
    }

    /// Whether its cells are numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Role::Quantity | Role::UnitPrice | Role::TotalPrice)
    }
}

/// What a column or a row says of the rows' kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowWord {
    /// A section.
    Heading,
    /// An item.
    Item,
    /// A remark.
    Note,
}

/// Sums by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumWord {
    /// Of a part.
    Subtotal,
    /// Of all.
    Total,
    /// Of all with the tax.
    WithTax,
    /// The tax itself.
    Tax,
}

#[derive(Deserialize)]
struct File {
    column: Vec<Column>,
    kinds: Kinds,
    totals: Totals,
}

#[derive(Deserialize)]
struct Column {
    role: Role,
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Kinds {
    heading: Vec<String>,
    item: Vec<String>,
    note: Vec<String>,
}

#[derive(Deserialize)]
struct Totals {
    tax: Vec<String>,
    plus: Vec<String>,
    subtotal: Vec<String>,
    total: Vec<String>,
    with_tax: Vec<String>,
    note: Vec<String>,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    toml::from_str(include_str!("../../rulesets/headings.toml")).expect("the embedded file is read by a test")
});

/// Names with their roles and how sure they are: the first of a list more than the last.
static ROLES: LazyLock<HashMap<&'static str, (Role, f64)>> = LazyLock::new(|| {
    let named = |column: &'static Column| {
        let names = column.names.iter().enumerate();
        names.map(|(at, name)| (name.as_str(), (column.role, 1.0 - 0.002 * at as f64)))
    };
    FILE.column.iter().flat_map(named).collect()
});

/// Longest heading in words that is looked at.
const LONGEST: usize = 12;

/// Words without accents, case and signs, one space between them.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        if c == 'ß' {
            out.push_str("ss");
        } else if c.is_alphanumeric() {
            out.push(c);
        } else if !out.ends_with(' ') && !out.is_empty() {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// What a heading calls its column, and how sure that is.
pub fn role_of(heading: &str) -> Option<(Role, f64)> {
    let folded = fold(heading);
    let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    if words.is_empty() || words.len() > LONGEST {
        return None;
    }
    let named = |part: &[&str]| ROLES.get(part.join(" ").as_str()).copied();
    if let Some(found) = named(&words) {
        return Some(found);
    }
    // The longest name at the beginning, "j cena czk", else at the end, "celkova vymera".
    (1..words.len()).rev().find_map(|length| {
        let (role, _) = named(&words[..length]).or_else(|| named(&words[words.len() - length..]))?;
        // One letter out of several words says nothing.
        (words[..length].join(" ").len() > 1).then(|| (role, 0.6 + 0.3 * length as f64 / words.len() as f64))
    })
}

/// What a cell of the column of kinds says.
pub fn kind_of(cell: &str) -> Option<RowWord> {
    let word = fold(cell);
    let is_in = |list: &[String]| list.contains(&word);
    match () {
        () if is_in(&FILE.kinds.heading) => Some(RowWord::Heading),
        () if is_in(&FILE.kinds.item) => Some(RowWord::Item),
        () if is_in(&FILE.kinds.note) => Some(RowWord::Note),
        () => None,
    }
}

/// What sum a text names, if it names one.
pub fn sum_of(text: &str) -> Option<SumWord> {
    let words = fold(text);
    if words.is_empty() || words.len() > 80 {
        return None;
    }
    let begins =
        |name: &str| words.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    let ends =
        |name: &str| words.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with(' '));
    let is_of = |list: &[String]| list.iter().any(|name| begins(name) || ends(name));
    let totals = &FILE.totals;
    let is_total = is_of(&totals.total);
    match () {
        () if totals.subtotal.iter().any(|name| begins(name)) => Some(SumWord::Subtotal),
        () if is_total && totals.with_tax.iter().any(|name| ends(name)) => Some(SumWord::WithTax),
        () if totals.tax.iter().any(|name| begins(name)) || is_added_tax(&words) => Some(SumWord::Tax),
        () if is_total => Some(SumWord::Total),
        () => None,
    }
}

/// Whether folded words are a tax that is added: "zzgl 19 mwst", "21 dph", "plus vat".
fn is_added_tax(words: &str) -> bool {
    let is_before = |word: &&str| {
        FILE.totals.plus.iter().any(|own| own == word) || word.chars().all(|c| c.is_ascii_digit())
    };
    let mut rest = words.split(' ').skip_while(is_before);
    rest.next().is_some_and(|word| FILE.totals.tax.iter().any(|own| own == word))
}

/// Whether a text says of itself that it is a remark.
pub fn is_remark(text: &str) -> bool {
    let words = fold(text);
    FILE.totals.note.iter().any(|name| {
        words.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_known() {
        for (heading, role) in [
            ("PČ", Some(Role::No)),
            ("Poř. č.", Some(Role::No)),
            ("Kód položky", Some(Role::Code)),
            ("Popis", Some(Role::Description)),
            ("MJ", Some(Role::Unit)),
            ("m.j.", Some(Role::Unit)),
            ("Množství", Some(Role::Quantity)),
            ("Množství celkem", Some(Role::Quantity)),
            ("J.cena [CZK]", Some(Role::UnitPrice)),
            ("Cena celkem [CZK]", Some(Role::TotalPrice)),
            ("Celkem bez DPH", Some(Role::TotalPrice)),
            ("Cena celkem s DPH", Some(Role::Other)),
            ("Hmotnost celkem [t]", Some(Role::Other)),
            ("Unit price\n(EUR)", Some(Role::UnitPrice)),
            ("Menge", Some(Role::Quantity)),
            ("Einheitspreis (€)", Some(Role::UnitPrice)),
            ("GP in EUR", Some(Role::TotalPrice)),
            ("Kurztext", Some(Role::Description)),
            ("Typ", Some(Role::Kind)),
            ("Beton C25/30", None),
            ("", None),
        ] {
            assert_eq!(role_of(heading).map(|(role, _)| role), role, "{heading}");
        }
    }

    #[test]
    fn sums_are_known() {
        for (text, sum) in [
            ("Celkem", Some(SumWord::Total)),
            ("Základy celkem", Some(SumWord::Total)),
            ("CELKEM BEZ DPH", Some(SumWord::Total)),
            ("Mezisoučet", Some(SumWord::Subtotal)),
            ("DPH 21 %", Some(SumWord::Tax)),
            ("21 % DPH", Some(SumWord::Tax)),
            ("zzgl. 19 % MwSt.", Some(SumWord::Tax)),
            ("plus VAT", Some(SumWord::Tax)),
            ("Celkem vč. DPH", Some(SumWord::WithTax)),
            ("Cena celkem s DPH", Some(SumWord::WithTax)),
            ("Gesamtsumme netto", Some(SumWord::Total)),
            ("Zwischensumme", Some(SumWord::Subtotal)),
            ("Beton celkové opravy", None),
            ("Summary of works", None),
            ("", None),
        ] {
            assert_eq!(sum_of(text), sum, "{text}");
        }
        assert!(is_remark("Poznámka: viz výkres") && !is_remark("Notebook"));
    }

    #[test]
    fn every_name_is_written_as_it_is_compared() {
        for column in &FILE.column {
            for name in &column.names {
                assert_eq!(fold(name), *name);
                assert_eq!(role_of(name).map(|(role, _)| role), Some(column.role), "{name} stands twice");
            }
        }
        assert_eq!(kind_of("VV"), Some(RowWord::Note));
        for role in Role::ALL {
            assert_eq!(Role::named(role.as_str()), Some(role));
        }
    }
}
