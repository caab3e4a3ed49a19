//! The place of an answer that is not there, as a template sees it.
//!
//! It is false, holds nothing, and says in the panel's own words what is
//! missing wherever it, or a part of it, is printed. No fence stands around
//! it, so no answer can pass for one.

use std::fmt;
use std::sync::Arc;

use minijinja::Value as Jinja;
use minijinja::value::Enumerator;
use minijinja::value::Object;
use minijinja::value::ObjectRepr;

use crate::failure::Code;
use crate::id::QueryName;

/// An answer that is not there.
#[derive(Clone, Debug)]
pub struct Gap {
    query: QueryName,
    why: Code,
}

impl Gap {
    /// The gap that a query has left.
    pub fn value(query: &QueryName, why: Code) -> Jinja {
        Jinja::from_object(Gap { query: query.clone(), why })
    }
}

impl Object for Gap {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    /// Whatever a prompt looks for in the answer is missing as well.
    fn get_value(self: &Arc<Self>, _: &Jinja) -> Option<Jinja> {
        Some(Jinja::from_dyn_object(Arc::clone(self)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[answer of {} - no answer: {}]", self.query, self.why)
    }
}
