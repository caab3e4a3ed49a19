//! Walks a TOML table key by key and collects what is wrong with it.
//!
//! Take every key a table may have, then [`Reader::finish`]: what is left over
//! is unknown, and told with the nearest key that was asked for.

use std::borrow::Cow;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Number;
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use super::Fault;
use super::Faults;
use super::Source;

/// A TOML table that is being read.
#[derive(Debug)]
pub struct Reader<'s> {
    source: &'s Source,
    faults: &'s Faults,
    /// As the person wrote it, `[limits]`; empty at the top.
    section: String,
    span: Range<usize>,
    entries: Vec<(Spanned<String>, Spanned<DeValue<'s>>)>,
    known: Vec<String>,
}

impl<'s> Reader<'s> {
    /// Longest duration a file may give.
    pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

    /// The top of a file. Text that is not TOML is one fault.
    pub fn open(source: &'s Source, faults: &'s Faults) -> Option<Reader<'s>> {
        match DeTable::parse(&source.text) {
            Ok(table) => Some(Reader::of(source, faults, String::new(), 0..0, table.into_inner())),
            Err(error) => {
                let message = error.message().lines().collect::<Vec<_>>().join(", ");
                faults.add(source.fault(error.span().unwrap_or(0..0), format!("not TOML: {message}")));
                None
            }
        }
    }

    fn of(
        source: &'s Source,
        faults: &'s Faults,
        section: String,
        span: Range<usize>,
        table: DeTable<'s>,
    ) -> Reader<'s> {
        let owned =
            |key: Spanned<std::borrow::Cow<'s, str>>| Spanned::new(key.span(), key.into_inner().into_owned());
        let mut entries: Vec<_> = table.into_iter().map(|(key, value)| (owned(key), value)).collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        Reader { source, faults, section, span, entries, known: Vec::new() }
    }

    /// The file it reads.
    pub fn source(&self) -> &'s Source {
        self.source
    }

    /// Where its table stands.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The keys not yet taken, in the order of the file.
    pub fn keys(&self) -> Vec<Spanned<String>> {
        self.entries.iter().map(|(key, _)| key.clone()).collect()
    }

    /// How faults name this table from now on.
    pub fn rename(&mut self, section: impl Into<String>) {
        self.section = section.into();
    }

    /// Adds a fault at these bytes of the file.
    pub fn fault(&self, span: Range<usize>, message: impl Into<String>) {
        self.add(self.source.fault(span, message));
    }

    /// Adds a fault.
    pub fn add(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Adds a fault for each of these keys that the table lacks. Call it before taking them.
    pub fn require(&self, keys: &[&str]) {
        for key in keys.iter().filter(|key| !self.entries.iter().any(|(name, _)| name.get_ref() == **key)) {
            let message = format!("missing key \"{key}\"{}", self.place());
            if self.span.is_empty() {
                self.add(Fault::of_file(&self.source.file, message));
            } else {
                self.fault(self.span.clone(), message);
            }
        }
    }

    /// Any value.
    pub fn take(&mut self, key: &str) -> Option<Spanned<DeValue<'s>>> {
        if !self.known.iter().any(|known| known == key) {
            self.known.push(key.to_owned());
        }
        let at = self.entries.iter().position(|(name, _)| name.get_ref() == key)?;
        Some(self.entries.remove(at).1)
    }

    /// A text.
    pub fn take_text(&mut self, key: &str) -> Option<Spanned<String>> {
        let value = self.take(key)?;
        self.text(&value)
    }

    /// Any value as JSON; a date is a text.
    pub fn take_json(&mut self, key: &str) -> Option<Spanned<Json>> {
        let value = self.take(key)?;
        let json = json(value.get_ref());
        if json.is_none() {
            self.expected(&value, "a value that JSON has as well");
        }
        json.map(|json| Spanned::new(value.span(), json))
    }

    /// Adds a fault about JSON of the wrong kind.
    pub fn expected_json(&self, value: &Spanned<Json>, what: &str) {
        let written = self.source.text.get(value.span()).filter(|text| text.len() <= 60);
        self.fault(value.span(), format!("expected {what}, found {}", written.unwrap_or("something else")));
    }

    /// A text as the type it stands for.
    pub fn take_parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, key: &str) -> Option<Spanned<T>> {
        let text = self.take_text(key)?;
        self.parsed(&text)
    }

    /// A list of texts.
    pub fn take_texts(&mut self, key: &str) -> Option<Spanned<Vec<Spanned<String>>>> {
        let value = self.take(key)?;
        let Some(list) = value.get_ref().as_array() else {
            self.expected(&value, "a list of texts");
            return None;
        };
        let texts = list.iter().filter_map(|item| self.text(item)).collect();
        Some(Spanned::new(value.span(), texts))
    }

    /// One of these words.
    pub fn take_word<T: Clone>(&mut self, key: &str, words: &[(&str, T)]) -> Option<Spanned<T>> {
        let text = self.take_text(key)?;
        let found = words.iter().find(|(word, _)| word == text.get_ref());
        if found.is_none() {
            let list = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            let kind = if words.len() == 1 { "expected" } else { "expected one of" };
            let fault = self.source.fault(text.span(), format!("{kind} {list}, found {:?}", text.get_ref()));
            self.add(fault.suggest(text.get_ref(), words.iter().map(|(word, _)| *word)));
        }
        found.map(|(_, value)| Spanned::new(text.span(), value.clone()))
    }

    /// `true` or `false`.
    pub fn take_bool(&mut self, key: &str) -> Option<Spanned<bool>> {
        self.take_as(key, "true or false", DeValue::as_bool)
    }

    /// A number, whole or not.
    pub fn take_number(&mut self, key: &str) -> Option<Spanned<f64>> {
        self.take_as(key, "a number", |value| match value {
            DeValue::Integer(_) => whole(value).map(|number| number as f64),
            DeValue::Float(number) => number.as_str().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        })
    }

    /// A whole number from 0.
    pub fn take_count(&mut self, key: &str) -> Option<Spanned<u64>> {
        self.take_as(key, "a whole number", |value| u64::try_from(whole(value)?).ok())
    }

    /// A duration, 0 included.
    pub fn take_duration(&mut self, key: &str) -> Option<Spanned<Duration>> {
        let read = self.take_any_duration(key)?;
        if *read.get_ref() > Reader::LONGEST {
            self.fault(read.span(), "longer than 7 days");
            return None;
        }
        Some(read)
    }

    /// How long something is kept: longer than 0, at most a century.
    pub fn take_retention(&mut self, key: &str) -> Option<Spanned<Duration>> {
        let read = self.take_any_duration(key)?;
        match *read.get_ref() {
            Duration::ZERO => self.fault(read.span(), format!("\"{key}\" must be longer than 0")),
            long if long > CENTURY => self.fault(read.span(), "longer than 36525 days"),
            _ => return Some(read),
        }
        None
    }

    fn take_any_duration(&mut self, key: &str) -> Option<Spanned<Duration>> {
        let value = self.take(key)?;
        let read = value.get_ref().as_str().and_then(duration);
        if read.is_none() {
            self.expected_duration(&value);
        }
        read.map(|read| Spanned::new(value.span(), read))
    }

    /// A duration longer than 0.
    pub fn take_clock(&mut self, key: &str) -> Option<Spanned<Duration>> {
        let clock = self.take_duration(key)?;
        if clock.get_ref().is_zero() {
            self.fault(clock.span(), format!("\"{key}\" must be longer than 0"));
            return None;
        }
        Some(clock)
    }

    /// A table.
    pub fn take_table(&mut self, key: &str) -> Option<Reader<'s>> {
        let value = self.take(key)?;
        self.table(key, value)
    }

    /// The table that a value of this table, taken as any value, is.
    pub fn table(&self, key: &str, value: Spanned<DeValue<'s>>) -> Option<Reader<'s>> {
        let section = format!("[{}]", self.path(key));
        self.child(value, section)
    }

    /// A list of tables, `[[key]]` or inline.
    pub fn take_tables(&mut self, key: &str) -> Option<Vec<Reader<'s>>> {
        let value = self.take(key)?;
        if !value.get_ref().is_array() {
            self.expected(&value, &format!("a list of tables, [[{key}]]"));
            return None;
        }
        let DeValue::Array(list) = value.into_inner() else { return None };
        let section = format!("[[{}]]", self.path(key));
        Some(list.into_iter().filter_map(|item| self.child(item, section.clone())).collect())
    }

    /// Adds a fault for every key that was not taken.
    pub fn finish(mut self) {
        self.known.sort();
        for (key, _) in &self.entries {
            let message = format!("unknown key \"{}\"{}", key.get_ref(), self.place());
            let fault = self.source.fault(key.span(), message);
            self.add(
                fault
                    .suggest(key.get_ref(), self.known.iter().map(String::as_str))
                    .note(format!("known keys: {}", self.known.join(", "))),
            );
        }
    }

    /// A text as the type it stands for.
    pub fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, text: &Spanned<String>) -> Option<Spanned<T>> {
        match text.get_ref().parse() {
            Ok(value) => Some(Spanned::new(text.span(), value)),
            Err(error) => {
                self.fault(text.span(), error.to_string());
                None
            }
        }
    }

    /// Adds a fault about a value of the wrong kind.
    pub fn expected(&self, value: &Spanned<DeValue<'_>>, what: &str) {
        self.fault(value.span(), format!("expected {what}, found {}", self.found(value)));
    }

    fn text(&self, value: &Spanned<DeValue<'s>>) -> Option<Spanned<String>> {
        let Some(text) = value.get_ref().as_str() else {
            self.expected(value, "a text");
            return None;
        };
        Some(Spanned::new(value.span(), text.to_owned()))
    }

    fn take_as<T>(
        &mut self,
        key: &str,
        what: &str,
        read: impl FnOnce(&DeValue<'s>) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let value = self.take(key)?;
        let read = read(value.get_ref());
        if read.is_none() {
            self.expected(&value, what);
        }
        read.map(|read| Spanned::new(value.span(), read))
    }

    fn expected_duration(&self, value: &Spanned<DeValue<'_>>) {
        let what = "a duration such as \"30s\" or \"2m\"";
        let fault = self.source.fault(value.span(), format!("expected {what}, found {}", self.found(value)));
        self.add(match whole(value.get_ref()) {
            Some(number) if number > 0 => fault.help(format!("write \"{number}s\"")),
            _ => fault,
        });
    }

    fn child(&self, value: Spanned<DeValue<'s>>, section: String) -> Option<Reader<'s>> {
        if !value.get_ref().is_table() {
            self.expected(&value, "a table");
            return None;
        }
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else { return None };
        Some(Reader::of(self.source, self.faults, section, span, table))
    }

    fn place(&self) -> String {
        if self.section.is_empty() { String::new() } else { format!(" in {}", self.section) }
    }

    fn path(&self, key: &str) -> String {
        match self.section.trim_matches(['[', ']']) {
            "" => key.to_owned(),
            above => format!("{above}.{key}"),
        }
    }

    /// The value as written where it is short, else its kind.
    fn found(&self, value: &Spanned<DeValue<'_>>) -> String {
        let kind = match value.get_ref() {
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
            DeValue::String(text) if text.is_empty() => "an empty text",
            scalar => match self.source.text.get(value.span()) {
                Some(text) if text.len() <= 60 && !text.contains('\n') => text,
                _ => scalar.type_str(),
            },
        };
        kind.to_owned()
    }
}

/// Neither infinite numbers nor those beyond 64 bits are JSON.
fn json(value: &DeValue<'_>) -> Option<Json> {
    Some(match value {
        DeValue::String(text) => Json::from(text.as_ref()),
        DeValue::Integer(_) => Json::from(whole(value)?),
        DeValue::Float(number) => Json::Number(Number::from_f64(number.as_str().parse().ok()?)?),
        DeValue::Boolean(truth) => Json::from(*truth),
        DeValue::Datetime(time) => Json::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect::<Option<_>>()?,
        DeValue::Table(entries) => {
            // In the order of the file, not of the alphabet.
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| key.span().start);
            let entry = |(key, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
                Some((key.get_ref().to_string(), json(value.get_ref())?))
            };
            Json::Object(entries.into_iter().map(entry).collect::<Option<_>>()?)
        }
    })
}

fn whole(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A hundred years.
const CENTURY: Duration = Duration::from_secs(36_525 * 24 * 3600);

/// `"30s"`, `"500ms"`, `"2m"`, `"1h"`, `"90d"`, `"0.5s"`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 24.0 * 3600.0,
        _ => return None,
    };
    let plain = number.starts_with(|c: char| c.is_ascii_digit()) && !number.ends_with('.');
    let seconds = number.parse::<f64>().ok().filter(|_| plain)? * unit;
    // Past any limit the exact length no longer matters, and must not overflow.
    let seconds = seconds.min(CENTURY.as_secs_f64() * 2.0);
    Some(Duration::from_micros((seconds * 1e6).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let good = [
            ("30s", 30_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0.5s", 500),
            ("0s", 0),
            ("2d", 172_800_000),
        ];
        for (text, ms) in good {
            assert_eq!(duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in
            ["", "s", "30", "30 s", " 30s", "-1s", "1w", "1.s", ".5s", "1.2.3s", "1e3s", "infs", "١s", "30S"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
        let long = format!("{}h", "9".repeat(400));
        assert!(duration(&long).is_none_or(|long| long > Reader::LONGEST));
    }

    #[test]
    fn what_is_not_taken_is_unknown() {
        let text = "a = 1\n[limits]\nper_call = 30\nidel = \"1s\"\n".to_owned();
        let source = Source { file: "c.toml".to_owned(), text };
        let faults = Faults::default();
        let mut top = Reader::open(&source, &faults).unwrap();
        assert_eq!(top.take_count("a").map(Spanned::into_inner), Some(1));
        let mut limits = top.take_table("limits").unwrap();
        assert_eq!(limits.take_clock("per_call").map(Spanned::into_inner), None);
        assert!(limits.take_clock("idle").is_none());
        limits.require(&["overall"]);
        limits.finish();
        top.finish();
        let shown: Vec<String> = faults.into_vec().iter().map(Fault::to_string).collect();
        assert_eq!(
            shown,
            [
                "error: missing key \"overall\" in [limits]\n  --> c.toml:2:1\n   |\n 2 | [limits]\n   | ^^^^^^^^",
                "error: expected a duration such as \"30s\" or \"2m\", found 30\n  --> c.toml:3:12\n   |\n 3 | per_call = 30\n   |            ^^ write \"30s\"",
                "error: unknown key \"idel\" in [limits]\n  --> c.toml:4:1\n   |\n 4 | idel = \"1s\"\n   | ^^^^ did you mean \"idle\"?\n   = known keys: idle, per_call",
            ]
        );
    }
}
