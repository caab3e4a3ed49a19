//! What somebody said about a bill: each goes before what it looks like.

use crate::sheet::decimal::Decimal;
use crate::sheet::decode::Encoding;
use crate::sheet::delimited::Separator;
use crate::sheet::words::Role;

/// Corrections; what is absent is guessed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hints {
    /// The sheet's name.
    pub sheet: Option<String>,
    /// The row that heads the columns, from 1 as in the file; 0 where none does.
    pub header_row: Option<usize>,
    /// The decimal mark.
    pub decimal: Option<Decimal>,
    /// What separates cells.
    pub separator: Option<Separator>,
    /// How text is written as bytes.
    pub encoding: Option<Encoding>,
    /// Which column holds what: by heading, letters or number; `-` for none.
    pub columns: Vec<(Role, String)>,
    /// Whether hidden rows and columns are read.
    pub hidden: bool,
}

impl Hints {
    /// Reads a list such as `quantity:Menge,unit:D`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn columns(list: &str) -> Result<Vec<(Role, String)>, String> {
        list.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(Hints::column).collect()
    }

    /// Reads one of them; `=` serves as well.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn column(pair: &str) -> Result<(Role, String), String> {
        let (role, name) = pair
            .split_once([':', '='])
            .filter(|(_, name)| !name.trim().is_empty())
            .ok_or_else(|| format!("expected role:column such as quantity:E, found `{pair}`"))?;
        let role = Role::named(role.trim()).ok_or_else(|| {
            let known: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
            format!("no column can be `{}`; known are {}", role.trim(), known.join(", "))
        })?;
        Ok((role, name.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_by_role() {
        let read = Hints::columns("quantity:Výměra, unit=D,total:-").unwrap();
        assert_eq!(
            read,
            [(Role::Quantity, "Výměra".into()), (Role::Unit, "D".into()), (Role::TotalPrice, "-".into())]
        );
        for wrong in ["quantity", "quantity:", "amount:E", ":E"] {
            assert!(Hints::columns(wrong).is_err(), "{wrong}");
        }
    }
}
