//! The clocks that a panel and its queries write, with their places.

use std::time::Duration;

use toml::Spanned;

use crate::fault::Faults;
use crate::fault::Source;
use crate::fault::reader::Reader;
use crate::panel::Limits;
use crate::panel::Scope;

/// The clocks of a table.
#[derive(Default)]
pub(super) struct Clocks {
    connect: Option<Spanned<Duration>>,
    first_content: Option<Spanned<Duration>>,
    idle: Option<Spanned<Duration>>,
    per_call: Option<Spanned<Duration>>,
    per_query: Option<Spanned<Duration>>,
    /// What the file calls `per_query`.
    per_query_key: &'static str,
    overall: Option<Spanned<Duration>>,
    scope: Scope,
}

impl Clocks {
    /// `[limits]`.
    pub(super) fn of_panel(mut table: Reader<'_>) -> Clocks {
        let scopes = [("any", Scope::Any), ("remote", Scope::Remote)];
        let clocks = Clocks {
            connect: table.take_clock("connect"),
            first_content: table.take_clock("first_content"),
            idle: table.take_clock("idle"),
            per_call: table.take_clock("per_call"),
            per_query: table.take_clock("per_query"),
            per_query_key: "per_query",
            overall: table.take_clock("overall"),
            scope: table.take_word("scope", &scopes).map(Spanned::into_inner).unwrap_or_default(),
        };
        table.finish();
        clocks
    }

    /// A query calls its own `per_query` its `timeout`; its clocks are meant for what the panel's are.
    pub(super) fn of_query(table: &mut Reader<'_>, panel: &Clocks) -> Clocks {
        Clocks {
            first_content: table.take_clock("first_content"),
            idle: table.take_clock("idle"),
            per_call: table.take_clock("per_call"),
            per_query: table.take_clock("timeout"),
            per_query_key: "timeout",
            scope: panel.scope,
            ..Clocks::default()
        }
    }

    /// The same without places.
    pub(super) fn limits(&self) -> Limits {
        let value = |clock: &Option<Spanned<Duration>>| clock.as_ref().map(|clock| *clock.get_ref());
        Limits {
            connect: value(&self.connect),
            first_content: value(&self.first_content),
            idle: value(&self.idle),
            per_call: value(&self.per_call),
            per_query: value(&self.per_query),
            overall: value(&self.overall),
            scope: self.scope,
        }
    }

    /// connect < first_content <= per_query <= overall, as far as they are written here or `above`.
    /// Of two neighbours one must be written here: the others were checked where they stand.
    pub(super) fn check_order(&self, above: &Clocks, source: &Source, faults: &Faults) {
        let per_query = if self.per_query.is_some() { self.per_query_key } else { above.per_query_key };
        let chain = [
            ("connect", &self.connect, &above.connect),
            ("first_content", &self.first_content, &above.first_content),
            (per_query, &self.per_query, &above.per_query),
            ("overall", &self.overall, &above.overall),
        ];
        let mut shorter: Option<(&str, &Spanned<Duration>, bool)> = None;
        for (name, own, inherited) in chain {
            let Some(clock) = own.as_ref().or(inherited.as_ref()) else { continue };
            if let Some((below, short, short_is_own)) =
                shorter.filter(|(_, _, is_own)| *is_own || own.is_some())
            {
                let (low, high) = (*short.get_ref(), *clock.get_ref());
                if low > high || (low == high && below == "connect") {
                    let span = if short_is_own { short.span() } else { clock.span() };
                    let message =
                        format!("{below} ({low:?}) must be {} than {name} ({high:?})", order(below));
                    faults.add(source.fault(span, message));
                }
            }
            shorter = Some((name, clock, own.is_some()));
        }
    }
}

fn order(clock: &str) -> &'static str {
    if clock == "connect" { "shorter" } else { "no longer" }
}
