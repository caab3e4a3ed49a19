//! Units as people write them, and the few that the checks know.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

/// A unit that the checks know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Kind {
    /// Cubic metre.
    #[serde(rename = "m3")]
    M3,
    /// Square metre.
    #[serde(rename = "m2")]
    M2,
    /// Metre.
    #[serde(rename = "m")]
    M,
    /// Tonne.
    #[serde(rename = "t")]
    T,
    /// Kilogram.
    #[serde(rename = "kg")]
    Kg,
    /// Pieces.
    #[serde(rename = "pcs")]
    Pcs,
    /// A set or a lump sum.
    #[serde(rename = "set")]
    Set,
    /// Hour.
    #[serde(rename = "h")]
    Hour,
    /// Per cent.
    #[serde(rename = "%")]
    Percent,
    /// Litre.
    #[serde(rename = "l")]
    Litre,
    /// Kilometre.
    #[serde(rename = "km")]
    Km,
    /// Day.
    #[serde(rename = "day")]
    Day,
    /// Week.
    #[serde(rename = "week")]
    Week,
    /// Month.
    #[serde(rename = "month")]
    Month,
    /// Hectare.
    #[serde(rename = "ha")]
    Hectare,
    /// Hundred square metres, an are.
    #[serde(rename = "100 m2")]
    Are,
    /// Pair.
    #[serde(rename = "pair")]
    Pair,
    /// Thousand pieces.
    #[serde(rename = "1000 pcs")]
    Thousand,
}

impl Kind {
    /// The unit as reports write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::M3 => "m3",
            Kind::M2 => "m2",
            Kind::M => "m",
            Kind::T => "t",
            Kind::Kg => "kg",
            Kind::Pcs => "pcs",
            Kind::Set => "set",
            Kind::Hour => "h",
            Kind::Percent => "%",
            Kind::Litre => "l",
            Kind::Km => "km",
            Kind::Day => "day",
            Kind::Week => "week",
            Kind::Month => "month",
            Kind::Hectare => "ha",
            Kind::Are => "100 m2",
            Kind::Pair => "pair",
            Kind::Thousand => "1000 pcs",
        }
    }
}

/// A unit as written, and what it means if it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// As written, trimmed.
    pub raw: String,
    /// What it means.
    pub kind: Option<Kind>,
    /// Whether the spelling had to be bent to find it.
    pub bent: bool,
}

#[derive(Deserialize)]
struct File {
    unit: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    unit: Kind,
    spellings: Vec<String>,
}

static SPELLINGS: LazyLock<HashMap<String, Kind>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../rulesets/units.toml"))
        .expect("the embedded file is read by a test");
    let mut map = HashMap::new();
    for row in file.unit {
        map.extend(row.spellings.into_iter().map(|spelling| (spelling, row.unit)));
    }
    map
});

impl Unit {
    /// Reads a cell of the unit column.
    pub fn read(raw: &str) -> Unit {
        let raw = raw.trim();
        let clean: String = raw.nfkc().filter(|c| !c.is_whitespace()).collect();
        let clean = clean.trim_end_matches('.');
        if let Some(kind) = SPELLINGS.get(clean) {
            let bent = raw.nfkc().any(char::is_whitespace)
                || !clean.chars().all(|c| c.is_ascii() || c.is_lowercase());
            return Unit { raw: raw.to_owned(), kind: Some(*kind), bent };
        }
        // One letter and "MJ" keep their case: T is not t everywhere, and MJ heads a column.
        let kind = if clean.chars().count() > 1 && !is_heading_word(clean) {
            SPELLINGS.get(clean.to_lowercase().as_str()).copied()
        } else {
            None
        };
        Unit {
            raw: raw.to_owned(),
            kind,
            bent: kind.is_some() && !matches!(clean, "M3" | "M2" | "KG" | "Kg"),
        }
    }

    /// The number and the unit of a cell that holds both, "12,5 m3", unless its row has another unit.
    pub fn behind<'a>(text: &'a str, of_row: &Unit) -> Option<(&'a str, Unit)> {
        let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic() || c == '%')?);
        let unit = Unit::read(unit);
        let fits = unit.kind.is_some() && (of_row.raw.is_empty() || of_row.kind == unit.kind);
        (fits && !number.trim().is_empty()).then(|| (number.trim(), unit))
    }

    /// Whether the cell holds the heading of its column ("MJ", measuring unit).
    pub fn is_heading_word(&self) -> bool {
        is_heading_word(&self.raw)
    }
}

fn is_heading_word(text: &str) -> bool {
    let bare: String = text.chars().filter(|c| c.is_alphabetic()).collect();
    matches!(bare.as_str(), "MJ" | "mj" | "Mj")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_unit_are_one() {
        for (raw, kind) in [
            ("m³", Some(Kind::M3)),
            ("m 3", Some(Kind::M3)),
            ("M3", Some(Kind::M3)),
            ("м³", Some(Kind::M3)),
            ("m^3", Some(Kind::M3)),
            ("kubík", Some(Kind::M3)),
            ("m²", Some(Kind::M2)),
            ("bm.", Some(Kind::M)),
            ("lfm", Some(Kind::M)),
            ("T", Some(Kind::T)),
            ("MT", Some(Kind::T)),
            ("to", Some(Kind::T)),
            ("KG", Some(Kind::Kg)),
            ("ks", Some(Kind::Pcs)),
            ("Stck", Some(Kind::Pcs)),
            ("kompl.", Some(Kind::Set)),
            ("psch", Some(Kind::Set)),
            ("PA", Some(Kind::Set)),
            ("item", Some(Kind::Set)),
            ("měsíc", Some(Kind::Month)),
            ("Wo.", Some(Kind::Week)),
            ("ha", Some(Kind::Hectare)),
            ("100 m2", Some(Kind::Are)),
            ("100 m²", Some(Kind::Are)),
            ("ar", Some(Kind::Are)),
            ("pár", Some(Kind::Pair)),
            ("tis. ks", Some(Kind::Thousand)),
            ("tis.ks", Some(Kind::Thousand)),
            ("1000 St.", Some(Kind::Thousand)),
            ("tis.", None),
            ("Hod.", Some(Kind::Hour)),
            ("MJ", None),
            ("m.j.", None),
            ("parsec", None),
            ("", None),
        ] {
            assert_eq!(Unit::read(raw).kind, kind, "{raw}");
        }
        assert!(Unit::read("m 3").bent && !Unit::read("m³").bent && !Unit::read("m3").bent);
        assert!(Unit::read("MJ").is_heading_word());
    }
}
