//! In which mode a panel is asked, and why.

use serde::Deserialize;
use serde::Serialize;

use crate::id::ModeName;

/// The mode of a run, of a panel that has several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// Its name.
    pub mode: ModeName,
    /// Its title in the ask's language.
    pub title: String,
    /// Who chose it.
    pub chosen_by: ChosenBy,
    /// Why, in sentences, where the panel's rules chose it.
    pub reasons: Vec<String>,
}

/// Who chose the mode of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// Whoever asked.
    Caller,
    /// Nobody: it is the panel's default.
    Default,
    /// The panel's rules.
    Auto,
}
