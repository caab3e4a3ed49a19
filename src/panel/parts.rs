//! A query whose list is too long for one prompt: asked in parts, each a query of its own.
//!
//! A panel says which list and how the parts' answers become one. Who runs it
//! says where the list is cut; [`Panel::in_parts`] is then the panel that runs.

use std::ops::Range;
use std::sync::Arc;

use crate::id::QueryName;
use crate::panel::Panel;
use crate::panel::Query;
use crate::panel::Title;
use crate::panel::rules::FieldRule;

/// What a panel says about asking a query in parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// What is cut.
    pub of: List,
    /// How the parts' answers become one; a field is a path with dots. What no rule names is filled from the
    /// first part that has it.
    pub join: Vec<FieldRule>,
}

/// A list that may be too long for one prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The bill as the checks read it.
    Positions,
}

impl Parts {
    /// Most parts of one query; what is beyond them is not sent.
    pub const MOST: usize = 8;

    /// The name of one part, counted from 1; nothing when it is too long for a name.
    pub fn name(of: &QueryName, nth: usize) -> Option<QueryName> {
        format!("{of}-{nth}").parse().ok()
    }
}

/// Which part of a query this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The query that the panel names.
    pub of: QueryName,
    /// Which part, from 1.
    pub nth: usize,
    /// Of how many.
    pub count: usize,
    /// Its rows of the list, counted from 0.
    pub rows: Range<usize>,
}

impl Query {
    /// The query that the panel names: itself, or what it is a part of.
    pub fn whole(&self) -> &QueryName {
        self.slice.as_ref().map_or(&self.name, |slice| &slice.of)
    }

    /// This query once for each of these pieces of its list; itself when there are fewer than two.
    pub fn in_parts(self: &Arc<Query>, cuts: &[Range<usize>]) -> Vec<Arc<Query>> {
        let cuts = &cuts[..cuts.len().min(Parts::MOST)];
        let part = |(nth, rows): (usize, &Range<usize>)| {
            let Title(titles) = &self.title;
            let title = |(language, title): (&String, &String)| {
                (language.clone(), format!("{title} ({nth}/{})", cuts.len()))
            };
            let (of, count, rows) = (self.name.clone(), cuts.len(), rows.clone());
            let mut query = Query::clone(self);
            query.name = Parts::name(&self.name, nth)?;
            query.title = Title(titles.iter().map(title).collect());
            query.slice = Some(Slice { of, nth, count, rows });
            Some(Arc::new(query))
        };
        let parts: Option<Vec<_>> = (1..).zip(cuts).map(part).collect();
        match (&self.parts, parts) {
            (Some(_), Some(parts)) if parts.len() > 1 => parts,
            _ => vec![Arc::clone(self)],
        }
    }
}

impl Panel {
    /// This panel with these parts in the places of their queries.
    pub fn in_parts(&self, parts: &[Arc<Query>]) -> Panel {
        let of = |query: &Arc<Query>| -> Vec<Arc<Query>> {
            let own = parts.iter().filter(|part| part.slice.is_some() && *part.whole() == query.name);
            let own: Vec<_> = own.cloned().collect();
            if own.is_empty() { vec![Arc::clone(query)] } else { own }
        };
        Panel { queries: self.queries.iter().flat_map(of).collect(), ..self.clone() }
    }
}
