//! The tables of `rulesets/`: read once, never written to.
//!
//! Every row carries its source, edition and doubt. A new table is a new
//! file and a line in `FILES`; nothing else knows their names.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::audit::finding::RulesetName;
use crate::audit::finding::Severity;

/// Limiting values per exposure class.
#[derive(Debug, Deserialize)]
pub struct Ruleset {
    /// The short name an input asks for.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Which edition.
    pub edition: String,
    /// Where its values were read.
    pub source: String,
    /// Why they may be wrong.
    pub unsure: Option<String>,
    /// The gravest finding this table may give.
    pub at_most: Option<Severity>,
    /// The table to compare with.
    pub other: String,
    /// Why nothing can be said for 100 years.
    pub life_100: Option<String>,
    /// By how many strength classes 100 years raise the lowest one.
    #[serde(default)]
    pub life_100_steps: usize,
    /// The rows.
    #[serde(rename = "class")]
    pub rows: Vec<Limits>,
}

/// What one exposure class asks for.
#[derive(Debug, Deserialize)]
pub struct Limits {
    /// The exposure class.
    pub class: String,
    /// Lowest strength class.
    pub min_class: String,
    /// Highest water-cement ratio.
    pub max_w_c: Option<f64>,
    /// Lowest cement content.
    pub min_cement_kg_m3: Option<f64>,
    /// Lowest air content.
    pub min_air_percent: Option<f64>,
    /// Where this row was read; the file's source unless it says so.
    #[serde(default)]
    pub source: String,
    /// Edition of this row.
    #[serde(default)]
    pub edition: String,
    /// Why this row may be wrong.
    pub unsure: Option<String>,
    /// The gravest finding this row may give.
    pub at_most: Option<Severity>,
}

impl Ruleset {
    /// The table of this name; `en` for none and for an unknown one.
    pub fn named(name: Option<&str>) -> &'static Ruleset {
        let wanted = name.unwrap_or("en").trim().to_lowercase();
        RULESETS.iter().find(|ruleset| ruleset.id == wanted).unwrap_or(&RULESETS[0])
    }

    /// The row of a class.
    pub fn row(&self, class: &str) -> Option<&Limits> {
        self.rows.iter().find(|row| row.class == class)
    }

    /// How reports name it.
    pub fn title(&self) -> RulesetName {
        RulesetName {
            name: self.name.clone(),
            edition: self.edition.clone(),
            source: self.source.clone(),
            unsure: self.unsure.clone(),
        }
    }
}

const FILES: [&str; 3] = [
    include_str!("../../rulesets/en.toml"),
    include_str!("../../rulesets/cz.toml"),
    include_str!("../../rulesets/cz-rail.toml"),
];

static RULESETS: LazyLock<Vec<Ruleset>> = LazyLock::new(|| {
    let read = |text| {
        let mut ruleset: Ruleset = toml::from_str(text).expect("the embedded files are read by a test");
        for row in &mut ruleset.rows {
            inherit(&mut row.source, &ruleset.source);
            inherit(&mut row.edition, &ruleset.edition);
            row.unsure = row.unsure.take().or_else(|| ruleset.unsure.clone());
            row.at_most = row.at_most.or(ruleset.at_most);
        }
        ruleset
    };
    FILES.into_iter().map(read).collect()
});

fn inherit(own: &mut String, parent: &str) {
    if own.is_empty() {
        parent.clone_into(own);
    }
}

/// What all tables share.
#[derive(Debug, Deserialize)]
pub struct Shared {
    /// What each exposure class means.
    pub meaning: BTreeMap<String, String>,
    /// The strength classes there are.
    pub strength: Strengths,
    /// Limits of chemical attack.
    pub xa: Vec<Agent>,
    /// Other ways to state an agent.
    pub converted: Vec<Converted>,
    /// Concrete cover.
    pub cover: Cover,
    /// Steel content.
    pub rebar: Rebar,
    /// Formwork to concrete.
    pub formwork: FormworkRatio,
    /// Standards that no longer hold.
    pub obsolete: Vec<Obsolete>,
    /// Partial factors.
    pub safety: Safety,
    /// Pipes.
    pub pipe: Pipe,
    /// Currency and rates.
    pub money: Money,
}

/// Lists of strength classes, weakest first.
#[derive(Debug, Deserialize)]
pub struct Strengths {
    /// Where they are listed.
    pub source: String,
    /// Normal and heavy concrete.
    pub normal: Vec<String>,
    /// Light concrete.
    pub light: Vec<String>,
    /// National additions below the first.
    pub national: Vec<String>,
}

/// One aggressive agent and where its classes begin.
#[derive(Debug, Deserialize)]
pub struct Agent {
    /// What it is called.
    pub agent: String,
    /// The rule that reports it.
    pub rule: String,
    /// `groundwater` or `soil`.
    pub medium: String,
    /// The key of the input.
    pub field: String,
    /// Unit of the edges; empty for pH.
    pub unit: String,
    /// Start of XA1, end of XA1, of XA2, of XA3, as far as there are such.
    pub edges: Vec<f64>,
    /// Whether the last class has no end.
    #[serde(default)]
    pub open: bool,
    /// Whether smaller is worse.
    #[serde(default)]
    pub falling: bool,
    /// Whether the first edge itself is still harmless.
    #[serde(default)]
    pub above: bool,
    /// What to say of a value right at the first edge.
    pub edge_doubt: Option<String>,
    /// Values outside are no measurement.
    pub sane: Option<(f64, f64)>,
    /// Grams of one mole, for values in mmol/l.
    pub molar: Option<f64>,
    /// Where the limits stand.
    pub source: String,
}

/// The same agent as laboratories may state it otherwise, and what it must be multiplied with.
#[derive(Debug, Deserialize)]
pub struct Converted {
    /// As it is stated, "SO3".
    pub name: String,
    /// Its words in a text, folded.
    pub words: Vec<String>,
    /// The key of the input.
    pub field: String,
    /// The field of the agent that it is.
    pub of: String,
    /// The factor.
    pub factor: f64,
}

/// The table of concrete cover.
#[derive(Debug, Deserialize)]
pub struct Cover {
    /// Where it stands.
    pub source: String,
    /// Which edition.
    pub edition: String,
    /// Allowance for deviation.
    pub delta_dev_mm: f64,
    /// No cover is less, before the allowance.
    pub floor_mm: f64,
    /// Least nominal cover against blinding (k1).
    pub against_blinding_mm: f64,
    /// Least nominal cover against soil (k2).
    pub against_soil_mm: f64,
    /// Why those two may be wrong.
    pub ground_unsure: String,
    /// The exposure classes of each column.
    pub columns: Vec<Vec<String>>,
    /// Rows by structural class.
    pub c_min_dur_mm: BTreeMap<String, Vec<f64>>,
}

impl Cover {
    /// Least cover for durability; nothing for classes without a column (XF, XA).
    pub fn c_min_dur(&self, structural_class: &str, exposure: &str) -> Option<f64> {
        let column = self.columns.iter().position(|classes| classes.iter().any(|class| class == exposure))?;
        self.c_min_dur_mm.get(structural_class)?.get(column).copied()
    }
}

/// Usual steel contents.
#[derive(Debug, Deserialize)]
pub struct Rebar {
    /// Where they come from.
    pub source: String,
    /// Why they may be wrong.
    pub unsure: String,
    /// More steel than can be placed.
    pub impossible_kg_m3: f64,
    /// One row per element.
    pub row: Vec<SteelContent>,
}

/// Steel content of one kind of element, kg/m3.
#[derive(Debug, Deserialize)]
pub struct SteelContent {
    /// The element's id.
    pub element: String,
    /// A typical value.
    pub typical: f64,
    /// What is usual.
    pub usual: (f64, f64),
    /// Ask outside of this.
    pub warn: (f64, f64),
    /// Object outside of this.
    pub error: (f64, f64),
}

/// Usual square metres of formwork to a cubic metre of concrete.
#[derive(Debug, Deserialize)]
pub struct FormworkRatio {
    /// Where they come from.
    pub source: String,
    /// Why they may be wrong.
    pub unsure: String,
    /// Lowest and highest usual value, by element.
    pub ratio: BTreeMap<String, (f64, f64)>,
}

/// A standard that no longer holds.
#[derive(Debug, Deserialize)]
pub struct Obsolete {
    /// Words of its number, in order.
    pub words: Vec<String>,
    /// Only these years, if any are given.
    #[serde(default)]
    pub years: Vec<String>,
    /// What holds instead.
    pub instead: String,
    /// Where that is known from.
    pub source: String,
    /// Whether the successor says the same.
    #[serde(default)]
    pub minor: bool,
}

/// Partial factors for actions.
#[derive(Debug, Deserialize)]
pub struct Safety {
    /// Where they stand.
    pub source: String,
    /// Permanent actions.
    pub gamma_g: f64,
    /// Variable actions.
    pub gamma_q: f64,
    /// Reduction of 6.10b.
    pub xi: f64,
}

/// Standard dimension ratios of pipes.
#[derive(Debug, Deserialize)]
pub struct Pipe {
    /// What they mean.
    pub source: String,
    /// The ratios there are.
    pub sdr: Vec<f64>,
    /// Allowed relative difference.
    pub tolerance: f64,
}

/// Currency and rates when the input gives none.
#[derive(Debug, Deserialize)]
pub struct Money {
    /// Currency.
    pub currency: String,
    /// Indirect costs.
    pub indirect_percent: f64,
    /// Profit.
    pub profit_percent: f64,
    /// Value added tax.
    pub vat_percent: f64,
    /// Where the tax rates come from.
    pub source: String,
    /// Rates that exist, by currency.
    pub vat: BTreeMap<String, Vec<f64>>,
}

/// What all tables share.
pub fn shared() -> &'static Shared {
    static SHARED: LazyLock<Shared> = LazyLock::new(|| {
        toml::from_str(include_str!("../../rulesets/shared.toml"))
            .expect("the embedded file is read by a test")
    });
    &SHARED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_read_and_every_row_has_its_source() {
        assert_eq!(RULESETS.len(), FILES.len());
        for ruleset in RULESETS.iter() {
            assert!(ruleset.rows.iter().all(|row| !row.source.is_empty() && !row.edition.is_empty()));
            assert!(ruleset.rows.iter().all(|row| shared().strength.normal.contains(&row.min_class)));
            assert!(RULESETS.iter().any(|other| other.id == ruleset.other), "{}", ruleset.other);
        }
        assert_eq!(
            shared().cover.c_min_dur_mm.values().map(Vec::len).max(),
            Some(shared().cover.columns.len())
        );
        assert!(Ruleset::named(Some("cz")).row("XA2").unwrap().unsure.as_ref().unwrap().contains("this row"));
    }

    /// The tables as they are printed: class, then EN, then CZ: lowest class, w/c, cement, air.
    const PRINTED: &str = "\
        X0   C12/15 - - -          C12/15 - - -
        XC1  C20/25 0.65 260 -     C16/20 0.65 260 -
        XC2  C25/30 0.60 280 -     C16/20 0.60 280 -
        XC3  C30/37 0.55 280 -     C20/25 0.55 280 -
        XC4  C30/37 0.50 300 -     C25/30 0.50 300 -
        XS1  C30/37 0.50 300 -     C30/37 0.50 300 -
        XS2  C35/45 0.45 320 -     C35/45 0.45 320 -
        XS3  C35/45 0.45 340 -     C35/45 0.45 340 -
        XD1  C30/37 0.55 300 -     C25/30 0.55 300 -
        XD2  C30/37 0.55 300 -     C25/30 0.55 300 -
        XD3  C35/45 0.45 320 -     C30/37 0.45 320 -
        XF1  C30/37 0.55 300 -     C25/30 0.55 300 -
        XF2  C25/30 0.55 300 4     C25/30 0.55 300 4
        XF3  C30/37 0.50 320 4     C25/30 0.50 320 4
        XF4  C30/37 0.45 340 4     C30/37 0.45 340 4
        XA1  C30/37 0.55 300 -     C25/30 0.55 300 -
        XA2  C30/37 0.50 320 -     C25/30 0.50 320 -
        XA3  C35/45 0.45 360 -     C30/37 0.45 360 -";

    #[test]
    fn every_value_is_the_printed_one() {
        for line in PRINTED.lines() {
            let cells: Vec<&str> = line.split_whitespace().collect();
            for (ruleset, printed) in [("en", &cells[1..5]), ("cz", &cells[5..9])] {
                let row = Ruleset::named(Some(ruleset)).row(cells[0]).unwrap();
                let number = |at: usize| printed[at].parse::<f64>().ok();
                assert_eq!(row.min_class, printed[0], "{ruleset} {line}");
                let values = (row.max_w_c, row.min_cement_kg_m3, row.min_air_percent);
                assert_eq!(values, (number(1), number(2), number(3)), "{ruleset} {line}");
            }
        }
    }

    #[test]
    fn values_often_mistaken_are_right() {
        let en = Ruleset::named(None);
        for (class, min_class, w_c, cement) in [
            ("XC2", "C25/30", 0.60, 280.0),
            ("XC3", "C30/37", 0.55, 280.0),
            ("XC4", "C30/37", 0.50, 300.0),
            ("XD3", "C35/45", 0.45, 320.0),
            ("XS2", "C35/45", 0.45, 320.0),
            ("XF2", "C25/30", 0.55, 300.0),
        ] {
            let row = en.row(class).unwrap();
            assert_eq!(
                (row.min_class.as_str(), row.max_w_c, row.min_cement_kg_m3),
                (min_class, Some(w_c), Some(cement))
            );
        }
        assert_eq!(shared().cover.c_min_dur("S4", "XC4"), Some(30.0));
        assert_eq!(shared().cover.c_min_dur("S6", "XS3"), Some(55.0));
        assert_eq!(shared().cover.c_min_dur("S4", "XF4"), None);
    }
}
